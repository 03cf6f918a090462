//! How fast the mapping language is: all expressions of the shipped Workday mapping for one worker
//! count as one, on one core; three of them against Rust written by hand for the same.
//!
//! `cargo bench --bench mapping`; `ROLLCALL_BENCH_ROWS` says how many workers (1,000,000).

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures, and a failed unwrap ends it"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use rollcall_core::mapping::expression::{EvalContext, Evaluated, Expression, Input, Lookup};
use rollcall_core::model::Value;
use rollcall_tests::crowd::rows;

const MAPPING: &str = include_str!("../../mappings/workday/mapping.toml");

/// Invented people, over and over.
const FIRST: [&str; 8] = [
    "Ana",
    "Zoë Anne",
    "Björn",
    "José",
    "Maximiliana",
    "Bo",
    "Wei",
    "Łucja",
];
const LAST: [&str; 7] = [
    "Ruiz",
    "Peña Nieto",
    "O'Neill",
    "Lind-Åsen",
    "Li",
    "Müller",
    "van der Hof",
];

struct Row([(&'static str, String); 4]);

fn row(n: usize) -> Row {
    Row([
        ("FirstName", FIRST[n % FIRST.len()].to_owned()),
        ("LastName", LAST[n % LAST.len()].to_owned()),
        (
            "StatusHireDate",
            format!("20{:02}-{:02}-{:02}", n % 26, 1 + n % 12, 1 + n % 28),
        ),
        (
            "LocalReference",
            ["en_US", "de_DE", "nb_NO"][n % 3].to_owned(),
        ),
    ])
}

struct Cells<'r> {
    row: &'r Row,
    slots: &'r [usize],
}

impl Lookup for Cells<'_> {
    fn get(&self, slot: usize) -> Input<'_> {
        Input::Text(&self.row.0[self.slots[slot]].1)
    }
}

struct Bound {
    target: String,
    expression: Expression,
    slots: Vec<usize>,
}

fn bound() -> Vec<Bound> {
    let file: toml::Table = MAPPING.parse().unwrap();
    let names = row(0).0.map(|(name, _)| name);
    let mut out = Vec::new();
    for attribute in file["attribute"].as_array().unwrap() {
        let Some(text) = attribute.get("expression").and_then(|e| e.as_str()) else {
            continue;
        };
        let expression = Expression::compile(text).unwrap();
        let place = |name: &String| names.iter().position(|known| known == name).unwrap();
        let slots = expression.attributes().iter().map(place).collect();
        out.push(Bound {
            target: attribute["target"].as_str().unwrap().to_owned(),
            expression,
            slots,
        });
    }
    out
}

fn evaluate(bound: &Bound, row: &Row, context: &EvalContext<'_>) -> Evaluated {
    let cells = Cells {
        row,
        slots: &bound.slots,
    };
    bound.expression.evaluate(&cells, context).unwrap()
}

/// What the three expressions do, as somebody would write it for this alone.
fn by_hand(target: &str, row: &Row) -> String {
    let [(_, first), (_, last), (_, hired), (_, language)] = &row.0;
    match target {
        "preferredLanguage" => language.replace('_', "-"),
        "employeeHireDate" => {
            let day: Date = hired[..10].parse().unwrap();
            let minutes: i64 =
                hired[11..13].parse::<i64>().unwrap() * 60 + hired[14..16].parse::<i64>().unwrap();
            let sign = if &hired[10..11] == "-" { 1 } else { -1 };
            let moved = day
                .at(0, 0, 0, 0)
                .checked_add(jiff::SignedDuration::from_mins(sign * minutes))
                .unwrap();
            format!("{}Z", moved.strftime("%Y-%m-%dT%H:%M:%S"))
        }
        "mailNickname" => {
            let mut out = String::new();
            for c in first
                .chars()
                .chain(std::iter::once('.'))
                .chain(last.chars())
            {
                let c = match c {
                    'ö' => 'o',
                    'ë' | 'é' => 'e',
                    'ñ' => 'n',
                    'Å' => 'A',
                    'ü' => 'u',
                    'Ł' => 'L',
                    other => other,
                };
                if c.is_ascii_alphanumeric() || "._-".contains(c) {
                    out.push(c);
                }
            }
            out.truncate(20);
            out.truncate(out.trim_end_matches('.').len());
            out
        }
        other => panic!("{other} is not one of the three"),
    }
}

fn took(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

fn main() {
    let bound = bound();
    let people: Vec<Row> = (0..5_000).map(row).collect();
    let context = EvalContext {
        default_domain: Some("woodgrove.example"),
        ..EvalContext::at("2026-03-16T02:00:00Z".parse().unwrap())
    };
    let count = rows();
    let all = took(|| {
        for n in 0..count {
            let row = &people[n % people.len()];
            for one in &bound {
                black_box(evaluate(one, row, &context));
            }
        }
    });
    println!(
        "{count} workers, {} expressions each: {:.2} s, {:.0} workers a second",
        bound.len(),
        all.as_secs_f64(),
        count as f64 / all.as_secs_f64()
    );
    let mut sums = [0.0; 2];
    for target in ["preferredLanguage", "employeeHireDate", "mailNickname"] {
        let one = bound.iter().find(|b| b.target == target).unwrap();
        for row in &people {
            let Evaluated::Value(Value::Text(ours)) = evaluate(one, row, &context) else {
                panic!("{target} gives no text")
            };
            assert_eq!(ours, by_hand(target, row), "{target}");
        }
        let ours = took(|| {
            for n in 0..count {
                black_box(evaluate(one, &people[n % people.len()], &context));
            }
        });
        let hand = took(|| {
            for n in 0..count {
                black_box(by_hand(target, &people[n % people.len()]));
            }
        });
        sums[0] += ours.as_secs_f64();
        sums[1] += hand.as_secs_f64();
        println!(
            "{target}: {:.0} ns, by hand {:.0} ns: {:.1} times",
            ours.as_secs_f64() * 1e9 / count as f64,
            hand.as_secs_f64() * 1e9 / count as f64,
            ours.as_secs_f64() / hand.as_secs_f64()
        );
    }
    println!(
        "all three: {:.1} times what they take by hand (limit 5)",
        sums[0] / sums[1]
    );
}
