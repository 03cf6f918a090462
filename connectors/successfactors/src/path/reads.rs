//! What a path reads, found by following it over the schema.

use std::collections::BTreeSet;

use super::{Path, Pick, Side, Sign, Step, Test};
use crate::schema;

/// Properties and navigations, as paths from the person: `employmentNav/jobInfoNav`, `jobTitle`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Reads {
    /// Navigations that are followed, each with those before it.
    pub(crate) navs: BTreeSet<String>,
    /// Properties: where, and which.
    pub(crate) properties: BTreeSet<(String, String)>,
}

impl Reads {
    /// One property.
    pub(crate) fn property(&mut self, at: &str, name: &str) {
        self.nav(at);
        self.properties.insert((at.to_owned(), name.to_owned()));
    }

    /// A navigation and those before it.
    pub(crate) fn nav(&mut self, path: &str) {
        for (at, _) in path.match_indices('/') {
            self.navs.insert(path[..at].to_owned());
        }
        if !path.is_empty() {
            self.navs.insert(path.to_owned());
        }
    }

    /// What another one reads as well.
    pub(crate) fn add(&mut self, other: &Self) {
        self.navs.extend(other.navs.iter().cloned());
        self.properties.extend(other.properties.iter().cloned());
    }
}

/// A kind of node that a path can be at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Entity(String),
    /// The object around `results`.
    Wrapper(String),
    List(String),
    Property(String, String),
}

/// What following one path came to.
#[derive(Default)]
struct Followed {
    reads: Reads,
    /// Navigations that are not known: where, and which.
    unknown: Vec<(String, String)>,
    /// Steps that would read everything.
    wide: Option<String>,
}

pub(super) fn of(path: &Path) -> Result<Reads, String> {
    let mut followed = Followed::default();
    let person = Node::Entity(String::new());
    let nodes = follow(path, &person, &mut followed);
    if let Some(wide) = followed.wide {
        return Err(wide);
    }
    let mut ends = false;
    for node in &nodes {
        match node {
            Node::Property(at, name) => {
                followed.reads.property(at, name);
                ends = true;
            }
            Node::Entity(_) | Node::Wrapper(_) | Node::List(_) => {
                return Err(
                    "it leads to an object or a list and not a value: name the property".to_owned(),
                );
            }
        }
    }
    if ends {
        return Ok(followed.reads);
    }
    Err(match followed.unknown.first() {
        Some((at, name)) => {
            let known = schema::navs(at).map(|it| it.name);
            let hint = rollcall_core::suggest::hint(name, known);
            format!(
                "`{name}` of {} is no navigation that is known here{hint}",
                schema::entity(at)
            )
        }
        None => "it leads nowhere: lists are in `results`".to_owned(),
    })
}

fn follow(path: &Path, here: &Node, into: &mut Followed) -> BTreeSet<Node> {
    let start = if path.absolute {
        Node::Entity(String::new())
    } else {
        here.clone()
    };
    let mut nodes = BTreeSet::from([start]);
    for step in &path.steps {
        let mut next = BTreeSet::new();
        for node in &nodes {
            if step.deep {
                for below in below(node) {
                    take(step, &below, into, &mut next);
                }
            } else {
                take(step, node, into, &mut next);
            }
        }
        nodes = next;
    }
    for node in &nodes {
        match node {
            Node::Entity(at) | Node::Wrapper(at) | Node::List(at) => into.reads.nav(at),
            Node::Property(..) => {}
        }
    }
    nodes
}

/// A node and those below it, without properties.
fn below(node: &Node) -> Vec<Node> {
    let mut all = vec![node.clone()];
    match node {
        Node::Entity(at) => {
            for nav in schema::navs(at) {
                all.extend(below(&through(at, nav.name, nav.many)));
            }
        }
        Node::Wrapper(at) => all.extend(below(&Node::List(at.clone()))),
        Node::List(at) => all.extend(below(&Node::Entity(at.clone()))),
        Node::Property(..) => {}
    }
    all
}

fn through(at: &str, name: &str, many: bool) -> Node {
    let path = schema::join(at, name);
    if many {
        Node::Wrapper(path)
    } else {
        Node::Entity(path)
    }
}

fn take(step: &Step, node: &Node, into: &mut Followed, next: &mut BTreeSet<Node>) {
    for pick in &step.picks {
        match (pick, node) {
            (Pick::Name(name), Node::Entity(at)) => {
                if let Some((_, many)) = schema::nav(at, name) {
                    next.insert(through(at, name, many));
                } else if schema::looks_like_nav(name) {
                    into.unknown.push((at.clone(), name.clone()));
                } else if step.deep && name != "results" {
                    let entity = schema::entity(at);
                    into.wide.get_or_insert_with(|| {
                        format!("`..{name}` could be in {entity} and elsewhere: say where")
                    });
                } else if name != "results" && !name.starts_with("__") {
                    next.insert(Node::Property(at.clone(), name.clone()));
                }
            }
            (Pick::Name(name), Node::Wrapper(at)) if name == "results" => {
                next.insert(Node::List(at.clone()));
            }
            (Pick::At(_) | Pick::Slice(..) | Pick::All, Node::List(at)) => {
                next.insert(Node::Entity(at.clone()));
            }
            (Pick::Where(test), Node::List(at)) => {
                let item = Node::Entity(at.clone());
                // A condition that nothing of this kind can meet reads nothing.
                let mut inner = Followed::default();
                if can_hold(test, &item, &mut inner) {
                    into.reads.add(&inner.reads);
                    next.insert(item);
                } else {
                    into.unknown.append(&mut inner.unknown);
                }
                into.wide = into.wide.take().or(inner.wide);
            }
            (Pick::All | Pick::Where(_), Node::Entity(_)) if !step.deep => {
                into.wide.get_or_insert_with(|| {
                    "`*` and `?` are for lists: name the property".to_owned()
                });
            }
            (Pick::Name(_) | Pick::At(_) | Pick::Slice(..) | Pick::All | Pick::Where(_), _) => {}
        }
    }
}

