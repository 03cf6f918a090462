//! Where in a JSON value something is: a dotted path, a `JSONPath`, or a SCIM attribute path.
//!
//! - `name.givenName`: members by name; a number takes from an array. A name with `@` in it keeps its
//!   next dot, as in `@odata.nextLink`.
//! - `$.emails[?(@.type=='work')].value`: RFC 9535 without slices, descendants, lists of selectors and
//!   functions.
//! - `emails[type eq "work"].value`, `urn:…:User:employeeNumber`: RFC 7644, section 3.5.2, and the
//!   filters of its section 3.4.2.2.
//!
//! Invariant: a path that was read finds in time that grows with the value that it is asked of, and
//! tells "there is none" from "nobody says".

mod parse;

use serde_json::Value as Json;

pub use parse::PathError;

/// A path.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    text: Box<str>,
    steps: Vec<Step>,
}

/// What of the value a step goes to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// The member of this name.
    Member(Box<str>),
    /// The element at this place; from the end where it is negative.
    Index(i64),
    /// Every element, or every member.
    Every,
    /// Every element or member for which this holds; the value itself where it is no list.
    Where(Test),
}

/// What has to hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    /// There is such a value.
    Has(Vec<Step>),
    /// Such a value compares so.
    Compare(Vec<Step>, Op, Literal),
    /// Both.
    And(Box<Test>, Box<Test>),
    /// One of both.
    Or(Box<Test>, Box<Test>),
    /// The contrary.
    Not(Box<Test>),
}

/// How a value compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Equal,
    Differs,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
    Contains,
    Begins,
    Ends,
}

/// What it is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    /// Exactly this.
    Text(Box<str>),
    /// This, in lower case: SCIM does not tell cases apart.
    Folded(Box<str>),
    Number(f64),
    Bool(bool),
    Null,
}

/// What a path came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Found<'a> {
    /// What is there, in its order.
    pub values: Vec<&'a Json>,
    /// There is nothing because a list was there and nothing in it fitted: the source says that there
    /// is none.
    pub none_fits: bool,
}

impl Path {
    /// Reads a path of one of the three forms.
    ///
    /// # Errors
    /// With the place of what is wrong.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let steps = parse::steps(text)?;
        Ok(Self {
            text: text.into(),
            steps,
        })
    }

    /// The member of this name, whatever the name holds; `None`: it has none.
    pub(crate) fn member(name: &str) -> Option<Self> {
        (!name.is_empty()).then(|| Self {
            text: name.into(),
            steps: vec![Step::Member(name.into())],
        })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Names of the members on its way, without conditions.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match step {
            Step::Member(name) => Some(&**name),
            Step::Index(_) | Step::Every | Step::Where(_) => None,
        })
    }

    /// Whether it goes to each of several by itself.
    pub fn is_many(&self) -> bool {
        let many = |step: &Step| matches!(step, Step::Every | Step::Where(_));
        self.steps.last().is_some_and(many)
    }

    /// What is there. Names are looked up as they are written; with `fold` also in another case, as
    /// RFC 7643, section 2.1, has them.
    pub fn find<'a>(&self, root: &'a Json, fold: bool) -> Found<'a> {
        let mut none_fits = false;
        let values = walk(&self.steps, root, fold, &mut none_fits);
        Found {
            none_fits: none_fits && values.is_empty(),
            values,
        }
    }

    /// The one value that is there.
    pub fn one<'a>(&self, root: &'a Json, fold: bool) -> Option<&'a Json> {
        let found = self.find(root, fold);
        match found.values.as_slice() {
            [one] => Some(one),
            [] | [_, ..] => None,
        }
    }
}

fn walk<'a>(steps: &[Step], root: &'a Json, fold: bool, none_fits: &mut bool) -> Vec<&'a Json> {
    let mut here = vec![root];
    for step in steps {
        let mut next = Vec::new();
        for value in here {
            take(step, value, fold, &mut next, none_fits);
        }
        here = next;
    }
    here
}

