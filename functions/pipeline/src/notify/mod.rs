//! The port for operations that tell somebody: notices go out here, everything else to the target.
//!
//! A notice was written when it was planned; here it is handed over. Nobody can be asked afterwards
//! what became of one, so that the outcome says what is known: taken (`done`), not taken
//! (`failed`, `waiting`), or nobody knows (`unknown`). Invariant: nothing of a notice but its id
//! is in a log or an outcome.

mod file;
mod settings;
mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use jiff::Timestamp;
use rollcall_core::model::{ActionId, Ending, Op, RunId, StepResult, WorkerId};
use rollcall_core::plan::Action;
use rollcall_core::texts::Notification;
use rollcall_http::Secret;
use serde_json::{Map, Value, json};

pub use self::file::FileNotifier;
pub use self::settings::{Channel, Folder, NotifySettings, NotifyTable, Route, Sent, Webhook};
pub use self::webhook::{Signing, WebhookNotifier, sign};

/// Somebody who passes notices on.
pub trait Notifier: Send + Sync {
    /// Whether it passes on what an operation tells.
    fn tells(&self, op: Op) -> bool;

    /// Whether it may be handed the same notice twice: one comes of it all the same.
    fn repeats(&self, op: Op) -> bool;

    /// Passes a notice on.
    fn tell<'a>(&'a self, outgoing: &'a Outgoing) -> BoxFuture<'a, StepResult>;
}

/// A notice on its way. `Debug` is missing on purpose: it is about people.
pub struct Outgoing {
    /// The action that it carries out; its idempotency key.
    pub action: ActionId,
    /// What.
    pub op: Op,
    /// The run.
    pub run: RunId,
    /// About whom.
    pub worker: Option<WorkerId>,
    /// When it was due.
    pub due: Timestamp,
    /// Why: the code of the reason.
    pub reason: String,
    /// What it is about: `task`, `device`, `template`, `hire`.
    pub about: BTreeMap<String, String>,
    /// What it says, to whom.
    pub notice: Notification,
    /// A pass that is handed over.
    pub pass: Option<HandedPass>,
}

/// A pass on its way to whoever hands it over: nothing of it is kept.
pub struct HandedPass {
    /// What somebody signs in with.
    pub secret: Secret,
    /// From when on it is good.
    pub start: Timestamp,
    /// How long, in minutes.
    pub minutes: u32,
}

/// What of the facts of an action goes out with it; the rest is digests.
const ABOUT: [&str; 4] = ["device", "hire", "task", "template"];

impl Outgoing {
    /// An action with what it says.
    pub fn new(
        action: &Action,
        run: &RunId,
        worker: Option<&WorkerId>,
        notice: Notification,
    ) -> Self {
        let reason = serde_json::to_value(&action.reason).unwrap_or_default();
        let about = action
            .args
            .iter()
            .filter(|(k, _)| ABOUT.contains(&k.as_str()));
        Self {
            action: action.id.clone(),
            op: action.op,
            run: run.clone(),
            worker: worker.cloned(),
            due: action.due,
            reason: reason["code"].as_str().unwrap_or_default().to_owned(),
            about: about.map(|(k, v)| (k.clone(), v.clone())).collect(),
            notice,
            pass: None,
        }
    }

    /// The same with a pass, in the text and beside it.
    #[must_use]
    pub fn handing(self, pass: HandedPass) -> Self {
        Self {
            notice: self.notice.with_pass(pass.secret.reveal()),
            pass: Some(pass),
            ..self
        }
    }

    /// The document that goes out (`docs/formats.md`): the same bytes each time.
    pub fn payload(&self) -> Bytes {
        let mut data = Map::new();
        let mut put = |name: &str, value: Value| data.insert(name.to_owned(), value);
        put("id", json!(self.action));
        put("run", json!(self.run));
        put("worker", json!(self.worker));
        put("reason", json!(self.reason));
        for (name, value) in &self.about {
            put(name, json!(value));
        }
        put("to", json!(self.notice.to));
        put("subject", json!(self.notice.subject));
        put("content_type", json!(self.notice.content_type));
        put("text", json!(self.notice.text));
        if let Some(pass) = &self.pass {
            put(
                "pass",
                json!({"secret": pass.secret.reveal(), "start": pass.start, "minutes": pass.minutes}),
            );
        }
        let document = json!({
            "format_version": 1,
            "type": self.op.name(),
            "timestamp": self.due,
            "data": data,
        });
        Bytes::from(document.to_string())
    }
}

/// Several of them, each for its operations.
#[derive(Default)]
pub struct Routes(Vec<(Vec<Op>, Arc<dyn Notifier>)>);

impl Routes {
    /// The same, with these operations going this way.
    #[must_use]
    pub fn with(mut self, ops: impl IntoIterator<Item = Op>, to: Arc<dyn Notifier>) -> Self {
        self.0.push((ops.into_iter().collect(), to));
        self
    }

    fn way(&self, op: Op) -> Option<&dyn Notifier> {
        let found = self.0.iter().find(|(ops, _)| ops.contains(&op));
        found.map(|(_, to)| to.as_ref())
    }
}

impl Notifier for Routes {
    fn tells(&self, op: Op) -> bool {
        self.way(op).is_some()
    }

    fn repeats(&self, op: Op) -> bool {
        self.way(op).is_some_and(|to| to.repeats(op))
    }

    fn tell<'a>(&'a self, outgoing: &'a Outgoing) -> BoxFuture<'a, StepResult> {
        Box::pin(async move {
            match self.way(outgoing.op) {
                Some(to) => to.tell(outgoing).await,
                None => ended(no_way(outgoing.op), 0),
            }
        })
    }
}

/// There is nobody to pass it on.
pub(crate) fn no_way(op: Op) -> Ending {
    Ending::Failed {
        code: "no_notifier".to_owned(),
        hint: format!("`[notify]` of the configuration does not say where {op} goes"),
    }
}

fn ended(ending: Ending, calls: u32) -> StepResult {
    StepResult {
        calls,
        ..StepResult::new(ending)
    }
}
