//! What people say beside HR's data: a dismissal that waits for nothing, holds and their end, and the
//! switch that stops everything.

use std::path::Path;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::child::{DOWN, MOVE_AT};
use crate::trial;
use crate::world::{Ran, Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("notices::a_dismissal_is_carried_out_at_once", dismissed),
        trial("notices::a_dropped_file_dismisses", dropped),
        trial("notices::a_file_replaced_while_it_is_read_stays", replaced),
        trial("notices::a_batch_gives_way_to_a_dismissal", gives_way),
        trial("notices::a_dismissal_goes_before_a_budget", over_budget),
        trial("notices::what_was_let_go_takes_no_place_in_the_lane", lane),
        trial(
            "notices::the_lane_is_for_those_who_need_it",
            lane_for_those_who_need_it,
        ),
        trial("notices::a_legal_hold_and_its_end", legal_hold),
        trial("notices::an_undo_is_let_go", undone),
        trial("notices::halted_between_two_actions", halted),
        trial(
            "notices::the_last_word_counts_not_the_latest_clock",
            last_word,
        ),
        trial("notices::an_older_plan_overrules_no_dismissal", older_plan),
        trial(
            "notices::an_undo_gives_nothing_to_the_dismissed",
            undo_of_dismissed,
        ),
        trial("notices::another_first_day_is_no_way_back", first_day),
        trial("notices::words_are_heard_one_by_one", one_by_one),
    ]
}

fn at(day: u8, time: &str) -> String {
    format!("2026-03-{day:02}T{time}Z")
}

fn night(world: &World, day: u8, roster: &Roster, code: i32) -> Value {
    // A column that nobody reads tells the files of two days apart.
    let text = roster.csv().replace(",,,10115", &format!(",,{day},10115"));
    world.drop_file(&format!("w-2026-03-{day:02}.csv"), text);
    let ran = world.at(&at(day, "02:00:00"), &["run"]).expect(code);
    ran.last_json()
}

fn enabled(world: &World, worker: &str) -> bool {
    world.users()[worker]["accountEnabled"] == true
}

fn say(world: &World, now: &str, args: &[&str]) -> Ran {
    let mut all = args.to_vec();
    all.extend(["--reason", "case 4711"]);
    world.at(now, &all)
}

/// The word of somebody else, as their own process would write it.
fn somebody_else(world: &World, kind: &str, worker: &str, now: &str) {
    let folder = world.dir().join("approvals").join("os:second:4711");
    std::fs::create_dir_all(&folder).unwrap();
    let word = json!({"kind": kind, "worker": worker, "at": now, "reason": "agreed"});
    std::fs::write(
        folder.join(format!("notice-{kind}-0a0b0c0d.json")),
        word.to_string(),
    )
    .unwrap();
}

fn dismissed() {
    let world = World::new();
    let mut roster = Roster::of(40);
    night(&world, 2, &roster, 0);
    let now = at(2, "15:04:05");
    let report = say(&world, &now, &["dismiss", "10020"])
        .expect(0)
        .last_json();
    assert!(!enabled(&world, "10020"));
    assert_ne!(world.tenant()["10020"]["revoked"], false);
    assert_eq!(report["kind"], "release");
    let change = &report["changes"][0];
    assert_eq!(change["op"], "user.disable");
    assert_eq!(change["reason"], "dismissed for cause");
    let worst = report["lateness"]["max_seconds"].as_f64().unwrap();
    assert!(worst < 60.0, "{worst} s from the word to the block");

    // HR does not know yet, then it does; nobody is let in again by either.
    night(&world, 3, &roster, 0);
    assert!(!enabled(&world, "10020"));
    roster.0.get_mut(&10_020).unwrap().active = false;
    night(&world, 4, &roster, 0);
    roster.0.get_mut(&10_020).unwrap().active = true;
    night(&world, 5, &roster, 0);
    assert!(!enabled(&world, "10020"));

    // Two people take it back, one alone does not.
    let lift = ["lift", "10020", "--what", "dismissal"];
    say(&world, &at(5, "10:00:00"), &lift).expect(3);
    assert!(!enabled(&world, "10020"));
    somebody_else(&world, "lift_dismissal", "10020", &at(5, "11:00:00"));
    world.at(&at(5, "11:01:00"), &["release"]).expect(0);
    assert!(enabled(&world, "10020"));

    let (again, once_more) = (at(5, "11:30:00"), at(5, "11:31:00"));
    let first = say(&world, &again, &["dismiss", "10021"]).expect(0);
    assert!(!first.err.contains("is so already"), "{first:?}");
    let second = say(&world, &once_more, &["dismiss", "10021"]).expect(0);
    assert!(
        second.err.contains("10021: that is so already"),
        "{second:?}"
    );

    let no = say(&world, &at(5, "12:00:00"), &["dismiss", "99999"]).expect(2);
    assert!(no.err.contains("no accepted file ever had"), "{no:?}");
    let verified = world.at(&at(5, "13:00:00"), &["verify"]).expect(0).json();
    assert_eq!(verified["problems"], json!([]));
    assert_eq!(verified["plans_not_replayed"], 0);
}

