//! Small charts of the page: bars with their numbers as text, drawn by the template as SVG.
//!
//! Invariant: each has a sentence that says the same, for whoever does not see it.

use serde::Serialize;
use serde_json::Value as Json;

use super::words::grouped;
use super::{OutcomeCounts, Report};

/// Height of one bar with its gap, and the width of the whole, in the chart's own units.
const BAR_STEP: usize = 26;
const WIDTH: f64 = 400.0;
/// Room of one letter; fonts differ, and a wide one has to find it enough.
const LETTER: f64 = 8.2;
/// Longer names are shortened in the drawing; the sentence has them whole.
const NAME_MAX: usize = 26;
/// More operations than this are drawn as one bar.
const OPS_DRAWN: usize = 12;

#[derive(Serialize)]
pub(super) struct Chart {
    /// Of the elements that name it.
    id: &'static str,
    title: &'static str,
    /// Every bar in words.
    text: String,
    across: f64,
    height: usize,
    /// Where names end, where bars begin.
    names: f64,
    start: f64,
    bars: Vec<Bar>,
}

#[derive(Serialize)]
struct Bar {
    name: String,
    count: String,
    /// A class of the style sheet.
    tone: &'static str,
    top: usize,
    width: f64,
    end: f64,
}

/// One bar before it is drawn.
struct Value {
    name: String,
    n: u64,
    tone: &'static str,
    /// Behind the number; may be empty.
    more: String,
}

impl Value {
    fn of(name: impl Into<String>, n: u64, tone: &'static str) -> Self {
        Self {
            name: name.into(),
            n,
            tone,
            more: String::new(),
        }
    }

    fn number(&self) -> String {
        format!("{}{}", grouped(self.n), self.more)
    }
}

/// `None` where every bar is zero.
fn chart(id: &'static str, title: &'static str, values: Vec<Value>) -> Option<Chart> {
    let most = values.iter().map(|it| it.n).max().filter(|n| *n > 0)?;
    let room = |longest: Option<usize>| (longest.unwrap_or_default() as f64 * LETTER).round();
    let names = values.iter().map(|it| it.name.chars().count());
    let start = room(names.map(|n| n.min(NAME_MAX)).max()) + 10.0;
    let numbers = values.iter().map(|it| it.number().len());
    let widest = (WIDTH - start - room(numbers.max()) - 8.0).max(WIDTH / 5.0);
    let said: Vec<String> = values
        .iter()
        .map(|it| format!("{} {}", it.name, it.number()))
        .collect();
    let bars = values.into_iter().enumerate().map(|(i, value)| {
        let (n, count) = (value.n, value.number());
        // One among thousands still shows.
        let width = n as f64 / most as f64 * widest;
        let width = if n == 0 { 0.0 } else { width.max(2.0) };
        let width = (width * 10.0).round() / 10.0;
        Bar {
            name: short(value.name),
            count,
            tone: value.tone,
            top: i * BAR_STEP,
            width,
            end: ((start + width + 7.0) * 10.0).round() / 10.0,
        }
    });
    let bars: Vec<Bar> = bars.collect();
    Some(Chart {
        id,
        title,
        text: said.join(", "),
        across: WIDTH,
        height: bars.len() * BAR_STEP,
        names: start - 8.0,
        start: start + 1.0,
        bars,
    })
}

fn short(name: String) -> String {
    if name.chars().count() <= NAME_MAX {
        return name;
    }
    let mut start: String = name.chars().take(NAME_MAX - 1).collect();
    start.push('…');
    start
}

/// What an ending means, and the status it has in the table of changes.
pub(super) fn endings(o: &OutcomeCounts) -> [(&'static str, u32, &'static str); 8] {
    [
        ("done", o.done, "written"),
        ("already", o.already, "was so already"),
        ("failed", o.failed, "the target refused"),
        ("stale", o.stale, "somebody changed it in between"),
        ("waiting", o.waiting, "comes back by itself"),
        ("held", o.held, "kept back by a guard"),
        ("unknown", o.unknown, "a person has to look"),
        ("open", o.open, "nothing is on record"),
    ]
}

pub(super) fn outcomes(report: &Report) -> Option<Chart> {
    let values = endings(&report.outcomes).map(|(name, n, _)| {
        let tone = match name {
            "done" | "already" => "good",
            "failed" | "stale" | "unknown" => "stop",
            _ => "wait",
        };
        Value::of(name, u64::from(n), tone)
    });
    chart("chart-outcomes", "Actions by how they ended", values.into())
}

pub(super) fn operations(report: &Report) -> Option<Chart> {
    let mut due: Vec<(&String, &u32)> = report.counts.actions.iter().collect();
    due.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let drawn = due.iter().take(OPS_DRAWN);
    let mut values: Vec<Value> = drawn
        .map(|(op, n)| Value::of(*op, u64::from(**n), "plain"))
        .collect();
    let rest = due.get(OPS_DRAWN..).unwrap_or_default();
    if !rest.is_empty() {
        let count = rest.iter().map(|(_, n)| u64::from(**n)).sum();
        values.push(Value::of(format!("{} others", rest.len()), count, "plain"));
    }
    chart("chart-operations", "Actions due now, by operation", values)
}

/// Upper bounds of the bars of lateness, in seconds.
const LATE_UP_TO: [(i64, &str); 6] = [
    (60, "up to 1 min"),
    (300, "1 to 5 min"),
    (900, "5 to 15 min"),
    (3_600, "15 min to 1 h"),
    (14_400, "1 to 4 h"),
    (86_400, "4 h to 1 d"),
];

/// Each disable stands in one bar: the first that it fits in.
pub(super) fn lateness(report: &Report) -> Option<Chart> {
    let mut counts = [0_u64; LATE_UP_TO.len() + 1];
    for late in report.changes.iter().filter_map(|c| c.lateness_seconds) {
        let bar = LATE_UP_TO.iter().position(|(up_to, _)| late <= *up_to);
        counts[bar.unwrap_or(LATE_UP_TO.len())] += 1;
    }
    let names = LATE_UP_TO.iter().map(|(_, name)| *name).chain(["over 1 d"]);
    let mut values: Vec<Value> = names
        .zip(counts)
        .map(|(name, n)| Value::of(name, n, "plain"))
        .collect();
    let open = u64::from(report.lateness.open);
    values.push(Value::of("not disabled yet", open, "stop"));
    let title = "Accounts by time from due to disabled";
    chart("chart-lateness", title, values)
}

/// What was taken of each quota of the target, where its connector counts in `buckets`.
pub(super) fn quotas(report: &Report) -> Option<Chart> {
    let buckets = report.target.get("buckets")?.as_object()?;
    let of = |bucket: &Json, name: &str| bucket.get(name).and_then(Json::as_u64);
    let values = buckets.iter().filter_map(|(name, bucket)| {
        let units = of(bucket, "units")?;
        let throttled = of(bucket, "throttled").unwrap_or_default();
        let mut value = Value::of(name.replace('_', " "), units, "plain");
        if throttled > 0 {
            value.tone = "wait";
            value.more = format!(", throttled {}×", grouped(throttled));
        }
        Some(value)
    });
    let title = "Units taken of each quota";
    chart("chart-quotas", title, values.collect())
}
