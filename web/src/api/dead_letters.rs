//! Dead letters: deliveries that were given up, sending them again, and giving them up for good.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use loghorn_domain::{
    Class, DeliveryId, EndpointNo, Problem, SubscriptionId,
    delivery::Status,
    job::{Act, LetterFilter},
    subscription::State::Disabled,
};
use loghorn_storage::DeliveryQuery;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Page,
    deliveries::{self, Delivery},
    jobs::{self, Job},
};
use crate::{
    State,
    error::Error,
    json,
    lists::{self, Query},
};

/// Most ids in one request.
const IDS_MAX: usize = 1000;
/// How long an answer waits for the job: what is small has ended when it comes.
const ANSWER_WAIT: Duration = Duration::from_millis(300);

/// What to send again, or to give up.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// Which dead letters; all of them where empty.
    #[serde(default)]
    pub filter: Filter,
    /// So many in a time at most, such as `20/s`; as fast as can be where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "20/s")]
    pub rate: Option<Value>,
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

/// How many there are.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Counted {
    /// So many.
    pub count: u64,
}

/// Dead letters, newest event first.
#[utoipa::path(
    get, path = "/api/v1/dead-letters", tag = "dead letters", operation_id = "list_dead_letters",
    params(
        ("subscription" = Option<String>, Query), ("event" = Option<String>, Query), ("code" = Option<u16>, Query),
        ("class" = Option<String>, Query), ("since" = Option<String>, Query), ("limit" = Option<usize>, Query), ("cursor" = Option<String>, Query),
    ),
    responses((status = 200, body = Page<Delivery>))
)]
pub(crate) async fn list(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    let query = Query::read(&request, &deliveries::KNOWN[1..])?;
    let after = lists::delivery_after(&query)?;
    let narrowed = deliveries::narrowed(&state, &query).await?;
    let narrowed = DeliveryQuery { after, status: vec![Status::DeadLetter], ..narrowed };
    Ok(HttpResponse::Ok().json(deliveries::page(&state, narrowed).await?))
}

/// Send dead letters again, as a job: a new round of attempts, with the same id. What dies after it began is left alone.
#[utoipa::path(
    post, path = "/api/v1/dead-letters/replay", tag = "dead letters", operation_id = "replay_dead_letters", request_body = Replay,
    responses((status = 202, body = Job), (status = 200, body = Counted, description = "dry_run"), (status = 409, body = crate::error::Problem))
)]
pub(crate) async fn replay(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    act(&state, &request, payload, Act::Replay).await
}

/// Give dead letters up for good, as a job: they become cancelled, and stay on record as such.
#[utoipa::path(
    post, path = "/api/v1/dead-letters/discard", tag = "dead letters", operation_id = "discard_dead_letters", request_body = Replay,
    responses((status = 202, body = Job), (status = 200, body = Counted, description = "dry_run"), (status = 409, body = crate::error::Problem))
)]
pub(crate) async fn discard(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    act(&state, &request, payload, Act::Discard).await
}

async fn act(
    state: &web::Data<State>,
    request: &HttpRequest,
    payload: web::Payload,
    act: Act,
) -> Result<HttpResponse, Error> {
    let Replay { filter, rate, dry_run } = json::read(state, request, payload, &["filter"]).await?;
    let (filter, rate) = (read(state, filter)?, jobs::rate(rate)?);
    let all = state.system.jobs();
    if dry_run {
        return Ok(HttpResponse::Ok().json(Counted { count: all.count_letters(&filter).await? }));
    }
    if act == Act::Replay && is_all_disabled(state, &filter).await? {
        return Err(deliveries::disabled());
    }
    let job = all.begin_letters(act, filter, rate).await?;
    let job = all.wait(job.record.id(), ANSWER_WAIT).await.unwrap_or(job);
    Ok(jobs::accepted(&jobs::shown(state, job)))
}

/// Whether it is seen at once that nothing can be sent, because all that the filter means is disabled.
async fn is_all_disabled(state: &State, filter: &LetterFilter) -> Result<bool, Error> {
    let is_disabled = |endpoint: EndpointNo| {
        let found = state.system.subscriptions().by_endpoint(endpoint);
        found.is_some_and(|found| found.deleted_at.is_none() && found.state() == Disabled)
    };
    if let Some(endpoint) = filter.endpoint {
        return Ok(is_disabled(endpoint));
    }
    if let Some(ids) = &filter.ids {
        return Ok(!ids.is_empty() && ids.iter().all(|id| is_disabled(id.endpoint)));
    }
    let counters = state.system.store().queue.counters();
    let mut dying = counters.iter().filter(|(_, counters)| counters.dead > 0).map(|(endpoint, _)| *endpoint);
    Ok(dying.next().is_some_and(is_disabled) && dying.all(is_disabled))
}

/// The dead letters that `filter` means.
fn read(state: &State, filter: Filter) -> Result<LetterFilter, Error> {
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
    let subscription = match filter.subscription {
        Some(text) => {
            let id: SubscriptionId = text.parse().map_err(|_| wrong("subscription", "expected a subscription's id"))?;
            let found = state.system.subscriptions().get(&id);
            Some(found.ok_or_else(|| wrong("subscription", "there is no such subscription"))?)
        }
        None => None,
    };
    let class = match filter.class {
        Some(text) => Some(
            Class::ALL.into_iter().find(|class| class.name() == text).ok_or_else(|| wrong("class", "no such class"))?,
        ),
        None => None,
    };
    let now = state.system.clock().now();
    let since = filter.since.map(|text| jobs::time("/filter/since", &text, now)).transpose()?;
    let endpoint = subscription.as_ref().map(|found| found.endpoint);
    Ok(LetterFilter { ids, subscription: subscription.map(|found| found.id.clone()), endpoint, class, since })
}

/// Send one dead letter again.
#[utoipa::path(post, path = "/api/v1/dead-letters/{id}/replay", tag = "dead letters", operation_id = "replay_dead_letter", params(("id" = String, Path)), responses((status = 202, body = Delivery), (status = 409, body = crate::error::Problem)))]
pub(crate) async fn replay_one(state: web::Data<State>, id: web::Path<String>) -> Result<HttpResponse, Error> {
    deliveries::resend(state, id).await
}

/// Give one dead letter up for good: it becomes cancelled.
#[utoipa::path(post, path = "/api/v1/dead-letters/{id}/discard", tag = "dead letters", operation_id = "discard_dead_letter", params(("id" = String, Path)), responses((status = 200, body = Delivery), (status = 409, body = crate::error::Problem)))]
pub(crate) async fn discard_one(state: web::Data<State>, id: web::Path<String>) -> Result<HttpResponse, Error> {
    deliveries::discard(state, id).await
}
