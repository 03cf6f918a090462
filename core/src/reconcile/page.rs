//! `controls.html`: the control pack as one page that opens anywhere, prints, and fetches nothing.
//!
//! The template stands in `controls.html`. Values are never code (P17): the engine escapes every one,
//! the page's own policy forbids scripts and loading. Invariant: nothing is counted here; a table that
//! is cut short says of how many.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

use super::controls::{CONTROLS, Control, Controls, Leaver, Site};
use super::{Class, Populations};
use crate::report::{duration, written_out};

const TEMPLATE: &str = include_str!("controls.html");

/// Rows drawn in one table: a browser still scrolls and searches that many without trouble.
const ROWS_DRAWN: usize = 5_000;

#[derive(Serialize)]
struct Page<'a> {
    pack: &'a Controls,
    populations: &'a Populations,
    adds_up: bool,
    rows: u64,
    discrepancies: u64,
    classes: Vec<ClassRow>,
    intakes: Vec<(bool, &'a super::Intake)>,
    sites: Vec<SiteRow<'a>>,
    leavers: Vec<LeaverRow<'a>>,
    drawn: usize,
    /// Of every approval it is on record who asked for what was agreed to.
    all_asked: bool,
    controls: &'static [Control],
}

#[derive(Serialize)]
struct ClassRow {
    name: &'static str,
    meaning: &'static str,
    /// `None`: nobody can tell.
    lines: Option<u64>,
    discrepancy: bool,
}

#[derive(Serialize)]
struct SiteRow<'a> {
    site: &'a str,
    of: &'a Site,
    within: String,
    p50: String,
    p95: String,
    max: String,
    ours_p95: String,
}

#[derive(Serialize)]
struct LeaverRow<'a> {
    of: &'a Leaver,
    in_time: bool,
    whole: String,
    hr: String,
    pipeline: String,
    target: String,
}

/// Renders the page. The same pack gives the same bytes.
pub fn page(pack: &Controls) -> String {
    let mut env = Environment::new();
    // A name that the template misspells must fail the tests, not vanish from the page.
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()
        .expect("the engine's own delimiters do not clash");
    env.set_syntax(syntax);
    let template = env
        .template_from_str(TEMPLATE)
        .expect("the template is part of the program and every test parses it");
    let page = Page {
        pack,
        populations: &pack.populations,
        adds_up: pack.populations.add_up(pack.totals.rows()),
        rows: pack.totals.rows(),
        discrepancies: pack.totals.discrepancies(),
        classes: classes(pack),
        intakes: pack.intakes.iter().map(|it| (it.complete(), it)).collect(),
        sites: pack.sites.iter().map(site).collect(),
        leavers: pack.leavers.iter().take(ROWS_DRAWN).map(leaver).collect(),
        drawn: ROWS_DRAWN,
        all_asked: pack.approvals.iter().all(|it| !it.requested_by.is_empty()),
        controls: &CONTROLS,
    };
    let page = template
        .render(Value::from(Serde(page)))
        .expect("the template reads only fields that every page has");
    written_out(&page)
}

fn classes(pack: &Controls) -> Vec<ClassRow> {
    let row = |class: &Class| ClassRow {
        name: class.name(),
        meaning: class.meaning(),
        lines: (pack.sign_ins || !class.by_sign_ins()).then(|| pack.totals.of(*class)),
        discrepancy: class.discrepancy(),
    };
    Class::ALL.iter().map(row).collect()
}

fn seconds(seconds: Option<i64>) -> String {
    seconds.map_or("none".to_owned(), long)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a delay of so many seconds that a float loses one is longer than any employment"
)]
fn long(seconds: i64) -> String {
    duration(seconds as f64)
}

