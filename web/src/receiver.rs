//! The built-in test receiver: takes webhooks like anybody's, verifies them with what it was told and not with what it
//! knows of the sender's work, and answers as a person wants it to.
//!
//! It lives in memory and keeps the newest requests only. Its own URL is the one target on this machine that webhooks
//! may go to without being opened.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use loghorn_domain::{Timestamp, secret::Secret, signing};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// Its path. Nothing else below it is served.
pub(crate) const PATH: &str = "/receiver/hook";
/// Requests that are kept; the oldest are forgotten.
pub(crate) const KEPT_MAX: usize = 200;
/// Bytes of a body that are kept.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Bytes of all bodies that are kept.
const BODIES_BYTES_MAX: usize = 8 << 20;

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// With this status code.
    Status(u16),
    /// 200, after five seconds.
    Slow,
    /// Not at all, until the sender gives up or a minute is over.
    Hang,
}

impl Answer {
    /// How long it is waited before answering, and with what.
    pub(crate) fn plan(self) -> (Duration, u16) {
        match self {
            Self::Status(code) => (Duration::ZERO, code),
            Self::Slow => (Duration::from_secs(5), 200),
            Self::Hang => (Duration::from_secs(60), 504),
        }
    }
}

/// What verifying came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verified {
    /// The signature fits body, id and time.
    Yes,
    /// It fits none of the secrets of the subscriptions that send here.
    No,
    /// It is as it should be, but too old or too new.
    Stale,
    /// There is none.
    Unsigned,
}

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    /// Ascending from 1.
    pub(crate) number: u64,
    pub(crate) at: Timestamp,
    /// In lower case, as they came.
    pub(crate) headers: Vec<(String, String)>,
    /// The first 64 KiB.
    pub(crate) body: Vec<u8>,
    pub(crate) body_bytes: usize,
    pub(crate) verified: Verified,
    /// The status code that it was answered with.
    pub(crate) answered: u16,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Receiver(Mutex<State>);

struct State {
    answer: Answer,
    kept: VecDeque<Arc<Arrived>>,
    bytes: usize,
    seen: u64,
}

impl Default for State {
    fn default() -> Self {
        Self { answer: Answer::Status(200), kept: VecDeque::new(), bytes: 0, seen: 0 }
    }
}

impl Receiver {
    pub(crate) fn answer(&self) -> Answer {
        self.0.lock().answer
    }

    pub(crate) fn set_answer(&self, answer: Answer) {
        self.0.lock().answer = answer;
    }

    /// Keeps a request; how it is to be answered.
    pub(crate) fn keep(
        &self,
        at: Timestamp,
        headers: Vec<(String, String)>,
        body: &[u8],
        verified: Verified,
    ) -> Answer {
        let mut state = self.0.lock();
        let answer = state.answer;
        state.seen += 1;
        let kept = body[..body.len().min(BODY_BYTES_MAX)].to_vec();
        state.bytes += kept.len();
        let (number, answered) = (state.seen, answer.plan().1);
        state.kept.push_back(Arc::new(Arrived {
            number,
            at,
            headers,
            body: kept,
            body_bytes: body.len(),
            verified,
            answered,
        }));
        while state.kept.len() > KEPT_MAX || state.bytes > BODIES_BYTES_MAX {
            let Some(oldest) = state.kept.pop_front() else { break };
            state.bytes -= oldest.body.len();
        }
        answer
    }

    /// What is kept, newest first, and how many came in all.
    pub(crate) fn arrived(&self) -> (Vec<Arc<Arrived>>, u64) {
        let state = self.0.lock();
        (state.kept.iter().rev().cloned().collect(), state.seen)
    }

    pub(crate) fn clear(&self) {
        let mut state = self.0.lock();
        state.kept.clear();
        state.bytes = 0;
    }
}

/// Verifies a webhook with each of `secrets`, as any receiver of Standard Webhooks does.
pub(crate) fn verify(
    secrets: &[Secret],
    header: impl Fn(&str) -> Option<String>,
    body: &[u8],
    now: Timestamp,
) -> Verified {
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let [Some(id), Some(timestamp), Some(signature)] = names.map(header) else { return Verified::Unsigned };
    let mut verified = Verified::No;
    for secret in secrets {
        match signing::verify_standard(secret, &id, &timestamp, &signature, body, now) {
            Ok(()) => return Verified::Yes,
            Err(signing::VerifyError::Stale) => verified = Verified::Stale,
            Err(_) => {}
        }
    }
    verified
}

#[cfg(test)]
mod tests {
    use loghorn_domain::signing::Signer;

    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        let receiver = Receiver::default();
        for _ in 0..300 {
            receiver.keep(Timestamp::default(), Vec::new(), &[b'x'; 100_000], Verified::Unsigned);
        }
        let (kept, seen) = receiver.arrived();
        assert_eq!((seen, kept[0].number, kept[0].body_bytes), (300, 300, 100_000));
        assert!(kept.len() == BODIES_BYTES_MAX / BODY_BYTES_MAX && kept[0].body.len() == BODY_BYTES_MAX);
        receiver.clear();
        assert!(receiver.arrived().0.is_empty());
    }

    #[test]
    fn only_what_fits_is_verified() {
        let (secret, other) = (Secret::generated([1; 32]), Secret::generated([2; 32]));
        let at = Timestamp::from_millis(1_000_000);
        let signature = Signer::new(&secret, &[]).standard("dlv_1", at, b"{}");
        let headers = [
            ("webhook-id", "dlv_1".to_owned()),
            ("webhook-timestamp", "1000".into()),
            ("webhook-signature", signature),
        ];
        let find = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        let all = [other, secret];
        assert_eq!(verify(&all, find, b"{}", at), Verified::Yes);
        assert_eq!(verify(&all, find, b"{ }", at), Verified::No);
        assert_eq!(verify(&all[..1], find, b"{}", at), Verified::No);
        assert_eq!(verify(&all[1..], find, b"{}", Timestamp::from_millis(2_000_000)), Verified::Stale);
        assert_eq!(verify(&all, |_| None, b"{}", at), Verified::Unsigned);
    }
}
