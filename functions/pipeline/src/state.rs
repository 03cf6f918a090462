//! The state as Parquet: a base and deltas, compacted now and then.
//!
//! Hot columns are read on every run, the record of a person only where a run touches it: its
//! column has small pages, and the index of the file says where each begins. The files open in
//! DuckDB, pandas or Athena. Invariant: rows of a file are ascending by key, each
//! key once; of several files the newest one that has a key wins.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Seek as _, SeekFrom};
use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, FixedSizeBinaryBuilder, StringBuilder, TimestampMillisecondBuilder,
    UInt8Builder, UInt64Builder,
};
use arrow_array::cast::AsArray as _;
use arrow_array::types::{TimestampMillisecondType, UInt8Type, UInt64Type};
use arrow_array::{Array as _, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
    RowSelector,
};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::Compression;
use parquet::file::metadata::PageIndexPolicy;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use rollcall_core::digest::{WorkerHasher, worker_hash};
use rollcall_core::model::{ObjectId, PersonKey, SourceName, WorkerId};
use rollcall_core::state::{Hot, Lifecycle, Part, Person, Workers, key_prefix};

use crate::log::StateRef;
use crate::store::{ObjectRef, Store, StoreError};

/// Rows of one batch, and of a page of a hot column.
const BATCH_ROWS: usize = 4096;
/// Records of one page: what has to be unpacked to read one of them.
const RECORD_PAGE_ROWS: usize = 32;
/// Rows of a row group, which is in memory while it is written.
const GROUP_ROWS: usize = 16 * BATCH_ROWS;
/// Deltas before the state is written anew as one base.
const DELTAS_MAX: usize = 12;
const HOT_COLUMNS: [&str; 12] = [
    "key",
    "fingerprint",
    "due",
    "lifecycle",
    "misses",
    "listed",
    "unfinished",
    "held",
    "waits_for",
    "worker_key",
    "elsewhere",
    "job_keys",
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
        field("waits_for", DataType::UInt64, false),
        field("worker_key", DataType::UInt64, false),
        field("source", DataType::Utf8, false),
        field("worker", DataType::Utf8, false),
        field("person", DataType::Utf8, false),
        field("object", DataType::Utf8, true),
        field("record", DataType::Utf8, false),
        field("parts", DataType::Utf8, true),
        field("elsewhere", DataType::Boolean, false),
        field("job_keys", DataType::Utf8, true),
    ]))
}

/// The hot columns of everybody, and where to find the rest.
#[derive(Debug, Default)]
pub struct State {
    hot: Vec<Hot>,
    workers: Workers,
    places: Vec<(u16, u32)>,
    files: Vec<StateFile>,
}

/// One Parquet file, open.
#[derive(Debug)]
struct StateFile {
    at: ObjectRef,
    file: File,
    metadata: ArrowReaderMetadata,
    /// [`Person::job_keys`] of the few rows that have any.
    jobs: BTreeMap<u32, Vec<u64>>,
}

/// Whom a worker id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// Nobody whom the state knows.
    Nobody,
    /// Somebody, at a place of the state.
    One(usize),
    /// So many persons: nobody can tell who is meant.
    Several(usize),
}

impl State {
    /// Opens the files and reads the hot columns.
    ///
    /// # Errors
    /// When a file is absent, has another size than the log says, or cannot be read. Its hash is
    /// checked by `verify`.
    pub async fn load(store: &Store, at: &StateRef) -> Result<Self, StoreError> {
        Self::load_for(store, at, None).await
    }

