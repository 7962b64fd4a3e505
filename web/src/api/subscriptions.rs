//! Subscriptions: who wants which events, where.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use loghorn_domain::{
    DeliveryId, Problem, Seq, Subscription, SubscriptionId,
    credentials::MASK,
    secret::Secret,
    subscription::{SHOWN_ONLY, Spec},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use super::{
    Page, circuit, events,
    kept::Kept,
    subscription_body::{SubscriptionBody, SubscriptionPatch},
};
use crate::{
    State,
    error::Error,
    json,
    lists::{self, Query},
};

/// A subscription as it is shown: what a person wrote, and what Loghorn adds.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Shown {
    /// Its id.
    pub id: String,
    /// What a person wrote: `name`, `url`, `events`, `filters`, `headers`, `retry` …
    #[serde(flatten)]
    pub spec: Map<String, Value>,
    /// `active`, `paused` or `disabled`.
    pub state: String,
    /// Why Loghorn itself disabled it.
    pub disabled_reason: Option<String>,
    /// `closed`, `open` or `half_open`; the worst that one of its URLs is in.
    pub circuit: String,
    /// Grows with each change; also in the ETag.
    pub version: u32,
    /// When it was made.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
    /// What its webhooks are signed with; only in the answer to its creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The same as verifiers of Standard Webhooks take it, `whsec_` and base64; only with `secret`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whsec: Option<String>,
}

/// What a test event became.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Tested {
    /// The event.
    pub event_id: String,
    /// The delivery.
    pub delivery_id: String,
}

pub(super) fn shown(state: &State, subscription: &Subscription) -> Shown {
    let spec = match serde_json::to_value(&subscription.spec) {
        Ok(Value::Object(mut spec)) => {
            if let Some(Value::Object(headers)) = spec.get_mut("headers") {
                for (name, value) in headers.iter_mut() {
                    let masked = super::attempts::masked(name, value.as_str().unwrap_or_default());
                    *value = masked.into();
                }
            }
            if let Some(auth) = &subscription.spec.auth {
                spec.insert("auth".into(), auth.masked());
            }
            if let Some(key) = spec.get_mut("tls").and_then(|tls| tls.get_mut("key")) {
                *key = MASK.into();
            }
            for (format, key, _) in subscription.spec.format_keys().into_iter().flatten() {
                if let Some(key) = spec.get_mut(format).and_then(|settings| settings.get_mut(key)) {
                    *key = MASK.into();
                }
            }
            spec
        }
        _ => Map::new(),
    };
    let name = |value: Result<Value, _>| {
        value.ok().and_then(|value: Value| value.as_str().map(str::to_owned)).unwrap_or_default()
    };
    Shown {
        id: subscription.id.to_string(),
        spec,
        state: name(serde_json::to_value(subscription.state()).map_err(drop)),
        disabled_reason: subscription.disabled_reason.clone(),
        circuit: circuit::name(circuit::worst(state, subscription)),
        version: subscription.version,
        created_at: subscription.created_at.to_string(),
        updated_at: subscription.updated_at.to_string(),
        secret: None,
        whsec: None,
    }
}

pub(crate) fn etag(subscription: &Subscription) -> (header::HeaderName, String) {
    (header::ETAG, format!("\"v{}\"", subscription.version))
}

/// Holds `If-Match` against the version that is `current`; the version to insist on, `None` where any will do.
///
/// Proxies that compress make an ETag weak, so a weak one is as good here.
pub(crate) fn if_match(request: &HttpRequest, current: u32) -> Result<Option<u32>, Error> {
    let mut values = request.headers().get_all(header::IF_MATCH).peekable();
    if values.peek().is_none() {
        return Ok(None);
    }
    let ours = format!("\"v{current}\"");
    for tag in values.flat_map(|value| value.to_str().unwrap_or_default().split(',')).map(str::trim) {
        if tag == "*" {
            return Ok(None);
        }
        if tag.strip_prefix("W/").unwrap_or(tag) == ours {
            return Ok(Some(current));
        }
    }
    Err(Error::stale(current))
}

