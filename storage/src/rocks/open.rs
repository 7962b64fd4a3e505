//! Opening: the directory, the format, the numbers in `meta`, and whether the log is whole.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use loghorn_domain::{Clock, Seq};
use parking_lot::Mutex;
use rocksdb::ErrorKind;
use tokio::sync::watch;

use super::{
    OpenError, Options, checkpoints,
    core::{Core, Marks, bad_event, missing, unreadable},
    db::{Db, Durable, Watermarks, read_error},
    disk,
    keys::{self, Cf, SCHEMA_VERSION},
    lists::{self, View},
    record,
    tail::Tail,
    wal,
};
use crate::Error;

/// How many bytes of the newest events are verified at each opening: all that the write-ahead logs may have held.
const CHECKED_BYTES_MAX: usize = 64 << 20;

pub(super) fn core(options: Options, clock: Arc<dyn Clock>) -> Result<Core, OpenError> {
    let path = options.path.clone();
    disk::prepare(&path)?;
    let is_made = disk::is_made(&path)?;
    wal::check(&path)?;
    let watermarks = Arc::new(Watermarks::default());
    let db = Db::open(&options, !is_made, &watermarks).map_err(|error| refusal(&path, &error))?;
    let damaged = |error: Error| damage(&path, error);
    match number(&db, keys::SCHEMA).map_err(damaged)? {
        Some(version) => disk::check_version(version.try_into().unwrap_or(u32::MAX))?,
        None if is_made => return Err(damaged(unreadable("meta", "schema"))),
        None => initialise(&db, options.log_number_if_new).map_err(damaged)?,
    }
    if !is_made {
        disk::mark_made(&path)?;
    }
    checkpoints::clear(&path)?;
    let core = load(db, options, clock, watermarks).map_err(damaged)?;
    check(&core).map_err(damaged)?;
    Ok(core)
}

/// See [`super::peek`].
pub(super) fn peek(path: &Path, key: &str) -> Result<Option<Bytes>, OpenError> {
    if !disk::is_made(path)? {
        return Ok(None);
    }
    wal::check(path)?;
    let unseen = |error: rocksdb::Error| OpenError::Unseen { path: path.to_owned(), detail: error.to_string().into() };
    let value = Db::peek(path, Cf::Catalog, key).map_err(unseen)?;
    let content = |value: Vec<u8>| {
        let content = record::decode_record(&value).map(|(_, content)| Bytes::copy_from_slice(content));
        content.ok_or_else(|| damage(path, unreadable("catalogue", key)))
    };
    value.map(content).transpose()
}

fn refusal(path: &Path, error: &rocksdb::Error) -> OpenError {
    let (path, detail) = (path.to_owned(), error.to_string());
    match error.kind() {
        ErrorKind::IOError if detail.contains("lock") && detail.contains("LOCK") => OpenError::Locked { path },
        ErrorKind::Corruption => OpenError::Damaged { path, detail: detail.into() },
        _ => OpenError::Database { path, detail: detail.into() },
    }
}

fn damage(path: &Path, error: Error) -> OpenError {
    let path = path.to_owned();
    match error {
        Error::Damaged(detail) => OpenError::Damaged { path, detail },
        other => OpenError::Database { path, detail: other.to_string().into() },
    }
}

fn initialise(db: &Db, log_number: u32) -> Result<(), Error> {
    let mut batch = db.batch();
    batch.put_number(keys::SCHEMA, SCHEMA_VERSION.into());
    batch.put_number(keys::LOG_NUMBER, log_number.into());
    batch.put_number(keys::FIRST, 1);
    batch.put_number(keys::DELIVERIES_FROM, 1);
    db.write(batch, Durable::Now)
}

fn number(db: &Db, name: &[u8]) -> Result<Option<u64>, Error> {
    let Some(value) = db.get(Cf::Meta, name)? else { return Ok(None) };
    let bytes = (*value).try_into().map_err(|_| unreadable("meta", String::from_utf8_lossy(name)))?;
    Ok(Some(u64::from_le_bytes(bytes)))
}

