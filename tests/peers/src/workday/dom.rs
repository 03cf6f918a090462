//! A request as a small tree, with names and their namespaces.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// An element.
#[derive(Debug, Clone, Default)]
pub(super) struct Element {
    pub(super) namespace: String,
    pub(super) name: String,
    /// Namespace, name and value.
    pub(super) attributes: Vec<(String, String, String)>,
    pub(super) children: Vec<Element>,
    pub(super) text: String,
}

impl Element {
    /// The first child of this name.
    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|it| it.name == name)
    }

    /// The text of the first child of this name.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.child(name).map(|it| it.text.trim())
    }

    /// An attribute by namespace and name.
    pub(super) fn attribute(&self, namespace: &str, name: &str) -> Option<&str> {
        let mut all = self.attributes.iter();
        let found = all.find(|it| it.0 == namespace && it.1 == name);
        found.map(|it| it.2.as_str())
    }
}

/// The root element of a document. `None` where it is none.
pub(super) fn parse(body: &[u8]) -> Option<Element> {
    let body = std::str::from_utf8(body).ok()?;
    let mut reader = Reader::from_str(body);
    let mut open: Vec<Element> = Vec::new();
    let mut scopes: Vec<Vec<(String, String)>> = Vec::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => open.push(element(&start, &mut scopes)?),
            Event::Empty(start) => {
                let element = element(&start, &mut scopes)?;
                scopes.pop();
                match open.last_mut() {
                    Some(parent) => parent.children.push(element),
                    None => return Some(element),
                }
            }
            Event::End(_) => {
                scopes.pop();
                let element = open.pop()?;
                match open.last_mut() {
                    Some(parent) => parent.children.push(element),
                    None => return Some(element),
                }
            }
            Event::Text(text) => add(&mut open, &text),
            Event::CData(text) => add(&mut open, &text),
            Event::GeneralRef(entity) => {
                let text = match &*entity {
                    "amp" => "&".to_owned(),
                    "lt" => "<".to_owned(),
                    "gt" => ">".to_owned(),
                    "quot" => "\"".to_owned(),
                    "apos" => "'".to_owned(),
                    _ => entity.resolve_char_ref().ok()??.to_string(),
                };
                add(&mut open, &text);
            }
            Event::DocType(_) | Event::Eof => return None,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

fn add(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn element(start: &BytesStart<'_>, scopes: &mut Vec<Vec<(String, String)>>) -> Option<Element> {
    let mut declared = Vec::new();
    let mut plain = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        let key = attribute.key.as_ref().to_owned();
        let value = quick_xml::escape::unescape(&attribute.value).ok()?;
        let value = value.into_owned();
        match key.strip_prefix("xmlns") {
            Some("") => declared.push((String::new(), value)),
            Some(rest) if rest.starts_with(':') => declared.push((rest[1..].to_owned(), value)),
            Some(_) | None => plain.push((key, value)),
        }
    }
    scopes.push(declared);
    let namespace = |prefix: &str| {
        let all = scopes.iter().rev().flatten();
        let mut all = all.filter(|it| it.0 == prefix);
        all.next().map(|it| it.1.clone())
    };
    let name = start.name();
    let (prefix, name) = split(name.as_ref());
    let attributes = plain.into_iter().map(|(key, value)| {
        let (prefix, name) = split(&key);
        let space = if prefix.is_empty() {
            Some(String::new())
        } else {
            namespace(prefix)
        };
        space.map(|space| (space, name.to_owned(), value))
    });
    Some(Element {
        namespace: match namespace(prefix) {
            Some(space) => space,
            None if prefix.is_empty() => String::new(),
            None => return None,
        },
        name: name.to_owned(),
        attributes: attributes.collect::<Option<_>>()?,
        ..Element::default()
    })
}

fn split(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}
