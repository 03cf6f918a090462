//! ods: one XML part with all sheets, one after the other.
//!
//! Rows and cells that repeat are counted, not copied: a million empty rows cost nothing. Merged
//! cells are known where they begin.

use std::collections::BTreeSet;
use std::io::{Read, Seek};

use quick_xml::events::{BytesStart, Event};

use super::cell::{Row, Slot};
use super::held::Held;
use super::merged::{Area, Merged};
use super::moment;
use super::xml::{Xml, attribute, character, ends_early, raw};
use super::zip::Zip;
use super::{ROWS_MAX, Refused, Sheet, Sight, at_row, damaged, too_large, value};
use crate::options::Limits;

/// The part with the sheets.
const CONTENT: &str = "content.xml";
/// Columns of the widest sheet that programs write.
const SHEET_COLUMNS_MAX: usize = 16_384;

/// A workbook, and the sheet that is being read.
pub(super) struct Ods<R: Read + Seek> {
    zip: Option<Zip<R>>,
    xml: Option<Xml<R>>,
    sheets: Vec<Sheet>,
    limits: Limits,
    /// The sheet after the one that was begun last.
    next_sheet: usize,
    /// How deep the sheet lies that is being read.
    depth: Option<usize>,
    /// Rows so far, empty ones included.
    last: u32,
    /// How often the row that was read last is still to come.
    again: u32,
    /// Groups of rows that are closed.
    closed: u32,
    groups: Vec<bool>,
}

impl<R: Read + Seek> Ods<R> {
    pub(super) fn open(zip: Zip<R>, limits: &Limits) -> Result<Self, Refused> {
        let mut zip = zip;
        let manifest = "META-INF/manifest.xml";
        if zip.has(manifest) {
            let (back, text) = zip.text(manifest, 1 << 20)?;
            zip = back;
            if text.contains("encryption-data") {
                return Err(super::password("ods"));
            }
        }
        let mut held = Held::new(limits);
        let mut xml = Xml::new(zip.part(CONTENT)?, limits);
        let mut hidden: BTreeSet<String> = BTreeSet::new();
        let mut style: Option<String> = None;
        let mut sheets = Vec::new();
        loop {
            match xml.next()? {
                Event::Start(e) if e.name().as_ref() == "table:table" => {
                    let name = attribute(&e, "name")?.unwrap_or_default().into_owned();
                    let of = raw(e.attributes_raw(), "style-name").unwrap_or_default();
                    let sight = if hidden.contains(of) {
                        Sight::Hidden
                    } else {
                        Sight::Visible
                    };
                    held.take(name.len() + size_of::<Sheet>())?;
                    sheets.push(Sheet { name, sight });
                    xml.skip()?;
                }
                // Changes and links repeat tables that are no sheets.
                Event::Start(e)
                    if matches!(
                        e.name().as_ref(),
                        "table:tracked-changes" | "table:dde-links" | "office:scripts"
                    ) =>
                {
                    xml.skip()?;
                }
                Event::Start(e) | Event::Empty(e) => match e.name().as_ref() {
                    "style:style" => {
                        style = attribute(&e, "name")?.map(std::borrow::Cow::into_owned);
                    }
                    "style:table-properties"
                        if raw(e.attributes_raw(), "display") == Some("false") =>
                    {
                        if let Some(style) = style.take() {
                            held.take(style.len() + 64)?;
                            hidden.insert(style);
                        }
                    }
                    _ => {}
                },
                Event::Eof => break,
                _ => {}
            }
        }
        Ok(Self {
            zip: Some(xml.close()),
            xml: None,
            sheets,
            limits: *limits,
            next_sheet: 0,
            depth: None,
            last: 0,
            again: 0,
            closed: 0,
            groups: Vec::new(),
        })
    }

    pub(super) fn sheets(&self) -> &[Sheet] {
        &self.sheets
    }

