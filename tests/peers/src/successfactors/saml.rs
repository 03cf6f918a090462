//! Whether an assertion is one: times, audience, recipient, and a signature over its canonical form.
//!
//! Written apart from the signer and from the standards alone: the text is parsed, the referenced element is written anew in exclusive
//! canonical form without its signature, and hashed. Source: "Exclusive XML Canonicalization 1.0", section 3.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use rollcall_core::base64;

const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

/// What an assertion has to say.
pub(crate) struct Wanted<'a> {
    pub(crate) audience: &'a str,
    pub(crate) recipient: &'a str,
    pub(crate) api_key: &'a str,
    pub(crate) user: &'a str,
    pub(crate) now: Timestamp,
    pub(crate) public_key: &'a [u8],
}

/// An element.
#[derive(Debug, Clone, Default)]
struct Element {
    /// As written, with its prefix.
    name: String,
    /// Declarations of name spaces: prefix, and what it stands for.
    spaces: BTreeMap<String, String>,
    /// The rest, by name as written.
    attributes: Vec<(String, String)>,
    children: Vec<Node>,
}

#[derive(Debug, Clone)]
enum Node {
    Element(Element),
    Text(String),
}

pub(crate) fn verify(xml: &str, wanted: &Wanted<'_>) -> Result<(), String> {
    let root = parse(xml)?;
    let known = |is: bool, what: &str| if is { Ok(()) } else { Err(what.to_owned()) };
    known(
        root.is("Assertion") && root.spaces.get(root.prefix()).is_some_and(|it| it == SAML),
        "no assertion",
    )?;
    known(root.attribute("Version") == Some("2.0"), "another version")?;
    let audience = root
        .path(&["Conditions", "AudienceRestriction", "Audience"])
        .map(Element::text);
    known(
        audience.as_deref() == Some(wanted.audience),
        "another audience",
    )?;
    let data = root
        .path(&["Subject", "SubjectConfirmation", "SubjectConfirmationData"])
        .ok_or("no subject")?;
    known(
        data.attribute("Recipient") == Some(wanted.recipient),
        "another recipient",
    )?;
    let at = |element: &Element, name: &str| {
        element
            .attribute(name)
            .and_then(|it| it.parse::<Timestamp>().ok())
    };
    let conditions = root.path(&["Conditions"]).ok_or("no conditions")?;
    let from = at(conditions, "NotBefore").ok_or("no beginning")?;
    let ends = [
        at(conditions, "NotOnOrAfter").ok_or("no end")?,
        at(data, "NotOnOrAfter").ok_or("no end")?,
    ];
    known(
        from <= wanted.now && ends.iter().all(|end| wanted.now < *end),
        "its time is over, or to come",
    )?;
    let name = root.path(&["Subject", "NameID"]).map(Element::text);
    known(
        name.as_deref() == Some(wanted.user),
        "Login failed - invalid user",
    )?;
    let statement = root.path(&["AttributeStatement"]).ok_or("no attributes")?;
    let says = |name: &str| {
        let of = |it: &&Element| it.attribute("Name") == Some(name);
        statement
            .elements()
            .find(of)
            .and_then(|it| it.path(&["AttributeValue"]))
            .map(Element::text)
    };
    known(
        says("api_key").as_deref() == Some(wanted.api_key),
        "another API key",
    )?;
    known(
        root.elements().nth(1).is_some_and(|it| it.is("Signature")),
        "the signature is not behind the issuer",
    )?;
    signature(&root, wanted.public_key)
}

