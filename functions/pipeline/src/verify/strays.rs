//! Evidence that no entry names: what is on its way, and what nothing explains.
//!
//! Runs that are open write before the log names it, processes that lost a race or died leave things
//! behind, and some marks are nobody's evidence. All of that is counted. In the folder of a run that
//! is over nothing lies by itself that no run writes: that is a problem.

use rollcall_core::model::RunId;
use serde::Serialize;

use super::{Walk, unreadable};

/// Objects in the folders of evidence that no entry names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Outside {
    /// Of runs that are not over: an entry may name them yet.
    pub open: u64,
    /// Of runs that the log does not know: who wrote them ended before the first entry, or the log was
    /// cut off.
    pub unknown: u64,
    /// Of runs that are over: plans and deliveries of a process that another one was faster than.
    pub unused: u64,
    /// Outcomes that came after their run was closed.
    pub late: u64,
    /// What people said that never counted, and the word to halt, which counts without the log.
    pub notes: u64,
    /// Marks by which processes tell each other what they do (`hands/`), and marks of `once/` and
    /// `stops/` that were set by older versions or by a process whose run is not folded.
    pub marks: u64,
}

/// What runs write into their folder, without nonce.
const WRITTEN: [&str; 14] = [
    "intake.json",
    "reading.jsonl",
    "plan.jsonl",
    "plan.json",
    "findings.jsonl",
    "mapping.toml",
    "policy.toml",
    "groups.toml",
    "texts.toml",
    "sources.json",
    "marks.jsonl",
    "erasure.json",
    "replays.json",
    "reconciliation.json",
];

impl Walk<'_> {
    /// Looks for them.
    pub(super) async fn strays(&mut self) -> Outside {
        let (mut out, mut unexplained, mut unlisted) = (Outside::default(), Vec::new(), Vec::new());
        let this = &*self;
        let mut each = |key: &str| {
            if this.knows(key) {
                return;
            }
            match this.place(key) {
                Place::Report => {}
                Place::Open => out.open += 1,
                Place::Unknown => out.unknown += 1,
                Place::Unused => out.unused += 1,
                Place::Late => out.late += 1,
                Place::Note => out.notes += 1,
                Place::Mark => out.marks += 1,
                Place::Unexplained => unexplained.push(key.to_owned()),
            }
        };
        for folder in ["approvals", "once", "runs", "stops"] {
            if let Err(error) = this.store.visit(folder, &mut each).await {
                unlisted.push((folder, error));
            }
        }
        for (folder, error) in unlisted {
            self.wrong.add(folder, unreadable(&error));
        }
        for key in unexplained {
            self.wrong
                .add(&key, "is named by no entry, and no run writes such a thing");
        }
        out
    }

    fn place(&self, key: &str) -> Place {
        let parts: Vec<&str> = key.split('/').collect();
        let (run, rest) = match parts.as_slice() {
            ["approvals", ..] => return Place::Note,
            ["once" | "stops", ..] => return Place::Mark,
            ["runs", _, "report", ..] => return Place::Report,
            ["runs", run, rest @ ..] => (RunId::new(*run), rest),
            _ => return Place::Unknown,
        };
        match self.runs.get(&run) {
            None => return Place::Unknown,
            Some(false) => return Place::Open,
            Some(true) => {}
        }
        match rest {
            ["outcomes", _] => Place::Late,
            ["hands", _] => Place::Mark,
            [name] if WRITTEN.iter().any(|it| is_of(name, it)) => Place::Unused,
            // Of a log with holes nobody knows what it named.
            _ if !self.chain.whole => Place::Unknown,
            _ => Place::Unexplained,
        }
    }
}

/// Whether a name is `of`, with or without a nonce before the ending.
fn is_of(name: &str, of: &str) -> bool {
    let (Some((stem, ending)), Some((own, tail))) = (of.rsplit_once('.'), name.rsplit_once('.'))
    else {
        return false;
    };
    let rest = own.strip_prefix(stem).filter(|_| tail == ending);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

enum Place {
    Report,
    Open,
    Unknown,
    Unused,
    Late,
    Note,
    Mark,
    Unexplained,
}