    /// The same with fingerprints, misses and who is listed as of a source beside the home source.
    ///
    /// # Errors
    /// As for [`State::load`].
    pub async fn load_for(
        store: &Store,
        at: &StateRef,
        beside: Option<&SourceName>,
    ) -> Result<Self, StoreError> {
        let mut state = Self::default();
        for (index, at) in at.base.iter().chain(&at.deltas).enumerate() {
            let mut file = StateFile::open(store, at).await?;
            let mut newer = file.hot()?;
            if let Some(source) = beside {
                file.turn(source, &mut newer)?;
            }
            let index = u16::try_from(index).expect("a state has a handful of files");
            state.overlay(index, newer);
            state.files.push(file);
        }
        let jobs = state.places.iter().enumerate();
        let jobs = jobs.flat_map(|(at, (file, row))| {
            let keys = state.files[usize::from(*file)].jobs.get(row);
            keys.into_iter().flatten().map(move |key| (at, *key))
        });
        state.workers = Workers::of(&state.hot, jobs);
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

    /// Persons by the worker ids of their accounts and employments.
    pub fn workers(&self) -> &Workers {
        &self.workers
    }

    /// Whom a worker id names: on the account, or of any employment.
    pub fn named(&self, source: &SourceName, worker: &WorkerId) -> Named {
        let prefix = key_prefix(worker_hash(source, worker));
        let mut found = self.workers.find(&self.hot, prefix);
        match (found.next(), found.count()) {
            (None, _) => Named::Nobody,
            (Some(at), 0) => Named::One(at),
            (Some(_), more) => Named::Several(more + 1),
        }
    }

    /// The place of the only person whom a worker id names.
    pub fn place_of(&self, source: &SourceName, worker: &WorkerId) -> Option<usize> {
        match self.named(source, worker) {
            Named::One(at) => Some(at),
            Named::Nobody | Named::Several(_) => None,
        }
    }

    /// The records of those among these persons whom it has, by key.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(crate) fn known(
        &self,
        persons: &[Person],
    ) -> Result<BTreeMap<PersonKey, Person>, StoreError> {
        let at = |person: &Person| {
            let key = person.hot().key;
            self.hot().binary_search_by_key(&key, |hot| hot.key).ok()
        };
        let mut places: Vec<usize> = persons.iter().filter_map(at).collect();
        places.sort_unstable();
        let found = self.persons(&places)?.into_iter();
        Ok(found.map(|it| (it.person.clone(), it)).collect())
    }

    /// The home source that it was made with; `None` of nobody.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn home(&self) -> Result<Option<SourceName>, StoreError> {
        let first: &[usize] = if self.hot.is_empty() { &[] } else { &[0] };
        Ok(self.persons(first)?.pop().map(|person| person.source))
    }

    /// SHA-256 over the hashes of the files: what the state is, as an input of a plan.
    pub fn sha256(&self) -> String {
        let hashes = self.files.iter().map(|f| f.at.sha256.as_bytes());
        let parts: Vec<&[u8]> = hashes.collect();
        rollcall_core::digest::sha256_parts(&parts)
    }

    /// The records of some persons, in the order asked. `indices` are places in
    /// [`State::hot`].
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn persons(&self, indices: &[usize]) -> Result<Vec<Person>, StoreError> {
        let mut wanted: BTreeMap<u16, Vec<(u32, usize)>> = BTreeMap::new();
        for (slot, index) in indices.iter().enumerate() {
            let (file, row) = self.places[*index];
            wanted.entry(file).or_default().push((row, slot));
        }
        let mut out: Vec<Option<Person>> = vec![None; indices.len()];
        for (file, mut rows) in wanted {
            rows.sort_unstable();
            let records = self.files[usize::from(file)].records(&rows)?;
            for (person, (_, slot)) in records.into_iter().zip(&rows) {
                out[*slot] = Some(person);
            }
        }
        out.into_iter()
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| corrupt("state", &"a file has fewer rows than its hot columns"))
    }
}

/// Persons by their accounts.
#[derive(Debug)]
pub struct Objects {
    hasher: WorkerHasher,
    /// The upper half of an object id's hash, and the place in the state; ascending.
    index: Vec<(u64, u32)>,
}

impl Objects {
    /// The place in the state of whoever has this account.
    pub fn find(&self, object: &ObjectId) -> Option<usize> {
        let hash = key_prefix(self.hasher.hash(object.as_str()));
        let at = self.index.binary_search_by_key(&hash, |it| it.0).ok()?;
        usize::try_from(self.index[at].1).ok()
    }
}

