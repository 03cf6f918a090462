//! Where planning asks about accounts, and where every answer is written down.
//!
//! The same questions in the same order give the same answers again from what was written down:
//! that is how a plan is computed a second time. Invariant: no answer is used that is not
//! recorded.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek as _, SeekFrom};

use futures::StreamExt as _;
use rollcall_core::digest::WorkerHasher;
use rollcall_core::model::{
    Account, Asset, Device, DeviceLook, DeviceQuestion, Estate, GroupName, Holdings, Lookup,
    ObjectId, Seats, SeenGroup, SourceName,
};
use rollcall_core::policy::name_key;
use serde::{Deserialize, Serialize};
use tempfile::SpooledTempFile;

use super::PlanError;
use super::recall::Recalled;
use crate::apply::Lines;
use crate::spool::{Spool, next_line};
use crate::store::{Store, StoreError, parse};
use crate::target::Target;

/// From this many persons on, and when they are most of those that are known, the whole tenant is
/// read page by page: a first load. Pages come one after the other, questions many at once, so
/// that for a nightly share of a large tenant asking is faster.
const LIST_FROM: usize = 400;

/// One question to the tenant and its answer, as stored.
#[derive(Debug, Serialize, Deserialize)]
struct Answered {
    question: Lookup,
    answer: Vec<Account>,
}

/// What the tenant has of licences, as stored before all answers; nothing is stored where nobody
/// asks for it.
#[derive(Debug, Serialize, Deserialize)]
struct SeatsSeen {
    seats: Option<Vec<Seats>>,
}

/// Accounts that others changed, as stored first of all; nothing is stored where there are none.
#[derive(Debug, Serialize, Deserialize)]
struct MovedSeen {
    moved: Vec<ObjectId>,
}

/// Groups that a plan asked about, as stored before all answers about people, or behind them by a
/// release; nothing is stored where nobody asks.
#[derive(Debug, Serialize, Deserialize)]
struct GroupsSeen {
    groups: Option<Vec<Option<SeenGroup>>>,
}

/// What an account answers for, as stored; asked between the two passes of a plan, of people who are
/// cut off or whose deletion is due.
#[derive(Debug, Serialize, Deserialize)]
struct EstateSeen {
    estate: Estate,
    of: ObjectId,
    kinds: BTreeSet<Asset>,
}

/// What an account has beside its attributes, as stored behind the answers about its chunk of people;
/// asked about those who are cut off, come back or go into the bin.
#[derive(Debug, Serialize, Deserialize)]
struct HoldingsSeen {
    holdings: Option<Holdings>,
    of: ObjectId,
}

/// What devices an account has, as stored behind what it has beside them; asked about the same people.
#[derive(Debug, Serialize, Deserialize)]
struct DevicesSeen {
    devices: Option<Vec<Device>>,
    of: ObjectId,
}

/// How far commands to the devices of one person have come, as stored before the answers about the chunk
/// of people; asked about everybody of whom a command is open.
#[derive(Debug, Serialize, Deserialize)]
struct LooksSeen {
    looks: Vec<Option<DeviceLook>>,
    about: Vec<DeviceQuestion>,
}

/// Where answers come from: the tenant, or what it answered when the plan was first made.
pub enum Answers<'a> {
    /// Ask.
    Live(&'a dyn Target),
    /// Read again.
    Stored(Stored),
    /// Read again, for a plan that asks other questions.
    Recalled(Recalled<'a>),
}

/// A stored `tenant.jsonl`, read from the front as its plan asks again.
pub struct Stored {
    key: String,
    from: BufReader<File>,
    line: Vec<u8>,
}

impl Answers<'_> {
    /// Answers from a stored `tenant.jsonl`.
    ///
    /// # Errors
    /// When nothing is stored there.
    pub async fn stored(store: &Store, key: &str) -> Result<Self, StoreError> {
        Ok(Self::Stored(Stored {
            key: key.to_owned(),
            from: BufReader::new(store.open(key).await?),
            line: Vec::new(),
        }))
    }
}

/// What a stored `tenant.jsonl` says to the first of these questions that it has.
///
/// # Errors
/// When nothing is stored there, or it cannot be read.
pub async fn answers_about(
    store: &Store,
    key: &str,
    questions: &[Lookup],
) -> Result<Option<Vec<Account>>, StoreError> {
    let mut lines = lines_of(store, key).await?;
    while let Some(line) = lines.next()? {
        if let Line::Account(question, answer) = line
            && questions.contains(&question)
        {
            return Ok(Some(answer));
        }
    }
    Ok(None)
}

