//! A tree to a rule that can be evaluated: names, operators, values, patterns.
//!
//! Everything that is wrong is collected, and the first kind of error wins, then the first place.

use super::error::{ErrorKind, Fault};
use super::formula::{Ask, Atom, Body, Formula, ItemTest, Logic, Moment, Order, Quoted, Test};
use super::parser::operator;
use super::properties::{self, Field, Kind, Object, Property};
use super::tree::{Literal, LiteralKind, Node, Offset, Word, duration, instant};
use crate::pattern::Pattern;

/// Groups in one `memberOf`.
const GROUPS_MAX: usize = 50;

/// Which properties there are.
#[derive(Debug, Clone, Copy)]
pub enum Vocabulary<'a> {
    /// `user.` and `device.`, as Entra knows them.
    Entra,
    /// `worker.`, as the mapping makes them.
    Worker(&'a [(String, Kind)]),
}

/// A rule whose parts are all right.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Checked {
    pub(super) root: Formula,
    pub(super) properties: Vec<Property>,
    pub(super) object: Object,
    pub(super) spelled: Vec<Spelled>,
}

/// A name as it is written and as the documentation writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spelled {
    pub(super) written: String,
    pub(super) documented: String,
}

impl Spelled {
    /// Letter case differs, and not as in the documentation's own samples.
    pub(super) fn is_odd(&self) -> bool {
        const SAMPLES: [&str; 5] = [
            "user.employeehiredate",
            "user.mailNickname",
            "user.memberof",
            "device.memberof",
            "device.devicePhysicalIDs",
        ];
        self.written != self.documented && !SAMPLES.contains(&self.written.as_str())
    }
}

/// Checks a tree.
pub(super) fn check(root: &Node<'_>, vocabulary: Vocabulary<'_>) -> Result<Checked, Fault> {
    let mut checker = Checker {
        vocabulary,
        properties: Vec::new(),
        object: None,
        faults: Vec::new(),
        spelled: Vec::new(),
    };
    let expr = checker.node(root, true);
    if let Some(fault) = checker.faults.into_iter().min_by_key(|f| (f.kind, f.at)) {
        return Err(fault);
    }
    Ok(Checked {
        root: expr.expect("whatever is missing left a fault"),
        properties: checker.properties,
        object: checker.object.expect("a rule names an object"),
        spelled: checker.spelled,
    })
}

/// The operators of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Eq,
    StartsWith,
    EndsWith,
    Contains,
    Match,
    In,
    Le,
    Ge,
}

/// By its name, and whether it is the complement.
fn known(name: &str) -> Option<(Operator, bool)> {
    Some(match name {
        "eq" => (Operator::Eq, false),
        "ne" => (Operator::Eq, true),
        "startswith" => (Operator::StartsWith, false),
        "notstartswith" => (Operator::StartsWith, true),
        "endswith" => (Operator::EndsWith, false),
        "notendswith" => (Operator::EndsWith, true),
        "contains" => (Operator::Contains, false),
        "notcontains" => (Operator::Contains, true),
        "match" => (Operator::Match, false),
        "notmatch" => (Operator::Match, true),
        "in" => (Operator::In, false),
        "notin" => (Operator::In, true),
        "le" => (Operator::Le, false),
        "ge" => (Operator::Ge, false),
        _ => return None,
    })
}

const OPERATORS: [&str; 14] = [
    "eq",
    "ne",
    "startsWith",
    "notStartsWith",
    "endsWith",
    "notEndsWith",
    "contains",
    "notContains",
    "match",
    "notMatch",
    "in",
    "notIn",
    "le",
    "ge",
];

/// What is compared: a property as a whole, or an item of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compared {
    Whole(Kind),
    Item,
}

impl Compared {
    const fn takes(self, operator: Operator) -> bool {
        use Operator::{Contains, EndsWith, Eq, Ge, Le, StartsWith};
        match self {
            Self::Item | Self::Whole(Kind::Text) => !matches!(operator, Le | Ge),
            Self::Whole(Kind::Texts) => matches!(operator, StartsWith | EndsWith | Contains),
            Self::Whole(Kind::Boolean) => matches!(operator, Eq),
            Self::Whole(Kind::Instant) => matches!(operator, Eq | Le | Ge),
            // Asked with -any and -all.
            Self::Whole(Kind::Plans | Kind::Groups) => false,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Whole(kind) => kind.name(),
            Self::Item => "an item",
        }
    }
}

