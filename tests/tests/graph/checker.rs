//! Whether a request is one that Graph v1.0 knows: method, path, query, headers and body against the
//! metadata, and against the pages of what the metadata do not say.
//!
//! It answers nothing and keeps nothing: whatever is wrong is said, all at once.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::edm::{Model, Shape, model};

/// A request as it went out.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) method: String,
    /// Path and query, as sent.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Option<Value>,
}

/// What the subset of the metadata does not have: method, path and page.
const BESIDE: [(&str, &str, &str); 5] = [
    (
        "GET",
        "/v1.0/informationProtection/bitlocker/recoveryKeys",
        "List recoveryKeys",
    ),
    (
        "GET",
        "/v1.0/deviceManagement/auditEvents",
        "List auditEvents",
    ),
    (
        "GET",
        "/beta/deviceManagement/operationApprovalRequests",
        "List operationApprovalRequests (beta)",
    ),
    (
        "GET",
        "/v1.0/applications/{id}/owners",
        "List owners of an application",
    ),
    (
        "POST",
        "/v1.0/applications/{id}/owners/$ref",
        "Add owner of an application",
    ),
];

/// Headers that may be sent, and what their values look like.
const HEADERS: [&str; 14] = [
    "accept",
    "accept-encoding",
    "authorization",
    "client-request-id",
    "consistencylevel",
    "content-length",
    "content-type",
    "host",
    "prefer",
    "return-client-request-id",
    "user-agent",
    "x-ms-throttle-priority",
    "x-msft-approval-code",
    "x-msft-approval-justification",
];

/// Where a path has led to.
#[derive(Debug, Clone)]
struct Place {
    shape: Shape,
    /// It is what a navigation leads to.
    linked: bool,
    /// One member of a collection, by its key.
    keyed: bool,
    end: End,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    Resource,
    Reference,
    Action(BTreeMap<String, Shape>),
    Function,
}

/// Everything that is wrong with a request.
pub(crate) fn check(sent: &Sent) -> Vec<String> {
    let mut check = Check {
        model: model(),
        wrong: Vec::new(),
    };
    check.headers(sent);
    if sent.target == "/v1.0/$batch" {
        check.batch(sent);
    } else {
        check.request(sent);
    }
    check.wrong
}

struct Check {
    model: &'static Model,
    wrong: Vec<String>,
}

impl Check {
    fn wrong(&mut self, why: impl Into<String>) {
        self.wrong.push(why.into());
    }

    fn headers(&mut self, sent: &Sent) {
        for (name, value) in &sent.headers {
            let fits = match name.as_str() {
                "authorization" => value.starts_with("Bearer ") && value.len() > 7,
                "client-request-id" => is_guid(value),
                "content-type" => value == "application/json",
                "consistencylevel" => value == "eventual",
                "x-ms-throttle-priority" => ["Low", "Normal", "High"].contains(&value.as_str()),
                "prefer" => ["create-if-missing", "return=minimal"].contains(&value.as_str()),
                "x-msft-approval-justification" => {
                    rollcall_core::base64::decode(value).is_some_and(|it| !it.is_empty())
                }
                known => HEADERS.contains(&known),
            };
            if !fits {
                self.wrong(format!(
                    "header `{name}` with this value is none of Graph's"
                ));
            }
        }
        for name in ["authorization", "client-request-id"] {
            if !sent.headers.contains_key(name) {
                self.wrong(format!("header `{name}` is missing"));
            }
        }
        if sent.body.is_some() != sent.headers.contains_key("content-type") {
            self.wrong("a body has `content-type`, and nothing else has");
        }
    }

