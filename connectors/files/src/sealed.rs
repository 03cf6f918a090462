//! Sealed rows: what is kept of a delivery, in a form that reads back fast and that people can
//! open.
//!
//! Plain CSV: `#row`, `#held`, then the columns that are read, LF line ends. Rows are addressed by
//! the byte they begin at. Invariant: what was written comes back, value for value.

use std::io::{Read, Seek, SeekFrom, Write};

use csv::{ByteRecord, StringRecord};

use crate::reader::Row;

/// Hash over values with their lengths, so that `("ab", "c")` and `("a", "bc")` differ.
/// `scratch` is reused between calls.
pub fn fingerprint<'a>(values: impl Iterator<Item = &'a [u8]>, scratch: &mut Vec<u8>) -> u128 {
    scratch.clear();
    for value in values {
        scratch.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
        scratch.extend_from_slice(value);
    }
    xxhash_rust::xxh3::xxh3_128(scratch)
}

/// Writes sealed rows.
#[derive(Debug)]
pub struct SealedWriter<W: Write> {
    csv: csv::Writer<W>,
    number: String,
}

impl<W: Write> SealedWriter<W> {
    /// Writes the header. The key's place is remembered by its name: it must be among `columns`.
    ///
    /// # Errors
    /// When `to` fails, or when the key is not among the columns.
    pub fn new(to: W, key: &str, columns: &[String]) -> std::io::Result<Self> {
        if !columns.iter().any(|c| c == key) {
            return Err(std::io::Error::other(format!(
                "the key column `{key}` is not kept"
            )));
        }
        let mut csv = csv::WriterBuilder::new()
            .buffer_capacity(256 * 1024)
            .from_writer(to);
        let fixed = ["#row", "#held"].into_iter();
        csv.write_record(fixed.chain(columns.iter().map(String::as_str)))
            .map_err(into_io)?;
        Ok(Self {
            csv,
            number: String::new(),
        })
    }

    /// Writes one row.
    ///
    /// # Errors
    /// When the medium fails.
    pub fn write(&mut self, row: &Row<'_>) -> std::io::Result<()> {
        self.write_values(row.number, row.held, row.values())
    }

    /// Writes one row from its values, in the order of the columns.
    ///
    /// # Errors
    /// As [`SealedWriter::write`].
    pub fn write_values(
        &mut self,
        number: u32,
        held: bool,
        values: impl Iterator<Item = impl AsRef<str>>,
    ) -> std::io::Result<()> {
        use std::fmt::Write as _;
        self.number.clear();
        write!(self.number, "{number}").expect("a String takes everything");
        self.csv.write_field(&self.number).map_err(into_io)?;
        self.csv
            .write_field(if held { "1" } else { "0" })
            .map_err(into_io)?;
        for value in values {
            self.csv.write_field(value.as_ref()).map_err(into_io)?;
        }
        self.csv.write_record(None::<&[u8]>).map_err(into_io)
    }

    /// Flushes and gives the medium back.
    ///
    /// # Errors
    /// When the medium fails.
    pub fn finish(self) -> std::io::Result<W> {
        self.csv
            .into_inner()
            .map_err(|e| std::io::Error::other(e.to_string()))
    }
}

fn into_io(error: csv::Error) -> std::io::Error {
    let said = error.to_string();
    if let csv::ErrorKind::Io(e) = error.into_kind() {
        return e;
    }
    std::io::Error::other(said)
}

/// One row as it streams by.
#[derive(Debug)]
pub struct Sealed<'a> {
    /// Row as a spreadsheet counts.
    pub row: u32,
    /// Not to be believed.
    pub held: bool,
    /// Where the record begins.
    pub byte: u64,
    record: &'a ByteRecord,
    key: usize,
}

impl<'a> Sealed<'a> {
    /// The key; `None` where it could not be read.
    pub fn key(&self) -> Option<&'a str> {
        self.value(self.key).filter(|k| !k.is_empty())
    }

    /// The value of a column, by its place in [`SealedReader::columns`].
    pub fn value(&self, column: usize) -> Option<&'a str> {
        std::str::from_utf8(self.record.get(column + 2)?).ok()
    }

    /// All values as bytes, in the order of the columns.
    pub fn values(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.record.iter().skip(2)
    }
}

