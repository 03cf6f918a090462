//! The first pass: each person is decided about alone and laid down until all are.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};

use rollcall_core::device_looks;
use rollcall_core::digest::WorkerHasher;
use rollcall_core::grants::{Grant, GrantRules};
use rollcall_core::groups::Catalogue;
use rollcall_core::guards;
use rollcall_core::model::{
    Account, AccountName, Finding, FindingKind, Holdings, Lookup, ObjectId, Op, Place, Severity,
    SourceName, WorkerId,
};
use rollcall_core::notice;
use rollcall_core::policy::{
    Context, Draft, Matching, NoRules, Rules, Target, asks_for_holdings, decide, name_key,
};
use rollcall_core::references;
use rollcall_core::seats::Claims;
use rollcall_core::slices::{Slices, Tally};
use rollcall_core::state::{Person, Promise};
use rollcall_core::succession;
use rollcall_core::undo;
use rollcall_core::workers::ProtectedRule;
use serde::{Deserialize, Serialize};
use tempfile::SpooledTempFile;

use super::desk::Desk;
use super::read::Ready;
use super::succession::{Leaver, Leaving, manager_of};
use super::{PlanError, Request};
use crate::spool::{Spool, next_line};

/// What the second pass needs of a draft before it reads it again.
pub(super) struct Brief {
    /// The worker id that the account carries, or is to carry.
    worker: u64,
    name: Option<u128>,
    at: u64,
    creates: bool,
    linked: bool,
    pub(super) protected: bool,
}

/// A person as the first pass leaves them.
#[derive(Serialize, Deserialize)]
pub(super) struct Laid {
    pub(super) draft: Option<Draft>,
    pub(super) person: Person,
    /// See [`rollcall_core::policy::Decision::settled`].
    pub(super) settled: Option<Person>,
    /// Where it is said, where no file says it.
    pub(super) source: Option<String>,
    pub(super) row: Option<u32>,
    /// The person is not what the state has.
    pub(super) changed: bool,
    /// The state has them.
    pub(super) known: bool,
    /// Their account as planning read it, where somebody asks for it again.
    pub(super) account: Option<Account>,
    /// Parts of the company that count what they lose.
    pub(super) parts: Vec<usize>,
}

/// What came of the first pass.
#[derive(Default)]
pub(super) struct Drafts {
    pub(super) briefs: Vec<Brief>,
    laid: Spool,
    /// Names that workers want who get no account by this plan: a row that is not believed, or
    /// somebody who left. An account of nobody may be theirs.
    claims: Vec<u128>,
    /// Who is protected by what HR says of them.
    protected: Option<ProtectedRule>,
    /// Who claims seats of licences, by place of the person.
    pub(super) seats: Claims,
    /// Accounts that go into the bin now, of people who are not protected, by place.
    pub(super) deletions: BTreeSet<usize>,
    /// Dismissed for cause and to be cut off now, by worker id: place, and the parts they are in.
    immediate: BTreeMap<WorkerId, (usize, Vec<usize>)>,
    /// Attributes that change, by how many people.
    pub(super) churn: guards::Churn,
    /// Parts of the company with budgets of their own.
    pub(super) slices: Option<Slices>,
    /// What budgets count, by the parts that the people are in.
    pub(super) tally: Tally,
    /// Groups that somebody comes into by what is due.
    pub(super) named: BTreeSet<String>,
    /// Who leaves by this plan.
    pub(super) leaving: Leaving,
    /// Looked at, and nothing came of it.
    pub(super) untouched: u32,
    /// Rows that are not believed.
    pub(super) held_rows: BTreeSet<u32>,
}

/// Asks how far commands to the devices of somebody have come, and takes that in.
async fn look(
    ready: &mut Ready,
    desk: &mut Desk<'_>,
    cx: &Context<'_>,
    findings: &mut Vec<Finding>,
) -> Result<(), PlanError> {
    let person = &mut ready.subject.person;
    let about = device_looks::questions(person);
    if about.is_empty() || ready.deed.is_some() {
        return Ok(());
    }
    let before = person.clone();
    let (about, looks) = desk.looks(before.object.as_ref(), about).await?;
    findings.extend(device_looks::heed(person, &about, &looks, cx.now));
    ready.changed |= *person != before;
    Ok(())
}

