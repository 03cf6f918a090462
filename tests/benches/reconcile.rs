//! How long and how much memory: `reconcile` of a large tenant, against the csv crate reading the same
//! accounts once from a CSV, in the same run.
//!
//! `cargo bench -p rollcall-tests --bench reconcile`; `ROLLCALL_BENCH_ROWS` (1,000,000). Each phase is a
//! process of its own, so that its peak memory is its own. The real connector asks; pages of users lie in
//! a file as Graph would answer them, so that nothing but reconcile is in the process. One account in a
//! thousand differs.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that fails may stop and talks"
)]

use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use rollcall_core::mapping::Given;
use rollcall_core::model::{AccountName, ObjectId, Value, WorkerId};
use rollcall_core::reconcile::Class;
use rollcall_core::state::{Identity, Lifecycle, Person};
use rollcall_entra::{Entra, EntraConfig};
use rollcall_files::{Options, fingerprint};
use rollcall_http::{Clock, Exchange, Secret};
use rollcall_pipeline::config::Settings;
use rollcall_pipeline::entra::EntraTarget;
use rollcall_pipeline::log::{self, Closed, Event, Folded, Objects, Planned, Rules};
use rollcall_pipeline::reconcile::Asked;
use rollcall_pipeline::run::Pipeline;
use rollcall_pipeline::{state, wiring};
use rollcall_tests::crowd::{generate, rows};
use serde_json::json;

const PEAK: &str = "ROLLCALL_BENCH_PEAK";
const PHASE: &str = "ROLLCALL_BENCH_PHASE";
const FIRST: &str = "2026-03-14T02:00:00Z";
const SECOND: &str = "2026-03-15T02:00:00Z";
/// Users on one page, as the connector asks for them.
const PAGE: usize = 999;
/// So many times slower than the csv crate, and so many megabytes, at most.
const TIMES_MAX: f64 = 30.0;
const MEGABYTES_MAX: u64 = 256;