/// One row that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRecord {
    /// Row as a spreadsheet counts.
    pub row: u32,
    /// Not to be believed.
    pub held: bool,
    record: StringRecord,
}

impl SealedRecord {
    /// The value of a column, by its place in [`SealedReader::columns`].
    pub fn value(&self, column: usize) -> &str {
        self.record.get(column + 2).unwrap_or_default()
    }
}

/// Reads sealed rows back: all of them in order, or one by the byte it begins at.
#[derive(Debug)]
pub struct SealedReader<R> {
    from: R,
    columns: Vec<String>,
    key: usize,
    parser: csv_core::Reader,
    input: Vec<u8>,
    output: Vec<u8>,
    ends: Vec<usize>,
}

impl<R: Read + Seek> SealedReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// When it is no file of sealed rows, or the medium fails.
    pub fn open(mut from: R, key: &str) -> std::io::Result<Self> {
        let mut csv = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(from.by_ref());
        let mut header = StringRecord::new();
        csv.read_record(&mut header).map_err(into_io)?;
        let mut names = header.iter().map(str::to_owned);
        if (names.next().as_deref(), names.next().as_deref()) != (Some("#row"), Some("#held")) {
            return Err(std::io::Error::other("not a file of sealed rows"));
        }
        let columns: Vec<String> = names.collect();
        let key = columns.iter().position(|c| c == key).ok_or_else(|| {
            std::io::Error::other(format!("the sealed rows have no key column `{key}`"))
        })?;
        Ok(Self {
            from,
            columns,
            key,
            parser: csv_core::Reader::new(),
            input: vec![0; 4096],
            output: vec![0; 4096],
            ends: vec![0; 64],
        })
    }

    /// Names of the columns, in order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Streams every row from the first one on.
    ///
    /// # Errors
    /// When the medium fails or a row is not one that was sealed.
    pub fn scan(&mut self, mut each: impl FnMut(&Sealed<'_>)) -> std::io::Result<()> {
        self.from.seek(SeekFrom::Start(0))?;
        let mut csv = csv::ReaderBuilder::new()
            .has_headers(false)
            .buffer_capacity(256 * 1024)
            .from_reader(self.from.by_ref());
        let mut record = ByteRecord::new();
        if !csv.read_byte_record(&mut record).map_err(into_io)? {
            return Ok(());
        }
        loop {
            let byte = csv.position().byte();
            if !csv.read_byte_record(&mut record).map_err(into_io)? {
                return Ok(());
            }
            let (row, held) = prefix(record.get(0), record.get(1))?;
            each(&Sealed {
                row,
                held,
                byte,
                record: &record,
                key: self.key,
            });
        }
    }

    /// The row that begins at a byte.
    ///
    /// # Errors
    /// When no row begins there or the medium fails.
    pub fn at(&mut self, byte: u64) -> std::io::Result<SealedRecord> {
        let mut have = 0;
        loop {
            self.from.seek(SeekFrom::Start(byte + have as u64))?;
            let read = fill(&mut self.from, &mut self.input[have..])?;
            let end = read < self.input.len() - have;
            have += read;
            if let Some(record) = self.parse(have, end)? {
                return Ok(record);
            }
            if end {
                return Err(std::io::Error::other("no sealed row begins there"));
            }
            if have == self.input.len() {
                let longer = self.input.len() * 2;
                self.input.resize(longer, 0);
            }
        }
    }

    fn parse(&mut self, have: usize, end: bool) -> std::io::Result<Option<SealedRecord>> {
        use csv_core::ReadRecordResult;
        self.parser.reset();
        let (mut from, mut to, mut fields) = (0, 0, 0);
        loop {
            let (result, read, wrote, ended) = self.parser.read_record(
                &self.input[from..have],
                &mut self.output[to..],
                &mut self.ends[fields..],
            );
            from += read;
            to += wrote;
            fields += ended;
            match result {
                ReadRecordResult::Record => break,
                ReadRecordResult::OutputFull => {
                    let longer = self.output.len() * 2;
                    self.output.resize(longer, 0);
                }
                ReadRecordResult::OutputEndsFull => {
                    let longer = self.ends.len() * 2;
                    self.ends.resize(longer, 0);
                }
                // An empty input tells the parser that nothing follows.
                ReadRecordResult::InputEmpty if end && from == have && to > 0 => {}
                ReadRecordResult::InputEmpty | ReadRecordResult::End => return Ok(None),
            }
        }
        let text = std::str::from_utf8(&self.output[..to])
            .map_err(|_| std::io::Error::other("a sealed row is not UTF-8"))?;
        let mut record = StringRecord::with_capacity(to, fields);
        let mut start = 0;
        for end in &self.ends[..fields] {
            record.push_field(&text[start..*end]);
            start = *end;
        }
        let field = |at: usize| record.get(at).map(str::as_bytes);
        let (row, held) = prefix(field(0), field(1))?;
        Ok(Some(SealedRecord { row, held, record }))
    }

    /// The place of the key among the columns.
    pub fn key(&self) -> usize {
        self.key
    }
}

