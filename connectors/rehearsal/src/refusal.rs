//! How the tenant says no.
//!
//! Codes and messages: Microsoft Graph error responses (microsoft-graph-docs-contrib,
//! concepts/errors.md). Invariant: a message names properties and object ids, never values.

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

/// One entry of `details`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Detail {
    pub(crate) code: &'static str,
    pub(crate) target: String,
}

/// Which quota said no, and for how long.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Throttled {
    /// `x-ms-throttle-scope`.
    pub(crate) scope: String,
    /// `x-ms-throttle-information`.
    pub(crate) information: Option<&'static str>,
}

/// An error answer before it is written out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) details: Vec<Detail>,
    /// Seconds.
    pub(crate) retry_after: Option<f64>,
    pub(crate) throttled: Option<Box<Throttled>>,
    /// A header that only this refusal has.
    pub(crate) header: Option<Box<(&'static str, String)>>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: Vec::new(),
            retry_after: None,
            throttled: None,
            header: None,
        }
    }

    /// The request is wrong.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Request_BadRequest", message)
    }

    /// The value of a property is wrong; the property is named, the value is not.
    pub(crate) fn invalid(property: &str, why: &str) -> Self {
        let mut refusal = Self::bad(format!(
            "Invalid value specified for property '{property}' of resource 'User'. {why}"
        ));
        refusal.details = vec![Detail {
            code: "InvalidValue",
            target: property.to_owned(),
        }];
        refusal
    }

    /// The same of another kind of resource than users.
    #[must_use]
    pub(crate) fn of(mut self, resource: &str) -> Self {
        let named = format!("of resource '{resource}'.");
        self.message = self.message.replace("of resource 'User'.", &named);
        self
    }

    /// As Intune words it, which has codes of its own.
    #[must_use]
    pub(crate) fn by_intune(mut self) -> Self {
        self.code = match self.code {
            "Authorization_RequestDenied" => "Forbidden",
            "Request_BadRequest" | "Request_UnsupportedQuery" => "BadRequest",
            "Request_ResourceNotFound" => "ResourceNotFound",
            other => other,
        };
        self
    }

    /// The query cannot be answered.
    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Request_UnsupportedQuery", message)
    }

    /// No such object, or not replicated yet.
    pub(crate) fn not_found(id: Option<&str>) -> Self {
        let id = id.map(|id| format!(" '{id}'")).unwrap_or_default();
        Self::new(
            StatusCode::NOT_FOUND,
            "Request_ResourceNotFound",
            format!(
                "Resource{id} does not exist or one of its queried reference-property objects \
                 are not present."
            ),
        )
    }

    /// A permission is missing.
    pub(crate) fn denied() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )
    }

    /// The sign-in name is taken.
    pub(crate) fn name_taken() -> Self {
        Self::conflict("userPrincipalName")
    }

    /// Another object has the value of this property.
    pub(crate) fn conflict(property: &str) -> Self {
        let mut refusal = Self::bad(format!(
            "Another object with the same value for property {property} already exists."
        ));
        refusal.details = vec![Detail {
            code: "ObjectConflict",
            target: property.to_owned(),
        }];
        refusal
    }

    /// The path exists, the method does not.
    pub(crate) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "Request_BadRequest",
            "Specified HTTP method is not allowed for the request target.",
        )
    }

    /// The access token is missing, unknown or past its end.
    pub(crate) fn token(message: &str) -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "InvalidAuthenticationToken",
            message,
        )
    }

    /// The service is not well.
    pub(crate) fn unavailable(retry_after: Option<f64>) -> Self {
        let mut refusal = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "serviceNotAvailable",
            "The service is temporarily unavailable.",
        );
        refusal.retry_after = retry_after;
        refusal
    }

    /// A quota is exhausted.
    pub(crate) fn throttled(retry_after: f64, throttled: Throttled) -> Self {
        let mut refusal = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyRequests",
            "Too many requests. Please try again later.",
        );
        refusal.retry_after = Some(retry_after);
        refusal.throttled = Some(Box::new(throttled));
        refusal
    }

    /// Graph's error body.
    pub(crate) fn body(&self, request_id: &str, client_request_id: &str, now: Timestamp) -> Json {
        let mut error = json!({
            "code": self.code,
            "message": self.message,
            "innerError": {
                "date": now.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
                "request-id": request_id,
                "client-request-id": client_request_id,
            },
        });
        if !self.details.is_empty() {
            let details = self.details.iter().map(
                |detail| json!({"code": detail.code, "message": self.message, "target": detail.target}),
            );
            error["details"] = Json::Array(details.collect());
        }
        json!({ "error": error })
    }
}
