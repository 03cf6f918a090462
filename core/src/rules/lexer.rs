//! Text to tokens.
//!
//! Invariant: every token knows its byte, so an error can always name its place.

use super::error::{ErrorKind, Fault};

/// What one token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'s> {
    /// `(`
    Open,
    /// `)`
    Close,
    /// `[`
    ListOpen,
    /// `]`
    ListClose,
    /// `,`
    Comma,
    /// A quoted text, escapes resolved.
    Text {
        value: String,
        /// It has a lone apostrophe.
        lone_apostrophe: bool,
    },
    /// A word behind a dash.
    Dashed(&'s str),
    /// A word, a property's name, a number, a date.
    Bare(&'s str),
    /// After the last one.
    End,
}

/// A token and the byte it begins at.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lexeme<'s> {
    pub(super) token: Token<'s>,
    pub(super) at: usize,
    /// Its dash is an en dash.
    pub(super) en_dash: bool,
}

/// Reads all tokens; the last one is [`Token::End`].
pub(super) fn lex(source: &str) -> Result<Vec<Lexeme<'_>>, Fault> {
    let mut out = Vec::new();
    let mut at = 0;
    loop {
        let rest = &source[at..];
        let rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        at = source.len() - rest.len();
        let Some(first) = rest.chars().next() else {
            out.push(Lexeme {
                token: Token::End,
                at,
                en_dash: false,
            });
            return Ok(out);
        };
        let (token, length) = one(rest, at, first)?;
        out.push(Lexeme {
            token,
            at,
            en_dash: first == '–',
        });
        at += length;
    }
}

/// The token at the beginning of `rest`, and its bytes.
fn one(rest: &str, at: usize, first: char) -> Result<(Token<'_>, usize), Fault> {
    match first {
        '(' => Ok((Token::Open, 1)),
        ')' => Ok((Token::Close, 1)),
        '[' => Ok((Token::ListOpen, 1)),
        ']' => Ok((Token::ListClose, 1)),
        ',' => Ok((Token::Comma, 1)),
        '"' => double_quoted(rest, at),
        '\'' => single_quoted(rest, at),
        '-' | '–' => {
            let dash = first.len_utf8();
            let word = letters(&rest[dash..]);
            if word.is_empty() {
                return Err(syntax(at, "a dash without an operator"));
            }
            Ok((Token::Dashed(word), dash + word.len()))
        }
        '0'..='9' => {
            let number = number(rest);
            Ok((Token::Bare(number), number.len()))
        }
        'a'..='z' | 'A'..='Z' | '_' | '$' => {
            let length = rest[1..]
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'))
                .map_or(rest.len(), |length| length + 1);
            Ok((Token::Bare(&rest[..length]), length))
        }
        '“' | '”' | '„' | '‘' | '’' => Err(syntax(at, "a typographic quotation mark")
            .hint("texts stand in straight ones, \"...\"")),
        '`' => Err(syntax(at, "a backtick outside of a text")
            .hint("a text that holds quotation marks is written \"`\"Sales`\"\"")),
        '\\' => Err(syntax(at, "a backslash outside of a text")
            .hint("a quotation mark within a text is written `\"")),
        '=' | '<' | '>' | '!' | '&' | '|' => Err(syntax(at, format!("`{first}` is no operator"))
            .hint("operators are words: -eq, -ne, -le, -ge, -and, -or, -not")),
        '\u{a0}' => Err(syntax(at, "a no-break space").hint("write a plain one")),
        '—' | '−' => Err(syntax(at, "this is no hyphen").hint("operators begin with -")),
        other => Err(syntax(
            at,
            format!("`{}` cannot stand here", other.escape_debug()),
        )),
    }
}

pub(super) fn syntax(at: usize, message: impl Into<String>) -> Fault {
    Fault::new(ErrorKind::Syntax, at, message)
}

fn letters(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphabetic());
    &text[..end.unwrap_or(text.len())]
}

/// Digits and what dates have between them. A dash belongs to it where a digit follows.
fn number(text: &str) -> &str {
    let bytes = text.as_bytes();
    let inside = |at: usize| match bytes[at] {
        b'-' | b'+' => bytes.get(at + 1).is_some_and(u8::is_ascii_digit),
        b':' | b'.' | b'_' => true,
        other => other.is_ascii_alphanumeric(),
    };
    let end = (0..bytes.len()).find(|at| !inside(*at));
    &text[..end.unwrap_or(text.len())]
}

/// `` `" `` is a quotation mark and `''` an apostrophe, as a lone one is; a backslash is itself.
fn double_quoted(rest: &str, at: usize) -> Result<(Token<'_>, usize), Fault> {
    let mut value = String::new();
    let mut lone_apostrophe = false;
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((here, c)) = chars.next() {
        let next = chars.peek().map(|(_, c)| *c);
        match (c, next) {
            ('"', _) => {
                let token = Token::Text {
                    value,
                    lone_apostrophe,
                };
                return Ok((token, here + 1));
            }
            ('`', Some('"')) => {
                chars.next();
                value.push('"');
            }
            ('\'', Some('\'')) => {
                chars.next();
                value.push('\'');
            }
            _ => {
                lone_apostrophe |= c == '\'';
                value.push(c);
            }
        }
    }
    Err(unended(at))
}

/// `''` is an apostrophe, everything else itself.
fn single_quoted(rest: &str, at: usize) -> Result<(Token<'_>, usize), Fault> {
    let mut value = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((here, c)) = chars.next() {
        if c == '\'' && chars.next_if(|(_, next)| *next == '\'').is_none() {
            let token = Token::Text {
                value,
                lone_apostrophe: false,
            };
            return Ok((token, here + 1));
        }
        value.push(c);
    }
    Err(unended(at))
}

fn unended(at: usize) -> Fault {
    syntax(at, "this text does not end").hint("the closing quotation mark is missing")
}
