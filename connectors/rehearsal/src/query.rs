//! Query options of OData, as far as this tenant serves them.
//!
//! Source: "List users" (learn.microsoft.com/graph/api/user-list). Invariant: an option or filter
//! that is not served is refused, never ignored.

use http::StatusCode;
use serde_json::{Map, Value as Json};

use crate::body::is_extension;
use crate::csdl::schema;
use crate::devices::{AUTOPILOT, DEVICE, MANAGED, REGISTRATION};
use crate::encoding::{encode, fields, is_guid};
use crate::entity::USER;
use crate::groups::GROUP;
use crate::refusal::Refusal;

const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 999;

/// Never in a list: kept outside the directory ("List users", properties not returned).
const NOT_LISTED: [&str; 11] = [
    "aboutMe",
    "birthday",
    "hireDate",
    "interests",
    "mailboxSettings",
    "mySite",
    "pastProjects",
    "preferredName",
    "responsibilities",
    "schools",
    "skills",
];

/// A filter: one property equals one of some texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) by: By,
    pub(crate) texts: Vec<String>,
    /// One text, of which a part is enough.
    pub(crate) part: bool,
}

/// How a filter compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Equals,
    In,
    Contains,
}

/// What else lists are filtered by, and how: "List managedDevices" (filters of `managedDevice` in the
/// metadata: `eq`), "List devices", "List windowsAutopilotDeviceIdentities" (`contains` in its
/// examples), "List managedAppRegistrations" (unconfirmed).
const FILTERED: [(&str, &str, How); 6] = [
    (DEVICE, "deviceId", How::Equals),
    (MANAGED, "userId", How::Equals),
    (MANAGED, "userPrincipalName", How::Equals),
    (MANAGED, "azureADDeviceId", How::Equals),
    (AUTOPILOT, "serialNumber", How::Contains),
    (REGISTRATION, "userId", How::Equals),
];

/// What can be filtered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Id,
    Name,
    EmployeeId,
    DisplayName,
    MailNickname,
    UniqueName,
    /// A property of a kind of object that is looked through one by one.
    Property(&'static str),
}

impl By {
    /// Properties of a type that lists can be filtered by here.
    fn of(type_name: &str, property: &str) -> Option<Self> {
        match (type_name, property) {
            (_, "id") => Some(Self::Id),
            (USER, "userPrincipalName") => Some(Self::Name),
            (USER, "employeeId") => Some(Self::EmployeeId),
            (GROUP, "displayName") => Some(Self::DisplayName),
            (GROUP, "mailNickname") => Some(Self::MailNickname),
            (GROUP, "uniqueName") => Some(Self::UniqueName),
            _ => {
                let mut known = FILTERED.iter();
                let found = known.find(|(of, known, _)| *of == type_name && *known == property);
                found.map(|(_, known, _)| Self::Property(known))
            }
        }
    }

    /// Whether filters of the type may compare so.
    fn takes(self, type_name: &str, how: How) -> bool {
        let mut known = FILTERED.iter();
        let of = known.find(|(of, known, _)| *of == type_name && self == Self::Property(known));
        of.map_or(how != How::Contains, |(.., only)| *only == how)
    }

    /// A text as it is compared.
    pub(crate) fn fold(self, text: &str) -> String {
        match self {
            Self::EmployeeId | Self::UniqueName => text.to_owned(),
            Self::Id | Self::Name | Self::DisplayName | Self::MailNickname | Self::Property(_) => {
                text.to_lowercase()
            }
        }
    }
}

impl Filter {
    /// Whether an object with these properties is among those asked for.
    pub(crate) fn holds(&self, id: &str, properties: &Map<String, Json>) -> bool {
        let text = match self.by {
            By::Id => Some(id),
            By::Property(name) => properties.get(name).and_then(Json::as_str),
            By::Name | By::EmployeeId | By::DisplayName | By::MailNickname | By::UniqueName => None,
        };
        text.is_some_and(|text| {
            let text = self.by.fold(text);
            let fits = |asked: &String| {
                if self.part {
                    text.contains(asked.as_str())
                } else {
                    text == *asked
                }
            };
            self.texts.iter().any(fits)
        })
    }
}

