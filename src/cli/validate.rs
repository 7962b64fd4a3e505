//! `loghorn validate`: whether `loghorn serve` would start with these settings, and what it would do that nobody may have
//! meant. It changes nothing, and asks no server.

use std::path::PathBuf;

use clap::Args;

use super::{
    Context,
    checks::{Findings, look_at_data, report},
    fail::{Exit, Fail},
};
use crate::{
    app,
    certificate::Certificate,
    config::{ClientConfig, Config, ServeArgs},
};

/// What `validate` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn validate
  loghorn validate /etc/loghorn/loghorn.toml --data /var/lib/loghorn

To be run as the user that the server runs as. Exit code 5 when it would not start.")]
pub(crate) struct ValidateArgs {
    /// The file of settings, instead of ./loghorn.toml
    file: Option<PathBuf>,
}

impl ValidateArgs {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Fail> {
        let mut found = Findings::default();
        let args = ServeArgs { config: self.file, data: context.flags.data.clone(), ..ServeArgs::default() };
        match Config::load(&args) {
            Ok(config) => {
                found.good("config", format!("{} set, the rest are defaults", config.origins.len()));
                look_at_address(&mut found, &config);
                look_at_certificate(&mut found, &config);
                look_at_egress(&mut found, &config);
                look_at_data(&mut found, &config, false);
            }
            Err(error) => found.bad("config", error.to_string(), "correct it; what follows from it was not looked at"),
        }
        if let Err(error) = ClientConfig::load(&context.flags) {
            found.bad("client", error.to_string(), "correct it: no command that asks a server works");
        }
        report(context, &found.0)
    }
}

/// Who may come in, and by which way.
fn look_at_address(found: &mut Findings, config: &Config) {
    let bind = config.bind;
    if let Err(error) = app::check_bind(config) {
        return found.bad("address", error.to_string(), "see docs/security.md");
    }
    match (bind.ip().is_loopback(), config.behind_tls_proxy, config.tls_cert.is_some()) {
        (true, ..) => found.good("address", format!("{bind}, for this machine alone")),
        (false, _, true) => found.good("address", format!("{bind}, with TLS and keys")),
        (false, true, false) => found.unsure(
            "address",
            format!("no TLS on {bind}: a proxy must speak it, and be the only one that reaches it"),
            "let a firewall see to that, or bind it to the proxy's side alone",
        ),
        (false, false, false) => found.unsure("address", format!("no TLS on {bind}"), "see docs/security.md"),
    }
}

fn look_at_certificate(found: &mut Findings, config: &Config) {
    match config.certificate() {
        Ok(None) => {}
        Ok(Some(files)) => {
            let chain = files.chain.display().to_string();
            match Certificate::open(files) {
                Ok(_) => found.good("certificate", format!("{chain} and its key fit")),
                Err(error) => found.bad("certificate", error.to_string(), "see docs/security.md"),
            }
        }
        Err(error) => found.bad("certificate", error.to_string(), "give both, or neither"),
    }
}

/// Where webhooks may go.
fn look_at_egress(found: &mut Findings, config: &Config) {
    let open = &config.egress.allow_private;
    let is_at_home = !open.is_empty() && open.iter().all(|net| net.addr().is_loopback());
    if config.egress.allow_http && !is_at_home {
        let detail = "webhooks may leave this machine without TLS: others may read them on their way";
        found.unsure("egress", detail, "leave egress.allow_http out where every receiver has https");
    }
    if let Some(all) = open.iter().find(|net| net.prefix_len() == 0) {
        let detail = format!("webhooks may go anywhere, for {all} is open: whoever may subscribe reaches this network");
        return found.unsure("egress", detail, "open only what receivers need in egress.allow_private");
    }
    match open.len() {
        0 => found.good("egress", "webhooks go to public addresses alone"),
        n => found.good("egress", format!("{n} private ranges are open to webhooks")),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::checks::State, *};

    fn states(settings: &[(&str, &str)], look: fn(&mut Findings, &Config)) -> Vec<(&'static str, State)> {
        let set = settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let config = Config::load(&ServeArgs { set, ..ServeArgs::default() }).unwrap();
        let mut found = Findings::default();
        look(&mut found, &config);
        found.0.iter().map(|finding| (finding.check, finding.state)).collect()
    }

    #[test]
    fn an_address_that_others_reach_needs_tls() {
        let address = |settings: &[(&str, &str)]| states(settings, look_at_address)[0].1;
        assert_eq!(address(&[]), State::Good);
        assert_eq!(address(&[("bind", "0.0.0.0:8000")]), State::Bad);
    }

    #[test]
    fn what_lets_webhooks_go_anywhere_is_told() {
        let egress = |settings: &[(&str, &str)]| {
            states(settings, look_at_egress).iter().map(|(_, state)| *state).collect::<Vec<_>>()
        };
        assert_eq!(egress(&[]), [State::Good]);
        assert_eq!(egress(&[("egress.allow_private", "0.0.0.0/0")]), [State::Unsure]);
        assert_eq!(
            egress(&[("egress.allow_http", "true"), ("egress.allow_private", "10.0.0.0/8")]),
            [State::Unsure, State::Good]
        );
    }
}
