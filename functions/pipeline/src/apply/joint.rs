//! Adds to groups, joined over the orders that this process has in hand.
//!
//! One call puts up to twenty accounts into a group, for the price of one. An order that comes to
//! its adds lays them down and waits; they are sent once twenty are there for a group, once every
//! order in hand waits, or once many do. Invariant: whoever laid an add down learns what came of
//! it, also where another one sent it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _, Shared, join_all};
use rollcall_core::model::{ObjectId, Step, StepResult};
use rollcall_http::Clock;
use tokio::sync::oneshot;

use crate::target::{JOINED, Target};

/// From so many orders on that wait, nobody waits for the others.
const WAITING: usize = 20;
/// Longest wait for others, where one of them takes its time.
const PATIENCE: Duration = Duration::from_secs(2);

type Sent<'a> = Shared<BoxFuture<'a, Arc<Vec<StepResult>>>>;

struct Laid<'a> {
    step: Step,
    tell: oneshot::Sender<(Sent<'a>, usize)>,
}

#[derive(Default)]
struct Inner<'a> {
    /// Orders in hand, those that wait here among them.
    orders: usize,
    waiting: usize,
    /// Those that laid something down since everything was sent.
    fresh: usize,
    laid: BTreeMap<ObjectId, Vec<Laid<'a>>>,
}

/// Where adds are laid down.
pub struct Joint<'a> {
    target: &'a dyn Target,
    clock: Clock,
    inner: Mutex<Inner<'a>>,
}

/// An order in hand.
pub struct InHand<'j, 'a>(&'j Joint<'a>);

impl Drop for InHand<'_, '_> {
    fn drop(&mut self) {
        let mut inner = self.0.inner();
        inner.orders -= 1;
        self.0.send_if_all_wait(&mut inner);
    }
}

/// An order that waits.
struct Waits<'j, 'a>(&'j Joint<'a>);

impl Drop for Waits<'_, '_> {
    fn drop(&mut self) {
        self.0.inner().waiting -= 1;
    }
}

