//! The keys: kept in the catalogue, held in memory by their digests, so that a look-up waits for nothing.
//!
//! A change is written first and seen after, at once: a key that was revoked lets nobody in from the answer on. When a
//! key was last used is noted in memory and written once a minute at most. Keys that come with the start (`admin.key`,
//! the environment) are held beside and never written.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use loghorn_domain::{
    Clock, KeyId, Span, Timestamp,
    access::{Digest, Key, Scope, Standing, Token, WrongKeys},
};
use loghorn_storage::{Error as StoreError, Record, Revision, Store};
use parking_lot::Mutex;
use tokio::sync::Mutex as AsyncMutex;

use crate::Random;

const PREFIX: &str = "key/";
/// Most keys that are kept, revoked and expired ones included.
pub const KEYS_MAX: usize = 1000;
/// How often it is written when a key was last used.
const WRITTEN_EVERY: Duration = Duration::from_secs(60);

/// Why a key was not made or revoked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KeyError {
    /// There is no such key.
    #[error("there is no such key")]
    NotFound,
    /// So many are in force that there is no room for another.
    #[error("there are {KEYS_MAX} keys in force already")]
    TooMany,
    /// The store could not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whom a key lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The key's id; for one that came with the start, where it came from.
    pub id: Arc<str>,
    /// The key's name.
    pub name: Arc<str>,
    /// What it is for.
    pub scope: Scope,
}

struct Known {
    key: Key,
    holder: Holder,
    revision: Revision,
    /// In milliseconds; 0: never.
    used_ms: AtomicI64,
    written_ms: AtomicI64,
}

impl Known {
    fn new(key: Key, revision: Revision, used_ms: i64) -> Self {
        let holder = Holder { id: key.id.as_str().into(), name: key.name.as_str().into(), scope: key.scope };
        Self { key, holder, revision, used_ms: used_ms.into(), written_ms: used_ms.into() }
    }

    /// The key with its last use.
    fn now(&self) -> Key {
        let used_ms = self.used_ms.load(Relaxed);
        Key { last_used_at: (used_ms > 0).then(|| Timestamp::from_millis(used_ms)), ..self.key.clone() }
    }
}

type Map = HashMap<Digest, Arc<Known>>;

/// All keys.
pub struct Keys {
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    known: ArcSwap<Map>,
    given: Vec<(Digest, Holder)>,
    wrong: Mutex<WrongKeys>,
    one_at_a_time: AsyncMutex<()>,
}

