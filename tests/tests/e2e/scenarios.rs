//! `policy test`: the worked cases of the shipped policy, and cases that are wrong.

use libtest_mimic::Trial;
use serde_json::Value;

use crate::trial;
use crate::world::World;

const CASES: &str = include_str!("../../vectors/scenarios.md");

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("scenarios::the_worked_cases_pass", worked),
        trial("scenarios::the_shipped_cases_pass", shipped),
        trial("scenarios::cases_from_the_words_of_the_policy_pass", words),
        trial("scenarios::what_differs_is_shown", differs),
        trial("scenarios::a_file_that_is_none_is_refused", refused),
        trial(
            "scenarios::a_policy_that_nobody_can_carry_out",
            asks_too_much,
        ),
    ]
}

/// The YAML blocks of the worked cases, by their names.
fn cases() -> Vec<(String, String)> {
    let blocks = CASES.split("```yaml\nid: S").skip(1);
    blocks
        .map(|block| {
            let text = block.split("```").next().unwrap_or_default();
            let id = text.lines().next().unwrap_or_default();
            (format!("S{id}"), format!("id: S{text}"))
        })
        .collect()
}

fn verdicts(out: &str) -> Vec<Value> {
    let lines = out.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn worked() {
    let world = World::new();
    let cases = cases();
    assert_eq!(cases.len(), 13);
    let mut args = vec!["policy".to_owned(), "test".to_owned(), "--json".to_owned()];
    for (id, text) in &cases {
        let file = world.dir().join(format!("{id}.yaml"));
        std::fs::write(&file, text).unwrap();
        args.push(file.display().to_string());
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let ran = world.command(&args).expect(0);
    let verdicts = verdicts(&ran.out);
    assert_eq!(verdicts.len(), 13);
    for (verdict, (id, _)) in verdicts.iter().zip(&cases) {
        assert_eq!(verdict["id"], id.as_str());
        assert_eq!(verdict["passed"], true, "{verdict}");
    }
}

fn shipped() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../mappings/p0/cases");
    let ran = World::new().command(&["policy", "test", folder]).expect(0);
    assert!(ran.out.lines().count() >= 24, "{}", ran.out);
    assert!(
        ran.out.lines().all(|line| line.contains(": ok, ")),
        "{}",
        ran.out
    );
}

/// Cases that were written from the words of the policy alone, before anybody saw what comes.
fn words() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let ran = World::new().command(&["policy", "test", folder]).expect(0);
    assert!(ran.out.lines().count() >= 152, "{}", ran.out);
}

const LEAVER: &str = "id: mine\nstate:\n  - {who: W1, base: true}\nruns:\n  - n: 1\n    at: \
                      2027-05-01T02:00:00Z\n    rows:\n      W1: {last_day: 2027-05-14}\nexpect:\n  \
                      - {r: 1, at: 2027-05-15T00:00:00Z, op: user.disable, who: W1}\n";

fn differs() {
    let world = World::new();
    let file = world.dir().join("mine.yaml");
    std::fs::write(&file, LEAVER).unwrap();
    let file = file.display().to_string();
    let ran = world.command(&["policy", "test", &file]).expect(1);
    assert!(ran.out.contains("mine: FAILED"), "{}", ran.out);
    // What was expected, what came nearest, and what nobody expected.
    assert!(
        ran.out
            .contains("- r1 2027-05-15T00:00:00Z user.disable W1"),
        "{}",
        ran.out
    );
    assert!(
        ran.out
            .contains("nearest: r1 2027-05-14T22:00:00Z user.disable W1"),
        "{}",
        ran.out
    );
    assert!(
        ran.out
            .contains("+ r1 2027-05-14T22:00:00Z user.revokeSessions W1"),
        "{}",
        ran.out
    );
    let shown = world
        .command(&["policy", "test", &file, "--show"])
        .expect(1);
    assert!(
        shown
            .out
            .contains("group.remove W1 {\"group\":\"G-SALES\"}"),
        "{}",
        shown.out
    );
}

fn refused() {
    let world = World::new();
    let file = world.dir().join("bad.yaml");
    let name = file.display().to_string();
    for (text, says) in [
        ("", "hint: a scenario begins with"),
        ("id: x\nruns: []\n", "`runs` is empty"),
        ("id: x\nrun: []\n", "run"),
        ("id: x\nruns:\n  - {n: 1, at: yesterday}\n", "at"),
        (
            "id: x\nruns: [{n: 1, at: 2027-05-01T02:00:00Z}]\npolicy: {mover: {days: 3}}\n",
            "mover.days",
        ),
        ("id: [\n", "bad.yaml"),
    ] {
        std::fs::write(&file, text).unwrap();
        let ran = world.command(&["policy", "test", &name]).expect(2);
        assert!(ran.err.contains(says), "{text:?}: {}", ran.err);
        assert!(ran.out.is_empty(), "{}", ran.out);
    }
    let gone = world.dir().join("gone.yaml").display().to_string();
    let ran = world.command(&["policy", "test", &gone]).expect(2);
    assert!(ran.err.contains("gone.yaml"), "{}", ran.err);
}

fn asks_too_much() {
    let world = World::new();
    world.edit("policy.toml", "[joiner]\n", "[joiner]\nwelcome = true\n");
    let config = world.config().display().to_string();
    let ran = world.command(&["check", "-c", &config]).expect(2);
    assert!(ran.err.contains("notify.welcome"), "{}", ran.err);
}
