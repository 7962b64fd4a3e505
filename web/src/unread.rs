//! Bodies that nobody reads to their end.
//!
//! actix waits for the rest of a chunked body that was let go of, with no deadline: whoever is refused could hold a
//! connection for ever. While it is held until the answer is out, actix closes the connection instead.
//!
//! And answers that go on for long, which a key that is revoked meanwhile ends.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{
    HttpMessage as _,
    body::{BodySize, BoxBody, MessageBody},
    dev::{Payload, ServiceRequest},
    error::PayloadError,
    http::header,
    web::{self, Bytes},
};
use futures_util::Stream;
use loghorn_domain::access::Digest;

use crate::State;

/// A request's body, which its handler and its answer both hold.
#[derive(Clone)]
pub(crate) struct Unread(Rc<RefCell<Payload>>);

impl Unread {
    /// Holds the body of `request`; `None` where actix knows its end.
    pub(crate) fn hold(request: &mut ServiceRequest) -> Option<Self> {
        if !request.headers().contains_key(header::TRANSFER_ENCODING) {
            return None;
        }
        let this = Self(Rc::new(RefCell::new(request.take_payload())));
        request.set_payload(Payload::Stream { payload: Box::pin(this.clone()) });
        Some(this)
    }
}

impl Stream for Unread {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(context)
    }
}

/// An answer that holds the body of its request until it is out.
pub(crate) struct Answer {
    pub(crate) body: BoxBody,
    pub(crate) _unread: Option<Unread>,
    pub(crate) watch: Option<Watch>,
}

/// Looks now and then, while a long answer goes out, whether its reader's key still lets anybody in.
pub(crate) struct Watch {
    state: web::Data<State>,
    pass: Digest,
    /// By the steady clock.
    again_at: Duration,
}

impl Watch {
    /// How soon a key that is revoked ends an answer.
    const EVERY: Duration = Duration::from_secs(1);
    /// What is no longer is out before anybody could look again.
    const BYTES_MIN: u64 = 1 << 20;

    /// For an answer of this size to whoever showed `pass`.
    pub(crate) fn over(size: BodySize, state: &web::Data<State>, pass: Option<Digest>) -> Option<Self> {
        let is_long = match size {
            BodySize::None => false,
            BodySize::Sized(bytes) => bytes > Self::BYTES_MIN,
            BodySize::Stream => true,
        };
        let again_at = state.system.clock().monotonic() + Self::EVERY;
        pass.filter(|_| is_long).map(|pass| Self { state: state.clone(), pass, again_at })
    }

    fn is_over(&mut self) -> bool {
        let now = self.state.system.clock().monotonic();
        if now < self.again_at {
            return false;
        }
        self.again_at = now + Self::EVERY;
        !self.state.system.sessions().lets_in(self.pass)
    }
}

impl MessageBody for Answer {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if self.watch.as_mut().is_some_and(Watch::is_over) {
            return Poll::Ready(Some(Err(io::Error::other("the key or session lets nobody in any more").into())));
        }
        Pin::new(&mut self.body).poll_next(context)
    }
}
