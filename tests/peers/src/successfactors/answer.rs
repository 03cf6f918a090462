//! What is answered to a request.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "one trouble is looked for among all"
)]

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use jiff::tz::TimeZone;
use rollcall_core::base64;
use serde_json::{Value, json};

use super::filter::holds;
use super::query::{self, Query, Refused};
use super::render::person;
use super::schema::{entity, metadata};
use super::trouble::Trouble;
use super::{State, token};

const SERVICE: &str = "/odata/v2/";

/// An answer with a body.
pub(crate) fn respond(status: u16, kind: &str, body: impl Into<Bytes>) -> Response<Bytes> {
    let answer = Response::builder()
        .status(status)
        .header("content-type", kind);
    answer.body(body.into()).expect("a response")
}

/// An error as the service says it.
pub(crate) fn error(state: &State, (status, code, text): Refused) -> Response<Bytes> {
    if state.has(&Trouble::XmlErrors) {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><error xmlns=\"http://schemas.microsoft.com/ado/2007/08/dataservices/metadata\">\
             <code>{code}</code><message xml:lang=\"en-US\">{text}</message></error>"
        );
        return respond(status, "application/xml", body);
    }
    let body = json!({"error": {"code": code, "message": {"lang": "en-US", "value": text}}});
    respond(status, "application/json", body.to_string())
}

pub(crate) fn answer(state: &mut State, request: &Request<Bytes>, target: &str) -> Response<Bytes> {
    let (path, raw) = target.split_once('?').unwrap_or((target, ""));
    let method = request.method().as_str();
    match (method, path) {
        ("POST", "/oauth/token") => return token::by_assertion(state, request),
        ("POST", "/oauth2/token") => return token::by_secret(state, request),
        ("GET", _) => {}
        _ => {
            return error(
                state,
                (
                    405,
                    "MethodNotAllowedException",
                    format!("HTTP method '{method}' is not allowed for this resource."),
                ),
            );
        }
    }
    if let Some(answer) = unwell(state) {
        return answer;
    }
    if let Err(refused) = let_in(state, request.headers()) {
        return error(state, refused);
    }
    let session = session(state, request.headers());
    let fixed = state
        .raw
        .iter()
        .find(|(part, _)| target.contains(part.as_str()))
        .map(|(_, body)| body.clone());
    let answers = |it: &Trouble| match it {
        Trouble::Answers {
            status,
            body,
            times,
        } => Some(((*status, body.clone()), *times)),
        _ => None,
    };
    if let Some((status, body)) = state.strikes(answers) {
        return respond(status, "application/json", body);
    }
    let answer = match fixed {
        Some(body) => Ok(respond(200, "application/json", body)),
        None => serve(state, path, raw, &session, request.headers()),
    };
    let mut answer = answer.unwrap_or_else(|refused| error(state, refused));
    let csrf = state.sessions.get(&session).cloned().unwrap_or_default();
    let headers = answer.headers_mut();
    let cookie = format!("JSESSIONID={session}; Path=/; Secure; HttpOnly");
    headers.insert("set-cookie", cookie.parse().expect("a header"));
    headers.insert("x-csrf-token", csrf.parse().expect("a header"));
    answer
}

fn unwell(state: &mut State) -> Option<Response<Bytes>> {
    let busy = |it: &Trouble| {
        if let Trouble::Busy(times) = it {
            Some(((), *times))
        } else {
            None
        }
    };
    if state.strikes(busy).is_some() {
        let text = "The request has timed out. OData metadata is being generated for the same instance in another thread. Please try again later";
        return Some(error(
            state,
            (500, "COE_GENERAL_SERVER_FAILURE", text.to_owned()),
        ));
    }
    let throttles = |it: &Trouble| {
        if let Trouble::Throttles(times) = it {
            Some(((), *times))
        } else {
            None
        }
    };
    if state.strikes(throttles).is_some() {
        return Some(respond(429, "text/plain", "Too Many Requests"));
    }
    let down = |it: &Trouble| {
        if let Trouble::Maintenance(times) = it {
            Some(((), *times))
        } else {
            None
        }
    };
    if state.strikes(down).is_some() {
        let page = "<html><body>The Successfactors HCM suite is currently undergoing scheduled maintenance.</body></html>";
        return Some(respond(503, "text/html", page));
    }
    None
}

