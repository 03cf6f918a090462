//! `$filter`: comparisons over all levels, as the service takes them.
//!
//! Source: KBA 2920680: every comparison is true when any slice makes it true, each for itself.

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::Value;

use super::query::{Refused, unknown};
use super::schema::{Entity, Kind};

/// A condition.
#[derive(Debug)]
pub(crate) enum Test {
    Or(Vec<Test>),
    And(Vec<Test>),
    Compare(Vec<String>, Sign, Literal),
    In(Vec<String>, Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Literal {
    Null,
    Flag(bool),
    Text(String),
    /// Milliseconds since 1970.
    Moment(i64),
    Number(f64),
}

struct Reader<'a> {
    rest: &'a str,
    root: &'static Entity,
}

fn bad(text: &str) -> Refused {
    (
        400,
        "COE_GENERAL_BAD_REQUEST",
        format!("[COE0018]Invalid filter: {text}"),
    )
}

/// Reads a filter about an entity.
pub(crate) fn read(text: &str, root: &'static Entity) -> Result<Test, Refused> {
    let mut reader = Reader { rest: text, root };
    let test = reader.or()?;
    if reader.rest.trim().is_empty() {
        Ok(test)
    } else {
        Err(bad("something follows its end"))
    }
}

impl<'a> Reader<'a> {
    fn eat(&mut self, word: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(word) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn or(&mut self) -> Result<Test, Refused> {
        let mut any = vec![self.and()?];
        while self.eat("or ") {
            any.push(self.and()?);
        }
        Ok(Test::Or(any))
    }

    fn and(&mut self) -> Result<Test, Refused> {
        let mut all = vec![self.one()?];
        while self.eat("and ") {
            all.push(self.one()?);
        }
        Ok(Test::And(all))
    }

    fn one(&mut self) -> Result<Test, Refused> {
        if self.eat("(") {
            let inner = self.or()?;
            return if self.eat(")") {
                Ok(inner)
            } else {
                Err(bad("a bracket is open"))
            };
        }
        let word = self.word();
        let path: Vec<String> = word.split('/').map(str::to_owned).collect();
        let kind = self.kind(&path)?;
        if self.eat("in ") {
            let mut keys = vec![self.quoted()?];
            while self.eat(",") {
                keys.push(self.quoted()?);
            }
            return Ok(Test::In(path, keys));
        }
        let signs = [
            ("eq ", Sign::Eq),
            ("ne ", Sign::Ne),
            ("gt ", Sign::Gt),
            ("ge ", Sign::Ge),
            ("lt ", Sign::Lt),
            ("le ", Sign::Le),
        ];
        let sign = signs
            .into_iter()
            .find(|(word, _)| self.eat(word))
            .map(|(_, it)| it);
        let sign = sign.ok_or_else(|| bad("no comparison"))?;
        let literal = self.literal(kind)?;
        Ok(Test::Compare(path, sign, literal))
    }

    fn word(&mut self) -> &'a str {
        self.rest = self.rest.trim_start();
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '/' || c == '_'));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    fn quoted(&mut self) -> Result<String, Refused> {
        if !self.eat("'") {
            return Err(bad("a text is expected"));
        }
        let mut out = String::new();
        let mut chars = self.rest.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if c != '\'' {
                out.push(c);
            } else if chars.peek().is_some_and(|(_, next)| *next == '\'') {
                out.push('\'');
                chars.next();
            } else {
                self.rest = &self.rest[at + 1..];
                return Ok(out);
            }
        }
        Err(bad("a text has no end"))
    }

    fn literal(&mut self, kind: Kind) -> Result<Literal, Refused> {
        for (word, literal) in [
            ("null", Literal::Null),
            ("true", Literal::Flag(true)),
            ("false", Literal::Flag(false)),
        ] {
            if self.eat(word) {
                return Ok(literal);
            }
        }
        if self.eat("datetimeoffset") {
            let at: Timestamp = self.quoted()?.parse().map_err(|_| bad("no instant"))?;
            return if kind == Kind::Instant {
                Ok(Literal::Moment(at.as_millisecond()))
            } else {
                Err(bad("an instant is compared with another type"))
            };
        }
        if self.eat("datetime") {
            let at: DateTime = self.quoted()?.parse().map_err(|_| bad("no day"))?;
            let at = at
                .to_zoned(jiff::tz::TimeZone::UTC)
                .map_err(|_| bad("no day"))?;
            return if kind == Kind::Day {
                Ok(Literal::Moment(at.timestamp().as_millisecond()))
            } else {
                Err(bad("a day is compared with another type"))
            };
        }
        if self.rest.trim_start().starts_with('\'') {
            return Ok(Literal::Text(self.quoted()?));
        }
        self.word()
            .parse()
            .map(Literal::Number)
            .map_err(|_| bad("no value"))
    }

    fn kind(&self, path: &[String]) -> Result<Kind, Refused> {
        let (last, navs) = path
            .split_last()
            .ok_or_else(|| bad("nothing is compared"))?;
        let mut here = self.root;
        for name in navs {
            here = here.nav(name).ok_or_else(|| unknown(here, name))?.0;
        }
        here.property(last).ok_or_else(|| unknown(here, last))
    }
}

/// Whether a person meets a condition.
pub(crate) fn holds(test: &Test, person: &Value) -> bool {
    match test {
        Test::Or(any) => any.iter().any(|it| holds(it, person)),
        Test::And(all) => all.iter().all(|it| holds(it, person)),
        Test::In(path, keys) => values(person, path).iter().any(|it| {
            it.as_str()
                .is_some_and(|it| keys.iter().any(|key| key == it))
        }),
        Test::Compare(path, sign, literal) => {
            let found = values(person, path);
            if *literal == Literal::Null {
                let some = found.iter().any(|it| !it.is_null());
                return if *sign == Sign::Ne { some } else { !some };
            }
            found.iter().any(|it| compare(it, *sign, literal))
        }
    }
}

/// Everything at a path, of all items of lists.
fn values<'v>(entity: &'v Value, path: &[String]) -> Vec<&'v Value> {
    let Some((name, rest)) = path.split_first() else {
        return vec![entity];
    };
    let Some(next) = entity.get(name) else {
        return Vec::new();
    };
    match next.get("results").and_then(Value::as_array) {
        Some(items) => items.iter().flat_map(|it| values(it, rest)).collect(),
        None => values(next, rest),
    }
}

fn compare(value: &Value, sign: Sign, literal: &Literal) -> bool {
    let order = match literal {
        Literal::Moment(at) => value.as_str().and_then(moment).map(|it| it.cmp(at)),
        Literal::Text(text) => value.as_str().map(|it| it.cmp(text.as_str())),
        Literal::Flag(flag) => value.as_bool().map(|it| it.cmp(flag)),
        Literal::Number(number) => value.as_f64().and_then(|it| it.partial_cmp(number)),
        Literal::Null => None,
    };
    let Some(order) = order else { return false };
    match sign {
        Sign::Eq => order.is_eq(),
        Sign::Ne => order.is_ne(),
        Sign::Gt => order.is_gt(),
        Sign::Ge => order.is_ge(),
        Sign::Lt => order.is_lt(),
        Sign::Le => order.is_le(),
    }
}

/// Milliseconds of `/Date(…)/`.
pub(crate) fn moment(text: &str) -> Option<i64> {
    let inside = text.strip_prefix("/Date(")?.strip_suffix(")/")?;
    let end = inside[1..].find('+').map_or(inside.len(), |at| at + 1);
    inside[..end].parse().ok()
}
