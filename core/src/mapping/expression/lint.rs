//! What can be told of an expression before the first row: right by its grammar, and most likely
//! not what was meant.

use super::dates::{self, White};
use super::error::ExpressionError;
use super::functions::{Function, name};
use super::parser::{BareWord, Comparison, Kind, Node};
use super::{ErrorKind, EvalContext, Evaluated, Expression, Input, Lookup};
use crate::model::Value;

/// One thing to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    /// The stable name, for instance `constant-condition`.
    pub name: &'static str,
    /// What will happen, and what to write instead.
    pub message: String,
    /// Line in the expression, from 1.
    pub line: u32,
    /// Column in that line, from 1.
    pub column: u32,
    /// The part of the expression.
    pub part: String,
}

/// What is wrong with a pattern that can match one text in very many ways.
pub(in crate::mapping) const SLOW_PATTERN: &str = "repetitions inside or beside each other can \
     match the same text in very many ways: a long value fails with `limit`";

impl Expression {
    /// What is odd about it, from left to right.
    pub fn lint(&self) -> Vec<Lint> {
        let mut linter = Linter {
            source: &self.source,
            attributes: &self.parsed.attributes,
            out: Vec::new(),
        };
        linter.node(&self.parsed.root);
        if !matches!(self.parsed.root.kind, Kind::Attribute(_)) && self.parsed.attributes.is_empty()
        {
            linter.constant(self);
        } else if self.never_gives() {
            linter.say("never-set", &self.parsed.root, NEVER_SET);
        }
        linter.out
    }
}

const NEVER_SET: &str = "it never gives a value: the attribute is never set";

impl Expression {
    /// Whatever is chosen, it is no value.
    fn never_gives(&self) -> bool {
        let mut results = Vec::new();
        results_of(&self.parsed.root, &mut results);
        let nothing = |node: &&Node| match &node.kind {
            Kind::NotGiven => true,
            Kind::Text(text) => text.is_empty(),
            Kind::Word(word) => *word == BareWord::IgnoreAttributeFlow,
            Kind::Attribute(_)
            | Kind::Pattern(_)
            | Kind::Number(_)
            | Kind::Compare(..)
            | Kind::Call(..) => false,
        };
        !results.is_empty() && results.iter().all(nothing)
    }
}

struct Nothing;

impl Lookup for Nothing {
    fn get(&self, _slot: usize) -> Input<'_> {
        Input::Null
    }
}

struct Linter<'a> {
    source: &'a str,
    attributes: &'a [String],
    out: Vec<Lint>,
}

