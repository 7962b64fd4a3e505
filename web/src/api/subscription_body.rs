//! What is written of a subscription, for the API's description. What is read is [`loghorn_domain::subscription::Spec`];
//! a test holds both together.

use std::collections::BTreeMap;

use serde::Serialize;

/// A new subscription; also what replaces one.
#[derive(Serialize, utoipa::ToSchema)]
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

/// What is to be changed of a subscription: a JSON merge patch (RFC 7396), so `null` puts a member back to its default;
/// `signature_header` alone has a meaning for it, none.
#[derive(Serialize, utoipa::ToSchema)]
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
#[derive(Serialize, utoipa::ToSchema)]
pub struct Optional {
    /// What narrows it further; all members must hold.
    pub filters: Option<Filters>,
    /// Other URLs, for events that name a region.
    pub regions: Option<Regions>,
    /// `live`, or `shadow`: matching events are counted and shown, but not sent, until it is promoted.
    #[schema(example = "live")]
    pub mode: Option<String>,
    /// The form of the body: `standard`, `slack`, `pagerduty`, `discord`, `teams`, `opsgenie`, `cloudevents` or `template`.
    #[schema(example = "standard")]
    pub format: Option<String>,
    /// The body in MiniJinja, for the format `template`; at most 64 KiB. It knows `event`, `events` and `subscription`,
    /// and makes JSON unless `headers` have another `Content-Type`.
    #[schema(example = r#"{"text": "{{ event.level }} {{ event.message }}"}"#)]
    pub template: Option<String>,
    /// For the format `pagerduty`.
    pub pagerduty: Option<Pagerduty>,
    /// For the format `opsgenie`.
    pub opsgenie: Option<Opsgenie>,
    /// Headers added to each webhook. Values that look like credentials are masked when shown; a masked value that is
    /// sent back means "as it was".
    pub headers: Option<BTreeMap<String, String>>,
    /// What lets them in at their receiver. What is secret in it is masked when shown; a masked value that is sent back
    /// means "as it was".
    pub auth: Option<Auth>,
    /// How its receiver is spoken to by TLS; as every other where absent.
    pub tls: Option<Tls>,
    /// The header that carries the plain signature, `X-Webhook-Signature` where absent; `null` leaves it out.
    pub signature_header: Option<String>,
    /// `high`, `normal` or `low`: its share where all endpoints together wait for a turn. Where absent `normal`, and
    /// `high` for events of level CRITICAL.
    #[schema(example = "normal")]
    pub priority: Option<String>,
    /// What differs from the server's settings for retries.
    pub retry: Option<Retry>,
    /// How many attempts may begin in a time; no limit where absent.
    pub rate_limit: Option<RateLimit>,
    /// How many events go in one webhook; one where absent.
    pub batch: Option<Batch>,
    /// `none`, or `strict`: one delivery at a time in the order of the log. While the oldest is retried everything
    /// behind it waits.
    #[schema(example = "none")]
    pub ordering: Option<String>,
    /// `each`, or `digest`: after an outage one webhook tells of everything that waits.
    #[schema(example = "each")]
    pub on_recovery: Option<String>,
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
    /// By path within the metadata, dotted (`card.brand`) or a JSONPath (`$.items[*].sku`): a value that must be equal,
    /// a list of which one must, or an object of the operators `eq ne gt gte lt lte in not_in exists regex prefix
    /// suffix contains`, which must all hold for the same value.
    #[schema(value_type = Option<Object>, example = json!({"amount": {"gt": 1000}, "card.brand": ["visa", "amex"]}))]
    pub metadata: Option<BTreeMap<String, serde_json::Value>>,
    /// A logical expression of RFC 9535 with `@` as the whole event.
    #[serde(rename = "where")]
    #[schema(example = "@.metadata.amount > 1000")]
    pub where_: Option<String>,
    /// When the event was received, on the clock of a time zone.
    pub schedule: Option<Schedule>,
    /// One of these must hold.
    #[schema(no_recursion)]
    pub any: Option<Vec<Filters>>,
    /// All of these must hold.
    #[schema(no_recursion)]
    pub all: Option<Vec<Filters>>,
    /// This must not hold.
    #[schema(no_recursion)]
    pub not: Option<Box<Filters>>,
}

