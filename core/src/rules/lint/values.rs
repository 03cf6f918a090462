//! Values that a property can have, where it is known which.
//!
//! Source: "Manage rules for dynamic membership groups in Microsoft Entra ID" (entra-docs,
//! identity/users/groups-dynamic-membership), supported properties and rules for devices.

use super::super::formula::{Ask, Quoted};
use super::super::properties::{Object, Property};
use super::imply::{distinct, takes};

/// What the values of a property look like.
enum Values {
    /// These and no others.
    These(&'static [&'static str]),
    /// Two letters: a country of ISO 3166.
    Country,
    /// `en`, `en-US`: a language of ISO 639-1, perhaps with more behind it.
    Language,
    /// `smtp:somebody@...`: whatever it is, a scheme stands before it.
    Schemed,
}

/// Another word for a value: what people write, and what the directory has.
type Meant = (&'static str, &'static str);

const OWNERSHIP: &[Meant] = &[
    ("Corporate", "Company"),
    ("Corporate owned", "Company"),
    ("Corp", "Company"),
    ("BYOD", "Personal"),
    ("Private", "Personal"),
];

const TRUST: &[Meant] = &[
    ("Azure AD joined", "AzureAD"),
    ("Azure AD", "AzureAD"),
    ("Microsoft Entra joined", "AzureAD"),
    ("Entra joined", "AzureAD"),
    ("Hybrid Azure AD joined", "ServerAD"),
    ("Microsoft Entra hybrid joined", "ServerAD"),
    ("Hybrid", "ServerAD"),
    ("Azure AD registered", "Workplace"),
    ("Microsoft Entra registered", "Workplace"),
    ("Registered", "Workplace"),
];

const USER_TYPE: &[Meant] = &[
    ("Members", "Member"),
    ("Guests", "Guest"),
    ("External", "Guest"),
];

const POLICIES: &[&str] = &[
    "None",
    "DisableStrongPassword",
    "DisablePasswordExpiration",
    "DisablePasswordExpiration, DisableStrongPassword",
];

fn of(property: &Property) -> Option<(Values, &'static [Meant])> {
    Some(match (property.object, property.name.as_str()) {
        (Object::Device, "deviceOwnership") => (
            Values::These(&["Personal", "Company", "Unknown"]),
            OWNERSHIP,
        ),
        (Object::Device, "deviceTrustType") => {
            (Values::These(&["AzureAD", "ServerAD", "Workplace"]), TRUST)
        }
        (Object::User, "userType") => (Values::These(&["Member", "Guest"]), USER_TYPE),
        (Object::User, "passwordPolicies") => (Values::These(POLICIES), &[]),
        (Object::User, "usageLocation") => (Values::Country, &[]),
        (Object::User, "preferredLanguage") => (Values::Language, &[]),
        (Object::User, "proxyAddresses") => (Values::Schemed, &[]),
        _ => return None,
    })
}

impl Values {
    fn has(&self, text: &str) -> bool {
        let letters = |text: &str, count: std::ops::RangeInclusive<usize>| {
            count.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphabetic())
        };
        match self {
            Self::These(values) => values.iter().any(|value| value.eq_ignore_ascii_case(text)),
            Self::Country => letters(text, 2..=2),
            Self::Language => {
                let mut parts = text.split('-');
                letters(parts.next().unwrap_or_default(), 2..=2)
                    && parts.all(|part| {
                        (2..=8).contains(&part.len())
                            && part.bytes().all(|b| b.is_ascii_alphanumeric())
                    })
            }
            Self::Schemed => text
                .split_once(':')
                .is_some_and(|(scheme, _)| !scheme.is_empty() && !scheme.contains('@')),
        }
    }
}

/// What is odd about the values a property is compared with.
pub(super) enum Odd {
    /// No value is like it.
    Never,
    /// No value is like it, and most likely this was meant.
    Meant(Ask),
}

/// Whether a comparison asks for values that the property cannot have.
pub(super) fn odd(property: &Property, ask: &Ask) -> Option<Odd> {
    let (values, meant) = of(property)?;
    match ask {
        Ask::Is(text) => {
            if values.has(&text.written) {
                return None;
            }
            Some(match instead(&text.written, &values, meant) {
                Some(text) => Odd::Meant(Ask::Is(Quoted::new(&text))),
                None => Odd::Never,
            })
        }
        Ask::In { written, .. } => {
            if written.iter().all(|text| values.has(&text.written)) {
                return None;
            }
            let mend = |text: &Quoted| {
                if values.has(&text.written) {
                    return Some(text.clone());
                }
                instead(&text.written, &values, meant).map(|text| Quoted::new(&text))
            };
            let texts: Option<Vec<Quoted>> = written.iter().map(mend).collect();
            Some(match texts {
                Some(texts) => Odd::Meant(Ask::one_of(distinct(texts))),
                None => Odd::Never,
            })
        }
        Ask::StartsWith(_) | Ask::EndsWith(_) | Ask::Contains(_) | Ask::Matches { .. } => {
            let Values::These(values) = values else {
                return None;
            };
            let some = values
                .iter()
                .any(|value| takes(ask, &value.to_ascii_lowercase()));
            (!some).then_some(Odd::Never)
        }
        Ask::Null | Ask::Flag(_) | Ask::At(..) => None,
    }
}

/// The value that was meant, as the directory writes it.
fn instead(text: &str, values: &Values, meant: &[Meant]) -> Option<String> {
    let said = meant
        .iter()
        .find(|(said, _)| said.eq_ignore_ascii_case(text));
    if let Some((_, value)) = said {
        return Some((*value).to_owned());
    }
    match values {
        Values::These(values) => {
            crate::suggest::nearest(text, values.iter().copied()).map(str::to_owned)
        }
        Values::Language => Some(text.replace('_', "-")).filter(|text| values.has(text)),
        Values::Schemed if text.contains('@') => Some(format!("smtp:{text}")),
        Values::Country | Values::Schemed => None,
    }
}
