//! What the model engine holds, and what each operation does with it.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use loghorn_domain::Verdict;

use crate::*;

#[derive(Default)]
pub(super) struct State {
    log_number: u32,
    dedupe: Duration,
    pub(super) events: BTreeMap<Seq, Arc<Event>>,
    ids: HashMap<EventId, Seq>,
    pub(super) first: Seq,
    pub(super) last: Seq,
    pub(super) epoch: u64,
    pub(super) cursor: Seq,
    pub(super) deliveries: BTreeMap<(Seq, EndpointNo), Delivery>,
    deliveries_from: Seq,
    /// With the time of receipt of the event, as with deliveries.
    pub(super) shadows: BTreeMap<(Seq, EndpointNo), Timestamp>,
    /// From the event after this on, this version decides.
    pub(super) versions: BTreeMap<(EndpointNo, Seq), u32>,
    totals: BTreeMap<EndpointNo, Totals>,
    pub(super) catalog: BTreeMap<String, Record>,
    pub(super) revision: u64,
}

pub(super) struct Delivery {
    event_id: EventId,
    received_at: Timestamp,
    pub(super) entry: Entry,
    pub(super) state: DeliveryState,
    pub(super) attempts: BTreeMap<u16, Attempt>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum DeliveryState {
    Waiting,
    Delivered,
    Dead(Reason),
    Cancelled(Timestamp),
}

/// What cannot be counted from the deliveries any more, because retention removes them.
#[derive(Default)]
struct Totals {
    matched: u64,
    delivered: u64,
    digested: u64,
    expired: u64,
    cancelled: u64,
    shadowed: u64,
}

impl Delivery {
    pub(super) fn is_waiting(&self) -> bool {
        self.state == DeliveryState::Waiting
    }

    pub(super) fn is_dead(&self) -> bool {
        matches!(self.state, DeliveryState::Dead(_))
    }

    pub(super) fn record(&self, endpoint: EndpointNo) -> DeliveryRecord {
        let last = self.attempts.values().next_back();
        let (status, reason, ended_at) = match self.state {
            DeliveryState::Waiting if self.entry.next_at.is_some() => (Status::Retrying, None, None),
            DeliveryState::Waiting => (Status::Queued, None, None),
            DeliveryState::Delivered => (Status::Delivered, None, last.map(ended_at)),
            DeliveryState::Dead(reason) => (Status::DeadLetter, Some(reason), last.map(ended_at)),
            DeliveryState::Cancelled(at) => (Status::Cancelled, None, Some(at)),
        };
        DeliveryRecord {
            endpoint,
            seq: self.entry.seq,
            event_id: self.event_id.clone(),
            received_at: self.received_at,
            status,
            reason,
            origin: self.entry.origin,
            next_at: self.is_waiting().then_some(self.entry.next_at).flatten(),
            attempts: self.entry.attempts_total,
            ended_at,
            last_status_code: last.and_then(|attempt| attempt.status_code),
            last_class: last.map(|attempt| attempt.class),
        }
    }
}

impl State {
    pub(super) fn new(log_number: u32, dedupe: Duration) -> Self {
        Self { log_number, dedupe, first: Seq(1), deliveries_from: Seq(1), ..Self::default() }
    }

    pub(super) fn bounds(&self) -> Bounds {
        Bounds { first: self.first, last: self.last }
    }

    pub(super) fn check(&self, fence: Fence) -> Result<(), Error> {
        if fence.0 == self.epoch { Ok(()) } else { Err(Error::Fenced) }
    }

    pub(super) fn find(&self, id: &EventId) -> Option<&Arc<Event>> {
        let own = self.ids.get(id).and_then(|seq| self.events.get(seq));
        let generated = || self.events.get(&id.parts()?.1).filter(|event| event.id == *id);
        own.or_else(generated)
    }

    pub(super) fn append(&mut self, new: NewEvent) -> Appended {
        if let Some(id) = &new.id
            && let Some(known) = self.find(id)
            && new.head.received_at.since(known.head.received_at) < self.dedupe
        {
            return Appended { seq: known.seq, id: id.clone(), is_duplicate: true };
        }
        let seq = self.last.next();
        self.last = seq;
        if let Some(id) = &new.id {
            self.ids.insert(id.clone(), seq);
        }
        let id = new.id.unwrap_or_else(|| EventId::generated(new.head.received_at, self.log_number, seq));
        self.events.insert(seq, Arc::new(Event::new(seq, id.clone(), new.head, new.tail)));
        Appended { seq, id, is_duplicate: false }
    }

