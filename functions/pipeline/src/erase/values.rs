//! What is personal of somebody: the values that the store has of them, and the names and addresses
//! among them, which are looked for in everything that is kept of others.
//!
//! Invariant: nothing but a name of several words, an address or a telephone number is ever looked for
//! in what is others', and none that anybody else has too: others lose no word of their own.

use std::collections::{BTreeMap, BTreeSet};

use memchr::memmem;
use rollcall_core::model::{Account, Attributes, PersonKey, Value, WorkerId};
use rollcall_core::plan::ActionValues;
use rollcall_core::state::{Identity, Person};
use serde::{Deserialize, Serialize};

/// Whose values go.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Whose {
    /// The key.
    pub(super) person: PersonKey,
    /// Worker ids of all employments that are known of.
    pub(super) workers: BTreeSet<WorkerId>,
    /// Ids of accounts.
    pub(super) objects: BTreeSet<String>,
    /// Ids of devices.
    pub(super) devices: BTreeSet<String>,
    /// Ids of actions of all plans.
    pub(super) actions: BTreeSet<String>,
    /// Anything was found of them.
    pub(super) known: bool,
}

impl Whose {
    /// Somebody of whom the key is known, which is also their first worker id.
    pub(super) fn of(person: PersonKey) -> Self {
        Self {
            workers: BTreeSet::from([WorkerId::new(person.as_str())]),
            person,
            objects: BTreeSet::new(),
            devices: BTreeSet::new(),
            actions: BTreeSet::new(),
            known: false,
        }
    }

    /// Whether a text is the key or a worker id of theirs.
    pub(super) fn is(&self, text: &str) -> bool {
        self.person.as_str() == text || self.workers.contains(&WorkerId::new(text))
    }

    /// Takes in what a record says of ids.
    pub(super) fn learn(&mut self, person: &Person) {
        self.known = true;
        self.workers.insert(person.worker.clone());
        let jobs = person.employments().chain(&person.until);
        self.workers.extend(jobs.map(|job| job.worker.clone()));
        let object = person.object.iter();
        self.objects.extend(object.map(|it| it.as_str().to_owned()));
        self.devices.extend(person.devices.keys().cloned());
        self.devices.extend(person.device_words.keys().cloned());
    }
}

/// The field of sign-in names, whoever says them.
const NAME: &str = "userPrincipalName";

/// Attributes that name a person, by their names at the target.
const NAMING: [&str; 8] = [
    NAME,
    "displayName",
    "mail",
    "otherMails",
    "proxyAddresses",
    "imAddresses",
    "mobilePhone",
    "businessPhones",
];

/// Values by field: a column of HR, or an attribute.
#[derive(Debug, Default)]
pub(super) struct Values {
    theirs: BTreeMap<String, BTreeSet<String>>,
    /// Naming values that others have too.
    others: BTreeSet<String>,
}

impl Values {
    /// One value of the person.
    pub(super) fn note(&mut self, field: &str, value: &str) {
        if !value.trim().is_empty() {
            let field = self.theirs.entry(field.to_owned()).or_default();
            field.insert(value.to_owned());
        }
    }

    /// One value of somebody else.
    fn seen(&mut self, field: &str, value: &str) {
        let folded = value.to_lowercase();
        let same = |it: &String| it.to_lowercase() == folded;
        if NAMING.contains(&field) && self.theirs.get(field).is_some_and(|it| it.iter().any(same)) {
            self.others.insert(folded);
        }
    }

    /// Everything of a record of the person, or of somebody else.
    pub(super) fn record(&mut self, person: &Person, theirs: bool) {
        let mut each = |field: &str, value: &str| {
            if theirs {
                self.note(field, value);
            } else {
                self.seen(field, value);
            }
        };
        if let Some(name) = &person.name {
            each(NAME, name.reveal());
        }
        texts(&person.applied, &mut each);
        for (field, owned) in &person.owned {
            text(field, &owned.value, &mut each);
        }
        for job in person.employments().chain(&person.until) {
            identity(job, &mut each);
        }
    }

    /// Before and after of an action of the person.
    pub(super) fn action(&mut self, values: &ActionValues) {
        let mut each = |field: &str, value: &str| self.note(field, value);
        texts(&values.before, &mut each);
        texts(&values.after, &mut each);
    }

