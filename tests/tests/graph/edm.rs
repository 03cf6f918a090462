//! Graph's metadata, read a second time and in another way than the rehearsal tenant reads them: what
//! one reader overlooks the other one does not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

static TEXT: &str = include_str!("../../../connectors/rehearsal/data/graph-v1.0-subset.csdl.xml");

/// A type as metadata write it: `Edm.String`, `Collection(graph.user)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Full name, without `Collection(…)`.
    pub(crate) of: String,
    pub(crate) many: bool,
    pub(crate) nullable: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Structure {
    base: Option<String>,
    open: bool,
    properties: BTreeMap<String, Shape>,
    navigations: BTreeMap<String, Shape>,
}

/// An action or a function that is bound to a type.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) action: bool,
    pub(crate) bound: Shape,
    pub(crate) parameters: BTreeMap<String, Shape>,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    structures: BTreeMap<String, Structure>,
    enumerations: BTreeMap<String, (BTreeSet<String>, bool)>,
    pub(crate) operations: Vec<Operation>,
    /// Entity sets and singletons.
    roots: BTreeMap<String, Shape>,
}

pub(crate) fn model() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(read)
}

/// The aliased name in full.
fn full(name: &str) -> String {
    match name.strip_prefix("graph.") {
        Some(rest) => format!("microsoft.graph.{rest}"),
        None => name.to_owned(),
    }
}

fn shape(written: &str, nullable: bool) -> Shape {
    let inner = written.strip_prefix("Collection(");
    let many = inner.is_some();
    let of = inner.map_or(written, |it| it.trim_end_matches(')'));
    Shape {
        of: full(of),
        many,
        nullable,
    }
}

fn attributes(tag: &BytesStart<'_>) -> BTreeMap<String, String> {
    let all = tag
        .attributes()
        .map(|it| it.expect("attributes are well-formed"));
    all.map(|it| {
        let name = it.key.as_ref().to_owned();
        let value = it.normalized_value(XmlVersion::Implicit1_0);
        (name, value.expect("a value").into_owned())
    })
    .collect()
}

fn read() -> Model {
    let mut out = Model::default();
    let mut reader = Reader::from_str(TEXT);
    let (mut namespace, mut structure) = (String::new(), String::new());
    let mut enumeration = String::new();
    let mut operation: Option<Operation> = None;
    loop {
        let event = reader.read_event().expect("the metadata are well-formed");
        let (tag, empty) = match &event {
            Event::Start(tag) => (tag, false),
            Event::Empty(tag) => (tag, true),
            Event::End(tag) => {
                match tag.local_name().as_ref() {
                    "EntityType" | "ComplexType" => structure.clear(),
                    "EnumType" => enumeration.clear(),
                    "Action" | "Function" => out.operations.extend(operation.take()),
                    _ => {}
                }
                continue;
            }
            Event::Eof => return out,
            Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => continue,
        };
        let all = attributes(tag);
        let of = |name: &str| all.get(name).cloned().unwrap_or_default();
        let nullable = of("Nullable") != "false";
        match tag.local_name().as_ref() {
            "Schema" => namespace = of("Namespace"),
            "EntityType" | "ComplexType" => {
                let name = format!("{namespace}.{}", of("Name"));
                let made = Structure {
                    base: all.get("BaseType").map(|it| full(it)),
                    open: of("OpenType") == "true",
                    ..Structure::default()
                };
                out.structures.insert(name.clone(), made);
                if !empty {
                    structure = name;
                }
            }
            "Property" if !structure.is_empty() => {
                let made = shape(&of("Type"), nullable);
                let at = out.structures.get_mut(&structure).expect("begun above");
                at.properties.insert(of("Name"), made);
            }
            "NavigationProperty" if !structure.is_empty() => {
                let made = shape(&of("Type"), nullable);
                let at = out.structures.get_mut(&structure).expect("begun above");
                at.navigations.insert(of("Name"), made);
            }
            "EnumType" => {
                enumeration = format!("{namespace}.{}", of("Name"));
                let flags = of("IsFlags") == "true";
                out.enumerations
                    .insert(enumeration.clone(), (BTreeSet::new(), flags));
            }
            "Member" if !enumeration.is_empty() => {
                let at = out.enumerations.get_mut(&enumeration).expect("begun above");
                at.0.insert(of("Name"));
            }
            kind @ ("Action" | "Function") if of("IsBound") == "true" => {
                operation = Some(Operation {
                    name: of("Name"),
                    action: kind == "Action",
                    bound: shape("", true),
                    parameters: BTreeMap::new(),
                });
            }
            "Parameter" => {
                if let Some(operation) = &mut operation {
                    let made = shape(&of("Type"), nullable);
                    // The first one is what it is bound to.
                    if operation.bound.of.is_empty() {
                        operation.bound = made;
                    } else {
                        operation.parameters.insert(of("Name"), made);
                    }
                }
            }
            "EntitySet" => {
                let made = shape(&format!("Collection({})", of("EntityType")), false);
                out.roots.insert(of("Name"), made);
            }
            "Singleton" => {
                out.roots.insert(of("Name"), shape(&of("Type"), false));
            }
            _ => {}
        }
    }
}

impl Model {
    /// A type and what it is based on.
    fn chain<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Structure> {
        let mut next = self.structures.get(name);
        std::iter::from_fn(move || {
            let here = next?;
            next = here.base.as_ref().and_then(|it| self.structures.get(it));
            Some(here)
        })
    }

    pub(crate) fn root(&self, name: &str) -> Option<&Shape> {
        self.roots.get(name)
    }

    pub(crate) fn is_structure(&self, name: &str) -> bool {
        self.structures.contains_key(name)
    }

    pub(crate) fn is_open(&self, name: &str) -> bool {
        self.chain(name).any(|it| it.open)
    }

    pub(crate) fn property(&self, of: &str, name: &str) -> Option<&Shape> {
        self.chain(of).find_map(|it| it.properties.get(name))
    }

    pub(crate) fn navigation(&self, of: &str, name: &str) -> Option<&Shape> {
        self.chain(of).find_map(|it| it.navigations.get(name))
    }

    pub(crate) fn members(&self, enumeration: &str) -> Option<&(BTreeSet<String>, bool)> {
        self.enumerations.get(enumeration)
    }

    /// Whether a type is another one, or based on it.
    pub(crate) fn is_a(&self, name: &str, other: &str) -> bool {
        let mut at = Some(name.to_owned());
        while let Some(here) = at {
            if here == other {
                return true;
            }
            at = self.structures.get(&here).and_then(|it| it.base.clone());
        }
        false
    }

    /// A property of a type, or of any that is based on it: what lists of directory objects show.
    pub(crate) fn anywhere_below(&self, of: &str, name: &str) -> bool {
        let below = self.structures.keys().filter(|it| self.is_a(it, of));
        below
            .into_iter()
            .any(|it| self.property(it, name).is_some() || self.navigation(it, name).is_some())
    }

    /// The operation of this name that is bound to a value of this shape.
    pub(crate) fn operation(&self, on: &Shape, name: &str) -> Option<&Operation> {
        let name = name.strip_prefix("microsoft.graph.").unwrap_or(name);
        self.operations.iter().find(|it| {
            it.name == name && it.bound.many == on.many && self.is_a(&on.of, &it.bound.of)
        })
    }
}