/// The options of one read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) select: Option<Vec<String>>,
    pub(crate) filter: Option<Filter>,
    pub(crate) top: usize,
    /// How many there are is asked for.
    pub(crate) count: bool,
    /// The last id of the page before.
    pub(crate) after: Option<String>,
    /// Everything but the skip token, encoded again, for the link to the next page.
    pub(crate) kept: String,
}

impl Query {
    /// Whether a property is asked for by its name.
    pub(crate) fn selects(&self, property: &str) -> bool {
        let names = self.select.as_deref().unwrap_or_default();
        names.iter().any(|name| name == property)
    }

    /// What of it is asked of an object of this type: an object has no more than its type.
    #[must_use]
    pub(crate) fn of_type(&self, type_name: &str) -> Self {
        let mut out = self.clone();
        if let Some(names) = &mut out.select {
            names.retain(|name| is_known(type_name, name));
        }
        out
    }
}

fn is_known(type_name: &str, property: &str) -> bool {
    schema().property(type_name, property).is_some()
        || (schema().is_open(type_name) && is_extension(property))
}

/// Reads the options of a list.
///
/// # Errors
/// 400, or 501 for a property that lists cannot give.
pub(crate) fn of_list(query: Option<&str>, type_name: &str) -> Result<Query, Refusal> {
    let served = ["$select", "$filter", "$top", "$skiptoken"];
    let query = read(query, &served, &[type_name])?;
    if type_name == USER {
        listed(&query)?;
    }
    Ok(query)
}

/// Reads the options of what an object is related to, of this type.
///
/// # Errors
/// 400, or 501 for a property that lists cannot give.
pub(crate) fn of_members(query: Option<&str>, type_name: &str) -> Result<Query, Refusal> {
    of_related(query, &[], &[type_name])
}

/// The same of objects that are users or groups.
///
/// # Errors
/// 400, or 501 for a property that lists cannot give.
pub(crate) fn of_users_and_groups(query: Option<&str>) -> Result<Query, Refusal> {
    of_related(query, &[], &[USER, GROUP])
}

/// The same of objects of any type of which those of this type are listed: an advanced query
/// ("Advanced query capabilities on Microsoft Entra ID objects").
///
/// # Errors
/// 400, or 501 for a property that lists cannot give.
pub(crate) fn of_cast(
    query: Option<&str>,
    type_name: &str,
    consistency: Option<&str>,
) -> Result<Query, Refusal> {
    let query = of_related(query, &["$count"], &[type_name])?;
    let eventual = consistency.is_some_and(|it| it.eq_ignore_ascii_case("eventual"));
    if !eventual || !query.count {
        return Err(Refusal::unsupported(
            "A cast takes the header 'ConsistencyLevel: eventual' and '$count=true'.",
        ));
    }
    Ok(query)
}

fn of_related(query: Option<&str>, more: &[&str], types: &[&str]) -> Result<Query, Refusal> {
    let served = [&["$select", "$top", "$skiptoken"], more].concat();
    let query = read(query, &served, types)?;
    if types.contains(&USER) {
        listed(&query)?;
    }
    Ok(query)
}

fn listed(query: &Query) -> Result<(), Refusal> {
    let hidden = query
        .select
        .iter()
        .flatten()
        .find(|name| NOT_LISTED.contains(&name.as_str()));
    match hidden {
        None => Ok(()),
        Some(name) => Err(Refusal::new(
            StatusCode::NOT_IMPLEMENTED,
            "NotImplemented",
            format!("Property '{name}' cannot be returned within a user collection."),
        )),
    }
}

