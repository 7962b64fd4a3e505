//! The audit log: the newest entries in memory, each also a record of the catalogue.
//!
//! The catalogue is made for small records that are changed rarely, every engine has it, and its writes are synced with
//! whatever else waits: so entries need no place of their own in the store. An entry is written after what it tells of
//! was done, and before that is answered; the way of events never waits for one.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use loghorn_domain::{
    Clock, Timestamp,
    audit::{Act, Entry},
};
use loghorn_storage::{Error as StoreError, Pending, Record, Revision, Store};
use parking_lot::Mutex;

const PREFIX: &str = "audit/";
/// Entries that are kept.
const ENTRIES_MAX: usize = 10_000;
/// How long they are kept.
const AGE_MAX: Duration = Duration::from_secs(90 * 24 * 3600);
/// Reading again what was read within this time is no entry of its own: a dashboard would fill the log.
const REPEAT_MAX: Duration = Duration::from_secs(60);
/// Among so many of the newest a repeat is looked for.
const REPEAT_DEPTH: usize = 256;
/// Old ones that are removed with one new.
const REMOVED_MAX: usize = 16;

/// An entry on its way to the disk, if there was anything to note.
#[must_use = "where nobody waits for it nobody learns that it was not written"]
pub struct Noted(Option<Pending<Revision>>);

/// The audit log.
pub struct Audit {
    store: Store,
    clock: Arc<dyn Clock>,
    kept: Mutex<VecDeque<Entry>>,
}

/// The key is for something else.
const REFUSED: u16 = 403;

impl Audit {
    pub(crate) async fn load(store: Store, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let mut kept = VecDeque::new();
        for Record { key, value, .. } in store.catalog.list(PREFIX.into()).await? {
            let damaged = |error: serde_json::Error| StoreError::Damaged(format!("{key}: {error}").into());
            kept.push_back(serde_json::from_slice(&value).map_err(damaged)?);
        }
        Ok(Self { store, clock, kept: Mutex::new(kept) })
    }

    /// Notes what was done: handed over to be written at once.
    pub fn note(&self, act: Act) -> Noted {
        self.add(act, |_| false)
    }

    /// Notes what was read or refused, unless the same was noted within a minute; of what is refused to one key, only the
    /// first of a minute.
    pub fn note_reading(&self, act: Act) -> Noted {
        let (now, same) = (self.clock.now(), act.clone());
        self.add(act, |kept| {
            let mut newest = kept.iter().rev().take(REPEAT_DEPTH).take_while(|entry| now.since(entry.at) < REPEAT_MAX);
            let is_refused = |act: &Act| act.status == REFUSED;
            newest.any(|entry| {
                let is_like = is_refused(&entry.act) && is_refused(&same) && entry.act.who == same.who;
                is_like || entry.act == same
            })
        })
    }

    fn add(&self, act: Act, is_repeat: impl FnOnce(&VecDeque<Entry>) -> bool) -> Noted {
        let mut kept = self.kept.lock();
        if is_repeat(&kept) {
            return Noted(None);
        }
        let number = kept.back().map_or(0, |entry| entry.number) + 1;
        let entry = Entry { number, at: self.clock.now(), act };
        let value = serde_json::to_vec(&entry).unwrap_or_default();
        kept.push_back(entry);
        // Before the lock is let go, so that no later entry is on disk without this one.
        Noted(Some(self.store.catalog.put_if(at(number), None, value.into())))
    }

    /// Returns once it is on disk, and removes what is too old or too much. Where it cannot be written the log says so.
    pub async fn written(&self, noted: Noted) {
        let Some(written) = noted.0 else { return };
        if let Err(error) = written.await {
            tracing::error!(%error, "an entry of the audit log could not be written");
        }
        for number in self.outdated() {
            // One that is left does no harm.
            let Ok(Some(record)) = self.store.catalog.get(at(number)).await else { continue };
            drop(self.store.catalog.delete_if(record.key, record.revision));
        }
    }

    fn outdated(&self) -> Vec<u64> {
        let (now, mut kept) = (self.clock.now(), self.kept.lock());
        let mut outdated = Vec::new();
        let is_old = |entry: &Entry| now.since(entry.at) > AGE_MAX;
        while outdated.len() < REMOVED_MAX && (kept.len() > ENTRIES_MAX || kept.front().is_some_and(is_old)) {
            outdated.extend(kept.pop_front().map(|entry| entry.number));
        }
        outdated
    }

    /// The newest `limit` entries before the one numbered `before` and not older than `since`; whether there are more.
    pub fn page(&self, since: Option<Timestamp>, before: Option<u64>, limit: usize) -> (Vec<Entry>, bool) {
        let kept = self.kept.lock();
        let is_wanted = |entry: &&Entry| {
            before.is_none_or(|before| entry.number < before) && since.is_none_or(|since| entry.at >= since)
        };
        let mut wanted = kept.iter().rev().filter(is_wanted);
        let page = wanted.by_ref().take(limit).cloned().collect();
        (page, wanted.next().is_some())
    }
}

/// Sorts by number.
fn at(number: u64) -> String {
    format!("{PREFIX}{number:016x}")
}