    /// Goes to the beginning of a sheet; forward where it can.
    pub(super) fn start(&mut self, sheet: usize, row: &mut Row) -> Result<(), Refused> {
        (self.last, self.again, self.closed) = (0, 0, 0);
        self.groups.clear();
        row.merged = Merged::default();
        row.begin(0, false);
        // All sheets lie in one part: forward goes on from here, back begins anew.
        let forward = self.xml.take_if(|_| sheet >= self.next_sheet);
        let mut xml = if let Some(mut xml) = forward {
            if let Some(depth) = self.depth.take() {
                xml.leave(depth)?;
            }
            xml
        } else {
            if let Some(xml) = self.xml.take() {
                self.zip = Some(xml.close());
            }
            let zip = self.zip.take().ok_or_else(ends_early)?;
            self.next_sheet = 0;
            self.depth = None;
            Xml::new(zip.part(CONTENT)?, &self.limits)
        };
        loop {
            match xml.next()? {
                Event::Start(e) => match e.name().as_ref() {
                    "table:table" if self.next_sheet == sheet => {
                        self.next_sheet += 1;
                        self.depth = Some(xml.depth());
                        self.xml = Some(xml);
                        return Ok(());
                    }
                    "table:table" => {
                        self.next_sheet += 1;
                        xml.skip()?;
                    }
                    "table:tracked-changes" | "table:dde-links" | "office:scripts" => xml.skip()?,
                    _ => {}
                },
                Event::Eof => return Err(damaged("a sheet is not there")),
                _ => {}
            }
        }
    }

    /// The next row that holds something; whether there was one.
    pub(super) fn next(&mut self, row: &mut Row) -> Result<bool, Refused> {
        if self.again > 0 {
            self.again -= 1;
            self.last += 1;
            row.number = self.last;
            row.merged.advance(self.last)?;
            return Ok(true);
        }
        let (Some(xml), Some(_)) = (&mut self.xml, self.depth) else {
            return Ok(false);
        };
        loop {
            let (repeated, hidden, empty) = match xml.next()? {
                Event::Start(e) => match e.name().as_ref() {
                    "table:table-row" => {
                        let (repeated, hidden) = row_attributes(&e)?;
                        (repeated, hidden, false)
                    }
                    "table:table-row-group" => {
                        let closed = raw(e.attributes_raw(), "display") == Some("false");
                        self.closed += u32::from(closed);
                        self.groups.push(closed);
                        continue;
                    }
                    "table:table-rows" | "table:table-header-rows" => continue,
                    _ => {
                        xml.skip()?;
                        continue;
                    }
                },
                Event::Empty(e) if e.name().as_ref() == "table:table-row" => {
                    let (repeated, hidden) = row_attributes(&e)?;
                    (repeated, hidden, true)
                }
                Event::End(e) => match e.name().as_ref() {
                    "table:table-row-group" => {
                        let closed = self.groups.pop().unwrap_or(false);
                        self.closed = self.closed.saturating_sub(u32::from(closed));
                        continue;
                    }
                    "table:table" => break,
                    _ => continue,
                },
                Event::Eof => return Err(ends_early()),
                _ => continue,
            };
            let first = self.last.saturating_add(1);
            if empty {
                self.last = self.last.saturating_add(repeated);
                continue;
            }
            row.begin(first, hidden || self.closed > 0);
            // Beyond the end of a sheet there is nothing to be seen.
            if first <= ROWS_MAX {
                row.merged.advance(first)?;
            }
            cells(xml, row, &self.limits)?;
            if row.is_empty() {
                self.last = self.last.saturating_add(repeated);
                continue;
            }
            if self.last.saturating_add(repeated) > ROWS_MAX {
                return Err(too_large("a row number", "rows", u64::from(ROWS_MAX)));
            }
            self.last = first;
            self.again = repeated - 1;
            return Ok(true);
        }
        self.depth = None;
        Ok(false)
    }
}

/// How often a row repeats, and whether it is hidden or filtered out.
fn row_attributes(row: &BytesStart<'_>) -> Result<(u32, bool), Refused> {
    let all = row.attributes_raw();
    let hidden = matches!(raw(all, "visibility"), Some("collapse" | "filter"));
    Ok((count(raw(all, "number-rows-repeated"))?, hidden))
}

