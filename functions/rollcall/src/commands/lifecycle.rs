//! `policy workflows` and `import-workflow`: a policy as Microsoft's Lifecycle Workflows, and the
//! other way round.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rollcall_core::lifecycle::{
    Listed, ListedTask, Options, Standing, Text, Trigger, graph, import, listing,
};
use rollcall_core::model::Op;
use rollcall_core::policy::Policy;
use rollcall_core::scenario::p0;
use serde_json::json;

use crate::args::{ImportWorkflow, PolicyWorkflows};
use crate::exit::Exit;
use crate::printer::Printer;
use crate::show::visible;
use crate::wiring;

/// A policy as it holds for some people.
struct For<'p> {
    /// Name and scope of the workflow; `None`: for everybody.
    of: Option<(&'p str, &'p str)>,
    listed: Vec<Listed>,
}

fn all(policy: &Policy) -> Vec<For<'_>> {
    let everybody = For {
        of: None,
        listed: listing(policy),
    };
    let some = policy.workflow.iter().map(|it| For {
        of: Some((it.name.as_str(), it.scope.as_str())),
        listed: listing(&it.over(policy)),
    });
    std::iter::once(everybody).chain(some).collect()
}

fn when(trigger: &Trigger) -> String {
    let days = |days: i32| match days.unsigned_abs() {
        1 => "1 day".to_owned(),
        n => format!("{n} days"),
    };
    match trigger {
        Trigger::Day { attribute, days: 0 } => (*attribute).to_owned(),
        Trigger::Day { attribute, days: n } if *n < 0 => {
            format!("{} before {attribute}", days(*n))
        }
        Trigger::Day { attribute, days: n } => format!("{} after {attribute}", days(*n)),
        Trigger::Change {
            attributes,
            days: n,
        } => {
            let names = attributes.join(", ");
            match n {
                0 => format!("another value of {names}"),
                n => format!("{} after another value of {names}", days(*n)),
            }
        }
        Trigger::Said { what, days: 0 } => format!("HR says: {what}"),
        Trigger::Said { what, days: n } => format!("{} after HR says: {what}", days(*n)),
    }
}

fn task_line(at: usize, task: &ListedTask) -> String {
    let ops: Vec<&str> = task.ops.iter().map(|op| op.name()).collect();
    let theirs = task.definition.map_or("-", |it| it.name);
    let mut more = Vec::new();
    if !task.note.is_empty() {
        more.push(task.note.clone());
    }
    let arguments = task.arguments.iter();
    more.extend(arguments.map(|(name, value)| format!("{name} = {value}")));
    let mut out = format!("  {at}  {:<20}  {theirs}", ops.join(" | "));
    if !more.is_empty() {
        let _ = write!(out, " ({})", more.join("; "));
    }
    out
}

fn text(all: &[For<'_>]) -> String {
    let mut out = String::new();
    for (at, some) in all.iter().enumerate() {
        let blank = if at == 0 { "" } else { "\n" };
        let _ = match some.of {
            None => writeln!(out, "{blank}for everybody"),
            Some((name, scope)) => {
                writeln!(out, "{blank}workflow {}: {}", visible(name), visible(scope))
            }
        };
        for it in &some.listed {
            let (category, name) = (it.category.name(), it.name);
            let _ = writeln!(out, "\n{category}: {name}\n  when  {}", when(&it.trigger));
            let _ = writeln!(out, "  {}", it.description);
            for (at, task) in it.tasks.iter().enumerate() {
                let _ = writeln!(out, "{}", task_line(at + 1, task));
            }
        }
    }
    out
}

/// What a policy does, as workflows: that of a configuration, or the shipped one.
pub(crate) fn workflows(args: &PolicyWorkflows, printer: &Arc<Printer>) -> anyhow::Result<Exit> {
    let policy = match &args.config {
        Some(config) => wiring::read(config)?.policy,
        None => p0(),
    };
    let all = all(&policy);
    if printer.json {
        let value: Vec<_> = all.iter().flat_map(|it| graph(&it.listed, it.of)).collect();
        printer.json(&json!({"format_version": 1, "value": value}));
    } else {
        printer.data(&text(&all));
    }
    Ok(Exit::Done)
}

fn read(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| format!("{} cannot be read as UTF-8", path.display()))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())
}

/// The policy file on stdout, what became of everything on stderr.
pub(crate) fn import_workflow(
    args: &ImportWorkflow,
    printer: &Arc<Printer>,
) -> anyhow::Result<Exit> {
    let mut files = Vec::new();
    for path in &args.files {
        files.push((path.display().to_string(), read(path)?));
    }
    let texts: Vec<Text<'_>> = files
        .iter()
        .map(|(file, json)| Text { file, json })
        .collect();
    let settings = args.config.as_deref().map(wiring::read).transpose()?;
    let options = Options {
        mapping: settings
            .as_ref()
            .map(rollcall_pipeline::config::Settings::mapping),
        policy: settings.as_ref().map(|it| it.policy_text.as_str()),
        keep_deletes: args.keep_deletes,
        for_everybody: args.for_everybody,
    };
    let imported = import(&texts, options)?;
    let policy = Policy::parse(&imported.policy, "what was made")?;
    let notify = settings.as_ref().and_then(|it| it.notify.as_ref());
    let goes = |op: &Op| {
        let told = notify.is_some_and(|it| it.tells(*op));
        told || (!op.speaks() && rollcall_pipeline::entra::does(*op))
    };
    let missing = policy.needs().into_iter().filter(|op| !goes(op));
    let (untold, missing): (Vec<Op>, Vec<Op>) = missing.partition(|op| op.speaks());
    let names = |ops: &[Op]| ops.iter().map(|op| op.name()).collect::<Vec<_>>();
    let (untold, missing) = (names(&untold), names(&missing));
    if printer.json {
        printer.json(&json!({
            "format_version": 1, "policy": imported.policy, "notes": imported.notes,
            "not_done_yet": missing, "not_told_yet": untold,
        }));
        return Ok(Exit::Done);
    }
    printer.data(&imported.policy);
    for note in &imported.notes {
        printer.say(&visible(&note.to_string()));
    }
    let count = |standing| {
        let notes = imported.notes.iter();
        notes.filter(|it| it.standing == standing).count()
    };
    printer.say(&format!(
        "{} carried over, {} otherwise, {} left out",
        count(Standing::Carried),
        count(Standing::Otherwise),
        count(Standing::LeftOut),
    ));
    if !untold.is_empty() {
        printer.say(&format!(
            "nothing says yet how people are told: `[notify]` of rollcall.toml has to name where {} \
             goes, and the file with the texts",
            untold.join(", ")
        ));
    }
    if !missing.is_empty() {
        printer.say(&format!(
            "the Entra connector of this version does not do {}: take out the keys that ask for it \
             before you run, `rollcall policy test` plays them all the same",
            missing.join(", ")
        ));
    }
    Ok(Exit::Done)
}
