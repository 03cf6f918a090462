//! `texts.toml`: strict, every mistake reported with its line.
//!
//! ```toml
//! format_version = 1
//! language = "en"                   # of whoever says none
//!
//! [to]
//! security = "soc@woodgrove.example"
//! tasks = "servicedesk@woodgrove.example"
//! address = "mail"                  # whose attribute is the address; the sign-in name without it
//! pass = "privateMail"              # of the worker, for a pass; without it, the manager gets it
//!
//! [[text]]
//! op = "notify.manager"
//! when = "hire_moved"               # without it: the first time
//! language = "de"                   # without it: the one above
//! kind = "text"                     # or "html"
//! subject = "{worker.displayName} beginnt am {worker.hireDate}"
//! text = """…"""
//! ```

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::template::{Slot, Template, Whose};
use super::{Addressee, Kind, PASS, Texts, addressee, any_occasion, is_address, occasions};
use crate::digest::sha256;
use crate::mapping::Mapping;
use crate::model::Op;
use crate::{suggest, workers};

/// Longest subject, in characters.
const SUBJECT_MAX: usize = 200;

/// What a placeholder can say of the action itself.
const OF_ACTION: [&str; 7] = [
    "task", "device", "hire", "template", "reason", "start", "minutes",
];

/// The file as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TextsFile {
    format_version: u32,
    #[serde(default = "english")]
    language: Spanned<String>,
    #[serde(default)]
    to: ToFile,
    #[serde(default)]
    text: Vec<NoticeFile>,
}

fn english() -> Spanned<String> {
    Spanned::new(0..0, "en".to_owned())
}

/// Who is told, where that is nobody of HR's.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ToFile {
    address: Option<Spanned<String>>,
    security: Option<Spanned<String>>,
    tasks: Option<Spanned<String>>,
    pass: Option<Spanned<String>>,
}

/// One notice as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoticeFile {
    op: Spanned<Op>,
    when: Option<Spanned<String>>,
    language: Option<Spanned<String>>,
    #[serde(default)]
    kind: Kind,
    subject: Spanned<String>,
    text: Spanned<String>,
}

/// A text for an operation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) op: Op,
    pub(super) when: Option<String>,
    /// In lower case.
    pub(super) language: String,
    pub(super) kind: Kind,
    pub(super) subject: Template,
    pub(super) text: Template,
}

/// Why a file of notices cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {}", problems.join("\n  "))]
pub struct TextsFileError {
    /// The file.
    pub file: String,
    /// Every mistake, each with its line.
    pub problems: Vec<String>,
}

impl Texts {
    /// Reads a file for the workers of a mapping. `file` is what mistakes are shown with.
    ///
    /// # Errors
    /// Every mistake, where the syntax allows going on.
    pub fn parse(text: &str, file: &str, mapping: &Mapping) -> Result<Self, TextsFileError> {
        let fail = |problems: Vec<String>| TextsFileError {
            file: file.to_owned(),
            problems,
        };
        let written: TextsFile = toml::from_str(text).map_err(|e| fail(vec![format!("\n{e}")]))?;
        let words = workers::vocabulary(mapping);
        let mut reader = Reader {
            words: words.iter().map(|(name, _)| name.as_str()).collect(),
            text,
            problems: Vec::new(),
        };
        let read = reader.file(written);
        if reader.problems.is_empty() {
            Ok(read)
        } else {
            Err(fail(reader.problems))
        }
    }
}

/// Checks what is written, and notes every mistake.
struct Reader<'a> {
    words: Vec<&'a str>,
    text: &'a str,
    problems: Vec<String>,
}

