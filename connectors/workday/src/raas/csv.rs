//! A report as CSV, with a header row.

use std::borrow::Cow;

use ::csv::{ByteRecord, ErrorKind, ReaderBuilder};
use rollcall_source::{RefusalKind, Refused, clean_name};

use super::{Cell, Rows, missing};

/// Reads a report.
///
/// # Errors
/// [`Refused`] where it is none, a column is missing, or it ends in the middle.
pub(crate) fn read(body: &[u8], rows: &mut Rows<'_>) -> Result<(), Refused> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if std::str::from_utf8(body).is_err() {
        return Err(Refused::new(
            RefusalKind::NotUtf8,
            "is no UTF-8",
            "Workday writes UTF-8; look at what stands between it and us",
        ));
    }
    if body.starts_with(b"<") || body.starts_with(b"{") {
        return Err(Refused::new(
            RefusalKind::WrongFormat,
            "is no CSV",
            "check that the report is enabled as a web service, and its format",
        ));
    }
    // Every quote inside a text is doubled: an odd one out is never closed.
    if body.iter().filter(|it| **it == b'"').count() % 2 == 1 {
        return Err(Refused::new(
            RefusalKind::Truncated,
            "ends within quotes",
            "pull again; split a large report with `parts`",
        ));
    }
    let mut reader = ReaderBuilder::new().from_reader(body);
    let header = reader.byte_headers().map_err(|it| broken(&it))?;
    let header: Vec<String> = header
        .iter()
        .map(|it| clean_name(&String::from_utf8_lossy(it)))
        .collect();
    let mut places = Vec::new();
    for column in rows.columns() {
        let mut named = header.iter().enumerate().filter(|it| it.1 == column);
        let Some((place, _)) = named.next() else {
            return Err(missing(column, Some(&header)));
        };
        if named.next().is_some() {
            let message = "the report has two columns of this name";
            let hint = "give each column an alias of its own";
            return Err(
                Refused::new(RefusalKind::WrongHeader, message, hint).column(column.clone())
            );
        }
        places.push(place);
    }
    let mut record = ByteRecord::new();
    while reader
        .read_byte_record(&mut record)
        .map_err(|it| broken(&it))?
    {
        let mut cells = |number: usize| {
            let cell = record.get(places[number]).unwrap_or_default();
            match std::str::from_utf8(cell).unwrap_or_default() {
                "" => Cell::Absent,
                text => Cell::Text(Cow::Borrowed(text)),
            }
        };
        rows.row(&mut cells)?;
    }
    // The header says that the columns are there, whether or not anybody has a value.
    rows.all_there();
    Ok(())
}

fn broken(error: &::csv::Error) -> Refused {
    let line = error.position().map(::csv::Position::line);
    let refused = if let ErrorKind::UnequalLengths {
        expected_len, len, ..
    } = error.kind()
    {
        Refused::new(
            RefusalKind::Truncated,
            format!("a row has {len} fields where the header has {expected_len}"),
            "pull again; split a large report with `parts`",
        )
    } else {
        Refused::new(
            RefusalKind::Malformed,
            "is no CSV that can be read",
            "check that the report is enabled as a web service, and its format",
        )
    };
    match line {
        Some(line) => refused.at(u32::try_from(line).unwrap_or(u32::MAX), line),
        None => refused,
    }
}
