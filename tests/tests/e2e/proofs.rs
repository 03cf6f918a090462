//! Green means proven: what is left of somebody who left is read back, item by item (P15).

use std::collections::BTreeMap;

use libtest_mimic::Trial;
use rollcall_http::Clock;
use rollcall_rehearsal::Tenant;
use serde_json::{Value, json};

use crate::trial;
use crate::world::{Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("proofs::read_back_three_times_item_by_item", rounds),
        trial("proofs::nobody_stays_in_who_was_let_in_again", let_in),
        trial("proofs::what_the_tenant_hides_is_unknown", hidden),
        trial("proofs::the_bin_is_proven_too", deleted),
        trial("proofs::who_stays_is_not_read_back", stays),
        trial("proofs::what_cannot_be_taken_is_proven_too", refused),
        trial(
            "proofs::of_a_cut_that_is_held_nothing_is_planned_anew",
            held,
        ),
    ]
}

const CUT: &str = "2026-03-03T02:00:00Z";

/// Thirty people on the first night, with these keys of `[leaver]`.
fn world(leaver: &str) -> World {
    let world = World::new();
    let table = format!("[leaver]\n{leaver}\n[gates]\n");
    world.edit("policy.toml", "[gates]\n", &table);
    world.edit(
        "policy.toml",
        "max_source_age_h = 36",
        "max_source_age_h = 9000",
    );
    world.drop_file("a-2026-03-02.csv", Roster::of(30).csv());
    world.at("2026-03-02T02:00:00Z", &["run"]).expect(0);
    world
}

fn leaves(world: &World) -> Value {
    let mut roster = Roster::of(30);
    roster.0.get_mut(&10_015).unwrap().active = false;
    world.drop_file("b-2026-03-03.csv", roster.csv());
    world.at(CUT, &["run"]).expect(0).last_json()
}

fn tenant(world: &World, now: &str) -> Tenant {
    world.simulated_tenant(Clock::starting_at(now.parse().unwrap()))
}

fn id(world: &World, worker: &str) -> String {
    world.users()[worker]["id"].as_str().unwrap().to_owned()
}

/// The proof that a report has, if it has one.
fn proof(report: &Value) -> Option<Value> {
    let changes = report["changes"].as_array().unwrap();
    let mut all = changes
        .iter()
        .filter(|it| it["op"] == "user.proof" && it["status"] == "done");
    let found = all.next().map(|it| it["proof"].clone());
    assert!(all.next().is_none(), "one proof at a time: {report}");
    found
}

/// The worst verdict of each kind of thing.
fn verdicts(proof: &Value) -> BTreeMap<String, String> {
    let order = ["gone", "kept", "pending", "unknown", "residual"];
    let mut out: BTreeMap<String, usize> = BTreeMap::new();
    for item in proof.as_array().unwrap() {
        let of = item["of"].as_str().unwrap().to_owned();
        let verdict = order.iter().position(|it| item["verdict"] == *it).unwrap();
        let slot = out.entry(of).or_default();
        *slot = verdict.max(*slot);
    }
    out.into_iter()
        .map(|(of, at)| (of, order[at].to_owned()))
        .collect()
}

fn release(world: &World, now: &str) -> Value {
    let ran = world.at(now, &["release"]).expect(0);
    if ran.out.trim().is_empty() {
        return json!({"changes": []});
    }
    ran.last_json()
}

