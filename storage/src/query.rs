//! What lists can be narrowed by.

use std::collections::BTreeSet;

use super::*;

/// Narrows [`Reads::events`]. Members that are `None` or empty do not narrow.
#[derive(Debug, Clone, Default)]
pub struct EventQuery {
    /// Only events before this one: the cursor.
    pub before: Option<Seq>,
    /// At most so many.
    pub limit: usize,
    /// The type fits this pattern.
    pub event_type: Option<Pattern>,
    /// Exactly this level.
    pub level: Option<Level>,
    /// At least this level.
    pub level_min: Option<Level>,
    /// Exactly this source.
    pub source: Option<String>,
    /// Received at or after.
    pub since: Option<Timestamp>,
    /// Received before.
    pub until: Option<Timestamp>,
    /// This text stands somewhere in the event, in any (ASCII) case: in its JSON, or in what a text of it says.
    pub text: Option<String>,
}

impl EventQuery {
    /// Whether `event` belongs on the list; the cursor and the limit apart.
    pub fn admits(&self, event: &Event) -> bool {
        let head = &event.head;
        self.level.is_none_or(|level| head.level == level)
            && self.level_min.is_none_or(|level| head.level >= level)
            && self.source.as_deref().is_none_or(|source| *head.source == *source)
            && self.since.is_none_or(|since| head.received_at >= since)
            && self.until.is_none_or(|until| head.received_at < until)
            && self.event_type.as_ref().is_none_or(|pattern| pattern.matches(head.event_type.as_str()))
            && self.text.as_deref().is_none_or(|text| event.says(text))
    }
}

/// Narrows [`Reads::deliveries`]. Members that are `None` or empty do not narrow.
#[derive(Debug, Clone, Default)]
pub struct DeliveryQuery {
    /// Only deliveries after this one in the list's order (newest event first): the cursor.
    pub after: Option<(Seq, EndpointNo)>,
    /// At most so many.
    pub limit: usize,
    /// One of these states; [`Status::Attempting`] is not known here and admits nothing.
    pub status: Vec<Status>,
    /// Only these endpoints'.
    pub endpoints: BTreeSet<EndpointNo>,
    /// Only this event's.
    pub seq: Option<Seq>,
    /// The last attempt had this status code.
    pub status_code: Option<u16>,
    /// The last attempt had this class.
    pub class: Option<Class>,
    /// The event was received at or after.
    pub since: Option<Timestamp>,
}

impl DeliveryQuery {
    /// Whether `record` belongs on the list; the cursor and the limit apart.
    pub fn admits(&self, record: &DeliveryRecord) -> bool {
        (self.status.is_empty() || self.status.contains(&record.status))
            && (self.endpoints.is_empty() || self.endpoints.contains(&record.endpoint))
            && self.seq.is_none_or(|seq| record.seq == seq)
            && self.status_code.is_none_or(|code| record.last_status_code == Some(code))
            && self.class.is_none_or(|class| record.last_class == Some(class))
            && self.since.is_none_or(|since| record.received_at >= since)
    }
}
