//! Bodies of webhooks that carry several events. Those of one event are [`Event::standard_body`].

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{DeliveryId, Event, Seq, Subscription, Timestamp};

/// What the envelope of a batch takes beside its events, in bytes, at most.
const ENVELOPE_BYTES: usize = 80;

/// How many of `events` (at least one, if there is one) fit into a batch of `bytes_max` bytes.
pub fn fitting(events: &[Arc<Event>], bytes_max: usize) -> usize {
    let mut bytes = ENVELOPE_BYTES;
    let fits = |event: &&Arc<Event>| {
        bytes += event.json_bytes() + 1;
        bytes <= bytes_max
    };
    events.iter().take_while(fits).count().max(usize::from(!events.is_empty()))
}

/// `{"type":"batch","timestamp":<the newest event's>,"data":[{event},…]}`.
pub fn batch_body(events: &[Arc<Event>]) -> Bytes {
    let bytes: usize = events.iter().map(|event| event.json_bytes() + 1).sum();
    let mut body = String::with_capacity(ENVELOPE_BYTES + bytes);
    body.push_str("{\"type\":\"batch\",\"timestamp\":\"");
    let newest = events.iter().map(|event| event.head.timestamp).max().unwrap_or_default();
    newest.write_to(&mut body);
    body.push_str("\",\"data\":[");
    for (n, event) in events.iter().enumerate() {
        if n > 0 {
            body.push(',');
        }
        event.write_json(&mut body);
    }
    body.push_str("]}");
    body.into()
}

/// The `webhook-id` of a batch: its oldest delivery's id, and a hash of which events are in it. So another batch that
/// happens to begin with the same event is not taken for a repeat.
pub fn batch_id(first: DeliveryId, events: &[Arc<Event>]) -> String {
    if events.len() <= 1 {
        return first.to_string();
    }
    let seqs: Vec<u8> = events.iter().flat_map(|event| event.seq.0.to_be_bytes()).collect();
    with_hash(first, &seqs)
}

fn with_hash(first: DeliveryId, content: &[u8]) -> String {
    let mut hash = [0; 8];
    hash.copy_from_slice(&Sha256::digest(content)[..8]);
    format!("{first}-{:016x}", u64::from_be_bytes(hash))
}

/// What a digest tells.
#[derive(Debug)]
pub struct Digest<'a> {
    /// Of which subscription.
    pub subscription: &'a Subscription,
    /// How many deliveries waited.
    pub count: u64,
    /// The oldest of their events.
    pub first: Seq,
    /// The newest.
    pub last: Seq,
    /// Some of their events, the oldest and the newest among them where they can be had.
    pub samples: &'a [Arc<Event>],
    /// When it is sent.
    pub now: Timestamp,
    /// What its links begin with; may be empty.
    pub public_url: &'a str,
}

/// Most bytes of samples in a digest.
const SAMPLES_BYTES: usize = 128 * 1024;

impl Digest<'_> {
    /// Its `webhook-id`: the oldest delivery's id, and a hash of what it tells of.
    pub fn id(&self, first: DeliveryId) -> String {
        let parts = [self.first.0, self.last.0, self.count].map(u64::to_be_bytes);
        with_hash(first, parts.as_flattened())
    }

    /// `{"type":"loghorn.digest","timestamp":…,"data":{…}}`, see docs/delivery.md.
    pub fn body(&self) -> Bytes {
        let sample = |seq: Seq| self.samples.iter().find(|event| event.seq == seq);
        let brief = |seq: Seq| match sample(seq) {
            Some(event) => json!({
                "seq": seq,
                "id": event.id,
                "event_type": event.head.event_type,
                "level": event.head.level,
                "received_at": event.head.received_at,
            }),
            None => json!({"seq": seq}),
        };
        let id = &self.subscription.id;
        let n = fitting(self.samples, SAMPLES_BYTES);
        let samples: Vec<&Value> = self.samples[..n].iter().map(|event| event.value()).collect();
        let mut data = json!({
            "subscription_id": id,
            "subscription": self.subscription.spec.name,
            "count": self.count,
            "first": brief(self.first),
            "last": brief(self.last),
            "samples": samples,
            "deliveries_url": format!("{}/api/v1/deliveries?subscription={id}", self.public_url),
        });
        if let (Some(first), Some(last)) = (sample(self.first), sample(self.last)) {
            let (since, until) = (first.head.received_at, last.head.received_at.plus(Duration::from_millis(1)));
            data["events_url"] = format!("{}/api/v1/events?since={since}&until={until}", self.public_url).into();
        }
        json!({"type": "loghorn.digest", "timestamp": self.now, "data": data}).to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::{EndpointNo, Level, Seq, Timestamp, event::Draft, event::Limits};

    fn event(seq: u64, message: &str) -> Arc<Event> {
        let draft = Draft {
            id: None,
            event_type: "log.error".parse().unwrap(),
            level: Level::Error,
            source: "s".into(),
            message: message.into(),
            metadata: RawValue::from_string("{}".into()).unwrap(),
            timestamp: None,
        };
        let new = draft.seal(Timestamp::from_millis(seq as i64), Limits::default()).unwrap();
        Arc::new(Event::new(Seq(seq), format!("id-{seq}").parse().unwrap(), new.head, new.tail))
    }

    #[test]
    fn a_batch_holds_each_event_as_it_is_and_is_as_large_as_was_said() {
        let events = [event(1, "a \"b\""), event(2, "c"), event(30, "")];
        let body = batch_body(&events);
        let json: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(json["type"], "batch");
        assert_eq!(json["timestamp"], "1970-01-01T00:00:00.030Z");
        let data: Vec<&Value> = json["data"].as_array().unwrap().iter().collect();
        assert_eq!(data, events.iter().map(|event| event.value()).collect::<Vec<_>>());
        assert_eq!(fitting(&events, body.len() + ENVELOPE_BYTES), 3);
        let two = batch_body(&events[..2]).len();
        assert!(
            fitting(&events, two - 10) < 3
                && (1..=3).all(|n| {
                    let n = fitting(&events, two + n * 10);
                    batch_body(&events[..n]).len() <= two + 30
                })
        );
        assert_eq!((fitting(&events, 1), fitting(&[], 1)), (1, 0));
    }

    #[test]
    fn the_id_names_the_oldest_delivery_and_tells_batches_apart() {
        let first = DeliveryId { received_at: Timestamp::from_millis(5), endpoint: EndpointNo(7), seq: Seq(1) };
        let (two, three) = ([event(1, ""), event(2, "")], [event(1, ""), event(2, ""), event(3, "")]);
        let id = batch_id(first, &two);
        assert_eq!(id, batch_id(first, &two));
        assert_ne!(id, batch_id(first, &three));
        assert_eq!(id.parse(), Ok(first));
        assert!(!id.contains('.'));
        assert_eq!(batch_id(first, &two[..1]), first.to_string());
        assert!(format!("{id}0").parse::<DeliveryId>().is_err());
    }
}
