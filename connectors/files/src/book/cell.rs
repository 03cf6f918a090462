//! What stands in a cell, and the row that holds it.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::{Date, DateTime};

use super::merged::{Area, Merged};
use super::{Refused, at_row, damaged, too_large};
use crate::options::Limits;

/// What one cell says. Empty, unknown and a value stay three things.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell<'a> {
    /// Nothing.
    Empty,
    /// Text, also an empty one that a formula gave.
    Text(&'a str),
    /// A number.
    Number(Number<'a>),
    /// True or false.
    Boolean(bool),
    /// A day of the calendar, with no time on it.
    Day(Date),
    /// A day and a time, without a zone.
    Moment(DateTime),
    /// A length of time or a time of day, `255:10:10`: never a day.
    Duration(&'a str),
    /// A number under a date format that is no day: negative, zero, far away, or the
    /// 29 February 1900 that never was; what a sheet shows for it, where it shows one.
    NoDay(&'static str),
    /// An error such as `#N/A`: the value is unknown.
    Error(&'static str),
    /// A formula that nobody calculated: the value is unknown.
    Uncalculated,
    /// Under a merged cell: the file holds no value that anybody sees here.
    Covered(Area),
}

/// A number as a person would write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number<'a> {
    /// Digits, without `.0`, without an exponent.
    pub(crate) text: &'a str,
    /// It had more digits than a spreadsheet keeps: the last ones are not what was typed.
    pub(crate) lost: bool,
    /// What a number format such as `00000` shows instead.
    pub(crate) shown: Option<&'a str>,
}

/// A piece of a row's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

/// A cell as the row keeps it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Slot {
    Empty,
    Text(Span),
    Number {
        text: Span,
        lost: bool,
        shown: Option<Span>,
    },
    Boolean(bool),
    Day(Date),
    Moment(DateTime),
    Duration(Span),
    NoDay(&'static str),
    Error(&'static str),
    Uncalculated,
}

impl Slot {
    /// The same with its text in another place.
    fn moved(self, from: &str, to: &mut String) -> Self {
        let mut moved = |span: Span| {
            let start = to.len();
            let piece = from.get(span.start as usize..span.end as usize);
            to.push_str(piece.unwrap_or_default());
            Span::between(start, to.len())
        };
        match self {
            Self::Text(span) => Self::Text(moved(span)),
            Self::Duration(span) => Self::Duration(moved(span)),
            Self::Number { text, lost, shown } => Self::Number {
                text: moved(text),
                lost,
                shown: shown.map(moved),
            },
            other => other,
        }
    }
}

impl Span {
    fn between(start: usize, end: usize) -> Self {
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            start: place(start),
            end: place(end),
        }
    }
}

/// One row of a sheet. Columns count from 0, which is column A, wherever the table begins.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(super) number: u32,
    /// Whether the user does not see it, because it is hidden or filtered out.
    pub(super) hidden: bool,
    slots: Vec<Slot>,
    pub(super) text: String,
    pub(super) merged: Merged,
    /// Cells that are not empty.
    filled: u32,
    kept: Kept,
}

/// The values of merged cells that reach further rows, where those rows are to have them.
#[derive(Debug, Default)]
struct Kept {
    /// By top and left of the merged cell, each with the last row that it reaches.
    values: BTreeMap<(u32, u32), (u32, Slot, String)>,
}

impl Row {
    /// The row as the user counts: the first one is 1.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// One more than the last column that holds something.
    pub(crate) fn width(&self) -> usize {
        self.slots.len()
    }

    /// What stands in a column.
    pub(crate) fn cell(&self, column: usize) -> Cell<'_> {
        if let Some(area) = self.merged.over(self.number, column) {
            return match self.kept.values.get(&(area.top, area.left)) {
                Some((_, slot, text)) => seen(*slot, text),
                None => Cell::Covered(area),
            };
        }
        seen(self.slot(column), &self.text)
    }

    /// The last row that the cell in a column reaches: this one, unless it is merged further down.
    pub(crate) fn reach(&self, column: usize) -> u32 {
        let area = self.merged.beginning(self.number, column);
        area.map_or(self.number, |area| area.bottom)
    }

    fn slot(&self, column: usize) -> Slot {
        self.slots.get(column).copied().unwrap_or(Slot::Empty)
    }

    /// Keeps the values of merged cells that begin in this row, for all that they cover: no more of
    /// them at once than a row may have.
    pub(super) fn keep(&mut self, limits: &Limits) -> Result<(), Refused> {
        let number = self.number;
        self.kept.values.retain(|_, (last, ..)| *last >= number);
        let here = self.merged.here(limits.columns_max);
        let begun: Vec<Area> = here.filter(|it| it.top == number).collect();
        for area in begun {
            let slot = self.slot(area.left as usize);
            let mut text = String::new();
            let slot = slot.moved(&self.text, &mut text);
            let kept = (area.bottom, slot, text);
            self.kept.values.insert((area.top, area.left), kept);
        }
        let bytes: usize = self.kept.values.values().map(|it| it.2.len()).sum();
        if bytes > limits.row_bytes_max {
            let most = limits.row_bytes_max as u64;
            return Err(at_row(too_large("merged text", "bytes", most), number));
        }
        Ok(())
    }

    /// All cells from column A to the last that holds something.
    pub(crate) fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        (0..self.width()).map(|column| self.cell(column))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Cells that are not empty.
    pub(super) fn filled(&self) -> u32 {
        self.filled
    }

    /// The first column that holds something.
    pub(super) fn first(&self) -> Option<usize> {
        self.slots.iter().position(|s| *s != Slot::Empty)
    }

    /// Begins another row.
    pub(super) fn begin(&mut self, number: u32, hidden: bool) {
        self.number = number;
        self.hidden = hidden;
        self.slots.clear();
        self.text.clear();
        self.filled = 0;
    }

    /// The text written since `start`, as a piece of the row.
    pub(super) fn since(&self, start: usize) -> Span {
        Span::between(start, self.text.len())
    }

    /// Adds a piece of text.
    pub(super) fn write(&mut self, text: &str) -> Span {
        let start = self.text.len();
        self.text.push_str(text);
        self.since(start)
    }

    /// Puts a cell in its column; columns may come in any order, each once.
    pub(super) fn put(
        &mut self,
        column: usize,
        slot: Slot,
        limits: &Limits,
    ) -> Result<(), Refused> {
        if slot == Slot::Empty {
            return Ok(());
        }
        if column >= limits.columns_max {
            let what = format!("a cell in column {}", letters(column));
            return Err(at_row(
                too_large(&what, "columns", limits.columns_max as u64),
                self.number,
            ));
        }
        if self.text.len() > limits.row_bytes_max {
            let most = limits.row_bytes_max as u64;
            return Err(at_row(
                too_large("the text of a row", "bytes", most),
                self.number,
            ));
        }
        if self.slots.len() <= column {
            self.slots.resize(column + 1, Slot::Empty);
        }
        let there = &mut self.slots[column];
        if *there != Slot::Empty {
            let what = format!("cell {}{} is there twice", letters(column), self.number);
            return Err(at_row(damaged(&what), self.number));
        }
        *there = slot;
        self.filled += 1;
        Ok(())
    }
}

/// A cell as its slot and the text of its row say.
fn seen(slot: Slot, of: &str) -> Cell<'_> {
    let piece = |span: Span| {
        of.get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    };
    match slot {
        Slot::Empty => Cell::Empty,
        Slot::Text(span) => Cell::Text(piece(span)),
        Slot::Number { text, lost, shown } => Cell::Number(Number {
            text: piece(text),
            lost,
            shown: shown.map(piece),
        }),
        Slot::Boolean(value) => Cell::Boolean(value),
        Slot::Day(day) => Cell::Day(day),
        Slot::Moment(moment) => Cell::Moment(moment),
        Slot::Duration(span) => Cell::Duration(piece(span)),
        Slot::NoDay(shown) => Cell::NoDay(shown),
        Slot::Error(name) => Cell::Error(name),
        Slot::Uncalculated => Cell::Uncalculated,
    }
}

