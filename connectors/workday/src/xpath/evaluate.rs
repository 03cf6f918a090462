//! What an expression comes to in one worker.

use std::borrow::Cow;

use super::{Arithmetic, Axis, Base, Comparison, Expr, Function, Path, Predicate, Step, Test};
use crate::xml::{Name, TEXT, View};

/// A node, or one of its attributes; the order is that of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeRef {
    pub(crate) node: u32,
    /// Which attribute of the node, from 1; 0 is the node itself.
    attribute: u32,
}

impl NodeRef {
    /// Above the worker.
    pub(crate) const ROOT: Self = Self::node(0);

    pub(crate) const fn node(node: u32) -> Self {
        Self { node, attribute: 0 }
    }
}

/// A value of `XPath` 1.0.
enum Value<'t> {
    Nodes(Vec<NodeRef>),
    Text(Cow<'t, str>),
    Number(f64),
    Truth(bool),
}

/// What is looked at.
#[derive(Clone, Copy)]
pub(super) struct Scene<'t> {
    view: View<'t>,
    at: NodeRef,
    position: usize,
    size: usize,
}

impl<'t> Scene<'t> {
    pub(super) fn at(view: View<'t>, at: NodeRef) -> Self {
        Self {
            view,
            at,
            position: 1,
            size: 1,
        }
    }

    /// The text of the first node, or of the value.
    pub(super) fn first(self, expr: &'t Expr) -> Option<Cow<'t, str>> {
        match self.value(expr) {
            Value::Nodes(nodes) => nodes.first().map(|it| self.text(*it)),
            other @ (Value::Text(_) | Value::Number(_) | Value::Truth(_)) => {
                Some(self.to_text(other))
            }
        }
    }

    /// The text of the node that is looked at.
    pub(super) fn here(self) -> Cow<'t, str> {
        self.text(self.at)
    }

    pub(super) fn nodes(self, expr: &'t Expr) -> Vec<NodeRef> {
        match self.value(expr) {
            Value::Nodes(nodes) => nodes,
            Value::Text(_) | Value::Number(_) | Value::Truth(_) => Vec::new(),
        }
    }

