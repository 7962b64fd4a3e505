//! What may be reached and sent: the collected attacks, and the rules behind them.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use loghorn_domain::egress::{Policy, check_headers};

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    kind: String,
    url: String,
    expect: String,
}

fn cases(kind: &str) -> Vec<Case> {
    let cases: Vec<Case> = serde_json::from_str(include_str!("attack_cases.json")).unwrap();
    let cases: Vec<Case> = cases.into_iter().filter(|case| case.kind == kind).collect();
    assert!(!cases.is_empty());
    cases
}

fn opening(ranges: &[&str]) -> Policy {
    Policy { allow_private: ranges.iter().map(|range| range.parse().unwrap()).collect(), ..Policy::default() }
}

/// What is refused must be refused for its own sake, not for being plain http.
fn policies() -> [Policy; 2] {
    [Policy::default(), Policy { allow_http: true, ..Policy::default() }]
}

fn may_connect(policy: &Policy, address: &str, is_https: bool) -> bool {
    let result = match address.parse::<SocketAddr>() {
        Ok(address) => policy.check_address(address, is_https),
        Err(_) => policy.check_address((address.parse::<IpAddr>().unwrap(), 443).into(), is_https),
    };
    if let Err(refusal) = &result {
        assert!(!refusal.detail.is_empty() && !refusal.remedy.is_empty());
    }
    result.is_ok()
}

#[test]
fn collected_urls_get_what_they_must() {
    for Case { name, url, expect, .. } in cases("url") {
        match expect.as_str() {
            "allow" => {
                let checked = policies()[1].check_url(&url).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
                let seen: http::Uri = checked.as_str().parse().unwrap();
                assert_eq!(seen.host(), checked.host_str(), "{name}: another parser sees another host");
            }
            "reject_syntax" | "reject_create" => {
                for policy in policies() {
                    assert!(policy.check_url(&url).is_err(), "{name}: {url} must be refused");
                }
            }
            other => panic!("{name}: unknown expectation {other}"),
        }
    }
}

#[test]
fn collected_answers_of_name_servers_leave_only_public_addresses() {
    for Case { name, url, expect, .. } in cases("dns") {
        let addresses: Vec<IpAddr> = url.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
        let public = |ip: &IpAddr| ip.to_string() == "93.184.216.34";
        assert!(addresses.iter().any(|ip| !public(ip)), "{name} {expect}: nothing to refuse");
        for ip in addresses {
            for is_https in [true, false] {
                assert_eq!(may_connect(&policies()[1], &ip.to_string(), is_https), public(&ip), "{name}: {ip}");
            }
        }
    }
}

#[test]
fn collected_headers_are_refused() {
    for Case { name, url, .. } in cases("header") {
        let text = url.replace("\\r", "\r").replace("\\n", "\n");
        let (header, value) = text.split_once(": ").unwrap();
        let problem = check_headers(&BTreeMap::from([(header.into(), value.into())]));
        assert!(problem.is_err_and(|problem| problem.pointer.starts_with("/headers/")), "{name}");
    }
}

#[test]
fn addresses_are_an_allow_list() {
    let public = [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "172.15.0.1",
        "172.32.0.1",
        "169.253.1.1",
        "192.0.1.1",
        "198.17.1.1",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450::1",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2003::1",
        "2606:4700:5efe::1",
        "::ffff:1.1.1.1",
        "64:ff9b::1.1.1.1",
    ];
    for address in public {
        assert!(may_connect(&Policy::default(), address, true), "{address}");
        assert!(!may_connect(&Policy::default(), address, false), "{address} over plain http");
        assert!(may_connect(&policies()[1], address, false), "{address} over plain http, allowed");
    }
    let refused = [
        "0.0.0.0",
        "0.1.2.3",
        "10.1.2.3",
        "100.64.0.1",
        "100.127.255.255",
        "127.9.9.9",
        "169.254.1.1",
        "172.20.0.1",
        "192.0.0.1",
        "192.168.0.1",
        "168.63.129.16",
        "192.0.2.1",
        "198.19.255.255",
        "224.0.0.1",
        "239.1.1.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:10.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::1",
        "100::1",
        "1fff::1",
        "4000::1",
        "2001::1",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2606:4700::5efe:127.0.0.1",
        "2606:4700::200:5efe:7f00:1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3ffe::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
    ];
    for address in refused {
        assert!(!may_connect(&policies()[1], address, true), "{address}");
    }
}

