//! What a webhook looks like to its receiver, and what its answer means: Loghorn's own envelope, the forms that chats and
//! pagers take, CloudEvents, or a template.
//!
//! Whatever an event holds, there is a body for it: what is too long is cut off with an ellipsis. Only a template may
//! come to nothing; then the delivery is dead, with the reason in words.

mod answer;
mod cloudevents;
mod discord;
pub mod opsgenie;
pub mod pagerduty;
mod slack;
mod teams;
mod template;
#[cfg(test)]
mod tests;
mod text;
mod view;

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

pub use self::answer::Answer;
use self::{template::Template, view::View};
use crate::{
    Draft, Event, Level, Problem, Subscription,
    credentials::Auth,
    envelope::{Digest, batch_body},
    event::Limits,
    subscription::Spec,
};

const JSON: &str = "application/json";
const NOT_KEPT: &str = "a mask stands for what was kept before, and nothing was: write the key itself";

/// The form of a webhook's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// The Standard Webhooks envelope.
    #[default]
    Standard,
    /// A message for a Slack incoming webhook.
    Slack,
    /// An event of PagerDuty's API v2.
    Pagerduty,
    /// A message for a Discord webhook.
    Discord,
    /// An Adaptive Card for a Teams workflow.
    Teams,
    /// An alert of Opsgenie's API.
    Opsgenie,
    /// A CloudEvent, structured.
    Cloudevents,
    /// Whatever a template makes of it.
    Template,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 8] = [
        Self::Standard,
        Self::Slack,
        Self::Pagerduty,
        Self::Discord,
        Self::Teams,
        Self::Opsgenie,
        Self::Cloudevents,
        Self::Template,
    ];

    /// The format's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Slack => "slack",
            Self::Pagerduty => "pagerduty",
            Self::Discord => "discord",
            Self::Teams => "teams",
            Self::Opsgenie => "opsgenie",
            Self::Cloudevents => "cloudevents",
            Self::Template => "template",
        }
    }

    /// Whether several events may go in one webhook.
    pub const fn takes_many(self) -> bool {
        !matches!(self, Self::Pagerduty | Self::Opsgenie)
    }
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The body.
    pub body: Bytes,
    /// `Content-Type`, where the subscription's headers have none.
    pub content_type: &'static str,
}

/// Makes the bodies of one subscription's webhooks; made once for each change of it.
#[derive(Debug)]
pub struct Formatter {
    /// The subscription's id and name.
    about: (String, String),
    format: Format,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Standard,
    Slack,
    Pagerduty(pagerduty::Config),
    Discord,
    Teams,
    Opsgenie(opsgenie::Config),
    Cloudevents,
    Template(Box<Template>),
}

impl Formatter {
    /// That of `subscription`; in words, why there can be none.
    pub fn new(subscription: &Subscription) -> Result<Self, String> {
        Self::of_spec(&subscription.spec, subscription.id.to_string())
    }

    /// That of a subscription that may not be there yet.
    pub fn of_spec(spec: &Spec, id: String) -> Result<Self, String> {
        Ok(Self { about: (id, spec.name.clone()), format: spec.format, kind: Kind::new(spec)? })
    }

    /// The form.
    pub fn format(&self) -> Format {
        self.format
    }

    /// What it says of a body, of one event or of a batch.
    pub fn content_type(&self, is_batch: bool) -> &'static str {
        match (self.format, is_batch) {
            (Format::Cloudevents, true) => cloudevents::MANY,
            (Format::Cloudevents, false) => cloudevents::ONE,
            _ => JSON,
        }
    }

    /// The webhook of one event; in words, why there is none.
    pub fn one(&self, event: &Event) -> Result<Payload, String> {
        let view = || View::new(event);
        let json = match &self.kind {
            Kind::Standard => return Ok(self.payload(event.standard_body(), false)),
            Kind::Template(template) => {
                return Ok(self.payload(self.rendered(template, &[event.value()])?, false));
            }
            Kind::Slack => slack::one(&view()),
            Kind::Pagerduty(config) => pagerduty::one(config, &view()),
            Kind::Discord => discord::one(&view()),
            Kind::Teams => teams::one(&view()),
            Kind::Opsgenie(_) => opsgenie::one(&view()),
            Kind::Cloudevents => cloudevents::one(&view()),
        };
        Ok(self.payload(json.to_string().into(), false))
    }

    /// The webhook of several events, of which there is at least one.
    pub fn many(&self, events: &[Arc<Event>]) -> Result<Payload, String> {
        let views = || events.iter().map(|event| View::new(event)).collect::<Vec<_>>();
        let json = match (&self.kind, events) {
            (Kind::Standard, _) => return Ok(self.payload(batch_body(events), true)),
            (Kind::Template(template), _) => {
                let values: Vec<&Value> = events.iter().map(|event| event.value()).collect();
                return Ok(self.payload(self.rendered(template, &values)?, true));
            }
            (Kind::Slack, _) => slack::many(&views()),
            (Kind::Discord, _) => discord::many(&views()),
            (Kind::Teams, _) => teams::many(&views()),
            (Kind::Cloudevents, _) => cloudevents::many(&views()),
            (Kind::Pagerduty(_) | Kind::Opsgenie(_), [event]) => return self.one(event),
            (Kind::Pagerduty(_) | Kind::Opsgenie(_), _) => return Err("this format takes one event at a time".into()),
        };
        Ok(self.payload(json.to_string().into(), true))
    }

    /// The webhook that tells of everything that waited. Where it is not Loghorn's own envelope it looks like an event.
    pub fn digest(&self, digest: &Digest<'_>) -> Result<Payload, String> {
        match self.kind {
            Kind::Standard => Ok(self.payload(digest.body(), false)),
            _ => self.one(&told(digest)?),
        }
    }

    fn payload(&self, body: Bytes, is_batch: bool) -> Payload {
        Payload { body, content_type: self.content_type(is_batch) }
    }

    fn rendered(&self, template: &Template, events: &[&Value]) -> Result<Bytes, String> {
        Ok(template.render((&self.about.0, &self.about.1), events)?.into())
    }

    /// A header that lets the webhook in: its name and its value, which is never shown.
    pub fn authorization(&self) -> Option<(&'static str, zeroize::Zeroizing<String>)> {
        match &self.kind {
            Kind::Opsgenie(config) => {
                Some(("authorization", zeroize::Zeroizing::new(format!("GenieKey {}", config.api_key.reveal()))))
            }
            _ => None,
        }
    }
}

