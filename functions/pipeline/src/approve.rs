//! Approval: names the plan by its hash, and is given by whom the credentials prove (P14).

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rollcall_core::guards::{self, Kind};
use rollcall_core::model::{ActionId, Op, RunId};
use rollcall_core::plan::{Action, Held, WorkOrder};
use rollcall_core::policy::Policy;
use rollcall_core::slices;
use serde::{Deserialize, Serialize};

use crate::apply::Lines;
pub use crate::log::Approver;
use crate::log::{
    self, Agreed, Approved, Entry, Event, Head, LetGo, Objects, OpenRun, Pending, Stage, Standing,
};
use crate::run::{Pipeline, RunError, Step, named, nonce};
use crate::store::{Listed, ObjectRef, Store, StoreError, parse, reference};

/// Where what people say is written down.
pub(crate) const FOLDER: &str = "approvals";

/// What somebody agrees to.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The run.
    pub run: &'a str,
    /// Digest of the plan, in full or its first 12 digits at least.
    pub plan: &'a str,
    /// One guard; all that wait when absent.
    pub guard: Option<&'a str>,
    /// Ids of single actions, or how they begin; whatever the guards keep back where there are none.
    pub actions: &'a [String],
    /// Why.
    pub reason: &'a str,
}

/// How far an approval brought one guard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Granted {
    /// The guard.
    pub guard: String,
    /// The action, where it was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<ActionId>,
    /// Distinct people that agree now.
    pub have: u8,
    /// How many it takes.
    pub need: u8,
}

/// `approvals/<who>/<run>-<plan>-<guard>-<nonce>.json`: what somebody says. Nobody can write into
/// the folder of another: in a folder nobody tries, in a bucket its policy sees to it. It counts
/// once the log names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    run: RunId,
    plan_sha256: String,
    guard: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    action: Option<ActionId>,
    at: Timestamp,
    reason: String,
}

/// A note as it is found.
struct Found {
    by: Approver,
    note: Note,
    stored: ObjectRef,
}

impl Approver {
    /// The person behind an identity: the same session name in two roles is one person.
    pub(crate) fn person(&self) -> &str {
        self.0.split_once(':').map_or(&self.0, |(_, name)| name)
    }
}

/// An agreement counts for a day.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How far the clock of who approves may be from that of the store.
const LAG: SignedDuration = SignedDuration::from_mins(10);
/// Bytes of a reason.
const REASON_MAX: usize = 1000;
/// Digits of an action's id that are enough to name it.
const PREFIX_MIN: usize = 6;
/// A note is a few lines. What is larger is none.
pub(crate) const NOTE_MAX: u64 = 16_384;

/// Whether two words count together.
pub(crate) fn within_a_day(one: Timestamp, other: Timestamp) -> bool {
    one.duration_since(other).abs() <= DAY
}

/// The people who agree around an instant to all that a guard keeps back, or to one action of it,
/// as the log has it. Who agrees to all agrees to each.
pub(crate) fn fresh<'a>(
    pending: &'a Pending,
    guard: &str,
    action: Option<&ActionId>,
    at: Timestamp,
) -> BTreeSet<&'a str> {
    let agreed = pending.agreed.iter();
    let about = |a: &&Agreed| covers(a.action.as_ref(), action);
    let fresh = agreed.filter(|a| a.guard == guard && within_a_day(at, a.at));
    fresh.filter(about).map(|a| a.by.person()).collect()
}

/// Whether a word about an action, or about all of them, is one about another.
fn covers(said: Option<&ActionId>, wanted: Option<&ActionId>) -> bool {
    said.is_none() || said == wanted
}

impl Pipeline {
    /// Writes down that somebody agrees. In a folder it counts at once; in a bucket it counts
    /// when the next step looks, because who may agree may not write the log there.
    ///
    /// # Errors
    /// [`RunError::Refused`] when the plan is not the one that waits, when the guard keeps
    /// nothing back, or when this person has agreed already.
    pub async fn approve(
        &self,
        request: &Request<'_>,
        by: &Approver,
        now: Timestamp,
    ) -> Result<Vec<Granted>, RunError> {
        let granted = self.note(request, by, now).await?;
        if self.folder.is_some() {
            self.count_notes().await?;
        }
        Ok(granted)
    }

