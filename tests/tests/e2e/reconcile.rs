//! The tenant against HR and state: what others planted is found, in its class, and nothing else is.

use std::collections::{BTreeMap, BTreeSet};

use libtest_mimic::Trial;
use rollcall_core::digest::EvidenceKey;
use rollcall_core::mapping::Given;
use rollcall_http::Clock;
use rollcall_pipeline::config::Settings;
use serde_json::{Value, json};

use crate::trial;
use crate::world::{Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "reconcile::what_is_planted_among_20_000_is_found_and_nothing_else",
            planted,
        ),
        trial(
            "reconcile::drift_of_every_kind_of_attribute_is_found_and_healed",
            healed,
        ),
        trial(
            "reconcile::a_heal_waits_for_approval_as_any_plan_does",
            held,
        ),
        trial(
            "reconcile::without_permission_nobody_is_called_dormant",
            unread,
        ),
        trial(
            "reconcile::the_control_pack_is_counted_from_the_record",
            controls,
        ),
        trial(
            "reconcile::a_register_without_owner_is_refused",
            register_refused,
        ),
        trial(
            "reconcile::before_anything_was_accepted_there_is_nothing_to_compare",
            nothing_accepted,
        ),
    ]
}

const JOINED: &str = "2026-03-14T02:00:00Z";
const CUT: &str = "2026-03-15T02:00:00Z";
const PLANNED: &str = "2026-03-16T02:00:00Z";
const SEEN: &str = "2026-03-16T12:00:00Z";

/// A world whose HR says the last day of work, in a column of the sample that nothing else reads.
fn world() -> World {
    let world = World::new();
    world.unproven();
    world.edit(
        "mapping.toml",
        "status = \"WorkerStatus\"",
        "status = \"WorkerStatus\"\nlast_day = { column = \"Custom01\", format = \"iso\" }",
    );
    world.edit(
        "policy.toml",
        "max_source_age_h = 36",
        "max_source_age_h = 9000",
    );
    world.edit(
        "rollcall.toml",
        "policy = \"policy.toml\"",
        "policy = \"policy.toml\"\nreconcile = \"reconcile.toml\"",
    );
    register(&world, "");
    world
}

fn register(world: &World, exceptions: &str) {
    let text = format!("format_version = 1\n{exceptions}");
    std::fs::write(world.dir().join("reconcile.toml"), text).unwrap();
}

/// The file with other cells: worker, column, value.
fn with(csv: &str, cells: &[(u32, &str, &str)]) -> String {
    let header: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    let mut out = String::new();
    for line in csv.lines() {
        let mut values: Vec<String> = line.split(',').map(str::to_owned).collect();
        for (worker, column, value) in cells {
            if values[0] == worker.to_string() {
                let at = header.iter().position(|it| it == column).unwrap();
                values[at] = (*value).to_owned();
            }
        }
        out += &values.join(",");
        out.push('\n');
    }
    out
}

/// Everybody's account is there before the first run, as the mapping would make it: that one links
/// them by their keys and has nothing to write.
fn seed(world: &World, csv: &str, now: &str) {
    let settings = Settings::read(&world.config()).unwrap();
    let tenant = world.simulated_tenant(Clock::starting_at(now.parse().unwrap()));
    let mut csv = csv::Reader::from_reader(csv.as_bytes());
    let header: Vec<String> = csv.headers().unwrap().iter().map(str::to_owned).collect();
    let bound = settings.mapping().bind(&header).unwrap();
    let key = EvidenceKey::new(*b"seed");
    let given = Given {
        now: now.parse().unwrap(),
        key: &key,
    };
    for (row, record) in (2..).zip(csv.records()) {
        let record = record.unwrap();
        let identity = bound.map(&|at| &record[at], row, &given).identity;
        let mut user = json!({"accountEnabled": true});
        for (name, value) in identity.always.iter().chain(&identity.on_create) {
            let value = serde_json::to_value(value).unwrap();
            match name.split_once('.') {
                None => user[name] = value,
                Some((outer, inner)) => user[outer][inner] = value,
            }
        }
        tenant.put_user(user).unwrap();
    }
}

/// A tenant as an administrator has it in hand.
struct Admin {
    tenant: rollcall_rehearsal::Tenant,
    ids: BTreeMap<String, String>,
}

