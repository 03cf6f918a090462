//! What a leaver could still sign in with: a password, and what they registered beside it.

use libtest_mimic::Trial;
use rollcall_http::Clock;
use serde_json::{Value, json};

use crate::trial;
use crate::world::{Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("sign_in::a_dismissal_leaves_no_way_in", dismissed),
        trial("sign_in::methods_go_days_after_the_block", later),
        trial("sign_in::killed_anywhere_it_ends_the_same", killed),
    ]
}

const TEXTS: &str = include_str!("../../../mappings/p0/texts.toml");

fn world() -> World {
    let world = World::new();
    std::fs::write(world.dir().join("texts.toml"), TEXTS).unwrap();
    world.edit(
        "rollcall.toml",
        "[evidence]\n",
        "[notify]\ntexts = \"texts.toml\"\n[notify.file]\n\n[evidence]\n",
    );
    world.edit(
        "policy.toml",
        "[gates]\n",
        "[leaver]\nmethods_days = 30\nfor_cause = true\n[gates]\n",
    );
    world.edit(
        "policy.toml",
        "max_source_age_h = 36",
        "max_source_age_h = 9000",
    );
    world.unproven();
    world.drop_file("a-2026-03-02.csv", Roster::of(30).csv());
    world.at("2026-03-02T02:00:00Z", &["run"]).expect(0);
    registers(
        &world,
        "10015",
        &["phone", "fido2", "windowsHelloForBusiness"],
    );
    registers(&world, "10016", &["microsoftAuthenticator"]);
    world
}

/// Somebody registers methods; the first one is asked for first.
fn registers(world: &World, worker: &str, kinds: &[&str]) {
    let now = "2026-03-02T08:00:00Z".parse().unwrap();
    let tenant = world.simulated_tenant(Clock::starting_at(now));
    let id = world.users()[worker]["id"].as_str().unwrap().to_owned();
    for (at, kind) in kinds.iter().enumerate() {
        let method = json!({
            "@odata.type": format!("#microsoft.graph.{kind}AuthenticationMethod"),
            "default": at == 0,
        });
        tenant.put_method(&id, &method).unwrap();
    }
}

/// Methods of somebody, and how often the password was reset.
fn ways(world: &World, worker: &str) -> (usize, u64) {
    let user = &world.tenant()[worker];
    let methods = user["methods"].as_array().map_or(0, Vec::len);
    (methods, user["passwordResets"].as_u64().unwrap_or_default())
}

fn ops(report: &Value) -> Vec<&str> {
    let changes = report["changes"].as_array().unwrap();
    changes
        .iter()
        .map(|it| it["op"].as_str().unwrap())
        .collect()
}

fn dismissed() {
    let world = world();
    assert_eq!(ways(&world, "10015"), (3, 0));
    let word = ["dismiss", "10015", "--reason", "case 4711"];
    let report = world
        .at("2026-03-03T10:00:00Z", &word)
        .expect(0)
        .last_json();
    assert_eq!(
        ops(&report),
        [
            "user.disable",
            "user.revokeSessions",
            "user.resetPassword",
            "authMethods.remove",
            "notify.security"
        ]
    );
    assert_eq!(report["outcomes"]["done"], 5, "{report}");
    assert_eq!(ways(&world, "10015"), (0, 1));
    assert_eq!(world.users()["10015"]["accountEnabled"], false);
    assert_eq!(ways(&world, "10016"), (1, 0), "nobody else is touched");
    // HR comes to know; nothing is done again.
    let mut roster = Roster::of(30);
    roster.0.get_mut(&10_015).unwrap().active = false;
    world.drop_file("b-2026-03-04.csv", roster.csv());
    world.at("2026-03-04T02:00:00Z", &["run"]).expect(0);
    assert_eq!(ways(&world, "10015"), (0, 1));
    // The password is in no file of ours.
    let files = world.files("").into_iter();
    let stored = files.filter(|(key, _)| key.starts_with("values/") || key.starts_with("runs/"));
    for (key, bytes) in stored {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains("passwordProfile"), "{key}");
    }
    let said = world
        .at("2026-03-05T11:00:00Z", &["verify"])
        .expect(0)
        .json();
    assert_eq!(said["problems"], json!([]));
}

fn later() {
    let world = world();
    let config = world.config().display().to_string();
    let said = world.command(&["check", "-c", &config]).expect(0).out;
    for line in [
        "  User-PasswordProfile.ReadWrite.All: reset passwords (with the role User Administrator",
        "  UserAuthenticationMethod.ReadWrite.All: take away sign-in methods\n",
        "  User.ReadWrite.All: make people and write their attributes\n",
    ] {
        assert!(said.contains(line), "{said}");
    }
    let mut roster = Roster::of(30);
    roster.0.get_mut(&10_016).unwrap().active = false;
    world.drop_file("b-2026-03-03.csv", roster.csv());
    world.at("2026-03-03T02:00:00Z", &["run"]).expect(0);
    assert_eq!(world.users()["10016"]["accountEnabled"], false);
    world.at("2026-04-01T02:00:00Z", &["release"]).expect(0);
    assert_eq!(ways(&world, "10016"), (1, 0), "not a day too early");
    let report = world
        .at("2026-04-02T03:00:00Z", &["release"])
        .expect(0)
        .last_json();
    assert_eq!(ops(&report), ["authMethods.remove"]);
    assert_eq!(
        ways(&world, "10016"),
        (0, 0),
        "whoever leaves as planned keeps the password"
    );
    let run = report["run"].as_str().unwrap();
    let undo = world.at("2026-04-02T03:30:00Z", &["undo", run]);
    assert!(undo.out.contains("registers anew"), "{undo:?}");
    let said = world
        .at("2026-04-02T04:00:00Z", &["verify"])
        .expect(0)
        .json();
    assert_eq!(said["problems"], json!([]));
}

/// A process that dies after any of its calls is followed by another one.
fn killed() {
    let clean = world();
    let word = ["dismiss", "10015", "--reason", "case 4711"];
    let (ran, _, calls) = clean.counted("2026-03-03T10:00:00Z", &word);
    assert!(calls >= 8, "{calls}: {ran:?}");
    for n in 1..=calls {
        let world = world();
        let died = world.may_die("2026-03-03T10:00:00Z", &word, &format!("called:{n}"));
        assert!(died || n > calls - 2, "call {n} of {calls}");
        world.at("2026-03-03T10:05:00Z", &["release"]);
        let (methods, resets) = ways(&world, "10015");
        assert_eq!(methods, 0, "killed after call {n}");
        // A reset whose answer was lost is done once more: that is another password nobody knows.
        assert!((1..=2).contains(&resets), "killed after call {n}: {resets}");
        assert_eq!(world.users()["10015"]["accountEnabled"], false);
    }
}
