//! Dead letters in groups: what failed where and why, so that a thousand of one kind are one line.

use std::{cmp::Reverse, collections::HashMap};

use actix_web::{HttpRequest, HttpResponse, web};
use loghorn_domain::{
    Class, DeliveryId, EndpointNo, Timestamp,
    delivery::{Reason, Status},
};
use loghorn_storage::{DeliveryQuery, DeliveryRecord};
use serde::{Deserialize, Serialize};

use super::deliveries;
use crate::{
    State,
    error::Error,
    lists::{self, Query},
};

/// Only so many of the newest dead letters are looked at.
const LOOKED_AT_MAX: u64 = 100_000;
/// Dead letters that are read at a time.
const STEP: usize = 1000;
/// Most samples in a group.
const SAMPLES_MAX: usize = 3;
/// What narrows the groups.
const KNOWN: [&str; 7] = ["subscription", "event", "code", "class", "since", "limit", "cursor"];

/// Dead letters of one URL of a subscription that died for the same cause.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Group {
    /// How many.
    pub count: u64,
    /// Whose; null where it was deleted.
    pub subscription_id: Option<String>,
    /// Its name.
    pub subscription_name: Option<String>,
    /// Where they were to go, as it is now.
    pub url: Option<String>,
    /// Why they are dead letters.
    pub reason: Option<String>,
    /// The class of the last attempt.
    pub last_class: Option<String>,
    /// The status code of the last attempt.
    pub last_status_code: Option<u16>,
    /// When the oldest event was received.
    pub oldest: String,
    /// When the newest event was received.
    pub newest: String,
    /// What went wrong in the last attempt of the newest, in words.
    pub last_error: Option<String>,
    /// Ids of a few, the newest first.
    pub samples: Vec<String>,
}

/// Dead letters in groups, the largest first.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Groups {
    /// The groups.
    pub items: Vec<Group>,
    /// Dead letters that were counted.
    pub counted: u64,
    /// Whether those are all, and no more groups follow. Only the newest 100,000 are looked at.
    pub complete: bool,
    /// Where the next page begins. What died or was replayed since may have moved groups from one page to another.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// What the members of a group have in common.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Cause {
    endpoint: EndpointNo,
    reason: Option<Reason>,
    class: Option<Class>,
    status_code: Option<u16>,
}

struct Gathered {
    count: u64,
    oldest: Timestamp,
    newest: Timestamp,
    samples: Vec<DeliveryId>,
}

/// The dead letters by subscription and cause, so that many of one kind are one line; the largest group first.
#[utoipa::path(
    get, path = "/api/v1/dead-letters/groups", tag = "dead letters", operation_id = "group_dead_letters",
    params(
        ("subscription" = Option<String>, Query), ("event" = Option<String>, Query), ("code" = Option<u16>, Query),
        ("class" = Option<String>, Query), ("since" = Option<String>, Query), ("limit" = Option<usize>, Query),
        ("cursor" = Option<String>, Query),
    ),
    responses((status = 200, body = Groups))
)]
pub(crate) async fn groups(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    let query = Query::read(&request, &KNOWN)?;
    let limit = query.limit()?;
    let [from] = query.cursor("g")?.unwrap_or_default();
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    let narrowed = deliveries::narrowed(&state, &query).await?;
    let mut narrowed = DeliveryQuery { status: vec![Status::DeadLetter], limit: STEP, ..narrowed };
    let (mut gathered, mut counted) = (HashMap::new(), 0);
    let is_all = loop {
        let page = state.system.store().reads.deliveries(narrowed.clone()).await?;
        counted += page.items.len() as u64;
        page.items.iter().for_each(|record| gather(&mut gathered, record));
        narrowed.after = page.next;
        if narrowed.after.is_none() || counted >= LOOKED_AT_MAX {
            break narrowed.after.is_none();
        }
    };
    let mut found: Vec<(Cause, Gathered)> = gathered.into_iter().collect();
    found.sort_by_key(|(cause, group)| (Reverse(group.count), Reverse(group.newest), cause.endpoint));
    let upto = from.saturating_add(limit);
    let next_cursor = (found.len() > upto).then(|| lists::cursor("g", &[upto as u64]));
    let complete = is_all && next_cursor.is_none();
    let mut items = Vec::new();
    for (cause, group) in found.into_iter().skip(from).take(limit) {
        items.push(shown(&state, cause, &group).await?);
    }
    Ok(HttpResponse::Ok().json(Groups { items, counted, complete, next_cursor }))
}

fn gather(groups: &mut HashMap<Cause, Gathered>, record: &DeliveryRecord) {
    let DeliveryRecord { endpoint, seq, received_at, reason, .. } = *record;
    let cause = Cause { endpoint, reason, class: record.last_class, status_code: record.last_status_code };
    let group = groups.entry(cause).or_insert_with(|| Gathered {
        count: 0,
        oldest: received_at,
        newest: received_at,
        samples: Vec::new(),
    });
    group.count += 1;
    group.oldest = group.oldest.min(received_at);
    group.newest = group.newest.max(received_at);
    if group.samples.len() < SAMPLES_MAX {
        group.samples.push(DeliveryId { received_at, endpoint, seq });
    }
}

async fn shown(state: &State, cause: Cause, group: &Gathered) -> Result<Group, Error> {
    let last_error = match group.samples.first() {
        None => None,
        Some(newest) => {
            let found = state.system.store().reads.delivery(newest.endpoint, newest.seq).await?;
            found.and_then(|(_, attempts)| attempts.into_iter().next_back()).and_then(|attempt| attempt.error)
        }
    };
    let subscription = state.system.subscriptions().by_endpoint(cause.endpoint);
    Ok(Group {
        count: group.count,
        subscription_id: subscription.as_ref().map(|found| found.id.to_string()),
        subscription_name: subscription.as_ref().map(|found| found.spec.name.clone()),
        url: subscription.map(|found| found.url_of(cause.endpoint).to_owned()),
        reason: cause.reason.map(|reason| reason.name().into()),
        last_class: cause.class.map(|class| class.name().into()),
        last_status_code: cause.status_code,
        oldest: group.oldest.to_string(),
        newest: group.newest.to_string(),
        last_error,
        samples: group.samples.iter().map(ToString::to_string).collect(),
    })
}
