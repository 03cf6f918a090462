//! Bad input: a message with file, row, column, shape and hint; exit 2; log and tenant untouched.

use libtest_mimic::Trial;

use crate::trial;
use crate::world::{Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "bad_input::a_broken_file_is_refused_and_changes_nothing",
            refused,
        ),
        trial("bad_input::files_named_on_the_command_line", named),
        trial(
            "bad_input::odd_rows_are_held_and_count_as_present",
            odd_rows,
        ),
        trial(
            "bad_input::a_broken_configuration_names_its_line",
            configuration,
        ),
        trial(
            "bad_input::a_good_file_behind_a_bad_one_is_taken",
            good_behind_bad,
        ),
    ]
}

const NOW: &str = "2026-03-16T10:00:00Z";

fn refused() {
    let good = Roster::of(20).csv();
    let cut = &good[..good.len() - 60];
    let mut quoted = good.trim_end().rsplit_once(',').unwrap().0.to_owned();
    quoted.push_str(",\"101");
    let header = good.lines().next().unwrap();
    let cases: [(&str, Vec<u8>, &str, &[&str]); 9] = [
        ("empty.csv", vec![], "empty", &["0 bytes"]),
        (
            "header.csv",
            format!("{header}\n").into_bytes(),
            "empty",
            &["no data rows"],
        ),
        ("cut.csv", cut.into(), "truncated", &["row 21"]),
        (
            "quote.csv",
            quoted.into_bytes(),
            "truncated",
            &["row 21", "quoted"],
        ),
        (
            "wrong.csv",
            good.replacen("WorkerStatus", "Status", 1).into_bytes(),
            "wrong_header",
            &["`WorkerStatus`", "row 1"],
        ),
        (
            "utf16.csv",
            b"\xff\xfeW\0o\0\n\0".to_vec(),
            "wrong_header",
            &["`WorkerID`", "row 1"],
        ),
        (
            "book.csv",
            b"PK\x03\x04....".to_vec(),
            "truncated",
            &["zip"],
        ),
        (
            "page.csv",
            b"<html><table>".to_vec(),
            "wrong_format",
            &["web page"],
        ),
        ("nul.csv", vec![0; 4096], "truncated", &["NUL"]),
    ];
    for (name, bytes, kind, words) in cases {
        let world = World::new();
        world.drop_file(name, &bytes);
        let ran = world.at(NOW, &["run"]).expect(2);
        let error = &ran.json()["error"];
        assert_eq!(error["kind"], kind, "{name}: {}", ran.err);
        for word in words.iter().chain(&[name]) {
            assert!(
                ran.err.contains(word),
                "{name}: no `{word}` in: {}",
                ran.err
            );
        }
        assert!(
            !ran.err.contains("Last1"),
            "{name}: a value is in the message: {}",
            ran.err
        );
        assert!(world.files("log").is_empty(), "{name}");
        assert!(world.files("values").is_empty(), "{name}");
        assert!(world.users().is_empty(), "{name}");
        assert!(
            world.dir().join("inbox").join(name).exists(),
            "{name}: the file is lost"
        );
    }
}

fn named() {
    let world = World::new();
    let folder = world.dir().display().to_string();
    let missing = format!("{folder}/nowhere.csv");
    let ran = world.at(NOW, &["run", "--file", &missing]).expect(2);
    assert!(
        ran.err.contains("nowhere.csv") && ran.err.contains("no such file"),
        "{}",
        ran.err
    );
    let ran = world.at(NOW, &["run", "--file", &folder]).expect(2);
    assert!(ran.err.contains("directory"), "{}", ran.err);
    assert!(world.files("log").is_empty());
}

fn odd_rows() {
    let world = World::new();
    let roster = Roster::of(20);
    world.drop_file("a-2026-03-14.csv", roster.csv());
    world.at("2026-03-14T10:00:00Z", &["run"]).expect(0);
    let text = roster.csv();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines[3].push_str(",one too many");
    lines[5] = lines[5].replace("2020-01-06", "06/01/2020");
    lines[7] = lines[7].replace(",Active,", ",Promoted,");
    lines.push(lines[9].replace("Dept", "Other"));
    for (now, name) in [
        ("2026-03-15T10:00:00Z", "b-2026-03-15.csv"),
        ("2026-03-16T10:00:00Z", "c-2026-03-16.csv"),
    ] {
        lines[1] = lines[1].replace("030-", "030-1");
        world.drop_file(name, lines.join("\n"));
        let report = world.at(now, &["run"]).expect(1).json();
        let kinds: Vec<&str> = report["finding_counts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["kind"].as_str().unwrap())
            .collect();
        for kind in [
            "field_count",
            "date_format",
            "status_unknown",
            "duplicate_conflict",
        ] {
            assert!(kinds.contains(&kind), "{kind} is not in {kinds:?}");
        }
        assert_eq!(report["counts"]["held"], 5);
        assert_eq!(report["counts"]["missing_once"], 0);
        assert_eq!(report["counts"]["leavers"], 0);
    }
    assert!(world.users().values().all(|u| u["accountEnabled"] == true));
}

fn configuration() {
    let world = World::new();
    world.edit("rollcall.toml", "coverage = \"full\"", "coverage = \"ful\"");
    let ran = world.at(NOW, &["check"]).expect(2);
    assert!(
        ran.err.contains("line ") && ran.err.contains('^') && ran.err.contains("`full`"),
        "{}",
        ran.err
    );
    world.edit("rollcall.toml", "\"ful\"", "\"full\"");
    world.edit("policy.toml", "row_count_pct", "row_count_pc");
    world.edit(
        "mapping.toml",
        "target = \"jobTitle\"",
        "target = \"jobTitel\"",
    );
    let ran = world.at(NOW, &["check"]).expect(2);
    assert!(
        ran.err.contains("policy.toml") && ran.err.contains("row_count_pc"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("did you mean `jobTitle`?"), "{}", ran.err);
    let ran = world.command(&["run", "-c", "nowhere.toml"]).expect(2);
    assert!(ran.err.contains("nowhere.toml"), "{}", ran.err);
    world.command(&["frobnicate"]).expect(2);
}

fn good_behind_bad() {
    let world = World::new();
    world.drop_file("a-2026-03-14.csv", "");
    world.drop_file("b-2026-03-15.csv", Roster::of(12).csv());
    world.drop_file("c-2026-03-16.csv.filepart", "half");
    let ran = world.at(NOW, &["run"]).expect(2);
    assert!(
        ran.err.contains("a-2026-03-14.csv") && ran.err.contains("0 bytes"),
        "{}",
        ran.err
    );
    assert_eq!(world.users().len(), 12);
    let left: Vec<String> = world.files("inbox").into_keys().collect();
    assert_eq!(
        left,
        ["inbox/a-2026-03-14.csv", "inbox/c-2026-03-16.csv.filepart"]
    );
}
