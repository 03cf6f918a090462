//! The rows of a delimited text, with the bytes and lines that they stand on.
//!
//! A row ends at LF, CR LF or CR, also where one file has several of them; a line with nothing at all is counted as a
//! row and skipped. Invariant: the bytes of a row lie in one piece until the next one is read, and a row that is longer
//! than allowed is an error before it is in memory.

use std::io::Read;

use csv_core::{ReadRecordResult, ReaderBuilder};

/// How much is read from the medium at once.
pub(crate) const CHUNK: usize = 128 * 1024;

/// A row as bytes: its values one behind the other, and where each of them ends.
#[derive(Debug, Clone)]
pub(crate) struct ByteRecord {
    bytes: Vec<u8>,
    /// A zero, and then where each value ends.
    ends: Vec<usize>,
    /// What of the two is in use.
    length: usize,
    fields: usize,
    /// The first value that counts.
    first: usize,
}

impl Default for ByteRecord {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            ends: vec![0],
            length: 0,
            fields: 0,
            first: 0,
        }
    }
}

/// A row as one text, with values that do not count in front.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whole<'a> {
    pub(crate) text: &'a str,
    pub(crate) is_ascii: bool,
}

impl ByteRecord {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn len(&self) -> usize {
        self.fields - self.first
    }

    /// All values without anything between them.
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.ends[self.first]..self.length]
    }

    pub(crate) fn get(&self, at: usize) -> Option<&[u8]> {
        Some(&self.bytes[self.range(at)?])
    }

    /// Where a value lies in the text of the row.
    #[inline]
    pub(crate) fn range(&self, at: usize) -> Option<std::ops::Range<usize>> {
        let at = at + self.first;
        if at >= self.fields {
            return None;
        }
        let [from, to] = *self.ends.get(at..at + 2)? else {
            return None;
        };
        Some(from..to)
    }

    /// All values as one text, where each of them is one.
    pub(crate) fn whole(&self) -> Option<Whole<'_>> {
        let text = std::str::from_utf8(&self.bytes[..self.length]).ok()?;
        let is_ascii = text.is_ascii();
        let mut ends = self.ends[..=self.fields].iter();
        let is_one = is_ascii || ends.all(|it| text.is_char_boundary(*it));
        is_one.then_some(Whole { text, is_ascii })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|at| self.get(at))
    }

    pub(crate) fn clear(&mut self) {
        (self.length, self.fields, self.first) = (0, 0, 0);
    }

    pub(crate) fn push_field(&mut self, value: &[u8]) {
        self.bytes.truncate(self.length);
        self.bytes.extend_from_slice(value);
        self.length = self.bytes.len();
        self.ends.truncate(self.fields + 1);
        self.ends.push(self.length);
        self.fields += 1;
    }

    /// Leaves the first value out.
    pub(crate) fn drop_first(&mut self) {
        self.first = (self.first + 1).min(self.fields);
    }

    /// Leaves the last value out.
    pub(crate) fn drop_last(&mut self) {
        if self.first < self.fields {
            self.fields -= 1;
            self.length = self.ends[self.fields];
        }
    }
}

/// The error behind a row that is too long.
#[derive(Debug)]
pub(crate) struct TooLong;

impl std::fmt::Display for TooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a row is longer than allowed")
    }
}

impl std::error::Error for TooLong {}

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stand {
    /// As a spreadsheet counts, and as an editor does; from 1.
    pub(crate) row: u32,
    pub(crate) line: u64,
    /// Bytes before it.
    pub(crate) byte: u64,
    /// Line breaks inside its values.
    pub(crate) inside: u64,
    /// Rows with nothing at all right before it.
    pub(crate) blank: u32,
}

/// Reads rows from a medium.
pub(crate) struct Records<R> {
    inner: R,
    parser: csv_core::Reader,
    buffer: Vec<u8>,
    /// Where the row that was read last begins in the buffer, where what is behind it does, and where the bytes end.
    start: usize,
    at: usize,
    full: usize,
    /// Bytes before the buffer.
    before: u64,
    /// The row and the line that are next.
    row: u32,
    line: u64,
    /// The row before ended in CR: an LF behind it belongs to that.
    carriage: bool,
    /// The medium has no more.
    over: bool,
    /// Bytes that a row may have.
    most: usize,
}

impl<R: Read> Records<R> {
    /// Reads what begins at this row and line.
    pub(crate) fn new(inner: R, delimiter: u8, (row, line): (u32, u64), most: usize) -> Self {
        let mut parser = ReaderBuilder::new().delimiter(delimiter).build();
        // It would swallow a mark at the front; ours is gone already.
        parser.read_record(b"\n", &mut [0], &mut [0]);
        Self {
            inner,
            parser,
            buffer: vec![0; CHUNK],
            start: 0,
            at: 0,
            full: 0,
            before: 0,
            row,
            line,
            carriage: false,
            over: false,
            most,
        }
    }

