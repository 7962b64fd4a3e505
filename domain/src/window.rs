//! How many attempts one endpoint may have in flight: from 2, one more for each success while work waits, half after
//! each failure, a quarter less when answers take much longer than they usually do; between 1 and the configured most.

use std::time::Duration;

/// An endpoint's adaptive in-flight window.
#[derive(Debug, Clone)]
pub struct Window {
    size: u16,
    size_max: u16,
    /// What an answer usually takes, in milliseconds.
    usual_ms: Option<f64>,
    /// Answers to come before slowness may cut the window again: those were asked for before the last cut.
    asked_before: u16,
}

const SIZE_AT_START: u16 = 2;
/// An answer is slow that takes so many times the usual time and so many milliseconds more.
const SLOW_FACTOR: f64 = 3.0;
const SLOW_MS: f64 = 100.0;
/// How fast the usual time follows slower answers; faster ones it follows at once.
const FOLLOW: f64 = 0.002;

impl Window {
    /// A window that grows to at most `size_max`, at least 1.
    pub fn new(size_max: u16) -> Self {
        let size_max = size_max.max(1);
        Self { size: SIZE_AT_START.min(size_max), size_max, usual_ms: None, asked_before: 0 }
    }

    /// Attempts that may be in flight now.
    pub fn size(&self) -> usize {
        usize::from(self.size)
    }

    /// An attempt succeeded after so long; `is_waiting`: more work waits.
    pub fn succeeded(&mut self, is_waiting: bool, took: Duration) {
        let took_ms = took.as_secs_f64() * 1e3;
        let usual_ms = self.usual_ms.map_or(took_ms, |usual_ms| usual_ms.min(took_ms));
        self.usual_ms = Some(usual_ms + (took_ms - usual_ms) * FOLLOW);
        self.asked_before = self.asked_before.saturating_sub(1);
        if took_ms > usual_ms * SLOW_FACTOR + SLOW_MS {
            if self.asked_before == 0 {
                self.asked_before = self.size;
                self.size = (self.size - self.size.div_ceil(4)).max(1);
            }
        } else if is_waiting && self.size < self.size_max {
            self.size += 1;
        }
    }

    /// An attempt failed because of the endpoint, or it asked for a pause.
    pub fn failed(&mut self) {
        self.size = (self.size / 2).max(1);
    }

    /// Back to its size at the start: slow start after a recovery.
    pub fn reset(&mut self) {
        self.size = SIZE_AT_START.min(self.size_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_under_load_and_shrinks_on_failure() {
        let mut window = Window::new(16);
        let fast = Duration::from_millis(5);
        window.succeeded(false, fast);
        assert_eq!(window.size(), 2);
        for _ in 0..100 {
            window.succeeded(true, fast);
        }
        assert_eq!(window.size(), 16);
        window.failed();
        assert_eq!(window.size(), 8);
        for _ in 0..100 {
            window.failed();
        }
        assert_eq!(window.size(), 1);
        assert_eq!(Window::new(0).size(), 1);
    }

    #[test]
    fn it_shrinks_where_answers_become_slow_and_learns_what_is_usual() {
        let mut window = Window::new(16);
        (0..30).for_each(|_| window.succeeded(true, Duration::from_millis(20)));
        assert_eq!(window.size(), 16);
        // One slow answer is one cut, however many were asked for at the time.
        (0..16).for_each(|_| window.succeeded(true, Duration::from_millis(900)));
        assert_eq!(window.size(), 12);
        (0..40).for_each(|_| window.succeeded(true, Duration::from_millis(900)));
        assert!(window.size() <= 6, "{}", window.size());
        // An endpoint that is always slow is no worse for that.
        let mut slow = Window::new(16);
        (0..30).for_each(|_| slow.succeeded(true, Duration::from_millis(900)));
        assert_eq!(slow.size(), 16);
    }
}
