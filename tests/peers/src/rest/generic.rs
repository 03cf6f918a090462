//! A system of no particular make that pages in one of all ways, with a key in a header.

use bytes::Bytes;
use http::Response;
use serde_json::{Value as Json, json};

use super::{Asked, Peer, State, Trouble, page_of, reply};
use crate::{Kind, Standing, Worker};

/// The key that it lets in.
pub const KEY: &str = "k-1";
/// Where it lives.
pub const ORIGIN: &str = "https://hr.example";

/// How it pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paging {
    /// Not at all.
    None,
    /// `$skip`, `$top`.
    SkipTop,
    /// `offset`, `limit`.
    Offset,
    /// `page`, `per_page`, from this number.
    Page(usize),
    /// `next` in the body, with an offset behind it.
    NextInBody,
    /// A `Link` header.
    NextInHeader,
    /// `cursor`, which holds on to the record it points behind.
    Cursor,
}

/// What is beside the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manners {
    /// How it pages.
    pub paging: Paging,
    /// Whether it says how many there are.
    pub total: bool,
    /// How many a page has where nobody asks.
    pub size: usize,
}

/// A worker, as it gives them.
pub fn record(worker: &Worker) -> Json {
    let (status, left) = match worker.standing {
        Standing::Active => ("active", None),
        Standing::PreHire => ("pending", None),
        Standing::OnLeave => ("leave", None),
        Standing::Terminated { on, .. } => ("left", Some(on)),
        Standing::Rescinded => ("withdrawn", None),
    };
    json!({
        "id": worker.id,
        "name": {
            "first": worker.first, "last": worker.last, "preferred": worker.preferred,
        },
        "mail": worker.email,
        "phones": worker.phone.iter().map(|it| json!({"type": "work", "value": it})).collect::<Vec<_>>(),
        "job": {"title": worker.title, "department": {"code": worker.department.0, "name": worker.department.1}},
        "manager": worker.manager.as_ref().map(|it| json!({"id": it})),
        "kind": if worker.kind == Kind::Employee { "employee" } else { "contingent" },
        "hired": worker.hired.to_string(),
        "left": left.map(|it| it.to_string()),
        "status": status,
    })
}

/// One with these workers.
pub fn peer(workers: Vec<Worker>, manners: Manners, troubles: Vec<Trouble>) -> Peer {
    Peer::new(workers, troubles, move |state, asked| {
        answer(state, asked, manners)
    })
}

fn answer(state: &mut State, asked: &Asked, manners: Manners) -> Response<Bytes> {
    let no = |status, code: &str| reply(status, &json!({"code": code, "message": "no, Ada"}));
    if asked.header("x-api-key") != KEY {
        return no(401, "unauthenticated");
    }
    if asked.path != "/v1/workers" {
        return no(404, "notFound");
    }
    if asked.method != "GET" {
        return no(405, "method");
    }
    let known: &[&str] = match manners.paging {
        Paging::None => &[],
        Paging::SkipTop => &["$skip", "$top"],
        Paging::Offset | Paging::NextInBody | Paging::NextInHeader => &["offset", "limit"],
        Paging::Page(_) => &["page", "per_page"],
        Paging::Cursor => &["cursor", "limit"],
    };
    if asked.strange(known).is_some() {
        return no(400, "unknownParameter");
    }
    let number = |name: &str, default: usize| asked.number(name, default);
    let place = |state: &State| match manners.paging {
        Paging::None => Some((0, usize::MAX)),
        Paging::SkipTop => number("$skip", 0).zip(number("$top", manners.size)),
        Paging::Offset | Paging::NextInBody | Paging::NextInHeader => {
            number("offset", 0).zip(number("limit", manners.size))
        }
        Paging::Page(first) => {
            // Whoever gives fewer than asked for counts by that.
            let size = state.at_most(number("per_page", manners.size)?);
            let page = number("page", first)?.checked_sub(first)?;
            Some((page * size, size))
        }
        Paging::Cursor => {
            let begin = match asked.query.get("cursor") {
                None => 0,
                // Behind whoever it names, wherever that is now.
                Some(id) => state.workers.iter().position(|it| it.id == *id)? + 1,
            };
            Some((begin, number("limit", manners.size)?))
        }
    };
    let Some((begin, size)) = place(state).filter(|(_, size)| *size > 0) else {
        return no(400, "badParameter");
    };
    let page = page_of(begin, size);
    let question = state.lists + 1;
    let expires = |it: &Trouble| matches!(it, Trouble::Expires(when) if when.is(question, page));
    if state.has(expires) {
        state.lists += 1;
        return reply(400, &json!({"code": "expiredCursor"}));
    }
    if let Some(answer) = state.begin(page) {
        return answer;
    }
    // What was taken away or put on since may have moved what the cursor names.
    let (begin, size) = place(state).unwrap_or((begin, size));
    let all: Vec<Json> = state.workers.iter().map(record).collect();
    let count = all.len();
    let given = state.give(page, begin, size, all);
    let came = given.records.len();
    let behind = begin.saturating_add(came);
    let more = behind < count && size != usize::MAX;
    let host = if given.foreign {
        "https://elsewhere.example"
    } else {
        ORIGIN
    };
    let next = format!("{host}/v1/workers?offset={behind}&limit={size}");
    let mut body = json!({"items": given.records});
    if manners.total {
        body["meta"] = json!({"total": given.total, "here": came});
    }
    let mut link = None;
    match manners.paging {
        Paging::NextInBody => body["next"] = json!(more.then_some(next)),
        Paging::NextInHeader => link = more.then_some(next),
        Paging::Cursor => {
            let last = body["items"].as_array().and_then(|it| it.last());
            body["cursor"] = last
                .filter(|_| more)
                .map_or(Json::Null, |it| it["id"].clone());
        }
        Paging::None | Paging::SkipTop | Paging::Offset | Paging::Page(_) => {}
    }
    let mut answer = reply(200, &body);
    if let Some(link) = link {
        let text = format!("</v1/workers>; rel=\"first\", <{link}>; rel=\"next\"");
        if let Ok(value) = http::HeaderValue::try_from(text) {
            answer.headers_mut().insert("link", value);
        }
    }
    answer
}
