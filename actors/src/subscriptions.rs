//! The subscriptions: kept in the catalogue (their secrets sealed), held in memory, compiled into the snapshot that the router matches with.
//!
//! A change is written first and seen after: whoever was told "created" finds the next event matched. Changes go one
//! at a time; reading never waits. A change goes on to its end also where whoever asked for it goes away meanwhile, so
//! that catalogue and memory never differ. What a version decided by is kept beside, so that past decisions can be
//! explained.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use loghorn_domain::{
    Clock, EndpointNo, Problem, Seq, Subscription, SubscriptionId,
    credentials::Auth,
    egress,
    filter::Pool,
    matcher::{Compiled, Matcher},
    regions::{self, REGIONS_EVER_MAX},
    rotation::RotateError,
    ruling::Ruling,
    secret::Secret,
    subscription::{Mode, Spec},
};
use loghorn_storage::{Error as StoreError, Pending, Record, Revision, Store};
use parking_lot::RwLock;
use tokio::sync::{Mutex, Notify};

use crate::{
    Random,
    changes::Changes,
    feed::{Change, Said},
    kept, receiver_tls,
    vault::Vault,
};

/// Before endpoint and version: what a past version decided by.
const RULINGS: &str = "ruling/";
/// Past versions of one subscription that are kept.
const RULINGS_MAX: u32 = 100;

