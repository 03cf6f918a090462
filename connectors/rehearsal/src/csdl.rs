//! Graph's metadata: which types exist, what members they have.
//!
//! Read once from the bundled subset of the real service's CSDL (see `data/README.md`).
//! Invariant: nothing about a type is written down by hand here; what the metadata do not say
//! (required properties, lengths, read-only users' properties) is in `rules`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

static TEXT: &str = include_str!("../data/graph-v1.0-subset.csdl.xml");

/// The type of one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    String,
    Boolean,
    /// Inclusive bounds.
    Integer(i64, i64),
    Number,
    DateTimeOffset,
    Date,
    TimeOfDay,
    Duration,
    Guid,
    Binary,
    /// An enumeration, complex or entity type, by its full name.
    Named(String),
    /// A primitive that the subset does not use: no value is accepted.
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Property {
    pub(crate) kind: Kind,
    pub(crate) collection: bool,
    pub(crate) nullable: bool,
    /// Annotated as computed, or with permission to read only.
    pub(crate) read_only: bool,
}

#[derive(Debug, Clone, Default)]
struct Structure {
    base: Option<String>,
    open: bool,
    properties: BTreeMap<String, Property>,
    /// Name → whether it holds many.
    navigations: BTreeMap<String, bool>,
}

#[derive(Debug, Clone, Default)]
struct Enumeration {
    members: Vec<String>,
    flags: bool,
}

/// The types by full name (`microsoft.graph.user`).
#[derive(Debug, Default)]
pub(crate) struct Schema {
    structures: BTreeMap<String, Structure>,
    /// Parameters of the actions, by type and name (`microsoft.graph.managedDevice/wipe`).
    actions: BTreeMap<String, Structure>,
    enumerations: BTreeMap<String, Enumeration>,
}

/// The bundled metadata.
pub(crate) fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| read(TEXT).expect("the bundled metadata are well-formed"))
}

impl Schema {
    /// A type and the types it is based on, most derived first.
    fn chain(&self, name: &str) -> impl Iterator<Item = &Structure> {
        let mut next = self.structures.get(name).or_else(|| self.actions.get(name));
        std::iter::from_fn(move || {
            let here = next?;
            next = here
                .base
                .as_deref()
                .and_then(|base| self.structures.get(base));
            Some(here)
        })
    }

    pub(crate) fn is_structure(&self, name: &str) -> bool {
        self.structures.contains_key(name)
    }

    pub(crate) fn is_open(&self, name: &str) -> bool {
        self.chain(name).any(|structure| structure.open)
    }

    pub(crate) fn property(&self, name: &str, property: &str) -> Option<&Property> {
        self.chain(name)
            .find_map(|structure| structure.properties.get(property))
    }

    /// Whether the navigation property holds many; `None`: there is none of this name.
    pub(crate) fn navigation(&self, name: &str, property: &str) -> Option<bool> {
        self.chain(name)
            .find_map(|structure| structure.navigations.get(property).copied())
    }

    /// Names of a type's own and inherited properties.
    pub(crate) fn properties(&self, name: &str) -> impl Iterator<Item = &str> {
        self.chain(name)
            .flat_map(|structure| structure.properties.keys().map(String::as_str))
    }

    /// Whether the text is a member of the enumeration, or several where that is allowed.
    /// `None`: there is no such enumeration.
    pub(crate) fn allows(&self, name: &str, text: &str) -> Option<bool> {
        let enumeration = self.enumerations.get(name)?;
        let known = |member: &str| enumeration.members.iter().any(|known| known == member);
        Some(if enumeration.flags {
            text.split(',').all(|m| known(m.trim()))
        } else {
            known(text)
        })
    }
}

/// `graph.` is the alias of `microsoft.graph.`.
fn full(name: &str) -> String {
    name.strip_prefix("graph.")
        .map_or_else(|| name.to_owned(), |n| format!("microsoft.graph.{n}"))
}

