//! The second pass: what depends on others is settled, guards hold, orders are sealed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rollcall_core::digest::worker_hash;
use rollcall_core::fold::PersonLine;
use rollcall_core::grants;
use rollcall_core::groups::{Catalogue, Impacts, waits_for_people, writes_rule};
use rollcall_core::guards;
use rollcall_core::model::{
    Account, ActionId, Finding, FindingKind, Op, Place, RunId, Severity, WorkerId,
};
use rollcall_core::plan::{
    Action, Counts, FORMAT_VERSION, Forecast, GroupCounts, GuardVerdict, Held, Inputs,
    LicenceCounts, PlanHasher, PlanSummary, SourceRow, Verdict, WorkOrder, seal,
};
use rollcall_core::policy::{DeltaKind, Draft, DraftAction, Matching};
use rollcall_core::references::{self, Reference};
use rollcall_core::seats::Losers;
use rollcall_core::slices::{self, Judged};
use rollcall_core::state::{Person, key_prefix};
use rollcall_core::succession::{self, Found};
use rollcall_core::texts;

use super::drafts::{Brief, Drafts, Laid};
use super::read::Scan;
use super::{Made, PlanError, Request, number};
use crate::log::{InSlice, Intake};
use crate::spool::Spool;
use crate::state::Named;

/// What the guards saw before any order is written.
pub(super) struct Verdicts {
    /// The run that the plan takes back.
    pub(super) undoes: Option<RunId>,
    pub(super) gates: Vec<GuardVerdict>,
    pub(super) budget: GuardVerdict,
    pub(super) deletions: GuardVerdict,
    /// Attributes that change for too many at once; `None` for a release that heals nothing.
    pub(super) churn: Option<(GuardVerdict, BTreeSet<String>)>,
    /// `None` where Rollcall gives nothing itself.
    pub(super) removals: Option<GuardVerdict>,
    /// Parts of the company with budgets of their own.
    pub(super) slices: Judged,
    /// There are groups of ours.
    pub(super) shapes: bool,
}

/// Writes the orders of a plan, and everything that lies beside them.
pub(super) struct Orders<'a> {
    request: &'a Request<'a>,
    scan: &'a Scan,
    file: &'a str,
    release: bool,
    verdicts: Verdicts,
    counts: Counts,
    protected: u32,
    adoptions: u32,
    /// People who would get sensitive access back.
    restores: u32,
    wipes: u32,
    /// Why deletions wait, by place.
    orphaned: BTreeMap<usize, String>,
    /// When they are looked at again.
    again: Option<Timestamp>,
    /// Deletions that wait because of that alone, or too.
    orphans: u32,
    /// Groups that are there and would change.
    reshaped: u32,
    losers: Losers,
    /// Whom the budget of disables does not keep back.
    lane: BTreeSet<usize>,
    /// Groups that somebody of this plan comes into, now or later.
    comes_into: BTreeSet<String>,
    tripped: BTreeSet<String>,
    disables: (u32, u32),
    removals: (u32, u32),
    slices: BTreeMap<String, InSlice>,
    written: u32,
    next_due: Option<Timestamp>,
    hasher: PlanHasher,
    plan: Spool,
    values: Spool,
    persons: Spool,
    impacts: Option<Impacts<'a>>,
    catalogue: &'a Catalogue,
    /// Groups that would give licences without seats, by the people in them.
    unseated: u32,
}