    pub(super) fn enqueue(&mut self, matches: Vec<Matched>, deciding: Vec<Deciding>, cursor: Seq) -> Result<(), Error> {
        check_end(self.last, &matches, cursor)?;
        if cursor <= self.cursor {
            return Ok(());
        }
        let passed = self.cursor;
        for matched in matches.into_iter().filter(|matched| passed < matched.seq && matched.seq <= cursor) {
            let Matched { seq, received_at, endpoints, origin, shadows } = matched;
            for endpoint in endpoints {
                self.deliver(endpoint, received_at, Entry::fresh(seq, received_at, origin));
            }
            for shadow in shadows {
                self.shadows.insert((seq, shadow), received_at);
                self.totals.entry(shadow).or_default().shadowed += 1;
            }
        }
        let within = deciding.into_iter().filter(|mark| passed <= mark.after && mark.after <= cursor);
        self.versions.extend(within.map(|mark| ((mark.endpoint, mark.after), mark.version)));
        self.cursor = cursor;
        Ok(())
    }

    /// Makes a delivery; there must be none.
    fn deliver(&mut self, endpoint: EndpointNo, received_at: Timestamp, entry: Entry) {
        let generated = || EventId::generated(received_at, self.log_number, entry.seq);
        let event_id = self.events.get(&entry.seq).map_or_else(generated, |event| event.id.clone());
        let delivery =
            Delivery { event_id, received_at, entry, state: DeliveryState::Waiting, attempts: BTreeMap::new() };
        self.deliveries.insert((entry.seq, endpoint), delivery);
        self.totals.entry(endpoint).or_default().matched += 1;
    }

    /// Returns whether a delivery was made.
    pub(super) fn backfill(&mut self, endpoint: EndpointNo, seq: Seq, received_at: Timestamp, now: Timestamp) -> bool {
        let is_past = seq <= self.cursor && self.events.contains_key(&seq);
        if !is_past || self.deliveries.contains_key(&(seq, endpoint)) {
            return false;
        }
        self.deliver(endpoint, received_at, Entry::fresh(seq, now, Origin::Backfill));
        self.deliveries_from = self.deliveries_from.min(seq);
        true
    }

    pub(super) fn settle(&mut self, settlement: Settlement) {
        let Settlement { endpoint, entry, attempt } = settlement;
        let Some(delivery) = self.deliveries.get_mut(&(entry.seq, endpoint)) else { return };
        if !delivery.is_waiting() || delivery.entry.attempts_total != entry.attempts_total {
            return;
        }
        delivery.entry.attempts_total += 1;
        delivery.entry.attempts_in_round += 1;
        match attempt.verdict {
            Verdict::Delivered => {
                delivery.state = DeliveryState::Delivered;
                self.totals.entry(endpoint).or_default().delivered += 1;
            }
            Verdict::Retry { at } => delivery.entry.next_at = Some(at),
            Verdict::Dead(reason) => delivery.state = DeliveryState::Dead(reason),
        }
        delivery.attempts.insert(attempt.number, attempt);
    }

    pub(super) fn replay(&mut self, endpoint: EndpointNo, seq: Seq, now: Timestamp) -> bool {
        let Some(delivery) = self.deliveries.get_mut(&(seq, endpoint)).filter(|delivery| delivery.is_dead()) else {
            return false;
        };
        let attempts_total = delivery.entry.attempts_total;
        delivery.entry = Entry { attempts_total, ..Entry::fresh(seq, now, Origin::Replay) };
        delivery.state = DeliveryState::Waiting;
        true
    }

    pub(super) fn discard(&mut self, endpoint: EndpointNo, seq: Seq, now: Timestamp) -> bool {
        let Some(delivery) = self.deliveries.get_mut(&(seq, endpoint)).filter(|delivery| delivery.is_dead()) else {
            return false;
        };
        delivery.state = DeliveryState::Cancelled(now);
        self.totals.entry(endpoint).or_default().cancelled += 1;
        true
    }

    /// Deliveries of live events that wait for `endpoint`.
    fn waiting_live(&mut self, endpoint: EndpointNo, upto: Seq) -> impl Iterator<Item = (Seq, &mut Delivery)> {
        let of_endpoint = self.deliveries.iter_mut().filter(move |((seq, to), _)| *to == endpoint && *seq <= upto);
        of_endpoint.map(|((seq, _), delivery)| (*seq, delivery)).filter(|(_, delivery)| {
            delivery.is_waiting() && matches!(delivery.entry.origin, Origin::Live | Origin::Test)
        })
    }

    pub(super) fn outline(&mut self, endpoint: EndpointNo, n: usize) -> Outline {
        let upto = self.cursor;
        let seqs: Vec<Seq> = self.waiting_live(endpoint, upto).map(|(seq, _)| seq).collect();
        let is_sample = |at: usize| at < n || at + n >= seqs.len();
        let samples = seqs.iter().enumerate().filter(|(at, _)| is_sample(*at)).map(|(_, seq)| seq);
        let samples = samples.filter_map(|seq| self.events.get(seq).cloned()).collect();
        let (first, last) = (seqs.first().copied(), seqs.last().copied());
        Outline { count: seqs.len() as u64, upto, first, last, samples }
    }

