//! The six levels, ordered, and every spelling of them that is met in the wild.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// How bad it is. Ordered: `Trace < Debug < Info < Warning < Error < Critical`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum Level {
    /// Finest detail.
    Trace = 0,
    /// For developers.
    Debug = 1,
    /// Normal operation; the default where nothing is said.
    #[default]
    Info = 2,
    /// Not yet an error.
    Warning = 3,
    /// Something failed.
    Error = 4,
    /// Someone should get up.
    Critical = 5,
}

impl Level {
    /// All levels, ascending.
    pub const ALL: [Self; 6] = [Self::Trace, Self::Debug, Self::Info, Self::Warning, Self::Error, Self::Critical];

    /// The level's upper-case name, as on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
        }
    }

    /// The event type of an event that names none: `log.<level>`.
    pub const fn event_type(self) -> &'static str {
        match self {
            Self::Trace => "log.trace",
            Self::Debug => "log.debug",
            Self::Info => "log.info",
            Self::Warning => "log.warning",
            Self::Error => "log.error",
            Self::Critical => "log.critical",
        }
    }

    /// From its number 0–5, as stored.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// From any usual alias, in any case (`warn`, `fatal`, `NOTICE`, …); `None` for anything else.
    pub fn from_alias(text: &str) -> Option<Self> {
        const LONGEST: usize = 13; // "informational"
        if text.len() > LONGEST {
            return None;
        }
        Some(match text.to_ascii_lowercase().as_str() {
            "trace" | "finest" => Self::Trace,
            "debug" | "dbg" | "verbose" | "fine" | "finer" | "config" => Self::Debug,
            "info" | "information" | "informational" | "notice" | "log" => Self::Info,
            "warn" | "warning" => Self::Warning,
            "error" | "err" | "severe" => Self::Error,
            "critical" | "crit" | "fatal" | "alert" | "emerg" | "emergency" | "panic" | "dpanic" => Self::Critical,
            _ => return None,
        })
    }

    /// From a bare number in generic JSON: 0–7 are syslog severities (RFC 5424), 10–60 pino and bunyan levels.
    pub fn from_generic_number(number: u64) -> Option<Self> {
        Some(match number {
            0..=2 => Self::Critical,
            3 => Self::Error,
            4 => Self::Warning,
            5 | 6 => Self::Info,
            7 => Self::Debug,
            10..=19 => Self::Trace,
            20..=29 => Self::Debug,
            30..=39 => Self::Info,
            40..=49 => Self::Warning,
            50..=59 => Self::Error,
            60 => Self::Critical,
            _ => return None,
        })
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a text is no [`Level`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected one of TRACE, DEBUG, INFO, WARNING, ERROR, CRITICAL")]
pub struct ParseLevelError;

impl FromStr for Level {
    type Err = ParseLevelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_alias(text).ok_or(ParseLevelError)
    }
}

impl Serialize for Level {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_ordered_and_named() {
        assert!(Level::ALL.windows(2).all(|pair| pair[0] < pair[1]));
        for level in Level::ALL {
            assert_eq!(level.name().parse(), Ok(level));
            assert_eq!(Level::from_number(level as u8), Some(level));
            assert_eq!(level.event_type(), format!("log.{}", level.name().to_lowercase()));
        }
    }

    #[test]
    fn aliases_and_numbers_are_read() {
        assert_eq!(Level::from_alias("Warn"), Some(Level::Warning));
        assert_eq!(Level::from_alias("FATAL"), Some(Level::Critical));
        assert_eq!(Level::from_alias("loud"), None);
        assert_eq!(Level::from_generic_number(3), Some(Level::Error));
        assert_eq!(Level::from_generic_number(50), Some(Level::Error));
        assert_eq!(Level::from_generic_number(9), None);
    }
}
