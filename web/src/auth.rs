//! Who may call what: the one table of routes and the scopes they need, and where a request may carry a key.
//!
//! Where keys are not required (on loopback, unless told otherwise) everyone may do everything; a key that is shown
//! nevertheless says who is calling, and is held to its scope. A path that is not in the table needs an admin key, so
//! that a route that somebody forgot is closed and not open.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use actix_web::{
    dev::ServiceRequest,
    http::{
        Method,
        header::{self, HeaderMap, HeaderValue},
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use loghorn_actors::Holder;
use loghorn_domain::access::{
    Digest,
    Scope::{self, Admin, Ingest, Manage, Read},
};

use crate::{
    State, cors,
    error::Error,
    shippers::refusals::Dialect::{self, CloudEvents, Datadog, Elastic, Gelf, Generic, Journal, Loki, Otlp, Splunk},
};

/// A path, and what calling it needs.
#[derive(Debug)]
pub(crate) struct Route {
    /// As in the API's description.
    pub(crate) path: &'static str,
    /// What GET, HEAD and OPTIONS need; `None`: nothing, ever.
    reading: Option<Scope>,
    /// What all other methods need.
    changing: Option<Scope>,
    /// In which protocol of log shippers it is called: a key may also come as they send it, and is refused in its words.
    dialect: Option<Dialect>,
}

/// Those of the same length are tried from above; `{…}` stands for any one part.
const ROUTES: &[Route] = &[
    shipper("/api/v1/ingest", Generic),
    shipper("/api/v1/ingest/{source}", Generic),
    shipper("/api/v1/cloudevents", CloudEvents),
    shipper("/v1/logs", Otlp),
    shipper("/otlp/v1/logs", Otlp),
    shipper("/loki/api/v1/push", Loki),
    shipper("/api/v1/push", Loki),
    shipper("/ready", Loki),
    shipper("/services/collector", Splunk),
    shipper("/services/collector/event", Splunk),
    shipper("/services/collector/event/1.0", Splunk),
    shipper("/services/collector/raw", Splunk),
    shipper("/services/collector/raw/1.0", Splunk),
    shipper("/services/collector/health", Splunk),
    shipper("/services/collector/health/1.0", Splunk),
    shipper("/services/collector/ack", Splunk),
    shipper("/gelf", Gelf),
    shipper("/upload", Journal),
    shipper("/api/v2/logs", Datadog),
    shipper("/v1/input", Datadog),
    shipper("/v1/input/{token}", Datadog),
    shipper("/es", Elastic),
    shipper("/es/", Elastic),
    shipper("/es/_license", Elastic),
    shipper("/es/_cat/health", Elastic),
    shipper("/es/_cluster/health", Elastic),
    shipper("/es/_bulk", Elastic),
    shipper("/es/{index}/_bulk", Elastic),
    shipper("/es/{index}/_doc", Elastic),
    shipper("/es/{index}/_doc/{id}", Elastic),
    shipper("/es/{index}/_create/{id}", Elastic),
    shipper("/_license", Elastic),
    shipper("/_cat/health", Elastic),
    shipper("/_cluster/health", Elastic),
    shipper("/_bulk", Elastic),
    shipper("/{index}/_bulk", Elastic),
    shipper("/{index}/_doc", Elastic),
    shipper("/{index}/_doc/{id}", Elastic),
    shipper("/{index}/_create/{id}", Elastic),
    route("/api/v1/events", Read, Ingest),
    route("/api/v1/events/{id}", Read, Manage),
    route("/api/v1/events/{id}/deliveries", Read, Manage),
    route("/api/v1/events/{id}/explain", Read, Manage),
    route("/api/v1/subscriptions", Read, Manage),
    route("/api/v1/subscriptions/check", Read, Manage),
    route("/api/v1/subscriptions/{id}", Read, Manage),
    route("/api/v1/subscriptions/{id}/test", Read, Manage),
    route("/api/v1/subscriptions/{id}/pause", Read, Manage),
    route("/api/v1/subscriptions/{id}/resume", Read, Manage),
    route("/api/v1/subscriptions/{id}/circuit", Read, Manage),
    route("/api/v1/subscriptions/{id}/secrets", Read, Manage),
    route("/api/v1/subscriptions/{id}/secrets/rotate", Read, Manage),
    route("/api/v1/subscriptions/{id}/secrets/{number}/reveal", Read, Manage),
    route("/api/v1/subscriptions/{id}/promote", Read, Manage),
    route("/api/v1/subscriptions/{id}/shadow", Read, Manage),
    route("/api/v1/subscriptions/{id}/backfill", Read, Manage),
    // It saves nothing.
    route("/api/v1/filters/test", Read, Read),
    route("/api/v1/formats/preview", Read, Read),
    route("/api/v1/jobs", Read, Manage),
    route("/api/v1/jobs/{id}", Read, Manage),
    route("/api/v1/deliveries", Read, Manage),
    route("/api/v1/deliveries/{id}", Read, Manage),
    route("/api/v1/deliveries/{id}/resend", Read, Manage),
    route("/api/v1/dead-letters", Read, Manage),
    route("/api/v1/dead-letters/groups", Read, Manage),
    route("/api/v1/dead-letters/replay", Read, Manage),
    route("/api/v1/dead-letters/discard", Read, Manage),
    route("/api/v1/dead-letters/{id}/replay", Read, Manage),
    route("/api/v1/dead-letters/{id}/discard", Read, Manage),
    route("/api/v1/backup", Admin, Admin),
    route("/api/v1/config", Read, Admin),
    route("/api/v1/dispatch", Read, Admin),
    route("/api/v1/dispatch/pause", Admin, Admin),
    route("/api/v1/dispatch/resume", Admin, Admin),
    route("/api/v1/keys", Admin, Admin),
    route("/api/v1/keys/{id}", Admin, Admin),
    route("/api/v1/audit", Admin, Admin),
    // Whoever comes here has nothing to show yet.
    Route { path: SESSION, reading: Some(Read), changing: None, dialect: None },
    route("/api/v1/session/link", Read, Read),
    route("/api/v1/ws-ticket", Read, Read),
    route(SOCKET, Read, Manage),
    route("/api/v1/keyring/rotate", Admin, Admin),
    route("/api/v1/receiver", Read, Manage),
    // Webhooks show no key; it lets nobody else in where one is needed.
    Route { path: crate::RECEIVER_PATH, reading: Some(Read), changing: None, dialect: None },
    route("/api/v1/stats", Read, Manage),
    route("/api/v1/stats/series", Read, Manage),
    route("/api/v1/stats/failures", Read, Manage),
    route("/api/v1/stats/subscriptions", Read, Manage),
    route("/api/v1/ledger", Read, Manage),
    route("/api/v1/health", Read, Manage),
    Route { path: LIVE, reading: None, changing: Some(Manage), dialect: None },
    route("/api/v1/health/ready", Read, Manage),
    route("/api/v1/openapi.json", Read, Manage),
    route("/metrics", Read, Manage),
    route("/docs", Read, Manage),
    route("/docs/{file}", Read, Manage),
    page("/"),
    page("/assets/{file}"),
    page("/welcome"),
    page("/deliveries"),
    page("/deliveries/{id}"),
    page("/subscriptions"),
    page("/subscriptions/{id}"),
    page("/subscriptions/{id}/edit"),
    page("/dead-letters"),
    page("/events"),
    page("/events/{id}"),
    page("/receiver"),
    page("/system"),
];

/// Where a key becomes a session.
pub(crate) const SESSION: &str = "/api/v1/session";
/// The live socket. A browser opens it whoever made it, and without asking before.
pub(crate) const SOCKET: &str = "/api/v1/ws";
/// The session's cookie. Where browsers take it only over TLS its name says so, and no neighbour can set it.
const COOKIE: &str = "loghorn_session";
const COOKIE_OVER_TLS: &str = "__Host-loghorn_session";

/// Where a part of the path is a key.
const TOKEN: &str = "/{token}";

/// Says nothing more than that the server lives, so it is open to everyone.
const LIVE: &str = "/api/v1/health/live";

const fn route(path: &'static str, reading: Scope, changing: Scope) -> Route {
    Route { path, reading: Some(reading), changing: Some(changing), dialect: None }
}

/// The dashboard's files say nothing of what the server holds: its pages ask for that, with a key.
const fn page(path: &'static str) -> Route {
    Route { path, reading: None, changing: Some(Manage), dialect: None }
}

const fn shipper(path: &'static str, dialect: Dialect) -> Route {
    Route { path, reading: Some(Ingest), changing: Some(Ingest), dialect: Some(dialect) }
}

impl Route {
    /// The route of a path, and what stands for the first `{…}`.
    fn of(path: &str) -> Option<(&'static Self, Option<&str>)> {
        ROUTES.iter().find_map(|route| {
            let (mut given, mut target) = (path.split('/'), None);
            for part in route.path.split('/') {
                let given = given.next()?;
                match part.starts_with('{') {
                    true => target = target.or(Some(given)),
                    false if part == given => {}
                    false => return None,
                }
            }
            given.next().is_none().then_some((route, target))
        })
    }

    /// What this method needs; `None`: nothing.
    pub(crate) fn needs(&self, method: &Method) -> Option<Scope> {
        if is_safe(method) { self.reading } else { self.changing }
    }
}

/// Whether a path, as it stands in the table, is one that everyone may read.
#[cfg(test)]
pub(crate) fn is_page(path: &str) -> bool {
    ROUTES.iter().any(|route| route.path == path && route.reading.is_none())
}

/// Whether the method changes nothing.
pub(crate) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Who is calling what.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Whose key was shown; `None`: no key, and none was needed.
    pub(crate) holder: Option<Holder>,
    /// The digest of that key, or of the session that stands for it.
    pub(crate) pass: Option<Digest>,
    /// What is called; `None`: what is served nowhere.
    pub(crate) route: Option<&'static Route>,
    /// The thing that the path names.
    pub(crate) target: Option<String>,
    /// The address that it comes from.
    pub(crate) from: IpAddr,
    /// The origin of a page of another site that may send here.
    pub(crate) page: Option<HeaderValue>,
}

