//! The dashboard's sessions: a key, or a link that works once, becomes a cookie.
//!
//! The cookie is `HttpOnly` and `SameSite=Strict`, so no script reads it and no other site makes a browser send it; over
//! TLS it is also `Secure`, with the prefix `__Host-`.

use std::{net::IpAddr, time::Duration};

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    cookie::{Cookie, SameSite, time},
    http::header,
    web,
};
use futures_util::StreamExt;
use loghorn_actors::{Holder, LINK_MAX, SESSION_MAX, Session as Opened};
use loghorn_domain::{
    Problem,
    access::{Scope, Token},
    audit::Act,
};
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::{
    State,
    auth::{self, Call},
    error::Error,
    lists::Query,
};

/// Largest body, in bytes: whoever comes here may be anybody.
const BODY_BYTES_MAX: usize = 4096;
/// How long its body may take.
const BODY_TIME_MAX: Duration = Duration::from_secs(5);

/// What opens a session: one of them.
#[derive(Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionBody {
    /// A key with the scope `read`, `manage` or `admin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(write_only)]
    pub key: Option<String>,
    /// The token of a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(write_only)]
    pub token: Option<String>,
}

/// Who is calling.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Session {
    /// The name of the key; null where none is needed and none was shown.
    pub name: Option<String>,
    /// What it may do.
    pub scope: String,
    /// When the session ends; null for a key.
    pub expires_at: Option<String>,
    /// Whether nobody may call without a key.
    pub key_required: bool,
}

/// A link that lets a browser in, once.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Link {
    /// To be put behind `#login=` in the dashboard's address; null where no key is needed.
    pub token: Option<String>,
    /// Until when it works.
    pub expires_at: Option<String>,
}

/// Open a session: the answer sets its cookie.
#[utoipa::path(
    post, path = "/api/v1/session", tag = "access", operation_id = "open_session", request_body = SessionBody,
    responses((status = 200, body = Session), (status = 401, body = crate::error::Problem), (status = 403, body = crate::error::Problem), (status = 429, body = crate::error::Problem))
)]
pub(crate) async fn open(
    state: web::Data<State>,
    request: HttpRequest,
    mut payload: web::Payload,
) -> Result<HttpResponse, Error> {
    Query::read(&request, &[])?;
    let reading = async {
        let mut bytes = Zeroizing::new(Vec::new());
        while let Some(part) = payload.next().await {
            let part = part.map_err(|_| Error::malformed("the body was cut", "send it whole"))?;
            if bytes.len() + part.len() > BODY_BYTES_MAX {
                return Err(Error::too_large(BODY_BYTES_MAX, state.options.body_bytes_max));
            }
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    };
    // Anybody may call, so nobody may take long.
    let too_slow = |_| Error::too_slow(format!("the body is not there after {} seconds", BODY_TIME_MAX.as_secs()));
    let bytes = timeout(BODY_TIME_MAX, reading).await.map_err(too_slow)??;
    // What serde says may repeat what it read.
    let expected = || Error::invalid([Problem::new("", "expected {\"key\": …} or {\"token\": …}, and one of them")]);
    let body: SessionBody = serde_json::from_slice(&bytes).map_err(|error| match error.classify() {
        Category::Data => expected(),
        _ => Error::malformed("the body is no JSON", "send {\"key\": …} or {\"token\": …}"),
    })?;
    let Some(from) = request.extensions().get::<Call>().map(|call| call.from) else { return Err(expected()) };
    let (keys, sessions) = (state.system.keys(), state.system.sessions());
    if let Some(left) = keys.barred_for(from) {
        return Err(Error::barred(left));
    }
    let opened = match (body.key.map(Zeroizing::new), body.token.map(Zeroizing::new)) {
        (Some(key), None) => sessions.open(&key),
        (None, Some(token)) => sessions.follow(&token),
        _ => return Err(expected()),
    };
    let Some((opened, token)) = opened else {
        keys.wrong_from(from);
        return Err(Error::wrong_key(false));
    };
    let holder = &opened.holder;
    if !holder.scope.includes(Scope::Read) {
        sessions.close(token.reveal());
        return Err(Error::scope(&holder.name, holder.scope, Scope::Read));
    }
    note(&state, holder, "POST", from, 200).await;
    let mut answer = HttpResponse::Ok();
    answer.cookie(cookie(&state, token.reveal())).insert_header((header::CACHE_CONTROL, "no-store"));
    Ok(answer.json(shown(&state, &opened)))
}

async fn note(state: &State, holder: &Holder, method: &str, from: IpAddr, status: u16) {
    let noted = state.system.audit().note(Act {
        who: holder.id.to_string(),
        name: Some(holder.name.to_string()),
        scope: Some(holder.scope),
        method: method.into(),
        route: auth::SESSION.into(),
        target: None,
        from,
        status,
    });
    state.system.audit().written(noted).await;
}

fn shown(state: &State, opened: &Opened) -> Session {
    Session {
        name: Some(opened.holder.name.to_string()),
        scope: opened.holder.scope.name().into(),
        expires_at: Some(opened.until.to_string()),
        key_required: state.options.requires_key,
    }
}

fn cookie<'c>(state: &State, text: &'c str) -> Cookie<'c> {
    let life = time::Duration::seconds(i64::try_from(SESSION_MAX.as_secs()).unwrap_or(0));
    let cookie = Cookie::build(auth::cookie_name(state), text).path("/").http_only(true).same_site(SameSite::Strict);
    cookie.secure(auth::is_over_tls(state)).max_age(life).finish()
}

