//! People as the service speaks of them, made from workers.

use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};

use super::render::midnight;
use crate::{Kind, Standing, Worker};

/// No end.
const OPEN: Date = date(9999, 12, 31);

fn day(at: Date) -> Value {
    json!(format!("/Date({})/", midnight(at)))
}

fn maybe(at: Option<Date>) -> Value {
    at.map_or(Value::Null, day)
}

fn instant(at: Timestamp) -> Value {
    json!(format!("/Date({}+0000)/", at.as_millisecond()))
}

/// When everything was entered that nobody has touched since.
fn entered() -> Value {
    instant("2026-01-05T08:00:00Z".parse().expect("an instant"))
}

fn around(at: Date, days: i64) -> Date {
    at.checked_add(days.days()).expect("within the calendar")
}

/// One slice of a job.
fn slice(
    worker: &Worker,
    user: &str,
    from: Date,
    to: Date,
    status: &str,
    title: &str,
    number: u32,
) -> Value {
    let options = ["A", "D", "U", "P", "S", "F", "O", "R", "T", "RNS"];
    let option = options
        .iter()
        .position(|it| *it == status)
        .map_or(0, |at| 5889 + at);
    let named = |pair: &(String, String)| json!({"externalCode": pair.0, "name": pair.1, "name_localized": pair.1, "name_defaultValue": pair.1, "status": "A"});
    let mut company = named(&worker.company);
    company["countryOfRegistrationNav"] =
        json!({"code": worker.country.1, "twoCharCountryCode": worker.country.0});
    let mut division = named(&worker.company);
    division["externalCode"] = json!(format!("D{}", worker.company.0));
    json!({
        "userId": user, "seqNumber": number.to_string(), "startDate": day(from), "endDate": day(to),
        "jobTitle": title, "department": worker.department.0, "company": worker.company.0, "location": worker.location,
        "costCenter": worker.cost_center, "managerId": worker.manager.as_deref().unwrap_or("NO_MANAGER"),
        "emplStatus": option.to_string(), "countryOfCompany": worker.country.1, "fte": 1,
        "lastModifiedDateTime": entered(),
        "emplStatusNav": {"id": option.to_string(), "externalCode": status, "status": "ACTIVE"},
        "departmentNav": named(&worker.department), "companyNav": company, "divisionNav": division,
        "costCenterNav": {"externalCode": worker.cost_center, "name_localized": worker.cost_center},
        "locationNav": {"externalCode": worker.location, "name": worker.city,
            "addressNavDEFLT": {"address1": null, "city": worker.city, "zipCode": null}},
    })
}

fn user(worker: &Worker, id: &str, status: &str, start: Date) -> Value {
    let manager = worker.manager.as_deref().map(|it| {
        json!({"userId": it, "status": "t", "empInfo": {"personIdExternal": it, "userId": it}})
    });
    // Whoever has not begun has no log-in name.
    let name = (status != "e").then_some(&worker.user_name);
    json!({
        "userId": id, "username": name, "status": status, "firstName": worker.first, "lastName": worker.last,
        "email": (status != "e").then_some(&worker.email), "city": worker.city, "country": worker.country.1,
        "businessPhone": worker.phone, "lastModifiedDateTime": entered(), "begun": day(start), "manager": manager,
    })
}

fn employment(
    worker: &Worker,
    id: &str,
    class: &str,
    start: Date,
    end: Option<Date>,
    jobs: &[Value],
    user: &Value,
) -> Value {
    json!({
        "personIdExternal": worker.id, "userId": id, "assignmentIdExternal": id, "assignmentClass": class,
        "isContingentWorker": worker.kind == Kind::Contingent, "startDate": day(start), "endDate": maybe(end),
        "originalStartDate": day(worker.originally.unwrap_or(start)), "firstDateWorked": day(start),
        "lastModifiedDateTime": entered(), "jobInfoNav": {"results": jobs}, "userNav": user,
    })
}