impl Admin {
    fn new(world: &World, now: &str) -> Self {
        let ids = world.users();
        let id = |user: &Value| user["id"].as_str().unwrap().to_owned();
        Self {
            ids: ids
                .iter()
                .map(|(key, user)| (key.clone(), id(user)))
                .collect(),
            tenant: world.simulated_tenant(Clock::starting_at(now.parse().unwrap())),
        }
    }

    fn change(&self, worker: &str, properties: &Value) {
        self.tenant
            .change_user(&self.ids[worker], properties)
            .unwrap();
    }

    fn signed_in(&self, worker: &str, at: &str) {
        let at = at.parse().unwrap();
        self.tenant.sign_in(&self.ids[worker], at).unwrap();
    }

    fn make(&self, name: &str, key: Option<&str>) {
        let mut user = json!({
            "displayName": name,
            "userPrincipalName": format!("{name}@woodgrove.example"),
            "mailNickname": name,
            "accountEnabled": true,
        });
        if let Some(key) = key {
            user["employeeId"] = key.into();
        }
        self.tenant.put_user(user).unwrap();
    }
}

/// A line of `reconciliation.csv` by the names of its columns.
type Line = BTreeMap<String, String>;

/// The lines of a reconciliation and its totals, as a spreadsheet reads them.
fn table(world: &World, run: &str) -> (Vec<Line>, BTreeMap<String, u64>) {
    let key = format!("runs/{run}/report/reconciliation.csv");
    let bytes = &world.files("runs")[&key];
    let mut csv = csv::Reader::from_reader(bytes.as_slice());
    let header: Vec<String> = csv.headers().unwrap().iter().map(str::to_owned).collect();
    let (mut lines, mut totals) = (Vec::new(), BTreeMap::new());
    for record in csv.records() {
        let record = record.unwrap();
        let values = record.iter().map(str::to_owned);
        let line: Line = header.iter().cloned().zip(values).collect();
        match line["class"].strip_prefix("total ") {
            Some(name) => {
                totals.insert(name.to_owned(), line["reason"].parse().unwrap());
            }
            None => lines.push(line),
        }
    }
    (lines, totals)
}

/// Lines of each class, by the worker or else the account that they name; what is in step left out.
fn found(lines: &[Line]) -> BTreeSet<(String, String)> {
    let odd = lines.iter().filter(|line| line["class"] != "matched");
    odd.map(|line| {
        let name = line["target_upn"].split('@').next().unwrap_or_default();
        let worker = &line["worker_id"];
        let who = if worker.is_empty() { name } else { worker };
        (line["class"].clone(), who.to_owned())
    })
    .collect()
}

fn expected(classes: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    let own = |(class, who): &(&str, &str)| ((*class).to_owned(), (*who).to_owned());
    classes.iter().map(own).collect()
}

fn drift_of<'a>(lines: &'a [Line], worker: &str) -> &'a str {
    let line = lines.iter().find(|line| line["worker_id"] == worker);
    &line.unwrap()["drift"]
}

fn verified(world: &World, now: &str) {
    let said = world.at(now, &["verify"]).expect(0).json();
    assert_eq!(said["problems"], json!([]));
    assert_eq!(said["plans_not_replayed"], 0);
}

