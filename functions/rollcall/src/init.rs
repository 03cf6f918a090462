//! `init`: a starter that runs as it is, against a simulated tenant.

use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use rollcall_core::survey::{DoubtKind, Proposal, propose};
use rollcall_pipeline::config::REHEARSAL_KEY;
use serde_json::json;

use crate::args::Init;
use crate::commands::profile;
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

impl Starter {
    /// Whether an HR system is asked, in place of files that arrive.
    fn is_asked(&self) -> bool {
        !self.config.contains("[source.file]")
    }
}

/// A configuration that is put together: what stands before and behind the table of a shipped source.
macro_rules! asked {
    ($name:literal, $title:literal) => {
        concat!(
            "# A starter for ", $title, ". Everything here is relative to this file.\n",
            "format_version = 1\nstore = \".\"\nmapping = \"mapping.toml\"\npolicy = \"policy.toml\"\n\n",
            "[evidence]\n",
            "# The key of all value digests. This one is public: make your own for a real tenant.\n",
            "key_file = \"evidence.key\"\n\n",
            "[source]\nname = \"", $name, "\"\n",
            "# Only changes are asked for between two pulls of everybody, which alone show who is gone.\n",
            "full_every_hours = 20\n\n",
            include_str!(concat!("../../../mappings/", $name, "/source.toml")),
            "\n# A simulated tenant that keeps its users in a file. For a real one:\n#\n",
            "# [target.entra]\n# tenant_id = \"...\"\n# client_id = \"...\"\n",
            "# client_secret_env = \"ROLLCALL_SECRET\"\n",
            "[target.rehearsal]\nverified_domains = [\"woodgrove.example\"]\n",
            "tenant_file = \"tenant.jsonl\"\n"
        )
    };
}

const STARTERS: [Starter; 7] = [
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
    Starter {
        name: "bamboohr",
        config: asked!("bamboohr", "BambooHR"),
        mapping: include_str!("../../../mappings/bamboohr/mapping.toml"),
        policy: include_str!("../../../mappings/bamboohr/policy.toml"),
        groups: None,
    },
    Starter {
        name: "dynamics365",
        config: asked!("dynamics365", "Dynamics 365 Human Resources"),
        mapping: include_str!("../../../mappings/dynamics365/mapping.toml"),
        policy: include_str!("../../../mappings/dynamics365/policy.toml"),
        groups: None,
    },
    Starter {
        name: "aquera",
        config: asked!("aquera", "a SCIM 2.0 gateway such as Aquera's"),
        mapping: include_str!("../../../mappings/aquera/mapping.toml"),
        policy: include_str!("../../../mappings/aquera/policy.toml"),
        groups: None,
    },
    Starter {
        name: "workday",
        config: include_str!("../../../mappings/workday/rollcall.toml"),
        mapping: include_str!("../../../mappings/workday/mapping.toml"),
        policy: include_str!("../../../mappings/workday/policy.toml"),
        groups: None,
    },
    Starter {
        name: "successfactors",
        config: include_str!("../../../mappings/successfactors/rollcall.toml"),
        mapping: include_str!("../../../mappings/successfactors/mapping.toml"),
        policy: include_str!("../../../mappings/successfactors/policy.toml"),
        groups: None,
    },
];

pub(crate) fn init(args: &Init, printer: &Printer) -> anyhow::Result<Exit> {
    if let Some(file) = &args.of.from {
        return from(args, file, printer);
    }
    let source = args
        .of
        .source
        .as_deref()
        .context("`--source` or `--from`")?;
    let Some(starter) = STARTERS.iter().find(|s| s.name == source) else {
        let names: Vec<&str> = STARTERS.iter().map(|s| s.name).collect();
        bail!(
            "there is no starter `{source}`; there are: {}. For an export of your own: --from FILE",
            names.join(", ")
        );
    };
    write(starter.name, &args.dir)?;
    let dir = args.dir.display();
    let next = if starter.is_asked() {
        format!(
            "say in {dir}/rollcall.toml where it is and who asks, then `rollcall check --online -c \
             {dir}/rollcall.toml`"
        )
    } else {
        format!("copy an export into {dir}/inbox, then `rollcall plan -c {dir}/rollcall.toml`")
    };
    printer.say(&format!(
        "wrote {dir}/rollcall.toml, mapping.toml, policy.toml, evidence.key and inbox/\n\nhint: {next}"
    ));
    Ok(Exit::Done)
}

/// Writes what the columns and values of a real export propose.
fn from(args: &Init, file: &Path, printer: &Printer) -> anyhow::Result<Exit> {
    let surveyed = profile::look(file, args.options.as_deref())?.map_err(|it| anyhow!(it))?;
    let headless = surveyed
        .survey
        .doubts
        .iter()
        .find(|it| it.kind == DoubtKind::HeaderIsData);
    if let Some(doubt) = headless {
        bail!(
            "{}: {} Have the names of the columns exported, or say `header_row` or `record_types` in --options",
            file.display(),
            doubt.note
        );
    }
    let proposal = propose(&surveyed.survey);
    let (config, mapping, policy) = (
        proposal.config_toml(&surveyed.how),
        proposal.mapping_toml(),
        proposal.policy_toml(),
    );
    let files = [
        ("rollcall.toml", config.as_str()),
        ("mapping.toml", mapping.as_str()),
        ("policy.toml", policy.as_str()),
        ("evidence.key", REHEARSAL_KEY),
    ];
    put(&args.dir, files.into_iter())?;
    if printer.json {
        printer.json(&json!({
            "format_version": 1,
            "written": files.map(|(name, _)| name),
            "proposal": proposal,
            "complete": proposal.is_complete(),
        }));
    }
    printer.say(&told(args, file, &proposal));
    Ok(Exit::Done)
}

/// What was written, and what comes next.
fn told(args: &Init, file: &Path, proposal: &Proposal) -> String {
    let dir = args.dir.display();
    let mut out = String::new();
    profile::paragraph(
        &mut out,
        "",
        &format!("wrote {dir}/rollcall.toml, mapping.toml, policy.toml, evidence.key and inbox/"),
    );
    out.push('\n');
    profile::choices(&mut out, proposal);
    profile::look_at(&mut out, proposal);
    let next = format!(
        "\nnext: rollcall check -c {dir}/rollcall.toml\n      rollcall plan -c {dir}/rollcall.toml --file {}",
        file.display()
    );
    out.push_str(&next);
    out
}

/// Writes a starter into a folder; refuses to overwrite.
pub(crate) fn write(name: &str, folder: &Path) -> anyhow::Result<()> {
    let starter = STARTERS
        .iter()
        .find(|s| s.name == name)
        .context("no such starter")?;
    let groups = starter.groups.map(|text| ("groups.toml", text));
    let files = [
        ("rollcall.toml", starter.config),
        ("mapping.toml", starter.mapping),
        ("policy.toml", starter.policy),
        ("evidence.key", REHEARSAL_KEY),
    ];
    put(folder, files.into_iter().chain(groups))
}

/// Writes files and an inbox into a folder; refuses to overwrite.
fn put<'a>(
    folder: &Path,
    files: impl Iterator<Item = (&'static str, &'a str)>,
) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder.join("inbox"))
        .with_context(|| format!("{} cannot be made", folder.display()))?;
    for (file, text) in files {
        let path = folder.join(file);
        let mut out = std::fs::File::create_new(&path).with_context(|| {
            format!("{} exists already; nothing is overwritten", path.display())
        })?;
        std::io::Write::write_all(&mut out, text.as_bytes())
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}
