//! Changes of users since somebody last asked.
//!
//! Sources: "Use delta query to track changes in Microsoft Graph data", "Get incremental changes for
//! users" (microsoft-graph-docs-contrib, concepts). A token that is older than a week is answered with 400
//! `syncStateNotFound`, and one from before a reset with 410 and where to begin again. That what is
//! purged from the bin is told of as `deleted`, and how large a page is, are unconfirmed. Licences,
//! roles and methods are not tracked. Invariant: what replicas do not show yet is not told of, and
//! comes with a later round.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::answer::Answer;
use crate::directory::Record;
use crate::encoding::{base64url, base64url_decode, encode, fields};
use crate::entity::{USER, shown};
use crate::ownership::BIN;
use crate::query::{self, Query};
use crate::refusal::Refusal;
use crate::roles;
use crate::shelf::Kept as _;
use crate::state::{Call, State};
use crate::users::Done;

const PAGE: usize = 100;
/// "For directory objects, the limit is seven days."
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(24 * 7);

/// What happened to one user.
struct Change {
    user: String,
    /// Made, deleted or brought back.
    whole: bool,
    /// Properties, and `manager`.
    names: BTreeSet<String>,
    /// Object id of a manager who is not that any more.
    manager_left: Option<String>,
    /// From then on replicas show it; `None`: they always did.
    visible: Option<Timestamp>,
}

/// What happened to users, oldest first. The journal is read in the same order everywhere, so that a
/// place in here means the same to every process.
#[derive(Default)]
pub(crate) struct Changes {
    log: Vec<Change>,
    /// So many times all tokens were made worthless.
    resets: u32,
}

impl Changes {
    /// A user is replaced. `at` is when replicas are told; `None`: they know already.
    pub(crate) fn note(
        &mut self,
        old: Option<&Record>,
        new: &Record,
        at: Option<Timestamp>,
        delay: Duration,
    ) {
        let before = old.filter(|old| old.live());
        let empty = Map::new();
        let properties = before.map_or(&empty, |old| &old.properties);
        let all = properties.keys().chain(new.properties.keys());
        let differs = |name: &&String| properties.get(*name) != new.properties.get(*name);
        let mut names: BTreeSet<String> = all.filter(differs).cloned().collect();
        let manager = before.and_then(|old| old.manager.clone());
        if manager != new.manager {
            names.insert("manager".to_owned());
        }
        let whole = before.is_some() != new.live();
        if names.is_empty() && !whole {
            return;
        }
        let delay = SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX);
        self.log.push(Change {
            user: new.id.clone(),
            whole,
            names,
            manager_left: manager.filter(|id| new.manager.as_ref() != Some(id)),
            visible: at.map(|at| at.checked_add(delay).unwrap_or(Timestamp::MAX)),
        });
    }

    /// So many changes, from the oldest, are shown by replicas.
    fn visible(&self, now: Timestamp) -> usize {
        let hidden = |change: &Change| change.visible.is_some_and(|at| at > now);
        self.log.iter().position(hidden).unwrap_or(self.log.len())
    }

    /// Makes every token worthless that was given so far.
    pub(crate) fn reset(&mut self) {
        self.resets += 1;
    }
}

/// What a client tracks; every link carries it on.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scope {
    select: Option<Vec<String>>,
    /// The manager is tracked.
    manager: bool,
    /// Object ids, lower case; none: everybody.
    ids: BTreeSet<String>,
}

/// Where a client stands.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    scope: Scope,
    /// The round tells of changes from here; `None`: of everybody.
    from: Option<usize>,
    /// To here.
    upto: usize,
    /// When the round before began, and when this one did.
    since: Timestamp,
    viewed: Timestamp,
    /// The last id of the page before; `None`: the round is over.
    after: Option<String>,
    resets: u32,
}

impl Token {
    fn text(&self) -> String {
        base64url(json!(self).to_string().as_bytes())
    }

    fn read(text: &str) -> Result<Self, Refusal> {
        let bytes = base64url_decode(text);
        let token = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        token.ok_or_else(|| Refusal::bad("The delta token is not valid."))
    }
}

/// What is asked for.
enum Asked {
    Everybody(Scope),
    /// Nothing but a link.
    Latest(Scope),
    Next(Token),
    Changes(Token),
}

