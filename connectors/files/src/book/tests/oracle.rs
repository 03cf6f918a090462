//! The same cells as calamine gives, where it gives them.

use calamine::{Data, Reader as _};

use super::{Cursor, fixture};

/// calamine's word for a cell, where both are meant to agree.
fn word(data: &Data) -> Option<String> {
    Some(match data {
        Data::Empty => "-".to_owned(),
        Data::String(text) => format!("'{text}"),
        Data::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
            format!("{number}")
        }
        Data::Int(number) => number.to_string(),
        Data::Bool(value) => value.to_string(),
        // Written differently on purpose, or not told by calamine.
        Data::Float(_)
        | Data::DateTime(_)
        | Data::DateTimeIso(_)
        | Data::DurationIso(_)
        | Data::Error(_) => return None,
    })
}

#[test]
fn cells_are_those_that_calamine_reads() {
    let mut compared = 0;
    for file in [
        "17-dates-1900.xlsx",
        "18-dates-1904.xlsx",
        "20-sheets-hidden-rows.xlsx",
        "22-ids-as-numbers.xlsx",
        "26-legacy.xls",
        "27-workers.ods",
        "28-offset-range.xlsx",
        "29-dates.xlsb",
    ] {
        let bytes = fixture(file);
        let named = ["EmployeeID".to_owned()];
        let choose = if file.starts_with("29") {
            super::Choose::Having(&[])
        } else {
            super::Choose::Having(&named)
        };
        let ours = super::look_with(&bytes, &choose, &super::Limits::default()).unwrap();
        let mut theirs = calamine::open_workbook_auto_from_rs(Cursor::new(&bytes[..])).unwrap();
        let range = theirs.worksheet_range(&ours.detected.sheet).unwrap();
        let (top, left) = range.start().unwrap();
        for (down, row) in range.rows().enumerate() {
            let number = top + u32::try_from(down).unwrap() + 1;
            let cells = ours.row(number);
            for (right, data) in row.iter().enumerate() {
                let Some(expect) = word(data) else { continue };
                let column = left as usize + right;
                let got = cells.get(column).copied().unwrap_or("-");
                let got = got.split('=').next().unwrap();
                assert_eq!(got, expect, "{file}: row {number}, column {column}");
                compared += 1;
            }
        }
    }
    assert!(compared > 60, "{compared}");
}
