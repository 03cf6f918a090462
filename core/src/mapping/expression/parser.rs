//! Tokens to a tree, everything checked that needs no values.
//!
//! Written by hand: the grammar has ten tokens and one level of operators, while what matters is
//! what a combinator library leaves to the user anyway, that is the kind of error, the place of
//! the whole call that is wrong, empty arguments, and a bound on depth.

use super::error::{ErrorKind, ExpressionError};
use super::functions::{self, Function, Known, ReplaceMode, Signature};
use super::lexer::{Lexeme, Token, lex};
use crate::pattern::Pattern;
use crate::suggest;

/// An expression is at most this many characters (entra-docs, known-issues).
pub(super) const CHARACTERS_MAX: usize = 10_000;

/// Calls are nested at most this deep. Our own bound: evaluation recurses.
pub(super) const DEPTH_MAX: usize = 64;

/// One part of an expression and its bytes in the source.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Node {
    /// The same, wherever it stands.
    pub(super) fn same(&self, other: &Self) -> bool {
        let all = |left: &[Self], right: &[Self]| {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| l.same(r))
        };
        match (&self.kind, &other.kind) {
            (Kind::Call(f, left), Kind::Call(g, right)) => f == g && all(left, right),
            (Kind::Compare(f, left), Kind::Compare(g, right)) => {
                f == g && all(&left[..], &right[..])
            }
            (left, right) => left == right,
        }
    }
}

/// What a part is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// An attribute, by slot.
    Attribute(usize),
    /// A constant text.
    Text(Box<str>),
    /// A constant pattern, compiled.
    Pattern(Box<Pattern>),
    /// A constant number.
    Number(i64),
    /// A bare word.
    Word(BareWord),
    /// Left, comparison, right.
    Compare(Comparison, Box<[Node; 2]>),
    /// A call.
    Call(Function, Box<[Node]>),
    /// An empty argument.
    NotGiven,
}

/// The bare words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BareWord {
    TextCompare,
    BinaryCompare,
    IgnoreAttributeFlow,
    IgnoreObjectFlow,
    /// Encodings of `ConvertFromBase64`.
    Unicode,
    Ascii,
    Utf8,
}

/// The comparison operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

const WORDS: [(&str, BareWord); 7] = [
    ("vbTextCompare", BareWord::TextCompare),
    ("vbBinaryCompare", BareWord::BinaryCompare),
    ("IgnoreAttributeFlow", BareWord::IgnoreAttributeFlow),
    ("IgnoreObjectFlow", BareWord::IgnoreObjectFlow),
    ("Unicode", BareWord::Unicode),
    ("ASCII", BareWord::Ascii),
    ("UTF8", BareWord::Utf8),
];

/// A parsed expression.
#[derive(Debug, Clone)]
pub(super) struct Parsed {
    pub(super) root: Node,
    /// Attribute names by slot, in order of first use.
    pub(super) attributes: Vec<String>,
    /// `IgnoreObjectFlow` occurs.
    pub(super) ignores_object: bool,
    /// The functions that are called, each once.
    pub(super) functions: Vec<Function>,
}

/// Parses a whole expression.
pub(super) fn parse(source: &str) -> Result<Parsed, ExpressionError> {
    if let Some((end, _)) = source.char_indices().nth(CHARACTERS_MAX) {
        let message = format!("the expression is longer than {CHARACTERS_MAX} characters");
        return Err(ExpressionError::at(
            ErrorKind::Limit,
            message,
            source,
            end,
            end,
        ));
    }
    let mut parser = Parser {
        source,
        lexemes: lex(source)?,
        at: 0,
        attributes: Vec::new(),
        ignores_object: false,
        functions: Vec::new(),
    };
    let root = parser.expression(0)?;
    parser.refuse_misplaced_word(&root)?;
    let rest = parser.peek();
    if rest.token != Token::End {
        let (start, end) = (rest.start, source.len());
        return Err(parser.error(
            ErrorKind::Syntax,
            "the expression ends before this",
            start,
            end,
        ));
    }
    Ok(Parsed {
        root,
        attributes: parser.attributes,
        ignores_object: parser.ignores_object,
        functions: parser.functions,
    })
}

struct Parser<'a> {
    source: &'a str,
    lexemes: Vec<Lexeme>,
    at: usize,
    attributes: Vec<String>,
    ignores_object: bool,
    functions: Vec<Function>,
}