pub(super) async fn object(
    state: &web::Data<State>,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<Map<String, Value>, Error> {
    Query::read(request, &[])?;
    const NESTED: [&str; 9] =
        ["regions", "filters", "auth", "tls", "retry", "rate_limit", "batch", "pagerduty", "opsgenie"];
    let mut object = json::object(state, request, payload, &NESTED).await?;
    // What we show may be sent back.
    for member in SHOWN_ONLY {
        object.remove(member);
    }
    Ok(object)
}

/// Takes out the secret that the caller brings, if any.
pub(super) fn own_secret(object: &mut Map<String, Value>) -> Result<Option<Secret>, Error> {
    let wrong = |detail: String| Error::invalid([Problem::new("/secret", detail)]);
    match object.remove("secret") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Secret::own(text).map(Some).map_err(|error| wrong(error.to_string())),
        Some(_) => Err(wrong("expected a string".into())),
    }
}

fn spec(object: Map<String, Value>) -> Result<Spec, Error> {
    Spec::from_json(Value::Object(object)).map_err(Error::invalid)
}

pub(crate) fn find(state: &State, id: &str) -> Result<Arc<Subscription>, Error> {
    let id: SubscriptionId = id.parse().map_err(|_| Error::not_found("subscription"))?;
    state.system.subscriptions().get(&id).ok_or_else(|| Error::not_found("subscription"))
}

/// Make a subscription. The answer holds its secret, which is shown only here.
#[utoipa::path(post, path = "/api/v1/subscriptions", tag = "subscriptions", operation_id = "create_subscription", request_body = SubscriptionBody, responses((status = 201, body = Shown), (status = 422, body = crate::error::Problem)))]
pub(crate) async fn create(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    let mut object = object(&state, &request, payload).await?;
    let secret = own_secret(&mut object)?;
    let made = state.system.subscriptions().create(spec(object)?, secret).await?;
    Ok(created(&state, &made))
}

fn created(state: &State, made: &Subscription) -> HttpResponse {
    let (secret, whsec) = (made.secret.reveal().to_owned(), made.secret.as_whsec());
    let shown = Shown { secret: Some(secret), whsec: Some(whsec), ..shown(state, made) };
    let location = format!("/api/v1/subscriptions/{}", made.id);
    HttpResponse::Created()
        .insert_header((header::LOCATION, location))
        .insert_header(etag(made))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(shown)
}

/// Subscriptions, oldest first.
#[utoipa::path(get, path = "/api/v1/subscriptions", tag = "subscriptions", operation_id = "list_subscriptions", params(("limit" = Option<usize>, Query), ("cursor" = Option<String>, Query)), responses((status = 200, body = Page<Shown>)))]
pub(crate) async fn list(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    let query = Query::read(&request, &["limit", "cursor"])?;
    let limit = query.limit()?;
    let after = query.cursor("s")?.map(|[millis, endpoint]| (millis, endpoint));
    let place = |subscription: &Subscription| {
        (u64::try_from(subscription.created_at.millis()).unwrap_or(0), u64::from(subscription.endpoint.0))
    };
    let mut all = state.system.subscriptions().list();
    all.sort_by_key(|subscription| place(subscription));
    let mut rest = all.iter().filter(|subscription| after.is_none_or(|after| place(subscription) > after)).peekable();
    let page: Vec<_> = rest.by_ref().take(limit).collect();
    let last = page.last().filter(|_| rest.peek().is_some()).map(|subscription| place(subscription));
    let items: Vec<Shown> = page.iter().map(|subscription| shown(&state, subscription)).collect();
    Ok(HttpResponse::Ok()
        .json(Page { items, next_cursor: last.map(|(millis, endpoint)| lists::cursor("s", &[millis, endpoint])) }))
}

/// One subscription.
#[utoipa::path(get, path = "/api/v1/subscriptions/{id}", tag = "subscriptions", operation_id = "get_subscription", params(("id" = String, Path)), responses((status = 200, body = Shown), (status = 404, body = crate::error::Problem)))]
pub(crate) async fn get(state: web::Data<State>, id: web::Path<String>) -> Result<HttpResponse, Error> {
    let found = find(&state, &id)?;
    Ok(answer(&state, &found))
}

fn answer(state: &State, subscription: &Subscription) -> HttpResponse {
    HttpResponse::Ok().insert_header(etag(subscription)).json(shown(state, subscription))
}