/// Every account in a stored `tenant.jsonl`.
///
/// # Errors
/// As for [`answers_about`].
pub(crate) async fn accounts_in(
    store: &Store,
    key: &str,
    mut each: impl FnMut(&Account),
) -> Result<(), StoreError> {
    let mut lines = lines_of(store, key).await?;
    while let Some(line) = lines.next()? {
        if let Line::Account(_, answer) = line {
            answer.iter().for_each(&mut each);
        }
    }
    Ok(())
}

/// One line of a `tenant.jsonl`.
pub(super) enum Line {
    Moved(Vec<ObjectId>),
    Seats(Option<Vec<Seats>>),
    Groups(Option<Vec<Option<SeenGroup>>>),
    Account(Lookup, Vec<Account>),
    Estate(ObjectId, Estate),
    Holdings(ObjectId, Option<Holdings>),
    Devices(ObjectId, Option<Vec<Device>>),
    Looks(Vec<(DeviceQuestion, Option<DeviceLook>)>),
}

/// The lines of a stored `tenant.jsonl`.
pub(super) struct AllLines {
    key: String,
    lines: Lines,
}

pub(super) async fn lines_of(store: &Store, key: &str) -> Result<AllLines, StoreError> {
    Ok(AllLines {
        key: key.to_owned(),
        lines: Lines::open(store, key).await?,
    })
}

impl AllLines {
    pub(super) fn next(&mut self) -> Result<Option<Line>, StoreError> {
        let Some((_, line)) = self.lines.next()? else {
            return Ok(None);
        };
        let key = &self.key;
        Ok(Some(if line.starts_with(MOVED) {
            Line::Moved(parse::<MovedSeen>(key, &line)?.moved)
        } else if line.starts_with(SEATS) {
            Line::Seats(parse::<SeatsSeen>(key, &line)?.seats)
        } else if line.starts_with(GROUPS) {
            Line::Groups(parse::<GroupsSeen>(key, &line)?.groups)
        } else if line.starts_with(ESTATE) {
            let seen: EstateSeen = parse(key, &line)?;
            Line::Estate(seen.of, seen.estate)
        } else if line.starts_with(HOLDINGS) {
            let seen: HoldingsSeen = parse(key, &line)?;
            Line::Holdings(seen.of, seen.holdings)
        } else if line.starts_with(DEVICES) {
            let seen: DevicesSeen = parse(key, &line)?;
            Line::Devices(seen.of, seen.devices)
        } else if line.starts_with(LOOKS) {
            let seen: LooksSeen = parse(key, &line)?;
            Line::Looks(seen.about.into_iter().zip(seen.looks).collect())
        } else {
            let answered: Answered = parse(key, &line)?;
            Line::Account(answered.question, answered.answer)
        }))
    }
}

/// How a line of [`MovedSeen`] begins.
const MOVED: &[u8] = b"{\"moved\":";
/// How a line of [`SeatsSeen`] begins.
const SEATS: &[u8] = b"{\"seats\":";
/// How a line of [`GroupsSeen`] begins.
const GROUPS: &[u8] = b"{\"groups\":";
/// How a line of [`EstateSeen`] begins.
const ESTATE: &[u8] = b"{\"estate\":";

/// How a line of [`HoldingsSeen`] begins.
const HOLDINGS: &[u8] = b"{\"holdings\":";

/// How a line of [`DevicesSeen`] begins.
const DEVICES: &[u8] = b"{\"devices\":";

/// How a line of [`LooksSeen`] begins.
const LOOKS: &[u8] = b"{\"looks\":";

/// What is wrong with answers that belong to another plan.
const OTHER_QUESTIONS: &str = "its questions are not those that this plan asks, in their order";

impl Stored {
    fn moved(&mut self) -> Result<Vec<ObjectId>, StoreError> {
        let first = self.from.fill_buf().map(|ahead| ahead.starts_with(MOVED));
        if !first.map_err(|e| self.corrupt(&e.to_string()))? {
            return Ok(Vec::new());
        }
        let seen: MovedSeen = parse(&self.key.clone(), self.next()?)?;
        Ok(seen.moved)
    }

    fn seats(&mut self) -> Result<Option<Vec<Seats>>, StoreError> {
        let seen: SeatsSeen = parse(&self.key.clone(), self.next()?)?;
        Ok(seen.seats)
    }

    fn groups(&mut self) -> Result<Option<Vec<Option<SeenGroup>>>, StoreError> {
        let seen: GroupsSeen = parse(&self.key.clone(), self.next()?)?;
        Ok(seen.groups)
    }

