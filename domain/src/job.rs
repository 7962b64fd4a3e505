//! Jobs: long work that a person asked for, kept on disk with its progress, so that it goes on after a crash.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Class, DeliveryId, EndpointNo, JobId, Seq, SubscriptionId, Timestamp, ruling::Ruling};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// At work, or waiting for room.
    Running,
    /// All done.
    Done,
    /// A person ended it.
    Cancelled,
    /// It cannot go on.
    Failed,
}

/// A backfill: past events of the log, delivered to one subscription through the filter it had when this began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backfill {
    /// Its id.
    pub id: JobId,
    /// Whose.
    pub subscription: SubscriptionId,
    /// Its own URL's queue.
    pub endpoint: EndpointNo,
    /// What decides.
    pub ruling: Ruling,
    /// Events received from then on.
    pub since: Timestamp,
    /// Events received before.
    pub until: Timestamp,
    /// Deliveries a second at most.
    pub rate: Option<Rate>,
    /// Only counts.
    pub dry_run: bool,
    /// The last event before those to be read.
    pub from: Seq,
    /// The last event to be read.
    pub to: Seq,
    /// The last event that was read.
    pub cursor: Seq,
    /// Where it stands.
    pub state: State,
    /// Events that match.
    pub matched: u64,
    /// Deliveries made.
    pub queued: u64,
    /// Of the matching events, those that had a delivery to this subscription already.
    pub skipped: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it failed.
    pub error: Option<String>,
}

impl Backfill {
    /// Events to be read in all.
    pub fn total(&self) -> u64 {
        self.to.0.saturating_sub(self.from.0)
    }

    /// Events that were read.
    pub fn done(&self) -> u64 {
        self.cursor.0.saturating_sub(self.from.0)
    }
}

/// What a job over dead letters does with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Sends them again.
    Replay,
    /// Gives them up.
    Discard,
}

impl Act {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Discard => "discard",
        }
    }
}

/// Which dead letters. All members that are there must hold.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LetterFilter {
    /// These, the newest event first.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "ids")]
    pub ids: Option<Vec<DeliveryId>>,
    /// Of this subscription.
    pub subscription: Option<SubscriptionId>,
    /// Its own URL's queue; those of its regions are meant too.
    pub endpoint: Option<EndpointNo>,
    /// Whose last attempt had this class.
    pub class: Option<Class>,
    /// Whose event was received from then on.
    pub since: Option<Timestamp>,
}

/// Delivery ids as text.
mod ids {
    use super::{DeliveryId, Deserialize, Deserializer, Serialize, Serializer, de};

    pub(super) fn serialize<S: Serializer>(ids: &Option<Vec<DeliveryId>>, serializer: S) -> Result<S::Ok, S::Error> {
        let ids: Option<Vec<String>> = ids.as_ref().map(|ids| ids.iter().map(ToString::to_string).collect());
        ids.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<DeliveryId>>, D::Error> {
        let Some(ids) = Option::<Vec<String>>::deserialize(from)? else { return Ok(None) };
        ids.iter().map(|id| id.parse().map_err(de::Error::custom)).collect::<Result<_, _>>().map(Some)
    }
}

/// A job over the dead letters that had died when it began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Letters {
    /// What it does with them; the record of a backfill has no such member.
    #[serde(rename = "kind")]
    pub act: Act,
    /// Its id.
    pub id: JobId,
    /// Which.
    pub filter: LetterFilter,
    /// So many a second at most.
    pub rate: Option<Rate>,
    /// The last one that was dealt with; the next ones are older.
    pub after: Option<(Seq, EndpointNo)>,
    /// Those that were about to be dealt with when this was kept.
    pub lot: Vec<(EndpointNo, Seq)>,
    /// Whether `total` is final.
    pub is_counted: bool,
    /// Letters that were found at the beginning.
    pub total: u64,
    /// Dealt with.
    pub done: u64,
    /// Left, because their subscription is gone or disabled.
    pub failed: u64,
    /// Where it stands.
    pub state: State,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it failed.
    pub error: Option<String>,
}

/// A job of any kind, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Job {
    /// A backfill.
    Backfill(Backfill),
    /// A job over dead letters.
    Letters(Letters),
}

impl From<Backfill> for Job {
    fn from(backfill: Backfill) -> Self {
        Self::Backfill(backfill)
    }
}

impl From<Letters> for Job {
    fn from(letters: Letters) -> Self {
        Self::Letters(letters)
    }
}