/// Days and hours.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Schedule {
    /// A time zone of the IANA database; UTC where absent.
    #[schema(example = "Europe/Berlin")]
    pub timezone: Option<String>,
    /// Days and ranges of days; every day where absent.
    #[schema(example = json!(["mon-fri"]))]
    pub days: Option<Vec<String>>,
    /// From then on; `00:00` where absent.
    #[schema(example = "09:00")]
    pub from: Option<String>,
    /// Until before then; `24:00` where absent. Not after `from`: it is on the next day.
    #[schema(example = "17:00")]
    pub to: Option<String>,
    /// Not on these dates.
    #[schema(example = json!(["2026-12-25"]))]
    pub except: Option<Vec<String>>,
}

/// Other URLs, by a value inside the event. Each has its own queue, circuit breaker and window, and holds up no other.
/// An event without that value, or with one that stands for no region, goes to the subscription's `url`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Regions {
    /// Where the value stands: `source`, `level`, `event_type`, or a dotted path within the metadata.
    #[schema(example = "metadata.region")]
    pub by: String,
    /// The URL for each value; 1–64, each named in 1–64 characters.
    #[schema(example = json!({"eu": "https://eu.example.com/hook"}))]
    pub urls: BTreeMap<String, String>,
}

/// Where events of PagerDuty go.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Pagerduty {
    /// The integration key of a service: 32 letters and digits. Masked when shown; the mask sent back means "as it was".
    pub routing_key: String,
}

/// Who makes alerts in Opsgenie.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Opsgenie {
    /// The key of an API integration. Masked when shown; the mask sent back means "as it was".
    pub api_key: String,
}

/// What lets webhooks in at their receiver.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Auth {
    /// `Authorization: Basic …`.
    Basic {
        /// Without a colon.
        username: String,
        /// At most 4096 bytes.
        password: String,
    },
    /// `Authorization: Bearer …`.
    Bearer {
        /// Letters, digits and `-._~+/=`.
        token: String,
    },
    /// A header of the receiver's own choice.
    Header {
        /// Its name.
        #[schema(example = "X-Api-Key")]
        name: String,
        /// Its value.
        value: String,
    },
    /// `Authorization: Bearer …` with a token that is fetched and renewed: OAuth 2.0 client credentials.
    Oauth2 {
        /// Where tokens are fetched; held to the same rules as a webhook's URL.
        #[schema(example = "https://login.example.com/oauth/token")]
        token_url: String,
        /// Who asks.
        client_id: String,
        /// What proves it.
        client_secret: String,
        /// What the token is to be good for; parted by spaces.
        scope: Option<String>,
        /// Whom the token is for, where the server wants to know.
        audience: Option<String>,
        /// `basic`: id and secret go in `Authorization`; `post`: in the body. `basic` where absent.
        client_auth: Option<String>,
    },
}

/// How a receiver is spoken to by TLS; all of it in PEM. It is verified always, by its name too.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Tls {
    /// The authorities that may vouch for the receiver, instead of the platform's; at most 64 KiB.
    pub ca: Option<String>,
    /// The certificate that is shown to a receiver that asks for one, with those that vouch for it; at most 32 KiB.
    pub certificate: Option<String>,
    /// The key of that certificate (PKCS#8, SEC1 or PKCS#1), at most 16 KiB. Masked when shown; the mask sent back means
    /// "as it was".
    pub key: Option<String>,
}

/// How many attempts may begin in a time.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RateLimit {
    /// In a second on average; may be a fraction. After a pause as many at once.
    #[schema(example = 50)]
    pub per_second: f64,
}

