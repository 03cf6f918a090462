//! From the bytes of an answer to its facts and its workers.

use quick_xml::Reader;
use quick_xml::errors::SyntaxError;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::names::{Name, Names};
use super::reach::{ROOT, Reach};
use super::scope::Scope;
use super::tree::{DEPTH_MAX, NODES_MAX, Tree, View, Way};

/// Why an answer cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// It is no well-formed XML.
    NotXml,
    /// It ends before its root element does.
    Truncated,
    /// It has a document type declaration.
    Doctype,
    /// It uses an entity that XML itself does not have.
    Entity,
    /// A worker is deeper, or has more parts, than any real one.
    TooLarge,
    /// What answers is XML, and no answer to `Get_Workers`.
    NoResponse,
}

/// Why reading stopped.
#[derive(Debug)]
pub(crate) enum Stop<E> {
    /// The answer cannot be read.
    Broken(Broken),
    /// Whoever takes the workers said so.
    Told(E),
}

impl<E> From<Broken> for Stop<E> {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

/// What an answer says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Facts {
    /// `@version` of the response.
    pub(crate) version: Option<String>,
    pub(crate) total_results: Option<u32>,
    pub(crate) total_pages: Option<u32>,
    pub(crate) page_results: Option<u32>,
    pub(crate) page: Option<u32>,
    /// Workers that are there.
    pub(crate) workers: u32,
}

/// What an element above the workers is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Envelope,
    Body,
    Response,
    Results,
    TotalResults,
    TotalPages,
    PageResults,
    Page,
    Data,
    Other,
}

fn level(above: Option<Level>, is_ours: bool, local: &str) -> Level {
    match (above, is_ours, local) {
        (None, _, "Envelope") => Level::Envelope,
        (Some(Level::Envelope), _, "Body") => Level::Body,
        (Some(Level::Body), true, "Get_Workers_Response") => Level::Response,
        (Some(Level::Response), true, "Response_Results") => Level::Results,
        (Some(Level::Response), true, "Response_Data") => Level::Data,
        (Some(Level::Results), true, "Total_Results") => Level::TotalResults,
        (Some(Level::Results), true, "Total_Pages") => Level::TotalPages,
        (Some(Level::Results), true, "Page_Results") => Level::PageResults,
        (Some(Level::Results), true, "Page") => Level::Page,
        _ => Level::Other,
    }
}