fn let_in(state: &mut State, headers: &HeaderMap) -> Result<(), Refused> {
    let shown = headers.get("authorization").and_then(|it| it.to_str().ok());
    let Some(shown) = shown.and_then(|it| it.strip_prefix("Bearer ")) else {
        return Err((
            403,
            "CREDENTIALS_MISSING",
            "[LGN0003]Authentication credentials are required.".to_owned(),
        ));
    };
    let Some(uses) = state.tokens.get_mut(shown) else {
        return Err((
            403,
            "TOKEN_INVALID",
            "[LGN0007]Invalid OAuth token. Please validate the value for your OAuth token."
                .to_owned(),
        ));
    };
    if *uses == 0 {
        return Err((
            403,
            "INTERNAL_TOKEN_EXPIRED",
            "[LGN0006]Token has been expired.".to_owned(),
        ));
    }
    *uses -= 1;
    if state.has(&Trouble::Forbidden) {
        let text = "[COE0020]User SFAPI doesn't have the 'Employee Central HRIS OData API' access permission for PerPerson";
        return Err((403, "COE_GENERAL_FORBIDDEN", text.to_owned()));
    }
    Ok(())
}

/// The session of a request, a new one where it names none.
fn session(state: &mut State, headers: &HeaderMap) -> String {
    let cookie = headers
        .get("cookie")
        .and_then(|it| it.to_str().ok())
        .unwrap_or_default();
    let named = cookie
        .split("; ")
        .find_map(|it| it.strip_prefix("JSESSIONID="));
    if let Some(known) = named.filter(|it| state.sessions.contains_key(*it)) {
        return known.to_owned();
    }
    let (id, csrf) = (state.chance.guid(), state.chance.guid());
    state.sessions.insert(id.clone(), csrf);
    id
}

fn serve(
    state: &mut State,
    path: &str,
    raw: &str,
    session: &str,
    headers: &HeaderMap,
) -> Result<Response<Bytes>, Refused> {
    let Some(resource) = path.strip_prefix(SERVICE) else {
        return Err((
            404,
            "CATEGORY_DENIED",
            "[LGN0001]Invalid endpoint".to_owned(),
        ));
    };
    let (name, tail) = resource.split_once('/').unwrap_or((resource, ""));
    let unknown = |name: &str| {
        (
            400,
            "COE_ENTITY_NOT_FOUND",
            format!("[COE0007]invalid entity (or function) name: {name}"),
        )
    };
    match tail {
        "$metadata" => {
            let names: Vec<&str> = name.split(',').collect();
            if let Some(wrong) = names.iter().find(|it| entity(it).is_none()) {
                return Err(unknown(wrong));
            }
            Ok(respond(200, "application/xml", metadata(&names)))
        }
        _ if name != "PerPerson" => Err(unknown(name)),
        "$count" => {
            let query = query::read(raw)?;
            let moves = state.has(&Trouble::CountMoves);
            let mut count = matching(state, &query).len();
            if moves {
                count += state.log.iter().filter(|it| it.contains("/$count")).count();
            }
            Ok(respond(200, "text/plain", count.to_string()))
        }
        "" => people(state, raw, session, headers),
        _ => Err((
            404,
            "CATEGORY_DENIED",
            "[LGN0001]Invalid endpoint".to_owned(),
        )),
    }
}

