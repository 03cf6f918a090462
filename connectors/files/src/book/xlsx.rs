//! xlsx and xlsm: XML in a zip file, read row by row.
//!
//! A row needs the merged cells, which stand behind all rows. The part is inflated once, without
//! being parsed, to find them; that also tells a part that is damaged before a row is given, and
//! whether anybody ever calculated the formulas of the sheet.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use memchr::memmem;
use quick_xml::events::Event;

use super::cell::{Row, Slot, reference};
use super::held::{Held, Strings};
use super::merged::{Area, Merged};
use super::moment::{self, System};
use super::number::Styles;
use super::package::{beside, relationships, workbook};
use super::xml::{Xml, attribute, ends_early, raw, truth};
use super::zip::Zip;
use super::{ROWS_MAX, Refused, Sheet, Sight, damaged, too_large, value};
use crate::options::Limits;

/// A workbook, and the sheet that is being read.
pub(super) struct Xlsx<R: Read + Seek> {
    zip: Option<Zip<R>>,
    xml: Option<Xml<R>>,
    sheets: Vec<Sheet>,
    parts: Vec<String>,
    strings: Strings,
    styles: Styles,
    system: System,
    limits: Limits,
    held: Held,
    /// Some formula of the sheet has a value.
    calculated: bool,
    /// The row that was read last.
    last: u32,
}

impl<R: Read + Seek> Xlsx<R> {
    pub(super) fn open(zip: Zip<R>, limits: &Limits) -> Result<Self, Refused> {
        let mut held = Held::new(limits);
        let (zip, path) = workbook(zip, "xl/workbook.xml", limits)?;
        let (zip, related) = relationships(zip, &path, limits)?;
        let mut xml = Xml::new(zip.part(&path)?, limits);
        let mut sheets = Vec::new();
        let mut parts = Vec::new();
        let mut system = System::From1900;
        loop {
            match xml.next()? {
                Event::Start(e) | Event::Empty(e) => match e.local_name().as_ref() {
                    "workbookPr" if truth(attribute(&e, "date1904")?.as_deref()) => {
                        system = System::From1904;
                    }
                    "sheet" => {
                        let name = attribute(&e, "name")?.unwrap_or_default().into_owned();
                        let id = attribute(&e, "id")?.unwrap_or_default();
                        let sight = match attribute(&e, "state")?.as_deref() {
                            Some("hidden") => Sight::Hidden,
                            Some("veryHidden") => Sight::VeryHidden,
                            Some(_) | None => Sight::Visible,
                        };
                        held.take(name.len() + size_of::<Sheet>())?;
                        // Sheets of charts and dialogs have no rows.
                        if let Some(part) = related.get(&*id)
                            && part.kind == "worksheet"
                        {
                            sheets.push(Sheet { name, sight });
                            parts.push(part.target.clone());
                        }
                    }
                    _ => {}
                },
                Event::Eof => break,
                _ => {}
            }
        }
        let mut zip = xml.close();
        let mut styles = Styles::default();
        if let Some(part) = beside(&zip, &related, &path, "styles", "styles.xml") {
            (zip, styles) = read_styles(zip, &part, limits, &mut held)?;
        }
        let mut strings = Strings::default();
        let usual = "sharedStrings.xml";
        if let Some(part) = beside(&zip, &related, &path, "sharedStrings", usual) {
            (zip, strings) = read_strings(zip, &part, limits, &mut held)?;
        }
        Ok(Self {
            zip: Some(zip),
            xml: None,
            sheets,
            parts,
            strings,
            styles,
            system,
            limits: *limits,
            held,
            calculated: false,
            last: 0,
        })
    }

    pub(super) fn sheets(&self) -> &[Sheet] {
        &self.sheets
    }

    pub(super) fn system(&self) -> System {
        self.system
    }

    /// Goes to the beginning of a sheet, and finds its merged cells where all of it is read.
    pub(super) fn start(
        &mut self,
        sheet: usize,
        whole: bool,
        row: &mut Row,
    ) -> Result<(), Refused> {
        if let Some(xml) = self.xml.take() {
            self.zip = Some(xml.close());
        }
        let zip = self.zip.take();
        let (Some(mut zip), Some(part)) = (zip, self.parts.get(sheet)) else {
            return Err(damaged("a sheet is not there"));
        };
        let mut areas = Vec::new();
        if whole {
            let behind = read_behind(zip, part, &self.limits, &mut self.held)?;
            (zip, areas, self.calculated) = behind;
        }
        row.merged = Merged::new(areas);
        self.last = 0;
        let mut xml = Xml::new(zip.part(part)?, &self.limits);
        loop {
            match xml.next()? {
                Event::Start(e) if e.local_name().as_ref() == "sheetData" => {
                    self.xml = Some(xml);
                    return Ok(());
                }
                // A sheet with no rows.
                Event::Empty(e) if e.local_name().as_ref() == "sheetData" => break,
                Event::Eof => break,
                _ => {}
            }
        }
        self.zip = Some(xml.close());
        Ok(())
    }

