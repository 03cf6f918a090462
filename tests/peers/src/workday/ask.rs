//! What a request asks, after the schema has been held against it.
//!
//! Names and their order are those of the public schema v30.0 (`Get_Workers_RequestType` and what it is
//! made of). A name that is not in it, or not in its place, is a validation fault, as at Workday.

use jiff::Timestamp;
use jiff::civil::Date;

use super::dom::Element;

pub(super) const BSVC: &str = "urn:com.workday/bsvc";
const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const WSSE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const PASSWORD_TEXT: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText";

/// A request that fits the schema.
#[derive(Debug, Clone)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "flags of a request, as its schema has them"
)]
pub struct Asked {
    /// `@version`.
    pub version: String,
    /// Whoever is not there is passed over.
    pub skips: bool,
    /// WIDs of `Request_References`.
    pub named: Option<Vec<String>>,
    /// Windows of `Transaction_Log_Criteria_Data`.
    pub windows: Vec<Window>,
    /// `Exclude_Employees`.
    pub exclude_employees: bool,
    /// `Exclude_Contingent_Workers`.
    pub exclude_contingent_workers: bool,
    /// `Exclude_Inactive_Workers`.
    pub exclude_inactive_workers: bool,
    /// `As_Of_Effective_Date`.
    pub day: Option<Date>,
    /// `As_Of_Entry_DateTime`.
    pub entry: Option<Timestamp>,
    /// `Page`.
    pub page: u32,
    /// `Count`.
    pub count: u32,
    /// Flags that are set.
    pub flags: Vec<String>,
}

/// A window of the transaction log.
#[derive(Debug, Clone, Copy, Default)]
pub struct Window {
    /// `Updated_From`.
    pub updated_from: Option<Timestamp>,
    /// `Updated_Through`.
    pub updated_through: Option<Timestamp>,
    /// `Effective_From`.
    pub effective_from: Option<Timestamp>,
    /// `Effective_Through`.
    pub effective_through: Option<Timestamp>,
}

/// A validation fault: what is wrong, and where in the request.
#[derive(Debug)]
pub(super) struct Invalid {
    pub(super) message: String,
    pub(super) path: String,
}

/// Name and password of the security header, if there is one.
pub(super) fn signed(envelope: &Element) -> Option<(String, String)> {
    let header = envelope.child("Header")?;
    let security = header.child("Security").filter(|it| it.namespace == WSSE)?;
    let must = security.attribute(SOAP, "mustUnderstand");
    let token = security
        .child("UsernameToken")
        .filter(|_| must == Some("1"))?;
    let password = token.child("Password")?;
    let is_text = password.attribute("", "Type") == Some(PASSWORD_TEXT);
    is_text.then(|| {
        let name = token.field("Username").unwrap_or_default();
        (name.to_owned(), password.text.clone())
    })
}

/// The request within an envelope.
pub(super) fn request(envelope: &Element) -> Option<&Element> {
    let body = (envelope.name == "Envelope" && envelope.namespace == SOAP)
        .then(|| envelope.child("Body"))??;
    body.children.first()
}

enum Kind {
    Group(&'static [(&'static str, Kind)]),
    Bool,
    Moment,
    Day,
    Number,
    /// With an attribute `type`.
    Id,
    /// In the schema, and not served here.
    Unserved,
}

const REQUEST: Kind = Kind::Group(&[
    (
        "Request_References",
        Kind::Group(&[("Worker_Reference", REFERENCE)]),
    ),
    (
        "Request_Criteria",
        Kind::Group(&[
            (
                "Transaction_Log_Criteria_Data",
                Kind::Group(&[
                    (
                        "Transaction_Date_Range_Data",
                        Kind::Group(&[
                            ("Updated_From", Kind::Moment),
                            ("Updated_Through", Kind::Moment),
                            ("Effective_From", Kind::Moment),
                            ("Effective_Through", Kind::Moment),
                        ]),
                    ),
                    ("Transaction_Type_References", Kind::Unserved),
                    ("Subscriber_Reference", Kind::Unserved),
                ]),
            ),
            ("Organization_Reference", Kind::Unserved),
            ("Country_Reference", Kind::Unserved),
            ("Include_Subordinate_Organizations", Kind::Bool),
            ("Position_Reference", Kind::Unserved),
            ("Event_Reference", Kind::Unserved),
            ("Benefit_Plan_Reference", Kind::Unserved),
            ("Field_And_Parameter_Criteria_Data", Kind::Unserved),
            ("National_ID_Criteria_Data", Kind::Unserved),
            ("Exclude_Inactive_Workers", Kind::Bool),
            ("Exclude_Employees", Kind::Bool),
            ("Exclude_Contingent_Workers", Kind::Bool),
            ("Eligibility_Criteria_Data", Kind::Unserved),
            ("Universal_ID_Reference", Kind::Unserved),
        ]),
    ),
    (
        "Response_Filter",
        Kind::Group(&[
            ("As_Of_Effective_Date", Kind::Day),
            ("As_Of_Entry_DateTime", Kind::Moment),
            ("Page", Kind::Number),
            ("Count", Kind::Number),
        ]),
    ),
    ("Response_Group", Kind::Group(&GROUP)),
]);

