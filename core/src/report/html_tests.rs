//! Structure, escaping and limits of `report.html`, on reports with invented people.

use serde_json::json;

use super::*;
use crate::model::{
    Attributes, Finding, FindingKind, Op, PersonKey, Place, ProofItem, ProofOf, ProofVerdict,
    RunId, Severity, WorkerId,
};
use crate::plan::{Counts, FORMAT_VERSION, Forecast, GuardVerdict};
use crate::policy::DeltaKind;
use crate::report::{
    FindingCount, IntakeFacts, LateCause, Lateness, OutcomeCounts, count_findings,
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn change(person: &str, delta: DeltaKind, op: Op, status: &str) -> Change {
    Change {
        person: PersonKey::new(person),
        delta,
        op,
        reason: "new worker without an account".into(),
        rule: "joiner.create".into(),
        due: Some(at("2026-03-16T02:00:00Z")),
        row: Some(17),
        before: Attributes::new(),
        after: Attributes::new(),
        manager: None,
        grant: None,
        status: status.into(),
        note: String::new(),
        at: Some(at("2026-03-16T02:00:09Z")),
        request_id: Some(format!("req-{person}")),
        entered: None,
        seen: None,
        lateness_seconds: None,
        lateness_cause: None,
        proof: Vec::new(),
    }
}

/// A pass that had nothing to do.
fn empty() -> Report {
    Report {
        sources: Vec::new(),
        format_version: FORMAT_VERSION,
        run: RunId::new("20260316T020000Z-5f3a09c1"),
        kind: RunKind::Release,
        intake: None,
        now: at("2026-03-16T02:00:00Z"),
        finished: at("2026-03-16T02:00:31Z"),
        apply_seconds: 0.0,
        verdict: Verdict::Empty,
        plan_sha256: "aa".repeat(32),
        actions_sha256: "bb".repeat(32),
        counts: Counts::default(),
        outcomes: OutcomeCounts::default(),
        guards: Vec::new(),
        holds: Vec::new(),
        head: Some(format!("7:{}", "ab".repeat(32))),
        changes: Vec::new(),
        finding_counts: Vec::new(),
        findings: Vec::new(),
        lateness: Lateness::default(),
        forecast: Forecast::default(),
        target: serde_json::Value::Null,
        seats: Vec::new(),
    }
}

/// A night on which everything happened.
fn eventful() -> Report {
    let mut mover = change("1002", DeltaKind::Mover, Op::UserUpdate, "failed");
    mover.before = [
        ("city".into(), "Prague".into()),
        ("title".into(), "".into()),
    ]
    .into();
    mover.after = [
        ("city".into(), "Brno".into()),
        ("mobilePhone".into(), "+420".into()),
    ]
    .into();
    mover.note = "Request_BadRequest: the city is too long; shorten it in HR".into();
    let mut manager = change("1003", DeltaKind::Joiner, Op::UserSetManager, "waiting");
    manager.manager = Some("1009".into());
    manager.due = None;
    let mut later = change("1004", DeltaKind::Joiner, Op::UserEnable, "scheduled");
    later.due = Some(at("2026-04-01T06:00:00Z"));
    (later.at, later.request_id, later.row) = (None, None, None);
    let mut waits = change("1000", DeltaKind::None, Op::UserSetManager, "scheduled");
    waits.due = None;
    let note = "key on 2 rows that differ";
    let findings = vec![
        Finding::new(
            FindingKind::TzAssumed,
            Severity::Info,
            Place::row(9),
            "default zone taken",
        ),
        Finding::new(
            FindingKind::DuplicateConflict,
            Severity::Held,
            Place::cell(31, "Key"),
            note,
        )
        .of(&WorkerId::new("1007")),
        Finding::new(
            FindingKind::DuplicateConflict,
            Severity::Held,
            Place::cell(12, "Key"),
            note,
        )
        .of(&WorkerId::new("1007")),
    ];
    Report {
        kind: RunKind::Run,
        intake: Some(IntakeFacts {
            source: "hr".into(),
            file: "workers-2026-03-16.csv".into(),
            sha256: "cc".repeat(32),
            rows: 20_000,
            as_of: at("2026-03-15T22:00:00Z"),
            coverage: Coverage::Full,
        }),
        apply_seconds: 754.2,
        verdict: Verdict::PartHeld,
        counts: Counts {
            rows: 20_000,
            workers: 19_990,
            leavers: 600,
            held: 2,
            actions: [("user.create".into(), 1), ("user.disable".into(), 600)].into(),
            scheduled: [("user.enable".into(), 1)].into(),
            held_actions: [("user.disable".into(), 600)].into(),
            groups: [
                ("site-oslo".into(), memberships(0, 3, 1)),
                ("sales".into(), memberships(1200, 0, 0)),
            ]
            .into(),
            licences: [
                ("SPE_E5".into(), licence(1200, 3, Some(12))),
                ("<b>".into(), licence(1, 0, None)),
            ]
            .into(),
            ..Counts::default()
        },
        outcomes: OutcomeCounts {
            done: 40,
            failed: 1,
            waiting: 1,
            held: 1200,
            ..Default::default()
        },
        guards: vec![GuardVerdict {
            name: "disables".into(),
            counted: 600.0,
            limit: 400.0,
            tripped: true,
            why: "600 accounts would be disabled, 0 were in the last 24 hours".into(),
        }],
        holds: vec![Hold {
            by: "disables".into(),
            why: "600 accounts would be disabled; the limit is 400".into(),
            persons: 600,
            ops: [
                ("user.disable".into(), 600),
                ("user.revokeSessions".into(), 600),
            ]
            .into(),
            approve: "rollcall approve 20260316T020000Z-5f3a09c1 --plan aaaa --guard disables"
                .into(),
        }],
        changes: vec![
            waits,
            change("1001", DeltaKind::Joiner, Op::UserCreate, "done"),
            mover,
            manager,
            later,
            change("1005", DeltaKind::Leaver, Op::UserDisable, "held"),
        ],
        finding_counts: count_findings(&findings),
        findings,
        lateness: Lateness {
            disabled: 3,
            p50_seconds: 41.0,
            p95_seconds: 3_700.0,
            max_seconds: 100_000.0,
            open: 2,
            entered_late: 1,
            ours_p50_seconds: 41.0,
            ours_p95_seconds: 120.0,
            ours_max_seconds: 130.0,
        },
        forecast: Forecast {
            calls: 1_243,
            bucket: "identity write".into(),
            seconds: 75.5,
        },
        target: json!({"calls": 1290, "throttled": 2,
            "buckets": {"identity_write": {"used": 0.953, "limit": 3000}}, "nodes": ["a", "b"]}),
        ..empty()
    }
}

/// The part of the page from the first `from` to the next `to`.
fn memberships(enters: u32, leaves: u32, stays: u32) -> GroupCounts {
    GroupCounts {
        enters,
        leaves,
        stays,
    }
}

fn licence(gains: u32, losses: u32, free: Option<i64>) -> LicenceCounts {
    LicenceCounts {
        gains,
        losses,
        free,
        without: 0,
    }
}

/// Where nothing becomes of groups, or none are defined, the page has no word about them.
#[test]
fn groups_of_which_most_becomes_come_first() {
    let page = html(&eventful());
    let shown = section(&page, "memberships");
    in_order(
        shown,
        &[
            "<bdi>sales</bdi>",
            "1,200",
            "<bdi>site-oslo</bdi>",
            ">3<",
            ">1<",
            "<bdi>&lt;b&gt;</bdi>",
            ">unknown<",
            "<bdi>SPE_E5</bdi>",
            ">1,200<",
            ">3<",
            ">12<",
            ">1,185<",
        ],
    );
    assert!(!html(&empty()).contains("id=\"memberships\""));
}

fn between<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    let start = page.find(from).unwrap_or_else(|| panic!("no {from}"));
    let rest = &page[start..];
    &rest[..rest
        .find(to)
        .unwrap_or_else(|| panic!("no {to} after {from}"))]
}

