//! The CSV reader: streams rows, one record in memory, and says at the end whether the file is
//! whole.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use rollcall_core::model::{Finding, FindingKind, Place, Severity, WorkerId, text_shape};

use crate::book::{self, Book, Cell, Choose, Kind};
use crate::decode::{Encoded, Medium, decode};
use crate::layout::{self, Layout, Role, Roles};
use crate::options::{Footer, HeaderAt, Options};
use crate::records::{ByteRecord, Records, TooLong, Whole, lines};
use crate::typed::Typed;
use rollcall_source::{RefusalKind, Refused};
use rollcall_source::{clean, clean_name};

/// How much of the beginning is looked at to tell what a file is.
const HEAD_BYTES: usize = 64 * 1024;
/// What stands in front of a text to say that it is UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";
/// What spreadsheets write where a formula came to nothing.
const ERRORS: [&str; 7] = [
    "#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!",
];
/// Rows that a sheet of an xls has at most, and one of the formats after it.
const FORMAT_ENDS: [u32; 2] = [65_536, 1_048_576];
/// What helps where a file has another number of workers than it says.
const NOT_WHOLE: &str =
    "the file is not whole, or its export counts otherwise; have it written anew";
/// Rows with a byte that is not UTF-8, above which the file is taken to be in another encoding.
const BAD_ROWS_PERCENT: u32 = 1;

/// Opens a file on this machine.
///
/// # Errors
/// As [`open`]; also when it is missing, a folder, or not readable.
pub fn open_file(path: &Path, options: &Options) -> Result<Reader<File>, Refused> {
    let fail = |e: std::io::Error| Refused::io(&e);
    if std::fs::metadata(path).map_err(fail)?.is_dir() {
        return Err(Refused::io(&std::io::ErrorKind::IsADirectory.into()));
    }
    open(File::open(path).map_err(fail)?, options)
}

/// Tells what the file is, finds encoding, delimiter and header, and gets ready to stream.
///
/// # Errors
/// [`Refused`] when it is empty, no text table, of an encoding that it does not keep, or lacks a column.
pub fn open<R: Read + Seek>(mut from: R, options: &Options) -> Result<Reader<R>, Refused> {
    let fail = |e: std::io::Error| Refused::io(&e);
    let bytes = from.seek(SeekFrom::End(0)).map_err(fail)?;
    from.seek(SeekFrom::Start(0)).map_err(fail)?;
    let head = head_of(&mut from)?;
    recognise(&head)?;
    match book::sniff(&head, &mut from, &options.limits)? {
        Kind::Text => of_text(from, bytes, options),
        kind @ (Kind::Xlsx | Kind::Xlsb | Kind::Xls | Kind::Ods) => {
            of_book(from, kind, bytes, options)
        }
    }
}

/// A workbook: its sheet, and the header in it.
fn of_book<R: Read + Seek>(
    mut from: R,
    kind: Kind,
    bytes: u64,
    options: &Options,
) -> Result<Reader<R>, Refused> {
    from.seek(SeekFrom::Start(0)).map_err(|e| Refused::io(&e))?;
    // Nobody says what the header has; what is said of columns tells where they are.
    let likely: Vec<String> = match options.header {
        HeaderAt::Nowhere => Vec::new(),
        HeaderAt::Found | HeaderAt::Row(_) if !options.key.is_empty() => vec![options.key.clone()],
        HeaderAt::Found | HeaderAt::Row(_) => options.typed.keys().cloned().collect(),
    };
    let choose = match &options.sheet {
        Some(name) => Choose::Named(name),
        None if options.required.is_empty() => Choose::Likely(&likely),
        None => Choose::Having(&options.required),
    };
    let mut book = Book::open(from, kind, &choose, &options.limits)?;
    let nowhere = options.header == HeaderAt::Nowhere;
    if options.fill_merged && nowhere {
        book.fill();
    }
    let found = book.detected().clone();
    let mut above: Vec<Above> = Vec::new();
    let mut top: Option<Above> = None;
    let mut is_there = false;
    while let Some(row) = book.next()? {
        let here = Above::of(row, &above);
        let names = &here.names;
        let wanted = match options.header {
            HeaderAt::Row(wanted) => row.number() == wanted,
            HeaderAt::Nowhere => true,
            HeaderAt::Found => {
                let has = |name: &String| names.iter().any(|it| clean_name(it) == *name);
                options.required.iter().all(has)
            }
        };
        if wanted || top.is_none() {
            top = Some(here.clone());
        }
        if wanted {
            is_there = true;
            break;
        }
        above.push(here.kept());
        if above.len() >= layout::ROWS {
            break;
        }
    }
    let top = top.ok_or_else(no_rows)?;
    let number = top.number;
    if !is_there && options.header != HeaderAt::Found {
        let message = "the row that is said to be the header is not there";
        let hint = "say which row it is in the configuration";
        return Err(Refused::new(RefusalKind::WrongHeader, message, hint));
    }
    let at = Place {
        row: Some(number),
        ..Place::default()
    };
    // The table begins where its header does, or a row below it.
    let own = top.names.iter().position(|it| !it.trim().is_empty());
    let first = found.first_column(number).into_iter().chain(own).min();
    let first = first.unwrap_or(0).min(top.names.len());
    let raw = top.written[first.min(top.written.len())..].to_vec();
    let header = if nowhere {
        let names = (1..=top.names.len() - first).map(|n| format!("column {n}"));
        header(Ok(names.collect()), &at, options)?
    } else {
        book.table_begins();
        // A name over several columns is not the name of each.
        if options.fill_merged {
            book.fill();
        }
        header_from(Ok(top.names[first..].to_vec()), &at, first, options)?
    };
    let mut findings = book.findings().to_vec();
    if options.header == HeaderAt::Found {
        let columns = header.names.len();
        let crowded = above
            .iter()
            .find(|it| is_there && layout::looks_like_a_worker(it.filled(number), columns));
        if let Some(row) = crowded {
            return Err(outside(row.number, "above the header"));
        }
        let above: Vec<u32> = above.iter().map(|it| it.number).collect();
        findings.extend(preamble(&above));
    }
    let detected = Detected {
        format: found.format,
        encoded: None,
        delimiter: None,
        header_row: (!nowhere).then_some(number),
        sheet: Some(found.sheet),
        date_system: found.date_system,
        first_column: Some(book::letters(first).to_string()),
        control_total: None,
        file_date: None,
        coverage: None,
    };
    let rows = Rows::Book(Box::new(Sheet {
        uses: Use::of(&header),
        raw,
        settled: Vec::new(),
        key_shown: None,
        book,
        first,
        // Without a header the first row is somebody's.
        again: nowhere,
        wide: nowhere,
    }));
    Reader::new(rows, (header, detected, findings), bytes, options)
}

/// A row that may be the header, or stands above it.
#[derive(Clone)]
struct Above {
    number: u32,
    /// What stands in it, from column A on.
    written: Vec<String>,
    /// The same with names that are merged over this row too: they are written in a row above.
    names: Vec<String>,
    /// The last row that the cell in a column reaches down to; 0: nothing stands there.
    down: Vec<u32>,
}

impl Above {
    fn of(row: &book::Row, above: &[Self]) -> Self {
        let texts: Vec<String> = row.cells().map(|it| written(&it)).collect();
        let width = above.iter().map(|it| it.down.len()).max().unwrap_or(0);
        let name = |at: usize| {
            let above = above_of(row, at, above);
            above.or_else(|| texts.get(at).cloned()).unwrap_or_default()
        };
        let names = (0..width.max(texts.len())).map(name).collect();
        let down = texts.iter().enumerate().map(|(at, text)| {
            if text.trim().is_empty() {
                return 0;
            }
            row.reach(at)
        });
        let down = down.collect();
        Self {
            number: row.number(),
            written: texts,
            names,
            down,
        }
    }

    /// What has to be held of it while further rows are looked at: no texts but those that reach them.
    fn kept(mut self) -> Self {
        self.names = Vec::new();
        for (text, down) in self.written.iter_mut().zip(&self.down) {
            if *down <= self.number {
                *text = String::new();
            }
        }
        self
    }

