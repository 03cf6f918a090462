//! The binary that Lambda starts: named `bootstrap` because the runtime asks for that.

use std::process::ExitCode;

fn main() -> ExitCode {
    rollcall_lambda::main()
}
