//! Text to tokens.
//!
//! Invariant: every token knows its bytes, so an error can always quote the expression.

use super::error::{ErrorKind, ExpressionError};

/// What one token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A function name or a bare word.
    Name,
    /// `[name]`, without the outer brackets; nested ones are part of the name.
    Attribute(String),
    /// A quoted text, escapes resolved.
    Text(String),
    /// An integer, decimal or `&H` hexadecimal.
    Number(i64),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// After the last one.
    End,
}

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lexeme {
    pub(super) token: Token,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Reads all tokens; the last one is [`Token::End`].
pub(super) fn lex(source: &str) -> Result<Vec<Lexeme>, ExpressionError> {
    let mut out = Vec::new();
    let mut at = 0;
    loop {
        let rest = &source[at..];
        at += rest.len() - rest.trim_start().len();
        let Some(first) = source[at..].chars().next() else {
            out.push(Lexeme {
                token: Token::End,
                start: at,
                end: at,
            });
            return Ok(out);
        };
        let (token, end) = one(source, at, first)?;
        out.push(Lexeme {
            token,
            start: at,
            end,
        });
        at = end;
    }
}

/// The token that begins with `first` at byte `at`, and where it ends.
fn one(source: &str, at: usize, first: char) -> Result<(Token, usize), ExpressionError> {
    let rest = &source[at..];
    let short = |token| Ok((token, at + 1));
    let pair = |token| Ok((token, at + 2));
    match first {
        '(' => short(Token::Open),
        ')' => short(Token::Close),
        ',' => short(Token::Comma),
        '=' => short(Token::Equal),
        '<' if rest.starts_with("<>") => pair(Token::NotEqual),
        '<' if rest.starts_with("<=") => pair(Token::LessOrEqual),
        '<' => short(Token::Less),
        '>' if rest.starts_with(">=") => pair(Token::GreaterOrEqual),
        '>' => short(Token::Greater),
        '[' => attribute(source, at),
        '"' => text(source, at),
        '&' => hexadecimal(source, at),
        '-' | '0'..='9' => decimal(source, at),
        'a'..='z' | 'A'..='Z' | '_' => {
            let length = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .unwrap_or(rest.len());
            Ok((Token::Name, at + length))
        }
        '\'' => Err(syntax("texts stand in double quotes", source, at, at + 1)),
        other => Err(syntax(
            format!("`{}` cannot stand here", other.escape_debug()),
            source,
            at,
            at + other.len_utf8(),
        )),
    }
}

fn syntax(message: impl Into<String>, source: &str, start: usize, end: usize) -> ExpressionError {
    ExpressionError::at(ErrorKind::Syntax, message, source, start, end)
}

/// SCIM paths bring their own brackets (`emails[type eq "work"].value`), so depth is counted.
fn attribute(source: &str, at: usize) -> Result<(Token, usize), ExpressionError> {
    let (mut depth, mut quoted) = (0_u32, false);
    let rest = &source[at..];
    for (offset, c) in rest.char_indices() {
        match c {
            // What a path compares with may hold brackets of its own; a quote alone is a quote.
            '"' if quoted => quoted = false,
            '"' => quoted = depth > 1 && rest[offset + 1..].contains('"'),
            _ if quoted => {}
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let name = &source[at + 1..at + offset];
            let end = at + offset + 1;
            if name.trim().is_empty() {
                return Err(syntax(
                    "the attribute reference names nothing",
                    source,
                    at,
                    end,
                ));
            }
            return Ok((Token::Attribute(name.to_owned()), end));
        }
    }
    Err(syntax(
        "the attribute reference is not closed with `]`",
        source,
        at,
        source.len(),
    ))
}

/// `\"` and `\\` are escapes; a backslash before anything else is kept: regular expressions of
/// published mappings are written with single backslashes.
fn text(source: &str, at: usize) -> Result<(Token, usize), ExpressionError> {
    let mut out = String::new();
    let mut chars = source[at + 1..].char_indices().peekable();
    while let Some((offset, c)) = chars.next() {
        match c {
            '"' => return Ok((Token::Text(out), at + 1 + offset + 1)),
            '\\' => match chars.peek() {
                Some((_, next @ ('"' | '\\'))) => {
                    out.push(*next);
                    chars.next();
                }
                _ => out.push('\\'),
            },
            other => out.push(other),
        }
    }
    Err(syntax(
        "the text is not closed with `\"`",
        source,
        at,
        source.len(),
    ))
}

fn hexadecimal(source: &str, at: usize) -> Result<(Token, usize), ExpressionError> {
    let rest = &source[at + 1..];
    let digits = rest.strip_prefix('H').unwrap_or_default();
    let length = digits
        .find(|c: char| !c.is_ascii_hexdigit())
        .unwrap_or(digits.len());
    if length == 0 {
        return Err(ExpressionError::at(
            ErrorKind::Syntax,
            "`&` between texts is not supported; write Append or Join (`&H` begins a \
             hexadecimal number)",
            source,
            at,
            at + 1,
        ));
    }
    let end = at + 2 + length;
    if source[end..].starts_with(|c: char| c.is_alphanumeric() || c == '_') {
        return Err(syntax(
            "after `&H` only hexadecimal digits can stand",
            source,
            at,
            end,
        ));
    }
    // As in Visual Basic, sixteen digits are the bit pattern: `&HFFFFFFFFFFFFFFFF` is -1.
    u64::from_str_radix(&digits[..length], 16)
        .map(|number| (Token::Number(number.cast_signed()), end))
        .map_err(|_| syntax("the number does not fit 64 bits", source, at, end))
}

fn decimal(source: &str, at: usize) -> Result<(Token, usize), ExpressionError> {
    let rest = &source[at..];
    let sign = usize::from(rest.starts_with('-'));
    let digits = &rest[sign..];
    let length = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    let end = at + sign + length;
    if length == 0 {
        return Err(syntax(
            "`-` is only the sign of a number",
            source,
            at,
            at + 1,
        ));
    }
    if source[end..].starts_with(|c: char| c.is_alphanumeric() || c == '.' || c == '_') {
        return Err(syntax(
            "numbers are whole numbers in digits",
            source,
            at,
            end,
        ));
    }
    rest[..sign + length]
        .parse()
        .map(|number| (Token::Number(number), end))
        .map_err(|_| syntax("the number does not fit 64 bits", source, at, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(source: &str) -> Vec<Token> {
        let mut tokens: Vec<Token> = lex(source)
            .unwrap()
            .into_iter()
            .map(|lexeme| lexeme.token)
            .collect();
        assert_eq!(tokens.pop(), Some(Token::End));
        tokens
    }

    fn wrong(source: &str) -> (ErrorKind, u32, String) {
        let error = lex(source).unwrap_err();
        (error.kind, error.column, error.sub_expression)
    }

    #[test]
    fn numbers() {
        use Token::Number;
        assert_eq!(
            tokens("0 -2 129699324000000000"),
            [Number(0), Number(-2), Number(129_699_324_000_000_000)]
        );
        assert_eq!(tokens("-9223372036854775808"), [Number(i64::MIN)]);
        assert_eq!(
            tokens("&HF &Hf7 &HFFFFFFFFFFFFFFFF"),
            [Number(15), Number(247), Number(-1)]
        );
        for bad in [
            "9223372036854775808",
            "&H10000000000000000",
            "1.5",
            "12ab",
            "-",
            "&HG",
        ] {
            assert!(lex(bad).is_err(), "{bad}");
        }
        assert_eq!(wrong("\"t-\" & [a]").0, ErrorKind::Syntax);
    }

    #[test]
    fn texts_keep_a_backslash_that_escapes_nothing() {
        let text = |t: &str| vec![Token::Text(t.to_owned())];
        assert_eq!(tokens(r#""a \"b\" c""#), text(r#"a "b" c"#));
        assert_eq!(tokens(r#""C:\\temp""#), text(r"C:\temp"));
        assert_eq!(tokens(r#""\+\d""#), text(r"\+\d"));
        assert_eq!(tokens("\"\""), text(""));
        assert_eq!(tokens("\"two\nlines\""), text("two\nlines"));
        assert_eq!(
            wrong(r#"[a], "open\""#),
            (ErrorKind::Syntax, 6, r#""open\""#.to_owned())
        );
    }

    #[test]
    fn attribute_names_count_their_brackets() {
        let name = |t: &str| vec![Token::Attribute(t.to_owned())];
        assert_eq!(
            tokens(r#"[emails[type eq "work"].value]"#),
            name(r#"emails[type eq "work"].value"#)
        );
        let odd = r#"emails[type eq "we]ird"].value"#;
        assert_eq!(tokens(&format!("[{odd}]")), name(odd));
        assert_eq!(tokens(r#"[5" disk]"#), name(r#"5" disk"#));
        assert_eq!(tokens("[urn:a:1.0:User:Code]"), name("urn:a:1.0:User:Code"));
        assert_eq!(tokens("[Cost Centre]"), name("Cost Centre"));
        assert_eq!(wrong(" [a[b]").1, 2);
        assert_eq!(wrong("[ ]").2, "[ ]");
        assert_eq!(wrong("]").0, ErrorKind::Syntax);
    }

    #[test]
    fn comparisons_are_read_whole() {
        use Token::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        assert_eq!(
            tokens("= <> > >= < <="),
            [Equal, NotEqual, Greater, GreaterOrEqual, Less, LessOrEqual]
        );
    }
}
