//! Regular expressions with .NET's meaning, in a bounded number of steps.
//!
//! Ours, because no library has it: what .NET writes, numbers, captures and looks behind for is its
//! own, and it works on UTF-16 units. [`syntax`] reads, [`program`] compiles, [`machine`] runs.
//! Source: "Regular expression language - quick reference" and its pages (dotnet/docs,
//! standard/base-types).

use std::cell::Cell;

mod blocks;
mod machine;
mod node;
mod program;
mod set;
mod syntax;

pub(crate) use machine::TooLong;

use machine::{Found, Machine, Span, Units};
use node::Node;
use program::Program;
use set::Set;
use syntax::Groups;

/// Steps that one expression may take, or one comparison: patterns are an administrator's, texts
/// are anybody's. A few milliseconds.
const STEPS_MAX: u64 = 1_000_000;

/// What is left of the steps that something may take.
#[derive(Debug)]
pub(crate) struct Steps(Cell<u64>);

impl Steps {
    /// Enough for one expression or one comparison.
    pub(crate) const fn new() -> Self {
        Self(Cell::new(STEPS_MAX))
    }
}

/// Units of what a call may make.
const RESULT_MAX: usize = 1_000_000;

/// Bytes of a pattern up to which it is looked into for short cuts: that takes longer than reading
/// it, and a row may bring a pattern of its own.
const LOOKED_INTO_MAX: usize = 1000;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    source: Box<str>,
    program: Program,
    /// The same for who does not ask for groups, where that is another one.
    bare: Option<Program>,
    groups: Groups,
    /// Where it is nothing but characters: what mappings mostly take away.
    simple: Option<Simple>,
}

/// One set, alone or as often as it stands there.
#[derive(Debug, Clone)]
struct Simple {
    set: Set,
    /// What lies outside of the Basic Multilingual Plane is in it.
    pairs: bool,
    repeats: bool,
}

impl Simple {
    /// Of a pattern, where it is that simple.
    fn of(node: &Node) -> Option<Self> {
        let (node, repeats) = if let Node::Repeat {
            node,
            least: 1,
            most: None,
            lazy: false,
        } = node
        {
            (&**node, true)
        } else {
            (node, false)
        };
        let Node::One(set) = node else {
            return None;
        };
        Some(Self {
            set: set.clone(),
            pairs: set.takes_pairs_whole()?,
            repeats,
        })
    }

    fn has(&self, c: char) -> bool {
        let unit = u16::try_from(u32::from(c));
        unit.map_or(self.pairs, |unit| self.set.has(unit))
    }

    fn replace(&self, text: &str, with: &str) -> Result<Option<String>, TooLong> {
        let Some(first) = text.find(|c| self.has(c)) else {
            return Ok(None);
        };
        let mut out = String::with_capacity(text.len());
        let (mut kept, mut inside) = (0, false);
        for (at, c) in text[first..].char_indices() {
            let at = first + at;
            if !self.has(c) {
                inside = false;
                continue;
            }
            out.push_str(&text[kept..at]);
            let times = match (self.repeats, inside) {
                (true, true) => 0,
                (true, false) => 1,
                (false, _) => c.len_utf16(),
            };
            for _ in 0..times {
                out.push_str(with);
            }
            if out.len() > RESULT_MAX {
                return Err(TooLong);
            }
            inside = true;
            kept = at + c.len_utf8();
        }
        out.push_str(&text[kept..]);
        Ok(Some(out))
    }
}

/// The same text is the same pattern.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

/// A text as the machine reads it: in ASCII its bytes are its units.
enum Text<'t> {
    Ascii(&'t str),
    Wide(Vec<u16>),
}

impl<'t> Text<'t> {
    fn of(text: &'t str) -> Self {
        if text.is_ascii() {
            Self::Ascii(text)
        } else {
            Self::Wide(text.encode_utf16().collect())
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Ascii(text) => text.len(),
            Self::Wide(units) => units.len(),
        }
    }
}

/// What is put together from parts of a text. Half of a pair, which no text here can hold, is left
/// out.
enum Built {
    Ascii(String),
    Wide(Vec<u16>),
}

