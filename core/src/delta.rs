//! Who has to be looked at: the roster against the state, fingerprint first.
//!
//! Unchanged workers cost one comparison here and nothing afterwards. Invariant: only full
//! coverage, with every key readable, says that somebody is absent (P3).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::worker_hash;
use crate::model::{AccountChange, SourceName, WorkerId};
use crate::roster::{Entry, Roster};
use crate::state::{Hot, Lifecycle, Workers, account_behind, key_prefix};

/// What one intake covers, and so what absence from it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coverage {
    /// Every worker of the source. The only kind that proves absence.
    Full,
    /// Every worker of a part of the source.
    Partial(String),
    /// Only workers that changed.
    Delta,
    /// Nobody said.
    Unknown,
}

impl Coverage {
    /// Whether a missing row says something.
    pub fn proves_absence(&self) -> bool {
        match self {
            Self::Full => true,
            Self::Partial(_) | Self::Delta | Self::Unknown => false,
        }
    }
}

/// Why somebody is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The row is new or differs from the one last carried out.
    Row,
    /// In the state, not in the file.
    Absent,
    /// Something falls due.
    Due,
    /// Something is not done, or waits for another person.
    Unfinished,
    /// Mapping or policy changed: everybody is looked at.
    Rules,
    /// Present again after a miss.
    Back,
    /// Somebody else changed the account.
    Tenant,
}

/// How an account differs from what the state knows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// Somebody let in again whom we cut off.
    LetIn,
    /// Disabled, deleted or under another key, and not by us.
    Other,
}

/// What a change of an account means to its person; `None` where it is what the state says.
pub fn drift(hot: &Hot, source: &SourceName, change: &AccountChange) -> Option<Drift> {
    let other = |is: bool| is.then_some(Drift::Other);
    let renamed = change.key.as_ref().is_some_and(|key| {
        let theirs = key_prefix(worker_hash(source, &WorkerId::new(key.as_str())));
        theirs != hot.worker
    });
    match (hot.lifecycle, change.gone, change.enabled) {
        (Lifecycle::None, _, _) | (Lifecycle::Deleted, true, _) => None,
        (Lifecycle::Created | Lifecycle::Active | Lifecycle::Blocked, true, _) => {
            Some(Drift::Other)
        }
        // Whatever is told of an account in the bin is that somebody took it out.
        (Lifecycle::Deleted, false, _) | (Lifecycle::Blocked, false, Some(true)) => {
            Some(Drift::LetIn)
        }
        (Lifecycle::Active, false, Some(false)) => Some(Drift::Other),
        (Lifecycle::Active, false, Some(true) | None)
        | (Lifecycle::Created, false, _)
        | (Lifecycle::Blocked, false, Some(false) | None) => other(renamed),
    }
}

/// One person to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touch {
    /// The key's hash.
    pub key: u128,
    /// Index into [`Roster::entries`], where the key stands in the file.
    pub entry: Option<usize>,
    /// Index into the hot state, where the person is known.
    pub hot: Option<usize>,
    /// The first cause that applies.
    pub cause: Cause,
}

/// The comparison of one roster with the state.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// Who has to be looked at, ascending by key hash.
    pub touched: Vec<Touch>,
    /// Workers whose row, rules and schedule say nothing new.
    pub unchanged: u32,
    /// Workers that the last accepted full file listed.
    pub listed_before: u32,
    /// Of those, how many this file does not list.
    pub listed_gone: u32,
    /// Managed accounts before this run.
    pub managed: u32,
}

/// What the comparison has to know besides roster and state.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// What the intake covers.
    pub coverage: &'a Coverage,
    /// The run's instant.
    pub now: Timestamp,
    /// Mapping or policy is not the one that the state was made with.
    pub rules_changed: bool,
    /// Whose accounts somebody else changed: places in the state, ascending.
    pub moved: &'a [usize],
}

