//! CloudEvents 1.0, as structured JSON. <https://github.com/cloudevents/spec>

use serde_json::{Value, json};
use url::form_urlencoded;

use super::view::View;

/// One event.
pub(super) const ONE: &str = "application/cloudevents+json";
/// Several of them.
pub(super) const MANY: &str = "application/cloudevents-batch+json";

pub(super) fn one(view: &View<'_>) -> Value {
    let mut event = json!({
        "specversion": "1.0",
        "id": view.event.id.as_str(),
        "source": reference(view.source()),
        "type": view.event_type(),
        "time": view.event.head.timestamp,
        "datacontenttype": "application/json",
        "data": view.json(),
    });
    // The extension for distributed tracing.
    if let Some(traceparent) = view.event.traceparent() {
        event["traceparent"] = traceparent.into();
    }
    event
}

pub(super) fn many(views: &[View<'_>]) -> Value {
    views.iter().map(one).collect()
}

/// A source as a URI reference: what may not stand in one is percent-encoded.
fn reference(source: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/@+,;=!$&'()*".contains(&b);
    if source.bytes().all(is_plain) {
        return source.to_owned();
    }
    // Whole, where it is a URL already.
    let is_url = || source.contains("://") && url::Url::parse(source).is_ok();
    let is_escaped = || {
        let mut parts = source.split('%');
        parts.next();
        parts.all(|part| part.as_bytes().iter().take(2).filter(|b| b.is_ascii_hexdigit()).count() == 2)
    };
    if source.bytes().all(|b| is_plain(b) || b":?#%[]".contains(&b)) && is_url() && is_escaped() {
        return source.to_owned();
    }
    form_urlencoded::byte_serialize(source.as_bytes()).collect::<String>().replace('+', "%20").replace("%2F", "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_uri_reference() {
        for (source, expected) in [
            ("payment-service", "payment-service"),
            ("/apps/pay", "/apps/pay"),
            ("https://pay.example/a?b=c", "https://pay.example/a?b=c"),
            ("https://pay.example/a%20b", "https://pay.example/a%20b"),
            ("https://pay.example/100%", "https%3A//pay.example/100%25"),
            ("pay service/eu", "pay%20service/eu"),
            ("zahlung-ü", "zahlung-%C3%BC"),
            ("host:80%", "host%3A80%25"),
        ] {
            assert_eq!(reference(source), expected);
            assert!(url::Url::parse("https://base.example/").unwrap().join(expected).is_ok());
        }
    }
}