/// The account of somebody of whom it has to be known what they have beside their attributes.
fn asks_beside(
    ready: &Ready,
    answers: &[Vec<Account>],
    rules: &mut dyn Rules,
    cx: &Context<'_>,
) -> Option<ObjectId> {
    if ready.deed.is_some() || answers.iter().all(Vec::is_empty) {
        return None;
    }
    let mut subject = ready.subject.clone();
    for (notice, _) in &ready.notices {
        // What there is to be said of it is said when it counts.
        let _said = notice::heed(&mut subject.person, notice, cx.now);
    }
    let before = subject.person.clone();
    let decision = decide(subject, answers, rules, cx);
    let asks = asks_for_holdings(&before, decision.draft.as_ref());
    decision.person.object.filter(|_| asks)
}

fn roles_unread(ready: &Ready) -> Finding {
    let note = "the tenant does not let us see what roles in the directory and in applications the \
                account has; none is taken away";
    let place = ready.row.map(Place::row).unwrap_or_default();
    let finding = Finding::new(FindingKind::RolesUnread, Severity::Warning, place, note);
    finding.of(&ready.subject.person.worker)
}

impl Drafts {
    /// None yet; whoever the rule holds for is protected.
    pub(super) fn new(protected: Option<ProtectedRule>, slices: Option<Slices>) -> Self {
        Self {
            protected,
            slices,
            ..Self::default()
        }
    }

