//! Deliveries: one event, one subscription, and every attempt.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::{StreamExt, stream};
use loghorn_domain::{
    Class, DeliveryId, EndpointNo, EventId, Seq, SubscriptionId,
    delivery::{Attempt, Status},
    subscription::State::Disabled,
};
use loghorn_storage::{DeliveryQuery, DeliveryRecord};
use serde::{Deserialize, Serialize};

use super::{
    Page,
    attempts::{Headers, ShownAttempt},
};
use crate::{
    State,
    error::Error,
    lists::{self, Query},
};

/// Events that are read at a time for one page.
const READS_AT_ONCE: usize = 8;

/// A delivery.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Delivery {
    /// Its id, also the `webhook-id`.
    pub id: String,
    /// The event.
    pub event_id: String,
    /// The event's place in the log.
    pub event_seq: u64,
    /// The event's type; null where the event is no longer kept.
    #[serde(default)]
    pub event_type: Option<String>,
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

/// Where it stands now: what is under way is known to its actor only.
fn status_now(state: &State, record: &DeliveryRecord) -> Status {
    let waits = matches!(record.status, Status::Queued | Status::Retrying);
    let is_attempting = || state.system.directory().live(record.endpoint).is_attempting(record.seq);
    if waits && is_attempting() { Status::Attempting } else { record.status }
}

pub(super) fn shown(state: &State, record: &DeliveryRecord) -> Delivery {
    shown_as(state, record, status_now(state, record))
}