impl Linter<'_> {
    fn say(&mut self, name: &'static str, node: &Node, message: impl Into<String>) {
        // The error knows how to name a place.
        let (start, end) = (node.start as usize, node.end as usize);
        let at = ExpressionError::at(ErrorKind::Syntax, message, self.source, start, end);
        self.out.push(Lint {
            name,
            message: at.message,
            line: at.line,
            column: at.column,
            part: at.sub_expression,
        });
    }

    /// No attribute is read: whatever comes out comes out for everybody.
    fn constant(&mut self, expression: &Expression) {
        let root = &expression.parsed.root;
        let changes = [
            Function::Now,
            Function::Guid,
            Function::RandomString,
            Function::DefaultDomain,
        ];
        if changes.iter().any(|f| expression.calls(*f)) {
            return;
        }
        let context = EvalContext::at(jiff::Timestamp::UNIX_EPOCH);
        match expression.evaluate(&Nothing, &context) {
            Ok(Evaluated::Value(Value::Null) | Evaluated::IgnoreAttribute) => {
                self.say("never-set", root, NEVER_SET);
            }
            Ok(_) if matches!(root.kind, Kind::Call(..) | Kind::Compare(..)) => {
                self.say(
                    "constant",
                    root,
                    "it gives the same for everybody: write `constant`",
                );
            }
            Ok(_) => {}
            Err(error) => {
                let message = format!("it fails for everybody: {}", error.message);
                self.say("always-fails", root, message);
            }
        }
    }

    fn node(&mut self, node: &Node) {
        match &node.kind {
            Kind::Call(function, arguments) => {
                self.call(node, *function, arguments);
                for argument in arguments {
                    self.node(argument);
                }
            }
            Kind::Compare(comparison, sides) => {
                self.compare(node, *comparison, sides);
                sides.iter().for_each(|side| self.node(side));
            }
            Kind::Attribute(_)
            | Kind::Text(_)
            | Kind::Pattern(_)
            | Kind::Number(_)
            | Kind::Word(_)
            | Kind::NotGiven => {}
        }
    }

    fn call(&mut self, node: &Node, function: Function, arguments: &[Node]) {
        match (function, arguments) {
            (Function::Iif, [condition, ..]) => self.condition(condition),
            (Function::Switch, [source, _, pairs @ ..]) => self.switch(source, pairs),
            (Function::Replace(_), [_, _, pattern, ..]) => {
                if let Kind::Pattern(compiled) = &pattern.kind
                    && compiled.is_ambiguous()
                {
                    self.say("slow-pattern", pattern, SLOW_PATTERN);
                }
            }
            (Function::FormatDateTime, [source, .., input, _]) => {
                let made = matches!(
                    &source.kind,
                    Kind::Call(
                        Function::Now | Function::CDate | Function::DateAdd | Function::DateFromNum,
                        _
                    )
                );
                let reads = |form: &str| {
                    let sample =
                        dates::read_as("3/16/2020 1:07:00 AM", form, White::default(), |_| {
                            jiff::civil::Date::constant(2020, 3, 16)
                        });
                    sample.is_ok()
                };
                let wrong = matches!(&input.kind, Kind::Text(form) if !reads(form));
                if made && wrong {
                    self.say(
                        "date-format",
                        node,
                        "what goes in is written as `M/d/yyyy h:mm:ss tt`; with this inputFormat it \
                         always fails",
                    );
                }
            }
            (Function::DateAdd | Function::DateDiff, [interval, ..]) => {
                if let Kind::Text(text) = &interval.kind
                    && !dates::is_interval(text)
                {
                    self.say(
                        "always-fails",
                        interval,
                        "there is no such interval: yyyy, m (month), d, ww, h, n (minute), s",
                    );
                }
            }
            (Function::Mid | Function::Item, [_, place, ..]) => {
                if matches!(place.kind, Kind::Number(number) if number < 1) {
                    self.say("always-fails", place, "places count from 1");
                }
            }
            (Function::AppRoles | Function::AssertiveAppRoles | Function::SingleAppRole, _) => self
                .say(
                    "outbound",
                    node,
                    "app roles are for provisioning from Entra ID to applications: nothing that HR \
                 says has any",
                ),
            _ => {}
        }
    }

    fn switch(&mut self, source: &Node, pairs: &[Node]) {
        if reads_nothing(source) {
            self.say("constant-condition", source, "it is the same for everybody");
        }
        let presence = [
            Function::IsPresent,
            Function::IsNull,
            Function::IsNullOrEmpty,
        ];
        if let Kind::Call(function, _) = &source.kind
            && presence.contains(function)
        {
            self.say(
                "presence-in-switch",
                source,
                format!(
                    "Microsoft advises against `{}` as the source of `Switch`: give the attribute \
                     itself, and a key \"\" for none",
                    name(*function)
                ),
            );
        }
        let mut seen: Vec<&str> = Vec::new();
        for key in pairs.iter().step_by(2) {
            let Kind::Text(text) = &key.kind else {
                continue;
            };
            if seen.contains(&&**text) {
                let message = "this key stands here a second time: its value is never taken";
                self.say("unreachable-key", key, message);
            }
            seen.push(text);
        }
    }

    fn condition(&mut self, condition: &Node) {
        if reads_nothing(condition) {
            self.say(
                "constant-condition",
                condition,
                "it is the same for everybody",
            );
        }
        let Kind::Compare(comparison, sides) = &condition.kind else {
            return;
        };
        let same = sides[0].same(&sides[1]);
        let length = matches!(
            sides[0].kind,
            Kind::Call(Function::Len | Function::Count, _)
        );
        let floor = matches!(
            (comparison, &sides[1].kind),
            (
                Comparison::GreaterOrEqual | Comparison::Less,
                Kind::Number(..=0)
            )
        );
        if (same || (length && floor)) && !reads_nothing(condition) {
            self.say(
                "constant-condition",
                condition,
                "it is the same for everybody",
            );
            return;
        }
        let attribute = |node: &Node| matches!(node.kind, Kind::Attribute(_));
        if sides.iter().any(attribute) {
            self.say(
                "missing-in-condition",
                condition,
                "where the attribute is missing this is false, whatever the comparison: `Switch` \
                 has a key \"\" for that",
            );
        }
    }

    /// `DateDiff(Now, date)` is positive while the date is still to come: meant from a first day on,
    /// it holds before it. Of a last day that may well be what is meant.
    fn compare(&mut self, node: &Node, comparison: Comparison, sides: &[Node; 2]) {
        let number = |node: &Node| match &node.kind {
            Kind::Number(number) => Some(*number),
            Kind::Text(text) => text.trim().parse().ok(),
            Kind::NotGiven
            | Kind::Attribute(_)
            | Kind::Pattern(_)
            | Kind::Word(_)
            | Kind::Compare(..)
            | Kind::Call(..) => None,
        };
        let [left, right] = sides;
        let (difference, number, more) = match (number(left), number(right)) {
            (None, Some(number)) => (left, number, false),
            (Some(number), None) => (right, number, true),
            (Some(_), Some(_)) | (None, None) => return,
        };
        let Kind::Call(Function::DateDiff, arguments) = &difference.kind else {
            return;
        };
        // "More than none" is written on purpose; "none or more" is the slip.
        let more = match comparison {
            Comparison::GreaterOrEqual => !more,
            Comparison::LessOrEqual => more,
            Comparison::Greater | Comparison::Less | Comparison::Equal | Comparison::NotEqual => {
                return;
            }
        };
        let (from_now, to_now) = (now(&arguments[1]), now(&arguments[2]));
        let mut last_day = false;
        attributes_of(difference, &mut |slot| {
            let name = self.attributes[slot].to_ascii_lowercase();
            last_day |= ["end", "term", "leave", "last"]
                .iter()
                .any(|part| name.contains(part));
        });
        if last_day {
            return;
        }
        // Positive while the date is to come, or the other way round.
        let still_to_come = if from_now && !to_now {
            more && number <= 1
        } else {
            to_now && !from_now && !more && number >= -1
        };
        if still_to_come {
            self.say(
                "date-still-to-come",
                node,
                "`DateDiff` from `Now()` is positive while the date is still to come: this holds \
                 before the day, not from it on",
            );
        }
    }
}

