//! How well what stands in a column fits what its name says.
//!
//! Invariant: counts decide; a reason names columns and forms, no values.

use super::choosing::{Choosing, says};
use super::column::{Column, Kind};
use super::names::Part;
use super::words;

/// How well values fit a part, from 0 to 1, and what of it is worth saying.
pub(super) struct Fit {
    pub(super) share: f64,
    pub(super) says: String,
}

fn fit(share: f64, says: impl Into<String>) -> Fit {
    Fit {
        share,
        says: says.into(),
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

impl Choosing<'_> {
    /// How well what stands in a column fits a part.
    pub(super) fn fits(&self, part: Part, at: usize) -> Fit {
        let column = self.column(at);
        let rows = self.survey.rows.max(1) as f64;
        let filled = column.said() as f64 / rows;
        let is = |kinds: &[Kind]| kinds.contains(&column.kind);
        let empty = fit(0.65, "empty so far");
        match part {
            Part::Key => {
                let kind = match column.kind {
                    Kind::Digits | Kind::Text => 1.0,
                    Kind::Phone | Kind::DecimalPoint => 0.8,
                    Kind::Empty | Kind::Day | Kind::Boolean => 0.0,
                    Kind::DecimalComma | Kind::Email | Kind::Country | Kind::Zone | Kind::Url => {
                        0.4
                    }
                };
                let unique = column.uniqueness();
                let alone = if unique > 0.97 {
                    1.0
                } else if unique >= 0.5 {
                    0.8
                } else {
                    0.4
                };
                let says = format!(
                    "filled in {}, {} distinct",
                    percent(filled),
                    counted(column)
                );
                fit(kind * alone * (0.3 + 0.7 * filled), says)
            }
            Part::Status => {
                if column.kind == Kind::Empty || column.few.is_empty() {
                    return fit(0.1, "no code list");
                }
                let known = column
                    .few
                    .iter()
                    .filter(|code| says(column, &code.value).is_some())
                    .count();
                let says = format!("{known} of {} values are known words", column.few.len());
                fit(if known > 0 { 1.0 } else { 0.6 }, says)
            }
            Part::Manager => self.fits_manager(column),
            Part::HireDate | Part::LastDay | Part::TerminationDate => {
                match (column.kind, &column.days) {
                    (Kind::Day, Some(days)) if days.format.is_some() => {
                        let form = days.format.as_deref().unwrap_or_default();
                        // Values that stand for no day are of no form.
                        let none: u64 = days.open.values().sum();
                        let of_form =
                            days.of_form as f64 / column.said().saturating_sub(none).max(1) as f64;
                        let says =
                            format!("days as `{form}` in {} of the values", percent(of_form));
                        let points = if of_form < 0.5 {
                            0.55
                        } else if of_form < 0.95 || days.by_others || days.short_year {
                            0.84
                        } else {
                            1.0
                        };
                        fit(points, says)
                    }
                    (Kind::Day, Some(days)) if days.both_orders => fit(
                        0.55,
                        "some days can only be day first, some only month first",
                    ),
                    (Kind::Day, Some(days)) if !days.ambiguous.is_empty() => {
                        fit(0.55, "nothing tells day from month: no number is above 12")
                    }
                    (Kind::Day, _) => fit(0.55, "every value stands for no day"),
                    (Kind::Empty, _) => {
                        fit(0.5, "empty so far: nobody knows how its days are written")
                    }
                    (kind, _) => fit(0.2, format!("{}, no days", kind.words())),
                }
            }
            Part::Person => fit(
                if filled > 0.99 { 1.0 } else { 0.5 },
                format!("filled in {}", percent(filled)),
            ),
            Part::TimeZone if is(&[Kind::Zone]) => fit(1.0, "time zones of the IANA database"),
            Part::TimeZone => fit(0.3, "no time zones of the IANA database"),
            Part::Country if is(&[Kind::Country]) => fit(1.0, "two letters of ISO 3166-1"),
            Part::Country if is(&[Kind::Text]) => fit(0.8, "no codes of two letters"),
            Part::Country if is(&[Kind::Empty]) => empty,
            Part::Country => fit(0.2, column.kind.words()),
            Part::Email => fit(
                if column.kind == Kind::Email { 1.0 } else { 0.2 },
                column.kind.words(),
            ),
            Part::BusinessPhones | Part::MobilePhone | Part::FaxNumber => {
                if is(&[Kind::Phone, Kind::Digits, Kind::Text]) {
                    fit(1.0, column.kind.words())
                } else if is(&[Kind::Empty]) {
                    empty
                } else {
                    fit(0.3, column.kind.words())
                }
            }
            Part::JobTitle
                if !column.few.is_empty()
                    && column.few.iter().all(|it| words::is_address(&it.value)) =>
            {
                fit(0.1, "forms of address")
            }
            Part::GivenName | Part::Surname | Part::DisplayName => {
                if is(&[Kind::Text, Kind::Boolean, Kind::Country]) {
                    fit(1.0, format!("filled in {}", percent(filled)))
                } else {
                    fit(0.2, column.kind.words())
                }
            }
            Part::JobTitle
            | Part::Department
            | Part::CompanyName
            | Part::OfficeLocation
            | Part::EmployeeType
            | Part::Division
            | Part::CostCenter
            | Part::StreetAddress
            | Part::City
            | Part::State
            | Part::PostalCode
            | Part::PreferredLanguage
            | Part::Login
            | Part::Private => {
                if is(&[Kind::Day, Kind::Email, Kind::Url]) {
                    fit(0.3, column.kind.words())
                } else if is(&[Kind::Empty]) {
                    empty
                } else {
                    fit(1.0, format!("filled in {}", percent(filled)))
                }
            }
        }
    }

    fn fits_manager(&self, column: &Column) -> Fit {
        let Some(key) = self.key.map(|at| self.column(at)) else {
            return fit(0.5, "nobody knows the key");
        };
        match column.sketch.within(&key.sketch) {
            None => fit(0.62, "empty so far"),
            Some(share) => {
                let says = format!(
                    "{} of its values are keys in `{}`",
                    percent(share),
                    key.name
                );
                let points = if share >= 0.9 {
                    1.0
                } else if share >= 0.5 {
                    0.8
                } else {
                    0.3
                };
                fit(points, says)
            }
        }
    }
}

fn counted(column: &Column) -> String {
    let about = if column.distinct_exact { "" } else { "about " };
    format!("{about}{}", column.distinct)
}