    /// An account of the person, or of somebody else.
    pub(super) fn account(&mut self, account: &Account, theirs: bool) {
        let mut each = |field: &str, value: &str| {
            if theirs {
                self.note(field, value);
            } else {
                self.seen(field, value);
            }
        };
        each(NAME, account.name.reveal());
        texts(&account.attributes, &mut each);
    }

    /// Whether the store has any.
    pub(super) fn is_empty(&self) -> bool {
        self.theirs.is_empty()
    }

    /// Sign-in names, in small letters.
    pub(super) fn names(&self) -> BTreeSet<String> {
        let names = self.theirs.get(NAME).into_iter().flatten();
        names.map(|it| it.to_lowercase()).collect()
    }

    /// What to look for in whatever is kept of others; and the naming fields with a value that is not
    /// looked for, since it is one word or somebody else's too.
    pub(super) fn traces(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        let (mut traces, mut left) = (BTreeSet::new(), BTreeSet::new());
        for field in NAMING {
            for value in self.theirs.get(field).into_iter().flatten() {
                if tells(value) && !self.others.contains(&value.to_lowercase()) {
                    traces.insert(value.clone());
                    // `SMTP:kim@…` stands elsewhere without its kind.
                    if let Some((_, bare)) = value.split_once(':').filter(|it| tells(it.1)) {
                        traces.insert(bare.to_owned());
                    }
                } else {
                    left.insert(field.to_owned());
                }
            }
        }
        (traces, left)
    }
}

fn identity(job: &Identity, each: &mut impl FnMut(&str, &str)) {
    each("status", &job.status);
    for attributes in [&job.facts, &job.always, &job.on_create] {
        texts(attributes, each);
    }
    for name in &job.other_names {
        each(NAME, name.reveal());
    }
}

fn texts(attributes: &Attributes, each: &mut impl FnMut(&str, &str)) {
    for (field, value) in attributes {
        text(field, value, each);
    }
}

