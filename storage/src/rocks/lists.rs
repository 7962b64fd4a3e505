//! The lists that people read: pages of events, one delivery, the ledger. Pages of deliveries: `shelf.rs`.
//!
//! A delivery's state is stored nowhere; it follows from where the delivery stands: in a queue, among the dead
//! letters, cancelled, or else as its last attempt says. Each page is read in one snapshot. A filter that fits little
//! reads on until the page is full or the log is through.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use loghorn_domain::{
    EndpointNo, Event, EventId, Seq, Verdict,
    delivery::{Attempt, Status},
};
use rocksdb::{DBPinnableSlice, DBRawIterator, Snapshot};

use super::{
    core::{Account, Core, unreadable},
    db::{range, read_error},
    keys::{self, Cf},
    queue::stored_entry,
    record::{self, Attempted, Cancelled, Dead, Ended, Match},
    retention::first_event_since,
};
use crate::{DeliveryRecord, Error, EventQuery, Filling, LedgerLine, Page, ended_at};

/// How far the clock may have stepped back without a list by time missing anything.
pub(super) const CLOCK_SLACK: Duration = Duration::from_secs(3600);
const END: [u8; 17] = [0xff; 17];

/// How many events are looked at before it is asked again whether somebody still waits.
const LOOKED_AT: usize = 256;

/// A search that nobody waits for any more ends.
pub(super) fn events(
    core: &Core,
    query: &EventQuery,
    is_wanted: &dyn Fn() -> bool,
) -> Result<Page<Arc<Event>, Seq>, Error> {
    let bounds = core.bounds();
    let mut end = query.before.unwrap_or(Seq::MAX).min(bounds.last.next());
    if let Some(until) = query.until {
        end = end.min(first_event_since(core, until.plus(CLOCK_SLACK))?);
    }
    let oldest = query.since.map(|since| since.minus(CLOCK_SLACK));
    let mut shown = Filling::new(query.limit);
    if end > bounds.first {
        let mut iter = core.db.iter(Cf::Events, &keys::of_seq(bounds.first), &keys::of_seq(end));
        iter.seek_to_last();
        let mut looked_at = 0;
        while let Some((key, value)) = iter.item().filter(|_| !shown.is_over) {
            looked_at += 1;
            if looked_at % LOOKED_AT == 0 && !is_wanted() {
                return Err(Error::Stopped);
            }
            let seq = keys::to_seq(key).ok_or_else(|| unreadable("event before", end))?;
            let event = core.decode(seq, value)?;
            if oldest.is_some_and(|oldest| event.head.received_at < oldest) {
                break;
            }
            if query.admits(&event) {
                shown.add(event);
            }
            iter.prev();
        }
        iter.status().map_err(read_error)?;
    }
    Ok(shown.page())
}

pub(super) fn shadowed(
    core: &Core,
    endpoint: EndpointNo,
    before: Option<Seq>,
    limit: usize,
) -> Result<Page<Arc<Event>, Seq>, Error> {
    let mut shown = Filling::new(limit);
    // A filter that matches nothing in shadow need not be looked for in the whole log.
    if core.accounts.lock().get(&endpoint).is_some_and(|account| account.shadowed > 0) {
        let view = View { core, snapshot: core.db.snapshot() };
        let bounds = core.bounds();
        let end = before.unwrap_or(Seq::MAX).min(bounds.last.next());
        let from = bounds.first.max(core.marks.deliveries_from.seq()).min(end);
        let mut iter = view.iter(Cf::Matches, &keys::of_seq(from), &keys::of_seq(end));
        iter.seek_to_last();
        while let Some((key, value)) = iter.item().filter(|_| !shown.is_over) {
            let seq = keys::to_seq(key).ok_or_else(|| unreadable("match before", end))?;
            let matched = Match::from_bytes(value).ok_or_else(|| unreadable("match", seq))?;
            if matched.shadows.binary_search(&endpoint).is_ok()
                && let Some(event) = core.event(seq)?
            {
                shown.add(event);
            }
            iter.prev();
        }
        iter.status().map_err(read_error)?;
    }
    Ok(shown.page())
}

