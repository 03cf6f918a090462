//! Everybody and every account that is not plainly in step, looked at whole and put into a class.
//!
//! Persons are read from the state some thousand at a time. Invariant: each account has one line, and
//! each person without an account has one.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use rollcall_core::circles::main_employment;
use rollcall_core::guards;
use rollcall_core::mapping::Given;
use rollcall_core::model::{Account, ObjectId, SourceName, WorkerId};
use rollcall_core::policy::{Policy, day_start};
use rollcall_core::reconcile::{
    Because, Class, Facts, Judged, Line, Populations, Register, SignIn, Terms, Totals, Word,
    class_cells, classify, line, word,
};
use rollcall_core::report::LateCause;
use rollcall_core::state::{BlockCause, Identity, Parking, Person};

use super::TARGET;
use super::accounts::{Joined, NOBODY, Odd, Pair, sign_in};
use super::people::{People, Row, WORKER_TYPE, said};
use crate::plan::PlanError;
use crate::run::RunError;
use crate::sources::Feeds;
use crate::spool::Spool;
use crate::state::State;

/// Persons that are read from the state together.
const AT_ONCE: usize = 4096;

/// Lines, and what they add up to.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) csv: Spool,
    pub(super) totals: Totals,
    pub(super) populations: Populations,
    /// Differences by attribute, and by how they came about.
    pub(super) drift: BTreeMap<String, BTreeMap<Because, u64>>,
    /// Accounts of people whom a plan may mend, ascending.
    pub(super) mendable: Vec<ObjectId>,
}

/// What lines are judged by.
pub(super) struct Judge<'a> {
    pub(super) feeds: &'a Feeds,
    pub(super) policy: &'a Policy,
    pub(super) register: &'a Register,
    pub(super) state: &'a State,
    pub(super) terms: Terms<'a>,
    pub(super) given: Given<'a>,
    pub(super) sign_ins: bool,
}

/// One person with what HR says.
struct Subject {
    person: Option<Person>,
    jobs: Vec<Identity>,
    word: Option<Word>,
    wanted: Option<Identity>,
    key: String,
    worker: String,
    source: SourceName,
}