    fn estate(&mut self, of: &ObjectId, kinds: &BTreeSet<Asset>) -> Result<Estate, StoreError> {
        let seen: EstateSeen = parse(&self.key.clone(), self.next()?)?;
        if seen.of == *of && seen.kinds == *kinds {
            Ok(seen.estate)
        } else {
            Err(self.corrupt(OTHER_QUESTIONS))
        }
    }

    fn holdings(&mut self, of: &ObjectId) -> Result<Option<Holdings>, StoreError> {
        let seen: HoldingsSeen = parse(&self.key.clone(), self.next()?)?;
        if seen.of == *of {
            Ok(seen.holdings)
        } else {
            Err(self.corrupt(OTHER_QUESTIONS))
        }
    }

    fn devices(&mut self, of: &ObjectId) -> Result<Option<Vec<Device>>, StoreError> {
        let seen: DevicesSeen = parse(&self.key.clone(), self.next()?)?;
        if seen.of == *of {
            Ok(seen.devices)
        } else {
            Err(self.corrupt(OTHER_QUESTIONS))
        }
    }

    fn looks(&mut self, about: &[DeviceQuestion]) -> Result<Vec<Option<DeviceLook>>, StoreError> {
        let seen: LooksSeen = parse(&self.key.clone(), self.next()?)?;
        if seen.about == *about && seen.looks.len() == about.len() {
            Ok(seen.looks)
        } else {
            Err(self.corrupt(OTHER_QUESTIONS))
        }
    }

    fn answer(&mut self, question: &Lookup) -> Result<Vec<Account>, StoreError> {
        let answered: Answered = parse(&self.key.clone(), self.next()?)?;
        if answered.question == *question {
            Ok(answered.answer)
        } else {
            Err(self.corrupt(OTHER_QUESTIONS))
        }
    }

    fn next(&mut self) -> Result<&[u8], StoreError> {
        match next_line(&mut self.from, &mut self.line) {
            Ok(Some(_)) => Ok(&self.line),
            Ok(None) => Err(self.corrupt("a question of this plan has no stored answer")),
            Err(error) => Err(self.corrupt(&error.to_string())),
        }
    }

    fn corrupt(&self, why: &str) -> StoreError {
        StoreError::Corrupt {
            key: self.key.clone(),
            why: why.to_owned(),
        }
    }
}

/// Asks and records.
pub(super) struct Desk<'a> {
    answers: Answers<'a>,
    listing: Option<Listing>,
    attributes: Vec<String>,
    record: Spool,
}

impl<'a> Desk<'a> {
    pub(super) fn new(answers: Answers<'a>, attributes: Vec<String>) -> Self {
        Self {
            answers,
            listing: None,
            attributes,
            record: Spool::default(),
        }
    }

    /// Accounts that others changed, `found` where the tenant was asked. Before everything else.
    pub(super) fn moved(&mut self, found: Vec<ObjectId>) -> Result<Vec<ObjectId>, PlanError> {
        let moved = match &mut self.answers {
            Answers::Live(_) => found,
            Answers::Stored(stored) => stored.moved()?,
            Answers::Recalled(recalled) => recalled.moved(),
        };
        let seen = MovedSeen { moved };
        if !seen.moved.is_empty() {
            self.record.line(&seen)?;
        }
        Ok(seen.moved)
    }

    /// Reads the whole tenant where that is less work than asking about `persons` of `known`.
    pub(super) async fn open(&mut self, persons: usize, known: usize) -> Result<(), PlanError> {
        if let Answers::Live(target) = &self.answers
            && persons >= LIST_FROM
            && persons * 2 > known
        {
            self.listing = Some(Listing::read(*target, &self.attributes).await?);
        }
        Ok(())
    }

    /// The tenant's licences, as far as it says. To be asked before anybody is.
    pub(super) async fn seats(&mut self) -> Result<Option<Vec<Seats>>, PlanError> {
        let seats = match &mut self.answers {
            // Nobody stays inside because the tenant does not say how many seats it has.
            Answers::Live(target) => target.seats().await.unwrap_or_else(|error| {
                tracing::warn!(%error, "The tenant's licences cannot be read; planned without.");
                None
            }),
            Answers::Stored(stored) => stored.seats()?,
            Answers::Recalled(recalled) => recalled.seats(),
        };
        let seen = SeatsSeen { seats };
        self.record.line(&seen)?;
        Ok(seen.seats)
    }

