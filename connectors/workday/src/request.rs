//! A `Get_Workers` request, as the schema of v30.0 and later has it.
//!
//! Invariant: every page of a pull, and every question after it, carries the same moment of entry, so
//! that what HR enters meanwhile can move nobody between pages.

use std::fmt::Write as _;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use rollcall_http::Secret;

use crate::config::Config;

/// Whom a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whom {
    /// Everybody of the population.
    Everybody,
    /// Whoever may have changed.
    Changed(Window),
    /// These, by WID.
    Named(Vec<String>),
}

/// Changes that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// Entered from here on.
    pub(crate) from: Timestamp,
    /// The end of the last pull.
    pub(crate) cursor: Timestamp,
    /// Up to here: the moment of entry of this pull.
    pub(crate) through: Timestamp,
    /// Effective from this day on, however long ago they were entered.
    pub(crate) effective_from: Date,
    /// Up to this day.
    pub(crate) effective_through: Date,
}

impl Window {
    /// From the end of the last pull to now, with days and minutes to spare: a worker who is seen twice
    /// costs a comparison, one who is not seen is missed. `None` where it cannot be said in a calendar.
    pub(crate) fn since(
        (cursor, then): (Timestamp, Date),
        (now, today): (Timestamp, Date),
        overlap_minutes: u32,
    ) -> Option<Self> {
        let overlap = SignedDuration::from_mins(i64::from(overlap_minutes));
        Some(Self {
            from: cursor.checked_sub(overlap).ok()?,
            cursor,
            through: now,
            // Effective moments are midnights of the tenant's zone: a day on each side covers all.
            effective_from: then.checked_sub(1.day()).ok()?,
            effective_through: today.checked_add(1.day()).ok()?,
        })
    }
}

/// One page of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question<'a> {
    pub(crate) whom: &'a Whom,
    pub(crate) as_of_day: Date,
    pub(crate) as_of_entry: Timestamp,
    pub(crate) page: u32,
    pub(crate) count: u32,
    pub(crate) flags: &'a [&'static str],
}

/// Who asks, in the message itself.
#[derive(Clone, Copy)]
pub(crate) struct Signed<'a> {
    /// `user@tenant`.
    pub(crate) name: &'a str,
    pub(crate) password: &'a Secret,
}

const WSSE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const PASSWORD_TEXT: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText";

/// `2026-03-16T10:00:00.000Z`.
pub(crate) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The whole envelope.
pub(crate) fn envelope(
    config: &Config,
    question: &Question<'_>,
    signed: Option<Signed<'_>>,
) -> String {
    let mut out = String::with_capacity(4096);
    out.push_str(concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
        "<env:Envelope xmlns:env=\"http://schemas.xmlsoap.org/soap/envelope/\" ",
        "xmlns:wd=\"urn:com.workday/bsvc\">",
    ));
    if let Some(signed) = signed {
        element(
            &mut out,
            "<env:Header><wsse:Security env:mustUnderstand=\"1\" xmlns:wsse=\"",
            &[WSSE, "\"><wsse:UsernameToken><wsse:Username>"],
        );
        escape(&mut out, signed.name);
        element(
            &mut out,
            "</wsse:Username><wsse:Password Type=\"",
            &[PASSWORD_TEXT, "\">"],
        );
        escape(&mut out, signed.password.reveal());
        out.push_str("</wsse:Password></wsse:UsernameToken></wsse:Security></env:Header>");
    }
    out.push_str("<env:Body><wd:Get_Workers_Request wd:version=\"");
    escape(&mut out, config.version());
    out.push_str("\">");
    whom(&mut out, config, question.whom);
    let Question {
        as_of_day,
        as_of_entry,
        page,
        count,
        ..
    } = question;
    let entry = moment(*as_of_entry);
    write!(
        out,
        "<wd:Response_Filter><wd:As_Of_Effective_Date>{as_of_day}</wd:As_Of_Effective_Date>\
         <wd:As_Of_Entry_DateTime>{entry}</wd:As_Of_Entry_DateTime>\
         <wd:Page>{page}</wd:Page><wd:Count>{count}</wd:Count></wd:Response_Filter>\
         <wd:Response_Group>"
    )
    .expect("writing to a string cannot fail");
    for flag in question.flags {
        write!(out, "<wd:{flag}>1</wd:{flag}>").expect("writing to a string cannot fail");
    }
    out.push_str("</wd:Response_Group></wd:Get_Workers_Request></env:Body></env:Envelope>");
    out
}

fn element(out: &mut String, first: &str, more: &[&str]) {
    out.push_str(first);
    for part in more {
        out.push_str(part);
    }
}

fn whom(out: &mut String, config: &Config, whom: &Whom) {
    if let Whom::Named(wids) = whom {
        // Who is not seen as of that day fails nobody else's question.
        out.push_str("<wd:Request_References wd:Skip_Non_Existing_Instances=\"true\">");
        for wid in wids {
            out.push_str("<wd:Worker_Reference><wd:ID wd:type=\"WID\">");
            escape(out, wid);
            out.push_str("</wd:ID></wd:Worker_Reference>");
        }
        out.push_str("</wd:Request_References>");
        return;
    }
    out.push_str("<wd:Request_Criteria>");
    if let Whom::Changed(window) = whom {
        let from = moment(window.from);
        let cursor = moment(window.cursor);
        let through = moment(window.through);
        // No type is named: corrections and rescinds come only where they are not filtered away.
        write!(
            out,
            "<wd:Transaction_Log_Criteria_Data><wd:Transaction_Date_Range_Data>\
             <wd:Updated_From>{from}</wd:Updated_From>\
             <wd:Updated_Through>{through}</wd:Updated_Through>\
             </wd:Transaction_Date_Range_Data></wd:Transaction_Log_Criteria_Data>\
             <wd:Transaction_Log_Criteria_Data><wd:Transaction_Date_Range_Data>\
             <wd:Updated_From>1900-01-01T00:00:00.000Z</wd:Updated_From>\
             <wd:Updated_Through>{cursor}</wd:Updated_Through>\
             <wd:Effective_From>{}T00:00:00.000Z</wd:Effective_From>\
             <wd:Effective_Through>{}T00:00:00.000Z</wd:Effective_Through>\
             </wd:Transaction_Date_Range_Data></wd:Transaction_Log_Criteria_Data>",
            window.effective_from, window.effective_through
        )
        .expect("writing to a string cannot fail");
    }
    // Whoever has left is part of everybody: the flag that they did is what is looked for.
    out.push_str("<wd:Exclude_Inactive_Workers>0</wd:Exclude_Inactive_Workers>");
    if config.exclude_employees {
        out.push_str("<wd:Exclude_Employees>1</wd:Exclude_Employees>");
    }
    if config.exclude_contingent_workers {
        out.push_str("<wd:Exclude_Contingent_Workers>1</wd:Exclude_Contingent_Workers>");
    }
    out.push_str("</wd:Request_Criteria>");
}

/// Text as it stands in XML.
fn escape(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Letters that no XML can hold would make the request unreadable as a whole.
            it if (it as u32) < 0x20 && !matches!(it, '\t' | '\n' | '\r') => out.push('\u{fffd}'),
            it => out.push(it),
        }
    }
}
