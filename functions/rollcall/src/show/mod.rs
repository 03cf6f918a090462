//! Text for people: one value in, one text out; nothing is computed that the value does not say.

pub(crate) mod compare;
pub(crate) mod explain;
mod reconcile;

use std::fmt::Write as _;

use rollcall_core::groups::Shape;
use rollcall_core::guards;
use rollcall_core::plan::{
    Action, ActionValues, GroupCounts, GuardVerdict, LicenceCounts, PlanSummary, Verdict,
    WorkOrder, plain,
};
use rollcall_core::policy::Reason;
use rollcall_core::report::Report;
use rollcall_pipeline::status::{Overdue, SourceStatus, Status, Why};

pub(crate) use self::reconcile::reconciliation;

/// Orders that a diff shows in full; the rest is in `plan.jsonl`, and in `--json`.
pub(crate) const ORDERS_SHOWN: usize = 200;

/// People past due whom a status shows; more are in `--json`.
const OVERDUE_SHOWN: usize = 50;

/// How much of an action's id is shown: enough for `approve --action`.
const ID_SHOWN: usize = 14;

fn verdict(plan: &PlanSummary) -> &'static str {
    let undo = |guard: &GuardVerdict| guard.tripped && guard.name == guards::UNDO;
    match plan.verdict {
        Verdict::Ready => "ready",
        Verdict::PartHeld => "part held: the rest goes",
        Verdict::Held if plan.guards.iter().any(undo) => {
            "HELD: nothing is taken back until the undo is approved"
        }
        Verdict::Held => "HELD: nothing goes until the intake is approved",
        Verdict::Empty => "empty: nothing to do",
    }
}

pub(crate) fn tally(map: &std::collections::BTreeMap<String, u32>) -> String {
    let parts: Vec<String> = map.iter().map(|(op, n)| format!("{op} {n}")).collect();
    if parts.is_empty() {
        "none".to_owned()
    } else {
        parts.join(" · ")
    }
}

/// The numbers of a plan.
pub(crate) fn counts(plan: &PlanSummary, run: &str) -> String {
    let plan_sha256 = &plan.plan_sha256[..12.min(plan.plan_sha256.len())];
    numbers(plan, format!("plan {plan_sha256}  (run {run})\n"))
}

/// The numbers of a plan under a title.
fn numbers(plan: &PlanSummary, title: String) -> String {
    let c = &plan.counts;
    let mut out = title;
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!("  verdict    {}", verdict(plan)));
    line(format!(
        "  rows       {} rows, {} workers, {} unchanged, {} rows held",
        c.rows, c.workers, c.unchanged, c.held
    ));
    line(format!(
        "  people     {} joiners, {} movers, {} leavers, {} rehires, {} other updates",
        c.joiners, c.movers, c.leavers, c.rehires, c.updates
    ));
    line(format!("  due now    {}", tally(&c.actions)));
    line(format!("  later      {}", tally(&c.scheduled)));
    if !c.held_actions.is_empty() {
        line(format!("  kept back  {}", tally(&c.held_actions)));
    }
    if !c.groups.is_empty() {
        line(format!("  groups     {}", groups(&c.groups)));
    }
    for (licence, n) in &c.licences {
        line(format!("  licence    {licence} {}", seats(n)));
    }
    if c.findings > 0 {
        line(format!("  findings   {}", c.findings));
    }
    for guard in plan.guards.iter().filter(|g| g.tripped) {
        line(format!("  guard      {}: {}", guard.name, guard.why));
    }
    if plan.forecast.calls > 0 {
        line(format!(
            "  forecast   {} calls, {:.0} s ({} binds)",
            plan.forecast.calls, plan.forecast.seconds, plan.forecast.bucket
        ));
    }
    out
}

