//! The rate limit of one subscription: a token bucket.
//!
//! It holds at most what a second (or one attempt, whichever is more) brings, so that a pause is made up for by a small
//! burst only. It begins full: after a restart at most that much is sent too soon.

use std::time::Duration;

use crate::{Timestamp, job::Rate};

/// See the module.
#[derive(Debug, Clone)]
pub struct Bucket {
    rate: Rate,
    /// When the bucket would be full, were nothing taken any more. Each attempt puts it off by its interval.
    full_at: Timestamp,
    /// Microseconds that `full_at`, which counts milliseconds, is late by.
    rest_us: u64,
    /// Attempts that were let begin and are not sent yet.
    reserved: u32,
}

impl Bucket {
    /// A full bucket.
    pub fn new(rate: Rate, now: Timestamp) -> Self {
        Self { rate, full_at: now, rest_us: 0, reserved: 0 }
    }

    /// How far `full_at` may lie ahead.
    fn depth(&self) -> Duration {
        self.rate.interval().max(Duration::from_secs(1))
    }

    /// When the next attempt may begin; in the past where it may at once. `None`: not before one is sent or given up
    /// that was let begin.
    pub fn next_at(&self) -> Option<Timestamp> {
        let needed = self.rate.interval().saturating_mul(self.reserved + 1);
        (needed <= self.depth()).then(|| self.full_at.plus(needed).minus(self.depth()))
    }

    /// An attempt begins, and may have to wait before it is sent.
    pub fn reserve(&mut self) {
        self.reserved = self.reserved.saturating_add(1);
    }

    /// It is given up.
    pub fn release(&mut self) {
        self.reserved = self.reserved.saturating_sub(1);
    }

    /// It is sent.
    pub fn take(&mut self, now: Timestamp) {
        self.release();
        if self.full_at < now {
            (self.full_at, self.rest_us) = (now, 0);
        }
        let micros = self.rest_us + u64::try_from(self.rate.interval().as_micros()).unwrap_or(u64::MAX / 2);
        self.full_at = self.full_at.plus(Duration::from_millis(micros / 1000));
        self.rest_us = micros % 1000;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(rate: &str, seconds: i64, step_ms: i64) -> Vec<i64> {
        let mut bucket = Bucket::new(rate.parse().unwrap(), Timestamp::from_millis(0));
        let mut sent = Vec::new();
        for at in (0..seconds * 1000).step_by(step_ms as usize) {
            let now = Timestamp::from_millis(at);
            while bucket.next_at().unwrap() <= now {
                bucket.reserve();
                bucket.take(now);
                sent.push(at);
            }
        }
        sent
    }

    #[test]
    fn it_keeps_its_rate_after_a_first_burst() {
        for (rate, a_second) in [("20/s", 20), ("1/s", 1), ("300/s", 300), ("1000/s", 1000)] {
            let sent = sent(rate, 20, 1);
            let burst = sent.iter().filter(|at| **at == 0).count();
            assert_eq!(burst, a_second, "{rate}");
            let expected = a_second * 20;
            assert!(sent.len().abs_diff(expected) <= a_second + 1, "{rate}: {} of {expected}", sent.len());
        }
        let slow = sent("6/min", 60, 10);
        assert_eq!(slow, [0, 10_000, 20_000, 30_000, 40_000, 50_000]);
    }

    #[test]
    fn a_pause_is_made_up_for_by_a_second_s_worth_only() {
        let mut bucket = Bucket::new("10/s".parse().unwrap(), Timestamp::from_millis(0));
        let now = Timestamp::from_millis(3_600_000);
        let mut burst = 0;
        while bucket.next_at().unwrap() <= now {
            bucket.take(now);
            burst += 1;
        }
        assert_eq!(burst, 10);
    }

    #[test]
    fn what_waits_to_be_sent_counts_when_it_is_sent() {
        let mut bucket = Bucket::new("10/s".parse().unwrap(), Timestamp::from_millis(0));
        (0..10).for_each(|_| bucket.reserve());
        assert_eq!(bucket.next_at(), None, "as much as a second brings is on its way");
        let later = Timestamp::from_millis(60_000);
        (0..9).for_each(|_| bucket.take(later));
        // One is still on its way, and the next has to wait for its permit.
        assert_eq!(bucket.next_at(), Some(Timestamp::from_millis(60_100)));
        bucket.release();
        assert_eq!(bucket.next_at(), Some(Timestamp::from_millis(60_000)));
    }
}