fn section<'a>(page: &'a str, id: &str) -> &'a str {
    between(
        page,
        &format!("<section aria-labelledby=\"{id}\">"),
        "</section>",
    )
}

/// Every needle occurs, each after the one before.
fn in_order(text: &str, needles: &[&str]) {
    let mut rest = text;
    for needle in needles {
        let found = rest
            .find(needle)
            .unwrap_or_else(|| panic!("no {needle:?} in order"));
        rest = &rest[found + needle.len()..];
    }
}

// What a reader looks for comes in the order in which decisions are made.
#[test]
fn sections_come_in_order() {
    let page = html(&eventful());
    in_order(
        &page,
        &[
            "<html lang=\"en\">",
            "<title>Part held · Rollcall run 20260316T020000Z-5f3a09c1</title>",
            "href=\"#main\"",
            "<h1>",
            "workers-2026-03-16.csv",
            "datetime=\"2026-03-15T22:00:00Z\">2026-03-15 22:00:00 UTC",
            "12 min 34 s",
            "<main id=\"main\"",
            "Part held</strong>",
            "600 people",
            "--plan aaaa --guard disables</code>",
            "1 failed",
            "2 rows held",
            "2 due and not disabled,",
            "1,185 licences short.",
            "<h2 id=\"numbers\">",
            "<dt>Rows</dt><dd><bdi>20,000</bdi>",
            "<svg ",
            "<h2 id=\"holds\">",
            "<h2 id=\"guards\">",
            "<h2 id=\"memberships\">",
            "<h2 id=\"changes\">",
            "<h2 id=\"scheduled\">",
            "<h2 id=\"findings\">",
            "<h2 id=\"lateness\">",
            "<h2 id=\"target\">",
            "</main>",
            "<footer>",
            "<h2 id=\"digests\">",
            &"aa".repeat(32),
            &"bb".repeat(32),
            &"cc".repeat(32),
            "rollcall verify",
        ],
    );
    assert_eq!(page.matches("<h1").count(), 1);
}