    /// "JSON batching": at most 20, ids that differ, and each item is a request like any other.
    fn batch(&mut self, sent: &Sent) {
        let items = sent.body.as_ref().and_then(|it| it["requests"].as_array());
        let Some(items) = items.filter(|_| sent.method == "POST") else {
            return self.wrong("a batch is a POST with `requests`");
        };
        if items.is_empty() || items.len() > 20 {
            self.wrong(format!("a batch of {} items", items.len()));
        }
        let mut ids = Vec::new();
        for item in items {
            let Some(item) = item.as_object() else {
                self.wrong("an item of a batch is an object");
                continue;
            };
            let known = ["id", "method", "url", "headers", "body", "dependsOn"];
            for name in item.keys().filter(|it| !known.contains(&it.as_str())) {
                self.wrong(format!("an item of a batch has no `{name}`"));
            }
            let text = |name: &str| item.get(name).and_then(Value::as_str);
            let (Some(id), Some(method), Some(url)) = (text("id"), text("method"), text("url"))
            else {
                self.wrong("an item of a batch needs `id`, `method` and `url`");
                continue;
            };
            if ids.contains(&id) {
                self.wrong(format!("two items of a batch have the id {id}"));
            }
            ids.push(id);
            if !url.starts_with('/') || url.starts_with("/v1.0/") {
                self.wrong("the url of an item is relative to the version");
                continue;
            }
            let headers = item.get("headers").and_then(Value::as_object);
            let headers: BTreeMap<String, String> = headers
                .into_iter()
                .flatten()
                .map(|(name, value)| {
                    let value = value.as_str().unwrap_or_default();
                    (name.to_lowercase(), value.to_owned())
                })
                .collect();
            let body = item.get("body").cloned();
            if body.is_some()
                && headers
                    .get("content-type")
                    .is_none_or(|it| it != "application/json")
            {
                self.wrong("an item with a body needs `Content-Type: application/json`");
            }
            self.request(&Sent {
                method: method.to_owned(),
                target: format!("/v1.0{url}"),
                headers,
                body,
            });
        }
    }

    fn request(&mut self, sent: &Sent) {
        let (path, query) = match sent.target.split_once('?') {
            Some((path, query)) => (path, query),
            None => (sent.target.as_str(), ""),
        };
        let same = |known: &str| {
            let mut both = known.split('/').zip(path.split('/'));
            let fits = both.all(|(want, is)| want == is || (want == "{id}" && !is.is_empty()));
            fits && known.split('/').count() == path.split('/').count()
        };
        let mut beside = BESIDE.iter().filter(|(_, known, _)| same(known)).peekable();
        if beside.peek().is_some() {
            match beside.find(|(method, ..)| sent.method == *method) {
                Some(("POST", ..)) => self.reference(sent.body.as_ref()),
                Some((method, _, page)) if sent.body.is_some() => {
                    self.wrong(format!("{page} is a {method} without a body"));
                }
                Some(_) => {}
                None => self.wrong(format!("{} is not for {path}", sent.method)),
            }
            return;
        }
        let Some(rest) = path.strip_prefix("/v1.0/") else {
            return self.wrong(format!("{path} is not of v1.0"));
        };
        match self.walk(rest) {
            Ok(place) => {
                self.method(sent, &place);
                self.query(sent, query, &place);
            }
            Err(why) => self.wrong(why),
        }
    }

    /// Follows a path through the metadata.
    fn walk(&self, path: &str) -> Result<Place, String> {
        let mut segments = path.split('/').map(decoded);
        let first = segments.next().ok_or("an empty path")??;
        let (name, key) = with_key(&first);
        let root = self
            .model
            .root(name)
            .ok_or_else(|| format!("the service has no `{name}`"))?;
        let mut place = Place {
            shape: root.clone(),
            linked: false,
            keyed: false,
            end: End::Resource,
        };
        if let Some(key) = key {
            place = self.keyed(place, key)?;
        }
        for segment in segments {
            let segment = segment?;
            if place.end != End::Resource {
                return Err(format!("nothing comes behind {segment}'s predecessor"));
            }
            place = self.step(place, &segment)?;
        }
        Ok(place)
    }

