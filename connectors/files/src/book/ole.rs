//! Streams in an OLE file: the container of xls, and of workbooks with a password (MS-CFB).
//!
//! Chains of sectors are followed no further than the file is long, and streams are read where
//! they lie.

use std::io::{Read, Seek, SeekFrom};

use super::held::Held;
use super::record::{Record, utf16};
use super::{Refused, damaged};
use rollcall_source::RefusalKind;

const HEADER: usize = 512;
/// The end of a chain; larger numbers are no sectors either.
const NO_SECTOR: u32 = 0xffff_fffa;
const ENTRY: usize = 128;
/// Streams in one file.
const ENTRIES_MAX: usize = 10_000;

/// An OLE file.
#[derive(Debug)]
pub(super) struct Ole<R> {
    from: R,
    sector: u64,
    /// Sectors the file has room for.
    sectors: u32,
    /// The sector after each.
    next: Vec<u32>,
    /// Shorter streams lie in the small stream.
    small_below: u64,
    small_next: Vec<u32>,
    small_chain: Vec<u32>,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    name: String,
    start: u32,
    length: u64,
}

fn cut() -> Refused {
    Refused::new(
        RefusalKind::Truncated,
        "the OLE container that an old workbook is was cut off",
        "the upload stopped early; deliver the whole file again",
    )
}

fn unreadable(error: &std::io::Error) -> Refused {
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        return cut();
    }
    Refused::io(error)
}

impl<R: Read + Seek> Ole<R> {
    pub(super) fn open(mut from: R, held: &mut Held) -> Result<Self, Refused> {
        let length = from.seek(SeekFrom::End(0)).map_err(|e| unreadable(&e))?;
        let mut header = [0; HEADER];
        from.seek(SeekFrom::Start(0))
            .and_then(|_| from.read_exact(&mut header))
            .map_err(|e| unreadable(&e))?;
        let mut record = Record(&header);
        record.skip(30)?;
        let shift = record.u16()?;
        if shift != 9 && shift != 12 {
            return Err(damaged("its sectors have a length that does not exist"));
        }
        let sector = 1_u64 << shift;
        record.skip(12)?;
        let tables = record.u32()?;
        let directory = record.u32()?;
        record.skip(4)?;
        let small_below = u64::from(record.u32()?);
        let small_table = record.u32()?;
        record.skip(4)?;
        let mut more = record.u32()?;
        let more_count = record.u32()?;
        let room = length.saturating_sub(sector).div_ceil(sector);
        let sectors = u32::try_from(room).map_or(NO_SECTOR, |s| s.min(NO_SECTOR));
        let mut ole = Self {
            from,
            sector,
            sectors,
            next: Vec::new(),
            small_below,
            small_next: Vec::new(),
            small_chain: Vec::new(),
            entries: Vec::new(),
        };
        // Where the table of sectors lies: 109 places here, the others in sectors of their own.
        let mut places = Vec::new();
        numbers(record.0, &mut places);
        let mut buffer = vec![0; usize::try_from(sector).unwrap_or(HEADER)];
        for _ in 0..more_count.min(sectors) {
            if more >= NO_SECTOR {
                break;
            }
            ole.sector(more, &mut buffer)?;
            held.take(buffer.len())?;
            numbers(&buffer, &mut places);
            more = places.pop().unwrap_or(NO_SECTOR);
        }
        places.retain(|place| *place < NO_SECTOR);
        places.truncate(tables as usize);
        for place in places {
            ole.sector(place, &mut buffer)?;
            held.take(buffer.len())?;
            numbers(&buffer, &mut ole.next);
        }
        let chain = ole.chain(directory, u64::MAX, held)?;
        for place in chain {
            ole.sector(place, &mut buffer)?;
            for entry in buffer.as_chunks::<ENTRY>().0 {
                ole.entry(entry)?;
            }
        }
        let root = ole.entries.first().cloned();
        let root = root.ok_or_else(|| damaged("its directory is empty"))?;
        if small_table < NO_SECTOR {
            for place in ole.chain(small_table, u64::MAX, held)? {
                ole.sector(place, &mut buffer)?;
                held.take(buffer.len())?;
                numbers(&buffer, &mut ole.small_next);
            }
            ole.small_chain = ole.chain(root.start, root.length, held)?;
        }
        Ok(ole)
    }

    fn entry(&mut self, entry: &[u8; ENTRY]) -> Result<(), Refused> {
        let mut record = Record(entry);
        let name = record.bytes(64)?;
        let name_bytes = usize::from(record.u16()?).saturating_sub(2).min(62);
        let kind = record.u8()?;
        record.skip(49)?;
        let start = record.u32()?;
        let mut length = record.u64()?;
        // Files with short sectors may hold anything in the upper half.
        if self.sector == 512 {
            length &= 0xffff_ffff;
        }
        // 1: a folder, 2: a stream, 5: the root, which comes first.
        if !matches!(kind, 1 | 2 | 5) {
            return Ok(());
        }
        if self.entries.len() == ENTRIES_MAX {
            return Err(damaged("its directory has no end"));
        }
        let mut text = String::new();
        utf16(&name[..name_bytes], &mut text);
        self.entries.push(Entry {
            name: text,
            start,
            length,
        });
        Ok(())
    }

