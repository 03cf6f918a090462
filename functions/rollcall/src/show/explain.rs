//! An explanation as text: in short first, then from what HR wrote to what the directory has.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rollcall_core::mapping::expression::{Step, quoted};
use rollcall_core::mapping::{Apply, ExplainedAttribute, Made, Origin};
use rollcall_core::model::{AccountName, AccountOp, Area, Ending, Finding, Op, Severity, Value};
use rollcall_core::report::advice;
use rollcall_core::state::{BlockCause, Lifecycle, Person};
use rollcall_pipeline::explain::{
    AccountSeen, ActionSeen, Delivery, Explanation, Hold, OwnedSeen, Planned, RowSeen, Standing,
};

use super::visible;

/// Where the names of attributes end.
const WIDTH: usize = 26;

/// Everything about one worker.
pub(crate) fn explanation(it: &Explanation) -> String {
    let rows = it.delivery.as_ref().map_or(&[][..], |d| &d.rows);
    let zone = rows.first().and_then(|row| row.zone.as_deref());
    let mut page = Page {
        it,
        zone: zone.and_then(|name| jiff::tz::db().get(name).ok()),
        out: String::new(),
    };
    page.line(0, &format!("worker {}, asked at {}", it.worker, it.now));
    page.in_short();
    page.known();
    page.account();
    if let Some(delivery) = &it.delivery {
        page.said(delivery);
    }
    if let Some(plan) = &it.plan {
        page.actions(plan);
    }
    page.taken_back();
    if let Some(delivery) = &it.delivery {
        page.all_attributes(delivery);
    }
    page.history();
    page.out
}

struct Page<'a> {
    it: &'a Explanation,
    /// Where the worker is.
    zone: Option<TimeZone>,
    out: String,
}

