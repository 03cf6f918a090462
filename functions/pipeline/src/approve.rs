//! Approval: names the plan by its hash, and is given by whom the credentials prove (P14).

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use rollcall_core::guards::{self, Kind};
use rollcall_core::model::RunId;
use rollcall_core::policy::Policy;
use serde::{Deserialize, Serialize};

pub use crate::log::Approver;
use crate::log::{
    self, Agreed, Approved, Entry, Event, Head, Objects, OpenRun, Pending, Stage, Standing,
};
use crate::run::{Pipeline, RunError, Step, named, nonce};
use crate::store::{Listed, ObjectRef, Store, StoreError, reference};

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
    /// Why.
    pub reason: &'a str,
}

/// How far an approval brought one guard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Granted {
    /// The guard.
    pub guard: String,
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
/// A note is a few lines. What is larger is none.
const NOTE_MAX: u64 = 16_384;

/// Whether two words count together.
pub(crate) fn within_a_day(one: Timestamp, other: Timestamp) -> bool {
    one.duration_since(other).abs() <= DAY
}

/// The people who agree to a guard around an instant, as the log has it.
pub(crate) fn fresh<'a>(pending: &'a Pending, guard: &str, at: Timestamp) -> BTreeSet<&'a str> {
    let agreed = pending.agreed.iter();
    let fresh = agreed.filter(|a| a.guard == guard && within_a_day(at, a.at));
    fresh.map(|a| a.by.person()).collect()
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
        for guard in open {
            let Some(kind) = guards::kind(guard) else {
                continue;
            };
            let need = needed(&self.store, pending, kind).await?;
            let mut agree = fresh(pending, guard, now);
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
                    && within_a_day(now, note.at)
            });
            agree.extend(said.map(|found| found.by.person()));
            // Said before and not counted yet: that one counts.
            if agree.insert(by.person()) {
                let note = Note {
                    run: pending.run.clone(),
                    plan_sha256: pending.plan_sha256.clone(),
                    guard: guard.to_owned(),
                    at: now,
                    reason: request.reason.to_owned(),
                };
                self.put_note(&note, by).await?;
            }
            out.push(Granted {
                guard: guard.to_owned(),
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
        for listed in self.store.list(FOLDER).await? {
            let mut parts = listed.key.split('/').skip(1);
            let (Some(who), Some(name), None) = (parts.next(), parts.next(), parts.next()) else {
                continue;
            };
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
            let by = Approver(who.to_owned());
            let counted = |a: &Agreed| a.by == by && a.guard == note.guard && a.at == note.at;
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
            let mut agree = fresh(pending, &note.guard, note.at);
            let again = !agree.insert(found.by.person());
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
            let need = needed(&self.store, pending, kind).await?;
            let event = Event::Approval(Approved {
                plan_sha256: note.plan_sha256.clone(),
                guard: note.guard.clone(),
                by: found.by.clone(),
                given: note.at,
                complete: agree.len() >= usize::from(need),
            });
            return Ok(Some((event, found)));
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
    let mut agree = fresh(pending, &approval.guard, approval.given);
    if !agree.insert(approval.by.person()) {
        return Ok(Some(format!("{} agreed already", approval.by.0)));
    }
    let need = needed(store, pending, kind).await?;
    if approval.complete != (agree.len() >= usize::from(need)) {
        return Ok(Some(format!(
            "{} people agree of {need} that the plan's policy asks for",
            agree.len()
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
        plan && note.guard == approval.guard && note.at == approval.given
    });
    Ok((!same).then(|| format!("{} approves something else", stored.key)))
}

/// A delivery that was taken and is not planned.
fn unplanned(head: &Head) -> Option<&OpenRun> {
    let mut open = head.standing.open.iter();
    open.find(|o| o.stage == Stage::Sealed)
}
