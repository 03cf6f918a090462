//! Regular expressions as .NET reads them, on a backtracking engine with a step limit.
//!
//! A pattern is translated: what both dialects write alike is copied, what .NET writes
//! differently is spelled out, what has no counterpart is refused by name. Source: "Regular
//! expression language - quick reference" and its pages (dotnet/docs, standard/base-types).

use std::sync::OnceLock;

use fancy_regex::{Regex, RegexBuilder};

type Captures<'t> = fancy_regex::Captures<'t, str>;

/// Steps that a search may go back: patterns are an administrator's, texts are anybody's.
const STEPS_MAX: usize = 100_000;
/// Bytes of a compiled pattern.
const COMPILED_MAX: usize = 4_000_000;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(in crate::mapping) struct Pattern {
    source: Box<str>,
    /// `$` as the very end: right for every text that does not end in a line break.
    plain: Regex,
    /// `$` before a final line break too; only where the pattern has one.
    strict: Option<Box<Strict>>,
    /// Names of groups in the order of their parentheses; unnamed ones are `None`.
    groups: Vec<Option<Box<str>>>,
    /// A repetition without an end stands inside of another.
    ambiguous: bool,
    /// Where it is nothing but characters: what mappings mostly take away.
    simple: Option<Simple>,
    /// For the whole of a text; compiled when it is asked for.
    whole: OnceLock<Option<Regex>>,
}

#[derive(Debug, Clone)]
struct Strict {
    translated: String,
    compiled: OnceLock<Option<Regex>>,
}

/// One class of characters, alone or as often as it stands there.
#[derive(Debug, Clone)]
struct Simple {
    /// Bit by bit.
    ascii: u128,
    others: Vec<(char, char)>,
    repeats: bool,
}

impl Simple {
    /// Of a translated pattern, where it is that simple.
    fn of(translated: &str) -> Option<Self> {
        use regex_syntax::hir::{Class, HirKind};
        let hir = regex_syntax::parse(translated).ok()?;
        let mut class = hir.kind();
        let mut repeats = false;
        if let HirKind::Repetition(many) = class
            && (many.min, many.max, many.greedy) == (1, None, true)
        {
            (class, repeats) = (many.sub.kind(), true);
        }
        let HirKind::Class(Class::Unicode(class)) = class else {
            return None;
        };
        let mut out = Self {
            ascii: 0,
            others: Vec::new(),
            repeats,
        };
        for range in class.ranges() {
            for c in u32::from(range.start())..=u32::from(range.end()).min(127) {
                out.ascii |= 1 << c;
            }
            if !range.end().is_ascii() {
                out.others.push((range.start(), range.end()));
            }
        }
        Some(out)
    }

    fn has(&self, c: char) -> bool {
        if c.is_ascii() {
            return self.ascii >> u32::from(c) & 1 == 1;
        }
        let at = self.others.partition_point(|(_, end)| *end < c);
        self.others.get(at).is_some_and(|(start, _)| *start <= c)
    }

    fn replace(&self, text: &str, with: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let (mut kept, mut inside) = (0, false);
        for (at, c) in text.char_indices() {
            if !self.has(c) {
                inside = false;
                continue;
            }
            out.push_str(&text[kept..at]);
            if !(self.repeats && inside) {
                out.push_str(with);
            }
            inside = true;
            kept = at + c.len_utf8();
        }
        out.push_str(&text[kept..]);
        out
    }
}

/// The same text is the same pattern.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

/// The search went on for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mapping) struct TooLong;

impl Pattern {
    /// Compiles a pattern; the error says what is wrong with it.
    pub(in crate::mapping) fn new(source: &str) -> Result<Self, String> {
        let Translated {
            text,
            strict,
            groups,
            ambiguous,
        } = translate(source)?;
        let plain = compile(&text)?;
        let strict_free = strict.is_none();
        let strict = strict.map(|translated| {
            Box::new(Strict {
                translated,
                compiled: OnceLock::new(),
            })
        });
        Ok(Self {
            source: source.into(),
            plain,
            strict,
            groups,
            ambiguous,
            simple: strict_free.then(|| Simple::of(&text)).flatten(),
            whole: OnceLock::new(),
        })
    }

