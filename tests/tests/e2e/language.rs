//! The mapping language on the command line.

use std::collections::BTreeMap;

use libtest_mimic::Trial;
use serde_json::Value;

use crate::trial;
use crate::world::{Roster, World};

const VECTORS: &str = include_str!("../../vectors/mapping-expressions.json");

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("language::every_vector_through_eval", vectors),
        trial("language::vectors_go_in_as_one_file", many),
        trial("language::a_mistake_names_its_place", mistakes),
        trial("language::nobody_shares_a_sign_in_name", names),
        trial("language::mapping_files_are_tried_and_judged", mappings),
        trial("language::a_schema_goes_out_and_comes_back", schemas),
    ]
}

/// What `eval` says of a vector, in the vectors' own form.
fn said(world: &World, vector: &Value) -> Value {
    let file = world.dir().join("attributes.json");
    std::fs::write(&file, vector["input"].to_string()).unwrap();
    let file = file.display().to_string();
    let mut args = vec![
        "eval",
        "--json",
        "--expression",
        vector["expression"].as_str().unwrap(),
    ];
    args.extend(["--attributes", &file]);
    for (name, flag) in [("now", "--now"), ("default_domain", "--default-domain")] {
        if let Some(given) = vector[name].as_str() {
            args.extend([flag, given]);
        }
    }
    for taken in vector["taken"].as_array().into_iter().flatten() {
        args.extend(["--taken", taken.as_str().unwrap()]);
    }
    let out = world.command(&args).json();
    assert_eq!(out["format_version"], 1);
    plain(out, vector)
}

/// A line of `eval`, in the vectors' own form.
fn plain(mut out: Value, vector: &Value) -> Value {
    assert_eq!(out.get("log_value"), vector.get("log_value"));
    if let Some(ignored) = out.get("ignore") {
        return serde_json::json!({ "ignore": ignored });
    }
    if let Some(error) = out.get("error") {
        assert!(error["at"]["line"].is_u64() && error["message"].is_string());
        return serde_json::json!({ "error": error["kind"] });
    }
    out["value"].take()
}

/// Whether a random text is as long as it should be, and of what it should be.
fn random(wanted: &Value, said: &Value) -> bool {
    let text = said.as_str().unwrap();
    let least = |name: &str, kind: fn(&char) -> bool| {
        text.chars().filter(kind).count() as u64 >= wanted[name].as_u64().unwrap()
    };
    text.chars().count() as u64 == wanted["length"].as_u64().unwrap()
        && least("min_digits", char::is_ascii_digit)
        && least("min_special", char::is_ascii_punctuation)
        && least("min_upper", char::is_ascii_uppercase)
        && least("min_lower", char::is_ascii_lowercase)
        && !text.contains(|c| wanted["avoid"].as_str().unwrap().contains(c))
}

/// A pattern of the vectors, asked of the language itself: all of the text goes.
fn matches(world: &World, pattern: &str, said: &Value) -> bool {
    let quoted = pattern.replace('\\', "\\\\").replace('"', "\\\"");
    let expression = format!("Replace([x], , \"{quoted}\", , \"\", , )");
    let file = world.dir().join("attributes.json");
    std::fs::write(&file, serde_json::json!({ "x": said }).to_string()).unwrap();
    let file = file.display().to_string();
    let args = [
        "eval",
        "--json",
        "--expression",
        &expression,
        "--attributes",
        &file,
    ];
    world.command(&args).expect(0).json()["value"] == ""
}

