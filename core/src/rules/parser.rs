//! Tokens to a tree.
//!
//! Only the shape is judged here; names, operators and values are those of [`super::check`].
//! Invariant: no recursion but into a body, so that no rule overflows a stack.

use super::error::Fault;
use super::lexer::{Lexeme, Token, lex, syntax};
use super::tree::{BareBody, Literal, LiteralKind, Node, Notes, Offset, Word, Written};

/// Reads a rule.
pub(super) fn parse(source: &str) -> Result<Written<'_>, Fault> {
    let lexemes = lex(source)?;
    let notes = Notes {
        en_dashes: places(&lexemes, |lexeme| lexeme.en_dash),
        lone_apostrophes: places(&lexemes, |lexeme| {
            matches!(
                lexeme.token,
                Token::Text {
                    lone_apostrophe: true,
                    ..
                }
            )
        }),
        ..Notes::default()
    };
    let mut parser = Parser {
        lexemes,
        at: 0,
        in_body: false,
        notes,
    };
    if parser.peek() == &Token::End {
        return Err(syntax(0, "an empty rule").hint("everybody is `user.objectId -ne null`"));
    }
    let root = parser.expression()?;
    let fault = match parser.peek() {
        Token::End => {
            return Ok(Written {
                root,
                notes: parser.notes,
            });
        }
        Token::Close => syntax(parser.place(), "one `)` too many"),
        Token::Dashed(word) | Token::Bare(word) => match operator(word).as_str() {
            "plus" | "minus" => syntax(parser.place(), "a second offset")
                .hint("one -plus or -minus: add the durations up"),
            _ => syntax(parser.place(), format!("`{word}` connects no expressions"))
                .hint("-and or -or"),
        },
        Token::Open | Token::ListOpen | Token::ListClose | Token::Comma | Token::Text { .. } => {
            syntax(parser.place(), "-and or -or is missing here")
        }
    };
    Err(fault)
}

fn places(lexemes: &[Lexeme<'_>], which: impl Fn(&Lexeme<'_>) -> bool) -> Vec<usize> {
    let found = lexemes.iter().filter(|lexeme| which(lexeme));
    found.map(|lexeme| lexeme.at).collect()
}

/// An operator's name without regard to case.
pub(super) fn operator(word: &str) -> String {
    word.to_ascii_lowercase()
}

struct Parser<'s> {
    lexemes: Vec<Lexeme<'s>>,
    at: usize,
    in_body: bool,
    notes: Notes,
}

/// What stands between two parentheses, as far as it was read.
struct Level<'s> {
    /// Where it begins.
    opened: usize,
    /// What `-or` joins, and the place of the first one.
    alternatives: Vec<Node<'s>>,
    first_or: Option<usize>,
    /// What `-and` joins.
    conditions: Vec<Node<'s>>,
    /// An `-and` of its own stands in it.
    joined: bool,
    /// `-not` stands before the next operand.
    negated: bool,
}

impl<'s> Level<'s> {
    const fn new(opened: usize) -> Self {
        Self {
            opened,
            alternatives: Vec::new(),
            first_or: None,
            conditions: Vec::new(),
            joined: false,
            negated: false,
        }
    }

    fn operand(&mut self, node: Node<'s>) {
        let negated = std::mem::take(&mut self.negated);
        self.conditions.push(if !negated {
            node
        } else if let Node::Not(inner) = node {
            // Two of them are none.
            *inner
        } else {
            Node::Not(Box::new(node))
        });
    }

    fn alternative(&mut self, at: usize) {
        self.first_or.get_or_insert(at);
        let conditions = std::mem::take(&mut self.conditions);
        self.alternatives.push(one_or(conditions, Node::And));
    }

    fn finish(mut self, notes: &mut Notes) -> Node<'s> {
        if let Some(at) = self.first_or.filter(|_| self.joined) {
            notes.mixed.push(at);
        }
        self.alternatives.push(one_or(self.conditions, Node::And));
        one_or(self.alternatives, Node::Or)
    }
}

