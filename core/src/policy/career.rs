//! From the rows of one person to what holds when: employments joined, values from instant to
//! instant, first and last day.
//!
//! Employments that follow each other within a few days are one: a transfer or a conversion, never
//! a leaver and a joiner. Invariant: of two employments at once, the last end is the end, but for a
//! sudden one, which is of the person (decision 28).

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::StatusClass;
use super::desk::{Desk, day_start};
use super::draft::Reason;
use crate::model::{FindingKind, Severity};
use crate::state::{BlockCause, Cut, Dismissed, Identity, Lifecycle};

/// Days after the end of an employment for which another reason of it is news.
const NEWS_DAYS: i64 = 30;

/// How an employment ends, or a row of them together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Exit {
    /// When access ends, and by what.
    pub(super) cut: Cut,
    /// Why.
    pub(super) reason: Reason,
    /// The last day of the employment itself.
    pub(super) termination: Option<Date>,
    /// Where.
    pub(super) zone: TimeZone,
}

/// How a row says that its employment is over; a stronger word is a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    /// Not at all.
    None,
    /// By its status, or the hire was called off.
    Over,
    NoShow,
    ForCause,
    Deceased,
}

/// A first day, and when it begins there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hire {
    date: Date,
    pub(super) start: Timestamp,
}

/// What became of somebody so far.
#[derive(Debug, Clone, Copy)]
struct Past {
    before: Before,
    /// When they were last let in after an exit.
    let_in: Option<Timestamp>,
    /// When a sudden end was said that was planned while they were inside, and not carried out yet.
    owed: Option<Timestamp>,
    /// They were cut off for cause.
    for_cause: bool,
}

impl Exit {
    /// What holds data waits for the end of the longest of several employments.
    fn with_data_until(self, last: Option<(Option<Date>, TimeZone)>) -> Self {
        match last {
            Some((termination, zone)) => Self {
                termination,
                zone,
                ..self
            },
            None => self,
        }
    }

    /// The first instant after the employment itself, at its place.
    pub(super) fn after_termination(&self) -> Option<Timestamp> {
        let date = self.termination?;
        Some(day_start(date.saturating_add(1.day()), &self.zone))
    }
}

/// A first day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    /// The day.
    pub(super) date: Date,
    /// Its first instant there.
    pub(super) at: Timestamp,
}

/// What holds from an instant on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stage {
    /// From when on.
    pub(super) at: Timestamp,
    /// When it began, by what HR says; `MIN` where that says nothing.
    pub(super) since: Timestamp,
    /// Where.
    pub(super) zone: TimeZone,
    /// The values.
    pub(super) identity: Identity,
    /// Other employments in force: they give groups and licences too.
    pub(super) others: Vec<Identity>,
}

/// One employment, or several that are one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spell {
    /// What holds now, or at its beginning, and what holds later; never empty.
    pub(super) stages: Vec<Stage>,
    /// Its first day.
    pub(super) start: Option<Start>,
    /// Its end, where one is known.
    pub(super) exit: Option<Exit>,
    /// Full days between employments of it that were not known before.
    pub(super) bridged: Option<i64>,
}

/// All that the rows of one person say.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Career {
    /// What counts now: in force, or to come; where nothing is, what was last.
    pub(super) spell: Spell,
    /// It is over.
    pub(super) over: bool,
    /// The hire was called off, and nothing else is.
    pub(super) called_off: bool,
    /// Another one begins later.
    pub(super) next: Option<Spell>,
    /// One that is over, by its exit, lies before one that is to come.
    pub(super) before: Option<Spell>,
    /// It is over by a sudden end: when that was first said.
    pub(super) sudden: Option<Timestamp>,
    /// The rows that say so: of one that is not believed, its last good version.
    pub(super) rows: Vec<Identity>,
}

impl Spell {
    /// What holds now, or at the beginning.
    pub(super) fn first(&self) -> &Stage {
        &self.stages[0]
    }
}

