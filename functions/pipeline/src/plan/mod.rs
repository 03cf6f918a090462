//! Planning: from sealed rows, state and the tenant's answers to a stored plan.
//!
//! The shell around core: it streams rows ([`read`]), asks the tenant what core wants to know
//! ([`desk`]), and writes what core decides. Two passes: the first decides about each person alone
//! ([`drafts`]), the second settles what depends on others: names, managers, budgets
//! ([`orders`]). Everything it reads is stored, so that the same plan can be computed again from
//! the store alone (P2). Memory holds an index of the persons, never their records.

mod desk;
mod drafts;
mod gone;
mod lines;
mod orders;
mod read;
mod recall;
mod request;
mod shapes;
mod slices;
mod succession;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rollcall_core::delta::{self, Cause, Comparison, Coverage, Terms, Touch};
use rollcall_core::grants::GrantRules;
use rollcall_core::groups::{Catalogue, Group, Groups};
use rollcall_core::guards;
use rollcall_core::model::{Finding, FindingKind, ObjectId, Place, RunId, Severity};
use rollcall_core::notice;
use rollcall_core::plan::{Counts, GuardVerdict, Inputs, PlanSummary};
use rollcall_core::policy::{Context, GrantTerms, Workflows};
use rollcall_core::profile;
use rollcall_core::slices::Slices;
use rollcall_core::state::account_behind;
use rollcall_core::workers::ProtectedRule;

use self::desk::Desk;
pub use self::desk::{Answers, answers_about};
pub(crate) use self::desk::{accounts_in, answers};
use self::drafts::Drafts;
pub(crate) use self::gone::Gone;
use self::lines::Lines;
use self::orders::{Orders, Verdicts};
use self::read::{Scan, SetAside};
pub use self::recall::Recalled;
pub use self::request::Request;
pub(crate) use self::request::{Book, Common, Freshness, Ground};
use self::shapes::Looked;
use crate::log::InSlice;
use crate::notices::Noticed;
use crate::spool::Spool;
use crate::state::{Named, State};
use crate::store::{ObjectRef, StoreError};
use crate::target::TargetError;

/// Persons decided about at once: what bounds memory besides index and hot state.
const CHUNK: usize = 1000;

/// Why no plan was made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The store failed, or something in it is not what it should be.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The target could not be asked.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A rule of the policy is none for this mapping.
    #[error("policy, {0}")]
    Rule(String),
    /// A temporary file failed.
    #[error("temporary file: {0}")]
    Spool(#[from] std::io::Error),
}

/// A run that is taken back.
pub struct Undo {
    /// Which.
    pub run: RunId,
    /// What it did: a line a person, their key in the state and a [`Deed`].
    pub deeds: Spool,
}

/// A plan, ready to be stored.
#[derive(Debug)]
pub struct Made {
    /// `plan.json`.
    pub summary: PlanSummary,
    /// `plan.jsonl`.
    pub plan: Spool,
    /// `values/<run>/actions.jsonl`.
    pub values: Spool,
    /// `values/<run>/persons.jsonl`.
    pub persons: Spool,
    /// `values/<run>/tenant.jsonl`.
    pub tenant: Spool,
    /// `runs/<run>/findings.jsonl`.
    pub findings: Spool,
    /// A gate parked the intake.
    pub parked: bool,
    /// Guards that keep something back.
    pub guards: Vec<String>,
    /// Orders.
    pub orders: u32,
    /// Disables let through, and kept back by the budget.
    pub disables: (u32, u32),
    /// People who stay and lose something, and those of them kept back by the budget.
    pub removals: (u32, u32),
    /// What counts into the budgets of slices, by guard.
    pub slices: BTreeMap<String, InSlice>,
    /// People who wait for a seat, by licence.
    pub without: BTreeMap<String, u32>,
    /// See [`crate::log::Planned::next_due`].
    pub next_due: Option<Timestamp>,
    /// See [`crate::log::Planned::again`].
    pub again: Option<Timestamp>,
    /// See [`crate::log::Planned::seeded`].
    pub seeded: bool,
    /// The run that it takes back.
    pub undoes: Option<RunId>,
    /// See [`Request::heals`].
    pub heals: bool,
    /// Where the notices lie that it takes in.
    pub notices: Vec<ObjectRef>,
}

