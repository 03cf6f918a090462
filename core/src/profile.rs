//! What a delivery looks like as a whole: its header, and how each column that is read is filled.
//!
//! A feed breaks in ways that no row shows: a join that finds nothing leaves a column empty, an
//! upgrade fills another one with the same word everywhere. Each delivery is compared with the last
//! accepted full one. Invariant: counts and names of columns only, never a value; memory does not
//! grow with the rows.

use serde::{Deserialize, Serialize};

use crate::guards::{DISTINCT, FILL};
use crate::model::{Finding, FindingKind, Place, Severity};
use crate::plan::GuardVerdict;
use crate::policy::Gates;

/// Distinct values that are counted exactly; of a column with more, nobody says how many.
pub const DISTINCT_MAX: usize = 256;
/// Values below which a column has too few of them to say anything by their number.
const DISTINCT_MIN: u32 = 10;
/// Names that one finding tells.
const NAMES_MAX: usize = 10;
/// Columns of a header that are kept: beyond that it is not compared.
const HEADER_MAX: usize = 2000;

/// What a delivery looks like.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Profile {
    /// All columns of the file, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub header: Vec<String>,
    /// Data rows.
    pub rows: u32,
    /// The columns that are read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Column>,
}

/// How one column is filled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name in the header.
    pub name: String,
    /// Rows in which it is not empty.
    pub filled: u32,
    /// Distinct values, the empty one not counted; `None` where they are more than
    /// [`DISTINCT_MAX`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distinct: Option<u32>,
}

/// Counts rows as they stream by.
#[derive(Debug)]
pub struct Profiler {
    header: Vec<String>,
    rows: u32,
    columns: Vec<(String, u32, Distinct)>,
}

/// Hashes of the values of one column, ascending; `None` once they are too many.
type Distinct = Option<Vec<u64>>;

impl Profiler {
    /// For a file with this header, of which these columns are read.
    pub fn new(header: &[String], columns: &[String]) -> Self {
        let counted = |name: &String| (name.clone(), 0, Some(Vec::new()));
        Self {
            header: header.iter().take(HEADER_MAX).cloned().collect(),
            rows: 0,
            columns: columns.iter().map(counted).collect(),
        }
    }

    /// One row: the values of the columns that are read, in their order.
    pub fn row(&mut self, values: impl Iterator<Item = impl AsRef<str>>) {
        self.rows += 1;
        for ((_, filled, distinct), value) in self.columns.iter_mut().zip(values) {
            let value = value.as_ref();
            if value.is_empty() {
                continue;
            }
            *filled += 1;
            if let Some(known) = distinct {
                let hash = xxhash_rust::xxh3::xxh3_64(value.as_bytes());
                if let Err(at) = known.binary_search(&hash) {
                    if known.len() == DISTINCT_MAX {
                        *distinct = None;
                    } else {
                        known.insert(at, hash);
                    }
                }
            }
        }
    }

    /// What was counted.
    pub fn finish(self) -> Profile {
        let columns = self.columns.into_iter();
        Profile {
            header: self.header,
            rows: self.rows,
            columns: columns
                .map(|(name, filled, distinct)| Column {
                    name,
                    filled,
                    distinct: distinct.map(|it| u32::try_from(it.len()).unwrap_or(u32::MAX)),
                })
                .collect(),
        }
    }
}

impl Profile {
    fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|it| it.name == name)
    }

    /// Points of the rows in which a column is filled.
    fn fill(&self, column: &Column) -> f64 {
        if self.rows == 0 {
            return 0.0;
        }
        f64::from(column.filled) * 100.0 / f64::from(self.rows)
    }
}

