//! `[notify]` of `rollcall.toml`: where notices go.
//!
//! Every operation that tells somebody goes one way, and only what the configuration allows goes
//! at all: that is what lets a policy ask for it.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use rollcall_core::model::Op;
use rollcall_core::policy::Policy;
use rollcall_core::texts::Texts;
use rollcall_http::{Origin, OriginError};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::config::Target;

/// `[notify]` as written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifyTable {
    /// The texts, relative to the configuration.
    pub texts: PathBuf,
    /// What may be told; without it, whatever there is a text for.
    #[serde(default)]
    pub ops: Option<Spanned<Vec<Op>>>,
    /// One file a notice.
    #[serde(default)]
    pub file: Option<Folder>,
    /// One request a notice.
    #[serde(default)]
    pub webhook: Option<Webhook>,
    /// Other addresses for some operations.
    #[serde(default)]
    pub hook: Vec<Webhook>,
}

/// Where files lie.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    /// A folder, relative to the configuration; without it, beside the values of the store.
    #[serde(default)]
    pub folder: Option<PathBuf>,
}

/// An address that notices are posted to.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// For a `[[notify.hook]]`: what goes there.
    #[serde(default)]
    pub ops: Option<Spanned<Vec<Op>>>,
    /// The address.
    pub url: Spanned<String>,
    /// Name of the environment variable that holds the secret.
    #[serde(default)]
    pub secret_env: Option<String>,
    /// Name or ARN of a secret in AWS Secrets Manager that holds it.
    #[serde(default)]
    pub secret: Option<String>,
    /// The receiver keeps one notice of a key, however often it comes.
    #[serde(default)]
    pub idempotent: bool,
    /// Longest wait for an answer.
    #[serde(default = "half_a_minute")]
    pub timeout_secs: Spanned<u32>,
}

fn half_a_minute() -> Spanned<u32> {
    Spanned::new(0..0, 30)
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Webhook");
        shown.field("url", &self.origin()).finish_non_exhaustive()
    }
}

impl Webhook {
    /// Where it leads, without path and query: those may hold a token.
    pub fn origin(&self) -> String {
        let origin = Origin::of(self.url.get_ref());
        origin.map_or_else(|_| "nowhere".to_owned(), |it| it.to_string())
    }
}

/// How notices are handed over.
#[derive(Debug, Clone, PartialEq)]
pub enum Channel {
    /// As files.
    File(Folder),
    /// By requests.
    Webhook(Webhook),
}

/// Which way operations go.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// What goes this way.
    pub ops: BTreeSet<Op>,
    /// Which way.
    pub to: Channel,
}

/// A checked `[notify]` with its texts.
#[derive(Debug, Clone, PartialEq)]
pub struct NotifySettings {
    /// The texts.
    pub texts: Texts,
    /// Their file: sealed with each plan.
    pub text: String,
    /// The ways; no operation goes two.
    pub routes: Vec<Route>,
}

/// Where what an operation tells goes, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// What.
    pub op: Op,
    /// The address, or whose it is.
    pub to: String,
    /// Which way.
    pub by: String,
    /// The policy asks for it.
    pub asked: bool,
}

impl NotifySettings {
    /// What would go where.
    pub fn sent(&self, policy: &Policy) -> Vec<Sent> {
        let asked = policy.needs();
        let mut out = Vec::new();
        for route in &self.routes {
            let by = match &route.to {
                Channel::File(Folder { folder: None }) => "a file beside the values".to_owned(),
                Channel::File(Folder {
                    folder: Some(folder),
                }) => format!("a file in {}", folder.display()),
                Channel::Webhook(webhook) => {
                    let secret = match (&webhook.secret_env, &webhook.secret) {
                        (Some(name), _) => format!("the variable {name}"),
                        (None, name) => format!("the secret {}", name.clone().unwrap_or_default()),
                    };
                    format!("{}, signed with {secret}", webhook.origin())
                }
            };
            out.extend(route.ops.iter().map(|op| Sent {
                op: *op,
                to: self.texts.recipient(*op),
                by: by.clone(),
                asked: asked.contains(op),
            }));
        }
        out.sort_by_key(|sent| sent.op);
        out
    }

    /// The folder that passes are put into, if they go to files.
    pub fn passes_into(&self) -> Option<&Path> {
        let mut routes = self.routes.iter();
        let route = routes.find(|route| route.ops.contains(&Op::TapIssue))?;
        match &route.to {
            Channel::File(folder) => folder.folder.as_deref(),
            Channel::Webhook(_) => None,
        }
    }

    /// Whether an operation can be carried out.
    pub fn tells(&self, op: Op) -> bool {
        self.routes.iter().any(|route| route.ops.contains(&op))
    }
}

