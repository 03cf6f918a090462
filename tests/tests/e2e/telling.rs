//! Notices on the command line: what is configured, what is said of it, and that a process killed
//! anywhere tells everybody once.

use std::collections::BTreeMap;

use libtest_mimic::Trial;
use serde_json::Value;

use crate::trial;
use crate::world::{Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("telling::killed_anywhere_everybody_is_told_once", killed),
        trial("telling::a_text_with_a_gap_waits", gaps),
        trial("telling::a_policy_may_ask_for_what_can_be_told", asked),
        trial("telling::mistakes_have_their_line", mistakes),
        trial("telling::the_shipped_texts_fit_every_starter", shipped),
    ]
}

pub(crate) const FIRST: &str = "2026-03-14T02:00:00Z";
pub(crate) const SECOND: &str = "2026-03-15T02:00:00Z";
pub(crate) const TEXTS: &str = include_str!("../../../mappings/p0/texts.toml");

/// A policy that tells people, and files that they are told by.
fn world() -> World {
    let world = World::new();
    std::fs::write(world.dir().join("texts.toml"), TEXTS).unwrap();
    configure(&world, "[notify]\ntexts = \"texts.toml\"\n[notify.file]\n");
    ask(&world);
    world.edit("policy.toml", "row_count_pct = 5.0", "row_count_pct = 50.0");
    // HR says nothing new for days.
    world.edit(
        "policy.toml",
        "max_source_age_h = 36",
        "max_source_age_h = 999",
    );
    world
}

fn ask(world: &World) {
    world.edit(
        "policy.toml",
        "create_days = 14\n",
        "create_days = 14\nnotify_manager_days = 7\nwelcome = true\n",
    );
}

pub(crate) fn configure(world: &World, table: &str) {
    world.edit(
        "rollcall.toml",
        "[evidence]\n",
        &format!("{table}\n[evidence]\n"),
    );
}

/// Twenty people who are there, and on the second night four who come: two start in three days,
/// two have started.
pub(crate) fn roster(night: u32) -> String {
    let csv = Roster::of(20 + 4 * night).csv();
    let hire = |line: &str| {
        let day = match line.split(',').next() {
            Some("10021" | "10022") => "2026-03-18",
            Some("10023" | "10024") => "2026-03-13",
            _ => "2020-01-06",
        };
        line.replace("2020-01-06", day)
    };
    let mut out: Vec<String> = csv.lines().map(hire).collect();
    out.push(String::new());
    out.join("\n")
}

/// What was told, to whom, without what differs between two runs; and how many files there are.
fn told(world: &World) -> (BTreeMap<(String, String), Value>, usize) {
    let files = world.files("values");
    // What was half written when a process died is no notice: its name goes on behind this.
    let named =
        |key: &str| key.contains("/notifications/") && key.split('.').next_back() == Some("json");
    let notices = files.iter().filter(|(key, _)| named(key));
    let mut out = BTreeMap::new();
    let mut count = 0;
    for (key, bytes) in notices {
        let mut notice: Value = serde_json::from_slice(bytes).unwrap();
        let data = notice["data"].as_object_mut().unwrap();
        let id = data.remove("id").unwrap();
        assert!(key.ends_with(&format!("/{}.json", id.as_str().unwrap())));
        data.remove("run");
        let worker = data["worker"].as_str().unwrap().to_owned();
        let op = notice["type"].as_str().unwrap().to_owned();
        out.insert((op, worker), notice);
        count += 1;
    }
    (out, count)
}

fn killed() {
    let clean = world();
    clean.drop_file("a-2026-03-14.csv", roster(0));
    clean.at(FIRST, &["run"]).expect(0);
    assert_eq!(told(&clean).1, 0, "a first load welcomes nobody");
    clean.drop_file("b-2026-03-15.csv", roster(1));
    let (ran, writes, _) = clean.counted(SECOND, &["run"]);
    ran.expect(0);
    let expected = told(&clean);
    let names: Vec<(&str, &str)> = expected
        .0
        .keys()
        .map(|(op, who)| (op.as_str(), who.as_str()))
        .collect();
    assert_eq!(
        names,
        [
            ("notify.manager", "10021"),
            ("notify.manager", "10022"),
            ("notify.welcome", "10023"),
            ("notify.welcome", "10024"),
        ]
    );
    assert_eq!(expected.1, 4);
    for number in 1..=writes {
        let point = if number % 2 == 0 { "store" } else { "stored" };
        let point = format!("{point}:{number}");
        let world = world();
        world.drop_file("a-2026-03-14.csv", roster(0));
        world.at(FIRST, &["run"]).expect(0);
        world.drop_file("b-2026-03-15.csv", roster(1));
        world.dies(SECOND, &["run"], &point);
        world.at(SECOND, &["run"]).expect(0);
        assert_eq!(told(&world), expected, "killed at {point}");
        world.at(SECOND, &["verify"]).expect(0);
    }
    // The day comes, by itself.
    let day = "2026-03-18T00:05:00Z";
    clean.at(day, &["release"]).expect(0);
    clean.at(day, &["release"]).expect(0);
    let (told, count) = told(&clean);
    assert_eq!((told.len(), count), (6, 6));
}

