//! Files that mean harm, or were harmed. Each is refused, or read with what is harmless left out.

use std::io::Write as _;

use zip::write::SimpleFileOptions;

use super::{
    Choose, Cursor, Limits, fixture, kind, look, look_with, rezipped, sheet, xlsx, zipped,
};

/// The kind of refusal, and its words.
fn refused(bytes: &[u8]) -> String {
    look(bytes).map_or_else(
        |r| format!("{}: {}", r.kind, r.message),
        |_| "taken".to_owned(),
    )
}

#[test]
fn what_is_no_workbook_is_told_and_refused() {
    let word = zipped(&[("word/document.xml", b"<w/>")]);
    let archive = zipped(&[("people.csv", b"a,b\n1,2\n")]);
    let text_document = zipped(&[("mimetype", b"application/vnd.oasis.opendocument.text")]);
    for (bytes, kind, named) in [
        (&b"\x1f\x8b\x08\x00"[..], "wrong_format", "gzip"),
        (b"%PDF-1.7", "wrong_format", "PDF"),
        (b"7z\xbc\xaf\x27\x1c", "wrong_format", "7z"),
        (b"<?xml version=\"1.0\"?><a/>", "wrong_format", "XML"),
        (
            b"<?xml version=\"1.0\"?><?mso-application progid=\"Excel.Sheet\"?>",
            "wrong_format",
            "XML",
        ),
        (b"  <HTML><table>", "wrong_format", "HTML"),
        (b"\xef\xbb\xbf<!DOCTYPE html>", "wrong_format", "HTML"),
        (b"MIME-Version: 1.0\r\n", "wrong_format", "MHTML"),
        (b"\x09\x04\x06\x00\x00\x00", "wrong_format", "Excel 4"),
        (&word, "wrong_format", "Word"),
        (&archive, "wrong_format", "zip archive"),
        (&text_document, "wrong_format", "zip file"),
        (b"PK\x03\x04", "truncated", "zip"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "truncated", "OLE"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and then nothing of the kind",
            "truncated",
            "OLE",
        ),
    ] {
        let said = refused(bytes);
        assert!(said.starts_with(kind) && said.contains(named), "{said}");
    }
    for text in [
        &b""[..],
        b"PK",
        b"a,b\n",
        b"\xff\xfea\x00",
        b"<3,b\n",
        b"\xd0\xcf",
    ] {
        assert_eq!(super::kind(text).unwrap(), super::Kind::Text);
    }
}

#[test]
fn bombs_are_refused_before_they_go_off() {
    let row = |inside: &str| sheet(&format!("<row r=\"1\">{inside}</row>"));
    let one = row("<c r=\"A1\"><v>1</v></c>");
    let long = "a".repeat(3 << 20);
    let many = "&amp;".repeat(1 << 21);
    let sections = "<![CDATA[aaaaaaaaaaaaaaaa]]>".repeat(1 << 17);
    let nested = "<a>".repeat(100_000);
    let laughs = "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]>";
    let inline = |t: &str| {
        row(&format!(
            "<c r=\"A1\" t=\"inlineStr\"><is><t>{t}</t></is></c>"
        ))
    };
    let strings = |si: &str| format!("{laughs}<sst><si><t>{si}</t></si></sst>").into_bytes();
    for (what, book, kind) in [
        ("a long cell", xlsx(&inline(&long), &[]), "too_large"),
        ("a cell of entities", xlsx(&inline(&many), &[]), "too_large"),
        (
            "a cell of sections",
            xlsx(&inline(&sections), &[]),
            "too_large",
        ),
        (
            "an attribute",
            xlsx(&row(&format!("<c r=\"{long}\"/>")), &[]),
            "too_large",
        ),
        (
            "a comment",
            xlsx(&row(&format!("<!--{long}-->")), &[]),
            "too_large",
        ),
        ("nesting", xlsx(&row(&nested), &[]), "unreadable"),
        ("nesting before the rows", xlsx(&nested, &[]), "unreadable"),
        (
            "laughs",
            xlsx(&one, &[("xl/sharedStrings.xml", &strings("&b;"))]),
            "unreadable",
        ),
        ("an entity", xlsx(&inline("&b;"), &[]), "unreadable"),
        (
            "a shared text",
            xlsx(
                &one,
                &[(
                    "xl/sharedStrings.xml",
                    format!("<sst><si><t>{long}</t></si></sst>").as_bytes(),
                )],
            ),
            "too_large",
        ),
        (
            "a far column",
            xlsx(&row("<c r=\"XFD1\"><v>1</v></c>"), &[]),
            "too_large",
        ),
        (
            "a farther column",
            xlsx(&row("<c r=\"AAAAAAAAAAAAAAAAAAAAA1\"><v>1</v></c>"), &[]),
            "unreadable",
        ),
        (
            "a far row",
            xlsx(&sheet("<row r=\"4294967295\"/>"), &[]),
            "too_large",
        ),
        (
            "a farther row",
            xlsx(&sheet("<row r=\"4294967296\"/>"), &[]),
            "unreadable",
        ),
        (
            "a row twice",
            xlsx(&sheet("<row r=\"2\"/><row r=\"2\"/>"), &[]),
            "unreadable",
        ),
        (
            "rows backwards",
            xlsx(&sheet("<row r=\"2\"/><row r=\"1\"/>"), &[]),
            "unreadable",
        ),
        (
            "a cell twice",
            xlsx(
                &row("<c r=\"A1\"><v>1</v></c><c r=\"A1\"><v>2</v></c>"),
                &[],
            ),
            "unreadable",
        ),
        (
            "a cell of another row",
            xlsx(&row("<c r=\"A2\"><v>1</v></c>"), &[]),
            "unreadable",
        ),
        (
            "no shared text",
            xlsx(&row("<c r=\"A1\" t=\"s\"><v>0</v></c>"), &[]),
            "unreadable",
        ),
        (
            "no such kind",
            xlsx(&row("<c r=\"A1\" t=\"zz\"><v>0</v></c>"), &[]),
            "unreadable",
        ),
        (
            "no end",
            xlsx("<worksheet><sheetData><row><c><v>1</v>", &[]),
            "unreadable",
        ),
        (
            "no sheets",
            xlsx(&one, &[("xl/workbook.xml", b"<workbook/>")]),
            "unreadable",
        ),
        (
            "merged twice",
            xlsx(
                &format!(
                    "{}<mergeCells><mergeCell ref=\"A1:C3\"/><mergeCell ref=\"B1:D3\"/></mergeCells>",
                    &one[..one.len() - 12]
                ),
                &[],
            ),
            "unreadable",
        ),
        (
            "many sheets",
            xlsx(
                &one,
                &[(
                    "xl/workbook.xml",
                    format!(
                        "<workbook><sheets>{}</sheets></workbook>",
                        "<sheet name=\"a\" r:id=\"r1\"/>".repeat(300)
                    )
                    .as_bytes(),
                )],
            ),
            "too_large",
        ),
    ] {
        let said = refused(&book);
        assert!(said.starts_with(kind), "{what}: {said}");
        assert!(!said.contains("aaaa"), "{what}: {said}");
    }
}

