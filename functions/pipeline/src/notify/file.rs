//! Notices as files: one JSON document each, for whoever collects them.

use futures::future::BoxFuture;
use rollcall_core::model::{Ending, Op, StepResult};

use super::{Notifier, Outgoing, ended};
use crate::store::{Store, StoreError};

/// Writes each notice once, under the id of its action.
pub struct FileNotifier {
    store: Store,
    /// The keys are those of the values of a run, not names in a folder of its own.
    beside_values: bool,
}

impl FileNotifier {
    /// Beside the values of the store, where personal data belong.
    pub fn beside_values(store: Store) -> Self {
        Self {
            store,
            beside_values: true,
        }
    }

    /// In a folder of its own.
    pub fn into(folder: Store) -> Self {
        Self {
            store: folder,
            beside_values: false,
        }
    }

    fn key(&self, outgoing: &Outgoing) -> String {
        let name = &outgoing.action;
        if self.beside_values {
            format!("values/{}/notifications/{name}.json", outgoing.run)
        } else {
            format!("{name}.json")
        }
    }
}

impl Notifier for FileNotifier {
    fn tells(&self, op: Op) -> bool {
        // A secret does not lie among the values of a store.
        op.tells() || (op.speaks() && !self.beside_values)
    }

    fn repeats(&self, _: Op) -> bool {
        true
    }

    fn tell<'a>(&'a self, outgoing: &'a Outgoing) -> BoxFuture<'a, StepResult> {
        Box::pin(async move {
            let key = self.key(outgoing);
            let ending = match self.store.create(&key, outgoing.payload()).await {
                Ok(()) => Ending::Done,
                Err(StoreError::Exists(_)) => Ending::Already,
                Err(_) => match self.store.look(&key).await {
                    Ok(Some(_)) => Ending::Done,
                    Ok(None) => Ending::Failed {
                        code: "not_written".to_owned(),
                        hint: "the file of the notice cannot be written: look whether its folder \
                               or bucket takes writes"
                            .to_owned(),
                    },
                    Err(_) => Ending::Unknown {
                        hint: format!(
                            "nobody can say whether the notice was written: look for {name}.json",
                            name = outgoing.action
                        ),
                    },
                },
            };
            ended(ending, 0)
        })
    }
}
