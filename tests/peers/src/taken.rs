//! A sink that keeps what came, for tests to look at.

use std::collections::BTreeMap;

use rollcall_source::{Record, Sink, Want};

/// One row that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number.
    pub number: u32,
    /// Whether it is held.
    pub held: bool,
    /// Values by column, without the empty ones.
    pub values: BTreeMap<String, String>,
    /// Kinds of what is odd about it, as reports call them.
    pub findings: Vec<String>,
}

/// What came of a pull.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    columns: Vec<String>,
    /// The rows in their order.
    pub rows: Vec<Row>,
    /// Bytes received.
    pub bytes: u64,
}

impl Taken {
    /// With nothing in it yet.
    pub fn of(want: &Want) -> Self {
        Self {
            columns: want.columns.clone(),
            ..Self::default()
        }
    }

    /// The only row with this value in this column.
    ///
    /// # Panics
    /// When there is none, or more than one.
    pub fn row(&self, column: &str, value: &str) -> &Row {
        let is = |row: &&Row| row.values.get(column).is_some_and(|it| it == value);
        let all: Vec<&Row> = self.rows.iter().filter(is).collect();
        assert_eq!(all.len(), 1, "{column} = {value}");
        all[0]
    }
}

impl Sink for Taken {
    fn received(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
    }

    fn record(&mut self, record: &Record<'_>) -> std::io::Result<()> {
        assert_eq!(record.values.len(), self.columns.len());
        let cells = self.columns.iter().zip(record.values);
        let cells = cells.filter(|(_, value)| !value.is_empty());
        let kind = |it: &rollcall_core::model::Finding| {
            let name = serde_json::to_value(it.kind).expect("a kind is text");
            name.as_str().unwrap_or_default().to_owned()
        };
        self.rows.push(Row {
            number: record.number,
            held: record.held,
            values: cells
                .map(|(name, it)| (name.clone(), it.to_string()))
                .collect(),
            findings: record.findings.iter().map(kind).collect(),
        });
        Ok(())
    }
}
