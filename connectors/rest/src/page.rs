//! One page of a list: asked for, and taken apart.

use std::borrow::Cow;

use jiff::Timestamp;
use rollcall_http::{Heard, encode_component};
use rollcall_source::{RefusalKind, Refused};
use serde_json::Value as Json;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use crate::path::Path;
use crate::plan::{LinkAt, Plan, Style};
use crate::session::{Question, Session, code, parsed, refusal};

/// What SCIM calls an answer with a list (RFC 7644, section 3.4.2).
const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// Why a pass ends before its end.
pub(crate) enum Stop {
    /// The list moved while it was read, or a page is not what it has to be: worth another pass.
    Moved(Refused),
    /// No other pass would end better.
    No(Refused),
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::No(refused)
    }
}

/// A page.
pub(crate) struct Page {
    body: Json,
    /// How many records there are in all, as it says.
    pub(crate) total: Option<u64>,
    /// Where the next one is; the same text for a link and for a cursor.
    pub(crate) next: Option<String>,
    /// When the source says that it answered.
    pub(crate) date: Option<Timestamp>,
    /// What it is called in messages.
    pub(crate) shown: String,
}

/// Parameters as they are sent.
pub(crate) fn query(path: &str, parameters: &[(String, String)]) -> String {
    let mut out = path.to_owned();
    for (at, (name, value)) in parameters.iter().enumerate() {
        out.push(if at == 0 { '?' } else { '&' });
        out.push_str(&encode_component(name));
        out.push('=');
        out.push_str(&encode_component(value));
    }
    out
}

/// The question for a page of the list.
pub(crate) fn question(plan: &Plan, target: String, page: u32) -> Question {
    let method = plan.config.method.name();
    Question {
        method,
        template: "list",
        shown: format!("{method} {} (page {page})", plan.config.path),
        target,
        body: plan.config.body.clone(),
    }
}

/// Asks for a page. A cursor that the source no longer knows is a list that moved: its words are
/// those of RFC 9865, section 2.2.
pub(crate) async fn fetch(
    plan: &Plan,
    session: &Session<'_>,
    question: &Question,
) -> Result<(Page, Heard), Stop> {
    let heard = session.hear(question).await?;
    if !(200..300).contains(&heard.status) {
        let refused = refusal(question, &heard);
        let code = code(&heard.body);
        let is_gone = matches!(code.as_deref(), Some("expiredCursor" | "invalidCursor"));
        return Err(if is_gone || heard.status == 410 {
            Stop::Moved(Refused {
                kind: RefusalKind::IncompletePage,
                hint: "the source forgot where we were; the next run begins anew".into(),
                ..refused
            })
        } else {
            Stop::No(refused)
        });
    }
    let body = parsed(question, &heard.body)?;
    let page = Page::of(plan, body, &heard, question)?;
    Ok((page, heard))
}

impl Page {
    fn of(plan: &Plan, body: Json, heard: &Heard, question: &Question) -> Result<Self, Refused> {
        let shown = question.shown.clone();
        let total = match &plan.total {
            None => None,
            Some(path) => match path.one(&body, plan.fold) {
                None | Some(Json::Null) => None,
                Some(value) => Some(count(value).ok_or_else(|| {
                    let message = format!("`{shown}`: the total at `{}` is no number", path.text());
                    let hint = "look at `total` in the configuration";
                    Refused::new(RefusalKind::Malformed, message, hint)
                })?),
            },
        };
        if plan.config.scim.is_some() {
            is_list(&body, &shown)?;
        }
        let next = match &plan.style {
            Style::Link { at, .. } => match at {
                LinkAt::Body(path) => word(path, &body, plan, &shown)?,
                LinkAt::Header(name) => next_of(heard, name),
            },
            Style::Cursor(it) => word(&it.at, &body, plan, &shown)?,
            Style::Whole | Style::Index(_) => None,
        };
        let date = heard.date();
        Ok(Self {
            body,
            total,
            next,
            date,
            shown,
        })
    }

    /// Its records; `None`: there is no list where one is expected.
    pub(crate) fn records(&self, plan: &Plan) -> Result<Option<Vec<&Json>>, Refused> {
        let wrong = |what: &str| {
            let place = plan.records.as_ref().map_or("the top", |it| it.text());
            let message = format!("`{}`: {what} at `{place}`", self.shown);
            let hint = "look at `records` in the configuration";
            Refused::new(RefusalKind::Malformed, message, hint)
        };
        let records: Vec<&Json> = match &plan.records {
            None => match &self.body {
                Json::Array(items) => items.iter().collect(),
                Json::Null
                | Json::Bool(_)
                | Json::Number(_)
                | Json::String(_)
                | Json::Object(_) => {
                    return Err(wrong("no list"));
                }
            },
            Some(path) => {
                let found = path.find(&self.body, plan.fold);
                match found.values.as_slice() {
                    _ if path.is_many() && (found.none_fits || !found.values.is_empty()) => {
                        found.values
                    }
                    [] => return Ok(None),
                    // Said outright, unlike a list that is not there, which an error may be.
                    [Json::Null] => Vec::new(),
                    [Json::Array(items)] => items.iter().collect(),
                    [_, ..] => return Err(wrong("something else than one list")),
                }
            }
        };
        if !records.iter().all(|it| it.is_object()) {
            return Err(wrong("something else than objects"));
        }
        Ok(Some(records))
    }
}