    /// The next row that holds something; whether there was one.
    pub(super) fn next(&mut self, row: &mut Row) -> Result<bool, Refused> {
        let Some(xml) = &mut self.xml else {
            return Ok(false);
        };
        loop {
            let (number, hidden, empty) = match xml.next()? {
                Event::Start(e) if e.local_name().as_ref() == "row" => {
                    let (number, hidden) = row_attributes(e.attributes_raw(), self.last)?;
                    (number, hidden, false)
                }
                Event::Empty(e) if e.local_name().as_ref() == "row" => {
                    let (number, hidden) = row_attributes(e.attributes_raw(), self.last)?;
                    (number, hidden, true)
                }
                Event::End(e) if e.local_name().as_ref() == "sheetData" => break,
                Event::Eof => return Err(ends_early()),
                _ => continue,
            };
            self.last = number;
            if empty {
                continue;
            }
            row.begin(number, hidden);
            row.merged.advance(number)?;
            let mut cells = Cells {
                xml,
                strings: &self.strings,
                styles: &self.styles,
                system: self.system,
                calculated: self.calculated,
                limits: &self.limits,
            };
            cells.read(row)?;
            if !row.is_empty() {
                return Ok(true);
            }
        }
        self.zip = self.xml.take().map(Xml::close);
        Ok(false)
    }
}

fn row_attributes(attributes: &str, last: u32) -> Result<(u32, bool), Refused> {
    let number = match raw(attributes, "r") {
        Some(text) => text
            .parse()
            .map_err(|_| damaged("a row has no number that can be read"))?,
        None => last + 1,
    };
    if number <= last {
        return Err(super::at_row(damaged("the rows are out of order"), number));
    }
    if number > ROWS_MAX {
        return Err(too_large("a row number", "rows", u64::from(ROWS_MAX)));
    }
    Ok((number, truth(raw(attributes, "hidden"))))
}

/// Reads the cells of one row.
struct Cells<'a, R: Read + Seek> {
    xml: &'a mut Xml<R>,
    strings: &'a Strings,
    styles: &'a Styles,
    system: System,
    calculated: bool,
    limits: &'a Limits,
}

impl<R: Read + Seek> Cells<'_, R> {
    fn read(&mut self, row: &mut Row) -> Result<(), Refused> {
        let mut next = 0;
        loop {
            while let Some(plain) = self.xml.plain_cell() {
                let (place, style, kind) = Place::of(plain.attributes, row.number, next)?;
                next = place + 1;
                let slot = match plain.text {
                    None => Slot::Empty,
                    Some("") if kind == Kind::Number => Slot::Empty,
                    Some(index) if kind == Kind::Shared => shared(row, self.strings, index)?,
                    Some(text) => {
                        let start = row.text.len();
                        row.text.push_str(text);
                        said(row, start, style, kind, (self.styles, self.system))
                    }
                };
                let bytes = plain.bytes;
                self.xml.taken(bytes);
                row.put(place, slot, self.limits)?;
            }
            let (place, style, kind) = match self.xml.next()? {
                Event::Start(e) if e.local_name().as_ref() == "c" => {
                    Place::of(e.attributes_raw(), row.number, next)?
                }
                Event::Empty(e) if e.local_name().as_ref() == "c" => {
                    let (place, ..) = Place::of(e.attributes_raw(), row.number, next)?;
                    next = place + 1;
                    continue;
                }
                Event::Start(_) => {
                    self.xml.skip()?;
                    continue;
                }
                Event::End(_) => return Ok(()),
                Event::Eof => return Err(ends_early()),
                _ => continue,
            };
            next = place + 1;
            let slot = self.cell(row, style, kind)?;
            row.put(place, slot, self.limits)?;
        }
    }

    fn cell(&mut self, row: &mut Row, style: usize, kind: Kind) -> Result<Slot, Refused> {
        let start = row.text.len();
        let (mut formula, mut blank, mut value) = (false, false, false);
        loop {
            match self.xml.next()? {
                Event::Start(e) => match e.local_name().as_ref() {
                    "v" => {
                        value = true;
                        self.xml.text(&mut row.text)?;
                    }
                    "is" => {
                        value = true;
                        rich_text(self.xml, &mut row.text)?;
                    }
                    "f" => {
                        formula = true;
                        self.xml.skip()?;
                    }
                    _ => self.xml.skip()?,
                },
                Event::Empty(e) => match e.local_name().as_ref() {
                    "v" => blank = true,
                    "f" => formula = true,
                    _ => {}
                },
                Event::End(_) => break,
                Event::Eof => return Err(ends_early()),
                _ => {}
            }
        }
        let text = &row.text[start..];
        // `<v/>` is what libraries leave that do not calculate, unless the cell is said to hold a
        // text. `<v></v>` is an empty text, or what they leave: in a sheet where no formula has a
        // value nobody calculated any.
        let vain = text.is_empty() && kind == Kind::Number && formula && !self.calculated;
        let given = (value || (blank && kind == Kind::Formula)) && !vain;
        if !given || (text.is_empty() && kind == Kind::Number && !formula) {
            return Ok(if formula {
                Slot::Uncalculated
            } else {
                Slot::Empty
            });
        }
        if kind == Kind::Shared {
            let index = row.text.split_off(start);
            return shared(row, self.strings, &index);
        }
        Ok(said(row, start, style, kind, (self.styles, self.system)))
    }
}