#[test]
fn each_verdict_is_said_in_words() {
    for (verdict, words) in [
        (Verdict::Ready, "Ready</strong> No guard held anything back"),
        (Verdict::PartHeld, "Part held</strong> Guards keep part"),
        (
            Verdict::Held,
            "Held</strong> The intake is parked: nothing was written",
        ),
        (
            Verdict::Empty,
            "Nothing to do</strong> HR and the target agree",
        ),
    ] {
        let page = html(&Report { verdict, ..empty() });
        assert!(page.contains(words), "{verdict:?}");
    }
}

#[test]
fn empty_sections_say_so() {
    let page = html(&empty());
    for (id, words) in [
        ("numbers", "No action has ended"),
        ("numbers", "No action was planned."),
        ("holds", "Nothing waits for approval."),
        ("guards", "No guard had anything to count."),
        ("changes", "No change was due"),
        ("scheduled", "This plan scheduled nothing for later."),
        ("findings", "Nothing was found wrong."),
        ("lateness", "No account is due and not disabled."),
        ("lateness", "No account was disabled"),
        ("target", "The target counted no calls."),
        ("target", "No calls were expected."),
    ] {
        assert!(section(&page, id).contains(words), "{id}: {words}");
    }
    assert!(!page.contains("<table"));
    assert!(page.contains("no file was read"));
    assert!(!page.contains("Needs a look"));
}

#[test]
fn changes_that_need_somebody_come_first() {
    let page = html(&eventful());
    let changes = section(&page, "changes");
    in_order(changes, &["<tbody", ">1002<", ">1001<", ">1003<", ">1005<"]);
    assert!(!changes.contains(">1004<") && !changes.contains(">1000<"));
    in_order(
        section(&page, "scheduled"),
        &[">1004<", "2026-04-01 06:00:00 UTC", ">1000<"],
    );

    let mut report = empty();
    report.changes = ["unknown", "done", "stale", "failed", "already", "failed"]
        .iter()
        .zip(["p1", "p2", "p3", "p5", "p0", "p4"])
        .map(|(status, person)| change(person, DeltaKind::Update, Op::UserUpdate, status))
        .collect();
    let page = html(&report);
    in_order(
        section(&page, "changes"),
        &["<tbody", ">p4<", ">p5<", ">p3<", ">p1<", ">p0<", ">p2<"],
    );
}

