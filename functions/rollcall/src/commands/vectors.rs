//! Files that `--vectors` takes: many cases at once, each with an id.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

/// A JSON file, or stdin where the path is `-`.
pub(super) fn json(path: &Path, what: &str) -> anyhow::Result<Json> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin()
            .read_to_string(&mut text)
            .with_context(|| format!("the {what} cannot be read from stdin"))?;
    } else {
        text = std::fs::read_to_string(path)
            .with_context(|| format!("{}: the {what} cannot be read", path.display()))?;
    }
    serde_json::from_str(&text).with_context(|| format!("{}: this is no JSON", path.display()))
}

/// The vectors of a file: a list of them, or an object with such a list as `vectors`.
///
/// # Errors
///
/// The file cannot be read, or a vector in it is none: it is named by its place and its id.
pub(super) fn read<V: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<V>> {
    let mut file = json(path, "vectors")?;
    let list = match file.get_mut("vectors") {
        Some(list) => list.take(),
        None => file,
    };
    let Json::Array(list) = list else {
        anyhow::bail!(
            "{}: a list of vectors is expected, or an object with one as `vectors`",
            path.display()
        );
    };
    let vector = |(at, vector): (usize, Json)| {
        let id = vector["id"].as_str().unwrap_or("no id").to_owned();
        serde_json::from_value(vector)
            .with_context(|| format!("{}: vector {} ({id})", path.display(), at + 1))
    };
    list.into_iter().enumerate().map(vector).collect()
}
