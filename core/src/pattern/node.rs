//! What a pattern is made of, and what can be said of it before it meets a text.

use super::set::Set;

/// Repetitions up to which there are few ways to share a text among them.
const MANY: u32 = 10;

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// One unit.
    One(Set),
    /// A place.
    Anchor(Anchor),
    /// A group, by its place in [`Groups`].
    Capture(usize, Box<Node>),
    /// What a group captured last.
    Back { group: usize, fold: bool },
    /// A look around, which takes nothing.
    Look {
        behind: bool,
        not: bool,
        node: Box<Node>,
    },
    /// What is not tried again in another way.
    Atomic(Box<Node>),
    /// One after the other.
    Concat(Vec<Node>),
    /// The first that goes.
    Or(Vec<Node>),
    /// Again and again.
    Repeat {
        node: Box<Node>,
        least: u32,
        /// `None`: without an end.
        most: Option<u32>,
        lazy: bool,
    },
    /// One of two, by whether a group took part or something lies ahead.
    If {
        test: Test,
        then: Box<Node>,
        otherwise: Box<Node>,
    },
}

/// What a condition asks.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    Captured(usize),
    Ahead(Box<Node>),
}

/// A place between units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// `\A`, `^`.
    Start,
    /// `\z`.
    End,
    /// `\Z`, `$`: the end, or before a line break that is the end.
    LastLine,
    /// `^` at every line.
    LineStart,
    /// `$` at every line.
    LineEnd,
    /// `\b`.
    Bound,
    /// `\B`.
    NoBound,
    /// `\G`: where the match before ended, or the start.
    SearchStart,
}

impl Node {
    /// The same without groups, for who does not ask what they captured; `None` where the pattern
    /// asks itself, or has none.
    pub(super) fn bare(&self) -> Option<Self> {
        let asks = self.any(&|node| matches!(node, Self::Back { .. } | Self::If { .. }));
        let groups = self.any(&|node| matches!(node, Self::Capture(..)));
        (groups && !asks).then(|| self.without_groups())
    }

    fn without_groups(&self) -> Self {
        let inside = |node: &Self| Box::new(node.without_groups());
        let all = |nodes: &[Self]| nodes.iter().map(Self::without_groups).collect();
        match self {
            Self::One(_) | Self::Anchor(_) | Self::Back { .. } | Self::If { .. } => self.clone(),
            Self::Capture(_, node) => node.without_groups(),
            Self::Look { behind, not, node } => Self::Look {
                behind: *behind,
                not: *not,
                node: inside(node),
            },
            Self::Atomic(node) => Self::Atomic(inside(node)),
            Self::Concat(nodes) => Self::Concat(all(nodes)),
            Self::Or(nodes) => Self::Or(all(nodes)),
            Self::Repeat {
                node,
                least,
                most,
                lazy,
            } => Self::Repeat {
                node: inside(node),
                least: *least,
                most: *most,
                lazy: *lazy,
            },
        }
    }

    /// The units that a match of it can begin with, and whether it can take none; `None` where that
    /// is not known.
    pub(super) fn begins(&self) -> Option<(Set, bool)> {
        match self {
            Self::One(set) => Some((set.clone(), false)),
            Self::Anchor(_) | Self::Look { .. } => Some((Set::default(), true)),
            Self::Capture(_, node) | Self::Atomic(node) => node.begins(),
            Self::Back { .. } | Self::If { .. } => None,
            Self::Concat(nodes) => {
                let mut all = Set::default();
                for node in nodes {
                    let (set, empty) = node.begins()?;
                    all = all.or(&set);
                    if !empty {
                        return Some((all, false));
                    }
                }
                Some((all, true))
            }
            Self::Or(nodes) => {
                let (mut all, mut any_empty) = (Set::default(), false);
                for node in nodes {
                    let (set, empty) = node.begins()?;
                    all = all.or(&set);
                    any_empty |= empty;
                }
                Some((all, any_empty))
            }
            Self::Repeat { node, least, .. } => {
                let (set, empty) = node.begins()?;
                Some((set, empty || *least == 0))
            }
        }
    }

