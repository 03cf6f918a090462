//! What those who leave answer for, and who could take it over: asked between the two passes, when
//! it is known who else leaves by this plan.
//!
//! Core says who is asked about and what comes of it ([`rollcall_core::succession`]). Only accounts of
//! people who are cut off, or whose deletion is due, are asked about; and an heir is looked for only where
//! something would be nobody's. Every answer is recorded like any other, in the order of the plan's
//! people, so that the same plan is made again from what is stored.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_core::digest::worker_hash;
use rollcall_core::guards;
use rollcall_core::model::{Asset, Estate, Lookup, ObjectId, Owned, WorkerId};
use rollcall_core::policy::{HeirRule, Succession};
use rollcall_core::state::{Person, key_prefix};
use rollcall_core::succession::{self, Found, Heir, Way};

use super::desk::Desk;
use super::drafts::Drafts;
use super::lines::{above, person_of};
use super::read::Scan;
use super::{CHUNK, PlanError, Request};
use crate::rows::SealedRows;

/// Managers that are climbed at most: circles are left before that, and no company is so deep.
const CLIMB: usize = 100;

/// Somebody to ask about.
pub(super) struct Leaver {
    /// Place in the plan.
    pub(super) place: usize,
    /// Their account.
    pub(super) object: ObjectId,
    /// Whose report they are by the newest accepted rows.
    pub(super) manager: Option<WorkerId>,
    /// The deletion of the account is due.
    pub(super) deleted: bool,
}

/// What a plan knows of those who leave by it.
#[derive(Default)]
pub(super) struct Leaving {
    /// Whom to ask about, in the order of the plan.
    asked: Vec<Leaver>,
    /// People who leave or are cut off by this plan, as prefixes of their keys: nobody's heirs.
    people: BTreeSet<u64>,
    /// Their accounts: whoever answers for something beside them answers for it alone.
    cut: BTreeSet<ObjectId>,
    /// Accounts that leave by this plan: they need no other manager.
    left: BTreeSet<ObjectId>,
    /// Accounts that get another manager by this plan, unless something keeps that back.
    moved: BTreeSet<ObjectId>,
}

impl Leaving {
    /// Somebody leaves by this plan.
    pub(super) fn leaves(&mut self, person: &Person, leaver: Leaver) {
        self.cut(person, &leaver.object);
        self.left.insert(leaver.object.clone());
        self.asked.push(leaver);
    }

    /// Somebody is cut off by this plan, whether or not they leave.
    pub(super) fn cut(&mut self, person: &Person, object: &ObjectId) {
        self.people.insert(key_prefix(person.hot().key));
        self.cut.insert(object.clone());
    }

    /// An account gets another manager by this plan.
    pub(super) fn moves(&mut self, object: &ObjectId) {
        self.moved.insert(object.clone());
    }

    /// What an account answers for once this plan is carried out. Before an account is deleted a
    /// report counts until they have their new manager: the move may be kept back, or wait.
    fn leave(&self, leaver: &Leaver, estate: &mut Estate) {
        let settled =
            |it: &ObjectId| self.left.contains(it) || (!leaver.deleted && self.moved.contains(it));
        estate
            .owned
            .retain(|it| it.asset != Asset::Report || !settled(&it.id));
        for keeper in estate.owned.iter_mut().flat_map(|it| &mut it.others) {
            keeper.able &= !self.cut.contains(&keeper.id);
        }
    }
}