impl Judge<'_> {
    /// Writes every line but the header and the totals.
    pub(super) fn all(&self, people: &mut People, joined: &mut Joined) -> Result<Lines, RunError> {
        let mut out = Lines::default();
        out.populations.tenant = joined.count;
        out.populations.state = self.state.hot().len() as u64;
        Self::in_step(joined, &mut out)?;
        let mut chunk: Vec<(u32, Vec<u64>)> = Vec::new();
        let mut odd = std::mem::take(&mut joined.odd).into_iter().peekable();
        for at in 0..joined.pairs.len() {
            let pair = u32::try_from(at).unwrap_or(NOBODY);
            let mut bytes = Vec::new();
            while let Some((_, byte)) = odd.next_if(|(of, _)| *of == pair) {
                bytes.push(byte);
            }
            if joined.accounts[at] == 0 || !bytes.is_empty() {
                chunk.push((pair, bytes));
            } else {
                // In step, and written.
                out.populations.hr += 1;
            }
            if chunk.len() >= AT_ONCE {
                self.some(std::mem::take(&mut chunk), people, joined, &mut out)?;
            }
        }
        self.some(chunk, people, joined, &mut out)?;
        for (_, byte) in odd {
            let odd = joined.odd_at(byte).map_err(PlanError::Spool)?;
            self.nobodys(&odd, &mut out)?;
        }
        out.mendable.sort_unstable();
        out.mendable.dedup();
        Ok(out)
    }

    /// Accounts that were found in step, but for those that are not the only one of their person.
    fn in_step(joined: &mut Joined, out: &mut Lines) -> Result<(), RunError> {
        let (mut line, mut text) = (Vec::new(), String::new());
        while let Some(pair) = joined.next_in_step(&mut line).map_err(PlanError::Spool)? {
            let rivals = usize::from(joined.accounts[pair as usize]) - 1;
            text.clear();
            let class = if rivals == 0 {
                class_cells(Class::Matched, "", &mut text);
                Class::Matched
            } else {
                let reason = rollcall_core::reconcile::rivals(rivals);
                class_cells(Class::DuplicateMatch, &reason, &mut text);
                Class::DuplicateMatch
            };
            out.totals.add(class);
            out.populations.joined += 1;
            out.csv.write(text.as_bytes()).map_err(PlanError::Spool)?;
            out.csv.write(&line).map_err(PlanError::Spool)?;
        }
        Ok(())
    }

    fn some(
        &self,
        chunk: Vec<(u32, Vec<u64>)>,
        people: &mut People,
        joined: &mut Joined,
        out: &mut Lines,
    ) -> Result<(), RunError> {
        let pairs: Vec<Pair> = chunk
            .iter()
            .map(|(at, _)| joined.pairs[*at as usize])
            .collect();
        let known: Vec<usize> = pairs.iter().filter_map(|pair| pair.hot()).collect();
        let mut persons = self.state.persons(&known)?.into_iter();
        for ((at, bytes), pair) in chunk.into_iter().zip(pairs) {
            let person = pair.hot().and_then(|_| persons.next());
            let rows = pair.row().map(|from| people.of(from).to_vec());
            let subject = self.subject(person, &rows.unwrap_or_default(), people)?;
            out.populations.hr += u64::from(!subject.jobs.is_empty());
            if bytes.is_empty() {
                if subject.word.is_some() || subject.person.is_some() {
                    self.write(&subject, None, 0, out)?;
                }
                continue;
            }
            let rivals = usize::from(joined.accounts[at as usize]) - 1;
            for byte in bytes {
                let odd = joined.odd_at(byte).map_err(PlanError::Spool)?;
                self.write(&subject, Some(&odd), rivals, out)?;
            }
        }
        Ok(())
    }

    /// What HR says of a person: by the rows of full files, and where the newest data of a source are
    /// none, by what was taken in of them.
    fn subject(
        &self,
        person: Option<Person>,
        rows: &[Row],
        people: &mut People,
    ) -> Result<Subject, RunError> {
        let home = &self.feeds.home().name;
        let owners = self.feeds.owners();
        let (mut jobs, mut believed, mut key) = (Vec::new(), Vec::new(), None);
        for row in rows {
            let feed = people.sources[usize::from(row.source)].feed;
            let beside = self.feeds.beside(&self.feeds.all()[feed].name);
            let (mut job, of, sound) = people.map(row, beside, &self.given)?;
            if let Some(person) = &person {
                owners.settle(&mut job, &person.owned, home);
            }
            key = key.or(of);
            let says = word([&job], self.policy, self.terms.now);
            if !row.held && (sound || matches!(says, Word::Over { .. })) {
                believed.push(job.clone());
            }
            jobs.push(job);
        }
        for job in person.iter().flat_map(Person::employments) {
            let stands = people.stands(job.source.as_ref(), home);
            if stands && !jobs.iter().any(|it| it.same_job(job)) {
                believed.push(job.clone());
                jobs.push(job.clone());
            }
        }
        let word = if jobs.is_empty() {
            None
        } else if believed.is_empty() {
            Some(Word::Doubtful)
        } else {
            Some(word(&believed, self.policy, self.terms.now))
        };
        let wanted = self.wanted(person.as_ref(), &believed);
        let first = believed.first().or(jobs.first());
        let worker = first.map(|job| job.worker.clone());
        let worker = worker.or_else(|| person.as_ref().map(|it| it.worker.clone()));
        let worker = worker.map(|it| it.as_str().to_owned()).unwrap_or_default();
        let named = wanted.as_ref().or(first);
        let source = named.and_then(|it| it.source.clone());
        let known = person.as_ref().map(|it| it.person.as_str().to_owned());
        Ok(Subject {
            word,
            key: known.or(key).unwrap_or_else(|| worker.clone()),
            worker: wanted
                .as_ref()
                .map_or(worker, |it| it.worker.as_str().to_owned()),
            source: source.unwrap_or_else(|| home.clone()),
            wanted,
            jobs,
            person,
        })
    }

    /// The values that hold now: of the employment that counts, and before its row holds, of the row
    /// before it.
    fn wanted(&self, person: Option<&Person>, believed: &[Identity]) -> Option<Identity> {
        let (policy, now) = (self.policy, self.terms.now);
        let live = believed.iter().filter(|job| {
            let says = word([*job], policy, now);
            matches!(says, Word::InForce | Word::Ahead { .. })
        });
        let live: Vec<Identity> = live.cloned().collect();
        let today = now.to_zoned(TimeZone::UTC).date();
        let main = main_employment(&live, today)?;
        let zone = main.zone.as_ref().or(policy.default_zone.as_ref());
        let zone = zone.and_then(|it| jiff::tz::db().get(it).ok());
        let zone = zone.unwrap_or(TimeZone::UTC);
        let later = main
            .terms
            .effective
            .is_some_and(|from| day_start(from, &zone) > now);
        let before = person.filter(|_| later).and_then(|person| {
            let until = person.until.iter().find(|it| it.same_job(main));
            until.or(person.wanted.as_ref())
        });
        Some(before.unwrap_or(main).clone())
    }

    /// An account of which neither HR nor the state knows anybody.
    fn nobodys(&self, odd: &Odd, out: &mut Lines) -> Result<(), RunError> {
        let subject = Subject {
            person: None,
            jobs: Vec::new(),
            word: None,
            wanted: None,
            key: String::new(),
            worker: String::new(),
            source: SourceName::new(""),
        };
        self.write(&subject, Some(odd), 0, out)
    }

    fn write(
        &self,
        subject: &Subject,
        odd: Option<&Odd>,
        rivals: usize,
        out: &mut Lines,
    ) -> Result<(), RunError> {
        let account = odd.map(|it| &it.account);
        let nobodys = subject.person.is_none() && subject.word.is_none();
        let exception = account.filter(|_| nobodys);
        let exception =
            exception.and_then(|it| self.register.of(it, self.terms.target, self.terms.now));
        let person = subject.person.as_ref();
        let facts = Facts {
            word: subject.word,
            wanted: subject.wanted.as_ref(),
            person,
            account,
            rivals,
            sign_in: match account {
                Some(account) if self.sign_ins => sign_in(account),
                Some(_) | None => SignIn::Unread,
            },
            exception,
            protected: account.is_some_and(|it| self.protects(it)),
        };
        let judged = classify(&facts, &self.terms);
        count(subject, account, &judged, out);
        let mut text = String::new();
        class_cells(judged.class, &judged.reason, &mut text);
        let row = subject.wanted.as_ref().or(subject.jobs.first());
        let row = row.or(person.and_then(|it| it.wanted.as_ref()));
        let cut = person.and_then(|it| it.cut);
        let of = |attribute: &str| row.map_or("", |row| said(row, attribute));
        let says = subject.word.or(person.map(|_| Word::Gone));
        let source = subject.source.as_str();
        line(
            &Line {
                drift: &judged.drift,
                worker: &subject.worker,
                person: &subject.key,
                source,
                worker_type: of(WORKER_TYPE),
                status: row.map_or("", |row| row.status.as_str()),
                word: says.map_or("", Word::name),
                entity: of(&self.register.legal_entity),
                site: of(&self.register.site),
                zone: row.and_then(|it| it.zone.as_deref()).unwrap_or_default(),
                hire: row.and_then(|it| it.hire),
                last_day: row.and_then(|it| it.last_day),
                termination: row.and_then(|it| it.terms.termination),
                entered: cut.and_then(|it| it.entered),
                seen: cut.and_then(|it| it.seen),
                due: judged.cut.map(|it| it.due),
                basis: judged.cut.map_or("", |it| basis(it.cause)),
                target: account.map_or("", |_| TARGET),
                object: account.map_or("", |it| it.id.as_str()),
                name: account.map_or("", |it| it.name.reveal()),
                expected: judged.expected,
                enabled: account.map(|it| it.enabled),
                late: judged.late.map(|it| it.whole.as_secs()),
                late_cause: judged.late_cause().map_or("", LateCause::name),
                sla: judged.sla_seconds(self.terms.sla),
                sign_in: facts.sign_in.at(),
                by: odd.filter(|_| !nobodys).map_or(
                    "",
                    |odd| {
                        if odd.linked { "object" } else { "key" }
                    },
                ),
                exception: exception.map(|it| (it.name.as_str(), it.owner.as_str(), it.until)),
                legal_hold: person.is_some_and(|it| {
                    let held = it.parked.get(&Parking::LegalHold);
                    held.is_some_and(|parked| parked.released.is_none())
                }),
            },
            &mut text,
        );
        out.csv.write(text.as_bytes()).map_err(PlanError::Spool)?;
        Ok(())
    }

    fn protects(&self, account: &Account) -> bool {
        let worker = WorkerId::new(account.key.as_deref().unwrap_or_default());
        guards::protects(self.policy, &worker, Some(&account.name), Some(&account.id))
    }
}