    fn value(self, expr: &'t Expr) -> Value<'t> {
        match expr {
            Expr::Or(one, two) => Value::Truth(self.holds(one) || self.holds(two)),
            Expr::And(one, two) => Value::Truth(self.holds(one) && self.holds(two)),
            Expr::Compare(how, one, two) => {
                Value::Truth(self.compare(*how, self.value(one), self.value(two)))
            }
            Expr::Arithmetic(how, one, two) => {
                let (one, two) = (self.number(one), self.number(two));
                Value::Number(match how {
                    Arithmetic::Add => one + two,
                    Arithmetic::Subtract => one - two,
                    Arithmetic::Multiply => one * two,
                    Arithmetic::Divide => one / two,
                    Arithmetic::Modulo => one % two,
                })
            }
            Expr::Negative(one) => Value::Number(-self.number(one)),
            Expr::Union(all) => {
                let mut nodes: Vec<NodeRef> = Vec::new();
                for one in all {
                    nodes.extend(self.nodes(one));
                }
                Value::Nodes(in_order(nodes))
            }
            Expr::Path(path) => Value::Nodes(self.path(path)),
            Expr::Literal(text) => Value::Text(Cow::Borrowed(text)),
            Expr::Number(number) => Value::Number(*number),
            Expr::Call(function, all) => self.call(*function, all),
        }
    }

    fn path(self, path: &'t Path) -> Vec<NodeRef> {
        let mut nodes = match &path.base {
            Base::Here => vec![self.at],
            Base::Root => vec![NodeRef::ROOT],
            Base::Of(expr, predicates) => {
                let mut nodes = self.nodes(expr);
                self.filter(&mut nodes, 0, predicates);
                nodes
            }
        };
        for step in &path.steps {
            let mut next = Vec::with_capacity(nodes.len().max(4));
            for node in nodes {
                let from = next.len();
                self.step(step, node, &mut next);
                if !step.predicates.is_empty() {
                    self.filter(&mut next, from, &step.predicates);
                }
            }
            nodes = in_order(next);
            if nodes.is_empty() {
                break;
            }
        }
        nodes
    }

    /// Nodes on the axis of a step, in the order of the document.
    fn step(self, step: &Step, from: NodeRef, found: &mut Vec<NodeRef>) {
        let nodes = self.view.tree.nodes();
        let is_attribute = from.attribute > 0;
        match step.axis {
            Axis::Here => {
                if self.fits(step.test, from) {
                    found.push(from);
                }
            }
            Axis::Parent => {
                let parent = match (is_attribute, from.node) {
                    (true, node) => NodeRef::node(node),
                    (false, 0) => return,
                    (false, node) => NodeRef::node(nodes[node as usize].parent),
                };
                if self.fits(step.test, parent) {
                    found.push(parent);
                }
            }
            Axis::Attribute => {
                if is_attribute {
                    return;
                }
                let attributes = self.view.tree.attributes(from.node);
                for (number, attribute) in (1..).zip(attributes) {
                    let fits = match step.test {
                        Test::Named(name) => attribute.name == name,
                        Test::Any | Test::Node => true,
                        Test::Text => false,
                    };
                    if fits {
                        found.push(NodeRef {
                            node: from.node,
                            attribute: number,
                        });
                    }
                }
            }
            Axis::Child if is_attribute => {}
            Axis::Child => {
                let children = self.view.children(from.node).map(NodeRef::node);
                found.extend(children.filter(|it| self.fits(step.test, *it)));
            }
            Axis::Descendant | Axis::DescendantOrHere => {
                let or_here = step.axis == Axis::DescendantOrHere;
                if or_here && self.fits(step.test, from) {
                    found.push(from);
                }
                if !is_attribute {
                    let below = from.node + 1..nodes[from.node as usize].end;
                    let below = below.map(NodeRef::node);
                    found.extend(below.filter(|it| self.fits(step.test, *it)));
                }
            }
        }
    }

    fn name(self, node: NodeRef) -> Name {
        match node.attribute.checked_sub(1) {
            None => self.view.tree.nodes()[node.node as usize].name,
            Some(number) => self.view.tree.attributes(node.node)[number as usize].name,
        }
    }

    fn fits(self, test: Test, node: NodeRef) -> bool {
        let name = self.name(node);
        let is_text = node.attribute == 0 && name == TEXT;
        match test {
            Test::Named(wanted) => name == wanted && !is_text,
            Test::Any => !is_text && node != NodeRef::ROOT,
            Test::Text => is_text,
            Test::Node => true,
        }
    }

    /// Leaves of the nodes from a place on those that a step's predicates leave.
    fn filter(self, nodes: &mut Vec<NodeRef>, from: usize, predicates: &'t [Predicate]) {
        for predicate in predicates {
            let size = nodes.len() - from;
            let mut kept = from;
            for at in from..nodes.len() {
                let node = nodes[at];
                let position = at - from + 1;
                let keeps = match predicate {
                    Predicate::Position(wanted) => position == *wanted as usize,
                    Predicate::Last => position == size,
                    Predicate::AttributeIs(name, text) => self.attribute_is(node, *name, text),
                    Predicate::Holds(expr) => {
                        let scene = Scene {
                            at: node,
                            position,
                            size,
                            ..self
                        };
                        match scene.value(expr) {
                            #[allow(
                                clippy::float_cmp,
                                reason = "XPath 1.0, section 2.4: equal to the position"
                            )]
                            Value::Number(number) => number == position as f64,
                            other @ (Value::Nodes(_) | Value::Text(_) | Value::Truth(_)) => {
                                truth(&other)
                            }
                        }
                    }
                };
                if keeps {
                    nodes[kept] = node;
                    kept += 1;
                }
            }
            nodes.truncate(kept);
        }
    }

    fn attribute_is(self, node: NodeRef, name: Name, text: &str) -> bool {
        let mut attributes = self.view.tree.attributes(node.node).iter();
        node.attribute == 0
            && attributes.any(|it| it.name == name && self.view.part(it.text) == text)
    }

    /// `XPath` 1.0, section 5: all text below an element, the value of an attribute.
    fn text(self, node: NodeRef) -> Cow<'t, str> {
        let tree = self.view.tree;
        if let Some(number) = node.attribute.checked_sub(1) {
            return self
                .view
                .part(tree.attributes(node.node)[number as usize].text)
                .into();
        }
        let nodes = tree.nodes();
        let own = &nodes[node.node as usize];
        if own.name == TEXT {
            return self.view.part(own.text).into();
        }
        let below = &nodes[node.node as usize + 1..own.end as usize];
        let mut texts = below.iter().filter(|it| it.name == TEXT);
        match (texts.next(), texts.next()) {
            (None, _) => Cow::Borrowed(""),
            (Some(only), None) => self.view.part(only.text).into(),
            (Some(first), Some(second)) => {
                let all = [first, second].into_iter().chain(texts);
                let all = all.map(|it| self.view.part(it.text));
                Cow::Owned(all.collect())
            }
        }
    }

    fn to_text(self, value: Value<'t>) -> Cow<'t, str> {
        match value {
            Value::Nodes(nodes) => nodes.first().map_or(Cow::Borrowed(""), |it| self.text(*it)),
            Value::Text(text) => text,
            Value::Number(number) => Cow::Owned(number_text(number)),
            Value::Truth(truth) => Cow::Borrowed(if truth { "true" } else { "false" }),
        }
    }

    fn to_number(self, value: Value<'t>) -> f64 {
        match value {
            Value::Number(number) => number,
            Value::Truth(truth) => f64::from(u8::from(truth)),
            other @ (Value::Nodes(_) | Value::Text(_)) => text_number(&self.to_text(other)),
        }
    }

    fn holds(self, expr: &'t Expr) -> bool {
        truth(&self.value(expr))
    }

    fn number(self, expr: &'t Expr) -> f64 {
        self.to_number(self.value(expr))
    }

    fn string(self, expr: &'t Expr) -> Cow<'t, str> {
        self.to_text(self.value(expr))
    }

    /// `XPath` 1.0, section 3.4.
    fn compare(self, how: Comparison, one: Value<'t>, two: Value<'t>) -> bool {
        match (one, two) {
            (Value::Truth(one), two) if is_equality(how) => equal(how, one == truth(&two)),
            (one, Value::Truth(two)) if is_equality(how) => equal(how, truth(&one) == two),
            (Value::Nodes(one), Value::Nodes(two)) => {
                let two: Vec<Cow<'t, str>> = two.iter().map(|it| self.text(*it)).collect();
                one.iter().any(|one| {
                    let one = self.text(*one);
                    two.iter().any(|two| texts(how, &one, two))
                })
            }
            (Value::Nodes(one), Value::Text(two)) => {
                one.iter().any(|one| texts(how, &self.text(*one), &two))
            }
            (Value::Text(one), Value::Nodes(two)) => {
                two.iter().any(|two| texts(how, &one, &self.text(*two)))
            }
            (Value::Nodes(one), two) => {
                let two = self.to_number(two);
                let mut one = one.iter().map(|it| text_number(&self.text(*it)));
                one.any(|one| numbers(how, one, two))
            }
            (one, Value::Nodes(two)) => {
                let one = self.to_number(one);
                let mut two = two.iter().map(|it| text_number(&self.text(*it)));
                two.any(|two| numbers(how, one, two))
            }
            (Value::Text(one), Value::Text(two)) => texts(how, &one, &two),
            (one, two) => numbers(how, self.to_number(one), self.to_number(two)),
        }
    }

    fn call(self, function: Function, all: &'t [Expr]) -> Value<'t> {
        // Functions that read the node that is looked at where nothing is given.
        let text = |number: usize| match all.get(number) {
            Some(expr) => self.string(expr),
            None => self.text(self.at),
        };
        let figure = |number: usize| match all.get(number) {
            Some(expr) => self.number(expr),
            None => text_number(&self.text(self.at)),
        };
        match function {
            Function::Last => Value::Number(self.size as f64),
            Function::Position => Value::Number(self.position as f64),
            Function::Count => Value::Number(self.nodes(&all[0]).len() as f64),
            Function::Name => Value::Text(self.qualified(all)),
            Function::LocalName => Value::Text(match self.qualified(all) {
                Cow::Borrowed(name) => {
                    Cow::Borrowed(name.rsplit_once(':').map_or(name, |(_, local)| local))
                }
                owned @ Cow::Owned(_) => owned,
            }),
            Function::String => Value::Text(text(0)),
            Function::Concat => {
                Value::Text(Cow::Owned(all.iter().map(|it| self.string(it)).collect()))
            }
            Function::StartsWith => Value::Truth(text(0).starts_with(&*text(1))),
            Function::Contains => Value::Truth(text(0).contains(&*text(1))),
            Function::SubstringBefore => {
                let (whole, part) = (text(0), text(1));
                let before = whole.split_once(&*part).map_or("", |it| it.0);
                Value::Text(Cow::Owned(before.to_owned()))
            }
            Function::SubstringAfter => {
                let (whole, part) = (text(0), text(1));
                let after = whole.split_once(&*part).map_or("", |it| it.1);
                Value::Text(Cow::Owned(after.to_owned()))
            }
            Function::Substring => {
                let most = all.get(2).map(|it| self.number(it));
                Value::Text(Cow::Owned(substring(&text(0), figure(1), most)))
            }
            Function::StringLength => Value::Number(text(0).chars().count() as f64),
            Function::NormalizeSpace => {
                let text = text(0);
                let words = text.split([' ', '\t', '\r', '\n']);
                let words = words.filter(|it| !it.is_empty());
                Value::Text(Cow::Owned(words.collect::<Vec<_>>().join(" ")))
            }
            Function::Translate => Value::Text(Cow::Owned(translate(&text(0), &text(1), &text(2)))),
            Function::Boolean => Value::Truth(self.holds(&all[0])),
            Function::Not => Value::Truth(!self.holds(&all[0])),
            Function::True => Value::Truth(true),
            Function::False => Value::Truth(false),
            Function::Number => Value::Number(figure(0)),
            Function::Sum => {
                let nodes = self.nodes(&all[0]);
                let figures = nodes.iter().map(|it| text_number(&self.text(*it)));
                Value::Number(figures.sum())
            }
            Function::Floor => Value::Number(figure(0).floor()),
            Function::Ceiling => Value::Number(figure(0).ceil()),
            // Halves go up, as XPath says, and not away from zero.
            Function::Round => Value::Number((figure(0) + 0.5).floor()),
        }
    }

    /// The name of a node as it stands in the answer.
    fn qualified(self, all: &'t [Expr]) -> Cow<'t, str> {
        let node = match all.first() {
            Some(expr) => self.nodes(expr).first().copied(),
            None => Some(self.at),
        };
        let nodes = self.view.tree.nodes();
        match node {
            Some(node) if node.attribute == 0 => {
                let node = &nodes[node.node as usize];
                if node.name == TEXT {
                    return Cow::Borrowed("");
                }
                Cow::Borrowed(self.view.part(node.text))
            }
            Some(_) | None => Cow::Borrowed(""),
        }
    }
}

/// `XPath` 1.0, section 4.3.
fn truth(value: &Value<'_>) -> bool {
    match value {
        Value::Nodes(nodes) => !nodes.is_empty(),
        Value::Text(text) => !text.is_empty(),
        Value::Number(number) => *number != 0.0 && !number.is_nan(),
        Value::Truth(truth) => *truth,
    }
}

fn in_order(mut nodes: Vec<NodeRef>) -> Vec<NodeRef> {
    if !nodes.is_sorted_by(|one, two| one < two) {
        nodes.sort_unstable();
        nodes.dedup();
    }
    nodes
}

fn is_equality(how: Comparison) -> bool {
    matches!(how, Comparison::Equal | Comparison::NotEqual)
}

fn equal(how: Comparison, is_equal: bool) -> bool {
    (how == Comparison::Equal) == is_equal
}

fn texts(how: Comparison, one: &str, two: &str) -> bool {
    if is_equality(how) {
        equal(how, one == two)
    } else {
        numbers(how, text_number(one), text_number(two))
    }
}

#[allow(clippy::float_cmp, reason = "XPath 1.0 compares numbers exactly")]
fn numbers(how: Comparison, one: f64, two: f64) -> bool {
    match how {
        Comparison::Equal => one == two,
        Comparison::NotEqual => one != two,
        Comparison::Less => one < two,
        Comparison::LessOrEqual => one <= two,
        Comparison::Greater => one > two,
        Comparison::GreaterOrEqual => one >= two,
    }
}

/// `XPath` 1.0, section 4.4: an optional sign and digits; everything else is no number.
fn text_number(text: &str) -> f64 {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|it| it.is_ascii_digit() || it == b'.');
    if plain && digits.bytes().any(|it| it.is_ascii_digit()) {
        text.parse().unwrap_or(f64::NAN)
    } else {
        f64::NAN
    }
}

/// `XPath` 1.0, section 4.2: whole numbers without a point, never with an exponent.
fn number_text(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned()
    } else if number == 0.0 {
        "0".to_owned()
    } else {
        format!("{number}")
    }
}

/// `XPath` 1.0, section 4.2: positions are rounded, and a letter is taken whose position is at least
/// the first and less than first and length together.
fn substring(text: &str, first: f64, len: Option<f64>) -> String {
    let round = |it: f64| (it + 0.5).floor();
    let from = round(first);
    let to = len.map_or(f64::INFINITY, |it| from + round(it));
    let positions = (1_u32..).map(f64::from);
    let letters = text.chars().zip(positions);
    let letters = letters.filter(|(_, at)| *at >= from && *at < to);
    letters.map(|it| it.0).collect()
}

fn translate(text: &str, from: &str, to: &str) -> String {
    let to: Vec<char> = to.chars().collect();
    let other = |letter: char| match from.chars().position(|it| it == letter) {
        None => Some(letter),
        Some(at) => to.get(at).copied(),
    };
    text.chars().filter_map(other).collect()
}
