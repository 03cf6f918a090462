//! Whom a worker id names: one person, by any of their employments, or nobody.

use libtest_mimic::Trial;
use serde_json::json;

use crate::sources::{
    AGENCY, HR, Job, MAPPING, enabled, file, found, job, night, numbers, reports, verified, world,
    write,
};
use crate::trial;
use crate::world::World;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("ids::every_employment_names_its_person", any_job),
        trial("ids::one_id_of_two_persons_is_held", two_persons),
        trial("ids::a_drop_file_has_the_key_of_its_source", dropped),
        trial("ids::persons_stay_known_by_what_they_were", gets_persons),
        trial("ids::an_old_file_of_values_stays_old", old_values),
        trial("ids::a_new_policy_is_for_every_source", new_policy),
    ]
}

/// She works in both systems: her account carries one of her ids, and the other is hers as well.
fn any_job() {
    let world = world();
    file(
        &world,
        "hr",
        "2026-03-02",
        &[HR[0], HR[1], HR[2], job("E7", "7")],
    );
    file(&world, "agency", "2026-03-02", &AGENCY);
    numbers(&world, "2026-03-02", &[("E7", "041")]);
    night(&world, "2026-03-02").expect(0);
    let users = world.users();
    assert_eq!(users.len(), 6, "one account: {users:?}");
    let carried = if users.contains_key("E7") { "E7" } else { "C7" };
    let other = if carried == "E7" { "C7" } else { "E7" };
    for id in ["E7", "C7"] {
        let said = world.at("2026-03-02T03:00:00Z", &["--json", "explain", id]);
        assert_eq!(said.expect(0).json()["person"]["person"], "7", "{id}");
    }
    // A number by the id that is not on the account is hers.
    numbers(&world, "2026-03-03", &[(other, "042")]);
    file(
        &world,
        "hr",
        "2026-03-03",
        &[HR[0], HR[1], HR[2], job("E7", "7")],
    );
    file(&world, "agency", "2026-03-03", &AGENCY);
    let said = reports(&night(&world, "2026-03-03").expect(0));
    assert_eq!(found(&said, "nobody_of_row").len(), 0, "{said:?}");
    assert_eq!(world.users()[carried]["mobilePhone"], "042");
    // Somebody new cannot have it.
    for day in ["2026-03-04", "2026-03-05"] {
        file(
            &world,
            "hr",
            day,
            &[HR[0], HR[1], HR[2], job("E7", "7"), job("C7", "55")],
        );
        file(
            &world,
            "agency",
            day,
            &[AGENCY[0], AGENCY[1], AGENCY[2], job("E7", "56")],
        );
        let said = reports(&night(&world, day).expect(1));
        let held = found(&said, "id_reuse");
        let whom: Vec<_> = held.iter().map(|it| (&it["worker"], &it["row"])).collect();
        assert_eq!(whom, [(&json!("C7"), &json!(6)), (&json!("E7"), &json!(5))]);
        assert_eq!(world.users().len(), 6);
    }
    // Dismissed by the id that is not on the account.
    let word = ["dismiss", other, "--reason", "case 4711"];
    world.at("2026-03-05T09:00:00Z", &word).expect(0);
    let blocked: Vec<String> = world
        .users()
        .into_iter()
        .filter(|(_, user)| user["accountEnabled"] == false)
        .map(|(id, _)| id)
        .collect();
    assert_eq!(blocked, [carried]);
    verified(&world, "2026-03-05T10:00:00Z");
}

/// One file gives two new persons one id; whom it names, nobody could tell.
fn two_persons() {
    let world = world();
    let rows = [
        HR[0],
        HR[1],
        HR[2],
        job("E4", "4"),
        job("E4", "5"),
        job("E6", "6"),
    ];
    numbers(&world, "2026-03-02", &[("E1", "1")]);
    file(&world, "hr", "2026-03-02", &rows);
    file(&world, "agency", "2026-03-02", &AGENCY);
    let said = reports(&night(&world, "2026-03-02").expect(1));
    let held = found(&said, "id_reuse");
    let rows: Vec<_> = held.iter().map(|it| &it["row"]).collect();
    assert_eq!(rows, [&json!(5), &json!(6)], "{said:?}");
    let keys: Vec<String> = world.users().into_keys().collect();
    assert_eq!(keys, ["C7", "C8", "C9", "E1", "E2", "E3", "E6"]);
    // HR says whose it is.
    file(
        &world,
        "hr",
        "2026-03-03",
        &[
            HR[0],
            HR[1],
            HR[2],
            job("E4", "4"),
            job("E5", "5"),
            job("E6", "6"),
        ],
    );
    file(&world, "agency", "2026-03-03", &AGENCY);
    night(&world, "2026-03-03").expect(0);
    assert_eq!(world.users().len(), 9);
    verified(&world, "2026-03-03T03:00:00Z");
}