    /// Whether there is a stream or folder of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<&Entry> {
        self.entries
            .iter()
            .skip(1)
            .find(|e| e.name.eq_ignore_ascii_case(name))
    }

    /// A stream, as it lies in the file.
    pub(super) fn stream(self, name: &str, held: &mut Held) -> Result<Stream<R>, Refused> {
        let Some(Entry { start, length, .. }) = self.find(name).cloned() else {
            return Err(damaged("a stream is not there"));
        };
        let small = length < self.small_below;
        let (unit, chain) = if small {
            let chain = follow(start, &self.small_next, length.div_ceil(64), held)?;
            (64, chain)
        } else {
            (self.sector, self.chain(start, length, held)?)
        };
        if (chain.len() as u64).saturating_mul(unit) < length {
            return Err(cut());
        }
        Ok(Stream {
            ole: self,
            chain,
            unit,
            length,
            at: 0,
        })
    }

    fn chain(&self, start: u32, length: u64, held: &mut Held) -> Result<Vec<u32>, Refused> {
        follow(start, &self.next, length.div_ceil(self.sector), held)
    }

    fn place(&self, sector: u32) -> u64 {
        (u64::from(sector) + 1).saturating_mul(self.sector)
    }

    /// The bytes of a sector; the last one of a file may be short.
    fn sector(&mut self, sector: u32, to: &mut [u8]) -> Result<(), Refused> {
        if sector >= self.sectors {
            return Err(cut());
        }
        let place = self.place(sector);
        to.fill(0);
        self.from
            .seek(SeekFrom::Start(place))
            .map_err(|e| unreadable(&e))?;
        let mut filled = 0;
        while filled < to.len() {
            match self.from.read(&mut to[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(unreadable(&e)),
            }
        }
        Ok(())
    }
}

fn numbers(bytes: &[u8], to: &mut Vec<u32>) {
    to.extend(bytes.as_chunks().0.iter().map(|n| u32::from_le_bytes(*n)));
}

/// The sectors of a chain, as many as are wanted. One that comes back to itself has no end.
fn follow(start: u32, next: &[u32], most: u64, held: &mut Held) -> Result<Vec<u32>, Refused> {
    let mut chain = Vec::new();
    let mut sector = start;
    while sector < NO_SECTOR && (chain.len() as u64) < most {
        if chain.len() > next.len() {
            return Err(damaged("a chain of sectors has no end"));
        }
        held.take(size_of::<u32>())?;
        chain.push(sector);
        sector = *next.get(sector as usize).ok_or_else(cut)?;
    }
    Ok(chain)
}

/// One stream.
#[derive(Debug)]
pub(super) struct Stream<R> {
    ole: Ole<R>,
    chain: Vec<u32>,
    /// Bytes of what the chain is made of.
    unit: u64,
    length: u64,
    at: u64,
}

impl<R: Read + Seek> Read for Stream<R> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let left = self.length.saturating_sub(self.at);
        if left == 0 || to.is_empty() {
            return Ok(0);
        }
        let fail = std::io::Error::other;
        let index = usize::try_from(self.at / self.unit).unwrap_or(usize::MAX);
        let within = self.at % self.unit;
        let sector = *self.chain.get(index).ok_or_else(|| fail(cut()))?;
        // Sectors that follow each other are read at once.
        let mut run = 1_u32;
        while u64::from(run) * self.unit < to.len() as u64
            && self.unit > 64
            && self.chain.get(index + run as usize) == Some(&sector.saturating_add(run))
        {
            run += 1;
        }
        let place = if self.unit == 64 {
            let byte = u64::from(sector) * 64;
            let index = usize::try_from(byte / self.ole.sector).unwrap_or(usize::MAX);
            let large = self.ole.small_chain.get(index);
            let large = *large.ok_or_else(|| fail(cut()))?;
            self.ole.place(large) + byte % self.ole.sector
        } else {
            self.ole.place(sector)
        };
        let most = (u64::from(run) * self.unit - within).min(left);
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(to.len());
        self.ole.from.seek(SeekFrom::Start(place + within))?;
        let read = self.ole.from.read(&mut to[..most])?;
        if read == 0 {
            return Err(fail(cut()));
        }
        self.at += read as u64;
        Ok(read)
    }
}

impl<R: Read + Seek> Seek for Stream<R> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(std::io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
