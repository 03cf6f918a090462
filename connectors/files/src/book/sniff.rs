//! What the bytes of a file are. Its name is never asked.

use std::io::{Read, Seek};

use super::held::Held;
use super::ole::Ole;
use super::zip::Zip;
use super::{Refused, damaged, password};
use crate::options::Limits;
use rollcall_source::RefusalKind;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// None of the others: delimited text, or something that the text reader refuses.
    Text,
    /// Also xlsm and templates.
    Xlsx,
    /// The same with binary parts.
    Xlsb,
    /// BIFF5 or BIFF8.
    Xls,
    /// `OpenDocument`.
    Ods,
}

impl Kind {
    /// The name in reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Xlsx => "xlsx",
            Self::Xlsb => "xlsb",
            Self::Xls => "xls",
            Self::Ods => "ods",
        }
    }
}

/// Formats that are told apart by how they begin: the bytes, what they are, what to do.
const OTHERS: [(&[u8], &str, &str); 12] = [
    (b"\x1f\x8b", "gzip", UNPACK),
    (b"BZh", "bzip2", UNPACK),
    (b"\xfd7zXZ\x00", "xz", UNPACK),
    (b"\x28\xb5\x2f\xfd", "zstd", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (b"%PDF", "a PDF document", "export the table as xlsx or CSV"),
    (
        b"{\\rtf",
        "an RTF document",
        "export the table as xlsx or CSV",
    ),
    (b"MIME-Version:", "a web archive (MHTML)", SAVE),
    (b"\x09\x00\x04\x00", "a worksheet of Excel 2", SAVE),
    (b"\x09\x02\x06\x00", "a worksheet of Excel 3", SAVE),
    (b"\x09\x04\x06\x00", "a worksheet of Excel 4", SAVE),
];

const UNPACK: &str = "deliver the file inside it";
const SAVE: &str = "open it, save it as xlsx or CSV, and deliver that";

/// Tells what a file is, from its beginning and, of containers, from what they hold.
///
/// # Errors
/// [`Refused`] when it is something that is neither text nor a workbook, a container that was cut
/// off, or a workbook with a password.
pub(crate) fn sniff(
    head: &[u8],
    from: &mut (impl Read + Seek),
    limits: &Limits,
) -> Result<Kind, Refused> {
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return zip(from, limits);
    }
    if head.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return ole(from, limits);
    }
    let other = OTHERS.iter().find(|(begin, ..)| head.starts_with(begin));
    if let Some((_, what, hint)) = other {
        return Err(wrong(what, hint));
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let text = text.trim_ascii_start();
    let begins = |with: &str| {
        let part = text.get(..with.len());
        part.is_some_and(|part| part.eq_ignore_ascii_case(with.as_bytes()))
    };
    if [
        "<html",
        "<!doctype html",
        "<table",
        "<head",
        "<body",
        "<meta",
    ]
    .into_iter()
    .any(begins)
    {
        return Err(html());
    }
    if begins("<?xml") || begins("<!--") {
        let within = |word: &[u8]| memchr::memmem::find(text, word).is_some();
        if within(b"Excel.Sheet") || within(b"office:spreadsheet") {
            let what = "a spreadsheet in one piece of XML";
            return Err(wrong(what, SAVE));
        }
        if within(b"<html") || within(b"<HTML") {
            return Err(html());
        }
        return Err(wrong("XML", "export the table as xlsx or CSV"));
    }
    Ok(Kind::Text)
}

fn wrong(what: &str, hint: &str) -> Refused {
    let message = format!("this is {what}, not a workbook or delimited text");
    Refused::new(RefusalKind::WrongFormat, message, hint)
}

fn html() -> Refused {
    let what = "a web page (HTML), as programs write that only call it xls";
    wrong(what, SAVE).found("html")
}

fn zip(from: &mut (impl Read + Seek), limits: &Limits) -> Result<Kind, Refused> {
    let mut zip = Zip::open(from, limits)?;
    if zip.has("xl/workbook.bin") {
        return Ok(Kind::Xlsb);
    }
    if zip.has("xl/workbook.xml") {
        return Ok(Kind::Xlsx);
    }
    if zip.has("mimetype") {
        let (_, text) = zip.text("mimetype", 256)?;
        return if text.contains("opendocument.spreadsheet") {
            Ok(Kind::Ods)
        } else {
            Err(wrong("a zip file of another program", SAVE))
        };
    }
    if zip.has("word/document.xml") {
        return Err(wrong("a Word document", "export the table as xlsx or CSV"));
    }
    // The workbook may have another name, which the types of the parts tell.
    let types = "[Content_Types].xml";
    if zip.has(types) {
        let (back, text) = zip.text(types, 1 << 20)?;
        zip = back;
        if text.contains("sheet.binary.macroEnabled.main") {
            return Ok(Kind::Xlsb);
        }
        if text.contains("spreadsheetml.sheet.main+xml")
            || text.contains("ms-excel.sheet.macroEnabled.main+xml")
            || text.contains("spreadsheetml.template.main+xml")
        {
            return Ok(Kind::Xlsx);
        }
    }
    if zip.has("Index/Document.iwa") {
        return Err(wrong("a Numbers document", SAVE));
    }
    Err(wrong("a zip archive with no workbook of its own", UNPACK))
}

fn ole(from: &mut (impl Read + Seek), limits: &Limits) -> Result<Kind, Refused> {
    let ole = Ole::open(from, &mut Held::new(limits))?;
    if ole.has("EncryptedPackage") || ole.has("EncryptionInfo") {
        return Err(password());
    }
    if ole.has("Workbook") || ole.has("Book") {
        return Ok(Kind::Xls);
    }
    if ole.has("WordDocument") {
        return Err(wrong("a Word document", "export the table as xlsx or CSV"));
    }
    Err(damaged("it is an OLE file without a workbook"))
}
