//! The run: one pass from a sealed delivery, or from what fell due, to a closed report.
//!
//! Every step reads the head of the log, does what comes next and commits. A process that was
//! killed, or that lost a race, starts again from the head: the steps are the same. Invariant:
//! the log alone says how far a run has come.

mod folding;
mod healing;
mod planning;
mod recorded;
mod remote;
mod signing;
mod stored;
mod undoing;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use rollcall_core::approvals::Approvals;
use rollcall_core::model::RunId;
use rollcall_core::report::Report;
use rollcall_http::Clock;

pub use self::remote::{Incoming, Taken};
pub use self::stored::Stored;
pub(crate) use self::stored::named;
pub use self::undoing::Asked;
pub(crate) use self::undoing::unasked;
use crate::apply::{self, ApplyError};
use crate::aws::Aws;
use crate::config::{ConfigError, Settings};
use crate::key::KeyHolder;
use crate::log::{self, Closed, CommitError, Event, Head, Objects, OpenRun, OutcomesRoot, Stage};
use crate::notify::Notifier;
use crate::plan::{Freshness, PlanError};
use crate::pull::Connectors;
use crate::queue::Queue;
use crate::rows::OpenError;
use crate::store::{Store, StoreError};
use crate::target::{Target, TargetError};

/// Why a run stopped. Every kind is exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The target cannot be used.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Planning.
    #[error(transparent)]
    Plan(PlanError),
    /// Applying.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// What was closed is not signed.
    #[error(
        "{0}\n\nhint: what was to be done is done, and the log is not signed; the next pass signs it, once the key of `[evidence] sign` can be used"
    )]
    Sign(#[from] crate::sign::SignError),
    /// Nobody says whose credentials these are.
    #[error(transparent)]
    Aws(#[from] crate::aws::AwsError),
    /// Somebody stopped everything.
    #[error(transparent)]
    Halted(#[from] crate::halt::Halted),
    /// Mapping or policy were changed after this run was planned or sealed in a way that it
    /// cannot go on with.
    #[error("{0}")]
    Refused(String),
}

impl From<PlanError> for RunError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Store(e) => Self::Store(e),
            PlanError::Target(e) => Self::Target(e),
            PlanError::Spool(_) | PlanError::Rule(_) => Self::Plan(error),
        }
    }
}

/// Everything that the steps of a run share.
pub struct Pipeline {
    /// The checked configuration.
    pub settings: Settings,
    /// What evidence is protected with.
    pub key: KeyHolder,
    /// The store.
    pub store: Store,
    /// Where it lies, for people.
    pub place: String,
    /// Its folder, where it is one: there lies the lock of the one process that applies.
    pub folder: Option<PathBuf>,
    /// Who we are at AWS, where the store lies there: whoever approves is proved by that.
    pub cloud: Option<Aws>,
    /// Where orders go; `None`: this process carries them out itself.
    pub queue: Option<Arc<dyn Queue>>,
    /// Sources that are asked, by name.
    pub connectors: Connectors,
    /// The target.
    pub target: Arc<dyn Target>,
    /// Who passes notices on, where the configuration says so.
    pub notifier: Option<Arc<dyn Notifier>>,
    /// The clock.
    pub clock: Clock,
    /// Told what is going on, for progress bars: done and total orders.
    pub progress: Box<dyn Fn(u64, u64) + Send + Sync>,
}

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Until {
    /// Plans are made and stored; nothing is touched.
    Planned,
    /// Orders are carried out and folded into the state.
    Applied,
    /// Reports are written and runs closed.
    Closed,
}

/// Which deliveries are planned on the way.
enum Plans {
    All,
    None,
    /// Those of these sources; `None`: the home source.
    Of(BTreeSet<Option<String>>),
}

impl Plans {
    fn of(&self, run: &OpenRun) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Of(sources) => run
                .delivery
                .as_ref()
                .is_some_and(|it| sources.contains(&it.source)),
        }
    }
}

