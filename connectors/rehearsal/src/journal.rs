//! The file that keeps a tenant between processes: a header line, then one line per write.
//!
//! Each line is a whole user, group, application, device or request for approval, who moved into and
//! out of a group, or what it has given whom; the last one of an object counts. Several processes may share the file: it is locked
//! while a call is carried out, and what others have added is read first.
//! Invariant: a line is with the operating system before its write is answered, so a killed
//! process loses nothing that it has said (a power cut may: this is a rehearsal).

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::devices::{Approval, Machine};
use crate::directory::Record;
use crate::groups::{Group, Moves};
use crate::licences::ledger::Grants;
use crate::ownership::AppRecord;

const FORMAT_VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format_version: u32,
    tenant_id: String,
}

/// A line after the first.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Line {
    User(Record),
    Group(Group),
    Members(Moves),
    Licences(Grants),
    App(AppRecord),
    Device(Box<Machine>),
    Approval(Approval),
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    /// The file cannot be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A complete line is not one of ours; lines count from 1.
    #[error("line {0} is not a record")]
    Line(usize),
    /// It belongs to another tenant, or to a newer version of this program.
    #[error("it belongs to another tenant or version")]
    Foreign,
}

/// An append-only file.
pub(crate) struct Journal {
    path: PathBuf,
    tenant_id: String,
    /// Bytes and lines read or written so far; always the end of a line.
    whole: u64,
    lines: usize,
    file: Option<File>,
}

impl Journal {
    /// Reads what is there; a last line that was not finished is left out. Writes nothing: the
    /// file is made by the first call.
    pub(crate) fn open(path: PathBuf, tenant_id: &str) -> Result<(Self, Vec<Line>), JournalError> {
        let tenant_id = tenant_id.to_owned();
        let mut journal = Self {
            path,
            tenant_id,
            whole: 0,
            lines: 0,
            file: None,
        };
        let records = match File::open(&journal.path) {
            Ok(mut file) => journal.read(&mut file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(JournalError::Io(error)),
        };
        Ok((journal, records))
    }

    /// Locks the file for one call and gives what other processes have added since the last one.
    pub(crate) fn lock(&mut self) -> Result<Vec<Line>, JournalError> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => OpenOptions::new()
                .create(true)
                .read(true)
                .append(true)
                .open(&self.path)?,
        };
        file.lock()?;
        let records = self.read(&mut file);
        if records.is_err() {
            file.unlock()?;
        }
        self.file = Some(file);
        records
    }

    /// The next process may go on.
    pub(crate) fn unlock(&mut self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), File::unlock)
    }

    fn read(&mut self, file: &mut File) -> Result<Vec<Line>, JournalError> {
        if file.metadata()?.len() <= self.whole {
            return Ok(Vec::new());
        }
        file.seek(SeekFrom::Start(self.whole))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let end = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let mut records = Vec::new();
        let (mut whole, mut lines) = (self.whole, self.lines);
        for line in bytes[..end].split_inclusive(|byte| *byte == b'\n') {
            lines += 1;
            whole += u64::try_from(line.len()).unwrap_or(u64::MAX);
            let unreadable = |_| JournalError::Line(lines);
            if lines == 1 {
                let header: Header = serde_json::from_slice(line).map_err(unreadable)?;
                if header.format_version != FORMAT_VERSION || header.tenant_id != self.tenant_id {
                    return Err(JournalError::Foreign);
                }
            } else {
                records.push(serde_json::from_slice(line).map_err(unreadable)?);
            }
        }
        (self.whole, self.lines) = (whole, lines);
        Ok(records)
    }

    /// Appends lines to the locked file, all of them or none.
    ///
    /// # Errors
    /// When the file cannot be written; the write it was for must not happen then.
    pub(crate) fn append(&mut self, lines: &[Line]) -> io::Result<()> {
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        // A torn line, of a killed process or of our own failed write, would swallow this one.
        if file.metadata()?.len() > self.whole {
            file.set_len(self.whole)?;
        }
        let mut text = String::new();
        if self.whole == 0 {
            let tenant_id = self.tenant_id.clone();
            text = line_of(&Header {
                format_version: FORMAT_VERSION,
                tenant_id,
            })?;
        }
        for line in lines {
            text.push_str(&line_of(line)?);
        }
        file.write_all(text.as_bytes())?;
        file.flush()?;
        self.whole += u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.lines += text.lines().count();
        Ok(())
    }
}

fn line_of(value: &impl Serialize) -> io::Result<String> {
    let mut line = serde_json::to_string(value)?;
    line.push('\n');
    Ok(line)
}
