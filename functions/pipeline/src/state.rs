//! The state as Parquet: a base and deltas, compacted now and then.
//!
//! Hot columns are read on every run, the record of a person only where a run touches it. The
//! files open in DuckDB, pandas or Athena. Invariant: rows of a file are ascending by key, each
//! key once; of several files the newest one that has a key wins.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, FixedSizeBinaryBuilder, StringBuilder, TimestampMillisecondBuilder,
    UInt8Builder,
};
use arrow_array::cast::AsArray as _;
use arrow_array::types::{TimestampMillisecondType, UInt8Type};
use arrow_array::{Array as _, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use rollcall_core::state::{Hot, Lifecycle, Person};

use crate::log::StateRef;
use crate::store::{ObjectRef, Store, StoreError};

/// Rows of one batch, in memory and in a row group's pages.
const BATCH_ROWS: usize = 4096;
/// Deltas before the state is written anew as one base.
const DELTAS_MAX: usize = 12;
const HOT_COLUMNS: [&str; 9] = [
    "key",
    "fingerprint",
    "due",
    "lifecycle",
    "misses",
    "listed",
    "unfinished",
    "held",
    "waits",
];

fn schema() -> SchemaRef {
    let field = |name: &str, kind: DataType, null: bool| Field::new(name, kind, null);
    let instant = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        field("key", DataType::FixedSizeBinary(16), false),
        field("fingerprint", DataType::FixedSizeBinary(16), false),
        field("due", instant, true),
        field("lifecycle", DataType::UInt8, false),
        field("misses", DataType::UInt8, false),
        field("listed", DataType::Boolean, false),
        field("unfinished", DataType::Boolean, false),
        field("held", DataType::Boolean, false),
        field("waits", DataType::Boolean, false),
        field("source", DataType::Utf8, false),
        field("worker", DataType::Utf8, false),
        field("person", DataType::Utf8, false),
        field("object", DataType::Utf8, true),
        field("record", DataType::Utf8, false),
    ]))
}

/// The hot columns of everybody, and where to find the rest.
#[derive(Debug, Default)]
pub struct State {
    hot: Vec<Hot>,
    places: Vec<(u16, u32)>,
    files: Vec<ObjectRef>,
}

impl State {
    /// Reads the hot columns.
    ///
    /// # Errors
    /// When a file is absent, has another hash than the log says, or cannot be read.
    pub async fn load(store: &Store, at: &StateRef) -> Result<Self, StoreError> {
        let files: Vec<ObjectRef> = at.base.iter().chain(&at.deltas).cloned().collect();
        let mut state = Self {
            files,
            ..Self::default()
        };
        for index in 0..state.files.len() {
            let bytes = fetch(store, &state.files[index]).await?;
            let newer = read_hot(&state.files[index].key, bytes)?;
            let file = u16::try_from(index).expect("a state has a handful of files");
            state.overlay(file, newer);
        }
        Ok(state)
    }

    fn overlay(&mut self, file: u16, newer: Vec<Hot>) {
        let places = |count: usize| (0..count).map(move |row| (file, row_number(row)));
        if self.hot.is_empty() {
            self.places = places(newer.len()).collect();
            self.hot = newer;
            return;
        }
        let old = std::mem::take(&mut self.hot)
            .into_iter()
            .zip(std::mem::take(&mut self.places));
        let mut old = old.peekable();
        let mut put = |hot, place| {
            self.hot.push(hot);
            self.places.push(place);
        };
        let count = newer.len();
        for (hot, place) in newer.into_iter().zip(places(count)) {
            while let Some((before, at)) = old.next_if(|(o, _)| o.key < hot.key) {
                put(before, at);
            }
            let _replaced = old.next_if(|(o, _)| o.key == hot.key);
            put(hot, place);
        }
        for (before, at) in old {
            put(before, at);
        }
    }

    /// Everybody, ascending by key.
    pub fn hot(&self) -> &[Hot] {
        &self.hot
    }