/// Every attribute that is read, by slot.
fn attributes_of(node: &Node, visit: &mut dyn FnMut(usize)) {
    match &node.kind {
        Kind::Attribute(slot) => visit(*slot),
        Kind::Call(_, arguments) => arguments.iter().for_each(|node| attributes_of(node, visit)),
        Kind::Compare(_, sides) => sides.iter().for_each(|node| attributes_of(node, visit)),
        Kind::Text(_) | Kind::Pattern(_) | Kind::Number(_) | Kind::Word(_) | Kind::NotGiven => {}
    }
}

/// This instant, or it with nothing added.
fn now(node: &Node) -> bool {
    match &node.kind {
        Kind::Call(Function::Now, _) => true,
        Kind::Call(Function::DateAdd, arguments) => {
            matches!(arguments[1].kind, Kind::Number(0)) && now(&arguments[2])
        }
        Kind::Call(Function::CDate, arguments) => now(&arguments[0]),
        Kind::NotGiven
        | Kind::Attribute(_)
        | Kind::Text(_)
        | Kind::Pattern(_)
        | Kind::Number(_)
        | Kind::Word(_)
        | Kind::Compare(..)
        | Kind::Call(..) => false,
    }
}

impl Expression {
    /// What is odd for a property: a text that it refuses, a result that is always too long. `limit`
    /// is in characters.
    pub(in crate::mapping) fn lint_for(
        &self,
        refuses: &dyn Fn(&str) -> Option<String>,
        limit: Option<usize>,
    ) -> Vec<Lint> {
        let mut linter = Linter {
            source: &self.source,
            attributes: &self.parsed.attributes,
            out: Vec::new(),
        };
        let mut results = Vec::new();
        results_of(&self.parsed.root, &mut results);
        for result in results {
            if let Kind::Text(text) = &result.kind
                && !text.is_empty()
                && let Some(problem) = refuses(text)
            {
                linter.say("refused-value", result, problem);
            }
        }
        let least = least(&self.parsed.root);
        if let Some(limit) = limit.filter(|limit| least > *limit) {
            let message =
                format!("it gives {least} characters at least, and the property takes {limit}");
            linter.say("too-long", &self.parsed.root, message);
        }
        linter.out
    }
}

