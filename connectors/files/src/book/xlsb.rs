//! xlsb: the same parts as xlsx, with binary records in place of XML (MS-XLSB).
//!
//! As in xlsx the merged cells stand behind the rows, and are found first.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read, Seek};

use super::cell::{Row, Slot};
use super::held::{Held, Strings};
use super::merged::{Area, Merged};
use super::moment::System;
use super::number::Styles;
use super::package::{beside, relationships, workbook};
use super::record::Record;
use super::xml::ends_early;
use super::zip::{Part, Zip};
use super::{ROWS_MAX, Refused, Sheet, Sight, damaged, too_large, value};
use crate::options::Limits;

/// Record types (MS-XLSB 2.3).
mod kind {
    pub(super) const ROW: u16 = 0;
    pub(super) const CELL_RK: u16 = 2;
    pub(super) const CELL_ERROR: u16 = 3;
    pub(super) const CELL_BOOL: u16 = 4;
    pub(super) const CELL_REAL: u16 = 5;
    pub(super) const CELL_TEXT: u16 = 6;
    pub(super) const CELL_SHARED: u16 = 7;
    pub(super) const FORMULA_TEXT: u16 = 8;
    pub(super) const FORMULA_NUMBER: u16 = 9;
    pub(super) const FORMULA_BOOL: u16 = 10;
    pub(super) const FORMULA_ERROR: u16 = 11;
    pub(super) const SHARED_TEXT: u16 = 19;
    pub(super) const FORMAT: u16 = 44;
    pub(super) const STYLE: u16 = 47;
    pub(super) const CELL_RICH_TEXT: u16 = 62;
    pub(super) const SHEET_DATA: u16 = 145;
    pub(super) const SHEET_DATA_END: u16 = 146;
    pub(super) const WORKBOOK: u16 = 153;
    pub(super) const SHEET: u16 = 156;
    pub(super) const MERGED: u16 = 176;
    pub(super) const CELL_STYLES: u16 = 617;
    pub(super) const CELL_STYLES_END: u16 = 618;
}

