//! RocksDB, tuned and with our rules round it: which family, when a write is synced, and that nothing is written any
//! more after a write has failed.
//!
//! Invariants: writes that belong together are one [`Batch`]; after the first failed write every later one is refused
//! with the reason of the first, because after a failed sync nobody knows what is on the disk.

use std::{
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use rocksdb::{
    BlockBasedOptions, BottommostLevelCompaction, Cache, ColumnFamily, ColumnFamilyDescriptor, CompactOptions, DB,
    DBCompressionType, DBPinnableSlice, DBRawIterator, DBRecoveryMode, ErrorKind, FlushOptions, InfoLogger, LogLevel,
    LruCacheOptions, Options, ReadOptions, WriteBatch, WriteOptions, checkpoint::Checkpoint,
    compaction_filter::Decision,
};

use super::{keys::Cf, record};
use crate::Error;

const MIB: usize = 1 << 20;
const BLOCK_CACHE_BYTES: usize = 32 * MIB;
/// Few: a shard must hold the largest filter of a file (1–2 MiB) several times, or it is read again at every look-up.
const CACHE_SHARD_BITS: i32 = 2;
/// All of them together: what an overloaded server holds beside its ingest queue.
const WRITE_BUFFERS_BYTES_MAX: usize = 48 * MIB;
const EVENTS_BUFFER_BYTES: usize = 24 * MIB;
const OTHER_BUFFER_BYTES: usize = 8 * MIB;
const WAL_BYTES_MAX: u64 = 64 << 20;
/// Files that are open at most where only one record is looked at.
const PEEKED_FILES_MAX: i32 = 32;
/// What nothing is added to is compacted at this age, so that what its filter drops does not outlive its retention.
const COMPACTED_AFTER_SECONDS: u64 = 24 * 3600;

/// Whether a write is on the disk before it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durable {
    /// Synced: survives a power cut.
    Now,
    /// In the write-ahead log: survives the process, and after a power cut is lost together with all that followed.
    Soon,
}

/// What compaction may drop: records of events before these seqs. Raised only after the meta record that says the same
/// is on the disk, and lowered before anything is written that must not be dropped.
#[derive(Debug, Default)]
pub(super) struct Watermarks {
    pub(super) ids: AtomicU64,
    pub(super) attempts: AtomicU64,
}

/// The open database.
pub(super) struct Db {
    raw: DB,
    failure: OnceLock<Arc<str>>,
}

impl Db {
    pub(super) fn open(
        options: &super::Options,
        is_new: bool,
        marks: &Arc<Watermarks>,
    ) -> Result<Self, rocksdb::Error> {
        let mut cache = LruCacheOptions::default();
        cache.set_capacity(BLOCK_CACHE_BYTES);
        cache.set_num_shard_bits(CACHE_SHARD_BITS);
        let cache = Cache::new_lru_cache_opts(&cache);
        let families = Cf::ALL.map(|cf| ColumnFamilyDescriptor::new(cf.name(), family_options(cf, &cache, marks)));
        let raw = DB::open_cf_descriptors(&db_options(is_new, options.open_files_max), &options.path, families)?;
        Ok(Self { raw, failure: OnceLock::new() })
    }

    /// Why nothing is written any more.
    pub(super) fn failure(&self) -> Option<Arc<str>> {
        self.failure.get().cloned()
    }

    /// From now on nothing is written.
    pub(super) fn fail(&self, reason: &str) -> Error {
        let reason = self.failure.get_or_init(|| {
            tracing::error!(reason, "a write failed; the store is read-only until a restart");
            reason.into()
        });
        Error::ReadOnly(reason.clone())
    }

    pub(super) fn check_writable(&self) -> Result<(), Error> {
        self.failure().map_or(Ok(()), |reason| Err(Error::ReadOnly(reason)))
    }

    pub(super) fn cf(&self, cf: Cf) -> &ColumnFamily {
        let Some(handle) = self.raw.cf_handle(cf.name()) else { unreachable!("every family is opened") };
        handle
    }

