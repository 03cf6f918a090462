//! Files that `--vectors` takes: many cases at once, each with an id.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::exit::Exit;
use crate::printer::Printer;

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
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    serde_json::from_str(text).with_context(|| format!("{}: this is no JSON", path.display()))
}

/// A vector of a file.
struct Vector<V> {
    /// Its own name, whatever kind of value that is.
    id: Json,
    /// What it says; or why it says nothing, without any value of it.
    case: Result<V, String>,
}

/// The vectors of a file: a list of them, or an object with such a list as `vectors`.
///
/// # Errors
///
/// The file cannot be read, or is no such list. One vector that is none is no reason to lose the
/// others.
fn read<V: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<Vector<V>>> {
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
    let vector = |vector: Json| Vector {
        id: vector.get("id").cloned().unwrap_or_default(),
        case: serde_json::from_value(vector).map_err(|e| without_values(&e.to_string())),
    };
    Ok(list.into_iter().map(vector).collect())
}

/// One JSON line for each vector of a file: what `answer` makes of it, or why it is none.
///
/// # Errors
///
/// See [`read`].
pub(super) fn answer<V: DeserializeOwned>(
    path: &Path,
    printer: &Printer,
    answer: impl Fn(&Json, V) -> Result<Json, String>,
) -> anyhow::Result<Exit> {
    let mut exit = Exit::Done;
    for Vector { id, case } in read::<V>(path)? {
        printer.json(&match case.and_then(|case| answer(&id, case)) {
            Ok(mut out) => {
                out["id"] = id;
                out
            }
            Err(why) => {
                exit = Exit::Flawed;
                refused(&id, &why)
            }
        });
    }
    Ok(exit)
}

/// The line of a vector that is none.
fn refused(id: &Json, why: &str) -> Json {
    serde_json::json!({"id": id, "error": {"kind": "no-vector", "message": why}})
}

/// What is wrong with a value, without the value: it may be somebody's.
fn without_values(error: &str) -> String {
    if let Some((_, expected)) = error.rsplit_once(", expected ") {
        return format!("a value is of another kind; expected {expected}");
    }
    let named = ["missing field", "unknown field", "duplicate field"];
    if named.iter().any(|kind| error.starts_with(kind)) {
        return error.to_owned();
    }
    "a value is of another form than its field takes".to_owned()
}
