//! xlsx and ods, one trait of the formats a case.

use super::{Choose, Limits};
use super::{look, look_with, sheet, xlsx, zipped};

fn cells(rows: &str) -> Vec<(u32, Vec<String>)> {
    let book = xlsx(&sheet(rows), &[]);
    let one = Choose::Named("One");
    look_with(&book, &one, &Limits::default()).unwrap().rows
}

/// One row of cells, as words.
fn row(cells_xml: &str) -> String {
    let seen = cells(&format!("<row r=\"1\">{cells_xml}</row>"));
    seen.first()
        .map_or_else(String::new, |(_, cells)| cells.join(" | "))
}

#[test]
fn a_cell_says_what_the_user_sees() {
    for (xml, words) in [
        ("<c r=\"A1\"><v>12</v></c>", "12"),
        ("<c r=\"A1\"><v>12.50</v></c>", "12.5"),
        ("<c r=\"A1\" t=\"n\"><v>1E3</v></c>", "1000"),
        (
            "<c r=\"A1\"><v>x</v></c>",
            "error a number that cannot be read",
        ),
        ("<c r=\"A1\" t=\"b\"><v>0</v></c>", "false"),
        (
            "<c r=\"A1\" t=\"d\"><v>2026-04-01T00:00:00</v></c>",
            "2026-04-01",
        ),
        ("<c r=\"A1\" t=\"e\"><v>#REF!</v></c>", "error #REF!"),
        // An error text that no spreadsheet has may be anything: it is not repeated.
        ("<c r=\"A1\" t=\"e\"><v>Ann Ash</v></c>", "error an error"),
        (
            "<c r=\"A1\" t=\"inlineStr\"><is><t> a </t></is></c>",
            "' a ",
        ),
        (
            "<c r=\"A1\" t=\"inlineStr\"><is><r><t>a</t></r><r><rPr><b/></rPr><t>b</t></r><rPh sb=\"0\" eb=\"1\"><t>c</t></rPh></is></c>",
            "'ab",
        ),
        (
            "<c r=\"A1\" t=\"inlineStr\"><is><t>a&amp;b &#228; <![CDATA[<c>]]></t></is></c>",
            "'a&b ä <c>",
        ),
        (
            "<c r=\"A1\" t=\"inlineStr\"><is><t>a_x000D_b</t></is></c>",
            "'a\rb",
        ),
        ("<c r=\"A1\" t=\"str\"><f>A()</f><v>x</v></c>", "'x"),
        ("<c r=\"A1\" t=\"str\"><f>A()</f><v></v></c>", "'"),
        // Nobody calculated this sheet.
        ("<c r=\"A1\"><f>A()</f><v></v></c>", "uncalculated"),
        (
            "<c r=\"A1\"><f>A()</f><v></v></c><c r=\"B1\"><f>B()</f><v>1</v></c>",
            "' | 1",
        ),
        (
            "<c r=\"A1\"><f>A()</f><v></v></c><c r=\"B1\"><f t=\"shared\" si=\"0\"/><v>1</v></c>",
            "' | 1",
        ),
        ("<c r=\"A1\" t=\"str\"><f>A()</f><v/></c>", "'"),
        // What libraries leave that do not calculate.
        ("<c r=\"A1\"><f>A()</f><v/></c>", "uncalculated"),
        ("<c r=\"A1\"><f>A()</f></c>", "uncalculated"),
        ("<c r=\"A1\" t=\"str\"><f>A()</f></c>", "uncalculated"),
        ("<c r=\"A1\"><f t=\"shared\" si=\"0\"/></c>", "uncalculated"),
        ("<c r=\"A1\"><f t=\"shared\" si=\"0\"/><v>3</v></c>", "3"),
        (
            "<c r=\"A1\"><v>1</v><extLst><ext><v>2</v></ext></extLst></c>",
            "1",
        ),
        // Places that are not said follow each other.
        ("<c><v>1</v></c><c/><c><v>2</v></c>", "1 | - | 2"),
        ("<c r=\"C1\"><v>1</v></c><c><v>2</v></c>", "- | - | 1 | 2"),
        ("<c r=\"B1\"><v>2</v></c><c r=\"A1\"><v>1</v></c>", "1 | 2"),
        ("<c r=\"A1\" s=\"999\"><v>1</v></c>", "1"),
        ("<c r=\"A1\" s=\"1\"/>", ""),
    ] {
        assert_eq!(row(xml), words, "{xml}");
    }
}

#[test]
fn names_may_have_prefixes_and_rows_no_numbers() {
    let xml = "<x:worksheet><x:sheetData><x:row><x:c><x:v>1</x:v></x:c></x:row><x:row/>\
        <x:row><x:c t=\"inlineStr\"><x:is><x:t>a</x:t></x:is></x:c></x:row></x:sheetData>\
        <x:mergeCells><x:mergeCell ref=\"A3:B3\"/></x:mergeCells></x:worksheet>";
    let seen = look(&xlsx(xml, &[])).unwrap();
    assert_eq!(seen.row(1), ["1"]);
    assert_eq!(seen.row(3), ["'a", "under A3:B3"]);
}