fn dropped() {
    let world = World::new();
    night(&world, 2, &Roster::of(40), 0);
    world.drop_file(
        "Dismissed-today.csv",
        "WorkerID,Why\n10011,x\n99999,y\n10012,z\n",
    );
    let ran = world.at(&at(2, "15:00:00"), &["release"]).expect(2);
    assert!(ran.err.contains("row 3"), "{ran:?}");
    assert!(
        !ran.err.contains("nothing was changed"),
        "two are dismissed: {ran:?}"
    );
    assert!(!enabled(&world, "10011") && !enabled(&world, "10012") && enabled(&world, "10013"));
    // The file stays until it is mended; nobody is dismissed twice by it.
    let before = world.files("log").len();
    world.at(&at(2, "15:05:00"), &["release"]).expect(2);
    assert_eq!(world.files("log").len(), before);
    world.drop_file("Dismissed-today.csv", "WorkerID\n10013\n");
    world.at(&at(2, "15:10:00"), &["release"]).expect(0);
    assert!(!enabled(&world, "10013"));
    assert!(!world.dir().join("inbox/Dismissed-today.csv").exists());
    world.drop_file("dismissal.xlsx", "PK");
    let ran = world.at(&at(2, "15:15:00"), &["release"]).expect(2);
    assert!(
        ran.err.contains("nobody in this file is dismissed"),
        "{ran:?}"
    );
    std::fs::remove_file(world.dir().join("inbox/dismissal.xlsx")).unwrap();
    for (text, word) in [
        ("", "0 bytes"),
        ("Key\n1\n", "WorkerID"),
        ("WorkerID\n\n,\n", "row"),
    ] {
        world.drop_file("dismiss.csv", text);
        let ran = world.at(&at(2, "15:20:00"), &["release"]).expect(2);
        assert!(ran.err.contains(word), "{text:?}: {}", ran.err);
    }
}

/// Prepares a file that appears in the store while calls are made.
pub(crate) fn appears(world: &World, place: &str, content: &Value) -> String {
    let from = world.dir().join("later.json");
    std::fs::write(&from, content.to_string()).unwrap();
    format!(
        "called:60:{}:{}",
        from.display(),
        world.dir().join(place).display()
    )
}

pub(crate) fn run_with(world: &World, now: &str, args: &[&str], moves: &str) -> Ran {
    let full = world.full(now, args);
    let full: Vec<&str> = full.iter().map(String::as_str).collect();
    let output = world.prepared(&full).env(MOVE_AT, moves).output().unwrap();
    output.into()
}

/// Another file comes under the name of one that is just being read: it is read next time.
fn replaced() {
    let world = World::new();
    night(&world, 2, &Roster::of(40), 0);
    world.drop_file("dismiss.csv", "WorkerID\n10011\n");
    let (newer, inbox) = (
        world.dir().join("newer.csv"),
        world.dir().join("inbox/dismiss.csv"),
    );
    std::fs::write(&newer, "WorkerID\n10012\n10013\n").unwrap();
    // The first thing that is stored is what the first row says.
    let moves = format!("store:1:{}:{}", newer.display(), inbox.display());
    run_with(&world, &at(2, "15:00:00"), &["release"], &moves).expect(0);
    assert!(!enabled(&world, "10011") && enabled(&world, "10012"));
    assert_eq!(
        std::fs::read_to_string(&inbox).unwrap(),
        "WorkerID\n10012\n10013\n"
    );
    world.at(&at(2, "15:01:00"), &["release"]).expect(0);
    assert!(!enabled(&world, "10012") && !enabled(&world, "10013"));
    assert!(!inbox.exists());
}

