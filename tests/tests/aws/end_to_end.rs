//! The functions end to end: a file dropped in the bucket becomes accounts and a report, with no
//! permission but those of the template; the same as on one machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rollcall_http::Clock;
use rollcall_pipeline::log;
use rollcall_pipeline::queue::{Delivery, Lane, Queue as _};
use rollcall_rehearsal::{Tenant, TenantOptions};
use rollcall_tests::tenant::users;
use serde_json::{Value, json};

use crate::functions::{Deployment, Ended, FUNCTIONS, bootstrap, policies};
use crate::gate::{HARNESS, Trap, matches, person, user_id};

/// Permissions that no call of a function's own shows: what services do on its behalf. Sources: the
/// pages on execution roles, event source mappings, dead-letter queues and SSE-KMS.
const ON_BEHALF: [&str; 13] = [
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "GivenUp/sqs:SendMessage",
    "TakeOrders/sqs:GetQueueAttributes",
    "TakeAnnouncements/sqs:GetQueueAttributes",
    "TellExpiredFromForbidden/s3:ListBucket",
    // A release that calls a run back folds it: here none of those has cut anybody off.
    "LookForCutsOfOthers/s3:GetObject",
];

/// Two nights' files, both of the past day so that the wall clock of the functions takes them.
pub(crate) fn nights() -> [(String, String); 2] {
    let today = jiff::Timestamp::now();
    let yesterday = today - jiff::SignedDuration::from_hours(24);
    let name = |at: jiff::Timestamp| format!("workers-{}.csv", at.strftime("%Y-%m-%d"));
    [
        (name(yesterday), crate::people(101..=112, "Sales", &[])),
        (name(today), crate::people(101..=114, "Media", &[105, 108])),
    ]
}

pub(crate) async fn a_file_becomes_accounts() {
    let size = std::fs::metadata(bootstrap()).unwrap().len();
    // AWS takes 250 MB unpacked; what counts is how soon a function starts, which is printed below.
    assert!(size <= 48_000_000, "the binary has {size} bytes");
    let place = Deployment::new("rollcall").await;
    for (function, _) in FUNCTIONS {
        let answer = place.call(function, json!({"check": true})).await;
        assert_eq!(answer["generation"], 0, "{function}: {answer}");
        let (start, peak) = place.figures(function).await;
        eprintln!("{function}: first event asked for after {start:?}, {peak} kB");
        // What comes next is done by a process of its own.
        place.stop(function).await;
    }
    let mut plans = Vec::new();
    for (name, text) in nights() {
        place.drop_file(&name, &text);
        let taken = place.call("pull", json!({"source": "csv2scim"})).await;
        assert_eq!(taken["taken"].as_array().map(Vec::len), Some(1), "{taken}");
        // The file was announced twice.
        let again = place.call("pull", json!({"Records": []})).await;
        assert_eq!(again, json!({"taken": [], "dismissed": 0, "refused": 0}));
        let planned = place.call("plan", json!({})).await;
        assert!(planned["sent"].as_u64().unwrap() >= 12, "{planned}");
        let sent_again = place.call("plan", json!({})).await;
        assert_eq!(sent_again["sent"], 0, "they are under way: {sent_again}");
        for _ in 0..40 {
            place.feed().await;
            place.call("report", json!({})).await;
            place.call("release", json!({})).await;
            if log::head(&place.store)
                .await
                .unwrap()
                .standing
                .open
                .is_empty()
            {
                break;
            }
        }
        let open = log::head(&place.store).await.unwrap().standing.open;
        let said = || {
            FUNCTIONS
                .map(|(function, _)| place.log_of(function))
                .join("\n")
        };
        assert!(
            open.is_empty(),
            "{open:?} {:?}\n{}",
            place.gate.refused(),
            said()
        );
        let run = taken["taken"][0].as_str().unwrap();
        let report: Value = place
            .store
            .json(&format!("runs/{run}/report/report.json"))
            .await
            .unwrap();
        assert_eq!(report["outcomes"]["failed"], 0);
        assert!(
            place
                .store
                .look(&format!("runs/{run}/report/report.html"))
                .await
                .unwrap()
                .is_some()
        );
        plans.push((report["now"].clone(), report["actions_sha256"].clone()));
    }
    let queue = place.queue();
    for lane in [Lane::Urgent, Lane::Bulk] {
        assert_eq!(queue.depth(lane).await.unwrap(), 0);
        assert_eq!(queue.dead_letters(lane).await.unwrap(), []);
    }
    let (tenant, embedded) = on_one_machine(&plans);
    assert_eq!(users(&place.tenant), tenant);
    let remote: Vec<&Value> = plans.iter().map(|(_, plan)| plan).collect();
    assert_eq!(remote, embedded.iter().collect::<Vec<_>>(), "other plans");

    the_tenant_is_as_hr_says(&place).await;
    let config = place.dir().join("rollcall.toml").display().to_string();
    crate::cli::rollcall(&["verify", "-c", &config], 0);
    let status = crate::cli::rollcall(&["status", "-c", &config, "--json"], 0);
    let status: Value = serde_json::from_str(status.trim()).unwrap();
    assert_eq!(
        (&status["persons"], &status["late"]),
        (&json!(14), &json!(0))
    );
    somebody_is_erased(&place).await;
    an_inbox_of_the_past(&place).await;
    what_was_said(&place);
    assert_eq!(place.gate.refused(), [] as [&str; 0]);
}

