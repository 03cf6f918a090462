//! One custom report of the tenant, in the forms that a report has.
//!
//! Columns are those of the fixtures. Fields without a value are left out of JSON and XML and are empty
//! in CSV; truths are `0` and `1`; a group is a list even with one element.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{Request, Response};
use rollcall_core::base64;
use serde_json::{Map, Value, json};

use super::people::Seen;
use super::{
    PASSWORD, REPORT_NAME, REPORT_OWNER, Trouble, USER, Workday, decoded, escape, plain, with, xml,
};
use crate::{Kind, Standing};

/// Columns of the report, in its order.
const COLUMNS: [&str; 16] = [
    "Employee_ID",
    "Workday_ID",
    "Worker_Type",
    "Worker_Status",
    "Active_Status",
    "Legal_Name_-_First_Name",
    "Legal_Name_-_Last_Name",
    "Preferred_Name_-_First_Name",
    "primaryWorkEmail",
    "Hire_Date",
    "Termination_Date",
    "Contract_End_Date",
    "Business_Title",
    "Company",
    "Location",
    "Manager_ID",
];

fn fields(who: &Seen<'_>) -> Vec<(&'static str, String)> {
    let worker = who.worker;
    let status = match worker.standing {
        _ if who.is_rescinded => "Hire Rescinded",
        _ if who.is_shell => "Not Yet Started",
        _ if who.gone.is_some() => "Terminated",
        Standing::OnLeave => "On Leave",
        Standing::Active
        | Standing::PreHire
        | Standing::Terminated { .. }
        | Standing::Rescinded => "Active",
    };
    let active = matches!(status, "Active" | "On Leave");
    let kind = match worker.kind {
        Kind::Employee => "Employee",
        Kind::Contingent => "Contingent Worker",
    };
    let values = [
        worker.id.clone(),
        who.person.wid.clone(),
        kind.to_owned(),
        status.to_owned(),
        u8::from(active).to_string(),
        worker.first.clone(),
        worker.last.clone(),
        worker.preferred.clone().unwrap_or_default(),
        worker.email.clone(),
        format!("{}-08:00", worker.hired),
        who.gone.map_or(String::new(), |it| it.0.to_string()),
        worker
            .contract_end
            .map_or(String::new(), |it| it.to_string()),
        worker.title.clone(),
        worker.company.1.clone(),
        worker.location.clone(),
        worker.manager.clone().unwrap_or_default(),
    ];
    COLUMNS.into_iter().zip(values).collect()
}

impl Workday {
    pub(super) fn report(
        &self,
        request: &Request<Bytes>,
        owner: &str,
        name: &str,
    ) -> Response<Bytes> {
        let shown = request.headers().get("authorization");
        let shown = shown.and_then(|it| it.to_str().ok());
        let basic = base64::encode(format!("{USER}:{PASSWORD}").as_bytes());
        let basic = format!("Basic {basic}");
        match self.shows_token(request) {
            Some(true) => {}
            None if shown == Some(&basic) => {}
            Some(false) | None => return plain(401, ""),
        }
        if decoded(owner) != REPORT_OWNER || decoded(name) != REPORT_NAME {
            return plain(404, "");
        }
        let query = request.uri().query().unwrap_or_default();
        let (mut form, mut company) = (None, None);
        for (key, value) in query.split('&').filter_map(|it| it.split_once('=')) {
            match key {
                "format" => form = Some(value.to_owned()),
                "Company" => company = Some(decoded(value)),
                _ => return plain(400, ""),
            }
        }
        let mut inner = self.lock();
        if let Some(status) = inner.fails(1) {
            return plain(status, "");
        }
        if inner.is(|it| matches!(it, Trouble::NotAuthorized)) {
            return plain(403, "");
        }
        let day = inner.clock.to_zoned(jiff::tz::TimeZone::UTC).date();
        let without = inner.troubles.iter().find_map(|it| {
            if let Trouble::WithoutColumn(name) = it {
                Some(*name)
            } else {
                None
            }
        });
        let none = inner.is(|it| matches!(it, Trouble::NoRows));
        let seen = inner
            .people
            .iter()
            .filter_map(|it| it.seen(day, inner.clock));
        let seen = seen.filter(|it| company.as_ref().is_none_or(|of| it.worker.company.0 == *of));
        let rows: Vec<Vec<(&str, String)>> = seen
            .filter(|_| !none)
            .map(|it| {
                let all = fields(&it).into_iter();
                all.filter(|it| Some(it.0) != without).collect()
            })
            .collect();
        let names: Vec<&str> = COLUMNS
            .into_iter()
            .filter(|it| Some(*it) != without)
            .collect();
        let body = match form.as_deref() {
            Some("json") => as_json(&rows),
            Some("csv") => as_csv(&names, &rows),
            Some("xml") => return xml(200, as_xml(&rows, true)),
            Some("simplexml") => return xml(200, as_xml(&rows, false)),
            Some(_) | None => return plain(400, ""),
        };
        with(200, "application/octet-stream", body.into())
    }
}

fn as_json(rows: &[Vec<(&str, String)>]) -> String {
    let entries = rows.iter().map(|row| {
        let mut entry = Map::new();
        for (name, value) in row.iter().filter(|it| !it.1.is_empty()) {
            entry.insert((*name).to_owned(), Value::String(value.clone()));
        }
        let group = json!([{"Position_ID": format!("P-{}", row[0].1)}]);
        entry.insert("Jobs_group".to_owned(), group);
        Value::Object(entry)
    });
    json!({"Report_Entry": entries.collect::<Vec<_>>()}).to_string()
}

fn as_csv(names: &[&str], rows: &[Vec<(&str, String)>]) -> String {
    let mut out = names.join(",");
    out.push('\n');
    for row in rows {
        let cells = row.iter().map(|it| {
            if it.1.contains(['"', ',', '\n']) {
                format!("\"{}\"", it.1.replace('"', "\"\""))
            } else {
                it.1.clone()
            }
        });
        out.push_str(&cells.collect::<Vec<_>>().join(","));
        out.push('\n');
    }
    out
}

fn as_xml(rows: &[Vec<(&str, String)>], with_namespace: bool) -> String {
    let prefix = if with_namespace { "wd:" } else { "" };
    let space = if with_namespace {
        " xmlns:wd=\"urn:com.workday.report/INT_Rollcall_Workers\""
    } else {
        ""
    };
    let mut out =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{prefix}Report_Data{space}>");
    for row in rows {
        write!(out, "<{prefix}Report_Entry>").expect("a string");
        for (name, value) in row.iter().filter(|it| !it.1.is_empty()) {
            let value = escape(value);
            if *name == "Company" && with_namespace {
                write!(
                    out,
                    "<{prefix}{name} wd:Descriptor=\"{value}\"><wd:ID wd:type=\"WID\">0</wd:ID>\
                     </{prefix}{name}>"
                )
            } else {
                write!(out, "<{prefix}{name}>{value}</{prefix}{name}>")
            }
            .expect("a string");
        }
        let id = &row[0].1;
        write!(
            out,
            "<{prefix}Jobs_group><{prefix}Position_ID>P-{id}</{prefix}Position_ID>\
             </{prefix}Jobs_group></{prefix}Report_Entry>"
        )
        .expect("a string");
    }
    write!(out, "</{prefix}Report_Data>").expect("a string");
    out
}
