//! A delivery actor: works off one endpoint's queue.
//!
//! **Owns** the endpoint's [`Machine`], its timer and the payloads of what is due. It decides nothing: it tells the
//! machine what happened and carries out the effects. **Capacity**: the machine bounds what is held; the mailbox only
//! gets coalescing nudges and the answers to what the actor itself asked for. **Messages**: [`Fresh`], [`Rewound`],
//! [`Reconfigure`], [`Drain`], [`Stop`]. A new actor knows nothing and reads its queue, so a crash loses nothing.

mod attempts;
mod batches;
mod digests;

use std::{rc::Rc, sync::Arc, time::Duration};

use actix::prelude::*;
use loghorn_domain::{
    EndpointNo, Event, Origin, Seq, Subscription, Timestamp,
    breaker::{self, Circuit},
    delivery::Entry,
    machine::{Disabling, Effect, Input, Machine, Settings},
    notice::{Announced, Cause, Notice, Subject},
    retry::Dice,
    subscription::{OnRecovery, Ordering, State},
};
use loghorn_storage::{Error as StoreError, Queued, Stretch};

use rustc_hash::FxHashMap;
use tokio::task::JoinHandle;

use self::attempts::Finished;
use crate::{
    CircuitChange,
    directory::Live,
    feed::{Change, Said},
    places::Places,
    sender::{Report, Sender, Target},
    settler::Settler,
    shared::Shared,
    supervisor::Guard,
};

/// Payloads up to this size are kept while their delivery is due; larger ones are read again for the attempt.
const KEPT_PAYLOAD_BYTES_MAX: usize = 16 * 1024;
/// The longest the timer sleeps before it looks at the clock again.
const SLEEP_MAX: Duration = Duration::from_secs(60);
/// Why a subscription was disabled whose receiver said 410.
const GONE: &str = "gone: the receiver answered 410";

/// These were queued just now.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Fresh(pub(crate) Vec<Arc<Event>>);

/// From this entry on something may have been queued that nobody told of: the queue is read again from there. What is
/// held already is skipped, so one too many does no harm.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Rewound(pub(crate) Seq);

impl Rewound {
    /// The whole queue.
    pub(crate) const TO_THE_START: Self = Self(Seq(1));
}

/// The subscription changed.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Reconfigure;

/// A person wants this of the circuit.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Act(pub(crate) breaker::Action);

/// Begin no more attempts; answers when those under way have ended and are recorded.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Drain;

/// The subscription is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Stop;

#[derive(Message)]
#[rtype(result = "()")]
struct Fetched {
    lease: u64,
    result: Result<Stretch, StoreError>,
}

/// See the module.
pub(crate) struct DeliveryActor {
    shared: Arc<Shared>,
    endpoint: EndpointNo,
    subscription: Arc<Subscription>,
    /// In words, why there is none.
    target: Result<Rc<Target>, String>,
    sender: Rc<Sender>,
    places: Rc<Places>,
    machine: Machine,
    announced: Announced,
    dice: Box<dyn Dice>,
    payloads: FxHashMap<Seq, Arc<Event>>,
    /// Attempts on their way.
    sending: FxHashMap<Seq, JoinHandle<()>>,
    live: Arc<Live>,
    timer: Option<(Timestamp, SpawnHandle)>,
    settler: Rc<Settler>,
    is_draining: bool,
    /// Set when results can no longer be recorded.
    is_halted: bool,
    drained: Vec<tokio::sync::oneshot::Sender<()>>,
    _guard: Guard,
}

impl DeliveryActor {
    /// `endpoint` is one of `subscription`'s.
    pub(crate) fn new(
        shared: Arc<Shared>,
        subscription: Arc<Subscription>,
        endpoint: EndpointNo,
        guard: Guard,
    ) -> Self {
        let live = shared.directory.live(endpoint);
        live.reset();
        let places = Places::of_this_thread(&shared);
        // What the actor before it waited for.
        places.withdraw(endpoint);
        Self {
            places,
            target: target(&shared, &subscription, endpoint),
            sender: sender(&shared),
            machine: Machine::recalled(settings(&shared, &subscription), shared.circuits.recall(endpoint)),
            announced: Announced::default(),
            dice: shared.random.dice(),
            payloads: FxHashMap::default(),
            sending: FxHashMap::default(),
            timer: None,
            settler: Settler::of_this_thread(&shared.store.queue, shared.fence, &shared.changes.feed),
            is_draining: false,
            is_halted: false,
            drained: Vec::new(),
            _guard: guard,
            live,
            endpoint,
            subscription,
            shared,
        }
    }