/// The issue's own test: 20,000 clean accounts, and sixteen kinds of discrepancy among them.
fn planted() {
    let world = world();
    world.edit("mapping.toml", "manager = \"ManagerID\"\n", "");
    let first = Roster::of(20_000).csv();
    seed(&world, &first, JOINED);
    world.drop_file("a-2026-03-14.csv", &first);
    world.at(JOINED, &["run"]).expect(0);
    let second = with(
        &first,
        &[
            (10_004, "WorkerStatus", "Inactive"),
            (10_005, "WorkerStatus", "Inactive"),
            // HR says it two days after the last day.
            (10_006, "Custom01", "2026-03-12"),
        ],
    );
    world.drop_file("b-2026-03-15.csv", &second);
    world.at(CUT, &["run"]).expect(0);
    // The next file is planned, and nobody carries it out.
    let third = with(
        &second,
        &[
            (10_027, "WorkerStatus", "Inactive"),
            (10_028, "Department", "Elsewhere"),
        ],
    );
    world.drop_file("c-2026-03-16.csv", &third);
    world.at(PLANNED, &["plan"]).expect(0);
    let admin = Admin::new(&world, "2026-03-16T03:00:00Z");
    admin.change("10021", &json!({"jobTitle": "Chief of everything"}));
    admin.change("10022", &json!({"employeeId": null}));
    admin.change("10023", &json!({"accountEnabled": false}));
    admin.change("10004", &json!({"accountEnabled": true}));
    admin.signed_in("10005", "2026-03-15T20:00:00Z");
    admin.signed_in("10025", "2025-08-01T00:00:00Z");
    admin.tenant.delete_user(&admin.ids["10024"]).unwrap();
    admin.make("second", Some("10026"));
    admin.make("ghost", None);
    admin.make("stranger", Some("99999"));
    for service in ["svc-backup", "svc-old", "breakglass", "unowned"] {
        admin.make(service, None);
    }
    drop(admin);
    world.edit(
        "policy.toml",
        "accounts = []",
        "accounts = [\"breakglass@woodgrove.example\", \"unowned@woodgrove.example\"]",
    );
    register(
        &world,
        "[[exception]]\nname = \"services\"\nrule = '(user.userPrincipalName -startsWith \"svc-b\")'\n\
         owner = \"platform team\"\nreason = \"backup\"\nuntil = \"2026-12-31\"\n\
         [[exception]]\nname = \"old\"\naccount = \"svc-old@woodgrove.example\"\n\
         owner = \"nobody any more\"\nreason = \"old backup\"\nuntil = \"2026-03-01\"\n\
         [[exception]]\nname = \"emergency\"\naccount = \"breakglass@woodgrove.example\"\n\
         owner = \"security\"\nreason = \"emergency access\"\nuntil = \"2026-06-30\"\n",
    );
    let tenant = || std::fs::read(world.dir().join("tenant.jsonl")).unwrap();
    let before = tenant();
    let record = world.at(SEEN, &["reconcile"]).expect(1).json();
    assert!(tenant() == before, "nothing is written to the tenant");
    let (lines, totals) = table(&world, record["run"].as_str().unwrap());
    let wanted = expected(&[
        ("matched_drift", "10021"),
        ("matched_drift", "10022"),
        ("matched_drift", "10023"),
        ("matched_drift", "10028"),
        ("missing_account", "10024"),
        ("leaver_active", "10004"),
        ("leaver_active", "10027"),
        ("leaver_late", "10006"),
        ("access_after_termination", "10005"),
        ("dormant", "10025"),
        ("duplicate_match", "10026"),
        ("orphan_account", "ghost"),
        ("orphan_account", "stranger"),
        ("orphan_account", "unowned"),
        ("exception_expired", "svc-old"),
        ("excluded", "svc-backup"),
        ("protected", "breakglass"),
    ]);
    assert_eq!(found(&lines), wanted);
    assert_eq!(drift_of(&lines, "10021"), "jobTitle changed_in_tenant");
    assert_eq!(drift_of(&lines, "10022"), "employeeId changed_in_tenant");
    assert_eq!(
        drift_of(&lines, "10023"),
        "accountEnabled changed_in_tenant"
    );
    assert_eq!(drift_of(&lines, "10028"), "department hr_ahead");
    // 20,000 people; a second account of one, six accounts of nobody, and one account that is gone.
    assert_eq!(lines.len(), 20_007);
    assert_eq!(totals["lines"], 20_007);
    assert_eq!(totals["persons of HR"], 20_000);
    assert_eq!(totals["accounts of the tenant"], 20_006);
    let classes: u64 = totals
        .iter()
        .filter(|(name, _)| !name.contains(' ') && *name != "lines")
        .map(|(_, count)| count)
        .sum();
    assert_eq!(classes, totals["lines"], "totals add up to the lines");
    let evidence = world.files("runs");
    let evidence = evidence
        .iter()
        .find(|(key, _)| key.ends_with("/reconciliation.json") && !key.contains("/report/"));
    let text = String::from_utf8_lossy(evidence.unwrap().1).into_owned();
    assert!(!text.contains("woodgrove"), "evidence names nobody: {text}");
    world.edit(
        "policy.toml",
        "accounts = [\"breakglass@woodgrove.example\", \"unowned@woodgrove.example\"]",
        "accounts = []",
    );
    verified(&world, SEEN);
}