#[test]
fn actions_of_one_person_keep_their_order() {
    let mut report = empty();
    report.changes = vec![
        change("p1", DeltaKind::Leaver, Op::UserRevokeSessions, "done"),
        change("p1", DeltaKind::Leaver, Op::UserDisable, "done"),
    ];
    let page = html(&report);
    in_order(
        section(&page, "changes"),
        &["<tbody", "user.revokeSessions", "user.disable"],
    );
}

#[test]
fn a_change_shows_all_it_knows() {
    let page = html(&eventful());
    let row = between(&page, "<tr role=\"row\" class=\"s-failed\">", "</tr>");
    in_order(
        row,
        &[
            "<bdi>1002</bdi><small>mover",
            "user.update",
            "<bdi>city</bdi></span>: <bdi>Prague</bdi>",
            "<bdi>Brno</bdi>",
            "<bdi>mobilePhone</bdi></span>: <em>(none)</em>",
            "<bdi>+420</bdi>",
            "<bdi>title</bdi></span>: <em>(empty text)</em>",
            "<em>(none)</em>",
            "new worker without an account",
            "joiner.create",
            "row 17",
            "2026-03-16 02:00:00 UTC",
            "failed",
            "Request_BadRequest",
            "2026-03-16 02:00:09 UTC",
            "req-1002",
        ],
    );
    let row = between(&page, "<tr role=\"row\" class=\"s-waiting\">", "</tr>");
    in_order(
        row,
        &["worker <bdi>1009</bdi>", "waits for somebody", "waiting"],
    );
    assert!(section(&page, "scheduled").contains("not in the file"));
}

/// What a reader without scripts gets.
fn without_data(page: &str) -> String {
    let mut parts = page.split("<script type=\"application/json\"");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| {
        all + part.split_once("</script>").unwrap().1
    })
}

/// The data that the script reads, as rows of column and text; attributes behind them.
fn data(page: &str, table: &str) -> Vec<BTreeMap<String, String>> {
    let from = format!("<script type=\"application/json\" id=\"data-{table}\">");
    let json = &between(page, &from, "</script>")[from.len()..];
    let data: serde_json::Value = serde_json::from_str(json).unwrap();
    let text = |place: &serde_json::Value| {
        let place = usize::try_from(place.as_u64().unwrap()).unwrap();
        data["strings"][place].as_str().unwrap().to_owned()
    };
    let mut values = data["values"].as_array().unwrap().chunks(3);
    let counts = data["counts"].as_array().unwrap().iter().enumerate();
    counts
        .map(|(row, count)| {
            let columns = data["columns"].as_object().unwrap().iter();
            let mut out: BTreeMap<String, String> = columns
                .map(|(name, places)| (name.clone(), text(&places[row])))
                .collect();
            for _ in 0..count.as_u64().unwrap() {
                let value = values.next().unwrap();
                let change = format!("{} > {}", text(&value[1]), text(&value[2]));
                out.insert(format!("@{}", text(&value[0])), change);
            }
            out
        })
        .collect()
}

// What the script draws is what the page without it says, in the same order, to the last row.
#[test]
fn the_data_have_every_row() {
    let mut report = eventful();
    let update = || change("2000", DeltaKind::Update, Op::UserUpdate, "done");
    report.changes.extend((0..ROWS_DRAWN).map(|_| update()));
    let page = html(&report);
    let rows = data(&page, "changes");
    assert_eq!(rows.len(), 4 + ROWS_DRAWN);
    let first: Vec<&str> = rows
        .iter()
        .take(5)
        .map(|row| row["person"].as_str())
        .collect();
    assert_eq!(first, ["1002", "1001", "1003", "1005", "2000"]);
    let failed = &rows[0];
    for (column, text) in [
        ("delta", "mover"),
        ("op", "user.update"),
        ("reason", "new worker without an account"),
        ("rule", "joiner.create"),
        ("row", "row 17"),
        ("due", "2026-03-16 02:00:00 UTC"),
        ("status", "failed"),
        ("at", "2026-03-16 02:00:09 UTC"),
        ("request", "req-1002"),
        ("grant", ""),
        ("@city", "Prague > Brno"),
        ("@mobilePhone", "(none) > +420"),
        ("@title", "(empty text) > (none)"),
    ] {
        assert_eq!(failed[column], text, "{column}");
    }
    assert_eq!(rows[2]["manager"], "1009");
    assert_eq!(rows[2]["due"], "waits for somebody");
    let later = data(&page, "scheduled");
    assert_eq!(later[0]["person"], "1004");
    assert_eq!(later[1]["row"], "row 17");
    let findings = data(&page, "findings");
    assert_eq!(findings[0]["row"], "12");
    assert_eq!(findings[0]["kind"], "duplicate_conflict");
    assert_eq!(findings[0]["owner"], "HR operations");
    assert_eq!(findings[2]["severity"], "info");
    assert!(!html(&empty()).contains("application/json"));
}

