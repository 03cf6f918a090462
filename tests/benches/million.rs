//! How long and how much memory: `pull`, the first `plan` and the nightly `plan` (1 % changed) of a
//! large roster, against the csv crate reading the same file once, in the same run.
//!
//! `cargo bench -p rollcall-tests --bench million`; `ROLLCALL_BENCH_ROWS` (1,000,000). Each phase is a
//! process of its own, so that its peak memory is its own; the commands are the product's.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that fails may stop and talks"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use rollcall_core::delta::Coverage;
use rollcall_core::mapping::Mapping;
use rollcall_core::model::{ObjectId, RunId, SourceName, WorkerId};
use rollcall_core::state::{Lifecycle, Person};
use rollcall_files::{Options, fingerprint};
use rollcall_http::Clock;
use rollcall_pipeline::config::Settings;
use rollcall_pipeline::log::{self, Closed, Event, Folded, Intake, Objects, Planned, Rules};
use rollcall_pipeline::state;
use rollcall_pipeline::store::Store;
use rollcall_rehearsal::{Tenant, TenantOptions};
use rollcall_tests::crowd::{generate, moves, rows};

const PEAK: &str = "ROLLCALL_BENCH_PEAK";
const PHASE: &str = "ROLLCALL_BENCH_PHASE";
const FIRST: &str = "2026-03-14T02:00:00Z";
const SECOND: &str = "2026-03-15T02:00:00Z";

fn main() -> ExitCode {
    match std::env::var(PHASE).ok().as_deref() {
        None => orchestrate(),
        Some("csv") => read_with_csv(&argument()),
        Some("state") => prepare(&argument()),
        Some(_) => {
            let code = rollcall::main(std::env::args_os());
            note_peak();
            return code;
        }
    }
    note_peak();
    ExitCode::SUCCESS
}

/// Leaves this process's peak resident size, in kilobytes, where the first process looks.
fn note_peak() {
    let Some(file) = std::env::var_os(PEAK) else {
        return;
    };
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    std::fs::write(file, line.split_whitespace().nth(1).unwrap()).unwrap();
}

fn argument() -> PathBuf {
    std::env::args_os().nth(1).unwrap().into()
}

fn orchestrate() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (one, two) = (at("workers-2026-03-14.csv"), at("workers-2026-03-15.csv"));
    generate(&one, false).unwrap();
    generate(&two, true).unwrap();
    println!(
        "{} rows, {} MB",
        rows(),
        std::fs::metadata(&one).unwrap().len() / 1_000_000
    );
    let (base, peak) = phase("csv", &[one.to_str().unwrap()], "csv crate, one read");
    let report = |name: &str, (seconds, megabytes): (f64, u64)| {
        println!(
            "{name:<28} {seconds:>8.2} s  {:>6.1} x  {megabytes:>6} MB",
            seconds / base
        );
    };
    report("csv crate, one read", (base, peak));
    let run = |dir: &Path, file: &Path, now: &str, name: &str| {
        let config = dir.join("rollcall.toml");
        let config = config.to_str().unwrap().to_owned();
        let take = [
            "pull",
            "-c",
            &config,
            "--now",
            now,
            "--file",
            file.to_str().unwrap(),
        ];
        report(&format!("pull ({name})"), phase("rollcall", &take, name));
        let plan = ["plan", "-c", &config, "--now", now];
        report(&format!("plan ({name})"), phase("rollcall", &plan, name));
    };
    let fresh = at("fresh");
    phase(
        "rollcall",
        &["init", fresh.to_str().unwrap(), "--source", "csv2scim"],
        "init",
    );
    run(&fresh, &one, FIRST, "first run");
    let nightly = at("nightly");
    phase(
        "rollcall",
        &["init", nightly.to_str().unwrap(), "--source", "csv2scim"],
        "init",
    );
    std::fs::rename(&one, nightly.join("one.csv")).unwrap();
    phase("state", &[nightly.to_str().unwrap()], "state");
    run(&nightly, &two, SECOND, "nightly, 1 % changed");
}

/// Runs a phase; seconds and peak resident megabytes of its process.
fn phase(name: &str, args: &[&str], title: &str) -> (f64, u64) {
    let peak = tempfile::NamedTempFile::new().unwrap();
    let start = Instant::now();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(args)
        .env(PHASE, name)
        .env(PEAK, peak.path())
        .output()
        .unwrap();
    let seconds = start.elapsed().as_secs_f64();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{title}: {err}");
    let kilobytes: u64 = std::fs::read_to_string(peak.path())
        .unwrap()
        .parse()
        .unwrap();
    (seconds, kilobytes / 1024)
}

fn read_with_csv(path: &Path) {
    let mut csv = csv::ReaderBuilder::new().from_path(path).unwrap();
    let mut record = csv::ByteRecord::new();
    let mut fields = 0;
    while csv.read_byte_record(&mut record).unwrap() {
        fields += record.len();
    }
    assert_eq!(fields, rows() * 24);
}

