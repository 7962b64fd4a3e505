//! The signing secrets of a subscription: which there are, changed with an overlap, revealed one at a time.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use loghorn_domain::{
    Problem, Span, Timestamp,
    rotation::{Numbered, OVERLAP_DEFAULT, OVERLAP_MAX},
    secret::Secret,
};
use serde::{Deserialize, Serialize};

use super::{
    Page,
    subscriptions::{etag, find, if_match},
};
use crate::{State, error::Error, json, lists::Query};

/// A signing secret, without its text.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SigningSecret {
    /// 1 for the first, one more with each change.
    pub number: u32,
    /// `present`, or `previous`: it signs too, until it expires.
    pub state: String,
    /// When it was made.
    pub created_at: String,
    /// Until when it signs; null: until it is replaced.
    pub expires_at: Option<String>,
}

impl SigningSecret {
    fn new(known: &Numbered<'_>) -> Self {
        Self {
            number: known.number,
            state: if known.until.is_none() { "present" } else { "previous" }.into(),
            created_at: known.made_at.to_string(),
            expires_at: known.until.map(|until| until.to_string()),
        }
    }
}

/// How a secret is replaced.
#[derive(Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretRotation {
    /// How long the one before signs too, `0s` to `720h`; `24h` where absent. `0s` ends all earlier ones at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "24h")]
    pub overlap: Option<Span>,
    /// The new one: 16 to 256 characters, or `whsec_` and base64. Generated where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(write_only)]
    pub secret: Option<String>,
}

/// A secret that was just made, or is revealed.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RevealedSecret {
    /// Which it is.
    pub number: u32,
    /// The secret itself.
    pub secret: String,
    /// The same in the form that stock Standard Webhooks verifiers take.
    pub whsec: String,
    /// Those that sign beside the present one, newest first; only in the answer to a change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous: Vec<SigningSecret>,
}

/// The secrets that sign now, the present one first.
#[utoipa::path(get, path = "/api/v1/subscriptions/{id}/secrets", tag = "subscriptions", operation_id = "list_secrets", params(("id" = String, Path)), responses((status = 200, body = Page<SigningSecret>), (status = 404, body = crate::error::Problem)))]
pub(crate) async fn list(
    state: web::Data<State>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Error> {
    Query::read(&request, &["limit", "cursor"])?.limit()?;
    let found = find(&state, &id)?;
    // They are so few that one page holds them all.
    let items: Vec<SigningSecret> =
        found.secrets(state.system.clock().now()).map(|known| SigningSecret::new(&known)).collect();
    Ok(HttpResponse::Ok().json(Page { items, next_cursor: None }))
}

/// Replace the secret. The one before signs too until the overlap is over.
#[utoipa::path(post, path = "/api/v1/subscriptions/{id}/secrets/rotate", tag = "subscriptions", operation_id = "rotate_secret", params(("id" = String, Path)), request_body = SecretRotation, responses((status = 200, body = RevealedSecret), (status = 409, body = crate::error::Problem), (status = 422, body = crate::error::Problem)))]
pub(crate) async fn rotate(
    state: web::Data<State>,
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    Query::read(&request, &[])?;
    let found = find(&state, &id)?;
    let version = if_match(&request, found.version)?;
    let body: SecretRotation = json::read(&state, &request, payload, &[]).await?;
    let wrong = |pointer: &str, detail: String| Error::invalid([Problem::new(pointer, detail)]);
    let overlap = body.overlap.map_or(OVERLAP_DEFAULT, |span| span.0);
    if overlap > OVERLAP_MAX {
        return Err(wrong("/overlap", "expected 0s to 720h (30 days)".into()));
    }
    let secret = body.secret.map(Secret::own).transpose().map_err(|error| wrong("/secret", error.to_string()))?;
    let changed = state.system.subscriptions().rotate(&found.id, version, secret, overlap).await?;
    let mut all = changed.secrets(state.system.clock().now());
    let present = all.next().ok_or_else(|| Error::not_found("secret"))?;
    let previous = all.map(|known| SigningSecret::new(&known)).collect();
    let mut answer = revealed(&present, previous);
    let (name, value) = etag(&changed);
    if let Ok(value) = header::HeaderValue::from_str(&value) {
        answer.headers_mut().insert(name, value);
    }
    Ok(answer)
}

/// Show a secret. That it was shown is in the audit log.
#[utoipa::path(post, path = "/api/v1/subscriptions/{id}/secrets/{number}/reveal", tag = "subscriptions", operation_id = "reveal_secret", params(("id" = String, Path), ("number" = u32, Path)), responses((status = 200, body = RevealedSecret), (status = 404, body = crate::error::Problem)))]
pub(crate) async fn reveal(
    state: web::Data<State>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Error> {
    Query::read(&request, &[])?;
    let (id, number) = path.into_inner();
    let found = find(&state, &id)?;
    let now: Timestamp = state.system.clock().now();
    let known = number.parse().ok().and_then(|number: u32| found.secrets(now).find(|known| known.number == number));
    Ok(revealed(&known.ok_or_else(|| Error::not_found("secret"))?, Vec::new()))
}

fn revealed(known: &Numbered<'_>, previous: Vec<SigningSecret>) -> HttpResponse {
    let secret = known.secret.reveal().to_owned();
    let shown = RevealedSecret { number: known.number, secret, whsec: known.secret.as_whsec(), previous };
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(shown)
}
