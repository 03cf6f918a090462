//! One worker as a tree in one arena: nodes in the order of the document, texts as places in the body
//! of the answer.
//!
//! The arena is emptied and filled again for the next worker, so that nothing is allocated for a node.
//! Invariant: a node's descendants are the nodes between it and its end.

use super::names::{Names, OTHER, TEXT};
use super::{Name, Reach};

/// Part of a text: of the body, or of what had to be written anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    /// Where it begins; the highest bit says that it is in the side text.
    start: u32,
    len: u32,
}

const SIDE: u32 = 1 << 31;

/// An element or a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    pub(crate) name: Name,
    /// Behind its last descendant.
    pub(crate) end: u32,
    pub(crate) parent: u32,
    /// The text of a text, the qualified name of an element.
    pub(crate) text: Span,
    attributes: u32,
    attribute_count: u16,
}

/// An attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attribute {
    pub(crate) name: Name,
    pub(crate) text: Span,
}

/// Nodes, attributes and texts of one worker.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    attributes: Vec<Attribute>,
    side: String,
}

/// A tree and the body that its texts lie in.
#[derive(Clone, Copy)]
pub(crate) struct View<'t> {
    pub(crate) tree: &'t Tree,
    pub(crate) body: &'t str,
}

impl Tree {
    /// With nothing but a root in it.
    pub(crate) fn clear(&mut self) {
        self.nodes.clear();
        self.attributes.clear();
        self.side.clear();
        self.nodes.push(Node {
            name: OTHER,
            end: 1,
            parent: 0,
            text: Span::default(),
            attributes: 0,
            attribute_count: 0,
        });
    }

    /// How many nodes there are, the root included.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(crate) fn attributes(&self, node: u32) -> &[Attribute] {
        let Some(node) = self.nodes.get(node as usize) else {
            return &[];
        };
        let from = node.attributes as usize;
        &self.attributes[from..from + usize::from(node.attribute_count)]
    }

    /// A new last node below `parent`. Its end is set by [`Tree::close`].
    pub(crate) fn open(&mut self, parent: u32, name: Name, text: Span) -> u32 {
        let number = self.len();
        self.nodes.push(Node {
            name,
            end: number + 1,
            parent,
            text,
            attributes: u32::try_from(self.attributes.len()).unwrap_or(u32::MAX),
            attribute_count: 0,
        });
        number
    }

    /// A node has no more descendants.
    pub(crate) fn close(&mut self, node: u32) {
        let end = self.len();
        self.nodes[node as usize].end = end;
    }

    /// An attribute of the last node.
    pub(crate) fn attribute(&mut self, name: Name, text: Span) {
        self.attributes.push(Attribute { name, text });
        if let Some(node) = self.nodes.last_mut() {
            node.attribute_count = node.attribute_count.saturating_add(1);
        }
    }

    /// Text below a node: joined with what was written there last, if `joins`.
    pub(crate) fn text(&mut self, parent: u32, body: &str, part: &str, joins: bool) {
        let last = self.nodes.last().copied();
        let last = last.filter(|it| joins && it.name == TEXT && it.parent == parent);
        let Some(last) = last else {
            let text = self.span(body, part);
            self.open(parent, TEXT, text);
            return;
        };
        let at = u32::try_from(self.side.len()).unwrap_or(SIDE - 1);
        let before = last.text;
        // What was written anew last can grow where it lies.
        let grows = before.start & SIDE != 0 && (before.start & !SIDE) + before.len == at;
        let text = if grows {
            self.side.push_str(part);
            Span {
                start: before.start,
                len: before.len + u32::try_from(part.len()).unwrap_or(0),
            }
        } else {
            let before = View { tree: self, body }.part(before).to_owned();
            self.write(&[&before, part])
        };
        if let Some(last) = self.nodes.last_mut() {
            last.text = text;
        }
    }

    /// Where a text lies in the body; written to the side where it does not.
    pub(crate) fn span(&mut self, body: &str, part: &str) -> Span {
        let start = (part.as_ptr() as usize).wrapping_sub(body.as_ptr() as usize);
        match (u32::try_from(start), u32::try_from(part.len())) {
            (Ok(start), Ok(len)) if start < SIDE && start as usize + part.len() <= body.len() => {
                Span { start, len }
            }
            _ => self.write(&[part]),
        }
    }

    /// Text that does not stand in the body as it is.
    pub(crate) fn write(&mut self, parts: &[&str]) -> Span {
        let start = u32::try_from(self.side.len()).unwrap_or(SIDE - 1);
        for part in parts {
            self.side.push_str(part);
        }
        let len = u32::try_from(self.side.len()).unwrap_or(SIDE - 1) - start;
        Span {
            start: start | SIDE,
            len,
        }
    }

    /// The same truth in one spelling, for names that are booleans.
    pub(crate) fn truth(&mut self, names: &Names, name: Name, body: &str, part: &str) -> Span {
        match part {
            "true" if names.is_boolean(name) => self.write(&["1"]),
            "false" if names.is_boolean(name) => self.write(&["0"]),
            _ => self.span(body, part),
        }
    }
}

impl<'t> View<'t> {
    /// The text.
    pub(crate) fn part(self, span: Span) -> &'t str {
        let (text, start) = if span.start & SIDE == 0 {
            (self.body, span.start)
        } else {
            (self.tree.side.as_str(), span.start & !SIDE)
        };
        let start = start as usize;
        text.get(start..start + span.len as usize).unwrap_or("")
    }

    /// Whether a section was read: an element at a place of the reach, given by names.
    pub(crate) fn has(self, names: &[Name]) -> bool {
        let mut at = 0;
        for name in names {
            match self
                .children(at)
                .find(|it| self.tree.nodes[*it as usize].name == *name)
            {
                Some(found) => at = found,
                None => return false,
            }
        }
        true
    }

    /// The children of a node, in order.
    pub(crate) fn children(self, node: u32) -> impl Iterator<Item = u32> + 't {
        let nodes = &self.tree.nodes;
        let end = nodes.get(node as usize).map_or(0, |it| it.end);
        let mut next = node + 1;
        std::iter::from_fn(move || {
            (next < end).then(|| {
                let at = next;
                next = nodes[at as usize].end;
                at
            })
        })
    }
}

/// Bounds of one worker: deeper or larger is no worker of Workday's.
pub(crate) const DEPTH_MAX: usize = 64;
/// Nodes of one worker at most.
pub(crate) const NODES_MAX: u32 = 500_000;

/// What to do with a child of an element.
pub(crate) enum Way {
    /// Read it: its name, and where in the reach it is.
    In(Name, usize),
    /// Nobody reads it.
    Past,
}

impl Reach {
    /// The way to a child with this local name of `urn:com.workday/bsvc`, or of another namespace.
    pub(crate) fn way(&self, names: &Names, at: usize, is_ours: bool, local: &str) -> Way {
        let place = &self.places[at];
        if is_ours {
            for (name, next) in &place.children {
                if names.text(*name) == local {
                    return Way::In(*name, *next);
                }
            }
        }
        match self.whole_below(at) {
            Some(whole) if is_ours => Way::In(names.find(local), whole),
            Some(whole) => Way::In(OTHER, whole),
            None => Way::Past,
        }
    }
}
