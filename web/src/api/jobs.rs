//! Jobs: long work with its progress: backfills, and dead letters that are sent again or given up.

use actix_web::{HttpRequest, HttpResponse, web};
use loghorn_actors::{BackfillRequest, Job as Known};
use loghorn_domain::{
    JobId, Problem, Span, Timestamp,
    job::{self, Act, Backfill, Job as Record, Letters, Rate},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Page, dead_letters::Filter, subscriptions};
use crate::{
    State,
    error::Error,
    json,
    lists::{self, Query},
};

/// A job. What it does not have, by its kind, is null or 0.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// `backfill`, `replay` or `discard`.
    pub kind: String,
    /// `running`, `done`, `cancelled` or `failed`.
    pub state: String,
    /// Events of the log to be read; or dead letters that were found when it began.
    pub total: u64,
    /// Of those, the ones that were read, queued again or given up.
    pub done: u64,
    /// Of those, the ones that could not be dealt with: dead letters whose subscription is gone or disabled. A backfill
    /// ends at the first.
    pub failed: u64,
    /// When it began.
    pub started_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// What a running job waits for, if it does.
    pub waiting: Option<String>,
    /// Whose past events are delivered, or whose dead letters are dealt with.
    pub subscription_id: Option<String>,
    /// Its name: of a backfill's when the job began.
    pub subscription_name: Option<String>,
    /// The version of the subscription whose filter decides.
    pub version: Option<u32>,
    /// Events received from then on.
    pub since: Option<String>,
    /// Events received before.
    pub until: Option<String>,
    /// Deliveries in a time at most: `20/s`.
    pub rate: Option<String>,
    /// Which dead letters. Instead of ids, only the fact that there were some is shown.
    #[serde(default)]
    pub filter: Option<Filter>,
    /// Whether it only counts.
    pub dry_run: bool,
    /// Events that match so far.
    pub matched: u64,
    /// Deliveries made so far, or queued again.
    pub queued: u64,
    /// Of the matching events, those that had a delivery to this subscription already; of dead letters, those that were
    /// none any more when their turn came.
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

pub(super) fn shown(state: &State, Known { record, waiting }: Known) -> Job {
    match record {
        Record::Backfill(backfill) => shown_backfill(backfill, waiting),
        Record::Letters(letters) => shown_letters(state, letters, waiting),
    }
}

fn name(state: job::State) -> String {
    let name = match state {
        job::State::Running => "running",
        job::State::Done => "done",
        job::State::Cancelled => "cancelled",
        job::State::Failed => "failed",
    };
    name.into()
}

fn shown_backfill(backfill: Backfill, waiting: Option<String>) -> Job {
    Job {
        id: backfill.id.to_string(),
        kind: "backfill".into(),
        state: name(backfill.state),
        total: backfill.total(),
        done: backfill.done(),
        failed: 0,
        started_at: backfill.started_at.to_string(),
        ended_at: backfill.ended_at.map(|at| at.to_string()),
        error: backfill.error,
        waiting,
        subscription_id: Some(backfill.subscription.to_string()),
        subscription_name: Some(backfill.ruling.name),
        version: Some(backfill.ruling.version),
        since: Some(backfill.since.to_string()),
        until: Some(backfill.until.to_string()),
        rate: backfill.rate.map(|rate| rate.to_string()),
        filter: None,
        dry_run: backfill.dry_run,
        matched: backfill.matched,
        queued: backfill.queued,
        skipped: backfill.skipped,
    }
}