impl Kind {
    fn new(spec: &Spec) -> Result<Self, String> {
        let missing = || format!("the format {} lacks its settings", spec.format.name());
        Ok(match spec.format {
            Format::Standard => Self::Standard,
            Format::Slack => Self::Slack,
            Format::Pagerduty => Self::Pagerduty(spec.pagerduty.clone().ok_or_else(missing)?),
            Format::Discord => Self::Discord,
            Format::Teams => Self::Teams,
            Format::Opsgenie => Self::Opsgenie(spec.opsgenie.clone().ok_or_else(missing)?),
            Format::Cloudevents => Self::Cloudevents,
            Format::Template => {
                let template = Template::new(spec.template.as_deref().ok_or_else(missing)?, makes_json(spec))?;
                Self::Template(Box::new(template))
            }
        })
    }
}

/// Whether a template is to make JSON: unless the subscription's own `Content-Type` says otherwise.
fn makes_json(spec: &Spec) -> bool {
    let own = spec.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    own.is_none_or(|(_, value)| value.to_ascii_lowercase().contains("json"))
}

/// A digest as an event.
fn told(digest: &Digest<'_>) -> Result<Event, String> {
    let json: Value = serde_json::from_slice(&digest.body()).map_err(|error| error.to_string())?;
    let mut metadata = json["data"].clone();
    if let Some(metadata) = metadata.as_object_mut() {
        // They would be most of it.
        metadata.remove("samples");
        // Each is an incident of its own: one that was folded into an earlier one would be heard by nobody.
        let about = format!("digest:{}:{}-{}", digest.subscription.id, digest.first, digest.last);
        metadata.insert("dedup_key".into(), about.into());
    }
    let name = &digest.subscription.spec.name;
    let draft = Draft {
        id: None,
        event_type: "loghorn.digest".parse().map_err(|error| format!("{error}"))?,
        level: Level::Warning,
        source: view::NOBODY.into(),
        message: format!("{} events waited for {name:?}", digest.count),
        metadata: RawValue::from_string(metadata.to_string()).map_err(|error| error.to_string())?,
        timestamp: None,
    };
    let id = format!("digest-{}-{}", digest.first, digest.last).parse().map_err(|error| format!("{error}"))?;
    let new = draft.seal(digest.now, Limits::default()).map_err(|problem| problem.detail)?;
    Ok(Event::new(digest.last, id, new.head, new.tail))
}

/// What is wrong with the format of a subscription and its settings.
pub(crate) fn problems(spec: &Spec) -> Vec<Problem> {
    let mut problems = Vec::new();
    let format = spec.format;
    let settings = [
        (Format::Pagerduty, spec.pagerduty.is_some(), "its routing_key"),
        (Format::Opsgenie, spec.opsgenie.is_some(), "its api_key"),
        (Format::Template, spec.template.is_some(), "the template itself"),
    ];
    for (of, is_there, what) in settings {
        let pointer = format!("/{}", of.name());
        match (format == of, is_there) {
            (true, false) => problems.push(Problem::new(pointer, format!("missing: this format needs {what}"))),
            (false, true) => {
                let detail = format!("only for \"format\": \"{}\"; leave it out, or null", of.name());
                problems.push(Problem::new(pointer, detail));
            }
            _ => {}
        }
    }
    if !format.takes_many() && spec.batch.is_some_and(|batch| batch.batching().is_some()) {
        let detail = format!("{} takes one event at a time: leave it out, or null", format.name());
        problems.push(Problem::new("/batch", detail));
    }
    problems.extend(spec.pagerduty.as_ref().and_then(pagerduty::Config::problem));
    problems.extend(spec.opsgenie.as_ref().and_then(opsgenie::Config::problem));
    let has_header = || spec.headers.keys().any(|name| name.eq_ignore_ascii_case("authorization"));
    if format == Format::Opsgenie
        && (has_header() || spec.auth.as_ref().map(Auth::header_name).as_deref() == Some("authorization"))
    {
        let detail = "the key goes in the header Authorization, which auth or headers set too: leave it out there";
        problems.push(Problem::new("/opsgenie/api_key", detail));
    }
    if let (Format::Template, Some(source)) = (format, &spec.template)
        && let Err(why) = Template::new(source, makes_json(spec)).and_then(|template| template.try_out())
    {
        problems.push(Problem::new("/template", why));
    }
    problems
}
