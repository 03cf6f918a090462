//! Notices: written down by whom the credentials prove, taken in by the next release.
//!
//! They lie beside approvals, where nobody can write for another
//! (`approvals/<who>/notice-<kind>-<nonce>.json`). The plan that takes them in names them as its
//! evidence. Invariant: each is taken in once, and none is lost because nobody looked for a while.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rollcall_core::model::WorkerId;
use rollcall_core::notice::{Notice, NoticeKind, heed};
use rollcall_core::policy::Policy;
use rollcall_core::state::{Lifecycle, Person};
use rollcall_files::{Options, RefusalKind, Refused};

use crate::approve::{self, Approver, FOLDER};
use crate::log::{self, Entry, Head};
use crate::pull::{Refusal, is_finished, is_text, refusal};
use crate::run::{Pipeline, RunError, nonce};
use crate::state::{Named, State};
use crate::store::{Listed, ObjectRef, Store, StoreError, parse};

/// How the name of one begins.
const PREFIX: &str = "notice-";

/// A notice as a plan takes it in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noticed {
    /// What is said.
    pub notice: Notice,
    /// Where it is written down, by everybody whom it takes.
    pub stored: Vec<ObjectRef>,
}

/// How far a notice came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Different people who say it now.
    pub have: u8,
    /// How many it takes.
    pub need: u8,
    /// It is so already, as far as the state knows: nothing follows from it.
    pub idle: bool,
    /// It is of a device, and may not do what people expect.
    pub aside: Option<Aside>,
}

/// Why a word about a device may not do what people expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aside {
    /// The worker has not left: it counts from the cut on.
    Stays,
    /// No device that is known of the worker goes by this id; the tenant is asked again.
    Unseen,
}

/// What there is to say beside a word about a device.
fn aside(person: &Person, notice: &Notice) -> Option<Aside> {
    let device = notice.device.as_deref()?;
    let away = person.block.is_some_and(|block| block.cut.cause.exit());
    let inside = match person.lifecycle {
        Lifecycle::Created | Lifecycle::Active => true,
        Lifecycle::Blocked => !away,
        Lifecycle::None | Lifecycle::Deleted => false,
    };
    if inside {
        return Some(Aside::Stays);
    }
    (!person.has_device(device)).then_some(Aside::Unseen)
}

/// What lay in the inbox of dismissals.
#[derive(Debug, Default)]
pub struct Dropped {
    /// Workers whose dismissal is written down.
    pub taken: u32,
    /// Files that stay, and why.
    pub refused: Vec<Refusal>,
}

/// Whether somebody who put a file into the inbox meant to dismiss people.
pub(crate) fn is_meant(name: &str) -> bool {
    let lower = name.to_lowercase();
    lower.starts_with("dismiss") && !name.contains('/') && is_finished(name)
}

/// Of a form that is not read: nobody is to believe that it was.
fn unreadable(name: &str) -> Refusal {
    Refusal {
        file: name.to_owned(),
        kind: "wrong_format".to_owned(),
        message: format!(
            "{name}: dismissals are read from text with the key column, `dismiss….csv`; nobody in this \
             file is dismissed"
        ),
    }
}

/// Whether a file of the inbox holds dismissals.
pub(crate) fn is_drop(name: &str) -> bool {
    name.to_lowercase().starts_with("dismiss") && is_text(name)
}

/// One person's word.
struct Word {
    by: Approver,
    notice: Notice,
    stored: ObjectRef,
}

