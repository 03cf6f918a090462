//! This program as the command line.

use std::process::Command;

use crate::gate::HARNESS;

/// Set where this program is to be `rollcall`.
pub(crate) const AS_CLI: &str = "ROLLCALL_TEST_CLI";

/// Runs this program as the command line; gives its stdout.
pub(crate) fn rollcall(args: &[&str], code: i32) -> String {
    rollcall_as(HARNESS, None, args, code)
}

/// The same with the credentials of somebody, and through a gate.
pub(crate) fn rollcall_as(key: &str, gate: Option<u16>, args: &[&str], code: i32) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    if let Some(port) = gate {
        command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
    }
    let output = command
        .args(args)
        .env(AS_CLI, "1")
        .env("AWS_ACCESS_KEY_ID", key)
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {err}");
    String::from_utf8(output.stdout).unwrap()
}

/// A starter in a folder. Everybody of these tests moves at once, and that is meant.
pub(crate) fn init(dir: &str) {
    rollcall(&["init", dir, "--source", "csv2scim"], 0);
    let file = std::path::Path::new(dir).join("policy.toml");
    let policy = std::fs::read_to_string(&file).unwrap();
    let gates = "[gates]\n";
    assert!(policy.contains(gates));
    let policy = policy.replace(gates, "[gates]\nchurn_pct = 100.0\n");
    std::fs::write(file, policy).unwrap();
}
