//! Dynamics 365 finance and operations: `/data/Employments` with each one's `Worker`, by OData 4, with
//! tokens of Microsoft Entra's client-credentials grant.
//!
//! Names are those of the service's own metadata. Without `cross-company=true` only the employments of
//! the asking user's company are seen; pages are the server's, and the next one is a link with `$skip`.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::Response;
use jiff::ToSpan as _;
use serde_json::{Map, Value as Json, json};

use super::ask::fields;
use super::{Asked, Peer, State, Trouble, page_of, reply};
use crate::{Kind, Standing, Worker};

/// Where it lives.
pub const ORIGIN: &str = "https://woodgrove.operations.dynamics.example";
/// Where tokens are given.
pub const LOGIN: &str = "https://login.example/tenant-1/oauth2/v2.0/token";
/// Who may have one.
pub const CLIENT: &str = "client-1";
/// With this.
pub const SECRET: &str = "s&1";
/// There is no such day.
pub const OPEN: &str = "2154-12-31T23:59:59Z";

/// One with these workers, and how many a page has. `tokens`: how many questions a token is good for.
pub fn peer(workers: Vec<Worker>, page: usize, tokens: u32, troubles: Vec<Trouble>) -> Peer {
    let token = Mutex::new(Token::default());
    Peer::new(workers, troubles, move |state, asked| {
        let mut token = token.lock().unwrap_or_else(PoisonError::into_inner);
        answer(state, asked, page, tokens, &mut token)
    })
}

/// The newest token, and the questions that it is good for.
#[derive(Default)]
struct Token {
    number: u32,
    left: u32,
}

fn no(status: u16, code: &str) -> Response<Bytes> {
    let body = json!({"error": {"code": code, "message": "An error has occurred.", "innererror": {
        "message": "Could not find Ada", "type": "Microsoft.OData.ODataException"}}});
    reply(status, &body)
}

fn answer(
    state: &mut State,
    asked: &Asked,
    page: usize,
    tokens: u32,
    token: &mut Token,
) -> Response<Bytes> {
    if asked.host == "login.example" {
        return grant(asked, tokens, token);
    }
    let shown = asked.header("authorization") == format!("Bearer token-{}", token.number);
    if !shown || token.left == 0 {
        return no(401, "");
    }
    token.left -= 1;
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "/data/Employments") => list(state, asked, page),
        _ => no(404, ""),
    }
}

fn grant(asked: &Asked, tokens: u32, token: &mut Token) -> Response<Bytes> {
    let form = String::from_utf8_lossy(&asked.body).into_owned();
    let form = fields(&form);
    let is = |name: &str, value: &str| form.get(name).is_some_and(|it| it == value);
    let known = asked.method == "POST"
        && asked.path == "/tenant-1/oauth2/v2.0/token"
        && asked.header("content-type") == "application/x-www-form-urlencoded"
        && is("grant_type", "client_credentials")
        && is("client_id", CLIENT)
        && is("scope", &format!("{ORIGIN}/.default"));
    if !known {
        return reply(400, &json!({"error": "invalid_request"}));
    }
    if !is("client_secret", SECRET) {
        return reply(
            401,
            &json!({"error": "invalid_client", "error_description": "AADSTS7000215"}),
        );
    }
    token.number += 1;
    token.left = tokens;
    let given = token.number;
    reply(
        200,
        &json!({"token_type": "Bearer", "expires_in": 3599, "access_token": format!("token-{given}")}),
    )
}

