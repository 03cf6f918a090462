//! The parts of a zip file, one at a time, inflated no further than the bounds allow.
//!
//! Reads the directory at the end and nothing else of the container: what a reader of workbooks
//! needs of zip. Invariant: what is held does not grow with what a part claims to be.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::{Refused, damaged, too_large};
use crate::options::Limits;
use rollcall_source::RefusalKind;

/// The longest end of a directory: its record, and a comment.
const END_MAX: u64 = 22 + 65_535;
/// Parts of a workbook. One with a picture on every row has some ten thousand.
const PARTS_MAX: u64 = 50_000;
/// Bytes of the directory: what is held of it in memory is less.
const DIRECTORY_MAX: u64 = 8 << 20;
/// Bytes of a part's name; longer ones are none of ours.
const NAME_MAX: usize = 256;
/// What a part may hold whatever it was packed to, before the ratio counts.
const FREE_BYTES: u64 = 64 << 20;
const BUFFER_BYTES: usize = 64 * 1024;

/// Where a part lies, as the directory says.
#[derive(Debug, Clone, Copy)]
struct Entry {
    header: u64,
    packed: u64,
    method: u16,
    encrypted: bool,
    crc: u32,
}

/// A zip file.
#[derive(Debug)]
pub(super) struct Zip<R> {
    from: R,
    /// By name, in small letters, with slashes only.
    entries: BTreeMap<String, Entry>,
    limits: Limits,
    /// Bytes that may still be inflated, of all parts, however often they are read.
    left: u64,
}

fn little(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// The number at a place of a record; 0 where the record is too short.
fn number(record: &[u8], at: usize, bytes: usize) -> u64 {
    record.get(at..at + bytes).map_or(0, little)
}

fn truncated(what: &str) -> Refused {
    Refused::new(
        RefusalKind::Truncated,
        format!("{what}: the zip file that a workbook is was cut off"),
        "the upload stopped early; deliver the whole file again",
    )
}

fn unreadable(error: &std::io::Error) -> Refused {
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        return truncated("the file ends in the middle");
    }
    Refused::io(error)
}

fn plain_name(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    let name = name.trim_start_matches(['/', '\\']).replace('\\', "/");
    name.to_ascii_lowercase()
}

impl<R: Read + Seek> Zip<R> {
    /// Finds the directory.
    pub(super) fn open(mut from: R, limits: &Limits) -> Result<Self, Refused> {
        let length = from.seek(SeekFrom::End(0)).map_err(|e| unreadable(&e))?;
        let tail_at = length.saturating_sub(END_MAX);
        let mut tail = Vec::new();
        let read = |from: &mut R, at: u64, most: u64, to: &mut Vec<u8>| {
            to.clear();
            from.seek(SeekFrom::Start(at))
                .and_then(|_| from.by_ref().take(most).read_to_end(to))
                .map_err(|e| unreadable(&e))
        };
        read(&mut from, tail_at, END_MAX, &mut tail)?;
        let end = (0..tail.len().saturating_sub(21)).rev().find(|at| {
            let comment = number(&tail, at + 20, 2);
            tail[*at..].starts_with(b"PK\x05\x06")
                && (at + 22) as u64 + comment <= tail.len() as u64
        });
        let Some(end) = end else {
            return Err(truncated("the zip directory at the end is missing"));
        };
        let record = &tail[end..];
        let (mut count, mut size, mut offset) = (
            number(record, 10, 2),
            number(record, 12, 4),
            number(record, 16, 4),
        );
        let mut directory_end = tail_at + end as u64;
        // Large files say it again, in a longer record before this one.
        if let Some(locator) = end.checked_sub(20)
            && tail[locator..].starts_with(b"PK\x06\x07")
        {
            let at = number(&tail[locator..], 8, 8);
            let mut long = Vec::new();
            read(&mut from, at, 56, &mut long)?;
            if long.starts_with(b"PK\x06\x06") {
                count = number(&long, 32, 8);
                size = number(&long, 40, 8);
                offset = number(&long, 48, 8);
                directory_end = at;
            }
        }
        if count > PARTS_MAX {
            return Err(too_large("the zip directory", "parts", PARTS_MAX));
        }
        if size > DIRECTORY_MAX {
            return Err(too_large("the zip directory", "bytes", DIRECTORY_MAX));
        }
        // Bytes before the archive shift everything; missing ones mean that it was cut at the front.
        let Some(start) = directory_end.checked_sub(size) else {
            return Err(truncated("the zip directory points before the file"));
        };
        let Some(shift) = start.checked_sub(offset) else {
            return Err(truncated("the zip directory points behind itself"));
        };
        let mut directory = Vec::new();
        read(&mut from, start, size, &mut directory)?;
        let entries = entries(&directory, count, shift)?;
        let ratio = u64::from(limits.part_ratio_max);
        // A sheet is looked at to choose it, once for what stands behind its rows, and read.
        let left = length.saturating_mul(ratio).saturating_add(FREE_BYTES);
        Ok(Self {
            from,
            entries,
            limits: *limits,
            left: left.saturating_mul(3),
        })
    }

