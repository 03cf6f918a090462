//! What a function works with: the configuration from the bucket, connected once per process.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rollcall_entra::Entra;
use rollcall_http::{Clock, Share, reqwest_exchange};
use rollcall_pipeline::aws::Aws;
use rollcall_pipeline::config::{Location, Settings, Target};
use rollcall_pipeline::entra::EntraTarget;
use rollcall_pipeline::queue::Queue;
use rollcall_pipeline::run::Pipeline;
use rollcall_pipeline::store::Store;
use rollcall_pipeline::wiring;
use tokio::sync::Mutex;

use crate::metrics::{self, Figure};
use crate::{FunctionError, Role};

/// What is left of an invocation's time when work on orders ends: for the journal, and for giving
/// back what was not done.
const RESERVE: Duration = Duration::from_secs(20);

/// How long a process works with the configuration that it read.
const FRESH: Duration = Duration::from_mins(5);
/// How far the clock of a process that was put to sleep between events may lag.
const LAG: Duration = Duration::from_secs(2);

/// The environment of a function, and the pipeline once it is connected.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) role: Role,
    config: String,
    deployment: String,
    share: Option<Share>,
    made: Mutex<Option<Arc<Connected>>>,
}

/// A pipeline; its files lie in a folder that goes with it.
pub(crate) struct Connected {
    pub(crate) pipeline: Pipeline,
    pub(crate) entra: Entra,
    pub(crate) queue: Arc<dyn Queue>,
    deployment: String,
    made: SystemTime,
    _files: tempfile::TempDir,
}

impl Connected {
    /// Says figures for alarms and dashboard.
    pub(crate) fn say(&self, figures: &[Figure]) {
        metrics::say(&self.deployment, self.pipeline.clock.now(), figures);
    }

    /// Whether it may be used once more: somebody may have changed the configuration, and a
    /// process that sleeps between events wakes up with a clock that stood still.
    fn fresh(&self, now: SystemTime) -> bool {
        let Ok(age) = now.duration_since(self.made) else {
            return false;
        };
        let felt = self.pipeline.clock.elapsed();
        age < FRESH && age.abs_diff(felt) < LAG
    }
}

impl std::fmt::Debug for Connected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a connected pipeline")
    }
}

fn variable(name: &str) -> Result<String, FunctionError> {
    std::env::var(name)
        .map_err(|_| FunctionError::Environment(format!("the variable `{name}` is not set")))
}

impl Setup {
    /// Reads `ROLLCALL_FUNCTION`, `ROLLCALL_CONFIG` (`s3://bucket/config/rollcall.toml`),
    /// `ROLLCALL_DEPLOYMENT` (what its figures are filed under) and `ROLLCALL_SHARE` (the part of
    /// every quota that this function may use).
    pub(crate) fn from_environment() -> Result<Self, FunctionError> {
        let role = variable("ROLLCALL_FUNCTION")?;
        let role = Role::named(&role).ok_or_else(|| {
            FunctionError::Environment(format!(
                "`ROLLCALL_FUNCTION` is `{role}`; it may be {}",
                Role::NAMES.join(", ")
            ))
        })?;
        let share = match std::env::var("ROLLCALL_SHARE") {
            Err(_) => None,
            Ok(text) => {
                let share = text.parse().ok().and_then(|share| Share::new(share).ok());
                Some(share.ok_or_else(|| {
                    FunctionError::Environment(
                        "`ROLLCALL_SHARE` must be above 0 and at most 1".to_owned(),
                    )
                })?)
            }
        };
        Ok(Self {
            role,
            config: variable("ROLLCALL_CONFIG")?,
            deployment: variable("ROLLCALL_DEPLOYMENT")?,
            share,
            made: Mutex::new(None),
        })
    }

    /// The pipeline; connected at the first call, and again from time to time.
    pub(crate) async fn connected(&self) -> Result<Arc<Connected>, FunctionError> {
        let mut made = self.made.lock().await;
        if let Some(made) = made.as_ref().filter(|made| made.fresh(SystemTime::now())) {
            return Ok(Arc::clone(made));
        }
        let connected = Arc::new(self.connect().await?);
        *made = Some(Arc::clone(&connected));
        Ok(connected)
    }

