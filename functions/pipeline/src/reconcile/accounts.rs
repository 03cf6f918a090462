//! The tenant's side: every account once, page by page, next to whom it belongs to.
//!
//! An account that is as HR's row asks for is a line at once; whatever differs at first sight goes to
//! a temporary file and is looked at whole. Invariant: an account is in step here only if a plan would
//! find nothing to do to it.

use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};

use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use rollcall_core::digest::WorkerHasher;
use rollcall_core::model::{Account, Value};
use rollcall_core::policy::Target;
use rollcall_core::reconcile::{Line, Print, SignIn, Word, line};
use rollcall_core::state::{Lifecycle, key_prefix};
use serde::{Deserialize, Serialize};
use tempfile::SpooledTempFile;

use super::people::{People, Row};
use crate::state::{Objects, State};
use crate::store::StoreError;
use crate::target::{Target as Port, TargetError};

/// When the account was made.
pub(super) const MADE: &str = "createdDateTime";
/// The last sign-in that succeeded, interactive or not ("signInActivity resource type").
pub(super) const SUCCEEDED: &str = "signInActivity.lastSuccessfulSignInDateTime";
/// Tries, whether or not they succeeded: of before there was the above.
pub(super) const TRIED: [&str; 2] = [
    "signInActivity.lastSignInDateTime",
    "signInActivity.lastNonInteractiveSignInDateTime",
];
/// Up to here a temporary file stays in memory.
const IN_MEMORY: usize = 1024 * 1024;
const BUFFER: usize = 256 * 1024;
/// An account of nobody.
pub(super) const NOBODY: u32 = u32::MAX;

/// A person as HR and state have them: places in both.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    /// The first of their rows; [`u32::MAX`]: HR has none.
    row: u32,
    /// [`u32::MAX`]: the state does not know them.
    hot: u32,
}

impl Pair {
    pub(super) fn row(self) -> Option<usize> {
        (self.row != u32::MAX).then(|| place(self.row))
    }

    pub(super) fn hot(self) -> Option<usize> {
        (self.hot != u32::MAX).then(|| place(self.hot))
    }
}

fn place(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// An account that is looked at whole.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Odd {
    pub(super) account: Account,
    /// It was found by the object id that the state links; else by its key.
    pub(super) linked: bool,
}

/// Both sides, joined.
pub(super) struct Joined {
    /// Everybody, ascending by key.
    pub(super) pairs: Vec<Pair>,
    /// Accounts of each.
    pub(super) accounts: Vec<u8>,
    /// All accounts.
    pub(super) count: u64,
    /// Whom an odd account is of, and where it lies; ascending.
    pub(super) odd: Vec<(u32, u64)>,
    odd_file: BufReader<SpooledTempFile>,
    /// Lines of accounts in step without their class.
    in_step: BufReader<SpooledTempFile>,
}

/// What a tenant is read with.
pub(super) struct Terms<'a> {
    pub(super) people: &'a People,
    pub(super) state: &'a State,
    pub(super) hasher: WorkerHasher,
    pub(super) target: &'a Target,
    pub(super) attributes: &'a [String],
    /// Sign-ins are among the attributes.
    pub(super) sign_ins: bool,
    pub(super) dormant_days: u16,
    pub(super) now: Timestamp,
}

/// A tenant on its way in.
struct Join<'a> {
    terms: &'a Terms<'a>,
    pairs: Vec<Pair>,
    of_hot: Vec<u32>,
    /// Worker ids of rows that the state does not find, with the pair.
    workers: Vec<(u64, u32)>,
    objects: Objects,
    accounts: Vec<u8>,
    count: u64,
    odd: Vec<(u32, u64)>,
    odd_bytes: u64,
    odd_file: BufWriter<SpooledTempFile>,
    in_step: BufWriter<SpooledTempFile>,
    print: Print,
    text: String,
    idle_since: Timestamp,
}

/// Why no tenant was read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("temporary file: {0}")]
    Spool(#[from] std::io::Error),
}

/// Reads the whole tenant.
pub(super) async fn read(port: &dyn Port, terms: &Terms<'_>) -> Result<Joined, ReadError> {
    let mut join = Join::new(terms)?;
    let mut pages = port.list(terms.attributes);
    while let Some(page) = pages.next().await {
        for account in page? {
            join.take(account)?;
        }
    }
    join.finish()
}

