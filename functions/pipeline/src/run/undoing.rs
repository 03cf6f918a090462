//! Taking a run back: what it did to whom, and the plan of that.
//!
//! Where orders are carried out elsewhere, whoever wants a run taken back may not write the log: they
//! write a word beside the approvals (`approvals/<who>/undo-<nonce>.json`), and the next release plans
//! it. Invariant: each word is heard once, by the plan whose log entry names it.

use jiff::Timestamp;
use rollcall_core::fold::Outcomes;
use rollcall_core::model::{Finding, RunId, SourceName};
use rollcall_core::plan::WorkOrder;
use rollcall_core::policy::Reason;
use rollcall_core::state::Person;
use rollcall_core::undo::{Deed, Done, foreseen};
use serde::{Deserialize, Serialize};

use super::recorded::{Recorded, Records};
use super::{Pipeline, RunError, Step, Stored, nonce, run_id};
use crate::approve::{self, Approver, FOLDER};
use crate::log::{self, Entry, Head, Stage};
use crate::plan::{PlanError, Undo};
use crate::spool::Spool;
use crate::spool::next_line;
use crate::state::State;
use crate::store::{Listed, ObjectRef, StoreError, parse};

/// Records of the state that are read together.
const AT_ONCE: usize = 1000;
/// How the name of a word begins.
const PREFIX: &str = "undo-";

/// What somebody wrote down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    /// The run to take back.
    undo: RunId,
    at: Timestamp,
    reason: String,
}

/// A run that somebody wants taken back, and that no release has planned yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// The run.
    pub undo: RunId,
    /// Who asked, the first of them.
    pub by: Approver,
    /// When.
    pub at: Timestamp,
    /// Where it is written, by everybody who asked.
    #[serde(skip)]
    stored: Vec<ObjectRef>,
}

impl Pipeline {
    /// Plans to take a run back. Nothing of it goes before somebody agrees.
    ///
    /// # Errors
    /// [`RunError::Refused`] where there is nothing to take back, a run is under way, or what it
    /// was made from is no longer kept.
    pub async fn undo(&self, run: &RunId, now: Timestamp) -> Result<Stored, RunError> {
        loop {
            let head = log::head(&self.store).await?;
            if let Some(why) = under_way(&head) {
                return Err(RunError::Refused(format!(
                    "{why}, then a run can be taken back"
                )));
            }
            match self.plan_undo(&head, run, Vec::new(), now).await {
                Ok(stored) => return Ok(stored),
                Err(Step::Lost) => {}
                Err(Step::Failed(error)) => return Err(*error),
            }
        }
    }

    /// Plans to take a run back, as these words ask for.
    async fn plan_undo(
        &self,
        head: &Head,
        run: &RunId,
        words: Vec<ObjectRef>,
        now: Timestamp,
    ) -> Result<Stored, Step> {
        let undo = self.to_take_back(head, run).await?;
        let mut made = self.make_undo(head, undo, now).await?;
        made.notices = words;
        self.commit_plan(head, &run_id(now), None, made).await
    }

    /// What a run did that can be asked to be taken back.
    async fn to_take_back(&self, head: &Head, run: &RunId) -> Result<Undo, RunError> {
        let refuse = |why: String| Err(RunError::Refused(why));
        let Some(stored) = self.planned(run).await? else {
            return refuse(format!(
                "no run {run} was planned here; `rollcall status` and the reports name them"
            ));
        };
        let undo = match self.deeds(&stored, head.generation).await {
            Ok(undo) => undo,
            Err(RunError::Store(StoreError::NotFound(key))) => {
                return refuse(format!(
                    "what run {run} was made from is no longer kept ({key}): it cannot be taken \
                     back; correct HR's data and let the next run mend it"
                ));
            }
            Err(error) => return Err(error),
        };
        if undo.deeds.bytes() == 0 {
            return refuse(format!(
                "run {run} did nothing to anybody: there is nothing to take back"
            ));
        }
        Ok(undo)
    }

