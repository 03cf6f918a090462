//! Error answers in Graph's shape, reduced to codes and to a situation that callers act on.
//!
//! The directory tells some situations apart only by the wording of a message; those wordings
//! are in one table below, with a test per row, and are read nowhere else. Invariant: no text of
//! the body is kept, only codes that look like codes.

use serde::Deserialize;
use serde_json::Value;

use crate::Retry;

/// What an error answer means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Situation {
    /// Another object has the same sign-in name.
    NameTaken,
    /// Another object has the same value of another unique property.
    ValueTaken,
    /// The reference or membership exists already.
    AlreadyMember,
    /// A licence before the usage location is set or visible.
    UsageLocation,
    /// No seat of the licence is left.
    NoSeats,
    /// The licence has a service that excludes one of another licence.
    PlanConflict,
    /// The object, or one that the request refers to, is gone or not replicated yet.
    NotFound,
    /// The access token is expired or not accepted.
    TokenInvalid,
    /// A missing permission, or the object is an administrator.
    Denied,
    /// Somebody else changed the object at the same time.
    Conflict,
    /// A quota is exhausted.
    Throttled,
    /// The service is not well; the same request may work later.
    Transient,
    /// An earlier item of the batch failed.
    Dependency,
    /// The tenant wants somebody to consent to this very request first.
    ApprovalRequired,
    /// Anything else: the request itself is wrong.
    Refused,
}

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the peer answered {status} ({code})")]
pub struct Fault {
    /// HTTP status.
    pub status: u16,
    /// The deepest code that is known, else the outermost one; `http_<status>` without any.
    pub code: String,
    /// Codes of `details`.
    pub details: Vec<String>,
    /// What it means.
    pub situation: Situation,
    /// Of [`Situation::ApprovalRequired`]: the tenant's code for the request (`x-msft-approval-code`).
    pub approval: Option<Box<str>>,
}

/// One row of the table: all conditions that are given must hold; the first row that fits counts.
struct Known {
    status: Option<u16>,
    code: Option<&'static str>,
    detail: Option<&'static str>,
    /// Part of the message, in lower case.
    wording: Option<&'static str>,
    situation: Situation,
}

const ANY: Known = Known {
    status: None,
    code: None,
    detail: None,
    wording: None,
    situation: Situation::Refused,
};

/// Sources: microsoft-graph-docs-contrib concepts/errors.md for codes and statuses; the wordings
/// are those the directory is known to use.
const KNOWN: &[Known] = &[
    Known {
        status: Some(400),
        wording: Some("same value for property userprincipalname"),
        situation: Situation::NameTaken,
        ..ANY
    },
    Known {
        status: Some(400),
        wording: Some("another object with the same value for property"),
        situation: Situation::ValueTaken,
        ..ANY
    },
    Known {
        status: Some(400),
        detail: Some("ObjectConflict"),
        situation: Situation::NameTaken,
        ..ANY
    },
    Known {
        status: Some(400),
        wording: Some("added object references already exist"),
        situation: Situation::AlreadyMember,
        ..ANY
    },
    Known {
        status: Some(400),
        wording: Some("usage location"),
        situation: Situation::UsageLocation,
        ..ANY
    },
    Known {
        status: Some(400),
        detail: Some("CountViolation"),
        situation: Situation::NoSeats,
        ..ANY
    },
    Known {
        status: Some(400),
        wording: Some("does not have any available licenses"),
        situation: Situation::NoSeats,
        ..ANY
    },
    Known {
        status: Some(400),
        detail: Some("MutuallyExclusiveViolation"),
        situation: Situation::PlanConflict,
        ..ANY
    },
    Known {
        status: Some(400),
        wording: Some("are mutually exclusive"),
        situation: Situation::PlanConflict,
        ..ANY
    },
    Known {
        status: Some(400),
        wording: Some("conflicts with service plan"),
        situation: Situation::PlanConflict,
        ..ANY
    },
    Known {
        status: Some(400),
        wording: Some("reference-property objects are not present"),
        situation: Situation::NotFound,
        ..ANY
    },
    Known {
        status: Some(400),
        code: Some("Request_ResourceNotFound"),
        situation: Situation::NotFound,
        ..ANY
    },
    Known {
        status: Some(401),
        situation: Situation::TokenInvalid,
        ..ANY
    },
    Known {
        code: Some("ApprovalRequired"),
        situation: Situation::ApprovalRequired,
        ..ANY
    },
    Known {
        status: Some(403),
        situation: Situation::Denied,
        ..ANY
    },
    Known {
        status: Some(404),
        situation: Situation::NotFound,
        ..ANY
    },
    Known {
        status: Some(409),
        situation: Situation::Conflict,
        ..ANY
    },
    Known {
        status: Some(412),
        situation: Situation::Conflict,
        ..ANY
    },
    Known {
        status: Some(424),
        situation: Situation::Dependency,
        ..ANY
    },
    Known {
        status: Some(429),
        situation: Situation::Throttled,
        ..ANY
    },
    Known {
        status: Some(500),
        situation: Situation::Transient,
        ..ANY
    },
    Known {
        status: Some(502),
        situation: Situation::Transient,
        ..ANY
    },
    Known {
        status: Some(503),
        situation: Situation::Transient,
        ..ANY
    },
    Known {
        status: Some(504),
        situation: Situation::Transient,
        ..ANY
    },
    Known {
        status: Some(509),
        situation: Situation::Transient,
        ..ANY
    },
];

