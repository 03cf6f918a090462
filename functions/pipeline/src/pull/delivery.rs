//! What is said of a file beside it: by its name, by a checksum, by a manifest.
//!
//! All of it checks the file and what the configuration says of it, and never takes their place: only
//! the configuration says what absence means. Two of them that differ refuse the file. Invariant: a
//! companion is read whole or not at all; one that cannot be read stops what it may be about.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use jiff::Timestamp;
use rollcall_core::delta::Coverage;
use rollcall_files::WaitsFor;
use serde::Deserialize;

use crate::store::{Listed, Store, StoreError};

/// Longest companion.
const COMPANION_BYTES_MAX: u64 = 1 << 20;
/// Endings of the names of files that say that another one is whole.
const MARKERS: [&str; 4] = [".done", ".ok", ".trg", ".ready"];

/// What may be said of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// Hashes that its bytes are to have, each with who says so.
    pub(crate) sha256: Vec<(String, String)>,
    /// How many workers are in it, and who says so.
    pub(crate) rows: Option<(u32, String)>,
    /// What it covers, and who says so.
    pub(crate) coverage: Option<(String, String)>,
    /// The moment that it describes.
    pub(crate) as_of: Option<Timestamp>,
    /// The bytes that were delivered before it, and who says so.
    pub(crate) follows: Option<(String, String)>,
    /// Why nobody can tell.
    pub(crate) broken: Option<String>,
    /// It goes with the file.
    pub(crate) own: Vec<String>,
    /// A manifest is there that nobody can read.
    unreadable_manifest: bool,
    has: Has,
}

/// Which companions are there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Has {
    checksum: bool,
    manifest: bool,
    marker: bool,
}

/// A manifest, as far as it is understood. What else is in it is for others.
#[derive(Debug, Deserialize)]
struct Manifest {
    files: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    name: String,
    #[serde(default)]
    sha256: Option<String>,
    #[serde(default)]
    rows: Option<u32>,
    #[serde(default)]
    coverage: Option<String>,
    #[serde(default)]
    as_of: Option<String>,
    #[serde(default)]
    follows: Option<String>,
}

/// All companions of an inbox.
#[derive(Debug, Default)]
pub(crate) struct Companions {
    manifests: BTreeMap<String, Manifest>,
    /// Text of checksum files, by name.
    checksums: BTreeMap<String, String>,
    /// When everything that lies there came, by name.
    names: BTreeMap<String, Timestamp>,
    /// Companions that cannot be read: name, why, and what of them was there.
    broken: Vec<(String, String, String)>,
    /// Names of files that were taken.
    taken: BTreeSet<String>,
}

impl Companions {
    /// Reads what lies beside the files of an inbox; `taken`: files that were taken before.
    pub(crate) async fn of(
        store: &Store,
        inbox: &[Listed],
        taken: BTreeSet<String>,
    ) -> Result<Self, StoreError> {
        let mut out = Self {
            taken,
            ..Self::default()
        };
        for listed in inbox {
            let Some(name) = listed.key.strip_prefix("inbox/") else {
                continue;
            };
            out.names.insert(name.to_owned(), listed.modified);
            let (manifest, checksum) = (is_manifest(name), is_checksum(name));
            if !manifest && !checksum {
                continue;
            }
            if listed.bytes > COMPANION_BYTES_MAX {
                let why = "it is larger than 1 MiB";
                out.broken
                    .push((name.to_owned(), why.to_owned(), String::new()));
                continue;
            }
            // Another run took it since the inbox was listed.
            let Some(bytes) = store.find(&listed.key).await? else {
                continue;
            };
            out.take(name, &bytes, manifest);
        }
        Ok(out)
    }