/// One row.
struct Job {
    row: Identity,
    /// What held before the values of the row begin.
    until: Option<(Timestamp, Identity)>,
    class: StatusClass,
    zone: TimeZone,
    /// `MIN` where none is known.
    start: Timestamp,
    exit: Option<Exit>,
    /// Until when it counts: its end, or the beginning of what follows it.
    to: Timestamp,
    /// The state did not have it.
    new: bool,
    /// Its end was sudden and is history: what follows is no continuation.
    apart: bool,
    /// When it was first said that its end is a sudden one, by HR or by a notice.
    word: Option<Timestamp>,
}

impl Job {
    fn values(&self, at: Timestamp) -> &Identity {
        match &self.until {
            Some((from, before)) if at < *from => before,
            Some(_) | None => &self.row,
        }
    }

    /// Its last day by what HR says, and where that is no date, the day on which HR said that it is
    /// over.
    fn last(&self) -> Option<Date> {
        let dated = self.row.last();
        dated.or_else(|| self.said().filter(|_| self.class.over()))
    }

    /// The day on which HR said that it is over, of what was known before.
    fn said(&self) -> Option<Date> {
        let at = self.row.terms.over_since?;
        Some(at.to_zoned(self.zone.clone()).date())
    }

    /// The last day, also of what ends by its status alone: the day of the cut.
    fn end(&self) -> Option<Date> {
        let cut = || {
            let due = self.exit.as_ref()?.cut.due;
            Some(due.to_zoned(self.zone.clone()).date())
        };
        self.last().or_else(cut)
    }

    /// The cause of its end where that is no day: whoever is dismissed, never came or died.
    fn sudden(&self) -> Option<BlockCause> {
        let cause = self.exit.as_ref()?.cut.cause;
        match cause {
            BlockCause::ForCause | BlockCause::NoShow | BlockCause::Deceased => Some(cause),
            BlockCause::Status
            | BlockCause::LastDay
            | BlockCause::Absence
            | BlockCause::Leave
            | BlockCause::Garden
            | BlockCause::CalledOff
            | BlockCause::Undone => None,
        }
    }

    fn in_force(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.to
    }
}

