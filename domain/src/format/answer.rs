//! What a receiver's answer means: each kind has its own word for success, and its own place for the reason.

use std::time::Duration;

use serde_json::Value;

use super::{
    Format,
    text::{Unit, clipped},
};
use crate::{Class, Outcome};

/// Longest reason, in characters.
const REASON_MAX: usize = 200;
/// How long PagerDuty is left alone that asks for it and does not say how long: it speaks of minutes.
const PAGERDUTY_PAUSE: Duration = Duration::from_secs(60);
/// Longest pause in words that is read as one.
const PAUSE_SECONDS_MAX: f64 = 1e9;

/// What came back, whole or its first 16 KiB.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The status code.
    pub status_code: u16,
    /// `Retry-After`, where it was there.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: &'a [u8],
}

impl Format {
    /// What the answer comes to, and why in words where the receiver gave a reason.
    pub fn judge(self, answer: Answer<'_>) -> (Outcome, Option<String>) {
        let Answer { status_code, retry_after, body } = answer;
        let mut outcome = Outcome::answered(status_code, retry_after);
        if matches!(self, Self::Standard | Self::Template) {
            return (outcome, None);
        }
        if outcome.class == Class::Ok {
            if self.is_success(status_code, body) {
                return (outcome, None);
            }
            outcome.class = Class::Refused;
            let said = self.reason(body).unwrap_or_else(|| "nothing".into());
            let words = format!("the receiver answered {status_code}, but {} says otherwise: {said}", self.receiver());
            return (outcome, Some(words));
        }
        if outcome.class == Class::RateLimited && retry_after.is_none() {
            outcome.retry_after = match self {
                Self::Discord => pause(body),
                Self::Pagerduty => Some(PAGERDUTY_PAUSE),
                _ => None,
            };
        }
        let reason = self.reason(body).map(|reason| format!("{} says: {reason}", self.receiver()));
        (outcome, reason)
    }

    fn is_success(self, status_code: u16, body: &[u8]) -> bool {
        match self {
            Self::Slack => status_code == 200 && body == b"ok",
            Self::Pagerduty | Self::Opsgenie => status_code == 202,
            Self::Discord => matches!(status_code, 200 | 204),
            Self::Cloudevents => matches!(status_code, 200 | 201 | 202 | 204),
            Self::Standard | Self::Template | Self::Teams => true,
        }
    }

    const fn receiver(self) -> &'static str {
        match self {
            Self::Slack => "Slack",
            Self::Pagerduty => "PagerDuty",
            Self::Discord => "Discord",
            Self::Teams => "Teams",
            Self::Opsgenie => "Opsgenie",
            Self::Cloudevents => "the CloudEvents receiver",
            Self::Standard | Self::Template => "it",
        }
    }

    /// The reason in the body: a text, or members of JSON that are for people.
    fn reason(self, body: &[u8]) -> Option<String> {
        let text = String::from_utf8_lossy(body);
        let json = serde_json::from_str::<Value>(&text).ok().filter(Value::is_object);
        let reason = match json {
            Some(json) => {
                let listed = json["errors"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let parts: Vec<&str> =
                    json["message"].as_str().or_else(|| json["error"].as_str()).into_iter().chain(listed).collect();
                parts.join("; ")
            }
            None => text.into_owned(),
        };
        let reason: String = reason.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        (!reason.is_empty()).then(|| clipped(&reason, REASON_MAX, Unit::Utf16))
    }
}

