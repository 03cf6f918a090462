//! A second reader of dynamic membership rules, written from the reference and from nothing else:
//! it reads the text and answers at once, one subject at a time, without a tree, types or an index.
//!
//! The tenant fills its dynamic groups by it, and what the product predicts is compared with that.
//! It only takes rules that are right, and of patterns those that Rust's regular expressions have
//! too.
//!
//! Source: "Manage rules for dynamic membership groups in Microsoft Entra ID" (entra-docs,
//! identity/users/groups-dynamic-membership).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use regex_lite::{Regex, RegexBuilder};
use serde_json::Value as Json;

/// Whether somebody is a member; `None` where the rule is not read here.
pub fn is_member(rule: &str, subject: &Json, now: Option<Timestamp>) -> Option<bool> {
    Rule::words_of(rule)?.holds(subject, now)
}

/// A rule, taken apart once for many subjects.
pub(crate) struct Rule {
    words: Vec<Word>,
    /// By their text.
    patterns: BTreeMap<String, Regex>,
}

impl Rule {
    /// Reads a rule about users, and checks all of it: properties, operators, operands, patterns.
    pub(crate) fn read(rule: &str) -> Option<Self> {
        let rule = Self::words_of(rule)?;
        let mut reader = rule.reader(&Json::Null, Some(Timestamp::UNIX_EPOCH));
        reader.checks = true;
        reader.either(None)?;
        (reader.at == rule.words.len()).then_some(rule)
    }

    fn words_of(rule: &str) -> Option<Self> {
        let words = words(rule)?;
        let mut patterns = BTreeMap::new();
        for pair in words.windows(2) {
            let [Word::Bare(operator), Word::Text(pattern)] = pair else {
                continue;
            };
            let compiled = RegexBuilder::new(pattern)
                .case_insensitive(true)
                .size_limit(PATTERN_BYTES)
                .build();
            // One that is none is told apart where it is asked.
            if let ("match" | "notmatch", Ok(compiled)) = (operator.as_str(), compiled) {
                patterns.insert(pattern.clone(), compiled);
            }
        }
        Some(Self { words, patterns })
    }

    fn reader<'a>(&'a self, subject: &'a Json, now: Option<Timestamp>) -> Reader<'a> {
        Reader {
            words: &self.words,
            patterns: &self.patterns,
            at: 0,
            subject,
            now,
            checks: false,
        }
    }

    /// Whether somebody is a member; `None` where nobody can say.
    pub(crate) fn holds(&self, subject: &Json, now: Option<Timestamp>) -> Option<bool> {
        let mut reader = self.reader(subject, now);
        let holds = reader.either(None)?;
        (reader.at == self.words.len()).then_some(holds)
    }
}

/// What a compiled pattern takes at most.
const PATTERN_BYTES: usize = 64 * 1024;

/// Properties of users by their type, lower case. Extensions are texts too.
const BOOLEANS: [&str; 2] = ["accountenabled", "dirsyncenabled"];
const INSTANTS: [&str; 1] = ["employeehiredate"];
const LISTS: [&str; 2] = ["othermails", "proxyaddresses"];
const TEXTS: [&str; 28] = [
    "city",
    "companyname",
    "country",
    "department",
    "displayname",
    "employeeid",
    "facsimiletelephonenumber",
    "givenname",
    "jobtitle",
    "mail",
    "mailnickname",
    "mobile",
    "objectid",
    "onpremisesdistinguishedname",
    "onpremisessecurityidentifier",
    "passwordpolicies",
    "physicaldeliveryofficename",
    "postalcode",
    "preferredlanguage",
    "sipproxyaddress",
    "state",
    "streetaddress",
    "surname",
    "telephonenumber",
    "usagelocation",
    "userprincipalname",
    "usertype",
    "_",
];

fn is_text(property: &str) -> bool {
    let numbered = property
        .strip_prefix("extensionattribute")
        .and_then(|n| n.parse().ok());
    TEXTS.contains(&property)
        || numbered.is_some_and(|n: u8| (1..=15).contains(&n))
        || crate::body::is_extension(property)
}

