//! Workbooks as nobody meant them: one habit of people or programs a case.
//!
//! Protects: no value is silently another one, a row that cannot be believed is held, and whoever
//! cannot be named counts as present.

#![expect(
    clippy::unwrap_used,
    reason = "a test file; a package of another shape is a failure"
)]

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use rollcall_core::model::{Finding, Severity};
use rollcall_files::{Reading, Refused, open};
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

const STYLES: &str = "<styleSheet><numFmts><numFmt numFmtId=\"164\" formatCode=\"yyyy-mm-dd\"/>\
    <numFmt numFmtId=\"165\" formatCode=\"[h]:mm:ss\"/>\
    <numFmt numFmtId=\"166\" formatCode=\"00000\"/></numFmts><cellXfs><xf numFmtId=\"0\"/>\
    <xf numFmtId=\"164\"/><xf numFmtId=\"165\"/><xf numFmtId=\"166\"/></cellXfs></styleSheet>";

fn zipped(parts: &[(String, String)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        let plain = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        zip.start_file(name.as_str(), plain).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// An xlsx of these sheets: name, and what the part has in it.
fn workbook(sheets: &[(&str, String)]) -> Vec<u8> {
    let (mut list, mut rels) = (String::new(), String::new());
    let mut parts = Vec::new();
    for (at, (name, inside)) in sheets.iter().enumerate() {
        write!(
            list,
            "<sheet name=\"{name}\" sheetId=\"{at}\" r:id=\"r{at}\"/>"
        )
        .unwrap();
        let relation = "<Relationship Type=\"http://x/worksheet\" Id=\"r";
        write!(
            rels,
            "{relation}{at}\" Target=\"worksheets/sheet{at}.xml\"/>"
        )
        .unwrap();
        parts.push((
            format!("xl/worksheets/sheet{at}.xml"),
            format!("<worksheet>{inside}</worksheet>"),
        ));
    }
    let rels = format!("<Relationships>{rels}</Relationships>");
    let list = format!("<workbook><sheets>{list}</sheets></workbook>");
    parts.insert(0, ("xl/workbook.xml".to_owned(), list));
    parts.push(("xl/_rels/workbook.xml.rels".to_owned(), rels));
    parts.push(("xl/styles.xml".to_owned(), STYLES.to_owned()));
    zipped(&parts)
}

/// Rows from the first on: a text, `=12` a number, `day:46113`, `long:1.5`, `padded:123`,
/// `<...` a cell's inside after its place, nothing where it is empty.
fn table(rows: &[&[&str]], merged: &[&str]) -> String {
    let mut out = String::from("<sheetData>");
    for (number, row) in (1..).zip(rows) {
        let hidden = if row.first() == Some(&"hidden:") {
            " hidden=\"1\""
        } else {
            ""
        };
        let cells = if hidden.is_empty() { *row } else { &row[1..] };
        write!(out, "<row r=\"{number}\"{hidden}>").unwrap();
        for (letter, cell) in ('A'..).zip(cells) {
            let place = format!("<c r=\"{letter}{number}\"");
            let styled =
                |style: &str, value: &str| format!("{place} s=\"{style}\"><v>{value}</v></c>");
            let xml = match cell.split_once(':') {
                _ if cell.is_empty() => continue,
                Some(("day", value)) => styled("1", value),
                Some(("long", value)) => styled("2", value),
                Some(("padded", value)) => styled("3", value),
                _ => match (cell.strip_prefix('='), cell.strip_prefix('<')) {
                    (Some(number), _) => styled("0", number),
                    (_, Some(inside)) => format!("{place} {inside}</c>"),
                    _ => format!("{place} t=\"inlineStr\"><is><t>{cell}</t></is></c>"),
                },
            };
            out.push_str(&xml);
        }
        out.push_str("</row>");
    }
    out.push_str("</sheetData>");
    if !merged.is_empty() {
        out.push_str("<mergeCells>");
        for area in merged {
            write!(out, "<mergeCell ref=\"{area}\"/>").unwrap();
        }
        out.push_str("</mergeCells>");
    }
    out
}

fn xlsx(rows: &[&[&str]]) -> Vec<u8> {
    workbook(&[("One", table(rows, &[]))])
}

/// `2 00101|Ann` for a row that is taken, `3? held` for one whose key nobody knows.
#[derive(Debug)]
struct Seen {
    rows: Vec<String>,
    /// `kind row column`, held ones with `!`.
    found: Vec<String>,
    header: Vec<String>,
    first_column: Option<String>,
}

fn kind(finding: &Finding) -> String {
    let kind = serde_json::to_value(finding.kind).unwrap();
    let held = if finding.severity == Severity::Held {
        "!"
    } else {
        ""
    };
    let mut out = format!("{}{held}", kind.as_str().unwrap());
    if let Some(row) = finding.at.row {
        write!(out, " {row}").unwrap();
    }
    let places = finding.arg("columns").or_else(|| finding.arg("rows"));
    if let Some(places) = places.or(finding.at.column.as_deref()) {
        write!(out, " {places}").unwrap();
    }
    out
}

fn read(bytes: &[u8], said: Value) -> Result<Seen, Refused> {
    let said: Reading = serde_json::from_value(said).unwrap();
    let mut reader = open(Cursor::new(bytes), &said.options().unwrap())?;
    let header = reader.header().to_vec();
    let first_column = reader.detected().first_column.clone();
    let (mut rows, mut found) = (Vec::new(), Vec::new());
    while let Some(row) = reader.next()? {
        found.extend(row.findings.iter().map(kind));
        let number = row.number;
        let unknown = if row.key.is_none() { "?" } else { "" };
        let values: Vec<String> = row
            .cells()
            .map(|(_, value)| value.map_or_else(|| "-".to_owned(), Into::into))
            .collect();
        rows.push(if row.held {
            format!("{number}{unknown} held")
        } else {
            format!("{number}{unknown} {}", values.join("|"))
        });
    }
    found.extend(reader.header_findings().map(kind));
    reader.finish()?;
    Ok(Seen {
        rows,
        found,
        header,
        first_column,
    })
}

/// Rows and findings of a table, as one text each.
fn seen(rows: &[&[&str]], said: Value) -> (String, String) {
    let seen = read(&xlsx(rows), said).unwrap();
    (seen.rows.join(", "), seen.found.join(", "))
}

fn pair(rows: &str, found: &str) -> (String, String) {
    (rows.to_owned(), found.to_owned())
}

fn columns(name: &str, what: &Value) -> Value {
    json!({ "key": "ID", "columns": { name: what } })
}

#[test]
fn a_number_has_its_own_decimal_sign() {
    let rows: &[&[&str]] = &[
        &["ID", "FTE"],
        &["1", "=1.125"],
        &["2", "0,8"],
        &["3", "=0.8"],
        &["4", "=1E300"],
        &["5", "0.8"],
    ];
    let comma = columns("FTE", &json!({ "type": "decimal", "decimal": "," }));
    let found = "precision_lost 5 FTE, number_format! 5 FTE, number_format! 6 FTE";
    let wanted = pair("2 1|1.125, 3 2|0.8, 4 3|0.8, 5 held, 6 held", found);
    assert_eq!(seen(rows, comma), wanted);
}

#[test]
fn a_day_is_one_whatever_is_declared_of_text() {
    let rows: &[&[&str]] = &[
        &["ID", "End"],
        &["1", "day:46113"],
        &["2", "01.04.2026"],
        &["3", "day:46113.25"],
        &["4", "day:2958465"],
        &["5", "day:0"],
        &["6", "day:60"],
        &["7", "long:1.5"],
        &["8", "=46113"],
    ];
    let said = |open: &[&str]| {
        let date = json!({ "type": "date", "format": "%d.%m.%Y", "open": open });
        columns("End", &date)
    };
    let days = "2 1|2026-04-01, 3 2|2026-04-01, 4 3|2026-04-01";
    let rest = "date_invalid! 7 End, date_invalid! 8 End, date_format! 9 End";
    for open in [["9999-12-31", "1900-01-00"], ["31.12.9999", "00.01.1900"]] {
        let rows = seen(rows, said(&open));
        let held = format!("{days}, 5 4|-, 6 5|-, 7 held, 8 held, 9 held");
        assert_eq!(rows, (held, rest.to_owned()), "{open:?}");
    }
    let open = format!("{days}, 5 4|9999-12-31, 6 held, 7 held, 8 held, 9 held");
    let found = format!("date_invalid! 6 End, {rest}");
    assert_eq!(seen(rows, said(&[])), (open, found));
}

#[test]
fn a_row_that_is_wider_than_the_header_is_held() {
    let rows: &[&[&str]] = &[
        &["ID", "Name", "Status"],
        &["1", "Ann", "Active"],
        &["2", "Bob", "Legal", "Active"],
        &["3", "Cat", "Active", " ", "<t=\"str\"><f>A()</f><v></v>"],
        &["", "", "", "a note beside nobody"],
    ];
    let wanted = pair("2 1|Ann|Active, 3 held, 4 3|Cat|Active", "field_count! 3");
    assert_eq!(seen(rows, json!({ "key": "ID" })), wanted);
}

#[test]
fn a_formula_of_a_sheet_that_nobody_calculated_has_no_value() {
    let vain = "<><f>LOWER(B2)</f><v></v>";
    let header: &[&str] = &["ID", "Mail", "Dept"];
    let (held, found) = seen(&[header, &["1", vain, "IT"]], json!({}));
    assert_eq!(
        (&*held, &*found),
        ("2 held", "formula_without_value! 2 Mail")
    );
    // A formula elsewhere that has one tells that somebody did, and that this one gave nothing.
    for given in [
        "<t=\"str\"><f>A()</f><v>IT</v>",
        "<t=\"shared\"><f t=\"shared\" si=\"0\"/><v>1</v>",
        "<t=\"e\"><f>A()</f>\n<v xml:space=\"preserve\">#N/A</v>",
    ] {
        let given = given.replace("t=\"shared\">", ">");
        let rows = seen(
            &[header, &["1", vain, "IT"], &["2", "x", &given]],
            json!({}),
        );
        assert!(rows.0.starts_with("2 1||IT"), "{given}: {rows:?}");
    }
    // Rows of nothing else are rows too.
    let vain_row: &[&str] = &[vain, vain, vain];
    let (rows, _) = seen(
        &[header, &["1", "a", "IT"], vain_row],
        json!({ "key": "ID" }),
    );
    assert_eq!(rows, "2 1|a|IT, 3? held");
}

#[test]
fn a_key_that_is_no_text_names_nobody() {
    let rows: &[&[&str]] = &[
        &["ID", "Name"],
        &["day:46084", "A"],
        &["00124", "B"],
        &["<t=\"b\"><v>1</v>", "C"],
        &["long:1.5", "D"],
        &["=1.234567890123457E+17", "E"],
        &["=4000000000000000", "F"],
        &["padded:123", "G"],
        &["<t=\"e\"><v>#N/A</v>", "H"],
        &["<t=\"str\"><f>A()</f>", "I"],
        &["", "J"],
    ];
    let (read, found) = seen(rows, json!({ "key": "ID" }));
    let held = "2? held, 3 00124|B, 4? held, 5? held, 6? held, 7? held, 8 123|G, 9? held, \
                10? held, 11? held";
    assert_eq!(read, held);
    let each = "key_from_number! 2 ID, key_from_number! 4 ID, date_invalid! 5 ID, \
                precision_lost! 6 ID, precision_lost! 7 ID, key_from_number 8 ID, \
                cell_error! 9 ID, formula_without_value! 10 ID, key_missing! 11 ID";
    assert_eq!(found, each);
    // Where nobody says which column is the key, its days are days.
    let (read, found) = seen(&rows[..2], json!({}));
    assert_eq!((&*read, &*found), ("2 2026-03-03|A", ""));
}

#[test]
fn a_header_that_was_cleaned_is_known_again() {
    let header: &[&str] = &["ID", "First\u{a0}Name", "Last", "Last", ""];
    let rows = [header, &["1", "a", "b", "c"], header, &["2", "a", "b", "c"]];
    let (read, found) = seen(&rows, json!({}));
    assert_eq!(read, "2 1|a|b|c, 4 2|a|b|c");
    assert!(found.contains("header_repeated 3"), "{found}");
}

#[test]
fn a_name_that_is_merged_downwards_is_of_the_row_below_too() {
    let rows: &[&[&str]] = &[
        &["Report of March"],
        &["ID", "Name", "", "Dept"],
        &["", "First", "Last"],
        &["1", "Ann", "Ash", "IT"],
    ];
    let merged = &["A1:D1", "A2:A3", "B2:C2", "D2:D3"];
    let book = workbook(&[("One", table(rows, merged))]);
    for said in [
        json!({ "header_row": 3 }),
        json!({ "header": ["ID", "First", "Last", "Dept"] }),
    ] {
        let seen = read(&book, said).unwrap();
        assert_eq!(seen.header, ["ID", "First", "Last", "Dept"]);
        assert_eq!(seen.rows, ["4 1|Ann|Ash|IT"]);
    }
}

#[test]
fn cells_under_a_merged_one_are_filled_where_that_is_said() {
    let rows: &[&[&str]] = &[
        &["ID", "Dept", "End", "Note"],
        &["1", "IT", "day:46113", "a"],
        &["2", "", "", "b"],
        &["3", "HR", "", "c"],
    ];
    let merged = &["B2:B3", "C2:C4"];
    let book = workbook(&[("One", table(rows, merged))]);
    let date = json!({ "type": "date", "format": "%d.%m.%Y" });
    let fill = json!({ "merged": "fill", "columns": { "End": date } });
    let filled = read(&book, fill).unwrap();
    let day = "2026-04-01";
    let wanted = [
        format!("2 1|IT|{day}|a"),
        format!("3 2|IT|{day}|b"),
        format!("4 3|HR|{day}|c"),
    ];
    assert_eq!((filled.rows, filled.found), (wanted.to_vec(), Vec::new()));
    let as_it_stands = read(&book, json!({ "key": "ID" })).unwrap();
    let held = [format!("2 1|IT|{day}|a"), "3 held".into(), "4 held".into()];
    assert_eq!(as_it_stands.rows, held);
    // Names are not filled: one over two columns is of the first.
    let wide = workbook(&[("One", table(rows, &["C1:D1", "B2:B3"]))]);
    let seen = read(&wide, json!({ "merged": "fill" })).unwrap();
    assert_eq!(seen.header, ["ID", "Dept", "End", "column 4"]);
    let seen = read(&wide, json!({ "merged": "fill", "header_row": false })).unwrap();
    assert_eq!(seen.rows[0], "1 ID|Dept|End|End");
    // A key under a merged cell is unknown, and that is all there is to say.
    let keys = workbook(&[("One", table(&rows[..3], &["A2:A3"]))]);
    let seen = read(&keys, json!({ "key": "ID" })).unwrap();
    assert_eq!(seen.rows[1], "3? held");
    assert_eq!(seen.found, ["merged_value! 3 ID"]);
}

#[test]
fn sheets_that_look_alike_are_ambiguous() {
    let rows: &[&[&str]] = &[&["ID", "Name"], &["1", "Ann"]];
    let book = workbook(&[("2025", table(rows, &[])), ("2026", table(rows, &[]))]);
    for said in [
        json!({}),
        json!({ "header": ["ID"] }),
        json!({ "key": "ID" }),
    ] {
        let refused = read(&book, said).unwrap_err();
        assert_eq!(refused.kind.name(), "sheet_ambiguous");
        let text = refused.to_string();
        assert!(text.contains("2025") && text.contains("2026"), "{text}");
    }
    let named = read(&book, json!({ "sheet": "2026" })).unwrap();
    assert_eq!(named.rows, ["2 1|Ann"]);
}

#[test]
fn what_is_said_of_columns_tells_the_sheet() {
    let people: &[&[&str]] = &[&["ID", "Hire"], &["1", "2026-04-01"]];
    let sums: &[&[&str]] = &[&["Dept", "Q1", "Q2", "Sum"], &["IT", "=1", "=2", "=3"]];
    let book = workbook(&[("Sums", table(sums, &[])), ("People", table(people, &[]))]);
    let date = json!({ "type": "date" });
    for said in [
        json!({ "key": "ID" }),
        json!({ "columns": { "Hire": date } }),
    ] {
        let seen = read(&book, said).unwrap();
        assert_eq!(seen.rows, ["2 1|2026-04-01"]);
        assert_eq!(seen.found, ["sheet_chosen"]);
    }
    assert_eq!(read(&book, json!({})).unwrap().header[0], "Dept");
}

#[test]
fn a_header_is_found_below_a_title_that_is_narrower() {
    let rows: &[&[&str]] = &[
        &["Report of March"],
        &["", "", "EmployeeID", "FirstName", "LastName", "Status"],
        &["", "", "1", "Ann", "Ash", "Active"],
    ];
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&xlsx(rows)).unwrap();
    let said = Reading::default();
    let options = said.options().unwrap();
    let found = rollcall_files::survey(file.path(), &said, &options).unwrap();
    assert_eq!(found.how.header_row, Some(2));
}

#[test]
fn what_is_no_table_is_said() {
    let page = "<html><body><table><tr><td>1</td></tr></table></body></html>";
    let wide = |text: &str, mark: u16, bytes: fn(u16) -> [u8; 2]| {
        let units = std::iter::once(mark).chain(text.encode_utf16());
        units.flat_map(bytes).collect::<Vec<u8>>()
    };
    for (bytes, what) in [
        (wide(page, 0xfeff, u16::to_le_bytes), Some("html")),
        (wide(page, 0xfeff, u16::to_be_bytes), Some("html")),
        (
            wide(page, 0x20, u16::to_le_bytes)[2..].to_vec(),
            Some("html"),
        ),
        (b"<style>td{}</style><table></table>".to_vec(), Some("html")),
        (b"\n<DIV class=x>a</DIV>".to_vec(), Some("html")),
        (b"<meta charset=utf-8>".to_vec(), Some("html")),
        (b"[\n{\"ID\":\"1\"}]".to_vec(), Some("json")),
        (b"{\"error\": {\"code\": 429}}\n".to_vec(), Some("json")),
        (b"[[\"ID\"],[\"1\"]]".to_vec(), Some("json")),
        (b"-----BEGIN PGP MESSAGE-----\n\nhQ\n".to_vec(), Some("pgp")),
        // Tables that begin like them.
        (b"<ID>,<Name>\n1,a\n".to_vec(), None),
        (b"<title>,<p>\n1,a\n".to_vec(), None),
        (b"<header,Name\n1,a\n".to_vec(), None),
        (b"[ID],[Name]\n1,a\n".to_vec(), None),
        (b"{ID},{Name}\n1,a\n".to_vec(), None),
        (b"-----,Name\n1,a\n".to_vec(), None),
    ] {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match (read(&bytes, json!({})), what) {
            (Err(refused), Some(_)) => {
                let said = (refused.kind.name(), refused.found);
                assert_eq!(said, ("wrong_format", what), "{text}");
            }
            (Ok(seen), None) => assert_eq!(seen.rows, ["2 1|a"], "{text}"),
            (other, _) => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn a_table_begins_where_its_header_does() {
    let rows: &[&[&str]] = &[
        &["Report"],
        &["", "", "ID", "Name", "Name", "", "Dept "],
        &["", "", "1", "a", "b", "c", "d"],
        &["by HR"],
    ];
    let said = json!({ "key": "ID", "header": ["ID", "Dept"] });
    let seen = read(&xlsx(rows), said.clone()).unwrap();
    // Somebody wrote below the table, left of it: it is a column too, but nobody's.
    assert_eq!(seen.first_column.as_deref(), Some("A"));
    let seen = read(&xlsx(&rows[..3]), said).unwrap();
    assert_eq!(seen.first_column.as_deref(), Some("C"));
    assert_eq!(seen.header, ["ID", "Name", "Name#2", "column 6", "Dept"]);
    assert_eq!(seen.rows, ["3 1|a|b|c|d"]);
    let wanted = [
        "preamble_skipped 1 1",
        "header_blank 2 6",
        "header_cleaned 2 7",
        "header_duplicate 2 4 5",
    ];
    assert_eq!(seen.found, wanted);
}

#[test]
fn a_value_left_of_the_table_holds_its_row() {
    let mut rows: Vec<&[&str]> = vec![&["", "ID", "Name"]];
    rows.extend(std::iter::repeat_n::<&[&str]>(&["", "1", "a"], 70));
    rows.push(&["2", "b", "c"]);
    let seen = read(&xlsx(&rows), json!({ "key": "ID" })).unwrap();
    assert_eq!(seen.first_column.as_deref(), Some("B"));
    assert_eq!(seen.found, ["field_count! 72"]);
}

#[test]
fn hidden_rows_are_those_of_people() {
    let rows: &[&[&str]] = &[
        &["hidden:", "Title"],
        &["hidden:", "ID", "Name", "Status"],
        &["1", "a", "x"],
        &["hidden:", "2", "b", "x"],
    ];
    let (_, found) = seen(rows, json!({ "header": ["ID", "Name"] }));
    assert_eq!(found, "preamble_skipped 1 1, hidden_rows_read 4");
    let (_, found) = seen(&rows[1..], json!({ "header_row": false }));
    assert_eq!(found, "hidden_rows_read 1, 3");
}

#[test]
fn a_round_number_lost_no_digits() {
    let rows: &[&[&str]] = &[
        &["ID", "A", "B", "C"],
        &["1", "=1E15", "=1234567890123456", "=12345678901234567890"],
    ];
    let (read, found) = seen(rows, json!({ "key": "ID" }));
    let numbers = "1000000000000000|1234567890123456|12345678901234567000";
    assert_eq!(read, format!("2 1|{numbers}"));
    assert_eq!(found, "precision_lost 2 B, precision_lost 2 C");
}

#[test]
fn a_container_that_is_not_read_says_what_it_is() {
    let mark = "application/vnd.oasis.opendocument.spreadsheet";
    let manifest = "<manifest><encryption-data/></manifest>";
    let ods = zipped(&[
        ("mimetype".to_owned(), mark.to_owned()),
        ("META-INF/manifest.xml".to_owned(), manifest.to_owned()),
        ("content.xml".to_owned(), "x".to_owned()),
    ]);
    let book = xlsx(&[&["ID"], &["1"]]);
    for (bytes, kind, found) in [
        (&ods[..], "password_protected", Some("ods")),
        (&ods[..ods.len() - 30], "truncated", Some("ods")),
        (&book[..book.len() - 30], "truncated", Some("xlsx")),
        (&book[..6], "truncated", None),
    ] {
        let refused = read(bytes, json!({})).unwrap_err();
        assert_eq!((refused.kind.name(), refused.found), (kind, found));
    }
}

/// Whatever is wrong with a sheet, it is read or refused.
#[test]
fn a_sheet_with_any_bytes_changed_never_ends_the_process() {
    let rows: &[&[&str]] = &[
        &["Report"],
        &["ID", "Hire", "FTE", "Dept"],
        &["1", "day:46113", "=0.5", "<><f>A()</f><v></v>"],
        &["2", "long:1.5", "padded:12", "HR", "more"],
        &["hidden:", "3", "day:0", "=1E15", "<t=\"e\"><v>#N/A</v>"],
    ];
    let sound = table(rows, &["A1:D1", "D3:D5", "B4:C5"]);
    let date = json!({ "type": "date", "format": "%d.%m.%Y", "open": ["00.01.1900"] });
    let fte = json!({ "type": "decimal", "decimal": "," });
    let typed = json!({ "Hire": date, "FTE": fte });
    let mut seed = 1_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(seed >> 33).unwrap() % below
    };
    let mut taken = 0;
    for round in 0..3000 {
        let mut bytes = sound.clone().into_bytes();
        for _ in 0..=random(3) {
            let at = random(bytes.len());
            let digits = b"0123456789AZ<>/\"= :";
            bytes[at] = digits[random(digits.len())];
        }
        let book = workbook(&[("One", String::from_utf8(bytes).unwrap())]);
        let said = match round % 4 {
            0 => json!({ "key": "ID", "columns": typed, "merged": "fill" }),
            1 => json!({ "header": ["ID", "Dept"], "columns": typed }),
            2 => json!({ "header_row": 2, "merged": "fill" }),
            _ => json!({ "header_row": false }),
        };
        taken += usize::from(read(&book, said).is_ok());
    }
    assert!((100..2900).contains(&taken), "{taken}");
}
