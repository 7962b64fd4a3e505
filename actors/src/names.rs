//! From a host's name to its addresses: `/etc/hosts`, then the name servers that were named or those of
//! `/etc/resolv.conf`.
//!
//! Not getaddrinfo, which holds a thread for as long as a name server is silent. Nothing found is kept: an address is
//! judged on the very answer that it is connected by. Both files are read anew each time, as they are small, so that
//! changes hold at once.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    pin::pin,
    rc::Rc,
    time::Duration,
};

use futures_util::future::{Either, join_all, select};
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig},
    lookup::Lookup,
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{Name, RecordType},
    },
};
use resolv_conf::ScopedIp;
use tokio::time::timeout;

/// The longest that a name may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Once there are addresses of one family, so long is waited for those of the other.
const FAMILY_WAIT: Duration = Duration::from_millis(100);
/// Most name servers; resolv.conf(5) takes as many.
pub const SERVERS_MAX: usize = 3;
/// Most domains in which a name is looked for.
const SEARCH_MAX: usize = 6;
const DNS_PORT: u16 = 53;

/// The name has no address, or none is known now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unresolved {
    #[error("there is no such name, or it has no address")]
    Absent,
    #[error("no name server answered within {} s", TIMEOUT.as_secs())]
    Silent,
    #[error("{0}")]
    Failed(String),
}

/// Those of `hosts` that no delivery would find now, each with the reason. They are looked up as for deliveries, by
/// `servers` or those of the system, and all at once: it takes 5 s at most.
pub async fn unresolved(
    hosts: &BTreeSet<String>,
    servers: Vec<SocketAddr>,
    is_private_open: bool,
) -> Vec<(String, String)> {
    let names = Names::new(servers, is_private_open);
    let lookups = hosts.iter().map(|host| {
        let names = &names;
        async move { Some((host.clone(), names.lookup(host).await.err()?.to_string())) }
    });
    join_all(lookups).await.into_iter().flatten().collect()
}

/// Looks names up, for one thread: connections to name servers live on the runtime that made them.
pub(crate) struct Names {
    servers: Vec<SocketAddr>,
    /// Whether names of private networks are let through; only those are ever completed by a domain.
    is_private_open: bool,
    hosts: PathBuf,
    resolv_conf: PathBuf,
    known: RefCell<Option<Rc<Known>>>,
}

/// What stands in `/etc/resolv.conf`, ready to use.
struct Known {
    /// Its text; `None`: it cannot be read.
    text: Option<Vec<u8>>,
    servers: Vec<TokioResolver>,
    search: Vec<Name>,
}

impl Names {
    /// Asks `servers`; where there are none, those of the system.
    pub(crate) fn new(servers: Vec<SocketAddr>, is_private_open: bool) -> Self {
        let (hosts, resolv_conf) = ("/etc/hosts".into(), "/etc/resolv.conf".into());
        Self { servers, is_private_open, hosts, resolv_conf, known: RefCell::default() }
    }

    /// The addresses of `host` in the order in which they should be tried; never empty.
    pub(crate) async fn lookup(&self, host: &str) -> Result<Vec<IpAddr>, Unresolved> {
        let fixed = std::fs::read(&self.hosts).map(|text| in_hosts(&text, host)).unwrap_or_default();
        if !fixed.is_empty() {
            return Ok(fixed);
        }
        let known = self.known()?;
        timeout(TIMEOUT, self.ask(&known, host)).await.unwrap_or(Err(Unresolved::Silent))
    }