/// Three dismissals went by the lane, and the tenant did not answer; they were counted. Planned again
/// they take no second place: the lane of six has three more.
fn lane() {
    let world = World::new();
    let share = "inactive_share_points = 5.0";
    world.edit("policy.toml", share, "inactive_share_points = 90.0");
    let lane = "[budgets]\nimmediate_lane = 6\n\n[budgets.disables]\n";
    world.edit("policy.toml", "[budgets.disables]\n", lane);
    let mut roster = Roster::of(60);
    night(&world, 2, &roster, 0);
    for key in 10_031..=10_040 {
        roster.0.get_mut(&key).unwrap().active = false;
    }
    night(&world, 3, &roster, 0);
    assert!(!enabled(&world, "10031"), "ten are the budget of a day");
    world.drop_file("dismiss.csv", "WorkerID\n10011\n10012\n10013\n");
    let full = world.full(&at(3, "09:00:00"), &["release"]);
    let full: Vec<&str> = full.iter().map(String::as_str).collect();
    let ran: Ran = world
        .prepared(&full)
        .env(DOWN, "/v1.0/users/")
        .output()
        .unwrap()
        .into();
    assert_ne!(ran.code, Some(0), "{ran:?}");
    let is_out = |key: u32| !enabled(&world, &key.to_string());
    assert!(!(10_011..=10_013).any(is_out), "{ran:?}");
    world.drop_file("dismiss.csv", "WorkerID\n10014\n10015\n10016\n");
    world.at(&at(3, "11:00:00"), &["release"]);
    let left: Vec<u32> = (10_011..=10_016).filter(|key| !is_out(*key)).collect();
    assert_eq!(left, [0; 0]);
    world.at(&at(3, "12:00:00"), &["verify"]).expect(0);
}

