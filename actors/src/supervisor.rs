//! The supervisor actor: holds the factories of all others, notices who died, and starts a fresh one.
//!
//! actix's own `Supervisor` does not survive a panic (the unwind passes through it). Here every supervised actor owns
//! a [`Guard`]; it is dropped with the actor, also by an unwind, and tells. What a fresh actor needs it reads from the
//! store. **Owns** the arbiters and the addresses. Its own handlers are a few lines without a way to panic.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use actix::prelude::*;
use loghorn_domain::{EndpointNo, notice::Notice};

use crate::{
    changes::Changes,
    delivery::{DeliveryActor, Drain, Reconfigure, Rewound, Stop},
    ingest::IngestActor,
    retention,
    router::{Barrier, Halt, RouterActor},
    shared::Shared,
    slot::Slot,
};

/// An endpoint whose actor panics more often than this within [`PANICS_WITHIN`] is left alone.
const PANICS_MAX: usize = 20;
const PANICS_WITHIN: Duration = Duration::from_secs(60);
/// How long ingest and router rest once they panic that often; they are never given up.
const REST: Duration = Duration::from_secs(1);
/// How often what is too old is removed.
const RETENTION_EVERY: Duration = Duration::from_secs(600);

/// Who is supervised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Ingest,
    Router,
    Delivery(EndpointNo),
}

/// Owned by a supervised actor; tells when it is gone.
pub(crate) struct Guard {
    role: Role,
    changes: Changes,
}

impl Guard {
    pub(crate) fn new(role: Role, changes: Changes) -> Self {
        Self { role, changes }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.changes.panicked(Panicked(self.role));
        }
    }
}

/// An actor panicked.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Panicked(pub(crate) Role);

/// Work came for an endpoint that has no actor.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Missing(pub(crate) EndpointNo);

/// The subscription that this endpoint is one of was made or changed.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct EndpointChanged(pub(crate) EndpointNo);

/// Something changed that all endpoints go by.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct AllChanged;

/// The subscription with these endpoints was deleted. Answers when nothing is sent to it any more.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct EndpointsDeleted(pub(crate) Vec<EndpointNo>);

/// These were queued, though newer ones may have been read before: dead letters again, or events of the past.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Requeued(pub(crate) Vec<(EndpointNo, loghorn_domain::Seq)>);

/// Begin nothing new; answers when what is under way has ended and is recorded.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct DrainAll;

/// The end: all actors stop at once, and their threads with them. What was under way is attempted again after the
/// next start.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct End;

/// Where the actors live.
pub(crate) struct Arbiters {
    pub(crate) ingest: Arbiter,
    pub(crate) router: Arbiter,
    pub(crate) delivery: Vec<Arbiter>,
    pub(crate) jobs: Arbiter,
}

impl Arbiters {
    pub(crate) fn new(delivery: usize) -> Self {
        let delivery = (0..delivery.max(1)).map(|_| Arbiter::new()).collect();
        Self { ingest: Arbiter::new(), router: Arbiter::new(), delivery, jobs: Arbiter::new() }
    }

    pub(crate) fn start_ingest(&self, shared: &Shared) -> Addr<IngestActor> {
        let log = shared.store.log.clone();
        let guard = Guard::new(Role::Ingest, shared.changes.clone());
        IngestActor::start_in_arbiter(&self.ingest.handle(), move |_| IngestActor::new(log, guard))
    }

    pub(crate) fn start_router(&self, shared: &Arc<Shared>) -> Addr<RouterActor> {
        let guard = Guard::new(Role::Router, shared.changes.clone());
        let shared = shared.clone();
        RouterActor::start_in_arbiter(&self.router.handle(), move |_| RouterActor::new(shared, guard))
    }