    async fn note(
        &self,
        request: &Request<'_>,
        by: &Approver,
        now: Timestamp,
    ) -> Result<Vec<Granted>, RunError> {
        let refuse = |why: String| Err(RunError::Refused(why));
        reasoned(request.reason)?;
        let head = log::head(&self.store).await?;
        let pending = head.standing.pending.iter();
        let waiting: Vec<&Pending> = pending.filter(|p| !p.waiting().is_empty()).collect();
        let Some(pending) = waiting.iter().find(|p| p.run.as_str() == request.run) else {
            let others: Vec<&str> = waiting.iter().map(|p| p.run.as_str()).collect();
            return refuse(if others.is_empty() {
                "nothing waits for an approval".to_owned()
            } else {
                format!(
                    "run {} does not wait for an approval; {} does. A newer plan voids an older \
                     one",
                    request.run,
                    others.join(", ")
                )
            });
        };
        if let Some(newer) = unplanned(&head) {
            return refuse(format!(
                "newer data were received as run {} and are not planned yet; plan them first: \
                 they decide what is left to approve",
                newer.run
            ));
        }
        if request.plan.len() < 12 || !pending.plan_sha256.starts_with(request.plan) {
            return refuse(format!(
                "the plan that waits is {}, not {}; read that one before approving it",
                pending.plan_sha256, request.plan
            ));
        }
        let mut open = pending.waiting();
        open.retain(|g| request.guard.is_none_or(|wanted| wanted == *g));
        let whole = |guard: &str| (guard.to_owned(), None);
        let mut open: Vec<(String, Option<ActionId>)> = open.into_iter().map(whole).collect();
        if !request.actions.is_empty() {
            let named = named_actions(&self.store, pending, request).await?;
            open = named.map_err(RunError::Refused)?;
        }
        let asked_again =
            |guard: &str| guard == guards::ORPHANS && pending.looked_at_again_elsewhere();
        let wanted = open.iter().map(|(guard, _)| guard.as_str());
        if wanted.chain(request.guard).any(asked_again) {
            return refuse(format!(
                "a newer plan has looked again at what guard {} keeps back here, and may have found \
                 more: `rollcall status` names the plan to agree to",
                guards::ORPHANS
            ));
        }
        if open.is_empty() {
            return refuse(format!(
                "guard {} keeps nothing back in this plan; waiting: {}",
                request.guard.unwrap_or("(any)"),
                pending.waiting().join(", ")
            ));
        }
        let noted = self.notes(&head).await?;
        let mut out = Vec::new();
        let mut already = None;
        for (guard, action) in open {
            let Some(kind) = guards::kind(&guard) else {
                continue;
            };
            let need = needed(&self.store, pending, kind).await?;
            let mut agree = fresh(pending, &guard, action.as_ref(), now);
            if agree.contains(by.person()) {
                already = Some(format!(
                    "{} agreed to {guard} already; it takes {need} different people",
                    by.0
                ));
                continue;
            }
            let said = noted.iter().filter(|found| {
                let note = &found.note;
                note.plan_sha256 == pending.plan_sha256
                    && note.guard == guard
                    && covers(note.action.as_ref(), action.as_ref())
                    && within_a_day(now, note.at)
            });
            agree.extend(said.map(|found| found.by.person()));
            // Said before and not counted yet: that one counts.
            if agree.insert(by.person()) {
                let note = Note {
                    run: pending.run.clone(),
                    plan_sha256: pending.plan_sha256.clone(),
                    guard: guard.clone(),
                    action: action.clone(),
                    at: now,
                    reason: request.reason.to_owned(),
                };
                self.put_note(&note, by).await?;
            }
            out.push(Granted {
                guard,
                action,
                have: u8::try_from(agree.len()).unwrap_or(u8::MAX),
                need,
            });
            if kind.parks() && agree.len() >= usize::from(need) {
                // One approval accepts the intake and with it every gate that parked it.
                break;
            }
        }
        match already {
            Some(why) if out.is_empty() => refuse(why),
            Some(_) | None => Ok(out),
        }
    }

