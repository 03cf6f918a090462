//! From the text of a path to its tokens.

use super::Wrong;

/// A token and the character where it begins, from 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token<'a> {
    pub(super) at: usize,
    pub(super) what: What<'a>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum What<'a> {
    Slash,
    SlashSlash,
    Dot,
    DotDot,
    At,
    Open,
    Close,
    OpenBracket,
    CloseBracket,
    Comma,
    Axis,
    /// `|`, `+`, `=` ..., `and`, `or`, `div`, `mod`, `*` between two values.
    Operator(&'a str),
    Literal(&'a str),
    Number(f64),
    /// A name with its prefix; `*` as the local part is any name.
    Name(Option<&'a str>, &'a str),
}

/// Tokens of a path at most.
const TOKENS_MAX: usize = 2000;

/// The tokens, in order.
///
/// # Errors
/// [`Wrong`] at a letter that begins none.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, Wrong> {
    let mut found: Vec<Token<'_>> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let start = text.len() - rest.len();
        let at = text[..start].chars().count() + 1;
        let Some(first) = rest.chars().next() else {
            return Ok(found);
        };
        if found.len() >= TOKENS_MAX {
            return Err(wrong(at, "the path is too long"));
        }
        let after_value = is_value(found.last());
        let (what, len) = match first {
            '"' | '\'' => {
                let inner = &rest[1..];
                let end = inner
                    .find(first)
                    .ok_or_else(|| wrong(at, "a text that is never closed"))?;
                (What::Literal(&inner[..end]), end + 2)
            }
            '0'..='9' => number(rest, at)?,
            '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => number(rest, at)?,
            '*' if after_value => (What::Operator("*"), 1),
            '*' => (What::Name(None, "*"), 1),
            _ => match fixed(rest) {
                Some(it) => it,
                None => name(rest, at, after_value)?,
            },
        };
        found.push(Token { at, what });
        rest = &rest[len..];
    }
}

/// `XPath` 1.0, section 3.7: behind a value, `*` and names are operators.
fn is_value(last: Option<&Token<'_>>) -> bool {
    match last.map(|it| &it.what) {
        None
        | Some(
            What::Slash
            | What::SlashSlash
            | What::At
            | What::Axis
            | What::Open
            | What::OpenBracket
            | What::Comma
            | What::Operator(_),
        ) => false,
        Some(
            What::Dot
            | What::DotDot
            | What::Close
            | What::CloseBracket
            | What::Literal(_)
            | What::Number(_)
            | What::Name(..),
        ) => true,
    }
}

fn fixed<'a>(rest: &str) -> Option<(What<'a>, usize)> {
    let all = [
        ("//", What::SlashSlash),
        ("/", What::Slash),
        ("..", What::DotDot),
        (".", What::Dot),
        ("@", What::At),
        ("(", What::Open),
        (")", What::Close),
        ("[", What::OpenBracket),
        ("]", What::CloseBracket),
        (",", What::Comma),
        ("::", What::Axis),
        ("|", What::Operator("|")),
        ("+", What::Operator("+")),
        ("-", What::Operator("-")),
        ("!=", What::Operator("!=")),
        ("=", What::Operator("=")),
        ("<=", What::Operator("<=")),
        ("<", What::Operator("<")),
        (">=", What::Operator(">=")),
        (">", What::Operator(">")),
    ];
    let found = all.into_iter().find(|it| rest.starts_with(it.0));
    found.map(|(text, what)| (what, text.len()))
}

fn number<'a>(rest: &str, at: usize) -> Result<(What<'a>, usize), Wrong> {
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'));
    let text = &rest[..end.unwrap_or(rest.len())];
    let number = text
        .parse()
        .map_err(|_| wrong(at, "a number with two points"))?;
    Ok((What::Number(number), text.len()))
}

fn name(rest: &str, at: usize, after_value: bool) -> Result<(What<'_>, usize), Wrong> {
    let first = part(rest);
    if first.is_empty() {
        let what = match rest.chars().next() {
            Some('$') => "variables are not supported",
            _ => "nothing of a path begins with this",
        };
        return Err(wrong(at, what));
    }
    if after_value {
        return match first {
            "and" | "or" | "div" | "mod" => Ok((What::Operator(first), first.len())),
            _ => Err(wrong(at, "`/` or an operator is missing before this name")),
        };
    }
    // `a::b` is an axis, `a:b` a prefix.
    let behind = &rest[first.len()..];
    let Some(local) = behind.strip_prefix(':').filter(|it| !it.starts_with(':')) else {
        return Ok((What::Name(None, first), first.len()));
    };
    let local = if local.starts_with('*') {
        "*"
    } else {
        part(local)
    };
    if local.is_empty() {
        return Err(wrong(at, "a prefix without a name behind it"));
    }
    let len = first.len() + 1 + local.len();
    // The name as it stands in the text.
    let start = first.len() + 1;
    Ok((What::Name(Some(first), &rest[start..len]), len))
}

/// A name without a prefix at the beginning of a text.
fn part(rest: &str) -> &str {
    let first = |c: char| c.is_alphabetic() || c == '_';
    if !rest.starts_with(first) {
        return "";
    }
    let more = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let end = rest.find(|c| !more(c)).unwrap_or(rest.len());
    &rest[..end]
}

pub(super) fn wrong(at: usize, message: impl Into<String>) -> Wrong {
    Wrong {
        at,
        message: message.into(),
    }
}
