//! The guard on every delivery, its pure half: which URLs may be saved, which addresses connected to, which headers
//! sent along.
//!
//! Anyone who may save a subscription chooses where this server connects to, from inside its network. So a name proves
//! nothing: [`Policy::check_url`] refuses early and explains, and [`Policy::check_address`] is asked anew for every
//! address at every connect. Addresses are an allow-list: global unicast, and what `--allow-private` opens.
//!
//! Invariant: whatever spelling a URL came in, what is handed on is its serialised form, whose host every parser reads
//! alike.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

use crate::Problem;

/// Longest URL, in bytes, as written and as sent.
const URL_BYTES_MAX: usize = 2048;
/// Most custom headers of one subscription.
const HEADERS_MAX: usize = 64;
/// Most bytes in all their names and values.
const HEADER_BYTES_MAX: usize = 8 * 1024;

/// What may be reached. The default reaches public addresses over https only.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Ranges opened although they are not public, and for plain http. Link-local and metadata addresses are opened
    /// only where they are named exactly.
    pub allow_private: Vec<IpNet>,
    /// Plain http to public addresses too.
    pub allow_http: bool,
    /// Addresses this process listens on: never a target, whatever is opened. An unspecified one stands for every
    /// loopback address at its port; a caller that knows its interfaces' addresses lists them as well.
    pub own: Vec<SocketAddr>,
    /// The built-in receiver, by its whole URL: the one target of our own that is allowed.
    pub receiver: Option<Url>,
}

/// Why a target is refused, and what would open it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    /// What was refused and why.
    pub detail: String,
    /// What to do about it, naming the flag where there is one.
    pub remedy: String,
}

impl Refusal {
    fn new(detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { detail: detail.into(), remedy: remedy.into() }
    }
}

impl Policy {
    /// Judges a webhook URL when it is saved: its syntax, scheme, user info, port, host name or literal address.
    ///
    /// The URL returned is the only form to store and to connect to. It has no fragment, which is never sent.
    pub fn check_url(&self, text: &str) -> Result<Url, Refusal> {
        check_syntax(text)?;
        let unreadable = |why: &str| Refusal::new(format!("not a valid URL: {why}"), "write https://host/path");
        let mut url = Url::parse(text).map_err(|error| unreadable(&error.to_string()))?;
        url.set_fragment(None);
        if url.as_str().len() > URL_BYTES_MAX {
            return Err(too_long());
        }
        if self.is_receiver(url.as_str()) {
            return Ok(url);
        }
        let is_https = url.scheme() == "https";
        let port = url.port_or_known_default().ok_or_else(|| unreadable("no port"))?;
        if REFUSED_PORTS.binary_search(&port).is_ok() {
            let detail = format!("port {port} belongs to a service that is no webhook receiver");
            return Err(Refusal::new(detail, "let the receiver listen on 443, or on a port such as 8443"));
        }
        match url.host().ok_or_else(|| unreadable("no host"))? {
            Host::Ipv4(ip) => self.check_address((ip, port).into(), is_https)?,
            Host::Ipv6(ip) => self.check_address((ip, port).into(), is_https)?,
            Host::Domain(name) => self.check_name(name, is_https)?,
        }
        Ok(url)
    }

    /// Whether this is the built-in receiver. What a connection for it leads to is its own address, whatever else that is.
    pub fn is_receiver(&self, url: &str) -> bool {
        self.receiver.as_ref().is_some_and(|receiver| receiver.as_str() == url)
    }

    /// Whether a connection to `address` may be made. To be asked for each resolved address at every connect, since
    /// a name may resolve to something else each time.
    pub fn check_address(&self, address: SocketAddr, is_https: bool) -> Result<(), Refusal> {
        let ip = judged_as(address.ip());
        if self.own.iter().any(|own| is_own(*own, ip, address.port())) {
            return Err(is_itself(address));
        }
        let class = Class::of(ip);
        let is_listed = self.allow_private.iter().any(|net| net.contains(&ip) && class.is_opened_by(*net));
        let (range, what) = match class {
            Class::Global if is_listed || is_https || self.allow_http => return Ok(()),
            Class::Global => return Err(plain_http(&address.to_string())),
            _ if is_listed => return Ok(()),
            Class::Closed(range, what) => (range, what),
            Class::LinkLocal | Class::Metadata => (IpNet::from(ip), class.what()),
            Class::Unreachable(what) => {
                return Err(Refusal::new(format!("{ip} is refused: {what}"), "name the receiver's own address"));
            }
        };
        let remedy = format!("if it is meant, start the server with --allow-private {range}");
        Err(Refusal::new(format!("{ip} is refused: {what}, not a public address"), remedy))
    }

