//! The values of one person go from everything that is kept: nothing of them is found again, the
//! chain verifies, and everybody else is as they were.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read as _};

use libtest_mimic::Trial;
use rollcall_http::Clock;
use rollcall_pipeline::log::StateRef;
use rollcall_pipeline::state::State;
use rollcall_pipeline::store::{ObjectRef, Store};
use rollcall_tests::tenant::users;
use serde_json::Value;

use crate::trial;
use crate::world::World;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("erasure::nothing_of_a_person_is_left", nothing_left),
        trial("erasure::others_go_on_as_they_would_have", others),
        trial("erasure::killed_anywhere_it_is_brought_to_its_end", killed),
        trial("erasure::what_stands_against_it", refused),
        trial("erasure::others_keep_their_words", others_words),
        trial("erasure::nobody_is_erased_by_mistake", nobody),
        trial("erasure::it_explains_nothing_but_itself", forged),
        trial("erasure::a_changed_object_is_still_found", tampered),
    ]
}

const DAY_1: &str = include_str!("../../../mappings/demo/day-1.csv");
const DAY_2: &str = include_str!("../../../mappings/demo/day-2.csv");

/// Who leaves on the second day of the demo, with the values that nobody else has.
struct Leaver {
    key: &'static str,
    traces: BTreeSet<String>,
}

fn leaver() -> Leaver {
    let cells = |text: &'static str, key: &str| -> Vec<&'static str> {
        let mut lines = text.lines();
        let line = lines.find(|line| line.starts_with(&format!("{key},")));
        line.map(|line| line.split(',').collect())
            .unwrap_or_default()
    };
    let header: Vec<&str> = DAY_1.lines().next().unwrap().split(',').collect();
    let at = |name: &str| header.iter().position(|it| *it == name).unwrap();
    // Inactive from the second day on, and was at work on the first.
    let gone = DAY_2.lines().skip(1).find(|line| {
        let cells_now: Vec<&str> = line.split(',').collect();
        let before = cells(DAY_1, cells_now[0]);
        cells_now[1] != "Active"
            && before.get(1).is_some_and(|it| *it == "Active")
            && DAY_2
                .lines()
                .filter(|it| it.contains(&format!(",{},", cells_now[0])))
                .count()
                == 0
    });
    let row: Vec<&str> = gone.expect("the demo has a leaver").split(',').collect();
    let name = format!("{} {}", row[at("FirstName")], row[at("LastName")]);
    Leaver {
        key: row[0],
        traces: BTreeSet::from([
            name.clone(),
            name.to_lowercase().replace(' ', "."),
            row[at("CostCenter")].to_owned(),
        ]),
    }
}

fn own_key(world: &World) {
    let key = "an evidence key of this test alone\n";
    std::fs::write(world.dir().join("evidence.key"), key).unwrap();
}

/// Two days, and releases until nothing of the leaver is left to do but what a month brings.
fn two_days(world: &World) {
    own_key(world);
    for (day, text) in [(16, DAY_1), (17, DAY_2)] {
        world.drop_file(&format!("workers-2026-03-{day}.csv"), text);
        world
            .at(&format!("2026-03-{day}T04:00:00Z"), &["run"])
            .expect(1);
    }
    for hour in [5, 6] {
        world.at(&format!("2026-03-17T{hour:02}:30:00Z"), &["release"]);
    }
}

/// Where a text stands in the store: in bytes, in parts of archives, in records of the state.
fn found(world: &World, text: &str) -> Vec<String> {
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|it| it == text.as_bytes());
    let mut out = Vec::new();
    for below in [
        "log",
        "runs",
        "values",
        "state",
        "once",
        "stops",
        "approvals",
        "inbox",
    ] {
        for (key, bytes) in world.files(below) {
            let ending = key.rsplit('.').next().unwrap_or_default();
            let inside = if ending == "parquet" {
                records(world, &key, bytes.len())
                    .iter()
                    .any(|it| holds(it.as_bytes()))
            } else if ending == "xlsx" {
                parts(&bytes).iter().any(|it| holds(it))
            } else {
                false
            };
            if inside || holds(&bytes) {
                out.push(key);
            }
        }
    }
    out
}