    pub(super) fn digest(&mut self, endpoint: EndpointNo, upto: Seq, attempt: &Attempt) -> u64 {
        let mut n = 0;
        for (_, delivery) in self.waiting_live(endpoint, upto) {
            delivery.entry.attempts_total += 1;
            let number = delivery.entry.attempts_total;
            delivery.attempts.insert(number, Attempt { number, ..attempt.clone() });
            delivery.state = DeliveryState::Delivered;
            n += 1;
        }
        let totals = self.totals.entry(endpoint).or_default();
        totals.delivered += n;
        totals.digested += n;
        n
    }

    pub(super) fn purge(&mut self, endpoint: EndpointNo, now: Timestamp) -> u64 {
        let of_endpoint = self.deliveries.iter_mut().filter(|((_, to), _)| *to == endpoint);
        let mut n = 0;
        for (_, delivery) in of_endpoint.filter(|(_, delivery)| delivery.is_waiting() || delivery.is_dead()) {
            delivery.state = DeliveryState::Cancelled(now);
            n += 1;
        }
        if n > 0 {
            self.totals.entry(endpoint).or_default().cancelled += n;
        }
        n
    }

    fn lowest(&self, is_wanted: impl Fn(&Delivery) -> bool) -> Option<Seq> {
        self.deliveries.iter().find(|(_, delivery)| is_wanted(delivery)).map(|((seq, _), _)| *seq)
    }

    pub(super) fn trim(&mut self, events: Timestamp, deliveries: Timestamp) {
        let waiting = self.lowest(Delivery::is_waiting).unwrap_or(Seq::MAX);
        let old = self.deliveries.iter().rfind(|(_, delivery)| delivery.received_at < deliveries);
        let old_shadow = self.shadows.iter().rfind(|(_, received_at)| **received_at < deliveries);
        let old = old.map(|((seq, _), _)| *seq).max(old_shadow.map(|((seq, _), _)| *seq));
        let by_time = old.map_or(Seq(0), Seq::next);
        self.deliveries_from = self.deliveries_from.max(by_time.min(waiting));
        self.shadows = self.shadows.split_off(&(self.deliveries_from, EndpointNo(0)));
        let kept = self.deliveries.split_off(&(self.deliveries_from, EndpointNo(0)));
        for ((_, endpoint), delivery) in std::mem::replace(&mut self.deliveries, kept) {
            if delivery.is_dead() {
                self.totals.entry(endpoint).or_default().expired += 1;
            }
        }
        let dead = self.lowest(Delivery::is_dead).unwrap_or(Seq::MAX);
        let old = self.events.iter().rfind(|(_, event)| event.head.received_at < events);
        let by_time = old.map_or(Seq(0), |(seq, _)| seq.next());
        self.first = self.first.max(by_time.min(self.cursor.next()).min(waiting).min(dead));
        self.events = self.events.split_off(&self.first);
        let first = self.first;
        self.ids.retain(|_, seq| *seq >= first);
        // Of what decided before the first kept event only the newest may still decide about it.
        let before = self.versions.iter().filter(|((_, after), _)| *after < first);
        let newest: BTreeMap<_, _> =
            before.map(|((endpoint, after), version)| (*endpoint, (*after, *version))).collect();
        self.versions.retain(|(endpoint, after), version| {
            *after >= first || newest.get(endpoint) == Some(&(*after, *version)) && *version != 0
        });
    }

    pub(super) fn counters(&self) -> BTreeMap<EndpointNo, Counters> {
        let mut counters: BTreeMap<_, _> = self
            .totals
            .iter()
            .map(|(endpoint, totals)| {
                let Totals { matched, delivered, digested, expired, cancelled, shadowed } = *totals;
                let rest = Counters::default();
                (*endpoint, Counters { matched, delivered, digested, expired, cancelled, shadowed, ..rest })
            })
            .collect();
        for ((_, endpoint), delivery) in &self.deliveries {
            let counters = counters.entry(*endpoint).or_default();
            counters.waiting += u64::from(delivery.is_waiting());
            counters.retrying += u64::from(delivery.is_waiting() && delivery.entry.next_at.is_some());
            counters.dead += u64::from(delivery.is_dead());
        }
        counters
    }

    fn revision_of(&self, key: &str) -> Option<Revision> {
        self.catalog.get(key).map(|record| record.revision)
    }

    pub(super) fn expect(&mut self, key: &str, expected: Option<Revision>) -> Result<Revision, Error> {
        let current = self.revision_of(key);
        if current != expected {
            return Err(Error::Conflict { current });
        }
        self.revision += 1;
        Ok(Revision(self.revision))
    }
}
