//! What only the durable engine promises: opening, refusing, surviving.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::SystemTime,
};

use loghorn_domain::{Seq, Timestamp, Verdict};

use super::{
    core::promise,
    db::Watermarks,
    keys::Cf,
    queue::{Job, Keeper},
    *,
};
use crate::{
    DeliveryQuery, Error, EventQuery, Fence,
    conformance::{A, B, Bench, LOG_NUMBER, StillClock, at, dead, event, options, retry, seqs, settlement},
};

mod backup;
mod damage;
mod living;
mod opening;
mod past;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn options(&self) -> Options {
        options(&self.0.path().join("store"))
    }

    fn open(&self) -> Result<Store, OpenError> {
        super::open(self.options(), Arc::new(StillClock))
    }

    /// The store together with what lies behind it.
    fn parts(&self, clock: Arc<dyn Clock>) -> (Store, Arc<Engine>) {
        let (open, closing) = Open::new();
        let engine = Arc::new(start(open::core(self.options(), clock).unwrap(), open).unwrap());
        let store = Store {
            log: engine.clone(),
            queue: engine.clone(),
            catalog: engine.clone(),
            reads: engine.clone(),
            closing,
        };
        (store, engine)
    }

    async fn bench(&self) -> Bench {
        Bench::of(self.open().unwrap()).await
    }

    /// The files as they are now: what a killed process leaves behind.
    fn copy(&self) -> Self {
        let copy = Self::new();
        let (from, to) = (self.options().path, copy.options().path);
        disk::prepare(&to).unwrap();
        for file in fs::read_dir(from).unwrap().flatten().filter(|file| file.file_name() != "LOCK") {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
        copy
    }

    fn newest_wal(&self) -> PathBuf {
        let files = fs::read_dir(self.options().path).unwrap().flatten().map(|file| file.path());
        files.filter(|path| path.extension().is_some_and(|extension| extension == "log")).max().unwrap()
    }

    fn raw(&self) -> db::Db {
        db::Db::open(&self.options(), false, &Arc::new(Watermarks::default())).unwrap()
    }
}

fn listing(path: &Path) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    let files = fs::read_dir(path).unwrap().flatten();
    files
        .map(|file| {
            let metadata = file.metadata().unwrap();
            (file.path(), (metadata.len(), metadata.modified().unwrap()))
        })
        .collect()
}

async fn all(store: &Store) -> Vec<u64> {
    seqs(&store.log.read(Seq(0), usize::MAX, usize::MAX).await.unwrap())
}

/// Waits until another thread has brought it about.
fn until(mut is_so: impl FnMut() -> bool) {
    let came = (0..2000).any(|_| {
        thread::sleep(Duration::from_millis(5));
        is_so()
    });
    assert!(came, "it did not come about");
}

async fn balances(store: &Store) -> bool {
    store.reads.ledger().await.unwrap().iter().all(|line| line.imbalance() == 0)
}
