//! What other rules would have done, as text: each run by itself, people first, then the numbers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use rollcall_core::model::WorkerId;
use rollcall_core::plan::{GuardVerdict, plain};
use rollcall_core::policy::DeltaKind;
use rollcall_pipeline::compare::{Change, Compared, GuardShift, Kind, PersonShift, Shift, Side};

use super::ORDERS_SHOWN;

/// Everything about some runs.
pub(crate) fn comparison(runs: &[Compared]) -> String {
    let mut out = String::new();
    for run in runs {
        one(&mut out, run);
        out.push('\n');
    }
    let gone = runs.iter().filter(|run| run.gone.is_some()).count();
    let same = runs.iter().filter(|run| run.same()).count();
    let other = runs.len() - gone - same;
    let gone = match gone {
        0 => String::new(),
        count => format!(", {count} cannot be made again"),
    };
    let each = "each by itself, as if the rules had come on its day";
    line(
        &mut out,
        0,
        &format!(
            "{} runs ({each}): {other} different, {same} the same{gone}",
            runs.len()
        ),
    );
    out
}

fn line(out: &mut String, depth: usize, text: &str) {
    writeln!(out, "{:1$}{text}", "", depth * 2).expect("a String takes everything");
}

fn one(out: &mut String, run: &Compared) {
    let of = match &run.file {
        Some(file) => format!("`{file}`"),
        None => "what fell due".to_owned(),
    };
    line(
        out,
        0,
        &format!("run {} of {of}, planned for {}", run.run, run.now),
    );
    let changed = match run.changed.as_slice() {
        [] => "mapping, policy, groups and texts mean the same as then".to_owned(),
        names => format!("not as then: {}", names.join(", ")),
    };
    line(out, 1, &changed);
    if let Some(why) = &run.gone {
        line(out, 1, &format!("! cannot be made again: {why}"));
        return;
    }
    if run.same() {
        line(out, 1, "nothing would have been different");
    }
    for person in run.persons.iter().take(ORDERS_SHOWN) {
        whose(out, person);
    }
    if run.persons.len() > ORDERS_SHOWN {
        let more = run.persons.len() - ORDERS_SHOWN;
        line(
            out,
            1,
            &format!("... and {more} more people (--json has them all)"),
        );
    }
    for guard in &run.guards {
        line(out, 1, &guarded(guard));
    }
    if !run.persons.is_empty() {
        line(
            out,
            1,
            &format!("{} people: {}", run.persons.len(), tally(&run.ops)),
        );
    }
    if run.assumed > 0 {
        let text = format!(
            "supposed: {} questions that the tenant was not asked then; their names count as free, \
             accounts as Rollcall left them",
            run.assumed
        );
        line(out, 1, &text);
    }
}

fn whose(out: &mut String, person: &PersonShift) {
    let delta = match (person.then, person.now) {
        (Some(then), Some(now)) if then == now => name(now).to_owned(),
        (Some(then), Some(now)) => format!("{} instead of {}", name(now), name(then)),
        (None, Some(now)) => format!("{}; nothing was to be done", name(now)),
        (Some(then), None) => format!("nothing to be done; was {}", name(then)),
        (None, None) => String::new(),
    };
    // HR knows people by the ids of their employments.
    let other = |it: &&WorkerId| it.as_str() != person.person.as_str();
    let workers: Vec<&str> = person
        .workers
        .iter()
        .filter(other)
        .map(WorkerId::as_str)
        .collect();
    let workers = match workers.as_slice() {
        [] => String::new(),
        ids => format!(", worker {}", ids.join(", ")),
    };
    line(out, 1, &format!("{}{workers} ({delta})", person.person));
    for change in &person.changes {
        changed(out, change);
    }
}