fn asked(query: Option<&str>) -> Result<Asked, Refusal> {
    let options = fields(query.unwrap_or_default())
        .ok_or_else(|| Refusal::bad("The request URL is not valid."))?;
    let mut found: BTreeMap<String, &str> = BTreeMap::new();
    for (name, value) in &options {
        let name = name.to_lowercase();
        if !["$select", "$filter", "$deltatoken", "$skiptoken"].contains(&name.as_str()) {
            return Err(Refusal::unsupported(
                "A query option is not supported by delta query.",
            ));
        }
        if found.insert(name, value).is_some() {
            return Err(Refusal::bad("A query option was specified more than once."));
        }
    }
    let alone = found.len() == 1;
    match (found.get("$deltatoken"), found.get("$skiptoken")) {
        (None | Some(&""), None) => Ok(Asked::Everybody(scope(&found)?)),
        (Some(&"latest"), None) => Ok(Asked::Latest(scope(&found)?)),
        (Some(token), None) if alone => {
            let token = Token::read(token)?;
            if token.after.is_some() {
                return Err(Refusal::bad("The delta token is not valid."));
            }
            Ok(Asked::Changes(token))
        }
        (None, Some(token)) if alone => {
            let token = Token::read(token)?;
            if token.after.is_none() {
                return Err(Refusal::bad("The skip token is not valid."));
            }
            Ok(Asked::Next(token))
        }
        _ => Err(Refusal::unsupported(
            "A token cannot be combined with other query options.",
        )),
    }
}

fn scope(options: &BTreeMap<String, &str>) -> Result<Scope, Refusal> {
    let mut select = None;
    let mut manager = false;
    if let Some(text) = options.get("$select") {
        let names = text.split(',').map(str::trim);
        let (managers, properties): (Vec<&str>, Vec<&str>) =
            names.partition(|name| *name == "manager");
        manager = !managers.is_empty();
        let of = selecting(&properties);
        select = match properties.as_slice() {
            [] => Some(Vec::new()),
            _ => query::of_list(Some(&of), USER)?.select,
        };
    }
    let mut ids = BTreeSet::new();
    for part in options
        .get("$filter")
        .into_iter()
        .flat_map(|it| it.split(" or "))
    {
        ids.insert(query::equality(part.trim(), "id")?.to_lowercase());
    }
    Ok(Scope {
        select,
        manager,
        ids,
    })
}

fn selecting<T: AsRef<str>>(names: &[T]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    format!("$select={}", encode(&names.join(",")))
}

impl Scope {
    fn holds(&self, id: &str) -> bool {
        self.ids.is_empty() || self.ids.contains(id)
    }

    /// Whether it is told of such a change.
    fn tracks(&self, change: &Change) -> bool {
        let named = |name: &String| match &self.select {
            None => true,
            Some(names) => names.contains(name) || (self.manager && name == "manager"),
        };
        self.holds(&change.user) && (change.whole || change.names.iter().any(named))
    }

    /// The options that show what is tracked.
    fn query(&self) -> Result<Query, Refusal> {
        match self.select.as_deref() {
            None => query::of_list(None, USER),
            Some(names) => {
                let mut names = names.to_vec();
                if !names.iter().any(|name| name == "id") {
                    names.push("id".to_owned());
                }
                query::of_list(Some(&selecting(&names)), USER)
            }
        }
    }
}

impl State {
    /// Changes of users.
    ///
    /// # Errors
    /// 400 `syncStateNotFound` for a token that is over, 410 for one from before a reset.
    pub(crate) fn delta(&self, call: &Call<'_>, now: Timestamp) -> Result<Done, Refusal> {
        let begin = |scope, from, since| Token {
            scope,
            from,
            upto: self.changes.visible(now),
            since,
            viewed: now,
            after: None,
            resets: self.changes.resets,
        };
        let (round, nothing) = match asked(call.query)? {
            Asked::Everybody(scope) => (begin(scope, None, now), false),
            Asked::Latest(scope) => (begin(scope, None, now), true),
            Asked::Next(token) => (self.usable(token, call, now)?, false),
            Asked::Changes(token) => {
                let token = self.usable(token, call, now)?;
                (begin(token.scope, Some(token.upto), token.viewed), false)
            }
        };
        roles::read(&self.options.roles, round.scope.select.as_deref())?;
        let query = round.scope.query()?;
        let mut ids = if nothing {
            Vec::new()
        } else {
            self.told(&round, now)
        };
        let more = ids.len() > PAGE;
        ids.truncate(PAGE);
        let minimal = call.prefer.is_some_and(|it| it.contains("return=minimal"));
        let value: Vec<Json> = ids
            .iter()
            .map(|id| self.changed_user(id, &round, &query, minimal, now))
            .collect();
        let (link, name) = if more {
            ("@odata.nextLink", "$skiptoken")
        } else {
            ("@odata.deltaLink", "$deltatoken")
        };
        let token = Token {
            after: ids.last().cloned().filter(|_| more),
            ..round
        };
        let root = format!("{}/v1.0", call.origin);
        let page = json!({
            "@odata.context": format!("{root}/$metadata#users"),
            link: format!("{root}/users/delta?{name}={}", token.text()),
            "value": value,
        });
        Ok(Done::read(Answer::ok(page), None))
    }