    /// Whether a connection to `peer` from `local` may be used. One to an address of this machine comes from that very
    /// address: so it is known where Loghorn listens on all of them.
    pub fn check_connection(&self, peer: SocketAddr, local: IpAddr, is_https: bool) -> Result<(), Refusal> {
        let is_everywhere = |own: &SocketAddr| own.ip().is_unspecified() && own.port() == peer.port();
        if local.to_canonical() == peer.ip().to_canonical() && self.own.iter().any(is_everywhere) {
            return Err(is_itself(peer));
        }
        self.check_address(peer, is_https)
    }

    fn check_name(&self, name: &str, is_https: bool) -> Result<(), Refusal> {
        let bare = name.strip_suffix('.').unwrap_or(name);
        let is_label = |label: &str| {
            (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        if bare.len() > 253 || !bare.split('.').all(is_label) {
            let detail = format!("{name:?} is not a host name");
            return Err(Refusal::new(detail, "use letters, digits and hyphens, up to 63 between dots, 253 in all"));
        }
        let lies_in = |zone: &str| bare.strip_suffix(zone).is_some_and(|head| head.is_empty() || head.ends_with('.'));
        if lies_in("localhost") {
            if !self.opens_loopback() {
                let remedy = "if it is meant, start the server with --allow-private 127.0.0.0/8";
                return Err(Refusal::new(format!("{name} is this machine itself, not a public host"), remedy));
            }
        } else if self.allow_private.is_empty() && (!bare.contains('.') || PRIVATE_ZONES.into_iter().any(lies_in)) {
            let remedy = "name a public host, or open its range, for example with --allow-private 10.0.0.0/8";
            return Err(Refusal::new(format!("{name} is a name of a private network, not a public host"), remedy));
        }
        if !is_https && !self.allow_http && self.allow_private.is_empty() {
            return Err(plain_http(name));
        }
        Ok(())
    }

    fn opens_loopback(&self) -> bool {
        let loopbacks = [IpNet::V4(LOOPBACK_V4), IpNet::V6(LOOPBACK_V6)];
        self.allow_private.iter().any(|net| loopbacks.iter().any(|own| own.contains(net) || net.contains(own)))
    }
}

/// Refuses custom headers that would break the request's framing, forge what Loghorn vouches for, or open a cloud's
/// metadata service.
pub fn check_headers(headers: &BTreeMap<String, String>) -> Result<(), Problem> {
    let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if headers.len() > HEADERS_MAX || bytes > HEADER_BYTES_MAX {
        return Err(Problem::new("/headers", "expected at most 64 headers and 8 KiB in all"));
    }
    let mut seen = BTreeSet::new();
    for (name, value) in headers {
        let lower = name.to_ascii_lowercase();
        let detail = if !is_token(name) {
            "not a header name: letters, digits and !#$%&'*+-.^_`|~ only"
        } else if is_reserved(&lower) {
            "this header is reserved: it steers the connection, is set by Loghorn, or could mislead the receiver"
        } else if !value.bytes().all(|b| b == b'\t' || (b' '..=b'~').contains(&b)) {
            "a header value has printable ASCII characters only: no line breaks, control or accented characters"
        } else if !seen.insert(lower) {
            "this header is given twice, in different case"
        } else {
            continue;
        };
        return Err(Problem::new(format!("/headers/{}", name.replace('~', "~0").replace('/', "~1")), detail));
    }
    Ok(())
}

/// What an address is, and so who may open it.
#[derive(Debug, Clone, Copy)]
enum Class {
    /// Public: nothing to open.
    Global,
    /// Not public; opened by any range that holds it.
    Closed(IpNet, &'static str),
    /// Opened only by a range within link-local.
    LinkLocal,
    /// Opened only by its very address.
    Metadata,
    /// Never opened: no receiver can have it.
    Unreachable(&'static str),
}

impl Class {
    fn of(ip: IpAddr) -> Self {
        if METADATA.contains(&ip) {
            return Self::Metadata;
        }
        match ip {
            IpAddr::V4(ip) => Self::of_v4(ip),
            IpAddr::V6(ip) => Self::of_v6(ip),
        }
    }

    fn of_v4(ip: Ipv4Addr) -> Self {
        if LINK_LOCAL_V4.contains(&ip) {
            return Self::LinkLocal;
        }
        if let Some((_, what)) = UNREACHABLE_V4.iter().find(|(net, _)| net.contains(&ip)) {
            return Self::Unreachable(what);
        }
        let closed = CLOSED_V4.iter().find(|(net, _)| net.contains(&ip));
        closed.map_or(Self::Global, |(net, what)| Self::Closed((*net).into(), what))
    }

    fn of_v6(ip: Ipv6Addr) -> Self {
        // RFC 5214, 6.1: whatever network it is in.
        if let [_, _, _, _, 0 | 0x200, 0x5efe, _, _] = ip.segments() {
            return Self::Unreachable("an ISATAP tunnel to an IPv4 address");
        }
        if LINK_LOCAL_V6.contains(&ip) {
            return Self::LinkLocal;
        }
        if let Some((net, what)) = CLOSED_V6.iter().find(|(net, _)| net.contains(&ip)) {
            return Self::Closed((*net).into(), what);
        }
        if let Some((_, what)) = UNREACHABLE_V6.iter().find(|(net, _)| net.contains(&ip)) {
            return Self::Unreachable(what);
        }
        if GLOBAL_V6.contains(&ip) {
            return Self::Global;
        }
        Self::Closed(IpNet::from(IpAddr::V6(ip)), "outside global unicast 2000::/3")
    }

    fn is_opened_by(self, net: IpNet) -> bool {
        match self {
            Self::Global | Self::Closed(..) => true,
            Self::LinkLocal => IpNet::V4(LINK_LOCAL_V4).contains(&net) || IpNet::V6(LINK_LOCAL_V6).contains(&net),
            Self::Metadata => net.prefix_len() == net.max_prefix_len(),
            Self::Unreachable(_) => false,
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Global => "public",
            Self::Closed(_, what) | Self::Unreachable(what) => what,
            Self::LinkLocal => "link-local",
            Self::Metadata => "a cloud's metadata service",
        }
    }
}

/// The address that is really reached: IPv4-mapped and NAT64 addresses lead to the IPv4 address inside.
fn judged_as(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) if NAT64.contains(&v6) => {
            let [.., a, b, c, d] = v6.octets();
            Ipv4Addr::new(a, b, c, d).into()
        }
        ip => ip,
    }
}

fn is_itself(address: SocketAddr) -> Refusal {
    let detail = format!("{address} is where Loghorn itself listens");
    Refusal::new(detail, "name another receiver: events sent to themselves would never end")
}

fn is_own(own: SocketAddr, ip: IpAddr, port: u16) -> bool {
    let own_ip = own.ip().to_canonical();
    own.port() == port && (own_ip == ip || (own_ip.is_unspecified() && (ip.is_loopback() || ip.is_unspecified())))
}

/// What must hold of the text itself, where URL parsers differ or repair silently.
fn check_syntax(text: &str) -> Result<(), Refusal> {
    if text.len() > URL_BYTES_MAX {
        return Err(too_long());
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        let remedy = "percent-encode what is meant, for example %20 for a space";
        return Err(Refusal::new("a URL has no spaces, control characters or backslashes", remedy));
    }
    let rest = ["http://", "https://"].iter().find_map(|scheme| {
        let (head, rest) = text.split_at_checked(scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    let Some(rest) = rest else {
        return Err(Refusal::new("a webhook URL begins with https:// or http://", "write https://host/path"));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        let remedy = "leave out the part before @ and send credentials in a header";
        return Err(Refusal::new("user name and password do not belong in a URL, where they are shown", remedy));
    }
    if authority.is_empty() || authority.starts_with(':') {
        return Err(Refusal::new("the URL names no host", "write https://host/path"));
    }
    Ok(())
}

fn too_long() -> Refusal {
    Refusal::new("a URL has at most 2048 bytes, percent-encoding included", "shorten it")
}

fn plain_http(target: &str) -> Refusal {
    let detail = format!("plain http to {target} is refused: anyone on the way could read and change it");
    Refusal::new(detail, "use https, or start the server with --allow-http")
}

fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

fn is_reserved(lower: &str) -> bool {
    // Google's Metadata-Flavor, Azure's Metadata, Amazon's X-aws-ec2-metadata-token and those like them.
    let opens_metadata = lower.split('-').any(|word| word == "metadata")
        && (lower.starts_with("metadata") || ["token", "request", "ttl"].iter().any(|word| lower.contains(word)));
    let prefixes = ["webhook-", "proxy-", "x-forwarded-"];
    opens_metadata || RESERVED_HEADERS.contains(&lower) || prefixes.iter().any(|prefix| lower.starts_with(prefix))
}

/// Hop-by-hop and framing headers, and those by which a request claims to come from elsewhere.
const RESERVED_HEADERS: [&str; 15] = [
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "true-client-ip",
    "upgrade",
    "x-client-ip",
    "x-real-ip",
];

/// Zones that no public name server answers for.
const PRIVATE_ZONES: [&str; 9] =
    ["local", "internal", "lan", "home.arpa", "localdomain", "intranet", "private", "corp", "home"];

/// Ports of services that would take an HTTP request for commands: those browsers refuse, databases, queues, remote
/// control. Sorted.
#[rustfmt::skip]
const REFUSED_PORTS: [u16; 127] = [
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 67, 68, 69, 77, 79, 87, 88, 95, 101, 102, 103,
    104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 138, 139, 143, 161, 162, 179, 389, 427, 445, 465, 512, 513,
    514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 623, 636, 873, 989, 990, 993, 995, 1080, 1433,
    1434, 1521, 1719, 1720, 1723, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3306, 3389, 3659, 4045, 4190, 4222, 5060,
    5061, 5432, 5433, 5671, 5672, 5900, 5901, 5985, 5986, 6000, 6379, 6380, 6432, 6566, 6665, 6666, 6667, 6668, 6669,
    6679, 6697, 8883, 9042, 9092, 9160, 9300, 10080, 10250, 10255, 11211, 26379, 27017, 27018, 27019,
];

const LOOPBACK_V4: Ipv4Net = v4([127, 0, 0, 0], 8);
const LOOPBACK_V6: Ipv6Net = v6([0, 0, 0, 0, 0, 0, 0, 1], 128);
const LINK_LOCAL_V4: Ipv4Net = v4([169, 254, 0, 0], 16);
const LINK_LOCAL_V6: Ipv6Net = v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10);
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

/// Where clouds hand credentials to whoever asks from inside.
const METADATA: [IpAddr; 12] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), // most clouds
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),   // Amazon: credentials of containers
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),  // Amazon: credentials of pods
    IpAddr::V4(Ipv4Addr::new(169, 254, 42, 42)),   // Scaleway
    IpAddr::V4(Ipv4Addr::new(169, 254, 0, 23)),    // Tencent
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),   // Azure: looks public, is the host of the machine
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)), // Alibaba
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),     // Oracle
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)), // Amazon
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)), // Amazon: credentials of pods
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)), // Google
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42)), // Scaleway
];