fn text(field: &str, value: &Value, each: &mut impl FnMut(&str, &str)) {
    match value {
        Value::Text(text) => each(field, text),
        Value::List(list) => {
            for value in list {
                if let Value::Text(text) = value {
                    each(field, text);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a value names somebody wherever it stands: an address, a name of several words, a
/// telephone number.
fn tells(value: &str) -> bool {
    let address = value
        .split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    let words = value
        .split_whitespace()
        .filter(|word| word.chars().count() > 1)
        .count();
    let digits = value.chars().filter(char::is_ascii_digit).count();
    let letters = value.chars().any(char::is_alphabetic);
    address || (words >= 2 && letters) || (digits >= 7 && !letters)
}

/// Texts to be struck out wherever they stand, in whatever case.
#[derive(Debug, Default)]
pub(super) struct Traces(Vec<memmem::Finder<'static>>);

impl Traces {
    /// Of these values.
    pub(super) fn of(values: &BTreeSet<String>) -> Self {
        let mut forms: BTreeSet<Vec<u8>> = BTreeSet::new();
        for value in values {
            // As it stands in a text, in JSON, in CSV and in HTML.
            let json = serde_json::to_string(value).expect("a text is always JSON");
            let html = value.replace('&', "&amp;").replace('<', "&lt;");
            let html = html.replace('>', "&gt;").replace('"', "&quot;");
            for form in [
                value.clone(),
                json[1..json.len() - 1].to_owned(),
                value.replace('"', "\"\""),
                html.replace('\'', "&#x27;"),
            ] {
                forms.insert(form.to_ascii_lowercase().into_bytes());
                // Letters beside ASCII in the other case, where that is as long.
                let lower = form.to_lowercase();
                forms.insert(lower.to_ascii_lowercase().into_bytes());
                forms.insert(form.to_uppercase().to_ascii_lowercase().into_bytes());
            }
        }
        // The longest first: a name is struck out as a whole before a part of it is.
        let mut forms: Vec<Vec<u8>> = forms.into_iter().collect();
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        let finders = forms.iter();
        let finders = finders.map(|it| memmem::Finder::new(it).into_owned());
        Self(finders.collect())
    }

    /// Strikes out every whole occurrence, byte for byte, so that nothing moves. Whether there was one.
    pub(super) fn strike(&self, text: &mut [u8]) -> bool {
        let mut any = false;
        let folded = text.to_ascii_lowercase();
        for finder in &self.0 {
            let length = finder.needle().len();
            let mut from = 0;
            while let Some(at) = finder.find(&folded[from..]) {
                let (start, end) = (from + at, from + at + length);
                let joins = |byte: Option<&u8>| {
                    byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b >= 0x80)
                };
                let before = start.checked_sub(1).and_then(|it| folded.get(it));
                // `\n` before a name in JSON is a line end and no letter.
                let escaped = start >= 2 && folded[start - 2] == b'\\';
                if (joins(before) && !escaped) || joins(folded.get(end)) {
                    from = start + 1;
                    continue;
                }
                text[start..end].fill(b'*');
                any = true;
                from = end;
            }
        }
        any
    }

    /// Whether any stands in a text.
    pub(super) fn stand_in(&self, text: &[u8]) -> bool {
        let folded = text.to_ascii_lowercase();
        self.0.iter().any(|finder| finder.find(&folded).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces(values: &[(&str, &str)], others: &[(&str, &str)]) -> (Traces, BTreeSet<String>) {
        let mut all = Values::default();
        for (field, value) in values {
            all.note(field, value);
        }
        for (field, value) in others {
            all.seen(field, value);
        }
        let (traces, left) = all.traces();
        (Traces::of(&traces), left)
    }

    fn strike(traces: &Traces, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        traces.strike(&mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    /// Ids, words of a job and values that others have too stay where they are others'.
    #[test]
    fn only_what_names_the_person_is_looked_for() {
        let (traces, left) = traces(
            &[
                ("displayName", "Ines Okoye"),
                ("userPrincipalName", "ines.okoye@woodgrove.example"),
                ("mobilePhone", "+44 20 7946 0123"),
                ("jobTitle", "Account"),
                ("department", "People Operations"),
                ("ManagerID", "E01040"),
                ("FirstName", "displayName"),
                ("Start", "2024-03-01"),
            ],
            &[],
        );
        let text = "E01040 Account Manager, People Operations, displayName 2024-03-01: ask INES Okoye or \
                    Ines.Okoye@Woodgrove.example, +44 20 7946 0123";
        let struck = "E01040 Account Manager, People Operations, displayName 2024-03-01: ask ********** or \
                      ****************************, ****************";
        assert_eq!(strike(&traces, text), struck);
        assert_eq!(strike(&traces, "Ines Okoyes"), "Ines Okoyes");
        assert_eq!(strike(&traces, r"one\nInes Okoye"), r"one\n**********");
        assert_eq!(left, BTreeSet::new());
        assert!(traces.stand_in("xINES OKOYEx".as_bytes()));
    }

    #[test]
    fn a_name_of_two_people_or_of_one_word_is_said_to_be_left() {
        let values = [
            ("displayName", "Kim Sato"),
            ("mail", "kim@woodgrove.example"),
            ("otherMails", "kim"),
        ];
        let (traces, left) = traces(&values, &[("displayName", "KIM SATO")]);
        let text = "Kim Sato, kim@woodgrove.example";
        assert_eq!(strike(&traces, text), "Kim Sato, *********************");
        let said = BTreeSet::from(["displayName".to_owned(), "otherMails".to_owned()]);
        assert_eq!(left, said);
    }

    #[test]
    fn every_way_to_write_a_value_is_found() {
        let (traces, _) = traces(&[("displayName", "Zoë \"Zo\" O'Neil & Co")], &[]);
        for written in [
            "Zoë \"Zo\" O'Neil & Co",
            "ZOË \"ZO\" O'NEIL & CO",
            r#"Zoë \"Zo\" O'Neil & Co"#,
            r#"Zoë ""Zo"" O'Neil & Co"#,
            "Zoë &quot;Zo&quot; O&#x27;Neil &amp; Co",
        ] {
            let struck = strike(&traces, written);
            assert!(struck.bytes().all(|b| b == b'*'), "{written}: {struck}");
        }
    }
}
