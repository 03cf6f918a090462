//! A pull: pass by pass, page by page, and what a pass has to show before it counts.
//!
//! - Places are counted by what was asked for, never by what came.
//! - A page that is short, empty or repeated, a total that moves or is not reached and an id that comes
//!   twice end the pass. It is begun once more, and then refused.
//! - By number, each page begins with the last record of the one before, so that a list that moved in
//!   between shows; at the end the first page is read again. Where pages cannot overlap, all of them
//!   are read again, unless the configuration says that they are steady; by cursors only where nobody
//!   says a total.
//! - The end of a list without a total is an answer with nothing in it, right behind the last record,
//!   or two of them.
//!
//! Invariant: rows of a pass are handed on once it has shown that it is whole, or in the last pass.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use rollcall_core::delta::Coverage;
use rollcall_core::model::{Finding, FindingKind, Place, Severity};
use rollcall_source::{Cursor, Pulled, Reach, RefusalKind, Refused, Sink, Want};
use serde_json::Value as Json;
use xxhash_rust::xxh3::xxh3_128;

use crate::attribute::Attribute;
use crate::config::ChangesConfig;
use crate::page::{Page, Stop, fetch, follow, identity, query, question};
use crate::plan::{Changes, CursorStyle, Index, Plan, Style};
use crate::rows::Rows;
use crate::select;
use crate::session::Session;

/// One pull of one source.
pub(crate) struct Pull<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) session: &'a Session<'a>,
    pub(crate) want: &'a Want,
    pub(crate) wanted: &'a [Attribute],
    /// Parameters of every page.
    pub(crate) base: Vec<(String, String)>,
}

/// What a list looked like whose pages say where the next one is.
struct Read {
    /// Each page.
    seen: Vec<u128>,
    /// When the first one came.
    date: Option<Timestamp>,
    total: Option<u64>,
}

/// What a pass came to.
pub(crate) struct Passed {
    /// When the source says that the pass began, where it says so.
    pub(crate) date: Option<Timestamp>,
    /// Ids that it says are gone.
    pub(crate) gone: u32,
}

