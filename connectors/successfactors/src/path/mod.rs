//! `JSONPath` (RFC 9535) over one person, without functions.
//!
//! Ours and no library's, since a path is read twice: over the schema, to know what the instance has to
//! be asked for ([`reads`]), and over a person, for the value. Invariant: what the second reading
//! finds, the first has asked for.

mod eval;
mod parse;
mod reads;

pub(crate) use reads::Reads;

use serde_json::Value;

/// A path.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// From the whole person, not from the item that a condition is about.
    absolute: bool,
    steps: Vec<Step>,
}

/// One step of it.
#[derive(Debug, Clone, PartialEq)]
struct Step {
    /// `..`: at any depth.
    deep: bool,
    picks: Vec<Pick>,
}

/// What is taken of a node.
#[derive(Debug, Clone, PartialEq)]
enum Pick {
    Name(String),
    At(i64),
    Slice(Option<i64>, Option<i64>, i64),
    All,
    Where(Test),
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
enum Test {
    Or(Vec<Test>),
    And(Vec<Test>),
    Not(Box<Test>),
    Exists(Path),
    Compare(Side, Sign, Side),
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq)]
enum Side {
    Fixed(Value),
    Found(Path),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// What is wrong, and at which character.
    pub fn parse(text: &str) -> Result<Self, String> {
        parse::parse(text)
    }

    /// The nodes that it leads to, in the order of the document.
    pub fn find<'v>(&self, person: &'v Value) -> Vec<&'v Value> {
        eval::find(self, person, person)
    }

    /// The properties that an instance has to be asked for, as paths from the person.
    ///
    /// # Errors
    /// When it leads to no value, or through a navigation that is not known.
    pub fn asks_for(&self) -> Result<Vec<String>, String> {
        let reads = self.reads()?;
        let properties = reads.properties.iter();
        Ok(properties
            .map(|(at, name)| crate::schema::join(at, name))
            .collect())
    }

    /// What an instance has to be asked for.
    ///
    /// # Errors
    /// When it leads to no value, or through a navigation that is not known.
    pub(crate) fn reads(&self) -> Result<Reads, String> {
        reads::of(self)
    }
}
