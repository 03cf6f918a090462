//! The schema of the instance: what it knows, and nothing else.

use std::fmt::Write as _;

/// Type of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Flag,
    Number,
    /// `Edm.DateTime`: a civil day.
    Day,
    /// `Edm.DateTimeOffset`: an instant.
    Instant,
}

impl Kind {
    const fn edm(self) -> &'static str {
        match self {
            Self::Text => "Edm.String",
            Self::Flag => "Edm.Boolean",
            Self::Number => "Edm.Int64",
            Self::Day => "Edm.DateTime",
            Self::Instant => "Edm.DateTimeOffset",
        }
    }
}

/// An entity: properties by type, and navigations: name, entity, whether to several.
pub(crate) struct Entity {
    pub(crate) name: &'static str,
    texts: &'static [&'static str],
    flags: &'static [&'static str],
    numbers: &'static [&'static str],
    days: &'static [&'static str],
    instants: &'static [&'static str],
    pub(crate) navs: &'static [(&'static str, &'static str, bool)],
}

const NAMED: [&str; 6] = [
    "externalCode",
    "name",
    "name_localized",
    "name_defaultValue",
    "description_localized",
    "status",
];

const fn foundation(
    name: &'static str,
    navs: &'static [(&'static str, &'static str, bool)],
) -> Entity {
    Entity {
        name,
        texts: &NAMED,
        flags: &[],
        numbers: &[],
        days: &["startDate", "endDate"],
        instants: &["lastModifiedDateTime"],
        navs,
    }
}

