//! The policy as a table: what HR says on which day, and every action with its instant.
//!
//! A line is `name | rows of the nights | actions`. A night is `MM-DD` (02:00Z of 2027) and the
//! row, in the words of scenarios; actions are `MM-DDTHH` and what is released then, in order.
//! Whoever is not new has an account from before; expectations were worked out by hand from the
//! lifecycle policy and the zones' own rules.

use std::fmt::Write as _;

use rollcall_core::scenario::{Case, Entry, play};

/// Shorthand for operations.
const SHORT: [(&str, &str); 21] = [
    ("create", "user.create"),
    ("update", "user.update"),
    ("manager", "user.setManager"),
    ("told", "notify.manager"),
    ("welcome", "notify.welcome"),
    ("security", "notify.security"),
    ("enable", "user.enable"),
    ("disable", "user.disable"),
    ("revoke", "user.revokeSessions"),
    ("password", "user.resetPassword"),
    ("pass", "tap.issue"),
    ("methods", "authMethods.remove"),
    ("delete", "user.deleteSoft"),
    ("cancel", "cancel"),
    ("hold", "hold"),
    ("report", "report.exception"),
    ("restore", "user.restore"),
    ("task", "task.manual"),
    ("ask", "approval.request"),
    ("role", "role.remove"),
    ("clear", "user.clearManager"),
];

/// An entry as the table has it: `disable`, `+MKT`, `-LIC`, `report:LATE_HIRE`.
fn short(entry: &Entry) -> String {
    let group = entry.args.get("group").and_then(|it| it.as_str());
    let group = group.map(|it| it.trim_start_matches("G-"));
    match (entry.op.as_str(), group) {
        ("group.add", Some(group)) => return format!("+{group}"),
        ("group.remove", Some(group)) => return format!("-{group}"),
        _ => {}
    }
    let known = SHORT.iter().find(|(_, op)| *op == entry.op);
    let name = known.map_or(entry.op.as_str(), |(short, _)| *short);
    match entry.args.get("code").and_then(|it| it.as_str()) {
        Some(code) => format!("{name}:{code}"),
        None => name.to_owned(),
    }
}

/// What came, in the table's own form.
fn came(entries: &[Entry], from: &str) -> String {
    let mut out = String::new();
    let mut last = String::new();
    for entry in entries {
        let at = entry.at.strftime("%Y-%m-%dT%H:%M").to_string();
        if at.as_str() < from {
            continue;
        }
        let year = at.strip_prefix("2027-").unwrap_or(&at);
        let at = year.strip_suffix(":00").unwrap_or(year).to_owned();
        if at != last {
            if !out.is_empty() {
                out += "; ";
            }
            out += &at;
            last = at;
        }
        let _ = write!(out, " {}", short(entry));
    }
    out
}

/// A line as a scenario.
fn scenario(nights: &str, state: &str, policy: &str) -> String {
    let mut out = format!("id: line\nopen: true\n{policy}");
    if !state.is_empty() {
        let _ = write!(out, "state:\n{state}");
    }
    out += "runs:\n";
    for (n, night) in nights.split(';').map(str::trim).enumerate() {
        let (day, rows) = night.split_once(' ').unwrap_or((night, "W: {}"));
        let time = if day.contains('T') {
            ":00Z"
        } else {
            "T02:00:00Z"
        };
        let _ = write!(out, "  - n: {}\n    at: 2027-{day}{time}\n", n + 1);
        match rows {
            "absent" => out += "    absent: [W]\n",
            rows => {
                out += "    rows:\n";
                for row in rows.split(" & ") {
                    let _ = writeln!(out, "      {row}");
                }
            }
        }
    }
    out
}