// HR may write what we say of values that are not there.
#[test]
fn what_we_say_of_a_value_is_not_what_hr_says() {
    let mut report = empty();
    let mut one = change("1001", DeltaKind::Update, Op::UserUpdate, "done");
    one.before = [("city".into(), "(none)".into())].into();
    one.after = [("city".into(), "".into())].into();
    report.changes = vec![one];
    let page = html(&report);
    assert!(page.contains("<bdi>(none)</bdi>") && page.contains("<em>(empty text)</em>"));
    let from = "<script type=\"application/json\" id=\"data-changes\">";
    let json: serde_json::Value =
        serde_json::from_str(&between(&page, from, "</script>")[from.len()..]).unwrap();
    let said = 2;
    assert!(json["values"][1].as_u64().unwrap() > said);
    assert_eq!(json["values"][2].as_u64().unwrap(), said);
}

// Each long table has what finds and sorts, hidden until the script runs.
#[test]
fn long_tables_can_be_searched() {
    let mut report = eventful();
    report.changes[1].proof = vec![ProofItem {
        of: ProofOf::Account,
        id: None,
        name: None,
        verdict: ProofVerdict::Residual,
        reason: Some("enabled again".into()),
    }];
    let page = html(&report);
    for (table, columns) in [
        ("changes", ["status", "delta", "op"].as_slice()),
        ("scheduled", &["delta", "op"]),
        ("findings", &["owner", "severity", "kind"]),
        ("proof", &["verdict", "of"]),
    ] {
        let from = format!("<div class=\"find\" data-table=\"{table}\"");
        let find = between(&page, &from, "</div>");
        assert!(between(find, &from, ">").ends_with(" hidden"), "{table}");
        let rows = data(&page, table);
        for column in columns {
            assert!(
                find.contains(&format!("data-column=\"{column}\"")),
                "{table} {column}"
            );
            assert!(rows[0].contains_key(*column), "{table} {column}");
        }
    }
    for head in page.split(" data-sort=\"").skip(1) {
        let column = head.split('"').next().unwrap();
        let known = ["changes", "findings", "proof"];
        assert!(
            known
                .iter()
                .any(|table| data(&page, table)[0].contains_key(column)),
            "{column}"
        );
    }
    assert!(!html(&empty()).contains("<div class=\"find\""));
}

#[test]
fn findings_link_to_their_first_row_and_say_what_to_do() {
    let page = html(&eventful());
    let findings = section(&page, "findings");
    in_order(
        findings,
        &[
            "href=\"#kind-duplicate_conflict\"",
            "Let HR decide",
            "href=\"#kind-tz_assumed\"",
            "Map the zone",
            "Every finding",
            "id=\"kind-duplicate_conflict\"",
            ">12<",
            "<bdi>Key</bdi>",
            "<bdi>1007</bdi>",
            ">31<",
            "id=\"kind-tz_assumed\"",
            ">9<",
        ],
    );
    assert_eq!(
        findings.matches("id=\"kind-duplicate_conflict\"").count(),
        1
    );
}

