//! When a filter holds: days and hours on the clock of one time zone, changes to and from summer time included.

use jiff::{
    civil::{Date, Time, Weekday},
    tz::{TimeZone, TimeZoneDatabase},
};
use serde_json::Value;

use super::problems::{Place, Problems};
use crate::Timestamp;

/// Most dates in `except`.
const EXCEPT_MAX: usize = 366;
const DAY_NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MINUTES: u16 = 24 * 60;

/// A window of time that comes again each day it is for.
#[derive(Debug)]
pub(crate) struct Schedule {
    zone: TimeZone,
    /// Bit n stands for the n-th day from Monday.
    days: u8,
    /// Minutes from midnight; the window is `from..to`, or goes past midnight where `to` is not after `from`.
    from: u16,
    to: u16,
    /// Sorted.
    except: Box<[Date]>,
}

/// What the clock of the schedule's zone showed.
pub(super) struct Shown {
    /// Such as `Mon 2026-10-25 02:30 (Europe/Berlin, +01)`.
    pub(super) words: String,
    /// RFC 9557: `2026-10-25T02:30:00+01:00[Europe/Berlin]`.
    pub(super) zoned: String,
}

impl Schedule {
    /// Reads the member `schedule`; what is wrong goes to `problems`.
    pub(super) fn read(value: &Value, place: &Place<'_>, problems: &mut Problems) -> Option<Self> {
        const MEMBERS: [&str; 5] = ["timezone", "days", "from", "to", "except"];
        let members = problems.object(value, place, &MEMBERS)?;
        let before = problems.count();
        let zone = match members.get("timezone") {
            None => Some(TimeZone::UTC),
            Some(value) => zone(value, &place.member("timezone"), problems),
        };
        let days = members.get("days").map_or(Some(0x7f), |value| days(value, &place.member("days"), problems));
        let mut time = |name: &str, default: u16| match members.get(name) {
            None => Some(default),
            Some(value) => minutes(value, &place.member(name), problems),
        };
        let (from, to) = (time("from", 0), time("to", MINUTES));
        let except = match members.get("except") {
            None => Some(Vec::new()),
            Some(value) => dates(value, &place.member("except"), problems),
        };
        if members.keys().all(|name| name == "timezone") {
            problems.add(place, "expected at least one of days, from, to, except");
        }
        if from.is_some() && from == to {
            problems.add(&place.member("to"), "the same as `from`; leave both out for the whole day");
        }
        if from == Some(MINUTES) {
            problems.add(&place.member("from"), "expected a time from 00:00 to 23:59");
        }
        if problems.count() > before {
            return None;
        }
        let mut except = except?;
        except.sort_unstable();
        Some(Self { zone: zone?, days: days?, from: from?, to: to?, except: except.into() })
    }

    /// Whether `at` lies in the window.
    pub(super) fn holds(&self, at: Timestamp) -> bool {
        let Ok(at) = jiff::Timestamp::from_millisecond(at.millis()) else { return false };
        let local = self.zone.to_datetime(at);
        let (date, time) = (local.date(), minutes_of(local.time()));
        if self.from < self.to {
            return self.is_day(date) && (self.from..self.to).contains(&time);
        }
        // The part after midnight belongs to the day before.
        (time >= self.from && self.is_day(date))
            || (time < self.to && date.yesterday().is_ok_and(|yesterday| self.is_day(yesterday)))
    }

    fn is_day(&self, date: Date) -> bool {
        self.days & day_bit(date.weekday()) != 0 && self.except.binary_search(&date).is_err()
    }

    /// What the clock showed at `at`.
    pub(super) fn shown(&self, at: Timestamp) -> Shown {
        let at = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let zoned = at.to_zoned_datetime(self.zone.clone());
        let words = format!("{} ({}, {})", zoned.strftime("%a %Y-%m-%d %H:%M"), self.zone_name(), zoned.offset());
        Shown { words, zoned: zoned.to_string() }
    }

    fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// The window in words: `mon-fri 09:00–17:00`.
    pub(super) fn words(&self) -> String {
        let days: Vec<&str> =
            (0..7).filter(|day| self.days & (1 << day) != 0).map(|day| DAY_NAMES[usize::from(day as u8)]).collect();
        let days = match self.days {
            0x7f => "every day".to_owned(),
            0x1f => "mon-fri".to_owned(),
            _ => days.join(", "),
        };
        let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let except =
            if self.except.is_empty() { String::new() } else { format!(", {} days excepted", self.except.len()) };
        format!("{days} {}–{}{except}", clock(self.from), clock(self.to))
    }
}

fn minutes_of(time: Time) -> u16 {
    u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs())
}

fn day_bit(day: Weekday) -> u8 {
    1 << day.to_monday_zero_offset()
}

fn zone(value: &Value, place: &Place<'_>, problems: &mut Problems) -> Option<TimeZone> {
    let expected = "expected a time zone of the IANA database, such as \"Europe/Berlin\" or \"UTC\"";
    // The one that is built in: what a schedule means must not depend on the machine.
    let found = value.as_str().and_then(|name| TimeZoneDatabase::bundled().get(name).ok());
    if found.is_none() {
        problems.add(place, expected);
    }
    found
}

fn days(value: &Value, place: &Place<'_>, problems: &mut Problems) -> Option<u8> {
    const EXPECTED: &str = "expected days such as \"mon\", or ranges such as \"mon-fri\"";
    let mut read = |item: &Value, place: &Place<'_>| {
        let bits = item.as_str().and_then(day_range);
        if bits.is_none() {
            problems.add(place, EXPECTED);
        }
        bits
    };
    match value {
        Value::Array(items) if !items.is_empty() => {
            let days = items.iter().enumerate().map(|(index, item)| read(item, &place.item(index)));
            // All are read, so that all that is wrong is told.
            let days: Vec<Option<u8>> = days.collect();
            days.into_iter().try_fold(0, |all, day| Some(all | day?))
        }
        other => read(other, place),
    }
}

/// `mon`, `monday`, `mon-fri`, and also `fri-mon` over the week's end.
fn day_range(text: &str) -> Option<u8> {
    let day = |name: &str| {
        let name = name.trim().to_ascii_lowercase();
        const FULL: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        DAY_NAMES.iter().position(|known| *known == name).or_else(|| FULL.iter().position(|known| *known == name))
    };
    let Some((from, to)) = text.split_once('-') else { return Some(1 << day(text)?) };
    let (from, to) = (day(from)?, day(to)?);
    let length = (to + 7 - from) % 7;
    Some((0..=length).fold(0, |bits, n| bits | 1 << ((from + n) % 7)))
}

fn minutes(value: &Value, place: &Place<'_>, problems: &mut Problems) -> Option<u16> {
    let read = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        let two = |part: &str| (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok());
        let (hour, minute): (u16, u16) = (two(hour)??, two(minute)??);
        let at = hour * 60 + minute;
        (minute < 60 && at <= MINUTES).then_some(at)
    };
    let found = value.as_str().and_then(read);
    if found.is_none() {
        problems.add(place, "expected a time of day such as \"09:00\", from 00:00 to 24:00");
    }
    found
}

fn dates(value: &Value, place: &Place<'_>, problems: &mut Problems) -> Option<Vec<Date>> {
    let items = value.as_array().filter(|items| items.len() <= EXCEPT_MAX);
    let Some(items) = items else {
        problems.add(place, format!("expected a list of at most {EXCEPT_MAX} dates such as \"2026-12-25\""));
        return None;
    };
    let mut dates = Vec::new();
    for (index, item) in items.iter().enumerate() {
        // Strictly a date: jiff would also read the date out of a time.
        match item.as_str().filter(|text| text.len() == 10).and_then(|text| text.parse().ok()) {
            Some(date) => dates.push(date),
            None => problems.add(&place.item(index), "expected a date such as \"2026-12-25\""),
        }
    }
    (dates.len() == items.len()).then_some(dates)
}
