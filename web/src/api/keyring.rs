//! The keyring: what secrets are sealed under, and the change of its master key.

use std::path::PathBuf;

use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use loghorn_domain::Problem;
use serde::{Deserialize, Serialize};

use crate::{State, auth::Call, error::Error, json, lists::Query};

/// Where the new master key is.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateBody {
    /// A file on the server's machine, by its whole path, with mode 600; where absent a key is generated in the place of
    /// the data directory's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_master_key_file: Option<String>,
}

/// What a change of the master key came to.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Rotated {
    /// Where the new key is.
    pub master_key_file: String,
    /// Whether the old key opens the keyring, too, until the server is started with the new one.
    pub restart_needed: bool,
}

/// Change the master key. Only the keyring is written anew; secrets stay sealed as they are, and nothing waits.
#[utoipa::path(
    post, path = "/api/v1/keyring/rotate", tag = "keyring", operation_id = "rotate_keyring", request_body = RotateBody,
    responses((status = 200, body = Rotated), (status = 403, body = crate::error::Problem), (status = 409, body = crate::error::Problem), (status = 422, body = crate::error::Problem))
)]
pub(crate) async fn rotate(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    Query::read(&request, &[])?;
    // Files of this machine are for those who are on it.
    let is_here = request.extensions().get::<Call>().is_some_and(|call| call.from.to_canonical().is_loopback());
    if !is_here {
        return Err(Error::forbidden("the master key is changed from the server's own machine only", "call it there"));
    }
    let RotateBody { new_master_key_file } = json::read(&state, &request, payload, &[]).await?;
    let path = new_master_key_file.map(PathBuf::from);
    if path.as_ref().is_some_and(|path| !path.is_absolute()) {
        return Err(Error::invalid([Problem::new("/new_master_key_file", "expected a whole path, from / on")]));
    }
    // A task of its own: it goes on to its end also where the client goes away meanwhile.
    let system = state.system.clone();
    let rotating = actix_web::rt::spawn(async move { system.vault().rotate(path).await });
    let rotated = rotating.await.map_err(|_| Error::unavailable("interrupted", "the change was interrupted"))??;
    let master_key_file = rotated.path.display().to_string();
    Ok(HttpResponse::Ok().json(Rotated { master_key_file, restart_needed: rotated.is_pending }))
}
