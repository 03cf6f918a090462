//! One column while its values come by.
//!
//! Invariant: values are kept only while they may be a code list (30 at most); of everything else there are counts
//! and shapes.

use std::collections::BTreeMap;

use super::Cell;
use super::column::{CODES_MAX, Code, Column, Kind, Shape};
use super::days::{self, Days, Order, Tally};
use super::doubts::{Doubt, DoubtKind};
use super::kinds::{self, Look, Point};
use super::sketch::{Repeats, Sketch};
use crate::model::text_shape;

/// Characters of a code.
const CODE_CHARS: usize = 64;
/// Rows of which shapes are taken.
const SHAPED: u64 = 512;
/// Shapes that are kept, and those that are told.
const SHAPES_MAX: usize = 32;
const SHAPES_TOLD: usize = 3;
/// Digits that a spreadsheet keeps of a number.
const SPREADSHEET_DIGITS: usize = 15;
/// Lengths of digits that are told apart.
const LENGTHS: usize = 24;
/// Characters of a key's pattern.
const PATTERN_CHARS: usize = 32;
/// Domains of mail addresses that are counted.
const DOMAINS_MAX: usize = 64;
/// Of the values so many make out what a column is.
const MOST: f64 = 0.9;

/// Counts of what values are.
#[derive(Debug, Clone, Copy, Default)]
struct Looks {
    missing: u64,
    day: u64,
    digits: u64,
    serial: u64,
    decimal: u64,
    dot: u64,
    comma: u64,
    scientific: u64,
    boolean: u64,
    email: u64,
    url: u64,
    country: u64,
    zone: u64,
    phone: u64,
}

/// What is odd about values.
#[derive(Debug, Clone, Copy, Default)]
struct Odd {
    spaces: u64,
    no_break: u64,
    control: u64,
    mojibake: u64,
    formula: u64,
    damaged: u64,
}

/// What all values so far look like.
#[derive(Debug, Clone)]
enum Pattern {
    /// There was none yet.
    Open,
    Of(Vec<char>),
    None,
}

impl Pattern {
    fn add(&mut self, text: &str) {
        match self {
            Self::None => {}
            Self::Open => {
                let plain = |c: char| c.is_ascii_alphanumeric() || "-_./ ".contains(c);
                *self = if text.len() <= PATTERN_CHARS && text.chars().all(plain) {
                    let mask = |c: char| if c.is_ascii_digit() { '#' } else { c };
                    Self::Of(text.chars().map(mask).collect())
                } else {
                    Self::None
                };
            }
            Self::Of(mask) => {
                let fits = text.len() == mask.len()
                    && mask.iter_mut().zip(text.chars()).all(|(wanted, c)| {
                        if c.is_ascii_digit() {
                            return *wanted == '#';
                        }
                        if *wanted == c {
                            return true;
                        }
                        let letters = (wanted.is_ascii_alphabetic() || *wanted == '@')
                            && c.is_ascii_alphabetic();
                        *wanted = if letters { '@' } else { *wanted };
                        letters
                    });
                if !fits {
                    *self = Self::None;
                }
            }
        }
    }

    fn finish(self) -> Option<String> {
        match self {
            Self::Of(mask) if mask.contains(&'#') => Some(mask.into_iter().collect()),
            Self::Of(_) | Self::Open | Self::None => None,
        }
    }
}

/// A column while the rows come by.
#[derive(Debug, Clone)]
pub(super) struct Counting {
    name: String,
    filled: u64,
    sketch: Sketch,
    /// Values and their rows, while they are few.
    codes: Option<BTreeMap<String, u64>>,
    repeats: Option<Repeats>,
    shapes: BTreeMap<String, u64>,
    shaped: u64,
    looks: Looks,
    odd: Odd,
    pub(super) days: Tally,
    /// Digits by their length: all, and those that begin with 0.
    lengths: [(u64, u64); LENGTHS],
    pattern: Pattern,
    shortest: u32,
    longest: u32,
    spaced: u64,
    foreign: u64,
    domains: BTreeMap<String, u64>,
}

impl Counting {
    /// `distinct_max` values are counted exactly; `names_workers`: so are repeated ones.
    pub(super) fn new(name: &str, distinct_max: usize, names_workers: bool) -> Self {
        Self {
            name: name.to_owned(),
            filled: 0,
            sketch: Sketch::new(distinct_max),
            codes: Some(BTreeMap::new()),
            repeats: names_workers.then(Repeats::default),
            shapes: BTreeMap::new(),
            shaped: 0,
            looks: Looks::default(),
            odd: Odd::default(),
            days: Tally::default(),
            lengths: [(0, 0); LENGTHS],
            pattern: Pattern::Open,
            shortest: u32::MAX,
            longest: 0,
            spaced: 0,
            foreign: 0,
            domains: BTreeMap::new(),
        }
    }

