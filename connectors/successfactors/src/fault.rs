//! What SuccessFactors says when it says no, and what that means for a pull.
//!
//! Sources: SAP Knowledge Base articles 2524436 (log-in codes and their statuses), 2545055 (statuses),
//! 2749091 (snapshot blocks), 3246371 (permissions), 3159263 (throttling). Invariant: of the vendor's text only codes, and
//! names of entities and properties, are told; its sentences can hold names of people.

use std::time::Duration;

use http::HeaderMap;
use rollcall_http::{BearerError, Retry, TransportError, Unheard, passing};
use rollcall_source::{RefusalKind, Refused};
use serde_json::Value;

/// What is waited when it throttles and names no time [KBA 3159263].
const THROTTLED: Duration = Duration::from_mins(5);

/// Which answers are final: nothing that only has to be waited for is.
pub(crate) fn judge(status: u16, _headers: &HeaderMap, body: &[u8]) -> Option<Retry> {
    if status == 429 {
        return Some(Retry::After(THROTTLED));
    }
    if status >= 500 && Said::read(body).code == "COE_SNAPSHOT_BAD_REQUEST" {
        // It blocks for half an hour, and asking prolongs it.
        return None;
    }
    passing(status)
}

/// The code and the names of an error body, JSON or XML.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// `COE_PROPERTY_NOT_FOUND`, `COMPANY_NOT_FOUND` ...; empty when there is none.
    pub(crate) code: String,
    /// `COE0021`, `LGN0008` ...; empty when there is none.
    pub(crate) number: String,
    /// What it does not know: `PerPerson/shoeSize`.
    pub(crate) names: Vec<String>,
}

impl Said {
    /// Reads an error body; whatever cannot be read says nothing.
    pub(crate) fn read(body: &[u8]) -> Self {
        let (code, message) = json(body).or_else(|| xml(body)).unwrap_or_default();
        let inside = message
            .split_once('[')
            .and_then(|(_, rest)| rest.split_once(']'));
        let (number, rest) = inside.unwrap_or_default();
        let schema_only = matches!(number, "COE0021" | "COE0007");
        Self {
            code: word(&code),
            number: word(number),
            names: if schema_only { names(rest) } else { Vec::new() },
        }
    }

    /// Whether a token has come to its end.
    pub(crate) fn is_token_over(&self) -> bool {
        matches!(self.number.as_str(), "LGN0006" | "LGN0007")
            || matches!(
                self.code.as_str(),
                "INTERNAL_TOKEN_EXPIRED" | "TOKEN_INVALID"
            )
    }

    fn told(&self) -> String {
        let codes: Vec<&str> = [self.number.as_str(), self.code.as_str()]
            .into_iter()
            .filter(|it| !it.is_empty())
            .collect();
        let mut told = if codes.is_empty() {
            String::new()
        } else {
            format!(" ({})", codes.join(", "))
        };
        if !self.names.is_empty() {
            told = format!("{told}: {}", self.names.join(", "));
        }
        told
    }
}

/// At most forty of the characters that codes are made of.
fn word(text: &str) -> String {
    let is_word = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
    text.chars().filter(is_word).take(40).collect()
}

/// Words after the last colon that are names of the schema by their look.
fn names(text: &str) -> Vec<String> {
    let Some((_, list)) = text.rsplit_once(':') else {
        return Vec::new();
    };
    let is_name = |it: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '/';
        (1..=80).contains(&it.len()) && it.chars().all(plain)
    };
    let list = list
        .split([',', ' '])
        .map(|it| it.trim().trim_end_matches('.'));
    list.filter(is_name).take(20).map(str::to_owned).collect()
}

fn json(body: &[u8]) -> Option<(String, String)> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let error = body.get("error")?;
    let text = |it: Option<&Value>| it.and_then(Value::as_str).unwrap_or_default().to_owned();
    let message = error.get("message");
    let value = message.and_then(|it| it.get("value")).or(message);
    Some((text(error.get("code")), text(value)))
}