/// Cells that are plain are taken in one piece, others are looked at: wherever a read ends, and
/// with or without white space around them, they are the same.
#[test]
fn cells_are_the_same_wherever_reads_end() {
    for (open, between) in [("", ""), ("\n\t\t", "\n\t"), ("<!-- x -->", "<?x y?>\r\n")] {
        let mut rows = String::new();
        for row in 1..=4000 {
            let kinds = [
                format!("<c r=\"A{row}\" t=\"inlineStr\"><is><t>a{row}</t></is></c>"),
                format!("<c r=\"B{row}\" t=\"inlineStr\"><is><t>a &amp; {row}</t></is></c>"),
                format!("<c r=\"C{row}\"><v>{row}</v></c>"),
                format!("<c r=\"D{row}\" s=\"0\"/>"),
                format!("<c r=\"E{row}\" t=\"str\"><f>A()</f><v>f{row}</v></c>"),
            ];
            let cells = kinds.map(|cell| format!("{open}{cell}")).concat();
            let row = format!("{between}<row r=\"{row}\">{cells}{between}</row>");
            rows.push_str(&row);
        }
        let seen = cells(&rows);
        assert_eq!(seen.len(), 4000);
        for (row, words) in seen {
            let expect = format!("'a{row} 'a & {row} {row} - 'f{row}");
            assert_eq!(words.join(" "), expect, "{between:?}");
        }
    }
}

#[test]
fn styles_tell_days_times_and_masks() {
    let styles = b"<styleSheet><numFmts><numFmt numFmtId=\"164\" formatCode=\"00000\"/>\
        <numFmt numFmtId=\"165\" formatCode=\"[h]:mm\"/><numFmt numFmtId=\"166\" \
        formatCode=\"&quot;E&quot;0000\"/></numFmts><cellStyleXfs><xf numFmtId=\"14\"/>\
        </cellStyleXfs><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"164\"/>\
        <xf numFmtId=\"165\"/><xf numFmtId=\"166\"/><xf numFmtId=\"20\"/></cellXfs></styleSheet>";
    let one = |r: &str, style: u32, v: &str| format!("<c r=\"{r}1\" s=\"{style}\"><v>{v}</v></c>");
    let row = [
        one("A", 0, "46113"),
        one("B", 1, "46113"),
        one("C", 2, "123"),
        one("D", 2, "123456"),
        one("E", 3, "1.5"),
        one("F", 4, "7"),
        one("G", 5, "0.75"),
        one("H", 1, "60"),
    ]
    .concat();
    let book = xlsx(
        &sheet(&format!("<row r=\"1\">{row}</row>")),
        &[("xl/styles.xml", styles)],
    );
    assert_eq!(
        look(&book).unwrap().row(1).join(" | "),
        "46113 | 2026-04-01 | 123=00123 | 123456 | 36:00:00 long | 7=E0007 | 18:00:00 long | no day"
    );
}

fn two_sheets(book: &str, first: &str, second: &str) -> Vec<u8> {
    let second = sheet(second);
    xlsx(
        &sheet(first),
        &[
            ("xl/workbook.xml", book.as_bytes()),
            ("xl/worksheets/sheet2.xml", second.as_bytes()),
        ],
    )
}

#[test]
fn the_sheet_is_chosen_or_asked_for() {
    let text =
        |t: &str| format!("<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>{t}</t></is></c></row>");
    let names = |one: &str, two: &str| {
        format!(
            "<workbook><sheets><sheet name=\"One\" r:id=\"r1\" {one}/>\
             <sheet name=\"../Tw`o&#10;\" r:id=\"r2\" {two}/></sheets></workbook>"
        )
    };
    let hidden = "state=\"hidden\"";
    let id = ["ID".to_owned()];
    let having = Choose::Having(&id);
    let (id_row, other) = (text("ID"), text("Other"));
    for (one, first, two, second, choose, came) in [
        ("", &id_row, "", &other, &having, "One|SheetChosen One"),
        (
            "",
            &other,
            "",
            &id_row,
            &having,
            "../Tw`o\n|SheetChosen ../Tw`o\n",
        ),
        (
            "",
            &other,
            hidden,
            &id_row,
            &having,
            "One|HiddenSheetIgnored ../Tw`o\n",
        ),
        (
            "",
            &other,
            hidden,
            &id_row,
            &Choose::Named("../Tw`o\n"),
            "../Tw`o\n|",
        ),
        (
            "",
            &id_row,
            "",
            &id_row,
            &having,
            "several visible sheets have the mapped columns: `One`, `../Tw?o?`",
        ),
        (
            "",
            &other,
            "",
            &other,
            &having,
            "no visible sheet has the mapped columns; there are `One`, `../Tw?o?`",
        ),
        (
            "",
            &other,
            "",
            &String::new(),
            &having,
            "One|SheetChosen One",
        ),
        (
            "",
            &other,
            "",
            &other,
            &Choose::Named("Three"),
            "no sheet is named `Three`; there are `One`, `../Tw?o?`",
        ),
        (
            "",
            &String::new(),
            hidden,
            &id_row,
            &having,
            "no visible sheet has anything in it; there are `One`, `../Tw?o?` (hidden)",
        ),
    ] {
        let book = two_sheets(&names(one, two), first, second);
        let seen = match look_with(&book, choose, &Limits::default()) {
            Ok(seen) => format!("{}|{}", seen.detected.sheet, seen.found().join(",")),
            Err(refused) => refused.message.to_string(),
        };
        assert_eq!(seen, came);
    }
}

