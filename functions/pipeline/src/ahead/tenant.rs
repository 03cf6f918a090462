//! A target as it would be: steps are remembered and not sent, everything else is asked of the
//! real one.
//!
//! Invariant: the real target is only ever read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt as _};
use jiff::Timestamp;
use rollcall_core::digest::sha256;
use rollcall_core::model::{
    Account, AccountName, AccountOp, Area, Asset, Attributes, Changes, Device, DeviceLook,
    DeviceQuestion, Ending, Estate, GroupName, GroupOp, GroupStep, Holdings, Keeper, LicenceState,
    Lookup, ObjectId, Seats, SeenGroup, Sighting, Since, Step, StepResult, Value,
};
use rollcall_core::plan::Forecast;
use rollcall_core::policy::{Target as Kind, name_key};
use rollcall_core::proof::Expected;

use crate::plan::answers;
use crate::target::{GroupLicences, IssuedPass, Target, TargetError};

/// See the module.
pub(super) struct Tenant {
    real: Arc<dyn Target>,
    then: Mutex<Then>,
}

/// What differs from the real one.
#[derive(Default)]
struct Then {
    /// Accounts that steps have changed or made.
    accounts: BTreeMap<ObjectId, Account>,
    /// Those of them that the real one has not.
    made: BTreeSet<ObjectId>,
    /// The same by key and by name, old ones included.
    index: BTreeMap<Lookup, BTreeSet<ObjectId>>,
    groups: BTreeMap<GroupName, SeenGroup>,
    /// Seats that came free, by licence.
    freed: BTreeMap<String, i64>,
    /// Who took over what.
    heirs: BTreeMap<(Asset, ObjectId), BTreeSet<ObjectId>>,
    /// What planning reads of accounts.
    attributes: Vec<String>,
}

impl Tenant {
    pub(super) fn new(real: Arc<dyn Target>) -> Self {
        Self {
            real,
            then: Mutex::default(),
        }
    }

    /// Counts what a plan that is taken as carried out did to the seats of a licence.
    pub(super) fn free(&self, licence: &str, seats: i64) {
        *self.then().freed.entry(licence.to_owned()).or_default() += seats;
    }

    fn then(&self) -> MutexGuard<'_, Then> {
        self.then.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account that a step writes to, as it would be by then.
    async fn account(&self, step: &Step) -> Result<Option<Account>, TargetError> {
        let Some(id) = &step.object else {
            return Ok(None);
        };
        let (known, attributes) = {
            let then = self.then();
            (then.accounts.get(id).cloned(), then.attributes.clone())
        };
        if known.is_some() {
            return Ok(known);
        }
        let question = [Lookup::Id(id.clone())];
        let mut found = self.real.look_up(&question, &attributes).await?;
        Ok(found.pop().and_then(|mut accounts| accounts.pop()))
    }

    async fn remember(&self, step: &Step) -> Result<Option<ObjectId>, TargetError> {
        if let (Some(handed), Some(heir)) = (&step.handed, &step.manager) {
            let mut then = self.then();
            let heirs = then.heirs.entry(handed.clone()).or_default();
            heirs.insert(heir.clone());
        }
        let Area::Account(op) = step.op.area() else {
            return Ok(step.object.clone());
        };
        let account = match op {
            AccountOp::Create => Some(self.made(step)),
            AccountOp::Update | AccountOp::Enable | AccountOp::Disable => self
                .account(step)
                .await?
                .map(|account| self.changed(account, step, op)),
            AccountOp::SetManager | AccountOp::ClearManager | AccountOp::RevokeSessions => None,
        };
        let id = account.as_ref().map(|it| it.id.clone());
        if let Some(account) = account {
            self.then().put(account);
        }
        Ok(id.or_else(|| step.object.clone()))
    }

    fn made(&self, step: &Step) -> Account {
        // The same worker gets the same id in every look: no account is ever called so.
        let id = ObjectId::new(format!("to-come-{}", &sha256(step.key.as_bytes())[..16]));
        self.then().made.insert(id.clone());
        let account = Account {
            id,
            enabled: false,
            key: Some(step.key.clone()),
            name: AccountName::new(String::new()),
            attributes: Attributes::from([("userType".to_owned(), Value::text("Member"))]),
            holdings: None,
        };
        self.changed(account, step, AccountOp::Create)
    }

    fn changed(&self, mut account: Account, step: &Step, op: AccountOp) -> Account {
        let kind = self.real.kind();
        for (name, value) in &step.write {
            if *name == kind.name_attribute {
                account.name = AccountName::new(value.as_text().unwrap_or_default());
            }
            if *name == kind.key_attribute {
                account.key = value.as_text().map(str::to_owned);
            }
            if value.is_nothing() {
                account.attributes.remove(name);
            } else {
                account.attributes.insert(name.clone(), value.clone());
            }
        }
        match op {
            AccountOp::Enable => account.enabled = true,
            AccountOp::Disable => account.enabled = false,
            AccountOp::Create
            | AccountOp::Update
            | AccountOp::SetManager
            | AccountOp::ClearManager
            | AccountOp::RevokeSessions => {}
        }
        account
    }

