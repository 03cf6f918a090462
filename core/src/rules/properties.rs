//! What rules can read of users and devices.
//!
//! Source: "Manage rules for dynamic membership groups in Microsoft Entra ID" (entra-docs,
//! identity/users/groups-dynamic-membership), supported properties.

use std::fmt;

use crate::suggest::nearest;

/// Whom a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// `user.`
    User,
    /// `device.`
    Device,
    /// `worker.`: in policy, never in a rule that Entra evaluates.
    Worker,
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Device => "device",
            Self::Worker => "worker",
        })
    }
}

/// What a property holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// True or false.
    Boolean,
    /// A date-time.
    Instant,
    /// A text.
    Text,
    /// Texts: `_` is one of them.
    Texts,
    /// `assignedPlans`.
    Plans,
    /// `memberOf`.
    Groups,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "a boolean",
            Self::Instant => "a date-time",
            Self::Text => "a text",
            Self::Texts => "a collection of texts",
            Self::Plans => "a collection of plans",
            Self::Groups => "the groups somebody is in",
        }
    }
}

/// A property that a rule reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// Whose.
    pub object: Object,
    /// Its name as the documentation writes it.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// It may be without a value.
    pub nullable: bool,
}

impl Property {
    /// The attribute of an account that it is, by the directory's own name; `None` for what is no
    /// single attribute of a user.
    ///
    /// Source: Microsoft Graph v1.0 metadata (`microsoft.graph.user`).
    pub fn attribute(&self) -> Option<String> {
        if self.object != Object::User {
            return None;
        }
        if self.name.starts_with("extensionAttribute") {
            return Some(format!("onPremisesExtensionAttributes.{}", self.name));
        }
        Some(
            match self.name.as_str() {
                "assignedPlans" | "memberOf" => return None,
                "dirSyncEnabled" => "onPremisesSyncEnabled",
                "facsimileTelephoneNumber" => "faxNumber",
                "mailNickName" => "mailNickname",
                "mobile" => "mobilePhone",
                "objectId" => "id",
                "physicalDeliveryOfficeName" => "officeLocation",
                "sipProxyAddress" => "imAddresses",
                "telephoneNumber" => "businessPhones",
                same => same,
            }
            .to_owned(),
        )
    }
}

use Kind::{Boolean, Groups, Instant, Plans, Text, Texts};

/// Name, kind, may be null.
type Row = (&'static str, Kind, bool);

const USER: &[Row] = &[
    ("accountEnabled", Boolean, false),
    ("dirSyncEnabled", Boolean, true),
    ("employeeHireDate", Instant, true),
    ("city", Text, true),
    ("country", Text, true),
    ("companyName", Text, true),
    ("department", Text, true),
    ("displayName", Text, false),
    ("employeeId", Text, true),
    ("facsimileTelephoneNumber", Text, true),
    ("givenName", Text, true),
    ("jobTitle", Text, true),
    ("mail", Text, true),
    ("mailNickName", Text, false),
    ("mobile", Text, true),
    ("objectId", Text, false),
    ("onPremisesDistinguishedName", Text, true),
    ("onPremisesSecurityIdentifier", Text, true),
    ("passwordPolicies", Text, true),
    ("physicalDeliveryOfficeName", Text, true),
    ("postalCode", Text, true),
    ("preferredLanguage", Text, true),
    ("sipProxyAddress", Text, true),
    ("state", Text, true),
    ("streetAddress", Text, true),
    ("surname", Text, true),
    ("telephoneNumber", Text, true),
    ("usageLocation", Text, true),
    ("userPrincipalName", Text, false),
    ("userType", Text, true),
    ("otherMails", Texts, true),
    ("proxyAddresses", Texts, true),
    ("assignedPlans", Plans, true),
    ("memberOf", Groups, true),
];

const DEVICE: &[Row] = &[
    ("accountEnabled", Boolean, false),
    ("isRooted", Boolean, true),
    ("deviceCategory", Text, true),
    ("deviceId", Text, false),
    ("deviceManagementAppId", Text, true),
    ("deviceManufacturer", Text, true),
    ("deviceModel", Text, true),
    ("displayName", Text, false),
    ("deviceOSType", Text, true),
    ("deviceOSVersion", Text, true),
    ("deviceOwnership", Text, true),
    ("deviceTrustType", Text, true),
    ("enrollmentProfileName", Text, true),
    ("managementType", Text, true),
    ("objectId", Text, false),
    ("profileType", Text, true),
    ("devicePhysicalIds", Texts, true),
    ("systemLabels", Texts, true),
    ("memberOf", Groups, true),
];

/// Fields of an assigned plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Field {
    /// `_`: the item itself.
    Item,
    CapabilityStatus,
    Service,
    ServicePlanId,
}

impl Field {
    pub(super) const PLAN: [Self; 3] = [Self::CapabilityStatus, Self::Service, Self::ServicePlanId];

    /// As rules write it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Item => "_",
            Self::CapabilityStatus => "capabilityStatus",
            Self::Service => "service",
            Self::ServicePlanId => "servicePlanId",
        }
    }
}

