//! Deliveries: one event, one subscription, and every attempt.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use loghorn_domain::{
    Class, DeliveryId, EndpointNo, EventId, Seq, SubscriptionId, Timestamp,
    delivery::{Attempt, Status},
};
use loghorn_storage::{DeliveryQuery, DeliveryRecord};
use serde::{Deserialize, Serialize};

use super::Page;
use crate::{State, error::Error, lists::{self, Query}};

/// A delivery.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Delivery {
    /// Its id, also the `webhook-id`.
    pub id: String,
    /// The event.
    pub event_id: String,
    /// The event's place in the log.
    pub event_seq: u64,
    /// The subscription; null where it was deleted.
    pub subscription_id: Option<String>,
    /// Where it goes.
    pub url: Option<String>,
    /// `queued`, `attempting`, `retrying`, `delivered`, `dead_letter` or `cancelled`.
    pub status: String,
    /// Attempts made.
    pub attempts: u16,
    /// When it is tried again.
    pub next_attempt_at: Option<String>,
    /// When the event was received.
    pub created_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// The last attempt's status code.
    pub last_status_code: Option<u16>,
    /// The last attempt's class.
    pub last_class: Option<String>,
    /// Why it is a dead letter.
    pub reason: Option<String>,
    /// `live`, `backfill`, `replay` or `test`.
    pub origin: String,
}

/// A delivery with its attempts.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeliveryWithAttempts {
    /// The delivery.
    #[serde(flatten)]
    pub delivery: Delivery,
    /// Its attempts, in order.
    pub attempt_log: Vec<ShownAttempt>,
}

/// One attempt.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ShownAttempt {
    /// 1 for the first.
    pub number: u16,
    /// When it began.
    pub started_at: String,
    /// How long it took.
    pub duration_ms: f64,
    /// The status code, if an answer came.
    pub status_code: Option<u16>,
    /// What it came to.
    pub class: String,
    /// What went wrong, in words.
    pub error: Option<String>,
    /// What was sent.
    pub request: ShownRequest,
    /// What came back.
    pub response: ShownResponse,
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
    /// In order.
    pub headers: Vec<(String, String)>,
    /// Read as UTF-8.
    pub body: String,
}

fn shown(state: &State, record: &DeliveryRecord) -> Delivery {
    let DeliveryRecord { endpoint, seq, received_at, .. } = *record;
    let subscription = state.system.subscriptions().by_endpoint(endpoint);
    let waits = matches!(record.status, Status::Queued | Status::Retrying);
    let is_attempting = waits && state.system.directory().live(endpoint).is_attempting(seq);
    let status = if is_attempting { Status::Attempting } else { record.status };
    Delivery {
        id: DeliveryId { received_at, endpoint, seq }.to_string(),
        event_id: record.event_id.to_string(),
        event_seq: seq.0,
        subscription_id: subscription.as_ref().map(|found| found.id.to_string()),
        url: subscription.map(|found| found.spec.url.clone()),
        status: status.name().into(),
        attempts: record.attempts,
        next_attempt_at: record.next_at.filter(|_| status == Status::Retrying).map(|at| at.to_string()),
        created_at: received_at.to_string(),
        ended_at: record.ended_at.map(|at| at.to_string()),
        last_status_code: record.last_status_code,
        last_class: record.last_class.map(|class| class.name().into()),
        reason: record.reason.map(|reason| reason.name().into()),
        origin: record.origin.name().into(),
    }
}

/// One page; `only_attempting`: of those under way.
pub(crate) async fn page(state: &State, query: DeliveryQuery, only_attempting: bool) -> Result<Page<Delivery>, Error> {
    if only_attempting {
        return attempting(state, query).await;
    }
    let page = state.system.store().reads.deliveries(query).await?;
    let items = page.items.iter().map(|record| shown(state, record)).collect();
    Ok(Page { items, next_cursor: page.next.map(lists::delivery_cursor) })
}

