//! Writes `report.html` of an invented night to stdout, for the browser tests (`tests/browser`).
//!
//! `report_pages CHANGES`: so many actions of invented people, the first of them with values that
//! somebody would like to be code. The same number gives the same bytes.

use std::collections::BTreeMap;
use std::io::Write as _;

use jiff::{SignedDuration, Timestamp};
use rollcall_core::delta::Coverage;
use rollcall_core::model::{
    Attributes, Finding, FindingKind, Op, PersonKey, Place, ProofItem, ProofOf, ProofVerdict,
    RunId, Severity, WorkerId,
};
use rollcall_core::plan::{Counts, Forecast, GroupCounts, GuardVerdict, LicenceCounts, Verdict};
use rollcall_core::policy::DeltaKind;
use rollcall_core::report::{
    Change, Hold, IntakeFacts, LateCause, Lateness, OutcomeCounts, Report, RunKind, count_findings,
    html,
};

const RUN: &str = "20260316T020000Z-5f3a09c1";
const CITIES: [&str; 6] = ["Brno", "Łódź", "Oslo", "São Paulo", "東京", "القاهرة"];
const FIRST: [&str; 8] = [
    "Zofia", "Noor", "Aino", "João", "Mehmet", "Đặng", "Siobhán", "Kwame",
];
const LAST: [&str; 7] = [
    "Nováková",
    "Okafor",
    "Lindqvist",
    "Ferreira",
    "Yıldız",
    "O’Brien",
    "Vogel",
];

fn main() -> std::io::Result<()> {
    let changes = std::env::args().nth(1).and_then(|n| n.parse().ok());
    let Some(changes) = changes else {
        return Err(std::io::Error::other("usage: report_pages CHANGES"));
    };
    std::io::stdout().write_all(html(&night(changes)).as_bytes())
}

fn at(seconds: i64) -> Timestamp {
    let midnight: Timestamp = "2026-03-16T02:00:00Z".parse().expect("an instant");
    midnight + SignedDuration::from_secs(seconds)
}

fn name(n: usize) -> String {
    format!("{} {}", FIRST[n % FIRST.len()], LAST[n / 3 % LAST.len()])
}

/// What HR might write, on purpose or not.
fn hostile() -> Vec<String> {
    vec![
        "</script><script>document.title = 'taken'</script>".to_owned(),
        "\"><img src=x onerror=alert(1)>".to_owned(),
        "=HYPERLINK(\"https://woodgrove.example\",\"click\")".to_owned(),
        "Ann \u{202e}exe.gpj\u{202c} \u{2066}Smith\u{200b}".to_owned(),
        "<!--<script>\u{0}\u{1b}[31m\u{2028}]]>".to_owned(),
        "Maximiliane ".repeat(834),
        "W".repeat(10_000),
    ]
}

