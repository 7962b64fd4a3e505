//! Trying a filter before it is saved, on events of the log or on one that is sent along.

use std::{convert::Infallible, sync::Arc, time::Duration, vec};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{self, Bytes},
};
use futures_util::stream;
use loghorn_domain::{
    Draft, Event, EventId, Pattern, Problem, Seq, Timestamp,
    filter::{Condition, Filter, Pool, Spec, Trial},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::jobs::time;
use crate::{State, body, error::Error, json, lists::Query};

/// Trials at a time; each reads the log as fast as it can.
pub(crate) const AT_ONCE: usize = 4;
/// Events of the log where a sample does not say how many.
const LAST_DEFAULT: u64 = 200;
/// Most events of a sample by number.
const LAST_MAX: u64 = 1_000_000;
/// Events and bytes that are read at a time.
const READ: usize = 2000;
const READ_BYTES: usize = 4 << 20;
/// How long a trial may take, without and with progress shown.
const TIME_MAX: Duration = Duration::from_secs(20);
const TIME_WITH_PROGRESS_MAX: Duration = Duration::from_secs(600);
/// How far the clock may have stepped back without events at the ends being missed.
const CLOCK_SLACK: Duration = Duration::from_secs(3600);
/// How long a trial keeps one of the threads that also decode what comes in.
const SLICE: Duration = Duration::from_millis(20);
/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(200);
/// Most event types and patterns, as in a subscription.
const EVENTS_MAX: usize = 256;

/// What is tried on what.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// Event types and patterns; all events where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, example = json!(["payment.**"]))]
    pub events: Option<Vec<Pattern>>,
    /// The filter, as in a subscription.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub filters: Spec,
    /// The last 200 events where absent.
    #[serde(default)]
    pub sample: Sample,
}

/// Which events.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// The last so many of the log, at most a million.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u64>,
    /// Those received from then on: a time, or a span such as `1h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Those received before; now where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// This one, as it would be sent; it may carry `received_at` and `seq`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Value>,
}

/// What a trial came to.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Report {
    /// Events that were tried.
    pub tested: u64,
    /// Of those, the ones that would be sent.
    pub matched: u64,
    /// Whether all of the sample was tried; if not, time was up.
    pub complete: bool,
    /// The newest events of each kind, matched and not, newest first; at most 200.
    pub results: Vec<Tried>,
    /// For how many events each condition held.
    pub conditions: Vec<Count>,
    /// What would be sent in a minute.
    pub per_minute: PerMinute,
    /// How many events had a value at each path that the filter asks for.
    pub paths: Vec<PathSeen>,
    /// JSONPaths on the event at which no event of a wanted type had a value: misspelt, maybe.
    pub unseen_paths: Vec<String>,
}

/// One event of a trial.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Tried {
    /// Which.
    pub event_id: String,
    /// Its place in the log; null for one that was sent along without.
    pub seq: Option<u64>,
    /// Whether it would be sent.
    pub matched: bool,
    /// Every condition with its result.
    #[schema(value_type = Vec<super::explain::ShownCondition>)]
    pub conditions: Vec<Condition>,
}

/// For how many events a condition held.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Count {
    /// JSON pointer to the condition.
    pub pointer: String,
    /// For so many it held.
    pub passed: u64,
    /// Of so many: all for `/events`, those of a wanted type for the rest.
    pub tested: u64,
}

/// How many events had a value at a path.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PathSeen {
    /// JSONPath on the event.
    #[schema(example = "$.metadata.amount")]
    pub path: String,
    /// So many had a value there.
    pub seen: u64,
    /// Of so many: those of a wanted type.
    pub tested: u64,
}

/// Deliveries a minute.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PerMinute {
    /// Over the time from the first to the last event, at least a minute.
    pub mean: f64,
    /// In the busiest minute.
    pub peak: u64,
}

/// A line of the answer where progress is shown (`Accept: application/x-ndjson`): how far it is, or in the last line
/// the report or what went wrong.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// So many events of so many were tried, so many matched.
    Progress {
        /// Tried.
        tested: u64,
        /// To be tried, about.
        total: u64,
        /// Matched.
        matched: u64,
    },
    /// The end.
    Report(Box<Report>),
    /// The end, without a report.
    Error(String),
}