impl NotifyTable {
    /// Checks it. `config` is the text of the configuration.
    ///
    /// # Errors
    /// Every mistake, with its line.
    pub fn check(
        &self,
        config: &str,
        texts: Texts,
        text: String,
        target: &Target,
    ) -> Result<NotifySettings, Vec<String>> {
        let mut check = Checker {
            config,
            problems: Vec::new(),
        };
        let written = texts.ops();
        let mut left = match &self.ops {
            None => written.clone(),
            Some(ops) => check.ops(ops, &written, "it has no text in the notices"),
        };
        let mut routes = Vec::new();
        for hook in &self.hook {
            check.webhook(hook, "notify.hook", target);
            let Some(ops) = &hook.ops else {
                let at = hook.url.span().start;
                check.wrong(at, "`notify.hook` needs `ops`: what goes there");
                continue;
            };
            let why =
                "`notify.ops` does not allow it, it has no text, or it goes elsewhere already";
            let ops = check.ops(ops, &left, why);
            left.retain(|op| !ops.contains(op));
            let to = Channel::Webhook(hook.clone());
            routes.push(Route { ops, to });
        }
        if let Some(webhook) = &self.webhook {
            check.webhook(webhook, "notify.webhook", target);
            if let Some(ops) = &webhook.ops {
                let why = "`notify.webhook` takes everything that is left: say `ops` in `[notify]`";
                check.wrong(ops.span().start, why);
            }
        }
        let rest = match (&self.file, &self.webhook) {
            (Some(_), Some(_)) => {
                let why = "`[notify]` takes one of `[notify.file]` and `[notify.webhook]`";
                check.anywhere(why);
                None
            }
            (Some(folder), None) => {
                if folder.folder.is_none() && left.remove(&Op::TapIssue) {
                    self.kept_pass(&mut check);
                }
                Some(Channel::File(folder.clone()))
            }
            (None, Some(webhook)) => Some(Channel::Webhook(webhook.clone())),
            (None, None) if left.is_empty() => None,
            (None, None) => {
                let names: Vec<&str> = left.iter().map(|op| op.name()).collect();
                let names = names.join(", ");
                check.anywhere(&format!(
                    "`[notify]` needs `[notify.file]` or `[notify.webhook]` for {names}"
                ));
                None
            }
        };
        routes.extend(rest.map(|to| Route { ops: left, to }));
        if check.problems.is_empty() {
            Ok(NotifySettings {
                texts,
                text,
                routes,
            })
        } else {
            Err(check.problems)
        }
    }
}

impl NotifyTable {
    /// A pass would lie in the store: not where the configuration asks for that.
    fn kept_pass(&self, check: &mut Checker<'_>) {
        let asked = self.ops.as_ref();
        if let Some(ops) = asked.filter(|ops| ops.get_ref().contains(&Op::TapIssue)) {
            let why = "tap.issue: a pass is a secret and is not kept in the store: give `[notify.file]` a \
                       `folder` of its own, or let tap.issue go by a webhook";
            check.wrong(ops.span().start, why);
        }
    }
}

struct Checker<'a> {
    config: &'a str,
    problems: Vec<String>,
}

impl Checker<'_> {
    fn wrong(&mut self, at: usize, why: &str) {
        let line = self.config[..at].matches('\n').count() + 1;
        self.problems.push(format!("line {line}: {why}"));
    }

    /// About the table as a whole.
    fn anywhere(&mut self, why: &str) {
        self.wrong(self.config.find("[notify").unwrap_or_default(), why);
    }

    /// A list of operations: those of it that may be told.
    fn ops(&mut self, ops: &Spanned<Vec<Op>>, allowed: &BTreeSet<Op>, why: &str) -> BTreeSet<Op> {
        let at = ops.span().start;
        let mut out = BTreeSet::new();
        for op in ops.get_ref() {
            if !op.speaks() {
                self.wrong(at, &format!("{op} tells nobody anything"));
            } else if !allowed.contains(op) {
                self.wrong(at, &format!("{op}: {why}"));
            } else if !out.insert(*op) {
                self.wrong(at, &format!("{op} stands there twice"));
            }
        }
        out
    }

    fn webhook(&mut self, webhook: &Webhook, name: &str, target: &Target) {
        let at = webhook.url.span().start;
        match Origin::of(webhook.url.get_ref()) {
            Ok(_) => {}
            Err(OriginError::Plain) => {
                let why = "must be https: it carries personal data (http only on this machine)";
                self.wrong(at, &format!("`{name}.url` {why}"));
            }
            Err(OriginError::Unreadable | OriginError::Path | OriginError::Foreign) => {
                let why = "is no address: an absolute https URL without a user name";
                self.wrong(at, &format!("`{name}.url` {why}"));
            }
        }
        if webhook.secret_env.is_some() == webhook.secret.is_some() {
            self.wrong(
                at,
                &format!(
                    "`{name}` needs one of `secret_env` (a variable) and `secret` (a secret at \
                     AWS): what notices are signed with"
                ),
            );
        }
        if !(1..=120).contains(webhook.timeout_secs.get_ref()) {
            let at = webhook.timeout_secs.span().start;
            self.wrong(at, &format!("`{name}.timeout_secs` is from 1 to 120"));
        }
        match target {
            Target::Entra(_) => {}
            Target::Rehearsal(_) => {
                let why = "a rehearsal tells nobody: with `[target.rehearsal]` notices go to \
                           `[notify.file]`";
                self.wrong(at, why);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_may_be_a_token() {
        let text = "url = \"https://hooks.example/T0/B0/s3cr3t?key=s3cr3t\"\nsecret_env = \"S\"\n";
        let webhook: Webhook = toml::from_str(text).unwrap();
        let shown = format!("{webhook:?}");
        assert!(shown.contains("https://hooks.example"), "{shown}");
        assert!(!shown.contains("s3cr3t"), "{shown}");
    }
}