#[test]
fn charts_have_words_and_bars_in_proportion() {
    let page = html(&eventful());
    let chart = |id: &str| between(&page, &format!("<figcaption id=\"{id}\">"), "</svg>");
    let bar = |chart: &str, name: &str| {
        let rest = between(chart, &format!(">{name}</text>"), "height=\"18\"");
        between(rest, "width=\"", "\" ")["width=\"".len()..]
            .parse::<f64>()
            .unwrap()
    };
    let outcomes = chart("chart-outcomes");
    assert!(outcomes.contains("role=\"img\""));
    assert!(outcomes.contains("done 40, already 0, failed 1,"));
    let widest = bar(outcomes, "held");
    assert!(widest > 200.0);
    assert!((bar(outcomes, "done") - widest / 30.0).abs() < 0.1);
    assert!(bar(outcomes, "failed") >= 2.0);
    assert!(bar(outcomes, "stale").abs() < 1e-9);
    let operations = chart("chart-operations");
    assert!(operations.contains("user.disable 600, user.create 1."));
}

// Each disable stands in one bar, and those that are not done yet in one of their own.
#[test]
fn lateness_is_drawn_as_it_is_spread() {
    let mut report = empty();
    report.lateness = Lateness {
        disabled: 5,
        open: 2,
        ..Lateness::default()
    };
    report.changes = [0, 60, 61, 3_600, 100_000]
        .map(|seconds| {
            let mut cut = change("1005", DeltaKind::Leaver, Op::UserDisable, "done");
            cut.lateness_seconds = Some(seconds);
            cut.lateness_cause = Some(LateCause::HrEntry);
            cut
        })
        .into();
    let page = html(&report);
    assert!(section(&page, "lateness").contains(
        "up to 1 min 2, 1 to 5 min 1, 5 to 15 min 0, 15 min to 1 h 1, 1 to 4 h 0, 4 h to 1 d 0, \
         over 1 d 1, not disabled yet 2."
    ));
    let late = "1 h after it was due, the larger part of it before HR entered it";
    assert!(section(&page, "changes").contains(late));
    assert_eq!(data(&page, "changes")[3]["late"], late);
    assert_eq!(data(&page, "changes")[0]["late"], "");
}

#[test]
fn what_was_taken_of_each_quota_is_drawn() {
    let target = json!({"calls": 7, "buckets": {
        "identity_write": {"calls": 4, "units": 1200, "throttled": 1},
        "intune": {"calls": 3, "units": 3, "throttled": 0},
    }});
    let page = html(&Report { target, ..empty() });
    assert!(section(&page, "target").contains("identity write 1,200, throttled 1×, intune 3."));
    assert!(
        !html(&eventful()).contains("chart-quotas"),
        "no units, no chart"
    );
}

#[test]
fn findings_stand_with_who_has_to_act() {
    let page = html(&eventful());
    let findings = section(&page, "findings");
    in_order(
        findings,
        &[
            "<a href=\"#owner-hr\">HR operations</a> (2)",
            "<a href=\"#owner-engineer\">Identity engineer</a> (1)",
            "<h3 id=\"owner-hr\">",
            ">duplicate_conflict</a>",
            "<h3 id=\"owner-engineer\">",
            ">tz_assumed</a>",
        ],
    );
}

// A name of ten thousand letters is there, and takes no more room than its start until it is opened.
#[test]
fn long_values_are_shortened_and_whole() {
    let mut report = empty();
    let long = "Ma".repeat(5_000);
    let mut one = change("1001", DeltaKind::Joiner, Op::UserCreate, "done");
    one.after = [("displayName".into(), long.as_str().into())].into();
    report.changes = vec![one];
    let page = html(&report);
    let start = "Ma".repeat(60);
    in_order(
        section(&page, "changes"),
        &[
            &format!("<details><summary><bdi>{start}</bdi>… <small>10000 characters</small>"),
            &format!("<bdi>{long}</bdi></details>"),
        ],
    );
    assert_eq!(
        data(&page, "changes")[0]["@displayName"],
        format!("(none) > {long}")
    );
}