    /// One value, and the hash of it.
    pub(super) fn add(&mut self, cell: &Cell<'_>, hash: u64) {
        self.odd_outside(cell);
        let text = cell.text.as_ref();
        if text.is_empty() {
            return;
        }
        self.filled += 1;
        let look = kinds::look(text);
        if look == Look::Missing {
            self.looks.missing += 1;
            return;
        }
        self.sketch.add(hash);
        if let Some(repeats) = &mut self.repeats {
            repeats.add(hash);
        }
        self.code(text);
        let chars = if text.is_ascii() {
            text.len()
        } else {
            text.chars().count()
        };
        let chars = u32::try_from(chars).unwrap_or(u32::MAX);
        self.shortest = self.shortest.min(chars);
        self.longest = self.longest.max(chars);
        self.pattern.add(text);
        if self.shaped < SHAPED {
            self.shaped += 1;
            let shape = text_shape(text);
            if self.shapes.contains_key(&shape) || self.shapes.len() < SHAPES_MAX {
                *self.shapes.entry(shape).or_default() += 1;
            }
        }
        self.look(look, text);
        self.odd_inside(text);
    }

    fn code(&mut self, text: &str) {
        let Some(codes) = &mut self.codes else { return };
        if let Some(rows) = codes.get_mut(text) {
            *rows += 1;
        } else if codes.len() < CODES_MAX && text.len() <= 4 * CODE_CHARS {
            codes.insert(text.to_owned(), 1);
        } else {
            self.codes = None;
        }
    }

    fn look(&mut self, look: Look, text: &str) {
        let looks = &mut self.looks;
        match look {
            Look::Missing => looks.missing += 1,
            Look::NoDay => {
                looks.day += 1;
                self.days.add_none(text);
            }
            Look::Day(day) => {
                looks.day += 1;
                self.days.add(day);
            }
            Look::Digits => {
                looks.digits += 1;
                let length = text.len().min(LENGTHS) - 1;
                self.lengths[length].0 += 1;
                self.lengths[length].1 += u64::from(text.starts_with('0'));
                let serial = text.len() == 5 && (b'1'..=b'7').contains(&text.as_bytes()[0]);
                looks.serial += u64::from(serial);
                let rounded = text.len() > SPREADSHEET_DIGITS
                    && text.as_bytes()[SPREADSHEET_DIGITS..]
                        .iter()
                        .all(|b| *b == b'0');
                self.odd.damaged += u64::from(rounded);
                if let Some(day) = days::day(text) {
                    self.days.add(day);
                }
            }
            Look::Decimal(point) => {
                looks.decimal += 1;
                looks.dot += u64::from(point == Some(Point::Dot));
                looks.comma += u64::from(point == Some(Point::Comma));
            }
            Look::Scientific => looks.scientific += 1,
            Look::Boolean => looks.boolean += 1,
            Look::Email => {
                looks.email += 1;
                let domain = text.rsplit('@').next().unwrap_or_default().to_lowercase();
                if self.domains.contains_key(&domain) || self.domains.len() < DOMAINS_MAX {
                    *self.domains.entry(domain).or_default() += 1;
                }
            }
            Look::Url => looks.url += 1,
            Look::Country => looks.country += 1,
            Look::Zone => looks.zone += 1,
            Look::Phone => looks.phone += 1,
            Look::Text => {}
        }
    }

    fn odd_outside(&mut self, cell: &Cell<'_>) {
        if cell.raw.len() == cell.text.len() {
            return;
        }
        // A line end of two characters leaves its first one behind.
        let raw = cell.raw.strip_suffix('\r').unwrap_or(cell.raw);
        if raw.contains(['\u{a0}', '\u{202f}', '\u{2007}']) {
            self.odd.no_break += 1;
        } else if !cell.text.is_empty() && raw.trim().len() < raw.len() {
            self.odd.spaces += 1;
        }
    }

    fn odd_inside(&mut self, text: &str) {
        let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r');
        self.odd.control += u64::from(text.chars().any(control));
        self.odd.mojibake += u64::from(kinds::is_mojibake(text));
        self.odd.formula += u64::from(kinds::is_formula(text));
        self.spaced += u64::from(text.contains([' ', ',']));
        if !text.is_ascii() {
            let foreign = |c: char| {
                c.is_alphabetic() && c > '\u{24f}' && !matches!(c, '\u{1e00}'..='\u{1eff}')
            };
            self.foreign += u64::from(text.chars().any(foreign));
        }
    }