    /// Whether it may match one text in very many ways.
    pub(in crate::mapping) fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }

    /// As it was written.
    pub(in crate::mapping) fn source(&self) -> &str {
        &self.source
    }

    /// Whether it has a group of this name or number.
    pub(in crate::mapping) fn has(&self, group: &str) -> bool {
        !self.places(group).is_empty()
    }

    fn regex(&self, text: &str) -> &Regex {
        let strict = self.strict.as_ref().filter(|_| text.ends_with('\n'));
        let compiled = strict.and_then(|s| {
            s.compiled
                .get_or_init(|| compile(&s.translated).ok())
                .as_ref()
        });
        compiled.unwrap_or(&self.plain)
    }

    /// Every match, from left to right. As in .NET an empty one may stand where another ended.
    fn matches<'t>(&self, text: &'t str) -> Result<Vec<Captures<'t>>, TooLong> {
        let regex = self.regex(text);
        let (mut out, mut at) = (Vec::new(), 0);
        while at <= text.len() {
            let Some(found) = regex.captures_from_pos(text, at).map_err(|_| TooLong)? else {
                break;
            };
            let whole = found.get(0).expect("a match has a place");
            at = whole.end();
            if whole.start() == at {
                at += text[at..].chars().next().map_or(1, char::len_utf8);
            }
            out.push(found);
        }
        Ok(out)
    }

    /// Every match replaced, in which `$1`, `${name}`, `$&` and the like stand for what was found.
    pub(in crate::mapping) fn replace(&self, text: &str, with: &str) -> Result<String, TooLong> {
        if !with.contains('$') {
            return self.replace_plain(text, with);
        }
        let parts = replacement(with);
        self.rebuild(text, |found, out| {
            for part in &parts {
                self.expand(part, text, found, out);
            }
        })
    }

    /// The same with a text that stands for itself: what was captured need not be known.
    fn replace_plain(&self, text: &str, with: &str) -> Result<String, TooLong> {
        if let Some(simple) = &self.simple {
            return Ok(simple.replace(text, with));
        }
        let regex = self.regex(text);
        let mut out = String::with_capacity(text.len());
        let (mut kept, mut at) = (0, 0);
        while at <= text.len() {
            let Some(found) = regex.find_from_pos(text, at).map_err(|_| TooLong)? else {
                break;
            };
            out.push_str(&text[kept..found.start()]);
            out.push_str(with);
            (kept, at) = (found.end(), found.end());
            if found.start() == at {
                at += text[at..].chars().next().map_or(1, char::len_utf8);
            }
        }
        out.push_str(&text[kept..]);
        Ok(out)
    }

    /// Within every match, what a group captured replaced.
    pub(in crate::mapping) fn replace_group(
        &self,
        text: &str,
        group: &str,
        with: &str,
    ) -> Result<String, TooLong> {
        self.rebuild(text, |found, out| {
            let whole = found.get(0).expect("a match has a place");
            match self.captured(found, group) {
                Some(part) => {
                    out.push_str(&text[whole.start()..part.0]);
                    out.push_str(with);
                    out.push_str(&text[part.1..whole.end()]);
                }
                None => out.push_str(whole.as_str()),
            }
        })
    }

    /// What a group captured in the first match.
    pub(in crate::mapping) fn group<'t>(
        &self,
        text: &'t str,
        group: &str,
    ) -> Result<Option<&'t str>, TooLong> {
        let found = self.regex(text).captures(text).map_err(|_| TooLong)?;
        let place = found.and_then(|found| self.captured(&found, group));
        Ok(place.map(|(from, to)| &text[from..to]))
    }

    /// Whether the whole text matches, in any of the ways in which it can.
    pub(in crate::mapping) fn fits(&self, text: &str) -> Result<bool, TooLong> {
        let whole = self.whole.get_or_init(|| {
            let translated = translate(&self.source).ok()?;
            compile(&format!(r"\A(?:{})\z", translated.text)).ok()
        });
        let regex = whole.as_ref().unwrap_or(&self.plain);
        regex.is_match(text).map_err(|_| TooLong)
    }

    fn rebuild(
        &self,
        text: &str,
        mut put: impl FnMut(&Captures<'_>, &mut String),
    ) -> Result<String, TooLong> {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for found in self.matches(text)? {
            let whole = found.get(0).expect("a match has a place");
            out.push_str(&text[at..whole.start()]);
            put(&found, &mut out);
            at = whole.end();
        }
        out.push_str(&text[at..]);
        Ok(out)
    }

    /// Places of a group among the parentheses: several may share a name. As in .NET, numbers
    /// count the unnamed groups first, then the named ones.
    fn places(&self, group: &str) -> Vec<usize> {
        if let Ok(number) = group.parse::<usize>() {
            return self.numbered().get(number).cloned().unwrap_or_default();
        }
        let of = |(at, name): (usize, &Option<Box<str>>)| {
            (name.as_deref() == Some(group)).then_some(at + 1)
        };
        self.groups.iter().enumerate().filter_map(of).collect()
    }

    fn numbered(&self) -> Vec<Vec<usize>> {
        numbered(&self.groups)
    }

    /// What the last of a group's parentheses to take part captured.
    fn captured(&self, found: &Captures<'_>, group: &str) -> Option<(usize, usize)> {
        let parts = self.places(group);
        let parts = parts.iter().rev().filter_map(|at| found.get(*at));
        parts
            .map(|part| (part.start(), part.end()))
            .max_by_key(|part| part.1)
    }

    fn expand(&self, part: &Part<'_>, text: &str, found: &Captures<'_>, out: &mut String) {
        let whole = found.get(0).expect("a match has a place");
        match part {
            Part::Text(part) => out.push_str(part),
            Part::Group { name, written } => {
                if !self.has(name) {
                    out.push_str(written);
                } else if let Some((from, to)) = self.captured(found, name) {
                    out.push_str(&text[from..to]);
                }
            }
            Part::Before => out.push_str(&text[..whole.start()]),
            Part::After => out.push_str(&text[whole.end()..]),
            Part::Everything => out.push_str(text),
            Part::LastGroup => {
                let last = self.numbered().len().saturating_sub(1);
                if let Some((from, to)) = self.captured(found, &last.to_string()) {
                    out.push_str(&text[from..to]);
                }
            }
        }
    }
}

