//! How lists are cut into pages: by their number, and events by their bytes too.

use std::sync::Arc;

use loghorn_domain::{Event, Seq};

use crate::Page;

/// What the events of one page weigh together at most; a page has at least one. It is held in memory, once or twice more
/// on its way out.
pub const PAGE_BYTES_MAX: usize = 8 << 20;

/// A page of events, newest first, as it fills.
pub(crate) struct Filling {
    limit: usize,
    bytes: usize,
    items: Vec<Arc<Event>>,
    /// There is one more, which has no room.
    pub(crate) is_over: bool,
}

impl Filling {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), bytes: 0, items: Vec::new(), is_over: false }
    }

    pub(crate) fn add(&mut self, event: Arc<Event>) {
        self.bytes += event.weight();
        self.is_over = self.items.len() >= self.limit || (self.bytes > PAGE_BYTES_MAX && !self.items.is_empty());
        if !self.is_over {
            self.items.push(event);
        }
    }

    pub(crate) fn page(self) -> Page<Arc<Event>, Seq> {
        let last = self.items.last().map(|event| event.seq);
        Page { items: self.items, next: last.filter(|_| self.is_over) }
    }
}

/// The first `limit` of `items` (at least one) as a page; `cursor` names the last one shown.
pub(crate) fn page<T, C>(mut items: Vec<T>, limit: usize, cursor: impl Fn(&T) -> C) -> Page<T, C> {
    let limit = limit.max(1);
    let is_last = items.len() <= limit;
    items.truncate(limit);
    let next = if is_last { None } else { items.last().map(cursor) };
    Page { items, next }
}
