//! The live socket of the dashboard: `/api/v1/ws`, subprotocol `loghorn.v1`, one JSON envelope a message.
//!
//! **Lossy and bounded.** A socket looks at what was said [`TICK`] by [`TICK`], sends at most [`ROWS_MAX`] rows of it
//! (failures first, the newest successes in what room is left), and stops where its client does not keep up: what was
//! sent since the last answer to a ping may be [`OUTSTANDING_MAX`] bytes, no more. Whoever misses something is told so
//! (`lag`), or sees the gap in `seq`, and reads the API anew. Nothing here holds up a delivery.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, StreamHandler, fut::wrap_future};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use actix_web_actors::ws;
use loghorn_actors::{Change, Listener, Said};
use loghorn_domain::{DeliveryId, EndpointNo, Seq, access::Digest};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{State, api::live as shown, auth::Call, error::Error, sockets::Place};

/// The subprotocol.
pub(crate) const PROTOCOL: &str = "loghorn.v1";
/// How often it is looked at what was said.
const TICK: Duration = Duration::from_millis(250);
/// Looks in a second.
const TICKS: u64 = 4;
/// Rows of the tail in one look; 48 a second.
const ROWS_MAX: usize = 12;
/// Failures that wait for a place in the tail; the oldest are dropped, and the client is told.
const FAILURES_MAX: usize = 200;
/// Deliveries that one client may follow, unsampled.
const FOLLOWED_MAX: usize = 50;
/// Bytes that may be on the way to one client.
const OUTSTANDING_MAX: usize = 512 * 1024;
/// How long a client may leave pings unanswered.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Largest message of a client, in bytes.
const COMMAND_BYTES_MAX: usize = 16 * 1024;

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(tag = "k", content = "d", rename_all = "snake_case")]
enum Command {
    /// Send this topic; of `delivery` those with the ids in `filter`.
    Sub {
        topic: Topic,
        #[serde(default)]
        filter: Option<Filter>,
    },
    Unsub {
        topic: Topic,
    },
    /// Hold the tail: only count.
    Hold {
        topic: Topic,
    },
    Ping {},
}