fn gaps() {
    let world = world();
    world.edit(
        "texts.toml",
        "{worker.jobTitle|new colleague}",
        "{worker.jobTitle}",
    );
    world.drop_file("a-2026-03-14.csv", roster(0));
    world.at(FIRST, &["run"]).expect(0);
    let whole = roster(1);
    let gap = |line: &str| match line.split(',').next() {
        Some("10021") => line.replace(",Clerk,", ",,"),
        _ => line.to_owned(),
    };
    let text: Vec<String> = whole.lines().map(gap).collect();
    world.drop_file("b-2026-03-15.csv", format!("{}\n", text.join("\n")));
    let report = world.at(SECOND, &["run"]).expect(0).last_json();
    let findings = report["findings"].as_array().unwrap();
    let held: Vec<&Value> = findings
        .iter()
        .filter(|it| it["kind"] == "notification_held")
        .collect();
    assert_eq!(held.len(), 1, "{findings:?}");
    assert_eq!(held[0]["worker"], "10021");
    let note = held[0]["note"].as_str().unwrap();
    assert_eq!(
        note,
        "notify.manager waits: HR's row has no value for worker.jobTitle"
    );
    assert_eq!(told(&world).1, 3);
    // HR completes the row: now there is something to say.
    world.drop_file("c-2026-03-16.csv", whole);
    world.at("2026-03-16T02:00:00Z", &["run"]).expect(0);
    let (told, count) = told(&world);
    assert_eq!(count, 4);
    assert!(told.contains_key(&("notify.manager".to_owned(), "10021".to_owned())));
}

fn asked() {
    let world = World::new();
    ask(&world);
    let refused = world.at(FIRST, &["check"]).expect(2);
    assert!(
        refused.err.contains("notify.manager, notify.welcome")
            && refused.err.contains("`[notify]` of the configuration"),
        "{}",
        refused.err
    );
    std::fs::write(world.dir().join("texts.toml"), TEXTS).unwrap();
    configure(
        &world,
        "[notify]\ntexts = \"texts.toml\"\nops = [\"notify.welcome\"]\n[notify.file]\n",
    );
    let refused = world.at(FIRST, &["check"]).expect(2);
    assert!(
        refused.err.contains("it asks for notify.manager, and"),
        "{}",
        refused.err
    );
    world.edit(
        "rollcall.toml",
        "ops = [\"notify.welcome\"]",
        "ops = [\"notify.welcome\", \"notify.manager\", \"task.manual\"]",
    );
    let config = world.config().display().to_string();
    let checked = world.command(&["check", "-c", &config]).expect(0);
    assert!(
        checked.out.contains(
            "notify.welcome goes to the sign-in name of the worker by a file beside the values\n"
        ) && checked.out.contains(
            "task.manual goes to servicedesk@woodgrove.example by a file beside the values; the \
             policy does not ask for it\n"
        ),
        "{}",
        checked.out
    );
}

fn mistakes() {
    for (table, said) in [
        (
            "[notify.webhook]\nurl = \"https://h.example\"\nsecret_env = \"S\"\n",
            "a rehearsal tells nobody",
        ),
        (
            "[notify.webhook]\nurl = \"http://h.example\"\nsecret_env = \"S\"\n",
            "must be https",
        ),
        (
            "[notify.webhook]\nurl = \"https://h.example\"\n",
            "needs one of `secret_env`",
        ),
        (
            "[notify.webhook]\nurl = \"https://h.example\"\nsecret_env = \"S\"\ntimeout_secs = 0\n",
            "is from 1 to 120",
        ),
        (
            "[notify.file]\n[notify.webhook]\nurl = \"https://h.example\"\nsecret_env = \"S\"\n",
            "takes one of",
        ),
        ("[notify.fil]\n", "unknown field `fil`"),
        (
            "[notify.file]\n[[notify.hook]]\nurl = \"https://h.example\"\nsecret_env = \"S\"\n",
            "needs `ops`",
        ),
        (
            "[notify.file]\n[[notify.hook]]\nops = [\"user.disable\"]\nurl = \"https://h.example\"\nsecret_env = \"S\"\n",
            "user.disable tells nobody anything",
        ),
        (
            "",
            "needs `[notify.file]` or `[notify.webhook]` for tap.issue, notify.manager",
        ),
    ] {
        let world = World::new();
        std::fs::write(world.dir().join("texts.toml"), TEXTS).unwrap();
        configure(
            &world,
            &format!("[notify]\ntexts = \"texts.toml\"\n{table}"),
        );
        let refused = world.at(FIRST, &["check"]).expect(2);
        assert!(
            refused.err.contains(said) && refused.err.contains("line "),
            "{table}{}",
            refused.err
        );
    }
    let world = world();
    world.edit(
        "texts.toml",
        "{manager.displayName},\n\nthe hire",
        "{manager.displayNam},\n\nthe hire",
    );
    let refused = world.at(FIRST, &["check"]).expect(2);
    assert!(
        refused
            .err
            .contains("texts.toml: line 39: {manager.displayNam}: the mapping has no attribute")
            && refused.err.contains("did you mean `displayName`?"),
        "{}",
        refused.err
    );
}

/// Whoever takes them over needs to write nothing but two addresses.
fn shipped() {
    for starter in ["csv2scim", "demo"] {
        let world = World::new();
        let dir = world.dir().join(starter);
        let place = dir.display().to_string();
        world
            .command(&["init", &place, "--source", starter])
            .expect(0);
        std::fs::write(dir.join("texts.toml"), TEXTS).unwrap();
        let config = dir.join("rollcall.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        let table = "[notify]\ntexts = \"texts.toml\"\n[notify.file]\n\n[evidence]\n";
        std::fs::write(&config, text.replace("[evidence]\n", table)).unwrap();
        let config = config.display().to_string();
        world.command(&["check", "-c", &config]).expect(0);
    }
}
