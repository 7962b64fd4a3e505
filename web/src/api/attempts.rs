//! Attempts, as they are shown: what was sent, what came back, how long it took.

use std::{collections::BTreeMap, sync::Arc};

use actix_web::web::Bytes;
use loghorn_domain::{
    Origin, Subscription, Timestamp,
    credentials::MASK,
    delivery::{self, Attempt, Batched, ORIGIN_HEADER},
    format::Formatter,
    signing::Signer,
    subscription::{OnRecovery, Spec},
};
use loghorn_storage::DeliveryRecord;
use serde::{Deserialize, Serialize};

use crate::{State, error::Error};

/// One attempt.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ShownAttempt {
    /// 1 for the first.
    pub number: u16,
    /// When it began.
    pub started_at: String,
    /// How long it took.
    pub duration_ms: f64,
    /// The parts of that, where known.
    #[serde(default)]
    pub phases: Phases,
    /// The status code, if an answer came.
    pub status_code: Option<u16>,
    /// What it came to.
    pub class: String,
    /// What went wrong, in words.
    pub error: Option<String>,
    /// The batch that it was sent with; null where it went alone. The answer is kept with the oldest of a batch.
    #[serde(default)]
    pub batch: Option<ShownBatch>,
    /// What was sent.
    pub request: ShownRequest,
    /// What came back.
    pub response: ShownResponse,
}

/// The batch that a delivery was sent with.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ShownBatch {
    /// The `webhook-id` of the batch.
    pub id: String,
    /// Events in it.
    pub events: u32,
}

/// How long each part of an attempt took, in milliseconds; null where it is not known, as on a connection that was
/// there already.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Phases {
    /// To resolve the name.
    pub dns_ms: Option<f64>,
    /// To connect.
    pub connect_ms: Option<f64>,
    /// For the TLS handshake.
    pub tls_ms: Option<f64>,
    /// From the request to the first byte of the answer.
    pub first_byte_ms: Option<f64>,
}

/// The headers of a webhook; what looks like a credential is masked.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ShownRequest {
    /// By name.
    pub headers: BTreeMap<String, String>,
}

/// An answer: its headers and the first 16 KiB of its body.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ShownResponse {
    /// By name; those that came more than once are joined by commas.
    pub headers: BTreeMap<String, String>,
    /// Read as UTF-8.
    pub body: String,
}

/// The headers that are the same in each attempt. They are not kept: they follow from the event and its subscription,
/// as that is now.
#[derive(Default)]
pub(super) struct Headers {
    constant: BTreeMap<String, String>,
    /// Those that follow from the event, where it went alone.
    of_event: BTreeMap<String, String>,
    /// What the plain signature of such an event is made of.
    signed: Option<Signed>,
}

/// The header of the plain signature, what it signs, and whose secrets sign.
struct Signed {
    header: String,
    body: Bytes,
    subscription: Arc<Subscription>,
}

impl Signed {
    /// The header as it was at `at`; `None` where the secret of that time is no longer known.
    fn at(&self, at: Timestamp) -> Option<(String, String)> {
        let secret = self.subscription.secret_at(at)?;
        Some((self.header.clone(), Signer::new(secret, &[]).plain(&self.body)))
    }
}

impl Headers {
    pub(super) async fn of(state: &State, record: &DeliveryRecord, id: &str) -> Result<Self, Error> {
        let mut this = Self { of_event: [("webhook-id".to_owned(), id.to_owned())].into(), ..Self::default() };
        let Some(subscription) = state.system.subscriptions().by_endpoint(record.endpoint) else {
            return Ok(this);
        };
        let Self { constant, of_event, signed } = &mut this;
        // It was saved with a format that can be made.
        let formatter = Formatter::new(&subscription).ok();
        let content_type = |is_batch| {
            let known = formatter.as_ref().map(|formatter| formatter.content_type(is_batch));
            ("content-type".to_owned(), known.unwrap_or("application/json").to_owned())
        };
        // A digest is a batch too, and looks like one event.
        let is_known = subscription.spec.on_recovery != OnRecovery::Digest || content_type(true) == content_type(false);
        constant.extend(is_known.then(|| content_type(true)));
        of_event.extend([content_type(false)]);
        let own = constant_headers(state, &subscription.spec, formatter.as_ref());
        own.keys().for_each(|name| drop(of_event.remove(name)));
        constant.extend(own);
        if record.origin != Origin::Live {
            constant.insert(ORIGIN_HEADER.into(), record.origin.name().into());
        }
        if let Some(event) = state.system.store().log.get(record.seq).await? {
            of_event.extend(event.traceparent().map(|traceparent| ("traceparent".to_owned(), traceparent)));
            let payload = formatter.and_then(|formatter| formatter.one(&event).ok());
            let header = subscription.spec.signature_header.as_ref();
            *signed = payload.zip(header).map(|(payload, header)| Signed {
                header: header.to_ascii_lowercase(),
                body: payload.body,
                subscription: subscription.clone(),
            });
        }
        Ok(this)
    }
}

