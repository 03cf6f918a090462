//! Who is in what: by the state, and by what the tenant says of its groups.
//!
//! Nothing is written. Invariant: members whom the state does not know are counted, never judged:
//! they are nobody's of ours.

use std::collections::BTreeMap;

use futures::TryStreamExt as _;
use jiff::Timestamp;
use rollcall_core::digest::WorkerHasher;
use rollcall_core::grants::Grant;
use rollcall_core::groups::{Group, Groups, Mode, Roll, unread};
use rollcall_core::model::{GroupName, LicenceState, ObjectId, Seats, SourceName, WorkerId};
use rollcall_core::rules::{Rule, RuleSet};
use rollcall_core::state::Person;
use serde::Serialize;

use crate::log;
use crate::run::Pipeline;
use crate::state::State;
use crate::store::StoreError;
use crate::target::TargetError;

/// Persons read at once.
const CHUNK: usize = 1000;

/// The members of a rule.
#[derive(Debug, Default, Serialize)]
pub struct Members {
    /// Workers, ascending.
    pub members: Vec<WorkerId>,
    /// Workers with an account.
    pub of: u32,
    /// Workers of whom nobody can say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<WorkerId>,
    /// Properties that the rule reads and the state knows nothing of: everybody is without.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

/// What differs about a group itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Difference {
    /// It has another rule there.
    Rule,
    /// Its members are put in by hand there.
    NotDynamic,
    /// Its members follow a rule there.
    NotAssigned,
    /// Its rule is paused there.
    Paused,
}

/// How a group of the file stands in the tenant.
#[derive(Debug, Serialize)]
pub struct Compared {
    /// Its key.
    pub group: String,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What people sort it by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// It is there.
    pub found: bool,
    /// What differs about the group itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<Difference>,
    /// Why nobody can tell who is to be in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpredicted: Option<String>,
    /// Workers who are in it, as they are to be.
    pub agree: u32,
    /// Workers who are to be in it, and are not; ascending.
    pub absent: Vec<WorkerId>,
    /// Workers who are in it, and are not to be; ascending.
    pub surplus: Vec<WorkerId>,
    /// Workers of whom nobody can say.
    pub unknown: u32,
    /// Members who are nobody whom the state knows.
    pub others: u32,
    /// How far the tenant has come with giving its licences, as it says it; of a group that gives
    /// some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licensing: Option<String>,
    /// Workers who are in it and cannot be given one of its licences; ascending.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unlicensed: Vec<WorkerId>,
}

/// How a licence that accounts have of their own stands in the tenant.
#[derive(Debug, Serialize)]
pub struct Licensed {
    /// The licence.
    pub licence: String,
    /// Workers who have it, as they are to.
    pub agree: u32,
    /// Workers to whom we gave it and who do not have it; ascending.
    pub absent: Vec<WorkerId>,
    /// Workers with whom something is wrong about it, and what the tenant calls that; ascending.
    pub wrong: Vec<(WorkerId, String)>,
}

impl Licensed {
    /// As the state has it.
    pub fn agrees(&self) -> bool {
        self.absent.is_empty() && self.wrong.is_empty()
    }
}

impl Compared {
    /// As the file and the state have it.
    pub fn agrees(&self) -> bool {
        self.found
            && self.differs.is_empty()
            && self.absent.is_empty()
            && self.surplus.is_empty()
            && self.unlicensed.is_empty()
            && self.unknown == 0
    }
}

/// Why groups cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The state cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tenant cannot be asked.
    #[error(transparent)]
    Target(#[from] TargetError),
}

