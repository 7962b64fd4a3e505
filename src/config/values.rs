//! Values of settings as people write them: read into their place, or what was expected instead.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;
use loghorn_actors::NAMESERVERS_MAX;

pub(super) fn set<T: std::str::FromStr>(place: &mut T, text: &str, expected: &str) -> Result<(), String> {
    *place = text.parse().map_err(|_| format!("expected {expected}"))?;
    Ok(())
}

pub(super) fn file(place: &mut Option<PathBuf>, text: &str) -> Result<(), String> {
    *place = Some(text.into());
    Ok(())
}

pub(super) fn positive<T: std::str::FromStr + PartialOrd + From<u8>>(place: &mut T, text: &str) -> Result<(), String> {
    let number: T = text.parse().map_err(|_| "expected a whole number".to_owned())?;
    if number < T::from(1) {
        return Err("expected at least 1".into());
    }
    *place = number;
    Ok(())
}

pub(super) fn list(place: &mut Vec<String>, text: &str, _: &str) -> Result<(), String> {
    *place = text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect();
    Ok(())
}

pub(super) fn networks(place: &mut Vec<IpNet>, text: &str) -> Result<(), String> {
    let network = |item: &str| {
        let single = || item.parse::<IpAddr>().map(IpNet::from);
        item.parse().or_else(|_| single()).map_err(|_| format!("{item:?}: expected a range such as 10.0.0.0/8"))
    };
    *place = text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(network).collect::<Result<_, _>>()?;
    Ok(())
}

pub(super) fn nameservers(place: &mut Vec<SocketAddr>, text: &str) -> Result<(), String> {
    let server = |item: &str| {
        let bare = || item.parse::<IpAddr>().map(|ip| (ip, 53).into());
        item.parse().or_else(|_| bare()).map_err(|_| format!("{item:?}: expected an address such as 10.0.0.53:53"))
    };
    let servers = text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(server);
    let servers: Vec<SocketAddr> = servers.collect::<Result<_, _>>()?;
    if servers.len() > NAMESERVERS_MAX {
        return Err(format!("expected at most {NAMESERVERS_MAX} name servers"));
    }
    *place = servers;
    Ok(())
}

/// Exact ones alone: whoever may send is to be named.
pub(super) fn origins(place: &mut Vec<String>, text: &str) -> Result<(), String> {
    let origin = |item: &str| {
        let expected =
            || format!("{item:?}: expected an origin such as https://app.example.com; there are no wildcards");
        let is_web = |url: &url::Url| matches!(url.scheme(), "http" | "https") && !item.contains('*');
        let url: url::Url = item.parse().ok().filter(is_web).ok_or_else(expected)?;
        let origin = url.origin().ascii_serialization();
        if origin != item { Err(format!("{item:?}: browsers write this origin as {origin}")) } else { Ok(origin) }
    };
    *place = text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(origin).collect::<Result<_, _>>()?;
    Ok(())
}

pub(super) fn base_url(place: &mut String, text: &str) -> Result<(), String> {
    // Nobody's password: settings are shown.
    let is_plain = |url: &url::Url| url.username().is_empty() && url.password().is_none() && url.query().is_none();
    let is_web = |url: &url::Url| matches!(url.scheme(), "http" | "https") && url.has_host() && is_plain(url);
    let url = text.parse().ok().filter(is_web).ok_or("expected a URL such as https://loghorn.example.com")?;
    *place = String::from(url).trim_end_matches('/').to_owned();
    Ok(())
}

pub(super) fn span(place: &mut Duration, text: &str) -> Result<(), String> {
    *place = humantime::parse_duration(text).map_err(|_| "expected a duration such as 10s, 5m or 24h".to_owned())?;
    Ok(())
}

/// A size: `256KiB`, `64MiB`, `1GiB`, or bytes.
pub(super) fn bytes(place: &mut usize, text: &str) -> Result<(), String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let factor: usize = match text[digits.len()..].trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("expected a size such as 256KiB or 64MiB".into()),
    };
    let number: usize = digits.parse().map_err(|_| "expected a size such as 256KiB or 64MiB".to_owned())?;
    *place = number.checked_mul(factor).filter(|size| *size > 0).ok_or("out of range")?;
    Ok(())
}

/// `80%`, or `80`: 1 to 100.
pub(super) fn percent(place: &mut u8, text: &str) -> Result<(), String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim().parse().ok().filter(|number| (1..=100).contains(number));
    *place = number.ok_or("expected a share such as 80%, 1% to 100%")?;
    Ok(())
}
