//! Budgets of parts of the company: what they count, read from rows and state.
//!
//! Core says who is in which slice ([`rollcall_core::slices`]); here the people of a slice are
//! counted where a percentage of them matters. That takes one pass over the state, and is done only
//! where a slice with a percentage is over its count: on an ordinary night nobody is read for it.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_core::circles::Below;
use rollcall_core::model::{Finding, FindingKind, Place, Severity, WorkerId};
use rollcall_core::slices::{Judged, Slices};
use rollcall_core::state::key_prefix;

use super::drafts::Drafts;
use super::lines::{Lines, known_person};
use super::{CHUNK, PlanError, Request};

/// The slices of a policy.
pub(super) fn compile(request: &Request<'_>) -> Result<Option<Slices>, PlanError> {
    Slices::compile(request.policy, request.mapping, &request.key).map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        PlanError::Rule(errors.join("; "))
    })
}

/// Judges what a plan would take in each slice.
pub(super) fn judge(
    drafts: &mut Drafts,
    lines: &Lines,
    request: &Request<'_>,
    findings: &mut Vec<Finding>,
) -> Result<Judged, PlanError> {
    let Some(slices) = &mut drafts.slices else {
        return Ok(drafts.tally.without_slices());
    };
    let known: Vec<(usize, u64)> = lines.known().collect();
    for (slice, top) in slices.tops() {
        if known.iter().any(|(at, _)| *at == slice) {
            slices.line(slice);
        } else {
            slices.without_top(slice);
            findings.push(without_top(&top));
        }
    }
    let before = &request.slices_before;
    let people = if drafts.tally.asks_for_people(slices, before) {
        Some(people(slices, &known, request)?)
    } else {
        None
    };
    Ok(drafts.tally.judge(slices, before, people.as_ref()))
}

/// Nobody is in the slice, so that it bounds nothing.
fn without_top(top: &str) -> Finding {
    let note = format!(
        "no accepted file has worker {top}, whose line a slice of the budget is: it holds nobody back; \
         correct `under` in [[budgets.slice]]"
    );
    let kind = FindingKind::SliceWithoutTop;
    Finding::new(kind, Severity::Warning, Place::default(), note).of(&WorkerId::new(top))
}

/// The managed accounts by part, as the state has them. Memory: 24 bytes for each person where a
/// line of managers is a slice, nothing for each where none is.
fn people(
    slices: &mut Slices,
    tops: &[(usize, u64)],
    request: &Request<'_>,
) -> Result<BTreeMap<usize, u32>, PlanError> {
    let state = request.state;
    let mut out: BTreeMap<usize, u32> = BTreeMap::new();
    // Of each person the manager, 0 where the state knows none, and whether the account is managed.
    let mut managers: Vec<(u64, u64, bool)> = Vec::new();
    let looked_at: Vec<usize> = (0..state.hot().len())
        .filter(|at| !tops.is_empty() || state.hot()[*at].managed())
        .collect();
    for chunk in looked_at.chunks(CHUNK) {
        for person in state.persons(chunk)? {
            let managed = person.hot().managed();
            let mut parts = BTreeSet::new();
            for identity in person.employments().filter(|_| managed) {
                slices.by_words(identity, true, request.now, &mut parts);
            }
            for part in parts {
                *out.entry(part).or_default() += 1;
            }
            if !tops.is_empty() {
                let said = person.wanted.as_ref().and_then(|it| it.manager.as_ref());
                let manager = said.or(person.manager.as_ref());
                let manager = manager.and_then(|it| known_person(it, request));
                let key = key_prefix(person.hot().key);
                managers.push((key, manager.unwrap_or(0), managed));
            }
        }
    }
    managers.sort_unstable();
    for (slice, top) in tops {
        let mut below = Below::new(*top);
        let part = slices.line(*slice);
        for (person, manager, _) in managers.iter().filter(|(_, _, managed)| *managed) {
            let inside =
                person == top || below.has(*manager, |at| Ok::<_, PlanError>(up(&managers, at)))?;
            if inside {
                *out.entry(part).or_default() += 1;
            }
        }
    }
    Ok(out)
}

/// The manager of somebody, of an ascending list.
fn up(managers: &[(u64, u64, bool)], person: u64) -> Option<u64> {
    let at = managers.partition_point(|(it, _, _)| *it < person);
    let found = managers.get(at).filter(|(it, _, _)| *it == person);
    found.map(|(_, manager, _)| *manager).filter(|it| *it != 0)
}
