//! Memberships that are kept by hand: many accounts into a group at once, one out of it.
//!
//! Sources: "Add members", "Remove member" (graph/api). A bulk add costs one write and is all or
//! nothing: one account that is a member already refuses everybody, so that what it refuses goes
//! in one by one. Invariant: nobody is put in who was not read back, and a removal ends in `/$ref`.

use rollcall_core::model::{Ending, GroupName, ObjectId, Op, Step, StepResult};
use rollcall_http::{Call, CallError, ITEMS_MAX, Lane, Situation, refused};
use serde_json::Value as Json;

use crate::current::{Current, check};
use crate::write::{Ended, Patience, Sender, invalid, not_found, situation, stale};
use crate::{Entra, graph, groups};

/// What a re-check needs of an account that is not written to itself.
const ACCOUNT: &str = "id,employeeId";

/// How a group stands that did not take a change of its members.
enum Stands {
    Gone,
    /// Its members follow a rule.
    Ruled,
    Kept,
}

/// Accounts on their way into one group.
struct Adding<'a> {
    group: &'a ObjectId,
    steps: &'a [Step],
    /// How each step ended; `None` while it is open.
    endings: Vec<Option<Ending>>,
    /// The calls of each step alone.
    own: Vec<Sender<'a>>,
    /// The calls for all of them.
    shared: Sender<'a>,
    /// How the group stands, once asked.
    stands: Option<Stands>,
}

impl Entra {
    /// Puts the accounts of these steps, all [`Op::GroupAdd`], into one group; results in their
    /// order. Calls that were made for several steps are counted once, in the first result.
    ///
    /// Safe to repeat: who is a member already ends as `Already`.
    pub async fn add_members(&self, group: &ObjectId, steps: &[Step]) -> Vec<StepResult> {
        let mut results = Vec::with_capacity(steps.len());
        for steps in steps.chunks(ITEMS_MAX) {
            let mut adding = Adding::new(self, group, steps);
            if let Err(error) = adding.carry_out().await {
                let ending = adding.shared.failed(&error);
                adding.end_all(&ending);
            }
            results.extend(adding.results());
        }
        results
    }

    /// One account into its group.
    pub(crate) async fn add_member(&self, step: &Step) -> StepResult {
        let results = match &step.group {
            Some(group) => self.add_members(group, std::slice::from_ref(step)).await,
            None => Vec::new(),
        };
        results.into_iter().next().unwrap_or_else(|| {
            let ended = Ok((invalid("the step names no group"), None));
            let sender = Sender::new(self, Lane::Bulk);
            sender.result(&step.action, step.op, ended, step.object.as_ref())
        })
    }
}

impl<'a> Adding<'a> {
    fn new(entra: &'a Entra, group: &'a ObjectId, steps: &'a [Step]) -> Self {
        let fits = |step: &Step| {
            step.op == Op::GroupAdd && step.object.is_some() && step.group.as_ref() == Some(group)
        };
        let what = "the step names no account, or not this group";
        Self {
            group,
            steps,
            endings: steps
                .iter()
                .map(|step| (!fits(step)).then(|| invalid(what)))
                .collect(),
            own: steps
                .iter()
                .map(|_| Sender::new(entra, Lane::Bulk))
                .collect(),
            shared: Sender::new(entra, Lane::Bulk),
            stands: None,
        }
    }

