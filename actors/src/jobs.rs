//! Jobs: begun by a person, kept in the catalogue with their progress, ended by themselves or by a person.
//!
//! Each runs as a task of the jobs' own thread ([`crate::backfill`]). What is kept is enough to go on: a job that was
//! running when the process ended goes on at the next start.

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use actix::ArbiterHandle;
use futures_util::FutureExt;
use loghorn_domain::{
    JobId, Seq, Subscription, Timestamp,
    job::{Backfill, Rate, State},
    ruling::Ruling,
    subscription::{self, Mode},
};
use loghorn_storage::{Error as StoreError, Record, Revision};
use parking_lot::Mutex;
use tokio::sync::Mutex as AsyncMutex;

use crate::{
    backfill::{self, End},
    shared::Shared,
};

const PREFIX: &str = "job/";
/// Most jobs at work at once.
const RUNNING_MAX: usize = 16;
/// Ended jobs that are kept.
const ENDED_MAX: usize = 200;
/// How far the clock may have stepped back without a backfill missing events at its ends.
const CLOCK_SLACK: Duration = Duration::from_secs(3600);
/// How long a request to end a job waits until it has.
const CANCEL_WAIT: Duration = Duration::from_secs(2);
const CANCEL_STEP: Duration = Duration::from_millis(10);

