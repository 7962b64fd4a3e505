//! Subscriptions: who wants which events, where, and how.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    EndpointNo, Level, Origin, Pattern, Problem, Seq, Span, SubscriptionId, Timestamp,
    credentials::{Auth, Hidden},
    egress,
    filter::{self, Filter, Pool},
    format::{self, Format, opsgenie, pagerduty},
    job::Rate,
    machine::{self, Batching},
    regions::Regions,
    rotation::Rotation,
    secret::{Headers, Secret},
    tls::Tls,
};

/// Most event types and patterns in one subscription.
const EVENTS_MAX: usize = 256;
/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 200;
/// Longest description, in characters.
const DESCRIPTION_CHARS_MAX: usize = 4000;
/// Most attempts that may be asked for.
const ATTEMPTS_MAX: u16 = 100;
/// Shortest and longest time-out that may be asked for, in milliseconds.
const TIMEOUT_MS: std::ops::RangeInclusive<u128> = 100..=120_000;
/// Longest age that may be asked for: 30 days, in seconds.
const AGE_SECONDS_MAX: u64 = 30 * 24 * 3600;
/// Longest that an event may wait for others of its batch.
const BATCH_WAIT_MAX: Duration = Duration::from_secs(300);
/// Least and most bytes of a batch that may be asked for.
const BATCH_BYTES: std::ops::RangeInclusive<u32> = 1024..=16 * 1024 * 1024;

/// What a person writes of a subscription.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// A name for people; 1–200 characters.
    pub name: String,
    /// Where its webhooks go.
    pub url: String,
    /// Other URLs, for events that name a region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regions: Option<Regions>,
    /// Event types and patterns; 1–256.
    pub events: Vec<Pattern>,
    /// What narrows it further.
    #[serde(default)]
    pub filters: filter::Spec,
    /// Whether matching events are sent, or only counted and shown.
    #[serde(default)]
    pub mode: Mode,
    /// The form of the body.
    #[serde(default)]
    pub format: Format,
    /// What [`Format::Template`] makes the body with, in MiniJinja.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Where [`Format::Pagerduty`] sends its events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pagerduty: Option<pagerduty::Config>,
    /// What lets [`Format::Opsgenie`] make alerts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opsgenie: Option<opsgenie::Config>,
    /// Headers added to each webhook.
    #[serde(default)]
    pub headers: Headers,
    /// What lets them in at their receiver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// How its receiver is spoken to by TLS; as every other where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// The header that carries the plain signature; `null` leaves it out.
    #[serde(default = "default_signature_header")]
    pub signature_header: Option<String>,
    /// Its share where all endpoints together wait for a turn; where absent `normal`, and `high` for what is CRITICAL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// What differs from the server's settings for retries.
    #[serde(default)]
    pub retry: Retry,
    /// How many attempts may begin in a time; no limit where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// How many events go in one webhook; one where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<Batch>,
    /// Whether deliveries go one after the other.
    #[serde(default)]
    pub ordering: Ordering,
    /// What goes out first after an outage.
    #[serde(default)]
    pub on_recovery: OnRecovery,
    /// The longest an attempt may take; the server's setting where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// Whether events are matched at all.
    #[serde(default = "default_enabled")]
    pub enabled: bool,
    /// More words for people.
    #[serde(default)]
    pub description: String,
}

fn default_signature_header() -> Option<String> {
    Some("X-Webhook-Signature".into())
}

const fn default_enabled() -> bool {
    true
}

/// Whether matching events are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// They are.
    #[default]
    Live,
    /// They are only counted and shown, until the subscription is made live.
    Shadow,
}

/// A share of the attempts that all endpoints together may have in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Four turns to one of low priority.
    High,
    /// Two turns to one of low priority.
    #[default]
    Normal,
    /// What can wait.
    Low,
}

/// What differs from the server's settings for retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Attempts in all, the first included; 1–100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u16>,
    /// The age at which a delivery is given up; at most 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Span>,
}

/// How many attempts may begin in a time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// In a second on average; may be a fraction, such as 0.5. After a pause as many at once.
    pub per_second: f64,
}

impl RateLimit {
    /// The limit as a rate. Numbers that are none are refused when the subscription is saved.
    pub fn rate(&self) -> Rate {
        Rate::per_second(self.per_second).unwrap_or(Rate::HIGHEST)
    }
}

