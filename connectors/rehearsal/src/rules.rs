//! What the directory asks of a user beyond the metadata.
//!
//! Sources: "user resource type", "Create user", "Update user" (learn.microsoft.com/graph/api)
//! and "Password policies" (MicrosoftDocs/entra-docs, concept-sspr-policy.md). Lengths count
//! characters. Invariant: no rule is softer than its source.

use serde_json::{Map, Value as Json};

use crate::body::read_only;
use crate::refusal::Refusal;

/// Longest text per property.
const LENGTHS: [(&str, usize); 16] = [
    ("city", 128),
    ("companyName", 64),
    ("country", 128),
    ("department", 64),
    ("displayName", 256),
    ("employeeId", 16),
    ("givenName", 64),
    ("jobTitle", 128),
    ("mailNickname", 64),
    ("mobilePhone", 64),
    ("officeLocation", 128),
    ("postalCode", 40),
    ("state", 128),
    ("streetAddress", 1024),
    ("surname", 64),
    ("userPrincipalName", 113),
];

const EXTENSION_ATTRIBUTE: usize = 1024;
const OTHER_MAILS: usize = 250;
const OTHER_MAIL: usize = 250;

/// Set by the service, by its own operations or by synchronisation only.
const READ_ONLY: [&str; 27] = [
    "assignedLicenses",
    "assignedPlans",
    "createdDateTime",
    "creationType",
    "deletedDateTime",
    "externalUserState",
    "externalUserStateChangeDateTime",
    "id",
    "identityParentId",
    "imAddresses",
    "isManagementRestricted",
    "lastPasswordChangeDateTime",
    "legalAgeGroupClassification",
    "licenseAssignmentStates",
    "mailboxSettings",
    "onPremisesDistinguishedName",
    "onPremisesDomainName",
    "onPremisesLastSyncDateTime",
    "onPremisesSamAccountName",
    "onPremisesSecurityIdentifier",
    "onPremisesSyncEnabled",
    "onPremisesUserPrincipalName",
    "provisionedPlans",
    "proxyAddresses",
    "securityIdentifier",
    "signInActivity",
    "signInSessionsValidFromDateTime",
];

/// Can be changed but not taken away.
const NOT_CLEARABLE: [&str; 7] = [
    "accountEnabled",
    "displayName",
    "mail",
    "mailNickname",
    "passwordProfile",
    "usageLocation",
    "userPrincipalName",
];

const REQUIRED: [&str; 5] = [
    "accountEnabled",
    "displayName",
    "mailNickname",
    "userPrincipalName",
    "passwordProfile",
];

/// ISO 3166-1 alpha-2.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ \
BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ \
DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT \
GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY \
KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX \
MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS \
RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN \
TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// Checks the body of a create, whose members are known to fit the metadata.
///
/// # Errors
/// 400 that names the property.
pub(crate) fn create(body: &Map<String, Json>, domains: &[String]) -> Result<(), Refusal> {
    for name in REQUIRED {
        if body.get(name).is_none_or(Json::is_null) {
            return Err(Refusal::invalid(
                name,
                "A value is required to create a user.",
            ));
        }
    }
    if body["passwordProfile"]
        .get("password")
        .is_none_or(Json::is_null)
    {
        let why = "A value is required to create a user.";
        return Err(Refusal::invalid("passwordProfile/password", why));
    }
    // `null` is allowed here where it says nothing.
    let said = body.iter().filter(|(_, value)| !value.is_null());
    said.into_iter()
        .try_for_each(|(name, value)| property(name, value, domains))
}

/// Checks the body of an update, whose members are known to fit the metadata.
///
/// # Errors
/// 400 that names the property.
pub(crate) fn update(body: &Map<String, Json>, domains: &[String]) -> Result<(), Refusal> {
    for (name, value) in body {
        if value.is_null() && NOT_CLEARABLE.contains(&name.as_str()) {
            return Err(Refusal::invalid(name, "The value cannot be cleared."));
        }
        if name.contains("@odata.bind") {
            return Err(Refusal::bad(format!("Invalid annotation '{name}'.")));
        }
        property(name, value, domains)?;
    }
    Ok(())
}