/// Whether a name is one of a user's properties, or of what stands in a collection.
fn is_property(name: &str, item: bool) -> bool {
    if item {
        return match name.split_once('.') {
            None => name == "_",
            Some(("assignedplan", part)) => {
                matches!(part, "capabilitystatus" | "service" | "serviceplanid")
            }
            Some(_) => false,
        };
    }
    let Some(name) = name.strip_prefix("user.") else {
        return false;
    };
    (is_text(name) && name != "_")
        || BOOLEANS.contains(&name)
        || INSTANTS.contains(&name)
        || LISTS.contains(&name)
        || name == "assignedplans"
}

/// Whether an operator may stand between a property and an operand.
fn fits(
    property: &str,
    operator: &str,
    operand: &Operand,
    patterns: &BTreeMap<String, Regex>,
) -> bool {
    let list = matches!(operand, Operand::List(_));
    let equality = matches!(operator, "eq" | "ne");
    match operand {
        Operand::Null => return equality,
        Operand::Now(_) => {
            return INSTANTS.contains(&property) && matches!(operator, "le" | "ge");
        }
        Operand::List(_) | Operand::Text(_) => {}
    }
    if BOOLEANS.contains(&property) {
        let Operand::Text(text) = operand else {
            return false;
        };
        return equality && matches!(text.to_lowercase().as_str(), "true" | "false");
    }
    if INSTANTS.contains(&property) {
        let Operand::Text(text) = operand else {
            return false;
        };
        return (equality || matches!(operator, "le" | "ge")) && instant(text).is_some();
    }
    match operator {
        "eq" | "ne" | "startswith" | "notstartswith" | "endswith" | "notendswith" | "contains"
        | "notcontains" => !list,
        "in" | "notin" => list,
        "match" | "notmatch" => {
            matches!(operand, Operand::Text(text) if patterns.contains_key(text))
        }
        _ => false,
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Word {
    Sign(char),
    /// In quotation marks.
    Text(String),
    /// Anything else, its dash taken off.
    Bare(String),
}

fn words(rule: &str) -> Option<Vec<Word>> {
    let chars: Vec<char> = rule.chars().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        if c.is_whitespace() {
            at += 1;
        } else if "()[],".contains(c) {
            out.push(Word::Sign(c));
            at += 1;
        } else if c == '"' || c == '\'' {
            let mut text = String::new();
            at += 1;
            loop {
                let here = *chars.get(at)?;
                let next = chars.get(at + 1).copied();
                if here == '`' && next == Some('"') && c == '"' {
                    text.push('"');
                    at += 2;
                } else if here == '\'' && next == Some('\'') {
                    text.push('\'');
                    at += 2;
                } else if here == c {
                    at += 1;
                    break;
                } else {
                    text.push(here);
                    at += 1;
                }
            }
            out.push(Word::Text(text));
        } else {
            let begun = at;
            while at < chars.len() && !chars[at].is_whitespace() && !"()[],\"'".contains(chars[at])
            {
                at += 1;
            }
            let text: String = chars[begun..at].iter().collect();
            let text = text.strip_prefix(['-', '–']).unwrap_or(&text);
            out.push(Word::Bare(text.to_lowercase()));
        }
    }
    Some(out)
}

struct Reader<'a> {
    words: &'a [Word],
    patterns: &'a BTreeMap<String, Regex>,
    at: usize,
    subject: &'a Json,
    now: Option<Timestamp>,
    /// Whether all of it is looked at, and not only what the subject asks for.
    checks: bool,
}

/// An item of a collection, while its body is read.
type Item<'a> = Option<&'a Json>;

