//! An export of which nothing is known: `rollcall profile` says what it looks like, and `rollcall init --from` writes a
//! configuration under which that very file is planned.

use std::path::PathBuf;

use libtest_mimic::Trial;
use serde_json::Value;

use crate::sample::SAMPLE;
use crate::trial;
use crate::world::World;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("profile::fixtures_say_what_they_are", fixtures_say),
        trial("profile::people_get_a_table", table),
        trial("profile::what_is_refused_is_refused", refused),
        trial("profile::the_sample_runs_by_what_is_proposed", sample),
        trial("profile::a_german_export_is_planned", german),
        trial("profile::titles_totals_and_nothing_overwritten", titles),
    ]
}

fn fixture(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/hr/files")
        .join(file)
}

fn profile(file: &str) -> Value {
    let world = World::new();
    let path = fixture(file);
    world
        .command(&["profile", path.to_str().unwrap(), "--json"])
        .expect(0)
        .json()
}

/// The column that is written for a part.
fn column<'a>(profile: &'a Value, writes: &str) -> &'a str {
    let choices = profile["proposal"]["choices"].as_array().unwrap();
    let choice = choices.iter().find(|it| it["writes"] == writes);
    let choice = choice.unwrap_or_else(|| panic!("{writes}: {choices:#?}"));
    assert_eq!(choice["written"], true, "{choice}");
    choice["column"].as_str().unwrap()
}

fn fixtures_say() {
    let german = profile("02-semicolon-cp1252.csv");
    assert_eq!(german["format_version"], 1);
    assert_eq!(german["detected"]["encoding"], "windows-1252");
    assert_eq!(german["detected"]["delimiter"], ";");
    assert_eq!(german["rows"], 3);
    assert_eq!(column(&german, "worker.key"), "Personalnummer");
    assert_eq!(column(&german, "worker.hire_date"), "Eintritt");
    let columns = german["columns"].as_array().unwrap();
    let eintritt = columns.iter().find(|it| it["name"] == "Eintritt").unwrap();
    assert_eq!(eintritt["kind"], "day");
    assert_eq!(eintritt["days"]["format"], "%d.%m.%Y");

    let titles = profile("06-preamble-and-totals.csv");
    assert_eq!(titles["detected"]["header_row"], 5);
    assert_eq!(titles["rows"], 3);
    assert_eq!(titles["footer"]["count_column"], 2);

    let sample = profile("csv2scim-1000.csv");
    let key = &sample["columns"][0];
    assert_eq!(
        (key["distinct"].as_u64(), key["several"].as_u64()),
        (Some(624), Some(265))
    );
    assert_eq!(column(&sample, "worker.manager"), "ManagerID");
    // Values of code lists, and of nothing else.
    let text = sample.to_string();
    assert!(text.contains("\"Inactive\"") && text.contains("\"Woodgrove\""));
    for personal in ["Talya", "Fleeta", "EMP1222", "303 Mansion", "259-915-1098"] {
        assert!(!text.contains(personal), "{personal}");
    }
}

fn table() {
    let world = World::new();
    let path = fixture("csv2scim-1000.csv");
    let ran = world
        .command(&["profile", path.to_str().unwrap()])
        .expect(0);
    let long = ran.out.lines().filter(|it| !it.starts_with("next:"));
    let long: Vec<&str> = long.filter(|it| it.chars().count() > 100).collect();
    assert!(long.is_empty(), "{long:#?}");
    for wanted in [
        "1000 rows, 24 columns",
        "worker.status (sure)",
        "Active (",
        "265 values stand in several rows (641 rows)",
        "rollcall init DIR --from",
    ] {
        assert!(ran.out.contains(wanted), "no `{wanted}` in\n{}", ran.out);
    }
}

