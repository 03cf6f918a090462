//! A configuration that was found sound, ready to be asked by.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_core::suggest::nearest;
use rollcall_http::Origin;

use crate::attribute::Attribute;
use crate::config::{
    AuthConfig, ChangesConfig, FetchConfig, GrantConfig, LinkConfig, Method, OffsetConfig,
    PagingConfig, RestConfig, SelectStyle,
};
use crate::path::Path;

/// Headers that are ours to set.
const RESERVED: [&str; 5] = [
    "authorization",
    "host",
    "content-length",
    "user-agent",
    "cookie",
];

/// How to ask, and what to read.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) config: RestConfig,
    pub(crate) origin: Origin,
    pub(crate) records: Option<Path>,
    pub(crate) id: Vec<Path>,
    pub(crate) total: Option<Path>,
    pub(crate) restricted: Option<Path>,
    pub(crate) attributes: BTreeMap<String, Attribute>,
    pub(crate) style: Style,
    pub(crate) changes: Option<Changes>,
    /// Names are looked up without regard to case.
    pub(crate) fold: bool,
}

/// How a long list comes.
#[derive(Debug, Clone)]
pub(crate) enum Style {
    Whole,
    Index(Index),
    Link {
        at: LinkAt,
        steady: bool,
        one_page: bool,
    },
    Cursor(CursorStyle),
}

/// By number: of the record, or of the page.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    pub(crate) at_param: String,
    pub(crate) size_param: Option<String>,
    pub(crate) size: u32,
    /// The number of the first record, or page.
    pub(crate) first: u64,
    pub(crate) by_page: bool,
    /// A page begins with the last record of the one before.
    pub(crate) overlap: bool,
    /// What is on a page stays there.
    pub(crate) steady: bool,
}

impl Index {
    /// Records from the beginning of a page to the beginning of the next.
    pub(crate) fn step(&self) -> u64 {
        u64::from(self.size - u32::from(self.overlap))
    }
}

#[derive(Debug, Clone)]
pub(crate) enum LinkAt {
    Body(Path),
    Header(String),
}

#[derive(Debug, Clone)]
pub(crate) struct CursorStyle {
    pub(crate) at: Path,
    pub(crate) param: String,
    pub(crate) first_empty: bool,
    pub(crate) size: Option<(String, u32)>,
    pub(crate) steady: bool,
    pub(crate) one_page: bool,
}

impl Style {
    /// A first page that leads to no other may be everybody, though nobody says how many there are.
    pub(crate) fn one_page(&self) -> bool {
        match self {
            Self::Whole | Self::Index(_) => true,
            Self::Link { one_page, .. } => *one_page,
            Self::Cursor(it) => it.one_page,
        }
    }
}

/// How it is asked what changed.
#[derive(Debug)]
pub(crate) enum Changes {
    Filter {
        modified: Option<Path>,
    },
    List {
        entries: Path,
        id: Path,
        action: Option<Path>,
    },
}

/// Mistakes as they are found.
struct Problems(Vec<String>);

impl Problems {
    fn say(&mut self, what: impl Into<String>) {
        self.0.push(format!("`source.rest`: {}", what.into()));
    }

    fn path(&mut self, key: &str, text: &str) -> Option<Path> {
        match Path::parse(text) {
            Ok(path) => Some(path),
            Err(error) => {
                self.say(format!("`{key}`: `{text}` is no path: {error}"));
                None
            }
        }
    }

    fn optional(&mut self, key: &str, text: Option<&str>) -> Option<Path> {
        text.and_then(|text| self.path(key, text))
    }

    fn origin(&mut self, key: &str, text: &str) -> Option<Origin> {
        match Origin::parse(text) {
            Ok(origin) => Some(origin),
            Err(error) => {
                self.say(format!("`{key}`: {error}"));
                None
            }
        }
    }

    /// A path and nothing behind it.
    fn target(&mut self, key: &str, text: &str) {
        let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '\\');
        if !text.starts_with('/') || text.starts_with("//") || text.contains(odd) {
            self.say(format!(
                "`{key}` begins with `/` and has no `?`; parameters go into `query`"
            ));
        }
    }

    fn size(&mut self, size: u32) {
        if !(1..=100_000).contains(&size) {
            self.say("`paging.size` is 1 to 100,000");
        }
    }
}

impl RestConfig {
    /// What is wrong with it, each mistake in a line; empty: nothing.
    pub fn problems(&self) -> Vec<String> {
        Plan::new(self.clone()).err().unwrap_or_default()
    }
}

