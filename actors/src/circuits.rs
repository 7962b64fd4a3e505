//! What is kept of circuits that are not closed, so that a restart neither forgets that an endpoint is down nor asks a
//! thousand dead endpoints at once.
//!
//! Kept in the catalogue, a moment after the change: one that a crash cuts off costs a few attempts too many. Of several
//! changes of one endpoint while a write is under way, the last is written.

use std::sync::Arc;

use loghorn_domain::{EndpointNo, breaker::Memory};
use loghorn_storage::{Error as StoreError, Record, Revision, Store};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

const PREFIX: &str = "circuit/";

#[derive(Default)]
struct Known {
    wanted: Option<Memory>,
    written: Option<Memory>,
    revision: Option<Revision>,
    is_writing: bool,
}

/// See the module.
pub(crate) struct Circuits {
    store: Store,
    known: Mutex<FxHashMap<EndpointNo, Known>>,
}

impl Circuits {
    pub(crate) async fn load(store: Store) -> Result<Self, StoreError> {
        let mut known = FxHashMap::default();
        for Record { key, revision, value } in store.catalog.list(PREFIX.into()).await? {
            let endpoint = key.strip_prefix(PREFIX).and_then(|hex| u32::from_str_radix(hex, 16).ok());
            // One that cannot be read is only a circuit that begins closed.
            let memory = serde_json::from_slice(&value).ok();
            if let Some(endpoint) = endpoint {
                let kept = Known { wanted: memory, written: memory, revision: Some(revision), is_writing: false };
                known.insert(EndpointNo(endpoint), kept);
            }
        }
        Ok(Self { store, known: Mutex::new(known) })
    }

    /// What is known of this endpoint's circuit.
    pub(crate) fn recall(&self, endpoint: EndpointNo) -> Option<Memory> {
        self.known.lock().get(&endpoint)?.wanted
    }

    /// Keeps it, soon. Must be called within a running actix system.
    pub(crate) fn keep(self: &Arc<Self>, endpoint: EndpointNo, memory: Option<Memory>) {
        {
            let mut all = self.known.lock();
            let known = all.entry(endpoint).or_default();
            known.wanted = memory;
            if known.is_writing || known.wanted == known.written {
                return;
            }
            known.is_writing = true;
        }
        let this = self.clone();
        actix_rt::spawn(async move { this.write(endpoint).await });
    }

    async fn write(&self, endpoint: EndpointNo) {
        loop {
            let (wanted, revision) = {
                let mut all = self.known.lock();
                let Some(known) = all.get_mut(&endpoint) else { return };
                if known.wanted == known.written {
                    known.is_writing = false;
                    return;
                }
                (known.wanted, known.revision)
            };
            let written = self.put(endpoint, wanted, revision).await;
            let mut all = self.known.lock();
            let Some(known) = all.get_mut(&endpoint) else { return };
            match written {
                Ok(revision) => (known.written, known.revision) = (wanted, revision),
                Err(error) => {
                    tracing::debug!(%endpoint, %error, "the state of a circuit could not be kept");
                    known.is_writing = false;
                    return;
                }
            }
        }
    }

    async fn put(
        &self,
        endpoint: EndpointNo,
        memory: Option<Memory>,
        revision: Option<Revision>,
    ) -> Result<Option<Revision>, StoreError> {
        let (key, catalog) = (format!("{PREFIX}{endpoint}"), &self.store.catalog);
        match (memory, revision) {
            (Some(memory), _) => {
                let unreadable = |error: serde_json::Error| StoreError::Damaged(error.to_string().into());
                let value = serde_json::to_vec(&memory).map_err(unreadable)?;
                catalog.put_if(key, revision, value.into()).await.map(Some)
            }
            (None, Some(revision)) => catalog.delete_if(key, revision).await.map(|()| None),
            (None, None) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use loghorn_domain::Timestamp;

    use super::*;

    #[actix_rt::test]
    async fn the_last_of_several_changes_is_kept_and_one_that_is_closed_is_forgotten() {
        let store = loghorn_storage::memory::open(1, Duration::from_secs(60));
        let circuits = Arc::new(Circuits::load(store.clone()).await.unwrap());
        let memory =
            |trips_in_row| Memory { until: Some(Timestamp::from_millis(7)), trips_in_row, failing_since: None };
        let (open, closed) = (EndpointNo(1), EndpointNo(2));
        for trips in 1..=5 {
            circuits.keep(open, Some(memory(trips)));
            circuits.keep(closed, Some(memory(trips)));
        }
        circuits.keep(closed, None);
        while circuits.known.lock().values().any(|known| known.is_writing) {
            tokio::task::yield_now().await;
        }
        let again = Circuits::load(store).await.unwrap();
        assert_eq!((again.recall(open), again.recall(closed)), (Some(memory(5)), None));
        assert_eq!(again.known.lock().len(), 1);
    }
}
