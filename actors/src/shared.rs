//! What every actor is given.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use loghorn_domain::{Clock, EndpointNo, Seq, Timestamp, delivery::Entry, egress, notice::Subject};
use loghorn_storage::{Error as StoreError, Fence, Store};

use crate::{
    CircuitChanges, Directory, Metrics, Options, Random, Series, Subscriptions, Vault, changes::Changes,
    circuits::Circuits, dispatch::Dispatch, notices::Notices, receiver_tls::Trust, supervisor::Requeued,
};

/// Made once at the start, shared by all actors.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) fence: Fence,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) options: Options,
    pub(crate) egress: Arc<egress::Policy>,
    pub(crate) tls: Trust,
    pub(crate) subscriptions: Arc<Subscriptions>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) circuits: Arc<Circuits>,
    pub(crate) circuit_changes: Arc<CircuitChanges>,
    pub(crate) dispatch: Dispatch,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) notices: Arc<Notices>,
    pub(crate) series: Arc<Series>,
    pub(crate) changes: Changes,
    /// The wall clock and the monotonic one at the start.
    pub(crate) epoch: (Timestamp, Duration),
}

impl Shared {
    /// Tells the endpoints of what was queued, though newer may have been read before. Where a subscription was deleted
    /// meanwhile its queue may have been emptied before this came into it: it is emptied again.
    pub(crate) async fn requeued(&self, deliveries: Vec<(EndpointNo, Seq)>) -> Result<(), StoreError> {
        let is_gone = |endpoint: &EndpointNo| self.subscriptions.alive(*endpoint).is_none();
        let endpoints: BTreeSet<EndpointNo> = deliveries.iter().map(|(endpoint, _)| *endpoint).collect();
        for endpoint in endpoints.into_iter().filter(is_gone) {
            self.store.queue.purge(self.fence, endpoint, self.clock.now()).await?;
        }
        self.notices.queued();
        if let Some(supervisor) = self.changes.supervisor() {
            supervisor.do_send(Requeued(deliveries));
        }
        Ok(())
    }

    /// Whom a notice about this endpoint names.
    pub(crate) fn subject(&self, endpoint: EndpointNo) -> Option<Subject> {
        self.subscriptions.by_endpoint(endpoint).map(|subscription| Subject::from(&*subscription))
    }

    /// A clock for schedules: the wall clock at the start, going on steadily. A wall clock that is set back would
    /// hold every timer, one that is set forward would set off a storm of retries.
    pub(crate) fn steady_now(&self) -> Timestamp {
        self.epoch.0.plus(self.clock.monotonic().saturating_sub(self.epoch.1))
    }

    /// Entries as schedules have them: where steady and wall clock have parted since the start, when its round began by the
    /// steady one. Else all that comes after the wall clock was set would be too old, or not yet there. What was queued
    /// before that may count as younger than it is, never as older.
    pub(crate) fn steady(&self, mut entries: Vec<Entry>) -> Vec<Entry> {
        let (steady, wall) = (self.steady_now(), self.clock.now());
        if is_step(steady, wall) {
            for entry in &mut entries {
                entry.queued_at = entry.queued_at.plus(steady.since(wall)).min(steady);
            }
        }
        entries
    }

    /// An entry as it is on record, by the wall clock: [`Self::steady`] undone.
    pub(crate) fn on_record(&self, entry: Entry) -> Entry {
        let (steady, wall) = (self.steady_now(), self.clock.now());
        let queued_at = entry.queued_at.plus(wall.since(steady)).minus(steady.since(wall));
        if is_step(steady, wall) { Entry { queued_at, ..entry } } else { entry }
    }
}

/// Whether two readings lie further apart than they do anyway.
fn is_step(a: Timestamp, b: Timestamp) -> bool {
    const STEP_MIN: Duration = Duration::from_secs(1);
    a.since(b).max(b.since(a)) >= STEP_MIN
}
