//! What people do in a play: agree, refuse, let go.

use std::collections::BTreeSet;

use serde_json::json;

use super::case::{Event, EventKind};
use super::play::{Hold, Play};
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
                let hold = match event.kind.as_deref() {
                    Some("plan") => Hold::Run(event.run.unwrap_or(self.run)),
                    Some("new_account") => Hold::IdReuse(self.reused_key(who)),
                    Some("wipe") => Hold::Wipe(who.to_owned()),
                    _ => Hold::Protected(person),
                };
                if self.agree(&hold, &by) {
                    self.agreed(&hold);
                }
            }
            EventKind::Reject => self.rejected(who),
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
            EventKind::AssetReturned | EventKind::TenantApproval | EventKind::Observed => {
                self.device_event(event);
            }
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
        if let Some(ask) = self.asks.get_mut(hold).filter(|ask| ask.open) {
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
                ask.open = false;
                let person = match hold {
                    Hold::Protected(person) | Hold::Parked(person, _) => Some(person),
                    Hold::Run(_) | Hold::IdReuse(_) | Hold::Wipe(_) => None,
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
            Hold::Run(run) => {
                let people = self.held_people.get(run).cloned().unwrap_or_default();
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
