//! XML as parts of workbooks use it: no document types, no entities of its own, no deep nesting,
//! no event longer than a row may be.

use std::borrow::Cow;
use std::io::{BufRead as _, BufReader, Read, Seek};

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::zip::{Part, Zip};
use super::{Refused, damaged, too_large};
use crate::options::Limits;

const BUFFER_BYTES: usize = 64 * 1024;
/// Elements within each other. Spreadsheets need fewer than thirty.
const DEPTH_MAX: usize = 256;

/// The XML of one part.
pub(super) struct Xml<R: Read + Seek> {
    reader: Reader<BufReader<Part<R>>>,
    buffer: Vec<u8>,
    depth: usize,
    event_bytes_max: u64,
    text_bytes_max: usize,
    /// The reader expects text or an element next. After a text it has looked at the element's
    /// first byte already.
    between: bool,
}

impl<R: Read + Seek> Xml<R> {
    pub(super) fn new(part: Part<R>, limits: &Limits) -> Self {
        let mut reader = Reader::from_reader(BufReader::with_capacity(BUFFER_BYTES, part));
        let config = reader.config_mut();
        config.check_end_names = false;
        config.check_comments = false;
        // A part may be read from its middle.
        config.allow_unmatched_ends = true;
        Self {
            reader,
            buffer: Vec::with_capacity(1024),
            depth: 0,
            between: false,
            text_bytes_max: limits.row_bytes_max,
            event_bytes_max: (limits.row_bytes_max + 2 * BUFFER_BYTES) as u64,
        }
    }

    /// The next event.
    pub(super) fn next(&mut self) -> Result<Event<'_>, Refused> {
        self.buffer.clear();
        self.reader.get_mut().get_mut().allow(self.event_bytes_max);
        let event = self
            .reader
            .read_event_into(&mut self.buffer)
            .map_err(|e| broken(&e))?;
        self.between = !matches!(event, Event::Text(_));
        match &event {
            Event::Start(_) => self.depth += 1,
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            Event::DocType(_) => return Err(damaged("a part declares a document type")),
            Event::Empty(_)
            | Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::GeneralRef(_)
            | Event::Eof => {}
        }
        if self.depth > DEPTH_MAX {
            return Err(damaged("a part nests its elements without end"));
        }
        Ok(event)
    }

    /// A cell as nearly all are, without looking at its elements one by one: nothing, a value or a
    /// text, with no formula, no entity, and no line break that XML would change. `None`: another
    /// event comes next, or this one is not whole in what has been read. [`Self::taken`] goes on.
    pub(super) fn plain_cell(&mut self) -> Option<PlainCell<'_>> {
        if !self.between {
            return None;
        }
        let from = self.reader.get_mut();
        from.get_mut().allow(self.event_bytes_max);
        PlainCell::parse(from.fill_buf().ok()?)
    }

    /// Goes on behind a plain cell.
    pub(super) fn taken(&mut self, bytes: usize) {
        self.reader.stream().consume(bytes);
    }

    /// Elements that are open.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Goes on until fewer elements are open.
    pub(super) fn leave(&mut self, depth: usize) -> Result<(), Refused> {
        while self.depth >= depth {
            if matches!(self.next()?, Event::Eof) {
                return Err(ends_early());
            }
        }
        Ok(())
    }

    /// Skips to the end of the element that has just begun.
    pub(super) fn skip(&mut self) -> Result<(), Refused> {
        let mut open = 1_usize;
        while open > 0 {
            match self.next()? {
                Event::Start(_) => open += 1,
                Event::End(_) => open -= 1,
                Event::Eof => return Err(ends_early()),
                _ => {}
            }
        }
        Ok(())
    }

    /// A text that is put together of many events is no longer than a row either.
    pub(super) fn within(&self, text: &str, start: usize) -> Result<(), Refused> {
        if text.len() - start > self.text_bytes_max {
            return Err(too_large("one cell", "bytes", self.text_bytes_max as u64));
        }
        Ok(())
    }

    /// Adds the text of the element that has just begun, without that of elements within.
    pub(super) fn text(&mut self, to: &mut String) -> Result<(), Refused> {
        let mut open = 1_usize;
        let start = to.len();
        while open > 0 {
            self.within(to, start)?;
            match self.next()? {
                Event::Start(_) => open += 1,
                Event::End(_) => open -= 1,
                Event::Text(text) if open == 1 => to.push_str(&text.xml10_content()),
                Event::CData(text) if open == 1 => to.push_str(&text.xml10_content()),
                Event::GeneralRef(entity) if open == 1 => to.push(character(&entity)?),
                Event::Eof => return Err(ends_early()),
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn close(self) -> Zip<R> {
        self.reader.into_inner().into_inner().close()
    }
}

/// A cell without anything special about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PlainCell<'a> {
    pub(super) attributes: &'a str,
    /// `None`: the cell is empty.
    pub(super) text: Option<&'a str>,
    /// Bytes of all of it.
    pub(super) bytes: usize,
}

impl<'a> PlainCell<'a> {
    fn parse(buffer: &'a [u8]) -> Option<Self> {
        let inside = buffer.trim_ascii_start().strip_prefix(b"<c ")?;
        let end = memchr::memchr(b'>', inside)?;
        let (attributes, rest) = (&inside[..end], &inside[end + 1..]);
        let (attributes, empty) = match attributes.strip_suffix(b"/") {
            Some(attributes) => (attributes.trim_ascii_end(), true),
            None => (attributes, false),
        };
        // Where a value holds a `>` there is no quote before it.
        if !matches!(attributes.last(), Some(b'"' | b'\'')) {
            return None;
        }
        let (text, rest) = if empty {
            (None, rest)
        } else {
            let (open, close): (&[u8], &[u8]) = if rest.starts_with(b"<v>") {
                (b"<v>", b"</v></c>")
            } else {
                (b"<is><t>", b"</t></is></c>")
            };
            let rest = rest.strip_prefix(open)?;
            let end = memchr::memchr3(b'<', b'&', b'\r', rest)?;
            let text = std::str::from_utf8(&rest[..end]).ok()?;
            (Some(text), rest[end..].strip_prefix(close)?)
        };
        Some(Self {
            attributes: std::str::from_utf8(attributes).ok()?,
            text,
            bytes: buffer.len() - rest.len(),
        })
    }
}

/// What `&amp;` or `&#228;` stands for.
pub(super) fn character(entity: &BytesRef<'_>) -> Result<char, Refused> {
    if let Ok(Some(letter)) = entity.resolve_char_ref() {
        return Ok(letter);
    }
    match &*entity.xml10_content() {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(damaged("a part uses an entity that XML does not have")),
    }
}

/// The value of an attribute as it stands in the file, by its name without a prefix.
pub(super) fn raw<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = attributes;
    loop {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, next) = after[1..].split_once(quote)?;
        let key = key.trim();
        let key = key.rsplit_once(':').map_or(key, |(_, local)| local);
        if key == name {
            return Some(value);
        }
        rest = next;
    }
}

