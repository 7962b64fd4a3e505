//! Jobs: begun by a person, kept in the catalogue with their progress, ended by themselves or by a person.
//!
//! Each runs as a task of the jobs' own thread ([`crate::backfill`], [`crate::letters`]). What is kept is enough to go
//! on: a job that was running when the process ended goes on at the next start.

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
    job::{self, Act, Backfill, LetterFilter, Letters, Rate, State},
    ruling::Ruling,
    subscription::{self, Mode},
};
use loghorn_storage::{Error as StoreError, Record, Revision};
use parking_lot::Mutex;
use tokio::sync::Mutex as AsyncMutex;

use crate::{backfill, letters, shared::Shared};

const PREFIX: &str = "job/";
/// Most jobs at work at once.
const RUNNING_MAX: usize = 16;
/// Ended jobs that are kept.
const ENDED_MAX: usize = 200;
/// How far the clock may have stepped back without a backfill missing events at its ends.
const CLOCK_SLACK: Duration = Duration::from_secs(3600);
/// How long a request to end a job waits until it has.
const CANCEL_WAIT: Duration = Duration::from_secs(2);
/// How often it is looked whether a job has ended.
const WAIT_STEP: Duration = Duration::from_millis(10);

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

/// How a job's work ended.
pub(crate) enum End {
    Done,
    Cancelled,
    /// It cannot go on.
    Failed(&'static str),
    /// The process ends; the job goes on at the next start.
    Interrupted,
}

/// A job as it is now.
#[derive(Debug, Clone)]
pub struct Job {
    /// What is kept of it.
    pub record: job::Job,
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
            // A job that cannot be read is left as it is: nothing of what is delivered depends on it.
            match job::Job::from_json(&value) {
                Ok(record) => {
                    let (id, job) = (record.id().clone(), Job { record, waiting: None });
                    known.insert(id, Known { job, revision, is_cancelled: false });
                }
                Err(error) => tracing::error!(key, %error, "a job cannot be read, and does not go on"),
            }
        }
        let running = known.values().map(|known| &known.job.record).filter(|job| job.is_running());
        let running: Vec<JobId> = running.map(|job| job.id().clone()).collect();
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
        self.known.lock().values().filter(|known| known.job.record.is_running()).count()
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
        let (id, now) = self.new_id();
        let backfill = Backfill {
            id,
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
        self.begin(backfill.into()).await
    }

    fn new_id(&self) -> (JobId, Timestamp) {
        let now = self.shared.clock.now();
        let mut number = [0; 4];
        self.shared.random.fill(&mut number);
        (JobId::new(now, u32::from_be_bytes(number)), now)
    }

    async fn begin(self: &Arc<Self>, record: job::Job) -> Result<Job, JobError> {
        let id = record.id().clone();
        let revision = self.shared.store.catalog.put_if(key(&id), None, encoded(&record)?).await?;
        let job = Job { record, waiting: None };
        self.known.lock().insert(id.clone(), Known { job: job.clone(), revision, is_cancelled: false });
        self.spawn(id, false);
        self.forget_old().await;
        Ok(job)
    }

    /// Begins to send again, or to give up, the dead letters that `filter` means. Goes on to its end also where whoever
    /// asked goes away meanwhile.
    pub async fn begin_letters(
        self: &Arc<Self>,
        act: Act,
        filter: LetterFilter,
        rate: Option<Rate>,
    ) -> Result<Job, JobError> {
        let this = self.clone();
        let begun = actix_rt::spawn(async move { this.begin_letters_now(act, filter, rate).await });
        begun.await.unwrap_or(Err(JobError::Store(StoreError::Stopped)))
    }

    async fn begin_letters_now(
        self: &Arc<Self>,
        act: Act,
        mut filter: LetterFilter,
        rate: Option<Rate>,
    ) -> Result<Job, JobError> {
        let _beginning = self.one_at_a_time.lock().await;
        self.check_room()?;
        if let Some(ids) = &mut filter.ids {
            ids.sort_by_key(|id| std::cmp::Reverse((id.seq, id.endpoint)));
            ids.dedup();
        }
        let (id, started_at) = self.new_id();
        let letters = Letters {
            act,
            id,
            filter,
            rate,
            after: None,
            lot: Vec::new(),
            is_counted: false,
            total: 0,
            done: 0,
            failed: 0,
            state: State::Running,
            started_at,
            ended_at: None,
            error: None,
        };
        self.begin(letters.into()).await
    }

    /// How many dead letters `filter` means.
    pub async fn count_letters(&self, filter: &LetterFilter) -> Result<u64, StoreError> {
        let (mut count, mut after) = (0, None);
        loop {
            let found = letters::find(&self.shared, filter, after, None).await?;
            count += found.letters.len() as u64;
            after = found.next;
            if after.is_none() {
                return Ok(count);
            }
        }
    }

