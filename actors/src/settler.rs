//! Gathers what the endpoints of one delivery thread have to record, so that many results are one write.
//!
//! What comes within one turn of the thread's loop is handed over together, at most [`BATCH_MAX`]; nothing waits for
//! a timer. It is handed over before a queue is read, so that a read sees every result that was known before it.
//!
//! Whoever watches is told of a result once it is recorded: they read the record, and nothing may follow it.

use std::{
    cell::{Cell, OnceCell, RefCell},
    rc::Rc,
    sync::Arc,
};

use loghorn_domain::Verdict;
use loghorn_storage::{DeliveryQueue, Error as StoreError, Fence, Settlement};
use tokio::sync::Notify;

use crate::feed::{Feed, Said};

/// Results handed over at once.
const BATCH_MAX: usize = 512;

/// See the module.
pub(crate) struct Settler {
    queue: Arc<dyn DeliveryQueue>,
    fence: Fence,
    feed: Arc<Feed>,
    waiting: RefCell<Vec<Settlement>>,
    is_scheduled: Cell<bool>,
    under_way: Cell<usize>,
    has_failed: Cell<bool>,
    ended: Notify,
}

thread_local! {
    static SETTLER: OnceCell<Rc<Settler>> = const { OnceCell::new() };
}

impl Settler {
    /// This thread's settler. A thread belongs to one running system, so the arguments are the same at each call.
    pub(crate) fn of_this_thread(queue: &Arc<dyn DeliveryQueue>, fence: Fence, feed: &Arc<Feed>) -> Rc<Self> {
        let new = || Rc::new(Self::new(queue.clone(), fence, feed.clone()));
        SETTLER.with(|cell| cell.get_or_init(new).clone())
    }

    fn new(queue: Arc<dyn DeliveryQueue>, fence: Fence, feed: Arc<Feed>) -> Self {
        Self {
            queue,
            fence,
            feed,
            waiting: RefCell::default(),
            is_scheduled: Cell::new(false),
            under_way: Cell::new(0),
            has_failed: Cell::new(false),
            ended: Notify::new(),
        }
    }

    /// Records `settlement` soon.
    pub(crate) fn push(self: &Rc<Self>, settlement: Settlement) {
        let is_full = {
            let mut waiting = self.waiting.borrow_mut();
            waiting.push(settlement);
            waiting.len() >= BATCH_MAX
        };
        if is_full {
            self.flush();
        } else if !self.is_scheduled.replace(true) {
            let this = self.clone();
            actix_rt::spawn(async move {
                tokio::task::yield_now().await;
                this.is_scheduled.set(false);
                this.flush();
            });
        }
    }

    /// Hands over what waits.
    pub(crate) fn flush(self: &Rc<Self>) {
        let settlements = self.waiting.take();
        if settlements.is_empty() {
            return;
        }
        fail::fail_point!("settler::flush");
        let pending = self.queue.settle(self.fence, settlements.clone());
        self.under_way.set(self.under_way.get() + 1);
        let this = self.clone();
        actix_rt::spawn(async move {
            match pending.await {
                Ok(()) => settlements.iter().for_each(|settlement| this.recorded_one(settlement)),
                Err(error) => this.failed(error, settlements).await,
            }
            this.under_way.set(this.under_way.get() - 1);
            this.ended.notify_waiters();
        });
    }

    /// Where the store takes nothing any more, deliveries stop. Where one record cannot be read, the others are
    /// recorded one by one: it must not hold up its neighbours.
    async fn failed(&self, error: StoreError, settlements: Vec<Settlement>) {
        if !matches!(error, StoreError::Damaged(_) | StoreError::Read(_)) {
            return self.halt(&error);
        }
        for settlement in settlements {
            let (endpoint, seq) = (settlement.endpoint, settlement.entry.seq);
            match self.queue.settle(self.fence, vec![settlement.clone()]).await {
                Ok(()) => self.recorded_one(&settlement),
                Err(error @ (StoreError::Damaged(_) | StoreError::Read(_))) => {
                    tracing::error!(%endpoint, %seq, %error, "a result could not be recorded; it is sent again later");
                }
                Err(error) => return self.halt(&error),
            }
        }
    }

    fn recorded_one(&self, settlement: &Settlement) {
        self.feed.say(|| Said::Settled {
            endpoint: settlement.endpoint,
            seq: settlement.entry.seq,
            is_delivered: settlement.attempt.verdict == Verdict::Delivered,
        });
    }

    /// Nothing can be recorded any more.
    pub(crate) fn halt(&self, error: &StoreError) {
        if !self.has_failed.replace(true) {
            tracing::error!(%error, "deliveries stop: their results cannot be recorded");
        }
    }

    /// Whether results can no longer be recorded; nothing may be attempted then.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.get()
    }

    /// Returns when everything that was pushed is recorded (or cannot be).
    pub(crate) async fn recorded(self: Rc<Self>) {
        self.flush();
        loop {
            let ended = self.ended.notified();
            if self.under_way.get() == 0 {
                return;
            }
            ended.await;
        }
    }
}
