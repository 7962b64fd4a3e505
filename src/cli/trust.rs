//! Whom the command line trusts to be the server: by https only who is vouched for.

use std::{path::PathBuf, sync::Arc};

use loghorn_actors::tls;
use rustls::{
    CertificateError::{BadSignature, NotValidForName, NotValidForNameContext, UnknownIssuer},
    ClientConfig, Error,
};

use super::fail::{Exit, Fail};

/// TLS that trusts the authorities in this file, which something named, or else the platform's.
pub(super) fn config(cacert: Option<(PathBuf, String)>) -> Result<Arc<ClientConfig>, Fail> {
    let authorities = match cacert {
        None => tls::platform_authorities(),
        Some((path, origin)) => {
            let named = format!("It was named by {origin}.");
            let bytes = std::fs::read(&path).map_err(|error| Fail::file(&path, &error).why(&named))?;
            tls::authorities(&bytes).map_err(|error| {
                Fail::new(Exit::Error, format!("cannot use {}", path.display())).why(error.to_string()).why(&named)
            })?
        }
    };
    let config = tls::client(Arc::new(authorities), Arc::new(tls::Anonymous));
    config.map(Arc::new).map_err(|error| Fail::new(Exit::Error, "no TLS can be made").why(error.to_string()))
}

/// What to do where TLS with the server at `address` fails.
pub(super) fn remedy(error: &Error, address: &str) -> String {
    match error {
        Error::InvalidCertificate(UnknownIssuer | BadSignature) => {
            "Name the authority that made the certificate, if you trust it:  --cacert FILE".into()
        }
        Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
            "Call the server by a name that its certificate bears:  --server URL".into()
        }
        Error::InvalidMessage(_) => format!("If it speaks no TLS:  --server {}", address.replacen("https", "http", 1)),
        _ => "Look at the server's certificate and at this machine's clock.".into(),
    }
}
