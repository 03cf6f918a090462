//! `forecast`: the days to come, if HR says nothing new. Changes nothing.

use std::fmt::Write as _;
use std::sync::Arc;

use rollcall_core::plan::GroupCounts;
use rollcall_pipeline::forecast::{Day, Outlook};
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

fn lines(day: &Day) -> Vec<String> {
    let mut out = Vec::new();
    if !day.steps.is_empty() {
        let steps = day.steps.iter().map(|(op, count)| format!("{op} {count}"));
        out.push(steps.collect::<Vec<_>>().join(" · "));
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