    fn tell(&mut self, input: Input, report: Option<Report>, context: &mut Context<Self>) {
        fail::fail_point!("delivery::handle");
        fail::fail_point!(&format!("delivery::handle::{}", self.subscription.spec.name));
        let now = self.shared.steady_now();
        let cause = cause(&input, report.as_ref());
        let mut effects = Vec::new();
        self.machine.handle(input, now, &mut *self.dice, &mut effects);
        // The answer is kept with the oldest of a batch.
        let another = report.as_ref().filter(|report| report.batch.is_some()).map(Report::of_another);
        let mut report = report;
        for effect in effects {
            match effect {
                Effect::Fetch { lease, after, n } => self.fetch(lease, after, n, context),
                Effect::Attempt(entry) if self.is_batch(entry.seq) => self.attempt_batch(entry, context),
                Effect::Attempt(entry) => self.attempt(entry, context),
                Effect::Digest(entry) => self.attempt_digest(entry, context),
                Effect::Settle(entry, verdict) => {
                    if let Some(report) = report.take().or_else(|| another.as_ref().map(Report::of_another)) {
                        self.settle(entry, verdict, report);
                    }
                }
                Effect::Disable(why) => self.disable(why),
                Effect::Circuit(circuit, until, memory) => {
                    if circuit == Circuit::Open {
                        self.payloads.retain(|seq, _| self.machine.holds(*seq));
                    }
                    let why = match (circuit, &cause) {
                        (Circuit::HalfOpen, Cause::Recalled) => Some("its time was over".to_owned()),
                        (_, Cause::Recalled) => None,
                        (_, cause) => Some(cause.words()),
                    };
                    if let Some(cause) = why {
                        let change = CircuitChange { at: self.shared.clock.now(), circuit, until, cause };
                        self.shared.circuit_changes.add(self.endpoint, change);
                    }
                    if circuit == Circuit::Open && self.live.circuit().0 != Circuit::Open {
                        self.shared.metrics.circuit_opened();
                    }
                    tracing::info!(subscription = %self.subscription.id, endpoint = %self.endpoint, ?circuit, ?until, "circuit changed");
                    self.live.set_circuit(circuit, until);
                    self.shared.changes.feed.say(|| Said::Subscription(self.subscription.id.clone(), Change::Circuit));
                    self.shared.circuits.keep(self.endpoint, memory);
                    if self.announced.is_news(circuit, &cause) {
                        let subject = Subject::from(&*self.subscription);
                        self.shared.notices.tell(match circuit {
                            Circuit::Open => Notice::CircuitOpened(subject, until, cause),
                            _ => Notice::CircuitClosed(subject, cause),
                        });
                    }
                }
            }
        }
        self.arm(now, context);
    }

    fn fetch(&self, lease: u64, after: Seq, n: usize, context: &Context<Self>) {
        self.settler.flush();
        let pending = self.shared.store.queue.head(self.endpoint, after, n);
        let this = context.address();
        actix_rt::spawn(async move {
            let result = pending.await;
            this.do_send(Fetched { lease, result });
        });
    }

    fn disable(&self, why: Disabling) {
        let (shared, endpoint, subject) = (self.shared.clone(), self.endpoint, Subject::from(&*self.subscription));
        let reason = match why {
            Disabling::Gone => GONE.to_owned(),
            Disabling::Failing(since) => format!(
                "failing: nothing but failures since {since}; what waits is kept. Mend the receiver, then enable the \
                 subscription again"
            ),
        };
        tracing::warn!(subscription = %self.subscription.id, reason, "a subscription is disabled");
        actix_rt::spawn(async move {
            match shared.subscriptions.disable(endpoint, reason.clone()).await {
                Ok(()) => shared.notices.tell(Notice::Disabled(subject, reason)),
                Err(error) => tracing::error!(%endpoint, %error, "a subscription could not be disabled"),
            }
        });
    }