/// A new random nonce: 8 hexadecimal digits.
pub fn nonce() -> String {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    rollcall_core::digest::hex(&bytes)
}

/// A new run id: start instant and nonce.
pub fn run_id(now: Timestamp) -> RunId {
    RunId::new(format!("{}-{}", now.strftime("%Y%m%dT%H%M%SZ"), nonce()))
}

impl Pipeline {
    /// Brings every open run as far as asked, oldest first. Returns the plans that it made or
    /// went on with, and the reports of those that it closed.
    ///
    /// # Errors
    /// See [`RunError`]; what was committed stays, and the next call goes on from there.
    pub async fn advance(&self, until: Until) -> Result<Vec<Finished>, RunError> {
        self.go_on(until, &Plans::All).await
    }

    /// Folds and closes what is over, and plans nothing: for who may not.
    ///
    /// # Errors
    /// See [`RunError`].
    pub async fn close(&self) -> Result<Vec<Finished>, RunError> {
        self.go_on(Until::Closed, &Plans::None).await
    }

    /// Carries out what is planned. Where several sources deliver, only newer data of the source of a
    /// plan are planned on the way: nobody has seen what another one's become.
    ///
    /// # Errors
    /// See [`RunError`].
    pub async fn carry_out(&self) -> Result<Vec<Finished>, RunError> {
        if !self.settings.feeds.are_several() {
            return self.advance(Until::Closed).await;
        }
        let head = log::head(&self.store).await?;
        let planned = head.standing.open.iter();
        let planned = planned.filter(|it| it.stage == Stage::Planned);
        let of = planned.filter_map(|it| it.delivery.as_ref().map(|it| it.source.clone()));
        self.go_on(Until::Closed, &Plans::Of(of.collect())).await
    }