    async fn put_note(&self, note: &Note, by: &Approver) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec_pretty(note).expect("an approval is always JSON");
        let (run, plan) = (&note.run, &note.plan_sha256[..16]);
        // `disables:warsaw`: not every store and every file system takes a colon.
        let guard = note.guard.replace(':', ".");
        let key = format!("{FOLDER}/{}/{run}-{plan}-{guard}-{}.json", by.0, nonce());
        self.store.put_new(&key, bytes).await?;
        Ok(())
    }

    /// What people say about plans that wait, and the log does not name yet.
    async fn notes(&self, head: &Head) -> Result<Vec<Found>, RunError> {
        let pending = head.standing.pending.iter();
        let waiting: Vec<&Pending> = pending.filter(|p| !p.waiting().is_empty()).collect();
        let mut out = Vec::new();
        if waiting.is_empty() {
            return Ok(out);
        }
        for (by, listed) in said(&self.store, "").await? {
            let name = listed.key.rsplit('/').next().unwrap_or_default();
            let about = |p: &&&Pending| name.starts_with(p.run.as_str());
            let Some(pending) = waiting.iter().find(about) else {
                continue;
            };
            // Whoever approves may write anything here: it keeps nothing else from being counted.
            let note = match self.read_note(&listed, pending).await {
                Ok(note) => note,
                Err(why) => {
                    tracing::warn!(run = %pending.run, "A file below {FOLDER}/ does not count: {why}");
                    continue;
                }
            };
            let (note, stored) = note;
            let counted = |a: &Agreed| {
                let same = a.guard == note.guard && a.action == note.action;
                a.by == by && same && a.at == note.at
            };
            if !pending.agreed.iter().any(counted) {
                out.push(Found { by, note, stored });
            }
        }
        out.sort_by_key(|found| found.note.at);
        Ok(out)
    }

    /// A note about a plan; the error says why it is none.
    async fn read_note(
        &self,
        listed: &Listed,
        pending: &Pending,
    ) -> Result<(Note, ObjectRef), String> {
        let (bytes, stored) = read_word(&self.store, listed).await?;
        let note: Note = serde_json::from_slice(&bytes).map_err(|_| "it is no approval")?;
        if note.run != pending.run || note.plan_sha256 != pending.plan_sha256 {
            return Err("it names another plan".to_owned());
        }
        timely(self, listed, note.at)?;
        Ok((note, stored))
    }

    /// Enters into the log what people have agreed to. Where that fails it is said and tried again
    /// next time: approvals keep nothing else from going.
    pub(crate) async fn count_approvals(&self) {
        if let Err(error) = self.count_notes().await {
            tracing::error!("Approvals are not counted: {error}");
        }
    }

    /// Enters into the log what people have agreed to.
    ///
    /// # Errors
    /// When the store fails.
    async fn count_notes(&self) -> Result<(), RunError> {
        let mut head = log::head(&self.store).await?;
        while let Some((event, found)) = self.next_note(&head).await? {
            let objects = Objects {
                evidence: vec![found.stored],
                values: Vec::new(),
            };
            head = match self.commit(&head, &found.note.run, event, objects).await {
                Ok(head) => head,
                Err(Step::Lost) => log::head(&self.store).await?,
                Err(Step::Failed(error)) => return Err(*error),
            };
        }
        Ok(())
    }

    /// The first note that counts and is not in the log.
    async fn next_note(&self, head: &Head) -> Result<Option<(Event, Found)>, RunError> {
        // They decide what is left to approve.
        if unplanned(head).is_some() {
            return Ok(None);
        }
        let now = self.clock.now();
        for found in self.notes(head).await? {
            let note = &found.note;
            let mut pending = head.standing.pending.iter();
            let ours = |p: &&Pending| p.run == note.run && p.plan_sha256 == note.plan_sha256;
            let Some(pending) = pending.find(ours) else {
                continue;
            };
            let action = note.action.as_ref();
            let agree = fresh(pending, &note.guard, action, note.at);
            let again = agree.contains(found.by.person());
            let too_old = !within_a_day(now, note.at);
            let waits = pending.waiting().contains(&note.guard.as_str());
            let Some(kind) = guards::kind(&note.guard).filter(|_| waits && !again && !too_old)
            else {
                continue;
            };
            // It would be opened no further, and what is approved be planned anew and held again.
            let mut open = head.standing.open.iter();
            let under_way = open.find(|o| o.run == note.run && o.stage == Stage::Planned);
            if let Some(run) = under_way
                && self.is_called_back(run).await?
            {
                continue;
            }
            let mut approval = Approved {
                plan_sha256: note.plan_sha256.clone(),
                guard: note.guard.clone(),
                action: note.action.clone(),
                by: found.by.clone(),
                given: note.at,
                complete: false,
                lets_go: Vec::new(),
            };
            // Whoever may write notes may name what that guard does not keep back.
            let Some(brought) = brought(&self.store, pending, &approval, kind).await? else {
                continue;
            };
            (approval.complete, approval.lets_go) = brought;
            return Ok(Some((Event::Approval(approval), found)));
        }
        Ok(None)
    }
}