impl<'a> Orders<'a> {
    pub(super) fn new(
        request: &'a Request<'a>,
        scan: &'a Scan,
        delivery: Option<&'a Intake>,
        verdicts: Verdicts,
        counts: Counts,
        catalogue: &'a Catalogue,
    ) -> Self {
        // A parked intake waits for an approval also where nothing in it would act today.
        let gate = verdicts.gates.iter().find(|g| g.tripped);
        let tripped = gate.iter().map(|g| g.name.clone()).collect();
        Self {
            request,
            scan,
            file: delivery.map_or("", |d| d.file.as_str()),
            release: delivery.is_none(),
            verdicts,
            counts,
            protected: 0,
            adoptions: 0,
            restores: 0,
            wipes: 0,
            orphaned: BTreeMap::new(),
            again: None,
            orphans: 0,
            reshaped: 0,
            losers: Losers::default(),
            lane: BTreeSet::new(),
            comes_into: BTreeSet::new(),
            tripped,
            disables: (0, 0),
            removals: (0, 0),
            slices: BTreeMap::new(),
            written: 0,
            next_due: None,
            hasher: PlanHasher::default(),
            plan: Spool::default(),
            values: Spool::default(),
            persons: Spool::default(),
            impacts: request
                .groups
                .map(|groups| Impacts::new(groups, &request.kind, catalogue, request.now)),
            catalogue,
            unseated: 0,
        }
    }

    /// The whole plan.
    pub(super) fn write(
        mut self,
        (mut drafts, mut inherited): (Drafts, BTreeMap<usize, Found>),
        shaped: Vec<WorkOrder>,
        mut findings: Vec<Finding>,
        inputs: Inputs,
        tenant: Spool,
    ) -> Result<Made, PlanError> {
        let mut lonely = Vec::new();
        for order in shaped {
            lonely.extend(self.may_be_empty(&order));
            self.shape(order)?;
        }
        self.losers = std::mem::take(&mut drafts.seats).settle(
            self.catalogue,
            self.request.reserved,
            self.verdicts.removals.as_ref().is_some_and(|it| it.tripped)
                || self.verdicts.slices.any(guards::REMOVALS),
        );
        let most = self.request.policy.budgets.immediate_lane;
        let went = self.request.slices_before.get(guards::IMMEDIATE);
        let most = most.saturating_sub(went.copied().unwrap_or(0));
        let verdicts = &self.verdicts;
        self.lane = drafts.lane(most, |parts| {
            let of_a_slice = verdicts.slices.holding(guards::DISABLES, parts);
            verdicts.budget.tripped || !of_a_slice.is_empty()
        });
        let mut settling = drafts.settle()?;
        while let Some((place, brief, mut laid, taken)) = settling.next(&self.request.kind)? {
            if taken {
                findings.push(name_taken(&laid));
                laid.draft = None;
                laid.person.fingerprint = 0;
                settling.held_rows.extend(laid.row);
            }
            if let Some(draft) = &mut laid.draft {
                let before = laid.person.waits_for.clone();
                let found = self.refer(draft, &mut laid.person, laid.row, &settling.coming);
                findings.extend(found);
                laid.changed |= laid.person.waits_for != before;
            }
            if let (Some(found), Some(draft)) = (inherited.remove(&place), &mut laid.draft) {
                let settled = self.succeed(place, draft, (&mut laid.person, laid.row), &found);
                laid.changed |= self.orphaned.contains_key(&place);
                findings.extend(settled);
            }
            let told = self.written(&mut laid)?;
            findings.extend(told);
            let worker = (laid.person.worker.clone(), laid.row);
            if self.person(place, &brief, laid)? {
                findings.push(clash(&worker));
            }
        }
        let held_rows = number(settling.held_rows.len());
        drop(settling);

        lonely.retain(|key| !self.comes_into.contains(key));
        findings.extend(lonely.iter().map(|key| nobody_in(key)));
        findings.extend(self.seats());
        findings.sort();
        let of_kind = |kind| number(findings.iter().filter(|f| f.kind == kind).count());
        self.counts.findings = number(findings.len());
        self.counts.held = held_rows + self.scan.roster.keyless();
        self.counts.never_provisioned = of_kind(FindingKind::NeverProvisioned);
        self.counts.missing_once = of_kind(FindingKind::MissingOnce);
        let mut noted = Spool::default();
        for finding in &findings {
            noted.line(finding)?;
        }
        Ok(self.finish(inputs, tenant, noted))
    }

