//! Attributes by name: those of Microsoft's attribute reference, our own readings, and the customer's paths.
//!
//! Sources: "SAP SuccessFactors attribute reference for Microsoft Entra ID" for the names, "SAP SuccessFactors
//! integration reference" for paths and nodes. A path's `results[0]` is the chosen employment and the slice in
//! effect, since lists are put in that order first ([`crate::standing`]). Invariant: one name means one thing.

use std::collections::BTreeMap;

use rollcall_core::suggest::hint;

use crate::config::SuccessFactorsConfig;
use crate::path::{Path, Reads};
use crate::schema::{EMPLOYMENT, USER};

/// What no property says and is worked out from several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Derived {
    WorkerState,
    StartsOn,
    EndsOn,
    Rehire,
    ManagerId,
    ActiveEmployments,
    OpenEmployments,
    HostAssignment,
}

impl Derived {
    const ALL: [(&'static str, Self, &'static str); 8] = [
        (
            "WorkerState",
            Self::WorkerState,
            "active, pre_hire, on_leave, terminated or rescinded, from status and dates of all employments",
        ),
        (
            "StartsOn",
            Self::StartsOn,
            "first day of the chosen employment",
        ),
        (
            "EndsOn",
            Self::EndsOn,
            "last day of the last open employment, empty while one of them has no end; of those who left their last day",
        ),
        (
            "Rehire",
            Self::Rehire,
            "true where an earlier employment has ended",
        ),
        (
            "ManagerID",
            Self::ManagerId,
            "personIdExternal of the manager",
        ),
        (
            "ActiveEmployments",
            Self::ActiveEmployments,
            "employments with status A, U, P, S or F",
        ),
        (
            "OpenEmployments",
            Self::OpenEmployments,
            "the same and dormant ones (D)",
        ),
        (
            "HostAssignment",
            Self::HostAssignment,
            "userId of the open employment of class GA",
        ),
    ];

    fn reads(self) -> Reads {
        let mut reads = Reads::default();
        match self {
            Self::Rehire => reads.property(EMPLOYMENT, "originalStartDate"),
            Self::ManagerId => {
                reads.property(&format!("{USER}/manager/empInfo"), "personIdExternal");
            }
            Self::WorkerState
            | Self::StartsOn
            | Self::EndsOn
            | Self::ActiveEmployments
            | Self::OpenEmployments
            | Self::HostAssignment => {}
        }
        reads
    }
}

/// Where the value of an attribute comes from.
#[derive(Debug, Clone)]
pub(crate) enum From {
    Path(Path),
    Derived(Derived),
}

/// An attribute, ready to be read.
#[derive(Debug, Clone)]
pub(crate) struct Readable {
    pub(crate) from: From,
    /// Beside what every person is asked for.
    pub(crate) reads: Reads,
}

/// Under the person.
const PERSON: [&str; 6] = [
    "personIdExternal",
    "personId",
    "perPersonUuid",
    "dateOfBirth",
    "createdDateTime",
    "lastModifiedDateTime",
];
/// Under the names.
const NAMES: [&str; 6] = [
    "displayName",
    "firstName",
    "lastName",
    "middleName",
    "preferredName",
    "gender",
];
/// Under the employment.
const EMPLOYMENTS: [&str; 11] = [
    "assignmentClass",
    "assignmentIdExternal",
    "endDate",
    "firstDateWorked",
    "isContingentWorker",
    "lastDateWorked",
    "okToRehire",
    "originalStartDate",
    "seniorityDate",
    "startDate",
    "userId",
];
/// Under the log-in user.
const USERS: [&str; 15] = [
    "addressLine1",
    "addressLine2",
    "addressLine3",
    "businessPhone",
    "cellPhone",
    "city",
    "country",
    "empId",
    "homePhone",
    "jobFamily",
    "nickname",
    "state",
    "timeZone",
    "username",
    "zipCode",
];
/// Under the slice of the job.
const JOBS: [&str; 9] = [
    "countryOfCompany",
    "customString13",
    "eventReason",
    "flsaStatus",
    "fte",
    "jobTitle",
    "location",
    "managerId",
    "position",
];
/// Under the counts of terminations.
const TERMINATIONS: [&str; 2] = ["activeEmploymentsCount", "latestTerminationDate"];
/// Under the telephone.
const PHONES: [&str; 5] = [
    "areaCode",
    "countryCode",
    "extension",
    "phoneNumber",
    "phoneType",
];