impl Plan {
    /// Ready to ask.
    ///
    /// # Errors
    /// Every mistake.
    pub(crate) fn new(config: RestConfig) -> Result<Self, Vec<String>> {
        let mut problems = Problems(Vec::new());
        let origin = problems.origin("origin", &config.origin);
        problems.target("path", &config.path);
        headers(&config, &mut problems);
        auth(&config.auth, &mut problems);
        body(&config, &mut problems);
        let records = problems.optional("records", config.records.as_deref());
        let mut id = Vec::new();
        for text in config.id.all() {
            id.extend(problems.path("id", text));
        }
        if config.id.all().is_empty() {
            problems.say("`id` names at least one member");
        }
        let total = problems.optional("total", config.total.as_deref());
        let restricted = problems.optional("restricted", config.restricted.as_deref());
        if let Some(base) = &config.scim {
            problems.target("scim", base);
        }
        let mut attributes = BTreeMap::new();
        for (name, attribute) in &config.attributes {
            let place = format!("`source.rest.attributes.{name}`");
            match Attribute::new(&place, attribute, config.missing) {
                Ok(attribute) => {
                    attributes.insert(name.clone(), attribute);
                }
                Err(wrong) => problems.0.extend(wrong),
            }
        }
        let style = if let Some(paging) = &config.paging {
            style(paging, &mut problems)
        } else {
            problems.say(
                "`paging` is missing: say how a long list comes (docs/sources/rest.md), or \
                 `paging = \"one_page\"` where everybody is in one answer",
            );
            None
        };
        select(&config, &mut problems);
        let changes = config.changes.as_ref().map(|it| changes(it, &mut problems));
        if matches!(changes, Some(Some(Changes::List { .. }))) && id.len() != 1 {
            problems
                .say("`changes.changed_list` needs an `id` of one path: that of the ids it lists");
        }
        limits(&config, &mut problems);
        parameters(&config, style.as_ref(), &mut problems);
        let (Some(origin), Some(style), true) = (origin, style, problems.0.is_empty()) else {
            return Err(problems.0);
        };
        Ok(Self {
            fold: config.scim.is_some(),
            origin,
            records,
            id,
            total,
            restricted,
            attributes,
            style,
            changes: changes.flatten(),
            config,
        })
    }

    /// Attributes that are wanted and not known.
    pub(crate) fn lacks(&self, columns: &[String]) -> Vec<String> {
        if self.attributes.is_empty() {
            let blank = columns.iter().filter(|it| it.is_empty());
            return blank
                .map(|_| "an attribute has no name".to_owned())
                .collect();
        }
        let unknown = columns
            .iter()
            .filter(|it| !self.attributes.contains_key(*it));
        unknown
            .map(|name| {
                let known = self.attributes.keys().map(String::as_str);
                let near = nearest(name, known);
                let near = near.map_or_else(
                    || "add it to `source.rest.attributes`".to_owned(),
                    |it| format!("did you mean `{it}`?"),
                );
                format!("no attribute is called `{name}`: {near}")
            })
            .collect()
    }

    /// The attributes that are wanted, in their order.
    pub(crate) fn wanted(&self, columns: &[String]) -> Option<Vec<Attribute>> {
        let one = |name: &String| match self.attributes.get(name) {
            Some(attribute) => Some(attribute.clone()),
            None if self.attributes.is_empty() => Attribute::named(name, self.config.missing),
            None => None,
        };
        columns.iter().map(one).collect()
    }
}

fn headers(config: &RestConfig, problems: &mut Problems) {
    for (name, value) in &config.headers {
        if RESERVED.iter().any(|it| it.eq_ignore_ascii_case(name)) {
            problems.say(format!(
                "`headers.{name}` is not for a configuration; who asks is said in `auth`"
            ));
        }
        header(name, "headers", problems);
        if http::HeaderValue::try_from(value).is_err() {
            problems.say(format!("`headers.{name}`: the value fits no header"));
        }
    }
}

fn header(name: &str, key: &str, problems: &mut Problems) {
    if http::HeaderName::try_from(name).is_err() {
        problems.say(format!("`{key}`: `{name}` is no name of a header"));
    }
}

fn body(config: &RestConfig, problems: &mut Problems) {
    match (&config.body, config.method) {
        (Some(_), Method::Get) => problems.say("`body` is for `method = \"POST\"`"),
        (Some(body), Method::Post) => {
            if serde_json::from_str::<serde_json::Value>(body).is_err() {
                problems.say("`body` is JSON");
            }
        }
        (None, Method::Get | Method::Post) => {}
    }
}