/// What was found, by place in the plan; nobody is in it who leaves nothing behind.
pub(super) async fn ask(
    drafts: &mut Drafts,
    desk: &mut Desk<'_>,
    scan: &Scan,
    rows: &mut Option<SealedRows>,
    request: &Request<'_>,
) -> Result<BTreeMap<usize, Found>, PlanError> {
    let leaving = std::mem::take(&mut drafts.leaving);
    let mut out = BTreeMap::new();
    let Some(policy) = request.policy.succession() else {
        return Ok(out);
    };
    let wanted = succession::wanted(&policy);
    if wanted.is_empty() {
        return Ok(out);
    }
    let mut heirs = Heirs {
        policy: &policy,
        leaving: &leaving.people,
        able: BTreeMap::new(),
    };
    for some in leaving.asked.chunks(CHUNK) {
        let accounts: Vec<ObjectId> = some.iter().map(|it| it.object.clone()).collect();
        let estates = desk.estates(&accounts, &wanted).await?;
        for (leaver, mut estate) in some.iter().zip(estates) {
            leaving.leave(leaver, &mut estate);
            let heir = if succession::orphaned(&estate) {
                let manager = leaver.manager.as_ref();
                heirs.find(manager, desk, scan, rows, request).await?
            } else if estate.unread.is_empty() {
                continue;
            } else {
                None
            };
            let alone = |it: &Owned| it.asset == Asset::Report && it.alone();
            let line = match &heir {
                Some(heir) if estate.owned.iter().any(alone) => {
                    line_of(&heir.worker, scan, rows, request)?
                }
                Some(_) | None => BTreeSet::new(),
            };
            let found = Found { estate, heir, line };
            out.insert(leaver.place, found);
        }
    }
    Ok(out)
}

/// Who can take over; each is asked about once.
struct Heirs<'a> {
    policy: &'a Succession,
    leaving: &'a BTreeSet<u64>,
    able: BTreeMap<u64, Option<WorkerId>>,
}

impl Heirs<'_> {
    async fn find(
        &mut self,
        manager: Option<&WorkerId>,
        desk: &mut Desk<'_>,
        scan: &Scan,
        rows: &mut Option<SealedRows>,
        request: &Request<'_>,
    ) -> Result<Option<Heir>, PlanError> {
        let most = match self.policy.heir {
            HeirRule::Line => CLIMB,
            HeirRule::Manager => 1,
            HeirRule::Nobody => 0,
        };
        let mut at = manager.and_then(|it| person_of(it, scan, request));
        let mut seen = BTreeSet::new();
        let mut passed = 0;
        while let Some(person) = at.filter(|it| seen.len() < most && seen.insert(*it)) {
            if let Some(worker) = self.able(person, desk, request).await? {
                let found = Way::Line { passed };
                return Ok(Some(Heir { worker, found }));
            }
            passed += 1;
            at = above(person, scan, rows, request)?;
        }
        let Some(fallback) = &self.policy.fallback else {
            return Ok(None);
        };
        let Some(person) = person_of(&WorkerId::new(fallback.as_str()), scan, request) else {
            return Ok(None);
        };
        let worker = self.able(person, desk, request).await?;
        Ok(worker.map(|worker| Heir {
            worker,
            found: Way::Fallback,
        }))
    }

    /// The worker id of somebody who can take over.
    async fn able(
        &mut self,
        person: u64,
        desk: &mut Desk<'_>,
        request: &Request<'_>,
    ) -> Result<Option<WorkerId>, PlanError> {
        if let Some(known) = self.able.get(&person) {
            return Ok(known.clone());
        }
        let known = known(person, request)?.filter(|known| {
            let (name, object) = (known.name.as_ref(), known.object.as_ref());
            let protected = guards::protects(request.policy, &known.worker, name, object);
            succession::able(known) && !protected && !self.leaving.contains(&person)
        });
        let mut out = None;
        if let Some(known) = known
            && let Some(object) = known.object
        {
            let found = desk.ask(vec![Lookup::Id(object)]).await?;
            let enabled = found.iter().flatten().any(|account| account.enabled);
            out = enabled.then_some(known.worker);
        }
        self.able.insert(person, out.clone());
        Ok(out)
    }
}