    /// Whether there is such a part. Names differ in case and slashes between programs.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.contains_key(&plain_name(name.as_bytes()))
    }

    /// Begins to read a part.
    pub(super) fn part(mut self, name: &str) -> Result<Part<R>, Refused> {
        let Some(entry) = self.entries.get(&plain_name(name.as_bytes())).copied() else {
            return Err(damaged(&format!("it has no part {}", super::quoted(name))));
        };
        if entry.encrypted {
            return Err(super::password("xlsx"));
        }
        if entry.method != 0 && entry.method != 8 {
            let what = format!("a part is packed by method {}", entry.method);
            return Err(damaged(&what));
        }
        let mut header = [0; 30];
        self.from
            .seek(SeekFrom::Start(entry.header))
            .and_then(|_| self.from.read_exact(&mut header))
            .map_err(|e| unreadable(&e))?;
        if !header.starts_with(b"PK\x03\x04") {
            return Err(damaged("the zip directory points to no part"));
        }
        let skip = 30 + number(&header, 26, 2) + number(&header, 28, 2);
        self.from
            .seek(SeekFrom::Start(entry.header.saturating_add(skip)))
            .map_err(|e| unreadable(&e))?;
        let ratio = u64::from(self.limits.part_ratio_max);
        let most = entry.packed.saturating_mul(ratio).max(FREE_BYTES);
        Ok(Part {
            most: most.min(self.limits.part_bytes_max),
            inflate: (entry.method == 8).then(|| Box::new(Decompress::new(false))),
            name: super::quoted(name),
            zip: self,
            entry,
            taken: 0,
            input: vec![0; BUFFER_BYTES].into_boxed_slice(),
            pending: 0..0,
            crc: Crc::new(),
            given: 0,
            allowed: u64::MAX,
            ended: false,
            ahead: Vec::new(),
        })
    }

    /// The whole of a small part.
    pub(super) fn text(self, name: &str, most: u64) -> Result<(Self, String), Refused> {
        let mut part = self.part(name)?;
        let mut bytes = Vec::new();
        part.by_ref()
            .take(most)
            .read_to_end(&mut bytes)
            .map_err(|e| super::io(&e))?;
        Ok((part.close(), String::from_utf8_lossy(&bytes).into_owned()))
    }
}

fn entries(directory: &[u8], count: u64, shift: u64) -> Result<BTreeMap<String, Entry>, Refused> {
    let mut entries = BTreeMap::new();
    let mut rest = directory;
    for _ in 0..count {
        if rest.len() < 46 || !rest.starts_with(b"PK\x01\x02") {
            return Err(truncated("the zip directory ends early"));
        }
        let name_bytes = usize::try_from(number(rest, 28, 2)).unwrap_or(0);
        let extra_bytes = usize::try_from(number(rest, 30, 2)).unwrap_or(0);
        let comment_bytes = usize::try_from(number(rest, 32, 2)).unwrap_or(0);
        let Some(next) = rest.get(46 + name_bytes + extra_bytes + comment_bytes..) else {
            return Err(truncated("the zip directory ends early"));
        };
        let name = &rest[46..46 + name_bytes];
        let mut packed = number(rest, 20, 4);
        let mut header = number(rest, 42, 4);
        // Numbers that are too large for their place stand in a field of their own, in this order.
        let mut long = long_field(&rest[46 + name_bytes..46 + name_bytes + extra_bytes]);
        for value in [&mut number(rest, 24, 4), &mut packed, &mut header] {
            if *value == u64::from(u32::MAX)
                && let Some((first, others)) = long.split_at_checked(8)
            {
                *value = little(first);
                long = others;
            }
        }
        let entry = Entry {
            header: header.saturating_add(shift),
            packed,
            method: u16::try_from(number(rest, 10, 2)).unwrap_or(u16::MAX),
            encrypted: number(rest, 8, 2) & 1 == 1,
            crc: u32::try_from(number(rest, 16, 4)).unwrap_or(0),
        };
        if name.len() <= NAME_MAX && entries.insert(plain_name(name), entry).is_some() {
            return Err(damaged("the zip directory names a part twice"));
        }
        rest = next;
    }
    Ok(entries)
}