    fn entra(&self) -> &'a Entra {
        self.shared.entra
    }

    /// The steps that have not ended, by position, and their accounts.
    fn open(&self) -> Vec<(usize, &'a ObjectId)> {
        let open = self.steps.iter().zip(&self.endings).enumerate();
        open.filter(|(_, (_, ending))| ending.is_none())
            .filter_map(|(at, (step, _))| Some((at, step.object.as_ref()?)))
            .collect()
    }

    /// Ends every step that is open.
    fn end_all(&mut self, ending: &Ending) {
        for open in self.endings.iter_mut().filter(|it| it.is_none()) {
            *open = Some(ending.clone());
        }
    }

    fn lately(&self, account: &ObjectId) -> bool {
        self.entra().created_lately(account) || self.entra().created_lately(self.group)
    }

    /// Reads the accounts back and adds them. One that was made lately and is not to be read yet
    /// is waited for when all others are in.
    async fn carry_out(&mut self) -> Result<(), CallError> {
        let (mut reading, mut writing) = (Patience::new(), Patience::new());
        let mut asked = self.open();
        while !asked.is_empty() {
            let behind = self.read_back(asked).await?;
            let open = self.open();
            if open.len() < 2 || self.together(&open, &mut writing).await? {
                self.one_by_one(&mut writing).await?;
            }
            if !behind.is_empty() && !reading.wait(self.entra().client().clock()).await {
                break;
            }
            asked = behind;
        }
        Ok(())
    }

    /// Reads accounts back and ends the steps whose account is not what was meant, for now also
    /// those that it gives back: they may only be behind.
    async fn read_back(
        &mut self,
        asked: Vec<(usize, &'a ObjectId)>,
    ) -> Result<Vec<(usize, &'a ObjectId)>, CallError> {
        let read = |(_, account): &(usize, &ObjectId)| {
            graph::read_user(graph::user_path(account), ACCOUNT.to_owned(), Lane::Bulk)
        };
        let calls: Vec<Call> = asked.iter().map(read).collect();
        let batch = self
            .entra()
            .client()
            .batch(&calls)
            .await
            .inspect_err(|error| {
                self.shared.count(error.calls, error.request_id.clone());
            })?;
        self.shared.count(batch.calls, batch.request_id);
        let mut behind = Vec::new();
        for ((at, account), answer) in asked.into_iter().zip(batch.items) {
            let read = answer.map_err(refused);
            let missing = read.as_ref().is_err_and(not_found);
            if missing && self.entra().created_lately(account) {
                behind.push((at, account));
            }
            self.endings[at] = match check(self.entra(), &self.steps[at], false, read) {
                Ok(Current::User(_)) => None,
                Ok(Current::Over(ending)) => Some(ending),
                Err(error) => Some(self.shared.failed(&error)),
            };
        }
        Ok(behind)
    }

    /// Adds all of them with one write. Whether what is open is to be added one by one.
    async fn together(
        &mut self,
        open: &[(usize, &ObjectId)],
        patience: &mut Patience,
    ) -> Result<bool, CallError> {
        let references: Vec<String> = open
            .iter()
            .map(|(_, account)| self.reference(account))
            .collect();
        let call = graph::add_members(self.group, &references);
        // Where only some are new, the others do not wait for them.
        let lately = open.iter().all(|(_, account)| self.lately(account));
        let behind = |error: &CallError| lately && not_found(error);
        let Err(error) = self.shared.send_with(patience, call, behind).await else {
            self.end_all(&Ending::Done);
            return Ok(false);
        };
        match situation(&error) {
            Some(Situation::AlreadyMember) => return Ok(true),
            Some(Situation::NotFound | Situation::Refused | Situation::Denied) => {}
            Some(_) | None => return Err(error),
        }
        if let Some(ending) = self.of_group().await? {
            self.end_all(&ending);
            return Ok(false);
        }
        match situation(&error) {
            Some(Situation::Denied) => Err(error),
            Some(_) | None => Ok(true),
        }
    }

    async fn one_by_one(&mut self, patience: &mut Patience) -> Result<(), CallError> {
        let mut open = self.open();
        loop {
            let mut behind = Vec::new();
            for (at, account) in open {
                let call = graph::add_member(self.group, &self.reference(account));
                let Err(error) = self.own[at].send(call).await else {
                    self.endings[at] = Some(Ending::Done);
                    continue;
                };
                if not_found(&error) && self.lately(account) {
                    behind.push((at, account));
                    continue;
                }
                let ending = self.not_added(at, &error).await?;
                self.endings[at] = Some(ending);
            }
            if behind.is_empty() {
                return Ok(());
            }
            if !patience.wait(self.entra().client().clock()).await {
                let replicating = self.entra().replicating();
                let ending = self.of_group().await?.unwrap_or(replicating);
                self.end_all(&ending);
                return Ok(());
            }
            open = behind;
        }
    }

    /// How a step ends whose account could not be added.
    async fn not_added(&mut self, at: usize, error: &CallError) -> Result<Ending, CallError> {
        match situation(error) {
            Some(Situation::AlreadyMember) => return Ok(Ending::Already),
            Some(Situation::NotFound | Situation::Refused | Situation::Denied) => {
                if let Some(ending) = self.of_group().await? {
                    return Ok(ending);
                }
            }
            Some(_) | None => {}
        }
        Ok(if not_found(error) {
            stale("the account is gone")
        } else {
            self.own[at].failed(error)
        })
    }

    /// How every step ends because of the group; `None` where the group is not to blame.
    async fn of_group(&mut self) -> Result<Option<Ending>, CallError> {
        let stands = match self.stands.take() {
            Some(stands) => stands,
            None => self.shared.look_at(self.group).await?,
        };
        let ending = match &stands {
            Stands::Gone => Some(Ending::Waiting {
                until: None,
                reason: "group".to_owned(),
            }),
            Stands::Ruled => Some(ruled()),
            Stands::Kept => None,
        };
        self.stands = Some(stands);
        Ok(ending)
    }

    fn reference(&self, account: &ObjectId) -> String {
        graph::reference(self.entra().client().origin(), account)
    }

    fn results(self) -> Vec<StepResult> {
        let request_id = self.shared.request_id.clone();
        let mut shared_calls = self.shared.calls;
        let steps = self.steps.iter().zip(self.endings).zip(self.own);
        steps
            .map(|((step, ending), mut own)| {
                let open = || invalid("an account was neither added nor refused");
                let ended = Ok((ending.unwrap_or_else(open), None));
                let own_id = own.request_id.take();
                own.count(
                    std::mem::take(&mut shared_calls),
                    own_id.or(request_id.clone()),
                );
                own.result(&step.action, step.op, ended, step.object.as_ref())
            })
            .collect()
    }
}

