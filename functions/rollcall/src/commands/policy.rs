//! `policy lint`: groups and their rules, all at once. Connects to nothing.

use std::sync::Arc;

use jiff::Timestamp;
use rollcall_core::groups::Mode;
use rollcall_core::rules::Vocabulary;
use rollcall_core::rules::lint::{Level, lint as look_at};
use rollcall_core::workers::vocabulary;
use rollcall_pipeline::config::Settings;
use serde_json::json;

use crate::args::At;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::show::visible;
use crate::wiring;

/// Every rule of a configuration with its name: groups, licences, who is protected.
fn rules(settings: &Settings) -> Vec<(String, &str, Mode)> {
    let mut out = Vec::new();
    if let Some(groups) = &settings.groups {
        let all = groups.0.all().iter();
        out.extend(all.map(|it| (it.key.clone(), it.rule.as_str(), it.mode)));
        let licensed = groups.0.licensed().iter();
        out.extend(licensed.map(|it| (it.grant().to_string(), it.rule.as_str(), Mode::Assigned)));
    }
    let protected = settings.policy.protected.rule.as_deref();
    out.extend(protected.map(|rule| ("protected.rule".to_owned(), rule, Mode::Assigned)));
    out
}

pub(crate) fn lint(args: &At, printer: &Arc<Printer>) -> anyhow::Result<Exit> {
    let settings = wiring::read(&args.config)?;
    let now = args.now.unwrap_or_else(Timestamp::now);
    let mut out = Vec::new();
    let mut worst = Level::Info;
    let groups = settings.groups.as_ref().map(|groups| &groups.0);
    let words = vocabulary(&settings.mapping);
    // Both are in the order of the file.
    let mut more = groups.iter().flat_map(|groups| groups.lint()).peekable();
    for (name, rule, mode) in rules(&settings) {
        // It was compiled when the file was read.
        let vocabulary = match mode {
            Mode::Dynamic => Vocabulary::Entra,
            Mode::Assigned => Vocabulary::Worker(&words),
        };
        let Ok(advice) = look_at(rule, vocabulary, Some(now)) else {
            continue;
        };
        let mut say = |level: Level, lint: &str, message: &str, part: &str| {
            worst = worst.max(level);
            if !printer.json {
                let part = if part.is_empty() {
                    String::new()
                } else {
                    format!(": {}", visible(part))
                };
                printer.data(&format!(
                    "{}: {}: {message} ({lint}){part}\n",
                    name,
                    level.name()
                ));
            }
            out.push(json!({
                "group": name, "lint": lint, "level": level.name(), "message": message,
                "part": part,
            }));
        };
        for it in &advice.remarks {
            say(it.level, it.lint.name(), it.lint.message(), &it.part);
        }
        while let Some(it) = more.next_if(|it| it.group == name) {
            say(Level::Warning, it.lint.name(), &it.message, "");
        }
        if let Some(suggestion) = &advice.suggestion {
            let message = format!("{} rule instead", suggestion.repair.name());
            say(Level::Info, "suggestion", &message, &suggestion.rule);
        }
    }
    if printer.json {
        printer.json(&json!({"format_version": 1, "lint": out}));
    } else if out.is_empty() {
        printer.say("nothing is odd");
    }
    Ok(if worst == Level::Info {
        Exit::Done
    } else {
        Exit::Flawed
    })
}
