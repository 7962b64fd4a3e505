//! What happens minute by minute, counted here and kept in the catalogue, so that a restart forgets nothing that was
//! written: all endpoints together in one record, each by itself in another.
//!
//! **Idle is idle**: nothing is written for a minute in which nothing happened. While something does, its minute is
//! written every [`FLUSH_EVERY`]; a crash loses what was counted since.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use loghorn_domain::{
    Class, Clock, EndpointNo, Timestamp, Verdict,
    series::{Minute, Tally},
};
use loghorn_storage::{Error as StoreError, Record, Revision, Store};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// How often a minute that grows is written.
const FLUSH_EVERY: Duration = Duration::from_secs(10);
/// How long minutes are kept: 7 days.
pub const MINUTES_KEPT: i64 = 7 * 24 * 60;
/// Minutes that may wait to be written while the store takes nothing; older ones are forgotten.
const WAITING_MAX: usize = 60;
const ALL: &str = "minute/all/";
const BY: &str = "minute/by/";

/// What happened in one minute, to all endpoints together.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sum {
    /// Events stored.
    pub accepted: u64,
    /// Attempts and how they ended.
    pub tally: Tally,
}

/// See the module.
pub struct Series {
    store: Store,
    clock: Arc<dyn Clock>,
    counted: Mutex<Counted>,
    is_counted: Notify,
    /// One write at a time.
    writing: tokio::sync::Mutex<()>,
}

/// Minutes since 1970 that are not written yet, or that grow still.
#[derive(Default)]
struct Counted(BTreeMap<i64, Growing>);

#[derive(Default)]
struct Growing {
    minute: Minute,
    is_changed: bool,
    revisions: [Option<Revision>; 2],
}

/// The minute that an instant lies in, since 1970.
pub fn minute_of(at: Timestamp) -> i64 {
    at.millis().div_euclid(60_000)
}

fn key_of_all(minute: i64) -> String {
    format!("{ALL}{minute:010}")
}

fn key_of_hour(minute: i64) -> String {
    format!("{BY}{:08}/", minute.div_euclid(60))
}

fn key_by(minute: i64) -> String {
    format!("{}{minute:010}", key_of_hour(minute))
}

/// The minute that a record is of.
fn minute_in(key: &str) -> Option<i64> {
    key.rsplit('/').next()?.parse().ok()
}

fn damaged(key: &str) -> StoreError {
    StoreError::Damaged(format!("{key}: no counts of a minute").into())
}

impl Series {
    pub(crate) async fn load(store: Store, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let minute = minute_of(clock.now());
        let mut counted = Counted::default();
        let found = [store.catalog.get(key_by(minute)).await?, store.catalog.get(key_of_all(minute)).await?];
        if let Some(by) = &found[0] {
            // It goes on growing. One that cannot be read is begun anew.
            let known = postcard::from_bytes(&by.value).unwrap_or_default();
            let revisions = found.each_ref().map(|found| found.as_ref().map(|record| record.revision));
            counted.0.insert(minute, Growing { minute: known, is_changed: false, revisions });
        }
        let (counted, writing) = (Mutex::new(counted), tokio::sync::Mutex::default());
        Ok(Self { store, clock, counted, is_counted: Notify::new(), writing })
    }

    /// Counts an attempt.
    pub(crate) fn attempted(
        &self,
        endpoint: EndpointNo,
        (class, status_code): (Class, Option<u16>),
        verdict: &Verdict,
        took: Duration,
    ) {
        self.count(|minute| minute.endpoints.entry(endpoint).or_default().add(class, status_code, verdict, took));
    }

    /// Counts events that were stored.
    pub(crate) fn accepted(&self, events: usize) {
        if events > 0 {
            self.count(|minute| minute.accepted += events as u64);
        }
    }

    fn count(&self, add: impl FnOnce(&mut Minute)) {
        let now = minute_of(self.clock.now());
        let mut counted = self.counted.lock();
        let growing = counted.0.entry(now).or_default();
        add(&mut growing.minute);
        if !std::mem::replace(&mut growing.is_changed, true) {
            self.is_counted.notify_one();
        }
    }

    /// Writes what is not written. What the store does not take is tried again later.
    pub(crate) async fn flush(&self) {
        let _writing = self.writing.lock().await;
        let now = minute_of(self.clock.now());
        let changed: Vec<(i64, Minute, [Option<Revision>; 2])> = {
            let mut counted = self.counted.lock();
            while counted.0.len() > WAITING_MAX {
                counted.0.pop_first();
            }
            let changed = counted.0.iter_mut().filter(|(_, growing)| growing.is_changed);
            changed
                .map(|(at, growing)| {
                    growing.is_changed = false;
                    (*at, growing.minute.clone(), growing.revisions)
                })
                .collect()
        };
        for (at, minute, revisions) in changed {
            let written = self.write(at, &minute, revisions).await;
            let mut counted = self.counted.lock();
            let Some(growing) = counted.0.get_mut(&at) else { continue };
            match written {
                Ok(revisions) => growing.revisions = revisions.map(Some),
                Err(error) => {
                    growing.is_changed = true;
                    tracing::debug!(%error, "the counts of a minute could not be written yet");
                }
            }
        }
        // Whatever is older is read from the store.
        self.counted.lock().0.retain(|at, growing| *at >= now - 1 || growing.is_changed);
    }

