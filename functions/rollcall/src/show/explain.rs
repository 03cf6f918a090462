//! An explanation as text: from what HR wrote to what the directory has, in that order.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use rollcall_core::mapping::expression::quoted;
use rollcall_core::mapping::{Apply, ExplainedAttribute, Made, Origin};
use rollcall_core::model::{Ending, Finding, Severity, Value};
use rollcall_core::state::{BlockCause, Lifecycle, Person};
use rollcall_pipeline::explain::{
    AccountSeen, ActionSeen, Delivery, Explanation, Hold, Planned, RowSeen, Standing,
};

/// Where the names of attributes end.
const WIDTH: usize = 26;

/// Everything about one worker.
pub(crate) fn explanation(it: &Explanation) -> String {
    let mut out = Text::default();
    out.line(0, &format!("worker {}", it.worker));
    match &it.delivery {
        Some(delivery) => place(&mut out, delivery),
        None => out.line(1, "HR has delivered nothing yet"),
    }
    known(&mut out, it.person.as_ref());
    account(&mut out, &it.account);
    if let Some(delivery) = &it.delivery {
        said(&mut out, delivery);
    }
    if let Some(plan) = &it.plan {
        actions(&mut out, plan, it.delivery.as_ref());
    }
    if let Some(delivery) = &it.delivery {
        for row in &delivery.rows {
            attributes(&mut out, row, delivery, &it.account);
        }
    }
    out.0
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, depth: usize, text: &str) {
        writeln!(self.0, "{:1$}{text}", "", depth * 2).expect("a String takes everything");
    }

    fn head(&mut self, text: &str) {
        self.0.push('\n');
        self.line(0, text);
    }

    /// A name and what belongs to it, in columns.
    fn pair(&mut self, name: &str, text: &str) {
        self.line(1, &format!("{name:<WIDTH$} {text}"));
    }
}

fn place(out: &mut Text, delivery: &Delivery) {
    let of = format!(
        "`{}` of {} (run {})",
        delivery.file, delivery.as_of, delivery.run
    );
    let rows: Vec<String> = delivery.rows.iter().map(|r| r.row.to_string()).collect();
    match (rows.as_slice(), &delivery.gone) {
        (_, Some(why)) => out.pair("HR data", &format!("{of}: {why}")),
        ([], None) => out.pair("HR data", &format!("in no row of {of}")),
        ([row], None) => out.pair("HR data", &format!("row {row} of {of}")),
        (several, None) => out.pair("HR data", &format!("rows {} of {of}", several.join(", "))),
    }
    if delivery.parked {
        out.pair(
            "",
            "this file is parked by a guard: nothing of it counts until people approve it",
        );
    }
}

fn known(out: &mut Text, person: Option<&Person>) {
    let Some(person) = person else {
        out.pair("Rollcall knows", "nobody of this key before this file");
        return;
    };
    let lifecycle = match person.lifecycle {
        Lifecycle::None => "no account that Rollcall made or took over".to_owned(),
        Lifecycle::Created => "an account, not yet enabled: the worker has not started".to_owned(),
        Lifecycle::Active => "an active account".to_owned(),
        Lifecycle::Blocked => match person.block {
            Some(block) => format!(
                "an account, blocked because {} (due {})",
                cause(block.cut.cause),
                block.cut.due
            ),
            None => "an account, blocked".to_owned(),
        },
    };
    out.pair("Rollcall knows", &lifecycle);
    if person.misses > 0 && person.lifecycle != Lifecycle::None {
        let misses = match person.misses {
            1 => "absent from the last full file; absent from the next one too, the account is cut",
            _ => "absent from two full files in a row",
        };
        out.pair("", misses);
    }
    if let Some(manager) = &person.manager {
        out.pair(
            "",
            &format!("the manager that was last written is worker {manager}"),
        );
    }
    if person.unfinished {
        out.pair(
            "",
            "something that was planned is not done; the next run plans it again",
        );
    }
    if person.held {
        out.pair(
            "",
            "something is kept back: by a guard, or because a row is held",
        );
    }
    if let Some(manager) = &person.waits_for {
        out.pair(
            "",
            &format!("the manager waits until worker {manager} has an account"),
        );
    }
    if let Some(due) = person.due {
        out.pair("", &format!("the next thing falls due {due}"));
    }
}

