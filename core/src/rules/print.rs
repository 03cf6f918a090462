//! A rule as text again, in one form: what is printed parses to the same rule.

use std::fmt::Write as _;

use super::formula::{Ask, Atom, Body, Formula, ItemTest, Logic, Moment, Order, Quoted, Test};
use super::properties::{Field, Property};

/// The whole of it.
pub(super) fn print(root: &Formula, properties: &[Property]) -> String {
    let mut out = String::new();
    logic(&mut out, root, &|out, atom| {
        self::atom(out, atom, properties);
    });
    out
}

/// What is asked of an item.
pub(super) fn print_body(body: &Body) -> String {
    let mut out = String::new();
    logic(&mut out, body, &item);
    out
}

fn logic<A>(out: &mut String, formula: &Logic<A>, atom: &impl Fn(&mut String, &A)) {
    match formula {
        Logic::Or(parts) => join(out, " -or ", parts, |out, it| part(out, it, atom)),
        Logic::And(parts) => join(out, " -and ", parts, |out, it| part(out, it, atom)),
        Logic::Not(inner) => {
            out.push_str("-not ");
            part(out, inner, atom);
        }
        Logic::Is(it) => atom(out, it),
    }
}

/// Within another: what has parts of its own stands in parentheses.
fn part<A>(out: &mut String, formula: &Logic<A>, atom: &impl Fn(&mut String, &A)) {
    if matches!(formula, Logic::Or(_) | Logic::And(_)) {
        out.push('(');
        logic(out, formula, atom);
        out.push(')');
    } else {
        logic(out, formula, atom);
    }
}

fn join<T>(out: &mut String, between: &str, parts: &[T], each: impl Fn(&mut String, &T)) {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            out.push_str(between);
        }
        each(out, part);
    }
}

fn atom(out: &mut String, atom: &Atom, properties: &[Property]) {
    let name = |out: &mut String, property: usize| {
        let property = &properties[property];
        write!(out, "{}.{}", property.object, property.name)
            .expect("writing to a text cannot fail");
    };
    match atom {
        Atom::Test { property, test } => {
            name(out, *property);
            self::test(out, test);
        }
        Atom::Items {
            property,
            all,
            body,
        } => {
            name(out, *property);
            out.push_str(if *all { " -all (" } else { " -any (" });
            logic(out, body, &item);
            out.push(')');
        }
        Atom::Reports(manager) => {
            out.push_str("Direct Reports for ");
            quoted(out, manager);
        }
        Atom::MemberOf { property, groups } => {
            name(out, *property);
            out.push_str(" -any (group.objectId -in ");
            list(out, groups);
            out.push(')');
        }
    }
}

fn item(out: &mut String, asked: &ItemTest) {
    if asked.field != Field::Item {
        out.push_str("assignedPlan.");
    }
    out.push_str(asked.field.name());
    test(out, &asked.test);
}

/// The operator and the value, with a blank before each.
fn test(out: &mut String, test: &Test) {
    let (plain, negated) = match &test.ask {
        Ask::Null | Ask::Is(_) | Ask::Flag(_) | Ask::At(Order::Same, _) => ("-eq", "-ne"),
        Ask::StartsWith(_) => ("-startsWith", "-notStartsWith"),
        Ask::EndsWith(_) => ("-endsWith", "-notEndsWith"),
        Ask::Contains(_) => ("-contains", "-notContains"),
        Ask::Matches { .. } => ("-match", "-notMatch"),
        Ask::In { .. } => ("-in", "-notIn"),
        // The language has no complements of these.
        Ask::At(Order::NotAfter, _) => ("-le", "-le"),
        Ask::At(Order::NotBefore, _) => ("-ge", "-ge"),
    };
    let operator = if test.negated { negated } else { plain };
    out.push(' ');
    out.push_str(operator);
    out.push(' ');
    match &test.ask {
        Ask::Null => out.push_str("null"),
        Ask::Is(text) | Ask::StartsWith(text) | Ask::EndsWith(text) | Ask::Contains(text) => {
            text_of(out, text);
        }
        Ask::In { written, .. } => {
            out.push('[');
            join(out, ", ", written, text_of);
            out.push(']');
        }
        Ask::Flag(flag) => write!(out, "{flag}").expect("writing to a text cannot fail"),
        Ask::Matches { written, .. } => quoted(out, written),
        Ask::At(_, Moment::Fixed { written, .. }) => text_of(out, written),
        Ask::At(_, Moment::Now { offset: None, .. }) => out.push_str("system.now"),
        Ask::At(
            _,
            Moment::Now {
                offset: Some((back, duration)),
                ..
            },
        ) => {
            let sign = if *back { "-minus" } else { "-plus" };
            write!(out, "(system.now {sign} {duration})").expect("writing to a text cannot fail");
        }
    }
}

fn list(out: &mut String, items: &[String]) {
    out.push('[');
    join(out, ", ", items, |out, item| quoted(out, item));
    out.push(']');
}

/// As it was written, with or without quotation marks.
fn text_of(out: &mut String, text: &Quoted) {
    if text.bare {
        out.push_str(&text.written);
    } else {
        quoted(out, &text.written);
    }
}

/// In double quotes, but for the one text that cannot stand in them: a backtick before the closing
/// one escapes it.
pub(super) fn quoted(out: &mut String, text: &str) {
    if text.ends_with('`') {
        out.push('\'');
        out.push_str(&text.replace('\'', "''"));
        out.push('\'');
        return;
    }
    out.push('"');
    out.push_str(&text.replace('\'', "''").replace('"', "`\""));
    out.push('"');
}
