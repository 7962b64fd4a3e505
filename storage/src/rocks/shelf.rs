//! Pages of deliveries: from which records they are read, so that a page that fits little needs few looks.
//!
//! All sources yield deliveries from the newest event on, and within an event from the highest endpoint on.

use std::collections::BTreeMap;

use loghorn_domain::{EndpointNo, Seq, delivery::Status};
use rocksdb::DBRawIterator;

use super::{
    core::{Core, unreadable},
    db::read_error,
    keys::{self, Cf},
    lists::{CLOCK_SLACK, View},
    record::Match,
};
use crate::{DeliveryQuery, DeliveryRecord, Error, Page, page};

/// Most endpoints whose attempts are read side by side where all of them are meant.
const SIDE_BY_SIDE_MAX: usize = 64;

pub(super) fn deliveries(core: &Core, query: &DeliveryQuery) -> Result<Page<DeliveryRecord, (Seq, EndpointNo)>, Error> {
    let view = View { core, snapshot: core.db.snapshot() };
    let mut shelf = Shelf { view: &view, query, records: Vec::new() };
    let (endpoints, is_narrowed) = (shelf.endpoints(), !query.endpoints.is_empty());
    match &query.status[..] {
        // Not known here.
        [Status::Attempting] => {}
        [Status::DeadLetter] => shelf.fill_from_dead()?,
        [_, ..] if is_narrowed && query.status.iter().all(is_waiting) => shelf.fill_from_queues(endpoints)?,
        _ if needs_attempt(query) && (is_narrowed || endpoints.len() <= SIDE_BY_SIDE_MAX) => {
            shelf.fill_from_attempts(endpoints)?;
        }
        _ => shelf.fill_from_matches()?,
    }
    Ok(page(shelf.records, query.limit, |record| (record.seq, record.endpoint)))
}

fn is_waiting(status: &Status) -> bool {
    matches!(status, Status::Queued | Status::Retrying)
}

/// Whether only deliveries fit of which `attempts` knows something.
fn needs_attempt(query: &DeliveryQuery) -> bool {
    let by_status = !query.status.is_empty() && !query.status.contains(&Status::Queued);
    by_status || query.status_code.is_some() || query.class.is_some()
}

/// A delivery's place in a list.
type Key = (Seq, EndpointNo);

/// A page in the making, filled from the newest on.
struct Shelf<'a> {
    view: &'a View<'a>,
    query: &'a DeliveryQuery,
    records: Vec<DeliveryRecord>,
}

