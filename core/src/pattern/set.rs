//! Sets of UTF-16 units, as .NET's character classes are: what lies outside the Basic Multilingual
//! Plane is two units, each of general category Cs.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

use super::blocks;

/// Units, by ranges that neither touch nor overlap, ascending.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Set {
    /// The first 128, bit by bit: nearly all that is asked.
    ascii: u128,
    ranges: Vec<(u16, u16)>,
}

/// Halves of pairs.
const SURROGATES: (u16, u16) = (0xD800, 0xDFFF);

impl Set {
    pub(super) fn of(mut ranges: Vec<(u16, u16)>) -> Self {
        ranges.sort_unstable();
        let mut joined: Vec<(u16, u16)> = Vec::with_capacity(ranges.len());
        for (from, to) in ranges {
            match joined.last_mut() {
                Some((_, last)) if from <= last.saturating_add(1) => *last = to.max(*last),
                _ => joined.push((from, to)),
            }
        }
        let mut ascii = 0;
        for (from, to) in joined.iter().take_while(|(from, _)| *from < 128) {
            for unit in *from..=(*to).min(127) {
                ascii |= 1 << unit;
            }
        }
        Self {
            ascii,
            ranges: joined,
        }
    }

    pub(super) fn one(unit: u16) -> Self {
        Self::of(vec![(unit, unit)])
    }

    pub(super) fn all() -> Self {
        Self::of(vec![(0, u16::MAX)])
    }

    pub(super) fn has(&self, unit: u16) -> bool {
        if unit < 128 {
            return self.ascii >> unit & 1 == 1;
        }
        let at = self.ranges.partition_point(|(_, to)| *to < unit);
        self.ranges.get(at).is_some_and(|(from, _)| *from <= unit)
    }

    pub(super) fn not(&self) -> Self {
        let mut out = Vec::with_capacity(self.ranges.len() + 1);
        let mut next = Some(0);
        for (from, to) in &self.ranges {
            if let Some(start) = next.filter(|start| start < from) {
                out.push((start, from - 1));
            }
            next = to.checked_add(1);
        }
        out.extend(next.map(|start| (start, u16::MAX)));
        Self::of(out)
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        let both = Self::of([self.not().ranges, other.not().ranges].concat());
        both.not()
    }

    pub(super) fn or(&self, other: &Self) -> Self {
        Self::of([self.ranges.clone(), other.ranges.clone()].concat())
    }

    pub(super) fn without(&self, other: &Self) -> Self {
        self.and(&other.not())
    }

    pub(super) fn shares(&self, other: &Self) -> bool {
        let (mut mine, mut theirs) = (self.ranges.iter(), other.ranges.iter());
        let (mut left, mut right) = (mine.next(), theirs.next());
        while let (Some((from, to)), Some((other_from, other_to))) = (left, right) {
            if to < other_from {
                left = mine.next();
            } else if other_to < from {
                right = theirs.next();
            } else {
                return true;
            }
        }
        false
    }

    /// Whether it has all halves of pairs, or none: then it can be asked for characters.
    pub(super) fn takes_pairs_whole(&self) -> Option<bool> {
        let halves = Self::of(vec![SURROGATES]);
        let here = self.and(&halves);
        if here == halves {
            Some(true)
        } else {
            here.ranges.is_empty().then_some(false)
        }
    }

    /// With every other case of its units.
    pub(super) fn folded(&self) -> Self {
        let chars = |from: u16, to: u16| {
            let from = char::from_u32(u32::from(from)).unwrap_or('\u{E000}');
            let to = char::from_u32(u32::from(to)).unwrap_or('\u{D7FF}');
            (from <= to).then(|| ClassUnicodeRange::new(from, to))
        };
        let ranges = self
            .ranges
            .iter()
            .filter_map(|(from, to)| chars(*from, *to));
        let mut class = ClassUnicode::new(ranges);
        if class.try_case_fold_simple().is_err() {
            return self.clone();
        }
        self.or(&from_class(&class))
    }

    /// A general category or a named block; `None` where .NET has none of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        if let Some(block) = blocks::range(name) {
            return Some(Self::of(vec![block]));
        }
        if !CATEGORIES.contains(&name) {
            return None;
        }
        if name == "Cs" {
            return Some(Self::of(vec![SURROGATES]));
        }
        let set = of_property(&format!(r"\p{{{name}}}"));
        Some(if name == "C" {
            set.or(&Self::of(vec![SURROGATES]))
        } else {
            set
        })
    }
}

/// Unicode general categories, as .NET names them.
const CATEGORIES: [&str; 37] = [
    "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc",
    "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "C",
    "Cc", "Cf", "Cs", "Co", "Cn",
];

/// `\w`.
pub(super) static WORD: LazyLock<Set> = LazyLock::new(|| of_property(r"[\p{L}\p{Mn}\p{Nd}\p{Pc}]"));
/// `\d`.
pub(super) static DIGIT: LazyLock<Set> = LazyLock::new(|| of_property(r"\p{Nd}"));
/// `\s`.
pub(super) static SPACE: LazyLock<Set> = LazyLock::new(|| of_property(r"\s"));
/// What `\b` stands between: `\w` and the two joiners.
pub(super) static BOUND: LazyLock<Set> =
    LazyLock::new(|| WORD.or(&Set::of(vec![(0x200C, 0x200D)])));

fn of_property(written: &str) -> Set {
    let hir = regex_syntax::parse(written).expect("these are written above");
    if let HirKind::Class(Class::Unicode(class)) = hir.kind() {
        return from_class(class);
    }
    // A category of one character comes as that.
    let HirKind::Literal(only) = hir.kind() else {
        unreachable!("{written} is a class");
    };
    let only = String::from_utf8_lossy(&only.0);
    Set::of(only.encode_utf16().map(|unit| (unit, unit)).collect())
}

/// As far as it lies in the Basic Multilingual Plane.
fn from_class(class: &ClassUnicode) -> Set {
    let ranges = class.ranges().iter();
    let units = ranges.filter_map(|range| {
        let from = u16::try_from(u32::from(range.start())).ok()?;
        let to = u16::try_from(u32::from(range.end())).unwrap_or(u16::MAX);
        Some((from, to))
    });
    // A range of characters leaves the halves of pairs out.
    let set = Set::of(units.collect());
    set.without(&Set::of(vec![SURROGATES]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_units() {
        let set = Set::of(vec![(0x61, 0x7A), (0x30, 0x39), (0x7B, 0x7B)]);
        assert_eq!(set.ranges, [(0x30, 0x39), (0x61, 0x7B)]);
        assert_eq!(set.not().not(), set);
        assert_eq!(Set::all().not(), Set::default());
        assert_eq!(Set::default().not(), Set::all());
        assert!(set.has(0x7B) && !set.has(0x7C) && !set.has(0x3B1));
        assert!(!set.shares(&Set::one(0x20)) && set.shares(&Set::one(0x35)));
        assert_eq!(
            Set::one(0x6B).folded().ranges,
            [(0x4B, 0x4B), (0x6B, 0x6B), (0x212A, 0x212A)]
        );
        assert_eq!(WORD.takes_pairs_whole(), Some(false));
        assert_eq!(WORD.not().takes_pairs_whole(), Some(true));
        assert_eq!(Set::one(0xD800).takes_pairs_whole(), None);
        for name in CATEGORIES {
            assert!(Set::named(name).is_some(), "{name}");
        }
        assert_eq!(Set::named("IsGreek"), Set::named("IsGreekandCoptic"));
        assert_eq!(Set::named("Greek"), None);
    }
}