/// The weekly function finds nothing, then whom somebody let in again, and writes what auditors ask for.
async fn the_tenant_is_as_hr_says(place: &Deployment) {
    let answer = place.call("reconcile", json!({})).await;
    assert_eq!(answer["totals"], json!({"matched": 14}), "{answer}");
    let accounts = place.tenant.users();
    let left = accounts.iter().find(|user| user["employeeId"] == "105");
    let left = left.and_then(|user| user["id"].as_str()).unwrap();
    let inside = json!({"accountEnabled": true});
    place.tenant.change_user(left, &inside).unwrap();
    let answer = place.call("reconcile", json!({})).await;
    assert_eq!(answer["totals"], json!({"leaver_active": 1, "matched": 13}));
    let outside = json!({"accountEnabled": false});
    place.tenant.change_user(left, &outside).unwrap();
    let folder = format!("runs/{}/report", answer["reconciled"].as_str().unwrap());
    for name in [
        "reconciliation.csv",
        "controls.html",
        "controls.json",
        "population.csv",
    ] {
        let found = place.store.look(&format!("{folder}/{name}")).await.unwrap();
        assert!(found.is_some(), "{name}");
    }
}

/// Whoever left is erased by a word that the plan function hears; nothing of them is left in reports.
async fn somebody_is_erased(place: &Deployment) {
    place.drop_file("notes.csv", "WorkerID\n999\n");
    place.laptop(&person("ada"), &["erase", "105", "--anyway"], 0);
    let answer = place.call("plan", json!({})).await;
    let erased = answer["erased"].as_array().unwrap();
    assert_eq!(erased.len(), 1, "{answer}\n{}", place.log_of("plan"));
    let again = place.call("plan", json!({})).await;
    assert_eq!(again["erased"], json!([]), "a word is heard once");
    place.store.delete("inbox/notes.csv").await.unwrap();
    for listed in place.store.list("values").await.unwrap() {
        assert!(!listed.key.ends_with("erasing.json"), "{}", listed.key);
    }
    place.laptop(&person("ada"), &["verify"], 0);
}

/// The same two files on one machine, at the instants of the functions' plans.
fn on_one_machine(plans: &[(Value, Value)]) -> (BTreeMap<String, Value>, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("rc");
    let text = dir.display().to_string();
    crate::cli::init(&text);
    let config = dir.join("rollcall.toml").display().to_string();
    let mut digests = Vec::new();
    for ((name, text), (now, _)) in nights().iter().zip(plans) {
        std::fs::write(dir.join("inbox").join(name), text).unwrap();
        let at = now.as_str().unwrap();
        let out = crate::cli::rollcall(&["run", "-c", &config, "--now", at, "--json"], 0);
        let report: Value = serde_json::from_str(out.trim().lines().next().unwrap()).unwrap();
        digests.push(report["actions_sha256"].clone());
    }
    let options = TenantOptions {
        journal: Some(dir.join("tenant.jsonl")),
        ..TenantOptions::default()
    };
    let tenant = Tenant::open(options, Clock::system()).unwrap();
    (users(&tenant), digests)
}

