//! The rows of a long table as data in the page: `report.js` finds, sorts and draws them.
//!
//! 100,000 changes have to stay a page that opens at once, so every text stands once and a row is a
//! number in each column. Invariant: a number is a place in `strings`, whatever the column; the
//! first three are nothing, and the two that are said of HR's values and not by HR.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::rows::{ABSENT, Differs, EMPTY, Shown};
use super::visible::push_json;

/// Texts that HR cannot say: they come first, and HR's own text of the same letters comes again.
const SAID: [&str; 3] = ["", ABSENT, EMPTY];

/// The data of one table, row by row.
pub(super) struct Data<'a> {
    /// JSON strings, with commas between.
    strings: String,
    known: BTreeMap<Cow<'a, str>, u32>,
    next: u32,
    /// As the first row has them.
    columns: Vec<(&'static str, String)>,
    /// Attributes of each row, and three places for each attribute: name, before, after.
    counts: String,
    values: String,
}

impl Default for Data<'_> {
    fn default() -> Self {
        let mut strings = String::new();
        for said in SAID {
            if !strings.is_empty() {
                strings.push(',');
            }
            push_json(&mut strings, said);
        }
        Self {
            strings,
            known: BTreeMap::new(),
            next: 3,
            columns: Vec::new(),
            counts: String::new(),
            values: String::new(),
        }
    }
}

impl<'a> Data<'a> {
    /// One more row: the text of each column, empty where there is nothing. All rows of a table
    /// have the same columns.
    pub(super) fn row<const N: usize>(
        &mut self,
        cells: [(&'static str, Cow<'a, str>); N],
        values: &[Differs<'a>],
    ) {
        for (i, (name, cell)) in cells.into_iter().enumerate() {
            let place = self.place(cell);
            if self.columns.len() == i {
                self.columns.push((name, String::new()));
            }
            push_number(&mut self.columns[i].1, place);
        }
        let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
        push_number(&mut self.counts, count);
        for it in values {
            let name = self.place(it.name.into());
            let before = self.shown(&it.before);
            let after = self.shown(&it.after);
            for place in [name, before, after] {
                push_number(&mut self.values, place);
            }
        }
    }

    /// The element that `report.js` looks for.
    pub(super) fn element(&self, table: &str, out: &mut String) {
        let put = |out: &mut String, text: std::fmt::Arguments<'_>| {
            out.write_fmt(text)
                .expect("writing to a String cannot fail");
        };
        put(
            out,
            format_args!("<script type=\"application/json\" id=\"data-{table}\">"),
        );
        put(out, format_args!("{{\"strings\":[{}]", self.strings));
        out.push_str(",\"columns\":{");
        for (i, (name, places)) in self.columns.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            put(out, format_args!("{comma}\"{name}\":[{places}]"));
        }
        put(
            out,
            format_args!(
                "}},\"counts\":[{}],\"values\":[{}]}}</script>\n",
                self.counts, self.values
            ),
        );
    }

    fn shown(&mut self, shown: &Shown<'a>) -> u32 {
        match (shown.said, shown.text.as_ref()) {
            (true, ABSENT) => 1,
            (true, _) => 2,
            (false, _) => self.place(shown.text.clone()),
        }
    }

    fn place(&mut self, text: Cow<'a, str>) -> u32 {
        if text.is_empty() {
            return 0;
        }
        if let Some(place) = self.known.get(&text) {
            return *place;
        }
        let place = self.next;
        self.next += 1;
        self.strings.push(',');
        push_json(&mut self.strings, &text);
        self.known.insert(text, place);
        place
    }
}

fn push_number(out: &mut String, n: u32) {
    if !out.is_empty() {
        out.push(',');
    }
    write!(out, "{n}").expect("writing to a String cannot fail");
}
