//! Connections to receivers that are all made with the same TLS, and so never shared with those of another.
//!
//! awc looks at an idle connection only when the same receiver is called again, so those to receivers that are called no
//! more would be held for ever: the client as a whole is let go of once nothing was sent for a while.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use awc::Client;
use loghorn_domain::egress::Policy;

use crate::{names::Names, resolver::GuardedConnector};

/// How long an idle connection is kept for the next webhook.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long a client is used that is never idle.
const CLIENT_MAX: Duration = Duration::from_secs(600);

/// See the module. One belongs to one thread.
pub(crate) struct Channel {
    policy: Arc<Policy>,
    names: Rc<Names>,
    tls: Arc<rustls::ClientConfig>,
    /// Made when it is needed.
    client: RefCell<Option<Rc<Client>>>,
    under_way: Cell<usize>,
    /// Attempts begun since it was last looked at.
    begun: Cell<u64>,
    is_watched: Cell<bool>,
}

impl Channel {
    pub(crate) fn new(policy: Arc<Policy>, names: Rc<Names>, tls: Arc<rustls::ClientConfig>) -> Rc<Self> {
        let (client, under_way, begun, is_watched) =
            (RefCell::default(), Cell::default(), Cell::default(), Cell::default());
        Rc::new(Self { policy, names, tls, client, under_way, begun, is_watched })
    }

    /// An attempt begins.
    pub(crate) fn begin(self: &Rc<Self>) -> Attempting {
        self.under_way.set(self.under_way.get() + 1);
        self.begun.set(self.begun.get() + 1);
        self.watch();
        Attempting(self.clone())
    }

    /// What it sends with.
    pub(crate) fn client(&self) -> Rc<Client> {
        self.client.borrow_mut().get_or_insert_with(|| Rc::new(client(&self.policy, &self.names, &self.tls))).clone()
    }

    /// Lets go of idle connections once nothing was sent for [`KEEP_ALIVE`], and of every client after [`CLIENT_MAX`].
    /// The task ends when nothing is sent any more, and holds nothing of a channel that nobody else holds.
    fn watch(self: &Rc<Self>) {
        if self.is_watched.replace(true) {
            return;
        }
        // What begins now is no reason to go on.
        self.begun.set(0);
        let this = Rc::downgrade(self);
        actix_rt::spawn(async move {
            let mut age = Duration::ZERO;
            loop {
                tokio::time::sleep(KEEP_ALIVE).await;
                age += KEEP_ALIVE;
                let Some(this) = this.upgrade() else { break };
                let is_idle = this.begun.replace(0) == 0 && this.under_way.get() == 0;
                if is_idle || age >= CLIENT_MAX {
                    this.client.take();
                    age = Duration::ZERO;
                }
                if is_idle {
                    this.is_watched.set(false);
                    break;
                }
            }
        });
    }
}

/// An attempt under way; counted off also where it panics.
pub(crate) struct Attempting(Rc<Channel>);

impl Drop for Attempting {
    fn drop(&mut self) {
        self.0.under_way.set(self.0.under_way.get() - 1);
    }
}

/// A client with the guarded connector.
fn client(policy: &Arc<Policy>, names: &Rc<Names>, tls: &Arc<rustls::ClientConfig>) -> Client {
    // The deadline of an attempt is one, and ours; the connector's own only bound what is left behind.
    let longest = Duration::from_secs(120);
    let connector = awc::Connector::new()
        .connector(GuardedConnector::new(policy.clone(), names.clone()))
        .rustls_0_23(tls.clone())
        .timeout(longest)
        .handshake_timeout(longest)
        .conn_keep_alive(KEEP_ALIVE)
        // Our own windows bound the connections; awc's limit would be shared by all hosts.
        .limit(0);
    let builder = Client::builder().connector(connector).disable_redirects().disable_timeout();
    builder.no_default_headers().finish()
}
