//! The router actor: reads the log from its durable cursor, matches, and queues the deliveries.
//!
//! **Owns** the cursor. Deliveries and cursor are one write, so a crash repeats nothing and skips nothing; only then
//! are the delivery actors told. A batch is matched with one snapshot of the subscriptions, and which version of each
//! decided from where on is part of the same write. An event that makes the matching panic is tried three times and then
//! set aside with its reason: the log moves on, and nobody else waits. **Capacity**: one batch of [`BATCH`] events at a time.
//! **Messages**: [`Barrier`].

use std::{
    collections::BTreeMap,
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    time::Duration,
};

use actix::prelude::*;
use loghorn_domain::{
    EndpointNo, Event, Origin, Seq,
    matcher::{Compiled, Matcher, Matches, Scratch},
    notice::Notice,
};
use loghorn_storage::{Deciding, Error as StoreError, Matched, Pending, Revision};

use rustc_hash::FxHashMap;

use crate::{
    delivery::{Fresh, Rewound},
    set_aside,
    shared::Shared,
    supervisor::{Guard, Missing},
};

/// Events and bytes that are read at a time.
const BATCH: usize = 1024;
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// How long to wait after the store refused.
const RETRY: Duration = Duration::from_secs(1);

/// Answers once nothing is queued any more for what was not matched when it was sent.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Barrier;

/// No more deliveries are made from now on; what is in the log is routed after the next start.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Halt;

/// See the module.
pub(crate) struct RouterActor {
    shared: Arc<Shared>,
    _guard: Guard,
}

impl RouterActor {
    pub(crate) fn new(shared: Arc<Shared>, guard: Guard) -> Self {
        Self { shared, _guard: guard }
    }
}

impl Actor for RouterActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        // In the actor's context, so that a panic in it ends the actor and is seen.
        context.spawn(route(self.shared.clone()).into_actor(self));
    }
}

impl Handler<Barrier> for RouterActor {
    type Result = ();

    /// A batch is matched and handed over in one step of this thread, so between steps nothing is half done.
    fn handle(&mut self, _: Barrier, _: &mut Self::Context) {}
}

impl Handler<Halt> for RouterActor {
    type Result = ();

    fn handle(&mut self, _: Halt, context: &mut Self::Context) {
        context.stop();
    }
}