impl Pipeline {
    /// Writes a notice down. The next release takes it in.
    ///
    /// # Errors
    /// [`RunError::Refused`] when nobody knows the worker, or no reason is given.
    pub async fn give_notice(&self, notice: &Notice, by: &Approver) -> Result<Said, RunError> {
        let refuse = |why: String| Err(RunError::Refused(why));
        approve::reasoned(&notice.reason)?;
        if !notice.is_whole() {
            return refuse(
                "name the device by the id that the directory or device management gives it"
                    .to_owned(),
            );
        }
        let policy = &self.settings.policy;
        if notice.kind.of_device() && !policy.leaver.devices && policy.workflow.is_empty() {
            return refuse(
                "the policy leaves devices alone: without `[leaver] devices = true` nothing follows".to_owned(),
            );
        }
        let head = log::head(&self.store).await?;
        let state = State::load(&self.store, &head.standing.state).await?;
        let place = match state.named(&self.settings.source(), &notice.worker) {
            Named::One(place) => place,
            Named::Nobody => {
                return refuse(format!(
                    "no accepted file ever had a worker {}; write the key as HR does, with its leading \
                     zeros",
                    notice.worker
                ));
            }
            Named::Several(persons) => {
                return refuse(format!(
                    "{} is a worker id of {persons} persons, and nothing was written down; name the one \
                     who is meant by another worker id of theirs (`rollcall explain` of a run shows \
                     them)",
                    notice.worker
                ));
            }
        };
        let mut known = state.persons(&[place])?;
        let known = known.first_mut();
        let aside = known.as_ref().and_then(|it| aside(it, notice));
        let heeded = |person| heed(person, notice, notice.at);
        let idle = known.and_then(heeded).is_some();
        let bytes = serde_json::to_vec_pretty(notice).expect("a notice is always JSON");
        let kind = notice.kind.name();
        let key = format!("{FOLDER}/{}/{PREFIX}{kind}-{}.json", by.0, nonce());
        self.store.put_new(&key, bytes).await?;
        let words = self.words(&head).await?;
        let same = words
            .iter()
            .filter(|it| it.notice.kind == notice.kind && it.notice.worker == notice.worker)
            .filter(|it| approve::within_a_day(it.notice.at, notice.at));
        let people: BTreeSet<&str> = same.map(|it| it.by.person()).collect();
        Ok(Said {
            have: u8::try_from(people.len()).unwrap_or(u8::MAX),
            need: notice.kind.people(&self.settings.policy),
            idle,
            aside,
        })
    }