fn rounds() {
    let world = world("roles = true\n");
    let now = "2026-03-02T08:00:00Z";
    let leaver = id(&world, "10015");
    let before = tenant(&world, now);
    before
        .put_role(&leaver, "User Administrator", "/", false)
        .unwrap();
    before.put_app_role(&leaver, "Payroll").unwrap();
    let member = format!("https://graph.microsoft.com/v1.0/users/{leaver}");
    let group = |name: &str, more: Value| {
        let mut group = json!({
            "displayName": name, "mailEnabled": false, "mailNickname": name, "securityEnabled": true,
        });
        let group = group.as_object_mut().unwrap();
        group.extend(more.as_object().unwrap().clone());
        before.put_group(&Value::Object(group.clone())).unwrap()
    };
    let chess = group(
        "chess",
        json!({"groupTypes": [], "members@odata.bind": [member]}),
    );
    // Whoever plays chess is in the club, by the group.
    let chess = format!("https://graph.microsoft.com/v1.0/groups/{chess}");
    group(
        "club",
        json!({"groupTypes": [], "members@odata.bind": [chess]}),
    );
    group(
        "everybody",
        json!({
            "groupTypes": ["DynamicMembership"],
            "membershipRule": "user.companyName -eq \"Woodgrove\"",
            "membershipRuleProcessingState": "On",
        }),
    );
    drop(before);
    let report = leaves(&world);
    let scheduled = report["counts"]["scheduled"]["user.proof"].as_u64();
    assert_eq!(scheduled, Some(1), "{report}");
    let page = |report: &Value| {
        let run = report["run"].as_str().unwrap();
        let files = world.files(&format!("runs/{run}/report"));
        let page = files
            .iter()
            .find(|(key, _)| key.ends_with("report.html"))
            .unwrap();
        String::from_utf8(page.1.clone()).unwrap()
    };
    assert!(page(&report).contains("pending, read back at"));
    assert!(
        proof(&release(&world, "2026-03-03T02:10:00Z")).is_none(),
        "not yet"
    );
    for (now, last) in [
        ("2026-03-03T02:20:00Z", false),
        ("2026-03-03T03:10:00Z", false),
        ("2026-03-04T02:10:00Z", true),
    ] {
        let report = release(&world, now);
        let items = proof(&report).unwrap_or_else(|| panic!("{now}: {report}"));
        let found = verdicts(&items);
        let expected = [
            ("account", "gone"),
            ("app_role", "gone"),
            ("device", "kept"),
            ("group", "residual"),
            ("licence", "gone"),
            ("role", "gone"),
            ("sessions", "gone"),
        ];
        let expected = expected.map(|(of, is)| (of.to_owned(), is.to_owned()));
        assert_eq!(found, BTreeMap::from(expected), "{now}: {items}");
        let said = |name: &str| {
            let mut items = items.as_array().unwrap().iter();
            let item = items.find(|it| it["name"] == name);
            item.map(|it| it["reason"].as_str().unwrap().to_owned())
        };
        assert!(said("chess").unwrap().contains("leaver.all_groups"));
        assert!(said("everybody").unwrap().contains("its rule"));
        assert!(said("club").unwrap().contains("another group"), "{items}");
        let page = page(&report);
        assert!(page.contains("Proof that leavers are out") && page.contains("chess"));
        assert_eq!(page.contains("pending, read back at"), !last, "{now}");
    }
    assert!(
        proof(&release(&world, "2026-03-09T02:00:00Z")).is_none(),
        "three times"
    );
    let said = world
        .at("2026-03-10T02:00:00Z", &["verify"])
        .expect(0)
        .json();
    assert_eq!(said["problems"], json!([]));
    assert_eq!(said["plans_not_replayed"], 0);
}

/// Somebody enables the account after it was proven once: it is cut off again, and proven anew.
fn let_in() {
    let world = world("");
    leaves(&world);
    assert!(proof(&release(&world, "2026-03-03T02:20:00Z")).is_some());
    let leaver = id(&world, "10015");
    tenant(&world, "2026-03-03T02:30:00Z")
        .change_user(&leaver, &json!({"accountEnabled": true}))
        .unwrap();
    assert_eq!(world.users()["10015"]["accountEnabled"], true);
    // The next look is due at three.
    let report = release(&world, "2026-03-03T03:05:00Z");
    assert_eq!(world.users()["10015"]["accountEnabled"], false, "{report}");
    let later = release(&world, "2026-03-03T03:25:00Z");
    let items = proof(&later).unwrap_or_else(|| panic!("{later}"));
    assert_eq!(verdicts(&items)["account"], "gone");
    assert_eq!(verdicts(&items)["sessions"], "gone");
}

/// Without a permission nothing is called gone.
fn hidden() {
    let world = world("roles = true\n");
    leaves(&world);
    world.edit(
        "rollcall.toml",
        "[target.rehearsal]\n",
        "[target.rehearsal]\nwithout_permissions = [\"GroupMember.Read.All\", \"GroupMember.ReadWrite.All\", \
         \"Group.Read.All\", \"Group.ReadWrite.All\", \"RoleManagement.Read.Directory\", \
         \"RoleManagement.Read.All\", \"RoleManagement.ReadWrite.Directory\"]\n",
    );
    let report = world.at("2026-03-03T02:20:00Z", &["release"]).last_json();
    let items = proof(&report).unwrap_or_else(|| panic!("{report}"));
    let found = verdicts(&items);
    assert_eq!(
        (found["group"].as_str(), found["role"].as_str()),
        ("unknown", "unknown")
    );
    assert_eq!(found["account"], "gone");
}

