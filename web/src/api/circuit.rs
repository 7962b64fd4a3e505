//! The circuit breakers of one subscription: how they stand, and opening, closing and probing them by hand. There is
//! one for each of its URLs.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use loghorn_domain::{
    EndpointNo, Problem, Subscription,
    breaker::{self, Action},
};
use serde::{Deserialize, Serialize};

use super::subscriptions;
use crate::{State, error::Error, json, lists::Query};

/// How the circuit of a subscription's own URL stands, and those of its regions.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Circuit {
    /// Whose.
    pub subscription_id: String,
    /// That of its own URL.
    #[serde(flatten)]
    pub own: Standing,
    /// Those of its regions, by name. A region that is no more is among them while something waits there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub regions: BTreeMap<String, Standing>,
}

/// How a circuit stands.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Standing {
    /// `closed`: attempts flow. `open`: nothing is attempted. `half_open`: one attempt at a time.
    pub circuit: String,
    /// When an open one is probed; null where it is not open, or was opened by hand and stays so.
    pub until: Option<String>,
    /// Deliveries that wait.
    pub waiting: u64,
    /// What happened to it lately, the newest first; at most 20.
    #[serde(default)]
    pub history: Vec<Change>,
}

/// A circuit changed.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = CircuitChange)]
pub struct Change {
    /// When.
    pub at: String,
    /// What it is since then.
    pub circuit: String,
    /// When an open one is probed.
    pub until: Option<String>,
    /// Why, in words.
    pub cause: String,
}

/// What is to be done with a circuit.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CircuitBody {
    /// `open`: attempt nothing until told otherwise. `close`: let attempts flow and forget past failures. `probe`: make
    /// one attempt now, and go by what it comes to.
    #[schema(value_type = String, example = "close")]
    pub action: Action,
    /// Only with the circuit of this region; with all of the subscription where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "eu")]
    pub region: Option<String>,
}

/// The name of a state.
pub(super) fn name(circuit: breaker::Circuit) -> String {
    let name = serde_json::to_value(circuit).ok();
    name.and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The worst that a circuit of this subscription is in.
pub(super) fn worst(state: &State, subscription: &Subscription) -> breaker::Circuit {
    use breaker::Circuit::{Closed, HalfOpen, Open};
    let all: Vec<_> = subscription.endpoints().map(|no| state.system.directory().live(no).circuit().0).collect();
    [Open, HalfOpen].into_iter().find(|worst| all.contains(worst)).unwrap_or(Closed)
}

fn standing(state: &State, endpoint: EndpointNo) -> Standing {
    let (circuit, until) = state.system.directory().live(endpoint).circuit();
    let waiting = state.system.store().queue.counters_of(endpoint).waiting;
    let history = state.system.circuit_changes().of(endpoint).into_iter().map(|change| Change {
        at: change.at.to_string(),
        circuit: name(change.circuit),
        until: change.until.map(|at| at.to_string()),
        cause: change.cause,
    });
    Standing { circuit: name(circuit), until: until.map(|at| at.to_string()), waiting, history: history.collect() }
}

fn shown(state: &State, subscription: &Subscription) -> Circuit {
    let urls = subscription.spec.regions.as_ref().map(|regions| &regions.urls);
    let is_there = |name: &String| urls.is_some_and(|urls| urls.contains_key(name));
    let regions = subscription.regions.iter().map(|(name, endpoint)| (name.clone(), standing(state, *endpoint)));
    Circuit {
        subscription_id: subscription.id.to_string(),
        own: standing(state, subscription.endpoint),
        regions: regions.filter(|(name, standing)| is_there(name) || standing.waiting > 0).collect(),
    }
}

/// How the circuits of this subscription stand.
#[utoipa::path(get, path = "/api/v1/subscriptions/{id}/circuit", tag = "subscriptions", operation_id = "get_circuit", params(("id" = String, Path)), responses((status = 200, body = Circuit), (status = 404, body = crate::error::Problem)))]
pub(crate) async fn get(state: web::Data<State>, id: web::Path<String>) -> Result<HttpResponse, Error> {
    let found = subscriptions::find(&state, &id)?;
    Ok(HttpResponse::Ok().json(shown(&state, &found)))
}

/// Open, close or probe them by hand.
#[utoipa::path(
    post, path = "/api/v1/subscriptions/{id}/circuit", tag = "subscriptions", operation_id = "act_on_circuit", params(("id" = String, Path)), request_body = CircuitBody,
    responses((status = 200, body = Circuit), (status = 409, body = crate::error::Problem), (status = 422, body = crate::error::Problem))
)]
pub(crate) async fn act(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
    id: web::Path<String>,
) -> Result<HttpResponse, Error> {
    Query::read(&request, &[])?;
    let found = subscriptions::find(&state, &id)?;
    let CircuitBody { action, region } = json::read(&state, &request, payload, &[]).await?;
    let endpoints: Vec<EndpointNo> = match region {
        None => found.endpoints().collect(),
        Some(name) => {
            let none = || Error::invalid([Problem::new("/region", "the subscription has no such region")]);
            vec![found.regions.get(&name).copied().ok_or_else(none)?]
        }
    };
    if action == Action::Probe {
        may_probe(&state, &found, &endpoints)?;
    }
    // One that nobody works for keeps none of the others.
    let acts = endpoints.into_iter().map(|endpoint| state.system.act_on_circuit(endpoint, action));
    futures_util::future::join_all(acts).await.into_iter().collect::<Result<(), _>>()?;
    Ok(HttpResponse::Ok().json(shown(&state, &found)))
}

/// Whether a probe would be one: something holds back even that, or there is nothing to find out.
fn may_probe(state: &State, subscription: &Subscription, endpoints: &[EndpointNo]) -> Result<(), Error> {
    let refuse = |detail: &str, remedy: &str| Err(Error::conflict(detail, remedy));
    let is_closed = |no: &EndpointNo| state.system.directory().live(*no).circuit().0 == breaker::Circuit::Closed;
    if !subscription.is_active() {
        refuse(
            "the subscription is disabled: nothing is attempted",
            "enable it first: POST /api/v1/subscriptions/{id}/resume",
        )
    } else if subscription.paused {
        refuse(
            "the subscription is paused: nothing is attempted",
            "resume it first: POST /api/v1/subscriptions/{id}/resume",
        )
    } else if state.system.dispatch_paused_since().is_some() {
        refuse("dispatch is paused: nothing is attempted", "resume it first: POST /api/v1/dispatch/resume")
    } else if endpoints.iter().all(is_closed) {
        refuse(
            "the circuit is closed: attempts are made as ever",
            "try the receiver with a test event: POST /api/v1/subscriptions/{id}/test",
        )
    } else {
        Ok(())
    }
}
