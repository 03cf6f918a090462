//! Choosing columns: by their names first, then by what stands in those without a telling one.
//!
//! Invariant: a column is taken for one thing, and a thing is one column.

use super::column::{Code, Column, Kind};
use super::doubts::{Doubt, DoubtKind};
use super::names::{self, Part};
use super::propose::{Choice, Confidence, ORDER, StatusWords};
use super::words::{self, Says};
use super::{Survey, header};

/// From so many points on a choice is sure, and likely; below the last nobody is asked.
const SURE: f64 = 85.0;
const LIKELY: f64 = 60.0;
const WORTH_A_WORD: f64 = 25.0;

/// A choice under way.
pub(super) struct Choosing<'a> {
    pub(super) survey: &'a Survey,
    header: Vec<String>,
    pub(super) key: Option<usize>,
    /// What each column is taken for.
    taken: Vec<Option<Part>>,
    pub(super) look_at: Vec<String>,
}

impl<'a> Choosing<'a> {
    pub(super) fn new(survey: &'a Survey) -> Self {
        Self {
            survey,
            header: survey.columns.iter().map(|it| it.name.clone()).collect(),
            key: None,
            taken: vec![None; survey.columns.len()],
            look_at: Vec::new(),
        }
    }

    pub(super) fn column(&self, at: usize) -> &Column {
        &self.survey.columns[at]
    }

    /// The key comes first: what managers are depends on it.
    pub(super) fn key(&mut self) {
        let named = names::likely(&self.header, Part::Key, self.header.len());
        let fits = named
            .into_iter()
            .filter(|at| names::best(&self.header[*at]).is_some_and(|it| it.part == Part::Key));
        let scored = fits.map(|at| {
            let weight = names::best(&self.header[at]).map_or(0, |it| it.weight);
            (f64::from(weight) * self.fits(Part::Key, at).share, at)
        });
        let best = scored.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        let unnamed = || {
            let mut all = 0..self.survey.columns.len();
            all.find(|at| {
                let column = self.column(*at);
                let id = matches!(column.kind, Kind::Digits | Kind::Text)
                    && column.longest <= 32
                    && column.spaced == 0
                    && names::best(&column.name).is_none_or(|it| it.part == Part::Login);
                id && header::is_usable(&self.header, &column.name)
                    && column.said() == self.survey.rows
                    && column.uniqueness() > 0.99
            })
        };
        self.key = best
            .filter(|(score, _)| *score >= WORTH_A_WORD)
            .map(|(_, at)| at)
            .or_else(unnamed);
        if let Some(at) = self.key {
            self.taken[at] = Some(Part::Key);
        }
    }

