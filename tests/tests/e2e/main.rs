//! End to end: the command line as a user runs it, in processes of its own.
//!
//! The test program is its own command line: started with `ROLLCALL_TEST_CHILD` it is `rollcall`,
//! and can be told to die at the n-th store write or the n-th outbound call. No timers, and no
//! such switch in the product.

#![allow(
    clippy::unwrap_used,
    clippy::assigning_clones,
    reason = "a failed unwrap is a failed test, and tests read better plain"
)]

mod accidents;
mod adoption;
mod ahead;
mod approvals;
mod attack;
mod bad_input;
mod child;
mod compare;
mod deliveries;
mod determinism;
mod devices;
mod drift;
mod erasure;
mod events;
mod explain;
mod grants;
mod groups;
mod guards;
mod ids;
mod kill;
mod language;
mod lateness;
mod notices;
mod pair;
mod passes;
mod persons;
mod population;
mod profile;
mod proofs;
mod race;
mod reading;
mod reconcile;
mod retention;
mod roles;
mod rough;
mod rules;
mod sample;
mod scenarios;
mod sign_in;
mod sources;
mod status;
mod succession;
mod tamper;
mod telling;
mod undo;
mod workflows;
mod world;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    if std::env::var_os(child::CHILD).is_some() {
        return child::main();
    }
    let arguments = Arguments::from_args();
    let trials = [
        sample::trials(),
        accidents::trials(),
        adoption::trials(),
        ahead::trials(),
        approvals::trials(),
        bad_input::trials(),
        compare::trials(),
        determinism::trials(),
        devices::trials(),
        drift::trials(),
        erasure::trials(),
        events::trials(),
        explain::trials(),
        grants::trials(),
        groups::trials(),
        guards::trials(),
        attack::trials(),
        deliveries::trials(),
        pair::trials(),
        persons::trials(),
        profile::trials(),
        roles::trials(),
        rough::trials(),
        race::trials(),
        population::trials(),
        reading::trials(),
        retention::trials(),
        reconcile::trials(),
        kill::trials(),
        language::trials(),
        lateness::trials(),
        notices::trials(),
        passes::trials(),
        proofs::trials(),
        telling::trials(),
        rules::trials(),
        scenarios::trials(),
        ids::trials(),
        sign_in::trials(),
        sources::trials(),
        status::trials(),
        succession::trials(),
        tamper::trials(),
        undo::trials(),
        workflows::trials(),
    ];
    libtest_mimic::run(&arguments, trials.into_iter().flatten().collect()).exit_code()
}

/// A trial from a function that panics when something is wrong.
fn trial(name: &str, test: fn()) -> Trial {
    Trial::test(name, move || {
        test();
        Ok::<(), Failed>(())
    })
}