/// The last step is the bin: proven from then on once more.
fn deleted() {
    let world = world(
        "licence_days = 5\ndelete_days = 10\n[succession]\ngroups = \"off\"\napps = \"off\"\n",
    );
    leaves(&world);
    release(&world, "2026-03-03T02:20:00Z");
    release(&world, "2026-03-03T03:10:00Z");
    release(&world, "2026-03-04T02:10:00Z");
    let report = release(&world, "2026-03-14T00:10:00Z");
    assert!(
        world.users()["10015"]["deletedDateTime"].is_string(),
        "{report}"
    );
    let report = release(&world, "2026-03-14T00:40:00Z");
    let items = proof(&report).unwrap_or_else(|| panic!("{report}"));
    assert!(
        items[0]["reason"]
            .as_str()
            .unwrap()
            .contains("not in the directory"),
        "{items}"
    );
    let found = verdicts(&items);
    assert!(
        found.iter().all(|(of, is)| is == "gone"
            || (is == "kept" && (of == "role" || of == "app_role" || of == "device"))),
        "{found:?}"
    );
}

fn stays() {
    let world = world("");
    let report = leaves(&world);
    let of = |it: &&Value| it["op"] == "user.proof";
    let changes = report["changes"].as_array().unwrap();
    let whom: Vec<&Value> = changes.iter().filter(of).map(|it| &it["person"]).collect();
    assert_eq!(whom, ["10015"]);
    // HR takes it back before the last look.
    let csv = Roster::of(30).csv().replace(",,,10115", ",,c,10115");
    world.drop_file("c-2026-03-04.csv", csv);
    let report = world.at("2026-03-04T02:00:00Z", &["run"]).last_json();
    let changes = report["changes"].as_array();
    let changes = changes.unwrap_or_else(|| panic!("{report}"));
    assert!(!changes.iter().any(|it| of(&it)), "{report}");
}

/// A role that the tenant does not let us take fails again and again: it is read back all the same, and named.
fn refused() {
    let world = world("roles = true\n");
    let leaver = id(&world, "10015");
    tenant(&world, "2026-03-02T08:00:00Z")
        .put_role(&leaver, "User Administrator", "/", false)
        .unwrap();
    world.edit(
        "rollcall.toml",
        "[target.rehearsal]\n",
        "[target.rehearsal]\nwithout_permissions = [\"RoleAssignmentSchedule.ReadWrite.Directory\"]\n",
    );
    let mut roster = Roster::of(30);
    roster.0.get_mut(&10_015).unwrap().active = false;
    world.drop_file("b-2026-03-03.csv", roster.csv());
    let report = world.at(CUT, &["run"]).expect(1).last_json();
    assert_eq!(report["outcomes"]["failed"], 1, "{report}");
    let mut proofs = 0;
    for now in [
        "2026-03-03T02:20:00Z",
        "2026-03-03T02:40:00Z",
        "2026-03-03T03:10:00Z",
        "2026-03-03T08:00:00Z",
        "2026-03-04T02:10:00Z",
        "2026-03-05T02:10:00Z",
    ] {
        let ran = world.at(now, &["release"]);
        let report: Value = ran.out.lines().last().map_or_else(
            || json!({"changes": []}),
            |line| serde_json::from_str(line).unwrap(),
        );
        if let Some(items) = proof(&report) {
            proofs += 1;
            assert_eq!(verdicts(&items)["role"], "residual", "{now}: {items}");
            assert_eq!(verdicts(&items)["account"], "gone", "{now}: {items}");
        }
    }
    assert_eq!(proofs, 3, "neither never nor for ever");
}

/// Whoever waits for people is one plan: no look back makes another one of it.
fn held() {
    let world = world("");
    world.edit(
        "policy.toml",
        "count = 10\npercent = 2.0",
        "count = 0\npercent = 0.0",
    );
    world.edit("policy.toml", "over_budget = 2", "over_budget = 1");
    let mut roster = Roster::of(30);
    roster.0.get_mut(&10_015).unwrap().active = false;
    world.drop_file("b-2026-03-03.csv", roster.csv());
    let report = world.at(CUT, &["run"]).expect(3).last_json();
    assert_eq!(world.users()["10015"]["accountEnabled"], true, "{report}");
    let entries = || world.files("log").len();
    let before = entries();
    for now in [
        "2026-03-03T02:20:00Z",
        "2026-03-03T02:40:00Z",
        "2026-03-03T03:20:00Z",
    ] {
        world.at(now, &["release"]);
    }
    assert_eq!(entries(), before, "a plan for nothing");
    world.agree("2026-03-03T04:00:00Z", &report, "disables");
    world.at("2026-03-03T04:01:00Z", &["apply"]);
    assert_eq!(world.users()["10015"]["accountEnabled"], false);
    let report = release(&world, "2026-03-03T04:30:00Z");
    let items = proof(&report).unwrap_or_else(|| panic!("{report}"));
    assert_eq!(verdicts(&items)["account"], "gone");
}
