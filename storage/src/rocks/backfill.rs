//! Backfilling: deliveries of past events, made by the queue keeper so that nothing reads, purges or trims the queue
//! meanwhile. The router writes no match behind its cursor, but the count of matches is its own: so the write, and only
//! that, is made under its lock.
//!
//! An event may be kept longer than its deliveries were. A delivery that is made of one moves
//! [`keys::DELIVERIES_FROM`] back to it, so that it is listed, kept and trimmed like every other.

use std::{collections::BTreeMap, sync::atomic::Ordering};

use loghorn_domain::{EndpointNo, Origin, Seq, Timestamp, delivery::Entry};

use super::{
    core::{Core, unreadable},
    db::{Batch, Durable, read_error},
    keys::{self, Cf},
    queue::{Change, Keeper},
    record::{self, Match, Waiting},
    router::{Added, own_id},
};
use crate::{Error, Fence};

impl Keeper<'_> {
    /// Queues those of `events` that neither `endpoint` nor the `others` have a delivery of; returns how many.
    pub(super) fn backfill(
        &mut self,
        fence: Fence,
        endpoint: EndpointNo,
        others: &[EndpointNo],
        events: Vec<(Seq, Timestamp)>,
        now: Timestamp,
    ) -> Result<u64, Error> {
        let core = self.core;
        core.check(fence)?;
        core.db.check_writable()?;
        let mut change = Change::new(core);
        let (mut n, mut oldest) = (0, Seq::MAX);
        // Ascending, and each only once.
        for (seq, received_at) in events.into_iter().collect::<BTreeMap<_, _>>() {
            if core.holds(seq)
                && seq <= core.marks.cursor.seq()
                && put(core, &mut change.batch, (endpoint, others), seq, received_at, now)?
            {
                oldest = oldest.min(seq);
                n += 1;
            }
        }
        if n == 0 {
            return Ok(0);
        }
        let deliveries_from = core.marks.deliveries_from.seq().min(oldest);
        if deliveries_from < core.marks.deliveries_from.seq() {
            change.batch.put_number(keys::DELIVERIES_FROM, deliveries_from.0);
            // Before there is an attempt that compaction could drop.
            core.watermarks.attempts.store(deliveries_from.0, Ordering::Relaxed);
        }
        let ended = self.ended(endpoint);
        ended.low_water = ended.low_water.min(oldest);
        change.endpoints.insert(endpoint);
        let _turn = core.router.lock();
        let added = Added { matched: BTreeMap::from([(endpoint, n)]), ..Added::default() };
        added.count(core, &mut change.batch);
        self.commit(change, Durable::Soon).inspect_err(|_| added.uncount(core))?;
        core.marks.deliveries_from.set(deliveries_from.0);
        Ok(n)
    }
}

/// Adds the delivery to `batch` if there is none, not even to one of the others; returns whether it did.
fn put(
    core: &Core,
    batch: &mut Batch<'_>,
    (endpoint, others): (EndpointNo, &[EndpointNo]),
    seq: Seq,
    received_at: Timestamp,
    now: Timestamp,
) -> Result<bool, Error> {
    let mut matched = match core.db.get(Cf::Matches, keys::of_seq(seq))? {
        Some(value) => Match::from_bytes(&value).ok_or_else(|| unreadable("match", seq))?,
        None => Match {
            received_at_ms: received_at.millis(),
            origin: Origin::Backfill,
            own_id: own_id(core, seq)?,
            endpoints: Vec::new(),
            shadows: Vec::new(),
        },
    };
    if others.iter().any(|other| matched.went_to(*other)) {
        return Ok(false);
    }
    let Err(place) = matched.endpoints.binary_search(&endpoint) else { return Ok(false) };
    matched.endpoints.insert(place, endpoint);
    batch.put(Cf::Matches, keys::of_seq(seq), matched.to_bytes()?);
    let entry = Entry::fresh(seq, now, Origin::Backfill);
    batch.put(Cf::Queue, keys::queue(endpoint, seq), record::encode(&Waiting::from(entry))?);
    forget_attempts(core, batch, endpoint, seq)?;
    Ok(true)
}

/// Attempts of an earlier delivery that retention removed may not have gone yet; they are none of the new one's.
fn forget_attempts(core: &Core, batch: &mut Batch<'_>, endpoint: EndpointNo, seq: Seq) -> Result<(), Error> {
    let (from, to) = (keys::attempt(endpoint, seq, 0), keys::attempt(endpoint, seq.next(), 0));
    let mut iter = core.db.iter(Cf::Attempts, &from, &to);
    iter.seek_to_first();
    while let Some(key) = iter.key() {
        batch.delete(Cf::Attempts, key);
        iter.next();
    }
    iter.status().map_err(read_error)
}