fn take<'a>(
    step: &Step,
    value: &'a Json,
    fold: bool,
    into: &mut Vec<&'a Json>,
    none_fits: &mut bool,
) {
    match step {
        Step::Member(name) => into.extend(member(value, name, fold)),
        Step::Index(at) => {
            let Json::Array(items) = value else { return };
            let place = match usize::try_from(*at) {
                Ok(place) => Some(place),
                Err(_) => usize::try_from(at.unsigned_abs())
                    .ok()
                    .and_then(|back| items.len().checked_sub(back)),
            };
            let item = place.and_then(|place| items.get(place));
            *none_fits |= item.is_none();
            into.extend(item);
        }
        Step::Every => spread(value, |_| true, into, none_fits),
        Step::Where(test) => spread(value, |it| holds(test, it, fold), into, none_fits),
    }
}

/// Those of the elements or members that fit.
fn spread<'a>(
    value: &'a Json,
    fits: impl Fn(&Json) -> bool,
    into: &mut Vec<&'a Json>,
    none_fits: &mut bool,
) {
    let before = into.len();
    match value {
        Json::Array(items) => into.extend(items.iter().filter(|it| fits(it))),
        Json::Object(members) => into.extend(members.values().filter(|it| fits(it))),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => return,
    }
    *none_fits |= into.len() == before;
}

fn member<'a>(value: &'a Json, name: &str, fold: bool) -> Option<&'a Json> {
    match value {
        Json::Object(members) => members.get(name).or_else(|| {
            let alike = |(key, _): &(&String, _)| fold && key.eq_ignore_ascii_case(name);
            members.iter().find(alike).map(|(_, value)| value)
        }),
        Json::Array(items) => name.parse::<usize>().ok().and_then(|at| items.get(at)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => None,
    }
}

fn holds(test: &Test, value: &Json, fold: bool) -> bool {
    match test {
        Test::Has(steps) => !walk(steps, value, fold, &mut false).is_empty(),
        Test::Compare(steps, Op::Differs, literal) => {
            let found = walk(steps, value, fold, &mut false);
            !found.iter().any(|it| compares(it, Op::Equal, literal))
        }
        Test::Compare(steps, op, literal) => {
            let found = walk(steps, value, fold, &mut false);
            found.iter().any(|it| compares(it, *op, literal))
        }
        Test::And(a, b) => holds(a, value, fold) && holds(b, value, fold),
        Test::Or(a, b) => holds(a, value, fold) || holds(b, value, fold),
        Test::Not(it) => !holds(it, value, fold),
    }
}

fn compares(value: &Json, op: Op, literal: &Literal) -> bool {
    match (value, literal) {
        (Json::String(text), Literal::Text(other)) => texts(text, op, other),
        (Json::String(text), Literal::Folded(other)) => texts(&text.to_lowercase(), op, other),
        (Json::Number(number), Literal::Number(other)) => number
            .as_f64()
            .and_then(|it| it.partial_cmp(other))
            .is_some_and(|order| ordered(order, op)),
        (Json::Bool(it), Literal::Bool(other)) => op == Op::Equal && it == other,
        (Json::Null, Literal::Null) => op == Op::Equal,
        _ => false,
    }
}

fn texts(text: &str, op: Op, other: &str) -> bool {
    match op {
        Op::Contains => text.contains(other),
        Op::Begins => text.starts_with(other),
        Op::Ends => text.ends_with(other),
        Op::Equal | Op::Differs | Op::Less | Op::LessOrEqual | Op::More | Op::MoreOrEqual => {
            ordered(text.cmp(other), op)
        }
    }
}