/// The parts whose value may be that of the whole.
fn results_of<'n>(node: &'n Node, out: &mut Vec<&'n Node>) {
    let Kind::Call(function, arguments) = &node.kind else {
        out.push(node);
        return;
    };
    let choices = [
        Function::Coalesce,
        Function::SelectUniqueValue,
        Function::IgnoreFlowIfNullOrEmpty,
    ];
    if *function == Function::Iif {
        arguments[1..].iter().for_each(|node| results_of(node, out));
    } else if *function == Function::Switch {
        results_of(&arguments[1], out);
        let values = arguments[2..].iter().skip(1).step_by(2);
        values.for_each(|node| results_of(node, out));
    } else if choices.contains(function) {
        arguments.iter().for_each(|node| results_of(node, out));
    } else {
        out.push(node);
    }
}

/// The least number of characters that can come out, where it is more than none.
fn least(node: &Node) -> usize {
    if let Kind::Text(text) = &node.kind {
        return text.chars().count();
    }
    let Kind::Call(function, arguments) = &node.kind else {
        return 0;
    };
    let count = |node: &Node| {
        if let Kind::Number(number) = node.kind {
            usize::try_from(number).unwrap_or(0)
        } else {
            0
        }
    };
    let same = [
        Function::ToLower,
        Function::ToUpper,
        Function::PCase,
        Function::Redact,
        Function::CStr,
    ];
    let choices = [Function::Iif, Function::Switch, Function::Coalesce];
    match arguments.as_ref() {
        _ if *function == Function::Guid => 36,
        _ if *function == Function::Append => arguments.iter().map(least).sum(),
        [_, parts @ ..] if *function == Function::Join => parts.iter().map(least).sum(),
        [source, ..] if same.contains(function) => least(source),
        [source, length] if *function == Function::Left => least(source).min(count(length)),
        [length, ..] if *function == Function::RandomString => count(length),
        _ if choices.contains(function) => {
            let mut results = Vec::new();
            results_of(node, &mut results);
            results.into_iter().map(least).min().unwrap_or(0)
        }
        _ => 0,
    }
}

