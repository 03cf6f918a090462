//! A look at an instance before anything relies on it.
//!
//! Invariant: nothing is changed there, and nothing of what comes is kept here.

use std::collections::BTreeSet;

use rollcall_core::model::FindingKind;
use rollcall_source::{Checked, Record, Refused, Sink, Want};

use crate::config::{SuccessFactorsConfig, WithoutEmployment};
use crate::instance::{Instance, Question};
use crate::metadata::Metadata;
use crate::pages::Pages;
use crate::pull::{count, is_stranger};
use crate::query::{Filter, Query};
use crate::reading;
use crate::schema;
use crate::standing::{State, judge};

/// Takes nothing in.
struct Nowhere;

impl Sink for Nowhere {
    fn received(&mut self, _bytes: &[u8]) {}

    fn record(&mut self, _record: &Record<'_>) -> std::io::Result<()> {
        Ok(())
    }
}

pub(crate) async fn check(
    instance: &Instance,
    config: &SuccessFactorsConfig,
    query: &Query,
    want: &Want,
) -> Result<Checked, Refused> {
    let mut checked = Checked::default();
    instance.begin();
    instance.sign_in().await?;
    checked.good("a token is given");
    metadata(instance, query, &mut checked).await?;
    match count(instance, &mut Nowhere, Filter::Everybody).await {
        Ok(0) => checked
            .problem("the instance counts no people: grant the technical user a target population"),
        Ok(people) => checked.good(format!("{people} people are counted")),
        Err(refused) => checked.tell(refused)?,
    }
    sample(instance, config, query, want, &mut checked).await?;
    Ok(checked)
}

/// Whether everything that is read is in the instance: one slip fails every question (COE0021).
async fn metadata(
    instance: &Instance,
    query: &Query,
    checked: &mut Checked,
) -> Result<(), Refused> {
    let mut entities: Vec<&str> = query
        .reads
        .navs
        .iter()
        .map(|it| schema::entity(it))
        .collect();
    entities.push(schema::ROOT);
    entities.sort_unstable();
    entities.dedup();
    // The whole document of an instance is tens of megabytes: these entities will do.
    let target = format!("/odata/v2/{}/$metadata", entities.join(","));
    let question = Question {
        what: "the metadata",
        template: "/odata/v2/{entities}/$metadata",
        target: &target,
        accept: "application/xml",
    };
    let body = match instance.get(question).await {
        Ok(body) => body,
        Err(refused) => return checked.tell(refused),
    };
    match Metadata::read(&body) {
        Ok(metadata) => {
            let lacks = metadata.lacks(&query.reads);
            if lacks.is_empty() {
                let count = query.reads.properties.len();
                checked.good(format!(
                    "all {count} properties that are read are in the instance"
                ));
            }
            for lack in lacks {
                checked.problem(lack);
            }
        }
        Err(why) => checked.problem(format!("the metadata cannot be read: {why}")),
    }
    Ok(())
}

/// Some people, with everything that a pull asks for: permissions show only there.
async fn sample(
    instance: &Instance,
    config: &SuccessFactorsConfig,
    query: &Query,
    want: &Want,
    checked: &mut Checked,
) -> Result<(), Refused> {
    let today = config.day(want.now);
    let mut pages = Pages::new(instance, "PerPerson, some people", query.some(today), None);
    let people = match pages.next(&mut Nowhere).await {
        Ok(people) => people.unwrap_or_default(),
        Err(refused) => return checked.tell(refused),
    };
    let came = people.len();
    let (mut strangers, mut unknown, mut employed) = (0_u32, 0_u32, 0_u32);
    let mut notes = BTreeSet::new();
    let mut somewhere = BTreeSet::new();
    for (_, mut person) in people {
        if is_stranger(&person) {
            strangers += 1;
            continue;
        }
        let Some(standing) = judge(&mut person, today, today, config) else {
            unknown += 1;
            continue;
        };
        unknown += u32::from(standing.state == State::Unknown);
        if matches!(standing.state, State::Active | State::OnLeave) {
            employed += 1;
            reading::filled(&query.reads, "", &person, &mut somewhere);
        }
        let row = reading::row(query, &want.columns, &person, &standing, 1);
        let hidden = row.findings.into_iter();
        let hidden = hidden.filter(|it| it.kind == FindingKind::ValueUnknown);
        notes.extend(hidden.map(|it| it.note));
    }
    for nav in [schema::USER, schema::PERSONAL] {
        if employed > 0 && query.reads.navs.contains(nav) && !somewhere.contains(nav) {
            notes.insert(format!(
                "`{nav}` came of none of {employed} people who are employed, and each of them has one: let the technical user see it"
            ));
        }
    }
    let is_good = notes.is_empty() && unknown == 0;
    for note in notes {
        checked.problem(note);
    }
    if unknown > 0 {
        checked.problem(format!(
            "of {unknown} of {came} people who came neither status nor dates say where they stand"
        ));
    }
    if strangers > 0 {
        let what =
            format!("{strangers} of {came} people who came have no employment that may be read");
        match config.without_employment {
            WithoutEmployment::Hold => checked.problem(format!(
                "{what}, and would be held: let the technical user see the employments of workers; where HR \
                 confirms that they are dependants and candidates, say `without_employment = \"ignore\"`"
            )),
            WithoutEmployment::Ignore => checked.good(format!("{what}, and are left out")),
        }
    }
    if is_good && came > 0 {
        checked.good(format!("{came} people came, with everything that is read"));
    }
    Ok(())
}
