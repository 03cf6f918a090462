//! The functions with a large roster, against a stand-in for AWS: how soon a process asks for its first
//! event, and how long and how much memory `pull` and `plan` take, against the csv crate reading the
//! same file once.
//!
//! `cargo bench -p rollcall-tests --bench functions`; `ROLLCALL_BENCH_ROWS` (1,000,000). The binary is
//! the deployed one; the bucket is a server on this machine, which takes its part of the time.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    dead_code,
    reason = "a bench that fails may stop and talks; it uses a part of what the tests have"
)]

#[path = "../tests/aws/cli.rs"]
mod cli;
#[path = "../tests/aws/functions.rs"]
mod functions;
#[path = "../tests/aws/gate.rs"]
mod gate;
#[path = "../tests/aws/stand_in.rs"]
mod stand_in;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use rollcall_pipeline::log;
use rollcall_tests::crowd::{generate, rows};
use serde_json::json;

use crate::functions::{Deployment, FUNCTIONS, bootstrap};

fn main() -> ExitCode {
    if std::env::var_os(cli::AS_CLI).is_some() {
        return rollcall::main(std::env::args_os());
    }
    if std::env::var_os(stand_in::PORT).is_none() {
        return stand_in::beside(true);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure());
    ExitCode::SUCCESS
}

async fn measure() {
    let size = std::fs::metadata(bootstrap()).unwrap().len();
    println!("binary                       {:>8.1} MB", size as f64 / 1e6);
    let mut place = Deployment::new("bench").await.unhurried();
    // Straight at the stand-in, which knows no federation: so much is not to go through a gate.
    place.gate_port = stand_in::port();
    let config = std::fs::read_to_string(place.dir().join("rollcall.toml")).unwrap();
    let secret = "client_secret_env = \"ROLLCALL_SECRET\"";
    place.reconfigure(
        "rollcall.toml",
        &config.replace("federation = \"aws\"", secret),
    );
    let mut starts = Vec::new();
    for _ in 0..4 {
        for (function, _) in FUNCTIONS {
            place.call(function, json!({"check": true})).await;
            starts.push(place.figures(function).await.0);
            place.stop(function).await;
        }
    }
    starts.sort();
    let at = |share: usize| starts[(starts.len() - 1) * share / 100].as_secs_f64() * 1e3;
    println!(
        "start to first next          {:>8.1} ms median, {:.1} ms longest of {}",
        at(50),
        at(100),
        starts.len()
    );

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("one.csv");
    generate(&file, false).unwrap();
    let begun = Instant::now();
    let mut csv = csv::ReaderBuilder::new().from_path(&file).unwrap();
    let mut record = csv::ByteRecord::new();
    while csv.read_byte_record(&mut record).unwrap() {}
    let base = begun.elapsed();
    say("csv crate, one read", base, base, 0);
    let now = jiff::Timestamp::now();
    let name = format!("workers-{}.csv", now.strftime("%Y-%m-%d"));
    let text = std::fs::read_to_string(&file).unwrap();
    println!("{} rows, {} MB", rows(), text.len() / 1_000_000);
    place.drop_file(&name, &text);
    let begun = Instant::now();
    let answer = place.call("pull", json!({})).await;
    let (_, peak) = place.figures("pull").await;
    assert_eq!(answer["refused"], 0, "{answer}");
    say("pull (first load)", begun.elapsed(), base, peak / 1024);
    // Until the plan is in the log. The stand-in takes a quarter of an hour for as many messages as
    // `plan` sends then; the real queue takes about a minute.
    let begun = Instant::now();
    tokio::select! {
        answer = place.call("plan", json!({})) => println!("    {answer}"),
        () = planned(&place) => {}
    }
    let (_, peak) = place.figures("plan").await;
    say("plan (first load)", begun.elapsed(), base, peak / 1024);
    place.stop("plan").await;
}

async fn planned(place: &Deployment) {
    let mut every = tokio::time::interval(Duration::from_millis(200));
    loop {
        every.tick().await;
        let open = log::head(&place.store).await.unwrap().standing.open;
        if open.iter().any(|open| open.stage == log::Stage::Planned) {
            return;
        }
    }
}

fn say(name: &str, took: Duration, base: Duration, peak: u64) {
    let (seconds, base) = (took.as_secs_f64(), base.as_secs_f64());
    println!(
        "{name:<28} {seconds:>8.2} s  {:>6.1} x  {peak:>6} MB",
        seconds / base
    );
}