#[test]
fn claims_cost_nothing() {
    let one = "<row r=\"1\"><c r=\"A1\"><v>1</v></c><c r=\"XFD1\" s=\"1\"/></row>";
    let claims = format!(
        "<worksheet><dimension ref=\"A1:XFD1048576\"/><sheetData>{one}</sheetData></worksheet>"
    );
    let strings = b"<sst count=\"9\" uniqueCount=\"9999999999999999999\"><si><t>a</t></si></sst>";
    let seen = look(&xlsx(&claims, &[("xl/sharedStrings.xml", strings)])).unwrap();
    assert_eq!(seen.rows.len(), 1);
    let shared = "<row r=\"1\"><c r=\"A1\"><f t=\"shared\" si=\"4294967295\" ref=\"A1:A1\">1</f>\
        <v>1</v></c></row>";
    assert_eq!(look(&xlsx(&sheet(shared), &[])).unwrap().row(1), ["1"]);
    // As many empty rows as there are, and as many merged cells as fit.
    let all = |one: &dyn Fn(u32) -> String| (1..50_000).map(one).collect::<Vec<_>>().concat();
    let rows = all(&|r| format!("<row r=\"{r}\"/>"));
    let merged = all(&|r| format!("<mergeCell ref=\"A{r}:XFD{r}\"/>"));
    let wide = format!(
        "<worksheet><sheetData>{rows}<row r=\"60000\"><c><v>1</v></c></row></sheetData>\
         <mergeCells>{merged}</mergeCells></worksheet>"
    );
    assert_eq!(look(&xlsx(&wide, &[])).unwrap().rows.len(), 1);
}

#[test]
fn limits_are_kept() {
    let row = "<row><c><v>1</v></c><c><v>2</v></c></row>";
    let book = xlsx(&sheet(&row.repeat(99)), &[]);
    let defaults = Limits::default();
    for (limits, kind) in [
        (defaults, "taken"),
        (
            Limits {
                rows_max: 99,
                ..defaults
            },
            "taken",
        ),
        (
            Limits {
                rows_max: 98,
                ..defaults
            },
            "too_large",
        ),
        (
            Limits {
                cells_max: 198,
                ..defaults
            },
            "taken",
        ),
        (
            Limits {
                cells_max: 197,
                ..defaults
            },
            "too_large",
        ),
        (
            Limits {
                columns_max: 2,
                ..defaults
            },
            "taken",
        ),
        (
            Limits {
                columns_max: 1,
                ..defaults
            },
            "too_large",
        ),
        (
            Limits {
                part_bytes_max: 1000,
                ..defaults
            },
            "too_large",
        ),
        (
            Limits {
                held_bytes_max: 10,
                ..defaults
            },
            "too_large",
        ),
    ] {
        let seen = look_with(&book, &Choose::Having(&[]), &limits);
        let came = seen.map_or_else(|r| r.kind.name(), |_| "taken");
        assert_eq!(came, kind, "{limits:?}");
    }
}

