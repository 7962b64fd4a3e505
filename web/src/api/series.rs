//! What happened minute by minute: for charts, for the worst of the subscriptions, and for why deliveries fail.

use std::{collections::BTreeMap, ops::Range};

use actix_web::{HttpRequest, HttpResponse, web};
use loghorn_actors::{MINUTES_KEPT, Sum, minute_of};
use loghorn_domain::{
    Problem, Span, Subscription, Timestamp,
    series::{Minute, Tally},
};
use serde::{Deserialize, Serialize};

use super::subscriptions::find;
use crate::{State, error::Error, lists::Query};

/// Most points of one answer.
const POINTS_MAX: i64 = 2000;
/// Most subscriptions of one answer.
const IDS_MAX: usize = 500;
/// Steps of a subscription's spark line.
const SPARK_STEPS: usize = 24;

/// What happened, step by step.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Series {
    /// The length of a step, in milliseconds.
    pub step_ms: u64,
    /// One for each step, ascending; the last may still grow.
    pub points: Vec<Point>,
}

/// What happened in one step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Point {
    /// Its beginning, in milliseconds since 1970.
    pub at: i64,
    /// Events stored; null where one subscription is asked for.
    pub accepted: Option<u64>,
    /// Deliveries that ended with a 2xx.
    pub delivered: u64,
    /// Failed attempts that are tried again.
    pub retrying: u64,
    /// Deliveries that were given up.
    pub dead: u64,
    /// The time that half of the attempts did not exceed, in milliseconds, within a fifth; null where there were none.
    pub p50_ms: Option<f64>,
    /// The same of 95 %.
    pub p95_ms: Option<f64>,
    /// The same of 99 %.
    pub p99_ms: Option<f64>,
}

impl Point {
    pub(crate) fn new(at: i64, accepted: Option<u64>, tally: &Tally) -> Self {
        Self {
            at,
            accepted,
            delivered: tally.delivered,
            retrying: tally.retrying,
            dead: tally.dead,
            p50_ms: percentile_ms(tally, 0.5),
            p95_ms: percentile_ms(tally, 0.95),
            p99_ms: percentile_ms(tally, 0.99),
        }
    }
}

/// Failed attempts by what they came to.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Failures {
    /// Most first.
    pub items: Vec<Cause>,
}

/// Attempts that failed alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Cause {
    /// What they came to.
    pub class: String,
    /// The status code, where an answer came.
    pub status_code: Option<u16>,
    /// How many.
    pub count: u64,
}

/// How some subscriptions fared.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SubscriptionFigures {
    /// In the order of their ids in the query; those that are no more are left out.
    pub items: Vec<Figures>,
}

/// How one subscription fared.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Figures {
    /// Which.
    pub subscription_id: String,
    /// 100 · delivered ÷ (delivered + failed); null where nothing ended.
    pub success_rate: Option<f64>,
    /// Deliveries that ended with a 2xx.
    pub delivered: u64,
    /// Deliveries that were given up.
    pub failed: u64,
    /// The time that 95 % of the attempts did not exceed, in milliseconds, within a fifth.
    pub p95_ms: Option<f64>,
    /// The minute of its last attempt in that time.
    pub last_at: Option<String>,
    /// Deliveries that ended, in 24 equal steps; null where there was no attempt.
    pub spark: Vec<Option<u64>>,
}

fn percentile_ms(tally: &Tally, part: f64) -> Option<f64> {
    tally.percentile(part).map(|took| (took.as_secs_f64() * 100_000.0).round() / 100.0)
}

fn success_rate(tally: &Tally) -> Option<f64> {
    let ended = tally.delivered + tally.dead;
    (ended > 0).then(|| 100.0 * tally.delivered as f64 / ended as f64)
}

fn wrong(name: &str, expected: &str) -> Error {
    Error::invalid([Problem::new(format!("?{name}"), format!("expected {expected}"))])
}