impl<'a> Pull<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        session: &'a Session<'a>,
        want: &'a Want,
        wanted: &'a [Attribute],
    ) -> Self {
        let own = plan.config.query.iter();
        let mut base: Vec<(String, String)> = own
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        base.extend(select::parameters(plan, wanted));
        Self {
            plan,
            session,
            want,
            wanted,
            base,
        }
    }

    /// The whole of it.
    pub(crate) async fn run(mut self, sink: &mut dyn Sink) -> Result<Pulled, Refused> {
        let since = match &self.want.reach {
            Reach::Full => None,
            Reach::Since(cursor) => Some(self.since(cursor)?),
        };
        if let (Some(since), Some(ChangesConfig::Filter(filter))) =
            (since, &self.plan.config.changes)
        {
            let condition = filter.template.replace("{since}", &moment(since));
            self.base.push((filter.param.clone(), condition));
        }
        let passes = self.plan.config.limits.passes;
        for pass in 1.. {
            let is_last = pass >= passes;
            let mut rows = Rows::new(self.plan, self.want, self.wanted, !is_last)?;
            match self.pass(since, &mut rows, sink).await {
                Ok(passed) => {
                    rows.hand_on(sink)?;
                    return self.pulled(&rows, &passed, since.is_some());
                }
                Err(Stop::Moved(why)) if !is_last => {
                    tracing::info!(
                        kind = why.kind.name(),
                        pass,
                        "A list moved; reading it again."
                    );
                }
                Err(Stop::Moved(refused) | Stop::No(refused)) => return Err(refused),
            }
        }
        unreachable!("the last pass returns")
    }

    async fn pass(
        &self,
        since: Option<Timestamp>,
        rows: &mut Rows<'a>,
        sink: &mut dyn Sink,
    ) -> Result<Passed, Stop> {
        if let (
            Some(since),
            Some(Changes::Filter {
                modified: Some(path),
            }),
        ) = (since, &self.plan.changes)
        {
            rows.since(since, path);
        }
        match (since, &self.plan.config.changes) {
            (Some(since), Some(ChangesConfig::ChangedList(list))) => {
                self.changed(list, since, rows, sink).await
            }
            _ => self.list(&self.base, rows, sink).await,
        }
    }

    /// Since when, with the margin.
    fn since(&self, cursor: &Cursor) -> Result<Timestamp, Refused> {
        let Some(changes) = &self.plan.config.changes else {
            return Err(Refused::new(
                RefusalKind::CursorExpired,
                "this source cannot be asked what changed",
                "everybody is asked for instead; or say `changes` in the configuration",
            ));
        };
        let expired =
            |message: &str| Refused::new(RefusalKind::CursorExpired, message, "pull in full once");
        let last: Timestamp = cursor
            .0
            .parse()
            .map_err(|_| expired("where the last pull ended cannot be read"))?;
        if let Some(days) = changes.keeps_days() {
            let kept = SignedDuration::from_hours(24 * i64::from(days));
            if self.want.now.duration_since(last) > kept {
                return Err(expired(
                    "the source no longer knows what changed since the last pull",
                ));
            }
        }
        let margin = SignedDuration::from_secs(i64::from(changes.margin_secs()));
        Ok(last.checked_sub(margin).unwrap_or(Timestamp::MIN))
    }

    fn pulled(&self, rows: &Rows<'_>, passed: &Passed, is_delta: bool) -> Result<Pulled, Refused> {
        let count = rows.count();
        if count == 0 && !is_delta {
            let message = format!("`{}` has no worker at all", self.plan.config.path);
            let hint =
                "whoever asks may see nobody, or a parameter of `query` leaves everybody out";
            return Err(Refused::new(RefusalKind::Empty, message, hint));
        }
        // Whichever clock is behind: a change is rather seen twice than never.
        let as_of = passed
            .date
            .map_or(self.want.now, |it| it.min(self.want.now));
        let mut findings = Vec::new();
        let mut say = |kind, note: String, count: u32| {
            let finding = Finding::new(kind, Severity::Info, Place::default(), note);
            findings.push(finding.with("count", count.to_string()));
        };
        if rows.older > 0 {
            let older = rows.older;
            let note = format!("{older} of {count} records did not change since the last pull");
            say(FindingKind::SourceWider, note, older);
        }
        if passed.gone > 0 {
            let gone = passed.gone;
            let note = format!("{gone} workers are gone at the source; nothing is done for it yet");
            say(FindingKind::GoneAtSource, note, gone);
        }
        if !is_delta {
            for name in rows.nowhere() {
                let place = Place {
                    column: Some(name.to_owned()),
                    ..Place::default()
                };
                let note = format!("none of {count} records has it");
                findings.push(Finding::new(
                    FindingKind::AttributeNowhere,
                    Severity::Info,
                    place,
                    note,
                ));
            }
        }
        Ok(Pulled {
            coverage: if is_delta {
                Coverage::Delta
            } else {
                Coverage::Full
            },
            as_of,
            cursor: self
                .plan
                .changes
                .is_some()
                .then(|| Cursor(as_of.to_string())),
            rows: count,
            findings,
        })
    }

    /// The list to its end.
    pub(crate) async fn list(
        &self,
        base: &[(String, String)],
        rows: &mut Rows<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Passed, Stop> {
        let before = rows.count();
        let date = match &self.plan.style {
            Style::Whole => {
                let page = self.page(base, 1, sink).await?;
                let total = self.total_of(&page)?;
                let records = self.records(&page, total == Some(0))?;
                take_all(&records, &page, rows, sink)?;
                reached(total, u64::from(rows.count() - before), &page.shown)?;
                page.date
            }
            Style::Index(index) => self.by_number(index, base, rows, sink).await?,
            Style::Cursor(style) => {
                let read = self.by_word(Some(style), base, Some(rows), sink).await?;
                if !style.steady && read.total.is_none() {
                    self.by_word_again(Some(style), base, &read, sink).await?;
                }
                read.date
            }
            Style::Link { steady, .. } => {
                let read = self.by_word(None, base, Some(rows), sink).await?;
                if !*steady {
                    self.by_word_again(None, base, &read, sink).await?;
                }
                read.date
            }
        };
        Ok(Passed { date, gone: 0 })
    }

    async fn by_number(
        &self,
        index: &Index,
        base: &[(String, String)],
        rows: &mut Rows<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Option<Timestamp>, Stop> {
        let size = u64::from(index.size);
        let (mut date, mut total, mut count) = (None, None, 0_u64);
        let mut last = None;
        // What pages looked like.
        let mut seen: Vec<u128> = Vec::new();
        for number in 1_u32.. {
            let begin = u64::from(number - 1) * index.step();
            let page = self
                .page(&at(index, base, number, begin), number, sink)
                .await?;
            if number == 1 {
                date = page.date;
                total = self.total_of(&page)?;
            } else {
                same_total(total, &page)?;
            }
            let expected = total.map(|it| it.saturating_sub(begin).min(size));
            let records = self.records(&page, expected == Some(0) || self.plan.fold)?;
            let came = records.len() as u64;
            as_asked(index, came, expected, &page)?;
            let ids: Vec<u128> = records.iter().map(|it| self.hash(it)).collect();
            let mark = mark(&ids);
            if came > 1 && seen.last() == Some(&mark) {
                return Err(moved(&page.shown, "is the page before it once more"));
            }
            seen.push(mark);
            let skip = usize::from(index.overlap && number > 1);
            if skip > 0 && ids.first().copied() != last {
                return Err(moved(
                    &page.shown,
                    "does not begin where the page before it ended",
                ));
            }
            last = ids.last().copied();
            take_all(&records[skip.min(records.len())..], &page, rows, sink)?;
            count += came.saturating_sub(skip as u64);
            let ended = match total {
                Some(total) => begin + came >= total,
                None => came < size,
            };
            if !ended {
                continue;
            }
            reached(total, count, &page.shown)?;
            // A total on one page only may be that of the page.
            let is_open = match total {
                None => came > 0 || number > 1,
                Some(_) => came > 0 && number == 1,
            };
            if is_open {
                let behind = if came > 0 { came } else { size };
                self.nothing_behind(index, base, number, (begin + behind, total), sink)
                    .await?;
            }
            self.still_the_same(index, base, total, &seen, sink).await?;
            return Ok(date);
        }
        unreachable!("pages are bounded")
    }

    /// Behind the last record of a list without a total, or with one that may be that of the page, there is nothing.
    async fn nothing_behind(
        &self,
        index: &Index,
        base: &[(String, String)],
        number: u32,
        (begin, total): (u64, Option<u64>),
        sink: &mut dyn Sink,
    ) -> Result<(), Stop> {
        let behind = self
            .page(&at(index, base, number + 1, begin), number + 1, sink)
            .await;
        let behind = match behind {
            // Where a total is said, a page that the source does not have is one with nothing on it.
            Err(Stop::No(refused))
                if total.is_some() && refused.kind == RefusalKind::Configuration =>
            {
                return Ok(());
            }
            other => other?,
        };
        let records = self.records(&behind, self.plan.fold || total.is_some())?;
        if records.is_empty() {
            return Ok(());
        }
        if behind.total.is_some() {
            let message = format!("`{}` has records behind the total", behind.shown);
            let hint = "somebody joined while it was read: the next run asks again; or `total` of the \
                        configuration leads to how many are on a page, not in all";
            let refused = Refused::new(RefusalKind::IncompletePage, message, hint);
            return Err(Stop::Moved(refused));
        }
        let what = "has records behind a page that was not full";
        Err(moved(&behind.shown, what))
    }

    /// What was read first still looks as it did.
    async fn still_the_same(
        &self,
        index: &Index,
        base: &[(String, String)],
        total: Option<u64>,
        seen: &[u128],
        sink: &mut dyn Sink,
    ) -> Result<(), Stop> {
        if seen.len() < 2 {
            return Ok(());
        }
        let again = if index.overlap || index.steady {
            &seen[..1]
        } else {
            seen
        };
        for (number, mark_then) in (1_u32..).zip(again) {
            let begin = u64::from(number - 1) * index.step();
            let page = self
                .page(&at(index, base, number, begin), number, sink)
                .await?;
            same_total(total, &page)?;
            let records = self.records(&page, self.plan.fold)?;
            let ids: Vec<u128> = records.iter().map(|it| self.hash(it)).collect();
            if mark(&ids) != *mark_then {
                return Err(moved(&page.shown, "has other records than a moment ago"));
            }
        }
        Ok(())
    }

    /// Pages that say where the next one is. Without `rows` they are looked at only.
    async fn by_word(
        &self,
        cursor: Option<&CursorStyle>,
        base: &[(String, String)],
        mut rows: Option<&mut Rows<'_>>,
        sink: &mut dyn Sink,
    ) -> Result<Read, Stop> {
        let (mut date, mut total, mut count) = (None, None, 0);
        let mut seen = Vec::new();
        let mut been: HashSet<u128> = HashSet::new();
        let mut word: Option<String> = None;
        for number in 1_u32.. {
            let page = match (cursor, &word) {
                (Some(style), _) => {
                    let mut parameters = base.to_vec();
                    if let Some((name, size)) = &style.size {
                        parameters.push((name.clone(), size.to_string()));
                    }
                    if word.is_some() || style.first_empty {
                        let at = word.clone().unwrap_or_default();
                        parameters.push((style.param.clone(), at));
                    }
                    self.page(&parameters, number, sink).await?
                }
                (None, None) => self.page(base, number, sink).await?,
                (None, Some(link)) => {
                    let shown = format!("{} (page {number})", self.plan.config.path);
                    let target = follow(self.plan, link, &shown)?;
                    self.target(target, number, sink).await?
                }
            };
            if number == 1 {
                date = page.date;
                total = self.total_of(&page)?;
            } else {
                same_total(total, &page)?;
            }
            let records = self.records(&page, self.plan.fold || total == Some(0))?;
            count += records.len() as u64;
            let ids: Vec<u128> = records.iter().map(|it| self.hash(it)).collect();
            seen.push(mark(&ids));
            if let Some(rows) = rows.as_deref_mut() {
                take_all(&records, &page, rows, sink)?;
            }
            let Some(next) = page.next.clone() else {
                reached(total, count, &page.shown)?;
                // A total of as many as came may be that of the page. Of fewer than were asked for there are no more.
                let asked = cursor
                    .and_then(|it| it.size.as_ref())
                    .map(|it| u64::from(it.1));
                let is_short = total.is_some() && asked.is_some_and(|it| count < it);
                let is_alone = number == 1 && count > 0 && !is_short;
                if is_alone && self.want.reach == Reach::Full && !self.plan.style.one_page() {
                    return Err(leads_nowhere(&page.shown).into());
                }
                return Ok(Read { seen, date, total });
            };
            if !been.insert(xxh3_128(next.as_bytes())) {
                return Err(moved(&page.shown, "leads back to a page that was read"));
            }
            word = Some(next);
        }
        unreachable!("pages are bounded")
    }

    /// The same pages look as they did.
    async fn by_word_again(
        &self,
        cursor: Option<&CursorStyle>,
        base: &[(String, String)],
        read: &Read,
        sink: &mut dyn Sink,
    ) -> Result<(), Stop> {
        if read.seen.len() < 2 || self.by_word(cursor, base, None, sink).await?.seen == read.seen {
            return Ok(());
        }
        let shown = format!(
            "{} {}",
            self.plan.config.method.name(),
            self.plan.config.path
        );
        Err(moved(&shown, "has other records than a moment ago"))
    }

    async fn page(
        &self,
        parameters: &[(String, String)],
        number: u32,
        sink: &mut dyn Sink,
    ) -> Result<Page, Stop> {
        let target = query(&self.plan.config.path, parameters);
        self.target(target, number, sink).await
    }

    async fn target(&self, target: String, number: u32, sink: &mut dyn Sink) -> Result<Page, Stop> {
        if number > self.plan.config.limits.pages {
            let message = format!("more than {} pages", self.plan.config.limits.pages);
            let hint = "raise `limits.pages`, or the size of a page";
            return Err(Refused::new(RefusalKind::TooLarge, message, hint).into());
        }
        let question = question(self.plan, target, number);
        let (page, heard) = fetch(self.plan, self.session, &question).await?;
        sink.received(&heard.body);
        Ok(page)
    }

    /// The total of a first page, which has to say it where the configuration says that pages do.
    fn total_of(&self, page: &Page) -> Result<Option<u64>, Stop> {
        if let (Some(path), None) = (&self.plan.total, page.total) {
            let message = format!("`{}` has no total at `{}`", page.shown, path.text());
            let hint =
                "look at `total` in the configuration, and leave it out where pages have none";
            return Err(Refused::new(RefusalKind::Malformed, message, hint).into());
        }
        Ok(page.total)
    }

    /// The records of a page. No list at all is an empty one only where nothing is left.
    fn records<'p>(&self, page: &'p Page, may_be_absent: bool) -> Result<Vec<&'p Json>, Stop> {
        match page.records(self.plan)? {
            Some(records) => Ok(records),
            None if may_be_absent => Ok(Vec::new()),
            None => {
                let place = self.plan.records.as_ref().map_or("", |it| it.text());
                let message = format!("`{}` has no list at `{place}`", page.shown);
                let hint = "look at `records` in the configuration";
                Err(Refused::new(RefusalKind::Malformed, message, hint).into())
            }
        }
    }

    fn hash(&self, record: &Json) -> u128 {
        identity(self.plan, record).unwrap_or_else(|whole| whole)
    }
}