impl Reader<'_> {
    fn wrong(&mut self, at: usize, why: impl std::fmt::Display) {
        let line = self.text[..at].matches('\n').count() + 1;
        self.problems.push(format!("line {line}: {why}"));
    }

    fn file(&mut self, file: TextsFile) -> Texts {
        if file.format_version != 1 {
            let version = file.format_version;
            self.wrong(
                0,
                format!("`format_version` is {version}; this version of rollcall reads 1"),
            );
        }
        let language = self.language(&file.language);
        let ToFile {
            address,
            security,
            tasks,
            pass,
        } = file.to;
        if let Some(attribute) = &pass {
            self.known(attribute.span().start, attribute.get_ref(), "`to.pass`");
        }
        if let Some(attribute) = &address {
            self.known(attribute.span().start, attribute.get_ref(), "`to.address`");
        }
        for (name, to) in [("security", &security), ("tasks", &tasks)] {
            if let Some(to) = to.as_ref().filter(|to| !is_address(to.get_ref())) {
                self.wrong(to.span().start, format!("`to.{name}` is no address"));
            }
        }
        let mut entries: Vec<Entry> = Vec::new();
        for notice in file.text {
            let at = notice.op.span().start;
            let Some(entry) = self.notice(notice, &language) else {
                continue;
            };
            let same = |it: &Entry| {
                (it.op, &it.when, &it.language) == (entry.op, &entry.when, &entry.language)
            };
            if entries.iter().any(same) {
                self.wrong(
                    at,
                    format!(
                        "{} has another text for the same occasion and language",
                        entry.op
                    ),
                );
            }
            let missing = match addressee(entry.op) {
                Addressee::Security => security.is_none().then_some("security"),
                Addressee::Tasks => tasks.is_none().then_some("tasks"),
                Addressee::Manager | Addressee::Worker | Addressee::Pass => None,
            };
            if let Some(name) = missing {
                self.wrong(at, format!("{}: say in `[to]` who `{name}` is", entry.op));
            }
            entries.push(entry);
        }
        self.complete(&entries, &language);
        let plain = |it: Option<Spanned<String>>| it.map(Spanned::into_inner);
        Texts {
            entries,
            language,
            address: plain(address),
            security: plain(security),
            tasks: plain(tasks),
            pass: plain(pass),
            hash: canonical(self.text),
        }
    }

    /// What an operation may be about has a text in the default language: nobody finds out at
    /// night that there is none.
    fn complete(&mut self, entries: &[Entry], language: &str) {
        let ops: BTreeSet<Op> = entries.iter().map(|entry| entry.op).collect();
        for op in ops {
            let has = |when: Option<&str>| {
                let mut all = entries.iter();
                all.any(|it| it.op == op && it.language == language && it.when.as_deref() == when)
            };
            if any_occasion(op) && has(None) {
                continue;
            }
            let first = (!any_occasion(op)).then_some(None);
            let all = first
                .into_iter()
                .chain(occasions(op).iter().map(|it| Some(*it)));
            for when in all.filter(|when| !has(*when)) {
                let what =
                    when.map_or_else(String::new, |when| format!(" with `when = \"{when}\"`"));
                self.problems.push(format!(
                    "{op} has no text{what} in the language `{language}`"
                ));
            }
        }
    }

    fn notice(&mut self, notice: NoticeFile, language: &str) -> Option<Entry> {
        let (at, op) = (notice.op.span().start, notice.op.into_inner());
        if !op.speaks() {
            self.wrong(
                at,
                format!(
                    "{op} tells nobody anything; notify.manager, notify.welcome, notify.security, \
                     task.manual and tap.issue do"
                ),
            );
            return None;
        }
        if let Some(when) = &notice.when
            && !occasions(op).contains(&when.get_ref().as_str())
        {
            let known = occasions(op).join(", ");
            let hint = if known.is_empty() {
                "it has one occasion only: leave `when` out".to_owned()
            } else {
                format!("there is {known}")
            };
            let when_at = when.span().start;
            self.wrong(when_at, format!("{op} has no such occasion; {hint}"));
        }
        let subject = self.template(&notice.subject, Kind::Text, op);
        if subject.as_ref().is_some_and(shows_pass) {
            let why = format!("{op}: a subject is read by everybody on its way: no {PASS} there");
            self.wrong(notice.subject.span().start, why);
        }
        let text = self.template(&notice.text, notice.kind, op);
        let written = notice.subject.get_ref();
        if written.trim().is_empty() || written.chars().count() > SUBJECT_MAX {
            let why = format!("{op}: a subject has 1 to {SUBJECT_MAX} characters");
            self.wrong(notice.subject.span().start, why);
        }
        if written.contains(['\n', '\r']) {
            let why = format!("{op}: a subject is one line");
            self.wrong(notice.subject.span().start, why);
        }
        if notice.text.get_ref().trim().is_empty() {
            self.wrong(notice.text.span().start, format!("{op}: the text is empty"));
        }
        let language = match &notice.language {
            Some(own) => self.language(own),
            None => language.to_owned(),
        };
        Some(Entry {
            op,
            when: notice.when.map(Spanned::into_inner),
            language,
            kind: notice.kind,
            subject: subject?,
            text: text?,
        })
    }

    /// A language tag, in lower case.
    fn language(&mut self, tag: &Spanned<String>) -> String {
        let text = tag.get_ref();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if text.len() < 2 || text.len() > 35 || !text.chars().all(plain) {
            let at = tag.span().start;
            self.wrong(at, "a language is a tag like `en` or `de-CH`");
        }
        text.to_ascii_lowercase()
    }

    fn template(&mut self, text: &Spanned<String>, kind: Kind, op: Op) -> Option<Template> {
        let span = text.span();
        // Where a piece of the text stands in the file.
        let place = |near: &str| {
            let found = self.text[span.clone()].find(near);
            span.start + found.unwrap_or_default()
        };
        match Template::parse(text.get_ref(), kind) {
            Ok(template) => {
                let slots: Vec<(usize, Slot)> = template
                    .slots()
                    .map(|slot| (place(&format!("{{{}", slot.written())), slot.clone()))
                    .collect();
                for (at, slot) in slots {
                    self.slot(at, &slot, op);
                }
                Some(template)
            }
            Err(wrong) => {
                let placed: Vec<_> = wrong.iter().map(|it| (place(&it.near), &it.why)).collect();
                for (at, why) in placed {
                    self.wrong(at, why);
                }
                None
            }
        }
    }

    fn slot(&mut self, at: usize, slot: &Slot, op: Op) {
        let written = format!("{{{}}}", slot.written());
        match slot.whose {
            Whose::Worker => self.known(at, &slot.name, &written),
            Whose::Manager if matches!(addressee(op), Addressee::Manager | Addressee::Pass) => {
                self.known(at, &slot.name, &written);
            }
            Whose::Manager => self.wrong(
                at,
                format!("{written}: only notify.manager and tap.issue know who the manager is"),
            ),
            Whose::Pass if op == Op::TapIssue && slot.name == "secret" => {}
            Whose::Pass => self.wrong(
                at,
                format!("{written}: there is {PASS}, in the text of tap.issue only"),
            ),
            Whose::Action if OF_ACTION.contains(&slot.name.as_str()) => {}
            Whose::Action => {
                let hint = suggest::hint(&slot.name, OF_ACTION);
                self.wrong(at, format!("{written}: an action has no such fact{hint}"));
            }
        }
    }

    /// Only what the mapping reads can be said of somebody.
    fn known(&mut self, at: usize, name: &str, written: &str) {
        if !self.words.contains(&name) {
            let hint = suggest::hint(name, self.words.iter().copied());
            self.wrong(
                at,
                format!("{written}: the mapping has no attribute `{name}`{hint}"),
            );
        }
    }
}