const ENTITIES: [Entity; 20] = [
    Entity {
        name: "PerPerson",
        texts: &[
            "personIdExternal",
            "personId",
            "perPersonUuid",
            "countryOfBirth",
            "lastModifiedBy",
        ],
        flags: &[],
        numbers: &[],
        days: &["dateOfBirth", "createdOn", "lastModifiedOn"],
        instants: &["createdDateTime", "lastModifiedDateTime"],
        navs: &[
            ("personalInfoNav", "PerPersonal", true),
            ("emailNav", "PerEmail", true),
            ("phoneNav", "PerPhone", true),
            ("employmentNav", "EmpEmployment", true),
            (
                "personEmpTerminationInfoNav",
                "PersonEmpTerminationInfo",
                false,
            ),
        ],
    },
    Entity {
        name: "PerPersonal",
        texts: &[
            "personIdExternal",
            "firstName",
            "middleName",
            "lastName",
            "preferredName",
            "displayName",
            "gender",
        ],
        flags: &[],
        numbers: &[],
        days: &["startDate", "endDate"],
        instants: &["lastModifiedDateTime"],
        navs: &[],
    },
    Entity {
        name: "PerEmail",
        texts: &["personIdExternal", "emailType", "emailAddress"],
        flags: &["isPrimary"],
        numbers: &[],
        days: &[],
        instants: &["lastModifiedDateTime"],
        navs: &[("emailTypeNav", "PicklistOption", false)],
    },
    Entity {
        name: "PerPhone",
        texts: &[
            "personIdExternal",
            "phoneType",
            "countryCode",
            "areaCode",
            "phoneNumber",
            "extension",
        ],
        flags: &["isPrimary"],
        numbers: &[],
        days: &[],
        instants: &["lastModifiedDateTime"],
        navs: &[("phoneTypeNav", "PicklistOption", false)],
    },
    Entity {
        name: "PersonEmpTerminationInfo",
        texts: &["personIdExternal"],
        flags: &[],
        numbers: &["activeEmploymentsCount"],
        days: &["latestTerminationDate"],
        instants: &[],
        navs: &[],
    },
    Entity {
        name: "EmpEmployment",
        texts: &[
            "personIdExternal",
            "userId",
            "assignmentIdExternal",
            "assignmentClass",
            "customString1",
        ],
        flags: &["isContingentWorker", "okToRehire"],
        numbers: &[],
        days: &[
            "startDate",
            "endDate",
            "originalStartDate",
            "firstDateWorked",
            "lastDateWorked",
            "seniorityDate",
            "lastModifiedOn",
        ],
        instants: &["lastModifiedDateTime"],
        navs: &[
            ("userNav", "User", false),
            ("jobInfoNav", "EmpJob", true),
            ("empGlobalAssignmentNav", "EmpGlobalAssignment", false),
        ],
    },
    Entity {
        name: "User",
        texts: &[
            "userId",
            "username",
            "status",
            "firstName",
            "lastName",
            "email",
            "timeZone",
            "addressLine1",
            "addressLine2",
            "addressLine3",
            "city",
            "country",
            "state",
            "zipCode",
            "businessPhone",
            "cellPhone",
            "homePhone",
            "empId",
            "jobFamily",
            "nickname",
            "custom01",
            "custom02",
        ],
        flags: &[],
        numbers: &[],
        days: &["lastModified"],
        instants: &["lastModifiedDateTime"],
        navs: &[
            ("manager", "User", false),
            ("empInfo", "EmpEmployment", false),
        ],
    },
    Entity {
        name: "EmpJob",
        texts: &[
            "userId",
            "jobTitle",
            "jobCode",
            "department",
            "division",
            "company",
            "costCenter",
            "location",
            "managerId",
            "eventReason",
            "emplStatus",
            "position",
            "countryOfCompany",
            "flsaStatus",
            "customString1",
            "customString13",
        ],
        flags: &[],
        numbers: &["seqNumber", "fte"],
        days: &["startDate", "endDate", "lastModifiedOn"],
        instants: &["lastModifiedDateTime"],
        navs: &[
            ("emplStatusNav", "PicklistOption", false),
            ("employmentTypeNav", "PicklistOption", false),
            ("employeeClassNav", "PicklistOption", false),
            ("companyNav", "FOCompany", false),
            ("departmentNav", "FODepartment", false),
            ("businessUnitNav", "FOBusinessUnit", false),
            ("divisionNav", "FODivision", false),
            ("costCenterNav", "FOCostCenter", false),
            ("locationNav", "FOLocation", false),
            ("jobCodeNav", "FOJobCode", false),
            ("payGradeNav", "FOPayGrade", false),
            ("positionNav", "Position", false),
        ],
    },
    Entity {
        name: "EmpGlobalAssignment",
        texts: &["userId", "company"],
        flags: &[],
        numbers: &[],
        days: &["startDate", "endDate"],
        instants: &[],
        navs: &[("assignmentTypeNav", "PicklistOption", false)],
    },
    Entity {
        name: "PicklistOption",
        texts: &["id", "externalCode", "status", "localeLabel"],
        flags: &[],
        numbers: &[],
        days: &[],
        instants: &[],
        navs: &[],
    },
    Entity {
        name: "Country",
        texts: &["code", "twoCharCountryCode"],
        flags: &[],
        numbers: &[],
        days: &[],
        instants: &[],
        navs: &[],
    },
    Entity {
        name: "FOCorporateAddressDEFLT",
        texts: &["address1", "city", "zipCode", "customString4"],
        flags: &[],
        numbers: &[],
        days: &[],
        instants: &[],
        navs: &[],
    },
    Entity {
        name: "Position",
        texts: &["code", "jobLevel"],
        flags: &[],
        numbers: &[],
        days: &[],
        instants: &[],
        navs: &[],
    },
    foundation(
        "FOCompany",
        &[("countryOfRegistrationNav", "Country", false)],
    ),
    foundation("FODepartment", &[]),
    foundation("FOBusinessUnit", &[]),
    foundation("FODivision", &[]),
    foundation("FOCostCenter", &[]),
    foundation(
        "FOLocation",
        &[("addressNavDEFLT", "FOCorporateAddressDEFLT", false)],
    ),
    foundation("FOJobCode", &[]),
];

