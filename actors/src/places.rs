//! The places that the endpoints of one delivery thread share for their attempts in flight.
//!
//! Each thread has its share of `delivery.max_in_flight`, so nothing here is locked; who goes next is
//! [`loghorn_domain::turns`]'s to say. Where a place is free it is taken at once; otherwise the endpoint's actor gets
//! [`Granted`] when its turn has come. The only task is one that wakes up while somebody waits.

use std::{
    cell::{Cell, OnceCell, RefCell},
    rc::Rc,
    sync::Arc,
    thread::ThreadId,
    time::Duration,
};

use actix::prelude::*;
use loghorn_domain::{
    Clock, EndpointNo,
    delivery::Entry,
    subscription::Priority,
    turns::{self, PATIENCE_UNTRUSTED, Turns},
};

use crate::{delivery::DeliveryActor, shared::Shared};

/// An attempt's turn has come.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Granted {
    pub(crate) entry: Entry,
    pub(crate) place: Place,
}

/// An attempt that waits for its turn.
pub(crate) struct Waiter {
    pub(crate) to: Addr<DeliveryActor>,
    pub(crate) entry: Entry,
}

/// See the module.
pub(crate) struct Places {
    thread: ThreadId,
    turns: RefCell<Turns<Waiter>>,
    clock: Arc<dyn Clock>,
    is_granting: Cell<bool>,
    is_watched: Cell<bool>,
}

thread_local! {
    static PLACES: OnceCell<Rc<Places>> = const { OnceCell::new() };
}

impl Places {
    /// This thread's places. A thread belongs to one running system, so the argument is the same at each call.
    pub(crate) fn of_this_thread(shared: &Shared) -> Rc<Self> {
        let delivery = &shared.options.delivery;
        let capacity = delivery.in_flight_max_total.div_ceil(delivery.threads.max(1));
        PLACES.with(|cell| cell.get_or_init(|| Rc::new(Self::new(capacity, shared.clock.clone()))).clone())
    }

    fn new(capacity: usize, clock: Arc<dyn Clock>) -> Self {
        let turns = RefCell::new(Turns::new(capacity));
        let thread = std::thread::current().id();
        Self { thread, turns, clock, is_granting: Cell::new(false), is_watched: Cell::new(false) }
    }

    /// A place now, if one is free for this endpoint.
    pub(crate) fn enter(self: &Rc<Self>, endpoint: EndpointNo) -> Option<Place> {
        let place = self.turns.borrow_mut().enter(endpoint, self.clock.monotonic())?;
        Some(Place { thread: self.thread, place, is_used: false })
    }

    /// A place later: [`Granted`] tells.
    pub(crate) fn wait(self: &Rc<Self>, endpoint: EndpointNo, priority: Priority, waiter: Waiter) {
        self.turns.borrow_mut().wait(endpoint, priority, waiter);
        self.grant();
        self.watch();
    }

    /// Takes an endpoint's attempts out of the line; they will not be granted.
    pub(crate) fn withdraw(&self, endpoint: EndpointNo) -> Vec<Entry> {
        let waiters = self.turns.borrow_mut().withdraw(endpoint);
        waiters.into_iter().map(|waiter| waiter.entry).collect()
    }

    /// The endpoint is gone.
    pub(crate) fn forget(&self, endpoint: EndpointNo) {
        let waiters = self.turns.borrow_mut().forget(endpoint);
        drop(waiters);
    }

    /// Tells those whose turn it is.
    fn grant(self: &Rc<Self>) {
        // A place that nobody takes comes back in here; the loop below goes on with it.
        if self.turns.borrow().waiting() == 0 || self.is_granting.replace(true) {
            return;
        }
        loop {
            // Not held while others are told.
            let next = self.turns.borrow_mut().next(self.clock.monotonic());
            let Some((place, Waiter { to, entry })) = next else { break };
            to.do_send(Granted { entry, place: Place { thread: self.thread, place, is_used: false } });
        }
        self.is_granting.set(false);
    }

    /// Looks again when a place is due, as long as somebody waits.
    fn watch(self: &Rc<Self>) {
        if self.turns.borrow().waiting() == 0 || self.is_watched.replace(true) {
            return;
        }
        let this = self.clone();
        actix_rt::spawn(async move {
            while this.turns.borrow().waiting() > 0 {
                let due = this.turns.borrow().wake_at().map(|at| at.saturating_sub(this.clock.monotonic()));
                // No place that is taken meanwhile is due sooner than that.
                let sleep = due.unwrap_or(PATIENCE_UNTRUSTED).clamp(Duration::from_millis(1), PATIENCE_UNTRUSTED);
                tokio::time::sleep(sleep).await;
                this.grant();
            }
            this.is_watched.set(false);
        });
    }
}

/// A place; given back when dropped. It travels in messages of its thread only, though their types must be `Send`.
pub(crate) struct Place {
    thread: ThreadId,
    place: turns::Place,
    is_used: bool,
}

impl Place {
    /// An attempt is made with it, so how long it is held says something of its endpoint.
    pub(crate) fn used(mut self) -> Self {
        self.is_used = true;
        self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // At the end of a thread its places may be gone first.
        let _ = PLACES.try_with(|cell| {
            let Some(places) = cell.get().filter(|places| places.thread == self.thread) else { return };
            match self.is_used {
                true => places.turns.borrow_mut().end(self.place, places.clock.monotonic()),
                false => places.turns.borrow_mut().give_back(self.place),
            }
            places.grant();
        });
    }
}
