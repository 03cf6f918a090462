//! The shared fixtures as somebody sees them who knows nothing of them: what is found, and what is proposed.
//!
//! What is expected was written by hand, by looking at the files.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use rollcall_core::model::FindingKind;
use rollcall_core::survey::{Confidence, DoubtKind, Kind, Part, Proposal, propose};
use rollcall_files::{Reading, RefusalKind, Surveyed, survey};

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/hr/files")
        .join(file)
}

fn said(file: &str, reading: &Reading) -> Surveyed {
    let options = reading.options().unwrap();
    survey(&path(file), reading, &options).unwrap_or_else(|e| panic!("{file}: {e}"))
}

fn of(file: &str) -> (Surveyed, Proposal) {
    let surveyed = said(file, &Reading::default());
    let proposal = propose(&surveyed.survey);
    (surveyed, proposal)
}

fn written(proposal: &Proposal) -> BTreeMap<&str, &str> {
    let written = proposal.choices.iter().filter(|it| it.written);
    written.map(|it| (it.writes, it.column.as_str())).collect()
}

fn comments(proposal: &Proposal) -> BTreeMap<&str, &str> {
    let only = proposal.choices.iter().filter(|it| !it.written);
    only.map(|it| (it.writes, it.column.as_str())).collect()
}

fn doubts(surveyed: &Surveyed, column: &str) -> Vec<(DoubtKind, u64)> {
    let column = surveyed
        .survey
        .columns
        .iter()
        .find(|it| it.name == column)
        .unwrap();
    column.doubts.iter().map(|it| (it.kind, it.rows)).collect()
}

fn kinds(surveyed: &Surveyed) -> Vec<(&str, Kind)> {
    let columns = surveyed.survey.columns.iter();
    columns.map(|it| (it.name.as_str(), it.kind)).collect()
}

/// Choices that are written, and those that are comments only.
type Pairs = &'static [(&'static str, &'static str)];

#[test]
fn every_fixture_gets_what_a_person_would_choose() {
    let cases: [(&str, Pairs, Pairs); 10] = [
        (
            "01-bom-crlf-quoted-newline.csv",
            &[
                ("worker.key", "EmployeeID"),
                ("givenName", "FirstName"),
                ("surname", "LastName"),
                ("jobTitle", "Title"),
            ],
            &[("streetAddress", "Address")],
        ),
        (
            "02-semicolon-cp1252.csv",
            &[
                ("worker.key", "Personalnummer"),
                ("worker.status", "Status"),
                ("worker.hire_date", "Eintritt"),
                ("givenName", "Vorname"),
                ("surname", "Nachname"),
            ],
            &[],
        ),
        (
            "03-unicode-text-utf16le.txt",
            &[
                ("worker.key", "EmployeeID"),
                ("givenName", "FirstName"),
                ("surname", "LastName"),
                ("city", "City"),
            ],
            &[],
        ),
        (
            "04-sep-line.csv",
            &[
                ("worker.key", "EmployeeID"),
                ("givenName", "FirstName"),
                ("surname", "LastName"),
            ],
            &[],
        ),
        (
            "06-preamble-and-totals.csv",
            &[
                ("worker.key", "EmployeeID"),
                ("worker.status", "Status"),
                ("givenName", "FirstName"),
                ("surname", "LastName"),
            ],
            &[],
        ),
        (
            "14-duplicates.csv",
            &[
                ("worker.key", "EmployeeID"),
                ("worker.status", "Status"),
                ("givenName", "FirstName"),
                ("surname", "LastName"),
                ("department", "Department"),
            ],
            &[],
        ),
        // Two columns are called `LastName`: nobody can say which one is meant.
        (
            "15-header-noise.csv",
            &[
                ("worker.key", "Employee ID"),
                ("worker.hire_date", "Hire Date"),
                ("givenName", "First Name"),
            ],
            &[("surname", "LastName")],
        ),
        (
            "16-dates-mixed.csv",
            &[("worker.key", "EmployeeID")],
            &[
                ("worker.hire_date", "HireDate"),
                ("worker.last_day", "EndDate"),
            ],
        ),
        (
            "22-ids-as-numbers.xlsx",
            &[
                ("worker.key", "EmployeeID"),
                ("worker.status", "Active"),
                ("businessPhones", "Phone"),
            ],
            &[("postalCode", "ZipCode")],
        ),
        (
            "csv2scim-1000.csv",
            &[
                ("worker.key", "WorkerID"),
                ("worker.status", "WorkerStatus"),
                ("worker.manager", "ManagerID"),
                ("worker.hire_date", "HireDate"),
                ("displayName", "FullName"),
                ("givenName", "FirstName"),
                ("surname", "LastName"),
                ("jobTitle", "JobTitle"),
                ("department", "Department"),
                ("companyName", "Company"),
                ("officeLocation", "Location"),
                ("employeeType", "WorkerType"),
                ("employeeOrgData.division", "Division"),
                ("employeeOrgData.costCenter", "CostCenter"),
                ("city", "City"),
                ("country", "CountryCode"),
                ("businessPhones", "OfficePhone"),
            ],
            &[
                ("streetAddress", "StreetAddress"),
                ("postalCode", "ZipCode"),
            ],
        ),
    ];
    for (file, expected, only) in cases {
        let (_, proposal) = of(file);
        assert_eq!(
            written(&proposal),
            expected.iter().copied().collect(),
            "{file}: {:#?}",
            proposal.choices
        );
        assert_eq!(
            comments(&proposal),
            only.iter().copied().collect(),
            "{file}"
        );
        let mapping = rollcall_core::mapping::Mapping::parse(&proposal.mapping_toml(), file);
        assert!(mapping.is_ok(), "{file}: {mapping:?}");
    }
}

