//! `policy lint`: groups and their rules, all at once. Connects to nothing.

use std::sync::Arc;

use jiff::Timestamp;
use rollcall_core::rules::Vocabulary;
use rollcall_core::rules::lint::{Level, lint as look_at};
use serde_json::json;

use crate::args::At;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::show::visible;
use crate::wiring;

pub(crate) fn lint(args: &At, printer: &Arc<Printer>) -> anyhow::Result<Exit> {
    let settings = wiring::read(&args.config)?;
    let now = args.now.unwrap_or_else(Timestamp::now);
    let mut out = Vec::new();
    let mut worst = Level::Info;
    let groups = settings.groups.as_ref().map(|groups| &groups.0);
    // Both are in the order of the file.
    let mut more = groups.iter().flat_map(|groups| groups.lint()).peekable();
    for group in groups.iter().flat_map(|groups| groups.all()) {
        // It was compiled when the file was read.
        let Ok(advice) = look_at(&group.rule, Vocabulary::Entra, Some(now)) else {
            continue;
        };
        let mut say = |level: Level, name: &str, message: &str, part: &str| {
            worst = worst.max(level);
            if !printer.json {
                let part = if part.is_empty() {
                    String::new()
                } else {
                    format!(": {}", visible(part))
                };
                printer.data(&format!(
                    "{}: {}: {message} ({name}){part}\n",
                    group.key,
                    level.name()
                ));
            }
            out.push(json!({
                "group": group.key, "lint": name, "level": level.name(), "message": message,
                "part": part,
            }));
        };
        for it in &advice.remarks {
            say(it.level, it.lint.name(), it.lint.message(), &it.part);
        }
        while let Some(it) = more.next_if(|it| it.group == group.key) {
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
