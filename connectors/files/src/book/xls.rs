//! xls: binary records in one stream of an OLE file, BIFF5 and BIFF8 (MS-XLS).
//!
//! Programs write cells in any order, and whether a row is hidden before or after them. A sheet is
//! gone through once to note where the cells lie, eight bytes each; then they are read in order.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Read, Seek, SeekFrom};

use encoding_rs::Encoding;

use super::cell::{Row, Slot};
use super::held::{Held, Strings};
use super::merged::{Area, Merged};
use super::moment::System;
use super::number::Styles;
use super::ole::{Ole, Stream};
use super::record::{Record, utf16};
use super::xml::ends_early;
use super::{Refused, Sheet, Sight, damaged, value};
use crate::options::Limits;

/// Record types (MS-XLS 2.3).
mod kind {
    pub(super) const FORMULA: u16 = 0x0006;
    pub(super) const END: u16 = 0x000a;
    pub(super) const DATE_MODE: u16 = 0x0022;
    pub(super) const PASSWORD: u16 = 0x002f;
    pub(super) const CONTINUE: u16 = 0x003c;
    pub(super) const CODE_PAGE: u16 = 0x0042;
    pub(super) const SHEET: u16 = 0x0085;
    pub(super) const PACKED_NUMBERS: u16 = 0x00bd;
    pub(super) const RICH_TEXT: u16 = 0x00d6;
    pub(super) const STYLE: u16 = 0x00e0;
    pub(super) const MERGED: u16 = 0x00e5;
    pub(super) const SHARED_TEXTS: u16 = 0x00fc;
    pub(super) const SHARED_TEXT: u16 = 0x00fd;
    pub(super) const NUMBER: u16 = 0x0203;
    pub(super) const TEXT: u16 = 0x0204;
    pub(super) const BOOL_OR_ERROR: u16 = 0x0205;
    pub(super) const FORMULA_TEXT: u16 = 0x0207;
    pub(super) const ROW: u16 = 0x0208;
    pub(super) const PACKED_NUMBER: u16 = 0x027e;
    pub(super) const FORMAT: u16 = 0x041e;
    pub(super) const BEGIN: u16 = 0x0809;
}

/// Rows of a sheet; one more cannot be written.
const ROWS: u64 = 1 << 16;

/// The records of the stream, from where it stands.
struct Records<R: Read + Seek> {
    from: BufReader<Stream<R>>,
    bytes: Vec<u8>,
    /// Where the next record begins.
    at: u64,
}

impl<R: Read + Seek> Records<R> {
    fn go(&mut self, at: u64) -> Result<(), Refused> {
        // Stays in what is buffered where it can.
        let by = i64::try_from(at)
            .ok()
            .zip(i64::try_from(self.at).ok())
            .map(|(to, from)| to - from);
        let gone = match by {
            Some(by) => self.from.seek_relative(by),
            None => self.from.seek(SeekFrom::Start(at)).map(|_| ()),
        };
        gone.map_err(|e| super::io(&e))?;
        self.at = at;
        Ok(())
    }

