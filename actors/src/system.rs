//! Everything together: started from a store, asked by the web, drained at the end.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use actix::Actor;
use loghorn_domain::{
    Clock, EndpointNo, Seq, SubscriptionId, Timestamp,
    breaker::{self, Circuit},
    event::Limits,
    subscription::State,
};
use loghorn_storage::{Appended, Counters, Error as StoreError, Store};

use crate::{
    AppendError, Audit, CircuitChanges, Directory, Feed, Ingest, Keys, Metrics, Options, Random, Series, Sessions,
    Subscriptions, Vault,
    changes::Changes,
    check::test_event,
    circuit_changes,
    circuits::Circuits,
    delivery::Act,
    dispatch::Dispatch,
    gate::Gate,
    jobs::Jobs,
    notices::{self, Notices},
    receiver_tls::Trust,
    rotations,
    router::RouterActor,
    series, set_aside,
    shared::Shared,
    slot::Slot,
    supervisor::{Arbiters, DrainAll, End, SupervisorActor},
};

/// A running system. Cheap to clone.
#[derive(Clone)]
pub struct System {
    pub(crate) shared: Arc<Shared>,
    ingest: Ingest,
    router: Slot<RouterActor>,
    jobs: Arc<Jobs>,
    keys: Arc<Keys>,
    sessions: Arc<Sessions>,
    audit: Arc<Audit>,
    recovered: Recovered,
    is_draining: Arc<AtomicBool>,
}

/// What was found at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Subscriptions.
    pub subscriptions: usize,
    /// Deliveries waiting for their first attempt.
    pub queued: u64,
    /// Deliveries waiting for another attempt.
    pub retrying: u64,
    /// Dead letters.
    pub dead: u64,
    /// Events in the log that are still to be routed.
    pub unrouted: u64,
}

/// Counts of deliveries. `total` is the sum of the others, at every moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeliveryStats {
    /// Ever made.
    pub total: u64,
    /// Ended with a 2xx.
    pub delivered: u64,
    /// Of those, told of in a digest.
    pub digested: u64,
    /// Dead letters, those that retention removed included.
    pub failed: u64,
    /// Waiting for their first attempt.
    pub queued: u64,
    /// Under way.
    pub attempting: u64,
    /// Waiting for another attempt.
    pub retrying: u64,
    /// Cancelled.
    pub cancelled: u64,
}

impl DeliveryStats {
    /// What is under way is still in the queue as far as the store knows, and may just have left it: it is taken out
    /// of what waits, never counted twice.
    fn new(counters: &Counters, (first_attempts, retries): (u64, u64)) -> Self {
        let retrying_stored = counters.retrying.min(counters.waiting);
        let queued_stored = counters.waiting - retrying_stored;
        let (first_attempts, retries) = (first_attempts.min(queued_stored), retries.min(retrying_stored));
        Self {
            total: counters.matched,
            delivered: counters.delivered,
            digested: counters.digested,
            failed: counters.dead + counters.expired,
            queued: queued_stored - first_attempts,
            attempting: first_attempts + retries,
            retrying: retrying_stored - retries,
            cancelled: counters.cancelled,
        }
    }

    fn add(&mut self, other: &Self) {
        self.total += other.total;
        self.delivered += other.delivered;
        self.digested += other.digested;
        self.failed += other.failed;
        self.queued += other.queued;
        self.attempting += other.attempting;
        self.retrying += other.retrying;
        self.cancelled += other.cancelled;
    }
}

/// How the system is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether every component is ready.
    pub is_healthy: bool,
    /// Whether requests can be served at all.
    pub is_ready: bool,
    /// Its parts.
    pub components: Vec<Component>,
}

/// One part of the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Its name: `subscription_manager`, `delivery_engine`, `event_listener` or `store`.
    pub name: &'static str,
    /// `ready`, `degraded` or `down`.
    pub state: &'static str,
    /// Why it is not ready.
    pub reason: Option<String>,
}

/// Why nothing was queued again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReplayError {
    /// The subscription is gone, so nothing can be sent to it.
    #[error("the subscription is gone")]
    SubscriptionGone,
    /// The store could not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a circuit was left as it is.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub enum CircuitError {
    /// Nobody works for this endpoint at the moment.
    #[error("nobody works for this endpoint at the moment: it is quarantined or being restarted")]
    NoActor,
}

