//! Figures for alarms and dashboard, in the embedded metric format: one JSON object a
//! line, on standard output.
//!
//! Source: "Specification: Embedded metric format" (`CloudWatch` User Guide). Invariant: a figure is
//! a number of things; no name, key or id of a person is a metric, a dimension or a property.

use std::io::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};

/// How a figure is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Count,
    Seconds,
    /// Hours are no unit there.
    None,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Seconds => "Seconds",
            Self::None => "None",
        }
    }
}

/// One figure.
pub(crate) type Figure = (&'static str, Unit, f64);

/// A count of things.
pub(crate) fn count(name: &'static str, things: usize) -> Figure {
    let things = u32::try_from(things).unwrap_or(u32::MAX);
    (name, Unit::Count, f64::from(things))
}

/// A state that is or is not: 1 or 0.
pub(crate) fn flag(name: &'static str, is: bool) -> Figure {
    (name, Unit::Count, f64::from(u8::from(is)))
}

/// The namespace of all figures.
pub(crate) const NAMESPACE: &str = "Rollcall";
/// The one dimension: which deployment.
pub(crate) const DIMENSION: &str = "Deployment";

/// The line for some figures.
fn line(deployment: &str, at: Timestamp, figures: &[Figure]) -> Value {
    let metrics: Vec<Value> = figures
        .iter()
        .map(|(name, unit, _)| json!({"Name": name, "Unit": unit.name()}))
        .collect();
    let mut line = json!({
        "_aws": {
            "Timestamp": at.as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [[DIMENSION]],
                "Metrics": metrics,
            }],
        },
        DIMENSION: deployment,
    });
    for (name, _, value) in figures {
        line[*name] = json!(value);
    }
    line
}

/// Says figures.
pub(crate) fn say(deployment: &str, at: Timestamp, figures: &[Figure]) {
    let line = line(deployment, at, figures);
    // A function whose log cannot be written has nobody to tell.
    let _gone = writeln!(std::io::stdout().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the specification asks of a line.
    #[test]
    fn a_line_is_what_the_specification_says() {
        let at: Timestamp = "2026-03-15T02:00:00Z".parse().unwrap();
        let figures = [count("OrdersSent", 3), flag("SourceStale", true)];
        let line = line("hr", at, &figures);
        assert_eq!(
            line,
            json!({
                "_aws": {
                    "Timestamp": 1_773_540_000_000_i64,
                    "CloudWatchMetrics": [{
                        "Namespace": "Rollcall",
                        "Dimensions": [["Deployment"]],
                        "Metrics": [
                            {"Name": "OrdersSent", "Unit": "Count"},
                            {"Name": "SourceStale", "Unit": "Count"},
                        ],
                    }],
                },
                "Deployment": "hr",
                "OrdersSent": 3.0,
                "SourceStale": 1.0,
            })
        );
    }
}