const REFERENCE: Kind = Kind::Group(&[("ID", Kind::Id)]);

const fn flag(name: &'static str) -> (&'static str, Kind) {
    (name, Kind::Bool)
}

/// `Worker_Response_GroupType`.
const GROUP: [(&str, Kind); 57] = [
    flag("Include_Reference"),
    flag("Include_Personal_Information"),
    flag("Include_Additional_Jobs"),
    flag("Include_Employment_Information"),
    flag("Include_Compensation"),
    flag("Include_Organizations"),
    flag("Exclude_Organization_Support_Role_Data"),
    flag("Exclude_Location_Hierarchies"),
    flag("Exclude_Cost_Centers"),
    flag("Exclude_Cost_Center_Hierarchies"),
    flag("Exclude_Companies"),
    flag("Exclude_Company_Hierarchies"),
    flag("Exclude_Matrix_Organizations"),
    flag("Exclude_Pay_Groups"),
    flag("Exclude_Regions"),
    flag("Exclude_Region_Hierarchies"),
    flag("Exclude_Supervisory_Organizations"),
    flag("Exclude_Teams"),
    flag("Exclude_Custom_Organizations"),
    flag("Include_Roles"),
    flag("Include_Management_Chain_Data"),
    flag("Include_Multiple_Managers_in_Management_Chain_Data"),
    flag("Include_Benefit_Enrollments"),
    flag("Include_Benefit_Eligibility"),
    flag("Include_Related_Persons"),
    flag("Include_Qualifications"),
    flag("Include_Employee_Review"),
    flag("Include_Goals"),
    flag("Include_Development_Items"),
    flag("Include_Skills"),
    flag("Include_Photo"),
    flag("Include_Worker_Documents"),
    flag("Include_Transaction_Log_Data"),
    flag("Include_Subevents_for_Corrected_Transaction"),
    flag("Include_Subevents_for_Rescinded_Transaction"),
    flag("Include_Succession_Profile"),
    flag("Include_Talent_Assessment"),
    flag("Include_Employee_Contract_Data"),
    flag("Include_Collective_Agreement_Data"),
    flag("Include_Probation_Period_Data"),
    flag("Include_Extended_Employee_Contract_Details"),
    flag("Include_Feedback_Received"),
    flag("Include_User_Account"),
    flag("Include_Career"),
    flag("Include_Account_Provisioning"),
    flag("Include_Background_Check_Data"),
    flag("Include_Contingent_Worker_Tax_Authority_Form_Information"),
    flag("Exclude_Funds"),
    flag("Exclude_Fund_Hierarchies"),
    flag("Exclude_Grants"),
    flag("Exclude_Grant_Hierarchies"),
    flag("Exclude_Business_Units"),
    flag("Exclude_Business_Unit_Hierarchies"),
    flag("Exclude_Programs"),
    flag("Exclude_Program_Hierarchies"),
    flag("Exclude_Gifts"),
    flag("Exclude_Gift_Hierarchies"),
];
/// May occur several times.
const REPEATED: [&str; 3] = ["Worker_Reference", "ID", "Transaction_Log_Criteria_Data"];

