//! A look at a receiver before its subscription is saved.

use actix_web::{HttpRequest, HttpResponse, web};
use loghorn_actors::{Checked as Seen, Signer};
use loghorn_domain::{Timestamp, subscription::Spec};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    attempts::{Phases, ShownResponse, joined, shown_phases},
    filters,
    subscription_body::Optional,
    subscriptions,
};
use crate::{State, error::Error, lists::Query};

/// Checks at a time; each may take as long as an attempt.
pub(crate) const AT_ONCE: usize = 8;

/// What a receiver made of one signed test webhook.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Checked {
    /// What it came to, as of an attempt: `ok`, `http_4xx`, `dns`, `tls` …
    pub class: String,
    /// The status code, if an answer came.
    pub status_code: Option<u16>,
    /// What went wrong, in words.
    pub error: Option<String>,
    /// How long it took.
    pub duration_ms: f64,
    /// The parts of that, where known.
    pub phases: Phases,
    /// What came back.
    pub response: ShownResponse,
    /// Until when the receiver's certificate is valid, also where it was refused; null where none was seen.
    pub certificate_expires_at: Option<String>,
    /// Whole days until then; negative where it is over.
    pub tls_days: Option<i64>,
}

/// A subscription as it is being written.
#[derive(Serialize, utoipa::ToSchema)]
pub struct CheckBody {
    /// Where the webhook goes; required where no `subscription` is named.
    pub url: Option<String>,
    /// A name for people.
    pub name: Option<String>,
    /// Event types and patterns; the event is sent whether it matches or not.
    pub events: Option<Vec<String>>,
    /// Everything else.
    #[serde(flatten)]
    pub more: Optional,
    /// What signs the webhook; drawn for this call where absent. Not beside `subscription`.
    #[schema(write_only)]
    pub secret: Option<String>,
    /// The id of a saved subscription that is being changed: the rest is a merge patch of it (RFC 7396), and its
    /// secrets sign.
    pub subscription: Option<String>,
    /// The event to send, as `GET /api/v1/events/{id}` shows it; a synthetic one where absent.
    pub event: Option<Value>,
}

/// Send one signed test webhook to a receiver whose subscription is not saved yet. Nothing of it is kept.
#[utoipa::path(
    post, path = "/api/v1/subscriptions/check", tag = "subscriptions", operation_id = "check_receiver", request_body = CheckBody,
    responses((status = 200, body = Checked), (status = 422, body = crate::error::Problem))
)]
pub(crate) async fn check(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    Query::read(&request, &[])?;
    let mut object = subscriptions::object(&state, &request, payload).await?;
    let event = match object.remove("event") {
        None | Some(Value::Null) => None,
        Some(event) => Some(filters::sent_along(&state, "/event", &event)?.0),
    };
    let (spec, signs) = match object.remove("subscription") {
        None | Some(Value::Null) => {
            let secret = subscriptions::own_secret(&mut object)?;
            object.entry("name").or_insert_with(|| "check".into());
            object.entry("events").or_insert_with(|| vec!["**"].into());
            (
                Spec::from_json(Value::Object(object)).map_err(Error::invalid)?,
                secret.map_or(Signer::Drawn, Signer::Secret),
            )
        }
        Some(id) => {
            let found = subscriptions::find(&state, id.as_str().unwrap_or_default())?;
            (subscriptions::patched(&found, object)?, Signer::Saved(found))
        }
    };
    let permit = state.checks.try_acquire();
    let _permit =
        permit.map_err(|_| Error::unavailable("overloaded", format!("{AT_ONCE} receivers are being looked at")))?;
    let seen = state.system.check(spec, signs, event).await?;
    Ok(HttpResponse::Ok().json(shown(seen, state.system.clock().now())))
}

fn shown(seen: Seen, now: Timestamp) -> Checked {
    const DAY_MS: i64 = 24 * 3600 * 1000;
    Checked {
        class: seen.class.name().into(),
        status_code: seen.status_code,
        error: seen.error,
        duration_ms: seen.took.as_secs_f64() * 1000.0,
        phases: shown_phases(seen.phases),
        response: ShownResponse { headers: joined(seen.headers), body: seen.body },
        certificate_expires_at: seen.certificate_until.map(|at| at.to_string()),
        tls_days: seen.certificate_until.map(|at| (at.millis() - now.millis()).div_euclid(DAY_MS)),
    }
}
