//! Files that nobody had shown the reader: what people and systems make of text tables, told in a line each.
//!
//! Protects the reader's contract where the shared fixtures do not reach.

#![expect(
    clippy::unwrap_used,
    reason = "a test file; a case of another shape is a failure"
)]

use std::io::Cursor;

use rollcall_core::model::Finding;
use rollcall_files::{Options, Reading, Row, open};

/// A file, what is said of it, and what comes of it.
type Case<'a> = (&'a [u8], &'a str, &'a str);

/// What comes of a file: its columns, its rows (`row@line` where the two differ; `held` with its key), what was found;
/// or why it is refused, and the row.
fn told(bytes: &[u8], said: &str) -> String {
    let said = if said.is_empty() { "{}" } else { said };
    let said: Reading = serde_json::from_str(said).unwrap();
    let mut options = said.options().unwrap();
    options.required.extend(said.key);
    match read(bytes, &options) {
        Ok(told) => told.join(" / "),
        Err(refused) => {
            let row = refused
                .row
                .map_or_else(String::new, |row| format!(" {row}"));
            format!("{}{row}", refused.kind.name())
        }
    }
}

fn read(bytes: &[u8], options: &Options) -> Result<Vec<String>, rollcall_files::Refused> {
    let mut reader = open(Cursor::new(bytes), options)?;
    let delimiter = reader.detected().delimiter.map_or(' ', char::from);
    let mut out = vec![format!("{delimiter} {}", reader.header().join("|"))];
    let mut findings = Vec::new();
    while let Some(row) = reader.next()? {
        findings.extend(row.findings.iter().map(found));
        out.push(shown(&row));
    }
    findings.extend(reader.header_findings().map(found));
    reader.finish()?;
    out.extend(findings);
    Ok(out)
}

fn shown(row: &Row<'_>) -> String {
    let mut place = row.number.to_string();
    if row.line != u64::from(row.number) {
        place = format!("{place}@{}", row.line);
    }
    if row.held {
        return format!("{place} held {}", row.key.as_deref().unwrap_or("?"));
    }
    let values: Vec<String> = row
        .cells()
        .map(|(_, value)| value.map_or("none".to_owned(), |it| it.escape_debug().to_string()))
        .collect();
    format!("{place} {}", values.join("|"))
}

fn found(finding: &Finding) -> String {
    let kind = serde_json::to_value(finding.kind).unwrap();
    let mut out = kind.as_str().unwrap().to_owned();
    let place = [
        finding.at.row.map(|it| it.to_string()),
        finding.at.column.clone(),
    ];
    for part in place.into_iter().flatten() {
        out = format!("{out} {part}");
    }
    for name in [
        "rows",
        "columns",
        "expected",
        "found",
        "value",
        "encoding",
        "count_of_rows",
    ] {
        if let Some(value) = finding.arg(name) {
            out = format!("{out} {name}={value}");
        }
    }
    out
}