    fn start_delivery(&self, shared: &Arc<Shared>, endpoint: EndpointNo) -> Option<Addr<DeliveryActor>> {
        let subscription = shared.subscriptions.alive(endpoint)?;
        let arbiter = &self.delivery[endpoint.0 as usize % self.delivery.len()];
        let guard = Guard::new(Role::Delivery(endpoint), shared.changes.clone());
        let shared = shared.clone();
        let new = move |_: &mut Context<DeliveryActor>| DeliveryActor::new(shared, subscription, endpoint, guard);
        Some(DeliveryActor::start_in_arbiter(&arbiter.handle(), new))
    }

    fn stop(&self) {
        for arbiter in self.delivery.iter().chain([&self.ingest, &self.router, &self.jobs]) {
            arbiter.stop();
        }
    }
}

/// See the module.
pub(crate) struct SupervisorActor {
    shared: Arc<Shared>,
    arbiters: Arbiters,
    ingest: Slot<IngestActor>,
    router: Slot<RouterActor>,
    /// Times of recent panics, by the monotonic clock.
    panics: HashMap<Role, VecDeque<Duration>>,
    is_draining: Arc<AtomicBool>,
}

impl SupervisorActor {
    pub(crate) fn new(
        shared: Arc<Shared>,
        arbiters: Arbiters,
        ingest: Slot<IngestActor>,
        router: Slot<RouterActor>,
        is_draining: Arc<AtomicBool>,
    ) -> Self {
        Self { shared, arbiters, ingest, router, panics: HashMap::new(), is_draining }
    }

    /// Counts the panic; whether there were too many of late.
    fn count_panic(&mut self, role: Role) -> bool {
        self.shared.metrics.panicked(role);
        let now = self.shared.clock.monotonic();
        let times = self.panics.entry(role).or_default();
        times.push_back(now);
        while times.front().is_some_and(|first| now.saturating_sub(*first) > PANICS_WITHIN) {
            times.pop_front();
        }
        times.len() > PANICS_MAX
    }

    fn restart(&self, role: Role) {
        match role {
            Role::Ingest => self.ingest.set(self.arbiters.start_ingest(&self.shared)),
            Role::Router => self.router.set(self.arbiters.start_router(&self.shared)),
            Role::Delivery(endpoint) => self.start_delivery(endpoint),
        }
    }

    fn start_delivery(&self, endpoint: EndpointNo) {
        if let Some(actor) = self.arbiters.start_delivery(&self.shared, endpoint) {
            self.shared.directory.set_actor(endpoint, actor.clone());
            // What was queued between its first read and this moment was told to the one before, or to nobody.
            actor.do_send(Rewound::TO_THE_START);
        }
    }

    fn remove_what_is_old(&self) {
        let shared = self.shared.clone();
        actix_rt::spawn(async move {
            if let Err(error) = retention::tidy(&shared).await {
                tracing::error!(%error, "what is older than its retention could not be removed");
            }
        });
    }

    fn purge(&self, endpoint: EndpointNo) {
        let shared = self.shared.clone();
        actix_rt::spawn(async move {
            match shared.store.queue.purge(shared.fence, endpoint, shared.clock.now()).await {
                Ok(0) => {}
                Ok(cancelled) => {
                    tracing::info!(%endpoint, cancelled, "cancelled what waited for a deleted subscription")
                }
                Err(error) => {
                    tracing::error!(%endpoint, %error, "the queue of a deleted subscription could not be emptied")
                }
            }
        });
    }
}

impl Actor for SupervisorActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        for subscription in self.shared.subscriptions.list() {
            subscription.endpoints().for_each(|endpoint| self.start_delivery(endpoint));
        }
        // A crash may have come between the deletion and the emptying.
        for endpoint in self.shared.subscriptions.deleted() {
            self.purge(endpoint);
        }
        context.run_interval(RETENTION_EVERY, |this, _| this.remove_what_is_old());
    }
}