/// Why a job was not begun or ended.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JobError {
    /// There is no such job.
    #[error("there is no such job")]
    NotFound,
    /// Not as things stand: what is wrong, and what to do.
    #[error("{detail}")]
    Conflict {
        /// What is wrong.
        detail: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The store could not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn conflict(detail: impl Into<String>, remedy: &'static str) -> JobError {
    JobError::Conflict { detail: detail.into(), remedy }
}

/// A job as it is now.
#[derive(Debug, Clone)]
pub struct Job {
    /// What is kept of it.
    pub backfill: Backfill,
    /// What it waits for, if it does.
    pub waiting: Option<String>,
}

/// What a backfill is to do.
#[derive(Debug, Clone, Copy)]
pub struct BackfillRequest {
    /// Events received from then on.
    pub since: Timestamp,
    /// Events received before.
    pub until: Timestamp,
    /// Deliveries a second at most; as fast as they are taken where absent.
    pub rate: Option<Rate>,
    /// Only count.
    pub dry_run: bool,
}

struct Known {
    job: Job,
    revision: Revision,
    is_cancelled: bool,
}

/// All jobs.
pub struct Jobs {
    shared: Arc<Shared>,
    arbiter: ArbiterHandle,
    is_draining: Arc<AtomicBool>,
    known: Mutex<BTreeMap<JobId, Known>>,
    one_at_a_time: AsyncMutex<()>,
}

impl Jobs {
    /// Loads them, and goes on with those that were running.
    pub(crate) async fn load(
        shared: Arc<Shared>,
        arbiter: ArbiterHandle,
        is_draining: Arc<AtomicBool>,
    ) -> Result<Arc<Self>, StoreError> {
        let mut known = BTreeMap::new();
        for Record { key, revision, value } in shared.store.catalog.list(PREFIX.into()).await? {
            let damaged = |error: serde_json::Error| StoreError::Damaged(format!("{key}: {error}").into());
            let backfill: Backfill = serde_json::from_slice(&value).map_err(damaged)?;
            let job = Job { backfill, waiting: None };
            known.insert(job.backfill.id.clone(), Known { job, revision, is_cancelled: false });
        }
        let running = known.values().map(|known| &known.job.backfill).filter(|job| job.state == State::Running);
        let running: Vec<JobId> = running.map(|job| job.id.clone()).collect();
        let jobs = Arc::new(Self {
            shared,
            arbiter,
            is_draining,
            known: Mutex::new(known),
            one_at_a_time: AsyncMutex::new(()),
        });
        running.into_iter().for_each(|id| jobs.spawn(id, true));
        Ok(jobs)
    }

    /// All of them, newest first.
    pub fn list(&self) -> Vec<Job> {
        self.known.lock().values().rev().map(|known| known.job.clone()).collect()
    }

    /// How many are at work.
    pub fn running(&self) -> usize {
        self.known.lock().values().filter(|known| known.job.backfill.state == State::Running).count()
    }

    /// The job with this id.
    pub fn get(&self, id: &JobId) -> Option<Job> {
        self.known.lock().get(id).map(|known| known.job.clone())
    }

    /// Begins to deliver past events to `subscription`, through the filter it has now. Goes on to its end also where
    /// whoever asked goes away meanwhile: else the job would be on record, and seen and begun only at the next start.
    pub async fn begin_backfill(
        self: &Arc<Self>,
        subscription: &Subscription,
        request: BackfillRequest,
    ) -> Result<Job, JobError> {
        let (this, subscription) = (self.clone(), subscription.clone());
        let begun = actix_rt::spawn(async move { this.begin_now(&subscription, request).await });
        begun.await.unwrap_or(Err(JobError::Store(StoreError::Stopped)))
    }

    async fn begin_now(
        self: &Arc<Self>,
        subscription: &Subscription,
        request: BackfillRequest,
    ) -> Result<Job, JobError> {
        // Of two for the same subscription the second must see the first.
        let _beginning = self.one_at_a_time.lock().await;
        self.check(subscription, request.dry_run)?;
        let (from, to) = self.range(request.since, request.until).await?;
        let now = self.shared.clock.now();
        let mut number = [0; 4];
        self.shared.random.fill(&mut number);
        let backfill = Backfill {
            id: JobId::new(now, u32::from_be_bytes(number)),
            subscription: subscription.id.clone(),
            endpoint: subscription.endpoint,
            ruling: Ruling::of(subscription),
            since: request.since,
            until: request.until,
            rate: request.rate,
            dry_run: request.dry_run,
            from,
            to,
            cursor: from,
            state: State::Running,
            matched: 0,
            queued: 0,
            skipped: 0,
            started_at: now,
            ended_at: None,
            error: None,
        };
        let id = backfill.id.clone();
        let revision = self.shared.store.catalog.put_if(key(&id), None, encoded(&backfill)?).await?;
        let job = Job { backfill, waiting: None };
        self.known.lock().insert(id.clone(), Known { job: job.clone(), revision, is_cancelled: false });
        self.spawn(id, false);
        self.forget_old().await;
        Ok(job)
    }

    fn check(&self, subscription: &Subscription, dry_run: bool) -> Result<(), JobError> {
        if !dry_run && subscription.state() == subscription::State::Disabled {
            return Err(conflict("the subscription is disabled", "enable it first, or ask for a dry run"));
        }
        if !dry_run && subscription.spec.mode == Mode::Shadow {
            return Err(conflict("the subscription is a shadow", "promote it first, or ask for a dry run"));
        }
        let known = self.known.lock();
        let mut running = known.values().map(|known| &known.job.backfill).filter(|job| job.state == State::Running);
        if let Some(other) = running.clone().find(|job| job.endpoint == subscription.endpoint) {
            let detail = format!("{} is at work for this subscription", other.id);
            return Err(conflict(detail, "wait for its end, or cancel it: DELETE /api/v1/jobs/{id}"));
        }
        if running.by_ref().count() >= RUNNING_MAX {
            return Err(conflict(format!("{RUNNING_MAX} jobs are at work"), "wait for one to end, or cancel one"));
        }
        Ok(())
    }

    /// The last event before, and the last of, those that may have been received within these times. Those that the
    /// router has not passed yet are among them: it leaves them out where the subscription was made after they came in.
    async fn range(&self, since: Timestamp, until: Timestamp) -> Result<(Seq, Seq), StoreError> {
        let (reads, last) = (&self.shared.store.reads, self.shared.store.log.bounds().last);
        let from = reads.first_since(since.minus(CLOCK_SLACK)).await?.previous().min(last);
        let until = until.plus(CLOCK_SLACK);
        // What reaches into the present ends with the log, whatever the clock did meanwhile.
        let to =
            if until > self.shared.clock.now() { last } else { reads.first_since(until).await?.previous().min(last) };
        Ok((from, to.max(from)))
    }

    /// Ends a running job: it queues nothing more. What is queued already goes out.
    pub async fn cancel(&self, id: &JobId) -> Result<Job, JobError> {
        match self.known.lock().get_mut(id) {
            None => return Err(JobError::NotFound),
            Some(known) if known.job.backfill.state != State::Running => {
                return Err(conflict("the job has ended already", "nothing needs to be done"));
            }
            Some(known) => known.is_cancelled = true,
        }
        let mut waited = Duration::ZERO;
        loop {
            let job = self.get(id).ok_or(JobError::NotFound)?;
            if job.backfill.state != State::Running || waited >= CANCEL_WAIT {
                return Ok(job);
            }
            tokio::time::sleep(CANCEL_STEP).await;
            waited += CANCEL_STEP;
        }
    }

    fn spawn(self: &Arc<Self>, id: JobId, is_resumed: bool) {
        let this = self.clone();
        // A thread that has ended takes none: the process ends.
        let _ = self.arbiter.spawn(async move { this.run(&id, is_resumed).await });
    }

    async fn run(&self, id: &JobId, is_resumed: bool) {
        let Some(job) = self.get(id) else { return };
        let work = AssertUnwindSafe(backfill::run(&self.shared, self, job.backfill, is_resumed));
        let (state, error) = match work.catch_unwind().await {
            // Goes on at the next start.
            Ok(Ok(End::Interrupted) | Err(StoreError::Fenced | StoreError::Stopped)) => return,
            Ok(Ok(End::Done)) => (State::Done, None),
            Ok(Ok(End::Cancelled)) => (State::Cancelled, None),
            Ok(Ok(End::Failed(why))) => (State::Failed, Some(why.to_owned())),
            Ok(Err(error)) => (State::Failed, Some(error.to_string())),
            Err(_) => (State::Failed, Some("it panicked; the server's log says where".to_owned())),
        };
        let Some(mut job) = self.get(id).map(|job| job.backfill) else { return };
        tracing::info!(%id, ?state, error, queued = job.queued, "a job ended");
        (job.state, job.error, job.ended_at) = (state, error, Some(self.shared.clock.now()));
        // Kept first: what is seen as cancelled must not go on after a crash.
        if let Err(error) = self.save(&job).await {
            tracing::error!(%id, %error, "how a job ended could not be kept; it goes on after the next start");
        }
        self.show(&job, None);
    }

    /// Whether someone wants it ended.
    pub(crate) fn is_cancelled(&self, id: &JobId) -> bool {
        self.known.lock().get(id).is_none_or(|known| known.is_cancelled)
    }

    /// Whether the process is ending.
    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Relaxed)
    }

    /// Shows progress to whoever asks.
    pub(crate) fn show(&self, backfill: &Backfill, waiting: Option<String>) {
        if let Some(known) = self.known.lock().get_mut(&backfill.id) {
            known.job = Job { backfill: backfill.clone(), waiting };
        }
    }

    /// Keeps progress.
    pub(crate) async fn save(&self, backfill: &Backfill) -> Result<(), StoreError> {
        let Some(revision) = self.known.lock().get(&backfill.id).map(|known| known.revision) else { return Ok(()) };
        let put = self.shared.store.catalog.put_if(key(&backfill.id), Some(revision), encoded(backfill)?);
        let revision = put.await?;
        if let Some(known) = self.known.lock().get_mut(&backfill.id) {
            known.revision = revision;
        }
        Ok(())
    }

    /// Deletes the oldest ended jobs beyond [`ENDED_MAX`].
    async fn forget_old(&self) {
        let old: Vec<(JobId, Revision)> = {
            let known = self.known.lock();
            let ended = known.iter().rev().filter(|(_, known)| known.job.backfill.state != State::Running);
            ended.skip(ENDED_MAX).map(|(id, known)| (id.clone(), known.revision)).collect()
        };
        for (id, revision) in old {
            // One that is left is tried again with the next job.
            if self.shared.store.catalog.delete_if(key(&id), revision).await.is_ok() {
                self.known.lock().remove(&id);
            }
        }
    }
}

fn key(id: &JobId) -> String {
    format!("{PREFIX}{id}")
}

fn encoded(backfill: &Backfill) -> Result<bytes::Bytes, StoreError> {
    let damaged = |error: serde_json::Error| StoreError::Damaged(error.to_string().into());
    serde_json::to_vec(backfill).map(Into::into).map_err(damaged)
}