/// The places of each group number; 0 is the whole match.
fn numbered(groups: &[Option<Box<str>>]) -> Vec<Vec<usize>> {
    let mut out = vec![vec![0]];
    for (at, name) in groups.iter().enumerate() {
        if name.is_none() {
            out.push(vec![at + 1]);
        }
    }
    let mut named: Vec<(&str, usize)> = Vec::new();
    for (at, name) in groups.iter().enumerate() {
        let Some(name) = name.as_deref() else {
            continue;
        };
        if let Some((_, number)) = named.iter().find(|(known, _)| *known == name) {
            out[*number].push(at + 1);
        } else {
            named.push((name, out.len()));
            out.push(vec![at + 1]);
        }
    }
    out
}

fn compile(translated: &str) -> Result<Regex, String> {
    RegexBuilder::new(translated)
        .backtrack_limit(STEPS_MAX)
        .delegate_size_limit(COMPILED_MAX)
        .build()
        .map_err(|_| "the pattern is not one that can be compiled".to_owned())
}

/// A piece of a replacement.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    /// A group, and how it was written: one that the pattern does not have stands for itself.
    Group {
        name: &'a str,
        written: &'a str,
    },
    Before,
    After,
    Everything,
    LastGroup,
}

/// Source: "Substitutions in regular expressions".
fn replacement(text: &str) -> Vec<Part<'_>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        if !before.is_empty() {
            out.push(Part::Text(before));
        }
        let (part, length) = substitution(from);
        out.push(part);
        rest = &from[length..];
    }
    if !rest.is_empty() {
        out.push(Part::Text(rest));
    }
    out
}

fn substitution(from: &str) -> (Part<'_>, usize) {
    let behind = &from[1..];
    match behind.chars().next() {
        Some('$') => (Part::Text("$"), 2),
        Some('&') => (
            Part::Group {
                name: "0",
                written: &from[..2],
            },
            2,
        ),
        Some('`') => (Part::Before, 2),
        Some('\'') => (Part::After, 2),
        Some('_') => (Part::Everything, 2),
        Some('+') => (Part::LastGroup, 2),
        Some('{') => match behind.find('}') {
            Some(end) if end > 1 => (
                Part::Group {
                    name: &behind[1..end],
                    written: &from[..end + 2],
                },
                end + 2,
            ),
            _ => (Part::Text("$"), 1),
        },
        Some(digit) if digit.is_ascii_digit() => {
            let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
            (
                Part::Group {
                    name: &behind[..digits],
                    written: &from[..=digits],
                },
                digits + 1,
            )
        }
        _ => (Part::Text("$"), 1),
    }
}

/// A pattern for the engine.
struct Translated {
    text: String,
    /// With `$` as .NET means it, where that is something else.
    strict: Option<String>,
    groups: Vec<Option<Box<str>>>,
    ambiguous: bool,
}

/// Before the end, or before a line break that is the end.
const BEFORE_END: &str = r"(?=\n?\z)";
/// Stands for it until the translation is done: private use, refused in patterns.
const END: char = '\u{F8FF}';
const WORD: &str = r"\p{L}\p{Mn}\p{Nd}\p{Pc}";

fn translate(source: &str) -> Result<Translated, String> {
    if source.contains(END) {
        return Err("U+F8FF cannot stand in a pattern".to_owned());
    }
    let mut translator = Translator {
        chars: source.chars().collect(),
        at: 0,
        out: String::with_capacity(source.len() + 16),
        groups: Vec::new(),
        named_numbers: Vec::new(),
        flags: Flags::default(),
        endless: 0,
        ambiguous: false,
    };
    translator.count_groups();
    translator.alternatives(0)?;
    if translator.at < translator.chars.len() {
        return Err("`)` without `(`".to_owned());
    }
    let text = translator.out;
    let ends = text.contains(END);
    Ok(Translated {
        strict: ends.then(|| text.replace(END, BEFORE_END)),
        text: if ends { text.replace(END, r"\z") } else { text },
        groups: translator.groups,
        ambiguous: translator.ambiguous,
    })
}