/// The agency calls its key column something else.
fn dropped() {
    let world = world();
    world.edit("agency.toml", "key = \"Id\"", "key = \"Contract\"");
    world.edit("agency.toml", "source = \"Id\"", "source = \"Contract\"");
    numbers(&world, "2026-03-02", &[("E1", "1")]);
    file(&world, "hr", "2026-03-02", &HR);
    let rows: Vec<String> = AGENCY
        .iter()
        .map(|it| format!("{};Active;{};;2024-01-08;;P;U;1\n", it.id, it.person))
        .collect();
    let header = "Contract;Status;Person;Boss;From;To;Name;Unit;Phone\n";
    world.drop_file(
        "agency_2026-03-02.csv",
        format!("{header}{}", rows.concat()),
    );
    night(&world, "2026-03-02").expect(0);
    assert_eq!(world.users().len(), 6);
    world.drop_file("dismiss-agency.csv", "Contract;Why\nC8;x\n");
    world.drop_file("dismiss-hr.csv", "Id,Why\nE2,x\n");
    world.drop_file("dismiss-wrong.csv", "Number,Why\nE3,x\n");
    let ran = world.at("2026-03-02T09:00:00Z", &["release"]).expect(2);
    assert!(
        ran.err.contains("dismiss-wrong.csv") && ran.err.contains("`Id`"),
        "{ran:?}"
    );
    let blocked: Vec<String> = world
        .users()
        .into_iter()
        .filter(|(_, user)| user["accountEnabled"] == false)
        .map(|(id, _)| id)
        .collect();
    assert_eq!(blocked, ["C8", "E2"]);
    verified(&world, "2026-03-02T10:00:00Z");
}

/// Everybody is known by the worker id, and then the mapping would have them known by something else.
fn gets_persons() {
    let world = World::new();
    let one = MAPPING.replace("KIND", "Employee");
    let without = one.replace("person = \"Person\"\n", "");
    write(&world, "mapping.toml", &without);
    world.edit("rollcall.toml", "name = \"csv2scim\"", "name = \"hr\"");
    file(&world, "hr", "2026-03-02", &HR);
    night(&world, "2026-03-02").expect(0);
    let before = world.tenant();
    write(&world, "mapping.toml", &one);
    file(&world, "hr", "2026-03-03", &HR);
    let ran = night(&world, "2026-03-03").expect(2);
    assert!(
        ran.err.contains("known by the worker id alone") && ran.err.contains("column `Person`"),
        "{ran:?}"
    );
    assert_eq!(world.tenant(), before);
    write(&world, "mapping.toml", &without);
    night(&world, "2026-03-03").expect(0);
    verified(&world, "2026-03-03T03:00:00Z");
}

/// A copy of the first file of numbers, under a name that says no day.
fn old_values() {
    let world = world();
    file(&world, "hr", "2026-03-02", &HR);
    file(&world, "agency", "2026-03-02", &AGENCY);
    world.drop_file("phones_a.csv", "Worker,Number\nE1,041\n");
    night(&world, "2026-03-02").expect(0);
    world.drop_file("phones_b.csv", "Worker,Number\nE1,042\n");
    night(&world, "2026-03-03").expect(0);
    world.drop_file("phones_c.csv", "Worker,Number\nE1,041\n");
    let ran = night(&world, "2026-03-04").expect(2);
    assert!(ran.out.contains("\"duplicate_content\""), "{ran:?}");
    assert_eq!(world.users()["E1"]["mobilePhone"], "042");
    std::fs::remove_file(world.dir().join("inbox/phones_c.csv")).unwrap();
    // The newest once more is of use to somebody who has come since.
    world.drop_file("phones_d.csv", "Worker,Number\nE1,042\n");
    file(&world, "hr", "2026-03-05", &HR);
    file(&world, "agency", "2026-03-05", &AGENCY);
    night(&world, "2026-03-05").expect(0);
    verified(&world, "2026-03-05T03:00:00Z");
}

/// The policy takes in people whom it left out; their source delivers after another one.
fn new_policy() {
    let world = world();
    world.edit(
        "policy.toml",
        "[\"Inactive\"]",
        "[\"Inactive\", \"Candidate\"]",
    );
    let agency = |day: &str| {
        file(&world, "agency", day, &AGENCY);
        let path = world.dir().join(format!("inbox/agency_{day}.csv"));
        let text = std::fs::read_to_string(&path).unwrap();
        // The same bytes every day, but for the name.
        let text = text.replace(&format!("000-{day}"), "1");
        std::fs::write(&path, text.replace("C8;Active", "C8;Candidate")).unwrap();
    };
    numbers(&world, "2026-03-02", &[("E1", "1")]);
    file(&world, "hr", "2026-03-02", &HR);
    agency("2026-03-02");
    night(&world, "2026-03-02").expect(0);
    assert!(!world.users().contains_key("C8"));
    world.edit("policy.toml", "[\"Active\"]", "[\"Active\", \"Candidate\"]");
    world.edit(
        "policy.toml",
        "[\"Inactive\", \"Candidate\"]",
        "[\"Inactive\"]",
    );
    file(&world, "hr", "2026-03-03", &HR);
    night(&world, "2026-03-03").expect(0);
    agency("2026-03-04");
    night(&world, "2026-03-04").expect(0);
    assert!(
        world.users().contains_key("C8"),
        "the policy has her, and her row stands"
    );
    let ends = Job {
        to: "2026-03-04",
        ..HR[0]
    };
    file(&world, "hr", "2026-03-05", &[ends, HR[1], HR[2]]);
    night(&world, "2026-03-05").expect(0);
    assert!(!enabled(&world, "E1"));
    verified(&world, "2026-03-05T03:00:00Z");
}