/// Compares. `state` is ascending by key, and `workers` are its persons. One pass over both, no allocation per unchanged worker.
pub fn compare(
    roster: &Roster,
    (state, workers): (&[Hot], &Workers),
    terms: Terms<'_>,
) -> Comparison {
    let entries = roster.entries();
    let absence = terms.coverage.proves_absence() && roster.keyless() == 0;
    let awaited = |hot: &Hot| {
        hot.waits_for != 0
            && (account_behind(state, workers, hot.waits_for) || roster.stands(hot.waits_for))
    };
    let mut out = Comparison::default();
    let (mut e, mut s) = (0, 0);
    while e < entries.len() || s < state.len() {
        let entry = entries.get(e);
        let hot = state.get(s);
        if let Some(hot) = hot {
            out.managed += u32::from(hot.managed() && entry.is_none_or(|x| hot.key <= x.key));
        }
        match (entry, hot) {
            (Some(entry), Some(hot)) if entry.key == hot.key => {
                out.listed_before += u32::from(hot.listed);
                let moved = terms.moved.binary_search(&s).is_ok();
                match present(entry, hot, awaited(hot), terms).or(moved.then_some(Cause::Tenant)) {
                    Some(cause) => out.touched.push(Touch {
                        key: hot.key,
                        entry: Some(e),
                        hot: Some(s),
                        cause,
                    }),
                    None => out.unchanged += 1,
                }
                e += 1;
                s += 1;
            }
            (Some(entry), hot) if hot.is_none_or(|h| entry.key < h.key) => {
                let touch = Touch {
                    key: entry.key,
                    entry: Some(e),
                    hot: None,
                    cause: Cause::Row,
                };
                out.touched.push(touch);
                e += 1;
            }
            (_, Some(hot)) => {
                out.listed_before += u32::from(hot.listed);
                out.listed_gone += u32::from(hot.listed);
                let moved = terms.moved.binary_search(&s).is_ok();
                let cause = absent(absence, hot, awaited(hot), terms);
                if let Some(cause) = cause.or(moved.then_some(Cause::Tenant)) {
                    out.touched.push(Touch {
                        key: hot.key,
                        entry: None,
                        hot: Some(s),
                        cause,
                    });
                }
                s += 1;
            }
            (_, None) => unreachable!("the loop ends when both are used up"),
        }
    }
    out
}

/// `awaited`: whom a reference of this person waits for is there.
fn present(entry: &Entry, hot: &Hot, awaited: bool, terms: Terms<'_>) -> Option<Cause> {
    if entry.held || entry.fingerprint != hot.fingerprint {
        Some(Cause::Row)
    } else if hot.misses > 0 || !hot.listed {
        Some(Cause::Back)
    } else if terms.rules_changed {
        Some(Cause::Rules)
    } else if hot.due.is_some_and(|due| due <= terms.now) {
        Some(Cause::Due)
    } else if hot.unfinished || hot.held || awaited {
        Some(Cause::Unfinished)
    } else {
        None
    }
}