    async fn carry_out(&self, step: &Step) -> StepResult {
        let (ending, object) = match self.remember(step).await {
            Ok(object) => (Ending::Done, object),
            Err(error) => {
                let ending = Ending::Failed {
                    code: "not_read".to_owned(),
                    hint: error.to_string(),
                };
                (ending, step.object.clone())
            }
        };
        StepResult {
            object,
            ..StepResult::new(ending)
        }
    }
}

impl Then {
    fn put(&mut self, account: Account) {
        let name = AccountName::new(name_key(account.name.reveal()));
        let key = account.key.clone().map(Lookup::Key);
        for question in key.into_iter().chain([Lookup::Name(name)]) {
            let ids = self.index.entry(question).or_default();
            ids.insert(account.id.clone());
        }
        self.accounts.insert(account.id.clone(), account);
    }

    /// What the real one answers, as it would be by then.
    fn answer(&self, question: &Lookup, found: Vec<Account>) -> Vec<Account> {
        let mut out: Vec<Account> = found
            .into_iter()
            .filter(|account| !self.accounts.contains_key(&account.id))
            .collect();
        let ours = |id: &ObjectId| self.accounts.get(id).filter(|it| answers(it, question));
        let ids: Vec<&ObjectId> = match question {
            Lookup::Id(id) => vec![id],
            Lookup::Key(_) => self.index.get(question).into_iter().flatten().collect(),
            Lookup::Name(name) => {
                let name = Lookup::Name(AccountName::new(name_key(name.reveal())));
                self.index.get(&name).into_iter().flatten().collect()
            }
        };
        out.extend(ids.into_iter().filter_map(ours).cloned());
        out
    }
}

impl Target for Tenant {
    fn kind(&self) -> Kind {
        self.real.kind()
    }