    /// Writes down that a run is to be taken back: the next release plans that. Gives what can be
    /// told without asking the tenant: what has no way back, and whom a later run changed.
    ///
    /// # Errors
    /// [`RunError::Refused`] where there is nothing to take back, the run is under way, its undo is
    /// planned or asked for already, what it was made from is no longer kept, or no reason is given.
    pub async fn ask_undo(
        &self,
        run: &RunId,
        reason: &str,
        by: &Approver,
        now: Timestamp,
    ) -> Result<Vec<Finding>, RunError> {
        let refuse = |why: String| Err(RunError::Refused(why));
        approve::reasoned(reason)?;
        let head = log::head(&self.store).await?;
        let mut open = head.standing.open.iter();
        if open.any(|it| it.run == *run && it.stage != Stage::Folded) {
            return refuse(format!(
                "run {run} is not over; `rollcall halt` stops what is left of it"
            ));
        }
        for waiting in self.open_plans().await? {
            if waiting.planned.undoes.as_ref() == Some(run) {
                return refuse(format!(
                    "an undo of run {run} is planned as run {} and waits for an approval: rollcall \
                     approve {} --plan {} --reason TEXT",
                    waiting.run, waiting.run, waiting.planned.plan_sha256
                ));
            }
        }
        let asked = self.asked(&head).await?;
        if let Some(asked) = asked.iter().find(|it| it.undo == *run) {
            return refuse(format!(
                "{} asked for that at {}; the next release plans it",
                asked.by.0, asked.at
            ));
        }
        let undo = self.to_take_back(&head, run).await?;
        let findings = self.foreseen(&head, undo).await?;
        let word = Word {
            undo: run.clone(),
            at: now,
            reason: reason.to_owned(),
        };
        let bytes = serde_json::to_vec_pretty(&word).expect("a word is always JSON");
        let key = format!("{FOLDER}/{}/{PREFIX}{}.json", by.0, nonce());
        self.store.put_new(&key, bytes).await?;
        Ok(findings)
    }