impl Parser<'_> {
    fn peek(&self) -> &Lexeme {
        &self.lexemes[self.at]
    }

    /// The next token; the end stays where it is.
    fn take(&mut self) -> Lexeme {
        let lexeme = self.lexemes[self.at].clone();
        if lexeme.token != Token::End {
            self.at += 1;
        }
        lexeme
    }

    fn error(
        &self,
        kind: ErrorKind,
        message: impl Into<String>,
        start: usize,
        end: usize,
    ) -> ExpressionError {
        ExpressionError::at(kind, message, self.source, start, end)
    }

    fn expression(&mut self, depth: usize) -> Result<Node, ExpressionError> {
        let left = self.operand(depth)?;
        let comparison = match self.peek().token {
            Token::Equal => Comparison::Equal,
            Token::NotEqual => Comparison::NotEqual,
            Token::Less => Comparison::Less,
            Token::LessOrEqual => Comparison::LessOrEqual,
            Token::Greater => Comparison::Greater,
            Token::GreaterOrEqual => Comparison::GreaterOrEqual,
            Token::Name
            | Token::Attribute(_)
            | Token::Text(_)
            | Token::Number(_)
            | Token::Open
            | Token::Close
            | Token::Comma
            | Token::End => return Ok(left),
        };
        self.take();
        let right = self.operand(depth)?;
        self.refuse_misplaced_word(&left)?;
        self.refuse_misplaced_word(&right)?;
        for side in [&left, &right] {
            self.refuse_nested_unique(side)?;
        }
        let (start, end) = (left.start, right.end);
        Ok(Node {
            kind: Kind::Compare(comparison, Box::new([left, right])),
            start,
            end,
        })
    }

    fn operand(&mut self, depth: usize) -> Result<Node, ExpressionError> {
        let Lexeme { token, start, end } = self.take();
        let kind = match token {
            Token::Name if self.peek().token == Token::Open => {
                return self.call(start, end, depth);
            }
            Token::Name => Kind::Word(self.word(start, end)?),
            Token::Attribute(name) => Kind::Attribute(self.slot(name)),
            Token::Text(text) => Kind::Text(text.into()),
            Token::Number(number) => Kind::Number(number),
            Token::End => {
                return Err(self.error(
                    ErrorKind::Syntax,
                    "the expression ends where a value is expected",
                    start,
                    end,
                ));
            }
            Token::Open
            | Token::Close
            | Token::Comma
            | Token::Equal
            | Token::NotEqual
            | Token::Less
            | Token::LessOrEqual
            | Token::Greater
            | Token::GreaterOrEqual => {
                return Err(self.error(
                    ErrorKind::Syntax,
                    "a value is expected here: [attribute], \"text\", a number or a function",
                    start,
                    end,
                ));
            }
        };
        Ok(node(kind, start, end))
    }

    fn slot(&mut self, name: String) -> usize {
        self.attributes
            .iter()
            .position(|known| *known == name)
            .unwrap_or_else(|| {
                self.attributes.push(name);
                self.attributes.len() - 1
            })
    }

    fn word(&mut self, start: usize, end: usize) -> Result<BareWord, ExpressionError> {
        let text = &self.source[start..end];
        if let Some((_, word)) = WORDS.iter().find(|(name, _)| *name == text) {
            self.ignores_object |= *word == BareWord::IgnoreObjectFlow;
            return Ok(*word);
        }
        let hint = if functions::names().any(|name| name == text) {
            "; a function needs its parentheses".to_owned()
        } else {
            suggest::hint(text, WORDS.iter().map(|(name, _)| *name))
        };
        let hint = match text.to_ascii_lowercase().as_str() {
            "and" => {
                "; a condition inside of another says and: IIF(a, IIF(b, ...), ...)".to_owned()
            }
            "or" => {
                "; the other branch of a condition says or: IIF(a, ..., IIF(b, ...))".to_owned()
            }
            _ => hint,
        };
        let shown: String = text.chars().take(40).collect();
        let more = if shown.len() < text.len() { "…" } else { "" };
        let message = format!("`{shown}{more}` is no word of the language{hint}");
        Err(self.error(ErrorKind::Syntax, message, start, end))
    }

    /// `name(`, the parenthesis next: all up to the closing one.
    fn call(
        &mut self,
        start: usize,
        name_end: usize,
        depth: usize,
    ) -> Result<Node, ExpressionError> {
        let name = self.source[start..name_end].to_owned();
        if depth == DEPTH_MAX {
            let message = format!("calls are nested deeper than {DEPTH_MAX} levels");
            return Err(self.error(ErrorKind::Limit, message, start, name_end));
        }
        let arguments = self.arguments(&name, start, depth + 1)?;
        let end = self.lexemes[self.at - 1].end;
        match functions::find(&name) {
            Known::Built(signature) => {
                for argument in &arguments {
                    self.refuse_nested_unique(argument)?;
                }
                let (function, arguments) = self.checked(signature, arguments, start, end)?;
                if !self.functions.contains(&function) {
                    self.functions.push(function);
                }
                Ok(node(Kind::Call(function, arguments.into()), start, end))
            }
            Known::Refused => Err(self.error(
                ErrorKind::UnknownFunction,
                format!(
                    "`{name}` belongs to other services than HR provisioning and is not supported"
                ),
                start,
                end,
            )),
            Known::Unknown => Err(self.error(
                ErrorKind::UnknownFunction,
                format!(
                    "there is no function `{name}`{}",
                    suggest::hint(&name, functions::names())
                ),
                start,
                name_end,
            )),
        }
    }

    /// The arguments and the closing parenthesis. `f()` has none, `f(,)` two empty ones.
    fn arguments(
        &mut self,
        name: &str,
        start: usize,
        depth: usize,
    ) -> Result<Vec<Node>, ExpressionError> {
        self.take();
        let mut out = Vec::new();
        if self.peek().token == Token::Close {
            self.take();
            return Ok(out);
        }
        loop {
            let here = self.peek().start;
            out.push(match self.peek().token {
                Token::Comma | Token::Close => node(Kind::NotGiven, here, here),
                Token::Name
                | Token::Attribute(_)
                | Token::Text(_)
                | Token::Number(_)
                | Token::Open
                | Token::Equal
                | Token::NotEqual
                | Token::Less
                | Token::LessOrEqual
                | Token::Greater
                | Token::GreaterOrEqual
                | Token::End => self.expression(depth)?,
            });
            let next = self.take();
            match next.token {
                Token::Comma => {}
                Token::Close => return Ok(out),
                Token::End => {
                    let message = format!("the call of `{name}` is not closed with `)`");
                    return Err(self.error(ErrorKind::Syntax, message, start, next.end));
                }
                Token::Name
                | Token::Attribute(_)
                | Token::Text(_)
                | Token::Number(_)
                | Token::Open
                | Token::Equal
                | Token::NotEqual
                | Token::Less
                | Token::LessOrEqual
                | Token::Greater
                | Token::GreaterOrEqual => {
                    let message = format!("`,` or `)` is expected in the call of `{name}`");
                    return Err(self.error(ErrorKind::Syntax, message, next.start, next.end));
                }
            }
        }
    }

    /// Checks the number of arguments and what can be told from their form alone.
    fn checked(
        &self,
        signature: Signature,
        arguments: Vec<Node>,
        start: usize,
        end: usize,
    ) -> Result<(Function, Vec<Node>), ExpressionError> {
        let Signature {
            name,
            required,
            most,
            function,
        } = signature;
        let arity = |message: String| Err(self.error(ErrorKind::Arity, message, start, end));
        let count = arguments.len();
        if count > most {
            return arity(format!(
                "`{name}` takes at most {most} arguments, not {count}"
            ));
        }
        for position in 0..required {
            if arguments
                .get(position)
                .is_none_or(|a| a.kind == Kind::NotGiven)
            {
                return arity(format!("argument {} of `{name}` is missing", position + 1));
            }
        }
        if function == Function::Switch && (count < 4 || count % 2 == 1) {
            return arity(format!(
                "`Switch` takes a source, a default (which may be empty) and pairs of key and \
                 value: an even number, at least 4, not {count}"
            ));
        }
        for (position, argument) in arguments.iter().enumerate() {
            if function == Function::InStr && position == 3 {
                self.compare_type(argument)?;
            } else if function != Function::ConvertFromBase64 || position != 1 {
                self.refuse_misplaced_word(argument)?;
            }
        }
        if function == Function::FormatDateTime && count < 3 {
            return arity(format!(
                "`FormatDateTime` takes source, dateTimeStyles, inputFormat and outputFormat (or \
                 three without dateTimeStyles), not {count}"
            ));
        }
        if function == Function::FormatDateTime
            && arguments[count - 2..]
                .iter()
                .any(|a| a.kind == Kind::NotGiven)
        {
            return arity("`FormatDateTime` needs inputFormat and outputFormat".to_owned());
        }
        if let Function::Replace(_) = function {
            return self.replace(arguments, start, end);
        }
        Ok((function, arguments))
    }

    /// It is asked of the target, not computed: nothing can be done with its value.
    fn refuse_nested_unique(&self, argument: &Node) -> Result<(), ExpressionError> {
        if let Kind::Call(Function::SelectUniqueValue, _) = argument.kind {
            return Err(self.error(
                ErrorKind::NestedUnique,
                "`SelectUniqueValue` must be the outermost function",
                argument.start as usize,
                argument.end as usize,
            ));
        }
        Ok(())
    }

    fn compare_type(&self, argument: &Node) -> Result<(), ExpressionError> {
        match argument.kind {
            Kind::NotGiven | Kind::Word(BareWord::TextCompare | BareWord::BinaryCompare) => Ok(()),
            Kind::Attribute(_)
            | Kind::Text(_)
            | Kind::Pattern(_)
            | Kind::Number(_)
            | Kind::Word(_)
            | Kind::Compare(..)
            | Kind::Call(..) => Err(self.error(
                ErrorKind::BadArgument,
                "argument 4 of `InStr` is vbTextCompare or vbBinaryCompare",
                argument.start as usize,
                argument.end as usize,
            )),
        }
    }

    /// Only the two words that steer the flow are values; the others belong to one argument.
    fn refuse_misplaced_word(&self, argument: &Node) -> Result<(), ExpressionError> {
        let Kind::Word(word) = argument.kind else {
            return Ok(());
        };
        match word {
            BareWord::IgnoreAttributeFlow | BareWord::IgnoreObjectFlow => Ok(()),
            BareWord::TextCompare
            | BareWord::BinaryCompare
            | BareWord::Unicode
            | BareWord::Ascii
            | BareWord::Utf8 => {
                let (start, end) = (argument.start as usize, argument.end as usize);
                let message = format!("`{}` cannot stand here", &self.source[start..end]);
                Err(self.error(ErrorKind::Syntax, message, start, end))
            }
        }
    }

    /// Which arguments are given chooses the mode; seven positions always.
    fn replace(
        &self,
        mut arguments: Vec<Node>,
        start: usize,
        end: usize,
    ) -> Result<(Function, Vec<Node>), ExpressionError> {
        if arguments.len() != 7 {
            return Err(self.error(
                ErrorKind::Arity,
                "`Replace` takes seven arguments, empty ones included: source, oldValue, \
                 regexPattern, regexGroupName, replacementValue, replacementAttributeName, \
                 template",
                start,
                end,
            ));
        }
        let given: Vec<bool> = arguments[1..]
            .iter()
            .map(|node| node.kind != Kind::NotGiven)
            .collect();
        let mode = match given[..] {
            [true, false, false, true, false, false] => ReplaceMode::Text,
            [true, false, false, false, false, true] => ReplaceMode::Template,
            [false, true, false, true, false, false] => ReplaceMode::Pattern,
            [false, true, true, true, false, false] => ReplaceMode::Group,
            [false, true, true, false, true, false] => ReplaceMode::Attribute,
            _ => {
                return Err(self.error(
                    ErrorKind::Arity,
                    "these arguments of `Replace` do not go together: give oldValue or \
                     regexPattern, and what to put there",
                    start,
                    end,
                ));
            }
        };
        let (pattern, group) = (&arguments[2], &arguments[3]);
        let wrong = |why: String| {
            let (start, end) = (pattern.start as usize, pattern.end as usize);
            self.error(ErrorKind::BadPattern, why, start, end)
        };
        if let Kind::Text(text) = &pattern.kind {
            let compiled = Pattern::new(text).map_err(wrong)?;
            if let Kind::Text(name) = &group.kind
                && !compiled.has(name)
            {
                return Err(wrong(format!("the pattern has no group `{name}`")));
            }
            arguments[2].kind = Kind::Pattern(Box::new(compiled));
        }
        Ok((Function::Replace(mode), arguments))
    }
}

fn node(kind: Kind, start: usize, end: usize) -> Node {
    let place = |byte: usize| u32::try_from(byte).expect("an expression is short");
    Node {
        kind,
        start: place(start),
        end: place(end),
    }
}
