//! What is said to a machine, and what it says.

use std::time::Duration;

use super::{Batching, breaker};
use crate::{Outcome, Seq, Timestamp, Verdict, breaker::Circuit, delivery::Entry, job::Rate, retry};

/// What the machine goes by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// When a delivery is tried again.
    pub retry: retry::Policy,
    /// When the endpoint is left alone.
    pub breaker: breaker::Settings,
    /// Attempts in flight at most.
    pub in_flight_max: u16,
    /// Attempts in a time at most.
    pub rate: Option<Rate>,
    /// One at a time, in the order of the log.
    pub is_strict: bool,
    /// Several deliveries go in one webhook.
    pub batch: Option<Batching>,
    /// After an outage one webhook tells of all that waits.
    pub is_digest: bool,
    /// The subscription is disabled once nothing but failures came for so long.
    pub disable_after: Duration,
    /// Other endpoints of its subscription go on where this one is hopeless: its circuit is opened instead, until a person
    /// acts.
    pub is_region: bool,
    /// Nothing is attempted while this is set.
    pub is_paused: bool,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// These were queued just now, in ascending order.
    Fresh(Vec<Entry>),
    /// This entry, and others after it, may have been queued without being told of.
    Rewound(Seq),
    /// The queue was read for this lease.
    Fetched {
        /// Of the [`Effect::Fetch`] that this answers.
        lease: u64,
        /// What was found, ascending.
        entries: Vec<Entry>,
        /// Whether the queue ends there.
        is_end: bool,
    },
    /// The queue could not be read for this lease.
    FetchFailed {
        /// Of the [`Effect::Fetch`] that this answers.
        lease: u64,
    },
    /// This attempt goes out now: it counts for the rate limit from now on. Wanted where [`Machine::is_limited`] says so.
    ///
    /// [`Machine::is_limited`]: super::Machine::is_limited
    Sent(Seq),
    /// An attempt ended.
    Finished {
        /// Which.
        seq: Seq,
        /// How.
        outcome: Outcome,
        /// How long it took.
        took: Duration,
    },
    /// A person wants this of the circuit.
    Act(breaker::Action),
    /// An attempt was not made after all; nothing was sent. It is tried again soon.
    Returned(Seq),
    /// Of the batch that begins with this entry only so many (at least one) go out in this attempt.
    Parted {
        /// The oldest of the batch.
        first: Seq,
        /// How many go.
        n: usize,
    },
    /// Other settings; `is_new_target`: the URL changed, so what is known of its health is void.
    Configured {
        /// The settings.
        settings: Settings,
        /// Whether another address is meant.
        is_new_target: bool,
    },
    /// Nothing; the time has come.
    Tick,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Read up to `n` entries after `after`, and answer with the lease.
    Fetch {
        /// Tells late answers apart.
        lease: u64,
        /// From here on.
        after: Seq,
        /// So many.
        n: usize,
    },
    /// Make an attempt, and answer with [`Input::Finished`] or [`Input::Returned`]. Where [`Settings::batch`] is set,
    /// this is the oldest entry of a batch, and [`Machine::batch`] says which are the others.
    Attempt(Entry),
    /// Send one webhook that tells of all that waits of live events, and settle what it told of before answering with
    /// [`Input::Finished`] that it went well. This is the oldest of them.
    Digest(Entry),
    /// Record what an attempt came to, for each entry of a batch. The entry is as it was when the attempt began.
    Settle(Entry, Verdict),
    /// Disable the subscription, and why.
    Disable(Disabling),
    /// The circuit is now this, and open until then (`None`: until a person acts); what is to be kept of it.
    Circuit(Circuit, Option<Timestamp>, Option<breaker::Memory>),
}

/// Why a subscription is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disabling {
    /// The receiver said 410.
    Gone,
    /// Nothing but failures since then.
    Failing(Timestamp),
}
