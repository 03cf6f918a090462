//! The part of `XPath` 1.0 that reads values out of a worker.
//!
//! A path is read once, into steps over names that are numbers, and marks what it can reach. What it
//! does not speak (axes other than those below and above, variables, comments) is an error with its
//! place when the path is read. Invariant: a path that was read is evaluated as `XPath` 1.0 says, or the
//! configuration was refused; there is no path that quietly means something else.
//!
//! Where it stands: `http://www.w3.org/TR/1999/REC-xpath-19991116`, with one agreement: the prefix
//! `wd` is Workday's namespace, whatever prefix the answer uses.

mod evaluate;
mod parse;
mod token;

use std::borrow::Cow;
use std::fmt;

use crate::xml::{Name, Names, ROOT, Reach, View};

pub(crate) use evaluate::NodeRef;
use evaluate::Scene;

/// Why a path cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The character where it goes wrong, from 1.
    pub at: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at character {}: {}", self.at, self.message)
    }
}

/// A path that was read.
#[derive(Debug, Clone)]
pub(crate) struct XPath {
    expr: Expr,
}

#[derive(Debug, Clone, PartialEq)]
enum Expr {
    Or(Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    Negative(Box<Expr>),
    Union(Vec<Expr>),
    Path(Path),
    Literal(Box<str>),
    Number(f64),
    Call(Function, Vec<Expr>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// Where a path begins.
#[derive(Debug, Clone, PartialEq)]
enum Base {
    /// At the node that is looked at.
    Here,
    /// Above the worker.
    Root,
    /// At what another expression gives, with what it must be.
    Of(Box<Expr>, Vec<Predicate>),
}

#[derive(Debug, Clone, PartialEq)]
struct Path {
    base: Base,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
struct Step {
    axis: Axis,
    test: Test,
    predicates: Vec<Predicate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Axis {
    Child,
    Attribute,
    Here,
    Parent,
    Descendant,
    DescendantOrHere,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    Named(Name),
    /// `*`: any element, or any attribute.
    Any,
    /// `text()`.
    Text,
    /// `node()`.
    Node,
}

#[derive(Debug, Clone, PartialEq)]
enum Predicate {
    /// `[2]`.
    Position(u32),
    /// `[last()]`.
    Last,
    /// `[@name='text']`, the one that every reference has.
    AttributeIs(Name, Box<str>),
    /// Anything else.
    Holds(Expr),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Last,
    Position,
    Count,
    Name,
    LocalName,
    String,
    Concat,
    StartsWith,
    Contains,
    SubstringBefore,
    SubstringAfter,
    Substring,
    StringLength,
    NormalizeSpace,
    Translate,
    Boolean,
    Not,
    True,
    False,
    Number,
    Sum,
    Floor,
    Ceiling,
    Round,
}

impl XPath {
    /// Reads a path, learns its names, and marks what it reaches.
    ///
    /// # Errors
    /// [`Wrong`] with the place.
    pub(crate) fn read(text: &str, names: &mut Names, reach: &mut Reach) -> Result<Self, Wrong> {
        let expr = parse::parse(text, names)?;
        mark(&expr, &[At::element(ROOT)], reach, Use::Value);
        Ok(Self { expr })
    }

    /// The same for a path that begins at nodes of another path.
    ///
    /// # Errors
    /// [`Wrong`] with the place.
    pub(crate) fn below(
        text: &str,
        base: &XPath,
        names: &mut Names,
        reach: &mut Reach,
    ) -> Result<Self, Wrong> {
        let expr = parse::parse(text, names)?;
        let from = mark(&base.expr, &[At::element(ROOT)], reach, Use::Presence);
        mark(&expr, &from, reach, Use::Value);
        Ok(Self { expr })
    }

    /// The first node's text, or what the expression comes to. `None` where there is no such node.
    pub(crate) fn first<'t>(&'t self, view: View<'t>) -> Option<Cow<'t, str>> {
        self.first_at(view, NodeRef::ROOT)
    }

    /// The same from a node.
    pub(crate) fn first_at<'t>(&'t self, view: View<'t>, at: NodeRef) -> Option<Cow<'t, str>> {
        Scene::at(view, at).first(&self.expr)
    }

    /// The text of a node.
    pub(crate) fn text_of(view: View<'_>, at: NodeRef) -> Cow<'_, str> {
        Scene::at(view, at).here()
    }

    /// All nodes in the order of the document; none for an expression that is a text.
    pub(crate) fn nodes(&self, view: View<'_>) -> Vec<NodeRef> {
        Scene::at(view, NodeRef::ROOT).nodes(&self.expr)
    }

    /// The name of whatever the path ends at, where that is one.
    pub(crate) fn last_name(&self) -> Option<Name> {
        last_name(&self.expr)
    }

    /// Texts that the path compares with, for example types of organisations.
    pub(crate) fn literals(&self) -> Vec<&str> {
        let mut found = Vec::new();
        literals(&self.expr, &mut found);
        found
    }
}

fn last_name(expr: &Expr) -> Option<Name> {
    match expr {
        Expr::Path(path) => {
            let mut steps = path.steps.iter().rev();
            steps.find_map(|it| match it.test {
                Test::Named(name) => Some(Some(name)),
                Test::Text => None,
                Test::Any | Test::Node => Some(None),
            })?
        }
        Expr::Union(all) => {
            let mut all = all.iter().map(last_name);
            let first = all.next()??;
            all.all(|it| it == Some(first)).then_some(first)
        }
        Expr::Or(..)
        | Expr::And(..)
        | Expr::Compare(..)
        | Expr::Arithmetic(..)
        | Expr::Negative(_)
        | Expr::Literal(_)
        | Expr::Number(_)
        | Expr::Call(..) => None,
    }
}

fn literals<'e>(expr: &'e Expr, found: &mut Vec<&'e str>) {
    let mut predicates = |all: &'e [Predicate]| {
        for predicate in all {
            match predicate {
                Predicate::AttributeIs(_, text) => found.push(text),
                Predicate::Holds(expr) => literals(expr, found),
                Predicate::Position(_) | Predicate::Last => {}
            }
        }
    };
    match expr {
        Expr::Or(one, two)
        | Expr::And(one, two)
        | Expr::Compare(_, one, two)
        | Expr::Arithmetic(_, one, two) => {
            literals(one, found);
            literals(two, found);
        }
        Expr::Negative(one) => literals(one, found),
        Expr::Union(all) | Expr::Call(_, all) => all.iter().for_each(|it| literals(it, found)),
        Expr::Path(path) => {
            for step in &path.steps {
                predicates(&step.predicates);
            }
            if let Base::Of(expr, all) = &path.base {
                predicates(all);
                literals(expr, found);
            }
        }
        Expr::Literal(text) => found.push(text),
        Expr::Number(_) => {}
    }
}

/// A place of the reach, or a text or an attribute that hangs there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct At {
    place: usize,
    is_leaf: bool,
}

impl At {
    fn element(place: usize) -> Self {
        Self {
            place,
            is_leaf: false,
        }
    }
}

/// What an expression is looked at for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Its text.
    Value,
    /// That it is there.
    Presence,
}

/// Marks what an expression can come to from some places; says where it ends.
fn mark(expr: &Expr, from: &[At], reach: &mut Reach, used: Use) -> Vec<At> {
    match expr {
        Expr::Or(one, two) | Expr::And(one, two) => {
            mark(one, from, reach, Use::Presence);
            mark(two, from, reach, Use::Presence);
            Vec::new()
        }
        Expr::Compare(_, one, two) | Expr::Arithmetic(_, one, two) => {
            mark(one, from, reach, Use::Value);
            mark(two, from, reach, Use::Value);
            Vec::new()
        }
        Expr::Negative(one) => {
            mark(one, from, reach, Use::Value);
            Vec::new()
        }
        Expr::Union(all) => {
            let ends = all.iter().map(|it| mark(it, from, reach, used));
            ends.collect::<Vec<_>>().concat()
        }
        Expr::Path(path) => mark_path(path, from, reach, used),
        Expr::Literal(_) | Expr::Number(_) => Vec::new(),
        Expr::Call(function, all) => {
            let used = match function {
                Function::Count
                | Function::Boolean
                | Function::Not
                | Function::Name
                | Function::LocalName => Use::Presence,
                Function::Last
                | Function::Position
                | Function::True
                | Function::False
                | Function::String
                | Function::Concat
                | Function::StartsWith
                | Function::Contains
                | Function::SubstringBefore
                | Function::SubstringAfter
                | Function::Substring
                | Function::StringLength
                | Function::NormalizeSpace
                | Function::Translate
                | Function::Number
                | Function::Sum
                | Function::Floor
                | Function::Ceiling
                | Function::Round => Use::Value,
            };
            // Without an argument these read the node that is looked at.
            let reads_here = matches!(
                function,
                Function::String
                    | Function::NormalizeSpace
                    | Function::StringLength
                    | Function::Number
            );
            if all.is_empty() && reads_here {
                read_text(from, reach);
            }
            for one in all {
                mark(one, from, reach, used);
            }
            Vec::new()
        }
    }
}

fn read_text(at: &[At], reach: &mut Reach) {
    for at in at.iter().filter(|it| !it.is_leaf) {
        reach.mark_whole(at.place);
    }
}

fn mark_path(path: &Path, from: &[At], reach: &mut Reach, used: Use) -> Vec<At> {
    let mut at = match &path.base {
        Base::Here => from.to_vec(),
        Base::Root => vec![At::element(ROOT)],
        Base::Of(expr, predicates) => {
            let inner = if path.steps.is_empty() {
                used
            } else {
                Use::Presence
            };
            let at = mark(expr, from, reach, inner);
            mark_predicates(predicates, &at, reach);
            at
        }
    };
    for step in &path.steps {
        at = mark_step(step, &at, reach);
        mark_predicates(&step.predicates, &at, reach);
    }
    if used == Use::Value {
        read_text(&at, reach);
    }
    at
}

fn mark_predicates(predicates: &[Predicate], at: &[At], reach: &mut Reach) {
    for predicate in predicates {
        match predicate {
            Predicate::AttributeIs(name, _) => {
                for at in at.iter().filter(|it| !it.is_leaf) {
                    reach.mark_attribute(at.place, *name);
                }
            }
            Predicate::Holds(expr) => {
                mark(expr, at, reach, Use::Presence);
            }
            Predicate::Position(_) | Predicate::Last => {}
        }
    }
}

fn mark_step(step: &Step, from: &[At], reach: &mut Reach) -> Vec<At> {
    let mut ends: Vec<At> = Vec::new();
    let mut end = |at: At| {
        if !ends.contains(&at) {
            ends.push(at);
        }
    };
    for at in from.iter().copied() {
        let place = at.place;
        match (step.axis, step.test) {
            (Axis::Parent, _) if at.is_leaf => end(At::element(place)),
            (Axis::Parent, _) => {
                // Places below a whole one are not told apart: the parent may be this one.
                if reach.places[place].whole {
                    end(at);
                }
                end(At::element(reach.places[place].parent));
            }
            (Axis::Here, _) => end(at),
            _ if at.is_leaf => {}
            (Axis::Attribute, Test::Named(name)) => {
                reach.mark_attribute(place, name);
                end(At {
                    place,
                    is_leaf: true,
                });
            }
            (Axis::Attribute, Test::Any | Test::Node | Test::Text) => {
                reach.mark_whole(place);
                end(At {
                    place,
                    is_leaf: true,
                });
            }
            (Axis::Child, Test::Named(name)) => end(At::element(reach.child(place, name))),
            (Axis::Child, Test::Text) => {
                reach.mark_text(place);
                end(At {
                    place,
                    is_leaf: true,
                });
            }
            (Axis::Child, Test::Any | Test::Node)
            | (Axis::Descendant | Axis::DescendantOrHere, _) => {
                reach.mark_whole(place);
                end(at);
            }
        }
    }
    ends
}

#[cfg(test)]
mod tests;
