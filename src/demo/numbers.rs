//! A set of event numbers: one bit each, so that a day at full rate stays small.

/// A set of numbers that begin at 0 and are close to one another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Numbers(Vec<u64>);

impl Numbers {
    pub(crate) fn insert(&mut self, n: u64) {
        let at = usize::try_from(n / 64).unwrap_or(usize::MAX);
        if at >= self.0.len() {
            self.0.resize(at.saturating_add(1), 0);
        }
        self.0[at] |= 1 << (n % 64);
    }

    pub(crate) fn len(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Those that are not in `other`.
    pub(crate) fn without(&self, other: &Self) -> Self {
        Self(self.with_words_of(other, |own, theirs| own & !theirs))
    }

    /// Those that are in both.
    pub(crate) fn and(&self, other: &Self) -> Self {
        Self(self.with_words_of(other, |own, theirs| own & theirs))
    }

    fn with_words_of(&self, other: &Self, join: fn(u64, u64) -> u64) -> Vec<u64> {
        let theirs = other.0.iter().copied().chain(std::iter::repeat(0));
        self.0.iter().zip(theirs).map(|(own, theirs)| join(*own, theirs)).collect()
    }
}

impl FromIterator<u64> for Numbers {
    fn from_iter<I: IntoIterator<Item = u64>>(all: I) -> Self {
        let mut numbers = Self::default();
        all.into_iter().for_each(|n| numbers.insert(n));
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_held_against_one_another() {
        let (a, b) = (Numbers::from_iter([1, 64, 200]), Numbers::from_iter([64, 3]));
        assert_eq!((a.len(), a.without(&b).len(), a.and(&b).len()), (3, 2, 1));
        assert_eq!((b.without(&a).len(), b.and(&Numbers::from_iter([3])).len(), b.without(&b).len()), (1, 1, 0));
        assert_eq!(Numbers::from_iter([5, 5]).len(), 1);
    }
}