    /// Reads what lies beside a file anywhere on this machine.
    pub(crate) fn beside_file(path: &Path) -> std::io::Result<Self> {
        let mut out = Self::default();
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        for entry in std::fs::read_dir(folder.unwrap_or(Path::new(".")))? {
            let entry = entry?;
            // What is no text is the name of no companion of ours.
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let (manifest, checksum) = (is_manifest(&name), is_checksum(&name));
            if !manifest && !checksum {
                continue;
            }
            let mut bytes = Vec::new();
            let most = COMPANION_BYTES_MAX + 1;
            let read =
                File::open(entry.path()).and_then(|it| it.take(most).read_to_end(&mut bytes));
            match read {
                Ok(count) if count as u64 == most => {
                    let why = "it is larger than 1 MiB".to_owned();
                    out.broken.push((name, why, String::new()));
                }
                Ok(_) => out.take(&name, &bytes, manifest),
                Err(error) => out
                    .broken
                    .push((name, error.kind().to_string(), String::new())),
            }
        }
        Ok(out)
    }

    fn take(&mut self, name: &str, bytes: &[u8], manifest: bool) {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let why = if manifest {
            // The words of a mistake may repeat what stands there.
            match serde_json::from_slice::<Manifest>(bytes) {
                Ok(read) => {
                    self.manifests.insert(name.to_owned(), read);
                    return;
                }
                Err(e) => format!("it is no manifest from line {} on", e.line()),
            }
        } else {
            match std::str::from_utf8(bytes) {
                Ok(read) => {
                    self.checksums.insert(name.to_owned(), read.to_owned());
                    return;
                }
                Err(_) => "it is no text".to_owned(),
            }
        };
        let text = String::from_utf8_lossy(bytes).into_owned();
        self.broken.push((name.to_owned(), why, text));
    }

    /// What is said of a file.
    pub(crate) fn about(&self, file: &str) -> Said {
        let mut said = Said::default();
        for (name, why, text) in &self.broken {
            said.unreadable_manifest |= is_manifest(name);
            if beside(file, name) || (is_manifest(name) && text.contains(file)) {
                let why = format!("`{name}` beside it cannot be read: {why}");
                said.broken.get_or_insert(why);
            }
        }
        let companion = format!("{file}.sha256");
        for (name, text) in &self.checksums {
            if name.eq_ignore_ascii_case(&companion) {
                said.has.checksum = true;
                said.own.push(name.clone());
                if let Some(sum) = sum_of(text, file) {
                    said.sha256.push((sum, name.clone()));
                } else {
                    let why = format!("`{name}` beside it has no SHA-256 of this file in it");
                    said.broken.get_or_insert(why);
                }
            }
        }
        for (name, manifest) in &self.manifests {
            let entries: Vec<&Entry> = manifest.files.iter().filter(|it| it.name == file).collect();
            if entries.len() > 1 {
                let why = format!("`{name}` names it more than once");
                said.broken.get_or_insert(why);
            }
            if let Some(entry) = entries.first() {
                said.has.manifest = true;
                said.entered(entry, name);
            }
            // It goes with the last of its files, however late that comes.
            let more = |it: &Entry| it.name != file && !self.taken.contains(&it.name);
            if !entries.is_empty() && !manifest.files.iter().any(more) {
                said.own.push(name.clone());
            }
        }
        let came = self.names.get(file);
        for (name, at) in &self.names {
            // An older one is of the upload before.
            if is_marker_of(name, file) && came.is_none_or(|came| at >= came) {
                said.has.marker = true;
                said.own.push(name.clone());
            }
        }
        said
    }
}