/// Who is calling: a session, a key, or anybody where none is needed.
#[utoipa::path(get, path = "/api/v1/session", tag = "access", operation_id = "get_session", responses((status = 200, body = Session), (status = 401, body = crate::error::Problem)))]
pub(crate) async fn get(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    Query::read(&request, &[])?;
    let holder = request.extensions().get::<Call>().and_then(|call| call.holder.clone());
    let opened =
        request.cookie(auth::cookie_name(&state)).and_then(|cookie| state.system.sessions().get(cookie.value()));
    let session = match (holder, opened) {
        (Some(holder), Some(opened)) if opened.holder == holder => shown(&state, &opened),
        (holder, _) => Session {
            scope: holder.as_ref().map_or(Scope::Admin, |holder| holder.scope).name().into(),
            name: holder.map(|holder| holder.name.to_string()),
            expires_at: None,
            key_required: state.options.requires_key,
        },
    };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(session))
}

/// End the session.
#[utoipa::path(delete, path = "/api/v1/session", tag = "access", operation_id = "close_session", responses((status = 204)))]
pub(crate) async fn close(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    Query::read(&request, &[])?;
    if let Some(cookie) = request.cookie(auth::cookie_name(&state)) {
        let ended = state.system.sessions().get(cookie.value());
        state.system.sessions().close(cookie.value());
        let from = request.extensions().get::<Call>().map(|call| call.from);
        if let (Some(ended), Some(from)) = (ended, from) {
            note(&state, &ended.holder, "DELETE", from, 204).await;
        }
    }
    let mut gone = cookie(&state, "");
    gone.make_removal();
    Ok(HttpResponse::NoContent().cookie(gone).finish())
}

/// Make a link that lets a browser in, once and within a minute, with what the caller's key may do. A session makes none:
/// it would outlive itself.
#[utoipa::path(post, path = "/api/v1/session/link", tag = "access", operation_id = "make_link", responses((status = 201, body = Link), (status = 403, body = crate::error::Problem)))]
pub(crate) async fn link(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    Query::read(&request, &[])?;
    let pass = request.extensions().get::<Call>().and_then(|call| call.pass);
    let made = pass.map(|pass| state.system.sessions().link(pass));
    let refused =
        || Error::forbidden("a session makes no links: they would outlive it", "show a key, as `loghorn open` does");
    let token: Option<Token> = made.map(|made| made.ok_or_else(refused)).transpose()?;
    let until = state.system.clock().now().plus(LINK_MAX);
    let link = Link {
        expires_at: token.as_ref().map(|_| until.to_string()),
        token: token.map(|token| token.reveal().to_owned()),
    };
    Ok(HttpResponse::Created().insert_header((header::CACHE_CONTROL, "no-store")).json(link))
}
