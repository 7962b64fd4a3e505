//! The newest events, in memory: what the router and fast endpoints read without touching the disk.
//!
//! Dense and bounded, in bytes and in number. Only a cache: an empty tail is always right.

use std::{collections::VecDeque, sync::Arc};

use loghorn_domain::{Event, Seq};
use parking_lot::Mutex;

use crate::take_within;

const EVENTS_MAX: usize = 16_384;

pub(super) struct Tail {
    bytes_max: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
}

impl Held {
    fn first(&self) -> Option<Seq> {
        self.events.front().map(|event| event.seq)
    }

    fn index(&self, seq: Seq) -> Option<usize> {
        usize::try_from(seq.0.checked_sub(self.first()?.0)?).ok()
    }

    fn pop(&mut self) -> Option<Arc<Event>> {
        let event = self.events.pop_front()?;
        self.bytes -= event.weight();
        Some(event)
    }
}

impl Tail {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, held: Mutex::default() }
    }

    /// Takes in what was appended: dense, and going on where the last push ended.
    pub(super) fn push(&self, events: impl IntoIterator<Item = Arc<Event>>) {
        let mut dropped = Vec::new();
        let mut held = self.held.lock();
        for event in events {
            held.bytes += event.weight();
            held.events.push_back(event);
            while held.bytes > self.bytes_max || held.events.len() > EVENTS_MAX {
                dropped.extend(held.pop());
            }
        }
        // Events are freed after the lock is.
        drop(held);
    }

    pub(super) fn get(&self, seq: Seq) -> Option<Arc<Event>> {
        let held = self.held.lock();
        held.events.get(held.index(seq)?).cloned()
    }

    /// The events from `from` on as [`take_within`] limits them; `None` where `from` is not held.
    pub(super) fn read(&self, from: Seq, n_max: usize, bytes_max: usize) -> Option<Vec<Arc<Event>>> {
        let held = self.held.lock();
        let index = held.index(from).filter(|index| *index < held.events.len())?;
        Some(take_within(held.events.range(index..).cloned(), n_max, bytes_max))
    }

    /// Keeps everyone else from the tail.
    #[cfg(test)]
    pub(super) fn hold(&self) -> impl Sized {
        self.held.lock()
    }

    /// Forgets what lies before `first`.
    pub(super) fn trim(&self, first: Seq) {
        let mut held = self.held.lock();
        while held.first().is_some_and(|seq| seq < first) {
            held.pop();
        }
    }
}
