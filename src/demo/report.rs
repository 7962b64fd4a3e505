//! What came of it: what was due by the story, held against what the receivers verified and what Loghorn keeps as dead
//! letters.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    numbers::Numbers,
    receivers::Tally,
    subscriptions::{PLANNED, RECEIVERS},
};

/// What is due to one of [`PLANNED`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Due {
    /// All of it.
    pub(crate) all: Numbers,
    /// Of that, what is meant to become a dead letter.
    pub(crate) dead: Numbers,
}

/// How it ended. But for `seen` it is the same each time that one story is told.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    /// Whether all that was due was delivered and verified, or is a dead letter that was meant to be one, and nothing
    /// else arrived.
    pub(crate) complete: bool,
    pub(crate) seed: u64,
    pub(crate) rate: u32,
    pub(crate) for_seconds: f64,
    /// Events sent.
    pub(crate) events: u64,
    pub(crate) events_by_type: BTreeMap<&'static str, u64>,
    #[serde(flatten)]
    pub(crate) total: Counts,
    /// Webhooks whose signature was wrong.
    pub(crate) signatures_bad: u64,
    /// How far the ledger is from balancing.
    pub(crate) ledger_imbalance: u64,
    pub(crate) subscriptions: Vec<Line>,
    pub(crate) seen: Seen,
}

/// One subscription.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) receiver: &'static str,
    #[serde(flatten)]
    pub(crate) counts: Counts,
}

/// Events of one subscription, or of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// Due by the story, dead letters included.
    pub(crate) due: u64,
    /// Of those, verified by their receiver and taken.
    pub(crate) delivered: u64,
    /// Of those due, the ones meant to become dead letters.
    pub(crate) dead_letters_due: u64,
    /// Of those, the ones that are.
    pub(crate) dead_letters: u64,
    /// Due, and neither delivered nor a dead letter that was meant to be one.
    pub(crate) missing: u64,
    /// Not due, and arrived or became a dead letter all the same.
    pub(crate) unexpected: u64,
}

/// What differs from run to run.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Seen {
    pub(crate) webhooks: u64,
    pub(crate) answered_503: u64,
    pub(crate) answered_401: u64,
    pub(crate) took_seconds: f64,
}

impl Counts {
    pub(crate) fn of(due: &Due, verified: &Numbers, dead: &Numbers) -> Self {
        let meant_dead = due.dead.and(dead);
        let unexpected_dead = dead.without(&due.dead);
        Self {
            due: due.all.len(),
            delivered: due.all.and(verified).len(),
            dead_letters_due: due.dead.len(),
            dead_letters: meant_dead.len(),
            missing: due.all.without(verified).without(&meant_dead).len(),
            unexpected: verified.without(&due.all).len() + unexpected_dead.len(),
        }
    }

    fn add(&mut self, other: &Self) {
        self.due += other.due;
        self.delivered += other.delivered;
        self.dead_letters_due += other.dead_letters_due;
        self.dead_letters += other.dead_letters;
        self.missing += other.missing;
        self.unexpected += other.unexpected;
    }
}

/// One line for each of [`PLANNED`], and their sum.
pub(crate) fn lines(due: &[Due], tally: &Tally, dead: &[Numbers]) -> (Vec<Line>, Counts) {
    let mut total = Counts { unexpected: tally.stray, ..Counts::default() };
    let all = PLANNED.iter().zip(due).zip(&tally.verified).zip(dead);
    let lines = all.map(|(((planned, due), verified), dead)| {
        let counts = Counts::of(due, verified, dead);
        total.add(&counts);
        Line { name: planned.name, receiver: RECEIVERS[planned.receiver], counts }
    });
    (lines.collect(), total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_and_what_is_too_much_is_told_apart() {
        let due = Due { all: (0..10).collect(), dead: Numbers::from_iter([8, 9]) };
        let counts = Counts::of(&due, &(0..8).collect(), &Numbers::from_iter([8, 9]));
        let good = Counts { due: 10, delivered: 8, dead_letters_due: 2, dead_letters: 2, missing: 0, unexpected: 0 };
        assert_eq!(counts, good);
        let lost = Counts::of(&due, &(1..8).collect(), &Numbers::from_iter([8]));
        assert_eq!((lost.missing, lost.unexpected), (2, 0));
        let strange = Counts::of(&due, &Numbers::from_iter([77]), &Numbers::from_iter([0]));
        assert_eq!((strange.missing, strange.unexpected), (10, 2));
        // A dead letter that was replayed is delivered.
        assert_eq!(Counts::of(&due, &(0..10).collect(), &Numbers::default()).missing, 0);
    }
}