    /// What kind the column is, and the share of values that are.
    fn kind(&self) -> (Kind, f64) {
        let looks = self.looks;
        let said = self.filled - looks.missing;
        if said == 0 {
            return (Kind::Empty, 1.0);
        }
        let share = |rows: u64| rows as f64 / said as f64;
        let compact = self.days.rows_compact() == looks.digits && looks.digits > 0;
        let days = looks.day + if compact { looks.digits } else { 0 };
        let decimal = if looks.comma > looks.dot {
            Kind::DecimalComma
        } else {
            Kind::DecimalPoint
        };
        let numbers = if looks.decimal > 0 {
            looks.decimal + looks.digits
        } else {
            0
        };
        let candidates = [
            (Kind::Day, days),
            (Kind::Digits, looks.digits + looks.scientific),
            (decimal, numbers),
            (Kind::Boolean, looks.boolean),
            (Kind::Email, looks.email),
            (Kind::Url, looks.url),
            (Kind::Country, looks.country),
            (Kind::Zone, looks.zone),
            (Kind::Phone, looks.phone),
        ];
        // Of days a minority may be broken; who mixes forms still means days.
        let enough = |kind: Kind| if kind == Kind::Day { 0.5 } else { MOST };
        let fits = candidates
            .into_iter()
            .find(|(kind, rows)| *rows > 0 && share(*rows) >= enough(*kind));
        let (kind, rows) = fits.unwrap_or((Kind::Text, said));
        // Telephone numbers come with and without anything between the digits.
        let phones = looks.phone + looks.digits;
        if kind == Kind::Text && looks.phone > 0 && share(phones) >= MOST {
            return (Kind::Phone, share(phones));
        }
        (kind, share(rows))
    }