/// Makes a plan.
///
/// # Errors
/// When something cannot be read or asked; nothing was stored or written then.
pub async fn make(mut request: Request<'_>, answers: Answers<'_>) -> Result<Made, PlanError> {
    let mut findings = Vec::new();
    let (mut rows, delivery) = match request.intake.take() {
        Some((intake, rows)) => (Some(rows), Some(intake)),
        None => (None, None),
    };
    let undo = request.undo.take();
    let undoes = undo.as_ref().map(|it| it.run.clone());
    let undo_sha256 = undo.as_ref().map(|it| it.deeds.sha256());
    let coverage = delivery.map_or(Coverage::Unknown, |d| d.coverage.clone());
    let scan = match &mut rows {
        Some(rows) => {
            let expected = delivery.map_or(0, |d| d.rows);
            read::scan(rows, expected, &request, &mut findings)?
        }
        None => Scan::default(),
    };
    let mut desk = Desk::new(answers, attributes(&request));
    let moved = desk.moved(std::mem::take(&mut request.moved))?;
    let moved = places_of(&moved, request.state)?;
    let catalogue = catalogue(&request, &mut desk, delivery.is_some()).await?;
    let looked = match request.groups {
        Some(groups) if delivery.is_some() => shapes::look(groups, &mut desk, |_| true).await?,
        Some(_) | None => Looked::default(),
    };
    let missing = looked.missing();
    let mut comparison = if delivery.is_some() {
        let terms = Terms {
            coverage: &coverage,
            now: request.now,
            // Whoever was in a group that is gone comes into the one that is made anew.
            rules_changed: request.rules_changed || !missing.is_empty(),
            moved: &moved,
        };
        delta::compare(
            &scan.roster,
            (request.state.hot(), request.state.workers()),
            terms,
        )
    } else {
        let mut due = due(request.state, request.now);
        if undo.is_some() || request.heals {
            due.touched.clear();
        }
        if undo.is_none() {
            touch(&mut due, request.state, moved, Cause::Tenant);
            findings.extend(about(&request, &mut due));
        }
        due
    };
    let gone = request.gone.take();
    if let Some(gone) = &gone {
        gone.stand_in(&mut comparison.touched);
    }
    let recorded = |verdict: GuardVerdict| match &gone {
        Some(gone) => gone.recorded(verdict),
        None => verdict,
    };
    if coverage.proves_absence() && scan.roster.keyless() > 0 && comparison.listed_gone > 0 {
        findings.push(absence_not_counted(
            scan.roster.keyless(),
            comparison.listed_gone,
        ));
    }
    let mut gates = if delivery.is_some() {
        guards::gates(
            request.policy,
            coverage.proves_absence(),
            scan.counts,
            request.baseline,
            &comparison,
        )
    } else {
        Vec::new()
    };
    let profile = delivery.and_then(|it| it.profile.as_deref());
    if let (Some(now), Some(before)) = (profile, request.baseline_profile)
        && coverage.proves_absence()
    {
        gates.extend(profile::gates(&request.policy.gates, now, before));
        findings.extend(profile::header_drift(now, before));
    }

    let gives = request
        .groups
        .is_some_and(|groups| !groups.grants().is_empty());
    let grants = request.groups.filter(|_| gives).map(|groups| GrantTerms {
        groups,
        catalogue: &catalogue,
        missing: &missing,
    });
    let mut rules = grants.map(|grants| GrantRules::new(grants.groups));
    let workflows = Workflows::compile(request.policy, request.mapping);
    let workflows = workflows.map_err(|e| PlanError::Rule(e.to_string()))?;
    let cx = Context {
        now: request.now,
        policy: request.policy,
        workflows: workflows.as_ref(),
        target: &request.kind,
        first_load: request.first_load,
        // Of each person by the sources that employ them.
        stale: false,
        matching: request.mapping.matching(),
        full: coverage.proves_absence() && request.feed.population,
        grants,
    };
    desk.open(comparison.touched.len(), request.state.hot().len())
        .await?;
    let protected = ProtectedRule::compile(request.policy, request.mapping);
    let protected = protected.map_err(|e| PlanError::Rule(format!("`protected.rule`: {e}")))?;
    let parts = slices::compile(&request)?;
    let tops = parts.as_ref().map(Slices::tops).unwrap_or_default();
    let mut lines = Lines::new(&tops, &scan, &request);
    let mut drafts = Drafts::new(protected, parts);
    drafts.hold(&findings);
    let mut set_aside = SetAside::default();
    for chunk in comparison.touched.chunks(CHUNK) {
        let others = gone.as_ref().map(|gone| gone.leave_out(chunk));
        let chunk = others.as_deref().unwrap_or(chunk);
        let from = findings.len();
        let told = (&mut findings, &mut set_aside);
        let persons = read::subjects(chunk, &scan, &mut rows, &request, &mut lines, told)?;
        // Of whom nothing is decided, what is odd about the row is all that is held.
        drafts.hold(&findings[from..]);
        drafts
            .decide(
                persons,
                &mut desk,
                &cx,
                (rules.as_mut(), &catalogue),
                &request,
                &mut findings,
            )
            .await?;
    }
    findings.extend(set_aside.findings(&request));
    if let Some(undo) = undo {
        let gone = gone.as_ref().map(|gone| &gone.keys);
        let mut persons = read::Undoing::new(undo, gone)?;
        loop {
            let some = persons.next(CHUNK, &request, &mut lines)?;
            if some.is_empty() {
                break;
            }
            let given = (rules.as_mut(), &catalogue);
            drafts
                .decide(some, &mut desk, &cx, given, &request, &mut findings)
                .await?;
        }
    }
    let inherited = succession::ask(&mut drafts, &mut desk, &scan, &mut rows, &request).await?;
    let mut in_slices = slices::judge(&mut drafts, &lines, &request, &mut findings)?;
    if let Some(gone) = &gone {
        in_slices.as_recorded(&gone.guards);
    }
    let [disables, removed] = in_slices.left;
    let budget = recorded(guards::disables(
        request.policy,
        request.disables_before,
        disables,
        comparison.managed,
    ));
    // What waits for another reason takes no place of those that would go.
    let deletions = drafts.deletions.iter();
    let deletions = deletions.filter(|place| !inherited.contains_key(place));
    let deletions = recorded(guards::deletions(
        request.policy,
        request
            .slices_before
            .get(guards::DELETIONS)
            .copied()
            .unwrap_or(0),
        u32::try_from(deletions.count()).unwrap_or(u32::MAX),
        comparison.managed,
    ));
    let removals = recorded(guards::removals(
        request.policy,
        request.removals_before,
        removed,
        comparison.managed,
    ));
    let looked = match request.groups {
        // A release looks at those that somebody is to come into.
        Some(groups) if delivery.is_none() && !drafts.named.is_empty() => {
            let named = |group: &Group| drafts.named.contains(&group.key);
            shapes::look(groups, &mut desk, named).await?
        }
        Some(_) | None => looked,
    };
    let shaped = shapes::orders(&request, looked, &catalogue, &mut findings)?;
    let counts = Counts {
        rows: scan.counts.rows,
        workers: number(scan.roster.entries().len()),
        unchanged: comparison.unchanged + drafts.untouched,
        inactive: scan.counts.inactive,
        ..Counts::default()
    };
    let tenant = desk.record();
    let inputs = Inputs {
        intake_sha256: delivery.map(|d| d.sha256.clone()),
        mapping_sha256: request.feed.mapping.hash(),
        sources_sha256: request.feeds.sha256(),
        policy_sha256: request.policy.hash(),
        undo_sha256,
        notices_sha256: digest_of(request.notices),
        groups_sha256: request.groups.map(|groups| groups.hash().to_owned()),
        texts_sha256: request.texts.map(|texts| texts.hash().to_owned()),
        state_sha256: request.state.sha256(),
        tenant_sha256: tenant.sha256(),
        tzdb: rollcall_core::plan::tzdb().to_owned(),
    };
    let (churn, moving) = drafts.churn.judge(request.policy, comparison.managed);
    let churn = (recorded(churn), moving);
    let gates = match &undoes {
        Some(_) => vec![guards::undo(drafts.people())],
        None => gates,
    };
    let gates = gates.into_iter().map(recorded).collect();
    let verdicts = Verdicts {
        undoes,
        // Whoever changed an attribute of most accounts may have meant it.
        churn: (delivery.is_some() || request.heals).then_some(churn),
        gates,
        budget,
        deletions,
        removals: gives.then_some(removals),
        slices: in_slices,
        shapes: request
            .groups
            .is_some_and(|groups| groups.ours().next().is_some()),
    };
    let orders = Orders::new(&request, &scan, delivery, verdicts, counts, &catalogue);
    orders.write((drafts, inherited), shaped, findings, inputs, tenant)
}