/// How many events go in one webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// At most so many; 1–256, where 1 is no batch at all.
    pub max_events: u16,
    /// The longest an event waits for others; at most 5 minutes.
    #[serde(default)]
    pub max_wait: Span,
    /// Largest body, in bytes, unless a single event is larger; 1 KiB to 16 MiB.
    #[serde(default = "default_batch_bytes")]
    pub max_bytes: u32,
}

const fn default_batch_bytes() -> u32 {
    256 * 1024
}

impl Batch {
    /// How deliveries are gathered; `None` where each goes alone.
    pub fn batching(&self) -> Option<Batching> {
        let batching = Batching { events_max: self.max_events.min(machine::EVENTS_MAX), wait_max: self.max_wait.0 };
        (self.max_events > 1).then_some(batching)
    }
}

/// Whether deliveries go one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ordering {
    /// They go side by side, and one that fails holds up no other.
    #[default]
    None,
    /// One at a time in the order of the log: everything waits until the oldest is delivered or dead.
    Strict,
}

/// What goes out first after an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnRecovery {
    /// Everything that waits, one after the other.
    #[default]
    Each,
    /// One webhook that tells of everything that waits.
    Digest,
}

/// Members that Loghorn adds when it shows a subscription; set aside when it is sent back.
pub const SHOWN_ONLY: [&str; 9] =
    ["id", "created_at", "updated_at", "version", "state", "disabled_reason", "circuit", "paused", "whsec"];

impl Spec {
    /// The keys of formats that are never shown: the format, its member, and the key.
    pub fn format_keys(&self) -> [Option<(&'static str, &'static str, &Hidden)>; 2] {
        let pagerduty = self.pagerduty.as_ref().map(|config| ("pagerduty", "routing_key", &config.routing_key));
        let opsgenie = self.opsgenie.as_ref().map(|config| ("opsgenie", "api_key", &config.api_key));
        [pagerduty, opsgenie]
    }

    /// The share of an event's delivery. What is sent after the fact can wait; beyond that a person's word holds.
    pub fn priority(&self, level: Level, origin: Origin) -> Priority {
        match (origin, self.priority, level) {
            (Origin::Backfill, _, _) => Priority::Low,
            (_, Some(priority), _) => priority,
            (_, None, Level::Critical) => Priority::High,
            (_, None, _) => Priority::Normal,
        }
    }

    /// Reads and checks what a person wrote. All that needs no knowledge of the server is checked here; whether the
    /// URL may be reached is [`egress::Policy::check_url`]'s to say.
    pub fn from_json(json: Value) -> Result<Self, Vec<Problem>> {
        let spec: Self = serde_path_to_error::deserialize(json).map_err(|error| vec![problem(&error)])?;
        let problems = spec.problems();
        if problems.is_empty() { Ok(spec) } else { Err(problems) }
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut check = |holds: bool, pointer: &str, detail: &str| {
            if !holds {
                problems.push(Problem::new(pointer, detail));
            }
        };
        let name = self.name.trim().chars().count();
        check((1..=NAME_CHARS_MAX).contains(&name), "/name", "expected 1 to 200 characters");
        let events = (1..=EVENTS_MAX).contains(&self.events.len());
        check(
            events,
            "/events",
            "expected 1 to 256 event types or patterns; \"**\" takes every event but Loghorn's own",
        );
        let description = self.description.chars().count() <= DESCRIPTION_CHARS_MAX;
        check(description, "/description", "longer than 4000 characters");
        let attempts = self.retry.max_attempts.is_none_or(|n| (1..=ATTEMPTS_MAX).contains(&n));
        check(attempts, "/retry/max_attempts", "expected 1 to 100");
        let age = self.retry.max_age.is_none_or(|age| (1..=AGE_SECONDS_MAX).contains(&age.0.as_secs()));
        check(age, "/retry/max_age", "expected 1s to 720h (30 days)");
        let rate = self.rate_limit.is_none_or(|limit| Rate::per_second(limit.per_second).is_some());
        check(rate, "/rate_limit/per_second", "expected a number above 0 and at most a million");
        if let Some(batch) = self.batch {
            check((1..=machine::EVENTS_MAX).contains(&batch.max_events), "/batch/max_events", "expected 1 to 256");
            check(batch.max_wait.0 <= BATCH_WAIT_MAX, "/batch/max_wait", "expected 0s to 5m");
            let bytes = "expected 1024 to 16777216 bytes";
            check(BATCH_BYTES.contains(&batch.max_bytes), "/batch/max_bytes", bytes);
        }
        let timeout = self.timeout.is_none_or(|timeout| TIMEOUT_MS.contains(&timeout.0.as_millis()));
        check(timeout, "/timeout", "expected 100ms to 120s");
        if let Some(name) = &self.signature_header {
            let headers = BTreeMap::from([(name.clone(), String::new())]);
            if let Err(problem) = egress::check_headers(&headers) {
                problems.push(Problem::new("/signature_header", problem.detail));
            }
        }
        problems.extend(egress::check_headers(&self.headers).err());
        problems.extend(self.auth.iter().flat_map(|auth| auth.problems(self.headers.keys())));
        problems.extend(self.regions.iter().flat_map(Regions::problems));
        problems.extend(self.tls.iter().flat_map(Tls::problems));
        problems.extend(format::problems(self));
        if let Err(wrong) = Filter::compile(&self.filters, &Pool::default()) {
            let below = |problem: Problem| Problem::new(format!("/filters{}", problem.pointer), problem.detail);
            problems.extend(wrong.into_iter().map(below));
        }
        problems
    }
}