    /// One person's hot facts by key.
    pub fn find(&self, key: u128) -> Option<&Hot> {
        self.hot
            .binary_search_by_key(&key, |h| h.key)
            .ok()
            .map(|at| &self.hot[at])
    }

    /// SHA-256 over the hashes of the files: what the state is, as an input of a plan.
    pub fn sha256(&self) -> String {
        let parts: Vec<&[u8]> = self.files.iter().map(|f| f.sha256.as_bytes()).collect();
        rollcall_core::digest::sha256_parts(&parts)
    }

    /// The records of some persons, in the order asked. `indices` are places in
    /// [`State::hot`].
    ///
    /// # Errors
    /// As [`State::load`].
    pub async fn persons(
        &self,
        store: &Store,
        indices: &[usize],
    ) -> Result<Vec<Person>, StoreError> {
        let mut wanted: BTreeMap<u16, Vec<(u32, usize)>> = BTreeMap::new();
        for (slot, index) in indices.iter().enumerate() {
            let (file, row) = self.places[*index];
            wanted.entry(file).or_default().push((row, slot));
        }
        let mut out: Vec<Option<Person>> = vec![None; indices.len()];
        for (file, mut rows) in wanted {
            rows.sort_unstable();
            let file = &self.files[usize::from(file)];
            let bytes = fetch(store, file).await?;
            let records = read_records(&file.key, bytes, &rows)?;
            for (person, (_, slot)) in records.into_iter().zip(&rows) {
                out[*slot] = Some(person);
            }
        }
        out.into_iter()
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| StoreError::Corrupt {
                key: "state".to_owned(),
                why: "a file has fewer rows than its hot columns".to_owned(),
            })
    }
}

/// Writes persons, ascending by key, as the newest delta; joins everything into one base when
/// there are many.
///
/// # Errors
/// When the store fails.
pub async fn write(
    store: &Store,
    generation: u64,
    nonce: &str,
    current: &StateRef,
    changed: impl IntoIterator<Item = Result<Person, StoreError>>,
) -> Result<StateRef, StoreError> {
    let folder = format!("state/{generation:012}");
    let mut next = current.clone();
    if current.deltas.len() < DELTAS_MAX {
        let kind = if current.base.is_none() {
            "base"
        } else {
            "delta"
        };
        let Some(bytes) = encode(changed)? else {
            return Ok(next);
        };
        let file = store
            .put_new(&format!("{folder}/{kind}-{nonce}.parquet"), bytes)
            .await?;
        if next.base.is_none() {
            next.base = Some(file);
        } else {
            next.deltas.push(file);
        }
        return Ok(next);
    }
    let state = State::load(store, current).await?;
    let mut newest: BTreeMap<u128, Person> = BTreeMap::new();
    for person in changed {
        let person = person?;
        newest.insert(person.hot().key, person);
    }
    let mut everybody = Vec::with_capacity(state.hot.len());
    for chunk in (0..state.hot.len())
        .collect::<Vec<_>>()
        .chunks(16 * BATCH_ROWS)
    {
        everybody.extend(state.persons(store, chunk).await?);
    }
    for person in everybody {
        newest.entry(person.hot().key).or_insert(person);
    }
    let bytes = encode(newest.into_values().map(Ok))?.unwrap_or_default();
    let base = store
        .put_new(&format!("{folder}/base-{nonce}.parquet"), bytes)
        .await?;
    Ok(StateRef {
        base: Some(base),
        deltas: Vec::new(),
    })
}