impl<'a> Joint<'a> {
    /// Nothing is laid down yet.
    pub fn new(target: &'a dyn Target, clock: Clock) -> Self {
        Self {
            target,
            clock,
            inner: Mutex::default(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner<'a>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An order is taken in hand, until what is returned is dropped.
    pub fn take(&self) -> InHand<'_, 'a> {
        self.inner().orders += 1;
        InHand(self)
    }

    /// Lays adds of one order down, and says what came of each, in their order.
    pub async fn add(&self, adds: Vec<(ObjectId, Step)>) -> Vec<StepResult> {
        let mut told = Vec::with_capacity(adds.len());
        let _waits = {
            let mut inner = self.inner();
            for (group, step) in adds {
                let (tell, hear) = oneshot::channel();
                told.push(hear);
                let laid = inner.laid.entry(group.clone()).or_default();
                laid.push(Laid { step, tell });
                if laid.len() >= JOINED {
                    self.send(&mut inner, &group);
                }
            }
            inner.waiting += 1;
            inner.fresh += 1;
            Waits(self)
        };
        // Others that could go on come to their adds first.
        tokio::task::yield_now().await;
        self.send_if_all_wait(&mut self.inner());
        let results = told.into_iter().map(|hear| self.hear(hear));
        join_all(results).await
    }

    async fn hear(&self, mut hear: oneshot::Receiver<(Sent<'a>, usize)>) -> StepResult {
        let heard = tokio::select! {
            biased;
            heard = &mut hear => heard,
            () = self.clock.sleep(PATIENCE) => {
                self.send_all(&mut self.inner());
                hear.await
            }
        };
        // Whoever holds the sender tells, or hands it on.
        let (sent, at) = heard.expect("what is laid down is sent");
        sent.await[at].clone()
    }

    fn send_if_all_wait(&self, inner: &mut Inner<'a>) {
        if inner.waiting == inner.orders || inner.fresh >= WAITING {
            self.send_all(inner);
        }
    }

    fn send_all(&self, inner: &mut Inner<'a>) {
        inner.fresh = 0;
        let groups: Vec<ObjectId> = inner.laid.keys().cloned().collect();
        for group in groups {
            self.send(inner, &group);
        }
    }

    fn send(&self, inner: &mut Inner<'a>, group: &ObjectId) {
        let laid = inner.laid.remove(group).unwrap_or_default();
        // Nobody waits any more for what was dropped: it comes again with its order.
        let (tells, steps): (Vec<_>, Vec<Step>) = laid
            .into_iter()
            .filter(|laid| !laid.tell.is_closed())
            .map(|laid| (laid.tell, laid.step))
            .unzip();
        let (target, group) = (self.target, group.clone());
        let sent = async move { Arc::new(target.add_members(&group, &steps).await) };
        let sent = sent.boxed().shared();
        for (at, tell) in tells.into_iter().enumerate() {
            // Dropped this moment: the others send.
            drop(tell.send((sent.clone(), at)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Mutex;

    use futures::future::BoxFuture;
    use futures::stream::BoxStream;
    use jiff::Timestamp;
    use rollcall_core::model::{
        Account, ActionId, Asset, Attributes, Changes, Device, DeviceLook, DeviceQuestion, Ending,
        Estate, GroupName, GroupStep, Holdings, LicenceState, Lookup, Op, PersonKey, Seats,
        SeenGroup, Sighting, Since,
    };
    use rollcall_core::plan::Forecast;
    use rollcall_core::policy::Target as Kind;
    use rollcall_core::proof::Expected;

    use super::*;
    use crate::target::{GroupLicences, IssuedPass, TargetError};

    /// Takes adds, and remembers whose came together.
    #[derive(Default)]
    struct Door(Mutex<Vec<(String, Vec<String>)>>);

    impl Target for Door {
        fn add_members<'a>(
            &'a self,
            group: &'a ObjectId,
            steps: &'a [Step],
        ) -> BoxFuture<'a, Vec<StepResult>> {
            let people = steps.iter().map(|step| step.key.clone()).collect();
            self.0.lock().unwrap().push((group.to_string(), people));
            // An ending that tells them apart.
            let stale = |step: &Step| Ending::Stale {
                why: step.key.clone(),
            };
            let result = |step: &Step| StepResult {
                calls: 1,
                ..StepResult::new(stale(step))
            };
            let results = steps.iter().map(result).collect();
            Box::pin(async move {
                tokio::task::yield_now().await;
                results
            })
        }

        fn sight<'a>(
            &'a self,
            _: &'a ObjectId,
            _: &'a Expected,
        ) -> BoxFuture<'a, Result<(Sighting, u32), TargetError>> {
            unreachable!()
        }

        fn issue_pass<'a>(
            &'a self,
            _: &'a Step,
            _: Timestamp,
            _: u32,
        ) -> BoxFuture<'a, (StepResult, Option<IssuedPass>)> {
            unreachable!()
        }

        fn withdraw_pass<'a>(&'a self, _: &'a Step, _: &'a str) -> BoxFuture<'a, StepResult> {
            unreachable!()
        }

        fn holdings<'a>(
            &'a self,
            _: &'a [ObjectId],
        ) -> BoxFuture<'a, Result<Vec<Option<Holdings>>, TargetError>> {
            unreachable!()
        }

        fn devices<'a>(
            &'a self,
            _: &'a [ObjectId],
        ) -> BoxFuture<'a, Result<Vec<Option<Vec<Device>>>, TargetError>> {
            unreachable!()
        }

        fn device_looks<'a>(
            &'a self,
            _: Option<&'a ObjectId>,
            _: &'a [DeviceQuestion],
        ) -> BoxFuture<'a, Result<Vec<Option<DeviceLook>>, TargetError>> {
            unreachable!()
        }

        fn kind(&self) -> Kind {
            unreachable!()
        }

        fn list<'a>(&'a self, _: &'a [String]) -> BoxStream<'a, Result<Vec<Account>, TargetError>> {
            unreachable!()
        }

        fn changes<'a>(&'a self, _: Since<'a>) -> BoxStream<'a, Result<Changes, TargetError>> {
            unreachable!()
        }

        fn look_up<'a>(
            &'a self,
            _: &'a [Lookup],
            _: &'a [String],
        ) -> BoxFuture<'a, Result<Vec<Vec<Account>>, TargetError>> {
            unreachable!()
        }

        fn find_groups<'a>(
            &'a self,
            _: &'a [GroupName],
        ) -> BoxFuture<'a, Result<Vec<Option<SeenGroup>>, TargetError>> {
            unreachable!()
        }

        fn group_members<'a>(
            &'a self,
            _: &ObjectId,
        ) -> BoxStream<'a, Result<Vec<ObjectId>, TargetError>> {
            unreachable!()
        }

        fn seats(&self) -> BoxFuture<'_, Result<Option<Vec<Seats>>, TargetError>> {
            unreachable!()
        }

        fn estates<'a>(
            &'a self,
            _: &'a [ObjectId],
            _: &'a BTreeSet<Asset>,
        ) -> BoxFuture<'a, Result<Vec<Estate>, TargetError>> {
            unreachable!()
        }

        fn apply<'a>(&'a self, _: &'a Step) -> BoxFuture<'a, StepResult> {
            unreachable!()
        }

        fn keep_group<'a>(&'a self, _: &'a GroupStep) -> BoxFuture<'a, StepResult> {
            unreachable!()
        }

        fn group_licences<'a>(
            &'a self,
            _: &'a ObjectId,
        ) -> BoxFuture<'a, Result<GroupLicences, TargetError>> {
            unreachable!()
        }

        fn licence_states<'a>(
            &'a self,
            _: &'a [ObjectId],
        ) -> BoxFuture<'a, Result<Vec<Vec<LicenceState>>, TargetError>> {
            unreachable!()
        }

        fn forecast(&self, _: &BTreeMap<String, u32>) -> Forecast {
            unreachable!()
        }

        fn usage(&self) -> serde_json::Value {
            unreachable!()
        }
    }

    fn add(group: &str, person: usize) -> (ObjectId, Step) {
        let step = Step {
            action: ActionId::new(format!("{group}-{person}")),
            person: PersonKey::new(person.to_string()),
            op: Op::GroupAdd,
            object: None,
            key: person.to_string(),
            write: Attributes::new(),
            before: Attributes::new(),
            manager: None,
            handed: None,
            group: Some(ObjectId::new(group)),
            licence: None,
            role: None,
            device: None,
        };
        (ObjectId::new(group), step)
    }

    /// Each of so many orders comes to its adds after so many steps of something else.
    async fn orders(door: &Door, count: usize, groups: &[&str], clock: Clock) -> Vec<Vec<String>> {
        let joint = Joint::new(door, clock);
        let order = |person: usize| {
            let joint = &joint;
            async move {
                let _in_hand = joint.take();
                for _ in 0..person % 5 {
                    tokio::task::yield_now().await;
                }
                let adds = groups.iter().map(|group| add(group, person)).collect();
                let results = joint.add(adds).await;
                let said = results.into_iter().map(|result| {
                    let Ending::Stale { why } = result.ending else {
                        panic!("{result:?}");
                    };
                    why
                });
                said.collect::<Vec<_>>()
            }
        };
        join_all((0..count).map(order)).await
    }

    #[tokio::test]
    async fn everybody_learns_what_came_of_their_own() {
        let door = Door::default();
        let came = orders(&door, 53, &["a", "b"], Clock::system()).await;
        for (person, said) in came.into_iter().enumerate() {
            assert_eq!(said, [person.to_string(), person.to_string()]);
        }
        let calls = door.0.lock().unwrap();
        let sent: usize = calls.iter().map(|(_, people)| people.len()).sum();
        assert_eq!(sent, 106, "each once");
        assert!(calls.iter().all(|(_, people)| people.len() <= JOINED));
        assert!(calls.len() <= 8, "{} calls for 106 adds", calls.len());
    }

    #[tokio::test]
    async fn one_order_waits_for_nobody() {
        let door = Door::default();
        let came = orders(&door, 1, &["a"], Clock::system()).await;
        assert_eq!(came, [["0"]]);
    }

    /// An order that takes its time does not keep the others for ever.
    #[tokio::test(start_paused = true)]
    async fn patience_ends() {
        let door = Door::default();
        let clock = Clock::system();
        let joint = Joint::new(&door, clock);
        let _slow = joint.take();
        let _in_hand = joint.take();
        let results = joint.add(vec![add("a", 7)]).await;
        assert_eq!(results.len(), 1);
    }

    /// Who is dropped before anything was sent is not sent; the others are.
    #[tokio::test]
    async fn what_was_dropped_is_not_sent() {
        let door = Door::default();
        let joint = Joint::new(&door, Clock::system());
        let first = joint.take();
        let second = joint.take();
        let mut waits = Box::pin(joint.add(vec![add("a", 1)]));
        assert!(futures::poll!(&mut waits).is_pending());
        drop(waits);
        drop(first);
        let results = joint.add(vec![add("a", 2)]).await;
        assert_eq!(results.len(), 1);
        drop(second);
        let calls = door.0.lock().unwrap();
        assert_eq!(*calls, [("a".to_owned(), vec!["2".to_owned()])]);
    }
}