/// The property of this name, without regard to case.
pub(super) fn find(object: Object, name: &str) -> Option<Property> {
    let rows = rows(object);
    if let Some((name, kind, nullable)) = rows
        .iter()
        .find(|(known, ..)| known.eq_ignore_ascii_case(name))
    {
        return Some(Property {
            object,
            name: (*name).to_owned(),
            kind: *kind,
            nullable: *nullable,
        });
    }
    let name = extension_attribute(name).or_else(|| {
        let own = object == Object::User;
        own.then(|| directory_extension(name)).flatten()
    })?;
    Some(Property {
        object,
        name,
        kind: Text,
        nullable: true,
    })
}

const fn rows(object: Object) -> &'static [Row] {
    match object {
        Object::User => USER,
        Object::Device => DEVICE,
        Object::Worker => &[],
    }
}

/// `extensionAttribute1` to `extensionAttribute15`.
fn extension_attribute(name: &str) -> Option<String> {
    const STEM: &str = "extensionAttribute";
    let (stem, number) = name.split_at_checked(STEM.len())?;
    let known = stem.eq_ignore_ascii_case(STEM)
        && !number.starts_with('0')
        && number.bytes().all(|b| b.is_ascii_digit())
        && number.parse::<u8>().is_ok_and(|n| (1..=15).contains(&n));
    known.then(|| format!("{STEM}{number}"))
}

/// `extension_<application id without hyphens>_<name>`.
fn directory_extension(name: &str) -> Option<String> {
    let (stem, rest) = name.split_at_checked("extension_".len())?;
    let (application, own) = rest.split_once('_')?;
    let known = stem.eq_ignore_ascii_case("extension_")
        && application.len() == 32
        && application.bytes().all(|b| b.is_ascii_hexdigit())
        && !own.is_empty()
        && !own.contains('.');
    known.then(|| format!("extension_{rest}"))
}

/// Names of other languages: whose, the name there, and here.
type LookAlike = (Object, &'static str, &'static str, &'static str);

const GRAPH: &str = "that is Graph's name";
const INTUNE: &str = "that is a name of Intune filters, another language";
const CONDITIONAL_ACCESS: &str = "that is a name of Conditional Access filters, another language";

const LOOK_ALIKES: &[LookAlike] = &[
    (
        Object::User,
        "manager",
        "nobody's manager can be read",
        "Direct Reports for \"{manager id}\"",
    ),
    (Object::User, "id", GRAPH, "user.objectId"),
    (
        Object::User,
        "businessPhones",
        GRAPH,
        "user.telephoneNumber",
    ),
    (Object::User, "mobilePhone", GRAPH, "user.mobile"),
    (
        Object::User,
        "officeLocation",
        GRAPH,
        "user.physicalDeliveryOfficeName",
    ),
    (
        Object::User,
        "faxNumber",
        GRAPH,
        "user.facsimileTelephoneNumber",
    ),
    (
        Object::User,
        "onPremisesSyncEnabled",
        GRAPH,
        "user.dirSyncEnabled",
    ),
    (Object::User, "imAddresses", GRAPH, "user.sipProxyAddress"),
    (Object::Device, "id", GRAPH, "device.objectId"),
    (
        Object::Device,
        "mdmAppId",
        GRAPH,
        "device.deviceManagementAppId",
    ),
    (
        Object::Device,
        "physicalIds",
        GRAPH,
        "device.devicePhysicalIds",
    ),
    (
        Object::Device,
        "operatingSystem",
        GRAPH,
        "device.deviceOSType",
    ),
    (
        Object::Device,
        "operatingSystemVersion",
        INTUNE,
        "device.deviceOSVersion",
    ),
    (
        Object::Device,
        "osVersion",
        INTUNE,
        "device.deviceOSVersion",
    ),
    (
        Object::Device,
        "manufacturer",
        INTUNE,
        "device.deviceManufacturer",
    ),
    (Object::Device, "model", INTUNE, "device.deviceModel"),
    (Object::Device, "deviceName", INTUNE, "device.displayName"),
    (Object::Device, "cpuArchitecture", INTUNE, ""),
    (Object::Device, "operatingSystemSKU", INTUNE, ""),
    (Object::Device, "isCompliant", CONDITIONAL_ACCESS, ""),
    (
        Object::Device,
        "trustType",
        CONDITIONAL_ACCESS,
        "device.deviceTrustType",
    ),
    (
        Object::Device,
        "organizationalUnit",
        "Entra reads it no more",
        "device.deviceCategory",
    ),
    (Object::Device, "domainName", "Entra reads it no more", ""),
];

/// What somebody who wrote an unknown name may have had in mind.
pub(super) fn meant(object: Object, name: &str) -> Option<String> {
    if let Some(path) = name
        .get(..29)
        .filter(|path| path.eq_ignore_ascii_case("onPremisesExtensionAttributes"))
    {
        let own = name[path.len()..].trim_start_matches('.');
        return Some(format!("{GRAPH}; rules write {object}.{own}"));
    }
    let found = LOOK_ALIKES
        .iter()
        .find(|(whose, known, ..)| *whose == object && known.eq_ignore_ascii_case(name));
    if let Some((_, _, why, here)) = found {
        return Some(match *here {
            "" => (*why).to_owned(),
            here => format!("{why}; rules write {here}"),
        });
    }
    let near = nearest(name, rows(object).iter().map(|(name, ..)| *name))?;
    Some(format!("did you mean {object}.{near}?"))
}