fn xml(body: &[u8]) -> Option<(String, String)> {
    let text = std::str::from_utf8(body).ok()?;
    text.contains("<error").then_some(())?;
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}"))?;
        let (_, inside) = rest.split_once('>')?;
        Some(
            inside
                .split_once(&format!("</{name}>"))?
                .0
                .trim()
                .to_owned(),
        )
    };
    Some((
        element("code").unwrap_or_default(),
        element("message").unwrap_or_default(),
    ))
}

/// The refusal behind a final answer that is none; `what` says what was asked, without values.
pub(crate) fn refused(what: &str, status: u16, body: &[u8]) -> Refused {
    let said = Said::read(body);
    let told = said.told();
    let message = |head: &str| format!("{what}: {head}{told}");
    let (kind, message, hint) = match (status, said.number.as_str(), said.code.as_str()) {
        (_, _, "COE_SNAPSHOT_BAD_REQUEST") => (
            RefusalKind::Unavailable,
            message("snapshot paging is blocked for this user"),
            "too many snapshots were begun and not read to their end: wait for 30 minutes",
        ),
        (_, "LGN0002" | "LGN0009" | "LGN0010" | "COE0020", _) | (_, _, "COE_GENERAL_FORBIDDEN") => {
            (
                RefusalKind::Permission,
                message("the technical user may not read this"),
                "grant it the permissions in docs/sources/successfactors.md (Employee Central OData APIs, view of the mapped \
             fields, the whole target population), and let its address through",
            )
        }
        (_, "LGN0001", _) | (404, _, _) => (
            RefusalKind::Configuration,
            message("there is nothing at this address"),
            "`host` has to be the API server of your data centre",
        ),
        (_, "LGN0008", _) => (
            RefusalKind::Credentials,
            message("it does not know the company"),
            "check `company_id`: upper and lower case differ",
        ),
        (401 | 403, _, _) => (
            RefusalKind::Credentials,
            message("it does not let us in"),
            "check `company_id`, the API key, the technical user, and that the registered certificate belongs to the key",
        ),
        (400, _, _) => (
            RefusalKind::Configuration,
            message("it does not understand the question"),
            "an attribute reads something that this instance does not have; `rollcall check` says which",
        ),
        (300..=399, _, _) => (
            RefusalKind::Configuration,
            message("it sends us elsewhere"),
            "`host` has to be the API server of your data centre, not the address that people sign in at",
        ),
        _ => (
            RefusalKind::Malformed,
            message(&format!("it answered {status}")),
            "the answer is none that is documented; ask SAP support",
        ),
    };
    Refused::new(kind, message, hint)
}

/// The refusal behind no answer.
pub(crate) fn unheard(what: &str, error: &Unheard) -> Refused {
    let (kind, hint) = match error {
        Unheard::Transport(TransportError::TooLarge { .. }) => {
            (RefusalKind::TooLarge, "lower `page_size`")
        }
        Unheard::Transport(TransportError::Request(_)) => (
            RefusalKind::Configuration,
            "check `host`, and texts in the configuration",
        ),
        Unheard::Transport(_) => (
            RefusalKind::Unavailable,
            "check `host` and the network, and try again later",
        ),
        Unheard::Failing { .. } => (
            RefusalKind::Unavailable,
            "it may be under maintenance; try again later",
        ),
        Unheard::Later { .. } => (RefusalKind::Unavailable, "try again then"),
    };
    Refused::new(kind, format!("{what}: {error}"), hint)
}

