//! From tokens to an expression: a parser by hand, one function for each strength of binding.

use super::token::{Token, What, tokens, wrong};
use super::{
    Arithmetic, Axis, Base, Comparison, Expr, Function, Path, Predicate, Step, Test, Wrong,
};
use crate::xml::Names;

/// Expressions within expressions at most.
const NESTED_MAX: usize = 64;

/// Reads an expression.
///
/// # Errors
/// [`Wrong`] with the character where it goes wrong.
pub(super) fn parse(text: &str, names: &mut Names) -> Result<Expr, Wrong> {
    let tokens = tokens(text)?;
    let mut parser = Parser {
        tokens: &tokens,
        next: 0,
        end: text.chars().count() + 1,
        names,
        depth: 0,
    };
    let expr = parser.or()?;
    match parser.peek() {
        None => Ok(expr),
        Some(token) => Err(wrong(token.at, "nothing was expected here any more")),
    }
}

struct Parser<'a, 'n> {
    tokens: &'a [Token<'a>],
    next: usize,
    /// The character behind the last one.
    end: usize,
    names: &'n mut Names,
    depth: usize,
}

impl<'a> Parser<'a, '_> {
    fn peek(&self) -> Option<&'a Token<'a>> {
        self.tokens.get(self.next)
    }

    fn what(&self) -> Option<&'a What<'a>> {
        self.peek().map(|it| &it.what)
    }

    fn at(&self) -> usize {
        self.peek().map_or(self.end, |it| it.at)
    }

    /// Takes a token if it is this one.
    fn takes(&mut self, what: &What<'_>) -> bool {
        let is = self.what() == Some(what);
        self.next += usize::from(is);
        is
    }

    fn needs(&mut self, what: &What<'_>, message: &str) -> Result<(), Wrong> {
        if self.takes(what) {
            return Ok(());
        }
        Err(wrong(self.at(), message))
    }

    /// Takes one of these operators.
    fn operator(&mut self, all: &[&str]) -> Option<&'a str> {
        match self.what() {
            Some(What::Operator(it)) if all.contains(it) => {
                self.next += 1;
                Some(it)
            }
            _ => None,
        }
    }

    fn or(&mut self) -> Result<Expr, Wrong> {
        self.depth += 1;
        if self.depth > NESTED_MAX {
            return Err(wrong(self.at(), "the path is nested too deeply"));
        }
        let mut left = self.and()?;
        while self.operator(&["or"]).is_some() {
            left = Expr::Or(Box::new(left), Box::new(self.and()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr, Wrong> {
        let mut left = self.equal()?;
        while self.operator(&["and"]).is_some() {
            left = Expr::And(Box::new(left), Box::new(self.equal()?));
        }
        Ok(left)
    }

    fn equal(&mut self) -> Result<Expr, Wrong> {
        let mut left = self.relation()?;
        while let Some(operator) = self.operator(&["=", "!="]) {
            let how = match operator {
                "=" => Comparison::Equal,
                _ => Comparison::NotEqual,
            };
            left = Expr::Compare(how, Box::new(left), Box::new(self.relation()?));
        }
        Ok(left)
    }

    fn relation(&mut self) -> Result<Expr, Wrong> {
        let mut left = self.sum()?;
        while let Some(operator) = self.operator(&["<", "<=", ">", ">="]) {
            let how = match operator {
                "<" => Comparison::Less,
                "<=" => Comparison::LessOrEqual,
                ">" => Comparison::Greater,
                _ => Comparison::GreaterOrEqual,
            };
            left = Expr::Compare(how, Box::new(left), Box::new(self.sum()?));
        }
        Ok(left)
    }

    fn sum(&mut self) -> Result<Expr, Wrong> {
        let mut left = self.product()?;
        while let Some(operator) = self.operator(&["+", "-"]) {
            let how = match operator {
                "+" => Arithmetic::Add,
                _ => Arithmetic::Subtract,
            };
            left = Expr::Arithmetic(how, Box::new(left), Box::new(self.product()?));
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Expr, Wrong> {
        let mut left = self.negative()?;
        while let Some(operator) = self.operator(&["*", "div", "mod"]) {
            let how = match operator {
                "*" => Arithmetic::Multiply,
                "div" => Arithmetic::Divide,
                _ => Arithmetic::Modulo,
            };
            left = Expr::Arithmetic(how, Box::new(left), Box::new(self.negative()?));
        }
        Ok(left)
    }

    fn negative(&mut self) -> Result<Expr, Wrong> {
        let mut is_negative = false;
        while self.operator(&["-"]).is_some() {
            is_negative = !is_negative;
        }
        let expr = self.union()?;
        Ok(if is_negative {
            Expr::Negative(Box::new(expr))
        } else {
            expr
        })
    }

    fn union(&mut self) -> Result<Expr, Wrong> {
        let at = self.at();
        let first = self.path()?;
        if self.what() != Some(&What::Operator("|")) {
            return Ok(first);
        }
        let mut all = vec![first];
        while self.operator(&["|"]).is_some() {
            all.push(self.path()?);
        }
        if all.iter().all(is_nodes) {
            Ok(Expr::Union(all))
        } else {
            Err(wrong(at, "`|` joins paths, not texts or numbers"))
        }
    }

    /// A path, or something else with what it must be and steps behind it.
    fn path(&mut self) -> Result<Expr, Wrong> {
        let at = self.at();
        let Some(primary) = self.primary()? else {
            return self.location();
        };
        let predicates = self.predicates()?;
        let mut steps = Vec::new();
        if matches!(self.what(), Some(What::Slash | What::SlashSlash)) {
            self.more_steps(&mut steps)?;
        }
        if predicates.is_empty() && steps.is_empty() {
            return Ok(primary);
        }
        if !is_nodes(&primary) {
            return Err(wrong(at, "only a path can have `[` or `/` behind it"));
        }
        Ok(Expr::Path(Path {
            base: Base::Of(Box::new(primary), predicates),
            steps,
        }))
    }

    /// What is no path by itself: a text, a number, a function, something in parentheses.
    fn primary(&mut self) -> Result<Option<Expr>, Wrong> {
        let Some(token) = self.peek() else {
            return Err(wrong(self.end, "the path ends where something is missing"));
        };
        let behind = self.tokens.get(self.next + 1).map(|it| &it.what);
        match &token.what {
            What::Literal(text) => {
                self.next += 1;
                Ok(Some(Expr::Literal((*text).into())))
            }
            What::Number(number) => {
                self.next += 1;
                Ok(Some(Expr::Number(*number)))
            }
            What::Open => {
                self.next += 1;
                let inner = self.or()?;
                self.needs(&What::Close, "`)` is missing")?;
                Ok(Some(inner))
            }
            What::Name(prefix, local) if behind == Some(&What::Open) && !is_node_test(local) => {
                if prefix.is_some() {
                    return Err(wrong(token.at, "functions have no prefix"));
                }
                self.next += 2;
                self.call(token.at, local).map(Some)
            }
            What::Name(..)
            | What::Slash
            | What::SlashSlash
            | What::Dot
            | What::DotDot
            | What::At => Ok(None),
            What::Close
            | What::OpenBracket
            | What::CloseBracket
            | What::Comma
            | What::Axis
            | What::Operator(_) => Err(wrong(token.at, "a path or a value is missing here")),
        }
    }

    fn call(&mut self, at: usize, name: &str) -> Result<Expr, Wrong> {
        let mut all = Vec::new();
        if !self.takes(&What::Close) {
            loop {
                all.push(self.or()?);
                if !self.takes(&What::Comma) {
                    break;
                }
            }
            self.needs(&What::Close, "`)` is missing")?;
        }
        let (function, least, most) = function(name).ok_or_else(|| {
            let known = "known are last, position, count, name, local-name, string, concat, \
                         starts-with, contains, substring-before, substring-after, substring, \
                         string-length, normalize-space, translate, boolean, not, true, false, \
                         number, sum, floor, ceiling, round";
            wrong(at, format!("no function `{name}` is supported: {known}"))
        })?;
        if all.len() < least || all.len() > most {
            let wants = match (least, most) {
                (least, most) if least == most => format!("{least}"),
                (least, usize::MAX) => format!("{least} or more"),
                (least, most) => format!("{least} to {most}"),
            };
            let has = all.len();
            return Err(wrong(
                at,
                format!("`{name}` takes {wants} values, not {has}"),
            ));
        }
        let wants_nodes = matches!(
            function,
            Function::Count | Function::Sum | Function::Name | Function::LocalName
        );
        if wants_nodes && !all.iter().all(is_nodes) {
            return Err(wrong(at, format!("`{name}` takes a path")));
        }
        Ok(Expr::Call(function, all))
    }

    fn location(&mut self) -> Result<Expr, Wrong> {
        let mut steps = Vec::new();
        let base = match self.what() {
            Some(What::Slash) => {
                self.next += 1;
                if self.begins_step() {
                    steps.push(self.step()?);
                } else {
                    return Err(wrong(
                        self.at(),
                        "`/` alone is the whole answer: name a part",
                    ));
                }
                Base::Root
            }
            Some(What::SlashSlash) => Base::Root,
            _ => {
                steps.push(self.step()?);
                Base::Here
            }
        };
        self.more_steps(&mut steps)?;
        Ok(Expr::Path(Path { base, steps }))
    }

    fn begins_step(&self) -> bool {
        matches!(
            self.what(),
            Some(What::Name(..) | What::Dot | What::DotDot | What::At)
        )
    }

    /// Steps behind `/` and `//`, as far as they go.
    fn more_steps(&mut self, steps: &mut Vec<Step>) -> Result<(), Wrong> {
        loop {
            if self.takes(&What::SlashSlash) {
                steps.push(Step {
                    axis: Axis::DescendantOrHere,
                    test: Test::Node,
                    predicates: Vec::new(),
                });
            } else if !self.takes(&What::Slash) {
                return Ok(());
            }
            if !self.begins_step() {
                return Err(wrong(self.at(), "a step is missing behind `/`"));
            }
            steps.push(self.step()?);
        }
    }

    fn step(&mut self) -> Result<Step, Wrong> {
        let plain = |axis| Step {
            axis,
            test: Test::Node,
            predicates: Vec::new(),
        };
        if self.takes(&What::Dot) {
            return Ok(plain(Axis::Here));
        }
        if self.takes(&What::DotDot) {
            return Ok(plain(Axis::Parent));
        }
        let axis = if self.takes(&What::At) {
            Axis::Attribute
        } else {
            self.axis()?
        };
        let test = self.test(axis)?;
        let predicates = self.predicates()?;
        Ok(Step {
            axis,
            test,
            predicates,
        })
    }

    fn axis(&mut self) -> Result<Axis, Wrong> {
        let is_axis = self.tokens.get(self.next + 1).map(|it| &it.what) == Some(&What::Axis);
        let Some(What::Name(None, name)) = self.what().filter(|_| is_axis) else {
            return Ok(Axis::Child);
        };
        let axis = match *name {
            "child" => Axis::Child,
            "attribute" => Axis::Attribute,
            "self" => Axis::Here,
            "parent" => Axis::Parent,
            "descendant" => Axis::Descendant,
            "descendant-or-self" => Axis::DescendantOrHere,
            name => {
                let message = format!(
                    "the axis `{name}` is not supported: child, attribute, self, parent, \
                     descendant and descendant-or-self are"
                );
                return Err(wrong(self.at(), message));
            }
        };
        self.next += 2;
        Ok(axis)
    }

    fn test(&mut self, axis: Axis) -> Result<Test, Wrong> {
        let at = self.at();
        let Some(What::Name(prefix, local)) = self.what() else {
            return Err(wrong(at, "a name is missing here"));
        };
        self.next += 1;
        if prefix.is_none() && is_node_test(local) && self.takes(&What::Open) {
            self.needs(&What::Close, "`)` is missing")?;
            return match *local {
                "text" => Ok(Test::Text),
                "node" => Ok(Test::Node),
                _ => Err(wrong(at, format!("`{local}()` is not supported"))),
            };
        }
        match (*prefix, *local) {
            (None | Some("wd"), "*") => Ok(Test::Any),
            (Some("wd"), local) => Ok(Test::Named(self.names.intern(local))),
            (Some(prefix), _) => Err(wrong(
                at,
                format!("the prefix `{prefix}` is unknown: Workday's is `wd`"),
            )),
            (None, local) => {
                let sign = if axis == Axis::Attribute { "@" } else { "" };
                Err(wrong(
                    at,
                    format!("Workday's names have a prefix: write `{sign}wd:{local}`"),
                ))
            }
        }
    }

    fn predicates(&mut self) -> Result<Vec<Predicate>, Wrong> {
        let mut all = Vec::new();
        while self.takes(&What::OpenBracket) {
            let at = self.at();
            let inner = self.or()?;
            self.needs(&What::CloseBracket, "`]` is missing")?;
            all.push(predicate(inner, at)?);
        }
        Ok(all)
    }
}

/// The quick form of a predicate, where it has one.
fn predicate(expr: Expr, at: usize) -> Result<Predicate, Wrong> {
    match expr {
        Expr::Number(number) => {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "in range, as the guard says"
            )]
            if number >= 1.0 && number.fract() == 0.0 && number <= f64::from(u32::MAX) {
                Ok(Predicate::Position(number as u32))
            } else {
                Err(wrong(at, "positions are 1, 2, 3 and so on"))
            }
        }
        Expr::Literal(_) => Err(wrong(at, "a text alone is always true; compare it")),
        Expr::Call(Function::Last, _) => Ok(Predicate::Last),
        Expr::Compare(Comparison::Equal, one, two) => match (*one, *two) {
            (Expr::Path(path), Expr::Literal(text)) | (Expr::Literal(text), Expr::Path(path)) => {
                if let Some(name) = attribute_alone(&path) {
                    return Ok(Predicate::AttributeIs(name, text));
                }
                Ok(Predicate::Holds(Expr::Compare(
                    Comparison::Equal,
                    Box::new(Expr::Path(path)),
                    Box::new(Expr::Literal(text)),
                )))
            }
            (one, two) => Ok(Predicate::Holds(Expr::Compare(
                Comparison::Equal,
                Box::new(one),
                Box::new(two),
            ))),
        },
        Expr::Or(..)
        | Expr::And(..)
        | Expr::Compare(..)
        | Expr::Arithmetic(..)
        | Expr::Negative(_)
        | Expr::Union(_)
        | Expr::Path(_)
        | Expr::Call(..) => Ok(Predicate::Holds(expr)),
    }
}

fn attribute_alone(path: &Path) -> Option<crate::xml::Name> {
    match (&path.base, path.steps.as_slice()) {
        (
            Base::Here,
            [
                Step {
                    axis: Axis::Attribute,
                    test: Test::Named(name),
                    predicates,
                },
            ],
        ) if predicates.is_empty() => Some(*name),
        _ => None,
    }
}

fn is_nodes(expr: &Expr) -> bool {
    matches!(expr, Expr::Path(_) | Expr::Union(_))
}

fn is_node_test(local: &str) -> bool {
    matches!(
        local,
        "text" | "node" | "comment" | "processing-instruction"
    )
}

/// A function, and how many values it takes.
fn function(name: &str) -> Option<(Function, usize, usize)> {
    Some(match name {
        "last" => (Function::Last, 0, 0),
        "position" => (Function::Position, 0, 0),
        "count" => (Function::Count, 1, 1),
        "name" => (Function::Name, 0, 1),
        "local-name" => (Function::LocalName, 0, 1),
        "string" => (Function::String, 0, 1),
        "concat" => (Function::Concat, 2, usize::MAX),
        "starts-with" => (Function::StartsWith, 2, 2),
        "contains" => (Function::Contains, 2, 2),
        "substring-before" => (Function::SubstringBefore, 2, 2),
        "substring-after" => (Function::SubstringAfter, 2, 2),
        "substring" => (Function::Substring, 2, 3),
        "string-length" => (Function::StringLength, 0, 1),
        "normalize-space" => (Function::NormalizeSpace, 0, 1),
        "translate" => (Function::Translate, 3, 3),
        "boolean" => (Function::Boolean, 1, 1),
        "not" => (Function::Not, 1, 1),
        "true" => (Function::True, 0, 0),
        "false" => (Function::False, 0, 0),
        "number" => (Function::Number, 0, 1),
        "sum" => (Function::Sum, 1, 1),
        "floor" => (Function::Floor, 1, 1),
        "ceiling" => (Function::Ceiling, 1, 1),
        "round" => (Function::Round, 1, 1),
        _ => return None,
    })
}
