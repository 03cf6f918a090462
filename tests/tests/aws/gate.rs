//! What stands between a function and the stand-in for AWS: it says no where AWS would.
//!
//! The stand-in enforces no permissions, takes uploads that a locked bucket would refuse, reads no
//! condition of a bucket policy and knows no outbound federation. All of that is done here, from the
//! policies of the template itself; and it is where things go wrong on purpose.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use rollcall_http::{Exchange, reqwest_exchange};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tower::ServiceExt as _;

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const ISSUER: &str = "https://0e57.tokens.sts.global.api.aws.example";
pub(crate) const AUDIENCE: &str = "api://AzureADTokenExchange";
/// Who makes calls that are not of any function: the harness itself.
pub(crate) const HARNESS: &str = "testing";

/// One statement of a role's policy.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Statement {
    pub(crate) sid: String,
    pub(crate) actions: Vec<String>,
    pub(crate) resources: Vec<String>,
}

/// One statement of the evidence bucket's policy: what it refuses.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Deny {
    sid: String,
    actions: Vec<String>,
    resources: Vec<String>,
    not_resources: Vec<String>,
    /// Only writes that may replace something.
    unconditional: bool,
    /// Not these principals.
    but: Vec<String>,
}

/// Who may do what, and what the evidence bucket refuses.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Policies {
    /// By function; what people may do is under `operator`.
    pub(crate) allow: BTreeMap<String, Vec<Statement>>,
    roles: BTreeMap<String, String>,
    deny: Vec<Deny>,
}

/// The access key of somebody with the operator policy.
pub(crate) fn person(name: &str) -> String {
    format!("{PERSON}{name}")
}

const PERSON: &str = "person-";
const OPERATOR: &str = "operator";

/// What policies call `aws:userid` of a person or a function: role and session.
pub(crate) fn user_id(who: &str) -> String {
    let name = who.trim_start_matches(PERSON);
    format!("AROAOPERATORS:{name}@woodgrove.example")
}

/// Whose policy counts: the function's own, or that of people.
fn policy_of(who: &str) -> &str {
    if who.starts_with(PERSON) {
        OPERATOR
    } else {
        who
    }
}

/// Function, action, resource.
pub(crate) type Call = (String, String, String);

/// What happens at some call of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trap {
    /// Its process is killed before the call gets anywhere.
    KillBefore(u32),
    /// Its process is killed after the call was carried out.
    KillAfter(u32),
    /// The call is carried out, and the answer to it is lost.
    LoseAnswer,
}

#[derive(Clone)]
pub(crate) struct Gate(Arc<Inner>);