/// Codes that say more than the ones around them.
const CODES: &[&str] = &[
    "activityLimitReached",
    "ApprovalRequired",
    "Authorization_RequestDenied",
    "generalException",
    "InvalidAuthenticationToken",
    "NotImplemented",
    "Request_BadRequest",
    "Request_ResourceNotFound",
    "Request_UnsupportedQuery",
    "resyncRequired",
    "serviceNotAvailable",
    "syncStateNotFound",
    "TooManyRequests",
];

#[derive(Deserialize, Default)]
struct Body {
    #[serde(default)]
    error: Outer,
}

#[derive(Deserialize, Default)]
struct Outer {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: Option<Vec<Detail>>,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(default)]
    code: String,
}

impl Fault {
    /// Reads an error answer. A body that is not in Graph's shape leaves the status alone.
    pub fn read(status: u16, body: &[u8]) -> Self {
        Self::from_outer(
            status,
            &serde_json::from_slice::<Body>(body)
                .unwrap_or_default()
                .error,
        )
    }

    /// The same for a body that is JSON already, as in the items of a batch.
    pub fn from_value(status: u16, body: &Value) -> Self {
        Self::from_outer(status, &Body::deserialize(body).unwrap_or_default().error)
    }

    fn from_outer(status: u16, error: &Outer) -> Self {
        let code = deepest_known(&error.rest)
            .or_else(|| code_like(&error.code))
            .unwrap_or_else(|| format!("http_{status}"));
        let details: Vec<String> = error
            .details
            .iter()
            .flatten()
            .filter_map(|d| code_like(&d.code))
            .collect();
        let message = error.message.to_lowercase();
        let situation = KNOWN
            .iter()
            .find(|row| {
                row.status.is_none_or(|s| s == status)
                    && row.code.is_none_or(|c| c == code)
                    && row
                        .detail
                        .is_none_or(|d| details.iter().any(|have| have == d))
                    && row.wording.is_none_or(|w| message.contains(w))
            })
            .map_or(Situation::Refused, |row| row.situation);
        Self {
            status,
            code,
            details,
            situation,
            approval: None,
        }
    }

    /// Whether the same request can work later.
    pub const fn retry(&self) -> Retry {
        match self.situation {
            Situation::Throttled | Situation::Transient => Retry::Backoff,
            Situation::NameTaken
            | Situation::ValueTaken
            | Situation::AlreadyMember
            | Situation::UsageLocation
            | Situation::NoSeats
            | Situation::PlanConflict
            | Situation::NotFound
            | Situation::TokenInvalid
            | Situation::Denied
            | Situation::Conflict
            | Situation::Dependency
            | Situation::ApprovalRequired
            | Situation::Refused => Retry::Never,
        }
    }

