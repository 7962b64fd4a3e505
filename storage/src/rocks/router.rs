//! Enqueueing: the router's one write, made on the router's own thread.
//!
//! Matches, queue entries, counts and the cursor are one batch, so a crash repeats nothing and skips nothing. Not
//! synced: after a power cut the router goes on from the cursor that came back together with its queues.

use std::collections::BTreeMap;

use loghorn_domain::{EndpointNo, Origin, Seq, delivery::Entry};

use super::{
    core::Core,
    db::{Batch, Durable},
    keys::{self, Cf},
    record::{self, Match, Waiting},
};
use crate::{Error, Fence, Matched, check_end};

pub(super) fn enqueue(core: &Core, fence: Fence, matches: Vec<Matched>, cursor: Seq) -> Result<(), Error> {
    let _turn = core.router.lock();
    core.check(fence)?;
    core.db.check_writable()?;
    check_end(core.marks.last.seq(), &matches, cursor)?;
    let passed = core.marks.cursor.seq();
    if cursor <= passed {
        return Ok(());
    }
    let mut batch = core.db.batch();
    let mut added = BTreeMap::new();
    for matched in matches.into_iter().filter(|matched| passed < matched.seq && matched.seq <= cursor) {
        put_matched(core, &mut batch, matched, &mut added)?;
    }
    for (endpoint, total) in count(core, &added) {
        batch.put_number(keys::of_endpoint(keys::MATCHED, endpoint), total);
    }
    batch.put_number(keys::CURSOR, cursor.0);
    core.db.write(batch, Durable::Soon)?;
    core.marks.cursor.set(cursor.0);
    Ok(())
}

fn put_matched(
    core: &Core,
    batch: &mut Batch<'_>,
    matched: Matched,
    added: &mut BTreeMap<EndpointNo, u64>,
) -> Result<(), Error> {
    let Matched { seq, received_at, mut endpoints, origin } = matched;
    if endpoints.is_empty() {
        return Ok(());
    }
    endpoints.sort_unstable();
    endpoints.dedup();
    let entry = match origin {
        Origin::Live => Vec::new(),
        _ => record::encode(&Waiting::from(Entry::fresh(seq, received_at, origin)))?,
    };
    for endpoint in &endpoints {
        batch.put(Cf::Queue, keys::queue(*endpoint, seq), &entry);
        *added.entry(*endpoint).or_default() += 1;
    }
    let own = core.event(seq)?.filter(|event| !core.is_generated(event));
    let own_id = own.map(|event| event.id.as_str().to_owned());
    let value = Match { received_at_ms: received_at.millis(), origin, own_id, endpoints };
    batch.put(Cf::Matches, keys::of_seq(seq), record::encode(&value)?);
    Ok(())
}

/// Adds to the ledger, ahead of the write: what waits may be counted early, never late.
fn count(core: &Core, added: &BTreeMap<EndpointNo, u64>) -> Vec<(EndpointNo, u64)> {
    let mut accounts = core.accounts.lock();
    let totals = added.iter().map(|(endpoint, n)| {
        let account = accounts.entry(*endpoint).or_default();
        account.matched += n;
        (*endpoint, account.matched)
    });
    totals.collect()
}