fn cause(cause: BlockCause) -> &'static str {
    match cause {
        BlockCause::Status => "the status said that the worker left",
        BlockCause::LastDay => "the last day of work had passed",
        BlockCause::Absence => "two full files in a row did not list the worker",
    }
}

fn account(out: &mut Text, seen: &AccountSeen) {
    let (accounts, when) = match seen {
        AccountSeen::Now { accounts } => (accounts, "now".to_owned()),
        AccountSeen::Then { why, at, accounts } => {
            out.pair("Entra", &format!("cannot be asked: {why}"));
            (accounts, format!("as a run read it for {at}"))
        }
        AccountSeen::Unknown { why } => {
            out.pair("Entra", &format!("cannot be asked: {why}"));
            return;
        }
    };
    if accounts.is_empty() {
        out.pair("Entra", &format!("no account ({when})"));
    }
    for account in accounts {
        let enabled = if account.enabled {
            "enabled"
        } else {
            "disabled"
        };
        let name = account.name.reveal();
        out.pair(
            "Entra",
            &format!("{name}, {enabled}, id {} ({when})", account.id),
        );
    }
    if accounts.len() > 1 {
        out.pair(
            "",
            "several accounts carry this key: nothing is done before it stands on one",
        );
    }
}

fn said(out: &mut Text, delivery: &Delivery) {
    for row in &delivery.rows {
        out.head(&format!("What row {} says", row.row));
        if row.held {
            out.line(
                1,
                "! the row cannot be read as it should: nothing in it is believed",
            );
        }
        for fact in &row.facts {
            let mut text = format!("{}  (column {})", quoted(&fact.cell), fact.column);
            if fact.name == "status" {
                write!(text, "  counts as {}", row.status).expect("a String takes everything");
            }
            out.pair(fact.name, &text);
        }
        if let Some(zone) = &row.zone
            && row.facts.iter().all(|fact| fact.name != "time zone")
        {
            out.pair("time zone", &format!("{zone}  (from the mapping)"));
        }
    }
    if delivery.findings.is_empty() {
        return;
    }
    out.head("What was odd");
    for finding in &delivery.findings {
        out.line(1, &odd(finding));
    }
    if delivery
        .findings
        .iter()
        .any(|f| f.severity == Severity::Held)
    {
        out.line(
            1,
            "The row is held: nothing is changed for this worker on its account, and the worker \
             counts as present.",
        );
    }
}

fn odd(finding: &Finding) -> String {
    let sign = match finding.severity {
        Severity::Held => '!',
        Severity::Warning => '~',
        Severity::Info => '·',
    };
    let row = finding.at.row.map(|row| format!("row {row}"));
    let column = finding.at.column.as_ref().map(|c| format!("column {c}"));
    let place: Vec<String> = row.into_iter().chain(column).collect();
    let place = if place.is_empty() {
        "the whole file".to_owned()
    } else {
        place.join(", ")
    };
    let kind = serde_json::to_value(finding.kind).expect("a kind is always JSON");
    format!(
        "{sign} {place}: {} ({})",
        finding.note,
        kind.as_str().unwrap_or_default()
    )
}

fn attributes(out: &mut Text, row: &RowSeen, delivery: &Delivery, seen: &AccountSeen) {
    if row.out_of_scope {
        out.head(&format!("Attributes of row {}", row.row));
        out.line(1, "none: the scope of the mapping leaves the row out");
        return;
    }
    let several = delivery.rows.len() > 1;
    let which = if several {
        format!(" of row {}", row.row)
    } else {
        String::new()
    };
    out.head(&format!(
        "Attributes{which}: the value, and how it comes about"
    ));
    for attribute in &row.attributes {
        one(out, attribute, row.row, seen);
    }
}

