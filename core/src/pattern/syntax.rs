//! Reads a pattern as .NET's `RegexParser` does: unit by unit, options to the end of their group,
//! groups without a name numbered before those with one.
//!
//! Source: "Regular expression language - quick reference" and its pages (dotnet/docs,
//! standard/base-types); where they are silent, what the parser of dotnet/runtime does.

use std::collections::BTreeMap;

use super::node::{Anchor, Node, Test};
use super::set::{DIGIT, SPACE, Set, WORD};

/// The groups of a pattern. Place 0 is the whole match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Groups {
    numbers: BTreeMap<u32, usize>,
    names: BTreeMap<String, usize>,
}

impl Groups {
    /// How many places there are.
    pub(super) fn count(&self) -> usize {
        self.numbers.len()
    }

    /// By number or name.
    pub(super) fn find(&self, group: &str) -> Option<usize> {
        if group.starts_with(|c: char| c.is_ascii_digit()) {
            return self.numbers.get(&group.parse().ok()?).copied();
        }
        self.names.get(group).copied()
    }

    /// The one with the highest number.
    pub(super) fn last(&self) -> usize {
        self.numbers.values().next_back().copied().unwrap_or(0)
    }

    /// Unnamed groups count from 1 in the order of their parentheses, groups with a number have
    /// that one, and the names take what is left.
    fn number(found: &[Found]) -> Self {
        let mut out = Self::default();
        let add = |out: &mut Self, number: u32| {
            let next = out.numbers.len();
            out.numbers.entry(number).or_insert(next);
        };
        add(&mut out, 0);
        for group in found {
            match group {
                Found::Unnamed(number) | Found::Number(number) => add(&mut out, *number),
                Found::Name(_) => {}
            }
        }
        let unnamed = found.iter().filter(|g| matches!(g, Found::Unnamed(_)));
        let mut next = u32::try_from(unnamed.count()).unwrap_or(u32::MAX);
        for group in found {
            let Found::Name(name) = group else {
                continue;
            };
            if out.names.contains_key(name) {
                continue;
            }
            next += 1;
            while out.numbers.contains_key(&next) {
                next += 1;
            }
            add(&mut out, next);
            out.names.insert(name.clone(), out.numbers[&next]);
        }
        out
    }
}

/// A group as it was met.
#[derive(Debug, Clone)]
enum Found {
    Unnamed(u32),
    Number(u32),
    Name(String),
}

/// A pattern, read.
pub(super) struct Read {
    pub(super) node: Node,
    pub(super) groups: Groups,
}

/// Groups inside groups: our own bound, reading recurses.
const NESTED_MAX: usize = 64;
/// Units of a pattern.
const LENGTH_MAX: usize = 10_000;

/// Reads a pattern; the error says what is wrong with it.
pub(super) fn read(source: &str) -> Result<Read, String> {
    let units: Vec<u16> = source.encode_utf16().collect();
    if units.len() > LENGTH_MAX {
        return Err(format!(
            "the pattern is longer than {LENGTH_MAX} characters"
        ));
    }
    // A first look for groups: a number may be referred to before its group is met.
    let mut first = Reader::new(&units, None);
    first.whole()?;
    let groups = Groups::number(&first.found);
    let node = Reader::new(&units, Some(&groups)).whole()?;
    Ok(Read { node, groups })
}

/// Options of .NET that may stand inside of a pattern.
#[derive(Debug, Clone, Copy, Default)]
struct Flags(u8);

impl Flags {
    const FOLD: u8 = 1;
    const LINES: u8 = 2;
    const EXPLICIT: u8 = 4;
    const DOT_ALL: u8 = 8;
    const SPACED: u8 = 16;

    fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    fn of(letter: char) -> Option<u8> {
        Some(match letter.to_ascii_lowercase() {
            'i' => Self::FOLD,
            'm' => Self::LINES,
            'n' => Self::EXPLICIT,
            's' => Self::DOT_ALL,
            'x' => Self::SPACED,
            _ => return None,
        })
    }
}