impl Reader<'_> {
    fn bare(&self) -> Option<&str> {
        match self.words.get(self.at) {
            Some(Word::Bare(word)) => Some(word),
            _ => None,
        }
    }

    fn takes(&mut self, word: &str) -> bool {
        let is = self.bare() == Some(word);
        self.at += usize::from(is);
        is
    }

    fn sign(&mut self, sign: char) -> bool {
        let is = self.words.get(self.at) == Some(&Word::Sign(sign));
        self.at += usize::from(is);
        is
    }

    fn either(&mut self, item: Item<'_>) -> Option<bool> {
        let mut holds = self.both(item)?;
        while self.takes("or") {
            holds |= self.both(item)?;
        }
        Some(holds)
    }

    fn both(&mut self, item: Item<'_>) -> Option<bool> {
        let mut holds = self.not(item)?;
        while self.takes("and") {
            holds &= self.not(item)?;
        }
        Some(holds)
    }

    fn not(&mut self, item: Item<'_>) -> Option<bool> {
        if self.takes("not") {
            return Some(!self.not(item)?);
        }
        if self.sign('(') {
            let holds = self.either(item)?;
            return self.sign(')').then_some(holds);
        }
        self.comparison(item)
    }

    fn comparison(&mut self, item: Item<'_>) -> Option<bool> {
        let name = self.bare()?.to_owned();
        self.at += 1;
        if name == "direct" {
            let shape = self.takes("reports") && self.takes("for");
            let Some(Word::Text(id)) = self.words.get(self.at).filter(|_| shape) else {
                return None;
            };
            self.at += 1;
            // Alone, and about somebody.
            if self.checks && (self.words.len() != 4 || id.is_empty()) {
                return None;
            }
            let manager = text(member_of(self.subject, "manager"));
            let same = |manager: String| manager.to_lowercase() == id.to_lowercase();
            return Some(manager.is_some_and(same));
        }
        if self.checks && !is_property(&name, item.is_some()) {
            return None;
        }
        let value = match item {
            Some(item) if name == "_" || name == "group.objectid" => Some(item),
            Some(item) => member_of(item, name.rsplit('.').next()?),
            None => member_of(self.subject, name.split_once('.')?.1),
        };
        let value = value.filter(|value| !value.is_null());
        let operator = self.bare()?.to_owned();
        self.at += 1;
        if operator == "any" || operator == "all" {
            let many = |name: &str| {
                let name = name.strip_prefix("user.").unwrap_or_default();
                item.is_none() && (LISTS.contains(&name) || name == "assignedplans")
            };
            if self.checks && !many(&name) {
                return None;
            }
            return self.items(value, operator == "all");
        }
        let operand = self.operand()?;
        if self.checks {
            let name = name.rsplit('.').next()?;
            let one = is_text(name) || BOOLEANS.contains(&name) || INSTANTS.contains(&name);
            let one = one || LISTS.contains(&name) || item.is_some();
            if !one || !fits(name, &operator, &operand, self.patterns) {
                return None;
            }
        }
        let positive = operator.strip_prefix("not").unwrap_or(&operator);
        let (positive, negated) = match positive {
            "ne" => ("eq", true),
            other => (other, operator.starts_with("not")),
        };
        let list: Vec<&Json> = match value {
            None => Vec::new(),
            Some(Json::Array(items)) => items.iter().collect(),
            Some(one) => vec![one],
        };
        let mut holds = false;
        if operand == Operand::Null {
            holds = value.is_none();
        }
        for value in list {
            holds |= self.compares(positive, value, &operand)?;
        }
        Some(holds != negated)
    }

    /// The body once for each item; its words are the same every time.
    fn items(&mut self, value: Option<&Json>, every: bool) -> Option<bool> {
        let begun = self.at;
        let items: Vec<&Json> = match value {
            Some(Json::Array(items)) => items.iter().collect(),
            Some(one) => vec![one],
            None => Vec::new(),
        };
        let mut answers = Vec::new();
        for item in &items {
            self.at = begun;
            answers.push(self.body(item)?);
        }
        self.at = begun;
        // Where nothing is asked the words are read all the same.
        self.body(&Json::Null)?;
        Some(if every {
            answers.iter().all(|holds| *holds)
        } else {
            answers.iter().any(|holds| *holds)
        })
    }

    fn body(&mut self, item: &Json) -> Option<bool> {
        if self.sign('(') {
            let holds = self.either(Some(item))?;
            return self.sign(')').then_some(holds);
        }
        self.comparison(Some(item))
    }

    fn operand(&mut self) -> Option<Operand> {
        if self.sign('[') {
            let mut texts = Vec::new();
            loop {
                texts.push(self.plain()?);
                if self.sign(']') {
                    return Some(Operand::List(texts));
                }
                if !self.sign(',') {
                    return None;
                }
            }
        }
        let open = self.sign('(');
        if self.takes("system.now") {
            let mut seconds = 0;
            for (word, sign) in [("plus", 1), ("minus", -1)] {
                if self.takes(word) {
                    // No instant is further away than a million years.
                    let length = length(self.bare()?).filter(|it| *it < 31_557_600_000_000)?;
                    seconds = sign * length;
                    self.at += 1;
                }
            }
            if open && !self.sign(')') {
                return None;
            }
            return Some(Operand::Now(seconds));
        }
        if open {
            return None;
        }
        if self.takes("null") || self.takes("$null") {
            return Some(Operand::Null);
        }
        Some(Operand::Text(self.plain()?))
    }

    fn plain(&mut self) -> Option<String> {
        let text = match self.words.get(self.at)? {
            // Only texts need quotation marks.
            Word::Bare(word)
                if self.checks
                    && !matches!(word.as_str(), "true" | "false")
                    && !word.bytes().all(|b| b.is_ascii_digit())
                    && instant(word).is_none() =>
            {
                return None;
            }
            Word::Text(text) | Word::Bare(text) => text.clone(),
            Word::Sign(_) => return None,
        };
        self.at += 1;
        Some(text)
    }

    fn compares(&self, operator: &str, value: &Json, operand: &Operand) -> Option<bool> {
        let value = text(Some(value))?;
        let texts: Vec<&str> = match operand {
            Operand::Null => return Some(false),
            Operand::Now(seconds) => {
                let then = self
                    .now?
                    .checked_add(SignedDuration::from_secs(*seconds))
                    .ok()?;
                return order(operator, instant(&value)?, then);
            }
            Operand::List(texts) => texts.iter().map(String::as_str).collect(),
            Operand::Text(text) => vec![text],
        };
        let folded = value.to_lowercase();
        let mut holds = false;
        for text in texts {
            let text = text.to_lowercase();
            holds |= match operator {
                "eq" => match (instant(&value), instant(&text)) {
                    (Some(value), Some(text)) => value == text,
                    _ => folded == text,
                },
                "in" => folded == text,
                "startswith" => folded.starts_with(&text),
                "endswith" => folded.ends_with(&text),
                "contains" => folded.contains(&text),
                "match" => {
                    let Operand::Text(pattern) = operand else {
                        return None;
                    };
                    self.patterns.get(pattern)?.is_match(&value)
                }
                _ => order(operator, instant(&value)?, instant(&text)?)?,
            };
        }
        Some(holds)
    }
}

