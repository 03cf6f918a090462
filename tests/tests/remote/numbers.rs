//! The numbers of a report are what happened to the tenant (P12): counted once more from what was written to it.
//!
//! The count knows Graph's requests and nothing of outcomes: each write after which the tenant was not the same is
//! an operation on an account or a device. Calls fail, answers get lost, calls come twice, and the process dies.
//! What has to hold of an operation of one person, over all reports of a store:
//!
//! - `done` is never more than what changed;
//! - what changed and was answered is `done`;
//! - what changed and is not `done` is an action that ended otherwise, because its answer was lost.

use std::collections::BTreeMap;

use rollcall_core::model::Op;
use rollcall_pipeline::run::Pipeline;
use rollcall_rehearsal::{Fault, Faults, Served};
use serde_json::Value;

use super::Place;
use super::storm::{Trap, Wrong, cut, deliver, quiet, rounds, trapped};

/// An operation, and the employee id of whose account it is about; of a device, nobody's.
type Of = (&'static str, String);

/// Writes of one operation.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Written {
    /// The tenant was not the same afterwards.
    changed: u32,
    /// And the caller may not have heard of it.
    unheard: u32,
}

/// Which operation a write is, by method, path and body alone; `None`: none of Rollcall's.
fn operation(it: &Served) -> Option<&'static str> {
    let wrote = it
        .wrote
        .as_ref()
        .expect("the tenant keeps what was written");
    let body: Value = serde_json::from_str(&wrote.body).unwrap_or(Value::Null);
    let end = it.template.rsplit('/').next().unwrap_or_default();
    Some(match (it.method.as_str(), it.template) {
        ("POST", "/users") => "user.create",
        ("PATCH", "/users/{id}") => match (&body["accountEnabled"], body.get("passwordProfile")) {
            (Value::Bool(true), _) => "user.enable",
            (Value::Bool(false), _) => "user.disable",
            (_, Some(_)) => "user.resetPassword",
            (_, None) => "user.update",
        },
        ("DELETE", "/users/{id}") => "user.deleteSoft",
        ("PUT", "/users/{id}/manager/$ref") => "user.setManager",
        ("DELETE", "/users/{id}/manager/$ref") => "user.clearManager",
        ("POST", "/users/{id}/revokeSignInSessions") => "user.revokeSessions",
        ("POST", "/users/{id}/authentication/temporaryAccessPassMethods") => "tap.issue",
        ("DELETE", path) if path.starts_with("/users/{id}/authentication/") => "authMethods.remove",
        ("DELETE", "/users/{id}/appRoleAssignments/{id}") => "appRole.remove",
        ("POST", path) if path.starts_with("/roleManagement/") => "role.remove",
        ("DELETE", path) if path.starts_with("/roleManagement/") => "role.remove",
        ("PATCH", "/devices/{id}") => "device.disable",
        ("DELETE", "/devices/{id}") => "device.deleteEntra",
        ("POST", _) if end == "retire" => "device.retire",
        ("POST", _) if end == "wipe" => "device.wipe",
        ("POST", _) if end == "wipeManagedAppRegistrationsByDeviceTag" => "app.selectiveWipe",
        _ => return None,
    })
}

/// What was written, operation by operation. What a process that died wrote (`died`, places in the history) may
/// not be known to anybody.
fn written(place: &Place, died: &std::ops::Range<usize>) -> BTreeMap<Of, Written> {
    let users = place.tenant.users();
    let person = |id: &str| {
        let mut of = users.iter().filter(|it| it["id"] == id);
        of.next()
            .map(|it| it["employeeId"].as_str().unwrap().to_owned())
    };
    let mut out: BTreeMap<Of, Written> = BTreeMap::new();
    let history = place.tenant.history();
    for (at, it) in history.iter().enumerate().filter(|(_, it)| it.changed) {
        // What the network sent twice is asked once, and the second answer is the one that came.
        let twice = it.fault == Some(Fault::Duplicate) && !it.again;
        if twice && history[at + 1].changed {
            continue;
        }
        let op = operation(it).unwrap_or_else(|| panic!("whose is {it:?}?"));
        let person = it
            .object
            .as_deref()
            .and_then(person)
            .filter(|_| !on_device(op));
        let lost = match it.fault {
            Some(Fault::ResetAfter | Fault::GatewayTimeoutAfter) => true,
            Some(_) | None => twice,
        };
        let slot = out.entry((op, person.unwrap_or_default())).or_default();
        slot.changed += 1;
        slot.unheard += u32::from(lost || died.contains(&at));
    }
    out
}

fn on_device(op: &str) -> bool {
    op.starts_with("device.") || op.starts_with("app.")
}

/// What reports say of an operation: done, and ended otherwise.
#[derive(Debug, Default, Clone, Copy)]
struct Said {
    done: u32,
    otherwise: u32,
}

/// What the stored reports say, and that each adds up.
async fn said(process: &Pipeline, name: &str) -> BTreeMap<Of, Said> {
    let mut out: BTreeMap<Of, Said> = BTreeMap::new();
    for stored in process.store.list("runs").await.unwrap() {
        if !stored.key.ends_with("/report/report.json") {
            continue;
        }
        let bytes = process.store.get(&stored.key).await.unwrap();
        let report: Value = serde_json::from_slice(&bytes).unwrap();
        let mut by_status: BTreeMap<&str, u64> = BTreeMap::new();
        for change in report["changes"].as_array().unwrap() {
            let status = change["status"].as_str().unwrap();
            *by_status.entry(status).or_default() += 1;
            let op: Op = serde_json::from_value(change["op"].clone()).unwrap();
            let person = change["person"].as_str().unwrap();
            let person = if on_device(op.name()) { "" } else { person };
            let slot = out.entry((op.name(), person.to_owned())).or_default();
            match status {
                "done" => slot.done += 1,
                "scheduled" | "held" => {}
                _ => slot.otherwise += 1,
            }
        }
        for (status, count) in report["outcomes"].as_object().unwrap() {
            let listed = by_status.get(status.as_str()).copied().unwrap_or(0);
            assert_eq!(
                count.as_u64(),
                Some(listed),
                "{name}: {}: {status}",
                stored.key
            );
        }
    }
    out
}

