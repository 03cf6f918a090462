//! One function a command.

mod ahead;
mod approve;
mod check;
mod compare;
mod demo;
mod erase;
mod eval;
mod explain;
mod forecast;
mod groups;
mod halt;
mod lifecycle;
mod mappings;
mod notice;
mod pass;
mod policy;
pub(crate) mod profile;
mod read;
mod reconcile;
mod rehearsal;
mod rule;
mod schema;
mod serve;
mod status;
mod undo;
mod vectors;
mod verify;

use std::sync::Arc;

use crate::args::{Command, Mappings, PolicyCommand, Rehearsal};
use crate::exit::Exit;
use crate::init;
use crate::printer::Printer;
use crate::wiring::Wrap;

pub(crate) fn dispatch(
    command: Command,
    printer: &Arc<Printer>,
    wrap: &dyn Wrap,
) -> anyhow::Result<Exit> {
    match command {
        Command::Demo(args) => demo::demo(&args, printer),
        Command::Init(args) => init::init(&args, printer),
        Command::Check(args) => check::check(&args, printer, wrap),
        Command::Run(args) => pass::run(&args, printer, wrap),
        Command::Serve(args) => serve::serve(&args, printer, wrap),
        Command::Pull(args) => pass::pull(&args, printer, wrap),
        Command::Plan(args) => pass::plan(&args, printer, wrap),
        Command::Release(args) => pass::release(&args, printer, wrap),
        Command::Apply(args) => pass::apply(&args, printer, wrap),
        Command::Report(args) => pass::report(&args, printer, wrap),
        Command::Show(args) => pass::show(&args, printer, wrap),
        Command::Explain(args) => explain::explain(&args, printer, wrap),
        Command::Approve(args) => approve::approve(&args, printer, wrap),
        Command::Undo(args) => undo::undo(&args, printer, wrap),
        Command::Dismiss(args) => notice::dismiss(&args, printer, wrap),
        Command::Hold(args) => notice::hold(&args, printer, wrap),
        Command::Lift(args) => notice::lift(&args, printer, wrap),
        Command::Device(args) => notice::device(&args, printer, wrap),
        Command::Halt(args) => halt::halt(&args, printer, wrap),
        Command::Resume(args) => halt::resume(&args, printer, wrap),
        Command::Reconcile(args) => reconcile::reconcile(&args, printer, wrap),
        Command::Status(args) => status::status(&args, printer, wrap),
        Command::Erase(args) => erase::erase(&args, printer, wrap),
        Command::Verify(args) => verify::verify(&args, printer, wrap),
        Command::Read(args) => read::read(&args, printer),
        Command::Profile(args) => profile::profile(&args, printer),
        Command::Eval(args) => eval::eval(&args, printer),
        Command::Rule(args) => rule::rule(&args, printer, wrap),
        Command::Groups(args) => groups::groups(&args, printer, wrap),
        Command::Forecast(args) => forecast::forecast(&args, printer, wrap),
        Command::Policy(PolicyCommand::Lint(args)) => policy::lint(&args, printer),
        Command::Policy(PolicyCommand::Test(args)) => policy::test(&args, printer),
        Command::Policy(PolicyCommand::Diff(args)) => compare::diff(&args, printer, wrap),
        Command::Policy(PolicyCommand::Workflows(args)) => lifecycle::workflows(&args, printer),
        Command::ImportWorkflow(args) => lifecycle::import_workflow(&args, printer),
        Command::ImportSchema(args) => schema::import(&args, printer),
        Command::ExportSchema(args) => schema::export(&args, printer),
        Command::Mappings(Mappings::Test(args)) => mappings::test(&args, printer),
        Command::Mappings(Mappings::Lint(args)) => mappings::lint(&args, printer),
        Command::Rehearsal(Rehearsal::Serve(args)) => rehearsal::serve(&args, printer),
        Command::Rehearsal(Rehearsal::Import(args)) => rehearsal::import(&args, printer),
    }
}
