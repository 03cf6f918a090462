//! What has to be held in memory to read a workbook, and the bound on it.

use super::{Refused, damaged, too_large};
use crate::options::Limits;

/// Counts the bytes of shared texts, merged cells, styles and indexes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    left: u64,
    most: u64,
}

impl Held {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            left: limits.held_bytes_max,
            most: limits.held_bytes_max,
        }
    }

    /// Asks for room.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), Refused> {
        match self.left.checked_sub(bytes as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(too_large(
                "what has to be held in memory of this workbook",
                "bytes",
                self.most,
            )),
        }
    }
}

/// The texts that cells name by their number, one after the other.
#[derive(Debug, Default)]
pub(super) struct Strings {
    text: String,
    /// Where each ends.
    ends: Vec<u32>,
}

impl Strings {
    /// Where the next text is written to; [`Self::end`] ends it.
    pub(super) fn open(&mut self) -> &mut String {
        &mut self.text
    }

    /// Ends the text that was written.
    pub(super) fn end(&mut self, held: &mut Held) -> Result<(), Refused> {
        let before = self.ends.last().copied().unwrap_or(0);
        let bytes = self.text.len() - before as usize;
        held.take(bytes + size_of::<u32>())?;
        let end = u32::try_from(self.text.len())
            .map_err(|_| too_large("the shared texts", "bytes", u64::from(u32::MAX)))?;
        self.ends.push(end);
        Ok(())
    }

    /// Where the last text begins in [`Self::open`].
    pub(super) fn last_start(&self) -> usize {
        self.ends.last().map_or(0, |end| *end as usize)
    }

    pub(super) fn get(&self, index: usize) -> Result<&str, Refused> {
        let end = self.ends.get(index).map(|end| *end as usize);
        let start = match index.checked_sub(1) {
            None => Some(0),
            Some(before) => self.ends.get(before).map(|end| *end as usize),
        };
        start
            .zip(end)
            .and_then(|(start, end)| self.text.get(start..end))
            .ok_or_else(|| damaged("a cell names a shared text that is not there"))
    }
}
