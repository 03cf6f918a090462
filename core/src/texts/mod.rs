//! Notices: what people are told, written from templates.
//!
//! Planning writes them, so that what is reviewed and approved is the text that goes out; apply
//! only hands them over. Invariant: a text with a gap is never written: where a value or an
//! address is missing, the notice waits.

mod file;
mod fill;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use self::file::Entry;
pub use self::file::TextsFileError;
pub use self::fill::{fill, manager_of};
use self::template::{Slot, Whose};
use crate::model::{Attributes, Op, Value};
use crate::state::Identity;
use crate::workers;

/// What kind of text a notice is: values in it are escaped for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Plain text.
    #[default]
    Text,
    /// HTML.
    Html,
}

impl Kind {
    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain",
            Self::Html => "text/html",
        }
    }
}

/// A read and checked file of notices.
#[derive(Debug, Clone, PartialEq)]
pub struct Texts {
    entries: Vec<Entry>,
    language: String,
    /// The attribute that is somebody's address; the sign-in name without it.
    address: Option<String>,
    security: Option<String>,
    tasks: Option<String>,
    /// The attribute of whoever gets a pass that is the address for it; the manager without it.
    pass: Option<String>,
    hash: String,
}

impl Texts {
    /// Operations that it has texts for.
    pub fn ops(&self) -> BTreeSet<Op> {
        self.entries.iter().map(|entry| entry.op).collect()
    }

    /// SHA-256 of the file's meaning: comments and order of keys do not count.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Where an operation's notices go, in words and without anybody's name.
    pub fn recipient(&self, op: Op) -> String {
        let of = |whose: &str| match &self.address {
            Some(attribute) => format!("the {attribute} of {whose}"),
            None => format!("the sign-in name of {whose}"),
        };
        match addressee(op) {
            Addressee::Manager => of("the manager"),
            Addressee::Worker => of("the worker"),
            Addressee::Pass => match &self.pass {
                Some(attribute) => format!("the {attribute} of the worker"),
                None => of("the manager"),
            },
            Addressee::Security => self.security.clone().unwrap_or_default(),
            Addressee::Tasks => self.tasks.clone().unwrap_or_default(),
        }
    }

    /// Whether what an operation hands over goes to the manager.
    fn hands_to_manager(&self, op: Op) -> bool {
        addressee(op) == Addressee::Pass && self.pass.is_none()
    }

    /// The best text: of the occasion before one for any, in the reader's language before the
    /// default one.
    fn entry(&self, op: Op, occasion: Option<&str>, language: Option<&str>) -> Option<&Entry> {
        let spoken = language.map(str::to_ascii_lowercase).unwrap_or_default();
        let primary = spoken.split('-').next().unwrap_or_default();
        let languages = [spoken.as_str(), primary, self.language.as_str()];
        let general = any_occasion(op).then_some(None);
        let occasions = std::iter::once(occasion).chain(general);
        let mut tries = occasions.flat_map(|it| languages.iter().map(move |lang| (it, lang)));
        tries.find_map(|(when, language)| {
            let fits = |it: &&Entry| {
                it.op == op && it.when.as_deref() == when && it.language == **language
            };
            self.entries.iter().find(fits)
        })
    }

    /// Writes a notice.
    ///
    /// # Errors
    /// What is missing.
    fn write(&self, op: Op, told: &Told<'_>) -> Result<Notification, Gap> {
        let private = self.pass.as_deref();
        let reader = match addressee(op) {
            Addressee::Pass if private.is_some() => Some(&told.worker),
            Addressee::Manager | Addressee::Pass => {
                Some(told.manager.as_ref().ok_or(Gap::Manager)?)
            }
            Addressee::Worker => Some(&told.worker),
            Addressee::Security | Addressee::Tasks => None,
        };
        let to = match (addressee(op), reader) {
            (Addressee::Security, _) => self.security.clone(),
            (Addressee::Tasks, _) => self.tasks.clone(),
            (Addressee::Pass, Some(who)) if private.is_some() => {
                who.said(private.unwrap_or_default())
            }
            (Addressee::Manager | Addressee::Worker | Addressee::Pass, reader) => {
                reader.and_then(|who| self.address_of(who))
            }
        };
        let to = to.filter(|to| is_address(to)).ok_or(Gap::Address)?;
        let occasion = ["template", "task"]
            .iter()
            .find_map(|it| told.args.get(*it));
        let language = reader.and_then(|who| who.said("preferredLanguage"));
        let entry = self
            .entry(op, occasion.map(String::as_str), language.as_deref())
            .ok_or(Gap::Text)?;
        let value = |slot: &Slot| told.value(slot);
        let mut missing = BTreeSet::new();
        let subject = entry.subject.render(Kind::Text, &value, &mut missing);
        let text = entry.text.render(entry.kind, &value, &mut missing);
        if !missing.is_empty() {
            return Err(Gap::Values(missing));
        }
        Ok(Notification {
            to,
            subject,
            text,
            content_type: entry.kind.media_type().to_owned(),
        })
    }

    fn address_of(&self, who: &Who<'_>) -> Option<String> {
        match &self.address {
            Some(attribute) => who.said(attribute),
            None => who.name.map(str::to_owned),
        }
    }
}

/// Who is told by an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Addressee {
    Manager,
    Worker,
    Security,
    Tasks,
    /// Whoever hands a pass over, or whom it is for.
    Pass,
}

