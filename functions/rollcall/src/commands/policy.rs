//! `policy lint`: groups and their rules, all at once; `policy test`: scenarios, played on a clock
//! of their own. Both connect to nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use rollcall_core::groups::Mode;
use rollcall_core::rules::Vocabulary;
use rollcall_core::rules::lint::{Level, lint as look_at};
use rollcall_core::scenario::{Case, judge, play};
use rollcall_core::workers::vocabulary;
use rollcall_pipeline::config::Settings;
use serde_json::json;

use crate::args::{At, PolicyTest};
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
    let workflows = settings.policy.workflow.iter();
    out.extend(workflows.map(|it| {
        let name = format!("workflow `{}`", it.name);
        (name, it.scope.as_str(), Mode::Assigned)
    }));
    out
}

pub(crate) fn lint(args: &At, printer: &Arc<Printer>) -> anyhow::Result<Exit> {
    let settings = wiring::read(&args.config)?;
    let now = args.now.unwrap_or_else(Timestamp::now);
    let mut out = Vec::new();
    let mut worst = Level::Info;
    let groups = settings.groups.as_ref().map(|groups| &groups.0);
    let words = vocabulary(settings.mapping());
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

/// Scenarios, folders replaced by what lies in them.
fn scenarios(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let yaml = |path: &Path| {
        let ending = path.extension().and_then(|it| it.to_str());
        matches!(ending, Some("yaml" | "yml"))
    };
    let mut out = Vec::new();
    for path in paths {
        if !path.is_dir() {
            out.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).with_context(|| path.display().to_string())?;
        let mut inside = Vec::new();
        for entry in entries {
            inside.push(entry?.path());
        }
        inside.retain(|it| yaml(it));
        inside.sort();
        if inside.is_empty() {
            bail!("{}: there is no .yaml file in it", path.display());
        }
        out.extend(inside);
    }
    Ok(out)
}

pub(crate) fn test(args: &PolicyTest, printer: &Arc<Printer>) -> anyhow::Result<Exit> {
    let mut cases = Vec::new();
    for file in scenarios(&args.files)? {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(&file).with_context(|| name.clone())?;
        cases.push((name.clone(), Case::parse(&text, &name)?));
    }
    let mut failed = 0;
    for (name, case) in &cases {
        let played = play(case).with_context(|| name.clone())?;
        let verdict = judge(case, &played);
        failed += usize::from(!verdict.passed());
        if printer.json {
            let entries = played.entries.iter().filter(|_| args.show);
            let entries: Vec<_> = entries
                .map(|it| json!({"r": it.run, "at": it.at, "op": it.op, "who": it.who, "args": it.args}))
                .collect();
            let mut line = json!({
                "format_version": 1, "id": verdict.id, "passed": verdict.passed(),
                "met": verdict.met, "problems": verdict.problems,
            });
            if args.show {
                line["entries"] = json!(entries);
            }
            printer.json(&line);
            continue;
        }
        let how = if verdict.passed() { "ok" } else { "FAILED" };
        printer.data(&format!(
            "{}: {how}, {} as expected\n",
            verdict.id, verdict.met
        ));
        for problem in &verdict.problems {
            printer.data(&format!("  {}\n", visible_lines(problem)));
        }
        for entry in played.entries.iter().filter(|_| args.show) {
            let args = serde_json::to_string(&entry.args).unwrap_or_default();
            let line = format!("{} {} {} {args}", entry.at, entry.op, entry.who);
            printer.data(&format!("  r{} {}\n", entry.run, visible(&line)));
        }
    }
    if !printer.json {
        printer.say(&format!("{} scenarios, {failed} failed", cases.len()));
    }
    Ok(if failed == 0 {
        Exit::Done
    } else {
        Exit::Flawed
    })
}

fn visible_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(visible).collect();
    lines.join("\n")
}
