//! The bytes of a binary record. Nothing reads beyond its end: what is missing is damage.

use super::{Refused, damaged};

/// A record, or what is left of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a>(pub(super) &'a [u8]);

impl<'a> Record<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Refused> {
        let Some((first, rest)) = self.0.split_at_checked(count) else {
            return Err(damaged("a record is shorter than it has to be"));
        };
        self.0 = rest;
        Ok(first)
    }

    pub(super) fn skip(&mut self, count: usize) -> Result<(), Refused> {
        self.bytes(count).map(|_| ())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Refused> {
        let bytes = self.bytes(N)?;
        let mut array = [0; N];
        array.copy_from_slice(bytes);
        Ok(array)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Refused> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Refused> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Refused> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Refused> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn f64(&mut self) -> Result<f64, Refused> {
        self.array().map(f64::from_le_bytes)
    }

    /// A count of 32 bits, and as many UTF-16 units.
    pub(super) fn wide_text(&mut self, to: &mut String) -> Result<(), Refused> {
        let units = self.u32()? as usize;
        let bytes = self.bytes(units.saturating_mul(2))?;
        utf16(bytes, to);
        Ok(())
    }
}

/// Adds UTF-16 in little-endian bytes. Halves of pairs become the replacement character.
pub(super) fn utf16(bytes: &[u8], to: &mut String) {
    let units = bytes
        .chunks_exact(2)
        .map(|u| u16::from_le_bytes([u[0], u[1]]));
    to.extend(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
}
