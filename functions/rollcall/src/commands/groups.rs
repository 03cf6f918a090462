//! `groups`: the groups of the file beside those of the tenant. Changes nothing.

use std::sync::Arc;

use rollcall_pipeline::roll::{Compared, Difference, Licensed};
use serde_json::json;

use super::pass::with;
use crate::args::At;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::show::visible;
use crate::wiring::Wrap;

/// Workers named for one group; `--json` names all.
const NAMED: usize = 5;

pub(crate) fn groups(args: &At, printer: &Arc<Printer>, wrap: &dyn Wrap) -> anyhow::Result<Exit> {
    with(args, printer, wrap, async |pipeline, now| {
        let Some(groups) = &pipeline.settings.groups else {
            printer.error("no groups are defined: name a file by `groups` in the configuration");
            return Ok(Exit::CouldNotRun);
        };
        let compared = pipeline.compare(&groups.0, now).await?;
        let licensed = pipeline.licensed(&groups.0).await?;
        let agree = compared.iter().all(Compared::agrees) && licensed.iter().all(Licensed::agrees);
        if printer.json {
            printer.json(&json!({
                "format_version": 1, "groups": compared, "licences": licensed, "agree": agree,
            }));
        } else {
            for (group, compared) in groups.0.all().iter().zip(&compared) {
                let name = match &group.owner {
                    Some(owner) => format!("{} ({})", group.name, visible(owner)),
                    None => group.name.clone(),
                };
                printer.data(&words(&name, compared));
            }
            for licensed in &licensed {
                printer.data(&licence_words(licensed));
            }
        }
        let late = |it: &Compared| {
            it.differs.is_empty() && !(it.absent.is_empty() && it.surplus.is_empty())
        };
        if compared.iter().any(late) {
            printer.say(
                "a tenant evaluates rules some time after a change, a day at worst: ask again \
                 before looking further",
            );
        }
        Ok(if agree { Exit::Done } else { Exit::Flawed })
    })
}

fn words(name: &str, compared: &Compared) -> String {
    if !compared.found {
        return format!("{name}: not in the tenant\n");
    }
    let mut lines = vec![match (&compared.unpredicted, compared.agree) {
        (None, 0) if compared.absent.is_empty() => {
            format!("{name}: nobody is to be in it, so that its rule may not be what is meant")
        }
        (None, 1) => format!("{name}: 1 member as they are to be"),
        (None, agree) => format!("{name}: {agree} members as they are to be"),
        (Some(why), _) => format!("{name}: nobody can say who is to be in it: {why}"),
    }];
    match compared.others {
        0 => {}
        1 => lines.push("1 member whom HR does not know".to_owned()),
        others => lines.push(format!("{others} members whom HR does not know")),
    }
    for odd in &compared.differs {
        lines.push(match odd {
            Difference::Rule => "its rule is another one there".to_owned(),
            Difference::NotDynamic => "its members are put in by hand there".to_owned(),
            Difference::NotAssigned => "its members follow a rule there".to_owned(),
            Difference::Paused => "its rule is paused there".to_owned(),
        });
    }
    if let Some(state) = compared.licensing.as_deref()
        && state != "ProcessingComplete"
    {
        lines.push(format!(
            "its licences are not all given yet: {}",
            visible(state)
        ));
    }
    let lists = [
        (
            "is in it and goes without its licence",
            "are in it and go without its licence",
            &compared.unlicensed,
        ),
        (
            "should be in it and is not",
            "should be in it and are not",
            &compared.absent,
        ),
        (
            "is in it and should not be",
            "are in it and should not be",
            &compared.surplus,
        ),
    ];
    for (one, several, workers) in lists {
        lines.extend(named(
            one,
            several,
            workers.iter().map(|it| it.as_str().to_owned()),
        ));
    }
    match compared.unknown {
        0 => {}
        1 => lines.push("of 1 worker nobody can say".to_owned()),
        unknown => lines.push(format!("of {unknown} workers nobody can say")),
    }
    lines.join("\n  ") + "\n"
}

fn licence_words(licensed: &Licensed) -> String {
    let name = &licensed.licence;
    let mut lines = vec![match licensed.agree {
        1 => format!("{name}: 1 account has it as it is to"),
        agree => format!("{name}: {agree} accounts have it as they are to"),
    }];
    let absent = licensed.absent.iter().map(|it| it.as_str().to_owned());
    lines.extend(named(
        "was given it and does not have it",
        "were given it and do not have it",
        absent,
    ));
    let wrong = licensed
        .wrong
        .iter()
        .map(|(worker, error)| format!("{worker} ({})", visible(error)));
    lines.extend(named(
        "has it, and something is wrong with it",
        "have it, and something is wrong with it",
        wrong,
    ));
    lines.join("\n  ") + "\n"
}

/// So many workers, the first of them by name.
fn named(
    one: &str,
    several: &str,
    workers: impl ExactSizeIterator<Item = String>,
) -> Option<String> {
    let count = workers.len();
    let names = workers.take(NAMED).collect::<Vec<_>>().join(", ");
    let more = if count > NAMED { ", …" } else { "" };
    match count {
        0 => None,
        1 => Some(format!("1 worker {one}: {names}")),
        count => Some(format!("{count} workers {several}: {names}{more}")),
    }
}
