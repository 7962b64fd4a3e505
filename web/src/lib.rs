//! Loghorn's HTTP side: the API, the routes of log shippers, health and metrics.
//!
//! Handlers decode, ask the [`System`], and encode; nothing is decided here. Wire types stand beside their handlers in
//! [`api`], and the OpenAPI document is made from both.

pub mod api;
mod auth;
mod body;
mod cors;
mod dashboard;
mod elements;
pub mod error;
mod guard;
mod idempotency;
mod json;
mod lists;
mod live;
mod note;
mod receiver;
pub mod shippers;
mod sockets;
mod unread;

use std::{net::IpAddr, sync::Arc};

use actix_web::{middleware::from_fn, web};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use loghorn_actors::{Random, System};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, watch};

/// A setting, as people write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Setting {
    /// Its name.
    #[schema(example = "delivery.timeout")]
    pub key: String,
    /// Its value; empty where it is not set and nothing stands for it.
    #[schema(example = "10s")]
    pub value: String,
    /// A flag, an environment variable, a file, or `default`.
    #[schema(example = "loghorn.toml")]
    pub origin: String,
}

/// Settings of the HTTP side.
#[derive(Debug, Clone)]
pub struct Options {
    /// Names that `Host` may say, beside those of loopback.
    pub hosts: Vec<String>,
    /// Largest body, as sent and decompressed, in bytes.
    pub body_bytes_max: usize,
    /// Whether nobody may call without a key.
    pub requires_key: bool,
    /// Whether a proxy stands before it that says where requests come from, in `X-Forwarded-For`.
    pub is_behind_proxy: bool,
    /// Where the built-in receiver takes webhooks; `None` where they cannot reach it.
    pub receiver_url: Option<String>,
    /// This machine's addresses that it listens on, beside those of loopback.
    pub own_ips: Vec<IpAddr>,
    /// Where the server speaks TLS itself: what is wrong with its certificate, if anything is.
    pub certificate: Option<watch::Receiver<Option<String>>>,
    /// Origins of pages that may send log events from a browser, as browsers write them.
    pub cors_origins: Vec<String>,
    /// The version of Elasticsearch that it says it is, for shippers that ask.
    pub elastic_version: String,
    /// What it was started with, for people.
    pub settings: Vec<Setting>,
    /// This server's version.
    pub version: &'static str,
}

/// What handlers are given.
#[derive(Clone)]
pub struct State {
    pub(crate) system: System,
    pub(crate) options: Arc<Options>,
    pub(crate) ledger: Arc<api::ledger::Cache>,
    pub(crate) answers: Arc<idempotency::Answers>,
    pub(crate) receiver: Arc<receiver::Receiver>,
    pub(crate) live: Arc<api::live::Live>,
    /// Places of live sockets.
    pub(crate) sockets: Arc<sockets::Sockets>,
    /// For work that would hold up a server's thread: as much at a time as there are processors. More would only take
    /// memory.
    pub(crate) heavy: Arc<Semaphore>,
    /// For trials of filters, which read long stretches of the log.
    pub(crate) trials: Arc<Semaphore>,
    /// For backups.
    pub(crate) backups: Arc<Semaphore>,
    /// For checks of receivers.
    pub(crate) checks: Arc<Semaphore>,
    /// Whose turn it is of the trials.
    pub(crate) trying: Arc<Semaphore>,
    random: Arc<dyn Random>,
}

impl State {
    /// The state over a running system. `random` draws the nonces of the dashboard's pages.
    pub fn new(system: System, options: Options, random: Arc<dyn Random>) -> Self {
        error::started(system.started_at());
        let heavy = Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from)));
        let trials = Arc::new(Semaphore::new(api::filters::AT_ONCE));
        let trying = Arc::new(Semaphore::new(1));
        let checks = Arc::new(Semaphore::new(api::check::AT_ONCE));
        Self {
            system,
            options: Arc::new(options),
            ledger: Arc::default(),
            answers: Arc::default(),
            receiver: Arc::default(),
            live: Arc::default(),
            sockets: Arc::default(),
            random,
            heavy,
            trials,
            backups: Arc::new(Semaphore::new(1)),
            checks,
            trying,
        }
    }

    /// What nobody can guess, for one page.
    pub(crate) fn nonce(&self) -> String {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes);
        STANDARD_NO_PAD.encode(bytes)
    }
}

/// The path of the built-in receiver.
pub const RECEIVER_PATH: &str = receiver::PATH;

/// Adds every route.
pub fn configure(state: State) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        let scope = web::scope("").app_data(web::Data::new(state)).wrap(from_fn(guard::guard));
        // The shippers' first: the API's scope answers for every other path below its own.
        config.service(
            scope
                .configure(shippers::routes::routes)
                .configure(api::routes)
                .configure(dashboard::routes)
                .default_service(web::to(api::no_route)),
        );
    }
}

/// The OpenAPI 3.1 document of the API.
pub fn openapi() -> utoipa::openapi::OpenApi {
    <api::Document as utoipa::OpenApi>::openapi()
}
