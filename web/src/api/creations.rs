//! Creations with an `Idempotency-Key`.

use std::{
    collections::VecDeque,
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use loghorn_domain::{EventId, Subscription, SubscriptionId};
use serde_json::{Map, Value};

use crate::{State, error::Error};

/// Creations with an `Idempotency-Key`, so that a repeat makes nothing new: the last 1000. They are kept in memory: a
/// repeat after a restart of the server makes a second subscription.
#[derive(Default)]
pub(crate) struct Made(Mutex<VecDeque<Making>>);

const MADE_MAX: usize = 1000;

/// One creation, begun or done.
struct Making {
    key: EventId,
    /// What was asked for, hashed.
    asked: u64,
    /// What was made; `None` while it is under way.
    made: Option<SubscriptionId>,
}

impl Made {
    /// Reserves `key`, before anything is waited for, so that of two at the same time only one creates; or finds what
    /// was made with it.
    pub(crate) fn begin(
        state: &State,
        key: &EventId,
        body: &Map<String, Value>,
    ) -> Result<Result<Reserved, Arc<Subscription>>, Error> {
        let mut hasher = std::hash::DefaultHasher::new();
        serde_json::to_string(body).unwrap_or_default().hash(&mut hasher);
        let asked = hasher.finish();
        let mut all = state.made.lock();
        if let Some(at) = all.iter().position(|making| making.key == *key) {
            let Making { asked: before, made, .. } = &all[at];
            if *before != asked {
                return Err(Error::conflict(
                    "this Idempotency-Key was used for another subscription",
                    "take a key of its own for each creation",
                ));
            }
            let Some(made) = made else {
                let remedy = "send it again in a moment, with the same key";
                return Err(Error::conflict("a creation with this Idempotency-Key is under way", remedy));
            };
            if let Some(found) = state.system.subscriptions().get(made) {
                return Ok(Err(found));
            }
            // It was deleted since.
            all.remove(at);
        }
        all.push_back(Making { key: key.clone(), asked, made: None });
        if all.len() > MADE_MAX {
            all.pop_front();
        }
        drop(all);
        Ok(Ok(Reserved { made: state.made.clone(), key: key.clone() }))
    }

    /// A panic elsewhere leaves nothing half-changed here.
    fn lock(&self) -> MutexGuard<'_, VecDeque<Making>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A key whose creation is under way; free again when dropped before it is done.
pub(crate) struct Reserved {
    made: Arc<Made>,
    key: EventId,
}

impl Reserved {
    pub(crate) fn done(self, id: &SubscriptionId) {
        if let Some(making) = self.made.lock().iter_mut().find(|making| making.key == self.key) {
            making.made = Some(id.clone());
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.made.lock().retain(|making| making.key != self.key || making.made.is_some());
    }
}