/// How many events go in one webhook, as `{"type":"batch","timestamp":…,"data":[{event},…]}`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Batch {
    /// At most so many, 1–256; 1 is no batch at all.
    #[schema(example = 100)]
    pub max_events: u16,
    /// The longest an event waits for others, `0s` (where absent: what waits already goes together) to `5m`.
    #[schema(example = "5s")]
    pub max_wait: Option<String>,
    /// Largest body in bytes, unless a single event is larger: 1024 to 16777216; 262144 where absent.
    #[schema(example = 262_144)]
    pub max_bytes: Option<u32>,
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

    fn filters(inner: impl Fn() -> Option<Filters>) -> Filters {
        let text = |text: &str| Some(text.to_owned());
        Filters {
            source: Some(json!(["a", "b"])),
            levels: Some(vec!["ERROR".into()]),
            min_level: text("INFO"),
            message: text("x"),
            metadata: Some(BTreeMap::from([("a".into(), json!({"gt": 1}))])),
            where_: text("@.metadata.a > 1"),
            schedule: Some(Schedule {
                timezone: text("Europe/Berlin"),
                days: Some(vec!["mon-fri".into()]),
                from: text("09:00"),
                to: text("17:00"),
                except: Some(vec!["2026-12-25".into()]),
            }),
            any: inner().map(|inner| vec![inner]),
            all: inner().map(|inner| vec![inner]),
            not: inner().map(Box::new),
        }
    }

    fn body() -> Value {
        let text = || Some("10s".to_owned());
        let more = Optional {
            filters: Some(filters(|| Some(filters(|| None)))),
            regions: Some(Regions {
                by: "metadata.region".into(),
                urls: BTreeMap::from([("eu".into(), "https://eu.example.com/".into())]),
            }),
            mode: Some("shadow".into()),
            format: Some("standard".into()),
            template: None,
            pagerduty: None,
            opsgenie: None,
            headers: Some(BTreeMap::from([("X-Team".into(), "payments".into())])),
            auth: Some(Auth::Oauth2 {
                token_url: "https://login.example.com/token".into(),
                client_id: "c".into(),
                client_secret: "s".into(),
                scope: Some("a b".into()),
                audience: Some("w".into()),
                client_auth: Some("post".into()),
            }),
            tls: Some(Tls { ca: Some("a".into()), certificate: Some("b".into()), key: Some("c".into()) }),
            signature_header: Some("X-Signed".into()),
            priority: Some("low".into()),
            retry: Some(Retry { max_attempts: Some(3), max_age: text() }),
            rate_limit: Some(RateLimit { per_second: 0.5 }),
            batch: Some(Batch { max_events: 100, max_wait: text(), max_bytes: Some(4096) }),
            ordering: Some("strict".into()),
            on_recovery: Some("digest".into()),
            timeout: text(),
            enabled: Some(true),
            description: text(),
        };
        let (name, url) = ("n".into(), "https://example.com/".into());
        let body = SubscriptionBody { name, url, events: vec!["**".into()], more, secret: None };
        let mut body = without_nulls(serde_json::to_value(body).unwrap());
        // Taken out before the rest is read.
        body.as_object_mut().unwrap().remove("secret");
        body
    }

    /// The innermost filters have no groups.
    fn without_nulls(value: Value) -> Value {
        match value {
            Value::Object(members) => {
                let members = members.into_iter().filter(|(_, value)| !value.is_null());
                Value::Object(members.map(|(name, value)| (name, without_nulls(value))).collect())
            }
            Value::Array(items) => items.into_iter().map(without_nulls).collect(),
            other => other,
        }
    }

    #[test]
    fn it_is_what_is_read() {
        let described = body();
        let read = serde_json::to_value(Spec::from_json(described.clone()).unwrap()).unwrap();
        assert_eq!(read, described);
        let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(names(&read["filters"]), names(&described["filters"]));
    }

    #[test]
    fn the_settings_of_formats_are_what_is_read() {
        let read = |format: &str, settings: Value| {
            let mut body = json!({"name": "n", "url": "https://example.com/", "events": ["**"], "format": format});
            body[format] = settings.clone();
            serde_json::to_value(Spec::from_json(body).unwrap()).unwrap()[format] == settings
        };
        let key = "0123456789abcdef0123456789abcdef".to_owned();
        assert!(read("pagerduty", json!(Pagerduty { routing_key: key.clone() })));
        assert!(read("opsgenie", json!(Opsgenie { api_key: key })));
        assert!(read("template", json!("{}")));
    }
}
