//! What people see: data to stdout, talk to stderr, a bar only on a terminal.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::args::Manners;

/// Where to say what.
#[derive(Debug)]
pub(crate) struct Printer {
    /// Data as JSON.
    pub(crate) json: bool,
    quiet: bool,
    /// Data was lost on the way out.
    lost: AtomicBool,
    bar: Mutex<Option<ProgressBar>>,
}

impl Printer {
    pub(crate) fn new(manners: &Manners) -> Self {
        let shown = std::io::stderr().is_terminal()
            && !manners.quiet
            && manners.verbose == 0
            && !manners.no_progress;
        let bar = shown.then(|| {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{bar:32} {pos}/{len} orders, {per_sec}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self {
            json: manners.json,
            quiet: manners.quiet,
            lost: AtomicBool::new(false),
            bar: Mutex::new(bar),
        }
    }

    /// Data. A closed pipe ends the talk, it is no error.
    pub(crate) fn data(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        if let Err(e) = out.write_all(text.as_bytes()).and_then(|()| out.flush())
            && e.kind() != std::io::ErrorKind::BrokenPipe
        {
            self.lost.store(true, Ordering::Relaxed);
            self.error(&format!("cannot write to stdout: {e}"));
        }
    }

    /// Whether data was lost on the way out: no command that prints any has succeeded then.
    pub(crate) fn lost_data(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Whether an answer goes out as JSON: to whatever is no terminal, unless `text` is asked for.
    pub(crate) fn answers_json(&self, text: bool) -> bool {
        self.json || !(text || std::io::stdout().is_terminal())
    }

    /// A value as JSON on one line.
    pub(crate) fn json(&self, value: &impl serde::Serialize) {
        let text = serde_json::to_string(value).expect("what is printed is always JSON");
        self.data(&format!("{text}\n"));
    }

    /// Talk.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            Self::stderr(text);
        }
    }

    /// What went wrong; said even when quiet.
    #[expect(
        clippy::unused_self,
        reason = "said through the printer like everything else"
    )]
    pub(crate) fn error(&self, text: &str) {
        Self::stderr(&format!("error: {text}"));
    }

    /// Orders done, of how many.
    pub(crate) fn progress(&self, done: u64, total: u64) {
        let bar = self
            .bar
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(bar) = bar.as_ref() {
            bar.set_length(total);
            bar.set_position(done);
            if done >= total {
                bar.finish_and_clear();
            }
        }
    }

    fn stderr(text: &str) {
        // Nobody is left to tell when stderr is closed.
        let _closed = writeln!(std::io::stderr().lock(), "{text}");
    }
}