impl Desk<'_> {
    /// `None` where nothing is to be believed, or nobody knows what goes on: a row in doubt has begun, and
    /// nothing that is believed is a sudden end.
    pub(super) fn career(&mut self, rows: Vec<Identity>) -> Option<Career> {
        if rows.is_empty() {
            return None;
        }
        let now = self.cx.now;
        let mut jobs = Vec::with_capacity(rows.len());
        let mut doubted: Vec<Option<Hire>> = Vec::new();
        for row in rows {
            let known = self.known(&row).cloned();
            let hire = self.hire_of(&row);
            let source = row.source.clone();
            // The last good row stands, and of somebody of whom there is none nobody knows what goes on.
            if let Some(job) = self.job(row) {
                jobs.push(job);
            } else if let Some(job) = known.and_then(|known| self.job(known)) {
                jobs.push(job);
                self.doubts(source);
            } else {
                doubted.push(hire);
                self.doubts(source);
            }
        }
        let rows: Vec<Identity> = jobs.iter().map(|job| job.row.clone()).collect();
        jobs.sort_by(|a, b| {
            let key = |job: &Job| (job.start, job.row.worker.clone(), job.row.source.clone());
            key(a).cmp(&key(b))
        });
        let (off, mut live): (Vec<_>, Vec<_>) = jobs
            .into_iter()
            .partition(|job| job.class == StatusClass::Rescinded);
        if live.is_empty() && doubted.is_empty() {
            return Some(Career {
                spell: self.spell(off),
                over: false,
                called_off: true,
                next: None,
                before: None,
                sudden: None,
                rows,
            });
        }
        let past = Past {
            before: self.cut_before(),
            let_in: self.person.let_in,
            owed: self.person.owed_word,
            for_cause: self
                .person
                .block
                .is_some_and(|block| block.cut.cause == BlockCause::ForCause),
        };
        let others: Vec<Hire> = doubted.iter().flatten().copied().collect();
        settle_old(&mut live, &others, past, now);
        if !doubted.is_empty() {
            // Whoever is dismissed is so whatever the other rows mean; but of a word that nobody heard, one
            // of them may be the rehire.
            let dated = doubted.iter().all(Option::is_some);
            let heard = |job: &Job| dated || job.word.is_some();
            live.retain(|job| job.sudden().is_none() || heard(job));
            // What is only to come keeps nobody inside, whatever it means.
            let ahead = |hire: &Option<Hire>| hire.is_some_and(|hire| hire.start > now);
            if !doubted.iter().all(ahead) {
                sudden_end(&live, now)?;
            }
        }
        if let Some((exit, said)) = sudden_end(&live, now) {
            let dead = exit.cut.cause == BlockCause::Deceased;
            let ahead = |exit: &Exit| exit.cut.cause == BlockCause::LastDay && exit.cut.due > now;
            let later = |job: &Job| {
                let begins = job.start > exit.cut.due.max(now);
                !dead && begins && job.exit.as_ref().is_none_or(ahead)
            };
            let (later, ended): (Vec<_>, Vec<_>) = live.into_iter().partition(later);
            let next = (!later.is_empty()).then(|| self.spell(later));
            let data = last_termination(&ended);
            let mut spell = self.spell(ended);
            spell.exit = Some(exit.with_data_until(data));
            return Some(Career {
                spell,
                over: true,
                called_off: false,
                next,
                before: None,
                sudden: Some(said),
                rows,
            });
        }
        let mut groups: Vec<Vec<Job>> = Vec::new();
        for job in live.drain(..) {
            match groups.last_mut() {
                Some(group) if self.one(group, &job) => group.push(job),
                _ => groups.push(vec![job]),
            }
        }
        let ended = |group: &Vec<Job>| group.iter().all(|job| job.ended(now));
        let at = groups.iter().position(|group| !ended(group));
        let over = at.is_none();
        let at = match at {
            Some(at) => at,
            None => groups.len().checked_sub(1)?,
        };
        let mut later = groups.split_off(at).into_iter();
        let spell = later.next().map(|jobs| self.spell(jobs))?;
        let next = later.next().map(|jobs| self.spell(jobs));
        let before = groups.pop().map(|jobs| self.spell(jobs));
        let before = before.filter(|spell| spell.exit.is_some());
        Some(Career {
            spell,
            over,
            called_off: false,
            next,
            before,
            sudden: None,
            rows,
        })
    }

    /// The first day of a row, believed or not.
    pub(super) fn hire_of(&self, row: &Identity) -> Option<Hire> {
        let (date, zone) = (row.hire?, self.zone_of(row)?);
        let start = day_start(date, &zone);
        Some(Hire { date, start })
    }

    fn job(&mut self, row: Identity) -> Option<Job> {
        let now = self.cx.now;
        let class = self.class(&row)?;
        let zone = self.zone(&row)?;
        let start = row
            .hire
            .map_or(Timestamp::MIN, |date| day_start(date, &zone));
        let exit = self.exit(&row, class, &zone);
        let exit = self.dismissed(&row, start, exit, &zone);
        let noticed = self.noticed(&row, start).map(|it| it.at);
        let word = noticed.max(row.terms.sudden_since);
        let known = self.known(&row);
        let until = row
            .terms
            .effective
            .map(|date| day_start(date, &zone))
            .filter(|from| *from > now)
            .and_then(|from| Some((from, self.values_before(&row)?)));
        let to = exit.as_ref().map_or(Timestamp::MAX, |exit| exit.cut.due);
        Some(Job {
            new: known.is_none(),
            apart: false,
            word,
            until,
            class,
            zone,
            start,
            exit,
            to,
            row,
        })
    }

    /// When, and whether, somebody was cut off: what begins later is a rehire. Whoever is away, or was
    /// missing, is still there.
    fn cut_before(&self) -> Before {
        let block = self.person.block.filter(|it| it.cut.cause.exit());
        match self.person.lifecycle {
            Lifecycle::Active => Before::Inside,
            Lifecycle::Blocked | Lifecycle::Deleted => match block {
                // Away when it came, and the cut that is owed is not carried out.
                Some(block) if self.person.owed_word.is_some() && !block.signed_out => {
                    Before::Inside
                }
                Some(block) => Before::Cut(block.cut.due),
                None => Before::Inside,
            },
            Lifecycle::None | Lifecycle::Created => Before::Outside,
        }
    }

    /// Rows keep when they first said that an employment is over, and when they first said that it ended
    /// as suddenly as that: somebody who gave notice may be dismissed later, and that is another word. Of an
    /// employment that others have followed since, another reason is no news.
    pub(super) fn mark_words(&mut self, rows: &mut [Identity]) {
        let now = self.cx.now;
        let mut past = Vec::new();
        // The last good row stands for one that is not believed.
        let stands = |row: &Identity| {
            let believed = self.is_believed(row).then_some(row);
            believed.or_else(|| self.known(row)).cloned()
        };
        let listed: Vec<Identity> = rows.iter().filter_map(stands).collect();
        for row in rows {
            let known = self.known(row);
            let (said, before) = (self.word(row), known.map(|known| self.word(known)));
            let terms = known.map(|known| &known.terms);
            let since = terms.and_then(|terms| terms.over_since);
            row.terms.over_since = match before {
                _ if said == Word::None => None,
                Some(Word::None) => Some(now),
                Some(Word::Over | Word::NoShow | Word::ForCause | Word::Deceased) => since,
                None => None,
            };
            let kept = terms.and_then(|terms| terms.sudden_since).or(since);
            let sudden = said > Word::Over;
            row.terms.no_news = sudden && terms.is_some_and(|terms| terms.no_news);
            row.terms.sudden_since = match before {
                _ if matches!(said, Word::None | Word::Over) => None,
                Some(Word::None | Word::Over)
                    if known.is_some_and(|known| self.was_followed(row, known, &listed)) =>
                {
                    row.terms.no_news = true;
                    past.push(row.worker.clone());
                    since
                }
                Some(before) if before < said => Some(now),
                Some(_) => kept,
                // Of an end that is yet to come the first row is the word.
                None if self.ends_later(row) => Some(now),
                None => None,
            };
            row.terms.beside = said == Word::NoShow
                && match before {
                    Some(Word::NoShow) => terms.is_some_and(|terms| terms.beside),
                    _ => listed.iter().any(|other| self.goes_on_today(row, other)),
                };
        }
        for worker in past {
            let note = format!(
                "employment {worker} was over, and others followed it, before HR said that it ended \
                 suddenly; nobody is cut off for that"
            );
            let kind = FindingKind::ReasonOfThePast;
            self.find(kind, Severity::Warning, None, note);
        }
    }

    /// How a row says that its employment is over.
    fn word(&self, row: &Identity) -> Word {
        let dated = row.last().is_some();
        match self.cx.policy.class(&row.status) {
            StatusClass::Deceased => Word::Deceased,
            StatusClass::NoShow => Word::NoShow,
            StatusClass::Inactive if row.terms.for_cause => Word::ForCause,
            // A reason that was left standing ends nothing.
            StatusClass::Active if row.terms.for_cause && dated => Word::ForCause,
            StatusClass::Inactive | StatusClass::Rescinded => Word::Over,
            StatusClass::Active | StatusClass::Unknown => Word::None,
        }
    }

    /// Whether HR says of somebody that they are dismissed, whatever became of it.
    pub(super) fn said_for_cause(&self, rows: &[Identity]) -> Option<Timestamp> {
        let said = rows.iter().filter(|row| self.word(row) == Word::ForCause);
        let words = said.filter_map(|row| row.terms.sudden_since);
        let noticed = self.person.dismissed.as_ref().map(|it| it.at);
        words.chain(noticed).max()
    }

    /// Whether a row still says so, heard or not.
    pub(super) fn lists_for_cause(&self, rows: &[Identity]) -> bool {
        rows.iter().any(|row| self.word(row) == Word::ForCause)
    }

    fn today(&self, row: &Identity) -> Date {
        let zone = self.zone_of(row).unwrap_or(TimeZone::UTC);
        self.cx.now.to_zoned(zone).date()
    }

    /// Whether somebody is inside, away or missing included.
    pub(super) fn is_inside(&self) -> bool {
        self.cut_before() == Before::Inside
    }

    fn ends_later(&self, row: &Identity) -> bool {
        let last = row.last();
        last.is_some_and(|last| last >= self.today(row))
    }

    /// An employment that was over in peace, and another one that began after that and by now; or that was
    /// over for long, and another one goes on. It is over by what was known, and by the row: a day that HR
    /// moves back with the word makes no history of it.
    fn was_followed(&self, row: &Identity, known: &Identity, listed: &[Identity]) -> bool {
        let zone = self.zone_of(row).unwrap_or(TimeZone::UTC);
        let since = known.terms.over_since;
        let was = known.last().or(since.map(|at| at.to_zoned(zone).date()));
        let ended = was.max(row.last());
        let over = was.is_some() || self.word(known) == Word::Over;
        if !over || ended.is_some_and(|ended| ended >= self.today(row)) {
            return false;
        }
        let all = self.person.wanted.iter().chain(&self.person.others);
        let mut others = listed.iter().chain(all);
        others.any(|other| {
            // Where nobody names an end, whatever began later came after it.
            let after = ended.or(known.hire).zip(other.hire);
            let followed = after.is_some_and(|(it, hire)| it < hire && hire <= self.today(other));
            let long =
                ended.is_some_and(|it| it.saturating_add(NEWS_DAYS.days()) < self.today(row));
            !other.same_job(row) && (followed || (long && self.goes_on_today(row, other)))
        })
    }

    /// Another employment that is in force today, by its days.
    fn goes_on_today(&self, row: &Identity, other: &Identity) -> bool {
        let today = self.today(other);
        let ends = other.last();
        !other.same_job(row)
            && self.word(other) == Word::None
            && other.hire.is_none_or(|hire| hire <= today)
            && ends.is_none_or(|last| today <= last)
    }

    /// The row of an employment as the state has it.
    pub(super) fn known(&self, row: &Identity) -> Option<&Identity> {
        let all = self.person.wanted.iter().chain(&self.person.others);
        let mut all = all.filter(|it| it.same_job(row));
        all.next()
    }

    /// Whether the values of a row are yet to begin.
    pub(super) fn values_ahead(&self, row: &Identity) -> bool {
        row.terms.effective.is_some_and(|date| {
            let zone = self.zone_of(row);
            zone.is_some_and(|zone| day_start(date, &zone) > self.cx.now)
        })
    }

    /// The values that hold before those of a new row begin: those in force, dates and status
    /// apart.
    pub(super) fn values_before(&self, row: &Identity) -> Option<Identity> {
        let mut until = self.person.until.iter();
        let until = until.find(|it| it.same_job(row));
        let known = self.known(row)?;
        let values = if self.values_ahead(known) {
            until.cloned()
        } else {
            Some(known.clone())
        };
        // Dates, leave and status hold at once.
        values.map(|values| Identity {
            status: row.status.clone(),
            last_day: row.last_day,
            terms: row.terms.clone(),
            ..values
        })
    }

    /// Whether an employment goes on where others end, or stands beside them.
    fn one(&self, group: &[Job], job: &Job) -> bool {
        let gap = i64::from(self.cx.policy.mover.bridge_gap_days);
        let mut others = group.iter().filter(|other| !other.apart);
        others.any(|other| match (other.end(), job.row.hire) {
            (Some(last), Some(hire)) => full_days(last, hire) <= gap,
            _ => other.to > job.start,
        })
    }

    /// Employments that are one.
    fn spell(&self, mut jobs: Vec<Job>) -> Spell {
        let now = self.cx.now;
        let gap = i64::from(self.cx.policy.mover.bridge_gap_days);
        let mut bridged = None;
        // What is followed counts until that begins.
        for at in 0..jobs.len() {
            let Some(last) = jobs[at].end().filter(|_| !jobs[at].apart) else {
                continue;
            };
            let follows = jobs.iter().filter_map(|job| {
                let days = full_days(last, job.row.hire?);
                (0..=gap)
                    .contains(&days)
                    .then_some((job.start, days, job.new))
            });
            if let Some((from, days, new)) = follows.min() {
                jobs[at].to = from;
                bridged = bridged.or(Some(days).filter(|days| new && *days > 0));
            }
        }
        let first = jobs.iter().map(|job| job.start).min();
        let base = first.map_or(now, |first| first.max(now));
        let last_end = jobs.iter().map(|job| job.to).max();
        let mut turns: Vec<Timestamp> = jobs
            .iter()
            .flat_map(|job| {
                let until = job.until.as_ref().map(|(from, _)| *from);
                [Some(job.start), Some(job.to), until]
            })
            .flatten()
            .filter(|at| *at > base && last_end.is_none_or(|end| *at < end))
            .collect();
        turns.sort_unstable();
        turns.dedup();
        let mut stages = vec![stage(&jobs, base)];
        for at in turns {
            let next = stage(&jobs, at);
            let before = &stages[stages.len() - 1];
            if next.identity != before.identity || next.others != before.others {
                stages.push(next);
            }
        }
        let start = jobs
            .iter()
            .filter_map(|job| {
                let date = job.row.hire?;
                Some(Start {
                    date,
                    at: job.start,
                })
            })
            .min_by_key(|start| start.at)
            .filter(|_| jobs.iter().all(|job| job.row.hire.is_some()));
        let open = jobs.iter().any(|job| job.exit.is_none());
        let exits = jobs.iter().filter_map(|job| job.exit.as_ref());
        let exit = exits.max_by_key(|exit| exit.cut.due).filter(|_| !open);
        let exit = exit.map(|exit| exit.clone().with_data_until(last_termination(&jobs)));
        Spell {
            stages,
            start,
            exit,
            bridged,
        }
    }

    /// The notice by which an employment is over for cause.
    fn noticed(&self, row: &Identity, start: Timestamp) -> Option<&Dismissed> {
        let meant = |it: &&Dismissed| start <= it.at || it.workers.contains(&row.worker);
        self.person.dismissed.as_ref().filter(meant)
    }

    /// People said that the worker is dismissed: at that instant, if HR names no earlier one.
    fn dismissed(
        &self,
        row: &Identity,
        start: Timestamp,
        exit: Option<Exit>,
        zone: &TimeZone,
    ) -> Option<Exit> {
        let Some(dismissed) = self.noticed(row, start) else {
            return exit;
        };
        let due = exit
            .as_ref()
            .map_or(dismissed.at, |exit| exit.cut.due.min(dismissed.at));
        Some(Exit {
            cut: Cut {
                due,
                cause: BlockCause::ForCause,
            },
            reason: Reason::ForCause,
            termination: row.terms.termination.or(row.last_day),
            zone: zone.clone(),
        })
    }

    /// Dates decide, not the flip of the status; without a date an inactive status is at once, and
    /// whoever is dismissed for cause or never came does not wait for dates.
    fn exit(&self, row: &Identity, class: StatusClass, zone: &TimeZone) -> Option<Exit> {
        let last = row.last();
        let now = |cause| {
            let said = if cause == BlockCause::Status {
                row.terms.over_since
            } else {
                row.terms.sudden_since
            };
            Cut {
                due: said.unwrap_or_else(|| self.first_due(cause)),
                cause,
            }
        };
        let (cut, reason) = match (class, last) {
            (StatusClass::Deceased, _) => (now(BlockCause::Deceased), Reason::Deceased),
            (StatusClass::NoShow, _) => (now(BlockCause::NoShow), Reason::NoShow),
            (StatusClass::Inactive, _) | (StatusClass::Active, Some(_)) if row.terms.for_cause => {
                let mut cut = now(BlockCause::ForCause);
                // Known too late: it is measured from the day that HR names.
                let dated = last.map(|date| day_start(date.saturating_add(1.day()), zone));
                cut.due = dated.map_or(cut.due, |dated| dated.min(cut.due));
                (cut, Reason::ForCause)
            }
            (StatusClass::Active | StatusClass::Inactive, Some(date)) => {
                let cut = Cut {
                    due: day_start(date.saturating_add(1.day()), zone),
                    cause: BlockCause::LastDay,
                };
                (cut, Reason::LastDay { date })
            }
            (StatusClass::Inactive, None) => (now(BlockCause::Status), Reason::StatusInactive),
            (StatusClass::Active | StatusClass::Rescinded | StatusClass::Unknown, _) => {
                return None;
            }
        };
        Some(Exit {
            cut,
            reason,
            termination: row.terms.termination.or(row.last_day),
            zone: zone.clone(),
        })
    }
}