/// What is wrong in words, but for values that may be credentials: problems are logged.
fn problem(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let problem = Problem::of_json(error);
    let detail = match problem.pointer.split('/').nth(1) {
        Some("headers") => "expected headers by their names, each value a text",
        Some("auth") => Auth::EXPECTED,
        Some("pagerduty") => "expected {\"routing_key\": the 32 letters and digits of an integration key}",
        Some("opsgenie") => "expected {\"api_key\": the key of an API integration}",
        Some("tls") => "expected an object of ca, certificate and key, each a text in PEM",
        _ => return problem,
    };
    Problem { detail: detail.into(), ..problem }
}

/// A subscription as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Its queue; that of its own URL where it has regions. All that is decided about events is filed under it.
    pub endpoint: EndpointNo,
    /// The queue of each region that it has or ever had: what waits there is not to be forgotten.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub regions: BTreeMap<String, EndpointNo>,
    /// What a person wrote.
    pub spec: Spec,
    /// What its webhooks are signed with. Kept sealed, beside the record; in clear only in records of an earlier day.
    #[serde(skip_serializing, default = "Secret::absent")]
    pub secret: Secret,
    /// What came of changes of the secret; absent while it is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// Whether deliveries only queue up.
    pub paused: bool,
    /// Why Loghorn itself disabled it.
    pub disabled_reason: Option<String>,
    /// It takes events after this one.
    pub since: Seq,
    /// 1 when made; one more with each change.
    pub version: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was deleted; its record stays until its queue is emptied.
    pub deleted_at: Option<Timestamp>,
}

/// What a subscription does at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Events are matched and delivered.
    Active,
    /// Events are matched, deliveries queue up.
    Paused,
    /// Nothing is matched and nothing delivered.
    Disabled,
}

impl Subscription {
    /// A new one, made at `now`, that takes events after `since`.
    pub fn new(spec: Spec, endpoint: EndpointNo, secret: Secret, since: Seq, now: Timestamp) -> Self {
        Self {
            id: SubscriptionId::new(now, endpoint),
            endpoint,
            regions: BTreeMap::new(),
            spec,
            secret,
            rotation: None,
            paused: false,
            disabled_reason: None,
            since,
            version: 1,
            created_at: now,
            updated_at: now,
            deleted_at: None,
        }
    }

    /// Deletes it. Its name and URL stay, for what is on record of it; what it let in with, and what it asked for, go.
    pub fn delete(&mut self, at: Timestamp) {
        let Spec { filters, format, template, pagerduty, opsgenie, headers, auth, tls, .. } = &mut self.spec;
        (*filters, *format, *headers) = Default::default();
        (*template, *pagerduty, *opsgenie, *auth, *tls) = Default::default();
        (self.secret, self.rotation) = (Secret::generated(Default::default()), None);
        self.deleted_at = Some(at);
    }

    /// What it does at present.
    pub fn state(&self) -> State {
        if !self.is_active() {
            State::Disabled
        } else if self.paused {
            State::Paused
        } else {
            State::Active
        }
    }

