//! Whether webhooks go out at all.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};

use crate::{State, error::Error, lists::Query};

/// Whether webhooks go out.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Dispatch {
    /// `running`, or `paused`: nothing is sent, whatever waits is kept, events are taken and matched as ever.
    pub state: String,
    /// Since when it is paused.
    pub since: Option<String>,
    /// Deliveries that wait.
    pub waiting: u64,
    /// Attempts that are under way still.
    pub attempting: u64,
}

fn shown(state: &State) -> HttpResponse {
    let since = state.system.dispatch_paused_since();
    let stats = state.system.delivery_stats(None);
    HttpResponse::Ok().json(Dispatch {
        state: if since.is_some() { "paused" } else { "running" }.into(),
        since: since.map(|since| since.to_string()),
        waiting: stats.queued + stats.retrying,
        attempting: stats.attempting,
    })
}

/// Whether webhooks go out.
#[utoipa::path(get, path = "/api/v1/dispatch", tag = "operation", operation_id = "get_dispatch", responses((status = 200, body = Dispatch)))]
pub(crate) async fn get(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    Query::read(&request, &[])?;
    Ok(shown(&state))
}

/// Hold all webhooks, also over a restart. Attempts under way end; nothing is lost.
#[utoipa::path(post, path = "/api/v1/dispatch/pause", tag = "operation", operation_id = "pause_dispatch", responses((status = 200, body = Dispatch)))]
pub(crate) async fn pause(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    set(&state, &request, true).await
}

/// Let webhooks go out again.
#[utoipa::path(post, path = "/api/v1/dispatch/resume", tag = "operation", operation_id = "resume_dispatch", responses((status = 200, body = Dispatch)))]
pub(crate) async fn resume(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    set(&state, &request, false).await
}

async fn set(state: &State, request: &HttpRequest, is_paused: bool) -> Result<HttpResponse, Error> {
    Query::read(request, &[])?;
    state.system.set_dispatch_paused(is_paused).await?;
    Ok(shown(state))
}