async fn route(shared: Arc<Shared>) {
    let mut tail = shared.store.log.tail();
    let mut routing = None;
    // A router that died may have queued deliveries and told nobody.
    shared.directory.actors().iter().for_each(|actor| actor.do_send(Rewound::TO_THE_START));
    loop {
        tail.borrow_and_update();
        match step(&shared, &mut routing).await {
            Ok(0) if tail.changed().await.is_err() => return,
            Ok(0) => {}
            Ok(_) => {
                if shared.directory.set_routing_waits(None) {
                    tracing::info!("routing goes on");
                }
                tokio::task::yield_now().await;
            }
            Err(StoreError::Fenced | StoreError::Stopped) => return,
            Err(error) => {
                let words = error.to_string();
                if shared.directory.set_routing_waits(Some(words.clone())) {
                    tracing::error!(error = words, "routing waits: the store refuses");
                }
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Where the router stands.
struct Routing {
    cursor: Seq,
    decided: Decided,
    scratch: Scratch,
}

/// Who decided about the last event that was routed.
enum Decided {
    /// As it stands on record: the version of each endpoint's subscription. So it is after a start.
    OnRecord(BTreeMap<EndpointNo, u32>),
    /// This snapshot.
    By(Arc<Matcher>),
}

impl Routing {
    async fn resume(shared: &Shared) -> Result<Self, StoreError> {
        let cursor = shared.store.queue.cursor().await?;
        let decided = Decided::OnRecord(shared.store.queue.deciding().await?);
        Ok(Self { cursor, decided, scratch: Scratch::default() })
    }

    /// Whoever decides otherwise from now on than up to the cursor. Costs as much as there are changes.
    fn deciding(&self, matcher: &Matcher) -> Vec<Deciding> {
        let after = self.cursor;
        let version = |now: Option<&Arc<Compiled>>| now.map_or(0, |compiled| compiled.subscription.version);
        match &self.decided {
            Decided::By(before) => {
                let changes = matcher.changes_since(before).into_iter();
                changes.map(|(endpoint, now)| Deciding { endpoint, after, version: version(now) }).collect()
            }
            Decided::OnRecord(versions) => {
                let known = versions.keys().map(|endpoint| (*endpoint, matcher.get(*endpoint)));
                let all = matcher.subscriptions().map(|compiled| (compiled.subscription.endpoint, Some(compiled)));
                let all: BTreeMap<EndpointNo, _> = known.chain(all).collect();
                let all = all.into_iter().map(|(endpoint, now)| Deciding { endpoint, after, version: version(now) });
                all.filter(|now| versions.get(&now.endpoint).copied().unwrap_or(0) != now.version).collect()
            }
        }
    }
}

/// Tries before an event is set aside.
const TRIES: usize = 3;

/// Who gets `event`; where that cannot be found out, why.
fn matches(matcher: &Matcher, event: &Event, scratch: &mut Scratch) -> Result<Matches, String> {
    let mut reason = String::new();
    for _ in 0..TRIES {
        let found = panic::catch_unwind(AssertUnwindSafe(|| {
            fail::fail_point!(&format!("router::poison::{}", event.head.source));
            matcher.matches(event, scratch)
        }));
        match found {
            Ok(found) => return Ok(found),
            Err(cause) => {
                // What it left behind half done is not used again.
                *scratch = Scratch::default();
                let text = cause.downcast_ref::<String>().map(String::as_str);
                reason = text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("unknown").to_owned();
            }
        }
    }
    Err(reason)
}

/// Says that an event is set aside, and puts it on record.
fn keep(shared: &Shared, event: &Event, reason: &str) -> Option<Pending<Revision>> {
    let seq = event.seq;
    tracing::error!(%seq, reason, "an event is set aside: matching it panics");
    let n = shared.metrics.set_aside();
    if n >= set_aside::KEPT_MAX {
        return None;
    }
    // One of Loghorn's own that cannot be matched would be followed by another one.
    if !event.head.event_type.is_own() {
        shared.notices.tell(Notice::SetAside(event.id.clone(), seq));
    }
    Some(set_aside::keep(&shared.store, seq, reason))
}

/// Routes one batch; returns how many events it held.
async fn step(shared: &Shared, routing: &mut Option<Routing>) -> Result<usize, StoreError> {
    let routing = match routing {
        Some(routing) => routing,
        None => routing.insert(Routing::resume(shared).await?),
    };
    let events = shared.store.log.read(routing.cursor, BATCH, BATCH_BYTES).await?;
    let Some(last) = events.last().map(|event| event.seq) else { return Ok(0) };
    let matcher = shared.subscriptions.matcher();
    let (mut routed, mut poison) = (Vec::new(), Vec::new());
    let mut fresh: FxHashMap<EndpointNo, Vec<Arc<Event>>> = FxHashMap::default();
    let began = shared.clock.monotonic();
    for event in &events {
        fail::fail_point!("router::match", |_| Err(StoreError::Stopped));
        let Matches { endpoints, shadows } = matches(&matcher, event, &mut routing.scratch).unwrap_or_else(|reason| {
            poison.push((event, reason));
            Matches::default()
        });
        for endpoint in &endpoints {
            fresh.entry(*endpoint).or_default().push(event.clone());
        }
        if !endpoints.is_empty() || !shadows.is_empty() {
            let origin = if event.head.only.is_some() { Origin::Test } else { Origin::Live };
            routed.push(Matched { seq: event.seq, received_at: event.head.received_at, endpoints, origin, shadows });
        }
    }
    shared.metrics.matching_took(shared.clock.monotonic().saturating_sub(began));
    let deliveries = routed.iter().map(|matched| matched.endpoints.len()).sum();
    let shadows = routed.iter().map(|matched| matched.shadows.len()).sum();
    // Submitted in the same step as the matching: see `Barrier`.
    let kept: Vec<_> = poison.iter().map(|(event, reason)| keep(shared, event, reason)).collect();
    let enqueued = shared.store.queue.enqueue(shared.fence, routed, routing.deciding(&matcher), last);
    enqueued.await?;
    for kept in kept.into_iter().flatten() {
        match kept.await {
            // One that is there already was set aside before a crash.
            Ok(_) | Err(StoreError::Conflict { .. }) => {}
            Err(error) => tracing::error!(%error, "why an event was set aside could not be kept"),
        }
    }
    fail::fail_point!("router::enqueued", |_| Err(StoreError::Stopped));
    routing.cursor = last;
    routing.decided = Decided::By(matcher);
    shared.metrics.routed(events.len(), deliveries, shadows);
    shared.directory.set_routed(last);
    if deliveries > 0 {
        shared.notices.queued();
    }
    for (endpoint, events) in fresh {
        match shared.directory.actor(endpoint) {
            Some(actor) => actor.do_send(Fresh(events)),
            None => shared.changes.missing(Missing(endpoint)),
        }
    }
    Ok(events.len())
}