/// Who is not listed by a file that proves nothing is looked at all the same where something is
/// to do: the file would not name them again.
fn absent(proves: bool, hot: &Hot, awaited: bool, terms: Terms<'_>) -> Option<Cause> {
    // A file says nothing of whom its source does not have. Somebody who was cut off, or never had
    // an account, may leave the file: that is no miss, but the state has to learn that the file no
    // longer lists them.
    let open = matches!(hot.lifecycle, Lifecycle::Created | Lifecycle::Active);
    // Whoever was to start and is missing once waits for the next file.
    if proves && !hot.elsewhere && (hot.listed || open || hot.misses == 1) {
        Some(Cause::Absent)
    } else if hot.due.is_some_and(|due| due <= terms.now) {
        Some(Cause::Due)
    } else if hot.unfinished || hot.held || awaited {
        Some(Cause::Unfinished)
    } else if terms.rules_changed && (open || hot.due.is_some()) {
        // Of somebody who was cut off, what is still to come may come at another time.
        Some(Cause::Rules)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::{Entry, RosterBuilder};
    use crate::state::key_prefix;

    fn roster(keys: &[(u128, u128)]) -> Roster {
        let mut builder = RosterBuilder::default();
        for (row, (key, fingerprint)) in keys.iter().enumerate() {
            let row = u32::try_from(row).unwrap() + 2;
            let (key, fingerprint) = (*key, *fingerprint);
            builder.push(Entry {
                key,
                fingerprint,
                byte: 0,
                row,
                held: false,
            });
        }
        builder.finish()
    }

    fn hot(key: u128, fingerprint: u128, lifecycle: Lifecycle) -> Hot {
        Hot {
            key,
            fingerprint,
            due: None,
            lifecycle,
            misses: 0,
            listed: true,
            elsewhere: false,
            unfinished: false,
            held: false,
            worker: crate::state::key_prefix(key),
            waits_for: 0,
        }
    }

    fn run(roster: &Roster, state: &[Hot], coverage: &Coverage) -> Vec<(u128, Cause)> {
        let now = "2026-03-16T02:00:00Z".parse().unwrap();
        let terms = Terms {
            coverage,
            now,
            rules_changed: false,
            moved: &[],
        };
        compare(roster, (state, &Workers::of(state, [])), terms)
            .touched
            .iter()
            .map(|t| (t.key, t.cause))
            .collect()
    }

    /// Each line of the rule "unchanged": design §4.
    #[test]
    fn only_what_says_something_new_is_looked_at() {
        let state = [
            hot(1, 10, Lifecycle::Active),
            hot(2, 20, Lifecycle::Active),
            Hot {
                due: Some("2026-03-16T01:00:00Z".parse().unwrap()),
                ..hot(3, 30, Lifecycle::Active)
            },
            Hot {
                due: Some("2026-03-17T01:00:00Z".parse().unwrap()),
                ..hot(4, 40, Lifecycle::Active)
            },
            Hot {
                unfinished: true,
                ..hot(5, 50, Lifecycle::Active)
            },
            Hot {
                misses: 1,
                listed: false,
                ..hot(6, 60, Lifecycle::Active)
            },
            hot(7, 70, Lifecycle::Active),
            hot(8, 80, Lifecycle::Blocked),
        ];
        let file = roster(&[
            (1, 10),
            (2, 21),
            (3, 30),
            (4, 40),
            (5, 50),
            (6, 60),
            (9, 90),
        ]);
        assert_eq!(
            run(&file, &state, &Coverage::Full),
            [
                (2, Cause::Row),
                (3, Cause::Due),
                (5, Cause::Unfinished),
                (6, Cause::Back),
                (7, Cause::Absent),
                (8, Cause::Absent),
                (9, Cause::Row),
            ]
        );
    }

    #[test]
    fn only_a_full_file_with_readable_keys_proves_absence() {
        let state = [hot(1, 10, Lifecycle::Active), hot(2, 20, Lifecycle::Active)];
        let file = roster(&[(1, 10)]);
        for coverage in [
            Coverage::Partial("Berlin".into()),
            Coverage::Delta,
            Coverage::Unknown,
        ] {
            assert_eq!(run(&file, &state, &coverage), [], "{coverage:?}");
        }
        let mut builder = RosterBuilder::default();
        builder.push(Entry {
            key: 1,
            fingerprint: 10,
            byte: 0,
            row: 2,
            held: false,
        });
        builder.push_keyless();
        assert_eq!(run(&builder.finish(), &state, &Coverage::Full), []);
        assert_eq!(run(&file, &state, &Coverage::Full), [(2, Cause::Absent)]);
    }

    /// Who is kept back, not done, or judged by other rules is looked at though a file of changes
    /// does not name them.
    #[test]
    fn a_file_of_changes_leaves_nobody_behind() {
        let wait = u128::from(u64::MAX) << 64;
        let state = [
            Hot {
                held: true,
                ..hot(1, 10, Lifecycle::Active)
            },
            Hot {
                unfinished: true,
                ..hot(2, 20, Lifecycle::Blocked)
            },
            Hot {
                waits_for: key_prefix(7 << 64),
                ..hot(3, 30, Lifecycle::Active)
            },
            Hot {
                waits_for: key_prefix(wait),
                ..hot(4, 40, Lifecycle::Active)
            },
            hot(5, 50, Lifecycle::Active),
            hot(6, 60, Lifecycle::Blocked),
            hot(7 << 64, 70, Lifecycle::Active),
        ];
        let file = roster(&[]);
        let now = "2026-03-16T02:00:00Z".parse().unwrap();
        let touched = |rules_changed| {
            let terms = Terms {
                coverage: &Coverage::Delta,
                now,
                rules_changed,
                moved: &[],
            };
            let touched = compare(&file, (&state, &Workers::of(&state, [])), terms).touched;
            touched.iter().map(|t| (t.key, t.cause)).collect::<Vec<_>>()
        };
        let to_do = [
            (1, Cause::Unfinished),
            (2, Cause::Unfinished),
            (3, Cause::Unfinished),
        ];
        assert_eq!(touched(false), to_do);
        let rules = [
            (4, Cause::Rules),
            (5, Cause::Rules),
            (7 << 64, Cause::Rules),
        ];
        assert_eq!(touched(true), [&to_do[..], &rules].concat());
    }

    /// Whose account somebody else changed is looked at, in the file or not, once and for the first
    /// cause that applies.
    #[test]
    fn a_changed_account_is_looked_at() {
        let state = [
            hot(1, 10, Lifecycle::Blocked),
            hot(2, 20, Lifecycle::Active),
            hot(3, 30, Lifecycle::Active),
            Hot {
                listed: false,
                ..hot(4, 40, Lifecycle::Blocked)
            },
            hot(5, 50, Lifecycle::Active),
        ];
        let file = roster(&[(1, 10), (2, 20), (3, 31), (5, 50)]);
        let terms = Terms {
            coverage: &Coverage::Full,
            now: "2026-03-16T02:00:00Z".parse().unwrap(),
            rules_changed: false,
            moved: &[0, 2, 3],
        };
        let out = compare(&file, (&state, &Workers::of(&state, [])), terms);
        let touched: Vec<_> = out.touched.iter().map(|t| (t.key, t.cause)).collect();
        let expected = [(1, Cause::Tenant), (3, Cause::Row), (4, Cause::Tenant)];
        assert_eq!(touched, expected);
        assert_eq!(out.unchanged, 2);
    }

    /// What of a change is news: lifecycle, what is told, what it means.
    #[test]
    fn drift_is_what_the_state_does_not_say() {
        let source = SourceName::new("hr");
        let key = worker_hash(&source, &WorkerId::new("7"));
        let told = |enabled, key: Option<&str>| AccountChange {
            id: crate::model::ObjectId::new("o"),
            gone: false,
            enabled,
            key: key.map(str::to_owned),
        };
        let gone = || AccountChange {
            gone: true,
            ..told(None, None)
        };
        let (let_in, other) = (Some(Drift::LetIn), Some(Drift::Other));
        let table = [
            (Lifecycle::None, told(Some(true), Some("8")), None),
            (Lifecycle::None, gone(), None),
            (Lifecycle::Created, told(Some(true), Some("7")), None),
            (Lifecycle::Created, told(Some(false), Some("7")), None),
            (Lifecycle::Created, gone(), other),
            (Lifecycle::Active, told(Some(true), Some("7")), None),
            (Lifecycle::Active, told(Some(false), Some("7")), other),
            (Lifecycle::Active, told(None, Some("8")), other),
            (Lifecycle::Active, told(None, Some("")), other),
            (Lifecycle::Active, told(None, None), None),
            (Lifecycle::Active, gone(), other),
            (Lifecycle::Blocked, told(Some(false), Some("7")), None),
            (Lifecycle::Blocked, told(Some(true), Some("7")), let_in),
            (Lifecycle::Blocked, told(Some(true), Some("")), let_in),
            (Lifecycle::Blocked, told(None, Some("")), other),
            (Lifecycle::Blocked, gone(), other),
            (Lifecycle::Deleted, told(Some(false), Some("7")), let_in),
            (Lifecycle::Deleted, gone(), None),
        ];
        for (lifecycle, change, expected) in table {
            let hot = hot(key, 1, lifecycle);
            assert_eq!(
                drift(&hot, &source, &change),
                expected,
                "{lifecycle:?} {change:?}"
            );
        }
    }

    /// Of several changes each thing counts as it was told last.
    #[test]
    fn changes_add_up() {
        let told = |gone, enabled, key: Option<&str>| AccountChange {
            id: crate::model::ObjectId::new("o"),
            gone,
            enabled,
            key: key.map(str::to_owned),
        };
        let enabled = told(false, Some(true), None);
        let bare = told(false, None, Some(""));
        assert_eq!(
            enabled.clone().then(bare),
            told(false, Some(true), Some(""))
        );
        let gone = told(true, None, None);
        assert_eq!(enabled.clone().then(gone.clone()), gone);
        assert_eq!(gone.then(enabled.clone()), enabled);
    }

    #[test]
    fn counts_what_the_guards_need() {
        let state = [
            hot(1, 10, Lifecycle::Active),
            hot(2, 20, Lifecycle::Blocked),
            hot(3, 30, Lifecycle::None),
            Hot {
                listed: false,
                ..hot(4, 40, Lifecycle::Active)
            },
        ];
        let now = "2026-03-16T02:00:00Z".parse().unwrap();
        let terms = Terms {
            coverage: &Coverage::Full,
            now,
            rules_changed: false,
            moved: &[],
        };
        let out = compare(
            &roster(&[(1, 10), (5, 50)]),
            (&state, &Workers::of(&state, [])),
            terms,
        );
        assert_eq!((out.managed, out.listed_before, out.listed_gone), (3, 3, 2));
        assert_eq!(out.unchanged, 1);
    }
}
