//! What falls due on which day if HR says nothing new, and the seats of licences then.
//!
//! The same decisions as a plan, from the state alone: the target is asked for its seats and
//! nothing else. Nothing is written. What waits for people or for another person is not in it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rollcall_core::approvals::Approvals;
use rollcall_core::digest::EvidenceKey;
use rollcall_core::fold::{Outcome, Outcomes, fold};
use rollcall_core::grants::{Given, Grant, GrantRules};
use rollcall_core::groups::{Catalogue, Groups, Impact, Impacts, account_after, account_of};
use rollcall_core::model::{Account, Ending, Lookup, Op, RunId};
use rollcall_core::plan::{GroupCounts, SourceRow, seal};
use rollcall_core::policy::{
    Context, DeltaKind, Draft, DraftAction, GrantTerms, NoRules, Reason, Rules, Seen, Subject,
    Target, Workflows, decide,
};
use rollcall_core::state::{BlockCause, Person};
use serde::Serialize;

use crate::log;
use crate::run::Pipeline;
use crate::state::State;
use crate::store::StoreError;

/// Persons read at once.
const CHUNK: usize = 1000;

/// One day, in UTC.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Day {
    /// People to whom something happens.
    #[serde(skip_serializing_if = "People::is_nobody")]
    pub people: People,
    /// Steps that fall due, by operation.
    pub steps: BTreeMap<String, u32>,
    /// People who come into groups and go out of them, by those steps or by the clock alone.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, GroupCounts>,
    /// Licences of which anything becomes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub licences: BTreeMap<String, SeatDay>,
}

/// People by what happens to them, each on the one day on which it does: an account that is made two
/// weeks before, or a licence that goes a month later, is a step of that day and nobody who comes or
/// goes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct People {
    /// Their first day of work: sign-in is allowed.
    pub joiners: u32,
    /// Place, job, manager or employment changes.
    pub movers: u32,
    /// Sign-in is blocked, and they are not to come back.
    pub leavers: u32,
    /// They are back after an exit or a leave.
    pub rehires: u32,
}

impl People {
    /// Nothing happens to anybody.
    pub fn is_nobody(&self) -> bool {
        *self == Self::default()
    }

    fn count(&mut self, draft: &Draft) {
        let does = |op: Op| draft.actions.iter().filter(move |step| step.op == op);
        let exits = |step: &DraftAction| step.reason.block_cause().is_some_and(BlockCause::exit);
        let begins = |step: &DraftAction| matches!(step.reason, Reason::HireDate { .. });
        if does(Op::UserDisable).any(exits) {
            self.leavers += 1;
            return;
        }
        match draft.delta {
            DeltaKind::Mover | DeltaKind::Conversion => self.movers += 1,
            DeltaKind::Rehire => self.rehires += u32::from(does(Op::UserEnable).next().is_some()),
            DeltaKind::Joiner | DeltaKind::Leaver | DeltaKind::Update | DeltaKind::None => {
                self.joiners += u32::from(does(Op::UserEnable).any(begins));
            }
        }
    }
}

/// One licence at the end of a day.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct SeatDay {
    /// People who get it on the day.
    pub gains: u32,
    /// People who lose it on the day.
    pub losses: u32,
    /// Seats that are left; below zero: so many are short. `None`: the tenant does not say.
    pub free: Option<i64>,
}

/// The days to come.
#[derive(Debug, Default, Serialize)]
pub struct Outlook {
    /// Days on which anything happens.
    pub days: BTreeMap<Date, Day>,
    /// The first day on which a licence has too few seats, by licence.
    pub short: BTreeMap<String, Date>,
}

impl Pipeline {
    /// Looks so many days ahead.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn forecast(&self, now: Timestamp, days: u16) -> Result<Outlook, StoreError> {
        let head = log::head(&self.store).await?;
        let state = State::load(&self.store, &head.standing.state).await?;
        let groups = self.settings.groups.as_ref().map(|groups| &groups.0);
        let until = now
            .checked_add(SignedDuration::from_hours(24 * i64::from(days)))
            .unwrap_or(Timestamp::MAX);
        let seats = match groups {
            Some(groups) if !groups.licences().is_empty() => {
                // What falls due is known without.
                self.target.seats().await.unwrap_or_else(|error| {
                    tracing::warn!(%error, "The tenant's licences cannot be read.");
                    None
                })
            }
            Some(_) | None => None,
        };
        let kind = self.target.kind();
        let catalogue = Catalogue::new(seats, groups);
        let missing = BTreeSet::new();
        let workflows = Workflows::compile(&self.settings.policy, self.settings.mapping());
        let workflows = workflows.map_err(|error| StoreError::Corrupt {
            key: "policy.toml".to_owned(),
            why: error.to_string(),
        })?;
        let cx = Context {
            now,
            policy: &self.settings.policy,
            workflows: workflows.as_ref(),
            target: &kind,
            first_load: false,
            stale: false,
            matching: self.settings.mapping().matching(),
            full: false,
            grants: groups.map(|groups| GrantTerms {
                groups,
                catalogue: &catalogue,
                missing: &missing,
            }),
        };
        let mut ahead = Ahead {
            out: Outlook::default(),
            until,
            impacts: groups.map(|groups| Impacts::new(groups, &kind, &catalogue, now)),
            rules: groups.map(GrantRules::new),
        };
        let clock = groups.is_some_and(Groups::reads_clock);
        let touched: Vec<usize> = (0..state.hot().len())
            .filter(|at| {
                let hot = &state.hot()[*at];
                hot.due.is_some_and(|due| due <= until)
                    || hot.unfinished
                    || hot.held
                    || (clock && hot.managed())
            })
            .collect();
        for chunk in touched.chunks(CHUNK) {
            for person in state.persons(chunk)? {
                ahead.person(person, &cx);
            }
        }
        ahead.out.count_seats(&catalogue);
        Ok(ahead.out)
    }
}

