//! The signing secrets of a subscription over time: the present one, and those before it, which sign too for a while.
//!
//! Receivers change over one after the other. As long as one of them may still hold an earlier secret, both sign, each
//! with a token of its own in `webhook-signature`. The plain header has room for one, and that is the present one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Subscription, Timestamp, secret::Secret};

/// Most secrets that sign beside the present one.
pub const PREVIOUS_MAX: usize = 3;
/// Longest that a replaced secret may go on to sign.
pub const OVERLAP_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long it does where nobody says otherwise.
pub const OVERLAP_DEFAULT: Duration = Duration::from_secs(24 * 3600);
/// Its end is told of so long before, or when a quarter of its time is left, whichever is later.
const TOLD_BEFORE: Duration = Duration::from_secs(24 * 3600);

/// What is known of the present secret, once it is not the first any more, and those before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// Which the present one is; the first was 1.
    pub number: u32,
    /// Since when it is.
    pub made_at: Timestamp,
    /// Those before that sign too, newest first; at most [`PREVIOUS_MAX`].
    #[serde(default)]
    pub previous: Vec<Previous>,
}

/// A secret that was replaced, while it still signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// Which it is.
    pub number: u32,
    /// Kept sealed, beside the record.
    #[serde(skip_serializing, default = "Secret::absent")]
    pub secret: Secret,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it was replaced.
    pub replaced_at: Timestamp,
    /// It signs until then.
    pub until: Timestamp,
}

impl Previous {
    /// When it is to be told that it ends soon.
    pub fn told_at(&self) -> Timestamp {
        let before = TOLD_BEFORE.min(self.until.since(self.replaced_at) / 4);
        self.until.minus(before)
    }
}

/// A secret of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbered<'s> {
    /// 1 for the first, one more with each change.
    pub number: u32,
    /// It.
    pub secret: &'s Secret,
    /// When it was made.
    pub made_at: Timestamp,
    /// Until when it signs; `None`: until it is replaced.
    pub until: Option<Timestamp>,
}

/// Why a secret was not replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RotateError {
    /// It signs already.
    #[error("it is one of this subscription's secrets already")]
    Same,
    /// Receivers would find their secret gone before the time that was promised.
    #[error("{PREVIOUS_MAX} earlier secrets still sign")]
    TooMany,
}