fn list(state: &mut State, asked: &Asked, page_size: usize) -> Response<Bytes> {
    let known = ["cross-company", "$select", "$expand", "$count", "$skip"];
    if asked.strange(&known).is_some() {
        return no(400, "");
    }
    let Some(begin) = asked.number("$skip", 0) else {
        return no(400, "");
    };
    let everywhere = asked
        .query
        .get("cross-company")
        .is_some_and(|it| it == "true");
    let page = page_of(begin, page_size);
    if let Some(answer) = state.begin(page) {
        return answer;
    }
    let workers = state.workers.iter();
    let workers = workers.filter(|it| everywhere || it.company.0 == "1000");
    let all = workers.flat_map(|it| employments(it).into_iter().map(move |job| (it, job)));
    let all: Option<Vec<Json>> = all.map(|(it, job)| selected(it, &job, asked)).collect();
    let Some(all) = all else {
        return no(400, "");
    };
    let count = all.len();
    let given = state.give(page, begin, page_size, all);
    let behind = begin + given.records.len();
    let mut body = json!({
        "@odata.context": format!("{ORIGIN}/data/$metadata#Employments"),
        "value": given.records,
    });
    if asked.query.get("$count").is_some_and(|it| it == "true") {
        body["@odata.count"] = json!(given.total);
    }
    if behind < count {
        let host = if given.foreign {
            "https://elsewhere.example"
        } else {
            ORIGIN
        };
        let own: Vec<&str> = asked
            .raw
            .split('&')
            .filter(|it| !it.starts_with("$skip="))
            .collect();
        let link = format!("{host}/data/Employments?{}&$skip={behind}", own.join("&"));
        body["@odata.nextLink"] = json!(link);
    }
    reply(200, &body)
}

/// What is asked for of an employment; `None`: there is no such property.
fn selected(worker: &Worker, employment: &Json, asked: &Asked) -> Option<Json> {
    let mut out = pick(employment, asked.query.get("$select").map(String::as_str))?;
    if let Some(expand) = asked.query.get("$expand") {
        let inner = expand.strip_prefix("Worker")?;
        let select = match inner {
            "" => None,
            inner => Some(inner.strip_prefix("($select=")?.strip_suffix(')')?),
        };
        out.insert(
            "Worker".to_owned(),
            Json::Object(pick(&person(worker), select)?),
        );
    }
    out.insert("@odata.etag".to_owned(), json!("W/\"1\""));
    Some(Json::Object(out))
}

fn pick(all: &Json, select: Option<&str>) -> Option<Map<String, Json>> {
    let all = all.as_object()?;
    match select {
        None => Some(all.clone()),
        Some(names) => {
            let one = |name: &str| Some((name.to_owned(), all.get(name)?.clone()));
            names.split(',').map(one).collect()
        }
    }
}

/// Of somebody who was hired again, both.
fn employments(worker: &Worker) -> Vec<Json> {
    let mut out = Vec::new();
    if let Some(first) = worker.originally {
        let mut before = employment(worker);
        let end = worker.hired.saturating_sub(30.days());
        before["EmploymentStartDate"] = json!(format!("{first}T00:00:00Z"));
        before["EmploymentEndDate"] = json!(format!("{end}T00:00:00Z"));
        out.push(before);
    }
    out.push(employment(worker));
    out
}

fn employment(worker: &Worker) -> Json {
    let end = match worker.standing {
        Standing::Terminated { on, .. } => Some(on),
        // Over on the day it was to begin.
        Standing::Rescinded => Some(worker.hired),
        Standing::Active | Standing::PreHire | Standing::OnLeave => worker.contract_end,
    };
    json!({
        "PersonnelNumber": worker.id,
        "LegalEntityId": worker.company.0,
        "EmploymentStartDate": format!("{}T00:00:00Z", worker.hired),
        "EmploymentEndDate": end.map_or_else(|| OPEN.to_owned(), |it| format!("{it}T00:00:00Z")),
        "WorkerType": if worker.kind == Kind::Employee { "Employee" } else { "Contractor" },
        "DimensionDisplayValue": worker.cost_center,
        "RegulatoryEstablishmentId": "",
        "CalendarId": "",
        "CalendarLegalEntityId": "",
    })
}

fn person(worker: &Worker) -> Json {
    let gone = matches!(
        worker.standing,
        Standing::Terminated { .. } | Standing::Rescinded
    );
    json!({
        "PersonnelNumber": worker.id,
        "FirstName": worker.first,
        "LastName": worker.last,
        "KnownAs": worker.preferred.clone().unwrap_or_default(),
        "Name": format!("{} {}", worker.first, worker.last),
        "WorkerStatus": if gone { "Terminated" } else { "Employed" },
        "WorkerType": if worker.kind == Kind::Employee { "Employee" } else { "Contractor" },
        "TitleId": worker.title,
        "PrimaryContactEmail": worker.email,
        "PrimaryContactPhone": worker.phone.clone().unwrap_or_default(),
        "AddressCity": worker.city,
        "AddressCountryRegionISOCode": worker.country.0,
        "OfficeLocationId": worker.location,
        "LanguageId": "en-us",
    })
}