    async fn ask(&self, known: &Known, host: &str) -> Result<Vec<IpAddr>, Unresolved> {
        for name in self.spellings(host, &known.search)? {
            let found = known.ask(&name).await?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Err(Unresolved::Absent)
    }

    /// The full names that `host` may stand for, the likeliest first. A name with a dot is first of all itself.
    fn spellings(&self, host: &str, search: &[Name]) -> Result<Vec<Name>, Unresolved> {
        let wrong = |_| Unresolved::Failed(format!("{host:?} is no name that can be looked up"));
        let mut itself = Name::from_ascii(host).map_err(wrong)?;
        let is_complete = itself.is_fqdn() || !self.is_private_open;
        let domains = if is_complete { &search[..0] } else { search };
        let mut names: Vec<Name> =
            domains.iter().filter_map(|domain| itself.clone().append_domain(domain).ok()).collect();
        itself.set_fqdn(true);
        names.insert(if host.contains('.') { 0 } else { names.len() }, itself);
        Ok(names)
    }

    fn known(&self) -> Result<Rc<Known>, Unresolved> {
        let text = std::fs::read(&self.resolv_conf).ok();
        if let Some(known) = self.known.borrow().as_ref().filter(|known| known.text == text) {
            return Ok(known.clone());
        }
        let known = Rc::new(Known::new(text, &self.servers, &self.resolv_conf).map_err(failed)?);
        self.known.replace(Some(known.clone()));
        Ok(known)
    }
}

impl Known {
    fn new(text: Option<Vec<u8>>, given: &[SocketAddr], path: &Path) -> Result<Self, NetError> {
        let (system, _) = resolv_conf::Config::parse_with_errors(text.as_deref().unwrap_or_default());
        let mut servers = given.to_vec();
        if servers.is_empty() {
            servers.extend(system.nameservers.iter().filter_map(|ip| match ip {
                // Another machine may have that address in each zone, and the library that asks knows none.
                ScopedIp::V6(_, Some(_)) => {
                    tracing::warn!("the name server {ip} of {} has a zone and is not asked", path.display());
                    None
                }
                ip => Some(SocketAddr::new(ip.into(), DNS_PORT)),
            }));
        }
        if servers.is_empty() {
            let local = SocketAddr::from((Ipv4Addr::LOCALHOST, DNS_PORT));
            tracing::warn!("{} names no name server; {local} is asked", path.display());
            servers.push(local);
        }
        servers.truncate(SERVERS_MAX);
        let share = TIMEOUT / u32::try_from(servers.len()).unwrap_or(1);
        let domains = system.get_last_search_or_domain().filter_map(|domain| Name::from_ascii(domain).ok());
        let search = domains.map(fully_qualified).take(SEARCH_MAX).collect();
        let servers = servers.into_iter().map(|server| resolver(server, share)).collect::<Result<_, _>>()?;
        Ok(Self { text, servers, search })
    }

    /// Empty where there is no such name. The next server is asked only where one does not know, so that a first one
    /// that knows the names of a private network is always heard.
    async fn ask(&self, name: &Name) -> Result<Vec<IpAddr>, Unresolved> {
        let mut failure = Unresolved::Silent;
        for server in &self.servers {
            match timeout(server.options().timeout, both(server, name)).await {
                Ok(Ok(found)) => return Ok(found),
                Ok(Err(error)) => failure = failed(error),
                Err(_) => failure = Unresolved::Silent,
            }
        }
        Err(failure)
    }
}

/// A client of one name server: UDP, and TCP where an answer does not fit.
fn resolver(server: SocketAddr, share: Duration) -> Result<TokioResolver, NetError> {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = server.port();
        connection
    });
    let server = NameServerConfig::new(server.ip(), true, connections.into());
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    let options = builder.options_mut();
    options.timeout = share;
    options.attempts = 1;
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    builder.build()
}

/// The addresses of both families. A server that swallows questions for one of them does not hold up the other.
async fn both(server: &TokioResolver, name: &Name) -> Result<Vec<IpAddr>, NetError> {
    let v6 = pin!(server.lookup(name.clone(), RecordType::AAAA));
    let v4 = pin!(server.lookup(name.clone(), RecordType::A));
    let (v6, v4) = match select(v6, v4).await {
        Either::Left((v6, v4)) => {
            let v6 = addresses(v6);
            let v4 = other(&v6, v4).await;
            (v6, v4)
        }
        Either::Right((v4, v6)) => {
            let v4 = addresses(v4);
            (other(&v4, v6).await, v4)
        }
    };
    match (v6, v4) {
        (Err(error), Ok(found)) | (Ok(found), Err(error)) if found.is_empty() => Err(error),
        (Err(error), Err(_)) => Err(error),
        (v6, v4) => Ok(alternating(v6.unwrap_or_default(), v4.unwrap_or_default())),
    }
}

async fn other(
    first: &Result<Vec<IpAddr>, NetError>,
    second: impl Future<Output = Result<Lookup, NetError>>,
) -> Result<Vec<IpAddr>, NetError> {
    match first {
        Ok(found) if !found.is_empty() => timeout(FAMILY_WAIT, second).await.map_or(Ok(Vec::new()), addresses),
        _ => addresses(second.await),
    }
}