impl State {
    /// Everybody who has an account, by its id.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn objects(&self) -> Result<Objects, StoreError> {
        let hasher = WorkerHasher::new(&SourceName::new("object"));
        let mut index = Vec::new();
        for (number, file) in self.files.iter().enumerate() {
            let here = self.places.iter().enumerate();
            let here = here.filter(|(_, (file, _))| usize::from(*file) == number);
            // Both ascend by key, so that one pass finds every row that counts.
            let mut rows = here.map(|(at, (_, row))| (*row, row_number(at))).peekable();
            file.objects(|row, object| {
                if let Some((_, at)) = rows.next_if(|(next, _)| *next == row)
                    && let Some(object) = object
                {
                    index.push((key_prefix(hasher.hash(object)), at));
                }
            })?;
        }
        index.sort_unstable();
        Ok(Objects { hasher, index })
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
    let mut writing = Writing::new()?;
    let join = current.deltas.len() >= DELTAS_MAX;
    if join {
        let state = State::load(store, current).await?;
        writing.joined(&state, changed)?;
    } else {
        for person in changed {
            writing.push(&person?)?;
        }
    }
    let Some(mut file) = writing.finish()? else {
        return Ok(current.clone());
    };
    let kind = if join || current.base.is_none() {
        "base"
    } else {
        "delta"
    };
    let key = format!("state/{generation:012}/{kind}-{nonce}.parquet");
    let file = store.put_stream(&key, &mut file).await?;
    let mut next = current.clone();
    if kind == "base" {
        next.base = Some(file);
        next.deltas.clear();
    } else {
        next.deltas.push(file);
    }
    Ok(next)
}

/// Where it is said how large a file may be since somebody was erased from it.
fn beside(key: &str) -> String {
    format!("{key}.erased")
}

/// Bytes that a file may have since somebody was erased from it: what the last erasure found, and what
/// it left.
async fn erased(store: &Store, key: &str) -> Result<Vec<u64>, StoreError> {
    let beside = beside(key);
    match store.find(&beside).await? {
        Some(bytes) => crate::store::parse(&beside, &bytes),
        None => Ok(Vec::new()),
    }
}

/// Every record of a file, anew where `each` gives another one: a file to be put in its place, from
/// its front. `None` where it gives none.
///
/// # Errors
/// When the file cannot be read, or no temporary one written.
pub(crate) async fn rewrite(
    store: &Store,
    key: &str,
    mut each: impl FnMut(&Person) -> Result<Option<Person>, StoreError>,
) -> Result<Option<File>, StoreError> {
    let listed = store.look(key).await?;
    let at = ObjectRef {
        key: key.to_owned(),
        sha256: String::new(),
        bytes: listed
            .ok_or_else(|| StoreError::NotFound(key.to_owned()))?
            .bytes,
    };
    let file = StateFile::open(store, &at).await?;
    let count = row_number(
        usize::try_from(file.metadata.metadata().file_metadata().num_rows()).unwrap_or(0),
    );
    let rows: Vec<(u32, usize)> = (0..count).map(|row| (row, 0)).collect();
    let mut writing = Writing::new()?;
    let mut any = false;
    for chunk in rows.chunks(BATCH_ROWS) {
        for person in file.records(chunk)? {
            let new = each(&person)?;
            any |= new.is_some();
            writing.push(new.as_ref().unwrap_or(&person))?;
        }
    }
    Ok(writing.finish()?.filter(|_| any))
}

/// Puts what [`rewrite`] gave in the place of a file. What refers to it still does.
///
/// # Errors
/// When the store fails.
pub(crate) async fn replace(
    store: &Store,
    key: &str,
    mut file: File,
) -> Result<ObjectRef, StoreError> {
    let bytes = file.metadata().map_err(|e| corrupt(key, &e))?.len();
    let before = store.look(key).await?.map_or(bytes, |it| it.bytes);
    // Said first: whoever reads in between finds the size of one of the two.
    let said = serde_json::to_vec(&[before, bytes]).expect("numbers are always JSON");
    store.put(&beside(key), said).await?;
    store.put_stream(key, &mut file).await
}

/// A state file being written, outside the store.
struct Writing {
    writer: ArrowWriter<BufWriter<File>>,
    schema: SchemaRef,
    columns: Columns,
    any: bool,
}

