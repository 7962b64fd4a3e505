//! TLS towards one receiver: what its subscription says of it, checked when it is saved and made into settings here.

use std::sync::Arc;

use loghorn_domain::{Problem, Timestamp, subscription::Spec, tls::Tls};
use rustls::{
    ClientConfig, RootCertStore, SignatureScheme,
    client::{ResolvesClientCert, Resumption, WebPkiServerVerifier, danger::ServerCertVerifier},
    sign::CertifiedKey,
};

use crate::{
    phases,
    tls::{self, Identity},
};

/// Sessions that are kept for a receiver, so that its next connection is cheaper.
const SESSIONS_MAX: usize = 8;

/// What all deliveries share.
pub(crate) struct Trust {
    authorities: Arc<RootCertStore>,
    /// For every subscription that has no TLS of its own.
    pub(crate) common: Arc<ClientConfig>,
}

impl Trust {
    /// The platform's authorities, and nobody in particular.
    pub(crate) fn of_the_platform() -> Result<Self, rustls::Error> {
        let authorities = Arc::new(tls::platform_authorities());
        let common = Arc::new(tls::client(authorities.clone(), Arc::new(Shown(None)))?);
        Ok(Self { authorities, common })
    }

    /// The settings of a subscription's own; in words, why there can be none.
    pub(crate) fn own(&self, own: &Tls) -> Result<Arc<ClientConfig>, String> {
        let mut config = config(own, self.trusted(own)?)?;
        config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
        Ok(Arc::new(config))
    }

    /// The same, verified by what `watch` makes of the usual verifier.
    pub(crate) fn watched(
        &self,
        own: &Tls,
        watch: impl FnOnce(Arc<WebPkiServerVerifier>) -> Arc<dyn ServerCertVerifier>,
    ) -> Result<Arc<ClientConfig>, String> {
        let authorities = self.trusted(own)?;
        let usual = WebPkiServerVerifier::builder_with_provider(authorities.clone(), tls::provider()).build();
        let mut config = config(own, authorities)?;
        config.resumption = Resumption::disabled();
        config.dangerous().set_certificate_verifier(watch(usual.map_err(|error| error.to_string())?));
        Ok(Arc::new(config))
    }

    fn trusted(&self, own: &Tls) -> Result<Arc<RootCertStore>, String> {
        match &own.ca {
            None => Ok(self.authorities.clone()),
            Some(pem) => Ok(Arc::new(tls::authorities(pem.as_bytes()).map_err(|error| format!("tls.ca: {error}"))?)),
        }
    }
}

fn config(own: &Tls, authorities: Arc<RootCertStore>) -> Result<ClientConfig, String> {
    let identity = identity(own).transpose().map_err(|error| format!("tls.certificate: {error}"))?;
    let shown = Shown(identity.map(|identity| identity.certified));
    tls::client(authorities, Arc::new(shown)).map_err(|error| error.to_string())
}

fn identity(own: &Tls) -> Option<Result<Identity, tls::PemError>> {
    let (certificate, key) = (own.certificate.as_ref()?, own.key.as_ref()?);
    Some(Identity::read(certificate.as_bytes(), key.reveal().as_bytes()))
}

/// What is wrong with the TLS of a subscription that is to be saved. `now`: the certificate must still be valid then.
pub(crate) fn problems(spec: &Spec, now: Option<Timestamp>) -> Vec<Problem> {
    let Some(own) = spec.tls.as_ref().filter(|own| !own.is_empty()) else { return Vec::new() };
    let mut problems = Vec::new();
    if let Some(Err(error)) = own.ca.as_ref().map(|pem| tls::authorities(pem.as_bytes())) {
        problems.push(Problem::new("/tls/ca", error.to_string()));
    }
    match identity(own) {
        None => {}
        Some(Err(error)) => {
            let pointer = if error.is_of_key() { "/tls/key" } else { "/tls/certificate" };
            problems.push(Problem::new(pointer, error.to_string()));
        }
        Some(Ok(identity)) if now.is_some_and(|now| identity.not_after <= now) => {
            problems.push(Problem::new("/tls/certificate", format!("it expired at {}", identity.not_after)));
        }
        Some(Ok(_)) => {}
    }
    let mut urls = spec.regions.iter().flat_map(|regions| regions.urls.values()).chain([&spec.url]);
    if urls.any(|url| url.starts_with("http:")) {
        problems.push(Problem::new("/tls", "it is for https, and a URL of this subscription is http"));
    }
    problems
}

/// Who we are to a receiver that asks: its subscription's own, or nobody.
#[derive(Debug)]
struct Shown(Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        phases::asked_who_we_are();
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}
