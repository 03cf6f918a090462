//! `report.xlsx` read back by another program, and looked into: types, limits, hostile values.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use calamine::{Data, Range, Reader as _, Xlsx};
use rollcall_core::model::{Finding, FindingKind, PersonKey, Place, RunId, Severity, WorkerId};
use rollcall_core::plan::{Counts, FORMAT_VERSION, Forecast, GuardVerdict, Verdict};
use rollcall_core::policy::DeltaKind;
use rollcall_core::report::{LateCause, Lateness, OutcomeCounts, RunKind};

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn of(person: &str, op: Op, status: &str) -> Change {
    Change {
        person: PersonKey::new(person),
        delta: DeltaKind::Leaver,
        op,
        reason: "the last day is over".into(),
        rule: "leaver.cut".into(),
        due: Some(at("2026-03-16T17:00:00+01:00")),
        row: Some(17),
        before: Attributes::new(),
        after: Attributes::new(),
        manager: None,
        grant: None,
        status: status.into(),
        note: String::new(),
        at: Some(at("2026-03-16T16:00:09.5Z")),
        request_id: None,
        entered: None,
        seen: None,
        lateness_seconds: None,
        lateness_cause: None,
        proof: Vec::new(),
    }
}

fn with(changes: Vec<Change>) -> Report {
    Report {
        format_version: FORMAT_VERSION,
        run: RunId::new("20260316T020000Z-5f3a09c1"),
        kind: RunKind::Run,
        intake: None,
        sources: Vec::new(),
        now: at("2026-03-16T02:00:00Z"),
        finished: at("2026-03-16T02:00:31Z"),
        apply_seconds: 12.5,
        verdict: Verdict::PartHeld,
        plan_sha256: "aa".repeat(32),
        actions_sha256: "bb".repeat(32),
        counts: Counts {
            rows: 20_000,
            ..Counts::default()
        },
        outcomes: OutcomeCounts::default(),
        guards: Vec::new(),
        holds: Vec::new(),
        head: None,
        changes,
        finding_counts: Vec::new(),
        findings: Vec::new(),
        lateness: Lateness::default(),
        forecast: Forecast::default(),
        target: serde_json::Value::Null,
        seats: Vec::new(),
    }
}

fn open(bytes: &[u8]) -> Xlsx<Cursor<Vec<u8>>> {
    Xlsx::new(Cursor::new(bytes.to_vec())).unwrap()
}

fn sheet(bytes: &[u8], name: &str) -> Range<Data> {
    open(bytes).worksheet_range(name).unwrap()
}

/// Every part of the file, by name.
fn parts(bytes: &[u8]) -> BTreeMap<String, String> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut out = BTreeMap::new();
    for at in 0..zip.len() {
        let mut part = zip.by_index(at).unwrap();
        let name = part.name().unwrap().into_owned();
        let mut text = String::new();
        part.read_to_string(&mut text).unwrap();
        out.insert(name, text);
    }
    out
}

/// What a spreadsheet, an XML reader or a terminal might take for something else.
fn hostile() -> Vec<String> {
    let long = "x".repeat(10_000);
    let mut all: Vec<String> = [
        "=1+1",
        "+41",
        "-5",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "=HYPERLINK(\"https://example.org\",\"x\")",
        "=cmd|' /C calc'!A0",
        "{=1+1}",
        "https://example.org/",
        "mailto:ana@woodgrove.example",
        "internal:Summary!A1",
        "file:///etc/passwd",
        "1E5",
        "00042",
        "TRUE",
        "2026-03-16",
        "<f>1+1</f>",
        "</t></is></c><c><f>1</f></c>",
        "]]>",
        "_x0041_",
        "_x003D_1+1",
        " padded ",
        "a\u{0}b\u{8}c\u{1f}d\u{7f}",
        "\u{fffe}\u{ffff}",
        "\u{202e}xslx.gpj",
        "\u{2066}a\u{2069}\u{200b}b\u{feff}",
        "Žofie Łuk 🐘",
    ]
    .map(str::to_owned)
    .into();
    all.push(format!("={long}"));
    all
}