fn one(out: &mut Text, it: &ExplainedAttribute, row: u32, seen: &AccountSeen) {
    let value = match &it.made {
        Made::Set { value, .. } | Made::Default { value } => shown(value),
        Made::Cleared => "(cleared)".to_owned(),
        Made::Left { .. } => "(left as it is)".to_owned(),
        Made::Refused { .. } => "(no value: the row is held)".to_owned(),
    };
    out.pair(&it.target, &value);
    match &it.from {
        Origin::Column(column) => {
            let cell = it.cells.first().map_or("", |(_, cell)| cell.as_str());
            let cell = quoted(cell);
            out.line(3, &format!("row {row}, column {column}: {cell}"));
        }
        Origin::Constant(_) => out.line(3, "written so in the mapping"),
        Origin::Expression(source) => {
            let words: Vec<&str> = source.split_whitespace().collect();
            out.line(3, &format!("expression  {}", words.join(" ")));
            for (column, cell) in &it.cells {
                out.line(3, &format!("row {row}, column {column}: {}", quoted(cell)));
            }
            for step in &it.steps {
                out.line(4, &format!("{}  ->  {}", step.part, step.value));
            }
        }
    }
    match &it.made {
        Made::Set { others, .. } => {
            let others: Vec<&str> = others
                .iter()
                .map(rollcall_core::model::AccountName::reveal)
                .collect();
            if !others.is_empty() {
                out.line(3, &format!("where that is taken: {}", others.join(", ")));
            }
        }
        Made::Default { .. } => out.line(
            3,
            "there is no value: this is the default, written when the account is made",
        ),
        Made::Cleared => out.line(
            3,
            "there is no value, and the mapping says `clear_when_empty`",
        ),
        Made::Left { by_rule: true } => {
            out.line(3, "the expression leaves the attribute out of this row");
        }
        Made::Left { by_rule: false } => {
            out.line(3, "there is no value: what the directory has stays");
        }
        Made::Refused { note, .. } => out.line(3, &format!("! {note}")),
    }
    compared(out, it, seen);
}

/// What the directory has beside it.
fn compared(out: &mut Text, it: &ExplainedAttribute, seen: &AccountSeen) {
    let Some(account) = seen.one() else {
        return;
    };
    let has = account
        .attributes
        .get(&it.target)
        .cloned()
        .unwrap_or_default();
    let wanted = match &it.made {
        Made::Set { value, .. } => value.clone(),
        Made::Cleared => Value::Null,
        Made::Default { .. } | Made::Left { .. } | Made::Refused { .. } => {
            out.line(3, &format!("Entra has {}", shown(&has)));
            return;
        }
    };
    let same = has == wanted;
    let text = match (same, it.apply) {
        (true, _) => "Entra has the same".to_owned(),
        (false, Apply::Create) => format!(
            "Entra has {}; this attribute is written only when the account is made",
            shown(&has)
        ),
        (false, Apply::Always) => format!("Entra has {}: NOT the same", shown(&has)),
    };
    out.line(3, &text);
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Text(text) => quoted(text),
        Value::List(items) => match items.as_slice() {
            [] => "nothing".to_owned(),
            [only] => shown(only),
            several => {
                let several: Vec<String> = several.iter().map(shown).collect();
                format!("[{}]", several.join(", "))
            }
        },
        Value::Bool(_) | Value::Number(_) => rollcall_core::plan::plain(value),
    }
}