/// An entity by name.
pub(crate) fn entity(name: &str) -> Option<&'static Entity> {
    if name == "FOPayGrade" {
        return entity("FOJobCode");
    }
    ENTITIES.iter().find(|it| it.name == name)
}

impl Entity {
    /// A property's type.
    pub(crate) fn property(&self, name: &str) -> Option<Kind> {
        let kinds = [
            (self.texts, Kind::Text),
            (self.flags, Kind::Flag),
            (self.numbers, Kind::Number),
            (self.days, Kind::Day),
            (self.instants, Kind::Instant),
        ];
        kinds
            .iter()
            .find(|(names, _)| names.contains(&name))
            .map(|(_, kind)| *kind)
    }

    /// A navigation: entity, and whether to several.
    pub(crate) fn nav(&self, name: &str) -> Option<(&'static Entity, bool)> {
        let (_, to, many) = self.navs.iter().find(|it| it.0 == name)?;
        Some((entity(to)?, *many))
    }

    /// All properties.
    pub(crate) fn properties(&self) -> impl Iterator<Item = (&'static str, Kind)> {
        let of = |names: &'static [&'static str], kind| names.iter().map(move |it| (*it, kind));
        of(self.texts, Kind::Text)
            .chain(of(self.flags, Kind::Flag))
            .chain(of(self.numbers, Kind::Number))
            .chain(of(self.days, Kind::Day))
            .chain(of(self.instants, Kind::Instant))
    }

    /// Whether it has slices of time.
    pub(crate) fn is_dated(&self) -> bool {
        matches!(self.name, "PerPersonal" | "EmpJob")
    }
}

/// The metadata document for some entities; all of them without names.
pub fn metadata(names: &[&str]) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<edmx:Edmx Version=\"1.0\" \
         xmlns:edmx=\"http://schemas.microsoft.com/ado/2007/06/edmx\"><edmx:DataServices \
         m:DataServiceVersion=\"2.0\" xmlns:m=\"http://schemas.microsoft.com/ado/2007/08/dataservices/metadata\">\
         <Schema Namespace=\"SFOData\" xmlns=\"http://schemas.microsoft.com/ado/2008/09/edm\" \
         xmlns:sap=\"http://www.successfactors.com/edm/sap\">",
    );
    let mut ends = String::new();
    let put = |text: std::fmt::Arguments<'_>, to: &mut String| {
        to.write_fmt(text).expect("a string grows");
    };
    for entity in ENTITIES
        .iter()
        .filter(|it| names.is_empty() || names.contains(&it.name))
    {
        put(
            format_args!("<EntityType Name=\"{}\">", entity.name),
            &mut out,
        );
        for (name, kind) in entity.properties() {
            put(
                format_args!(
                    "<Property Name=\"{name}\" Type=\"{}\" sap:label=\"{name}\"></Property>",
                    kind.edm()
                ),
                &mut out,
            );
        }
        for (nav, to, many) in entity.navs {
            let relation = format!("{}_{nav}_of_{to}", entity.name);
            put(
                format_args!(
                    "<NavigationProperty Name=\"{nav}\" Relationship=\"SFOData.{relation}\" FromRole=\"a\" ToRole=\"b\"/>"
                ),
                &mut out,
            );
            let multiplicity = if *many { "*" } else { "0..1" };
            put(
                format_args!(
                    "<Association Name=\"{relation}\"><End Type=\"SFOData.{}\" Multiplicity=\"*\" Role=\"a\"/>\
                     <End Type=\"SFOData.{to}\" Multiplicity=\"{multiplicity}\" Role=\"b\"/></Association>",
                    entity.name
                ),
                &mut ends,
            );
        }
        out.push_str("</EntityType>");
    }
    out + &ends + "</Schema></edmx:DataServices></edmx:Edmx>"
}