/// A worker as a person, the `at`-th of all: some have a slice that is to come, some two on one day, some lists run backwards.
pub fn from_worker(worker: &Worker, at: usize, today: Date) -> Value {
    let start = worker.hired;
    let (mut end, mut active, mut terminated, mut status) = (worker.contract_end, 1, None, "t");
    let job = |from: Date, to: Date, code: &str| {
        slice(worker, &worker.id, from, to, code, &worker.title, 1)
    };
    let jobs = match worker.standing {
        Standing::Active if at % 10 == 9 => {
            let turn = around(today, 16);
            vec![
                job(start, around(turn, -1), "A"),
                slice(worker, &worker.id, turn, OPEN, "A", "Promoted", 1),
            ]
        }
        // Two slices on one day: the higher number is valid, wherever it stands.
        Standing::Active if at % 17 == 5 => {
            vec![
                slice(worker, &worker.id, start, OPEN, "A", &worker.title, 2),
                slice(worker, &worker.id, start, OPEN, "A", "Mistyped", 1),
            ]
        }
        Standing::Active => vec![job(start, OPEN, "A")],
        Standing::PreHire => {
            (active, status) = (0, "e");
            vec![job(start, OPEN, "A")]
        }
        Standing::OnLeave => {
            let away = around(today, -10);
            let code = if at.is_multiple_of(2) { "U" } else { "P" };
            vec![job(start, around(away, -1), "A"), job(away, OPEN, code)]
        }
        Standing::Terminated { on, .. } => {
            (end, active, terminated, status) = (Some(on), 0, Some(on), "f");
            vec![job(start, on, "A"), job(around(on, 1), OPEN, "T")]
        }
        Standing::Rescinded => {
            (active, status) = (0, "f");
            vec![job(start, OPEN, "RNS")]
        }
    };
    let mut employments = vec![employment(
        worker,
        &worker.id,
        "ST",
        start,
        end,
        &jobs,
        &user(worker, &worker.id, status, start),
    )];
    if let Some(first) = worker.originally {
        // The person is reused: a second employment, and the log-in user of the old one is gone.
        let (left, id) = (around(first, 200), format!("{}-0", worker.id));
        let old = vec![
            slice(worker, &id, first, left, "A", "Junior", 1),
            slice(worker, &id, around(left, 1), OPEN, "T", "Junior", 1),
        ];
        employments.push(employment(
            worker,
            &id,
            "ST",
            first,
            Some(left),
            &old,
            &Value::Null,
        ));
        terminated = terminated.or(Some(left));
    }
    if at % 2 == 1 {
        employments.reverse();
    }
    // A known defect: of some who left, the count is gone and not zero.
    let uncounted = matches!(worker.standing, Standing::Terminated { .. }) && at.is_multiple_of(3);
    let counts = json!({"personIdExternal": worker.id, "activeEmploymentsCount": active, "latestTerminationDate": maybe(terminated)});
    let display = format!(
        "{} {}",
        worker.preferred.as_ref().unwrap_or(&worker.first),
        worker.last
    );
    let mut emails = vec![
        json!({"emailType": "8447", "emailAddress": worker.private_email, "isPrimary": false, "lastModifiedDateTime": entered()}),
    ];
    if status != "e" {
        emails.push(json!({"emailType": "8448", "emailAddress": worker.email, "isPrimary": true, "lastModifiedDateTime": entered()}));
    }
    let phones = worker.phone.iter().map(|it| json!({"phoneType": "10605", "phoneNumber": it, "isPrimary": true, "lastModifiedDateTime": entered()}));
    json!({
        "personIdExternal": worker.id, "personId": (40_000 + at).to_string(), "perPersonUuid": format!("{:032X}", 4096 + at),
        "dateOfBirth": day(date(1968, 2, 29)), "createdDateTime": entered(), "lastModifiedDateTime": entered(),
        "personalInfoNav": {"results": [{"personIdExternal": worker.id, "startDate": day(start.min(today)), "endDate": day(OPEN),
            "firstName": worker.first, "lastName": worker.last, "preferredName": worker.preferred, "displayName": display,
            "lastModifiedDateTime": entered()}]},
        "personEmpTerminationInfoNav": if uncounted { Value::Null } else { counts },
        "emailNav": {"results": emails}, "phoneNav": {"results": phones.collect::<Vec<_>>()},
        "employmentNav": {"results": employments},
    })
}

/// Sends somebody abroad: the home record sleeps, and the record of the host is the active one.
pub fn abroad(person: &mut Value, worker: &Worker, id: &str, title: &str, since: Date) {
    let list = person["employmentNav"]["results"]
        .as_array_mut()
        .expect("a list");
    let home = list
        .iter_mut()
        .find(|it| it["userId"] == worker.id.as_str())
        .expect("a home record");
    let before = slice(
        worker,
        &worker.id,
        worker.hired,
        around(since, -1),
        "A",
        &worker.title,
        1,
    );
    home["jobInfoNav"]["results"] = json!([
        before,
        slice(worker, &worker.id, since, OPEN, "D", &worker.title, 1)
    ]);
    let jobs = vec![slice(worker, id, since, OPEN, "A", title, 1)];
    list.push(employment(
        worker,
        id,
        "GA",
        since,
        None,
        &jobs,
        &user(worker, id, "t", since),
    ));
    person["personEmpTerminationInfoNav"]["activeEmploymentsCount"] = json!(2);
}

/// Gives somebody a second job beside the first.
pub fn second_job(person: &mut Value, worker: &Worker, id: &str, title: &str, since: Date) {
    let jobs = vec![slice(worker, id, since, OPEN, "A", title, 1)];
    let list = person["employmentNav"]["results"]
        .as_array_mut()
        .expect("a list");
    list.insert(
        0,
        employment(
            worker,
            id,
            "ST",
            since,
            None,
            &jobs,
            &user(worker, id, "t", since),
        ),
    );
    person["personEmpTerminationInfoNav"]["activeEmploymentsCount"] = json!(2);
}
