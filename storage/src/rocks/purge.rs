//! Purging: everything that waits or is dead for one endpoint is cancelled, a thousand records a step.

use loghorn_domain::{EndpointNo, Origin, Seq, Timestamp};

use super::{
    core::{Reply, unreadable},
    db::{Durable, read_error},
    keys::{self, Cf},
    queue::{Change, Keeper, stored_entry},
    record::{self, Cancelled, Dead},
};
use crate::{Error, Fence};

const STEP: usize = 1000;

/// Records that a delivery was cancelled, behind its attempts.
pub(super) fn put_marker(
    change: &mut Change<'_>,
    (endpoint, seq): (EndpointNo, Seq),
    marker: &Cancelled,
) -> Result<(), Error> {
    let key = keys::attempt(endpoint, seq, keys::CANCELLED);
    change.batch.put(Cf::Attempts, key, record::encode(marker)?);
    Ok(())
}

pub(super) struct Purge {
    fence: Fence,
    endpoint: EndpointNo,
    now: Timestamp,
    /// What is queued later is not purged, so the job ends.
    upto: Seq,
    /// Where among the dead letters, once the queue is done.
    dead_from: Option<(Seq, EndpointNo)>,
    n: u64,
    reply: Reply<u64>,
}

impl Purge {
    pub(super) fn new(fence: Fence, endpoint: EndpointNo, now: Timestamp, upto: Seq, reply: Reply<u64>) -> Self {
        Self { fence, endpoint, now, upto, dead_from: None, n: 0, reply }
    }

    /// Returns the job if it is not done.
    pub(super) fn step(mut self, keeper: &mut Keeper<'_>) -> Option<Self> {
        let is_done = match self.dead_from {
            None => self.step_queue(keeper),
            Some(from) => self.step_dead(keeper, from),
        };
        match is_done {
            Ok(false) => return Some(self),
            Ok(true) => self.reply.send(Ok(self.n)),
            Err(error) => self.reply.send(Err(error)),
        }
        None
    }

    fn step_queue(&mut self, keeper: &mut Keeper<'_>) -> Result<bool, Error> {
        let core = keeper.core;
        core.check(self.fence)?;
        let endpoint = self.endpoint;
        let mut change = Change::new(core);
        let (mut n, mut retrying) = (0, 0);
        let end = self.upto.next();
        let from = keeper.ended(endpoint).low_water.min(end);
        let mut passed = from;
        let mut iter = core.db.iter(Cf::Queue, &keys::queue(endpoint, from), &keys::queue(endpoint, end));
        iter.seek_to_first();
        while let Some((key, value)) = iter.item().filter(|_| n < STEP as u64) {
            let (_, seq) = keys::to_queue(key).ok_or_else(|| unreadable("queue", endpoint))?;
            let entry = stored_entry(endpoint, seq, value)?;
            let origin = entry.map_or(Origin::Live, |entry| entry.origin);
            let attempts_total = entry.map_or(0, |entry| entry.attempts_total);
            change.batch.delete(Cf::Queue, key);
            self.put_marker(&mut change, seq, origin, attempts_total)?;
            retrying += u64::from(entry.is_some_and(|entry| entry.next_at.is_some()));
            passed = seq.next();
            n += 1;
            iter.next();
        }
        iter.status().map_err(read_error)?;
        let is_done = !iter.valid();
        if is_done {
            passed = end;
            self.dead_from = Some((core.marks.deliveries_from.seq(), EndpointNo(0)));
        }
        // With each step, or the next one would wade through what this one deleted.
        keeper.raise_low_water(endpoint, passed);
        let ended = keeper.ended(endpoint);
        ended.cancelled += n;
        ended.retrying = ended.retrying.saturating_sub(retrying);
        self.commit(keeper, change, n)?;
        Ok(false)
    }

    /// Dead letters are kept by seq, so those of others are passed over; but only while there are some of ours.
    fn step_dead(&mut self, keeper: &mut Keeper<'_>, from: (Seq, EndpointNo)) -> Result<bool, Error> {
        let core = keeper.core;
        core.check(self.fence)?;
        let left = keeper.ended(self.endpoint).dead;
        let mut change = Change::new(core);
        let (mut n, mut passed) = (0, 0);
        let mut iter = core.db.iter(Cf::Dead, &keys::dead(from.0, from.1), &[0xff; 13]);
        iter.seek_to_first();
        while let Some((key, value)) = iter.item().filter(|_| passed < STEP && n < left) {
            let (seq, endpoint) = keys::to_dead(key).ok_or_else(|| unreadable("dead letter after", from.0))?;
            if endpoint == self.endpoint {
                let dead: Dead = record::decode(value).ok_or_else(|| unreadable("dead letter", seq))?;
                change.batch.delete(Cf::Dead, key);
                self.put_marker(&mut change, seq, dead.origin, dead.attempts_total)?;
                n += 1;
            }
            passed += 1;
            iter.next();
        }
        iter.status().map_err(read_error)?;
        let next = iter.key().and_then(keys::to_dead);
        let is_done = n == left || next.is_none();
        self.dead_from = next;
        let ended = keeper.ended(self.endpoint);
        ended.cancelled += n;
        ended.dead = ended.dead.saturating_sub(n);
        self.commit(keeper, change, n)?;
        Ok(is_done)
    }

    fn put_marker(&self, change: &mut Change<'_>, seq: Seq, origin: Origin, attempts_total: u16) -> Result<(), Error> {
        put_marker(change, (self.endpoint, seq), &Cancelled { at_ms: self.now.millis(), origin, attempts_total })
    }

    fn commit<'a>(&mut self, keeper: &mut Keeper<'a>, mut change: Change<'a>, n: u64) -> Result<(), Error> {
        if n > 0 {
            change.endpoints.insert(self.endpoint);
            keeper.commit(change, Durable::Soon)?;
        }
        self.n += n;
        Ok(())
    }
}