/// A reason is a line or two: what is longer would be too large to be read back.
pub(crate) fn reasoned(reason: &str) -> Result<(), RunError> {
    let why = if reason.trim().is_empty() {
        "it needs a reason: --reason TEXT"
    } else if reason.len() > REASON_MAX {
        "the reason is too long: 1,000 bytes at most"
    } else {
        return Ok(());
    };
    Err(RunError::Refused(why.to_owned()))
}

/// What people wrote down under names that begin so, and who: nobody can write for another.
pub(crate) async fn said(
    store: &Store,
    prefix: &str,
) -> Result<Vec<(Approver, Listed)>, StoreError> {
    let mut out = Vec::new();
    for listed in store.list(FOLDER).await? {
        let mut parts = listed.key.split('/').skip(1);
        let (Some(who), Some(name), None) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        if name.starts_with(prefix) {
            out.push((Approver(who.to_owned()), listed));
        }
    }
    Ok(out)
}

/// What somebody wrote down; the error says why it is nothing.
pub(crate) async fn read_word(
    store: &Store,
    listed: &Listed,
) -> Result<(bytes::Bytes, ObjectRef), String> {
    if listed.bytes > NOTE_MAX {
        return Err("it is too large".to_owned());
    }
    let bytes = store.get(&listed.key).await;
    let bytes = bytes.map_err(|e| e.to_string())?;
    let stored = reference(&listed.key, &bytes);
    Ok((bytes, stored))
}

/// In a bucket nobody but the store itself says when something was written.
pub(crate) fn timely(pipeline: &Pipeline, listed: &Listed, at: Timestamp) -> Result<(), String> {
    let lag = listed.modified.duration_since(at).abs();
    if pipeline.folder.is_none() && lag > LAG {
        return Err("its time is not the time at which it was written".to_owned());
    }
    Ok(())
}

/// How many people a plan's own policy asks for.
async fn needed(store: &Store, pending: &Pending, kind: Kind) -> Result<u8, StoreError> {
    let (entry, _) = log::entry(store, pending.generation).await?;
    let key = &named(&entry.accepts, "policy.toml")?.key;
    let text = store.get(key).await?;
    let text = String::from_utf8_lossy(&text);
    let policy = Policy::parse(&text, key).map_err(|e| StoreError::Corrupt {
        key: key.clone(),
        why: e.to_string(),
    })?;
    Ok(guards::approvers(&policy, kind))
}

/// The orders of a plan of which something is kept back and whose lines have a text in them.
struct Kept {
    lines: Lines,
    key: String,
    text: String,
}

impl Kept {
    async fn open(store: &Store, pending: &Pending, text: String) -> Result<Self, StoreError> {
        let (entry, _) = log::entry(store, pending.generation).await?;
        let key = named(&entry.accepts, "plan.jsonl")?.key.clone();
        Ok(Self {
            lines: Lines::open(store, &key).await?,
            key,
            text,
        })
    }

    fn next(&mut self) -> Result<Option<WorkOrder>, StoreError> {
        let text = self.text.as_bytes();
        while let Some((_, line)) = self.lines.next()? {
            if line.windows(text.len()).any(|part| part == text) {
                return parse(&self.key, &line).map(Some);
            }
        }
        Ok(None)
    }
}