    /// Plans what people asked to be taken back, where nothing is under way; the last plan of them.
    /// A word that nothing can be made of is told, and keeps nothing else from being planned.
    pub(super) async fn plan_asked(&self, now: Timestamp) -> Result<Option<Stored>, RunError> {
        let mut out = None;
        'heard: loop {
            let head = log::head(&self.store).await?;
            if under_way(&head).is_some() {
                return Ok(out);
            }
            let waiting = self.open_plans().await?;
            for asked in self.asked(&head).await? {
                let undo = &asked.undo;
                let planned = |it: &&Stored| it.planned.undoes.as_ref() == Some(undo);
                if let Some(planned) = waiting.iter().find(planned) {
                    // Heard once that one is over: what it left may be taken back then.
                    tracing::info!(run = %undo, "Its undo waits already, as run {}.", planned.run);
                    continue;
                }
                match self.plan_undo(&head, undo, asked.stored, now).await {
                    Ok(stored) => {
                        out = Some(stored);
                        continue 'heard;
                    }
                    Err(Step::Lost) => continue 'heard,
                    // What else is to be planned may go all the same; if not, that says why.
                    Err(Step::Failed(error)) => {
                        tracing::error!(run = %undo, "It is not taken back: {error}");
                    }
                }
            }
            return Ok(out);
        }
    }

    /// What people want taken back that no plan has heard, oldest first. A word counts for a day,
    /// as an approval does: later the run is not what they meant.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn asked(&self, head: &Head) -> Result<Vec<Asked>, StoreError> {
        let now = self.clock.now();
        let mut words = Vec::new();
        for (by, listed) in approve::said(&self.store, PREFIX).await? {
            if head.standing.noticed.contains_key(&listed.key) {
                continue;
            }
            match self.asked_in(&listed).await {
                Ok((word, stored)) if approve::within_a_day(now, word.at) => {
                    words.push((by, word, stored));
                }
                Ok(_) => {}
                // Whoever may write here may write anything: it keeps no other from being heard.
                Err(why) => tracing::warn!("{} asks for nothing: {why}", listed.key),
            }
        }
        words.sort_by(|(_, a, at), (_, b, other)| (a.at, &at.key).cmp(&(b.at, &other.key)));
        let mut out: Vec<Asked> = Vec::new();
        for (by, word, stored) in words {
            match out.iter_mut().find(|it| it.undo == word.undo) {
                Some(known) => known.stored.push(stored),
                None => out.push(Asked {
                    undo: word.undo,
                    by,
                    at: word.at,
                    stored: vec![stored],
                }),
            }
        }
        Ok(out)
    }

    async fn asked_in(&self, listed: &Listed) -> Result<(Word, ObjectRef), String> {
        let (bytes, stored) = approve::read_word(&self.store, listed).await?;
        // What it says may be anything, and stays out of the log.
        let word: Word =
            serde_json::from_slice(&bytes).map_err(|_| "it has not the form of one".to_owned())?;
        if !is_run_id(word.undo.as_str()) {
            return Err("it names no run".to_owned());
        }
        approve::timely(self, listed, word.at)?;
        Ok((word, stored))
    }

    /// What can be told of an undo before the tenant is asked.
    async fn foreseen(&self, head: &Head, undo: Undo) -> Result<Vec<Finding>, RunError> {
        let state = State::load(&self.store, &head.standing.state).await?;
        let mut deeds = undo.deeds.reader().map_err(PlanError::Spool)?;
        let (mut line, mut out) = (Vec::new(), Vec::new());
        let (mut places, mut some) = (Vec::new(), Vec::<Deed>::new());
        loop {
            let next = next_line(&mut deeds, &mut line).map_err(PlanError::Spool)?;
            let last = next.is_none();
            if let Some(line) = next {
                let (key, deed): (String, Deed) = parse("deeds", line)?;
                let key = u128::from_str_radix(&key, 16).unwrap_or_default();
                if let Ok(at) = state.hot().binary_search_by_key(&key, |hot| hot.key) {
                    places.push(at);
                    some.push(deed);
                }
            }
            if some.len() >= AT_ONCE || last {
                let persons = state.persons(&places)?;
                for (person, deed) in persons.into_iter().zip(some.drain(..)) {
                    out.extend(foreseen(&person, &deed, &undo.run));
                }
                places.clear();
            }
            if last {
                break;
            }
        }
        out.sort();
        Ok(out)
    }

    /// What a run did that an entry of the log takes back.
    ///
    /// # Errors
    /// When something of it is no longer stored.
    pub(crate) async fn undone(&self, run: &RunId, at: u64) -> Result<Undo, RunError> {
        let plan = self.plan_generation(run, at).await?;
        let stored = self.stored(plan).await?;
        self.deeds(&stored, at).await
    }

    /// What a run did, by its plan and by what was on record of it at a generation of the log.
    ///
    /// # Errors
    /// When something of it is no longer stored.
    pub(crate) async fn deeds(&self, stored: &Stored, at: u64) -> Result<Undo, RunError> {
        let outcomes = self.reported(at, stored).await?;
        let state = State::load(&self.store, &stored.state).await?;
        let mut records = Records::open(&self.store, stored).await?;
        let intake = stored.planned.intake.as_ref();
        let source = intake.map(|it| it.beside().map(SourceName::new));
        let mut deeds = Spool::default();
        let mut some = Vec::new();
        loop {
            let next = records.next()?;
            let last = next.is_none();
            some.extend(next.filter(|it| did(it, &outcomes)));
            if some.len() >= AT_ONCE || last {
                for deed in with_before(
                    std::mem::take(&mut some),
                    &state,
                    &outcomes,
                    source.as_ref(),
                )? {
                    deeds.line(&deed).map_err(PlanError::Spool)?;
                }
            }
            if last {
                break;
            }
        }
        Ok(Undo {
            run: stored.run.clone(),
            deeds,
        })
    }
}

/// Whether a text has the form of a run id: what has not may be anything, and is not repeated.
fn is_run_id(text: &str) -> bool {
    let form = "00000000T000000Z-00000000";
    let same = |(has, wants): (char, char)| match wants {
        '0' => has.is_ascii_hexdigit(),
        _ => has == wants,
    };
    text.len() == form.len() && text.chars().zip(form.chars()).all(same)
}

