//! Where a restarted actor's address is found.

use std::sync::Arc;

use actix::{Actor, Addr};
use arc_swap::ArcSwap;

/// The current address of an actor that the supervisor may replace.
pub(crate) struct Slot<A: Actor>(Arc<ArcSwap<Addr<A>>>);

impl<A: Actor> Clone for Slot<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Actor> Slot<A> {
    pub(crate) fn new(address: Addr<A>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(address)))
    }

    pub(crate) fn get(&self) -> arc_swap::Guard<Arc<Addr<A>>> {
        self.0.load()
    }

    pub(crate) fn set(&self, address: Addr<A>) {
        self.0.store(Arc::new(address));
    }
}