struct Checker<'v> {
    vocabulary: Vocabulary<'v>,
    properties: Vec<Property>,
    object: Option<Object>,
    faults: Vec<Fault>,
    spelled: Vec<Spelled>,
}

impl Checker<'_> {
    fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// `alone`: nothing stands beside it or around it.
    fn node(&mut self, node: &Node<'_>, alone: bool) -> Option<Formula> {
        match node {
            Node::Or(parts) => self.nodes(parts).map(Logic::Or),
            Node::And(parts) => self.nodes(parts).map(Logic::And),
            Node::Not(inner) => Some(Logic::Not(Box::new(self.node(inner, false)?))),
            Node::Reports { manager, at } => {
                self.set_object(Object::User, *at);
                if !alone {
                    self.fault(not_combinable(*at, "Direct Reports for"));
                }
                Some(Logic::Is(Atom::Reports(manager.clone())))
            }
            Node::Quantified {
                property,
                all,
                operator,
                body,
            } => self.quantified(*property, *all, *operator, body, alone),
            Node::Test {
                left,
                operator,
                value,
            } => {
                let property = self.property(*left)?;
                let kind = self.properties[property].kind;
                if kind == Kind::Groups && !alone {
                    self.fault(not_combinable(left.at, "memberOf"));
                }
                let test = self.test(Compared::Whole(kind), *left, *operator, value)?;
                Some(Logic::Is(Atom::Test { property, test }))
            }
        }
    }

    /// All of them, so that every fault is found.
    fn nodes(&mut self, parts: &[Node<'_>]) -> Option<Vec<Formula>> {
        let parts: Vec<Option<Formula>> = parts.iter().map(|part| self.node(part, false)).collect();
        parts.into_iter().collect()
    }

    fn property(&mut self, written: Word<'_>) -> Option<usize> {
        let (prefix, name) = written.text.split_once('.').unwrap_or(("", written.text));
        let object = match prefix.to_ascii_lowercase().as_str() {
            "user" => Object::User,
            "device" => Object::Device,
            _ => Object::Worker,
        };
        let found = match (self.vocabulary, object) {
            (Vocabulary::Entra, Object::User | Object::Device) => properties::find(object, name),
            (Vocabulary::Worker(own), Object::Worker) => {
                let own = own
                    .iter()
                    .find(|(known, _)| known.eq_ignore_ascii_case(name));
                own.map(|(name, kind)| Property {
                    object,
                    name: name.clone(),
                    kind: *kind,
                    nullable: true,
                })
            }
            (Vocabulary::Entra, Object::Worker)
            | (Vocabulary::Worker(_), Object::User | Object::Device) => None,
        };
        self.set_object(object, written.at);
        let Some(property) = found else {
            let fault = Fault::new(
                ErrorKind::UnsupportedProperty,
                written.at,
                format!("rules cannot read `{}`", written.text),
            );
            let hint = self.meant(object, name);
            self.fault(match hint {
                Some(hint) => fault.hint(hint),
                None => fault,
            });
            return None;
        };
        self.spelled(written, format!("{object}.{}", property.name));
        // Names of directory extensions are an administrator's: their letter case is any.
        let known = self.properties.iter().position(|known| {
            known.object == property.object && known.name.eq_ignore_ascii_case(&property.name)
        });
        Some(known.unwrap_or_else(|| {
            self.properties.push(property);
            self.properties.len() - 1
        }))
    }

    fn spelled(&mut self, written: Word<'_>, documented: String) {
        self.spelled.push(Spelled {
            written: written.text.to_owned(),
            documented,
        });
    }

    fn meant(&self, object: Object, name: &str) -> Option<String> {
        match (self.vocabulary, object) {
            (Vocabulary::Entra, Object::User | Object::Device) => properties::meant(object, name),
            (Vocabulary::Entra, Object::Worker) => {
                Some("Entra knows user. and device.; worker. is for policy".to_owned())
            }
            (Vocabulary::Worker(own), Object::Worker) => {
                let names = own.iter().map(|(name, _)| name.as_str());
                let near = crate::suggest::nearest(name, names)?;
                Some(format!("did you mean worker.{near}?"))
            }
            (Vocabulary::Worker(_), Object::User | Object::Device) => {
                Some("policy reads worker. properties".to_owned())
            }
        }
    }

    fn set_object(&mut self, object: Object, at: usize) {
        match self.object {
            Some(before) if before != object => {
                let message = format!("a rule about {before}s cannot ask about a {object}");
                self.fault(Fault::new(ErrorKind::MixedObjectTypes, at, message));
            }
            Some(_) => {}
            None => self.object = Some(object),
        }
    }

    fn quantified(
        &mut self,
        written: Word<'_>,
        all: bool,
        operator: Word<'_>,
        body: &Node<'_>,
        alone: bool,
    ) -> Option<Formula> {
        let property = self.property(written)?;
        let kind = self.properties[property].kind;
        match kind {
            Kind::Texts | Kind::Plans => {
                let body = self.items(kind, body)?;
                Some(Logic::Is(Atom::Items {
                    property,
                    all,
                    body,
                }))
            }
            Kind::Groups => {
                if !alone {
                    self.fault(not_combinable(written.at, "memberOf"));
                }
                if all {
                    self.fault(unsupported(operator, "memberOf").hint("memberOf takes -any"));
                }
                let groups = self.groups(body)?;
                Some(Logic::Is(Atom::MemberOf { property, groups }))
            }
            Kind::Boolean | Kind::Instant | Kind::Text => {
                let fault =
                    unsupported(operator, kind.name()).hint("-any and -all are for collections");
                self.fault(fault);
                None
            }
        }
    }

    /// `group.objectId -in [...]` and nothing else.
    fn groups(&mut self, body: &Node<'_>) -> Option<Vec<String>> {
        let Node::Test {
            left,
            operator: written,
            value,
        } = body
        else {
            let at = first_place(body);
            self.fault(not_combinable(at, "memberOf"));
            return None;
        };
        if !left.text.eq_ignore_ascii_case("group.objectId") {
            let fault = Fault::new(
                ErrorKind::UnsupportedProperty,
                left.at,
                format!("groups have no `{}` here", left.text),
            );
            self.fault(fault.hint("group.objectId"));
            return None;
        }
        self.spelled(*left, "group.objectId".to_owned());
        if operator(written.text) != "in" {
            self.fault(unsupported(*written, "group.objectId").hint("-in [\"...\"]"));
        }
        let LiteralKind::List(items) = &value.kind else {
            self.fault(invalid(value.at, "group ids stand in a list").hint("[\"...\"]"));
            return None;
        };
        if items.len() > GROUPS_MAX {
            let message = format!("{} groups, and {GROUPS_MAX} are the most", items.len());
            self.fault(Fault::new(ErrorKind::LimitExceeded, value.at, message));
        }
        self.list(items)
    }

    fn items(&mut self, kind: Kind, body: &Node<'_>) -> Option<Body> {
        match body {
            Node::Or(parts) => self.all_items(kind, parts).map(Logic::Or),
            Node::And(parts) => self.all_items(kind, parts).map(Logic::And),
            Node::Not(inner) => Some(Logic::Not(Box::new(self.items(kind, inner)?))),
            Node::Test {
                left,
                operator,
                value,
            } => {
                let field = self.field(kind, *left)?;
                let test = self.test(Compared::Item, *left, *operator, value)?;
                Some(Logic::Is(ItemTest { field, test }))
            }
            Node::Reports { .. } | Node::Quantified { .. } => {
                unreachable!("the parser lets none of them into a body")
            }
        }
    }

    fn all_items(&mut self, kind: Kind, parts: &[Node<'_>]) -> Option<Vec<Body>> {
        let parts: Vec<_> = parts.iter().map(|part| self.items(kind, part)).collect();
        parts.into_iter().collect()
    }

    fn field(&mut self, kind: Kind, written: Word<'_>) -> Option<Field> {
        let (hint, found) = if kind == Kind::Plans {
            let name = written
                .text
                .split_once('.')
                .filter(|(prefix, _)| prefix.eq_ignore_ascii_case("assignedPlan"));
            let field = name.and_then(|(_, name)| {
                let is = |field: &Field| field.name().eq_ignore_ascii_case(name);
                Field::PLAN.into_iter().find(is)
            });
            let hint = "assignedPlan.servicePlanId, assignedPlan.service or \
                        assignedPlan.capabilityStatus";
            (hint, field)
        } else {
            (
                "`_` is the item",
                (written.text == "_").then_some(Field::Item),
            )
        };
        if let Some(field) = found.filter(|field| *field != Field::Item) {
            self.spelled(written, format!("assignedPlan.{}", field.name()));
        }
        if found.is_none() {
            let fault = Fault::new(
                ErrorKind::UnsupportedProperty,
                written.at,
                format!("an item of {} has no `{}`", kind.name(), written.text),
            );
            self.fault(fault.hint(hint));
        }
        found
    }

    fn test(
        &mut self,
        compared: Compared,
        left: Word<'_>,
        written: Word<'_>,
        value: &Literal<'_>,
    ) -> Option<Test> {
        let name = operator(written.text);
        let Some((operator, negated)) = known(&name) else {
            self.fault(unknown_operator(written, left));
            return None;
        };
        if !compared.takes(operator) {
            let fault = unsupported(written, compared.name());
            self.fault(match (compared, operator) {
                (Compared::Whole(Kind::Texts | Kind::Plans | Kind::Groups), _) => {
                    fault.hint(format!("{} -any (...)", left.text))
                }
                (_, Operator::Le | Operator::Ge) => fault.hint("-le and -ge are for date-times"),
                _ => fault,
            });
            return None;
        }
        if matches!(value.kind, LiteralKind::Now { .. }) && operator == Operator::Eq {
            let fault = unsupported(written, "system.now").hint("-le or -ge");
            self.fault(fault);
            return None;
        }
        let ask = self.ask(compared, operator, value)?;
        Some(Test { ask, negated })
    }

    fn ask(&mut self, compared: Compared, operator: Operator, value: &Literal<'_>) -> Option<Ask> {
        if operator == Operator::In {
            let LiteralKind::List(items) = &value.kind else {
                let fault = invalid(value.at, "-in and -notIn take a list");
                self.fault(fault.hint("in brackets: [\"Sales\", \"HR\"]"));
                return None;
            };
            let texts = self.list(items)?;
            let quoted = texts.iter().zip(items).map(|(text, item)| Quoted {
                bare: item.is_bare(),
                ..Quoted::new(text)
            });
            return Some(Ask::one_of(quoted.collect()));
        }
        if value.kind == LiteralKind::Null {
            if operator == Operator::Eq {
                return Some(Ask::Null);
            }
            let fault = invalid(value.at, "only -eq and -ne take null");
            self.fault(fault);
            return None;
        }
        match compared {
            Compared::Whole(Kind::Boolean) => self.flag(value),
            Compared::Whole(Kind::Instant) => {
                let order = match operator {
                    Operator::Le => Order::NotAfter,
                    Operator::Ge => Order::NotBefore,
                    Operator::Eq
                    | Operator::StartsWith
                    | Operator::EndsWith
                    | Operator::Contains
                    | Operator::Match
                    | Operator::In => Order::Same,
                };
                Some(Ask::At(order, self.moment(value)?))
            }
            Compared::Item | Compared::Whole(_) => {
                let text = self.text(value)?;
                let quoted = || Quoted {
                    bare: value.is_bare(),
                    ..Quoted::new(&text)
                };
                Some(match operator {
                    Operator::StartsWith => Ask::StartsWith(quoted()),
                    Operator::EndsWith => Ask::EndsWith(quoted()),
                    Operator::Contains => Ask::Contains(quoted()),
                    Operator::Match => self.pattern(value.at, text)?,
                    Operator::Eq | Operator::In | Operator::Le | Operator::Ge => Ask::Is(quoted()),
                })
            }
        }
    }

    fn flag(&mut self, value: &Literal<'_>) -> Option<Ask> {
        let flag = match &value.kind {
            LiteralKind::Boolean(flag) => Some(*flag),
            LiteralKind::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
            LiteralKind::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
            LiteralKind::Text(_)
            | LiteralKind::Number(_)
            | LiteralKind::Null
            | LiteralKind::Date(_)
            | LiteralKind::Now { .. }
            | LiteralKind::List(_) => None,
        };
        if flag.is_none() {
            self.fault(invalid(
                value.at,
                "a boolean is compared with true or false",
            ));
        }
        flag.map(Ask::Flag)
    }

    fn moment(&mut self, value: &Literal<'_>) -> Option<Moment> {
        let written = match &value.kind {
            LiteralKind::Now { offset } => return self.now(*offset),
            LiteralKind::Date(text) | LiteralKind::Number(text) => (*text).to_owned(),
            LiteralKind::Text(text) => text.clone(),
            LiteralKind::Boolean(_) | LiteralKind::Null | LiteralKind::List(_) => String::new(),
        };
        if let Some(instant) = instant(&written) {
            let written = Quoted {
                bare: value.is_bare(),
                ..Quoted::new(&written)
            };
            return Some(Moment::Fixed { instant, written });
        }
        let fault = invalid(value.at, "this is no date-time");
        self.fault(fault.hint("2026-05-28T00:00:00Z, or system.now -minus P14D"));
        None
    }

    fn now(&mut self, offset: Option<Offset<'_>>) -> Option<Moment> {
        let Some(Offset {
            back,
            duration: written,
        }) = offset
        else {
            return Some(Moment::Now {
                seconds: 0,
                offset: None,
            });
        };
        let Some(seconds) = duration(written.text) else {
            let fault = invalid(written.at, format!("`{}` is no duration", written.text));
            self.fault(fault.hint("weeks, days, hours, minutes, seconds: P14D, P1W, PT6H"));
            return None;
        };
        Some(Moment::Now {
            seconds: if back { -seconds } else { seconds },
            offset: Some((back, written.text.to_ascii_uppercase())),
        })
    }

    /// What a text is compared with. A number or a boolean counts as the text it is written as.
    fn text(&mut self, value: &Literal<'_>) -> Option<String> {
        match &value.kind {
            LiteralKind::Text(text) => Some(text.clone()),
            LiteralKind::Number(text) | LiteralKind::Date(text) => Some((*text).to_owned()),
            LiteralKind::Boolean(flag) => Some(flag.to_string()),
            LiteralKind::Null => {
                self.fault(invalid(value.at, "null stands in no list"));
                None
            }
            LiteralKind::Now { .. } => {
                let fault = invalid(value.at, "system.now is compared with a date-time only");
                self.fault(fault);
                None
            }
            LiteralKind::List(_) => {
                let fault = invalid(value.at, "only -in and -notIn take a list");
                self.fault(fault);
                None
            }
        }
    }

    fn list(&mut self, items: &[Literal<'_>]) -> Option<Vec<String>> {
        let boolean = |item: &&Literal<'_>| matches!(item.kind, LiteralKind::Boolean(_));
        if let Some(item) = items.iter().find(boolean) {
            self.fault(invalid(item.at, "a list holds texts and numbers"));
            return None;
        }
        let texts: Vec<_> = items.iter().map(|item| self.text(item)).collect();
        texts.into_iter().collect()
    }

    fn pattern(&mut self, at: usize, written: String) -> Option<Ask> {
        match Pattern::ignoring_case(&written) {
            Ok(pattern) => Some(Ask::Matches {
                pattern: Box::new(pattern),
                written,
            }),
            Err(why) => {
                self.fault(Fault::new(
                    ErrorKind::InvalidRegex,
                    at,
                    format!("this pattern does not compile: {why}"),
                ));
                None
            }
        }
    }
}

fn invalid(at: usize, message: impl Into<String>) -> Fault {
    Fault::new(ErrorKind::InvalidValue, at, message)
}

fn not_combinable(at: usize, what: &str) -> Fault {
    Fault::new(
        ErrorKind::NotCombinable,
        at,
        format!("`{what}` stands alone in a rule"),
    )
}

/// An operator that is none for what stands beside it.
fn unsupported(operator: Word<'_>, beside: &str) -> Fault {
    Fault::new(
        ErrorKind::UnsupportedOperator,
        operator.at,
        format!("`{}` is not for {beside}", operator.text),
    )
}

fn unknown_operator(written: Word<'_>, left: Word<'_>) -> Fault {
    let fault = Fault::new(
        ErrorKind::UnsupportedOperator,
        written.at,
        format!("`{}` compares nothing", written.text),
    );
    match operator(written.text).as_str() {
        "not" => fault.hint(format!("{} -ne null", left.text)),
        "gt" | "lt" => fault.hint("-ge or -le: or equal is included"),
        "like" => fault.hint("-startsWith, -endsWith, -contains or -match"),
        _ => match crate::suggest::nearest(written.text, OPERATORS) {
            Some(near) => fault.hint(format!("did you mean -{near}?")),
            None => fault,
        },
    }
}

/// Where a part begins.
fn first_place(node: &Node<'_>) -> usize {
    match node {
        Node::Or(parts) | Node::And(parts) => parts.first().map_or(0, first_place),
        Node::Not(inner) => first_place(inner),
        Node::Reports { at, .. } => *at,
        Node::Quantified { property, .. } => property.at,
        Node::Test { left, .. } => left.at,
    }
}
