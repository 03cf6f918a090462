//! One attribute of one record: read, typed, and told apart from none and from unknown.
//!
//! Invariant: a value that is not of its form, one that the source keeps to itself and several where
//! one is wanted never become empty text: the row is held.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rollcall_core::model::{FindingKind, text_shape};
use rollcall_source::clean;
use serde_json::Value as Json;

use crate::config::{AttributeConfig, Missing, Several, Typed};
use crate::path::Path;

/// What stands between joined values and parts, where nobody says.
const BETWEEN: &str = "; ";
/// From here on a floating-point number no longer tells neighbours apart: 2^53.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// An attribute, ready to be read.
#[derive(Debug, Clone)]
pub(crate) struct Attribute {
    pub(crate) paths: Vec<Path>,
    between: String,
    form: Form,
    several: Several,
    separator: String,
    missing: Missing,
}

#[derive(Debug, Clone)]
enum Form {
    Text,
    Date {
        written: Written,
        zone: Option<TimeZone>,
        none: Vec<String>,
    },
    Boolean {
        yes: Vec<String>,
        no: Vec<String>,
    },
}

#[derive(Debug, Clone)]
enum Written {
    Iso,
    Format(String),
    /// Units in a second.
    Epoch(i64),
}

/// What a record says of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reading<'a> {
    /// This.
    Value(Cow<'a, str>),
    /// That there is none.
    Empty,
    /// Nothing.
    Missing,
    /// Something that is not to be believed.
    Odd(FindingKind, String),
}