impl<'a> Join<'a> {
    fn new(terms: &'a Terms<'a>) -> Result<Self, ReadError> {
        let hot = terms.state.hot();
        let rows = &terms.people.rows;
        let mut pairs = Vec::with_capacity(hot.len().max(rows.len()));
        let mut of_hot = Vec::with_capacity(hot.len());
        let mut workers = Vec::new();
        let (mut r, mut h) = (0, 0);
        while r < rows.len() || h < hot.len() {
            let row = rows
                .get(r)
                .filter(|row| hot.get(h).is_none_or(|hot| row.key <= hot.key));
            let known = hot
                .get(h)
                .filter(|hot| row.is_none_or(|row| hot.key == row.key));
            let pair = number(pairs.len());
            pairs.push(Pair {
                row: row.map_or(u32::MAX, |_| number(r)),
                hot: known.map_or(u32::MAX, |_| number(h)),
            });
            if row.is_some() {
                for row in terms.people.of(r) {
                    if known.is_none_or(|hot| hot.worker != row.worker) {
                        workers.push((row.worker, pair));
                    }
                    r += 1;
                }
            }
            if known.is_some() {
                of_hot.push(pair);
                h += 1;
            }
        }
        workers.sort_unstable();
        let idle = SignedDuration::from_hours(24 * i64::from(terms.dormant_days));
        let file = || BufWriter::with_capacity(BUFFER, SpooledTempFile::new(IN_MEMORY));
        Ok(Self {
            accounts: vec![0; pairs.len()],
            pairs,
            of_hot,
            workers,
            objects: terms.state.objects()?,
            count: 0,
            odd: Vec::new(),
            odd_bytes: 0,
            odd_file: file(),
            in_step: file(),
            print: Print::default(),
            text: String::new(),
            idle_since: terms.now.checked_sub(idle).unwrap_or(Timestamp::MIN),
            terms,
        })
    }

    /// Whose an account is, and whether the state links it.
    fn owner(&self, account: &Account) -> Option<(u32, bool)> {
        if let Some(at) = self.objects.find(&account.id) {
            return Some((self.of_hot[at], true));
        }
        let key = account.key.as_ref()?;
        let prefix = key_prefix(self.terms.hasher.hash(key));
        let state = self.terms.state;
        if let Some(at) = state.workers().find(state.hot(), prefix).next() {
            return Some((self.of_hot[at], false));
        }
        let at = self.workers.binary_search_by_key(&prefix, |it| it.0).ok()?;
        Some((self.workers[at].1, false))
    }

    fn take(&mut self, account: Account) -> Result<(), ReadError> {
        self.count += 1;
        let owner = self.owner(&account);
        if let Some((pair, linked)) = owner {
            let at = place(pair);
            self.accounts[at] = self.accounts[at].saturating_add(1);
            if linked && let Some(row) = self.in_step_with(&account, self.pairs[at]) {
                return Ok(self.write_in_step(pair, &account, &row)?);
            }
        }
        let (pair, linked) = owner.unwrap_or((NOBODY, false));
        self.odd.push((pair, self.odd_bytes));
        let mut line =
            serde_json::to_vec(&Odd { account, linked }).map_err(std::io::Error::from)?;
        line.push(b'\n');
        self.odd_bytes += line.len() as u64;
        self.odd_file.write_all(&line)?;
        Ok(())
    }

    /// The row of a person in force whose account is as it is to be, and used.
    fn in_step_with(&mut self, account: &Account, pair: Pair) -> Option<Row> {
        let hot = &self.terms.state.hot()[pair.hot()?];
        let rows = self.terms.people.of(pair.row()?);
        let [row] = rows else {
            return None;
        };
        let plain = row.plain
            && row.fingerprint == hot.fingerprint
            && hot.lifecycle == Lifecycle::Active
            && account.enabled
            && !hot.held
            // What is owed, or fell due since, may be a cut.
            && !hot.unfinished
            && hot.due.is_none_or(|due| due > self.terms.now);
        if !plain {
            return None;
        }
        let key = account.key.as_deref()?;
        if key_prefix(self.terms.hasher.hash(key)) != row.worker {
            return None;
        }
        if self.terms.sign_ins && sign_in(account).unused_since()? < self.idle_since {
            return None;
        }
        let names = &self.terms.people.shapes[usize::from(row.shape)];
        let print = self.print.of(along(names, account), self.terms.target);
        (print == row.print).then_some(*row)
    }

