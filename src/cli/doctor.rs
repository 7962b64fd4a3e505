//! `loghorn doctor`: whatever keeps a server from working well, each with its remedy. It changes nothing.

use std::{
    collections::BTreeSet,
    io,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use clap::Args;
use loghorn_web::api::{health::Health, sessions::Session, subscriptions::Shown};
use url::{Host, Url};

use super::{
    Context,
    checks::{Findings, look_at_data, report},
    client::{Client, Query},
    fail::{Exit, Fail},
};
use crate::{
    config::{Config, ServeArgs},
    files,
};

/// Below this share of the disk the server takes no more events.
const DISK_PERCENT_MIN: u64 = 5;
/// Below this it soon will not.
const DISK_PERCENT_LOW: u64 = 15;
/// Receivers refuse a signature of another time than theirs, most beyond 5 minutes.
const CLOCK_OFF_MAX: Duration = Duration::from_secs(60);
/// Names of receivers that are looked up.
const NAMES_MAX: usize = 50;
/// Subscriptions whose receivers are looked at.
const SUBSCRIPTIONS_MAX: usize = 1000;

/// What `doctor` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn doctor                  exit code 0 when all is well, 5 when something is not
  loghorn doctor --data /var/lib/loghorn --config /etc/loghorn.toml -o json")]
pub(crate) struct DoctorArgs {
    /// Configuration file of the server, instead of ./loghorn.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl DoctorArgs {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let mut found = Findings::default();
        let args = ServeArgs { config: self.config, data: context.flags.data.clone(), ..ServeArgs::default() };
        let config = match Config::load(&args) {
            Ok(config) => {
                found.good("config", format!("{} set, the rest are defaults", config.origins.len()));
                config
            }
            Err(error) => {
                found.bad("config", error.to_string(), "correct the file; what follows looks at the defaults");
                Config::default()
            }
        };
        let client = context.client()?;
        let health = client.get(&["health"]).await;
        let is_running = health.is_ok();
        look_at_data(&mut found, &config, is_running);
        look_at_disk(&mut found, &config.data);
        look_at_files(&mut found);
        match health {
            Ok(answer) => look_at_server(&mut found, &client, &answer.read()?).await,
            Err(fail) if fail.exit == Exit::Auth => {
                found.good("server", format!("{} answers", client.server()));
                look_at_key(&mut found, &client).await;
            }
            Err(_) => look_at_port(&mut found, &config, &client),
        }
        look_at_clock(&mut found, &client).await;
        if is_running {
            look_at_names(&mut found, &config, &client).await?;
        }
        report(context, &found.0)
    }
}

fn look_at_disk(found: &mut Findings, data: &Path) {
    // What is not there yet will be in the nearest folder that is.
    let Some(stat) = data.ancestors().find_map(|folder| {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        rustix::fs::statvfs(folder).ok()
    }) else {
        return found.unsure("disk", "how much is free is not known", "look with:  df -h");
    };
    let free = stat.f_bavail * stat.f_frsize;
    let percent = stat.f_bavail * 100 / stat.f_blocks.max(1);
    let detail = format!("{percent} % free ({:.1} GiB)", free as f64 / f64::from(1 << 30));
    let remedy = "make room, or keep events for a shorter time:  --set retention.events=3d";
    match percent {
        0..DISK_PERCENT_MIN => found.bad("disk", format!("{detail}: no events are taken"), remedy),
        DISK_PERCENT_MIN..DISK_PERCENT_LOW => found.unsure("disk", detail, remedy),
        _ => found.good("disk", detail),
    }
}

fn look_at_files(found: &mut Findings) {
    let limit = files::raise_limit();
    match limit {
        0..files::LIMIT_ENOUGH => {
            let detail = format!("{limit} files may be open, so few clients and receivers are served at a time");
            found.unsure("files", detail, "ulimit -n 8192    or, for systemd:  LimitNOFILE=65536");
        }
        u64::MAX => found.good("files", "as many may be open as are wanted"),
        _ => found.good("files", format!("{limit} may be open")),
    }
}

async fn look_at_server(found: &mut Findings, client: &Client, health: &Health) {
    let ours = env!("CARGO_PKG_VERSION");
    match health.version == ours {
        true => found.good("server", format!("{} answers, version {ours}", client.server())),
        false => {
            let detail = format!("{} is version {}, this is {ours}", client.server(), health.version);
            found.unsure("server", detail, "use the server's own command line, or restart the server with this one");
        }
    }
    for (name, reason) in &health.reasons {
        found.bad("health", format!("{name}: {reason}"), "see the server's log, and docs/reliability.md");
    }
    if health.reasons.is_empty() {
        found.good("health", health.status.clone());
    }
    look_at_key(found, client).await;
}