    /// How many seats are left of each licence of which anything becomes, and what is wrong with
    /// that.
    fn seats(&mut self) -> Vec<Finding> {
        let mut out = Vec::new();
        for (licence, counts) in &mut self.counts.licences {
            let known = self.catalogue.is_known();
            let there = known.then(|| self.catalogue.find(licence));
            counts.free = there.flatten().map(|seats| seats.free);
            let note = match there {
                None => {
                    format!(
                        "nobody knows how many seats of {licence} are free: the tenant did not say"
                    )
                }
                Some(None) => format!(
                    "groups give the licence {licence}, and the tenant has none of that name"
                ),
                Some(Some(_)) if counts.short() == 0 => continue,
                Some(Some(seats)) if counts.without > 0 => format!(
                    "{} seats of {licence} are free: {} people get one now, {} more are to have \
                     one and wait for it; those who started earliest come first",
                    seats.free, counts.gains, counts.without
                ),
                Some(Some(seats)) => format!(
                    "{} people get {licence} by their groups and {} lose it, {} seats are free: {} \
                     short",
                    counts.gains,
                    counts.losses,
                    seats.free,
                    counts.short()
                ),
            };
            let kind = FindingKind::SeatsShort;
            out.push(Finding::new(
                kind,
                Severity::Warning,
                Place::default(),
                note,
            ));
        }
        out
    }

    /// Settles the manager of a draft: there now, on the way, or nobody.
    fn refer(
        &self,
        draft: &mut Draft,
        person: &mut Person,
        row: Option<u32>,
        coming: &[u64],
    ) -> Option<Finding> {
        let manager = references::manager(draft)?;
        let prefix = key_prefix(worker_hash(&self.request.source, manager));
        let state = self.request.state;
        let reference = match state.named(&self.request.source, manager) {
            // Of several nobody can tell who is meant.
            Named::Several(_) => Reference::Unknown,
            Named::One(at) if state.hot()[at].managed() => Reference::Account,
            _ if coming.binary_search(&prefix).is_ok() => Reference::Account,
            Named::One(_) => Reference::Known,
            Named::Nobody if self.scan.roster.stands(prefix) => Reference::Known,
            Named::Nobody => Reference::Unknown,
        };
        let found = references::resolve(draft, person, reference, row);
        // A row that names somebody unknown was reported when it was read.
        let told = row.is_some() && reference == Reference::Unknown;
        found.filter(|_| !told)
    }

    /// What comes of what somebody who leaves answers for.
    fn succeed(
        &mut self,
        place: usize,
        draft: &mut Draft,
        (person, row): (&mut Person, Option<u32>),
        found: &Found,
    ) -> Vec<Finding> {
        let Some(policy) = self.request.policy.succession() else {
            return Vec::new();
        };
        let now = self.request.now;
        let settled = succession::settle(draft, person, found, &policy, now, row);
        if let Some(why) = settled.wait {
            self.orphaned.insert(place, why);
            self.again = Some(succession::again(&policy, now));
        }
        settled.findings
    }

    /// Writes what somebody is to be told now, once it is settled what the account is called.
    fn written(&self, laid: &mut Laid) -> Result<Vec<Finding>, PlanError> {
        let (Some(written), Some(draft)) = (self.request.texts, &mut laid.draft) else {
            return Ok(Vec::new());
        };
        let (state, source) = (self.request.state, &self.request.source);
        let manager = texts::manager_of(draft, &laid.person);
        let place = manager.and_then(|it| state.place_of(source, &it));
        let manager = match place {
            Some(place) => state.persons(&[place])?.pop(),
            None => None,
        };
        let person = &mut laid.person;
        let kind = &self.request.kind;
        let found = texts::fill(written, draft, person, manager.as_ref(), laid.row, kind);
        laid.changed |= !found.is_empty();
        Ok(found)
    }