/// What an approval brings about: whether its guard keeps nothing back any more, and which actions
/// go where it does. `None` where it names an action that the guard does not keep back.
async fn brought(
    store: &Store,
    pending: &Pending,
    approval: &Approved,
    kind: Kind,
) -> Result<Option<(bool, Vec<LetGo>)>, StoreError> {
    let need = usize::from(needed(store, pending, kind).await?);
    let (guard, at) = (approval.guard.as_str(), approval.given);
    let enough = |action: Option<&ActionId>| {
        let mut agree = fresh(pending, guard, action, at);
        agree.insert(approval.by.person());
        agree.len() >= need
    };
    if approval.action.is_none() && enough(None) {
        return Ok(Some((true, Vec::new())));
    }
    // One who agrees to all may be the last one whom an action waited for that others named.
    let named = pending.agreed.iter().filter(|it| it.guard == guard);
    let named = named.filter_map(|it| it.action.as_ref());
    let goes: BTreeSet<&ActionId> = match &approval.action {
        Some(action) => BTreeSet::from([action]),
        None => named.filter(|action| enough(Some(action))).collect(),
    };
    if goes.is_empty() {
        return Ok(Some((false, Vec::new())));
    }
    if kind.parks() {
        return Ok(None);
    }
    let before = |id: &ActionId| {
        let mut known = pending.let_go.iter();
        known.find(|it| it.guard == guard && it.action == *id)
    };
    let (mut out, mut found, mut others) = (Vec::new(), false, false);
    let mut orders = Kept::open(store, pending, format!("\"{guard}\"")).await?;
    while let Some(order) = orders.next()? {
        for held in order
            .held
            .iter()
            .filter(|it| it.guards().any(|it| it == guard))
        {
            let mut gone = held.actions.iter().filter_map(|it| before(&it.id));
            let mut counted = gone.any(|it| !it.counts.is_empty());
            for action in &held.actions {
                if before(&action.id).is_some() {
                    continue;
                }
                if !goes.contains(&action.id) {
                    others |= guards::means(guard, action);
                    continue;
                }
                found = true;
                if enough(Some(&action.id)) {
                    out.push(LetGo {
                        guard: guard.to_owned(),
                        action: action.id.clone(),
                        counts: counts(guard, held, action, &mut counted),
                    });
                } else {
                    others = true;
                }
            }
        }
    }
    let nobody_else = !others && !out.is_empty();
    Ok(match approval.action {
        Some(_) if !found => None,
        // Nothing is left behind: the guard is done with.
        Some(_) | None if nobody_else => Some((true, Vec::new())),
        Some(_) | None => Some((false, out)),
    })
}

/// What an action counts into budgets once it goes: a disable each, who loses something once.
fn counts(guard: &str, held: &Held, action: &Action, counted: &mut bool) -> BTreeMap<String, u32> {
    let of = slices::kind_of(guard).unwrap_or(guard);
    let counts = match of {
        guards::DISABLES => action.op == Op::UserDisable,
        guards::REMOVALS => !*counted && action.takes_from_who_stays(),
        guards::DELETIONS => action.op == Op::UserDeleteSoft,
        _ => false,
    };
    // Where several slices keep it back, it counts with the first, as for whole guards.
    if !counts || held.by != guard {
        return BTreeMap::new();
    }
    *counted = true;
    let budgets = held.guards().chain(&held.counted_by).cloned();
    let budgets = budgets.chain(std::iter::once(of.to_owned()));
    budgets.map(|budget| (budget, 1)).collect()
}