/// The parameters of a page by number.
fn at(index: &Index, base: &[(String, String)], number: u32, begin: u64) -> Vec<(String, String)> {
    let place = if index.by_page {
        u64::from(number - 1)
    } else {
        begin
    };
    let mut out = base.to_vec();
    out.push((index.at_param.clone(), (index.first + place).to_string()));
    if let Some(name) = &index.size_param {
        out.push((name.clone(), index.size.to_string()));
    }
    out
}

/// A page has as many records as it was asked for, or what is left.
fn as_asked(index: &Index, came: u64, expected: Option<u64>, page: &Page) -> Result<(), Stop> {
    let size = u64::from(index.size);
    if came > size {
        let message = format!(
            "`{}` has {came} records where {size} were asked for",
            page.shown
        );
        let hint = "the source does not page as `paging` of the configuration says";
        return Err(Refused::new(RefusalKind::Configuration, message, hint).into());
    }
    match expected {
        Some(expected) if expected != came => {
            let (shown, kind) = (&page.shown, RefusalKind::IncompletePage);
            let message = format!("`{shown}` has {came} records where {expected} are left");
            let hint = format!(
                "the list moved while it was read; or the source gives fewer at once than \
                 {size}: then say `size = {came}`"
            );
            Err(Stop::Moved(Refused::new(kind, message, hint)))
        }
        Some(_) | None => Ok(()),
    }
}