/// Whether somebody is inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// They may sign in, or could if they were not away.
    Inside,
    /// They never could.
    Outside,
    /// They were cut off, from then on.
    Cut(Timestamp),
}

/// The latest last day of employments, and where.
fn last_termination(jobs: &[Job]) -> Option<(Option<Date>, TimeZone)> {
    let exits = jobs.iter().filter_map(|job| job.exit.as_ref());
    let last = exits.filter(|exit| exit.termination.is_some());
    let last = last.max_by_key(|exit| exit.after_termination())?;
    Some((last.termination, last.zone.clone()))
}

/// The sudden end that counts for all employments, and when HR first said any that does. Whoever did not
/// come to one of them, and was in another one when HR said so, ended that one alone.
fn sudden_end(jobs: &[Job], now: Timestamp) -> Option<(Exit, Timestamp)> {
    let counts = |cause: BlockCause, job: &&Job| {
        let said = job.word.unwrap_or(now);
        let mut others = jobs.iter().filter(|other| !std::ptr::eq(*other, *job));
        let beside = job.row.terms.beside || others.any(|it| it.in_force(said));
        let elsewhere = cause == BlockCause::NoShow && beside;
        job.sudden() == Some(cause) && !elsewhere
    };
    let causes = [
        BlockCause::Deceased,
        BlockCause::ForCause,
        BlockCause::NoShow,
    ];
    let found = causes
        .into_iter()
        .find_map(|cause| jobs.iter().find(|job| counts(cause, job)));
    let words = jobs
        .iter()
        .filter(|job| causes.iter().any(|cause| counts(*cause, job)));
    let said = words.map(|job| job.word.unwrap_or(now)).min()?;
    found.and_then(|job| Some((job.exit.clone()?, said)))
}