impl Pipeline {
    /// Who is in a rule at an instant, by what was applied last.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn members(&self, rule: &Rule, now: Timestamp) -> Result<Members, StoreError> {
        let state = self.newest_state().await?;
        let set = RuleSet::new(std::slice::from_ref(rule));
        let mut roll = Roll::new(&set, now);
        let mut out = Members {
            unread: unread(rule, &self.settings.mapping().targets()),
            ..Members::default()
        };
        with_accounts(&state, |person| {
            out.of += 1;
            roll.takes(person, |_, said| match said {
                Ok(()) => out.members.push(person.worker.clone()),
                Err(_) => out.unknown.push(person.worker.clone()),
            });
        })?;
        out.members.sort_unstable();
        out.unknown.sort_unstable();
        Ok(out)
    }

    /// How the groups of the file stand in the tenant, in the order of the file.
    ///
    /// Memory: 17 bytes for each member of some groups at once, [`MEMBERS`] members or one group.
    ///
    /// # Errors
    /// When the state cannot be read or the tenant cannot be asked.
    pub async fn compare(
        &self,
        groups: &Groups,
        now: Timestamp,
    ) -> Result<Vec<Compared>, CompareError> {
        let state = self.newest_state().await?;
        let names: Vec<GroupName> = groups.all().iter().map(Group::found_by).collect();
        let seen = self.target.find_groups(&names).await?;
        let written = self.settings.mapping().targets();
        let mut out: Vec<Compared> = Vec::new();
        // Of the newest groups, those that were not compared with the state yet.
        let mut there: Vec<Inside> = Vec::new();
        for (group, seen) in groups.all().iter().zip(seen) {
            let mut compared = Compared::of(group, &written);
            let mut members = Inside::default();
            if let Some(seen) = seen {
                compared.found = true;
                compared.differs = match (&seen.rule, group.mode) {
                    (None, Mode::Assigned) => Vec::new(),
                    (Some(_), Mode::Assigned) => vec![Difference::NotAssigned],
                    (None, Mode::Dynamic) => vec![Difference::NotDynamic],
                    (Some(rule), Mode::Dynamic) => {
                        let other = (!group.is_rule(rule)).then_some(Difference::Rule);
                        let paused = (!seen.evaluated).then_some(Difference::Paused);
                        other.into_iter().chain(paused).collect()
                    }
                };
                if !group.licences.is_empty() {
                    let licences = self.target.group_licences(&seen.id).await?;
                    compared.licensing = licences.state;
                    members.unlicensed = licences.without.iter().map(Inside::hash).collect();
                    members.unlicensed.sort_unstable();
                }
                let mut pages = self.target.group_members(&seen.id);
                while let Some(page) = pages.try_next().await? {
                    members.extend(&page);
                }
            }
            members.sort();
            out.push(compared);
            there.push(members);
            if there.iter().map(Inside::len).sum::<usize>() >= MEMBERS {
                settle(&state, groups, now, &mut out, &mut there)?;
            }
        }
        settle(&state, groups, now, &mut out, &mut there)?;
        Ok(out)
    }

    /// How the licences that accounts have of their own stand in the tenant, in the order of the
    /// file. Asks for everybody to whom we gave one.
    ///
    /// # Errors
    /// When the state cannot be read or the tenant cannot be asked.
    pub async fn licensed(&self, groups: &Groups) -> Result<Vec<Licensed>, CompareError> {
        let mut out: Vec<Licensed> = groups
            .licensed()
            .iter()
            .map(|rule| Licensed {
                licence: rule.licence.sku.clone(),
                agree: 0,
                absent: Vec::new(),
                wrong: Vec::new(),
            })
            .collect();
        if out.is_empty() {
            return Ok(out);
        }
        let seats = self.target.seats().await?.unwrap_or_default();
        let state = self.newest_state().await?;
        let managed: Vec<usize> = (0..state.hot().len())
            .filter(|at| state.hot()[*at].managed())
            .collect();
        for chunk in managed.chunks(CHUNK) {
            let persons = state.persons(chunk)?;
            let has = |person: &Person| {
                let mut grants = person.grants.keys();
                person.object.is_some() && grants.any(|it| matches!(it, Grant::Licence(_)))
            };
            let persons: Vec<Person> = persons.into_iter().filter(has).collect();
            let ids: Vec<ObjectId> = persons.iter().filter_map(|it| it.object.clone()).collect();
            if ids.is_empty() {
                continue;
            }
            let states = self.target.licence_states(&ids).await?;
            for (person, states) in persons.iter().zip(states) {
                for licensed in &mut out {
                    licensed.count(person, &states, &seats);
                }
            }
        }
        for licensed in &mut out {
            licensed.absent.sort_unstable();
            licensed.wrong.sort_unstable();
        }
        Ok(out)
    }

    async fn newest_state(&self) -> Result<State, StoreError> {
        let head = log::head(&self.store).await?;
        State::load(&self.store, &head.standing.state).await
    }
}

/// Members that are held at once, from which on they are compared.
const MEMBERS: usize = 4_000_000;

/// Who is in a group, and who of them was met in the state.
#[derive(Default)]
struct Inside {
    /// A hash of each object id, ascending.
    ids: Vec<u128>,
    met: Vec<bool>,
    /// Of those who cannot be given a licence, ascending.
    unlicensed: Vec<u128>,
}

impl Inside {
    fn hash(id: &ObjectId) -> u128 {
        WorkerHasher::new(&SourceName::new("member")).hash(id.as_str())
    }

    fn extend(&mut self, page: &[ObjectId]) {
        self.ids.extend(page.iter().map(Self::hash));
    }

    fn sort(&mut self) {
        self.ids.sort_unstable();
        self.ids.dedup();
        self.met = vec![false; self.ids.len()];
    }

    fn len(&self) -> usize {
        self.ids.len()
    }

    fn meet(&mut self, id: u128) -> bool {
        let found = self.ids.binary_search(&id);
        found.is_ok_and(|at| {
            self.met[at] = true;
            true
        })
    }
}