    /// The group of an order whose rule is new and takes in nobody whom the state knows.
    fn may_be_empty(&self, order: &WorkOrder) -> Option<String> {
        let shape = order.group.as_ref()?;
        let group = self.request.groups?.group(&shape.key)?;
        let told = group.unpredictable().is_none() && order.actions.iter().any(writes_rule);
        let empty = shape
            .moves
            .is_none_or(|it| it.enters + it.stays + it.unknown == 0);
        (told && empty).then(|| shape.key.clone())
    }

    /// An order about a group.
    fn shape(&mut self, mut order: WorkOrder) -> Result<(), PlanError> {
        self.seat_members(&mut order);
        let waits = order.actions.iter().any(waits_for_people);
        if waits {
            self.reshaped += 1;
            let why = "everybody in it is evaluated anew, or their licences change";
            order.hold(guards::GROUPS, why, waits_for_people);
        }
        self.put(&mut order)
    }

    /// Who is in a group gets the licences that it is to give: they need seats, as anybody does.
    fn seat_members(&mut self, order: &mut WorkOrder) {
        let Some(shape) = &order.group else {
            return;
        };
        let moves = shape.moves.unwrap_or_default();
        // Who comes in by this plan is counted with the others.
        let people = match &shape.before {
            None => moves.enters,
            Some(_) => moves.enters + moves.stays,
        };
        let before = shape.before.iter().flat_map(|seen| &seen.licences);
        let before: Vec<&str> = before.map(|it| it.sku.as_str()).collect();
        let new = shape.wanted.licences.iter().filter(|licence| {
            let has = |it: &&str| self.catalogue.same(it, &licence.sku);
            !before.iter().any(has)
        });
        let gives = order.actions.iter().any(|it| it.op == Op::GroupLicense);
        let mut short = Vec::new();
        for licence in new.filter(|_| gives && people > 0) {
            let name = self.catalogue.name(&licence.sku).to_owned();
            let free = self
                .catalogue
                .find(&licence.sku)
                .map_or(0, |it| it.free.max(0));
            if i64::from(people) > free {
                short.push(format!(
                    "{people} people are in it, {free} seats of {name} are free"
                ));
            }
            let counts = self.counts.licences.entry(name).or_default();
            counts.gains += people;
        }
        if !short.is_empty() {
            self.unseated += people;
            let gives = |action: &Action| action.op == Op::GroupLicense;
            order.hold(guards::SEATS, &short.join("; "), gives);
        }
    }

    /// Writes an order, unless the intake is parked with all that is in it.
    fn put(&mut self, order: &mut WorkOrder) -> Result<(), PlanError> {
        if let Some(gate) = self.verdicts.gates.iter().find(|g| g.tripped) {
            order.hold_rest(&gate.name, &gate.why, |_| true);
        }
        self.tripped
            .extend(order.held.iter().flat_map(Held::guards).cloned());
        let held = order.held.iter().flat_map(|h| &h.actions);
        let steps = order.actions.iter().chain(&order.scheduled).chain(held);
        let adds = steps.filter(|action| action.op == Op::GroupAdd);
        self.comes_into
            .extend(adds.filter_map(|action| action.args.get("group").cloned()));
        let entered = order.impact.enters.iter().map(|it| it.group.clone());
        self.comes_into.extend(entered);
        tally(&mut self.counts, order);
        self.plan.write(&self.hasher.line(order))?;
        self.written += 1;
        Ok(())
    }

