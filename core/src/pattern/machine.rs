//! Runs a compiled pattern over a text: backtracking, as .NET does it, in a counted number of steps.
//!
//! Ways not tried yet, and what has to be put back before they are, lie on one stack: a text cannot
//! make it overflow. Only looks around and atomic groups recurse, as deep as a pattern nests them.
//! Invariant: every loop here takes from the same count of steps.

use std::cell::Cell;

use super::node::Anchor;
use super::program::{Op, Program};
use super::set::{BOUND, Set};

/// The search took more steps than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

/// First unit and one past the last.
pub(super) type Span = (usize, usize);

/// A match.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'m> {
    /// All of it.
    pub(super) whole: Span,
    groups: &'m [Option<Span>],
}

impl Found<'_> {
    /// What a group captured last; the first one is the whole match.
    pub(super) fn group(&self, group: usize) -> Option<Span> {
        if group == 0 {
            Some(self.whole)
        } else {
            self.groups.get(group).copied().flatten()
        }
    }
}

/// A text by UTF-16 units.
pub(super) trait Units {
    fn count(&self) -> usize;
    fn unit(&self, at: usize) -> u16;
}

/// Of a text in ASCII.
impl Units for [u8] {
    fn count(&self) -> usize {
        self.len()
    }

    fn unit(&self, at: usize) -> u16 {
        u16::from(self[at])
    }
}

impl Units for [u16] {
    fn count(&self) -> usize {
        self.len()
    }

    fn unit(&self, at: usize) -> u16 {
        self[at]
    }
}

/// Where a run may end. What it looks at on its way, ahead or as a whole, ends where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    Anywhere,
    WithText,
}

/// Something on the stack.
#[derive(Debug, Clone, Copy)]
enum Frame {
    /// Another way.
    Way { pc: usize, at: usize },
    /// The same with one unit less, down to `floor`.
    Less {
        pc: usize,
        at: usize,
        floor: usize,
        back: bool,
    },
    /// The lazy step once more.
    More { pc: usize, at: usize, taken: u32 },
    /// A lazy round.
    Round { pc: usize, at: usize },
    /// What a group captured before.
    Capture { group: usize, was: Option<Span> },
    /// Where a group had begun before.
    Open { group: usize, was: usize },
    /// What a counter was: rounds, and where the last one began.
    Counter { counter: usize, was: (u32, usize) },
}

/// No round has begun yet.
const NOWHERE: usize = usize::MAX;

pub(super) struct Machine<'p, T: Units + ?Sized> {
    ops: &'p [Op],
    program: &'p Program,
    text: &'p T,
    /// Steps that are left.
    left: &'p Cell<u64>,
    search_start: usize,
    captures: Vec<Option<Span>>,
    opens: Vec<usize>,
    counters: Vec<(u32, usize)>,
    stack: Vec<Frame>,
}

impl<'p, T: Units + ?Sized> Machine<'p, T> {
    pub(super) fn new(program: &'p Program, text: &'p T, left: &'p Cell<u64>) -> Self {
        // Where nothing is captured there is nothing to keep.
        let groups = if program.groups > 1 {
            program.groups
        } else {
            0
        };
        Self {
            ops: &program.ops,
            program,
            text,
            left,
            search_start: 0,
            captures: vec![None; groups],
            opens: vec![0; groups],
            counters: vec![(0, NOWHERE); program.counters],
            stack: Vec::new(),
        }
    }

    /// Whether the whole text matches, in any of the ways in which it can.
    pub(super) fn fits(&mut self) -> Result<bool, TooLong> {
        Ok(self.run(0, 0, Ends::WithText)?.is_some())
    }