// Protects P17: whatever HR wrote comes back as the text that it was, in every sheet.
#[test]
fn values_are_text_and_never_formulas_or_links() {
    let values = hostile();
    let changes = values.iter().flat_map(|value| {
        let mut it = of(value, Op::UserDisable, "failed");
        it.after.insert(value.clone(), value.as_str().into());
        it.note.clone_from(value);
        it.request_id = Some(value.clone());
        [
            it.clone(),
            Change {
                status: "scheduled".into(),
                ..it
            },
        ]
    });
    let mut report = with(changes.collect());
    for value in &values {
        let place = Place::cell(9, value.as_str());
        let kind = FindingKind::DuplicateConflict;
        report.findings.push(
            Finding::new(kind, Severity::Held, place, value.as_str())
                .of(&WorkerId::new(value.as_str())),
        );
        report.holds.push(Hold {
            by: value.clone(),
            why: value.clone(),
            persons: 1,
            ops: BTreeMap::new(),
            approve: value.clone(),
        });
        report.guards.push(GuardVerdict {
            name: value.clone(),
            counted: 1.0,
            limit: 2.0,
            tripped: false,
            why: value.clone(),
        });
    }
    let bytes = workbook(&report).unwrap();
    for (name, part) in parts(&bytes) {
        for code in [
            "<f>",
            "<f ",
            "<hyperlink",
            "<oleObject",
            "<definedName name=\"_xlnm.Auto_",
        ] {
            assert!(!part.contains(code), "{name}: {code}");
        }
        assert!(
            !name.contains("externalLink") && !name.contains("vba"),
            "{name}"
        );
        assert!(!name.starts_with("xl/worksheets/_rels"), "{name}");
    }
    let shown: Vec<String> = values.iter().map(|it| written_out(it)).collect();
    // Person, note and request of changes; person; who, why and how of holds; worker, column and note.
    for (name, columns) in [
        ("Changes", &[0, 4, 18][..]),
        ("Scheduled", &[0, 4]),
        ("Holds", &[0, 1, 5]),
        ("Findings", &[2, 5, 6]),
        ("Lateness", &[0]),
    ] {
        let range = sheet(&bytes, name);
        for column in columns {
            let cells: Vec<&Data> = range.rows().skip(1).map(|row| &row[*column]).collect();
            let expected: Vec<Data> = shown.iter().map(|it| Data::String(it.clone())).collect();
            assert_eq!(
                cells,
                expected.iter().collect::<Vec<_>>(),
                "{name} {column}"
            );
        }
    }
}

#[test]
fn cells_have_the_type_of_what_they_say() {
    let mut cut = of("1001", Op::UserDisable, "done");
    (cut.lateness_seconds, cut.lateness_cause) = (Some(9), Some(LateCause::Pipeline));
    cut.before = [
        ("city".into(), "Prague".into()),
        ("staff".into(), true.into()),
    ]
    .into();
    let open = of("1002", Op::UserDisable, "failed");
    let bytes = workbook(&with(vec![cut, open])).unwrap();
    let changes = sheet(&bytes, "Changes");
    let row = changes.rows().nth(1).unwrap();
    assert_eq!(row[0], Data::String("1001".into()), "a key is text");
    assert_eq!(row[1], Data::String("leaver".into()));
    assert_eq!(row[7], Data::Float(17.0));
    assert_eq!(row[10], Data::String("city: Prague\nstaff: true".into()));
    assert_eq!(row[11], Data::Empty);
    for (column, expected) in [(8, "2026-03-16T16:00:00"), (9, "2026-03-16T16:00:09.500")] {
        let Data::DateTime(moment) = &row[column] else {
            panic!("{:?}", row[column]);
        };
        let (year, month, day, hour, minute, second, milli) = moment.to_ymd_hms_milli();
        let mut found = format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
        if milli > 0 {
            write!(found, ".{milli}").unwrap();
        }
        assert_eq!(found, expected);
    }
    let lateness = sheet(&bytes, "Lateness");
    let seen: Vec<(&Data, &Data)> = lateness.rows().skip(1).map(|r| (&r[2], &r[7])).collect();
    let (done, late) = (Data::Bool(true), Data::Float(9.0));
    assert_eq!(seen, [(&done, &late), (&Data::Bool(false), &Data::Empty)]);
    let summary = sheet(&bytes, "Summary");
    let value = |what: &str| {
        let mut rows = summary.rows();
        rows.find(|row| row[1] == Data::String(what.to_owned()))
            .unwrap()[2]
            .clone()
    };
    assert_eq!(value("Rows"), Data::Float(20_000.0));
    assert_eq!(value("Seconds of applying"), Data::Float(12.5));
    assert_eq!(value("Verdict"), Data::String("part-held".into()));
}