impl Said {
    fn entered(&mut self, entry: &Entry, manifest: &str) {
        let by = || manifest.to_owned();
        let other = |had: bool, same: bool| had && !same;
        let rows = self.rows.as_ref().zip(entry.rows);
        let coverage = self.coverage.as_ref().zip(entry.coverage.as_ref());
        let differs = other(rows.is_some(), rows.is_some_and(|(a, b)| a.0 == b))
            || other(
                coverage.is_some(),
                coverage.is_some_and(|(a, b)| a.0 == b.to_ascii_lowercase()),
            );
        if differs {
            let why = format!("`{manifest}` and another manifest say different things of it");
            self.broken.get_or_insert(why);
        }
        let sums = entry.sha256.iter();
        self.sha256
            .extend(sums.map(|it| (it.to_ascii_lowercase(), by())));
        self.rows = entry.rows.map(|rows| (rows, by())).or(self.rows.take());
        let coverage = entry.coverage.as_ref();
        self.coverage = coverage
            .map(|it| (it.to_ascii_lowercase(), by()))
            .or(self.coverage.take());
        let follows = entry.follows.as_ref();
        self.follows = follows
            .map(|it| (it.to_ascii_lowercase(), by()))
            .or(self.follows.take());
        if let Some(text) = &entry.as_of {
            if let Some(at) = moment(text) {
                self.as_of = Some(at);
            } else {
                let why = format!("`as_of` of `{manifest}` is neither a day nor an instant");
                self.broken.get_or_insert(why);
            }
        }
    }

    /// What it waits for, where that is not there yet.
    pub(crate) fn waits(&self, wanted: Option<WaitsFor>) -> Option<&'static str> {
        match wanted? {
            WaitsFor::Checksum if !self.has.checksum && self.sha256.is_empty() => {
                Some("its checksum (`.sha256` behind its name)")
            }
            WaitsFor::Manifest if !self.has.manifest => Some(if self.unreadable_manifest {
                "a manifest that can be read and names it"
            } else {
                "a manifest that names it"
            }),
            WaitsFor::Marker if !self.has.marker => {
                Some("the file that says that it is whole (`.done`, `.ok`, `.trg` or `.ready`)")
            }
            WaitsFor::Checksum | WaitsFor::Manifest | WaitsFor::Marker => None,
        }
    }

    /// What speaks against bytes with this hash and so many workers: a stable kind, and words.
    pub(crate) fn differs(&self, sha256: &str, rows: u32) -> Option<(&'static str, String)> {
        if let Some((_, by)) = self.sha256.iter().find(|(sum, _)| sum != sha256) {
            let why = format!(
                "its bytes are not those that `{by}` names: the upload is not over, was broken, or \
                 another file stands under this name"
            );
            return Some(("checksum_mismatch", why));
        }
        let (told, by) = self.rows.as_ref()?;
        (*told != rows).then(|| {
            let why = format!("`{by}` says that it has {told} workers, and there are {rows}");
            ("control_total_mismatch", why)
        })
    }

    /// What speaks against its coverage: that of the configuration is the authority, and whatever else
    /// is said has to agree. `header`: what the file itself says.
    pub(crate) fn coverage_differs(
        &self,
        file: &str,
        header: Option<&str>,
        configured: &Coverage,
    ) -> Option<String> {
        let manifest = self.coverage.as_ref();
        let manifest = manifest.map(|(word, by)| (word.as_str(), format!("`{by}`")));
        let header = header.map(|word| (word, "its header".to_owned()));
        let name = named_coverage(file).map(|word| (word, "its name".to_owned()));
        let told = [manifest, header, name].into_iter().flatten();
        let configured = match configured {
            Coverage::Full => "full",
            Coverage::Partial(_) => "partial",
            Coverage::Delta => "delta",
            // Nothing is concluded from it either way.
            Coverage::Unknown => return None,
        };
        for (word, by) in told {
            if plain_coverage(word).is_none_or(|it| it != configured) {
                return Some(format!(
                    "{by} says that it is `{word}`, and the configuration reads it as {configured}: \
                     whoever is not in it would be taken for gone, or be overlooked; say \
                     `coverage = {{ full = \"*_FULL_*\", delta = \"*_DELTA_*\" }}` for a feed that \
                     sends both"
                ));
            }
        }
        None
    }
}

/// Whether a companion belongs to a file, by its name.
fn beside(file: &str, companion: &str) -> bool {
    let stem = companion.rsplit_once('.').map_or("", |(stem, _)| stem);
    stem.eq_ignore_ascii_case(file)
}

