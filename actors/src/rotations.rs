//! The ends of replaced secrets: told of before they come, and what signs no more is forgotten.
//!
//! **Idle is idle**: while no replaced secret signs anywhere, nothing is looked at.

use std::{sync::Arc, time::Duration};

use loghorn_domain::{
    EndpointNo, Subscription, Timestamp,
    notice::{Notice, Subject},
};
use rustc_hash::FxHashSet;

use crate::shared::Shared;

/// Longest that it is slept: the clock on the wall may be set.
const SLEEP_MAX: Duration = Duration::from_secs(3600);
/// How long after one that could not be forgotten it is tried again.
const AGAIN: Duration = Duration::from_secs(60);

/// Looks after them, for as long as its thread lives.
pub(crate) async fn watch(shared: Arc<Shared>) {
    let mut told = FxHashSet::default();
    loop {
        let now = shared.clock.now();
        let mut next: Option<Timestamp> = None;
        for subscription in shared.subscriptions.list() {
            let at = look_at(&shared, &subscription, &mut told, now).await;
            next = next.into_iter().chain(at).min();
        }
        let rotated = shared.subscriptions.rotated.notified();
        match next {
            Some(at) => drop(tokio::time::timeout(at.since(now).min(SLEEP_MAX), rotated).await),
            None => rotated.await,
        }
    }
}

/// When to look again; `None`: there is nothing to look at.
async fn look_at(
    shared: &Shared,
    subscription: &Subscription,
    told: &mut FxHashSet<(EndpointNo, u32)>,
    now: Timestamp,
) -> Option<Timestamp> {
    let mut next = None;
    for previous in subscription.previous().iter().filter(|previous| previous.until > now) {
        let key = (subscription.endpoint, previous.number);
        if previous.told_at() > now {
            next = next.into_iter().chain([previous.told_at()]).min();
            continue;
        }
        next = next.into_iter().chain([previous.until]).min();
        if told.insert(key) {
            let subject = Subject::from(subscription);
            shared.notices.tell(Notice::SecretExpiring(subject, previous.number, previous.until));
        }
    }
    if subscription.previous().iter().all(|previous| previous.until > now) {
        return next;
    }
    told.retain(|(endpoint, number)| {
        *endpoint != subscription.endpoint
            || subscription.previous().iter().any(|previous| previous.number == *number && previous.until > now)
    });
    match shared.subscriptions.forget_secrets(&subscription.id).await {
        Ok(()) => next,
        Err(error) => {
            tracing::warn!(%error, subscription = %subscription.id, "a secret that signs no more cannot be forgotten yet");
            next.into_iter().chain([now.plus(AGAIN)]).min()
        }
    }
}
