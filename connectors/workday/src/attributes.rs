//! The attributes that are known by name, and where each comes from.
//!
//! Names and paths are those of Microsoft's "Workday attribute reference" (Entra ID, app provisioning),
//! its column for web services v30.0 and later; beside them stand the short names of the same things,
//! and what no path can say because it follows from several fields and a day. Invariant: a name says
//! the same whatever else is asked for.

/// What follows from several fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Derived {
    WorkerId,
    WorkerType,
    ManagerId,
    WorkerState,
    StartsOn,
    EndsOn,
    Involuntary,
    OnLeave,
    OtherJobs,
    ProvisioningGroups,
    Transactions,
}

/// Where an attribute comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The first of these paths that comes to a node.
    Paths(&'static [&'static str]),
    /// A rule, and the rule in words.
    Rule(Derived, &'static str),
}

const WORK: &str = "wd:Usage_Data/@wd:Public='1' and string(wd:Usage_Data/wd:Type_Data/\
wd:Type_Reference/wd:ID[@wd:type='Communication_Usage_Type_ID'])='WORK'";
const UPPER: &str = "'abcdefghijklmnopqrstuvwxyz','ABCDEFGHIJKLMNOPQRSTUVWXYZ'";

/// A path with its short forms written out: `{W}`, `{E}`, `{J}`, `{S}`, `{B}`, `{A}`, `{N}`, `{C}`,
/// `{O}` are the parts of a worker, `{work}` is a work contact, `{type X}` an organisation type and
/// `{phone X}` a device.
pub(crate) fn written_out(path: &str) -> String {
    let mut text = path.to_owned();
    for kind in [
        "COMPANY",
        "SUPERVISORY",
        "COST_CENTER",
        "LOCATION_HIERARCHY",
    ] {
        let own = format!(
            "translate(string(wd:Organization_Type_Reference/\
             wd:ID[@wd:type='Organization_Type_ID']),{UPPER})='{kind}'"
        );
        text = text.replace(&format!("{{type {kind}}}"), &own);
    }
    for device in ["Landline", "Mobile", "Fax"] {
        let own = format!(
            "{WORK} and string(wd:Phone_Device_Type_Reference/\
             wd:ID[@wd:type='Phone_Device_Type_ID'])='{device}'"
        );
        text = text.replace(&format!("{{phone {device}}}"), &own);
    }
    for (short, long) in [
        ("{work}", WORK),
        ("{A}", "{B}/wd:Address_Data"),
        ("{B}", "{J}/wd:Business_Site_Summary_Data"),
        (
            "{J}",
            "{E}/wd:Worker_Job_Data[@wd:Primary_Job=1]/wd:Position_Data",
        ),
        ("{S}", "{E}/wd:Worker_Status_Data"),
        ("{N}", "{W}/wd:Personal_Data/wd:Name_Data"),
        ("{C}", "{W}/wd:Personal_Data/wd:Contact_Data"),
        (
            "{O}",
            "{W}/wd:Organization_Data/wd:Worker_Organization_Data",
        ),
        ("{E}", "{W}/wd:Employment_Data"),
        ("{W}", "wd:Worker/wd:Worker_Data"),
    ] {
        text = text.replace(short, long);
    }
    text
}

/// The attribute of a name, or of its other name.
pub(crate) fn known(name: &str) -> Option<Origin> {
    if let Some(line) = name
        .strip_prefix("AddressLine")
        .and_then(|it| it.strip_suffix("Data"))
    {
        return address_line(line);
    }
    let found = KNOWN.iter().find(|it| it.0 == name || it.1 == name);
    found.map(|it| it.2)
}

