//! A report as XML: `Report_Data/Report_Entry*`, with a namespace that is the report's own, or none.
//!
//! Names are read without their prefix. A reference is its `Descriptor`; `Field/Type` is its id of that
//! type.

use std::borrow::Cow;
use std::collections::HashMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use rollcall_source::{RefusalKind, Refused};

use super::{Cell, Field, Rows};
use crate::intake::unreadable;
use crate::xml::{Broken, broken, letter};

/// Fields of one entry: by name, and by name and field within.
#[derive(Default)]
struct Entry {
    fields: HashMap<String, Found>,
}

#[derive(Default)]
struct Found {
    text: String,
    descriptor: Option<String>,
    within: HashMap<String, String>,
    is_closed: bool,
}

/// Reads a report.
///
/// # Errors
/// [`Refused`] where it is none, or ends in the middle.
pub(crate) fn read(body: &[u8], rows: &mut Rows<'_>) -> Result<(), Refused> {
    let body = std::str::from_utf8(body).map_err(|_| {
        Refused::new(
            RefusalKind::NotUtf8,
            "is no UTF-8",
            "Workday writes UTF-8; look at what stands between it and us",
        )
    })?;
    let columns = rows.columns();
    let fields: Vec<Field<'_>> = columns.iter().map(|it| Field::of(it)).collect();
    let refused = |broken| unreadable(broken, "it");
    let mut reader = Reader::from_str(body);
    // Local names of the elements that are open; below an entry also the type of an id.
    let mut open: Vec<String> = Vec::new();
    let mut entry = Entry::default();
    let mut is_report = false;
    loop {
        let event = reader.read_event().map_err(|it| refused(broken(&it)))?;
        match event {
            Event::Start(start) => {
                let name = local(&start);
                is_report |= open.is_empty() && name == "Report_Data";
                entry.opens(&open, &name, &start).map_err(refused)?;
                open.push(within(&open, name, &start));
                if open.len() > 16 {
                    return Err(refused(Broken::TooLarge));
                }
            }
            Event::Empty(start) => {
                let name = local(&start);
                is_report |= open.is_empty() && name == "Report_Data";
                entry.opens(&open, &name, &start).map_err(refused)?;
            }
            Event::End(_) => {
                entry.closes(&open);
                if open.len() == 2 && open[1] == "Report_Entry" {
                    let own = std::mem::take(&mut entry);
                    let mut cells = |number: usize| own.cell(&fields[number]);
                    rows.row(&mut cells)?;
                }
                open.pop();
            }
            Event::Text(text) => entry.text(&open, &text),
            Event::CData(text) => entry.text(&open, &text),
            Event::GeneralRef(entity) => {
                let letter = letter(&entity).map_err(refused)?;
                entry.text(&open, letter.encode_utf8(&mut [0; 4]));
            }
            Event::DocType(_) => return Err(refused(Broken::Doctype)),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof if !open.is_empty() => return Err(refused(Broken::Truncated)),
            Event::Eof if !is_report => {
                let hint = "check that the report is enabled as a web service, and its format";
                let kind = RefusalKind::Malformed;
                return Err(Refused::new(kind, "is XML, and no report", hint));
            }
            Event::Eof => return Ok(()),
        }
    }
}

fn local(start: &BytesStart<'_>) -> String {
    start.local_name().as_ref().to_owned()
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Result<Option<String>, Broken> {
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.map_err(|_| Broken::NotXml)?;
        if attribute.key.local_name().as_ref() == name {
            let value = quick_xml::escape::unescape(&attribute.value);
            let value = value.map_err(|_| Broken::Entity)?;
            return Ok(Some(value.into_owned()));
        }
    }
    Ok(None)
}

/// What an element within a field is called: an id by its type.
fn within(open: &[String], name: String, start: &BytesStart<'_>) -> String {
    if open.len() == 3 && name == "ID" {
        attribute(start, "type").ok().flatten().unwrap_or(name)
    } else {
        name
    }
}

impl Entry {
    fn opens(&mut self, open: &[String], name: &str, start: &BytesStart<'_>) -> Result<(), Broken> {
        if open.len() == 2 && open[1] == "Report_Entry" {
            let descriptor = attribute(start, "Descriptor")?;
            let found = self.fields.entry(name.to_owned()).or_default();
            // Of several the first counts.
            if !found.is_closed && found.descriptor.is_none() {
                found.descriptor = descriptor;
            }
        }
        Ok(())
    }

    fn closes(&mut self, open: &[String]) {
        if open.len() == 3
            && let Some(found) = self.fields.get_mut(&open[2])
        {
            found.is_closed = true;
        }
    }

    fn text(&mut self, open: &[String], part: &str) {
        let Some(name) = open.get(2) else { return };
        let Some(found) = self.fields.get_mut(name) else {
            return;
        };
        if found.is_closed {
            return;
        }
        match open.len() {
            3 => found.text.push_str(part),
            4 => found
                .within
                .entry(open[3].clone())
                .or_default()
                .push_str(part),
            _ => {}
        }
    }

    fn cell(&self, field: &Field<'_>) -> Cell<'_> {
        let Some(found) = self.fields.get(field.name) else {
            return Cell::Absent;
        };
        let text = match field.within {
            Some(inner) => found.within.get(inner).map(String::as_str),
            None if found.descriptor.is_some() => found.descriptor.as_deref(),
            None if !found.within.is_empty() => return Cell::Group,
            None => Some(found.text.as_str()),
        };
        match text {
            Some(text) if !text.trim().is_empty() => Cell::Text(Cow::Borrowed(text)),
            Some(_) | None => Cell::Absent,
        }
    }
}