    /// A stable code for an outcome: our own word where the situation is known to be of a kind,
    /// else the peer's code.
    pub fn stable_code(&self) -> String {
        match self.situation {
            Situation::NameTaken => "name_taken".to_owned(),
            Situation::ValueTaken => "value_taken".to_owned(),
            Situation::UsageLocation => "usage_location".to_owned(),
            Situation::NoSeats => "no_seats".to_owned(),
            Situation::PlanConflict => "licence_conflict".to_owned(),
            Situation::AlreadyMember
            | Situation::NotFound
            | Situation::TokenInvalid
            | Situation::Denied
            | Situation::Conflict
            | Situation::Throttled
            | Situation::Transient
            | Situation::Dependency
            | Situation::ApprovalRequired
            | Situation::Refused => self.code.clone(),
        }
    }

    /// What it means and what to do; no values.
    pub const fn hint(&self) -> &'static str {
        match self.situation {
            Situation::NameTaken => {
                "another account has this sign-in name; change the mapping or free the name"
            }
            Situation::ValueTaken => {
                "another account has the same value of a property that must be unique (mail, \
                 proxy address); change the mapping or free the value"
            }
            Situation::AlreadyMember => "the reference exists already",
            Situation::UsageLocation => {
                "the usage location is missing or not visible yet; check the mapping"
            }
            Situation::NoSeats => "no seat of the licence is left; buy or free some",
            Situation::PlanConflict => {
                "a service of the licence excludes one of another licence of the account; disable \
                 one of the two services, or take the other licence away"
            }
            Situation::NotFound => "the object is gone or not replicated yet",
            Situation::TokenInvalid => {
                "the access token is not accepted; check tenant id, client id and secret"
            }
            Situation::Denied => {
                "the account may be an administrator, which the application may not change, or a \
                 permission is missing; `rollcall check --online` lists missing ones"
            }
            Situation::Conflict => "somebody else changed the object; the next run plans it again",
            Situation::Throttled => "the quota is exhausted; it is tried again later",
            Situation::Transient => {
                "the service did not recover within all tries; the next run plans it again"
            }
            Situation::ApprovalRequired => {
                "an administrator of the tenant has to approve the request (Multi Admin Approval)"
            }
            Situation::Dependency => "an earlier part of the same batch failed",
            Situation::Refused => {
                "the target does not accept the request; look the code up with the request id"
            }
        }
    }
}

/// Walks `innerError` inward (written in more than one case) and takes the deepest known code.
fn deepest_known(members: &serde_json::Map<String, Value>) -> Option<String> {
    let mut found = None;
    let mut level = inner(members);
    while let Some(members) = level {
        if let Some(code) = members.get("code").and_then(Value::as_str)
            && CODES.contains(&code)
        {
            found = Some(code.to_owned());
        }
        level = inner(members);
    }
    found
}

fn inner(members: &serde_json::Map<String, Value>) -> Option<&serde_json::Map<String, Value>> {
    members
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case("innererror"))?
        .1
        .as_object()
}

