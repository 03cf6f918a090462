//! What expires: values, reports, files that nobody took, and state that nothing needs any more.
//!
//! In a bucket its own lifecycle rules delete values, reports and the inbox, and only state is deleted
//! here, since no rule of a bucket knows what is needed; in a folder all of it is. Invariant: evidence
//! never goes, and neither does what an open run, a plan that waits or the newest accepted delivery of a
//! source is made of.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::log;
use crate::run::{Pipeline, RunError};
use crate::salts;
use crate::store::{Listed, StoreError};
use crate::tenant;

impl Pipeline {
    /// Deletes what is kept for longer than the configuration says. Plans that were made from it cannot be
    /// made again by `verify` then.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn expire(&self) -> Result<(), RunError> {
        let now = self.clock.now();
        let days = self.settings.config.retention;
        let gone = self.expire_state(before(now, days.state())).await?;
        if gone > 0 {
            tracing::info!("Deleted {gone} files of old state.");
        }
        if self.folder.is_none() {
            return Ok(());
        }
        let needed = self.needed().await?;
        let expires = |limit: Timestamp| {
            let needed = &needed;
            move |run: &str| !needed.contains(run) && begun(run).is_some_and(|at| at < limit)
        };
        let values = self
            .expire_runs("values", "", expires(before(now, days.values())))
            .await?;
        let reports = expires(before(now, days.reports()));
        let reports = self.expire_runs("runs", "report/", reports).await?;
        let files = self.expire_inbox(before(now, days.values())).await?;
        if values + reports + files > 0 {
            tracing::info!(
                "Deleted {values} files of values, {reports} of reports and {files} of the inbox: their days are \
                 over."
            );
        }
        Ok(())
    }

    /// Runs of which something is still to be done, or that say what is newest.
    async fn needed(&self) -> Result<BTreeSet<String>, StoreError> {
        let standing = log::head(&self.store).await?.standing;
        let newest = standing.accepted.iter().chain(standing.beside.values());
        let open = standing.open.iter().map(|it| &it.run);
        let waiting = standing.pending.iter().map(|it| &it.run);
        let runs = open.chain(waiting).chain(newest.map(|it| &it.run));
        Ok(runs.map(ToString::to_string).collect())
    }

    /// Deletes what lies below `folder/<run>/below` of the runs that `expires` names.
    async fn expire_runs(
        &self,
        folder: &str,
        below: &str,
        expires: impl Fn(&str) -> bool,
    ) -> Result<usize, StoreError> {
        let listed = self.store.list(folder).await?;
        let old = listed.iter().filter(|it| {
            let rest = it
                .key
                .strip_prefix(folder)
                .and_then(|rest| rest.strip_prefix('/'));
            rest.and_then(|rest| rest.split_once('/'))
                .is_some_and(|(run, file)| file.starts_with(below) && expires(run))
        });
        self.delete_all(old).await
    }

    /// Files of the inbox that nobody took: refused ones, which nothing moves away.
    ///
    /// Their age goes by the clock of the file system, ours by another one: the newest entry of the log was
    /// written at an instant of both. A copy may keep the date of its original, so that a file is no older than
    /// its place in the folder.
    async fn expire_inbox(&self, limit: Timestamp) -> Result<usize, StoreError> {
        let generation = log::head(&self.store).await?.generation;
        let (Some(folder), true) = (&self.folder, generation > 0) else {
            return Ok(0);
        };
        let (entry, _) = log::entry(&self.store, generation).await?;
        let written = self.store.look(&log::key(generation)).await?;
        let Some(written) = written.map(|it| it.modified) else {
            return Ok(0);
        };
        let limit = written - entry.at.duration_since(limit);
        let listed = self.store.list("inbox").await?;
        let placed = |it: &&Listed| {
            let metadata = std::fs::metadata(folder.join(&it.key));
            let made = metadata.and_then(|it| it.created()).ok();
            let made = made.and_then(|it| Timestamp::try_from(it).ok());
            made.map_or(it.modified, |made| made.max(it.modified)) < limit
        };
        self.delete_all(listed.iter().filter(placed)).await
    }

    /// State that neither the next plan needs nor one that is open or waits.
    async fn expire_state(&self, limit: Timestamp) -> Result<usize, StoreError> {
        let newest = log::head(&self.store).await?.standing.state;
        let plans = self.open_plans().await?;
        let mut kept: BTreeSet<&str> = newest.keys().collect();
        kept.extend(plans.iter().flat_map(|plan| plan.state.keys()));
        let mut gone = 0;
        for file in self.store.list("state").await? {
            // What stands beside a file goes with it.
            let of = file.key.strip_suffix(".erased").unwrap_or(&file.key);
            if kept.contains(of) || [tenant::KEY, salts::KEY].contains(&of) {
                continue;
            }
            // Its folder is the generation that it was written for.
            let generation = file.key.split('/').nth(1).and_then(|it| it.parse().ok());
            let at = match generation {
                Some(generation) => match log::entry(&self.store, generation).await {
                    Ok((entry, _)) => entry.at,
                    // A process that died before its entry: it may be at it now.
                    Err(StoreError::NotFound(_)) => continue,
                    Err(error) => return Err(error),
                },
                None => continue,
            };
            if at < limit {
                self.store.delete(&file.key).await?;
                gone += 1;
            }
        }
        Ok(gone)
    }

    async fn delete_all<'a>(
        &self,
        files: impl Iterator<Item = &'a Listed>,
    ) -> Result<usize, StoreError> {
        let mut gone = 0;
        for file in files {
            self.store.delete(&file.key).await?;
            gone += 1;
        }
        Ok(gone)
    }
}

fn before(now: Timestamp, days: u32) -> Timestamp {
    now.saturating_sub(SignedDuration::from_hours(24 * i64::from(days)))
        .unwrap_or(Timestamp::MIN)
}

/// When a run began, by its id; `None` of what is no run.
fn begun(run: &str) -> Option<Timestamp> {
    let (instant, _) = run.split_once('-')?;
    let civil = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", instant).ok()?;
    civil
        .to_zoned(jiff::tz::TimeZone::UTC)
        .ok()
        .map(|it| it.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_says_when_it_began() {
        let at = "2026-03-16T02:00:31Z".parse().ok();
        assert_eq!(begun("20260316T020031Z-5f3a09c1"), at);
        for other in ["", "notes", "20260316T020031Z", "2026-03-16-x"] {
            assert_eq!(begun(other), None, "{other}");
        }
        let id = crate::run::run_id(at.unwrap());
        assert_eq!(begun(id.as_str()), at);
    }
}