    /// Cells with something in them that is no name of the header.
    fn filled(&self, header: u32) -> usize {
        let own = self.down.iter().filter(|down| (1..header).contains(*down));
        own.count()
    }
}

/// What is merged over a cell from a row above.
fn above_of(row: &book::Row, at: usize, above: &[Above]) -> Option<String> {
    let Cell::Covered(area) = row.cell(at) else {
        return None;
    };
    let from = area.above(row.number(), at)?;
    let above = above.iter().find(|it| it.number == from)?;
    above.written.get(at).cloned()
}

/// What a cell of a header says.
fn written(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Text(text) | Cell::Duration(text) => (*text).to_owned(),
        Cell::Number(number) => number.text.to_owned(),
        Cell::Boolean(value) => value.to_string(),
        Cell::Day(day) => day.to_string(),
        Cell::Moment(moment) => moment.to_string(),
        Cell::Empty | Cell::NoDay(_) | Cell::Error(_) | Cell::Uncalculated | Cell::Covered(_) => {
            String::new()
        }
    }
}

/// A row outside of the table that somebody may stand in.
fn outside(row: u32, place: &str) -> Refused {
    let message = format!("a row {place} has as much in it as a worker's");
    let hint = "whoever is in it would count as gone; have the export written with the header first and \
                the totals last";
    Refused::new(RefusalKind::WrongHeader, message, hint).at(row, u64::from(row))
}

/// Rows above the header, where there are any.
fn preamble(rows: &[u32]) -> Option<Finding> {
    let first = rows.first()?;
    let note = "above the header; not read";
    let (kind, place) = (FindingKind::PreambleSkipped, Place::row(*first));
    let found = Finding::new(kind, Severity::Info, place, note);
    Some(found.with("rows", list(rows)))
}

fn of_text<R: Read + Seek>(from: R, bytes: u64, options: &Options) -> Result<Reader<R>, Refused> {
    let fail = |e: std::io::Error| Refused::io(&e);
    let (mut from, encoded, mut start) = decode(from, options.encoding)?;
    let whole = from.seek(SeekFrom::End(0)).map_err(fail)?;
    from.seek(SeekFrom::Start(start)).map_err(fail)?;
    let head = head_of(&mut from)?;
    let mut head = &head[..];
    let mut marked_twice = false;
    while let Some(behind) = head.strip_prefix(MARK) {
        start += MARK.len() as u64;
        head = behind;
        marked_twice = true;
    }
    let mut delimiter = options.delimiter;
    let mut first = (1, 1);
    if let Some((declared, length)) = separator_line(head) {
        delimiter = delimiter.or(Some(declared));
        start += length as u64;
        head = &head[length..];
        first = (2, 2);
    }
    let layout = Layout::find(head, options, delimiter, first);
    if let Some(row) = layout.crowded.filter(|_| options.header == HeaderAt::Found) {
        return Err(outside(row, "above the header"));
    }
    let is_said = matches!(options.header, HeaderAt::Row(_)) && options.records.is_none();
    if is_said && !layout.is_there && layout.fields > 0 {
        return Err(not_there());
    }
    from.seek(SeekFrom::Start(start + layout.byte))
        .map_err(fail)?;
    let place = (layout.row, layout.line);
    let mut records = Records::new(from, layout.delimiter, place, options.limits.row_bytes_max);
    let mut record = ByteRecord::new();
    let roles = options.records.as_ref().map(|it| Roles::of(it, options));
    let at = Place {
        row: Some(layout.row),
        ..Place::default()
    };
    let mut names = Vec::new();
    let header = match (&roles, options.header) {
        (Some(roles), _) => header(Ok(roles.names()), &at, options)?,
        (None, HeaderAt::Nowhere) => {
            let names = (1..=layout.fields).map(|n| format!("column {n}"));
            header(Ok(names.collect()), &at, options)?
        }
        (None, HeaderAt::Found | HeaderAt::Row(_)) => {
            if records.read(&mut record).map_err(|e| broken(&e))?.is_none() {
                return Err(no_rows());
            }
            let mut written = layout::names(&record);
            if let Ok(written) = &mut written {
                names = written.iter().map(|it| clean_name(it)).collect();
                if let Some(first) = written.first_mut().filter(|_| marked_twice) {
                    // It is said of the name, as of all that nobody sees.
                    first.insert(0, '\u{feff}');
                }
            }
            header(written, &at, options)?
        }
    };
    let mut findings = Vec::new();
    if encoded.assumed {
        let note = format!(
            "nobody says what text this is; it looks like {}, and is read so",
            encoded.name
        );
        let found = Finding::new(
            FindingKind::EncodingAssumed,
            Severity::Warning,
            Place::default(),
            note,
        );
        findings.push(found.with("encoding", encoded.name));
    }
    findings.extend(preamble(&layout.preamble));
    let detected = Detected {
        format: "csv",
        encoded: Some(encoded),
        delimiter: Some(layout.delimiter),
        header_row: record_row(roles.as_ref(), options.header, layout.row),
        sheet: None,
        date_system: None,
        first_column: None,
        control_total: None,
        file_date: None,
        coverage: None,
    };
    let text = Rows::Text(Box::new(Text {
        records,
        names,
        delimiter: layout.delimiter,
        start: start + layout.byte,
        whole,
    }));
    let reader = Reader::new(text, (header, detected, findings), bytes, options)?;
    let trailing = (layout.trailing && roles.is_none()).then_some((0, 0));
    Ok(Reader {
        roles,
        trailing,
        ..reader
    })
}

/// The row of the header, where there is one.
fn record_row(roles: Option<&Roles>, at: HeaderAt, row: u32) -> Option<u32> {
    match (roles, at) {
        (Some(_), _) | (None, HeaderAt::Nowhere) => None,
        (None, HeaderAt::Found | HeaderAt::Row(_)) => Some(row),
    }
}

/// Row numbers for a finding: `1 2 3`.
fn list(rows: &[u32]) -> String {
    let rows: Vec<String> = rows.iter().map(u32::to_string).collect();
    rows.join(" ")
}

fn head_of(from: &mut impl Read) -> Result<Vec<u8>, Refused> {
    let mut head = Vec::new();
    from.take(HEAD_BYTES as u64)
        .read_to_end(&mut head)
        .map_err(|e| Refused::io(&e))?;
    Ok(head)
}

/// What was found out about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    /// `csv`, `xlsx`, `xlsb`, `xls` or `ods`.
    pub format: &'static str,
    /// What text it is, where it is text.
    pub encoded: Option<Encoded>,
    /// The byte between cells, where it is text.
    pub delimiter: Option<u8>,
    /// The sheet that is read, in a workbook.
    pub sheet: Option<String>,
    /// `1900` or `1904`, where days are numbers.
    pub date_system: Option<&'static str>,
    /// The letter of the first column, in a workbook.
    pub first_column: Option<String>,
    /// The row of the header, as a spreadsheet counts; `None`: there is none.
    pub header_row: Option<u32>,
    /// How many workers the file itself says that it has.
    pub control_total: Option<u32>,
    /// The day that it says it is of.
    pub file_date: Option<String>,
    /// What it says that it covers.
    pub coverage: Option<String>,
}

/// What a whole file came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Data rows, held ones included.
    pub rows: u32,
    /// Bytes of the file.
    pub bytes: u64,
}

#[derive(Debug)]
struct Header {
    names: Vec<String>,
    key: usize,
    /// The configuration says which column that is.
    key_said: bool,
    columns: Vec<usize>,
    /// Columns of which more is said, ascending.
    typed: Vec<(usize, Typed)>,
    findings: Vec<Finding>,
}

/// A regular expression, and what was asked for with it.
type Asked<T> = Option<(regex_lite::Regex, T)>;

/// Where rows come from.
enum Rows<R: Read + Seek> {
    Text(Box<Text<R>>),
    Book(Box<Sheet<R>>),
}