    fn write_in_step(&mut self, pair: u32, account: &Account, row: &Row) -> std::io::Result<()> {
        let texts = self.terms.people.texts(&row.cells);
        let key = account.key.as_deref().unwrap_or_default();
        let source = &self.terms.people.sources[usize::from(row.source)];
        let signed_in = if self.terms.sign_ins {
            sign_in(account).at()
        } else {
            None
        };
        self.text.clear();
        line(
            &Line {
                worker: key,
                person: key,
                source: source.name.as_str(),
                worker_type: texts.worker_type,
                status: texts.status,
                word: Word::InForce.name(),
                entity: texts.entity,
                site: texts.site,
                zone: texts.zone,
                hire: row.cells.hire,
                last_day: row.cells.last_day,
                termination: row.cells.termination,
                target: super::TARGET,
                object: account.id.as_str(),
                name: account.name.reveal(),
                expected: Some(true),
                enabled: Some(account.enabled),
                sign_in: signed_in,
                by: "object",
                ..Line::default()
            },
            &mut self.text,
        );
        self.in_step.write_all(&pair.to_be_bytes())?;
        self.in_step
            .write_all(&number(self.text.len()).to_be_bytes())?;
        self.in_step.write_all(self.text.as_bytes())
    }

    fn finish(mut self) -> Result<Joined, ReadError> {
        self.odd.sort_unstable();
        Ok(Joined {
            pairs: self.pairs,
            accounts: self.accounts,
            count: self.count,
            odd: self.odd,
            odd_file: rewound(self.odd_file)?,
            in_step: rewound(self.in_step)?,
        })
    }
}

fn rewound(file: BufWriter<SpooledTempFile>) -> std::io::Result<BufReader<SpooledTempFile>> {
    let mut file = file
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(BufReader::with_capacity(BUFFER, file))
}

impl Joined {
    /// The next line of an account in step without its class, and whose it is; `None` behind the last.
    pub(super) fn next_in_step(&mut self, line: &mut Vec<u8>) -> std::io::Result<Option<u32>> {
        let mut number = [0; 4];
        if self.in_step.fill_buf()?.is_empty() {
            return Ok(None);
        }
        self.in_step.read_exact(&mut number)?;
        let pair = u32::from_be_bytes(number);
        self.in_step.read_exact(&mut number)?;
        line.resize(place(u32::from_be_bytes(number)), 0);
        self.in_step.read_exact(line)?;
        Ok(Some(pair))
    }

    /// An odd account.
    pub(super) fn odd_at(&mut self, byte: u64) -> std::io::Result<Odd> {
        self.odd_file.seek(SeekFrom::Start(byte))?;
        let mut line = Vec::new();
        self.odd_file.read_until(b'\n', &mut line)?;
        Ok(serde_json::from_slice(&line)?)
    }
}

/// The values of an account by names in order; both ascend, so that one pass is enough.
fn along<'a>(
    names: &'a [String],
    account: &'a Account,
) -> impl Iterator<Item = (&'a str, Option<&'a Value>)> {
    let mut has = account.attributes.iter().peekable();
    names.iter().map(move |name| {
        while has.next_if(|(other, _)| *other < name).is_some() {}
        let value = has.next_if(|(other, _)| *other == name);
        (name.as_str(), value.map(|(_, value)| value))
    })
}

/// What an account says of its last sign-in; of one that says nothing of them, as if there were none.
pub(super) fn sign_in(account: &Account) -> SignIn {
    let instant = |name: &str| -> Option<Timestamp> {
        let text = account.attributes.get(name)?.as_text()?;
        text.parse().ok()
    };
    match instant(SUCCEEDED) {
        Some(at) => SignIn::At(at),
        None => SignIn::Never {
            since: TRIED.into_iter().chain([MADE]).filter_map(instant).max(),
        },
    }
}
