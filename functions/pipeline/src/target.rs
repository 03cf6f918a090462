//! The port to a target system: what planning asks and what apply writes.

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use rollcall_core::model::{
    Account, GroupName, Lookup, ObjectId, Seats, SeenGroup, Step, StepResult,
};
use rollcall_core::plan::Forecast;
use rollcall_core::policy::Target as Kind;

/// Why a target could not be asked at all: credentials, permissions, an outage beyond all
/// retries. Single refusals are outcomes, not errors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{target}: {why}")]
pub struct TargetError {
    /// Which target.
    pub target: String,
    /// What happened and what to do; no values.
    pub why: String,
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

    /// Carries out one step, after checking its precondition.
    fn apply<'a>(&'a self, step: &'a Step) -> BoxFuture<'a, StepResult>;

    /// What a plan of so many actions by operation will take.
    fn forecast(&self, actions: &std::collections::BTreeMap<String, u32>) -> Forecast;

    /// Calls, throttling and waits so far, for the report.
    fn usage(&self) -> serde_json::Value;
}