/// Why a subscription was not changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ChangeError {
    /// There is no such subscription.
    #[error("there is no such subscription")]
    NotFound,
    /// It was changed since the caller read it.
    #[error("the subscription is at version {version} now")]
    Stale {
        /// Its version now.
        version: u32,
    },
    /// What was written is not acceptable.
    #[error("the subscription is not acceptable")]
    Invalid(Vec<Problem>),
    /// Its secret stays as it is.
    #[error(transparent)]
    Rotate(#[from] RotateError),
    /// The catalogue could not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Clone)]
struct Known {
    compiled: Arc<Compiled>,
    revision: Revision,
}

/// Enables it again, from behind the `newest` event on: those that came meanwhile are not made up for.
fn enable(subscription: &mut Subscription, newest: Seq) {
    subscription.spec.enabled = true;
    subscription.disabled_reason = None;
    subscription.since = newest;
}

/// All subscriptions.
pub struct Subscriptions {
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    vault: Arc<Vault>,
    egress: Arc<egress::Policy>,
    pool: Pool,
    /// Under each of its endpoints.
    known: RwLock<BTreeMap<EndpointNo, Known>>,
    matcher: ArcSwap<Matcher>,
    one_at_a_time: Mutex<()>,
    changes: Changes,
    /// A secret was replaced.
    pub(crate) rotated: Notify,
}

impl Subscriptions {
    /// Loads them from the catalogue. A record that cannot be read stops the start: guessing would skip deliveries.
    pub(crate) async fn load(
        store: Store,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        vault: Arc<Vault>,
        egress: Arc<egress::Policy>,
        changes: Changes,
    ) -> Result<Self, StoreError> {
        let (pool, mut known) = (Pool::default(), BTreeMap::new());
        for (key, revision, subscription) in kept::load(&store, &vault).await? {
            let damaged = |problems: Vec<Problem>| StoreError::Damaged(format!("{key}: {}", words(&problems)).into());
            let compiled = compile(subscription, &pool).map_err(damaged)?;
            insert(&mut known, Known { compiled, revision });
        }
        let alive = known.iter().filter(|(endpoint, known): &(&EndpointNo, &Known)| {
            let subscription = &known.compiled.subscription;
            subscription.deleted_at.is_none() && subscription.endpoint == **endpoint
        });
        let matcher = ArcSwap::from_pointee(Matcher::new(alive.map(|(_, known)| known.compiled.clone())));
        let (known, one_at_a_time) = (RwLock::new(known), Mutex::new(()));
        let rotated = Notify::new();
        Ok(Self { store, clock, random, vault, egress, pool, known, matcher, one_at_a_time, changes, rotated })
    }

    /// The snapshot to match with.
    pub fn matcher(&self) -> Arc<Matcher> {
        self.matcher.load_full()
    }

    /// All of them, oldest first; deleted ones are not among them.
    pub fn list(&self) -> Vec<Arc<Subscription>> {
        let mut all: Vec<_> = self.matcher().subscriptions().map(|compiled| compiled.subscription.clone()).collect();
        // The order of their ids, which are made of these.
        all.sort_by_cached_key(|subscription| (subscription.created_at, subscription.endpoint));
        all
    }

    /// The subscription with this id.
    pub fn get(&self, id: &SubscriptionId) -> Option<Arc<Subscription>> {
        let found = self.by_endpoint(id.endpoint()?)?;
        (found.id == *id && found.deleted_at.is_none()).then_some(found)
    }

    /// The subscription that this endpoint is one of, also a deleted one whose queue is still being emptied.
    pub fn by_endpoint(&self, endpoint: EndpointNo) -> Option<Arc<Subscription>> {
        self.known.read().get(&endpoint).map(|known| known.compiled.subscription.clone())
    }

    /// The same, unless it is deleted.
    pub fn alive(&self, endpoint: EndpointNo) -> Option<Arc<Subscription>> {
        self.by_endpoint(endpoint).filter(|found| found.deleted_at.is_none())
    }

    /// All endpoints of the subscription that this is one of; itself where there is none.
    pub fn endpoints_with(&self, endpoint: EndpointNo) -> BTreeSet<EndpointNo> {
        self.by_endpoint(endpoint).map_or_else(|| [endpoint].into(), |found| found.endpoints().collect())
    }

    /// Endpoints of deleted subscriptions.
    pub(crate) fn deleted(&self) -> Vec<EndpointNo> {
        let known = self.known.read();
        let deleted = known.iter().filter(|(_, known)| known.compiled.subscription.deleted_at.is_some());
        deleted.map(|(endpoint, _)| *endpoint).collect()
    }

    /// Makes one. It takes the events after the newest one now. `secret`: the user's own, else one is generated.
    pub async fn create(
        self: &Arc<Self>,
        spec: Spec,
        secret: Option<Secret>,
    ) -> Result<Arc<Subscription>, ChangeError> {
        let this = self.clone();
        to_the_end(async move { this.create_now(spec, secret).await }).await
    }

    async fn create_now(&self, spec: Spec, secret: Option<Secret>) -> Result<Arc<Subscription>, ChangeError> {
        let spec = self.checked(spec, None)?;
        let _changing = self.one_at_a_time.lock().await;
        let now = self.clock.now();
        let endpoint = self.unused_endpoint(&BTreeSet::new());
        let secret = secret.unwrap_or_else(|| self.generated_secret());
        let mut subscription = Subscription::new(spec, endpoint, secret, self.store.log.bounds().last, now);
        self.draw_regions(&mut subscription)?;
        self.write(None, subscription).await
    }

    /// Replaces what a person wrote. Enabling it again forgets why it was disabled; events that came while it was
    /// disabled are not made up for.
    pub async fn update(
        self: &Arc<Self>,
        id: &SubscriptionId,
        version: Option<u32>,
        spec: Spec,
    ) -> Result<Arc<Subscription>, ChangeError> {
        let spec = self.checked(spec, self.get(id).as_deref())?;
        let newest = self.store.log.bounds().last;
        self.change(id, version, move |subscription| {
            let was_active = subscription.is_active();
            subscription.spec = spec;
            if subscription.spec.enabled && !was_active {
                enable(subscription, newest);
            }
            Ok(())
        })
        .await
    }

    /// Pauses it, or lets it go on whatever held it back: one that was disabled is enabled again.
    pub async fn set_paused(
        self: &Arc<Self>,
        id: &SubscriptionId,
        version: Option<u32>,
        is_paused: bool,
    ) -> Result<Arc<Subscription>, ChangeError> {
        let newest = self.store.log.bounds().last;
        self.change(id, version, move |subscription| {
            subscription.paused = is_paused;
            if !is_paused && !subscription.is_active() {
                enable(subscription, newest);
            }
            Ok(())
        })
        .await
    }

    /// Makes a shadow live: what matches from now on is sent.
    pub async fn promote(
        self: &Arc<Self>,
        id: &SubscriptionId,
        version: Option<u32>,
    ) -> Result<Arc<Subscription>, ChangeError> {
        self.change(id, version, |subscription| {
            subscription.spec.mode = Mode::Live;
            Ok(())
        })
        .await
    }

    /// Replaces its signing secret by `secret`, else by one that is generated. The one before signs for `overlap` more.
    pub async fn rotate(
        self: &Arc<Self>,
        id: &SubscriptionId,
        version: Option<u32>,
        secret: Option<Secret>,
        overlap: Duration,
    ) -> Result<Arc<Subscription>, ChangeError> {
        let (secret, now) = (secret.unwrap_or_else(|| self.generated_secret()), self.clock.now());
        let rotated =
            self.change(id, version, move |subscription| Ok(subscription.rotate(secret, overlap, now)?)).await?;
        self.rotated.notify_one();
        Ok(rotated)
    }

    /// Forgets the secrets that do not sign any more.
    pub(crate) async fn forget_secrets(self: &Arc<Self>, id: &SubscriptionId) -> Result<(), ChangeError> {
        let now = self.clock.now();
        let forgetting = self.change(id, None, move |subscription| {
            subscription.forget_secrets(now);
            Ok(())
        });
        forgetting.await.map(drop)
    }

    /// What `version` of this subscription decided by; `None` where that is no longer kept.
    pub async fn ruling(&self, subscription: &Subscription, version: u32) -> Result<Option<Ruling>, StoreError> {
        if version == subscription.version {
            return Ok(Some(Ruling::of(subscription)));
        }
        let key = ruling_key(subscription.endpoint, version);
        let Some(record) = self.store.catalog.get(key.clone()).await? else { return Ok(None) };
        let damaged = |error: serde_json::Error| StoreError::Damaged(format!("{key}: {error}").into());
        serde_json::from_slice(&record.value).map(Some).map_err(damaged)
    }

    /// Loghorn itself disables it, with this reason, until a person says otherwise.
    pub(crate) async fn disable(self: &Arc<Self>, endpoint: EndpointNo, reason: String) -> Result<(), ChangeError> {
        let id = self.by_endpoint(endpoint).ok_or(ChangeError::NotFound)?.id.clone();
        let disabling = self.change(&id, None, move |subscription| {
            subscription.spec.enabled = false;
            subscription.disabled_reason = Some(reason);
            Ok(())
        });
        disabling.await.map(drop)
    }

    /// Deletes it: nothing is matched or sent from now on, and what waits is cancelled.
    pub async fn delete(self: &Arc<Self>, id: &SubscriptionId, version: Option<u32>) -> Result<(), ChangeError> {
        let (this, id, now) = (self.clone(), id.clone(), self.clock.now());
        to_the_end(async move {
            let delete = |subscription: &mut Subscription| {
                subscription.delete(now);
                Ok(())
            };
            let deleted = this.change_now(&id, version, delete).await?;
            this.changes.deleted(deleted.endpoints().collect()).await;
            this.forget_rulings(&format!("{RULINGS}{}/", deleted.endpoint)).await;
            Ok(())
        })
        .await
    }

    async fn change(
        self: &Arc<Self>,
        id: &SubscriptionId,
        version: Option<u32>,
        change: impl FnOnce(&mut Subscription) -> Result<(), ChangeError> + 'static,
    ) -> Result<Arc<Subscription>, ChangeError> {
        let (this, id) = (self.clone(), id.clone());
        to_the_end(async move { this.change_now(&id, version, change).await }).await
    }

    async fn change_now(
        &self,
        id: &SubscriptionId,
        version: Option<u32>,
        change: impl FnOnce(&mut Subscription) -> Result<(), ChangeError>,
    ) -> Result<Arc<Subscription>, ChangeError> {
        let _changing = self.one_at_a_time.lock().await;
        let current = self.get(id).ok_or(ChangeError::NotFound)?;
        if version.is_some_and(|version| version != current.version) {
            return Err(ChangeError::Stale { version: current.version });
        }
        let mut changed = Subscription::clone(&current);
        change(&mut changed)?;
        if changed == *current {
            return Ok(current);
        }
        self.draw_regions(&mut changed)?;
        changed.version += 1;
        changed.updated_at = self.clock.now();
        let revision = self.known.read().get(&changed.endpoint).map(|known| known.revision);
        // Submitted together, so they are one sync. One that is there already is from a change that came to nothing.
        let kept = self.keep_ruling(&current)?;
        let written = self.write(revision, changed);
        let (kept, written) = futures_util::future::join(kept, written).await;
        if let Err(error) = kept
            && !matches!(error, StoreError::Conflict { .. })
        {
            tracing::error!(%error, subscription = %current.id, "what a past version decided by could not be kept");
        }
        if let Some(old) = current.version.checked_sub(RULINGS_MAX) {
            self.forget_rulings(&ruling_key(current.endpoint, old)).await;
        }
        written
    }

    fn keep_ruling(&self, subscription: &Subscription) -> Result<Pending<Revision>, ChangeError> {
        let unreadable = |error: serde_json::Error| StoreError::Damaged(error.to_string().into());
        let value = serde_json::to_vec(&Ruling::of(subscription)).map_err(unreadable)?;
        let key = ruling_key(subscription.endpoint, subscription.version);
        Ok(self.store.catalog.put_if(key, None, value.into()))
    }

    /// Deletes those whose key begins so. One that is left does no harm.
    async fn forget_rulings(&self, prefix: &str) {
        let Ok(records) = self.store.catalog.list(prefix.to_owned()).await else { return };
        for Record { key, revision, .. } in records {
            let _ = self.store.catalog.delete_if(key, revision).await;
        }
    }

    async fn write(
        &self,
        expected: Option<Revision>,
        subscription: Subscription,
    ) -> Result<Arc<Subscription>, ChangeError> {
        let endpoint = subscription.endpoint;
        let value = kept::encode(&self.vault, &subscription)?;
        let compiled = compile(subscription, &self.pool).map_err(ChangeError::Invalid)?;
        let key = format!("{}{endpoint}", kept::PREFIX);
        let revision = self.store.catalog.put_if(key, expected, value.into()).await?;
        let subscription = compiled.subscription.clone();
        let before = self.matcher.load();
        let after = match subscription.deleted_at {
            None => before.with(compiled.clone()),
            Some(_) => before.without(endpoint),
        };
        insert(&mut self.known.write(), Known { compiled, revision });
        self.matcher.store(Arc::new(after));
        subscription.endpoints().for_each(|endpoint| self.changes.changed(endpoint));
        self.changes.feed.say(|| {
            let change = match (expected, subscription.deleted_at) {
                (_, Some(_)) => Change::Deleted,
                (None, None) => Change::Created,
                (Some(_), None) => Change::Updated,
            };
            Said::Subscription(subscription.id.clone(), change)
        });
        Ok(subscription)
    }

    /// What is to become of `known`, with its URLs as they are kept.
    pub(crate) fn checked(&self, mut spec: Spec, known: Option<&Subscription>) -> Result<Spec, ChangeError> {
        let mut problems = Vec::new();
        let mut check = |url: &mut String, pointer: String| match self.egress.check_url(url) {
            Ok(checked) => *url = checked.into(),
            Err(egress::Refusal { detail, remedy, .. }) => {
                problems.push(Problem::new(pointer, format!("{detail}; {remedy}")));
            }
        };
        check(&mut spec.url, "/url".into());
        for (name, url) in spec.regions.iter_mut().flat_map(|regions| &mut regions.urls) {
            check(url, regions::pointer(name));
        }
        if let Some(Auth::Oauth2(oauth2)) = &mut spec.auth {
            check(&mut oauth2.token_url, "/auth/token_url".into());
        }
        // What has expired since it was saved is no reason to refuse another change.
        let is_new = known.is_none_or(|known| known.spec.tls != spec.tls);
        problems.extend(receiver_tls::problems(&spec, is_new.then(|| self.clock.now())));
        if problems.is_empty() { Ok(spec) } else { Err(ChangeError::Invalid(problems)) }
    }

    /// Gives each new region a queue of its own.
    fn draw_regions(&self, subscription: &mut Subscription) -> Result<(), ChangeError> {
        let mut taken: BTreeSet<EndpointNo> = subscription.endpoints().collect();
        for name in subscription.new_regions() {
            let endpoint = self.unused_endpoint(&taken);
            taken.insert(endpoint);
            subscription.regions.insert(name, endpoint);
        }
        if subscription.regions.len() > REGIONS_EVER_MAX {
            let detail = format!("it would have had more than {REGIONS_EVER_MAX} regions; make another subscription");
            return Err(ChangeError::Invalid(vec![Problem::new("/regions/urls", detail)]));
        }
        Ok(())
    }

    pub(crate) fn generated_secret(&self) -> Secret {
        let mut bytes = [0; 32];
        self.random.fill(&mut bytes);
        Secret::generated(bytes)
    }

    /// A number that no subscription ever had, and none of `taken`: deliveries of a deleted one keep theirs.
    fn unused_endpoint(&self, taken: &BTreeSet<EndpointNo>) -> EndpointNo {
        let (known, ledger) = (self.known.read(), self.store.queue.counters());
        loop {
            let mut bytes = [0; 4];
            self.random.fill(&mut bytes);
            let endpoint = EndpointNo(u32::from_be_bytes(bytes));
            if !known.contains_key(&endpoint) && !ledger.contains_key(&endpoint) && !taken.contains(&endpoint) {
                return endpoint;
            }
        }
    }
}

fn insert(all: &mut BTreeMap<EndpointNo, Known>, known: Known) {
    let subscription = known.compiled.subscription.clone();
    all.extend(subscription.endpoints().map(|endpoint| (endpoint, known.clone())));
}

/// Runs `work` as a task of its own: dropping this future does not stop it.
async fn to_the_end<T: 'static>(
    work: impl Future<Output = Result<T, ChangeError>> + 'static,
) -> Result<T, ChangeError> {
    actix_rt::spawn(work).await.unwrap_or(Err(ChangeError::Store(StoreError::Stopped)))
}

fn compile(subscription: Subscription, pool: &Pool) -> Result<Arc<Compiled>, Vec<Problem>> {
    Compiled::new(subscription, pool).map(Arc::new)
}

fn words(problems: &[Problem]) -> String {
    let words: Vec<String> =
        problems.iter().map(|problem| format!("{}: {}", problem.pointer, problem.detail)).collect();
    words.join("; ")
}

/// Sorts by version.
fn ruling_key(endpoint: EndpointNo, version: u32) -> String {
    format!("{RULINGS}{endpoint}/{version:010}")
}
