//! What Loghorn tells of itself: gathers [`Notice`]s, and appends them to the log by the same way in as all other events.
//!
//! Best effort and bounded: what finds no room here or in ingest, or what the store refuses, is dropped and counted, for
//! telling must never hold up what it tells of. Why it ends is said in [`loghorn_domain::notice`]. **Idle is idle**: one
//! task waits for something to tell, gathers for [`GATHER`], and appends all of it at once; the other looks at backlogs
//! [`LOOK_EVERY`] after something was queued, and goes on only while there is one or the disk is full.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use loghorn_domain::{
    Class, DeliveryId, Draft, EndpointNo, NewEvent, Seq, Timestamp,
    delivery::Reason,
    event::Limits,
    notice::{DeadLetters, Notice, Subject, backlog_turned, is_backlog_watched},
};
use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::Notify;

use crate::{AppendError, Ingest, Metrics, shared::Shared};

/// Notices that may wait, dead letters counting once for each endpoint.
const WAITING_MAX: usize = 1024;
/// How long they are gathered: an endpoint's dead letters of that time are one notice.
const GATHER: Duration = Duration::from_secs(1);
/// How often it is looked at backlogs and at the disk, while that is needed at all.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// See the module.
pub(crate) struct Notices {
    metrics: Arc<Metrics>,
    waiting: Mutex<Waiting>,
    is_told: Notify,
    is_look_wanted: AtomicBool,
    look: Notify,
    /// Since when no events are taken for want of disk space.
    full_since: Mutex<Option<Timestamp>>,
}

#[derive(Default)]
struct Waiting {
    notices: Vec<Notice>,
    dead: FxHashMap<EndpointNo, (u64, DeadLetter)>,
}

/// A delivery that was given up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeadLetter {
    pub(crate) seq: Seq,
    pub(crate) reason: Reason,
    pub(crate) class: Class,
    pub(crate) status_code: Option<u16>,
}

impl Notices {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        let (is_told, look) = (Notify::new(), Notify::new());
        let (waiting, full_since) = (Mutex::default(), Mutex::default());
        // What waits since an earlier process is looked at, too.
        let notices = Self { metrics, waiting, is_told, is_look_wanted: AtomicBool::new(false), look, full_since };
        notices.queued();
        notices
    }

    /// Tells it, within a moment.
    pub(crate) fn tell(&self, notice: Notice) {
        let mut waiting = self.waiting.lock();
        match waiting.has_room() {
            true => waiting.notices.push(notice),
            false => self.metrics.notices_dropped(1),
        }
        self.is_told.notify_one();
    }

    /// Tells of a dead letter whose event is not one of Loghorn's own.
    pub(crate) fn dead_lettered(&self, endpoint: EndpointNo, letter: DeadLetter) {
        let mut waiting = self.waiting.lock();
        let has_room = waiting.has_room();
        match waiting.dead.get_mut(&endpoint) {
            Some((count, last)) => (*count, *last) = (*count + 1, letter),
            None if has_room => drop(waiting.dead.insert(endpoint, (1, letter))),
            None => self.metrics.notices_dropped(1),
        }
        self.is_told.notify_one();
    }

    /// Deliveries were queued: there may be a backlog soon.
    pub(crate) fn queued(&self) {
        if !self.is_look_wanted.load(Relaxed) && !self.is_look_wanted.swap(true, Relaxed) {
            self.look.notify_one();
        }
    }

    /// No events are taken for want of disk space, so nobody can be told now; once there is room, they are.
    pub(crate) fn refused(&self, now: Timestamp, reason: &str) {
        let mut since = self.full_since.lock();
        if since.is_none() {
            tracing::error!(reason, "no events are taken");
            *since = Some(now);
            self.look.notify_one();
        }
    }

    fn take(&self) -> Waiting {
        mem::take(&mut *self.waiting.lock())
    }
}

