//! Which parts of a worker `Get_Workers` is asked for: the flags of its `Response_Group`.
//!
//! Names and order are those of the schema (`Worker_Response_GroupType`). Invariant: only parts are asked
//! for that some wanted attribute reads (P11); parts that nobody mentions are off, since a request that
//! sets any flag gets nothing by default.

/// A part of `Worker_Data`, the flag that brings it, and whether every worker has it.
struct Section {
    name: &'static str,
    flag: &'static str,
    always: bool,
}

const fn section(name: &'static str, flag: &'static str, always: bool) -> Section {
    Section { name, flag, always }
}

const SECTIONS: [Section; 27] = [
    section("Personal_Data", "Include_Personal_Information", true),
    section("Employment_Data", "Include_Employment_Information", true),
    section("Compensation_Data", "Include_Compensation", false),
    section("Organization_Data", "Include_Organizations", true),
    section("Role_Data", "Include_Roles", false),
    section(
        "Management_Chain_Data",
        "Include_Management_Chain_Data",
        true,
    ),
    section(
        "Benefit_Enrollment_Data",
        "Include_Benefit_Enrollments",
        false,
    ),
    section(
        "Benefit_Eligibility_Data",
        "Include_Benefit_Eligibility",
        false,
    ),
    section("Related_Person_Data", "Include_Related_Persons", false),
    section("Qualification_Data", "Include_Qualifications", false),
    section("Employee_Review_Data", "Include_Employee_Review", false),
    section("Worker_Goal_Data", "Include_Goals", false),
    section("Development_Item_Data", "Include_Development_Items", false),
    section("Skill_Data", "Include_Skills", false),
    section("Photo_Data", "Include_Photo", false),
    section("Worker_Document_Data", "Include_Worker_Documents", false),
    section(
        "Transaction_Log_Entry_Data",
        "Include_Transaction_Log_Data",
        false,
    ),
    section(
        "Transaction_Log_Corrected_And_Rescinded_Data",
        "Include_Transaction_Log_Data",
        false,
    ),
    section(
        "Succession_Profile_Data",
        "Include_Succession_Profile",
        false,
    ),
    section("Talent_Assessment_Data", "Include_Talent_Assessment", false),
    section(
        "Employee_Contracts_Data",
        "Include_Employee_Contract_Data",
        false,
    ),
    section(
        "Extended_Employee_Contracts_Data",
        "Include_Extended_Employee_Contract_Details",
        false,
    ),
    section("Feedback_Received_Data", "Include_Feedback_Received", false),
    section("User_Account_Data", "Include_User_Account", false),
    section("Career_Data", "Include_Career", false),
    section(
        "Account_Provisioning_Data",
        "Include_Account_Provisioning",
        false,
    ),
    section(
        "Background_Check_Data",
        "Include_Background_Check_Data",
        false,
    ),
];

/// Parts of `Worker_Data` that come with every answer.
pub(crate) const ALWAYS_THERE: [&str; 3] = ["Worker_ID", "User_ID", "Universal_ID"];

/// Flags that leave organisations out, and the type that each leaves out.
const ORGANISATIONS: [(&str, &str); 22] = [
    ("Exclude_Location_Hierarchies", "LOCATION_HIERARCHY"),
    ("Exclude_Cost_Centers", "COST_CENTER"),
    ("Exclude_Cost_Center_Hierarchies", "COST_CENTER_HIERARCHY"),
    ("Exclude_Companies", "COMPANY"),
    ("Exclude_Company_Hierarchies", "COMPANY_HIERARCHY"),
    ("Exclude_Matrix_Organizations", "MATRIX"),
    ("Exclude_Pay_Groups", "PAY_GROUP"),
    ("Exclude_Regions", "REGION"),
    ("Exclude_Region_Hierarchies", "REGION_HIERARCHY"),
    ("Exclude_Supervisory_Organizations", "SUPERVISORY"),
    ("Exclude_Teams", "TEAM"),
    ("Exclude_Custom_Organizations", "CUSTOM"),
    ("Exclude_Funds", "FUND"),
    ("Exclude_Fund_Hierarchies", "FUND_HIERARCHY"),
    ("Exclude_Grants", "GRANT"),
    ("Exclude_Grant_Hierarchies", "GRANT_HIERARCHY"),
    ("Exclude_Business_Units", "BUSINESS_UNIT"),
    (
        "Exclude_Business_Unit_Hierarchies",
        "BUSINESS_UNIT_HIERARCHY",
    ),
    ("Exclude_Programs", "PROGRAM"),
    ("Exclude_Program_Hierarchies", "PROGRAM_HIERARCHY"),
    ("Exclude_Gifts", "GIFT"),
    ("Exclude_Gift_Hierarchies", "GIFT_HIERARCHY"),
];

