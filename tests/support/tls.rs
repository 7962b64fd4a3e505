//! Certificates for receivers: an authority of its own for each test, which the server is told to trust.

use std::{path::Path, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivatePkcs8KeyDer};

/// A certificate authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Writes it where `SSL_CERT_FILE` can name it.
    pub fn write(&self, path: &Path) {
        std::fs::write(path, self.0.pem()).unwrap();
    }

    /// A certificate for `name` that is valid until the end of `year`.
    pub fn certify(&self, name: &str, year: i32) -> Arc<ServerConfig> {
        let (params, key) = (leaf(name, year), KeyPair::generate().unwrap());
        let certificate = params.signed_by(&key, &self.0).unwrap();
        config(&certificate, &key)
    }
}

/// A certificate that nobody vouches for.
pub fn self_signed(name: &str) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    config(&leaf(name, 2099).self_signed(&key).unwrap(), &key)
}

fn leaf(name: &str, year: i32) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(year, 12, 31);
    params
}

fn config(certificate: &rcgen::Certificate, key: &KeyPair) -> Arc<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    Arc::new(builder.with_single_cert(vec![certificate.der().clone()], key).unwrap())
}