    async fn connect(&self) -> Result<Connected, FunctionError> {
        let location =
            Location::try_from(self.config.clone()).map_err(FunctionError::Environment)?;
        let Location::Bucket { bucket, prefix } = location else {
            return Err(FunctionError::Environment(
                "`ROLLCALL_CONFIG` must be s3://BUCKET/.../rollcall.toml".to_owned(),
            ));
        };
        let (folder, file) = prefix.rsplit_once('/').unwrap_or(("", &prefix));
        let files = tempfile::tempdir().map_err(|e| FunctionError::Environment(e.to_string()))?;
        let configuration = Aws::load().await.store(&bucket, folder)?;
        download(&configuration, files.path()).await?;
        let settings = Settings::read(&files.path().join(file)).map_err(|error| {
            FunctionError::Environment(format!("{} cannot be used: {error}", self.config))
        })?;
        let Target::Entra(entra) = &settings.config.target else {
            return Err(FunctionError::Environment(
                "a function works on a tenant: configure [target.entra]".to_owned(),
            ));
        };
        let mut config = wiring::entra(entra, files.path()).await?;
        if let Some(share) = self.share {
            config.share = share;
        }
        let (clock, made) = (Clock::system(), SystemTime::now());
        let fail = |e: &dyn std::fmt::Display| FunctionError::Target(e.to_string());
        let exchange = reqwest_exchange(wiring::TIMEOUT).map_err(|e| fail(&e))?;
        let entra = Entra::new(config, exchange, clock).map_err(|e| fail(&e))?;
        let connected = wiring::connect(&settings).await?;
        let Some(queue) = connected.queue.clone() else {
            return Err(FunctionError::Environment(
                "functions work over queues: configure [queue]".to_owned(),
            ));
        };
        let notifier = wiring::notifier(&settings, &connected.store, clock)?;
        let exchange = |_: &str| {
            let exchange = reqwest_exchange(wiring::SOURCE_TIMEOUT);
            exchange.map_err(|e| wiring::unusable(&e))
        };
        let connectors = wiring::connectors(&settings, &exchange, clock)?;
        let pipeline = Pipeline {
            notifier,
            target: Arc::new(EntraTarget::new(entra.clone())),
            settings,
            key: connected.key,
            cloud: connected.cloud,
            store: connected.store,
            place: connected.place,
            folder: connected.folder,
            queue: connected.queue,
            connectors,
            clock,
            progress: Box::new(|_, _| ()),
        };
        Ok(Connected {
            pipeline,
            entra,
            queue,
            deployment: self.deployment.clone(),
            made,
            _files: files,
        })
    }
}

/// Every file of the configuration: it names the others relative to itself.
async fn download(from: &Store, to: &Path) -> Result<(), FunctionError> {
    let fail = |e: std::io::Error| FunctionError::Environment(e.to_string());
    for listed in from.list("").await? {
        let path = to.join(&listed.key);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(fail)?;
        }
        std::fs::write(path, from.get(&listed.key).await?).map_err(fail)?;
    }
    Ok(())
}

/// How long there is time for orders before `deadline` (milliseconds since 1970). A deadline in
/// the past is one that nobody meant: then there is all the time in the world.
pub(crate) fn time_left(deadline: u64, begun: SystemTime, now: SystemTime) -> Option<Duration> {
    let end = UNIX_EPOCH + Duration::from_millis(deadline);
    if end <= begun {
        return Some(Duration::MAX);
    }
    let left = end.duration_since(now + RESERVE).ok()?;
    (!left.is_zero()).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_moments_are_for_the_journal() {
        let begun = UNIX_EPOCH + Duration::from_secs(1000);
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        for (deadline, now, expected) in [
            (1_900_000, 1000, 880),
            (1_900_000, 1879, 1),
            (1_900_000, 1880, 0),
            (1_900_000, 1950, 0),
        ] {
            let left = time_left(deadline, begun, at(now));
            let expected = (expected > 0).then_some(Duration::from_secs(expected));
            assert_eq!(left, expected, "{deadline} {now}");
        }
        for nobody_meant in [600_000, 0] {
            let left = time_left(nobody_meant, begun, at(5000));
            assert_eq!(left, Some(Duration::MAX));
        }
    }
}
