//! What every actor is given.

use std::{sync::Arc, time::Duration};

use loghorn_domain::{Clock, Timestamp, egress};
use loghorn_storage::{Fence, Store};

use crate::{Directory, Metrics, Options, Random, Subscriptions, changes::Changes, circuits::Circuits};

/// Made once at the start, shared by all actors.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) fence: Fence,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) options: Options,
    pub(crate) egress: Arc<egress::Policy>,
    pub(crate) tls: Arc<rustls::ClientConfig>,
    pub(crate) subscriptions: Arc<Subscriptions>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) circuits: Arc<Circuits>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) changes: Changes,
    /// The wall clock and the monotonic one at the start.
    pub(crate) epoch: (Timestamp, Duration),
}

impl Shared {
    /// A clock for schedules: the wall clock at the start, going on steadily. A wall clock that is set back would
    /// hold every timer, one that is set forward would set off a storm of retries.
    pub(crate) fn steady_now(&self) -> Timestamp {
        self.epoch.0.plus(self.clock.monotonic().saturating_sub(self.epoch.1))
    }
}