impl Page<'_> {
    fn line(&mut self, depth: usize, text: &str) {
        writeln!(self.out, "{:1$}{text}", "", depth * 2).expect("a String takes everything");
    }

    fn head(&mut self, text: &str) {
        self.out.push('\n');
        self.line(0, text);
    }

    /// A name and what belongs to it, in columns.
    fn pair(&mut self, name: &str, text: &str) {
        self.line(1, &format!("{name:<WIDTH$} {text}"));
    }

    /// An instant, there where the worker is.
    fn when(&self, at: Timestamp) -> String {
        let Some(zone) = &self.zone else {
            return at.to_string();
        };
        let there = at.to_zoned(zone.clone());
        let there = there.strftime("%Y-%m-%d %H:%M");
        let zone = zone.iana_name().unwrap_or_default();
        format!("{there} in {zone} ({at})")
    }

    fn is_held(&self) -> bool {
        let findings = self.it.delivery.iter().flat_map(|d| &d.findings);
        findings.into_iter().any(|f| f.severity == Severity::Held)
    }

    /// What whoever is on the phone wants to know first.
    fn in_short(&mut self) {
        let mut said = Vec::new();
        if let Some(delivery) = &self.it.delivery {
            if delivery.parked {
                said.push("! the newest file is parked by a guard: nothing of it counts until people approve it".to_owned());
            } else if self.is_held() {
                said.push("! HR data of this worker are held, see \"What was odd\": nothing new is written to the account".to_owned());
            } else if delivery.rows.is_empty() && delivery.gone.is_none() {
                said.push("! in no row of the newest file".to_owned());
            }
        }
        let held = self.it.plan.iter().flat_map(|p| &p.actions).any(|a| {
            let waits = |hold: &Hold| *hold == Hold::Waits;
            matches!(&a.standing, Standing::Held { hold, .. } if waits(hold))
        });
        if held {
            said.push("! something waits for an approval, see below".to_owned());
        }
        let differing = self.differing();
        if !differing.is_empty() {
            said.push(format!(
                "~ Entra has something else now than this file says: {}",
                differing.join(", ")
            ));
        }
        if let Some(back) = self.it.taken_back.first() {
            let text = format!(
                "· {} {} taken back by run {}, see \"Taken back\"",
                back.ops.join(", "),
                if back.ops.len() == 1 { "was" } else { "were" },
                back.run
            );
            said.push(text);
        }
        if let Some((op, due)) = self.next() {
            let when = self.when(due);
            let now = self.it.now;
            if due <= now {
                said.push(format!("! {op} was due {when}: {}", ago(due, now)));
            } else {
                said.push(format!("· next: {op} {when}, {}", ahead(due, now)));
            }
        }
        let odd = self
            .it
            .delivery
            .iter()
            .any(|delivery| !delivery.findings.is_empty());
        if odd && !self.is_held() {
            said.push("· something is to be known, see \"What was odd\"".to_owned());
        }
        let stays = self
            .it
            .plan
            .iter()
            .any(|plan| !plan.impact.stays.is_empty());
        if stays {
            said.push("! stays in a group once cut off, see \"Groups\"".to_owned());
        }
        if said.is_empty() {
            said.push("· nothing is odd, and nothing is planned".to_owned());
        }
        for line in said {
            self.line(1, &line);
        }
        self.out.push('\n');
    }

    /// The first step that is still to come, by the newest plan.
    fn next(&self) -> Option<(Op, Timestamp)> {
        let newest = self.it.plan.as_ref()?;
        if self.it.history.first().is_some_and(|h| h.run != newest.run) {
            return None;
        }
        let later = newest.actions.iter().filter(|seen| {
            seen.standing == Standing::Scheduled
                && seen.action.due != Timestamp::MAX
                && !self.is_done(seen.action.op)
        });
        let first = later.min_by_key(|seen| seen.action.due)?;
        Some((first.action.op, first.action.due))
    }

    /// Whether the account is as a step would make it.
    fn is_done(&self, op: Op) -> bool {
        let account = self.it.account.one();
        match op.area() {
            Area::Account(AccountOp::Disable | AccountOp::RevokeSessions) => {
                account.is_some_and(|a| !a.enabled)
            }
            Area::Account(AccountOp::Enable) => account.is_some_and(|a| a.enabled),
            Area::Account(AccountOp::Create) => account.is_some(),
            Area::Account(AccountOp::Update | AccountOp::SetManager | AccountOp::ClearManager)
            | Area::Access(_)
            | Area::Group(_)
            | Area::Bin(_)
            | Area::SignIn(_)
            | Area::Role(_)
            | Area::Estate(_)
            | Area::Message
            | Area::Proof
            | Area::Device(_) => false,
        }
    }

    /// Attributes that are kept in step and are not so in the directory.
    fn differing(&self) -> Vec<String> {
        let (Some(delivery), Some(account)) = (&self.it.delivery, self.it.account.one()) else {
            return Vec::new();
        };
        let [row] = delivery.rows.as_slice() else {
            return Vec::new();
        };
        let kept = row.attributes.iter().filter(|a| a.apply == Apply::Always);
        let elsewhere = |a: &&ExplainedAttribute| {
            let mut owned = self.it.owned.iter();
            !owned.any(|it| it.attribute == a.target)
        };
        let other = kept.filter(elsewhere).filter(|a| {
            let has = account
                .attributes
                .get(&a.target)
                .cloned()
                .unwrap_or_default();
            wanted(&a.made).is_some_and(|wanted| wanted != has)
        });
        other.map(|a| a.target.clone()).collect()
    }

    fn known(&mut self) {
        let it = self.it;
        if let Some(delivery) = &it.delivery {
            self.place(delivery);
        } else {
            self.pair("HR data", "HR has delivered nothing yet");
        }
        let Some(person) = &it.person else {
            self.pair(
                "Rollcall knows (now)",
                "nobody of this key before this file",
            );
            return;
        };
        self.pair("Rollcall knows (now)", &self.lifecycle(person));
        if person.misses > 0 && person.lifecycle != Lifecycle::None {
            self.pair("", match person.misses {
                1 => "absent from the last full file; the account is disabled if the next one misses the worker too",
                _ => "absent from two full files in a row",
            });
        }
        for owned in &it.owned {
            let OwnedSeen {
                attribute, source, ..
            } = owned;
            let text = match &owned.value {
                Some(value) => format!(
                    "`{attribute}` is {}: source `{source}` owns it, whatever this row says",
                    shown(value)
                ),
                None => format!(
                    "`{attribute}` is left as it is: source `{source}` owns it and has said nothing"
                ),
            };
            self.pair("", &text);
        }
        if let Some(manager) = &person.manager {
            self.pair(
                "",
                &format!("the manager that was last written is worker {manager}"),
            );
        }
        if person.unfinished {
            self.pair(
                "",
                "something that was planned is not done; the next run plans it again",
            );
        }
        if let Some(manager) = &person.waits_for {
            let text = format!("the manager waits until worker {manager} has an account");
            self.pair("", &text);
        }
    }

    fn lifecycle(&self, person: &Person) -> String {
        match (person.lifecycle, person.block) {
            (Lifecycle::None, _) => "no account that Rollcall made or took over".to_owned(),
            (Lifecycle::Created, _) => {
                "an account, not yet enabled: the worker has not started".to_owned()
            }
            (Lifecycle::Active, _) => "an active account".to_owned(),
            (Lifecycle::Blocked, Some(block)) => format!(
                "an account that is disabled because {}, due {}",
                cause(block.cut.cause),
                self.when(block.cut.due)
            ),
            (Lifecycle::Blocked, None) => "an account that is disabled".to_owned(),
            (Lifecycle::Deleted, _) => {
                "an account that lies in the bin of the directory".to_owned()
            }
        }
    }

    fn place(&mut self, delivery: &Delivery) {
        let of = format!("`{}` of {}", delivery.file, delivery.as_of);
        let rows: Vec<String> = delivery.rows.iter().map(|r| r.row.to_string()).collect();
        let text = match (rows.as_slice(), &delivery.gone) {
            (_, Some(why)) => format!("{of}: {why}"),
            ([], None) => format!("in no row of {of}"),
            ([row], None) => format!("row {row} of {of}"),
            (several, None) => format!("rows {} of {of}", several.join(", ")),
        };
        self.pair("HR data", &text);
        let sha256 = &delivery.sha256[..12.min(delivery.sha256.len())];
        self.pair("", &format!("run {}, file sha256 {sha256}…", delivery.run));
    }

    fn account(&mut self) {
        let (accounts, when) = match &self.it.account {
            AccountSeen::Now { accounts } => (accounts, "now".to_owned()),
            AccountSeen::Then { why, at, accounts } => {
                self.pair("Entra", &format!("cannot be asked: {why}"));
                (accounts, format!("as a run read it for {at}"))
            }
            AccountSeen::Unknown { why } => {
                self.pair("Entra", &format!("cannot be asked: {why}"));
                return;
            }
        };
        if accounts.is_empty() {
            self.pair("Entra", &format!("no account ({when})"));
        }
        for account in accounts {
            let enabled = if account.enabled {
                "enabled"
            } else {
                "disabled"
            };
            let name = account.name.reveal();
            let text = format!("{name}, {enabled}, id {} ({when})", account.id);
            self.pair("Entra", &text);
            if account.key.is_none() {
                let known = account.attributes.get("displayName");
                let known = known.and_then(|v| v.as_text()).unwrap_or("without one");
                let text = format!(
                    "carries nobody's key; display name: {known}. See whose it is before you approve"
                );
                self.pair("", &text);
            }
        }
        if accounts.len() > 1 {
            let text = "several accounts carry this key: nothing is done before it stands on one";
            self.pair("", text);
        }
    }

    fn said(&mut self, delivery: &Delivery) {
        for row in &delivery.rows {
            self.head(&format!("What row {} says", row.row));
            if row.held {
                self.line(
                    1,
                    "! the row cannot be read as it should: nothing in it is believed",
                );
            }
            for fact in &row.facts {
                let mut text = format!("{}  (column {})", quoted(&fact.cell), fact.column);
                if fact.name == "status" {
                    write!(text, "  counts as {}", row.status).expect("a String takes everything");
                }
                self.pair(fact.name, &text);
            }
            if let Some(zone) = &row.zone
                && row.facts.iter().all(|fact| fact.name != "time zone")
            {
                self.pair("time zone", &format!("{zone}  (from the mapping)"));
            }
        }
        if delivery.findings.is_empty() {
            return;
        }
        self.head("What was odd");
        let mut advised = Vec::new();
        for finding in &delivery.findings {
            self.line(1, &odd(finding));
            if !advised.contains(&finding.kind) {
                advised.push(finding.kind);
            }
        }
        for kind in advised {
            self.line(2, &format!("what to do: {}", advice(kind)));
        }
    }

    fn actions(&mut self, plan: &Planned) {
        self.head("What was planned, and what came of it");
        let sha256 = &plan.plan_sha256[..12.min(plan.plan_sha256.len())];
        let of = format!("run {}, planned for {}, plan {sha256}", plan.run, plan.now);
        let held = if self.is_held() {
            ": its HR data are held"
        } else {
            ""
        };
        if plan.delta.is_none() {
            self.line(
                1,
                &format!("nothing was to be done for this worker{held} ({of})"),
            );
            return;
        }
        let older = self.it.delivery.as_ref().is_some_and(|d| d.run != plan.run);
        if older {
            self.line(
                1,
                &format!("the newest run had nothing to do for this worker{held}"),
            );
            self.line(1, &format!("the last that had: {of}"));
        } else {
            self.line(1, &format!("by {of}"));
        }
        if let Some(workflow) = &plan.workflow {
            self.line(1, &format!("under workflow {}", visible(workflow)));
        }
        if let Some(why) = &plan.set_aside {
            self.line(1, &format!("! the run was set aside: {why}"));
        }
        for action in &plan.actions {
            self.carried(action, plan, older);
        }
        self.groups(plan);
    }

    /// Steps that were to come and do not any more, or at another time.
    fn taken_back(&mut self) {
        if self.it.taken_back.is_empty() {
            return;
        }
        self.head("Taken back: what was to come, until HR said otherwise");
        for back in &self.it.taken_back {
            let because = match (back.row, &back.file) {
                (Some(row), Some(file)) => format!("because of row {row} of `{file}`"),
                (None, Some(file)) => format!("because the worker is in no row of `{file}`"),
                (_, None) => "by what HR said last".to_owned(),
            };
            let text = format!("run {}, planned for {}, {because}", back.run, back.now);
            self.line(1, &text);
            if back.steps.is_empty() {
                let text = format!("{}: planned by an older run", back.ops.join(", "));
                self.line(2, &text);
            }
            for step in &back.steps {
                let was = self.when(step.due);
                let now = match step.instead {
                    None => "does not come any more".to_owned(),
                    Some(due) if due == Timestamp::MAX => {
                        "comes once another worker has an account".to_owned()
                    }
                    Some(due) => format!("comes {} instead", self.when(due)),
                };
                self.line(2, &format!("{} {now}; was due {was}", step.op));
                let text = format!(
                    "run {} had planned it because {} (rule {})",
                    step.run, step.why, step.rule
                );
                self.line(4, &text);
            }
        }
    }

    /// What the steps that are due do to memberships.
    fn groups(&mut self, plan: &Planned) {
        let impact = &plan.impact;
        if impact.is_empty() {
            return;
        }
        self.head("Groups, once the steps that were due are done and the rules are evaluated");
        for (what, crossed) in [
            ("comes into", &impact.enters),
            ("goes out of", &impact.leaves),
        ] {
            for it in crossed {
                let because = match it.because.as_slice() {
                    [] if by_step(plan, &it.group) => "by a step of this plan".to_owned(),
                    [] => "the account is new".to_owned(),
                    names => format!("{} changes", names.join(", ")),
                };
                let assumes = match it.assumes.as_slice() {
                    [] => String::new(),
                    names => format!(", assuming {}", names.join(", ")),
                };
                self.line(1, &format!("{what} {}: {because}{assumes}", it.group));
                self.rule(plan, &it.group);
            }
        }
        for (what, licences) in [("gets", &impact.gains), ("loses", &impact.losses)] {
            for licence in licences {
                self.line(1, &format!("{what} the licence {licence}"));
            }
        }
        for group in &impact.stays {
            self.line(
                1,
                &format!("! stays in {group} once cut off: its rule holds all the same"),
            );
            self.rule(plan, group);
        }
        for group in &impact.unknown {
            self.line(1, &format!("! of {group} nobody can say"));
        }
    }

    fn rule(&mut self, plan: &Planned, group: &str) {
        if let Some(rule) = plan.rules.get(group) {
            self.line(2, &format!("rule: {}", visible(rule)));
        }
    }

    fn carried(&mut self, seen: &ActionSeen, plan: &Planned, older: bool) {
        let action = &seen.action;
        let manager = super::object_of(action);
        let when = match (&action.after, action.due == Timestamp::MAX) {
            (Some(person), true) => format!("once worker {person} has an account"),
            _ => format!("due {}", self.when(action.due)),
        };
        self.pair(&format!("{}{manager}", action.op), &when);
        let row = match action.source.row {
            Some(row) => format!("; row {row} of `{}`", action.source.file),
            None => String::new(),
        };
        self.line(
            3,
            &format!("because {} (rule {}){row}", seen.why, action.rule),
        );
        for (name, change) in seen.values.iter().filter(|_| !older) {
            let (before, after) = (shown(&change.before), shown(&change.after));
            let text = if action.op == Op::UserCreate {
                format!("{name}: {after}")
            } else {
                format!("{name}: Entra had {before}, becomes {after}")
            };
            self.line(4, &text);
        }
        self.standing(seen, plan);
        match &seen.outcome {
            Some(outcome) => {
                let request = match &outcome.request_id {
                    Some(id) => format!(", client-request-id {id} in Microsoft Graph's logs"),
                    None => String::new(),
                };
                let text = format!("{} at {}{request}", ending(&outcome.ending), outcome.at);
                self.line(3, &text);
            }
            None if seen.standing == Standing::Due => {
                self.line(3, "nothing is on record of it yet");
            }
            None => {}
        }
    }

    fn standing(&mut self, seen: &ActionSeen, plan: &Planned) {
        match &seen.standing {
            Standing::Due => {
                let waits = |seen: &ActionSeen| matches!(&seen.standing, Standing::Held { hold, .. } if *hold == Hold::Waits);
                if seen.outcome.is_none() && plan.actions.iter().any(waits) {
                    self.line(3, "goes on: it waits for nothing that is kept back");
                }
            }
            Standing::TakenBack { by, instead } => {
                let text = match instead {
                    None => format!("does not come: run {by} took it back, see below"),
                    Some(_) => format!("comes at another time by run {by}, see below"),
                };
                self.line(3, &text);
            }
            Standing::Scheduled if seen.action.due == Timestamp::MAX => {
                self.line(3, "comes by itself: the first run after that does it");
            }
            Standing::Scheduled => {
                let (due, now) = (seen.action.due, self.it.now);
                let text = if due > now {
                    format!(
                        "{}; comes by itself: the first run from then on does it",
                        ahead(due, now)
                    )
                } else if self.is_done(seen.action.op) {
                    "Entra has it so by now".to_owned()
                } else {
                    format!("{}, and not on record in this run", ago(due, now))
                };
                self.line(3, &text);
            }
            Standing::Held {
                by,
                guard,
                counted,
                limit,
                needs,
                has,
                behind,
                agreed,
                hold,
            } => {
                let counts = match (counted, limit) {
                    (Some(counted), Some(limit)) => format!(" (counted {counted}, limit {limit})"),
                    (_, None) | (None, _) => String::new(),
                };
                self.line(3, &format!("! kept back by guard {by}: {guard}{counts}"));
                if let Some(op) = behind {
                    let text = format!("it goes after {op}, which is kept back with it");
                    self.line(3, &text);
                }
                for one in agreed {
                    self.line(3, &format!("approved by {} at {}", one.by.0, one.at));
                }
                match hold {
                    Hold::Released => {}
                    Hold::Waits => self.line(
                        3,
                        &format!(
                            "it waits for {}: rollcall approve {} --plan {} --guard {by} --reason TEXT",
                            people(*needs, *has),
                            plan.run,
                            plan.plan_sha256
                        ),
                    ),
                    Hold::Void => self.line(3, "a newer plan decided anew: this one is void"),
                }
            }
        }
    }

    fn all_attributes(&mut self, delivery: &Delivery) {
        match delivery.rows.as_slice() {
            [] => {
                self.head("Attributes");
                let text = match &delivery.gone {
                    Some(_) => "how they came about cannot be shown any more",
                    None => "no row says anything about them: what Entra has stays",
                };
                self.line(1, text);
            }
            [row] => self.attributes(row),
            several => self.differences(several),
        }
    }

    /// Rows of one key that say different things: which of them is right, nobody here knows.
    fn differences(&mut self, rows: &[RowSeen]) {
        self.head("Where the rows differ");
        let mut any = false;
        let cells = |row: &RowSeen| -> Vec<(String, String)> {
            let facts = row.facts.iter().map(|f| (f.column.clone(), f.cell.clone()));
            let read = row.attributes.iter().flat_map(|a| a.cells.clone());
            facts.chain(read).collect()
        };
        let mut seen: Vec<String> = Vec::new();
        for (column, _) in rows.iter().flat_map(cells) {
            if seen.contains(&column) {
                continue;
            }
            let values: Vec<String> = rows
                .iter()
                .map(|row| {
                    let cell = cells(row).into_iter().find(|(name, _)| *name == column);
                    let cell = cell.map_or_else(String::new, |(_, cell)| cell);
                    format!("row {} {}", row.row, quoted(&cell))
                })
                .collect();
            let bare = |value: &String| value.split_once('"').map(|(_, v)| v.to_owned());
            if values.iter().any(|value| bare(value) != bare(&values[0])) {
                any = true;
                self.pair(&format!("column {column}"), &values.join(", "));
            }
            seen.push(column);
        }
        if !any {
            self.line(1, "in columns that the mapping does not read");
        }
    }

    fn attributes(&mut self, row: &RowSeen) {
        self.head("Attributes: the value, and how it comes about");
        if row.out_of_scope {
            self.line(1, "none: the scope of the mapping leaves the row out");
            return;
        }
        for attribute in &row.attributes {
            self.one(attribute, row.row);
        }
    }

    fn one(&mut self, it: &ExplainedAttribute, row: u32) {
        let value = match &it.made {
            Made::Set { value, .. } | Made::Default { value } => shown(value),
            Made::Cleared => "(cleared)".to_owned(),
            Made::Left { .. } => "(left as it is)".to_owned(),
            Made::Refused { .. } => "(no value: the row is held)".to_owned(),
        };
        let once = if it.apply == Apply::Create {
            "  (only written when the account is made)"
        } else {
            ""
        };
        self.pair(&it.target, &format!("{value}{once}"));
        match &it.from {
            Origin::Column(column) => {
                let cell = it.cells.first().map_or("", |(_, cell)| cell.as_str());
                self.line(3, &format!("row {row}, column {column}: {}", quoted(cell)));
            }
            Origin::Constant(_) => self.line(3, "written so in the mapping"),
            Origin::Expression(source) => {
                let words: Vec<&str> = source.split_whitespace().collect();
                self.line(3, &format!("expression  {}", words.join(" ")));
                for (column, cell) in &it.cells {
                    self.line(3, &format!("row {row}, column {column}: {}", quoted(cell)));
                }
                for step in it.steps.iter().filter(|step| changes(step)) {
                    self.line(4, &format!("{}  ->  {}", step.part, step.value));
                }
            }
        }
        match &it.made {
            Made::Set { others, .. } => {
                let others: Vec<&str> = others.iter().map(AccountName::reveal).collect();
                if !others.is_empty() {
                    self.line(3, &format!("where that is taken: {}", others.join(", ")));
                }
            }
            Made::Default { .. } => self.line(
                3,
                "there is no value: this is the default, written when the account is made",
            ),
            Made::Cleared => self.line(
                3,
                "there is no value, and the mapping says `clear_when_empty`",
            ),
            Made::Left { by_rule: true } => {
                self.line(3, "the expression leaves the attribute out of this row");
            }
            Made::Left { by_rule: false } => {
                self.line(3, "there is no value: what Entra has stays");
            }
            Made::Refused { note, .. } => self.line(3, &format!("! {note}")),
        }
        self.compared(it);
    }

    /// What the directory has beside it, and who wrote that.
    fn compared(&mut self, it: &ExplainedAttribute) {
        let Some(account) = self.it.account.one() else {
            return;
        };
        let has = account
            .attributes
            .get(&it.target)
            .cloned()
            .unwrap_or_default();
        match wanted(&it.made) {
            Some(wanted) if wanted == has => self.line(3, "Entra has the same"),
            Some(_) if it.apply == Apply::Always => {
                self.line(3, &format!("~ Entra has {}: NOT the same", shown(&has)));
                let written = self.it.person.as_ref();
                let written = written.and_then(|p| p.applied.get(&it.target)).cloned();
                let text = match written {
                    Some(written) if written == has => "Rollcall wrote that".to_owned(),
                    Some(written) => format!(
                        "Rollcall last wrote {}: somebody else has changed it since",
                        shown(&written)
                    ),
                    None => "Rollcall has not written it".to_owned(),
                };
                self.line(3, &text);
                let coming = self.it.plan.iter().flat_map(|p| &p.actions).any(|seen| {
                    let open = seen.outcome.as_ref().is_none_or(|o| !o.ending.settled());
                    open && seen.values.contains_key(&it.target)
                });
                self.line(
                    3,
                    if coming {
                        "the plan above writes it"
                    } else {
                        "it is written when HR next changes this row; until then Rollcall leaves it"
                    },
                );
            }
            Some(_) | None => self.line(3, &format!("Entra has {}", shown(&has))),
        }
    }

    fn history(&mut self) {
        if self.it.history.is_empty() {
            return;
        }
        self.head("Runs that had something to do for this worker (--run shows one)");
        for touched in self.it.history.iter().take(10) {
            let delta = serde_json::to_value(touched.delta).expect("a delta is always JSON");
            let delta = delta.as_str().unwrap_or_default();
            self.line(
                1,
                &format!("{}  {delta}, planned for {}", touched.run, touched.now),
            );
        }
    }
}