fn signature(root: &Element, public_key: &[u8]) -> Result<(), String> {
    let signature = root.path(&["Signature"]).ok_or("no signature")?;
    if signature
        .spaces
        .get(signature.prefix())
        .is_none_or(|it| it != DSIG)
    {
        return Err("no signature".to_owned());
    }
    let info = signature.path(&["SignedInfo"]).ok_or("nothing is signed")?;
    let reference = info.path(&["Reference"]).ok_or("nothing is referred to")?;
    let algorithm = |element: Option<&Element>| {
        element
            .and_then(|it| it.attribute("Algorithm"))
            .unwrap_or_default()
            .to_owned()
    };
    let transforms: Vec<&Element> = reference
        .path(&["Transforms"])
        .into_iter()
        .flat_map(Element::elements)
        .collect();
    let algorithms: Vec<String> = transforms.iter().map(|it| algorithm(Some(it))).collect();
    let right = reference.attribute("URI")
        == root.attribute("ID").map(|it| format!("#{it}")).as_deref()
        && algorithms == [format!("{DSIG}enveloped-signature"), EXCLUSIVE.to_owned()]
        && algorithm(info.path(&["CanonicalizationMethod"])) == EXCLUSIVE
        && algorithm(info.path(&["SignatureMethod"]))
            == "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
        && algorithm(reference.path(&["DigestMethod"]))
            == "http://www.w3.org/2001/04/xmlenc#sha256";
    if !right {
        return Err("the signature is made in another way".to_owned());
    }
    let listed = transforms[1]
        .path(&["InclusiveNamespaces"])
        .and_then(|it| it.attribute("PrefixList"));
    let listed: Vec<&str> = listed.unwrap_or_default().split_whitespace().collect();
    let mut bare = root.clone();
    bare.children
        .retain(|it| !matches!(it, Node::Element(it) if it.is("Signature")));
    let whole = canonical(&bare, &BTreeMap::new(), &listed);
    let hash = ring::digest::digest(&ring::digest::SHA256, whole.as_bytes());
    if reference.path(&["DigestValue"]).map(Element::text) != Some(base64::encode(hash.as_ref())) {
        return Err("the hash is another one".to_owned());
    }
    // Name spaces of the elements around it are in scope.
    let mut scope = root.spaces.clone();
    scope.extend(signature.spaces.clone());
    let mut info = info.clone();
    for (prefix, space) in scope {
        info.spaces.entry(prefix).or_insert(space);
    }
    let signed = canonical(&info, &BTreeMap::new(), &[]);
    let value = signature
        .path(&["SignatureValue"])
        .map(Element::text)
        .unwrap_or_default();
    let value = base64::decode(&value).ok_or("the signature is no base64")?;
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public_key);
    key.verify(signed.as_bytes(), &value)
        .map_err(|_| "the signature is another key's".to_owned())
}

/// Exclusive canonical form of an element that stands alone. `rendered` is what output ancestors declare.
fn canonical(element: &Element, rendered: &BTreeMap<String, String>, listed: &[&str]) -> String {
    scoped(element, &BTreeMap::new(), rendered, listed)
}

fn scoped(
    element: &Element,
    scope: &BTreeMap<String, String>,
    rendered: &BTreeMap<String, String>,
    listed: &[&str],
) -> String {
    let mut scope = scope.clone();
    scope.extend(element.spaces.clone());
    let mut used = vec![element.prefix()];
    used.extend(
        element
            .attributes
            .iter()
            .filter_map(|(name, _)| name.split_once(':').map(|it| it.0)),
    );
    let mut rendered = rendered.clone();
    let mut declared = BTreeMap::new();
    for (prefix, space) in &scope {
        let visible = used.contains(&prefix.as_str()) || listed.contains(&prefix.as_str());
        if visible && rendered.get(prefix) != Some(space) {
            declared.insert(prefix.clone(), space.clone());
            rendered.insert(prefix.clone(), space.clone());
        }
    }
    let mut out = format!("<{}", element.name);
    for (prefix, space) in &declared {
        let name = if prefix.is_empty() {
            "xmlns".to_owned()
        } else {
            format!("xmlns:{prefix}")
        };
        write!(out, " {name}=\"{}\"", quoted(space)).expect("a string grows");
    }
    let mut attributes: Vec<(String, &str, &str, &str)> = element
        .attributes
        .iter()
        .map(|(name, value)| {
            let (prefix, local) = name.split_once(':').unwrap_or(("", name));
            let space = if prefix.is_empty() {
                String::new()
            } else {
                scope.get(prefix).cloned().unwrap_or_default()
            };
            (space, local, name.as_str(), value.as_str())
        })
        .collect();
    attributes.sort();
    for (_, _, name, value) in attributes {
        write!(out, " {name}=\"{}\"", quoted(value)).expect("a string grows");
    }
    out.push('>');
    for child in &element.children {
        match child {
            Node::Element(it) => out.push_str(&scoped(it, &scope, &rendered, listed)),
            Node::Text(text) => out.push_str(
                &text
                    .replace('&', "&amp;")
                    .replace('<', "&lt;")
                    .replace('>', "&gt;")
                    .replace('\r', "&#xD;"),
            ),
        }
    }
    write!(out, "</{}>", element.name).expect("a string grows");
    out
}

fn quoted(text: &str) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;");
    text.replace('\t', "&#x9;")
        .replace('\n', "&#xA;")
        .replace('\r', "&#xD;")
}