fn ordered(order: std::cmp::Ordering, op: Op) -> bool {
    match op {
        Op::Equal => order.is_eq(),
        Op::Differs => order.is_ne(),
        Op::Less => order.is_lt(),
        Op::LessOrEqual => order.is_le(),
        Op::More => order.is_gt(),
        Op::MoreOrEqual => order.is_ge(),
        Op::Contains | Op::Begins | Op::Ends => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ada() -> Json {
        json!({
            "userName": "ada",
            "name": {"givenName": "Ada", "familyName": null},
            "emails": [
                {"type": "home", "value": "a@home.example"},
                {"type": "Work", "value": "a@work.example", "primary": true},
            ],
            "phoneNumbers": [],
            "@odata.count": 3,
            "Worker": {"Worker.Name": "x", "it's": 1},
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":
                {"employeeNumber": "701", "manager": {"value": "26"}},
            "grades": [1, 2, 3],
        })
    }

    fn found(path: &str) -> String {
        let root = ada();
        let found = Path::parse(path).expect(path).find(&root, true);
        let values: Vec<String> = found.values.iter().map(ToString::to_string).collect();
        if found.none_fits {
            return "none fits".to_owned();
        }
        values.join(" ")
    }

    #[test]
    fn three_ways_to_say_where() {
        for (path, expected) in [
            ("userName", "\"ada\""),
            ("USERNAME", "\"ada\""),
            ("name.givenName", "\"Ada\""),
            ("name.familyName", "null"),
            ("name.familyName.x", ""),
            ("nobody", ""),
            ("grades.1", "2"),
            ("@odata.count", "3"),
            ("emails[type eq \"work\"].value", "\"a@work.example\""),
            ("emails[type eq \"other\"].value", "none fits"),
            ("emails[primary eq true].value", "\"a@work.example\""),
            (
                "emails[not (type eq \"work\") and value co \"HOME\"].value",
                "\"a@home.example\"",
            ),
            ("emails[type pr].type", "\"home\" \"Work\""),
            ("phoneNumbers[type eq \"work\"].value", "none fits"),
            ("addresses[type eq \"work\"].locality", ""),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
                "\"701\"",
            ),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
                "\"26\"",
            ),
            (
                "urn:ietf:params:scim:schemas:core:2.0:User:name.givenName",
                "\"Ada\"",
            ),
            ("$", &ada().to_string()),
            ("$.name.givenName", "\"Ada\""),
            ("$['Worker']['Worker.Name']", "\"x\""),
            ("$['Worker']['it\\'s']", "1"),
            ("$.emails[1].value", "\"a@work.example\""),
            ("$.emails[-1].value", "\"a@work.example\""),
            ("$.emails[2].value", "none fits"),
            ("$.emails[?(@.type=='Work')].value", "\"a@work.example\""),
            ("$.emails[?@.type=='work'].value", "none fits"),
            ("$.emails[?@.primary].value", "\"a@work.example\""),
            ("$.emails[?!@.primary].value", "\"a@home.example\""),
            ("$.grades[?@ >= 2 && (@ < 3 || @ == 9)]", "2"),
            ("$.grades[*]", "1 2 3"),
            ("$.name.*", "null \"Ada\""),
        ] {
            assert_eq!(found(path), expected, "{path}");
        }
    }

    #[test]
    fn what_is_no_path_says_where() {
        for (path, at) in [
            ("", 0),
            ("a..b", 2),
            (".a", 0),
            ("a.", 2),
            ("a b", 1),
            ("$x", 1),
            ("$.", 2),
            ("$..a", 2),
            ("$[1:2]", 3),
            ("$['a','b']", 5),
            ("$['a", 4),
            ("$[?(@.a=='x']", 12),
            ("$[?length(@)>1]", 3),
            ("emails[type eq work]", 15),
            ("emails[type is \"work\"]", 12),
            ("emails[type eq \"work\"", 21),
            ("urn:ietf:params", 8),
        ] {
            let error = Path::parse(path).expect_err(path);
            assert_eq!(error.at, at, "{path}: {error}");
        }
    }
}