/// A count, which is 1 where nothing is said.
fn count(value: Option<&str>) -> Result<u32, Refused> {
    let Some(value) = value else {
        return Ok(1);
    };
    let count = value.parse().ok().filter(|c| *c > 0);
    count.ok_or_else(|| damaged("something repeats a number of times that cannot be read"))
}

/// The cells of a row that has just begun.
fn cells<R: Read + Seek>(xml: &mut Xml<R>, row: &mut Row, limits: &Limits) -> Result<(), Refused> {
    let mut column = 0_usize;
    loop {
        let (facts, empty) = match xml.next()? {
            Event::Start(e) => match e.name().as_ref() {
                "table:table-cell" | "table:covered-table-cell" => (Facts::of(&e)?, false),
                _ => {
                    xml.skip()?;
                    continue;
                }
            },
            Event::Empty(e) => (Facts::of(&e)?, true),
            Event::End(_) => return Ok(()),
            Event::Eof => return Err(ends_early()),
            _ => continue,
        };
        let slot = cell(xml, row, &facts, empty)?;
        let end = column.saturating_add(facts.repeated);
        if slot != Slot::Empty {
            // A cell that fills the row to its end is a background, not a table.
            if end > SHEET_COLUMNS_MAX.min(limits.columns_max) {
                let most = limits.columns_max as u64;
                return Err(at_row(too_large("a row", "columns", most), row.number));
            }
            for column in column..end {
                row.put(column, slot, limits)?;
            }
        }
        if let Some((rows, columns)) = facts.spans
            && column < limits.columns_max
        {
            let left = u32::try_from(column).unwrap_or(u32::MAX);
            row.merged.add(Area {
                top: row.number,
                left,
                bottom: row.number.saturating_add(rows - 1),
                right: left.saturating_add(columns - 1),
            })?;
        }
        column = end;
    }
}

/// What the attributes of a cell say.
#[derive(Debug, Default)]
struct Facts {
    kind: String,
    value: Option<String>,
    formula: bool,
    error: bool,
    repeated: usize,
    spans: Option<(u32, u32)>,
}

impl Facts {
    fn of(cell: &BytesStart<'_>) -> Result<Self, Refused> {
        let all = cell.attributes_raw();
        let repeated = count(raw(all, "number-columns-repeated"))?;
        let mut facts = Self {
            repeated: repeated as usize,
            formula: raw(all, "formula").is_some(),
            error: all.contains("calcext:value-type=\"error\""),
            ..Self::default()
        };
        // `calcext:value-type` says nearly the same and comes second or not at all.
        if let Some((_, typed)) = all.split_once("office:value-type=") {
            let typed = typed.get(1..).unwrap_or_default();
            let end = typed.find(['"', '\'']).unwrap_or(0);
            typed[..end].clone_into(&mut facts.kind);
        }
        let name = match facts.kind.as_str() {
            "float" | "percentage" | "currency" => "value",
            "date" => "date-value",
            "time" => "time-value",
            "boolean" => "boolean-value",
            "string" => "string-value",
            _ => "",
        };
        facts.value = attribute(cell, name)?.map(std::borrow::Cow::into_owned);
        let rows = count(raw(all, "number-rows-spanned"))?;
        let columns = count(raw(all, "number-columns-spanned"))?;
        facts.spans = (rows > 1 || columns > 1).then_some((rows, columns));
        Ok(facts)
    }
}