    /// The row that is read next.
    pub(crate) fn next_row(&self) -> (u32, u64) {
        (self.row, self.line)
    }

    /// The row that was read last as it is written.
    pub(crate) fn written(&self) -> &[u8] {
        &self.buffer[self.start..self.at]
    }

    pub(crate) fn into_inner(self) -> R {
        self.inner
    }

    /// The next row that has anything in it, `None` at the end.
    pub(crate) fn read(&mut self, record: &mut ByteRecord) -> std::io::Result<Option<Stand>> {
        record.clear();
        self.start = self.at;
        if self.carriage {
            self.carriage = false;
            if self.peek()? == Some(b'\n') {
                self.skip();
            }
        }
        let mut blank = 0;
        while let Some(byte @ (b'\n' | b'\r')) = self.peek()? {
            self.skip();
            if byte == b'\r' && self.peek()? == Some(b'\n') {
                self.skip();
            }
            blank += 1;
        }
        self.row = self.row.saturating_add(blank);
        self.line += u64::from(blank);
        if self.at == self.full {
            return Ok(None);
        }
        let mut cut;
        loop {
            if self.at == self.full && !self.over {
                self.fill()?;
            }
            let input = &self.buffer[self.at..self.full];
            cut = input.is_empty();
            let (result, read, written, ended) = self.parser.read_record(
                input,
                &mut record.bytes[record.length..],
                &mut record.ends[record.fields + 1..],
            );
            self.at += read;
            record.length += written;
            record.fields += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => grow(&mut record.bytes),
                ReadRecordResult::OutputEndsFull => grow(&mut record.ends),
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(None),
            }
        }
        self.carriage = !cut && self.buffer[self.at - 1] == b'\r';
        // As many bytes as delimiters and an end of the row are more than the values: no quote stood around any.
        let around = (self.at - self.start).saturating_sub(record.length);
        let inside = if around <= record.fields {
            0
        } else {
            breaks(record)
        };
        let stand = Stand {
            row: self.row,
            line: self.line,
            byte: self.before + self.start as u64,
            inside,
            blank,
        };
        self.row = self.row.saturating_add(1);
        self.line += 1 + inside;
        Ok(Some(stand))
    }

    fn peek(&mut self) -> std::io::Result<Option<u8>> {
        if self.at == self.full && !self.over {
            self.fill()?;
        }
        Ok((self.at < self.full).then(|| self.buffer[self.at]))
    }

    /// Leaves a byte between two rows out.
    fn skip(&mut self) {
        self.at += 1;
        self.start = self.at;
    }

    /// Reads on; what there is of this row goes to the front.
    #[cold]
    fn fill(&mut self) -> std::io::Result<()> {
        if self.full - self.start > self.most.saturating_add(2 * CHUNK) {
            return Err(std::io::Error::other(TooLong));
        }
        self.buffer.copy_within(self.start..self.full, 0);
        self.before += self.start as u64;
        self.at -= self.start;
        self.full -= self.start;
        self.start = 0;
        if self.full == self.buffer.len() {
            grow(&mut self.buffer);
        }
        let read = loop {
            match self.inner.read(&mut self.buffer[self.full..]) {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.full += read;
        self.over = read == 0;
        Ok(())
    }
}

fn grow<T: Clone + Default>(list: &mut Vec<T>) {
    let more = (list.len() * 2).max(32);
    list.resize(more, T::default());
}

/// Line breaks inside the values of a row. CR LF is one, unless a value ends between the two.
fn breaks(record: &ByteRecord) -> u64 {
    let text = record.as_slice();
    let ends = &record.ends[..=record.fields];
    let is_one = |at: &usize| {
        let both = text[*at] == b'\r' && text.get(at + 1) == Some(&b'\n');
        !both || ends.binary_search(&(at + 1)).is_ok()
    };
    let all = memchr::memchr2_iter(b'\n', b'\r', text);
    all.filter(is_one).count() as u64
}

/// The lines of a text, whatever ends them; one more than it has line breaks.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = memchr::memchr2(b'\n', b'\r', text) else {
            rest = None;
            return Some(text);
        };
        let (line, behind) = text.split_at(end);
        let both = behind.starts_with(b"\r\n");
        rest = Some(&behind[if both { 2 } else { 1 }..]);
        Some(line)
    })
}