    /// Groups of these names, in their order, as far as the tenant says.
    pub(super) async fn groups(
        &mut self,
        names: &[GroupName],
    ) -> Result<Option<Vec<Option<SeenGroup>>>, PlanError> {
        let groups = match &mut self.answers {
            // Nobody stays inside because the tenant does not say what groups it has.
            Answers::Live(target) => match target.find_groups(names).await {
                Ok(groups) => Some(groups),
                Err(error) => {
                    tracing::warn!(%error, "The tenant's groups cannot be read; left as they are.");
                    None
                }
            },
            Answers::Stored(stored) => stored.groups()?,
            Answers::Recalled(recalled) => recalled.groups(names),
        };
        let seen = GroupsSeen { groups };
        self.record.line(&seen)?;
        Ok(seen.groups.filter(|groups| groups.len() == names.len()))
    }

    /// What accounts answer for, of these kinds, in the order of the accounts.
    pub(super) async fn estates(
        &mut self,
        accounts: &[ObjectId],
        kinds: &BTreeSet<Asset>,
    ) -> Result<Vec<Estate>, PlanError> {
        let unread = || Estate {
            owned: Vec::new(),
            unread: kinds.clone(),
        };
        let estates = match &mut self.answers {
            // Nobody stays inside because the tenant does not say what they own.
            Answers::Live(target) => match target.estates(accounts, kinds).await {
                Ok(estates) => estates,
                Err(error) => {
                    tracing::warn!(%error, "What leavers own cannot be read; told as unknown.");
                    accounts.iter().map(|_| unread()).collect()
                }
            },
            Answers::Stored(stored) => accounts
                .iter()
                .map(|account| stored.estate(account, kinds))
                .collect::<Result<_, _>>()?,
            Answers::Recalled(recalled) => accounts
                .iter()
                .map(|account| recalled.estate(account).unwrap_or_else(unread))
                .collect(),
        };
        let mut out = Vec::with_capacity(accounts.len());
        for (of, estate) in accounts.iter().zip(estates) {
            let seen = EstateSeen {
                estate,
                of: of.clone(),
                kinds: kinds.clone(),
            };
            self.record.line(&seen)?;
            out.push(seen.estate);
        }
        Ok(out)
    }

    /// What accounts have beside their attributes, in their order; `None` where nobody says.
    pub(super) async fn holdings(
        &mut self,
        accounts: &[ObjectId],
    ) -> Result<Vec<Option<Holdings>>, PlanError> {
        let found = match &mut self.answers {
            // Nobody stays inside because the tenant does not say what roles they have.
            Answers::Live(target) => match target.holdings(accounts).await {
                Ok(holdings) => holdings,
                Err(error) => {
                    tracing::warn!(%error, "Roles of leavers cannot be read; told as unread.");
                    vec![None; accounts.len()]
                }
            },
            Answers::Stored(stored) => accounts
                .iter()
                .map(|account| stored.holdings(account))
                .collect::<Result<_, _>>()?,
            Answers::Recalled(recalled) => accounts
                .iter()
                .map(|account| Some(recalled.holdings(account)))
                .collect(),
        };
        let mut out = Vec::with_capacity(accounts.len());
        for (of, holdings) in accounts.iter().zip(found) {
            let of = of.clone();
            let seen = HoldingsSeen { holdings, of };
            self.record.line(&seen)?;
            out.push(seen.holdings);
        }
        Ok(out)
    }

    /// What devices accounts have, in the order of the accounts; `None` where nobody says.
    pub(super) async fn devices(
        &mut self,
        accounts: &[ObjectId],
    ) -> Result<Vec<Option<Vec<Device>>>, PlanError> {
        let found = match &mut self.answers {
            // Nobody stays inside because the tenant does not say what devices they have.
            Answers::Live(target) => match target.devices(accounts).await {
                Ok(devices) => devices,
                Err(error) => {
                    tracing::warn!(%error, "Devices of leavers cannot be read; asked again later.");
                    vec![None; accounts.len()]
                }
            },
            Answers::Stored(stored) => accounts
                .iter()
                .map(|account| stored.devices(account))
                .collect::<Result<_, _>>()?,
            Answers::Recalled(recalled) => accounts
                .iter()
                .map(|account| recalled.devices(account))
                .collect(),
        };
        let mut out = Vec::with_capacity(accounts.len());
        for (of, devices) in accounts.iter().zip(found) {
            let of = of.clone();
            let seen = DevicesSeen { devices, of };
            self.record.line(&seen)?;
            out.push(seen.devices);
        }
        Ok(out)
    }