/// A number of things: a number, or digits in quotes.
fn count(value: &Json) -> Option<u64> {
    match value {
        Json::Number(it) => it.as_u64(),
        Json::String(it) => it.trim().parse().ok(),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

/// A link or a cursor.
fn word(path: &Path, body: &Json, plan: &Plan, shown: &str) -> Result<Option<String>, Refused> {
    match path.one(body, plan.fold) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(it)) => Ok(Some(it.clone()).filter(|it| !it.is_empty())),
        Some(Json::Number(it)) => Ok(Some(it.to_string())),
        Some(Json::Bool(_) | Json::Array(_) | Json::Object(_)) => {
            let message = format!("`{shown}`: what leads to the next page is no text");
            let hint = "look at `paging` in the configuration";
            Err(Refused::new(RefusalKind::Malformed, message, hint))
        }
    }
}

fn is_list(body: &Json, shown: &str) -> Result<(), Refused> {
    let schemas = Path::member("schemas").and_then(|it| it.one(body, true).cloned());
    let said = schemas.as_ref().and_then(Json::as_array);
    let is = said.is_some_and(|all| all.iter().any(|it| it == LIST_RESPONSE));
    if is {
        return Ok(());
    }
    let message = format!("`{shown}` is answered with something else than a list of SCIM 2.0");
    let hint = "look at `path`; without SCIM, leave `scim` out of the configuration";
    Err(Refused::new(RefusalKind::Malformed, message, hint))
}

/// The target of `rel="next"` (RFC 8288).
fn next_of(heard: &Heard, name: &str) -> Option<String> {
    let all = heard.headers.get_all(name).iter();
    all.filter_map(|it| it.to_str().ok()).find_map(next_in)
}

fn next_in(mut text: &str) -> Option<String> {
    while let Some((_, rest)) = text.split_once('<') {
        let (link, rest) = rest.split_once('>')?;
        // What belongs to the link ends where the next one begins.
        let end = rest.find('<').unwrap_or(rest.len());
        let (own, behind) = rest.split_at(end);
        let is_next = own.split([';', ',']).any(|parameter| {
            let Some((name, value)) = parameter.split_once('=') else {
                return false;
            };
            let value = value.trim().trim_matches('"');
            let mut words = value.split_ascii_whitespace();
            name.trim().eq_ignore_ascii_case("rel")
                && words.any(|it| it.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(link.to_owned());
        }
        text = behind;
    }
    None
}

/// Path and query of a link that stays where it came from.
pub(crate) fn follow(plan: &Plan, link: &str, shown: &str) -> Result<String, Refused> {
    let odd = |c: char| c <= ' ' || c == '\\' || c == '\u{7f}';
    let here = !link.contains(odd);
    if here && link.starts_with('/') && !link.starts_with("//") {
        return Ok(link.to_owned());
    }
    if here && link.starts_with('?') {
        return Ok(format!("{}{link}", plan.config.path));
    }
    plan.origin.follow(link).map_err(|error| {
        let message = format!("`{shown}`: {error}");
        let hint = "no answer may send us, and what shows who we are, to another host; where the \
                    source moved, write its new address";
        Refused::new(RefusalKind::ForeignLink, message, hint)
    })
}

/// What tells a record from the others: a hash of its id; `Err`: of all of it, since it has none.
pub(crate) fn identity(plan: &Plan, record: &Json) -> Result<u128, u128> {
    let whole = || xxh3_128(record.to_string().as_bytes());
    let mut parts = Vec::with_capacity(plan.id.len());
    for path in &plan.id {
        let part = match path.one(record, plan.fold) {
            Some(Json::String(text)) => rollcall_source::clean(text),
            Some(Json::Number(number)) => Cow::Owned(number.to_string()),
            Some(Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_)) | None => {
                return Err(whole());
            }
        };
        if part.is_empty() {
            return Err(whole());
        }
        parts.push(part);
    }
    Ok(identity_of(parts.iter().map(|it| &**it)))
}

/// The same of an id in its parts.
pub(crate) fn identity_of<'a>(parts: impl Iterator<Item = &'a str>) -> u128 {
    let mut hash = Xxh3::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update(&[0]);
    }
    hash.digest128()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_of_a_header() {
        for (text, expected) in [
            (
                "<https://a.example/x?page=2>; rel=\"next\"",
                Some("https://a.example/x?page=2"),
            ),
            (
                "<https://a.example/1>; rel=\"prev\", </2>; rel=next",
                Some("/2"),
            ),
            ("</3>; title=\"a\"; rel=\"last next\"", Some("/3")),
            ("</3>; rel=\"nextone\"", None),
            ("</3", None),
            ("", None),
        ] {
            assert_eq!(next_in(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn parameters_cannot_end_each_other() {
        let parameters = [
            ("page[limit]", "5"),
            (
                "filter",
                "meta.lastModified gt \"2026-03-01T00:00:00Z\" & x=1",
            ),
            ("$skip", "0"),
        ];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            query("/a", &parameters),
            "/a?page%5Blimit%5D=5&filter=meta.lastModified%20gt%20%222026-03-01T00%3A00%3A00Z%22%20\
             %26%20x%3D1&$skip=0"
        );
    }
}