impl Built {
    fn for_text(text: &Text<'_>, with: &str) -> Self {
        match text {
            Text::Ascii(text) if with.is_ascii() => Self::Ascii(String::with_capacity(text.len())),
            Text::Ascii(_) | Text::Wide(_) => Self::Wide(Vec::with_capacity(text.count())),
        }
    }

    fn part(&mut self, text: &Text<'_>, (from, to): Span) {
        match (self, text) {
            (Self::Ascii(out), Text::Ascii(text)) => out.push_str(&text[from..to]),
            (Self::Wide(out), Text::Ascii(text)) => out.extend(text[from..to].encode_utf16()),
            (Self::Wide(out), Text::Wide(units)) => out.extend(&units[from..to]),
            (Self::Ascii(_), Text::Wide(_)) => unreachable!("built for an ASCII text"),
        }
    }

    fn text(&mut self, text: &str) {
        match self {
            Self::Ascii(out) => out.push_str(text),
            Self::Wide(out) => out.extend(text.encode_utf16()),
        }
    }

    fn checked(&self) -> Result<(), TooLong> {
        let length = match self {
            Self::Ascii(out) => out.len(),
            Self::Wide(out) => out.len(),
        };
        if length > RESULT_MAX {
            Err(TooLong)
        } else {
            Ok(())
        }
    }

    fn done(self) -> String {
        match self {
            Self::Ascii(out) => out,
            Self::Wide(units) => char::decode_utf16(units).filter_map(Result::ok).collect(),
        }
    }
}

impl Pattern {
    /// Compiles a pattern; the error says what is wrong with it.
    pub(crate) fn new(source: &str) -> Result<Self, String> {
        let syntax::Read { node, groups } = syntax::read(source)?;
        let bare = node.bare();
        let short = source.len() <= LOOKED_INTO_MAX;
        Ok(Self {
            source: source.into(),
            program: Program::of(&node, groups.count(), short),
            simple: Simple::of(bare.as_ref().unwrap_or(&node)),
            bare: bare.map(|bare| Program::of(&bare, 1, short)),
            groups,
        })
    }

    /// Compiles a pattern that minds no case, as .NET's `IgnoreCase`.
    pub(crate) fn ignoring_case(source: &str) -> Result<Self, String> {
        Self::new(&format!("(?i){source}"))
    }

    /// Whether it may match one text in very many ways. Looked into when it is asked, and of
    /// patterns that a person would write: for the linter.
    pub(crate) fn is_ambiguous(&self) -> bool {
        let read = (self.source.len() <= LOOKED_INTO_MAX).then(|| syntax::read(&self.source));
        read.is_some_and(|read| read.is_ok_and(|read| read.node.is_ambiguous()))
    }

    /// As it was written.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Whether it has a group of this name or number.
    pub(crate) fn has(&self, group: &str) -> bool {
        self.groups.find(group).is_some()
    }