/// `None` where there is nobody to write.
fn encode(
    persons: impl IntoIterator<Item = Result<Person, StoreError>>,
) -> Result<Option<Vec<u8>>, StoreError> {
    let schema = schema();
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_data_page_row_count_limit(BATCH_ROWS)
        .set_max_row_group_row_count(Some(64 * BATCH_ROWS))
        .build();
    let mut out = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut out, Arc::clone(&schema), Some(properties))
        .map_err(|e| corrupt("state", &e))?;
    let mut columns = Columns::default();
    let mut any = false;
    for person in persons {
        columns.push(&person?);
        any = true;
        if columns.rows == BATCH_ROWS {
            let batch = std::mem::take(&mut columns).finish(&schema);
            writer.write(&batch).map_err(|e| corrupt("state", &e))?;
        }
    }
    if columns.rows > 0 {
        writer
            .write(&columns.finish(&schema))
            .map_err(|e| corrupt("state", &e))?;
    }
    writer.close().map_err(|e| corrupt("state", &e))?;
    Ok(any.then_some(out))
}

#[derive(Debug)]
struct Columns {
    rows: usize,
    key: FixedSizeBinaryBuilder,
    fingerprint: FixedSizeBinaryBuilder,
    due: TimestampMillisecondBuilder,
    lifecycle: UInt8Builder,
    misses: UInt8Builder,
    flags: [BooleanBuilder; 4],
    texts: [StringBuilder; 5],
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            rows: 0,
            key: FixedSizeBinaryBuilder::new(16),
            fingerprint: FixedSizeBinaryBuilder::new(16),
            due: TimestampMillisecondBuilder::new().with_timezone("UTC"),
            lifecycle: UInt8Builder::new(),
            misses: UInt8Builder::new(),
            flags: std::array::from_fn(|_| BooleanBuilder::new()),
            texts: std::array::from_fn(|_| StringBuilder::new()),
        }
    }
}

impl Columns {
    fn push(&mut self, person: &Person) {
        let hot = person.hot();
        self.rows += 1;
        self.key
            .append_value(hot.key.to_be_bytes())
            .expect("16 bytes");
        self.fingerprint
            .append_value(hot.fingerprint.to_be_bytes())
            .expect("16 bytes");
        self.due.append_option(hot.due.map(ceil_millisecond));
        self.lifecycle.append_value(lifecycle_code(hot.lifecycle));
        self.misses.append_value(hot.misses);
        let flags = [hot.listed, hot.unfinished, hot.held, hot.waits];
        for (column, flag) in self.flags.iter_mut().zip(flags) {
            column.append_value(flag);
        }
        let record = serde_json::to_string(person).expect("a person is always JSON");
        let texts = [
            Some(person.source.as_str()),
            Some(person.worker.as_str()),
            Some(person.person.as_str()),
            person
                .object
                .as_ref()
                .map(rollcall_core::model::ObjectId::as_str),
            Some(record.as_str()),
        ];
        for (column, text) in self.texts.iter_mut().zip(texts) {
            column.append_option(text);
        }
    }

    fn finish(mut self, schema: &SchemaRef) -> RecordBatch {
        let mut arrays: Vec<ArrayRef> = vec![
            Arc::new(self.key.finish()),
            Arc::new(self.fingerprint.finish()),
            Arc::new(self.due.finish()),
            Arc::new(self.lifecycle.finish()),
            Arc::new(self.misses.finish()),
        ];
        arrays.extend(
            self.flags
                .iter_mut()
                .map(|c| Arc::new(c.finish()) as ArrayRef),
        );
        arrays.extend(
            self.texts
                .iter_mut()
                .map(|c| Arc::new(c.finish()) as ArrayRef),
        );
        RecordBatch::try_new(Arc::clone(schema), arrays).expect("columns follow the schema")
    }
}

/// Rounded up: nothing is looked at before it is due.
fn ceil_millisecond(at: jiff::Timestamp) -> i64 {
    let floor = at.as_millisecond();
    floor + i64::from(at.as_nanosecond() > i128::from(floor) * 1_000_000)
}

