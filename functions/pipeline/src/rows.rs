//! Sealed rows as planning reads them: streamed for the index, fetched one by one where a
//! person is touched.

use std::fs::File;
use std::sync::Arc;

use rollcall_core::mapping::{Bound, ExplainedAttribute, Fact, Given, Mapped, Mapping};
use rollcall_core::model::Finding;
use rollcall_files::{Sealed, SealedReader, SealedRecord, fingerprint};

use crate::store::{ObjectRef, Store, StoreError};

/// Why sealed rows cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// They cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The mapping was changed after they were sealed, and reads columns that they lack.
    #[error("{0}")]
    Unbound(String),
}

/// The sealed rows of one delivery.
pub struct SealedRows {
    reader: SealedReader<File>,
    bound: Arc<Bound>,
    store_key: String,
    findings: Vec<Finding>,
}

/// One row as it streams by.
#[derive(Debug)]
pub struct Scanned<'a> {
    /// Row as a spreadsheet counts.
    pub row: u32,
    /// The key, where it could be read and has the declared pattern.
    pub key: Option<&'a str>,
    /// The person whose employment the row is, where HR says that.
    pub person: Option<&'a str>,
    /// There is a key, but not of the declared pattern.
    pub odd_key: Option<&'a str>,
    /// The status as HR writes it.
    pub status: &'a str,
    /// Not to be believed.
    pub held: bool,
    /// Hash over everything that is read.
    pub fingerprint: u128,
    /// Where the row begins.
    pub byte: u64,
}

impl<'a> Scanned<'a> {
    fn of(row: &Sealed<'a>, bound: &Bound, scratch: &mut Vec<u8>) -> Self {
        let person = bound.person().and_then(|at| row.value(at));
        Self {
            row: row.row,
            key: row.key().filter(|key| bound.is_key(key)),
            person: person.filter(|it| !it.is_empty()),
            odd_key: row.key().filter(|key| !bound.is_key(key)),
            status: bound
                .status()
                .and_then(|at| row.value(at))
                .unwrap_or_default(),
            held: row.held,
            fingerprint: fingerprint(row.values(), scratch),
            byte: row.byte,
        }
    }
}

/// One row that was fetched.
#[derive(Debug)]
pub struct Fetched {
    record: SealedRecord,
    key: usize,
}

impl Fetched {
    /// The key, where it could be read.
    pub fn key(&self) -> Option<&str> {
        Some(self.record.value(self.key)).filter(|k| !k.is_empty())
    }

    /// Row as a spreadsheet counts.
    pub fn number(&self) -> u32 {
        self.record.row
    }

    /// The reader does not believe it.
    pub fn held(&self) -> bool {
        self.record.held
    }
}

impl SealedRows {
    /// Opens sealed rows; `findings` are those that the reader noted when it sealed them.
    ///
    /// # Errors
    /// When nothing is stored there, or the rows lack a column that the mapping reads.
    pub async fn open(
        store: &Store,
        rows: &ObjectRef,
        findings: &ObjectRef,
        mapping: &Mapping,
    ) -> Result<Self, OpenError> {
        let corrupt = |why: String| StoreError::Corrupt {
            key: rows.key.clone(),
            why,
        };
        let from = store.open(&rows.key).await?;
        let reader =
            SealedReader::open(from, mapping.key_column()).map_err(|e| corrupt(e.to_string()))?;
        let bound = mapping.bind(reader.columns()).map_err(|missing| {
            OpenError::Unbound(format!(
                "the mapping now reads {}, which this delivery was not sealed with; put the file \
                 into the inbox again",
                missing.join(", ")
            ))
        })?;
        let mut found = Vec::new();
        let bytes = store.get(&findings.key).await?;
        for line in bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
            found.push(crate::store::parse(&findings.key, line)?);
        }
        Ok(Self {
            reader,
            bound: Arc::new(bound),
            store_key: rows.key.clone(),
            findings: found,
        })
    }

    /// What the reader noted.
    pub fn findings(&self) -> Vec<Finding> {
        self.findings.clone()
    }

    /// Header name of the key column.
    pub fn key_column(&self) -> String {
        self.reader.columns()[self.bound.key()].clone()
    }

    /// Streams every row, in the order of the file.
    ///
    /// # Errors
    /// When a row cannot be read back.
    pub fn scan(&mut self, mut each: impl FnMut(&Scanned<'_>)) -> Result<(), StoreError> {
        let mut scratch = Vec::new();
        let bound = Arc::clone(&self.bound);
        let result = self
            .reader
            .scan(|row| each(&Scanned::of(row, &bound, &mut scratch)));
        result.map_err(|e| self.fail(&e))
    }

    /// The same with each row through the mapping, where its key can be read.
    ///
    /// # Errors
    /// When a row cannot be read back.
    pub fn scan_mapped(
        &mut self,
        given: &Given<'_>,
        mut each: impl FnMut(&Scanned<'_>, Option<Mapped>),
    ) -> Result<(), StoreError> {
        let mut scratch = Vec::new();
        let bound = Arc::clone(&self.bound);
        let result = self.reader.scan(|row| {
            let scanned = Scanned::of(row, &bound, &mut scratch);
            let value = |at| row.value(at).unwrap_or_default();
            let mapped = scanned.key.map(|_| bound.map(&value, row.row, given));
            each(&scanned, mapped);
        });
        result.map_err(|e| self.fail(&e))
    }

    /// The row that begins at a byte.
    ///
    /// # Errors
    /// When it cannot be read back.
    pub fn at(&mut self, byte: u64) -> Result<Fetched, StoreError> {
        match self.reader.at(byte) {
            Ok(record) => Ok(Fetched {
                record,
                key: self.bound.key(),
            }),
            Err(e) => Err(self.fail(&e)),
        }
    }

    /// A row through the mapping.
    pub fn map(&self, row: &Fetched, given: &Given<'_>) -> Mapped {
        self.bound
            .map(&|at| row.record.value(at), row.record.row, given)
    }

    /// The facts of a row, and how each of its attributes comes about. Personal.
    pub fn explain(
        &self,
        row: &Fetched,
        given: &Given<'_>,
    ) -> (Vec<Fact>, Vec<ExplainedAttribute>) {
        let value = |at| row.record.value(at);
        (self.bound.facts(&value), self.bound.explain(&value, given))
    }

    /// Whether HR says whose employment a row is.
    pub fn has_persons(&self) -> bool {
        self.bound.person().is_some()
    }

    /// The person of a row.
    pub fn person(&self, row: &Fetched) -> Option<String> {
        let text = row.record.value(self.bound.person()?);
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The manager that a row names.
    pub fn manager(&self, row: &Fetched) -> Option<String> {
        let text = row.record.value(self.bound.manager()?);
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn fail(&self, error: &std::io::Error) -> StoreError {
        StoreError::Corrupt {
            key: self.store_key.clone(),
            why: error.to_string(),
        }
    }
}