/// Judges how the columns are filled, against the last accepted full file: each gate once, by the
/// column that is furthest off.
pub fn gates(gates: &Gates, now: &Profile, before: &Profile) -> Vec<GuardVerdict> {
    let both = now.columns.iter().filter_map(|column| {
        let known = before.column(&column.name)?;
        Some((column, known))
    });
    let (mut fill, mut distinct) = (Vec::new(), Vec::new());
    for (column, known) in both {
        let (share, shared) = (now.fill(column), before.fill(known));
        let points = (share - shared).abs();
        // Rows that would have to be as before.
        let rows = points / 100.0 * f64::from(now.rows);
        fill.push(Off {
            by: points,
            over: points > gates.fill_points && rows > f64::from(gates.rows_min),
            why: format!(
                "column `{}` is filled in {share:.1} % of {} rows, in {shared:.1} % of the last \
                 accepted full file ({points:.1} points)",
                column.name, now.rows
            ),
            name: &column.name,
        });
        if let Some((by, why)) = vocabulary(column, known) {
            distinct.push(Off {
                by,
                over: by > gates.distinct_pct,
                why,
                name: &column.name,
            });
        }
    }
    [
        (FILL, gates.fill_points, fill, "no column is in both"),
        (
            DISTINCT,
            gates.distinct_pct,
            distinct,
            "no column has so few values that they can be counted",
        ),
    ]
    .into_iter()
    .map(|(name, limit, off, none)| verdict(name, limit, &off, none))
    .collect()
}

/// How far a column is off, by one measure.
struct Off<'a> {
    by: f64,
    over: bool,
    why: String,
    name: &'a str,
}

fn verdict(name: &str, limit: f64, off: &[Off<'_>], none: &str) -> GuardVerdict {
    // What is over first; of several, the first of the file.
    let worst = off.iter().reduce(|a, b| {
        let ahead = (b.over, b.by) > (a.over, a.by);
        if ahead { b } else { a }
    });
    let over: Vec<&str> = off.iter().filter(|it| it.over).map(|it| it.name).collect();
    let mut why = worst.map_or_else(|| none.to_owned(), |it| it.why.clone());
    if let Some(worst) = worst
        && over.len() > 1
    {
        let others = over.iter().filter(|it| **it != worst.name);
        let others: Vec<&str> = others.copied().collect();
        why = format!("{why}; so are {}", names(&others));
    }
    GuardVerdict {
        name: name.to_owned(),
        counted: worst.map_or(0.0, |it| (it.by * 100.0).round() / 100.0),
        limit,
        tripped: !over.is_empty(),
        why,
    }
}

/// How far the number of distinct values is off, in percent of the larger one: a vocabulary that
/// shrinks to a word is as odd as a word that became a vocabulary. Nothing where both are small or
/// both are too large to be counted; an empty column says nothing by its values.
fn vocabulary(column: &Column, known: &Column) -> Option<(f64, String)> {
    let most = u32::try_from(DISTINCT_MAX)
        .unwrap_or(u32::MAX)
        .saturating_add(1);
    let count = |column: &Column| column.distinct.unwrap_or(most);
    let (now, before) = (count(column), count(known));
    let (less, more) = (now.min(before), now.max(before));
    if more < DISTINCT_MIN || less == most || less == 0 {
        return None;
    }
    let off = f64::from(more - less) * 100.0 / f64::from(more);
    let shown = |column: &Column| {
        let count = column.distinct.map(|it| it.to_string());
        count.unwrap_or_else(|| format!("more than {DISTINCT_MAX}"))
    };
    let why = format!(
        "column `{}` has {} distinct values, {} in the last accepted full file ({off:.1} % off)",
        column.name,
        shown(column),
        shown(known)
    );
    Some((off, why))
}

/// What is new, gone or elsewhere in the header. Nothing of it changes how a file is read, as
/// columns go by their names; somebody changed the export, though, and may have to be asked why.
pub fn header_drift(now: &Profile, before: &Profile) -> Vec<Finding> {
    let (now_has, before_had) = (&now.header, &before.header);
    if now_has.is_empty() || before_had.is_empty() || now_has.len() == HEADER_MAX {
        return Vec::new();
    }
    let read = |name: &&str| now.column(name).is_some();
    let missing = |from: &[String], other: &'_ [String]| -> Vec<String> {
        let gone = from.iter().filter(|name| !other.contains(name));
        gone.filter(|name| !name.is_empty()).cloned().collect()
    };
    let added = missing(now_has, before_had);
    let removed = missing(before_had, now_has);
    let stays = |header: &[String], other: &[String]| -> Vec<String> {
        let stays = header.iter().filter(|name| other.contains(name));
        stays.cloned().collect()
    };
    let (order, ordered) = (stays(now_has, before_had), stays(before_had, now_has));
    let moved: Vec<&str> = order
        .iter()
        .zip(&ordered)
        .filter(|(now, before)| now != before)
        .map(|(now, _)| now.as_str())
        .collect();
    let added: Vec<&str> = added.iter().map(String::as_str).collect();
    let removed: Vec<&str> = removed.iter().map(String::as_str).collect();
    let mut out = Vec::new();
    let mut find = |severity, what: &str, columns: &[&str], note: String| {
        if !columns.is_empty() {
            let kind = FindingKind::HeaderDrift;
            let finding = Finding::new(kind, severity, Place::default(), note);
            let count = columns.len().to_string();
            out.push(finding.with("what", what).with("columns", count));
        }
    };
    let note = format!(
        "the file has columns that it had not before: {}",
        names(&added)
    );
    find(Severity::Info, "added", &added, note);
    let note = format!(
        "columns are gone that nothing reads: {}; a rule that is to read them will refuse the file",
        names(&removed)
    );
    find(Severity::Info, "removed", &removed, note);
    let ours: Vec<&str> = moved.iter().copied().filter(read).collect();
    let note = if ours.is_empty() {
        format!(
            "columns that nothing reads stand in another order: {}",
            names(&moved)
        )
    } else {
        format!(
            "columns stand in another order: {} (of those that are read: {}); they are found by \
             their names",
            names(&moved),
            names(&ours)
        )
    };
    find(Severity::Info, "moved", &moved, note);
    out
}