    /// The next record. `None` at the end of the stream.
    fn next(&mut self) -> Result<Option<(u16, Record<'_>)>, Refused> {
        let mut header = [0; 4];
        let mut filled = 0;
        while filled < 4 {
            match self.from.read(&mut header[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(ends_early()),
                Ok(read) => filled += read,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(super::io(&e)),
            }
        }
        let (kind, length) = (header[..2].try_into(), header[2..].try_into());
        let length = usize::from(u16::from_le_bytes(length.unwrap_or_default()));
        if self.bytes.len() < length {
            self.bytes.resize(length, 0);
        }
        let bytes = &mut self.bytes[..length];
        match self.from.read_exact(bytes) {
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Err(ends_early()),
            Err(e) => return Err(super::io(&e)),
            Ok(()) => {}
        }
        self.at += 4 + length as u64;
        let kind = u16::from_le_bytes(kind.unwrap_or_default());
        Ok(Some((kind, Record(bytes))))
    }
}

/// How texts are written.
#[derive(Debug, Clone, Copy)]
struct Script {
    /// BIFF8: UTF-16, or its lower halves.
    wide: bool,
    /// BIFF5: the workbook's code page.
    page: &'static Encoding,
}

impl Script {
    /// A text of so many characters; in BIFF8 a byte of flags comes first.
    fn read(self, count: usize, record: &mut Record<'_>, to: &mut String) -> Result<(), Refused> {
        if !self.wide {
            let bytes = record.bytes(count)?;
            let (text, _) = self.page.decode_without_bom_handling(bytes);
            to.push_str(&text);
            return Ok(());
        }
        if count == 0 && record.0.is_empty() {
            return Ok(());
        }
        if record.u8()? & 1 == 1 {
            utf16(record.bytes(count * 2)?, to);
        } else {
            to.extend(record.bytes(count)?.iter().map(|b| char::from(*b)));
        }
        Ok(())
    }
}

/// Windows code pages and the one of old Macs, by number; anything else is read as Western.
fn code_page(number: u16) -> &'static Encoding {
    match number {
        874 => encoding_rs::WINDOWS_874,
        932 => encoding_rs::SHIFT_JIS,
        936 => encoding_rs::GBK,
        949 => encoding_rs::EUC_KR,
        950 => encoding_rs::BIG5,
        1250 => encoding_rs::WINDOWS_1250,
        1251 => encoding_rs::WINDOWS_1251,
        1253 => encoding_rs::WINDOWS_1253,
        1254 => encoding_rs::WINDOWS_1254,
        1255 => encoding_rs::WINDOWS_1255,
        1256 => encoding_rs::WINDOWS_1256,
        1257 => encoding_rs::WINDOWS_1257,
        1258 => encoding_rs::WINDOWS_1258,
        10_000 | 32_768 => encoding_rs::MACINTOSH,
        _ => encoding_rs::WINDOWS_1252,
    }
}

/// A workbook, and the sheet that is being read.
pub(super) struct Xls<R: Read + Seek> {
    records: Records<R>,
    script: Script,
    sheets: Vec<Sheet>,
    /// Where each sheet begins in the stream.
    places: Vec<u64>,
    strings: Strings,
    styles: Styles,
    system: System,
    limits: Limits,
    held: Held,
    /// Where the cells of the sheet lie, by row: 16 bits of row, 48 of place.
    cells: Vec<u64>,
    next: usize,
    hidden: BTreeSet<u16>,
}