    /// One member by an alternate key: `groups(uniqueName='x')`.
    fn keyed(&self, place: Place, key: &str) -> Result<Place, String> {
        if !place.shape.many {
            return Err("a single thing has no key".to_owned());
        }
        if let Some((name, value)) = key.split_once('=') {
            let shape = self.model.property(&place.shape.of, name);
            let quoted = value.len() >= 2 && value.starts_with('\'') && value.ends_with('\'');
            if shape.is_none() || !quoted {
                return Err(format!("`{name}` is no key, or its value is not quoted"));
            }
        }
        Ok(Place {
            shape: Shape {
                many: false,
                ..place.shape
            },
            keyed: true,
            ..place
        })
    }

    fn step(&self, place: Place, segment: &str) -> Result<Place, String> {
        let of = place.shape.of.clone();
        if segment == "$ref" {
            if !place.linked {
                return Err("`$ref` stands behind a navigation".to_owned());
            }
            return Ok(Place {
                end: End::Reference,
                ..place
            });
        }
        if segment == "$count" || segment.starts_with('$') {
            return Err(format!("`{segment}` is not used"));
        }
        if let Some(operation) = self.model.operation(&place.shape, segment) {
            let end = if operation.action {
                End::Action(operation.parameters.clone())
            } else {
                End::Function
            };
            return Ok(Place { end, ..place });
        }
        if place.shape.many {
            if let Some(cast) = segment.strip_prefix("microsoft.graph.") {
                let full = format!("microsoft.graph.{cast}");
                if !self.model.is_structure(&full) || !self.model.is_a(&full, &of) {
                    return Err(format!("`{segment}` is no {of}"));
                }
                return Ok(Place {
                    shape: Shape {
                        of: full,
                        ..place.shape
                    },
                    ..place
                });
            }
            // Whatever else stands behind a collection is a key.
            if segment.is_empty() || segment.contains('\'') {
                return Err("an empty or quoted key".to_owned());
            }
            return Ok(Place {
                shape: Shape {
                    many: false,
                    ..place.shape
                },
                keyed: true,
                ..place
            });
        }
        let (name, key) = with_key(segment);
        let next = self
            .model
            .navigation(&of, name)
            .ok_or_else(|| format!("{of} has no `{name}`"))?;
        let next = Place {
            shape: next.clone(),
            linked: true,
            keyed: false,
            end: End::Resource,
        };
        match key {
            Some(key) => self.keyed(next, key),
            None => Ok(next),
        }
    }

    fn method(&mut self, sent: &Sent, place: &Place) {
        let (many, of) = (place.shape.many, place.shape.of.clone());
        let body = sent.body.as_ref();
        let bodiless = |check: &mut Self| {
            if body.is_some() {
                check.wrong(format!("{} has no body here", sent.method));
            }
        };
        match (&place.end, sent.method.as_str()) {
            (End::Resource | End::Function, "GET") => bodiless(self),
            (End::Resource, "POST") if many => self.object(body, &of, true),
            (End::Resource, "PATCH") if !many => self.object(body, &of, false),
            (End::Reference, "POST") if many => self.reference(body),
            (End::Reference, "PUT") if !many && !place.keyed => self.reference(body),
            // Of a relation, without the key of a member it would be all of it.
            (End::Resource | End::Reference, "DELETE") if !many => bodiless(self),
            (End::Action(parameters), "POST") => self.parameters(body, parameters),
            (_, method) => self.wrong(format!("{method} is not for {}", sent.target)),
        }
    }

    fn reference(&mut self, body: Option<&Value>) {
        let link = body.and_then(Value::as_object);
        let link = link
            .filter(|it| it.len() == 1)
            .and_then(|it| it.get("@odata.id"));
        match link.and_then(Value::as_str) {
            Some(link) => self.link(link),
            None => self.wrong("a reference is `@odata.id` alone"),
        }
    }

