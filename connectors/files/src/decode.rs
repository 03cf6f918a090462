//! What text a file is in, and the same text as UTF-8.
//!
//! A byte order mark decides; without one, text that is valid UTF-8 is UTF-8, and some bad bytes among valid ones do
//! not change that: they are odd rows. Else the declared encoding counts, and else a guess, which is said. Sources:
//! Unicode, "Byte order mark" (chapter 23.8); WHATWG, "Encoding". Invariant: UTF-8 is handed on byte by byte; only
//! other encodings are written anew, to a temporary file.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{CoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use rollcall_source::{RefusalKind, Refused};

/// How much is read from the medium at once.
const CHUNK: usize = 128 * 1024;
/// Of a hundred sequences that are not ASCII so many may be no UTF-8: more, and it is another encoding.
const BAD_PERCENT: u64 = 25;

/// What was found out about the text of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoded {
    /// As WHATWG names it, in lower case.
    pub name: &'static str,
    /// The file says so itself.
    pub mark: bool,
    /// Nobody says so: it looks like it.
    pub assumed: bool,
}

impl Encoded {
    fn of(encoding: &'static Encoding, mark: bool, assumed: bool) -> Self {
        let name = match encoding.name() {
            "UTF-8" => "utf-8",
            "UTF-16LE" => "utf-16le",
            "UTF-16BE" => "utf-16be",
            "windows-1250" => "windows-1250",
            "windows-1251" => "windows-1251",
            "windows-1252" => "windows-1252",
            name => name,
        };
        Self {
            name,
            mark,
            assumed,
        }
    }
}

/// The text of a file as UTF-8.
#[derive(Debug)]
pub(crate) enum Medium<R> {
    /// As it came.
    Given(R),
    /// Written anew.
    Anew(File),
}

impl<R: Read> Read for Medium<R> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Given(from) => from.read(to),
            Self::Anew(from) => from.read(to),
        }
    }
}

impl<R: Seek> Seek for Medium<R> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        match self {
            Self::Given(from) => from.seek(to),
            Self::Anew(from) => from.seek(to),
        }
    }
}

/// Finds out what text it is and hands it on as UTF-8, from the front and without a mark.
///
/// # Errors
/// When the medium fails, or the text is not what it says.
pub(crate) fn decode<R: Read + Seek>(
    mut from: R,
    declared: Option<&'static Encoding>,
) -> Result<(Medium<R>, Encoded, u64), Refused> {
    let fail = |e: std::io::Error| Refused::io(&e);
    from.seek(SeekFrom::Start(0)).map_err(fail)?;
    let mut head = Vec::new();
    from.by_ref()
        .take(4096)
        .read_to_end(&mut head)
        .map_err(fail)?;
    let (encoding, length, told) = if let Some((encoding, length)) = Encoding::for_bom(&head) {
        (encoding, length, Encoded::of(encoding, true, false))
    } else {
        let scan = scan(&mut from).map_err(fail)?;
        let (encoding, assumed) = match declared {
            _ if scan.is_utf8() && wide(&head).is_none() => (UTF_8, false),
            Some(declared) => (declared, false),
            // Nothing else is odd about it: UTF-8 that was cut, and the end says so.
            None if scan.is_cut_only() && wide(&head).is_none() => (UTF_8, false),
            None => match wide(&head) {
                Some(wide) => (wide, true),
                None => (guess(&mut from).map_err(fail)?, true),
            },
        };
        (encoding, 0, Encoded::of(encoding, false, assumed))
    };
    let start = length as u64;
    from.seek(SeekFrom::Start(start)).map_err(fail)?;
    if encoding == UTF_8 {
        return Ok((Medium::Given(from), told, start));
    }
    let anew = rewritten(&mut from, encoding, told)?;
    Ok((Medium::Anew(anew), told, 0))
}

/// How the sequences of a text that are not ASCII fare as UTF-8.
#[derive(Debug, Default)]
struct Scan {
    good: u64,
    bad: u64,
    /// The last one stops in the middle.
    cut: bool,
}

impl Scan {
    fn is_utf8(&self) -> bool {
        self.bad == 0 || self.bad * 100 <= (self.good + self.bad) * BAD_PERCENT
    }

    fn is_cut_only(&self) -> bool {
        self.cut && self.bad == 1
    }
}