/// Prints how many of each function's vectors pass.
#[expect(
    clippy::print_stderr,
    reason = "the table is what this test is read for"
)]
fn vectors() {
    let world = World::new();
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let mut table: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for vector in file["vectors"].as_array().unwrap() {
        let said = said(&world, vector);
        let expect = &vector["expect"];
        let passes = if let Some(pattern) = expect.get("matches") {
            matches(&world, pattern.as_str().unwrap(), &said)
        } else if let Some(wanted) = expect.get("random") {
            random(wanted, &said)
        } else {
            said == *expect
        };
        let (passed, total) = table
            .entry(vector["function"].as_str().unwrap())
            .or_default();
        *total += 1;
        if passes {
            *passed += 1;
        } else {
            wrong.push(format!(
                "{}: {expect} is expected, {said} came",
                vector["id"]
            ));
        }
    }
    for (function, (passed, total)) in &table {
        eprintln!("{function:36} {passed:3} of {total:3}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(table.values().map(|(passed, _)| passed).sum::<u32>(), 310);
}

/// The whole file at once says the same of every vector, in its order; what is no vector is named.
fn many() {
    let world = World::new();
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let path = world.dir().join("vectors.json");
    let ask = |vectors: &Value| {
        std::fs::write(&path, vectors.to_string()).unwrap();
        world.command(&["eval", "--vectors", &path.display().to_string()])
    };
    let vectors = file["vectors"].as_array().unwrap();
    for given in [&file, &file["vectors"]] {
        let ran = ask(given).expect(0);
        let lines: Vec<Value> = ran
            .out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), vectors.len());
        for (line, vector) in lines.into_iter().zip(vectors) {
            assert_eq!(line["id"], vector["id"]);
            let said = plain(line, vector);
            let expect = &vector["expect"];
            let open = expect.get("matches").or(expect.get("random"));
            assert!(
                open.is_some() || said == *expect,
                "{}: {said}",
                vector["id"]
            );
        }
    }
    let ran = ask(&serde_json::json!([{"id": "a", "expression": "[x]"}, {"id": "b"}])).expect(1);
    assert!(
        ran.out.contains("missing field `expression`"),
        "{}",
        ran.out
    );
    let odd = serde_json::json!([
        {"id": "a", "expression": "[x]", "input": [1]},
        {"id": "b", "expression": "[x]", "taken": "somebody@woodgrove.example"},
        {"id": 3, "expression": "[x]", "input": {"x": "y"}},
    ]);
    let ran = ask(&odd).expect(1);
    assert!(!ran.out.contains("somebody") && !ran.err.contains("somebody"));
    let lines: Vec<serde_json::Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3, "one that is none costs no other one");
    assert_eq!(lines[0]["error"]["kind"], "no-vector");
    assert_eq!(lines[1]["id"], "b");
    assert_eq!(lines[2], serde_json::json!({"id": 3, "value": "y"}));
    ask(&serde_json::json!({"vectors": 1})).expect(2);
    world.command(&["eval"]).expect(2);
}

fn mistakes() {
    let world = World::new();
    let eval = |expression: &str| world.command(&["eval", "--text", "--expression", expression]);
    let ran = eval("Join(\" \", [a],\n  tolower([b]))").expect(1);
    assert!(ran.err.contains("line 2, column 3"), "{}", ran.err);
    assert!(ran.err.contains("did you mean `ToLower`?"), "{}", ran.err);
    assert_eq!(eval("Append(\"a\", \"b\")").expect(0).out, "ab\n");
    assert_eq!(eval("[a]").expect(0).out, "no value\n");
    let none = world.dir().join("none.json").display().to_string();
    let ran = world.command(&["eval", "--expression", "[a]", "--attributes", &none]);
    assert!(ran.expect(2).err.contains("none.json"));
}

