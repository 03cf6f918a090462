//! Whether a source gives what is wanted: one page, looked at closely.
//!
//! Invariant: nothing of a record is in what is said.

use std::collections::BTreeSet;

use rollcall_source::{Checked, Reach, RefusalKind, Refused, Want};
use serde_json::Value as Json;

use crate::attribute::{Attribute, Reading};
use crate::config::{ChangesConfig, Missing};
use crate::page::{Page, Stop, fetch, identity, query, question};
use crate::path::Path;
use crate::plan::{Index, Plan, Style};
use crate::pull::{Pull, leads_nowhere, moment};
use crate::session::{Question, Session};

/// Looks.
pub(crate) async fn check(
    plan: &Plan,
    session: &Session<'_>,
    want: &Want,
    wanted: &[Attribute],
) -> Result<Checked, Refused> {
    let mut checked = Checked::default();
    let pull = Pull::new(plan, session, want, wanted);
    let mut parameters = pull.base.clone();
    parameters.extend(first_page(&plan.style));
    let page = match first(plan, session, &parameters).await {
        Ok(page) => page,
        Err(refused) => return checked.tell(refused).map(|()| checked),
    };
    checked.good(format!(
        "{} lets us in, with {}",
        plan.origin,
        plan.config.auth.name()
    ));
    look(plan, &page, want, wanted, &mut checked);
    if let Some(base) = &plan.config.scim {
        of_itself(plan, session, base, &mut checked).await?;
    }
    changes(plan, session, &pull, &mut checked).await?;
    Ok(checked)
}

async fn first(
    plan: &Plan,
    session: &Session<'_>,
    parameters: &[(String, String)],
) -> Result<Page, Refused> {
    let target = query(&plan.config.path, parameters);
    match fetch(plan, session, &question(plan, target, 1)).await {
        Ok((page, _)) => Ok(page),
        Err(Stop::Moved(refused) | Stop::No(refused)) => Err(refused),
    }
}

/// The parameters of the first page.
fn first_page(style: &Style) -> Vec<(String, String)> {
    match style {
        Style::Whole | Style::Link { .. } => Vec::new(),
        Style::Index(Index {
            at_param,
            size_param,
            size,
            first,
            ..
        }) => {
            let size = size_param.clone().map(|it| (it, size.to_string()));
            [(at_param.clone(), first.to_string())]
                .into_iter()
                .chain(size)
                .collect()
        }
        Style::Cursor(it) => {
            let size = it.size.clone().map(|(name, size)| (name, size.to_string()));
            let at = it.first_empty.then(|| (it.param.clone(), String::new()));
            size.into_iter().chain(at).collect()
        }
    }
}

fn look(plan: &Plan, page: &Page, want: &Want, wanted: &[Attribute], checked: &mut Checked) {
    let records = match page.records(plan) {
        Ok(Some(records)) => records,
        Ok(None) if page.total == Some(0) => Vec::new(),
        Ok(None) => {
            return checked.problem("there is no list of records where `records` says");
        }
        Err(refused) => return checked.problem(refused.to_string()),
    };
    if let (Some(path), None) = (&plan.total, page.total) {
        checked.problem(format!("no total at `{}`: look at `total`", path.text()));
    }
    let (came, total) = (records.len(), page.total);
    if records.is_empty() {
        return checked.problem("there is no worker on the first page: a pull would be refused");
    }
    checked.good(match total {
        Some(total) => format!("{came} records on the first page, {total} in all"),
        None => format!("{came} records on the first page; no total is said"),
    });
    sizes(plan, came, total, checked);
    let asked = match &plan.style {
        Style::Cursor(it) => it.size.as_ref().map(|it| it.1 as usize),
        Style::Whole | Style::Index(_) | Style::Link { .. } => None,
    };
    let is_short = total.is_some() && asked.is_some_and(|it| came < it);
    let is_all = total.is_none_or(|it| it == came as u64);
    if page.next.is_none() && is_all && !is_short && !plan.style.one_page() {
        checked.problem(leads_nowhere(&page.shown).to_string());
    }
    let nameless = records
        .iter()
        .filter(|it| identity(plan, it).is_err())
        .count();
    if nameless > 0 {
        checked.problem(format!("{nameless} of {came} records have no id at `id`"));
    }
    let none = BTreeSet::new();
    for (name, attribute) in want.columns.iter().zip(wanted) {
        let (mut there, mut odd) = (0_usize, BTreeSet::new());
        for record in &records {
            match attribute.read(record, plan.fold, &none, *name == want.key) {
                Reading::Value(_) | Reading::Empty => there += 1,
                Reading::Missing => {}
                Reading::Odd(_, why) => {
                    there += 1;
                    odd.insert(why);
                }
            }
        }
        let paths: Vec<&str> = attribute.paths.iter().map(Path::text).collect();
        let at = paths.join("`, `");
        if there == 0 {
            let what = format!("`{name}` is in none of {came} records (`{at}`)");
            match attribute.missing() {
                Missing::Hold => checked.problem(format!("{what}: every row would be held")),
                Missing::Empty if *name == want.key => checked.problem(what),
                Missing::Empty => checked.good(format!("{what}: it would be empty")),
            }
        } else if attribute.missing() == Missing::Hold && there < came {
            let without = came - there;
            checked.problem(format!(
                "`{name}` is missing in {without} of {came} records (`{at}`), which would be held; \
                 where that means that there is none, say `missing = \"empty\"`"
            ));
        }
        if records
            .iter()
            .any(|it| attribute.is_bare_instant(it, plan.fold))
        {
            checked.problem(format!(
                "`{name}` (`{at}`) is an instant with a time of day, of which only the day is taken as it is \
                 written: say whose day it is with `zone`, `zone = \"UTC\"` where it is right so"
            ));
        }
        if let Some(why) = odd.first() {
            checked.problem(format!("`{name}` (`{at}`): {why}"));
        }
    }
}