/// A file that is older than what was taken is refused, and said so as a figure.
async fn an_inbox_of_the_past(place: &Deployment) {
    let (name, text) = &nights()[0];
    place.drop_file(name, &text.replace("Sales", "Other"));
    let answer = place.call("pull", json!({})).await;
    assert_eq!(answer, json!({"taken": [], "dismissed": 0, "refused": 1}));
}

/// Logs are JSON, figures are there, and nothing of a person is in either.
fn what_was_said(place: &Deployment) {
    let mut figures = BTreeSet::new();
    for (function, _) in FUNCTIONS {
        let text = std::fs::read_to_string(place.log_file(function)).unwrap();
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
            for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
                .as_array()
                .into_iter()
                .flatten()
            {
                let name = metric["Name"].as_str().unwrap();
                assert!(line[name].is_number(), "{line}");
                assert_eq!(line["Deployment"], "rollcall");
                figures.insert(name.to_owned());
            }
        }
        for personal in ["Ruiz", "EMP101", "030-", "High St", "woodgrove.example"] {
            assert!(!text.contains(personal), "{function} says {personal}");
        }
    }
    for expected in [
        "FilesTaken",
        "FilesRefused",
        "PlansMade",
        "OrdersSent",
        "OrdersDone",
        "RunsClosed",
        "SourceStale",
        "LateSecondsMax",
        "PlansWaiting",
        "ActionsFailed",
        "ReconciledAccounts",
        "LeaversInside",
    ] {
        assert!(
            figures.contains(expected),
            "nobody said {expected}: {figures:?}"
        );
    }
}

/// Every permission of the template was used by somebody, but for those that services use on our
/// behalf.
pub(crate) fn nothing_wider() {
    let calls = crate::gate::calls();
    let mut unused = Vec::new();
    for (function, statements) in policies("rollcall", "EvidenceKey").allow {
        for statement in statements {
            for action in &statement.actions {
                let named = format!("{}/{action}", statement.sid);
                if ON_BEHALF.contains(&action.as_str()) || ON_BEHALF.contains(&named.as_str()) {
                    continue;
                }
                for resource in &statement.resources {
                    let used = calls.iter().any(|(who, what, on)| {
                        *who == function && what == action && matches(resource, on)
                    });
                    if !used {
                        unused.push(format!("{function}: {named} on {resource}"));
                    }
                }
            }
        }
    }
    assert_eq!(unused, [] as [&str; 0], "wider than what is done");
}

/// A file of thirty workers at a department; some have left, and one more begins in between.
fn thirty(department: &str, left: &[u32], begins: Option<jiff::Timestamp>) -> String {
    let mut text = crate::people(101..=130, department, left);
    if let Some(begins) = begins {
        let more = crate::people(131..=131, department, &[]);
        let more = more.lines().nth(1).unwrap();
        let date = begins.strftime("%Y-%m-%d").to_string();
        text.push_str(&more.replace("2015-01-10", &date));
        text.push('\n');
    }
    text
}

/// Steps until no run is open.
async fn finish(place: &Deployment) {
    for _ in 0..60 {
        for batches in 0.. {
            assert!(batches < 100, "{:?}", place.gate.refused());
            if place.feed().await == 0 {
                break;
            }
        }
        place.call("report", json!({})).await;
        let head = log::head(&place.store).await.unwrap();
        if head.standing.open.is_empty() {
            return;
        }
    }
    panic!("it does not end: {:?}", place.gate.refused());
}

/// One batch of the many, so that the run is under way.
async fn begin(place: &Deployment) {
    let planned = place.call("plan", json!({})).await;
    assert!(planned["sent"].as_u64().unwrap() >= 30, "{planned}");
    place.feed().await;
    let open = log::head(&place.store).await.unwrap().standing.open;
    let planned = open.iter().filter(|o| o.stage == log::Stage::Planned);
    assert_eq!(planned.count(), 1, "it is under way");
}

fn all_are_in(place: &Deployment, department: &str) {
    for user in users(&place.tenant).values() {
        assert_eq!(user["department"], department);
    }
}