fn changed(out: &mut String, change: &Change) {
    let of = match &change.of {
        Some(of) => format!(" {of}"),
        None => String::new(),
    };
    let text = match (&change.then, &change.now) {
        (None, Some(now)) => format!("+ {}{of}  {}", change.op, planned(now)),
        (Some(then), None) => format!("- {}{of}  not any more; was {}", change.op, planned(then)),
        (Some(then), Some(now)) => {
            let how: Vec<String> = change
                .kinds
                .iter()
                .filter_map(|kind| differs(*kind, change, then, now))
                .collect();
            format!("~ {}{of}  {}", change.op, how.join("; "))
        }
        (None, None) => return,
    };
    line(out, 2, &text);
    for (name, value) in &change.values {
        let (then, now) = (plain(&value.then), plain(&value.now));
        let text = match (&change.then, &change.now) {
            (None, _) => format!("{name}: {now}"),
            (_, None) => format!("{name}: {then}"),
            (Some(_), Some(_)) => format!("{name}: {now}, was {then}"),
        };
        line(out, 4, &text);
    }
}

/// An action that is in one of the plans only.
fn planned(side: &Side) -> String {
    let held = match &side.held_by {
        Some(_) => format!(", kept back by {}", guards(side)),
        None => String::new(),
    };
    format!(
        "{}{held}  because {} (rule {})",
        due(side.due),
        side.why,
        side.rule
    )
}

fn differs(kind: Kind, change: &Change, then: &Side, now: &Side) -> Option<String> {
    match kind {
        Kind::Moved => Some(format!(
            "{} instead of {} because {} (rule {})",
            due(now.due),
            due(then.due),
            now.why,
            now.rule
        )),
        Kind::Held if then.held_by.is_none() => {
            Some(format!("would be kept back by {}", guards(now)))
        }
        Kind::Held => Some(format!(
            "would be kept back by {}, was by {}",
            guards(now),
            guards(then)
        )),
        Kind::Freed => Some(format!("would go; {} kept it back", guards(then))),
        Kind::Changed => Some(format!("otherwise: {}", change.differs.join(", "))),
        // Told by the sign.
        Kind::Added | Kind::Removed => None,
    }
}

/// Every guard that keeps an action back.
fn guards(side: &Side) -> String {
    let all: Vec<&str> = side
        .held_by
        .iter()
        .chain(&side.also)
        .map(String::as_str)
        .collect();
    all.join(" and ")
}

fn due(due: Timestamp) -> String {
    if due == Timestamp::MAX {
        "once another person has an account".to_owned()
    } else {
        format!("due {due}")
    }
}

fn name(delta: DeltaKind) -> &'static str {
    match delta {
        DeltaKind::Joiner => "joiner",
        DeltaKind::Mover => "mover",
        DeltaKind::Leaver => "leaver",
        DeltaKind::Rehire => "rehire",
        DeltaKind::Conversion => "conversion",
        DeltaKind::Update => "update",
        DeltaKind::None => "no change",
    }
}

fn guarded(guard: &GuardShift) -> String {
    let said = |verdict: &Option<GuardVerdict>, held: u32| match verdict {
        None => "it did not look".to_owned(),
        Some(it) if it.tripped => {
            format!(
                "counted {} of {}: {held} actions kept back",
                it.counted, it.limit
            )
        }
        Some(it) => format!("counted {} of {}", it.counted, it.limit),
    };
    format!(
        "guard {}: {}; then: {}",
        guard.name,
        said(&guard.now, guard.held_now),
        said(&guard.then, guard.held_then)
    )
}

fn tally(ops: &BTreeMap<String, Shift>) -> String {
    let one = |(op, shift): (&String, &Shift)| {
        let parts = [
            ("+", shift.added),
            ("-", shift.removed),
            ("moved ", shift.moved),
            ("kept back ", shift.held),
            ("let go ", shift.freed),
            ("otherwise ", shift.changed),
        ];
        let parts = parts.iter().filter(|(_, count)| *count > 0);
        let parts: Vec<String> = parts
            .map(|(word, count)| format!("{word}{count}"))
            .collect();
        format!("{op} {}", parts.join(" "))
    };
    ops.iter().map(one).collect::<Vec<_>>().join(" · ")
}