fn parts(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("a workbook");
    let count = archive.len();
    let read = |at: usize| {
        let mut part = Vec::new();
        let mut file = archive.by_index(at).expect("a part");
        file.read_to_end(&mut part).expect("readable");
        part
    };
    (0..count).map(read).collect()
}

/// Every record of a file of the state, as JSON.
fn records(world: &World, key: &str, bytes: usize) -> Vec<String> {
    let store = Store::folder(&world.dir()).unwrap();
    let file = ObjectRef {
        key: key.to_owned(),
        sha256: String::new(),
        bytes: bytes as u64,
    };
    let at = StateRef {
        base: Some(file),
        deltas: Vec::new(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let state = runtime.block_on(State::load(&store, &at)).unwrap();
    let everybody: Vec<usize> = (0..state.hot().len()).collect();
    let persons = state.persons(&everybody).unwrap();
    let json = persons.iter().map(|it| serde_json::to_string(it).unwrap());
    json.collect()
}

fn erase(world: &World, key: &str, now: &str, code: i32) -> Value {
    let ran = world.at(now, &["erase", key, "--anyway"]).expect(code);
    ran.last_json()
}

/// What both verifiers say; the one that shares nothing with us has to find nothing wrong where ours
/// does not.
fn verify(world: &World, code: i32) -> Value {
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("verify.py");
    let mut other = std::process::Command::new("python3");
    let other = other.arg(script).arg(world.dir()).output().unwrap();
    let said = String::from_utf8_lossy(&other.stdout);
    assert_eq!(other.status.code(), Some(code), "{said}");
    let ran = world.at("2026-03-20T12:00:00Z", &["verify"]).expect(code);
    ran.last_json()
}

fn nothing_left() {
    let world = World::of("demo");
    two_days(&world);
    let leaver = leaver();
    for text in &leaver.traces {
        assert!(
            !found(&world, text).is_empty(),
            "the store has no {text} to begin with"
        );
    }
    let before = verify(&world, 0);
    assert!(before["plans_replayed"].as_u64().unwrap() >= 2, "{before}");

    let erased = erase(&world, leaver.key, "2026-03-18T09:00:00Z", 0);
    assert_eq!(erased["salt"], true, "{erased}");
    assert_eq!(erased["plans_apart"], 0, "{erased}");
    for text in &leaver.traces {
        assert_eq!(found(&world, text), [""; 0], "{text}");
    }

    let after = verify(&world, 0);
    assert_eq!(after["problems"].as_array().unwrap().len(), 0, "{after}");
    let all = |it: &Value| {
        it["plans_replayed"].as_u64().unwrap()
            + it["plans_replayed_in_part"].as_u64().unwrap_or_default()
    };
    assert_eq!(all(&before), all(&after), "{after}");
    assert!(
        after["plans_replayed_in_part"].as_u64().unwrap() >= 2,
        "{after}"
    );
    assert!(after["values_erased"].as_u64().unwrap() >= 6, "{after}");
    for named in after["erased"].as_array().unwrap() {
        let named = named.as_str().unwrap();
        assert!(
            named.ends_with("orders of persons who were erased"),
            "{named}"
        );
    }
    // Twice is once.
    let again = erase(&world, leaver.key, "2026-03-18T10:00:00Z", 0);
    assert_eq!(again["rewritten"], 0, "{again}");
    verify(&world, 0);
}

/// The third day: whom it says something new of, and whom the second said something of.
fn third_day(world: &World) -> BTreeMap<String, Value> {
    let without: Vec<&str> = DAY_2
        .lines()
        .filter(|line| !line.starts_with(leaver().key))
        .collect();
    let text = without
        .join("\n")
        .replace("Account Manager", "Key Account Manager")
        + "\n";
    world.drop_file("workers-2026-03-18.csv", text);
    world.at("2026-03-18T12:00:00Z", &["run"]);
    world.at("2026-04-20T12:00:00Z", &["release"]);
    let clock = Clock::starting_at("2026-04-20T13:00:00Z".parse().unwrap());
    let mut all = users(&world.simulated_tenant(clock));
    // What is still to be done of the leaver is given up.
    all.retain(|key, _| key != leaver().key);
    all
}

fn others() {
    let (erased, kept) = (World::of("demo"), World::of("demo"));
    two_days(&erased);
    two_days(&kept);
    erase(&erased, leaver().key, "2026-03-18T09:00:00Z", 0);
    let plain = |all: BTreeMap<String, Value>| -> BTreeMap<String, Value> {
        let bare = |mut user: Value| {
            let fields = user.as_object_mut().unwrap();
            for name in ["id", "manager", "createdDateTime", "assignedLicenses"] {
                fields.remove(name);
            }
            fields.retain(|name, _| !name.ends_with("DateTime") && !name.contains("memberOf"));
            user
        };
        all.into_iter()
            .map(|(key, user)| (key, bare(user)))
            .collect()
    };
    assert_eq!(plain(third_day(&erased)), plain(third_day(&kept)));
    let verified = verify(&erased, 0);
    assert_eq!(
        verified["problems"].as_array().unwrap().len(),
        0,
        "{verified}"
    );
}

fn killed() {
    let whole = World::of("demo");
    two_days(&whole);
    let args = ["erase", leaver().key, "--anyway"];
    let (_, writes, _) = whole.counted("2026-03-18T09:00:00Z", &args);
    assert!(writes > 8, "{writes} writes");
    for at in 1..=writes {
        let world = World::of("demo");
        two_days(&world);
        world.dies("2026-03-18T09:00:00Z", &args, &format!("stored:{at}"));
        // Whatever comes next goes on with it.
        world.at("2026-03-18T10:00:00Z", &["run"]);
        let erased = erase(&world, leaver().key, "2026-03-18T11:00:00Z", 0);
        assert_eq!(erased["plans_apart"], 0, "{at}: {erased}");
        for text in &leaver().traces {
            assert_eq!(found(&world, text), [""; 0], "{at}: {text}");
        }
        let verified = verify(&world, 0);
        assert_eq!(
            verified["problems"].as_array().unwrap().len(),
            0,
            "{at}: {verified}"
        );
    }
}

fn refused() {
    let world = World::of("demo");
    two_days(&world);
    let key = leaver().key;
    let now = "2026-03-18T09:00:00Z";
    let ran = world.at(now, &["erase", key]).expect(2);
    assert!(ran.err.contains("steps to come"), "{ran:?}");
    assert!(ran.err.contains("--anyway"), "{ran:?}");
    let ran = world.at(now, &["erase", "01001"]).expect(2);
    assert!(ran.err.contains("has an account in use"), "{ran:?}");
    // Nothing of it was done.
    for text in &leaver().traces {
        assert!(!found(&world, text).is_empty(), "{text}");
    }
    // What HR left in the inbox is said, and left.
    let row = DAY_2.lines().find(|line| line.starts_with(key)).unwrap();
    let odd = format!("EmployeeID,Surname\n{row}\n");
    world.drop_file("workers-2026-03-18.csv", odd);
    let ran = world.at(now, &["erase", key, "--anyway"]).expect(1);
    assert!(ran.err.contains("inbox/workers-2026-03-18.csv"), "{ran:?}");
}

fn nobody() {
    let world = World::of("demo");
    two_days(&world);
    let entries = world.files("log").len();
    let ran = world
        .at("2026-03-18T09:00:00Z", &["erase", "99999"])
        .expect(2);
    assert!(
        ran.err.contains("nobody is known here by the id 99999"),
        "{ran:?}"
    );
    assert_eq!(world.files("log").len(), entries);
}

/// Ids of letters, a job title that is a word of others' titles, a first name that is a word of the
/// format, and a manager whose only report she is: others lose nothing but her name.
fn others_words() {
    let odd = |text: &str| -> String {
        let mut lines = text.lines();
        let mut out = format!("{}\n", lines.next().unwrap());
        for line in lines {
            let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
            for id in [0, 12] {
                if !cells[id].is_empty() {
                    cells[id] = format!("E{}", cells[id]);
                }
            }
            match cells[0].as_str() {
                "E01045" => {
                    cells[2] = "displayName".to_owned();
                    cells[5] = "Account".to_owned();
                    cells[12] = "E01040".to_owned();
                }
                // A namesake's description of another kind: the name, in other letters.
                "E01044" => cells[13] = "DISPLAYNAME CASTELLI".to_owned(),
                _ if cells[12] == "E01040" => cells[12] = "E01001".to_owned(),
                _ => {}
            }
            out.push_str(&cells.join(","));
            out.push('\n');
        }
        out
    };
    let world = World::of("demo");
    own_key(&world);
    let pattern = |text: &str| format!("key_pattern = \"{text}\"");
    world.edit("mapping.toml", &pattern("#####"), &pattern("E#####"));
    for (day, text) in [(16, DAY_1), (17, DAY_2)] {
        world.drop_file(&format!("workers-2026-03-{day}.csv"), odd(text));
        world
            .at(&format!("2026-03-{day}T04:00:00Z"), &["run"])
            .expect(1);
    }
    let rows = |world: &World| -> Vec<String> {
        let files = world.files("values").into_iter();
        let rows = files.filter(|(key, _)| key.ends_with("/rows.csv"));
        let text = rows.map(|(_, bytes)| String::from_utf8(bytes).unwrap());
        text.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    };
    let before = rows(&world);
    let manager = world
        .at("2026-03-18T08:00:00Z", &["explain", "E01040"])
        .expect(0)
        .out;
    let erased = erase(&world, "E01045", "2026-03-18T09:00:00Z", 0);
    // Of whom the name stood in, what follows from that cannot be made again; verify says so.
    assert_eq!(erased["salt"], true, "{erased}");
    assert_eq!(found(&world, "displayName Castelli"), [""; 0]);
    assert_eq!(found(&world, "DISPLAYNAME CASTELLI"), [""; 0]);
    let mut altered = 0;
    for (one, other) in before.iter().zip(rows(&world)) {
        if one.contains(",E01045,") {
            assert!(other.contains("E01045,,,"), "{other}");
        } else if one.contains("DISPLAYNAME CASTELLI") {
            altered += 1;
            assert_eq!(*one.replace("DISPLAYNAME CASTELLI", &"*".repeat(20)), other);
        } else {
            assert_eq!(*one, other);
        }
    }
    assert!(altered > 0);
    let after = world
        .at("2026-03-18T08:00:00Z", &["explain", "E01040"])
        .expect(0)
        .out;
    assert_eq!(manager, after);
    verify(&world, 0);
}

/// What was wrong before an erasure is wrong after it.
fn forged() {
    let world = World::of("demo");
    two_days(&world);
    let plan = world
        .files("runs")
        .into_keys()
        .find(|key| key.ends_with("/policy.toml"));
    let path = world.dir().join(plan.unwrap());
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.clone() + "# harmless\n").unwrap();
    assert!(
        verify(&world, 1)["problems"]
            .to_string()
            .contains("policy.toml")
    );
    std::fs::write(&path, text).unwrap();
    // Another evidence key: no plan comes out as it was, whatever is erased meanwhile.
    let key = world.dir().join("evidence.key");
    std::fs::write(&key, "another evidence key than that of this test\n").unwrap();
    let erased = erase(&world, leaver().key, "2026-03-18T09:00:00Z", 0);
    assert_eq!(erased["plans_apart"], 0, "{erased}");
    let said = world
        .at("2026-03-20T12:00:00Z", &["verify"])
        .expect(1)
        .last_json();
    assert!(said["problems"].as_array().unwrap().len() >= 2, "{said}");
    own_key(&world);
    assert_eq!(verify(&world, 0)["plans_not_replayed"], 0);
}

fn tampered() {
    let world = World::of("demo");
    two_days(&world);
    erase(&world, leaver().key, "2026-03-18T09:00:00Z", 0);
    for name in [
        "rows.csv",
        "actions.jsonl",
        "persons.jsonl",
        "tenant.jsonl",
        ".parquet",
    ] {
        let files = world.files("");
        let is = |key: &&String| {
            key.ends_with(name) && (key.starts_with("values/") || key.starts_with("state/"))
        };
        let key = files.keys().find(is).unwrap();
        let mut bytes = files[key].clone();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        std::fs::write(world.dir().join(key), &bytes).unwrap();
        let problems = verify(&world, 1)["problems"].to_string();
        assert!(problems.contains(key.as_str()), "{key}: {problems}");
        std::fs::write(world.dir().join(key), &files[key]).unwrap();
    }
    verify(&world, 0);
}
