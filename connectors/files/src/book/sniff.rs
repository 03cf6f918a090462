//! What the bytes of a file are. Its name is never asked.

use std::borrow::Cow;
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
        return zip(from, limits).map_err(|refused| match (refused.kind, packed(head)) {
            (RefusalKind::Truncated, Some(kind)) => refused.found(kind.name()),
            _ => refused,
        });
    }
    if head.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return ole(from, limits);
    }
    let other = OTHERS.iter().find(|(begin, ..)| head.starts_with(begin));
    if let Some((_, what, hint)) = other {
        return Err(wrong(what, hint));
    }
    text(&narrow(head))
}

/// The beginning of a text as UTF-8, where it is UTF-16; only what is ASCII in it counts.
fn narrow(head: &[u8]) -> Cow<'_, [u8]> {
    let units: fn([u8; 2]) -> u16 = match head {
        [0xff, 0xfe, ..] | [b'<' | b'{' | b'[', 0, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] | [0, b'<' | b'{' | b'[', ..] => u16::from_be_bytes,
        _ => {
            let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
            return Cow::Borrowed(text.trim_ascii_start());
        }
    };
    let (pairs, _) = head.as_chunks::<2>();
    let letters = pairs
        .iter()
        .map(|pair| units(*pair))
        .filter(|u| *u != 0xfeff);
    let letters: Vec<u8> = letters.map(|u| u8::try_from(u).unwrap_or(b'?')).collect();
    Cow::Owned(letters.trim_ascii_start().to_vec())
}

/// Elements that only a page begins with, and those that one may begin with.
const SURE: [&str; 5] = ["html", "head", "body", "table", "meta"];
const LIKELY: [&str; 13] = [
    "style", "script", "title", "link", "base", "div", "span", "center", "form", "font", "p", "br",
    "h1",
];

/// Tells what a text is that is no table. A table may begin with `<` or `[` too: only clear marks
/// count.
fn text(text: &[u8]) -> Result<Kind, Refused> {
    let begins = |with: &str| {
        let part = text.get(..with.len());
        part.is_some_and(|part| part.eq_ignore_ascii_case(with.as_bytes()))
    };
    let within = |word: &[u8]| memchr::memmem::find(text, word).is_some();
    let element = |name: &&str| {
        let behind = text.get(1 + name.len());
        begins(&format!("<{name}")) && behind.is_some_and(|b| b" \t\r\n/>".contains(b))
    };
    let likely = LIKELY.iter().any(element) && within(b"</");
    if begins("<!doctype html") || SURE.iter().any(element) || likely {
        return Err(html());
    }
    if begins("<?xml") || begins("<!--") {
        if within(b"Excel.Sheet") || within(b"office:spreadsheet") {
            let what = "a spreadsheet in one piece of XML";
            return Err(wrong(what, SAVE));
        }
        if within(b"<html") || within(b"<HTML") {
            return Err(html());
        }
        return Err(wrong("XML", "export the table as xlsx or CSV"));
    }
    if is_json(text) {
        let hint = "if it is an error of the program that exports, mend that; else export the \
                    table as xlsx or CSV";
        return Err(wrong("JSON", hint).found("json"));
    }
    if begins("-----BEGIN PGP ") {
        let hint = "decrypt it on the way in; Rollcall has no keys to do so";
        return Err(wrong("a text encrypted or signed with PGP", hint).found("pgp"));
    }
    Ok(Kind::Text)
}

/// An object, or a list of objects, lists or texts. `[EmployeeID],[Name]` is none.
fn is_json(text: &[u8]) -> bool {
    let object = |text: &[u8]| {
        let inside = text.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
        inside.is_some_and(|inside| match inside.strip_prefix(b"\"") {
            Some(name) => {
                let end = memchr::memchr(b'"', name).map(|end| &name[end + 1..]);
                end.is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
            }
            None => inside.starts_with(b"}"),
        })
    };
    let list = text.strip_prefix(b"[").map(<[u8]>::trim_ascii_start);
    let list = list.is_some_and(|inside| {
        let within = inside.strip_prefix(b"[").map(<[u8]>::trim_ascii_start);
        object(inside)
            || inside.starts_with(b"\"")
            || inside.trim_ascii_end() == b"]"
            || within.is_some_and(|within| within.starts_with(b"\""))
    });
    list || object(text)
}

fn wrong(what: &str, hint: &str) -> Refused {
    let message = format!("this is {what}, not a workbook or delimited text");
    Refused::new(RefusalKind::WrongFormat, message, hint)
}

fn html() -> Refused {
    let what = "a web page (HTML), as programs write that only call it xls";
    wrong(what, SAVE).found("html")
}

/// What a zip file was that has no directory any more, as far as the names of its first parts tell.
fn packed(head: &[u8]) -> Option<Kind> {
    let within = |word: &[u8]| memchr::memmem::find(head, word).is_some();
    if within(b"opendocument.spreadsheet") {
        return Some(Kind::Ods);
    }
    if within(b"xl/workbook.bin") || within(b"xl/worksheets/sheet1.bin") {
        return Some(Kind::Xlsb);
    }
    let xlsx = within(b"xl/workbook.xml") || within(b"xl/worksheets/sheet1.xml");
    xlsx.then_some(Kind::Xlsx)
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
        return Err(password("xlsx"));
    }
    if ole.has("Workbook") || ole.has("Book") {
        return Ok(Kind::Xls);
    }
    if ole.has("WordDocument") {
        return Err(wrong("a Word document", "export the table as xlsx or CSV"));
    }
    Err(damaged("it is an OLE file without a workbook"))
}