    /// Whether services of what the person gets exclude each other.
    fn person(&mut self, place: usize, brief: &Brief, laid: Laid) -> Result<bool, PlanError> {
        let Laid {
            draft,
            mut person,
            settled,
            source,
            row,
            changed,
            known,
            account,
            parts,
        } = laid;
        let heard = source.is_some();
        let draft = draft.filter(|d| !d.actions.is_empty() || !d.scheduled.is_empty());
        let order = match draft {
            // Nothing new of somebody whose steps are all still to come: no order for that.
            Some(draft) if self.release && !changed && draft.actions.is_empty() => None,
            Some(draft) => {
                let account = account.as_ref();
                let at = (place, brief.protected, parts.as_slice());
                let source = SourceRow {
                    file: source.unwrap_or_else(|| self.file.to_owned()),
                    row,
                };
                Some(self.order(&draft, account, &mut person, &source, at)?)
            }
            None => None,
        };
        if !changed && order.is_none() && known {
            self.counts.unchanged += u32::from(row.is_some());
            return Ok(false);
        }
        let clash = order.as_ref().is_some_and(|order| order.impact.clash);
        // What waits for an owner is looked at again by the clock.
        let by_people = |held: &Held| held.guards().any(|guard| guard != guards::ORPHANS);
        let free = order.as_ref().is_none_or(|o| !o.held.iter().any(by_people));
        let now = self.request.now;
        if let Some(due) = person.due.filter(|due| free && *due > now) {
            self.next_due = Some(self.next_due.map_or(due, |next| next.min(due)));
        }
        let line = PersonLine {
            delta: order.as_ref().map_or(DeltaKind::None, |o| o.delta),
            order: order.map(|o| o.order),
            row,
            person,
            settled: settled.map(Box::new),
            heard,
        };
        self.persons.line(&line)?;
        Ok(clash)
    }

    fn order(
        &mut self,
        draft: &Draft,
        account: Option<&Account>,
        person: &mut Person,
        source: &SourceRow,
        (place, protected, parts): (usize, bool, &[usize]),
    ) -> Result<WorkOrder, PlanError> {
        let salt = self.request.key.salt(&person.person);
        let (mut order, values) = seal(draft, person.revision, source, &salt);
        if let Some(cut) = &person.cut {
            order.known_since(cut, self.request.now);
        }
        let planned: Vec<ActionId> = order.actions.iter().map(|a| a.id.clone()).collect();
        if protected {
            guards::hold_protected(&mut order);
            self.protected += 1;
            self.tripped.insert(guards::PROTECTED.to_owned());
        }
        if draft.adopted.is_some() {
            guards::hold_adoption(&mut order);
            self.adoptions += 1;
        }
        if let Some(why) = self.orphaned.get(&place) {
            guards::hold_orphans(&mut order, why, self.request.now);
            self.orphans += 1;
        }
        let asks = |device: bool| {
            let asked = |step: &DraftAction| step.args.contains_key("ask");
            let due = |step: &DraftAction| !device || step.due <= self.request.now;
            let mut all = draft.steps();
            all.any(|step| asked(step) && due(step) && step.op.on_device() == device)
        };
        let (gives_back, wipes) = (asks(false), asks(true));
        if gives_back {
            guards::hold_restores(&mut order);
            self.restores += 1;
        }
        if wipes {
            guards::hold_wipes(&mut order, self.request.now);
            let ours = |held: &&Held| held.guards().any(|guard| guard == guards::WIPES);
            let held: usize = order
                .held
                .iter()
                .filter(ours)
                .map(|it| it.actions.len())
                .sum();
            self.wipes += number(held);
        }
        if let Some(churn) = self.verdicts.churn.as_ref().filter(|(it, _)| it.tripped) {
            guards::hold_churn(&mut order, self.request.policy, draft, churn);
        }
        // What an earlier plan let go, and did not bring to its end, was counted then.
        let counted = person.cut.is_some_and(|planned| planned.counted);
        let mut ahead = false;
        if !counted {
            let lane = self.lane.contains(&place);
            let slices = self.verdicts.slices.holding(guards::DISABLES, parts);
            ahead = lane && (self.verdicts.budget.tripped || !slices.is_empty());
            guards::hold_destructive(&mut order, &slices, lane);
            if self.verdicts.budget.tripped {
                let budget = &self.verdicts.budget;
                let all = [(budget.name.clone(), budget.why.clone())];
                guards::hold_destructive(&mut order, &all, lane);
            }
        }
        self.hold_deletion(&mut order, draft);
        self.hold_grants(&mut order, draft, person, (place, protected, parts));
        order.hold_dependents();
        self.counted_elsewhere(&mut order, parts);
        let ops = |actions: &[Action]| actions.iter().map(|a| a.op).collect::<Vec<_>>();
        let free = ops(&order.actions).into_iter().chain(ops(&order.scheduled));
        let free = guards::new_disables(person, free);
        let over = order.held.iter().filter(|h| h.by == guards::DISABLES);
        let over = guards::new_disables(person, over.flat_map(|h| ops(&h.actions)));
        self.disables.0 += free;
        self.disables.1 += over;
        self.let_through(guards::DISABLES, parts, free);
        if ahead && free > 0 {
            let lane = self.slices.entry(guards::IMMEDIATE.to_owned());
            lane.or_default().through += free;
        }
        for held in &order.held {
            let disables = guards::new_disables(person, ops(&held.actions));
            self.kept_back(guards::DISABLES, parts, &held.by, disables);
        }
        if let Some(cut) = &mut person.cut {
            cut.counted |= free > 0;
        }
        if let Some(impacts) = &mut self.impacts {
            let goes = |id: &ActionId| order.actions.iter().any(|action| action.id == *id);
            let planned = draft.actions.iter().zip(&planned);
            let (due, kept): (Vec<_>, Vec<_>) = planned.partition(|(_, id)| goes(id));
            let step = |(step, _)| step;
            let later = kept.into_iter().map(step).chain(&draft.scheduled);
            order.impact = impacts.of(account, &person.grants, due.into_iter().map(step), later);
        }
        if !values.is_empty() {
            let from = self.values.bytes();
            for value in &values {
                self.values.line(value)?;
            }
            order.values = Some((from, self.values.bytes()));
        }
        self.put(&mut order)?;
        Ok(order)
    }