    pub(super) fn batch(&self) -> Batch<'_> {
        Batch { db: self, raw: WriteBatch::default() }
    }

    pub(super) fn write(&self, batch: Batch<'_>, durable: Durable) -> Result<(), Error> {
        self.check_writable()?;
        if batch.raw.is_empty() {
            return Ok(());
        }
        let mut options = WriteOptions::default();
        options.set_sync(durable == Durable::Now);
        self.raw.write_opt(batch.raw, &options).map_err(|error| self.fail(error.as_ref()))
    }

    pub(super) fn get(&self, cf: Cf, key: impl AsRef<[u8]>) -> Result<Option<DBPinnableSlice<'_>>, Error> {
        self.raw.get_pinned_cf(self.cf(cf), key).map_err(read_error)
    }

    /// An iterator over the keys from `from` to before `to`, not yet positioned.
    pub(super) fn iter(&self, cf: Cf, from: &[u8], to: &[u8]) -> DBRawIterator<'_> {
        self.raw.raw_iterator_cf_opt(self.cf(cf), range(from, to))
    }

    /// The same, without driving anything else out of the cache.
    pub(super) fn scan(&self, cf: Cf, from: &[u8], to: &[u8]) -> DBRawIterator<'_> {
        self.scan_ahead(cf, from, to, 0)
    }

    /// The same, reading so many bytes ahead; 0: as many as RocksDB thinks fit.
    pub(super) fn scan_ahead(&self, cf: Cf, from: &[u8], to: &[u8], bytes: usize) -> DBRawIterator<'_> {
        let mut options = range(from, to);
        options.fill_cache(false);
        options.set_readahead_size(bytes);
        self.raw.raw_iterator_cf_opt(self.cf(cf), options)
    }

    /// Leaves nothing in the files of what `cf` held before. The write-ahead logs are shared: they go once every family
    /// is written out.
    pub(super) fn scrub(&self, cf: Cf) -> Result<(), Error> {
        self.check_writable()?;
        let all = Cf::ALL.map(|cf| self.cf(cf));
        self.raw.flush_cfs_opt(&all, &FlushOptions::default()).map_err(|error| self.fail(error.as_ref()))?;
        let mut options = CompactOptions::default();
        options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        self.raw.compact_range_cf_opt(self.cf(cf), None::<&[u8]>, None::<&[u8]>, &options);
        Ok(())
    }

    /// One record of `cf` as a past process left it, read without changing a byte in the directory.
    pub(super) fn peek(path: &Path, cf: Cf, key: &str) -> Result<Option<Vec<u8>>, rocksdb::Error> {
        let mut options = Options::default();
        options.set_max_open_files(PEEKED_FILES_MAX);
        // As when it was written: where logs are tracked no longer, RocksDB would forget them in the manifest, and fails
        // on a null pointer where it may not write.
        options.set_track_and_verify_wals_in_manifest(true);
        options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
        // Without its own logger RocksDB would begin a new log file.
        options.set_info_logger(InfoLogger::new_callback_logger(LogLevel::Fatal, |_, _| {}));
        let families = [Cf::Meta, cf].map(Cf::name);
        let raw = DB::open_cf_for_read_only(&options, path, families, false)?;
        let Some(handle) = raw.cf_handle(cf.name()) else { return Ok(None) };
        raw.get_cf(handle, key)
    }

    /// Makes a database in `folder`, which must not be there yet, that holds what this one holds now.
    pub(super) fn checkpoint(&self, folder: &Path) -> Result<(), rocksdb::Error> {
        Checkpoint::new(&self.raw)?.create_checkpoint(folder)
    }

    pub(super) fn snapshot(&self) -> rocksdb::Snapshot<'_> {
        self.raw.snapshot()
    }

    /// Gives the room of deleted records back where whole files hold nothing else. Optional, so a failure only delays.
    pub(super) fn drop_files(&self, cf: Cf, from: &[u8], to: &[u8]) {
        if let Err(error) = self.raw.delete_file_in_range_cf(self.cf(cf), from, to) {
            tracing::warn!(%error, family = cf.name(), "files of deleted records could not be removed yet");
        }
    }
}

#[cfg(test)]
impl Db {
    /// Brings everything of `cf` into files.
    pub(super) fn flush(&self, cf: Cf) {
        self.raw.flush_cf(self.cf(cf)).unwrap();
    }

    /// Brings everything of `cf` through a compaction.
    pub(super) fn compact(&self, cf: Cf) {
        self.scrub(cf).unwrap();
    }

    /// As if this version had not known it.
    pub(super) fn drop_family(&mut self, cf: Cf) {
        self.raw.drop_cf(cf.name()).unwrap();
    }

