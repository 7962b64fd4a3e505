//! The circuit breaker of one subscription's endpoint: how it stands, and opening, closing and probing it by hand.

use actix_web::{HttpRequest, HttpResponse, web};
use loghorn_domain::{Subscription, breaker::Action};
use serde::{Deserialize, Serialize};

use super::subscriptions;
use crate::{State, error::Error, json, lists::Query};

/// How a circuit stands.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Circuit {
    /// Whose endpoint.
    pub subscription_id: String,
    /// `closed`: attempts flow. `open`: nothing is attempted. `half_open`: one attempt at a time.
    pub circuit: String,
    /// When an open one is probed; null where it is not open, or was opened by hand and stays so.
    pub until: Option<String>,
    /// Deliveries that wait.
    pub waiting: u64,
}

/// What is to be done with a circuit.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CircuitBody {
    /// `open`: attempt nothing until told otherwise. `close`: let attempts flow and forget past failures. `probe`: make
    /// one attempt now, and go by what it comes to.
    #[schema(value_type = String, example = "close")]
    pub action: Action,
}

fn shown(state: &State, subscription: &Subscription) -> Circuit {
    let (circuit, until) = state.system.directory().live(subscription.endpoint).circuit();
    let name = serde_json::to_value(circuit).ok().and_then(|name| name.as_str().map(str::to_owned));
    Circuit {
        subscription_id: subscription.id.to_string(),
        circuit: name.unwrap_or_default(),
        until: until.map(|at| at.to_string()),
        waiting: state.system.store().queue.counters_of(subscription.endpoint).waiting,
    }
}

/// How the circuit of this subscription's endpoint stands.
#[utoipa::path(get, path = "/api/v1/subscriptions/{id}/circuit", tag = "subscriptions", params(("id" = String, Path)), responses((status = 200, body = Circuit), (status = 404, body = crate::error::Problem)))]
pub(crate) async fn get(state: web::Data<State>, id: web::Path<String>) -> Result<HttpResponse, Error> {
    let found = subscriptions::find(&state, &id)?;
    Ok(HttpResponse::Ok().json(shown(&state, &found)))
}

/// Open, close or probe it by hand.
#[utoipa::path(
    post, path = "/api/v1/subscriptions/{id}/circuit", tag = "subscriptions", params(("id" = String, Path)), request_body = CircuitBody,
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
    let CircuitBody { action } = json::read(&state, &request, payload, &[]).await?;
    state.system.act_on_circuit(found.endpoint, action).await?;
    Ok(HttpResponse::Ok().json(shown(&state, &found)))
}