    /// Columns whose names say something, best first; each column and each part once.
    pub(super) fn by_name(&mut self) -> Vec<Choice> {
        let mut scored = Vec::new();
        for at in 0..self.header.len() {
            let Some(said) = names::best(&self.header[at]) else {
                continue;
            };
            let fits = self.fits(said.part, at);
            scored.push((
                f64::from(said.weight) * fits.share,
                said.part,
                at,
                fits.says,
            ));
        }
        if let Some(at) = self
            .key
            .filter(|at| names::best(&self.header[*at]).is_none_or(|it| it.part != Part::Key))
        {
            let says = "no column is called so; it is the first that is filled everywhere and different in every row";
            scored.push((40.0, Part::Key, at, says.to_owned()));
        }
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.2.cmp(&b.2)));
        let mut out: Vec<Choice> = Vec::new();
        for (score, part, at, says) in scored {
            if part == Part::Key && self.key != Some(at) {
                continue;
            }
            let Some((_, writes)) = ORDER.iter().find(|(it, _)| *it == part) else {
                self.taken[at] = self.taken[at].or(Some(part));
                continue;
            };
            if score < WORTH_A_WORD {
                continue;
            }
            if let Some(chosen) = out.iter_mut().find(|it| it.part == part) {
                // `First Name` beside `Legal First Name`: one of them is meant.
                chosen.reason = format!(
                    "{}; `{}` might be meant as well",
                    chosen.reason, self.header[at]
                );
                continue;
            }
            self.taken[at] = Some(part);
            out.push(self.choice(part, writes, at, score, says));
        }
        out
    }

    fn choice(
        &self,
        part: Part,
        writes: &'static str,
        at: usize,
        score: f64,
        says: String,
    ) -> Choice {
        let mut confidence = if score >= SURE {
            Confidence::Sure
        } else if score >= LIKELY {
            Confidence::Likely
        } else {
            Confidence::Unsure
        };
        let mut reason = says;
        let column = self.column(at);
        let mut lower = |to: Confidence, why: &str| {
            confidence = confidence.min(to);
            reason = format!("{reason}; {why}");
        };
        if header::is_double(&self.header, &column.name) {
            lower(
                Confidence::Unsure,
                "the name stands in the header more than once: rename one of them",
            );
        }
        if let Some((to, why)) = self.qualm(part, column) {
            lower(to, &why);
        }
        // Without these two there is no mapping at all.
        let needed = matches!(part, Part::Key | Part::Status);
        let usable = header::is_usable(&self.header, &column.name);
        Choice {
            part,
            writes,
            column: column.name.clone(),
            written: (confidence > Confidence::Unsure || needed) && usable,
            confidence,
            reason,
        }
    }

    /// What speaks against a column although name and values agree.
    fn qualm(&self, part: Part, column: &Column) -> Option<(Confidence, String)> {
        let unsure = |why: &str| Some((Confidence::Unsure, why.to_owned()));
        let as_different = || {
            self.key
                .is_some_and(|key| self.column(key).distinct <= column.distinct)
        };
        if matches!(part, Part::StreetAddress | Part::PostalCode) {
            return unsure(
                "it may be where people live: nobody's business in the directory; take it if it is the office's",
            );
        }
        if part == Part::MobilePhone && !is_of_work(&column.name) {
            return unsure("it may be a private number; take it if it is the company's");
        }
        if part == Part::PreferredLanguage && column.longest > 6 {
            return unsure("the directory takes codes like de or de-CH");
        }
        if part == Part::Person && as_different() {
            return unsure(
                "it is as different as the key, so nobody has several employments by it",
            );
        }
        let several = column.several.filter(|it| part == Part::Key && *it > 0)?;
        let rows = several + column.again.unwrap_or(0);
        let why = format!(
            "{several} keys stand in several rows ({rows} rows): those whose rows differ are held"
        );
        Some((Confidence::Likely, why))
    }

    /// `Name` beside `Vorname` is the family name; `Name` alone is all of it.
    pub(super) fn names(&mut self, choices: &mut [Choice]) {
        let has = |part: Part| choices.iter().any(|it| it.part == part);
        if !has(Part::GivenName) || has(Part::Surname) {
            return;
        }
        let whole = ["name", "naam", "namn", "navn", "nom"];
        let Some(choice) = choices.iter_mut().find(|it| it.part == Part::DisplayName) else {
            return;
        };
        let Some(column) = self
            .survey
            .columns
            .iter()
            .find(|it| it.name == choice.column)
        else {
            return;
        };
        if whole.contains(&names::folded(&choice.column).as_str())
            && column.spaced * 2 < column.said()
        {
            choice.part = Part::Surname;
            choice.writes = "surname";
            choice.confidence = choice.confidence.min(Confidence::Likely);
            "beside a column of given names, and hardly any value has a space or comma"
                .clone_into(&mut choice.reason);
        }
    }

    /// Columns without a telling name whose values say what they are.
    pub(super) fn without_names(&mut self, choices: &mut Vec<Choice>) {
        let free: Vec<usize> = (0..self.taken.len())
            .filter(|at| self.taken[*at].is_none())
            .collect();
        let has = |choices: &[Choice], part: Part| choices.iter().any(|it| it.part == part);
        if !has(choices, Part::Status) {
            let words = free.iter().copied().find(|at| {
                let few = &self.column(*at).few;
                let known = few
                    .iter()
                    .filter(|code| words::says(&code.value).is_some() && code.value.len() > 1)
                    .count();
                known > 0 && known * 2 >= few.len()
            });
            if let Some(at) = words {
                let says = "no column is called so; at least half of its values say whether somebody is in force";
                choices.push(self.choice(
                    Part::Status,
                    "worker.status",
                    at,
                    LIKELY,
                    says.to_owned(),
                ));
                self.taken[at] = Some(Part::Status);
            }
        }
        let Some(key) = self.key.filter(|_| !has(choices, Part::Manager)) else {
            return;
        };
        let key = self.column(key);
        let holds_keys = free.iter().copied().find(|at| {
            let column = self.column(*at);
            self.taken[*at].is_none()
                && column.distinct > 1
                && column.distinct * 2 <= key.distinct
                && column
                    .sketch
                    .within(&key.sketch)
                    .is_some_and(|share| share >= 0.95)
        });
        if let Some(at) = holds_keys {
            let says = format!(
                "no column is called so; its values are keys in `{}`",
                key.name
            );
            choices.push(self.choice(Part::Manager, "worker.manager", at, 50.0, says));
        }
    }

    /// The end of the employment is the last day of work where nothing else is.
    pub(super) fn last_day(choices: &mut [Choice]) {
        if choices
            .iter()
            .any(|it| it.part == Part::LastDay && it.written)
        {
            return;
        }
        if let Some(choice) = choices
            .iter_mut()
            .find(|it| it.part == Part::TerminationDate && it.written)
        {
            choice.part = Part::LastDay;
            choice.writes = "worker.last_day";
            choice.confidence = choice.confidence.min(Confidence::Likely);
            choice.reason = format!(
                "{}; the end of the employment stands for the last day of work",
                choice.reason
            );
        }
    }

    /// Sorts the words of the status column.
    pub(super) fn statuses(&mut self, choices: &mut [Choice]) -> StatusWords {
        let mut out = StatusWords::default();
        let Some(choice) = choices.iter_mut().find(|it| it.part == Part::Status) else {
            self.look_at.push("no column says who is in force: have a status exported; until then every file is refused".to_owned());
            return out;
        };
        let Some(column) = self
            .survey
            .columns
            .iter()
            .find(|it| it.name == choice.column)
        else {
            return out;
        };
        for Code { value, .. } in &column.few {
            let list = match says(column, value) {
                Some(Says::Active) => &mut out.active,
                Some(Says::Away) => &mut out.away,
                Some(Says::Inactive) => &mut out.inactive,
                Some(Says::Rescinded) => &mut out.rescinded,
                Some(Says::NoShow) => &mut out.no_show,
                Some(Says::Deceased) => &mut out.deceased,
                None => &mut out.unknown,
            };
            list.push(value.clone());
        }
        if column.few.is_empty() {
            self.look_at.push(format!(
                "`{}` has too many different values for a status",
                column.name
            ));
        }
        if out.active.is_empty() && out.away.is_empty() {
            choice.confidence = Confidence::Unsure;
            self.look_at.push(format!("no value of `{}` says that somebody is in force: sort them in policy.toml; until then every row is held", column.name));
        } else if !out.unknown.is_empty() {
            choice.confidence = choice.confidence.min(Confidence::Likely);
            let count = out.unknown.len();
            self.look_at.push(format!(
                "{count} values of `{}` are in no list of policy.toml: rows with them are held",
                column.name
            ));
        }
        out
    }

    /// The domain of most work addresses.
    pub(super) fn domain(&self) -> Option<String> {
        let of_work = |column: &&Column| {
            column.kind == Kind::Email
                && names::best(&column.name).is_none_or(|it| it.part != Part::Private)
        };
        let column = self.survey.columns.iter().find(of_work)?;
        let (domain, rows) = column.domains.first()?;
        let plain = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let sound = domain.len() <= 48 && domain.contains('.') && domain.split('.').all(plain);
        (sound && !words::is_free_mail(domain) && rows * 2 >= column.said()).then(|| domain.clone())
    }

    pub(super) fn left_to_look_at(&mut self, choices: &[Choice], domain: Option<&String>) {
        let said = std::mem::take(&mut self.look_at);
        let mut out = Vec::new();
        let key = choices.iter().find(|it| it.part == Part::Key);
        match key {
            None => out.push("no column can be the key: have an identifier of each worker exported; until then every file is refused".to_owned()),
            Some(key) if key.confidence < Confidence::Sure => out.push(format!("the key, `{}`: {}", key.column, key.reason)),
            Some(_) => {}
        }
        out.extend(said);
        for choice in choices {
            let column = self
                .survey
                .columns
                .iter()
                .find(|it| it.name == choice.column);
            let is_told = matches!(choice.part, Part::Key | Part::Status);
            if !is_told && choice.confidence < Confidence::Sure {
                let only = if choice.written {
                    ""
                } else {
                    ", which is a comment only"
                };
                out.push(format!(
                    "`{}` as {}{only}: {}",
                    choice.column, choice.writes, choice.reason
                ));
            }
            let held = |doubt: &&Doubt| {
                matches!(
                    doubt.kind,
                    DoubtKind::MixedDates
                        | DoubtKind::NoSuchDay
                        | DoubtKind::NoDay
                        | DoubtKind::SerialNumber
                )
            };
            let held: u64 = column
                .iter()
                .flat_map(|it| &it.doubts)
                .filter(held)
                .map(|it| it.rows)
                .max()
                .unwrap_or(0);
            if choice.written && held > 0 {
                out.push(format!(
                    "{held} rows have no readable day in `{}`: they will be held",
                    choice.column
                ));
            }
            let missing = column.map_or(0, |it| it.missing);
            if choice.written && missing > 0 {
                out.push(format!("{missing} rows have a word for nothing in `{}` (NULL, N/A, -): have the cell left empty", choice.column));
            }
        }
        let of_names =
            |it: &&Choice| matches!(it.part, Part::GivenName | Part::Surname | Part::DisplayName);
        let foreign = choices.iter().filter(of_names).filter_map(|choice| {
            let column = self
                .survey
                .columns
                .iter()
                .find(|it| it.name == choice.column)?;
            Some(column.foreign)
        });
        let foreign = foreign.max().unwrap_or(0);
        if foreign > 0 {
            out.push(format!("{foreign} names have letters that a sign-in name cannot have: it is made of the key where nothing else is left"));
        }
        if domain.is_none() {
            out.push(
                "the domain of sign-in names is a placeholder: no column has work addresses"
                    .to_owned(),
            );
        }
        self.look_at = out;
    }
}

/// What a value of a status column says.
pub(super) fn says(column: &Column, value: &str) -> Option<Says> {
    const AFTER_ACTIVE: [&str; 12] = [
        "active",
        "isactive",
        "aktiv",
        "istaktiv",
        "actif",
        "activo",
        "actief",
        "indienst",
        "activestatus",
        "employeeactive",
        "workeractive",
        "currentlyactive",
    ];
    if AFTER_ACTIVE.contains(&names::folded(&column.name).as_str())
        && let Some(says) = words::says_yes(value)
    {
        return Some(says);
    }
    words::says(value)
}

/// Whether a name says that the number is the company's.
fn is_of_work(name: &str) -> bool {
    let name = names::folded(name);
    [
        "work",
        "business",
        "company",
        "office",
        "dienst",
        "zakelijk",
        "professionnel",
        "corporativ",
        "jobb",
        "arbet",
        "arbeid",
    ]
    .iter()
    .any(|it| name.contains(it))
}
