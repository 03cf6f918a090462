//! What xlsx and xlsb share: a zip file whose parts name each other by relationships.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use quick_xml::events::Event;

use super::xml::{Xml, attribute};
use super::zip::Zip;
use super::{Refused, damaged};
use crate::options::Limits;

/// Relationships of one part. A workbook has one for each sheet and a few more.
const RELATIONSHIPS_MAX: usize = 100_000;

/// What one part names another as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relationship {
    /// The last word of its type: `worksheet`, `sharedStrings`.
    pub(super) kind: String,
    /// The part, from the root of the file.
    pub(super) target: String,
}

/// The relationships of a part, by their ids.
pub(super) fn relationships<R: Read + Seek>(
    zip: Zip<R>,
    part: &str,
    limits: &Limits,
) -> Result<(Zip<R>, BTreeMap<String, Relationship>), Refused> {
    let (folder, file) = part.rsplit_once('/').unwrap_or(("", part));
    let base = if folder.is_empty() {
        String::new()
    } else {
        format!("{folder}/")
    };
    let name = format!("{base}_rels/{file}.rels");
    let mut found = BTreeMap::new();
    if !zip.has(&name) {
        return Ok((zip, found));
    }
    let mut xml = Xml::new(zip.part(&name)?, limits);
    loop {
        match xml.next()? {
            Event::Start(e) | Event::Empty(e) if e.local_name().as_ref() == "Relationship" => {
                let (Some(id), Some(kind), Some(target)) = (
                    attribute(&e, "Id")?,
                    attribute(&e, "Type")?,
                    attribute(&e, "Target")?,
                ) else {
                    continue;
                };
                let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
                let target = resolve(folder, &target);
                found.insert(id.into_owned(), Relationship { kind, target });
                if found.len() > RELATIONSHIPS_MAX {
                    return Err(damaged("a part names others without end"));
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    Ok((xml.close(), found))
}

/// The part that is the workbook.
pub(super) fn workbook<R: Read + Seek>(
    zip: Zip<R>,
    usual: &str,
    limits: &Limits,
) -> Result<(Zip<R>, String), Refused> {
    let (zip, root) = relationships(zip, "", limits)?;
    let named = root.into_values().find(|r| r.kind == "officeDocument");
    let path = match named {
        Some(named) if zip.has(&named.target) => named.target,
        Some(_) | None => usual.to_owned(),
    };
    Ok((zip, path))
}

/// The part of a kind that the workbook names, or the one with the usual name beside it.
pub(super) fn beside<R: Read + Seek>(
    zip: &Zip<R>,
    related: &BTreeMap<String, Relationship>,
    workbook: &str,
    kind: &str,
    usual: &str,
) -> Option<String> {
    let named = related.values().find(|r| r.kind == kind);
    let folder = workbook.rsplit_once('/').map_or("", |(folder, _)| folder);
    let target = named.map_or_else(|| resolve(folder, usual), |r| r.target.clone());
    zip.has(&target).then_some(target)
}

/// A target as seen from a folder: `worksheets/sheet1.xml`, `/xl/styles.xml`, `../x.xml`.
fn resolve(folder: &str, target: &str) -> String {
    let target = target.replace('\\', "/");
    let mut parts: Vec<&str> = if target.starts_with('/') {
        Vec::new()
    } else {
        folder.split('/').collect()
    };
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.retain(|p| !p.is_empty());
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_seen_from_their_folder() {
        for (folder, target, path) in [
            ("xl", "worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
            ("xl", "/xl/styles.xml", "xl/styles.xml"),
            ("xl/worksheets", "../styles.xml", "xl/styles.xml"),
            ("", "xl/workbook.xml", "xl/workbook.xml"),
            ("xl", "../../../etc/passwd", "etc/passwd"),
            ("xl", ".\\a.xml", "xl/a.xml"),
        ] {
            assert_eq!(resolve(folder, target), path);
        }
    }
}