impl Waiting {
    fn has_room(&self) -> bool {
        self.notices.len() + self.dead.len() < WAITING_MAX
    }
}

/// Appends what is told, for as long as its thread lives.
pub(crate) async fn append(shared: Arc<Shared>, ingest: Ingest) {
    loop {
        shared.notices.is_told.notified().await;
        tokio::time::sleep(GATHER).await;
        let Waiting { mut notices, dead } = shared.notices.take();
        for (endpoint, (count, last)) in dead {
            match dead_letters(&shared, endpoint, count, last).await {
                Some(notice) => notices.push(notice),
                None => shared.metrics.notices_dropped(1),
            }
        }
        let n = notices.len();
        if let Err(error) = append_all(&shared, &ingest, notices.iter().map(Notice::draft)).await {
            shared.metrics.notices_dropped(n as u64);
            tracing::warn!(n, %error, "notices are dropped: they cannot be appended");
        }
    }
}

async fn append_all(shared: &Shared, ingest: &Ingest, drafts: impl Iterator<Item = Draft>) -> Result<(), AppendError> {
    let now = shared.clock.now();
    // They are far smaller than the limits.
    let events: Vec<NewEvent> = drafts.filter_map(|draft| draft.seal(now, Limits::default()).ok()).collect();
    if events.is_empty() {
        return Ok(());
    }
    let reservation = ingest.reserve(events.iter().map(|event| event.tail.len()).sum())?;
    ingest.append(reservation, events).await.map(drop)
}

/// `None` where the subscription or the last one's event is gone.
async fn dead_letters(shared: &Shared, endpoint: EndpointNo, count: u64, last: DeadLetter) -> Option<Notice> {
    let DeadLetter { seq, reason, class, status_code } = last;
    let event = shared.store.log.get(seq).await.ok().flatten()?;
    let delivery_id = DeliveryId { received_at: event.head.received_at, endpoint, seq }.to_string();
    let event_id = event.id.to_string();
    let letters = DeadLetters { count, reason, class, status_code, delivery_id, event_id };
    Some(Notice::DeadLettered(shared.subject(endpoint)?, letters))
}

/// Looks at backlogs and at the disk, for as long as its thread lives.
pub(crate) async fn watch(shared: Arc<Shared>) {
    let notices = &shared.notices;
    let mut high = FxHashSet::default();
    loop {
        if high.is_empty() && notices.full_since.lock().is_none() {
            notices.look.notified().await;
        }
        tokio::time::sleep(LOOK_EVERY).await;
        // Before anything is looked at, so that nothing that is queued meanwhile is overlooked.
        notices.is_look_wanted.store(false, Relaxed);
        look_at_backlogs(&shared, &mut high);
        look_at_disk(&shared);
    }
}

fn look_at_backlogs(shared: &Shared, high: &mut FxHashSet<EndpointNo>) {
    for (endpoint, counters) in shared.store.queue.counters() {
        let waiting = counters.waiting;
        let turned = backlog_turned(high.contains(&endpoint), waiting, shared.options.backlog_high);
        let Some(is_high) = turned else { continue };
        match is_high {
            true => high.insert(endpoint),
            false => high.remove(&endpoint),
        };
        let subscription = shared.subscriptions.by_endpoint(endpoint).filter(|found| found.deleted_at.is_none());
        let Some(found) = subscription.filter(|found| is_backlog_watched(&found.spec.events)) else { continue };
        let subject = Subject::from(&*found);
        shared.notices.tell(match is_high {
            true => Notice::BacklogHigh(subject, waiting),
            false => Notice::BacklogCleared(subject, waiting),
        });
    }
}

fn look_at_disk(shared: &Shared) {
    let mut full_since = shared.notices.full_since.lock();
    let Some(since) = *full_since else { return };
    if shared.store.reads.shortage().is_none() {
        *full_since = None;
        tracing::info!(%since, "events are taken again");
        shared.notices.tell(Notice::StoreRecovered(since));
    }
}