impl Writing {
    fn new() -> Result<Self, StoreError> {
        let schema = schema();
        let record = ColumnPath::from("record");
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_write_batch_size(RECORD_PAGE_ROWS)
            .set_data_page_row_count_limit(BATCH_ROWS)
            .set_column_data_page_row_count_limit(record.clone(), RECORD_PAGE_ROWS)
            .set_column_dictionary_enabled(record.clone(), false)
            .set_column_statistics_enabled(record, EnabledStatistics::None)
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .build();
        let file = tempfile::tempfile().map_err(|e| corrupt("state", &e))?;
        let file = BufWriter::with_capacity(64 * BATCH_ROWS, file);
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties));
        Ok(Self {
            writer: writer.map_err(|e| corrupt("state", &e))?,
            schema,
            columns: Columns::default(),
            any: false,
        })
    }

    /// Everybody of a state, and over them who changed; both ascending by key.
    fn joined(
        &mut self,
        state: &State,
        changed: impl IntoIterator<Item = Result<Person, StoreError>>,
    ) -> Result<(), StoreError> {
        let mut changed = changed.into_iter();
        let mut next = changed.next().transpose()?;
        let everybody: Vec<usize> = (0..state.hot.len()).collect();
        for chunk in everybody.chunks(BATCH_ROWS) {
            for (at, person) in chunk.iter().zip(state.persons(chunk)?) {
                let key = state.hot[*at].key;
                while let Some(newer) = next.take_if(|p| p.hot().key < key) {
                    self.push(&newer)?;
                    next = changed.next().transpose()?;
                }
                if let Some(newer) = next.take_if(|p| p.hot().key == key) {
                    self.push(&newer)?;
                    next = changed.next().transpose()?;
                } else {
                    self.push(&person)?;
                }
            }
        }
        while let Some(newer) = next {
            self.push(&newer)?;
            next = changed.next().transpose()?;
        }
        Ok(())
    }

    fn push(&mut self, person: &Person) -> Result<(), StoreError> {
        self.any = true;
        self.columns.push(person);
        if self.columns.rows == BATCH_ROWS {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let batch = std::mem::take(&mut self.columns).finish(&self.schema);
        self.writer.write(&batch).map_err(|e| corrupt("state", &e))
    }

    /// The file, from its front; `None` where there was nobody to write.
    fn finish(mut self) -> Result<Option<File>, StoreError> {
        if self.columns.rows > 0 {
            self.flush()?;
        }
        let file = self.writer.into_inner().map_err(|e| corrupt("state", &e))?;
        let mut file = file.into_inner().map_err(|e| corrupt("state", e.error()))?;
        file.seek(SeekFrom::Start(0))
            .map_err(|e| corrupt("state", &e))?;
        Ok(self.any.then_some(file))
    }
}

#[derive(Debug)]
struct Columns {
    rows: usize,
    key: FixedSizeBinaryBuilder,
    fingerprint: FixedSizeBinaryBuilder,
    due: TimestampMillisecondBuilder,
    lifecycle: UInt8Builder,
    misses: UInt8Builder,
    flags: [BooleanBuilder; 3],
    elsewhere: BooleanBuilder,
    jobs: StringBuilder,
    waits_for: UInt64Builder,
    worker: UInt64Builder,
    texts: [StringBuilder; 6],
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
            elsewhere: BooleanBuilder::new(),
            jobs: StringBuilder::new(),
            waits_for: UInt64Builder::new(),
            worker: UInt64Builder::new(),
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
        let flags = [hot.listed, hot.unfinished, hot.held];
        for (column, flag) in self.flags.iter_mut().zip(flags) {
            column.append_value(flag);
        }
        self.elsewhere.append_value(hot.elsewhere);
        let jobs: Vec<String> = person.job_keys().iter().map(u64::to_string).collect();
        self.jobs
            .append_option((!jobs.is_empty()).then(|| jobs.join(" ")));
        self.waits_for.append_value(hot.waits_for);
        self.worker.append_value(hot.worker);
        let record = serde_json::to_string(person).expect("a person is always JSON");
        let parts = (!person.parts.is_empty())
            .then(|| serde_json::to_string(&person.parts).expect("parts are always JSON"));
        let texts = [
            Some(person.source.as_str()),
            Some(person.worker.as_str()),
            Some(person.person.as_str()),
            person
                .object
                .as_ref()
                .map(rollcall_core::model::ObjectId::as_str),
            Some(record.as_str()),
            parts.as_deref(),
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
        arrays.push(Arc::new(self.waits_for.finish()));
        arrays.push(Arc::new(self.worker.finish()));
        arrays.extend(
            self.texts
                .iter_mut()
                .map(|c| Arc::new(c.finish()) as ArrayRef),
        );
        arrays.push(Arc::new(self.elsewhere.finish()));
        arrays.push(Arc::new(self.jobs.finish()));
        RecordBatch::try_new(Arc::clone(schema), arrays).expect("columns follow the schema")
    }
}

