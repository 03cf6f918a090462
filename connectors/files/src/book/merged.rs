//! Which cells lie under a merged one. Invariant: the cost of a row does not grow with the number
//! of merged cells elsewhere.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;

use super::cell::{letters, reference};
use super::{Refused, damaged};

/// A merged cell: rows from 1, columns from 0, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Area {
    pub(super) top: u32,
    pub(super) left: u32,
    pub(super) bottom: u32,
    pub(super) right: u32,
}

impl Area {
    /// `D5:D6`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once(':')?;
        let (top, left) = reference(from.as_bytes())?;
        let (bottom, right) = reference(to.as_bytes())?;
        Some(Self {
            top,
            left: u32::try_from(left).ok()?,
            bottom,
            right: u32::try_from(right).ok()?,
        })
    }
}

impl Area {
    /// The row that it begins in, above this one, where its value stands in this column.
    pub(crate) fn above(&self, row: u32, column: usize) -> Option<u32> {
        let here = u32::try_from(column).is_ok_and(|it| it == self.left);
        (here && self.top < row).then_some(self.top)
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = letters(self.left as usize);
        let to = letters(self.right as usize);
        write!(f, "{from}{}:{to}{}", self.top, self.bottom)
    }
}

/// The merged cells of a sheet, as its rows go by.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// To come, the next one last.
    coming: Vec<Area>,
    /// Those that reach the current row, by their first column. They never overlap.
    here: BTreeMap<u32, Area>,
    ends: BinaryHeap<Reverse<(u32, u32)>>,
}

impl Merged {
    pub(super) fn new(mut areas: Vec<Area>) -> Self {
        areas.sort_unstable_by(|a, b| b.cmp(a));
        Self {
            coming: areas,
            ..Self::default()
        }
    }

    /// Goes on to a row. Rows come in order.
    pub(super) fn advance(&mut self, row: u32) -> Result<(), Refused> {
        while let Some(Reverse((bottom, left))) = self.ends.peek().copied()
            && bottom < row
        {
            self.ends.pop();
            self.here.remove(&left);
        }
        while let Some(area) = self.coming.last().copied()
            && area.top <= row
        {
            self.coming.pop();
            if area.bottom >= row {
                self.add(area)?;
            }
        }
        Ok(())
    }

    /// A merged cell that begins in the current row.
    pub(super) fn add(&mut self, area: Area) -> Result<(), Refused> {
        if area.bottom < area.top || area.right < area.left {
            return Err(damaged("a merged cell ends before it begins"));
        }
        let left = self.here.range(..=area.left).next_back();
        let right = self.here.range(area.left..).next();
        let clash = left.is_some_and(|(_, a)| a.right >= area.left)
            || right.is_some_and(|(from, _)| *from <= area.right);
        if clash {
            return Err(damaged(&format!("merged cell {area} overlaps another one")));
        }
        self.here.insert(area.left, area);
        self.ends.push(Reverse((area.bottom, area.left)));
        Ok(())
    }

    /// Those that reach the current row and begin left of a column.
    pub(super) fn here(&self, columns: usize) -> impl Iterator<Item = Area> {
        let end = u32::try_from(columns).unwrap_or(u32::MAX);
        self.here.range(..end).map(|(_, area)| *area)
    }

    /// The merged cell that begins in this one.
    pub(super) fn beginning(&self, row: u32, column: usize) -> Option<Area> {
        let area = self.here.get(&u32::try_from(column).ok()?)?;
        (area.top == row).then_some(*area)
    }

    /// The merged cell over this one, where it is another cell that holds the value.
    pub(super) fn over(&self, row: u32, column: usize) -> Option<Area> {
        if self.here.is_empty() {
            return None;
        }
        let column = u32::try_from(column).ok()?;
        let (_, area) = self.here.range(..=column).next_back()?;
        let covered = area.right >= column && (area.top, area.left) != (row, column);
        covered.then_some(*area)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merged_cell_covers_all_but_its_first() {
        let area = |text| Area::parse(text).expect("a range");
        let mut merged = Merged::new(vec![area("D5:D6"), area("A1:F1"), area("A5:B7")]);
        let mut seen = Vec::new();
        for row in 1..9 {
            merged.advance(row).expect("no overlap");
            for column in 0..7 {
                if let Some(over) = merged.over(row, column) {
                    seen.push(format!("{}{row} {over}", letters(column)));
                }
            }
        }
        assert_eq!(
            seen,
            [
                "B1 A1:F1", "C1 A1:F1", "D1 A1:F1", "E1 A1:F1", "F1 A1:F1", "B5 A5:B7", "A6 A5:B7",
                "B6 A5:B7", "D6 D5:D6", "A7 A5:B7", "B7 A5:B7",
            ]
        );
    }

    #[test]
    fn merged_cells_that_overlap_are_damage() {
        let area = |text| Area::parse(text).expect("a range");
        for pair in [["A1:C3", "B2:D4"], ["A1:C3", "A1:C3"], ["B1:B9", "A5:C5"]] {
            let mut merged = Merged::new(pair.map(area).to_vec());
            assert!((1..9).any(|row| merged.advance(row).is_err()), "{pair:?}");
        }
    }
}
