//! How long each phase of an attempt takes.
//!
//! Our own connector resolves the name and connects, so it knows how long that takes. awc asks for the request's body
//! once the connection is ready and the head is written: what lies between the connect and that is the TLS handshake, and
//! what lies between that and the answer's head is the wait for the first byte. awc connects within the attempt that
//! needs the connection, never for another one; so whose phases these are is local to the attempt's task. On a
//! connection that was there already nothing is known but the first byte.

use std::{
    cell::Cell,
    convert::Infallible,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use awc::body::{BodySize, MessageBody};
use bytes::Bytes;
use loghorn_domain::{Clock, delivery::Phases};

tokio::task_local! {
    static CURRENT: Rc<Stopwatch>;
}

/// Takes the times of one attempt.
pub(crate) struct Stopwatch {
    clock: Arc<dyn Clock>,
    phases: Cell<Phases>,
    /// When the phase that goes on began.
    since: Cell<Duration>,
    /// Whether a connection was begun.
    is_fresh: Cell<bool>,
    /// Whether the receiver asked for a client certificate on it.
    was_asked: Cell<bool>,
    /// Whether the name is being looked up.
    is_resolving: Cell<bool>,
}

impl Stopwatch {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Rc<Self> {
        let (phases, since) = Default::default();
        let (is_fresh, was_asked, is_resolving) = Default::default();
        Rc::new(Self { clock, phases, since, is_fresh, was_asked, is_resolving })
    }

    /// What is known so far.
    pub(crate) fn phases(&self) -> Phases {
        self.phases.get()
    }

    /// Whether the name is being looked up.
    pub(crate) fn is_resolving(&self) -> bool {
        self.is_resolving.get()
    }

    /// Whether a connection is being made. A handshake is no part of that.
    pub(crate) fn is_connecting(&self) -> bool {
        self.is_fresh.get() && self.phases.get().connect_us.is_none()
    }

    /// Whether a connection was made for this attempt, or tried to.
    pub(crate) fn has_connected(&self) -> bool {
        self.is_fresh.get()
    }

    /// Whether the receiver asked who we are while that connection was made.
    pub(crate) fn was_asked(&self) -> bool {
        self.was_asked.get()
    }

    /// Runs `exchange`, which connects where it must, sends, and waits for the answer's head. What an earlier one took is
    /// forgotten.
    pub(crate) async fn time<T, E>(self: &Rc<Self>, exchange: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.phases.take();
        self.is_fresh.take();
        self.was_asked.take();
        self.is_resolving.take();
        let answer = CURRENT.scope(self.clone(), exchange).await?;
        self.end(|phases| &mut phases.first_byte_us);
        Ok(answer)
    }

    fn begin(&self) {
        self.since.set(self.clock.monotonic());
    }

    /// The phase `which` ends, and the next begins.
    fn end(&self, which: fn(&mut Phases) -> &mut Option<u64>) {
        let (now, mut phases) = (self.clock.monotonic(), self.phases.get());
        let took = now.saturating_sub(self.since.replace(now));
        *which(&mut phases) = u64::try_from(took.as_micros()).ok();
        self.phases.set(phases);
    }
}

/// The attempt of this task begins to make a connection.
pub(crate) fn connecting() {
    see(|watch| {
        watch.is_fresh.set(true);
        watch.begin();
    });
}

/// It looks a name up.
pub(crate) fn resolving() {
    see(|watch| watch.is_resolving.set(true));
}

/// It has the addresses of a name, or knows that it gets none.
pub(crate) fn resolved() {
    see(|watch| {
        watch.is_resolving.set(false);
        watch.end(|phases| &mut phases.dns_us);
    });
}

/// It has a connection.
pub(crate) fn connected() {
    see(|watch| watch.end(|phases| &mut phases.connect_us));
}

/// The receiver asks for a client certificate.
pub(crate) fn asked_who_we_are() {
    see(|watch| watch.was_asked.set(true));
}

fn see(note: impl FnOnce(&Stopwatch)) {
    // Outside of an attempt, as in tests, nobody takes the time.
    let _ = CURRENT.try_with(|watch| note(watch));
}

/// The body of a webhook; notes when it is asked for.
pub(crate) struct TimedBody {
    bytes: Bytes,
    is_https: bool,
}

impl TimedBody {
    pub(crate) fn new(bytes: Bytes, is_https: bool) -> Self {
        Self { bytes, is_https }
    }
}

impl MessageBody for TimedBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.bytes.len() as u64)
    }

    /// All of it at once.
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes.is_empty() {
            return Poll::Ready(None);
        }
        let is_https = self.is_https;
        see(|watch| match watch.phases().connect_us {
            Some(_) if is_https => watch.end(|phases| &mut phases.tls_us),
            _ => watch.begin(),
        });
        Poll::Ready(Some(Ok(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::atomic::{AtomicU64, Ordering::Relaxed},
    };

    use loghorn_domain::{Timestamp, egress::Policy};

    use super::*;
    use crate::{names::Names, resolver::connect};

    /// Each look at it is a millisecond later.
    #[derive(Default)]
    struct Ticks(AtomicU64);

    impl Clock for Ticks {
        fn now(&self) -> Timestamp {
            Timestamp::default()
        }

        fn monotonic(&self) -> Duration {
            Duration::from_millis(self.0.fetch_add(1, Relaxed))
        }
    }

    async fn send(mut body: TimedBody) {
        while poll_fn(|context| Pin::new(&mut body).poll_next(context)).await.is_some() {}
    }

    #[actix_rt::test]
    async fn what_was_not_needed_is_not_known() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let policy = Policy {
            allow_private: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
            ..Policy::default()
        };
        let names = Names::new(Vec::new(), true);
        let watch = Stopwatch::new(Arc::new(Ticks::default()));
        let mut found = Vec::new();
        // The same watch for all: nothing is left of the one before.
        for (host, is_https) in [(Some("localhost"), false), (Some("127.0.0.1"), true), (None, true), (None, false)] {
            let exchange = async {
                if let Some(host) = host {
                    let _ = connect(&policy, &names, &format!("http://{host}:{port}/").parse().unwrap()).await?;
                }
                send(TimedBody::new(Bytes::from_static(b"{}"), is_https)).await;
                Ok::<_, actix_tls::connect::ConnectError>(())
            };
            watch.time(exchange).await.unwrap();
            let Phases { dns_us, connect_us, tls_us, first_byte_us } = watch.phases();
            found.push([dns_us, connect_us, tls_us, first_byte_us]);
        }
        let took = Some(1000);
        assert_eq!(
            found,
            [[took, took, None, took], [None, took, took, took], [None, None, None, took], [None, None, None, took]]
        );
    }

    #[actix_rt::test]
    async fn what_does_not_end_is_not_known() {
        let watch = Stopwatch::new(Arc::new(Ticks::default()));
        let exchange = async {
            connecting();
            connected();
            send(TimedBody::new(Bytes::from_static(b"{}"), false)).await;
            Err::<(), _>("cut")
        };
        watch.time(exchange).await.unwrap_err();
        assert_eq!(watch.phases(), Phases { connect_us: Some(1000), ..Phases::default() });
    }
}