impl Call {
    /// Reads who is calling what, without judging it.
    pub(crate) fn read(state: &State, request: &ServiceRequest) -> Self {
        // The path as the router reads it: the raw one may have any of its characters escaped.
        let found = Route::of(request.match_info().as_str());
        let (route, target) = found.unzip();
        let is_shipper = route.is_some_and(|route| route.dialect.is_some());
        Self {
            holder: None,
            pass: None,
            route,
            target: target.flatten().map(str::to_owned),
            from: address(state, request),
            page: cors::page(state, request, is_shipper),
        }
    }

    /// Whether it is open to everyone, always.
    pub(crate) fn is_open(&self, method: &Method) -> bool {
        is_safe(method) && self.route.is_some_and(|route| route.reading.is_none())
    }

    /// Whether it is the live socket.
    pub(crate) fn is_socket(&self) -> bool {
        self.route.is_some_and(|route| route.path == SOCKET)
    }

    /// Whether it only asks if the server lives, which may be done by any name.
    pub(crate) fn is_live(&self) -> bool {
        self.route.is_some_and(|route| route.path == LIVE)
    }

    /// The protocol of its shipper, where it is a shipper's route.
    pub(crate) fn dialect(&self, headers: &HeaderMap) -> Option<Dialect> {
        self.route?.dialect.map(|dialect| dialect.told_by(headers))
    }