    /// Deliveries that are taken and not planned.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn unplanned(&self) -> Result<Vec<RunId>, RunError> {
        let head = log::head(&self.store).await?;
        let open = head.standing.open.iter();
        let sealed = open.filter(|it| it.stage == Stage::Sealed);
        Ok(sealed.map(|it| it.run.clone()).collect())
    }

    async fn go_on(&self, until: Until, plans: &Plans) -> Result<Vec<Finished>, RunError> {
        let _alone = self.lock().await?;
        self.count_approvals().await;
        let mut out: Vec<Finished> = Vec::new();
        loop {
            let head = log::head(&self.store).await?;
            if let Some(open) = self.open_erasure(&head).await? {
                // Nothing is planned or folded on values that are half gone. Where functions work,
                // the one that erases goes on by itself.
                if self.queue.is_some() {
                    break;
                }
                match Box::pin(self.go_on_erasing(&open)).await {
                    Ok(()) | Err(Step::Lost) => continue,
                    Err(Step::Failed(error)) => return Err(*error),
                }
            }
            let done = match self.next(&head, until, plans).await? {
                Next::Nothing => break,
                // A plan with all that hangs on it: too much for every future around it.
                Next::Step(open) => Box::pin(self.step(&head, &open)).await,
                Next::SetAside(run, why) => self.set_aside(&head, &run, why).await.map(|()| None),
            };
            match done {
                Ok(Some(finished)) => {
                    out.retain(|f| f.run != finished.run);
                    out.push(finished);
                }
                Ok(None) => {}
                Err(Step::Lost) => tracing::info!("Another run was faster; starting over."),
                Err(Step::Failed(error)) => return Err(*error),
            }
        }
        if out.iter().any(|finished| finished.report.is_some()) {
            self.expire().await?;
        }
        if until == Until::Closed {
            Box::pin(self.sign()).await?;
        }
        Ok(out)
    }

    /// What comes next: runs in their order, but a plan of which nothing was carried out gives
    /// way to newer data that say everything anew.
    async fn next(&self, head: &Head, until: Until, plans: &Plans) -> Result<Next, RunError> {
        let open = &head.standing.open;
        for (at, run) in open.iter().enumerate() {
            let newer: Vec<&OpenRun> = open[at + 1..]
                .iter()
                .filter(|newer| newer.stage == Stage::Sealed)
                .collect();
            match run.stage {
                Stage::Folded if until < Until::Closed => {}
                Stage::Sealed if !plans.of(run) => {}
                Stage::Sealed | Stage::Folded => return Ok(Next::Step(run.clone())),
                Stage::Planned => {
                    // Everybody of the same source: others say nothing of whom it has.
                    let anew = |newer: &&&OpenRun| {
                        let both = run.delivery.as_ref().zip(newer.delivery.as_ref());
                        both.is_none_or(|(one, new)| new.full && new.source == one.source)
                    };
                    let by = newer.iter().find(anew);
                    if let Some(by) = by
                        && self.unsent(run).await?
                    {
                        let why = format!(
                            "newer data were received as run {} before anything of it was carried \
                             out",
                            by.run
                        );
                        return Ok(Next::SetAside(run.run.clone(), why));
                    }
                    if let Some(queue) = &self.queue {
                        let queue = queue.as_ref();
                        return Ok(if self.over(head, run, &newer, until, queue).await? {
                            Next::Step(run.clone())
                        } else {
                            Next::Nothing
                        });
                    }
                    if until >= Until::Applied {
                        return Ok(Next::Step(run.clone()));
                    }
                    if !newer.is_empty() {
                        return Err(RunError::Refused(format!(
                            "run {} is planned and not carried out to its end; `apply` goes on \
                             with it, then the newer delivery can be planned",
                            run.run
                        )));
                    }
                }
            }
        }
        Ok(Next::Nothing)
    }

    /// Whether nothing of a run was sent, nor will be.
    async fn unsent(&self, run: &OpenRun) -> Result<bool, RunError> {
        let untouched = apply::untouched(&self.store, &run.run).await?;
        if !untouched || self.queue.is_none() {
            return Ok(untouched);
        }
        // Somebody else may be sending it at this moment: nobody takes what they send.
        Ok(self.call_back(run).await? && apply::untouched(&self.store, &run.run).await?)
    }

    /// Whether a run whose orders are carried out elsewhere is to be folded. What comes behind is
    /// planned on the state that it leaves; newer data do not wait for its end: it is called back,
    /// and once nobody has anything of it in hand, what is not done is planned again with them.
    async fn over(
        &self,
        head: &Head,
        run: &OpenRun,
        newer: &[&OpenRun],
        until: Until,
        queue: &dyn Queue,
    ) -> Result<bool, RunError> {
        let mut ends = self.is_called_back(run).await?
            || (!newer.is_empty() && !apply::untouched(&self.store, &run.run).await?);
        if !ends {
            if until < Until::Applied {
                return Ok(false);
            }
            self.dispatch(queue).await?;
        }
        let stored = self.stored(run.generation).await?;
        ends |= self.is_overdue(run, &stored);
        Ok(ends && self.call_back(run).await? || self.settled(head, run, &stored, queue).await?)
    }

    /// Closes a run of which nothing was carried out.
    async fn set_aside(&self, head: &Head, run: &RunId, why: String) -> Result<(), Step> {
        tracing::warn!(%run, "Set aside: {why}.");
        let closed = Closed {
            set_aside: Some(why),
            ..Closed::default()
        };
        let event = Event::Close(closed);
        self.commit(head, run, event, Objects::default()).await?;
        Ok(())
    }

    async fn step(&self, head: &Head, open: &OpenRun) -> Result<Option<Finished>, Step> {
        match open.stage {
            Stage::Sealed => {
                let (entry, _) = log::entry(&self.store, open.generation).await?;
                let Event::Intake(intake) = &entry.event else {
                    return Err(corrupt("an open run does not begin with an intake").into());
                };
                let Some(feed) = self.settings.feeds.get(&intake.source) else {
                    let why = format!(
                        "{}: the configuration has no source `{}` any more",
                        intake.file, intake.source
                    );
                    self.set_aside(head, &open.run, why.clone()).await?;
                    return Err(RunError::Refused(why).into());
                };
                let rows = match Self::open_rows(&self.store, &entry, &feed.mapping).await {
                    Ok(rows) => rows,
                    Err(OpenError::Unbound(why)) => {
                        let why = format!("{}: {why}", intake.file);
                        self.set_aside(head, &open.run, why.clone()).await?;
                        return Err(RunError::Refused(why).into());
                    }
                    Err(OpenError::Store(error)) => return Err(error.into()),
                };
                let (made, moved) = self
                    .make(head, Some((intake, rows)), intake.now, Freshness::ByAge)
                    .await?;
                let stored = self
                    .commit_plan(head, &open.run, Some(intake.clone()), made)
                    .await?;
                // Of a parked delivery nothing is carried out, and nobody has heard of it.
                if !stored.planned.parked {
                    moved.remember(&self.store).await;
                }
                Ok(Some(Finished {
                    run: open.run.clone(),
                    stored,
                    report: None,
                }))
            }
            Stage::Planned => {
                let stored = self.stored(open.generation).await?;
                let overtaken = self.overtaken(head, &stored).await?;
                if self.queue.is_none() {
                    if let Some(halted) = self.halted().await? {
                        return Err(Step::Failed(Box::new(halted.into())));
                    }
                    self.apply(head, &stored, &overtaken).await?;
                }
                self.fold(head, &stored, overtaken).await?;
                Ok(None)
            }
            Stage::Folded => {
                let generation = self.plan_generation(&open.run, open.generation).await?;
                let stored = self.stored(generation).await?;
                let report = self.report(head, &stored).await?;
                // Who was thought to be gone may have said something since the fold.
                let (folded, _) = log::entry(&self.store, open.generation).await?;
                let late = apply::journal(&self.store, &open.run, &folded.accepts).await?;
                let any = !late.stored.is_empty();
                let closed = Closed {
                    held: !report.holds.is_empty(),
                    set_aside: None,
                    signer: self.signer().await,
                    outcomes_root: any.then(|| OutcomesRoot::from(&late.tree)),
                };
                let objects = Objects {
                    evidence: late.stored,
                    values: Vec::new(),
                };
                self.commit(head, &open.run, Event::Close(closed), objects)
                    .await?;
                let run = open.run.clone();
                Ok(Some(Finished {
                    run,
                    stored,
                    report: Some(report),
                }))
            }
        }
    }

    /// One consumer of the embedded queue at a time; others wait here. The operating system
    /// lets go of the lock when the process ends, however it ends.
    pub(crate) async fn lock(&self) -> Result<Option<std::fs::File>, StoreError> {
        let Some(folder) = self.folder.as_ref().filter(|_| self.queue.is_none()) else {
            return Ok(None);
        };
        let path = folder.join("lock");
        let fail = |e: std::io::Error| StoreError::Backend {
            key: "lock".to_owned(),
            why: e.to_string(),
        };
        let file = std::fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(fail)?;
        tokio::task::spawn_blocking(move || file.lock().map(|()| Some(file)))
            .await
            .map_err(|e| fail(std::io::Error::other(e)))?
            .map_err(fail)
    }

    fn approved(head: &Head, stored: &Stored) -> Approvals {
        let mut pending = head.standing.pending.iter();
        let ours = pending.find(|p| p.plan_sha256 == stored.planned.plan_sha256);
        ours.map(log::Pending::approvals).unwrap_or_default()
    }

    /// Plans what people asked to be taken back, then what fell due, stopped waiting or was not done.
    /// Gives the last plan; `None` when there is nothing.
    ///
    /// # Errors
    /// See [`RunError`].
    pub async fn release(&self, now: Timestamp) -> Result<Option<Stored>, RunError> {
        let asked = Box::pin(self.plan_asked(now)).await?;
        let due = Box::pin(self.release_with(now, Freshness::ByAge)).await?;
        Ok(due.or(asked))
    }

    pub(crate) async fn release_with(
        &self,
        now: Timestamp,
        freshness: Freshness,
    ) -> Result<Option<Stored>, RunError> {
        self.count_approvals().await;
        loop {
            let head = log::head(&self.store).await?;
            match self.make_way(&head, now).await {
                Ok(Way::Free) => {}
                Ok(Way::Made) | Err(Step::Lost) => continue,
                Ok(Way::Barred) => return Ok(None),
                Err(Step::Failed(error)) => return Err(*error),
            }
            let made = Box::pin(self.make(&head, None, now, freshness));
            let (made, moved) = made.await?;
            if made.orders == 0 && made.persons.bytes() == 0 && made.notices.is_empty() {
                moved.remember(&self.store).await;
                return Ok(None);
            }
            match self.commit_plan(&head, &run_id(now), None, made).await {
                Ok(stored) => {
                    moved.remember(&self.store).await;
                    return Ok(Some(stored));
                }
                Err(Step::Lost) => {}
                Err(Step::Failed(error)) => return Err(*error),
            }
        }
    }

    /// A release plans only where no run is open. One that is carried out elsewhere may take
    /// hours: where something fell due meanwhile it is called back and folded as it stands, and
    /// what it has not done is planned again together with that.
    async fn make_way(&self, head: &Head, now: Timestamp) -> Result<Way, Step> {
        let open = &head.standing.open;
        if open.is_empty() {
            return Ok(Way::Free);
        }
        if self.queue.is_none()
            || open.iter().any(|o| o.stage == Stage::Sealed)
            || self.open_erasure(head).await?.is_some()
        {
            return Ok(Way::Barred);
        }
        let Some(run) = open.iter().find(|o| o.stage == Stage::Planned) else {
            return Ok(Way::Free);
        };
        // What was never sent is sent first.
        let stored = self.stored(run.generation).await?;
        let ends = self.is_called_back(run).await?
            || (self.is_sent(run).await?
                && (self.overdue_behind(head, run, &stored, now).await?
                    || !self.notices(head).await?.is_empty()));
        if !ends || !self.call_back(run).await? {
            return Ok(Way::Barred);
        }
        Box::pin(self.step(head, run)).await?;
        Ok(Way::Made)
    }

    pub(crate) async fn commit(
        &self,
        head: &Head,
        run: &RunId,
        event: Event,
        objects: Objects,
    ) -> Result<Head, Step> {
        let at = self.clock.now();
        Ok(log::commit(&self.store, head, run, at, &nonce(), event, objects).await?)
    }
}

/// What to do next.
enum Next {
    Nothing,
    Step(OpenRun),
    SetAside(RunId, String),
}

/// Whether a release may plan.
enum Way {
    Free,
    /// Not before, but the head moved.
    Made,
    Barred,
}

/// What became of one run in a call.
#[derive(Debug)]
pub struct Finished {
    /// The run.
    pub run: RunId,
    /// Its plan.
    pub stored: Stored,
    /// Its report, once closed.
    pub report: Option<Report>,
}

/// How a step ended that did not end well.
#[derive(Debug)]
pub(crate) enum Step {
    /// Another writer was faster: start over from the new head.
    Lost,
    /// Stop.
    Failed(Box<RunError>),
}

impl<E: Into<RunError>> From<E> for Step {
    fn from(error: E) -> Self {
        Self::Failed(Box::new(error.into()))
    }
}

impl From<CommitError> for Step {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Lost(_) => Self::Lost,
            CommitError::Store(e) => e.into(),
        }
    }
}

fn corrupt(why: &str) -> StoreError {
    StoreError::Corrupt {
        key: "log".to_owned(),
        why: why.to_owned(),
    }
}