    /// The first match from a place on. `behind` is where the match before it ended.
    pub(super) fn search(
        &mut self,
        from: usize,
        behind: usize,
    ) -> Result<Option<Found<'_>>, TooLong> {
        self.search_start = behind;
        let mut start = from.max(self.last_run()?);
        while start <= self.text.count() {
            let here = start;
            start += 1;
            if let Some(first) = &self.program.first {
                if here == self.text.count() {
                    break;
                }
                if !first.has(self.text.unit(here)) {
                    if here.is_multiple_of(16) {
                        self.pay(1)?;
                    }
                    continue;
                }
            }
            self.pay(self.captures.len() / 8)?;
            self.captures.fill(None);
            self.stack.clear();
            if let Some(end) = self.run(0, here, Ends::Anywhere)? {
                let groups = &self.captures;
                return Ok(Some(Found {
                    whole: (here, end),
                    groups,
                }));
            }
            start = start.max(self.run_of_first(here)?);
            if self.program.anchored {
                break;
            }
        }
        Ok(None)
    }

    /// Where the units begin that a match can take which goes to the end.
    fn last_run(&mut self) -> Result<usize, TooLong> {
        let Some(set) = &self.program.ends else {
            return Ok(0);
        };
        let end = self.text.count();
        let mut at = end;
        if at > 0 && self.text.unit(at - 1) == 0x0A {
            at -= 1;
        }
        while at > 0 && set.has(self.text.unit(at - 1)) {
            at -= 1;
        }
        self.pay((end - at) / 8)?;
        Ok(at)
    }

    /// Where a search goes on that failed behind a run of units which the pattern begins with and
    /// keeps: from inside of the run it would come to the same place, and fail there again.
    fn run_of_first(&mut self, from: usize) -> Result<usize, TooLong> {
        let Some(Op::Many {
            set,
            most: u32::MAX,
            lazy: false,
            back: false,
            kept: true,
            ..
        }) = self.ops.first()
        else {
            return Ok(from);
        };
        let mut end = from;
        while end < self.text.count() && set.has(self.text.unit(end)) {
            end += 1;
        }
        self.pay((end - from) / 8)?;
        Ok(end)
    }

    fn pay(&self, steps: usize) -> Result<(), TooLong> {
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        let left = self.left.get().checked_sub(steps).ok_or(TooLong)?;
        self.left.set(left);
        Ok(())
    }

    /// The unit beside a place and the place behind it.
    fn beside(&self, at: usize, back: bool) -> Option<(u16, usize)> {
        if back {
            let at = at.checked_sub(1)?;
            Some((self.text.unit(at), at))
        } else if at < self.text.count() {
            Some((self.text.unit(at), at + 1))
        } else {
            None
        }
    }

    /// From a step at a place to `Done`: where that is. What was captured stays, what could be
    /// tried otherwise is forgotten, and what has to be put back is not.
    fn run(&mut self, pc: usize, at: usize, ends: Ends) -> Result<Option<usize>, TooLong> {
        let base = self.stack.len();
        let (mut pc, mut at) = (pc, at);
        loop {
            self.pay(1)?;
            let next = match &self.ops[pc] {
                Op::Done if ends == Ends::WithText && at != self.text.count() => None,
                Op::Done => {
                    self.settle(base);
                    return Ok(Some(at));
                }
                Op::One { set, back } => match self.beside(at, *back) {
                    Some((unit, next)) if set.has(unit) => Some((pc + 1, next)),
                    Some(_) | None => None,
                },
                Op::Many { .. } => self.many(pc, at)?,
                Op::Anchor(anchor) => self.is(*anchor, at).then_some((pc + 1, at)),
                Op::Try(other) => {
                    let pc_later = place(*other);
                    self.stack.push(Frame::Way { pc: pc_later, at });
                    Some((pc + 1, at))
                }
                Op::Jump(there) => Some((place(*there), at)),
                Op::Open(group) => {
                    let group = place(*group);
                    let was = std::mem::replace(&mut self.opens[group], at);
                    self.stack.push(Frame::Open { group, was });
                    Some((pc + 1, at))
                }
                Op::Close { group, back } => {
                    let group = place(*group);
                    let open = self.opens[group];
                    let span = if *back { (at, open) } else { (open, at) };
                    let was = self.captures[group].replace(span);
                    self.stack.push(Frame::Capture { group, was });
                    Some((pc + 1, at))
                }
                Op::Back { group, fold, back } => {
                    let next = self.again(place(*group), *fold, *back, at)?;
                    next.map(|at| (pc + 1, at))
                }
                Op::Count(counter) => {
                    self.count(place(*counter), (0, NOWHERE));
                    Some((pc + 1, at))
                }
                Op::Round { .. } => Some(self.round(pc, at)),
                Op::Look { not, behind } => {
                    let mark = self.stack.len();
                    let found = self.run(pc + 1, at, Ends::Anywhere)?.is_some();
                    if found && *not {
                        self.undo(mark);
                    }
                    (found != *not).then_some((place(*behind), at))
                }
                Op::Atomic { behind } => {
                    let behind = place(*behind);
                    self.run(pc + 1, at, Ends::Anywhere)?
                        .map(|end| (behind, end))
                }
                Op::IfNot { group, otherwise } => {
                    let took = self.captures[place(*group)].is_some();
                    Some((if took { pc + 1 } else { place(*otherwise) }, at))
                }
                Op::IfAhead { then, otherwise } => {
                    let found = self.run(pc + 1, at, Ends::Anywhere)?.is_some();
                    Some((place(if found { *then } else { *otherwise }), at))
                }
            };
            let next = match next {
                Some(next) => Some(next),
                None => self.another(base)?,
            };
            let Some(next) = next else {
                return Ok(None);
            };
            (pc, at) = next;
        }
    }

    fn many(&mut self, pc: usize, at: usize) -> Result<Option<(usize, usize)>, TooLong> {
        let Op::Many {
            set,
            least,
            most,
            lazy,
            back,
            kept,
        } = &self.ops[pc]
        else {
            return Ok(None);
        };
        let wanted = if *lazy { *least } else { *most };
        let (mut end, mut taken, mut floor) = (at, 0, at);
        while taken < wanted {
            match self.beside(end, *back) {
                Some((unit, next)) if set.has(unit) => end = next,
                Some(_) | None => break,
            }
            taken += 1;
            if taken == *least {
                floor = end;
            }
        }
        self.pay(place(taken) / 8)?;
        if taken < *least {
            return Ok(None);
        }
        let pc = if *lazy {
            self.stack.push(Frame::More { pc, at: end, taken });
            pc + 1
        } else {
            let pc = pc + 1;
            if end != floor && !*kept {
                let (at, back) = (end, *back);
                self.stack.push(Frame::Less {
                    pc,
                    at,
                    floor,
                    back,
                });
            }
            pc
        };
        Ok(Some((pc, end)))
    }

    /// At the beginning of a round: into it, or on behind the repetition.
    fn round(&mut self, pc: usize, at: usize) -> (usize, usize) {
        let Op::Round {
            counter,
            least,
            most,
            lazy,
            behind,
        } = &self.ops[pc]
        else {
            unreachable!("asked for at a round only");
        };
        let (counter, behind) = (place(*counter), place(*behind));
        let (rounds, last) = self.counters[counter];
        // A round that took nothing would take nothing again.
        if last == at || (rounds >= *least && rounds >= *most) {
            return (behind, at);
        }
        if rounds >= *least {
            if *lazy {
                self.stack.push(Frame::Round { pc, at });
                return (behind, at);
            }
            self.stack.push(Frame::Way { pc: behind, at });
        }
        self.count(counter, (rounds + 1, at));
        (pc + 1, at)
    }

    fn count(&mut self, counter: usize, now: (u32, usize)) {
        let was = std::mem::replace(&mut self.counters[counter], now);
        self.stack.push(Frame::Counter { counter, was });
    }

    /// What a group captured, once more from a place on.
    fn again(
        &mut self,
        group: usize,
        fold: bool,
        back: bool,
        at: usize,
    ) -> Result<Option<usize>, TooLong> {
        let Some((from, to)) = self.captures[group] else {
            return Ok(None);
        };
        let length = to - from;
        self.pay(length)?;
        let start = if back {
            at.checked_sub(length)
        } else {
            (at + length <= self.text.count()).then_some(at)
        };
        let Some(start) = start else {
            return Ok(None);
        };
        let same = (0..length).all(|n| {
            let (left, right) = (self.text.unit(from + n), self.text.unit(start + n));
            left == right || (fold && Set::one(left).folded().has(right))
        });
        let end = if back { start } else { start + length };
        Ok(same.then_some(end))
    }

    fn is(&self, anchor: Anchor, at: usize) -> bool {
        let end = self.text.count();
        let newline = |at: usize| self.text.unit(at) == 0x0A;
        let word = |at: usize| BOUND.has(self.text.unit(at));
        let bound = || (at > 0 && word(at - 1)) != (at < end && word(at));
        match anchor {
            Anchor::Start => at == 0,
            Anchor::End => at == end,
            Anchor::LastLine => at == end || (at + 1 == end && newline(at)),
            Anchor::LineStart => at == 0 || newline(at - 1),
            Anchor::LineEnd => at == end || newline(at),
            Anchor::Bound => bound(),
            Anchor::NoBound => !bound(),
            Anchor::SearchStart => at == self.search_start,
        }
    }

    /// The newest way that was not tried yet, with everything put back as it was.
    fn another(&mut self, base: usize) -> Result<Option<(usize, usize)>, TooLong> {
        while self.stack.len() > base {
            let Some(frame) = self.stack.pop() else {
                break;
            };
            match frame {
                Frame::Way { pc, at } => return Ok(Some((pc, at))),
                Frame::Less {
                    pc,
                    at,
                    floor,
                    back,
                } => {
                    let at = if back { at + 1 } else { at - 1 };
                    if at != floor {
                        self.stack.push(Frame::Less {
                            pc,
                            at,
                            floor,
                            back,
                        });
                    }
                    return Ok(Some((pc, at)));
                }
                Frame::More { pc, at, taken } => {
                    let Op::Many {
                        set, most, back, ..
                    } = &self.ops[pc]
                    else {
                        continue;
                    };
                    if taken < *most
                        && let Some((unit, at)) = self.beside(at, *back)
                        && set.has(unit)
                    {
                        let taken = taken + 1;
                        self.stack.push(Frame::More { pc, at, taken });
                        return Ok(Some((pc + 1, at)));
                    }
                }
                Frame::Round { pc, at } => {
                    if let Op::Round { counter, .. } = &self.ops[pc] {
                        let counter = place(*counter);
                        let (rounds, _) = self.counters[counter];
                        self.count(counter, (rounds + 1, at));
                        return Ok(Some((pc + 1, at)));
                    }
                }
                undo @ (Frame::Capture { .. } | Frame::Open { .. } | Frame::Counter { .. }) => {
                    self.restore(undo);
                }
            }
            self.pay(1)?;
        }
        Ok(None)
    }

    fn restore(&mut self, frame: Frame) {
        match frame {
            Frame::Capture { group, was } => self.captures[group] = was,
            Frame::Open { group, was } => self.opens[group] = was,
            Frame::Counter { counter, was } => self.counters[counter] = was,
            Frame::Way { .. } | Frame::Less { .. } | Frame::More { .. } | Frame::Round { .. } => {}
        }
    }

    fn undo(&mut self, mark: usize) {
        while self.stack.len() > mark {
            if let Some(frame) = self.stack.pop() {
                self.restore(frame);
            }
        }
    }

    /// Forgets the ways from `base` on that were not tried.
    fn settle(&mut self, base: usize) {
        let mut kept = base;
        for at in base..self.stack.len() {
            let frame = self.stack[at];
            let back = matches!(
                frame,
                Frame::Capture { .. } | Frame::Open { .. } | Frame::Counter { .. }
            );
            if back {
                self.stack[kept] = frame;
                kept += 1;
            }
        }
        self.stack.truncate(kept);
    }
}

fn place(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