    /// The names of the files that hold `cf`, each with a slash before it.
    pub(super) fn files(&self, cf: Cf) -> Vec<String> {
        let files = self.raw.live_files().unwrap().into_iter();
        files.filter(|file| file.column_family_name == cf.name()).map(|file| file.name).collect()
    }
}

/// The read options of an iterator from `from` to before `to`.
pub(super) fn range(from: &[u8], to: &[u8]) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_iterate_lower_bound(from);
    options.set_iterate_upper_bound(to);
    options
}

pub(super) fn read_error(error: rocksdb::Error) -> Error {
    match error.kind() {
        ErrorKind::Corruption => Error::Damaged(error.to_string().into()),
        _ => Error::Read(error.to_string().into()),
    }
}

/// Writes that happen together or not at all.
pub(super) struct Batch<'a> {
    db: &'a Db,
    raw: WriteBatch,
}

impl Batch<'_> {
    pub(super) fn put(&mut self, cf: Cf, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.raw.put_cf(self.db.cf(cf), key, value);
    }

    pub(super) fn delete(&mut self, cf: Cf, key: impl AsRef<[u8]>) {
        self.raw.delete_cf(self.db.cf(cf), key);
    }

    /// Deletes from `from` to before `to`.
    pub(super) fn delete_range(&mut self, cf: Cf, from: &[u8], to: &[u8]) {
        self.raw.delete_range_cf(self.db.cf(cf), from, to);
    }

    /// A number in `meta`.
    pub(super) fn put_number(&mut self, name: impl AsRef<[u8]>, number: u64) {
        self.put(Cf::Meta, name, number.to_le_bytes());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }
}

fn db_options(is_new: bool, open_files_max: i32) -> Options {
    let mut options = Options::default();
    // Never make a new, empty log where an old one cannot be found.
    options.create_if_missing(is_new);
    // A store of an earlier day has fewer; which there are stands in the manifest, so none is lost without notice.
    options.create_missing_column_families(true);
    options.set_paranoid_checks(true);
    // The default would silently stop at the first bad record; this refuses, but for a torn end.
    options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    options.set_track_and_verify_wals_in_manifest(true);
    options.set_max_total_wal_size(WAL_BYTES_MAX);
    options.set_db_write_buffer_size(WRITE_BUFFERS_BYTES_MAX);
    options.set_max_open_files(open_files_max);
    options.set_max_background_jobs(2);
    options.set_bytes_per_sync(MIB as u64);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options.set_keep_log_file_num(4);
    options.set_max_log_file_size(4 * MIB);
    options.set_max_manifest_file_size(16 * MIB);
    options
}

fn family_options(cf: Cf, cache: &Cache, marks: &Arc<Watermarks>) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_block_size(16 * 1024);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_format_version(5);
    // Only ids are mostly looked for in vain.
    if cf == Cf::Ids {
        table.set_bloom_filter(10.0, false);
    }
    let mut options = Options::default();
    options.set_block_based_table_factory(&table);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_write_buffer_size(if cf == Cf::Events { EVENTS_BUFFER_BYTES } else { OTHER_BUFFER_BYTES });
    options.set_max_write_buffer_number(3);
    options.set_level_compaction_dynamic_level_bytes(true);
    match cf {
        Cf::Ids => {
            options.set_periodic_compaction_seconds(COMPACTED_AFTER_SECONDS);
            options.set_memtable_whole_key_filtering(true);
            options.set_memtable_prefix_bloom_ratio(0.05);
            let marks = marks.clone();
            options.set_compaction_filter("ids", move |_, _, value| {
                let seq = record::decode_id(value).map(|(seq, _)| seq.0);
                decide(seq, &marks.ids)
            });
        }
        Cf::Attempts => {
            options.set_periodic_compaction_seconds(COMPACTED_AFTER_SECONDS);
            let marks = marks.clone();
            options.set_compaction_filter("attempts", move |_, key, _| {
                let seq = super::keys::to_attempt(key).map(|(_, seq, _)| seq.0);
                decide(seq, &marks.attempts)
            });
        }
        _ => {}
    }
    options
}

fn decide(seq: Option<u64>, mark: &AtomicU64) -> Decision {
    if seq.is_some_and(|seq| seq < mark.load(Ordering::Relaxed)) { Decision::Remove } else { Decision::Keep }
}
