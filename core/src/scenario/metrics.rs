//! What a report says of a play: when something was due, when it came, and why it was late.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};

use super::play::Play;
use crate::model::{Op, PersonKey};
use crate::policy::{Decision, DraftAction, Reason};
use crate::report::{Late, LateCause};
use crate::state::{BlockCause, Lifecycle};

/// What is known of one person's last event.
#[derive(Debug, Clone, Default)]
struct Record {
    kind: Option<&'static str>,
    state: Option<&'static str>,
    due: Option<Timestamp>,
    basis: Option<&'static str>,
    acted: Option<Timestamp>,
    blocked: Option<Timestamp>,
    enabled: Option<Timestamp>,
    /// The run that first saw it.
    seen: Option<Timestamp>,
    entered: Option<Timestamp>,
    codes: BTreeMap<String, Timestamp>,
}

/// All that reports are asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Metrics {
    people: BTreeMap<PersonKey, Record>,
    runs: BTreeMap<u32, &'static str>,
    decided: BTreeMap<u32, f64>,
    /// Values as they were at the last listed instant.
    values: BTreeMap<(PersonKey, String), Json>,
    classes: BTreeMap<PersonKey, &'static str>,
}

impl Metrics {
    pub(super) fn run_ended(&mut self, run: u32, state: &'static str) {
        self.runs.insert(run, state);
    }

    pub(super) fn agreed(
        &mut self,
        person: Option<&PersonKey>,
        run: u32,
        since: Timestamp,
        now: Timestamp,
    ) {
        let hours = now.duration_since(since).as_secs_f64() / 3600.0;
        match person {
            Some(person) => {
                let metric = "hours_to_decision".to_owned();
                self.values.insert((person.clone(), metric), number(hours));
            }
            None => {
                self.decided.insert(run, hours);
            }
        }
    }

    pub(super) fn exception(&mut self, person: &PersonKey, code: &str, at: Timestamp) {
        let record = self.people.entry(person.clone()).or_default();
        record.codes.insert(code.to_owned(), at);
    }

    /// What a decision plans tells what happened to somebody.
    pub(super) fn decided(
        &mut self,
        person: &PersonKey,
        decision: &Decision,
        _run: u32,
        now: Timestamp,
    ) {
        let Some(draft) = &decision.draft else {
            if !decision.withdrawn.is_empty()
                && let Some(record) = self.people.get_mut(person)
            {
                record.state = Some("cancelled");
            }
            return;
        };
        let record = self.people.entry(person.clone()).or_default();
        let Some((kind, due, basis)) = event(draft.steps(), decision) else {
            return;
        };
        if record.kind != Some(kind) || record.due != Some(due) {
            *record = Record {
                kind: Some(kind),
                state: Some("planned"),
                due: Some(due),
                basis: Some(basis),
                seen: Some(now),
                entered: decision
                    .person
                    .wanted
                    .as_ref()
                    .and_then(|row| row.terms.entered),
                blocked: record.blocked,
                codes: std::mem::take(&mut record.codes),
                ..Record::default()
            };
        }
    }

    pub(super) fn done(&mut self, person: &PersonKey, step: &DraftAction, now: Timestamp) {
        let record = self.people.entry(person.clone()).or_default();
        match step.op {
            Op::UserDisable | Op::UserRevokeSessions => {
                if step.reason.block_cause().is_some() && record.acted.is_none() {
                    record.acted = Some(now);
                    record.state = Some("done");
                }
                if step.op == Op::UserDisable {
                    record.blocked = Some(now);
                }
            }
            Op::UserEnable => {
                record.enabled = Some(now);
                if record.kind != Some("leaver") {
                    record.acted = Some(now);
                    record.state = Some("done");
                }
            }
            Op::UserUpdate | Op::GroupAdd
                if matches!(record.kind, Some("mover" | "conversion")) =>
            {
                record.acted.get_or_insert(now);
                record.state = Some("done");
            }
            _ => {}
        }
    }

