//! xls and xlsb, made record by record.

use super::{look, zipped};

/// An OLE file with one stream.
fn ole(name: &str, stream: &[u8]) -> Vec<u8> {
    let mut stream = stream.to_vec();
    let length = stream.len().max(4096);
    stream.resize(length.next_multiple_of(512), 0);
    let sectors = stream.len() / 512;
    assert!(sectors + 2 <= 128, "one sector of table is enough");
    let mut header = vec![0_u8; 512];
    header[..8].copy_from_slice(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(30, &9_u16.to_le_bytes());
    put(32, &6_u16.to_le_bytes());
    put(44, &1_u32.to_le_bytes());
    put(48, &1_u32.to_le_bytes());
    put(56, &4096_u32.to_le_bytes());
    put(60, &u32::MAX.to_le_bytes());
    put(68, &u32::MAX.to_le_bytes());
    put(76, &[0xff; 436]);
    put(76, &0_u32.to_le_bytes());
    let mut table = vec![0xffff_fffd_u32, 0xffff_fffe];
    for sector in 0..sectors {
        let last = sector + 1 == sectors;
        let next = u32::try_from(sector + 3).unwrap();
        table.push(if last { 0xffff_fffe } else { next });
    }
    table.resize(128, 0xffff_ffff);
    let entry = |name: &str, kind: u8, start: u32, length: usize| {
        let mut entry = vec![0_u8; 128];
        for (at, unit) in name.encode_utf16().enumerate() {
            entry[at * 2..at * 2 + 2].copy_from_slice(&unit.to_le_bytes());
        }
        let bytes = u16::try_from(name.len() * 2 + 2).unwrap();
        entry[64..66].copy_from_slice(&bytes.to_le_bytes());
        entry[66] = kind;
        entry[116..120].copy_from_slice(&start.to_le_bytes());
        entry[120..124].copy_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
        entry
    };
    let mut file = header;
    file.extend(table.iter().flat_map(|n| n.to_le_bytes()));
    file.extend(entry("Root Entry", 5, 0xffff_fffe, 0));
    file.extend(entry(name, 2, 2, length));
    file.resize(512 * 3, 0);
    file.extend(stream);
    file
}

/// A record of an xls.
fn biff(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap();
    [&kind.to_le_bytes(), &length.to_le_bytes(), body].concat()
}

fn le(values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// An xls of one sheet. `globals` come after the beginning, with the sheet's entry behind them.
fn xls(version: u16, globals: &[Vec<u8>], name: &[u8], records: &[Vec<u8>]) -> Vec<u8> {
    let begin = |sort: u16| biff(0x0809, &le(&[version, sort, 0, 0, 0, 0, 0, 0]));
    let mut book = begin(5);
    book.extend(globals.concat());
    let place = book.len() + 4 + 6 + name.len() + 4;
    let mut entry = u32::try_from(place).unwrap().to_le_bytes().to_vec();
    entry.extend([0, 0]);
    entry.extend(name);
    book.extend(biff(0x0085, &entry));
    book.extend(biff(0x000a, &[]));
    assert_eq!(book.len(), place);
    book.extend(begin(16));
    book.extend(records.concat());
    book.extend(biff(0x000a, &[]));
    ole(
        if version == 0x0600 {
            "Workbook"
        } else {
            "Book"
        },
        &book,
    )
}

fn number(row: u16, column: u16, style: u16, value: f64) -> Vec<u8> {
    let mut body = le(&[row, column, style]);
    body.extend(value.to_le_bytes());
    biff(0x0203, &body)
}

fn formula(row: u16, column: u16, cached: [u8; 8]) -> Vec<u8> {
    let mut body = le(&[row, column, 0]);
    body.extend(cached);
    body.extend([0; 8]);
    biff(0x0006, &body)
}

#[test]
fn an_xls_of_biff8_is_read_in_order_whatever_order_it_has() {
    // Two shared texts; the first is torn between two records, and changes its width there.
    let mut texts = 2_u32.to_le_bytes().to_vec();
    texts.extend(2_u32.to_le_bytes());
    texts.extend(le(&[4]));
    texts.push(0);
    texts.extend(b"Zo");
    let mut rest = vec![1];
    rest.extend(le(&[0xeb, 0x142]));
    rest.extend(le(&[1]));
    rest.push(0);
    rest.extend(b"b");
    let globals = [
        biff(0x0022, &le(&[1])),
        biff(0x041e, &[&le(&[164, 5]), &b"\x0000000"[..]].concat()),
        biff(0x00e0, &le(&[0, 0])),
        biff(0x00e0, &le(&[0, 14])),
        biff(0x00e0, &le(&[0, 164])),
        biff(0x00fc, &texts),
        biff(0x003c, &rest),
    ];
    let text = |row: u16, column: u16, index: u16| biff(0x00fd, &le(&[row, column, 0, index, 0]));
    let records = [
        number(3, 0, 0, 4.5),
        text(1, 1, 1),
        biff(0x0208, &le(&[1, 0, 2, 0, 0, 0, 0x0020, 0])),
        number(1, 0, 1, 44_651.0),
        text(0, 0, 0),
        // Packed numbers: 5 and 123 in a mask.
        biff(
            0x00bd,
            &[
                &le(&[0, 1]),
                &le(&[0, 22, 0]),
                &le(&[2, 494, 0]),
                &le(&[2])[..],
            ]
            .concat(),
        ),
        biff(0x027e, &le(&[0, 3, 0, 6, 0])),
        biff(0x0205, &[&le(&[0, 4, 0]), &[0x2a, 1][..]].concat()),
        biff(0x0205, &[&le(&[0, 5, 0]), &[1, 0][..]].concat()),
        formula(2, 0, [0, 0, 0, 0, 0, 0, 0xff, 0xff]),
        biff(0x04bc, &[0; 8]),
        biff(0x0207, &[&le(&[2]), &b"\x00ab"[..]].concat()),
        formula(2, 1, [3, 0, 0, 0, 0, 0, 0xff, 0xff]),
        formula(2, 2, [2, 0, 7, 0, 0, 0, 0xff, 0xff]),
        formula(2, 3, [1, 0, 1, 0, 0, 0, 0xff, 0xff]),
        formula(2, 4, 2.5_f64.to_le_bytes()),
        // A chart within the sheet has records of its own.
        biff(0x0809, &le(&[0x0600, 0x20, 0, 0, 0, 0, 0, 0])),
        number(0, 0, 0, 99.0),
        biff(0x000a, &[]),
        biff(0x00e5, &le(&[1, 3, 4, 0, 1])),
    ];
    let seen = look(&xls(0x0600, &globals, b"\x01\x00T", &records)).unwrap();
    assert_eq!(seen.detected.date_system, Some("1904"));
    let rows: Vec<String> = seen
        .rows
        .iter()
        .map(|(n, c)| format!("{n} {}", c.join(",")))
        .collect();
    assert_eq!(
        rows,
        [
            "1 'Zoëł,5,123=00123,1,error #N/A,true",
            "2 2026-04-01,'b",
            "3 'ab,',error #DIV/0!,true,2.5",
            "4 4.5,under A4:B5",
        ]
    );
    assert_eq!(seen.found(), ["HiddenRowsRead 2"]);
}

#[test]
fn an_xls_of_biff5_is_read_in_its_code_page() {
    let label = |row: u16, text: &[u8]| {
        let length = u16::try_from(text.len()).unwrap();
        biff(0x0204, &[&le(&[row, 0, 0, length]), text].concat())
    };
    let globals = [
        biff(0x0042, &le(&[1250])),
        biff(0x041e, &[&le(&[164]), &b"\x05ddmmm"[..]].concat()),
        biff(0x00e0, &le(&[0, 164])),
    ];
    let records = [label(0, b"\xa3ukasz"), number(1, 0, 0, 46_113.0)];
    let seen = look(&xls(0x0500, &globals, b"\x05P\xf8\xedl.", &records)).unwrap();
    assert_eq!(seen.detected.sheet, "Příl.");
    assert_eq!(seen.row(1), ["'Łukasz"]);
    assert_eq!(seen.row(2), ["2026-04-01"]);
}

#[test]
fn an_xls_with_a_password_is_refused() {
    let book = xls(0x0600, &[biff(0x002f, &le(&[1, 1, 1]))], b"\x01\x00T", &[]);
    assert_eq!(look(&book).unwrap_err().kind.name(), "password_protected");
}

/// A record of an xlsb.
fn record(kind: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let [low, high] = kind.to_le_bytes();
    if kind < 128 {
        bytes.push(low);
    } else {
        bytes.extend([low | 0x80, high << 1 | low >> 7]);
    }
    let length = body.len();
    bytes.push(u8::try_from(length & 0x7f).unwrap() | if length > 127 { 0x80 } else { 0 });
    if length > 127 {
        bytes.push(u8::try_from(length >> 7).unwrap());
    }
    bytes.extend(body);
    bytes
}

fn wide(text: &str) -> Vec<u8> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let mut bytes = u32::try_from(units.len()).unwrap().to_le_bytes().to_vec();
    bytes.extend(le(&units));
    bytes
}

fn u32s(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

#[test]
fn an_xlsb_is_read_with_its_findings() {
    let rels = super::RELS.replace(".xml", ".bin");
    let book_rels = super::BOOK_RELS.replace(".xml", ".bin");
    let workbook = [
        record(153, &u32s(&[1])),
        record(156, &[u32s(&[0, 1]), wide("r1"), wide("Leute")].concat()),
        record(156, &[u32s(&[2, 2]), wide("r2"), wide("_cache")].concat()),
    ]
    .concat();
    let styles = [
        record(44, &[le(&[164]), wide("00000")].concat()),
        record(47, &le(&[0, 14])),
        record(617, &u32s(&[2])),
        record(47, &le(&[0, 0])),
        record(47, &le(&[0, 164])),
        record(618, &[]),
    ]
    .concat();
    let strings = record(19, &[vec![0], wide("Zoë")].concat());
    let row = |number: u32, hidden: bool| {
        let flags = [0, 0, 0, if hidden { 0x10 } else { 0 }, 0];
        record(0, &[&u32s(&[number, 0])[..], &flags].concat())
    };
    let cell = |kind: u16, column: u32, style: u32, value: &[u8]| {
        record(kind, &[&u32s(&[column, style]), value].concat())
    };
    let sheet = [
        record(148, &[0; 16]),
        record(145, &[]),
        row(1, false),
        cell(7, 0, 0, &u32s(&[0])),
        cell(2, 1, 1, &u32s(&[494])),
        cell(5, 2, 0, &0.5_f64.to_le_bytes()),
        // A formula whose value is an error is no empty cell.
        cell(11, 3, 0, &[0x2a, 0, 0]),
        cell(8, 4, 0, &wide("")),
        cell(1, 5, 0, &[]),
        cell(10, 6, 0, &[1]),
        cell(62, 7, 0, &[vec![1], wide("rich")].concat()),
        row(2, true),
        row(4, true),
        cell(6, 0, 0, &wide("x")),
        record(146, &[]),
        record(177, &u32s(&[1])),
        record(176, &u32s(&[4, 5, 0, 2])),
        record(178, &[]),
    ]
    .concat();
    let book = zipped(&[
        ("_rels/.rels", rels.as_bytes()),
        ("xl/_rels/workbook.bin.rels", book_rels.as_bytes()),
        ("xl/workbook.bin", &workbook),
        ("xl/styles.bin", &styles),
        ("xl/sharedStrings.bin", &strings),
        ("xl/worksheets/sheet1.bin", &sheet),
        ("xl/worksheets/sheet2.bin", &sheet),
    ]);
    let seen = look(&book).unwrap();
    assert_eq!(seen.detected.sheet, "Leute");
    assert_eq!(seen.detected.date_system, Some("1904"));
    assert_eq!(
        seen.row(2).join(","),
        "'Zoë,123=00123,0.5,error #N/A,',-,true,'rich"
    );
    assert_eq!(seen.row(5), ["'x", "under A5:C6"]);
    assert_eq!(seen.rows.len(), 2);
    assert_eq!(
        seen.found(),
        ["HiddenSheetIgnored _cache", "HiddenRowsRead 5"]
    );
}