    /// Keeps a deletion back over the budget, and counts it. It was in no budget before: whoever was
    /// cut off within one may be deleted with all others at once, where a policy changed.
    fn hold_deletion(&mut self, order: &mut WorkOrder, draft: &Draft) {
        if !guards::deletes(draft) {
            return;
        }
        let verdict = &self.verdicts.deletions;
        if verdict.tripped {
            guards::hold_deletions(order, &verdict.why, self.request.now);
        }
        let deletes = |actions: &[Action]| actions.iter().any(|a| a.op == Op::UserDeleteSoft);
        let count = self.slices.entry(guards::DELETIONS.to_owned()).or_default();
        count.through += u32::from(deletes(&order.actions));
        for held in order.held.iter().filter(|held| deletes(&held.actions)) {
            *count.held.entry(held.by.clone()).or_default() += 1;
        }
    }

    /// What counts into the budgets of the slices that somebody is in.
    fn let_through(&mut self, kind: &str, parts: &[usize], count: u32) {
        for guard in self
            .verdicts
            .slices
            .guards(kind, parts)
            .filter(|_| count > 0)
        {
            let slice = self.slices.entry(guard.clone()).or_default();
            slice.through += count;
        }
    }

    /// Names the budgets of slices that count what is kept back by another one of the same kind.
    fn counted_elsewhere(&self, order: &mut WorkOrder, parts: &[usize]) {
        for held in &mut order.held {
            let kind = slices::kind_of(&held.by).unwrap_or(&held.by).to_owned();
            let counters = self.verdicts.slices.guards(&kind, parts);
            let others = counters.filter(|it| held.guards().all(|guard| guard != *it));
            held.counted_by = others.cloned().collect();
        }
    }

    /// What will count, there and for everybody, once people let go what a guard keeps back.
    fn kept_back(&mut self, kind: &str, parts: &[usize], by: &str, count: u32) {
        let of_a_slice = slices::kind_of(by) == Some(kind);
        if count == 0 || !(of_a_slice || by == kind) {
            return;
        }
        let everybody = of_a_slice.then(|| kind.to_owned());
        let counters = self.verdicts.slices.guards(kind, parts).cloned();
        for counter in counters.chain(everybody) {
            let slice = self.slices.entry(counter).or_default();
            *slice.held.entry(by.to_owned()).or_default() += count;
        }
    }