/// `{"retry_after": 1.337}`, in seconds.
fn pause(body: &[u8]) -> Option<Duration> {
    let json: Value = serde_json::from_slice(body).ok()?;
    let seconds = json["retry_after"].as_f64().filter(|seconds| (0.0..PAUSE_SECONDS_MAX).contains(seconds))?;
    Some(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_receiver_has_its_own_word_for_success() {
        let cases: &[(Format, u16, &str, Class, Option<&str>)] = &[
            (Format::Slack, 200, "ok", Class::Ok, None),
            (
                Format::Slack,
                200,
                "invalid_token",
                Class::Refused,
                Some("the receiver answered 200, but Slack says otherwise: invalid_token"),
            ),
            (
                Format::Slack,
                200,
                "ok\n",
                Class::Refused,
                Some("the receiver answered 200, but Slack says otherwise: ok"),
            ),
            (
                Format::Slack,
                200,
                "",
                Class::Refused,
                Some("the receiver answered 200, but Slack says otherwise: nothing"),
            ),
            (Format::Slack, 204, "ok", Class::Refused, Some("the receiver answered 204, but Slack says otherwise: ok")),
            (Format::Slack, 403, "action_prohibited", Class::Http4xx, Some("Slack says: action_prohibited")),
            (Format::Slack, 404, "no_service", Class::Http4xx, Some("Slack says: no_service")),
            (Format::Slack, 410, "channel_is_archived", Class::Http4xx, Some("Slack says: channel_is_archived")),
            (Format::Slack, 500, "rollup_error", Class::Http5xx, Some("Slack says: rollup_error")),
            (Format::Slack, 429, "", Class::RateLimited, None),
            (Format::Pagerduty, 202, r#"{"status":"success"}"#, Class::Ok, None),
            (
                Format::Pagerduty,
                200,
                "<html>",
                Class::Refused,
                Some("the receiver answered 200, but PagerDuty says otherwise: <html>"),
            ),
            (
                Format::Pagerduty,
                400,
                r#"{"status":"invalid event","message":"Event object is invalid","errors":["Length of 'routing_key' is incorrect"]}"#,
                Class::Http4xx,
                Some("PagerDuty says: Event object is invalid; Length of 'routing_key' is incorrect"),
            ),
            (Format::Opsgenie, 202, r#"{"result":"Request will be processed","requestId":"r"}"#, Class::Ok, None),
            (
                Format::Opsgenie,
                422,
                r#"{"message":"Key format is not valid!"}"#,
                Class::Http4xx,
                Some("Opsgenie says: Key format is not valid!"),
            ),
            (Format::Opsgenie, 503, "", Class::Http5xx, None),
            (Format::Discord, 204, "", Class::Ok, None),
            (Format::Discord, 200, r#"{"id":"1"}"#, Class::Ok, None),
            (
                Format::Discord,
                404,
                r#"{"message":"Unknown Webhook","code":10015}"#,
                Class::Http4xx,
                Some("Discord says: Unknown Webhook"),
            ),
            (Format::Teams, 202, "", Class::Ok, None),
            (Format::Teams, 200, "1", Class::Ok, None),
            (Format::Teams, 502, "bad", Class::Http5xx, Some("Teams says: bad")),
            (Format::Cloudevents, 204, "", Class::Ok, None),
            (Format::Cloudevents, 201, "x", Class::Ok, None),
            (
                Format::Cloudevents,
                206,
                "x",
                Class::Refused,
                Some("the receiver answered 206, but the CloudEvents receiver says otherwise: x"),
            ),
            (Format::Cloudevents, 410, "", Class::Http4xx, None),
            (Format::Cloudevents, 415, "", Class::Http4xx, None),
            (Format::Cloudevents, 302, "", Class::Http3xx, None),
            (Format::Standard, 200, "no", Class::Ok, None),
            (Format::Template, 404, "no", Class::Http4xx, None),
        ];
        for &(format, status_code, body, class, words) in cases {
            let (outcome, said) = format.judge(Answer { status_code, retry_after: None, body: body.as_bytes() });
            assert_eq!((outcome.class, outcome.status_code), (class, Some(status_code)), "{format:?} {status_code}");
            assert_eq!(said.as_deref(), words, "{format:?} {status_code}");
        }
    }

    #[test]
    fn pauses_are_read_where_each_puts_them() {
        let pause = |format: Format, retry_after: Option<u64>, body: &str| {
            let retry_after = retry_after.map(Duration::from_secs);
            let answer = Answer { status_code: 429, retry_after, body: body.as_bytes() };
            format.judge(answer).0.retry_after.map(|pause| pause.as_secs_f64())
        };
        assert_eq!(pause(Format::Discord, None, r#"{"message":"x","retry_after":1.337,"global":false}"#), Some(1.337));
        assert_eq!(pause(Format::Discord, Some(7), r#"{"retry_after":1.337}"#), Some(7.0));
        for odd in ["", "{}", r#"{"retry_after":-1}"#, r#"{"retry_after":1e300}"#, r#"{"retry_after":"1"}"#] {
            assert_eq!(pause(Format::Discord, None, odd), None, "{odd}");
        }
        assert_eq!(
            (pause(Format::Pagerduty, None, ""), pause(Format::Pagerduty, Some(5), "")),
            (Some(60.0), Some(5.0))
        );
        assert_eq!(pause(Format::Slack, Some(30), ""), Some(30.0));
    }
}