fn names(all: &[&str]) -> String {
    let shown = all.iter().take(NAMES_MAX).map(|name| name_shown(name));
    let shown: Vec<String> = shown.collect();
    let more = all.len().saturating_sub(NAMES_MAX);
    if more > 0 {
        format!("{} and {more} more", shown.join(", "))
    } else {
        shown.join(", ")
    }
}

/// A name of a column. What is too long to be one may be a value: its shape then.
fn name_shown(name: &str) -> String {
    if name.chars().count() > 64 || name.contains('@') {
        crate::model::text_shape(name)
    } else {
        format!("`{name}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(names: &[&str]) -> Vec<String> {
        names.iter().map(|it| (*it).to_owned()).collect()
    }

    /// Of 100 rows, how many have a city, and how many different ones.
    fn city(filled: u32, distinct: u32) -> Profile {
        let header = texts(&["Id", "City", "Phone"]);
        let mut profiler = Profiler::new(&header, &header[..2]);
        for row in 0..100 {
            let id = row.to_string();
            let city = if row < filled {
                format!("City {}", row % distinct)
            } else {
                String::new()
            };
            profiler.row([id.as_str(), city.as_str()].into_iter());
        }
        profiler.finish()
    }

    fn tripped(now: &Profile, before: &Profile) -> Vec<(String, f64)> {
        let limits = Gates::default();
        let all = gates(&limits, now, before).into_iter();
        all.filter(|it| it.tripped)
            .map(|it| (it.name, it.counted))
            .collect()
    }

    #[test]
    fn rows_and_values_are_counted() {
        let profile = city(90, 7);
        assert_eq!((profile.rows, profile.columns.len()), (100, 2));
        assert_eq!(profile.columns[0].distinct, Some(100));
        let expected = Column {
            name: "City".to_owned(),
            filled: 90,
            distinct: Some(7),
        };
        assert_eq!(profile.columns[1], expected);
        let header = texts(&["Id"]);
        let mut many = Profiler::new(&header, &header);
        for row in 0..=DISTINCT_MAX {
            many.row([row.to_string().as_str()].into_iter());
        }
        let one = &many.finish().columns[0];
        assert_eq!((one.filled, one.distinct), (257, None));
    }

    /// A file without a header has values there: what is too long for a name, or is an address, is not shown.
    #[test]
    fn a_value_in_the_header_is_not_shown() {
        let (name, value) = ("x".repeat(64), "x".repeat(65));
        assert_eq!(name_shown(&name), format!("`{name}`"));
        for value in [value.as_str(), &"y".repeat(90), "mira@north.example"] {
            let shown = name_shown(value);
            assert!(!shown.contains(value), "{shown}");
        }
    }

    /// The limit is 5 points, and more than 3 rows.
    #[test]
    fn a_column_that_runs_empty_parks_the_file() {
        for (filled, before, expected) in [
            (90, 90, None),
            (85, 90, None),
            (84, 90, Some(6.0)),
            (60, 90, Some(30.0)),
            (100, 94, Some(6.0)),
            (0, 90, Some(90.0)),
        ] {
            let found = tripped(&city(filled, 5), &city(before, 5));
            let expected: Vec<(String, f64)> = expected
                .map(|by| (FILL.to_owned(), by))
                .into_iter()
                .collect();
            assert_eq!(found, expected, "{before} before, {filled} now");
        }
        // Three of twelve rows are 25 points, and three people.
        let small = |filled| {
            let mut profile = city(100, 5);
            profile.rows = 12;
            profile.columns[1].filled = filled;
            profile
        };
        assert!(tripped(&small(9), &small(12)).is_empty());
        assert_eq!(tripped(&small(8), &small(12)), [(FILL.to_owned(), 33.33)]);
    }

    /// The limit is 50 % of the larger number, and nothing below ten values is judged.
    #[test]
    fn a_vocabulary_that_collapses_parks_the_file() {
        for (now, before, expected) in [
            (20, 40, None),
            (19, 40, Some(52.5)),
            (1, 40, Some(97.5)),
            (40, 15, Some(62.5)),
            (1, 9, None),
            (4, 10, Some(60.0)),
        ] {
            let found = tripped(&city(100, now), &city(100, before));
            let expected: Vec<(String, f64)> = expected
                .map(|by| (DISTINCT.to_owned(), by))
                .into_iter()
                .collect();
            assert_eq!(found, expected, "{before} before, {now} now");
        }
        // More than can be counted, before and now: nobody knows.
        let mut endless = city(100, 40);
        endless.columns[1].distinct = None;
        assert!(tripped(&endless, &endless).is_empty());
        assert_eq!(
            tripped(&city(100, 40), &endless),
            [(DISTINCT.to_owned(), 84.44)],
            "217 of at least 257 are gone"
        );
    }

    #[test]
    fn the_worst_column_is_named_and_the_others_are_told() {
        let header = texts(&["A", "B", "C"]);
        let of = |fill: [u32; 3]| Profile {
            header: header.clone(),
            rows: 100,
            columns: header
                .iter()
                .zip(fill)
                .map(|(name, filled)| Column {
                    name: name.clone(),
                    filled,
                    distinct: Some(2),
                })
                .collect(),
        };
        let all = gates(&Gates::default(), &of([70, 50, 99]), &of([100, 100, 100]));
        let fill = &all[0];
        assert_eq!(fill.name, FILL);
        assert!(fill.tripped);
        assert_eq!(
            fill.why,
            "column `B` is filled in 50.0 % of 100 rows, in 100.0 % of the last accepted full file \
             (50.0 points); so are `A`"
        );
    }

    fn drift(now: &[&str], before: &[&str]) -> Vec<String> {
        let of = |header: &[&str]| Profile {
            header: texts(header),
            rows: 1,
            columns: vec![Column {
                name: "Id".to_owned(),
                filled: 1,
                distinct: Some(1),
            }],
        };
        let found = header_drift(&of(now), &of(before)).into_iter();
        found
            .map(|it| format!("{} {}", it.arg("what").unwrap(), it.note))
            .collect()
    }

    #[test]
    fn a_header_that_changes_is_told_and_holds_nothing() {
        assert!(drift(&["Id", "City"], &["Id", "City"]).is_empty());
        assert!(drift(&["Id"], &[]).is_empty(), "a store of before has none");
        let found = drift(&["City", "Id", "Team"], &["Id", "City", "Fax"]);
        assert_eq!(
            found,
            [
                "added the file has columns that it had not before: `Team`",
                "removed columns are gone that nothing reads: `Fax`; a rule that is to read them \
                 will refuse the file",
                "moved columns stand in another order: `City`, `Id` (of those that are read: \
                 `Id`); they are found by their names",
            ]
        );
        let odd = drift(&["Id", "anna@x.example"], &["Id"]);
        assert!(!odd[0].contains("anna"), "{odd:?}");
    }
}