/// What is under way is known in memory, and bounded by the endpoints' windows.
async fn attempting(state: &State, query: DeliveryQuery) -> Result<Page<Delivery>, Error> {
    let mut keys: Vec<(Seq, EndpointNo)> = Vec::new();
    for subscription in state.system.subscriptions().list() {
        let seqs = state.system.directory().live(subscription.endpoint).attempting_seqs();
        keys.extend(seqs.into_iter().map(|seq| (seq, subscription.endpoint)));
    }
    keys.sort_by(|a, b| b.cmp(a));
    let mut items = Vec::new();
    let limit = query.limit;
    let after = query.after;
    let narrowed = DeliveryQuery { status: Vec::new(), ..query };
    for (seq, endpoint) in keys.into_iter().filter(|key| after.is_none_or(|after| *key < after)) {
        let Some((record, _)) = state.system.store().reads.delivery(endpoint, seq).await? else { continue };
        if narrowed.admits(&record) {
            items.push(((seq, endpoint), shown(state, &record)));
        }
        if items.len() > limit {
            break;
        }
    }
    let is_last = items.len() <= limit;
    items.truncate(limit);
    let next_cursor = items.last().filter(|_| !is_last).map(|(key, _)| lists::delivery_cursor(*key));
    Ok(Page { items: items.into_iter().map(|(_, delivery)| delivery).collect(), next_cursor })
}

/// What both lists of deliveries can be narrowed by.
pub(crate) const KNOWN: [&str; 8] = ["status", "subscription", "event", "code", "class", "since", "limit", "cursor"];

/// Reads what narrows a list, and whether only what is under way is wanted.
pub(crate) async fn narrowed(state: &State, query: &Query) -> Result<(DeliveryQuery, bool), Error> {
    let statuses: Vec<Status> = match query.text("status") {
        None => Vec::new(),
        Some(text) => text.split(',').map(status).collect::<Result<_, _>>()?,
    };
    let event = match query.parsed::<EventId>("event", "an event's id")? {
        None => None,
        Some(id) => Some(state.system.store().log.find(id).await?.ok_or_else(|| Error::not_found("event"))?.seq),
    };
    let class = match query.text("class") {
        None => None,
        Some(text) => Some(Class::ALL.into_iter().find(|class| class.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Class::ALL.iter().map(|class| class.name()).collect();
            Error::malformed(format!("class: {text:?} is not right"), format!("give one of {}", names.join(", ")))
        })?),
    };
    let only_attempting = statuses == [Status::Attempting];
    let narrowed = DeliveryQuery {
        after: lists::delivery_after(query)?,
        limit: query.limit()?,
        status: statuses,
        endpoint: query.parsed::<SubscriptionId>("subscription", "a subscription's id")?.and_then(|id| id.endpoint()),
        seq: event,
        status_code: query.parsed("code", "a status code such as 503")?,
        class,
        since: query.time("since", state.system.clock().now())?,
    };
    Ok((narrowed, only_attempting))
}

fn status(text: &str) -> Result<Status, Error> {
    let wanted = if text == "dead" { "dead_letter" } else { text };
    Status::ALL.into_iter().find(|status| status.name() == wanted).ok_or_else(|| {
        let names: Vec<&str> = Status::ALL.iter().map(|status| status.name()).collect();
        Error::malformed(format!("status: {text:?} is not right"), format!("give one of {}", names.join(", ")))
    })
}

/// Deliveries, newest event first.
#[utoipa::path(
    get, path = "/api/v1/deliveries", tag = "deliveries",
    params(
        ("status" = Option<String>, Query, description = "one or several, joined by commas"), ("subscription" = Option<String>, Query),
        ("event" = Option<String>, Query), ("code" = Option<u16>, Query), ("class" = Option<String>, Query),
        ("since" = Option<String>, Query), ("limit" = Option<usize>, Query), ("cursor" = Option<String>, Query),
    ),
    responses((status = 200, body = Page<Delivery>))
)]
pub(crate) async fn list(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    let query = Query::read(&request, &KNOWN)?;
    let (narrowed, only_attempting) = narrowed(&state, &query).await?;
    Ok(HttpResponse::Ok().json(page(&state, narrowed, only_attempting).await?))
}

