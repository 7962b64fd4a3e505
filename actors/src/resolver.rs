//! The connector of every delivery: it resolves the name, drops each address that the egress policy does not allow,
//! and connects to what is left. Checked anew at every connect, so that a name that points elsewhere later finds
//! nothing open.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use awc::http::Uri;
use futures_util::future::LocalBoxFuture;
use loghorn_domain::egress::{Policy, Refusal};
use tokio::net::TcpStream;

use crate::{
    names::{Names, Unresolved},
    phases,
};

/// Most addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;

/// How long one of several addresses may take before the next is tried.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(3);

/// Every address of the target is refused.
#[derive(Debug)]
pub(crate) struct Blocked(pub(crate) Refusal);

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.0.detail, self.0.remedy)
    }
}

impl std::error::Error for Blocked {}

/// See the module.
#[derive(Clone)]
pub(crate) struct GuardedConnector {
    policy: Arc<Policy>,
    names: Rc<Names>,
}

impl GuardedConnector {
    pub(crate) fn new(policy: Arc<Policy>, names: Rc<Names>) -> Self {
        Self { policy, names }
    }
}

impl Service<ConnectInfo<Uri>> for GuardedConnector {
    type Response = Connection<Uri, TcpStream>;
    type Error = ConnectError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&self, info: ConnectInfo<Uri>) -> Self::Future {
        let this = self.clone();
        let uri = info.request().clone();
        Box::pin(async move {
            let stream = connect(&this.policy, &this.names, &uri).await?;
            Ok(Connection::new(uri, stream))
        })
    }
}

pub(crate) async fn connect(policy: &Policy, names: &Names, uri: &Uri) -> Result<TcpStream, ConnectError> {
    let is_https = uri.scheme_str() == Some("https");
    let mut failure = None;
    phases::connecting();
    let found = resolve(names, uri, is_https).await?;
    // Its own address is what it stands for.
    let is_receiver = policy.is_receiver(&uri.to_string());
    let addresses = if is_receiver { found } else { allowed(policy, found, is_https)? };
    let last = addresses.len() - 1;
    for (n, address) in addresses.into_iter().enumerate() {
        let connecting = TcpStream::connect(address);
        let connected = match n == last {
            // It has all the time that the attempt has.
            true => connecting.await,
            false => {
                tokio::time::timeout(ADDRESS_TIMEOUT, connecting).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()))
            }
        };
        match connected {
            Ok(stream) => {
                // What the kernel connected to is what counts.
                let peer = stream.peer_addr().map_err(ConnectError::Io)?;
                if !is_receiver {
                    let local = stream.local_addr().map_err(ConnectError::Io)?;
                    policy.check_connection(peer, local.ip(), is_https).map_err(blocked)?;
                }
                stream.set_nodelay(true).map_err(ConnectError::Io)?;
                phases::connected();
                return Ok(stream);
            }
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.map_or(ConnectError::NoRecords, ConnectError::Io))
}

async fn resolve(names: &Names, uri: &Uri, is_https: bool) -> Result<Vec<SocketAddr>, ConnectError> {
    let host = uri.host().unwrap_or_default();
    let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    phases::resolving();
    let found = names.lookup(host).await;
    phases::resolved();
    let unresolved = |error: Unresolved| ConnectError::Resolver(Box::new(error));
    Ok(found.map_err(unresolved)?.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
}

/// The addresses that may be connected to; refused if there are some and none of them may.
fn allowed(policy: &Policy, found: Vec<SocketAddr>, is_https: bool) -> Result<Vec<SocketAddr>, ConnectError> {
    let mut refusal = None;
    let mut allowed = Vec::new();
    for address in found {
        match policy.check_address(address, is_https) {
            Ok(()) if allowed.len() < ADDRESSES_MAX => allowed.push(address),
            Ok(()) => {}
            Err(refused) => refusal = Some(refused),
        }
    }
    match refusal {
        Some(refusal) if allowed.is_empty() => Err(blocked(refusal)),
        _ if allowed.is_empty() => Err(ConnectError::NoRecords),
        _ => Ok(allowed),
    }
}

fn blocked(refusal: Refusal) -> ConnectError {
    ConnectError::Resolver(Box::new(Blocked(refusal)))
}