fn hold(cases: &[Case<'_>]) {
    let differ: Vec<String> = cases
        .iter()
        .filter_map(|(bytes, said, expected)| {
            let told = told(bytes, said);
            let text = String::from_utf8_lossy(bytes);
            (told != *expected)
                .then(|| format!("{text:?} {said}\n  got  {told}\n  want {expected}"))
        })
        .collect();
    assert!(differ.is_empty(), "\n{}", differ.join("\n"));
}

#[test]
fn days_and_numbers_have_the_declared_form() {
    let dots = r#"{"columns": {"Hire": {"type": "date", "format": "%d.%m.%Y"}}}"#;
    let compact = r#"{"columns": {"Hire": {"type": "date", "format": "%Y%m%d"}}}"#;
    let words = r#"{"columns": {"Hire": {"type": "date", "format": "%d %b %Y"}}}"#;
    let short = r#"{"columns": {"Hire": {"type": "date", "format": "%d.%m.%y"}}}"#;
    let comma = r#"{"columns": {"FTE": {"type": "decimal", "decimal": ","}}}"#;
    let point = r#"{"columns": {"FTE": {"type": "decimal", "decimal": "."}}}"#;
    hold(&[
        (
            b"ID,Hire\n1,01.04.26\n2,1.4.2026\n3,31.02.2026\n4,001.04.2026\n",
            dots,
            ", ID|Hire / 2 held 1 / 3 2|2026-04-01 / 4 held 3 / 5 held 4 / date_format 2 Hire / date_invalid 4 Hire / date_format 5 Hire",
        ),
        (
            b"ID,Hire\n1,2026115\n2,20260315\n3,202603151\n",
            compact,
            ", ID|Hire / 2 held 1 / 3 2|2026-03-15 / 4 held 3 / date_format 2 Hire / date_format 4 Hire",
        ),
        (
            b"ID,Hire\n1,1 Apr 26\n2,01 Apr 2026\n",
            words,
            ", ID|Hire / 2 held 1 / 3 2|2026-04-01 / date_format 2 Hire",
        ),
        (
            b"ID,Hire\n1,01.04.2026\n2,1.4.26\n",
            short,
            ", ID|Hire / 2 held 1 / 3 2|2026-04-01 / date_format 2 Hire",
        ),
        (
            b"ID;FTE\n1;0.875\n2;1.234,5\n3;0,8\n4;00.875\n",
            comma,
            "; ID|FTE / 2 held 1 / 3 2|1234.5 / 4 3|0.8 / 5 held 4 / number_format 2 FTE / number_format 5 FTE",
        ),
        (
            b"ID;FTE\n1;0,875\n2;1,234.5\n",
            point,
            "; ID|FTE / 2 held 1 / 3 2|1234.5 / number_format 2 FTE",
        ),
    ]);
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn a_text_that_was_cut_is_no_other_encoding() {
    let marked = [b"\xff\xfe".to_vec(), utf16("ID\tName\r\n1\tAnn\r\n2\tZoë")].concat();
    let nuls = [b"ID,Name\n1,Ann\n".as_slice(), &[0; 400]].concat();
    let cyrillic = utf16("Номер\tИмя\r\n1\tЮлия\r\n2\tМосква\r\n");
    let japanese = utf16("番号\t氏名\r\n一\t芽衣\r\n");
    hold(&[
        // Inside of the last character, which is the only one that is not ASCII.
        (b"ID,Name\n1,Ann\n2,Bob \xc3", "", "truncated 3"),
        (
            b"ID,Name\n1,Zo\xeb\n",
            "",
            ", ID|Name / 2 1|Zoë / encoding_assumed encoding=windows-1252",
        ),
        (&marked[..marked.len() - 1], "", "truncated"),
        (&nuls, "", "truncated 3"),
        (
            &cyrillic,
            "",
            "\t Номер|Имя / 2 1|Юлия / 3 2|Москва / encoding_assumed encoding=utf-16le",
        ),
        (
            &japanese,
            "",
            "\t 番号|氏名 / 2 一|芽衣 / encoding_assumed encoding=utf-16le",
        ),
        (
            b"ID,Name\n1,A\0\0n\n2,Bob\n",
            "",
            ", ID|Name / 2 held 1 / 3 2|Bob / encoding_error 2 Name",
        ),
        (
            b"ID,Name\n1,Ann\n\0\0,Bob\n3,Cy\n",
            "",
            ", ID|Name / 2 1|Ann / 3 held ? / 4 3|Cy / encoding_error 3 ID",
        ),
    ]);
}

#[test]
fn what_nobody_knows_is_held() {
    hold(&[
        (
            b"ID,Name,Status\n1,#N/A,x\n2,Ann, #REF! \n3,Apt #4,x\n#NAME?,Bob,x\n",
            "",
            ", ID|Name|Status / 2 held 1 / 3 held 2 / 4 3|Apt #4|x / 5 held ? / cell_error 2 Name value=#N/A / \
             cell_error 3 Status value=#REF! / cell_error 5 ID value=#NAME?",
        ),
        (
            b"ID,Hire\n1,#VALUE!\n",
            r#"{"columns": {"Hire": {"type": "date"}}}"#,
            ", ID|Hire / 2 held 1 / cell_error 2 Hire value=#VALUE!",
        ),
        // What is not believed anyway needs no second word.
        (
            "ID,Name\n1,Zoë\n2,Zoë\n3,Zoë\n4,Zoë\n".as_bytes(),
            "",
            ", ID|Name / 2 1|Zoë / 3 2|Zoë / 4 3|Zoë / 5 4|Zoë",
        ),
        (
            b"ID,Name\n1,Zo\xc3\xab\n2,Zo\xc3\xab\n3,Zo\xc3\xab\n4,Zo\xc3\xab\nE\xe9,Ann\n",
            "",
            ", ID|Name / 2 1|Zoë / 3 2|Zoë / 4 3|Zoë / 5 4|Zoë / 6 held ? / encoding_error 6 ID",
        ),
        (
            b"Name,ID,City\nAnn,1,Oslo\nBob,2\nCat,3,Oslo\n",
            r#"{"key": "ID"}"#,
            ", Name|ID|City / 2 Ann|1|Oslo / 3 held ? / 4 Cat|3|Oslo / field_count 3 expected=3 found=2",
        ),
    ]);
}

#[test]
fn the_delimiter_is_that_of_header_and_rows() {
    hold(&[
        (
            b"ID;Name, First\n1;Ash, Ann\n2;Birch, Bob\n",
            "",
            "; ID|Name, First / 2 1|Ash, Ann / 3 2|Birch, Bob",
        ),
        (
            b"ID;Name (Last, First, Middle, Other);Dept\n1;Ash, Ann, M, N;IT\n",
            "",
            "; ID|Name (Last, First, Middle, Other)|Dept / 2 1|Ash, Ann, M, N|IT",
        ),
        (
            b"ID,Skills;Level,Dept\n1,Rust;3,IT\n",
            "",
            ", ID|Skills;Level|Dept / 2 1|Rust;3|IT",
        ),
        (
            b"ID;Name,First,Other\n1;Ash\n2;Birch\n",
            "",
            "; ID|Name,First,Other / 2 1|Ash / 3 2|Birch",
        ),
        (
            b"sep=\t\r\nID\tNote\r\n1\ta;b,c\r\n",
            "",
            "\t ID|Note / 3 1|a;b,c",
        ),
        (b"Sep=|\nID|Name\n1|Ann\n", "", "| ID|Name / 3 1|Ann"),
        (
            b"\"sep=;\"\r\nID;Name\r\n1;Ann\r\n",
            "",
            "; ID|Name / 3 1|Ann",
        ),
        (b"sep=;\rID;Name\r1;Ann\r", "", "; ID|Name / 3 1|Ann"),
        (
            b"sep=;\nID;Name\n1;Ann\n",
            r#"{"header_row": 2}"#,
            "; ID|Name / 3 1|Ann",
        ),
    ]);
}

#[test]
fn the_header_is_found_and_known_again() {
    let header = r#"{"header": ["ID", "Name", "Status"]}"#;
    hold(&[
        (
            b"ID , Name\n1,Ann\nID,Name\n2,Bob\nID,Name",
            "",
            ", ID|Name / 2 1|Ann / 4 2|Bob / header_cleaned 1 ID columns=1 / header_cleaned 1 Name columns=2 / \
             header_repeated 3 / header_repeated 5",
        ),
        (
            b"ID,Name\r\n1,Ann\r\nID,Name",
            "",
            ", ID|Name / 2 1|Ann / header_repeated 3",
        ),
        (
            b"ID,Phone,Phone,Phone#2\n1,a,b,c\n",
            "",
            ", ID|Phone|Phone#3|Phone#2 / 2 1|a|b|c / header_duplicate 1 Phone columns=2 3",
        ),
        (
            b"ID,Phone,Phone,Phone\n1,a,b,c\n",
            "",
            ", ID|Phone|Phone#2|Phone#3 / 2 1|a|b|c / header_duplicate 1 Phone columns=2 3 4",
        ),
        (
            b"\xef\xbb\xbf\xef\xbb\xbf\"ID\",Name\n1,Ann\n",
            "",
            ", ID|Name / 2 1|Ann / header_cleaned 1 ID columns=1",
        ),
        (b"ID,Name\n1,Ann\n", r#"{"header_row": 9}"#, "wrong_header"),
        (
            b"Report\n\nID,Name\n1,Ann\n",
            r#"{"header_row": 2}"#,
            "wrong_header",
        ),
        (
            b"Report\n\nID,Name\n1,Ann\n",
            r#"{"header_row": 3}"#,
            ", ID|Name / 4 1|Ann / preamble_skipped 1 rows=1 2",
        ),
        (
            b"Company:,Woodgrove,x\nID,Name,Status\n1,Ann,x\n",
            header,
            ", ID|Name|Status / 3 1|Ann|x / preamble_skipped 1 rows=1",
        ),
        (
            b"emp_id,nm,st\nID,Name,Status\n1,Ann,x\n",
            header,
            ", ID|Name|Status / 3 1|Ann|x / preamble_skipped 1 rows=1",
        ),
        // Sorted with its header in it: somebody stands above.
        (
            b"0,Zoe,x\nID,Name,Status\n1,Ann,x\n",
            header,
            "wrong_header 1",
        ),
        (
            b"Report title,,\nID,Name,Status\n1,Ann,x\n",
            r#"{"key": "ID"}"#,
            ", ID|Name|Status / 3 1|Ann|x / preamble_skipped 1 rows=1",
        ),
        (
            b"Report title,,\nNo,Name,Hire\n1,Ann,2026-04-01\n",
            r#"{"columns": {"Hire": {"type": "date"}}}"#,
            ", No|Name|Hire / 3 1|Ann|2026-04-01 / preamble_skipped 1 rows=1",
        ),
    ]);
}

#[test]
fn rows_behind_the_last_worker_are_those_that_were_declared() {
    let total = r#"{"footer": {"match": "^Total$", "count_column": 2}}"#;
    let bare = r#"{"footer": {"match": "^T"}}"#;
    hold(&[
        (
            b"ID,Name,Status\n1,Ann,x\n\n\nTotal,1,x\n",
            total,
            ", ID|Name|Status / 2 1|Ann|x / control_total_ok 5 value=1 / footer_skipped 3 rows=3 4 5",
        ),
        (
            b"ID,Name,Status\n1,Ann,x\nTotal,of,all\n",
            bare,
            ", ID|Name|Status / 2 1|Ann|x / footer_skipped 3 rows=3",
        ),
        (
            b"ID,Name,Status\n1,Ann,x\nT2,Bob,x\n",
            bare,
            "wrong_header 3",
        ),
    ]);
}

#[test]
fn one_delimiter_more_at_the_end_of_all_rows_is_no_cell() {
    hold(&[
        (
            b"ID,Name\n1,Ann,\n2,Bob,\n",
            "",
            ", ID|Name / 2 1|Ann / 3 2|Bob / trailing_empty_field 2 count_of_rows=2",
        ),
        // One among others may be shifted by a delimiter in a value.
        (
            b"ID,Name,City\n1,Ash, Ann,\n2,Bob,Oslo\n",
            "",
            ", ID|Name|City / 2 held 1 / 3 2|Bob|Oslo / field_count 2 expected=3 found=4",
        ),
    ]);
}

/// Nobody knows what a cell too many is, or one too few.
#[test]
fn rows_are_held_against_the_delimiter_at_their_end() {
    let rows: Vec<String> = (0..10).map(|at| format!("{at},Ann,Rome,\n")).collect();
    let rows = rows.concat();
    let file = format!("ID,Name,City\n{rows}10,Ash, Cat,Oslo,\n11,Di,\n");
    let told = told(file.as_bytes(), "");
    let expected = " / 11 9|Ann|Rome / 12 held 10 / 13 held 11 / field_count 12 expected=3 found=4 / \
                    field_count 13 expected=3 found=2 / trailing_empty_field 2 count_of_rows=12";
    assert!(told.ends_with(expected), "{told}");
}

#[test]
fn record_types_say_what_rows_are() {
    let plain = r#"{"record_types": {"1": ["Type", "Company", "Date", "Coverage"], "2": ["Type", "ID", "Name", "City"], "4": ["Type", "Count"]}}"#;
    let named = |count: &str| {
        format!(r#"{{"record_types": {{"D": ["Type", "ID"], "T": ["Type", "{count}"]}}}}"#)
    };
    let first =
        r#"{"record_types": {"H": ["Type", "Date", "Count"], "D": ["Type", "ID", "Name"]}}"#;
    hold(&[
        (
            b"1;W;20260315;FULL\n2;7;Ann;Oslo\n2;8;Bob;Rome\n4;2\n",
            plain,
            "; ID|Name|City / 2 7|Ann|Oslo / 3 8|Bob|Rome",
        ),
        (
            b"1;W;20260315;FULL\n2;7;Ann;Oslo\n4;2\n",
            plain,
            "control_total_mismatch 3",
        ),
        (
            b"1;W;20260315;FULL\n2;7;Ann;Oslo\n2;8;Bob\n4;2\n",
            plain,
            "; ID|Name|City / 2 7|Ann|Oslo / 3 held 8 / field_count 3 expected=4 found=3",
        ),
        (
            b"H|20260315|2\nD|1|Ann\nD|2|Bob\n",
            first,
            "| ID|Name / 2 1|Ann / 3 2|Bob",
        ),
        (
            b"H|20260315|3\nD|1|Ann\nD|2|Bob\n",
            first,
            "control_total_mismatch 1",
        ),
        (b"D|1|Ann\nD|2|Bob\n", first, "truncated 2"),
    ]);
    for name in [
        "Count",
        "RecordCount",
        "Record Count",
        "record_count",
        "RowCount",
        "Total",
        "Total Records",
        "NumberOfRecords",
    ] {
        assert_eq!(
            told(b"D|1\nD|2\nT|3\n", &named(name)),
            "control_total_mismatch 3",
            "{name}"
        );
    }
    assert_eq!(
        told(b"D|1\nD|2\nT|3\n", &named("Discount")),
        "| ID / 1 1 / 2 2"
    );
}

#[test]
fn quotes_swallow_nobody() {
    hold(&[
        // Commas in an address are no row.
        (
            b"ID,Name,Address\n1,Ann,\"12 High St\nFlat 3, London, UK\"\n2,Bob,Oslo\n",
            "",
            ", ID|Name|Address / 2 1|Ann|12 High St\\nFlat 3, London, UK / 3@4 2|Bob|Oslo",
        ),
        (
            b"ID,Name,City\n1,Ann,\"x\n2,Bob,y\"\n3,Cy,z\n",
            "",
            "stray_quote 2",
        ),
        (
            b"ID,Name,City\n1,\"Ann,x\n2,Bob\",y\n3,Cy,z\n",
            "",
            "stray_quote 2",
        ),
        (
            b"ID,Name,City\nE1,Ann,\"x\nE22,Bob,y\"\nE3,Cy,z\n",
            r#"{"key_pattern": "^E[0-9]+$"}"#,
            "stray_quote 2",
        ),
        // It closes at the next quote that opens.
        (
            b"ID,Name,City\n1,Ann,\"x\n2,Bob,\"y\"\n3,Cy,z\n",
            "",
            "stray_quote 2",
        ),
        (
            b"\"ID\",\"Name\"\n\"1\",\"Ann\n\"2\",\"Bob\"\n",
            "",
            "stray_quote 2",
        ),
        // It never closes.
        (
            b"ID,Name,City\n1,Ann,x\n2,\"Bob,y\n3,Cy,z\n4,Di,z\n",
            "",
            "truncated 3",
        ),
        (b"ID,Name,City\n1,Ann,x\n2,Bob,\"", "", "truncated 3"),
    ]);
}

#[test]
fn rows_and_lines_are_those_that_people_see() {
    let many = |end: &str| {
        let rows = (0..65_535).map(|at| format!("{at},Ann{end}"));
        format!("ID,Name{end}{}", rows.collect::<String>())
    };
    for end in ["\n", "\r\n", "\r"] {
        let told = told(many(end).as_bytes(), "");
        assert!(
            told.ends_with(" / row_count_at_format_limit 65536"),
            "{end:?}"
        );
    }
    hold(&[
        (
            b"ID,Name\n1,Ann\n\n2,Bob\n\n\n3,Cy\n",
            "",
            ", ID|Name / 2 1|Ann / 4 2|Bob / 7 3|Cy",
        ),
        (
            b"ID,Name\r\n1,Ann\r\n\r\n2,Bob\r\n",
            "",
            ", ID|Name / 2 1|Ann / 4 2|Bob",
        ),
        (b"\n\nID,Name\n1,Ann\n", "", ", ID|Name / 4 1|Ann"),
        (
            b"ID,Name\n1,Ann\n\n2\n3,Cy\n",
            "",
            ", ID|Name / 2 1|Ann / 4 held 2 / 5 3|Cy / field_count 4 expected=2 found=1",
        ),
        (
            b"ID,Name\r1,\"a\rb\"\r2,Bob\r",
            "",
            ", ID|Name / 2 1|a\\rb / 3@4 2|Bob",
        ),
        (
            b"ID,Name\r\n1,\"a\r\nb\"\r\n2,Bob\r\n",
            "",
            ", ID|Name / 2 1|a\\r\\nb / 3@4 2|Bob",
        ),
        (
            b"ID,Name\r\n1,Ann\n2,Bob\r3,Cy\r\n",
            "",
            ", ID|Name / 2 1|Ann / 3 2|Bob / 4 3|Cy",
        ),
        (b"ID,Name\n1,Ann\n\n2,Bob\n\n3", "", "truncated 6"),
        (
            b"Report\n\nRun\n\nID,Name\n1,Ann\n",
            r#"{"header": ["ID", "Name"]}"#,
            ", ID|Name / 6 1|Ann / preamble_skipped 1 rows=1 2 3 4",
        ),
    ]);
}

/// Rows that lie across the border of what is read at once.
#[test]
fn long_rows_are_read_in_one_piece() {
    let long = "x".repeat(300_000);
    let file = format!("ID,Name\n1,\"{long}\r\n{long}\"\n\n2,{long}\n3,Cy");
    let told = told(file.as_bytes(), "");
    let expected = format!(", ID|Name / 2 1|{long}\\r\\n{long} / 4@5 2|{long} / 5@6 3|Cy");
    assert!(told == expected, "{} bytes", told.len());
}

/// The halves of a character on both sides of a delimiter are no text, though they are one together.
#[test]
fn a_character_that_is_cut_by_a_delimiter_holds_its_row() {
    let mut text = "EmployeeID,First,Last\n".to_owned().into_bytes();
    for number in 1..=400 {
        text.extend_from_slice(format!("{number},René,Müller\n").as_bytes());
    }
    text.extend_from_slice(b"401,Ren\xc3,\xa9\n");
    let told = read(&text, &Options::default()).unwrap();
    assert_eq!(told[401], "402 held 401");
    assert!(told[402].starts_with("encoding_error 402"), "{}", told[402]);
}