#[test]
fn the_targets_statistics_of_any_shape_are_drawn() {
    let page = html(&eventful());
    in_order(
        section(&page, "target"),
        &[
            "All calls",
            "<dt>calls</dt><dd><bdi>1,290</bdi>",
            "<dt>nodes</dt><dd><bdi>a, b</bdi>",
            "buckets › identity write",
            "<dt>limit</dt><dd><bdi>3,000</bdi>",
            "<dt>used</dt><dd><bdi>0.95</bdi>",
            "identity write",
            "1 min 15 s",
        ],
    );
    let shown = |target| section(&html(&Report { target, ..empty() }), "target").to_owned();
    assert!(shown(json!(7)).contains("<bdi>7</bdi>"));
    assert!(shown(json!([[1, [2]], {"a": null}])).contains("<dt>a</dt><dd><bdi>(none)</bdi>"));
    assert!(shown(json!({})).contains("The target counted no calls."));
    assert!(shown(json!({"x": {}, "y": -1.5})).contains("<dt>y</dt><dd><bdi>-1.5</bdi>"));
    assert!(shown(json!({"share": 0.0004})).contains("<bdi>0.0004</bdi>"));
}

// Protects P17: whatever HR writes, in whatever field, stays text.
#[test]
fn values_are_never_markup() {
    let cases = [
        (
            "<script>alert(1)</script>",
            "&lt;script&gt;alert(1)&lt;&#x2f;script&gt;",
        ),
        (
            "\"><img src=x onerror=alert(1)>",
            "&quot;&gt;&lt;img src=x onerror=alert(1)&gt;",
        ),
        (
            "' onmouseover='x' {{ run }}",
            "&#x27; onmouseover=&#x27;x&#x27; {{ run }}",
        ),
    ];
    for (evil, escaped) in cases {
        let mut report = eventful();
        report.run = RunId::new(evil);
        report.plan_sha256 = evil.into();
        report.actions_sha256 = evil.into();
        let intake = report.intake.as_mut().unwrap();
        (intake.file, intake.source, intake.sha256) = (evil.into(), evil.into(), evil.into());
        intake.coverage = Coverage::Partial(evil.into());
        for guard in &mut report.guards {
            (guard.name, guard.why) = (evil.into(), evil.into());
        }
        for hold in &mut report.holds {
            (hold.by, hold.why, hold.approve) = (evil.into(), evil.into(), evil.into());
            hold.ops = [(evil.to_owned(), 1)].into();
        }
        report.counts.actions = [(evil.to_owned(), 1)].into();
        for c in &mut report.changes {
            c.person = PersonKey::new(evil);
            (c.reason, c.rule, c.note) = (evil.into(), evil.into(), evil.into());
            c.before = [(evil.to_owned(), evil.into())].into();
            c.after = [(
                evil.to_owned(),
                crate::model::Value::List(vec![evil.into()]),
            )]
            .into();
            (c.manager, c.request_id) = (Some(evil.into()), Some(evil.into()));
        }
        report.changes[1].status = evil.into();
        for f in &mut report.findings {
            f.note = evil.into();
            f.at.column = Some(evil.into());
            f.worker = Some(WorkerId::new(evil));
        }
        report.forecast.bucket = evil.into();
        report.target = json!({evil: evil, "deep": {evil: [evil]}});
        let page = html(&report);
        // Three tables of data and the script of the page: none of HR's.
        assert_eq!(page.matches("<script").count(), 4, "{evil}");
        assert_eq!(page.matches("</script").count(), 4, "{evil}");
        assert!(!page.contains("<img"), "{evil}");
        // In the data a quote is a quote: there only `<`, `>` and `&` could mean anything.
        assert!(!without_data(&page).contains(evil), "{evil}");
        let row = &data(&page, "changes")[0];
        assert_eq!((row["person"].as_str(), row["note"].as_str()), (evil, evil));
        assert!(
            page.matches(escaped).count() > 50,
            "{evil}: every field shows it as text"
        );
    }
}