#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    /// `n`: unnamed parentheses do not capture.
    explicit: bool,
    /// `m`: `^` and `$` at every line.
    lines: bool,
    /// `x`: white space and comments do not count.
    spaced: bool,
}

struct Translator {
    chars: Vec<char>,
    at: usize,
    out: String,
    groups: Vec<Option<Box<str>>>,
    /// For references by number, which may stand before the group: its parentheses.
    named_numbers: Vec<Vec<usize>>,
    flags: Flags,
    /// Repetitions without an end so far.
    endless: u32,
    ambiguous: bool,
}

/// Groups inside groups: our own bound, translation recurses.
const NESTED_MAX: usize = 64;

impl Translator {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        use std::fmt::Write as _;
        self.out
            .write_fmt(text)
            .expect("writing to a text cannot fail");
    }

    fn looking_at(&self, text: &str) -> bool {
        let mut chars = self.chars[self.at..].iter();
        text.chars().all(|c| chars.next() == Some(&c))
    }

    fn eat(&mut self, text: &str) -> bool {
        let eaten = self.looking_at(text);
        if eaten {
            self.at += text.chars().count();
        }
        eaten
    }

    /// A first look for groups, so that numbers are known before their groups are read. The flag
    /// `n` is rare enough to be left to the second look.
    fn count_groups(&mut self) {
        let mut groups: Vec<Option<Box<str>>> = Vec::new();
        let mut in_class = false;
        let mut at = 0;
        while at < self.chars.len() {
            match self.chars[at] {
                '\\' => at += 1,
                '[' => in_class = true,
                ']' => in_class = false,
                '(' if !in_class => {
                    let rest = &self.chars[at + 1..];
                    if rest.first() != Some(&'?') {
                        groups.push(None);
                    } else if let Some(name) = group_name(rest) {
                        groups.push(Some(name.into()));
                    }
                }
                _ => {}
            }
            at += 1;
        }
        self.named_numbers = numbered(&groups);
    }

    fn alternatives(&mut self, depth: usize) -> Result<(), String> {
        if depth > NESTED_MAX {
            return Err(format!("groups are nested deeper than {NESTED_MAX} levels"));
        }
        let flags = self.flags;
        loop {
            match self.peek() {
                None | Some(')') => break,
                Some('|') => {
                    self.at += 1;
                    self.out.push('|');
                }
                Some(_) => self.piece(depth)?,
            }
        }
        self.flags = flags;
        Ok(())
    }

    /// An atom and its quantifier.
    fn piece(&mut self, depth: usize) -> Result<(), String> {
        if self.flags.spaced && self.skip_space() {
            return Ok(());
        }
        let Some(c) = self.take() else {
            return Ok(());
        };
        let before = self.endless;
        let quantifiable = match c {
            '\\' => self.escape()?,
            '[' => {
                let class = self.class()?;
                self.out.push_str(&class);
                true
            }
            '(' => self.parentheses(depth)?,
            '.' => {
                self.out.push('.');
                true
            }
            '^' => {
                self.out
                    .push_str(if self.flags.lines { "(?m:^)" } else { r"\A" });
                true
            }
            '$' if self.flags.lines => {
                self.out.push_str("(?m:$)");
                true
            }
            '$' => {
                self.out.push(END);
                true
            }
            '*' | '+' | '?' => return Err(format!("`{c}` has nothing before it to repeat")),
            '{' if self.counts().is_some() => {
                return Err("`{` has nothing before it to repeat".to_owned());
            }
            other => {
                self.literal(other);
                true
            }
        };
        if quantifiable && self.quantifier()? {
            self.ambiguous |= c == '(' && self.endless > before;
            self.endless += 1;
        }
        Ok(())
    }

    fn skip_space(&mut self) -> bool {
        match self.peek() {
            Some(c) if c.is_whitespace() => {
                self.at += 1;
                true
            }
            Some('#') => {
                while self.take().is_some_and(|c| c != '\n') {}
                true
            }
            _ => false,
        }
    }

    fn literal(&mut self, c: char) {
        if c.is_alphanumeric() || c == '_' || c == ' ' || !c.is_ascii() {
            self.out.push(c);
        } else {
            self.out.push_str(&hexadecimal(c));
        }
    }

    /// Whether what is before it repeats without an end.
    fn quantifier(&mut self) -> Result<bool, String> {
        if self.flags.spaced {
            while self.skip_space() {}
        }
        let endless = match self.peek() {
            Some(c @ ('*' | '+' | '?')) => {
                self.at += 1;
                self.out.push(c);
                c != '?'
            }
            Some('{') => {
                self.at += 1;
                let Some((counts, length)) = self.counts() else {
                    self.at -= 1;
                    return Ok(false);
                };
                self.out.push_str(&counts);
                self.at += length;
                counts.ends_with(",}")
            }
            _ => return Ok(false),
        };
        if self.eat("?") {
            self.out.push('?');
        }
        match self.peek() {
            Some(c @ ('*' | '+' | '?')) => Err(format!("`{c}` repeats a repetition")),
            Some('{') => {
                self.at += 1;
                let counts = self.counts().is_some();
                self.at -= 1;
                if counts {
                    Err("`{` repeats a repetition".to_owned())
                } else {
                    Ok(endless)
                }
            }
            _ => Ok(endless),
        }
    }

    /// `n}`, `n,}` or `n,m}` from here on: how the engine writes it, and its length.
    fn counts(&self) -> Option<(String, usize)> {
        let rest: String = self.chars[self.at..].iter().take(24).collect();
        let end = rest.find('}')?;
        let (least, most) = match rest[..end].split_once(',') {
            Some((least, most)) => (least, Some(most)),
            None => (&rest[..end], None),
        };
        let number = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        let fits = number(least) && most.is_none_or(|most| most.is_empty() || number(most));
        fits.then(|| (format!("{{{}}}", &rest[..end]), end + 1))
    }

    /// Behind a backslash, outside of a class. Whether it can be repeated.
    fn escape(&mut self) -> Result<bool, String> {
        let Some(c) = self.take() else {
            return Err("it ends in a backslash".to_owned());
        };
        match c {
            'b' => self.out.push_str(r"\b"),
            'B' => self.out.push_str(r"\B"),
            'A' => self.out.push_str(r"\A"),
            'z' => self.out.push_str(r"\z"),
            'Z' => self.out.push(END),
            'G' => return Err(r"`\G` is not supported".to_owned()),
            'k' => {
                let close = match self.take() {
                    Some('<') => '>',
                    Some('\'') => '\'',
                    _ => return Err(r"`\k` is followed by `<name>`".to_owned()),
                };
                let name = self.until(close)?;
                self.reference(&name)?;
            }
            '1'..='9' => {
                let mut digits = String::from(c);
                while let Some(digit) = self.peek().filter(char::is_ascii_digit) {
                    digits.push(digit);
                    self.at += 1;
                }
                let number = digits.parse::<usize>().unwrap_or(usize::MAX);
                // Several digits that name no group are a character in octal.
                if digits.len() > 1 && number >= self.named_numbers.len() {
                    self.at -= digits.len() - 1;
                    let character = self.class_escape(c)?;
                    self.out.push_str(&character.outside());
                } else {
                    self.reference(&digits)?;
                }
            }
            other => {
                let class = self.class_escape(other)?;
                self.out.push_str(&class.outside());
            }
        }
        Ok(true)
    }

    /// What a group captured so far.
    fn reference(&mut self, group: &str) -> Result<(), String> {
        let places = if let Ok(number) = group.parse::<usize>() {
            self.named_numbers.get(number).cloned()
        } else {
            let named = |name: &Option<Box<str>>| name.as_deref() == Some(group);
            let at = self.groups.iter().rposition(named);
            at.map(|at| vec![at + 1])
        };
        match places.as_deref() {
            Some([.., place]) if *place > 0 => {
                // A digit behind it would be read as part of the number.
                self.put(format_args!("(?:\\{place})"));
                Ok(())
            }
            _ => Err(format!("there is no group `{group}` to refer to")),
        }
    }

    fn until(&mut self, close: char) -> Result<String, String> {
        let mut out = String::new();
        loop {
            match self.take() {
                Some(c) if c == close => return Ok(out),
                Some(c) => out.push(c),
                None => return Err(format!("`{close}` is missing")),
            }
        }
    }

    /// Behind `(`. Whether it can be repeated.
    fn parentheses(&mut self, depth: usize) -> Result<bool, String> {
        if !self.eat("?") {
            if self.flags.explicit {
                self.out.push_str("(?:");
            } else {
                self.groups.push(None);
                self.out.push('(');
            }
            return self.rest_of_group(depth);
        }
        for same in [":", "=", "!", "<=", "<!", ">"] {
            if self.eat(same) {
                self.out.push_str("(?");
                self.out.push_str(same);
                return self.rest_of_group(depth);
            }
        }
        if self.eat("#") {
            self.until(')')?;
            return Ok(false);
        }
        if let Some(close) = match self.peek() {
            Some('<') => Some('>'),
            Some('\'') => Some('\''),
            _ => None,
        } {
            self.at += 1;
            let name = self.until(close)?;
            if name.contains('-') {
                return Err("balancing groups are not supported".to_owned());
            }
            let word = |c: char| c.is_alphanumeric() || c == '_';
            if name.is_empty()
                || !name.chars().all(word)
                || name.starts_with(|c: char| c.is_ascii_digit())
            {
                return Err(format!("`{name}` is no name of a group"));
            }
            self.groups.push(Some(name.into()));
            self.out.push('(');
            return self.rest_of_group(depth);
        }
        if self.peek() == Some('(') {
            return Err("`(?(` conditions are not supported".to_owned());
        }
        self.inline_flags(depth)
    }

    fn rest_of_group(&mut self, depth: usize) -> Result<bool, String> {
        self.alternatives(depth + 1)?;
        if self.take() != Some(')') {
            return Err("`(` is not closed".to_owned());
        }
        self.out.push(')');
        Ok(true)
    }

    /// `(?i)` to the end of the group around it, `(?i:...)` for itself.
    fn inline_flags(&mut self, depth: usize) -> Result<bool, String> {
        let before = self.flags;
        let (mut on, mut off, mut minus) = (String::new(), String::new(), false);
        loop {
            let Some(c) = self.take() else {
                return Err("`(?` is not closed".to_owned());
            };
            let list = if minus { &mut off } else { &mut on };
            match c {
                '-' if !minus => minus = true,
                'i' | 's' => list.push(c),
                'm' => self.flags.lines = !minus,
                'n' => self.flags.explicit = !minus,
                'x' => self.flags.spaced = !minus,
                ':' | ')' => {
                    let mut flags = on.clone();
                    if !off.is_empty() {
                        flags.push('-');
                        flags.push_str(&off);
                    }
                    if c == ')' {
                        if !flags.is_empty() {
                            self.put(format_args!("(?{flags})"));
                        }
                        return Ok(false);
                    }
                    self.put(format_args!("(?{flags}:"));
                    let done = self.rest_of_group(depth);
                    self.flags = before;
                    return done;
                }
                other => return Err(format!("`(?{other}` is not known")),
            }
        }
    }

    /// Behind `[`: the whole class.
    fn class(&mut self) -> Result<String, String> {
        let not = if self.eat("^") { "^" } else { "" };
        let mut items = String::new();
        let mut first = true;
        loop {
            let Some(c) = self.take() else {
                return Err("`[` is not closed".to_owned());
            };
            match c {
                ']' if !first => break,
                '-' if !first && self.looking_at("[") => {
                    self.at += 1;
                    let without = self.class()?;
                    if self.take() != Some(']') {
                        return Err("what is left out of a class stands at its end".to_owned());
                    }
                    return Ok(format!("[[{not}{items}]--{without}]"));
                }
                c => {
                    let item = self.class_item(c)?;
                    // A range; `-` before the end or before a class stands for itself.
                    let ranges = self.peek() == Some('-')
                        && !matches!(self.chars.get(self.at + 1), None | Some(']' | '['));
                    match (item, ranges) {
                        (ClassItem::One(from), true) => {
                            self.at += 1;
                            let c = self.take().expect("looked at above");
                            let ClassItem::One(to) = self.class_item(c)? else {
                                return Err("a range ends in a class".to_owned());
                            };
                            if from > to {
                                return Err("a range goes backwards".to_owned());
                            }
                            items.push_str(&hexadecimal(from));
                            items.push('-');
                            items.push_str(&hexadecimal(to));
                        }
                        (ClassItem::One(c), false) => items.push_str(&hexadecimal(c)),
                        (ClassItem::Set(set), _) => items.push_str(&set),
                    }
                }
            }
            first = false;
        }
        Ok(format!("[{not}{items}]"))
    }

    fn class_item(&mut self, c: char) -> Result<ClassItem, String> {
        if c != '\\' {
            return Ok(ClassItem::One(c));
        }
        match self.take() {
            None => Err("it ends in a backslash".to_owned()),
            Some('b') => Ok(ClassItem::One('\u{8}')),
            Some(c) => self.class_escape(c),
        }
    }

    /// Behind a backslash: what means the same inside and outside of a class.
    fn class_escape(&mut self, c: char) -> Result<ClassItem, String> {
        let one = |c| Ok(ClassItem::One(c));
        let set = |set: &str| Ok(ClassItem::Set(set.to_owned()));
        match c {
            'd' => set(r"\d"),
            'D' => set(r"\D"),
            's' => set(r"\s"),
            'S' => set(r"\S"),
            'w' => set(&format!("[{WORD}]")),
            'W' => set(&format!("[^{WORD}]")),
            't' => one('\t'),
            'n' => one('\n'),
            'r' => one('\r'),
            'f' => one('\u{C}'),
            'v' => one('\u{B}'),
            'a' => one('\u{7}'),
            'e' => one('\u{1B}'),
            'x' => self.code(2).map(ClassItem::One),
            'u' => self.code(4).map(ClassItem::One),
            'c' => match self.take() {
                Some(letter) if letter.is_ascii_alphabetic() => {
                    one(char::from(letter.to_ascii_uppercase() as u8 - b'@'))
                }
                _ => Err(r"`\c` is followed by a letter".to_owned()),
            },
            '0'..='7' => {
                let mut value = c.to_digit(8).unwrap_or_default();
                for _ in 0..2 {
                    let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) else {
                        break;
                    };
                    value = value * 8 + digit;
                    self.at += 1;
                }
                char::from_u32(value).map_or_else(|| Err("no such character".to_owned()), one)
            }
            'p' | 'P' => {
                if !self.eat("{") {
                    return Err(format!("`\\{c}` is followed by `{{category}}`"));
                }
                let name = self.until('}')?;
                if CATEGORIES.contains(&name.as_str()) {
                    Ok(ClassItem::Set(format!("\\{c}{{{name}}}")))
                } else {
                    Err(format!(
                        "`\\{c}{{{name}}}` is not supported: general categories are"
                    ))
                }
            }
            other if other.is_ascii_alphanumeric() => Err(format!("`\\{other}` is not known")),
            other => one(other),
        }
    }

    fn code(&mut self, digits: usize) -> Result<char, String> {
        let mut value = 0;
        for _ in 0..digits {
            let digit = self.take().and_then(|c| c.to_digit(16));
            let digit = digit.ok_or_else(|| format!("{digits} hexadecimal digits are expected"))?;
            value = value * 16 + digit;
        }
        char::from_u32(value).ok_or_else(|| "half of a surrogate pair".to_owned())
    }
}