/// Names that differ from the property, with their path below the job.
const BELOW_JOB: [(&str, &str); 24] = [
    ("businessUnit", "businessUnitNav.name_localized"),
    ("businessUnitId", "businessUnitNav.externalCode"),
    ("company", "companyNav.name_localized"),
    ("companyId", "companyNav.externalCode"),
    ("costCenter", "costCenterNav.name_localized"),
    (
        "costCenterDescription",
        "costCenterNav.description_localized",
    ),
    ("costCenterId", "costCenterNav.externalCode"),
    ("department", "departmentNav.name_localized"),
    ("departmentId", "departmentNav.externalCode"),
    ("division", "divisionNav.name_localized"),
    ("divisionId", "divisionNav.externalCode"),
    ("emplStatus", "emplStatusNav.externalCode"),
    ("employeeClass", "employeeClassNav.externalCode"),
    ("employmentType", "employmentTypeNav.externalCode"),
    ("jobCode", "jobCodeNav.name_localized"),
    ("jobCodeId", "jobCodeNav.externalCode"),
    ("jobEndDate", "endDate"),
    ("jobStartDate", "startDate"),
    ("LocationName", "locationNav.name"),
    (
        "officeLocationAddress",
        "locationNav.addressNavDEFLT.address1",
    ),
    ("officeLocationCity", "locationNav.addressNavDEFLT.city"),
    (
        "officeLocationCustomString4",
        "locationNav.addressNavDEFLT.customString4",
    ),
    (
        "officeLocationZipCode",
        "locationNav.addressNavDEFLT.zipCode",
    ),
    (
        "twoCharCountryCode",
        "companyNav.countryOfRegistrationNav.twoCharCountryCode",
    ),
];

/// The rest of the names, with their whole path.
const OTHERS: [(&str, &str); 8] = [
    (
        "assignmentType",
        "$.employmentNav.results[0].empGlobalAssignmentNav.assignmentTypeNav.externalCode",
    ),
    (
        "globalAssignmentDepartment",
        "$.employmentNav.results[?(@.assignmentClass == 'GA')].jobInfoNav.results[0].departmentNav.name_localized",
    ),
    (
        "manager",
        "$.employmentNav.results[0].userNav.manager.empInfo.personIdExternal",
    ),
    (
        "payGrade",
        "$.employmentNav.results[0].jobInfoNav.results[0].payGradeNav.name",
    ),
    (
        "positionCode",
        "$.employmentNav.results[0].jobInfoNav.results[0].positionNav.code",
    ),
    (
        "positionJobLevel",
        "$.employmentNav.results[0].jobInfoNav.results[0].positionNav.jobLevel",
    ),
    (
        "secondJobDepartment",
        "$.employmentNav.results[1].jobInfoNav.results[0].departmentNav.name_localized",
    ),
    ("userStatus", "$.employmentNav.results[0].userNav.status"),
];

/// Whether a documented name means a job that goes on beside the main one: its path finds one that is over as well.
pub(crate) fn is_of_now(name: &str) -> bool {
    matches!(name, "secondJobDepartment" | "globalAssignmentDepartment")
}

const EMPLOYMENT_0: &str = "$.employmentNav.results[0]";
const JOB_0: &str = "$.employmentNav.results[0].jobInfoNav.results[0]";

/// Every attribute by name, and its path.
fn paths(config: &SuccessFactorsConfig) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut put = |name: &str, path: String| {
        all.insert(name.to_owned(), path);
    };
    for (under, names) in [
        (EMPLOYMENT_0, &EMPLOYMENTS[..]),
        ("$", &PERSON[..]),
        ("$.personalInfoNav.results[0]", &NAMES[..]),
        ("$.employmentNav.results[0].userNav", &USERS[..]),
        (JOB_0, &JOBS[..]),
        ("$.personEmpTerminationInfoNav", &TERMINATIONS[..]),
    ] {
        for name in names {
            put(name, format!("{under}.{name}"));
        }
    }
    for number in 1..=15 {
        put(
            &format!("custom{number:02}"),
            format!("{EMPLOYMENT_0}.userNav.custom{number:02}"),
        );
        put(
            &format!("empNavCustomString{number}"),
            format!("{EMPLOYMENT_0}.customString{number}"),
        );
        put(
            &format!("empJobNavCustomString{number}"),
            format!("{JOB_0}.customString{number}"),
        );
    }
    for (name, path) in BELOW_JOB {
        put(name, format!("{JOB_0}.{path}"));
    }
    for (name, path) in OTHERS {
        put(name, path.to_owned());
    }
    let email = chosen("emailNav", "emailType", config.email_type.as_deref());
    put("email", format!("{email}.emailAddress"));
    put("emailAddress", format!("{email}.emailAddress"));
    put("emailType", format!("{email}.emailType"));
    let phone = chosen("phoneNav", "phoneType", config.phone_type.as_deref());
    for name in PHONES {
        put(name, format!("{phone}.{name}"));
    }
    all
}

