//! Which version of a subscription decided about an event: one mark for each change, written by the router with the
//! first events that the change is about.

use std::collections::BTreeMap;

use loghorn_domain::{EndpointNo, Seq};

use super::{
    core::{Core, unreadable},
    db::{Durable, read_error},
    keys::{self, Cf},
};
use crate::Error;

/// A deleted subscription: it decides about nothing.
const DELETED: u32 = 0;

pub(super) fn decided_by(core: &Core, endpoint: EndpointNo, seq: Seq) -> Result<Option<u32>, Error> {
    if seq > core.marks.cursor.seq() {
        return Ok(None);
    }
    let (from, to) = (keys::version(endpoint, Seq(0)), keys::version(endpoint, seq));
    let mut iter = core.db.iter(Cf::Versions, &from, &to);
    iter.seek_to_last();
    iter.status().map_err(read_error)?;
    Ok(iter.item().map(|(key, value)| read(key, value)).transpose()?.map(|mark| mark.version))
}

/// The newest version of each endpoint.
pub(super) fn deciding(core: &Core) -> Result<BTreeMap<EndpointNo, u32>, Error> {
    let mut newest = BTreeMap::new();
    each(core, |mark| {
        newest.insert(mark.endpoint, mark.version);
    })?;
    Ok(newest)
}

/// Removes the marks that decide about no kept event: those that another followed before the oldest one, and there
/// also the last mark of what was deleted.
pub(super) fn forget(core: &Core) -> Result<(), Error> {
    // The router may write the very mark that is looked at.
    let _turn = core.router.lock();
    let first = core.marks.first.seq();
    let mut batch = core.db.batch();
    let mut delete = |mark: Mark| batch.delete(Cf::Versions, keys::version(mark.endpoint, mark.after));
    let mut last: Option<Mark> = None;
    each(core, |mark| {
        let is_newer = last.is_some_and(|last| last.endpoint == mark.endpoint);
        if is_newer && mark.after >= first {
            return;
        }
        if let Some(last) = last.replace(mark).filter(|last| is_newer || last.is_over(first)) {
            delete(last);
        }
    })?;
    last.filter(|last| last.is_over(first)).map(delete);
    core.db.write(batch, Durable::Soon)
}

#[derive(Clone, Copy)]
struct Mark {
    endpoint: EndpointNo,
    after: Seq,
    version: u32,
}

impl Mark {
    /// Whether nothing that is kept needs it, if no other follows before `first`.
    fn is_over(&self, first: Seq) -> bool {
        self.version == DELETED && self.after < first
    }
}

fn read(key: &[u8], value: &[u8]) -> Result<Mark, Error> {
    let version = value.try_into().ok().map(u32::from_le_bytes);
    let ((endpoint, after), version) =
        keys::to_version(key).zip(version).ok_or_else(|| unreadable("version", "on record"))?;
    Ok(Mark { endpoint, after, version })
}

/// All marks, by endpoint and then by age.
fn each(core: &Core, mut visit: impl FnMut(Mark)) -> Result<(), Error> {
    let mut iter = core.db.scan(Cf::Versions, &[], &[0xff; 13]);
    iter.seek_to_first();
    while let Some((key, value)) = iter.item() {
        visit(read(key, value)?);
        iter.next();
    }
    iter.status().map_err(read_error)
}
