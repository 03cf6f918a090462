//! A worker as `Get_Workers` writes one: only the parts that the flags ask for, in the order of the schema.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use super::ask::Window;
use super::people::{self, Person, Process, Seen, wid};
use super::{Trouble, escape};
use crate::{Kind, Standing};

/// What a worker is written with.
pub(super) struct Pen<'a> {
    pub(super) flags: &'a [String],
    pub(super) troubles: &'a [Trouble],
    pub(super) entry: Timestamp,
    /// Only what falls into one of these is in the log; everything where there are none.
    pub(super) windows: &'a [Window],
    /// Everybody, by worker id, for chains of managers.
    pub(super) all: &'a BTreeMap<String, Seen<'a>>,
}

/// Dates carry the offset of the tenant.
fn date(day: Date) -> String {
    let offset = if (4..=10).contains(&day.month()) {
        "-07:00"
    } else {
        "-08:00"
    };
    format!("{day}{offset}")
}

struct Out<'a>(&'a mut String);

impl Out<'_> {
    fn open(&mut self, name: &str) {
        write!(self.0, "<wd:{name}>").expect("a string");
    }

    fn close(&mut self, name: &str) {
        write!(self.0, "</wd:{name}>").expect("a string");
    }

    fn leaf(&mut self, name: &str, text: &str) {
        let text = escape(text);
        write!(self.0, "<wd:{name}>{text}</wd:{name}>").expect("a string");
    }

    fn reference(&mut self, name: &str, descriptor: &str, ids: &[(&str, &str)]) {
        let descriptor = escape(descriptor);
        write!(self.0, "<wd:{name} wd:Descriptor=\"{descriptor}\">").expect("a string");
        write!(
            self.0,
            "<wd:ID wd:type=\"WID\">{}</wd:ID>",
            wid(&format!("{name}{ids:?}"))
        )
        .expect("a string");
        self.ids(ids);
        self.close(name);
    }

    fn ids(&mut self, ids: &[(&str, &str)]) {
        for (kind, id) in ids {
            let id = escape(id);
            write!(self.0, "<wd:ID wd:type=\"{kind}\">{id}</wd:ID>").expect("a string");
        }
    }

    fn person(&mut self, name: &str, who: &Seen<'_>, with_id: bool) {
        let full = escape(&format!("{} {}", who.worker.first, who.worker.last));
        write!(self.0, "<wd:{name} wd:Descriptor=\"{full}\">").expect("a string");
        self.ids(&[("WID", &who.person.wid)]);
        let kind = match who.worker.kind {
            Kind::Employee => "Employee_ID",
            Kind::Contingent => "Contingent_Worker_ID",
        };
        if with_id {
            self.ids(&[(kind, &who.worker.id)]);
        }
        self.close(name);
    }
}

/// Both spellings of a truth occur at Workday, even within one answer.
fn truth(is: bool, id: &str) -> &'static str {
    match (is, id.bytes().map(usize::from).sum::<usize>() % 3) {
        (true, 0) => "true",
        (true, _) => "1",
        (false, 0) => "false",
        (false, _) => "0",
    }
}