impl Sender<'_> {
    pub(crate) async fn remove_member(&mut self, step: &Step) -> Ended {
        let (Some(object), Some(group)) = (&step.object, &step.group) else {
            return Ok((invalid("the step names no account or no group"), None));
        };
        match self.read_back(step, ACCOUNT.to_owned(), false).await? {
            Current::User(_) => {}
            Current::Over(ending) => return Ok((ending, None)),
        }
        let error = match self.send(graph::remove_member(group, object)).await {
            Ok(_) => return Ok((Ending::Done, None)),
            // Who is in no group, or in none that is gone, is out of it.
            Err(error) if not_found(&error) => return Ok((Ending::Already, None)),
            Err(error) => error,
        };
        let refused = matches!(
            situation(&error),
            Some(Situation::Refused | Situation::Denied)
        );
        if refused && matches!(self.look_at(group).await?, Stands::Ruled) {
            return Ok((ruled(), None));
        }
        Err(error)
    }

    async fn look_at(&mut self, group: &ObjectId) -> Result<Stands, CallError> {
        let name = GroupName::Id(group.clone());
        let body = match self.send(graph::read_group(&name, "id,groupTypes")).await {
            Ok(reply) => reply.body,
            Err(error) if not_found(&error) => return Ok(Stands::Gone),
            Err(error) => return Err(error),
        };
        let kinds = body.get("groupTypes").and_then(Json::as_array);
        let kinds = kinds.ok_or_else(|| CallError::malformed("a group lacks `groupTypes`"))?;
        Ok(if groups::dynamic(kinds) {
            Stands::Ruled
        } else {
            Stands::Kept
        })
    }
}

fn ruled() -> Ending {
    let hint = "the members of the group follow a rule, so that nobody can be put in or taken out \
                by hand; change the rule, or the attributes that it reads";
    Ending::Failed {
        code: "group_dynamic".to_owned(),
        hint: hint.to_owned(),
    }
}