    async fn write(
        &self,
        at: i64,
        minute: &Minute,
        [by, all]: [Option<Revision>; 2],
    ) -> Result<[Revision; 2], StoreError> {
        let sum = Sum { accepted: minute.accepted, tally: minute.sum() };
        let bytes = |value: Result<Vec<u8>, postcard::Error>| value.map_err(|_| damaged("minute"));
        let (minute, sum) = (bytes(postcard::to_stdvec(minute))?, bytes(postcard::to_stdvec(&sum))?);
        // Submitted together, so they are one sync.
        let by = self.store.catalog.put_if(key_by(at), by, minute.into());
        let all = self.store.catalog.put_if(key_of_all(at), all, sum.into());
        let (by, all) = futures_util::future::join(by, all).await;
        Ok([by?, all?])
    }

    /// All endpoints together in the minutes `from` (inclusive) to `until` (exclusive) in which something happened,
    /// ascending.
    pub async fn sums(&self, from: i64, until: i64) -> Result<BTreeMap<i64, Sum>, StoreError> {
        let mut found = BTreeMap::new();
        for Record { key, value, .. } in self.store.catalog.list(ALL.into()).await? {
            let at = minute_in(&key).ok_or_else(|| damaged(&key))?;
            if (from..until).contains(&at) {
                found.insert(at, postcard::from_bytes(&value).map_err(|_| damaged(&key))?);
            }
        }
        for (at, growing) in self.counted.lock().0.range(from..until) {
            let minute = &growing.minute;
            found.insert(*at, Sum { accepted: minute.accepted, tally: minute.sum() });
        }
        Ok(found)
    }

    /// The same of each of `endpoints` by itself.
    pub async fn of(
        &self,
        endpoints: &BTreeSet<EndpointNo>,
        from: i64,
        until: i64,
    ) -> Result<BTreeMap<i64, BTreeMap<EndpointNo, Tally>>, StoreError> {
        let mut found = BTreeMap::new();
        let mut add = |at: i64, minute: &Minute| {
            let mut kept = minute.endpoints.clone();
            kept.retain(|endpoint, _| endpoints.contains(endpoint));
            found.insert(at, kept);
        };
        for hour in from.div_euclid(60)..=(until - 1).div_euclid(60) {
            for Record { key, value, .. } in self.store.catalog.list(key_of_hour(hour * 60)).await? {
                let at = minute_in(&key).ok_or_else(|| damaged(&key))?;
                if (from..until).contains(&at) {
                    add(at, &postcard::from_bytes(&value).map_err(|_| damaged(&key))?);
                }
            }
        }
        for (at, growing) in self.counted.lock().0.range(from..until) {
            add(*at, &growing.minute);
        }
        Ok(found)
    }

    /// The minute that grows and the one before it, as far as they are in memory.
    pub fn newest(&self) -> [(i64, Option<Sum>); 2] {
        let now = minute_of(self.clock.now());
        let counted = self.counted.lock();
        [now, now - 1].map(|at| {
            let sum = counted.0.get(&at).map(|growing| {
                let minute = &growing.minute;
                Sum { accepted: minute.accepted, tally: minute.sum() }
            });
            (at, sum)
        })
    }

    /// Removes minutes that are kept no longer.
    async fn trim(&self) -> Result<(), StoreError> {
        let oldest = minute_of(self.clock.now()) - MINUTES_KEPT;
        let all = self.store.catalog.list(ALL.into()).await?;
        let is_old = |record: &Record| minute_in(&record.key).is_some_and(|at| at < oldest);
        let old: Vec<Record> = all.into_iter().filter(is_old).collect();
        let hours: BTreeSet<String> = old.iter().filter_map(|record| minute_in(&record.key)).map(key_of_hour).collect();
        let mut going: Vec<Record> = Vec::new();
        for hour in hours {
            going.extend(self.store.catalog.list(hour).await?.into_iter().filter(is_old));
        }
        // Those of all together last: they tell which hours there are.
        for records in [going, old] {
            let deleting = records.into_iter().map(|record| self.store.catalog.delete_if(record.key, record.revision));
            futures_util::future::try_join_all(deleting).await?;
        }
        Ok(())
    }
}

/// Writes and trims, for as long as its thread lives.
pub(crate) async fn watch(series: Arc<Series>) {
    let mut trimmed_hour = None;
    loop {
        series.is_counted.notified().await;
        tokio::time::sleep(FLUSH_EVERY).await;
        series.flush().await;
        let hour = minute_of(series.clock.now()).div_euclid(60);
        if trimmed_hour.replace(hour) != Some(hour)
            && let Err(error) = series.trim().await
        {
            tracing::debug!(%error, "old counts could not be removed yet");
        }
    }
}