fn refused() {
    let world = World::new();
    let dir = world.dir().join("new");
    for (file, kind) in [
        ("09-truncated-in-quote.csv", "truncated"),
        ("11-header-only.csv", "empty"),
        ("23-password.xlsx", "password_protected"),
        ("no-such.csv", "missing"),
    ] {
        let path = fixture(file);
        let path = path.to_str().unwrap();
        let ran = world.command(&["profile", path, "--json"]).expect(2);
        assert_eq!(ran.json()["error"]["kind"], kind, "{file}");
        assert!(ran.err.contains(file), "{}", ran.err);
        let ran = world.command(&["init", dir.to_str().unwrap(), "--from", path]);
        assert!(ran.expect(2).err.contains(file));
    }
    assert!(!dir.exists(), "nothing is written of what is refused");
    let dir = dir.to_str().unwrap();
    world.command(&["init", dir]).expect(2);
    let both = ["init", dir, "--from", "x.csv", "--source", "csv2scim"];
    world.command(&both).expect(2);
}

fn sample() {
    let (world, ran) = World::from_export(&fixture("csv2scim-1000.csv"));
    assert!(ran.err.contains("worker.key"), "{}", ran.err);
    assert!(!ran.err.contains("Talya"), "{}", ran.err);
    let config = world.config();
    let config = config.to_str().unwrap();
    world.command(&["check", "-c", config]).expect(0);
    world.drop_file("csv2scim-1000.csv", SAMPLE);
    let now = "2026-03-16T10:00:00Z";
    // 1: the rows of keys that are several people's are held.
    world.at(now, &["plan"]).expect(1);
    let report = world.at(now, &["run"]).expect(1).json();
    let counts = &report["counts"];
    assert_eq!(
        (&counts["rows"], &counts["workers"]),
        (&1000.into(), &624.into())
    );
    assert_eq!(
        (&counts["joiners"], &counts["held"]),
        (&170.into(), &641.into())
    );
    assert_eq!(report["outcomes"]["failed"], 0);
    let users = world.users();
    assert_eq!(users.len(), 170);
    assert!(users.values().all(|it| it["usageLocation"] != "UK"));
    let name = |it: &Value| it["userPrincipalName"].as_str().unwrap().to_owned();
    assert!(users.values().all(|it| name(it).ends_with("@example.com")));
}

fn german() {
    let path = fixture("02-semicolon-cp1252.csv");
    let (world, _) = World::from_export(&path);
    let config = world.config();
    let config = config.to_str().unwrap();
    world.command(&["check", "-c", config]).expect(0);
    let now = "2026-03-20T10:00:00Z";
    let plan = world
        .at(now, &["plan", "--file", path.to_str().unwrap()])
        .expect(0)
        .first_json();
    assert_eq!(plan["plan"]["counts"]["joiners"], 3, "{plan}");
    assert_eq!(plan["plan"]["counts"]["held"], 0);
    world.at(now, &["run"]).expect(0);
    let users = world.users();
    assert_eq!(users["00210"]["displayName"], "Jürgen Weiß");
    assert_eq!(
        users["00211"]["userPrincipalName"],
        "zoe.muller@example.com"
    );
    // Who starts later is made, and not enabled; who is away stays in force.
    assert_eq!(users["00210"]["accountEnabled"], false);
    assert_eq!(users["00212"]["accountEnabled"], true);
}

fn titles() {
    let path = fixture("06-preamble-and-totals.csv");
    let (world, _) = World::from_export(&path);
    let now = "2026-03-20T10:00:00Z";
    let plan = world
        .at(now, &["plan", "--file", path.to_str().unwrap()])
        .expect(0)
        .first_json();
    assert_eq!(plan["plan"]["counts"]["joiners"], 3, "{plan}");
    let before = std::fs::read(world.dir().join("mapping.toml")).unwrap();
    let dir = world.dir().display().to_string();
    let ran = world
        .command(&["init", &dir, "--from", path.to_str().unwrap()])
        .expect(2);
    assert!(ran.err.contains("exists already"), "{}", ran.err);
    assert_eq!(
        std::fs::read(world.dir().join("mapping.toml")).unwrap(),
        before
    );
}
