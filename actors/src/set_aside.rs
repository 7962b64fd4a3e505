//! Events that could not be matched: kept on record with the reason, so that a person learns why nothing came of them.

use loghorn_domain::Seq;
use loghorn_storage::{Error as StoreError, Pending, Revision, Store};

const PREFIX: &str = "set-aside/";
/// Most that one process keeps on record; each is in the log and in its own log lines as well.
pub(crate) const KEPT_MAX: u64 = 1000;

fn key(seq: Seq) -> String {
    format!("{PREFIX}{:020}", seq.0)
}

/// Puts it on record.
pub(crate) fn keep(store: &Store, seq: Seq, reason: &str) -> Pending<Revision> {
    store.catalog.put_if(key(seq), None, reason.as_bytes().to_vec().into())
}

/// Why this event was set aside, if it was.
pub(crate) async fn reason(store: &Store, seq: Seq) -> Result<Option<String>, StoreError> {
    let record = store.catalog.get(key(seq)).await?;
    Ok(record.map(|record| String::from_utf8_lossy(&record.value).into_owned()))
}
