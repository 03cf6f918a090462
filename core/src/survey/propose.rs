//! Which column is most likely what: by its name, weighed with what stands in it.
//!
//! What is sure or likely is written into a configuration, what is not is said there as a comment, with the reason.
//! Invariant: nothing is chosen silently; a reason names columns and counts, and values of code lists only.

use serde::Serialize;

use super::Survey;
use super::choosing::Choosing;
use super::column::{Column, Kind};
use super::names::Part;

/// How sure a choice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// It is not written down, but as a comment; but for the key and the status, which have to be.
    Unsure,
    /// Written down; somebody should look.
    Likely,
    /// Name and values agree.
    Sure,
}

impl Confidence {
    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unsure => "unsure",
            Self::Likely => "likely",
            Self::Sure => "sure",
        }
    }
}

/// A column, and what it is taken for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// What.
    pub part: Part,
    /// The key of the mapping: `worker.key`, `displayName`.
    pub writes: &'static str,
    /// The column.
    pub column: String,
    /// How sure that is.
    pub confidence: Confidence,
    /// Why, in words.
    pub reason: String,
    /// It is written into the configuration, not only as a comment.
    pub written: bool,
}

/// Rows behind the last worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FooterFound {
    /// The word that the first of them begins with.
    pub begins: String,
    /// The column, from 1, that says how many workers there are, where one does.
    pub count_column: Option<usize>,
    /// How many rows.
    pub rows: u64,
}

impl FooterFound {
    /// How such a row begins, as a regular expression: the word is one of our own list, letters and spaces.
    pub fn pattern(&self) -> String {
        format!("^{} ?:?$", self.begins)
    }
}

/// The words of the status column by what they say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct StatusWords {
    /// In force.
    pub active: Vec<String>,
    /// In force, and away for a while.
    pub away: Vec<String>,
    /// Left.
    pub inactive: Vec<String>,
    /// The hire was called off.
    pub rescinded: Vec<String>,
    /// Never came.
    pub no_show: Vec<String>,
    /// Died.
    pub deceased: Vec<String>,
    /// Nobody here knows; rows with them are held.
    pub unknown: Vec<String>,
}

/// What a configuration for a table could say.
#[derive(Debug, Clone, Serialize)]
pub struct Proposal {
    /// What columns are taken for, in the order of the configuration.
    pub choices: Vec<Choice>,
    /// Words of the status column.
    pub statuses: StatusWords,
    /// The domain of sign-in names: the most frequent one of work addresses.
    pub domain: Option<String>,
    /// Columns that nobody needs to read: personal, or unknown.
    pub left_out: Vec<String>,
    /// What a person has to look at before this is used.
    pub look_at: Vec<String>,
    #[serde(skip)]
    pub(super) columns: Vec<Column>,
    #[serde(skip)]
    pub(super) footer: Option<FooterFound>,
}

/// Parts in the order of the configuration, with what they write.
pub(super) const ORDER: [(Part, &str); 27] = [
    (Part::Key, "worker.key"),
    (Part::Status, "worker.status"),
    (Part::Manager, "worker.manager"),
    (Part::HireDate, "worker.hire_date"),
    (Part::LastDay, "worker.last_day"),
    (Part::TerminationDate, "worker.termination_date"),
    (Part::TimeZone, "worker.time_zone"),
    (Part::Person, "worker.person"),
    (Part::DisplayName, "displayName"),
    (Part::GivenName, "givenName"),
    (Part::Surname, "surname"),
    (Part::JobTitle, "jobTitle"),
    (Part::Department, "department"),
    (Part::CompanyName, "companyName"),
    (Part::OfficeLocation, "officeLocation"),
    (Part::EmployeeType, "employeeType"),
    (Part::Division, "employeeOrgData.division"),
    (Part::CostCenter, "employeeOrgData.costCenter"),
    (Part::StreetAddress, "streetAddress"),
    (Part::City, "city"),
    (Part::State, "state"),
    (Part::PostalCode, "postalCode"),
    (Part::Country, "country"),
    (Part::BusinessPhones, "businessPhones"),
    (Part::MobilePhone, "mobilePhone"),
    (Part::FaxNumber, "faxNumber"),
    (Part::PreferredLanguage, "preferredLanguage"),
];

/// What most likely is what.
pub fn propose(survey: &Survey) -> Proposal {
    let mut choosing = Choosing::new(survey);
    choosing.key();
    let mut choices = choosing.by_name();
    choosing.names(&mut choices);
    choosing.without_names(&mut choices);
    Choosing::last_day(&mut choices);
    choices.sort_by_key(|choice| ORDER.iter().position(|(part, _)| *part == choice.part));
    let statuses = choosing.statuses(&mut choices);
    let domain = choosing.domain();
    choosing.left_to_look_at(&choices, domain.as_ref());
    let used = |column: &Column| choices.iter().any(|choice| choice.column == column.name);
    let left = survey.columns.iter().filter(|column| !used(column));
    Proposal {
        left_out: left.map(|column| column.name.clone()).collect(),
        statuses,
        domain,
        look_at: choosing.look_at,
        columns: survey.columns.clone(),
        footer: survey.footer.clone(),
        choices,
    }
}

impl Proposal {
    /// What a part was chosen for, written down or not.
    pub fn choice(&self, part: Part) -> Option<&Choice> {
        self.choices.iter().find(|choice| choice.part == part)
    }

    /// The column of a part that is written down.
    pub(super) fn column(&self, part: Part) -> Option<&Column> {
        let choice = self.choice(part).filter(|it| it.written)?;
        self.columns
            .iter()
            .find(|column| column.name == choice.column)
    }

    /// Whether the configuration says who somebody is and whether they are in force.
    pub fn is_complete(&self) -> bool {
        let written = |part| self.choice(part).is_some_and(|it| it.written);
        written(Part::Key) && written(Part::Status) && !self.statuses.active.is_empty()
    }
}

/// Whether every value is a country of ISO 3166-1, and whether some are written `UK`.
pub(super) fn countries(column: &Column) -> Option<bool> {
    let all = column.kind == Kind::Country && column.countries == column.said();
    all.then(|| column.few.is_empty() || column.few.iter().any(|code| code.value == "UK"))
}
