//! Microsoft Entra ID and Intune as one target of the pipeline: the accounts of a tenant, and the devices
//! of those who have them.

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use jiff::Timestamp;
use rollcall_core::model::{
    Account, Asset, Changes, Device, DeviceLook, DeviceQuestion, Estate, GroupName, GroupStep,
    Holdings, LicenceState, Lookup, ObjectId, Op, Seats, SeenGroup, Sighting, Since, Step,
    StepResult,
};
use rollcall_core::plan::Forecast;
use rollcall_core::policy::Target as Kind;
use rollcall_core::proof::Expected;
use rollcall_entra::{Entra, EntraError};
use rollcall_intune::{Intune, IntuneError};

use crate::notify::HandedPass;
use crate::target::{GroupLicences, IssuedPass, Target, TargetError};

/// The adapter: the connector knows Graph, the pipeline knows targets.
#[derive(Debug, Clone)]
pub struct EntraTarget(Entra, Intune);

impl EntraTarget {
    /// Around a connector; devices are asked about over the same connection.
    pub fn new(entra: Entra) -> Self {
        let intune = Intune::new(entra.client().clone());
        Self(entra, intune)
    }
}

/// Whether this target carries out an operation.
pub const fn does(op: Op) -> bool {
    rollcall_entra::does(op) || rollcall_intune::does(op)
}

fn unasked(error: &IntuneError) -> TargetError {
    TargetError {
        target: "intune".to_owned(),
        why: error.to_string(),
        denied: error
            .error
            .fault()
            .is_some_and(|it| it.situation == rollcall_http::Situation::Denied),
    }
}

fn failed(error: &EntraError) -> TargetError {
    TargetError {
        target: "entra".to_owned(),
        why: error.to_string(),
        denied: error.denied(),
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

    fn changes<'a>(&'a self, since: Since<'a>) -> BoxStream<'a, Result<Changes, TargetError>> {
        Box::pin(self.0.changes(since).map_err(|e| failed(&e)))
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

    fn estates<'a>(
        &'a self,
        accounts: &'a [ObjectId],
        kinds: &'a BTreeSet<Asset>,
    ) -> BoxFuture<'a, Result<Vec<Estate>, TargetError>> {
        Box::pin(async move {
            self.0
                .estates(accounts, kinds)
                .await
                .map_err(|e| failed(&e))
        })
    }

    fn holdings<'a>(
        &'a self,
        accounts: &'a [ObjectId],
    ) -> BoxFuture<'a, Result<Vec<Option<Holdings>>, TargetError>> {
        Box::pin(async move { self.0.holdings(accounts).await.map_err(|e| failed(&e)) })
    }

    fn devices<'a>(
        &'a self,
        accounts: &'a [ObjectId],
    ) -> BoxFuture<'a, Result<Vec<Option<Vec<Device>>>, TargetError>> {
        Box::pin(async move { self.1.devices(accounts).await.map_err(|e| unasked(&e)) })
    }

    fn device_looks<'a>(
        &'a self,
        account: Option<&'a ObjectId>,
        questions: &'a [DeviceQuestion],
    ) -> BoxFuture<'a, Result<Vec<Option<DeviceLook>>, TargetError>> {
        Box::pin(async move {
            let looks = self.1.looks(account, questions).await;
            looks.map_err(|e| unasked(&e))
        })
    }

    fn sight<'a>(
        &'a self,
        account: &'a ObjectId,
        expected: &'a Expected,
    ) -> BoxFuture<'a, Result<(Sighting, u32), TargetError>> {
        Box::pin(async move {
            let sighting = self.0.sight(account, expected.roles).await;
            let (mut sighting, calls) = sighting.map_err(|e| failed(&e))?;
            if expected.devices.is_some() {
                let accounts = std::slice::from_ref(account);
                let found = self.1.devices(accounts).await.map_err(|e| unasked(&e))?;
                sighting.devices = found.into_iter().next().flatten();
            }
            Ok((sighting, calls))
        })
    }

    fn apply<'a>(&'a self, step: &'a Step) -> BoxFuture<'a, StepResult> {
        if step.op.on_device() {
            Box::pin(self.1.apply(step))
        } else {
            Box::pin(self.0.apply(step))
        }
    }

    fn issue_pass<'a>(
        &'a self,
        step: &'a Step,
        start: Timestamp,
        minutes: u32,
    ) -> BoxFuture<'a, (StepResult, Option<IssuedPass>)> {
        Box::pin(async move {
            let issued = self.0.issue_pass(step, start, minutes).await;
            let pass = issued.pass.map(|pass| IssuedPass {
                id: pass.id,
                pass: HandedPass {
                    secret: pass.secret,
                    start: pass.start,
                    minutes: pass.minutes,
                },
            });
            (issued.result, pass)
        })
    }

    fn withdraw_pass<'a>(&'a self, step: &'a Step, id: &'a str) -> BoxFuture<'a, StepResult> {
        Box::pin(self.0.withdraw_pass(step, id))
    }

    fn add_members<'a>(
        &'a self,
        group: &'a ObjectId,
        steps: &'a [Step],
    ) -> BoxFuture<'a, Vec<StepResult>> {
        Box::pin(self.0.add_members(group, steps))
    }

    fn keep_group<'a>(&'a self, step: &'a GroupStep) -> BoxFuture<'a, StepResult> {
        Box::pin(self.0.keep_group(step))
    }

    fn group_licences<'a>(
        &'a self,
        group: &'a ObjectId,
    ) -> BoxFuture<'a, Result<GroupLicences, TargetError>> {
        Box::pin(async move {
            let found = self.0.group_licence_errors(group).await;
            let (state, without) = found.map_err(|e| failed(&e))?;
            Ok(GroupLicences { state, without })
        })
    }

    fn licence_states<'a>(
        &'a self,
        accounts: &'a [ObjectId],
    ) -> BoxFuture<'a, Result<Vec<Vec<LicenceState>>, TargetError>> {
        Box::pin(async move {
            self.0
                .licence_states(accounts)
                .await
                .map_err(|e| failed(&e))
        })
    }

    fn forecast(&self, actions: &BTreeMap<String, u32>) -> Forecast {
        self.0.forecast(actions, rollcall_intune::calls_of)
    }

    fn usage(&self) -> serde_json::Value {
        self.0.usage()
    }
}