/// Why no test event was sent.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TestError {
    /// There is no such subscription.
    #[error("there is no such subscription")]
    NotFound,
    /// It takes no events now.
    #[error("the subscription is disabled")]
    Disabled,
    /// The event could not be appended.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl System {
    /// Starts everything on threads of its own. Must be called within a running actix system.
    pub async fn start(
        store: Store,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        vault: Arc<Vault>,
        options: Options,
    ) -> Result<Self, StoreError> {
        let fence = store.queue.fence().await?;
        let egress = Arc::new(options.egress.clone());
        let changes = Changes::default();
        let subscriptions = Subscriptions::load(
            store.clone(),
            clock.clone(),
            random.clone(),
            vault.clone(),
            egress.clone(),
            changes.clone(),
        )
        .await?;
        let tls = Trust::of_the_platform().map_err(|error| StoreError::Damaged(error.to_string().into()))?;
        let metrics = Arc::new(Metrics::default());
        let directory = Arc::new(Directory::default());
        directory.set_routed(store.queue.cursor().await?);
        let keys = Keys::load(store.clone(), clock.clone(), random.clone(), &options.admin_keys).await?;
        let audit = Audit::load(store.clone(), clock.clone()).await?;
        let circuits = Arc::new(Circuits::load(store.clone()).await?);
        let circuit_changes = Arc::new(CircuitChanges::load(store.clone()).await?);
        let dispatch = Dispatch::load(store.clone()).await?;
        let notices = Arc::new(Notices::new(metrics.clone()));
        let series = Arc::new(Series::load(store.clone(), clock.clone()).await?);
        let shared = Arc::new(Shared {
            fence,
            circuits,
            circuit_changes: circuit_changes.clone(),
            dispatch,
            egress,
            tls,
            subscriptions: Arc::new(subscriptions),
            directory,
            metrics: metrics.clone(),
            notices: notices.clone(),
            series: series.clone(),
            changes: changes.clone(),
            epoch: (clock.now(), clock.monotonic()),
            store,
            clock: clock.clone(),
            random,
            vault,
            options,
        });
        let recovered = recovered(&shared);
        let arbiters = Arbiters::new(shared.options.delivery.threads);
        let gate = Gate::new(shared.options.ingest_queue_bytes);
        let is_draining = Arc::new(AtomicBool::new(false));
        let ingest_slot = Slot::new(arbiters.start_ingest(&shared));
        let router = Slot::new(arbiters.start_router(&shared));
        let (jobs_arbiter, notices_arbiter) = (arbiters.jobs.handle(), arbiters.jobs.handle());
        let supervisor =
            SupervisorActor::new(shared.clone(), arbiters, ingest_slot.clone(), router.clone(), is_draining.clone());
        changes.connect(supervisor.start());
        let jobs = Jobs::load(shared.clone(), jobs_arbiter, is_draining.clone()).await?;
        let ingest = Ingest::new(gate, ingest_slot, metrics, (notices, series.clone()), clock, is_draining.clone());
        notices_arbiter.spawn(notices::append(shared.clone(), ingest.clone()));
        notices_arbiter.spawn(notices::watch(shared.clone()));
        notices_arbiter.spawn(rotations::watch(shared.clone()));
        notices_arbiter.spawn(series::watch(series));
        notices_arbiter.spawn(circuit_changes::watch(circuit_changes));
        let (keys, audit) = (Arc::new(keys), Arc::new(audit));
        let sessions = Arc::new(Sessions::new(keys.clone(), shared.clock.clone(), shared.random.clone()));
        Ok(Self { shared, ingest, router, jobs, keys, sessions, audit, recovered, is_draining })
    }

    /// The way in.
    pub fn ingest(&self) -> &Ingest {
        &self.ingest
    }

    /// The subscriptions.
    pub fn subscriptions(&self) -> &Arc<Subscriptions> {
        &self.shared.subscriptions
    }

    /// What seals their secrets.
    pub fn vault(&self) -> &Vault {
        &self.shared.vault
    }

    /// The jobs.
    pub fn jobs(&self) -> &Arc<Jobs> {
        &self.jobs
    }

    /// The keys.
    pub fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }

    /// The dashboard's sessions.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// The audit log.
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// What each endpoint is doing now.
    pub fn directory(&self) -> &Directory {
        &self.shared.directory
    }

    /// The store, for reading.
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// What happened minute by minute.
    pub fn series(&self) -> &Series {
        &self.shared.series
    }

    /// What happens, as it happens.
    pub fn feed(&self) -> &Feed {
        &self.shared.changes.feed
    }

    /// The clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.shared.clock
    }

    /// Limits of one event.
    pub fn limits(&self) -> Limits {
        self.shared.options.limits
    }

    /// When it was started.
    pub fn started_at(&self) -> Timestamp {
        self.shared.epoch.0
    }

    /// How long it has been running.
    pub fn uptime(&self) -> Duration {
        self.shared.clock.monotonic().saturating_sub(self.shared.epoch.1)
    }

    /// What was found at the start.
    pub fn recovered(&self) -> Recovered {
        self.recovered
    }

    /// The last event that the router has passed.
    pub fn routed_seq(&self) -> Seq {
        self.shared.directory.routed()
    }

    /// Counts of one endpoint's deliveries, or of all.
    pub fn delivery_stats(&self, endpoint: Option<EndpointNo>) -> DeliveryStats {
        let counters: BTreeMap<EndpointNo, Counters> = self.shared.store.queue.counters();
        let mut sum = DeliveryStats::default();
        for (no, counters) in &counters {
            if endpoint.is_none_or(|endpoint| endpoint == *no) {
                sum.add(&DeliveryStats::new(counters, self.shared.directory.live(*no).attempting()));
            }
        }
        sum
    }

    /// Sends a synthetic, marked event to one subscription, through the real path.
    pub async fn send_test(&self, id: &SubscriptionId) -> Result<Appended, TestError> {
        let subscription = self.subscriptions().get(id).ok_or(TestError::NotFound)?;
        if subscription.state() == State::Disabled {
            return Err(TestError::Disabled);
        }
        let mut event = test_event(&subscription, self.clock().now()).map_err(|_| TestError::NotFound)?;
        event.head.only = Some(subscription.endpoint);
        let reservation = self.ingest.reserve(event.tail.len())?;
        let mut appended = self.ingest.append(reservation, vec![event]).await?;
        appended.pop().ok_or(TestError::Append(AppendError::Interrupted))
    }

    /// Queues dead letters again for a new round of attempts; returns those that were dead letters.
    pub async fn replay(&self, deliveries: Vec<(EndpointNo, Seq)>) -> Result<Vec<(EndpointNo, Seq)>, ReplayError> {
        let is_known = |endpoint: EndpointNo| self.subscriptions().alive(endpoint).is_some();
        if deliveries.iter().any(|(endpoint, _)| !is_known(*endpoint)) {
            return Err(ReplayError::SubscriptionGone);
        }
        let shared = &self.shared;
        let replayed = shared.store.queue.replay(shared.fence, deliveries, shared.clock.now()).await?;
        shared.requeued(replayed.clone()).await?;
        Ok(replayed)
    }

    /// Gives dead letters up for good; returns those that were dead letters.
    pub async fn discard(&self, deliveries: Vec<(EndpointNo, Seq)>) -> Result<Vec<(EndpointNo, Seq)>, StoreError> {
        let shared = &self.shared;
        shared.store.queue.discard(shared.fence, deliveries, shared.clock.now()).await
    }

    /// Opens, closes or probes the circuit of one endpoint.
    pub async fn act_on_circuit(&self, endpoint: EndpointNo, action: breaker::Action) -> Result<(), CircuitError> {
        let actor = self.shared.directory.actor(endpoint).ok_or(CircuitError::NoActor)?;
        actor.send(Act(action)).await.map_err(|_| CircuitError::NoActor)
    }

    /// Whether the process is ending: nothing long is to go on.
    pub fn is_draining(&self) -> bool {
        self.is_draining.load(Relaxed)
    }

    /// Why this event was set aside by the router, if it was.
    pub async fn set_aside(&self, seq: Seq) -> Result<Option<String>, StoreError> {
        set_aside::reason(&self.shared.store, seq).await
    }

    /// How the system is.
    pub fn health(&self) -> Health {
        let reads = &self.shared.store.reads;
        let (store, ready) = match (reads.read_only(), reads.shortage()) {
            (Some(reason), _) => (component("store", "down", Some(reason.to_string())), false),
            (None, Some(reason)) => {
                (component("store", "degraded", Some(format!("no events are taken: {reason}"))), false)
            }
            (None, None) => (component("store", "ready", None), true),
        };
        let draining = self.is_draining.load(Relaxed).then(|| "shutting down".to_owned());
        let restarting = |actor: &str, is_alive: bool| (!is_alive).then(|| format!("{actor} is being restarted"));
        let router = draining
            .clone()
            .or_else(|| restarting("ingest", self.ingest.is_connected()))
            .or_else(|| restarting("the router", self.router.get().connected()))
            .or_else(|| self.shared.directory.routing_waits().map(|reason| format!("routing waits: {reason}")));
        let quarantined = self.shared.directory.quarantined();
        let paused =
            self.dispatch_paused_since().map(|since| format!("dispatch is paused since {since}: nothing is sent"));
        let delivery = draining.clone().or(paused).or_else(|| {
            let n = quarantined.len();
            (n > 0).then(|| format!("{n} endpoint(s) quarantined: their actors failed again and again"))
        });
        let degraded =
            |name, reason: Option<String>| component(name, if reason.is_some() { "degraded" } else { "ready" }, reason);
        let subscriptions = component("subscription_manager", "ready", None);
        let components =
            vec![subscriptions, degraded("delivery_engine", delivery), degraded("event_listener", router), store];
        let is_healthy = components.iter().all(|component| component.state == "ready");
        // One that is being restarted takes nothing, so others are asked meanwhile.
        let is_ready = ready && draining.is_none() && self.ingest.is_connected();
        Health { is_healthy, is_ready, components }
    }

    /// What happened to circuits lately.
    pub fn circuit_changes(&self) -> &CircuitChanges {
        &self.shared.circuit_changes
    }

    /// How many circuits are not closed.
    pub fn circuits_open(&self) -> usize {
        let matcher = self.subscriptions().matcher();
        let circuit = |endpoint| self.shared.directory.live(endpoint).circuit().0;
        let all = matcher.subscriptions().flat_map(|compiled| compiled.subscription.endpoints());
        all.filter(|endpoint| circuit(*endpoint) != Circuit::Closed).count()
    }

    /// Deliveries under way now.
    pub fn attempting(&self) -> u64 {
        let matcher = self.subscriptions().matcher();
        let attempting = |endpoint| self.shared.directory.live(endpoint).attempting();
        let all = matcher.subscriptions().flat_map(|compiled| compiled.subscription.endpoints());
        all.map(attempting).map(|(first, again)| first + again).sum()
    }

    /// Begins nothing new and waits for what is under way to end and to be recorded, at most so long; whether it did.
    /// What is cut off is attempted again after the next start, with the same id.
    pub async fn drain(&self, deadline: Duration) -> bool {
        self.is_draining.store(true, Relaxed);
        let Some(supervisor) = self.shared.changes.supervisor() else { return true };
        let is_drained = matches!(tokio::time::timeout(deadline, supervisor.send(DrainAll)).await, Ok(Ok(())));
        self.shared.series.flush().await;
        self.shared.circuit_changes.flush().await;
        is_drained
    }

    /// Stops all actors at once, whatever they are doing, and ends their threads.
    pub fn end(&self) {
        self.is_draining.store(true, Relaxed);
        if let Some(supervisor) = self.shared.changes.supervisor() {
            supervisor.do_send(End);
        }
    }
}

fn component(name: &'static str, state: &'static str, reason: Option<String>) -> Component {
    Component { name, state, reason }
}

fn recovered(shared: &Shared) -> Recovered {
    let bounds = shared.store.log.bounds();
    let mut recovered = Recovered {
        subscriptions: shared.subscriptions.matcher().len(),
        unrouted: bounds.last.0.saturating_sub(shared.directory.routed().0),
        ..Recovered::default()
    };
    for counters in shared.store.queue.counters().values() {
        recovered.queued += counters.waiting - counters.retrying.min(counters.waiting);
        recovered.retrying += counters.retrying;
        recovered.dead += counters.dead;
    }
    recovered
}
