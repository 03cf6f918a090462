//! The scope of a Lifecycle Workflow, an OData filter over users, as a rule over workers.
//!
//! `and`, `or`, `not (…)`, `eq`, `ne`, `in`, `startsWith`; lambdas have no counterpart. Invariant: a
//! part that cannot be said makes the whole scope one that cannot, for without it the rule would
//! take in more people.

use std::collections::{BTreeMap, BTreeSet};

use crate::rules::quote;

/// Depth of parentheses, as the rules have it.
const DEPTH_MAX: usize = 64;

/// A scope as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    And(Vec<Scope>),
    Or(Vec<Scope>),
    Not(Box<Scope>),
    Is { property: String, test: Test },
}

/// What is asked of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    Equals(Literal),
    Differs(Literal),
    In(Vec<Literal>),
    StartsWith(String),
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Literal {
    Text(String),
    Null,
    /// `true`, `false`, a number: no property of a worker is one.
    Other(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    Comma,
    Word(String),
    Text(String),
}

/// Why a scope cannot be said, with the place in it, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) why: String,
}

fn fault<T>(at: usize, why: impl Into<String>) -> Result<T, Fault> {
    Err(Fault {
        at: at + 1,
        why: why.into(),
    })
}

/// Words, texts and marks with their places in characters.
fn tokens(rule: &str) -> Result<Vec<(usize, Token)>, Fault> {
    let chars: Vec<char> = rule.chars().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let start = at;
        at += 1;
        let token = match c {
            c if c.is_whitespace() => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            ',' => Token::Comma,
            '\'' => {
                let mut text = String::new();
                loop {
                    match (chars.get(at), chars.get(at + 1)) {
                        (Some('\''), Some('\'')) => {
                            text.push('\'');
                            at += 2;
                        }
                        (Some('\''), _) => {
                            at += 1;
                            break;
                        }
                        (Some(other), _) => {
                            text.push(*other);
                            at += 1;
                        }
                        (None, _) => return fault(start, "a text has no closing quote"),
                    }
                }
                Token::Text(text)
            }
            '"' => {
                return fault(start, "texts stand in single quotes: 'Sales'");
            }
            _ => {
                let word = |c: &&char| !c.is_whitespace() && !"(),'\"".contains(**c);
                let more = chars[at..].iter().take_while(word).count();
                at += more;
                Token::Word(chars[start..at].iter().collect())
            }
        };
        out.push((start, token));
    }
    Ok(out)
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    end: usize,
    depth: usize,
}

impl Parser {
    fn place(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |(at, _)| *at)
    }

    fn take(&mut self) -> Option<(usize, Token)> {
        let token = self.tokens.get(self.next).cloned();
        self.next += usize::from(token.is_some());
        token
    }

    fn is_word(&self, word: &str) -> bool {
        let token = self.tokens.get(self.next);
        matches!(token, Some((_, Token::Word(it))) if it.eq_ignore_ascii_case(word))
    }

    fn word_if(&mut self, word: &str) -> bool {
        let is = self.is_word(word);
        self.next += usize::from(is);
        is
    }

    fn expect(&mut self, wanted: &Token, name: &str) -> Result<(), Fault> {
        let at = self.place();
        match self.take() {
            Some((_, token)) if token == *wanted => Ok(()),
            _ => fault(at, format!("{name} is missing here")),
        }
    }

    fn any(&mut self) -> Result<Scope, Fault> {
        let mut parts = vec![self.all()?];
        while self.word_if("or") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Scope::Or))
    }

    fn all(&mut self) -> Result<Scope, Fault> {
        let mut parts = vec![self.part()?];
        while self.word_if("and") {
            parts.push(self.part()?);
        }
        Ok(one_or(parts, Scope::And))
    }

    fn part(&mut self) -> Result<Scope, Fault> {
        let at = self.place();
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return fault(at, "too many parentheses within each other");
        }
        let out = if self.word_if("not") {
            self.part().map(|part| Scope::Not(Box::new(part)))
        } else if matches!(self.tokens.get(self.next), Some((_, Token::Open))) {
            self.next += 1;
            let inner = self.any()?;
            self.expect(&Token::Close, "`)`")?;
            Ok(inner)
        } else {
            self.comparison()
        };
        self.depth -= 1;
        out
    }

    fn comparison(&mut self) -> Result<Scope, Fault> {
        let at = self.place();
        let Some((_, Token::Word(word))) = self.take() else {
            return fault(at, "a property such as `department` is missing here");
        };
        let opens = matches!(self.tokens.get(self.next), Some((_, Token::Open)));
        if opens && word.eq_ignore_ascii_case("startsWith") {
            self.next += 1;
            let place = self.place();
            let Some((_, Token::Word(property))) = self.take() else {
                return fault(place, "`startsWith` takes a property first");
            };
            self.expect(&Token::Comma, "`,`")?;
            let place = self.place();
            let Some((_, Token::Text(text))) = self.take() else {
                return fault(place, "`startsWith` takes a text second");
            };
            self.expect(&Token::Close, "`)`")?;
            let test = Test::StartsWith(text);
            return Ok(Scope::Is { property, test });
        }
        if opens {
            let lambda = word.ends_with("/any") || word.ends_with("/all");
            let why = if lambda {
                format!("`{word}(…)`: rules over workers look into no lists")
            } else {
                format!("`{word}(…)`: of functions, scopes have `startsWith` only")
            };
            return fault(at, why);
        }
        let place = self.place();
        let Some((_, Token::Word(operator))) = self.take() else {
            return fault(place, "an operator is missing here: eq, ne, in");
        };
        let test = match operator.to_ascii_lowercase().as_str() {
            "eq" => Test::Equals(self.literal()?),
            "ne" => Test::Differs(self.literal()?),
            "in" => {
                self.expect(&Token::Open, "`(`")?;
                let mut all = vec![self.literal()?];
                while matches!(self.tokens.get(self.next), Some((_, Token::Comma))) {
                    self.next += 1;
                    all.push(self.literal()?);
                }
                self.expect(&Token::Close, "`)`")?;
                Test::In(all)
            }
            other => {
                return fault(
                    place,
                    format!("`{other}` is no operator of a scope: eq, ne, in"),
                );
            }
        };
        Ok(Scope::Is {
            property: word,
            test,
        })
    }

    fn literal(&mut self) -> Result<Literal, Fault> {
        let at = self.place();
        match self.take() {
            Some((_, Token::Text(text))) => Ok(Literal::Text(text)),
            Some((_, Token::Word(word))) if word == "null" => Ok(Literal::Null),
            Some((_, Token::Word(word))) => Ok(Literal::Other(word)),
            _ => fault(at, "a value is missing here"),
        }
    }
}