/// Delimited text.
struct Text<R> {
    records: Records<Medium<R>>,
    /// The names of the header, cleaned, to know it again.
    names: Vec<String>,
    delimiter: u8,
    /// Bytes before the header.
    start: u64,
    /// Bytes of the text as UTF-8.
    whole: u64,
}

/// A sheet of a workbook.
struct Sheet<R: Read + Seek> {
    book: Book<R>,
    /// The first column, from 0.
    first: usize,
    /// The row that was read last is to be given once more.
    again: bool,
    /// There is no header: what stands beside the columns of the first row is of the table too.
    wide: bool,
    /// What each column is to us.
    uses: Vec<Use>,
    /// What the row of the header has in it, as it is written there.
    raw: Vec<String>,
    /// Columns of this row whose cell is of the declared type already.
    settled: Vec<usize>,
    /// What is shown in place of the key of this row.
    key_shown: Option<String>,
}

/// What a column of a sheet is to us.
#[derive(Debug, Clone, Default)]
struct Use {
    /// Somebody reads it.
    read: bool,
    typed: Option<Typed>,
    /// It had a day in it, or is declared to.
    days: bool,
}

impl Use {
    fn of(header: &Header) -> Vec<Self> {
        let mut uses = vec![Self::default(); header.names.len()];
        for at in header.columns.iter().chain([&header.key]) {
            uses[*at].read = true;
        }
        for (at, typed) in &header.typed {
            uses[*at].days = typed.is_date();
            uses[*at].typed = Some(typed.clone());
        }
        uses
    }
}

/// Where a row stands.
#[derive(Clone, Copy)]
struct At {
    number: u32,
    line: u64,
    byte: u64,
    /// Line breaks inside its values.
    inside: u64,
}

/// Streams the rows of one file.
pub struct Reader<R: Read + Seek> {
    source: Rows<R>,
    record: ByteRecord,
    header: Header,
    /// What is odd about the file.
    table_findings: Vec<Finding>,
    detected: Detected,
    limits: crate::options::Limits,
    roles: Option<Roles>,
    footer: Asked<Footer>,
    key_pattern: Asked<String>,
    /// Blank rows since the last that was none.
    blank: Vec<u32>,
    /// Rows behind the last worker.
    tail: Vec<u32>,
    /// The row that says how many workers there are was there.
    trailer: bool,
    /// What a row before the workers says of their number, with its row and line.
    promised: Option<(u32, u32, u64)>,
    /// Rows end in one delimiter more than the header: the first of them, and how many there were.
    trailing: Option<(u32, u32)>,
    /// Bytes of the file.
    bytes: u64,
    rows: u32,
    bad_rows: u32,
    first_bad: Option<Refused>,
    last: Option<Last>,
    findings: Vec<Finding>,
    /// What is odd about cells of this row of a workbook.
    doubts: Vec<Finding>,
    /// Values of this row that are handed on otherwise than they stand there.
    fixed: Vec<(usize, Option<String>)>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    row: u32,
    line: u64,
    byte: u64,
    fields: usize,
}

/// One row.
#[derive(Debug)]
pub struct Row<'a> {
    /// Row as a spreadsheet counts: the header is row 1.
    pub number: u32,
    /// Physical line on which it begins.
    pub line: u64,
    /// The key, where it can be read.
    pub key: Option<Cow<'a, str>>,
    /// Its values are not to be believed; the key counts as present.
    pub held: bool,
    /// What is odd about it.
    pub findings: &'a [Finding],
    /// What the sheet of a workbook shows in place of a key that is a number there.
    pub key_shown: Option<&'a str>,
    record: &'a ByteRecord,
    /// All of it, where it is text.
    whole: Option<Whole<'a>>,
    header: &'a Header,
    fixed: &'a [(usize, Option<String>)],
}

impl Row<'_> {
    /// The values of the columns asked for, cleaned, in the order asked. A column that the row
    /// does not reach, or whose bytes are no text, is empty, and so is one that has no value.
    pub fn values(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let columns = self.header.columns.iter();
        columns.map(|at| self.cell(*at).unwrap_or_default())
    }

    /// The same with their names; `None` where a column says that it has no value.
    pub fn cells(&self) -> impl Iterator<Item = (&str, Option<Cow<'_, str>>)> {
        let columns = self.header.columns.iter();
        columns.map(|at| (self.header.names[*at].as_str(), self.cell(*at)))
    }

    /// Every column of the header, cleaned and as it is written.
    pub(crate) fn both(&self) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
        let columns = 0..self.header.names.len();
        columns.map(|at| {
            let raw = self.record.get(at).unwrap_or_default();
            let raw = std::str::from_utf8(raw).unwrap_or_default();
            (clean(raw), raw)
        })
    }

    /// Every field that the row has, cleaned and read as text, whatever the header says.
    pub(crate) fn fields(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let fields = self.record.iter();
        fields.map(|bytes| clean(std::str::from_utf8(bytes).unwrap_or_default()))
    }

    /// What stands in the file under a name.
    pub fn written(&self, column: &str) -> Option<Cow<'_, str>> {
        let at = self.header.names.iter().position(|name| name == column)?;
        Some(self.text(at))
    }

    #[inline]
    fn cell(&self, at: usize) -> Option<Cow<'_, str>> {
        match self.fixed.iter().find(|(column, _)| *column == at) {
            Some((_, value)) => value.as_deref().map(Cow::Borrowed),
            None => Some(self.text(at)),
        }
    }

    #[inline]
    fn text(&self, at: usize) -> Cow<'_, str> {
        // Most cells are ASCII with nothing around them.
        let is_edge = |it: Option<&u8>| it.is_none_or(u8::is_ascii_graphic);
        if let Some(whole) = self.whole
            && whole.is_ascii
            && let Some(cell) = self.record.range(at).and_then(|it| whole.text.get(it))
            && is_edge(cell.as_bytes().first())
            && is_edge(cell.as_bytes().last())
        {
            return Cow::Borrowed(cell);
        }
        self.other_text(at)
    }

    #[inline(never)]
    fn other_text(&self, at: usize) -> Cow<'_, str> {
        let bytes = self.record.get(at).unwrap_or_default();
        clean(std::str::from_utf8(bytes).unwrap_or_default())
    }
}

impl<R: Read + Seek> Reader<R> {
    fn new(
        source: Rows<R>,
        (header, detected, table_findings): (Header, Detected, Vec<Finding>),
        bytes: u64,
        options: &Options,
    ) -> Result<Self, Refused> {
        let pattern = |text: &str| {
            regex_lite::Regex::new(text).map_err(|e| {
                let message = format!("a pattern of the configuration cannot be read: {e}");
                Refused::new(RefusalKind::WrongHeader, message, "mend it")
            })
        };
        let footer = options.footer.as_ref();
        let footer = footer.map(|it| Ok((pattern(&it.begins)?, it.clone())));
        let key_pattern = options.key_pattern.as_ref();
        let key_pattern = key_pattern.map(|it| Ok((pattern(it)?, it.clone())));
        Ok(Self {
            source,
            record: ByteRecord::new(),
            header,
            table_findings,
            detected,
            limits: options.limits,
            roles: None,
            footer: footer.transpose()?,
            key_pattern: key_pattern.transpose()?,
            blank: Vec::new(),
            tail: Vec::new(),
            trailer: false,
            promised: None,
            trailing: None,
            bytes,
            rows: 0,
            bad_rows: 0,
            first_bad: None,
            last: None,
            findings: Vec::new(),
            doubts: Vec::new(),
            fixed: Vec::new(),
        })
    }

    /// Header names after cleaning.
    pub fn header(&self) -> &[String] {
        &self.header.names
    }

    /// The name of the key column.
    pub fn key(&self) -> &str {
        &self.header.names[self.header.key]
    }

    /// Whether each row says what it is.
    pub fn has_marks(&self) -> bool {
        self.roles.is_some()
    }

    /// What is odd about the header, and about the file as a whole; complete behind the last row.
    pub fn header_findings(&self) -> impl Iterator<Item = &Finding> {
        self.table_findings.iter().chain(&self.header.findings)
    }