#[test]
fn a_part_that_unpacks_without_end_is_refused() {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let mut add = |name: &str, bytes: &[u8], times: usize| {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        for _ in 0..times {
            zip.write_all(bytes).unwrap();
        }
    };
    add("_rels/.rels", super::RELS.as_bytes(), 1);
    add("xl/_rels/workbook.xml.rels", super::BOOK_RELS.as_bytes(), 1);
    add("xl/workbook.xml", super::BOOK.as_bytes(), 1);
    add("xl/worksheets/sheet1.xml", &b"<cols/>".repeat(1 << 17), 80);
    let book = zip.finish().unwrap().into_inner();
    assert!(book.len() < 400_000);
    let said = refused(&book);
    assert!(
        said.starts_with("too_large") && said.contains("sheet1.xml"),
        "{said}"
    );
}

#[test]
fn rows_of_ods_repeat_as_often_as_a_sheet_has_rows() {
    let content = |row: &str| {
        let content = format!(
            "<office:document-content><office:body><office:spreadsheet><table:table \
             table:name=\"T\">{row}</table:table></office:spreadsheet></office:body>\
             </office:document-content>"
        );
        zipped(&[
            (
                "mimetype",
                b"application/vnd.oasis.opendocument.spreadsheet",
            ),
            ("content.xml", content.as_bytes()),
        ])
    };
    let value = "<table:table-cell office:value-type=\"float\" office:value=\"1\"";
    for (row, came) in [
        (format!("<table:table-row table:number-rows-repeated=\"1048577\">{value}/></table:table-row>"), "too_large"),
        (format!("<table:table-row table:number-rows-repeated=\"4294967296\">{value}/></table:table-row>"), "unreadable"),
        (format!("<table:table-row table:number-rows-repeated=\"0\">{value}/></table:table-row>"), "unreadable"),
        (format!("<table:table-row>{value} table:number-columns-repeated=\"4294967295\"/></table:table-row>"), "too_large"),
        ("<table:table-row table:number-rows-repeated=\"4294967295\"><table:table-cell/></table:table-row><table:table-row table:number-rows-repeated=\"4294967295\"/>".to_owned(), "empty"),
        (format!("<table:table-row>{value} table:number-rows-spanned=\"4294967295\" table:number-columns-spanned=\"4294967295\"/></table:table-row>"), "taken"),
        (format!("<table:table-row>{value} table:number-columns-spanned=\"2\"/>{value} table:number-columns-spanned=\"2\"/></table:table-row>"), "unreadable"),
    ] {
        let said = refused(&content(&row));
        assert!(said.starts_with(came), "{row}: {said}");
    }
}

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % most.max(1)
    }
}

const WORKBOOKS: [&str; 10] = [
    "17-dates-1900.xlsx",
    "19-merged-headers.xlsx",
    "20-sheets-hidden-rows.xlsx",
    "21-formulas.xlsx",
    "22-ids-as-numbers.xlsx",
    "23-password.xlsx",
    "26-legacy.xls",
    "27-workers.ods",
    "28-offset-range.xlsx",
    "29-dates.xlsb",
];

#[test]
fn a_file_that_was_cut_off_is_never_taken() {
    for file in WORKBOOKS {
        let whole = fixture(file);
        let step = (whole.len() / 150).max(1);
        for length in (1..whole.len()).step_by(step) {
            let cut = &whole[..length];
            match kind(cut) {
                // Too short to be told from text.
                Ok(super::Kind::Text) => assert!(length < 8, "{file} {length}"),
                Ok(_) if file.ends_with("xls") => {
                    // The last sector may be short, and holds nothing.
                    let taken = look(cut).is_ok();
                    assert!(!taken || whole.len() - length <= 512, "{file} {length}");
                }
                Ok(other) => panic!("{file} {length}: {other:?}"),
                Err(_) => {}
            }
        }
    }
}

#[test]
fn bytes_that_changed_never_panic() {
    let mut dice = Dice(0x5eed);
    for file in WORKBOOKS {
        let whole = fixture(file);
        for _ in 0..400 {
            let mut bytes = whole.clone();
            for _ in 0..=dice.below(4) {
                let at = dice.below(bytes.len());
                bytes[at] = u8::try_from(dice.below(256)).unwrap();
            }
            let _ = look(&bytes);
        }
        if !whole.starts_with(b"PK") {
            continue;
        }
        // The same within the parts, which a checksum would otherwise protect.
        for _ in 0..150 {
            let bytes = rezipped(&whole, |name, mut part| {
                let data = name.contains("xl/") || name.contains("content");
                if data && !part.is_empty() && dice.below(2) == 0 {
                    for _ in 0..=dice.below(3) {
                        let at = dice.below(part.len());
                        if dice.below(8) == 0 {
                            part.truncate(at);
                            break;
                        }
                        part[at] = u8::try_from(dice.below(256)).unwrap();
                    }
                }
                part
            });
            let _ = look(&bytes);
        }
    }
}
