//! What others changed in the tenant since Rollcall last asked, and whose accounts that are.
//!
//! One query for changes a run instead of a copy of the directory: who was let in again after a cut, disabled,
//! deleted or put under another key is planned anew, and the policy says what becomes of that. `state/tenant.json`
//! holds where to ask on from and what is not settled yet. Invariant: a link and what lies open behind it are
//! written together, and only once a plan that heard of it is stored: whoever loses a race, or crashes, asks again.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use rollcall_core::delta::{Drift, drift};
use rollcall_core::model::{AccountChange, Changes, ObjectId, Since, SourceName};
use serde::{Deserialize, Serialize};

use crate::state::{Objects, State};
use crate::store::{Store, StoreError, parse};
use crate::target::{Target, TargetError};

/// Where it is kept.
pub(crate) const KEY: &str = "state/tenant.json";
const FORMAT_VERSION: u32 = 1;
/// A link that said nothing new is written anew after so long: it lives for seven days.
const FRESH: SignedDuration = SignedDuration::from_hours(24);

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Watch {
    format_version: u32,
    /// Where to ask on from.
    link: String,
    /// When that was given.
    asked: Timestamp,
    /// Changes that the state does not agree with.
    open: Vec<AccountChange>,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    /// Accounts whose people are to be planned anew, ascending.
    pub(crate) accounts: Vec<ObjectId>,
    /// What to remember once they are.
    next: Option<Watch>,
}

/// Who is planned anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hears {
    /// A delivery: everybody, and what is more than being let in is told with that.
    Everything,
    /// A release: whoever was let in again, and is not kept back already.
    LetIn,
}

impl Moved {
    /// Asks what changed.
    ///
    /// # Errors
    /// When the target or the store cannot be read.
    pub(crate) async fn ask(
        store: &Store,
        target: &dyn Target,
        (state, source): (&State, &SourceName),
        hears: Hears,
        now: Timestamp,
    ) -> Result<Self, AskError> {
        let before = remembered(store).await?;
        let mut open: BTreeMap<ObjectId, AccountChange> = BTreeMap::new();
        let earlier = before
            .as_ref()
            .map(|it| it.open.clone())
            .unwrap_or_default();
        open.extend(earlier.into_iter().map(|it| (it.id.clone(), it)));
        let mut objects: Option<Objects> = None;
        let mut link = None;
        // From where it was left off; where nobody knows that any more, everybody. A release has no time for that.
        let everybody = match hears {
            Hears::Everything if state.hot().is_empty() => Some(Since::Now),
            Hears::Everything => Some(Since::Ever),
            Hears::LetIn => None,
        };
        let since = before.as_ref().map(|it| Since::Link(&it.link));
        for since in since.into_iter().chain(everybody) {
            let mut pages = target.changes(since);
            while let Some(page) = pages.next().await {
                let changes = match page? {
                    Changes::Upto(upto) => {
                        link = Some(upto);
                        break;
                    }
                    Changes::Forgotten => break,
                    Changes::Accounts(changes) => changes,
                };
                if changes.is_empty() {
                    continue;
                }
                let objects = match &mut objects {
                    Some(objects) => objects,
                    None => objects.insert(state.objects()?),
                };
                for change in changes {
                    let Some(at) = objects.find(&change.id) else {
                        continue;
                    };
                    let whole = match open.remove(&change.id) {
                        Some(older) => older.then(change),
                        None => change,
                    };
                    if drift(&state.hot()[at], source, &whole).is_some() {
                        open.insert(whole.id.clone(), whole);
                    }
                }
            }
            if link.is_some() {
                break;
            }
            if since != Since::Ever {
                tracing::info!("The tenant no longer knows what changed since the last run.");
            }
        }
        // Nothing was asked, or a release has to wait for a delivery.
        let Some(link) = link else {
            return Ok(Self::default());
        };
        let told = objects.is_some();
        let mut accounts = Vec::new();
        if !open.is_empty() {
            let objects = objects.map_or_else(|| state.objects(), Ok)?;
            open.retain(|id, change| {
                let hot = objects.find(id).map(|at| &state.hot()[at]);
                let found = hot.and_then(|hot| Some((hot, drift(hot, source, change)?)));
                let Some((hot, drift)) = found else {
                    return false;
                };
                let let_in = drift == Drift::LetIn;
                if hears == Hears::Everything || (let_in && !hot.held) {
                    accounts.push(id.clone());
                }
                // Who was let in stays open until the state agrees; the rest is told once.
                let_in || hears == Hears::LetIn
            });
        }
        let open: Vec<AccountChange> = open.into_values().collect();
        let old = before
            .as_ref()
            .is_none_or(|before| before.open != open || now.duration_since(before.asked) >= FRESH);
        let next = (told || old).then_some(Watch {
            format_version: FORMAT_VERSION,
            link,
            asked: now,
            open,
        });
        Ok(Self { accounts, next })
    }

    /// Remembers it. A link that is not remembered is asked again.
    pub(crate) async fn remember(self, store: &Store) {
        let Some(next) = self.next else {
            return;
        };
        let bytes = serde_json::to_vec_pretty(&next).expect("a watch is always JSON");
        if let Err(error) = store.put(KEY, bytes).await {
            tracing::warn!(%error, "Where to ask on for changes of the tenant is not remembered.");
        }
    }
}

/// What is remembered; nothing where that cannot be read: then everybody is asked about.
async fn remembered(store: &Store) -> Result<Option<Watch>, StoreError> {
    let Some(bytes) = store.find(KEY).await? else {
        return Ok(None);
    };
    match parse::<Watch>(KEY, &bytes) {
        Ok(watch) if watch.format_version == FORMAT_VERSION => Ok(Some(watch)),
        Ok(_) => Ok(None),
        Err(error) => {
            tracing::warn!(%error, "Nobody knows what changed in the tenant; the next delivery reads every account.");
            Ok(None)
        }
    }
}

/// Why nobody knows what changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Target(#[from] TargetError),
}