/// Plays a table; every line that differs is shown with what came.
fn check(table: &str, state: &str, policy: &str) -> usize {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in table.lines().map(str::trim).filter(|it| !it.is_empty()) {
        let mut cells = line.split('|').map(str::trim);
        let (Some(name), Some(nights), Some(wanted)) = (cells.next(), cells.next(), cells.next())
        else {
            panic!("not a line of the table: {line}");
        };
        count += 1;
        let text = scenario(nights, state, policy);
        let case = Case::parse(&text, name).unwrap_or_else(|e| panic!("{name}: {e}\n{text}"));
        let played = play(&case).unwrap_or_else(|e| panic!("{name}: {e}"));
        let came = came(&played.entries, "2027-");
        // The ninety days after the last night belong to it.
        if came != wanted {
            wrong.push(format!("{name}\n  wanted {wanted}\n  came   {came}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    count
}

const BASE: &str = "  - {who: W, base: true, row: {tz: ZONE}}\n";

/// First and last instants at places: standard and summer time, both sides of the date line,
/// midnights that do not exist and those that come twice, a leap day elsewhere.
#[test]
fn the_first_instant_of_a_day() {
    let zones = [
        // zone, first day of work, its first instant
        ("Europe/Berlin", "2027-02-01", "01-31T23"),
        ("Europe/Berlin", "2027-03-28", "03-27T23"),
        ("Europe/Berlin", "2027-03-29", "03-28T22"),
        ("Europe/Berlin", "2027-07-01", "06-30T22"),
        ("Europe/Berlin", "2027-10-31", "10-30T22"),
        ("Europe/Berlin", "2027-11-01", "10-31T23"),
        ("Europe/London", "2027-02-01", "02-01T00"),
        ("Europe/London", "2027-07-01", "06-30T23"),
        ("Europe/Warsaw", "2027-03-01", "02-28T23"),
        ("Europe/Lisbon", "2027-06-01", "05-31T23"),
        ("Africa/Cairo", "2027-04-30", "04-29T22"),
        ("Africa/Cairo", "2027-05-01", "04-30T21"),
        ("Africa/Johannesburg", "2027-03-01", "02-28T22"),
        ("Asia/Beirut", "2027-03-28", "03-27T22"),
        ("Asia/Dubai", "2027-03-01", "02-28T20"),
        ("Asia/Kolkata", "2027-03-01", "02-28T18:30"),
        ("Asia/Kathmandu", "2027-03-01", "02-28T18:15"),
        ("Asia/Singapore", "2027-03-01", "02-28T16"),
        ("Asia/Tokyo", "2027-03-01", "02-28T15"),
        ("Australia/Sydney", "2027-03-01", "02-28T13"),
        ("Australia/Sydney", "2027-07-01", "06-30T14"),
        ("Australia/Lord_Howe", "2027-03-01", "02-28T13"),
        ("Pacific/Auckland", "2027-03-01", "02-28T11"),
        ("Pacific/Auckland", "2027-07-01", "06-30T12"),
        ("Pacific/Kiritimati", "2027-03-01", "02-28T10"),
        ("Pacific/Apia", "2027-03-01", "02-28T11"),
        ("Pacific/Honolulu", "2027-03-01", "03-01T10"),
        ("Pacific/Pago_Pago", "2027-03-01", "03-01T11"),
        ("America/New_York", "2027-02-01", "02-01T05"),
        ("America/New_York", "2027-03-14", "03-14T05"),
        ("America/New_York", "2027-03-15", "03-15T04"),
        ("America/New_York", "2027-11-07", "11-07T04"),
        ("America/New_York", "2027-11-08", "11-08T05"),
        ("America/Los_Angeles", "2027-03-01", "03-01T08"),
        ("America/St_Johns", "2027-03-01", "03-01T03:30"),
        ("America/Sao_Paulo", "2027-03-01", "03-01T03"),
        ("America/Santiago", "2027-09-05", "09-05T04"),
        ("America/Phoenix", "2027-07-01", "07-01T07"),
    ];
    let mut wrong = Vec::new();
    for (zone, day, at) in zones {
        let date: jiff::civil::Date = day.parse().expect("a date");
        let before = date.yesterday().expect("a day before");
        // Somebody who starts that day, and somebody whose last day is the one before.
        let text = format!(
            "id: zone\nopen: true\nstate:\n  - {{who: L, base: true, row: {{tz: {zone}}}}}\nruns:\n  \
             - n: 1\n    at: 2027-01-02T02:00:00Z\n    rows:\n      J: {{tz: {zone}, hire: {day}}}\n      \
             L: {{tz: {zone}, last_day: {before}}}\n"
        );
        // So that the play reaches the end of the year.
        let text = text + "  - {n: 2, at: 2027-12-01T02:00:00Z, rows: {}}\n";
        let case = Case::parse(&text, zone).unwrap_or_else(|e| panic!("{zone}: {e}"));
        let played = play(&case).unwrap_or_else(|e| panic!("{zone}: {e}"));
        for op in ["user.enable", "user.disable"] {
            let found: Vec<String> = played
                .entries
                .iter()
                .filter(|it| it.op == op)
                .map(|it| it.at.strftime("%m-%dT%H:%M").to_string())
                .map(|it| it.strip_suffix(":00").unwrap_or(&it).to_owned())
                .collect();
            if found != [at] {
                wrong.push(format!("{zone} {day}: {op} at {found:?}, not {at}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Somebody who comes: the first day, and what moves it.
#[test]
fn joiners() {
    let table = "
six weeks early          | 02-01 W: {hire: 2027-03-15}                     | 02-28T23 create manager; 03-07T23 told; 03-13T23 +SALES +LIC; 03-14T23 enable pass welcome
the status says nothing  | 02-01 W: {status: prehire, hire: 2027-03-15}    | 02-28T23 create manager; 03-07T23 told; 03-13T23 +SALES +LIC; 03-14T23 enable pass welcome
ten days early           | 03-05 W: {hire: 2027-03-15}                     | 03-05T02 create manager; 03-07T23 told; 03-13T23 +SALES +LIC; 03-14T23 enable pass welcome
three days early         | 03-12 W: {hire: 2027-03-15}                     | 03-12T02 create manager told; 03-13T23 +SALES +LIC; 03-14T23 enable pass welcome
the evening before       | 03-14T20:00 W: {hire: 2027-03-15}               | 03-14T20 create manager told +SALES +LIC; 03-14T23 enable pass welcome
the same morning         | 03-15 W: {hire: 2027-03-15}                     | 03-15T02 create manager +SALES +LIC enable pass welcome report:LATE_HIRE
a week late              | 03-22 W: {hire: 2027-03-15}                     | 03-22T02 create manager +SALES +LIC enable pass welcome report:LATE_HIRE
nobody to report to      | 03-12 W: {hire: 2027-03-15, manager: \"\"}        | 03-12T02 create; 03-13T23 +SALES +LIC; 03-14T23 enable pass welcome
across the clock change  | 03-20 W: {hire: 2027-04-05}                     | 03-21T23 create manager; 03-28T22 told; 04-03T22 +SALES +LIC; 04-04T22 enable pass welcome
moved before the account | 02-01 W: {hire: 2027-03-15}; 02-10 W: {hire: 2027-03-22} | 02-10T02 cancel; 03-07T23 create manager; 03-14T23 told; 03-20T23 +SALES +LIC; 03-21T23 enable pass welcome
moved after the account  | 02-01 W: {hire: 2027-03-15}; 03-03 W: {hire: 2027-03-22} | 02-28T23 create manager; 03-03T02 cancel update; 03-14T23 told; 03-20T23 +SALES +LIC; 03-21T23 enable pass welcome
moved after telling      | 02-01 W: {hire: 2027-03-15}; 03-10 W: {hire: 2027-03-22} | 02-28T23 create manager; 03-07T23 told; 03-10T02 cancel update told; 03-20T23 +SALES +LIC; 03-21T23 enable pass welcome
called off early         | 02-01 W: {hire: 2027-03-15}; 02-10 W: {status: rescinded, hire: 2027-03-15} | 02-10T02 cancel
called off with account  | 02-01 W: {hire: 2027-03-15}; 03-02 W: {status: rescinded, hire: 2027-03-15} | 02-28T23 create manager; 03-02T02 cancel; 03-09T02 delete
called off after telling | 02-01 W: {hire: 2027-03-15}; 03-09 W: {status: rescinded, hire: 2027-03-15} | 02-28T23 create manager; 03-07T23 told; 03-09T02 cancel told; 03-16T02 delete
gone once and back       | 02-01 W: {hire: 2027-03-15}; 02-03 absent; 02-04 W: {hire: 2027-03-15} | 02-03T02 hold:PENDING_ROW_MISSING report:MISSING_ONCE; 02-28T23 create manager; 03-07T23 told; 03-13T23 +SALES +LIC; 03-14T23 enable pass welcome
gone for good            | 02-01 W: {hire: 2027-03-15}; 02-03 absent; 02-04 absent | 02-03T02 hold:PENDING_ROW_MISSING report:MISSING_ONCE; 02-04T02 cancel report:MISSING_PREHIRE
left before the start    | 02-01 W: {hire: 2027-03-15}; 02-10 W: {status: terminated, hire: 2027-03-15} | 02-10T02 cancel
a leap day of service    | 02-01 W: {hire: 2027-03-01}                     | 02-14T23 create manager; 02-21T23 told; 02-27T23 +SALES +LIC; 02-28T23 enable pass welcome
";
    assert_eq!(check(table, "", ""), 19);
}

/// Somebody who stays: values, managers, access.
#[test]
fn movers() {
    let state = BASE.replace("ZONE", "Europe/Berlin");
    let table = "
nothing new              | 03-01 W: {}                                     |
another department       | 03-01 W: {dept: MKT}                            | 03-01T02 update +MKT; 03-08T02 -SALES
from a later day         | 03-01 W: {dept: MKT, effective: 2027-03-15}     | 03-14T23 update +MKT; 03-21T23 -SALES
from an earlier day      | 03-01 W: {dept: MKT, effective: 2027-02-01}     | 03-01T02 update +MKT; 03-08T02 -SALES
another manager          | 03-01 W: {manager: M2}                          | 03-01T02 manager
both                     | 03-01 W: {dept: MKT, manager: M2}               | 03-01T02 update manager +MKT; 03-08T02 -SALES
another name             | 03-01 W: {family: Vega}                         | 03-01T02 update
a name to be called by   | 03-01 W: {preferred: Anni}                      | 03-01T02 update
no manager               | 03-01 W: {manager: \"\"}                          |
an unknown manager       | 03-01 W: {manager: X9}                          | 03-01T02 report:MANAGER_UNRESOLVED
their own manager        | 03-01 W: {manager: W}                           | 03-01T02 hold:MANAGER_CYCLE
another country          | 03-01 W: {country: FR}                          | 03-01T02 update
there and back at once   | 03-01 W: {dept: MKT}; 03-03 W: {}               | 03-01T02 update +MKT; 03-03T02 cancel update; 03-10T02 -MKT
there and on             | 03-01 W: {dept: MKT}; 03-03 W: {dept: LAB}      | 03-01T02 update +MKT; 03-03T02 update +LAB; 03-08T02 -SALES; 03-10T02 -MKT
taken back in time       | 03-01 W: {dept: MKT, effective: 2027-03-15}; 03-10 W: {} | 03-10T02 cancel
put off                  | 03-01 W: {dept: MKT, effective: 2027-03-15}; 03-10 W: {dept: MKT, effective: 2027-03-22} | 03-10T02 cancel; 03-21T23 update +MKT; 03-28T23 -SALES
another zone             | 03-01 W: {tz: Asia/Tokyo}                       |
a second job             | 03-01 X: {person: P-W, hire: 2027-03-08, dept: LAB, primary: false} | 03-07T23 +LAB
";
    assert_eq!(check(table, &state, ""), 18);
    let table = "
sensitive goes first     | 03-01 W: {dept: MKT}                            | 03-01T02 -SALES update +MKT
on a later day           | 03-01 W: {dept: MKT, effective: 2027-03-15}     | 03-14T23 -SALES update +MKT
";
    assert_eq!(check(table, &state, "policy: {sensitive: [G-SALES]}\n"), 2);
    let frozen = "policy: {freeze: [2027-03-01T00:00:00Z, 2027-03-20T00:00:00Z]}\n";
    let table = "
a move waits             | 03-02 W: {dept: MKT}                            | 03-20T00 update +MKT; 03-27T00 -SALES
a manager waits          | 03-02 W: {manager: M2}                          | 03-20T00 manager
a leaver does not        | 03-02 W: {last_day: 2027-03-04}                 | 03-04T23 disable revoke -SALES; 04-03T23 -LIC methods; 05-03T23 delete
for cause even less      | 03-02T15:00 W: {status: terminated, reason: for_cause, last_day: 2027-03-02} | 03-02T15 disable revoke password -SALES methods security; 04-01T15 -LIC; 05-01T15 delete
";
    assert_eq!(check(table, &state, frozen), 4);
}

/// Somebody who goes, in the order of the policy, and what holds that up. A play ends ninety days
/// after its last night: what comes later is not seen.
#[test]
fn leavers() {
    let state = BASE.replace("ZONE", "Europe/Berlin");
    let table = "
known ahead              | 03-01 W: {last_day: 2027-03-04}                 | 03-04T23 disable revoke -SALES; 04-03T23 -LIC methods; 05-03T23 delete
only a termination       | 03-01 W: {termination: 2027-03-04}              | 03-04T23 disable revoke -SALES; 04-03T23 -LIC methods; 05-03T23 delete
paid for longer          | 03-01 W: {last_day: 2027-03-04, termination: 2027-03-31} | 03-04T23 disable revoke -SALES; 04-30T22 -LIC methods
the status too           | 03-01 W: {status: terminated, last_day: 2027-03-04} | 03-04T23 disable revoke -SALES; 04-03T23 -LIC methods; 05-03T23 delete
no date at all           | 03-01 W: {status: terminated}                   | 03-01T02 disable revoke -SALES; 03-31T02 -LIC methods; 04-30T02 delete
the day is over          | 03-05 W: {last_day: 2027-03-01}                 | 03-05T02 disable revoke -SALES; 04-04T02 -LIC methods; 05-04T02 delete
for cause                | 03-01 W: {status: terminated, reason: for_cause, last_day: 2027-03-01} | 03-01T02 disable revoke password -SALES methods security; 03-31T02 -LIC; 04-30T02 delete
for cause, dated later   | 03-01 W: {reason: for_cause, last_day: 2027-04-30} | 03-01T02 disable revoke password -SALES methods security
put off                  | 03-01 W: {last_day: 2027-03-04}; 03-03 W: {last_day: 2027-03-11} | 03-03T02 cancel; 03-11T23 disable revoke -SALES; 04-10T23 -LIC methods; 05-10T23 delete
brought forward          | 03-01 W: {last_day: 2027-03-11}; 03-03 W: {last_day: 2027-03-04} | 03-03T02 cancel; 03-04T23 disable revoke -SALES; 04-03T23 -LIC methods; 05-03T23 delete
off in time              | 03-01 W: {last_day: 2027-03-04}; 03-03 W: {}    | 03-03T02 cancel
off too late             | 03-01 W: {last_day: 2027-03-04}; 03-06 W: {}    | 03-04T23 disable revoke -SALES; 03-06T02 cancel enable +SALES
off after the licence    | 03-01 W: {last_day: 2027-03-04}; 04-10 W: {}    | 03-04T23 disable revoke -SALES; 04-03T23 -LIC methods; 04-10T02 cancel enable +SALES +LIC
gone from the file       | 03-01 W: {last_day: 2027-03-04}; 03-06 absent; 03-07 absent | 03-04T23 disable revoke -SALES; 04-03T23 -LIC methods; 05-03T23 delete
a move and an exit       | 03-01 W: {dept: MKT}; 03-03 W: {dept: MKT, last_day: 2027-03-04} | 03-01T02 update +MKT; 03-03T02 cancel; 03-04T23 disable revoke -MKT -SALES; 04-03T23 -LIC methods; 05-03T23 delete
never came               | 03-01 W: {status: noshow}                       | 03-01T02 disable revoke -SALES; 03-31T02 -LIC methods; 04-30T02 delete
died                     | 03-01 W: {status: deceased}                     | 03-01T02 disable revoke -SALES hold:DECEASED_REVIEW
missing once             | 03-01 W: {}; 03-03 absent; 03-04 W: {}          | 03-03T02 report:MISSING_ONCE
missing twice            | 03-03 absent; 03-04 absent                      | 03-03T02 report:MISSING_ONCE; 03-04T02 disable revoke report:MISSING_DISABLED; 04-03T02 report:MISSING_UNRESOLVED
missing and back         | 03-03 absent; 03-04 absent; 03-09 W: {}         | 03-03T02 report:MISSING_ONCE; 03-04T02 disable revoke report:MISSING_DISABLED; 03-09T02 enable report:REAPPEARED
hired again              | 03-01 W: {last_day: 2027-03-04}; 05-01 W: {last_day: 2027-03-04} & X: {person: P-W, hire: 2027-06-01, dept: MKT} | 03-04T23 disable revoke -SALES; 04-03T23 -LIC methods; 05-01T02 cancel; 05-17T22 update; 05-24T22 told; 05-30T22 +MKT +LIC; 05-31T22 enable pass welcome
a contract, then a job   | 03-01 W: {last_day: 2027-03-31} & X: {person: P-W, hire: 2027-04-01, dept: MKT} | 03-31T22 update +MKT; 04-07T22 -SALES
two days between         | 03-01 W: {last_day: 2027-03-31} & X: {person: P-W, hire: 2027-04-03, dept: MKT} | 03-01T02 report:BRIDGED_GAP; 04-02T22 update +MKT; 04-09T22 -SALES
";
    assert_eq!(check(table, &state, ""), 23);
}

/// Somebody who is away.
#[test]
fn leaves() {
    let state = BASE.replace("ZONE", "Europe/Berlin");
    let table = "
paid                     | 03-01 W: {status: leave, leave: paid, leave_from: 2027-03-08, leave_to: 2027-06-30} |
thirty days              | 03-01 W: {status: leave, leave: unpaid, leave_from: 2027-03-08, leave_to: 2027-04-06} | 03-07T23 disable revoke; 04-06T22 enable
twenty-nine              | 03-01 W: {status: leave, leave: unpaid, leave_from: 2027-03-08, leave_to: 2027-04-05} |
known late               | 03-10 W: {status: leave, leave: unpaid, leave_from: 2027-03-08, leave_to: 2027-04-30} | 03-10T02 disable revoke; 04-30T22 enable
extended                 | 03-01 W: {status: leave, leave: unpaid, leave_from: 2027-03-08, leave_to: 2027-04-06}; 04-01 W: {status: leave, leave: unpaid, leave_from: 2027-03-08, leave_to: 2027-04-30} | 03-07T23 disable revoke; 04-01T02 cancel; 04-30T22 enable
back early               | 03-01 W: {status: leave, leave: unpaid, leave_from: 2027-03-08, leave_to: 2027-04-30}; 04-10 W: {} | 03-07T23 disable revoke; 04-10T02 cancel enable
not taken                | 03-01 W: {status: leave, leave: unpaid, leave_from: 2027-03-08, leave_to: 2027-04-30}; 03-05 W: {} | 03-05T02 cancel
nobody knows until when  | 03-01 W: {status: leave, leave: unpaid, leave_from: 2027-03-08} | 03-07T23 disable revoke
released until the end   | 03-01 W: {status: leave, leave: garden, leave_from: 2027-03-08, last_day: 2027-03-31} | 03-07T23 disable revoke; 03-31T22 -SALES; 04-30T22 -LIC methods
called back              | 03-01 W: {status: leave, leave: garden, leave_from: 2027-03-08, last_day: 2027-03-31}; 03-15 W: {} | 03-07T23 disable revoke; 03-15T02 cancel enable
died meanwhile           | 03-01 W: {status: leave, leave: unpaid, leave_from: 2027-03-08, leave_to: 2027-04-30}; 03-20 W: {status: deceased} | 03-07T23 disable revoke; 03-20T02 cancel revoke -SALES hold:DECEASED_REVIEW
moves while away         | 03-01 W: {status: leave, leave: unpaid, leave_from: 2027-03-08, leave_to: 2027-04-30}; 03-20 W: {status: leave, leave: unpaid, leave_from: 2027-03-08, leave_to: 2027-04-30, family: Vega} | 03-07T23 disable revoke; 03-20T02 update; 04-30T22 enable
";
    assert_eq!(check(table, &state, ""), 12);
}

/// Somebody who has more than a right by birth: roles, an application, a group by hand.
#[test]
fn more_than_birthright() {
    let state = "  - {who: W, base: true, groups: [G-SALES, G-LIC, G-PROJ], roles: [Helpdesk], \
                 app_roles: [A-CRM]}\n";
    let table = "
a leaver                 | 03-01 W: {last_day: 2027-03-04}                 | 03-04T23 disable revoke role appRole.remove -PROJ -SALES; 04-03T23 -LIC methods; 05-03T23 delete
for cause                | 03-01 W: {status: terminated, reason: for_cause, last_day: 2027-03-01} | 03-01T02 disable revoke password role appRole.remove -PROJ -SALES methods security; 03-31T02 -LIC; 04-30T02 delete
a mover                  | 03-01 W: {dept: MKT}                            | 03-01T02 update +MKT; 03-08T02 -SALES
missing twice            | 03-03 absent; 03-04 absent; 03-05 W: {}         | 03-03T02 report:MISSING_ONCE; 03-04T02 disable revoke report:MISSING_DISABLED; 03-05T02 enable report:REAPPEARED
the exit is off too late | 03-01 W: {last_day: 2027-03-04}; 03-06 W: {}    | 03-04T23 disable revoke role appRole.remove -PROJ -SALES; 03-06T02 cancel enable +PROJ +SALES ask
died                     | 03-01 W: {status: deceased}                     | 03-01T02 disable revoke role appRole.remove -PROJ -SALES hold:DECEASED_REVIEW
";
    assert_eq!(check(table, state, ""), 6);
}

/// What holds for some people otherwise; the first that is for somebody counts.
const WORKFLOWS: &str = "policy:
  workflow:
    - name: contractors
      scope: worker.employeeType -eq \"contractor\"
      joiner: {create_days: 3, groups_days: 0, notify_manager_days: never, pass: never, welcome: false}
      mover: {overlap_days: 0}
      leaver: {licence_days: 7, methods_days: 7, delete_days: 14}
      leave: {unpaid_block_from_days: 5}
      rescinded: {delete_days: 1}
    - name: no deletion in Spain
      scope: worker.country -eq \"ES\"
      leaver: {delete_days: never, roles: false}
    - name: executives
      scope: worker.department -in [\"EXEC\", \"BOARD\"]
      joiner: {groups_days: 4, enable_local: \"06:00:00\"}
      mover: {overlap_days: 30}
      absence: {second_miss_disables: false}
";

/// The same people under workflows of their own.
#[test]
fn workflows() {
    let table = "
whom none is for         | 02-01 W: {hire: 2027-03-15}                     | 02-28T23 create manager; 03-07T23 told; 03-13T23 +SALES +LIC; 03-14T23 enable pass welcome
a contractor             | 02-01 W: {hire: 2027-03-15, type: contractor}   | 03-11T23 create manager; 03-14T23 +SALES +LIC enable
an executive             | 02-01 W: {hire: 2027-03-15, dept: EXEC}         | 02-28T23 create manager; 03-07T23 told; 03-10T23 +EXEC +LIC; 03-15T05 enable pass welcome
of two the first counts  | 02-01 W: {hire: 2027-03-15, type: contractor, dept: EXEC} | 03-11T23 create manager; 03-14T23 +EXEC +LIC enable
called off               | 02-01 W: {hire: 2027-03-15, type: contractor}; 03-13 W: {status: rescinded, hire: 2027-03-15, type: contractor} | 03-11T23 create manager; 03-13T02 cancel; 03-14T02 delete
an employee after all    | 02-01 W: {hire: 2027-03-15, type: contractor}; 02-20 W: {hire: 2027-03-15} | 02-28T23 create manager; 03-07T23 told; 03-13T23 +SALES +LIC; 03-14T23 enable pass welcome
a contractor after all   | 02-01 W: {hire: 2027-03-15}; 03-03 W: {hire: 2027-03-15, type: contractor} | 02-28T23 create manager; 03-03T02 cancel update; 03-14T23 +SALES +LIC enable
";
    let mut count = check(table, "", WORKFLOWS);
    let state = BASE.replace("ZONE", "Europe/Berlin");
    let table = "
leaves, none for them    | 03-01 W: {last_day: 2027-03-04}                 | 03-04T23 disable revoke -SALES; 04-03T23 -LIC methods; 05-03T23 delete
ten days away            | 03-01 W: {status: leave, leave: unpaid, leave_from: 2027-03-08, leave_to: 2027-03-17} |
becomes an executive     | 03-01 W: {dept: EXEC}                           | 03-01T02 update +EXEC; 03-31T02 -SALES
left, now a contractor   | 03-01 W: {last_day: 2027-03-04}; 03-20 W: {type: contractor, last_day: 2027-03-04} | 03-04T23 disable revoke -SALES; 03-20T02 -LIC methods delete
";
    count += check(table, &state, WORKFLOWS);
    let state = "  - {who: W, base: true, row: {tz: Europe/Berlin, type: contractor}}\n";
    let table = "
leaves                   | 03-01 W: {type: contractor, last_day: 2027-03-04} | 03-04T23 disable revoke -SALES; 03-11T23 -LIC methods; 03-18T23 delete
without a date           | 03-01 W: {type: contractor, status: terminated} | 03-01T02 disable revoke -SALES; 03-08T02 -LIC methods; 03-15T02 delete
for cause                | 03-01 W: {type: contractor, status: terminated, reason: for_cause, last_day: 2027-03-01} | 03-01T02 disable revoke password -SALES methods security; 03-08T02 -LIC; 03-15T02 delete
in Spain, the first counts | 03-01 W: {type: contractor, country: ES}; 03-02 W: {type: contractor, country: ES, last_day: 2027-03-04} | 03-01T02 update; 03-04T23 disable revoke -SALES; 03-11T23 -LIC methods; 03-18T23 delete
gone from the file       | 03-01 W: {type: contractor, last_day: 2027-03-04}; 03-06 absent; 03-07 absent | 03-04T23 disable revoke -SALES; 03-11T23 -LIC methods; 03-18T23 delete
an employee, HR says later | 03-01 W: {type: contractor, last_day: 2027-03-04}; 03-06 W: {last_day: 2027-03-04} | 03-04T23 disable revoke -SALES; 04-03T23 -LIC methods; 05-03T23 delete
and back again           | 03-01 W: {type: contractor, last_day: 2027-03-04}; 03-06 W: {last_day: 2027-03-04}; 03-09 W: {type: contractor, last_day: 2027-03-04} | 03-04T23 disable revoke -SALES; 03-11T23 -LIC methods; 03-18T23 delete
moves                    | 03-01 W: {type: contractor, dept: MKT}          | 03-01T02 update +MKT -SALES
ten days away            | 03-01 W: {type: contractor, status: leave, leave: unpaid, leave_from: 2027-03-08, leave_to: 2027-03-17} | 03-07T23 disable revoke; 03-17T23 enable
becomes an employee      | 03-01 W: {}                                     | 03-01T02 update
a contract, then a job   | 03-01 W: {type: contractor, last_day: 2027-03-31} & X: {person: P-W, hire: 2027-04-01, dept: MKT} | 03-31T22 update +MKT; 04-07T22 -SALES
missing twice            | 03-03 absent; 03-04 absent                      | 03-03T02 report:MISSING_ONCE; 03-04T02 disable revoke report:MISSING_DISABLED; 04-03T02 report:MISSING_UNRESOLVED
";
    count += check(table, state, WORKFLOWS);
    let state = "  - {who: W, base: true, row: {tz: Europe/Berlin, dept: EXEC}}\n";
    let table = "
an executive no more     | 03-01 W: {}                                     | 03-01T02 update +SALES; 03-08T02 -EXEC
missing twice, only told | 03-03 absent; 03-04 absent                      | 03-03T02 report:MISSING_ONCE
missing, and leaves      | 03-01 W: {dept: EXEC, last_day: 2027-03-04}; 03-03 absent; 03-04 absent | 03-03T02 report:MISSING_ONCE; 03-04T23 disable revoke -EXEC; 04-03T23 -LIC methods; 05-03T23 delete
";
    count += check(table, state, WORKFLOWS);
    let state = "  - {who: W, base: true, groups: [G-SALES, G-LIC], roles: [Helpdesk], row: {tz: \
                 Europe/Berlin, country: ES}}\n";
    let table = "
nothing is deleted       | 03-01 W: {country: ES, last_day: 2027-03-04}    | 03-04T23 disable revoke -SALES; 04-03T23 -LIC methods
moves out of Spain       | 03-01 W: {}; 03-02 W: {last_day: 2027-03-04}    | 03-01T02 update; 03-04T23 disable revoke role -SALES; 04-03T23 -LIC methods; 05-03T23 delete
";
    count += check(table, state, WORKFLOWS);
    assert_eq!(count, 28);
}
