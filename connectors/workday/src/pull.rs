//! A pull by `Get_Workers`: the first page, the others in parallel, and then by WID whoever begins later as of
//! the day that they do, and in a pull of changes everybody who came.
//!
//! Invariant: all questions of a pull carry one moment of entry, which is the cursor of the next.

use futures::{StreamExt as _, stream};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use rollcall_core::delta::Coverage;
use rollcall_http::Heard;
use rollcall_source::{Cursor, Pulled, Reach, RefusalKind, Refused, Sink, Want};

use crate::config::Config;
use crate::intake::{Intake, Page, Totals};
use crate::plan::Plan;
use crate::request::{Question, Whom, Window, moment};
use crate::session::Session;

/// One pull on its way.
pub(crate) struct Pull<'a> {
    pub(crate) config: &'a Config,
    pub(crate) session: &'a Session,
    pub(crate) plan: &'a Plan,
    /// The moment of entry.
    pub(crate) now: Timestamp,
    /// The day of the pull.
    pub(crate) today: Date,
}

/// The day at an instant, in the zone of the configuration.
pub(crate) fn day_of(config: &Config, at: Timestamp) -> Date {
    let zone = config.zone.as_deref().unwrap_or("UTC");
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    at.to_zoned(zone).date()
}

impl Pull<'_> {
    /// Everybody, or whoever may have changed.
    ///
    /// # Errors
    /// [`Refused`] where it cannot be had as a whole.
    pub(crate) async fn run(&self, want: &Want, sink: &mut dyn Sink) -> Result<Pulled, Refused> {
        let whom = match &want.reach {
            Reach::Full => Whom::Everybody,
            Reach::Since(cursor) => Whom::Changed(self.window(cursor)?),
        };
        let full = whom == Whom::Everybody;
        let key_at = want.key_at().unwrap_or_default();
        let mut intake = Intake::new(self.plan, self.today, full, key_at);
        let totals = self.all(&whom, self.today, None, &mut intake, sink).await;
        let (totals, date) =
            totals.map_err(|refused| if full { refused } else { expired(refused) })?;
        intake.all_came(totals)?;
        if full && totals.results == 0 {
            return Err(Refused::new(
                RefusalKind::Empty,
                "Workday says that there are no workers",
                "let the integration system user see workers; zero is never read as everybody left",
            ));
        }
        for (day, wids) in intake.take_later() {
            for wids in wids.chunks(self.config.page_size as usize) {
                let whom = Whom::Named(wids.to_vec());
                let count = Some(wids.len());
                self.all(&whom, day, count, &mut intake, sink).await?;
            }
        }
        intake.finish(self.config, sink)?;
        // Whichever clock is behind: what is entered by the other one meanwhile is seen twice, never missed.
        let read_to = date.map_or(self.now, |it| it.min(self.now));
        Ok(Pulled {
            coverage: if full {
                Coverage::Full
            } else {
                Coverage::Delta
            },
            as_of: self.now,
            cursor: Some(Cursor(moment(read_to))),
            rows: intake.rows(),
            findings: intake.findings,
        })
    }

    fn window(&self, cursor: &Cursor) -> Result<Window, Refused> {
        let gone = |message: &str| {
            Refused::new(
                RefusalKind::CursorExpired,
                message,
                "everybody is asked for instead",
            )
        };
        let then: Timestamp = cursor
            .0
            .parse()
            .map_err(|_| gone("the cursor is no moment of entry"))?;
        if then > self.now {
            return Err(gone("the cursor is later than now: a clock went back"));
        }
        let most = SignedDuration::from_hours(24 * i64::from(self.config.changes_days_max));
        if self.now.duration_since(then) > most {
            return Err(gone(
                "the last pull is longer ago than changes are asked for",
            ));
        }
        let (then, now) = ((then, day_of(self.config, then)), (self.now, self.today));
        Window::since(then, now, self.config.overlap_minutes)
            .ok_or_else(|| gone("the cursor is at the end of the calendar"))
    }

    /// All pages of a question, handed on in their order, and when Workday says that it answered.
    async fn all(
        &self,
        whom: &Whom,
        as_of_day: Date,
        named: Option<usize>,
        intake: &mut Intake<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(Totals, Option<Timestamp>), Refused> {
        let question = |page| Question {
            whom,
            as_of_day,
            as_of_entry: self.now,
            page,
            count: self.config.page_size,
            flags: &self.plan.flags,
        };
        let again = named.is_some();
        let first = self.page(&question(1), None).await?;
        let totals = intake.page(
            &Page {
                body: &first.body,
                number: 1,
                first: None,
                again,
            },
            sink,
        )?;
        let date = first.date();
        drop(first);
        // Whoever was named and is not there is missed at the end; more are not asked for.
        let others = stream::iter(2..=totals.pages)
            .map(|number| {
                let question = question(number);
                async move { (number, self.page(&question, Some(totals)).await) }
            })
            .buffered(self.config.parallel);
        let mut others = std::pin::pin!(others);
        while let Some((number, heard)) = others.next().await {
            let page = Page {
                body: &heard?.body,
                number,
                first: Some(totals),
                again,
            };
            intake.page(&page, sink)?;
        }
        Ok((totals, date))
    }

    async fn page(
        &self,
        question: &Question<'_>,
        totals: Option<Totals>,
    ) -> Result<Heard, Refused> {
        let of = totals.map_or(String::new(), |it| format!(" of {}", it.pages));
        let asked = format!("Get_Workers, page {}{of}", question.page);
        self.session.workers(self.config, question, &asked).await
    }
}

/// A question for changes that the tenant does not take: everybody can still be asked for.
fn expired(refused: Refused) -> Refused {
    let about_changes = refused.kind == RefusalKind::Configuration
        && refused.message.contains("Transaction_Log_Criteria_Data");
    if about_changes {
        Refused {
            kind: RefusalKind::CursorExpired,
            ..refused
        }
    } else {
        refused
    }
}