/// What the target says of licences, where anybody asks.
async fn catalogue(
    request: &Request<'_>,
    desk: &mut Desk<'_>,
    delivery: bool,
) -> Result<Catalogue, PlanError> {
    let asked = request.groups.is_some_and(|groups| {
        // Of a group that is to give none any more, too.
        !groups.licences().is_empty() || (delivery && groups.ours().next().is_some())
    });
    let seats = if asked { desk.seats().await? } else { None };
    Ok(Catalogue::new(seats, request.groups))
}

/// What is read of accounts: whatever the mapping writes and the rules of groups ask for. An id, a
/// name, a key and whether it is enabled every account says anyway.
fn attributes(request: &Request<'_>) -> Vec<String> {
    let targets = request.mapping.targets();
    let mut out: Vec<String> = targets.iter().map(|t| (*t).to_owned()).collect();
    let read = request.groups.map(Groups::reads).unwrap_or_default();
    let known = ["id", "accountEnabled"];
    for name in read {
        if !out.contains(&name) && !known.contains(&name.as_str()) {
            out.push(name);
        }
    }
    out
}

/// Somebody unknown stands in rows without a key: they may be any of those who are missing.
fn absence_not_counted(keyless: u32, gone: u32) -> Finding {
    let note = format!(
        "{keyless} rows have no key that can be read, so that the {gone} workers of the last full \
         file who are in no row of this one are not counted as absent"
    );
    let kind = FindingKind::AbsenceNotCounted;
    Finding::new(kind, Severity::Warning, Place::default(), note)
}