/// Text, cleared text, an instant, a list, a part of a whole, the key and the switch.
fn healed() {
    let world = world();
    let roster = Roster::of(40);
    world.drop_file("a-2026-03-14.csv", roster.csv());
    world.at(JOINED, &["run"]).expect(0);
    let clean = world.at(SEEN, &["reconcile", "--heal"]).expect(0);
    let (lines, _) = table(&world, clean.json()["run"].as_str().unwrap());
    assert_eq!(found(&lines), BTreeSet::new());
    let before = world.tenant();
    let admin = Admin::new(&world, "2026-03-16T13:00:00Z");
    let changes = [
        ("10021", json!({"jobTitle": "=1+1"}), "jobTitle"),
        ("10022", json!({"city": null}), "city"),
        (
            "10023",
            json!({"employeeHireDate": "2021-01-06T00:00:00Z"}),
            "employeeHireDate",
        ),
        (
            "10024",
            json!({"businessPhones": ["112"]}),
            "businessPhones",
        ),
        (
            "10025",
            json!({"employeeOrgData": {"division": "South", "costCenter": "CC1"}}),
            "employeeOrgData.division",
        ),
        ("10026", json!({"usageLocation": "CH"}), "usageLocation"),
        ("10027", json!({"employeeId": null}), "employeeId"),
    ];
    for (worker, change, _) in &changes {
        admin.change(worker, change);
    }
    drop(admin);
    let now = "2026-03-16T14:00:00Z";
    let record = world.at(now, &["reconcile"]).expect(1).json();
    let (lines, _) = table(&world, record["run"].as_str().unwrap());
    let wanted: Vec<(&str, &str)> = changes
        .iter()
        .map(|(worker, _, _)| ("matched_drift", *worker))
        .collect();
    assert_eq!(found(&lines), expected(&wanted));
    for (worker, _, attribute) in &changes {
        let said = format!("{attribute} changed_in_tenant");
        assert_eq!(drift_of(&lines, worker), said);
        assert_eq!(record["drift"][attribute]["changed_in_tenant"], 1);
    }
    let ran = world.at("2026-03-16T14:10:00Z", &["reconcile", "--heal"]);
    let report = ran.expect(1).last_json();
    assert_eq!(report["kind"], "heal", "{report}");
    assert_eq!(report["outcomes"]["done"], 7, "{report}");
    assert_eq!(world.tenant(), before);
    world.at("2026-03-16T14:20:00Z", &["reconcile"]).expect(0);
    verified(&world, "2026-03-16T15:00:00Z");
}

/// Two people have to agree before a protected person's account is touched, by whatever plan.
fn held() {
    let world = world();
    let roster = Roster::of(40);
    world.drop_file("a-2026-03-14.csv", roster.csv());
    world.at(JOINED, &["run"]).expect(0);
    world.edit("policy.toml", "workers = []", "workers = [\"10021\"]");
    let admin = Admin::new(&world, "2026-03-16T13:00:00Z");
    admin.change("10021", &json!({"jobTitle": "Chief of everything"}));
    admin.change("10022", &json!({"jobTitle": "Chief of everything"}));
    drop(admin);
    let ran = world.at("2026-03-16T14:00:00Z", &["reconcile", "--heal"]);
    let report = ran.expect(3).last_json();
    assert_eq!(report["outcomes"]["done"], 1, "{report}");
    assert_eq!(report["holds"][0]["by"], "protected", "{report}");
    let users = world.users();
    assert_eq!(users["10021"]["jobTitle"], "Chief of everything");
    assert_eq!(users["10022"]["jobTitle"], "Clerk");
    verified(&world, "2026-03-16T15:00:00Z");
}

/// Of a tenant that does not let us look nobody says that all accounts are used.
fn unread() {
    let world = world();
    world.edit(
        "rollcall.toml",
        "tenant_file = \"tenant.jsonl\"",
        "tenant_file = \"tenant.jsonl\"\nwithout_permissions = [\"AuditLog.Read.All\"]",
    );
    world.drop_file("a-2026-03-14.csv", Roster::of(40).csv());
    world.at(JOINED, &["run"]).expect(0);
    let admin = Admin::new(&world, SEEN);
    admin.signed_in("10021", "2025-01-01T00:00:00Z");
    drop(admin);
    let record = world.at(SEEN, &["reconcile"]).expect(0).json();
    assert_eq!(record["sign_ins"], false);
    let page = format!(
        "runs/{}/report/controls.html",
        record["run"].as_str().unwrap()
    );
    let page = String::from_utf8_lossy(&world.files("runs")[&page]).into_owned();
    assert!(page.contains("nobody knows who is dormant"), "{page}");
    let config = world.config().display().to_string();
    let ran = world.command(&["reconcile", "-c", &config, "--now", SEEN]);
    assert!(ran.expect(0).out.contains("AuditLog.Read.All"));
}