fn read_hot(key: &str, bytes: Bytes) -> Result<Vec<Hot>, StoreError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|e| corrupt(key, &e))?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), HOT_COLUMNS);
    let rows = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
    let reader = builder
        .with_projection(mask)
        .with_batch_size(16 * BATCH_ROWS)
        .build()
        .map_err(|e| corrupt(key, &e))?;
    let mut out = Vec::with_capacity(rows);
    for batch in reader {
        let batch = batch.map_err(|e| corrupt(key, &e))?;
        let bytes = |name: &str| {
            batch
                .column_by_name(name)
                .and_then(|c| c.as_fixed_size_binary_opt())
        };
        let small = |name: &str| {
            batch
                .column_by_name(name)
                .and_then(|c| c.as_primitive_opt::<UInt8Type>())
        };
        let flag = |name: &str| batch.column_by_name(name).and_then(|c| c.as_boolean_opt());
        let due = batch
            .column_by_name("due")
            .and_then(|c| c.as_primitive_opt::<TimestampMillisecondType>());
        let columns = (
            bytes("key"),
            bytes("fingerprint"),
            due,
            small("lifecycle"),
            small("misses"),
            flag("listed"),
            flag("unfinished"),
            flag("held"),
            flag("waits"),
        );
        let (
            Some(keys),
            Some(prints),
            Some(due),
            Some(lifecycle),
            Some(misses),
            Some(listed),
            Some(unfinished),
            Some(held),
            Some(waits),
        ) = columns
        else {
            return Err(corrupt(key, &"a hot column is absent or has another type"));
        };
        for row in 0..batch.num_rows() {
            out.push(Hot {
                key: number(keys.value(row)),
                fingerprint: number(prints.value(row)),
                due: due
                    .is_valid(row)
                    .then(|| jiff::Timestamp::from_millisecond(due.value(row)))
                    .transpose()
                    .map_err(|e| corrupt(key, &e))?,
                lifecycle: lifecycle_of(lifecycle.value(row))
                    .ok_or_else(|| corrupt(key, &"unknown lifecycle"))?,
                misses: misses.value(row),
                listed: listed.value(row),
                unfinished: unfinished.value(row),
                held: held.value(row),
                waits: waits.value(row),
            });
        }
    }
    Ok(out)
}

/// `rows` ascending by row number.
fn read_records(key: &str, bytes: Bytes, rows: &[(u32, usize)]) -> Result<Vec<Person>, StoreError> {
    let options = ArrowReaderOptions::new();
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes, options)
        .map_err(|e| corrupt(key, &e))?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), ["record"]);
    let mut selectors = Vec::new();
    let mut next = 0;
    for (row, _) in rows {
        let row = *row as usize;
        if row > next {
            selectors.push(RowSelector::skip(row - next));
        }
        if row >= next {
            selectors.push(RowSelector::select(1));
            next = row + 1;
        }
    }
    let reader = builder
        .with_projection(mask)
        .with_row_selection(RowSelection::from(selectors))
        .with_batch_size(BATCH_ROWS)
        .build()
        .map_err(|e| corrupt(key, &e))?;
    let mut out = Vec::with_capacity(rows.len());
    for batch in reader {
        let batch = batch.map_err(|e| corrupt(key, &e))?;
        let records = batch
            .column(0)
            .as_string_opt::<i32>()
            .ok_or_else(|| corrupt(key, &"`record` is not text"))?;
        for record in records.iter().flatten() {
            out.push(crate::store::parse(key, record.as_bytes())?);
        }
    }
    Ok(out)
}

async fn fetch(store: &Store, file: &ObjectRef) -> Result<Bytes, StoreError> {
    let mut from = store.open(&file.key).await?;
    let mut bytes = Vec::with_capacity(usize::try_from(file.bytes).unwrap_or(0));
    from.read_to_end(&mut bytes)
        .map_err(|e| corrupt(&file.key, &e))?;
    if bytes.len() as u64 != file.bytes {
        return Err(corrupt(
            &file.key,
            &"its size is not the one in the commit log",
        ));
    }
    Ok(bytes.into())
}

fn corrupt(key: &str, why: &dyn std::fmt::Display) -> StoreError {
    StoreError::Corrupt {
        key: key.to_owned(),
        why: why.to_string(),
    }
}

fn number(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |n, b| (n << 8) | u128::from(*b))
}

