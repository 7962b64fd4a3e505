//! One attempt, from its entry to its record: its event, its turn, the webhook, and what came of it.

use std::{rc::Rc, sync::Arc};

use actix::prelude::*;
use loghorn_domain::{
    Class, DeliveryId, Event, Level, Outcome, Seq, Verdict,
    delivery::{Batched, Entry},
    format::{Formatter, Payload},
    machine::Input,
};
use loghorn_storage::{Error as StoreError, Settlement};

use super::DeliveryActor;
use crate::{
    notices::DeadLetter,
    places::{Granted, Place, Waiter},
    sender::{Report, Target, Webhook},
};

/// The event of an attempt whose payload was not at hand.
#[derive(Message)]
#[rtype(result = "()")]
struct Loaded {
    entry: Entry,
    /// Where its turn has come already.
    place: Option<Place>,
    result: Result<Option<Arc<Event>>, StoreError>,
}

/// What is sent, and where.
pub(super) type Made = (Payload, Rc<Target>);
/// Why there is nothing to send.
pub(super) type Unmade = (Class, String);

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Finished {
    pub(super) seq: Seq,
    /// `None`: nothing was sent.
    pub(super) report: Option<Report>,
}

impl DeliveryActor {
    pub(super) fn attempt(&mut self, entry: Entry, context: &mut Context<Self>) {
        match self.payloads.get(&entry.seq).cloned() {
            Some(event) => self.take_turn(entry, event, context),
            None => self.load(entry, None, context),
        }
    }

    pub(super) fn load(&self, entry: Entry, place: Option<Place>, context: &mut Context<Self>) {
        let (pending, this) = (self.shared.store.log.get(entry.seq), context.address());
        actix_rt::spawn(async move { this.do_send(Loaded { entry, place, result: pending.await }) });
    }

    /// Sends at once where a place is free, otherwise when its turn has come; a large payload is read again then.
    pub(super) fn take_turn(&mut self, entry: Entry, event: Arc<Event>, context: &mut Context<Self>) {
        match self.enter_or_wait(entry, event.head.level, context) {
            Some(place) => self.send(entry, event, place, context),
            None => self.keep(&event),
        }
    }

    /// A place for the attempt that begins with `first`, now; else [`Granted`] tells when its turn has come.
    pub(super) fn enter_or_wait(&self, first: Entry, level: Level, context: &Context<Self>) -> Option<Place> {
        let place = self.places.enter(self.endpoint);
        if place.is_none() {
            let priority = self.subscription.spec.priority(level, first.origin);
            self.places.wait(self.endpoint, priority, Waiter { to: context.address(), entry: first });
        }
        place
    }

    pub(super) fn send(&mut self, entry: Entry, event: Arc<Event>, place: Place, context: &mut Context<Self>) {
        let id =
            DeliveryId { received_at: event.head.received_at, endpoint: self.endpoint, seq: entry.seq }.to_string();
        let traceparent = event.traceparent();
        let own = own(std::slice::from_ref(&event));
        let made = self.make(|formatter| formatter.one(&event));
        self.post(entry, (Webhook { id, origin: entry.origin, traceparent, own }, made), None, place, context);
    }

    /// What is to be sent; what the attempt comes to and why where there is nothing.
    pub(super) fn make(&self, make: impl FnOnce(&Formatter) -> Result<Payload, String>) -> Result<Made, Unmade> {
        let target = self.target.as_ref().map_err(|why| (Class::Blocked, why.clone()))?;
        let payload = make(&target.formatter).map_err(|why| (Class::Template, why))?;
        Ok((payload, target.clone()))
    }

    /// Sends what was made of this entry, or of the batch that begins with it.
    pub(super) fn post(
        &mut self,
        entry: Entry,
        (webhook, made): (Webhook, Result<Made, Unmade>),
        batched: Option<Batched>,
        place: Place,
        context: &mut Context<Self>,
    ) {
        let seq = entry.seq;
        if self.machine.is_limited() {
            self.tell(Input::Sent(seq), None, context);
        }
        self.live.began(self.machine.batch(seq));
        let mut answer = Answer { to: context.address(), seq, report: None };
        let (payload, target) = match made {
            Ok(made) => made,
            Err((class, why)) => {
                let report = Report::unsent(class, why, self.shared.clock.now());
                answer.report = Some(Report { batch: batched, own: webhook.own, ..report });
                return;
            }
        };
        let sender = self.sender.clone();
        let traces = webhook.traceparent.as_ref().and_then(|_| self.shared.options.traces.clone());
        let traces = traces.map(|traces| (traces, self.subscription.clone(), entry.attempts_total));
        let place = place.used();
        let sending = actix_rt::spawn(async move {
            // Whatever happens in here, the answer goes out when it is dropped, and before it the place comes back.
            let mut answer = answer;
            let _place = place;
            let report = sender.attempt(&target, &webhook, &payload).await;
            if let Some((traces, subscription, resends)) = traces {
                traces.attempted(target.traced(&webhook, &report, &subscription.spec.name, resends));
            }
            answer.report = Some(Report { batch: batched, own: webhook.own, ..report });
        });
        self.sending.insert(seq, sending);
    }