impl<R: Read + Seek> Xls<R> {
    pub(super) fn open(from: R, limits: &Limits) -> Result<Self, Refused> {
        let mut held = Held::new(limits);
        let ole = Ole::open(from, &mut held)?;
        let name = if ole.has("Workbook") {
            "Workbook"
        } else {
            "Book"
        };
        let stream = ole.stream(name, &mut held)?;
        let mut records = Records {
            from: BufReader::with_capacity(64 * 1024, stream),
            bytes: Vec::new(),
            at: 0,
        };
        let mut script = Script {
            wide: true,
            page: encoding_rs::WINDOWS_1252,
        };
        let (mut sheets, mut places) = (Vec::new(), Vec::new());
        let mut codes = BTreeMap::new();
        let mut formats = Vec::new();
        let mut system = System::From1900;
        let mut strings = Strings::default();
        let mut begun = false;
        while let Some((kind, mut record)) = records.next()? {
            match kind {
                kind::BEGIN if !begun => {
                    begun = true;
                    let version = record.u16()?;
                    if version != 0x0600 && version != 0x0500 {
                        return Err(damaged("it is of a version that does not exist"));
                    }
                    script.wide = version == 0x0600;
                }
                _ if !begun => return Err(damaged("it does not begin as a workbook does")),
                kind::PASSWORD => return Err(super::password("xls")),
                kind::CODE_PAGE => script.page = code_page(record.u16()?),
                kind::DATE_MODE if record.u16()? == 1 => system = System::From1904,
                kind::FORMAT => {
                    let id = record.u16()?;
                    let count = if script.wide {
                        usize::from(record.u16()?)
                    } else {
                        usize::from(record.u8()?)
                    };
                    let mut code = String::new();
                    script.read(count, &mut record, &mut code)?;
                    held.take(code.len() + 64)?;
                    codes.insert(id, code);
                }
                kind::STYLE => {
                    record.skip(2)?;
                    held.take(16)?;
                    formats.push(record.u16()?);
                }
                kind::SHEET => {
                    let place = u64::from(record.u32()?);
                    let sight = match record.u8()? & 3 {
                        0 => Sight::Visible,
                        1 => Sight::Hidden,
                        _ => Sight::VeryHidden,
                    };
                    let sort = record.u8()?;
                    let count = usize::from(record.u8()?);
                    let mut name = String::new();
                    script.read(count, &mut record, &mut name)?;
                    held.take(name.len() + size_of::<Sheet>())?;
                    // 0: a sheet of cells; others hold charts, macros or dialogs.
                    if sort == 0 {
                        sheets.push(Sheet { name, sight });
                        places.push(place);
                    }
                }
                kind::SHARED_TEXTS => {
                    record.skip(4)?;
                    let count = record.u32()?;
                    let rest = record.0.to_vec();
                    let mut texts = Texts {
                        bytes: rest,
                        at: 0,
                        records: &mut records,
                    };
                    for _ in 0..count {
                        if !texts.next(strings.open())? {
                            break;
                        }
                        strings.end(&mut held)?;
                    }
                }
                kind::END => break,
                _ => {}
            }
        }
        Ok(Self {
            records,
            script,
            sheets,
            places,
            strings,
            styles: Styles::new(&formats, &codes),
            system,
            limits: *limits,
            held,
            cells: Vec::new(),
            next: 0,
            hidden: BTreeSet::new(),
        })
    }

    pub(super) fn sheets(&self) -> &[Sheet] {
        &self.sheets
    }

    pub(super) fn system(&self) -> System {
        self.system
    }

    /// Goes through a sheet and notes where its cells lie.
    pub(super) fn start(&mut self, sheet: usize, row: &mut Row) -> Result<(), Refused> {
        let place = self.places.get(sheet).copied();
        let place = place.ok_or_else(|| damaged("a sheet is not there"))?;
        self.records.go(place)?;
        self.cells.clear();
        self.hidden.clear();
        self.next = 0;
        let mut held = self.held;
        let mut areas = Vec::new();
        // Charts lie within sheets, with a beginning and an end of their own.
        let mut depth = 0_u32;
        loop {
            let at = self.records.at;
            let Some((kind, mut record)) = self.records.next()? else {
                return Err(ends_early());
            };
            match kind {
                kind::BEGIN => depth += 1,
                _ if depth == 0 => return Err(damaged("a sheet does not begin where it should")),
                kind::END => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                _ if depth > 1 => {}
                kind::ROW => {
                    let number = record.u16()?;
                    record.skip(10)?;
                    if record.u8()? & 0x20 != 0 {
                        self.hidden.insert(number);
                    }
                }
                kind::MERGED => {
                    for _ in 0..record.u16()? {
                        let (top, bottom) = (record.u16()?, record.u16()?);
                        let (left, right) = (record.u16()?, record.u16()?);
                        held.take(size_of::<Area>())?;
                        if (top, left) != (bottom, right) {
                            areas.push(Area {
                                top: u32::from(top) + 1,
                                left: u32::from(left),
                                bottom: u32::from(bottom) + 1,
                                right: u32::from(right),
                            });
                        }
                    }
                }
                kind::FORMULA
                | kind::PACKED_NUMBERS
                | kind::RICH_TEXT
                | kind::SHARED_TEXT
                | kind::NUMBER
                | kind::TEXT
                | kind::BOOL_OR_ERROR
                | kind::PACKED_NUMBER => {
                    held.take(size_of::<u64>())?;
                    self.cells.push(u64::from(record.u16()?) << 48 | at);
                }
                _ => {}
            }
        }
        self.cells.sort_unstable();
        row.merged = Merged::new(areas);
        Ok(())
    }

