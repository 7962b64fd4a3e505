//! The composition root: store → actors → web, started in this order and stopped in the other. The only place that
//! knows all parts, and where the clock and the dice are made.
#![expect(clippy::disallowed_methods, reason = "the clock and the dice are made here, and handed in everywhere else")]

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use actix_rt::task::JoinHandle;
use actix_web::dev::ServerHandle;
use loghorn_actors::{KEYRING, MasterError, Options, Random, Recovered, System, Vault, VaultError};
use loghorn_domain::{Clock, Timestamp, retry::Dice};
use loghorn_storage::{
    Closing, Store,
    rocks::{self, OpenError},
};
use rand::{Rng, RngExt, SeedableRng, rngs::SmallRng};
use tokio::signal::unix::{Signal, SignalKind, signal};
use url::Url;

use crate::{
    admin_key::{self, AdminKeyError},
    certificate::{Certificate, CertificateError},
    config::{Config, ConfigError, ServeArgs},
    connections::Connections,
    files::{self, Share},
    listener::{self, Size},
    telemetry,
    traces::Collector,
};

/// `sysexits.h`: configuration error.
const EXIT_CONFIG: u8 = 78;
/// Connections that wait to be accepted. Beyond that a client tries again, but only after a second.
#[cfg(unix)]
const BACKLOG: i32 = 2048;
/// How long the store may take to close after everything else has ended.
const CLOSE_MAX: Duration = Duration::from_secs(10);

/// A running Loghorn.
pub struct App {
    system: System,
    server: ServerHandle,
    addr: SocketAddr,
    drain: Duration,
    closing: Closing,
    traces: Option<Arc<Collector>>,
    /// Watches the certificate.
    watching: Option<JoinHandle<std::io::Result<()>>>,
}

/// Why it did not start: what, why, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Keys would be read on the way, or there is none to show.
    #[error(
        "refusing to listen on {addr}, which others reach: {why}\n  Add:  {add}\n  Or stay on loopback:  \
         --bind 127.0.0.1:{port}", port = .addr.port()
    )]
    NotLoopback {
        /// Where it was to listen.
        addr: SocketAddr,
        /// What is missing.
        why: &'static str,
        /// What to add.
        add: String,
    },
    /// The admin key cannot be used.
    #[error(transparent)]
    AdminKey(#[from] AdminKeyError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {error}\n  Is Loghorn already running there?  Another port:  --bind {ip}:{next}", ip = addr.ip(), next = addr.port().wrapping_add(1))]
    Bind {
        /// Which.
        addr: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// The master key is missing, or not the right one.
    #[error(transparent)]
    Master(#[from] MasterError),
    /// The store does not open.
    #[error(transparent)]
    Open(#[from] rocks::OpenError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] loghorn_storage::Error),
    /// The server does not start.
    #[error("the server does not start: {0}")]
    Server(std::io::Error),
}

impl From<VaultError> for StartError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Master(error) => error.into(),
            VaultError::Store(error) => error.into(),
        }
    }
}

