//! `BambooHR`: the list of employees with cursors, the list of changes, one employee, with a key as the
//! name of a Basic header (documentation.bamboohr.com, "List Employees", "Get Changed Employee IDs",
//! "Get Employee").

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::Response;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::{Asked, Peer, State, Trouble, page_of, plain, reply};
use crate::{Kind, Standing, Worker};

/// The key that it lets in.
pub const KEY: &str = "b-1";
/// Where it lives.
pub const ORIGIN: &str = "https://woodgrove.bamboohr.example";

/// Changes: employee id, what became of it, and when.
pub type Changes = Arc<Mutex<Vec<(String, &'static str, Timestamp)>>>;

/// What is beside the list.
#[derive(Clone, Default)]
pub struct Extra {
    /// What changed.
    pub changes: Changes,
    /// Fields that whoever asks may not see.
    pub restricted: Vec<&'static str>,
}

/// One with these workers.
pub fn peer(workers: Vec<Worker>, extra: Extra, troubles: Vec<Trouble>) -> Peer {
    Peer::new(workers, troubles, move |state, asked| {
        answer(state, asked, &extra)
    })
}

/// What it calls a worker: digits.
pub fn employee_id(id: &str) -> String {
    id.trim_start_matches("C-").to_owned()
}

fn no(status: u16, why: &str) -> Response<Bytes> {
    let mut answer = plain(status, Bytes::new());
    if let Ok(value) = http::HeaderValue::try_from(why) {
        answer
            .headers_mut()
            .insert("x-bamboohr-error-message", value);
    }
    answer
}

fn answer(state: &mut State, asked: &Asked, extra: &Extra) -> Response<Bytes> {
    // base64 of `b-1:x`
    if asked.header("authorization") != "Basic Yi0xOng=" {
        return no(401, "");
    }
    if asked.method != "GET" {
        return no(405, "");
    }
    match asked.path.strip_prefix("/api/v1/employees") {
        Some("") => list(state, asked, extra),
        Some("/changed") => changed(asked, extra),
        Some(rest) => one(state, asked, extra, rest.trim_start_matches('/')),
        None => no(404, ""),
    }
}

fn list(state: &mut State, asked: &Asked, extra: &Extra) -> Response<Bytes> {
    let known = ["fields", "page[limit]", "page[after]", "filter[ids]"];
    if asked.strange(&known).is_some() {
        return reply(400, &json!({"error": {"code": "BadRequest"}}));
    }
    let limit = asked.number("page[limit]", 250);
    let Some(limit) = limit.filter(|it| (1..=2500).contains(it)) else {
        return reply(400, &json!({"error": {"code": "BadRequest"}}));
    };
    let ids: Option<Vec<&str>> = asked
        .query
        .get("filter[ids]")
        .map(|it| it.split(',').collect());
    let fits = |worker: &&Worker| {
        let id = employee_id(&worker.id);
        ids.as_ref().is_none_or(|ids| ids.contains(&id.as_str()))
    };
    let place = |state: &State| match asked.query.get("page[after]") {
        None => Some(0),
        Some(after) => {
            let mut workers = state.workers.iter().filter(fits);
            workers
                .position(|it| employee_id(&it.id) == *after)
                .map(|it| it + 1)
        }
    };
    let Some(begin) = place(state) else {
        return reply(400, &json!({"error": {"code": "InvalidCursor"}}));
    };
    let page = page_of(begin, limit);
    if let Some(answer) = state.begin(page) {
        return answer;
    }
    let begin = place(state).unwrap_or(begin);
    let fields = asked.query.get("fields").map_or("", String::as_str);
    let mut names = vec![
        "employeeId",
        "firstName",
        "lastName",
        "preferredName",
        "photoUrl",
        "jobTitleName",
        "status",
    ];
    names.extend(fields.split(',').filter(|it| !it.is_empty()));
    let workers: Vec<&Worker> = state.workers.iter().filter(fits).collect();
    let all: Vec<Json> = workers.iter().map(|it| shown(it, &names, extra)).collect();
    let count = all.len();
    let given = state.give(page, begin, limit, all);
    let behind = begin + given.records.len();
    let last = given.records.last().map(|it| it["employeeId"].clone());
    let next = last.filter(|_| behind < count);
    reply(
        200,
        &json!({
            "data": given.records,
            "meta": {"total": given.total, "page": {"limit": limit, "nextCursor": next, "prevCursor": null}},
            "_links": {"self": asked.path},
        }),
    )
}

/// Names that are not known are left out; what may not be seen is null, and said so.
fn shown(worker: &Worker, names: &[&str], extra: &Extra) -> Json {
    let all = fields(worker);
    let mut out = serde_json::Map::new();
    let mut restricted = Vec::new();
    for name in names {
        let Some(value) = all.get(name) else { continue };
        let seen = !extra.restricted.contains(name);
        if !seen {
            restricted.push(*name);
        }
        let value = if seen { value.clone() } else { Json::Null };
        out.insert((*name).to_owned(), value);
    }
    out.insert("_restrictedFields".to_owned(), json!(restricted));
    Json::Object(out)
}

fn fields(worker: &Worker) -> BTreeMap<&'static str, Json> {
    let (status, left) = match worker.standing {
        Standing::Active | Standing::OnLeave | Standing::PreHire => ("Active", worker.contract_end),
        Standing::Terminated { on, .. } => ("Inactive", Some(on)),
        Standing::Rescinded => ("Inactive", None),
    };
    let left = left.map_or_else(|| "0000-00-00".to_owned(), |it| it.to_string());
    BTreeMap::from([
        ("employeeId", json!(employee_id(&worker.id))),
        ("employeeNumber", json!(worker.id)),
        ("firstName", json!(worker.first)),
        ("lastName", json!(worker.last)),
        ("preferredName", json!(worker.preferred)),
        ("photoUrl", Json::Null),
        ("jobTitleName", json!(worker.title)),
        ("status", json!(status)),
        ("workEmail", json!(worker.email)),
        ("workPhone", json!(worker.phone)),
        ("departmentName", json!(worker.department.1)),
        ("divisionName", json!(worker.company.1)),
        ("city", json!(worker.city)),
        ("country", json!(worker.country.0)),
        (
            "employmentHistoryStatus",
            json!(if worker.kind == Kind::Employee {
                "Full-Time"
            } else {
                "Contractor"
            }),
        ),
        ("hireDate", json!(worker.hired.to_string())),
        ("terminationDate", json!(left)),
        (
            "supervisorEId",
            json!(worker.manager.as_deref().map(employee_id)),
        ),
    ])
}

