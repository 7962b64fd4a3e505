//! Certificates for receivers and servers: an authority of its own for each test, which somebody is told to trust.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName},
    server::WebPkiClientVerifier,
};

/// A certificate authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
pub struct Pair {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    /// All of these have the same name.
    pub fn new() -> Self {
        Self::named("an authority")
    }

    pub fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Writes it where `SSL_CERT_FILE` or `--cacert` can name it.
    pub fn write(&self, path: &Path) {
        std::fs::write(path, self.pem()).unwrap();
    }

    /// A certificate for `name` that is valid until this day.
    pub fn issue(&self, name: &str, until: (i32, u8, u8)) -> Pair {
        let (params, key) = (leaf(name, until), KeyPair::generate().unwrap());
        Pair { certificate: params.signed_by(&key, &self.0).unwrap(), key }
    }

    /// A server with a certificate for `name` that is valid until the end of `year`.
    pub fn certify(&self, name: &str, year: i32) -> Arc<ServerConfig> {
        self.issue(name, (year, 12, 31)).server(None)
    }

    pub fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        Arc::new(roots)
    }

    /// A client that trusts nobody else.
    pub fn client(&self) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        Arc::new(builder.with_root_certificates(self.roots()).with_no_client_auth())
    }
}

impl Pair {
    pub fn chain(&self) -> String {
        self.certificate.pem()
    }

    pub fn key(&self) -> String {
        self.key.serialize_pem()
    }

    pub fn der(&self) -> CertificateDer<'static> {
        self.certificate.der().clone()
    }

    /// Writes both into `folder`, the key for its owner alone; where they are.
    pub fn write(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let (chain, key) = (folder.join("tls.crt"), folder.join("tls.key"));
        std::fs::write(&chain, self.chain()).unwrap();
        super::write_private(&key, &self.key());
        (chain, key)
    }

    /// A server that shows it; where `clients` is given, to those alone who have a certificate of theirs.
    pub fn server(&self, clients: Option<&Authority>) -> Arc<ServerConfig> {
        self.server_of(rustls::DEFAULT_VERSIONS, clients)
    }

    /// The same, of these versions alone.
    pub fn server_of(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        clients: Option<&Authority>,
    ) -> Arc<ServerConfig> {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone());
        let builder = builder.with_protocol_versions(versions).unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(clients.roots(), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let key: PrivateKeyDer = PrivatePkcs8KeyDer::from(self.key.serialize_der()).into();
        Arc::new(builder.with_single_cert(vec![self.der()], key).unwrap())
    }
}

/// A server with a certificate that nobody vouches for.
pub fn self_signed(name: &str) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    Pair { certificate: leaf(name, (2099, 12, 31)).self_signed(&key).unwrap(), key }.server(None)
}

/// The certificate that is shown there to whoever connects now.
pub async fn shown(addr: std::net::SocketAddr, trust: Arc<ClientConfig>) -> CertificateDer<'static> {
    let stream = tokio::net::TcpStream::connect(addr).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = tokio_rustls::TlsConnector::from(trust).connect(name, stream).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

fn leaf(name: &str, (year, month, day): (i32, u8, u8)) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(year, month, day);
    params
}
