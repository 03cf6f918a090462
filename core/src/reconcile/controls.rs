//! The control pack: what an auditor tests, from what the store has on record.
//!
//! One value, drawn as `controls.html` and stored as `controls.json`. Invariant: every figure is counted
//! from a list that stands beside it; a share of nothing is none, never 100 %.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Populations, Totals};
use crate::model::{FindingKind, PersonKey, RunId};
use crate::report::{Late, LateCause};
use crate::state::BlockCause;

/// `controls.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Controls {
    /// 1.
    pub format_version: u32,
    /// The reconciliation.
    pub run: RunId,
    /// Its instant.
    pub now: Timestamp,
    /// The first instant of the period.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
    /// The oldest entry of the log that was read: nothing older is in the lists.
    pub since: Option<Timestamp>,
    /// Lines of `reconciliation.csv` by class.
    pub totals: Totals,
    /// Both sides.
    pub populations: Populations,
    /// Whether the target lets us look at sign-ins; without them nobody knows who is dormant.
    pub sign_ins: bool,
    /// Deliveries of the period.
    pub intakes: Vec<Intake>,
    /// How many joiners, movers and leavers of the period `population.csv` lists.
    pub events: BTreeMap<EventKind, u64>,
    /// From due to cut off, over all sites first, then by site.
    pub sites: Vec<Site>,
    /// Everybody who left in the period, the latest first.
    pub leavers: Vec<Leaver>,
    /// What people who moved kept beyond the overlap.
    pub kept: Vec<Kept>,
    /// Roles and sensitive groups given or taken.
    pub privileged: Vec<Privileged>,
    /// Who agreed to what.
    pub approvals: Vec<Agreement>,
    /// Nobody in two roles, but for these.
    pub conflicts: Vec<Conflict>,
    /// When mapping, policy or groups changed.
    pub rules: Vec<RuleChange>,
    /// Exceptions of the register: name, owner, last day, and whether that is over.
    pub exceptions: Vec<(String, String, jiff::civil::Date, bool)>,
    /// The sample that was asked for: how many of each kind, and the seed.
    pub sample: Option<(usize, String)>,
}

/// One delivery, and what became of its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intake {
    /// The run.
    pub run: RunId,
    /// The source.
    pub source: String,
    /// The file, or how it was asked for.
    pub file: String,
    /// SHA-256 of the bytes received.
    pub sha256: String,
    /// The moment that the data describe.
    pub as_of: Timestamp,
    /// What it covers.
    pub coverage: String,
    /// Data rows as they were received.
    pub rows: u32,
    /// Rows that were believed.
    pub accepted: u32,
    /// Rows that were held, by what was found; a row counts once.
    pub rejected: BTreeMap<FindingKind, u32>,
    /// A gate kept it back as a whole.
    pub parked: bool,
    /// Rows as they are counted now in what was sealed; `None`: no longer kept, or not the newest.
    pub recounted: Option<u32>,
}

impl Intake {
    /// Received rows are those accepted and those rejected, and those counted again are as many.
    pub fn complete(&self) -> bool {
        let rejected: u32 = self.rejected.values().sum();
        self.rows == self.accepted + rejected && self.recounted.is_none_or(|it| it == self.rows)
    }
}

/// What happened to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// An account was made.
    Joiner,
    /// Department, company, title, place or manager changed.
    Mover,
    /// Somebody was to be cut off.
    Leaver,
}

impl EventKind {
    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Joiner => "joiner",
            Self::Mover => "mover",
            Self::Leaver => "leaver",
        }
    }
}

/// One event of the population that samples are taken from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// Whose.
    pub person: PersonKey,
    /// The run that planned it first.
    pub run: RunId,
    /// When it was due.
    pub due: Timestamp,
    /// When it was carried out; `None`: not yet.
    pub done: Option<Timestamp>,
}

