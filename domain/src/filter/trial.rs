//! A filter tried on events before it is saved: what would match, what fails and why, and how much would be sent.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use super::{Condition, Filter, condition::of_types, tally::Tally};
use crate::{Event, EventId, Pattern, Timestamp};

/// Most events of each kind, matched and not, whose conditions are shown.
const SHOWN_MAX: usize = 100;
const MINUTE_MS: i64 = 60_000;

/// See the module.
#[derive(Debug)]
pub struct Trial {
    types: Vec<Pattern>,
    filter: Filter,
    tested: u64,
    of_type: u64,
    matched: u64,
    tally: Tally,
    /// The newest of each kind.
    matching: VecDeque<Event>,
    failing: VecDeque<Event>,
    /// Matches by minute of receipt.
    minutes: BTreeMap<i64, u64>,
    received: Option<(Timestamp, Timestamp)>,
}

/// One event of a trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Which.
    pub event_id: EventId,
    /// Its place in the log.
    pub seq: u64,
    /// Whether it would be sent.
    pub matched: bool,
    /// Every condition with its result; the event's type first.
    pub conditions: Vec<Condition>,
}

/// For how many events a condition held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// JSON pointer to the condition.
    pub pointer: String,
    /// For so many it held.
    pub passed: u64,
    /// Of so many that were asked: all for `/events`, those of a wanted type for the rest.
    pub tested: u64,
}

/// How many events had a value at a path that the filter asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathSeen {
    /// As a JSONPath on the event.
    pub path: String,
    /// So many had one.
    pub seen: u64,
    /// Of so many: those of a wanted type.
    pub tested: u64,
}

/// Deliveries a minute that are to be expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerMinute {
    /// Over the time from the first to the last event that was tested, at least a minute.
    pub mean: f64,
    /// In the busiest minute of the clock.
    pub peak: u64,
}

impl Trial {
    /// A trial of a subscription to `types` with `filter`.
    pub fn new(types: Vec<Pattern>, filter: Filter) -> Self {
        Self {
            types,
            filter,
            tested: 0,
            of_type: 0,
            matched: 0,
            tally: Tally::default(),
            matching: VecDeque::new(),
            failing: VecDeque::new(),
            minutes: BTreeMap::new(),
            received: None,
        }
    }

    /// Tries one event. Events come in the order of the log.
    pub fn take(&mut self, event: &Arc<Event>) {
        let at = event.head.received_at;
        let (first, last) = self.received.unwrap_or((at, at));
        self.received = Some((first.min(at), last.max(at)));
        self.tested += 1;
        let is_of_type = self.types.iter().any(|pattern| pattern.matches(event.head.event_type.as_str()));
        if is_of_type {
            self.of_type += 1;
            self.tally.count(&self.filter, event);
        }
        let matches = is_of_type && self.filter.matches(event);
        if matches {
            self.matched += 1;
            *self.minutes.entry(at.millis().div_euclid(MINUTE_MS)).or_default() += 1;
        }
        let kept = if matches { &mut self.matching } else { &mut self.failing };
        if kept.len() == SHOWN_MAX {
            kept.pop_front();
        }
        kept.push_back(event.unread());
    }

    /// Events that were tried.
    pub fn tested(&self) -> u64 {
        self.tested
    }

    /// Of those, the ones that would be sent.
    pub fn matched(&self) -> u64 {
        self.matched
    }

    /// The newest events of each kind, newest first.
    pub fn results(&self) -> Vec<Judged> {
        let judged = |event: &Event, matched| {
            // Read here and forgotten again: all of them at once would be large.
            let event = &event.unread();
            let types = of_types(event, &self.types);
            let conditions = [types].into_iter().chain(self.filter.explain(event)).collect();
            Judged { event_id: event.id.clone(), seq: event.seq.0, matched, conditions }
        };
        let matching = self.matching.iter().map(|event| judged(event, true));
        let mut results: Vec<Judged> = matching.chain(self.failing.iter().map(|event| judged(event, false))).collect();
        results.sort_by_key(|judged| std::cmp::Reverse(judged.seq));
        results
    }

    /// For how many events each condition held.
    pub fn conditions(&self) -> Vec<Counted> {
        let types = Counted { pointer: "/events".into(), passed: self.of_type, tested: self.tested };
        let filters = self.tally.passed(&self.filter).into_iter();
        let filters = filters.map(|(pointer, passed)| Counted { pointer, passed, tested: self.of_type });
        [types].into_iter().chain(filters).collect()
    }

    /// What would be sent in a minute.
    #[expect(clippy::cast_precision_loss, reason = "shown with few digits")]
    pub fn per_minute(&self) -> PerMinute {
        let span = self.received.map_or(0, |(first, last)| last.millis() - first.millis());
        let minutes = (span.max(MINUTE_MS) as f64) / MINUTE_MS as f64;
        let peak = self.minutes.values().max().copied().unwrap_or_default();
        PerMinute { mean: self.matched as f64 / minutes, peak }
    }

    /// How many events had a value at each path that the filter asks for.
    pub fn paths(&self) -> Vec<PathSeen> {
        let paths = self.tally.paths(&self.filter).into_iter();
        paths.map(|(path, seen)| PathSeen { path, seen, tested: self.of_type }).collect()
    }

    /// The paths at which no event of a wanted type had a value. Empty where there was no such event: then nothing is
    /// known.
    pub fn unseen_paths(&self) -> Vec<String> {
        let unseen = self.paths().into_iter().filter(|path| path.tested > 0 && path.seen == 0);
        unseen.map(|path| path.path).collect()
    }
}