/// A list of files with what is to be known of them: `manifest-20260318.json`, `workers.manifest.json`.
fn is_manifest(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let ending = lower.rsplit_once('.').map(|(_, ending)| ending);
    ending == Some("json") && !lower.starts_with('.') && lower.contains("manifest")
}

fn is_checksum(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".sha256")
}

/// `workers.csv.done` or `workers.done` of `workers.csv`.
fn is_marker_of(name: &str, file: &str) -> bool {
    let lower = name.to_lowercase();
    let file = file.to_lowercase();
    let stem = file
        .rsplit_once('.')
        .map_or(file.as_str(), |(stem, _)| stem);
    MARKERS.iter().any(|marker| {
        let of = lower.strip_suffix(marker);
        of.is_some_and(|of| of == file || of == stem)
    })
}

/// The SHA-256 of a file in the form of `sha256sum`: `hash  name`, `hash *name`, or the hash alone.
fn sum_of(text: &str, file: &str) -> Option<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines.collect();
    let sum = |it: &str| {
        let hex = it.len() == 64 && it.bytes().all(|b| b.is_ascii_hexdigit());
        hex.then(|| it.to_ascii_lowercase())
    };
    for line in &lines {
        let Some((hash, name)) = line.split_once([' ', '\t']) else {
            continue;
        };
        let name = name.trim_start().trim_start_matches('*');
        // Whoever wrote it stood in another folder.
        let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
        if name == file {
            return sum(hash);
        }
    }
    match lines.as_slice() {
        [alone] => sum(alone),
        _ => None,
    }
}

/// What a name says of coverage: words of their own between others (`workers_DELTA_2026.csv`). Two that
/// differ say both.
fn named_coverage(file: &str) -> Option<&'static str> {
    let words = file.split(|c: char| !c.is_ascii_alphanumeric());
    let said = |word: &str| match word.to_ascii_lowercase().as_str() {
        "full" => Some("full"),
        "delta" | "chg" | "incremental" => Some("delta"),
        _ => None,
    };
    let said: BTreeSet<&str> = words.filter_map(said).collect();
    match said.len() {
        0 | 1 => said.into_iter().next(),
        _ => Some("full and changes"),
    }
}

/// The same word for the same thing.
fn plain_coverage(word: &str) -> Option<&'static str> {
    match word.trim().to_ascii_lowercase().as_str() {
        "full" | "f" | "all" => Some("full"),
        "delta" | "d" | "chg" | "change" | "changes" | "incremental" => Some("delta"),
        "partial" | "p" => Some("partial"),
        _ => None,
    }
}