impl Handler<Panicked> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, Panicked(role): Panicked, context: &mut Self::Context) {
        let too_many = self.count_panic(role);
        tracing::error!(?role, "an actor panicked; a fresh one reads its state from the store");
        match role {
            _ if self.is_draining.load(Relaxed) => {}
            Role::Delivery(endpoint) if too_many => {
                tracing::error!(%endpoint, "its actor panics again and again: the endpoint is quarantined");
                self.shared.directory.live(endpoint).set_quarantined(true);
                self.shared.directory.remove_actor(endpoint);
                if let Some(subject) = self.shared.subject(endpoint) {
                    self.shared.notices.tell(Notice::Quarantined(subject));
                }
            }
            role if too_many => drop(context.run_later(REST, move |this, _| this.restart(role))),
            role => self.restart(role),
        }
    }
}

impl Handler<Missing> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, Missing(endpoint): Missing, _: &mut Self::Context) {
        match self.shared.directory.actor(endpoint) {
            Some(actor) => actor.do_send(Rewound::TO_THE_START),
            None if self.shared.directory.live(endpoint).is_quarantined() => {}
            None => self.start_delivery(endpoint),
        }
    }
}

impl Handler<EndpointChanged> for SupervisorActor {
    type Result = ();

    /// A change also ends a quarantine: the person who made it wants another try.
    fn handle(&mut self, EndpointChanged(endpoint): EndpointChanged, _: &mut Self::Context) {
        self.shared.directory.live(endpoint).set_quarantined(false);
        self.panics.remove(&Role::Delivery(endpoint));
        match self.shared.directory.actor(endpoint) {
            Some(actor) => actor.do_send(Reconfigure),
            None => self.start_delivery(endpoint),
        }
    }
}

impl Handler<AllChanged> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, _: AllChanged, _: &mut Self::Context) {
        self.shared.directory.actors().into_iter().for_each(|actor| actor.do_send(Reconfigure));
    }
}

impl Handler<EndpointsDeleted> for SupervisorActor {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, EndpointsDeleted(endpoints): EndpointsDeleted, _: &mut Self::Context) -> Self::Result {
        let mut stopping = Vec::new();
        for endpoint in &endpoints {
            stopping.extend(self.shared.directory.remove_actor(*endpoint).map(|actor| actor.send(Stop)));
            self.shared.circuits.keep(*endpoint, None);
            self.shared.circuit_changes.forget(*endpoint);
        }
        let router = self.router.get().clone();
        let passed = async move {
            // A router that just died queues nothing either.
            let _ = router.send(Barrier).await;
            futures_util::future::join_all(stopping).await;
        };
        let purge = move |(), this: &mut Self, _: &mut Self::Context| endpoints.iter().for_each(|no| this.purge(*no));
        Box::pin(passed.into_actor(self).map(purge))
    }
}

impl Handler<Requeued> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, Requeued(deliveries): Requeued, _: &mut Self::Context) {
        let mut lowest: HashMap<EndpointNo, loghorn_domain::Seq> = HashMap::new();
        for (endpoint, seq) in deliveries {
            lowest.entry(endpoint).and_modify(|low| *low = seq.min(*low)).or_insert(seq);
        }
        for (endpoint, seq) in lowest {
            match self.shared.directory.actor(endpoint) {
                Some(actor) => actor.do_send(Rewound(seq)),
                None if self.shared.directory.live(endpoint).is_quarantined() => {}
                None => self.start_delivery(endpoint),
            }
        }
    }
}

impl Handler<DrainAll> for SupervisorActor {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: DrainAll, _: &mut Self::Context) -> Self::Result {
        self.is_draining.store(true, Relaxed);
        self.router.get().do_send(Halt);
        let drained = self.shared.directory.actors().into_iter().map(|actor| actor.send(Drain));
        let drained = futures_util::future::join_all(drained);
        Box::pin(drained.into_actor(self).map(|_, _, _| ()))
    }
}

impl Handler<End> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, _: End, context: &mut Self::Context) {
        context.stop();
    }
}

/// The threads end with the supervisor.
impl Drop for SupervisorActor {
    fn drop(&mut self) {
        self.arbiters.stop();
    }
}