/// The actions that a request names, each with a guard that is to be overruled for it; the inner
/// error says why one of them cannot be agreed to.
async fn named_actions(
    store: &Store,
    pending: &Pending,
    request: &Request<'_>,
) -> Result<Result<Vec<(String, Option<ActionId>)>, String>, StoreError> {
    let approvals = pending.approvals();
    let mut orders = Vec::new();
    let mut ids: BTreeSet<ActionId> = BTreeSet::new();
    for wanted in request.actions {
        let prefix = match wanted.strip_prefix("a-") {
            Some(_) => wanted.clone(),
            None => format!("a-{wanted}"),
        };
        if prefix.len() < "a-".len() + PREFIX_MIN {
            return Ok(Err(format!(
                "`{wanted}` is too short: give {PREFIX_MIN} digits of an action's id at least"
            )));
        }
        let mut with = Kept::open(store, pending, format!("\"{prefix}")).await?;
        let mut found: Vec<ActionId> = Vec::new();
        while let Some(order) = with.next()? {
            let fits = |action: &&Action| action.id.as_str().starts_with(&prefix);
            let before = found.len();
            found.extend(order.every().filter(fits).map(|it| it.id.clone()));
            if found.len() > before && !orders.contains(&order) {
                orders.push(order);
            }
        }
        match found.as_slice() {
            [] => {
                return Ok(Err(format!(
                    "no action of this plan has an id that begins with `{prefix}`; `rollcall show {}` \
                     has the ids of what is kept back",
                    request.run
                )));
            }
            [id] => ids.insert(id.clone()),
            [one, other, ..] => {
                return Ok(Err(format!(
                    "{} actions of this plan have ids that begin with `{prefix}`, {one} and {other} \
                     among them; write more of it",
                    found.len()
                )));
            }
        };
    }
    let mut out = Vec::new();
    for id in &ids {
        let ours = |order: &&WorkOrder| order.every().any(|it| it.id == *id);
        let Some(order) = orders.iter().find(ours) else {
            continue;
        };
        let held = order
            .held
            .iter()
            .find_map(|held| Some((held, held.actions.iter().find(|it| it.id == *id)?)));
        let Some((held, action)) = held else {
            return Ok(Err(format!(
                "action {id} needs no approval: nothing keeps it back"
            )));
        };
        let mut open: Vec<&String> = held.guards().collect();
        open.retain(|guard| !approvals.overrules(guard, id));
        if open.is_empty() {
            return Ok(Err(format!(
                "action {id} needs no approval any more: it is let go already"
            )));
        }
        if let Some(guard) = open.iter().find(|guard| guards::parks(guard)) {
            return Ok(Err(format!(
                "guard {guard} keeps the plan back as a whole: agree to it with --guard {guard}, or \
                 to nothing; single actions do not go before"
            )));
        }
        let keeping = open.clone();
        open.retain(|guard| request.guard.is_none_or(|wanted| wanted == *guard));
        if open.is_empty() {
            return Ok(Err(format!(
                "guard {} does not keep {id} back; {} does",
                request.guard.unwrap_or_default(),
                keeping.into_iter().cloned().collect::<Vec<_>>().join(", ")
            )));
        }
        let released = approvals.released(order);
        let all = order.held.iter();
        let mut others = all.flat_map(|held| held.actions.iter().map(move |it| (held, it)));
        let before = others.find(|(by, other)| {
            let goes = ids.contains(&other.id) || released.iter().any(|it| it.id == other.id);
            let parked = by.guards().any(|guard| guards::parks(guard));
            action.waits_for(other) && !goes && !parked
        });
        if let Some((by, other)) = before {
            return Ok(Err(format!(
                "action {id} ({}) waits for {} ({}), which guard {} keeps back: agree to that one, too",
                action.op, other.id, other.op, by.by
            )));
        }
        out.extend(
            open.into_iter()
                .map(|guard| (guard.clone(), Some(id.clone()))),
        );
    }
    Ok(Ok(out))
}

/// What is wrong with an approval that the log names: it is to be what its approver wrote down
/// themselves, counted once, and complete when enough people agree.
///
/// # Errors
/// When the store fails.
pub(crate) async fn unproved(
    store: &Store,
    before: &Standing,
    entry: &Entry,
    approval: &Approved,
) -> Result<Option<String>, StoreError> {
    let mut pending = before.pending.iter();
    let ours = |p: &&Pending| p.run == entry.run && p.plan_sha256 == approval.plan_sha256;
    let (Some(pending), Some(kind)) = (pending.find(ours), guards::kind(&approval.guard)) else {
        return Ok(Some("no plan waited for this approval".to_owned()));
    };
    let action = approval.action.as_ref();
    let agree = fresh(pending, &approval.guard, action, approval.given);
    if agree.contains(approval.by.person()) {
        return Ok(Some(format!("{} agreed already", approval.by.0)));
    }
    let brought = brought(store, pending, approval, kind).await?;
    if brought.as_ref() != Some(&(approval.complete, approval.lets_go.clone())) {
        let need = needed(store, pending, kind).await?;
        return Ok(Some(format!(
            "{} people agree of {need} that the plan's policy asks for, and that lets go something else",
            agree.len() + 1
        )));
    }
    let by = &approval.by.0;
    let theirs = format!("{FOLDER}/{by}/");
    let Some(stored) = entry.accepts.iter().find(|o| o.key.starts_with(&theirs)) else {
        return Ok(Some(format!("{by} wrote no approval down")));
    };
    let Some(bytes) = store.find(&stored.key).await? else {
        // That it is missing is said of every object.
        return Ok(None);
    };
    let same = serde_json::from_slice::<Note>(&bytes).is_ok_and(|note| {
        let plan = note.run == entry.run && note.plan_sha256 == approval.plan_sha256;
        let about = note.guard == approval.guard && note.action == approval.action;
        plan && about && note.at == approval.given
    });
    Ok((!same).then(|| format!("{} approves something else", stored.key)))
}

/// A delivery that was taken and is not planned.
fn unplanned(head: &Head) -> Option<&OpenRun> {
    let mut open = head.standing.open.iter();
    open.find(|o| o.stage == Stage::Sealed)
}