impl App {
    /// Starts it; must be called within a running actix system. When this returns, requests are served.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let certificate = config.certificate()?.map(Certificate::open).transpose()?;
        check_bind(&config)?;
        let bind = |error| StartError::Bind { addr: config.bind, error };
        // Before the store is touched: two servers on one port is the usual mistake.
        let listener = TcpListener::bind(config.bind).map_err(bind)?;
        let addr = listener.local_addr().map_err(bind)?;
        // Listening again only changes the length of the queue, which is 128 otherwise.
        #[cfg(unix)]
        rustix::net::listen(&listener, BACKLOG).map_err(|error| bind(error.into()))?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let random: Arc<dyn Random> = Arc::new(OsRandom);
        let master = config.master()?;
        // Before the store is opened, which changes its files: with the wrong key nothing is touched.
        match rocks::peek(&config.data, KEYRING) {
            Ok(keyring) => drop(master.find(keyring.as_deref())?),
            // Opening may mend it, or says what is wrong. The key is tried first thing afterwards; none is made where
            // there is a keyring.
            Err(error @ OpenError::Unseen { .. }) => {
                tracing::warn!(%error, "the master key cannot be tried before the store is opened");
                master.find(None)?;
            }
            Err(error) => return Err(error.into()),
        }
        let share = Share::of(files::raise_limit(), config.workers);
        let store = open(&config, share.store, &*random, clock.clone()).await?;
        let closing = store.closing.clone();
        let vault = Arc::new(Vault::open(store.clone(), random.clone(), master).await?);
        let file_key = admin_key::read_or_make(&config.data, &*random)?;
        let given = config.admin_key.clone().map(|key| ("LOGHORN_ADMIN_KEY", key));
        let mut egress = config.egress.clone();
        egress.own.push(addr);
        // Its own certificate is hardly one for a loopback address.
        egress.receiver = if certificate.is_none() { receiver_url(addr) } else { None };
        let receiver_url = egress.receiver.as_ref().map(ToString::to_string);
        let traces = match config.traces.as_str() {
            "" => None,
            endpoint => {
                Some(Arc::new(Collector::new(endpoint, addr.to_string(), random.clone()).map_err(ConfigError)?))
            }
        };
        let options = Options {
            ingest_queue_bytes: config.ingest_queue_bytes,
            limits: config.limits,
            delivery: config.delivery.clone(),
            egress,
            nameservers: config.nameservers.clone(),
            backlog_high: config.backlog_high,
            retention: config.retention,
            public_url: config.public_url.clone(),
            traces: traces.clone().map(|traces| traces as _),
            admin_keys: [("admin.key", file_key)].into_iter().chain(given).collect(),
            user_agent: concat!("Loghorn/", env!("CARGO_PKG_VERSION")).into(),
        };
        let system = System::start(store, clock.clone(), random.clone(), vault, options).await?;
        let (told, wrong) = tokio::sync::watch::channel(None);
        let state = loghorn_web::State::new(
            system.clone(),
            loghorn_web::Options {
                hosts: config.names(),
                requires_key: config.requires_key(),
                is_behind_proxy: config.behind_tls_proxy,
                certificate: certificate.is_some().then_some(wrong),
                body_bytes_max: config.body_bytes_max,
                receiver_url,
                own_ips: vec![addr.ip()],
                settings: config.shown(),
                cors_origins: config.cors_origins.clone(),
                elastic_version: config.elastic_version.clone(),
                version: env!("CARGO_PKG_VERSION"),
            },
            random,
        );
        let all = share.connections * config.workers;
        let connections = Connections::new(config.connections_per_address, config.behind_tls_proxy, all);
        let tls = certificate.as_ref().map(Certificate::server_config).transpose();
        let tls = tls.map_err(|error| StartError::Server(std::io::Error::other(error)))?;
        let size = Size { workers: config.workers, connections: share.connections, drain: config.drain };
        let server = listener::serve(listener, tls, state, connections, &size).map_err(StartError::Server)?;
        let handle = server.handle();
        actix_rt::spawn(server);
        let watching = certificate.map(|certificate| actix_rt::spawn(certificate.watch(clock, told)));
        Ok(Self { system, server: handle, addr, drain: config.drain, closing, traces, watching })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The actors' side of it.
    pub fn system(&self) -> &System {
        &self.system
    }

    /// Refuses new work, waits for what is under way, at most as long as configured, and stops; whether all ended.
    pub async fn stop(self) -> bool {
        let is_drained = self.drain().await;
        self.close().await;
        is_drained
    }

    async fn drain(&self) -> bool {
        let is_drained = self.system.drain(self.drain).await;
        self.server.stop(true).await;
        is_drained
    }

    /// Ends whatever still goes on, and returns when the store is closed.
    async fn close(self) {
        self.server.stop(false).await;
        self.watching.inspect(JoinHandle::abort);
        self.system.end();
        let closing = self.closing;
        drop(self.system);
        if let Some(traces) = self.traces {
            // It waits for the collector.
            let _ = tokio::task::spawn_blocking(move || traces.close()).await;
        }
        if tokio::time::timeout(CLOSE_MAX, closing.closed()).await.is_err() {
            tracing::warn!("the store was not closed in time; the next start recovers it");
        }
    }
}

/// Beyond loopback keys must be shown, and nobody may read them on the way.
pub(crate) fn check_bind(config: &Config) -> Result<(), StartError> {
    if config.bind.ip().is_loopback() {
        return Ok(());
    }
    let refuse = |why, add| Err(StartError::NotLoopback { addr: config.bind, why, add });
    if !config.behind_tls_proxy && config.tls_cert.is_none() {
        let add = "--tls-cert FILE --tls-key FILE, or --behind-tls-proxy with a proxy that speaks TLS in front";
        return refuse("keys would cross the network unencrypted", add.into());
    }
    if config.admin_key.is_none() && admin_key::read(&config.data)?.is_none() {
        let data = config.data.display();
        let add = format!("LOGHORN_ADMIN_KEY in the environment, or start once on loopback, which makes one in {data}");
        return refuse("there is no admin key", add);
    }
    Ok(())
}