/// Replace what was written. `If-Match` guards against lost updates.
#[utoipa::path(put, path = "/api/v1/subscriptions/{id}", tag = "subscriptions", operation_id = "replace_subscription", params(("id" = String, Path)), request_body = SubscriptionBody, responses((status = 200, body = Shown), (status = 412, body = crate::error::Problem)))]
pub(crate) async fn replace(
    state: web::Data<State>,
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    let found = find(&state, &id)?;
    // The masks stand for what this version holds, so no other may come between.
    let version = Some(if_match(&request, found.version)?.unwrap_or(found.version));
    let mut object = object(&state, &request, payload).await?;
    let kept = Kept::of(&object, &found, false);
    keep_masked(&mut object, &found);
    let spec = spec(object)?;
    kept.check(&found.spec, &spec)?;
    let changed = state.system.subscriptions().update(&found.id, version, spec).await?;
    Ok(answer(&state, &changed))
}

/// Change some members: a JSON merge patch (RFC 7396).
#[utoipa::path(patch, path = "/api/v1/subscriptions/{id}", tag = "subscriptions", operation_id = "patch_subscription", params(("id" = String, Path)), request_body = SubscriptionPatch, responses((status = 200, body = Shown), (status = 412, body = crate::error::Problem)))]
pub(crate) async fn patch(
    state: web::Data<State>,
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    let found = find(&state, &id)?;
    // Between reading and writing nobody else may change it, whether the caller minds or not.
    let version = Some(if_match(&request, found.version)?.unwrap_or(found.version));
    let spec = patched(&found, object(&state, &request, payload).await?)?;
    let changed = state.system.subscriptions().update(&found.id, version, spec).await?;
    Ok(answer(&state, &changed))
}

/// What a merge patch makes of a saved one (RFC 7396); what it keeps of secrets goes only to whom they were given for.
pub(super) fn patched(found: &Subscription, mut patch: Map<String, Value>) -> Result<Spec, Error> {
    let kept = Kept::of(&patch, found, true);
    keep_masked(&mut patch, found);
    let mut merged =
        serde_json::to_value(&found.spec).map_err(|error| loghorn_storage::Error::Damaged(error.to_string().into()))?;
    // Another kind has other members.
    if let (Some(kind), Some(kept)) = (patch.get("auth").and_then(|auth| auth.get("type")), merged.get_mut("auth"))
        && kept.get("type") != Some(kind)
    {
        *kept = Value::Null;
    }
    // So does another format, unless the patch has something to say of them.
    if let Some(format) = patch.get("format").cloned() {
        for member in ["template", "pagerduty", "opsgenie"].into_iter().filter(|member| format != *member) {
            patch.entry(member).or_insert(Value::Null);
        }
    }
    // Its default is a header, and `null` is none.
    let is_unsigned = patch.get("signature_header").is_some_and(Value::is_null);
    merge(&mut merged, Value::Object(patch));
    if is_unsigned {
        merged["signature_header"] = Value::Null;
    }
    let spec = Spec::from_json(merged).map_err(Error::invalid)?;
    kept.check(&found.spec, &spec)?;
    Ok(spec)
}

/// A masked value that is sent back means "as it was".
fn keep_masked(object: &mut Map<String, Value>, found: &Subscription) {
    if let (Some(written), Some(kept)) = (object.get_mut("auth"), &found.spec.auth) {
        kept.unmask(written);
    }
    if let Some(key) = object.get_mut("tls").and_then(|tls| tls.get_mut("key"))
        && *key == MASK
        && let Some(kept) = found.spec.tls.as_ref().and_then(|tls| tls.key.as_ref())
    {
        *key = kept.reveal().into();
    }
    for (format, key, kept) in found.spec.format_keys().into_iter().flatten() {
        if let Some(key) = object.get_mut(format).and_then(|settings| settings.get_mut(key))
            && *key == MASK
        {
            *key = kept.reveal().into();
        }
    }
    let Some(Value::Object(headers)) = object.get_mut("headers") else { return };
    for (name, value) in headers.iter_mut() {
        if let Some(kept) = found.spec.headers.get(name)
            && *value == super::attempts::masked(name, kept).as_str()
        {
            *value = kept.clone().into();
        }
    }
}

/// RFC 7396.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(target) = target.as_object_mut() else { return };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(&name);
        } else {
            merge(target.entry(name).or_insert(Value::Null), value);
        }
    }
}