fn typed(name: &str) -> (Kind, bool) {
    let inner = name
        .strip_prefix("Collection(")
        .and_then(|n| n.strip_suffix(')'));
    let kind = match inner.unwrap_or(name) {
        "Edm.String" => Kind::String,
        "Edm.Boolean" => Kind::Boolean,
        "Edm.Byte" => Kind::Integer(0, 255),
        "Edm.SByte" => Kind::Integer(-128, 127),
        "Edm.Int16" => Kind::Integer(i64::from(i16::MIN), i64::from(i16::MAX)),
        "Edm.Int32" => Kind::Integer(i64::from(i32::MIN), i64::from(i32::MAX)),
        "Edm.Int64" => Kind::Integer(i64::MIN, i64::MAX),
        "Edm.Double" | "Edm.Single" | "Edm.Decimal" => Kind::Number,
        "Edm.DateTimeOffset" => Kind::DateTimeOffset,
        "Edm.Date" => Kind::Date,
        "Edm.TimeOfDay" => Kind::TimeOfDay,
        "Edm.Duration" => Kind::Duration,
        "Edm.Guid" => Kind::Guid,
        "Edm.Binary" => Kind::Binary,
        other if other.starts_with("Edm.") => Kind::Other,
        named => Kind::Named(full(named)),
    };
    (kind, inner.is_some())
}

type Attributes = BTreeMap<String, String>;

fn property(attributes: &Attributes) -> Property {
    let get = |name: &str| attributes.get(name).map_or("", String::as_str);
    let (kind, collection) = typed(get("Type"));
    Property {
        kind,
        collection,
        nullable: get("Nullable") != "false" && !collection,
        read_only: false,
    }
}

fn attributes(start: &BytesStart<'_>) -> Result<Attributes, quick_xml::Error> {
    let mut out = Attributes::new();
    for attribute in start.attributes() {
        let attribute = attribute?;
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)?
            .into_owned();
        out.insert(attribute.key.as_ref().to_owned(), value);
    }
    Ok(out)
}

/// Where the reader stands.
#[derive(Default)]
struct Place {
    namespace: String,
    structure: Option<String>,
    enumeration: Option<String>,
    /// Its name, and once that is known the key of its parameters.
    action: Option<(String, Option<String>)>,
    /// Type and property that annotations speak about.
    target: Option<(String, String)>,
    /// Inside an annotation of permissions.
    permissions: bool,
    read_only: Vec<(String, String)>,
}

/// The permission that lets nobody write.
const READ: &str = "Org.OData.Core.V1.Permission/Read";

fn read(text: &str) -> Result<Schema, quick_xml::Error> {
    let mut schema = Schema::default();
    let mut place = Place::default();
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event()? {
            Event::Start(start) => open(&mut schema, &mut place, &start, false)?,
            Event::Empty(start) => open(&mut schema, &mut place, &start, true)?,
            Event::Text(text) if place.permissions && text.trim() == READ => {
                place.read_only.extend(place.target.clone());
            }
            Event::End(end) => match end.local_name().as_ref() {
                "EntityType" | "ComplexType" => place.structure = None,
                "EnumType" => place.enumeration = None,
                "Action" => place.action = None,
                "Property" | "Annotations" => place.target = None,
                "Annotation" => place.permissions = false,
                _ => {}
            },
            Event::Eof => break,
            Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => {}
        }
    }
    for (name, property) in place.read_only {
        let structure = schema.structures.get_mut(&name);
        if let Some(property) = structure.and_then(|s| s.properties.get_mut(&property)) {
            property.read_only = true;
        }
    }
    Ok(schema)
}

