//! A delivery actor: works off one endpoint's queue.
//!
//! **Owns** the endpoint's [`Machine`], its timer and the payloads of what is due. It decides nothing: it tells the
//! machine what happened and carries out the effects. **Capacity**: the machine bounds what is held; the mailbox only
//! gets coalescing nudges and the answers to what the actor itself asked for. **Messages**: [`Fresh`], [`Rewound`],
//! [`Reconfigure`], [`Drain`], [`Stop`]. A new actor knows nothing and reads its queue, so a crash loses nothing.

mod batches;
mod digests;

use std::{rc::Rc, sync::Arc, time::Duration};

use actix::prelude::*;
use loghorn_domain::{
    Class, DeliveryId, EndpointNo, Event, Origin, Outcome, Seq, Subscription, Timestamp, Verdict,
    breaker::{self, Circuit},
    delivery::{Batched, Entry},
    machine::{Disabling, Effect, Input, Machine, Settings},
    notice::{Announced, Cause, Notice, Subject},
    retry::Dice,
    subscription::{OnRecovery, Ordering, State},
};
use loghorn_storage::{Error as StoreError, Queued, Settlement, Stretch};

use rustc_hash::FxHashMap;

use crate::{
    directory::Live,
    notices::DeadLetter,
    places::{Granted, Place, Places, Waiter},
    sender::{Report, Sender, Target, Webhook},
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

/// The event of an attempt whose payload was not at hand.
#[derive(Message)]
#[rtype(result = "()")]
struct Loaded {
    entry: Entry,
    /// Where its turn has come already.
    place: Option<Place>,
    result: Result<Option<Arc<Event>>, StoreError>,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Finished {
    seq: Seq,
    /// `None`: nothing was sent.
    report: Option<Report>,
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
            sender: Sender::of_this_thread(&shared.egress, &shared.tls, &shared.clock),
            machine: Machine::recalled(settings(&shared, &subscription), shared.circuits.recall(endpoint)),
            announced: Announced::default(),
            dice: shared.random.dice(),
            payloads: FxHashMap::default(),
            timer: None,
            settler: Settler::of_this_thread(&shared.store.queue, shared.fence),
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
                Effect::Disable(why) => self.disable(why, context),
                Effect::Circuit(circuit, until, memory) => {
                    if circuit == Circuit::Open && self.live.circuit().0 != Circuit::Open {
                        self.shared.metrics.circuit_opened();
                    }
                    tracing::info!(subscription = %self.subscription.id, endpoint = %self.endpoint, ?circuit, ?until, "circuit changed");
                    self.live.set_circuit(circuit, until);
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

    fn attempt(&mut self, entry: Entry, context: &Context<Self>) {
        match self.payloads.get(&entry.seq).cloned() {
            Some(event) => self.take_turn(entry, event, context),
            None => self.load(entry, None, context),
        }
    }

    fn load(&self, entry: Entry, place: Option<Place>, context: &Context<Self>) {
        let (pending, this) = (self.shared.store.log.get(entry.seq), context.address());
        actix_rt::spawn(async move { this.do_send(Loaded { entry, place, result: pending.await }) });
    }

    /// Sends at once where a place is free, otherwise when its turn has come; a large payload is read again then.
    fn take_turn(&mut self, entry: Entry, event: Arc<Event>, context: &Context<Self>) {
        if let Some(place) = self.places.enter(self.endpoint) {
            return self.send(entry, event, place, context);
        }
        self.keep(&event);
        let priority = self.subscription.spec.priority(event.head.level, entry.origin);
        self.places.wait(self.endpoint, priority, Waiter { to: context.address(), entry });
    }

    fn send(&self, entry: Entry, event: Arc<Event>, place: Place, context: &Context<Self>) {
        let id =
            DeliveryId { received_at: event.head.received_at, endpoint: self.endpoint, seq: entry.seq }.to_string();
        let traceparent = event.traceparent();
        let own = own(std::slice::from_ref(&event));
        let webhook = Webhook { id, origin: entry.origin, traceparent, body: event.standard_body(), own };
        self.post(entry, webhook, None, place, context);
    }

    /// Sends what was made of this entry, or of the batch that begins with it.
    fn post(&self, entry: Entry, webhook: Webhook, batched: Option<Batched>, place: Place, context: &Context<Self>) {
        let seq = entry.seq;
        self.live.began(self.machine.batch(seq));
        let mut answer = Answer { to: context.address(), seq, report: None };
        let target = match &self.target {
            Ok(target) => target.clone(),
            Err(why) => {
                let report = Report::unsent(Class::Blocked, why.clone(), self.shared.clock.now());
                answer.report = Some(Report { batch: batched, own: webhook.own, ..report });
                return;
            }
        };
        let sender = self.sender.clone();
        let place = place.used();
        actix_rt::spawn(async move {
            // Whatever happens in here, the answer goes out when it is dropped, and before it the place comes back.
            let mut answer = answer;
            let _place = place;
            let report = sender.attempt(&target, &webhook).await;
            answer.report = Some(Report { batch: batched, own: webhook.own, ..report });
        });
    }

    /// How an attempt ended whose event could not be had; `None`: it is tried again, for the store may recover.
    fn unsent(&self, seq: Seq, result: Result<Option<Arc<Event>>, StoreError>) -> Option<Report> {
        let why = match result {
            Ok(_) => "the event is no longer kept".to_owned(),
            Err(StoreError::Damaged(what)) => format!("the event is damaged: {what}"),
            Err(error) => {
                tracing::warn!(%seq, %error, "an event could not be read for its delivery");
                return None;
            }
        };
        Some(Report::unsent(Class::Template, why, self.shared.clock.now()))
    }

    fn settle(&self, entry: Entry, verdict: Verdict, report: Report) {
        let Outcome { class, status_code, .. } = report.outcome;
        if let Verdict::Dead(reason) = verdict
            && !report.own.contains(&entry.seq)
        {
            let letter = DeadLetter { seq: entry.seq, reason, class, status_code };
            self.shared.notices.dead_lettered(self.endpoint, letter);
        }
        let attempt = report.into_attempt(entry.attempts_total.saturating_add(1), verdict);
        self.settler.push(Settlement { endpoint: self.endpoint, entry, attempt });
    }

    /// Where there are regions the others go on: only this one's circuit is opened, until a person acts.
    fn disable(&mut self, why: Disabling, context: &mut Context<Self>) {
        if self.subscription.spec.regions.is_some() {
            let (subscription, region) = (&self.subscription.id, self.subscription.region_of(self.endpoint));
            tracing::warn!(%subscription, region, ?why, "the circuit of one URL is opened until a person closes it");
            self.tell(Input::Act(breaker::Action::Open), None, context);
            let settings = self.settings();
            return self.tell(Input::Configured { settings, is_new_target: false }, None, context);
        }
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

/// Those of `events` that are Loghorn's own.
fn own(events: &[Arc<Event>]) -> Vec<Seq> {
    events.iter().filter(|event| event.head.event_type.is_own()).map(|event| event.seq).collect()
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
        is_paused: subscription.state() != State::Active,
    }
}

fn target(shared: &Shared, subscription: &Subscription, endpoint: EndpointNo) -> Result<Rc<Target>, String> {
    let options = &shared.options;
    Target::new(subscription, endpoint, &shared.egress, &options.user_agent, options.delivery.timeout).map(Rc::new)
}

/// Tells the actor how an attempt ended, also if the attempt's task panicked: then that it was not made.
struct Answer {
    to: Addr<DeliveryActor>,
    seq: Seq,
    report: Option<Report>,
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.to.do_send(Finished { seq: self.seq, report: self.report.take() });
    }
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
        self.tell(Input::Fresh(entries), None, context);
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
        let entries = entries.into_iter().map(|queued| queued.entry).collect();
        self.tell(Input::Fetched { lease, entries, is_end }, None, context);
        self.forget_what_is_not_held(seqs);
    }
}

impl Handler<Loaded> for DeliveryActor {
    type Result = ();

    /// Meanwhile the endpoint may have been paused, or its circuit may have opened.
    fn handle(&mut self, Loaded { entry, place, result }: Loaded, context: &mut Self::Context) {
        let seq = entry.seq;
        match (result, place) {
            (Ok(Some(_)), _) if !self.machine.may_attempt(seq) => context.notify(Finished { seq, report: None }),
            (Ok(Some(event)), Some(place)) => self.send(entry, event, place, context),
            (Ok(Some(event)), None) => self.take_turn(entry, event, context),
            (result, _) => context.notify(Finished { seq, report: self.unsent(seq, result) }),
        }
    }
}

impl Handler<Granted> for DeliveryActor {
    type Result = ();

    /// As above.
    fn handle(&mut self, Granted { entry, place }: Granted, context: &mut Self::Context) {
        let seq = entry.seq;
        if !self.machine.may_attempt(seq) {
            return context.notify(Finished { seq, report: None });
        }
        match self.payloads.get(&seq).cloned() {
            _ if self.machine.is_digest(seq) => self.digest(entry, place, context),
            _ if self.is_batch(seq) => self.gather(entry, place, context),
            Some(event) => self.send(entry, event, place, context),
            None => self.load(entry, Some(place), context),
        }
    }
}

impl Handler<Finished> for DeliveryActor {
    type Result = ();

    fn handle(&mut self, Finished { seq, report }: Finished, context: &mut Self::Context) {
        for entry in self.machine.batch(seq) {
            self.payloads.remove(&entry.seq);
        }
        let is_batch = report.as_ref().is_some_and(|report| report.batch.is_some()) || self.is_batch(seq);
        let input = match &report {
            Some(report) => {
                self.shared.metrics.attempted(report.outcome.class, report.took);
                Input::Finished { seq, outcome: report.outcome, took: report.took }
            }
            None => Input::Returned(seq),
        };
        self.tell(input, report, context);
        self.live.ended(seq, is_batch);
        self.tell_drained();
        if self.settler.has_failed() && !self.is_halted {
            self.is_halted = true;
            self.reconfigure(context);
        }
    }
}
