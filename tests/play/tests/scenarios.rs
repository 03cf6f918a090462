//! Every scenario of the repository, played with core alone: what `policy test` does, without the
//! command line.

use std::path::{Path, PathBuf};

use rollcall_core::scenario::{Case, judge, play};

fn cases(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(folder);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let files = files.map(|it| it.expect("a file").path());
    let mut files: Vec<PathBuf> = files
        .filter(|it| it.extension().is_some_and(|it| it == "yaml"))
        .collect();
    files.sort();
    files
}

fn all_pass(folder: &str, at_least: usize) {
    let files = cases(folder);
    assert!(files.len() >= at_least, "{} files", files.len());
    for file in files {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(&file).expect("a text");
        let case = Case::parse(&text, &name).unwrap_or_else(|e| panic!("{e}"));
        let played = play(&case).unwrap_or_else(|e| panic!("{name}: {e}"));
        let verdict = judge(&case, &played);
        assert!(verdict.passed(), "{name}: {}", verdict.problems.join("\n"));
    }
}

#[test]
fn the_shipped_cases() {
    all_pass("mappings/p0/cases", 20);
}

#[test]
fn the_cases_from_the_words_of_the_policy() {
    all_pass("tests/scenarios", 140);
}