fn actions(out: &mut Text, plan: &Planned, delivery: Option<&Delivery>) {
    out.head("What was planned, and what came of it");
    let of = format!("run {}, planned for {}", plan.run, plan.now);
    if plan.delta.is_none() {
        out.line(1, &format!("nothing was to be done for this worker ({of})"));
        return;
    }
    match delivery {
        Some(delivery) if delivery.run != plan.run => out.line(
            1,
            &format!("nothing new since {of}: what that one planned is below"),
        ),
        Some(_) | None => out.line(1, &format!("by {of}")),
    }
    if let Some(why) = &plan.set_aside {
        out.line(1, &format!("! the run was set aside: {why}"));
    }
    let rows = delivery.map_or(&[][..], |delivery| delivery.rows.as_slice());
    let zone = rows.first().and_then(|row| row.zone.as_deref());
    let zone = zone.and_then(|name| jiff::tz::db().get(name).ok());
    for action in &plan.actions {
        carried(out, action, plan, zone.as_ref());
    }
}

fn carried(out: &mut Text, seen: &ActionSeen, plan: &Planned, zone: Option<&TimeZone>) {
    let action = &seen.action;
    let manager = match action.args.get("manager") {
        Some(manager) => format!(" {manager}"),
        None => String::new(),
    };
    let when = match (&action.after, action.due == jiff::Timestamp::MAX) {
        (Some(person), true) => format!("once {person} has an account"),
        _ => match zone {
            Some(zone) => {
                let there = action.due.to_zoned(zone.clone());
                let there = there.strftime("%Y-%m-%d %H:%M");
                let zone = zone.iana_name().unwrap_or_default();
                format!("due {} ({there} in {zone})", action.due)
            }
            None => format!("due {}", action.due),
        },
    };
    out.pair(&format!("{}{manager}", action.op), &when);
    let row = match action.source.row {
        Some(row) => format!("; row {row} of `{}`", action.source.file),
        None => String::new(),
    };
    out.line(
        3,
        &format!("because {} (rule {}){row}", seen.why, action.rule),
    );
    for (name, change) in &seen.values {
        let (before, after) = (shown(&change.before), shown(&change.after));
        let text = if change.before.is_null() {
            format!("{name}: {after}")
        } else {
            format!("{name}: {before} -> {after}")
        };
        out.line(4, &text);
    }
    match &seen.standing {
        Standing::Due => {}
        Standing::Scheduled => out.line(3, "not yet due when this was planned"),
        Standing::Held {
            by,
            guard,
            agreed,
            hold,
        } => {
            out.line(3, &format!("! kept back by guard {by}: {guard}"));
            for one in agreed {
                out.line(3, &format!("approved by {} at {}", one.by.0, one.at));
            }
            match hold {
                Hold::Released => {}
                Hold::Waits => out.line(
                    3,
                    &format!(
                        "it waits: rollcall approve {} --plan {} --guard {by} --reason TEXT",
                        plan.run, plan.plan_sha256
                    ),
                ),
                Hold::Void => out.line(3, "a newer plan decided anew: this one is void"),
            }
        }
    }
    match &seen.outcome {
        Some(outcome) => {
            let request = match &outcome.request_id {
                Some(id) => format!(", request id {id}"),
                None => String::new(),
            };
            let text = format!("{} at {}{request}", ending(&outcome.ending), outcome.at);
            out.line(3, &text);
        }
        None if seen.standing == Standing::Due => out.line(3, "nothing is on record of it yet"),
        None => {}
    }
}

fn ending(ending: &Ending) -> String {
    match ending {
        Ending::Done => "done".to_owned(),
        Ending::Already => "it was so already".to_owned(),
        Ending::Failed { code, hint } => format!("FAILED ({code}): {hint};"),
        Ending::Stale { why } => format!("not done, the account had changed: {why};"),
        Ending::Waiting { reason, until } => match until {
            Some(until) => format!("waits for {reason} until {until};"),
            None => format!("waits for {reason};"),
        },
        Ending::Held { by } => format!("kept back by {by}"),
        Ending::Unknown { hint } => format!("UNKNOWN: {hint};"),
    }
}