fn property(name: &str, value: &Json, domains: &[String]) -> Result<(), Refusal> {
    if READ_ONLY.contains(&name) {
        return Err(read_only(name));
    }
    not_empty(name, value)?;
    let text = value.as_str();
    let limit = LENGTHS.iter().find(|(known, _)| *known == name);
    if let (Some((_, limit)), Some(text)) = (limit, text) {
        at_most(name, text, *limit)?;
    }
    let refuse = |why: &str| Err(Refusal::invalid(name, why));
    match (name, text) {
        ("userPrincipalName", Some(text)) => sign_in_name(text, domains),
        ("usageLocation", Some(text)) if !is_country(text) => {
            refuse("A two-letter country code of ISO 3166 is expected.")
        }
        ("preferredLanguage", Some(text)) if !is_language(text) => {
            refuse("A language code of ISO 639-1 is expected.")
        }
        ("userType", Some(text)) if !matches!(text, "Member" | "Guest") => {
            refuse("The value is neither Member nor Guest.")
        }
        ("onPremisesImmutableId", Some(text)) if text.contains(['$', '_']) => {
            refuse("The characters $ and _ cannot be used.")
        }
        ("mail", Some(text)) if !text.is_ascii() => refuse("Accents cannot be used."),
        ("businessPhones", _) if value.as_array().is_some_and(|all| all.len() > 1) => {
            refuse("Only one number can be set.")
        }
        ("otherMails", _) => other_mails(value),
        ("onPremisesExtensionAttributes", _) => {
            let members = value.as_object().into_iter().flatten();
            members
                .filter_map(|(member, value)| Some((member, value.as_str()?)))
                .try_for_each(|(member, text)| {
                    at_most(&format!("{name}/{member}"), text, EXTENSION_ATTRIBUTE)
                })
        }
        ("passwordProfile", _) => match value.get("password").and_then(Json::as_str) {
            Some(password) => complex_enough(password),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// The empty text is refused wherever it stands; a property is cleared with `null`.
fn not_empty(path: &str, value: &Json) -> Result<(), Refusal> {
    match value {
        Json::String(text) if text.is_empty() => {
            Err(Refusal::invalid(path, "The value must not be empty."))
        }
        Json::Array(items) => items.iter().try_for_each(|item| not_empty(path, item)),
        Json::Object(members) => members
            .iter()
            .try_for_each(|(member, value)| not_empty(&format!("{path}/{member}"), value)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Ok(()),
    }
}

fn at_most(path: &str, text: &str, limit: usize) -> Result<(), Refusal> {
    if text.chars().count() <= limit {
        return Ok(());
    }
    Err(Refusal::invalid(
        path,
        &format!("At most {limit} characters are allowed."),
    ))
}

fn sign_in_name(text: &str, domains: &[String]) -> Result<(), Refusal> {
    let refuse = |why: &str| Err(Refusal::invalid("userPrincipalName", why));
    let Some((local, domain)) = text.split_once('@') else {
        return refuse("The form is name@domain.");
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "'.-_!#^~".contains(c);
    if local.is_empty() || !local.chars().all(allowed) || local.ends_with('.') {
        return refuse("The part before @ has characters that are not allowed there.");
    }
    if local.len() > 64 || domain.len() > 48 {
        return refuse("At most 64 characters are allowed before @ and 48 after it.");
    }
    if !domains
        .iter()
        .any(|verified| verified.eq_ignore_ascii_case(domain))
    {
        let message = "The domain portion of the userPrincipalName property is invalid. You must \
                       use one of the verified domain names in your organization.";
        let mut refusal = Refusal::invalid("userPrincipalName", "");
        message.clone_into(&mut refusal.message);
        return Err(refusal);
    }
    Ok(())
}

fn is_country(text: &str) -> bool {
    text.len() == 2
        && COUNTRIES
            .split(' ')
            .any(|known| known.eq_ignore_ascii_case(text))
}

/// Two letters, with subtags or without (`en`, `en-US`).
fn is_language(text: &str) -> bool {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    language.len() == 2
        && language.bytes().all(|b| b.is_ascii_alphabetic())
        && parts.all(|p| (2..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn other_mails(value: &Json) -> Result<(), Refusal> {
    let items = value.as_array().map_or(&[][..], Vec::as_slice);
    if items.len() > OTHER_MAILS {
        return Err(Refusal::invalid(
            "otherMails",
            "At most 250 values are allowed.",
        ));
    }
    items.iter().filter_map(Json::as_str).try_for_each(|mail| {
        if !mail.is_ascii() {
            return Err(Refusal::invalid("otherMails", "Accents cannot be used."));
        }
        at_most("otherMails", mail, OTHER_MAIL)
    })
}

fn complex_enough(password: &str) -> Result<(), Refusal> {
    let has = |class: fn(&u8) -> bool| usize::from(password.bytes().any(|b| class(&b)));
    let classes = has(u8::is_ascii_lowercase)
        + has(u8::is_ascii_uppercase)
        + has(u8::is_ascii_digit)
        + has(|b| b.is_ascii_punctuation() || *b == b' ');
    let printable = password.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if printable && (8..=256).contains(&password.len()) && classes >= 3 {
        return Ok(());
    }
    let mut refusal = Refusal::bad(
        "The specified password does not comply with password complexity requirements. Please \
         provide a different password.",
    );
    let target = "passwordProfile/password".to_owned();
    refusal.details = vec![crate::refusal::Detail {
        code: "InvalidValue",
        target,
    }];
    Err(refusal)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn domains() -> Vec<String> {
        vec!["woodgrove.example".to_owned(), "second.example".to_owned()]
    }

    /// What the refusal is about; `None` when there is none.
    fn refused(result: Result<(), Refusal>) -> Option<String> {
        let refusal = result.err()?;
        assert_eq!(
            (refusal.status.as_u16(), refusal.code),
            (400, "Request_BadRequest")
        );
        Some(
            refusal
                .details
                .first()
                .map_or(refusal.message, |d| d.target.clone()),
        )
    }

    fn patch(body: &Json) -> Option<String> {
        refused(update(body.as_object().unwrap(), &domains()))
    }

    /// At the limit it passes, one more is refused; characters count, not bytes.
    #[test]
    fn lengths() {
        let table = [
            ("displayName", 256),
            ("givenName", 64),
            ("surname", 64),
            ("mailNickname", 64),
            ("jobTitle", 128),
            ("department", 64),
            ("companyName", 64),
            ("employeeId", 16),
            ("city", 128),
            ("country", 128),
            ("mobilePhone", 64),
            ("state", 128),
            ("postalCode", 40),
            ("streetAddress", 1024),
            ("officeLocation", 128),
        ];
        for (name, limit) in table {
            assert_eq!(patch(&json!({name: "ü".repeat(limit)})), None, "{name}");
            let long = json!({name: "ü".repeat(limit + 1)});
            assert_eq!(patch(&long).as_deref(), Some(name), "{name}");
        }
        let ext =
            |n| json!({"onPremisesExtensionAttributes": {"extensionAttribute7": "x".repeat(n)}});
        assert_eq!(patch(&ext(1024)), None);
        let path = "onPremisesExtensionAttributes/extensionAttribute7";
        assert_eq!(patch(&ext(1025)).as_deref(), Some(path));
    }

    #[test]
    fn sign_in_names() {
        let long = |local: usize| format!("{}@woodgrove.example", "a".repeat(local));
        for good in [
            "mira@woodgrove.example",
            "o'neil.a-b_c!#^~1@SECOND.example",
            &long(64),
        ] {
            assert_eq!(patch(&json!({"userPrincipalName": good})), None, "{good}");
        }
        let bad = [
            "mira",
            "@woodgrove.example",
            "mira@",
            "mira@elsewhere.example",
            "mira@x@woodgrove.example",
            "mira.@woodgrove.example",
            "mi ra@woodgrove.example",
            "mïra@woodgrove.example",
            "$mira@woodgrove.example",
            &long(65),
        ];
        for bad in bad {
            let refused = patch(&json!({"userPrincipalName": bad}));
            assert_eq!(refused.as_deref(), Some("userPrincipalName"), "{bad}");
        }
    }

    /// Body of an update → the property that is refused.
    #[test]
    fn values() {
        let table = [
            (json!({"usageLocation": "DE"}), None),
            (json!({"usageLocation": "UK"}), Some("usageLocation")),
            (json!({"usageLocation": "DEU"}), Some("usageLocation")),
            (json!({"usageLocation": null}), Some("usageLocation")),
            (json!({"preferredLanguage": "de"}), None),
            (json!({"preferredLanguage": "en-US"}), None),
            (
                json!({"preferredLanguage": "german"}),
                Some("preferredLanguage"),
            ),
            (
                json!({"preferredLanguage": "en_US"}),
                Some("preferredLanguage"),
            ),
            (json!({"userType": "Guest"}), None),
            (json!({"userType": "Contractor"}), Some("userType")),
            (json!({"businessPhones": ["1"]}), None),
            (
                json!({"businessPhones": ["1", "2"]}),
                Some("businessPhones"),
            ),
            (json!({"businessPhones": [""]}), Some("businessPhones")),
            (json!({"otherMails": ["a@b.example"]}), None),
            (json!({"otherMails": ["ä@b.example"]}), Some("otherMails")),
            (
                json!({"otherMails": vec!["a@b.example"; 251]}),
                Some("otherMails"),
            ),
            (json!({"otherMails": ["a".repeat(251)]}), Some("otherMails")),
            (json!({"mail": "ä@b.example"}), Some("mail")),
            (json!({"mail": null}), Some("mail")),
            (
                json!({"onPremisesImmutableId": "a_b"}),
                Some("onPremisesImmutableId"),
            ),
            (
                json!({"onPremisesImmutableId": "a$b"}),
                Some("onPremisesImmutableId"),
            ),
            (json!({"displayName": null}), Some("displayName")),
            (json!({"accountEnabled": null}), Some("accountEnabled")),
            (
                json!({"userPrincipalName": null}),
                Some("userPrincipalName"),
            ),
            (json!({"mailNickname": null}), Some("mailNickname")),
            (json!({"jobTitle": null}), None),
            (json!({"jobTitle": ""}), Some("jobTitle")),
            (
                json!({"employeeOrgData": {"division": ""}}),
                Some("employeeOrgData/division"),
            ),
        ];
        for (body, expected) in table {
            assert_eq!(patch(&body).as_deref(), expected, "{body}");
        }
        for name in READ_ONLY {
            let message = patch(&json!({name: "x"})).unwrap();
            assert!(
                message.contains(name) && message.contains("read-only"),
                "{message}"
            );
        }
        assert!(
            patch(&json!({"manager@odata.bind": "x"}))
                .unwrap()
                .contains("annotation")
        );
    }

    #[test]
    fn passwords() {
        let table = [
            ("Abcdefg1", true),
            ("abcdefg 1", true),
            ("ABCDEFG1!", true),
            ("Abcdef1", false),
            ("abcdefgh1", false),
            ("ABCDEFGH!", false),
            ("Abcdefg1ü", false),
            ("Abcdefg1\t", false),
            (&format!("Aa1{}", "x".repeat(253)), true),
            (&format!("Aa1{}", "x".repeat(254)), false),
        ];
        for (password, good) in table {
            let refused = patch(&json!({"passwordProfile": {"password": password}}));
            let expected = (!good).then_some("passwordProfile/password");
            assert_eq!(refused.as_deref(), expected, "{password}");
        }
        assert_eq!(
            patch(&json!({"passwordProfile": {"forceChangePasswordNextSignIn": true}})),
            None
        );
    }

    /// Each required member, missing and null.
    #[test]
    fn a_create_needs_its_members() {
        let body = json!({
            "accountEnabled": false, "displayName": "Mira North", "mailNickname": "mira",
            "userPrincipalName": "mira@woodgrove.example", "jobTitle": null,
            "passwordProfile": {"password": "Abcdefg1"},
        });
        let new = |body: &Json| refused(create(body.as_object().unwrap(), &domains()));
        assert_eq!(new(&body), None);
        for name in REQUIRED {
            let mut without = body.clone();
            without.as_object_mut().unwrap().remove(name);
            assert_eq!(new(&without).as_deref(), Some(name));
            without[name] = Json::Null;
            assert_eq!(new(&without).as_deref(), Some(name));
        }
        let mut without = body.clone();
        without["passwordProfile"] = json!({"forceChangePasswordNextSignIn": true});
        assert_eq!(new(&without).as_deref(), Some("passwordProfile/password"));
        let mut id = body.clone();
        id["id"] = json!("5f3a09c1-0000-4000-8000-000000000001");
        assert!(new(&id).unwrap().contains("read-only"));
    }
}
