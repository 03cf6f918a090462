//! What Workday answers instead of workers: SOAP faults, statuses, nothing.
//!
//! Faults come as HTTP 500, and so does overload: only the body tells them apart. Invariant: a fault
//! that can be read is final, and of its text only sentences that are known, and hold nobody's data,
//! are ever shown (P11).

use http::HeaderMap;
use quick_xml::Reader;
use quick_xml::events::Event;
use rollcall_http::{BearerError, Heard, Retry, TransportError, Unheard, passing};
use rollcall_source::{RefusalKind, Refused};

use crate::xml::letter;

/// What a fault comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultClass {
    /// The request is not one that this tenant takes.
    Permanent,
    /// Nobody is known by this name and password.
    Credentials,
    /// Whoever asks may not.
    Permission,
}

/// A fault that could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) class: FaultClass,
    /// The local part of its code, `Client.validationError`.
    code: String,
    /// Its sentence, where that is a known one.
    message: Option<&'static str>,
    /// The part of the request that it is about: names of the schema.
    pub(crate) path: String,
}

/// Sentences that hold nobody's data.
const KNOWN: [&str; 12] = [
    "Page number cannot be zero.",
    "invalid username or password",
    "The task submitted is not authorized.",
    "Processing error occurred.",
    "Validation error occurred.",
    "Internal error occurred.",
    "The security token could not be authenticated or authorized",
    "Invalid request message version",
    "Invalid service version",
    "Access denied",
    "Account is locked",
    "Password expired",
];

const TEXT_MAX: usize = 4000;
const EVENTS_MAX: usize = 10_000;

impl Fault {
    /// The fault in a body, if there is one whose kind is said.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let body = std::str::from_utf8(body).ok()?;
        let texts = texts(body)?;
        let all = |name: &str| {
            let own = texts.iter().filter(move |it| it.0 == name);
            own.map(|it| it.1.trim()).collect::<Vec<_>>()
        };
        let has = |name: &str| texts.iter().any(|it| it.0 == name);
        let code = all("faultcode").first().copied().unwrap_or("").to_owned();
        let code = code.rsplit_once(':').map_or(code.as_str(), |it| it.1);
        let names = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let code: String = code.chars().filter(|c| names(*c)).take(60).collect();
        let says = [all("Detail_Message"), all("Message"), all("faultstring")].concat();
        let folded = says.join("\n").to_lowercase();
        let lower = code.to_lowercase();
        // A task that could not be carried out may be another time: only what was asked wrongly is final.
        let is_said = has("Validation_Fault")
            || lower.contains("validation")
            || (lower.starts_with("client") && !has("Processing_Fault"));
        let any = |words: &[&str]| words.iter().any(|it| folded.contains(it));
        let class = if lower.contains("authentication")
            || any(&[
                "invalid username or password",
                "could not be authenticated",
                "account is locked",
            ]) {
            FaultClass::Credentials
        } else if any(&["not authorized", "access denied", "permission"]) {
            FaultClass::Permission
        } else if is_said {
            FaultClass::Permanent
        } else {
            return None;
        };
        let known = |text: &str| {
            let mut known = KNOWN.into_iter();
            known.find(|it| text.to_lowercase().contains(&it.to_lowercase()))
        };
        let path = all("Xpath").first().copied().unwrap_or("");
        let path = path
            .chars()
            .filter(|c| names(*c) || matches!(c, '/' | '[' | ']' | ':'));
        Some(Self {
            class,
            code,
            message: says.iter().find_map(|it| known(it)),
            path: path.take(300).collect(),
        })
    }

    /// The refusal that it comes to, with what was asked for.
    pub(crate) fn refused(&self, asked: &str) -> Refused {
        let (kind, hint) = match self.class {
            FaultClass::Permanent => (
                RefusalKind::Configuration,
                "check version, service and attributes of the source against the tenant",
            ),
            FaultClass::Credentials => (
                RefusalKind::Credentials,
                "check name and password of the integration system user, whether it is locked, and \
                 whether the tenant's name is right",
            ),
            FaultClass::Permission => (
                RefusalKind::Permission,
                "let the security group of the integration system user Get what is asked for, and \
                 activate the pending security policy changes",
            ),
        };
        let mut message = format!("Workday refuses {asked}: {}", self.code);
        if let Some(known) = self.message {
            message = format!("{message}, \"{known}\"");
        }
        if !self.path.is_empty() {
            message = format!("{message}, at {}", self.path);
        }
        Refused::new(kind, message, hint)
    }
}

/// Texts of elements of a body by their local names, if it holds a SOAP fault.
fn texts(body: &str) -> Option<Vec<(String, String)>> {
    let mut reader = Reader::from_str(body);
    let mut open: Vec<String> = Vec::new();
    let mut found: Vec<(String, String)> = Vec::new();
    let mut is_fault = false;
    for _ in 0..EVENTS_MAX {
        let mut add = |part: &str| {
            if let Some((_, text)) = found.last_mut()
                && text.len() + part.len() <= TEXT_MAX
            {
                text.push_str(part);
            }
        };
        match reader.read_event().ok()? {
            Event::Start(start) => {
                let local = start.local_name().as_ref().to_owned();
                // Nothing else is of interest, and answers with workers are long.
                let above = open.last().map_or("", String::as_str);
                match (open.len(), above, local.as_str()) {
                    (0, _, "Envelope") | (1, _, _) => {}
                    (2, "Body", "Fault") => is_fault = true,
                    (0 | 2, _, _) => return None,
                    _ => {}
                }
                found.push((local.clone(), String::new()));
                open.push(local);
            }
            Event::Empty(start) => {
                found.push((start.local_name().as_ref().to_owned(), String::new()));
            }
            Event::End(_) => {
                open.pop();
            }
            Event::Text(text) => add(&text),
            Event::CData(text) => add(&text),
            Event::GeneralRef(entity) => add(letter(&entity).ok()?.encode_utf8(&mut [0; 4])),
            Event::DocType(_) => return None,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => return (is_fault && open.is_empty()).then_some(found),
        }
    }
    None
}

