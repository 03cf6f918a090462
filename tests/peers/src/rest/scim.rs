//! A SCIM 2.0 gateway in front of an HR system (RFC 7643, 7644, 9865), with a token.
//!
//! The gateway's `id` is what HR calls the worker. Days stand in an extension of its own, as gateways
//! have it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::Response;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::{Asked, Peer, State, Trouble, page_of, reply};
use crate::{Kind, Standing, Worker};

/// The token that it lets in.
pub const TOKEN: &str = "t-1";
/// Where it lives.
pub const ORIGIN: &str = "https://scim.example";
/// How many it gives at once.
pub const MOST: usize = 100;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// The gateway's own.
pub const HR: &str = "urn:ietf:params:scim:schemas:extension:hr:2.0:User";
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// When workers changed, by id; everybody else at [`BEGAN`].
pub type Changed = Arc<Mutex<BTreeMap<String, Timestamp>>>;

/// When everybody changed first.
pub const BEGAN: &str = "2026-01-01T00:00:00Z";

/// One with these workers, and whether it has cursors.
pub fn peer(workers: Vec<Worker>, cursors: bool, changed: Changed, troubles: Vec<Trouble>) -> Peer {
    Peer::new(workers, troubles, move |state, asked| {
        answer(state, asked, cursors, &changed)
    })
}

fn error(status: u16, kind: &str) -> Response<Bytes> {
    let mut body = json!({
        "schemas": [ERROR], "status": status.to_string(), "detail": "Ada Lovelace has no access",
    });
    if !kind.is_empty() {
        body["scimType"] = json!(kind);
    }
    reply(status, &body)
}

fn answer(state: &mut State, asked: &Asked, cursors: bool, changed: &Changed) -> Response<Bytes> {
    if asked.header("authorization") != format!("Bearer {TOKEN}") {
        return error(401, "");
    }
    if asked.method != "GET" {
        return error(405, "");
    }
    match asked.path.as_str() {
        "/scim/v2/ServiceProviderConfig" => of_itself(cursors),
        "/scim/v2/Users" => users(state, asked, cursors, changed),
        _ => error(404, ""),
    }
}

fn of_itself(cursors: bool) -> Response<Bytes> {
    reply(
        200,
        &json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
            "patch": {"supported": false},
            "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
            "filter": {"supported": true, "maxResults": MOST},
            "changePassword": {"supported": false},
            "sort": {"supported": false},
            "etag": {"supported": false},
            "pagination": {"cursor": cursors, "index": true, "defaultPaginationMethod": "index"},
            "authenticationSchemes": [{"type": "oauthbearertoken", "name": "token"}],
        }),
    )
}

fn users(state: &mut State, asked: &Asked, cursors: bool, changed: &Changed) -> Response<Bytes> {
    let known = ["startIndex", "count", "cursor", "filter", "attributes"];
    if asked.strange(&known).is_some() {
        return error(400, "invalidSyntax");
    }
    let by_cursor = asked.query.get("cursor");
    if by_cursor.is_some() && (!cursors || asked.query.contains_key("startIndex")) {
        return error(400, "invalidValue");
    }
    let condition = match asked.query.get("filter").map(|it| Condition::parse(it)) {
        None => None,
        Some(Some(condition)) => Some(condition),
        Some(None) => return error(400, "invalidFilter"),
    };
    let condition = condition.filter(|_| !state.has(|it| *it == Trouble::IgnoresFilter));
    // Less than one is one (RFC 7644, section 3.4.2.4).
    let (start, count) = (asked.number("startIndex", 1), asked.number("count", MOST));
    let Some((start, count)) = start.zip(count) else {
        return error(400, "invalidValue");
    };
    let (start, count) = (start.max(1), count.min(MOST));
    let changed = changed
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let at = |worker: &Worker| {
        let began = BEGAN.parse().unwrap_or(Timestamp::UNIX_EPOCH);
        changed.get(&worker.id).copied().unwrap_or(began)
    };
    let place = |state: &State| match by_cursor.map(String::as_str) {
        None => Some(start - 1),
        Some("") => Some(0),
        Some(id) => state
            .workers
            .iter()
            .position(|it| it.id == *id)
            .map(|it| it + 1),
    };
    let Some(begin) = place(state) else {
        return error(400, "invalidCursor");
    };
    let page = page_of(begin, count);
    if let Some(answer) = state.begin(page) {
        return answer;
    }
    let begin = place(state).unwrap_or(begin);
    let fits = |it: &&Worker| condition.as_ref().is_none_or(|c| c.holds(it, at(it)));
    let workers: Vec<Worker> = state.workers.iter().filter(fits).cloned().collect();
    let all: Vec<Json> = workers.iter().map(|it| user(it, at(it))).collect();
    let count_all = all.len();
    let given = state.give(page, begin, count, all);
    let attributes = asked.query.get("attributes");
    let records: Vec<Json> = match attributes {
        None => given.records,
        Some(names) => given.records.iter().map(|it| only(it, names)).collect(),
    };
    let mut body = json!({
        "schemas": [LIST], "totalResults": given.total, "itemsPerPage": records.len(),
    });
    if by_cursor.is_none() {
        body["startIndex"] = json!(start);
    } else if begin + records.len() < count_all {
        let last = workers.get(begin + records.len() - 1);
        body["nextCursor"] = json!(last.map(|it| it.id.clone()));
    }
    // Only where there is anything at all (RFC 7644, section 3.4.2).
    if !records.is_empty() {
        body["Resources"] = json!(records);
    }
    reply(200, &body)
}