    fn list<'a>(
        &'a self,
        attributes: &'a [String],
    ) -> BoxStream<'a, Result<Vec<Account>, TargetError>> {
        self.then().attributes = attributes.to_vec();
        let pages = self.real.list(attributes).map(|page| {
            let then = self.then();
            let now = |account: Account| then.accounts.get(&account.id).cloned().unwrap_or(account);
            Ok(page?.into_iter().map(now).collect())
        });
        let last = stream::once(async {
            let then = self.then();
            let made = then.made.iter().filter_map(|id| then.accounts.get(id));
            Ok(made.cloned().collect())
        });
        pages.chain(last).boxed()
    }

    /// Nobody knows what others will change.
    fn changes<'a>(&'a self, _: Since<'a>) -> BoxStream<'a, Result<Changes, TargetError>> {
        stream::empty().boxed()
    }

    fn look_up<'a>(
        &'a self,
        lookups: &'a [Lookup],
        attributes: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Vec<Account>>, TargetError>> {
        async move {
            let found = self.real.look_up(lookups, attributes).await?;
            let mut then = self.then();
            then.attributes = attributes.to_vec();
            let answers = lookups.iter().zip(found);
            Ok(answers.map(|(it, found)| then.answer(it, found)).collect())
        }
        .boxed()
    }

    fn find_groups<'a>(
        &'a self,
        names: &'a [GroupName],
    ) -> BoxFuture<'a, Result<Vec<Option<SeenGroup>>, TargetError>> {
        async move {
            let found = self.real.find_groups(names).await?;
            let then = self.then();
            let now = |(name, seen): (&GroupName, Option<SeenGroup>)| {
                then.groups.get(name).cloned().or(seen)
            };
            Ok(names.iter().zip(found).map(now).collect())
        }
        .boxed()
    }

    fn group_members<'a>(
        &'a self,
        id: &ObjectId,
    ) -> BoxStream<'a, Result<Vec<ObjectId>, TargetError>> {
        self.real.group_members(id)
    }

    fn seats(&self) -> BoxFuture<'_, Result<Option<Vec<Seats>>, TargetError>> {
        async move {
            let mut seats = self.real.seats().await?;
            let then = self.then();
            for licence in seats.iter_mut().flatten() {
                licence.free += then.freed.get(&licence.name).copied().unwrap_or_default();
            }
            Ok(seats)
        }
        .boxed()
    }

    fn estates<'a>(
        &'a self,
        accounts: &'a [ObjectId],
        kinds: &'a BTreeSet<Asset>,
    ) -> BoxFuture<'a, Result<Vec<Estate>, TargetError>> {
        async move {
            let mut estates = self.real.estates(accounts, kinds).await?;
            let then = self.then();
            for estate in &mut estates {
                for owned in &mut estate.owned {
                    let heirs = then.heirs.get(&(owned.asset, owned.id.clone()));
                    owned
                        .others
                        .extend(heirs.into_iter().flatten().map(|id| Keeper {
                            id: id.clone(),
                            able: true,
                        }));
                }
            }
            Ok(estates)
        }
        .boxed()
    }

    fn holdings<'a>(
        &'a self,
        accounts: &'a [ObjectId],
    ) -> BoxFuture<'a, Result<Vec<Option<Holdings>>, TargetError>> {
        async move {
            let made = self.then().made.clone();
            let real = accounts.iter().filter(|id| !made.contains(*id));
            let real: Vec<ObjectId> = real.cloned().collect();
            let mut found = self.real.holdings(&real).await?.into_iter();
            // Whoever is to come has nothing that Rollcall does not give.
            let of = |id: &ObjectId| {
                if made.contains(id) {
                    Some(Holdings::default())
                } else {
                    found.next().flatten()
                }
            };
            Ok(accounts.iter().map(of).collect())
        }
        .boxed()
    }

    fn devices<'a>(
        &'a self,
        accounts: &'a [ObjectId],
    ) -> BoxFuture<'a, Result<Vec<Option<Vec<Device>>>, TargetError>> {
        async move {
            let made = self.then().made.clone();
            let real = accounts.iter().filter(|id| !made.contains(*id));
            let real: Vec<ObjectId> = real.cloned().collect();
            let mut found = self.real.devices(&real).await?.into_iter();
            let of = |id: &ObjectId| {
                if made.contains(id) {
                    Some(Vec::new())
                } else {
                    found.next().flatten()
                }
            };
            Ok(accounts.iter().map(of).collect())
        }
        .boxed()
    }

    fn device_looks<'a>(
        &'a self,
        _account: Option<&'a ObjectId>,
        questions: &'a [DeviceQuestion],
    ) -> BoxFuture<'a, Result<Vec<Option<DeviceLook>>, TargetError>> {
        // Whatever is commanded ahead of time is done at once.
        let done = questions.iter().map(|_| Some(DeviceLook::Done)).collect();
        futures::future::ready(Ok(done)).boxed()
    }

    fn sight<'a>(
        &'a self,
        _: &'a ObjectId,
        expected: &'a Expected,
    ) -> BoxFuture<'a, Result<(Sighting, u32), TargetError>> {
        // Ahead of time everything goes as planned: there is nothing left.
        let out = Sighting {
            account: None,
            groups: Some(Vec::new()),
            roles: expected.roles.then(Vec::new),
            app_roles: expected.roles.then(Vec::new),
            devices: expected.devices.is_some().then(Vec::new),
        };
        futures::future::ready(Ok((out, 0))).boxed()
    }

    fn apply<'a>(&'a self, step: &'a Step) -> BoxFuture<'a, StepResult> {
        self.carry_out(step).boxed()
    }

    fn issue_pass<'a>(
        &'a self,
        step: &'a Step,
        _: Timestamp,
        _: u32,
    ) -> BoxFuture<'a, (StepResult, Option<IssuedPass>)> {
        // Nobody is handed anything ahead of time.
        async move { (self.carry_out(step).await, None) }.boxed()
    }

    fn withdraw_pass<'a>(&'a self, step: &'a Step, _: &'a str) -> BoxFuture<'a, StepResult> {
        self.carry_out(step).boxed()
    }

    fn add_members<'a>(
        &'a self,
        _group: &'a ObjectId,
        steps: &'a [Step],
    ) -> BoxFuture<'a, Vec<StepResult>> {
        async move {
            let mut out = Vec::with_capacity(steps.len());
            for step in steps {
                out.push(self.carry_out(step).await);
            }
            out
        }
        .boxed()
    }

    fn keep_group<'a>(&'a self, step: &'a GroupStep) -> BoxFuture<'a, StepResult> {
        let name = GroupName::Unique(step.wanted.unique.clone());
        let mut then = self.then();
        let before = then.groups.get(&name).or(step.before.as_ref());
        let known = before.map(|group| group.id.clone());
        let id = known.unwrap_or_else(|| {
            let hash = sha256(step.wanted.unique.as_bytes());
            ObjectId::new(format!("to-come-{}", &hash[..16]))
        });
        let mut licences = before.map(|group| group.licences.clone());
        if step.op.area() == Area::Group(GroupOp::License) {
            licences = Some(step.wanted.licences.clone());
        }
        let group = SeenGroup {
            id: id.clone(),
            name: step.wanted.name.clone(),
            description: step.wanted.description.clone(),
            rule: step.wanted.rule.clone(),
            evaluated: step.wanted.rule.is_some(),
            licences: licences.unwrap_or_default(),
        };
        then.groups.insert(name, group);
        let done = StepResult {
            object: Some(id),
            ..StepResult::new(Ending::Done)
        };
        futures::future::ready(done).boxed()
    }

    fn group_licences<'a>(
        &'a self,
        group: &'a ObjectId,
    ) -> BoxFuture<'a, Result<GroupLicences, TargetError>> {
        self.real.group_licences(group)
    }

    fn licence_states<'a>(
        &'a self,
        accounts: &'a [ObjectId],
    ) -> BoxFuture<'a, Result<Vec<Vec<LicenceState>>, TargetError>> {
        self.real.licence_states(accounts)
    }

    fn forecast(&self, actions: &BTreeMap<String, u32>) -> Forecast {
        self.real.forecast(actions)
    }

    fn usage(&self) -> serde_json::Value {
        self.real.usage()
    }
}
