//! How many connections one address may hold, so that none takes what all others need.
//!
//! A connection that is too many is closed as soon as it is made, before its TLS handshake. Loopback is everybody on this machine, and a proxy that
//! we stand behind is everybody beyond it, so neither is bounded unless a number is set. An IPv6 network of 64 bits is one
//! address.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use loghorn_domain::access;

/// The part of all connections that one address may hold, where no number is set.
const PART: usize = 4;
/// … but so many at least.
const LEAST: usize = 16;

/// See the module.
pub(crate) struct Connections {
    /// Of each address.
    max: usize,
    is_for_all: bool,
    held: Mutex<HashMap<IpAddr, usize>>,
    was_told: AtomicBool,
}

/// A connection's place; given back when that ends.
pub(crate) struct Place {
    connections: Arc<Connections>,
    address: IpAddr,
}

impl Connections {
    /// `set`: the number that was set, for every address. `all`: connections that are served at a time.
    pub(crate) fn new(set: Option<usize>, is_behind_proxy: bool, all: usize) -> Arc<Self> {
        let max = match set {
            Some(max) => max,
            None if is_behind_proxy => usize::MAX,
            None => (all / PART).max(LEAST),
        };
        Arc::new(Self { max, is_for_all: set.is_some(), held: Mutex::default(), was_told: AtomicBool::new(false) })
    }

    /// A place for a connection that was made, if its address may have one more; given back when that is dropped.
    pub(crate) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let place = self.place(address);
        if place.is_none() && !self.was_told.swap(true, Relaxed) {
            tracing::warn!(%address, max = self.max, "an address holds too many connections; further ones are closed");
        }
        place
    }

    fn place(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let is_bounded = self.is_for_all || !address.to_canonical().is_loopback();
        let address = access::network(address);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(address).or_default();
        if is_bounded && *count >= self.max {
            return None;
        }
        *count += 1;
        Some(Place { connections: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.connections.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_leaves_room_for_others() {
        let connections = Connections::new(None, false, 80);
        let addresses = ["203.0.113.1", "203.0.113.2", "::1"].map(|ip| ip.parse().unwrap());
        let [one, other, loopback]: [IpAddr; 3] = addresses;
        let mut held: Vec<_> = (0..20).map(|_| connections.take(one).unwrap()).collect();
        assert!(connections.take(one).is_none());
        assert!(connections.take(other).is_some());
        assert!((0..1000).all(|_| connections.take(loopback).is_some()));
        held.pop();
        assert!(connections.take(one).is_some());
        drop(held);
        assert!(connections.held.lock().unwrap().is_empty());
        let tight = Connections::new(Some(1), false, 80);
        let _held = tight.take("2001:db8::1".parse().unwrap()).unwrap();
        assert!(
            tight.take("2001:db8::2".parse().unwrap()).is_none()
                && tight.take("2001:db8:0:1::1".parse().unwrap()).is_some()
        );
        let _loopback = tight.take(loopback).unwrap();
        assert!(tight.take(loopback).is_none(), "a number that is set is for all");
    }
}
