//! A rule as text again, in one form: what is printed parses to the same rule.

use std::fmt::Write as _;

use super::check::{Ask, Expr, ItemExpr, Moment, Order, Test};
use super::properties::{Field, Property};

/// The whole of it.
pub(super) fn print(root: &Expr, properties: &[Property]) -> String {
    let mut out = String::new();
    let printer = Printer { properties };
    printer.expr(&mut out, root);
    out
}

struct Printer<'a> {
    properties: &'a [Property],
}

impl Printer<'_> {
    fn name(&self, property: usize) -> String {
        let property = &self.properties[property];
        format!("{}.{}", property.object, property.name)
    }

    fn expr(&self, out: &mut String, expr: &Expr) {
        match expr {
            Expr::Or(parts) => join(out, " -or ", parts, |out, part| self.part(out, part)),
            Expr::And(parts) => join(out, " -and ", parts, |out, part| self.part(out, part)),
            Expr::Not(inner) => {
                out.push_str("-not ");
                self.part(out, inner);
            }
            Expr::Test { property, test } => {
                out.push_str(&self.name(*property));
                self::test(out, test);
            }
            Expr::Items {
                property,
                all,
                body,
            } => {
                out.push_str(&self.name(*property));
                out.push_str(if *all { " -all (" } else { " -any (" });
                items(out, body);
                out.push(')');
            }
            Expr::Reports(manager) => {
                out.push_str("Direct Reports for ");
                quoted(out, manager);
            }
            Expr::MemberOf { property, groups } => {
                out.push_str(&self.name(*property));
                out.push_str(" -any (group.objectId -in ");
                list(out, groups);
                out.push(')');
            }
        }
    }

    /// Within another: what has parts of its own stands in parentheses.
    fn part(&self, out: &mut String, expr: &Expr) {
        if matches!(expr, Expr::Or(_) | Expr::And(_)) {
            out.push('(');
            self.expr(out, expr);
            out.push(')');
        } else {
            self.expr(out, expr);
        }
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

fn items(out: &mut String, body: &ItemExpr) {
    match body {
        ItemExpr::Or(parts) => join(out, " -or ", parts, item),
        ItemExpr::And(parts) => join(out, " -and ", parts, item),
        ItemExpr::Not(inner) => {
            out.push_str("-not ");
            item(out, inner);
        }
        ItemExpr::Test { field, test } => {
            if *field != Field::Item {
                out.push_str("assignedPlan.");
            }
            out.push_str(field.name());
            self::test(out, test);
        }
    }
}

fn item(out: &mut String, body: &ItemExpr) {
    if matches!(body, ItemExpr::Or(_) | ItemExpr::And(_)) {
        out.push('(');
        items(out, body);
        out.push(')');
    } else {
        items(out, body);
    }
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
            quoted(out, &text.written);
        }
        Ask::In { written, .. } => list(out, written),
        Ask::Flag(flag) => write!(out, "{flag}").expect("writing to a text cannot fail"),
        Ask::Matches { written, .. } | Ask::At(_, Moment::Fixed { written, .. }) => {
            quoted(out, written);
        }
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

/// In double quotes, but for the one text that cannot stand in them: a backtick before the closing
/// one escapes it.
fn quoted(out: &mut String, text: &str) {
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