impl Pen<'_> {
    fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|it| it == flag)
    }

    /// Whether nobody, or not this one, may be seen with a part.
    fn withheld(&self, section: &str, id: &str) -> bool {
        self.troubles.iter().any(|it| {
            matches!(it, Trouble::WithoutSection(name) if *name == section)
                || matches!(it, Trouble::WithoutSectionFor(name, who)
                    if *name == section && who == id)
        })
    }

    /// Writes a worker.
    pub(super) fn worker(&self, out: &mut String, who: &Seen<'_>) {
        let mut out = Out(out);
        let worker = who.worker;
        out.open("Worker");
        if self.has("Include_Reference") {
            out.person("Worker_Reference", who, true);
        }
        out.leaf(
            "Worker_Descriptor",
            &format!("{} {}", worker.first, worker.last),
        );
        let hidden = self.troubles.iter();
        let is_hidden = hidden
            .clone()
            .any(|it| matches!(it, Trouble::WithoutData(id) if *id == worker.id));
        if !is_hidden {
            out.open("Worker_Data");
            out.leaf("Worker_ID", &worker.id);
            if !who.is_shell {
                out.leaf("User_ID", &worker.user_name);
            }
            for (section, flag) in SECTIONS {
                if !self.has(flag) || self.withheld(section, &worker.id) {
                    continue;
                }
                match section {
                    "Personal_Data" => personal(&mut out, who),
                    "Employment_Data" => employment(&mut out, who),
                    "Organization_Data" => self.organisations(&mut out, who),
                    "Management_Chain_Data" => self.chain(&mut out, who),
                    "Transaction_Log_Entry_Data" => self.log(&mut out, who),
                    _ => account(&mut out, who),
                }
            }
            out.close("Worker_Data");
        }
        out.close("Worker");
    }

    fn organisations(&self, out: &mut Out<'_>, who: &Seen<'_>) {
        if who.is_shell {
            return;
        }
        let worker = who.worker;
        let (code, name) = &worker.department;
        let company = &worker.company;
        out.open("Organization_Data");
        let all = [
            (
                "SUPERVISORY",
                "Exclude_Supervisory_Organizations",
                code,
                name,
            ),
            ("COMPANY", "Exclude_Companies", &company.0, &company.1),
            (
                "COST_CENTER",
                "Exclude_Cost_Centers",
                &worker.cost_center,
                &worker.cost_center,
            ),
        ];
        for (kind, excluded, code, name) in all {
            if self.has(excluded) {
                continue;
            }
            out.open("Worker_Organization_Data");
            out.reference(
                "Organization_Reference",
                name,
                &[("Organization_Reference_ID", code)],
            );
            out.open("Organization_Data");
            out.leaf("Organization_Code", code);
            out.leaf("Organization_Name", name);
            // Descriptors are translated; ids are not.
            out.reference(
                "Organization_Type_Reference",
                "Kind",
                &[("Organization_Type_ID", kind)],
            );
            out.close("Organization_Data");
            out.close("Worker_Organization_Data");
        }
        out.close("Organization_Data");
    }

    fn chain(&self, out: &mut Out<'_>, who: &Seen<'_>) {
        if who.is_shell {
            return;
        }
        let mut above: Vec<&Seen<'_>> = Vec::new();
        let mut next = who.worker.manager.as_ref();
        while let Some(manager) = next.and_then(|it| self.all.get(it)) {
            above.push(manager);
            next = manager.worker.manager.as_ref().filter(|_| above.len() < 40);
        }
        // Who has nobody above manages the organisation that they are in.
        if above.is_empty() {
            above.push(who);
        }
        out.open("Management_Chain_Data");
        out.open("Worker_Supervisory_Management_Chain_Data");
        for manager in above.iter().rev() {
            let name = format!("Organisation of {}", manager.worker.id);
            let hidden = self.troubles.iter();
            let mut hidden =
                hidden.filter(|it| matches!(it, Trouble::ManagerByWid(id) if *id == who.worker.id));
            out.open("Management_Chain_Data");
            out.reference(
                "Organization_Reference",
                &name,
                &[("Organization_Reference_ID", &name)],
            );
            out.person("Manager_Reference", manager, hidden.next().is_none());
            out.close("Management_Chain_Data");
        }
        out.close("Worker_Supervisory_Management_Chain_Data");
        out.close("Management_Chain_Data");
    }

    fn log(&self, out: &mut Out<'_>, who: &Seen<'_>) {
        let Person { versions, .. } = who.person;
        let mut known = versions
            .iter()
            .filter(|it| it.entered <= self.entry)
            .filter(|it| self.windows.is_empty() || people::falls(it, self.windows))
            .peekable();
        if known.peek().is_none() {
            return;
        }
        out.open("Transaction_Log_Entry_Data");
        for version in known {
            let kind = match (version.process, version.worker.kind) {
                (Process::Hire, Kind::Employee) => "Hire Employee",
                (Process::Hire, Kind::Contingent) => "Contract Contingent Worker",
                (Process::Terminate, Kind::Employee) => "Terminate Employee",
                (Process::Terminate, Kind::Contingent) => "End Contingent Worker Contract",
                (Process::Change, _) => "Change Job",
            };
            let rescinded = version.rescinded.is_some_and(|it| it <= self.entry);
            out.open("Transaction_Log_Entry");
            out.open("Transaction_Log_Data");
            let effective = date(version.effective);
            let effective = format!("{}T00:00:00.000{}", &effective[..10], &effective[10..]);
            out.leaf("Transaction_Effective_Moment", &effective);
            out.leaf("Transaction_Entry_Moment", &version.entered.to_string());
            out.reference(
                "Transaction_Log_Type_Reference",
                kind,
                &[("Business_Process_Type", kind)],
            );
            out.leaf("Is_Rescind_Or_Rescinded", truth(rescinded, kind));
            out.leaf("Is_Correction_Or_Corrected", "0");
            out.close("Transaction_Log_Data");
            out.close("Transaction_Log_Entry");
        }
        out.close("Transaction_Log_Entry_Data");
    }
}

