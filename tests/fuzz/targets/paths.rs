//! Any text as a path into any JSON: reading never panics and says where it stops, and what was read
//! finds, or says that there is none.
//!
//! The input is the path, a NUL, and the JSON.

#![no_main]

use libfuzzer_sys::fuzz_target;
use path::Path;

/// The module itself: the crate around it would bring a whole HTTP client along.
#[allow(dead_code, unreachable_pub, reason = "the crate uses the rest of it")]
#[path = "../../../connectors/rest/src/path/mod.rs"]
mod path;

fuzz_target!(|input: &str| {
    let (text, root) = input.split_once('\0').unwrap_or((input, "{}"));
    let path = match Path::parse(text) {
        Ok(path) => path,
        Err(error) => {
            assert!(error.at <= text.len() && text.is_char_boundary(error.at));
            assert!(!error.to_string().contains('\n'));
            return;
        }
    };
    assert_eq!(path.text(), text);
    let Ok(root) = serde_json::from_str(root) else {
        return;
    };
    for fold in [false, true] {
        let found = path.find(&root, fold);
        assert!(!found.none_fits || found.values.is_empty());
        assert_eq!(path.one(&root, fold).is_some(), found.values.len() == 1);
    }
});