/// Reads the options of a single object.
///
/// # Errors
/// 400.
pub(crate) fn of_one(query: Option<&str>, type_name: &str) -> Result<Query, Refusal> {
    read(query, &["$select"], &[type_name])
}

/// # Errors
/// 400 when there are options.
pub(crate) fn none(query: Option<&str>) -> Result<(), Refusal> {
    read(query, &[], &[USER]).map(|_| ())
}

/// The options of objects that are of one of these types.
fn read(query: Option<&str>, served: &[&str], types: &[&str]) -> Result<Query, Refusal> {
    let options = fields(query.unwrap_or_default())
        .ok_or_else(|| Refusal::bad("The request URL is not valid."))?;
    let mut out = Query {
        select: None,
        filter: None,
        top: PAGE_DEFAULT,
        count: false,
        after: None,
        kept: String::new(),
    };
    let mut seen: Vec<&str> = Vec::new();
    for (name, value) in &options {
        if !served.contains(&name.as_str()) {
            let known = name
                .strip_prefix('$')
                .is_some_and(|n| n.bytes().all(|b| b.is_ascii_alphabetic()));
            let name = if known { name.as_str() } else { "?" };
            let message = format!("Query option '{name}' is not supported for this request.");
            return Err(Refusal::unsupported(message));
        }
        if seen.contains(&name.as_str()) {
            return Err(Refusal::bad(format!(
                "Query option '{name}' was specified more than once."
            )));
        }
        seen.push(name);
        match name.as_str() {
            "$select" => out.select = Some(select(value, types)?),
            "$filter" => out.filter = Some(filter(value, types)?),
            "$top" => out.top = top(value)?,
            "$count" => out.count = value == "true",
            _ => out.after = Some(skip_token(value)?),
        }
        if name != "$skiptoken" {
            out.kept = format!("{}{name}={}&", out.kept, encode(value));
        }
    }
    Ok(out)
}

fn select(text: &str, types: &[&str]) -> Result<Vec<String>, Refusal> {
    let type_name = match types {
        [one] => one,
        _ => "microsoft.graph.directoryObject",
    };
    let names = text.split(',').map(str::trim);
    names
        .map(|name| {
            if types.iter().any(|it| is_known(it, name)) {
                return Ok(name.to_owned());
            }
            let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            let name = if plain && name.len() <= 64 { name } else { "?" };
            Err(Refusal::bad(format!(
                "Parsing OData Select and Expand failed: Could not find a property named '{name}' \
                 on type '{type_name}'."
            )))
        })
        .collect()
}

fn top(text: &str) -> Result<usize, Refusal> {
    text.parse()
        .ok()
        .filter(|top| (1..=PAGE_MAX).contains(top))
        .ok_or_else(|| {
            Refusal::bad("Invalid page size specified. Must be between 1 and 999 inclusive.")
        })
}

/// The token of the page after this id.
pub(crate) fn skip_token_after(id: &str) -> String {
    format!("RC-{id}")
}

fn skip_token(text: &str) -> Result<String, Refusal> {
    let id = text.strip_prefix("RC-").filter(|id| is_guid(id));
    id.map(str::to_owned)
        .ok_or_else(|| Refusal::bad("The skip token is not valid."))
}