struct Reader<'a> {
    units: &'a [u16],
    at: usize,
    flags: Flags,
    unnamed: u32,
    found: Vec<Found>,
    /// Known from the second look on.
    groups: Option<&'a Groups>,
    known: Vec<(String, Set)>,
}

impl<'a> Reader<'a> {
    fn new(units: &'a [u16], groups: Option<&'a Groups>) -> Self {
        Self {
            units,
            at: 0,
            flags: Flags::default(),
            unnamed: 0,
            found: Vec::new(),
            groups,
            known: Vec::new(),
        }
    }

    fn whole(&mut self) -> Result<Node, String> {
        let node = self.alternatives(0)?;
        if self.at < self.units.len() {
            return Err("`)` without `(`".to_owned());
        }
        Ok(node)
    }

    fn unit(&self, ahead: usize) -> Option<u16> {
        self.units.get(self.at + ahead).copied()
    }

    /// The next unit as a character; halves of pairs are none that the syntax knows.
    fn peek_at(&self, ahead: usize) -> Option<char> {
        let unit = self.unit(ahead)?;
        Some(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn peek(&self) -> Option<char> {
        self.peek_at(0)
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    fn eat(&mut self, text: &str) -> bool {
        let eaten = text
            .chars()
            .enumerate()
            .all(|(ahead, c)| self.peek_at(ahead) == Some(c));
        if eaten {
            self.at += text.len();
        }
        eaten
    }

    fn fold(&self, set: Set) -> Set {
        if self.flags.has(Flags::FOLD) {
            set.folded()
        } else {
            set
        }
    }

    fn alternatives(&mut self, depth: usize) -> Result<Node, String> {
        let mut branches = self.branches(depth)?;
        Ok(if branches.len() == 1 {
            branches.remove(0)
        } else {
            Node::Or(branches)
        })
    }

    /// What stands between bars, up to the end of the group.
    fn branches(&mut self, depth: usize) -> Result<Vec<Node>, String> {
        if depth > NESTED_MAX {
            return Err(format!("groups are nested deeper than {NESTED_MAX} levels"));
        }
        let flags = self.flags;
        let mut choices = Vec::new();
        let mut parts = Vec::new();
        loop {
            self.skip_blanks()?;
            match self.peek() {
                None | Some(')') => break,
                Some('|') => {
                    self.at += 1;
                    choices.push(concat(std::mem::take(&mut parts)));
                }
                Some(_) => parts.extend(self.piece(depth)?),
            }
        }
        self.flags = flags;
        choices.push(concat(parts));
        Ok(choices)
    }

    /// Comments, and blanks where they do not count.
    fn skip_blanks(&mut self) -> Result<(), String> {
        loop {
            if self.flags.has(Flags::SPACED) {
                while self.peek().is_some_and(|c| matches!(c, '\t'..='\r' | ' ')) {
                    self.at += 1;
                }
                if self.peek() == Some('#') {
                    while self.take().is_some_and(|c| c != '\n') {}
                    continue;
                }
            }
            if !self.eat("(?#") {
                return Ok(());
            }
            while self.take().ok_or("a comment is not closed")? != ')' {}
        }
    }

    /// An atom with its quantifier; `None` for options, which are nothing by themselves.
    fn piece(&mut self, depth: usize) -> Result<Option<Node>, String> {
        if let Some(quantifier) = self.quantifier_here() {
            return Err(format!("`{quantifier}` has nothing before it to repeat"));
        }
        let unit = self.unit(0).unwrap_or_default();
        let atom = match self.take() {
            None => return Ok(None),
            Some('\\') => self.escape()?,
            Some('[') => Node::One(self.class(depth)?),
            Some('(') => match self.parentheses(depth)? {
                Some(node) => node,
                None => return Ok(None),
            },
            Some('.') if self.flags.has(Flags::DOT_ALL) => Node::One(Set::all()),
            Some('.') => Node::One(Set::one(0x0A).not()),
            Some('^') if self.flags.has(Flags::LINES) => Node::Anchor(Anchor::LineStart),
            Some('^') => Node::Anchor(Anchor::Start),
            Some('$') if self.flags.has(Flags::LINES) => Node::Anchor(Anchor::LineEnd),
            Some('$') => Node::Anchor(Anchor::LastLine),
            Some(_) => Node::One(self.fold(Set::one(unit))),
        };
        self.skip_blanks()?;
        let Some((least, most)) = self.quantifier()? else {
            return Ok(Some(atom));
        };
        self.skip_blanks()?;
        let lazy = self.eat("?");
        if most.is_some_and(|most| most < least) {
            return Err(format!("`{{{least},…}}` ends before it begins"));
        }
        self.skip_blanks()?;
        if let Some(quantifier) = self.quantifier_here() {
            return Err(format!("`{quantifier}` repeats a repetition"));
        }
        Ok(Some(Node::Repeat {
            node: Box::new(atom),
            least,
            most,
            lazy,
        }))
    }

    /// Whether a quantifier begins here; a brace that counts nothing stands for itself.
    fn quantifier_here(&self) -> Option<char> {
        match self.peek()? {
            c @ ('*' | '+' | '?') => Some(c),
            '{' => {
                let digits = |from: usize| {
                    let digits = self.units[self.at..].iter().skip(from);
                    digits
                        .take_while(|unit| (0x30..=0x39).contains(*unit))
                        .count()
                };
                let mut end = 1 + digits(1);
                if end == 1 {
                    return None;
                }
                if self.peek_at(end) == Some(',') {
                    end += 1 + digits(end + 1);
                }
                (self.peek_at(end) == Some('}')).then_some('{')
            }
            _ => None,
        }
    }

    fn quantifier(&mut self) -> Result<Option<(u32, Option<u32>)>, String> {
        let Some(kind) = self.quantifier_here() else {
            return Ok(None);
        };
        self.at += 1;
        Ok(Some(match kind {
            '*' => (0, None),
            '+' => (1, None),
            '?' => (0, Some(1)),
            _ => {
                let least = self.decimal()?;
                let most = if self.eat(",") {
                    match self.peek() {
                        Some('}') => None,
                        _ => Some(self.decimal()?),
                    }
                } else {
                    Some(least)
                };
                self.at += 1;
                (least, most)
            }
        }))
    }

    fn decimal(&mut self) -> Result<u32, String> {
        let mut value = 0_u32;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            self.at += 1;
            value = value
                .checked_mul(10)
                .and_then(|value| value.checked_add(digit))
                .filter(|value| i32::try_from(*value).is_ok())
                .ok_or("a number is larger than 2147483647")?;
        }
        Ok(value)
    }

    /// Behind a backslash, outside of a class.
    fn escape(&mut self) -> Result<Node, String> {
        let Some(c) = self.peek() else {
            return Err("it ends in a backslash".to_owned());
        };
        let anchor = match c {
            'b' => Anchor::Bound,
            'B' => Anchor::NoBound,
            'A' => Anchor::Start,
            'z' => Anchor::End,
            'Z' => Anchor::LastLine,
            'G' => Anchor::SearchStart,
            _ => {
                if let Some(set) = self.shorthand()? {
                    return Ok(Node::One(set));
                }
                if let Some(node) = self.reference()? {
                    return Ok(node);
                }
                let unit = self.character()?;
                return Ok(Node::One(self.fold(Set::one(unit))));
            }
        };
        self.at += 1;
        Ok(Node::Anchor(anchor))
    }

    /// `\w` and the like, inside and outside of a class.
    fn shorthand(&mut self) -> Result<Option<Set>, String> {
        let set = match self.peek() {
            Some('d') => DIGIT.clone(),
            Some('D') => DIGIT.not(),
            Some('s') => SPACE.clone(),
            Some('S') => SPACE.not(),
            Some('w') => WORD.clone(),
            Some('W') => WORD.not(),
            Some(c @ ('p' | 'P')) => {
                self.at += 1;
                if !self.eat("{") {
                    return Err(format!("`\\{c}` is followed by `{{category}}`"));
                }
                let name = self.until('}')?;
                let set = self
                    .named(&name)
                    .ok_or_else(|| format!("`{name}` is no general category and no named block"))?;
                // Behind the name already.
                self.at -= 1;
                let set = self.fold(set);
                if c == 'p' { set } else { set.not() }
            }
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(set))
    }

    /// A category or block; each is made once.
    fn named(&mut self, name: &str) -> Option<Set> {
        if let Some((_, set)) = self.known.iter().find(|(known, _)| known == name) {
            return Some(set.clone());
        }
        let set = Set::named(name)?;
        self.known.push((name.to_owned(), set.clone()));
        Some(set)
    }

    /// What a group captured: `\1`, `\k<name>`; `None` where it is a character.
    fn reference(&mut self) -> Result<Option<Node>, String> {
        let from = self.at;
        let named = match (self.peek(), self.peek_at(1)) {
            (Some('k'), Some('<')) => Some((2, '>', true)),
            (Some('k'), Some('\'')) => Some((2, '\'', true)),
            (Some('k'), _) => return Err(r"`\k` is followed by `<name>`".to_owned()),
            // What came before `\k`.
            (Some('<'), Some(_)) => Some((1, '>', false)),
            (Some('\''), Some(_)) => Some((1, '\'', false)),
            _ => None,
        };
        if let Some((opening, close, must)) = named {
            self.at += opening;
            let name = self.name();
            if !name.is_empty() && self.peek() == Some(close) {
                self.at += 1;
                return self.back(&name).map(Some);
            }
            if must {
                return Err(r"`\k` is followed by `<name>`".to_owned());
            }
            self.at = from;
            return Ok(None);
        }
        if !self.peek().is_some_and(|c| ('1'..='9').contains(&c)) {
            return Ok(None);
        }
        let number = self.decimal()?;
        let known = self
            .groups
            .is_none_or(|groups| groups.numbers.contains_key(&number));
        // Several digits that name no group are a character in octal.
        if known || number <= 9 {
            return self.back(&number.to_string()).map(Some);
        }
        self.at = from;
        Ok(None)
    }

    fn back(&self, group: &str) -> Result<Node, String> {
        let place = match self.groups {
            Some(groups) => groups
                .find(group)
                .ok_or_else(|| format!("there is no group `{group}` to refer to"))?,
            None => 0,
        };
        Ok(Node::Back {
            group: place,
            fold: self.flags.has(Flags::FOLD),
        })
    }

    /// A character behind a backslash, inside and outside of a class.
    fn character(&mut self) -> Result<u16, String> {
        let unit = self.unit(0).unwrap_or_default();
        let Some(c) = self.take() else {
            return Err("it ends in a backslash".to_owned());
        };
        Ok(match c {
            '0'..='7' => {
                let mut value = c.to_digit(8).unwrap_or_default();
                for _ in 0..2 {
                    let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) else {
                        break;
                    };
                    value = value * 8 + digit;
                    self.at += 1;
                }
                u16::try_from(value & 0xFF).unwrap_or_default()
            }
            'x' => self.hexadecimal(2)?,
            'u' => self.hexadecimal(4)?,
            'a' => 0x07,
            'b' => 0x08,
            't' => 0x09,
            'n' => 0x0A,
            'v' => 0x0B,
            'f' => 0x0C,
            'r' => 0x0D,
            'e' => 0x1B,
            'c' => match self.take().map(|c| c.to_ascii_uppercase()) {
                Some(control @ '@'..='_') => u16::from(control as u8 - b'@'),
                Some(_) | None => return Err(r"`\c` is followed by a letter".to_owned()),
            },
            other if WORD.has(unit) => return Err(format!("`\\{other}` is not known")),
            _ => unit,
        })
    }

    fn hexadecimal(&mut self, digits: usize) -> Result<u16, String> {
        let mut value = 0;
        for _ in 0..digits {
            let digit = self.take().and_then(|c| c.to_digit(16));
            let digit = digit.ok_or_else(|| format!("{digits} hexadecimal digits are expected"))?;
            value = value * 16 + digit;
        }
        Ok(u16::try_from(value).unwrap_or_default())
    }

    fn until(&mut self, close: char) -> Result<String, String> {
        let from = self.at;
        loop {
            match self.take() {
                Some(c) if c == close => {
                    return Ok(String::from_utf16_lossy(&self.units[from..self.at - 1]));
                }
                Some(_) => {}
                None => return Err(format!("`{close}` is missing")),
            }
        }
    }

    /// Letters and digits from here on.
    fn name(&mut self) -> String {
        let from = self.at;
        while self.unit(0).is_some_and(|unit| WORD.has(unit)) {
            self.at += 1;
        }
        String::from_utf16_lossy(&self.units[from..self.at])
    }

    /// Behind `(`; `None` for options that go on to the end of the group around them.
    fn parentheses(&mut self, depth: usize) -> Result<Option<Node>, String> {
        let flags = self.flags;
        if !self.eat("?") {
            if self.flags.has(Flags::EXPLICIT) {
                return self.rest_of_group(depth).map(Some);
            }
            self.unnamed += 1;
            let group = Found::Unnamed(self.unnamed);
            return self.capture(group, depth).map(Some);
        }
        for (sign, behind, not) in [
            ("=", false, false),
            ("!", false, true),
            ("<=", true, false),
            ("<!", true, true),
        ] {
            if self.eat(sign) {
                let node = Box::new(self.rest_of_group(depth)?);
                return Ok(Some(Node::Look { behind, not, node }));
            }
        }
        if self.eat(">") {
            let node = Box::new(self.rest_of_group(depth)?);
            return Ok(Some(Node::Atomic(node)));
        }
        let close = match self.peek() {
            Some('<') => Some('>'),
            Some('\'') => Some('\''),
            Some('(') => return self.condition(depth).map(Some),
            _ => None,
        };
        if let Some(close) = close {
            self.at += 1;
            let group = self.group_name(close)?;
            return self.capture(group, depth).map(Some);
        }
        self.options();
        match self.take() {
            Some(')') => Ok(None),
            Some(':') => {
                let node = self.rest_of_group(depth)?;
                self.flags = flags;
                Ok(Some(node))
            }
            Some(other) => Err(format!("`(?{other}` is not known")),
            None => Err("`(?` is not closed".to_owned()),
        }
    }

    fn options(&mut self) {
        let mut off = false;
        while let Some(c) = self.peek() {
            match (c, Flags::of(c)) {
                ('-', _) => off = true,
                ('+', _) => off = false,
                (_, Some(flag)) if off => self.flags.0 &= !flag,
                (_, Some(flag)) => self.flags.0 |= flag,
                (_, None) => break,
            }
            self.at += 1;
        }
    }

    fn group_name(&mut self, close: char) -> Result<Found, String> {
        if self.peek() == Some('-') {
            return Err("balancing groups are not supported".to_owned());
        }
        let name = self.name();
        match self.take() {
            Some(c) if c == close && !name.is_empty() => {}
            Some('-') => return Err("balancing groups are not supported".to_owned()),
            Some(_) | None => return Err(format!("`{name}` is no name of a group")),
        }
        if !name.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(Found::Name(name));
        }
        match name.parse::<u32>() {
            Ok(number) if (1..=9999).contains(&number) => Ok(Found::Number(number)),
            Ok(_) | Err(_) => Err(format!("`{name}` is no number of a group")),
        }
    }