/// What fell due and what is newer does not wait for a run that is under way, and two people
/// approve from their own machines what a guard kept back.
pub(crate) async fn newer_data_releases_and_approvals() {
    let place = Deployment::new("rest").await.unhurried();
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let midnight = today.start_of_day().unwrap().timestamp();
    let before = |hours: i64| midnight - jiff::SignedDuration::from_hours(hours);
    // From a laptop, as the clock stood before today, when somebody begins.
    for (hours, department) in [(49, "Sales"), (25, "Sales"), (1, "Media")] {
        let begins = (hours < 49).then_some(midnight);
        place.drop_file("workers.csv", &thirty(department, &[], begins));
        let at = before(hours).to_string();
        for step in ["pull", "plan"] {
            place.laptop(HARNESS, &[step, "--now", &at], 0);
        }
        if hours == 25 {
            place.call("plan", json!({})).await;
        } else {
            begin(&place).await;
        }
        if hours > 1 {
            finish(&place).await;
        }
    }
    assert_eq!(users(&place.tenant)["131"]["accountEnabled"], false);
    let released = place.call("release", json!({})).await;
    assert!(released["planned"].is_string(), "{released}");
    finish(&place).await;
    assert_eq!(users(&place.tenant)["131"]["accountEnabled"], true);
    all_are_in(&place, "Media");

    // Newer data while a run is under way: it is folded as it stands. Somebody is cut off and back
    // again in between.
    let dated = |at: jiff::Timestamp| format!("workers-{}.csv", at.strftime("%Y-%m-%d"));
    place.drop_file(&dated(midnight), &thirty("Board", &[130], Some(midnight)));
    place.call("pull", json!({})).await;
    // The planner dies before it has sent anything: the next release does.
    let killed = place.trapped("plan", json!({}), (1, "/outcomes/"), Trap::KillBefore);
    assert_eq!(killed.await, Ended::Killed);
    let released = place.call("release", json!({})).await;
    assert_eq!(released["sent"], 31, "{released}");
    place.feed().await;
    assert_eq!(users(&place.tenant)["130"]["accountEnabled"], false);
    place.drop_file("workers.csv", &thirty("Works", &[], Some(midnight)));
    let taken = place.call("pull", json!({})).await;
    assert_eq!(taken["refused"], 0, "{}", place.log_of("pull"));
    begin(&place).await;
    finish(&place).await;
    all_are_in(&place, "Works");
    assert_eq!(users(&place.tenant)["130"]["accountEnabled"], true);

    // Eleven leave at once: more than the budget lets go.
    let left: Vec<u32> = (110..=120).collect();
    let policy = std::fs::read_to_string(place.dir().join("policy.toml")).unwrap();
    let policy = policy
        .replace(
            "inactive_share_points = 5.0",
            "inactive_share_points = 90.0",
        )
        .replace("workers = []", "workers = [\"125\"]");
    place.reconfigure("policy.toml", &policy);
    // And one of those who move is protected.
    let tomorrow = dated(before(-24));
    place.drop_file(&tomorrow, &thirty("Docks", &left, Some(midnight)));
    place.call("pull", json!({})).await;
    place.call("plan", json!({})).await;
    finish(&place).await;
    let enabled = || {
        let users = users(&place.tenant);
        users
            .values()
            .filter(|u| u["accountEnabled"] == true)
            .count()
    };
    assert_eq!(enabled(), 31, "more than the budget lets go");
    let ada = person("ada");
    let ben = person("ben");
    let status = place.laptop(&ada, &["status", "--json"], 3);
    let status: Value = serde_json::from_str(status.trim()).unwrap();
    let pending = &status["pending"][0];
    let run = pending["run"].as_str().unwrap();
    let plan = pending["plan_sha256"].as_str().unwrap();
    let approve = |key: &str, code| {
        let args = [
            "approve",
            run,
            "--plan",
            plan,
            "--reason",
            "the plant is closed",
            "--json",
        ];
        place.laptop(key, &args, code)
    };
    let shown = place.laptop(&ada, &["show", run, "--json"], 3);
    let shown: Value = serde_json::from_str(shown.trim()).unwrap();
    assert_eq!(shown["plan"]["plan_sha256"], pending["plan_sha256"]);
    let one = approve(&ada, 3);
    let who = format!("\"{}\"", user_id(&ada));
    assert!(one.contains(&who), "who the credentials prove: {one}");
    // Said again before it counts it is the same; then it is one too many.
    approve(&ada, 3);
    place.call("plan", json!({})).await;
    approve(&ada, 2);
    place.call("release", json!({})).await;
    approve(&ben, 0);
    place.call("report", json!({})).await;
    forge(&place, &ada, &ben);
    assert_eq!(users(&place.tenant)["125"]["department"], "Works");
    finish(&place).await;
    assert_eq!(enabled(), 20);
    assert_eq!(users(&place.tenant)["125"]["department"], "Docks");
    taken_back(&place, run, (&ada, &ben)).await;
    assert_eq!(enabled(), 31);
    assert_eq!(users(&place.tenant)["125"]["department"], "Works");
    place.laptop(&ben, &["verify"], 0);
    assert_eq!(place.gate.refused(), [] as [&str; 0]);
    let report = format!("/{}/runs/{run}/report/report.html", place.values);
    let said = crate::stand_in::ask(place.gate_port, &ada, ("s3", "GET"), &report, "");
    assert!(said.contains("<!doctype html>"), "{said}");
}