/// An employment that ended before another one began ended on its day, however it did: whoever
/// was dismissed once and is hired again is not dismissed for good. What began before HR said so is no
/// rehire. As long as a sudden end that was planned is owed, what begins after it keeps nobody inside; once
/// they were let in again, it is history, whatever HR makes of the days later. Nobody comes back from the dead.
/// `others` are first days of rows that are not believed.
fn settle_old(jobs: &mut Vec<Job>, others: &[Hire], past: Past, now: Timestamp) {
    let inside = past.before == Before::Inside;
    let hires: Vec<Hire> = jobs
        .iter()
        // What is over before it begins is no beginning.
        .filter(|job| {
            job.exit
                .as_ref()
                .is_none_or(|exit| exit.cut.due > job.start)
        })
        .filter_map(|job| {
            let (date, start) = (job.row.hire?, job.start);
            Some(Hire { date, start })
        })
        .chain(others.iter().copied())
        .filter(|hire| !inside || hire.start <= now)
        .collect();
    let mut cut_with: Option<(Timestamp, Exit)> = None;
    jobs.retain_mut(|job| {
        let sudden = job.sudden();
        if sudden == Some(BlockCause::Deceased) {
            return true;
        }
        // A dismissal ends with the word, whatever day HR names: what began before it is no rehire.
        let said = job.word.filter(|_| sudden.is_some());
        let dated = job.row.last();
        let dated = dated.map(|last| day_start(last.saturating_add(1.day()), &job.zone));
        let let_in = past.let_in.filter(|_| sudden.is_some());
        // Of a word that nobody heard the day alone says when it was.
        let done = let_in.filter(|at| match (said, dated) {
            (Some(said), _) => said < *at,
            (None, dated) => dated.is_some_and(|it| it <= *at),
        });
        let done = done.or((sudden.is_some() && job.row.terms.no_news).then_some(now));
        let owed = past.owed.is_some_and(|owed| said >= Some(owed));
        if inside && owed && done.is_none() {
            return true;
        }
        let last = job.last();
        let cut = match past.before {
            Before::Cut(due) if sudden.is_some() => Some(due.max(said.unwrap_or(due))),
            Before::Cut(_) | Before::Inside | Before::Outside => None,
        };
        let again = cut.is_some_and(|cut| {
            let mut others = hires.iter().filter(|hire| hire.start != job.start);
            others.any(|hire| hire.start > cut)
        });
        let followed = match (said, last) {
            (Some(word), _) => hires.iter().any(|hire| hire.start > word),
            (None, Some(last)) => hires.iter().any(|hire| hire.date > last),
            (None, None) => job.class.over() && hires.iter().any(|hire| hire.start > job.start),
        };
        if job.exit.is_none() || !(followed || again || done.is_some()) {
            return true;
        }
        if sudden == Some(BlockCause::ForCause)
            && done.is_none()
            && let Some(exit) = &job.exit
            // Of a word that nobody heard, the cut for it is what there is.
            && let Some(word) = said.or(cut.filter(|_| past.for_cause))
            && cut_with.as_ref().is_none_or(|(known, _)| *known < word)
        {
            cut_with = Some((word, exit.clone()));
        }
        let due = match (said, dated, cut.or(done)) {
            (Some(word), _, _) => word,
            (None, Some(dated), _) if dated <= now => dated,
            // Not over yet, but for what it was dismissed for.
            (None, Some(_), Some(cut)) => cut,
            (None, Some(_), None) => return true,
            (None, None, _) => match job.row.terms.over_since {
                Some(over) => over,
                None => return false,
            },
        };
        if let Some(exit) = &mut job.exit {
            exit.cut = Cut {
                due,
                cause: BlockCause::LastDay,
            };
        }
        job.apart = sudden.is_some();
        job.to = due;
        true
    });
    // What began before the word was cut with the rest, and stays so when something begins after it.
    let Some((word, exit)) = cut_with else {
        return;
    };
    for job in jobs {
        if job.start > word || job.sudden().is_some() {
            continue;
        }
        job.apart = true;
        if job.to > word {
            job.to = word;
            job.exit = Some(Exit {
                cut: Cut {
                    due: word,
                    cause: BlockCause::LastDay,
                },
                ..exit.clone()
            });
        }
    }
}