#[test]
fn headers_stay_and_filter() {
    let bytes = workbook(&with(vec![of("1001", Op::UserUpdate, "done")])).unwrap();
    let names = open(&bytes).sheet_names();
    assert_eq!(
        names,
        [
            "Summary",
            "Changes",
            "Scheduled",
            "Holds",
            "Findings",
            "Lateness"
        ]
    );
    let parts = parts(&bytes);
    let sheets = parts
        .iter()
        .filter(|(name, _)| name.starts_with("xl/worksheets/sheet"));
    let mut seen = 0;
    for (name, part) in sheets {
        seen += 1;
        let frozen =
            "<pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/>";
        assert!(part.contains(frozen), "{name}");
        assert!(part.contains("<autoFilter ref=\"A1:"), "{name}");
        assert!(part.contains("customWidth=\"1\""), "{name}");
    }
    assert_eq!(seen, 6);
}

#[test]
fn the_same_report_is_the_same_file() {
    let report = with(vec![of("1001", Op::UserUpdate, "done")]);
    let (one, two) = (workbook(&report).unwrap(), workbook(&report).unwrap());
    assert!(one == two);
    let made = &parts(&one)["docProps/core.xml"];
    assert!(made.contains(">2026-03-16T02:00:31Z<"), "{made}");
}

#[test]
fn what_one_cell_cannot_hold_is_cut_and_says_so() {
    let units = |text: &str| text.encode_utf16().count();
    for (text, whole) in [
        ("x".repeat(CELL_UNITS), true),
        ("x".repeat(CELL_UNITS + 1), false),
        ("🐘".repeat(CELL_UNITS / 2), true),
        ("🐘".repeat(CELL_UNITS / 2 + 1), false),
        // Shorter before what is invisible in it is written out.
        ("\u{200b}".repeat(CELL_UNITS), false),
    ] {
        let shown = fitting(&text);
        let says = format!("[cut: {} characters in all]", text.chars().count());
        assert_eq!(shown.ends_with(&says), !whole, "{} units", units(&text));
        assert!(units(&shown) <= CELL_UNITS, "{} units", units(&shown));
        assert!(units(&shown) + 2 >= CELL_UNITS, "{} units", units(&shown));
        let mut it = of("1001", Op::UserUpdate, "failed");
        it.note = text;
        let cell = sheet(&workbook(&with(vec![it])).unwrap(), "Changes");
        assert_eq!(cell.get((1, 4)), Some(&Data::String(shown)));
    }
}

#[test]
fn what_one_sheet_cannot_hold_goes_on_in_the_next() {
    let changes: Vec<Change> = (0..7)
        .map(|n| of(&format!("{n}"), Op::UserUpdate, "done"))
        .collect();
    let bytes = render(&with(changes), 3).unwrap();
    let mut people = Vec::new();
    for name in ["Changes", "Changes 2", "Changes 3"] {
        let range = sheet(&bytes, name);
        assert_eq!(
            range.get((0, 0)),
            Some(&Data::String("Person".into())),
            "{name}"
        );
        people.extend(range.rows().skip(1).map(|row| row[0].to_string()));
    }
    assert_eq!(people, ["0", "1", "2", "3", "4", "5", "6"]);
    assert!(!open(&bytes).sheet_names().contains(&"Changes 4".to_owned()));
}