/// Accounts of somebody and of everybody above them by the newest rows.
fn line_of(
    worker: &WorkerId,
    scan: &Scan,
    rows: &mut Option<SealedRows>,
    request: &Request<'_>,
) -> Result<BTreeSet<ObjectId>, PlanError> {
    let mut at = person_of(worker, scan, request);
    let (mut seen, mut out) = (BTreeSet::new(), BTreeSet::new());
    while let Some(person) = at.filter(|it| seen.len() < CLIMB && seen.insert(*it)) {
        out.extend(known(person, request)?.and_then(|it| it.object));
        at = above(person, scan, rows, request)?;
    }
    Ok(out)
}

/// Somebody as the state has them, by the prefix of their key.
fn known(person: u64, request: &Request<'_>) -> Result<Option<Person>, PlanError> {
    let hot = request.state.hot();
    let at = hot.partition_point(|it| key_prefix(it.key) < person);
    if hot.get(at).is_none_or(|it| key_prefix(it.key) != person) {
        return Ok(None);
    }
    Ok(request.state.persons(&[at])?.pop())
}

/// Whom somebody who leaves reported to by the newest accepted rows, or else in the target.
pub(super) fn manager_of(person: &Person) -> Option<WorkerId> {
    let said = person.wanted.as_ref().and_then(|it| it.manager.clone());
    let own = |it: &WorkerId| {
        let hash = |worker: &WorkerId| worker_hash(&person.source, worker);
        hash(it) == hash(&person.worker)
    };
    said.or_else(|| person.manager.clone())
        .filter(|manager| !own(manager))
}

#[cfg(test)]
mod tests {
    use rollcall_core::model::{Keeper, SourceName};

    use super::*;

    fn id(text: &str) -> ObjectId {
        ObjectId::new(text)
    }

    fn person(worker: &str) -> Person {
        Person::new(SourceName::new("hr"), WorkerId::new(worker))
    }

    fn leaver(object: &str, deleted: bool) -> Leaver {
        Leaver {
            place: 0,
            object: id(object),
            manager: None,
            deleted,
        }
    }

    fn owned(asset: Asset, thing: &str, others: &[&str]) -> Owned {
        let others = others.iter().map(|it| Keeper {
            id: id(it),
            able: true,
        });
        Owned {
            asset,
            id: id(thing),
            others: others.collect(),
        }
    }

    fn left_of(leaving: &Leaving, leaver: &Leaver, owned: Vec<Owned>) -> Vec<String> {
        let mut estate = Estate {
            owned,
            unread: BTreeSet::new(),
        };
        leaving.leave(leaver, &mut estate);
        let alone = estate.owned.into_iter().filter(Owned::alone);
        alone.map(|it| it.id.as_str().to_owned()).collect()
    }

    #[test]
    fn who_is_cut_off_by_the_same_plan_answers_for_nothing() {
        let mut leaving = Leaving::default();
        leaving.leaves(&person("1"), leaver("u-1", false));
        leaving.leaves(&person("2"), leaver("u-2", false));
        // Absent twice: blocked, and not gone.
        leaving.cut(&person("3"), &id("u-3"));
        let owned = vec![
            owned(Asset::Group, "g-2", &["u-2"]),
            owned(Asset::Group, "g-3", &["u-3", "u-2"]),
            owned(Asset::Group, "g-4", &["u-4", "u-2"]),
            owned(Asset::Report, "u-2", &[]),
            owned(Asset::Report, "u-3", &[]),
        ];
        let left = left_of(&leaving, &leaver("u-1", false), owned);
        assert_eq!(left, ["g-2", "g-3", "u-3"]);
        assert_eq!(leaving.people.len(), 3, "and none of them is an heir");
    }

    #[test]
    fn a_report_counts_until_they_have_moved_where_the_account_goes() {
        let mut leaving = Leaving::default();
        leaving.moves(&id("u-5"));
        let report = || vec![owned(Asset::Report, "u-5", &[])];
        let cut = left_of(&leaving, &leaver("u-1", false), report());
        assert_eq!(cut, [""; 0], "they move with the cut");
        assert_eq!(left_of(&leaving, &leaver("u-1", true), report()), ["u-5"]);
    }
}