    /// The next row that holds something; whether there was one.
    pub(super) fn next(&mut self, row: &mut Row) -> Result<bool, Refused> {
        let Some(first) = self.cells.get(self.next) else {
            return Ok(false);
        };
        let number = u16::try_from((first >> 48) % ROWS).unwrap_or(0);
        row.begin(u32::from(number) + 1, self.hidden.contains(&number));
        row.merged.advance(row.number)?;
        while let Some(entry) = self.cells.get(self.next)
            && entry >> 48 == u64::from(number)
        {
            self.next += 1;
            self.records.go(entry & 0xffff_ffff_ffff)?;
            self.cell(row)?;
        }
        Ok(true)
    }

    fn cell(&mut self, row: &mut Row) -> Result<(), Refused> {
        let Some((kind, mut record)) = self.records.next()? else {
            return Err(ends_early());
        };
        record.skip(2)?;
        let column = usize::from(record.u16()?);
        let look = (&self.styles, self.system);
        let float = |row: &mut Row, style: usize, number: f64| {
            value::from_float(row, number, look.0.of(style), look.0, look.1)
        };
        if kind == kind::PACKED_NUMBERS {
            // As many numbers as there is room for; the last column follows them.
            let mut column = column;
            while record.0.len() >= 6 + 2 {
                let style = usize::from(record.u16()?);
                let slot = float(row, style, value::packed(record.u32()?));
                row.put(column, slot, &self.limits)?;
                column += 1;
            }
            return Ok(());
        }
        let style = usize::from(record.u16()?);
        let start = row.text.len();
        let slot = match kind {
            kind::NUMBER => float(row, style, record.f64()?),
            kind::PACKED_NUMBER => float(row, style, value::packed(record.u32()?)),
            kind::BOOL_OR_ERROR => {
                let code = record.u8()?;
                if record.u8()? == 0 {
                    Slot::Boolean(code != 0)
                } else {
                    value::error_by_number(code)
                }
            }
            kind::SHARED_TEXT => {
                let text = self.strings.get(record.u32()? as usize)?;
                Slot::Text(row.write(text))
            }
            kind::TEXT | kind::RICH_TEXT => {
                let count = usize::from(record.u16()?);
                self.script.read(count, &mut record, &mut row.text)?;
                Slot::Text(row.since(start))
            }
            kind::FORMULA => {
                let cached = record.bytes(8)?;
                match *cached {
                    // A text follows in a record of its own.
                    [0, .., 0xff, 0xff] => {
                        self.formula_text(row)?;
                        Slot::Text(row.since(start))
                    }
                    [1, _, truth, .., 0xff, 0xff] => Slot::Boolean(truth != 0),
                    [2, _, code, .., 0xff, 0xff] => value::error_by_number(code),
                    [3, .., 0xff, 0xff] => Slot::Text(row.since(start)),
                    [.., 0xff, 0xff] => return Err(damaged("a formula has no value")),
                    _ => float(row, style, Record(cached).f64()?),
                }
            }
            _ => Slot::Empty,
        };
        row.put(column, slot, &self.limits)
    }