/// Try a filter on events, saving nothing.
///
/// With `Accept: application/x-ndjson` the answer is a line with progress now and then, and the report in the last one.
#[utoipa::path(
    post, path = "/api/v1/filters/test", tag = "filters", operation_id = "test_filter", request_body = Test,
    responses((status = 200, body = Report), (status = 422, body = crate::error::Problem), (status = 503, body = crate::error::Problem))
)]
pub(crate) async fn test(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    Query::read(&request, &[])?;
    let Test { events, filters, sample } = json::read(&state, &request, payload, &["filters", "sample"]).await?;
    let trial = trial(events, &filters)?;
    if let Some(event) = &sample.event {
        return Ok(HttpResponse::Ok().json(one(&state, trial, &sample, event)?));
    }
    let range = range(&state, &sample).await?;
    let permit = state.trials.clone().try_acquire_owned();
    let permit = permit.map_err(|_| Error::unavailable("overloaded", format!("{AT_ONCE} filters are being tried")))?;
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !accept.contains("ndjson") {
        let report = run(&state, trial, range, TIME_MAX, None).await?;
        return Ok(HttpResponse::Ok().json(report));
    }
    Ok(HttpResponse::Ok().content_type("application/x-ndjson").streaming(lines(state, trial, range, permit)))
}

fn trial(events: Option<Vec<Pattern>>, filters: &Spec) -> Result<Trial, Error> {
    let events = match events {
        Some(events) if (1..=EVENTS_MAX).contains(&events.len()) => events,
        Some(_) => return Err(Error::invalid([Problem::new("/events", "expected 1 to 256 event types or patterns")])),
        None => "**".parse().into_iter().collect(),
    };
    let below = |problem: Problem| Problem::new(format!("/filters{}", problem.pointer), problem.detail);
    let wrong = |problems: Vec<Problem>| Error::invalid(problems.into_iter().map(below));
    Ok(Trial::new(events, Filter::compile(filters, &Pool::default()).map_err(wrong)?))
}

/// The trial of one event that was sent along.
fn one(state: &State, mut trial: Trial, sample: &Sample, json: &Value) -> Result<Report, Error> {
    let wrong = |pointer: &str, detail: String| Error::invalid([Problem::new(format!("/sample{pointer}"), detail)]);
    if sample.last.is_some() || sample.since.is_some() || sample.until.is_some() {
        return Err(wrong("", "expected either `event`, or `last`, or `since` with `until`".into()));
    }
    let (event, seq) = sent_along(state, "/sample/event", json)?;
    trial.take(&Arc::new(event));
    let mut report = report(&trial, true);
    report.results.iter_mut().for_each(|tried| tried.seq = seq);
    Ok(report)
}

/// An event that was sent along, and its seq if it has one. `pointer`: where it stands in the request.
pub(super) fn sent_along(state: &State, pointer: &str, json: &Value) -> Result<(Event, Option<u64>), Error> {
    let wrong = |member: &str, detail: String| Error::invalid([Problem::new(format!("{pointer}{member}"), detail)]);
    let below = |problem: Problem| wrong(&problem.pointer, problem.detail);
    let draft = Draft::from_json(json.to_string().as_bytes()).map_err(below)?;
    let received_at = match json.get("received_at") {
        None | Some(Value::Null) => state.system.clock().now(),
        Some(given) => serde_json::from_value::<Timestamp>(given.clone())
            .map_err(|error| wrong("/received_at", error.to_string()))?,
    };
    let seq = match json.get("seq") {
        None | Some(Value::Null) => None,
        Some(given) => Some(given.as_u64().ok_or_else(|| wrong("/seq", "expected a number from 0 on".into()))?),
    };
    let id = draft.id.clone();
    let new = draft.seal(received_at, state.system.limits()).map_err(below)?;
    let unnamed = || EventId::generated(received_at, 0, Seq(0));
    let event = Event::new(Seq(seq.unwrap_or_default()), id.unwrap_or_else(unnamed), new.head, new.tail);
    Ok((event, seq))
}