async fn look_at_key(found: &mut Findings, client: &Client) {
    let session = client.get(&["session"]).await.and_then(|answer| answer.read::<Session>());
    match session {
        Ok(Session { name: Some(name), scope, .. }) => found.good("key", format!("{name:?}, for {scope}")),
        Ok(Session { name: None, .. }) => found.good("key", "none is needed on this machine"),
        Err(fail) => found.bad(
            "key",
            fail.what(),
            "show one in LOGHORN_KEY; an admin makes it:  loghorn key create NAME --scope manage",
        ),
    }
}

/// Nobody answers: is the port free for a server?
fn look_at_port(found: &mut Findings, config: &Config, client: &Client) {
    let remedy = "start one:  loghorn serve    or name another:  --server URL";
    found.unsure("server", format!("nobody answers at {}", client.server()), remedy);
    match TcpListener::bind(config.bind) {
        Ok(_) => found.good("port", format!("{} is free for a server", config.bind)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let detail = format!("another program listens on {}", config.bind);
            let remedy = format!(
                "see which:  ss -ltnp 'sport = :{}'    or take another port:  --bind 127.0.0.1:8001",
                config.bind.port()
            );
            found.bad("port", detail, remedy);
        }
        Err(error) => {
            found.bad("port", format!("{} cannot be listened on: {error}", config.bind), "name another:  --bind")
        }
    }
}

async fn look_at_clock(found: &mut Findings, client: &Client) {
    const REMEDY: &str = "receivers refuse webhooks of another time; set it:  timedatectl set-ntp true";
    if let Some(theirs) = client.date().await {
        let ours = super::now();
        let off = ours.since(theirs).max(theirs.since(ours));
        match off > CLOCK_OFF_MAX {
            true => found.bad("clock", format!("{} s away from the server's", off.as_secs()), REMEDY),
            false => found.good("clock", "the server's and this machine's agree"),
        }
    }
    let mut asked = Command::new("timedatectl");
    asked.args(["show", "-p", "NTPSynchronized", "--value"]).stdin(Stdio::null()).stderr(Stdio::null());
    let is_synchronised = asked.output().ok().filter(|output| output.status.success()).map(|output| output.stdout);
    match is_synchronised.as_deref().map(<[u8]>::trim_ascii) {
        Some(b"yes") => found.good("clock", "kept by a time server"),
        Some(b"no") => found.unsure("clock", "not kept by a time server", REMEDY),
        _ => found.unsure("clock", "whether a time server keeps it is not known", "compare it with:  date -u"),
    }
}

/// The names of receivers, as the server looks them up.
async fn look_at_names(found: &mut Findings, config: &Config, client: &Client) -> Result<(), Fail> {
    let Ok(all) = client.list::<Shown>(&["subscriptions"], &Query::new(), SUBSCRIPTIONS_MAX).await else {
        return Ok(());
    };
    let urls = all.items.iter().filter_map(|shown| Url::parse(shown.spec.get("url")?.as_str()?).ok());
    let names: BTreeSet<String> = urls
        .filter_map(|url| match url.host()? {
            Host::Domain(name) => Some(name.to_owned()),
            Host::Ipv4(_) | Host::Ipv6(_) => None,
        })
        .take(NAMES_MAX)
        .collect();
    let is_private_open = !config.egress.allow_private.is_empty();
    let unknown = loghorn_actors::unresolved(&names, config.nameservers.clone(), is_private_open).await;
    if unknown.is_empty() {
        found.good("names", format!("{} of receivers are known here", names.len()));
        return Ok(());
    }
    let unknown: Vec<String> = unknown.into_iter().map(|(name, why)| format!("{name} ({why})")).collect();
    found.bad(
        "names",
        format!("not found: {}", unknown.join(", ")),
        "correct the subscription, or the name servers: egress.nameservers, else those of /etc/resolv.conf",
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::checks::State, *};

    #[test]
    fn a_port_that_is_taken_is_found() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let config = Config { bind: taken.local_addr().unwrap(), ..Config::default() };
        let client = Client::new("127.0.0.1:9", String::new(), Duration::from_secs(1), None).unwrap();
        let mut found = Findings::default();
        look_at_port(&mut found, &config, &client);
        assert!(found.0.iter().any(|finding| (finding.check, finding.state) == ("port", State::Bad)));
    }
}