impl Subscription {
    /// The secrets that sign at `now`, the present one first.
    pub fn secrets(&self, now: Timestamp) -> impl Iterator<Item = Numbered<'_>> {
        let rotation = self.rotation.as_ref();
        let present = Numbered {
            number: rotation.map_or(1, |rotation| rotation.number),
            secret: &self.secret,
            made_at: rotation.map_or(self.created_at, |rotation| rotation.made_at),
            until: None,
        };
        let signing = self.previous().iter().filter(move |previous| previous.until > now);
        std::iter::once(present).chain(signing.map(|previous| Numbered {
            number: previous.number,
            secret: &previous.secret,
            made_at: previous.made_at,
            until: Some(previous.until),
        }))
    }

    /// The secret that was the present one at `at`; `None` where that is no longer known.
    pub fn secret_at(&self, at: Timestamp) -> Option<&Secret> {
        let Some(rotation) = self.rotation.as_ref().filter(|rotation| at < rotation.made_at) else {
            return Some(&self.secret);
        };
        // Those that were ended at once are missing in between.
        let was_present = |previous: &&Previous| (previous.made_at..previous.replaced_at).contains(&at);
        rotation.previous.iter().find(was_present).map(|previous| &previous.secret)
    }

    /// Those before the present one, newest first.
    pub fn previous(&self) -> &[Previous] {
        self.rotation.as_ref().map_or(&[], |rotation| &rotation.previous)
    }

    /// Makes `secret` the present one. The one before signs for `overlap` more; zero ends all earlier ones at once.
    pub fn rotate(&mut self, secret: Secret, overlap: Duration, now: Timestamp) -> Result<(), RotateError> {
        let present = self.secrets(now).next().map(|present| (present.number, present.made_at));
        let (number, made_at) = present.unwrap_or((1, self.created_at));
        if self.secrets(now).any(|known| *known.secret == secret) {
            return Err(RotateError::Same);
        }
        let mut previous = self.rotation.take().map(|rotation| rotation.previous).unwrap_or_default();
        previous.retain(|previous| previous.until > now && !overlap.is_zero());
        if previous.len() >= PREVIOUS_MAX {
            self.rotation = Some(Rotation { number, made_at, previous });
            return Err(RotateError::TooMany);
        }
        let before = std::mem::replace(&mut self.secret, secret);
        if !overlap.is_zero() {
            let until = now.plus(overlap.min(OVERLAP_MAX));
            previous.insert(0, Previous { number, secret: before, made_at, replaced_at: now, until });
        }
        self.rotation = Some(Rotation { number: number + 1, made_at: now, previous });
        Ok(())
    }

    /// Forgets the secrets that do not sign any more.
    pub fn forget_secrets(&mut self, now: Timestamp) {
        if let Some(rotation) = &mut self.rotation {
            rotation.previous.retain(|previous| previous.until > now);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::subscription::{Spec, tests::subscription};

    const HOUR: Duration = Duration::from_secs(3600);

    fn secret(n: u8) -> Secret {
        Secret::generated([n; 32])
    }

    fn fresh() -> Subscription {
        let spec = json!({"name": "n", "url": "https://example.com/hook", "events": ["log.error"]});
        subscription(Spec::from_json(spec).unwrap())
    }

    fn numbers(subscription: &Subscription, now: Timestamp) -> Vec<u32> {
        subscription.secrets(now).map(|known| known.number).collect()
    }

    #[test]
    fn the_one_before_signs_until_its_time_is_over() {
        let (mut it, now) = (fresh(), Timestamp::from_millis(1_000_000));
        it.rotate(secret(2), HOUR, now).unwrap();
        assert_eq!(it.secret, secret(2));
        assert_eq!(numbers(&it, now), [2, 1]);
        let last = now.plus(HOUR - Duration::from_millis(1));
        assert_eq!(numbers(&it, last), [2, 1]);
        assert_eq!(numbers(&it, now.plus(HOUR)), [2]);
        assert_eq!(it.secret_at(now), Some(&secret(2)));
        assert_eq!(it.secret_at(now.minus(HOUR)), None, "it was not made yet");
        assert_eq!(it.previous()[0].told_at(), now.plus(HOUR * 3 / 4));
        it.forget_secrets(last);
        assert_eq!(it.previous().len(), 1);
        it.forget_secrets(now.plus(HOUR));
        assert!(it.previous().is_empty());
        it.rotate(secret(3), HOUR, now.plus(HOUR)).unwrap();
        assert_eq!(numbers(&it, now.plus(HOUR)), [3, 2]);
    }

    #[test]
    fn none_is_ended_before_the_time_that_was_promised_unless_that_is_meant() {
        let (mut it, now) = (fresh(), Timestamp::from_millis(1_000_000));
        for n in 2..=4 {
            it.rotate(secret(n), HOUR, now).unwrap();
        }
        let before = it.clone();
        assert_eq!(it.rotate(secret(5), HOUR, now), Err(RotateError::TooMany));
        assert_eq!(it.rotate(secret(3), HOUR, now), Err(RotateError::Same));
        assert_eq!(it.rotate(secret(4), Duration::ZERO, now), Err(RotateError::Same));
        assert_eq!(it, before);
        it.rotate(secret(5), Duration::ZERO, now).unwrap();
        assert_eq!(numbers(&it, now), [5]);
    }

    #[test]
    fn nothing_secret_is_serialised() {
        let (mut it, now) = (fresh(), Timestamp::from_millis(1_000_000));
        it.rotate(Secret::own("a secret of my own".into()).unwrap(), HOUR, now).unwrap();
        it.rotate(secret(3), HOUR, now).unwrap();
        let text = serde_json::to_string(&it).unwrap();
        assert!(!text.contains("whsec_") && !text.contains("my own"), "{text}");
        let again: Subscription = serde_json::from_str(&text).unwrap();
        assert!(again.previous().iter().all(|previous| previous.secret.is_absent()));
    }
}