/// Whether the source gives as many as it is asked for.
fn sizes(plan: &Plan, came: usize, total: Option<u64>, checked: &mut Checked) {
    let came = came as u64;
    match &plan.style {
        Style::Index(index) if came > u64::from(index.size) => checked.problem(format!(
            "{came} records came where {} were asked for: it does not page as `paging` says",
            index.size
        )),
        Style::Index(index)
            if came < u64::from(index.size) && total.is_some_and(|it| it > came) =>
        {
            checked.problem(format!(
                "it gives {came} at once where {} are asked for: say `size = {came}`",
                index.size
            ));
        }
        Style::Whole if total.is_some_and(|it| it > came) => {
            checked.problem("it gives a part of the list: say `paging`");
        }
        Style::Whole | Style::Index(_) | Style::Link { .. } | Style::Cursor(_) => {}
    }
}

/// What a SCIM service says of itself (RFC 7643, section 5; RFC 9865, section 4).
async fn of_itself(
    plan: &Plan,
    session: &Session<'_>,
    base: &str,
    checked: &mut Checked,
) -> Result<(), Refused> {
    let path = format!("{}/ServiceProviderConfig", base.trim_end_matches('/'));
    let question = Question {
        method: "GET",
        template: "ServiceProviderConfig",
        shown: format!("GET {path}"),
        target: path,
        body: None,
    };
    let said = match session.json(&question).await {
        Ok((said, _)) => said,
        Err(refused) if refused.kind == RefusalKind::Unavailable => return Err(refused),
        Err(refused) => {
            checked.good(format!("the service says nothing of itself: {refused}"));
            return Ok(());
        }
    };
    let flag = |path: &str| {
        let path = Path::parse(path).ok()?;
        path.one(&said, true).and_then(Json::as_bool)
    };
    let number = |path: &str| {
        let path = Path::parse(path).ok()?;
        path.one(&said, true).and_then(Json::as_u64)
    };
    let filters = matches!(plan.config.changes, Some(ChangesConfig::Filter(_)));
    match flag("filter.supported") {
        Some(false) if filters => checked.problem(
            "the service says that it does not filter: leave `changes` out of the configuration",
        ),
        Some(true) => checked.good("the service filters"),
        Some(false) | None => {}
    }
    if let (Style::Index(index), Some(most)) = (&plan.style, number("filter.maxResults"))
        && u64::from(index.size) > most
    {
        checked.problem(format!(
            "the service gives {most} at once: say `size = {most}` or less"
        ));
    }
    match (&plan.style, flag("pagination.cursor")) {
        (Style::Index(_), Some(true)) => checked.good(
            "the service has cursors (RFC 9865), which do not lose anybody while HR works: \
             `paging.cursor`",
        ),
        (Style::Cursor(_), Some(false)) => {
            checked.problem("the service says that it has no cursors: use `paging.start_index`");
        }
        (Style::Whole | Style::Index(_) | Style::Link { .. } | Style::Cursor(_), _) => {}
    }
    Ok(())
}

/// Whether changes can be asked for: since now, which nobody is.
async fn changes(
    plan: &Plan,
    session: &Session<'_>,
    pull: &Pull<'_>,
    checked: &mut Checked,
) -> Result<(), Refused> {
    let since = moment(pull.want.now);
    let question = match &plan.config.changes {
        None => return Ok(()),
        Some(ChangesConfig::Filter(filter)) => {
            let mut parameters = pull.base.clone();
            parameters.push((
                filter.param.clone(),
                filter.template.replace("{since}", &since),
            ));
            parameters.extend(first_page(&plan.style));
            question(plan, query(&plan.config.path, &parameters), 1)
        }
        Some(ChangesConfig::ChangedList(list)) => {
            let mut parameters: Vec<(String, String)> = list
                .query
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            parameters.push((list.since.clone(), since));
            Question {
                method: "GET",
                template: "changes",
                shown: format!("GET {}", list.path),
                target: query(&list.path, &parameters),
                body: None,
            }
        }
    };
    match session.json(&question).await {
        Ok(_) => checked.good("changes can be asked for"),
        Err(refused) if refused.kind == RefusalKind::Unavailable => return Err(refused),
        Err(refused) => checked.problem(format!("changes cannot be asked for: {refused}")),
    }
    Ok(())
}

/// For what is asked in full.
pub(crate) fn in_full(want: &Want) -> Want {
    Want {
        reach: Reach::Full,
        ..want.clone()
    }
}