/// Rounded up: nothing is looked at before it is due.
fn ceil_millisecond(at: jiff::Timestamp) -> i64 {
    let floor = at.as_millisecond();
    let up = floor + i64::from(at.as_nanosecond() > i128::from(floor) * 1_000_000);
    up.min(jiff::Timestamp::MAX.as_millisecond())
}

impl StateFile {
    async fn open(store: &Store, at: &ObjectRef) -> Result<Self, StoreError> {
        let key = &at.key;
        let file = store.open(key).await?;
        let bytes = file.metadata().map_err(|e| corrupt(key, &e))?.len();
        if bytes != at.bytes && !erased(store, key).await?.contains(&bytes) {
            return Err(corrupt(key, &"its size is not the one in the commit log"));
        }
        let options = ArrowReaderOptions::new().with_offset_index_policy(PageIndexPolicy::Optional);
        let metadata = ArrowReaderMetadata::load(&file, options).map_err(|e| corrupt(key, &e))?;
        Ok(Self {
            at: at.clone(),
            file,
            metadata,
            jobs: BTreeMap::new(),
        })
    }

    /// A reader of some columns.
    fn reader(
        &self,
        columns: &[&str],
    ) -> Result<ParquetRecordBatchReaderBuilder<File>, StoreError> {
        let file = self
            .file
            .try_clone()
            .map_err(|e| corrupt(&self.at.key, &e))?;
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        Ok(builder.with_projection(mask))
    }

    fn hot(&mut self) -> Result<Vec<Hot>, StoreError> {
        let key = &self.at.key;
        let rows = self.metadata.metadata().file_metadata().num_rows();
        let mut out = Vec::with_capacity(usize::try_from(rows).unwrap_or(0));
        let reader = self
            .reader(&HOT_COLUMNS)?
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|e| corrupt(key, &e))?;
        for batch in reader {
            let batch = batch.map_err(|e| corrupt(key, &e))?;
            read_jobs(key, &batch, out.len(), &mut self.jobs)?;
            read_hot(key, &batch, &mut out)?;
        }
        Ok(out)
    }

    /// Fingerprints, misses and who is listed as of a source beside the home source.
    fn turn(&self, source: &SourceName, hot: &mut [Hot]) -> Result<(), StoreError> {
        let key = &self.at.key;
        let reader = self
            .reader(&["parts"])?
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|e| corrupt(key, &e))?;
        let mut hot = hot.iter_mut();
        for batch in reader {
            let batch = batch.map_err(|e| corrupt(key, &e))?;
            let column = batch
                .column_by_name("parts")
                .and_then(|c| c.as_string_opt::<i32>());
            for (row, hot) in (0..batch.num_rows()).zip(hot.by_ref()) {
                let text = column.filter(|it| it.is_valid(row)).map(|it| it.value(row));
                let part = match text {
                    Some(text) => {
                        let mut parts: BTreeMap<SourceName, Part> =
                            crate::store::parse(key, text.as_bytes())?;
                        parts.remove(source)
                    }
                    None => None,
                }
                .unwrap_or_default();
                hot.turn(&part);
            }
        }
        // A file of before there were several sources has no such column, and nobody of this one.
        for hot in hot {
            hot.turn(&Part::default());
        }
        Ok(())
    }

    /// Row by row, the account of whoever has one.
    fn objects(&self, mut each: impl FnMut(u32, Option<&str>)) -> Result<(), StoreError> {
        let key = &self.at.key;
        let reader = self
            .reader(&["object"])?
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|e| corrupt(key, &e))?;
        let mut row = 0;
        for batch in reader {
            let batch = batch.map_err(|e| corrupt(key, &e))?;
            let objects = batch.column(0).as_string_opt::<i32>();
            let objects = objects.ok_or_else(|| corrupt(key, &"`object` is not text"))?;
            for object in objects {
                each(row, object);
                row += 1;
            }
        }
        Ok(())
    }

    /// `rows` ascending by row number.
    fn records(&self, rows: &[(u32, usize)]) -> Result<Vec<Person>, StoreError> {
        let key = &self.at.key;
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
        let reader = self
            .reader(&["record"])?
            .with_row_selection(RowSelection::from(selectors))
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|e| corrupt(key, &e))?;
        let mut out = Vec::with_capacity(rows.len());
        for batch in reader {
            let batch = batch.map_err(|e| corrupt(key, &e))?;
            let records = batch.column(0).as_string_opt::<i32>();
            let records = records.ok_or_else(|| corrupt(key, &"`record` is not text"))?;
            for record in records.iter().flatten() {
                out.push(crate::store::parse(key, record.as_bytes())?);
            }
        }
        Ok(out)
    }
}