/// A store in which everybody of day one is applied; the tenant holds those who will move.
fn prepare(dir: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let settings = Settings::read(&dir.join("rollcall.toml")).unwrap();
    let store = Store::folder(dir).unwrap();
    let options = TenantOptions {
        journal: Some(dir.join("tenant.jsonl")),
        ..TenantOptions::default()
    };
    let mut persons = runtime.block_on(async {
        let tenant = Tenant::open(options, Clock::system()).unwrap();
        people(
            settings.mapping(),
            &dir.join("one.csv"),
            &settings.source(),
            &tenant,
        )
    });
    persons.sort_by_key(|p| p.hot().key);
    let rules = Rules {
        mapping_sha256: settings.mapping().hash(),
        policy_sha256: settings.policy.hash(),
        grants_sha256: None,
        owners_sha256: None,
        beside: std::collections::BTreeMap::new(),
        persons: std::collections::BTreeMap::new(),
        behind: std::collections::BTreeMap::new(),
    };
    let rows = u32::try_from(persons.len()).unwrap();
    runtime.block_on(async {
        let at = FIRST.parse().unwrap();
        let run = RunId::new("prepared");
        let current = log::StateRef::default();
        let state = state::write(&store, 3, "bench", &current, persons.into_iter().map(Ok));
        let state = state.await.unwrap();
        let intake = Intake {
            source: "csv2scim".to_owned(),
            home: None,
            file: "one.csv".to_owned(),
            delivery: "one".to_owned(),
            sha256: "0".repeat(64),
            as_of: at,
            coverage: Coverage::Full,
            rows,
            now: at,
            profile: None,
            asked: None,
        };
        let planned = Planned {
            intake: Some(intake.clone()),
            undoes: None,
            heals: false,
            notices: Vec::new(),
            now: at,
            plan_sha256: "0".repeat(64),
            parked: false,
            guards: Vec::new(),
            orders: 0,
            inactive: 0,
            disables: 0,
            disables_held: 0,
            removals: 0,
            removals_held: 0,
            slices: std::collections::BTreeMap::new(),
            without: std::collections::BTreeMap::new(),
            next_due: None,
            again: None,
            seeded: false,
            rules,
        };
        let events = [
            Event::Intake(intake),
            Event::Plan(Box::new(planned)),
            Event::Fold(Folded {
                state,
                ..Folded::default()
            }),
            Event::Close(Closed::default()),
        ];
        for event in events {
            let head = log::head(&store).await.unwrap();
            log::commit(&store, &head, &run, at, "bench", event, Objects::default())
                .await
                .unwrap();
        }
    });
}

fn people(mapping: &Mapping, file: &Path, source: &SourceName, tenant: &Tenant) -> Vec<Person> {
    let columns: Vec<String> = mapping.columns().into_iter().collect();
    let bound = mapping.bind(&columns).unwrap();
    let options = Options {
        key: mapping.key_column().to_owned(),
        required: columns.clone(),
        columns,
        ..Options::default()
    };
    let mut reader = rollcall_files::open_file(file, &options).unwrap();
    let mut scratch = Vec::new();
    let mut out = Vec::new();
    let key = rollcall_core::digest::EvidenceKey::new(*b"bench");
    let given = rollcall_core::mapping::Given {
        now: FIRST.parse().unwrap(),
        key: &key,
    };
    while let Some(row) = reader.next().unwrap() {
        let values: Vec<String> = row.values().map(std::borrow::Cow::into_owned).collect();
        let identity = bound
            .map(&|at| values[at].as_str(), row.number, &given)
            .identity;
        let number = usize::try_from(row.number).unwrap() - 2;
        let object = if moves(number) {
            let mut user = serde_json::Map::new();
            for (name, value) in identity.always.iter().chain(&identity.on_create) {
                let value = serde_json::to_value(value).unwrap();
                match name.split_once('.') {
                    None => user.insert(name.clone(), value),
                    Some((outer, inner)) => user
                        .entry(outer)
                        .or_insert_with(|| serde_json::json!({}))
                        .as_object_mut()
                        .unwrap()
                        .insert(inner.to_owned(), value),
                };
            }
            user.insert("accountEnabled".to_owned(), true.into());
            tenant.put_user(user.into()).unwrap()
        } else {
            format!("00000000-0000-4000-8000-{number:012}")
        };
        let mut person = Person::new(source.clone(), WorkerId::new(row.key.as_deref().unwrap()));
        person.lifecycle = Lifecycle::Active;
        person.listed = true;
        person.fingerprint = fingerprint(values.iter().map(String::as_bytes), &mut scratch);
        person.object = Some(ObjectId::new(object));
        person.manager.clone_from(&identity.manager);
        person.applied.clone_from(&identity.always);
        person.wanted = Some(identity);
        out.push(person);
    }
    reader.finish().unwrap();
    out
}
