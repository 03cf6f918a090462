//! `init`: a starter that runs as it is, against a simulated tenant.

use std::path::Path;

use anyhow::{Context as _, bail};
use rollcall_pipeline::config::REHEARSAL_KEY;

use crate::args::Init;
use crate::exit::Exit;
use crate::printer::Printer;

/// A shipped starter: what `mappings/` holds for one kind of source.
pub(crate) struct Starter {
    pub(crate) name: &'static str,
    config: &'static str,
    mapping: &'static str,
    policy: &'static str,
    groups: Option<&'static str>,
}

const STARTERS: [Starter; 2] = [
    Starter {
        name: "csv2scim",
        config: include_str!("../../../mappings/csv2scim/rollcall.toml"),
        mapping: include_str!("../../../mappings/csv2scim/mapping.toml"),
        policy: include_str!("../../../mappings/csv2scim/policy.toml"),
        groups: None,
    },
    Starter {
        name: "demo",
        config: include_str!("../../../mappings/demo/rollcall.toml"),
        mapping: include_str!("../../../mappings/demo/mapping.toml"),
        policy: include_str!("../../../mappings/demo/policy.toml"),
        groups: Some(include_str!("../../../mappings/demo/groups.toml")),
    },
];

pub(crate) fn init(args: &Init, printer: &Printer) -> anyhow::Result<Exit> {
    let Some(starter) = STARTERS.iter().find(|s| s.name == args.source) else {
        let names: Vec<&str> = STARTERS.iter().map(|s| s.name).collect();
        bail!(
            "there is no starter `{}`; there are: {}",
            args.source,
            names.join(", ")
        );
    };
    write(starter.name, &args.dir)?;
    printer.say(&format!(
        "wrote {dir}/rollcall.toml, mapping.toml, policy.toml, evidence.key and inbox/\n\n\
         hint: copy an export into {dir}/inbox, then `rollcall plan -c {dir}/rollcall.toml`",
        dir = args.dir.display()
    ));
    Ok(Exit::Done)
}

/// Writes a starter into a folder; refuses to overwrite.
pub(crate) fn write(name: &str, folder: &Path) -> anyhow::Result<()> {
    let starter = STARTERS
        .iter()
        .find(|s| s.name == name)
        .context("no such starter")?;
    std::fs::create_dir_all(folder.join("inbox"))
        .with_context(|| format!("{} cannot be made", folder.display()))?;
    let groups = starter.groups.map(|text| ("groups.toml", text));
    let files = [
        ("rollcall.toml", starter.config),
        ("mapping.toml", starter.mapping),
        ("policy.toml", starter.policy),
        ("evidence.key", REHEARSAL_KEY),
    ];
    for (file, text) in files.into_iter().chain(groups) {
        let path = folder.join(file);
        let mut out = std::fs::File::create_new(&path).with_context(|| {
            format!("{} exists already; nothing is overwritten", path.display())
        })?;
        std::io::Write::write_all(&mut out, text.as_bytes())
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}