pub(super) fn delivery(
    core: &Core,
    endpoint: EndpointNo,
    seq: Seq,
) -> Result<Option<(DeliveryRecord, Vec<Attempt>)>, Error> {
    let view = View { core, snapshot: core.db.snapshot() };
    let Some(matched) = view.matched(seq)?.filter(|matched| matched.went_to(endpoint)) else {
        return Ok(None);
    };
    let Some(record) = view.record(endpoint, seq, &matched)? else { return Ok(None) };
    let mut attempts = Vec::new();
    let mut iter = view.attempts(endpoint, seq);
    iter.seek_to_first();
    while let Some(value) = iter.value() {
        let attempted = Attempted::from_bytes(value).ok_or_else(|| unreadable("attempt of", seq))?;
        attempts.push(attempted.attempt);
        iter.next();
    }
    iter.status().map_err(read_error)?;
    Ok(Some((record, attempts)))
}

pub(super) fn ledger(core: &Core) -> Result<Vec<LedgerLine>, Error> {
    let view = View { core, snapshot: core.db.snapshot() };
    let mut lines: BTreeMap<EndpointNo, LedgerLine> = BTreeMap::new();
    for (endpoint, account) in accounts(&view)? {
        line(&mut lines, endpoint).counters = account.counters();
    }
    view.each(Cf::Queue, &[], |key, value| {
        let (endpoint, seq) = keys::to_queue(key).ok_or_else(|| unreadable("queue", "?"))?;
        let entry = stored_entry(endpoint, seq, value)?;
        let line = line(&mut lines, endpoint);
        line.waiting_counted += 1;
        line.retrying_counted += u64::from(entry.is_some_and(|entry| entry.next_at.is_some()));
        Ok(())
    })?;
    view.each(Cf::Dead, &[], |key, _| {
        let (_, endpoint) = keys::to_dead(key).ok_or_else(|| unreadable("dead letter", "?"))?;
        line(&mut lines, endpoint).dead_counted += 1;
        Ok(())
    })?;
    Ok(lines.into_values().collect())
}

fn line(lines: &mut BTreeMap<EndpointNo, LedgerLine>, endpoint: EndpointNo) -> &mut LedgerLine {
    lines.entry(endpoint).or_insert_with(|| LedgerLine {
        endpoint,
        counters: Account::default().counters(),
        waiting_counted: 0,
        retrying_counted: 0,
        dead_counted: 0,
    })
}

/// The ledger as it is stored.
pub(super) fn accounts(view: &View<'_>) -> Result<BTreeMap<EndpointNo, Account>, Error> {
    let mut accounts: BTreeMap<EndpointNo, Account> = BTreeMap::new();
    let number = |name, key: &[u8], value: &[u8]| {
        let number = value.try_into().ok().map(u64::from_le_bytes);
        keys::to_endpoint(name, key).zip(number).ok_or_else(|| unreadable("count", String::from_utf8_lossy(name)))
    };
    view.each(Cf::Meta, keys::MATCHED, |key, value| {
        let (endpoint, matched) = number(keys::MATCHED, key, value)?;
        accounts.entry(endpoint).or_default().matched = matched;
        Ok(())
    })?;
    view.each(Cf::Meta, keys::SHADOWED, |key, value| {
        let (endpoint, shadowed) = number(keys::SHADOWED, key, value)?;
        accounts.entry(endpoint).or_default().shadowed = shadowed;
        Ok(())
    })?;
    view.each(Cf::Meta, keys::ENDED, |key, value| {
        let endpoint = keys::to_endpoint(keys::ENDED, key);
        let (endpoint, ended) = endpoint.zip(Ended::from_bytes(value)).ok_or_else(|| unreadable("count", "ended"))?;
        accounts.entry(endpoint).or_default().ended = ended;
        Ok(())
    })?;
    Ok(accounts)
}

/// The database at one moment.
pub(super) struct View<'a> {
    pub(super) core: &'a Core,
    pub(super) snapshot: Snapshot<'a>,
}