fn filter(text: &str, types: &[&str]) -> Result<Filter, Refusal> {
    let [type_name] = types else {
        return Err(unsupported());
    };
    if let Some(rest) = text.trim().strip_prefix("contains(") {
        let (property, rest) = rest.split_once(',').ok_or_else(unsupported)?;
        let by = By::of(type_name, property.trim()).ok_or_else(unsupported)?;
        let (text, rest) = literal(rest).ok_or_else(unsupported)?;
        if rest.trim() != ")" || !by.takes(type_name, How::Contains) {
            return Err(unsupported());
        }
        return Ok(Filter {
            by,
            texts: vec![by.fold(&text)],
            part: true,
        });
    }
    let (property, rest) = text.trim().split_once(' ').ok_or_else(unsupported)?;
    let by = By::of(type_name, property).ok_or_else(unsupported)?;
    let rest = rest.trim_start();
    let equals = rest.starts_with("eq ");
    let how = if equals { How::Equals } else { How::In };
    if !by.takes(type_name, how) {
        return Err(unsupported());
    }
    let texts = if equals {
        vec![equal(rest)?]
    } else {
        let list = rest
            .strip_prefix("in")
            .map(str::trim)
            .and_then(|r| r.strip_prefix('('));
        let mut rest = list.ok_or_else(unsupported)?;
        let mut texts = Vec::new();
        loop {
            let (text, after) = literal(rest).ok_or_else(unsupported)?;
            texts.push(text);
            match after.trim_start().split_at_checked(1) {
                Some((",", more)) => rest = more,
                Some((")", "")) => break texts,
                _ => return Err(unsupported()),
            }
        }
    };
    Ok(Filter {
        by,
        texts: texts.iter().map(|text| by.fold(text)).collect(),
        part: false,
    })
}

fn unsupported() -> Refusal {
    Refusal::unsupported("Unsupported or invalid query filter clause.")
}

/// The text behind `eq`, where nothing follows.
fn equal(rest: &str) -> Result<String, Refusal> {
    let rest = rest.strip_prefix("eq ").ok_or_else(unsupported)?;
    let (text, rest) = literal(rest).ok_or_else(unsupported)?;
    if rest.trim().is_empty() {
        Ok(text)
    } else {
        Err(unsupported())
    }
}

/// The text that a filter wants one property to equal.
///
/// # Errors
/// 400 for every other filter.
pub(crate) fn equality(filter: &str, property: &str) -> Result<String, Refusal> {
    let rest = filter.strip_prefix(property).ok_or_else(unsupported)?;
    equal(rest.trim_start())
}

/// The same where there is no option but that filter, of what the metadata do not have.
///
/// # Errors
/// 400 for every other option.
pub(crate) fn only_equality(
    query: Option<&str>,
    property: &str,
) -> Result<Option<String>, Refusal> {
    let options = fields(query.unwrap_or_default())
        .ok_or_else(|| Refusal::bad("The request URL is not valid."))?;
    match options.as_slice() {
        [] => Ok(None),
        [(name, filter)] if name == "$filter" => equality(filter, property).map(Some),
        _ => Err(Refusal::unsupported(
            "A query option is not supported for this request.",
        )),
    }
}

/// From and to, both inclusive, of a window of time that is the only option; `None`: no option at all.
///
/// # Errors
/// 400 for every other option, and for an instant that is none.
pub(crate) fn only_window(
    query: Option<&str>,
    property: &str,
) -> Result<Option<(jiff::Timestamp, jiff::Timestamp)>, Refusal> {
    let options = fields(query.unwrap_or_default())
        .ok_or_else(|| Refusal::bad("The request URL is not valid."))?;
    let filter = match options.as_slice() {
        [] => return Ok(None),
        [(name, filter)] if name == "$filter" => filter,
        _ => {
            return Err(Refusal::unsupported(
                "A query option is not supported for this request.",
            ));
        }
    };
    let words: Vec<&str> = filter.split_whitespace().collect();
    let [name, "ge", from, "and", other, "le", to] = words.as_slice() else {
        return Err(Refusal::unsupported("The filter is not supported."));
    };
    let instant = |text: &str| {
        let read = text.parse::<jiff::Timestamp>();
        read.map_err(|_| Refusal::bad("Invalid filter clause: an instant is expected."))
    };
    if *name != property || *other != property {
        return Err(Refusal::unsupported("The filter is not supported."));
    }
    Ok(Some((instant(from)?, instant(to)?)))
}