    /// What was found out about the file; complete behind the last row.
    pub fn detected(&self) -> &Detected {
        &self.detected
    }

    /// The next row, `None` at the end. Only [`Reader::finish`] says whether the file is whole.
    ///
    /// # Errors
    /// [`Refused`] when a row exceeds the limits or the medium fails.
    #[expect(clippy::should_implement_trait, reason = "rows borrow from the reader")]
    pub fn next(&mut self) -> Result<Option<Row<'_>>, Refused> {
        loop {
            let Some(at) = self.advance()? else {
                return self.over().map(|()| None);
            };
            let (number, line) = (at.number, at.line);
            let unknown = |it: &Finding| it.kind != FindingKind::MergedValue;
            if self.record.as_slice().trim_ascii().is_empty() && !self.doubts.iter().any(unknown) {
                // A blank line, also one of delimiters alone: nobody is in it.
                self.is_blank(number);
                continue;
            }
            if !self.tail.is_empty() || self.begins_footer(number)? {
                let columns = self.header.names.len();
                let filled = layout::filled(&self.record);
                let somebody = if self.tail.is_empty() {
                    filled == columns && !self.is_total()
                } else {
                    layout::looks_like_a_worker(filled, columns)
                };
                if somebody && columns >= 3 {
                    return Err(outside(number, "behind the last worker"));
                }
                self.tail.append(&mut self.blank);
                self.tail.push(number);
                self.tail.truncate(layout::ROWS);
                continue;
            }
            self.blank.clear();
            if let Some(roles) = &self.roles {
                match roles.role(&self.record) {
                    Role::Worker if !self.trailer => self.record.drop_first(),
                    Role::Worker => {
                        let message = "a worker behind the row that says how many there are";
                        let hint = "two files in one, or a broken export; have it written anew";
                        let refused = Refused::new(RefusalKind::WrongFormat, message, hint);
                        return Err(refused.at(number, line));
                    }
                    Role::OfFile(Some(at)) if self.rows > 0 => {
                        let total = self.total(at, number, line)?;
                        self.compare(total, number, line)?;
                        self.trailer = true;
                        continue;
                    }
                    Role::OfFile(count) => {
                        let value = |name: &str| roles.value(&self.record, name).map(str::to_owned);
                        let day = value("Date").and_then(|text| day_of(&text));
                        let coverage = value("Coverage").map(|text| text.to_lowercase());
                        self.detected.file_date = day.or(self.detected.file_date.take());
                        self.detected.coverage = coverage.or(self.detected.coverage.take());
                        if let Some(at) = count {
                            self.promised = Some((self.total(at, number, line)?, number, line));
                        }
                        continue;
                    }
                    Role::Strange => {
                        let message =
                            "the row begins with a mark that the configuration does not know";
                        let hint = "name it in the configuration, or have the file written anew";
                        let refused = Refused::new(RefusalKind::WrongFormat, message, hint);
                        return Err(refused.at(number, line));
                    }
                }
            }
            if self.trailing.is_some() {
                self.drop_trailing(number);
            }
            if self.roles.is_none() && self.is_header() {
                let at = Place {
                    row: Some(number),
                    line: Some(line),
                    column: None,
                };
                self.header.findings.push(Finding::new(
                    FindingKind::HeaderRepeated,
                    Severity::Info,
                    at,
                    "the header again; skipped",
                ));
                continue;
            }
            if at.inside > 0
                && let Some(message) = self.swallowed()
            {
                let hint = "whoever is in them would count as gone; have the export written anew";
                return Err(Refused::new(RefusalKind::StrayQuote, message, hint).at(number, line));
            }
            self.last = Some(Last {
                row: number,
                line,
                byte: at.byte,
                fields: self.record.len(),
            });
            if self.record.as_slice().len() > self.limits.row_bytes_max {
                return Err(row_too_long(number, line, self.limits.row_bytes_max));
            }
            self.rows += 1;
            if self.rows > self.limits.rows_max {
                let message = format!("more than {} rows", self.limits.rows_max);
                let hint = "split the feed, or raise the limit";
                return Err(Refused::new(RefusalKind::TooLarge, message, hint).at(number, line));
            }
            return Ok(Some(self.row(number, line)));
        }
    }

    /// Goes to the next record, whatever it is.
    fn advance(&mut self) -> Result<Option<At>, Refused> {
        self.doubts.clear();
        self.fixed.clear();
        match &mut self.source {
            Rows::Text(text) => {
                let most = self.limits.row_bytes_max;
                text.next(&mut self.record, &mut self.blank, most)
            }
            Rows::Book(sheet) => {
                let (header, doubts) = (&self.header, &mut self.doubts);
                sheet.next(&mut self.record, header, doubts, &mut self.fixed)
            }
        }
    }

    fn is_blank(&mut self, row: u32) {
        if self.blank.len() < layout::ROWS {
            self.blank.push(row);
        }
    }

    /// Leaves out the cell behind a delimiter that the header does not have. A row without it that ends in nothing is one
    /// cell short then.
    fn drop_trailing(&mut self, row: u32) {
        let last = self.record.len() - 1;
        let is_empty = |it: &[u8]| it.trim_ascii().is_empty();
        if self.record.get(last).is_some_and(is_empty)
            && let Some((first, count)) = &mut self.trailing
        {
            self.record.drop_last();
            *first = if *count == 0 { row } else { *first };
            *count += 1;
        }
    }

    /// Whether the first row behind the last worker is beyond doubt: it counts them, or its first value has no digit,
    /// as keys have.
    fn is_total(&self) -> bool {
        let counts = |it: &(_, Footer)| it.1.count_column.is_some();
        let first = self.record.get(0).unwrap_or_default();
        self.footer.as_ref().is_some_and(counts) || !first.iter().any(u8::is_ascii_digit)
    }

    /// Whether the record is the header once more.
    fn is_header(&self) -> bool {
        match &self.source {
            Rows::Text(text) => {
                let names = &text.names;
                self.record.len() == names.len()
                    && self
                        .record
                        .iter()
                        .zip(names)
                        .all(|(cell, name)| is_name(cell, name))
            }
            Rows::Book(sheet) => {
                let same = |(cell, name): (&[u8], &String)| cell == name.as_bytes();
                self.detected.header_row.is_some() && self.record.iter().zip(&sheet.raw).all(same)
            }
        }
    }

    /// Whether a row is the first of those behind the last worker.
    fn begins_footer(&mut self, row: u32) -> Result<bool, Refused> {
        let Some((begins, footer)) = &self.footer else {
            return Ok(false);
        };
        let first = self
            .record
            .get(0)
            .and_then(|it| std::str::from_utf8(it).ok());
        if !first.is_some_and(|it| begins.is_match(&clean(it))) {
            return Ok(false);
        }
        if let Some(column) = footer.count_column {
            let total = self.total(column.saturating_sub(1), row, u64::from(row))?;
            self.compare(total, row, u64::from(row))?;
            let note = format!("the file says that it has {total} workers, and it has");
            let found = Finding::new(
                FindingKind::ControlTotalOk,
                Severity::Info,
                Place::row(row),
                note,
            );
            self.table_findings
                .push(found.with("value", total.to_string()));
        }
        self.trailer = true;
        Ok(true)
    }

    /// How many workers the file has, as it says in this cell.
    fn total(&self, at: usize, row: u32, line: u64) -> Result<u32, Refused> {
        let text = self
            .record
            .get(at)
            .and_then(|it| std::str::from_utf8(it).ok());
        let total = text.and_then(|it| it.trim().parse::<u32>().ok());
        total.ok_or_else(|| {
            let message = "the row that says how many workers there are has no number";
            Refused::new(RefusalKind::ControlTotalMismatch, message, NOT_WHOLE).at(row, line)
        })
    }

    /// So many workers the file has, as it says in this row.
    fn compare(&mut self, total: u32, row: u32, line: u64) -> Result<(), Refused> {
        if total != self.rows {
            let message = format!(
                "row {row} says that the file has {total} workers, and there are {}",
                self.rows
            );
            let refused = Refused::new(RefusalKind::ControlTotalMismatch, message, NOT_WHOLE);
            return Err(refused.at(row, line).counted(total, self.rows));
        }
        self.detected.control_total = Some(total);
        Ok(())
    }

    /// What is said once all rows were read.
    fn over(&mut self) -> Result<(), Refused> {
        if let Some((total, row, line)) = self.promised.take() {
            self.compare(total, row, line)?;
            self.trailer = true;
        }
        let counts = self.roles.as_ref().is_some_and(Roles::count) || self.footer.is_some();
        if counts && !self.trailer && self.rows > 0 {
            let message =
                "the row that ends the file is missing: nobody can tell whether it is whole";
            let hint = "the upload stopped early, or the export has another layout now";
            let last = self.last.map_or((0, 0), |last| (last.row, last.line));
            let refused = Refused::new(RefusalKind::Truncated, message, hint);
            return Err(refused.at(last.0, last.1));
        }
        if let Some(last) = self.last.filter(|last| FORMAT_ENDS.contains(&last.row)) {
            let note = format!(
                "row {} is the last, and the last one that a workbook can have: rows behind it may have been \
                 cut off on the way",
                last.row
            );
            let (kind, place) = (FindingKind::RowCountAtFormatLimit, Place::row(last.row));
            self.table_findings
                .push(Finding::new(kind, Severity::Warning, place, note));
        }
        if let Some((first, count)) = self.trailing.take().filter(|it| it.1 > 0) {
            let note = format!(
                "{count} rows have one delimiter more than the header, at their end; nothing is behind it"
            );
            let (kind, place) = (FindingKind::TrailingEmptyField, Place::row(first));
            let found = Finding::new(kind, Severity::Info, place, note);
            self.table_findings
                .push(found.with("count_of_rows", count.to_string()));
        }
        if let Some(first) = self.tail.first() {
            let note = "behind the last worker; not read";
            let found = Finding::new(
                FindingKind::FooterSkipped,
                Severity::Info,
                Place::row(*first),
                note,
            );
            self.table_findings
                .push(found.with("rows", list(&self.tail)));
            self.tail.clear();
        }
        if let Rows::Book(sheet) = &self.source {
            self.table_findings.extend(sheet.book.hidden_rows());
        }
        Ok(())
    }

    /// Why a quote that opens in this row may have swallowed others. Where it is still open at the end, the file is
    /// cut, and that is said there.
    #[cold]
    fn swallowed(&self) -> Option<String> {
        let Rows::Text(text) = &self.source else {
            return None;
        };
        let quotes = Quotes::of(text.records.written(), text.delimiter);
        if quotes.open {
            return None;
        }
        if quotes.odd {
            let message = "a quoted value goes over several lines and does not end where its quote does: a quote that \
                           opens in this row is probably never closed, and other rows are in it";
            return Some(message.to_owned());
        }
        let rows = self.rows_inside(text.delimiter);
        (rows > 0).then(|| {
            format!(
                "a quoted value holds what looks like {rows} whole rows: a quote that opens in this row is probably \
                 never closed"
            )
        })
    }

    /// Lines inside the values of a row that have as many fields as the header and begin as a worker's row does: an
    /// address may have as many commas.
    fn rows_inside(&self, delimiter: u8) -> usize {
        let key = self.header.key;
        let wanted = self.header.names.len();
        if wanted < 2 {
            return 0;
        }
        let mut rows = 0;
        for (at, value) in self.record.iter().enumerate() {
            if memchr::memchr2(b'\n', b'\r', value).is_none() {
                continue;
            }
            let mut inside = lines(value).skip(1).peekable();
            while let Some(line) = inside.next() {
                let cells = 1 + line.iter().filter(|byte| **byte == delimiter).count();
                // Behind the last one the row goes on.
                let is_last = inside.peek().is_none() && at > key && cells == at + 1;
                let is_row = (cells == wanted || is_last) && self.has_key(line, delimiter);
                rows += usize::from(is_row);
            }
        }
        rows
    }

    /// Whether a line has a key where rows have theirs: one of the pattern, or one that looks like this row's.
    fn has_key(&self, line: &[u8], delimiter: u8) -> bool {
        let text = |it: &[u8]| clean(&String::from_utf8_lossy(it)).into_owned();
        let mut cells = line.split(|byte| *byte == delimiter);
        let Some(cell) = cells.nth(self.header.key).map(text) else {
            return false;
        };
        if let Some((pattern, _)) = &self.key_pattern {
            return pattern.is_match(&cell);
        }
        let own = self.record.get(self.header.key).map(text);
        own.is_some_and(|own| text_shape(&own) == text_shape(&cell))
    }

    /// Cells of a text that say nothing: what a spreadsheet writes for an error, and bytes that no text has.
    #[cold]
    fn unknown(&mut self) -> Vec<(usize, FindingKind, &'static str)> {
        let mut out = Vec::new();
        for (at, raw) in self.record.iter().enumerate() {
            if memchr::memchr(0, raw).is_some() {
                out.push((at, FindingKind::EncodingError, ""));
            }
            if !raw.contains(&b'#') || at != self.header.key && !self.header.columns.contains(&at) {
                continue;
            }
            let value = clean(std::str::from_utf8(raw).unwrap_or_default());
            if let Some(error) = ERRORS.iter().find(|it| **it == value) {
                out.push((at, FindingKind::CellError, error));
            }
        }
        self.fixed.extend(out.iter().map(|it| (it.0, None)));
        out
    }

    fn row(&mut self, number: u32, line: u64) -> Row<'_> {
        self.findings.clear();
        let (expected, found) = (self.header.names.len(), self.record.len());
        // In a ragged row only the first column is where it should be.
        let trusted = expected == found || self.header.key == 0;
        let odd = expected == found
            && matches!(self.source, Rows::Text(_))
            && memchr::memchr2(b'#', 0, self.record.as_slice()).is_some();
        let unknown = if odd { self.unknown() } else { Vec::new() };
        let key_bytes = self.record.get(self.header.key).filter(|_| trusted);
        let key = key_bytes
            .and_then(|b| std::str::from_utf8(b).ok())
            .map(clean);
        let mut key = key.filter(|k| !k.is_empty());
        if unknown.iter().any(|it| it.0 == self.header.key) {
            key = None;
        }
        let rounded = key.as_deref().filter(|k| scientific(k)).map(text_shape);
        let key_name = self.header.names[self.header.key].as_str();
        let of_key = |it: &Finding| {
            it.severity == Severity::Held && it.at.column.as_deref() == Some(key_name)
        };
        let doubted = self.doubts.iter().any(of_key);
        if rounded.is_some() || doubted {
            // Nobody knows who it is: somebody unknown is present.
            key = None;
        }
        let place = |column: Option<&str>| Place {
            row: Some(number),
            line: (line != u64::from(number)).then_some(line),
            column: column.map(str::to_owned),
        };
        for doubt in self.doubts.drain(..) {
            self.findings.push(match &key {
                Some(key) => doubt.of(&WorkerId::new(key.as_ref())),
                None => doubt,
            });
        }
        let mut find =
            |kind, severity, column: Option<&str>, note: String, args: &[(&str, &str)]| {
                let mut finding = Finding::new(kind, severity, place(column), note);
                for (name, value) in args {
                    finding.argue(name, *value);
                }
                let worker = key.as_ref().map(|k| WorkerId::new(k.as_ref()));
                self.findings.push(match worker {
                    Some(worker) => finding.of(&worker),
                    None => finding,
                });
            };
        let mut no_key_is_said =
            doubted || !trusted || unknown.iter().any(|it| it.0 == self.header.key);
        if expected != found {
            // The mark in front is one of them.
            let mark = usize::from(self.roles.is_some());
            let (wanted, there) = ((expected + mark).to_string(), (found + mark).to_string());
            let note = format!(
                "{there} fields where the header has {wanted}; the row is held, as its values \
                 may stand one column off"
            );
            let args = [("expected", wanted.as_str()), ("found", there.as_str())];
            find(FindingKind::FieldCount, Severity::Held, None, note, &args);
        }
        let whole = self.record.whole();
        if whole.is_none() {
            let bad = (0..found)
                .find(|at| std::str::from_utf8(self.record.get(*at).unwrap_or_default()).is_err());
            let name = bad
                .and_then(|at| self.header.names.get(at))
                .map(String::as_str);
            let note = "a byte that is not UTF-8".to_owned();
            find(FindingKind::EncodingError, Severity::Held, name, note, &[]);
            no_key_is_said |= bad == Some(self.header.key);
            self.bad_rows += 1;
            if self.first_bad.is_none() {
                let refused = Refused::new(
                    RefusalKind::NotUtf8,
                    "bytes that are not UTF-8 (one of the Windows or Mac code pages, probably)",
                    "export as UTF-8",
                )
                .at(number, line);
                self.first_bad = Some(match name {
                    Some(name) => refused.column(name),
                    None => refused,
                });
            }
        }
        for (at, kind, error) in unknown {
            let name = Some(self.header.names[at].as_str());
            if kind == FindingKind::CellError {
                let note = format!("a spreadsheet wrote {error}: the value is unknown");
                find(kind, Severity::Held, name, note, &[("value", error)]);
            } else {
                let note = "a NUL byte, which no text has".to_owned();
                find(kind, Severity::Held, name, note, &[]);
            }
        }
        match (&key, rounded) {
            (_, Some(shape)) => find(
                FindingKind::KeyScientificNotation,
                Severity::Held,
                Some(key_name),
                format!(
                    "{shape}: a spreadsheet rounded the key; export it as text. Until then \
                     absence from this file proves nothing"
                ),
                &[],
            ),
            (None, None) if no_key_is_said => {}
            (None, None) => find(
                FindingKind::KeyMissing,
                Severity::Held,
                Some(key_name),
                "no key that can be read: somebody unknown is present, so absence from this file \
                 proves nothing"
                    .to_owned(),
                &[],
            ),
            (Some(key), None)
                if key_bytes.is_some_and(|raw| raw.trim_ascii() != key.as_bytes()) =>
            {
                find(
                    FindingKind::KeyCleaned,
                    Severity::Info,
                    Some(key_name),
                    "invisible characters around or in the key; it is taken without them"
                        .to_owned(),
                    &[],
                );
            }
            (Some(_), None) => {}
        }
        if let (Some(key), Some((pattern, text))) = (&key, &self.key_pattern)
            && !pattern.is_match(key)
        {
            let note = format!("{} does not fit the declared pattern", text_shape(key));
            let wanted = in_words(text);
            let args = [("expected", wanted.as_str())];
            let (kind, column) = (FindingKind::KeyFormatMismatch, Some(key_name));
            find(kind, Severity::Held, column, note, &args);
        }
        if expected == found {
            let settled: &[usize] = match &self.source {
                Rows::Book(sheet) => &sheet.settled,
                Rows::Text(_) => &[],
            };
            let open = self.header.typed.iter();
            for (at, typed) in open.filter(|(at, _)| !settled.contains(at)) {
                if self.fixed.iter().any(|it| it.0 == *at) {
                    continue;
                }
                let raw = self.record.get(*at).unwrap_or_default();
                let value = clean(std::str::from_utf8(raw).unwrap_or_default());
                match typed.read(&value) {
                    Ok(Some(read)) if read == value => {}
                    Ok(read) => self.fixed.push((*at, read.map(Cow::into_owned))),
                    Err(odd) => {
                        let name = self.header.names[*at].as_str();
                        let why = odd.why.map_or_else(String::new, |why| format!(": {why}"));
                        let shape = text_shape(&value);
                        let note = format!("{shape} is not of the declared form{why}");
                        let args = odd.why.map(|why| ("why", why));
                        let args: Vec<(&str, &str)> = args.into_iter().collect();
                        find(odd.kind, Severity::Held, Some(name), note, &args);
                    }
                }
            }
        }
        let held = self.findings.iter().any(|f| f.severity == Severity::Held);
        Row {
            number,
            line,
            key,
            held,
            findings: &self.findings,
            key_shown: match &self.source {
                Rows::Book(sheet) => sheet.key_shown.as_deref(),
                Rows::Text(_) => None,
            },
            record: &self.record,
            whole,
            header: &self.header,
            fixed: &self.fixed,
        }
    }

    /// Whether the file is whole. To be called after the last row.
    ///
    /// # Errors
    /// [`Refused`] when there were no rows, when the file has another length now, when it stops inside a quoted value or in the
    /// middle of a row, when it ends in NUL bytes, or when it is in another encoding. A file cut
    /// exactly at a line end looks whole: only a trailer or a count can tell.
    pub fn finish(self) -> Result<Totals, Refused> {
        let Some(last) = self.last else {
            return Err(no_rows());
        };
        let fail = |e: std::io::Error| Refused::io(&e);
        let totals = Totals {
            rows: self.rows,
            bytes: self.bytes,
        };
        let text = match self.source {
            // Its parts say themselves how long they are.
            Rows::Book(_) => return Ok(totals),
            Rows::Text(text) => text,
        };
        let (delimiter, whole) = (text.delimiter, text.whole);
        let mut from = text.records.into_inner();
        if from.seek(SeekFrom::End(0)).map_err(fail)? != whole {
            return Err(Refused::new(
                RefusalKind::HalfWritten,
                "the file was still being written while it was read",
                "write it under a name that ends in `.tmp` or `.part`, and rename it when it is \
                 whole",
            ));
        }
        if let Some(refused) = self.first_bad
            && (self.bad_rows - 1).saturating_mul(100) >= self.rows * BAD_ROWS_PERCENT
        {
            return Err(refused);
        }
        from.seek(SeekFrom::Start(last.byte)).map_err(fail)?;
        let mut tail = Vec::new();
        from.read_to_end(&mut tail).map_err(fail)?;
        let cut = |what: &str| {
            let hint = "the upload stopped early; deliver the whole file again";
            Err(Refused::new(RefusalKind::Truncated, what, hint).at(last.row, last.line))
        };
        if Quotes::of(&tail, delimiter).open {
            return cut("the file ends inside a quoted value that begins in this row");
        }
        if tail.last() == Some(&0) {
            return cut("the file ends in NUL bytes");
        }
        if std::str::from_utf8(&tail).is_err_and(|e| e.error_len().is_none()) {
            return cut("the file ends in the middle of a character");
        }
        let ended = matches!(tail.last(), Some(b'\n' | b'\r'));
        if !ended && last.fields < self.header.names.len() {
            return cut("the last row is short and has no line end");
        }
        Ok(totals)
    }
}