/// A file of before there was this column has nobody with other worker ids than that of the account.
fn read_jobs(
    key: &str,
    batch: &RecordBatch,
    from: usize,
    out: &mut BTreeMap<u32, Vec<u64>>,
) -> Result<(), StoreError> {
    let column = batch
        .column_by_name("job_keys")
        .and_then(|c| c.as_string_opt::<i32>());
    let rows = column.into_iter().flatten().enumerate();
    for (row, text) in rows.filter_map(|(row, text)| Some((row, text?))) {
        let keys = text.split(' ').map(str::parse).collect::<Result<_, _>>();
        let keys = keys.map_err(|_| corrupt(key, &"`job_keys` are not numbers"))?;
        out.insert(row_number(from + row), keys);
    }
    Ok(())
}

fn read_hot(key: &str, batch: &RecordBatch, out: &mut Vec<Hot>) -> Result<(), StoreError> {
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
        batch
            .column_by_name("waits_for")
            .and_then(|c| c.as_primitive_opt::<UInt64Type>()),
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
        Some(waits_for),
    ) = columns
    else {
        return Err(corrupt(key, &"a hot column is absent or has another type"));
    };
    // States of before this column have no persons but workers.
    let workers = batch
        .column_by_name("worker_key")
        .and_then(|c| c.as_primitive_opt::<UInt64Type>());
    // Nor persons of other sources.
    let elsewhere = flag("elsewhere");
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
            elsewhere: elsewhere.is_some_and(|it| it.value(row)),
            unfinished: unfinished.value(row),
            held: held.value(row),
            worker: workers.map_or_else(
                || key_prefix(number(keys.value(row))),
                |workers| workers.value(row),
            ),
            waits_for: waits_for.value(row),
        });
    }
    Ok(())
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
        Lifecycle::Deleted => 4,
    }
}

const fn lifecycle_of(code: u8) -> Option<Lifecycle> {
    match code {
        0 => Some(Lifecycle::None),
        1 => Some(Lifecycle::Created),
        2 => Some(Lifecycle::Active),
        3 => Some(Lifecycle::Blocked),
        4 => Some(Lifecycle::Deleted),
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
        for (hot, person) in state.hot().iter().zip(state.persons(&all).unwrap()) {
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
        let some = state.persons(&[5, 1, 30]).unwrap();
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
        store.put(&file.key, b"PAR1".as_slice()).await.unwrap();
        assert!(matches!(
            State::load(&store, &at).await,
            Err(StoreError::Corrupt { .. })
        ));
    }
}
