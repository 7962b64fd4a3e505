//! Every error that leaves by HTTP: the only table from errors to status codes (RFC 9457, problem+json).

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use loghorn_actors::{
    AppendError, ChangeError, CircuitError, JobError, KeyError, Overloaded, RETRY_AFTER, ReplayError, RotateError,
    TestError,
};
use loghorn_domain::{Problem as Wrong, Timestamp, access::Scope};
use loghorn_storage::Error as StoreError;
use serde::{Deserialize, Serialize};

use crate::shippers::Refusal;

/// What went wrong, why, and what to do.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// A name for the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same for a person.
    pub title: String,
    /// The status code.
    pub status: u16,
    /// What exactly is wrong.
    pub detail: String,
    /// What to do.
    pub remedy: String,
    /// To be named in questions; stands in the log too.
    pub request_id: String,
    /// Each thing that is wrong with what was sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Item>,
}

/// One thing that is wrong with what was sent.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Item {
    /// JSON pointer to it.
    pub pointer: String,
    /// What was expected.
    pub detail: String,
}

impl From<Wrong> for Item {
    fn from(Wrong { pointer, detail }: Wrong) -> Self {
        Self { pointer, detail }
    }
}

/// An answer that says no.
#[derive(Debug, Clone)]
pub struct Error {
    status: StatusCode,
    kind: &'static str,
    detail: String,
    remedy: String,
    errors: Vec<Item>,
    retry_after_s: Option<u32>,
    allow: Option<&'static str>,
}

const SHOW_A_KEY: &str =
    "send Authorization: Bearer and the key; an admin makes one with: loghorn key create NAME --scope read";