fn open(
    schema: &mut Schema,
    place: &mut Place,
    start: &BytesStart<'_>,
    empty: bool,
) -> Result<(), quick_xml::Error> {
    let attributes = attributes(start)?;
    let get = |name: &str| attributes.get(name).map_or("", String::as_str);
    match start.local_name().as_ref() {
        "Schema" => get("Namespace").clone_into(&mut place.namespace),
        "EntityType" | "ComplexType" => {
            let name = format!("{}.{}", place.namespace, get("Name"));
            let structure = Structure {
                base: attributes.get("BaseType").map(|base| full(base)),
                open: get("OpenType") == "true",
                ..Structure::default()
            };
            schema.structures.insert(name.clone(), structure);
            place.structure = (!empty).then_some(name);
        }
        "EnumType" => {
            let name = format!("{}.{}", place.namespace, get("Name"));
            let enumeration = Enumeration {
                members: Vec::new(),
                flags: get("IsFlags") == "true",
            };
            schema.enumerations.insert(name.clone(), enumeration);
            place.enumeration = (!empty).then_some(name);
        }
        "Member" => {
            let enumeration = place.enumeration.as_ref();
            if let Some(known) = enumeration.and_then(|name| schema.enumerations.get_mut(name)) {
                known.members.push(get("Name").to_owned());
            }
        }
        "Action" => place.action = (!empty).then(|| (get("Name").to_owned(), None)),
        "Parameter" => match &mut place.action {
            // The first one is what the action is bound to.
            Some((name, key @ None)) => {
                let of = format!("{}/{name}", full(get("Type")));
                schema.actions.insert(of.clone(), Structure::default());
                *key = Some(of);
            }
            Some((_, Some(key))) => {
                if let Some(action) = schema.actions.get_mut(key) {
                    let name = get("Name").to_owned();
                    action.properties.insert(name, property(&attributes));
                }
            }
            // Of a function, which only reads.
            None => {}
        },
        "Property" => {
            let Some(name) = &place.structure else {
                return Ok(());
            };
            let property = property(&attributes);
            if let Some(structure) = schema.structures.get_mut(name) {
                structure
                    .properties
                    .insert(get("Name").to_owned(), property);
            }
            place.target = (!empty).then(|| (name.clone(), get("Name").to_owned()));
        }
        "NavigationProperty" => {
            let many = get("Type").starts_with("Collection(");
            let structure = place.structure.as_ref();
            if let Some(structure) = structure.and_then(|n| schema.structures.get_mut(n)) {
                structure.navigations.insert(get("Name").to_owned(), many);
            }
        }
        "Annotations" => {
            let target = get("Target").split_once('/');
            place.target = target.map(|(name, property)| (full(name), property.to_owned()));
        }
        "Annotation" => match get("Term") {
            "Org.OData.Core.V1.Computed" if get("Bool") != "false" => {
                place.read_only.extend(place.target.clone());
            }
            "Org.OData.Core.V1.Permissions" => place.permissions = !empty,
            _ => {}
        },
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The counts that the file's own header gives.
    #[test]
    fn all_types_are_read() {
        let schema = schema();
        assert_eq!(schema.structures.len(), 127 + 281);
        assert_eq!(schema.enumerations.len(), 134);
        assert_eq!(schema.actions.len(), 71);
    }

    /// An action has the parameters that v1.0 has, and not those of beta.
    #[test]
    fn parameters_of_actions() {
        let (schema, wipe) = (schema(), "microsoft.graph.managedDevice/wipe");
        let names: Vec<&str> = schema.properties(wipe).collect();
        let expected = [
            "keepEnrollmentData",
            "keepUserData",
            "macOsUnlockCode",
            "persistEsimDataPlan",
        ];
        assert_eq!(names, expected);
        assert_eq!(
            schema.property(wipe, "keepUserData").unwrap().kind,
            Kind::Boolean
        );
        let retire = "microsoft.graph.managedDevice/retire";
        assert_eq!(schema.properties(retire).count(), 0);
    }

    /// Members come from the whole chain of base types; the alias is resolved.
    #[test]
    fn users_have_what_the_metadata_say() {
        let (schema, user) = (schema(), "microsoft.graph.user");
        assert!(schema.is_open(user));
        assert!(!schema.is_open("microsoft.graph.employeeOrgData"));
        let id = schema.property(user, "id").unwrap();
        assert_eq!((&id.kind, id.nullable), (&Kind::String, false));
        assert_eq!(
            schema.property(user, "employeeOrgData").unwrap().kind,
            Kind::Named("microsoft.graph.employeeOrgData".to_owned())
        );
        assert!(schema.property(user, "businessPhones").unwrap().collection);
        assert!(schema.property(user, "employeID").is_none());
        assert_eq!(schema.navigation(user, "manager"), Some(false));
        assert_eq!(schema.navigation(user, "memberOf"), Some(true));
        assert_eq!(schema.navigation(user, "jobTitle"), None);
        assert!(
            schema
                .properties(user)
                .any(|name| name == "deletedDateTime")
        );
    }

    /// Both ways in which the metadata mark a property as read-only.
    #[test]
    fn computed_properties_are_read_only() {
        let schema = schema();
        let device = "microsoft.graph.managedDevice";
        assert!(
            schema
                .property(device, "androidSecurityPatchLevel")
                .unwrap()
                .read_only
        );
        assert!(
            !schema
                .property(device, "managedDeviceName")
                .unwrap()
                .read_only
        );
    }

    #[test]
    fn enumerations() {
        let schema = schema();
        let purpose = "microsoft.graph.userPurpose";
        assert_eq!(schema.allows(purpose, "shared"), Some(true));
        assert_eq!(schema.allows(purpose, "Shared"), Some(false));
        assert_eq!(schema.allows(purpose, "user,shared"), Some(false));
        assert_eq!(schema.allows("microsoft.graph.nothing", "x"), None);
        let flags = "microsoft.graph.identityGovernance.lifecycleTaskCategory";
        assert_eq!(schema.allows(flags, "joiner,leaver"), Some(true));
        assert_eq!(schema.allows(flags, "joiner,stayer"), Some(false));
    }
}