fn shown_letters(state: &State, letters: Letters, waiting: Option<String>) -> Job {
    let filter = letters.filter;
    let subscription = filter.subscription.as_ref().and_then(|id| state.system.subscriptions().get(id));
    let dealt_with = letters.done + letters.failed;
    let has_gone_through = letters.state == job::State::Done;
    let id = filter.subscription.map(|id| id.to_string());
    let since = filter.since.map(|at| at.to_string());
    Job {
        id: letters.id.to_string(),
        kind: letters.act.name().into(),
        state: name(letters.state),
        total: letters.total,
        done: letters.done,
        failed: letters.failed,
        started_at: letters.started_at.to_string(),
        ended_at: letters.ended_at.map(|at| at.to_string()),
        error: letters.error,
        waiting,
        subscription_id: id.clone(),
        subscription_name: subscription.map(|found| found.spec.name.clone()),
        version: None,
        since: since.clone(),
        until: None,
        rate: letters.rate.map(|rate| rate.to_string()),
        filter: Some(Filter {
            ids: filter.ids.map(|_| Vec::new()),
            subscription: id,
            class: filter.class.map(|class| class.name().into()),
            since,
        }),
        dry_run: false,
        matched: letters.total,
        queued: if letters.act == Act::Replay { letters.done } else { 0 },
        skipped: if has_gone_through { letters.total.saturating_sub(dealt_with) } else { 0 },
    }
}

/// Reads the member `rate`.
pub(super) fn rate(rate: Option<Value>) -> Result<Option<Rate>, Error> {
    let wrong = |error: serde_json::Error| Error::invalid([Problem::new("/rate", error.to_string())]);
    rate.map(|rate| serde_json::from_value::<Rate>(rate).map_err(wrong)).transpose()
}

/// The answer to whoever began a job.
pub(super) fn accepted(job: &Job) -> HttpResponse {
    let location = format!("/api/v1/jobs/{}", job.id);
    HttpResponse::Accepted().insert_header(("Location", location)).json(job)
}

/// Deliver past events through the subscription's filter, as it is now. Events that had a delivery are left out.
#[utoipa::path(
    post, path = "/api/v1/subscriptions/{id}/backfill", tag = "subscriptions", operation_id = "backfill_subscription", params(("id" = String, Path)), request_body = BackfillBody,
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
    let body: BackfillBody = json::read(&state, &request, payload, &[]).await?;
    let now = state.system.clock().now();
    let since = time("/since", &body.since, now)?;
    let until = body.until.as_deref().map(|text| time("/until", text, now)).transpose()?.unwrap_or(now);
    if until <= since {
        return Err(Error::invalid([Problem::new("/until", "expected a time after `since`")]));
    }
    let request = BackfillRequest { since, until, rate: rate(body.rate)?, dry_run: body.dry_run };
    let job = state.system.jobs().begin_backfill(&found, request).await?;
    Ok(accepted(&shown(&state, job)))
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
    get, path = "/api/v1/jobs", tag = "jobs", operation_id = "list_jobs",
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
    let all = state.system.jobs().list().into_iter().map(|job| shown(&state, job));
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
#[utoipa::path(get, path = "/api/v1/jobs/{id}", tag = "jobs", operation_id = "get_job", params(("id" = String, Path)), responses((status = 200, body = Job), (status = 404, body = crate::error::Problem)))]
pub(crate) async fn get(state: web::Data<State>, path: web::Path<String>) -> Result<HttpResponse, Error> {
    let job = state.system.jobs().get(&id(&path)?).ok_or_else(|| Error::not_found("job"))?;
    Ok(HttpResponse::Ok().json(shown(&state, job)))
}

/// End a running job. What it did already stays done: what it queued is delivered all the same.
#[utoipa::path(delete, path = "/api/v1/jobs/{id}", tag = "jobs", operation_id = "cancel_job", params(("id" = String, Path)), responses((status = 200, body = Job), (status = 404, body = crate::error::Problem), (status = 409, body = crate::error::Problem)))]
pub(crate) async fn cancel(state: web::Data<State>, path: web::Path<String>) -> Result<HttpResponse, Error> {
    let job = state.system.jobs().cancel(&id(&path)?).await?;
    Ok(HttpResponse::Ok().json(shown(&state, job)))
}