fn addressee(op: Op) -> Addressee {
    if op == Op::NotifyManager {
        Addressee::Manager
    } else if op == Op::NotifyWelcome {
        Addressee::Worker
    } else if op == Op::NotifySecurity {
        Addressee::Security
    } else if op == Op::TapIssue {
        Addressee::Pass
    } else {
        // `task.manual`: nothing else tells.
        Addressee::Tasks
    }
}

/// What an operation may be about, beside nothing in particular: `template` and `task` of plans.
fn occasions(op: Op) -> &'static [&'static str] {
    if op == Op::NotifyManager {
        &["hire_moved", "hire_cancelled"]
    } else if op == Op::TaskManual {
        &["mail_alias", "recover_device", "reenrol"]
    } else {
        &[]
    }
}

/// A text for no occasion in particular serves for every one: not where it would say the opposite.
fn any_occasion(op: Op) -> bool {
    op == Op::TaskManual
}

/// An address as configured or mapped: something that one line of a message can carry.
fn is_address(text: &str) -> bool {
    let plain = |c: char| !c.is_control() && !c.is_whitespace() && !"<>,;\"".contains(c);
    !text.is_empty() && text.len() <= 320 && text.chars().all(plain)
}

/// Somebody of whom a text speaks.
#[derive(Clone, Copy)]
struct Who<'a> {
    identity: &'a Identity,
    /// The sign-in name as it is, or is to be.
    name: Option<&'a str>,
    /// The attribute that the sign-in name is.
    name_attribute: &'a str,
}

impl Who<'_> {
    fn said(&self, name: &str) -> Option<String> {
        if name == workers::last_part(self.name_attribute) {
            return self.name.map(str::to_owned);
        }
        workers::said(self.identity, name)
    }
}

/// What a text is written from.
struct Told<'a> {
    worker: Who<'a>,
    manager: Option<Who<'a>>,
    args: &'a BTreeMap<String, String>,
    reason: String,
}

impl Told<'_> {
    fn value(&self, slot: &Slot) -> Option<String> {
        match slot.whose {
            Whose::Worker => self.worker.said(&slot.name),
            Whose::Manager => self.manager.as_ref()?.said(&slot.name),
            Whose::Action if slot.name == "reason" => Some(self.reason.clone()),
            Whose::Action => self.args.get(&slot.name).cloned(),
            Whose::Pass => Some(PASS.to_owned()),
        }
    }
}

/// What stands in a notice for the secret of a pass until it is handed over: plans, stores and reports
/// see nothing else.
const PASS: &str = "{pass.secret}";

/// Why a notice cannot be written.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Gap {
    /// These placeholders have no value.
    Values(BTreeSet<String>),
    /// Whoever is to read it has no address.
    Address,
    /// There is no manager with an account in use.
    Manager,
    /// There is no text for it.
    Text,
}

impl Gap {
    /// In words, without values.
    fn words(&self) -> String {
        match self {
            Self::Values(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                format!("HR's row has no value for {}", names.join(", "))
            }
            Self::Address => "whoever is to read it has no address".to_owned(),
            Self::Manager => "HR names no manager who has an account in use".to_owned(),
            Self::Text => "the notices have no text for it".to_owned(),
        }
    }
}

/// One notice: what is told to whom. Personal; `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Notification {
    /// The address.
    pub to: String,
    /// The subject: one line.
    pub subject: String,
    /// The text.
    pub text: String,
    /// What kind of text.
    pub content_type: String,
}

impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[notice]")
    }
}

impl Notification {
    /// As a plan keeps it, among the values of its action.
    pub fn values(&self) -> Attributes {
        let named = [
            ("content_type", &self.content_type),
            ("subject", &self.subject),
            ("text", &self.text),
            ("to", &self.to),
        ];
        let named = named.into_iter();
        named
            .map(|(name, text)| (name.to_owned(), Value::text(text)))
            .collect()
    }

    /// The same with the secret of a pass in the text; it must not be kept.
    #[must_use]
    pub fn with_pass(&self, secret: &str) -> Self {
        let html = self.content_type == Kind::Html.media_type();
        let kind = if html { Kind::Html } else { Kind::Text };
        let mut shown = String::new();
        template::write(&mut shown, secret, kind);
        Self {
            text: self.text.replace(PASS, &shown),
            ..self.clone()
        }
    }

    /// From what a plan keeps; `None` where something is missing.
    pub fn of(values: &Attributes) -> Option<Self> {
        let text = |name: &str| values.get(name)?.as_text().map(str::to_owned);
        Some(Self {
            to: text("to")?,
            subject: text("subject")?,
            text: text("text")?,
            content_type: text("content_type")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(kind: Kind, text: &str) -> Notification {
        Notification {
            to: "m@x.example".to_owned(),
            subject: "A pass".to_owned(),
            text: text.to_owned(),
            content_type: kind.media_type().to_owned(),
        }
    }

    /// Kind and text → text with the pass: a secret has any character, and stays text.
    #[test]
    fn a_pass_is_written_where_it_belongs() {
        let secret = "a<b>&\"+Q$";
        for (kind, text, shown) in [
            (Kind::Text, "Use {pass.secret}.", "Use a<b>&\"+Q$."),
            (
                Kind::Html,
                "<b>{pass.secret}</b>",
                "<b>a&lt;b&gt;&amp;&quot;+Q$</b>",
            ),
            (Kind::Text, "Ask the service desk.", "Ask the service desk."),
        ] {
            let with = notice(kind, text).with_pass(secret);
            assert_eq!(with.text, shown);
            assert_eq!(with.subject, "A pass");
            assert_eq!(format!("{with:?}"), "[notice]");
        }
    }
}