    /// Whether events are matched.
    pub fn is_active(&self) -> bool {
        self.spec.enabled && self.disabled_reason.is_none() && self.deleted_at.is_none()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    pub(crate) fn subscription(spec: Spec) -> Subscription {
        Subscription::new(spec, EndpointNo(1), Secret::generated([1; 32]), Seq(0), Timestamp::default())
    }

    fn with(member: &str, value: Value) -> Value {
        let mut json = json!({"name": "n", "url": "https://example.com/hook", "events": ["log.error"]});
        json[member] = value;
        json
    }

    #[test]
    fn only_three_members_are_required() {
        let spec = Spec::from_json(with("description", json!("d"))).unwrap();
        assert!(spec.enabled);
        assert_eq!(spec.signature_header.as_deref(), Some("X-Webhook-Signature"));
        let again: Spec = serde_json::from_value(serde_json::to_value(&spec).unwrap()).unwrap();
        assert_eq!(again, spec);
    }

    #[test]
    fn what_is_critical_goes_first_unless_a_person_says_otherwise() {
        let priority =
            |value: Value, level, origin| Spec::from_json(with("priority", value)).unwrap().priority(level, origin);
        assert_eq!(priority(Value::Null, Level::Error, Origin::Live), Priority::Normal);
        assert_eq!(priority(Value::Null, Level::Critical, Origin::Live), Priority::High);
        assert_eq!(priority(json!("low"), Level::Critical, Origin::Live), Priority::Low);
        assert_eq!(priority(json!("high"), Level::Info, Origin::Live), Priority::High);
        assert_eq!(priority(json!("high"), Level::Critical, Origin::Backfill), Priority::Low);
    }

    #[test]
    fn wrong_members_are_refused_with_their_pointer() {
        for (member, value, pointer) in [
            ("name", json!(""), "/name"),
            ("name", json!(7), "/name"),
            ("events", json!([]), "/events"),
            ("events", json!(["log.error", "Bad Type"]), "/events/1"),
            ("nmae", json!("x"), "/nmae"),
            ("filters", json!({"sorce": "x"}), "/filters/sorce"),
            ("filters", json!({"source": "(("}), "/filters/source"),
            ("filters", json!({"levels": ["LOUD"]}), "/filters/levels/0"),
            ("retry", json!({"max_attempts": 0}), "/retry/max_attempts"),
            ("retry", json!({"max_age": "soon"}), "/retry/max_age"),
            ("rate_limit", json!({"per_second": 0}), "/rate_limit/per_second"),
            ("rate_limit", json!({"per_minute": 5}), "/rate_limit/per_minute"),
            ("batch", json!({"max_events": 0}), "/batch/max_events"),
            ("batch", json!({"max_events": 257}), "/batch/max_events"),
            ("batch", json!({"max_events": 9, "max_wait": "1h"}), "/batch/max_wait"),
            ("batch", json!({"max_events": 9, "max_bytes": 9}), "/batch/max_bytes"),
            ("batch", json!({"max_wait": "1s"}), "/batch/max_events"),
            ("ordering", json!("loose"), "/ordering"),
            ("on_recovery", json!("all"), "/on_recovery"),
            ("priority", json!("urgent"), "/priority"),
            ("timeout", json!("10"), "/timeout"),
            ("timeout", json!("1h"), "/timeout"),
            ("format", json!("xml"), "/format"),
            ("regions", json!({"by": "metadata.region"}), "/regions/urls"),
            ("regions", json!({"by": "region", "urls": {"eu": "https://example.com/"}}), "/regions/by"),
            ("regions", json!({"by": "source", "urls": {"eu": 7}}), "/regions/urls/eu"),
            ("regions", json!({"by": "source", "urls": {}, "default": "x"}), "/regions/default"),
        ] {
            let problems = Spec::from_json(with(member, value)).unwrap_err();
            assert_eq!(problems[0].pointer, pointer, "{problems:?}");
        }
        assert_eq!(Spec::from_json(json!({"name": "n"})).unwrap_err()[0].pointer, "/url");
        for (member, value, pointer) in [
            ("headers", json!("Bearer abc"), "/headers"),
            ("headers", json!({"X-Key": 123}), "/headers/X-Key"),
            ("tls", json!("abc"), "/tls"),
            ("tls", json!({"key": 123}), "/tls/key"),
            ("tls", json!({"kye": "abc"}), "/tls/kye"),
            ("tls", json!({"key": "abc"}), "/tls/certificate"),
        ] {
            let problem = Spec::from_json(with(member, value)).unwrap_err().remove(0);
            assert_eq!(problem.pointer, pointer);
            assert!(!problem.detail.contains("abc") && !problem.detail.contains("123"), "{problem:?}");
        }
    }
}
