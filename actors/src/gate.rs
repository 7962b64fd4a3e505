//! The byte budget of ingest: what is being read, parsed or waits for the disk counts against it.
//!
//! It is what keeps memory bounded under overload: who gets no room is told to come back, before anything is read.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// A budget of bytes shared by all requests.
#[derive(Debug)]
pub(crate) struct Gate {
    used: AtomicUsize,
    bytes_max: usize,
}

/// There is no room now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overloaded;

impl Gate {
    /// A budget of `bytes_max` bytes.
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), bytes_max })
    }

    /// Takes `bytes` of it. A request that is alone gets its room whatever its size, for it could never go through
    /// otherwise; the body limit bounds that.
    pub(crate) fn reserve(self: &Arc<Self>, bytes: usize) -> Result<Reservation, Overloaded> {
        let mut reservation = Reservation { gate: self.clone(), bytes: 0 };
        reservation.grow(bytes)?;
        Ok(reservation)
    }

    /// Bytes taken now.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// A part of the budget; given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    gate: Arc<Gate>,
    bytes: usize,
}

impl Reservation {
    /// Takes `more` bytes.
    pub fn grow(&mut self, more: usize) -> Result<(), Overloaded> {
        let take = |used: usize| {
            let is_alone = used == self.bytes;
            (is_alone || used + more <= self.gate.bytes_max).then_some(used + more)
        };
        self.gate.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).map_err(|_| Overloaded)?;
        self.bytes += more;
        Ok(())
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.gate.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let gate = Gate::new(100);
        let mut first = gate.reserve(60).unwrap();
        assert_eq!(gate.reserve(50).err(), Some(Overloaded));
        assert_eq!(gate.used(), 60);
        let second = gate.reserve(40).unwrap();
        assert_eq!(first.grow(1), Err(Overloaded));
        drop(second);
        first.grow(40).unwrap();
        drop(first);
        assert_eq!(gate.used(), 0);
    }

    #[test]
    fn one_alone_always_gets_its_room() {
        let gate = Gate::new(100);
        let large = gate.reserve(500).unwrap();
        assert_eq!(gate.reserve(1).err(), Some(Overloaded));
        drop(large);
        assert!(gate.reserve(1).is_ok());
    }
}
