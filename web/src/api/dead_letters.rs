//! Dead letters: deliveries that were given up, and sending them again.

use actix_web::{HttpRequest, HttpResponse, web};
use loghorn_domain::{
    Class, DeliveryId, EndpointNo, Problem, Seq, Span, SubscriptionId, Timestamp, delivery::Status,
    subscription::State::Disabled,
};
use loghorn_storage::DeliveryQuery;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Page,
    deliveries::{self, Delivery},
    subscriptions,
};
use crate::{
    State,
    body::{self, Reading, value_room},
    error::Error,
    lists::Query,
};

/// Dead letters that are queued again at a time.
const STEP: usize = 500;
/// Most ids in one request.
const IDS_MAX: usize = 1000;

/// What to send again.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// Which dead letters; all of them where empty.
    #[serde(default)]
    pub filter: Filter,
    /// Only count them.
    #[serde(default)]
    pub dry_run: bool,
}

/// Which dead letters. All members must hold.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// These.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<String>>,
    /// Of this subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription: Option<String>,
    /// Whose last attempt had this class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Whose event came since: a time, or a span such as `1h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

/// What a replay came to.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Replayed {
    /// Always `replay`.
    pub kind: String,
    /// Always `done`: they are queued, and delivered from there.
    pub state: String,
    /// Dead letters that the filter found.
    pub total: u64,
    /// Queued again.
    pub done: u64,
    /// Left, because their subscription is gone or disabled.
    pub failed: u64,
}

/// How many there are.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Count {
    /// So many.
    pub count: u64,
}

/// Dead letters, newest event first.
#[utoipa::path(
    get, path = "/api/v1/dead-letters", tag = "dead letters",
    params(
        ("subscription" = Option<String>, Query), ("event" = Option<String>, Query), ("code" = Option<u16>, Query),
        ("class" = Option<String>, Query), ("since" = Option<String>, Query), ("limit" = Option<usize>, Query), ("cursor" = Option<String>, Query),
    ),
    responses((status = 200, body = Page<Delivery>))
)]
pub(crate) async fn list(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    let query = Query::read(&request, &deliveries::KNOWN[1..])?;
    let narrowed = deliveries::narrowed(&state, &query).await?;
    let narrowed = DeliveryQuery { status: vec![Status::DeadLetter], ..narrowed };
    Ok(HttpResponse::Ok().json(deliveries::page(&state, narrowed).await?))
}

/// Send dead letters again: a new round of attempts, with the same id.
#[utoipa::path(
    post, path = "/api/v1/dead-letters/replay", tag = "dead letters", request_body = Replay,
    responses((status = 202, body = Replayed), (status = 200, body = Count, description = "dry_run"))
)]
pub(crate) async fn replay(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    let mut body = body::read(&state, &request, payload, Reading::Strict).await?;
    body.room.pass(value_room(body.bytes.len()))?;
    let Replay { filter, dry_run } =
        subscriptions::json(Value::Object(subscriptions::value(&body.bytes, &["filter"])?))?;
    let keys = dead(&state, filter).await?;
    if dry_run {
        return Ok(HttpResponse::Ok().json(Count { count: keys.len() as u64 }));
    }
    let total = keys.len() as u64;
    let state_of = |endpoint| state.system.subscriptions().by_endpoint(endpoint).map(|found| found.state());
    let is_alive = |(endpoint, _): &(EndpointNo, Seq)| state_of(*endpoint).is_some_and(|state| state != Disabled);
    let (alive, left): (Vec<_>, Vec<_>) = keys.into_iter().partition(is_alive);
    let matcher = state.system.subscriptions().matcher();
    if alive.is_empty() && left.iter().any(|(endpoint, _)| matcher.get(*endpoint).is_some()) {
        return Err(deliveries::disabled());
    }
    let (mut done, failed) = (0, left.len() as u64);
    for step in alive.chunks(STEP) {
        done += state.system.replay(step.to_vec()).await?.len() as u64;
    }
    Ok(HttpResponse::Accepted().json(Replayed { kind: "replay".into(), state: "done".into(), total, done, failed }))
}

/// The dead letters that `filter` means. Only their keys are held, 12 bytes each.
async fn dead(state: &State, filter: Filter) -> Result<Vec<(EndpointNo, Seq)>, Error> {
    let wrong = |member: &str, detail: &str| Error::invalid([Problem::new(format!("/filter/{member}"), detail)]);
    let ids = match filter.ids {
        Some(ids) if ids.len() > IDS_MAX => return Err(wrong("ids", "at most 1000 at a time")),
        Some(ids) => Some(
            ids.iter()
                .map(|id| id.parse::<DeliveryId>().map_err(|error| wrong("ids", &error.to_string())))
                .collect::<Result<Vec<_>, _>>()?,
        ),
        None => None,
    };
    let endpoint = match filter.subscription {
        Some(text) => {
            let id: SubscriptionId = text.parse().map_err(|_| wrong("subscription", "expected a subscription's id"))?;
            Some(
                state
                    .system
                    .subscriptions()
                    .get(&id)
                    .ok_or_else(|| wrong("subscription", "there is no such subscription"))?
                    .endpoint,
            )
        }
        None => None,
    };
    let class = match filter.class {
        Some(text) => Some(
            Class::ALL.into_iter().find(|class| class.name() == text).ok_or_else(|| wrong("class", "no such class"))?,
        ),
        None => None,
    };
    let since = match filter.since {
        Some(text) => Some(match text.parse::<Span>() {
            Ok(span) => state.system.clock().now().minus(span.0),
            Err(_) => text.parse::<Timestamp>().map_err(|_| wrong("since", "expected a time or a span such as 1h"))?,
        }),
        None => None,
    };
    let mut query =
        DeliveryQuery { status: vec![Status::DeadLetter], limit: STEP, endpoint, class, since, ..Default::default() };
    let mut keys = Vec::new();
    if let Some(ids) = ids {
        for id in ids {
            let found = state.system.store().reads.delivery(id.endpoint, id.seq).await?;
            let admitted = found.filter(|(record, _)| record.received_at == id.received_at && query.admits(record));
            keys.extend(admitted.map(|_| (id.endpoint, id.seq)));
        }
        return Ok(keys);
    }
    loop {
        let page = state.system.store().reads.deliveries(query.clone()).await?;
        keys.extend(page.items.iter().map(|record| (record.endpoint, record.seq)));
        query.after = page.next;
        if query.after.is_none() {
            return Ok(keys);
        }
    }
}

/// Send one dead letter again.
#[utoipa::path(post, path = "/api/v1/dead-letters/{id}/replay", tag = "dead letters", params(("id" = String, Path)), responses((status = 202, body = Delivery), (status = 409, body = crate::error::Problem)))]
pub(crate) async fn replay_one(state: web::Data<State>, id: web::Path<String>) -> Result<HttpResponse, Error> {
    deliveries::resend(state, id).await
}