    /// How an attempt ended whose event could not be had; `None`: it is tried again, for the store may recover.
    pub(super) fn unsent(&self, seq: Seq, result: Result<Option<Arc<Event>>, StoreError>) -> Option<Report> {
        let why = match result {
            Ok(_) => "the event is no longer kept".to_owned(),
            Err(StoreError::Damaged(what)) => format!("the event is damaged: {what}"),
            Err(error) => {
                tracing::warn!(%seq, %error, "an event could not be read for its delivery");
                return None;
            }
        };
        Some(Report::unsent(Class::Template, why, self.shared.clock.now()))
    }

    pub(super) fn settle(&self, entry: Entry, verdict: Verdict, report: Report) {
        let Outcome { class, status_code, .. } = report.outcome;
        self.shared.series.attempted(self.endpoint, (class, status_code), &verdict, report.took);
        if let Verdict::Dead(reason) = verdict
            && !report.own.contains(&entry.seq)
        {
            let letter = DeadLetter { seq: entry.seq, reason, class, status_code };
            self.shared.notices.dead_lettered(self.endpoint, letter);
        }
        let attempt = report.into_attempt(entry.attempts_total.saturating_add(1), verdict);
        let entry = self.shared.on_record(entry);
        self.settler.push(Settlement { endpoint: self.endpoint, entry, attempt });
    }
}

/// Those of `events` that are Loghorn's own.
pub(super) fn own(events: &[Arc<Event>]) -> Vec<Seq> {
    events.iter().filter(|event| event.head.event_type.is_own()).map(|event| event.seq).collect()
}

/// Tells the actor how an attempt ended, also if the attempt's task panicked: then that it was not made.
pub(super) struct Answer {
    pub(super) to: Addr<DeliveryActor>,
    pub(super) seq: Seq,
    pub(super) report: Option<Report>,
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.to.do_send(Finished { seq: self.seq, report: self.report.take() });
    }
}

impl Handler<Loaded> for DeliveryActor {
    type Result = ();

    /// Meanwhile the endpoint may have been paused, or its circuit may have opened.
    fn handle(&mut self, Loaded { entry, place, result }: Loaded, context: &mut Self::Context) {
        let seq = entry.seq;
        match (result, place) {
            (Ok(Some(_)), _) if !self.machine.may_attempt(seq) => context.notify(Finished { seq, report: None }),
            (Ok(Some(event)), Some(place)) => self.send(entry, event, place, context),
            (Ok(Some(event)), None) => self.take_turn(entry, event, context),
            (result, _) => context.notify(Finished { seq, report: self.unsent(seq, result) }),
        }
    }
}

impl Handler<Granted> for DeliveryActor {
    type Result = ();

    /// As above.
    fn handle(&mut self, Granted { entry, place }: Granted, context: &mut Self::Context) {
        let seq = entry.seq;
        if !self.machine.may_attempt(seq) {
            return context.notify(Finished { seq, report: None });
        }
        match self.payloads.get(&seq).cloned() {
            _ if self.machine.is_digest(seq) => self.digest(entry, place, context),
            _ if self.is_batch(seq) => self.gather(entry, place, context),
            Some(event) => self.send(entry, event, place, context),
            None => self.load(entry, Some(place), context),
        }
    }
}

impl Handler<Finished> for DeliveryActor {
    type Result = ();

    fn handle(&mut self, Finished { seq, report }: Finished, context: &mut Self::Context) {
        self.sending.remove(&seq);
        for entry in self.machine.batch(seq) {
            self.payloads.remove(&entry.seq);
        }
        let is_batch = report.as_ref().is_some_and(|report| report.batch.is_some()) || self.is_batch(seq);
        let input = match &report {
            Some(report) => {
                self.shared.metrics.attempted(report.outcome.class, report.took);
                Input::Finished { seq, outcome: report.outcome, took: report.took }
            }
            None => Input::Returned(seq),
        };
        self.tell(input, report, context);
        self.live.ended(seq, is_batch);
        self.tell_drained();
        if self.settler.has_failed() && !self.is_halted {
            self.is_halted = true;
            self.reconfigure(context);
        }
    }
}