    fn capture(&mut self, group: Found, depth: usize) -> Result<Node, String> {
        let place = self.groups.map_or(0, |groups| match &group {
            Found::Unnamed(number) | Found::Number(number) => groups.numbers[number],
            Found::Name(name) => groups.names[name],
        });
        self.found.push(group);
        let node = self.rest_of_group(depth)?;
        Ok(Node::Capture(place, Box::new(node)))
    }

    fn rest_of_group(&mut self, depth: usize) -> Result<Node, String> {
        let node = self.alternatives(depth + 1)?;
        if self.take() != Some(')') {
            return Err("`(` is not closed".to_owned());
        }
        Ok(node)
    }

    /// Behind `(?`, at the parenthesis of what is asked.
    fn condition(&mut self, depth: usize) -> Result<Node, String> {
        self.at += 1;
        let from = self.at;
        let name = self.name();
        let number = name.starts_with(|c: char| c.is_ascii_digit());
        let closed = self.peek() == Some(')');
        let known = match self.groups {
            Some(groups) => groups.find(&name),
            // Found out at the second look.
            None => None,
        };
        let test = match known {
            Some(group) if closed => {
                self.at += 1;
                Test::Captured(group)
            }
            _ if number && (self.groups.is_some() || !closed) => {
                return Err(format!("there is no group `{name}` to ask for"));
            }
            _ => {
                self.at = from;
                if self.eat("?#") || (self.eat("?<") && !matches!(self.peek(), Some('=' | '!'))) {
                    return Err("a condition is no comment and no named group".to_owned());
                }
                self.at = from;
                // A look around says itself where it looks; everything else is looked for ahead.
                if self.peek() == Some('?') {
                    let look = self.parentheses(depth)?;
                    Test::Ahead(Box::new(look.unwrap_or(Node::Concat(Vec::new()))))
                } else {
                    Test::Ahead(Box::new(self.rest_of_group(depth)?))
                }
            }
        };
        let mut branches = self.branches(depth + 1)?;
        if self.take() != Some(')') {
            return Err("`(` is not closed".to_owned());
        }
        if branches.len() == 1 {
            branches.push(Node::Concat(Vec::new()));
        }
        let [then, otherwise] = <[Node; 2]>::try_from(branches)
            .map_err(|_| "a condition has two branches at most".to_owned())?;
        Ok(Node::If {
            test,
            then: Box::new(then),
            otherwise: Box::new(otherwise),
        })
    }