/// The minutes asked for: `range` up to now, or `since` and `until`.
fn minutes(query: &Query, now: Timestamp, default: &str) -> Result<Range<i64>, Error> {
    let range = query.parsed::<Span>("range", "a span such as 1h")?;
    let since = query.time("since", now)?;
    let until = query.time("until", now)?.unwrap_or(now);
    let span = match (range, since) {
        (Some(_), Some(_)) => return Err(wrong("range", "either range or since")),
        (Some(range), None) => range.0,
        (None, Some(since)) => until.since(since),
        (None, None) => default.parse::<Span>().map_err(|_| wrong("range", "a span"))?.0,
    };
    let minutes = i64::try_from(span.as_secs().div_ceil(60)).unwrap_or(i64::MAX);
    if !(1..=MINUTES_KEPT).contains(&minutes) {
        return Err(wrong("range", "1m to 7d, which is how long minutes are kept"));
    }
    let end = minute_of(until) + 1;
    Ok(end - minutes..end)
}

/// What happened in time, of all endpoints or of one subscription's.
#[utoipa::path(
    get, path = "/api/v1/stats/series", tag = "operation", operation_id = "get_series",
    params(
        ("range" = Option<String>, Query, description = "up to now: 1m to 7d; 1h where absent"),
        ("since" = Option<String>, Query), ("until" = Option<String>, Query),
        ("step" = Option<String>, Query, description = "whole minutes; 1m where absent"),
        ("subscription" = Option<String>, Query),
    ),
    responses((status = 200, body = Series), (status = 422, body = crate::error::Problem))
)]
pub(crate) async fn series(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    let query = Query::read(&request, &["range", "since", "until", "step", "subscription"])?;
    let minutes = minutes(&query, state.system.clock().now(), "1h")?;
    let step = query.parsed::<Span>("step", "a span such as 1m")?.map_or(60, |span| span.0.as_secs());
    let step = i64::try_from(step).unwrap_or(0);
    if step < 60 || step % 60 != 0 {
        return Err(wrong("step", "whole minutes, such as 1m"));
    }
    let step = step / 60;
    // Steps begin at multiples of their length, so that they are the same at each call.
    let first = minutes.start.div_euclid(step) * step;
    if (minutes.end - first) / step > POINTS_MAX {
        return Err(wrong("step", "one that makes at most 2000 points of this range"));
    }
    let subscription = query.text("subscription").map(|id| find(&state, id)).transpose()?;
    let is_all = subscription.is_none();
    let mut points: BTreeMap<i64, Sum> =
        (first..minutes.end).step_by(step as usize).map(|at| (at, Sum::default())).collect();
    let add = |at: i64, accepted: u64, tally: &Tally| {
        let point = points.entry(at.div_euclid(step) * step).or_default();
        point.accepted += accepted;
        point.tally.merge(tally);
    };
    each(&state, subscription.as_deref(), minutes, add).await?;
    let points = points.into_iter();
    let points = points.map(|(at, sum)| Point::new(at * 60_000, is_all.then_some(sum.accepted), &sum.tally)).collect();
    Ok(HttpResponse::Ok().json(Series { step_ms: step as u64 * 60_000, points }))
}

/// Visits each minute: when, events stored, and its attempts, of all endpoints or of one subscription's.
async fn each(
    state: &State,
    subscription: Option<&Subscription>,
    minutes: Range<i64>,
    mut visit: impl FnMut(i64, u64, &Tally),
) -> Result<(), Error> {
    let series = state.system.series();
    let Some(subscription) = subscription else {
        return Ok(series.each_sum(minutes, |at, sum| visit(at, sum.accepted, &sum.tally)).await?);
    };
    let visit_own = |at: i64, minute: &Minute| {
        let own = subscription.endpoints().filter_map(|endpoint| minute.endpoints.get(&endpoint));
        own.for_each(|tally| visit(at, 0, tally));
    };
    Ok(series.each_minute(minutes, visit_own).await?)
}