fn address_line(number: &str) -> Option<Origin> {
    let path: &'static [&'static str] = match number {
        "" => &["{A}/wd:Address_Line_Data/text()"],
        "2" => &["{A}/wd:Address_Line_Data[@wd:Type='ADDRESS_LINE_2']/text()"],
        "3" => &["{A}/wd:Address_Line_Data[@wd:Type='ADDRESS_LINE_3']/text()"],
        "4" => &["{A}/wd:Address_Line_Data[@wd:Type='ADDRESS_LINE_4']/text()"],
        "5" => &["{A}/wd:Address_Line_Data[@wd:Type='ADDRESS_LINE_5']/text()"],
        "6" => &["{A}/wd:Address_Line_Data[@wd:Type='ADDRESS_LINE_6']/text()"],
        "7" => &["{A}/wd:Address_Line_Data[@wd:Type='ADDRESS_LINE_7']/text()"],
        "8" => &["{A}/wd:Address_Line_Data[@wd:Type='ADDRESS_LINE_8']/text()"],
        "9" => &["{A}/wd:Address_Line_Data[@wd:Type='ADDRESS_LINE_9']/text()"],
        _ => return None,
    };
    Some(Origin::Paths(path))
}

/// All of them: each name, and where it comes from.
pub(crate) fn all() -> impl Iterator<Item = (&'static str, Origin)> {
    let both = KNOWN.iter().flat_map(|(name, other, origin)| {
        let other = (!other.is_empty()).then_some((*other, *origin));
        [Some((*name, *origin)), other].into_iter().flatten()
    });
    let lines = [
        "AddressLineData",
        "AddressLine2Data",
        "AddressLine3Data",
        "AddressLine4Data",
        "AddressLine5Data",
        "AddressLine6Data",
        "AddressLine7Data",
        "AddressLine8Data",
        "AddressLine9Data",
    ];
    both.chain(
        lines
            .into_iter()
            .filter_map(|it| known(it).map(|origin| (it, origin))),
    )
}

/// A status field.
macro_rules! status {
    ($element:literal) => {
        Origin::Paths(&[concat!("{S}/wd:", $element, "/text()")])
    };
}

/// A path.
macro_rules! path {
    ($($path:literal),+) => {
        Origin::Paths(&[$($path),+])
    };
}