/// Holds the schema against an element.
fn fits(element: &Element, kind: &Kind, path: &str) -> Result<(), Invalid> {
    let invalid = |message: &str| Invalid {
        message: message.to_owned(),
        path: path.to_owned(),
    };
    if element.namespace != BSVC {
        return Err(invalid("Invalid namespace."));
    }
    let text = element.text.trim();
    let leaf = |is: bool| {
        if is && element.children.is_empty() {
            Ok(())
        } else {
            Err(invalid("Invalid value."))
        }
    };
    match kind {
        Kind::Bool => leaf(matches!(text, "0" | "1" | "true" | "false")),
        Kind::Number => leaf(text.parse::<u32>().is_ok()),
        Kind::Moment => leaf(text.parse::<Timestamp>().is_ok()),
        Kind::Day => leaf(text.get(..10).is_some_and(|it| it.parse::<Date>().is_ok())),
        Kind::Id => {
            let kind = element.attribute(BSVC, "type");
            leaf(
                kind.is_some_and(|it| ["WID", "Employee_ID", "Contingent_Worker_ID"].contains(&it)),
            )
        }
        Kind::Unserved => Err(invalid(
            "This criterion is not served by the simulated tenant.",
        )),
        Kind::Group(parts) => {
            if !text.is_empty() {
                return Err(invalid("Invalid value."));
            }
            let mut at = 0;
            let mut before = "";
            for child in &element.children {
                let path = format!("{path}/ns0:{}[1]", child.name);
                let again = before == child.name;
                if again && !REPEATED.contains(&before) {
                    return Err(invalid(&format!("Element {before} occurs twice.")));
                }
                let from = if again { at - 1 } else { at };
                let found = parts[from..].iter().position(|it| it.0 == child.name);
                let Some(found) = found else {
                    return Err(Invalid {
                        message: "Element is not expected here.".to_owned(),
                        path,
                    });
                };
                at = from + found + 1;
                fits(child, &parts[at - 1].1, &path)?;
                before = &child.name;
            }
            Ok(())
        }
    }
}

/// Reads a request.
pub(super) fn read(request: &Element) -> Result<Asked, Invalid> {
    let root = "/ns0:Get_Workers_Request[1]";
    let invalid = |message: &str, path: &str| Invalid {
        message: message.to_owned(),
        path: format!("{root}{path}"),
    };
    if request.name != "Get_Workers_Request" {
        return Err(invalid("Invalid operation.", ""));
    }
    fits(request, &REQUEST, root)?;
    let version = request.attribute(BSVC, "version").unwrap_or_default();
    let references = request.child("Request_References");
    let criteria = request.child("Request_Criteria");
    if references.is_some() && criteria.is_some() {
        let message = "Request_References and Request_Criteria exclude each other.";
        return Err(invalid(message, "/ns0:Request_Criteria[1]"));
    }
    let named = references.map(|it| {
        let all = it.children.iter().filter_map(|it| it.field("ID"));
        all.map(str::to_owned).collect::<Vec<_>>()
    });
    let is_set = |name| {
        let field = criteria.and_then(|it| it.field(name));
        matches!(field, Some("1" | "true"))
    };
    let windows = criteria.map_or(Vec::new(), |it| {
        let all = it.children.iter();
        let all = all.filter(|it| it.name == "Transaction_Log_Criteria_Data");
        let all = all.filter_map(|it| it.child("Transaction_Date_Range_Data"));
        all.map(window).collect()
    });
    let filter = request.child("Response_Filter");
    let field = |name| filter.and_then(|it| it.field(name));
    let number = |name, default| field(name).map_or(Some(default), |it| it.parse().ok());
    let page = number("Page", 1).unwrap_or(0);
    let count = number("Count", 100).unwrap_or(0);
    if page == 0 {
        let path = "/ns0:Response_Filter[1]/ns0:Page[1]";
        return Err(invalid("Page number cannot be zero.", path));
    }
    if !(1..=999).contains(&count) {
        let path = "/ns0:Response_Filter[1]/ns0:Count[1]";
        return Err(invalid("Count must be between 1 and 999.", path));
    }
    let flags = request.child("Response_Group").map_or(Vec::new(), |it| {
        let set = it.children.iter();
        let set = set.filter(|it| matches!(it.text.trim(), "1" | "true"));
        set.map(|it| it.name.clone()).collect()
    });
    let excludes = |it: &String| it.starts_with("Exclude_");
    if flags.iter().any(excludes) && !flags.iter().any(|it| it == "Include_Organizations") {
        let message = "Exclusions need Include_Organizations.";
        return Err(invalid(message, "/ns0:Response_Group[1]"));
    }
    Ok(Asked {
        version: version.to_owned(),
        named,
        skips: references.is_some_and(|it| {
            let skips = it.attribute(BSVC, "Skip_Non_Existing_Instances");
            matches!(skips, Some("1" | "true"))
        }),
        windows,
        exclude_employees: is_set("Exclude_Employees"),
        exclude_contingent_workers: is_set("Exclude_Contingent_Workers"),
        exclude_inactive_workers: is_set("Exclude_Inactive_Workers"),
        day: field("As_Of_Effective_Date").and_then(|it| it.get(..10)?.parse().ok()),
        entry: field("As_Of_Entry_DateTime").and_then(|it| it.parse().ok()),
        page,
        count,
        flags,
    })
}

fn window(range: &Element) -> Window {
    let moment = |name| range.field(name).and_then(|it| it.parse().ok());
    Window {
        updated_from: moment("Updated_From"),
        updated_through: moment("Updated_Through"),
        effective_from: moment("Effective_From"),
        effective_through: moment("Effective_Through"),
    }
}