/// Copies sealed rows; `each` is given the names of the columns and the values of every row, and may
/// alter these. How many rows it says it altered.
///
/// # Errors
/// When it is no file of sealed rows, or a medium fails.
pub fn rewrite(
    from: impl Read,
    to: impl Write,
    mut each: impl FnMut(&[String], &mut [String]) -> bool,
) -> std::io::Result<u32> {
    let mut from = csv::ReaderBuilder::new()
        .has_headers(false)
        .buffer_capacity(256 * 1024)
        .from_reader(from);
    let mut to = csv::WriterBuilder::new()
        .buffer_capacity(256 * 1024)
        .from_writer(to);
    let mut record = StringRecord::new();
    if !from.read_record(&mut record).map_err(into_io)?
        || (record.get(0), record.get(1)) != (Some("#row"), Some("#held"))
    {
        return Err(std::io::Error::other("not a file of sealed rows"));
    }
    to.write_record(&record).map_err(into_io)?;
    let columns: Vec<String> = record.iter().skip(2).map(str::to_owned).collect();
    let mut values: Vec<String> = Vec::new();
    let mut altered = 0;
    while from.read_record(&mut record).map_err(into_io)? {
        values.resize(record.len().saturating_sub(2), String::new());
        for (value, text) in values.iter_mut().zip(record.iter().skip(2)) {
            value.clear();
            value.push_str(text);
        }
        if each(&columns, &mut values) {
            altered += 1;
            let fixed = record.iter().take(2);
            let row = fixed.chain(values.iter().map(String::as_str));
            to.write_record(row).map_err(into_io)?;
        } else {
            to.write_record(&record).map_err(into_io)?;
        }
    }
    to.flush()?;
    Ok(altered)
}

/// Copies any table of comma-separated values, CRLF line ends, rows of whatever length; `each` is given
/// the header and every row, and may alter this. How many rows it says it altered.
///
/// # Errors
/// When a medium fails.
pub fn rewrite_table(
    from: impl Read,
    to: impl Write,
    mut each: impl FnMut(&[String], &mut [String]) -> bool,
) -> std::io::Result<u32> {
    let mut from = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(256 * 1024)
        .from_reader(from);
    let mut to = csv::WriterBuilder::new()
        .flexible(true)
        .terminator(csv::Terminator::CRLF)
        .buffer_capacity(256 * 1024)
        .from_writer(to);
    let mut record = StringRecord::new();
    let (mut columns, mut altered) = (Vec::new(), 0);
    while from.read_record(&mut record).map_err(into_io)? {
        let mut cells: Vec<String> = record.iter().map(str::to_owned).collect();
        if columns.is_empty() {
            columns.clone_from(&cells);
        } else {
            altered += u32::from(each(&columns, &mut cells));
        }
        to.write_record(&cells).map_err(into_io)?;
    }
    to.flush()?;
    Ok(altered)
}

fn fill(from: &mut impl Read, to: &mut [u8]) -> std::io::Result<usize> {
    let mut have = 0;
    while have < to.len() {
        match from.read(&mut to[have..]) {
            Ok(0) => break,
            Ok(read) => have += read,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(have)
}

fn prefix(row: Option<&[u8]>, held: Option<&[u8]>) -> std::io::Result<(u32, bool)> {
    let text = row.and_then(|r| std::str::from_utf8(r).ok());
    match (text.and_then(|t| t.parse().ok()), held) {
        (Some(row), Some(b"0")) => Ok((row, false)),
        (Some(row), Some(b"1")) => Ok((row, true)),
        _ => Err(std::io::Error::other(
            "a sealed row does not begin with its number and mark",
        )),
    }
}