fn change(n: usize, hostile: &[String]) -> Change {
    let person = 100_000 + n / 2;
    let (delta, op) = match n % 10 {
        0 => (DeltaKind::Joiner, Op::UserCreate),
        1 => (DeltaKind::Joiner, Op::UserSetManager),
        2 => (DeltaKind::Leaver, Op::UserDisable),
        3 => (DeltaKind::Leaver, Op::UserRevokeSessions),
        4 => (DeltaKind::Leaver, Op::GroupRemove),
        5 => (DeltaKind::Leaver, Op::UserProof),
        6 => (DeltaKind::Joiner, Op::LicenceAssign),
        _ => (DeltaKind::Mover, Op::UserUpdate),
    };
    let (status, note) = match n % 97 {
        5 => (
            "failed",
            "Request_BadRequest: the value is too long; shorten it in HR",
        ),
        13 => ("stale", "the account was changed by somebody else"),
        29 => ("waiting", "for replication, until 2026-03-16T02:20:00Z"),
        31 => ("unknown", "the answer was lost; look at the account"),
        n if n % 9 == 7 => ("held", "kept back by disables"),
        n if n % 11 == 8 => ("scheduled", ""),
        n if n % 13 == 6 => ("already", ""),
        _ => ("done", ""),
    };
    let (status, note) = match hostile.get(n) {
        Some(_) => ("failed", "Request_BadRequest: the value is not allowed"),
        None => (status, note),
    };
    let (mut before, mut after) = (Attributes::new(), Attributes::new());
    if op == Op::UserCreate {
        for (attribute, value) in [
            ("displayName", name(n)),
            (
                "userPrincipalName",
                format!("user{person}@woodgrove.example"),
            ),
            ("employeeId", person.to_string()),
            ("city", CITIES[n / 10 % 6].to_owned()),
            ("department", format!("Department {}", n / 10 % 400)),
            ("jobTitle", format!("Specialist {}", n / 10 % 90)),
        ] {
            after.insert(attribute.to_owned(), value.as_str().into());
        }
        for extra in 1..=10 {
            let value = format!("value {}", n / 10 % (extra * 30));
            after.insert(format!("extensionAttribute{extra}"), value.as_str().into());
        }
    }
    if op == Op::UserUpdate {
        before.insert("city".to_owned(), CITIES[n % 6].into());
        after.insert("city".to_owned(), CITIES[(n + 1) % 6].into());
        before.insert("displayName".to_owned(), name(n).as_str().into());
        after.insert("displayName".to_owned(), name(n + 1).as_str().into());
        before.insert("mobilePhone".to_owned(), "".into());
    }
    if let Some(value) = hostile.get(n) {
        before.insert("displayName".to_owned(), "(none)".into());
        after.insert("displayName".to_owned(), value.as_str().into());
    }
    let seconds = i64::try_from(n).unwrap_or_default() % 5_000;
    let (late, cause) = match (op, status) {
        (Op::UserDisable, "done") => (Some(seconds * seconds / 40), LateCause::HrEntry),
        _ => (None, LateCause::Pipeline),
    };
    let proof = if op == Op::UserProof && status == "done" {
        proof(n)
    } else {
        Vec::new()
    };
    let ended = !matches!(status, "scheduled" | "held");
    Change {
        person: PersonKey::new(person.to_string()),
        delta,
        op,
        reason: "an attribute changed in HR".to_owned(),
        rule: format!("rule.{}", op.name()),
        due: (n % 50 != 8).then(|| at(if ended { 0 } else { 86_400 * 16 })),
        row: Some(u32::try_from(n / 2 + 2).unwrap_or(u32::MAX)),
        before,
        after,
        manager: (op == Op::UserSetManager).then(|| (person - 1).to_string()),
        grant: if op == Op::GroupRemove {
            Some(format!("group:site-{}", n / 10 % 40))
        } else {
            (op == Op::LicenceAssign).then(|| "licence:SPE_E5".to_owned())
        },
        status: status.to_owned(),
        note: note.to_owned(),
        at: ended.then(|| at(seconds)),
        request_id: ended.then(|| format!("{n:08x}-0000-4000-8000-{:012x}", n * 7919)),
        entered: None,
        seen: None,
        lateness_seconds: late,
        lateness_cause: late.map(|_| cause),
        proof,
    }
}

fn proof(n: usize) -> Vec<ProofItem> {
    let item = |of, name: Option<&str>, verdict, reason: Option<&str>| ProofItem {
        of,
        id: None,
        name: name.map(str::to_owned),
        verdict,
        reason: reason.map(str::to_owned),
    };
    let residual = n % 200 == 5;
    vec![
        item(ProofOf::Account, None, ProofVerdict::Gone, None),
        item(
            ProofOf::Group,
            Some("All Staff"),
            if residual {
                ProofVerdict::Residual
            } else {
                ProofVerdict::Gone
            },
            residual.then_some("a group that somebody else keeps"),
        ),
    ]
}

fn findings(count: usize) -> Vec<Finding> {
    let kinds = [
        (
            FindingKind::TzAssumed,
            Severity::Info,
            "no zone; the default was taken",
        ),
        (
            FindingKind::ManagerNotInRoster,
            Severity::Warning,
            "the manager is in no row",
        ),
        (
            FindingKind::DuplicateConflict,
            Severity::Held,
            "key on 2 rows that differ",
        ),
        (
            FindingKind::LeaverBackdated,
            Severity::Warning,
            "the end was entered 3 d after it",
        ),
        (
            FindingKind::DeviceUnresponsive,
            Severity::Warning,
            "silent for 15 d",
        ),
        (
            FindingKind::LateHire,
            Severity::Info,
            "the first day was 2 d before",
        ),
    ];
    let one = |n: usize| {
        let (kind, severity, note) = kinds[n % kinds.len()];
        let row = u32::try_from(n + 2).unwrap_or(u32::MAX);
        Finding::new(kind, severity, Place::cell(row, "Site"), note)
            .of(&WorkerId::new((100_000 + n).to_string()))
    };
    (0..count).map(one).collect()
}

