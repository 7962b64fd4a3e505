//! Loghorn's actors. An **ingest** actor appends events to the log; a **router** actor reads on from its own cursor
//! and queues deliveries; one **delivery** actor for each endpoint works its queue off with its own backoff, breaker
//! and window; a **supervisor** replaces whichever of them panics.
//!
//! Invariants: the log is the truth and messages are nudges, so a lost or repeated message is repaired by the next
//! read. No actor keeps what it could not read again from the store. A failed webhook is an outcome, not an error.

mod audit;
mod authorization;
mod backfill;
mod changes;
mod channel;
mod check;
mod circuit_changes;
mod circuits;
mod delivery;
mod directory;
mod dispatch;
mod feed;
mod gate;
mod ingest;
mod jobs;
mod kept;
mod keys;
mod letters;
mod master;
pub mod metrics;
mod names;
mod notices;
mod phases;
mod places;
mod receiver_tls;
mod resolver;
mod retention;
mod rotations;
mod router;
mod sender;
mod series;
mod sessions;
mod set_aside;
mod settler;
mod shared;
mod slot;
mod subscriptions;
mod supervisor;
mod system;
pub mod tls;
mod traces;
mod vault;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use loghorn_domain::{access::Token, breaker, egress, event::Limits, retry};

pub use audit::{Audit, Noted};
pub use check::{Checked, Signer};
pub use circuit_changes::{CircuitChange, CircuitChanges};
pub use directory::{Directory, Live};
pub use dispatch::pause_dispatch;
pub use feed::{Change, Feed, Listener, Said};
pub use gate::{Overloaded, Reservation};
pub use ingest::{AppendError, Ingest, RETRY_AFTER};
pub use jobs::{BackfillRequest, Job, JobError, Jobs};
pub use keys::{Holder, KEYS_MAX, KeyError, Keys};
pub use master::{MASTER_FILE, MasterError, Source as MasterSource};
pub use metrics::Metrics;
pub use names::{SERVERS_MAX as NAMESERVERS_MAX, unresolved};
pub use retention::Retention;
pub use series::{MINUTES_KEPT, Series, Sum, minute_of};
pub use sessions::{LINK_MAX, SESSION_MAX, Session, Sessions};
pub use subscriptions::{ChangeError, Subscriptions};
pub use system::{CircuitError, Component, DeliveryStats, Health, Recovered, ReplayError, System, TestError};
pub use traces::{TracedAttempt, Traces};
pub use vault::{KEYRING, RotateError, Rotated, Vault, VaultError};

/// Where chance comes from; made in the composition root.
pub trait Random: Send + Sync + 'static {
    /// Fills `bytes` with unpredictable bytes.
    fn fill(&self, bytes: &mut [u8]);

    /// Dice for one owner; need not be unpredictable.
    fn dice(&self) -> Box<dyn retry::Dice>;
}

/// What the actors are told once, at the start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bytes that requests under way may hold in all.
    pub ingest_queue_bytes: usize,
    /// Limits of one event.
    pub limits: Limits,
    /// What holds for every subscription that sets nothing of its own.
    pub delivery: DeliveryOptions,
    /// Where webhooks may go.
    pub egress: egress::Policy,
    /// Who is asked for the addresses of names, in this order; empty: those of the system.
    pub nameservers: Vec<SocketAddr>,
    /// So many deliveries waiting for one endpoint are told of as a backlog.
    pub backlog_high: u64,
    /// How long things are kept.
    pub retention: Retention,
    /// The `User-Agent` of webhooks.
    pub user_agent: String,
    /// What links in webhooks begin with; empty: they are relative.
    pub public_url: String,
    /// Who is told of attempts that belong to traces.
    pub traces: Option<Arc<dyn Traces>>,
    /// Admin keys that come with the start, each with where it came from.
    pub admin_keys: Vec<(&'static str, Token)>,
}

/// Settings of deliveries.
#[derive(Debug, Clone)]
pub struct DeliveryOptions {
    /// Attempts in flight for one endpoint at most.
    pub in_flight_max: u16,
    /// Attempts in flight over all endpoints, those that hang apart; each thread has its share.
    pub in_flight_max_total: usize,
    /// The longest an attempt may take, from the name's resolution to the answer's last byte.
    pub timeout: Duration,
    /// When a delivery is tried again.
    pub retry: retry::Policy,
    /// When an endpoint is left alone.
    pub breaker: breaker::Settings,
    /// A subscription is disabled once nothing but failures came for so long.
    pub disable_after: Duration,
    /// Threads that attempts are spread over.
    pub threads: usize,
}

impl Default for DeliveryOptions {
    fn default() -> Self {
        Self {
            in_flight_max: 16,
            in_flight_max_total: 100,
            timeout: Duration::from_secs(10),
            retry: retry::Policy::default(),
            breaker: breaker::Settings::default(),
            disable_after: Duration::from_secs(5 * 24 * 3600),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}
