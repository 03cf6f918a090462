//! Which row of a table is the header, and what is odd about the header and about the end.
//!
//! Invariant: names of columns decide; of what stands in rows only words of a list of our own are kept.

use std::collections::BTreeMap;

use super::column::Column;
use super::doubts::{Doubt, DoubtKind};
use super::kinds::{self, Look};
use super::names::{self, folded};
use super::propose::FooterFound;
use super::words;

/// How well a row does as a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Known {
    /// Names that are known, each counted once.
    pub names: usize,
    /// Cells with anything in them, where none of them looks like a value of somebody.
    pub cells: usize,
}

/// How many names of a row are names of HR columns.
pub fn known_names(cells: &[String]) -> Known {
    let mut parts: Vec<_> = cells
        .iter()
        .filter_map(|it| names::by_list(it))
        .map(|it| it.part)
        .collect();
    parts.sort_unstable();
    parts.dedup();
    let filled = cells.iter().filter(|it| !it.trim().is_empty()).count();
    let data = cells.iter().any(|it| is_data(it));
    Known {
        names: parts.len(),
        cells: if data { 0 } else { filled },
    }
}

/// The cell of a header that most likely names workers.
pub fn known_key(cells: &[String]) -> Option<String> {
    let key = |name: &&String| names::by_list(name).filter(|said| said.part == names::Part::Key);
    let best = cells
        .iter()
        .filter_map(|name| Some((key(&name)?.weight, name)));
    best.reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, name)| name.clone())
}

/// Which of the first rows is the header: the one with most known names; of those without any, the first that is as
/// wide as the table. `None`: nothing in it.
pub fn header_row(rows: &[Vec<String>]) -> Option<usize> {
    let known: Vec<Known> = rows.iter().map(|row| known_names(row)).collect();
    let most = known.iter().map(|it| it.names).max()?;
    if most >= 2 {
        return known.iter().position(|it| it.names == most);
    }
    let width = known.iter().map(|it| it.cells).max()?;
    // One cell is what any line is under a wrong delimiter.
    let wide = |it: &Known| it.cells > 1 && it.cells * 3 >= width * 2;
    known.iter().position(wide)
}

/// Whether a cell is a value of somebody and no name of a column.
fn is_data(cell: &str) -> bool {
    let cell = cell.trim();
    if cell.is_empty() {
        return false;
    }
    match kinds::look(cell) {
        Look::NoDay
        | Look::Day(_)
        | Look::Digits
        | Look::Decimal(_)
        | Look::Scientific
        | Look::Email
        | Look::Url
        | Look::Phone
        | Look::Zone => true,
        Look::Missing | Look::Boolean | Look::Country | Look::Text => false,
    }
}

/// What is odd about a header, as the reader names its columns (`Name#2`, `column 5`).
pub(super) fn doubts(header: &[String]) -> Vec<Doubt> {
    let mut out = Vec::new();
    let mut tell = |kind, columns: usize, note: String| {
        if columns > 0 {
            out.push(Doubt {
                kind,
                rows: columns as u64,
                note,
            });
        }
    };
    let twice = header.iter().filter(|name| is_double(header, name)).count();
    tell(
        DoubtKind::HeaderDuplicate,
        twice,
        "names that stand in the header more than once: rename one, a mapping cannot tell them apart".to_owned(),
    );
    let blank = header.iter().enumerate();
    let blank = blank
        .filter(|(at, name)| **name == format!("column {}", at + 1))
        .count();
    tell(
        DoubtKind::HeaderBlank,
        blank,
        "columns without a name".to_owned(),
    );
    let mut alike: BTreeMap<String, usize> = BTreeMap::new();
    for name in header.iter().filter(|name| !is_double(header, name)) {
        *alike.entry(folded(name)).or_default() += 1;
    }
    let alike: usize = alike.values().filter(|count| **count > 1).sum();
    let mixed = header.iter().filter(|name| mixes_scripts(name)).count();
    tell(
        DoubtKind::HeaderLookAlike,
        alike + mixed,
        "names that people take for each other: they differ in spaces, case or accents, or mix alphabets".to_owned(),
    );
    let known = known_names(header);
    let data = header.iter().filter(|name| is_data(name)).count();
    if known.names == 0 && data > 0 {
        tell(
            DoubtKind::HeaderIsData,
            data,
            "the first row looks like somebody's: is the header missing?".to_owned(),
        );
    }
    out
}

/// Whether a name stands there more than once: the reader calls the second one `Name#2`.
pub(super) fn is_double(header: &[String], name: &str) -> bool {
    let second = format!("{name}#2");
    let numbered = name.rsplit_once('#').is_some_and(|(base, count)| {
        count.parse::<u32>().is_ok() && header.iter().any(|it| it == base)
    });
    let same = header.iter().filter(|it| *it == name).count();
    numbered || same > 1 || header.contains(&second)
}

