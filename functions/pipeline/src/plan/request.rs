//! What a plan is made from: put together here for a run, for one that is made again to verify it,
//! and for one that is made again to compare it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rollcall_core::digest::EvidenceKey;
use rollcall_core::groups::Groups;
use rollcall_core::guards::IntakeCounts;
use rollcall_core::mapping::Mapping;
use rollcall_core::model::{ObjectId, SourceName};
use rollcall_core::plan::Forecast;
use rollcall_core::policy::{Policy, Target as Kind};
use rollcall_core::profile::Profile;
use rollcall_core::texts::Texts;

use super::{Gone, Undo};
use crate::log::{Accepted, Intake, Rules, Standing};
use crate::notices::Noticed;
use crate::rows::SealedRows;
use crate::sources::{Feed, Feeds};
use crate::state::State;

/// Nobody waits for a seat.
static NOBODY: BTreeMap<String, u32> = BTreeMap::new();

/// Everything that a plan is made from. Equal inputs give equal bytes.
pub struct Request<'a> {
    /// The instant.
    pub now: Timestamp,
    /// The home source: keys are hashed after its name.
    pub source: SourceName,
    /// All sources.
    pub feeds: &'a Feeds,
    /// Whose the delivery is; the home source for a release.
    pub feed: &'a Feed,
    /// The delivery, and its sealed rows; `None` for a release.
    pub intake: Option<(&'a Intake, SealedRows)>,
    /// The moment that the delivery describes.
    pub as_of: Option<Timestamp>,
    /// What is taken back; there is no delivery then, and nobody else is looked at.
    pub undo: Option<Undo>,
    /// What people say of persons, taken in before they are decided about; releases only.
    pub notices: &'a [Noticed],
    /// Whose values were erased since; of a plan that is made again.
    pub(crate) gone: Option<Gone>,
    /// Accounts that others changed, whose people are planned anew; ascending.
    pub moved: Vec<ObjectId>,
    /// Only those whose accounts others changed are looked at: what they changed is mended.
    pub heals: bool,
    /// The state.
    pub state: &'a State,
    /// The last accepted full file of the source.
    pub baseline: Option<IntakeCounts>,
    /// What it looked like as a whole, where that is known.
    pub baseline_profile: Option<&'a Profile>,
    /// Nothing was ever accepted of the source.
    pub first_load: bool,
    /// Sources of persons whose newest accepted data are too old; not the one that delivers.
    pub stale: BTreeSet<SourceName>,
    /// Mapping or policy is not what the state was made with.
    pub rules_changed: bool,
    /// Disables of the last 24 hours.
    pub disables_before: u32,
    /// People who lost groups or licences in the last 24 hours, and stay.
    pub removals_before: u32,
    /// What counted into the budgets of slices in the last 24 hours, by guard.
    pub slices_before: BTreeMap<String, u32>,
    /// Seats for those whom the newest delivery left waiting for one, by licence.
    pub reserved: &'a BTreeMap<String, u32>,
    /// The mapping of the home source: workers as everything but the rows themselves sees them.
    pub mapping: &'a Mapping,
    /// The policy.
    pub policy: &'a Policy,
    /// Groups, to predict what becomes of them.
    pub groups: Option<&'a Groups>,
    /// What people are told.
    pub texts: Option<&'a Texts>,
    /// What hides values in evidence.
    pub key: EvidenceKey,
    /// What core has to know of the target.
    pub kind: Kind,
    /// What carrying out so many actions by operation will take.
    pub forecast: &'a (dyn Fn(&BTreeMap<String, u32>) -> Forecast + Sync),
}

/// What is planned, and on what.
pub(crate) struct Ground<'a> {
    /// The instant.
    pub(crate) now: Timestamp,
    /// The delivery, and its sealed rows; `None` for a release.
    pub(crate) intake: Option<(&'a Intake, SealedRows)>,
    /// A run that is taken back.
    pub(crate) undo: Option<Undo>,
    /// What people say of persons; releases only.
    pub(crate) notices: &'a [Noticed],
    /// Accounts that others changed; of a stored plan its answers say so.
    pub(crate) moved: Vec<ObjectId>,
    /// Whose values were erased since.
    pub(crate) gone: Option<Gone>,
    /// See [`Request::heals`].
    pub(crate) heals: bool,
    /// What stands before it.
    pub(crate) standing: &'a Standing,
    /// The state that stands then.
    pub(crate) state: &'a State,
    /// How a release takes the age of HR's data.
    pub(crate) freshness: Freshness,
}

/// How a release takes the age of HR's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// As old as they are: of stale ones only dated cuts follow.
    ByAge,
    /// HR keeps delivering and says nothing new.
    Assumed,
}

/// Mapping, policy and groups that a plan is made by.
#[derive(Clone, Copy)]
pub(crate) struct Book<'a> {
    pub(crate) feeds: &'a Feeds,
    pub(crate) policy: &'a Policy,
    pub(crate) groups: Option<&'a Groups>,
    /// What people are told.
    pub(crate) texts: Option<&'a Texts>,
    /// What they mean, as hashes.
    pub(crate) rules: &'a Rules,
}

/// What is the same for every plan of a pipeline.
pub(crate) struct Common<'a> {
    pub(crate) key: EvidenceKey,
    pub(crate) kind: Kind,
    pub(crate) forecast: &'a (dyn Fn(&BTreeMap<String, u32>) -> Forecast + Sync),
}

impl<'a> Request<'a> {
    pub(crate) fn new(ground: Ground<'a>, book: Book<'a>, common: Common<'a>) -> Self {
        let Ground {
            now,
            intake,
            undo,
            notices,
            moved,
            gone,
            heals,
            standing,
            state,
            freshness,
        } = ground;
        let beside = intake.as_ref().and_then(|(intake, _)| intake.beside());
        let accepted = standing.accepted_of(beside);
        // Changes say nothing of how many there are.
        let full = accepted.and_then(Accepted::newest_full);
        let home = book.feeds.home();
        let feed = beside.and_then(|name| book.feeds.get(name)).unwrap_or(home);
        let limit = book.policy.gates.max_source_age_h;
        let mut stale = match freshness {
            Freshness::ByAge => book.feeds.stale(standing, now, limit),
            Freshness::Assumed => BTreeSet::new(),
        };
        if intake.is_some() {
            stale.remove(&feed.name);
        }
        Self {
            now,
            source: home.name.clone(),
            feeds: book.feeds,
            feed,
            stale,
            // A delivery plans those anew who wait.
            reserved: match &intake {
                Some(_) => &NOBODY,
                None => &standing.without,
            },
            as_of: intake.as_ref().map(|(intake, _)| intake.as_of),
            intake,
            undo,
            notices,
            gone,
            moved,
            heals,
            state,
            baseline: full.map(|it| IntakeCounts {
                rows: it.rows,
                inactive: it.inactive,
                unknown_status: 0,
            }),
            baseline_profile: full.and_then(|it| it.profile.as_deref()),
            first_load: accepted.is_none(),
            rules_changed: standing
                .rules
                .as_ref()
                .is_some_and(|it| it.changed(book.rules, beside)),
            disables_before: standing.disables_before(now),
            removals_before: standing.removals_before(now),
            slices_before: standing.slices_before(now),
            mapping: &home.mapping,
            policy: book.policy,
            groups: book.groups,
            texts: book.texts,
            key: common.key,
            kind: common.kind,
            forecast: common.forecast,
        }
    }
}