fn main() -> ExitCode {
    match std::env::var(PHASE).ok().as_deref() {
        None => return orchestrate(),
        Some("csv") => read_with_csv(&argument()),
        Some("prepare") => prepare(&argument()),
        Some("reconcile") => reconcile(&argument()),
        Some(_) => return rollcall::main(std::env::args_os()),
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

fn orchestrate() -> ExitCode {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("store");
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let file = folder.path().join("one.csv");
    generate(&file, false).unwrap();
    phase(
        "rollcall",
        &["init", &text(&dir), "--source", "csv2scim"],
        "init",
    );
    let config = text(&dir.join("rollcall.toml"));
    let pull = [
        "pull",
        "-c",
        &config,
        "--now",
        FIRST,
        "--file",
        &text(&file),
    ];
    phase("rollcall", &pull, "pull");
    std::fs::rename(&file, dir.join("one.csv")).unwrap();
    phase("prepare", &[&text(&dir)], "prepare");
    let accounts = dir.join("accounts.csv");
    println!(
        "{} accounts, {} MB as CSV, {} MB as Graph answers",
        rows(),
        std::fs::metadata(&accounts).unwrap().len() / 1_000_000,
        std::fs::metadata(dir.join("pages")).unwrap().len() / 1_000_000,
    );
    let (base, peak) = phase("csv", &[&text(&accounts)], "csv crate, one read");
    println!(
        "csv crate, one read          {base:>8.2} s  {:>6.1} x  {peak:>6} MB",
        1.0
    );
    let (seconds, megabytes) = phase("reconcile", &[&text(&dir)], "reconcile");
    let times = seconds / base;
    println!("reconcile                    {seconds:>8.2} s  {times:>6.1} x  {megabytes:>6} MB");
    if times > TIMES_MAX || megabytes > MEGABYTES_MAX {
        println!("too much: at most {TIMES_MAX} x and {MEGABYTES_MAX} MB");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
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
    print!(
        "{}",
        String::from_utf8_lossy(&output.stdout).trim_start_matches("wrote")
    );
    let peak = std::fs::read_to_string(peak.path()).unwrap();
    (seconds, peak.parse::<u64>().unwrap_or(0) / 1024)
}

fn read_with_csv(path: &Path) {
    let mut csv = csv::ReaderBuilder::new();
    let mut csv = csv.has_headers(false).from_path(path).unwrap();
    let mut record = csv::ByteRecord::new();
    let mut count = 0;
    while csv.read_byte_record(&mut record).unwrap() {
        count += usize::from(!record.is_empty());
    }
    assert_eq!(count, rows());
}

fn differs(number: usize) -> bool {
    number % 1_000 == 500
}

fn object(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// A store in which everybody is applied, and a tenant that has them: as pages and as a CSV.
fn prepare(dir: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let settings = Settings::read(&dir.join("rollcall.toml")).unwrap();
    let mut persons = people(&settings, dir);
    persons.sort_by_key(|p| p.hot().key);
    runtime.block_on(async {
        let store = wiring::connect(&settings).await.unwrap().store;
        let at: Timestamp = FIRST.parse().unwrap();
        let head = log::head(&store).await.unwrap();
        let open = head.standing.open.first().unwrap();
        let (run, sealed) = (open.run.clone(), open.generation);
        let (entry, _) = log::entry(&store, sealed).await.unwrap();
        let Event::Intake(intake) = entry.event else {
            panic!("the pull left an intake");
        };
        let current = log::StateRef::default();
        let state = state::write(&store, 9, "bench", &current, persons.into_iter().map(Ok));
        let state = state.await.unwrap();
        let rules = Rules {
            mapping_sha256: settings.mapping().hash(),
            policy_sha256: settings.policy.hash(),
            grants_sha256: None,
            owners_sha256: None,
            beside: std::collections::BTreeMap::new(),
            persons: std::collections::BTreeMap::new(),
            behind: std::collections::BTreeMap::new(),
        };
        let planned = Planned {
            intake: Some(intake),
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

/// Everybody applied; their accounts go into the pages and the CSV.
fn people(settings: &Settings, dir: &Path) -> Vec<Person> {
    let (mapping, source) = (settings.mapping(), settings.source());
    let columns: Vec<String> = mapping.columns().into_iter().collect();
    let bound = mapping.bind(&columns).unwrap();
    let options = Options {
        key: mapping.key_column().to_owned(),
        required: columns.clone(),
        columns,
        ..Options::default()
    };
    let mut reader = rollcall_files::open_file(&dir.join("one.csv"), &options).unwrap();
    let mut accounts = Accounts::create(dir);
    let key = rollcall_core::digest::EvidenceKey::new(*b"bench");
    let given = Given {
        now: FIRST.parse().unwrap(),
        key: &key,
    };
    let (mut scratch, mut out) = (Vec::new(), Vec::new());
    while let Some(row) = reader.next().unwrap() {
        let values: Vec<String> = row.values().map(std::borrow::Cow::into_owned).collect();
        let mapped = bound.map(&|at| values[at].as_str(), row.number, &given);
        let identity = mapped.identity;
        let worker = row.key.as_deref().unwrap();
        let number = out.len();
        accounts.push(number, worker, &identity);
        let mut person = Person::new(source.clone(), WorkerId::new(worker));
        person.lifecycle = Lifecycle::Active;
        person.listed = true;
        person.fingerprint = fingerprint(values.iter().map(String::as_bytes), &mut scratch);
        person.object = Some(ObjectId::new(object(number)));
        person.name = Some(AccountName::new(format!("emp{worker}@woodgrove.example")));
        person.manager.clone_from(&identity.manager);
        person.applied.clone_from(&identity.always);
        person.wanted = Some(identity);
        out.push(person);
    }
    reader.finish().unwrap();
    accounts.finish();
    out
}

/// Pages of users as Graph answers them, where each begins, and the same accounts as CSV.
struct Accounts {
    page: Vec<serde_json::Value>,
    number: usize,
    pages: BufWriter<std::fs::File>,
    places: BufWriter<std::fs::File>,
    at: usize,
    csv: csv::Writer<std::fs::File>,
}

impl Accounts {
    fn create(dir: &Path) -> Self {
        let file = |name: &str| std::fs::File::create(dir.join(name)).unwrap();
        Self {
            page: Vec::new(),
            number: 0,
            pages: BufWriter::new(file("pages")),
            places: BufWriter::new(file("places")),
            at: 0,
            csv: csv::WriterBuilder::new()
                .flexible(true)
                .from_writer(file("accounts.csv")),
        }
    }

    fn push(&mut self, number: usize, worker: &str, identity: &Identity) {
        let name = format!("emp{worker}@woodgrove.example");
        let mut user = json!({
            "id": object(number),
            "accountEnabled": true,
            "employeeId": worker,
            "userPrincipalName": name,
            "createdDateTime": "2024-01-08T08:00:00Z",
            "signInActivity": {
                "lastSignInDateTime": "2026-03-13T08:00:00Z",
                "lastNonInteractiveSignInDateTime": "2026-03-13T09:00:00Z",
                "lastSuccessfulSignInDateTime": "2026-03-13T09:00:00Z",
            },
        });
        let mut cells = vec![object(number), "true".to_owned(), worker.to_owned(), name];
        cells.extend(["2024-01-08T08:00:00Z", "2026-03-13T08:00:00Z"].map(str::to_owned));
        cells.extend(["2026-03-13T09:00:00Z", "2026-03-13T09:00:00Z"].map(str::to_owned));
        for (attribute, value) in identity.always.iter().chain(&identity.on_create) {
            let mut value = value.clone();
            if attribute == "jobTitle" && differs(number) {
                value = Value::text("Another");
            }
            cells.push(value.as_text().unwrap_or_default().to_owned());
            let json = serde_json::to_value(&value).unwrap();
            match attribute.split_once('.') {
                None => user[attribute] = json,
                Some((outer, inner)) => user[outer][inner] = json,
            }
        }
        self.csv.write_record(&cells).unwrap();
        self.page.push(user);
        if self.page.len() == PAGE {
            self.flush(true);
        }
    }

    fn flush(&mut self, more: bool) {
        let mut page = json!({
            "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users",
            "value": std::mem::take(&mut self.page),
        });
        self.number += 1;
        if more {
            let next = format!(
                "https://graph.microsoft.com/v1.0/users?$skiptoken={}",
                self.number
            );
            page["@odata.nextLink"] = next.into();
        }
        let bytes = serde_json::to_vec(&page).unwrap();
        writeln!(self.places, "{} {}", self.at, bytes.len()).unwrap();
        self.at += bytes.len();
        self.pages.write_all(&bytes).unwrap();
    }

    fn finish(mut self) {
        self.flush(false);
        self.csv.flush().unwrap();
        self.pages.flush().unwrap();
        self.places.flush().unwrap();
    }
}

/// What answers the connector: a token, and the pages in their order.
fn graph(dir: &Path) -> Exchange {
    let places = BufReader::new(std::fs::File::open(dir.join("places")).unwrap());
    let places: Vec<(u64, usize)> = places
        .lines()
        .map(|line| {
            let line = line.unwrap();
            let (at, length) = line.split_once(' ').unwrap();
            (at.parse().unwrap(), length.parse().unwrap())
        })
        .collect();
    let pages = std::fs::File::open(dir.join("pages")).unwrap();
    let shared = Arc::new((places, Mutex::new(pages)));
    Exchange::new(tower::service_fn(move |request: Request<Bytes>| {
        let shared = Arc::clone(&shared);
        async move {
            let body = if request.uri().path().contains("/oauth2/") {
                let token = json!({
                    "token_type": "Bearer", "expires_in": 86_400, "ext_expires_in": 86_400,
                    "access_token": "bench",
                });
                Bytes::from(token.to_string())
            } else {
                let query = request.uri().query().unwrap_or_default();
                let token = query.split("skiptoken=").nth(1);
                let page: usize = token.map_or(0, |it| it.parse().unwrap());
                let (places, pages) = &*shared;
                let (at, length) = places[page];
                let mut bytes = vec![0; length];
                let mut pages = pages.lock().unwrap();
                pages.seek(SeekFrom::Start(at)).unwrap();
                pages.read_exact(&mut bytes).unwrap();
                Bytes::from(bytes)
            };
            Ok(Response::builder()
                .status(StatusCode::OK)
                .header("content-type", "application/json")
                .body(body)
                .unwrap())
        }
    }))
}

fn reconcile(dir: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let settings = Settings::read(&dir.join("rollcall.toml")).unwrap();
        let now: Timestamp = SECOND.parse().unwrap();
        let clock = Clock::starting_at(now);
        let connected = wiring::connect(&settings).await.unwrap();
        let config = EntraConfig::new("bench", "bench", Secret::new("bench"));
        let entra = Entra::new(config, graph(dir), clock).unwrap();
        let pipeline = Pipeline {
            settings,
            key: connected.key,
            store: connected.store,
            place: connected.place,
            folder: connected.folder,
            cloud: None,
            queue: None,
            connectors: std::collections::BTreeMap::new(),
            target: Arc::new(EntraTarget::new(entra)),
            notifier: None,
            clock,
            progress: Box::new(|_, _| ()),
        };
        let asked = Asked {
            // What lies before is made up, and no evidence of it is there.
            from: Some("2026-03-15T01:00:00Z".parse().unwrap()),
            ..Asked::default()
        };
        let found = pipeline.reconcile(&asked, now).await.unwrap();
        let odd = (0..rows()).filter(|number| differs(*number)).count() as u64;
        assert_eq!(
            found.record.of(Class::MatchedDrift),
            odd,
            "{:?}",
            found.record
        );
        assert_eq!(found.record.totals.rows(), rows() as u64);
        assert!(found.record.sign_ins);
    });
}