    fn usable(&self, token: Token, call: &Call<'_>, now: Timestamp) -> Result<Token, Refusal> {
        if token.resets != self.changes.resets {
            let mut refusal = Refusal::new(
                StatusCode::GONE,
                "resyncRequired",
                "Resync required. Any previously synced data must be read again.",
            );
            let scope = &token.scope;
            let mut names = scope.select.clone().unwrap_or_default();
            names.extend(scope.manager.then(|| "manager".to_owned()));
            let select = match names.as_slice() {
                [] => String::new(),
                names => format!("&{}", selecting(names)),
            };
            let begin = format!("{}/v1.0/users/delta?$deltatoken={select}", call.origin);
            refusal.header = Some(Box::new(("location", begin)));
            return Err(refusal);
        }
        if now.duration_since(token.viewed) >= TOKEN_LIFE || token.upto > self.changes.log.len() {
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "syncStateNotFound",
                "The sync state generation is not found. The delta token is expired and data must \
                 be synchronized again.",
            ));
        }
        Ok(token)
    }

    /// Whom a page tells of, and one more, from behind the page before.
    fn told(&self, round: &Token, now: Timestamp) -> Vec<String> {
        let after = round.after.as_deref();
        let Some(from) = round.from else {
            let all = self.directory.replicas(after, now);
            let all = all.filter(|user| round.scope.holds(&user.id));
            return all.take(PAGE + 1).map(|user| user.id.clone()).collect();
        };
        let changes = self.changes.log.get(from..round.upto).unwrap_or_default();
        let changed = changes.iter().filter(|change| round.scope.tracks(change));
        let mut ids: BTreeSet<&str> = changed.map(|change| change.user.as_str()).collect();
        let purged = self.directory.all().filter(|user| {
            let end = user.deleted.and_then(|at| at.checked_add(BIN).ok());
            end.is_some_and(|end| round.since < end && end <= round.viewed)
        });
        ids.extend(
            purged
                .map(|user| user.id.as_str())
                .filter(|id| round.scope.holds(id)),
        );
        let ids = ids
            .into_iter()
            .filter(|id| after.is_none_or(|after| *id > after));
        ids.take(PAGE + 1).map(str::to_owned).collect()
    }

    fn changed_user(
        &self,
        id: &str,
        round: &Token,
        query: &Query,
        minimal: bool,
        now: Timestamp,
    ) -> Json {
        let Some(user) = self.directory.replica(id, now) else {
            let deleted = self.directory.whatever(id).and_then(|user| user.deleted);
            let purged = deleted.is_none_or(|at| now.duration_since(at) >= BIN);
            let reason = if purged { "deleted" } else { "changed" };
            return json!({"id": id, "@removed": {"reason": reason}});
        };
        let mut members = shown(query, &*self.ledger.user(user, query));
        let unset = |value: &Json| value.is_null() || *value == Json::Array(Vec::new());
        let of = |from| {
            self.changes
                .log
                .get(from..round.upto)
                .unwrap_or_default()
                .iter()
        };
        let own: Vec<&Change> = match round.from {
            Some(from) => of(from).filter(|change| change.user == id).collect(),
            None => Vec::new(),
        };
        let new = own.is_empty() || own.iter().any(|change| change.whole);
        if new {
            members.retain(|_, value| !unset(value));
        } else if minimal {
            let changed = |name: &String| own.iter().any(|change| change.names.contains(name));
            members.retain(|name, _| name == "id" || changed(name));
        }
        if round.scope.manager {
            let left = own.iter().filter_map(|change| change.manager_left.as_ref());
            let left: BTreeSet<&String> = left
                .filter(|left| user.manager.as_ref() != Some(left))
                .collect();
            let gone = left.into_iter().map(|id| {
                json!({"@odata.type": "#microsoft.graph.user", "id": id, "@removed": {"reason": "deleted"}})
            });
            let moved = own.iter().any(|change| change.names.contains("manager"));
            let there = user.manager.iter().filter(|_| new || moved);
            let there = there.map(|id| json!({"@odata.type": "#microsoft.graph.user", "id": id}));
            let all: Vec<Json> = gone.chain(there).collect();
            if !all.is_empty() {
                members.insert("manager@delta".to_owned(), all.into());
            }
        }
        Json::Object(members)
    }
}
