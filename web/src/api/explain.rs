//! Why an event went to a subscription, or did not: as it was decided, and as it would be decided now.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use loghorn_domain::{
    DeliveryId, Event, Seq, Subscription,
    filter::Condition,
    ruling::{Explanation, Ruling},
    subscription::Mode,
};
use loghorn_storage::{DeliveryQuery, DeliveryRecord};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{events, subscriptions};
use crate::{
    State,
    error::Error,
    lists::{self, Query},
};

/// Explanations of one event.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Explained {
    /// The event.
    pub event_id: String,
    /// Its place in the log.
    pub event_seq: u64,
    /// Whether the router has passed it. Where not, nothing is decided yet.
    pub routed: bool,
    /// Why nothing came of the event, if matching it failed and the router passed it over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_aside: Option<String>,
    /// For each subscription how it was decided, and how it would be now.
    pub subscriptions: Vec<OfSubscription>,
    /// Continue with `?cursor=`; null on the last page.
    pub next_cursor: Option<String>,
}

/// One subscription's explanation at one version.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OfSubscription {
    /// Which.
    pub subscription_id: String,
    /// Its name, at this version.
    pub name: String,
    /// The version; null where it is not known which decided, or where there was none yet.
    pub version: Option<u32>,
    /// `live`, or `shadow`: at this version matching events were only counted. Null where that is not known.
    pub mode: Option<String>,
    /// `routed`: as it was decided when the event was routed. `now`: as it would be if the event came in now.
    pub when: String,
    /// Whether it matched. For `routed` where the record is gone: null, unknown.
    pub matched: Option<bool>,
    /// Every condition with its result; it matched if all passed.
    #[schema(value_type = Vec<ShownCondition>)]
    pub conditions: Vec<Condition>,
    /// The delivery of this event to this subscription, if there is one.
    pub delivery_id: Option<String>,
}

/// A [`Condition`], for the API's description; a test holds both together.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Condition)]
pub struct ShownCondition {
    /// JSON pointer to it in the subscription.
    #[schema(example = "/filters/metadata/amount/gt")]
    pub pointer: String,
    /// Whether it holds.
    pub passed: bool,
    /// What was seen in the event; a list where a path selects several values, null where there is none. Of what is
    /// large the beginning, and then `…`.
    pub value: Value,
    /// The same for a person.
    #[schema(example = "metadata.amount is 86.1, not greater than 1000")]
    pub message: String,
    /// What `any`, `all` and `not` are made of.
    #[schema(no_recursion)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<ShownCondition>,
}