/// The name of a column, from 0: A, B, ... Z, AA.
pub(crate) fn letters(column: usize) -> Letters {
    Letters(column)
}

/// See [`letters`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Letters(usize);

impl fmt::Display for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.0;
        let mut name = Vec::new();
        loop {
            name.push(b'A' + u8::try_from(left % 26).unwrap_or(0));
            if left < 26 {
                break;
            }
            left = left / 26 - 1;
        }
        for letter in name.iter().rev() {
            write!(f, "{}", char::from(*letter))?;
        }
        Ok(())
    }
}

/// `D5` as row 5 and column 3.
pub(super) fn reference(text: &[u8]) -> Option<(u32, usize)> {
    let (mut column, mut row) = (0_usize, 0_u32);
    let (mut named, mut numbered) = (false, false);
    for byte in text {
        match byte {
            b'$' => {}
            b'A'..=b'Z' | b'a'..=b'z' if !numbered => {
                let letter = usize::from(byte.to_ascii_uppercase() - b'A');
                column = column.checked_mul(26)?.checked_add(letter + 1)?;
                named = true;
            }
            b'0'..=b'9' if named => {
                row = row.checked_mul(10)?.checked_add(u32::from(byte - b'0'))?;
                numbered = true;
            }
            _ => return None,
        }
    }
    (numbered && row > 0).then(|| (row, column - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_the_names_that_people_see() {
        for (column, name) in [
            (0, "A"),
            (25, "Z"),
            (26, "AA"),
            (701, "ZZ"),
            (702, "AAA"),
            (16_383, "XFD"),
        ] {
            assert_eq!(letters(column).to_string(), name);
            assert_eq!(
                reference(format!("{name}7").as_bytes()),
                Some((7, column)),
                "{name}"
            );
        }
        for odd in ["", "7", "A", "A0", "7A", "A7B", "A99999999999", "é7"] {
            assert_eq!(reference(odd.as_bytes()), None, "{odd}");
        }
    }
}