impl<R: Read + Seek> Text<R> {
    fn next(
        &mut self,
        record: &mut ByteRecord,
        blank: &mut Vec<u32>,
        most: usize,
    ) -> Result<Option<At>, Refused> {
        let stand = match self.records.read(record) {
            Ok(Some(stand)) => stand,
            Ok(None) => return Ok(None),
            Err(e) if too_long(&e) => {
                let (row, line) = self.records.next_row();
                return Err(row_too_long(row, line, most));
            }
            Err(e) => return Err(broken(&e)),
        };
        if stand.blank > 0 {
            let rows = stand.row - stand.blank..stand.row;
            blank.extend(rows.take(layout::ROWS.saturating_sub(blank.len())));
        }
        Ok(Some(At {
            number: stand.row,
            line: stand.line,
            byte: stand.byte + self.start,
            inside: stand.inside,
        }))
    }
}

impl<R: Read + Seek> Sheet<R> {
    /// The next row as text; what is odd about its cells, and which of them have no value.
    fn next(
        &mut self,
        record: &mut ByteRecord,
        header: &Header,
        doubts: &mut Vec<Finding>,
        none: &mut Vec<(usize, Option<String>)>,
    ) -> Result<Option<At>, Refused> {
        if !std::mem::take(&mut self.again) && self.book.next()?.is_none() {
            return Ok(None);
        }
        let row = self.book.row();
        let number = row.number();
        record.clear();
        self.key_shown = None;
        self.settled.clear();
        let mut blank = true;
        for (at, column) in self.uses.iter_mut().enumerate() {
            let cell = row.cell(self.first + at);
            let text = written(&cell);
            record.push_field(text.as_bytes());
            blank &= text.trim().is_empty();
            let settled = column
                .typed
                .as_ref()
                .and_then(|it| settle(&cell, &text, it));
            let is_settled = settled.is_some();
            if let Some(settled) = settled {
                self.settled.push(at);
                match settled {
                    Settled::Written => {}
                    Settled::Day(day) => none.push((at, Some(day))),
                    Settled::Nothing => none.push((at, None)),
                }
            }
            if !column.read {
                continue;
            }
            column.days |= matches!(cell, Cell::Day(_) | Cell::Moment(_));
            let key = at == header.key;
            if let Cell::Number(number) = cell
                && key
            {
                self.key_shown = number.shown.map(str::to_owned);
            }
            let place = || Place::cell(number, header.names[at].clone());
            match cell {
                Cell::NoDay(_) if is_settled => {}
                Cell::NoDay(_) => doubts.push(no_day(place(), "a number that is no day")),
                Cell::Duration(_) if column.days => {
                    // It says what is wrong with the cell.
                    self.settled.push(at);
                    doubts.push(no_day(place(), "a duration, not a day"));
                }
                Cell::Boolean(_) | Cell::Day(_) | Cell::Moment(_) | Cell::Duration(_)
                    if key && header.key_said =>
                {
                    doubts.push(no_key(place()));
                }
                Cell::Text(_) | Cell::Empty => {}
                Cell::Number(_)
                | Cell::Boolean(_)
                | Cell::Day(_)
                | Cell::Moment(_)
                | Cell::Duration(_)
                | Cell::Error(_)
                | Cell::Uncalculated
                | Cell::Covered(_) => {
                    doubts.extend(book::doubt(&cell, place(), self.first + at, key));
                }
            }
            if text.is_empty() && !is_settled && !matches!(cell, Cell::Text(_)) {
                none.push((at, None));
            }
        }
        if self.wide || !blank || !doubts.is_empty() {
            outside_of_header(row, self.first, header.names.len(), record);
        }
        let at = At {
            number,
            line: u64::from(number),
            byte: 0,
            inside: 0,
        };
        Ok(Some(at))
    }
}

