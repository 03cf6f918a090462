//! A look at an instance before anything relies on it.
//!
//! Invariant: nothing is changed there, and nothing of what comes is kept here.

use rollcall_source::{Checked, Record, RefusalKind, Refused, Sink, Want};

use crate::instance::{Instance, Question};
use crate::metadata::Metadata;
use crate::pages::Pages;
use crate::pull::{count, day};
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
        Err(refused) => tell(refused, &mut checked)?,
    }
    sample(instance, query, want, &mut checked).await?;
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
        Err(refused) => return tell(refused, checked),
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

/// One person, with everything that a pull asks for: permissions show only there.
async fn sample(
    instance: &Instance,
    query: &Query,
    want: &Want,
    checked: &mut Checked,
) -> Result<(), Refused> {
    let today = day(want.now);
    let mut pages = Pages::new(
        instance,
        "PerPerson, one person",
        query.anybody(today),
        None,
    );
    let people = match pages.next(&mut Nowhere).await {
        Ok(people) => people.unwrap_or_default(),
        Err(refused) => return tell(refused, checked),
    };
    let Some((_, mut person)) = people.into_iter().next() else {
        return Ok(());
    };
    let Some(standing) = judge(&mut person, today, today, crate::Primary::default()) else {
        checked.good("one person came, who has no employment");
        return Ok(());
    };
    let row = reading::row(query, &want.columns, &person, &standing, 1);
    let hidden = row
        .findings
        .iter()
        .filter(|it| it.kind == rollcall_core::model::FindingKind::ValueUnknown);
    let notes: Vec<&str> = hidden.map(|it| it.note.as_str()).collect();
    for note in &notes {
        checked.problem(*note);
    }
    if notes.is_empty() && standing.state != State::Unknown {
        checked.good("one person came, with everything that is read");
    } else if standing.state == State::Unknown {
        checked.problem("one person came, and neither status nor dates say where they stand");
    }
    Ok(())
}

/// What keeps us from a part is a problem; what keeps us out is a refusal.
fn tell(refused: Refused, checked: &mut Checked) -> Result<(), Refused> {
    match refused.kind {
        RefusalKind::Permission | RefusalKind::Configuration | RefusalKind::TooLarge => {
            checked.problem(refused.to_string());
            Ok(())
        }
        RefusalKind::Empty
        | RefusalKind::Truncated
        | RefusalKind::HalfWritten
        | RefusalKind::StrayQuote
        | RefusalKind::WrongFormat
        | RefusalKind::WrongHeader
        | RefusalKind::NotUtf8
        | RefusalKind::ControlTotalMismatch
        | RefusalKind::PasswordProtected
        | RefusalKind::IsDirectory
        | RefusalKind::Missing
        | RefusalKind::Unreadable
        | RefusalKind::IncompletePage
        | RefusalKind::ForeignLink
        | RefusalKind::CursorExpired
        | RefusalKind::Credentials
        | RefusalKind::Unavailable
        | RefusalKind::Malformed => Err(refused),
    }
}
