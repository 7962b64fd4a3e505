//! What happened minute by minute: how attempts ended, how long they took, and what they came to, of each endpoint.
//!
//! A minute is counted in memory and written as it grows; what is read is added up from minutes. Latencies are kept in
//! buckets of fixed width on a logarithmic scale, so percentiles of several minutes can be told from their sums, within
//! about a fifth.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Class, EndpointNo, Verdict};

/// Buckets of latencies: the first is up to 0.5 ms, each further one goes √2 times as far, the last has no end.
pub const BUCKETS: usize = 32;
const FIRST_US: f64 = 500.0;

/// Counts of one endpoint in one minute, or of several together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Deliveries that ended with a 2xx.
    pub delivered: u64,
    /// Failed attempts that are tried again.
    pub retrying: u64,
    /// Deliveries that were given up.
    pub dead: u64,
    /// Attempts by how long they took; trailing zeros are left out.
    latency: Vec<u64>,
    /// Failed attempts by what they came to: the class's place in [`Class::ALL`], and the status code or 0.
    causes: BTreeMap<(u8, u16), u64>,
}

impl Tally {
    /// Counts an attempt.
    pub fn add(&mut self, class: Class, status_code: Option<u16>, verdict: &Verdict, took: Duration) {
        match verdict {
            Verdict::Delivered => self.delivered += 1,
            Verdict::Dead(_) => self.dead += 1,
            Verdict::Retry { .. } => self.retrying += 1,
        }
        let bucket = bucket_of(took);
        if self.latency.len() <= bucket {
            self.latency.resize(bucket + 1, 0);
        }
        self.latency[bucket] += 1;
        if !matches!(verdict, Verdict::Delivered) {
            *self.causes.entry((class as u8, status_code.unwrap_or(0))).or_default() += 1;
        }
    }

    /// Adds what another counted.
    pub fn merge(&mut self, other: &Self) {
        self.delivered += other.delivered;
        self.retrying += other.retrying;
        self.dead += other.dead;
        if self.latency.len() < other.latency.len() {
            self.latency.resize(other.latency.len(), 0);
        }
        for (mine, theirs) in self.latency.iter_mut().zip(&other.latency) {
            *mine += theirs;
        }
        for (cause, count) in &other.causes {
            *self.causes.entry(*cause).or_default() += count;
        }
    }

    /// The latency that this part (0–1) of the attempts did not exceed; `None` where there were none.
    pub fn percentile(&self, part: f64) -> Option<Duration> {
        let total: u64 = self.latency.iter().sum();
        if total == 0 {
            return None;
        }
        let wanted = (part * total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.latency.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                // In the middle, on that scale.
                return Some(Duration::from_micros((bound_us(bucket) / 2f64.powf(0.25)) as u64));
            }
        }
        None
    }

    /// Failed attempts by class and status code, most first.
    pub fn causes(&self) -> Vec<(Class, Option<u16>, u64)> {
        let known = self.causes.iter().filter_map(|((class, code), count)| {
            Some((*Class::ALL.get(usize::from(*class))?, (*code > 0).then_some(*code), *count))
        });
        let mut all: Vec<_> = known.collect();
        all.sort_by_key(|(class, code, count)| (std::cmp::Reverse(*count), *class as u8, *code));
        all
    }
}

fn bound_us(bucket: usize) -> f64 {
    FIRST_US * 2f64.powf(bucket as f64 / 2.0)
}

fn bucket_of(took: Duration) -> usize {
    let us = took.as_micros() as f64;
    if us <= FIRST_US {
        return 0;
    }
    let bucket = ((us / FIRST_US).log2() * 2.0).ceil();
    (bucket as usize).min(BUCKETS - 1)
}

/// One minute of all endpoints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Minute {
    /// Events stored.
    pub accepted: u64,
    /// What happened to each endpoint that had an attempt.
    pub endpoints: BTreeMap<EndpointNo, Tally>,
}

impl Minute {
    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.accepted == 0 && self.endpoints.is_empty()
    }

    /// All endpoints together.
    pub fn sum(&self) -> Tally {
        let mut sum = Tally::default();
        self.endpoints.values().for_each(|tally| sum.merge(tally));
        sum
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::delivery::Reason;

    #[test]
    fn attempts_are_counted_by_how_they_ended() {
        let mut tally = Tally::default();
        let ms = Duration::from_millis;
        tally.add(Class::Ok, Some(200), &Verdict::Delivered, ms(3));
        tally.add(Class::Http5xx, Some(503), &Verdict::Dead(Reason::Exhausted), ms(50));
        tally.add(Class::Http5xx, Some(503), &Verdict::Dead(Reason::Exhausted), ms(50));
        tally.add(Class::Dns, None, &Verdict::Dead(Reason::Exhausted), ms(50));
        assert_eq!((tally.delivered, tally.retrying, tally.dead), (1, 0, 3));
        assert_eq!(tally.causes(), [(Class::Http5xx, Some(503), 2), (Class::Dns, None, 1)]);
        assert_eq!(Tally::default().percentile(0.5), None);
    }

    proptest! {
        #[test]
        fn percentiles_are_right_within_a_fifth(mut times in prop::collection::vec(500u64..20_000_000, 1..200), part in 0.01f64..1.0) {
            let (mut whole, mut halves) = (Tally::default(), [Tally::default(), Tally::default()]);
            for (n, us) in times.iter().enumerate() {
                let took = Duration::from_micros(*us);
                whole.add(Class::Ok, Some(200), &Verdict::Delivered, took);
                halves[n % 2].add(Class::Ok, Some(200), &Verdict::Delivered, took);
            }
            let [mut first, second] = halves;
            first.merge(&second);
            prop_assert_eq!(&first, &whole);
            times.sort_unstable();
            let exact = times[((part * times.len() as f64).ceil() as usize).clamp(1, times.len()) - 1] as f64;
            let told = whole.percentile(part).unwrap().as_micros() as f64;
            prop_assert!((0.8..1.2).contains(&(told / exact)), "{} for {}", told, exact);
        }
    }
}
