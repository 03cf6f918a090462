//! Whether a tenant gives what is wanted, by one short page.
//!
//! Invariant: nothing of the page is kept, and of its workers only counts are said.

use rollcall_source::{Checked, Refused};

use crate::intake::{hint, unreadable};
use crate::plan::Read;
use crate::pull::Pull;
use crate::request::{Question, Whom};
use crate::worker::Person;
use crate::xml::{Stop, Tree, read_answer};

/// Workers on the page that is looked at.
const LOOKED_AT: u32 = 50;

/// Asks for a page and says what came.
///
/// # Errors
/// [`Refused`] when no answer comes, or none that can be read.
pub(crate) async fn workers(pull: &Pull<'_>) -> Result<Checked, Refused> {
    let plan = pull.plan;
    let question = Question {
        whom: &Whom::Everybody,
        as_of_day: pull.today,
        as_of_entry: pull.now,
        page: 1,
        count: LOOKED_AT.min(pull.config.page_size),
        flags: &plan.flags,
    };
    let heard = pull
        .session
        .workers(pull.config, &question, "Get_Workers, page 1")
        .await?;
    let body = String::from_utf8_lossy(&heard.body);
    let mut came = vec![0_u32; plan.sections.len()];
    let mut due = vec![0_u32; plan.sections.len()];
    let mut values = vec![0_u32; plan.columns.len()];
    let (mut with_id, mut with_data, mut count) = (0_u32, 0_u32, 0_u32);
    let facts = read_answer(
        &body,
        &plan.names,
        &plan.reach,
        &mut Tree::default(),
        |view| {
            count += 1;
            let Some(person) = Person::of(plan, view) else {
                return Ok(());
            };
            with_id += u32::from(person.id.is_some());
            with_data += u32::from(person.has_data);
            for (number, section) in plan.sections.iter().enumerate() {
                came[number] += u32::from(person.came >> number & 1 == 1);
                due[number] += u32::from(section.is_of_everybody && person.is_due(section.name));
            }
            for (number, column) in plan.columns.iter().enumerate() {
                if let Read::Paths(paths, _) = &column.read {
                    let mut paths = paths.iter();
                    values[number] += u32::from(paths.any(|it| it.first(view).is_some()));
                }
            }
            Ok::<(), Refused>(())
        },
    );
    let facts = facts.map_err(|stop| match stop {
        Stop::Broken(broken) => unreadable(broken, "page 1"),
        Stop::Told(refused) => refused,
    })?;
    let mut checked = Checked::default();
    let total = facts.total_results.unwrap_or(0);
    if count == 0 {
        checked.problem(
            "Workday says that there are no workers: let the integration system user see workers",
        );
        return Ok(checked);
    }
    checked.good(format!(
        "Get_Workers answers: {total} workers, {count} looked at"
    ));
    match facts.version.as_deref() {
        Some(version) if version != pull.config.version() => checked.problem(format!(
            "answers are of another version than {}: ask for the one that the tenant has",
            pull.config.version()
        )),
        Some(_) => checked.good(format!("version {}", pull.config.version())),
        None => {}
    }
    if with_id < count {
        checked.problem(format!(
            "{} of {count} workers have no worker id: let the user see references and Worker_ID",
            count - with_id
        ));
    }
    if with_data < count && !plan.sections.is_empty() {
        checked.problem(format!(
            "Worker_Data is missing for {} of {count} workers: the security group sees only a part \
             of the population",
            count - with_data
        ));
    }
    for (number, section) in plan.sections.iter().enumerate() {
        let name = section.name;
        let here = came[number];
        if section.is_of_everybody && due[number] > 0 && here < due[number].min(count) {
            let message = format!("{name} came for {here} of {count} workers: {}", hint(name));
            checked.problem(message);
        } else if here == 0 {
            let hint = hint(name);
            checked.good(format!(
                "{name} came for nobody looked at, which can be so; if it should not, {hint}"
            ));
        } else {
            checked.good(format!("{name} came for {here} of {count} workers"));
        }
    }
    let without = plan.columns.iter().zip(&values);
    let without =
        without.filter(|(column, values)| **values == 0 && matches!(column.read, Read::Paths(..)));
    let without: Vec<&str> = without.map(|it| it.0.name.as_str()).collect();
    if !without.is_empty() {
        checked.good(format!(
            "without a value among those looked at: {}; check the paths if that is a surprise",
            without.join(", ")
        ));
    }
    Ok(checked)
}