// Nothing runs but the script of the page, byte for byte, and nothing is fetched.
#[test]
fn the_page_stands_alone() {
    let page = html(&eventful());
    let within = |from: &str, to: &str| between(&page, from, to)[from.len()..].to_owned();
    let hash = |text: &str| base64::encode(&Sha256::digest(text.as_bytes()));
    let (style, script) = (
        within("<style>", "</style>"),
        within("<script>", "</script>"),
    );
    let policy = format!(
        "http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src \
         'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'\"",
        hash(&style),
        hash(&script)
    );
    assert!(page.contains(&policy));
    assert!(style.contains("@media print") && script.starts_with("// Finds"));
    assert!(!page.contains(" style=\""), "the policy would drop it");
    for foreign in [
        "<link",
        "<iframe",
        "<form",
        " src=",
        "url(",
        "@import",
        "://",
        "fetch(",
        "innerHTML",
    ] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    for link in page.split("href=\"").skip(1) {
        assert!(link.starts_with('#'), "{}", &link[..20]);
        let id = link[1..].split('"').next().unwrap();
        assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
    }
    for query in [
        "@media print",
        "prefers-color-scheme: dark",
        ":focus-visible",
        "max-width: 46rem",
        "forced-colors: active",
        "prefers-reduced-motion",
    ] {
        assert!(page.contains(query), "{query}");
    }
}

#[test]
fn tables_can_be_read_aloud() {
    let page = html(&eventful());
    let tables = page.matches("<table").count();
    assert_eq!(tables, 9);
    assert_eq!(page.matches("<caption>").count(), tables);
    for head in page.split("<th").skip(1).filter(|h| !h.starts_with("ead")) {
        let tag = head.split('>').next().unwrap();
        assert!(tag.contains("scope=\""), "<th{tag}>");
    }
}

// A name cannot reorder or hide the words around it.
#[test]
fn invisible_characters_are_written_out() {
    let mut report = eventful();
    report.changes[1].after = [(
        "displayName".into(),
        "Ann\u{202e}gpj\u{0}\u{1b}[1m\u{200b}\u{7f}".into(),
    )]
    .into();
    let page = html(&report);
    assert!(page.contains("Ann[U+202E]gpj␀␛[1m[U+200B]␡"));
    assert!(!page.contains(['\u{202e}', '\0', '\u{1b}', '\u{200b}', '\u{7f}']));
}

// A browser is not given a million rows, and the reader is told.
#[test]
fn long_tables_are_cut_and_say_so() {
    let mut report = eventful();
    let one = change("2000", DeltaKind::Update, Op::UserUpdate, "done");
    report.changes = vec![one; ROWS_DRAWN + 1];
    // The one that somebody has to look at is the last of all, and still drawn.
    report
        .changes
        .push(change("9999", DeltaKind::Update, Op::UserUpdate, "failed"));
    report.findings = vec![report.findings[0].clone(); ROWS_DRAWN];
    report.finding_counts.push(FindingCount {
        kind: FindingKind::LateHire,
        severity: Severity::Info,
        findings: 1,
        workers: 1,
    });
    let page = html(&report);
    let changes = section(&page, "changes");
    in_order(
        changes,
        &["The first 500 of 502 actions", "report.json", ">9999<"],
    );
    assert_eq!(
        changes.matches("<tr role=\"row\" class=").count(),
        ROWS_DRAWN
    );
    let findings = section(&page, "findings");
    assert!(!findings.contains("are drawn here"));
    assert!(
        !findings.contains("#kind-late_hire"),
        "no link to a row that is not drawn"
    );
    assert!(!section(&page, "scheduled").contains("are drawn here"));
}

#[test]
fn numbers_and_times_read_well() {
    for (seconds, words) in [
        (0.0, "0 s"),
        (0.44, "0.4 s"),
        (59.0, "59 s"),
        (60.0, "1 min"),
        (754.2, "12 min 34 s"),
        (3_600.0, "1 h"),
        (12_000.0, "3 h 20 min"),
        (187_200.0, "2 d 4 h"),
    ] {
        assert_eq!(duration(seconds), words, "{seconds}");
    }
    for (n, words) in [
        (0, "0"),
        (999, "999"),
        (1_000, "1,000"),
        (1_234_567, "1,234,567"),
    ] {
        assert_eq!(grouped(n), words);
    }
    for (n, words) in [
        (0.0, "0"),
        (400.0, "400"),
        (5.25, "5.25"),
        (5.1, "5.1"),
        (100.0, "100"),
    ] {
        assert_eq!(decimal(n), words);
    }
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    assert_eq!(html(&eventful()), html(&eventful()));
}