fn order(operator: &str, value: Timestamp, other: Timestamp) -> Option<bool> {
    match operator {
        "le" => Some(value <= other),
        "ge" => Some(value >= other),
        "eq" => Some(value == other),
        _ => None,
    }
}

#[derive(Debug, PartialEq)]
enum Operand {
    Null,
    Text(String),
    List(Vec<String>),
    /// Seconds from now.
    Now(i64),
}

/// A date-time with its zone.
fn instant(text: &str) -> Option<Timestamp> {
    text.to_uppercase().parse().ok()
}

fn text(value: Option<&Json>) -> Option<String> {
    match value? {
        Json::String(text) => Some(text.clone()),
        Json::Bool(_) | Json::Number(_) => Some(value?.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

fn member_of<'j>(object: &'j Json, name: &str) -> Option<&'j Json> {
    let members = object.as_object()?;
    members
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// Seconds of `p1dt6h`.
fn length(duration: &str) -> Option<i64> {
    let mut seconds: i64 = 0;
    let mut digits = String::new();
    let mut time = false;
    for c in duration.strip_prefix('p')?.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        if c == 't' {
            time = true;
            continue;
        }
        let number: i64 = digits.parse().ok()?;
        digits.clear();
        let unit = match (c, time) {
            ('w', false) => 604_800,
            ('d', false) => 86_400,
            ('h', true) => 3600,
            ('m', true) => 60,
            ('s', true) => 1,
            _ => return None,
        };
        seconds = number.checked_mul(unit)?.checked_add(seconds)?;
    }
    Some(seconds)
}