    /// What it came to. `rows` are those of the table, `others` the order of days that other columns prove;
    /// `may_show`: its values may be given out if they are a code list.
    pub(super) fn finish(
        self,
        rows: u64,
        others: &dyn Fn(u8) -> Option<Order>,
        may_show: MayShow,
    ) -> Column {
        let (kind, share) = self.kind();
        let said = self.filled - self.looks.missing;
        let (distinct, distinct_exact) = self.sketch.distinct();
        let is_day = kind == Kind::Day;
        let days = is_day.then(|| self.days.clone().finish(others)).flatten();
        let few: Vec<Code> = self
            .codes
            .iter()
            .flatten()
            .map(|(value, rows)| Code {
                value: value.clone(),
                rows: *rows,
            })
            .collect();
        let mut few = few;
        few.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.value.cmp(&b.value)));
        let codes = self.codes.is_some()
            && match kind {
                Kind::Text | Kind::Boolean | Kind::Country | Kind::Zone | Kind::Digits => true,
                Kind::Empty
                | Kind::DecimalPoint
                | Kind::DecimalComma
                | Kind::Day
                | Kind::Email
                | Kind::Phone
                | Kind::Url => false,
            };
        let short = few
            .iter()
            .all(|code| code.value.chars().count() <= CODE_CHARS);
        let listed = codes && short && may_show.shows(said, distinct, kind);
        let mut shapes: Vec<Shape> = self
            .shapes
            .iter()
            .map(|(shape, rows)| Shape {
                shape: shape.clone(),
                rows: *rows,
            })
            .collect();
        shapes.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.shape.cmp(&b.shape)));
        shapes.truncate(SHAPES_TOLD);
        let doubts = self.doubts(rows, (kind, said, distinct), days.as_ref());
        let counted = self.repeats.as_ref().map(Repeats::counted);
        let mut domains: Vec<(String, u64)> = self.domains.into_iter().collect();
        domains.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Column {
            name: self.name,
            filled: self.filled,
            missing: self.looks.missing,
            distinct,
            distinct_exact,
            kind,
            share,
            shortest: if said == 0 { 0 } else { self.shortest },
            longest: self.longest,
            days,
            values: if listed { few.clone() } else { Vec::new() },
            shapes: if listed || said == 0 {
                Vec::new()
            } else {
                shapes
            },
            pattern: self.pattern.finish(),
            again: counted.map(|it| it.0),
            several: counted.map(|it| it.1),
            doubts,
            few,
            sketch: self.sketch,
            spaced: self.spaced,
            foreign: self.foreign,
            countries: self.looks.country,
            domains,
        }
    }

    fn doubts(
        &self,
        rows: u64,
        (kind, said, distinct): (Kind, u64, u64),
        days: Option<&Days>,
    ) -> Vec<Doubt> {
        let (looks, odd) = (self.looks, self.odd);
        let mut out = Vec::new();
        let mut tell = |kind, rows: u64, note: String| {
            if rows > 0 {
                out.push(Doubt { kind, rows, note });
            }
        };
        let note = |text: &str| text.to_owned();
        tell(
            DoubtKind::MissingWord,
            looks.missing,
            note("a word stands for nothing (NULL, N/A, -); it is a value to a mapping"),
        );
        tell(
            DoubtKind::ScientificNotation,
            looks.scientific,
            note("a spreadsheet rounded a long number; export it as text"),
        );
        tell(
            DoubtKind::LongNumber,
            odd.damaged,
            note("over 15 digits that end in zeros: a spreadsheet may have cut them off"),
        );
        let (lost, length) = self.zeros_lost();
        if matches!(kind, Kind::Digits | Kind::Text | Kind::Phone) {
            tell(
                DoubtKind::ZerosLost,
                lost,
                format!(
                    "shorter than {length} digits, while others have {length} and begin with 0: a spreadsheet may have dropped zeros"
                ),
            );
        }
        tell(
            DoubtKind::SpacesAround,
            odd.spaces,
            note("spaces around the value; it is taken without them"),
        );
        tell(
            DoubtKind::NoBreakSpace,
            odd.no_break,
            note("no-break spaces; they are taken as spaces"),
        );
        tell(
            DoubtKind::ControlCharacter,
            odd.control,
            note("characters that nobody sees"),
        );
        tell(
            DoubtKind::Mojibake,
            odd.mojibake,
            note("text that was read in a wrong encoding before it was exported"),
        );
        tell(
            DoubtKind::Formula,
            odd.formula,
            note("begins like a formula: whoever opens it in a spreadsheet may run it"),
        );
        if let Some(days) = days {
            let other = days.rows - days.of_form;
            tell(
                DoubtKind::MixedDates,
                other,
                format!(
                    "{} ways to write days; these rows have not the most frequent one",
                    days.forms
                ),
            );
            if days.both_orders {
                tell(
                    DoubtKind::MixedDates,
                    days.of_form,
                    note("some can only be day first, some only month first"),
                );
            } else if !days.ambiguous.is_empty() {
                tell(
                    DoubtKind::AmbiguousDates,
                    days.of_form,
                    note("nothing tells day from month: no number is above 12"),
                );
            }
            tell(
                DoubtKind::NoSuchDay,
                days.not_there,
                note("no such day in the calendar"),
            );
            tell(
                DoubtKind::SentinelDate,
                days.open.values().sum(),
                note("stands for no day, or for one that nobody knows"),
            );
            tell(
                DoubtKind::SerialNumber,
                looks.serial,
                note("looks like a spreadsheet's number of a day"),
            );
            let known = looks.day + looks.serial + self.days.rows_compact();
            let others = said.saturating_sub(known);
            tell(DoubtKind::NoDay, others, note("no day at all"));
        }
        if said == 0 && rows > 0 {
            tell(DoubtKind::Empty, rows, note("the column is empty"));
        } else if distinct == 1 && said == rows && rows > 1 {
            tell(
                DoubtKind::Constant,
                rows,
                note("every row has the same value"),
            );
        }
        out
    }

    /// Rows with digits that are shorter than those of the longest that begin with 0; that length.
    fn zeros_lost(&self) -> (u64, usize) {
        let padded = (0..LENGTHS)
            .rev()
            .find(|at| self.lengths[*at].1 > 0 && *at > 0);
        let Some(padded) = padded else { return (0, 0) };
        let shorter = self.lengths[..padded]
            .iter()
            .map(|(all, zero)| all - zero)
            .sum();
        (shorter, padded + 1)
    }
}

/// Whether values of a column may be given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MayShow {
    /// It is personal, whatever it looks like.
    Never,
    /// If each value stands in several rows.
    IfRepeated,
    /// Its name says that it is a list of codes.
    Codes,
}

impl MayShow {
    fn shows(self, said: u64, distinct: u64, kind: Kind) -> bool {
        match self {
            Self::Never => false,
            Self::Codes => distinct > 0,
            // A number that stands in several rows may still be somebody's.
            Self::IfRepeated => {
                kind != Kind::Digits && distinct > 0 && said >= 5 * distinct && said >= 20
            }
        }
    }
}