/// Those whom a notice names are looked at too. Gives the findings about those whom nobody knows.
fn about(request: &Request<'_>, due: &mut Comparison) -> Vec<Finding> {
    let (mut out, mut places) = (Vec::new(), Vec::new());
    for noticed in request.notices {
        let worker = &noticed.notice.worker;
        let at = match request.state.named(&request.source, worker) {
            Named::One(at) => at,
            Named::Nobody => {
                out.push(notice::unknown(&noticed.notice));
                continue;
            }
            Named::Several(persons) => {
                out.push(notice::of_several(&noticed.notice, persons));
                continue;
            }
        };
        places.push(at);
    }
    touch(due, request.state, places, Cause::Due);
    out
}

/// The people of these places are looked at too.
fn touch(due: &mut Comparison, state: &State, places: Vec<usize>, cause: Cause) {
    let there: BTreeSet<usize> = due.touched.iter().filter_map(|it| it.hot).collect();
    let more: BTreeSet<usize> = places
        .into_iter()
        .filter(|at| !there.contains(at))
        .collect();
    due.touched.extend(more.into_iter().map(|at| Touch {
        key: state.hot()[at].key,
        entry: None,
        hot: Some(at),
        cause,
    }));
    due.touched.sort_by_key(|touch| touch.hot);
}

/// Where the people of these accounts stand in the state, ascending.
fn places_of(accounts: &[ObjectId], state: &State) -> Result<Vec<usize>, StoreError> {
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    let objects = state.objects()?;
    let mut places: Vec<usize> = accounts.iter().filter_map(|it| objects.find(it)).collect();
    places.sort_unstable();
    Ok(places)
}

/// Who a release looks at: what fell due, what is not done, what waits for somebody.
fn due(state: &State, now: Timestamp) -> Comparison {
    let mut out = Comparison::default();
    for (at, hot) in state.hot().iter().enumerate() {
        out.managed += u32::from(hot.managed());
        let falls_due = hot.due.is_some_and(|due| due <= now);
        let awaited =
            hot.waits_for != 0 && account_behind(state.hot(), state.workers(), hot.waits_for);
        let cause = if falls_due {
            Cause::Due
        } else if awaited {
            Cause::Unfinished
        } else {
            continue;
        };
        // What a guard keeps back waits for people, not for the clock.
        if !hot.held || falls_due {
            out.touched.push(Touch {
                key: hot.key,
                entry: None,
                hot: Some(at),
                cause,
            });
        }
    }
    out
}

/// What the notices say, as an input of a plan; `None` without any.
fn digest_of(notices: &[Noticed]) -> Option<String> {
    let hashes = notices.iter().flat_map(|it| &it.stored);
    let hashes: Vec<&[u8]> = hashes.map(|it| it.sha256.as_bytes()).collect();
    (!hashes.is_empty()).then(|| rollcall_core::digest::sha256_parts(&hashes))
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
