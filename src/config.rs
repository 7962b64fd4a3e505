//! Settings: flag > environment > `./loghorn.toml` > `~/.config/loghorn/config.toml` > default.
//!
//! The only place that reads the environment. Every setting is one row of [`KEYS`]; unknown ones are refused with the
//! nearest known one, and each keeps where it came from.

mod args;
mod client;
mod files;
mod keys;
pub mod profiles;
mod shown;
mod values;

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use loghorn_actors::{DeliveryOptions, MASTER_FILE, MasterSource, Retention};
use loghorn_domain::{access::Token, egress, event::Limits, notice, seal::Key};

use crate::CertificateFiles;

pub use args::ServeArgs;
pub use client::{ClientConfig, ClientFlags, KeySource, Told, editor};
pub use files::home_file;
use files::{FILE, files, flat, home};
use keys::KEYS;
pub use profiles::Profile;

/// Everything that `loghorn serve` can be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the API listens.
    pub bind: SocketAddr,
    /// The data directory.
    pub data: PathBuf,
    /// The master key, where the environment holds it.
    pub master_key: Option<Key>,
    /// The file of the master key, instead of the data directory's own.
    pub master_key_file: Option<PathBuf>,
    /// Names that the `Host` header may say, beside those of loopback.
    pub hosts: Vec<String>,
    /// Where people reach this server, such as `https://loghorn.example.com`: links in webhooks begin with it.
    pub public_url: String,
    /// Who must show a key.
    pub auth: Auth,
    /// Whether a proxy that speaks TLS stands before it, so that it may listen beyond loopback.
    pub behind_tls_proxy: bool,
    /// The file of the server's own certificate, a chain in PEM; with it the server speaks TLS.
    pub tls_cert: Option<PathBuf>,
    /// The file of its key, in PEM.
    pub tls_key: Option<PathBuf>,
    /// An admin key from the environment; never written anywhere.
    pub admin_key: Option<Token>,
    /// Connections that one address may hold; where absent a quarter of all, and no bound on loopback and for a proxy.
    pub connections_per_address: Option<usize>,
    /// Threads that serve HTTP.
    pub workers: usize,
    /// Where webhooks may go.
    pub egress: egress::Policy,
    /// Who is asked for the addresses of names, in this order; empty: those of the system.
    pub nameservers: Vec<SocketAddr>,
    /// Deliveries.
    pub delivery: DeliveryOptions,
    /// Limits of one event.
    pub limits: Limits,
    /// Largest request body, in bytes, also decompressed.
    pub body_bytes_max: usize,
    /// Bytes that requests under way may hold in all.
    pub ingest_queue_bytes: usize,
    /// Origins of pages that may send log events from a browser.
    pub cors_origins: Vec<String>,
    /// The version of Elasticsearch that the server says it is, to shippers that ask.
    pub elastic_version: String,
    /// So many deliveries waiting for one endpoint are told of as a backlog.
    pub backlog_high: u64,
    /// How long things are kept.
    pub retention: Retention,
    /// How long the id of an event is remembered.
    pub dedupe: Duration,
    /// How long a stop waits for the attempts under way.
    pub drain: Duration,
    /// The collector of traces, such as `http://127.0.0.1:4318`; empty: none.
    pub traces: String,
    /// The form of the logs.
    pub log: LogFormat,
    /// What is logged: `info`, `debug`, or a filter such as `loghorn_actors=debug`.
    pub log_level: String,
    /// Where each setting came from, for those that are not defaults.
    pub origins: BTreeMap<&'static str, String>,
}

/// Who must show a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Nobody on loopback; elsewhere everyone, and behind a proxy too, which may let in the world.
    Auto,
    /// Everyone.
    Required,
}

/// The form of the logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 8000)),
            data: "./loghorn-data".into(),
            master_key: None,
            master_key_file: None,
            hosts: Vec::new(),
            public_url: String::new(),
            traces: String::new(),
            auth: Auth::Auto,
            behind_tls_proxy: false,
            tls_cert: None,
            tls_key: None,
            admin_key: None,
            connections_per_address: None,
            workers: (std::thread::available_parallelism().map_or(1, usize::from) / 2).max(1),
            egress: egress::Policy::default(),
            nameservers: Vec::new(),
            delivery: DeliveryOptions::default(),
            limits: Limits::default(),
            body_bytes_max: 64 * MIB,
            ingest_queue_bytes: 128 * MIB,
            cors_origins: Vec::new(),
            elastic_version: "8.17.0".into(),
            backlog_high: notice::BACKLOG_DEFAULT,
            retention: Retention::default(),
            dedupe: Duration::from_secs(24 * 3600),
            drain: Duration::from_secs(10),
            log: LogFormat::Auto,
            log_level: "info".into(),
            origins: BTreeMap::new(),
        }
    }
}