    /// Asks about these persons and decides.
    pub(super) async fn decide(
        &mut self,
        persons: Vec<Ready>,
        desk: &mut Desk<'_>,
        cx: &Context<'_>,
        (mut grants, catalogue): (Option<&mut GrantRules<'_>>, &Catalogue),
        request: &Request<'_>,
        findings: &mut Vec<Finding>,
    ) -> Result<(), PlanError> {
        let mut persons = persons;
        for ready in &mut persons {
            look(ready, desk, cx, findings).await?;
        }
        let questions: Vec<Vec<Lookup>> = persons
            .iter()
            .map(|p| p.subject.questions(cx.target))
            .collect();
        let flat: Vec<Lookup> = questions.iter().flatten().cloned().collect();
        let mut flat = desk.ask(flat).await?.into_iter();
        let answers = questions.iter();
        let mut answers: Vec<Vec<Vec<Account>>> = answers
            .map(|questions| flat.by_ref().take(questions.len()).collect())
            .collect();
        let of = |ready: &Ready| Context {
            stale: request
                .feeds
                .all_stale(&request.stale, &ready.subject.person, |job| {
                    super::read::is_over(job, request)
                }),
            ..*cx
        };
        let mut none = NoRules;
        let needs = request.policy.needs();
        let (roles, devices) = (
            needs.contains(&Op::RoleRemove),
            needs.contains(&Op::DeviceDisable),
        );
        if roles || devices {
            let mut asked = Vec::new();
            for (place, ready) in persons.iter().enumerate() {
                let rules: &mut dyn Rules = match grants.as_deref_mut() {
                    Some(rules) => rules,
                    None => &mut none,
                };
                let object = asks_beside(ready, &answers[place], rules, &of(ready));
                asked.extend(object.map(|object| (place, object)));
            }
            let objects: Vec<ObjectId> = asked.iter().map(|(_, object)| object.clone()).collect();
            let mut found = vec![None; objects.len()];
            if roles {
                found = desk.holdings(&objects).await?;
                for ((place, _), _) in asked.iter().zip(&found).filter(|(_, it)| it.is_none()) {
                    findings.push(roles_unread(&persons[*place]));
                }
            }
            if devices {
                let seen = desk.devices(&objects).await?;
                for (holdings, seen) in found.iter_mut().zip(seen) {
                    let holdings = holdings.get_or_insert_with(Holdings::default);
                    holdings.devices_unread = seen.is_none();
                    holdings.devices = seen.unwrap_or_default();
                }
            }
            for ((place, object), holdings) in asked.into_iter().zip(found) {
                let mut accounts = answers[place].iter_mut().flatten();
                if let Some(account) = accounts.find(|account| account.id == object) {
                    account.holdings = holdings.map(Box::new);
                }
            }
        }
        for (ready, answers) in persons.into_iter().zip(answers) {
            let rules: &mut dyn Rules = match grants.as_deref_mut() {
                Some(rules) => rules,
                None => &mut none,
            };
            let cx = of(&ready);
            self.lay_down(ready, &answers, (rules, catalogue), &cx, request, findings)?;
        }
        Ok(())
    }

    fn lay_down(
        &mut self,
        ready: Ready,
        answers: &[Vec<Account>],
        (rules, catalogue): (&mut dyn Rules, &Catalogue),
        cx: &Context<'_>,
        request: &Request<'_>,
        findings: &mut Vec<Finding>,
    ) -> Result<(), PlanError> {
        let Ready {
            subject,
            row,
            known,
            changed,
            deed,
            notices,
            lines,
        } = ready;
        let mut subject = subject;
        let before = subject.person.clone();
        let source = notices.first().map(|(_, key)| key.clone());
        for (notice, _) in &notices {
            findings.extend(notice::heed(&mut subject.person, notice, cx.now));
        }
        let claimed = match cx.matching {
            Matching::Key => None,
            Matching::KeyThenName => subject.wanted_name(cx.target),
        };
        let undoes = deed.is_some();
        let decision = match deed {
            Some((run, deed)) => {
                let terms = undo::Terms {
                    run: &run,
                    now: cx.now,
                    target: cx.target,
                    groups: cx.grants.map(|terms| terms.groups),
                };
                let account = answers.iter().flatten().next();
                undo::take_back(subject.person, &deed, account, &terms)
            }
            None => decide(subject, answers, rules, cx),
        };
        if decision.held {
            self.held_rows.extend(row);
        }
        findings.extend(decision.findings);
        findings
            .extend(withdrawn(&decision.withdrawn, row).map(|it| it.of(&decision.person.worker)));
        let (draft, mut person) = (decision.draft, decision.person);
        if draft.is_none() && !decision.held {
            // Nothing waits any more.
            person.kept_by.clear();
        }
        let settled = decision.settled.map(|it| *it);
        if person.object.is_none() && !draft.as_ref().is_some_and(creates) {
            self.claims
                .extend(claimed.map(|name| name_hash(&name_key(name.reveal()))));
        }
        let changed = changed || person != before || (!known && !decision.held);
        if draft.is_none() && !changed {
            self.untouched += u32::from(row.is_some() && !decision.held);
            return Ok(());
        }
        let name = draft.as_ref().and_then(|d| d.new_name(cx.target));
        // By what HR says now, or said before, of any employment: nobody is freed by an edit, and
        // by none while something waits for people.
        let by_rule = self.protected.as_mut().is_some_and(|rule| {
            let mut said = person.employments().chain(before.employments());
            before.kept_by.contains(guards::PROTECTED)
                || said.any(|identity| rule.holds(identity, cx.now))
        });
        self.briefs.push(Brief {
            worker: person.hot().worker,
            name: name.map(|n| name_hash(&n)),
            at: self.laid.bytes(),
            creates: draft.as_ref().is_some_and(creates),
            linked: person.object.is_some(),
            protected: by_rule
                || guards::protects(
                    request.policy,
                    &person.worker,
                    person.name.as_ref(),
                    person
                        .object
                        .as_ref()
                        .or(draft.as_ref().and_then(|d| d.object.as_ref())),
                ),
        });
        let takes = draft
            .as_ref()
            .is_some_and(|draft| guards::takes_anew(&person, draft));
        let counted = self.briefs.last().is_some_and(|brief| !brief.protected);
        let anew = !person.cut.is_some_and(|planned| planned.counted);
        if let Some(draft) = &draft {
            if counted && guards::deletes(draft) {
                self.deletions.insert(self.briefs.len() - 1);
            }
            if counted {
                self.churn.add(request.policy, draft);
            }
            // What is kept back as a whole takes no seat from anybody.
            if counted && draft.adopted.is_none() {
                let place = self.briefs.len() - 1;
                self.seats.add(&person, draft, place, catalogue);
            }
            let adds = draft.actions.iter().filter(|step| step.op == Op::GroupAdd);
            for granting in adds.filter_map(|step| step.granting.as_ref()) {
                if let Grant::Group(key) = &granting.grant {
                    self.named.insert(key.clone());
                }
            }
        }
        if let Some((draft, object)) = draft
            .as_ref()
            .and_then(|it| Some((it, it.object.as_ref()?)))
        {
            if succession::asks(draft) && !undoes {
                let leaver = Leaver {
                    place: self.briefs.len() - 1,
                    object: object.clone(),
                    manager: manager_of(&person),
                    deleted: draft.actions.iter().any(|it| it.op == Op::UserDeleteSoft),
                };
                self.leaving.leaves(&person, leaver);
            } else if !undoes && draft.actions.iter().any(|it| it.op.cut()) {
                self.leaving.cut(&person, object);
            } else if references::manager(draft).is_some() {
                self.leaving.moves(object);
            }
        }
        let mut parts = BTreeSet::new();
        if counted {
            let ops = draft.iter().flat_map(Draft::steps).map(|step| step.op);
            let disables = guards::new_disables(&person, ops);
            if let Some(slices) = self.slices.as_mut().filter(|_| takes || disables > 0) {
                parts.extend(lines.into_iter().map(|slice| slices.line(slice)));
                // As for who is protected.
                let (now, then) = (person.employments(), before.employments());
                let both = now.map(|it| (it, false)).chain(then.map(|it| (it, true)));
                for (identity, before) in both {
                    slices.by_words(identity, before, cx.now, &mut parts);
                }
                let kept_by = before.kept_by.iter();
                parts.extend(kept_by.filter_map(|guard| slices.part_of(guard)));
            }
            self.tally.add(&parts, disables, u32::from(takes));
            if draft.as_ref().is_some_and(guards::immediate) && anew && disables > 0 {
                let place = self.briefs.len() - 1;
                let parts = parts.iter().copied().collect();
                self.immediate.insert(person.worker.clone(), (place, parts));
            }
        }
        let account = request.groups.and_then(|_| {
            let object = draft.as_ref()?.object.as_ref()?;
            let mut accounts = answers.iter().flatten();
            accounts.find(|account| account.id == *object).cloned()
        });
        self.laid.line(&Laid {
            draft,
            person,
            settled,
            source,
            row,
            changed,
            known,
            account,
            parts: parts.into_iter().collect(),
        })?;
        Ok(())
    }

    /// Rows that the reader itself did not believe.
    pub(super) fn hold(&mut self, findings: &[Finding]) {
        let held = findings.iter().filter(|f| f.severity == Severity::Held);
        self.held_rows.extend(held.filter_map(|f| f.at.row));
    }

    /// Those who go although a budget keeps them back, by place: the first by their keys. `kept` says
    /// of the parts that somebody is in whether one does.
    pub(super) fn lane(&mut self, most: u32, kept: impl Fn(&[usize]) -> bool) -> BTreeSet<usize> {
        let all = std::mem::take(&mut self.immediate).into_values();
        all.filter(|(_, parts)| kept(parts))
            .map(|(place, _)| place)
            .take(usize::try_from(most).unwrap_or(usize::MAX))
            .collect()
    }

    /// People of whom anything becomes.
    pub(super) fn people(&self) -> u32 {
        u32::try_from(self.briefs.len()).unwrap_or(u32::MAX)
    }

    /// Everybody once more, in the same order, now that all are known.
    pub(super) fn settle(self) -> Result<Settling, PlanError> {
        let mut laid = self.laid.reader()?;
        let names = name_conflicts(&self.briefs, self.claims, &mut laid)?;
        let taken = |at: &usize| matches!(names.get(at), Some(None));
        let mut coming: Vec<u64> = self
            .briefs
            .iter()
            .enumerate()
            .filter(|(at, b)| b.linked || (b.creates && !taken(at)))
            .map(|(_, b)| b.worker)
            .collect();
        coming.sort_unstable();
        laid.seek(SeekFrom::Start(0))?;
        Ok(Settling {
            coming,
            held_rows: self.held_rows,
            briefs: self.briefs.into_iter().enumerate(),
            laid,
            names,
            line: Vec::new(),
        })
    }
}

/// The persons of the first pass, one after the other.
pub(super) struct Settling {
    /// Worker ids of those who have an account, or get one by this plan; ascending.
    pub(super) coming: Vec<u64>,
    pub(super) held_rows: BTreeSet<u32>,
    briefs: std::iter::Enumerate<std::vec::IntoIter<Brief>>,
    laid: BufReader<SpooledTempFile>,
    names: BTreeMap<usize, Option<AccountName>>,
    line: Vec<u8>,
}

impl Settling {
    /// The next person with their place, and whether another one of this plan takes their new name
    /// and leaves none to take instead.
    pub(super) fn next(
        &mut self,
        target: &Target,
    ) -> Result<Option<(usize, Brief, Laid, bool)>, PlanError> {
        let Some((at, brief)) = self.briefs.next() else {
            return Ok(None);
        };
        let line = next_line(&mut self.laid, &mut self.line)?.unwrap_or_default();
        let mut laid: Laid = serde_json::from_slice(line).map_err(std::io::Error::from)?;
        let other = self.names.remove(&at);
        if let (Some(Some(name)), Some(draft)) = (&other, &mut laid.draft) {
            draft.rename(name, target);
        }
        Ok(Some((at, brief, laid, matches!(other, Some(None)))))
    }
}

/// Drafts whose new name another draft of the plan takes first, and what they are called instead:
/// the lower worker id keeps the name, the others take, in the order of their worker ids, the
/// first of theirs that nobody wants. `None` where there is none. An account that is there already
/// goes to nobody whose name another one claims.
fn name_conflicts(
    briefs: &[Brief],
    mut claims: Vec<u128>,
    laid: &mut BufReader<SpooledTempFile>,
) -> Result<BTreeMap<usize, Option<AccountName>>, PlanError> {
    let mut names: Vec<(u128, usize)> = briefs
        .iter()
        .enumerate()
        .filter_map(|(at, b)| Some((b.name?, at)))
        .collect();
    names.sort_unstable();
    claims.sort_unstable();
    let mut losers = Vec::new();
    for group in names.chunk_by(|a, b| a.0 == b.0) {
        let claimed = claims.binary_search(&group[0].0).is_ok();
        if group.len() == 1 && !claimed {
            continue;
        }
        let mut workers = Vec::new();
        let mut adopting = false;
        for (_, at) in group {
            laid.seek(SeekFrom::Start(briefs[*at].at))?;
            let mut line = Vec::new();
            laid.read_until(b'\n', &mut line)?;
            let read: Laid = serde_json::from_slice(&line).map_err(std::io::Error::from)?;
            let draft = read.draft;
            let adopts = draft.as_ref().is_some_and(|d| d.adopted.is_some());
            let others = draft.map(|draft| draft.other_names).unwrap_or_default();
            adopting |= adopts;
            workers.push((read.person.worker, *at, others));
        }
        workers.sort_by(|a, b| a.0.cmp(&b.0));
        // Whose an account is that is there already, no order of worker ids says.
        losers.extend(workers.into_iter().skip(usize::from(!adopting)));
    }
    losers.sort_by(|a, b| a.0.cmp(&b.0));
    let mut given = BTreeSet::new();
    let mut out = BTreeMap::new();
    for (_, at, others) in losers {
        let free = others.into_iter().find(|name| {
            let hash = name_hash(&name_key(name.reveal()));
            let wanted = names.binary_search_by_key(&hash, |(name, _)| *name).is_ok();
            !wanted && given.insert(hash)
        });
        out.insert(at, free);
    }
    Ok(out)
}

fn name_hash(name: &str) -> u128 {
    WorkerHasher::new(&SourceName::new("names")).hash(name)
}

fn creates(draft: &Draft) -> bool {
    draft.adopted.is_some() || draft.actions.iter().any(|a| a.op == Op::UserCreate)
}

/// What HR's newest word takes back of what was to come.
fn withdrawn(steps: &[Promise], row: Option<u32>) -> Option<Finding> {
    let ops: BTreeSet<&str> = steps.iter().map(|step| step.op.name()).collect();
    let ops: Vec<&str> = ops.into_iter().collect();
    let note = format!(
        "what was to come is off, or comes at another time: {}",
        ops.join(", ")
    );
    let place = Place {
        row,
        line: None,
        column: None,
    };
    let finding = Finding::new(FindingKind::Withdrawn, Severity::Info, place, note);
    (!ops.is_empty()).then(|| finding.with("ops", ops.join(",")))
}