/// Events after `after` up to `to`, of which those count that were received within the times.
#[derive(Debug, Clone, Copy)]
struct Range {
    after: Seq,
    to: Seq,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Range {
    fn holds(&self, event: &Event) -> bool {
        let at = event.head.received_at;
        // A test event is none of the log's own.
        event.head.only.is_none()
            && event.seq <= self.to
            && self.since.is_none_or(|since| since <= at)
            && self.until.is_none_or(|until| at < until)
    }
}

async fn range(state: &State, sample: &Sample) -> Result<Range, Error> {
    let wrong = |pointer: &str, detail: &str| Error::invalid([Problem::new(format!("/sample{pointer}"), detail)]);
    let (bounds, now) = (state.system.store().log.bounds(), state.system.clock().now());
    let time_of = |name: &str, text: &Option<String>| {
        text.as_deref().map(|text| time(&format!("/sample/{name}"), text, now)).transpose()
    };
    let (since, until) = (time_of("since", &sample.since)?, time_of("until", &sample.until)?);
    let reads = &state.system.store().reads;
    match (since, sample.last) {
        (Some(_), Some(_)) => Err(wrong("", "expected either `last`, or `since` with `until`")),
        (None, _) if until.is_some() => Err(wrong("/until", "expected `since` beside it")),
        (None, Some(last)) if !(1..=LAST_MAX).contains(&last) => Err(wrong("/last", "expected 1 to 1000000")),
        (None, last) => {
            let after = Seq(bounds.last.0.saturating_sub(last.unwrap_or(LAST_DEFAULT)));
            Ok(Range { after: after.max(bounds.first.previous()), to: bounds.last, since, until })
        }
        (Some(from), None) if until.is_some_and(|until| until <= from) => {
            Err(wrong("/until", "expected a time after `since`"))
        }
        (Some(from), None) => {
            let after = reads.first_since(from.minus(CLOCK_SLACK)).await?.previous();
            let to = match until {
                Some(until) => reads.first_since(until.plus(CLOCK_SLACK)).await?.previous(),
                None => bounds.last,
            };
            Ok(Range { after, to: to.min(bounds.last).max(after), since, until })
        }
    }
}

/// Reads the range and tries each event; `tell` is told how far it is, and `false` from it ends the trial.
async fn run(
    state: &State,
    mut trial: Trial,
    range: Range,
    time_max: Duration,
    tell: Option<&mpsc::Sender<Line>>,
) -> Result<Report, Error> {
    let began = state.system.clock().monotonic();
    let read = |after| state.system.store().reads.scan(after, READ, READ_BYTES);
    let (mut at, mut told, mut is_complete) = (range.after, began, true);
    let mut reading = read(at);
    while at < range.to {
        let events = reading.await?;
        let Some(last) = events.last().map(|event| event.seq) else { break };
        // The next are read while these are tried.
        reading = read(last);
        at = last;
        let mut rest = events.into_iter();
        while rest.len() > 0 {
            (trial, rest) = slice(state, trial, rest, range).await?;
        }
        let now = state.system.clock().monotonic();
        if now.saturating_sub(began) > time_max {
            is_complete = at >= range.to;
            break;
        }
        if let Some(tell) = tell
            && now.saturating_sub(told) >= TELL_EVERY
        {
            told = now;
            let (tested, total) = (at.0 - range.after.0, range.to.0 - range.after.0);
            let line = Line::Progress { tested: tested.min(total), total, matched: trial.matched() };
            if tell.send(line).await.is_err() {
                // Nobody listens any more.
                break;
            }
        }
    }
    body::heavy(state, move || report(&trial, is_complete)).await
}

/// Tries events for about [`SLICE`]; one trial at a time, so that where there are several threads one is left for what
/// comes in.
async fn slice(
    state: &State,
    mut trial: Trial,
    mut events: vec::IntoIter<Arc<Event>>,
    range: Range,
) -> Result<(Trial, vec::IntoIter<Arc<Event>>), Error> {
    if state.system.is_draining() {
        return Err(Error::unavailable("stopping", "the server is stopping"));
    }
    let turn = state.trying.clone().acquire_owned().await;
    let system = state.system.clone();
    body::heavy(state, move || {
        let _turn = turn;
        let began = system.clock().monotonic();
        for event in events.by_ref() {
            if range.holds(&event) {
                trial.take(&event);
            }
            if system.clock().monotonic().saturating_sub(began) >= SLICE {
                break;
            }
        }
        (trial, events)
    })
    .await
}

/// The answer in lines: the trial runs beside it, and ends where the client goes away.
fn lines(
    state: web::Data<State>,
    trial: Trial,
    range: Range,
    permit: OwnedSemaphorePermit,
) -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> {
    let (tell, told) = mpsc::channel(1);
    actix_web::rt::spawn(async move {
        let _permit = permit;
        let line = match run(&state, trial, range, TIME_WITH_PROGRESS_MAX, Some(&tell)).await {
            Ok(report) => Line::Report(Box::new(report)),
            Err(error) => Line::Error(error.to_string()),
        };
        // Nobody may be listening any more.
        let _ = tell.send(line).await;
    });
    stream::unfold(told, |mut told| async move {
        let line: Line = told.recv().await?;
        let mut text = serde_json::to_string(&line).unwrap_or_default();
        text.push('\n');
        Some((Ok(Bytes::from(text)), told))
    })
}

fn report(trial: &Trial, complete: bool) -> Report {
    let per_minute = trial.per_minute();
    Report {
        tested: trial.tested(),
        matched: trial.matched(),
        complete,
        results: trial
            .results()
            .into_iter()
            .map(|judged| Tried {
                event_id: judged.event_id.to_string(),
                seq: Some(judged.seq),
                matched: judged.matched,
                conditions: judged.conditions,
            })
            .collect(),
        conditions: trial
            .conditions()
            .into_iter()
            .map(|counted| Count { pointer: counted.pointer, passed: counted.passed, tested: counted.tested })
            .collect(),
        per_minute: PerMinute { mean: per_minute.mean, peak: per_minute.peak },
        paths: trial
            .paths()
            .into_iter()
            .map(|seen| PathSeen { path: seen.path, seen: seen.seen, tested: seen.tested })
            .collect(),
        unseen_paths: trial.unseen_paths(),
    }
}
