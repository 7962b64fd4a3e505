//! The ingest actor: the one door to the log.
//!
//! **Owns** the order of appends. **Capacity**: [`MAILBOX`] requests wait at most, and the byte budget of the
//! [`Gate`] bounds what they hold; beyond, the sender is told to come back. **Messages**: [`AppendEvents`].
//!
//! It hands each request to the log at once and gives the requester the future of its durable end, so the log's
//! writer gathers all that waits into one synced write and wakes the requesters itself: no second hop here.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use actix::prelude::*;
use loghorn_domain::{Clock, NewEvent};
use loghorn_storage::{Appended, EventLog, Pending};
use tokio::sync::oneshot;

use crate::{
    gate::{Gate, Overloaded, Reservation},
    metrics::Metrics,
    notices::Notices,
    series::Series,
    slot::Slot,
    supervisor::Guard,
};

/// Requests that may wait in the mailbox.
pub(crate) const MAILBOX: usize = 4096;
/// How long a sender is asked to wait when there is no room.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why events were not appended. Nothing of the request is stored, but for [`AppendError::Interrupted`].
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// No room now.
    #[error("ingest is overloaded")]
    Overloaded,
    /// The process is about to end.
    #[error("the server is shutting down")]
    Stopping,
    /// The actor failed while it held the request: it may or may not be stored. The same ids can be sent again.
    #[error("ingest was interrupted; send the same events again")]
    Interrupted,
    /// The log could not take them.
    #[error(transparent)]
    Store(#[from] loghorn_storage::Error),
}

/// The way in, for everyone who has events.
#[derive(Clone)]
pub struct Ingest {
    gate: Arc<Gate>,
    actor: Slot<IngestActor>,
    metrics: Arc<Metrics>,
    notices: Arc<Notices>,
    series: Arc<Series>,
    clock: Arc<dyn Clock>,
    is_closed: Arc<AtomicBool>,
}

impl Ingest {
    pub(crate) fn new(
        gate: Arc<Gate>,
        actor: Slot<IngestActor>,
        metrics: Arc<Metrics>,
        (notices, series): (Arc<Notices>, Arc<Series>),
        clock: Arc<dyn Clock>,
        is_closed: Arc<AtomicBool>,
    ) -> Self {
        Self { gate, actor, metrics, notices, series, clock, is_closed }
    }

    /// Whether its actor is there.
    pub(crate) fn is_connected(&self) -> bool {
        self.actor.get().connected()
    }

    /// Bytes that requests under way hold.
    pub fn used_bytes(&self) -> usize {
        self.gate.used()
    }

    /// Makes room for a body of `bytes`, before it is read.
    pub fn reserve(&self, bytes: usize) -> Result<Reservation, AppendError> {
        if self.is_closed.load(Relaxed) {
            return Err(AppendError::Stopping);
        }
        self.gate.reserve(bytes).map_err(|Overloaded| {
            self.metrics.overloaded();
            AppendError::Overloaded
        })
    }

    /// Appends `events` in their order; resolves when they are durable. Dropping the future cancels nothing.
    pub async fn append(&self, reservation: Reservation, events: Vec<NewEvent>) -> Result<Vec<Appended>, AppendError> {
        let began = self.clock.monotonic();
        let (reply, answer) = oneshot::channel();
        if let Err(_full_or_dead) = self.actor.get().try_send(AppendEvents { events, reservation, reply }) {
            self.metrics.overloaded();
            return Err(AppendError::Overloaded);
        }
        let appending = answer.await.map_err(|_| AppendError::Interrupted)?;
        let appended = appending.await.inspect_err(|error| {
            if let loghorn_storage::Error::Full(reason) = error {
                self.notices.refused(self.clock.now(), reason);
            }
        })?;
        self.metrics.append_took(self.clock.monotonic().saturating_sub(began));
        let duplicates = appended.iter().filter(|one| one.is_duplicate).count();
        self.metrics.appended(appended.len() - duplicates, duplicates);
        self.series.accepted(appended.len() - duplicates);
        Ok(appended)
    }
}

/// Asks for `events` to be appended.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct AppendEvents {
    events: Vec<NewEvent>,
    reservation: Reservation,
    reply: oneshot::Sender<Appending>,
}

/// An append under way, with the room it takes.
pub(crate) struct Appending {
    under_way: Option<(Pending<Vec<Appended>>, Reservation)>,
}

impl Future for Appending {
    type Output = Result<Vec<Appended>, loghorn_storage::Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let Some((pending, _)) = &mut self.under_way else {
            return Poll::Ready(Err(loghorn_storage::Error::Stopped));
        };
        let result = std::task::ready!(pending.as_mut().poll(context));
        self.under_way = None;
        Poll::Ready(result)
    }
}

impl Drop for Appending {
    /// A requester that goes away does not stop the append; its room is given back when that has ended.
    fn drop(&mut self) {
        if let Some((pending, reservation)) = self.under_way.take()
            && tokio::runtime::Handle::try_current().is_ok()
        {
            tokio::spawn(async move {
                let _ = pending.await;
                drop(reservation);
            });
        }
    }
}

/// See the module.
pub(crate) struct IngestActor {
    log: Arc<dyn EventLog>,
    _guard: Guard,
}

impl IngestActor {
    pub(crate) fn new(log: Arc<dyn EventLog>, guard: Guard) -> Self {
        Self { log, _guard: guard }
    }
}

impl Actor for IngestActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<AppendEvents> for IngestActor {
    type Result = ();

    fn handle(&mut self, message: AppendEvents, _: &mut Self::Context) {
        fail::fail_point!("ingest::append");
        let AppendEvents { events, reservation, reply } = message;
        let pending = self.log.append(events);
        // A requester that went away is no reason to stop: see `Appending::drop`.
        let _ = reply.send(Appending { under_way: Some((pending, reservation)) });
    }
}
