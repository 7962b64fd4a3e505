//! Health: whether everything works, and what does not and why.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};

use crate::{State, error::Error};

/// How the server is.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Health {
    /// `healthy` or `degraded`.
    pub status: String,
    /// The state of each part: `ready`, `degraded` or `down`.
    pub components: BTreeMap<String, String>,
    /// Why each part that is not ready is not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<String, String>,
    /// The store: `ready` or `down`.
    pub store: String,
    /// This server's version.
    pub version: String,
    /// Seconds since the start.
    pub uptime_seconds: u64,
}

/// The store is told apart: `components` are those that a client of the first hour knows.
const STORE: &str = "store";
/// There only where the server speaks TLS itself.
const TLS: &str = "tls";

fn health(state: &State) -> (Health, bool) {
    let found = state.system.health();
    let mut health = Health {
        status: if found.is_healthy { "healthy" } else { "degraded" }.into(),
        components: BTreeMap::new(),
        reasons: BTreeMap::new(),
        store: "ready".into(),
        version: state.options.version.into(),
        uptime_seconds: state.system.uptime().as_secs(),
    };
    for component in found.components {
        if let Some(reason) = component.reason {
            health.reasons.insert(component.name.into(), reason);
        }
        if component.name == STORE {
            health.store = component.state.into();
        } else {
            health.components.insert(component.name.into(), component.state.into());
        }
    }
    if let Some(certificate) = &state.options.certificate {
        let wrong = certificate.borrow().clone();
        health.components.insert(TLS.into(), if wrong.is_some() { "degraded" } else { "ready" }.into());
        if let Some(reason) = wrong {
            health.status = "degraded".into();
            health.reasons.insert(TLS.into(), reason);
        }
    }
    (health, found.is_ready)
}

/// How the server is; always 200, for people.
#[utoipa::path(get, path = "/api/v1/health", tag = "operation", operation_id = "get_health", responses((status = 200, body = Health)))]
pub(crate) async fn get(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok().json(health(&state).0)
}

/// That the process answers, and nothing more.
#[utoipa::path(get, path = "/api/v1/health/live", tag = "operation", operation_id = "get_live", responses((status = 200)))]
pub(crate) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({"status": "alive"}))
}

/// Whether requests can be served: 503 with the reason where not, for load balancers.
#[utoipa::path(get, path = "/api/v1/health/ready", tag = "operation", operation_id = "get_ready", responses((status = 200, body = Health), (status = 503, body = crate::error::Problem)))]
pub(crate) async fn ready(state: web::Data<State>) -> Result<HttpResponse, Error> {
    let (health, is_ready) = health(&state);
    if is_ready {
        return Ok(HttpResponse::Ok().json(health));
    }
    let reasons: Vec<String> = health.reasons.iter().map(|(name, reason)| format!("{name}: {reason}")).collect();
    Err(Error::unavailable("not-ready", reasons.join("; ")))
}