fn cell<R: Read + Seek>(
    xml: &mut Xml<R>,
    row: &mut Row,
    facts: &Facts,
    empty: bool,
) -> Result<Slot, Refused> {
    let start = row.text.len();
    if !empty {
        shown(xml, &mut row.text)?;
    }
    if facts.error {
        let name = row.text.split_off(start);
        return Ok(value::error(&name));
    }
    let value = facts.value.as_deref().unwrap_or_default();
    let slot = match facts.kind.as_str() {
        "float" | "percentage" | "currency" => {
            let shown = row.text.split_off(start);
            let parsed = value.trim().parse::<f64>();
            number(row, parsed.ok(), shown.trim())
        }
        "date" => {
            row.text.truncate(start);
            moment::iso(row, value)
        }
        "time" => {
            row.text.truncate(start);
            moment::iso_duration(row, value)
        }
        "boolean" => Slot::Boolean(value == "true"),
        "string" => {
            if let Some(text) = &facts.value {
                row.text.truncate(start);
                row.text.push_str(text);
            }
            Slot::Text(row.since(start))
        }
        _ if facts.formula => Slot::Uncalculated,
        // Text without a type is what some libraries write.
        _ if row.text.len() > start => Slot::Text(row.since(start)),
        _ => Slot::Empty,
    };
    Ok(slot)
}

/// A number, and what the cell shows where that has zeros in front.
fn number(row: &mut Row, value: Option<f64>, shown: &str) -> Slot {
    let styles = super::number::Styles::default();
    let Some(value) = value else {
        return value::error("");
    };
    let plain = super::number::Shape::Plain;
    let system = super::moment::System::From1900;
    let slot = value::from_float(row, value, plain, &styles, system);
    let Slot::Number { text, lost, .. } = slot else {
        return slot;
    };
    let digits = !shown.is_empty() && shown.bytes().all(|b| b.is_ascii_digit());
    let padded = digits && shown.starts_with('0') && shown.len() > 1;
    let same = padded
        && shown
            .parse::<f64>()
            .is_ok_and(|v| v.total_cmp(&value).is_eq());
    Slot::Number {
        text,
        lost,
        shown: same.then(|| row.write(shown)),
    }
}

/// Adds what a cell shows: its paragraphs, with line breaks between them. Comments and drawings
/// have paragraphs too, which are not the cell's.
fn shown<R: Read + Seek>(xml: &mut Xml<R>, to: &mut String) -> Result<(), Refused> {
    let mut first = true;
    let start = to.len();
    loop {
        xml.within(to, start)?;
        match xml.next()? {
            Event::Start(e) if e.name().as_ref() == "text:p" => {
                if !first {
                    to.push('\n');
                }
                first = false;
                paragraph(xml, to)?;
            }
            Event::Empty(e) if e.name().as_ref() == "text:p" => {
                if !first {
                    to.push('\n');
                }
                first = false;
            }
            Event::Start(_) => xml.skip()?,
            Event::End(_) => return Ok(()),
            Event::Eof => return Err(ends_early()),
            _ => {}
        }
    }
}

fn paragraph<R: Read + Seek>(xml: &mut Xml<R>, to: &mut String) -> Result<(), Refused> {
    /// More spaces than this are no text.
    const SPACES_MAX: usize = 1000;
    let mut open = 1_usize;
    let start = to.len();
    while open > 0 {
        xml.within(to, start)?;
        match xml.next()? {
            Event::Start(e) => match e.name().as_ref() {
                "office:annotation" | "text:note" | "text:ruby-text" | "draw:frame" => {
                    xml.skip()?;
                }
                "text:s" => {
                    let spaces = count(raw(e.attributes_raw(), "c"))? as usize;
                    to.extend(std::iter::repeat_n(' ', spaces.min(SPACES_MAX)));
                    open += 1;
                }
                _ => open += 1,
            },
            Event::Empty(e) => match e.name().as_ref() {
                "text:s" => {
                    let spaces = count(raw(e.attributes_raw(), "c"))? as usize;
                    to.extend(std::iter::repeat_n(' ', spaces.min(SPACES_MAX)));
                }
                "text:tab" => to.push('\t'),
                "text:line-break" => to.push('\n'),
                _ => {}
            },
            Event::End(_) => open -= 1,
            Event::Text(text) => to.push_str(&text.xml10_content()),
            Event::CData(text) => to.push_str(&text.xml10_content()),
            Event::GeneralRef(entity) => to.push(character(&entity)?),
            Event::Eof => return Err(ends_early()),
            _ => {}
        }
    }
    Ok(())
}