/// Why attempts failed.
#[utoipa::path(
    get, path = "/api/v1/stats/failures", tag = "operation", operation_id = "get_failures",
    params(("range" = Option<String>, Query), ("since" = Option<String>, Query), ("until" = Option<String>, Query), ("subscription" = Option<String>, Query)),
    responses((status = 200, body = Failures), (status = 422, body = crate::error::Problem))
)]
pub(crate) async fn failures(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    let query = Query::read(&request, &["range", "since", "until", "subscription"])?;
    let minutes = minutes(&query, state.system.clock().now(), "1h")?;
    let subscription = query.text("subscription").map(|id| find(&state, id)).transpose()?;
    let mut sum = Tally::default();
    each(&state, subscription.as_deref(), minutes, |_, _, tally| sum.merge(tally)).await?;
    let causes = sum.causes().into_iter();
    let items = causes.map(|(class, status_code, count)| Cause { class: class.name().into(), status_code, count });
    Ok(HttpResponse::Ok().json(Failures { items: items.collect() }))
}

/// How some subscriptions fared.
#[utoipa::path(
    get, path = "/api/v1/stats/subscriptions", tag = "operation", operation_id = "get_subscription_figures",
    params(("ids" = String, Query, description = "1 to 500, joined by commas"), ("range" = Option<String>, Query, description = "up to now: 1m to 7d; 24h where absent")),
    responses((status = 200, body = SubscriptionFigures), (status = 422, body = crate::error::Problem))
)]
pub(crate) async fn subscriptions(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    let query = Query::read(&request, &["ids", "range"])?;
    let minutes = minutes(&query, state.system.clock().now(), "24h")?;
    let ids: Vec<&str> = query.text("ids").unwrap_or_default().split(',').filter(|id| !id.is_empty()).collect();
    if !(1..=IDS_MAX).contains(&ids.len()) {
        return Err(wrong("ids", "1 to 500 ids, joined by commas"));
    }
    let found: Vec<_> = ids.iter().filter_map(|id| find(&state, id).ok()).collect();
    let mut all: Vec<Faring> = found.iter().map(|_| Faring::default()).collect();
    let add = |at: i64, minute: &Minute| {
        let step = (at - minutes.start) * SPARK_STEPS as i64 / (minutes.end - minutes.start);
        for (subscription, faring) in found.iter().zip(&mut all) {
            let tallies = subscription.endpoints().filter_map(|endpoint| minute.endpoints.get(&endpoint));
            tallies.for_each(|tally| faring.add(at, usize::try_from(step).unwrap_or(0), tally));
        }
    };
    state.system.series().each_minute(minutes.clone(), add).await?;
    let items = found.iter().zip(all).map(|(subscription, faring)| faring.figures(subscription)).collect();
    Ok(HttpResponse::Ok().json(SubscriptionFigures { items }))
}

/// One subscription's figures as they are added up.
#[derive(Default)]
struct Faring {
    sum: Tally,
    last: Option<i64>,
    spark: [Option<u64>; SPARK_STEPS],
}

impl Faring {
    fn add(&mut self, at: i64, step: usize, tally: &Tally) {
        self.sum.merge(tally);
        self.last = self.last.max(Some(at));
        if let Some(spark) = self.spark.get_mut(step) {
            *spark = Some(spark.unwrap_or(0) + tally.delivered + tally.dead);
        }
    }

    fn figures(self, subscription: &Subscription) -> Figures {
        Figures {
            subscription_id: subscription.id.to_string(),
            success_rate: success_rate(&self.sum),
            delivered: self.sum.delivered,
            failed: self.sum.dead,
            p95_ms: percentile_ms(&self.sum, 0.95),
            last_at: self.last.map(|at| Timestamp::from_millis(at * 60_000).to_string()),
            spark: self.spark.to_vec(),
        }
    }
}
