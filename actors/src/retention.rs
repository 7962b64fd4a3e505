//! What is kept for how long, and of how much.

use std::time::Duration;

use loghorn_domain::{Seq, Timestamp};
use loghorn_storage::{Error as StoreError, EventLog};

use crate::shared::Shared;

/// How long things are kept.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Events.
    pub events: Duration,
    /// Ended deliveries, their attempts, and dead letters.
    pub deliveries: Duration,
    /// How much of the room that it has the store may take, in percent of what it takes and what is free. Beyond that the
    /// oldest events go sooner, but for those that wait for a delivery or lie in the dead letters.
    pub disk_max: u8,
}

impl Default for Retention {
    fn default() -> Self {
        const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
        Self { events: WEEK, deliveries: WEEK, disk_max: 80 }
    }
}

/// Removes what is old, or too much.
pub(crate) async fn tidy(shared: &Shared) -> Result<(), StoreError> {
    let keep = shared.options.retention;
    // A wall clock that is set forward must not make everything old at once.
    let now = shared.clock.now().min(shared.steady_now());
    let (log, reads) = (&shared.store.log, &shared.store.reads);
    let (used, free) = (reads.disk_bytes(), reads.disk_free());
    let crowded = match free.and_then(|free| too_much(used, free, keep.disk_max)) {
        Some(share) => first_to_stay(&**log, share).await?,
        None => None,
    };
    let (old, before) = (now.minus(keep.events), log.bounds().first);
    let first = log.trim(crowded.map_or(old, |at| at.max(old)), now.minus(keep.deliveries)).await?.first;
    match crowded {
        None => tracing::debug!(%first, "removed what is older than its retention"),
        Some(_) if first == before => tracing::warn!(
            used,
            ?free,
            "the store takes more than retention.disk_max, and its oldest events wait or are dead letters"
        ),
        Some(_) => tracing::warn!(
            used, ?free, %first, "the store takes more than retention.disk_max: its oldest events are removed"
        ),
    }
    Ok(())
}

/// The largest part of the log that goes at a time for want of room: what it gives back is seen only later.
const SHARE_MAX: f64 = 0.25;

/// The part of the store that is too much.
fn too_much(used: u64, free: u64, max: u8) -> Option<f64> {
    let allowed = (used.saturating_add(free)) as f64 * f64::from(max) / 100.0;
    let share = 1.0 - allowed / used as f64;
    (used as f64 > allowed).then_some(share.min(SHARE_MAX))
}

/// When the first event came that stays if so much of the log goes.
async fn first_to_stay(log: &dyn EventLog, share: f64) -> Result<Option<Timestamp>, StoreError> {
    let bounds = log.bounds();
    let count = (bounds.last.0 + 1).saturating_sub(bounds.first.0);
    let first = Seq(bounds.first.0 + (count as f64 * share).ceil() as u64);
    Ok(log.get(first).await?.map(|event| event.head.received_at))
}

#[cfg(test)]
mod tests {
    use loghorn_domain::{Draft, event::Limits};

    use super::*;

    #[test]
    fn a_store_is_too_large_by_its_own_share_of_the_room_alone() {
        const GB: u64 = 1 << 30;
        assert_eq!(too_much(GB, 9 * GB, 80), None);
        // Full though others make the disk, there is as much again.
        assert_eq!(too_much(GB, GB, 80), None);
        assert_eq!(too_much(0, 0, 80), None);
        let share = too_much(9 * GB, GB, 80).unwrap();
        assert!((0.11..0.12).contains(&share), "{share}");
        assert_eq!(too_much(10 * GB, 0, 50), Some(SHARE_MAX));
    }

    #[actix_rt::test]
    async fn the_oldest_of_the_log_go() {
        let store = loghorn_storage::memory::open(7, Duration::from_secs(1));
        let at = |n: i64| Timestamp::from_millis(1_700_000_000_000 + n);
        assert_eq!(first_to_stay(&*store.log, 0.2).await.unwrap(), None, "there is nothing");
        for n in 0..100 {
            let draft = Draft::from_json(br#"{"message":"m"}"#).unwrap();
            store.log.append(vec![draft.seal(at(n), Limits::default()).unwrap()]).await.unwrap();
        }
        assert_eq!(first_to_stay(&*store.log, 0.2).await.unwrap(), Some(at(20)));
        assert_eq!(first_to_stay(&*store.log, 0.001).await.unwrap(), Some(at(1)));
    }
}
