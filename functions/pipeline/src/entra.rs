//! Microsoft Entra ID as a target of the pipeline.

use std::collections::BTreeMap;

use futures::TryStreamExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use rollcall_core::model::{
    Account, GroupName, Lookup, ObjectId, Seats, SeenGroup, Step, StepResult,
};
use rollcall_core::plan::Forecast;
use rollcall_core::policy::Target as Kind;
use rollcall_entra::{Entra, EntraError};

use crate::target::{Target, TargetError};

/// The adapter: the connector knows Graph, the pipeline knows targets.
#[derive(Debug, Clone)]
pub struct EntraTarget(Entra);

impl EntraTarget {
    /// Around a connector.
    pub fn new(entra: Entra) -> Self {
        Self(entra)
    }
}

fn failed(error: &EntraError) -> TargetError {
    TargetError {
        target: "entra".to_owned(),
        why: error.to_string(),
    }
}

impl Target for EntraTarget {
    fn kind(&self) -> Kind {
        Kind {
            key_attribute: "employeeId".to_owned(),
            name_attribute: "userPrincipalName".to_owned(),
            alias_attribute: "mailNickname".to_owned(),
        }
    }

    fn list<'a>(
        &'a self,
        attributes: &'a [String],
    ) -> BoxStream<'a, Result<Vec<Account>, TargetError>> {
        Box::pin(self.0.list_accounts(attributes).map_err(|e| failed(&e)))
    }

    fn look_up<'a>(
        &'a self,
        lookups: &'a [Lookup],
        attributes: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Vec<Account>>, TargetError>> {
        Box::pin(async move {
            self.0
                .look_up(lookups, attributes)
                .await
                .map_err(|e| failed(&e))
        })
    }

    fn find_groups<'a>(
        &'a self,
        names: &'a [GroupName],
    ) -> BoxFuture<'a, Result<Vec<Option<SeenGroup>>, TargetError>> {
        Box::pin(async move { self.0.find_groups(names).await.map_err(|e| failed(&e)) })
    }

    fn group_members<'a>(
        &'a self,
        id: &ObjectId,
    ) -> BoxStream<'a, Result<Vec<ObjectId>, TargetError>> {
        Box::pin(self.0.group_members(id).map_err(|e| failed(&e)))
    }

    fn seats(&self) -> BoxFuture<'_, Result<Option<Vec<Seats>>, TargetError>> {
        Box::pin(async move { self.0.seats().await.map_err(|e| failed(&e)) })
    }

    fn apply<'a>(&'a self, step: &'a Step) -> BoxFuture<'a, StepResult> {
        Box::pin(self.0.apply(step))
    }

    fn forecast(&self, actions: &BTreeMap<String, u32>) -> Forecast {
        self.0.forecast(actions)
    }

    fn usage(&self) -> serde_json::Value {
        self.0.usage()
    }
}