/// The endpoint and event inside a delivery's id, if there is such a delivery.
pub(crate) async fn find(state: &State, id: &str) -> Result<(DeliveryRecord, Vec<Attempt>), Error> {
    let id: DeliveryId = id.parse().map_err(|_| Error::not_found("delivery"))?;
    let found = state.system.store().reads.delivery(id.endpoint, id.seq).await?;
    found.filter(|(record, _)| record.received_at == id.received_at).ok_or_else(|| Error::not_found("delivery"))
}

/// One delivery with its attempts.
#[utoipa::path(get, path = "/api/v1/deliveries/{id}", tag = "deliveries", params(("id" = String, Path)), responses((status = 200, body = DeliveryWithAttempts), (status = 404, body = crate::error::Problem)))]
pub(crate) async fn get(state: web::Data<State>, id: web::Path<String>) -> Result<HttpResponse, Error> {
    let (record, attempts) = find(&state, &id).await?;
    let delivery = shown(&state, &record);
    let custom = state.system.subscriptions().by_endpoint(record.endpoint).map(|found| found.spec.headers.clone());
    let custom = custom.unwrap_or_default();
    let attempt_log = attempts.into_iter().map(|attempt| shown_attempt(attempt, &delivery.id, &custom)).collect();
    Ok(HttpResponse::Ok().json(DeliveryWithAttempts { delivery, attempt_log }))
}

fn shown_attempt(attempt: Attempt, id: &str, custom: &BTreeMap<String, String>) -> ShownAttempt {
    let started_at = Timestamp::from_millis(attempt.started_at_ms);
    let mut headers: BTreeMap<String, String> =
        custom.iter().map(|(name, value)| (name.to_ascii_lowercase(), masked(name, value))).collect();
    headers.insert("webhook-id".into(), id.to_owned());
    headers.insert("webhook-timestamp".into(), started_at.seconds().to_string());
    headers.insert("webhook-signature".into(), attempt.signature);
    ShownAttempt {
        number: attempt.number,
        started_at: started_at.to_string(),
        duration_ms: attempt.duration_us as f64 / 1000.0,
        status_code: attempt.status_code,
        class: attempt.class.name().into(),
        error: attempt.error,
        request: ShownRequest { headers },
        response: ShownResponse {
            headers: attempt.response_headers.into_iter().map(|(name, value)| { let shown = masked(&name, &value); (name, shown) }).collect(),
            body: attempt.response_body,
        },
    }
}

/// The value, unless the name says that it is a credential.
pub(crate) fn masked(name: &str, value: &str) -> String {
    const WORDS: [&str; 7] = ["authorization", "token", "key", "secret", "password", "cookie", "credential"];
    let name = name.to_ascii_lowercase();
    if WORDS.iter().any(|word| name.contains(word)) { "••••".into() } else { value.to_owned() }
}

/// Send a dead letter again; the same as replaying it.
#[utoipa::path(post, path = "/api/v1/deliveries/{id}/resend", tag = "deliveries", params(("id" = String, Path)), responses((status = 202, body = Delivery), (status = 409, body = crate::error::Problem)))]
pub(crate) async fn resend(state: web::Data<State>, id: web::Path<String>) -> Result<HttpResponse, Error> {
    let (record, _) = find(&state, &id).await?;
    let replayed = state.system.replay(vec![(record.endpoint, record.seq)]).await?;
    if replayed.is_empty() {
        let detail = format!("it is {}, not a dead letter", record.status.name().replace('_', " "));
        return Err(Error::conflict(detail, "only dead letters can be sent again"));
    }
    let (record, _) = find(&state, &id).await?;
    Ok(HttpResponse::Accepted().json(shown(&state, &record)))
}