fn one_or(mut parts: Vec<Scope>, many: fn(Vec<Scope>) -> Scope) -> Scope {
    if parts.len() == 1 {
        parts.remove(0)
    } else {
        many(parts)
    }
}

/// Reads a scope.
pub(super) fn read(rule: &str) -> Result<Scope, Fault> {
    let mut parser = Parser {
        tokens: tokens(rule)?,
        next: 0,
        end: rule.chars().count(),
        depth: 0,
    };
    let scope = parser.any()?;
    if parser.next < parser.tokens.len() {
        return fault(parser.place(), "`and` or `or` is missing here");
    }
    Ok(scope)
}

impl Scope {
    /// As a rule over workers. `property` says what one is called there, or why there is none.
    pub(super) fn rule(
        &self,
        property: &impl Fn(&str) -> Result<String, String>,
    ) -> Result<String, String> {
        let join = |parts: &[Self], word: &str| -> Result<String, String> {
            let parts = parts.iter().map(|part| match part {
                Self::And(_) | Self::Or(_) => Ok(format!("({})", part.rule(property)?)),
                Self::Not(_) | Self::Is { .. } => part.rule(property),
            });
            Ok(parts.collect::<Result<Vec<_>, String>>()?.join(word))
        };
        match self {
            Self::And(parts) => join(parts, " -and "),
            Self::Or(parts) => join(parts, " -or "),
            Self::Not(part) => Ok(format!("-not ({})", part.rule(property)?)),
            Self::Is { property: of, test } => {
                let name = property(of)?;
                let value = |literal: &Literal| match literal {
                    Literal::Text(text) => Ok(quote(text)),
                    Literal::Null => Ok("null".to_owned()),
                    Literal::Other(word) => Err(format!(
                        "`{of}` is compared with {word}, and what HR says of workers are texts"
                    )),
                };
                Ok(match test {
                    Test::Equals(literal) => format!("worker.{name} -eq {}", value(literal)?),
                    Test::Differs(literal) => format!("worker.{name} -ne {}", value(literal)?),
                    Test::StartsWith(text) => {
                        format!("worker.{name} -startsWith {}", quote(text))
                    }
                    Test::In(all) => {
                        let all = all.iter().map(value).collect::<Result<Vec<_>, _>>()?;
                        format!("worker.{name} -in [{}]", all.join(", "))
                    }
                })
            }
        }
    }

    /// What it asks of single properties in any case: values that they must have.
    fn demands(&self) -> BTreeMap<&str, BTreeSet<String>> {
        let fold = |literal: &Literal| match literal {
            Literal::Text(text) => text.to_lowercase(),
            Literal::Null => String::new(),
            Literal::Other(word) => word.to_lowercase(),
        };
        match self {
            Self::And(parts) => parts.iter().flat_map(Self::demands).collect(),
            Self::Is { property, test } => match test {
                Test::Equals(literal) => {
                    BTreeMap::from([(property.as_str(), BTreeSet::from([fold(literal)]))])
                }
                Test::In(all) => {
                    let all = all.iter().map(fold).collect();
                    BTreeMap::from([(property.as_str(), all)])
                }
                Test::Differs(_) | Test::StartsWith(_) => BTreeMap::new(),
            },
            Self::Or(_) | Self::Not(_) => BTreeMap::new(),
        }
    }

    /// Nobody can be in both: they want different values of one property.
    pub(super) fn excludes(&self, other: &Self) -> bool {
        let (one, other) = (self.demands(), other.demands());
        let mut shared = one.iter().filter_map(|(name, values)| {
            let others = other.get(name)?;
            Some((values, others))
        });
        shared.any(|(values, others)| values.is_disjoint(others))
    }
}