/// Operations of which a second write changes the tenant once more, so that one that is done may stand for
/// several.
const AGAIN: [&str; 2] = ["user.revokeSessions", "user.resetPassword"];
/// One action takes away all that there are.
const SEVERAL: [&str; 1] = ["authMethods.remove"];

/// What is wrong between what was written and what is said.
fn differs(written: &BTreeMap<Of, Written>, said: &BTreeMap<Of, Said>) -> Vec<String> {
    let mut out = Vec::new();
    let silent = |op: &str| {
        op.starts_with("notify.")
            || matches!(op, "task.manual" | "user.proof" | "device.escrowCheck")
    };
    let keys: std::collections::BTreeSet<&Of> = written.keys().chain(said.keys()).collect();
    for of in keys.into_iter().filter(|(op, _)| !silent(op)) {
        let w = written.get(of).copied().unwrap_or_default();
        let s = said.get(of).copied().unwrap_or_default();
        let answered = w.changed - w.unheard;
        let holds = if SEVERAL.contains(&of.0) {
            (s.done == 0 || w.changed > 0) && (answered == 0 || s.done + s.otherwise > 0)
        } else if AGAIN.contains(&of.0) {
            answered <= s.done && s.done <= w.changed
        } else {
            let unsaid = w.changed.saturating_sub(s.done);
            answered <= s.done && s.done <= w.changed && unsaid <= s.otherwise
        };
        if !holds {
            out.push(format!("{of:?}: {w:?}, {s:?}"));
        }
    }
    out
}

/// Each line: changed, unheard, done, otherwise → whether it may be so.
#[test]
fn the_relation_is_no_looser_than_it_says() {
    for (op, changed, unheard, done, otherwise, fine) in [
        ("user.disable", 1, 0, 1, 0, true),
        ("user.disable", 0, 0, 0, 3, true),
        // Twice, or of nothing.
        ("user.disable", 1, 0, 2, 0, false),
        ("user.disable", 0, 0, 1, 0, false),
        // Answered, and said to be something else.
        ("user.disable", 1, 0, 0, 1, false),
        // Lost, and found again.
        ("user.disable", 1, 1, 1, 0, true),
        ("user.disable", 1, 1, 0, 1, true),
        // Lost, and nobody says a word of it.
        ("user.disable", 1, 1, 0, 0, false),
        ("user.revokeSessions", 2, 1, 1, 0, true),
        ("user.revokeSessions", 2, 0, 1, 0, false),
        ("authMethods.remove", 2, 0, 1, 0, true),
        ("authMethods.remove", 0, 0, 1, 0, false),
        ("authMethods.remove", 2, 0, 0, 0, false),
    ] {
        let of = (op, "101".to_owned());
        let written = [(of.clone(), Written { changed, unheard })].into();
        let said = [(of, Said { done, otherwise })].into();
        let found = differs(&written, &said);
        assert_eq!(
            found.is_empty(),
            fine,
            "{op} {changed} {unheard} {done} {otherwise}"
        );
    }
}

/// `ROLLCALL_NUMBERS` runs with faults (200); every other one dies at a call of its own.
#[tokio::test(start_paused = true)]
async fn what_reports_count_is_what_was_written() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|it| it.parse::<u64>().ok())
    };
    let seeds = match number("ROLLCALL_NUMBER") {
        Some(one) => one..one + 1,
        None => 0..number("ROLLCALL_NUMBERS").unwrap_or(200),
    };
    let many = seeds.end - seeds.start >= 12;
    let (mut lost, mut otherwise) = (0, 0);
    for seed in seeds {
        let (place, process) = quiet().await;
        place.tenant.set_faults(Faults::documented(seed, 0.3));
        deliver(&process, 1).await;
        let begun = place.tenant.history().len();
        let mut died = begun..begun;
        if seed % 2 == 1 {
            let call = usize::try_from(seed * 7 % 180).unwrap() + 1;
            let trap = Trap::new(call, Wrong::Crash, false);
            cut(&trapped(&place, &process, &trap), &trap).await;
            died.end = place.tenant.history().len();
        }
        rounds(&place, &process, 24).await;
        let name = format!("ROLLCALL_NUMBER={seed}");
        let (written, said) = (written(&place, &died), said(&process, &name).await);
        let wrong = differs(&written, &said);
        assert!(wrong.is_empty(), "{name}: {wrong:#?}");
        lost += written.values().map(|it| it.unheard).sum::<u32>();
        otherwise += said.values().map(|it| it.otherwise).sum::<u32>();
        for op in [
            "user.create",
            "user.disable",
            "user.update",
            "role.remove",
            "device.retire",
        ] {
            assert!(written.keys().any(|(of, _)| *of == op), "{name}: no {op}");
        }
    }
    assert!(
        !many || (lost > 100 && otherwise > 100),
        "no storm: {lost}, {otherwise}"
    );
}