    /// Whether it is a shipper's route.
    pub(crate) fn is_shipper(&self) -> bool {
        self.route.is_some_and(|route| route.dialect.is_some())
    }

    /// Lets the caller in, or says why not.
    pub(crate) fn admit(&mut self, state: &State, request: &ServiceRequest) -> Result<(), Error> {
        let (keys, is_required) = (state.system.keys(), state.options.requires_key);
        let mut shown = credentials(request, self.is_shipper());
        // Datadog's older clients show it as a part of the path.
        let in_path = self.target.clone().filter(|_| self.route.is_some_and(|route| route.path.ends_with(TOKEN)));
        shown.extend(in_path.map(Cow::from));
        if is_required
            && !shown.is_empty()
            && let Some(left) = keys.barred_for(self.from)
        {
            // Some shippers drop what is answered with 429, of whoever else sends from there too.
            return Err(if self.is_shipper() { Error::barred(left).into_busy() } else { Error::barred(left) });
        }
        let known = shown.iter().find_map(|text| Some((keys.holder(text)?, Digest::of(text))));
        (self.holder, self.pass) = known.unzip();
        if is_required && shown.is_empty() && self.page.is_none() {
            self.read_session(state, request)?;
        }
        if is_required && self.holder.is_none() && self.is_socket() {
            let mut query = url::form_urlencoded::parse(request.query_string().as_bytes());
            let ticket = query.find(|(name, _)| name == "ticket").map(|(_, value)| value);
            (self.holder, self.pass) = ticket.and_then(|ticket| state.system.sessions().admit(&ticket)).unzip();
        }
        let needed = self.route.map_or(Some(Admin), |route| route.needs(request.method()));
        match (&self.holder, needed) {
            (Some(holder), Some(needed)) if !holder.scope.includes(needed) => match self.route {
                Some(_) => Err(Error::scope(&holder.name, holder.scope, needed)),
                None => Err(Error::no_route(request.path())),
            },
            (None, Some(_)) if is_required && shown.is_empty() => {
                let has_authorization = request.headers().contains_key(header::AUTHORIZATION);
                Err(if self.is_shipper() && has_authorization { Error::bad_authorization() } else { Error::no_key() })
            }
            (None, Some(_)) if is_required => {
                shown.iter().for_each(|_| keys.wrong_from(self.from));
                Err(Error::wrong_key(self.is_shipper()))
            }
            _ => Ok(()),
        }
    }
}

