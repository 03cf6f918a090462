//! What people do in a play: agree, refuse, let go.

use std::collections::BTreeSet;

use serde_json::json;

use super::case::{Event, EventKind};
use super::play::{Answer, Hold, Play};
use crate::model::PersonKey;
use crate::policy::Seen;
use crate::state::{Parked, Parking};

impl Play<'_> {
    pub(super) fn event(&mut self, event: &Event) {
        let who = event.who.as_deref().unwrap_or_default();
        let person = self.names.person(who);
        let by = event.by.as_ref().map(super::case::Names::all);
        let by = by.unwrap_or_default();
        match event.event {
            EventKind::Approve => {
                let holds = self.asked_by(event, who, person);
                let complete: Vec<_> = holds
                    .into_iter()
                    .filter(|hold| self.agree(hold, &by))
                    .collect();
                for hold in complete {
                    self.agreed(&hold);
                }
            }
            EventKind::Reject if event.kind.as_deref() == Some("wipe") => self.rejected(who),
            EventKind::Reject => {
                for hold in self.asked_by(event, who, person) {
                    if let Some(ask) = self.asks.get_mut(&hold).filter(|ask| ask.is_open()) {
                        ask.answer = Answer::Refused;
                    }
                }
            }
            EventKind::Release => {
                let parking = match event.code.as_deref() {
                    Some("LEGAL_HOLD") => Parking::LegalHold,
                    _ => Parking::DeceasedReview,
                };
                let hold = Hold::Parked(person, parking);
                let needs = match parking {
                    Parking::LegalHold => self.params.agree.legal_hold,
                    Parking::DeceasedReview => self.params.agree.deceased_review,
                };
                self.ask(hold.clone(), needs);
                if self.agree(&hold, &by) {
                    self.agreed(&hold);
                }
            }
            EventKind::LegalHold => {
                let since = self.now;
                if let Some(person) = self.people.get_mut(&person) {
                    let parked = Parked {
                        since,
                        told: false,
                        released: None,
                    };
                    person.parked.insert(Parking::LegalHold, parked);
                }
                self.again([person]);
            }
            EventKind::Owner => {
                let thing = event.thing.as_deref().and_then(super::estate::thing);
                let object = self.people.get(&person).and_then(|it| it.object.clone());
                if let (Some(thing), Some(object)) = (thing, object) {
                    self.tenant.keep(thing, &object);
                }
            }
            EventKind::AssetReturned | EventKind::AssetLost => self.device_word(event),
            EventKind::TenantApproval | EventKind::Observed => {
                self.device_event(event);
            }
        }
    }

    /// The requests that an answer is about.
    fn asked_by(&self, event: &Event, who: &str, person: PersonKey) -> Vec<Hold> {
        match event.kind.as_deref() {
            Some("plan") => {
                let of = event.run.unwrap_or(self.run);
                let all = self.asks.keys();
                let all = all.filter(|hold| matches!(hold, Hold::Run(run, _) if *run == of));
                all.cloned().collect()
            }
            Some("new_account") => vec![Hold::IdReuse(self.reused_key(who))],
            Some("wipe") => vec![Hold::Wipe(who.to_owned())],
            _ => vec![Hold::Protected(person)],
        }
    }

    pub(super) fn reused_key(&self, who: &str) -> String {
        let named = self
            .reused
            .iter()
            .find(|(key, person)| key.as_str() == who || person.as_str() == who);
        named.map_or_else(|| who.to_owned(), |(key, _)| key.clone())
    }

    /// Takes consent down; whether it is complete now.
    pub(super) fn agree(&mut self, hold: &Hold, by: &[String]) -> bool {
        let now = self.now;
        let window = self.params.second_within;
        let mut refused = Vec::new();
        let mut complete = false;
        if let Some(ask) = self.asks.get_mut(hold).filter(|ask| ask.is_open()) {
            for name in by {
                if ask.submitter.as_ref() == Some(name) {
                    refused.push((name.clone(), ask.run));
                } else if !ask
                    .given
                    .iter()
                    .any(|(known, at)| known == name && now.duration_since(*at) <= window)
                {
                    ask.given.push((name.clone(), now));
                }
            }
            let recent = ask.given.iter();
            let recent = recent.filter(|(_, at)| now.duration_since(*at) <= window);
            let names: BTreeSet<&String> = recent.map(|(name, _)| name).collect();
            complete = names.len() >= ask.needs;
            if complete {
                ask.answer = Answer::Agreed;
                let person = match hold {
                    Hold::Protected(person) | Hold::Parked(person, _) => Some(person),
                    Hold::Run(..) | Hold::IdReuse(_) | Hold::Wipe(_) => None,
                };
                self.metrics.agreed(person, ask.run, ask.since, now);
            }
        }
        for (name, run) in refused {
            let args = json!({"code": "APPROVER_IS_SUBMITTER", "by": name});
            self.enter("report.exception", "run", None, run, args);
        }
        complete
    }

    /// What people let go.
    pub(super) fn agreed(&mut self, hold: &Hold) {
        match hold {
            Hold::Protected(person) => self.again([person.clone()]),
            Hold::Run(run, code) => {
                let people = self.held_people.get(&(*run, *code)).cloned();
                let people = people.unwrap_or_default();
                self.again(people);
            }
            Hold::Parked(person, parking) => {
                let now = self.now;
                if let Some(parked) = self
                    .people
                    .get_mut(person)
                    .and_then(|it| it.parked.get_mut(parking))
                {
                    parked.released = Some(now);
                }
                self.again([person.clone()]);
            }
            Hold::IdReuse(worker) => {
                if let Some(person) = self.reused.remove(worker) {
                    self.names.workers.insert(worker.clone(), person.clone());
                    let seen = self.row_seen(&person);
                    let managed = self.managed();
                    self.pass([(person, seen)].into(), true, false, managed);
                }
            }
            Hold::Wipe(device) => self.wipe_agreed(device),
        }
    }

    /// Persons decided about once more, with nothing new from HR.
    pub(super) fn again(&mut self, people: impl IntoIterator<Item = PersonKey>) {
        let touched = people
            .into_iter()
            .filter(|person| self.people.contains_key(person))
            .map(|person| (person, Seen::Before));
        let touched = touched.collect();
        let managed = self.managed();
        self.pass(touched, false, self.is_stale(), managed);
    }
}