fn auth(auth: &AuthConfig, problems: &mut Problems) {
    match auth {
        AuthConfig::None | AuthConfig::KeyAsUser { .. } | AuthConfig::Bearer { .. } => {}
        AuthConfig::Basic { user, .. } => {
            if user.is_empty() || user.contains(':') {
                problems.say("`auth.basic.user` is a name without `:`");
            }
        }
        AuthConfig::Header { name, .. } => {
            header(name, "auth.header.name", problems);
            let ours = RESERVED.iter().skip(1);
            if ours.into_iter().any(|it| it.eq_ignore_ascii_case(name)) {
                problems.say(format!("`auth.header.name`: `{name}` is ours to set"));
            }
        }
        AuthConfig::ClientCredentials(grant) => {
            grant_problems(grant, "client_credentials", problems);
            if grant.client_secret.is_none() {
                problems.say("`auth.client_credentials.client_secret` is missing");
            }
            if grant.refresh_token.is_some() {
                problems.say("`auth.client_credentials` has no `refresh_token`");
            }
        }
        AuthConfig::RefreshToken(grant) => {
            grant_problems(grant, "refresh_token", problems);
            if grant.refresh_token.is_none() {
                problems.say("`auth.refresh_token.refresh_token` is missing");
            }
        }
    }
}

fn grant_problems(grant: &GrantConfig, name: &str, problems: &mut Problems) {
    if let Err(error) = Origin::of(&grant.token_url) {
        problems.say(format!("`auth.{name}.token_url`: {error}"));
    }
    if grant.client_id.is_empty() {
        problems.say(format!("`auth.{name}.client_id` is empty"));
    }
}

fn style(paging: &PagingConfig, problems: &mut Problems) -> Option<Style> {
    let offset = |it: &OffsetConfig, at: &str, limit: &str| Index {
        at_param: it.offset.clone().unwrap_or_else(|| at.to_owned()),
        size_param: Some(it.limit.clone().unwrap_or_else(|| limit.to_owned())),
        size: it.size,
        first: 0,
        by_page: false,
        overlap: it.overlap && it.size > 1,
        steady: it.steady,
    };
    let index = match paging {
        PagingConfig::OnePage => return Some(Style::Whole),
        PagingConfig::SkipTop(it) => offset(it, "$skip", "$top"),
        PagingConfig::Offset(it) => offset(it, "offset", "limit"),
        PagingConfig::StartIndex(it) => Index {
            at_param: "startIndex".to_owned(),
            size_param: Some("count".to_owned()),
            size: it.size,
            first: 1,
            by_page: false,
            overlap: it.overlap && it.size > 1,
            steady: it.steady,
        },
        PagingConfig::Page(it) => {
            if it.first > 1 {
                problems.say("`paging.page.first` is 0 or 1");
            }
            Index {
                at_param: it.page.clone(),
                size_param: it.size_param.clone(),
                size: it.size,
                first: u64::from(it.first),
                by_page: true,
                overlap: false,
                steady: it.steady,
            }
        }
        PagingConfig::NextLink(it) => return link(it, problems),
        PagingConfig::Cursor(it) => {
            if it.size.is_some() != it.size_param.is_some() {
                problems.say("`paging.cursor` has both `size` and `size_param`, or none of them");
            }
            if let Some(size) = it.size {
                problems.size(size);
            }
            let at = problems.path("paging.cursor.at", &it.at)?;
            return Some(Style::Cursor(CursorStyle {
                at,
                param: it.param.clone(),
                first_empty: it.first_empty,
                size: it.size_param.clone().zip(it.size),
                steady: it.steady,
                one_page: it.one_page,
            }));
        }
    };
    problems.size(index.size);
    (index.size > 0).then_some(Style::Index(index))
}

fn link(config: &LinkConfig, problems: &mut Problems) -> Option<Style> {
    let at = match (&config.at, &config.header) {
        (Some(at), None) => LinkAt::Body(problems.path("paging.next_link.at", at)?),
        (None, Some(name)) => {
            header(name, "paging.next_link.header", problems);
            LinkAt::Header(name.to_ascii_lowercase())
        }
        (Some(_), Some(_)) | (None, None) => {
            problems.say("`paging.next_link` has either `at` or `header`");
            return None;
        }
    };
    Some(Style::Link {
        at,
        steady: config.steady,
        one_page: config.one_page,
    })
}