/// Whose agreement something waits for.
fn people(needs: u8, has: u8) -> String {
    match (needs, has) {
        (0 | 1, _) => "an approval".to_owned(),
        (needs, 0) => format!("{needs} people to approve it within 24 hours"),
        (needs, has) => format!(
            "{} more of the {needs} people who have to approve it within 24 hours",
            needs.saturating_sub(has)
        ),
    }
}

/// What an attribute is to be, where it is to be anything.
fn wanted(made: &Made) -> Option<Value> {
    match made {
        Made::Set { value, .. } => Some(value.clone()),
        Made::Cleared => Some(Value::Null),
        Made::Default { .. } | Made::Left { .. } | Made::Refused { .. } => None,
    }
}

/// A function that gives back what it was given says nothing.
fn changes(step: &Step) -> bool {
    let inside = step.part.split_once('(').map(|(_, inside)| inside);
    inside.and_then(|inside| inside.strip_suffix(')')) != Some(step.value.as_str())
}

fn cause(cause: BlockCause) -> &'static str {
    match cause {
        BlockCause::Status => "the status said that the worker left",
        BlockCause::LastDay => "the last day of work had passed",
        BlockCause::Absence => "two full files in a row did not list the worker",
        BlockCause::ForCause => "HR said that the worker was dismissed for cause",
        BlockCause::NoShow => "HR said that the worker never came",
        BlockCause::Deceased => "HR said that the worker died",
        BlockCause::Leave => "a long leave without pay began",
        BlockCause::Garden => "the worker was released from work",
        BlockCause::CalledOff => "the hire was called off",
        BlockCause::Undone => "a run that had enabled the account was taken back",
    }
}

fn ahead(due: Timestamp, now: Timestamp) -> String {
    let hours = due.duration_since(now).as_hours();
    match hours {
        ..48 => format!("in {hours} hours"),
        _ => format!("in {} days", hours / 24),
    }
}

fn ago(due: Timestamp, now: Timestamp) -> String {
    let hours = now.duration_since(due).as_hours();
    match hours {
        ..48 => format!("OVERDUE for {hours} hours"),
        _ => format!("OVERDUE for {} days", hours / 24),
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

/// A step puts the person into a group, or takes them out of it.
fn by_step(plan: &Planned, group: &str) -> bool {
    let mut actions = plan.actions.iter().map(|seen| &seen.action);
    actions.any(|it| it.args.get("group").is_some_and(|key| key == group))
}