impl Job {
    /// Reads a record: one without a kind is a backfill.
    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Kind {
            kind: Option<de::IgnoredAny>,
        }
        match serde_json::from_slice::<Kind>(json)?.kind {
            None => serde_json::from_slice(json).map(Self::Backfill),
            Some(_) => serde_json::from_slice(json).map(Self::Letters),
        }
    }

    /// Its id.
    pub fn id(&self) -> &JobId {
        match self {
            Self::Backfill(job) => &job.id,
            Self::Letters(job) => &job.id,
        }
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        match self {
            Self::Backfill(job) => job.state,
            Self::Letters(job) => job.state,
        }
    }

    /// Whether it has not ended.
    pub fn is_running(&self) -> bool {
        self.state() == State::Running
    }

    /// Ends it.
    pub fn end(&mut self, as_state: State, why: Option<String>, at: Timestamp) {
        let (state, error, ended_at) = match self {
            Self::Backfill(job) => (&mut job.state, &mut job.error, &mut job.ended_at),
            Self::Letters(job) => (&mut job.state, &mut job.error, &mut job.ended_at),
        };
        (*state, *error, *ended_at) = (as_state, why, Some(at));
    }
}

/// So many in a second. Written `"20/s"`, `"600/min"`, `"5/h"`, or as a number, which is in a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    per_second: f64,
}

/// The highest rate that can be written.
const PER_SECOND_MAX: f64 = 1e6;

impl Rate {
    /// The highest that can be written.
    pub const HIGHEST: Self = Self { per_second: PER_SECOND_MAX };

    /// How long one takes.
    pub fn interval(self) -> Duration {
        Duration::from_secs_f64(1.0 / self.per_second)
    }

    /// How many fit into `span`, at least one.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    pub fn within(self, span: Duration) -> usize {
        (self.per_second * span.as_secs_f64()).clamp(1.0, PER_SECOND_MAX) as usize
    }

    /// From a number a second; `None` where it is not above 0 and at most a million.
    pub fn per_second(per_second: f64) -> Option<Self> {
        (per_second > 1e-6 && per_second <= PER_SECOND_MAX).then_some(Self { per_second })
    }
}

/// Why a text is no [`Rate`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected a rate such as \"20/s\", \"600/min\" or \"100/h\"")]
pub struct ParseRateError;

impl FromStr for Rate {
    type Err = ParseRateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
        let number: f64 = number.trim().parse().map_err(|_| ParseRateError)?;
        let seconds = match unit.trim() {
            "s" | "sec" | "second" => 1.0,
            "m" | "min" | "minute" => 60.0,
            "h" | "hour" => 3600.0,
            _ => return Err(ParseRateError),
        };
        Self::per_second(number / seconds).ok_or(ParseRateError)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (a_minute, an_hour) = (self.per_second * 60.0, self.per_second * 3600.0);
        let is_whole = |number: f64| (number - number.round()).abs() < 1e-6;
        match self.per_second {
            a_second if is_whole(a_second) => write!(f, "{}/s", a_second.round()),
            _ if is_whole(a_minute) => write!(f, "{}/min", a_minute.round()),
            _ if is_whole(an_hour) => write!(f, "{}/h", an_hour.round()),
            a_second => write!(f, "{a_second}/s"),
        }
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a rate such as \"20/s\"")]
        enum Written {
            Text(String),
            Number(f64),
        }
        match Written::deserialize(deserializer)? {
            Written::Text(text) => text.parse().map_err(de::Error::custom),
            Written::Number(number) => Self::per_second(number).ok_or_else(|| de::Error::custom(ParseRateError)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_each_kind_are_read_again() {
        let id = JobId::new(Timestamp::from_millis(5), 7);
        let delivery = DeliveryId { received_at: Timestamp::from_millis(3), endpoint: EndpointNo(2), seq: Seq(9) };
        let letters = Letters {
            act: Act::Discard,
            id,
            filter: LetterFilter { ids: Some(vec![delivery]), ..LetterFilter::default() },
            rate: "20/s".parse().ok(),
            after: Some((Seq(9), EndpointNo(2))),
            lot: vec![(EndpointNo(2), Seq(8))],
            is_counted: true,
            total: 3,
            done: 1,
            failed: 1,
            state: State::Running,
            started_at: Timestamp::from_millis(5),
            ended_at: None,
            error: None,
        };
        let job = Job::from(letters.clone());
        assert_eq!(Job::from_json(&serde_json::to_vec(&job).unwrap()).unwrap(), job);
        let filter = LetterFilter::default();
        let without = Job::from(Letters { filter, ..letters });
        assert_eq!(Job::from_json(&serde_json::to_vec(&without).unwrap()).unwrap(), without);
        assert!(Job::from_json(br#"{"kind": "dance"}"#).is_err() && Job::from_json(b"{}").is_err());
    }

    #[test]
    fn rates_are_read_and_shown() {
        for (text, shown) in [("20/s", "20/s"), ("20", "20/s"), ("30/min", "30/min"), ("600/m", "10/s"), ("1/h", "1/h")]
        {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), shown);
        }
        for bad in ["", "x", "0/s", "-1/s", "1/d", "2e6/s", "nan", "inf"] {
            assert_eq!(bad.parse::<Rate>(), Err(ParseRateError), "{bad}");
        }
        let rate: Rate = "20/s".parse().unwrap();
        assert_eq!((rate.interval(), rate.within(Duration::from_millis(100))), (Duration::from_millis(50), 2));
        assert_eq!(serde_json::from_str::<Rate>("5").unwrap().to_string(), "5/s");
    }
}
