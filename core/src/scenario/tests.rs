//! Every worked case of the shipped policy, and what holds for all of them.

use super::play::{Played, play_until_killed};
use super::{Case, judge, play};

fn cases() -> Vec<(String, String)> {
    let text = include_str!("../../../tests/vectors/scenarios.md");
    let blocks = text.split("```yaml\nid: S").skip(1);
    blocks
        .map(|block| {
            let body = format!("id: S{}", block.split("```").next().unwrap());
            let id = body.lines().next().unwrap()[4..].to_owned();
            (id, body)
        })
        .collect()
}

/// The policy file that ships says what the parameters say.
#[test]
fn the_shipped_policy_is_p0() {
    let text = include_str!("../../../mappings/p0/policy.toml");
    let mut shipped = crate::policy::Policy::parse(text, "policy.toml").unwrap();
    // What a play has not.
    assert_eq!(shipped.leaver.proof, [15, 60, 1440]);
    shipped.leaver.proof.clear();
    let played = super::params::Params::of(&serde_json::Value::Null)
        .unwrap()
        .policy;
    assert_eq!(shipped.status, played.status);
    assert_eq!(shipped.joiner, played.joiner);
    assert_eq!(shipped.mover, played.mover);
    assert_eq!(shipped.leaver, played.leaver);
    assert_eq!(shipped.rescinded, played.rescinded);
    assert_eq!(shipped.leave, played.leave);
    assert_eq!(shipped.absence, played.absence);
    assert_eq!(shipped.devices, played.devices);
    assert_eq!(shipped.budgets.disables, played.budgets.disables);
}

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../mappings/p0/cases/", $name, ".yaml")))),*]
    };
}

/// The cases that ship beside the policy.
const SHIPPED: [(&str, &str); 28] = shipped![
    "absence",
    "absence-on-leave",
    "budget",
    "concurrent",
    "consent",
    "deceased",
    "devices",
    "garden",
    "gates",
    "id-reuse",
    "late-hire",
    "leave-then-exit",
    "leaver-late",
    "leaver-west",
    "legal-hold",
    "mover",
    "mover-withdrawn",
    "names",
    "no-show",
    "protected",
    "rehire-new",
    "rehire-restored",
    "rename",
    "rescinded-early",
    "rescinded-made",
    "reversal",
    "transfer",
    "workflows",
];

#[test]
fn every_shipped_case_passes() {
    let mut failed = Vec::new();
    for (id, text) in SHIPPED {
        let case = Case::parse(text, id).unwrap();
        assert_eq!(case.id, id);
        let verdict = judge(&case, &play(&case).unwrap());
        if !verdict.passed() {
            failed.push(format!("{id}:\n  {}", verdict.problems.join("\n  ")));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn every_case_passes() {
    let mut failed = Vec::new();
    for (id, text) in cases() {
        let case = Case::parse(&text, &id).unwrap();
        let played = play(&case).unwrap();
        let verdict = judge(&case, &played);
        if !verdict.passed() {
            failed.push(format!("{id}:\n  {}", verdict.problems.join("\n  ")));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// What is left in the target, in the order of keys, and what was done to it.
fn end(played: &Played) -> (Vec<String>, Vec<String>) {
    let logins = played.tenant.logins.values();
    let mut left: Vec<String> = logins.map(|login| format!("{login:?}")).collect();
    left.sort();
    let changes = played.entries.iter().filter(|entry| {
        let told = ["report.exception", "hold", "cancel", "approval.request"];
        !told.contains(&entry.op.as_str())
    });
    let mut done: Vec<String> = changes
        .map(|entry| {
            let person = entry.person.as_ref().map(crate::model::PersonKey::as_str);
            format!("{} {} {person:?} {:?}", entry.at, entry.op, entry.args)
        })
        .collect();
    done.sort();
    // What is not on record is sent again where that changes nothing.
    let harmless = [" user.setManager ", " device.escrowCheck "];
    done.retain(|it| !harmless.iter().any(|op| it.contains(op)));
    (left, done)
}

/// Killed between any two steps, and started again: the same tenant, by the same steps.
#[test]
fn a_kill_between_any_two_steps_changes_nothing() {
    let shipped = SHIPPED
        .iter()
        .map(|(id, text)| ((*id).to_owned(), (*text).to_owned()));
    let mut failed = Vec::new();
    for (id, text) in cases().into_iter().chain(shipped) {
        let case = Case::parse(&text, &id).unwrap();
        let whole = end(&play(&case).unwrap());
        for steps in 0..whole.1.len() {
            let killed = end(&play_until_killed(&case, Some(steps)).unwrap());
            if killed != whole {
                let gone = whole.1.iter().find(|it| !killed.1.contains(it));
                let new = killed.1.iter().find(|it| !whole.1.contains(it));
                failed.push(format!("{id} after {steps}: lost {gone:?}, new {new:?}"));
                break;
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