    /// Behind `[`: the whole class.
    fn class(&mut self, depth: usize) -> Result<Set, String> {
        if depth > NESTED_MAX {
            return Err(format!(
                "classes are nested deeper than {NESTED_MAX} levels"
            ));
        }
        let not = self.eat("^");
        let mut ranges = Vec::new();
        let mut sets = Set::default();
        let mut without = None;
        let mut first = true;
        loop {
            let unit = self.unit(0).ok_or("`[` is not closed")?;
            let c = self.take().unwrap_or_default();
            if c == ']' && !first {
                break;
            }
            if c == '-' && !first && self.peek() == Some('[') {
                without = Some(self.left_out(depth)?);
                break;
            }
            first = false;
            let from = if c == '\\' {
                if let Some(set) = self.shorthand()? {
                    sets = sets.or(&set);
                    continue;
                }
                self.character()?
            } else {
                unit
            };
            let ranges_on =
                self.peek() == Some('-') && !matches!(self.peek_at(1), None | Some(']'));
            if !ranges_on {
                ranges.push((from, from));
                continue;
            }
            if self.peek_at(1) == Some('[') {
                ranges.push((from, from));
                self.at += 1;
                without = Some(self.left_out(depth)?);
                break;
            }
            self.at += 1;
            let unit = self.unit(0).ok_or("`[` is not closed")?;
            let to = if self.eat("\\") {
                if matches!(
                    self.peek(),
                    Some('d' | 'D' | 's' | 'S' | 'w' | 'W' | 'p' | 'P')
                ) {
                    return Err("a range ends in a class".to_owned());
                }
                self.character()?
            } else {
                self.at += 1;
                unit
            };
            if from > to {
                return Err("a range goes backwards".to_owned());
            }
            ranges.push((from, to));
        }
        let set = self.fold(Set::of(ranges)).or(&sets);
        let set = if not { set.not() } else { set };
        Ok(match without {
            Some(without) => set.without(&without),
            None => set,
        })
    }

    /// At the bracket of what a class leaves out; it ends the class.
    fn left_out(&mut self, depth: usize) -> Result<Set, String> {
        self.at += 1;
        let set = self.class(depth + 1)?;
        if self.take() != Some(']') {
            return Err("what is left out of a class stands at its end".to_owned());
        }
        Ok(set)
    }
}

fn concat(mut parts: Vec<Node>) -> Node {
    if parts.len() == 1 {
        parts.remove(0)
    } else {
        Node::Concat(parts)
    }
}