fn counted(changes: &[Change]) -> (OutcomeCounts, Counts) {
    let mut outcomes = OutcomeCounts::default();
    let mut counts = Counts::default();
    for change in changes {
        let slot = match change.status.as_str() {
            "done" => &mut outcomes.done,
            "already" => &mut outcomes.already,
            "failed" => &mut outcomes.failed,
            "stale" => &mut outcomes.stale,
            "waiting" => &mut outcomes.waiting,
            "held" => &mut outcomes.held,
            "unknown" => &mut outcomes.unknown,
            _ => {
                *counts
                    .scheduled
                    .entry(change.op.name().to_owned())
                    .or_default() += 1;
                continue;
            }
        };
        *slot += 1;
        *counts
            .actions
            .entry(change.op.name().to_owned())
            .or_default() += 1;
        if change.status == "held" {
            *counts
                .held_actions
                .entry(change.op.name().to_owned())
                .or_default() += 1;
        }
    }
    (outcomes, counts)
}

fn night(count: usize) -> Report {
    let hostile = hostile();
    let changes: Vec<Change> = (0..count).map(|n| change(n, &hostile)).collect();
    let findings = findings(count / 5 + 6);
    let (outcomes, counts) = counted(&changes);
    let rows = u32::try_from(count * 3).unwrap_or(u32::MAX);
    let of = |delta: DeltaKind| {
        u32::try_from(changes.iter().filter(|c| c.delta == delta).count()).unwrap_or(u32::MAX)
    };
    let held = counts.held_actions.clone();
    let counts = Counts {
        rows,
        workers: rows - 2,
        joiners: of(DeltaKind::Joiner),
        movers: of(DeltaKind::Mover),
        leavers: of(DeltaKind::Leaver),
        unchanged: rows / 2,
        held: 2,
        findings: u32::try_from(findings.len()).unwrap_or(u32::MAX),
        groups: (0..40)
            .map(|n| {
                let group = GroupCounts {
                    enters: n * 3,
                    leaves: n,
                    stays: n % 4,
                };
                (format!("site-{n}"), group)
            })
            .collect(),
        licences: [(
            "SPE_E5".to_owned(),
            LicenceCounts {
                gains: 1_200,
                losses: 300,
                free: Some(1_000),
                without: 0,
            },
        )]
        .into(),
        ..counts
    };
    let disabled: Vec<i64> = changes.iter().filter_map(|c| c.lateness_seconds).collect();
    Report {
        format_version: rollcall_core::plan::FORMAT_VERSION,
        run: RunId::new(RUN),
        kind: RunKind::Run,
        intake: Some(IntakeFacts {
            source: "hr".to_owned(),
            file: "workers-2026-03-16.csv".to_owned(),
            sha256: "c1".repeat(32),
            rows,
            as_of: at(-14_400),
            coverage: Coverage::Full,
        }),
        sources: Vec::new(),
        now: at(0),
        finished: at(5_100),
        apply_seconds: 5_000.0,
        verdict: Verdict::PartHeld,
        plan_sha256: "a1".repeat(32),
        actions_sha256: "b1".repeat(32),
        counts,
        outcomes,
        guards: vec![
            guard(
                "disables",
                600.0,
                400.0,
                "600 accounts would be disabled, 0 were in the last 24 hours",
            ),
            guard("creates", 120.0, 2_000.0, "120 accounts would be created"),
        ],
        holds: vec![Hold {
            by: "disables".to_owned(),
            why: "600 accounts would be disabled; the limit is 400".to_owned(),
            persons: 600,
            ops: held,
            approve: format!(
                "rollcall approve {RUN} --plan {} --guard disables --reason TEXT",
                "a1".repeat(32)
            ),
        }],
        head: Some(format!("71:{}", "d1".repeat(32))),
        changes,
        finding_counts: count_findings(&findings),
        findings,
        lateness: Lateness {
            disabled: u32::try_from(disabled.len()).unwrap_or(u32::MAX),
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
            calls: 112_430,
            bucket: "identity write".to_owned(),
            seconds: 4_875.5,
        },
        target: serde_json::json!({
            "calls": 112_900, "retries": 41, "throttled": 12, "throttled_tenant_wide": 0,
            "buckets": BTreeMap::from([
                ("identity_tenant_app", bucket(88_000, 310_000, 9)),
                ("identity_write_tenant_app", bucket(61_000, 61_000, 3)),
                ("intune", bucket(1_400, 1_400, 0)),
            ]),
        }),
        seats: Vec::new(),
    }
}

fn guard(name: &str, counted: f64, limit: f64, why: &str) -> GuardVerdict {
    GuardVerdict {
        name: name.to_owned(),
        counted,
        limit,
        tripped: counted > limit,
        why: why.to_owned(),
    }
}

fn bucket(calls: u64, units: u64, throttled: u64) -> serde_json::Value {
    serde_json::json!({"calls": calls, "units": units, "waited_ms": calls * 3, "throttled": throttled})
}