/// Compares the newest groups with the state, and lets go of who is in them.
fn settle(
    state: &State,
    groups: &Groups,
    now: Timestamp,
    all: &mut [Compared],
    there: &mut Vec<Inside>,
) -> Result<(), StoreError> {
    let from = all.len() - there.len();
    let newest = &mut all[from..];
    let mut roll = Roll::new(groups.set(), now);
    let mut wanted = vec![Some(false); newest.len()];
    // Of groups whose members we keep, those are to be in whom we put there.
    let all = groups.all().iter().skip(from).enumerate();
    let kept: BTreeMap<Grant, usize> = all
        .filter(|(_, group)| group.mode == Mode::Assigned)
        .map(|(place, group)| (Grant::Group(group.key.clone()), place))
        .collect();
    with_accounts(state, |person| {
        wanted.fill(Some(false));
        roll.takes(person, |rule, said| {
            let place = groups.place_of(rule).checked_sub(from);
            if let Some(wanted) = place.and_then(|place| wanted.get_mut(place)) {
                *wanted = said.is_ok().then_some(true);
            }
        });
        for grant in person.grants.keys() {
            if let Some(place) = kept.get(grant)
                && let Some(wanted) = wanted.get_mut(*place)
            {
                *wanted = Some(true);
            }
        }
        let id = person.object.as_ref().map(Inside::hash);
        for ((compared, there), wanted) in newest.iter_mut().zip(&mut *there).zip(&wanted) {
            let is = id.is_some_and(|id| there.meet(id));
            if id.is_some_and(|id| there.unlicensed.binary_search(&id).is_ok()) {
                compared.unlicensed.push(person.worker.clone());
            }
            if compared.found && compared.unpredicted.is_none() {
                compared.count(person, is, *wanted);
            }
        }
    })?;
    for (compared, there) in newest.iter_mut().zip(there.drain(..)) {
        let others = there.met.iter().filter(|met| !**met).count();
        compared.others = u32::try_from(others).unwrap_or(u32::MAX);
        compared.absent.sort_unstable();
        compared.surplus.sort_unstable();
        compared.unlicensed.sort_unstable();
    }
    Ok(())
}

impl Compared {
    fn of(group: &Group, written: &[&str]) -> Self {
        let unread = match group.mode {
            Mode::Dynamic => unread(group.compiled(), written),
            Mode::Assigned => Vec::new(),
        };
        let unread = (!unread.is_empty())
            .then(|| format!("the state knows nothing of {}", unread.join(", ")));
        Self {
            group: group.key.clone(),
            owner: group.owner.clone(),
            tags: group.tags.clone(),
            found: false,
            differs: Vec::new(),
            unpredicted: group.unpredictable().map(str::to_owned).or(unread),
            agree: 0,
            absent: Vec::new(),
            surplus: Vec::new(),
            unknown: 0,
            others: 0,
            licensing: None,
            unlicensed: Vec::new(),
        }
    }

    /// One worker; of `wanted` nobody may be able to say.
    fn count(&mut self, person: &Person, is: bool, wanted: Option<bool>) {
        match (is, wanted) {
            (_, None) => self.unknown += 1,
            (true, Some(true)) => self.agree += 1,
            (false, Some(true)) => self.absent.push(person.worker.clone()),
            (true, Some(false)) => self.surplus.push(person.worker.clone()),
            (false, Some(false)) => {}
        }
    }
}

impl Licensed {
    /// One worker, with the licences of their account as the tenant has them.
    fn count(&mut self, person: &Person, states: &[LicenceState], seats: &[Seats]) {
        let grant = Grant::Licence(self.licence.clone());
        if !person.grants.contains_key(&grant) {
            return;
        }
        let sku = seats.iter().find(|it| it.is(&self.licence));
        let ours = |state: &&LicenceState| {
            let named = state.sku.eq_ignore_ascii_case(&self.licence);
            let same = sku.is_some_and(|sku| sku.is(&state.sku));
            state.by_group.is_none() && (named || same)
        };
        match states.iter().find(ours) {
            None => self.absent.push(person.worker.clone()),
            Some(LicenceState {
                error: Some(error), ..
            }) => {
                self.wrong.push((person.worker.clone(), error.clone()));
            }
            Some(_) => self.agree += 1,
        }
    }
}

/// Everybody whose account we look after.
fn with_accounts(state: &State, mut each: impl FnMut(&Person)) -> Result<(), StoreError> {
    let managed: Vec<usize> = (0..state.hot().len())
        .filter(|at| state.hot()[*at].managed())
        .collect();
    for chunk in managed.chunks(CHUNK) {
        state.persons(chunk)?.iter().for_each(&mut each);
    }
    Ok(())
}