/// Three hundred moves are under way when somebody is dismissed: that goes first, and the rest is
/// done afterwards by the same command.
fn gives_way() {
    let world = World::new();
    world.edit("policy.toml", "[gates]\n", "[gates]\nchurn_pct = 100.0\n");
    let mut roster = Roster::of(300);
    night(&world, 2, &roster, 0);
    let rows = roster.0.values_mut();
    rows.for_each(|row| row.department = "Elsewhere".to_owned());
    let text = roster.csv();
    world.drop_file("w-2026-03-03.csv", text);
    let word =
        json!({"kind": "dismiss", "worker": "10290", "at": at(3, "02:00:01"), "reason": "x"});
    let moves = appears(
        &world,
        "approvals/os:guard:7/notice-dismiss-00000001.json",
        &word,
    );
    let ran = run_with(&world, &at(3, "02:00:00"), &["run"], &moves);
    let reports: Vec<Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(reports.len() >= 2, "{ran:?}");
    let first = &reports[0];
    assert!(
        first["outcomes"]["open"].as_u64().unwrap() > 0,
        "it gave way: {first}"
    );
    assert!(!enabled(&world, "10290"));
    let disable = reports[1]["changes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["op"] == "user.disable")
        .unwrap();
    let seconds = reports[1]["lateness"]["max_seconds"].as_f64().unwrap();
    assert!(seconds < 60.0, "{seconds} s: {disable}");
    let users = world.users();
    let moved = users.values().filter(|it| it["department"] == "Elsewhere");
    assert!(moved.count() >= 299, "the rest was done too");
    world.at(&at(3, "03:00:00"), &["verify"]).expect(0);
}

fn over_budget() {
    let world = World::new();
    let mut roster = Roster::of(60);
    night(&world, 2, &roster, 0);
    for key in 10_031..=10_042 {
        roster.0.get_mut(&key).unwrap().active = false;
    }
    // Twelve are over the budget of ten.
    night(&world, 3, &roster, 3);
    assert!(enabled(&world, "10031"));
    world.drop_file("dismiss.csv", "WorkerID\n10020\n10021\n10022\n10023\n");
    for key in 10_043..=10_052 {
        roster.0.get_mut(&key).unwrap().active = false;
    }
    let now = at(3, "09:00:00");
    let report = world.at(&now, &["release"]).expect(3).last_json();
    // Four fit into the budget of ten.
    assert_eq!(report["outcomes"]["done"], 8, "{report}");
    for worker in ["10020", "10021", "10022", "10023"] {
        assert!(!enabled(&world, worker), "{worker}");
    }
    // The next ones do not; three of them go all the same.
    let keys: Vec<String> = (10_011..=10_019).map(|key| key.to_string()).collect();
    world.drop_file("dismiss.csv", format!("WorkerID\n{}\n", keys.join("\n")));
    let now = at(3, "10:00:00");
    world.at(&now, &["release"]).expect(3);
    let open: Vec<String> = (10_011..=10_019)
        .map(|key| key.to_string())
        .filter(|key| enabled(&world, key))
        .collect();
    let expected = ["10014", "10015", "10016", "10017", "10018", "10019"];
    assert_eq!(open, expected, "the lane is for three");
    // A file for each of them is no way around it, until a day has passed.
    world.drop_file("dismiss.csv", "WorkerID\n10024\n10025\n10026\n10027\n");
    world.at(&at(3, "11:00:00"), &["release"]).expect(3);
    assert!(enabled(&world, "10024"), "three in 24 hours");
    world.at(&at(3, "12:00:00"), &["verify"]).expect(0);
}

/// The budget of the day is used up. Three who are disabled already are dismissed with one who is not:
/// the place in the lane is for whoever needs it.
fn lane_for_those_who_need_it() {
    let world = World::new();
    let share = "inactive_share_points = 5.0";
    world.edit("policy.toml", share, "inactive_share_points = 90.0");
    let lane = "[budgets]\nimmediate_lane = 1\n\n[budgets.disables]\n";
    world.edit("policy.toml", "[budgets.disables]\n", lane);
    let mut roster = Roster::of(60);
    night(&world, 2, &roster, 0);
    for key in 10_011..=10_020 {
        roster.0.get_mut(&key).unwrap().active = false;
    }
    night(&world, 3, &roster, 0);
    world.drop_file("dismiss.csv", "WorkerID\n10011\n10012\n10013\n10040\n");
    world.at(&at(3, "09:00:00"), &["release"]);
    assert!(!enabled(&world, "10040"));
    world.at(&at(3, "12:00:00"), &["verify"]).expect(0);
}

fn legal_hold() {
    let world = World::new();
    let roster = Roster::of(20);
    night(&world, 2, &roster, 0);
    let now = at(2, "10:00:00");
    say(&world, &now, &["hold", "10015"]).expect(0);
    let again = say(&world, &now, &["hold", "10015"]).expect(0).last_json();
    assert_eq!(again["findings"][0]["kind"], "notice_idle");
    say(&world, &now, &["lift", "10015", "--what", "legal-hold"]).expect(0);
    let no = say(&world, &now, &["lift", "10015", "--what", "nonsense"]);
    no.expect(2);
    let blank = world
        .at(&now, &["hold", "10015", "--reason", " "])
        .expect(2);
    assert!(blank.err.contains("needs a reason"), "{blank:?}");
    world.at(&now, &["verify"]).expect(0);
}

/// The hold after an undo ends when somebody says that HR is right after all.
fn undone() {
    let world = World::new();
    let mut roster = Roster::of(30);
    night(&world, 2, &roster, 0);
    roster.0.get_mut(&10_015).unwrap().department = "Right".to_owned();
    let report = night(&world, 3, &roster, 0);
    let department = |world: &World| world.users()["10015"]["department"].clone();
    assert_eq!(department(&world), "Right");
    let run = report["run"].as_str().unwrap();
    let now = at(3, "09:00:00");
    let ran = world.at(&now, &["undo", run]).expect(3);
    let plan = ran.last_json()["plan"]["plan_sha256"].clone();
    let undo = ran.first_json()["run"].clone();
    let (undo, plan) = (undo.as_str().unwrap(), plan.as_str().unwrap());
    let args = ["approve", undo, "--plan", plan, "--reason", "wrong"];
    world.at(&now, &args).expect(0);
    world.at(&now, &["apply"]).expect(0);
    assert_ne!(department(&world), "Right");
    night(&world, 4, &roster, 1);
    assert_ne!(department(&world), "Right");
    say(
        &world,
        &at(4, "09:00:00"),
        &["lift", "10015", "--what", "undone"],
    )
    .expect(0);
    assert_eq!(department(&world), "Right");
    night(&world, 5, &roster, 0);
}

fn halted() {
    let world = World::new();
    let roster = Roster::of(300);
    world.drop_file("w-2026-03-02.csv", roster.csv());
    let word = json!({"halt": true, "at": at(2, "02:00:01"), "reason": "wrong tenant"});
    let moves = appears(&world, "approvals/os:guard:7/halt-00000001.json", &word);
    let now = at(2, "02:00:00");
    run_with(&world, &now, &["run"], &moves).expect(3);
    let made = world.users().len();
    assert!((1..300).contains(&made), "{made} accounts were made");
    // Nothing goes on while it is halted, whoever asks.
    for args in [&["release"][..], &["run"], &["apply"]] {
        let ran = world.at(&at(2, "03:00:00"), args).expect(3);
        assert!(
            ran.err.contains("rollcall resume") || args == ["apply"],
            "{args:?} {ran:?}"
        );
        assert_eq!(world.users().len(), made, "{args:?}");
    }
    let status = world.at(&at(2, "03:00:00"), &["status"]).json();
    assert_eq!(status["halted"]["by"], "os:guard:7");
    say(&world, &at(2, "04:00:00"), &["resume"]).expect(0);
    world.at(&at(2, "04:01:00"), &["release"]).expect(0);
    world.at(&at(2, "04:30:00"), &["release"]);
    assert_eq!(world.users().len(), 300);
    assert!(
        world
            .users()
            .values()
            .all(|it| it["accountEnabled"] == true)
    );
    world.at(&at(2, "05:00:00"), &["verify"]).expect(0);
    assert!(Path::new(&world.config()).exists());
}

/// Somebody resumes by a clock that is years ahead; who halts after that is heard all the same.
fn last_word() {
    let world = World::new();
    night(&world, 2, &Roster::of(20), 0);
    let no = say(&world, &at(2, "09:00:00"), &["resume"]).expect(2);
    assert!(no.err.contains("nothing stands still"), "{no:?}");
    say(&world, &at(2, "09:00:00"), &["halt"]).expect(0);
    say(&world, "2099-01-01T00:00:00Z", &["resume"]).expect(0);
    let status = world.at(&at(2, "09:30:00"), &["status"]).json();
    assert_eq!(status["halted"], json!(null));
    say(&world, &at(2, "10:00:00"), &["halt"]).expect(0);
    let ran = say(&world, &at(2, "10:01:00"), &["dismiss", "10015"]).expect(3);
    assert!(ran.err.contains("rollcall resume"), "{ran:?}");
    assert!(enabled(&world, "10015"));
    let long = "x".repeat(1001);
    let no = world
        .at(&at(2, "10:02:00"), &["halt", "--reason", &long])
        .expect(2);
    assert!(no.err.contains("too long"), "{no:?}");
    say(&world, &at(2, "10:03:00"), &["resume"]).expect(0);
    world.at(&at(2, "10:04:00"), &["release"]).expect(0);
    assert!(!enabled(&world, "10015"), "the word was kept");
    // One that nobody can read is one, and so are more than one word can end.
    let folder = world.dir().join("approvals").join("os:second:4711");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("halt-by-hand.json"), "stop, please").unwrap();
    let word = json!({"halt": true, "at": at(2, "11:00:00"), "reason": "x".repeat(900)});
    for number in 0..250 {
        let name = format!("halt-{number:08}.json");
        std::fs::write(folder.join(name), word.to_string()).unwrap();
    }
    let ran = say(&world, &at(2, "11:01:00"), &["dismiss", "10016"]).expect(3);
    assert!(ran.err.contains("rollcall resume"), "{ran:?}");
    assert!(enabled(&world, "10016"));
    say(&world, &at(2, "11:02:00"), &["resume"]).expect(0);
    world.at(&at(2, "11:03:00"), &["release"]).expect(0);
    assert!(!enabled(&world, "10016"));
}