    /// An absolute address of one thing of the directory.
    fn link(&mut self, link: &str) {
        let path = link
            .strip_prefix("https://")
            .and_then(|it| it.split_once('/'))
            .and_then(|(_, path)| path.strip_prefix("v1.0/"));
        let place = path.map(|path| self.walk(path));
        if !matches!(
            place,
            Some(Ok(Place {
                keyed: true,
                end: End::Resource,
                ..
            }))
        ) {
            self.wrong("a link leads to one thing of v1.0");
        }
    }

    fn parameters(&mut self, body: Option<&Value>, parameters: &BTreeMap<String, Shape>) {
        let empty = Map::new();
        let given = match body.map(Value::as_object) {
            None => &empty,
            Some(Some(given)) => given,
            Some(None) => return self.wrong("the parameters of an action are an object"),
        };
        for (name, value) in given {
            match parameters.get(name) {
                Some(shape) => self.value(name, value, shape),
                None => self.wrong(format!("the action has no parameter `{name}`")),
            }
        }
        for (name, shape) in parameters {
            if !shape.nullable && !given.contains_key(name) {
                self.wrong(format!("the action needs `{name}`"));
            }
        }
    }

    /// A body of a type. `new`: everything that a create needs has to be there.
    fn object(&mut self, body: Option<&Value>, of: &str, new: bool) {
        let Some(body) = body.and_then(Value::as_object) else {
            return self.wrong("a body that is an object is missing");
        };
        if body.is_empty() && !new {
            self.wrong("a change of nothing");
        }
        self.members(body, of);
        if new {
            for name in needed(of) {
                if !body.contains_key(*name) {
                    self.wrong(format!("a new {of} needs `{name}`"));
                }
            }
        }
    }

    fn members(&mut self, body: &Map<String, Value>, of: &str) {
        for (name, value) in body {
            if name == "@odata.type" {
                let named = value.as_str().unwrap_or_default().trim_start_matches('#');
                if !self.model.is_a(named, of) {
                    self.wrong(format!("`@odata.type` {named} is no {of}"));
                }
            } else if let Some(bound) = name.strip_suffix("@odata.bind") {
                self.bind(bound, value, of);
            } else if let Some(shape) = self.model.property(of, name) {
                if read_only(of, name) {
                    self.wrong(format!("`{name}` of {of} is the service's"));
                }
                let shape = shape.clone();
                self.value(name, value, &shape);
            } else if !self.model.is_open(of) || !name.starts_with("extension_") {
                self.wrong(format!("{of} has no property `{name}`"));
            }
        }
    }

    fn bind(&mut self, name: &str, value: &Value, of: &str) {
        let Some(shape) = self.model.navigation(of, name) else {
            return self.wrong(format!("{of} has no navigation `{name}`"));
        };
        let links: Vec<&Value> = match value.as_array() {
            Some(links) if shape.many => links.iter().collect(),
            None if !shape.many => vec![value],
            Some(_) | None => {
                return self.wrong(format!(
                    "`{name}@odata.bind` is one link, or a list of them"
                ));
            }
        };
        if links.is_empty() || links.len() > 20 {
            self.wrong(format!("`{name}@odata.bind` has {} links", links.len()));
        }
        for link in links {
            match link.as_str() {
                Some(link) => self.link(link),
                None => self.wrong("a link is a text"),
            }
        }
    }