    /// The text that a formula gave. Formulas that are shared or fill several cells come between.
    fn formula_text(&mut self, row: &mut Row) -> Result<(), Refused> {
        /// A shared formula, one of an array, one of a table, and what continues them.
        const BETWEEN: [u16; 5] = [0x04bc, 0x0221, 0x0236, kind::CONTINUE, 0x00bc];
        loop {
            let Some((kind, mut record)) = self.records.next()? else {
                return Err(ends_early());
            };
            match kind {
                kind::FORMULA_TEXT => {
                    let count = usize::from(record.u16()?);
                    // What one record cannot hold goes on in the next.
                    let wide = self.script.wide && record.0.first().is_some_and(|f| f & 1 == 1);
                    let here = record.0.len().saturating_sub(usize::from(self.script.wide));
                    let here = if wide { here / 2 } else { here };
                    self.script
                        .read(count.min(here), &mut record, &mut row.text)?;
                    let mut left = count - count.min(here);
                    while left > 0 {
                        let Some((kind::CONTINUE, mut record)) = self.records.next()? else {
                            return Err(damaged("a text is shorter than it says"));
                        };
                        let wide = record.0.first().is_some_and(|f| f & 1 == 1);
                        let here = record.0.len().saturating_sub(1) / if wide { 2 } else { 1 };
                        let part = left.min(here);
                        if part == 0 {
                            return Err(damaged("a text is shorter than it says"));
                        }
                        self.script.read(part, &mut record, &mut row.text)?;
                        left -= part;
                    }
                    return Ok(());
                }
                kind if BETWEEN.contains(&kind) => {}
                // A formula that never gave its text.
                _ => return Err(damaged("a formula has no value")),
            }
        }
    }
}

/// The shared texts, which go on from record to record.
struct Texts<'a, R: Read + Seek> {
    bytes: Vec<u8>,
    at: usize,
    records: &'a mut Records<R>,
}

impl<R: Read + Seek> Texts<'_, R> {
    /// Goes on to the next record; whether there was one.
    fn more(&mut self) -> Result<bool, Refused> {
        let here = self.records.at;
        let next = self.records.next()?;
        if let Some((kind::CONTINUE, record)) = next {
            self.bytes.clear();
            self.bytes.extend_from_slice(record.0);
            self.at = 0;
            return Ok(true);
        }
        if next.is_some() {
            self.records.go(here)?;
        }
        Ok(false)
    }

    fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Refused> {
        let mut taken = [0; N];
        for byte in &mut taken {
            if self.left() == 0 && !self.more()? {
                return Err(ends_early());
            }
            *byte = *self.bytes.get(self.at).ok_or_else(ends_early)?;
            self.at += 1;
        }
        Ok(taken)
    }

    fn skip(&mut self, mut count: usize) -> Result<(), Refused> {
        while count > 0 {
            if self.left() == 0 && !self.more()? {
                return Err(ends_early());
            }
            let part = count.min(self.left());
            if part == 0 {
                return Err(ends_early());
            }
            self.at += part;
            count -= part;
        }
        Ok(())
    }

    /// Adds the next text; whether there was one. Lists may say that they are longer than they are.
    fn next(&mut self, to: &mut String) -> Result<bool, Refused> {
        if self.left() == 0 && !self.more()? {
            return Ok(false);
        }
        let count = usize::from(u16::from_le_bytes(self.take()?));
        let [flags] = self.take()?;
        let runs = if flags & 8 != 0 {
            usize::from(u16::from_le_bytes(self.take()?))
        } else {
            0
        };
        let hints = if flags & 4 != 0 {
            u32::from_le_bytes(self.take()?) as usize
        } else {
            0
        };
        let mut wide = flags & 1 == 1;
        let mut left = count;
        while left > 0 {
            if self.left() == 0 {
                if !self.more()? {
                    return Err(ends_early());
                }
                // What goes on says anew how wide its characters are.
                let [flags] = self.take()?;
                wide = flags & 1 == 1;
            }
            let unit = if wide { 2 } else { 1 };
            let part = left.min(self.left() / unit);
            if part == 0 {
                return Err(damaged("a shared text is torn apart"));
            }
            let bytes = &self.bytes[self.at..self.at + part * unit];
            if wide {
                utf16(bytes, to);
            } else {
                to.extend(bytes.iter().map(|b| char::from(*b)));
            }
            self.at += part * unit;
            left -= part;
        }
        self.skip(runs * 4)?;
        self.skip(hints)?;
        Ok(true)
    }
}