impl View<'_> {
    pub(super) fn get(&self, cf: Cf, key: impl AsRef<[u8]>) -> Result<Option<DBPinnableSlice<'_>>, Error> {
        self.snapshot.get_pinned_cf(self.core.db.cf(cf), key).map_err(read_error)
    }

    pub(super) fn iter(&self, cf: Cf, from: &[u8], to: &[u8]) -> DBRawIterator<'_> {
        self.snapshot.raw_iterator_cf_opt(self.core.db.cf(cf), range(from, to))
    }

    /// Everything under `prefix`, without driving anything else out of the cache.
    fn each(
        &self,
        cf: Cf,
        prefix: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut options = range(prefix, &[prefix, &END].concat());
        options.fill_cache(false);
        let mut iter = self.snapshot.raw_iterator_cf_opt(self.core.db.cf(cf), options);
        iter.seek_to_first();
        while let Some((key, value)) = iter.item() {
            visit(key, value)?;
            iter.next();
        }
        iter.status().map_err(read_error)
    }

    pub(super) fn matched(&self, seq: Seq) -> Result<Option<Match>, Error> {
        let value = self.get(Cf::Matches, keys::of_seq(seq))?;
        value.map(|value| Match::from_bytes(&value).ok_or_else(|| unreadable("match", seq))).transpose()
    }

    /// All attempts, the marker of a cancelled delivery left out.
    fn attempts(&self, endpoint: EndpointNo, seq: Seq) -> DBRawIterator<'_> {
        let end = keys::attempt(endpoint, seq, keys::CANCELLED);
        self.iter(Cf::Attempts, &keys::attempt(endpoint, seq, 0), &end)
    }

    fn last_attempt(&self, endpoint: EndpointNo, seq: Seq) -> Result<Option<Attempted>, Error> {
        let mut iter = self.attempts(endpoint, seq);
        iter.seek_to_last();
        iter.status().map_err(read_error)?;
        iter.value().map(|value| Attempted::from_bytes(value).ok_or_else(|| unreadable("attempt of", seq))).transpose()
    }

    /// The delivery as it stands; `None` where its parts do not fit together, which only a damaged store brings about.
    pub(super) fn record(
        &self,
        endpoint: EndpointNo,
        seq: Seq,
        matched: &Match,
    ) -> Result<Option<DeliveryRecord>, Error> {
        let last = self.last_attempt(endpoint, seq)?;
        let own_id = matched.own_id.as_deref().and_then(|id| id.parse().ok());
        let generated = || EventId::generated(matched.received_at(), self.core.log_number, seq);
        let mut record = DeliveryRecord {
            endpoint,
            seq,
            event_id: own_id.unwrap_or_else(generated),
            received_at: matched.received_at(),
            status: Status::Queued,
            reason: None,
            origin: last.as_ref().map_or(matched.origin, |last| last.origin),
            next_at: None,
            attempts: last.as_ref().map_or(0, |last| last.attempt.number),
            ended_at: last.as_ref().map(|last| ended_at(&last.attempt)),
            last_status_code: last.as_ref().and_then(|last| last.attempt.status_code),
            last_class: last.as_ref().map(|last| last.attempt.class),
        };
        let is_whole = self.set_state(&mut record, last.map(|last| last.attempt.verdict))?;
        if !is_whole {
            tracing::error!(%endpoint, %seq, "a delivery neither waits nor ended; it is left out of lists");
        }
        Ok(is_whole.then_some(record))
    }

    fn set_state(&self, record: &mut DeliveryRecord, last: Option<Verdict>) -> Result<bool, Error> {
        let (endpoint, seq) = (record.endpoint, record.seq);
        if let Some(value) = self.get(Cf::Queue, keys::queue(endpoint, seq))? {
            record.ended_at = None;
            if let Some(entry) = stored_entry(endpoint, seq, &value)? {
                record.status = if entry.next_at.is_some() { Status::Retrying } else { Status::Queued };
                record.origin = entry.origin;
                record.next_at = entry.next_at;
                record.attempts = entry.attempts_total;
            }
            return Ok(true);
        }
        if let Some(value) = self.get(Cf::Dead, keys::dead(seq, endpoint))? {
            let dead: Dead = record::decode(&value).ok_or_else(|| unreadable("dead letter", seq))?;
            record.status = Status::DeadLetter;
            record.reason = Some(dead.reason);
            record.origin = dead.origin;
            record.attempts = dead.attempts_total;
            return Ok(true);
        }
        if let Some(value) = self.get(Cf::Attempts, keys::attempt(endpoint, seq, keys::CANCELLED))? {
            let cancelled: Cancelled = record::decode(&value).ok_or_else(|| unreadable("cancelling of", seq))?;
            record.status = Status::Cancelled;
            record.origin = cancelled.origin;
            record.attempts = cancelled.attempts_total;
            record.ended_at = Some(loghorn_domain::Timestamp::from_millis(cancelled.at_ms));
            return Ok(true);
        }
        match last {
            Some(Verdict::Delivered) => record.status = Status::Delivered,
            // Expired, and on its way out.
            Some(Verdict::Dead(reason)) => {
                record.status = Status::DeadLetter;
                record.reason = Some(reason);
            }
            Some(Verdict::Retry { .. }) | None => return Ok(false),
        }
        Ok(true)
    }
}
