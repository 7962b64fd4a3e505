//! What is due, in two lanes: live entries, and those of a backfill, which go only when no live one does; and the batches
//! that were sent before and go again as they were.

use std::collections::VecDeque;

use super::Batching;
use crate::{
    Seq,
    delivery::{Entry, Origin},
};

/// Whether an entry travels in the lane of low priority.
pub(super) fn is_low(entry: &Entry) -> bool {
    entry.origin == Origin::Backfill
}

/// Whether it is of an event that came, not of one that a person asked for again.
pub(super) fn is_live(entry: &Entry) -> bool {
    matches!(entry.origin, Origin::Live | Origin::Test)
}

/// Entries that are due, each lane in its order.
#[derive(Default)]
pub(super) struct Due {
    live: VecDeque<Entry>,
    low: VecDeque<Entry>,
    /// Each ascending, of one lane, and never empty.
    batches: VecDeque<Vec<Entry>>,
}

impl Due {
    pub(super) fn push(&mut self, entry: Entry) {
        let lane = if is_low(&entry) { &mut self.low } else { &mut self.live };
        lane.push_back(entry);
    }

    /// The next to go; one of low priority only where `may_be_low` allows it.
    pub(super) fn next(&self, may_be_low: impl FnOnce() -> bool) -> Option<Seq> {
        let first = |lane: &VecDeque<Entry>| lane.front().map(|entry| entry.seq);
        first(&self.live).or_else(|| first(&self.low).filter(|_| may_be_low()))
    }

    /// The oldest of all.
    pub(super) fn oldest(&self) -> Option<Seq> {
        let firsts = self.batches().filter_map(|batch| batch.first());
        self.live.iter().chain(&self.low).chain(firsts).map(|entry| entry.seq).min()
    }

    /// Takes this one out.
    pub(super) fn take(&mut self, seq: Seq) -> Option<Entry> {
        let lanes = [&mut self.live, &mut self.low];
        lanes.into_iter().find_map(|lane| {
            // Nearly always the first.
            let at = lane.iter().position(|entry| entry.seq == seq)?;
            lane.remove(at)
        })
    }

    /// Deliveries of live events.
    pub(super) fn live_events(&self) -> impl Iterator<Item = &Entry> {
        self.live.iter().chain(self.batches.iter().flatten()).filter(|entry| is_live(entry))
    }

    /// Takes out the oldest delivery of a live event.
    pub(super) fn take_oldest_live(&mut self) -> Option<Entry> {
        let oldest = self.live_events().map(|entry| entry.seq).min()?;
        let of_batch = self.batches.iter_mut().find_map(|batch| {
            let at = batch.iter().position(|entry| entry.seq == oldest)?;
            Some(batch.remove(at))
        });
        self.batches.retain(|batch| !batch.is_empty());
        of_batch.or_else(|| self.take(oldest))
    }

    /// One lane's entries that are in no batch.
    pub(super) fn lane(&self, is_low: bool) -> &VecDeque<Entry> {
        if is_low { &self.low } else { &self.live }
    }

    /// What was sent together before comes together again: `entry`, with its next attempt, joins the batch that has the
    /// same. Whether it is in a batch now; what was never sent is not.
    pub(super) fn join_batch(&mut self, entry: &Entry, batching: Option<Batching>) -> bool {
        let Some(batching) = batching.filter(|_| entry.next_at.is_some()) else { return false };
        let key = |entry: &Entry| (entry.next_at, entry.origin);
        let has_room = |batch: &&mut Vec<Entry>| batch.len() < usize::from(batching.events_max);
        let is_its = |batch: &&mut Vec<Entry>| batch.first().map(key) == Some(key(entry));
        match self.batches.iter_mut().rev().filter(has_room).find(is_its) {
            Some(batch) => {
                let at = batch.partition_point(|known| known.seq < entry.seq);
                batch.insert(at, *entry);
            }
            None => self.batches.push_back(vec![*entry]),
        }
        true
    }

    /// A batch that goes next.
    pub(super) fn push_batch(&mut self, batch: Vec<Entry>) {
        if !batch.is_empty() {
            self.batches.push_front(batch);
        }
    }

    /// The batches, in the order in which they go.
    pub(super) fn batches(&self) -> impl Iterator<Item = &[Entry]> {
        self.batches.iter().map(Vec::as_slice)
    }

    /// Their entries are gathered anew.
    pub(super) fn forget_batches(&mut self) {
        for entry in std::mem::take(&mut self.batches).into_iter().flatten() {
            self.push(entry);
        }
    }

    /// Takes the batch out whose oldest entry this is.
    pub(super) fn take_batch(&mut self, first: Seq) -> Option<Vec<Entry>> {
        let at = self.batches.iter().position(|batch| batch.first().is_some_and(|entry| entry.seq == first))?;
        self.batches.remove(at)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.live.is_empty() && self.low.is_empty() && self.batches.is_empty()
    }

    /// How many live ones are due: the others keep nothing from being read.
    pub(super) fn live(&self) -> usize {
        self.live.len()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.live.len() + self.low.len() + self.batches.iter().map(Vec::len).sum::<usize>()
    }
}
