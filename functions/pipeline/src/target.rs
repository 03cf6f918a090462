//! The port to a target system: what planning asks and what apply writes.

use std::collections::BTreeSet;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use jiff::Timestamp;
use rollcall_core::model::{
    Account, Asset, Changes, Device, DeviceLook, DeviceQuestion, Estate, GroupName, GroupStep,
    Holdings, LicenceState, Lookup, ObjectId, Seats, SeenGroup, Sighting, Since, Step, StepResult,
};
use rollcall_core::plan::Forecast;
use rollcall_core::policy::Target as Kind;
use rollcall_core::proof::Expected;

use crate::notify::HandedPass;

/// Why a target could not be asked at all: credentials, permissions, an outage beyond all
/// retries. Single refusals are outcomes, not errors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{target}: {why}")]
pub struct TargetError {
    /// Which target.
    pub target: String,
    /// What happened and what to do; no values.
    pub why: String,
    /// It understood, and does not let us: a permission or a licence is missing.
    pub denied: bool,
}

/// Accounts that are put into a group together ("Add members": 20 references of one request).
pub const JOINED: usize = 20;

/// How the licences of a group stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupLicences {
    /// As the target says it; `None` where it says nothing.
    pub state: Option<String>,
    /// Accounts that are in the group and cannot be given one of its licences.
    pub without: Vec<ObjectId>,
}

/// A pass that was made.
pub struct IssuedPass {
    /// The target's own id of it.
    pub id: String,
    /// The pass.
    pub pass: HandedPass,
}

/// A system that accounts live in.
pub trait Target: Send + Sync {
    /// What core has to know of this kind of target.
    fn kind(&self) -> Kind;

    /// Every account, with the attributes named, page by page.
    fn list<'a>(
        &'a self,
        attributes: &'a [String],
    ) -> BoxStream<'a, Result<Vec<Account>, TargetError>>;

    /// What became of accounts since then, page by page, and behind the last page from where to ask on; neither
    /// from a target that cannot say.
    fn changes<'a>(&'a self, since: Since<'a>) -> BoxStream<'a, Result<Changes, TargetError>>;

    /// The accounts behind each question, in the order of the questions.
    fn look_up<'a>(
        &'a self,
        lookups: &'a [Lookup],
        attributes: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Vec<Account>>, TargetError>>;

    /// The groups of these names, in their order; `None` where there is none.
    fn find_groups<'a>(
        &'a self,
        names: &'a [GroupName],
    ) -> BoxFuture<'a, Result<Vec<Option<SeenGroup>>, TargetError>>;

    /// Whose accounts are in a group, page by page.
    fn group_members<'a>(
        &'a self,
        id: &ObjectId,
    ) -> BoxStream<'a, Result<Vec<ObjectId>, TargetError>>;

    /// The licences that the target has; `None` where it does not let us look.
    fn seats(&self) -> BoxFuture<'_, Result<Option<Vec<Seats>>, TargetError>>;

    /// What accounts answer for, of these kinds, in the order of the accounts. A kind that the
    /// target does not let us look at is unread.
    fn estates<'a>(
        &'a self,
        accounts: &'a [ObjectId],
        kinds: &'a BTreeSet<Asset>,
    ) -> BoxFuture<'a, Result<Vec<Estate>, TargetError>>;

    /// What accounts have beside their attributes, in the order of the accounts; `None` where the
    /// target does not let us look.
    fn holdings<'a>(
        &'a self,
        accounts: &'a [ObjectId],
    ) -> BoxFuture<'a, Result<Vec<Option<Holdings>>, TargetError>>;

    /// The devices of accounts, in the order of the accounts; `None` where the target does not let us
    /// look.
    fn devices<'a>(
        &'a self,
        accounts: &'a [ObjectId],
    ) -> BoxFuture<'a, Result<Vec<Option<Vec<Device>>>, TargetError>>;

    /// How far commands to devices of one account have come, in the order of the questions; `None` where
    /// the target does not let us look, and no account where that is gone.
    fn device_looks<'a>(
        &'a self,
        account: Option<&'a ObjectId>,
        questions: &'a [DeviceQuestion],
    ) -> BoxFuture<'a, Result<Vec<Option<DeviceLook>>, TargetError>>;

    /// What is left of an account and around it, for [`rollcall_core::proof`]; and how many calls that took. Of
    /// what is not expected to be looked at it reads nothing.
    fn sight<'a>(
        &'a self,
        account: &'a ObjectId,
        expected: &'a Expected,
    ) -> BoxFuture<'a, Result<(Sighting, u32), TargetError>>;

    /// Carries out one step, after checking its precondition.
    fn apply<'a>(&'a self, step: &'a Step) -> BoxFuture<'a, StepResult>;

    /// Makes a pass for an account that nobody can sign in to yet, at most once a call; `Done` with a
    /// pass and only then.
    fn issue_pass<'a>(
        &'a self,
        step: &'a Step,
        start: Timestamp,
        minutes: u32,
    ) -> BoxFuture<'a, (StepResult, Option<IssuedPass>)>;

    /// Takes back a pass that nobody got.
    fn withdraw_pass<'a>(&'a self, step: &'a Step, id: &'a str) -> BoxFuture<'a, StepResult>;

    /// Puts accounts into one group, at most [`JOINED`] at once, after checking the precondition of
    /// each. Results are in the order of the steps.
    fn add_members<'a>(
        &'a self,
        group: &'a ObjectId,
        steps: &'a [Step],
    ) -> BoxFuture<'a, Vec<StepResult>>;

    /// Makes a group, or what of it differs, after checking that nobody else changed it meanwhile.
    fn keep_group<'a>(&'a self, step: &'a GroupStep) -> BoxFuture<'a, StepResult>;

    /// How far the target has come with giving the licences of a group, and who goes without.
    fn group_licences<'a>(
        &'a self,
        group: &'a ObjectId,
    ) -> BoxFuture<'a, Result<GroupLicences, TargetError>>;

    /// The licences of accounts and how they stand, in the order of the accounts.
    fn licence_states<'a>(
        &'a self,
        accounts: &'a [ObjectId],
    ) -> BoxFuture<'a, Result<Vec<Vec<LicenceState>>, TargetError>>;

    /// What a plan of so many actions by operation will take.
    fn forecast(&self, actions: &std::collections::BTreeMap<String, u32>) -> Forecast;

    /// Calls, throttling and waits so far, for the report.
    fn usage(&self) -> serde_json::Value;
}
