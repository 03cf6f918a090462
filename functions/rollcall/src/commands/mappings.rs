//! `mappings test` and `mappings lint`.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use rollcall_core::mapping::Mapping;
use rollcall_core::mapping::cases::run_cases;
use serde_json::{Value as Json, json};

use crate::args::MappingFiles;
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
        return Ok(shipped!("csv2scim", "demo", "successfactors", "workday").into());
    };
    let mut out: Vec<Found> = read(dir)?.into_iter().collect();
    if out.is_empty() {
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
    let mut failed = 0;
    let mut out = Vec::new();
    for found in find(args)? {
        let name = &found.name;
        let mapping = Mapping::parse(&found.mapping, &format!("{name}/mapping.toml"))?;
        let Some(cases) = &found.cases else {
            failed += 1;
            printer.error(&format!(
                "{name}: there is no cases.toml beside the mapping"
            ));
            continue;
        };
        let results = run_cases(&mapping, cases);
        let results = results.map_err(|e| anyhow::anyhow!("{name}/cases.toml: {e}"))?;
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
    Ok(if failed == 0 {
        Exit::Done
    } else {
        Exit::Flawed
    })
}

pub(crate) fn lint(args: &MappingFiles, printer: &Arc<Printer>) -> anyhow::Result<Exit> {
    let mut out: Vec<Json> = Vec::new();
    for found in find(args)? {
        let name = &found.name;
        let mapping = Mapping::parse(&found.mapping, &format!("{name}/mapping.toml"))?;
        for (attribute, lint) in mapping.lint() {
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
    let exit = if out.is_empty() {
        Exit::Done
    } else {
        Exit::Flawed
    };
    if printer.json {
        printer.json(&json!({"format_version": 1, "lint": out}));
    } else if out.is_empty() {
        printer.say("nothing is odd");
    }
    Ok(exit)
}
