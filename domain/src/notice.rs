//! Loghorn's own events: what it tells of its deliveries and of itself, in the same log as all others, as `loghorn.*`.
//! So an alert about delivery trouble is a subscription like any other.
//!
//! **Telling never causes more telling**, whoever listens and however dead their receivers are:
//! - A dead letter is told only where its event is not one of Loghorn's own.
//! - A circuit that opens is told only where a person or an attempt with somebody else's event opened it, and one that
//!   closes only where it was told that it opened ([`Announced`]).
//! - Who takes notices of backlogs is not watched for one ([`is_backlog_watched`]).
//! - An event that is set aside is told only where it is somebody else's.
//! - What disables or quarantines is told once, until a person acts.
//!
//! So each notice has a cause of its own outside, and a finite number of causes makes a finite number of notices. Nobody
//! gets one about themselves either ([`Event::subject`]). No URL, header, secret or answer of a receiver is in any.

use serde_json::{Map, Value, json};

use crate::{
    Class, Draft, EndpointNo, Event, EventId, EventType, Level, Outcome, Pattern, Seq, Subscription, SubscriptionId,
    Timestamp, breaker::Circuit, delivery::Reason, event_type::OWN,
};

/// Waits before an endpoint's backlog is told of, unless set otherwise.
pub const BACKLOG_DEFAULT: u64 = 10_000;
/// The types about backlogs.
const BACKLOG: [&str; 2] = ["loghorn.backlog.high", "loghorn.backlog.cleared"];

/// Whom a notice is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The subscription.
    pub id: SubscriptionId,
    /// Its name.
    pub name: String,
}

impl From<&Subscription> for Subject {
    fn from(subscription: &Subscription) -> Self {
        Self { id: subscription.id.clone(), name: subscription.spec.name.clone() }
    }
}

/// Something that Loghorn tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// An endpoint is left alone, until then (`None`: until a person acts).
    CircuitOpened(Subject, Option<Timestamp>, Cause),
    /// It gets webhooks again.
    CircuitClosed(Subject, Cause),
    /// Deliveries were given up.
    DeadLettered(Subject, DeadLetters),
    /// A subscription was disabled, and why.
    Disabled(Subject, String),
    /// The actor of an endpoint failed so often that it is left alone.
    Quarantined(Subject),
    /// So many deliveries wait.
    BacklogHigh(Subject, u64),
    /// So few wait again.
    BacklogCleared(Subject, u64),
    /// A secret that was replaced signs until then only; which of the subscription's.
    SecretExpiring(Subject, u32, Timestamp),
    /// Matching this event failed; the log moved on.
    SetAside(EventId, Seq),
    /// Events are taken again, after none were for want of disk space since then.
    StoreRecovered(Timestamp),
}

/// Deliveries of one endpoint that were given up within a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetters {
    /// How many.
    pub count: u64,
    /// Why the last one was.
    pub reason: Reason,
    /// What its last attempt came to.
    pub class: Class,
    /// And its status code, if an answer came.
    pub status_code: Option<u16>,
    /// The last one's delivery.
    pub delivery_id: String,
    /// And its event.
    pub event_id: String,
}

/// Why a circuit changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// An attempt came to this. `is_own`: it carried nothing but Loghorn's own events.
    Attempt {
        /// How it ended.
        outcome: Outcome,
        /// What it carried.
        is_own: bool,
    },
    /// A person wanted it.
    Person,
    /// The subscription was changed.
    Configured,
    /// It is known from before.
    Recalled,
}

impl Cause {
    /// It in words, without a beginning.
    pub fn words(&self) -> String {
        match self {
            Self::Attempt { outcome, .. } => match outcome.status_code {
                Some(code) => format!("the last attempt came to {} ({code})", outcome.class.name()),
                None => format!("the last attempt came to {}", outcome.class.name()),
            },
            Self::Person => "a person wanted it".into(),
            Self::Configured => "the subscription was changed".into(),
            Self::Recalled => "it was so before".into(),
        }
    }
}

/// Whether it was told that an endpoint's circuit is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Announced(bool);

