//! One backfill at work: reads the log, and queues what matches in small lots.
//!
//! Its lane is the lowest: a lot is queued only while little waits for the endpoint, and the endpoint's machine attempts
//! what is live first. So a backfill is never more than [`LANE_MAX`] deliveries ahead of its receiver, costs no memory,
//! and ends at once when it is cancelled. Queueing is idempotent and progress is kept after it: what a crash cut off is
//! done again, and finds its deliveries made. Where there are regions, each delivery goes to the region that its event
//! names now. One whose circuit is not closed holds up no other: what is for it waits in its own queue, however much.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use loghorn_domain::{
    EndpointNo, Event, Origin, Seq, Subscription, Timestamp,
    breaker::Circuit,
    filter::{Filter, Pool},
    job::Backfill,
    subscription::{Mode, State},
};
use loghorn_storage::{DeliveryQuery, Error as StoreError};

use crate::{
    jobs::{End, Jobs},
    shared::Shared,
};

/// Events and bytes that are read at a time.
const READ: usize = 2000;
const READ_BYTES: usize = 4 << 20;
/// Deliveries that may wait for an endpoint while another lot is queued for it.
const LANE_MAX: u64 = 256;
/// Largest lot.
const LOT_MAX: usize = 128;
/// How often it is looked whether there is room: soon at first, then seldom.
const LOOK_MIN: Duration = Duration::from_millis(5);
const LOOK_MAX: Duration = Duration::from_millis(250);
/// The time that a lot stands for where a rate is kept.
const PACE: Duration = Duration::from_millis(100);
/// How often progress is kept.
const SAVE_EVERY: Duration = Duration::from_millis(500);

/// An event that matches: its seq, when it was received, and where its delivery goes.
type Found = (Seq, Timestamp, EndpointNo);

/// Works until the end of its range. `is_resumed`: an earlier process may have queued what its progress does not show.
pub(crate) async fn run(shared: &Shared, jobs: &Jobs, job: Backfill, is_resumed: bool) -> Result<End, StoreError> {
    let Ok(filter) = Filter::compile(&job.ruling.filters, &Pool::default()) else {
        return Ok(End::Failed("the filter it began with cannot be read by this version"));
    };
    let now = shared.clock.monotonic();
    let mut work = Work { shared, jobs, filter, job, may_be_made: is_resumed, next_lot_at: now, saved_at: now };
    let end = work.run().await?;
    work.save().await?;
    Ok(end)
}

struct Work<'a> {
    shared: &'a Shared,
    jobs: &'a Jobs,
    filter: Filter,
    job: Backfill,
    may_be_made: bool,
    /// By the monotonic clock.
    next_lot_at: Duration,
    saved_at: Duration,
}

