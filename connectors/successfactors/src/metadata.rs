//! What an instance has: entities, properties and ways between them, from its `$metadata`.
//!
//! Source: EDMX 1.0 with CSDL 2.0 (OData version 2). Invariant: nothing is looked at but names; whatever else is in the
//! document, and however much, costs no memory.

use std::collections::{BTreeMap, BTreeSet};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::path::Reads;
use crate::schema;

/// Entities by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    properties: BTreeMap<String, BTreeSet<String>>,
    /// Of an entity: way, and association with role.
    ways: BTreeMap<String, BTreeMap<String, (String, String)>>,
    /// Association and role: entity.
    ends: BTreeMap<(String, String), String>,
}

impl Metadata {
    /// Reads a document.
    ///
    /// # Errors
    /// When it is no such document.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        let mut reader = Reader::from_str(text);
        let mut out = Self::default();
        let (mut entity, mut association) = (None, None);
        loop {
            let event = reader
                .read_event()
                .map_err(|_| format!("no XML at byte {}", reader.buffer_position()))?;
            match event {
                Event::Start(tag) => out.tag(&tag, &mut entity, &mut association),
                Event::Empty(tag) => out.tag(&tag, &mut entity.clone(), &mut association.clone()),
                Event::End(tag) => match tag.local_name().as_ref() {
                    "EntityType" => entity = None,
                    "Association" => association = None,
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
        if out.properties.is_empty() {
            Err("there is no entity in it".to_owned())
        } else {
            Ok(out)
        }
    }

    fn tag(
        &mut self,
        tag: &BytesStart<'_>,
        entity: &mut Option<String>,
        association: &mut Option<String>,
    ) {
        let name = attribute(tag, "Name").unwrap_or_default();
        match (tag.local_name().as_ref(), entity.as_ref()) {
            ("EntityType", _) => {
                self.properties.entry(name.clone()).or_default();
                *entity = Some(name);
            }
            ("Property", Some(of)) => {
                self.properties.entry(of.clone()).or_default().insert(name);
            }
            ("NavigationProperty", Some(of)) => {
                let relation = attribute(tag, "Relationship").map(|it| last(&it));
                let role = attribute(tag, "ToRole");
                let end = (relation.unwrap_or_default(), role.unwrap_or_default());
                self.ways.entry(of.clone()).or_default().insert(name, end);
            }
            ("Association", _) => *association = Some(name),
            ("End", _) => {
                if let (Some(of), Some(kind), Some(role)) = (
                    association.as_ref(),
                    attribute(tag, "Type"),
                    attribute(tag, "Role"),
                ) {
                    self.ends.insert((of.clone(), role), last(&kind));
                }
            }
            _ => {}
        }
    }

    /// Which of what is read is not there, in words.
    pub(crate) fn lacks(&self, reads: &Reads) -> Vec<String> {
        let mut all = Vec::new();
        let mut gone = BTreeSet::new();
        for nav in &reads.navs {
            let (from, name) = nav.rsplit_once('/').unwrap_or(("", nav));
            let Some(entity) = self.entity(from) else {
                continue;
            };
            if !self
                .ways
                .get(&entity)
                .is_some_and(|it| it.contains_key(name))
            {
                let known = self
                    .ways
                    .get(&entity)
                    .into_iter()
                    .flatten()
                    .map(|(name, _)| name.as_str());
                let hint = rollcall_core::suggest::hint(name, known);
                all.push(format!(
                    "`{entity}` has no navigation `{name}` ({nav}){hint}"
                ));
                gone.insert(nav.clone());
            }
        }
        for (at, name) in &reads.properties {
            let Some(entity) = self.entity(at) else {
                continue;
            };
            let Some(known) = self.properties.get(&entity) else {
                all.push(format!("the technical user does not see `{entity}` ({at})"));
                continue;
            };
            if !known.contains(name) {
                let hint = rollcall_core::suggest::hint(name, known.iter().map(String::as_str));
                all.push(format!(
                    "`{entity}` has no property `{name}` ({}){hint}",
                    schema::join(at, name)
                ));
            }
        }
        all
    }

    /// The entity that a path leads to; `None` when a way to it is missing.
    fn entity(&self, path: &str) -> Option<String> {
        let mut entity = schema::ROOT.to_owned();
        let mut at = String::new();
        for name in path.split('/').filter(|it| !it.is_empty()) {
            let end = self.ways.get(&entity)?.get(name)?;
            at = schema::join(&at, name);
            // Where associations are not shown, the name that we know has to do.
            let known = || schema::entity(&at).to_owned();
            entity = self.ends.get(end).cloned().unwrap_or_else(known);
        }
        Some(entity)
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.try_get_attribute(name).ok()??;
    Some(found.value.into_owned())
}

/// The name behind the name space.
fn last(name: &str) -> String {
    name.rsplit('.').next().unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EDMX: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx"><edmx:DataServices>
<Schema Namespace="SFOData" xmlns="http://schemas.microsoft.com/ado/2008/09/edm">
<EntityType Name="PerPerson"><Key><PropertyRef Name="personIdExternal"/></Key>
<Property Name="personIdExternal" Type="Edm.String"/>
<NavigationProperty Name="employmentNav" Relationship="SFOData.r1" FromRole="a" ToRole="b"/>
<NavigationProperty Name="emailNav" Relationship="SFOData.r9" FromRole="a" ToRole="b"/></EntityType>
<EntityType Name="EmpEmploymentX"><Property Name="userId" Type="Edm.String"/></EntityType>
<Association Name="r1"><End Type="SFOData.PerPerson" Multiplicity="1" Role="a"/>
<End Type="SFOData.EmpEmploymentX" Multiplicity="*" Role="b"/></Association>
</Schema></edmx:DataServices></edmx:Edmx>"#;

    fn reads(properties: &[(&str, &str)]) -> Reads {
        let mut reads = Reads::default();
        for (at, name) in properties {
            reads.property(at, name);
        }
        reads
    }

    /// What is read → what is missing of it.
    #[test]
    fn what_an_instance_does_not_have_is_named() {
        let metadata = Metadata::read(EDMX.as_bytes()).unwrap();
        assert_eq!(
            metadata.lacks(&reads(&[
                ("", "personIdExternal"),
                ("employmentNav", "userId")
            ])),
            Vec::<String>::new()
        );
        for (read, said) in [
            (
                ("", "personIdExternall"),
                "`PerPerson` has no property `personIdExternall` (personIdExternall); did you mean `personIdExternal`?",
            ),
            (
                ("employmentNav", "shoe"),
                "`EmpEmploymentX` has no property `shoe`",
            ),
            (
                ("phoneNav", "phoneNumber"),
                "`PerPerson` has no navigation `phoneNav`",
            ),
            (
                ("employmentNav/jobInfoNav", "jobTitle"),
                "`EmpEmploymentX` has no navigation `jobInfoNav`",
            ),
            (("emailNav", "emailAddress"), "does not see `PerEmail`"),
        ] {
            let lacks = metadata.lacks(&reads(&[read]));
            assert_eq!(lacks.len(), 1, "{lacks:?}");
            assert!(lacks[0].contains(said), "{lacks:?}");
        }
    }

    #[test]
    fn what_is_no_metadata_is_said() {
        for text in ["", "<html></html>", "<a", "{}", "<Property Name='x'/>"] {
            assert!(Metadata::read(text.as_bytes()).is_err(), "{text}");
        }
    }

    proptest! {
        /// Bytes of any kind are metadata or none, never a panic.
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in 0_usize..1200, put in "\\PC{0,8}") {
            let _read_or_not = Metadata::read(&bytes);
            let at = EDMX.floor_char_boundary(cut.min(EDMX.len()));
            let broken = format!("{}{put}{}", &EDMX[..at], &EDMX[at..]);
            let _read_or_not = Metadata::read(broken.as_bytes());
        }
    }
}