/// The headers that a subscription's every webhook has, but for its `Content-Type` where it has none of its own; masked.
pub(super) fn constant_headers(state: &State, spec: &Spec, formatter: Option<&Formatter>) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::from([("user-agent".to_owned(), format!("Loghorn/{}", state.options.version))]);
    headers.extend(formatter.and_then(Formatter::authorization).map(|(name, _)| (name.to_owned(), MASK.to_owned())));
    headers.extend(spec.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), masked(name, value))));
    headers.extend(spec.auth.as_ref().map(|auth| (auth.header_name(), MASK.to_owned())));
    headers
}

impl ShownAttempt {
    pub(super) fn new(attempt: Attempt, known: &Headers) -> Self {
        let mut headers = known.constant.clone();
        let started_at = Timestamp::from_millis(attempt.started_at_ms);
        match &attempt.batch {
            None => {
                headers.extend(known.of_event.clone());
                headers.extend(known.signed.as_ref().and_then(|signed| signed.at(started_at)));
            }
            Some(batch) => drop(headers.insert("webhook-id".into(), batch.id.clone())),
        }
        headers.insert("webhook-timestamp".into(), started_at.seconds().to_string());
        headers.insert("webhook-signature".into(), attempt.signature);
        Self {
            number: attempt.number,
            started_at: started_at.to_string(),
            duration_ms: attempt.duration_us as f64 / 1000.0,
            phases: shown_phases(attempt.phases),
            status_code: attempt.status_code,
            class: attempt.class.name().into(),
            error: attempt.error,
            batch: attempt.batch.map(|Batched { id, events }| ShownBatch { id, events }),
            request: ShownRequest { headers },
            response: ShownResponse { headers: joined(attempt.response_headers), body: attempt.response_body },
        }
    }
}

pub(super) fn shown_phases(phases: delivery::Phases) -> Phases {
    let ms = |us: Option<u64>| us.map(|us| us as f64 / 1000.0);
    Phases {
        dns_ms: ms(phases.dns_us),
        connect_ms: ms(phases.connect_us),
        tls_ms: ms(phases.tls_us),
        first_byte_ms: ms(phases.first_byte_us),
    }
}

/// By name; a header that came more than once means the same as its values joined (RFC 9110, 5.3).
pub(super) fn joined(headers: Vec<(String, String)>) -> BTreeMap<String, String> {
    let mut joined = BTreeMap::<String, String>::new();
    for (name, value) in headers {
        // What a receiver draws at random, such as the id of a request, is for finding it there.
        let value = if is_secret(&name, &value) { MASK.into() } else { value };
        let known = joined.entry(name.to_ascii_lowercase()).or_default();
        if !known.is_empty() {
            known.push_str(", ");
        }
        known.push_str(&value);
    }
    joined
}

/// The value, unless its name or its look says that it is a credential.
pub(crate) fn masked(name: &str, value: &str) -> String {
    if is_secret(name, value) || looks_drawn(value) { MASK.into() } else { value.to_owned() }
}

fn is_secret(name: &str, value: &str) -> bool {
    const NAMES: [&str; 8] = ["auth", "token", "key", "secret", "password", "cookie", "credential", "session"];
    const BEGINNINGS: [&str; 3] = ["bearer ", "basic ", "token "];
    let (name, lower) = (name.to_ascii_lowercase(), value.to_ascii_lowercase());
    let is_named = NAMES.iter().any(|word| name.contains(word));
    is_named || BEGINNINGS.iter().any(|word| lower.starts_with(word))
}

/// Whether a text could be drawn at random, as keys are: one long word of letters and digits, such as `ghp_R2d2…`. Ids
/// of the same look are masked with them.
fn looks_drawn(value: &str) -> bool {
    const WORD_BYTES_MIN: usize = 20;
    let is_word = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_=+/.~".contains(&b));
    let has = |is: fn(&u8) -> bool| value.as_bytes().iter().any(is);
    value.len() >= WORD_BYTES_MIN && is_word && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_masked_by_name_or_look() {
        let is_shown = |name, value| masked(name, value) == value;
        for (name, value) in [("Authorization", "x"), ("X-Api-Key", "x"), ("X-Auth", "x"), ("X-A", "Bearer x")] {
            assert!(!is_shown(name, value), "{name}: {value}");
        }
        assert!(!is_shown("X-Hook", "ghp_R2d2C3poR2d2C3poR2d2"));
        for value in ["payments", "a longer text with 20 or more", "2026-11-24", "text/html; charset=utf-8"] {
            assert!(is_shown("X-Team", value), "{value}");
        }
    }
}