fn shown_as(state: &State, record: &DeliveryRecord, status: Status) -> Delivery {
    let DeliveryRecord { endpoint, seq, received_at, .. } = *record;
    let subscription = state.system.subscriptions().by_endpoint(endpoint);
    Delivery {
        id: DeliveryId { received_at, endpoint, seq }.to_string(),
        event_id: record.event_id.to_string(),
        event_seq: seq.0,
        event_type: None,
        subscription_id: subscription.as_ref().map(|found| found.id.to_string()),
        url: subscription.map(|found| found.url_of(endpoint).to_owned()),
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

/// One page. What it is narrowed to by status is what it is shown as.
pub(crate) async fn page(state: &State, query: DeliveryQuery) -> Result<Page<Delivery>, Error> {
    let (wanted, limit) = (query.status.clone(), query.limit);
    let admits = |status| wanted.is_empty() || wanted.contains(&status);
    let mut found = BTreeMap::new();
    let mut add = |record: &DeliveryRecord| {
        let status = status_now(state, record);
        if admits(status) {
            found.insert(Reverse((record.seq, record.endpoint)), shown_as(state, record, status));
        }
        found.len()
    };
    let stored = wanted.iter().copied().filter(|status| *status != Status::Attempting).collect();
    let mut stored = DeliveryQuery { status: stored, ..query.clone() };
    let mut is_end = stored.status.is_empty() && !wanted.is_empty();
    // The store does not know what is under way, so what it finds may fill less than a page.
    while !is_end {
        let page = state.system.store().reads.deliveries(stored.clone()).await?;
        let n = page.items.iter().map(&mut add).last().unwrap_or(0);
        stored.after = page.next.or(stored.after);
        is_end = page.next.is_none();
        if n > limit {
            break;
        }
    }
    if wanted.contains(&Status::Attempting) {
        let any = DeliveryQuery { status: Vec::new(), ..query };
        let until = stored.after.filter(|_| !is_end);
        let is_here = |key: &Key| any.after.is_none_or(|after| *key < after) && until.is_none_or(|until| *key >= until);
        let mut n = 0;
        for (seq, endpoint) in attempting(state).into_iter().filter(is_here) {
            let record = state.system.store().reads.delivery(endpoint, seq).await?.map(|(record, _)| record);
            if let Some(record) =
                record.filter(|record| any.admits(record) && status_now(state, record) == Status::Attempting)
            {
                add(&record);
                n += 1;
            }
            if n > limit {
                break;
            }
        }
    }
    let is_last = found.len() <= limit;
    let page: Vec<_> = found.into_iter().take(limit).collect();
    let next = page.last().filter(|_| !is_last).map(|(Reverse(key), _)| lists::delivery_cursor(*key));
    // An event that went to many is read once.
    let seqs: BTreeSet<Seq> = page.iter().map(|(Reverse((seq, _)), _)| *seq).collect();
    let reading = seqs.into_iter().map(|seq| async move { (seq, event_type(state, seq).await) });
    let types: BTreeMap<Seq, Option<String>> = stream::iter(reading).buffered(READS_AT_ONCE).collect().await;
    let named = |(Reverse((seq, _)), delivery): (Reverse<Key>, Delivery)| Delivery {
        event_type: types.get(&seq).cloned().flatten(),
        ..delivery
    };
    Ok(Page { items: page.into_iter().map(named).collect(), next_cursor: next })
}

/// The type of an event, which only the log knows.
async fn event_type(state: &State, seq: Seq) -> Option<String> {
    Some(state.system.store().log.get(seq).await.ok()??.head.event_type.to_string())
}

/// With the type of its event.
pub(super) async fn named(state: &State, seq: Seq, delivery: Delivery) -> Delivery {
    Delivery { event_type: event_type(state, seq).await, ..delivery }
}

/// A delivery's place in a list; the newest event comes first.
type Key = (Seq, EndpointNo);

/// What is under way, in the order of a list. It is known in memory, and bounded by the endpoints' windows.
fn attempting(state: &State) -> Vec<Key> {
    let under_way = |endpoint| {
        let seqs = state.system.directory().live(endpoint).attempting_seqs();
        seqs.into_iter().map(move |seq| (seq, endpoint))
    };
    let all = state.system.subscriptions().list();
    let mut keys: Vec<Key> = all.iter().flat_map(|one| one.endpoints()).flat_map(under_way).collect();
    keys.sort_unstable_by(|a, b| b.cmp(a));
    keys
}

/// What both lists of deliveries can be narrowed by.
pub(crate) const KNOWN: [&str; 8] = ["status", "subscription", "event", "code", "class", "since", "limit", "cursor"];

/// Reads what narrows a list, its cursor apart.
pub(crate) async fn narrowed(state: &State, query: &Query) -> Result<DeliveryQuery, Error> {
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
    Ok(DeliveryQuery {
        after: None,
        limit: query.limit()?,
        status: statuses,
        endpoints: query
            .parsed::<SubscriptionId>("subscription", "a subscription's id")?
            .and_then(|id| id.endpoint())
            .map(|endpoint| state.system.subscriptions().endpoints_with(endpoint))
            .unwrap_or_default(),
        seq: event,
        status_code: query.parsed("code", "a status code such as 503")?,
        class,
        since: query.time("since", state.system.clock().now())?,
    })
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
    get, path = "/api/v1/deliveries", tag = "deliveries", operation_id = "list_deliveries",
    params(
        ("status" = Option<String>, Query, description = "one or several, joined by commas"), ("subscription" = Option<String>, Query),
        ("event" = Option<String>, Query), ("code" = Option<u16>, Query), ("class" = Option<String>, Query),
        ("since" = Option<String>, Query), ("limit" = Option<usize>, Query), ("cursor" = Option<String>, Query),
    ),
    responses((status = 200, body = Page<Delivery>))
)]
pub(crate) async fn list(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    let query = Query::read(&request, &KNOWN)?;
    let after = lists::delivery_after(&query)?;
    let narrowed = DeliveryQuery { after, ..narrowed(&state, &query).await? };
    Ok(HttpResponse::Ok().json(page(&state, narrowed).await?))
}

/// The endpoint and event inside a delivery's id, if there is such a delivery.
pub(crate) async fn find(state: &State, id: &str) -> Result<(DeliveryRecord, Vec<Attempt>), Error> {
    let id: DeliveryId = id.parse().map_err(|_| Error::not_found("delivery"))?;
    let found = state.system.store().reads.delivery(id.endpoint, id.seq).await?;
    found.filter(|(record, _)| record.received_at == id.received_at).ok_or_else(|| Error::not_found("delivery"))
}

/// One delivery with its attempts.
#[utoipa::path(get, path = "/api/v1/deliveries/{id}", tag = "deliveries", operation_id = "get_delivery", params(("id" = String, Path)), responses((status = 200, body = DeliveryWithAttempts), (status = 404, body = crate::error::Problem)))]
pub(crate) async fn get(state: web::Data<State>, id: web::Path<String>) -> Result<HttpResponse, Error> {
    let (record, attempts) = find(&state, &id).await?;
    let delivery = named(&state, record.seq, shown(&state, &record)).await;
    let headers = Headers::of(&state, &record, &delivery.id).await?;
    Ok(HttpResponse::Ok().json(with_attempts(delivery, attempts, &headers)))
}

pub(super) fn with_attempts(delivery: Delivery, attempts: Vec<Attempt>, headers: &Headers) -> DeliveryWithAttempts {
    let attempt_log = attempts.into_iter().map(|attempt| ShownAttempt::new(attempt, headers)).collect();
    DeliveryWithAttempts { delivery, attempt_log }
}

/// Send a dead letter again; the same as replaying it.
#[utoipa::path(post, path = "/api/v1/deliveries/{id}/resend", tag = "deliveries", operation_id = "resend_delivery", params(("id" = String, Path)), responses((status = 202, body = Delivery), (status = 409, body = crate::error::Problem)))]
pub(crate) async fn resend(state: web::Data<State>, id: web::Path<String>) -> Result<HttpResponse, Error> {
    let (record, _) = find(&state, &id).await?;
    let subscription = state.system.subscriptions().by_endpoint(record.endpoint);
    let is_disabled = subscription.is_some_and(|found| found.deleted_at.is_none() && found.state() == Disabled);
    if is_disabled && record.status == Status::DeadLetter {
        return Err(disabled());
    }
    let replayed = state.system.replay(vec![(record.endpoint, record.seq)]).await?;
    if replayed.is_empty() {
        let detail = format!("it is {}, not a dead letter", record.status.name().replace('_', " "));
        return Err(Error::conflict(detail, "only dead letters can be sent again"));
    }
    let (record, _) = find(&state, &id).await?;
    Ok(HttpResponse::Accepted().json(named(&state, record.seq, shown(&state, &record)).await))
}

/// Gives a dead letter up for good.
pub(super) async fn discard(state: web::Data<State>, id: web::Path<String>) -> Result<HttpResponse, Error> {
    let (record, _) = find(&state, &id).await?;
    if state.system.discard(vec![(record.endpoint, record.seq)]).await?.is_empty() {
        let detail = format!("it is {}, not a dead letter", record.status.name().replace('_', " "));
        return Err(Error::conflict(detail, "only dead letters can be discarded"));
    }
    let (record, _) = find(&state, &id).await?;
    Ok(HttpResponse::Ok().json(named(&state, record.seq, shown(&state, &record)).await))
}

/// A disabled subscription would leave what is queued again where it is.
pub(crate) fn disabled() -> Error {
    let remedy = "enable it first: POST /api/v1/subscriptions/{id}/resume";
    Error::conflict("its subscription is disabled", remedy)
}