fn personal(out: &mut Out<'_>, who: &Seen<'_>) {
    let worker = who.worker;
    out.open("Personal_Data");
    out.open("Name_Data");
    let mut names = vec![("Legal_Name_Data", worker.first.as_str())];
    if let Some(preferred) = &worker.preferred {
        names.push(("Preferred_Name_Data", preferred));
    }
    for (kind, first) in names {
        out.open(kind);
        let full = escape(&format!("{first} {}", worker.last));
        write!(out.0, "<wd:Name_Detail_Data wd:Formatted_Name=\"{full}\">").expect("a string");
        out.leaf("First_Name", first);
        out.leaf("Last_Name", &worker.last);
        out.close("Name_Detail_Data");
        out.close(kind);
    }
    out.close("Name_Data");
    if !who.is_shell {
        out.leaf("Birth_Date", "1980-02-29-08:00");
        out.open("Contact_Data");
        if let Some(phone) = &worker.phone {
            let phone = escape(phone);
            write!(out.0, "<wd:Phone_Data wd:Formatted_Phone=\"{phone}\">").expect("a string");
            out.reference(
                "Phone_Device_Type_Reference",
                "Landline",
                &[("Phone_Device_Type_ID", "Landline")],
            );
            usage(out, "WORK", true, &worker.id);
            out.close("Phone_Data");
        }
        for (address, kind) in [(&worker.private_email, "HOME"), (&worker.email, "WORK")] {
            out.open("Email_Address_Data");
            out.leaf("Email_Address", address);
            usage(out, kind, kind == "WORK", &worker.id);
            out.close("Email_Address_Data");
        }
        out.close("Contact_Data");
    }
    out.close("Personal_Data");
}

fn employment(out: &mut Out<'_>, who: &Seen<'_>) {
    let worker = who.worker;
    out.open("Employment_Data");
    if !who.is_shell {
        let primary = truth(true, &worker.id);
        write!(out.0, "<wd:Worker_Job_Data wd:Primary_Job=\"{primary}\">").expect("a string");
        write!(
            out.0,
            "<wd:Position_Data wd:Effective_Date=\"{}\">",
            date(worker.hired)
        )
        .expect("a string");
        out.leaf("Position_ID", &format!("P-{}", worker.id));
        out.leaf("Position_Title", &worker.title);
        out.leaf("Business_Title", &worker.title);
        out.leaf("Start_Date", &date(worker.hired));
        let kind = match worker.kind {
            Kind::Employee => ("Employee_Type_ID", "Regular"),
            Kind::Contingent => ("Contingent_Worker_Type_ID", "Contractor"),
        };
        out.reference("Worker_Type_Reference", kind.1, &[kind]);
        out.open("Business_Site_Summary_Data");
        out.reference(
            "Location_Reference",
            &worker.city,
            &[("Location_ID", &worker.location)],
        );
        let address = format!("1 Main Street&amp;#xa;{}", escape(&worker.city));
        write!(
            out.0,
            "<wd:Address_Data wd:Formatted_Address=\"{address}\">"
        )
        .expect("a string");
        out.reference(
            "Country_Reference",
            worker.country.0,
            &[
                ("ISO_3166-1_Alpha-2_Code", worker.country.0),
                ("ISO_3166-1_Alpha-3_Code", worker.country.1),
            ],
        );
        out.leaf("Municipality", &worker.city);
        out.close("Address_Data");
        out.close("Business_Site_Summary_Data");
        out.close("Position_Data");
        out.close("Worker_Job_Data");
    }
    status(out, who);
    if let Some(end) = worker.contract_end.filter(|_| !who.is_rescinded) {
        out.open("Worker_Contract_Data");
        out.leaf("Contract_End_Date", &date(end));
        out.close("Worker_Contract_Data");
    }
    out.close("Employment_Data");
}