fn row_number(row: usize) -> u32 {
    u32::try_from(row).expect("a state file has less than four billion rows")
}

const fn lifecycle_code(lifecycle: Lifecycle) -> u8 {
    match lifecycle {
        Lifecycle::None => 0,
        Lifecycle::Created => 1,
        Lifecycle::Active => 2,
        Lifecycle::Blocked => 3,
    }
}

const fn lifecycle_of(code: u8) -> Option<Lifecycle> {
    match code {
        0 => Some(Lifecycle::None),
        1 => Some(Lifecycle::Created),
        2 => Some(Lifecycle::Active),
        3 => Some(Lifecycle::Blocked),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_core::model::{SourceName, WorkerId};

    fn person(worker: &str, revision: u32) -> Person {
        let mut person = Person::new(SourceName::new("hr"), WorkerId::new(worker));
        person.revision = revision;
        person.fingerprint = u128::from(revision) << 100;
        person.due = Some("2026-03-16T02:00:00.0000005Z".parse().unwrap());
        person.listed = true;
        person
    }

    fn sorted(mut persons: Vec<Person>) -> Vec<Result<Person, StoreError>> {
        persons.sort_by_key(|p| p.hot().key);
        persons.into_iter().map(Ok).collect()
    }

    /// The newest file wins, untouched persons stay, and joining the files changes nothing.
    #[tokio::test]
    async fn deltas_lie_over_the_base_and_are_joined_in_time() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::folder(folder.path()).unwrap();
        let mut at = StateRef::default();
        let everybody: Vec<Person> = (0..50).map(|n| person(&n.to_string(), 1)).collect();
        at = write(&store, 1, "n", &at, sorted(everybody)).await.unwrap();
        for round in 2..40_u32 {
            let some = (0..50)
                .filter(|n| n % 7 == round % 7)
                .map(|n| person(&n.to_string(), round));
            let more = person(&format!("new{round}"), round);
            let changed = sorted(some.chain([more]).collect());
            at = write(&store, u64::from(round), "n", &at, changed)
                .await
                .unwrap();
            assert!(at.deltas.len() <= DELTAS_MAX);
        }
        let state = State::load(&store, &at).await.unwrap();
        assert_eq!(state.hot().len(), 50 + 38);
        assert!(state.hot().is_sorted_by(|a, b| a.key < b.key));
        let all: Vec<usize> = (0..state.hot().len()).collect();
        for (hot, person) in state
            .hot()
            .iter()
            .zip(state.persons(&store, &all).await.unwrap())
        {
            assert_eq!(hot.key, person.hot().key);
            assert_eq!(hot.fingerprint, person.fingerprint);
            assert_eq!(hot.due.unwrap().to_string(), "2026-03-16T02:00:00.001Z");
            let expected = if let Some(round) = person.worker.as_str().strip_prefix("new") {
                round.parse().unwrap()
            } else {
                let n: u32 = person.worker.as_str().parse().unwrap();
                (2..40).rev().find(|round| n % 7 == round % 7).unwrap()
            };
            assert_eq!(person.revision, expected, "{}", person.worker);
        }
        let some = state.persons(&store, &[5, 1, 30]).await.unwrap();
        assert_eq!(some[0].hot().key, state.hot()[5].key);
        assert_eq!(some[1].hot().key, state.hot()[1].key);
        assert_eq!(some[2].hot().key, state.hot()[30].key);
    }

    #[tokio::test]
    async fn a_changed_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::folder(folder.path()).unwrap();
        let at = write(
            &store,
            1,
            "n",
            &StateRef::default(),
            sorted(vec![person("1", 1)]),
        )
        .await
        .unwrap();
        let file = at.base.clone().unwrap();
        store
            .put(&file.key, Bytes::from_static(b"PAR1"))
            .await
            .unwrap();
        assert!(matches!(
            State::load(&store, &at).await,
            Err(StoreError::Corrupt { .. })
        ));
    }
}