/// From the IANA special-purpose registry: what is not globally reachable.
const CLOSED_V4: [(Ipv4Net, &str); 11] = [
    (v4([10, 0, 0, 0], 8), "private"),
    (v4([172, 16, 0, 0], 12), "private"),
    (v4([192, 168, 0, 0], 16), "private"),
    (v4([100, 64, 0, 0], 10), "shared address space of carriers and clouds"),
    (LOOPBACK_V4, "loopback, this machine itself"),
    (v4([192, 0, 0, 0], 24), "reserved for protocols"),
    (v4([192, 0, 2, 0], 24), "for documentation"),
    (v4([192, 88, 99, 0], 24), "the former 6to4 relays"),
    (v4([198, 18, 0, 0], 15), "for benchmarks"),
    (v4([198, 51, 100, 0], 24), "for documentation"),
    (v4([203, 0, 113, 0], 24), "for documentation"),
];

const UNREACHABLE_V4: [(Ipv4Net, &str); 3] = [
    (v4([0, 0, 0, 0], 8), "\"this network\", which is no host"),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([240, 0, 0, 0], 4), "reserved or broadcast"),
];

const CLOSED_V6: [(Ipv6Net, &str); 6] = [
    (LOOPBACK_V6, "loopback, this machine itself"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "private"),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), "private (site-local)"),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), "a local translation to IPv4"),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "for documentation"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "for documentation"),
];

/// Tunnels stand here because they lead to an IPv4 address, which is to be named itself.
const UNREACHABLE_V6: [(Ipv6Net, &str); 6] = [
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 96), "unspecified, or an obsolete form of an IPv4 address"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), "a Teredo tunnel to an IPv4 address"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), "reserved for protocols"),
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), "a 6to4 tunnel to an IPv4 address"),
    (v6([0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16), "the former 6bone"),
];

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}
