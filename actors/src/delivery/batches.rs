//! Batches: the events of a batch are brought together once it has its place, and what fits goes out in one webhook.

use std::sync::Arc;

use actix::prelude::*;
use futures_util::future::{Either, ready};
use loghorn_domain::{
    Class, DeliveryId, Event, Level, Seq, Timestamp,
    delivery::{Batched, Entry, Phases},
    envelope::{batch_id, fitting},
    format::Format,
    machine::Input,
};
use loghorn_storage::Error as StoreError;

use super::{
    DeliveryActor,
    attempts::{Finished, own},
};
use crate::{
    places::Place,
    sender::{Report, Webhook},
};

/// The events of a batch.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Gathered {
    first: Entry,
    place: Place,
    results: Vec<Result<Option<Arc<Event>>, StoreError>>,
}

impl DeliveryActor {
    /// Whether the attempt that begins with `seq` is a batch. One that was gathered before the subscription changed
    /// still is.
    pub(super) fn is_batch(&self, seq: Seq) -> bool {
        let is_batching = || self.subscription.spec.batch.is_some_and(|batch| batch.batching().is_some());
        self.machine.batch(seq).nth(1).is_some() || is_batching()
    }

    /// Gathers the batch where a place is free, otherwise when its turn has come.
    pub(super) fn attempt_batch(&mut self, first: Entry, context: &mut Context<Self>) {
        let known = self.machine.batch(first.seq).filter_map(|entry| self.payloads.get(&entry.seq));
        let level = known.map(|event| event.head.level).max().unwrap_or(Level::Info);
        if let Some(place) = self.enter_or_wait(first, level, context) {
            self.gather(first, place, context);
        }
    }

    pub(super) fn gather(&self, first: Entry, place: Place, context: &mut Context<Self>) {
        let event = |entry: Entry| match self.payloads.get(&entry.seq) {
            Some(event) => Either::Left(ready(Ok(Some(event.clone())))),
            None => Either::Right(self.shared.store.log.get(entry.seq)),
        };
        let events = futures_util::future::join_all(self.machine.batch(first.seq).map(event));
        let this = context.address();
        actix_rt::spawn(async move {
            let results = events.await;
            this.do_send(Gathered { first, place, results });
        });
    }

    fn send_batch(&mut self, first: Entry, events: &[Arc<Event>], place: Place, context: &mut Context<Self>) {
        let Some(oldest) = events.first() else { return };
        let id = DeliveryId { received_at: oldest.head.received_at, endpoint: self.endpoint, seq: first.seq };
        let id = batch_id(id, events);
        let events_n = u32::try_from(events.len()).unwrap_or(u32::MAX);
        let batched = Batched { id: id.clone(), events: events_n };
        let payload = self.make(|formatter| formatter.many(events));
        let webhook = Webhook { id, origin: first.origin, traceparent: None, own: own(events) };
        self.post(first, (webhook, payload), Some(batched), place, context);
    }
}

impl Handler<Gathered> for DeliveryActor {
    type Result = ();

    /// Meanwhile the endpoint may have been paused, or its circuit may have opened. What is missing, and what is too
    /// much, goes by itself next.
    fn handle(&mut self, Gathered { first, place, mut results }: Gathered, context: &mut Self::Context) {
        let seq = first.seq;
        if !self.machine.may_attempt(seq) {
            return context.notify(Finished { seq, report: None });
        }
        let n_wanted = results.len();
        let events: Vec<Arc<Event>> =
            results.iter().map_while(|result| result.as_ref().ok().cloned().flatten()).collect();
        let bytes_max = self.subscription.spec.batch.map_or(0, |batch| batch.max_bytes as usize);
        // What was gathered before the format changed.
        let takes_many = self.subscription.spec.format.takes_many();
        let mut n = if takes_many { fitting(&events, bytes_max).max(1) } else { 1 };
        // That counts what is around each event in the envelope; other forms are longer or shorter.
        if let Ok(target) = &self.target
            && target.formatter.format() != Format::Standard
        {
            let formatter = &target.formatter;
            let is_too_long = |n: usize| formatter.many(&events[..n]).is_ok_and(|made| made.body.len() > bytes_max);
            while n > 1 && is_too_long(n) {
                n = n.div_ceil(2);
            }
        }
        if n < n_wanted {
            self.tell(Input::Parted { first: seq, n }, None, context);
        }
        match events.is_empty() {
            false => self.send_batch(first, &events[..n], place, context),
            true => {
                let report = self.unsent(seq, results.swap_remove(0));
                context.notify(Finished { seq, report });
            }
        }
    }
}

impl Report {
    /// Nothing was sent, and why.
    pub(crate) fn unsent(class: Class, error: String, now: Timestamp) -> Self {
        Self {
            outcome: loghorn_domain::Outcome::failed(class),
            started_at: now,
            took: std::time::Duration::ZERO,
            error: Some(error),
            own: Vec::new(),
            signature: String::new(),
            headers: Vec::new(),
            body: String::new(),
            batch: None,
            phases: Phases::default(),
        }
    }

    /// The same for another delivery of the batch, without the answer: that is kept once.
    pub(super) fn of_another(&self) -> Self {
        Self {
            outcome: self.outcome,
            started_at: self.started_at,
            took: self.took,
            error: self.error.clone(),
            own: self.own.clone(),
            signature: self.signature.clone(),
            headers: Vec::new(),
            body: String::new(),
            batch: self.batch.clone(),
            phases: self.phases,
        }
    }
}
