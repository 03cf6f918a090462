//! `rule`: whether a dynamic membership rule holds for somebody, or many of them; `rule lint`: what is
//! odd about a rule.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use rollcall_core::groups::unpredictable;
use rollcall_core::rules::lint::{Advice, Level, Repair, lint as look_at};
use rollcall_core::rules::{Assumption, Rule, RuleError, Subject, Unknown, Verdict, Vocabulary};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::pass::with;
use super::vectors;
use crate::args::{Membership, RuleLint, RuleMembers, RuleWhat, Rules};
use crate::exit::Exit;
use crate::printer::Printer;
use crate::show::visible;
use crate::wiring::Wrap;

/// A rule and somebody: a vector is one, and so are the flags.
#[derive(Deserialize)]
struct Case {
    rule: String,
    subject: Json,
    now: Option<Timestamp>,
}

/// What came out of a case.
enum Outcome {
    Said {
        verdict: Verdict,
        assumptions: Vec<Assumption>,
        /// When the answer is another one, if nothing changes but the time.
        flips: Option<Timestamp>,
    },
    Unknown(Unknown),
    Wrong(RuleError),
}

pub(crate) fn rule(args: &Rules, printer: &Arc<Printer>, wrap: &dyn Wrap) -> anyhow::Result<Exit> {
    match &args.what {
        Some(RuleWhat::Lint(args)) => lint(args, printer),
        Some(RuleWhat::Members(args)) => members(args, printer, wrap),
        None => membership(&args.membership, printer),
    }
}

fn membership(args: &Membership, printer: &Printer) -> anyhow::Result<Exit> {
    if let Some(path) = &args.vectors {
        return many(path, printer);
    }
    let subject = args.subject.as_deref().unwrap_or(Path::new("-"));
    let case = Case {
        rule: args.rule.clone().unwrap_or_default(),
        subject: vectors::json(subject, "subject")?,
        now: args.now,
    };
    let outcome = outcome(case.subject, &case.rule, case.now)
        .map_err(anyhow::Error::msg)
        .with_context(|| subject.display().to_string())?;
    if printer.answers_json(args.text) {
        let mut out = outcome.json();
        out["format_version"] = json!(1);
        outcome.more(&mut out);
        printer.json(&out);
    } else {
        match outcome.text() {
            Ok(text) => printer.data(&text),
            Err(error) => printer.error(&error),
        }
    }
    Ok(match outcome {
        Outcome::Said { .. } => Exit::Done,
        Outcome::Unknown(_) | Outcome::Wrong(_) => Exit::Flawed,
    })
}

/// A line of JSON for each vector of a file: what came out, and no judgement.
fn many(path: &Path, printer: &Printer) -> anyhow::Result<Exit> {
    vectors::answer(path, printer, |_, case: Case| {
        outcome(case.subject, &case.rule, case.now).map(|it| it.json())
    })
}

/// What comes out of a case.
///
/// # Errors
///
/// The subject is none.
fn outcome(subject: Json, rule: &str, given: Option<Timestamp>) -> Result<Outcome, String> {
    let subject = Subject::from_json(subject)?;
    let rule = match Rule::compile(rule, Vocabulary::Entra) {
        Ok(rule) => rule,
        Err(error) => return Ok(Outcome::Wrong(error)),
    };
    let now = given.or_else(|| rule.reads_clock().then(Timestamp::now));
    let said = || {
        let verdict = rule.evaluate(&subject, now)?;
        let assumptions = rule.assumptions(&subject, now)?;
        let flips = match now {
            Some(now) => rule.next_flip(&subject, now)?,
            None => None,
        };
        Ok(Outcome::Said {
            verdict,
            assumptions,
            flips,
        })
    };
    Ok(said().unwrap_or_else(Outcome::Unknown))
}

impl Outcome {
    fn json(&self) -> Json {
        match self {
            Self::Said { verdict, .. } => match verdict {
                Verdict::Member(member) => json!({"member": member}),
                Verdict::Frozen => json!({"member": null, "frozen": true}),
            },
            Self::Unknown(unknown) => {
                json!({"error": {"kind": "unknown", "message": unknown.to_string()}})
            }
            Self::Wrong(error) => wrong(error),
        }
    }

    /// What one who asks about one rule wants to know beside the answer.
    fn more(&self, out: &mut Json) {
        let Self::Said {
            assumptions, flips, ..
        } = self
        else {
            return;
        };
        if !assumptions.is_empty() {
            out["assumptions"] = assumptions.iter().map(|a| a.name()).collect();
        }
        if let Some(flips) = flips {
            out["flips"] = json!(flips.to_string());
        }
    }

    /// As people read it.
    fn text(&self) -> Result<String, String> {
        let (verdict, assumptions, flips) = match self {
            Self::Said {
                verdict,
                assumptions,
                flips,
            } => (verdict, assumptions, flips),
            Self::Unknown(unknown) => return Err(format!("unknown: {unknown}")),
            Self::Wrong(error) => return Err(format!("{}: {error}", error.kind)),
        };
        let mut out = match verdict {
            Verdict::Member(true) => "member\n",
            Verdict::Member(false) => "not a member\n",
            Verdict::Frozen => {
                "frozen: memberOf has ended; whoever is a member stays one, and nobody becomes one\n"
            }
        }
        .to_owned();
        for assumption in assumptions {
            out.push_str(match assumption {
                Assumption::NullComplement => {
                    "assumed (null-complement): a negated comparison holds for a property without \
                     a value; Microsoft does not say\n"
                }
            });
        }
        if let Some(flips) = flips {
            out.push_str("until ");
            out.push_str(&flips.to_string());
            out.push_str(", if nothing changes but the time\n");
        }
        Ok(out)
    }
}

