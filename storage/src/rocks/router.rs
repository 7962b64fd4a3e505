//! Enqueueing: the router's one write, made on the router's own thread.
//!
//! Matches, queue entries, versions on record, counts and the cursor are one batch, so a crash repeats nothing and
//! skips nothing. Not synced: after a power cut the router goes on from the cursor that came back together with its
//! queues.

use std::collections::BTreeMap;

use loghorn_domain::{EndpointNo, Origin, Seq, delivery::Entry};

use super::{
    core::Core,
    db::{Batch, Durable},
    keys::{self, Cf},
    record::{self, Match, Waiting},
};
use crate::{Deciding, Error, Fence, Matched, check_end};

pub(super) fn enqueue(
    core: &Core,
    fence: Fence,
    matches: Vec<Matched>,
    deciding: Vec<Deciding>,
    cursor: Seq,
) -> Result<(), Error> {
    let _turn = core.router.lock();
    core.check(fence)?;
    core.db.check_writable()?;
    check_end(core.marks.last.seq(), &matches, cursor)?;
    let passed = core.marks.cursor.seq();
    if cursor <= passed {
        return Ok(());
    }
    let mut batch = core.db.batch();
    let mut added = Added::default();
    for matched in matches.into_iter().filter(|matched| passed < matched.seq && matched.seq <= cursor) {
        put_matched(core, &mut batch, matched, &mut added)?;
    }
    for Deciding { endpoint, after, version } in deciding {
        if passed <= after && after <= cursor {
            batch.put(Cf::Versions, keys::version(endpoint, after), version.to_le_bytes());
        }
    }
    batch.put_number(keys::CURSOR, cursor.0);
    added.count(core, &mut batch);
    core.db.write(batch, Durable::Soon).inspect_err(|_| added.uncount(core))?;
    core.marks.cursor.set(cursor.0);
    Ok(())
}

fn put_matched(core: &Core, batch: &mut Batch<'_>, matched: Matched, added: &mut Added) -> Result<(), Error> {
    let Matched { seq, received_at, mut endpoints, origin, mut shadows } = matched;
    if endpoints.is_empty() && shadows.is_empty() {
        return Ok(());
    }
    for numbers in [&mut endpoints, &mut shadows] {
        numbers.sort_unstable();
        numbers.dedup();
    }
    let entry = match origin {
        Origin::Live => Vec::new(),
        _ => record::encode(&Waiting::from(Entry::fresh(seq, received_at, origin)))?,
    };
    for endpoint in &endpoints {
        batch.put(Cf::Queue, keys::queue(*endpoint, seq), &entry);
        *added.matched.entry(*endpoint).or_default() += 1;
    }
    for endpoint in &shadows {
        *added.shadowed.entry(*endpoint).or_default() += 1;
    }
    let value = Match { received_at_ms: received_at.millis(), origin, own_id: own_id(core, seq)?, endpoints, shadows };
    batch.put(Cf::Matches, keys::of_seq(seq), value.to_bytes()?);
    Ok(())
}

/// The sender's own id of an event.
pub(super) fn own_id(core: &Core, seq: Seq) -> Result<Option<String>, Error> {
    let own = core.event(seq)?.filter(|event| !core.is_generated(event));
    Ok(own.map(|event| event.id.as_str().to_owned()))
}

/// What one write adds to the counts that are the router's. Whoever counts holds its lock.
#[derive(Default)]
pub(super) struct Added {
    pub(super) matched: BTreeMap<EndpointNo, u64>,
    pub(super) shadowed: BTreeMap<EndpointNo, u64>,
}

impl Added {
    /// Adds to the ledger, ahead of the write: what waits may be counted early, never late.
    pub(super) fn count(&self, core: &Core, batch: &mut Batch<'_>) {
        let mut accounts = core.accounts.lock();
        for (endpoint, n) in &self.matched {
            let account = accounts.entry(*endpoint).or_default();
            account.matched += n;
            batch.put_number(keys::of_endpoint(keys::MATCHED, *endpoint), account.matched);
        }
        for (endpoint, n) in &self.shadowed {
            let account = accounts.entry(*endpoint).or_default();
            account.shadowed += n;
            batch.put_number(keys::of_endpoint(keys::SHADOWED, *endpoint), account.shadowed);
        }
    }

    /// Takes it back: the write failed.
    pub(super) fn uncount(&self, core: &Core) {
        let mut accounts = core.accounts.lock();
        for (endpoint, n) in &self.matched {
            accounts.entry(*endpoint).or_default().matched -= n;
        }
        for (endpoint, n) in &self.shadowed {
            accounts.entry(*endpoint).or_default().shadowed -= n;
        }
    }
}