impl Keys {
    /// Loads them. `given`: admin keys that came with the start, each with where it came from.
    pub(crate) async fn load(
        store: Store,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        given: &[(&'static str, Token)],
    ) -> Result<Self, StoreError> {
        let mut known = Map::new();
        for Record { key: at, revision, value } in store.catalog.list(PREFIX.into()).await? {
            let damaged = |error: serde_json::Error| StoreError::Damaged(format!("{at}: {error}").into());
            let key: Key = serde_json::from_slice(&value).map_err(damaged)?;
            let used_ms = key.last_used_at.map_or(0, Timestamp::millis);
            known.insert(key.digest, Arc::new(Known::new(key, revision, used_ms)));
        }
        let holder = |from: &str| Holder { id: from.into(), name: from.into(), scope: Scope::Admin };
        let given = given.iter().map(|(from, token)| (Digest::of(token.reveal()), holder(from))).collect();
        let (known, wrong, one_at_a_time) = (ArcSwap::from_pointee(known), Mutex::default(), AsyncMutex::default());
        Ok(Self { store, clock, random, known, given, wrong, one_at_a_time })
    }

    /// Whom this text lets in now; notes the use.
    pub fn holder(self: &Arc<Self>, text: &str) -> Option<Holder> {
        self.holder_of(Digest::of(text))
    }

    /// Whom the key with this digest lets in now; notes the use.
    pub(crate) fn holder_of(self: &Arc<Self>, digest: Digest) -> Option<Holder> {
        if let Some((_, holder)) = self.given.iter().find(|(given, _)| *given == digest) {
            return Some(holder.clone());
        }
        let known = self.known.load().get(&digest)?.clone();
        let now = self.clock.now();
        if known.key.standing(now) != Standing::Active {
            return None;
        }
        known.used_ms.store(now.millis(), Relaxed);
        let written_ms = known.written_ms.load(Relaxed);
        let is_due = now.since(Timestamp::from_millis(written_ms)) >= WRITTEN_EVERY;
        if is_due && known.written_ms.compare_exchange(written_ms, now.millis(), Relaxed, Relaxed).is_ok() {
            let this = self.clone();
            actix_rt::spawn(async move { this.write_use(digest).await });
        }
        Some(known.holder.clone())
    }

    /// How long `from` is still not listened to, because it showed too many wrong keys.
    pub fn barred_for(&self, from: IpAddr) -> Option<Duration> {
        self.wrong.lock().barred_for(from, self.clock.monotonic())
    }

    /// A wrong key came from there.
    pub fn wrong_from(&self, from: IpAddr) {
        self.wrong.lock().add(from, self.clock.monotonic());
    }

    /// All of them, oldest first; those that came with the start are not among them.
    pub fn list(&self) -> Vec<Key> {
        let mut all: Vec<Key> = self.known.load().values().map(|known| known.now()).collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }

    /// Makes one; its text is told only here. Where there is no room the oldest that lets nobody in any more is
    /// forgotten.
    pub async fn create(
        self: &Arc<Self>,
        name: String,
        scope: Scope,
        expires_in: Option<Span>,
    ) -> Result<(Key, Token), KeyError> {
        let this = self.clone();
        to_the_end(async move { this.create_now(name, scope, expires_in).await }).await
    }

    async fn create_now(&self, name: String, scope: Scope, expires_in: Option<Span>) -> Result<(Key, Token), KeyError> {
        let _changing = self.one_at_a_time.lock().await;
        let now = self.clock.now();
        if self.known.load().len() >= KEYS_MAX {
            self.forget_one(now).await?;
        }
        let (mut bytes, mut number) = ([0; 32], [0; 4]);
        self.random.fill(&mut bytes);
        self.random.fill(&mut number);
        let token = Token::generated(scope, bytes);
        let key = Key {
            id: KeyId::new(now, u32::from_be_bytes(number)),
            name,
            scope,
            digest: Digest::of(token.reveal()),
            created_at: now,
            expires_at: expires_in.map(|span| now.plus(span.0)),
            last_used_at: None,
            revoked_at: None,
        };
        self.write(key.clone(), None).await?;
        Ok((key, token))
    }

    /// Revokes one: it lets nobody in any more. A repeat changes nothing.
    pub async fn revoke(self: &Arc<Self>, id: &KeyId) -> Result<(), KeyError> {
        let (this, id) = (self.clone(), id.clone());
        to_the_end(async move {
            let _changing = this.one_at_a_time.lock().await;
            let found = this.known.load().values().find(|known| known.key.id == id).cloned();
            let found = found.ok_or(KeyError::NotFound)?;
            let mut key = found.now();
            key.revoked_at = Some(key.revoked_at.unwrap_or_else(|| this.clock.now()));
            Ok(this.write(key, Some(found.revision)).await?)
        })
        .await
    }

    async fn forget_one(&self, now: Timestamp) -> Result<(), KeyError> {
        let known = self.known.load_full();
        let useless = known.values().filter(|known| known.key.standing(now) != Standing::Active);
        let oldest = useless.min_by(|a, b| a.key.id.cmp(&b.key.id)).ok_or(KeyError::TooMany)?;
        self.store.catalog.delete_if(at(&oldest.key), oldest.revision).await?;
        self.change(|known| drop(known.remove(&oldest.key.digest)));
        Ok(())
    }

    async fn write_use(&self, digest: Digest) {
        let _changing = self.one_at_a_time.lock().await;
        // Forgotten meanwhile.
        let Some(known) = self.known.load().get(&digest).cloned() else { return };
        if let Err(error) = self.write(known.now(), Some(known.revision)).await {
            tracing::warn!(%error, key = %known.key.id, "when a key was last used could not be written");
        }
    }

    async fn write(&self, key: Key, expected: Option<Revision>) -> Result<(), StoreError> {
        let unreadable = |error: serde_json::Error| StoreError::Damaged(error.to_string().into());
        let value = serde_json::to_vec(&key).map_err(unreadable)?;
        let revision = self.store.catalog.put_if(at(&key), expected, value.into()).await?;
        self.change(|known| {
            // Not that of `key`: it may have been used while this was written.
            let used_ms = known.get(&key.digest).map_or(0, |known| known.used_ms.load(Relaxed));
            known.insert(key.digest, Arc::new(Known::new(key, revision, used_ms)));
        });
        Ok(())
    }

    fn change(&self, change: impl FnOnce(&mut Map)) {
        let mut known = Map::clone(&self.known.load());
        change(&mut known);
        self.known.store(Arc::new(known));
    }
}

fn at(key: &Key) -> String {
    format!("{PREFIX}{}", key.id)
}

/// Runs `work` as a task of its own: dropping this future does not stop it.
async fn to_the_end<T: 'static>(work: impl Future<Output = Result<T, KeyError>> + 'static) -> Result<T, KeyError> {
    actix_rt::spawn(work).await.unwrap_or(Err(KeyError::Store(StoreError::Stopped)))
}