/// Keys of people who meet the filter.
fn matching(state: &State, query: &Query) -> Vec<String> {
    if state.has(&Trouble::NobodySeen) {
        return Vec::new();
    }
    let lost = |key: &str| {
        query.by_key
            && state
                .find(|it| matches!(it, Trouble::LosesKey(id) if id == key).then_some(()))
                .is_some()
    };
    let meets = |it: &&Value| query.filter.as_ref().is_none_or(|test| holds(test, it));
    let stranger = query.by_key && state.has(&Trouble::Stranger);
    let mut keys: Vec<String> = state
        .people
        .iter()
        .filter(meets)
        .map(key)
        .filter(|it| !lost(it))
        .collect();
    // Pages by cursor go by key.
    if query.paging.as_deref() == Some("cursor") {
        keys.sort_unstable();
    }
    if stranger && let Some(other) = state.people.iter().map(key).find(|it| !keys.contains(it)) {
        keys.push(other);
    }
    keys
}

fn key(person: &Value) -> String {
    person["personIdExternal"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn people(
    state: &mut State,
    raw: &str,
    session: &str,
    headers: &HeaderMap,
) -> Result<Response<Bytes>, Refused> {
    let query = query::read(raw)?;
    let ignores = state.has(&Trouble::IgnoresPaging);
    let paging = query.paging.as_deref().filter(|_| !ignores);
    let (keys, row) = list(state, &query, paging, session, headers)?;
    let number = u32::try_from(row / query.size).unwrap_or(u32::MAX) + 1;
    let long = !query.by_key && query.top.is_none();
    if long && let Some(refused) = failing(state, number) {
        return Ok(refused);
    }
    let end = (row + query.size)
        .min(keys.len())
        .min(query.top.map_or(usize::MAX, |top| row + top));
    let mut page: Vec<String> = keys.get(row..end).unwrap_or_default().to_vec();
    let mut next = (end < keys.len() && query.top.is_none()).then_some(end);
    let mut host = format!("https://{}:443", state.setup.host);
    let mut first = false;
    if long {
        let is = |it: &Trouble| match it {
            Trouble::PageAgain(at) if *at + 1 == number => Some(1),
            Trouble::LinkBack(at) if *at == number => Some(2),
            Trouble::ForeignLink(at) if *at == number => Some(3),
            Trouble::LosesPage(at) if *at == number => Some(4),
            Trouble::ShortPage(at) if *at == number => Some(5),
            Trouble::EmptyPage(at) if *at == number => Some(6),
            _ => None,
        };
        match state.find(is) {
            Some(1) => page = keys.get(row - query.size..row).unwrap_or_default().to_vec(),
            Some(2) => first = true,
            Some(3) => "https://elsewhere.example:443".clone_into(&mut host),
            Some(4) => next = next.map(|it| it + query.size).filter(|it| *it < keys.len()),
            Some(5) => drop(page.pop()),
            Some(6) => page.clear(),
            _ => {}
        }
    }
    let day = query
        .as_of
        .unwrap_or_else(|| state.setup.clock.now().to_zoned(TimeZone::UTC).date());
    let people = state.people.iter().map(|it| (key(it), it));
    let people: BTreeMap<String, &Value> = people.collect();
    let found = page.iter().filter_map(|id| people.get(id).copied());
    let results: Vec<Value> = found
        .map(|it| person(state, &query.shape, it, day))
        .collect();
    let mut answer = json!({"results": results});
    if first {
        answer["__next"] = json!(format!("{host}/odata/v2/PerPerson?{raw}"));
    } else if let Some(next) = next {
        let skip = skiptoken(&query, paging, &keys, next, state, session);
        answer["__next"] = json!(format!(
            "{host}/odata/v2/PerPerson?{}&$skiptoken={skip}",
            query.rest
        ));
    }
    if long {
        shift(state, number);
    }
    Ok(respond(
        200,
        "application/json;charset=utf-8",
        json!({"d": answer}).to_string(),
    ))
}

/// HR at work behind a page.
fn shift(state: &mut State, number: u32) {
    let after = |it: &Trouble| match it {
        Trouble::ShiftsAfter(at) if *at == number => Some((1, 1)),
        Trouble::Swaps { page, people } if *page == number => Some((*people, 1)),
        _ => None,
    };
    for at in 0..state.strikes(after).unwrap_or(0).min(state.people.len()) {
        let mut newcomer = state.people.remove(0);
        newcomer["personIdExternal"] = json!((99_999 - at).to_string());
        state.people.push(newcomer);
    }
}

fn failing(state: &mut State, number: u32) -> Option<Response<Bytes>> {
    let fails = |it: &Trouble| match it {
        Trouble::FailsPage {
            page,
            times,
            status,
        } if *page == number => Some((*status, *times)),
        _ => None,
    };
    if let Some(status) = state.strikes(fails) {
        return Some(error(
            state,
            (
                status,
                "COE_GENERAL_SERVER_FAILURE",
                "internal server error".to_owned(),
            ),
        ));
    }
    state
        .has(&Trouble::Garbage(number))
        .then(|| respond(200, "text/html", "<html>sign in</html>"))
}

/// The whole list behind a question, and the row that its page begins at.
fn list(
    state: &mut State,
    query: &Query,
    paging: Option<&str>,
    session: &str,
    headers: &HeaderMap,
) -> Result<(Vec<String>, usize), Refused> {
    let bad = |text: &str| (400, "COE_GENERAL_BAD_REQUEST", format!("[COE0018]{text}"));
    let Some(skip) = &query.skip else {
        if paging == Some("snapshot") && state.has(&Trouble::SnapshotBlocked) {
            let text = "We have temporarily blocked the snapshot pagination request from companyUser WoodgroveT1|SFAPI for all entities";
            return Err((403, "COE_SNAPSHOT_BAD_REQUEST", text.to_owned()));
        }
        return Ok((matching(state, query), 0));
    };
    let token: Value = base64::decode(skip)
        .and_then(|it| serde_json::from_slice(&it).ok())
        .ok_or_else(|| bad("Invalid skiptoken"))?;
    if let Some(name) = token["snapshot"].as_str() {
        let row = usize::try_from(token["row"].as_u64().unwrap_or(0)).unwrap_or(0);
        let number = u32::try_from(row / query.size).unwrap_or(0) + 1;
        let (began, keys) = state
            .snapshots
            .get(name)
            .ok_or_else(|| bad("Invalid skiptoken"))?;
        let csrf = headers.get("x-csrf-token").and_then(|it| it.to_str().ok());
        if began != session || csrf != state.sessions.get(session).map(String::as_str) {
            return Err(bad("the session of the snapshot is another one"));
        }
        if state.has(&Trouble::SnapshotOver(number)) {
            return Err(bad("the snapshot has expired"));
        }
        return Ok((keys.clone(), row));
    }
    if let Some(after) = token["after"].as_str() {
        let keys = matching(state, query);
        let row = keys
            .iter()
            .position(|it| it.as_str() > after)
            .unwrap_or(keys.len());
        return Ok((keys, row));
    }
    let row = token["startRow"]
        .as_u64()
        .ok_or_else(|| bad("Invalid skiptoken"))?;
    Ok((matching(state, query), usize::try_from(row).unwrap_or(0)))
}

fn skiptoken(
    query: &Query,
    paging: Option<&str>,
    keys: &[String],
    next: usize,
    state: &mut State,
    session: &str,
) -> String {
    let token = match paging {
        Some("snapshot") => {
            let old = query
                .skip
                .as_deref()
                .and_then(base64::decode)
                .and_then(|it| serde_json::from_slice::<Value>(&it).ok());
            let old = old.and_then(|it| it["snapshot"].as_str().map(str::to_owned));
            let name = old.unwrap_or_else(|| state.chance.guid());
            state
                .snapshots
                .entry(name.clone())
                .or_insert_with(|| (session.to_owned(), keys.to_vec()));
            json!({"snapshot": name, "row": next})
        }
        Some(_) => json!({"after": keys[next - 1]}),
        None => json!({"startRow": next, "endRow": next + query.size}),
    };
    base64::encode(token.to_string().as_bytes())
}