/// A code is a word; anything else could be a sentence with somebody's name in it.
fn code_like(code: &str) -> Option<String> {
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    (!code.is_empty() && code.len() <= 64 && code.bytes().all(word)).then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(code: &str, message: &str) -> Value {
        json!({"error": {"code": code, "message": message,
            "innerError": {"request-id": "r", "date": "2026-03-16T08:00:00"}}})
    }

    /// Status, code, message → situation. One row per row of the table.
    #[test]
    fn situations() {
        let table = [
            (
                400,
                "Request_BadRequest",
                "Another object with the same value for property userPrincipalName already exists.",
                Situation::NameTaken,
            ),
            (
                400,
                "Request_BadRequest",
                "Another object with the same value for property proxyAddresses already exists.",
                Situation::ValueTaken,
            ),
            (
                400,
                "Request_BadRequest",
                "One or more added object references already exist for the following modified properties: 'members'.",
                Situation::AlreadyMember,
            ),
            (
                400,
                "Request_BadRequest",
                "License assignment cannot be done for user with invalid usage location.",
                Situation::UsageLocation,
            ),
            (
                400,
                "Request_BadRequest",
                "Subscription with SKU x does not have any available licenses.",
                Situation::NoSeats,
            ),
            (
                400,
                "Request_BadRequest",
                "License assignment failed because service plans x, y are mutually exclusive.",
                Situation::PlanConflict,
            ),
            (
                400,
                "Request_BadRequest",
                "License assignment failed because service plan x conflicts with service plan y.",
                Situation::PlanConflict,
            ),
            (
                400,
                "Request_BadRequest",
                "Resource 'x' does not exist or one of its queried reference-property objects are not present.",
                Situation::NotFound,
            ),
            (400, "Request_ResourceNotFound", "", Situation::NotFound),
            (
                400,
                "Request_BadRequest",
                "Invalid value specified for property 'x' of resource 'User'.",
                Situation::Refused,
            ),
            (
                401,
                "InvalidAuthenticationToken",
                "Lifetime validation failed.",
                Situation::TokenInvalid,
            ),
            (
                403,
                "Authorization_RequestDenied",
                "Insufficient privileges.",
                Situation::Denied,
            ),
            (
                404,
                "Request_ResourceNotFound",
                "Resource 'x' does not exist.",
                Situation::NotFound,
            ),
            (409, "conflict", "", Situation::Conflict),
            (412, "preconditionFailed", "", Situation::Conflict),
            (424, "FailedDependency", "", Situation::Dependency),
            (429, "TooManyRequests", "", Situation::Throttled),
            (429, "activityLimitReached", "", Situation::Throttled),
            (500, "generalException", "", Situation::Transient),
            (502, "", "", Situation::Transient),
            (503, "serviceNotAvailable", "", Situation::Transient),
            (504, "", "", Situation::Transient),
            (509, "", "", Situation::Transient),
            (501, "NotImplemented", "", Situation::Refused),
        ];
        for (status, code, message, situation) in table {
            let fault = Fault::from_value(status, &error(code, message));
            assert_eq!(fault.situation, situation, "{status} {code} {message}");
            let again = matches!(situation, Situation::Throttled | Situation::Transient);
            assert_eq!(fault.retry() == Retry::Backoff, again, "{status} {code}");
        }
    }

    /// The duplicate object may be told by a detail code alone.
    #[test]
    fn details_tell_a_conflict() {
        let body = json!({"error": {"code": "Request_BadRequest", "message": "Conflict.",
            "details": [{"code": "ObjectConflict", "message": "m", "target": "t"}]}});
        let fault = Fault::from_value(400, &body);
        assert_eq!(fault.situation, Situation::NameTaken);
        assert_eq!(fault.details, ["ObjectConflict"]);
        for (detail, code) in [
            ("CountViolation", "no_seats"),
            ("MutuallyExclusiveViolation", "licence_conflict"),
        ] {
            let body = json!({"error": {"code": "Request_BadRequest", "message": "m",
                "details": [{"code": detail, "message": "m", "target": "t"}]}});
            assert_eq!(Fault::from_value(400, &body).stable_code(), code);
        }
    }

    /// The nested key is written in two cases, and an unknown inner code does not hide a known
    /// one.
    #[test]
    fn the_deepest_known_code_counts() {
        let body = json!({"error": {"code": "UnknownError", "message": "",
            "innererror": {"code": "activityLimitReached",
                "innerError": {"code": "somethingNew"}}}});
        assert_eq!(Fault::from_value(429, &body).code, "activityLimitReached");
    }

    /// P11: neither a message nor a code that is a sentence survives.
    #[test]
    fn no_text_is_kept() {
        let body =
            json!({"error": {"code": "Mira Beispiel was refused", "message": "Mira Beispiel"}});
        let fault = Fault::from_value(400, &body);
        assert!(!format!("{fault:?} {fault}").contains("Mira"));
        assert_eq!(fault.code, "http_400");
        assert_eq!(
            Fault::read(502, b"<html>Bad gateway</html>").code,
            "http_502"
        );
    }
}
