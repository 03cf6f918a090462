//! Notices as files: one JSON document each, for whoever collects them.
//!
//! Invariant: what lies in a folder of its own is whole, and nobody but its owner reads it: it may be a pass.

use std::fs::DirBuilder;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::future::BoxFuture;
use rollcall_core::model::{Ending, Op, StepResult};
use tempfile::NamedTempFile;

use super::{Notifier, Outgoing, ended};
use crate::store::{Store, StoreError};

/// Writes each notice once, under the id of its action.
pub struct FileNotifier(Place);

enum Place {
    /// The keys are those of the values of a run.
    BesideValues(Store),
    /// A store of its own.
    Apart(Store),
    Folder(PathBuf),
}

/// What came of writing a file.
enum Written {
    New,
    Already,
    No,
    Unknown,
}

impl FileNotifier {
    /// Beside the values of the store, where personal data belong.
    pub fn beside_values(store: Store) -> Self {
        Self(Place::BesideValues(store))
    }

    /// In a store of its own.
    pub fn into(store: Store) -> Self {
        Self(Place::Apart(store))
    }

    /// In a folder of its own; made if absent, and then open to its owner alone.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn into_folder(folder: &Path) -> Result<Self, StoreError> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(|e| StoreError::Backend {
            key: folder.display().to_string(),
            why: e.to_string(),
        })?;
        Ok(Self(Place::Folder(folder.to_owned())))
    }

    async fn write(&self, outgoing: &Outgoing) -> Written {
        let name = format!("{}.json", outgoing.action);
        let bytes = outgoing.payload();
        match &self.0 {
            Place::BesideValues(store) => {
                let key = format!("values/{}/notifications/{name}", outgoing.run);
                stored(store, &key, bytes).await
            }
            Place::Apart(store) => stored(store, &name, bytes).await,
            Place::Folder(folder) => {
                let folder = folder.clone();
                let written = tokio::task::spawn_blocking(move || filed(&folder, &name, &bytes));
                written.await.unwrap_or(Written::Unknown)
            }
        }
    }
}

async fn stored(store: &Store, key: &str, bytes: Bytes) -> Written {
    match store.create(key, bytes).await {
        Ok(()) => Written::New,
        Err(StoreError::Exists(_)) => Written::Already,
        Err(_) => match store.look(key).await {
            Ok(Some(_)) => Written::New,
            Ok(None) => Written::No,
            Err(_) => Written::Unknown,
        },
    }
}

fn filed(folder: &Path, name: &str, bytes: &[u8]) -> Written {
    match create(folder, name, bytes) {
        Ok(()) => Written::New,
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Written::Already,
        Err(_) => match folder.join(name).try_exists() {
            Ok(true) => Written::New,
            Ok(false) => Written::No,
            Err(_) => Written::Unknown,
        },
    }
}

/// Puts a file there whole, where none is; on Unix with mode 0600, which is what temporary files have.
fn create(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(folder.join(name))?;
    #[cfg(unix)]
    std::fs::File::open(folder)?.sync_all()?;
    Ok(())
}

impl Notifier for FileNotifier {
    fn tells(&self, op: Op) -> bool {
        // A secret does not lie among the values of a store.
        let among_values = matches!(self.0, Place::BesideValues(_));
        op.tells() || (op.speaks() && !among_values)
    }

    fn repeats(&self, _: Op) -> bool {
        true
    }

    fn tell<'a>(&'a self, outgoing: &'a Outgoing) -> BoxFuture<'a, StepResult> {
        Box::pin(async move {
            let ending = match self.write(outgoing).await {
                Written::New => Ending::Done,
                Written::Already => Ending::Already,
                Written::No => Ending::Failed {
                    code: "not_written".to_owned(),
                    hint: "the file of the notice cannot be written: look whether its folder \
                           or bucket takes writes"
                        .to_owned(),
                },
                Written::Unknown => Ending::Unknown {
                    hint: format!(
                        "nobody can say whether the notice was written: look for {name}.json",
                        name = outgoing.action
                    ),
                },
            };
            ended(ending, 0)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rollcall_core::model::{ActionId, RunId};
    use rollcall_core::texts::Notification;

    use super::*;

    fn outgoing(action: &str) -> Outgoing {
        Outgoing {
            action: ActionId::new(action),
            op: Op::TapIssue,
            run: RunId::new("r1"),
            worker: None,
            due: jiff::Timestamp::UNIX_EPOCH,
            reason: "hire".to_owned(),
            about: BTreeMap::new(),
            notice: Notification {
                to: "mo@woodgrove.example".to_owned(),
                subject: "A pass".to_owned(),
                content_type: "text/plain".to_owned(),
                text: "Hand it over.".to_owned(),
            },
            pass: None,
        }
    }

    /// A pass is written once, whole, and is not for others who use the machine.
    #[tokio::test]
    async fn a_pass_is_for_its_owner_alone() {
        let there = tempfile::tempdir().unwrap();
        let folder = there.path().join("passes/handed");
        let notifier = FileNotifier::into_folder(&folder).unwrap();
        let one = outgoing("a1");
        assert_eq!(notifier.tell(&one).await.ending, Ending::Done);
        assert_eq!(notifier.tell(&one).await.ending, Ending::Already);
        let names = std::fs::read_dir(&folder).unwrap();
        let names: Vec<_> = names.map(|it| it.unwrap().file_name()).collect();
        assert_eq!(names, ["a1.json"], "nothing half written is left");
        let file = folder.join("a1.json");
        assert_eq!(std::fs::read(&file).unwrap(), one.payload());
        #[cfg(unix)]
        for (path, mode) in [(file, 0o600), (folder.clone(), 0o700)] {
            use std::os::unix::fs::PermissionsExt as _;
            let found = std::fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(found & 0o777, mode, "{found:o}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
        let ending = notifier.tell(&outgoing("a2")).await.ending;
        assert!(
            matches!(&ending, Ending::Failed { code, .. } if code == "not_written"),
            "{ending:?}"
        );
    }
}
