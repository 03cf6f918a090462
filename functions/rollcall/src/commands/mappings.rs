//! `mappings test` and `mappings lint`.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use rollcall_core::mapping::Mapping;
use rollcall_core::mapping::cases::run_cases;
use serde_json::{Value as Json, json};

use crate::args::{LintFiles, MappingFiles};
use crate::exit::Exit;
use crate::printer::Printer;

/// A mapping file, and the cases beside it.
struct Found {
    name: String,
    mapping: String,
    cases: Option<String>,
}

macro_rules! shipped {
    ($($name:literal),*) => {
        [$(Found {
            name: $name.to_owned(),
            mapping: include_str!(concat!("../../../../mappings/", $name, "/mapping.toml")).to_owned(),
            cases: Some(
                include_str!(concat!("../../../../mappings/", $name, "/cases.toml")).to_owned(),
            ),
        }),*]
    };
}

fn find(args: &MappingFiles) -> anyhow::Result<Vec<Found>> {
    let Some(dir) = &args.dir else {
        return Ok(shipped!(
            "aquera",
            "bamboohr",
            "csv2scim",
            "demo",
            "dynamics365",
            "successfactors",
            "workday"
        )
        .into());
    };
    let mut out: Vec<Found> = read(dir)?.into_iter().collect();
    if out.is_empty() {
        if dir.is_file() {
            bail!(
                "{}: a folder is expected, with mapping.toml and cases.toml in it",
                dir.display()
            );
        }
        let entries = std::fs::read_dir(dir).with_context(|| format!("{}", dir.display()))?;
        let mut folders = Vec::new();
        for entry in entries {
            folders.push(entry?.path());
        }
        folders.sort();
        for folder in folders.iter().filter(|path| path.is_dir()) {
            out.extend(read(folder)?);
        }
    }
    if out.is_empty() {
        bail!(
            "{}: there is no mapping.toml, here or one folder down",
            dir.display()
        );
    }
    Ok(out)
}

/// The columns of an export.
fn header(file: &Path, mapping: &Mapping) -> anyhow::Result<Vec<String>> {
    let options = rollcall_files::Options {
        key: mapping.key_column().to_owned(),
        ..rollcall_files::Options::default()
    };
    let shown = file.display().to_string();
    let reader = rollcall_files::open_file(file, &options)
        .map_err(|refused| anyhow::anyhow!("{}", refused.in_file(shown)))?;
    Ok(reader.header().to_vec())
}

fn read(folder: &Path) -> anyhow::Result<Option<Found>> {
    let text = |name: &str| {
        let path = folder.join(name);
        if !path.is_file() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path);
        text.map(Some)
            .with_context(|| format!("{} cannot be read", path.display()))
    };
    let Some(mapping) = text("mapping.toml")? else {
        return Ok(None);
    };
    Ok(Some(Found {
        name: folder.display().to_string(),
        mapping,
        cases: text("cases.toml")?,
    }))
}

pub(crate) fn test(args: &MappingFiles, printer: &Arc<Printer>) -> anyhow::Result<Exit> {
    let (mut failed, mut unread) = (0, 0_u32);
    let mut out = Vec::new();
    for found in find(args)? {
        let name = &found.name;
        let mapping = match Mapping::parse(&found.mapping, &format!("{name}/mapping.toml")) {
            Ok(mapping) => mapping,
            Err(error) => {
                unread += 1;
                printer.error(&error.to_string());
                continue;
            }
        };
        let Some(cases) = &found.cases else {
            failed += 1;
            printer.error(&format!(
                "{name}: there is no cases.toml beside the mapping"
            ));
            continue;
        };
        let results = match run_cases(&mapping, cases) {
            Ok(results) => results,
            Err(error) => {
                unread += 1;
                printer.error(&format!("{name}/cases.toml: {error}"));
                continue;
            }
        };
        for case in &results {
            let passed = case.differences.is_empty();
            failed += u32::from(!passed);
            let sign = if passed { "ok    " } else { "FAILED" };
            if !printer.json {
                printer.data(&format!("{sign} {name}: {}\n", case.name));
                for difference in &case.differences {
                    printer.data(&format!("       {difference}\n"));
                }
            }
            out.push(json!({
                "mapping": name, "case": case.name, "passed": passed,
                "differences": case.differences,
            }));
        }
    }
    if printer.json {
        printer.json(&json!({"format_version": 1, "failed": failed, "cases": out}));
    }
    Ok(if unread > 0 {
        Exit::CouldNotRun
    } else if failed == 0 {
        Exit::Done
    } else {
        Exit::Flawed
    })
}

pub(crate) fn lint(args: &LintFiles, printer: &Arc<Printer>) -> anyhow::Result<Exit> {
    let mut out: Vec<Json> = Vec::new();
    let mut unread = 0_u32;
    for found in find(&args.files)? {
        let name = &found.name;
        let mapping = match Mapping::parse(&found.mapping, &format!("{name}/mapping.toml")) {
            Ok(mapping) => mapping,
            Err(error) => {
                unread += 1;
                printer.error(&error.to_string());
                continue;
            }
        };
        let mut lints = mapping.lint();
        if let Some(file) = &args.header {
            lints.extend(mapping.lint_header(&header(file, &mapping)?));
        }
        for (attribute, lint) in lints {
            if !printer.json {
                printer.data(&format!(
                    "{name}: attribute `{attribute}`, line {}, column {} of its expression: {} ({})\n",
                    lint.line, lint.column, lint.message, lint.name
                ));
            }
            out.push(json!({
                "mapping": name, "attribute": attribute, "name": lint.name,
                "message": lint.message,
                "at": {"line": lint.line, "column": lint.column, "part": lint.part},
            }));
        }
    }
    let exit = if unread > 0 {
        Exit::CouldNotRun
    } else if out.is_empty() {
        Exit::Done
    } else {
        Exit::Flawed
    };
    if printer.json {
        printer.json(&json!({"format_version": 1, "lint": out}));
    } else if out.is_empty() && unread == 0 {
        printer.say("nothing is odd");
    }
    Ok(exit)
}