    /// Keeps back what is taken over a budget, and what would need a seat that is not free.
    fn hold_grants(
        &mut self,
        order: &mut WorkOrder,
        draft: &Draft,
        person: &mut Person,
        (place, protected, parts): (usize, bool, &[usize]),
    ) {
        if let Some(removals) = &self.verdicts.removals
            && guards::takes_anew(person, draft)
            && !protected
        {
            let slices = self.verdicts.slices.holding(guards::REMOVALS, parts);
            if let Some((by, _)) = slices.first() {
                guards::hold_removals(order, &slices);
                self.kept_back(guards::REMOVALS, parts, by, 1);
            } else if removals.tripped {
                let all = [(removals.name.clone(), removals.why.clone())];
                guards::hold_removals(order, &all);
                self.removals.1 += 1;
                self.kept_back(guards::REMOVALS, parts, guards::REMOVALS, 1);
            } else {
                self.removals.0 += 1;
                grants::count(&mut person.grants);
                self.let_through(guards::REMOVALS, parts, 1);
            }
        }
        let without = self.losers.of(place);
        if !without.is_empty() {
            let why = self.losers.why(without, self.catalogue);
            let now = self.request.now;
            guards::hold_seats(order, without, self.catalogue, now, &why);
            for licence in without {
                let counts = self.counts.licences.entry(licence.clone()).or_default();
                counts.without += 1;
            }
        }
    }

    fn finish(self, inputs: Inputs, tenant: Spool, findings: Spool) -> Made {
        let parked = self.verdicts.gates.iter().any(|g| g.tripped);
        let guards: Vec<String> = self.tripped.into_iter().collect();
        let verdict = if parked {
            Verdict::Held
        } else if !guards.is_empty() {
            Verdict::PartHeld
        } else if self.counts.actions.is_empty() && self.counts.scheduled.is_empty() {
            Verdict::Empty
        } else {
            Verdict::Ready
        };
        let mut verdicts = self.verdicts.gates;
        verdicts.push(self.verdicts.budget);
        if self.verdicts.deletions.counted > 0.0 {
            verdicts.push(self.verdicts.deletions);
        }
        let gives = self.verdicts.removals.is_some();
        let slices = self.verdicts.slices.verdicts.into_iter();
        verdicts.extend(
            slices.filter(|it| gives || slices::kind_of(&it.name) != Some(guards::REMOVALS)),
        );
        verdicts.extend(self.verdicts.churn.map(|(verdict, _)| verdict));
        verdicts.push(GuardVerdict {
            name: guards::PROTECTED.to_owned(),
            counted: f64::from(self.protected),
            limit: 0.0,
            tripped: self.protected > 0,
            why: format!("{} protected people would be changed", self.protected),
        });
        if self.request.mapping.matching() == Matching::KeyThenName {
            verdicts.push(guards::adoptions(self.adoptions));
        }
        if let Some(removals) = self.verdicts.removals {
            verdicts.push(removals);
            let people = self.losers.people().saturating_add(self.unseated);
            verdicts.push(guards::seats(people));
            verdicts.push(guards::restores(self.restores));
        }
        if self.request.policy.needs().contains(&Op::DeviceWipe) {
            verdicts.push(guards::wipes(self.wipes));
        }
        if self.request.policy.succession().is_some() {
            verdicts.push(guards::orphans(self.orphans));
        }
        if self.verdicts.shapes {
            verdicts.push(guards::groups(self.reshaped));
        }
        let forecast: Forecast = (self.request.forecast)(&self.counts.actions);
        let mut summary = PlanSummary {
            format_version: FORMAT_VERSION,
            now: self.request.now,
            plan_sha256: String::new(),
            actions_sha256: String::new(),
            verdict,
            inputs,
            counts: self.counts,
            guards: verdicts,
            forecast,
        };
        self.hasher.finish(&mut summary);
        Made {
            summary,
            plan: self.plan,
            values: self.values,
            persons: self.persons,
            tenant,
            findings,
            parked,
            guards,
            orders: self.written,
            disables: self.disables,
            removals: self.removals,
            slices: self.slices,
            without: self.losers.counts(),
            next_due: self.next_due,
            again: self.again,
            seeded: self.request.key.is_seeded(),
            undoes: self.verdicts.undoes,
            heals: self.request.heals,
            notices: self
                .request
                .notices
                .iter()
                .flat_map(|it| it.stored.clone())
                .collect(),
        }
    }
}