#[test]
fn a_range_is_opened_by_naming_it_and_then_for_plain_http_too() {
    let policy = opening(&["10.0.0.0/8", "fd12::/16", "127.0.0.0/8"]);
    for address in ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "fd12::1", "127.0.0.1"] {
        assert!(may_connect(&policy, address, true) && may_connect(&policy, address, false), "{address}");
    }
    for address in ["192.168.0.1", "fd13::1", "::1", "169.254.169.254"] {
        assert!(!may_connect(&policy, address, true), "{address}");
    }
    assert!(!may_connect(&policy, "1.1.1.1", false), "plain http stays closed to public addresses");
    let refusal = Policy::default().check_url("https://10.9.9.9/hook").unwrap_err();
    assert!(refusal.remedy.contains("--allow-private 10.0.0.0/8"), "{}", refusal.remedy);
}

#[test]
fn link_local_and_metadata_are_opened_only_by_name() {
    let everything = opening(&["0.0.0.0/0", "::/0"]);
    for address in [
        "169.254.169.254",
        "169.254.1.1",
        "168.63.129.16",
        "100.100.100.200",
        "fe80::1",
        "fd00:ec2::254",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "255.255.255.255",
        "ff02::1",
        "2002:7f00:1::",
        "2001::1",
        "fd12::5efe:127.0.0.1",
    ] {
        assert!(!may_connect(&everything, address, true), "{address}");
    }
    let link_local = opening(&["169.254.0.0/16", "fe80::/10"]);
    assert!(may_connect(&link_local, "169.254.1.1", true) && may_connect(&link_local, "fe80::1", true));
    assert!(!may_connect(&link_local, "169.254.169.254", true), "metadata wants its very address");
    assert!(may_connect(&opening(&["169.254.169.254/32"]), "169.254.169.254", false));
}

#[test]
fn loghorn_itself_is_never_a_target() {
    let mut policy = opening(&["127.0.0.0/8", "::1/128"]);
    policy.own = vec!["127.0.0.1:8000".parse().unwrap(), "0.0.0.0:9000".parse().unwrap()];
    for address in ["127.0.0.1:8000", "[::ffff:127.0.0.1]:8000", "127.0.0.1:9000", "127.1.2.3:9000", "[::1]:9000"] {
        assert!(!may_connect(&policy, address, false), "{address}");
    }
    for address in ["127.0.0.1:8001", "[::1]:8000"] {
        assert!(may_connect(&policy, address, false), "{address}");
    }
    assert!(policy.check_url("http://127.1:8000/hook").is_err());
    assert!(policy.check_url("http://localhost:8001/hook").is_ok());
}

#[test]
fn private_names_are_open_once_a_range_is() {
    let names = ["http://billing/hook", "http://nas.local/", "https://ci.corp.internal./x", "http://box.lan/"];
    for url in names {
        assert!(policies()[1].check_url(url).is_err(), "{url}");
        assert!(opening(&["10.0.0.0/8"]).check_url(url).is_ok(), "{url}");
    }
    assert!(opening(&["10.0.0.0/8"]).check_url("http://localhost/").is_err());
    assert!(opening(&["127.0.0.1/32"]).check_url("http://app.localhost:3000/").is_ok());
    let refusal = Policy::default().check_url("http://example.com/").unwrap_err();
    assert!(refusal.remedy.contains("--allow-http"), "{}", refusal.remedy);
    assert!(policies()[1].check_url("https://internal.example.com/").is_ok());
}

