//! `[[budgets.slice]]`: budgets of a part of the company, as people write them.

use serde::{Deserialize, Serialize};

/// The longest name of a slice.
const NAME_MAX: usize = 40;

/// Attributes that say where somebody belongs. A slice for each value has the value in its name,
/// and names of guards are evidence: what says who somebody is must not get there.
pub const PARTS: [&str; 12] = [
    "city",
    "companyName",
    "costCenter",
    "country",
    "department",
    "division",
    "employeeType",
    "officeLocation",
    "physicalDeliveryOfficeName",
    "state",
    "timeZone",
    "usageLocation",
];

/// A part of the company with budgets of its own: exactly one of `rule`, `by` and `under` says
/// who is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    /// What its guards are named by: `disables:<name>`.
    pub name: String,
    /// Workers for whom this holds, a membership rule over `worker.` properties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// A slice for each value of this attribute: one of [`PARTS`] that the mapping writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The worker with this id and everybody below them in the line of managers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<String>,
    /// Accounts disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disables: Option<Limit>,
    /// People who stay and lose groups or licences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removals: Option<Limit>,
}

/// The larger of a count and a percentage of the managed accounts in the slice, rounded down. What
/// is not said is 0.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// At least this many.
    #[serde(default)]
    pub count: u32,
    /// Or this percent of the managed accounts in the slice before the run.
    #[serde(default)]
    pub percent: f64,
}

impl Limit {
    /// How many are let through, given the managed accounts in the slice.
    pub fn of(&self, managed: u32) -> u32 {
        super::file::larger(self.count, self.percent, managed)
    }
}

/// What is wrong with the slices of a policy file, each with its line.
pub(super) fn problems(slices: &[Slice], text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (at, slice) in slices.iter().enumerate() {
        let mut wrong = |key: &str, problem: String| {
            let place = place(text, at, key);
            out.push(format!("{place}slice `{}`: {problem}", shown(&slice.name)));
        };
        if !is_name(&slice.name) {
            wrong(
                "name",
                format!("a name is 1 to {NAME_MAX} lower-case letters, digits and hyphens"),
            );
        }
        if slices[..at].iter().any(|it| it.name == slice.name) {
            wrong("name", "another slice has this name".to_owned());
        }
        let says = [&slice.rule, &slice.by, &slice.under];
        let said = says.iter().filter(|it| it.is_some()).count();
        if said != 1 {
            wrong(
                "",
                format!(
                    "{said} of `rule`, `by` and `under` are given; exactly one says who is in it"
                ),
            );
        }
        for (key, empty) in ["rule", "by", "under"].iter().zip(says) {
            if empty.as_ref().is_some_and(|it| it.trim().is_empty()) {
                wrong(key, format!("`{key}` is empty"));
            }
        }
        if let Some(by) = &slice.by
            && !PARTS.contains(&last_part(by))
        {
            let hint = crate::suggest::hint(by, PARTS);
            wrong(
                "by",
                format!(
                    "`by` is `{by}`; its values would get into names of guards, which are kept as \
                     evidence, so that it has to be one of {}{hint}",
                    PARTS.join(", ")
                ),
            );
        }
        if slice.disables.is_none() && slice.removals.is_none() {
            wrong(
                "",
                "neither `disables` nor `removals` is given: it would never keep anything back"
                    .to_owned(),
            );
        }
        for (key, limit) in [("disables", slice.disables), ("removals", slice.removals)] {
            let percent = limit.unwrap_or_default().percent;
            if !(0.0..=100.0).contains(&percent) {
                let problem = format!("`{key}.percent` is {percent}; it must be from 0 to 100");
                wrong(key, problem);
            }
        }
    }
    out
}

/// `line N: ` of a key in the slice that is the `at`th of the file; of its head, where the key is
/// empty or not found; nothing where it is written in another form.
pub fn place(text: &str, at: usize, key: &str) -> String {
    let head = |line: &str| line.trim().starts_with("[[budgets.slice]]");
    let heads = text.lines().enumerate().filter(|(_, line)| head(line));
    let Some((from, _)) = heads.clone().nth(at) else {
        return String::new();
    };
    let own = text.lines().enumerate().skip(from + 1);
    let mut own = own.take_while(|(_, line)| !line.trim_start().starts_with('['));
    let said = own.find(|(_, line)| {
        let rest = line.trim_start().strip_prefix(key);
        rest.is_some_and(|rest| !key.is_empty() && rest.trim_start().starts_with(['=', '.']))
    });
    format!("line {}: ", said.map_or(from, |(line, _)| line) + 1)
}

pub(crate) fn last_part(attribute: &str) -> &str {
    attribute.rsplit('.').next().unwrap_or(attribute)
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=NAME_MAX).contains(&name.len()) && name.chars().all(fits)
}

fn shown(name: &str) -> String {
    name.chars().take(NAME_MAX).collect()
}