#[test]
fn encodings_delimiters_titles_and_totals_are_found() {
    let (german, proposal) = of("02-semicolon-cp1252.csv");
    assert_eq!(german.detected.delimiter, Some(b';'));
    assert_eq!(german.how.encoding.as_deref(), Some("windows-1252"));
    assert!(german.how.encoding_assumed);
    assert_eq!(proposal.statuses.active, ["aktiv"]);
    assert_eq!(proposal.statuses.away, ["beurlaubt"]);
    let config = proposal.config_toml(&german.how);
    assert!(
        config.contains("\"Eintritt\" = { type = \"date\", format = \"%d.%m.%Y\" }"),
        "{config}"
    );
    assert!(
        config.contains("# \"FTE\" = { type = \"decimal\", decimal = \",\" }"),
        "{config}"
    );

    let (titles, proposal) = of("06-preamble-and-totals.csv");
    assert_eq!((titles.how.header_row, titles.survey.rows), (Some(5), 3));
    let footer = titles.survey.footer.as_ref().unwrap();
    assert_eq!(
        (footer.begins.as_str(), footer.count_column),
        ("Total", Some(2))
    );
    assert!(proposal.is_complete());
    assert_eq!(titles.detected.control_total, Some(3));

    let (sep, _) = of("04-sep-line.csv");
    assert_eq!(
        (sep.detected.delimiter, sep.how.header_row),
        (Some(b';'), None)
    );
    let (wide, _) = of("03-unicode-text-utf16le.txt");
    assert_eq!(
        (wide.detected.delimiter, wide.survey.rows),
        (Some(b'\t'), 3)
    );
    let (offset, proposal) = of("28-offset-range.xlsx");
    assert_eq!(offset.detected.header_row, Some(5));
    assert_eq!(written(&proposal)["worker.key"], "EmployeeID");
    let (marks, _) = of("08-trailer-ok.txt");
    assert!(
        marks
            .survey
            .doubts
            .iter()
            .any(|it| it.kind == DoubtKind::RecordMarks)
    );
}

#[test]
fn days_in_many_forms_are_not_guessed() {
    let (mixed, proposal) = of("16-dates-mixed.csv");
    let hire = mixed.survey.columns[1].days.clone().unwrap();
    assert_eq!(hire.format.as_deref(), Some("iso"));
    assert_eq!(
        (hire.rows, hire.of_form, hire.forms),
        (6, 2, 4),
        "{hire:#?}"
    );
    assert_eq!(
        doubts(&mixed, "HireDate"),
        [
            (DoubtKind::MixedDates, 4),
            (DoubtKind::NoSuchDay, 1),
            (DoubtKind::SerialNumber, 1)
        ]
    );
    assert_eq!(doubts(&mixed, "EndDate"), [(DoubtKind::SentinelDate, 4)]);
    let open: Vec<String> = mixed.survey.columns[2]
        .days
        .clone()
        .unwrap()
        .open
        .into_keys()
        .collect();
    assert_eq!(open, ["00000000", "12/31/9999", "1900-01-00", "9999-12-31"]);
    assert!(!proposal.is_complete());
}