fn clash((worker, row): &(WorkerId, Option<u32>)) -> Finding {
    let note = "by groups or directly the worker is to have services that exclude each other: the \
                directory refuses one of them";
    let place = Place {
        row: *row,
        line: None,
        column: None,
    };
    let kind = FindingKind::LicenceConflict;
    Finding::new(kind, Severity::Warning, place, note).of(worker)
}

fn nobody_in(key: &str) -> Finding {
    let note = format!(
        "nobody is in group `{key}` by its rule: it may not be what is meant; `rollcall rule \
         members` tries another one"
    );
    let kind = FindingKind::RuleTakesNobody;
    Finding::new(kind, Severity::Info, Place::default(), note)
}

fn name_taken(laid: &Laid) -> Finding {
    let note = if laid.draft.as_ref().is_some_and(|d| d.adopted.is_some()) {
        "an account has the wanted sign-in name and carries nobody's key, and another worker may \
         be meant: one of this file whose row is held, who left, or who wants the same name; set \
         the key there to say whose it is"
    } else {
        "another worker of this plan wants the same sign-in name; the one with the lower worker \
         id keeps it"
    };
    let place = Place {
        row: laid.row,
        line: None,
        column: None,
    };
    Finding::new(FindingKind::NameTaken, Severity::Held, place, note).of(&laid.person.worker)
}

fn tally(counts: &mut Counts, order: &WorkOrder) {
    match order.delta {
        DeltaKind::Joiner => counts.joiners += 1,
        DeltaKind::Mover | DeltaKind::Conversion => counts.movers += 1,
        DeltaKind::Leaver => counts.leavers += 1,
        DeltaKind::Rehire => counts.rehires += 1,
        DeltaKind::Update => counts.updates += 1,
        DeltaKind::None => {}
    }
    let count = |map: &mut BTreeMap<String, u32>, op: Op| {
        *map.entry(op.name().to_owned()).or_default() += 1;
    };
    for action in &order.actions {
        count(&mut counts.actions, action.op);
    }
    for action in &order.scheduled {
        count(&mut counts.scheduled, action.op);
        counts.waiting += u32::from(action.due == Timestamp::MAX);
    }
    for action in order.held.iter().flat_map(|h| &h.actions) {
        count(&mut counts.held_actions, action.op);
    }
    let mut licence = |name: &String, count: fn(&mut LicenceCounts) -> &mut u32| {
        *count(counts.licences.entry(name.clone()).or_default()) += 1;
    };
    let impact = &order.impact;
    impact
        .gains
        .iter()
        .for_each(|it| licence(it, |n| &mut n.gains));
    impact
        .losses
        .iter()
        .for_each(|it| licence(it, |n| &mut n.losses));
    let mut group = |key: &str, count: fn(&mut GroupCounts) -> &mut u32| {
        *count(counts.groups.entry(key.to_owned()).or_default()) += 1;
    };
    impact
        .enters
        .iter()
        .for_each(|it| group(&it.group, |n| &mut n.enters));
    impact
        .leaves
        .iter()
        .for_each(|it| group(&it.group, |n| &mut n.leaves));
    impact
        .stays
        .iter()
        .for_each(|key| group(key, |n| &mut n.stays));
}
