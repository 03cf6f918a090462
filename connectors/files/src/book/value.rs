//! From what a cell of the file says to what the row keeps.

use super::cell::{Row, Slot};
use super::moment::{self, System};
use super::number::{self, Shape, Styles};

/// A number, as the text that has been written to the row since `start`.
pub(super) fn from_text(
    row: &mut Row,
    start: usize,
    style: usize,
    styles: &Styles,
    system: System,
) -> Slot {
    let shape = styles.of(style);
    let raw = &row.text[start..];
    if shape == Shape::Plain && number::as_written(raw.as_bytes()) {
        return Slot::Number {
            text: row.since(start),
            lost: false,
            shown: None,
        };
    }
    let value = raw.trim().parse::<f64>();
    row.text.truncate(start);
    match value {
        Ok(value) => from_float(row, value, shape, styles, system),
        Err(_) => Slot::Error(UNREADABLE),
    }
}

/// A number, as the file holds it.
pub(super) fn from_float(
    row: &mut Row,
    value: f64,
    shape: Shape,
    styles: &Styles,
    system: System,
) -> Slot {
    if matches!(shape, Shape::Day | Shape::Time | Shape::Duration) {
        return moment::serial(row, value, shape, system);
    }
    let start = row.text.len();
    let Some(lost) = number::write(&mut row.text, value) else {
        return Slot::Error(UNREADABLE);
    };
    let text = row.since(start);
    let mut shown = None;
    if let Shape::Masked(mask) = shape {
        let number = row.text[start..].to_owned();
        let from = row.text.len();
        if styles.show(mask, &number, &mut row.text) {
            shown = Some(row.since(from));
        }
    }
    Slot::Number { text, lost, shown }
}

/// A number that is none.
const UNREADABLE: &str = "a number that cannot be read";

/// The errors of spreadsheets. Others are not repeated: they are text of the file.
pub(super) fn error(name: &str) -> Slot {
    const NAMES: [&str; 13] = [
        "#N/A",
        "#DIV/0!",
        "#NAME?",
        "#NULL!",
        "#NUM!",
        "#REF!",
        "#VALUE!",
        "#GETTING_DATA",
        "#SPILL!",
        "#CALC!",
        "#FIELD!",
        "#BLOCKED!",
        "#UNKNOWN!",
    ];
    let known = NAMES.into_iter().find(|known| *known == name);
    Slot::Error(known.unwrap_or("an error"))
}

/// The same by the number that binary formats give them (MS-XLS 2.5.10, `BErr`).
pub(super) fn error_by_number(code: u8) -> Slot {
    Slot::Error(match code {
        0x00 => "#NULL!",
        0x07 => "#DIV/0!",
        0x0f => "#VALUE!",
        0x17 => "#REF!",
        0x1d => "#NAME?",
        0x24 => "#NUM!",
        0x2a => "#N/A",
        0x2b => "#GETTING_DATA",
        _ => "an error",
    })
}

/// A number in four bytes, as binary formats pack them (MS-XLS 2.5.217, `RkNumber`).
pub(super) fn packed(rk: u32) -> f64 {
    let value = if rk & 2 != 0 {
        f64::from(rk.cast_signed() >> 2)
    } else {
        f64::from_bits(u64::from(rk & !3) << 32)
    };
    if rk & 1 != 0 { value / 100.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_numbers_are_unpacked() {
        for (rk, value) in [
            (0x0000_0006, 1.0),
            (0xffff_fffe, -1.0),
            (0x3ff0_0000, 1.0),
            (0x3fe0_0000, 0.5),
            (0x0000_1f43, 20.0),
            (0x4059_0001, 1.0),
        ] {
            assert!((packed(rk) - value).abs() < 1e-12, "{rk:x}: {}", packed(rk));
        }
    }
}
