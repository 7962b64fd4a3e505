//! What a webhook would look like, before it is sent.

use std::{collections::BTreeMap, sync::Arc};

use actix_web::{HttpRequest, HttpResponse, web};
use loghorn_domain::{
    Event, Problem,
    credentials::MASK,
    format::{Format, Formatter},
    subscription::Spec,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{attempts::constant_headers, events, filters::sent_along, subscriptions};
use crate::{State, error::Error, json, lists::Query};

/// What is to be shown.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Preview {
    /// As this subscription would send it, by its id; members beside it win.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription: Option<String>,
    /// As in a subscription; `standard` where nothing says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "slack")]
    pub format: Option<Format>,
    /// As in a subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// As in a subscription. Of interest for its `Content-Type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<String, String>>,
    /// This event of the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// This event, as it would be sent. One that is made up where neither is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub event: Option<Value>,
}

/// A webhook as it would be sent, but for its id, time and signatures.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Previewed {
    /// Its form.
    pub format: String,
    /// By name; what looks like a credential is masked.
    pub headers: BTreeMap<String, String>,
    /// Its body as text; keys in it are masked.
    pub body: String,
}

/// Show what a webhook would look like. Nothing is saved or sent.
#[utoipa::path(
    post, path = "/api/v1/formats/preview", tag = "formats", request_body = Preview,
    responses((status = 200, body = Previewed), (status = 404, body = crate::error::Problem), (status = 422, body = crate::error::Problem))
)]
pub(crate) async fn preview(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    Query::read(&request, &[])?;
    let preview: Preview = json::read(&state, &request, payload, &["headers"]).await?;
    let event = event(&state, &preview).await?;
    let (spec, id) = spec(&state, preview)?;
    let wrong = |why: String| Error::invalid([Problem::new("/template", why)]);
    let formatter = Formatter::of_spec(&spec, id).map_err(wrong)?;
    let payload = formatter.one(&event).map_err(wrong)?;
    let mut headers = BTreeMap::from([("content-type".to_owned(), payload.content_type.to_owned())]);
    headers.extend(constant_headers(&state, &spec, Some(&formatter)));
    let body = String::from_utf8_lossy(&payload.body).into_owned();
    Ok(HttpResponse::Ok().json(Previewed { format: spec.format.name().into(), headers, body }))
}

async fn event(state: &State, preview: &Preview) -> Result<Arc<Event>, Error> {
    match (&preview.event_id, &preview.event) {
        (Some(_), Some(_)) => Err(Error::invalid([Problem::new("/event", "expected either `event` or `event_id`")])),
        (Some(id), None) => events::find(state, id).await,
        (None, Some(event)) => Ok(Arc::new(sent_along(state, "/event", event)?.0)),
        (None, None) => Ok(Arc::new(sent_along(state, "", &sample())?.0)),
    }
}

/// An event as there are many.
fn sample() -> Value {
    json!({
        "id": "evt_sample", "seq": 1, "event_type": "log.error", "source": "payment-service",
        "message": "Credit card processing timeout", "metadata": {"transaction_id": "tx_12345", "amount": 1250.5},
    })
}

/// What decides about the form, with masks for keys: they are of no use to whoever looks.
fn spec(state: &State, preview: Preview) -> Result<(Spec, String), Error> {
    let (mut spec, id) = match &preview.subscription {
        Some(id) => {
            let found = subscriptions::find(state, id)?;
            (found.spec.clone(), found.id.to_string())
        }
        None => (with(&json!({}))?, "sub_sample".into()),
    };
    spec.format = preview.format.unwrap_or(spec.format);
    spec.template = preview.template.or(spec.template);
    if spec.format == Format::Template && spec.template.is_none() {
        return Err(Error::invalid([Problem::new("/template", "missing: this format needs the template itself")]));
    }
    let keys: Spec = with(&json!({"pagerduty": {"routing_key": MASK}, "opsgenie": {"api_key": MASK}}))?;
    (spec.pagerduty, spec.opsgenie) = (keys.pagerduty, keys.opsgenie);
    if let Some(headers) = &preview.headers {
        spec.headers = with(&json!({"headers": headers}))?.headers.clone();
    }
    Ok((spec, id))
}

/// A subscription with these members, which is not checked.
fn with(members: &Value) -> Result<Spec, Error> {
    let mut spec = json!({"name": "preview", "url": "https://example.com/", "events": ["**"]});
    for (name, value) in members.as_object().into_iter().flatten() {
        spec[name] = value.clone();
    }
    serde_path_to_error::deserialize(spec).map_err(|error| Error::invalid([Problem::of_json(&error)]))
}