/// From a laptop somebody asks for a run to be taken back; the next release plans it, two agree: one of
/// those who moved is protected.
async fn taken_back(place: &Deployment, run: &str, (ada, ben): (&str, &str)) {
    let args = ["undo", run, "--reason", "the plant is not closed", "--json"];
    let said = place.laptop(ada, &args, 3);
    let said: Value = serde_json::from_str(said.trim()).unwrap();
    assert_eq!(said["asked_by"], user_id(ada));
    let signed_out = said["not_taken_back"].as_array().unwrap().len();
    assert_eq!(signed_out, 11, "{said}");
    place.call("release", json!({})).await;
    let status = place.laptop(ben, &["status", "--json"], 3);
    let status: Value = serde_json::from_str(status.trim()).unwrap();
    let pending = status["pending"].as_array().unwrap().last().unwrap();
    assert_eq!(pending["guards"], json!(["protected", "undo"]), "{status}");
    let text = |name: &str| pending[name].as_str().unwrap();
    let (undo, plan) = (text("run"), text("plan_sha256"));
    let args = ["approve", undo, "--plan", plan, "--reason", "seen"];
    place.laptop(ben, &args, 3);
    place.laptop(ada, &args, 0);
    place.call("release", json!({})).await;
    finish(place).await;
}

/// Once all of the state is in one file, what it was before goes, and everything still works.
pub(crate) async fn old_state_goes() {
    let place = Deployment::new("swept").await.unhurried();
    let of = |name: &str| std::fs::read_to_string(place.dir().join(name)).unwrap();
    let deployment =
        of("deployment.toml").replace("\n\n[queue]", "\n\n[retention]\nstate_days = 0\n\n[queue]");
    place.reconfigure("deployment.toml", &deployment);
    let policy = of("policy.toml").replace("max_source_age_h = 36", "max_source_age_h = 1000");
    place.reconfigure("policy.toml", &policy);
    let now = jiff::Timestamp::now();
    let mut most = 0;
    for day in 0..20 {
        let date = now - jiff::SignedDuration::from_hours(24 * (20 - day));
        let name = format!("workers-{}.csv", date.strftime("%Y-%m-%d"));
        let department = ["Sales", "Media"][usize::try_from(day % 2).unwrap()];
        place.drop_file(&name, &crate::people(101..=103, department, &[]));
        place.call("pull", json!({})).await;
        place.call("plan", json!({})).await;
        finish(&place).await;
        all_are_in(&place, department);
        let standing = log::head(&place.store).await.unwrap().standing;
        let listed = place.store.list("state").await.unwrap();
        let listed: Vec<&str> = listed.iter().map(|file| file.key.as_str()).collect();
        // Beside it lies what others changed in the tenant, written over and over.
        let kept: Vec<&str> = standing.state.keys().chain(["state/tenant.json"]).collect();
        assert_eq!(listed, kept);
        if most > kept.len() {
            return;
        }
        most = kept.len();
    }
    panic!("the state is never joined");
}

