//! What is counted. Logic says what happened (`metrics.attempted(class, took)`); names and labels are the web's.

use std::{
    array,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use loghorn_domain::Class;

use crate::supervisor::Role;

/// Upper bounds of the histograms' buckets, in microseconds.
pub const BUCKETS_US: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];

/// A histogram of durations over [`BUCKETS_US`].
#[derive(Debug, Default)]
pub struct Histogram {
    /// Not cumulative; the last is for everything longer.
    buckets: [AtomicU64; BUCKETS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    fn record(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.buckets[BUCKETS_US.partition_point(|bound| *bound < us)].fetch_add(1, Relaxed);
        self.sum_us.fetch_add(us, Relaxed);
    }

    /// The counts of the buckets (not cumulative; the last for everything longer) and the sum in microseconds.
    pub fn read(&self) -> ([u64; BUCKETS_US.len() + 1], u64) {
        (array::from_fn(|n| self.buckets[n].load(Relaxed)), self.sum_us.load(Relaxed))
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Everything that is counted since the start of the process.
        #[derive(Debug, Default)]
        pub struct Metrics {
            $($(#[$doc])* pub $name: AtomicU64,)*
            /// Attempts by class, in the order of [`Class::ALL`].
            pub attempts: [AtomicU64; Class::ALL.len()],
            /// How long attempts took.
            pub attempt_duration: Histogram,
            /// How long appends took, from the hand-over to the fsync.
            pub append_duration: Histogram,
        }
    };
}

counters! {
    /// Events stored.
    events_accepted,
    /// Events that were stored before.
    events_duplicate,
    /// Events refused because they were bad.
    events_rejected,
    /// Requests refused for want of room.
    requests_overloaded,
    /// Events that the router has passed.
    events_routed,
    /// Deliveries that it made.
    deliveries_made,
    /// Deliveries that shadow subscriptions would have got.
    shadow_matches,
    /// Time spent on finding the subscriptions of events, in microseconds.
    matching_us,
    /// Events that could not be matched.
    events_set_aside,
    /// Panics of the ingest actor.
    panics_ingest,
    /// Panics of the router actor.
    panics_router,
    /// Panics of delivery actors.
    panics_delivery,
    /// Times a circuit opened.
    circuits_opened,
    /// Notices that could not be told.
    notices_dropped,
    /// Requests of the HTTP API answered.
    http_requests,
}

impl Metrics {
    pub(crate) fn appended(&self, accepted: usize, duplicates: usize) {
        self.events_accepted.fetch_add(accepted as u64, Relaxed);
        self.events_duplicate.fetch_add(duplicates as u64, Relaxed);
    }

    pub(crate) fn overloaded(&self) {
        self.requests_overloaded.fetch_add(1, Relaxed);
    }

    /// Bad events were refused.
    pub fn rejected(&self, events: usize) {
        self.events_rejected.fetch_add(events as u64, Relaxed);
    }

    pub(crate) fn routed(&self, events: usize, deliveries: usize, shadows: usize) {
        self.events_routed.fetch_add(events as u64, Relaxed);
        self.deliveries_made.fetch_add(deliveries as u64, Relaxed);
        self.shadow_matches.fetch_add(shadows as u64, Relaxed);
    }

    /// One more; how many there were before.
    pub(crate) fn set_aside(&self) -> u64 {
        self.events_set_aside.fetch_add(1, Relaxed)
    }

    pub(crate) fn matching_took(&self, took: Duration) {
        self.matching_us.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    pub(crate) fn panicked(&self, role: Role) {
        let counter = match role {
            Role::Ingest => &self.panics_ingest,
            Role::Router => &self.panics_router,
            Role::Delivery(_) => &self.panics_delivery,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn circuit_opened(&self) {
        self.circuits_opened.fetch_add(1, Relaxed);
    }

    pub(crate) fn notices_dropped(&self, notices: u64) {
        self.notices_dropped.fetch_add(notices, Relaxed);
    }

    pub(crate) fn attempted(&self, class: Class, took: Duration) {
        self.attempts[class as usize].fetch_add(1, Relaxed);
        self.attempt_duration.record(took);
    }

    pub(crate) fn append_took(&self, took: Duration) {
        self.append_duration.record(took);
    }
}