/// Name, other name, origin.
const KNOWN: &[(&str, &str, Origin)] = &[
    (
        "WID",
        "",
        path!("wd:Worker/wd:Worker_Reference/wd:ID[@wd:type='WID']/text()"),
    ),
    (
        "WorkerID",
        "",
        Origin::Rule(
            Derived::WorkerId,
            "Worker_Data/Worker_ID; where Worker_Data is missing, the Employee_ID or \
             Contingent_Worker_ID of Worker_Reference",
        ),
    ),
    (
        "EmployeeID",
        "",
        path!("wd:Worker/wd:Worker_Reference/wd:ID[@wd:type='Employee_ID']/text()"),
    ),
    (
        "ContingentWorkerID",
        "",
        path!("wd:Worker/wd:Worker_Reference/wd:ID[@wd:type='Contingent_Worker_ID']/text()"),
    ),
    ("UserID", "", path!("{W}/wd:User_ID/text()")),
    ("UniversalID", "", path!("{W}/wd:Universal_ID/text()")),
    (
        "UserName",
        "",
        path!("{W}/wd:User_Account_Data/wd:User_Name/text()"),
    ),
    (
        "WorkerType",
        "",
        Origin::Rule(
            Derived::WorkerType,
            "Employee or Contingent_Worker, by the type of id in Worker_Reference",
        ),
    ),
    (
        "WorkerTypeDescriptor",
        "",
        path!(
            "{J}/wd:Worker_Type_Reference[wd:ID/@wd:type=\"Contingent_Worker_Type_ID\" or \
             wd:ID/@wd:type=\"Employee_Type_ID\"]/@wd:Descriptor"
        ),
    ),
    (
        "FirstName",
        "LegalFirstName",
        path!("{N}/wd:Legal_Name_Data/wd:Name_Detail_Data/wd:First_Name/text()"),
    ),
    (
        "MiddleName",
        "LegalMiddleName",
        path!("{N}/wd:Legal_Name_Data/wd:Name_Detail_Data/wd:Middle_Name/text()"),
    ),
    (
        "LastName",
        "LegalLastName",
        path!("{N}/wd:Legal_Name_Data/wd:Name_Detail_Data/wd:Last_Name/text()"),
    ),
    (
        "PreferredFirstName",
        "",
        path!("{N}/wd:Preferred_Name_Data/wd:Name_Detail_Data/wd:First_Name/text()"),
    ),
    (
        "PreferredMiddleName",
        "",
        path!("{N}/wd:Preferred_Name_Data/wd:Name_Detail_Data/wd:Middle_Name/text()"),
    ),
    (
        "PreferredLastName",
        "",
        path!("{N}/wd:Preferred_Name_Data/wd:Name_Detail_Data/wd:Last_Name/text()"),
    ),
    (
        "PreferredNameData",
        "",
        path!("{N}/wd:Preferred_Name_Data/wd:Name_Detail_Data/@wd:Formatted_Name"),
    ),
    ("BusinessTitle", "", path!("{J}/wd:Business_Title/text()")),
    ("PositionID", "", path!("{J}/wd:Position_ID/text()")),
    ("PositionTitle", "", path!("{J}/wd:Position_Title/text()")),
    (
        "WorkSpaceReference",
        "",
        path!("{J}/wd:Work_Space__Reference/@wd:Descriptor"),
    ),
    (
        "JobClassificationID",
        "",
        path!(
            "{J}/wd:Job_Classification_Summary_Data/wd:Job_Classification_Reference/\
             wd:ID[@wd:type='Job_Classification_Reference_ID']/text()"
        ),
    ),
    (
        "JobFamilyID",
        "",
        path!(
            "{J}/wd:Job_Profile_Summary_Data/wd:Job_Family_Reference/\
             wd:ID[@wd:type='Job_Family_ID']/text()"
        ),
    ),
    (
        "ManagementLevelID",
        "",
        path!(
            "{J}/wd:Job_Profile_Summary_Data/wd:Management_Level_Reference/\
             wd:ID[@wd:type=\"Management_Level_ID\"]/text()"
        ),
    ),
    (
        "SecondaryBusinessTitle",
        "",
        path!(
            "{E}/wd:Worker_Job_Data[@wd:Primary_Job=0]/wd:Position_Data/wd:Business_Title/text()"
        ),
    ),
    (
        "Company",
        "",
        path!(
            "{O}[wd:Organization_Data[{type COMPANY}]]/wd:Organization_Data/\
             wd:Organization_Name/text()"
        ),
    ),
    (
        "SupervisoryOrganization",
        "",
        path!("{O}/wd:Organization_Data[{type SUPERVISORY}]/wd:Organization_Name/text()"),
    ),
    (
        "FacilityLocation",
        "",
        path!("{O}/wd:Organization_Data[{type LOCATION_HIERARCHY}]/wd:Organization_Name/text()"),
    ),
    (
        "CostCenterName",
        "",
        path!("{O}/wd:Organization_Data[{type COST_CENTER}]/wd:Organization_Name/text()"),
    ),
    (
        "CostCenterCode",
        "",
        path!("{O}/wd:Organization_Data[{type COST_CENTER}]/wd:Organization_Code/text()"),
    ),
    (
        "ManagerID",
        "ManagerReference",
        Origin::Rule(
            Derived::ManagerId,
            "the Employee_ID or Contingent_Worker_ID of the manager of the last organisation of the \
             supervisory chain; one level up where that is the worker",
        ),
    ),
    (
        "ManagerWID",
        "",
        path!(
            "{W}/wd:Management_Chain_Data/wd:Worker_Supervisory_Management_Chain_Data[position()=1]/\
             wd:Management_Chain_Data[last()=position()]/wd:Manager_Reference/\
             wd:ID[@wd:type='WID']/text()"
        ),
    ),
    ("Municipality", "", path!("{A}/wd:Municipality/text()")),
    ("PostalCode", "", path!("{A}/wd:Postal_Code/text()")),
    (
        "CountryReference",
        "",
        path!("{A}/wd:Country_Reference/wd:ID[@wd:type='ISO_3166-1_Alpha-3_Code']/text()"),
    ),
    (
        "CountryReferenceTwoLetter",
        "CountryCode",
        path!("{A}/wd:Country_Reference/wd:ID[@wd:type='ISO_3166-1_Alpha-2_Code']/text()"),
    ),
    (
        "CountryReferenceNumeric",
        "",
        path!("{A}/wd:Country_Reference/wd:ID[@wd:type='ISO_3166-1_Numeric-3_Code']/text()"),
    ),
    (
        "CountryReferenceFriendly",
        "",
        path!("{A}/wd:Country_Reference/@wd:Descriptor"),
    ),
    (
        "CountryRegionReference",
        "",
        path!("{A}/wd:Country_Region_Descriptor/text()"),
    ),
    (
        "LocalReference",
        "",
        path!("{B}/wd:Local_Reference/wd:ID[@wd:type='Locale_ID']/text()"),
    ),
    (
        "LocationIdentifier",
        "",
        path!("{B}/wd:Location_Reference/wd:ID[@wd:type='Location_ID']/text()"),
    ),
    (
        "EmailAddress",
        "WorkEmail",
        path!("{C}/wd:Email_Address_Data[{work}]/wd:Email_Address/text()"),
    ),
    // Schemas before the newest ones have only the second of the two attributes.
    (
        "PrimaryWorkTelephone",
        "Telephone",
        path!(
            "{C}/wd:Phone_Data[{phone Landline}]/@wd:Workday_Traditional_Formatted_Phone",
            "{C}/wd:Phone_Data[{phone Landline}]/@wd:Formatted_Phone"
        ),
    ),
    (
        "Mobile",
        "",
        path!(
            "{C}/wd:Phone_Data[{phone Mobile}]/@wd:Workday_Traditional_Formatted_Phone",
            "{C}/wd:Phone_Data[{phone Mobile}]/@wd:Formatted_Phone"
        ),
    ),
    (
        "Fax",
        "",
        path!(
            "{C}/wd:Phone_Data[{phone Fax}]/@wd:Workday_Traditional_Formatted_Phone",
            "{C}/wd:Phone_Data[{phone Fax}]/@wd:Formatted_Phone"
        ),
    ),
    ("Active", "", status!("Active")),
    ("StatusHireDate", "HireDate", status!("Hire_Date")),
    (
        "StatusOriginalHireDate",
        "OriginalHireDate",
        status!("Original_Hire_Date"),
    ),
    (
        "StatusContinuousFirstDayOfWork",
        "FirstDayOfWork",
        status!("First_Day_of_Work"),
    ),
    (
        "StatusContinuousServiceDate",
        "",
        status!("Continuous_Service_Date"),
    ),
    (
        "StatusDateEnteredWorkforce",
        "",
        status!("Date_Entered_Workforce"),
    ),
    ("StatusActiveStatusDate", "", status!("Active_Status_Date")),
    ("StatusRehire", "Rehire", status!("Rehire")),
    ("StatusTerminated", "Terminated", status!("Terminated")),
    (
        "StatusTerminationDate",
        "TerminationDate",
        status!("Termination_Date"),
    ),
    (
        "StatusTerminationLastDayOfWork",
        "TerminationLastDayOfWork",
        status!("Termination_Last_Day_of_Work"),
    ),
    (
        "StatusTerminationInvoluntary",
        "TerminationInvoluntary",
        status!("Termination_Involuntary"),
    ),
    (
        "StatusRegrettableTermination",
        "",
        status!("Regrettable_Termination"),
    ),
    (
        "StatusEndEmploymentDate",
        "EndEmploymentDate",
        status!("End_Employment_Date"),
    ),
    ("StatusResignationDate", "", status!("Resignation_Date")),
    ("StatusRetired", "", status!("Retired")),
    ("StatusRetirementDate", "", status!("Retirement_Date")),
    (
        "StatusRetirementEligibilityDate",
        "",
        status!("Retirement_Eligibility_Date"),
    ),
    (
        "StatusExpectedRetirementDate",
        "",
        status!("Expected_Retirement_Date"),
    ),
    (
        "StatusProbationStartDate",
        "",
        status!("Probation_Start_Date"),
    ),
    ("StatusProbationEndDate", "", status!("Probation_End_Date")),
    ("StatusSeniorityDate", "", status!("Seniority_Date")),
    ("StatusSeveranceDate", "", status!("Severance_Date")),
    ("StatusVestingDate", "", status!("Vesting_Date")),
    (
        "StatusAcademisTenureDate",
        "",
        status!("Academic_Tenure_Date"),
    ),
    (
        "StatusBenefitsServiceDate",
        "",
        status!("Benefits_Service_Date"),
    ),
    (
        "StatusCompanyServiceDate",
        "",
        status!("Company_Service_Date"),
    ),
    (
        "StatusTimeOffServiceDate",
        "",
        status!("Time_Off_Service_Date"),
    ),
    ("StatusDaysUnemployed", "", status!("Days_Unemployed")),
    (
        "StatusMonthsContinuousPriorEmployment",
        "",
        status!("Months_Continuous_Prior_Employment"),
    ),
    // The documentation and the schema differ in one capital.
    (
        "StatusNotEligibleForHire",
        "",
        path!(
            "{S}/wd:Not_Eligible_For_Hire/text()",
            "{S}/wd:Not_Eligible_for_Hire/text()"
        ),
    ),
    (
        "StatusNotEligibleForRehire",
        "",
        status!("Not_Eligible_for_Rehire"),
    ),
    (
        "StatusHireRescinded",
        "HireRescinded",
        status!("Hire_Rescinded"),
    ),
    (
        "LeaveAbsenceType",
        "",
        path!(
            "{S}/wd:Leave_Status_Data[wd:On_Leave='1']/wd:Leave_of_Absence_Type_Reference/\
             wd:ID[@wd:type='Leave_of_Absence_Type_ID']/text()"
        ),
    ),
    (
        "LeaveStartDate",
        "",
        path!("{S}/wd:Leave_Status_Data[wd:On_Leave='1']/wd:Leave_Start_Date/text()"),
    ),
    (
        "EstimatedLeaveEndDate",
        "",
        path!("{S}/wd:Leave_Status_Data[wd:On_Leave='1']/wd:Estimated_Leave_End_Date/text()"),
    ),
    (
        "ContractEndDate",
        "",
        path!("{E}/wd:Worker_Contract_Data/wd:Contract_End_Date/text()"),
    ),
    (
        "OnLeave",
        "",
        Origin::Rule(
            Derived::OnLeave,
            "true where any Leave_Status_Data says On_Leave",
        ),
    ),
    (
        "WorkerState",
        "",
        Origin::Rule(
            Derived::WorkerState,
            "active, pre_hire, on_leave, terminated or rescinded on the day of the pull",
        ),
    ),
    (
        "StartsOn",
        "",
        Origin::Rule(
            Derived::StartsOn,
            "first day of this employment: Hire_Date, or a hire to come",
        ),
    ),
    (
        "EndsOn",
        "",
        Origin::Rule(
            Derived::EndsOn,
            "day that ends this employment, past or planned: Termination_Date, End_Employment_Date, \
             Termination_Last_Day_of_Work, Contract_End_Date or a termination to come in the \
             transaction log",
        ),
    ),
    (
        "Involuntary",
        "",
        Origin::Rule(
            Derived::Involuntary,
            "Termination_Involuntary, where the termination is of this employment",
        ),
    ),
    (
        "OtherJobs",
        "",
        Origin::Rule(
            Derived::OtherJobs,
            "JSON: PositionID and BusinessTitle of jobs beside the primary",
        ),
    ),
    (
        "ProvisioningGroups",
        "",
        Origin::Rule(
            Derived::ProvisioningGroups,
            "groups that are Assigned, with `;` between them",
        ),
    ),
    (
        "Transactions",
        "TransactionLogData",
        Origin::Rule(
            Derived::Transactions,
            "JSON: type, effective, entered and rescinded of each entry of the transaction log",
        ),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_there_once_and_written_out_whole() {
        let names: Vec<&str> = all().map(|it| it.0).collect();
        let once: std::collections::BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(names.len(), once.len());
        for (name, origin) in all() {
            assert_eq!(known(name), Some(origin), "{name}");
            if let Origin::Paths(paths) = origin {
                for path in paths {
                    assert!(!written_out(path).contains('{'), "{path}");
                }
            }
        }
    }
}
