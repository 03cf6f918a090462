//! Lines on their way to the store: few in memory, many in a temporary file.
//!
//! What is stored of a run grows with its persons; memory must not. Temporary files have no name
//! and go with the process. Invariant: what was written is what is read back, hashed as it came.

use std::io::{self, BufReader, BufWriter, Seek as _, SeekFrom, Write as _};

use rollcall_core::digest::Sha256Stream;
use serde::Serialize;
use tempfile::SpooledTempFile;

/// Up to here a spool stays in memory.
const IN_MEMORY: usize = 1024 * 1024;
/// Written and read in pieces of this size.
const BUFFER: usize = 256 * 1024;

/// Bytes that are written once, from the front, and then read.
#[derive(Debug)]
pub struct Spool {
    to: BufWriter<SpooledTempFile>,
    hash: Sha256Stream,
    bytes: u64,
    line: Vec<u8>,
}

impl Default for Spool {
    fn default() -> Self {
        Self {
            to: BufWriter::with_capacity(BUFFER, SpooledTempFile::new(IN_MEMORY)),
            hash: Sha256Stream::default(),
            bytes: 0,
            line: Vec::new(),
        }
    }
}

impl Spool {
    /// Of bytes that are there already.
    ///
    /// # Errors
    /// As [`Spool::write`].
    pub fn of(bytes: &[u8]) -> io::Result<Self> {
        let mut spool = Self::default();
        spool.write(bytes)?;
        Ok(spool)
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// When the temporary file cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.to.write_all(bytes)
    }

    /// Appends a line of JSON.
    ///
    /// # Errors
    /// As [`Spool::write`].
    pub fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        serde_json::to_writer(&mut line, value)?;
        line.push(b'\n');
        let done = self.write(&line);
        self.line = line;
        done
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// SHA-256 of the bytes so far.
    pub fn sha256(&self) -> String {
        self.hash.clone().finish()
    }

    /// Everything that was written, from any place.
    ///
    /// # Errors
    /// When the temporary file cannot be written or read.
    pub fn reader(self) -> io::Result<BufReader<SpooledTempFile>> {
        let mut file = self
            .to
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(BufReader::with_capacity(BUFFER, file))
    }
}

/// The line that begins where `from` stands, without its end; `None` behind the last one.
///
/// # Errors
/// When `from` cannot be read.
pub fn next_line<'a>(
    from: &mut impl io::BufRead,
    line: &'a mut Vec<u8>,
) -> io::Result<Option<&'a [u8]>> {
    line.clear();
    if from.read_until(b'\n', line)? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    /// Small and large ones give back what they were given.
    #[test]
    fn what_is_written_is_read_back() {
        for count in [0_u32, 3, 400_000] {
            let mut spool = Spool::default();
            for n in 0..count {
                spool.line(&n).unwrap();
            }
            let (bytes, sha256) = (spool.bytes(), spool.sha256());
            let mut reader = spool.reader().unwrap();
            let mut all = Vec::new();
            reader.read_to_end(&mut all).unwrap();
            assert_eq!(all.len() as u64, bytes);
            assert_eq!(rollcall_core::digest::sha256(&all), sha256);
            reader.seek(SeekFrom::Start(0)).unwrap();
            let mut line = Vec::new();
            let mut read = 0;
            while let Some(text) = next_line(&mut reader, &mut line).unwrap() {
                assert_eq!(text, read.to_string().as_bytes());
                read += 1;
            }
            assert_eq!(read, count);
        }
    }
}
