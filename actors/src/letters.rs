//! One job over dead letters at work: sends those of its filter again, or gives them up, the newest event first.
//!
//! It goes through them in pages and deals with them in small lots. Before each lot is done it is kept which one that
//! is, so that after a crash the job can look what had been done of it, and counts nothing twice. Letters that died
//! after the job began are none of its business: what it sent again and died again is left alone.

use std::time::Duration;

use loghorn_domain::{
    EndpointNo, Origin, Seq, Timestamp,
    delivery::Status,
    job::{Act, LetterFilter, Letters},
    subscription::State,
};
use loghorn_storage::{DeliveryQuery, DeliveryRecord, Error as StoreError};

use crate::{
    jobs::{End, Jobs},
    shared::Shared,
};

/// Dead letters that are read at a time.
const PAGE: usize = 500;
/// The time that a lot stands for where a rate is kept.
const PACE: Duration = Duration::from_millis(100);
/// How often a job that waits looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);

type Key = (EndpointNo, Seq);

/// Dead letters of a filter, the newest first, and where the next are.
pub(crate) struct Found {
    pub(crate) letters: Vec<Key>,
    pub(crate) next: Option<(Seq, EndpointNo)>,
}

/// A page of the dead letters that `filter` means, and that died no later than `died_by`.
pub(crate) async fn find(
    shared: &Shared,
    filter: &LetterFilter,
    after: Option<(Seq, EndpointNo)>,
    died_by: Option<Timestamp>,
) -> Result<Found, StoreError> {
    let query = DeliveryQuery {
        after,
        limit: PAGE,
        status: vec![Status::DeadLetter],
        endpoints: filter.endpoint.map(|endpoint| shared.subscriptions.endpoints_with(endpoint)).unwrap_or_default(),
        class: filter.class,
        since: filter.since,
        ..DeliveryQuery::default()
    };
    let reads = &shared.store.reads;
    let fits = |record: &DeliveryRecord| died_by.is_none_or(|by| record.ended_at.is_none_or(|at| at <= by));
    let Some(ids) = &filter.ids else {
        let page = reads.deliveries(query).await?;
        let letters = page.items.iter().filter(|record| fits(record));
        let letters = letters.map(|record| (record.endpoint, record.seq)).collect();
        return Ok(Found { letters, next: page.next });
    };
    let mut letters = Vec::new();
    let is_after = |place: (Seq, EndpointNo)| after.is_none_or(|after| place < after);
    for id in ids.iter().filter(|id| is_after((id.seq, id.endpoint))) {
        let found = reads.delivery(id.endpoint, id.seq).await?.map(|(record, _)| record);
        let is_meant = |record: &DeliveryRecord| record.received_at == id.received_at && query.admits(record);
        letters.extend(found.filter(|record| is_meant(record) && fits(record)).map(|_| (id.endpoint, id.seq)));
    }
    Ok(Found { letters, next: None })
}

/// Works until all letters are dealt with. `is_resumed`: an earlier process may have done what is not noted.
pub(crate) async fn run(shared: &Shared, jobs: &Jobs, job: Letters, is_resumed: bool) -> Result<End, StoreError> {
    let next_lot_at = shared.clock.monotonic();
    let mut work = Work { shared, jobs, job, next_lot_at };
    if is_resumed {
        work.note_lot().await?;
    }
    let end = work.run().await?;
    work.show(None);
    work.save().await?;
    Ok(end)
}

struct Work<'a> {
    shared: &'a Shared,
    jobs: &'a Jobs,
    job: Letters,
    /// By the monotonic clock.
    next_lot_at: Duration,
}