/// Why nothing can be taken back now, and what to do about it.
pub(super) fn under_way(head: &Head) -> Option<String> {
    let mut open = head.standing.open.iter();
    // One that is folded, or parked, only misses its report.
    let open = open.find(|it| it.stage != Stage::Folded)?;
    Some(match open.stage {
        Stage::Sealed => format!("run {} is not planned yet; plan it", open.run),
        Stage::Planned | Stage::Folded => {
            format!("run {} is not over; `apply` brings it to its end", open.run)
        }
    })
}

/// What is wrong with the words that an undo's entry names: each is to ask for that run.
///
/// # Errors
/// When the store fails.
pub(crate) async fn unasked(
    store: &crate::store::Store,
    entry: &Entry,
    run: &RunId,
) -> Result<Option<String>, StoreError> {
    for object in entry.accepts.iter().filter(|it| is_word(&it.key)) {
        let word: Word = parse(&object.key, &store.get(&object.key).await?)?;
        if word.undo != *run {
            return Ok(Some(format!("{} asks for something else", object.key)));
        }
    }
    Ok(None)
}

fn is_word(key: &str) -> bool {
    let mut parts = key.split('/');
    let name = parts.next_back().unwrap_or_default();
    parts.next() == Some(FOLDER) && name.starts_with(PREFIX)
}

/// Whether anything is on record as done for somebody, or was due and is not: that is not to be done
/// either.
fn did(recorded: &Recorded, outcomes: &Outcomes) -> bool {
    let due = recorded.order.iter().any(|it| !it.actions.is_empty());
    let mut actions = recorded.order.iter().flat_map(WorkOrder::every);
    due || actions.any(|action| {
        let outcome = outcomes.get(&action.id);
        outcome.is_some_and(|it| it.ending.settled())
    })
}

/// What was last carried out of a source's rows; `None`: of the home source's.
fn print_of(person: &Person, source: Option<&SourceName>) -> u128 {
    if person.facing.as_ref() == source {
        return person.fingerprint;
    }
    let part = person.parts.get(source.unwrap_or(&person.source));
    part.map_or(0, |part| part.fingerprint)
}

fn with_before(
    some: Vec<Recorded>,
    state: &State,
    outcomes: &Outcomes,
    source: Option<&Option<SourceName>>,
) -> Result<Vec<(String, Deed)>, StoreError> {
    let places: Vec<Option<usize>> = some
        .iter()
        .map(|it| {
            let key = it.line.person.hot().key;
            state.hot().binary_search_by_key(&key, |hot| hot.key).ok()
        })
        .collect();
    let known: Vec<usize> = places.iter().flatten().copied().collect();
    let mut before = state.persons(&known)?.into_iter();
    let mut out = Vec::with_capacity(some.len());
    for (recorded, place) in some.into_iter().zip(places) {
        let before = place.and_then(|_| before.next());
        let person = &recorded.line.person;
        let mut done: Vec<Done> = recorded
            .order
            .iter()
            .flat_map(WorkOrder::every)
            // A look is no deed.
            .filter(|action| !action.op.proves())
            .filter_map(|action| {
                let outcome = outcomes.get(&action.id)?;
                outcome.ending.settled().then(|| Done {
                    action: action.clone(),
                    already: outcome.ending == rollcall_core::model::Ending::Already,
                })
            })
            .collect();
        done.sort_by_key(|it| it.action.place);
        let absent = done
            .iter()
            .any(|it| it.action.reason == Reason::AbsentTwice);
        // Whose word it was: that of the file, where that said something new, or of what counts.
        let said = |source: &&Option<SourceName>| {
            let known = before.as_ref();
            let known = known.map_or(0, |it| print_of(it, source.as_ref()));
            print_of(person, source.as_ref()) != known
        };
        let source = source.filter(said).unwrap_or(&person.facing);
        let print = print_of(person, source.as_ref());
        let seen = (print != 0 && !absent).then(|| format!("{print:032x}"));
        let nothing = done.is_empty();
        let key = format!("{:032x}", person.hot().key);
        let deed = Deed {
            done,
            values: recorded.values.into_values().collect(),
            before: before.map(Box::new),
            revision: person.revision + u32::from(recorded.line.heard && nothing),
            seen,
            absent,
            source: source.clone(),
        };
        out.push((key, deed));
    }
    Ok(out)
}