/// All flags that are ever set, in the order of the schema.
const ORDER: [&str; 53] = [
    "Include_Reference",
    "Include_Personal_Information",
    "Include_Additional_Jobs",
    "Include_Employment_Information",
    "Include_Compensation",
    "Include_Organizations",
    "Exclude_Organization_Support_Role_Data",
    "Exclude_Location_Hierarchies",
    "Exclude_Cost_Centers",
    "Exclude_Cost_Center_Hierarchies",
    "Exclude_Companies",
    "Exclude_Company_Hierarchies",
    "Exclude_Matrix_Organizations",
    "Exclude_Pay_Groups",
    "Exclude_Regions",
    "Exclude_Region_Hierarchies",
    "Exclude_Supervisory_Organizations",
    "Exclude_Teams",
    "Exclude_Custom_Organizations",
    "Include_Roles",
    "Include_Management_Chain_Data",
    "Include_Benefit_Enrollments",
    "Include_Benefit_Eligibility",
    "Include_Related_Persons",
    "Include_Qualifications",
    "Include_Employee_Review",
    "Include_Goals",
    "Include_Development_Items",
    "Include_Skills",
    "Include_Photo",
    "Include_Worker_Documents",
    "Include_Transaction_Log_Data",
    "Include_Succession_Profile",
    "Include_Talent_Assessment",
    "Include_Employee_Contract_Data",
    "Include_Collective_Agreement_Data",
    "Include_Probation_Period_Data",
    "Include_Extended_Employee_Contract_Details",
    "Include_Feedback_Received",
    "Include_User_Account",
    "Include_Career",
    "Include_Account_Provisioning",
    "Include_Background_Check_Data",
    "Exclude_Funds",
    "Exclude_Fund_Hierarchies",
    "Exclude_Grants",
    "Exclude_Grant_Hierarchies",
    "Exclude_Business_Units",
    "Exclude_Business_Unit_Hierarchies",
    "Exclude_Programs",
    "Exclude_Program_Hierarchies",
    "Exclude_Gifts",
    "Exclude_Gift_Hierarchies",
];

/// What is wanted beyond whole parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the request by itself"
)]
pub(crate) struct Details {
    /// Jobs beside the primary one, or assignments abroad.
    pub(crate) additional_jobs: bool,
    /// Collective agreements of a position.
    pub(crate) collective_agreements: bool,
    /// Probation periods of a position.
    pub(crate) probation_periods: bool,
    /// Who supports an organisation.
    pub(crate) support_roles: bool,
    /// Types of organisations that are read; `None` is any.
    pub(crate) organisations: Option<Vec<String>>,
}

/// The flags for some parts of `Worker_Data`, in the order of the schema.
pub(crate) fn flags(sections: &[&str], details: &Details) -> Vec<&'static str> {
    let mut set = vec!["Include_Reference"];
    let wanted = SECTIONS.iter().filter(|it| sections.contains(&it.name));
    set.extend(wanted.map(|it| it.flag));
    for (is_set, flag) in [
        (details.additional_jobs, "Include_Additional_Jobs"),
        (
            details.collective_agreements,
            "Include_Collective_Agreement_Data",
        ),
        (details.probation_periods, "Include_Probation_Period_Data"),
    ] {
        if is_set {
            set.push(flag);
        }
    }
    if sections.contains(&"Organization_Data") {
        if !details.support_roles {
            set.push("Exclude_Organization_Support_Role_Data");
        }
        if let Some(types) = &details.organisations {
            let unread = |it: &&(&str, &str)| !types.iter().any(|known| known == it.1);
            set.extend(ORGANISATIONS.iter().filter(unread).map(|it| it.0));
        }
    }
    let order = ORDER.into_iter();
    order.filter(|it| set.contains(it)).collect()
}

/// Whether a part of `Worker_Data` is one that can be asked for.
pub(crate) fn is_section(name: &str) -> bool {
    ALWAYS_THERE.contains(&name) || SECTIONS.iter().any(|it| it.name == name)
}

/// Whether every worker has it, so that a missing one is not known instead of empty.
pub(crate) fn is_of_everybody(name: &str) -> bool {
    SECTIONS.iter().any(|it| it.name == name && it.always)
}

/// The parts that can be asked for.
pub(crate) fn sections() -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().map(|it| it.name)
}

/// The type of organisation that a text in a path names: `Cost Center` and `COST_CENTER` are one.
pub(crate) fn organisation(text: &str) -> Option<&'static str> {
    let upper = text.trim().to_uppercase().replace(' ', "_");
    let found = ORGANISATIONS.iter().find(|it| it.1 == upper);
    found.map(|it| it.1)
}

/// Which security domain gives the right to a part. Source: notes on elements of the schema.
pub(crate) fn domain(section: &str) -> &'static str {
    match section {
        "Personal_Data" => {
            "Worker Data: Public Worker Reports, and Person Data: Name and Work Contact Information"
        }
        "Employment_Data" => {
            "Worker Data: Current Staffing Information, Employment Data and Worker Status"
        }
        "Organization_Data" => "Worker Data: Organization Information",
        "Management_Chain_Data" => "Worker Data: Public Worker Reports",
        "Transaction_Log_Entry_Data" => {
            "Worker Data: Transaction Log (or the reports on business processes)"
        }
        "User_Account_Data" => "Workday Accounts",
        "Account_Provisioning_Data" => "External Account Provisioning",
        _ => "the domain that secures this part",
    }
}