impl Job {
    fn ended(&self, now: Timestamp) -> bool {
        self.exit.as_ref().is_some_and(|exit| exit.cut.due <= now)
    }
}

/// Full days between a last and a first day: 0 where one follows the other, below zero where they
/// overlap.
fn full_days(last: Date, hire: Date) -> i64 {
    i64::from((hire - last).get_days()) - 1
}

/// What holds at an instant: of several employments the main one's values, the newest of those; in
/// a gap, those of what ended last; before everything, those of what begins first.
fn stage(jobs: &[Job], at: Timestamp) -> Stage {
    let mut in_force: Vec<&Job> = jobs.iter().filter(|job| job.in_force(at)).collect();
    if in_force.is_empty() {
        let begun = jobs.iter().filter(|job| job.start <= at);
        let last = begun.max_by_key(|job| job.to).or(jobs.first());
        in_force.extend(last);
    }
    in_force.sort_by_key(|job| {
        let row = job.values(at);
        (row.terms.secondary, std::cmp::Reverse(job.start))
    });
    let (first, others) = in_force.split_first().expect("a person has a row");
    let mut others: Vec<Identity> = others.iter().map(|job| job.values(at).clone()).collect();
    others.sort_by(|a, b| (&a.worker, &a.source).cmp(&(&b.worker, &b.source)));
    let begun = jobs.iter().flat_map(|job| {
        let effective = job.row.terms.effective;
        let effective = effective.map(|date| day_start(date, &job.zone));
        [Some(job.start), Some(job.to), effective]
    });
    let since = begun.flatten().filter(|it| *it <= at).max();
    Stage {
        at,
        since: since.unwrap_or(Timestamp::MIN),
        zone: first.zone.clone(),
        identity: first.values(at).clone(),
        others,
    }
}