#[test]
fn only_one_spelling_is_handed_on() {
    let checked = |url: &str| Policy::default().check_url(url).map(String::from);
    assert_eq!(checked("HTTPS://EXAMPLE.com:443/a/../b?q=ü#part").unwrap(), "https://example.com/b?q=%C3%BC");
    assert_eq!(checked("https://bücher.example/").unwrap(), "https://xn--bcher-kva.example/");
    assert_eq!(checked("https://example.com./").unwrap(), "https://example.com./");
    for same in
        ["https://example.com:/", "https://example.com:00443/", "https://ＥＸＡＭＰＬＥ．com", "https://ex%61mple.com/"]
    {
        assert_eq!(checked(same).unwrap(), "https://example.com/", "{same}");
    }
    for (written, sent) in [
        ("https://example.com#@127.0.0.1/", "https://example.com/"),
        ("https://example.com?@127.0.0.1/", "https://example.com/?@127.0.0.1/"),
        ("https://example.com/@127.0.0.1/", "https://example.com/@127.0.0.1/"),
        ("https://example.com/%0d%0aHost:%20a", "https://example.com/%0d%0aHost:%20a"),
    ] {
        assert_eq!(checked(written).unwrap(), sent);
    }
    let long = format!("https://example.com/{}", "ü".repeat(1000));
    for url in [
        "https://@example.com/",
        "https://:443/",
        "https://./",
        "https://a..b.com/",
        "https://ex*mple.com/",
        "https://example.com/a b",
        "https://example.com/\u{a0}",
        "https://exa\tmple.com/",
        "https://?x",
        "https://[fe80::1%25eth0]/",
        "https://2130706433/",
        "https://127.1/",
        "https://127.0.0.1.:443/",
        "https://0x7f.1/",
        "https://00000000177.1/",
        "https://127.0.0.1%2e/",
        "https://１２７.０.０.１/",
        "https://127｡0｡0｡1/",
        "https://127．0．0．1/",
        "https://[::127.0.0.1]/",
        "https://[0:0:0:0:0:FFFF:7f00:1]/",
        "https://[64:ff9b::127.0.0.1]/",
        "https://[2606:4700::5efe:127.0.0.1]/",
        "https://localhost../",
        "https://ⓛocalhost/",
        "https://local\u{ad}host/",
        "https://localhoﬆ/",
        "https://LOCALHOST%2e/",
        "https://a.LocalHost/",
        "https://1.2.3.4.5/",
        "https://256.1.1.1/",
        "https://4294967296/",
        "https://example.0x1/",
        "https://xn--/",
        "https://xn--a.example/",
        "https://exam％70le.com%00/",
        "https://example.com%2f@127.0.0.1/",
        "https://example.com:443:80/",
        "https://example.com:+443/",
        "https://example.com:４４３/",
        "https://example.com:00022/",
        "https:///example.com/",
        "https:example.com",
        "https:/\\example.com",
        "https://example.com\u{2028}/",
        "\u{feff}https://example.com/",
        "ｈttps://example.com/",
        long.as_str(),
    ] {
        assert!(checked(url).is_err(), "{url}");
    }
    for port in [22, 25, 3306, 5432, 6379, 11211, 27017] {
        assert!(checked(&format!("https://example.com:{port}/")).is_err(), "{port}");
    }
    for port in [80, 443, 3000, 8000, 8080, 8443, 9000] {
        assert!(checked(&format!("https://example.com:{port}/")).is_ok(), "{port}");
    }
}

#[test]
fn headers_are_kept_within_bounds() {
    let check = |name: &str, value: &str| check_headers(&BTreeMap::from([(name.to_owned(), value.to_owned())]));
    for (name, value) in
        [("X-Team", "payments, \t~"), ("Authorization", "Bearer x"), ("X-Empty", ""), ("X-Metadata-Team", "a")]
    {
        assert_eq!(check(name, value), Ok(()), "{name}");
    }
    for name in [
        "HOST",
        "Content-length",
        "Webhook-Id",
        "Proxy-Authorization",
        "Metadata-Flavor",
        "Metadata",
        "TE",
        "X-aws-ec2-metadata-token",
        "X-aws-ec2-metadata-token-ttl-seconds",
        "X-Google-Metadata-Request",
        "",
        "X Y",
        "X:Y",
        "Ü",
    ] {
        assert!(check(name, "1").is_err(), "{name}");
    }
    for value in ["a\0", "a\rb", "a\nb", "é", "\u{7f}"] {
        assert!(check("X-A", value).is_err(), "{value:?}");
    }
    assert_eq!(check("X~a/b", "1").unwrap_err().pointer, "/headers/X~0a~1b");
    let both = BTreeMap::from([("X-A".to_owned(), String::new()), ("x-a".to_owned(), String::new())]);
    assert!(check_headers(&both).is_err());
    let many = (0..65).map(|n| (format!("X-{n}"), String::new())).collect();
    assert_eq!(check_headers(&many).unwrap_err().pointer, "/headers");
    assert!(check("X-Long", &"a".repeat(8192)).is_err());
}

#[test]
fn where_it_listens_everywhere_no_address_of_this_machine_is_a_target() {
    let policy = Policy { own: vec!["0.0.0.0:8443".parse().unwrap()], ..Policy::default() };
    let check = |peer: &str, local: &str| policy.check_connection(peer.parse().unwrap(), local.parse().unwrap(), true);
    assert!(check("203.0.113.7:8443", "203.0.113.7").is_err());
    assert!(check("[::ffff:8.8.4.4]:8443", "8.8.4.4").is_err());
    assert_eq!(check("8.8.8.8:8443", "8.8.4.4"), Ok(()));
    assert_eq!(check("8.8.8.8:443", "8.8.8.8"), Ok(()), "somebody else listens there");
}
