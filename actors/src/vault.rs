//! The vault: seals what is secret before it goes into the catalogue, and opens it when it is read.
//!
//! The keyring is one record of the catalogue; a change of the master rewrites it alone, in two steps, between which
//! the old master and the new one both open it. So a crash at any point leaves a store that one of them opens, and
//! nothing that is sealed is touched. Secrets are opened once, when subscriptions are loaded; never for a delivery.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use loghorn_domain::{
    Subscription,
    format::{opsgenie, pagerduty},
    seal::{Broken, DataKeys, Key, Keyring, NONCE_BYTES, Nonce},
    secret::Secret,
};
use loghorn_storage::{Error as StoreError, Record, Revision, Store};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::{
    Random,
    master::{self, MasterError, Source},
};

/// The record of the keyring.
pub const KEYRING: &str = "keyring";
const SECRET: &str = "secret";
const HEADERS: &str = "headers";
const AUTH: &str = "auth";
const TLS: &str = "tls";
const FORMAT: &str = "format";

/// Why there is no vault.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The master key cannot be used.
    #[error(transparent)]
    Master(#[from] MasterError),
    /// The catalogue could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the master key stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The server cannot change where its key comes from.
    #[error("the master key comes from {0}, which the server does not write")]
    NotOurs(String),
    /// It is the master key already.
    #[error("{path} holds the present master key", path = .0.display())]
    Same(PathBuf),
    /// The new key cannot be used.
    #[error(transparent)]
    Master(#[from] MasterError),
    /// The catalogue could not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a change of the master key came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// Where the new key is.
    pub path: PathBuf,
    /// Whether the old key opens the keyring, too, until the server is started with the new one.
    pub is_pending: bool,
}

/// See the module.
pub struct Vault {
    store: Store,
    random: Arc<dyn Random>,
    source: Source,
    keys: DataKeys,
    state: Mutex<State>,
}

struct State {
    master: Key,
    keyring: Keyring,
    revision: Revision,
}

/// What is secret in a subscription, as it is kept beside it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Sealed {
    secret: String,
    /// Its headers, all together; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    headers: Option<String>,
    /// What lets it in at its receiver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth: Option<String>,
    /// Its earlier secrets that still sign, by their numbers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    previous: BTreeMap<u32, String>,
    /// TLS of its own, all of it; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tls: Option<String>,
    /// The keys of its format; absent where that has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    format: Option<String>,
}

/// The keys of a format.
#[derive(Default, Serialize, Deserialize)]
struct FormatKeys {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pagerduty: Option<pagerduty::Config>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opsgenie: Option<opsgenie::Config>,
}

impl Vault {
    /// Opens the keyring with the master key from `source`. Where there is none yet it is made, and the key with it if
    /// it is the data directory's own.
    pub async fn open(store: Store, random: Arc<dyn Random>, source: Source) -> Result<Self, VaultError> {
        let found = store.catalog.get(KEYRING.into()).await?;
        let master = source.find(found.as_ref().map(|record| &record.value[..]))?;
        let master = match (master, &source) {
            (Some(master), _) => master,
            (None, Source::Generated(path)) => master::generate(path, &*random)?,
            (None, _) => return Err(MasterError::Wrong { from: source.name() }.into()),
        };
        let (mut keyring, revision) = match found {
            Some(Record { value, revision, .. }) => {
                (Keyring::read(&value).map_err(|error| source.refusal(error))?, revision)
            }
            None => {
                let keyring = Keyring::new(&master, master::random_key(&*random), || nonce(&*random));
                let revision = put(&store, None, &keyring).await?;
                (keyring, revision)
            }
        };
        // Before the first record of all there was nothing.
        keyring.is_swept |= revision == Revision(1);
        let (keys, is_newest) = keyring.open(&master).map_err(|error| source.refusal(error))?;
        let is_pending = keyring.is_between_masters();
        let vault = Self { store, random, source, keys, state: Mutex::new(State { master, keyring, revision }) };
        match (is_pending, is_newest) {
            (true, true) => vault.retire().await?,
            (true, false) => tracing::warn!(
                "the master key was changed, but the old one is still used; start with the new one, and the old one \
                 opens nothing any more"
            ),
            (false, _) => {}
        }
        Ok(vault)
    }

    /// Changes the master key to the one in the file `new`; without it, to one that is generated in the place of the
    /// data directory's own.
    pub async fn rotate(&self, new: Option<PathBuf>) -> Result<Rotated, RotateError> {
        let mut state = self.state.lock().await;
        let Some(path) = new else {
            let Source::Generated(path) = &self.source else {
                return Err(RotateError::NotOurs(self.source.name()));
            };
            self.rotate_own(&mut state, path).await?;
            return Ok(Rotated { path: path.clone(), is_pending: false });
        };
        let next = master::read(&path)?;
        if next == state.master {
            return Err(RotateError::Same(path));
        }
        self.admit(&mut state, &next).await?;
        Ok(Rotated { path, is_pending: true })
    }

    /// At every moment the file holds a key that opens the keyring.
    async fn rotate_own(&self, state: &mut State, path: &Path) -> Result<(), RotateError> {
        let next = master::random_key(&*self.random);
        let draft = master::draft(path, &next)?;
        self.admit(state, &next).await?;
        fail::fail_point!("vault::admitted");
        master::replace(&draft, path)?;
        fail::fail_point!("vault::replaced");
        state.master = next;
        self.retire_others(state).await?;
        Ok(())
    }