/// A text that the cell names by its number.
fn shared(row: &mut Row, strings: &Strings, index: &str) -> Result<Slot, Refused> {
    let index = index.trim().parse();
    let index = index.map_err(|_| damaged("a cell names a shared text that is not there"))?;
    Ok(Slot::Text(row.write(strings.get(index)?)))
}

/// What a cell says whose text has been written to the row since `start`.
fn said(
    row: &mut Row,
    start: usize,
    style: usize,
    kind: Kind,
    (styles, system): (&Styles, System),
) -> Slot {
    let text = &row.text[start..];
    match kind {
        // An empty text that a formula gave.
        Kind::Number if text.is_empty() => Slot::Text(row.since(start)),
        Kind::Number => value::from_text(row, start, style, styles, system),
        Kind::Formula | Kind::Inline | Kind::Shared => {
            unescape(&mut row.text, start);
            Slot::Text(row.since(start))
        }
        Kind::Boolean => Slot::Boolean(truth(Some(text.trim()))),
        Kind::Error => value::error(text),
        Kind::Day => {
            let text = row.text.split_off(start);
            moment::iso(row, &text)
        }
    }
}

/// What the attribute `t` of a cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Shared,
    Formula,
    Inline,
    Boolean,
    Error,
    Day,
}

/// Column, style and kind of a cell, in one look at its attributes.
struct Place;

impl Place {
    fn of(attributes: &str, row: u32, next: usize) -> Result<(usize, usize, Kind), Refused> {
        let bytes = attributes.as_bytes();
        let (mut place, mut style, mut kind) = (next, 0, Kind::Number);
        let mut at = 0;
        while let Some(equals) = memchr::memchr(b'=', &bytes[at..]) {
            let key = bytes[at..at + equals].trim_ascii();
            let open = at + equals + 1;
            let Some(quote) = bytes.get(open).filter(|b| matches!(b, b'"' | b'\'')) else {
                break;
            };
            let Some(length) = memchr::memchr(*quote, &bytes[open + 1..]) else {
                break;
            };
            let value = &bytes[open + 1..open + 1 + length];
            at = open + length + 2;
            match key {
                b"r" => {
                    let Some((number, column)) = reference(value) else {
                        return Err(damaged("a cell has no place that can be read"));
                    };
                    if number != row {
                        let what = "a cell says that it is in another row";
                        return Err(super::at_row(damaged(what), row));
                    }
                    place = column;
                }
                b"s" => {
                    let style_text = std::str::from_utf8(value).unwrap_or_default();
                    style = style_text.parse().unwrap_or(0);
                }
                b"t" => {
                    kind = match value {
                        b"n" => Kind::Number,
                        b"s" => Kind::Shared,
                        b"str" => Kind::Formula,
                        b"inlineStr" => Kind::Inline,
                        b"b" => Kind::Boolean,
                        b"e" => Kind::Error,
                        b"d" => Kind::Day,
                        _ => return Err(damaged("a cell is of a kind that does not exist")),
                    };
                }
                _ => {}
            }
        }
        Ok((place, style, kind))
    }
}