/// Adds what a row has left and right of the columns of the header: it has more fields than those.
fn outside_of_header(row: &book::Row, first: usize, columns: usize, record: &mut ByteRecord) {
    let end = first + columns;
    if first == 0 && row.width() <= end {
        return;
    }
    let has = |at: &usize| {
        let cell = row.cell(*at);
        let nothing = matches!(cell, Cell::Empty | Cell::Covered(_));
        !nothing && !matches!(cell, Cell::Text(text) if clean(text).is_empty())
    };
    let before = (0..first).find(has).unwrap_or(first)..first;
    let last = (end..row.width()).rev().find(has);
    for at in before.chain(end..last.map_or(end, |at| at + 1)) {
        record.push_field(written(&row.cell(at)).as_bytes());
    }
}

/// What a cell hands on that is of the declared type already, whatever is declared of text.
enum Settled {
    /// What is written for it.
    Written,
    /// The day alone of a moment.
    Day(String),
    /// It says that there is none.
    Nothing,
}

/// `None`: the cell is to be read as text is.
fn settle(cell: &Cell<'_>, text: &str, typed: &Typed) -> Option<Settled> {
    match typed {
        Typed::Decimal { .. } => {
            // Beyond 21 places a number is written with an exponent.
            let digits = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'-');
            let plain = matches!(cell, Cell::Number(_)) && text.bytes().all(digits);
            plain.then_some(Settled::Written)
        }
        Typed::Date { format, open } => {
            let (format, open) = (format.as_deref(), open.as_slice());
            if let Cell::NoDay(shown) = cell {
                return stands_for(shown, format, open).then_some(Settled::Nothing);
            }
            let moment = matches!(cell, Cell::Moment(_));
            if !moment && !matches!(cell, Cell::Day(_)) {
                return None;
            }
            let day = text.get(..10)?;
            if stands_for(day, format, open) {
                return Some(Settled::Nothing);
            }
            Some(if moment {
                Settled::Day(day.to_owned())
            } else {
                Settled::Written
            })
        }
    }
}