#[test]
fn what_is_wrong_with_keys_is_counted() {
    let (duplicates, proposal) = of("14-duplicates.csv");
    let key = &duplicates.survey.columns[0];
    assert_eq!((key.several, key.again), (Some(3), Some(3)));
    assert_eq!(
        proposal.choice(Part::Key).unwrap().confidence,
        Confidence::Likely
    );
    assert!(
        duplicates
            .survey
            .doubts
            .iter()
            .any(|it| it.kind == DoubtKind::RowsRepeat && it.rows == 2)
    );
    assert_eq!(
        doubts(&duplicates, "EmployeeID"),
        [(DoubtKind::SpacesAround, 1)]
    );

    let (lost, _) = of("05-leading-zeros-lost.csv");
    assert_eq!(
        doubts(&lost, "EmployeeID"),
        [
            (DoubtKind::ScientificNotation, 1),
            (DoubtKind::ZerosLost, 1)
        ]
    );
    assert_eq!(doubts(&lost, "ZipCode"), [(DoubtKind::ZerosLost, 2)]);

    let (numbers, proposal) = of("22-ids-as-numbers.xlsx");
    assert_eq!(numbers.findings[&FindingKind::KeyFromNumber], 1);
    assert_eq!(doubts(&numbers, "EmployeeID"), [(DoubtKind::ZerosLost, 1)]);
    assert_eq!(proposal.statuses.active, ["TRUE", "true"]);

    let (sample, proposal) = of("csv2scim-1000.csv");
    let key = &sample.survey.columns[0];
    assert_eq!(
        (key.distinct, key.several, key.again),
        (624, Some(265), Some(376))
    );
    assert!(key.distinct_exact);
    assert_eq!(proposal.statuses.active, ["Active"]);
    assert_eq!(proposal.statuses.inactive, ["Inactive"]);
    let manager = proposal.choice(Part::Manager).unwrap();
    assert_eq!(manager.confidence, Confidence::Likely);
    assert!(
        manager
            .reason
            .contains("of its values are keys in `WorkerID`"),
        "{}",
        manager.reason
    );
    // `UK` is written for GB in it.
    assert!(
        proposal
            .mapping_toml()
            .contains("Switch([CountryCode], [CountryCode], \"UK\", \"GB\")")
    );
    assert!(proposal.left_out.iter().any(|it| it == "GenderPronoun"));
}

#[test]
fn kinds_are_what_stands_there() {
    let (sample, _) = of("csv2scim-1000.csv");
    let kinds: BTreeMap<&str, Kind> = kinds(&sample).into_iter().collect();
    for (column, kind) in [
        ("WorkerID", Kind::Digits),
        ("WorkerStatus", Kind::Text),
        ("HireDate", Kind::Day),
        ("OnLeave", Kind::Boolean),
        ("CountryCode", Kind::Country),
        ("OfficePhone", Kind::Phone),
        ("ZipCode", Kind::Digits),
        ("FullName", Kind::Text),
    ] {
        assert_eq!(kinds[column], kind, "{column}");
    }
}

#[test]
fn a_file_that_is_refused_is_refused_here() {
    for (file, kind) in [
        ("09-truncated-in-quote.csv", RefusalKind::Truncated),
        ("10-truncated-at-field.csv", RefusalKind::Truncated),
        ("11-header-only.csv", RefusalKind::Empty),
        ("12-zero-bytes.csv", RefusalKind::Empty),
        ("23-password.xlsx", RefusalKind::PasswordProtected),
        ("25-html-named.xls", RefusalKind::WrongFormat),
        ("no-such-file.csv", RefusalKind::Missing),
    ] {
        let reading = Reading::default();
        let refused = survey(&path(file), &reading, &reading.options().unwrap())
            .map(|_| ())
            .unwrap_err();
        assert_eq!(refused.kind, kind, "{file}: {refused}");
    }
}

#[test]
fn what_is_said_of_a_file_counts() {
    let reading: Reading = serde_json::from_str(
        r#"{"record_types": {"H": ["RecordType", "Company", "Feed", "Date", "Time", "Coverage"],
            "D": ["RecordType", "EmployeeID", "FirstName", "LastName", "Status", "HireDate"],
            "T": ["RecordType", "Count"]}}"#,
    )
    .unwrap();
    let surveyed = said("08-trailer-ok.txt", &reading);
    let proposal = propose(&surveyed.survey);
    assert_eq!(written(&proposal)["worker.key"], "EmployeeID");
    assert_eq!(
        (
            proposal.statuses.active.len(),
            proposal.statuses.inactive.len()
        ),
        (1, 1)
    );
    let config = proposal.config_toml(&surveyed.how);
    assert!(
        config.contains("record_types = { \"D\" = [\"RecordType\", \"EmployeeID\""),
        "{config}"
    );
    let reading: Reading = serde_json::from_str(r#"{"header_row": 4}"#).unwrap();
    let surveyed = said("19-merged-headers.xlsx", &reading);
    assert_eq!(
        (surveyed.how.header_row, surveyed.how.header_said),
        (Some(4), true)
    );
}