impl Announced {
    /// Takes note of where the circuit stands now; whether that is to be told.
    pub fn is_news(&mut self, circuit: Circuit, cause: &Cause) -> bool {
        let before = self.0;
        match (circuit, cause) {
            (Circuit::HalfOpen, _) | (Circuit::Open, Cause::Attempt { is_own: true, .. }) => false,
            (Circuit::Open, _) => {
                self.0 = true;
                !before && *cause != Cause::Recalled
            }
            (Circuit::Closed, _) => {
                self.0 = false;
                before
            }
        }
    }
}

/// Whether a backlog of a subscription to `events` is told of: not where it may be made of just that.
pub fn is_backlog_watched(events: &[Pattern]) -> bool {
    !BACKLOG.iter().any(|told| events.iter().any(|pattern| pattern.matches(told)))
}

/// Whether a backlog is high now (or no longer), where that is news: it is cleared at half of what made it high.
pub fn backlog_turned(is_high: bool, waiting: u64, high: u64) -> Option<bool> {
    let is_high_now = if is_high { waiting > high / 2 } else { waiting >= high };
    (is_high_now != is_high).then_some(is_high_now)
}

impl Notice {
    /// Its type.
    pub fn event_type(&self) -> &'static str {
        match self {
            Self::CircuitOpened(..) => "loghorn.circuit.opened",
            Self::CircuitClosed(..) => "loghorn.circuit.closed",
            Self::DeadLettered(..) => "loghorn.delivery.dead_lettered",
            Self::Disabled(..) => "loghorn.subscription.disabled",
            Self::Quarantined(..) => "loghorn.endpoint.quarantined",
            Self::BacklogHigh(..) => BACKLOG[0],
            Self::BacklogCleared(..) => BACKLOG[1],
            Self::SecretExpiring(..) => "loghorn.secret.expiring",
            Self::SetAside(..) => "loghorn.event.set_aside",
            Self::StoreRecovered(..) => "loghorn.store.recovered",
        }
    }

    fn level(&self) -> Level {
        match self {
            Self::CircuitOpened(..) | Self::BacklogHigh(..) | Self::SecretExpiring(..) => Level::Warning,
            Self::CircuitClosed(..) | Self::BacklogCleared(..) | Self::StoreRecovered(..) => Level::Info,
            Self::DeadLettered(..) | Self::Disabled(..) | Self::Quarantined(..) | Self::SetAside(..) => Level::Error,
        }
    }

    fn subject(&self) -> Option<&Subject> {
        match self {
            Self::CircuitOpened(subject, ..)
            | Self::CircuitClosed(subject, ..)
            | Self::DeadLettered(subject, ..)
            | Self::Disabled(subject, ..)
            | Self::Quarantined(subject)
            | Self::BacklogHigh(subject, ..)
            | Self::BacklogCleared(subject, ..)
            | Self::SecretExpiring(subject, ..) => Some(subject),
            Self::SetAside(..) | Self::StoreRecovered(..) => None,
        }
    }

    /// What happened, and what else is known of it.
    fn message(&self) -> (String, Value) {
        match self {
            Self::CircuitOpened(Subject { name, .. }, until, cause) => {
                let (why, until) = (cause.words(), until.map(|at| at.to_string()));
                let next = until.as_ref().map_or_else(|| "until a person acts".into(), |at| format!("until {at}"));
                (
                    format!("the circuit of {name:?} opened: {why}; it is left alone {next}"),
                    json!({"until": until, "why": why}),
                )
            }
            Self::CircuitClosed(Subject { name, .. }, cause) => {
                let why = cause.words();
                (format!("the circuit of {name:?} closed: {why}"), json!({"why": why}))
            }
            Self::DeadLettered(
                Subject { name, .. },
                DeadLetters { count, reason, class, status_code, delivery_id, event_id },
            ) => {
                let reason = reason.name();
                let metadata = json!({
                    "count": count, "reason": reason, "last_class": class.name(), "last_status_code": status_code,
                    "delivery_id": delivery_id, "event_id": event_id,
                });
                (format!("{count} dead letter(s) of {name:?}; the last: {reason}"), metadata)
            }
            Self::Disabled(Subject { name, .. }, reason) => {
                (format!("the subscription {name:?} was disabled: {reason}"), json!({"reason": reason}))
            }
            Self::Quarantined(Subject { name, .. }) => {
                let words =
                    "was quarantined: its actor failed again and again. A change of the subscription lets it try";
                (format!("the endpoint of {name:?} {words} again"), json!({}))
            }
            Self::BacklogHigh(Subject { name, .. }, waiting) => {
                (format!("{waiting} deliveries wait for {name:?}"), json!({"waiting": waiting}))
            }
            Self::BacklogCleared(Subject { name, .. }, waiting) => {
                (format!("only {waiting} deliveries wait for {name:?} now"), json!({"waiting": waiting}))
            }
            Self::SecretExpiring(Subject { name, .. }, number, until) => (
                format!(
                    "secret {number} of {name:?} signs until {until} only: its receivers need the newer one by then"
                ),
                json!({"secret": number, "until": until}),
            ),
            Self::SetAside(event, seq) => {
                let message = format!("the event {event} was set aside: matching it failed. Its explanation says how");
                (message, json!({"event_id": event, "event_seq": seq}))
            }
            Self::StoreRecovered(since) => (
                format!("events are taken again; for want of disk space none were since {since}"),
                json!({"since": since}),
            ),
        }
    }

    /// What is told by a clock would be told again after a restart, but for an id that makes it a duplicate.
    fn id(&self) -> Option<EventId> {
        let Self::SecretExpiring(Subject { id, .. }, number, until) = self else { return None };
        format!("{id}-secret-{number}-{}", until.millis()).parse().ok()
    }

    /// The event that says so.
    pub fn draft(&self) -> Draft {
        let (message, known) = self.message();
        let mut metadata = Map::new();
        if let Some(Subject { id, name }) = self.subject() {
            metadata.insert(SUBJECT.into(), id.as_str().into());
            metadata.insert("subscription".into(), name.as_str().into());
        }
        if let Value::Object(known) = known {
            metadata.extend(known);
        }
        Draft {
            id: self.id(),
            event_type: EventType::own(self.event_type()),
            level: self.level(),
            source: OWN.into(),
            message,
            metadata: serde_json::value::to_raw_value(&metadata).unwrap_or_default(),
            timestamp: None,
        }
    }
}

