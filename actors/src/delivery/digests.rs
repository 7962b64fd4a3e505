//! Digests: one webhook for all that waits, and all of it settled once that arrived.

use actix::prelude::*;
use loghorn_domain::{
    Class, DeliveryId, Outcome, Verdict,
    delivery::{Batched, Entry},
    envelope::Digest,
    machine::Input,
};
use loghorn_storage::{Error as StoreError, Outline};

use super::{
    DeliveryActor,
    attempts::{Answer, own},
};
use crate::{
    places::Place,
    sender::{Report, Webhook},
};

/// Events shown from either end.
const SAMPLES: usize = 5;

impl DeliveryActor {
    pub(super) fn attempt_digest(&mut self, first: Entry, context: &mut Context<Self>) {
        let level = self.payloads.get(&first.seq).map(|event| event.head.level).unwrap_or_default();
        if let Some(place) = self.enter_or_wait(first, level, context) {
            self.digest(first, place, context);
        }
    }

    /// Where something keeps it from being sent or settled, the attempt was not made.
    pub(super) fn digest(&mut self, first: Entry, place: Place, context: &mut Context<Self>) {
        self.settler.flush();
        if self.machine.is_limited() {
            self.tell(Input::Sent(first.seq), None, context);
        }
        self.live.began(std::iter::once(first));
        let mut answer = Answer { to: context.address(), seq: first.seq, report: None };
        let (shared, endpoint, subscription) = (self.shared.clone(), self.endpoint, self.subscription.clone());
        let target = match &self.target {
            Ok(target) => target.clone(),
            Err(why) => {
                answer.report = Some(Report::unsent(Class::Blocked, why.clone(), shared.clock.now()));
                return;
            }
        };
        let (sender, settler, place) = (self.sender.clone(), self.settler.clone(), place.used());
        let sending = actix_rt::spawn(async move {
            // As in `post`: the place comes back before the answer goes out.
            let mut answer = answer;
            let _place = place;
            let queue = &shared.store.queue;
            let Outline { count, upto, first: oldest, last, samples } = match queue.outline(endpoint, SAMPLES).await {
                Ok(outline) => outline,
                Err(error) => return tracing::warn!(%endpoint, %error, "what waits could not be counted for a digest"),
            };
            let (Some(oldest), Some(last)) = (oldest, last) else { return };
            let (now, public_url) = (shared.clock.now(), shared.options.public_url.as_str());
            let digest =
                Digest { subscription: &subscription, count, first: oldest, last, samples: &samples, now, public_url };
            let received_at = samples.first().map_or(first.queued_at, |event| event.head.received_at);
            let id = digest.id(DeliveryId { received_at, endpoint, seq: oldest });
            let webhook = Webhook { id: id.clone(), origin: first.origin, traceparent: None, own: own(&samples) };
            let report = match target.formatter.digest(&digest) {
                Ok(payload) => sender.attempt(&target, &webhook, &payload).await,
                Err(why) => Report::unsent(Class::Template, why, now),
            };
            let batch = Some(Batched { id, events: count.try_into().unwrap_or(u32::MAX) });
            let mut report = Report { batch, own: webhook.own, ..report };
            if report.outcome.class == Class::Ok {
                // Its number is drawn for each delivery.
                let attempt = report.of_another().into_attempt(0, Verdict::Delivered);
                match queue.digest(shared.fence, endpoint, upto, attempt).await {
                    Ok(told) => tracing::info!(subscription = %subscription.id, told, "a digest told of what waited"),
                    // Each goes by itself.
                    Err(error @ (StoreError::Damaged(_) | StoreError::Read(_))) => {
                        tracing::error!(%endpoint, %error, "what a digest told of could not be settled");
                        report.outcome = Outcome::failed(Class::Template);
                        report.error = Some(format!("it arrived, but what it told of could not be settled: {error}"));
                    }
                    Err(error) => return settler.halt(&error),
                }
            }
            answer.report = Some(report);
        });
        self.sending.insert(first.seq, sending);
    }
}