/// Empty where the server says that there are none.
fn addresses(answer: Result<Lookup, NetError>) -> Result<Vec<IpAddr>, NetError> {
    match answer {
        Ok(lookup) => Ok(lookup.answers().iter().filter_map(|record| record.data.ip_addr()).collect()),
        Err(NetError::Dns(DnsError::NoRecordsFound(none)))
            if matches!(none.response_code, ResponseCode::NXDomain | ResponseCode::NoError) =>
        {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

/// One of each in turn, so that a family that leads nowhere costs one try (RFC 8305, 4).
fn alternating(v6: Vec<IpAddr>, v4: Vec<IpAddr>) -> Vec<IpAddr> {
    let (mut v6, mut v4) = (v6.into_iter(), v4.into_iter());
    let mut all = Vec::with_capacity(v6.len() + v4.len());
    loop {
        let (one, two) = (v6.next(), v4.next());
        if one.is_none() && two.is_none() {
            return all;
        }
        all.extend(one.into_iter().chain(two));
    }
}

/// The addresses that a text in the form of hosts(5) gives to `host`.
fn in_hosts(text: &[u8], host: &str) -> Vec<IpAddr> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let text = String::from_utf8_lossy(text);
    let address = |line: &str| {
        let mut words = line.split('#').next()?.split_whitespace();
        let ip = words.next()?.parse().ok()?;
        words.any(|name| name.eq_ignore_ascii_case(host)).then_some(ip)
    };
    text.lines().filter_map(address).collect()
}

fn fully_qualified(mut name: Name) -> Name {
    name.set_fqdn(true);
    name
}

fn failed(error: NetError) -> Unresolved {
    match error {
        NetError::Timeout => Unresolved::Silent,
        NetError::Dns(DnsError::ResponseCode(code)) => Unresolved::Failed(format!("the name server says: {code}")),
        error => Unresolved::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path, is_private_open: bool) -> Names {
        let (hosts, resolv_conf) = (folder.join("hosts"), folder.join("resolv.conf"));
        Names { hosts, resolv_conf, ..Names::new(Vec::new(), is_private_open) }
    }

    fn spelled(names: &Names, host: &str) -> Vec<String> {
        let known = names.known().unwrap();
        names.spellings(host, &known.search).unwrap().iter().map(Name::to_string).collect()
    }

    #[test]
    fn hosts_are_read_as_they_are_written() {
        let text = b"# hosts\n127.0.0.1 localhost\n::1\tLOCALHOST ip6 # localhost2\n10.0.0.5  billing billing.corp\n\
            nonsense billing\n\xff\n10.0.0.6 billing";
        let found = |host: &str| in_hosts(text, host).iter().map(IpAddr::to_string).collect::<Vec<_>>();
        assert_eq!(found("localhost"), ["127.0.0.1", "::1"]);
        assert_eq!(found("Billing"), ["10.0.0.5", "10.0.0.6"]);
        assert_eq!(found("billing.corp."), ["10.0.0.5"]);
        for none in ["localhost2", "10.0.0.5", "", "#"] {
            assert!(found(none).is_empty(), "{none}");
        }
    }

    #[actix_rt::test]
    async fn a_change_of_the_system_s_settings_holds_at_once() {
        let folder = std::env::temp_dir().join(format!("loghorn-names-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let names = names(&folder, true);
        let asked = |names: &Names| names.known().unwrap().servers.len();
        assert_eq!(asked(&names), 1, "without a file: this machine");
        std::fs::write(&names.resolv_conf, "nameserver 192.0.2.1\nnameserver 192.0.2.2\nsearch corp.example a_b\n")
            .unwrap();
        assert_eq!(asked(&names), 2);
        assert!(Rc::ptr_eq(&names.known().unwrap(), &names.known().unwrap()), "made once");
        assert_eq!(spelled(&names, "billing"), ["billing.corp.example.", "billing.a_b.", "billing."]);
        assert_eq!(spelled(&names, "a.b"), ["a.b.", "a.b.corp.example.", "a.b.a_b."]);
        assert_eq!(spelled(&names, "billing."), ["billing."]);
        std::fs::write(&names.resolv_conf, "search ..\nnameserver nowhere\nnameserver 192.0.2.3\n").unwrap();
        assert_eq!((asked(&names), spelled(&names, "billing")), (1, vec!["billing.".to_owned()]));
        std::fs::write(&names.resolv_conf, "nameserver fe80::1%eth0\nnameserver 192.0.2.3\nnameserver fe80::2\n")
            .unwrap();
        assert_eq!(asked(&names), 2, "none without its zone");
        std::fs::write(&names.hosts, "192.0.2.9 pinned").unwrap();
        assert_eq!(names.lookup("pinned").await, Ok(vec!["192.0.2.9".parse().unwrap()]));
        std::fs::write(&names.hosts, "192.0.2.8 pinned").unwrap();
        assert_eq!(names.lookup("pinned").await, Ok(vec!["192.0.2.8".parse().unwrap()]));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn names_are_completed_only_where_private_ones_are_let_through() {
        let folder = std::env::temp_dir().join(format!("loghorn-search-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let names = names(&folder, false);
        std::fs::write(&names.resolv_conf, "nameserver 192.0.2.1\nsearch corp.example\n").unwrap();
        assert_eq!(spelled(&names, "example.com"), ["example.com."]);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn families_take_turns() {
        let ips = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let (v6, v4) = (ips(&["2001:db8::1", "2001:db8::2"]), ips(&["192.0.2.1"]));
        assert_eq!(alternating(v6.clone(), v4.clone()), ips(&["2001:db8::1", "192.0.2.1", "2001:db8::2"]));
        assert_eq!((alternating(v6.clone(), Vec::new()), alternating(Vec::new(), v4.clone())), (v6, v4));
    }
}