#[test]
fn a_workbook_part_may_have_another_name_and_case() {
    let rels = super::RELS.replace("xl/workbook.xml", "/XL/Book1.xml");
    let types = b"<Types><Override PartName=\"/xl/book1.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/></Types>";
    let one = sheet("<row r=\"1\"><c r=\"A1\"><v>1</v></c></row>");
    let book = zipped(&[
        ("[Content_Types].xml", types),
        ("_rels\\.rels", rels.as_bytes()),
        ("xl/Book1.xml", super::BOOK.as_bytes()),
        ("xl/_rels/book1.xml.rels", super::BOOK_RELS.as_bytes()),
        ("xl/worksheets/Sheet1.xml", one.as_bytes()),
    ]);
    assert_eq!(look(&book).unwrap().row(1), ["1"]);
}

#[test]
fn bytes_before_the_archive_shift_it() {
    let mut book = b"#!/bin/sh\n".to_vec();
    let plain = xlsx(&sheet("<row r=\"1\"><c r=\"A1\"><v>1</v></c></row>"), &[]);
    book.extend(&plain);
    // Found only by who knows that it is a workbook: the beginning says something else.
    let zip = super::super::zip::Zip::open(std::io::Cursor::new(&book), &Limits::default());
    let (_, text) = zip.unwrap().text("xl/workbook.xml", 1000).unwrap();
    assert_eq!(text, super::BOOK);
}

fn ods(styles: &str, tables: &str) -> Vec<u8> {
    let content = format!(
        "<office:document-content><office:automatic-styles>{styles}</office:automatic-styles>\
         <office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>\
         </office:document-content>"
    );
    zipped(&[
        (
            "mimetype",
            b"application/vnd.oasis.opendocument.spreadsheet",
        ),
        ("content.xml", content.as_bytes()),
    ])
}

#[test]
fn cells_of_ods_are_read_by_their_types() {
    let cell = |attributes: &str, inside: &str| {
        format!("<table:table-cell {attributes}>{inside}</table:table-cell>")
    };
    for (attributes, inside, words) in [
        (
            "office:value-type=\"string\"",
            "<text:p>a</text:p><text:p/><text:p>b</text:p>",
            "'a\n\nb",
        ),
        (
            "office:value-type=\"string\"",
            "<text:p>a<text:s text:c=\"2\"/>b<text:tab/><text:span>c</text:span><text:line-break/>&lt;</text:p>",
            "'a  b\tc\n<",
        ),
        (
            "office:value-type=\"string\"",
            "<office:annotation><text:p>note</text:p></office:annotation><text:p>a</text:p>",
            "'a",
        ),
        (
            "office:value-type=\"float\" office:value=\"1.0\"",
            "<text:p>1,00</text:p>",
            "1",
        ),
        (
            "office:value-type=\"float\" office:value=\"123\"",
            "<text:p>00123</text:p>",
            "123=00123",
        ),
        (
            "office:value-type=\"percentage\" office:value=\"0.5\"",
            "<text:p>50 %</text:p>",
            "0.5",
        ),
        (
            "office:value-type=\"date\" office:date-value=\"2020-01-06\"",
            "<text:p>06.01.20</text:p>",
            "2020-01-06",
        ),
        (
            "office:value-type=\"date\" office:date-value=\"2020-01-06T08:30:00\"",
            "",
            "2020-01-06T08:30:00",
        ),
        (
            "office:value-type=\"time\" office:time-value=\"PT255H10M10S\"",
            "<text:p>255:10:10</text:p>",
            "255:10:10 long",
        ),
        (
            "office:value-type=\"boolean\" office:boolean-value=\"true\"",
            "<text:p>WAHR</text:p>",
            "true",
        ),
        (
            "table:formula=\"of:=A1\" office:value-type=\"string\" office:string-value=\"\"",
            "",
            "'",
        ),
        ("table:formula=\"of:=A1\"", "", "uncalculated"),
        (
            "table:formula=\"of:=A1\" office:value-type=\"string\" office:string-value=\"\" calcext:value-type=\"error\"",
            "<text:p>#N/A</text:p>",
            "error #N/A",
        ),
        (
            "table:number-columns-repeated=\"3\" office:value-type=\"float\" calcext:value-type=\"float\" office:value=\"7\"",
            "<text:p>7</text:p>",
            "7 | 7 | 7",
        ),
    ] {
        let table = format!(
            "<table:table table:name=\"T\"><table:table-row>{}</table:table-row></table:table>",
            cell(attributes, inside)
        );
        let seen = look(&ods("", &table)).unwrap();
        assert_eq!(seen.row(1).join(" | "), words, "{attributes}");
    }
}