/// Whether a mapping can name a column.
pub(super) fn is_usable(header: &[String], name: &str) -> bool {
    !name.is_empty() && !is_double(header, name)
}

/// Latin letters beside Cyrillic or Greek ones: they look alike, and are not.
fn mixes_scripts(name: &str) -> bool {
    let latin = name.chars().any(|c| c.is_ascii_alphabetic());
    latin && name.chars().any(|c| matches!(c, '\u{370}'..='\u{52f}'))
}

/// Whether the first column says of each row what it is.
pub(super) fn has_marks(header: &[String], columns: &[Column]) -> bool {
    let marks = ["H", "HDR", "D", "DTL", "T", "TRL"];
    let first = header
        .first()
        .is_some_and(|name| marks.contains(&name.as_str()));
    let rest = columns.first().is_some_and(|column| {
        !column.few.is_empty()
            && column
                .few
                .iter()
                .all(|code| marks.contains(&code.value.as_str()))
    });
    first && rest
}

/// The last rows of a table.
#[derive(Debug)]
pub(super) struct Tail {
    rows: Vec<Row>,
    next: usize,
    most: usize,
}

/// What is kept of a row: how much is in it, its first word if it ends tables, and small numbers.
#[derive(Debug, Default)]
struct Row {
    filled: usize,
    ends: Option<String>,
    numbers: Vec<(usize, u64)>,
}

impl Tail {
    pub(super) fn new(most: usize) -> Self {
        Self {
            rows: Vec::new(),
            next: 0,
            most,
        }
    }

    pub(super) fn begin(&mut self) {
        if self.rows.len() < self.most {
            self.rows.push(Row::default());
            self.next = self.rows.len() - 1;
        } else {
            self.next = (self.next + 1) % self.most;
        }
        let row = &mut self.rows[self.next];
        row.filled = 0;
        row.ends = None;
        row.numbers.clear();
    }

    pub(super) fn cell(&mut self, at: usize, text: &str) {
        if text.is_empty() {
            return;
        }
        let row = &mut self.rows[self.next];
        row.filled += 1;
        if at == 0 {
            row.ends = words::total(text).map(str::to_owned);
        } else if row.ends.is_some()
            && let Ok(number) = text.parse()
        {
            row.numbers.push((at, number));
        }
    }

    /// The first of the last rows that ends the table, of a table of so many rows.
    pub(super) fn footer(&self, rows: u64) -> Option<FooterFound> {
        let count = self.rows.len();
        let in_order = (0..count).map(|n| &self.rows[(self.next + 1 + n) % count]);
        let in_order: Vec<&Row> = in_order.collect();
        let at = in_order.iter().position(|row| row.ends.is_some())?;
        let behind = (count - at) as u64;
        let workers = rows - behind;
        let row = in_order[at];
        let counted = row.numbers.iter().find(|(_, number)| *number == workers);
        // A worker's row is as full as the others; that of a total is not.
        let full = in_order[..at].iter().map(|it| it.filled).max().unwrap_or(0);
        (row.filled * 2 <= full.max(2) || counted.is_some()).then(|| FooterFound {
            begins: row.ends.clone().unwrap_or_default(),
            count_column: counted.map(|(at, _)| at + 1),
            rows: behind,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Vec<String> {
        text.split(',').map(str::to_owned).collect()
    }

    #[test]
    fn the_header_is_the_row_with_the_names() {
        let titles = ["Woodgrove Inc.,,,", "Run: 2026-03-15 02:00,,,", ",,,"].map(row);
        let mut rows = titles.to_vec();
        rows.push(row("EmployeeID,FirstName,LastName,Status"));
        rows.push(row("00601,Ann,Ash,Active"));
        assert_eq!(header_row(&rows), Some(3));
        assert_eq!(header_row(&rows[3..]), Some(0));
        // Nobody knows these names; the first row that is as wide as the table.
        let strange = ["Report,,", "Alpha,Beta,Gamma", "x,y,z"].map(row);
        assert_eq!(header_row(&strange), Some(1));
        assert_eq!(header_row(&[]), None);
    }

    #[test]
    fn names_that_look_alike_are_told() {
        let header = [
            "First Name",
            "FirstName",
            "Stаtus",
            "LastName",
            "LastName#2",
            "column 6",
        ]
        .map(str::to_owned);
        let kinds: Vec<_> = doubts(&header)
            .iter()
            .map(|it| (it.kind, it.rows))
            .collect();
        assert_eq!(
            kinds,
            [
                (DoubtKind::HeaderDuplicate, 2),
                (DoubtKind::HeaderBlank, 1),
                (DoubtKind::HeaderLookAlike, 3),
            ]
        );
        let data = ["00101", "Ann", "ann@woodgrove.example"].map(str::to_owned);
        assert_eq!(doubts(&data)[0].kind, DoubtKind::HeaderIsData);
    }
}
