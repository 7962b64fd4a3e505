//! The way to the supervisor, for those who are made before it.

use std::sync::{Arc, OnceLock};

use actix::Addr;
use loghorn_domain::EndpointNo;

use crate::{
    Feed,
    supervisor::{EndpointChanged, EndpointsDeleted, Missing, Panicked, SupervisorActor},
};

/// Tells the supervisor what it must act on, once there is one.
#[derive(Clone, Default)]
pub(crate) struct Changes {
    supervisor: Arc<OnceLock<Addr<SupervisorActor>>>,
    /// Tells whoever watches.
    pub(crate) feed: Arc<Feed>,
}

impl Changes {
    pub(crate) fn connect(&self, supervisor: Addr<SupervisorActor>) {
        // Connected once, at the start.
        let _ = self.supervisor.set(supervisor);
    }

    pub(crate) fn supervisor(&self) -> Option<&Addr<SupervisorActor>> {
        self.supervisor.get()
    }

    /// The subscription that `endpoint` is one of was made or changed.
    pub(crate) fn changed(&self, endpoint: EndpointNo) {
        if let Some(supervisor) = self.supervisor.get() {
            supervisor.do_send(EndpointChanged(endpoint));
        }
    }

    /// Work came for an endpoint that has no actor.
    pub(crate) fn missing(&self, missing: Missing) {
        if let Some(supervisor) = self.supervisor.get() {
            supervisor.do_send(missing);
        }
    }

    /// An actor panicked.
    pub(crate) fn panicked(&self, panicked: Panicked) {
        if let Some(supervisor) = self.supervisor.get() {
            supervisor.do_send(panicked);
        }
    }

    /// The subscription with these endpoints was deleted. Returns when nothing is sent to it any more; its queues are
    /// emptied afterwards.
    pub(crate) async fn deleted(&self, endpoints: Vec<EndpointNo>) {
        if let Some(supervisor) = self.supervisor.get() {
            // A supervisor that is gone means that the process ends; the queues are emptied at the next start.
            let _ = supervisor.send(EndpointsDeleted(endpoints)).await;
        }
    }
}
