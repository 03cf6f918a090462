//! A pattern as steps for the machine.

use super::node::{Anchor, Node, Test};
use super::set::Set;

/// One step. Steps follow each other unless they say otherwise.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Op {
    /// Takes one unit, towards the end or, in a look behind, towards the start.
    One {
        set: Set,
        back: bool,
    },
    /// Takes as many as it can, and gives them back one by one; a lazy one the other way round.
    Many {
        set: Set,
        least: u32,
        most: u32,
        lazy: bool,
        back: bool,
        /// What follows cannot begin with one of them: nothing is given back.
        kept: bool,
    },
    /// Goes on only at such a place.
    Anchor(Anchor),
    /// Tries the next step, then that one.
    Try(u32),
    /// Goes on there.
    Jump(u32),
    /// A group begins, or ends.
    Open(u32),
    Close {
        group: u32,
        back: bool,
    },
    /// What a group captured, once more.
    Back {
        group: u32,
        fold: bool,
        back: bool,
    },
    /// A repetition begins: its counter is nothing.
    Count(u32),
    /// One more round, or on behind it: the round begins at the next step, and ends by a jump
    /// back here.
    Round {
        counter: u32,
        least: u32,
        most: u32,
        lazy: bool,
        behind: u32,
    },
    /// The steps up to `Done`, looked at from here; goes on at `behind`.
    Look {
        not: bool,
        behind: u32,
    },
    /// The steps up to `Done`, in the first way that they go.
    Atomic {
        behind: u32,
    },
    /// Goes on there if a group took no part.
    IfNot {
        group: u32,
        otherwise: u32,
    },
    /// The steps up to `Done`, looked at from here; at `then` if they go, else at `otherwise`.
    IfAhead {
        then: u32,
        otherwise: u32,
    },
    /// The end of the pattern, or of what is looked at.
    Done,
}

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Program {
    pub(super) ops: Vec<Op>,
    /// Places for groups, the whole match first.
    pub(super) groups: usize,
    pub(super) counters: usize,
    /// What a match begins with; `None`: with anything, or with nothing.
    pub(super) first: Option<Set>,
    /// A match begins at the start of the text, or nowhere.
    pub(super) anchored: bool,
    /// A match goes to the end of the text, or to a line break there, and takes nothing but these.
    pub(super) ends: Option<Set>,
}

impl Program {
    /// `short`: it is looked into for what a match begins and ends with.
    pub(super) fn of(node: &Node, groups: usize, short: bool) -> Self {
        let looked = short.then_some(node);
        let mut compiler = Compiler {
            ops: Vec::new(),
            counters: 0,
        };
        compiler.node(node, false);
        compiler.ops.push(Op::Done);
        keep(&mut compiler.ops);
        Self {
            ops: compiler.ops,
            groups,
            counters: compiler.counters,
            first: looked
                .and_then(Node::begins)
                .and_then(|(set, empty)| (!empty).then_some(set)),
            anchored: anchored(node),
            ends: looked.and_then(ends),
        }
    }
}