    /// Keeps the one timer at the machine's next wake-up.
    fn arm(&mut self, now: Timestamp, context: &mut Context<Self>) {
        let wake_at = self.machine.wake_at();
        if self.timer.as_ref().map(|(at, _)| *at) == wake_at {
            return;
        }
        if let Some((_, handle)) = self.timer.take() {
            context.cancel_future(handle);
        }
        if let Some(at) = wake_at {
            let sleep = at.since(now).clamp(Duration::from_millis(1), SLEEP_MAX);
            let handle = context.run_later(sleep, |this, context| {
                this.timer = None;
                this.tell(Input::Tick, None, context);
            });
            self.timer = Some((at, handle));
        }
    }

    fn reconfigure(&mut self, context: &mut Context<Self>) {
        let Some(subscription) = self.shared.subscriptions.by_endpoint(self.endpoint) else { return };
        let is_new_target = subscription.url_of(self.endpoint) != self.subscription.url_of(self.endpoint);
        self.target = target(&self.shared, &subscription, self.endpoint);
        self.subscription = subscription;
        let settings = self.settings();
        self.tell(Input::Configured { settings, is_new_target }, None, context);
        if settings.is_paused {
            // Nobody is to wait for what will not be sent.
            for entry in self.places.withdraw(self.endpoint) {
                context.notify(Finished { seq: entry.seq, report: None });
            }
        }
    }

    fn settings(&self) -> Settings {
        let settings = settings(&self.shared, &self.subscription);
        Settings { is_paused: settings.is_paused || self.is_draining || self.is_halted, ..settings }
    }

    fn keep(&mut self, event: &Arc<Event>) {
        if event.weight() <= KEPT_PAYLOAD_BYTES_MAX {
            self.payloads.insert(event.seq, event.clone());
        }
    }

    /// Payloads of what the machine did not take.
    fn forget_what_is_not_held(&mut self, seqs: impl IntoIterator<Item = Seq>) {
        for seq in seqs {
            if !self.machine.holds(seq) {
                self.payloads.remove(&seq);
            }
        }
    }

    fn tell_drained(&mut self) {
        if self.is_draining && self.machine.in_flight() == 0 {
            for waiting in self.drained.drain(..) {
                // Whoever waited may have given up.
                let _ = waiting.send(());
            }
        }
    }
}

/// Why whatever comes of `input` does.
fn cause(input: &Input, report: Option<&Report>) -> Cause {
    match (input, report) {
        (Input::Finished { outcome, .. }, Some(report)) => {
            let events = report.batch.as_ref().map_or(1, |batch| batch.events as usize);
            Cause::Attempt { outcome: *outcome, is_own: report.own.len() == events }
        }
        (Input::Act(_), _) => Cause::Person,
        (Input::Configured { .. }, _) => Cause::Configured,
        _ => Cause::Recalled,
    }
}

fn settings(shared: &Shared, subscription: &Subscription) -> Settings {
    let delivery = &shared.options.delivery;
    let mut retry = delivery.retry;
    retry.attempts_max = subscription.spec.retry.max_attempts.unwrap_or(retry.attempts_max);
    retry.age_max = subscription.spec.retry.max_age.map_or(retry.age_max, |age| age.0);
    Settings {
        retry,
        breaker: delivery.breaker,
        in_flight_max: delivery.in_flight_max,
        rate: subscription.spec.rate_limit.map(|limit| limit.rate()),
        is_strict: subscription.spec.ordering == Ordering::Strict,
        is_digest: subscription.spec.on_recovery == OnRecovery::Digest,
        batch: subscription.spec.batch.and_then(|batch| batch.batching()),
        disable_after: delivery.disable_after,
        is_region: subscription.spec.regions.is_some(),
        is_paused: subscription.state() != State::Active || shared.dispatch.is_paused(),
    }
}