/// A day, at its beginning in UTC, or an instant.
fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let day: jiff::civil::Date = text.parse().ok()?;
    let start = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(start.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "45c0d24d5bd21fae4f4abbbdb555a6503654c2990155b12ea25a5d8e2e3ccee7";

    fn companions(files: &[(&str, &str)]) -> Companions {
        let mut out = Companions::default();
        for (name, text) in files {
            out.names.insert((*name).to_owned(), Timestamp::UNIX_EPOCH);
            if is_manifest(name) || is_checksum(name) {
                out.take(name, text.as_bytes(), is_manifest(name));
            }
        }
        out
    }

    #[test]
    fn a_checksum_is_read_in_every_form() {
        let upper = SUM.to_uppercase();
        for (text, found) in [
            (format!("{SUM}  a.csv\n"), true),
            (format!("{SUM} *a.csv"), true),
            (format!("{upper}\ta.csv\r\n"), true),
            (format!("{SUM}  out/hr/a.csv"), true),
            (SUM.to_owned(), true),
            (format!("{SUM}  b.csv"), false),
            (format!("{SUM}  b.csv\n{SUM}  a.csv"), true),
            ("deadbeef  a.csv".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(sum_of(&text, "a.csv").is_some(), found, "{text:?}");
            let said = companions(&[("a.csv", ""), ("a.csv.sha256", &text)]).about("a.csv");
            assert_eq!(said.broken.is_none(), found, "{text:?}");
        }
    }

    #[test]
    fn whoever_says_otherwise_is_heard() {
        let manifest = format!(
            r#"{{"feed": "x", "files": [{{"name": "a.csv", "sha256": "{SUM}", "rows": 10,
                "coverage": "full", "as_of": "2026-03-18"}}, {{"name": "b.csv"}}]}}"#
        );
        let all = companions(&[("manifest-1.json", &manifest), ("a.csv", ""), ("b.csv", "")]);
        let said = all.about("a.csv");
        assert_eq!(said.differs(SUM, 10), None);
        let kind = |sum: &str, rows| said.differs(sum, rows).map(|it| it.0);
        assert_eq!(kind("00", 10), Some("checksum_mismatch"));
        assert_eq!(kind(SUM, 9), Some("control_total_mismatch"));
        assert_eq!(said.as_of, "2026-03-18T00:00:00Z".parse().ok());
        // It stays for the other file.
        assert_eq!(said.own, Vec::<String>::new());
        // Also where that is still to come.
        let mut last = companions(&[("manifest-1.json", &manifest), ("a.csv", "")]);
        assert_eq!(last.about("a.csv").own, Vec::<String>::new());
        last.taken.insert("b.csv".to_owned());
        assert_eq!(last.about("a.csv").own, ["manifest-1.json"]);
        assert_eq!(last.about("c.csv"), Said::default());
    }

    #[test]
    fn what_cannot_be_read_stops_what_it_may_be_about() {
        let cut = "{\"files\": [{\"name\": \"a.csv\", \"ro";
        let all = companions(&[("manifest-1.json", cut), ("a.csv.sha256", SUM)]);
        let why = all.about("a.csv").broken.unwrap_or_default();
        assert!(
            why.contains("manifest-1.json") && !why.contains("ro\""),
            "{why}"
        );
        // Of another feed, unless this one goes by manifests.
        let other = all.about("b.csv");
        assert_eq!(other.broken, None);
        assert!(other.waits(Some(WaitsFor::Manifest)).is_some());
    }

    #[test]
    fn coverage_is_said_by_the_configuration_and_checked_by_the_rest() {
        let (full, delta) = (Coverage::Full, Coverage::Delta);
        for (file, header, configured, agrees) in [
            ("w_FULL_2026.csv", None, &full, true),
            ("w_FULL_2026.csv", None, &delta, false),
            ("w_FULL_TIME_CHG_2026.csv", None, &full, false),
            ("w_DELTA_2026.csv", None, &full, false),
            ("w_DELTA_2026.csv", None, &delta, true),
            ("w_DELTA_2026.csv", None, &Coverage::Unknown, true),
            ("wonderful.csv", None, &delta, true),
            ("w.csv", Some("FULL"), &full, true),
            ("w.csv", Some("delta"), &full, false),
            ("w.csv", Some("whatever"), &full, false),
        ] {
            let differs = Said::default().coverage_differs(file, header, configured);
            assert_eq!(
                differs.is_none(),
                agrees,
                "{file} {header:?} {configured:?}"
            );
        }
    }

    #[test]
    fn a_marker_has_the_name_of_its_file() {
        for (name, is) in [
            ("workers.csv.done", true),
            ("workers.DONE", true),
            ("workers.trg", true),
            ("other.done", false),
            ("workers.csv", false),
        ] {
            assert_eq!(is_marker_of(name, "workers.csv"), is, "{name}");
        }
        let all = companions(&[("w.csv", ""), ("w.done", "")]);
        assert_eq!(all.about("w.csv").waits(Some(WaitsFor::Marker)), None);
        assert!(all.about("v.csv").waits(Some(WaitsFor::Marker)).is_some());
        assert!(all.about("w.csv").waits(Some(WaitsFor::Checksum)).is_some());
        assert_eq!(all.about("v.csv").waits(None), None);
    }
}