fn account(out: &mut Out<'_>, who: &Seen<'_>) {
    if !who.is_shell {
        out.open("User_Account_Data");
        out.leaf("User_Name", &who.worker.user_name);
        out.close("User_Account_Data");
    }
}

fn usage(out: &mut Out<'_>, kind: &str, public: bool, id: &str) {
    write!(out.0, "<wd:Usage_Data wd:Public=\"{}\">", truth(public, id)).expect("a string");
    write!(out.0, "<wd:Type_Data wd:Primary=\"{}\">", truth(true, id)).expect("a string");
    out.reference(
        "Type_Reference",
        kind,
        &[("Communication_Usage_Type_ID", kind)],
    );
    out.close("Type_Data");
    out.close("Usage_Data");
}

fn status(out: &mut Out<'_>, who: &Seen<'_>) {
    let worker = who.worker;
    let say = |is| truth(is, &worker.id);
    out.open("Worker_Status_Data");
    out.leaf("Active", say(!who.is_shell && who.gone.is_none()));
    if who.is_rescinded {
        out.leaf("Terminated", say(false));
        out.leaf("Hire_Rescinded", say(true));
        out.close("Worker_Status_Data");
        return;
    }
    out.leaf("Hire_Date", &date(worker.hired));
    out.leaf(
        "Original_Hire_Date",
        &date(worker.originally.unwrap_or(worker.hired)),
    );
    if let Some((on, _)) = who.gone {
        out.leaf("End_Employment_Date", &date(on));
    }
    out.leaf("First_Day_of_Work", &date(worker.hired));
    out.leaf("Terminated", say(who.gone.is_some()));
    // Of somebody who came back, the termination before still shows.
    let old = worker
        .originally
        .and_then(|_| worker.hired.checked_sub(400.days()).ok());
    if let Some(on) = who.gone.map(|it| it.0).or(old) {
        out.leaf("Termination_Date", &date(on));
    }
    if let Some((_, involuntary)) = who.gone {
        out.leaf("Termination_Involuntary", say(involuntary));
    }
    if let Some(on) = who.gone.map(|it| it.0).or(old) {
        out.leaf("Termination_Last_Day_of_Work", &date(on));
    }
    if worker.standing == Standing::OnLeave && !who.is_shell && who.gone.is_none() {
        out.open("Leave_Status_Data");
        out.leaf("On_Leave", say(true));
        let from = worker.hired.checked_add(20.days()).expect("a date");
        out.leaf("Leave_Start_Date", &date(from));
        out.close("Leave_Status_Data");
    }
    out.leaf("Rehire", say(worker.originally.is_some()));
    out.close("Worker_Status_Data");
}

/// Parts in the order of `Worker_DataType`, and the flag that each needs.
const SECTIONS: [(&str, &str); 6] = [
    ("Personal_Data", "Include_Personal_Information"),
    ("Employment_Data", "Include_Employment_Information"),
    ("Organization_Data", "Include_Organizations"),
    ("Management_Chain_Data", "Include_Management_Chain_Data"),
    ("Transaction_Log_Entry_Data", "Include_Transaction_Log_Data"),
    ("User_Account_Data", "Include_User_Account"),
];