/// Neither the record, nor the clock, nor chance.
fn reads_nothing(node: &Node) -> bool {
    match &node.kind {
        Kind::Attribute(_)
        | Kind::Call(Function::Now | Function::Guid | Function::RandomString, _) => false,
        Kind::Call(_, arguments) => arguments.iter().all(reads_nothing),
        Kind::Compare(_, sides) => sides.iter().all(reads_nothing),
        Kind::Text(_) | Kind::Pattern(_) | Kind::Number(_) | Kind::Word(_) | Kind::NotGiven => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(source: &str) -> Vec<&'static str> {
        let lints = Expression::compile(source).unwrap().lint();
        lints.iter().map(|lint| lint.name).collect()
    }

    #[test]
    fn what_is_odd_is_named() {
        for (source, expected) in [
            ("Join(\" \", [a], [b])", vec![]),
            ("[a]", vec![]),
            ("\"x\"", vec![]),
            ("Append(\"a\", \"b\")", vec!["constant"]),
            (
                "Switch(\"x\", , \"y\", \"z\")",
                vec!["constant-condition", "never-set"],
            ),
            ("CDate(\"nonsense\")", vec!["always-fails"]),
            ("IIF(\"a\" = \"b\", [x], [y])", vec!["constant-condition"]),
            ("IIF([a] = \"b\", [x], [y])", vec!["missing-in-condition"]),
            ("IIF(IsPresent([a]), [x], [y])", vec![]),
            (
                "Switch(IsPresent([a]), [b], \"True\", [a])",
                vec!["presence-in-switch"],
            ),
            (
                "Switch([a], , \"x\", \"1\", \"x\", \"2\")",
                vec!["unreachable-key"],
            ),
            (
                "Replace([a], , \"(a+)+b\", , \"\", , )",
                vec!["slow-pattern"],
            ),
            ("Replace([a], , \"(\\.)*$\", , \"\", , )", vec![]),
            (
                "FormatDateTime(DateAdd(\"d\", 1, [a]), , \"yyyy-MM-dd\", \"yyyyMMdd\")",
                vec!["date-format"],
            ),
            (
                "Switch([Active], , \"1\", IIF(DateDiff(\"d\", Now(), CDate([h])) >= 0, \"False\", \
                 \"True\"))",
                vec!["date-still-to-come"],
            ),
            (
                "IIF(DateDiff(\"d\", Now(), CDate([h])) <= 14, \"a\", \"b\")",
                vec![],
            ),
            (
                "IIF(DateDiff(\"d\", Now(), CDate([h])) > 0, \"\", [a])",
                vec![],
            ),
            (
                "IIF(DateDiff(\"d\", Now(), CDate([EndDate])) >= 0, \"a\", \"b\")",
                vec![],
            ),
            (
                "IIF([a] = \"x\", IgnoreAttributeFlow, IgnoreAttributeFlow)",
                vec!["missing-in-condition", "never-set"],
            ),
            (
                "IIF(DateDiff(\"d\", [h], Now()) <= 0, \"a\", \"b\")",
                vec!["date-still-to-come"],
            ),
            (
                "IIF(DateDiff(\"d\", [h], Now()) >= 0, \"a\", \"b\")",
                vec![],
            ),
            (
                "IIF(0 <= DateDiff(\"d\", DateAdd(\"d\", 0, Now()), [h]), \"a\", \"b\")",
                vec!["date-still-to-come"],
            ),
            (
                "IIF(DateDiff(\"d\", Now(), [h]) >= \"0\", \"a\", \"b\")",
                vec!["date-still-to-come"],
            ),
            ("IIF([a] = [a], [x], [y])", vec!["constant-condition"]),
            ("IIF(Len([a]) >= 0, [x], [y])", vec!["constant-condition"]),
            ("IIF(Len([a]) >= 1, [x], [y])", vec![]),
            ("DateAdd(\"x\", 1, [a])", vec!["always-fails"]),
            ("Mid([a], 0, 5)", vec!["always-fails"]),
            ("Item([a], 0)", vec!["always-fails"]),
            (
                "FormatDateTime(CDate([a]), , \"yyyy-MM-dd h:mm tt\", \"yyyyMMdd\")",
                vec!["date-format"],
            ),
            (
                "FormatDateTime(CDate([a]), , \"M/d/yyyy h:mm:ss tt\", \"yyyyMMdd\")",
                vec![],
            ),
        ] {
            assert_eq!(names(source), expected, "{source}");
        }
        let lints = Expression::compile("Append([a],\n  Switch(\"x\", [b], \"y\", [c]))");
        let lint = lints.unwrap().lint().remove(0);
        assert_eq!(
            (lint.line, lint.column, lint.part.as_str()),
            (2, 10, "\"x\"")
        );
    }
}