impl Attribute {
    /// An attribute of a configuration.
    ///
    /// # Errors
    /// What is wrong with it, each in a line that begins with `place`.
    pub(crate) fn new(
        place: &str,
        config: &AttributeConfig,
        missing: Missing,
    ) -> Result<Self, Vec<String>> {
        let spec = config.spec();
        let mut problems = Vec::new();
        let written: Vec<&String> = spec.at.iter().chain(&spec.parts).collect();
        if spec.at.is_some() != spec.parts.is_empty() {
            problems.push(format!("{place}: say either `at` or `parts`"));
        }
        let mut paths = Vec::new();
        for text in written {
            match Path::parse(text) {
                Ok(path) => paths.push(path),
                Err(error) => problems.push(format!("{place}: `{text}` is no path: {error}")),
            }
        }
        let only = |is: bool, key: &str, of: &str, problems: &mut Vec<String>| {
            if is {
                problems.push(format!("{place}: `{key}` is for {of}"));
            }
        };
        let date = spec.typed == Typed::Date;
        let boolean = spec.typed == Typed::Boolean;
        only(
            spec.format.is_some() && !date,
            "format",
            "days (`type = \"date\"`)",
            &mut problems,
        );
        only(
            !spec.none.is_empty() && !date,
            "none",
            "days (`type = \"date\"`)",
            &mut problems,
        );
        only(
            spec.zone.is_some() && !date,
            "zone",
            "days (`type = \"date\"`)",
            &mut problems,
        );
        let words = !spec.yes.is_empty() || !spec.no.is_empty();
        only(
            words && !boolean,
            "true` and `false",
            "`type = \"boolean\"`",
            &mut problems,
        );
        only(
            spec.separator.is_some() && spec.several != Several::Join,
            "separator",
            "`several = \"join\"`",
            &mut problems,
        );
        only(
            spec.between.is_some() && spec.parts.is_empty(),
            "between",
            "`parts`",
            &mut problems,
        );
        let both = |word: &&String| spec.no.iter().any(|no| no.eq_ignore_ascii_case(word));
        if let Some(word) = spec.yes.iter().find(both) {
            problems.push(format!("{place}: `{word}` cannot mean both yes and no"));
        }
        let of_day = matches!(spec.format.as_deref(), Some(it) if !it.starts_with("epoch_"));
        only(
            spec.zone.is_some() && of_day,
            "zone",
            "instants, which a `format` of days has none of",
            &mut problems,
        );
        let zone = spec.zone.and_then(|name| {
            let found = TimeZone::get(&name).ok();
            if found.is_none() {
                problems.push(format!("{place}: `zone`: `{name}` is no time zone"));
            }
            found
        });
        let form = match spec.typed {
            Typed::Text => Form::Text,
            Typed::Boolean => Form::Boolean {
                yes: spec.yes,
                no: spec.no,
            },
            Typed::Date => Form::Date {
                written: match spec.format.as_deref() {
                    None => Written::Iso,
                    Some("epoch_s") => Written::Epoch(1),
                    Some("epoch_ms") => Written::Epoch(1000),
                    Some(format) => {
                        if !is_day_format(format) {
                            problems.push(format!(
                                "{place}: `format` is `%Y`, `%m` and `%d` with what stands between, \
                                 `epoch_s` or `epoch_ms`"
                            ));
                        }
                        Written::Format(format.to_owned())
                    }
                },
                zone,
                none: spec.none,
            },
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            paths,
            between: spec.between.unwrap_or_default(),
            form,
            several: spec.several,
            separator: spec.separator.unwrap_or_else(|| BETWEEN.to_owned()),
            missing: spec.missing.unwrap_or(missing),
        })
    }

    /// The member of this name, as it is.
    pub(crate) fn named(name: &str, missing: Missing) -> Option<Self> {
        Some(Self {
            paths: vec![Path::member(name)?],
            between: String::new(),
            form: Form::Text,
            several: Several::Hold,
            separator: BETWEEN.to_owned(),
            missing,
        })
    }

    /// What a record says. `restricted`: names of members that whoever asks may not see; `key`:
    /// whether the value names the worker.
    pub(crate) fn read<'a>(
        &self,
        record: &'a Json,
        fold: bool,
        restricted: &BTreeSet<&str>,
        key: bool,
    ) -> Reading<'a> {
        let mut parts = Vec::with_capacity(self.paths.len());
        for path in &self.paths {
            match self.part(path, record, fold, restricted, key) {
                Reading::Value(text) => parts.push(text),
                other @ (Reading::Empty | Reading::Missing | Reading::Odd(..)) => return other,
            }
        }
        match parts.len() {
            1 => parts.pop().map_or(Reading::Empty, Reading::Value),
            _ => Reading::Value(Cow::Owned(parts.join(&self.between))),
        }
    }

    /// A day that is written as an instant of UTC at some time of day, and no zone says whose day it is.
    pub(crate) fn is_bare_instant(&self, record: &Json, fold: bool) -> bool {
        let Form::Date {
            written: Written::Iso,
            zone: None,
            none,
        } = &self.form
        else {
            return false;
        };
        let values = self.paths.iter().map(|it| it.find(record, fold).values);
        values.flatten().filter_map(Json::as_str).any(|text| {
            let is_none = none.iter().any(|it| text.starts_with(it.as_str()));
            let is_utc = text.ends_with(['Z', 'z']) || text.ends_with("+00:00");
            let is_instant = is_utc && !is_none && text.parse::<Timestamp>().is_ok();
            // How a day alone is written. With the offset of a place the day is that of the place.
            let of_day = ["00:00:00", "12:00:00", "23:59:59"];
            is_instant && !text.get(11..19).is_some_and(|it| of_day.contains(&it))
        })
    }

    /// What it means that a record says nothing.
    pub(crate) fn missing(&self) -> Missing {
        self.missing
    }

    fn part<'a>(
        &self,
        path: &Path,
        record: &'a Json,
        fold: bool,
        restricted: &BTreeSet<&str>,
        key: bool,
    ) -> Reading<'a> {
        let mut names = path.names();
        if !restricted.is_empty() && names.any(|name| restricted.contains(name)) {
            let why = "the source does not show it to whoever asks";
            return Reading::Odd(FindingKind::ValueUnknown, why.to_owned());
        }
        let found = path.find(record, fold);
        if found.values.is_empty() {
            return if found.none_fits {
                Reading::Empty
            } else {
                Reading::Missing
            };
        }
        let flat = found.values.into_iter().flat_map(|value| match value {
            Json::Array(items) => items.as_slice(),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
                std::slice::from_ref(value)
            }
        });
        let mut texts: Vec<Cow<'a, str>> = Vec::new();
        for value in flat {
            let text = match scalar(value, key).and_then(|text| self.typed(text)) {
                Ok(Some(text)) => text,
                Ok(None) => continue,
                Err((kind, why)) => return Reading::Odd(kind, why),
            };
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        match (texts.len(), self.several) {
            (0, _) => Reading::Empty,
            (1, _) | (_, Several::First) => Reading::Value(texts.swap_remove(0)),
            (_, Several::Join) => Reading::Value(Cow::Owned(texts.join(&self.separator))),
            (count, Several::Hold) => {
                let why = format!("{count} values where one is wanted");
                Reading::Odd(FindingKind::SeveralValues, why)
            }
        }
    }

    fn typed<'a>(&self, text: Option<Cow<'a, str>>) -> Result<Option<Cow<'a, str>>, Odd> {
        let Some(text) = text.filter(|it| !it.is_empty()) else {
            return Ok(None);
        };
        match &self.form {
            Form::Text => Ok(Some(text)),
            Form::Boolean { yes, no } => boolean(&text, yes, no).map(|it| Some(Cow::Borrowed(it))),
            Form::Date {
                written,
                zone,
                none,
            } => {
                let is = |day: &str| none.iter().any(|it| it == day);
                if is(&text) {
                    return Ok(None);
                }
                // A way to write that there is none is that of the day as it is written.
                let mut said = day(&text, written, None)?;
                if is(&said) {
                    return Ok(None);
                }
                if zone.is_some() {
                    said = day(&text, written, zone.as_ref())?;
                }
                Ok(Some(said).filter(|it| !is(it)).map(Cow::Owned))
            }
        }
    }
}