    fn value(&mut self, name: &str, value: &Value, shape: &Shape) {
        if shape.many {
            let one = Shape {
                many: false,
                nullable: false,
                ..shape.clone()
            };
            match value.as_array() {
                Some(all) => all.iter().for_each(|it| self.value(name, it, &one)),
                None => self.wrong(format!("`{name}` is a list")),
            }
            return;
        }
        if value.is_null() {
            if !shape.nullable {
                self.wrong(format!("`{name}` cannot be null"));
            }
            return;
        }
        if let Some((members, flags)) = self.model.members(&shape.of) {
            let text = value.as_str().unwrap_or_default();
            let mut said = text.split(',');
            let known = said.clone().all(|it| members.contains(it)) && !text.is_empty();
            if !known || (!flags && said.nth(1).is_some()) {
                self.wrong(format!("`{name}` is none of {}", shape.of));
            }
            return;
        }
        if self.model.is_structure(&shape.of) {
            match value.as_object() {
                Some(inner) => self.members(inner, &shape.of),
                None => self.wrong(format!("`{name}` is a {}", shape.of)),
            }
            return;
        }
        let text = value.as_str();
        let number =
            |from: i64, to: i64| value.as_i64().is_some_and(|it| (from..=to).contains(&it));
        let fits = match shape.of.as_str() {
            "Edm.String" => text.is_some(),
            "Edm.Boolean" => value.is_boolean(),
            "Edm.Int16" => number(i16::MIN.into(), i16::MAX.into()),
            "Edm.Int32" => number(i32::MIN.into(), i32::MAX.into()),
            "Edm.Int64" => number(i64::MIN, i64::MAX),
            "Edm.Double" | "Edm.Single" | "Edm.Decimal" => value.is_number(),
            "Edm.Guid" => text.is_some_and(is_guid),
            "Edm.DateTimeOffset" => text.is_some_and(|it| it.parse::<jiff::Timestamp>().is_ok()),
            "Edm.Date" => text.is_some_and(|it| it.parse::<jiff::civil::Date>().is_ok()),
            "Edm.Binary" => text.is_some_and(|it| rollcall_core::base64::decode(it).is_some()),
            _ => false,
        };
        if !fits {
            self.wrong(format!("`{name}` is no {}", shape.of));
        }
    }

    fn query(&mut self, sent: &Sent, query: &str, place: &Place) {
        let of = place.shape.of.clone();
        let asks = place.end == End::Resource && sent.method == "GET" || place.end == End::Function;
        for pair in query.split('&').filter(|it| !it.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Ok(name), Ok(value)) = (decoded(name), decoded(value)) else {
                self.wrong("a query that is not encoded");
                continue;
            };
            if !asks {
                self.wrong(format!(
                    "`{name}` is for what is asked, not for what is written"
                ));
            }
            match name.as_str() {
                "$select" => {
                    for part in value.split(',') {
                        if !self.model.anywhere_below(&of, part) {
                            self.wrong(format!("`$select`: {of} has no `{part}`"));
                        }
                    }
                }
                "$expand" => {
                    for part in value.split(',') {
                        let part = part.split('(').next().unwrap_or_default();
                        if self.model.navigation(&of, part).is_none() {
                            self.wrong(format!("`$expand`: {of} has no navigation `{part}`"));
                        }
                    }
                }
                "$filter" if place.shape.many => self.filter(sent, &value, &of),
                "$top" if place.shape.many => {
                    if !value.parse::<u16>().is_ok_and(|it| (1..=999).contains(&it)) {
                        self.wrong("`$top` is from 1 to 999");
                    }
                }
                "$skiptoken" | "$deltatoken" | "$skipToken" if !value.is_empty() => {}
                other => self.wrong(format!("`{other}` is no option here")),
            }
        }
    }

    /// Terms of the form `property op literal`, and functions of a property and a literal.
    fn filter(&mut self, sent: &Sent, filter: &str, of: &str) {
        let mut advanced = false;
        for term in outside_quotes(filter, " and ") {
            let term = term.trim();
            let (property, rest) = if let Some((function, inside)) = term.split_once('(') {
                advanced |= function == "endswith";
                let known = ["startswith", "contains", "endswith"].contains(&function);
                let inside = inside.strip_suffix(')');
                match inside.and_then(|it| it.split_once(',')) {
                    Some((property, literal)) if known => (property, literal),
                    _ => {
                        self.wrong(format!("`$filter`: `{function}` is no function here"));
                        continue;
                    }
                }
            } else {
                let mut parts = term.splitn(3, ' ');
                let (property, op, literal) = (parts.next(), parts.next(), parts.next());
                let op = op.unwrap_or_default();
                advanced |= op == "ne";
                if !["eq", "ne", "ge", "le", "gt", "lt"].contains(&op) {
                    self.wrong(format!("`$filter`: `{op}` is no operator"));
                }
                (property.unwrap_or_default(), literal.unwrap_or_default())
            };
            let Some(shape) = self.model.property(of, property) else {
                self.wrong(format!("`$filter`: {of} has no `{property}`"));
                continue;
            };
            let quoted = rest.len() >= 2 && rest.starts_with('\'') && rest.ends_with('\'');
            let inner = rest.trim_matches('\'').replace("''", "");
            let fits = match shape.of.as_str() {
                "Edm.String" => quoted && !inner.contains('\''),
                "Edm.Boolean" => ["true", "false"].contains(&rest),
                "Edm.DateTimeOffset" => rest.parse::<jiff::Timestamp>().is_ok(),
                "Edm.Guid" => is_guid(rest),
                _ => !rest.is_empty(),
            };
            if !fits {
                self.wrong(format!(
                    "`$filter`: {rest} is no {} for `{property}`",
                    shape.of
                ));
            }
        }
        let eventual = sent.headers.contains_key("consistencylevel");
        if advanced && !eventual {
            self.wrong("`$filter` with `ne` or `endswith` needs `ConsistencyLevel: eventual`");
        }
    }
}

