//! A look at a receiver before its subscription is saved: one signed webhook, sent the way all others are.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use loghorn_domain::{
    Class, DeliveryId, Draft, EndpointNo, Event, EventId, Level, NewEvent, Origin, Problem, Seq, Subscription,
    Timestamp, delivery::Phases, event::Limits, secret::Secret, subscription::Spec,
};
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::{
    ChangeError, System, delivery,
    sender::{Report, Target, Webhook},
    tls,
};

/// What is checked has no queue.
const NOWHERE: EndpointNo = EndpointNo(0);

/// What a receiver made of it.
#[derive(Debug)]
pub struct Checked {
    /// How long it took.
    pub took: Duration,
    /// The parts of that.
    pub phases: Phases,
    /// What it came to.
    pub class: Class,
    /// The status code, if an answer came.
    pub status_code: Option<u16>,
    /// What went wrong, in words.
    pub error: Option<String>,
    /// The answer's headers.
    pub headers: Vec<(String, String)>,
    /// The beginning of its body.
    pub body: String,
    /// Until when the receiver's certificate is valid, also where it was refused; `None` where none was seen.
    pub certificate_until: Option<Timestamp>,
}

/// What signs a webhook that only looks.
#[derive(Debug)]
pub enum Signer {
    /// A secret that is drawn for it.
    Drawn,
    /// This one.
    Secret(Secret),
    /// Those of a saved subscription.
    Saved(Arc<Subscription>),
}

impl System {
    /// Sends one signed test webhook to the URL of `spec`, as a subscription with it would, also while dispatch is
    /// paused. Nothing of it is kept. `event`: what it carries; else a synthetic one.
    ///
    /// # Errors
    /// Such a subscription could not be saved either.
    pub async fn check(&self, spec: Spec, signer: Signer, event: Option<Event>) -> Result<Checked, ChangeError> {
        let (shared, now) = (&self.shared, self.clock().now());
        let known = match &signer {
            Signer::Saved(saved) => Some(&**saved),
            Signer::Drawn | Signer::Secret(_) => None,
        };
        let spec = shared.subscriptions.checked(spec, known)?;
        let new = |secret| Subscription::new(spec.clone(), NOWHERE, secret, Seq(0), now);
        let subscription = match signer {
            Signer::Drawn => new(shared.subscriptions.generated_secret()),
            Signer::Secret(secret) => new(secret),
            Signer::Saved(saved) => Subscription { spec, ..Subscription::clone(&saved) },
        };
        let event = match event {
            Some(event) => event,
            None => {
                let test = test_event(&subscription, now).map_err(|problem| ChangeError::Invalid(vec![problem]))?;
                Event::new(Seq(0), EventId::generated(now, 0, Seq(0)), test.head, test.tail)
            }
        };
        let webhook = Webhook {
            id: DeliveryId { received_at: now, endpoint: NOWHERE, seq: Seq(0) }.to_string(),
            origin: Origin::Test,
            traceparent: None,
            own: Vec::new(),
        };
        let seen = Seen::default();
        let report = match self.target(&subscription, &seen) {
            Ok(target) => match target.formatter.one(&event) {
                Ok(payload) => delivery::sender(shared).attempt(&target, &webhook, &payload).await,
                Err(why) => Report::unsent(Class::Template, why, now),
            },
            Err(why) => Report::unsent(Class::Blocked, why, now),
        };
        let Report { outcome, took, error, headers, body, phases, .. } = report;
        let (class, status_code) = (outcome.class, outcome.status_code);
        let certificate_until = seen.get().copied();
        Ok(Checked { took, phases, class, status_code, error, headers, body, certificate_until })
    }

    /// Over connections of its own, on which the certificate is looked at.
    fn target(&self, subscription: &Subscription, seen: &Seen) -> Result<Target, String> {
        let shared = &self.shared;
        let own = subscription.spec.tls.clone().unwrap_or_default();
        let watch = |inner| Arc::new(Watching { inner, seen: seen.clone() }) as Arc<dyn ServerCertVerifier>;
        let channel = delivery::sender(shared).own_channel(&shared.egress, shared.tls.watched(&own, watch)?);
        Ok(delivery::target_of(shared, subscription, NOWHERE)?.over(channel))
    }
}

/// A synthetic event for this subscription, marked as such.
pub(crate) fn test_event(subscription: &Subscription, now: Timestamp) -> Result<NewEvent, Problem> {
    let metadata = serde_json::json!({"test": true, "subscription_id": subscription.id});
    let draft = Draft {
        id: None,
        event_type: "loghorn.test".parse().map_err(|error| Problem::new("/event_type", format!("{error}")))?,
        level: Level::Info,
        source: "loghorn".into(),
        message: format!("Test event for the subscription {:?}", subscription.spec.name),
        metadata: serde_json::value::to_raw_value(&metadata).unwrap_or_default(),
        timestamp: None,
    };
    draft.seal(now, Limits::default())
}

/// Until when a certificate that was shown is valid.
type Seen = Arc<OnceLock<Timestamp>>;

/// Verifies as `inner` does, and takes note of how long the certificate is valid.
#[derive(Debug)]
struct Watching {
    inner: Arc<WebPkiServerVerifier>,
    seen: Seen,
}

impl ServerCertVerifier for Watching {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(until) = tls::valid_until(end_entity) {
            let _ = self.seen.set(until);
        }
        self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.inner.root_hint_subjects()
    }
}