/// Somebody who left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaver {
    /// Who.
    pub person: PersonKey,
    /// Where they worked; empty where nobody says.
    pub site: String,
    /// The run that planned the cut first.
    pub run: RunId,
    /// When access was to end.
    pub due: Timestamp,
    /// By what.
    pub cause: BlockCause,
    /// When HR entered it, where HR says so.
    pub entered: Option<Timestamp>,
    /// When it was first planned.
    pub seen: Timestamp,
    /// When they were cut off; `None`: not yet.
    pub done: Option<Timestamp>,
    /// How the last try ended, where they are not.
    pub status: String,
    /// Seconds from due to done, or to the instant of the reconciliation.
    pub lateness_seconds: i64,
    /// Of these, those before anybody could know.
    pub hr_seconds: i64,
    /// Of these, those until an order was with the target.
    pub pipeline_seconds: i64,
    /// Of these, those in which the target had it, or refused it.
    pub target_seconds: i64,
    /// Whose part is the largest one.
    pub lateness_cause: Option<LateCause>,
    /// Seconds that it may take.
    pub sla_seconds: i64,
}

impl Leaver {
    /// Cut off within the time that it may take.
    pub fn in_time(&self) -> bool {
        self.done.is_some() && self.lateness_seconds <= self.sla_seconds
    }

    /// Splits a delay. `sent` is when the first try at the target ended.
    pub fn split(&mut self, late: Late, sent: Option<Timestamp>, end: Timestamp) {
        self.lateness_seconds = late.whole.as_secs();
        self.hr_seconds = late.hr.as_secs();
        let ours = self.lateness_seconds - self.hr_seconds;
        let with_target = sent.map_or(0, |sent| end.duration_since(sent).as_secs());
        self.target_seconds = with_target.clamp(0, ours);
        self.pipeline_seconds = ours - self.target_seconds;
        self.lateness_cause = late.cause();
    }
}

/// From due to cut off at one site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// Which; `None`: all.
    pub site: Option<String>,
    /// People who left.
    pub leavers: u64,
    /// Of these, cut off.
    pub disabled: u64,
    /// Cut off within the time that it may take.
    pub within_sla: u64,
    /// The share of those in all who left; `None` of nobody.
    pub within_sla_percent: Option<f64>,
    /// Seconds, the middle one of those who are cut off.
    pub p50_seconds: Option<i64>,
    /// Seconds, 95 of 100 are at most this.
    pub p95_seconds: Option<i64>,
    /// Seconds, the last one.
    pub max_seconds: Option<i64>,
    /// The middle one without HR's part.
    pub ours_p50_seconds: Option<i64>,
    /// The same, 95 of 100.
    pub ours_p95_seconds: Option<i64>,
}

/// Leavers of all sites, then by site.
pub fn by_site(leavers: &[Leaver]) -> Vec<Site> {
    let mut sites: BTreeMap<&str, Vec<&Leaver>> = BTreeMap::new();
    for leaver in leavers {
        sites.entry(&leaver.site).or_default().push(leaver);
    }
    let all: Vec<&Leaver> = leavers.iter().collect();
    let mut out = vec![of_site(None, &all)];
    out.extend(
        sites
            .iter()
            .map(|(site, leavers)| of_site(Some((*site).to_owned()), leavers)),
    );
    out
}

fn of_site(site: Option<String>, leavers: &[&Leaver]) -> Site {
    let done = || leavers.iter().filter(|it| it.done.is_some());
    let sorted = |of: fn(&Leaver) -> i64| {
        let mut all: Vec<i64> = done().map(|it| of(it)).collect();
        all.sort_unstable();
        all
    };
    let whole = sorted(|it| it.lateness_seconds);
    let ours = sorted(|it| it.lateness_seconds - it.hr_seconds);
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let within = leavers.iter().filter(|it| it.in_time()).count();
    Site {
        site,
        leavers: count(leavers.len()),
        disabled: count(done().count()),
        within_sla: count(within),
        within_sla_percent: percent(within, leavers.len()),
        p50_seconds: at_rank(&whole, 50),
        p95_seconds: at_rank(&whole, 95),
        max_seconds: at_rank(&whole, 100),
        ours_p50_seconds: at_rank(&ours, 50),
        ours_p95_seconds: at_rank(&ours, 95),
    }
}

/// With one decimal.
fn percent(part: usize, of: usize) -> Option<f64> {
    let tenths = (part * 1000).checked_div(of)?;
    Some(f64::from(u32::try_from(tenths).unwrap_or(u32::MAX)) / 10.0)
}

