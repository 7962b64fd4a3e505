//! Instants and durations as Loghorn writes them: RFC 3339 UTC with milliseconds, and `"10s"`, `"24h"`.
//!
//! The clock is an argument everywhere below the composition root; [`Clock`] is what is handed in.

use std::{fmt, str::FromStr, time::Duration};

use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Milliseconds since 1970-01-01 UTC. Shown and read as RFC 3339 (`2026-11-23T18:07:49.232Z`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// 9999-12-30, the last whole day that RFC 3339 and the calendar library can both show.
const MILLIS_MAX: i64 = 253_402_128_000_000;

impl Timestamp {
    /// From milliseconds since the epoch; clamped to the years that RFC 3339 can show (0000 to 9999).
    pub const fn from_millis(millis: i64) -> Self {
        const MIN: i64 = -62_135_596_800_000; // 0001-01-01
        Self(if millis < MIN {
            MIN
        } else if millis > MILLIS_MAX {
            MILLIS_MAX
        } else {
            millis
        })
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This instant plus `span`; stops at the last instant that can be shown.
    pub fn plus(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// This instant minus `span`.
    pub fn minus(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_sub(millis))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Appends the RFC 3339 form to `out`.
    pub fn write_to(self, out: &mut String) {
        let shown = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        // Writing to a String cannot fail.
        let _ = PRINTER.print_timestamp(&shown, jiff::fmt::StdFmtWrite(out));
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(24);
        self.write_to(&mut text);
        f.write_str(&text)
    }
}

/// Why a text is no [`Timestamp`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected an RFC 3339 time such as 2026-11-23T18:07:49.232Z")]
pub struct ParseTimestampError;

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed: jiff::Timestamp = text.parse().map_err(|_| ParseTimestampError)?;
        Ok(Self::from_millis(parsed.as_millisecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// A length of time, written `"250ms"`, `"10s"`, `"24h"`, `"7d"`, and also read as `"1h 30m"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(pub Duration);

impl Span {
    /// A span of whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// A span of whole hours.
    pub const fn hours(hours: u64) -> Self {
        Self(Duration::from_secs(hours * 3600))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        match millis {
            0 => f.write_str("0s"),
            m if m % 3_600_000 == 0 => write!(f, "{}h", m / 3_600_000),
            m if m % 60_000 == 0 => write!(f, "{}m", m / 60_000),
            m if m % 1000 == 0 => write!(f, "{}s", m / 1000),
            m => write!(f, "{m}ms"),
        }
    }
}

/// Why a text is no [`Span`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected a duration with a unit, such as \"10s\", \"5m\" or \"24h\"")]
pub struct ParseSpanError;

impl FromStr for Span {
    type Err = ParseSpanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        humantime::parse_duration(text).map(Self).map_err(|_| ParseSpanError)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Where the time comes from. Made once in the composition root and handed in.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock. May step, in either direction.
    fn now(&self) -> Timestamp;

    /// Time since some fixed instant of this process; never goes back. For measuring durations.
    fn monotonic(&self) -> Duration;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_shown_with_milliseconds_and_read_back() {
        let at: Timestamp = "2026-11-23T19:07:49.232987+01:00".parse().unwrap();
        assert_eq!(at.to_string(), "2026-11-23T18:07:49.232Z");
        assert_eq!(at.to_string().parse::<Timestamp>().unwrap(), at);
        assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert!("yesterday".parse::<Timestamp>().is_err());
    }

    #[test]
    fn extreme_timestamps_are_clamped_and_still_shown() {
        for millis in [i64::MIN, i64::MAX] {
            let at = Timestamp::from_millis(millis);
            assert_eq!(at.to_string().parse::<Timestamp>().unwrap(), at);
        }
    }

    #[test]
    fn spans_are_shown_in_the_largest_unit_that_fits() {
        for (text, shown) in [("24h", "24h"), ("90s", "90s"), ("60s", "1m"), ("7d", "168h"), ("250ms", "250ms")] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), shown);
        }
        assert!("10".parse::<Span>().is_err());
        assert!("-1s".parse::<Span>().is_err());
    }
}
