//! What is personal of somebody: the values that the store has of them, and those among them that
//! nobody else has, which are looked for in everything that is kept of others.
//!
//! Invariant: a value that anybody else has in the same field is never searched for elsewhere: it
//! says nothing of the person, and others lose nothing.

use std::collections::{BTreeMap, BTreeSet};

use memchr::memmem;
use rollcall_core::model::{Account, Attributes, PersonKey, Value, WorkerId};
use rollcall_core::plan::ActionValues;
use rollcall_core::state::{Identity, Person};

/// Whose values go.
#[derive(Debug, Clone)]
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
        }
    }

    /// Whether a text is the key or a worker id of theirs.
    pub(super) fn is(&self, text: &str) -> bool {
        self.person.as_str() == text || self.workers.contains(&WorkerId::new(text))
    }

    /// Takes in what a record says of ids.
    pub(super) fn learn(&mut self, person: &Person) {
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

/// Values by field: a column of HR, or an attribute.
#[derive(Debug, Default)]
pub(super) struct Values {
    theirs: BTreeMap<String, BTreeSet<String>>,
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
    pub(super) fn seen(&mut self, field: &str, value: &str) {
        if self.theirs.get(field).is_some_and(|it| it.contains(value)) {
            self.others.insert(value.to_owned());
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

    /// All values, whoever else has them.
    pub(super) fn all(&self) -> BTreeSet<&str> {
        let all = self.theirs.values().flatten();
        all.map(String::as_str).collect()
    }

    /// Sign-in names, in small letters.
    pub(super) fn names(&self) -> BTreeSet<String> {
        let names = self.theirs.get(NAME).into_iter().flatten();
        names.map(|it| it.to_lowercase()).collect()
    }

    /// What to look for in whatever is kept of others.
    pub(super) fn traces(&self, whose: &Whose) -> Traces {
        let all = self.all().into_iter();
        let own = all.filter(|it| {
            tells(it)
                && !self.others.contains(*it)
                && !whose.is(it)
                && !whose.objects.contains(*it)
                && !whose.devices.contains(*it)
        });
        Traces::of(own)
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
        Value::List(list) => list.iter().for_each(|it| text_of(field, it, each)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn text_of(field: &str, value: &Value, each: &mut impl FnMut(&str, &str)) {
    if let Value::Text(text) = value {
        each(field, text);
    }
}

/// Whether a value could be told from a word of a format where it stands in a text: long enough, and
/// not of small letters alone. A day tells nobody.
fn tells(value: &str) -> bool {
    let word = value.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let day = value.len() >= 10
        && value.is_char_boundary(10)
        && value[..10].parse::<jiff::civil::Date>().is_ok();
    let letters = value.chars().any(char::is_alphabetic);
    let digits = value.chars().filter(char::is_ascii_digit).count();
    value.chars().count() >= 4 && !word && !day && (letters || digits >= 7)
}

/// Texts to be struck out wherever they stand.
#[derive(Debug, Default)]
pub(super) struct Traces(Vec<memmem::Finder<'static>>);

impl Traces {
    fn of<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let mut forms: BTreeSet<Vec<u8>> = BTreeSet::new();
        for value in values {
            // As it stands in a text, in JSON, in CSV and in HTML.
            let json = serde_json::to_string(value).expect("a text is always JSON");
            forms.insert(value.as_bytes().to_vec());
            forms.insert(json.as_bytes()[1..json.len() - 1].to_vec());
            forms.insert(value.replace('"', "\"\"").into_bytes());
            let html = value.replace('&', "&amp;").replace('<', "&lt;");
            let html = html.replace('>', "&gt;").replace('"', "&quot;");
            forms.insert(html.replace('\'', "&#x27;").into_bytes());
        }
        // The longest first: a name is struck out as a whole before a part of it is.
        let mut forms: Vec<Vec<u8>> = forms.into_iter().collect();
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        let finders = forms.iter();
        Self(
            finders
                .map(|it| memmem::Finder::new(it).into_owned())
                .collect(),
        )
    }

    /// Strikes out every whole occurrence, byte for byte, so that nothing moves. Whether there was one.
    pub(super) fn strike(&self, text: &mut [u8]) -> bool {
        let mut any = false;
        for finder in &self.0 {
            let length = finder.needle().len();
            let mut from = 0;
            while let Some(at) = finder.find(&text[from..]) {
                let (start, end) = (from + at, from + at + length);
                let joins = |byte: Option<&u8>| {
                    byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b >= 0x80)
                };
                let before = start.checked_sub(1).and_then(|it| text.get(it));
                // `\n` before a name in JSON is a line end and no letter.
                let escaped = start >= 2 && text[start - 2] == b'\\';
                if (joins(before) && !escaped) || joins(text.get(end)) {
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
        self.0.iter().any(|finder| finder.find(text).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_have_too_is_not_looked_for() {
        let mut values = Values::default();
        for (field, value) in [
            ("Name", "Ines Okoye"),
            ("Dept", "Sales"),
            ("Id", "1001"),
            ("Start", "2024-03-01"),
            ("Status", "active"),
            ("Phone", "555 0100 77"),
        ] {
            values.note(field, value);
        }
        values.seen("Dept", "Sales");
        // Somebody's manager by name: another field, and still her.
        values.seen("ManagerName", "Ines Okoye");
        let traces = values.traces(&Whose::of(PersonKey::new("1001")));
        let strike = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            traces.strike(&mut bytes);
            String::from_utf8(bytes).unwrap()
        };
        assert_eq!(
            strike("Ask Ines Okoye in Sales (active, 2024-03-01, 555 0100 77, 1001)"),
            "Ask ********** in Sales (active, 2024-03-01, ***********, 1001)"
        );
        assert_eq!(strike("Ines Okoyes"), "Ines Okoyes");
        assert_eq!(strike(r"one\nInes Okoye"), r"one\n**********");
        assert!(traces.stand_in("xInes Okoyex".as_bytes()));
    }

    #[test]
    fn every_way_to_write_a_value_is_found() {
        let mut values = Values::default();
        values.note("Name", "Zoë \"Zo\" O'Neil & Co");
        let traces = values.traces(&Whose::of(PersonKey::new("1001")));
        for written in [
            "Zoë \"Zo\" O'Neil & Co",
            r#"Zoë \"Zo\" O'Neil & Co"#,
            r#"Zoë ""Zo"" O'Neil & Co"#,
            "Zoë &quot;Zo&quot; O&#x27;Neil &amp; Co",
        ] {
            let mut bytes = written.as_bytes().to_vec();
            assert!(traces.strike(&mut bytes), "{written}");
            assert!(bytes.iter().all(|b| *b == b'*'), "{written}");
        }
    }
}