/// The item of a list that is wanted: of a type, or the primary one.
fn chosen(list: &str, type_name: &str, code: Option<&str>) -> String {
    let test = code.map_or_else(
        || "@.isPrimary == true".to_owned(),
        |code| format!("@.{type_name} == '{code}'"),
    );
    format!("$.{list}.results[?({test})]")
}

/// All attributes of a configuration.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// Name, and where the value comes from, as text.
    named: BTreeMap<String, String>,
    /// Paths of the customer's.
    own: BTreeMap<String, String>,
}

impl Known {
    pub(crate) fn of(config: &SuccessFactorsConfig) -> Self {
        Self {
            named: paths(config),
            own: config.attributes.clone(),
        }
    }

    /// What is wrong with the customer's own.
    pub(crate) fn mistakes(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for (name, path) in &self.own {
            if self.named.contains_key(name) || Derived::ALL.iter().any(|it| it.0 == name) {
                all.push((
                    name.clone(),
                    "there is already an attribute of this name; choose another".to_owned(),
                ));
            } else if let Err(error) = read(path) {
                all.push((name.clone(), error));
            }
        }
        all
    }

    /// Name and origin of each.
    pub(crate) fn listed(&self) -> impl Iterator<Item = (&str, &str)> {
        let paths = self.named.iter().chain(&self.own);
        let paths = paths.map(|(name, path)| (name.as_str(), path.as_str()));
        paths.chain(Derived::ALL.iter().map(|(name, _, what)| (*name, *what)))
    }

    /// An attribute by name.
    ///
    /// # Errors
    /// When nobody knows it, with the nearest name; or when its path is none.
    pub(crate) fn find(&self, name: &str) -> Result<Readable, String> {
        if let Some((_, derived, _)) = Derived::ALL.iter().find(|it| it.0 == name) {
            return Ok(Readable {
                from: From::Derived(*derived),
                reads: derived.reads(),
            });
        }
        let Some(path) = self.named.get(name).or_else(|| self.own.get(name)) else {
            let hint = hint(name, self.listed().map(|it| it.0));
            return Err(format!(
                "`{name}` is no attribute of SuccessFactors that is known{hint}; one of your own goes under `attributes`"
            ));
        };
        read(path).map_err(|error| format!("`{name}`: {error}"))
    }
}

fn read(path: &str) -> Result<Readable, String> {
    let path = Path::parse(path)?;
    let reads = path.reads()?;
    Ok(Readable {
        from: From::Path(path),
        reads,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> SuccessFactorsConfig {
        toml::from_str("host = \"https://a.example\"\ncompany_id = \"x\"").unwrap()
    }

    /// Every name that we offer has a path that leads to a value.
    #[test]
    fn every_attribute_can_be_asked_for() {
        let known = Known::of(&config());
        for (name, _) in known.listed() {
            known.find(name).unwrap_or_else(|e| panic!("{e}"));
        }
        assert!(known.listed().count() > 130);
    }

    #[test]
    fn nobody_knows_a_slip_and_the_nearest_name_is_said() {
        let known = Known::of(&config());
        for (slip, name) in [
            ("jobtitle", "jobTitle"),
            ("departement", "department"),
            ("workerState", "WorkerState"),
        ] {
            let error = known.find(slip).unwrap_err();
            assert!(error.contains(&format!("`{name}`")), "{error}");
        }
    }

    #[test]
    fn the_personid_is_that_of_the_person() {
        let known = Known::of(&config());
        assert_eq!(known.named["personIdExternal"], "$.personIdExternal");
        let typed = SuccessFactorsConfig {
            email_type: Some("8448".to_owned()),
            ..config()
        };
        assert!(Known::of(&typed).named["email"].contains("@.emailType == '8448'"));
    }
}