/// What is odd about a value.
type Odd = (FindingKind, String);

/// A value as text; `None`: there is none.
pub(crate) fn scalar(value: &Json, key: bool) -> Result<Option<Cow<'_, str>>, Odd> {
    match value {
        Json::Null => Ok(None),
        Json::Bool(true) => Ok(Some(Cow::Borrowed("true"))),
        Json::Bool(false) => Ok(Some(Cow::Borrowed("false"))),
        Json::String(text) => Ok(Some(clean(text))),
        Json::Number(number) => {
            let rounded = number.as_f64().filter(|_| number.is_f64());
            match rounded {
                Some(it) if it.abs() >= WHOLE_MAX => Err((
                    FindingKind::PrecisionLost,
                    "a number with more digits than the source keeps".to_owned(),
                )),
                Some(_) if key => Err((
                    FindingKind::KeyFromNumber,
                    "the key is a number with a fraction or an exponent".to_owned(),
                )),
                Some(_) | None => Ok(Some(Cow::Owned(number.to_string()))),
            }
        }
        Json::Array(_) | Json::Object(_) => Err((
            FindingKind::ValueForm,
            "a list or an object stands where a value is wanted".to_owned(),
        )),
    }
}

fn boolean(text: &str, yes: &[String], no: &[String]) -> Result<&'static str, Odd> {
    let is = |words: &[String]| words.iter().any(|it| it.eq_ignore_ascii_case(text));
    if text.eq_ignore_ascii_case("true") || is(yes) {
        Ok("true")
    } else if text.eq_ignore_ascii_case("false") || is(no) {
        Ok("false")
    } else {
        let why = format!("neither yes nor no: {}", text_shape(text));
        Err((FindingKind::ValueForm, why))
    }
}

/// Year, month and day, each once, and no other directive.
fn is_day_format(format: &str) -> bool {
    let mut seen = Vec::new();
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c == '%' {
            seen.extend(rest.next());
        }
    }
    seen.sort_unstable();
    matches!(
        seen.as_slice(),
        ['Y', 'd', 'm'] | ['b' | 'B', 'Y', 'd'] | ['Y', 'b' | 'B', 'd']
    )
}

/// A civil day as HR wrote it: what stands behind it moves it only where a zone is said.
fn day(text: &str, written: &Written, zone: Option<&TimeZone>) -> Result<String, Odd> {
    let odd = |kind, why: &str| (kind, format!("{why}: {}", text_shape(text)));
    let invalid = || odd(FindingKind::DateInvalid, "there is no such day");
    match written {
        Written::Iso => {
            let form = || odd(FindingKind::DateFormat, "no day such as 2026-04-01");
            let day = text.get(..10).filter(|it| is_shaped(it));
            let day = day.filter(|_| behind_a_day(&text[10..])).ok_or_else(form)?;
            let day: Date = day.parse().map_err(|_| invalid())?;
            // Only what has an offset is an instant.
            let moment = zone.and_then(|zone| Some((text.parse::<Timestamp>().ok()?, zone)));
            let day = moment.map_or(day, |(at, zone)| at.to_zoned(zone.clone()).date());
            Ok(day.to_string())
        }
        Written::Format(format) => Date::strptime(format, text)
            .map(|day| day.to_string())
            .map_err(|_| odd(FindingKind::DateFormat, "no day of the format")),
        Written::Epoch(units) => {
            let form = || odd(FindingKind::DateFormat, "no number of the epoch");
            let count: i64 = text.parse().map_err(|_| form())?;
            let millis = count.checked_mul(1000 / units).ok_or_else(invalid)?;
            let moment = Timestamp::from_millisecond(millis).map_err(|_| invalid())?;
            let zone = zone.cloned().unwrap_or(TimeZone::UTC);
            Ok(moment.to_zoned(zone).date().to_string())
        }
    }
}