/// Adds the text of a rich string, `<si>` or `<is>`, without the hints how to say it.
fn rich_text<R: Read + Seek>(xml: &mut Xml<R>, to: &mut String) -> Result<(), Refused> {
    let mut open = 1_usize;
    let start = to.len();
    while open > 0 {
        xml.within(to, start)?;
        match xml.next()? {
            Event::Start(e) => match e.local_name().as_ref() {
                "t" => xml.text(to)?,
                "r" => open += 1,
                _ => xml.skip()?,
            },
            Event::End(_) => open -= 1,
            Event::Eof => return Err(ends_early()),
            _ => {}
        }
    }
    Ok(())
}

/// `_x000D_` stands for a character that XML cannot hold (ECMA-376 part 1, 22.9.2.19).
fn unescape(text: &mut String, start: usize) {
    if memmem::find(&text.as_bytes()[start..], b"_x").is_none() {
        return;
    }
    let tail = text.split_off(start);
    let mut units: Vec<u16> = Vec::with_capacity(tail.len());
    let mut rest = tail.as_str();
    while let Some(at) = rest.find("_x") {
        units.extend(rest[..at].encode_utf16());
        let code = rest.get(at + 2..at + 6);
        let unit = code.and_then(|c| {
            let hex = c.bytes().all(|b| b.is_ascii_hexdigit());
            hex.then(|| u16::from_str_radix(c, 16).ok()).flatten()
        });
        match unit {
            Some(unit) if rest[at + 6..].starts_with('_') => {
                units.push(unit);
                rest = &rest[at + 7..];
            }
            Some(_) | None => {
                units.extend("_x".encode_utf16());
                rest = &rest[at + 2..];
            }
        }
    }
    units.extend(rest.encode_utf16());
    text.push_str(&String::from_utf16_lossy(&units));
}

fn read_strings<R: Read + Seek>(
    zip: Zip<R>,
    part: &str,
    limits: &Limits,
    held: &mut Held,
) -> Result<(Zip<R>, Strings), Refused> {
    let mut xml = Xml::new(zip.part(part)?, limits);
    let mut strings = Strings::default();
    loop {
        match xml.next()? {
            Event::Start(e) if e.local_name().as_ref() == "si" => {
                let start = strings.last_start();
                rich_text(&mut xml, strings.open())?;
                unescape(strings.open(), start);
                strings.end(held)?;
            }
            Event::Empty(e) if e.local_name().as_ref() == "si" => strings.end(held)?,
            Event::Eof => break,
            _ => {}
        }
    }
    Ok((xml.close(), strings))
}

fn read_styles<R: Read + Seek>(
    zip: Zip<R>,
    part: &str,
    limits: &Limits,
    held: &mut Held,
) -> Result<(Zip<R>, Styles), Refused> {
    let mut xml = Xml::new(zip.part(part)?, limits);
    let mut codes: BTreeMap<u16, String> = BTreeMap::new();
    let mut formats = Vec::new();
    let mut of_cells = false;
    let id = |value: Option<std::borrow::Cow<'_, str>>| value.and_then(|v| v.parse::<u16>().ok());
    loop {
        match xml.next()? {
            Event::Start(e) | Event::Empty(e) => match e.local_name().as_ref() {
                "numFmt" => {
                    if let Some(id) = id(attribute(&e, "numFmtId")?)
                        && let Some(code) = attribute(&e, "formatCode")?
                    {
                        held.take(code.len() + 64)?;
                        codes.insert(id, code.into_owned());
                    }
                }
                "cellXfs" => of_cells = true,
                "xf" if of_cells => {
                    held.take(16)?;
                    formats.push(id(attribute(&e, "numFmtId")?).unwrap_or(0));
                }
                _ => {}
            },
            Event::End(e) if e.local_name().as_ref() == "cellXfs" => of_cells = false,
            Event::Eof => break,
            _ => {}
        }
    }
    Ok((xml.close(), Styles::new(&formats, &codes)))
}