/// The records of one part.
struct Records<R: Read + Seek> {
    from: BufReader<Part<R>>,
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl<R: Read + Seek> Records<R> {
    fn new(part: Part<R>, limits: &Limits) -> Self {
        Self {
            from: BufReader::with_capacity(64 * 1024, part),
            bytes: Vec::new(),
            // Two bytes a character, and as much again for a formula.
            bytes_max: limits.row_bytes_max.saturating_mul(4),
        }
    }

    /// `None` at the end of the part.
    fn byte(&mut self) -> Result<Option<u8>, Refused> {
        let buffer = self.from.fill_buf().map_err(|e| super::io(&e))?;
        let first = buffer.first().copied();
        self.from.consume(usize::from(first.is_some()));
        Ok(first)
    }

    /// The next record whose kind is wanted. Others are passed over, whatever their length.
    fn next(&mut self, wanted: impl Fn(u16) -> bool) -> Result<Option<(u16, Record<'_>)>, Refused> {
        let (kind, length) = loop {
            let Some(low) = self.byte()? else {
                return Ok(None);
            };
            let mut kind = u16::from(low & 0x7f);
            if low & 0x80 != 0 {
                let high = self.byte()?.ok_or_else(ends_early)?;
                kind |= u16::from(high & 0x7f) << 7;
            }
            let mut length = 0;
            for shift in [0, 7, 14, 21] {
                let byte = self.byte()?.ok_or_else(ends_early)?;
                length |= usize::from(byte & 0x7f) << shift;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            if wanted(kind) {
                break (kind, length);
            }
            let skipped = std::io::copy(
                &mut self.from.by_ref().take(length as u64),
                &mut std::io::sink(),
            );
            if skipped.map_err(|e| super::io(&e))? < length as u64 {
                return Err(ends_early());
            }
        };
        if length > self.bytes_max {
            return Err(too_large("one cell", "bytes", self.bytes_max as u64));
        }
        if self.bytes.len() < length {
            self.bytes.resize(length, 0);
        }
        let bytes = &mut self.bytes[..length];
        match self.from.read_exact(bytes) {
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Err(ends_early()),
            Err(e) => Err(super::io(&e)),
            Ok(()) => Ok(Some((kind, Record(bytes)))),
        }
    }

    fn close(self) -> Zip<R> {
        self.from.into_inner().close()
    }
}

/// A workbook, and the sheet that is being read.
pub(super) struct Xlsb<R: Read + Seek> {
    zip: Option<Zip<R>>,
    records: Option<Records<R>>,
    sheets: Vec<Sheet>,
    parts: Vec<String>,
    strings: Strings,
    styles: Styles,
    system: System,
    limits: Limits,
    held: Held,
    last: u32,
    /// A row that has begun: its number, and whether it is hidden.
    begun: Option<(u32, bool)>,
}

impl<R: Read + Seek> Xlsb<R> {
    pub(super) fn open(zip: Zip<R>, limits: &Limits) -> Result<Self, Refused> {
        let mut held = Held::new(limits);
        let (zip, path) = workbook(zip, "xl/workbook.bin", limits)?;
        let (zip, related) = relationships(zip, &path, limits)?;
        let mut records = Records::new(zip.part(&path)?, limits);
        let (mut sheets, mut parts) = (Vec::new(), Vec::new());
        let mut system = System::From1900;
        while let Some((kind, mut record)) =
            records.next(|k| matches!(k, kind::WORKBOOK | kind::SHEET))?
        {
            if kind == kind::WORKBOOK {
                if record.u32()? & 1 == 1 {
                    system = System::From1904;
                }
                continue;
            }
            let sight = match record.u32()? {
                0 => Sight::Visible,
                1 => Sight::Hidden,
                _ => Sight::VeryHidden,
            };
            record.skip(4)?;
            let (mut id, mut name) = (String::new(), String::new());
            // A sheet without a part has no text here, which is a length of -1.
            if record.0.starts_with(&[0xff; 4]) {
                continue;
            }
            record.wide_text(&mut id)?;
            record.wide_text(&mut name)?;
            held.take(name.len() + size_of::<Sheet>())?;
            if let Some(part) = related.get(&id)
                && part.kind == "worksheet"
            {
                sheets.push(Sheet { name, sight });
                parts.push(part.target.clone());
            }
        }
        let mut zip = records.close();
        let mut styles = Styles::default();
        if let Some(part) = beside(&zip, &related, &path, "styles", "styles.bin") {
            (zip, styles) = read_styles(zip, &part, limits, &mut held)?;
        }
        let mut strings = Strings::default();
        let usual = "sharedStrings.bin";
        if let Some(part) = beside(&zip, &related, &path, "sharedStrings", usual) {
            let mut records = Records::new(zip.part(&part)?, limits);
            while let Some((_, mut record)) = records.next(|k| k == kind::SHARED_TEXT)? {
                record.skip(1)?;
                record.wide_text(strings.open())?;
                strings.end(&mut held)?;
            }
            zip = records.close();
        }
        Ok(Self {
            zip: Some(zip),
            records: None,
            sheets,
            parts,
            strings,
            styles,
            system,
            limits: *limits,
            held,
            last: 0,
            begun: None,
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
        if let Some(records) = self.records.take() {
            self.zip = Some(records.close());
        }
        let (Some(mut zip), Some(part)) = (self.zip.take(), self.parts.get(sheet)) else {
            return Err(damaged("a sheet is not there"));
        };
        let mut areas = Vec::new();
        if whole {
            let mut records = Records::new(zip.part(part)?, &self.limits);
            while let Some((_, mut record)) = records.next(|k| k == kind::MERGED)? {
                let (top, bottom) = (record.u32()?, record.u32()?);
                let (left, right) = (record.u32()?, record.u32()?);
                self.held.take(size_of::<Area>())?;
                if (top, left) != (bottom, right) {
                    areas.push(Area {
                        top: top.saturating_add(1),
                        left,
                        bottom: bottom.saturating_add(1),
                        right,
                    });
                }
            }
            zip = records.close();
        }
        row.merged = Merged::new(areas);
        let mut records = Records::new(zip.part(part)?, &self.limits);
        let begins = records.next(|k| k == kind::SHEET_DATA)?.is_some();
        if begins {
            self.records = Some(records);
        } else {
            self.zip = Some(records.close());
        }
        self.last = 0;
        self.begun = None;
        Ok(())
    }

    /// The next row that holds something; whether there was one.
    pub(super) fn next(&mut self, row: &mut Row) -> Result<bool, Refused> {
        let Some(records) = &mut self.records else {
            return Ok(false);
        };
        let (number, hidden) = self.begun.take().unwrap_or_default();
        row.begin(number, hidden);
        row.merged.advance(number)?;
        let wanted = |k| {
            matches!(
                k,
                kind::ROW | kind::CELL_RK
                    ..=kind::FORMULA_ERROR | kind::CELL_RICH_TEXT | kind::SHEET_DATA_END
            )
        };
        loop {
            let (kind, mut record) = records.next(wanted)?.ok_or_else(ends_early)?;
            match kind {
                kind::ROW => {
                    let number = record.u32()?.saturating_add(1);
                    record.skip(7)?;
                    let hidden = record.u8()? & 0x10 != 0;
                    if number <= self.last {
                        return Err(super::at_row(damaged("the rows are out of order"), number));
                    }
                    if number > ROWS_MAX {
                        return Err(too_large("a row number", "rows", u64::from(ROWS_MAX)));
                    }
                    self.last = number;
                    if !row.is_empty() {
                        self.begun = Some((number, hidden));
                        return Ok(true);
                    }
                    row.begin(number, hidden);
                    row.merged.advance(number)?;
                }
                kind::SHEET_DATA_END => break,
                kind => {
                    let column = record.u32()? as usize;
                    let style = record.u32()? as usize & 0x00ff_ffff;
                    if row.number == 0 {
                        return Err(damaged("a cell stands before its row"));
                    }
                    let look = (&self.strings, &self.styles, self.system);
                    let slot = cell(row, kind, style, record, look)?;
                    row.put(column, slot, &self.limits)?;
                }
            }
        }
        self.zip = self.records.take().map(Records::close);
        Ok(!row.is_empty())
    }
}

/// What a record says that stands for a cell.
fn cell(
    row: &mut Row,
    kind: u16,
    style: usize,
    mut record: Record<'_>,
    (strings, styles, system): (&Strings, &Styles, System),
) -> Result<Slot, Refused> {
    let start = row.text.len();
    Ok(match kind {
        kind::CELL_RK => {
            let number = value::packed(record.u32()?);
            value::from_float(row, number, styles.of(style), styles, system)
        }
        kind::CELL_REAL | kind::FORMULA_NUMBER => {
            let number = record.f64()?;
            value::from_float(row, number, styles.of(style), styles, system)
        }
        kind::CELL_ERROR | kind::FORMULA_ERROR => value::error_by_number(record.u8()?),
        kind::CELL_BOOL | kind::FORMULA_BOOL => Slot::Boolean(record.u8()? != 0),
        kind::CELL_SHARED => {
            let text = strings.get(record.u32()? as usize)?;
            Slot::Text(row.write(text))
        }
        kind::CELL_RICH_TEXT => {
            record.skip(1)?;
            record.wide_text(&mut row.text)?;
            Slot::Text(row.since(start))
        }
        kind::CELL_TEXT | kind::FORMULA_TEXT => {
            record.wide_text(&mut row.text)?;
            Slot::Text(row.since(start))
        }
        _ => Slot::Empty,
    })
}

fn read_styles<R: Read + Seek>(
    zip: Zip<R>,
    part: &str,
    limits: &Limits,
    held: &mut Held,
) -> Result<(Zip<R>, Styles), Refused> {
    let mut records = Records::new(zip.part(part)?, limits);
    let mut codes = BTreeMap::new();
    let mut formats = Vec::new();
    let mut of_cells = false;
    let wanted = |k| {
        matches!(
            k,
            kind::FORMAT | kind::STYLE | kind::CELL_STYLES | kind::CELL_STYLES_END
        )
    };
    while let Some((kind, mut record)) = records.next(wanted)? {
        match kind {
            kind::FORMAT => {
                let id = record.u16()?;
                let mut code = String::new();
                record.wide_text(&mut code)?;
                held.take(code.len() + 64)?;
                codes.insert(id, code);
            }
            kind::CELL_STYLES => of_cells = true,
            kind::CELL_STYLES_END => of_cells = false,
            _ if of_cells => {
                record.skip(2)?;
                held.take(16)?;
                formats.push(record.u16()?);
            }
            _ => {}
        }
    }
    Ok((records.close(), Styles::new(&formats, &codes)))
}
