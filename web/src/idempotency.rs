//! Writes with an `Idempotency-Key`: whoever repeats one gets the first answer again, and nothing is done twice.
//!
//! Events have theirs on the disk, with their ids. The answers to everything else are kept in memory, a day long: after
//! a restart a repeat is a request of its own.

use std::{
    cell::RefCell,
    collections::VecDeque,
    hash::{DefaultHasher, Hasher as _},
    pin::Pin,
    rc::Rc,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{
    Error as ActixError, HttpMessage as _, HttpResponse, ResponseError,
    body::{self, BodySize, BoxBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    error::PayloadError,
    http::{
        Method, StatusCode,
        header::{HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web::{self, Bytes},
};
use futures_util::{Stream, StreamExt};
use loghorn_domain::{
    EventId,
    access::{Digest, Scope},
};
use tokio::time::timeout;

use crate::{
    State,
    auth::{Call, is_safe},
    body::object_bytes_max,
    error::Error,
};

/// Answers that are kept, and how much all of them may hold; the oldest go first.
const KEPT_MAX: usize = 1000;
const KEPT_BYTES_MAX: usize = 8 << 20;
/// How long.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
/// Longest time for the body of a repeat.
const BODY_MAX: Duration = Duration::from_secs(30);
/// Told with an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The key of a request, if it has one: 1 to 128 visible ASCII characters.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<EventId>, Error> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let parsed = value.to_str().ok().and_then(|text| text.parse().ok());
    let bad = || {
        Error::malformed("Idempotency-Key: expected 1 to 128 visible ASCII characters", "send a shorter or plainer key")
    };
    parsed.map(Some).ok_or_else(bad)
}

/// What a key stands for: one caller's request to one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    who: Option<Digest>,
    method: Method,
    path: String,
    key: EventId,
}

impl Place {
    /// That of a call which may be told again; `None` where it has no key, or changes nothing.
    pub(crate) fn of(call: &Call, request: &ServiceRequest) -> Result<Option<Self>, Error> {
        let method = request.method();
        // Whatever takes events in knows their ids itself.
        let is_write = |needed: Option<Scope>| !matches!(needed, None | Some(Scope::Ingest)) && !is_safe(method);
        let route = call.route.filter(|route| is_write(route.needs(method)));
        let key = route.map_or(Ok(None), |_| key(request.headers()))?;
        let path = || request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        Ok(key.map(|key| Self { who: call.pass, method: method.clone(), path: path(), key }))
    }
}

/// The answers that were given.
#[derive(Default)]
pub(crate) struct Answers(Mutex<VecDeque<Asked>>);

struct Asked {
    place: Place,
    /// By the steady clock.
    at: Duration,
    /// `None` while it is under way.
    given: Option<Given>,
}

#[derive(Clone)]
struct Given {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    /// What was read of the request's body, hashed; `None` where nothing was.
    asked: Option<u64>,
}

/// A key whose request is under way; free again when dropped before it is done.
struct Reserved {
    answers: Arc<Answers>,
    place: Place,
}

impl Answers {
    /// A panic elsewhere leaves nothing half-changed here.
    fn lock(&self) -> MutexGuard<'_, VecDeque<Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves the key, before anything is waited for, so that of two at the same time only one is done; or finds what
    /// was answered.
    fn begin(self: &Arc<Self>, place: &Place, now: Duration) -> Result<Result<Reserved, Given>, Error> {
        let mut all = self.lock();
        let is_old = |asked: &Asked| now.saturating_sub(asked.at) >= KEPT_FOR;
        while all.len() > KEPT_MAX || all.front().is_some_and(is_old) {
            all.pop_front();
        }
        if let Some(asked) = all.iter().find(|asked| asked.place == *place) {
            let remedy = "send it again in a moment, with the same key";
            let under_way = || Error::conflict("a request with this Idempotency-Key is under way", remedy);
            return asked.given.clone().map(Err).ok_or_else(under_way);
        }
        all.push_back(Asked { place: place.clone(), at: now, given: None });
        Ok(Ok(Reserved { answers: self.clone(), place: place.clone() }))
    }
}

impl Reserved {
    /// Keeps a good answer. What is too large or goes on is not told again.
    async fn keep(self, answer: ServiceResponse<BoxBody>, read: &Read) -> Result<ServiceResponse<BoxBody>, ActixError> {
        let is_small = match answer.response().body().size() {
            BodySize::None => true,
            BodySize::Sized(bytes) => bytes <= (KEPT_BYTES_MAX / 16) as u64,
            BodySize::Stream => false,
        };
        if !answer.status().is_success() || !is_small {
            return Ok(answer);
        }
        let (request, response) = answer.into_parts();
        let (response, body) = response.into_parts();
        let body = body::to_bytes(body).await.map_err(actix_web::error::ErrorInternalServerError)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let given = Given { status, headers, body: body.clone(), asked: read.hash() };
        let mut all = self.answers.lock();
        if let Some(asked) = all.iter_mut().find(|asked| asked.place == self.place) {
            asked.given = Some(given);
        }
        let bytes = |asked: &Asked| asked.given.as_ref().map_or(0, |given| given.body.len());
        while all.iter().map(bytes).sum::<usize>() > KEPT_BYTES_MAX {
            all.pop_front();
        }
        drop(all);
        Ok(ServiceResponse::new(request, response.set_body(BoxBody::new(body))))
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.answers.lock().retain(|asked| asked.place != self.place || asked.given.is_some());
    }
}

/// Does a request once. It goes on to its end where the caller goes away meanwhile, or the answer would not be known.
pub(crate) async fn once(
    state: &web::Data<State>,
    place: Place,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, ActixError> {
    let begun = match state.answers.begin(&place, state.system.clock().monotonic()) {
        Ok(Ok(reserved)) => Ok(reserved),
        Ok(Err(given)) => Err(again(state, given, request.take_payload()).await),
        Err(error) => Err(Err(error)),
    };
    let reserved = match begun {
        Ok(reserved) => reserved,
        Err(answer) => {
            let answer = answer.unwrap_or_else(|error| error.error_response());
            return Ok(request.into_response(answer));
        }
    };
    let read = Read::default();
    let body = Hashed { payload: request.take_payload(), read: read.clone() };
    request.set_payload(Payload::Stream { payload: Box::pin(body) });
    let going_on = actix_web::rt::spawn(async move {
        let answer = next.call(request).await?.map_into_boxed_body();
        reserved.keep(answer, &read).await
    });
    going_on.await.map_err(|_| Error::unavailable("interrupted", "the request was interrupted"))?
}

/// The answer that was given to the same request.
async fn again(state: &State, given: Given, body: Payload) -> Result<HttpResponse, Error> {
    let asked = hash_of(body, object_bytes_max(state)).await?;
    if given.asked.is_some_and(|before| asked != Some(before)) {
        let remedy = "take a key of its own for each request";
        return Err(Error::conflict("this Idempotency-Key was used for another request", remedy));
    }
    let mut answer = HttpResponse::build(given.status);
    for header in given.headers {
        answer.append_header(header);
    }
    answer.insert_header((REPLAYED, HeaderValue::from_static("true")));
    Ok(answer.body(given.body))
}

/// The hash of a whole body, of at most so many bytes.
async fn hash_of(payload: Payload, bytes_max: usize) -> Result<Option<u64>, Error> {
    let read = Read::default();
    let mut body = Hashed { payload, read: read.clone() };
    let through = async {
        while let Some(part) = body.next().await {
            part.map_err(|error| Error::malformed(format!("the body broke off: {error}"), "send it again"))?;
            if read.0.borrow().1 > bytes_max {
                return Err(Error::too_large(bytes_max, bytes_max));
            }
        }
        Ok(read.hash())
    };
    timeout(BODY_MAX, through).await.map_err(|_| Error::too_slow("the body is not there after 30 seconds"))?
}

/// What was read of a body so far, hashed, and how much that was.
#[derive(Clone, Default)]
struct Read(Rc<RefCell<(DefaultHasher, usize)>>);

impl Read {
    fn hash(&self) -> Option<u64> {
        let read = self.0.borrow();
        (read.1 > 0).then(|| read.0.finish())
    }
}

/// A body that is hashed as it is read.
struct Hashed {
    payload: Payload,
    read: Read,
}

impl Stream for Hashed {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let part = Pin::new(&mut self.payload).poll_next(context);
        if let Poll::Ready(Some(Ok(bytes))) = &part {
            let mut read = self.read.0.borrow_mut();
            read.0.write(bytes);
            read.1 += bytes.len();
        }
        part
    }
}
