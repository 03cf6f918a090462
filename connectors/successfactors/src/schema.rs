//! The part of the OData model that paths lead through: entities, and the ways between them.
//!
//! Sources: the entity tables of "SAP SuccessFactors integration reference" (Microsoft) and the data
//! dictionary names in its queries. The instance's own `$metadata` has the last word (`check`). Invariant:
//! the tree has no circles, so that `..` ends.

/// A navigation: a way from an entity to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nav {
    /// Where it begins, as a path from the person; empty for the person.
    from: &'static str,
    /// Its name.
    pub(crate) name: &'static str,
    /// What it leads to.
    pub(crate) entity: &'static str,
    /// To several, in `results`.
    pub(crate) many: bool,
}

/// What every path begins at.
pub(crate) const ROOT: &str = "PerPerson";
/// Employments.
pub(crate) const EMPLOYMENT: &str = "employmentNav";
/// Slices of jobs.
pub(crate) const JOB: &str = "employmentNav/jobInfoNav";
/// Names.
pub(crate) const PERSONAL: &str = "personalInfoNav";
/// Log-in users.
pub(crate) const USER: &str = "employmentNav/userNav";
/// Details of an assignment abroad.
pub(crate) const ABROAD: &str = "employmentNav/empGlobalAssignmentNav";
/// What the instance has counted of terminations.
pub(crate) const TERMINATION: &str = "personEmpTerminationInfoNav";

const fn one(from: &'static str, name: &'static str, entity: &'static str) -> Nav {
    Nav {
        from,
        name,
        entity,
        many: false,
    }
}

const fn many(from: &'static str, name: &'static str, entity: &'static str) -> Nav {
    Nav {
        from,
        name,
        entity,
        many: true,
    }
}

const OPTION: &str = "PicklistOption";

const NAVS: [Nav; 30] = [
    many("", PERSONAL, "PerPersonal"),
    many("", "emailNav", "PerEmail"),
    one("emailNav", "emailTypeNav", OPTION),
    many("", "phoneNav", "PerPhone"),
    one("phoneNav", "phoneTypeNav", OPTION),
    one("", TERMINATION, "PersonEmpTerminationInfo"),
    many("", EMPLOYMENT, "EmpEmployment"),
    one(EMPLOYMENT, "userNav", "User"),
    one(USER, "manager", "User"),
    one("employmentNav/userNav/manager", "empInfo", "EmpEmployment"),
    one(EMPLOYMENT, "empGlobalAssignmentNav", "EmpGlobalAssignment"),
    one(
        "employmentNav/empGlobalAssignmentNav",
        "assignmentTypeNav",
        OPTION,
    ),
    many(EMPLOYMENT, "jobInfoNav", "EmpJob"),
    one(JOB, "emplStatusNav", OPTION),
    one(JOB, "employmentTypeNav", OPTION),
    one(JOB, "employeeClassNav", OPTION),
    one(JOB, "companyNav", "FOCompany"),
    one(
        "employmentNav/jobInfoNav/companyNav",
        "countryOfRegistrationNav",
        "Country",
    ),
    one(JOB, "departmentNav", "FODepartment"),
    one(JOB, "businessUnitNav", "FOBusinessUnit"),
    one(JOB, "divisionNav", "FODivision"),
    one(JOB, "costCenterNav", "FOCostCenter"),
    one(JOB, "locationNav", "FOLocation"),
    one(
        "employmentNav/jobInfoNav/locationNav",
        "addressNavDEFLT",
        "FOCorporateAddressDEFLT",
    ),
    one(
        "employmentNav/jobInfoNav/locationNav/addressNavDEFLT",
        "stateNav",
        OPTION,
    ),
    one(JOB, "jobCodeNav", "FOJobCode"),
    one(JOB, "payGradeNav", "FOPayGrade"),
    one(JOB, "eventReasonNav", "FOEventReason"),
    one(JOB, "positionNav", "Position"),
    one(JOB, "managerUserNav", "User"),
];

/// Entities that have fields of the customer's own, which may be picklists.
const WITH_CUSTOM: [&str; 3] = [PERSONAL, EMPLOYMENT, JOB];

/// The path of a navigation.
pub(crate) fn join(from: &str, name: &str) -> String {
    if from.is_empty() {
        name.to_owned()
    } else {
        format!("{from}/{name}")
    }
}

/// A navigation by where it begins and its name: entity, and whether to several.
pub(crate) fn nav(from: &str, name: &str) -> Option<(&'static str, bool)> {
    let known = NAVS.iter().find(|it| it.from == from && it.name == name);
    if let Some(it) = known {
        return Some((it.entity, it.many));
    }
    let digits = name.strip_prefix("customString")?.strip_suffix("Nav")?;
    let numbered = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    (numbered && WITH_CUSTOM.contains(&from)).then_some((OPTION, false))
}

/// The navigations that begin somewhere.
pub(crate) fn navs(from: &str) -> impl Iterator<Item = &'static Nav> + use<'_> {
    NAVS.iter().filter(move |it| it.from == from)
}

/// Whether a name is that of a navigation by its look.
pub(crate) fn looks_like_nav(name: &str) -> bool {
    name.ends_with("Nav") || name.contains("NavDEFLT") || NAVS.iter().any(|it| it.name == name)
}

/// The entity that a path from the person leads to, as far as it is known.
pub(crate) fn entity(path: &str) -> &'static str {
    let mut from = String::new();
    let mut found = ROOT;
    for name in path.split('/').filter(|it| !it.is_empty()) {
        let Some((entity, _)) = nav(&from, name) else {
            return found;
        };
        found = entity;
        from = join(&from, name);
    }
    found
}