fn shows_pass(template: &Template) -> bool {
    template.slots().any(|slot| slot.whose == Whose::Pass)
}

/// SHA-256 over what is written, without comments and layout.
fn canonical(text: &str) -> String {
    #[derive(Serialize)]
    struct Canonical(toml::Table);

    let table: toml::Table = toml::from_str(text).unwrap_or_default();
    sha256(
        toml::to_string(&Canonical(table))
            .unwrap_or_default()
            .as_bytes(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPPING: &str = "format_version = 1\n[worker]\nkey = \"K\"\nstatus = \"S\"\n\
        [[attribute]]\ntarget = \"employeeId\"\nsource = \"K\"\n\
        [[attribute]]\ntarget = \"userPrincipalName\"\nconstant = \"a@x.example\"\n\
        [[attribute]]\ntarget = \"mailNickname\"\nconstant = \"a\"\n\
        [[attribute]]\ntarget = \"displayName\"\nsource = \"N\"\n";

    fn parse(text: &str) -> Result<Texts, TextsFileError> {
        let mapping = Mapping::parse(MAPPING, "mapping.toml").unwrap();
        Texts::parse(
            &format!("format_version = 1\n{text}"),
            "texts.toml",
            &mapping,
        )
    }

    fn welcome(rest: &str) -> String {
        format!("[[text]]\nop = \"notify.welcome\"\n{rest}")
    }

    /// What is written → what is said of it, with its line.
    #[test]
    fn every_mistake_has_its_line() {
        for (text, said) in [
            (
                welcome("subject = \"Hello\"\ntext = \"\"\"\nDear\n{worker.displayNam},\n\"\"\"\n"),
                "line 7: {worker.displayNam}: the mapping has no attribute `displayNam`; did you \
                 mean `displayName`?",
            ),
            (
                welcome("subject = \"{manager.displayName}\"\ntext = \"x\"\n"),
                "line 4: {manager.displayName}: only notify.manager and tap.issue",
            ),
            (
                welcome("subject = \"{action.tusk}\"\ntext = \"x\"\n"),
                "line 4: {action.tusk}: an action has no such fact; did you mean `task`?",
            ),
            (
                welcome("when = \"again\"\nsubject = \"x\"\ntext = \"x\"\n"),
                "line 4: notify.welcome has no such occasion",
            ),
            (
                welcome("subject = \"a\\nb\"\ntext = \"x\"\n"),
                "line 4: notify.welcome: a subject is one line",
            ),
            (
                welcome("subject = \"x\"\ntext = \"\"\n"),
                "line 5: notify.welcome: the text is empty",
            ),
            (
                "[[text]]\nop = \"user.disable\"\nsubject = \"x\"\ntext = \"x\"\n".to_owned(),
                "line 3: user.disable tells nobody anything",
            ),
            (
                "[[text]]\nop = \"task.manual\"\nsubject = \"x\"\ntext = \"x\"\n".to_owned(),
                "line 3: task.manual: say in `[to]` who `tasks` is",
            ),
            (
                "[[text]]\nop = \"notify.manager\"\nsubject = \"x\"\ntext = \"x\"\n".to_owned(),
                "notify.manager has no text with `when = \"hire_moved\"` in the language `en`",
            ),
            (
                "[to]\nsecurity = \"a b\"\n".to_owned(),
                "line 3: `to.security` is no address",
            ),
            (
                "[[text]]\nop = \"tap.issue\"\nsubject = \"{pass.secret}\"\ntext = \"x\"\n"
                    .to_owned(),
                "line 4: tap.issue: a subject is read by everybody on its way",
            ),
            (
                welcome("subject = \"x\"\ntext = \"{pass.secret}\"\n"),
                "line 5: {pass.secret}: there is {pass.secret}, in the text of tap.issue only",
            ),
            (
                "[[text]]\nop = \"tap.issue\"\nsubject = \"x\"\ntext = \"{pass.word}\"\n"
                    .to_owned(),
                "line 5: {pass.word}: there is {pass.secret}",
            ),
            (
                "[to]\npass = \"privateMail\"\n".to_owned(),
                "line 3: `to.pass`: the mapping has no attribute `privateMail`",
            ),
            (
                "[to]\naddress = \"mail\"\n".to_owned(),
                "line 3: `to.address`: the mapping has no attribute `mail`",
            ),
            (
                format!(
                    "{}{}",
                    welcome("subject = \"x\"\ntext = \"x\"\n"),
                    welcome("subject = \"y\"\ntext = \"y\"\n")
                ),
                "line 7: notify.welcome has another text",
            ),
        ] {
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}\n{error}");
        }
        let typo = parse(&welcome("subjct = \"x\"\ntext = \"x\"\n")).unwrap_err();
        assert!(typo.to_string().contains("line 4"), "{typo}");
    }

    #[test]
    fn comments_do_not_change_its_meaning() {
        let one = parse(&welcome("subject = \"x\"\ntext = \"x\"\n")).unwrap();
        let same = parse(&welcome("# why\ntext = \"x\"\nsubject = \"x\"\n")).unwrap();
        let other = parse(&welcome("subject = \"x\"\ntext = \"y\"\n")).unwrap();
        assert_eq!(one.hash(), same.hash());
        assert_ne!(one.hash(), other.hash());
    }
}