    async fn admit(&self, state: &mut State, next: &Key) -> Result<(), RotateError> {
        let keyring = state.keyring.with(&state.master, next, || nonce(&*self.random));
        self.keep(state, keyring.map_err(|error| self.source.refusal(error))?).await?;
        tracing::info!("the keyring opens with a new master key, and still with the old one");
        Ok(())
    }

    async fn retire(&self) -> Result<(), StoreError> {
        self.retire_others(&mut *self.state.lock().await).await
    }

    /// From now on only the present master opens the keyring, and no earlier keyring is left in the files.
    async fn retire_others(&self, state: &mut State) -> Result<(), StoreError> {
        let keyring = state.keyring.only(&state.master);
        self.keep(state, keyring).await?;
        tracing::info!("the keyring opens with the new master key alone");
        self.store.catalog.scrub().await
    }

    async fn keep(&self, state: &mut State, keyring: Keyring) -> Result<(), StoreError> {
        state.revision = put(&self.store, Some(state.revision), &keyring).await?;
        state.keyring = keyring;
        Ok(())
    }

    /// Whether the disk may still hold what was kept in clear.
    pub(crate) async fn is_unswept(&self) -> bool {
        !self.state.lock().await.keyring.is_swept
    }

    /// Removes it, once nothing is kept in clear any more.
    pub(crate) async fn sweep(&self) -> Result<(), StoreError> {
        self.store.catalog.scrub().await?;
        let mut state = self.state.lock().await;
        let mut keyring = state.keyring.clone();
        keyring.is_swept = true;
        self.keep(&mut state, keyring).await
    }

    /// Seals what is secret in `subscription`.
    pub(crate) fn seal(&self, subscription: &Subscription) -> Sealed {
        let owner = subscription.id.to_string();
        let seal = |field: &str, plain: &[u8]| self.keys.seal(&owner, field, nonce(&*self.random), plain);
        let spec = &subscription.spec;
        let keys = FormatKeys { pagerduty: spec.pagerduty.clone(), opsgenie: spec.opsgenie.clone() };
        let has_keys = keys.pagerduty.is_some() || keys.opsgenie.is_some();
        let previous = subscription
            .previous()
            .iter()
            .map(|previous| (previous.number, seal(&field_of(previous.number), previous.secret.reveal().as_bytes())));
        Sealed {
            secret: seal(SECRET, subscription.secret.reveal().as_bytes()),
            headers: (!spec.headers.is_empty()).then(|| seal(HEADERS, &json(&spec.headers))),
            auth: spec.auth.as_ref().map(|auth| seal(AUTH, &json(auth))),
            previous: previous.collect(),
            tls: spec.tls.as_ref().map(|tls| seal(TLS, &json(tls))),
            format: has_keys.then(|| seal(FORMAT, &json(&keys))),
        }
    }

    /// Puts into `subscription` what was sealed.
    pub(crate) fn unseal(&self, subscription: &mut Subscription, sealed: &Sealed) -> Result<(), Broken> {
        let owner = subscription.id.to_string();
        let open = |field: &str, sealed: &str| self.keys.open(&owner, field, sealed);
        let secret = |field: &str, sealed: &str| {
            let text = String::from_utf8(open(field, sealed)?.to_vec()).map_err(|_| Broken)?;
            Secret::own(text).map_err(|_| Broken)
        };
        subscription.secret = secret(SECRET, &sealed.secret)?;
        for previous in subscription.rotation.iter_mut().flat_map(|rotation| &mut rotation.previous) {
            let sealed = sealed.previous.get(&previous.number).ok_or(Broken)?;
            previous.secret = secret(&field_of(previous.number), sealed)?;
        }
        if let Some(sealed) = &sealed.headers {
            subscription.spec.headers = serde_json::from_slice(&open(HEADERS, sealed)?).map_err(|_| Broken)?;
        }
        if let Some(sealed) = &sealed.auth {
            subscription.spec.auth = Some(serde_json::from_slice(&open(AUTH, sealed)?).map_err(|_| Broken)?);
        }
        if let Some(sealed) = &sealed.tls {
            subscription.spec.tls = Some(serde_json::from_slice(&open(TLS, sealed)?).map_err(|_| Broken)?);
        }
        if let Some(sealed) = &sealed.format {
            let keys: FormatKeys = serde_json::from_slice(&open(FORMAT, sealed)?).map_err(|_| Broken)?;
            (subscription.spec.pagerduty, subscription.spec.opsgenie) = (keys.pagerduty, keys.opsgenie);
        }
        Ok(())
    }
}

/// The field of an earlier secret.
fn field_of(number: u32) -> String {
    format!("{SECRET}/{number}")
}

fn json(value: &impl Serialize) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(serde_json::to_vec(value).unwrap_or_default())
}

async fn put(store: &Store, expected: Option<Revision>, keyring: &Keyring) -> Result<Revision, StoreError> {
    store.catalog.put_if(KEYRING.into(), expected, keyring.to_bytes().into()).await
}

fn nonce(random: &dyn Random) -> Nonce {
    let mut nonce = [0; NONCE_BYTES];
    random.fill(&mut nonce);
    nonce
}
