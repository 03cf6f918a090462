//! Which plans can be made again, before and after an erasure.
//!
//! Invariant: an erasure explains nothing of a plan that it did not touch, or that could not be made again
//! before it.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_core::model::RunId;

use super::record::{Apart, Erasure, Erasures};
use crate::log::{self, Entry, Event, Head, Standing};
use crate::run::{Pipeline, RunError};
use crate::store::StoreError;
use crate::verify::Replay;

/// A plan made again.
type Again = (Entry, Result<Replay, StoreError>);

impl Pipeline {
    /// Generations of plans with one of these objects among their inputs that cannot be made again.
    pub(super) async fn failing(
        &self,
        head: &Head,
        touched: &BTreeSet<&str>,
    ) -> Result<Vec<u64>, RunError> {
        let again = self.made_of(head, touched).await?.into_iter();
        let failing = again.filter(|(_, again)| match again {
            Ok(Replay::Same | Replay::Apart(_) | Replay::Erased(_)) => false,
            Ok(Replay::Differs(_)) => true,
            Err(error) => !matches!(error, StoreError::NotFound(_)),
        });
        Ok(failing.map(|(entry, _)| entry.generation).collect())
    }

    /// What of earlier plans cannot be made again now, and could before.
    pub(super) async fn apart(
        &self,
        head: &Head,
        erasure: &Erasure,
    ) -> Result<Vec<Apart>, RunError> {
        let touched = erasure.objects.iter().map(|it| it.key.as_str()).collect();
        let again = self.made_of(head, &touched).await?.into_iter();
        let could = again.filter(|(entry, _)| !erasure.not_made_again.contains(&entry.generation));
        Ok(could.filter_map(apart_of).collect())
    }

    /// Every plan with one of these objects among its inputs, made again.
    async fn made_of(&self, head: &Head, touched: &BTreeSet<&str>) -> Result<Vec<Again>, RunError> {
        let digests = self.key.get().await?;
        let erasures = Erasures::read(&self.store, head).await?;
        let mut of_run: BTreeMap<RunId, bool> = BTreeMap::new();
        let mut out = Vec::new();
        let mut before = Standing::default();
        for generation in 1..=head.generation {
            let (entry, _) = log::entry(&self.store, generation).await?;
            let mut own = entry.values.iter().map(|it| it.key.as_str());
            let own = own.any(|key| touched.contains(key));
            let run = of_run.entry(entry.run.clone()).or_default();
            *run |= own;
            let state = before.state.keys().any(|key| touched.contains(key));
            let standing = entry.standing.clone();
            if matches!(entry.event, Event::Plan(_)) && (*run || state) {
                let again = self.make_again(digests, &entry, &before, &erasures);
                let again = Box::pin(again).await;
                out.push((entry, again));
            }
            before = standing;
        }
        Ok(out)
    }
}

/// What of a plan cannot be made again; `None` where all of it can that is not the person's, or where
/// its inputs were gone anyway.
fn apart_of((entry, again): Again) -> Option<Apart> {
    let (orders, nothing) = match again {
        Ok(Replay::Same | Replay::Erased(_)) | Err(StoreError::NotFound(_)) => return None,
        Ok(Replay::Apart(orders)) if orders.is_empty() => return None,
        Ok(Replay::Apart(orders)) => (orders, None),
        Ok(Replay::Differs(why)) => (Vec::new(), Some(why)),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    Some(Apart {
        generation: entry.generation,
        run: entry.run,
        orders,
        nothing,
    })
}