/// Reads an answer to `Get_Workers` and hands on each of its workers, in order.
///
/// # Errors
/// [`Stop`] when it cannot be read as a whole, or `each` wants no more.
pub(crate) fn read_answer<E>(
    body: &str,
    names: &Names,
    reach: &Reach,
    tree: &mut Tree,
    mut each: impl FnMut(View<'_>) -> Result<(), E>,
) -> Result<Facts, Stop<E>> {
    let mut reader = Reader::from_str(body);
    let mut scope = Scope::default();
    let mut levels: Vec<Level> = Vec::with_capacity(8);
    let mut facts = Facts::default();
    let mut answered = false;
    loop {
        let event = reader.read_event().map_err(|it| broken(&it))?;
        let (start, is_empty) = match event {
            Event::Start(start) => (start, false),
            Event::Empty(start) => (start, true),
            Event::End(_) => {
                levels.pop();
                scope.leave(levels.len());
                continue;
            }
            Event::Text(text) => {
                let text = text.trim();
                let number = || text.parse().ok();
                match levels.last() {
                    Some(Level::TotalResults) => facts.total_results = number(),
                    Some(Level::TotalPages) => facts.total_pages = number(),
                    Some(Level::PageResults) => facts.page_results = number(),
                    Some(Level::Page) => facts.page = number(),
                    Some(_) | None => {}
                }
                continue;
            }
            Event::GeneralRef(entity) => {
                letter(&entity)?;
                continue;
            }
            Event::DocType(_) => return Err(Broken::Doctype.into()),
            Event::CData(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => continue,
            Event::Eof if !levels.is_empty() => return Err(Broken::Truncated.into()),
            Event::Eof if !answered => return Err(Broken::NoResponse.into()),
            Event::Eof => return Ok(facts),
        };
        let depth = levels.len();
        scope.declare(depth, start.attributes_raw());
        let name = start.name();
        let (is_ours, local) = scope.split(name.as_ref(), false);
        if levels.last() == Some(&Level::Data) && is_ours && local == "Worker" {
            facts.workers += 1;
            tree.clear();
            Worker {
                body,
                names,
                reach,
                tree,
                scope: &mut scope,
                depth,
            }
            .read(&mut reader, &start, is_empty)?;
            tree.close(0);
            scope.leave(depth);
            each(View { tree, body }).map_err(Stop::Told)?;
            continue;
        }
        let level = level(levels.last().copied(), is_ours, local);
        if level == Level::Response {
            answered = true;
            for attribute in start.attributes().with_checks(false).flatten() {
                if scope.split(attribute.key.as_ref(), true).1 == "version" {
                    facts.version = Some(attribute.value.into_owned());
                }
            }
        }
        if is_empty {
            scope.leave(depth);
        } else if depth >= DEPTH_MAX {
            return Err(Broken::TooLarge.into());
        } else {
            levels.push(level);
        }
    }
}

/// The letter that a reference stands for.
///
/// # Errors
/// `Entity` for what is none of the five of XML and no number of a letter.
pub(crate) fn letter(entity: &BytesRef<'_>) -> Result<char, Broken> {
    if let Some(letter) = entity.resolve_char_ref().map_err(|_| Broken::Entity)? {
        return Ok(letter);
    }
    match &**entity {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(Broken::Entity),
    }
}

/// What the XML reader says; its words may carry text of the answer, so they are not passed on.
pub(crate) fn broken(error: &quick_xml::Error) -> Broken {
    // All others of these say that something is never closed.
    let other = matches!(
        error,
        quick_xml::Error::Syntax(SyntaxError::InvalidBangMarkup)
    );
    if matches!(error, quick_xml::Error::Syntax(_)) && !other {
        Broken::Truncated
    } else {
        Broken::NotXml
    }
}

/// One worker on its way into the tree.
struct Worker<'a> {
    body: &'a str,
    names: &'a Names,
    reach: &'a Reach,
    tree: &'a mut Tree,
    scope: &'a mut Scope,
    /// Elements above it.
    depth: usize,
}

impl Worker<'_> {
    /// Reads it up to its end.
    fn read(
        mut self,
        reader: &mut Reader<&[u8]>,
        start: &BytesStart<'_>,
        is_empty: bool,
    ) -> Result<(), Broken> {
        // Node and place of each element that is open.
        let mut open: Vec<(u32, usize)> = Vec::with_capacity(16);
        if self.enter(start, &mut open, 0, ROOT)?.is_none() || is_empty {
            self.leave_empty(&mut open);
            return if is_empty { Ok(()) } else { past(reader) };
        }
        // The last event was text of the element that is open now.
        let mut joins = false;
        loop {
            let event = reader.read_event().map_err(|it| broken(&it))?;
            let Some(&(node, place)) = open.last() else {
                return Ok(());
            };
            match event {
                Event::Start(start) => {
                    joins = false;
                    if self.enter(&start, &mut open, node, place)?.is_none() {
                        past(reader)?;
                    }
                }
                Event::Empty(start) => {
                    joins = false;
                    if self.enter(&start, &mut open, node, place)?.is_some() {
                        self.leave_empty(&mut open);
                    }
                }
                Event::End(_) => {
                    joins = false;
                    self.leave_empty(&mut open);
                    if open.is_empty() {
                        return Ok(());
                    }
                }
                Event::Text(text) => {
                    let text: &str = &text;
                    // Line breaks between elements are nobody's text.
                    if self.reach.places[place].text
                        && (joins || !text.trim_ascii_start().is_empty())
                    {
                        self.text(node, text, joins);
                        joins = true;
                    }
                }
                Event::CData(text) => {
                    if self.reach.places[place].text {
                        self.text(node, &text, joins);
                        joins = true;
                    }
                }
                Event::GeneralRef(entity) => {
                    let letter = letter(&entity)?;
                    if self.reach.places[place].text {
                        self.text(node, letter.encode_utf8(&mut [0; 4]), joins);
                        joins = true;
                    }
                }
                Event::Comment(_) | Event::PI(_) => {}
                Event::DocType(_) | Event::Decl(_) => return Err(Broken::Doctype),
                Event::Eof => return Err(Broken::Truncated),
            }
        }
    }

    fn text(&mut self, node: u32, part: &str, joins: bool) {
        let name = self.tree.nodes()[node as usize].name;
        if !joins && self.names.is_boolean(name) {
            let text = self
                .tree
                .truth(self.names, name, self.body, part.trim_ascii());
            self.tree.open(node, super::TEXT, text);
        } else {
            self.tree.text(node, self.body, part, joins);
        }
    }

    /// Goes into an element, unless nobody reads it.
    fn enter(
        &mut self,
        start: &BytesStart<'_>,
        open: &mut Vec<(u32, usize)>,
        node: u32,
        place: usize,
    ) -> Result<Option<()>, Broken> {
        let depth = self.depth + open.len();
        let attributes = start.attributes_raw();
        if !attributes.is_empty() {
            self.scope.declare(depth, attributes);
        }
        let name = start.name();
        let name = name.as_ref();
        let (is_ours, local) = self.scope.split(name, false);
        let (number, next) = match self.reach.way(self.names, place, is_ours, local) {
            Way::In(number, next) => (number, next),
            Way::Past => {
                self.scope.leave(depth);
                return Ok(None);
            }
        };
        if open.len() >= DEPTH_MAX || self.tree.len() >= NODES_MAX {
            return Err(Broken::TooLarge);
        }
        let text = self.tree.span(self.body, name);
        let node = self.tree.open(node, number, text);
        open.push((node, next));
        let reached = &self.reach.places[next];
        if !attributes.is_empty() && (reached.whole || !reached.attributes.is_empty()) {
            self.attributes(start, next)?;
        }
        Ok(Some(()))
    }

    fn attributes(&mut self, start: &BytesStart<'_>, place: usize) -> Result<(), Broken> {
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|_| Broken::NotXml)?;
            let (is_ours, local) = self.scope.split(attribute.key.as_ref(), true);
            if !is_ours {
                continue;
            }
            let Some(name) = self.wanted(place, local) else {
                continue;
            };
            let value: &str = &attribute.value;
            let text = if value.contains('&') {
                let value = quick_xml::escape::unescape(value).map_err(|_| Broken::Entity)?;
                self.tree.write(&[&value])
            } else {
                self.tree.truth(self.names, name, self.body, value)
            };
            self.tree.attribute(name, text);
        }
        Ok(())
    }

    fn wanted(&self, place: usize, local: &str) -> Option<Name> {
        let place = &self.reach.places[place];
        if place.whole {
            return Some(self.names.find(local));
        }
        let mut wanted = place.attributes.iter().copied();
        wanted.find(|it| self.names.text(*it) == local)
    }

    /// The element that was opened last ends.
    fn leave_empty(&mut self, open: &mut Vec<(u32, usize)>) {
        if let Some((node, _)) = open.pop() {
            self.tree.close(node);
            self.scope.leave(self.depth + open.len());
        }
    }
}

/// Reads past an element that has begun.
fn past(reader: &mut Reader<&[u8]>) -> Result<(), Broken> {
    let mut depth = 1_u32;
    while depth > 0 {
        match reader.read_event().map_err(|it| broken(&it))? {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            Event::GeneralRef(entity) => {
                letter(&entity)?;
            }
            Event::Eof => return Err(Broken::Truncated),
            Event::DocType(_) | Event::Decl(_) => return Err(Broken::Doctype),
            Event::Empty(_)
            | Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::PI(_) => {}
        }
    }
    Ok(())
}
