//! The command line: arguments in, one exit code out.
//!
//! Commands are thin: each calls the pipeline and shows what came. Invariant: stdout carries
//! data, stderr everything else; an error that was said never ends in exit code 0.

mod args;
mod commands;
mod exit;
mod init;
mod printer;
mod show;
mod wiring;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::filter::LevelFilter;

use crate::args::Cli;
use crate::exit::Exit;
use crate::printer::Printer;
pub use crate::wiring::{MakeExchange, Plain, Wrap};

/// Runs the command line.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    main_with(args, &Plain)
}

/// Runs the command line with something around store and transport: how tests make calls fail
/// and processes die at a chosen point, without a switch in the product.
pub fn main_with(args: impl IntoIterator<Item = OsString>, wrap: &dyn Wrap) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are data; everything else is a usage error.
            let code = if error.use_stderr() {
                Exit::CouldNotRun
            } else {
                Exit::Done
            };
            return match error.print() {
                Ok(()) => ExitCode::from(code.code()),
                Err(_) => ExitCode::from(Exit::CouldNotRun.code()),
            };
        }
    };
    trace(cli.manners.verbose);
    let printer = std::sync::Arc::new(Printer::new(&cli.manners));
    match commands::dispatch(cli.command, &printer, wrap) {
        Ok(_) if printer.lost_data() => ExitCode::from(Exit::CouldNotRun.code()),
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) => {
            printer.error(&format!("{error:#}"));
            ExitCode::from(Exit::of_error(&error).code())
        }
    }
}

/// Logs go to stderr: warnings always, more with `-v`; `ROLLCALL_LOG` takes a level.
fn trace(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let asked = std::env::var("ROLLCALL_LOG").ok();
    let read = asked.as_ref().map(|level| level.parse::<LevelFilter>());
    let colour = std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
        && std::io::IsTerminal::is_terminal(&std::io::stderr());
    // A second command in one process (tests) keeps the first subscriber.
    let _kept = tracing_subscriber::fmt()
        .with_max_level(match &read {
            Some(Ok(asked)) => *asked,
            Some(Err(_)) | None => level,
        })
        .with_ansi(colour)
        .with_writer(std::io::stderr)
        .try_init();
    if let Some(Err(_)) = read {
        tracing::warn!(
            "ROLLCALL_LOG is not a level and is not used: off, error, warn, info, debug or trace."
        );
    }
}
