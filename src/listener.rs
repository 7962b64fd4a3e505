//! The HTTP server on its listener: TLS or not, and how much anybody may hold of it.
//!
//! `actix_web::HttpServer` shows a connection only once its TLS handshake is done, so that whoever says nothing would be
//! counted by nobody. Its parts are put together here instead, with the count in front of all others.

use std::{fmt, io, net::TcpListener, sync::Arc, time::Duration};

use actix_http::{
    HttpService, HttpServiceBuilder, Request, Response, TlsAcceptorConfig,
    body::{BoxBody, MessageBody},
};
use actix_service::{IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, apply_fn_factory, map_config};
use actix_tls::accept::max_concurrent_tls_connect;
use actix_web::{
    App,
    dev::{AppConfig, Server},
    rt::net::TcpStream,
};
use rustls::ServerConfig;

use crate::connections::Connections;

/// Threads beside each HTTP thread that read large bodies: what they need for a moment is not spread wider than helps.
const DECODERS: usize = 2;
/// How long a client may take for the TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a client may leave an answer unread, or the network silent, while there is more to send; in milliseconds.
#[cfg(target_os = "linux")]
const UNREAD_MAX_MS: u32 = 60_000;
/// How long a client may take to close its side of a connection that is over.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How much of it there is.
pub(crate) struct Size {
    /// Threads that serve.
    pub(crate) workers: usize,
    /// Connections of each worker.
    pub(crate) connections: usize,
    /// How long answers that are under way may take when it stops.
    pub(crate) drain: Duration,
}

/// Serves what `state` offers; over TLS where a certificate is given.
///
/// # Errors
/// The listener cannot be used.
pub(crate) fn serve(
    listener: TcpListener,
    tls: Option<ServerConfig>,
    state: loghorn_web::State,
    connections: Arc<Connections>,
    size: &Size,
) -> io::Result<Server> {
    let builder = Server::build()
        .workers(size.workers)
        .max_concurrent_connections(size.connections)
        .worker_max_blocking_threads(DECODERS)
        .shutdown_timeout(size.drain.as_secs())
        .disable_signals();
    // Whoever is at the handshake holds a connection, and no more than that.
    max_concurrent_tls_connect(size.connections);
    let stopping = builder.graceful_shutdown_signal();
    let app = move || {
        let app = App::new().configure(loghorn_web::configure(state.clone())).into_factory();
        let app = app.map_err(|error: actix_web::Error| error.error_response());
        // Its address and scheme, which nobody here asks for.
        map_config(app, |()| AppConfig::default())
    };
    let stopped = move || {
        let stopping = stopping.clone();
        async move { stopping.notified().await }
    };
    let builder = match tls {
        Some(tls) => builder.listen("https", listener, move || {
            let config = TlsAcceptorConfig::default().handshake_timeout(HANDSHAKE_TIMEOUT);
            let http = http(stopped.clone()).finish(app());
            counted(http.rustls_0_23_with_config(tls.clone(), config), connections.clone())
        }),
        None => builder
            .listen("http", listener, move || counted(http(stopped.clone()).finish(app()).tcp(), connections.clone())),
    };
    Ok(builder?.run())
}

/// What is the same over TLS and without it.
fn http<T, S, B, F>(stopped: impl Fn() -> F + 'static) -> HttpServiceBuilder<T, S>
where
    S: ServiceFactory<Request, Config = ()>,
    S::Error: Into<Response<BoxBody>> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
    F: Future<Output = ()> + 'static,
{
    HttpService::<T, S, B>::build()
        .graceful_shutdown_signal(stopped)
        .client_request_timeout(HEAD_TIMEOUT)
        .client_disconnect_timeout(CLOSE_TIMEOUT)
}

/// Serves a connection, from its first byte on, only while its address has a place for it; else it is closed at once.
fn counted<S: ServiceFactory<TcpStream, Config = (), Response = ()>>(
    service: S,
    connections: Arc<Connections>,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = S::Error, InitError = S::InitError> {
    apply_fn_factory(service, move |stream: TcpStream, service: &S::Service| {
        let place = stream.peer_addr().ok().and_then(|peer| connections.take(peer.ip()));
        // Whoever does not read its answer is not waited for longer than that.
        #[cfg(target_os = "linux")]
        let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, UNREAD_MAX_MS);
        let served = place.map(|place| (service.call(stream), place));
        async move {
            match served {
                Some((served, _place)) => served.await,
                None => Ok(()),
            }
        }
    })
}
