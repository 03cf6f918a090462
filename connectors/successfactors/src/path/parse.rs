//! The parser: recursive descent, bounded in length and depth.

use serde_json::Value;

use super::{Path, Pick, Side, Sign, Step, Test};

/// Longest path, in characters.
const LENGTH_MAX: usize = 2_000;
/// Deepest nesting of conditions.
const DEPTH_MAX: u32 = 16;

struct Parser {
    text: Vec<char>,
    at: usize,
    depth: u32,
}

type Parsed<T> = Result<T, String>;

pub(super) fn parse(text: &str) -> Parsed<Path> {
    let text: Vec<char> = text.trim().chars().collect();
    if text.len() > LENGTH_MAX {
        return Err(format!("longer than {LENGTH_MAX} characters"));
    }
    let mut parser = Parser {
        text,
        at: 0,
        depth: 0,
    };
    if !parser.eat("$") {
        return Err(parser.wants("`$`"));
    }
    let steps = parser.steps()?;
    if parser.at < parser.text.len() {
        return Err(parser.wants("`.`, `[` or the end"));
    }
    Ok(Path {
        absolute: true,
        steps,
    })
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn eat(&mut self, word: &str) -> bool {
        let mut ahead = self.text[self.at..].iter();
        if word.chars().all(|c| ahead.next() == Some(&c)) {
            self.at += word.chars().count();
            return true;
        }
        false
    }

    fn blanks(&mut self) {
        while self
            .peek()
            .is_some_and(|c| matches!(c, ' ' | '\t' | '\n' | '\r'))
        {
            self.at += 1;
        }
    }

    fn wants(&self, what: &str) -> String {
        let found = self
            .peek()
            .map_or_else(|| "the end".to_owned(), |c| format!("`{c}`"));
        format!(
            "{what} is expected at character {}, and there is {found}",
            self.at + 1
        )
    }

    fn expect(&mut self, word: &str) -> Parsed<()> {
        self.blanks();
        if self.eat(word) {
            Ok(())
        } else {
            Err(self.wants(&format!("`{word}`")))
        }
    }

    fn steps(&mut self) -> Parsed<Vec<Step>> {
        let mut steps = Vec::new();
        loop {
            // Blanks before a step belong to it; blanks before anything else do not.
            let before = self.at;
            self.blanks();
            let deep = self.eat("..");
            if self.peek() == Some('[') {
                steps.push(Step {
                    deep,
                    picks: self.bracket()?,
                });
            } else if deep || self.eat(".") {
                let pick = if self.eat("*") {
                    Pick::All
                } else {
                    Pick::Name(self.name()?)
                };
                steps.push(Step {
                    deep,
                    picks: vec![pick],
                });
            } else {
                self.at = before;
                return Ok(steps);
            }
        }
    }

    fn name(&mut self) -> Parsed<String> {
        let begin = self.at;
        let first = |c: char| c.is_alphabetic() || c == '_' || !c.is_ascii();
        while self
            .peek()
            .is_some_and(|c| first(c) || (self.at > begin && c.is_ascii_digit()))
        {
            self.at += 1;
        }
        if self.at == begin {
            return Err(self.wants("a name"));
        }
        Ok(self.text[begin..self.at].iter().collect())
    }

    fn bracket(&mut self) -> Parsed<Vec<Pick>> {
        self.expect("[")?;
        let mut picks = Vec::new();
        loop {
            self.blanks();
            picks.push(self.pick()?);
            self.blanks();
            if self.eat("]") {
                return Ok(picks);
            }
            if !self.eat(",") {
                return Err(self.wants("`]` or `,`"));
            }
        }
    }

    fn pick(&mut self) -> Parsed<Pick> {
        match self.peek() {
            Some('*') => {
                self.at += 1;
                Ok(Pick::All)
            }
            Some('\'' | '"') => Ok(Pick::Name(self.quoted()?)),
            Some('?') => {
                self.at += 1;
                Ok(Pick::Where(self.or()?))
            }
            Some(_) | None => self.place(),
        }
    }

    /// A number, or a slice.
    fn place(&mut self) -> Parsed<Pick> {
        let begin = self.whole()?;
        self.blanks();
        if !self.eat(":") {
            return begin
                .map(Pick::At)
                .ok_or_else(|| self.wants("a name, a number or `?`"));
        }
        self.blanks();
        let end = self.whole()?;
        self.blanks();
        let mut by = None;
        if self.eat(":") {
            self.blanks();
            by = self.whole()?;
        }
        Ok(Pick::Slice(begin, end, by.unwrap_or(1)))
    }

    fn whole(&mut self) -> Parsed<Option<i64>> {
        let begin = self.at;
        let negative = self.eat("-");
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == begin {
            return Ok(None);
        }
        let digits: String = self.text[begin..self.at].iter().collect();
        let number = digits.parse::<i64>().ok();
        // RFC 9535, section 2.1: numbers that every implementation has.
        let number = number.filter(|it| it.unsigned_abs() < 1 << 53 && !(negative && *it == 0));
        number
            .map(Some)
            .ok_or_else(|| format!("no whole number at character {}", begin + 1))
    }

    fn quoted(&mut self) -> Parsed<String> {
        let quote = self.peek().unwrap_or('\'');
        let begin = self.at;
        self.at += 1;
        let mut out = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                _ if c == quote => return Ok(out),
                '\\' => {
                    let escaped = self.peek().ok_or_else(|| self.wants("a character"))?;
                    self.at += 1;
                    out.push(match escaped {
                        'n' => '\n',
                        't' => '\t',
                        '\\' | '/' | '\'' | '"' => escaped,
                        _ => {
                            return Err(format!(
                                "`\\{escaped}` at character {} is not known",
                                self.at - 1
                            ));
                        }
                    });
                }
                _ => out.push(c),
            }
        }
        Err(format!(
            "the text that begins at character {} has no end",
            begin + 1
        ))
    }

    fn or(&mut self) -> Parsed<Test> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("conditions are nested deeper than {DEPTH_MAX}"));
        }
        let mut any = vec![self.and()?];
        loop {
            self.blanks();
            if !self.eat("||") {
                break;
            }
            any.push(self.and()?);
        }
        self.depth -= 1;
        Ok(one_or(any, Test::Or))
    }

    fn and(&mut self) -> Parsed<Test> {
        let mut all = vec![self.basic()?];
        loop {
            self.blanks();
            if !self.eat("&&") {
                break;
            }
            all.push(self.basic()?);
        }
        Ok(one_or(all, Test::And))
    }

    fn basic(&mut self) -> Parsed<Test> {
        self.blanks();
        if self.peek() == Some('!') && self.text.get(self.at + 1) != Some(&'=') {
            self.at += 1;
            self.depth += 1;
            if self.depth > DEPTH_MAX {
                return Err(format!("conditions are nested deeper than {DEPTH_MAX}"));
            }
            let inner = self.basic()?;
            self.depth -= 1;
            return Ok(Test::Not(Box::new(inner)));
        }
        if self.eat("(") {
            let inner = self.or()?;
            self.expect(")")?;
            return Ok(inner);
        }
        let left = self.side()?;
        self.blanks();
        let Some(sign) = self.sign() else {
            return match left {
                Side::Found(path) => Ok(Test::Exists(path)),
                Side::Fixed(_) => Err(self.wants("a comparison")),
            };
        };
        self.blanks();
        let right = self.side()?;
        for side in [&left, &right] {
            if matches!(side, Side::Found(path) if !path.is_singular()) {
                return Err(
                    "a comparison takes a path to one value: names and numbers only".to_owned(),
                );
            }
        }
        Ok(Test::Compare(left, sign, right))
    }

    fn sign(&mut self) -> Option<Sign> {
        let signs = [
            ("==", Sign::Equal),
            ("!=", Sign::Unequal),
            ("<=", Sign::AtMost),
            (">=", Sign::AtLeast),
            ("<", Sign::Less),
            (">", Sign::More),
        ];
        signs
            .into_iter()
            .find(|(word, _)| self.eat(word))
            .map(|(_, sign)| sign)
    }

    fn side(&mut self) -> Parsed<Side> {
        match self.peek() {
            Some('@' | '$') => {
                let absolute = self.peek() == Some('$');
                self.at += 1;
                Ok(Side::Found(Path {
                    absolute,
                    steps: self.steps()?,
                }))
            }
            Some('\'' | '"') => Ok(Side::Fixed(Value::String(self.quoted()?))),
            Some('-' | '0'..='9') => self.number(),
            Some(_) | None => {
                for (word, value) in [
                    ("true", Value::Bool(true)),
                    ("false", Value::Bool(false)),
                    ("null", Value::Null),
                ] {
                    if self.eat(word) {
                        return Ok(Side::Fixed(value));
                    }
                }
                let begin = self.at;
                if self.name().is_ok() && self.peek() == Some('(') {
                    return Err(format!(
                        "functions are not known here (character {})",
                        begin + 1
                    ));
                }
                self.at = begin;
                Err(self.wants("`@`, `$` or a value"))
            }
        }
    }

    fn number(&mut self) -> Parsed<Side> {
        let begin = self.at;
        while self
            .peek()
            .is_some_and(|c| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E'))
        {
            self.at += 1;
        }
        let text: String = self.text[begin..self.at].iter().collect();
        let number = serde_json::from_str(&text)
            .map_err(|_| format!("no number at character {}", begin + 1))?;
        Ok(Side::Fixed(number))
    }
}

fn one_or(mut tests: Vec<Test>, many: fn(Vec<Test>) -> Test) -> Test {
    if tests.len() == 1 {
        tests.remove(0)
    } else {
        many(tests)
    }
}

impl Path {
    /// Whether it leads to one node at most.
    fn is_singular(&self) -> bool {
        let single =
            |step: &Step| !step.deep && matches!(&step.picks[..], [Pick::Name(_) | Pick::At(_)]);
        self.steps.iter().all(single)
    }
}
