//! The routes of log shippers: lenient, because a shipper that is refused blocks or loses.
//!
//! One pure decoder for each protocol turns bytes into [`Draft`]s and hands each on at once to a [`Sink`], or refuses
//! with a [`Refusal`]; what they have in common stands in [`record`]. [`handler`] does for all of them what is not pure:
//! read, decode, append, answer. How each protocol says no stands in [`refusals`].

mod alerts;
pub mod cloudevents;
pub mod cut;
pub mod datadog;
pub mod elastic;
pub mod firehose;
pub mod gelf;
pub mod generic;
mod handler;
pub mod journal;
pub mod logplex;
pub mod loki;
pub mod msgpack;
pub mod otlp;
pub mod record;
pub(crate) mod refusals;
pub(crate) mod routes;
pub mod splunk;
#[cfg(test)]
mod tests;
mod text;
pub mod wire;

use loghorn_domain::Draft;

pub use handler::{Ingested, Rejected};

/// Where records go. An error ends the reading.
pub trait Sink {
    /// Why no more is taken.
    type Error;

    /// Asked before something is made that takes about so many bytes for a moment.
    fn pass(&mut self, bytes: usize) -> Result<(), Self::Error>;

    /// Asked for so many bytes that are kept until the answer.
    fn hold(&mut self, bytes: usize) -> Result<(), Self::Error>;

    /// Takes the event that a record means; false where there is no room for any event, however much it is cut.
    fn add(&mut self, draft: Draft) -> Result<bool, Self::Error>;

    /// Told of a record that no event can be made of, where its protocol has a place for it in the answer.
    fn reject(&mut self, reason: &str);
}

/// What of a request its protocol does not allow. Nothing of the request is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status code of the answer.
    pub status: u16,
    /// A name for the kind of problem.
    pub kind: &'static str,
    /// What is wrong.
    pub detail: String,
    /// Which of the request's records is meant, from 0.
    pub index: Option<usize>,
}

impl Refusal {
    /// 400: cannot be read.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self { status: 400, kind: "malformed", detail: detail.into(), index: None }
    }

    /// 415: not in this form.
    pub fn media_type(detail: impl Into<String>) -> Self {
        Self { status: 415, kind: "media-type", detail: detail.into(), index: None }
    }
}

/// Why a decoder stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop<E> {
    /// The sink takes no more.
    Full(E),
    /// The protocol does not allow it.
    Refused(Refusal),
}

impl<E> From<Refusal> for Stop<E> {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Drafts in a list, for tests of decoders.
#[cfg(test)]
impl Sink for Vec<Draft> {
    type Error = std::convert::Infallible;

    fn pass(&mut self, _: usize) -> Result<(), Self::Error> {
        Ok(())
    }

    fn hold(&mut self, _: usize) -> Result<(), Self::Error> {
        Ok(())
    }

    fn add(&mut self, draft: Draft) -> Result<bool, Self::Error> {
        self.push(draft);
        Ok(true)
    }

    fn reject(&mut self, _: &str) {}
}
