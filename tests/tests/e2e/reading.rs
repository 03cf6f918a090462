//! Every kind of file that HR really sends, through `rollcall read`: each case of `expected.json`, and the table of
//! what came of them.

use std::fmt::Write as _;
use std::path::PathBuf;

use libtest_mimic::Trial;
use serde_json::Value;

use crate::trial;
use crate::world::World;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("reading::every_case_is_as_expected", cases),
        trial("reading::one_file_row_by_row", one),
        trial("reading::a_feed_in_another_encoding_runs", run),
    ]
}

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/hr/files")
}

/// What of `expected` is not so in `found`; more than what is expected may be there.
fn differs(expected: &Value, found: &Value, at: &str) -> Vec<String> {
    let Some(expected) = expected.as_object() else {
        let same = expected == found;
        return (!same)
            .then(|| format!("{at}: {found} for {expected}"))
            .into_iter()
            .collect();
    };
    let mut out = Vec::new();
    for (name, value) in expected {
        if name == "why" {
            // In words of our own.
            continue;
        }
        if name == "message_must_name" {
            let message = found["message"].as_str().unwrap_or_default();
            let named = |it: &Value| message.contains(it.as_str().unwrap());
            let lacks = value.as_array().unwrap().iter().filter(|it| !named(it));
            out.extend(lacks.map(|it| format!("{at}: the message does not name {it}")));
        } else {
            out.extend(differs(value, &found[name], &format!("{at}.{name}")));
        }
    }
    out
}

fn judge(expected: &Value, found: &Value) -> Vec<String> {
    let mut out = Vec::new();
    for part in ["verdict", "detected", "error"] {
        if !expected[part].is_null() {
            out.extend(differs(&expected[part], &found[part], part));
        }
    }
    if let Some(rows) = expected["rows"].as_array() {
        let there = found["rows"].as_array().unwrap();
        if rows.len() != there.len() {
            out.push(format!("{} rows for {}", there.len(), rows.len()));
        }
        for (row, there) in rows.iter().zip(there) {
            out.extend(differs(row, there, &format!("row {}", row["row"])));
        }
    }
    let mut left = found["findings"].as_array().unwrap().clone();
    for finding in expected["findings"].as_array().unwrap() {
        match left
            .iter()
            .position(|it| differs(finding, it, "").is_empty())
        {
            Some(at) => drop(left.remove(at)),
            None => out.push(format!("no finding {finding}")),
        }
    }
    out.extend(left.iter().map(|it| format!("a finding too many: {it}")));
    out
}

#[expect(clippy::print_stderr, reason = "a table of what came of every case")]
fn cases() {
    let world = World::new();
    let path = fixtures().join("expected.json");
    let expected: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let ran = world
        .command(&["read", "--cases", path.to_str().unwrap(), "--json"])
        .expect(0);
    let found: Vec<Value> = ran
        .out
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    let expected = expected["cases"].as_array().unwrap();
    assert_eq!(expected.len(), found.len());
    let (mut passed, mut total, mut table) = (0, 0, String::new());
    for (expected, found) in expected.iter().zip(&found) {
        assert_eq!(expected["file"], found["file"]);
        let file = expected["file"].as_str().unwrap();
        total += 1;
        let wrong = judge(expected, found);
        passed += u32::from(wrong.is_empty());
        let said = if wrong.is_empty() {
            "as expected".to_owned()
        } else {
            wrong.join("; ")
        };
        writeln!(table, "{file}: {said}").unwrap();
    }
    eprintln!("{table}{passed} of {total}");
    assert_eq!(passed, total, "\n{table}");
    assert_eq!(total, 30);
}

fn one() {
    let world = World::new();
    let read = |file: &str, more: &[&str]| {
        let path = fixtures().join(file);
        world.command(&[&["read", path.to_str().unwrap(), "--json"], more].concat())
    };
    let ran = read("13-ragged.csv", &[]).expect(0);
    let lines: Vec<Value> = ran
        .out
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    let rows: Vec<&Value> = lines.iter().filter(|it| it.get("row").is_some()).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(
        lines
            .iter()
            .filter(|it| it.get("finding").is_some())
            .count(),
        2
    );
    // Nothing of a row is said where nobody asked for it.
    assert!(
        ran.err.contains("2 rows") && !ran.err.contains("Legal"),
        "{}",
        ran.err
    );
    let ran = read("09-truncated-in-quote.csv", &[]).expect(2);
    let last: Value = serde_json::from_str(ran.out.lines().last().unwrap()).unwrap();
    assert_eq!(last["error"]["kind"], "truncated");
    let options = world.dir().join("options.json");
    std::fs::write(&options, r#"{"encoding": "no-such"}"#).unwrap();
    let ran = read("13-ragged.csv", &["--options", options.to_str().unwrap()]).expect(2);
    assert!(ran.err.contains("no-such"), "{}", ran.err);
    std::fs::write(&options, r#"{"colour": 1}"#).unwrap();
    read("13-ragged.csv", &["--options", options.to_str().unwrap()]).expect(2);
}

/// A feed in Windows-1252 with semicolons, a title above the header, and totals below it.
fn run() {
    let world = World::new();
    world.edit(
        "rollcall.toml",
        "[source.file]\n",
        "[source.file]\nfooter = { match = \"^Total$\", count_column = 2 }\n",
    );
    let csv = crate::world::Roster::of(20)
        .csv()
        .replace(',', ";")
        .replace("Dept 3", "Größe");
    let wide = csv.lines().next().unwrap().matches(';').count();
    let blank = ";".repeat(wide);
    let text = |total: u32| {
        let text = format!(
            "Woodgrove Inc.{blank}\n{blank}\n{}\n{blank}\nTotal;{total}{}\n",
            csv.trim_end(),
            ";".repeat(wide - 1)
        );
        let bytes: Vec<u8> = text
            .chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap())
            .collect();
        bytes
    };
    assert!(
        std::str::from_utf8(&text(20)).is_err(),
        "it is another encoding"
    );
    world.drop_file("a-2026-03-14.csv", text(21));
    let ran = world.at("2026-03-14T02:00:00Z", &["run"]).expect(2);
    assert_eq!(ran.json()["error"]["kind"], "control_total_mismatch");
    assert!(world.users().is_empty());
    std::fs::remove_file(world.dir().join("inbox/a-2026-03-14.csv")).unwrap();
    world.drop_file("a-2026-03-14.csv", text(20));
    world.at("2026-03-14T02:00:00Z", &["run"]).expect(0);
    assert_eq!(world.users().len(), 20);
}
