//! A reconciliation as text: what was compared, how many lines of which class, where the files are.

use std::fmt::Write as _;

use rollcall_core::reconcile::Class;
use rollcall_pipeline::reconcile::Reconciliation;

pub(crate) fn reconciliation(found: &Reconciliation, place: &str) -> String {
    let mut out = String::new();
    let sides = &found.populations;
    let mut say = |text: String| {
        writeln!(out, "{text}").expect("a String takes everything");
    };
    say(format!(
        "reconciliation {}: {} persons whom HR has, {} in the state, {} accounts",
        found.run, sides.hr, sides.state, sides.tenant
    ));
    for class in Class::ALL {
        let count = found.of(class);
        if count > 0 {
            let mark = if class.discrepancy() { "!" } else { " " };
            say(format!(
                "{mark} {:<26}{count:>9}  {}",
                class.name(),
                class.meaning()
            ));
        }
    }
    for (attribute, causes) in &found.drift {
        let causes: Vec<String> = causes
            .iter()
            .map(|(because, count)| format!("{count} {}", because.name()))
            .collect();
        say(format!("  {attribute}: {}", causes.join(", ")));
    }
    if !found.sign_ins {
        say(
            "sign-ins: the target does not let us look; nobody knows who is dormant (it takes \
             AuditLog.Read.All and Entra ID P1)"
                .to_owned(),
        );
    }
    let share = found
        .leavers_in_time_percent
        .map_or("none".to_owned(), |it| format!("{it} %"));
    say(format!(
        "leavers from {} to {}: {}, in time {} ({share})",
        found.from, found.to, found.leavers, found.leavers_in_time
    ));
    say(format!(
        "report     {place}/runs/{}/report/controls.html, reconciliation.csv",
        found.run
    ));
    out
}
