//! `check`: everything that can be told without connecting, and with `--online` what the tenant
//! says of our permissions.

use std::collections::BTreeMap;
use std::sync::Arc;

use rollcall_entra::Need;
use rollcall_http::Clock;
use rollcall_pipeline::config::{ConfigError, Settings};
use rollcall_pipeline::notify::Sent;
use rollcall_pipeline::run::Pipeline;
use rollcall_pipeline::sources::Feed;
use rollcall_source::Described;

use crate::args::Check;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::wiring::{self, Wrap};

/// What people would be told, a line each.
fn told(sent: &[Sent]) -> String {
    let line = |it: &Sent| {
        let asked = if it.asked {
            ""
        } else {
            "; the policy does not ask for it"
        };
        format!("{} goes to {} by {}{asked}\n", it.op, it.to, it.by)
    };
    sent.iter().map(line).collect()
}

/// What the tenant has to consent to, by permission: the least one of each feature.
fn consent(needs: &[Need]) -> String {
    let mut by_permission: Vec<(&str, Vec<&str>)> = Vec::new();
    for need in needs {
        let least = need.any_of[0];
        match by_permission.iter_mut().find(|(known, _)| *known == least) {
            Some((_, features)) => features.push(need.feature),
            None => by_permission.push((least, vec![need.feature])),
        }
    }
    let lines = by_permission
        .iter()
        .map(|(least, features)| format!("  {least}: {}\n", features.join("; ")));
    let lines: String = lines.collect();
    format!("application permissions of Microsoft Graph that it takes, the least of each:\n{lines}")
}

/// One source as data.
fn source(feed: &Feed) -> serde_json::Value {
    serde_json::json!({
        "source": feed.name,
        "population": feed.population,
        "mapping_sha256": feed.mapping.hash(),
        "columns": feed.mapping.columns(),
    })
}

/// What is read and stored of one of several sources.
fn columns_of(feed: &Feed) -> String {
    let columns: Vec<String> = feed.mapping.columns().into_iter().collect();
    let brings = if feed.population {
        ""
    } else {
        " (attributes only)"
    };
    format!(
        "columns read and stored of `{}`{brings}: {}\n",
        feed.name,
        columns.join(", ")
    )
}

/// What sources that are asked are, without asking them. Attributes that one does not know are an error.
fn describe(settings: &Settings, wrap: &dyn Wrap) -> anyhow::Result<BTreeMap<String, Described>> {
    let connectors = wiring::connectors(settings, Clock::system(), wrap)?;
    let mut described = BTreeMap::new();
    let mut problems = Vec::new();
    for (name, connector) in connectors {
        match connector {
            Ok(connector) => drop(described.insert(name, connector.describe())),
            Err(wrong) => {
                problems.extend(wrong.into_iter().map(|it| format!("source `{name}`: {it}")));
            }
        }
    }
    if problems.is_empty() {
        Ok(described)
    } else {
        Err(ConfigError { problems }.into())
    }
}

fn shown(name: &str, it: &Described) -> String {
    let changes = if it.incremental {
        "; can be asked for changes"
    } else {
        ""
    };
    format!(
        "source `{name}`: {} at {}, {} attributes by name{changes}\n",
        it.system,
        it.place,
        it.attributes.len()
    )
}

/// Asks every source that is asked whether it lets us in and gives what is wanted.
async fn sources(pipeline: &Pipeline, printer: &Printer) -> Exit {
    let now = pipeline.clock.now();
    let mut exit = Exit::Done;
    for (name, checked) in pipeline.check_sources(now).await {
        if printer.json {
            printer.json(&serde_json::json!({
                "format_version": 1,
                "source": name,
                "notes": checked.notes,
            }));
        }
        for note in &checked.notes {
            let line = format!("source `{name}`: {}", note.message);
            if note.is_problem {
                exit = Exit::CouldNotRun;
                printer.error(&line);
            } else {
                printer.say(&line);
            }
        }
    }
    exit
}

pub(crate) fn check(args: &Check, printer: &Arc<Printer>, wrap: &dyn Wrap) -> anyhow::Result<Exit> {
    let settings = wiring::read(&args.at.config)?;
    let feeds = &settings.feeds;
    let columns: Vec<String> = settings.mapping().columns().into_iter().collect();
    let sent = settings.notify.as_ref();
    let sent = sent
        .map(|notify| notify.sent(&settings.policy))
        .unwrap_or_default();
    let asked = describe(&settings, wrap)?;
    if !args.online {
        if printer.json {
            printer.json(&serde_json::json!({
                "format_version": 1,
                "mapping_sha256": settings.mapping().hash(),
                "policy_sha256": settings.policy.hash(),
                "columns": columns,
                "sources": feeds.all().iter().map(source).collect::<Vec<_>>(),
                "asked": asked,
                "notify": sent,
                "permissions": settings.wants().needs(),
            }));
        } else {
            let read = match feeds.all() {
                [_] => format!("columns read and stored: {}\n", columns.join(", ")),
                several => several.iter().map(columns_of).collect(),
            };
            let asked: String = asked.iter().map(|(name, it)| shown(name, it)).collect();
            printer.data(&format!(
                "configuration, mapping and policy are valid\n{asked}{read}{}{}",
                told(&sent),
                consent(&settings.wants().needs())
            ));
        }
        return Ok(Exit::Done);
    }
    let runtime = wiring::runtime(wiring::simulated(&settings, wrap))?;
    runtime.block_on(async {
        let wants = settings.wants();
        let wired = Box::pin(wiring::wire(
            settings,
            args.at.now,
            Box::new(|_, _| {}),
            wrap,
        ))
        .await?;
        let sources = sources(&wired.pipeline, printer).await;
        let probe = wired.entra.probe(wants).await?;
        if printer.json {
            printer.json(&probe);
        } else {
            printer.data(&format!("{probe}\n"));
        }
        Ok(if probe.good() {
            sources
        } else {
            Exit::CouldNotRun
        })
    })
}