/// Where the built-in receiver takes webhooks.
fn receiver_url(addr: SocketAddr) -> Option<Url> {
    let ip = match addr.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    Url::parse(&format!("http://{}{}", SocketAddr::new(ip, addr.port()), loghorn_web::RECEIVER_PATH)).ok()
}

async fn open(
    config: &Config,
    open_files_max: i32,
    random: &dyn Random,
    clock: Arc<dyn Clock>,
) -> Result<Store, StartError> {
    let mut log_number = [0; 4];
    random.fill(&mut log_number);
    let mut options = rocks::Options::new(config.data.clone(), u32::from_be_bytes(log_number));
    options.dedupe = config.dedupe;
    options.open_files_max = open_files_max;
    options.event_bytes_max = config.limits.event_bytes_max;
    Ok(rocks::open(options, clock)?)
}

/// `loghorn serve`: runs until it is told to stop; the exit code.
pub fn run(args: &ServeArgs) -> ExitCode {
    match actix_rt::System::new().block_on(serve(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            match error {
                StartError::Config(_)
                | StartError::NotLoopback { .. }
                | StartError::Master(_)
                | StartError::Certificate(_) => ExitCode::from(EXIT_CONFIG),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

async fn serve(args: &ServeArgs) -> Result<(), StartError> {
    let began = Instant::now();
    let config = Config::load(args)?;
    telemetry::init(config.log, &config.log_level).map_err(ConfigError)?;
    // Before anything is started, so that no signal is missed.
    let mut stop = Signals::new().map_err(StartError::Server)?;
    // It ends nothing, whether or not there is a certificate that it makes be read again.
    let _hangup = signal(SignalKind::hangup()).map_err(StartError::Server)?;
    let is_new = !config.data.join("CURRENT").exists();
    let (drain, data) = (config.drain, config.data.display().to_string());
    let (origins, requires_key) = (config.origins.clone(), config.requires_key());
    let app = App::start(config).await?;
    greet(&app, &data, is_new, requires_key, &origins, began.elapsed());
    let signal = stop.next().await;
    let under_way = app.system.attempting();
    eprintln!("Draining {under_way} deliveries ({} s)… Ctrl-C again to stop now; nothing is lost.", drain.as_secs());
    tracing::info!(signal, under_way, "draining");
    let is_drained = tokio::select! {
        is_drained = app.drain() => is_drained,
        _ = stop.next() => false,
    };
    app.close().await;
    tracing::info!(is_drained, "stopped");
    eprintln!(
        "{}",
        if is_drained { "Stopped." } else { "Stopped; what was under way is sent again after the next start." }
    );
    Ok(())
}

fn greet(
    app: &App,
    data: &str,
    is_new: bool,
    requires_key: bool,
    origins: &std::collections::BTreeMap<&'static str, String>,
    took: Duration,
) {
    let addr = app.addr();
    let config = if origins.is_empty() { "defaults".into() } else { format!("{} set", origins.len()) };
    let new = if is_new { " (new)" } else { "" };
    eprintln!("Loghorn {}   data {data}{new}   config: {config}\n", env!("CARGO_PKG_VERSION"));
    let scheme = if app.watching.is_some() { "https" } else { "http" };
    eprintln!("  Dashboard   {scheme}://{addr}/");
    eprintln!("  API         {scheme}://{addr}/api/v1     docs {scheme}://{addr}/docs");
    match requires_key {
        true => eprintln!("  Access      with a key; the admin's: {data}/admin.key\n"),
        false => eprintln!("  Access      open, loopback only\n"),
    }
    let Recovered { subscriptions, queued, retrying, dead, unrouted } = app.system.recovered();
    if !is_new {
        eprintln!(
            "Recovered {subscriptions} subscriptions, {queued} deliveries queued, {retrying} retries due, {dead} dead \
             letters, {unrouted} events to route."
        );
    }
    tracing::info!(%addr, data, subscriptions, queued, retrying, dead, unrouted, "ready");
    eprintln!("Ready in {} ms. Ctrl-C drains and stops.", took.as_millis());
}

/// SIGINT and SIGTERM.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From now on they end the process no more by themselves.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// The next one's name.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// The operating system's clocks.
pub(crate) struct SystemClock {
    began: Instant,
}

impl SystemClock {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.began.elapsed()
    }
}

/// The operating system's randomness.
struct OsRandom;

impl Random for OsRandom {
    fn fill(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }

    fn dice(&self) -> Box<dyn Dice> {
        struct Small(SmallRng);
        impl Dice for Small {
            fn unit(&mut self) -> f64 {
                self.0.random()
            }
        }
        Box::new(Small(SmallRng::seed_from_u64(rand::rng().next_u64())))
    }
}