/// A text of a configuration on one line of a terminal: what a terminal would obey is written out,
/// and so is what nobody sees.
pub(crate) fn visible(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().fold(String::new(), |mut out, c| {
        match c {
            '\n' | '\t' => out.push(' '),
            c if hidden(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
        out
    })
}

/// What becomes of the seats of a licence.
fn seats(counts: &LicenceCounts) -> String {
    let mut out = String::new();
    for (sign, count) in [('+', counts.gains), ('-', counts.losses)] {
        if count > 0 {
            write!(out, "{sign}{count} ").expect("a String takes everything");
        }
    }
    let end = match (counts.free, counts.short()) {
        (None, _) => "· nobody knows how many seats are free".to_owned(),
        (Some(free), 0) => format!("· {free} seats free"),
        (Some(free), short) => format!("· {free} seats free: {short} short"),
    };
    out + &end
}

/// The groups of which most becomes, with how many come in, go out, and stay though they are cut
/// off.
fn groups(all: &std::collections::BTreeMap<String, GroupCounts>) -> String {
    const SHOWN: usize = 6;
    let mut groups: Vec<(&String, &GroupCounts)> = all.iter().collect();
    groups.sort_by_key(|(_, n)| std::cmp::Reverse(n.enters + n.leaves + n.stays));
    let shown = groups.iter().take(SHOWN).map(|(key, n)| {
        let parts = [("+", n.enters), ("-", n.leaves), ("stay ", n.stays)];
        let parts = parts.iter().filter(|(_, n)| *n > 0);
        let parts: Vec<String> = parts.map(|(sign, n)| format!("{sign}{n}")).collect();
        format!("{key} {}", parts.join(" "))
    });
    let mut out = shown.collect::<Vec<_>>().join(" · ");
    if groups.len() > SHOWN {
        write!(out, " · and {} more", groups.len() - SHOWN).expect("a String takes everything");
    }
    out
}

/// What came of a run, and where the report is.
/// `place` is where the store lies.
pub(crate) fn summary(report: &Report, place: &str) -> String {
    let plan = PlanSummary {
        format_version: report.format_version,
        now: report.now,
        plan_sha256: report.plan_sha256.clone(),
        actions_sha256: report.actions_sha256.clone(),
        verdict: report.verdict,
        inputs: rollcall_core::plan::Inputs {
            intake_sha256: None,
            mapping_sha256: String::new(),
            sources_sha256: None,
            policy_sha256: String::new(),
            groups_sha256: None,
            undo_sha256: None,
            texts_sha256: None,
            notices_sha256: None,
            state_sha256: String::new(),
            tenant_sha256: String::new(),
            tzdb: String::new(),
        },
        counts: report.counts.clone(),
        guards: report.guards.clone(),
        forecast: report.forecast.clone(),
    };
    let mut out = counts(&plan, report.run.as_str());
    let o = &report.outcomes;
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!(
        "  applied    {} done, {} already so, {} failed, {} stale, {} waiting, {} held, {} unknown",
        o.done, o.already, o.failed, o.stale, o.waiting, o.held, o.unknown
    ));
    for hold in &report.holds {
        line(format!(
            "  waits      {}: {} people. {}",
            hold.by, hold.persons, hold.approve
        ));
    }
    line(format!(
        "  report     {place}/runs/{}/report/report.html",
        report.run
    ));
    out
}

/// A plan as a diff that a person can review: `+` comes, `~` changes, `-` is taken away,
/// `!` is kept back, `…` comes later.
pub(crate) fn diff(
    plan: &PlanSummary,
    run: &str,
    orders: &[(WorkOrder, Vec<ActionValues>)],
    count: usize,
) -> String {
    all_orders(orders, count) + &counts(plan, run)
}

/// What a release to come plans, as [`diff`] shows what is planned now: there is no run.
pub(crate) fn diff_ahead(
    plan: &PlanSummary,
    orders: &[(WorkOrder, Vec<ActionValues>)],
    count: usize,
) -> String {
    let title = format!("the plan of {}  (not made yet)\n", plan.now);
    all_orders(orders, count) + &numbers(plan, title)
}

fn all_orders(orders: &[(WorkOrder, Vec<ActionValues>)], count: usize) -> String {
    let mut out = String::new();
    for (order, values) in orders {
        write_order(&mut out, order, values);
    }
    if count > orders.len() {
        let more = count - orders.len();
        writeln!(out, "... and {more} more people (--json has them all)\n")
            .expect("a String takes everything");
    }
    out
}

fn write_order(out: &mut String, order: &WorkOrder, values: &[ActionValues]) {
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    let delta = serde_json::to_value(order.delta).expect("a delta is always JSON");
    match &order.group {
        Some(shape) => line(format!(
            "group {} ({})",
            shape.key,
            visible(&shape.wanted.name)
        )),
        None => line(format!(
            "{} ({})",
            order.person,
            delta.as_str().unwrap_or_default()
        )),
    }
    let mut show = |sign: char, action: &Action, tail: String| {
        let row = action
            .source
            .row
            .map_or_else(String::new, |r| format!(", row {r}"));
        let manager = object_of(action);
        let account = match (&action.reason, &order.object) {
            (Reason::Matched { .. }, Some(object)) => format!(", account {object}"),
            _ => String::new(),
        };
        line(format!(
            "  {sign} {}{manager}  {}{row}{account}{tail}",
            action.op,
            action.reason.words()
        ));
        for value in values.iter().filter(|v| v.id == action.id) {
            for (name, after) in &value.after {
                match value.before.get(name).filter(|b| !b.is_null()) {
                    Some(before) => {
                        line(format!(
                            "      {name}: {} -> {}",
                            plain(before),
                            plain(after)
                        ));
                    }
                    None => line(format!("      {name}: {}", plain(after))),
                }
            }
        }
    };
    for action in &order.actions {
        show(sign(action), action, String::new());
    }
    for action in &order.scheduled {
        let when = if action.due == jiff::Timestamp::MAX {
            let person = action
                .after
                .as_ref()
                .map_or("another person", |p| p.as_str());
            format!(", waits until {person} has an account")
        } else {
            format!(", due {}", action.due)
        };
        show('…', action, when);
    }
    for held in &order.held {
        for action in &held.actions {
            let id: String = action.id.as_str().chars().take(ID_SHOWN).collect();
            show('!', action, format!(", kept back by {} ({id})", held.by));
        }
    }
    for (sign, crossed) in [('+', &order.impact.enters), ('-', &order.impact.leaves)] {
        for it in crossed {
            let because = match it.because.as_slice() {
                [] => String::new(),
                names => format!("  {} changes", names.join(", ")),
            };
            let assumes = match it.assumes.as_slice() {
                [] => String::new(),
                assumes => format!(", assuming {}", assumes.join(", ")),
            };
            line(format!("    group {sign} {}{because}{assumes}", it.group));
        }
    }
    for (sign, licences) in [('+', &order.impact.gains), ('-', &order.impact.losses)] {
        for licence in licences {
            line(format!("    licence {sign} {licence}"));
        }
    }
    if let Some(shape) = &order.group {
        shape_lines(shape, &mut line);
    }
    for key in &order.impact.stays {
        line(format!(
            "    group = {key}  stays in it: its rule holds all the same"
        ));
    }
    for key in &order.impact.unknown {
        line(format!(
            "    group ? {key}  nobody can say: `rule` says why"
        ));
    }
    line(String::new());
}

/// Rules before and after, and whom the change moves.
fn shape_lines(shape: &Shape, line: &mut impl FnMut(String)) {
    let before = shape.before.as_ref().and_then(|seen| seen.rule.as_deref());
    let rule = shape.wanted.rule.as_deref();
    match (before, rule) {
        (Some(before), Some(rule)) if before != rule => {
            line(format!("      rule: {}", visible(before)));
            line(format!("         -> {}", visible(rule)));
        }
        (None, Some(rule)) => line(format!("      rule: {}", visible(rule))),
        (_, None) | (Some(_), Some(_)) => {}
    }
    if let Some(moves) = &shape.moves {
        let unknown = match moves.unknown {
            0 => String::new(),
            unknown => format!(", of {unknown} nobody can say"),
        };
        line(format!(
            "      of those whom the state knows {} come in, {} go out{unknown}",
            moves.enters, moves.leaves
        ));
    }
}

/// What an action is about beside its person: a manager, a group, a licence.
pub(crate) fn object_of(action: &Action) -> String {
    if let (true, Some(asset), Some(id), Some(heir)) = (
        action.op.hands_over(),
        action.args.get("asset"),
        action.args.get("id"),
        action.args.get("heir"),
    ) {
        return format!(" {asset} {id} to {heir}");
    }
    let names = ["manager", "group", "licence", "role", "app", "device"];
    let mut objects = names.iter().filter_map(|name| action.args.get(*name));
    match objects.next() {
        Some(object) if !action.op.shapes() => format!(" {object}"),
        _ => String::new(),
    }
}

fn sign(action: &Action) -> char {
    use rollcall_core::model::Op;
    match action.op {
        Op::UserCreate
        | Op::UserEnable
        | Op::UserRestore
        | Op::GroupAdd
        | Op::LicenceAssign
        | Op::GroupCreate
        | Op::TapIssue
        | Op::RoleAdd
        | Op::OwnerAdd
        | Op::SponsorAdd => '+',
        Op::UserUpdate
        | Op::UserSetManager
        | Op::UserClearManager
        | Op::ReportHandOver
        | Op::GroupUpdate
        | Op::GroupLicense
        | Op::UserResetPassword
        | Op::NotifyManager
        | Op::NotifyWelcome
        | Op::NotifySecurity
        | Op::TaskManual
        | Op::DeviceEscrowCheck
        | Op::UserProof => '~',
        Op::UserDisable
        | Op::UserRevokeSessions
        | Op::UserDeleteSoft
        | Op::GroupRemove
        | Op::LicenceRemove
        | Op::AuthMethodsRemove
        | Op::RoleRemove
        | Op::AppRoleRemove
        | Op::DeviceDisable
        | Op::DeviceRetire
        | Op::DeviceWipe
        | Op::DeviceRemoveUser
        | Op::DeviceDeleteEntra
        | Op::AppSelectiveWipe => '-',
    }
}

/// How one of several sources stands.
fn one_source(it: &SourceStatus) -> String {
    let name = &it.source;
    match it.age_hours {
        None => format!("{name}: STALE: nothing was ever accepted"),
        Some(age) => {
            let stale = if it.stale { "STALE: " } else { "" };
            let rows = it.rows.unwrap_or_default();
            format!("{name}: {stale}newest accepted data are {age:.1} h old, {rows} rows")
        }
    }
}

/// A source that was to be asked, and was not.
fn missed(it: &SourceStatus) -> Option<String> {
    let since = it.missed_since?;
    Some(format!(
        "{} was to be asked at {since}, and was not",
        it.source
    ))
}

/// One person for whom something is past due.
fn overdue(it: &Overdue) -> String {
    let why = match &it.why {
        Why::Halted => "everything is halted".to_owned(),
        Why::Held { by } if by.is_empty() => "a guard keeps it back".to_owned(),
        Why::Held { by } => format!("kept back by {}", by.join(", ")),
        Why::Waits { worker } => format!("waits for the account of {}", visible(worker.as_str())),
        Why::Failed { tries } => {
            let person = visible(it.person.as_str());
            format!("failed {tries} times: see `rollcall explain {person}`")
        }
        Why::RunStuck { run } => format!("run {run} makes no headway"),
        Why::RunUnderWay { run } => format!("run {run} is under way"),
        Why::SourceStale { source } => format!("{source} is stale: only cuts go"),
        Why::NotReleased => "no run and no release came to its end since".to_owned(),
    };
    let what = it.op.map_or_else(String::new, |op| format!(" {op}"));
    format!(
        "{}{what}, due {}, {:.0} s late: {why}",
        visible(it.person.as_str()),
        it.due,
        it.late_seconds
    )
}

/// How things stand.
pub(crate) fn status(status: &Status) -> String {
    let mut out = String::new();
    let mut line = |name: &str, text: String| {
        writeln!(out, "{name:<11}{text}").expect("a String takes everything");
    };
    let source = match status.source_age_hours {
        None => "nothing was ever accepted".to_owned(),
        Some(age) if status.stale => format!("STALE: newest accepted data are {age:.1} h old"),
        Some(age) => format!("newest accepted data are {age:.1} h old"),
    };
    if let Some(halted) = &status.halted {
        line("HALTED", visible(&halted.to_string()));
    }
    if status.notices > 0 {
        line(
            "notices",
            format!("{} wait: the next release takes them in", status.notices),
        );
    }
    for asked in &status.undoes {
        line(
            "undo",
            format!(
                "of run {}, asked for by {}: a release plans it once no run is under way",
                visible(asked.undo.as_str()),
                asked.by.0
            ),
        );
    }
    match status.sources.as_slice() {
        [_] => line("source", source),
        several => {
            for (at, source) in several.iter().enumerate() {
                line(if at == 0 { "sources" } else { "" }, one_source(source));
            }
        }
    }
    for text in status.sources.iter().filter_map(missed) {
        line("MISSED", text);
    }
    line(
        "people",
        format!(
            "{} known, {} managed accounts, {} blocked",
            status.persons, status.managed, status.blocked
        ),
    );
    let late = if status.late == 0 {
        "nothing".to_owned()
    } else {
        format!(
            "{} people, the longest {:.0} s",
            status.late, status.late_seconds_max
        )
    };
    line("past due", late);
    for it in status.overdue.iter().take(OVERDUE_SHOWN) {
        line("", overdue(it));
    }
    if status.overdue.len() > OVERDUE_SHOWN {
        let more = status.overdue.len() - OVERDUE_SHOWN;
        line("", format!("and {more} more: see --json"));
    }
    line("not done", format!("{} people", status.unfinished));
    line(
        "waiting",
        format!("{} people for another person's account", status.waiting),
    );
    line("held", format!("{} people by a guard", status.held));
    let next = status
        .next_due
        .map_or_else(|| "nothing".to_owned(), |due| due.to_string());
    line("next due", next);
    for open in &status.open {
        let stuck = status.stuck.iter().find(|it| it.run == open.run);
        let stuck =
            stuck.map(|it| format!(", STUCK: nothing was heard of it for {} min", it.minutes));
        let stuck = stuck.unwrap_or_default();
        line(
            "open run",
            format!("{} ({:?}){stuck}", open.run, open.stage),
        );
    }
    for pending in &status.pending {
        line(
            "approval",
            format!(
                "run {} waits for {} since {}: rollcall approve {} --plan {} --reason TEXT",
                pending.run,
                pending.waiting().join(", "),
                pending.since,
                pending.run,
                pending.plan_sha256
            ),
        );
    }
    out
}