/// What a create needs ("Create user", "Create group").
fn needed(of: &str) -> &'static [&'static str] {
    match of {
        "microsoft.graph.user" => &[
            "accountEnabled",
            "displayName",
            "mailNickname",
            "passwordProfile",
            "userPrincipalName",
        ],
        "microsoft.graph.group" => &[
            "displayName",
            "mailEnabled",
            "mailNickname",
            "securityEnabled",
        ],
        _ => &[],
    }
}

/// What the pages call read-only, of the types that are written to.
fn read_only(of: &str, name: &str) -> bool {
    let own: &[&str] = match of {
        "microsoft.graph.user" => &[
            "assignedLicenses",
            "createdDateTime",
            "deletedDateTime",
            "id",
            "licenseAssignmentStates",
            "onPremisesSyncEnabled",
            "proxyAddresses",
            "signInSessionsValidFromDateTime",
        ],
        "microsoft.graph.group" => &[
            "assignedLicenses",
            "createdDateTime",
            "id",
            "proxyAddresses",
        ],
        _ => &["id"],
    };
    own.contains(&name)
}

fn is_guid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|it| it.len()).collect();
    lengths == [8, 4, 4, 4, 12]
        && groups
            .iter()
            .all(|it| it.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// `name(key)` taken apart.
fn with_key(segment: &str) -> (&str, Option<&str>) {
    match segment.strip_suffix(')').and_then(|it| it.split_once('(')) {
        Some((name, key)) => (name, Some(key)),
        None => (segment, None),
    }
}

/// Percent-decoded; what is no encoding is an error.
fn decoded(text: &str) -> Result<String, String> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let hex = [bytes.next().unwrap_or(b'x'), bytes.next().unwrap_or(b'x')];
                let hex = std::str::from_utf8(&hex).unwrap_or("x");
                let byte = u8::from_str_radix(hex, 16);
                out.push(byte.map_err(|_| format!("`{text}` is not encoded"))?);
            }
            b' ' | b'"' | b'<' | b'>' | b'#' => return Err(format!("`{text}` is not encoded")),
            byte => out.push(byte),
        }
    }
    String::from_utf8(out).map_err(|_| format!("`{text}` is no text"))
}

/// Parts of a text between separators that stand in no literal.
fn outside_quotes<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    let mut out = Vec::new();
    let (mut from, mut at) = (0, 0);
    let mut quoted = false;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with('\'') {
            quoted = !quoted;
        } else if !quoted && rest.starts_with(separator) {
            out.push(&text[from..at]);
            at += separator.len();
            from = at;
            continue;
        }
        at += rest.chars().next().map_or(1, char::len_utf8);
    }
    out.push(&text[from..]);
    out
}
