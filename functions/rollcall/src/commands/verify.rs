//! `verify`: exit code 0 when everything holds, 1 when something does not.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use rollcall_core::model::RunId;
use rollcall_pipeline::aws::Aws;
use rollcall_pipeline::config::Location;
use rollcall_pipeline::sign::PublicKey;
use rollcall_pipeline::store::Store;
use rollcall_pipeline::verify::{Asked, Checked, Outside, Proof, Verified, prove, verify_store};

use super::pass::with;
use crate::args::{At, Verify};
use crate::exit::Exit;
use crate::printer::Printer;
use crate::wiring::{self, Wrap};

pub(crate) fn verify(
    args: &Verify,
    printer: &Arc<Printer>,
    wrap: &dyn Wrap,
) -> anyhow::Result<Exit> {
    let keys = args.public_key.iter().map(|file| public_key(file));
    let keys: Vec<PublicKey> = keys.collect::<anyhow::Result<_>>()?;
    let asked = Asked {
        head: args.head.as_ref(),
        keys: &keys,
    };
    if let Some(file) = &args.proof {
        return check(file, &asked, printer);
    }
    if let Some(config) = &args.config {
        let at = At {
            config: config.clone(),
            now: args.now,
        };
        return with(&at, printer, wrap, async |pipeline, _| {
            if let Some(worker) = &args.prove {
                return write_proof(&pipeline.store, worker, args, &asked, printer).await;
            }
            let verified = Box::pin(pipeline.verify_as(&asked)).await?;
            Ok(show(&verified, &asked, true, printer))
        });
    }
    let place = args.store.clone().unwrap_or_default();
    wiring::runtime(false)?.block_on(async {
        let store = open(&place).await?;
        if let Some(worker) = &args.prove {
            return write_proof(&store, worker, args, &asked, printer).await;
        }
        let verified = Box::pin(verify_store(&store, &asked)).await?;
        Ok(show(&verified, &asked, false, printer))
    })
}

fn public_key(file: &Path) -> anyhow::Result<PublicKey> {
    let bytes =
        std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    PublicKey::read(&bytes).with_context(|| file.display().to_string())
}

/// A store that nothing but its place is known of. It is not made where it is not.
async fn open(place: &str) -> anyhow::Result<Store> {
    match Location::try_from(place.to_owned()).map_err(anyhow::Error::msg)? {
        Location::Bucket { bucket, prefix } => Ok(Aws::load().await.store(&bucket, &prefix)?),
        Location::Folder(folder) => {
            if !folder.join("log").is_dir() {
                bail!(
                    "{} is no store: it has no folder `log`\n\nhint: name the folder that \
                     `rollcall.toml` calls `store`, or give `-c rollcall.toml`",
                    folder.display()
                );
            }
            Ok(Store::folder(&folder)?)
        }
    }
}

async fn write_proof(
    store: &Store,
    worker: &str,
    args: &Verify,
    asked: &Asked<'_>,
    printer: &Printer,
) -> anyhow::Result<Exit> {
    let run = args.run.as_deref().map(RunId::new);
    let proof = Box::pin(prove(store, worker, run.as_ref(), asked)).await?;
    printer.json(&proof);
    let outcomes: usize = proof.folds.iter().map(|fold| fold.outcomes.len()).sum();
    printer.say(&format!(
        "{outcomes} outcomes; check them with `rollcall verify --proof FILE`, which takes no store"
    ));
    Ok(Exit::Done)
}

fn check(file: &Path, asked: &Asked<'_>, printer: &Printer) -> anyhow::Result<Exit> {
    let name = file.display();
    let text = std::fs::read(file).with_context(|| format!("{name} cannot be read"))?;
    let proof: Proof = serde_json::from_slice(&text).map_err(|e| {
        anyhow::anyhow!(
            "{name} is no proof: line {}, column {}",
            e.line(),
            e.column()
        )
    })?;
    let checked = match proof.check(asked) {
        Ok(checked) => checked,
        Err(why) => {
            printer.error(&format!("{name} proves nothing: {why}"));
            return Ok(Exit::Flawed);
        }
    };
    if printer.json {
        printer.json(&checked);
    } else {
        printer.data(&proved(&checked));
    }
    Ok(Exit::Done)
}

fn proved(checked: &Checked) -> String {
    let outcomes = checked.outcomes.iter();
    let person = &checked.person;
    let mut lines: Vec<String> = outcomes
        .map(|(run, count)| format!("{count} outcomes of {person} were taken in from run {run}\n"))
        .collect();
    lines.push(format!("head {}\n", checked.head));
    lines.push(match (checked.head_given, checked.signed.last()) {
        (_, Some(generation)) => format!("signed at {generation} by a key that was given\n"),
        (true, None) => "the head that was given is in it\n".to_owned(),
        (false, None) => {
            "whether that is the log, the proof cannot say: compare the head with one that was \
             noted (reports have it), or give --head or --public-key\n"
                .to_owned()
        }
    });
    lines.concat()
}

fn show(verified: &Verified, asked: &Asked<'_>, replays: bool, printer: &Printer) -> Exit {
    if printer.json {
        printer.json(verified);
    } else {
        let plans = if replays {
            format!(
                "{} plans made again ({} but for what was erased, {} no longer can be)",
                verified.plans_replayed + verified.plans_replayed_in_part,
                verified.plans_replayed_in_part,
                verified.plans_not_replayed
            )
        } else {
            "no plan made again (that takes -c rollcall.toml)".to_owned()
        };
        let headless = if verified.problems.is_empty() {
            "(empty)"
        } else {
            "(damaged)"
        };
        printer.data(&format!(
            "{} log entries, {} evidence objects, {plans}, {} values expired, {} erased in part\nhead \
             {}\n",
            verified.entries,
            verified.objects,
            verified.values_gone,
            verified.values_erased,
            verified.head.as_deref().unwrap_or(headless),
        ));
        printer.data(&signed(verified, asked));
        printer.data(&outside(&verified.outside));
    }
    for erased in &verified.erased {
        printer.say(&format!("not made again, erased: {erased}"));
    }
    for problem in &verified.problems {
        printer.error(&problem.to_string());
    }
    if verified.problems.is_empty() {
        Exit::Done
    } else {
        Exit::Flawed
    }
}

fn signed(verified: &Verified, asked: &Asked<'_>) -> String {
    let signatures = &verified.signatures;
    let Some(to) = signatures.to else {
        return String::new();
    };
    let checked = if asked.keys.is_empty() {
        "signed, not checked (that takes --public-key)"
    } else {
        "signed"
    };
    let unsigned = match signatures.unsigned {
        0 => String::new(),
        runs => format!("; {runs} runs closed since are not"),
    };
    format!("{checked} up to {to}{unsigned}\n")
}

fn outside(outside: &Outside) -> String {
    let counts = [
        (outside.open, "of runs that are open"),
        (outside.unknown, "of runs that the log does not know"),
        (outside.unused, "of processes that another was faster than"),
        (outside.late, "outcomes after the close"),
        (outside.notes, "notes that never counted"),
        (outside.marks, "marks"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if counts.is_empty() {
        return String::new();
    }
    format!("not in the chain: {}\n", counts.join(", "))
}
