//! Tells whoever watches what happens, as it happens. **Lossy and bounded**: who listens too slowly misses the oldest,
//! and is told how much; nobody who works ever waits. Where nobody listens it costs a look at a counter.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use loghorn_domain::{EndpointNo, Seq, SubscriptionId};
use tokio::sync::broadcast;

/// What a listener may be behind.
const BEHIND_MAX: usize = 8192;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// An attempt ended, and is on record.
    Settled {
        /// Where to.
        endpoint: EndpointNo,
        /// Of which event.
        seq: Seq,
        /// Whether it was delivered.
        is_delivered: bool,
    },
    /// A subscription was made, changed or deleted.
    Subscription(SubscriptionId, Change),
}

/// What happened to a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Created,
    /// A person, or Loghorn itself, changed it.
    Updated,
    /// It is gone.
    Deleted,
    /// One of its circuits opened, closed, or is probed.
    Circuit,
}

/// See the module.
pub struct Feed {
    sender: broadcast::Sender<Said>,
    listeners: Arc<AtomicUsize>,
}

impl Default for Feed {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(BEHIND_MAX), listeners: Arc::default() }
    }
}

impl Feed {
    /// Says it to whoever listens.
    pub(crate) fn say(&self, what: impl FnOnce() -> Said) {
        if self.listeners.load(Relaxed) > 0 {
            // Nobody may be left to hear it.
            let _ = self.sender.send(what());
        }
    }

    /// Listens from now on.
    pub fn listen(&self) -> Listener {
        self.listeners.fetch_add(1, Relaxed);
        Listener { receiver: self.sender.subscribe(), listeners: self.listeners.clone() }
    }
}

/// Hears what is said.
pub struct Listener {
    receiver: broadcast::Receiver<Said>,
    listeners: Arc<AtomicUsize>,
}

impl Listener {
    /// What was said since the last call, and how much of it was missed.
    pub fn take(&mut self) -> (Vec<Said>, u64) {
        let (mut heard, mut missed) = (Vec::new(), 0);
        loop {
            match self.receiver.try_recv() {
                Ok(said) => heard.push(said),
                Err(broadcast::error::TryRecvError::Lagged(n)) => missed += n,
                Err(_) => return (heard, missed),
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.listeners.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_too_slowly_is_told_what_was_missed() {
        let feed = Feed::default();
        let said = |n| Said::Settled { endpoint: EndpointNo(1), seq: Seq(n), is_delivered: true };
        feed.say(|| unreachable!("nobody listens"));
        let mut listener = feed.listen();
        for n in 0..BEHIND_MAX as u64 + 10 {
            feed.say(|| said(n));
        }
        let (heard, missed) = listener.take();
        assert_eq!((heard.len(), missed, &heard[0]), (BEHIND_MAX, 10, &said(10)));
        assert_eq!(listener.take(), (Vec::new(), 0));
        drop(listener);
        feed.say(|| unreachable!("nobody listens any more"));
    }
}
