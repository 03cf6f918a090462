//! The user properties that a mapping may write, with what the directory refuses.
//!
//! Source: Microsoft Graph v1.0 metadata (`microsoft.graph.user`) and "user resource type"
//! (learn.microsoft.com/graph/api/resources/user) for lengths. A list and not the metadata
//! itself: these are the ones that Rollcall knows how to compare and to send.

use crate::model::text_shape;

/// How a property is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text of at most so many characters.
    Text(usize),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// An instant in ISO 8601 UTC.
    Instant,
    /// A list with at most one text.
    OneOfList,
    /// Two letters of ISO 3166-1.
    Country,
    /// A sign-in name.
    SignInName,
    /// A mail nickname.
    Alias,
}

const PROPERTIES: [(&str, Kind); 42] = [
    ("ageGroup", Kind::OneOf(&["Minor", "NotAdult", "Adult"])),
    ("businessPhones", Kind::OneOfList),
    ("city", Kind::Text(128)),
    ("companyName", Kind::Text(64)),
    ("country", Kind::Text(128)),
    ("department", Kind::Text(64)),
    ("displayName", Kind::Text(256)),
    ("employeeHireDate", Kind::Instant),
    ("employeeId", Kind::Text(16)),
    ("employeeOrgData.costCenter", Kind::Text(256)),
    ("employeeOrgData.division", Kind::Text(256)),
    ("employeeType", Kind::Text(256)),
    ("faxNumber", Kind::Text(64)),
    ("givenName", Kind::Text(64)),
    ("jobTitle", Kind::Text(128)),
    ("mailNickname", Kind::Alias),
    ("mobilePhone", Kind::Text(64)),
    ("officeLocation", Kind::Text(128)),
    (
        "onPremisesExtensionAttributes.extensionAttribute1",
        Kind::Text(1024),
    ),
    (
        "onPremisesExtensionAttributes.extensionAttribute10",
        Kind::Text(1024),
    ),
    (
        "onPremisesExtensionAttributes.extensionAttribute11",
        Kind::Text(1024),
    ),
    (
        "onPremisesExtensionAttributes.extensionAttribute12",
        Kind::Text(1024),
    ),
    (
        "onPremisesExtensionAttributes.extensionAttribute13",
        Kind::Text(1024),
    ),
    (
        "onPremisesExtensionAttributes.extensionAttribute14",
        Kind::Text(1024),
    ),
    (
        "onPremisesExtensionAttributes.extensionAttribute15",
        Kind::Text(1024),
    ),
    (
        "onPremisesExtensionAttributes.extensionAttribute2",
        Kind::Text(1024),
    ),
    (
        "onPremisesExtensionAttributes.extensionAttribute3",
        Kind::Text(1024),
    ),
    (
        "onPremisesExtensionAttributes.extensionAttribute4",
        Kind::Text(1024),
    ),
    (
        "onPremisesExtensionAttributes.extensionAttribute5",
        Kind::Text(1024),
    ),
    (
        "onPremisesExtensionAttributes.extensionAttribute6",
        Kind::Text(1024),
    ),
    (
        "onPremisesExtensionAttributes.extensionAttribute7",
        Kind::Text(1024),
    ),
    (
        "onPremisesExtensionAttributes.extensionAttribute8",
        Kind::Text(1024),
    ),
    (
        "onPremisesExtensionAttributes.extensionAttribute9",
        Kind::Text(1024),
    ),
    ("postalCode", Kind::Text(40)),
    ("preferredLanguage", Kind::Text(16)),
    ("state", Kind::Text(128)),
    ("streetAddress", Kind::Text(1024)),
    ("surname", Kind::Text(64)),
    ("usageLocation", Kind::Country),
    ("userPrincipalName", Kind::SignInName),
    ("userType", Kind::OneOf(&["Member", "Guest"])),
    (
        "consentProvidedForMinor",
        Kind::OneOf(&["Granted", "Denied", "NotRequired"]),
    ),
];

/// Characters of a business phone number.
const PHONE_MAX: usize = 64;
/// Characters of a sign-in name: 64, the `@`, 48.
const SIGN_IN_NAME_MAX: usize = 113;
/// Characters of a mail nickname.
const ALIAS_MAX: usize = 64;
/// What one cannot have ("user resource type", mailNickname), beside what is not ASCII.
const NOT_IN_ALIAS: &str = "@()\\[]\";:<>, ";

/// How a property is written; `None` for one that a mapping may not write.
pub(super) fn kind(name: &str) -> Option<Kind> {
    PROPERTIES
        .iter()
        .find(|(n, _)| *n == name)
        .map(|(_, kind)| *kind)
}

/// The most characters that a property takes, where that is known.
pub(crate) fn limit(name: &str) -> Option<usize> {
    kind(name).and_then(Kind::limit)
}