fn site(of: &Site) -> SiteRow<'_> {
    SiteRow {
        site: match of.site.as_deref() {
            None => "all sites",
            Some("") => "no site on record",
            Some(site) => site,
        },
        within: of
            .within_sla_percent
            .map_or("none".to_owned(), |it| format!("{it} %")),
        p50: seconds(of.p50_seconds),
        p95: seconds(of.p95_seconds),
        max: seconds(of.max_seconds),
        ours_p95: seconds(of.ours_p95_seconds),
        of,
    }
}

fn leaver(of: &Leaver) -> LeaverRow<'_> {
    LeaverRow {
        in_time: of.in_time(),
        whole: long(of.lateness_seconds),
        hr: long(of.hr_seconds),
        pipeline: long(of.pipeline_seconds),
        target: long(of.target_seconds),
        of,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::super::{Agreement, Conflict, Kept, Totals, by_site};
    use super::*;
    use crate::model::{PersonKey, RunId};
    use crate::state::BlockCause;

    /// Protects P17: whatever HR, people or the tenant write is text on the page.
    #[test]
    fn values_are_text() {
        let hostile = "<script>alert(1)</script>\u{202e}";
        let at = Timestamp::UNIX_EPOCH;
        let leaver = Leaver {
            person: PersonKey::new(hostile),
            site: hostile.to_owned(),
            run: RunId::new("r"),
            due: at,
            cause: BlockCause::LastDay,
            entered: None,
            seen: at,
            done: None,
            status: hostile.to_owned(),
            lateness_seconds: 90,
            hr_seconds: 0,
            pipeline_seconds: 90,
            target_seconds: 0,
            lateness_cause: None,
            sla_seconds: 60,
        };
        let mut totals = Totals::default();
        totals.add(Class::LeaverActive);
        let pack = Controls {
            format_version: 1,
            run: RunId::new(hostile),
            now: at,
            from: at,
            to: at,
            since: None,
            totals,
            populations: Populations::default(),
            sign_ins: false,
            intakes: Vec::new(),
            events: BTreeMap::new(),
            sites: by_site(std::slice::from_ref(&leaver)),
            leavers: vec![leaver],
            kept: vec![Kept {
                person: PersonKey::new(hostile),
                grant: hostile.to_owned(),
                until: at,
            }],
            privileged: Vec::new(),
            approvals: vec![Agreement {
                run: RunId::new("r"),
                plan_sha256: "0".repeat(64),
                guard: hostile.to_owned(),
                action: None,
                by: hostile.to_owned(),
                at,
                complete: true,
                requested_by: vec![hostile.to_owned()],
            }],
            conflicts: vec![Conflict {
                run: RunId::new("r"),
                who: hostile.to_owned(),
                roles: "asked for it and agreed to it".to_owned(),
            }],
            rules: Vec::new(),
            exceptions: vec![(
                hostile.to_owned(),
                hostile.to_owned(),
                jiff::civil::date(2026, 1, 1),
                true,
            )],
            sample: Some((25, hostile.to_owned())),
        };
        let drawn = page(&Controls {
            sample: None,
            sign_ins: true,
            ..pack.clone()
        });
        assert!(!drawn.contains("<script") && !drawn.contains("sample.csv"));
        assert!(!drawn.contains("stop\">unknown<"), "{drawn}");
        let page = page(&pack);
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains('\u{202e}'));
        assert!(page.contains("&lt;script&gt;"));
        assert!(page.contains("nobody knows who is dormant"), "{page}");
        assert_eq!(page.matches("stop\">unknown<").count(), 2, "{page}");
        assert!(page.contains("0.0 %") || page.contains("0 %"));

        // Nobody in two roles is said only of those on record.
        let asked = |by: &[&str]| {
            let mut pack = pack.clone();
            pack.conflicts.clear();
            pack.approvals[0].requested_by = by.iter().map(|it| (*it).to_owned()).collect();
            super::page(&pack)
        };
        assert!(asked(&["mira"]).contains("None of those on record was in two roles."));
        let unknown = asked(&[]);
        assert!(unknown.contains("not known"), "{unknown}");
        assert!(!unknown.contains("None of those on record"), "{unknown}");
    }
}