impl Element {
    fn prefix(&self) -> &str {
        self.name.split_once(':').map_or("", |it| it.0)
    }

    fn is(&self, local: &str) -> bool {
        self.name.rsplit(':').next() == Some(local)
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|it| it.0 == name)
            .map(|it| it.1.as_str())
    }

    fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|it| {
            if let Node::Element(it) = it {
                Some(it)
            } else {
                None
            }
        })
    }

    fn path(&self, names: &[&str]) -> Option<&Self> {
        let mut here = self;
        for name in names {
            here = here.elements().find(|it| it.is(name))?;
        }
        Some(here)
    }

    fn text(&self) -> String {
        let texts = self.children.iter().filter_map(|it| {
            if let Node::Text(it) = it {
                Some(it.as_str())
            } else {
                None
            }
        });
        texts.collect()
    }
}

fn parse(xml: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(xml);
    let mut open: Vec<Element> = vec![Element::default()];
    loop {
        let event = reader.read_event().map_err(|_| "no XML".to_owned())?;
        match event {
            Event::Start(tag) => open.push(element(&tag)?),
            Event::Empty(tag) => put(&mut open, Node::Element(element(&tag)?)),
            Event::End(_) => {
                let done = open.pop().ok_or("no XML")?;
                put(&mut open, Node::Element(done));
            }
            Event::Text(text) => put(&mut open, Node::Text(text.to_string())),
            Event::GeneralRef(name) => {
                let name = name.to_string();
                let plain = match name.as_str() {
                    "amp" => "&".to_owned(),
                    "lt" => "<".to_owned(),
                    "gt" => ">".to_owned(),
                    "quot" => "\"".to_owned(),
                    "apos" => "'".to_owned(),
                    "#xD" => "\r".to_owned(),
                    _ => return Err("an entity that is not known".to_owned()),
                };
                put(&mut open, Node::Text(plain));
            }
            Event::Eof => break,
            Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => {
                return Err("more than elements and text".to_owned());
            }
        }
    }
    let root = open.pop().filter(|_| open.is_empty()).ok_or("no XML")?;
    let mut elements = root.children.into_iter();
    match (elements.next(), elements.next()) {
        (Some(Node::Element(it)), None) => Ok(it),
        _ => Err("no XML".to_owned()),
    }
}

fn put(open: &mut [Element], node: Node) {
    if let Some(last) = open.last_mut() {
        last.children.push(node);
    }
}

fn element(tag: &BytesStart<'_>) -> Result<Element, String> {
    let mut out = Element {
        name: tag.name().as_ref().to_owned(),
        ..Element::default()
    };
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|_| "no XML".to_owned())?;
        let name = attribute.key.as_ref().to_owned();
        let value = attribute.value.to_string();
        let value = value
            .replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&#xA;", "\n")
            .replace("&#x9;", "\t");
        let value = value.replace("&#xD;", "\r").replace("&amp;", "&");
        match name.strip_prefix("xmlns") {
            Some("") => drop(out.spaces.insert(String::new(), value)),
            Some(prefix) if prefix.starts_with(':') => {
                drop(out.spaces.insert(prefix[1..].to_owned(), value));
            }
            Some(_) | None => out.attributes.push((name, value)),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules of the standard on texts that are known: order, name spaces, empty elements.
    #[test]
    fn canonical_form_is_that_of_the_standard() {
        for (text, listed, expected) in [
            // Section 2.2 of the recommendation: only name spaces that are used are written.
            (
                r#"<n1:elem2 xmlns:n0="http://a.example" xmlns:n1="http://b.example" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"/></n1:elem2>"#,
                &[][..],
                r#"<n1:elem2 xmlns:n1="http://b.example" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"></n3:stuff></n1:elem2>"#,
            ),
            (
                r#"<a xmlns:z="u:z" xmlns:b="u:b" b:y="1" z:x="2" w="3"/>"#,
                &[][..],
                r#"<a xmlns:b="u:b" xmlns:z="u:z" w="3" b:y="1" z:x="2"></a>"#,
            ),
            (
                r#"<a xmlns:z="u:z"><b>&amp;&gt;</b></a>"#,
                &["z"][..],
                r#"<a xmlns:z="u:z"><b>&amp;&gt;</b></a>"#,
            ),
        ] {
            assert_eq!(
                canonical(&parse(text).unwrap(), &BTreeMap::new(), listed),
                expected
            );
        }
    }
}