struct Ahead<'a> {
    out: Outlook,
    until: Timestamp,
    impacts: Option<Impacts<'a>>,
    rules: Option<GrantRules<'a>>,
}

impl Ahead<'_> {
    /// From one instant at which something falls due to the next, as releases would have it: what
    /// is due is done, and the rest is decided anew.
    fn person(&mut self, mut person: Person, cx: &Context<'_>) {
        let mut account = account_of(&person);
        let mut now = cx.now;
        loop {
            let cx = Context { now, ..*cx };
            let subject = Subject {
                person,
                seen: Seen::Before,
                in_cycle: false,
            };
            let answers = answers(&subject, account.as_ref(), cx.target);
            let mut none = NoRules;
            let rules: &mut dyn Rules = match &mut self.rules {
                Some(rules) => rules,
                None => &mut none,
            };
            let decision = decide(subject, &answers, rules, &cx);
            person = decision.person;
            let due = decision.draft.filter(|draft| !draft.actions.is_empty());
            if let Some(draft) = due {
                self.out.count(now, &draft);
                if let Some(impacts) = &mut self.impacts {
                    impacts.at(now);
                    let steps = draft.actions.iter();
                    let later = std::iter::empty();
                    let impact = impacts.of(account.as_ref(), &person.grants, steps, later);
                    self.out.day(now).add(&impact);
                }
                account = account_after(account.as_ref(), draft.actions.iter(), cx.target);
                person = done(person, &draft, account.as_ref(), &cx);
            }
            let next = person.due.filter(|due| now < *due && *due <= self.until);
            if let Some(impacts) = &mut self.impacts {
                impacts.at(now);
                let until = next.unwrap_or(self.until);
                self.out
                    .flips(impacts, account.as_ref(), &person.grants, until);
            }
            match next {
                Some(next) => now = next,
                None => return,
            }
        }
    }
}

/// Somebody once the due steps of a draft are carried out.
fn done(person: Person, draft: &Draft, account: Option<&Account>, cx: &Context<'_>) -> Person {
    // Nothing of it is stored: any salt will do.
    let salt = EvidenceKey::new(*b"forecast").salt(&draft.person);
    let (order, values) = seal(draft, person.revision, &SourceRow::default(), &salt);
    let values = values.into_iter().map(|it| (it.id.clone(), it)).collect();
    let mut outcomes = Outcomes::default();
    for action in &order.actions {
        outcomes.add(Outcome {
            run: RunId::new("forecast"),
            order: order.order.clone(),
            action: action.id.clone(),
            op: action.op,
            person: order.person.clone(),
            ending: Ending::Done,
            at: cx.now,
            send: 1,
            calls: 0,
            request_id: None,
            object: account.map(|account| account.id.clone()),
            consent: None,
            proof: Vec::new(),
        });
    }
    let none = Approvals::default();
    fold(person, &order, &none, cx.now, &values, &outcomes, cx.target)
}

/// What the target would answer, by what the state knows of it.
fn answers(subject: &Subject, account: Option<&Account>, target: &Target) -> Vec<Vec<Account>> {
    let questions = subject.questions(target);
    let answer = |question: &Lookup| match question {
        Lookup::Id(_) => account.cloned().into_iter().collect(),
        Lookup::Key(_) | Lookup::Name(_) => Vec::new(),
    };
    questions.iter().map(answer).collect()
}

impl Day {
    fn add(&mut self, impact: &Impact) {
        for it in &impact.enters {
            self.groups.entry(it.group.clone()).or_default().enters += 1;
        }
        for it in &impact.leaves {
            self.groups.entry(it.group.clone()).or_default().leaves += 1;
        }
        for licence in &impact.gains {
            self.licences.entry(licence.clone()).or_default().gains += 1;
        }
        for licence in &impact.losses {
            self.licences.entry(licence.clone()).or_default().losses += 1;
        }
    }
}

impl Outlook {
    fn count(&mut self, at: Timestamp, draft: &Draft) {
        let day = self.day(at);
        day.people.count(draft);
        for step in &draft.actions {
            *day.steps.entry(step.op.name().to_owned()).or_default() += 1;
        }
    }

    /// What the clock alone does to somebody until an instant.
    fn flips(
        &mut self,
        impacts: &mut Impacts<'_>,
        account: Option<&Account>,
        grants: &BTreeMap<Grant, Given>,
        until: Timestamp,
    ) {
        let flips = account.map(|account| impacts.flips(account, grants, until));
        for (at, impact) in flips.into_iter().flatten() {
            self.day(at).add(&impact);
        }
    }

    fn day(&mut self, at: Timestamp) -> &mut Day {
        let date = at.to_zoned(TimeZone::UTC).date();
        self.days.entry(date).or_default()
    }

    /// Seats from day to day, and when they run short.
    fn count_seats(&mut self, catalogue: &Catalogue) {
        let mut free: BTreeMap<String, i64> = BTreeMap::new();
        for (date, day) in &mut self.days {
            for (licence, seat) in &mut day.licences {
                let Some(known) = catalogue.find(licence) else {
                    continue;
                };
                let left = free.entry(licence.clone()).or_insert(known.free);
                *left += i64::from(seat.losses) - i64::from(seat.gains);
                seat.free = Some(*left);
                if *left < 0 && seat.gains > 0 {
                    self.short.entry(licence.clone()).or_insert(*date);
                }
            }
        }
    }
}
