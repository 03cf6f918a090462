//! Reading paths.

use std::fmt;

use super::{Literal, Op, Step, Test};

/// Longest path, in bytes.
const LENGTH_MAX: usize = 1024;
/// Deepest nesting of conditions.
const DEPTH_MAX: usize = 32;
/// What begins the names of SCIM's own attributes, which stand at the root.
const CORE: &str = "urn:ietf:params:scim:schemas:core:";

/// A text that is no path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathError {
    /// Where, in bytes from 0.
    pub at: usize,
    /// What was expected there.
    pub expected: &'static str,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "at character {}: {} is expected",
            self.at + 1,
            self.expected
        )
    }
}

impl std::error::Error for PathError {}

pub(super) fn steps(text: &str) -> Result<Vec<Step>, PathError> {
    if text.len() > LENGTH_MAX {
        return Err(PathError {
            at: text.floor_char_boundary(LENGTH_MAX),
            expected: "the end: a path has 1,024 bytes at most",
        });
    }
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
    };
    let mut out = Vec::new();
    if reader.skip("$") {
        reader.json_path(&mut out)?;
    } else {
        if text
            .get(..4)
            .is_some_and(|it| it.eq_ignore_ascii_case("urn:"))
        {
            reader.schema(&mut out)?;
        }
        reader.attribute(&mut out)?;
    }
    if reader.rest().is_empty() {
        Ok(out)
    } else {
        Err(reader.expected("`.`, `[` or the end"))
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn expected(&self, expected: &'static str) -> PathError {
        PathError {
            at: self.at,
            expected,
        }
    }

    fn skip(&mut self, token: &str) -> bool {
        let there = self.rest().starts_with(token);
        if there {
            self.at += token.len();
        }
        there
    }

    fn want(&mut self, token: &str, expected: &'static str) -> Result<(), PathError> {
        if self.skip(token) {
            Ok(())
        } else {
            Err(self.expected(expected))
        }
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    /// Characters as long as they fit.
    fn run(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, PathError>,
    ) -> Result<T, PathError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.expected("less nesting"));
        }
        let out = read(self);
        self.depth -= 1;
        out
    }

    /// The URN of a schema in front of an attribute: everything up to the last colon before a
    /// condition.
    fn schema(&mut self, out: &mut Vec<Step>) -> Result<(), PathError> {
        let head = self.text.split('[').next().unwrap_or_default();
        let end = head.rfind(':').unwrap_or_default();
        if head.matches(':').count() < 3 {
            self.at = end.max("urn:".len());
            return Err(self.expected("a schema and the name of an attribute"));
        }
        let urn = &head[..end];
        let is_core = urn
            .get(..CORE.len())
            .is_some_and(|it| it.eq_ignore_ascii_case(CORE));
        if !is_core {
            out.push(Step::Member(urn.into()));
        }
        self.at = end + 1;
        Ok(())
    }

    /// Names with dots between, and conditions of SCIM behind them.
    fn attribute(&mut self, out: &mut Vec<Step>) -> Result<(), PathError> {
        loop {
            out.push(Step::Member(self.dotted_name()?.into()));
            if self.skip("[") {
                let test = self.deeper(|it| it.any(Grammar::Scim))?;
                self.space();
                self.want("]", "`]`")?;
                out.push(Step::Where(test));
            }
            if !self.skip(".") {
                return Ok(());
            }
        }
    }

    /// A name of a dotted path; one with `@` in it keeps its next dot.
    fn dotted_name(&mut self) -> Result<&'a str, PathError> {
        let from = self.at;
        let fits =
            |c: char| !c.is_whitespace() && !matches!(c, '.' | '[' | ']' | '(' | ')' | '"' | '\'');
        let name = self.run(fits);
        if name.contains('@') && self.skip(".") {
            let behind = self.at;
            self.run(fits);
            if self.at == behind {
                return Err(self.expected("a name"));
            }
        }
        if self.at == from {
            return Err(self.expected("a name"));
        }
        Ok(&self.text[from..self.at])
    }

    /// What stands behind `$` or `@`.
    fn json_path(&mut self, out: &mut Vec<Step>) -> Result<(), PathError> {
        loop {
            if self.skip(".") {
                out.push(if self.skip("*") {
                    Step::Every
                } else {
                    Step::Member(self.short_name()?.into())
                });
            } else if self.skip("[") {
                let step = self.deeper(Self::selector)?;
                self.space();
                self.want("]", "`]`")?;
                out.push(step);
            } else {
                return Ok(());
            }
        }
    }

    fn short_name(&mut self) -> Result<&'a str, PathError> {
        let first = |c: char| c.is_alphabetic() || c == '_' || !c.is_ascii();
        if !self.rest().starts_with(first) {
            return Err(self.expected("a name"));
        }
        Ok(self.run(|c| first(c) || c.is_ascii_digit()))
    }

    fn selector(&mut self) -> Result<Step, PathError> {
        self.space();
        if self.skip("*") {
            return Ok(Step::Every);
        }
        if self.skip("?") {
            return Ok(Step::Where(self.any(Grammar::Json)?));
        }
        if self.rest().starts_with(['\'', '"']) {
            return Ok(Step::Member(self.quoted()?));
        }
        let from = self.at;
        let _minus = self.skip("-");
        self.run(|c| c.is_ascii_digit());
        let number = self.text[from..self.at].parse();
        number.map(Step::Index).map_err(|_| PathError {
            at: from,
            expected: "a name in quotes, a number, `*` or `?`",
        })
    }

    fn quoted(&mut self) -> Result<Box<str>, PathError> {
        let quote = self
            .rest()
            .chars()
            .next()
            .filter(|c| matches!(c, '"' | '\''));
        let Some(quote) = quote else {
            return Err(self.expected("text in quotes"));
        };
        self.at += 1;
        let mut out = String::new();
        loop {
            let Some(c) = self.rest().chars().next() else {
                return Err(self.expected("the end of the quotes"));
            };
            self.at += c.len_utf8();
            match c {
                '\\' => out.push(self.escaped()?),
                c if c == quote => return Ok(out.into()),
                c => out.push(c),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, PathError> {
        let c = self.rest().chars().next();
        let out = match c {
            Some(c @ ('\\' | '/' | '"' | '\'')) => c,
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some(_) | None => return Err(self.expected("one of \\ / \" ' n t r")),
        };
        self.at += 1;
        Ok(out)
    }

    /// Conditions with `or` between.
    fn any(&mut self, grammar: Grammar) -> Result<Test, PathError> {
        let mut out = self.all(grammar)?;
        while self.word(grammar, "||", "or") {
            let other = self.all(grammar)?;
            out = Test::Or(Box::new(out), Box::new(other));
        }
        Ok(out)
    }

    fn all(&mut self, grammar: Grammar) -> Result<Test, PathError> {
        let mut out = self.single(grammar)?;
        while self.word(grammar, "&&", "and") {
            let other = self.single(grammar)?;
            out = Test::And(Box::new(out), Box::new(other));
        }
        Ok(out)
    }

    /// An operator of one grammar or the word of the other.
    fn word(&mut self, grammar: Grammar, sign: &str, word: &str) -> bool {
        self.space();
        match grammar {
            Grammar::Json => self.skip(sign),
            Grammar::Scim => self.named(word),
        }
    }

    /// A word of SCIM, in any case, with no letter behind it.
    fn named(&mut self, word: &str) -> bool {
        let rest = self.rest();
        let there = rest
            .get(..word.len())
            .is_some_and(|it| it.eq_ignore_ascii_case(word))
            && !rest[word.len()..].starts_with(|c: char| c.is_alphanumeric());
        if there {
            self.at += word.len();
        }
        there
    }

    fn single(&mut self, grammar: Grammar) -> Result<Test, PathError> {
        self.space();
        let not = match grammar {
            Grammar::Json => !self.rest().starts_with("!=") && self.skip("!"),
            Grammar::Scim => self.named("not"),
        };
        if not {
            let test = self.deeper(|it| it.single(grammar))?;
            return Ok(Test::Not(Box::new(test)));
        }
        if self.skip("(") {
            let test = self.deeper(|it| it.any(grammar))?;
            self.space();
            self.want(")", "`)`")?;
            return Ok(test);
        }
        match grammar {
            Grammar::Json => self.json_comparison(),
            Grammar::Scim => self.scim_comparison(),
        }
    }

    fn json_comparison(&mut self) -> Result<Test, PathError> {
        self.want("@", "`@`, `(` or `!`")?;
        let mut steps = Vec::new();
        self.json_path(&mut steps)?;
        self.space();
        let signs = [
            ("==", Op::Equal),
            ("!=", Op::Differs),
            ("<=", Op::LessOrEqual),
            (">=", Op::MoreOrEqual),
            ("<", Op::Less),
            (">", Op::More),
        ];
        let op = signs.into_iter().find(|(sign, _)| self.skip(sign));
        let Some((_, op)) = op else {
            return Ok(Test::Has(steps));
        };
        self.space();
        let literal = self.literal()?;
        Ok(Test::Compare(steps, op, literal))
    }

    fn scim_comparison(&mut self) -> Result<Test, PathError> {
        let mut steps = Vec::new();
        loop {
            steps.push(Step::Member(self.dotted_name()?.into()));
            if !self.skip(".") {
                break;
            }
        }
        self.space();
        if self.named("pr") {
            return Ok(Test::Has(steps));
        }
        let words = [
            ("eq", Op::Equal),
            ("ne", Op::Differs),
            ("le", Op::LessOrEqual),
            ("ge", Op::MoreOrEqual),
            ("lt", Op::Less),
            ("gt", Op::More),
            ("co", Op::Contains),
            ("sw", Op::Begins),
            ("ew", Op::Ends),
        ];
        let op = words.into_iter().find(|(word, _)| self.named(word));
        let Some((_, op)) = op else {
            return Err(self.expected("one of eq ne co sw ew gt ge lt le pr"));
        };
        self.space();
        let literal = match self.literal()? {
            Literal::Text(text) => Literal::Folded(text.to_lowercase().into()),
            other
            @ (Literal::Folded(_) | Literal::Number(_) | Literal::Bool(_) | Literal::Null) => other,
        };
        Ok(Test::Compare(steps, op, literal))
    }

    fn literal(&mut self) -> Result<Literal, PathError> {
        if self.rest().starts_with(['\'', '"']) {
            return self.quoted().map(Literal::Text);
        }
        let from = self.at;
        let word = self.run(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'));
        match word {
            "true" => Ok(Literal::Bool(true)),
            "false" => Ok(Literal::Bool(false)),
            "null" => Ok(Literal::Null),
            _ => match serde_json::from_str::<f64>(word) {
                Ok(number) => Ok(Literal::Number(number)),
                Err(_) => Err(PathError {
                    at: from,
                    expected: "text in quotes, a number, true, false or null",
                }),
            },
        }
    }
}

/// Whose words conditions are in.
#[derive(Clone, Copy)]
enum Grammar {
    Json,
    Scim,
}
