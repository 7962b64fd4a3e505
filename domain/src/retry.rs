//! How long to wait before the next attempt, and when to give up.

use std::time::Duration;

use crate::{Class, Outcome, Timestamp, Verdict, delivery::Reason};

/// A source of chance; seeded in tests, the operating system's in the composition root.
pub trait Dice: Send {
    /// A number in `[0, 1)`.
    fn unit(&mut self) -> f64;
}

/// Longest `Retry-After` that is honoured.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);
/// Each delay is drawn from ± this share of it.
pub(crate) const JITTER: f64 = 0.2;

/// When a delivery is tried again, and when no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The delay before the first retry.
    pub backoff_base: Duration,
    /// The longest delay.
    pub backoff_max: Duration,
    /// Attempts in all, the first included.
    pub attempts_max: u16,
    /// Age at which a delivery is given up, counted from when it was queued.
    pub age_max: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            backoff_base: Duration::from_secs(1),
            backoff_max: Duration::from_secs(300),
            attempts_max: 16,
            age_max: Duration::from_secs(24 * 3600),
        }
    }
}

impl Policy {
    /// The delay before retry `n` (1, 2, …) without jitter: `min(backoff_max, backoff_base · 2^(n−1))`.
    pub fn delay(&self, n: u16) -> Duration {
        let doublings = u32::from(n.saturating_sub(1)).min(31);
        self.backoff_base.saturating_mul(1 << doublings).min(self.backoff_max)
    }

    /// The longest that [`Policy::verdict`] ever asks to wait.
    pub fn wait_max(&self) -> Duration {
        self.backoff_max.mul_f64(1.0 + JITTER).max(RETRY_AFTER_MAX)
    }

    /// What becomes of a delivery queued at `queued_at` after attempt number `attempt` of this round ended with
    /// `outcome`.
    pub fn verdict(
        &self,
        outcome: &Outcome,
        attempt: u16,
        queued_at: Timestamp,
        now: Timestamp,
        dice: &mut dyn Dice,
    ) -> Verdict {
        match outcome.class {
            Class::Ok => return Verdict::Delivered,
            Class::Http4xx if outcome.status_code == Some(410) => return Verdict::Dead(Reason::Gone),
            Class::Http4xx => return Verdict::Dead(Reason::Http4xx),
            Class::Http3xx => return Verdict::Dead(Reason::Http3xx),
            Class::Blocked => return Verdict::Dead(Reason::Blocked),
            Class::Template => return Verdict::Dead(Reason::Template),
            Class::Refused => return Verdict::Dead(Reason::Refused),
            retryable => debug_assert!(retryable.is_retryable()),
        }
        if attempt >= self.attempts_max {
            return Verdict::Dead(Reason::Exhausted);
        }
        let asked = outcome.retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
        let at = now.plus(jittered(self.delay(attempt), dice).max(asked));
        if at.since(queued_at) > self.age_max {
            return Verdict::Dead(Reason::Exhausted);
        }
        Verdict::Retry { at }
    }
}

/// `delay` ± 20 %.
fn jittered(delay: Duration, dice: &mut dyn Dice) -> Duration {
    delay.mul_f64(1.0 - JITTER + 2.0 * JITTER * dice.unit())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(f64);

    impl Dice for Fixed {
        fn unit(&mut self) -> f64 {
            self.0
        }
    }

    const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);

    fn after(outcome: Outcome, attempt: u16) -> Verdict {
        Policy::default().verdict(&outcome, attempt, NOW, NOW, &mut Fixed(0.5))
    }

    #[test]
    fn the_schedule_doubles_to_its_ceiling() {
        let policy = Policy::default();
        let seconds: Vec<u64> = (1..=12).map(|n| policy.delay(n).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert_eq!(policy.delay(u16::MAX), policy.backoff_max);
    }

    #[test]
    fn each_answer_has_its_verdict() {
        let in_seconds = |s| Verdict::Retry { at: NOW.plus(Duration::from_secs(s)) };
        let minute = Some(Duration::from_secs(60));
        let cases = [
            (Outcome::answered(200, None), Verdict::Delivered),
            (Outcome::answered(500, None), in_seconds(1)),
            (Outcome::answered(503, minute), in_seconds(60)),
            (Outcome::answered(429, minute), in_seconds(60)),
            (Outcome::answered(429, Some(Duration::from_secs(90_000))), in_seconds(3600)),
            (Outcome::answered(408, None), in_seconds(1)),
            (Outcome::answered(404, None), Verdict::Dead(Reason::Http4xx)),
            (Outcome::answered(410, None), Verdict::Dead(Reason::Gone)),
            (Outcome::answered(302, None), Verdict::Dead(Reason::Http3xx)),
            (Outcome::failed(Class::Reset), in_seconds(1)),
            (Outcome::failed(Class::Blocked), Verdict::Dead(Reason::Blocked)),
            (Outcome::failed(Class::Template), Verdict::Dead(Reason::Template)),
        ];
        for (outcome, verdict) in cases {
            assert_eq!(after(outcome, 1), verdict, "{outcome:?}");
        }
    }

    #[test]
    fn attempts_and_age_end_it() {
        let failed = Outcome::answered(500, None);
        assert!(matches!(after(failed, 15), Verdict::Retry { .. }));
        assert_eq!(after(failed, 16), Verdict::Dead(Reason::Exhausted));
        let old = NOW.minus(Duration::from_secs(24 * 3600));
        let verdict = Policy::default().verdict(&failed, 1, old, NOW, &mut Fixed(0.5));
        assert_eq!(verdict, Verdict::Dead(Reason::Exhausted));
    }

    #[test]
    fn jitter_stays_within_a_fifth() {
        let delay = Duration::from_secs(100);
        assert_eq!(jittered(delay, &mut Fixed(0.0)), Duration::from_secs(80));
        assert!(jittered(delay, &mut Fixed(0.999_999)) < Duration::from_secs(120));
    }
}