impl Work<'_> {
    async fn run(&mut self) -> Result<End, StoreError> {
        if !self.job.is_counted
            && let Some(end) = self.count().await?
        {
            return Ok(end);
        }
        loop {
            if let Some(end) = self.end() {
                return Ok(end);
            }
            let Found { letters, next } = self.find(self.job.after).await?;
            let mut rest = &letters[..];
            while !rest.is_empty() {
                let room = match self.room().await {
                    Ok(room) => room,
                    Err(end) => return Ok(end),
                };
                let (lot, after) = rest.split_at(room.min(rest.len()));
                self.act(lot).await?;
                rest = after;
            }
            let Some(next) = next else { return Ok(End::Done) };
            self.job.after = Some(next);
        }
    }

    async fn find(&self, after: Option<(Seq, EndpointNo)>) -> Result<Found, StoreError> {
        find(self.shared, &self.job.filter, after, Some(self.job.started_at)).await
    }

    async fn count(&mut self) -> Result<Option<End>, StoreError> {
        let (mut total, mut after) = (0, None);
        loop {
            let found = self.find(after).await?;
            total += found.letters.len() as u64;
            self.job.total = total;
            after = found.next;
            if after.is_none() {
                self.job.is_counted = true;
                self.show(None);
                return Ok(None);
            }
            self.show(Some("its dead letters to be counted".into()));
            let end = self.end();
            if end.is_some() {
                return Ok(end);
            }
        }
    }

    /// Why it is to end now, if it is.
    fn end(&self) -> Option<End> {
        // First, or it would go on after the next start.
        if self.jobs.is_cancelled(&self.job.id) {
            return Some(End::Cancelled);
        }
        self.jobs.is_draining().then_some(End::Interrupted)
    }

    /// Waits until another lot is due; how many may be in it.
    async fn room(&self) -> Result<usize, End> {
        loop {
            if let Some(end) = self.end() {
                return Err(end);
            }
            let early = self.next_lot_at.saturating_sub(self.shared.clock.monotonic());
            if early.is_zero() {
                return Ok(self.job.rate.map_or(PAGE, |rate| rate.within(PACE)));
            }
            if early > LOOK {
                self.show(Some("its rate".into()));
            }
            tokio::time::sleep(early.min(LOOK)).await;
        }
    }

    async fn act(&mut self, lot: &[Key]) -> Result<(), StoreError> {
        let can_be_done = |key: &&Key| self.job.act == Act::Discard || self.is_alive(key.0);
        let (able, left): (Vec<&Key>, Vec<&Key>) = lot.iter().partition(can_be_done);
        let (able, left): (Vec<Key>, usize) = (able.into_iter().copied().collect(), left.len());
        if !able.is_empty() {
            self.job.lot.clone_from(&able);
            self.save().await?;
            let done = self.act_on(able).await?.len();
            fail::fail_point!("letters::acted");
            self.job.lot.clear();
            self.job.done += done as u64;
            if let Some(rate) = self.job.rate {
                let done = u32::try_from(done).unwrap_or(u32::MAX);
                self.next_lot_at = self.next_lot_at.max(self.shared.clock.monotonic()) + rate.interval() * done;
            }
        }
        self.job.failed += left as u64;
        self.job.after = lot.last().map(|(endpoint, seq)| (*seq, *endpoint)).or(self.job.after);
        self.show(None);
        Ok(())
    }

    fn is_alive(&self, endpoint: EndpointNo) -> bool {
        self.shared.subscriptions.alive(endpoint).is_some_and(|found| found.state() != State::Disabled)
    }

    async fn act_on(&self, letters: Vec<Key>) -> Result<Vec<Key>, StoreError> {
        let (shared, now) = (self.shared, self.shared.clock.now());
        let queue = &shared.store.queue;
        if self.job.act == Act::Discard {
            return queue.discard(shared.fence, letters, now).await;
        }
        let replayed = queue.replay(shared.fence, letters, now).await?;
        shared.requeued(replayed.clone()).await?;
        Ok(replayed)
    }

    /// Counts what an earlier process did of its last lot and did not come to note. What it did not do is found again.
    async fn note_lot(&mut self) -> Result<(), StoreError> {
        for (endpoint, seq) in std::mem::take(&mut self.job.lot) {
            let Some((record, _)) = self.shared.store.reads.delivery(endpoint, seq).await? else { continue };
            let died_before = record.ended_at.is_none_or(|at| at <= self.job.started_at);
            let is_left = record.status == Status::DeadLetter && died_before;
            let is_ours = match self.job.act {
                Act::Replay => record.origin == Origin::Replay,
                Act::Discard => record.status == Status::Cancelled,
            };
            self.job.done += u64::from(is_ours && !is_left);
        }
        Ok(())
    }

    fn show(&self, waiting: Option<String>) {
        self.jobs.show(self.job.clone().into(), waiting);
    }

    async fn save(&self) -> Result<(), StoreError> {
        self.jobs.save(&self.job.clone().into()).await
    }
}