    /// How far commands to the devices of somebody have come, in the order of the questions; `None` where
    /// nobody says.
    pub(super) async fn looks(
        &mut self,
        account: Option<&ObjectId>,
        about: Vec<DeviceQuestion>,
    ) -> Result<(Vec<DeviceQuestion>, Vec<Option<DeviceLook>>), PlanError> {
        let looks = match &mut self.answers {
            Answers::Live(target) => match target.device_looks(account, &about).await {
                Ok(looks) => looks,
                Err(error) => {
                    tracing::warn!(%error, "How far devices are cannot be read; asked again later.");
                    vec![None; about.len()]
                }
            },
            Answers::Stored(stored) => stored.looks(&about)?,
            Answers::Recalled(recalled) => recalled.looks(&about),
        };
        let seen = LooksSeen { looks, about };
        self.record.line(&seen)?;
        Ok((seen.about, seen.looks))
    }

    pub(super) async fn ask(
        &mut self,
        questions: Vec<Lookup>,
    ) -> Result<Vec<Vec<Account>>, PlanError> {
        let answers = match (&mut self.answers, &mut self.listing) {
            (_, Some(listing)) => questions
                .iter()
                .map(|q| listing.find(q))
                .collect::<Result<_, _>>()?,
            (Answers::Live(target), None) => target.look_up(&questions, &self.attributes).await?,
            (Answers::Stored(stored), None) => questions
                .iter()
                .map(|q| stored.answer(q))
                .collect::<Result<_, _>>()?,
            (Answers::Recalled(recalled), None) => questions
                .iter()
                .map(|q| recalled.answer(q))
                .collect::<Result<_, _>>()?,
        };
        let mut out = Vec::with_capacity(answers.len());
        for (question, answer) in questions.into_iter().zip(answers) {
            let answered = Answered { question, answer };
            self.record.line(&answered)?;
            out.push(answered.answer);
        }
        Ok(out)
    }

    /// Every question and answer: `tenant.jsonl`.
    pub(super) fn record(self) -> Spool {
        self.record
    }
}

/// The whole tenant by id, key and name; the accounts lie in a temporary file.
struct Listing {
    accounts: BufReader<SpooledTempFile>,
    /// Hash of a question, and where an account begins that answers it.
    index: Vec<(u128, u64)>,
    hashers: Hashers,
}

impl Listing {
    async fn read(target: &dyn Target, attributes: &[String]) -> Result<Self, PlanError> {
        let hashers = Hashers::default();
        let mut accounts = Spool::default();
        let mut index = Vec::new();
        let mut pages = target.list(attributes);
        while let Some(page) = pages.next().await {
            for account in page? {
                let at = accounts.bytes();
                let mut add = |lookup: &Lookup| index.push((hashers.hash(lookup), at));
                add(&Lookup::Id(account.id.clone()));
                add(&Lookup::Name(account.name.clone()));
                if let Some(key) = &account.key {
                    add(&Lookup::Key(key.clone()));
                }
                accounts.line(&account)?;
            }
        }
        index.sort_unstable();
        Ok(Self {
            accounts: accounts.reader()?,
            index,
            hashers,
        })
    }

    fn find(&mut self, question: &Lookup) -> Result<Vec<Account>, PlanError> {
        let hash = self.hashers.hash(question);
        let from = self.index.partition_point(|(h, _)| *h < hash);
        let mut out = Vec::new();
        let mut line = Vec::new();
        for (_, at) in self.index[from..].iter().take_while(|(h, _)| *h == hash) {
            self.accounts.seek(SeekFrom::Start(*at))?;
            line.clear();
            self.accounts.read_until(b'\n', &mut line)?;
            let account: Account = serde_json::from_slice(&line).map_err(std::io::Error::from)?;
            if answers(&account, question) {
                out.push(account);
            }
        }
        Ok(out)
    }
}

/// Whether an account answers a question.
pub(crate) fn answers(account: &Account, question: &Lookup) -> bool {
    match question {
        Lookup::Id(id) => account.id == *id,
        Lookup::Key(key) => account.key.as_ref() == Some(key),
        Lookup::Name(name) => name_key(account.name.reveal()) == name_key(name.reveal()),
    }
}

struct Hashers {
    id: WorkerHasher,
    key: WorkerHasher,
    name: WorkerHasher,
}

impl Default for Hashers {
    fn default() -> Self {
        let of = |kind| WorkerHasher::new(&SourceName::new(kind));
        Self {
            id: of("id"),
            key: of("key"),
            name: of("name"),
        }
    }
}

impl Hashers {
    /// Sign-in names compare without regard to case.
    fn hash(&self, lookup: &Lookup) -> u128 {
        match lookup {
            Lookup::Id(id) => self.id.hash(id.as_str()),
            Lookup::Key(key) => self.key.hash(key),
            Lookup::Name(name) => self.name.hash(&name_key(name.reveal())),
        }
    }
}