/// Why an event went to a subscription, or did not.
#[utoipa::path(
    get, path = "/api/v1/events/{id}/explain", tag = "events", operation_id = "explain_event",
    params(
        ("id" = String, Path), ("subscription" = Option<String>, Query, description = "only this one"),
        ("limit" = Option<usize>, Query, description = "subscriptions on a page"), ("cursor" = Option<String>, Query),
    ),
    responses((status = 200, body = Explained), (status = 404, body = crate::error::Problem))
)]
pub(crate) async fn get(
    state: web::Data<State>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Error> {
    let query = Query::read(&request, &["subscription", "limit", "cursor"])?;
    let (limit, skip) = (query.limit()?, query.cursor::<1>("x")?.map_or(0, |[skip]| skip));
    let event = events::find(&state, &id).await?;
    let all = match query.text("subscription") {
        Some(id) => vec![subscriptions::find(&state, id)?],
        None => state.system.subscriptions().list(),
    };
    let skip = usize::try_from(skip).unwrap_or(usize::MAX);
    let page = all.get(skip..).unwrap_or_default();
    let is_routed = event.seq <= state.system.routed_seq();
    let set_aside = state.system.set_aside(event.seq).await?;
    let mut explained = Vec::new();
    for subscription in page.iter().take(limit) {
        let delivery = delivery(&state, subscription, event.seq).await?;
        // A test event goes to its one subscription, whatever the filter says.
        let is_test = event.head.only.is_some();
        if is_routed && !is_test {
            let mut routed = as_routed(&state, subscription, &event, delivery.as_ref()).await?;
            if let Some(why) = &set_aside {
                let words = format!("the event was set aside: matching it failed: {why}");
                routed.conditions.insert(0, Condition::new("", false, Value::Null, words));
                routed.matched = Some(false);
            }
            explained.push(routed);
        }
        let Explanation { matched, conditions } = match is_test {
            false => left_out(Ruling::of(subscription).explain_as_if_new(&event), subscription, &event),
            true => of_test(subscription, &event),
        };
        let when = if is_test && is_routed { "routed" } else { "now" };
        explained.push(entry(
            subscription,
            Some(subscription.version),
            when,
            Some(matched),
            conditions,
            delivery.as_ref(),
        ));
    }
    let next = (page.len() > limit).then(|| lists::cursor("x", &[(skip + limit) as u64]));
    Ok(HttpResponse::Ok().json(Explained {
        event_id: event.id.to_string(),
        event_seq: event.seq.0,
        routed: is_routed,
        set_aside,
        subscriptions: explained,
        next_cursor: next,
    }))
}

/// The delivery of an event to a subscription, in whichever region; there is one at most.
async fn delivery(state: &State, subscription: &Subscription, seq: Seq) -> Result<Option<DeliveryRecord>, Error> {
    let endpoints = subscription.endpoints().collect();
    let query = DeliveryQuery { limit: 1, endpoints, seq: Some(seq), ..DeliveryQuery::default() };
    Ok(state.system.store().reads.deliveries(query).await?.items.pop())
}

fn entry(
    subscription: &Subscription,
    version: Option<u32>,
    when: &str,
    matched: Option<bool>,
    conditions: Vec<Condition>,
    delivery: Option<&DeliveryRecord>,
) -> OfSubscription {
    let id = |record: &DeliveryRecord| {
        let DeliveryRecord { received_at, endpoint, seq, .. } = *record;
        DeliveryId { received_at, endpoint, seq }.to_string()
    };
    OfSubscription {
        subscription_id: subscription.id.to_string(),
        name: subscription.spec.name.clone(),
        version,
        mode: mode(subscription.spec.mode),
        when: when.into(),
        matched,
        conditions,
        delivery_id: delivery.map(id),
    }
}

fn mode(mode: Mode) -> Option<String> {
    serde_json::to_value(mode).ok()?.as_str().map(str::to_owned)
}

/// The same, where the event is not about the subscription itself.
fn left_out(mut explanation: Explanation, subscription: &Subscription, event: &Event) -> Explanation {
    if event.subject() == Some(subscription.endpoint) {
        let words = "it tells of this very subscription, which therefore does not get it";
        explanation.conditions.insert(0, Condition::new("", false, Value::Null, words));
        explanation.matched = false;
    }
    explanation
}

fn of_test(subscription: &Subscription, event: &Event) -> Explanation {
    let matched = event.head.only == Some(subscription.endpoint);
    let words = if matched { "a test event of this subscription" } else { "a test event of another subscription" };
    Explanation { matched, conditions: vec![Condition::new("", matched, Value::Null, words)] }
}

/// How it was decided, by the version that is on record.
async fn as_routed(
    state: &State,
    subscription: &Arc<Subscription>,
    event: &Event,
    delivery: Option<&DeliveryRecord>,
) -> Result<OfSubscription, Error> {
    let version = state.system.store().queue.decided_by(subscription.endpoint, event.seq).await?;
    let ruling = match version {
        Some(version) => state.system.subscriptions().ruling(subscription, version).await?,
        None => None,
    };
    if let Some(ruling) = ruling {
        let Explanation { matched, conditions } = left_out(ruling.explain(event), subscription, event);
        let entry = entry(subscription, version, "routed", Some(matched), conditions, delivery);
        return Ok(OfSubscription { name: ruling.name, mode: mode(ruling.mode), ..entry });
    }
    // An event is older than the subscription if it was before it that it was received.
    let (matched, words) = match version {
        None if event.head.received_at <= subscription.created_at => {
            (Some(false), "the subscription was not there yet when the event was routed")
        }
        _ => (delivery.map(|_| true), "it is no longer on record by what this was decided"),
    };
    let conditions = vec![Condition::new("", matched.unwrap_or(false), Value::Null, words)];
    Ok(OfSubscription { mode: None, ..entry(subscription, version, "routed", matched, conditions, delivery) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_of_a_condition_is_what_is_shown() {
        let inner = Condition::new("/filters/any/0/levels", true, Value::Null, "x");
        let outer = Condition { conditions: vec![inner], ..Condition::new("/filters/any", true, 1.into(), "y") };
        let described = |condition: &Condition, conditions: Vec<ShownCondition>| ShownCondition {
            pointer: condition.pointer.clone(),
            passed: condition.passed,
            value: condition.value.clone(),
            message: condition.message.clone(),
            conditions,
        };
        let inner = described(&outer.conditions[0], Vec::new());
        let described = described(&outer, vec![inner]);
        assert_eq!(serde_json::to_value(&described).unwrap(), serde_json::to_value(&outer).unwrap());
    }
}
