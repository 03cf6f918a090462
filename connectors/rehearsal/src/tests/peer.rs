//! A client without any manners: it sends what it is told to.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use jiff::Timestamp;
use rollcall_http::{Clock, Exchange, TransportError};
use serde_json::{Value as Json, json};
use tower::ServiceExt as _;

use crate::{Tenant, TenantOptions};

pub(super) const START: &str = "2026-03-16T02:00:00Z";

pub(super) struct Peer {
    pub(super) tenant: Tenant,
    pub(super) clock: Clock,
    exchange: Exchange,
    token: String,
}

pub(super) struct Got {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Json,
}

impl Got {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(super) fn seconds(&self) -> f64 {
        self.header("retry-after").unwrap().parse().unwrap()
    }

    /// Status and code of an error answer, after a look at its form.
    pub(super) fn error(&self) -> (u16, &str) {
        let error = &self.body["error"];
        let inner = &error["innerError"];
        assert_eq!(
            inner["request-id"].as_str(),
            self.header("request-id"),
            "{}",
            self.body
        );
        assert_eq!(
            inner["client-request-id"].as_str(),
            self.header("client-request-id")
        );
        assert_eq!(inner["date"].as_str().map(str::len), Some(19));
        assert!(error["message"].is_string());
        (self.status, error["code"].as_str().unwrap())
    }

    pub(super) fn id(&self) -> String {
        self.body["id"].as_str().unwrap().to_owned()
    }
}

/// A complete body of a create.
pub(super) fn user(name: &str) -> Json {
    json!({
        "accountEnabled": false,
        "displayName": format!("Test {name}"),
        "mailNickname": name,
        "userPrincipalName": format!("{name}@woodgrove.example"),
        "employeeId": format!("E-{name}"),
        "passwordProfile": {"password": "Rehearsal-1", "forceChangePasswordNextSignIn": true},
    })
}

impl Peer {
    pub(super) async fn new() -> Self {
        Self::open(TenantOptions::default()).await
    }

    /// Signed in to a tenant with these options.
    pub(super) async fn open(options: TenantOptions) -> Self {
        let start: Timestamp = START.parse().unwrap();
        let clock = Clock::starting_at(start);
        let tenant = Tenant::open(options.clone(), clock).unwrap();
        let mut peer = Self {
            exchange: tenant.exchange(),
            tenant,
            clock,
            token: String::new(),
        };
        peer.sign_in(&options).await;
        peer
    }

    pub(super) async fn sign_in(&mut self, options: &TenantOptions) {
        let got = self.form(&options.tenant_id, &form(options)).await;
        assert_eq!(got.status, 200, "{}", got.body);
        got.body["access_token"]
            .as_str()
            .unwrap()
            .clone_into(&mut self.token);
    }

    /// Waits, and signs in again: a token lives for an hour.
    pub(super) async fn after(&mut self, wait: Duration) {
        self.clock.sleep(wait).await;
        self.sign_in(&TenantOptions::default()).await;
    }

    /// A call of the token endpoint.
    pub(super) async fn form(&self, tenant: &str, form: &str) -> Got {
        let request = Request::post(format!(
            "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
        ))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from(form.to_owned()))
        .unwrap();
        self.raw(request).await.unwrap()
    }

    pub(super) async fn raw(&self, request: Request<Bytes>) -> Result<Got, TransportError> {
        let response = self.exchange.clone().oneshot(request).await?;
        let (parts, bytes) = response.into_parts();
        let body = if bytes.is_empty() {
            Json::Null
        } else {
            serde_json::from_slice(&bytes).unwrap()
        };
        Ok(Got {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        })
    }

    pub(super) fn request(
        &self,
        method: &str,
        target: &str,
        body: Option<&Json>,
    ) -> Request<Bytes> {
        let mut builder = Request::builder()
            .method(method)
            .uri(format!("https://graph.microsoft.com/v1.0{target}"))
            .header("authorization", format!("Bearer {}", self.token))
            .header("client-request-id", "11111111-2222-4333-8444-555555555555");
        if body.is_some() {
            builder = builder.header("content-type", "application/json; charset=utf-8");
        }
        let body = body.map(Json::to_string).unwrap_or_default();
        builder.body(Bytes::from(body)).unwrap()
    }

    /// A call with one more header.
    pub(super) async fn with_header(
        &self,
        (method, target): (&str, &str),
        body: Option<&Json>,
        (name, value): (&'static str, &str),
    ) -> Got {
        let mut request = self.request(method, target, body);
        request.headers_mut().insert(name, value.parse().unwrap());
        self.raw(request).await.unwrap()
    }

    /// A call that may break.
    pub(super) async fn try_send(
        &self,
        method: &str,
        target: &str,
        body: Option<&Json>,
    ) -> Result<Got, TransportError> {
        self.raw(self.request(method, target, body)).await
    }

    pub(super) async fn send(&self, method: &str, target: &str, body: Option<&Json>) -> Got {
        self.try_send(method, target, body).await.unwrap()
    }

    pub(super) async fn get(&self, target: &str) -> Got {
        self.send("GET", target, None).await
    }

    /// Creates a user and gives its id.
    pub(super) async fn create(&self, name: &str) -> String {
        let got = self.send("POST", "/users", Some(&user(name))).await;
        assert_eq!(got.status, 201, "{}", got.body);
        got.id()
    }

    pub(super) fn reference(id: &str) -> Json {
        json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/users/{id}")})
    }
}

/// The form that signs in.
pub(super) fn form(options: &TenantOptions) -> String {
    format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope=https%3A%2F%2F\
         graph.microsoft.com%2F.default",
        options.client_id, options.client_secret
    )
}
