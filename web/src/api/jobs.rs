//! Jobs: long work with its progress; for now, backfills.

use actix_web::{HttpRequest, HttpResponse, web};
use loghorn_actors::{BackfillRequest, Job as Known};
use loghorn_domain::{JobId, Problem, Span, Timestamp, job::Rate};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Page, subscriptions};
use crate::{
    State,
    body::{self, Reading, value_room},
    error::Error,
    lists::{self, Query},
};

/// A job.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// `backfill`.
    pub kind: String,
    /// `running`, `done`, `cancelled` or `failed`.
    pub state: String,
    /// Events of the log to be read.
    pub total: u64,
    /// Of those, the ones that were read.
    pub done: u64,
    /// Of those, the ones that could not be dealt with; a backfill ends at the first.
    pub failed: u64,
    /// When it began.
    pub started_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// What a running job waits for, if it does.
    pub waiting: Option<String>,
    /// Whose past events are delivered.
    pub subscription_id: String,
    /// Its name when the job began.
    pub subscription_name: String,
    /// The version of the subscription whose filter decides.
    pub version: u32,
    /// Events received from then on.
    pub since: String,
    /// Events received before.
    pub until: String,
    /// Deliveries in a time at most: `20/s`.
    pub rate: Option<String>,
    /// Whether it only counts.
    pub dry_run: bool,
    /// Events that match so far.
    pub matched: u64,
    /// Deliveries made so far.
    pub queued: u64,
    /// Of the matching events, those that had a delivery to this subscription already.
    pub skipped: u64,
}

/// What a backfill is to do.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackfillBody {
    /// Events received from then on: a time, or a span such as `1h`.
    #[schema(example = "24h")]
    pub since: String,
    /// Events received before; now where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Deliveries in a time at most, such as `20/s`; as fast as the receiver takes them where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "20/s")]
    pub rate: Option<Value>,
    /// Only count what would be sent.
    #[serde(default)]
    pub dry_run: bool,
}

fn shown(Known { backfill, waiting }: Known) -> Job {
    let state = serde_json::to_value(backfill.state).ok().and_then(|state| state.as_str().map(str::to_owned));
    Job {
        id: backfill.id.to_string(),
        kind: "backfill".into(),
        state: state.unwrap_or_default(),
        total: backfill.total(),
        done: backfill.done(),
        failed: 0,
        started_at: backfill.started_at.to_string(),
        ended_at: backfill.ended_at.map(|at| at.to_string()),
        error: backfill.error,
        waiting,
        subscription_id: backfill.subscription.to_string(),
        subscription_name: backfill.ruling.name,
        version: backfill.ruling.version,
        since: backfill.since.to_string(),
        until: backfill.until.to_string(),
        rate: backfill.rate.map(|rate| rate.to_string()),
        dry_run: backfill.dry_run,
        matched: backfill.matched,
        queued: backfill.queued,
        skipped: backfill.skipped,
    }
}

/// Deliver past events through the subscription's filter, as it is now. Events that had a delivery are left out.
#[utoipa::path(
    post, path = "/api/v1/subscriptions/{id}/backfill", tag = "subscriptions", params(("id" = String, Path)), request_body = BackfillBody,
    responses((status = 202, body = Job), (status = 409, body = crate::error::Problem), (status = 422, body = crate::error::Problem))
)]
pub(crate) async fn backfill(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
    id: web::Path<String>,
) -> Result<HttpResponse, Error> {
    Query::read(&request, &[])?;
    let found = subscriptions::find(&state, &id)?;
    let mut body = body::read(&state, &request, payload, Reading::Strict).await?;
    body.room.pass(value_room(body.bytes.len()))?;
    let body: BackfillBody = subscriptions::json(Value::Object(subscriptions::value(&body.bytes, &[])?))?;
    let now = state.system.clock().now();
    let since = time("/since", &body.since, now)?;
    let until = body.until.as_deref().map(|text| time("/until", text, now)).transpose()?.unwrap_or(now);
    if until <= since {
        return Err(Error::invalid([Problem::new("/until", "expected a time after `since`")]));
    }
    let rate = |rate: Value| {
        let wrong = |error: serde_json::Error| Error::invalid([Problem::new("/rate", error.to_string())]);
        serde_json::from_value::<Rate>(rate).map_err(wrong)
    };
    let rate = body.rate.map(rate).transpose()?;
    let request = BackfillRequest { since, until, rate, dry_run: body.dry_run };
    let job = state.system.jobs().begin_backfill(&found, request).await?;
    let job = shown(job);
    let location = format!("/api/v1/jobs/{}", job.id);
    Ok(HttpResponse::Accepted().insert_header(("Location", location)).json(job))
}

/// An instant, or a length of time before `now`.
pub(super) fn time(pointer: &str, text: &str, now: Timestamp) -> Result<Timestamp, Error> {
    let expected = "expected a time such as 2026-11-23T18:07:49Z, or a span such as 1h";
    match text.parse::<Span>() {
        Ok(span) => Ok(now.minus(span.0)),
        Err(_) => text.parse().map_err(|_| Error::invalid([Problem::new(pointer, expected)])),
    }
}

/// Jobs, newest first.
#[utoipa::path(
    get, path = "/api/v1/jobs", tag = "jobs",
    params(("state" = Option<String>, Query), ("limit" = Option<usize>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<Job>))
)]
pub(crate) async fn list(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    let query = Query::read(&request, &["state", "limit", "cursor"])?;
    const STATES: [&str; 4] = ["running", "done", "cancelled", "failed"];
    let wanted = query.text("state");
    if let Some(unknown) = wanted.filter(|wanted| !STATES.contains(wanted)) {
        return Err(Error::malformed(
            format!("state: {unknown:?} is not right"),
            format!("one of {}", STATES.join(", ")),
        ));
    }
    let (limit, skip) = (query.limit()?, query.cursor("j")?.map_or(0, |[skip]| skip));
    let all = state.system.jobs().list().into_iter().map(shown);
    let mut all = all.filter(|job| wanted.is_none_or(|wanted| job.state == wanted));
    let skip = usize::try_from(skip).unwrap_or(usize::MAX);
    let items: Vec<Job> = all.by_ref().skip(skip).take(limit).collect();
    let next = all.next().map(|_| lists::cursor("j", &[(skip + items.len()) as u64]));
    Ok(HttpResponse::Ok().json(Page { items, next_cursor: next }))
}

fn id(text: &str) -> Result<JobId, Error> {
    text.parse().map_err(|_| Error::not_found("job"))
}

/// One job.
#[utoipa::path(get, path = "/api/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path)), responses((status = 200, body = Job), (status = 404, body = crate::error::Problem)))]
pub(crate) async fn get(state: web::Data<State>, path: web::Path<String>) -> Result<HttpResponse, Error> {
    let job = state.system.jobs().get(&id(&path)?).ok_or_else(|| Error::not_found("job"))?;
    Ok(HttpResponse::Ok().json(shown(job)))
}

/// End a running job. What it queued already is delivered all the same.
#[utoipa::path(delete, path = "/api/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path)), responses((status = 200, body = Job), (status = 404, body = crate::error::Problem), (status = 409, body = crate::error::Problem)))]
pub(crate) async fn cancel(state: web::Data<State>, path: web::Path<String>) -> Result<HttpResponse, Error> {
    let job = state.system.jobs().cancel(&id(&path)?).await?;
    Ok(HttpResponse::Ok().json(shown(job)))
}