/// A quoted text at the beginning, its quotes undoubled, and what follows it.
pub(crate) fn literal(text: &str) -> Option<(String, &str)> {
    let mut rest = text.trim_start().strip_prefix('\'')?;
    let mut out = String::new();
    loop {
        let (before, after) = rest.split_once('\'')?;
        out.push_str(before);
        match after.strip_prefix('\'') {
            Some(more) => {
                out.push('\'');
                rest = more;
            }
            None => return Some((out, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: &str) -> (u16, &'static str) {
        let refusal = of_list(Some(query), USER).unwrap_err();
        (refusal.status.as_u16(), refusal.code)
    }

    #[test]
    fn what_is_served() {
        let query = of_list(
            Some("$select=id,%20employeeId&$top=5&$filter=employeeId%20eq%20%27a%27%27b%27"),
            USER,
        )
        .unwrap();
        assert_eq!(query.select.unwrap(), ["id", "employeeId"]);
        assert_eq!(query.top, 5);
        let filter = Filter {
            by: By::EmployeeId,
            texts: vec!["a'b".to_owned()],
            part: false,
        };
        assert_eq!(query.filter, Some(filter));
        let query = of_list(
            Some("$filter=userPrincipalName+in+('A@x.example','b@x.example')"),
            USER,
        )
        .unwrap();
        let texts = vec!["a@x.example".to_owned(), "b@x.example".to_owned()];
        assert_eq!(
            query.filter,
            Some(Filter {
                by: By::Name,
                texts,
                part: false,
            })
        );
        let id = "5f3a09c1-0000-4000-8000-00000000000a";
        let query = of_list(Some(&format!("$skiptoken={}", skip_token_after(id))), USER).unwrap();
        assert_eq!(
            (query.after.as_deref(), query.kept.as_str()),
            (Some(id), "")
        );
    }

    /// Options → status and code.
    #[test]
    fn what_is_refused() {
        const BAD: (u16, &str) = (400, "Request_BadRequest");
        const UNSUPPORTED: (u16, &str) = (400, "Request_UnsupportedQuery");
        let table = [
            ("$skip=5", UNSUPPORTED),
            ("$orderby=displayName", UNSUPPORTED),
            ("$expand=manager", UNSUPPORTED),
            ("$count=true", UNSUPPORTED),
            ("$search=%22a%22", UNSUPPORTED),
            ("top=5", UNSUPPORTED),
            ("$top=0", BAD),
            ("$top=1000", BAD),
            ("$top=x", BAD),
            ("$top=5&$top=6", BAD),
            ("$select=employeID", BAD),
            ("$select=manager", BAD),
            ("$select=", BAD),
            ("$select=aboutMe", (501, "NotImplemented")),
            ("$skiptoken=abc", BAD),
            ("$filter=%zz", BAD),
            ("$filter=employeeId ne 'x'", UNSUPPORTED),
            ("$filter=employeeId eq 'x' or id eq 'y'", UNSUPPORTED),
            ("$filter=employeeId eq 'x", UNSUPPORTED),
            ("$filter=employeeId eq x", UNSUPPORTED),
            ("$filter=employeeId eq 'a'b'", UNSUPPORTED),
            ("$filter=employeeId in ('x'", UNSUPPORTED),
            ("$filter=employeeId in ()", UNSUPPORTED),
            ("$filter=employeeId in ('x') and id eq 'y'", UNSUPPORTED),
            ("$filter=startswith(displayName,'a')", UNSUPPORTED),
            ("$filter=department eq 'x'", UNSUPPORTED),
            ("$filter=", UNSUPPORTED),
        ];
        for (query, expected) in table {
            assert_eq!(refused(query), expected, "{query}");
        }
        assert_eq!(
            of_one(Some("$top=5"), "microsoft.graph.user")
                .unwrap_err()
                .status,
            400
        );
        assert!(of_one(Some("$select=aboutMe"), "microsoft.graph.user").is_ok());
        assert_eq!(none(Some("$select=id")).unwrap_err().status, 400);
    }
}