/// Whether a day, `9999-12-31`, is among the ways to write that there is none: so, or as the
/// declared format has it.
fn stands_for(day: &str, format: Option<&str>, open: &[String]) -> bool {
    if day.is_empty() || open.is_empty() {
        return false;
    }
    let parts: Vec<&str> = day.split('-').collect();
    let [year, month, date] = parts.as_slice() else {
        return false;
    };
    let formatted = format.map(|it| {
        it.replace("%Y", year)
            .replace("%m", month)
            .replace("%d", date)
    });
    open.iter()
        .any(|it| it == day || Some(it) == formatted.as_ref())
}

fn no_key(place: Place) -> Finding {
    let note = "the key is no text but a day, a time or a truth value: a spreadsheet made that of \
                what was typed; export it as text. Until then absence from this file proves nothing";
    Finding::new(FindingKind::KeyFromNumber, Severity::Held, place, note)
}

fn no_day(place: Place, why: &'static str) -> Finding {
    let kind = FindingKind::DateInvalid;
    Finding::new(kind, Severity::Held, place, why).with("why", why)
}

fn row_too_long(row: u32, line: u64, most: usize) -> Refused {
    let message = format!("the row has over {most} bytes");
    let hint = "a quote that opens in it is probably never closed; have the export written anew";
    Refused::new(RefusalKind::TooLarge, message, hint).at(row, line)
}

fn no_rows() -> Refused {
    Refused::new(
        RefusalKind::Empty,
        "no data rows",
        "an export without anybody is not believed; have it written anew",
    )
}

fn not_there() -> Refused {
    let message = "the row that is said to be the header is not there";
    let hint = "say which row it is in the configuration";
    Refused::new(RefusalKind::WrongHeader, message, hint)
}

fn broken(error: &std::io::Error) -> Refused {
    if too_long(error) {
        let message = "the header, or a row before it, is longer than a row may be";
        let hint = "a quote that is never closed, or no table of workers";
        return Refused::new(RefusalKind::TooLarge, message, hint);
    }
    Refused::io(error)
}

fn too_long(error: &std::io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(<dyn std::error::Error + Send + Sync>::is::<TooLong>)
}

/// Whether a cell is a name of the header, with whatever nobody sees.
fn is_name(cell: &[u8], name: &str) -> bool {
    if cell == name.as_bytes() {
        return true;
    }
    let odd = |byte: &u8| byte.is_ascii_whitespace() || !byte.is_ascii();
    cell.iter().any(odd) && std::str::from_utf8(cell).is_ok_and(|cell| clean_name(cell) == name)
}

/// How the quotes of a text stand. A quote inside an unquoted value (`19" rack`) opens nothing.
struct Quotes {
    /// A value is still open at the end.
    open: bool,
    /// A value over several lines goes on behind its quote.
    odd: bool,
}

impl Quotes {
    fn of(text: &[u8], delimiter: u8) -> Self {
        let is_border = |byte: u8| byte == delimiter || matches!(byte, b'\n' | b'\r');
        let (mut at, mut odd) = (0, false);
        while let Some(found) = memchr::memchr(b'"', &text[at..]) {
            let quote = at + found;
            at = quote + 1;
            if quote > 0 && !is_border(text[quote - 1]) {
                continue;
            }
            let mut broken = false;
            loop {
                let rest = &text[at..];
                let Some(end) = memchr::memchr(b'"', rest) else {
                    return Self { open: true, odd };
                };
                broken |= memchr::memchr2(b'\n', b'\r', &rest[..end]).is_some();
                at += end + 1;
                if text.get(at) != Some(&b'"') {
                    break;
                }
                at += 1;
            }
            let goes_on = |byte: &u8| !is_border(*byte) && *byte != b' ';
            odd |= broken && text.get(at).is_some_and(goes_on);
        }
        Self { open: false, odd }
    }
}