/// The smallest value that so many of a hundred do not exceed; ascending.
fn at_rank(sorted: &[i64], of_hundred: usize) -> Option<i64> {
    let rank = (sorted.len() * of_hundred).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

/// Access that somebody who moved was to lose and has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Who.
    pub person: PersonKey,
    /// What.
    pub grant: String,
    /// Until when they were to keep it.
    pub until: Timestamp,
}

/// A role or a sensitive group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Privileged {
    /// Whose.
    pub person: PersonKey,
    /// The run.
    pub run: RunId,
    /// The operation.
    pub op: String,
    /// Of what.
    pub what: String,
    /// Why.
    pub reason: String,
    /// How it ended, or `held`, `open`.
    pub status: String,
    /// When that was known.
    pub at: Option<Timestamp>,
}

/// An approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// The run.
    pub run: RunId,
    /// The plan.
    pub plan_sha256: String,
    /// The guard.
    pub guard: String,
    /// The action, where it was named.
    pub action: Option<String>,
    /// Who agreed.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// It was the last one needed.
    pub complete: bool,
    /// Who asked for what was agreed to, where somebody did.
    pub requested_by: Vec<String>,
}

/// Somebody in two roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The run.
    pub run: RunId,
    /// Who.
    pub who: String,
    /// In which.
    pub roles: String,
}

/// Another mapping, policy or groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleChange {
    /// The first run that was planned with it.
    pub run: RunId,
    /// When.
    pub at: Timestamp,
    /// What changed.
    pub what: Vec<String>,
}

/// Which part of the pack is evidence for which control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Control {
    /// The part, as the page calls it.
    pub part: &'static str,
    /// What it shows.
    pub shows: &'static str,
    /// SOX ITGC.
    pub sox: &'static str,
    /// ISO/IEC 27001:2022, Annex A.
    pub iso_27001: &'static str,
    /// NIST SP 800-53 r5.
    pub nist_800_53: &'static str,
    /// PCI DSS 4.0.
    pub pci_dss: &'static str,
    /// SOC 2, common criteria.
    pub soc_2: &'static str,
}