/// The merged cells of a sheet, which stand behind its rows, and whether a formula has a value.
fn read_behind<R: Read + Seek>(
    zip: Zip<R>,
    part: &str,
    limits: &Limits,
    held: &mut Held,
) -> Result<(Zip<R>, Vec<Area>, bool), Refused> {
    /// As long as an end tag may be that two reads tear apart.
    const KEPT: usize = 128;
    let finder = memmem::Finder::new(b"sheetData");
    let mut part = zip.part(part)?;
    let mut buffer = vec![0; 128 * 1024];
    let (mut filled, mut looked) = (0, 0);
    let formulas = [memmem::Finder::new(b"f>"), memmem::Finder::new(b"/><v")];
    let mut calculated = false;
    let behind = loop {
        let read = part
            .read(&mut buffer[filled..])
            .map_err(|e| super::io(&e))?;
        if read == 0 {
            return Ok((part.close(), Vec::new(), calculated));
        }
        filled += read;
        if !calculated {
            let fresh = &buffer[looked..filled];
            calculated = formulas
                .iter()
                .any(|it| it.find_iter(fresh).any(|at| has_value(fresh, at)));
            looked = filled.saturating_sub(KEPT);
        }
        let found = finder
            .find_iter(&buffer[..filled])
            .find_map(|at| end_of_rows(&buffer[..filled], at));
        if let Some(behind) = found {
            break behind;
        }
        if filled == buffer.len() {
            buffer.copy_within(filled - KEPT.., 0);
            filled = KEPT;
            looked = 0;
        }
    };
    part.again(&buffer[behind..filled]);
    let mut areas = Vec::new();
    let mut xml = Xml::new(part, limits);
    loop {
        match xml.next()? {
            Event::Start(e) | Event::Empty(e) if e.local_name().as_ref() == "mergeCell" => {
                let Some(text) = attribute(&e, "ref")? else {
                    continue;
                };
                // One cell alone is no range and covers nothing.
                if text.contains(':') {
                    let area = Area::parse(&text);
                    let area = area.ok_or_else(|| damaged("a merged cell has no range"))?;
                    held.take(size_of::<Area>())?;
                    areas.push(area);
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    Ok((xml.close(), areas, calculated))
}

/// Whether a formula that ends here, `</f><v>1`, has a value that is not empty. One that is shared
/// ends as it begins: `<f t="shared" si="0"/><v>1`.
fn has_value(bytes: &[u8], at: usize) -> bool {
    if bytes[at] == b'f' {
        let before = &bytes[..at];
        let letters = |b: &u8| b.is_ascii_alphanumeric() || *b == b':';
        let start = before.iter().rposition(|b| !letters(b));
        if !start.is_some_and(|start| before[..=start].ends_with(b"</")) {
            return false;
        }
    }
    let rest = bytes[at + 2..].trim_ascii_start();
    let Some(close) = memchr::memchr(b'>', rest) else {
        return false;
    };
    let (tag, value) = rest.split_at(close + 1);
    let name = tag[..close].split(u8::is_ascii_whitespace).next();
    let name = name.unwrap_or_default();
    let is_value = name == b"<v" || (name.starts_with(b"<") && name.ends_with(b":v"));
    is_value && value.first().is_some_and(|b| *b != b'<')
}

/// Where the end tag ends whose name stands at a place: `</sheetData>`, `</x:sheetData >`.
fn end_of_rows(bytes: &[u8], at: usize) -> Option<usize> {
    let before = &bytes[..at];
    let name = before.strip_suffix(b":").map_or(before, |prefixed| {
        let letters = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        let start = prefixed.iter().rposition(|b| !letters(b));
        start.map_or(prefixed, |start| &prefixed[..=start])
    });
    if !name.ends_with(b"</") {
        return None;
    }
    let rest = &bytes[at + b"sheetData".len()..];
    let close = rest.iter().position(|b| !b.is_ascii_whitespace())?;
    (rest[close] == b'>').then(|| at + b"sheetData".len() + close + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_characters_are_undone() {
        for (from, to) in [
            ("a_x000D_b", "a\rb"),
            ("_x005F_x000D_", "_x000D_"),
            ("_xD83D__xDE00_", "\u{1f600}"),
            ("_x00_", "_x00_"),
            ("_x", "_x"),
            ("_xé€aa_", "_xé€aa_"),
            ("max_x", "max_x"),
        ] {
            let mut text = format!("before{from}");
            unescape(&mut text, "before".len());
            assert_eq!(text, format!("before{to}"));
        }
    }

    #[test]
    fn the_end_of_the_rows_is_an_end_tag() {
        for (text, behind) in [
            ("<a></sheetData><b/>", Some("<b/>")),
            ("</x:sheetData ><b/>", Some("<b/>")),
            ("<sheetData>", None),
            ("<x:sheetData>", None),
            ("sheetData", None),
            ("</sheetDataX>", None),
            ("</sheetData", None),
            ("</ sheetData>", None),
            (":sheetData>", None),
        ] {
            let at = text.find("sheetData").expect("in every case");
            let end = end_of_rows(text.as_bytes(), at).map(|end| &text[end..]);
            assert_eq!(end, behind, "{text}");
        }
    }
}