    /// What the report says at the last listed instant.
    pub(super) fn close(&mut self, play: &Play<'_>) {
        for (person, record) in &self.people {
            let mut say = |metric: &str, value: Json| {
                self.values
                    .insert((person.clone(), metric.to_owned()), value);
            };
            let text = |value: Option<&'static str>| value.map_or(Json::Null, |it| json!(it));
            say("event_type", text(record.kind));
            say("event_state", text(record.state));
            say("due_basis", text(record.basis));
            if let Some(due) = record.due {
                say("due_utc", json!(due.to_string()));
            }
            let leaver = record.kind == Some("leaver");
            say("leaver_rows", json!(u32::from(leaver)));
            say("devices_pending", json!(play.devices_pending(person)));
            if let (Some(blocked), Some(enabled)) = (record.blocked, record.enabled)
                && enabled >= blocked
            {
                let hours = enabled.duration_since(blocked).as_secs_f64() / 3600.0;
                say("hours_blocked", number(hours));
            }
            if let (Some(due), Some(acted)) = (record.due, record.acted) {
                let known = record.entered.or(record.seen).unwrap_or(due);
                let late = Late::of(due, acted, known);
                say("lateness_seconds", json!(late.whole.as_secs()));
                say("lateness_hr_seconds", json!(late.hr.as_secs()));
                say("lateness_pipeline_seconds", json!(late.ours().as_secs()));
                let cause = late.cause().map_or("none", LateCause::name);
                say("lateness_cause", json!(cause));
                let sla = play.sla(person, record.kind);
                let met = sla.map(|sla| acted.duration_since(due) <= sla);
                let met = met.map_or_else(|| json!("none"), |met| json!(met));
                say("sla_met", met);
            } else {
                say("sla_met", json!("none"));
            }
        }
        for person in play.everybody() {
            let late = self.values.get(&(person.clone(), "sla_met".to_owned()));
            let late = late == Some(&json!(false));
            let class = play.class(&person, late);
            self.classes.insert(person, class);
        }
    }

    pub(super) fn of_person(&self, person: &PersonKey, metric: &str) -> Option<&Json> {
        self.values.get(&(person.clone(), metric.to_owned()))
    }

    pub(super) fn of_run(&self, run: u32, metric: &str) -> Option<Json> {
        match metric {
            "run_state" => self.runs.get(&run).map(|it| json!(it)),
            "hours_to_decision" => self.decided.get(&run).map(|it| number(*it)),
            _ => None,
        }
    }

    pub(super) fn class(&self, person: &PersonKey) -> Option<&'static str> {
        self.classes.get(person).copied()
    }

    pub(super) fn has_code(&self, person: &PersonKey, code: &str) -> bool {
        let record = self.people.get(person);
        record.is_some_and(|it| it.codes.contains_key(code))
    }
}

fn number(value: f64) -> Json {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "hours of a play are far below what fits"
    )]
    if value.fract() == 0.0 {
        json!(value as i64)
    } else {
        json!(value)
    }
}