impl Shelf<'_> {
    /// One more than fits: only then is there a next page.
    fn is_full(&self) -> bool {
        self.records.len() > self.query.limit.max(1)
    }

    /// The first seq wanted, and the one behind the last.
    fn seqs(&self) -> (Seq, Seq) {
        let behind = |seq: Seq| Seq(seq.0.saturating_add(1));
        let end = self.query.after.map_or(Seq::MAX, |(seq, _)| behind(seq));
        match self.query.seq {
            Some(seq) => (seq, end.min(behind(seq))),
            None => (self.view.core.marks.deliveries_from.seq(), end),
        }
    }

    fn is_after_cursor(&self, seq: Seq, endpoint: EndpointNo) -> bool {
        self.query.after.is_none_or(|after| (seq, endpoint) < after)
    }

    /// Takes the delivery in if it belongs on the page; returns whether older ones are still wanted.
    fn offer(&mut self, seq: Seq, endpoint: EndpointNo, matched: &Match) -> Result<bool, Error> {
        let query = self.query;
        if query.since.is_some_and(|since| matched.received_at() < since.minus(CLOCK_SLACK)) {
            return Ok(false);
        }
        let is_wanted = query.endpoints.is_empty() || query.endpoints.contains(&endpoint);
        if !is_wanted || !self.is_after_cursor(seq, endpoint) {
            return Ok(true);
        }
        let record = self.view.record(endpoint, seq, matched)?.filter(|record| query.admits(record));
        self.records.extend(record);
        Ok(!self.is_full())
    }

    /// Endpoints that `attempts` may know something of: those wanted, or all. Counts do not tell: a delivery that died
    /// and was replayed only counts as waiting.
    fn endpoints(&self) -> Vec<EndpointNo> {
        if !self.query.endpoints.is_empty() {
            return self.query.endpoints.iter().copied().collect();
        }
        let accounts = self.view.core.accounts.lock();
        accounts.iter().filter(|(_, account)| account.matched > 0).map(|(endpoint, _)| *endpoint).collect()
    }

    fn fill_from_attempts(&mut self, endpoints: Vec<EndpointNo>) -> Result<(), Error> {
        let (from, to) = self.seqs();
        // The newest delivery of each endpoint, and where the next is read.
        let mut newest = BTreeMap::new();
        for endpoint in endpoints {
            let (low, high) = (keys::attempt(endpoint, from.min(to), 0), keys::attempt(endpoint, to, 0));
            let mut iter = self.view.iter(Cf::Attempts, &low, &high);
            iter.seek_to_last();
            insert_newest(&mut newest, iter, to_attempted)?;
        }
        while let Some(((seq, endpoint), mut iter)) = newest.pop_last() {
            // Attempts may outlive their delivery for a while.
            if let Some(matched) = self.view.matched(seq)?.filter(|matched| matched.went_to(endpoint))
                && !self.offer(seq, endpoint, &matched)?
            {
                return Ok(());
            }
            // Behind all attempts of this delivery.
            iter.seek_for_prev(keys::attempt(endpoint, seq.previous(), keys::CANCELLED));
            insert_newest(&mut newest, iter, to_attempted)?;
        }
        Ok(())
    }

    fn fill_from_matches(&mut self) -> Result<(), Error> {
        let (from, to) = self.seqs();
        let mut iter = self.view.iter(Cf::Matches, &keys::of_seq(from.min(to)), &keys::of_seq(to));
        iter.seek_to_last();
        while let Some((key, value)) = iter.item() {
            let seq = keys::to_seq(key).ok_or_else(|| unreadable("match before", to))?;
            let matched = Match::from_bytes(value).ok_or_else(|| unreadable("match", seq))?;
            for endpoint in matched.endpoints.iter().rev() {
                if !self.offer(seq, *endpoint, &matched)? {
                    return Ok(());
                }
            }
            iter.prev();
        }
        iter.status().map_err(read_error)
    }

    fn fill_from_dead(&mut self) -> Result<(), Error> {
        let (from, to) = self.seqs();
        let iter = self.view.iter(Cf::Dead, &keys::of_seq(from.min(to)), &keys::of_seq(to));
        self.fill(vec![iter], keys::to_dead)
    }

    fn fill_from_queues(&mut self, endpoints: Vec<EndpointNo>) -> Result<(), Error> {
        let (from, to) = self.seqs();
        let mut iters = Vec::with_capacity(endpoints.len());
        for endpoint in endpoints {
            let low_water = self.view.core.accounts.lock().get(&endpoint).map(|account| account.ended.low_water);
            let from = from.max(low_water.unwrap_or_default()).min(to);
            iters.push(self.view.iter(Cf::Queue, &keys::queue(endpoint, from), &keys::queue(endpoint, to)));
        }
        self.fill(iters, |key| keys::to_queue(key).map(|(endpoint, seq)| (seq, endpoint)))
    }

    /// Offers what these iterators show, of all of them the newest first.
    fn fill(&mut self, iters: Vec<DBRawIterator<'_>>, read: impl Fn(&[u8]) -> Option<Key>) -> Result<(), Error> {
        let mut newest = BTreeMap::new();
        for mut iter in iters {
            iter.seek_to_last();
            insert_newest(&mut newest, iter, &read)?;
        }
        while let Some(((seq, endpoint), mut iter)) = newest.pop_last() {
            // Nothing is listed without its match; it was removed while we looked, or it is damaged.
            if let Some(matched) = self.view.matched(seq)?
                && !self.offer(seq, endpoint, &matched)?
            {
                return Ok(());
            }
            iter.prev();
            insert_newest(&mut newest, iter, &read)?;
        }
        Ok(())
    }
}

fn to_attempted(key: &[u8]) -> Option<Key> {
    keys::to_attempt(key).map(|(endpoint, seq, _)| (seq, endpoint))
}

fn insert_newest<'a>(
    newest: &mut BTreeMap<Key, DBRawIterator<'a>>,
    iter: DBRawIterator<'a>,
    read: impl Fn(&[u8]) -> Option<Key>,
) -> Result<(), Error> {
    iter.status().map_err(read_error)?;
    if let Some(key) = iter.key() {
        newest.insert(read(key).ok_or_else(|| unreadable("delivery", "?"))?, iter);
    }
    Ok(())
}