/// The value of an attribute, by its name without a prefix.
pub(super) fn attribute<'a>(
    element: &'a BytesStart<'_>,
    name: &str,
) -> Result<Option<Cow<'a, str>>, Refused> {
    let Some(value) = raw(element.attributes_raw(), name) else {
        return Ok(None);
    };
    let value = quick_xml::escape::unescape(value);
    value
        .map(Some)
        .map_err(|_| damaged("a part uses an entity that XML does not have"))
}

/// `1` or `true`.
pub(super) fn truth(value: Option<&str>) -> bool {
    matches!(value, Some("1" | "true" | "on"))
}

pub(super) fn ends_early() -> Refused {
    damaged("a part ends in the middle")
}

/// An error of the XML reader. Its own words may carry text of the file, so they are not passed on.
fn broken(error: &quick_xml::Error) -> Refused {
    match error {
        quick_xml::Error::Io(error) => super::io(error),
        _ => damaged("a part is not well-formed XML"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_cells_are_taken_whole_or_not_at_all() {
        for (xml, attributes, text) in [
            ("<c r=\"A1\"><v>12</v></c>", "r=\"A1\"", Some("12")),
            (
                "\n  <c r=\"A1\" t='s'><v></v></c>",
                "r=\"A1\" t='s'",
                Some(""),
            ),
            ("<c r='A1' ><v></v></c>", "", None),
            ("<c r=\"A1\"/>", "r=\"A1\"", None),
            ("<c r=\"A1\" />", "r=\"A1\"", None),
            (
                "<c t=\"inlineStr\"><is><t>é</t></is></c>",
                "t=\"inlineStr\"",
                Some("é"),
            ),
        ] {
            let both = format!("{xml}<c");
            let plain = PlainCell::parse(both.as_bytes());
            if attributes.is_empty() {
                assert_eq!(plain, None, "{xml}");
                continue;
            }
            let plain = plain.expect("a plain cell");
            assert_eq!((plain.attributes, plain.text), (attributes, text));
            assert_eq!(&both[plain.bytes..], "<c");
            for end in 0..xml.len() {
                assert_eq!(
                    PlainCell::parse(&xml.as_bytes()[..end]),
                    None,
                    "{xml} {end}"
                );
            }
        }
        for other in [
            "<c><v>1</v></c>",
            "<cols/>",
            "<c r=\"A1\"><f>1</f><v>1</v></c>",
            "<c r=\"A1\"><v>1</v><v>2</v></c>",
            "<c r=\"A1\"><v>a&amp;b</v></c>",
            "<c r=\"A1\"><v>a\rb</v></c>",
            "<c r=\"A>1\"><v>1</v></c>",
            "<c r=\"A/>1\"><v>1</v></c>",
            "<c r=\"A1\"><is><t>a</t><t>b</t></is></c>",
            "<x:c r=\"A1\"/>",
            "</row>",
        ] {
            assert_eq!(PlainCell::parse(other.as_bytes()), None, "{other}");
        }
        assert_eq!(PlainCell::parse(b"<c r=\"A1\"><v>\xff</v></c>"), None);
    }

    #[test]
    fn attributes_are_found_by_their_local_names() {
        let all = " r:id='x' name = \"a&amp;b\" s=\"\"\n t=\"1\"";
        assert_eq!(raw(all, "id"), Some("x"));
        assert_eq!(raw(all, "name"), Some("a&amp;b"));
        assert_eq!(raw(all, "s"), Some(""));
        assert_eq!(raw(all, "t"), Some("1"));
        assert_eq!(raw(all, "me"), None);
        for odd in ["", "=", "a", "a=", "a=b", "a=\"", "=\"\"", "é=é"] {
            assert_eq!(raw(odd, "a"), None, "{odd}");
        }
    }
}