/// What this thread sends with.
pub(crate) fn sender(shared: &Shared) -> Rc<Sender> {
    Sender::of_this_thread(&shared.egress, &shared.options.nameservers, &shared.tls.common, &shared.clock)
}

/// Over the connections that all share.
pub(crate) fn target_of(shared: &Shared, subscription: &Subscription, endpoint: EndpointNo) -> Result<Target, String> {
    let options = &shared.options;
    Target::new(subscription, endpoint, &shared.egress, &options.user_agent, options.delivery.timeout)
}

fn target(shared: &Shared, subscription: &Subscription, endpoint: EndpointNo) -> Result<Rc<Target>, String> {
    let target = target_of(shared, subscription, endpoint)?;
    Ok(Rc::new(match subscription.spec.tls.as_ref().filter(|own| !own.is_empty()) {
        Some(own) => target.over(sender(shared).own_channel(&shared.egress, shared.tls.own(own)?)),
        None => target,
    }))
}

impl Actor for DeliveryActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        self.tell(Input::Tick, None, context);
    }
}

impl Handler<Fresh> for DeliveryActor {
    type Result = ();

    fn handle(&mut self, Fresh(events): Fresh, context: &mut Self::Context) {
        let mut entries = Vec::with_capacity(events.len());
        for event in &events {
            self.keep(event);
            let origin = if event.head.only.is_some() { Origin::Test } else { Origin::Live };
            entries.push(Entry::fresh(event.seq, event.head.received_at, origin));
        }
        self.tell(Input::Fresh(self.shared.steady(entries)), None, context);
        self.forget_what_is_not_held(events.iter().map(|event| event.seq));
    }
}

impl Handler<Rewound> for DeliveryActor {
    type Result = ();

    fn handle(&mut self, Rewound(seq): Rewound, context: &mut Self::Context) {
        self.tell(Input::Rewound(seq), None, context);
    }
}

impl Handler<Act> for DeliveryActor {
    type Result = ();

    fn handle(&mut self, Act(action): Act, context: &mut Self::Context) {
        self.tell(Input::Act(action), None, context);
    }
}

impl Handler<Reconfigure> for DeliveryActor {
    type Result = ();

    fn handle(&mut self, _: Reconfigure, context: &mut Self::Context) {
        self.reconfigure(context);
    }
}

impl Handler<Drain> for DeliveryActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, context: &mut Self::Context) -> Self::Result {
        self.is_draining = true;
        self.reconfigure(context);
        let (done, drained) = tokio::sync::oneshot::channel();
        self.drained.push(done);
        self.tell_drained();
        let settler = self.settler.clone();
        Box::pin(async move {
            // An actor that is gone has nothing under way.
            let _ = drained.await;
            settler.recorded().await;
        })
    }
}

impl Handler<Stop> for DeliveryActor {
    type Result = ();

    fn handle(&mut self, _: Stop, context: &mut Self::Context) {
        // Whoever asked is told that nothing more is sent.
        self.sending.drain().for_each(|(_, sending)| sending.abort());
        self.live.reset();
        self.places.forget(self.endpoint);
        context.stop();
    }
}

impl Handler<Fetched> for DeliveryActor {
    type Result = ();

    fn handle(&mut self, Fetched { lease, result }: Fetched, context: &mut Self::Context) {
        let Stretch { entries, is_end } = match result {
            Ok(stretch) => stretch,
            Err(error) => {
                tracing::warn!(endpoint = %self.endpoint, %error, "a queue could not be read");
                return self.tell(Input::FetchFailed { lease }, None, context);
            }
        };
        let now = self.shared.steady_now();
        let is_due = |queued: &&Queued| queued.entry.next_at.is_none_or(|at| at <= now);
        for event in entries.iter().filter(is_due).filter_map(|queued| queued.event.as_ref()) {
            self.keep(event);
        }
        let seqs: Vec<Seq> = entries.iter().map(|queued| queued.entry.seq).collect();
        let entries = self.shared.steady(entries.into_iter().map(|queued| queued.entry).collect());
        self.tell(Input::Fetched { lease, entries, is_end }, None, context);
        self.forget_what_is_not_held(seqs);
    }
}