/// One person cannot be two, nor write what only functions write.
fn forge(place: &Deployment, one: &str, other: &str) {
    let evidence = format!("arn:aws:s3:::{}", place.evidence);
    let may = |key: &str| {
        let resource = format!("{evidence}/{key}");
        place.gate.allows(one, "s3:PutObject", &resource, true)
    };
    let own = format!("approvals/{}/x.json", user_id(one));
    assert!(may(&own));
    let replaced = format!("{evidence}/{own}");
    assert!(!place.gate.allows(one, "s3:PutObject", &replaced, false));
    let theirs = format!("approvals/{}/x.json", user_id(other));
    for key in [
        theirs.as_str(),
        "log/000000000099.json",
        "config/policy.toml",
        "runs/x/plan.json",
    ] {
        assert!(!may(key), "{key}");
    }
}

/// A dismissal that is dropped goes ahead without a file of HR, and not while somebody halts: messages
/// stay in their lane until it goes on.
pub(crate) async fn a_dismissal_and_a_halt() {
    let place = Deployment::new("dismissed").await.unhurried();
    let [(name, text), _] = nights();
    place.drop_file(&name, &text);
    place.call("pull", json!({})).await;
    place.call("plan", json!({})).await;
    finish(&place).await;
    let enabled = || users(&place.tenant)["105"]["accountEnabled"].clone();
    assert_eq!(enabled(), true);

    // One who is known, and one of whom nobody heard: the file stays for the latter.
    place.drop_file("dismiss-1.csv", "WorkerID\n105\n999\n");
    let answer = place.call("pull", json!({})).await;
    assert_eq!(answer["dismissed"], 1, "{answer}");
    assert_eq!(answer["refused"], 1, "{answer}");
    let said = place.log_of("pull");
    assert!(said.contains("row 3"), "{said}");
    place.drop_file("dismiss-1.csv", "WorkerID\n105\n");
    let answer = place.call("pull", json!({})).await;
    assert_eq!(answer["refused"], 0, "{answer}");
    assert_eq!(place.store.list("inbox").await.unwrap(), []);

    let released = place.call("release", json!({})).await;
    assert!(released["planned"].is_string(), "{released}");
    halted(&place, Lane::Urgent).await;
    assert_eq!(enabled(), true, "it stands still");
    resumed(&place).await;
    assert_eq!(enabled(), false);

    let [_, (name, text)] = nights();
    place.drop_file(&name, &text);
    place.call("pull", json!({})).await;
    place.call("plan", json!({})).await;
    halted(&place, Lane::Bulk).await;
    let department = || users(&place.tenant)["101"]["department"].clone();
    assert_eq!(department(), "Sales", "it stands still");
    resumed(&place).await;
    assert_eq!(department(), "Media");
    place.laptop(&person("ada"), &["verify"], 0);
    assert_eq!(place.gate.refused(), [] as [&str; 0]);
}

const WHY: [&str; 2] = ["--reason", "the wrong file was dropped"];

/// Somebody halts, and a batch is handed out after that: it leaves the queue, where it would be given
/// up in the end, and nothing is sent.
async fn halted(place: &Deployment, lane: Lane) {
    place.laptop(&person("ada"), &[&["halt"], &WHY[..]].concat(), 0);
    let batch = place.receive(lane, 10).await;
    assert!(!batch.is_empty());
    let function = match lane {
        Lane::Urgent => "apply-urgent",
        Lane::Bulk => "apply-bulk",
    };
    let ended = place.invoke(function, 0, place.event(lane, &batch)).await;
    assert_eq!(ended, Ended::Answer(json!({"batchItemFailures": []})));
    place.settle(lane, &batch, &ended).await;
    let sent = place.call("release", json!({})).await;
    assert_eq!(sent["sent"], 0, "{sent}");
}

/// It goes on: the next release sends anew what left the queue, once nothing else is on it.
async fn resumed(place: &Deployment) {
    place.laptop(&person("ada"), &[&["resume"], &WHY[..]].concat(), 0);
    for batches in 0.. {
        assert!(batches < 100, "{:?}", place.gate.refused());
        if place.feed().await == 0 {
            break;
        }
    }
    let sent = place.call("release", json!({})).await;
    let said = place.log_of("release");
    assert!(sent["sent"].as_u64().unwrap() > 0, "{sent}\n{said}");
    finish(place).await;
}