/// Whether a condition can be met by a node of this kind, and what it reads.
fn can_hold(test: &Test, item: &Node, into: &mut Followed) -> bool {
    match test {
        // Every branch is followed: what is read must not depend on the order.
        Test::Or(any) => any.iter().filter(|it| can_hold(it, item, into)).count() > 0,
        Test::And(all) => all.iter().filter(|it| can_hold(it, item, into)).count() == all.len(),
        Test::Not(inner) => {
            can_hold(inner, item, into);
            true
        }
        Test::Exists(path) => leads_somewhere(path, item, into),
        Test::Compare(left, sign, right) => {
            let sides = [left, right].map(|side| match side {
                Side::Fixed(_) => true,
                Side::Found(path) => leads_somewhere(path, item, into),
            });
            sides[0] == sides[1] || *sign != Sign::Equal
        }
    }
}

fn leads_somewhere(path: &Path, item: &Node, into: &mut Followed) -> bool {
    let nodes = follow(path, item, into);
    for node in &nodes {
        if let Node::Property(at, name) = node {
            into.reads.property(at, name);
        }
    }
    !nodes.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(path: &str) -> Result<Vec<String>, String> {
        Path::parse(path)?.asks_for()
    }

    /// Path → what it reads, beside the navigations to it.
    #[test]
    fn what_a_path_reads_is_known_before_anybody_is_asked() {
        let active =
            "?(@.emplStatusNav.externalCode == 'A' || @.emplStatusNav.externalCode == 'U')";
        let code = "employmentNav/jobInfoNav/emplStatusNav/externalCode";
        for (path, expected) in [
            ("$.personIdExternal".to_owned(), vec!["personIdExternal"]),
            (
                "$.employmentNav.results[0].startDate".to_owned(),
                vec!["employmentNav/startDate"],
            ),
            (
                "$.employmentNav.results[-1:].userNav.custom35".to_owned(),
                vec!["employmentNav/userNav/custom35"],
            ),
            (
                "$.employmentNav.results[0].userNav.manager.empInfo.personIdExternal".to_owned(),
                vec!["employmentNav/userNav/manager/empInfo/personIdExternal"],
            ),
            (
                "$.emailNav.results[?(@.isPrimary == true)].emailAddress".to_owned(),
                vec!["emailNav/emailAddress", "emailNav/isPrimary"],
            ),
            (
                format!("$.employmentNav..jobInfoNav..results[{active}].jobTitle"),
                vec![code, "employmentNav/jobInfoNav/jobTitle"],
            ),
            (
                format!("$.employmentNav..results[?(@.jobInfoNav..results[{active}])].startDate"),
                vec![code, "employmentNav/startDate"],
            ),
            (
                "$.employmentNav.results[0].jobInfoNav.results[0].customString5Nav.externalCode"
                    .to_owned(),
                vec!["employmentNav/jobInfoNav/customString5Nav/externalCode"],
            ),
        ] {
            let found = reads(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
            let mut found: Vec<&str> = found.iter().map(String::as_str).collect();
            found.sort_unstable();
            let mut expected = expected;
            expected.sort_unstable();
            assert_eq!(found, expected, "{path}");
        }
        let path = Path::parse("$.employmentNav.results[0].userNav.status").unwrap();
        let navs: Vec<String> = path.reads().unwrap().navs.into_iter().collect();
        assert_eq!(navs, ["employmentNav", "employmentNav/userNav"]);
    }

    /// Path → a word of why it cannot be asked for.
    #[test]
    fn what_leads_nowhere_is_said() {
        for (path, said) in [
            ("$.employmentNav.results[0]", "not a value"),
            ("$.employmentNav[0].startDate", "nowhere"),
            ("$.employmentNav.startDate", "nowhere"),
            (
                "$.employmentNav.results[0].jobInfonav.results[0].jobTitle",
                "nowhere",
            ),
            (
                "$.employmentNav.results[0].jobinfoNav.results[0].jobTitle",
                "did you mean `jobInfoNav`",
            ),
            ("$.shoeNav.size", "`shoeNav` of PerPerson"),
            ("$..firstName", "say where"),
            ("$.employmentNav.results[0].*", "lists"),
            ("$.personIdExternal.more", "nowhere"),
        ] {
            let error = reads(path).expect_err(path);
            assert!(error.contains(said), "{path}: {error}");
        }
    }
}