/// The refusal behind no token.
pub(crate) fn without_token(error: &BearerError) -> Refused {
    match error {
        BearerError::Refused { .. } => Refused::new(
            RefusalKind::Credentials,
            format!("signing in: {error}"),
            "check `company_id` (upper and lower case differ), the API key, the technical user, and that the registered \
             certificate belongs to the key",
        ),
        BearerError::Unheard(error) => unheard("signing in", error),
        BearerError::Malformed => Refused::new(
            RefusalKind::Malformed,
            format!("signing in: {error}"),
            "check that the address is that of a token endpoint",
        ),
        BearerError::Proof(_) => Refused::new(
            RefusalKind::Credentials,
            format!("signing in: {error}"),
            "check where the configuration says that the key or the secret is",
        ),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(code: &str, message: &str) -> Vec<u8> {
        let error = serde_json::json!({"error": {"code": code, "message": {"lang": "en-US", "value": message}}});
        error.to_string().into_bytes()
    }

    /// Status, code and text → the kind of refusal, and a word of what is told.
    #[test]
    fn answers_mean_what_is_documented() {
        for (status, code, text, kind, told) in [
            (
                400,
                "COE_PROPERTY_NOT_FOUND",
                "[COE0021]Invalid property names: EmpJob/a, PerPerson/b.",
                RefusalKind::Configuration,
                "EmpJob/a, PerPerson/b",
            ),
            (
                400,
                "COE_ENTITY_NOT_FOUND",
                "[COE0007]invalid entity (or function) name: PerPersn",
                RefusalKind::Configuration,
                ": PerPersn",
            ),
            (
                403,
                "COE_GENERAL_FORBIDDEN",
                "[COE0020]User SFADMIN doesn't have the permission",
                RefusalKind::Permission,
                "COE0020",
            ),
            (
                403,
                "COMPANY_NOT_FOUND",
                "[LGN0008]Company [X] not found",
                RefusalKind::Credentials,
                "LGN0008",
            ),
            (
                403,
                "ODATA_ADMIN_PERM_REQUIRED",
                "[LGN0002]Authentication failed",
                RefusalKind::Permission,
                "LGN0002",
            ),
            (
                404,
                "CATEGORY_DENIED",
                "[LGN0001]Invalid endpoint",
                RefusalKind::Configuration,
                "LGN0001",
            ),
            (401, "", "", RefusalKind::Credentials, "does not let us in"),
            (302, "", "", RefusalKind::Configuration, "elsewhere"),
            (
                400,
                "COE_SNAPSHOT_BAD_REQUEST",
                "We have temporarily blocked",
                RefusalKind::Unavailable,
                "blocked",
            ),
            (418, "", "", RefusalKind::Malformed, "418"),
        ] {
            let refused = refused("people", status, &body(code, text));
            assert_eq!(refused.kind, kind, "{status} {code}");
            assert!(refused.message.contains(told), "{}", refused.message);
            assert!(!refused.message.contains("SFADMIN") && !refused.message.contains("[X]"));
        }
    }

    #[test]
    fn errors_in_xml_say_the_same() {
        let xml = br#"<?xml version="1.0"?><error xmlns="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">
            <code>COE_PROPERTY_NOT_FOUND</code><message xml:lang="en-US">[COE0021]Invalid property names: PerPerson/a</message></error>"#;
        let said = Said::read(xml);
        assert_eq!(
            (said.code.as_str(), said.number.as_str()),
            ("COE_PROPERTY_NOT_FOUND", "COE0021")
        );
        assert_eq!(said.names, ["PerPerson/a"]);
    }

    #[test]
    fn what_passes_is_waited_for() {
        let judge = |status, body: &[u8]| judge(status, &HeaderMap::new(), body);
        assert_eq!(judge(429, b""), Some(Retry::After(THROTTLED)));
        assert_eq!(
            judge(500, b"OData metadata is being generated"),
            Some(Retry::Backoff)
        );
        assert_eq!(judge(503, b"<html>"), Some(Retry::Backoff));
        assert_eq!(judge(500, &body("COE_SNAPSHOT_BAD_REQUEST", "")), None);
        assert_eq!(judge(400, b""), None);
        assert_eq!(judge(403, b""), None);
    }

    proptest! {
        /// Bytes of any kind are an error body or none, never a panic.
        #[test]
        fn no_body_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _said = Said::read(&bytes);
        }

        /// The same of text that looks like one.
        #[test]
        fn no_text_panics(text in "<?e?r?r?o?r?>?<code>?[\\[\\]:a-zA-Z0-9/ ]{0,40}(</code>)?\\PC{0,20}") {
            let _said = Said::read(text.as_bytes());
            let _said = Said::read(&body(&text, &text));
        }
    }
}