    /// Takes the dismissals that were dropped into the inbox: files whose names begin with
    /// `dismiss`, with the key column of the mapping and any others. Whom the state knows is
    /// dismissed; a file that names others stays, and is refused with their rows.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn take_dismissals(&self, now: Timestamp) -> Result<Dropped, RunError> {
        let mut out = Dropped::default();
        let mut known = None;
        for listed in self.store.list("inbox").await? {
            let name = listed.key.strip_prefix("inbox/").unwrap_or_default();
            let (mut rows, refused) = if is_drop(name) {
                match self.read_drop(&listed.key, name).await? {
                    Ok(rows) => (rows, None),
                    Err(refusal) => (Vec::new(), Some(refusal)),
                }
            } else if is_meant(name) {
                (Vec::new(), Some(unreadable(name)))
            } else {
                continue;
            };
            let mut seen = BTreeSet::new();
            rows.retain(|(_, worker)| seen.insert(worker.clone()));
            if known.is_none() {
                let head = log::head(&self.store).await?;
                known = Some(State::load(&self.store, &head.standing.state).await?);
            }
            let (mut strangers, mut several) = (Vec::new(), Vec::new());
            for (row, worker) in rows {
                let source = self.settings.source();
                match known.as_ref().map(|state| state.named(&source, &worker)) {
                    Some(Named::One(_)) => {
                        self.write_drop(&listed, name, row, worker, now).await?;
                        out.taken += 1;
                    }
                    Some(Named::Several(_)) => several.push(row.to_string()),
                    Some(Named::Nobody) | None => strangers.push(row.to_string()),
                }
            }
            let refused = refused.or_else(|| not_named(name, &strangers, &several));
            if let Some(refusal) = refused {
                out.refused.push(refusal);
                continue;
            }
            // Where another file stands under the name by now, that one is read next time.
            let now = self.store.look(&listed.key).await?;
            let same = |now: &Listed| (now.bytes, &now.tag) == (listed.bytes, &listed.tag);
            if now.as_ref().is_some_and(same) {
                self.store.delete(&listed.key).await?;
            }
        }
        Ok(out)
    }

    /// The workers of a drop file with their rows; the inner error says what is wrong with it.
    async fn read_drop(
        &self,
        key: &str,
        name: &str,
    ) -> Result<Result<Vec<(u32, WorkerId)>, Refusal>, StoreError> {
        let from = match self.store.open(key).await {
            Ok(from) => from,
            // Another process took it.
            Err(StoreError::NotFound(_)) => return Ok(Ok(Vec::new())),
            Err(error) => return Err(error),
        };
        let read = |options: &Options| -> Result<Vec<(u32, WorkerId)>, Refused> {
            let mut reader = rollcall_files::open(&from, options)?;
            let mut rows = Vec::new();
            while let Some(row) = reader.next()? {
                // A key that cannot be read is nobody's: its row is refused as unknown.
                let key = row.key.as_deref().unwrap_or_default();
                rows.push((row.number, WorkerId::new(key)));
            }
            reader.finish()?;
            Ok(rows)
        };
        // Whose key column it has; of none, what is wrong is said of the home source's.
        let mut wrong = None;
        for options in self.key_options() {
            match read(&options) {
                Err(refused) if refused.kind == RefusalKind::WrongHeader => {
                    wrong.get_or_insert(refused);
                }
                other => return Ok(other.map_err(|refused| refusal(name, &refused))),
            }
        }
        let wrong = wrong.expect("the home source brings persons");
        Ok(Err(refusal(name, &wrong)))
    }

    /// Writes one down, once: the same row of the same file has the same name.
    async fn write_drop(
        &self,
        listed: &Listed,
        name: &str,
        row: u32,
        worker: WorkerId,
        now: Timestamp,
    ) -> Result<(), RunError> {
        let by = match &self.cloud {
            Some(aws) => aws.caller().await?,
            None => "inbox".to_owned(),
        };
        let content = format!(
            "{} {} {} {worker}",
            listed.key, listed.modified, listed.bytes
        );
        let id = &rollcall_core::digest::sha256(content.as_bytes())[..16];
        let notice = Notice {
            kind: NoticeKind::Dismiss,
            worker,
            at: now,
            reason: format!("row {row} of {name}"),
            device: None,
        };
        let bytes = serde_json::to_vec_pretty(&notice).expect("a notice is always JSON");
        let key = format!("{FOLDER}/{by}/{PREFIX}{}-{id}.json", notice.kind.name());
        match self.store.create(&key, bytes).await {
            // Written before: the file alone was left.
            Ok(()) | Err(StoreError::Exists(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Notices that enough people said and no plan has taken in, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn notices(&self, head: &Head) -> Result<Vec<Noticed>, StoreError> {
        let words = self.words(head).await?;
        let mut about: BTreeMap<(WorkerId, NoticeKind), Vec<Word>> = BTreeMap::new();
        let mut out = Vec::new();
        for word in words {
            let need = word.notice.kind.people(&self.settings.policy);
            if need > 1 {
                let key = (word.notice.worker.clone(), word.notice.kind);
                about.entry(key).or_default().push(word);
            } else {
                // One after the other: a hold, its end, and another one are three words.
                out.push(Noticed {
                    notice: word.notice,
                    stored: vec![word.stored],
                });
            }
        }
        let agreed = about.into_iter().filter_map(|((_, kind), words)| {
            agreed(&words, usize::from(kind.people(&self.settings.policy)))
        });
        out.extend(agreed);
        out.sort_by(by_time);
        Ok(out)
    }

    /// Whether any waits.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn has_notices(&self) -> Result<bool, StoreError> {
        let head = log::head(&self.store).await?;
        Ok(!self.notices(&head).await?.is_empty())
    }

    /// What people said that the log does not name, oldest first.
    async fn words(&self, head: &Head) -> Result<Vec<Word>, StoreError> {
        let mut out = Vec::new();
        for (by, listed) in approve::said(&self.store, PREFIX).await? {
            if head.standing.noticed.contains_key(&listed.key) {
                continue;
            }
            match self.word(&listed).await {
                Ok((notice, stored)) => out.push(Word { by, notice, stored }),
                // Whoever may write here may write anything: it keeps no other from being heard.
                Err(why) => tracing::warn!("{} is no notice: {why}", listed.key),
            }
        }
        out.sort_by(|a, b| (a.notice.at, &a.stored.key).cmp(&(b.notice.at, &b.stored.key)));
        Ok(out)
    }

    async fn word(&self, listed: &Listed) -> Result<(Notice, ObjectRef), String> {
        let (bytes, stored) = approve::read_word(&self.store, listed).await?;
        // What it says may be anything, and stays out of the log.
        let notice: Notice =
            serde_json::from_slice(&bytes).map_err(|_| "it has not the form of one".to_owned())?;
        if !notice.is_whole() {
            return Err("it names no device, or has none to name".to_owned());
        }
        approve::timely(self, listed, notice.at)?;
        Ok((notice, stored))
    }
}

fn is_notice(key: &str) -> bool {
    let mut parts = key.split('/');
    let name = parts.next_back().unwrap_or_default();
    parts.next() == Some(FOLDER) && name.starts_with(PREFIX)
}

/// In the order in which they were said.
fn by_time(one: &Noticed, other: &Noticed) -> std::cmp::Ordering {
    let key = |it: &Noticed| {
        let stored = it.stored.first().map(|at| at.key.clone());
        (
            it.notice.at,
            it.notice.worker.clone(),
            it.notice.kind,
            stored,
        )
    };
    key(one).cmp(&key(other))
}

/// The words of enough people within a day, the one that counts first.
fn agreed(words: &[Word], need: usize) -> Option<Noticed> {
    let last = words.last()?.notice.clone();
    let fresh = words
        .iter()
        .filter(|it| approve::within_a_day(it.notice.at, last.at));
    let people: BTreeSet<&str> = fresh.map(|it| it.by.person()).collect();
    let enough = people.len() >= need;
    // The one that counts comes first: a plan that is made again finds it there.
    enough.then(|| Noticed {
        notice: last,
        stored: words.iter().rev().map(|it| it.stored.clone()).collect(),
    })
}

/// Rows of a drop file that name nobody, or several.
fn not_named(name: &str, strangers: &[String], several: &[String]) -> Option<Refusal> {
    let mut why = Vec::new();
    if !strangers.is_empty() {
        why.push(format!(
            "no accepted file ever had the workers of row {}; write the keys as HR does, with their \
             leading zeros",
            strangers.join(", ")
        ));
    }
    if !several.is_empty() {
        why.push(format!(
            "the worker ids of row {} are each those of several persons; write another worker id of \
             the person who is meant",
            several.join(", ")
        ));
    }
    (!why.is_empty()).then(|| Refusal {
        file: name.to_owned(),
        kind: "unknown_worker".to_owned(),
        message: format!(
            "{name}: {}. Whoever else is in it is dismissed",
            why.join("; ")
        ),
    })
}

/// The notices that the entry of a plan took in, as it named them.
///
/// # Errors
/// When one is no longer stored, or is not what it was.
pub(crate) async fn taken(
    store: &Store,
    entry: &Entry,
    policy: &Policy,
) -> Result<Vec<Noticed>, StoreError> {
    let mut out: Vec<Noticed> = Vec::new();
    let ours = entry.accepts.iter().filter(|it| is_notice(&it.key));
    for object in ours {
        let notice: Notice = parse(&object.key, &store.get(&object.key).await?)?;
        let same =
            |it: &&mut Noticed| it.notice.kind == notice.kind && it.notice.worker == notice.worker;
        let alone = notice.kind.people(policy) <= 1;
        match out.iter_mut().find(same).filter(|_| !alone) {
            Some(known) => known.stored.push(object.clone()),
            None => out.push(Noticed {
                notice,
                stored: vec![object.clone()],
            }),
        }
    }
    Ok(out)
}