/// All of them, in the order of the page.
pub const CONTROLS: [Control; 9] = [
    Control {
        part: "Population",
        shows: "what HR delivered is complete and accurate: rows received, accepted, rejected, counted again",
        sox: "completeness and accuracy of information",
        iso_27001: "A.5.16",
        nist_800_53: "AC-2",
        pci_dss: "8.2.4",
        soc_2: "CC6.2",
    },
    Control {
        part: "Reconciliation",
        shows: "every person and every account in one class: orphans, missing and duplicate accounts, drift",
        sox: "access review",
        iso_27001: "A.5.16, A.5.18",
        nist_800_53: "AC-2, AC-2(3)",
        pci_dss: "8.2.4, 7.2.4",
        soc_2: "CC6.2, CC6.3",
    },
    Control {
        part: "Leavers",
        shows: "time from the end of access to the disabled account, for each person and by site",
        sox: "access removal in time",
        iso_27001: "A.5.18, A.6.5",
        nist_800_53: "PS-4, PS-4(2), AC-2(13)",
        pci_dss: "8.2.5",
        soc_2: "CC6.2",
    },
    Control {
        part: "Access after termination",
        shows: "accounts of people who left that are enabled, or were used",
        sox: "access removal in time",
        iso_27001: "A.6.5",
        nist_800_53: "PS-4",
        pci_dss: "8.2.5",
        soc_2: "CC6.2",
    },
    Control {
        part: "Dormant accounts",
        shows: "enabled accounts that nobody used for long",
        sox: "access review",
        iso_27001: "A.5.18",
        nist_800_53: "AC-2(3)",
        pci_dss: "8.2.6",
        soc_2: "CC6.2",
    },
    Control {
        part: "Movers",
        shows: "old access that is there after the overlap",
        sox: "access follows the job",
        iso_27001: "A.5.18",
        nist_800_53: "PS-5",
        pci_dss: "7.2.4",
        soc_2: "CC6.3",
    },
    Control {
        part: "Privileged changes",
        shows: "roles and sensitive groups that were given or taken",
        sox: "privileged access",
        iso_27001: "A.8.2",
        nist_800_53: "AC-2, AC-6(7)",
        pci_dss: "7.2.4",
        soc_2: "CC6.3",
    },
    Control {
        part: "Approvals",
        shows: "who agreed to what, and nobody in two roles",
        sox: "segregation of duties",
        iso_27001: "A.5.18, A.5.3",
        nist_800_53: "AC-2, AC-5",
        pci_dss: "7.2.4",
        soc_2: "CC6.1, CC6.3",
    },
    Control {
        part: "Exceptions",
        shows: "shared, service and break-glass accounts with an owner and a last day",
        sox: "access review",
        iso_27001: "A.5.16",
        nist_800_53: "AC-2",
        pci_dss: "8.2.2, 7.2.5",
        soc_2: "CC6.1",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn leaver(site: &str, done: Option<i64>, hr: i64) -> Leaver {
        let at = |second: i64| Timestamp::from_second(1_000_000 + second).unwrap();
        let late = Late {
            whole: SignedDuration::from_secs(done.unwrap_or(90_000)),
            hr: SignedDuration::from_secs(hr),
        };
        let mut out = Leaver {
            person: PersonKey::new("7"),
            site: site.to_owned(),
            run: RunId::new("r"),
            due: at(0),
            cause: BlockCause::LastDay,
            entered: None,
            seen: at(0),
            done: done.map(at),
            status: String::new(),
            lateness_seconds: 0,
            hr_seconds: 0,
            pipeline_seconds: 0,
            target_seconds: 0,
            lateness_cause: None,
            sla_seconds: 14_400,
        };
        out.split(
            late,
            done.map(|done| at(done - 20)),
            at(done.unwrap_or(90_000)),
        );
        out
    }

    /// Ten people at one site, one who is still inside at another, nobody at a third.
    #[test]
    fn shares_are_of_everybody_who_left() {
        let mut leavers: Vec<Leaver> = (1..=10)
            .map(|n| leaver("Bern", Some(n * 1800), 0))
            .collect();
        leavers.push(leaver("Oslo", None, 60_000));
        let sites = by_site(&leavers);
        let figures: Vec<_> = sites
            .iter()
            .map(|it| {
                (
                    it.site.as_deref(),
                    it.leavers,
                    it.disabled,
                    it.within_sla,
                    it.within_sla_percent,
                    it.p50_seconds,
                    it.p95_seconds,
                )
            })
            .collect();
        assert_eq!(
            figures,
            [
                (None, 11, 10, 8, Some(72.7), Some(9000), Some(18_000)),
                (
                    Some("Bern"),
                    10,
                    10,
                    8,
                    Some(80.0),
                    Some(9000),
                    Some(18_000)
                ),
                (Some("Oslo"), 1, 0, 0, Some(0.0), None, None),
            ]
        );
        assert_eq!(by_site(&[])[0].within_sla_percent, None);
    }

    /// HR's, the pipeline's and the target's part are all of it.
    #[test]
    fn a_delay_has_three_parts() {
        let late = leaver("Bern", Some(3600), 600);
        assert_eq!(
            (late.hr_seconds, late.pipeline_seconds, late.target_seconds),
            (600, 2980, 20)
        );
        assert_eq!(late.lateness_cause, Some(LateCause::Pipeline));
    }

    #[test]
    fn rows_that_do_not_add_up_are_noticed() {
        let intake = |accepted, recounted| Intake {
            run: RunId::new("r"),
            source: "hr".to_owned(),
            file: "f".to_owned(),
            sha256: String::new(),
            as_of: Timestamp::UNIX_EPOCH,
            coverage: "full".to_owned(),
            rows: 10,
            accepted,
            rejected: BTreeMap::from([(FindingKind::DateInvalid, 2)]),
            parked: false,
            recounted,
        };
        for (accepted, recounted, complete) in [
            (8, Some(10), true),
            (8, None, true),
            (9, None, false),
            (8, Some(9), false),
        ] {
            assert_eq!(intake(accepted, recounted).complete(), complete);
        }
    }
}