/// A map by id, as documented.
fn changed(asked: &Asked, extra: &Extra) -> Response<Bytes> {
    let since = asked
        .query
        .get("since")
        .and_then(|it| it.parse::<Timestamp>().ok());
    let (Some(since), None) = (since, asked.strange(&["since", "type"])) else {
        return no(400, "");
    };
    let changes = extra.changes.lock().unwrap_or_else(PoisonError::into_inner);
    let entries = changes.iter().filter(|(.., at)| *at >= since);
    let entries: serde_json::Map<String, Json> = entries
        .map(|(id, action, at)| {
            let entry = json!({"id": id, "action": action, "lastChanged": at.to_string()});
            (id.clone(), entry)
        })
        .collect();
    let latest = changes.iter().map(|(.., at)| *at).max();
    reply(
        200,
        &json!({"latest": latest.map(|it| it.to_string()), "employees": entries}),
    )
}

fn one(state: &State, asked: &Asked, extra: &Extra, id: &str) -> Response<Bytes> {
    if asked.strange(&["fields", "onlyCurrent"]).is_some() {
        return no(400, "");
    }
    let Some(worker) = state.workers.iter().find(|it| employee_id(&it.id) == id) else {
        return no(404, "");
    };
    let mut out = json!({"id": id});
    let all = fields(worker);
    // What may not be seen is left out without a word here.
    for name in asked
        .query
        .get("fields")
        .map_or("", String::as_str)
        .split(',')
    {
        if let Some(value) = all.get(name).filter(|_| !extra.restricted.contains(&name)) {
            out[name] = value.clone();
        }
    }
    reply(200, &out)
}