    /// Every match, from left to right. As in .NET an empty one may stand where another ended.
    fn matches(
        program: &Program,
        text: &Text<'_>,
        steps: &Steps,
        each: impl FnMut(Found<'_>) -> Result<(), TooLong>,
    ) -> Result<(), TooLong> {
        match text {
            Text::Ascii(text) => Self::matches_in(program, text.as_bytes(), steps, each),
            Text::Wide(units) => Self::matches_in(program, units.as_slice(), steps, each),
        }
    }

    fn matches_in<T: Units + ?Sized>(
        program: &Program,
        text: &T,
        steps: &Steps,
        mut each: impl FnMut(Found<'_>) -> Result<(), TooLong>,
    ) -> Result<(), TooLong> {
        let mut machine = Machine::new(program, text, &steps.0);
        let (mut at, mut behind) = (0, 0);
        while at <= text.count() {
            let Some(found) = machine.search(at, behind)? else {
                break;
            };
            let (start, end) = found.whole;
            each(found)?;
            (at, behind) = (end + usize::from(start == end), end);
        }
        Ok(())
    }

    /// Every match replaced, in which `$1`, `${name}`, `$&` and the like stand for what was found;
    /// `None` where that leaves the text as it is.
    pub(crate) fn replace(
        &self,
        text: &str,
        with: &str,
        steps: &Steps,
    ) -> Result<Option<String>, TooLong> {
        let plain = [Part::Text(with)];
        let written;
        let parts = if with.contains('$') {
            written = replacement(with);
            &written[..]
        } else if let Some(simple) = &self.simple {
            return simple.replace(text, with);
        } else {
            &plain[..]
        };
        let asks = |part: &Part<'_>| matches!(part, Part::Group { .. } | Part::LastGroup);
        let program = match &self.bare {
            Some(bare) if !parts.iter().any(asks) => bare,
            Some(_) | None => &self.program,
        };
        Self::rebuild(program, text, with, steps, |found, text, out| {
            for part in parts {
                self.expand(part, text, found, out);
                // Every part may be the whole text again.
                out.checked()?;
            }
            Ok(())
        })
    }

    /// Within every match, what a group captured replaced. What it captured outside of the match,
    /// looking around, is not in it.
    pub(crate) fn replace_group(
        &self,
        text: &str,
        group: &str,
        with: &str,
        steps: &Steps,
    ) -> Result<Option<String>, TooLong> {
        let group = self.groups.find(group);
        Self::rebuild(&self.program, text, with, steps, |found, text, out| {
            let (start, end) = found.whole;
            let part = group.and_then(|group| found.group(group));
            match part.filter(|(from, to)| start <= *from && *to <= end) {
                Some((from, to)) => {
                    out.part(text, (start, from));
                    out.text(with);
                    out.part(text, (to, end));
                }
                None => out.part(text, (start, end)),
            }
            Ok(())
        })
    }

    /// What a group captured in the first match.
    pub(crate) fn group(
        &self,
        text: &str,
        group: &str,
        steps: &Steps,
    ) -> Result<Option<String>, TooLong> {
        let Some(group) = self.groups.find(group) else {
            return Ok(None);
        };
        let text = Text::of(text);
        let captured = match &text {
            Text::Ascii(text) => self.captured(text.as_bytes(), group, steps)?,
            Text::Wide(units) => self.captured(units.as_slice(), group, steps)?,
        };
        Ok(captured.map(|span| {
            let mut out = Built::for_text(&text, "");
            out.part(&text, span);
            out.done()
        }))
    }

    fn captured<T: Units + ?Sized>(
        &self,
        text: &T,
        group: usize,
        steps: &Steps,
    ) -> Result<Option<Span>, TooLong> {
        let mut machine = Machine::new(&self.program, text, &steps.0);
        Ok(machine.search(0, 0)?.and_then(|found| found.group(group)))
    }

    /// Whether the whole text matches, in any of the ways in which it can.
    pub(crate) fn fits(&self, text: &str, steps: &Steps) -> Result<bool, TooLong> {
        match Text::of(text) {
            Text::Ascii(text) => Machine::new(&self.program, text.as_bytes(), &steps.0).fits(),
            Text::Wide(units) => Machine::new(&self.program, units.as_slice(), &steps.0).fits(),
        }
    }

    /// Whether it matches anywhere in a text.
    pub(crate) fn finds(&self, text: &str, steps: &Steps) -> Result<bool, TooLong> {
        let program = self.bare.as_ref().unwrap_or(&self.program);
        Ok(match Text::of(text) {
            Text::Ascii(text) => Machine::new(program, text.as_bytes(), &steps.0)
                .search(0, 0)?
                .is_some(),
            Text::Wide(units) => Machine::new(program, units.as_slice(), &steps.0)
                .search(0, 0)?
                .is_some(),
        })
    }

    fn rebuild(
        program: &Program,
        text: &str,
        with: &str,
        steps: &Steps,
        mut put: impl FnMut(Found<'_>, &Text<'_>, &mut Built) -> Result<(), TooLong>,
    ) -> Result<Option<String>, TooLong> {
        let text = Text::of(text);
        let mut out: Option<Built> = None;
        let mut at = 0;
        Self::matches(program, &text, steps, |found| {
            let (start, end) = found.whole;
            if start == end && with.is_empty() {
                return Ok(());
            }
            let out = out.get_or_insert_with(|| Built::for_text(&text, with));
            out.part(&text, (at, start));
            put(found, &text, out)?;
            at = end;
            out.checked()
        })?;
        Ok(out.map(|mut out| {
            out.part(&text, (at, text.count()));
            out.done()
        }))
    }

    fn expand(&self, part: &Part<'_>, text: &Text<'_>, found: Found<'_>, out: &mut Built) {
        let (start, end) = found.whole;
        match part {
            Part::Text(part) => out.text(part),
            Part::Group { name, written } => match self.groups.find(name) {
                None => out.text(written),
                Some(group) => {
                    if let Some(span) = found.group(group) {
                        out.part(text, span);
                    }
                }
            },
            Part::Before => out.part(text, (0, start)),
            Part::After => out.part(text, (end, text.count())),
            Part::Everything => out.part(text, (0, text.count())),
            Part::LastGroup => {
                if let Some(span) = found.group(self.groups.last()) {
                    out.part(text, span);
                }
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(pattern: &str, text: &str, with: &str) -> String {
        let pattern = Pattern::new(pattern).unwrap();
        let replaced = pattern.replace(text, with, &Steps::new()).unwrap();
        replaced.unwrap_or_else(|| text.to_owned())
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
            // Numbers of one's own, and what comes after them.
            ("(?<2>x)(y)", "xy", "$2$1", "xy"),
            ("(?<7>x)(?<n>y)(z)", "xyz", "$7$1${n}$2", "xzyy"),
            // A condition, by group and by what lies ahead.
            (r"(\()?a(?(1)\)|!)", "(a) a! (a a)", "-", "- - (a a)"),
            ("(?<q>')?x(?(q)'|;)", "'x' x; 'x;", "-", "- - '-"),
            (r"(?(?=\d)\d{2}|[a-z]{3})", "12abc3", "-", "--3"),
            (r"(?(\d)(?:1|2|3))", "3x", "-", "--x-"),
            // A look behind reads from right to left.
            (r"(?<=(\d+)(\d+))x", "1234x", "[$1|$2]", "1234[1|234]"),
            (r"(?<=\1(a))b", "aab", "[$1]", "aa[a]"),
            ("(?<!^)[A-Z]", "GivenName", "-$&", "Given-Name"),
            // A look around may be repeated, and what it captures is kept.
            ("(?=a)?a", "ab", "-", "-b"),
            (r"(?=(\w+))\w", "ab", "[$1]", "[ab][b]"),
            (r"(?!(a)b)a(?=(c))", "ac", "[$1$2]", "[c]c"),
            // Units: a character beyond the plane is two.
            (".", "😀", "#", "##"),
            (r"^(.{1,2}).*$", "ab😀", "$1", "ab"),
            (r"\p{Cs}+", "a😀b", "", "ab"),
            ("[^a-z]+", "a😀b", "", "ab"),
            (r"\w", "𝐀b", "x", "𝐀x"),
            ("😀{2}", "😀😀", "x", "😀😀"),
            (r"\uD83D\uDE00", "a😀", "x", "ax"),
            // Long ones that are nothing unusual.
            (r"^(\w{1,100}).*$", "Ana Ruiz", "$1", "Ana"),
            (
                r"^[\w.]{1,64}@[\w.]{1,64}$",
                "ana.ruiz@woodgrove.example",
                "x",
                "x",
            ),
            (r"\p{IsGreek}", "aλ", "x", "ax"),
            (r"\Ga", "aaba", "x", "xxba"),
            (r"\G", "ab", "-", "-ab"),
            // An empty round ends a repetition.
            ("(a|b*)*c", "abbc", "x", "x"),
            ("(a*)*", "aab", "<$1>", "<><>b<>"),
            ("(a*?)+?b", "aab", "x", "x"),
            ("(?:(a)|b)*", "ab", "<$1>", "<a><>"),
            ("(a)|b", "ab", "<$1>", "<a><>"),
            ("a{0}b", "ab", "x", "ax"),
            ("(ab){2,3}?", "ababab", "x", "xab"),
            ("(?>(a+?))b", "aab", "x", "ax"),
            ("(?i)[K-M]", "k\u{212A}", "x", "xx"),
            (r"(?i)(a)\1", "aA", "x", "x"),
            ("(?i:é)", "É", "x", "x"),
            (r"(?x) a\ b [ ] # c", "a b ", "x", "x"),
            ("a(?#note)+b", "aab", "x", "x"),
            ("(?-i)a(?i)b|c", "aB C ab", "x", "x x x"),
            ("((?i)a)b", "Ab AB", "x", "x AB"),
            (r"(?<n>a)\<n>", "aa", "x", "x"),
            (r"[\w-[\d_]]+", "ab1_c", "x", "x1_x"),
            ("[a-[b]]", "ab", "x", "xb"),
            ("[-a]", "-a", "x", "xx"),
            (r"[\-a]", "-a", "x", "xx"),
            ("[a-]", "-a", "x", "xx"),
            (r"[\d-x]", "3-x", "", ""),
            (r"\ca", "\u{1}", "x", "x"),
            (r"\0101", "A1", "x", "A1"),
            (r"a\b", "a\u{200c} a", "x", "a\u{200c} x"),
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
            "([a])",
            r"(?<x>\s)+",
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
                        pattern.replace(text, with, &Steps::new()),
                        engine.replace(text, with, &Steps::new()),
                        "{source} {text}"
                    );
                }
            }
        }
        for source in ["a*", "ab", "[a]+?", "[a]{2}", "^[a]", "(a|b)", "[a]$"] {
            assert!(Pattern::new(source).unwrap().simple.is_none(), "{source}");
        }
    }

    #[test]
    fn groups_are_replaced_and_found() {
        let pattern = Pattern::new("(?<Suffix>@(.)*)").unwrap();
        assert_eq!(
            pattern
                .replace_group("a@b", "Suffix", "", &Steps::new())
                .unwrap()
                .as_deref(),
            Some("a")
        );
        assert!(pattern.has("Suffix") && pattern.has("1") && !pattern.has("suffix"));
        let pattern = Pattern::new(r"\+(?<code>\d+) (?<rest>\d+)").unwrap();
        assert_eq!(
            pattern
                .group("+44 20", "rest", &Steps::new())
                .unwrap()
                .as_deref(),
            Some("20")
        );
        assert_eq!(pattern.group("44", "rest", &Steps::new()).unwrap(), None);
        assert!(
            Pattern::new("[1-9][0-9]")
                .unwrap()
                .fits("42", &Steps::new())
                .unwrap()
        );
        assert!(
            !Pattern::new("[1-9][0-9]")
                .unwrap()
                .fits("420", &Steps::new())
                .unwrap()
        );
    }

    /// What a pattern looks at on its way need not end where the text does.
    #[test]
    fn the_whole_text_fits_and_not_each_part() {
        for (pattern, text, fits) in [
            ("(?!9)[0-9]{4}", "9123", false),
            ("(?!9)[0-9]{4}", "8123", true),
            ("(?=.*[a-z])[a-z0-9]{4}", "a123", true),
            ("(?=.*[a-z])[a-z0-9]{4}", "1234", false),
            ("(?>a+)b", "aab", true),
            ("(?>a|ab)c", "abc", false),
            ("(?(?=a)ab|cd)", "ab", true),
            ("(?(?=a)ab|cd)", "cd", true),
            ("a|ab", "ab", true),
            ("(?<=a)b|ab", "ab", true),
        ] {
            let compiled = Pattern::new(pattern).unwrap();
            assert_eq!(
                compiled.fits(text, &Steps::new()),
                Ok(fits),
                "{pattern} {text}"
            );
        }
    }

    /// Nothing is put together first and measured afterwards.
    #[test]
    fn a_replacement_that_multiplies_the_text_ends_early() {
        let pattern = Pattern::new("^a").unwrap();
        let text = "a".repeat(500_000);
        let with = "$_".repeat(4000);
        assert_eq!(pattern.replace(&text, &with, &Steps::new()), Err(TooLong));
    }

    #[test]
    fn what_has_no_counterpart_is_refused_by_name() {
        for (pattern, why) in [
            ("(?<a-b>x)", "balancing"),
            ("(?(1)a|b)", "no group `1`"),
            ("(?(a)b|c|d)", "two branches"),
            (r"\p{Greek}", "`Greek` is no"),
            ("a{3,2}", "ends before"),
            (r"\_", "not known"),
            ("(?<0>a)", "no number"),
            ("a{99999999999}", "larger than"),
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
    fn what_can_be_matched_in_many_ways_is_named() {
        for (pattern, ambiguous) in [
            ("(a+)+$", true),
            (r"^(([a-z])+.)+[A-Z]$", true),
            (r"(\w+\s?)*!", true),
            ("(x+x+)+y", true),
            (r"(a|aa)+\1b", true),
            ("(?:a|aa)+(?!x)b", true),
            ("(a*)*", true),
            (r"(\w\w?)*!", true),
            ("(ab|ab)*!", true),
            ("(ab|abab)*!", true),
            (".*.*.*x", true),
            (r"\w+\d+\w+\d+x", true),
            ("(.*a){20}", true),
            ("(a{1,50}){1,50}b", true),
            (r"^\d{1,3}(\.\d{1,3}){3}$", false),
            (r"\d*\s*\w*-", false),
            (r"^.*@.*\.com$", false),
            (r"^(\w+) (\w+) (\w+)$", false),
            (r"([a-z]+,)*", false),
            ("(ab+)*$", false),
            (r"(\.)*$", false),
            (r"\s+$", false),
            ("(?>(a+)+)b", false),
            ("((?>a+))+b", false),
            ("(Mr|Mrs|Ms)+ ", false),
            (r"^(\d{3}-)+\d+$", false),
            (r"(?<code>\+\d* )(?<number>\d{10})", false),
        ] {
            let pattern = Pattern::new(pattern).unwrap();
            assert_eq!(pattern.is_ambiguous(), ambiguous, "{}", pattern.source());
        }
    }

    /// Compiling takes no more than its length asks for: each of these took seconds.
    #[test]
    fn long_patterns_compile() {
        let many = |part: &str, count: usize| part.repeat(count);
        let letters = |text: &str| -> String {
            let letters = (0..4900).filter_map(|n| char::from_u32(0x4E00 + n));
            letters
                .flat_map(|c| [c.to_string(), text.to_owned()])
                .collect()
        };
        for source in [
            many("a?", 4990),
            many("(a?)*", 1990),
            many(r"\p{L}?", 1600),
            many(r"[\w-[\d-[a]]]?", 700),
            letters("?"),
            format!("({})*", letters("|")),
        ] {
            let pattern = Pattern::new(&source).unwrap();
            assert!(!pattern.is_ambiguous());
            assert_eq!(
                pattern.group("!", "0", &Steps::new()),
                Ok(Some(String::new()))
            );
        }
    }

    /// A pattern that is ambiguous, or quadratic, ends in time; one that is not goes through.
    #[test]
    fn no_pattern_goes_on_for_ever() {
        let long = "a".repeat(100_000);
        for (pattern, ends) in [
            ("a(?=a*$)", false),
            ("(?<!b.*)a", false),
            ("(a|aa)+b", false),
            ("(a+)+b", false),
            ("a*b", true),
            ("(?<=a*)b", true),
            ("(?=a*b)c", true),
            ("(?:){1000000000}", true),
            (r"\w{1,256}", true),
            ("(a+)+$", true),
        ] {
            let done = Pattern::new(pattern)
                .unwrap()
                .replace(&long, "", &Steps::new());
            assert_eq!(done.is_ok(), ends, "{pattern}");
        }
        let pattern = Pattern::new(r"^(([a-z])+.)+[A-Z]\2([a-z])+$").unwrap();
        let text = "a".repeat(60);
        assert_eq!(pattern.replace(&text, "", &Steps::new()), Err(TooLong));
    }
}