fn wrong(error: &RuleError) -> Json {
    let mut out = json!({"error": {
        "kind": error.kind.name(),
        "message": error.message,
        "at": {"line": error.line, "column": error.column},
    }});
    if let Some(hint) = &error.hint {
        out["error"]["hint"] = json!(hint);
    }
    out
}

/// Who is in a rule, by the state.
fn members(args: &RuleMembers, printer: &Arc<Printer>, wrap: &dyn Wrap) -> anyhow::Result<Exit> {
    let rule = match Rule::compile(&args.rule, Vocabulary::Entra) {
        Ok(rule) => rule,
        Err(error) => {
            printer.error(&format!("{}: {error}", error.kind));
            return Ok(Exit::CouldNotRun);
        }
    };
    if let Some(why) = unpredictable(&rule) {
        printer.error(&format!("nobody can say who is in it: {why}"));
        return Ok(Exit::CouldNotRun);
    }
    with(&args.at, printer, wrap, async |pipeline, now| {
        let came = pipeline.members(&rule, now).await?;
        if printer.json {
            let mut out = serde_json::to_value(&came).expect("members are always JSON");
            out["format_version"] = json!(1);
            printer.json(&out);
        } else {
            for worker in &came.members {
                printer.data(&format!("{worker}\n"));
            }
            printer.say(&format!(
                "{} of {} workers with an account",
                came.members.len(),
                came.of
            ));
            for property in &came.unread {
                printer.say(&format!(
                    "the state knows nothing of {property}: nobody has it here"
                ));
            }
            if !came.unknown.is_empty() {
                printer.say(&format!("of {} nobody can say", came.unknown.len()));
            }
        }
        Ok(Exit::Done)
    })
}

/// A rule to look at: a vector is one, and so is the flag.
#[derive(Deserialize)]
struct Looked {
    rule: String,
}

fn lint(args: &RuleLint, printer: &Printer) -> anyhow::Result<Exit> {
    let now = Some(args.now.unwrap_or_else(Timestamp::now));
    let Some(path) = &args.vectors else {
        let rule = args.rule.clone().unwrap_or_default();
        let advice = look_at(&rule, Vocabulary::Entra, now);
        if printer.answers_json(args.text) {
            let mut out = advised(&advice);
            out["format_version"] = json!(1);
            printer.json(&out);
        } else {
            match &advice {
                Ok(advice) => printer.data(&words(advice)),
                Err(error) => printer.error(&format!("{}: {error}", error.kind)),
            }
        }
        return Ok(match advice {
            Ok(advice) if advice.remarks.iter().all(|it| it.level == Level::Info) => Exit::Done,
            Ok(_) | Err(_) => Exit::Flawed,
        });
    };
    vectors::answer(path, printer, |_, case: Looked| {
        Ok(advised(&look_at(&case.rule, Vocabulary::Entra, now)))
    })
}

fn advised(advice: &Result<Advice, RuleError>) -> Json {
    let advice = match advice {
        Ok(advice) => advice,
        Err(error) => return wrong(error),
    };
    let lints: Vec<&str> = advice.lints().iter().map(|lint| lint.name()).collect();
    let remarks = advice.remarks.iter().map(|it| {
        json!({
            "lint": it.lint.name(), "level": it.level.name(), "part": it.part,
            "message": it.lint.message(),
        })
    });
    let review = advice
        .review
        .iter()
        .map(|it| json!({"name": it.name, "part": it.part, "message": it.message}));
    let suggestion = advice.suggestion.as_ref();
    json!({
        "lint": lints,
        "suggest": suggestion.map(|it| &it.rule),
        "kind": suggestion.map(|it| it.repair.name()),
        "remarks": remarks.collect::<Vec<_>>(),
        "review": review.collect::<Vec<_>>(),
    })
}

fn words(advice: &Advice) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    let mut say = |head: &str, name: &str, part: &str, message: &str| {
        let part = match part {
            "" => String::new(),
            part => format!("\n    {}", visible(part)),
        };
        writeln!(out, "{head}: {message} ({name}){part}").expect("a String takes everything");
    };
    for it in &advice.remarks {
        say(it.level.name(), it.lint.name(), &it.part, it.lint.message());
    }
    for it in &advice.review {
        say("review", it.name, &it.part, it.message);
    }
    if let Some(suggestion) = &advice.suggestion {
        let what = match suggestion.repair {
            Repair::Equivalent => "the same members",
            Repair::Fix => "most likely what was meant; other members",
        };
        writeln!(out, "instead, {what}:\n    {}", suggestion.rule)
            .expect("a String takes everything");
    }
    if out.is_empty() {
        out.push_str("nothing is odd\n");
    }
    out
}
