//! Keys: made, listed, revoked. A key's text stands in the answer to its creation and nowhere else.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use loghorn_domain::{
    KeyId, Problem, Span, Timestamp,
    access::{Key as Record, Scope},
};
use serde::{Deserialize, Serialize};

use super::Page;
use crate::{
    State,
    error::Error,
    json,
    lists::{self, Query},
};

/// A key, without its text.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Key {
    /// What to name it by; no secret.
    pub id: String,
    /// Whose or what for.
    pub name: String,
    /// `ingest`, `read`, `manage` or `admin`.
    pub scope: String,
    /// `active`, `expired` or `revoked`.
    pub state: String,
    /// When it was made.
    pub created_at: String,
    /// From then on it is worth nothing; null: it does not expire.
    pub expires_at: Option<String>,
    /// When it was last used. After a restart it may be a minute too early.
    pub last_used_at: Option<String>,
    /// When it was revoked.
    pub revoked_at: Option<String>,
}

impl Key {
    fn new(key: &Record, now: Timestamp) -> Self {
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        Self {
            id: key.id.to_string(),
            name: key.name.clone(),
            scope: key.scope.name().into(),
            state: key.standing(now).name().into(),
            created_at: key.created_at.to_string(),
            expires_at: text(key.expires_at),
            last_used_at: text(key.last_used_at),
            revoked_at: text(key.revoked_at),
        }
    }
}

/// The key to be made.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyBody {
    /// Whose or what for: 1 to 100 characters.
    #[schema(example = "payment service")]
    pub name: String,
    /// `ingest`: send events. `read`: read. `manage`: both, and change subscriptions, deliveries and jobs. `admin`:
    /// everything.
    #[schema(value_type = String, example = "ingest")]
    pub scope: Scope,
    /// How long it is good for; for ever where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "90d")]
    pub expires_in: Option<Span>,
}

/// A key that was just made.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NewKey {
    /// What to name it by; no secret.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub scope: String,
    /// The key itself, shown only here.
    pub key: String,
    /// When it was made.
    pub created_at: String,
    /// From then on it is worth nothing.
    pub expires_at: Option<String>,
}

const NAME_CHARS_MAX: usize = 100;

fn check(body: &KeyBody) -> Result<(), Error> {
    let mut problems = Vec::new();
    let chars = body.name.chars().count();
    if !(1..=NAME_CHARS_MAX).contains(&chars) || body.name.chars().any(char::is_control) {
        problems.push(Problem::new("/name", format!("expected 1 to {NAME_CHARS_MAX} characters on one line")));
    }
    if body.expires_in.is_some_and(|span| span.0.is_zero()) {
        problems.push(Problem::new("/expires_in", "expected a span such as 90d, or nothing"));
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::invalid(problems)) }
}

/// Make a key. The answer is the only place that shows it.
#[utoipa::path(
    post, path = "/api/v1/keys", tag = "access", operation_id = "create_key", request_body = KeyBody,
    responses((status = 201, body = NewKey), (status = 409, body = crate::error::Problem), (status = 422, body = crate::error::Problem))
)]
pub(crate) async fn create(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    Query::read(&request, &[])?;
    let body: KeyBody = json::read(&state, &request, payload, &[]).await?;
    check(&body)?;
    let (key, token) = state.system.keys().create(body.name, body.scope, body.expires_in).await?;
    let location = format!("/api/v1/keys/{}", key.id);
    let made = NewKey {
        id: key.id.to_string(),
        name: key.name,
        scope: key.scope.name().into(),
        key: token.reveal().into(),
        created_at: key.created_at.to_string(),
        expires_at: key.expires_at.map(|at| at.to_string()),
    };
    let mut answer = HttpResponse::Created();
    Ok(answer.insert_header((header::LOCATION, location)).insert_header((header::CACHE_CONTROL, "no-store")).json(made))
}

/// Keys, newest first, those that let nobody in any more included.
#[utoipa::path(
    get, path = "/api/v1/keys", tag = "access", operation_id = "list_keys",
    params(("limit" = Option<usize>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<Key>))
)]
pub(crate) async fn list(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    let query = Query::read(&request, &["limit", "cursor"])?;
    let (limit, skip) = (query.limit()?, query.cursor("k")?.map_or(0, |[skip]| skip));
    let (now, skip) = (state.system.clock().now(), usize::try_from(skip).unwrap_or(usize::MAX));
    let all = state.system.keys().list();
    let mut all = all.iter().rev().skip(skip).map(|key| Key::new(key, now));
    let items: Vec<Key> = all.by_ref().take(limit).collect();
    let next = all.next().map(|_| lists::cursor("k", &[(skip + items.len()) as u64]));
    Ok(HttpResponse::Ok().json(Page { items, next_cursor: next }))
}

/// Revoke a key: it lets nobody in any more, from the answer on.
#[utoipa::path(
    delete, path = "/api/v1/keys/{id}", tag = "access", operation_id = "revoke_key", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = crate::error::Problem))
)]
pub(crate) async fn revoke(state: web::Data<State>, path: web::Path<String>) -> Result<HttpResponse, Error> {
    let id: KeyId = path.parse().map_err(|_| Error::not_found("key"))?;
    state.system.keys().revoke(&id).await?;
    Ok(HttpResponse::NoContent().finish())
}
