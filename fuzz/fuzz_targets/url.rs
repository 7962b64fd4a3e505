//! Any text as a webhook's URL: it is refused in words, or every parser sees the same host in what is kept, and that
//! host is one that the policy allows.
#![no_main]

use std::{
    net::{IpAddr, SocketAddr},
    sync::LazyLock,
};

use libfuzzer_sys::fuzz_target;
use loghorn_domain::egress::Policy;
use url::{Host, Position};

/// From closed to open.
static POLICIES: LazyLock<Vec<Policy>> = LazyLock::new(|| {
    let of = |ranges: &[&str], allow_http| Policy {
        allow_private: ranges.iter().map(|range| range.parse().unwrap()).collect(),
        allow_http,
        own: vec!["127.0.0.1:8000".parse().unwrap()],
        ..Policy::default()
    };
    vec![of(&[], false), of(&[], true), of(&["10.0.0.0/8", "fd00::/8"], false), of(&["127.0.0.0/8", "::1/128"], true)]
});

/// Whether nobody on earth would call it public; simpler than the policy's own tables.
fn is_inside(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_broadcast()
                || ip.is_multicast()
                || ip.is_documentation()
                || ip.octets() == [168, 63, 129, 16]
                || (ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64)
        }
        IpAddr::V6(ip) => {
            let embedded = |at: usize| {
                let o = ip.octets();
                is_inside(IpAddr::from([o[at], o[at + 1], o[at + 2], o[at + 3]]))
            };
            match ip.segments() {
                [0x64, 0xff9b, 0, 0, 0, 0, _, _] => embedded(12),
                [0x2002, ..] => embedded(2),
                [first, ..] => first & 0xe000 != 0x2000,
            }
        }
    }
}

/// As `inet_aton` and with it many resolvers read numbers: the last label decides.
fn is_numeric(name: &str) -> bool {
    let last = name.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let hex = last.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
    hex || (!last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()))
}

fuzz_target!(|text: &str| {
    for (n, policy) in POLICIES.iter().enumerate() {
        let url = match policy.check_url(text) {
            Ok(url) => url,
            Err(refusal) => {
                assert!(!refusal.detail.is_empty() && !refusal.remedy.is_empty());
                continue;
            }
        };
        let kept = url.as_str();
        assert!(kept.is_ascii() && kept.len() <= 2048, "{text:?}: {kept}");
        let again = policy.check_url(kept).unwrap_or_else(|refusal| panic!("{text:?}: {kept}: {refusal}"));
        assert_eq!(again, url);
        // What the client is given.
        let uri: http::Uri = kept.parse().unwrap_or_else(|error| panic!("{text:?}: {kept}: {error}"));
        assert_eq!((uri.scheme_str(), uri.host()), (Some(url.scheme()), url.host_str()), "{text:?}");
        assert_eq!(uri.port_u16(), url.port(), "{text:?}");
        assert_eq!(uri.path_and_query().unwrap().as_str(), &url[Position::BeforePath..], "{text:?}");
        assert!(url.username().is_empty() && url.password().is_none() && !kept.contains('#'), "{text:?}");
        assert_ne!(url.port_or_known_default(), Some(0));
        match url.host().unwrap() {
            Host::Domain(name) => {
                assert!(!is_numeric(name) && name.parse::<IpAddr>().is_err(), "{text:?}: {name}");
                assert!(n == 3 || !format!(".{}", name.trim_end_matches('.')).ends_with(".localhost"), "{text:?}");
            }
            Host::Ipv4(ip) => assert_allowed(policy, n, ip.into(), &url),
            Host::Ipv6(ip) => assert_allowed(policy, n, ip.into(), &url),
        }
    }
});

fn assert_allowed(policy: &Policy, n: usize, ip: IpAddr, url: &url::Url) {
    let address = SocketAddr::new(ip, url.port_or_known_default().unwrap());
    policy.check_address(address, url.scheme() == "https").unwrap();
    assert!(n > 1 || !is_inside(ip), "{url}");
    let is_opened = |ip: IpAddr| policy.allow_private.iter().any(|net| net.contains(&ip));
    let inner = match ip.to_canonical() {
        IpAddr::V6(v6) if v6.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0] => {
            let [.., a, b, c, d] = v6.octets();
            IpAddr::from([a, b, c, d])
        }
        ip => ip,
    };
    assert!(!is_inside(ip) || is_opened(inner), "{url}");
}