/// The zip64 field among the extra ones.
fn long_field(mut extra: &[u8]) -> &[u8] {
    while extra.len() >= 4 {
        let length = usize::try_from(number(extra, 2, 2)).unwrap_or(0);
        let Some(field) = extra.get(4..4 + length) else {
            break;
        };
        if extra.starts_with(&[1, 0]) {
            return field;
        }
        extra = &extra[4 + length..];
    }
    &[]
}

/// One part, as it is read. Its errors carry a [`Refused`].
pub(super) struct Part<R> {
    zip: Zip<R>,
    name: String,
    entry: Entry,
    inflate: Option<Box<Decompress>>,
    /// Packed bytes read from the file.
    taken: u64,
    input: Box<[u8]>,
    /// Read and not yet unpacked.
    pending: std::ops::Range<usize>,
    crc: Crc,
    given: u64,
    /// Bytes this part may have.
    most: u64,
    /// Bytes it may have given until somebody allows more.
    allowed: u64,
    ended: bool,
    /// Given, and to be given again.
    ahead: Vec<u8>,
}

impl<R: Read + Seek> Part<R> {
    /// Bytes that may be read until this is called again: nobody holds more of the part at once.
    pub(super) fn allow(&mut self, more: u64) {
        self.allowed = self.given.saturating_add(more);
    }

    /// Gives these bytes once more, before all others.
    pub(super) fn again(&mut self, bytes: &[u8]) {
        self.ahead = bytes.to_vec();
    }

    /// The zip file again.
    pub(super) fn close(self) -> Zip<R> {
        self.zip
    }

    fn fill(&mut self) -> Result<(), Refused> {
        let left = self.entry.packed.saturating_sub(self.taken);
        let most = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(BUFFER_BYTES);
        let input = &mut self.input[..most];
        let read = loop {
            match self.zip.from.read(input) {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                other => break other.map_err(|e| unreadable(&e))?,
            }
        };
        if read == 0 && most > 0 {
            return Err(truncated("the file ends in the middle of a part"));
        }
        self.taken += read as u64;
        self.pending = 0..read;
        Ok(())
    }

    /// Unpacks into `to`; 0 at the end.
    fn unpack(&mut self, to: &mut [u8]) -> Result<usize, Refused> {
        loop {
            if self.pending.is_empty() {
                self.fill()?;
            }
            let input = &self.input[self.pending.clone()];
            let Some(inflate) = &mut self.inflate else {
                let count = input.len().min(to.len());
                to[..count].copy_from_slice(&input[..count]);
                self.pending.start += count;
                return Ok(count);
            };
            let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
            let status = inflate
                .decompress(input, to, FlushDecompress::None)
                .map_err(|_| self_damaged(&self.name))?;
            let used = usize::try_from(inflate.total_in() - before_in).unwrap_or(0);
            let made = usize::try_from(inflate.total_out() - before_out).unwrap_or(0);
            self.pending.start += used;
            if made > 0 {
                return Ok(made);
            }
            if status == Status::StreamEnd {
                return Ok(0);
            }
            if used == 0 && (!input.is_empty() || self.taken >= self.entry.packed) {
                return Err(self_damaged(&self.name));
            }
        }
    }

    fn give(&mut self, to: &mut [u8]) -> Result<usize, Refused> {
        if !self.ahead.is_empty() {
            let count = self.ahead.len().min(to.len());
            to[..count].copy_from_slice(&self.ahead[..count]);
            self.ahead.drain(..count);
            return Ok(count);
        }
        if self.ended || to.is_empty() {
            return Ok(0);
        }
        if self.given > self.allowed {
            let most = self.zip.limits.row_bytes_max as u64;
            return Err(too_large("one cell or row", "bytes", most));
        }
        let count = self.unpack(to)?;
        if count == 0 {
            self.ended = true;
            if self.crc.sum() != self.entry.crc {
                return Err(self_damaged(&self.name));
            }
            return Ok(0);
        }
        self.crc.update(&to[..count]);
        self.given += count as u64;
        self.zip.left = self.zip.left.saturating_sub(count as u64);
        if self.given > self.most || self.zip.left == 0 {
            let what = format!("part {} unpacks without end: it", self.name);
            return Err(too_large(&what, "bytes", self.most));
        }
        Ok(count)
    }
}

fn self_damaged(name: &str) -> Refused {
    damaged(&format!("part {name} does not unpack to what was packed"))
}

impl<R: Read + Seek> Read for Part<R> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        self.give(to).map_err(std::io::Error::other)
    }
}