impl Error {
    fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        let (detail, remedy) = (detail.into(), remedy.into());
        Self { status, kind, detail, remedy, errors: Vec::new(), retry_after_s: None, allow: None }
    }

    /// 400: cannot be read.
    pub fn malformed(detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail, remedy)
    }

    /// 401: no key.
    pub fn no_key() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "no-key", "a key is needed, and none was shown", SHOW_A_KEY)
    }

    /// 401: something was shown that holds no key.
    pub fn bad_authorization() -> Self {
        let detail = "a key is needed, and the Authorization that was shown holds none";
        Self::new(StatusCode::UNAUTHORIZED, "bad-authorization", detail, SHOW_A_KEY)
    }

    /// 401: a key that lets nobody in. Of shippers 403: that is what theirs call an unknown one.
    pub fn wrong_key(is_shipper: bool) -> Self {
        let status = if is_shipper { StatusCode::FORBIDDEN } else { StatusCode::UNAUTHORIZED };
        Self::new(status, "wrong-key", "the key is not known here: it is wrong, revoked or expired", SHOW_A_KEY)
    }

    /// 403: the key is for something else.
    pub fn scope(name: &str, scope: Scope, needed: Scope) -> Self {
        let detail = format!("the key {name:?} has the scope {scope}, and this needs {needed}");
        Self::new(StatusCode::FORBIDDEN, "scope", detail, format!("show a key with the scope {needed}"))
    }

    /// 429: too many wrong keys.
    pub fn barred(left: Duration) -> Self {
        let detail = "too many wrong keys came from this address within a minute";
        let remedy = "correct the key, and come again after the seconds in Retry-After";
        Self {
            retry_after_s: Some(seconds(left)),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "wrong-keys", detail, remedy)
        }
    }

    /// The same as 503, which every shipper sends again after.
    pub(crate) fn into_busy(self) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, ..self }
    }

    /// 403: not from there.
    pub fn forbidden(detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail, remedy)
    }

    /// 404.
    pub fn not_found(what: &str) -> Self {
        let detail = format!("there is no such {what}");
        Self::new(StatusCode::NOT_FOUND, "not-found", detail, format!("list them to see which {what}s there are"))
    }

    /// 404 for a path.
    pub fn no_route(path: &str) -> Self {
        let detail = format!("nothing is served at {path}");
        Self::new(StatusCode::NOT_FOUND, "not-found", detail, "see /docs for what is served where")
    }

    /// 405.
    pub fn method(method: &str, allow: &'static str) -> Self {
        let detail = format!("{method} is not for this path");
        let error = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail, format!("use {allow}"));
        Self { allow: Some(allow), ..error }
    }

    /// 408.
    pub fn too_slow(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "too-slow", detail, "send it faster or in smaller parts")
    }

    /// 409.
    pub fn conflict(detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", detail, remedy)
    }

    /// 413. `bytes_max` is ingest's own limit, which may be raised, or less.
    pub fn too_large(bytes_max: usize, ingest_max: usize) -> Self {
        let detail = format!("the body is larger than {bytes_max} bytes, as sent or decompressed");
        let remedy = match bytes_max < ingest_max {
            true => "leave out what is not needed",
            false => "send it in smaller parts, or raise ingest.max_body",
        };
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail, remedy)
    }

    /// 412.
    pub fn stale(version: u32) -> Self {
        let detail = format!("it was changed since: its version is {version} now");
        let remedy = "read it again, and send the change with its new ETag";
        Self::new(StatusCode::PRECONDITION_FAILED, "stale", detail, remedy)
    }

    /// 413: small on the wire, large in memory.
    pub fn too_many(bytes_max: usize) -> Self {
        let detail = format!("its events would take more than {bytes_max} bytes of memory");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-many", detail, "send fewer events in one request")
    }

    /// 415.
    pub fn media_type(detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", detail, remedy)
    }

    /// 422 with everything that is wrong.
    pub fn invalid(errors: impl IntoIterator<Item = Wrong>) -> Self {
        let errors: Vec<Item> = errors.into_iter().map(Item::from).collect();
        let detail = match &errors[..] {
            [one] if one.pointer.is_empty() => one.detail.clone(),
            [one] => format!("{}: {}", one.pointer, one.detail),
            many => format!("{} things are wrong; nothing was changed", many.len()),
        };
        let remedy = "mend what `errors` names and send it again";
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail, remedy) }
    }

    /// 503 with `Retry-After`.
    pub fn unavailable(kind: &'static str, detail: impl Into<String>) -> Self {
        let remedy = "send it again after the seconds in Retry-After";
        Self {
            retry_after_s: Some(seconds(RETRY_AFTER)),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, kind, detail, remedy)
        }
    }

    /// What of a shipper's request its protocol does not allow.
    pub(crate) fn refused(refusal: Refusal) -> Self {
        let Refusal { status, kind, detail, index } = refusal;
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        let errors = index.map(|index| Item { pointer: format!("/{index}"), detail: detail.clone() });
        let remedy = "see docs/shippers for what is taken here";
        Self { errors: errors.into_iter().collect(), ..Self::new(status, kind, detail, remedy) }
    }

    /// Nothing to be done about it by sending it again: 422 in place of a 400, which some shippers repeat for ever.
    pub(crate) fn for_good(&self) -> Self {
        match self.status {
            StatusCode::BAD_REQUEST => Self { status: StatusCode::UNPROCESSABLE_ENTITY, ..self.clone() },
            _ => self.clone(),
        }
    }

    /// The kind of problem.
    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    /// Which of the request's records is meant, where one is.
    pub(crate) fn index(&self) -> Option<usize> {
        self.errors.first()?.pointer.strip_prefix('/')?.parse().ok()
    }

    /// Its status code.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// Numbers the requests that were answered with an error; the start of the process tells its runs apart.
static REQUESTS: AtomicU64 = AtomicU64::new(1);
static STARTED_MS: AtomicU64 = AtomicU64::new(0);

/// Notes when the process was started, by the clock that was handed in.
pub(crate) fn started(at: Timestamp) {
    STARTED_MS.store(u64::try_from(at.millis()).unwrap_or(0), Relaxed);
}

