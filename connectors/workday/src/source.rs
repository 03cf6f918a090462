//! Workday as a source.

use async_trait::async_trait;
use jiff::Timestamp;
use rollcall_http::{Links, encode_segment};
use rollcall_source::{
    Attribute, Checked, Described, Pulled, Reach, RefusalKind, Refused, Sink, Source, Want,
};

use crate::attributes::{self, Origin};
use crate::check;
use crate::config::{Config, Report};
use crate::plan::Plan;
use crate::pull::{Pull, day_of};
use crate::raas;
use crate::session::Session;

/// A tenant of Workday, asked by `Get_Workers` or by a report.
pub struct Workday {
    config: Config,
    session: Session,
}

impl Workday {
    /// A source that has asked nothing yet.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration, and secrets that cannot be had.
    pub fn open(config: Config, links: &Links<'_>) -> Result<Self, Vec<String>> {
        let problems = config.problems();
        if !problems.is_empty() {
            return Err(problems);
        }
        let session = Session::open(&config, links)?;
        Ok(Self { config, session })
    }

    fn plan(&self, want: &Want) -> Result<Plan, Refused> {
        if want.key_at().is_none() {
            return Err(Refused::new(
                RefusalKind::Configuration,
                "the key is not among the attributes that are read",
                "map the key of the worker",
            ));
        }
        Plan::of(&self.config, &want.columns).map_err(|problems| {
            Refused::new(
                RefusalKind::Configuration,
                problems.join("; "),
                "mend the mapping, or `attributes` of the source",
            )
        })
    }

    fn pull_of<'a>(&'a self, plan: &'a Plan, now: Timestamp) -> Pull<'a> {
        Pull {
            config: &self.config,
            session: &self.session,
            plan,
            // Workday keeps milliseconds; the cursor has to say the moment that was asked with.
            now: Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now),
            today: day_of(&self.config, now),
        }
    }

    fn raas<'a>(&'a self, report: &'a Report) -> raas::Raas<'a> {
        raas::Raas {
            tenant: &self.config.tenant,
            report,
            session: &self.session,
        }
    }
}

#[async_trait]
impl Source for Workday {
    fn describe(&self) -> Described {
        let host = &self.config.host;
        let tenant = &self.config.tenant;
        if let Some(report) = &self.config.report {
            return Described {
                system: "Workday".to_owned(),
                place: format!(
                    "{host}, tenant {tenant}, report {}/{} as {}",
                    encode_segment(&report.owner),
                    encode_segment(&report.name),
                    report.format.name()
                ),
                // The columns of a report are whatever its designer called them.
                attributes: Vec::new(),
                incremental: false,
            };
        }
        let own = self.config.attributes.iter();
        let own = own.map(|(name, path)| Attribute {
            name: name.clone(),
            from: path.clone(),
        });
        let known = attributes::all().filter(|it| !self.config.attributes.contains_key(it.0));
        let known = known.map(|(name, origin)| Attribute {
            name: name.to_owned(),
            from: match origin {
                Origin::Paths(paths) => attributes::written_out(paths[0]),
                Origin::Rule(_, words) => words.to_owned(),
            },
        });
        let mut attributes: Vec<Attribute> = own.chain(known).collect();
        attributes.sort_by(|one, two| one.name.cmp(&two.name));
        Described {
            system: "Workday".to_owned(),
            place: format!(
                "{host}, tenant {tenant}, {} {}",
                self.config.service.name(),
                self.config.version()
            ),
            attributes,
            incremental: true,
        }
    }

    fn lacks(&self, columns: &[String]) -> Result<(), Vec<String>> {
        match &self.config.report {
            Some(report) => raas::lacks(report, columns),
            None => Plan::of(&self.config, columns).map(|_| ()),
        }
    }

    async fn check(&self, want: &Want) -> Result<Checked, Refused> {
        if let Some(report) = &self.config.report {
            return self.raas(report).check(want).await;
        }
        let plan = self.plan(want)?;
        check::workers(&self.pull_of(&plan, want.now)).await
    }

    async fn pull(&self, want: &Want, into: &mut dyn Sink) -> Result<Pulled, Refused> {
        if let Some(report) = &self.config.report {
            if want.reach != Reach::Full {
                return Err(Refused::new(
                    RefusalKind::CursorExpired,
                    "a report cannot be asked for changes",
                    "everybody is asked for instead",
                ));
            }
            return self.raas(report).pull(want, into).await;
        }
        let plan = self.plan(want)?;
        self.pull_of(&plan, want.now).run(want, into).await
    }
}