/// [A good, B garbage, C good, B good] through the function: A and C are done, the garbage is put aside
/// with its reason, B comes again and is done then.
pub(crate) async fn garbage_in_a_batch() {
    let place = Deployment::new("garbage").await;
    let [(name, text), _] = nights();
    place.drop_file(&name, &text);
    // The answer to a conditional write is lost: what is found there is our own.
    let lost = place.trapped("pull", json!({}), (1, "/runs/"), |_| Trap::LoseAnswer);
    let Ended::Answer(taken) = lost.await else {
        panic!("a lost answer is no failure")
    };
    assert_eq!(taken["taken"].as_array().map(Vec::len), Some(1), "{taken}");
    // The planner dies before it has sent anything: where no release comes first, report sends.
    let killed = place.trapped("plan", json!({}), (1, "/outcomes/"), Trap::KillBefore);
    assert_eq!(killed.await, Ended::Killed);
    place.call("report", json!({})).await;
    let batch = place.receive(Lane::Bulk, 10).await;
    let [a, b, c, ..] = &batch[..] else {
        panic!("{batch:?}")
    };
    let garbage = Delivery {
        body: "{\"not\": \"a message\"}".to_owned(),
        receipt: batch[3].receipt.clone(),
        ..b.clone()
    };
    let mixed = [a.clone(), garbage, c.clone(), b.clone()];
    let event = place.event(Lane::Bulk, &mixed);
    let answer = place.call("apply-bulk", event).await;
    assert_eq!(
        answer,
        json!({"batchItemFailures": [{"itemIdentifier": "3"}]})
    );
    assert_eq!(place.tenant.users().len(), 2);
    let dead = place.queue().dead_letters(Lane::Bulk).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert!(dead[0].1.contains("not a message"), "{dead:?}");
    let event = place.event(Lane::Bulk, std::slice::from_ref(b));
    let answer = place.call("apply-bulk", event).await;
    assert_eq!(answer, json!({"batchItemFailures": []}));
    assert_eq!(place.tenant.users().len(), 3);

    // The same on the way of the cuts.
    let envelope = rollcall_pipeline::queue::Envelope {
        group: rollcall_core::model::PersonKey::new("x"),
        deduplication_id: "x".to_owned(),
        body: "nothing of ours".to_owned(),
    };
    place
        .queue()
        .send(Lane::Urgent, vec![envelope])
        .await
        .unwrap();
    let batch = place.receive(Lane::Urgent, 10).await;
    let event = place.event(Lane::Urgent, &batch);
    let answer = place.call("apply-urgent", event).await;
    assert_eq!(answer, json!({"batchItemFailures": []}));
    assert_eq!(place.queue().depth(Lane::Urgent).await.unwrap(), 0);

    // An event that is not one, and a queue that is not ours, are errors with a name.
    for event in [
        json!({"Records": [{"body": 1}]}),
        json!({"Records": [{
            "messageId": "1", "receiptHandle": "r", "body": "b",
            "attributes": {"MessageGroupId": "g"}, "eventSourceARN": "arn:aws:sqs:x:1:other",
        }]}),
    ] {
        let Ended::Error(error) = place.invoke("apply-bulk", 0, event).await else {
            panic!("taken")
        };
        assert_eq!(error["errorType"], "Event", "{error}");
    }
}

/// With a client secret in place of federation: looked up where it is kept, and no role but those
/// that talk to the tenant may.
pub(crate) async fn a_kept_client_secret() {
    let place = Deployment::new("kept").await;
    let name = "kept/client-secret";
    let secret = TenantOptions::default().client_secret;
    crate::stand_in::make_secret(name, &secret);
    let config = place.dir().join("rollcall.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replace(
        "federation = \"aws\"",
        &format!("client_secret = \"{name}\""),
    );
    std::fs::write(&config, text).unwrap();
    let out = place.laptop(HARNESS, &["check", "--online", "--json"], 0);
    let probe: Value = serde_json::from_str(out.trim()).unwrap();
    assert_eq!(probe["missing"], json!([]), "{probe}");
    assert!(Path::new(&config).is_file());
}