/// Whole ones, rounded up.
fn seconds(span: Duration) -> u32 {
    u32::try_from(span.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

fn request_id() -> String {
    format!("req_{:011x}{:06x}", STARTED_MS.load(Relaxed), REQUESTS.fetch_add(1, Relaxed))
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let request_id = request_id();
        let (status, kind, detail) = (self.status.as_u16(), self.kind, &self.detail);
        match status {
            // Overload is counted; a line for each refusal would be overload too.
            400..=499 => tracing::debug!(request_id, status, kind, detail, "a request was refused"),
            503 if kind == "overloaded" => tracing::debug!(request_id, status, kind, detail, "a request was refused"),
            503 => tracing::info!(request_id, status, kind, detail, "a request was refused"),
            _ => tracing::warn!(request_id, status, kind, detail, "a request failed"),
        }
        let problem = Problem {
            kind: format!("urn:loghorn:problem:{}", self.kind),
            title: self.status.canonical_reason().unwrap_or("Error").into(),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            remedy: self.remedy.clone(),
            request_id: request_id.clone(),
            errors: self.errors.clone(),
        };
        let mut answer = HttpResponse::build(self.status);
        answer.insert_header(("X-Request-Id", request_id));
        if let Some(seconds) = self.retry_after_s {
            answer.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            answer.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        if let Some(allow) = self.allow {
            answer.insert_header((header::ALLOW, allow));
        }
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        answer.content_type("application/problem+json").body(body)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::ReadOnly(_) => Self::unavailable("read-only", error.to_string()),
            StoreError::Full(_) => Self::unavailable("disk-full", error.to_string()),
            StoreError::Fenced | StoreError::Stopped => Self::unavailable("stopping", error.to_string()),
            StoreError::Conflict { .. } => {
                Self::conflict("it was changed at the same time", "read it again and repeat the change")
            }
            StoreError::Damaged(_) | StoreError::Read(_) => {
                tracing::error!(%error, "the store could not be read");
                let remedy = "look into the server's log for the cause";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "store", "the store could not be read", remedy)
            }
        }
    }
}

impl From<AppendError> for Error {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Store(error) => error.into(),
            AppendError::Overloaded => Self::unavailable("overloaded", error.to_string()),
            AppendError::Stopping => Self::unavailable("stopping", error.to_string()),
            AppendError::Interrupted => Self::unavailable("interrupted", error.to_string()),
        }
    }
}

impl From<Overloaded> for Error {
    fn from(Overloaded: Overloaded) -> Self {
        AppendError::Overloaded.into()
    }
}

impl From<ChangeError> for Error {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::NotFound => Self::not_found("subscription"),
            ChangeError::Stale { version } => Self::stale(version),
            ChangeError::Invalid(problems) => Self::invalid(problems),
            ChangeError::Rotate(error) => Self::conflict(
                error.to_string(),
                "wait until one of them has expired, or end them all at once with \"overlap\": \"0s\"",
            ),
            ChangeError::Store(error) => error.into(),
        }
    }
}

impl From<CircuitError> for Error {
    fn from(error: CircuitError) -> Self {
        Self::conflict(error.to_string(), "look at its health; a change of the subscription starts it anew")
    }
}

impl From<JobError> for Error {
    fn from(error: JobError) -> Self {
        match error {
            JobError::NotFound => Self::not_found("job"),
            JobError::Conflict { detail, remedy } => Self::conflict(detail, remedy),
            JobError::Store(error) => error.into(),
        }
    }
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::NotFound => Self::not_found("key"),
            KeyError::TooMany => Self::conflict(error.to_string(), "revoke those that are not used any more"),
            KeyError::Store(error) => error.into(),
        }
    }
}

impl From<RotateError> for Error {
    fn from(error: RotateError) -> Self {
        match error {
            RotateError::NotOurs(_) => {
                Self::conflict(error.to_string(), "name the file of the new key: new_master_key_file")
            }
            RotateError::Same(_) | RotateError::Master(_) => {
                Self::invalid([Wrong::new("/new_master_key_file", error.to_string())])
            }
            RotateError::Store(error) => error.into(),
        }
    }
}

impl From<ReplayError> for Error {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::SubscriptionGone => {
                Self::conflict("its subscription is gone", "nothing can be sent to it any more")
            }
            ReplayError::Store(error) => error.into(),
        }
    }
}

impl From<TestError> for Error {
    fn from(error: TestError) -> Self {
        match error {
            TestError::NotFound => Self::not_found("subscription"),
            TestError::Disabled => Self::conflict(
                "the subscription is disabled",
                "enable it first: POST /api/v1/subscriptions/{id}/resume",
            ),
            TestError::Append(error) => error.into(),
        }
    }
}
