//! What is due, in two lanes: live entries, and those of a backfill, which go only when no live one does.

use std::collections::VecDeque;

use crate::{
    Seq,
    delivery::{Entry, Origin},
};

/// Whether an entry travels in the lane of low priority.
pub(super) fn is_low(entry: &Entry) -> bool {
    entry.origin == Origin::Backfill
}

/// Entries that are due, each lane in its order.
#[derive(Default)]
pub(super) struct Due {
    live: VecDeque<Entry>,
    low: VecDeque<Entry>,
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

    /// The oldest of both lanes.
    pub(super) fn oldest(&self) -> Option<Seq> {
        self.live.iter().chain(&self.low).map(|entry| entry.seq).min()
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

    pub(super) fn is_empty(&self) -> bool {
        self.live.is_empty() && self.low.is_empty()
    }

    /// How many live ones are due: the others keep nothing from being read.
    pub(super) fn live(&self) -> usize {
        self.live.len()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.live.len() + self.low.len()
    }
}
