//! Where each endpoint's actor is found, and what it is doing at this moment, for people to see.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use actix::Addr;
use dashmap::DashMap;
use loghorn_domain::{EndpointNo, Seq, Timestamp, breaker::Circuit, delivery::Entry};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use crate::delivery::DeliveryActor;

/// What one endpoint is doing now. Written by its actor, read by the API.
#[derive(Debug, Default)]
pub struct Live {
    circuit: Mutex<Option<(Circuit, Option<Timestamp>)>>,
    /// Deliveries whose attempt is under way: of which attempt (by its oldest), and whether it is a retry.
    in_flight: Mutex<FxHashMap<Seq, (Seq, bool)>>,
    quarantined: AtomicBool,
}

impl Live {
    /// The circuit, and until when it is open.
    pub fn circuit(&self) -> (Circuit, Option<Timestamp>) {
        self.circuit.lock().unwrap_or((Circuit::Closed, None))
    }

    /// Whether an attempt of this event's delivery is under way.
    pub fn is_attempting(&self, seq: Seq) -> bool {
        self.in_flight.lock().contains_key(&seq)
    }

    /// Attempts under way: first attempts, and retries.
    pub fn attempting(&self) -> (u64, u64) {
        let in_flight = self.in_flight.lock();
        let retries = in_flight.values().filter(|(_, is_retry)| *is_retry).count() as u64;
        (in_flight.len() as u64 - retries, retries)
    }

    /// Seqs whose attempt is under way.
    pub fn attempting_seqs(&self) -> Vec<Seq> {
        self.in_flight.lock().keys().copied().collect()
    }

    /// Whether its actor failed so often that it is left alone.
    pub fn is_quarantined(&self) -> bool {
        self.quarantined.load(Relaxed)
    }

    pub(crate) fn set_quarantined(&self, is_quarantined: bool) {
        self.quarantined.store(is_quarantined, Relaxed);
    }

    pub(crate) fn set_circuit(&self, circuit: Circuit, until: Option<Timestamp>) {
        *self.circuit.lock() = Some((circuit, until));
    }

    /// An attempt of these began.
    pub(crate) fn began(&self, batch: impl Iterator<Item = Entry>) {
        let (mut in_flight, mut first) = (self.in_flight.lock(), None);
        for entry in batch {
            let first = *first.get_or_insert(entry.seq);
            in_flight.insert(entry.seq, (first, entry.next_at.is_some()));
        }
    }

    /// The attempt that began with `first` ended; it was `is_batch`.
    pub(crate) fn ended(&self, first: Seq, is_batch: bool) {
        let mut in_flight = self.in_flight.lock();
        match is_batch {
            true => in_flight.retain(|_, (of, _)| *of != first),
            false => drop(in_flight.remove(&first)),
        }
    }

    /// A fresh actor knows of no attempt and no trouble.
    pub(crate) fn reset(&self) {
        self.in_flight.lock().clear();
        *self.circuit.lock() = None;
    }
}

/// All endpoints.
#[derive(Default)]
pub struct Directory {
    actors: DashMap<EndpointNo, Addr<DeliveryActor>>,
    lives: DashMap<EndpointNo, Arc<Live>>,
    routed: AtomicU64,
    /// Why routing waits.
    routing_waits: Mutex<Option<String>>,
}

impl Directory {
    pub(crate) fn actor(&self, endpoint: EndpointNo) -> Option<Addr<DeliveryActor>> {
        self.actors.get(&endpoint).map(|found| found.value().clone())
    }

    pub(crate) fn set_actor(&self, endpoint: EndpointNo, address: Addr<DeliveryActor>) {
        self.actors.insert(endpoint, address);
    }

    pub(crate) fn remove_actor(&self, endpoint: EndpointNo) -> Option<Addr<DeliveryActor>> {
        self.actors.remove(&endpoint).map(|(_, address)| address)
    }

    pub(crate) fn actors(&self) -> Vec<Addr<DeliveryActor>> {
        self.actors.iter().map(|found| found.value().clone()).collect()
    }

    pub(crate) fn routed(&self) -> Seq {
        Seq(self.routed.load(Relaxed))
    }

    pub(crate) fn set_routed(&self, seq: Seq) {
        self.routed.store(seq.0, Relaxed);
    }

    /// Why nothing is routed at the moment.
    pub(crate) fn routing_waits(&self) -> Option<String> {
        self.routing_waits.lock().clone()
    }

    /// Whether the reason is another one than before.
    pub(crate) fn set_routing_waits(&self, reason: Option<String>) -> bool {
        let mut waits = self.routing_waits.lock();
        let is_new = *waits != reason;
        *waits = reason;
        is_new
    }

    /// What this endpoint is doing now.
    pub fn live(&self, endpoint: EndpointNo) -> Arc<Live> {
        self.lives.entry(endpoint).or_default().clone()
    }

    /// Endpoints that are quarantined.
    pub fn quarantined(&self) -> Vec<EndpointNo> {
        self.lives.iter().filter(|live| live.is_quarantined()).map(|live| *live.key()).collect()
    }
}