fn select(config: &RestConfig, problems: &mut Problems) {
    let Some(select) = &config.select else {
        return;
    };
    if config.attributes.is_empty() {
        problems.say("`select` needs `attributes`");
    }
    match (select.style, &select.param) {
        (SelectStyle::Names, None) => problems.say("`select.param` is missing"),
        (SelectStyle::Odata, Some(_)) => {
            problems.say("`select.param` is not for `odata`: it is `$select` and `$expand`");
        }
        (SelectStyle::Names | SelectStyle::Scim, Some(_))
        | (SelectStyle::Scim | SelectStyle::Odata, None) => {}
    }
}

fn changes(config: &ChangesConfig, problems: &mut Problems) -> Option<Changes> {
    match config {
        ChangesConfig::Filter(it) => {
            if it.template.matches("{since}").count() != 1 {
                problems.say("`changes.filter.template` has `{since}` once");
            }
            if it.param.is_empty() {
                problems.say("`changes.filter.param` is empty");
            }
            let modified = problems.optional("changes.filter.modified", it.modified.as_deref());
            Some(Changes::Filter { modified })
        }
        ChangesConfig::ChangedList(it) => {
            problems.target("changes.changed_list.path", &it.path);
            if it.since.is_empty() {
                problems.say("`changes.changed_list.since` is empty");
            }
            if it.action.is_some() == it.gone.is_empty() {
                problems
                    .say("`changes.changed_list` has both `action` and `gone`, or none of them");
            }
            match &it.fetch {
                FetchConfig::Each { path, .. } => {
                    problems.target("changes.changed_list.fetch.each.path", path);
                    if path.matches("{id}").count() != 1 {
                        problems.say("`changes.changed_list.fetch.each.path` has `{id}` once");
                    }
                }
                FetchConfig::Batch { param, size, .. } => {
                    if !(1..=500).contains(size) {
                        problems.say("`changes.changed_list.fetch.batch.size` is 1 to 500");
                    }
                    if param.is_empty() {
                        problems.say("`changes.changed_list.fetch.batch.param` is empty");
                    }
                }
            }
            let entries = problems.path("changes.changed_list.entries", &it.entries);
            let id = problems.path("changes.changed_list.id", &it.id);
            let action = problems.optional("changes.changed_list.action", it.action.as_deref());
            Some(Changes::List {
                entries: entries?,
                id: id?,
                action,
            })
        }
    }
}

fn limits(config: &RestConfig, problems: &mut Problems) {
    let limits = &config.limits;
    if limits.pages == 0 || limits.records == 0 {
        problems.say("`limits.pages` and `limits.records` are at least 1");
    }
    if !(1..=6000).contains(&limits.calls_per_minute) {
        problems.say("`limits.calls_per_minute` is 1 to 6,000");
    }
    if !(1..=3).contains(&limits.passes) {
        problems.say("`limits.passes` is 1 to 3");
    }
}

/// Two keys may not both set a parameter.
fn parameters(config: &RestConfig, style: Option<&Style>, problems: &mut Problems) {
    let mut set: BTreeSet<&str> = config.query.keys().map(String::as_str).collect();
    let mut once = |name: &str, by: &str| {
        if name.is_empty() {
            problems.say(format!("a parameter of `{by}` has no name"));
        } else if set.contains(name) {
            problems.say(format!(
                "the parameter `{name}` is set by `{by}` and by another key"
            ));
        }
    };
    match style {
        Some(Style::Index(it)) => {
            once(&it.at_param, "paging");
            if let Some(name) = &it.size_param {
                once(name, "paging");
            }
        }
        Some(Style::Cursor(it)) => {
            once(&it.param, "paging");
            if let Some((name, _)) = &it.size {
                once(name, "paging");
            }
        }
        Some(Style::Whole | Style::Link { .. }) | None => {}
    }
    if let Some(select) = &config.select {
        match (select.style, &select.param) {
            (SelectStyle::Odata, _) => {
                once("$select", "select");
                once("$expand", "select");
            }
            (SelectStyle::Scim, None) => once("attributes", "select"),
            (SelectStyle::Scim | SelectStyle::Names, Some(param)) => once(param, "select"),
            (SelectStyle::Names, None) => {}
        }
    }
    if let Some(ChangesConfig::Filter(filter)) = &config.changes {
        once(&filter.param, "changes.filter");
    }
    set.clear();
}