/// A plan from before the word waits for an approval and would enable whom the word means.
fn older_plan() {
    let world = World::new();
    let mut roster = Roster::of(60);
    night(&world, 2, &roster, 0);
    roster.0.get_mut(&10_030).unwrap().active = false;
    night(&world, 3, &roster, 0);
    assert!(!enabled(&world, "10030"));
    // Half a file, in which the leaver is back: parked.
    let mut half = roster.clone();
    half.0.get_mut(&10_030).unwrap().active = true;
    half.0.retain(|key, _| *key <= 10_040);
    let report = night(&world, 4, &half, 3);
    let now = at(4, "09:00:00");
    say(&world, &now, &["dismiss", "10030"]);
    say(&world, &now, &["hold", "10031"]);
    let (run, plan) = (
        report["run"].as_str().unwrap(),
        report["plan_sha256"].as_str().unwrap(),
    );
    let args = ["approve", run, "--plan", plan, "--reason", "it is right"];
    world.at(&at(4, "10:00:00"), &args);
    world.at(&at(4, "10:01:00"), &["apply"]);
    assert!(!enabled(&world, "10030"), "the newer word stands");
    let lift = ["lift", "10031", "--what", "legal-hold"];
    let lifted = say(&world, &at(4, "11:00:00"), &lift).last_json();
    assert_eq!(
        lifted["finding_counts"],
        json!([]),
        "there was a hold: {lifted}"
    );
}