impl Call {
    /// Whoever has no key to show may have a session. A browser sends its cookie whoever made it call, so what changes
    /// something must come from our own pages, and say so.
    fn read_session(&mut self, state: &State, request: &ServiceRequest) -> Result<(), Error> {
        let Some(cookie) = request.cookie(cookie_name(state)) else { return Ok(()) };
        let Some(session) = state.system.sessions().get(cookie.value()) else { return Ok(()) };
        let is_checked = self.is_socket() || !is_safe(request.method());
        if is_checked && !request.headers().contains_key(header::ORIGIN) {
            return Err(Error::forbidden(
                "with a session's cookie a change must say by its Origin which page it comes from",
                "call the API from its own pages, or show a key",
            ));
        }
        (self.holder, self.pass) = (Some(session.holder), Some(Digest::of(cookie.value())));
        Ok(())
    }
}

/// The name of the session's cookie.
pub(crate) fn cookie_name(state: &State) -> &'static str {
    if is_over_tls(state) { COOKIE_OVER_TLS } else { COOKIE }
}

/// Whether browsers speak TLS with us, or with the proxy before us.
pub(crate) fn is_over_tls(state: &State) -> bool {
    state.options.is_behind_proxy || state.options.certificate.is_some()
}

/// Every key that the request shows. None is ever logged, nor is a query.
fn credentials(request: &ServiceRequest, is_shipper: bool) -> Vec<Cow<'_, str>> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let mut shown: Vec<Cow<'_, str>> = Vec::new();
    if let Some((scheme, rest)) = header("authorization").and_then(|value| value.split_once(' ')) {
        let (scheme, rest) = (scheme.to_ascii_lowercase(), rest.trim());
        // The part after the colon of `user:password`, or of `id:key`.
        let decoded = || {
            let text = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
            text.split_once(':').map(|(_, key)| Cow::from(key.to_owned()))
        };
        match scheme.as_str() {
            "bearer" => shown.push(rest.into()),
            "splunk" if is_shipper => shown.push(rest.into()),
            "basic" if is_shipper => shown.extend(decoded()),
            "apikey" if is_shipper => shown.extend([Some(rest.into()), decoded()].into_iter().flatten()),
            _ => {}
        }
    }
    shown.extend(header("x-api-key").map(Cow::from));
    if is_shipper {
        shown.extend(["dd-api-key", "x-amz-firehose-access-key"].into_iter().filter_map(header).map(Cow::from));
        let is_key = |name: &str| matches!(name, "token" | "access_token" | "api_key" | "dd-api-key");
        let query = url::form_urlencoded::parse(request.query_string().as_bytes());
        shown.extend(query.filter(|(name, _)| is_key(name)).map(|(_, value)| value));
    }
    shown.retain(|text| !text.is_empty());
    shown
}

/// Where the request comes from: the peer, or what a proxy that we stand behind added last.
fn address(state: &State, request: &ServiceRequest) -> IpAddr {
    let peer = request.peer_addr().map_or_else(|| Ipv4Addr::UNSPECIFIED.into(), |peer| peer.ip());
    if !state.options.is_behind_proxy {
        return peer;
    }
    let added = request.headers().get_all("x-forwarded-for").last().and_then(|value| value.to_str().ok());
    let last = added.and_then(|text| text.rsplit(',').next()).map(str::trim).unwrap_or_default();
    last.parse().or_else(|_| last.parse().map(|address: SocketAddr| address.ip())).unwrap_or(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_description_is_in_the_table_and_stands_for_itself() {
        let document = serde_json::to_value(crate::openapi()).unwrap();
        for path in document["paths"].as_object().unwrap().keys() {
            let found = Route::of(path).map(|(route, _)| route.path);
            assert_eq!(found, Some(path.as_str()), "add it to ROUTES, before what it could be taken for");
        }
    }

    #[test]
    fn what_is_described_has_a_name_of_its_own() {
        let document = serde_json::to_value(crate::openapi()).unwrap();
        let operations =
            document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
        let mut names: Vec<_> = operations.filter_map(|operation| operation["operationId"].as_str()).collect();
        names.sort_unstable();
        let n = names.len();
        names.dedup();
        assert_eq!(names.len(), n, "clients that are generated from it name functions after these");
    }

    #[test]
    fn paths_are_matched_whole() {
        assert!(
            Route::of("/api/v1/keys/")
                .is_some_and(|(route, target)| route.reading == Some(Admin) && target == Some(""))
        );
        for path in ["/api/v1/keys/a/b", "/api/v1", "//api/v1/keys", "/api/v1/key", ""] {
            assert!(Route::of(path).is_none(), "{path}");
        }
    }
}
