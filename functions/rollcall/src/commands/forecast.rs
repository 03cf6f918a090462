//! `forecast`: the days to come, if HR says nothing new. Changes nothing.

use std::fmt::Write as _;
use std::sync::Arc;

use rollcall_core::model::Op;
use rollcall_core::plan::GroupCounts;
use rollcall_pipeline::forecast::{Day, Outlook, People};
use serde_json::json;

use super::pass::with;
use crate::args::Forecast;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::wiring::Wrap;

pub(crate) fn forecast(
    args: &Forecast,
    printer: &Arc<Printer>,
    wrap: &dyn Wrap,
) -> anyhow::Result<Exit> {
    with(&args.at, printer, wrap, async |pipeline, now| {
        let outlook = pipeline.forecast(now, args.days).await?;
        if printer.json {
            printer.json(&json!({
                "format_version": 1, "now": now, "days": outlook.days, "short": outlook.short,
            }));
        } else {
            printer.data(&words(&outlook, args.days));
        }
        Ok(if outlook.short.is_empty() {
            Exit::Done
        } else {
            Exit::Flawed
        })
    })
}

fn words(outlook: &Outlook, days: u16) -> String {
    let mut out = String::new();
    for (date, day) in &outlook.days {
        // The day once, at its first line.
        let mut head = date.to_string();
        for line in lines(day) {
            writeln!(out, "{head:<10}  {line}").expect("a String takes everything");
            head.clear();
        }
    }
    if out.is_empty() {
        writeln!(out, "nothing falls due within {days} days").expect("a String takes everything");
    }
    for (licence, date) in &outlook.short {
        writeln!(out, "{licence} has too few seats from {date} on")
            .expect("a String takes everything");
    }
    out
}

/// Who comes, moves and goes, in words.
fn people(people: &People) -> Option<String> {
    let parts = [
        (people.joiners, "joiner"),
        (people.movers, "mover"),
        (people.leavers, "leaver"),
        (people.rehires, "rehire"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts
        .map(|(count, word)| format!("{count} {word}{}", if *count == 1 { "" } else { "s" }))
        .collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

fn lines(day: &Day) -> Vec<String> {
    let mut out = Vec::new();
    out.extend(people(&day.people));
    let device = |op: &str| Op::ALL.iter().any(|it| it.name() == op && it.on_device());
    let (devices, steps): (Vec<_>, Vec<_>) = day.steps.iter().partition(|(op, _)| device(op));
    for (word, steps) in [("", steps), ("devices ", devices)] {
        let steps: Vec<String> = steps
            .iter()
            .map(|(op, count)| format!("{op} {count}"))
            .collect();
        if !steps.is_empty() {
            out.push(format!("{word}{}", steps.join(" · ")));
        }
    }
    if !day.groups.is_empty() {
        let group = |(key, n): (&String, &GroupCounts)| {
            let parts = [("+", n.enters), ("-", n.leaves)];
            let parts = parts.iter().filter(|(_, n)| *n > 0);
            let parts: Vec<String> = parts.map(|(sign, n)| format!("{sign}{n}")).collect();
            format!("{key} {}", parts.join(" "))
        };
        let groups: Vec<String> = day.groups.iter().map(group).collect();
        out.push(format!("groups  {}", groups.join(" · ")));
    }
    for (licence, n) in &day.licences {
        let seats = match n.free {
            None => "nobody knows how many seats are left".to_owned(),
            Some(free) if free < 0 => format!("{} SHORT", -free),
            Some(1) => "1 seat left".to_owned(),
            Some(free) => format!("{free} seats left"),
        };
        out.push(format!(
            "licence {licence} +{} -{}, {seats}",
            n.gains, n.losses
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_come_first_and_devices_have_a_line_of_their_own() {
        let steps = [
            ("device.retire", 2),
            ("user.disable", 1),
            ("user.enable", 3),
        ];
        let day = Day {
            people: People {
                joiners: 3,
                leavers: 1,
                ..People::default()
            },
            steps: steps.map(|(op, count)| (op.to_owned(), count)).into(),
            ..Day::default()
        };
        assert_eq!(
            lines(&day),
            [
                "3 joiners · 1 leaver",
                "user.disable 1 · user.enable 3",
                "devices device.retire 2"
            ]
        );
    }
}
