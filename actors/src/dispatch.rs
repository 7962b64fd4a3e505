//! Whether webhooks go out at all. While it is paused nothing is sent to anybody, whatever waits is kept, and events are
//! taken and matched as ever. A pause outlives a restart: whoever made it wants it until it is lifted.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use loghorn_domain::Timestamp;
use loghorn_storage::{Error as StoreError, Revision, Store};
use tokio::sync::Mutex;

use crate::{System, supervisor::AllChanged};

/// Holds the time of the pause; not there while it goes on.
const KEY: &str = "dispatch_paused";
const RUNNING: i64 = i64::MIN;

/// See the module.
pub(crate) struct Dispatch {
    store: Store,
    /// Milliseconds, or [`RUNNING`].
    paused_since: AtomicI64,
    /// Of the record; one change at a time.
    revision: Mutex<Option<Revision>>,
}

impl Dispatch {
    pub(crate) async fn load(store: Store) -> Result<Self, StoreError> {
        let record = store.catalog.get(KEY.into()).await?;
        let read = |value: &[u8]| serde_json::from_slice(value);
        let since = record.as_ref().map(|record| read(&record.value)).transpose();
        let since = since.map_err(|error| StoreError::Damaged(format!("{KEY}: {error}").into()))?;
        let revision = Mutex::new(record.map(|record| record.revision));
        Ok(Self { store, paused_since: AtomicI64::new(since.unwrap_or(RUNNING)), revision })
    }

    /// Since when it is paused.
    pub(crate) fn paused_since(&self) -> Option<Timestamp> {
        let since = self.paused_since.load(Relaxed);
        (since != RUNNING).then(|| Timestamp::from_millis(since))
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused_since.load(Relaxed) != RUNNING
    }

    /// Pauses it from `since` on, or lets it go on; whether that changed anything. It is on disk before it holds.
    async fn set(&self, since: Option<Timestamp>) -> Result<bool, StoreError> {
        let mut revision = self.revision.lock().await;
        *revision = match (*revision, since) {
            (None, Some(since)) => {
                let value = since.millis().to_string().into_bytes();
                Some(self.store.catalog.put_if(KEY.into(), None, value.into()).await?)
            }
            (Some(known), None) => {
                self.store.catalog.delete_if(KEY.into(), known).await?;
                None
            }
            _ => return Ok(false),
        };
        self.paused_since.store(since.map_or(RUNNING, |since| since.millis()), Relaxed);
        Ok(true)
    }
}

/// Lets no webhooks out of `store`, which no system runs on: it finds itself paused at its start.
///
/// # Errors
/// It could not be written down.
pub async fn pause_dispatch(store: &Store, since: Timestamp) -> Result<(), StoreError> {
    Dispatch::load(store.clone()).await?.set(Some(since)).await.map(drop)
}

impl System {
    /// Since when no webhooks go out; `None`: they do.
    pub fn dispatch_paused_since(&self) -> Option<Timestamp> {
        self.shared.dispatch.paused_since()
    }

    /// Holds all webhooks, or lets them go on. Those under way end.
    ///
    /// # Errors
    /// It could not be written down; then it is as it was.
    pub async fn set_dispatch_paused(&self, is_paused: bool) -> Result<(), StoreError> {
        let (shared, since) = (self.shared.clone(), is_paused.then(|| self.clock().now()));
        // Also where whoever asked goes away meanwhile.
        let setting = actix_rt::spawn(async move {
            if shared.dispatch.set(since).await?
                && let Some(supervisor) = shared.changes.supervisor()
            {
                supervisor.do_send(AllChanged);
            }
            Ok(())
        });
        setting.await.unwrap_or(Err(StoreError::Stopped))
    }
}