/// Delete it: nothing more is sent, and what waits is cancelled.
#[utoipa::path(delete, path = "/api/v1/subscriptions/{id}", tag = "subscriptions", operation_id = "delete_subscription", params(("id" = String, Path)), responses((status = 204), (status = 404, body = crate::error::Problem)))]
pub(crate) async fn delete(
    state: web::Data<State>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Error> {
    let found = find(&state, &id)?;
    state.system.subscriptions().delete(&found.id, if_match(&request, found.version)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Send a synthetic, marked event to this subscription alone, through the real path.
#[utoipa::path(post, path = "/api/v1/subscriptions/{id}/test", tag = "subscriptions", operation_id = "test_subscription", params(("id" = String, Path)), responses((status = 202, body = Tested), (status = 409, body = crate::error::Problem)))]
pub(crate) async fn test(state: web::Data<State>, id: web::Path<String>) -> Result<HttpResponse, Error> {
    let found = find(&state, &id)?;
    let sent = state.system.send_test(&found.id).await?;
    let event = state.system.store().log.get(sent.seq).await?.ok_or_else(|| Error::not_found("event"))?;
    let delivery_id = DeliveryId { received_at: event.head.received_at, endpoint: found.endpoint, seq: sent.seq };
    Ok(HttpResponse::Accepted().json(Tested { event_id: sent.id.to_string(), delivery_id: delivery_id.to_string() }))
}

/// Let deliveries queue up.
#[utoipa::path(post, path = "/api/v1/subscriptions/{id}/pause", tag = "subscriptions", operation_id = "pause_subscription", params(("id" = String, Path)), responses((status = 200, body = Shown)))]
pub(crate) async fn pause(
    state: web::Data<State>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Error> {
    set_paused(&state, &request, &id, true).await
}

/// Deliver again, what waits first; one that was disabled is enabled again.
#[utoipa::path(post, path = "/api/v1/subscriptions/{id}/resume", tag = "subscriptions", operation_id = "resume_subscription", params(("id" = String, Path)), responses((status = 200, body = Shown)))]
pub(crate) async fn resume(
    state: web::Data<State>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Error> {
    set_paused(&state, &request, &id, false).await
}

async fn set_paused(state: &State, request: &HttpRequest, id: &str, is_paused: bool) -> Result<HttpResponse, Error> {
    let found = find(state, id)?;
    let version = if_match(request, found.version)?;
    let changed = state.system.subscriptions().set_paused(&found.id, version, is_paused).await?;
    Ok(answer(state, &changed))
}

/// Make a shadow live: what matches from now on is sent.
#[utoipa::path(post, path = "/api/v1/subscriptions/{id}/promote", tag = "subscriptions", operation_id = "promote_subscription", params(("id" = String, Path)), responses((status = 200, body = Shown)))]
pub(crate) async fn promote(
    state: web::Data<State>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Error> {
    let found = find(&state, &id)?;
    let version = if_match(&request, found.version)?;
    let changed = state.system.subscriptions().promote(&found.id, version).await?;
    Ok(answer(&state, &changed))
}

/// What a shadow would have sent: how much in all, and one page of the events.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Shadowed {
    /// Events that matched while it was a shadow; goes on counting beyond what is still kept.
    pub matched: u64,
    /// Events of this page, newest first.
    #[schema(value_type = Vec<Object>)]
    pub items: Vec<Box<RawValue>>,
    /// Continue with `?cursor=`; null on the last page.
    pub next_cursor: Option<String>,
}

/// What a shadow would have sent, newest first.
#[utoipa::path(
    get, path = "/api/v1/subscriptions/{id}/shadow", tag = "subscriptions", operation_id = "get_shadow",
    params(("id" = String, Path), ("limit" = Option<usize>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Shadowed))
)]
pub(crate) async fn shadow(
    state: web::Data<State>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Error> {
    let query = Query::read(&request, &["limit", "cursor"])?;
    let endpoint = find(&state, &id)?.endpoint;
    let before = query.cursor("s")?.map(|[seq]| Seq(seq));
    let page = state.system.store().reads.shadowed(endpoint, before, query.limit()?).await?;
    let items = page.items.iter().map(|event| events::raw(event)).collect::<Result<_, _>>()?;
    let next_cursor = page.next.map(|seq| lists::cursor("s", &[seq.0]));
    let matched = state.system.store().queue.counters_of(endpoint).shadowed;
    Ok(HttpResponse::Ok().json(Shadowed { matched, items, next_cursor }))
}