    /// Whether one text may be matched in very many ways: inside of a repetition without an end
    /// another one may go on or stop at the same unit, or two branches take the same text; or three
    /// repetitions without an end stand beside each other and take the same units.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.forks(&Set::default(), false)
    }

    /// `behind` is what can come after it, `again` that it stands in a repetition without an end.
    fn forks(&self, behind: &Set, again: bool) -> bool {
        match self {
            // Nothing in an atomic group is tried again.
            Self::One(_) | Self::Anchor(_) | Self::Back { .. } | Self::Atomic(_) => false,
            Self::Capture(_, node) => node.forks(behind, again),
            Self::Look { node, .. } => node.forks(&Set::default(), again),
            Self::Concat(nodes) if crowded(nodes) => true,
            Self::Concat(nodes) => nodes.iter().enumerate().any(|(at, node)| {
                let mut next = Set::default();
                for later in &nodes[at + 1..] {
                    let (set, empty) = later.begins().unwrap_or((Set::all(), true));
                    next = next.or(&set);
                    if !empty {
                        return node.forks(&next, again);
                    }
                }
                node.forks(&next.or(behind), again)
            }),
            Self::Or(nodes) => {
                let first = |node: &Self| node.begins().map_or_else(Set::all, |(set, _)| set);
                let short = |node: &Self| {
                    let node = node.inside();
                    let node = if let Self::Repeat { node, .. } = node {
                        node.inside()
                    } else {
                        node
                    };
                    matches!(node, Self::One(_))
                };
                let same = |at: usize| {
                    let others = nodes.iter().enumerate().filter(|(other, _)| *other != at);
                    let mut others = others.map(|(_, node)| node);
                    short(&nodes[at]) && others.any(|o| first(o).shares(&first(&nodes[at])))
                };
                let alike = |at: usize| {
                    let one = nodes[at].leading();
                    nodes[at + 1..].iter().any(|other| {
                        let other = other.leading();
                        let shorter = one.len().min(other.len());
                        // What is left of the longer one has to be a beginning again.
                        let left = one.get(shorter).or(other.get(shorter));
                        shorter > 1
                            && one.iter().zip(&other).all(|(one, other)| one.shares(other))
                            && left.is_none_or(|left| left.shares(behind))
                    })
                };
                (again && (0..nodes.len()).any(|at| same(at) || alike(at)))
                    || nodes.iter().any(|node| node.forks(behind, again))
            }
            Self::Repeat {
                node, least, most, ..
            } => {
                let (first, _) = node.begins().unwrap_or((Set::all(), true));
                let endless = most.is_none_or(|most| most >= MANY);
                let fixed = *most == Some(*least);
                (!fixed && again && first.shares(behind))
                    || node.forks(&first.or(behind), again || endless)
            }
            Self::If {
                then, otherwise, ..
            } => then.forks(behind, again) || otherwise.forks(behind, again),
        }
    }

    /// The sets that a match of it begins with, one unit after the other, as far as that is one way
    /// only.
    fn leading(&self) -> Vec<&Set> {
        if let Self::Concat(nodes) = self.inside() {
            nodes.iter().map_while(Self::one).collect()
        } else {
            self.one().into_iter().collect()
        }
    }

    /// The set of the one unit that it is.
    fn one(&self) -> Option<&Set> {
        if let Self::One(set) = self.inside() {
            Some(set)
        } else {
            None
        }
    }

    /// What it repeats without an end.
    fn endless(&self) -> Option<&Self> {
        if let Self::Repeat {
            node, most: None, ..
        } = self.inside()
        {
            Some(node)
        } else {
            None
        }
    }

    /// It without the groups around it.
    fn inside(&self) -> &Self {
        match self {
            Self::Capture(_, node) => node.inside(),
            Self::One(_)
            | Self::Anchor(_)
            | Self::Back { .. }
            | Self::Look { .. }
            | Self::Atomic(_)
            | Self::Concat(_)
            | Self::Or(_)
            | Self::Repeat { .. }
            | Self::If { .. } => self,
        }
    }

    fn any(&self, what: &dyn Fn(&Self) -> bool) -> bool {
        if what(self) {
            return true;
        }
        match self {
            Self::One(_) | Self::Anchor(_) | Self::Back { .. } => false,
            Self::Atomic(node)
            | Self::Capture(_, node)
            | Self::Look { node, .. }
            | Self::Repeat { node, .. } => node.any(what),
            Self::Concat(nodes) | Self::Or(nodes) => nodes.iter().any(|node| node.any(what)),
            Self::If {
                test,
                then,
                otherwise,
            } => {
                let asked = match test {
                    Test::Captured(_) => false,
                    Test::Ahead(node) => node.any(what),
                };
                asked || then.any(what) || otherwise.any(what)
            }
        }
    }
}

/// Three repetitions without an end one after the other, each of which can take what the next one
/// does: where they stop is tried in as many ways as the cube of a text's length, and a search does
/// so from every place.
fn crowded(nodes: &[Node]) -> bool {
    let mut run: Option<(Set, u32)> = None;
    for node in nodes {
        let (set, empty) = node.begins().unwrap_or((Set::all(), true));
        match (node.endless(), &mut run) {
            (Some(_), Some((before, count))) if before.shares(&set) => {
                *before = set;
                *count += 1;
                if *count == 3 {
                    return true;
                }
            }
            (Some(_), run) => *run = Some((set, 1)),
            // What may take nothing keeps nothing apart.
            (None, _) if empty => {}
            (None, run) => *run = None,
        }
    }
    false
}