    fn check_room(&self) -> Result<(), JobError> {
        match self.running() < RUNNING_MAX {
            true => Ok(()),
            false => Err(conflict(format!("{RUNNING_MAX} jobs are at work"), "wait for one to end, or cancel one")),
        }
    }

    fn check(&self, subscription: &Subscription, dry_run: bool) -> Result<(), JobError> {
        if !dry_run && subscription.state() == subscription::State::Disabled {
            return Err(conflict("the subscription is disabled", "enable it first, or ask for a dry run"));
        }
        if !dry_run && subscription.spec.mode == Mode::Shadow {
            return Err(conflict("the subscription is a shadow", "promote it first, or ask for a dry run"));
        }
        let other = self.known.lock().values().find_map(|known| match &known.job.record {
            job::Job::Backfill(job) if job.state == State::Running && job.endpoint == subscription.endpoint => {
                Some(job.id.clone())
            }
            _ => None,
        });
        if let Some(other) = other {
            let detail = format!("{other} is at work for this subscription");
            return Err(conflict(detail, "wait for its end, or cancel it: DELETE /api/v1/jobs/{id}"));
        }
        self.check_room()
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
            Some(known) if !known.job.record.is_running() => {
                return Err(conflict("the job has ended already", "nothing needs to be done"));
            }
            Some(known) => known.is_cancelled = true,
        }
        self.wait(id, CANCEL_WAIT).await.ok_or(JobError::NotFound)
    }

    /// The job as it is once it has ended, or when so much time has passed.
    pub async fn wait(&self, id: &JobId, at_most: Duration) -> Option<Job> {
        let mut waited = Duration::ZERO;
        loop {
            let job = self.get(id)?;
            if !job.record.is_running() || waited >= at_most {
                return Some(job);
            }
            tokio::time::sleep(WAIT_STEP).await;
            waited += WAIT_STEP;
        }
    }

    fn spawn(self: &Arc<Self>, id: JobId, is_resumed: bool) {
        let this = self.clone();
        // A thread that has ended takes none: the process ends.
        let _ = self.arbiter.spawn(async move { this.run(&id, is_resumed).await });
    }

    async fn run(&self, id: &JobId, is_resumed: bool) {
        let Some(job) = self.get(id) else { return };
        let work = async {
            match job.record {
                job::Job::Backfill(job) => backfill::run(&self.shared, self, job, is_resumed).await,
                job::Job::Letters(job) => letters::run(&self.shared, self, job, is_resumed).await,
            }
        };
        let work = AssertUnwindSafe(work);
        let (state, error) = match work.catch_unwind().await {
            // Goes on at the next start.
            Ok(Ok(End::Interrupted) | Err(StoreError::Fenced | StoreError::Stopped)) => return,
            Ok(Ok(End::Done)) => (State::Done, None),
            Ok(Ok(End::Cancelled)) => (State::Cancelled, None),
            Ok(Ok(End::Failed(why))) => (State::Failed, Some(why.to_owned())),
            Ok(Err(error)) => (State::Failed, Some(error.to_string())),
            Err(_) => (State::Failed, Some("it panicked; the server's log says where".to_owned())),
        };
        let Some(mut job) = self.get(id).map(|job| job.record) else { return };
        tracing::info!(%id, ?state, error, "a job ended");
        job.end(state, error, self.shared.clock.now());
        // Kept first: what is seen as cancelled must not go on after a crash.
        if let Err(error) = self.save(&job).await {
            tracing::error!(%id, %error, "how a job ended could not be kept; it goes on after the next start");
        }
        self.show(job, None);
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
    pub(crate) fn show(&self, record: job::Job, waiting: Option<String>) {
        if let Some(known) = self.known.lock().get_mut(record.id()) {
            known.job = Job { record, waiting };
        }
    }

    /// Keeps progress.
    pub(crate) async fn save(&self, record: &job::Job) -> Result<(), StoreError> {
        let Some(revision) = self.known.lock().get(record.id()).map(|known| known.revision) else { return Ok(()) };
        let put = self.shared.store.catalog.put_if(key(record.id()), Some(revision), encoded(record)?);
        let revision = put.await?;
        if let Some(known) = self.known.lock().get_mut(record.id()) {
            known.revision = revision;
        }
        Ok(())
    }

    /// Deletes the oldest ended jobs beyond [`ENDED_MAX`].
    async fn forget_old(&self) {
        let old: Vec<(JobId, Revision)> = {
            let known = self.known.lock();
            let ended = known.iter().rev().filter(|(_, known)| !known.job.record.is_running());
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

fn encoded(record: &job::Job) -> Result<bytes::Bytes, StoreError> {
    let damaged = |error: serde_json::Error| StoreError::Damaged(error.to_string().into());
    serde_json::to_vec(record).map(Into::into).map_err(damaged)
}