fn scan(from: &mut (impl Read + Seek)) -> std::io::Result<Scan> {
    from.seek(SeekFrom::Start(0))?;
    let mut out = Scan::default();
    let mut buffer = vec![0; CHUNK];
    let mut kept = 0;
    loop {
        let read = from.read(&mut buffer[kept..])?;
        let end = read == 0;
        let mut rest = &buffer[..kept + read];
        // A character may go on in the next chunk.
        let left = loop {
            let error = match std::str::from_utf8(rest) {
                Ok(text) => {
                    out.good += wide_characters(text);
                    break 0;
                }
                Err(error) => error,
            };
            let (valid, behind) = rest.split_at(error.valid_up_to());
            out.good += std::str::from_utf8(valid).map_or(0, wide_characters);
            match error.error_len() {
                Some(length) => {
                    out.bad += 1;
                    rest = &behind[length..];
                }
                None if end => {
                    out.bad += 1;
                    out.cut = true;
                    break 0;
                }
                None => break behind.len(),
            }
        };
        if end {
            return Ok(out);
        }
        let have = kept + read;
        buffer.copy_within(have - left..have, 0);
        kept = left;
    }
}

fn wide_characters(text: &str) -> u64 {
    if text.is_ascii() {
        return 0;
    }
    text.bytes().filter(|byte| *byte >= 0xc0).count() as u64
}

/// Text of two bytes a character, without a mark: its line ends are, or nearly every other byte of it is NUL. Two NULs
/// are no character: a file that was cut may end in many.
fn wide(head: &[u8]) -> Option<&'static Encoding> {
    let pairs = || head.chunks_exact(2).filter(|pair| *pair != [0, 0]);
    let count = |of: fn(&[u8]) -> bool| pairs().filter(|pair| of(pair)).count();
    let all = pairs().count();
    if all < 4 || all * 2 == head.len() && !head.contains(&0) {
        return None;
    }
    let breaks = head.iter().filter(|byte| **byte == b'\n').count();
    let (little, big) = (
        count(|pair| pair == [b'\n', 0]),
        count(|pair| pair == [0, b'\n']),
    );
    if breaks > 0 && little.max(big) * 2 > breaks {
        return Some(if big > little { UTF_16BE } else { UTF_16LE });
    }
    let (little, big) = (count(|pair| pair[1] == 0), count(|pair| pair[0] == 0));
    let most = little.max(big);
    let clear = most * 10 >= all * 8 && little.min(big) * 10 < all;
    clear.then_some(if big > little { UTF_16BE } else { UTF_16LE })
}

fn guess(from: &mut (impl Read + Seek)) -> std::io::Result<&'static Encoding> {
    from.seek(SeekFrom::Start(0))?;
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = from.read(&mut buffer)?;
        detector.feed(&buffer[..read], read == 0);
        if read == 0 {
            return Ok(detector.guess(None, Utf8Detection::Deny));
        }
    }
}

fn rewritten(
    from: &mut impl Read,
    encoding: &'static Encoding,
    told: Encoded,
) -> Result<File, Refused> {
    let fail = |e: std::io::Error| Refused::io(&e);
    let mut out = BufWriter::with_capacity(CHUNK, tempfile::tempfile().map_err(fail)?);
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let (mut input, mut text) = (vec![0; CHUNK], vec![0; 4 * CHUNK]);
    let mut broken = false;
    loop {
        let read = from.read(&mut input).map_err(fail)?;
        let last = read == 0;
        let mut rest = &input[..read];
        loop {
            let (result, used, written, bad) = decoder.decode_to_utf8(rest, &mut text, last);
            if last && bad && !broken {
                let message = "the file ends in the middle of a character";
                let hint = "the upload stopped early; deliver the whole file again";
                return Err(Refused::new(RefusalKind::Truncated, message, hint));
            }
            broken |= bad;
            out.write_all(&text[..written]).map_err(fail)?;
            rest = &rest[used..];
            if result == CoderResult::InputEmpty {
                break;
            }
        }
        if last {
            break;
        }
    }
    if broken {
        let message = format!(
            "the text says or seems to be {}, and is not: some of it is no text",
            told.name
        );
        let hint = "the upload stopped early, or the export mixes encodings; have it written anew as UTF-8";
        return Err(Refused::new(RefusalKind::NotUtf8, message, hint));
    }
    let mut out = out.into_inner().map_err(|e| fail(e.into_error()))?;
    out.seek(SeekFrom::Start(0)).map_err(fail)?;
    Ok(out)
}