#[derive(Debug, Default, Deserialize)]
struct Filter {
    #[serde(default)]
    ids: Vec<String>,
    #[serde(default)]
    subscription: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Topic {
    Stats,
    Bucket,
    Tail,
    Delivery,
    Sub,
    Dlq,
    Job,
    Receiver,
    Attention,
}

/// One client.
struct Socket {
    state: web::Data<State>,
    listener: Listener,
    /// What lets it in; `None` where nothing must.
    pass: Option<Digest>,
    topics: BTreeSet<Topic>,
    is_held: bool,
    followed: BTreeSet<(EndpointNo, Seq)>,
    /// Those of `followed` whose state is not sent yet.
    pending: BTreeSet<(EndpointNo, Seq)>,
    /// Only deliveries of these endpoints, if set.
    tail_of: Option<BTreeSet<EndpointNo>>,
    failures: VecDeque<(EndpointNo, Seq)>,
    successes: VecDeque<(EndpointNo, Seq)>,
    seen: u64,
    missed: u64,
    is_reading: bool,
    sequence: u64,
    ticks: u64,
    /// Bytes sent since the ping that was answered last, and since the one that is not answered yet.
    outstanding: usize,
    since_ping: usize,
    ping_sent: Option<Duration>,
    jobs: BTreeMap<String, Value>,
    dead: Option<u64>,
    received: u64,
    attention: BTreeMap<String, Value>,
    /// Among all.
    _place: Place,
}

/// Opens a socket.
pub(crate) async fn open(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, actix_web::Error> {
    let offered = request.headers().get_all("sec-websocket-protocol").filter_map(|value| value.to_str().ok());
    let is_spoken = offered.flat_map(|value| value.split(',')).any(|one| one.trim() == PROTOCOL);
    if !is_spoken {
        let error =
            Error::malformed("the subprotocol loghorn.v1 is spoken here", "ask for it in Sec-WebSocket-Protocol");
        return Err(error.into());
    }
    let pass = request.extensions().get::<Call>().and_then(|call| call.pass);
    let place = state.sockets.enter(pass).map_err(|why| Error::unavailable("too-many-sockets", why))?;
    let socket = Socket {
        listener: state.system.feed().listen(),
        state,
        pass,
        topics: BTreeSet::new(),
        is_held: false,
        followed: BTreeSet::new(),
        pending: BTreeSet::new(),
        tail_of: None,
        failures: VecDeque::new(),
        successes: VecDeque::new(),
        seen: 0,
        missed: 0,
        is_reading: false,
        sequence: 0,
        ticks: 0,
        outstanding: 0,
        since_ping: 0,
        ping_sent: None,
        jobs: BTreeMap::new(),
        dead: None,
        received: 0,
        attention: BTreeMap::new(),
        _place: place,
    };
    let builder = ws::WsResponseBuilder::new(socket, &request, payload);
    builder.protocols(&[PROTOCOL]).frame_size(COMMAND_BYTES_MAX).start()
}

type Context = ws::WebsocketContext<Socket>;

impl Actor for Socket {
    type Context = Context;

    fn started(&mut self, context: &mut Context) {
        let state = &self.state;
        let hello = json!({
            "version": state.options.version, "node": "loghorn", "time": state.system.clock().now(),
            "limits": {"rows_per_second": ROWS_MAX as u64 * TICKS, "followed": FOLLOWED_MAX, "bytes": OUTSTANDING_MAX},
        });
        self.send("hello", hello, context);
        context.run_interval(TICK, |this, context| this.tick(context));
    }
}

impl StreamHandler<Result<ws::Message, ws::ProtocolError>> for Socket {
    fn handle(&mut self, message: Result<ws::Message, ws::ProtocolError>, context: &mut Context) {
        match message {
            Ok(ws::Message::Text(text)) => self.command(&text, context),
            Ok(ws::Message::Ping(bytes)) => context.pong(&bytes),
            Ok(ws::Message::Pong(_)) => self.answered(),
            Ok(ws::Message::Close(reason)) => {
                context.close(reason);
                context.stop();
            }
            Ok(ws::Message::Nop) => {}
            Ok(ws::Message::Binary(_) | ws::Message::Continuation(_)) | Err(_) => {
                context.close(Some(ws::CloseCode::Unsupported.into()));
                context.stop();
            }
        }
    }
}

impl Socket {
    /// Sends an envelope; whether there was room for it.
    fn send(&mut self, kind: &str, data: Value, context: &mut Context) -> bool {
        self.sequence += 1;
        if self.outstanding > OUTSTANDING_MAX {
            self.missed += 1;
            return false;
        }
        let now = self.state.system.clock().now().millis();
        let text = json!({"v": 1, "k": kind, "seq": self.sequence, "t": now, "d": data}).to_string();
        self.outstanding += text.len();
        self.since_ping += text.len();
        context.text(text);
        true
    }

    fn bye(&mut self, reason: &str, retry_after_ms: Option<u64>, context: &mut Context) {
        self.send("bye", json!({"reason": reason, "retry_after_ms": retry_after_ms}), context);
        context.close(Some(ws::CloseCode::Away.into()));
        context.stop();
    }

    fn command(&mut self, text: &str, context: &mut Context) {
        match serde_json::from_str(text) {
            Ok(Command::Sub { topic, filter }) => self.subscribe(topic, filter.unwrap_or_default(), context),
            Ok(Command::Unsub { topic }) => {
                self.topics.remove(&topic);
                if topic == Topic::Delivery {
                    self.followed.clear();
                    self.pending.clear();
                }
            }
            Ok(Command::Hold { topic: Topic::Tail }) => self.is_held = true,
            Ok(Command::Ping {}) => drop(self.send("pong", json!({}), context)),
            Ok(Command::Hold { .. }) | Err(_) => {
                let detail =
                    "expected {\"k\": \"sub\" | \"unsub\" | \"hold\" | \"ping\", \"d\": {…}} and a topic that there is";
                self.send("error", json!({"detail": detail}), context);
            }
        }
    }

    fn subscribe(&mut self, topic: Topic, filter: Filter, context: &mut Context) {
        self.topics.insert(topic);
        match topic {
            Topic::Tail => {
                self.is_held = false;
                let found = filter
                    .subscription
                    .as_deref()
                    .and_then(|id| self.state.system.subscriptions().get(&id.parse().ok()?));
                self.tail_of =
                    filter.subscription.is_some().then(|| found.iter().flat_map(|found| found.endpoints()).collect());
            }
            Topic::Delivery => {
                let ids = filter.ids.iter().take(FOLLOWED_MAX).filter_map(|id| id.parse().ok());
                self.followed = ids.map(|id: DeliveryId| (id.endpoint, id.seq)).collect();
                self.pending.clone_from(&self.followed);
                self.read(context);
            }
            // Told anew from the start.
            Topic::Attention => self.attention.clear(),
            Topic::Job => self.jobs.clear(),
            Topic::Dlq => self.dead = None,
            Topic::Receiver => self.received = self.state.receiver.arrived().1,
            Topic::Stats | Topic::Bucket | Topic::Sub => {}
        }
        if matches!(topic, Topic::Stats | Topic::Bucket | Topic::Attention | Topic::Dlq) {
            self.each_second(context);
        }
    }

    fn tick(&mut self, context: &mut Context) {
        if self.state.system.is_draining() {
            return self.bye("the server stops", Some(2000), context);
        }
        self.ticks += 1;
        if !self.is_alive(context) {
            return;
        }
        let (said, missed) = self.listener.take();
        self.missed += missed;
        if missed > 0 {
            // It may have been about any of them.
            self.pending.clone_from(&self.followed);
        }
        for said in said {
            match said {
                Said::Settled { endpoint, seq, is_delivered } => {
                    if self.followed.contains(&(endpoint, seq)) {
                        self.pending.insert((endpoint, seq));
                    }
                    self.sample((endpoint, seq), is_delivered);
                }
                Said::Subscription(id, change) if self.topics.contains(&Topic::Sub) => {
                    let data = shown::subscription(&self.state, &id, name_of(change));
                    self.send("sub", data, context);
                }
                Said::Subscription(..) => {}
            }
        }
        self.tell_changes(context);
        if self.ticks.is_multiple_of(TICKS) {
            self.each_second(context);
        }
        self.read(context);
        if self.missed > 0 && self.outstanding <= OUTSTANDING_MAX {
            let missed = std::mem::take(&mut self.missed);
            self.send("lag", json!({"dropped": missed}), context);
        }
    }

    /// Pings once a second, and goes where nobody answers or nobody may be here any more.
    fn is_alive(&mut self, context: &mut Context) -> bool {
        let now = self.state.system.clock().monotonic();
        match self.ping_sent {
            Some(sent) if now.saturating_sub(sent) > SILENCE_MAX => {
                context.stop();
                return false;
            }
            None if self.ticks.is_multiple_of(TICKS) => {
                (self.ping_sent, self.since_ping) = (Some(now), 0);
                context.ping(b"");
            }
            _ => {}
        }
        let is_out = |pass: Digest| !self.state.system.sessions().lets_in(pass);
        if self.ticks.is_multiple_of(TICKS) && self.pass.is_some_and(is_out) {
            self.bye("the key or session lets nobody in any more", None, context);
            return false;
        }
        true
    }

    /// A ping was answered: the client has read everything that was sent before it.
    fn answered(&mut self) {
        self.ping_sent = None;
        self.outstanding = self.since_ping;
    }

    fn sample(&mut self, which: (EndpointNo, Seq), is_delivered: bool) {
        let is_ours = self.tail_of.as_ref().is_none_or(|endpoints| endpoints.contains(&which.0));
        if !self.topics.contains(&Topic::Tail) || !is_ours {
            return;
        }
        self.seen += 1;
        let (kept, kept_max) = match is_delivered {
            true => (&mut self.successes, ROWS_MAX),
            false => (&mut self.failures, FAILURES_MAX),
        };
        // An attempt may be on its way with another of the same delivery; its newest state is what is read.
        kept.retain(|known| *known != which);
        kept.push_back(which);
        if kept.len() > kept_max {
            kept.pop_front();
            self.missed += u64::from(!is_delivered);
        }
    }

    /// What goes into the tail now: failures first, then the newest successes.
    fn rows(&mut self) -> Vec<(EndpointNo, Seq)> {
        if self.is_held {
            return Vec::new();
        }
        let failures = self.failures.len().min(ROWS_MAX);
        let mut rows: Vec<_> = self.failures.drain(..failures).collect();
        let room = ROWS_MAX - rows.len();
        let successes = self.successes.len().saturating_sub(room);
        rows.extend(self.successes.drain(..).skip(successes));
        rows
    }

    /// Reads deliveries and sends them. One reading at a time, and none while there is no room to send it: what is to
    /// be read waits for the next look.
    fn read(&mut self, context: &mut Context) {
        if self.is_reading || self.outstanding > OUTSTANDING_MAX {
            return;
        }
        let (followed, rows) = (std::mem::take(&mut self.pending), self.rows());
        let is_tail = self.topics.contains(&Topic::Tail) && (!rows.is_empty() || (self.is_held && self.seen > 0));
        if followed.is_empty() && !is_tail {
            return;
        }
        self.is_reading = true;
        let (state, seen) = (self.state.clone(), std::mem::take(&mut self.seen));
        let reading = async move {
            let mut deliveries = Vec::new();
            for (endpoint, seq) in followed {
                deliveries.extend(shown::delivery(&state, endpoint, seq).await);
            }
            let mut tail = Vec::new();
            for (endpoint, seq) in rows {
                tail.extend(shown::row(&state, endpoint, seq).await);
            }
            (deliveries, tail)
        };
        let sent = wrap_future::<_, Self>(reading).map(move |(deliveries, tail), this, context| {
            this.is_reading = false;
            for delivery in deliveries {
                this.send("delivery", delivery, context);
            }
            if is_tail {
                let shown = tail.len();
                this.send("tail", json!({"rows": tail, "seen": seen, "shown": shown}), context);
            }
        });
        context.spawn(sent);
    }

    /// Jobs and the receiver, where they changed.
    fn tell_changes(&mut self, context: &mut Context) {
        if self.topics.contains(&Topic::Job) && self.ticks.is_multiple_of(2) {
            for (id, job) in shown::jobs(&self.state) {
                if self.jobs.insert(id, job.clone()).as_ref() != Some(&job) {
                    self.send("job", job, context);
                }
            }
        }
        if self.topics.contains(&Topic::Receiver) {
            let (arrived, _) = self.state.receiver.arrived();
            let new: Vec<_> =
                arrived.iter().take_while(|one| one.number > self.received).take(ROWS_MAX).cloned().collect();
            self.received = arrived.first().map_or(self.received, |newest| newest.number);
            for one in new.iter().rev() {
                self.send("receiver", shown::received(one), context);
            }
        }
    }

    fn each_second(&mut self, context: &mut Context) {
        let wanted = [Topic::Stats, Topic::Bucket, Topic::Dlq, Topic::Attention];
        if !wanted.iter().any(|topic| self.topics.contains(topic)) {
            return;
        }
        let now = self.state.live.now(&self.state);
        if self.topics.contains(&Topic::Stats) {
            self.send("stats", now.stats.clone(), context);
        }
        if self.topics.contains(&Topic::Bucket) {
            self.send("bucket", now.bucket.clone(), context);
        }
        if self.topics.contains(&Topic::Dlq) && self.dead.replace(now.dead) != Some(now.dead) {
            self.send("dlq", json!({"total": now.dead}), context);
        }
        if self.topics.contains(&Topic::Attention) {
            for (id, one) in &now.attention {
                if self.attention.get(id) != Some(one) {
                    self.send("attention", with_change(one, "raise"), context);
                }
            }
            let gone: Vec<Value> = self
                .attention
                .iter()
                .filter(|(id, _)| !now.attention.contains_key(*id))
                .map(|(_, one)| one.clone())
                .collect();
            for one in gone {
                self.send("attention", with_change(&one, "clear"), context);
            }
            self.attention = now.attention.clone();
        }
    }
}

fn with_change(one: &Value, change: &str) -> Value {
    let mut one = one.clone();
    one["change"] = change.into();
    one
}

fn name_of(change: Change) -> &'static str {
    match change {
        Change::Created => "created",
        Change::Updated => "updated",
        Change::Deleted => "deleted",
        Change::Circuit => "circuit",
    }
}