/// The member of the metadata that names the subscription that an own event is about.
const SUBJECT: &str = "subscription_id";

impl Event {
    /// The endpoint that one of Loghorn's own events is about: it does not get it.
    pub fn subject(&self) -> Option<EndpointNo> {
        // Anybody's metadata may have such a member.
        if !self.head.event_type.is_own() {
            return None;
        }
        self.value()["metadata"][SUBJECT].as_str()?.parse::<SubscriptionId>().ok()?.endpoint()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::Limits;

    fn subject() -> Subject {
        Subject { id: SubscriptionId::new(Timestamp::from_millis(5), EndpointNo(7)), name: "gw".into() }
    }

    fn attempt(is_own: bool) -> Cause {
        Cause::Attempt { outcome: Outcome::answered(503, None), is_own }
    }

    fn all() -> Vec<Notice> {
        let letters = DeadLetters {
            count: 3,
            reason: Reason::Http4xx,
            class: Class::Http4xx,
            status_code: Some(404),
            delivery_id: "dlv_x".into(),
            event_id: "evt_y".into(),
        };
        vec![
            Notice::CircuitOpened(subject(), Some(Timestamp::from_millis(9)), attempt(false)),
            Notice::CircuitOpened(subject(), None, Cause::Person),
            Notice::CircuitClosed(subject(), Cause::Configured),
            Notice::DeadLettered(subject(), letters),
            Notice::Disabled(subject(), "gone".into()),
            Notice::Quarantined(subject()),
            Notice::BacklogHigh(subject(), 10_000),
            Notice::BacklogCleared(subject(), 5_000),
            Notice::SecretExpiring(subject(), 1, Timestamp::from_millis(9)),
            Notice::SetAside("own".parse().unwrap(), Seq(4)),
            Notice::StoreRecovered(Timestamp::from_millis(3)),
        ]
    }

    #[test]
    fn each_is_an_event_of_loghorn_s_own_about_its_subscription() {
        for notice in all() {
            let new = notice.draft().seal(Timestamp::from_millis(1), Limits::default()).unwrap();
            let event = Event::new(Seq(1), "e".parse().unwrap(), new.head, new.tail);
            assert_eq!(event.head.event_type.as_str().parse::<EventType>().unwrap(), event.head.event_type);
            assert!(event.head.event_type.is_own());
            assert_eq!((&*event.head.source, event.subject()), ("loghorn", notice.subject().map(|_| EndpointNo(7))));
            assert_eq!(event.value()["metadata"]["subscription"].as_str(), notice.subject().map(|_| "gw"));
            assert!("loghorn.**".parse::<Pattern>().unwrap().matches(notice.event_type()));
        }
        let opened = all()[0].draft();
        assert_eq!(opened.level, Level::Warning);
        assert_eq!(
            opened.message,
            "the circuit of \"gw\" opened: the last attempt came to http_5xx (503); it is left alone until \
             1970-01-01T00:00:00.009Z"
        );
    }

    #[test]
    fn only_own_events_have_a_subject() {
        let mut draft = all()[0].draft();
        draft.event_type = "payment.failed".parse().unwrap();
        let new = draft.seal(Timestamp::from_millis(1), Limits::default()).unwrap();
        assert_eq!(Event::new(Seq(1), "e".parse().unwrap(), new.head, new.tail).subject(), None);
    }

    #[test]
    fn a_backlog_turns_with_hysteresis() {
        let turned = |is_high, waiting| backlog_turned(is_high, waiting, 10);
        assert_eq!(
            [turned(false, 9), turned(false, 10), turned(true, 9), turned(true, 6)],
            [None, Some(true), None, None]
        );
        assert_eq!([turned(true, 5), turned(false, 5)], [Some(false), None]);
        assert_eq!((backlog_turned(false, 1, 1), backlog_turned(true, 0, 1)), (Some(true), Some(false)));
        let watched = |pattern: &str| is_backlog_watched(&["log.*".parse().unwrap(), pattern.parse().unwrap()]);
        assert!(
            watched("**") && watched("loghorn.circuit.*") && !watched("loghorn.**") && !watched("loghorn.*.cleared")
        );
    }

    fn causes() -> impl Strategy<Value = Cause> {
        prop_oneof![4 => any::<bool>().prop_map(attempt), 1 => Just(Cause::Person), 1 => Just(Cause::Configured)]
    }

    proptest! {
        /// However a circuit goes, what Loghorn's own events do to it is never told, beyond that it is closed again.
        #[test]
        fn every_word_about_a_circuit_has_a_cause_outside(
            changes in prop::collection::vec((prop::sample::select(&[Circuit::Closed, Circuit::Open, Circuit::HalfOpen][..]), causes()), 0..60),
        ) {
            let mut announced = Announced::default();
            let (mut causes, mut told) = (0, Vec::new());
            for (circuit, cause) in changes {
                causes += usize::from(!matches!(cause, Cause::Attempt { is_own: true, .. }));
                if announced.is_news(circuit, &cause) {
                    told.push(circuit);
                }
            }
            // Open and closed in turn.
            let expected = [Circuit::Open, Circuit::Closed].into_iter().cycle();
            prop_assert!(told.iter().copied().eq(expected.take(told.len())), "{:?}", told);
            prop_assert!(told.len() <= 2 * causes);
        }
    }

    #[test]
    fn what_was_open_before_a_restart_is_told_when_it_closes() {
        let mut announced = Announced::default();
        assert!(!announced.is_news(Circuit::Open, &Cause::Recalled));
        assert!(!announced.is_news(Circuit::Open, &attempt(false)));
        assert!(announced.is_news(Circuit::Closed, &attempt(true)));
    }
}
