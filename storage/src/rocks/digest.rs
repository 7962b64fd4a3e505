//! Digests: what waits at an endpoint that was down for long, at a glance, and all of it settled by one webhook.

use loghorn_domain::{
    EndpointNo, Origin, Seq, Timestamp,
    delivery::{Attempt, Entry},
};

use super::{
    core::{Core, Reply, unreadable},
    db::{Durable, read_error},
    keys::{self, Cf},
    queue::{Change, Keeper, stored_entry},
    record::Attempted,
};
use crate::{Error, Fence, Outline};

/// Entries looked at in one step.
const STEP: usize = 1000;

/// What waits for `endpoint` of live events, with `n` events from either end.
pub(super) fn outline(core: &Core, endpoint: EndpointNo, n: usize) -> Result<Outline, Error> {
    let upto = core.marks.cursor.seq();
    let low_water = core.accounts.lock().get(&endpoint).map_or(Seq(0), |account| account.ended.low_water);
    let (mut seqs, mut count) = (std::collections::VecDeque::new(), 0);
    let mut iter = core.db.iter(Cf::Queue, &keys::queue(endpoint, low_water), &keys::queue(endpoint, upto.next()));
    iter.seek_to_first();
    while let Some((key, value)) = iter.item() {
        let (_, seq) = keys::to_queue(key).ok_or_else(|| unreadable("queue", endpoint))?;
        if is_live(stored_entry(endpoint, seq, value)?) {
            count += 1;
            // The first `n` stay, of the others the last.
            if seqs.len() == 2 * n {
                seqs.remove(n);
            }
            seqs.push_back(seq);
        }
        iter.next();
    }
    iter.status().map_err(read_error)?;
    let (first, last) = (seqs.front().copied(), seqs.back().copied());
    // One that cannot be read must not keep the endpoint from being told of the others.
    let samples = seqs.into_iter().filter_map(|seq| core.event(seq).ok().flatten()).collect();
    Ok(Outline { count, upto, first, last, samples })
}

/// What a person asked for, also of what was counted since, is no alert that went stale.
fn is_live(entry: Option<Entry>) -> bool {
    entry.is_none_or(|entry| matches!(entry.origin, Origin::Live | Origin::Test))
}

/// Settles what an outline counted, in steps.
pub(super) struct Digest {
    pub(super) fence: Fence,
    pub(super) endpoint: EndpointNo,
    pub(super) upto: Seq,
    pub(super) attempt: Attempt,
    pub(super) from: Seq,
    pub(super) n: u64,
    pub(super) reply: Reply<u64>,
}

impl Digest {
    /// Returns the job if it is not done.
    pub(super) fn step(mut self, keeper: &mut Keeper<'_>) -> Option<Self> {
        match self.settle_some(keeper) {
            Ok(false) => return Some(self),
            Ok(true) => self.reply.send(Ok(self.n)),
            Err(error) => self.reply.send(Err(error)),
        }
        None
    }

    fn settle_some(&mut self, keeper: &mut Keeper<'_>) -> Result<bool, Error> {
        let core = keeper.core;
        core.check(self.fence)?;
        core.db.check_writable()?;
        let endpoint = self.endpoint;
        let low_water = keeper.ended(endpoint).low_water;
        let from = self.from.max(low_water);
        let mut change = Change::new(core);
        let (mut n, mut retrying, mut passed, mut all_settled) = (0, 0, 0, from == low_water);
        let mut low_water = low_water;
        let (first, end) = (keys::queue(endpoint, from), keys::queue(endpoint, self.upto.next()));
        let mut iter = core.db.iter(Cf::Queue, &first, &end);
        iter.seek_to_first();
        while let Some((key, value)) = iter.item().filter(|_| passed < STEP) {
            let (_, seq) = keys::to_queue(key).ok_or_else(|| unreadable("queue", endpoint))?;
            let entry = stored_entry(endpoint, seq, value)?;
            if is_live(entry) {
                let entry = entry.unwrap_or_else(|| Entry::fresh(seq, Timestamp::default(), Origin::Live));
                let number = entry.attempts_total.saturating_add(1).min(keys::CANCELLED - 1);
                let attempt = Attempt { number, ..self.attempt.clone() };
                let record = Attempted { origin: entry.origin, attempt }.to_bytes()?;
                change.batch.delete(Cf::Queue, key);
                change.batch.put(Cf::Attempts, keys::attempt(endpoint, seq, number), record);
                retrying += u64::from(entry.next_at.is_some());
                n += 1;
            } else {
                all_settled = false;
            }
            passed += 1;
            self.from = seq.next();
            if all_settled {
                low_water = self.from;
            }
            iter.next();
        }
        iter.status().map_err(read_error)?;
        let is_done = !iter.valid();
        keeper.raise_low_water(endpoint, low_water);
        let ended = keeper.ended(endpoint);
        ended.delivered += n;
        ended.digested += n;
        ended.retrying = ended.retrying.saturating_sub(retrying);
        if n > 0 {
            change.endpoints.insert(endpoint);
            keeper.commit(change, Durable::Soon)?;
        }
        self.n += n;
        Ok(is_done)
    }
}
