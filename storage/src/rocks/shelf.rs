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

/// Most endpoints whose attempts are read side by side.
const SIDE_BY_SIDE_MAX: usize = 64;

pub(super) fn deliveries(core: &Core, query: &DeliveryQuery) -> Result<Page<DeliveryRecord, (Seq, EndpointNo)>, Error> {
    let view = View { core, snapshot: core.db.snapshot() };
    let mut shelf = Shelf { view: &view, query, records: Vec::new() };
    let endpoints = shelf.endpoints();
    match (&query.status[..], query.endpoint) {
        // Not known here.
        ([Status::Attempting], _) => {}
        ([Status::DeadLetter], _) => shelf.fill_from_dead()?,
        ([_, ..], Some(endpoint)) if query.status.iter().all(is_waiting) => shelf.fill_from_queue(endpoint)?,
        _ if needs_attempt(query) && endpoints.len() <= SIDE_BY_SIDE_MAX => shelf.fill_from_attempts(endpoints)?,
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
        if query.endpoint.is_some_and(|wanted| wanted != endpoint) || !self.is_after_cursor(seq, endpoint) {
            return Ok(true);
        }
        let record = self.view.record(endpoint, seq, matched)?.filter(|record| query.admits(record));
        self.records.extend(record);
        Ok(!self.is_full())
    }

    /// Endpoints that `attempts` may know something of: the one wanted, or all. Counts do not tell: a delivery that died
    /// and was replayed only counts as waiting.
    fn endpoints(&self) -> Vec<EndpointNo> {
        match self.query.endpoint {
            Some(endpoint) => vec![endpoint],
            None => {
                let accounts = self.view.core.accounts.lock();
                accounts.iter().filter(|(_, account)| account.matched > 0).map(|(endpoint, _)| *endpoint).collect()
            }
        }
    }

    fn fill_from_attempts(&mut self, endpoints: Vec<EndpointNo>) -> Result<(), Error> {
        let (from, to) = self.seqs();
        // The newest delivery of each endpoint, and where the next is read.
        let mut newest = BTreeMap::new();
        for endpoint in endpoints {
            let (low, high) = (keys::attempt(endpoint, from.min(to), 0), keys::attempt(endpoint, to, 0));
            let mut iter = self.view.iter(Cf::Attempts, &low, &high);
            iter.seek_to_last();
            insert_newest(&mut newest, iter)?;
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
            insert_newest(&mut newest, iter)?;
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
        self.fill(iter, keys::to_dead)
    }

    fn fill_from_queue(&mut self, endpoint: EndpointNo) -> Result<(), Error> {
        let (from, to) = self.seqs();
        let low_water = self.view.core.accounts.lock().get(&endpoint).map(|account| account.ended.low_water);
        let from = from.max(low_water.unwrap_or_default()).min(to);
        let iter = self.view.iter(Cf::Queue, &keys::queue(endpoint, from), &keys::queue(endpoint, to));
        self.fill(iter, |key| keys::to_queue(key).map(|(endpoint, seq)| (seq, endpoint)))
    }

    fn fill(
        &mut self,
        mut iter: DBRawIterator<'_>,
        read: impl Fn(&[u8]) -> Option<(Seq, EndpointNo)>,
    ) -> Result<(), Error> {
        iter.seek_to_last();
        while let Some(key) = iter.key() {
            let (seq, endpoint) = read(key).ok_or_else(|| unreadable("delivery", "?"))?;
            // Nothing is listed without its match; it was removed while we looked, or it is damaged.
            if let Some(matched) = self.view.matched(seq)?
                && !self.offer(seq, endpoint, &matched)?
            {
                return Ok(());
            }
            iter.prev();
        }
        iter.status().map_err(read_error)
    }
}

fn insert_newest<'a>(
    newest: &mut BTreeMap<(Seq, EndpointNo), DBRawIterator<'a>>,
    iter: DBRawIterator<'a>,
) -> Result<(), Error> {
    iter.status().map_err(read_error)?;
    if let Some(key) = iter.key() {
        let (endpoint, seq, _) = keys::to_attempt(key).ok_or_else(|| unreadable("attempt", "?"))?;
        newest.insert((seq, endpoint), iter);
    }
    Ok(())
}