/// The name behind `(`, from the `?` on, if it is a named group.
fn group_name(rest: &[char]) -> Option<String> {
    let close = match rest.get(1)? {
        '<' if !matches!(rest.get(2), Some('=' | '!')) => '>',
        '\'' => '\'',
        _ => return None,
    };
    let end = rest[2..].iter().position(|c| *c == close)?;
    Some(rest[2..2 + end].iter().collect())
}

enum ClassItem {
    One(char),
    Set(String),
}

impl ClassItem {
    fn outside(self) -> String {
        match self {
            Self::One(c) => hexadecimal(c),
            Self::Set(set) => set,
        }
    }
}

/// A character that means nothing but itself, wherever it stands.
fn hexadecimal(c: char) -> String {
    if c.is_ascii_alphanumeric() {
        c.to_string()
    } else {
        format!("\\x{{{:X}}}", u32::from(c))
    }
}

/// Unicode general categories, as .NET names them.
const CATEGORIES: [&str; 37] = [
    "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc",
    "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "C",
    "Cc", "Cf", "Cs", "Co", "Cn",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(pattern: &str, text: &str, with: &str) -> String {
        Pattern::new(pattern).unwrap().replace(text, with).unwrap()
    }

    /// Each with what .NET's documentation says, or shows in an example.
    #[test]
    fn patterns_mean_what_they_mean_in_dotnet() {
        for (pattern, text, with, expect) in [
            (
                r"([\/\\\[\]\:\;\|\=\,\+\*\?\<\>])",
                "a<b>[c]/\\:",
                "",
                "abc",
            ),
            (r"(\.)*$", "ja.ne..", "", "ja.ne"),
            (r"\.$", "a.\n", "", "a\n"),
            (r"\.\z", "a.\n", "", "a.\n"),
            (r"\.\Z", "a.\n", "", "a\n"),
            ("(?m)$", "a\nb", ";", "a;\nb;"),
            ("(?m)^", "a\nb", "-", "-a\n-b"),
            ("^", "a\nb", "-", "-a\nb"),
            ("[a-z-[aeiou]]", "banana", "_", "_a_a_a"),
            ("[^a-z-[aeiou]]", "b1a", "_", "b_a"),
            (r"(\w)\1", "aabbc", "<$1>", "<a><b>c"),
            (r"(?<l>\w)\k<l>", "xyyz", "${l}", "xyz"),
            (r"(?'l'\w)", "ab", "${l}.", "a.b."),
            ("(a)(?<n>b)(c)", "abc", "$1$2$3", "acb"),
            (r"(?<=\$)\d+(?!\d)", "cost $42", "n", "cost $n"),
            (r"(?<=a+)b", "aab b", "c", "aac b"),
            ("(?i)STRASSE", "Strasse", "x", "x"),
            ("(?i:a)b", "Ab AB", "x", "x AB"),
            ("(?x) a b # and\n c", "abc", "x", "x"),
            ("(?n)(a)(?<k>b)", "ab", "$1", "b"),
            ("(?>a*)ab", "aaab", "x", "aaab"),
            (r"\u00e9\x41\t\cA\101", "éA\t\u{1}A", "x", "x"),
            (r"[\w-]+", "a-b c", "x", "x x"),
            (r"[]a]", "]ab", "x", "xxb"),
            (r"\p{Lu}", "aBC", "x", "axx"),
            (r"\P{L}", "a1", "x", "ax"),
            ("a{2}b{,3}", "aab{,3}", "x", "x"),
            ("x{", "x{", "y", "y"),
            ("a|", "ab", "-", "--b-"),
            (".", "a\r\nb", "x", "xx\nx"),
            ("(?s).", "a\nb", "x", "xxx"),
            (r"(?<a>x)|(?<a>y)", "xy", "[${a}]", "[x][y]"),
            (
                "b",
                "abc",
                "$`|$'|$&|$_|$$|$x|${no}|$9",
                "aa|c|b|abc|$|$x|${no}|$9c",
            ),
            ("(a)(b)?", "ab", "$+", "b"),
            (r"\b\w+\b", "two words", "x", "x x"),
            ("&&~~--", "&&~~--", "x", "x"),
            ("[a&&b]", "&", "x", "x"),
        ] {
            assert_eq!(replaced(pattern, text, with), expect, "{pattern} {text:?}");
        }
    }

    /// What is done without the engine is what the engine does.
    #[test]
    fn simple_patterns_are_no_shortcut() {
        for source in [
            "[^a-z0-9._-]",
            r"\s+",
            "[äöü]+",
            r"\d",
            r"\W",
            r"[\p{L}-[aeiou]]+",
            "(?i)[k]",
            ".",
        ] {
            let pattern = Pattern::new(source).unwrap();
            assert!(pattern.simple.is_some(), "{source}");
            let engine = Pattern {
                simple: None,
                ..pattern.clone()
            };
            for text in ["", "Ana  Ruiz-Öü9\n", "aäöüb", "  x ", "KkK\u{212A}", "😀é"] {
                for with in ["", "_", "xy"] {
                    assert_eq!(
                        pattern.replace(text, with),
                        engine.replace(text, with),
                        "{source} {text}"
                    );
                }
            }
        }
        for source in ["a*", "ab", "[a]+?", "[a]{2}", "^[a]", "([a])", "[a]$"] {
            assert!(Pattern::new(source).unwrap().simple.is_none(), "{source}");
        }
    }

    #[test]
    fn groups_are_replaced_and_found() {
        let pattern = Pattern::new("(?<Suffix>@(.)*)").unwrap();
        assert_eq!(pattern.replace_group("a@b", "Suffix", "").unwrap(), "a");
        assert!(pattern.has("Suffix") && pattern.has("1") && !pattern.has("suffix"));
        let pattern = Pattern::new(r"\+(?<code>\d+) (?<rest>\d+)").unwrap();
        assert_eq!(pattern.group("+44 20", "rest").unwrap(), Some("20"));
        assert_eq!(pattern.group("44", "rest").unwrap(), None);
        assert!(Pattern::new("[1-9][0-9]").unwrap().fits("42").unwrap());
        assert!(!Pattern::new("[1-9][0-9]").unwrap().fits("420").unwrap());
    }

    #[test]
    fn what_has_no_counterpart_is_refused_by_name() {
        for (pattern, why) in [
            ("(?<a-b>x)", "balancing"),
            ("(?(1)a|b)", "conditions"),
            (r"\p{IsGreek}", "IsGreek"),
            (r"\Gx", "not supported"),
            ("a++", "repeats a repetition"),
            ("a**", "repeats a repetition"),
            ("*a", "nothing before it"),
            ("(a", "not closed"),
            ("a)", "without"),
            ("[a", "not closed"),
            ("[z-a]", "backwards"),
            (r"\", "backslash"),
            (r"\q", "not known"),
            (r"\2", "no group"),
            (r"(?q)", "not known"),
        ] {
            let error = Pattern::new(pattern).unwrap_err();
            assert!(error.contains(why), "{pattern}: {error}");
        }
    }

    #[test]
    fn no_pattern_goes_on_for_ever() {
        let pattern = Pattern::new(r"^(([a-z])+.)+[A-Z]\2([a-z])+$").unwrap();
        let text = "a".repeat(60);
        assert_eq!(pattern.replace(&text, ""), Err(TooLong));
    }
}