/// What happened, when it is due, and by what.
fn event<'s>(
    steps: impl Iterator<Item = &'s DraftAction>,
    decision: &Decision,
) -> Option<(&'static str, Timestamp, &'static str)> {
    let steps: Vec<&DraftAction> = steps.collect();
    let of = |fits: &dyn Fn(&DraftAction) -> bool| steps.iter().find(|step| fits(step)).copied();
    let person = &decision.person;
    let cut = of(&|step| step.op.cut() && step.reason.block_cause().is_some());
    if let Some(step) = cut {
        let kind = match step.reason.block_cause()? {
            BlockCause::NoShow => "noshow",
            BlockCause::Deceased => "deceased",
            BlockCause::Leave => "leave",
            BlockCause::CalledOff => "rescinded",
            _ => "leaver",
        };
        let row = person.wanted.as_ref();
        let only_end = row.is_some_and(|row| row.last_day.is_none());
        let basis = match step.reason {
            Reason::LastDay { .. } if only_end => "termination",
            Reason::LastDay { .. } => "last_day",
            Reason::Garden { .. } => "garden_leave",
            Reason::Leave { .. } => "leave",
            _ => "run",
        };
        return Some((kind, step.due, basis));
    }
    if of(&|step| step.reason == Reason::CalledOff).is_some() {
        let due = person.cut.map(|it| it.cut.due)?;
        return Some(("rescinded", due, "run"));
    }
    let enable = of(&|step| step.op == Op::UserEnable);
    if let Some(step) = enable {
        return Some(match &step.reason {
            Reason::LeaveOver => {
                let row = person.wanted.as_ref()?;
                let zone = TimeZone::get(row.zone.as_deref()?).ok()?;
                let to = row.terms.leave.and_then(|it| it.to);
                let due = to.map_or(step.due, |to| {
                    crate::policy::day_start(to.tomorrow().unwrap_or(to), &zone)
                });
                ("leave", due, "leave")
            }
            Reason::InForceAgain => ("leaver_reversed", step.due, "run"),
            _ => {
                let again = matches!(person.lifecycle, Lifecycle::Blocked | Lifecycle::Deleted);
                let kind = if again { "rehire" } else { "joiner" };
                (kind, step.anchor.unwrap_or(step.due), "hire")
            }
        });
    }
    let update = of(&|step| step.op == Op::UserUpdate);
    let due = update
        .or_else(|| of(&|step| step.op.grants()))
        .map(|it| it.due)?;
    let converts = update.is_some_and(|step| step.after.contains_key("employeeId"));
    let kind = if converts { "conversion" } else { "mover" };
    Some((kind, due, "run"))
}

impl Play<'_> {
    /// How long a cut may take.
    fn sla(&self, person: &PersonKey, kind: Option<&'static str>) -> Option<jiff::SignedDuration> {
        let block = self.people.get(person).and_then(|it| it.block);
        match kind {
            Some("leaver") if block.is_some_and(|it| it.cut.cause == BlockCause::ForCause) => {
                Some(self.params.sla_for_cause)
            }
            Some("leaver") => Some(self.params.sla_leaver),
            _ => None,
        }
    }

    /// Persons, and accounts of nobody.
    fn everybody(&self) -> Vec<PersonKey> {
        let accounts = self.names.accounts();
        let mut out: Vec<PersonKey> = self.people.keys().chain(accounts).cloned().collect();
        out.sort();
        out.dedup();
        out
    }

    /// The class of a row of the reconciliation ("lifecycle policy", 4.4).
    fn class(&self, person: &PersonKey, late: bool) -> &'static str {
        let Some(known) = self.people.get(person) else {
            let key = self.names.account_of(person).unwrap_or_default();
            let listed = |it: &String| it == key || it == person.as_str();
            let protected = self.params.protected.iter().any(listed);
            return if protected {
                "protected"
            } else {
                "orphan_account"
            };
        };
        let rows: Vec<_> = self
            .rows
            .values()
            .filter(|row| row.person == *person)
            .collect();
        let login = known
            .object
            .as_ref()
            .and_then(|id| self.tenant.logins.get(id));
        let open = self.asks.iter().any(|(hold, ask)| {
            use super::play::Hold;
            let theirs = match hold {
                Hold::Protected(it) | Hold::Parked(it, _) => it == person,
                Hold::Run(..) | Hold::IdReuse(_) | Hold::Wipe(_) => false,
            };
            ask.is_open() && theirs
        });
        if open {
            return "on_hold";
        }
        let left = known.block.is_some_and(|block| block.cut.cause.exit());
        let cut = known
            .cut
            .is_some_and(|it| it.cut.due <= self.now && it.cut.cause.exit());
        match login {
            None if rows.is_empty() || left => "excluded",
            None => "missing_account",
            Some(login) if login.enabled && cut => "leaver_active",
            Some(_) if left && late => "leaver_late",
            Some(login) if login.enabled && rows.is_empty() => "orphan_account",
            Some(_) => "matched",
        }
    }
}