#[test]
fn rows_and_sheets_of_ods_are_hidden_merged_and_repeated() {
    let value = "<table:table-cell office:value-type=\"float\" office:value=\"1\"/>";
    let styles = "<style:style style:name=\"ta1\" style:family=\"table\"><style:table-properties \
        table:display=\"true\"/></style:style><style:style style:name=\"ta2\" \
        style:family=\"table\"><style:table-properties table:display=\"false\"/></style:style>";
    let tables = format!(
        "<table:tracked-changes><table:table table:name=\"Old\"/></table:tracked-changes>\
         <table:table table:name=\"Secret\" table:style-name=\"ta2\"><table:table-row>{value}\
         </table:table-row></table:table>\
         <table:table table:name=\"T\" table:style-name=\"ta1\"><table:shapes><table:table-row/>\
         </table:shapes><table:table-header-rows><table:table-row>{value}</table:table-row>\
         </table:table-header-rows>\
         <table:table-row table:visibility=\"filter\" table:number-rows-repeated=\"2\">{value}\
         </table:table-row><table:table-row-group table:display=\"false\"><table:table-row>{value}\
         </table:table-row></table:table-row-group>\
         <table:table-row><table:table-cell table:number-rows-spanned=\"2\" \
         table:number-columns-spanned=\"2\" office:value-type=\"float\" office:value=\"5\"/>\
         <table:covered-table-cell/></table:table-row>\
         <table:table-row><table:covered-table-cell table:number-columns-repeated=\"2\"/>{value}\
         </table:table-row>\
         <table:table-row table:number-rows-repeated=\"1048570\"><table:table-cell \
         table:number-columns-repeated=\"16384\"/></table:table-row></table:table>"
    );
    let seen = look(&ods(styles, &tables)).unwrap();
    assert_eq!(seen.detected.sheet, "T");
    let rows: Vec<String> = seen
        .rows
        .iter()
        .map(|(n, c)| format!("{n} {}", c.join(",")))
        .collect();
    assert_eq!(
        rows,
        [
            "1 1",
            "2 1",
            "3 1",
            "4 1",
            "5 5,under A5:B6",
            "6 under A5:B6,under A5:B6,1",
        ]
    );
    assert_eq!(
        seen.found(),
        ["HiddenSheetIgnored Secret", "HiddenRowsRead 2-4"]
    );
}

#[test]
fn sheets_of_ods_are_found_forward_and_back() {
    let row = |t: &str| {
        format!(
            "<table:table-row-group><table:table-row><table:table-cell \
             office:value-type=\"string\"><text:p>{t}</text:p></table:table-cell>\
             </table:table-row></table:table-row-group>"
        )
    };
    let tables = ["a", "ID", "b", "c"].map(|t| {
        format!(
            "<table:table table:name=\"{t}\">{}</table:table>",
            row(t).repeat(100)
        )
    });
    let book = ods("", &tables.concat());
    let id = ["ID".to_owned()];
    for (choose, sheet) in [
        (Choose::Having(&id), "ID"),
        (Choose::Named("c"), "c"),
        (Choose::Named("a"), "a"),
    ] {
        let seen = look_with(&book, &choose, &Limits::default()).unwrap();
        assert_eq!(seen.detected.sheet, sheet);
        assert_eq!(seen.rows.len(), 100);
        assert_eq!(seen.row(100), [format!("'{sheet}")]);
    }
}

#[test]
fn an_encrypted_ods_asks_for_its_password() {
    let book = zipped(&[
        (
            "mimetype",
            b"application/vnd.oasis.opendocument.spreadsheet",
        ),
        ("content.xml", b"\x00\x01"),
        (
            "META-INF/manifest.xml",
            b"<manifest:manifest><manifest:encryption-data/></manifest:manifest>",
        ),
    ]);
    let refused = look(&book).unwrap_err();
    assert_eq!(refused.kind.name(), "password_protected");
}
