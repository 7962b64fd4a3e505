//! What is written of a subscription, for the API's description. What is read is [`loghorn_domain::subscription::Spec`];
//! a test holds both together.

use std::collections::BTreeMap;

use serde::Serialize;

/// A new subscription; also what replaces one.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SubscriptionBody {
    /// A name for people; 1–200 characters.
    pub name: String,
    /// Where its webhooks go.
    pub url: String,
    /// Event types and patterns, 1–256: `*` is one part, `**` any number of parts.
    #[schema(example = json!(["log.error", "payment.**"]))]
    pub events: Vec<String>,
    /// What may be left out.
    #[serde(flatten)]
    pub more: Optional,
    /// Its own signing secret, when it is made: 16 to 256 characters, or `whsec_` and base64. Generated where absent.
    #[schema(write_only)]
    pub secret: Option<String>,
}

/// What is to be changed of a subscription: a JSON merge patch (RFC 7396), so `null` puts a member back to its default.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SubscriptionPatch {
    /// A name for people; 1–200 characters.
    pub name: Option<String>,
    /// Where its webhooks go.
    pub url: Option<String>,
    /// Event types and patterns.
    pub events: Option<Vec<String>>,
    /// Everything else.
    #[serde(flatten)]
    pub more: Optional,
}

/// What may be left out of a subscription.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Optional {
    /// What narrows it further; all members must hold.
    pub filters: Option<Filters>,
    /// The form of the body: `standard`.
    #[schema(example = "standard")]
    pub format: Option<String>,
    /// Headers added to each webhook. Values that look like credentials are masked when shown; a masked value that is
    /// sent back means "as it was".
    pub headers: Option<BTreeMap<String, String>>,
    /// The header that carries the plain signature, `X-Webhook-Signature` where absent; `null` leaves it out.
    pub signature_header: Option<String>,
    /// What differs from the server's settings for retries.
    pub retry: Option<Retry>,
    /// The longest an attempt may take, `100ms` to `120s`.
    #[schema(example = "10s")]
    pub timeout: Option<String>,
    /// Whether events are matched at all.
    pub enabled: Option<bool>,
    /// More words for people; at most 4000 characters.
    pub description: Option<String>,
}

/// What narrows a subscription beyond its event types.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Filters {
    /// A regular expression that must match the whole source, or a list of which one must.
    #[schema(value_type = Option<Object>, example = "payment-.*")]
    pub source: Option<serde_json::Value>,
    /// One of these levels.
    #[schema(example = json!(["ERROR", "CRITICAL"]))]
    pub levels: Option<Vec<String>>,
    /// This level or a worse one.
    #[schema(example = "WARNING")]
    pub min_level: Option<String>,
    /// A regular expression that is searched in the message.
    pub message: Option<String>,
    /// A logical expression of RFC 9535 with `@` as the whole event.
    #[serde(rename = "where")]
    #[schema(example = "@.metadata.amount > 1000")]
    pub where_: Option<String>,
}

/// What differs from the server's settings for retries.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Retry {
    /// Attempts in all, the first included; 1–100.
    pub max_attempts: Option<u16>,
    /// The age at which a delivery is given up; at most 30 days.
    #[schema(example = "24h")]
    pub max_age: Option<String>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use loghorn_domain::subscription::Spec;
    use serde_json::{Value, json};

    use super::*;

    fn body() -> Value {
        let text = || Some("10s".to_owned());
        let more = Optional {
            filters: Some(Filters {
                source: Some(json!(["a", "b"])),
                levels: Some(vec!["ERROR".into()]),
                min_level: Some("INFO".into()),
                message: text(),
                where_: Some("@.metadata.a > 1".into()),
            }),
            format: Some("standard".into()),
            headers: Some(BTreeMap::from([("X-Team".into(), "payments".into())])),
            signature_header: Some("X-Signed".into()),
            retry: Some(Retry { max_attempts: Some(3), max_age: text() }),
            timeout: text(),
            enabled: Some(true),
            description: text(),
        };
        let (name, url) = ("n".into(), "https://example.com/".into());
        let body = SubscriptionBody { name, url, events: vec!["**".into()], more, secret: None };
        let mut body = serde_json::to_value(body).unwrap();
        // Taken out before the rest is read.
        body.as_object_mut().unwrap().remove("secret");
        body
    }

    #[test]
    fn it_is_what_is_read() {
        let described = body();
        let read = serde_json::to_value(Spec::from_json(described.clone()).unwrap()).unwrap();
        assert_eq!(read, described);
        let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(names(&read["filters"]), names(&described["filters"]));
    }
}
