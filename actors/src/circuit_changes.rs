//! What happened to the circuits of endpoints lately, for people who ask why nothing arrived.
//!
//! The newest few of each endpoint are kept, in memory and, a moment later, in the catalogue: those of the last seconds
//! before a crash may be missing.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use loghorn_domain::{EndpointNo, Timestamp, breaker::Circuit};
use loghorn_storage::{Error as StoreError, Record, Revision, Store};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

const PREFIX: &str = "circuit_changes/";
/// Of one endpoint.
const KEPT_MAX: usize = 20;
/// Changes of so long are written at once.
const FLUSH_EVERY: Duration = Duration::from_secs(2);

/// A circuit changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CircuitChange {
    /// When.
    pub at: Timestamp,
    /// What it is since then.
    pub circuit: Circuit,
    /// When an open one is probed.
    pub until: Option<Timestamp>,
    /// Why, in words.
    pub cause: String,
}

#[derive(Default)]
struct Kept {
    /// Oldest first.
    changes: VecDeque<CircuitChange>,
    revision: Option<Revision>,
    is_changed: bool,
}

/// See the module.
pub struct CircuitChanges {
    store: Store,
    kept: Mutex<FxHashMap<EndpointNo, Kept>>,
    changed: Notify,
    /// One writes at a time.
    writing: tokio::sync::Mutex<()>,
}

impl CircuitChanges {
    pub(crate) async fn load(store: Store) -> Result<Self, StoreError> {
        let mut kept = FxHashMap::default();
        for Record { key, revision, value } in store.catalog.list(PREFIX.into()).await? {
            let endpoint = key.strip_prefix(PREFIX).and_then(|hex| u32::from_str_radix(hex, 16).ok());
            // What cannot be read is no reason not to start: nothing is decided by it.
            let changes = serde_json::from_slice(&value).unwrap_or_default();
            if let Some(endpoint) = endpoint {
                kept.insert(EndpointNo(endpoint), Kept { changes, revision: Some(revision), is_changed: false });
            }
        }
        Ok(Self { store, kept: Mutex::new(kept), changed: Notify::new(), writing: tokio::sync::Mutex::default() })
    }

    /// The changes of this endpoint's circuit, the newest first; at most 20.
    pub fn of(&self, endpoint: EndpointNo) -> Vec<CircuitChange> {
        let kept = self.kept.lock();
        kept.get(&endpoint).map(|kept| kept.changes.iter().rev().cloned().collect()).unwrap_or_default()
    }

    pub(crate) fn add(&self, endpoint: EndpointNo, change: CircuitChange) {
        let mut all = self.kept.lock();
        let kept = all.entry(endpoint).or_default();
        // A probe that moved is not another change.
        if kept.changes.back().is_some_and(|last| last.circuit == change.circuit && last.until == change.until) {
            return;
        }
        kept.changes.push_back(change);
        if kept.changes.len() > KEPT_MAX {
            kept.changes.pop_front();
        }
        kept.is_changed = true;
        self.changed.notify_one();
    }

    /// Its subscription is gone.
    pub(crate) fn forget(&self, endpoint: EndpointNo) {
        if let Some(kept) = self.kept.lock().get_mut(&endpoint) {
            kept.changes.clear();
            kept.is_changed = true;
            self.changed.notify_one();
        }
    }

    /// Writes what changed.
    pub(crate) async fn flush(&self) {
        let _writing = self.writing.lock().await;
        let changed: Vec<(EndpointNo, VecDeque<CircuitChange>, Option<Revision>)> = {
            let mut all = self.kept.lock();
            let changed = all.iter_mut().filter(|(_, kept)| kept.is_changed);
            changed
                .map(|(endpoint, kept)| {
                    kept.is_changed = false;
                    (*endpoint, kept.changes.clone(), kept.revision)
                })
                .collect()
        };
        for (endpoint, changes, revision) in changed {
            let written = self.write(endpoint, &changes, revision).await;
            let mut all = self.kept.lock();
            let Some(kept) = all.get_mut(&endpoint) else { continue };
            match written {
                Ok(revision) => kept.revision = revision,
                Err(error) => {
                    kept.is_changed = true;
                    tracing::debug!(%endpoint, %error, "what happened to a circuit could not be written");
                }
            }
            if kept.changes.is_empty() && kept.revision.is_none() {
                all.remove(&endpoint);
            }
        }
    }

    async fn write(
        &self,
        endpoint: EndpointNo,
        changes: &VecDeque<CircuitChange>,
        revision: Option<Revision>,
    ) -> Result<Option<Revision>, StoreError> {
        let (key, catalog) = (format!("{PREFIX}{endpoint}"), &self.store.catalog);
        match revision {
            Some(revision) if changes.is_empty() => catalog.delete_if(key, revision).await.map(|()| None),
            None if changes.is_empty() => Ok(None),
            _ => {
                let value = serde_json::to_vec(changes);
                let value = value.map_err(|error| StoreError::Damaged(error.to_string().into()))?;
                catalog.put_if(key, revision, value.into()).await.map(Some)
            }
        }
    }
}

/// Writes what happened, for as long as its thread lives.
pub(crate) async fn watch(changes: Arc<CircuitChanges>) {
    loop {
        changes.changed.notified().await;
        tokio::time::sleep(FLUSH_EVERY).await;
        changes.flush().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_rt::test]
    async fn the_newest_are_kept_and_those_of_a_deleted_one_forgotten() {
        let store = loghorn_storage::memory::open(1, Duration::from_secs(60));
        let changes = CircuitChanges::load(store.clone()).await.unwrap();
        let change = |n: i64| CircuitChange {
            at: Timestamp::from_millis(n),
            circuit: if n % 2 == 0 { Circuit::Open } else { Circuit::Closed },
            until: None,
            cause: "the last attempt came to http_5xx (503)".into(),
        };
        let (busy, calm) = (EndpointNo(1), EndpointNo(2));
        (0..50).for_each(|n| changes.add(busy, change(n)));
        changes.add(calm, change(1));
        changes.add(calm, change(3));
        changes.flush().await;
        let again = CircuitChanges::load(store.clone()).await.unwrap();
        assert_eq!(again.of(busy), (30..50).rev().map(change).collect::<Vec<_>>());
        assert_eq!(again.of(calm), [change(1)], "nothing changed");
        again.forget(busy);
        again.flush().await;
        assert_eq!(store.catalog.list(PREFIX.into()).await.unwrap().len(), 1);
        assert_eq!(again.kept.lock().len(), 1);
    }
}
