//! The durable engine: RocksDB on this machine's disk.
//!
//! Four kinds of thread: the log writer (`writer.rs`), the queue keeper (`queue.rs`) and two readers (`reads.rs`);
//! the router enqueues on its own thread (`router.rs`). `keys.rs` holds the whole schema.
//!
//! Invariants: an ack means synced; what belongs together is one write; after a failed write nothing is written any
//! more, nor after a panic; every mark and every count has one owner; seqs are dense, and a gap is reported, never skipped.
//!
//! When the last part of the [`Store`] is dropped, its threads finish what was submitted and the database is closed
//! before the drop returns.

use std::{
    io,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use bytes::Bytes;
use loghorn_domain::Clock;

use crate::{Open, Store};

mod backfill;
mod checkpoints;
mod core;
mod db;
mod digest;
mod disk;
#[doc(hidden)]
pub mod door;
mod engine;
mod keys;
mod lists;
mod open;
mod purge;
mod queue;
mod reads;
mod record;
mod retention;
mod router;
mod shelf;
mod tail;
#[cfg(test)]
mod tests;
mod versions;
mod wal;
mod writer;

use self::{core::Core, engine::Engine, reads::Lane};

/// How to open a store.
#[derive(Debug, Clone)]
pub struct Options {
    /// The directory; made if it is not there. Only its owner may enter it.
    pub path: PathBuf,
    /// A random number that becomes part of this log's generated ids; kept at the first opening, ignored later.
    pub log_number_if_new: u32,
    /// How long senders' ids are known as duplicates.
    pub dedupe: Duration,
    /// Largest event, in bytes of JSON, as [`Caps`](crate::Caps) say. The engine does not enforce it.
    pub event_bytes_max: usize,
    /// Most memory for the newest events.
    pub tail_bytes_max: usize,
    /// No event is taken with less free space on the disk; where absent, 256 MiB or a quarter of the disk, whichever is
    /// less.
    pub disk_free_min: Option<u64>,
    /// Files that are kept open at most, each a table.
    pub open_files_max: i32,
    /// Read and verify every event at the opening, not only the newest.
    pub is_full_check: bool,
}

impl Options {
    /// The usual options for a store at `path`.
    pub fn new(path: impl Into<PathBuf>, log_number_if_new: u32) -> Self {
        Self {
            path: path.into(),
            log_number_if_new,
            dedupe: Duration::from_secs(24 * 3600),
            event_bytes_max: 256 * 1024,
            tail_bytes_max: 16 << 20,
            disk_free_min: None,
            open_files_max: 256,
            is_full_check: false,
        }
    }
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file system said no.
    #[error("cannot use {path}: {source}", path = path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Others than the owner may enter the directory.
    #[error("others may enter the data directory (mode {mode:03o}); close it with: chmod 700 {path}", path = path.display())]
    Permissions {
        /// The directory.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Another process has it open.
    #[error("the data directory {path} is in use by another process\n  Is Loghorn already running? \
             Stop that one, or take another directory:  --data DIR", path = path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// A newer version wrote it. Nothing was changed.
    #[error("the data directory has format {found}, and this version knows formats up to {known}; use a newer version")]
    Newer {
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// What is there is not what was written.
    #[error("the data in {path} is damaged: {detail}", path = path.display())]
    Damaged {
        /// The directory.
        path: PathBuf,
        /// Which file or which gap.
        detail: Arc<str>,
    },
    /// RocksDB cannot look into it without opening it. Nothing was changed.
    #[error("the database in {path} cannot be looked into unopened: {detail}", path = path.display())]
    Unseen {
        /// The directory.
        path: PathBuf,
        /// What RocksDB said.
        detail: Arc<str>,
    },
    /// RocksDB cannot open it.
    #[error("cannot open the database in {path}: {detail}", path = path.display())]
    Database {
        /// The directory.
        path: PathBuf,
        /// What RocksDB said.
        detail: Arc<str>,
    },
}

/// Opens the store, or makes it if the directory holds none.
pub fn open(options: Options, clock: Arc<dyn Clock>) -> Result<Store, OpenError> {
    let path = options.path.clone();
    store(open::core(options, clock)?).map_err(|source| OpenError::Io { path, source })
}

/// The content of one catalogue record in the store at `path`, without opening it and without changing a byte there.
/// `None` where there is no such record or no store. Takes as long as reading the write-ahead logs.
///
/// For what must be known before a store may be opened. [`OpenError::Unseen`] where it cannot be told: [`open`] may all
/// the same mend what is wrong, or says what it is.
pub fn peek(path: &Path, key: &str) -> Result<Option<Bytes>, OpenError> {
    open::peek(path, key)
}

fn store(core: Core) -> io::Result<Store> {
    let (open, closing) = Open::new();
    let engine = Arc::new(start(core, open)?);
    Ok(Store { log: engine.clone(), queue: engine.clone(), catalog: engine.clone(), reads: engine, closing })
}

fn start(core: Core, open: Open) -> io::Result<Engine> {
    let core = Arc::new(core);
    let mut crew = Crew::default();
    Ok(Engine {
        writer: crew.hire("log-writer", &core, writer::run)?,
        queue: crew.hire("queue-keeper", &core, queue::run)?,
        log_lane: Lane(crew.hire("log-reader", &core, reads::run)?),
        list_lane: Lane(crew.hire("list-reader", &core, reads::run)?),
        search_lane: Lane(crew.hire("search-reader", &core, reads::run)?),
        _crew: crew,
        core,
        _open: open,
    })
}

/// The engine's threads. Dropping it waits until they are done, so their senders must be dropped before.
#[derive(Default)]
struct Crew(Vec<thread::JoinHandle<()>>);

impl Crew {
    /// Starts a thread and returns the entrance to its queue.
    fn hire<J: Send + 'static>(
        &mut self,
        name: &'static str,
        core: &Arc<Core>,
        run: fn(&Core, &mpsc::Receiver<J>),
    ) -> io::Result<mpsc::Sender<J>> {
        let (sender, jobs) = mpsc::channel();
        let core = core.clone();
        let work = move || {
            if panic::catch_unwind(AssertUnwindSafe(|| run(&core, &jobs))).is_err() {
                // What it had begun will never be finished.
                core.db.fail(&format!("the thread {name} panicked"));
            }
        };
        self.0.push(thread::Builder::new().name(name.into()).spawn(work)?);
        Ok(sender)
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for thread in self.0.drain(..) {
            // Panics were caught, and those who waited were told.
            let _ = thread.join();
        }
    }
}