/// Completeness, time to disable by site, the sample, and that hostile values are text.
fn controls() {
    let world = world();
    let hostile = "=cmd|' /C calc'!A0<script>";
    let roster = Roster::of(40);
    let first = with(&roster.csv(), &[(10_004, "Location", hostile)]);
    world.drop_file("a-2026-03-14.csv", &first);
    world.at(JOINED, &["run"]).expect(0);
    let second = with(
        &first,
        &[
            (10_004, "Custom01", "2026-03-14"),
            (10_005, "Custom01", "2026-03-11"),
            (10_006, "HireDate", "not a day"),
            (10_007, "Department", "Elsewhere"),
        ],
    );
    world.drop_file("b-2026-03-15.csv", &second);
    world.at(CUT, &["run"]).expect(1);
    let args = ["reconcile", "--sample", "2", "--seed", "2026-Q1"];
    let record = world.at(SEEN, &args).expect(1).json();
    let run = record["run"].as_str().unwrap();
    let files = world.files("runs");
    let of = |name: &str| files[&format!("runs/{run}/report/{name}")].clone();
    let pack: Value = serde_json::from_slice(&of("controls.json")).unwrap();
    // 2 hours after midnight in time; three days late, of which HR's part is the larger one.
    assert_eq!(record["leavers"], 2, "{record}");
    assert_eq!(record["leavers_in_time_percent"], 50.0);
    let all = &pack["sites"][0];
    assert_eq!(
        (&all["disabled"], &all["within_sla"]),
        (&json!(2), &json!(1))
    );
    let late: Vec<(&str, i64, &Value)> = pack["leavers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let hours = it["lateness_seconds"].as_i64().unwrap() / 3600;
            (it["person"].as_str().unwrap(), hours, &it["lateness_cause"])
        })
        .collect();
    assert_eq!(
        late,
        [
            ("10004", 2, &json!("hr_entry")),
            ("10005", 74, &json!("hr_entry"))
        ]
    );
    let sites: Vec<&Value> = pack["sites"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["site"])
        .collect();
    assert_eq!(sites, [&Value::Null, &json!(hostile), &json!("Europe")]);
    // HR count = accepted + rejected, by reason; and counted again.
    let intake = &pack["intakes"][1];
    assert_eq!(
        (&intake["rows"], &intake["accepted"]),
        (&json!(40), &json!(39))
    );
    assert_eq!(intake["rejected"], json!({"date_format": 1}), "{intake}");
    assert_eq!(intake["recounted"], 40);
    assert_eq!(
        pack["events"],
        json!({"joiner": 40, "mover": 1, "leaver": 2})
    );
    let page = String::from_utf8(of("controls.html")).unwrap();
    assert!(!page.contains("<script"), "{page}");
    assert!(page.contains("AC-2") && page.contains("A.5.18"));
    let csv = String::from_utf8(of("reconciliation.csv")).unwrap();
    assert!(csv.contains("'=cmd|"), "no formula: {csv}");
    let sample = String::from_utf8(of("sample.csv")).unwrap();
    assert_eq!(sample.lines().count(), 1 + 2 + 1 + 2, "{sample}");
    let again = world.at("2026-03-16T13:00:00Z", &args).expect(1).json();
    let files = world.files("runs");
    let other = format!("runs/{}/report/sample.csv", again["run"].as_str().unwrap());
    assert_eq!(
        files[&other],
        sample.as_bytes(),
        "the same seed draws the same people"
    );
    let outside = ["reconcile", "--from", "2026-03-16T00:00:00Z"];
    let record = world.at(SEEN, &outside).expect(0).json();
    assert_eq!(
        record["leavers_in_time_percent"],
        Value::Null,
        "none of nobody"
    );
    verified(&world, SEEN);
}

fn register_refused() {
    let world = world();
    register(
        &world,
        "[[exception]]\nname = \"x\"\nkey = \"1\"\nreason = \"y\"\n",
    );
    let ran = world.at(SEEN, &["check"]).expect(2);
    assert!(
        ran.err.contains("`owner`") && ran.err.contains("`until`"),
        "{ran:?}"
    );
}

fn nothing_accepted() {
    let world = world();
    let ran = world.at(SEEN, &["reconcile"]).expect(2);
    assert!(ran.err.contains("nothing was ever accepted"), "{ran:?}");
}