impl Work<'_> {
    async fn run(&mut self) -> Result<End, StoreError> {
        let mut reading = self.read(self.job.cursor);
        while self.job.cursor < self.job.to {
            if let Some(end) = self.end() {
                return Ok(end);
            }
            let mut events = reading.await?;
            events.retain(|event| event.seq <= self.job.to);
            let Some(last) = events.last().map(|event| event.seq) else {
                // Retention went by.
                self.job.cursor = self.job.to;
                break;
            };
            // The next are read while these are looked at.
            reading = self.read(last);
            let subscription = self.subscription();
            let to = |event| subscription.as_ref().map_or(self.job.endpoint, |found| found.endpoint_of(event));
            let matching: Vec<Found> = events
                .iter()
                .filter(|event| self.takes(event))
                .map(|event| (event.seq, event.head.received_at, to(event)))
                .collect();
            if self.job.dry_run {
                self.job.matched += matching.len() as u64;
            } else {
                if let Some(end) = self.routed(last).await {
                    return Ok(end);
                }
                if let Some(end) = self.queue(&matching).await? {
                    return Ok(end);
                }
            }
            self.job.cursor = last;
            self.progressed().await?;
        }
        Ok(End::Done)
    }

    fn read(&self, after: Seq) -> loghorn_storage::Pending<Vec<Arc<Event>>> {
        self.shared.store.reads.scan(after, READ, READ_BYTES)
    }

    fn subscription(&self) -> Option<Arc<Subscription>> {
        self.shared.subscriptions.get(&self.job.subscription)
    }

    fn takes(&self, event: &Event) -> bool {
        let (head, job) = (&event.head, &self.job);
        head.only.is_none()
            && (job.since <= head.received_at && head.received_at < job.until)
            && job.ruling.events.iter().any(|pattern| pattern.matches(head.event_type.as_str()))
            && event.subject() != Some(job.endpoint)
            && self.filter.matches(event)
    }

    /// Why it is to end now, if it is.
    fn end(&self) -> Option<End> {
        // First, or it would go on after the next start.
        if self.jobs.is_cancelled(&self.job.id) {
            return Some(End::Cancelled);
        }
        if self.jobs.is_draining() {
            return Some(End::Interrupted);
        }
        let Some(subscription) = self.subscription() else {
            return Some(End::Failed("the subscription was deleted"));
        };
        if self.job.dry_run {
            return None;
        }
        if subscription.spec.mode == Mode::Shadow {
            return Some(End::Failed("the subscription became a shadow"));
        }
        let is_disabled = subscription.state() == State::Disabled;
        is_disabled.then_some(End::Failed("the subscription was disabled"))
    }

    /// Waits until the router has passed `seq`: whether there is a delivery of an event is not known before.
    async fn routed(&self, seq: Seq) -> Option<End> {
        let mut look = LOOK_MIN;
        while self.shared.directory.routed() < seq {
            let end = self.end();
            if end.is_some() {
                return end;
            }
            if look >= LOOK_MAX {
                self.show(Some(format!("event {seq} to be routed")));
            }
            tokio::time::sleep(look).await;
            look = (look * 2).min(LOOK_MAX);
        }
        None
    }

    /// Queues the deliveries of these events, as fast as there is room.
    async fn queue(&mut self, events: &[Found]) -> Result<Option<End>, StoreError> {
        let mut rest = events;
        while !rest.is_empty() {
            let room = match self.room(&rest[..rest.len().min(LOT_MAX)]).await {
                Ok(room) => room,
                Err(end) => return Ok(Some(end)),
            };
            let (lot, after) = rest.split_at(room.min(rest.len()));
            let new = self.without_made(lot).await?;
            let made = self.make(&new).await?;
            self.job.matched += lot.len() as u64;
            self.job.queued += made + (lot.len() - new.len()) as u64;
            self.job.skipped += new.len() as u64 - made;
            self.job.cursor = lot.last().map_or(self.job.cursor, |(seq, ..)| *seq);
            self.pace(made);
            self.progressed().await?;
            rest = after;
        }
        Ok(None)
    }

    async fn make(&self, lot: &[Found]) -> Result<u64, StoreError> {
        let shared = self.shared;
        let mut by_endpoint = BTreeMap::<EndpointNo, Vec<(Seq, Timestamp)>>::new();
        for (seq, received_at, endpoint) in lot {
            by_endpoint.entry(*endpoint).or_default().push((*seq, *received_at));
        }
        let (all, mut sum) = (shared.subscriptions.endpoints_with(self.job.endpoint), 0);
        for (endpoint, events) in by_endpoint {
            fail::fail_point!("backfill::make");
            let first = events[0].0;
            let others = all.iter().copied().filter(|other| *other != endpoint).collect();
            let made = shared.store.queue.backfill(shared.fence, endpoint, others, events, shared.clock.now()).await?;
            if made > 0 {
                shared.requeued(vec![(endpoint, first)]).await?;
            }
            sum += made;
        }
        Ok(sum)
    }

    /// After a restart: without those that this job queued before, and did not come to note. They are in the first lots,
    /// so the first lot of which nothing has a delivery ends the search.
    async fn without_made(&mut self, lot: &[Found]) -> Result<Vec<Found>, StoreError> {
        if !self.may_be_made {
            return Ok(lot.to_vec());
        }
        self.may_be_made = false;
        let endpoints = self.shared.subscriptions.endpoints_with(self.job.endpoint);
        let mut query = DeliveryQuery { limit: 1, endpoints, ..DeliveryQuery::default() };
        let mut new = Vec::with_capacity(lot.len());
        for event in lot {
            query.seq = Some(event.0);
            let found = self.shared.store.reads.deliveries(query.clone()).await?.items.pop();
            self.may_be_made |= found.is_some();
            if found.is_none_or(|record| record.origin != Origin::Backfill) {
                new.push(*event);
            }
        }
        Ok(new)
    }

    /// Deliveries that wait where these go, of all such places where most do; where there are regions, without those that
    /// are down.
    fn waiting(&self, lot: &[Found]) -> u64 {
        let has_regions = self.subscription().is_some_and(|found| found.spec.regions.is_some());
        let is_asked = |endpoint: &EndpointNo| {
            !has_regions || self.shared.directory.live(*endpoint).circuit().0 == Circuit::Closed
        };
        let mut endpoints: Vec<EndpointNo> = lot.iter().map(|(_, _, endpoint)| *endpoint).collect();
        endpoints.sort_unstable();
        endpoints.dedup();
        let waiting = |endpoint| self.shared.store.queue.counters_of(endpoint).waiting;
        endpoints.into_iter().filter(is_asked).map(waiting).max().unwrap_or(0)
    }

    /// Waits for room for another lot, which is the beginning of `next`; how many fit.
    async fn room(&mut self, next: &[Found]) -> Result<usize, End> {
        let mut look = LOOK_MIN;
        loop {
            if let Some(end) = self.end() {
                return Err(end);
            }
            let waiting = self.waiting(next);
            let early = self.next_lot_at.saturating_sub(self.shared.clock.monotonic());
            if waiting < LANE_MAX && early.is_zero() {
                let room = usize::try_from(LANE_MAX - waiting).unwrap_or(LOT_MAX);
                let paced = self.job.rate.map_or(LOT_MAX, |rate| rate.within(PACE));
                return Ok(room.min(paced).min(LOT_MAX));
            }
            let sleep = if waiting < LANE_MAX { early.min(LOOK_MAX) } else { look };
            if look >= LOOK_MAX {
                self.show(Some(self.why(waiting)));
            }
            tokio::time::sleep(sleep).await;
            look = (look * 2).min(LOOK_MAX);
        }
    }

    fn why(&self, waiting: u64) -> String {
        if waiting < LANE_MAX {
            return "its rate".into();
        }
        let is_paused = self.subscription().is_some_and(|subscription| subscription.state() == State::Paused);
        let why = if is_paused { "the subscription is paused, and " } else { "" };
        format!("{why}{waiting} deliveries wait for its receiver; it goes on below {LANE_MAX}")
    }

    /// Another lot not before these are due. What was delivered before takes no time.
    fn pace(&mut self, made: u64) {
        if let Some(rate) = self.job.rate {
            let made = u32::try_from(made).unwrap_or(u32::MAX);
            self.next_lot_at = self.next_lot_at.max(self.shared.clock.monotonic()) + rate.interval() * made;
        }
    }

    /// Shows how far it is, and keeps it now and then.
    async fn progressed(&mut self) -> Result<(), StoreError> {
        self.show(None);
        if self.shared.clock.monotonic().saturating_sub(self.saved_at) >= SAVE_EVERY {
            self.save().await?;
        }
        Ok(())
    }

    fn show(&self, waiting: Option<String>) {
        self.jobs.show(self.job.clone().into(), waiting);
    }

    async fn save(&mut self) -> Result<(), StoreError> {
        self.saved_at = self.shared.clock.monotonic();
        self.jobs.save(&self.job.clone().into()).await
    }
}
