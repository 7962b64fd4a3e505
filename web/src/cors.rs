//! Pages of other sites that may send log events: those whose origin is listed, to the routes of shippers and nowhere else.
//! They show a key like any sender; a browser's cookies count for nothing there.

use actix_web::{
    HttpResponse,
    dev::ServiceRequest,
    http::{
        Method,
        header::{self, HeaderMap, HeaderValue},
    },
};

use crate::State;

/// How long a browser need not ask again, in seconds.
const ASKED_FOR: &str = "600";

/// The listed origin of the page that sends this; `is_shipper`: to a shipper's route.
pub(crate) fn page(state: &State, request: &ServiceRequest, is_shipper: bool) -> Option<HeaderValue> {
    let mut given = request.headers().get_all(header::ORIGIN).filter(|_| is_shipper);
    let origin = given.next().filter(|_| given.next().is_none())?;
    state.options.cors_origins.iter().any(|listed| listed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

/// Whether a browser asks if a page may send, before it does.
pub(crate) fn is_asked(request: &ServiceRequest) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// That it may.
pub(crate) fn allowed(request: &ServiceRequest) -> HttpResponse {
    let mut answer = HttpResponse::NoContent();
    answer.insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "POST, PUT"));
    answer.insert_header((header::ACCESS_CONTROL_MAX_AGE, ASKED_FOR));
    // Each protocol has headers of its own, and none of them does more than say something of what is sent.
    if let Some(names) = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        answer.insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone()));
    }
    answer.finish()
}

/// Lets the page read the answer, also one that says no.
pub(crate) fn mark(headers: &mut HeaderMap, page: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, page);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After"));
}