fn mark(ids: &[u128]) -> u128 {
    let bytes: Vec<u8> = ids.iter().flat_map(|it| it.to_le_bytes()).collect();
    xxh3_128(&bytes)
}

pub(crate) fn take_all(
    records: &[&Json],
    page: &Page,
    rows: &mut Rows<'_>,
    sink: &mut dyn Sink,
) -> Result<(), Stop> {
    for record in records {
        rows.take(record, &page.shown, sink)?;
    }
    Ok(())
}

fn moved(shown: &str, what: &str) -> Stop {
    let hint = "the list moved while it was read, or the source pages wrongly: the next run asks \
                again; a sort by the key in `query` may help";
    let message = format!("`{shown}` {what}");
    Stop::Moved(Refused::new(RefusalKind::IncompletePage, message, hint))
}

/// A page that leads to no other and says no total, or one that may be its own: everybody, or what the configuration
/// makes of it.
pub(crate) fn leads_nowhere(shown: &str) -> Refused {
    let message =
        format!("`{shown}` leads to no other page, and nothing proves that it is everybody");
    let hint = "look whether `paging` and `total` of the configuration name the right places; where everybody comes on one \
                page, say `one_page = true` in `paging`";
    Refused::new(RefusalKind::Configuration, message, hint)
}

/// The total does not change while a list is read.
fn same_total(total: Option<u64>, page: &Page) -> Result<(), Stop> {
    match page.total {
        Some(now) if total != Some(now) => Err(moved(&page.shown, "says another total")),
        Some(_) | None => Ok(()),
    }
}

/// As many came as there are.
fn reached(total: Option<u64>, count: u64, shown: &str) -> Result<(), Stop> {
    match total {
        Some(total) if total != count => {
            let short = |it: u64| u32::try_from(it).unwrap_or(u32::MAX);
            let message = format!("`{shown}`: {count} records came of {total}");
            let hint = "the list moved while it was read, or the source does not give all of it: \
                        the next run asks again";
            let refused = Refused::new(RefusalKind::IncompletePage, message, hint);
            Err(Stop::Moved(refused.counted(short(total), short(count))))
        }
        Some(_) | None => Ok(()),
    }
}

/// A moment as sources read it: to the second, in UTC.
pub(crate) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
