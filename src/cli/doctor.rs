//! `loghorn doctor`: whatever keeps a server from working well, each with its remedy. It changes nothing.

use std::{
    collections::BTreeSet,
    io,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use clap::Args;
use loghorn_actors::KEYRING;
use loghorn_storage::rocks::{self, OpenError};
use loghorn_web::api::{health::Health, sessions::Session, subscriptions::Shown};
use serde::Serialize;
use url::{Host, Url};

use super::{
    Context,
    client::{Client, Query},
    fail::{Exit, Fail},
    output::{BAD, Format, GOOD, UNSURE, plain},
    yaml,
};
use crate::{
    admin_key,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Good,
    Unsure,
    Bad,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    state: State,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn good(&mut self, check: &'static str, detail: impl Into<String>) {
        self.0.push(Finding { check, state: State::Good, detail: detail.into(), remedy: None });
    }

    fn unsure(&mut self, check: &'static str, detail: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Finding { check, state: State::Unsure, detail: detail.into(), remedy: Some(remedy.into()) });
    }

    fn bad(&mut self, check: &'static str, detail: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Finding { check, state: State::Bad, detail: detail.into(), remedy: Some(remedy.into()) });
    }
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

fn report(context: &Context, found: &[Finding]) -> Result<Exit, Fail> {
    let out = &context.out;
    match out.format {
        Format::Json => {
            out.line(&serde_json::to_string_pretty(&serde_json::json!({"items": found})).unwrap_or_default())?
        }
        Format::Yaml => out.line(&yaml::of_value(&serde_json::json!({"items": found}))?)?,
        Format::Jsonl => {
            found.iter().try_for_each(|finding| out.line(&serde_json::to_string(finding).unwrap_or_default()))?;
        }
        Format::Name => {
            let wanting = found.iter().filter(|finding| finding.state != State::Good);
            wanting
                .map(|finding| finding.check)
                .collect::<BTreeSet<_>>()
                .into_iter()
                .try_for_each(|check| out.line(check))?;
        }
        Format::Tabs => found.iter().try_for_each(|finding| {
            let state = serde_json::to_value(finding.state).unwrap_or_default();
            let cells = [finding.check, state.as_str().unwrap_or_default(), &finding.detail];
            let remedy = finding.remedy.as_deref().unwrap_or_default();
            out.line(&cells.iter().chain([&remedy]).map(|cell| plain(cell)).collect::<Vec<_>>().join("\t"))
        })?,
        Format::Table => found.iter().try_for_each(|finding| {
            let mark = match finding.state {
                State::Good => GOOD,
                State::Unsure => UNSURE,
                State::Bad => BAD,
            };
            let remedy = finding.remedy.as_ref().map(|remedy| format!("\n            {}", plain(remedy)));
            let detail = plain(&finding.detail);
            out.line(&format!("{mark} {:9} {detail}{}", finding.check, remedy.unwrap_or_default()))
        })?,
    }
    let is_bad = found.iter().any(|finding| finding.state == State::Bad);
    Ok(if is_bad { Exit::Refused } else { Exit::Ok })
}

fn mode(path: &Path) -> Option<u32> {
    Some(std::fs::metadata(path).ok()?.permissions().mode() & 0o777)
}

/// The data directory: its modes, its keys, its store.
fn look_at_data(found: &mut Findings, config: &Config, is_running: bool) {
    let (data, shown) = (&config.data, config.data.display());
    let Some(mode) = mode(data) else {
        let remedy = "the first start makes it; name another:  --data DIR";
        return found.unsure("data", format!("{shown} is not there yet"), remedy);
    };
    match mode & 0o077 {
        0 => found.good("data", format!("{shown} is for its owner alone")),
        _ => found.bad("data", format!("others may look into {shown} (mode {mode:03o})"), format!("chmod 700 {shown}")),
    }
    match admin_key::read(data) {
        Ok(Some(_)) => found.good("admin key", "readable by its owner alone"),
        Ok(None) => found.unsure("admin key", "there is none", "the next start makes one"),
        Err(error) => found.bad("admin key", error.to_string(), "without it this command line shows no key"),
    }
    let master = match config.master() {
        Ok(master) => master,
        Err(error) => return found.bad("master key", error.to_string(), "leave one of them out"),
    };
    match rocks::peek(data, KEYRING) {
        Ok(keyring) => match master.find(keyring.as_deref()) {
            Ok(_) if keyring.is_none() => found.good("store", "it holds no secrets yet"),
            Ok(_) => found.good("store", "readable, and the master key opens its secrets"),
            Err(error) => found.bad("master key", error.to_string(), "start it with the key that sealed them"),
        },
        Err(_) if is_running => found.good("store", "in use by the server"),
        Err(error @ OpenError::Unseen { .. }) => {
            let remedy = "start the server: it mends what it can, and says what it cannot; see docs/reliability.md";
            found.unsure("store", error.to_string(), remedy);
        }
        Err(error) => found.bad("store", error.to_string(), "see docs/reliability.md for what can be done"),
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
    use super::*;

    #[test]
    fn a_data_directory_that_others_may_read_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { data: folder.path().to_path_buf(), ..Config::default() };
        let states = |config: &Config| {
            let mut found = Findings::default();
            look_at_data(&mut found, config, false);
            found.0.iter().map(|finding| (finding.check, finding.state)).collect::<Vec<_>>()
        };
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(states(&config).contains(&("data", State::Bad)));
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        assert!(states(&config).contains(&("data", State::Good)));
        let absent = Config { data: folder.path().join("x"), ..Config::default() };
        assert_eq!(states(&absent), [("data", State::Unsure)]);
    }

    #[test]
    fn a_store_that_cannot_be_looked_into_is_not_called_good() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        // As a start leaves it whose database was lost.
        std::fs::write(folder.path().join("FORMAT"), "1\n").unwrap();
        std::fs::write(folder.path().join("CURRENT"), "MANIFEST-000001\n").unwrap();
        let config = Config { data: folder.path().to_path_buf(), ..Config::default() };
        let mut found = Findings::default();
        look_at_data(&mut found, &config, false);
        let store = found.0.iter().find(|finding| finding.check == "store").unwrap();
        assert_eq!(store.state, State::Unsure, "{store:?}");
        assert!(store.remedy.is_some() && !found.0.iter().any(|finding| finding.detail.contains("master key opens")));
    }

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
