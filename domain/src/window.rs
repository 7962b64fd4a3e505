//! How many attempts one endpoint may have in flight: from 2, one more for each success while work waits, half after
//! each failure, between 1 and the configured most.

/// An endpoint's adaptive in-flight window.
#[derive(Debug, Clone)]
pub struct Window {
    size: u16,
    size_max: u16,
}

const SIZE_AT_START: u16 = 2;

impl Window {
    /// A window that grows to at most `size_max`, at least 1.
    pub fn new(size_max: u16) -> Self {
        let size_max = size_max.max(1);
        Self { size: SIZE_AT_START.min(size_max), size_max }
    }

    /// Attempts that may be in flight now.
    pub fn size(&self) -> usize {
        usize::from(self.size)
    }

    /// An attempt succeeded; `is_waiting`: more work waits.
    pub fn succeeded(&mut self, is_waiting: bool) {
        if is_waiting && self.size < self.size_max {
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
        window.succeeded(false);
        assert_eq!(window.size(), 2);
        for _ in 0..100 {
            window.succeeded(true);
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
}