fn undo_of_dismissed() {
    let world = World::new();
    let mut roster = Roster::of(40);
    night(&world, 2, &roster, 0);
    roster.0.get_mut(&10_020).unwrap().active = false;
    let report = night(&world, 3, &roster, 0);
    let run = report["run"].as_str().unwrap();
    say(&world, &at(3, "09:00:00"), &["dismiss", "10020"]);
    let ran = world.at(&at(3, "10:00:00"), &["undo", run]);
    let said = ran.first_json();
    let left = said["not_taken_back"].to_string();
    assert!(left.contains("dismissed by notice"), "{left}");
    let undo = said["run"].as_str().unwrap();
    let plan = ran.last_json()["plan"]["plan_sha256"].clone();
    let args = [
        "approve",
        undo,
        "--plan",
        plan.as_str().unwrap(),
        "--reason",
        "x",
    ];
    world.at(&at(3, "10:01:00"), &args).expect(0);
    world.at(&at(3, "10:02:00"), &["apply"]);
    assert!(!enabled(&world, "10020"));
}

fn first_day() {
    let world = World::new();
    let roster = Roster::of(30);
    night(&world, 2, &roster, 0);
    say(&world, &at(2, "15:00:00"), &["dismiss", "10015"]).expect(0);
    let text = roster.csv();
    let row = text
        .lines()
        .find(|line| line.starts_with("10015,"))
        .unwrap();
    let later = row.replace("2020-01-06", "2026-03-03");
    assert_ne!(row, later);
    world.drop_file("w-2026-03-04.csv", text.replace(row, &later));
    world.at(&at(4, "02:00:00"), &["run"]);
    assert!(!enabled(&world, "10015"), "an edit is no new employment");
}

fn one_by_one() {
    let world = World::new();
    night(&world, 2, &Roster::of(20), 0);
    let folder = world.dir().join("approvals").join("os:legal:4711");
    std::fs::create_dir_all(&folder).unwrap();
    for (at, kind) in [
        ("2026-03-02T10:00:00Z", "legal_hold"),
        ("2026-03-02T10:01:00Z", "lift_legal_hold"),
        ("2026-03-02T10:02:00Z", "legal_hold"),
    ] {
        let word = json!({"kind": kind, "worker": "10015", "at": at, "reason": "x"});
        let name = format!("notice-{kind}-{}.json", at.replace([':', '-'], ""));
        std::fs::write(folder.join(name), word.to_string()).unwrap();
    }
    world.at(&at(2, "10:05:00"), &["release"]).expect(0);
    let again = say(&world, &at(2, "10:06:00"), &["hold", "10015"]).last_json();
    assert_eq!(again["findings"][0]["kind"], "notice_idle", "{again}");
    world.at(&at(2, "10:07:00"), &["verify"]).expect(0);
}