/// `1.00235E+05`: digits, a point or a comma, `E`, a sign, digits.
fn scientific(key: &str) -> bool {
    let Some((mantissa, exponent)) = key.split_once(['E', 'e']) else {
        return false;
    };
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let signed = exponent.strip_prefix(['+', '-']);
    let number = mantissa.split_once(['.', ',']).map_or_else(
        || digits(mantissa),
        |(whole, part)| digits(whole) && digits(part),
    );
    number && signed.is_some_and(digits)
}

/// `20260315` or `2026-03-15` as a day.
fn day_of(text: &str) -> Option<String> {
    let day = jiff::civil::Date::strptime("%Y%m%d", text).or_else(|_| text.parse());
    day.ok().map(|day: jiff::civil::Date| day.to_string())
}

/// `^[0-9]{5}$` as people say it: `5 digits`.
fn in_words(pattern: &str) -> String {
    let inner = pattern
        .strip_prefix('^')
        .and_then(|it| it.strip_suffix('$'));
    let digits = inner.and_then(|it| it.strip_prefix("[0-9]").or(it.strip_prefix("\\d")));
    let count = digits.and_then(|it| it.strip_prefix('{')?.strip_suffix('}')?.parse::<u32>().ok());
    count.map_or_else(|| pattern.to_owned(), |count| format!("{count} digits"))
}

/// Whether there is anything at all.
fn recognise(head: &[u8]) -> Result<(), Refused> {
    let (kind, message, hint) = if head.is_empty() {
        let hint = "the export or the upload failed; deliver the file again";
        (RefusalKind::Empty, "the file has 0 bytes", hint)
    } else if head.iter().all(|byte| *byte == 0) {
        let hint = "the upload failed; deliver the file again";
        (
            RefusalKind::Truncated,
            "the file holds only NUL bytes",
            hint,
        )
    } else {
        return Ok(());
    };
    Err(Refused::new(kind, message, hint))
}

/// A first line `sep=;`, as a spreadsheet takes it: the delimiter, and the length of the line.
fn separator_line(head: &[u8]) -> Option<(u8, usize)> {
    let end = head.iter().position(|b| matches!(b, b'\n' | b'\r'))?;
    let (line, behind) = head.split_at(end);
    let bare = line
        .strip_prefix(b"\"")
        .and_then(|it| it.strip_suffix(b"\""))
        .unwrap_or(line);
    let (name, rest) = bare.split_at_checked(4)?;
    let length = end + if behind.starts_with(b"\r\n") { 2 } else { 1 };
    match rest {
        [delimiter, spaces @ ..] if name.eq_ignore_ascii_case(b"sep=") => {
            let alone = spaces.trim_ascii().is_empty();
            alone.then_some((*delimiter, length))
        }
        _ => None,
    }
}

fn header(
    raw: Result<Vec<String>, Refused>,
    at: &Place,
    options: &Options,
) -> Result<Header, Refused> {
    header_from(raw, at, 0, options)
}

/// The same of a table that has so many columns left of it, which people count.
fn header_from(
    raw: Result<Vec<String>, Refused>,
    at: &Place,
    left: usize,
    options: &Options,
) -> Result<Header, Refused> {
    let row = at.row.unwrap_or(1);
    let placed = |refused: Refused| refused.at(row, u64::from(row));
    let raw = raw.map_err(placed)?;
    if raw.len() > options.limits.columns_max {
        let message = format!(
            "{} columns; the limit is {}",
            raw.len(),
            options.limits.columns_max
        );
        return Err(Refused::new(
            RefusalKind::TooLarge,
            message,
            "is this the right file?",
        ));
    }
    let mut names: Vec<String> = Vec::with_capacity(raw.len());
    let mut seen: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut taken: BTreeSet<String> = raw.iter().map(|it| clean_name(it)).collect();
    let mut findings = Vec::new();
    let mut note = |kind, column: &str, places: &[usize], text: &str| {
        let places: Vec<u32> = places
            .iter()
            .filter_map(|at| u32::try_from(left + at + 1).ok())
            .collect();
        let found = Finding::new(kind, Severity::Info, Place::cell(row, column), text);
        findings.push(found.with("columns", list(&places)));
    };
    for (at, raw) in raw.iter().enumerate() {
        let mut name = clean_name(raw);
        if name != *raw {
            note(
                FindingKind::HeaderCleaned,
                &name,
                &[at],
                "spaces or invisible characters removed",
            );
        }
        if name.is_empty() {
            name = format!("column {}", left + at + 1);
            note(
                FindingKind::HeaderBlank,
                &name,
                &[at],
                "the column has no name",
            );
        }
        let places = seen.entry(name.clone()).or_default();
        places.push(at);
        if places.len() > 1 {
            // Another column may have the very name.
            let mut numbered = (places.len()..).map(|count| format!("{name}#{count}"));
            name = numbered.find(|it| !taken.contains(it)).unwrap_or(name);
            taken.insert(name.clone());
        }
        names.push(name);
    }
    let mut twice: Vec<_> = seen.iter().filter(|it| it.1.len() > 1).collect();
    twice.sort_by_key(|it| it.1.first());
    for (name, places) in twice {
        let text = "the name occurs more than once";
        note(FindingKind::HeaderDuplicate, name, places, text);
    }
    let missing: Vec<&String> = options
        .required
        .iter()
        .filter(|r| !names.contains(r))
        .collect();
    if let Some(first) = missing.first() {
        let list: Vec<String> = missing.iter().map(|m| format!("`{m}`")).collect();
        let like = names.iter().find(|n| n.eq_ignore_ascii_case(first));
        let near = like.map_or_else(String::new, |n| format!(" (`{n}` is there: case counts)"));
        // Where no wanted name is there, the first row may be data: it is not repeated.
        let has = if missing.len() < options.required.len() {
            shown(&names)
        } else {
            format!(
                "{} columns, none of them wanted: is the header missing?",
                names.len()
            )
        };
        let message = format!(
            "the header has no column {}{near}; it has {has}",
            list.join(", ")
        );
        let hint = "deliver the usual columns, or change the mapping";
        return Err(placed(Refused::new(
            RefusalKind::WrongHeader,
            message,
            hint,
        )));
    }
    if let Some(double) = options
        .required
        .iter()
        .find(|r| seen.get(*r).is_some_and(|places| places.len() > 1))
    {
        let message = "the column is there more than once";
        let hint = "say which one is meant: rename one of them, or read `NAME#2` in the mapping";
        let refused = Refused::new(RefusalKind::WrongHeader, message, hint);
        return Err(placed(refused).column(double));
    }
    let place = |name: &String| names.iter().position(|n| n == name);
    let key = if options.key.is_empty() {
        Some(0)
    } else {
        place(&options.key)
    };
    let key = key.ok_or_else(|| {
        let message = format!("the header has no key column `{}`", options.key);
        Refused::new(RefusalKind::WrongHeader, message, "change the mapping")
    })?;
    let columns = match options.columns.as_slice() {
        [] => (0..names.len()).collect(),
        columns => columns.iter().filter_map(place).collect(),
    };
    let typed = names.iter().enumerate();
    let typed = typed.filter_map(|(at, name)| Some((at, options.typed.get(name)?.clone())));
    Ok(Header {
        typed: typed.collect(),
        names,
        key,
        key_said: !options.key.is_empty(),
        columns,
        findings,
    })
}

/// Header names for a message: not personal, but perhaps many.
fn shown(names: &[String]) -> String {
    let list: Vec<String> = names.iter().take(30).map(|n| format!("`{n}`")).collect();
    let more = names.len().saturating_sub(30);
    if more > 0 {
        format!("{} and {more} more", list.join(", "))
    } else {
        list.join(", ")
    }
}
