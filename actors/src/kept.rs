//! Subscriptions as the catalogue keeps them: what is secret lies sealed beside the rest.
//!
//! Records of an earlier day hold it in clear. They are written anew when they are read, and nothing of them is left
//! on the disk afterwards; a start that is cut off meanwhile is made up for by the next.

use futures_util::future::try_join_all;
use loghorn_domain::{Subscription, secret::Headers};
use loghorn_storage::{Error as StoreError, Record, Revision, Store};
use serde::{Deserialize, Serialize};

use crate::vault::{Sealed, Vault};

pub(crate) const PREFIX: &str = "subscription/";
/// Records that are written anew at a time.
const REWRITTEN_AT_ONCE: usize = 1000;

#[derive(Serialize)]
struct Kept<'a> {
    #[serde(flatten)]
    subscription: &'a Subscription,
    sealed: Sealed,
}

/// What is looked for beside the subscription itself.
#[derive(Deserialize)]
struct Beside {
    sealed: Option<Sealed>,
}

/// The record of `subscription`.
pub(crate) fn encode(vault: &Vault, subscription: &Subscription) -> Result<Vec<u8>, StoreError> {
    let mut bare = subscription.clone();
    bare.spec.headers = Headers::default();
    bare.spec.auth = None;
    bare.spec.tls = None;
    bare.spec.pagerduty = None;
    bare.spec.opsgenie = None;
    let kept = Kept { subscription: &bare, sealed: vault.seal(subscription) };
    serde_json::to_vec(&kept).map_err(|error| StoreError::Damaged(error.to_string().into()))
}

/// The subscription in a record, and whether its secrets were in clear.
fn decode(vault: &Vault, bytes: &[u8]) -> Result<(Subscription, bool), String> {
    // What serde says may repeat what it read.
    let unreadable = |error: serde_json::Error| format!("unreadable at byte {}", error.column());
    let mut subscription: Subscription = serde_json::from_slice(bytes).map_err(unreadable)?;
    let Beside { sealed } = serde_json::from_slice(bytes).map_err(unreadable)?;
    match sealed {
        Some(sealed) => vault.unseal(&mut subscription, &sealed).map_err(|error| format!("its secret: {error}"))?,
        None if subscription.secret.is_absent() => return Err("it has no secret".into()),
        None => return Ok((subscription, true)),
    }
    Ok((subscription, false))
}

/// All subscriptions with the keys and revisions of their records; afterwards none is kept in clear.
pub(crate) async fn load(store: &Store, vault: &Vault) -> Result<Vec<(String, Revision, Subscription)>, StoreError> {
    let (mut all, mut clear) = (Vec::new(), Vec::new());
    for Record { key, revision, value } in store.catalog.list(PREFIX.into()).await? {
        let decoded = decode(vault, &value);
        let (subscription, is_clear) = decoded.map_err(|why| StoreError::Damaged(format!("{key}: {why}").into()))?;
        if is_clear {
            clear.push(all.len());
        }
        all.push((key, revision, subscription));
    }
    for some in clear.chunks(REWRITTEN_AT_ONCE) {
        let put = |at: &usize| {
            let (key, revision, subscription) = &all[*at];
            let value = encode(vault, subscription)?;
            Ok(store.catalog.put_if(key.clone(), Some(*revision), value.into()))
        };
        let written = try_join_all(some.iter().map(put).collect::<Result<Vec<_>, StoreError>>()?).await?;
        some.iter().zip(written).for_each(|(at, revision)| all[*at].1 = revision);
    }
    if !clear.is_empty() || vault.is_unswept().await {
        vault.sweep().await?;
        tracing::info!(sealed = clear.len(), "the secrets of subscriptions are sealed, and gone from older files");
    }
    Ok(all)
}