/// Five workers for whom the mapping makes the same names: each gets the first one that nobody has
/// or gets, whatever order their rows come in and whoever has an account already.
fn names() {
    let roster = Roster::of(5);
    let mut all = Vec::new();
    for (first, order) in [
        (None, [1, 2, 3, 4, 5]),
        (None, [4, 2, 5, 1, 3]),
        (Some(10_001), [5, 4, 3, 2, 1]),
    ] {
        let world = World::new();
        let mapping = std::fs::read_to_string(world.dir().join("mapping.toml")).unwrap();
        let old = mapping
            .lines()
            .find(|l| l.contains("[UserID]))), \"woodgrove"))
            .unwrap();
        let new = "expression = '''SelectUniqueValue(Join(\"@\", ToLower([City]), DefaultDomain()),
            Join(\"@\", Join(\".\", ToLower([City]), ToLower([JobTitle])), DefaultDomain()))'''
            numbers = 4";
        let mapping = mapping.replace(old, new);
        let top = "format_version = 1\ndefault_domain = \"woodgrove.example\"\n\
                   reserved_names = [\"Berlin3\"]\n";
        let mapping = mapping.replacen("format_version = 1\n", top, 1);
        std::fs::write(world.dir().join("mapping.toml"), mapping).unwrap();
        world
            .command(&["check", "-c", &world.config().display().to_string()])
            .expect(0);
        if let Some(first) = first {
            world.drop_file("a-2026-03-15.csv", roster.csv_of(&[first]));
            world.at("2026-03-15T02:00:00Z", &["run"]).expect(0);
        }
        let rows: Vec<u32> = order.iter().map(|n| 10_000 + n).collect();
        world.drop_file("b-2026-03-16.csv", roster.csv_of(&rows));
        let ran = world.at("2026-03-16T02:00:00Z", &["run"]);
        if first.is_some() {
            // Five rows where one was: people let them in.
            let report = ran.expect(3).last_json();
            let (run, plan) = (&report["run"], &report["plan_sha256"]);
            let (run, plan) = (run.as_str().unwrap(), plan.as_str().unwrap());
            let approve = ["approve", run, "--plan", plan, "--reason", "new hires"];
            world.at("2026-03-16T03:00:00Z", &approve).expect(0);
            world.at("2026-03-16T03:00:00Z", &["apply"]).expect(1);
        } else {
            ran.expect(1);
        }
        // Made again from what is stored it is the same plan.
        let verified = world
            .at("2026-03-16T04:00:00Z", &["verify"])
            .expect(0)
            .json();
        assert_eq!(verified["plans_not_replayed"], 0);
        let users = world.users();
        let name = |user: &Value| user["userPrincipalName"].as_str().unwrap().to_owned();
        all.push(users.values().map(name).collect::<Vec<_>>());
    }
    let expected = ["berlin", "berlin.clerk", "berlin2", "berlin4"];
    let expected = expected.map(|local| format!("{local}@woodgrove.example"));
    for names in all {
        assert_eq!(names, expected, "the fifth finds none");
    }
}

fn mappings() {
    let world = World::new();
    let dir = world.dir().display().to_string();
    let ran = world.command(&["mappings", "test"]).expect(0);
    assert!(ran.out.contains("ok     workday:") && ran.out.contains("ok     successfactors:"));
    let ran = world.command(&["mappings", "lint"]).expect(0);
    assert_eq!(ran.out, "", "what we ship is as we would have it");
    let ran = world.command(&["mappings", "test", &dir]).expect(1);
    assert!(ran.err.contains("no cases.toml"), "{}", ran.err);
    let row = "WorkerID = \"1\", WorkerStatus = \"Active\", UserID = \"a\", FullName = \"A\"";
    let cases = format!(
        "[[case]]\nname = \"one\"\nnow = \"2026-03-16T02:00:00Z\"\nrow = {{ {row} }}\n\
         [case.expect]\nemployeeId = \"1\"\ndisplayName = \"B\"\n"
    );
    std::fs::write(world.dir().join("cases.toml"), cases).unwrap();
    let ran = world.command(&["mappings", "test", &dir]).expect(1);
    assert!(
        ran.out.contains("displayName: expected B, came A"),
        "{}",
        ran.out
    );
    world.edit(
        "mapping.toml",
        "source = \"Department\"",
        "expression = 'IIF([Department] = \"\", \"x\", Now())'",
    );
    let lints = world
        .command(&["mappings", "lint", &dir, "--json"])
        .expect(1)
        .json();
    let names = lints["lint"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["name"].as_str().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["missing-in-condition", "clock"]);
    let none = world
        .command(&["mappings", "lint", &format!("{dir}/inbox")])
        .expect(2);
    assert!(none.err.contains("mapping.toml"));
}

/// The shipped Workday mapping as a schema, and what comes back of it: twice the same file.
fn schemas() {
    let world = World::new();
    let path = |name: &str| world.dir().join(name).display().to_string();
    let workday = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../mappings/workday/mapping.toml"
    );
    let mut mapping = workday.to_owned();
    let mut came = Vec::new();
    for round in 0..2 {
        let schema = path(&format!("schema-{round}.json"));
        let args = ["export-schema", &mapping, "--source", "Workday"];
        let exported = world.command(&args).expect(0);
        assert!(exported.err.contains("reserved_names"), "{}", exported.err);
        std::fs::write(&schema, &exported.out).unwrap();
        let args = [
            "import-schema",
            &schema,
            "--default-domain",
            "woodgrove.example",
        ];
        let imported = world.command(&args).expect(0);
        assert!(imported.err.contains("policy.toml"), "{}", imported.err);
        mapping = path(&format!("mapping-{round}.toml"));
        std::fs::write(&mapping, &imported.out).unwrap();
        came.push(imported.out);
        if round == 0 {
            let text = std::fs::read_to_string(&mapping).unwrap();
            let top = "format_version = 1\nreserved_names = [\"root\"]\n";
            std::fs::write(&mapping, text.replacen("format_version = 1\n", top, 1)).unwrap();
        }
    }
    assert_eq!(came[0], came[1]);
    let nonsense = path("nonsense.json");
    std::fs::write(&nonsense, "{}").unwrap();
    let ran = world.command(&["import-schema", &nonsense]).expect(2);
    assert!(ran.err.contains("synchronizationRules"), "{}", ran.err);
}
