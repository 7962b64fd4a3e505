//! What happens minute by minute, counted here and kept in the catalogue, so that a restart forgets nothing that was
//! written: all endpoints together in one record, each by itself in another.
//!
//! **Idle is idle**: nothing is written for a minute in which nothing happened. While something does, its minute is
//! written every [`FLUSH_EVERY`]; a crash loses what was counted since.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
    time::Duration,
};

use loghorn_domain::{
    Class, Clock, EndpointNo, Timestamp, Verdict,
    series::{Minute, Tally},
};
use loghorn_storage::{Error as StoreError, Record, Revision, Store};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

/// How often a minute that grows is written.
const FLUSH_EVERY: Duration = Duration::from_secs(10);
/// How long minutes are kept: 7 days.
pub const MINUTES_KEPT: i64 = 7 * 24 * 60;
/// Minutes that may wait to be written while the store takes nothing; older ones are forgotten.
const WAITING_MAX: usize = 60;
/// Read at once, from one whole multiple to the next: these have a prefix of their own, for keys are decimal.
const SUMS_AT_A_TIME: i64 = 100;
/// The same of minutes by endpoint; it divides an hour.
const MINUTES_AT_A_TIME: i64 = 10;
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

impl Sum {
    fn of(minute: &Minute) -> Self {
        Self { accepted: minute.accepted, tally: minute.sum() }
    }
}

/// See the module.
pub struct Series {
    store: Store,
    clock: Arc<dyn Clock>,
    counted: Mutex<Counted>,
    is_counted: Notify,
    /// One write at a time.
    writing: tokio::sync::Mutex<()>,
    /// One read of many endpoints at a time.
    reading: tokio::sync::Mutex<()>,
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

/// What the keys of [`SUMS_AT_A_TIME`] minutes from `first` on begin with.
fn prefix_of_all(first: i64) -> String {
    format!("{ALL}{:08}", first / SUMS_AT_A_TIME)
}

/// What the keys of [`MINUTES_AT_A_TIME`] minutes from `first` on begin with.
fn prefix_by(first: i64) -> String {
    format!("{}{:09}", key_of_hour(first), first / MINUTES_AT_A_TIME)
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
        let (counted, is_counted) = (Mutex::new(counted), Notify::new());
        Ok(Self { store, clock, counted, is_counted, writing: Default::default(), reading: Default::default() })
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
        let sum = Sum::of(minute);
        let bytes = |value: Result<Vec<u8>, postcard::Error>| value.map_err(|_| damaged("minute"));
        let (minute, sum) = (bytes(postcard::to_stdvec(minute))?, bytes(postcard::to_stdvec(&sum))?);
        // Submitted together, so they are one sync.
        let by = self.store.catalog.put_if(key_by(at), by, minute.into());
        let all = self.store.catalog.put_if(key_of_all(at), all, sum.into());
        let (by, all) = futures_util::future::join(by, all).await;
        Ok([by?, all?])
    }

    /// Visits the minutes in which something happened, all endpoints together, in no particular order. Few of them are
    /// in memory at a time.
    pub async fn each_sum(&self, minutes: Range<i64>, visit: impl FnMut(i64, &Sum)) -> Result<(), StoreError> {
        self.each(minutes, SUMS_AT_A_TIME, prefix_of_all, Sum::of, visit).await
    }

    /// The same of each endpoint by itself.
    pub async fn each_minute(&self, minutes: Range<i64>, visit: impl FnMut(i64, &Minute)) -> Result<(), StoreError> {
        // Each may have very many endpoints, and so may those that are asked for at the same time.
        let _reading = self.reading.lock().await;
        self.each(minutes, MINUTES_AT_A_TIME, prefix_by, Minute::clone, visit).await
    }

    /// Reads `n` minutes at a time, which have their own `prefix`; what grows is newer in memory.
    async fn each<T: DeserializeOwned>(
        &self,
        minutes: Range<i64>,
        n: i64,
        prefix: impl Fn(i64) -> String,
        of: impl Fn(&Minute) -> T,
        mut visit: impl FnMut(i64, &T),
    ) -> Result<(), StoreError> {
        for first in (minutes.start.div_euclid(n)..=(minutes.end - 1).div_euclid(n)).map(|stretch| stretch * n) {
            let records = self.store.catalog.list(prefix(first)).await?;
            let within = first.max(minutes.start)..(first + n).min(minutes.end);
            let growing: BTreeMap<i64, T> =
                self.counted.lock().0.range(within.clone()).map(|(at, growing)| (*at, of(&growing.minute))).collect();
            growing.iter().for_each(|(at, minute)| visit(*at, minute));
            for Record { key, value, .. } in records {
                let at = minute_in(&key).ok_or_else(|| damaged(&key))?;
                if within.contains(&at) && !growing.contains_key(&at) {
                    visit(at, &postcard::from_bytes(&value).map_err(|_| damaged(&key))?);
                }
            }
        }
        Ok(())
    }

    /// The minute that grows and the one before it, as far as they are in memory.
    pub fn newest(&self) -> [(i64, Option<Sum>); 2] {
        let now = minute_of(self.clock.now());
        let counted = self.counted.lock();
        [now, now - 1].map(|at| {
            let sum = counted.0.get(&at).map(|growing| Sum::of(&growing.minute));
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

    use super::*;

    struct Wound(AtomicI64);

    impl Clock for Wound {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Relaxed) * 60_000)
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
    }

    /// Minutes by their number, and how much was delivered in them.
    async fn all(series: &Series, minutes: Range<i64>) -> BTreeMap<i64, u64> {
        let (mut sums, mut by) = (BTreeMap::new(), BTreeMap::new());
        let twice = |at| panic!("{at} was visited twice");
        series
            .each_sum(minutes.clone(), |at, sum| {
                if sums.insert(at, sum.tally.delivered).is_some() {
                    twice(at);
                }
            })
            .await
            .unwrap();
        series
            .each_minute(minutes, |at, minute| {
                if by.insert(at, minute.sum().delivered).is_some() {
                    twice(at);
                }
            })
            .await
            .unwrap();
        assert_eq!(sums, by);
        sums
    }

    #[actix_rt::test]
    async fn minutes_are_visited_once_each_whether_written_or_growing() {
        let start = 29_000_000;
        let clock = Arc::new(Wound(AtomicI64::new(start)));
        let store = loghorn_storage::memory::open(1, Duration::from_secs(60));
        let series = Series::load(store, clock.clone()).await.unwrap();
        let mut counted = BTreeMap::new();
        let count = |n: u64| {
            (0..n).for_each(|_| {
                series.attempted(EndpointNo(1), (Class::Ok, Some(200)), &Verdict::Delivered, Duration::ZERO);
            })
        };
        // Across stretches and hours, and not in every minute.
        for (n, at) in (start..start + 400).step_by(7).enumerate() {
            clock.0.store(at, Relaxed);
            count(n as u64 + 1);
            series.flush().await;
            // Not written any more.
            count(1);
            counted.insert(at, n as u64 + 2);
        }
        assert_eq!(all(&series, start..start + 400).await, counted);
        for (from, until) in [(start + 7, start + 8), (start + 5, start + 7), (start + 99, start + 121), (0, 1)] {
            let within = counted.range(from..until).map(|(at, n)| (*at, *n)).collect();
            assert_eq!(all(&series, from..until).await, within, "{from} to {until}");
        }
    }
}