fn count(subject: &Subject, account: Option<&Account>, judged: &Judged, out: &mut Lines) {
    out.totals.add(judged.class);
    let nobodys = subject.person.is_none() && subject.word.is_none();
    match account {
        Some(_) if nobodys => out.populations.without_person += 1,
        Some(_) => out.populations.joined += 1,
        None => out.populations.without_account += 1,
    }
    for it in &judged.drift {
        let of = out.drift.entry(it.attribute.clone()).or_default();
        *of.entry(it.because).or_default() += 1;
    }
    let linked = subject.person.as_ref().and_then(|it| it.object.as_ref());
    let ours = account.filter(|it| linked == Some(&it.id));
    let enabled = ours.is_some_and(|it| it.enabled);
    let mends = match judged.class {
        Class::MatchedDrift => ours.is_some(),
        Class::LeaverActive | Class::AccessAfterTermination => enabled,
        Class::Matched
        | Class::OrphanAccount
        | Class::MissingAccount
        | Class::LeaverLate
        | Class::Dormant
        | Class::DuplicateMatch
        | Class::ExceptionExpired
        | Class::Protected
        | Class::Excluded
        | Class::OnHold
        | Class::Unknown => false,
    };
    out.mendable
        .extend(ours.filter(|_| mends).map(|it| it.id.clone()));
}

/// By what access ends, as files name it.
const fn basis(cause: BlockCause) -> &'static str {
    match cause {
        BlockCause::Status => "status",
        BlockCause::LastDay => "last_day",
        BlockCause::Absence => "absence",
        BlockCause::ForCause => "for_cause",
        BlockCause::NoShow => "no_show",
        BlockCause::Deceased => "deceased",
        BlockCause::Leave => "leave",
        BlockCause::Garden => "garden",
        BlockCause::CalledOff => "called_off",
        BlockCause::Undone => "undone",
    }
}