/// Four digits, two, two.
fn is_shaped(day: &str) -> bool {
    let bytes = day.as_bytes();
    bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// Nothing, an offset, or a time of day.
fn behind_a_day(rest: &str) -> bool {
    let time = |c: char| c.is_ascii_digit() || ":.,+-Zz ".contains(c);
    match rest.strip_prefix(['T', 't', ' ']) {
        Some(rest) => rest.starts_with(|c: char| c.is_ascii_digit()) && rest.chars().all(time),
        None => {
            rest.is_empty()
                || rest == "Z"
                || (rest.starts_with(['+', '-'])
                    && rest.len() > 1
                    && rest[1..].bytes().all(|b| b.is_ascii_digit() || b == b':'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(config: &str, record: &Json) -> String {
        let config: AttributeConfig =
            toml::from_str::<std::collections::BTreeMap<String, AttributeConfig>>(config)
                .expect(config)
                .remove("it")
                .expect("one");
        let attribute = Attribute::new("it", &config, Missing::Hold).expect("an attribute");
        let restricted = BTreeSet::from(["salary"]);
        match attribute.read(record, false, &restricted, false) {
            Reading::Value(text) => text.into_owned(),
            Reading::Empty => "-".to_owned(),
            Reading::Missing => "?".to_owned(),
            Reading::Odd(kind, why) => format!("{kind:?}: {why}"),
        }
    }

    #[test]
    fn values_none_and_nobody_says() {
        let record = json!({
            "name": " Jose\u{301}\u{a0}Ruiz ", "none": null, "blank": "  ", "yes": true,
            "id": 90_071_992_547_409_931_i64, "fte": 0.8, "big": 1e20,
            "mails": [{"t": "w", "v": "a"}, {"t": "w", "v": "b"}, {"t": "h", "v": "a"}],
            "words": ["x", "y", "x"], "empty": [], "object": {"a": 1}, "salary": null,
            "part": {"a": "1", "b": "2", "c": null},
        });
        for (config, expected) in [
            ("it = 'name'", "José Ruiz"),
            ("it = 'none'", "-"),
            ("it = 'blank'", "-"),
            ("it = 'nobody'", "?"),
            ("it = 'none.below'", "?"),
            ("it = 'yes'", "true"),
            ("it = 'id'", "90071992547409931"),
            ("it = 'fte'", "0.8"),
            (
                "it = 'big'",
                "PrecisionLost: a number with more digits than the source keeps",
            ),
            (
                "it = 'object'",
                "ValueForm: a list or an object stands where a value is wanted",
            ),
            ("it = 'empty'", "-"),
            (
                "it = 'words'",
                "SeveralValues: 2 values where one is wanted",
            ),
            ("it = { at = 'words', several = 'first' }", "x"),
            (
                "it = { at = 'words', several = 'join', separator = '|' }",
                "x|y",
            ),
            ("it = 'mails[t eq \"h\"].v'", "a"),
            (
                "it = '$.mails[*].v'",
                "SeveralValues: 2 values where one is wanted",
            ),
            ("it = 'mails[t eq \"x\"].v'", "-"),
            (
                "it = 'salary'",
                "ValueUnknown: the source does not show it to whoever asks",
            ),
            (
                "it = { parts = ['part.a', 'part.b'], between = '-' }",
                "1-2",
            ),
            ("it = { parts = ['part.a', 'part.c'], between = '-' }", "-"),
            ("it = { parts = ['part.a', 'part.d'], between = '-' }", "?"),
        ] {
            assert_eq!(read(config, &record), expected, "{config}");
        }
    }

    #[test]
    fn instants_of_some_time_of_day_are_told() {
        let config = toml::from_str::<std::collections::BTreeMap<String, AttributeConfig>>(
            "plain = { at = 'at', type = 'date', none = ['2154-12-31'] }\n\
             said = { at = 'at', type = 'date', zone = 'UTC' }",
        );
        let config = config.expect("TOML");
        let told = |name: &str, text: &str| {
            let attribute = Attribute::new("it", &config[name], Missing::Hold).expect("sound");
            attribute.is_bare_instant(&json!({ "at": text }), false)
        };
        for (text, expected) in [
            ("2026-03-31T22:00:00Z", true),
            ("2026-03-31T22:00:00.000+00:00", true),
            ("2026-04-01T00:00:00Z", false),
            ("2026-04-01T12:00:00Z", false),
            ("2026-04-01T23:59:59Z", false),
            ("2026-04-01T00:00:00+02:00", false),
            ("2026-04-01T08:30:00-07:00", false),
            ("2154-12-31T22:00:00Z", false),
            ("2026-04-01", false),
        ] {
            assert_eq!(told("plain", text), expected, "{text}");
            assert!(!told("said", text), "{text}");
        }
    }

    #[test]
    fn days_stay_where_hr_wrote_them() {
        let open = "none = ['2154-12-31', '0000-00-00']";
        for (format, value, expected) in [
            ("", json!("2026-04-01"), "2026-04-01"),
            ("", json!("2026-04-01T23:30:00-08:00"), "2026-04-01"),
            ("", json!("2026-04-01T00:00:00Z"), "2026-04-01"),
            ("", json!("2154-12-31T23:59:59Z"), "-"),
            ("", json!("0000-00-00"), "-"),
            ("", json!(null), "-"),
            (
                "",
                json!("2026-02-30"),
                "DateInvalid: there is no such day: `9999-99-99`, 10 characters",
            ),
            (
                "",
                json!("01/04/2026"),
                "DateFormat: no day such as 2026-04-01: `99/99/9999`, 10 characters",
            ),
            (
                "",
                json!(46115),
                "DateFormat: no day such as 2026-04-01: `99999`, 5 characters",
            ),
            (
                "zone = 'Europe/Berlin',",
                json!("2026-03-31T22:00:00Z"),
                "2026-04-01",
            ),
            (
                "zone = 'America/New_York',",
                json!("2026-04-01T00:00:00+00:00"),
                "2026-03-31",
            ),
            // What means none is not moved before it is known.
            (
                "zone = 'America/New_York',",
                json!("2154-12-31T00:00:00Z"),
                "-",
            ),
            (
                "zone = 'Europe/Berlin',",
                json!("2154-12-31T23:59:59Z"),
                "-",
            ),
            // Without an offset it is no instant.
            (
                "zone = 'America/New_York',",
                json!("2026-04-01T00:00:00"),
                "2026-04-01",
            ),
            (
                "zone = 'America/New_York',",
                json!("2026-04-01"),
                "2026-04-01",
            ),
            (
                "zone = 'Europe/Berlin', format = 'epoch_s',",
                json!(1_774_994_400),
                "2026-04-01",
            ),
            ("format = '%d.%m.%Y',", json!("01.04.2026"), "2026-04-01"),
            (
                "format = '%d.%m.%Y',",
                json!("2026-04-01"),
                "DateFormat: no day of the format: `9999-99-99`, 10 characters",
            ),
            ("format = '%b %d, %Y',", json!("Apr 01, 2026"), "2026-04-01"),
            (
                "format = 'epoch_ms',",
                json!(1_775_001_600_000_i64),
                "2026-04-01",
            ),
            ("format = 'epoch_s',", json!("1775001600"), "2026-04-01"),
            (
                "format = 'epoch_s',",
                json!("soon"),
                "DateFormat: no number of the epoch: `aaaa`, 4 characters",
            ),
        ] {
            let config = format!("it = {{ at = 'd', type = 'date', {format} {open} }}");
            assert_eq!(
                read(&config, &json!({"d": value})),
                expected,
                "{format} {value}"
            );
        }
        let words = "it = { at = 'd', type = 'boolean', true = ['Active'], false = ['Inactive'] }";
        for (value, expected) in [
            (json!(true), "true"),
            (json!("FALSE"), "false"),
            (json!("active"), "true"),
            (json!("Inactive"), "false"),
            (json!(1), "ValueForm: neither yes nor no: `9`, 1 characters"),
        ] {
            assert_eq!(read(words, &json!({"d": value})), expected, "{value}");
        }
    }
}