/// Why the settings cannot be used: what, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// Settings of the command line as a client, which may stand in the same file.
const CLIENT_KEYS: [&str; 2] = ["server", "cacert"];
/// Secrets of the server and of the command line. They come from the environment alone, and no error shows them.
const ADMIN_KEY: &str = "LOGHORN_ADMIN_KEY";
const CLIENT_KEY: &str = "LOGHORN_KEY";
const CLIENT_PROFILE: &str = "LOGHORN_PROFILE";
const PREFIX: &str = "LOGHORN_";
/// No setting like the others: a secret stands neither in a file of settings nor in arguments, nor in an error.
const MASTER_KEY: &str = "LOGHORN_MASTER_KEY";

impl Config {
    /// Whether nobody may call without a key.
    pub fn requires_key(&self) -> bool {
        self.auth == Auth::Required || self.behind_tls_proxy || !self.bind.ip().is_loopback()
    }

    /// Every name that the `Host` header may say, beside those of loopback: also where it listens, and its public name.
    pub fn names(&self) -> Vec<String> {
        let mut names = self.hosts.clone();
        names.push(match self.bind.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        });
        let public = url::Url::parse(&self.public_url).ok();
        names.extend(public.and_then(|url| url.host_str().map(str::to_owned)));
        names
    }

    /// The settings that `args`, the environment and the files make together.
    pub fn load(args: &ServeArgs) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        for (path, is_named) in files(args.config.as_deref()) {
            config.apply_file(&path, is_named)?;
        }
        config.apply_environment(std::env::vars_os())?;
        config.apply_flags(args)?;
        Ok(config)
    }

    /// Where the master key comes from.
    pub fn master(&self) -> Result<MasterSource, ConfigError> {
        match (&self.master_key, &self.master_key_file) {
            (Some(_), Some(path)) => Err(ConfigError(format!(
                "two master keys are given: {MASTER_KEY} and the file {}\n  Leave one of them out.",
                path.display()
            ))),
            (Some(key), None) => Ok(MasterSource::Environment(key.clone())),
            (None, Some(path)) => Ok(MasterSource::File(path.clone())),
            (None, None) => Ok(MasterSource::Generated(self.data.join(MASTER_FILE))),
        }
    }

    /// The files of the server's own certificate; `None`: it speaks no TLS.
    pub fn certificate(&self) -> Result<Option<CertificateFiles>, ConfigError> {
        match (self.tls_cert.clone(), self.tls_key.clone()) {
            (Some(chain), Some(key)) => Ok(Some(CertificateFiles { chain, key })),
            (None, None) => Ok(None),
            (chain, key) => {
                let given = chain.or(key).unwrap_or_default();
                Err(ConfigError(format!(
                    "a certificate and its key are needed, and only {} is given
  \
                     Give both:  --tls-cert FILE --tls-key FILE",
                    given.display()
                )))
            }
        }
    }

    fn apply(&mut self, key: &str, value: &str, origin: &str) -> Result<(), ConfigError> {
        let Some((name, apply)) = KEYS.iter().find(|(name, _)| *name == key) else {
            let nearest = nearest(key);
            return Err(ConfigError(format!("{origin}: unknown setting {key:?}; did you mean {nearest:?}?")));
        };
        apply(self, value).map_err(|why| ConfigError(format!("{origin}: {key} = {value:?}: {why}")))?;
        self.origins.insert(name, origin.to_owned());
        Ok(())
    }

    fn apply_file(&mut self, path: &Path, is_named: bool) -> Result<(), ConfigError> {
        let origin = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_named => return Ok(()),
            Err(error) => return Err(ConfigError(format!("{origin}: cannot be read: {error}"))),
        };
        let has_profiles = home_file().is_some_and(|home| home == path);
        for (key, value) in flat(&text, &origin)? {
            if CLIENT_KEYS.contains(&key.as_str()) || has_profiles && profiles::is_about(&key) {
                continue;
            }
            if profiles::is_about(&key) {
                let home = "~/.config/loghorn/config.toml";
                return Err(ConfigError(format!("{origin}: {key}: profiles stand in {home} alone\n  Move it there.")));
            }
            self.apply(&key, &value, &origin)?;
        }
        Ok(())
    }

    fn apply_environment(
        &mut self,
        variables: impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
    ) -> Result<(), ConfigError> {
        for (name, value) in variables {
            if name == ADMIN_KEY {
                let token = value.to_str().and_then(Token::own);
                let expected = "expected 32 to 256 visible ASCII characters, such as: openssl rand -hex 32";
                let wrong = || ConfigError(format!("environment variable {ADMIN_KEY}: {expected}"));
                self.admin_key = Some(token.ok_or_else(wrong)?);
                continue;
            }
            if name == MASTER_KEY {
                let key = Key::parse(&value.to_string_lossy());
                self.master_key = Some(key.map_err(|why| ConfigError(format!("{MASTER_KEY}: {why}")))?);
                self.origins.insert("master_key", format!("environment variable {MASTER_KEY}"));
                continue;
            }
            let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else { continue };
            let Some(key) = name.strip_prefix(PREFIX) else { continue };
            let is_client = [CLIENT_KEY, CLIENT_PROFILE].contains(&name)
                || CLIENT_KEYS.iter().any(|client| variable(client) == name);
            // `LOGHORN_TEST_…` belongs to tests.
            if is_client || key.starts_with("TEST_") {
                continue;
            }
            let known = KEYS.iter().find(|(known, _)| variable(known) == name);
            let key = known.map_or_else(|| key.to_lowercase(), |(known, _)| (*known).to_owned());
            self.apply(&key, value, &format!("environment variable {name}"))?;
        }
        Ok(())
    }
}

fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_uppercase())
}

fn nearest(key: &str) -> &'static str {
    let distance = |known: &str| strsim::damerau_levenshtein(known, key);
    KEYS.iter().map(|(known, _)| *known).min_by_key(|known| distance(known)).unwrap_or("bind")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_beat_the_environment_which_beats_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.toml");
        std::fs::write(&path, "data = 'a'\nbind = '127.0.0.1:1'\n[delivery]\ntimeout = '3s'\n").unwrap();
        let mut config = Config::default();
        config.apply_file(&path, true).unwrap();
        config.apply_environment([("LOGHORN_DATA".into(), "b".into())].into_iter()).unwrap();
        config.apply_flags(&ServeArgs { bind: Some("127.0.0.1:2".into()), ..ServeArgs::default() }).unwrap();
        assert_eq!(config.bind.port(), 2);
        assert_eq!(config.data, PathBuf::from("b"));
        assert_eq!(config.delivery.timeout, Duration::from_secs(3));
        assert_eq!(config.origins["data"], "environment variable LOGHORN_DATA");
        assert_eq!(config.origins["bind"], "--bind");
    }

    #[test]
    fn a_master_key_is_taken_from_one_place_and_never_repeated() {
        let mut config = Config::default();
        assert!(matches!(config.master(), Ok(MasterSource::Generated(path)) if path.ends_with("master.key")));
        let wrong = config.apply_environment([(MASTER_KEY.into(), "not-a-key".into())].into_iter()).unwrap_err();
        assert!(!wrong.0.contains("not-a-key"), "{wrong}");
        config.apply_environment([(MASTER_KEY.into(), "07".repeat(32).into())].into_iter()).unwrap();
        assert!(matches!(config.master(), Ok(MasterSource::Environment(_))));
        assert!(!format!("{config:?}").contains("0707"));
        config.apply("master_key_file", "a.key", "test").unwrap();
        assert!(config.master().is_err());
        assert!(config.apply("master_key", "x", "test").is_err());
    }

    #[test]
    fn lists_and_sizes_are_read() {
        let mut config = Config::default();
        config.apply("egress.allow_private", "10.0.0.0/8, 127.0.0.1", "test").unwrap();
        assert_eq!(config.egress.allow_private.len(), 2);
        config.apply("egress.nameservers", "10.0.0.53, [::1]:5353,2001:db8::53", "test").unwrap();
        let asked: Vec<String> = config.nameservers.iter().map(SocketAddr::to_string).collect();
        assert_eq!(asked, ["10.0.0.53:53", "[::1]:5353", "[2001:db8::53]:53"]);
        config.apply("ingest.cors_origins", "https://a.example, http://localhost:3000", "test").unwrap();
        assert_eq!(config.cors_origins, ["https://a.example", "http://localhost:3000"]);
        config.apply("ingest.max_body", "2MiB", "test").unwrap();
        assert_eq!(config.body_bytes_max, 2 << 20);
    }

    #[test]
    fn what_is_unknown_or_wrong_is_refused_with_a_hint() {
        let mut config = Config::default();
        let message = config.apply("delivery.time_out", "5s", "f.toml").unwrap_err().0;
        assert!(message.contains("did you mean \"delivery.timeout\""), "{message}");
        for (key, value) in [
            ("bind", "nowhere"),
            ("egress.nameservers", "dns.example:53"),
            ("egress.nameservers", "1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1"),
            ("workers", "0"),
            ("ingest.max_body", "big"),
            ("egress.allow_private", "10/99"),
            ("ingest.cors_origins", "*"),
            ("ingest.cors_origins", "null"),
            ("ingest.cors_origins", "https://a.example,https://A.example/"),
            ("ingest.cors_origins", "https://a.example:443"),
            ("ingest.cors_origins", "https://*.example"),
            ("ingest.cors_origins", "file:///a"),
        ] {
            assert!(config.apply(key, value, "test").is_err(), "{key}");
        }
        assert!(config.apply_environment([("LOGHORN_BNID".into(), "x".into())].into_iter()).is_err());
    }
}
