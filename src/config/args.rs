//! What `loghorn serve` takes on the command line, and what that sets.

use std::path::PathBuf;

use super::{Config, ConfigError};

/// What `loghorn serve` takes on the command line.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ServeArgs {
    /// Address and port to listen on [default: 127.0.0.1:8000]
    #[arg(long, value_name = "ADDR")]
    pub bind: Option<String>,
    /// Data directory [default: ./loghorn-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<String>,
    /// Who must show a key: auto (nobody on loopback) or required (everyone) [default: auto]
    #[arg(long, value_name = "WHO")]
    pub auth: Option<String>,
    /// A proxy that speaks TLS stands before it: it may listen beyond loopback
    #[arg(long)]
    pub behind_tls_proxy: bool,
    /// Speak TLS with the certificate in this file: a chain in PEM; it is read again when it changes, or on SIGHUP
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<String>,
    /// File of the certificate's key, in PEM, for its owner alone
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<String>,
    /// File of the master key that secrets are sealed under [default: master.key in the data directory]
    #[arg(long, value_name = "FILE")]
    pub master_key_file: Option<String>,
    /// Configuration file, instead of ./loghorn.toml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Let webhooks go to this private range (repeatable), such as 10.0.0.0/8 or 127.0.0.0/8
    #[arg(long, value_name = "CIDR")]
    pub allow_private: Vec<String>,
    /// Let webhooks go out without TLS
    #[arg(long)]
    pub allow_http: bool,
    /// Ask this name server for the addresses of webhooks' hosts (repeatable), such as 10.0.0.53:53, instead of those
    /// of /etc/resolv.conf
    #[arg(long = "nameserver", value_name = "ADDR")]
    pub nameservers: Vec<String>,
    /// A name that the Host header may say (repeatable)
    #[arg(long = "host", value_name = "NAME")]
    pub hosts: Vec<String>,
    /// Form of the logs: pretty or json [default: pretty on a terminal]
    #[arg(long, value_name = "FORM")]
    pub log: Option<String>,
    /// What is logged: error, warn, info, debug, trace [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// Any other setting, as in the file: --set delivery.timeout=5s (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl Config {
    pub(super) fn apply_flags(&mut self, args: &ServeArgs) -> Result<(), ConfigError> {
        let flags = [
            ("bind", &args.bind),
            ("data", &args.data),
            ("auth", &args.auth),
            ("master_key_file", &args.master_key_file),
            ("tls_cert", &args.tls_cert),
            ("tls_key", &args.tls_key),
            ("log", &args.log),
            ("log_level", &args.log_level),
        ];
        for (key, value) in flags {
            if let Some(value) = value {
                self.apply(key, value, &format!("--{}", key.replace('_', "-")))?;
            }
        }
        if !args.allow_private.is_empty() {
            self.apply("egress.allow_private", &args.allow_private.join(","), "--allow-private")?;
        }
        if !args.nameservers.is_empty() {
            self.apply("egress.nameservers", &args.nameservers.join(","), "--nameserver")?;
        }
        if !args.hosts.is_empty() {
            self.apply("hosts", &args.hosts.join(","), "--host")?;
        }
        if args.behind_tls_proxy {
            self.apply("behind_tls_proxy", "true", "--behind-tls-proxy")?;
        }
        if args.allow_http {
            self.apply("egress.allow_http", "true", "--allow-http")?;
        }
        for pair in &args.set {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(ConfigError(format!("--set {pair:?}: expected KEY=VALUE")));
            };
            self.apply(key, value, "--set")?;
        }
        Ok(())
    }
}