impl<'s> Parser<'s> {
    fn peek(&self) -> &Token<'s> {
        &self.lexemes[self.at].token
    }

    fn place(&self) -> usize {
        self.lexemes[self.at].at
    }

    /// The next token; the last one stays.
    fn next(&mut self) -> Token<'s> {
        let token = self.peek().clone();
        if token != Token::End {
            self.at += 1;
        }
        token
    }

    /// The word that comes next, with or without its dash.
    fn word(&self) -> Option<Word<'s>> {
        match self.peek() {
            Token::Dashed(text) | Token::Bare(text) => Some(Word {
                text,
                at: self.place(),
            }),
            Token::Open
            | Token::Close
            | Token::ListOpen
            | Token::ListClose
            | Token::Comma
            | Token::Text { .. }
            | Token::End => None,
        }
    }

    /// Takes the next token if it is this operator.
    fn take(&mut self, name: &str) -> bool {
        let is = self.word().is_some_and(|word| operator(word.text) == name);
        if is {
            self.at += 1;
        }
        is
    }

    /// Everything up to where no connector follows. Parentheses lie on a stack of their own: a rule
    /// may have as many as it has characters.
    fn expression(&mut self) -> Result<Node<'s>, Fault> {
        let mut outer: Vec<Level<'s>> = Vec::new();
        let mut level = Level::new(self.place());
        loop {
            while self.take("not") {
                level.negated = !level.negated;
            }
            let at = self.place();
            let mut operand = if self.peek() == &Token::Open {
                self.at += 1;
                outer.push(std::mem::replace(&mut level, Level::new(at)));
                continue;
            } else {
                self.operand()?
            };
            loop {
                level.operand(operand);
                let at = self.place();
                if self.take("and") {
                    level.joined = true;
                    break;
                }
                if self.take("or") {
                    level.alternative(at);
                    break;
                }
                let opened = level.opened;
                let Some(around) = outer.pop() else {
                    return Ok(level.finish(&mut self.notes));
                };
                self.close(opened)?;
                operand = std::mem::replace(&mut level, around).finish(&mut self.notes);
            }
        }
    }

    /// What connectors join.
    fn operand(&mut self) -> Result<Node<'s>, Fault> {
        let at = self.place();
        match self.next() {
            Token::Bare(text) if !self.in_body && text.eq_ignore_ascii_case("direct") => {
                self.reports(at)
            }
            Token::Bare(text) => self.test(Word { text, at }),
            Token::Text { .. } => Err(syntax(at, "a value stands where a property is expected")
                .hint("first the property, then the operator, then the value")),
            Token::Dashed(word) => Err(syntax(at, format!("nothing stands before `-{word}`"))),
            Token::End => Err(syntax(at, "the rule ends where an expression is expected")),
            Token::Open | Token::Close | Token::ListOpen | Token::ListClose | Token::Comma => {
                Err(syntax(at, "an expression is expected here"))
            }
        }
    }

    fn close(&mut self, opened: usize) -> Result<(), Fault> {
        match self.peek() {
            Token::Close => {
                self.at += 1;
                Ok(())
            }
            Token::End => Err(syntax(opened, "this `(` is not closed")),
            Token::Dashed(_)
            | Token::Bare(_)
            | Token::Open
            | Token::ListOpen
            | Token::ListClose
            | Token::Comma
            | Token::Text { .. } => Err(self.unconnected()),
        }
    }

    /// Something stands where a connector or a parenthesis is expected.
    fn unconnected(&self) -> Fault {
        match self.word().map(|word| operator(word.text)).as_deref() {
            Some("plus" | "minus") => syntax(self.place(), "a second offset")
                .hint("one -plus or -minus: add the durations up"),
            _ => syntax(self.place(), "-and, -or or `)` is expected here"),
        }
    }

    /// `Direct` is taken.
    fn reports(&mut self, at: usize) -> Result<Node<'s>, Fault> {
        let shape = || syntax(at, "this is no rule").hint("Direct Reports for \"{manager id}\"");
        for wanted in ["reports", "for"] {
            let Token::Bare(word) = self.next() else {
                return Err(shape());
            };
            if !word.eq_ignore_ascii_case(wanted) {
                return Err(shape());
            }
        }
        let Token::Text { value, .. } = self.next() else {
            return Err(shape());
        };
        Ok(Node::Reports { manager: value, at })
    }

    /// What begins with a property, or within a body with an item.
    fn test(&mut self, left: Word<'s>) -> Result<Node<'s>, Fault> {
        self.left(left)?;
        let Some(operator) = self.word() else {
            return Err(syntax(
                self.place(),
                format!("an operator is expected behind `{}`", left.text),
            ));
        };
        self.at += 1;
        let name = self::operator(operator.text);
        match name.as_str() {
            "any" | "all" if !self.in_body => {
                return self.quantified(left, operator, name == "all");
            }
            "any" | "all" => {
                return Err(syntax(operator.at, "a quantifier within a quantifier"));
            }
            "and" | "or" => {
                return Err(
                    syntax(operator.at, format!("`{}` compares nothing", left.text))
                        .hint("a property needs an operator and a value, -eq true for instance"),
                );
            }
            _ => {}
        }
        let value = self.value()?;
        Ok(Node::Test {
            left,
            operator,
            value,
        })
    }

    /// Whether a property, or an item within a body, may be written so.
    fn left(&self, left: Word<'_>) -> Result<(), Fault> {
        let prefix = left
            .text
            .split_once('.')
            .map(|(prefix, name)| (prefix.to_ascii_lowercase(), !name.is_empty()));
        let prefix = prefix
            .as_ref()
            .map(|(prefix, named)| (prefix.as_str(), *named));
        if self.in_body {
            return match prefix {
                None if left.text == "_" => Ok(()),
                Some(("assignedplan" | "group", true)) => Ok(()),
                _ => Err(syntax(
                    left.at,
                    format!("`{}` is no item of a collection", left.text),
                )
                .hint("`_` for texts, `assignedPlan.servicePlanId` for plans")),
            };
        }
        match prefix {
            Some(("user" | "device" | "worker", true)) => Ok(()),
            _ if left.text == "_" => Err(syntax(left.at, "`_` stands outside of a body")
                .hint("user.otherMails -any (_ -endsWith \"...\")")),
            _ => Err(syntax(left.at, format!("`{}` has no prefix", left.text))
                .hint("properties are written user.NAME or device.NAME")),
        }
    }

    fn quantified(
        &mut self,
        property: Word<'s>,
        operator: Word<'s>,
        all: bool,
    ) -> Result<Node<'s>, Fault> {
        self.in_body = true;
        let open = self.place();
        let body = if self.peek() == &Token::Open {
            self.at += 1;
            let body = self.expression()?;
            self.close(open)?;
            body
        } else {
            let at = self.place();
            let Token::Bare(text) = self.next() else {
                return Err(syntax(at, "what is asked of the items is missing")
                    .hint("in parentheses: -any (_ -eq \"...\")"));
            };
            if text.to_ascii_lowercase().starts_with("group.") {
                return Err(syntax(at, "what is asked of groups stands in parentheses")
                    .hint("-any (group.objectId -in [\"...\"])"));
            }
            let body = self.test(Word { text, at })?;
            let goes_on = self
                .word()
                .is_some_and(|word| matches!(self::operator(word.text).as_str(), "and" | "or"));
            self.notes.bare_bodies.push(BareBody {
                at: operator.at,
                goes_on,
            });
            body
        };
        self.in_body = false;
        Ok(Node::Quantified {
            property,
            all,
            operator,
            body: Box::new(body),
        })
    }

    fn value(&mut self) -> Result<Literal<'s>, Fault> {
        let at = self.place();
        let kind = match self.next() {
            Token::ListOpen => LiteralKind::List(self.list(at)?),
            Token::Open => {
                let is_now = self
                    .word()
                    .is_some_and(|w| w.text.eq_ignore_ascii_case(NOW));
                if !is_now {
                    return Err(syntax(at, "a value is expected here")
                        .hint("only system.now may stand in parentheses"));
                }
                let now = self.scalar()?;
                self.close(at)?;
                now.kind
            }
            Token::Text { .. } | Token::Bare(_) => {
                self.at -= 1;
                self.scalar()?.kind
            }
            Token::End => return Err(syntax(at, "the value is missing")),
            Token::Dashed(word) => {
                return Err(syntax(at, format!("a value is expected before `-{word}`")));
            }
            Token::Close | Token::ListClose | Token::Comma => {
                return Err(syntax(at, "a value is expected here"));
            }
        };
        Ok(Literal { kind, at })
    }

    /// `[` is taken.
    fn list(&mut self, opened: usize) -> Result<Vec<Literal<'s>>, Fault> {
        let mut items = Vec::new();
        loop {
            let at = self.place();
            match self.peek() {
                Token::Text { .. } | Token::Bare(_) => items.push(self.scalar()?),
                Token::ListClose if items.is_empty() => {
                    return Err(syntax(at, "a list without values"));
                }
                Token::ListClose => return Err(syntax(at, "a comma without a value behind it")),
                Token::End => return Err(syntax(opened, "this `[` is not closed")),
                Token::Open | Token::Close | Token::ListOpen | Token::Comma | Token::Dashed(_) => {
                    return Err(syntax(at, "a value is expected here"));
                }
            }
            let at = self.place();
            match self.next() {
                Token::Comma => {}
                Token::ListClose => return Ok(items),
                Token::End => return Err(syntax(opened, "this `[` is not closed")),
                Token::Open
                | Token::Close
                | Token::ListOpen
                | Token::Text { .. }
                | Token::Dashed(_)
                | Token::Bare(_) => return Err(syntax(at, "a comma is missing here")),
            }
        }
    }

    /// A value that is no list. The next token is a text or a bare word.
    fn scalar(&mut self) -> Result<Literal<'s>, Fault> {
        let at = self.place();
        let token = self.next();
        let kind = if let Token::Text { value, .. } = token {
            LiteralKind::Text(value)
        } else if let Token::Bare(word) = token {
            self.bare(word, at)?
        } else {
            return Err(syntax(at, "a value is expected here"));
        };
        Ok(Literal { kind, at })
    }

    /// A value without quotation marks.
    fn bare(&mut self, word: &'s str, at: usize) -> Result<LiteralKind<'s>, Fault> {
        Ok(match word.to_ascii_lowercase().as_str() {
            "true" => LiteralKind::Boolean(true),
            "false" => LiteralKind::Boolean(false),
            "null" | "$null" => LiteralKind::Null,
            NOW => LiteralKind::Now {
                offset: self.offset()?,
            },
            _ if word.bytes().all(|b| b.is_ascii_digit()) => LiteralKind::Number(word),
            _ if is_date(word) => LiteralKind::Date(word),
            _ => {
                return Err(syntax(at, format!("`{word}` is no value"))
                    .hint(format!("a text stands in quotation marks: \"{word}\"")));
            }
        })
    }

    /// What is added to `system.now`.
    fn offset(&mut self) -> Result<Option<Offset<'s>>, Fault> {
        let back = if self.take("minus") {
            true
        } else if self.take("plus") {
            false
        } else {
            return Ok(None);
        };
        let at = self.place();
        let Token::Bare(text) = self.next() else {
            return Err(syntax(at, "a duration is expected here").hint("P14D, or PT6H"));
        };
        Ok(Some(Offset {
            back,
            duration: Word { text, at },
        }))
    }
}

const NOW: &str = "system.now";

/// Digits with something between them: it is meant as a date, whether it is one or not.
fn is_date(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('-')
}

fn one_or<'s>(mut parts: Vec<Node<'s>>, many: impl FnOnce(Vec<Node<'s>>) -> Node<'s>) -> Node<'s> {
    if parts.len() == 1 {
        parts.remove(0)
    } else {
        many(parts)
    }
}
