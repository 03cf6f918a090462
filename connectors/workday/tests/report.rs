//! Reports of a simulated tenant, in all forms.

mod common;

use std::collections::BTreeMap;

use common::{config, now, pull, since, source, want};
use jiff::civil::date;
use rollcall_core::delta::Coverage;
use rollcall_peers::population;
use rollcall_peers::workday::{self as peer, Trouble};
use rollcall_source::{Cursor, RefusalKind, Source as _};

const COLUMNS: [&str; 7] = [
    "Employee_ID",
    "Worker_Status",
    "Legal_Name_-_First_Name",
    "Hire_Date",
    "Business_Title",
    "Company",
    "Manager_ID",
];

fn tenant(troubles: Vec<Trouble>) -> peer::Workday {
    peer::Workday::of(&population(3, 90, date(2026, 3, 16)), now(), troubles)
}

fn report(format: &str, more: &str) -> rollcall_workday::Config {
    config(&format!(
        "[report]\nowner = \"{}\"\nname = \"{}\"\nkey = \"Employee_ID\"\nformat = \"{format}\"\n{more}",
        peer::REPORT_OWNER,
        peer::REPORT_NAME
    ))
}

#[tokio::test(start_paused = true)]
async fn every_form_says_the_same() {
    let want = want(&COLUMNS, "Employee_ID");
    let mut forms = BTreeMap::new();
    for format in ["json", "csv", "xml", "simplexml"] {
        let source = source(report(format, ""), tenant(Vec::new()).exchange());
        assert!(!source.describe().incremental);
        let (pulled, taken) = pull(&source, &want).await.expect("a pull");
        assert_eq!(
            (pulled.rows, pulled.coverage, pulled.cursor),
            (90, Coverage::Full, None)
        );
        assert_eq!(pulled.findings, []);
        forms.insert(format, taken.rows);
    }
    for rows in forms.values() {
        assert_eq!(rows, &forms["json"]);
        assert!(rows.iter().all(|it| it.values["Hire_Date"].len() == 10));
    }
}

#[tokio::test(start_paused = true)]
async fn parts_come_one_after_another() {
    let parts = "parts = [{ Company = \"1000\" }, { Company = \"2000\" }, { Company = \"3000\" }]";
    let tenant = tenant(Vec::new());
    let source = source(report("json", parts), tenant.exchange());
    let (pulled, taken) = pull(&source, &want(&COLUMNS, "Employee_ID"))
        .await
        .expect("a pull");
    assert_eq!((pulled.rows, tenant.requests()), (90, 3));
    let ids: std::collections::BTreeSet<_> = taken
        .rows
        .iter()
        .map(|it| &it.values["Employee_ID"])
        .collect();
    assert_eq!(ids.len(), 90);
}

#[tokio::test(start_paused = true)]
async fn what_a_report_lost_is_said_or_refused() {
    let want = want(&COLUMNS, "Employee_ID");
    for format in ["json", "csv", "xml", "simplexml"] {
        // The key: nothing can be made of the report.
        let tenant = tenant(vec![Trouble::WithoutColumn("Employee_ID")]);
        let source = source(report(format, ""), tenant.exchange());
        let refused = pull(&source, &want)
            .await
            .map(|it| it.0)
            .expect_err("a refusal");
        assert_eq!(refused.kind, RefusalKind::WrongHeader, "{format}");
        assert_eq!(refused.column.as_deref(), Some("Employee_ID"), "{format}");
        // Another column: a form with a header refuses; one without cannot tell it from empty.
        tenant.trouble(vec![Trouble::WithoutColumn("Company")]);
        match pull(&source, &want).await.map(|it| it.0) {
            Err(refused) => {
                assert_eq!((format, refused.kind), ("csv", RefusalKind::WrongHeader));
            }
            Ok(pulled) => {
                assert_ne!(format, "csv");
                let columns = pulled.findings.iter().map(|it| it.at.column.as_deref());
                assert_eq!(columns.collect::<Vec<_>>(), [Some("Company")]);
            }
        }
        let checked = source.check(&want).await.expect("an answer");
        let mut said = checked.notes.iter().filter(|it| it.is_problem);
        assert!(said.any(|it| it.message.contains("Company")), "{checked:?}");
        tenant.trouble(vec![Trouble::NoRows]);
        let refused = pull(&source, &want)
            .await
            .map(|it| it.0)
            .expect_err("a refusal");
        assert_eq!(refused.kind, RefusalKind::Empty, "{format}");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_without_a_report_are_told_apart() {
    let want = want(&COLUMNS, "Employee_ID");
    let failing = |status, times| {
        vec![Trouble::Failing {
            page: 1,
            status,
            times,
        }]
    };
    let table = [
        (failing(429, 5), None),
        (failing(500, 5), None),
        (failing(503, u32::MAX), Some(RefusalKind::Unavailable)),
        (vec![Trouble::NotAuthorized], Some(RefusalKind::Permission)),
    ];
    for (troubles, kind) in table {
        let source = source(report("json", ""), tenant(troubles).exchange());
        let refused = pull(&source, &want).await.err().map(|it| it.kind);
        assert_eq!(refused, kind);
    }
    let config = config("[report]\nowner = \"Somebody\"\nname = \"Else\"\nkey = \"Employee_ID\"");
    let source = self::source(config, tenant(Vec::new()).exchange());
    let refused = pull(&source, &want)
        .await
        .map(|it| it.0)
        .expect_err("a refusal");
    assert_eq!(refused.kind, RefusalKind::Configuration);
    let changes = since(
        &want,
        &Cursor("2026-03-15T10:00:00Z".to_owned()),
        common::NOW,
    );
    let refused = pull(&source, &changes)
        .await
        .map(|it| it.0)
        .expect_err("a refusal");
    assert_eq!(refused.kind, RefusalKind::CursorExpired);
}

#[test]
fn columns_that_no_report_can_have_are_said() {
    let source = source(report("csv", ""), tenant(Vec::new()).exchange());
    let lacks = |columns: &[&str]| {
        let columns: Vec<String> = columns.iter().map(|it| (*it).to_owned()).collect();
        source.lacks(&columns).map_err(|it| it.len())
    };
    assert_eq!(lacks(&["Employee_ID", "Company"]), Ok(()));
    assert_eq!(lacks(&["Company"]), Err(1));
    assert_eq!(lacks(&["Employee_ID", "Jobs/Position"]), Err(1));
    assert_eq!(lacks(&["Employee_ID", "a/b/c"]), Err(2));
}