fn load(db: Db, options: Options, clock: Arc<dyn Clock>, watermarks: Arc<Watermarks>) -> Result<Core, Error> {
    let required = |name: &[u8]| number(&db, name)?.ok_or_else(|| unreadable("meta", String::from_utf8_lossy(name)));
    let log_number = required(keys::LOG_NUMBER)?.try_into().map_err(|_| unreadable("meta", "log_number"))?;
    let marks = Marks::default();
    marks.first.set(required(keys::FIRST)?);
    marks.deliveries_from.set(required(keys::DELIVERIES_FROM)?);
    marks.cursor.set(number(&db, keys::CURSOR)?.unwrap_or(0));
    marks.epoch.set(number(&db, keys::EPOCH)?.unwrap_or(0));
    marks.revision.set(number(&db, keys::REVISION)?.unwrap_or(0));
    marks.last.set(last_event(&db)?.unwrap_or_else(|| marks.first.seq().previous()).0);
    watermarks.ids.store(marks.first.number(), std::sync::atomic::Ordering::Relaxed);
    watermarks.attempts.store(marks.deliveries_from.number(), std::sync::atomic::Ordering::Relaxed);
    let core = Core {
        db,
        tail: Tail::new(options.tail_bytes_max),
        options,
        clock,
        log_number,
        moved: watch::Sender::new(marks.last.seq()),
        marks,
        watermarks,
        accounts: Mutex::default(),
        router: Mutex::default(),
    };
    let accounts = lists::accounts(&View { core: &core, snapshot: core.db.snapshot() })?;
    *core.accounts.lock() = accounts;
    Ok(core)
}

fn last_event(db: &Db) -> Result<Option<Seq>, Error> {
    let mut iter = db.iter(Cf::Events, &[], &[0xff; 9]);
    iter.seek_to_last();
    iter.status().map_err(read_error)?;
    Ok(iter.key().and_then(keys::to_seq))
}

/// Whether the log is whole: its ends by seeking, its newest events (or all) one by one.
fn check(core: &Core) -> Result<(), Error> {
    let bounds = core.bounds();
    if bounds.last < bounds.first.previous() {
        return Err(Error::Damaged(
            format!("the log ends at {}, before its first event {}", bounds.last, bounds.first).into(),
        ));
    }
    let cursor = core.marks.cursor.seq();
    if cursor > bounds.last {
        return Err(Error::Damaged(
            format!(
                "events {} to {cursor} are missing: the router passed them, and the log ends before",
                bounds.last.next()
            )
            .into(),
        ));
    }
    let mut iter = core.db.scan(Cf::Events, &keys::of_seq(bounds.first), &[0xff; 9]);
    iter.seek_to_first();
    let first = iter.key().and_then(keys::to_seq);
    iter.status().map_err(read_error)?;
    if first.is_some_and(|first| first != bounds.first) {
        return Err(gap(bounds.first, first));
    }
    iter.seek_to_last();
    let (mut bytes, mut expected) = (0, bounds.last);
    while let Some((key, value)) = iter.item() {
        let seq = keys::to_seq(key).ok_or_else(|| missing(expected))?;
        if seq != expected {
            return Err(gap(seq.next(), Some(expected.next())));
        }
        record::verify_event(seq, value).map_err(|what| bad_event(seq, what))?;
        (bytes, expected) = (bytes + value.len(), seq.previous());
        if !core.options.is_full_check && bytes >= CHECKED_BYTES_MAX {
            return Ok(());
        }
        iter.prev();
    }
    iter.status().map_err(read_error)
}

/// `from` to before `to` is not there.
fn gap(from: Seq, to: Option<Seq>) -> Error {
    let to = to.map_or(from, Seq::previous);
    Error::Damaged(format!("events {from} to {to} are missing from the log").into())
}