/// A worker as a SCIM resource. What has no value is not in it (RFC 7643, section 2.5).
fn user(worker: &Worker, modified: Timestamp) -> Json {
    let (active, left) = match worker.standing {
        Standing::Active | Standing::OnLeave => (true, worker.contract_end),
        Standing::PreHire | Standing::Rescinded => (false, None),
        Standing::Terminated { on, .. } => (false, Some(on)),
    };
    let mut out = json!({
        "schemas": [USER, ENTERPRISE, HR],
        "id": worker.id,
        "externalId": worker.id,
        "userName": worker.user_name,
        "name": {"givenName": worker.first, "familyName": worker.last},
        "displayName": format!("{} {}", worker.first, worker.last),
        "title": worker.title,
        "userType": if worker.kind == Kind::Employee { "Employee" } else { "Contractor" },
        "active": active,
        "emails": [
            {"value": worker.private_email, "type": "home"},
            {"value": worker.email, "type": "work", "primary": true},
        ],
        "addresses": [{"type": "work", "locality": worker.city, "country": worker.country.0}],
        "meta": {
            "resourceType": "User", "created": BEGAN, "lastModified": modified.to_string(),
            "location": format!("{ORIGIN}/scim/v2/Users/{}", worker.id),
        },
        ENTERPRISE: {
            "employeeNumber": worker.id, "costCenter": worker.cost_center,
            "organization": worker.company.1, "department": worker.department.1,
        },
        HR: {"hireDate": worker.hired.to_string()},
    });
    if let Some(preferred) = &worker.preferred {
        out["nickName"] = json!(preferred);
    }
    if let Some(phone) = &worker.phone {
        out["phoneNumbers"] = json!([{"value": phone, "type": "work"}]);
    }
    if let Some(manager) = &worker.manager {
        out[ENTERPRISE]["manager"] = json!({"value": manager});
    }
    if let Some(left) = left {
        out[HR]["lastDay"] = json!(left.to_string());
    }
    out
}

/// Only what is asked for, and what is always there.
fn only(user: &Json, names: &str) -> Json {
    let mut out = json!({"schemas": user["schemas"], "id": user["id"]});
    for name in names.split(',') {
        let (schema, name) = match name.rsplit_once(':') {
            Some((schema, name)) => (Some(schema), name),
            None => (None, name),
        };
        let from = schema.map_or(user, |it| &user[it]);
        let (top, below) = name.split_once('.').unwrap_or((name, ""));
        let Some(value) = from.get(top) else { continue };
        let into = match schema {
            Some(schema) => {
                if out.get(schema).is_none() {
                    out[schema] = json!({});
                }
                &mut out[schema]
            }
            None => &mut out,
        };
        if below.is_empty() || !value.is_object() {
            into[top] = value.clone();
        } else if let Some(value) = value.get(below) {
            if into.get(top).is_none() {
                into[top] = json!({});
            }
            into[top][below] = value.clone();
        }
    }
    out
}

/// The conditions that it knows, with `and` between.
struct Condition(Vec<(String, String, String)>);

impl Condition {
    fn parse(text: &str) -> Option<Self> {
        let one = |text: &str| {
            let mut parts = text.trim().splitn(3, ' ');
            let (name, op, value) = (parts.next()?, parts.next()?, parts.next()?);
            let value = value.strip_prefix('"')?.strip_suffix('"')?;
            let knows = match name {
                "meta.lastModified" => {
                    matches!(op, "gt" | "ge") && value.parse::<Timestamp>().is_ok()
                }
                "id" | "externalId" | "userName" => op == "eq",
                _ => false,
            };
            knows.then(|| (name.to_owned(), op.to_owned(), value.to_owned()))
        };
        text.split(" and ")
            .map(one)
            .collect::<Option<_>>()
            .map(Self)
    }

    fn holds(&self, worker: &Worker, modified: Timestamp) -> bool {
        self.0.iter().all(|(name, op, value)| match name.as_str() {
            "meta.lastModified" => value.parse::<Timestamp>().is_ok_and(|it| {
                if op == "gt" {
                    modified > it
                } else {
                    modified >= it
                }
            }),
            "userName" => worker.user_name == *value,
            _ => worker.id == *value,
        })
    }
}
