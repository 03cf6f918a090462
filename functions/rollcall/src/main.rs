//! The `rollcall` binary: everything is in the library, so that tests can call it too.

use std::process::ExitCode;

fn main() -> ExitCode {
    rollcall::main(std::env::args_os())
}