/// Whether an answer of the web service or of a report is final.
pub(crate) fn judge(status: u16, _headers: &HeaderMap, body: &[u8]) -> Option<Retry> {
    let passing = passing(status)?;
    if status == 500 && Fault::read(body).is_some() {
        return None;
    }
    Some(passing)
}

/// The class of a SOAP fault in a body, if there is a readable one.
pub fn fault_class(body: &[u8]) -> Option<FaultClass> {
    Fault::read(body).map(|it| it.class)
}

/// No final answer came.
pub(crate) fn unheard(error: &Unheard, asked: &str) -> Refused {
    if let Unheard::Transport(TransportError::TooLarge { .. }) = error {
        return Refused::new(
            RefusalKind::TooLarge,
            format!("{asked}: {error}"),
            "ask for smaller pages with `page_size`, or split a report with `parts`",
        );
    }
    Refused::new(
        RefusalKind::Unavailable,
        format!("{asked}: {error}"),
        "try again later; if it stays, look at Workday's status page and at the host",
    )
}

/// No token came.
pub(crate) fn no_token(error: &BearerError) -> Refused {
    let message = format!("the token address: {error}");
    match error {
        BearerError::Refused { .. } => Refused::new(
            RefusalKind::Credentials,
            message,
            "check client id, client secret and refresh token of the API client; a refresh token \
             that was revoked has to be made anew",
        ),
        BearerError::Unheard(_) => {
            Refused::new(RefusalKind::Unavailable, message, "try again later")
        }
        BearerError::Malformed => Refused::new(
            RefusalKind::Malformed,
            message,
            "check host, tenant and `token_path`",
        ),
        BearerError::Proof(_) => Refused::new(
            RefusalKind::Credentials,
            message,
            "check where the secrets of this source are kept",
        ),
    }
}

/// A final answer with a status that brings nothing.
pub(crate) fn status(heard: &Heard, asked: &str) -> Option<Refused> {
    if heard.status == 200 {
        return None;
    }
    if let Some(fault) = Fault::read(&heard.body) {
        return Some(fault.refused(asked));
    }
    let message = format!("Workday answers {asked} with {}", heard.status);
    let (kind, hint) = match heard.status {
        401 => (
            RefusalKind::Credentials,
            "check who asks: name and password, or the API client",
        ),
        403 => (
            RefusalKind::Permission,
            "let whoever asks read this, and activate the pending security policy changes",
        ),
        300..=399 => (
            RefusalKind::ForeignLink,
            "no redirect is followed; write the host that answers itself",
        ),
        400 | 404 | 405 | 410 | 415 => (
            RefusalKind::Configuration,
            "check host, tenant, version and service, or owner and name of the report",
        ),
        _ => (RefusalKind::Unavailable, "try again later"),
    };
    Some(Refused::new(kind, message, hint))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fault(code: &str, text: &str, detail: &str) -> String {
        format!(
            "<S:Envelope xmlns:S='s'><S:Body><S:Fault><faultcode>S:{code}</faultcode>\
             <faultstring>{text}</faultstring><detail>{detail}</detail></S:Fault></S:Body></S:Envelope>"
        )
    }

    /// Status and body → whether it is asked again.
    #[test]
    fn only_overload_is_asked_again() {
        let validation =
            "<wd:Validation_Fault xmlns:wd='w'><wd:Validation_Error/></wd:Validation_Fault>";
        for (status, body, again) in [
            (
                500,
                fault("Client.validationError", "no", validation),
                false,
            ),
            (500, fault("Client.authenticationError", "no", ""), false),
            (
                500,
                fault("Server", "The task submitted is not authorized.", ""),
                false,
            ),
            (500, fault("Server.internalError", "try again", ""), true),
            (500, "<html>Internal Server Error</html>".to_owned(), true),
            (500, String::new(), true),
            (500, fault("Client", "cut", "")[..60].to_owned(), true),
            (503, String::new(), true),
            (429, String::new(), true),
            (408, String::new(), true),
            (400, String::new(), false),
            (401, String::new(), false),
            (403, String::new(), false),
            (404, String::new(), false),
            (200, String::new(), false),
        ] {
            let judged = judge(status, &HeaderMap::new(), body.as_bytes());
            assert_eq!(judged.is_some(), again, "{status} {body}");
        }
    }

    /// P11: a fault may name somebody; what it says is not passed on unless it is known.
    #[test]
    fn what_a_fault_says_of_somebody_is_kept_back() {
        let body = fault(
            "Client.validationError",
            "Validation error occurred. Invalid ID value. 'Ingrid Secret 21001' is no value.",
            "<wd:Validation_Fault xmlns:wd='w'><wd:Validation_Error><wd:Message>'Ingrid Secret \
             21001'</wd:Message><wd:Xpath>/ns0:A[1]/ns0:Ingrid?</wd:Xpath></wd:Validation_Error>\
             </wd:Validation_Fault>",
        );
        let fault = Fault::read(body.as_bytes()).expect("a fault");
        let text = fault.refused("Get_Workers").to_string();
        assert!(
            !text.contains("Secret") && !text.contains("21001"),
            "{text}"
        );
        assert!(text.contains("Client.validationError"), "{text}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_fault_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _class = fault_class(&bytes);
        }
    }
}