struct Inner {
    forward: Exchange,
    to: u16,
    policies: Policies,
    stack: String,
    evidence: String,
    refused: Mutex<Vec<String>>,
    traps: Mutex<BTreeMap<String, (u32, &'static str, Trap)>>,
    killed: Notify,
}

impl Gate {
    /// Stands on a port of its own; `to` is the stand-in's.
    pub(crate) async fn open(
        to: u16,
        policies: Policies,
        stack: &str,
        evidence: &str,
    ) -> (Self, u16) {
        let gate = Self(Arc::new(Inner {
            forward: reqwest_exchange(Duration::from_mins(1)).unwrap(),
            to,
            policies,
            stack: stack.to_owned(),
            evidence: evidence.to_owned(),
            refused: Mutex::default(),
            traps: Mutex::default(),
            killed: Notify::new(),
        }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = Router::new().fallback(pass).with_state(gate.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (gate, port)
    }

    /// At the `nth` call from now on (1 is the next) of a function that asks for something on a
    /// resource with `on` in its name; all calls where that is empty, else what is put there.
    pub(crate) fn trap(&self, function: &str, (nth, on): (u32, &'static str), trap: Trap) {
        let mut traps = self.0.traps.lock().unwrap();
        traps.insert(function.to_owned(), (nth, on, trap));
    }

    pub(crate) fn disarm(&self, function: &str) {
        self.0.traps.lock().unwrap().remove(function);
    }

    /// When a trap has killed a process.
    pub(crate) async fn killed(&self) {
        self.0.killed.notified().await;
    }

    /// What was refused.
    pub(crate) fn refused(&self) -> Vec<String> {
        self.0.refused.lock().unwrap().clone()
    }

    fn sprung(&self, function: &str, asked: &[(String, String)]) -> Option<Trap> {
        let mut traps = self.0.traps.lock().unwrap();
        let (left, on, trap) = traps.get_mut(function)?;
        let put = |action: &str| action == "s3:PutObject";
        let meant = |(action, resource): &(String, String)| {
            on.is_empty() || (put(action) && resource.contains(*on))
        };
        if !asked.iter().any(meant) {
            return None;
        }
        *left -= 1;
        if *left > 0 {
            return None;
        }
        let trap = *trap;
        traps.remove(function);
        Some(trap)
    }

    /// Whether a write that replaces nothing (`put_new`), or another call, is let through.
    pub(crate) fn allows(&self, who: &str, action: &str, resource: &str, put_new: bool) -> bool {
        let policies = &self.0.policies;
        let Some(statements) = policies.allow.get(policy_of(who)) else {
            return false;
        };
        let covers = |pattern: &String| {
            let pattern = pattern.replace("${aws:userid}", &user_id(who));
            matches(&pattern, resource)
        };
        let allowed = statements.iter().any(|statement| {
            statement.actions.iter().any(|a| a == action) && statement.resources.iter().any(covers)
        });
        // The policy is that of one bucket.
        let evidence = format!("arn:aws:s3:::{}/", self.0.evidence);
        let refuses = |deny: &Deny| {
            let excepted = policies
                .roles
                .get(who)
                .is_some_and(|r| deny.but.contains(r));
            let meant = deny.resources.iter().any(covers)
                || (!deny.not_resources.is_empty() && !deny.not_resources.iter().any(covers));
            let action = deny.actions.iter().any(|a| a == action);
            action && meant && !excepted && !(deny.unconditional && put_new)
        };
        let refused = policies.deny.iter().find(|deny| refuses(deny));
        if let Some(deny) = refused.filter(|_| resource.starts_with(&evidence)) {
            eprintln!("{}: {who} may not {action} on {resource}", deny.sid);
            return false;
        }
        allowed
    }

    async fn forward(
        &self,
        method: Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Response {
        let path = uri.path_and_query().map_or("/", |p| p.as_str());
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("http://127.0.0.1:{}{path}", self.0.to));
        for (name, value) in headers {
            if name != http::header::HOST && name != http::header::CONTENT_LENGTH {
                request = request.header(name, value);
            }
        }
        let request = request.body(body).unwrap();
        match self.0.forward.clone().oneshot(request).await {
            Ok(answer) => {
                let (mut parts, body) = answer.into_parts();
                parts.headers.remove(http::header::TRANSFER_ENCODING);
                Response::from_parts(parts, Body::from(body))
            }
            Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
        }
    }
}

/// Whether a pattern of a policy covers a resource.
pub(crate) fn matches(pattern: &str, resource: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| resource.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    for (n, part) in parts.iter().enumerate() {
        if n + 1 == parts.len() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty()
}

async fn pass(State(gate): State<Gate>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let (function, service) = signed(&parts.headers);
    if !gate.0.policies.allow.contains_key(policy_of(&function)) {
        // A person, or the harness itself: whatever they may do is not looked at here.
        let token = service == "sts" && body.starts_with(b"Action=GetWebIdentityToken");
        if token {
            return identity(HARNESS);
        }
        return gate
            .forward(parts.method, &parts.uri, &parts.headers, body)
            .await;
    }
    let asked = asked(&service, &parts.method, &parts.uri, &parts.headers, &body);
    let put_new = parts.headers.contains_key(http::header::IF_NONE_MATCH);
    for (action, resource) in &asked {
        // Who one is, one may always ask.
        let harmless = action == "sts:GetCallerIdentity";
        if !harmless && !gate.allows(&function, action, resource, put_new) {
            let text = format!("{function}: {action} on {resource}");
            gate.0.refused.lock().unwrap().push(text);
            return denied(&service);
        }
    }
    if service == "s3"
        && let Some(why) = gate.lock_refuses(&parts.method, &parts.uri, &parts.headers)
    {
        gate.0
            .refused
            .lock()
            .unwrap()
            .push(format!("{function}: {why}: {}", parts.uri));
        return error(StatusCode::BAD_REQUEST, "InvalidRequest", why);
    }
    let sprung = gate.sprung(&function, &asked);
    if let Some(Trap::KillBefore(pid)) = sprung {
        gate.kill(pid);
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    gate.let_through(&function, &asked);
    let is_asked = |what: &str| asked.iter().any(|(action, _)| action == what);
    let answer = if is_asked("sts:GetCallerIdentity") {
        caller(&function)
    } else if is_asked("sts:GetWebIdentityToken") {
        identity(&function)
    } else {
        gate.forward(parts.method, &parts.uri, &parts.headers, body)
            .await
    };
    match sprung {
        Some(Trap::KillAfter(pid)) => {
            gate.kill(pid);
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Some(Trap::LoseAnswer) => error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "lost"),
        Some(Trap::KillBefore(_)) | None => answer,
    }
}

/// Every call of a function that was let through at any gate, as if all stacks were one.
static CALLS: Mutex<BTreeSet<Call>> = Mutex::new(BTreeSet::new());

pub(crate) fn calls() -> BTreeSet<Call> {
    CALLS.lock().unwrap().clone()
}

impl Gate {
    fn let_through(&self, function: &str, asked: &[(String, String)]) {
        let stack = format!("{}-", self.0.stack);
        let mut calls = CALLS.lock().unwrap();
        for (action, resource) in asked {
            let resource = if resource.starts_with("arn:aws:secretsmanager") {
                "EvidenceKey".to_owned()
            } else {
                resource.replacen(&stack, "rollcall-", 1)
            };
            let resource = resource.replace(&user_id(function), "${aws:userid}");
            let who = policy_of(function).to_owned();
            calls.insert((who, action.clone(), resource));
        }
    }

    fn kill(&self, pid: u32) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        self.0.killed.notify_one();
    }

    /// What a bucket with a default retention refuses.
    fn lock_refuses(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Option<&'static str> {
        let path = uri.path().trim_start_matches('/');
        if !path.starts_with(&self.0.evidence) || method != Method::PUT {
            return None;
        }
        let checked = headers
            .keys()
            .any(|name| name.as_str().starts_with("x-amz-checksum-") || name == "content-md5");
        if !checked {
            return Some("Content-MD5 or a checksum is required with a retention period");
        }
        None
    }
}

/// Who signed, and for which service.
fn signed(headers: &HeaderMap) -> (String, String) {
    let header = headers
        .get(http::header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_else(|| panic!("a call without a signature"));
    let (_, scope) = header.split_once("Credential=").unwrap();
    let parts: Vec<&str> = scope.split(['/', ',']).collect();
    (parts[0].to_owned(), parts[3].to_owned())
}

/// What a call asks for, in the words of policies. Source: "Actions, resources, and condition keys"
/// of each service (Service Authorization Reference).
fn asked(
    service: &str,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Vec<(String, String)> {
    let target = || {
        let target = headers.get("x-amz-target").unwrap().to_str().unwrap();
        target.rsplit('.').next().unwrap().to_owned()
    };
    let json = || serde_json::from_slice::<Value>(body).unwrap();
    match service {
        "s3" => bucket_call(method, uri, body),
        "sqs" => {
            let body = json();
            let name = body["QueueName"].as_str().or_else(|| {
                let url = body["QueueUrl"].as_str()?;
                url.rsplit('/').next()
            });
            let arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", name.unwrap());
            let action = target();
            vec![(format!("sqs:{}", action.trim_end_matches("Batch")), arn)]
        }
        "secretsmanager" => {
            let id = json()["SecretId"].as_str().unwrap().to_owned();
            vec![(format!("secretsmanager:{}", target()), id)]
        }
        "sts" => {
            let text = String::from_utf8_lossy(body);
            let action = text.split('&').find_map(|f| f.strip_prefix("Action="));
            vec![(format!("sts:{}", action.unwrap()), "*".to_owned())]
        }
        other => panic!("a service that nobody thought of: {other}"),
    }
}

fn bucket_call(method: &Method, uri: &Uri, body: &[u8]) -> Vec<(String, String)> {
    let path = uri.path().trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let query = uri.query().unwrap_or_default();
    let object = |action: &str, key: &str| {
        (
            action.to_owned(),
            format!("arn:aws:s3:::{bucket}/{}", plain(key)),
        )
    };
    let has = |name: &str| query.split('&').any(|f| f.split('=').next() == Some(name));
    if key.is_empty() && *method == Method::GET {
        return vec![("s3:ListBucket".to_owned(), format!("arn:aws:s3:::{bucket}"))];
    }
    if key.is_empty() && *method == Method::POST && has("delete") {
        let text = String::from_utf8_lossy(body);
        let keys = text
            .split("<Key>")
            .skip(1)
            .filter_map(|k| k.split("</Key>").next());
        return keys.map(|key| object("s3:DeleteObject", key)).collect();
    }
    let action = if *method == Method::GET || *method == Method::HEAD {
        "s3:GetObject"
    } else if *method == Method::DELETE && has("uploadId") {
        "s3:AbortMultipartUpload"
    } else if *method == Method::DELETE {
        "s3:DeleteObject"
    } else if *method == Method::PUT || *method == Method::POST {
        "s3:PutObject"
    } else {
        panic!("{method} {uri}")
    };
    vec![object(action, key)]
}

/// A key without percent signs.
fn plain(key: &str) -> String {
    let mut parts = key.split('%');
    let mut out = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at(2);
        out.push(u8::from_str_radix(code, 16).unwrap());
        out.extend(rest.as_bytes());
    }
    String::from_utf8(out).unwrap()
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let xml = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    (status, [("content-type", "application/xml")], xml).into_response()
}

fn denied(service: &str) -> Response {
    match service {
        "s3" | "sts" => error(StatusCode::FORBIDDEN, "AccessDenied", "Access Denied"),
        _ => {
            let body = json!({"__type": "AccessDeniedException", "message": "not authorized"});
            (StatusCode::BAD_REQUEST, body.to_string()).into_response()
        }
    }
}

/// The subject of a function's tokens.
pub(crate) fn subject(function: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{function}")
}

/// Who somebody is, as `GetCallerIdentity` says it of a role's session.
fn caller(person: &str) -> Response {
    let id = user_id(person);
    let session = id.rsplit(':').next().unwrap();
    let xml = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <GetCallerIdentityResult><Arn>arn:aws:sts::{ACCOUNT}:assumed-role/operators/{session}</Arn>\
         <UserId>{id}</UserId><Account>{ACCOUNT}</Account></GetCallerIdentityResult>\
         <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>\
         </GetCallerIdentityResponse>"
    );
    ([("content-type", "text/xml")], xml).into_response()
}

/// A token as `GetWebIdentityToken` gives one ("Understanding token claims", IAM User Guide); its
/// signature is none.
fn identity(function: &str) -> Response {
    let now = jiff::Timestamp::now().as_second();
    let claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": subject(function), "iat": now, "exp": now + 300,
    });
    let header = json!({"alg": "RS256", "typ": "JWT"});
    let part = |value: &Value| base64url(value.to_string().as_bytes());
    let token = format!(
        "{}.{}.{}",
        part(&header),
        part(&claims),
        base64url(b"unsigned")
    );
    let xml = format!(
        "<GetWebIdentityTokenResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <GetWebIdentityTokenResult><WebIdentityToken>{token}</WebIdentityToken>\
         <Expiration>2100-01-01T00:00:00Z</Expiration></GetWebIdentityTokenResult>\
         <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>\
         </GetWebIdentityTokenResponse>"
    );
    ([("content-type", "text/xml")], xml).into_response()
}

fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let group = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for place in 0..=chunk.len() {
            let six = (group >> (18 - 6 * place)) & 0x3f;
            out.push(char::from(ALPHABET[six as usize]));
        }
    }
    out
}
