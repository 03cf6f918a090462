//! `import-schema` and `export-schema`.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rollcall_core::mapping::schema::{self, Note};
use serde_json::json;

use crate::args::{ExportSchema, ImportSchema};
use crate::exit::Exit;
use crate::printer::Printer;

fn read(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| format!("{} cannot be read as UTF-8", path.display()))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())
}

fn say(notes: &[Note], printer: &Printer) {
    for note in notes {
        printer.say(&format!("{}: {}", note.about, note.message));
    }
}

/// The mapping file on stdout, what to look at on stderr.
pub(crate) fn import(args: &ImportSchema, printer: &Arc<Printer>) -> anyhow::Result<Exit> {
    let file = args.file.display();
    let schema = serde_json::from_str(&read(&args.file)?);
    let schema = schema.with_context(|| format!("{file}: this is no JSON"))?;
    let imported = schema::import(&schema, args.default_domain.as_deref());
    let imported = imported.map_err(|why| anyhow::anyhow!("{file}: {why}"))?;
    if printer.json {
        printer.json(&json!({
            "format_version": 1, "mapping": imported.mapping, "notes": imported.notes,
        }));
    } else {
        printer.data(&imported.mapping);
        say(&imported.notes, printer);
    }
    Ok(Exit::Done)
}

/// The schema on stdout, what it has no place for on stderr.
pub(crate) fn export(args: &ExportSchema, printer: &Arc<Printer>) -> anyhow::Result<Exit> {
    let name = args.file.display().to_string();
    let (schema, notes) = schema::export(&read(&args.file)?, &name, &args.source)?;
    if printer.json {
        printer.json(&json!({"format_version": 1, "schema": schema, "notes": notes}));
    } else {
        let text = serde_json::to_string_pretty(&schema).expect("a schema is always JSON");
        printer.data(&format!("{text}\n"));
        say(&notes, printer);
    }
    Ok(Exit::Done)
}