/// Why a property of users that the directory has is none that a mapping writes.
///
/// Source: "user resource type" (learn.microsoft.com/graph/api/resources/user), what is read-only
/// there.
pub(super) fn not_written(name: &str) -> Option<&'static str> {
    const READ_ONLY: &str = "the directory sets it, and lets nobody write it";
    const REASONS: [(&str, &str); 25] = [
        (
            "accountEnabled",
            "who is enabled follows from `worker.status` and dates: see policy.toml",
        ),
        (
            "manager",
            "write `manager` under `[worker]`, a column that holds a worker's key",
        ),
        (
            "employeeLeaveDateTime",
            "write `last_day` under `[worker]`: the policy does the rest",
        ),
        ("passwordProfile", "a password is made when the account is"),
        ("mail", "Exchange makes it of the mailbox"),
        ("proxyAddresses", READ_ONLY),
        ("imAddresses", READ_ONLY),
        ("id", READ_ONLY),
        ("createdDateTime", READ_ONLY),
        ("creationType", READ_ONLY),
        ("deletedDateTime", READ_ONLY),
        ("externalUserState", READ_ONLY),
        ("externalUserStateChangeDateTime", READ_ONLY),
        ("lastPasswordChangeDateTime", READ_ONLY),
        ("legalAgeGroupClassification", READ_ONLY),
        ("licenseAssignmentStates", READ_ONLY),
        ("assignedLicenses", "licences are not attributes"),
        ("assignedPlans", READ_ONLY),
        ("provisionedPlans", READ_ONLY),
        ("onPremisesSyncEnabled", READ_ONLY),
        ("onPremisesSamAccountName", READ_ONLY),
        ("onPremisesDistinguishedName", READ_ONLY),
        ("onPremisesSecurityIdentifier", READ_ONLY),
        ("onPremisesUserPrincipalName", READ_ONLY),
        ("signInSessionsValidFromDateTime", READ_ONLY),
    ];
    let known = REASONS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    known.map(|(_, why)| *why)
}

/// The property of this name, whatever the case of its letters.
pub(super) fn same(name: &str) -> Option<&'static str> {
    let mut known = PROPERTIES.iter().map(|(known, _)| *known);
    known.find(|known| known.eq_ignore_ascii_case(name))
}

/// The property whose name is nearest, if one is near.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    crate::suggest::nearest(name, PROPERTIES.iter().map(|(known, _)| *known))
}

impl Kind {
    /// The most characters that it takes, where that is known.
    pub(super) fn limit(self) -> Option<usize> {
        match self {
            Self::Text(most) => Some(most),
            Self::Country => Some(2),
            Self::Alias => Some(ALIAS_MAX),
            Self::OneOfList => Some(PHONE_MAX),
            Self::SignInName => Some(SIGN_IN_NAME_MAX),
            // Which texts they are says more than how long they are.
            Self::Instant | Self::OneOf(_) => None,
        }
    }

    /// What the directory would refuse about a text, without repeating it.
    pub(super) fn problem(self, text: &str) -> Option<String> {
        let count = text.chars().count();
        match self {
            Self::Alias if count > ALIAS_MAX => Some(format!(
                "{count} characters; the directory takes {ALIAS_MAX} at most"
            )),
            Self::Alias
                if text
                    .chars()
                    .any(|c| !c.is_ascii() || c.is_ascii_control() || NOT_IN_ALIAS.contains(c)) =>
            {
                Some(format!(
                    "{}: a mail nickname is ASCII without spaces and {NOT_IN_ALIAS}",
                    text_shape(text)
                ))
            }
            Self::Text(max) if count > max => {
                Some(format!("{count} characters; the directory takes {max}"))
            }
            Self::OneOfList if count > PHONE_MAX => Some(format!(
                "{count} characters; the directory takes {PHONE_MAX}"
            )),
            Self::OneOf(texts) => (!texts.contains(&text))
                .then(|| format!("the directory takes {} and nothing else", texts.join(", "))),
            Self::Alias | Self::Text(_) | Self::OneOfList => None,
            Self::Instant => text.parse::<jiff::Timestamp>().is_err().then(|| {
                "not an instant; the directory takes ISO 8601 in UTC, like 2026-03-16T00:00:00Z"
                    .to_owned()
            }),
            Self::Country => {
                let fits = count == 2 && text.bytes().all(|b| b.is_ascii_uppercase());
                (!fits).then(|| "not a country code of two capital letters (ISO 3166-1)".to_owned())
            }
            Self::SignInName => sign_in_name_problem(text),
        }
    }
}

/// Rules of a user principal name: at most 113 characters, 64 before and 48 behind the `@`,
/// letters, digits and `'.-_!#^~` before it, no point just before it.
fn sign_in_name_problem(text: &str) -> Option<String> {
    let Some((local, domain)) = text.split_once('@') else {
        return Some("a sign-in name needs an `@`".to_owned());
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "'.-_!#^~".contains(c);
    if local.is_empty() || local.len() > 64 || domain.is_empty() || domain.len() > 48 {
        return Some(
            "a sign-in name has 1 to 64 characters before the `@`, 1 to 48 behind".to_owned(),
        );
    }
    if !local.chars().all(allowed) || local.ends_with('.') || local.starts_with('.') {
        return Some(
            "a sign-in name takes letters without accents, digits and '.-_!#^~ before the `@`, \
             and no point at either end"
                .to_owned(),
        );
    }
    let host = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    (!domain.chars().all(host)).then(|| "the domain of the sign-in name is no domain".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_directory_refuses_is_told_without_the_value() {
        for (name, value, refused) in [
            ("employeeId", "0123456789012345", false),
            ("employeeId", "01234567890123456", true),
            ("userType", "Employee", true),
            ("userType", "Guest", false),
            ("usageLocation", "UK1", true),
            ("usageLocation", "gb", true),
            ("usageLocation", "GB", false),
            ("employeeHireDate", "2027-11-30", true),
            ("employeeHireDate", "2026-03-16T00:00:00Z", false),
            ("userPrincipalName", "ana.ruiz@woodgrove.example", false),
            ("userPrincipalName", "ana.@woodgrove.example", true),
            ("userPrincipalName", "añа@woodgrove.example", true),
            ("userPrincipalName", "ana", true),
        ] {
            let problem = kind(name).unwrap().problem(value);
            assert_eq!(problem.is_some(), refused, "{name}: {value}");
            assert!(problem.is_none_or(|p| !p.contains(value)));
        }
    }

    #[test]
    fn a_typo_finds_its_property() {
        assert_eq!(nearest("employeID"), Some("employeeId"));
        assert_eq!(nearest("jobtitle"), Some("jobTitle"));
        assert_eq!(nearest("favouriteColour"), None);
    }
}