struct Compiler {
    ops: Vec<Op>,
    counters: usize,
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl Compiler {
    fn here(&self) -> u32 {
        number(self.ops.len())
    }

    /// A step that is told later where it goes.
    fn later(&mut self) -> usize {
        self.ops.push(Op::Done);
        self.ops.len() - 1
    }

    fn node(&mut self, node: &Node, back: bool) {
        match node {
            Node::One(set) => self.ops.push(Op::One {
                set: set.clone(),
                back,
            }),
            Node::Anchor(anchor) => self.ops.push(Op::Anchor(*anchor)),
            Node::Capture(group, node) => {
                let group = number(*group);
                self.ops.push(Op::Open(group));
                self.node(node, back);
                self.ops.push(Op::Close { group, back });
            }
            Node::Back { group, fold } => self.ops.push(Op::Back {
                group: number(*group),
                fold: *fold,
                back,
            }),
            Node::Look { behind, not, node } => {
                let look = self.later();
                self.node(node, *behind);
                self.ops.push(Op::Done);
                self.ops[look] = Op::Look {
                    not: *not,
                    behind: self.here(),
                };
            }
            Node::Atomic(node) => {
                let atomic = self.later();
                self.node(node, back);
                self.ops.push(Op::Done);
                self.ops[atomic] = Op::Atomic {
                    behind: self.here(),
                };
            }
            // A look behind reads from right to left.
            Node::Concat(nodes) if back => nodes.iter().rev().for_each(|n| self.node(n, back)),
            Node::Concat(nodes) => nodes.iter().for_each(|n| self.node(n, back)),
            Node::Or(nodes) => self.choice(nodes, back),
            Node::Repeat {
                node,
                least,
                most,
                lazy,
            } => {
                let most = most.unwrap_or(u32::MAX);
                if let Node::One(set) = &**node {
                    self.ops.push(Op::Many {
                        set: set.clone(),
                        least: *least,
                        most,
                        lazy: *lazy,
                        back,
                        kept: false,
                    });
                } else {
                    self.rounds(node, (*least, most, *lazy), back);
                }
            }
            Node::If {
                test,
                then,
                otherwise,
            } => self.condition(test, then, otherwise, back),
        }
    }

    fn choice(&mut self, nodes: &[Node], back: bool) {
        let mut ends = Vec::new();
        for (at, node) in nodes.iter().enumerate() {
            if at + 1 == nodes.len() {
                self.node(node, back);
                break;
            }
            let split = self.later();
            self.node(node, back);
            ends.push(self.later());
            self.ops[split] = Op::Try(self.here());
        }
        for end in ends {
            self.ops[end] = Op::Jump(self.here());
        }
    }

    fn rounds(&mut self, node: &Node, (least, most, lazy): (u32, u32, bool), back: bool) {
        let counter = number(self.counters);
        self.counters += 1;
        self.ops.push(Op::Count(counter));
        let round = self.later();
        self.node(node, back);
        self.ops.push(Op::Jump(number(round)));
        self.ops[round] = Op::Round {
            counter,
            least,
            most,
            lazy,
            behind: self.here(),
        };
    }

    fn condition(&mut self, test: &Test, then: &Node, otherwise: &Node, back: bool) {
        let asks = self.later();
        let begins = match test {
            Test::Captured(_) => None,
            Test::Ahead(node) => {
                self.node(node, false);
                self.ops.push(Op::Done);
                Some(self.here())
            }
        };
        self.node(then, back);
        let end = self.later();
        let other = self.here();
        self.ops[asks] = match (test, begins) {
            (Test::Captured(group), _) => Op::IfNot {
                group: number(*group),
                otherwise: other,
            },
            (Test::Ahead(_), begins) => Op::IfAhead {
                then: begins.unwrap_or(other),
                otherwise: other,
            },
        };
        self.node(otherwise, back);
        self.ops[end] = Op::Jump(self.here());
    }
}

/// A repetition keeps what it took where the step behind it takes none of that: another length
/// could not go on either.
fn keep(ops: &mut [Op]) {
    for at in 1..ops.len() {
        let (before, behind) = ops.split_at_mut(at);
        let Some(Op::Many {
            set, back, kept, ..
        }) = before.last_mut()
        else {
            continue;
        };
        let next = &behind[0];
        *kept = if let Op::One {
            set: next,
            back: next_back,
        } = next
        {
            back == next_back && !set.shares(next)
        } else if *back {
            false
        } else if matches!(next, Op::Anchor(Anchor::LastLine | Anchor::LineEnd)) {
            !set.has(0x0A)
        } else {
            *next == Op::Anchor(Anchor::End)
        };
    }
}

/// See [`Program::ends`].
fn ends(node: &Node) -> Option<Set> {
    let Node::Concat(nodes) = node else {
        return None;
    };
    let last = nodes.last()?;
    matches!(last, Node::Anchor(Anchor::End | Anchor::LastLine)).then_some(())?;
    takes(node)
}

/// Every unit that a part can take; `None` where that is not known.
fn takes(node: &Node) -> Option<Set> {
    match node {
        Node::One(set) => Some(set.clone()),
        Node::Anchor(_) | Node::Look { .. } => Some(Set::default()),
        Node::Capture(_, node) | Node::Atomic(node) | Node::Repeat { node, .. } => takes(node),
        Node::Back { .. } | Node::If { .. } => None,
        Node::Concat(nodes) | Node::Or(nodes) => nodes
            .iter()
            .try_fold(Set::default(), |all, node| Some(all.or(&takes(node)?))),
    }
}

fn anchored(node: &Node) -> bool {
    match node {
        Node::Anchor(Anchor::Start) => true,
        Node::Capture(_, node) | Node::Atomic(node) => anchored(node),
        Node::Concat(nodes) => nodes.first().is_some_and(anchored),
        Node::Or(nodes) => nodes.iter().all(anchored),
        Node::Repeat { node, least, .. } => *least > 0 && anchored(node),
        Node::One(_)
        | Node::Anchor(_)
        | Node::Back { .. }
        | Node::Look { .. }
        | Node::If { .. } => false,
    }
}
