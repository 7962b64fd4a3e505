//! The settings that this server runs with.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};

use crate::{Setting, State, error::Error, lists::Query};

/// The settings that this server runs with; there are no secrets among them.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Settings {
    /// All of them.
    pub settings: Vec<Setting>,
}

/// The settings that this server runs with, and where each came from.
#[utoipa::path(get, path = "/api/v1/config", tag = "operation", operation_id = "get_config", responses((status = 200, body = Settings)))]
pub(crate) async fn get(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    Query::read(&request, &[])?;
    Ok(HttpResponse::Ok().json(Settings { settings: state.options.settings.clone() }))
}
