//! What the live socket shows, in the shapes of the API; what all clients are told alike is made once a second.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use actix_web::{HttpMessage, HttpRequest, HttpResponse, http::header, web};
use loghorn_domain::{EndpointNo, Seq, SubscriptionId, breaker::Circuit, subscription::State::Disabled};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{attempts::Headers, circuit, deliveries, jobs, receiver, series::Point, stats, subscriptions};
use crate::{State, auth::Call, error::Error, lists::Query, receiver::Arrived};

/// How old what all are told may be.
const AGE_MAX: Duration = Duration::from_millis(900);
/// Subscriptions in trouble that are told of at a time.
const TROUBLED_MAX: usize = 100;

/// What all clients are told alike.
#[derive(Debug, Default)]
pub(crate) struct Now {
    pub(crate) stats: Value,
    pub(crate) bucket: Value,
    pub(crate) dead: u64,
    /// What needs attention, by its id.
    pub(crate) attention: BTreeMap<String, Value>,
}

/// Made at most once a second, however many clients there are.
#[derive(Default)]
pub(crate) struct Live(Mutex<Option<(Duration, Arc<Now>)>>);

impl Live {
    pub(crate) fn now(&self, state: &State) -> Arc<Now> {
        let at = state.system.clock().monotonic();
        let mut kept = self.0.lock();
        if let Some((made, now)) = &*kept
            && at.saturating_sub(*made) < AGE_MAX
        {
            return now.clone();
        }
        let now = Arc::new(now(state));
        *kept = Some((at, now.clone()));
        now
    }
}

fn now(state: &State) -> Now {
    let counted = stats::stats(state);
    let [(at, open), (before, closed)] = state.system.series().newest();
    let point = |at: i64, sum: Option<loghorn_actors::Sum>| {
        let sum = sum.unwrap_or_default();
        Point::new(at * 60_000, Some(sum.accepted), &sum.tally)
    };
    let is_known = closed.is_some();
    let (open, closed) = (point(at, open), point(before, closed));
    let newest = if open.p95_ms.is_some() { &open } else { &closed };
    let latency = json!({"p50_ms": newest.p50_ms, "p95_ms": newest.p95_ms, "p99_ms": newest.p99_ms});
    let mut shown = json!(counted);
    if let (Value::Object(shown), Value::Object(latency)) = (&mut shown, latency) {
        shown.extend(latency);
        shown.insert("delivered_per_minute".into(), if is_known { closed.delivered.into() } else { Value::Null });
    }
    let closed = if is_known { json!(closed) } else { Value::Null };
    Now {
        stats: shown,
        bucket: json!({"step_ms": 60_000, "open": open, "closed": closed}),
        dead: counted.delivery_stats.failed,
        attention: attention(state, counted.delivery_stats.failed),
    }
}

/// What a person should look at.
fn attention(state: &State, dead: u64) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for component in state.system.health().components {
        if let Some(reason) = component.reason {
            let id = format!("part-{}", component.name);
            all.insert(id.clone(), json!({"id": id, "kind": "part", "title": component.name, "detail": reason}));
        }
    }
    if dead > 0 {
        let (id, title) = ("dead-letters", format!("{dead} dead letters"));
        all.insert(
            id.into(),
            json!({"id": id, "kind": "dead_letters", "title": title, "detail": "replay or discard them"}),
        );
    }
    let system = &state.system;
    for subscription in system.subscriptions().list() {
        if all.len() >= TROUBLED_MAX {
            break;
        }
        let (id, name) = (subscription.id.to_string(), &subscription.spec.name);
        let mut raise = |kind: &str, detail: String, until: Option<String>| {
            let key = format!("{kind}-{id}");
            let one = json!({"id": key, "kind": kind, "title": name, "detail": detail, "subscription_id": id, "until": until});
            all.insert(key, one);
        };
        if subscription.state() == Disabled {
            if let Some(reason) = &subscription.disabled_reason {
                raise("disabled", reason.clone(), None);
            }
            continue;
        }
        if circuit::worst(state, &subscription) != Circuit::Closed {
            let until = subscription.endpoints().filter_map(|no| system.directory().live(no).circuit().1).min();
            let detail = "its receiver fails; nothing is sent until the next probe";
            raise("circuit", detail.into(), until.map(|at| at.to_string()));
        }
        let now = system.clock().now();
        let ends = |previous: &&loghorn_domain::rotation::Previous| previous.until > now && previous.told_at() <= now;
        if let Some(previous) = subscription.previous().iter().find(ends) {
            let detail = format!("secret {} soon signs no more", previous.number);
            raise("secret", detail, Some(previous.until.to_string()));
        }
    }
    all
}

/// A change of a subscription, and the subscription unless it is gone.
pub(crate) fn subscription(state: &State, id: &SubscriptionId, change: &str) -> Value {
    let found = state.system.subscriptions().get(id);
    let shown = found.map(|found| json!(subscriptions::shown(state, &found)));
    json!({"change": change, "id": id.as_str(), "subscription": shown})
}

/// A delivery with its attempts, as `GET /deliveries/{id}` shows it.
pub(crate) async fn delivery(state: &State, endpoint: EndpointNo, seq: Seq) -> Option<Value> {
    let (record, attempts) = state.system.store().reads.delivery(endpoint, seq).await.ok()??;
    let shown = deliveries::named(state, seq, deliveries::shown(state, &record)).await;
    let headers = Headers::of(state, &record, &shown.id).await.ok()?;
    Some(json!(deliveries::with_attempts(shown, attempts, &headers)))
}

/// A delivery as a row of the tail: with its event's type and how long the last attempt took.
pub(crate) async fn row(state: &State, endpoint: EndpointNo, seq: Seq) -> Option<Value> {
    let (record, attempts) = state.system.store().reads.delivery(endpoint, seq).await.ok()??;
    let mut row = json!(deliveries::named(state, seq, deliveries::shown(state, &record)).await);
    row["last_duration_ms"] = attempts.last().map(|attempt| attempt.duration_us as f64 / 1000.0).into();
    Some(row)
}

/// The jobs that run, and those that ended lately.
pub(crate) fn jobs(state: &State) -> Vec<(String, Value)> {
    let all = state.system.jobs().list().into_iter();
    all.take(20)
        .map(|job| {
            let shown = jobs::shown(state, job);
            (shown.id.clone(), json!(shown))
        })
        .collect()
}

/// A request that the built-in receiver got.
pub(crate) fn received(arrived: &Arrived) -> Value {
    json!(receiver::shown_one(arrived))
}

/// A ticket for one socket.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Ticket {
    /// To be put behind `?ticket=` in the socket's address; null where no key is needed.
    pub ticket: Option<String>,
    /// Until when it works.
    pub expires_at: Option<String>,
}

/// Make a ticket that opens one socket (`/api/v1/ws`) within a minute, for clients that can show neither key nor cookie
/// there.
#[utoipa::path(post, path = "/api/v1/ws-ticket", tag = "access", operation_id = "make_ticket", responses((status = 201, body = Ticket)))]
pub(crate) async fn ticket(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    Query::read(&request, &[])?;
    let pass = request.extensions().get::<Call>().and_then(|call| call.pass);
    let ticket = pass.and_then(|pass| state.system.sessions().ticket(pass));
    let until = state.system.clock().now().plus(loghorn_actors::LINK_MAX);
    let made = Ticket {
        expires_at: ticket.as_ref().map(|_| until.to_string()),
        ticket: ticket.map(|ticket| ticket.reveal().to_owned()),
    };
    Ok(HttpResponse::Created().insert_header((header::CACHE_CONTROL, "no-store")).json(made))
}
