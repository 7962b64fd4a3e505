//! Who may send next, where all endpoints together may have only so many attempts in the air.
//!
//! Pure: [`Turns::enter`] gives a [`Place`] at once where one is free, [`Turns::wait`] stands in line, [`Turns::next`]
//! says whose turn it is, and [`Turns::wake_at`] when to ask again without anything having happened.
//!
//! A place is held until the attempt ends, but at most for [`PATIENCE`]: what takes longer stays in the air without
//! one, so whatever hangs, places come back. An endpoint is **trusted** once an attempt of its ended within that time,
//! until one does not. Those that are not trusted (new ones, and those that hang) hold at most half of the places at a
//! time, for a shorter time ([`PATIENCE_UNTRUSTED`]), and begin no more than [`UNTRUSTED_MAX`] attempts each while as
//! many are in the air as there are places. So a healthy endpoint always finds places, and what is in the air beyond
//! the capacity are only attempts that hang.
//!
//! Classes share by weight (stride scheduling), and what waits for one endpoint in one class goes in the order in which it
//! came. The endpoints of a class go by rounds, one turn each. Whoever had none in this round and none in the last goes
//! first, so an endpoint with little to send passes those with a backlog, however many they are (as do the sparse flows of
//! RFC 8290). A class or an endpoint that waited for nothing saves no more than that up.
//!
//! Invariants:
//! - no more places are held than there are;
//! - nobody who may go waits while a place is free, once [`Turns::next`] said `None`;
//! - nobody overtakes one who may go and came before, but by weight, and by having had fewer turns.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

// Endpoints are numbered by Loghorn itself, so nobody can make them collide.
use rustc_hash::FxHashMap;

use crate::{EndpointNo, subscription::Priority};

/// The longest that an attempt of a trusted endpoint holds a place; also what an attempt may take to be trusted.
pub const PATIENCE: Duration = Duration::from_secs(1);
/// The longest that an attempt of another endpoint holds a place.
pub const PATIENCE_UNTRUSTED: Duration = Duration::from_millis(250);
/// Attempts that an endpoint that is not trusted may have in the air while the capacity is used up.
pub const UNTRUSTED_MAX: u32 = 2;

/// How far a class moves on with each turn: the inverse of its weight, which is 4, 2, 1.
const STRIDES: [u64; CLASSES] = [1, 2, 4];
const CLASSES: usize = 3;

/// An attempt in the air; to be given back with [`Turns::end`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place(u64);

#[derive(Debug)]
struct Attempt {
    endpoint: EndpointNo,
    began: Duration,
    /// `None`: it holds no place any more.
    held_until: Option<Duration>,
    is_trusted: bool,
}

/// What an endpoint may count on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Trusted,
    Untrusted,
    /// Not trusted, and with all that it may have in the air.
    Full,
}

#[derive(Debug)]
struct Endpoint<T> {
    in_air: u32,
    is_trusted: bool,
    waiting: [VecDeque<T>; CLASSES],
    /// Where it stands in line, by class.
    lined_up: [Option<(Standing, Turn)>; CLASSES],
    /// The round after its last turn, by class.
    rounds: [u64; CLASSES],
}

/// A place in line: the round, whether it had a turn of late, the order of coming.
type Turn = (u64, bool, u64);

impl<T> Endpoint<T> {
    fn new() -> Self {
        Self {
            in_air: 0,
            is_trusted: false,
            waiting: Default::default(),
            lined_up: [None; CLASSES],
            rounds: [0; CLASSES],
        }
    }

    fn standing(&self) -> Standing {
        match (self.is_trusted, self.in_air < UNTRUSTED_MAX) {
            (true, _) => Standing::Trusted,
            (false, true) => Standing::Untrusted,
            (false, false) => Standing::Full,
        }
    }
}

/// The endpoints of one class that wait, by standing and turn.
#[derive(Debug, Default)]
struct Lines([BTreeMap<Turn, EndpointNo>; 3]);

/// The places, and who waits for one. `T`: whom to tell.
#[derive(Debug)]
pub struct Turns<T> {
    capacity: usize,
    in_air: FxHashMap<Place, Attempt>,
    held: usize,
    held_untrusted: usize,
    /// No place comes back by itself before this.
    due: Option<Duration>,
    endpoints: FxHashMap<EndpointNo, Endpoint<T>>,
    waiting: usize,
    lines: [Lines; CLASSES],
    /// How far each class has come, and the one whose turn it last was.
    passes: [u64; CLASSES],
    pass: u64,
    places: u64,
    turns: u64,
    /// The round that each class is in.
    rounds: [u64; CLASSES],
}

impl<T> Turns<T> {
    /// So many places, at least one.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            in_air: FxHashMap::default(),
            held: 0,
            held_untrusted: 0,
            due: None,
            endpoints: FxHashMap::default(),
            waiting: 0,
            lines: Default::default(),
            passes: [0; CLASSES],
            pass: 0,
            places: 0,
            turns: 0,
            rounds: [0; CLASSES],
        }
    }

    /// A place for an attempt of `endpoint` that begins now, if one is free for it.
    pub fn enter(&mut self, endpoint: EndpointNo, now: Duration) -> Option<Place> {
        let known = self.endpoints.entry(endpoint).or_insert_with(Endpoint::new);
        let standing = known.standing();
        // Whoever waits may not go, and what waits for this endpoint would wait for the same reason.
        self.may_go(standing).then(|| self.begin(endpoint, now))
    }

    /// Stands in line.
    pub fn wait(&mut self, endpoint: EndpointNo, priority: Priority, waiter: T) {
        let class = priority as usize;
        if self.lines[class].0.iter().all(BTreeMap::is_empty) {
            self.passes[class] = self.passes[class].max(self.pass);
        }
        self.endpoints.entry(endpoint).or_insert_with(Endpoint::new).waiting[class].push_back(waiter);
        self.waiting += 1;
        self.line_up(endpoint, class, false);
    }

    /// Whose turn it is now, with a place for it; to be asked until `None`.
    pub fn next(&mut self, now: Duration) -> Option<(Place, T)> {
        if self.waiting == 0 {
            return None;
        }
        self.take_back(now);
        let (class, endpoint) = self.choose()?;
        let known = self.endpoints.get_mut(&endpoint)?;
        let waiter = known.waiting[class].pop_front()?;
        let (_, (round, ..)) = known.lined_up[class]?;
        known.rounds[class] = round + 1;
        self.rounds[class] = self.rounds[class].max(round);
        self.waiting -= 1;
        let pass = self.passes[class].max(self.pass.saturating_sub(STRIDES[CLASSES - 1]));
        self.pass = self.pass.max(pass);
        self.passes[class] = pass + STRIDES[class];
        let place = self.begin(endpoint, now);
        self.line_up(endpoint, class, true);
        Some((place, waiter))
    }

    /// The attempt ended.
    pub fn end(&mut self, place: Place, now: Duration) {
        let Some(attempt) = self.in_air.remove(&place) else { return };
        self.let_go(&attempt);
        if let Some(known) = self.endpoints.get_mut(&attempt.endpoint) {
            known.in_air = known.in_air.saturating_sub(1);
            known.is_trusted = now.saturating_sub(attempt.began) < PATIENCE;
            self.standing_changed(attempt.endpoint);
        }
    }

    /// The attempt was not made after all: nothing is learned from it.
    pub fn give_back(&mut self, place: Place) {
        let Some(attempt) = self.in_air.remove(&place) else { return };
        self.let_go(&attempt);
        if let Some(known) = self.endpoints.get_mut(&attempt.endpoint) {
            known.in_air = known.in_air.saturating_sub(1);
            self.standing_changed(attempt.endpoint);
        }
    }

    /// Takes all of an endpoint out of the lines.
    pub fn withdraw(&mut self, endpoint: EndpointNo) -> Vec<T> {
        let Some(known) = self.endpoints.get_mut(&endpoint) else { return Vec::new() };
        let waiters: Vec<T> = known.waiting.iter_mut().flat_map(|waiting| waiting.drain(..)).collect();
        self.waiting -= waiters.len();
        self.standing_changed(endpoint);
        waiters
    }

    /// The same, and nothing is remembered of the endpoint.
    pub fn forget(&mut self, endpoint: EndpointNo) -> Vec<T> {
        let waiters = self.withdraw(endpoint);
        self.endpoints.remove(&endpoint);
        waiters
    }

    /// When to ask [`Turns::next`] again, unless something happens before.
    pub fn wake_at(&self) -> Option<Duration> {
        self.due.filter(|_| self.waiting > 0)
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    fn may_go(&self, standing: Standing) -> bool {
        let untrusted_max = (self.capacity / 2).max(1);
        self.held < self.capacity
            && (standing == Standing::Trusted || self.held_untrusted < untrusted_max)
            && (standing != Standing::Full || self.in_air.len() < self.capacity)
    }

    fn begin(&mut self, endpoint: EndpointNo, now: Duration) -> Place {
        let known = self.endpoints.entry(endpoint).or_insert_with(Endpoint::new);
        known.in_air += 1;
        let is_trusted = known.is_trusted;
        let until = now + if is_trusted { PATIENCE } else { PATIENCE_UNTRUSTED };
        self.held += 1;
        self.held_untrusted += usize::from(!is_trusted);
        self.due = Some(self.due.map_or(until, |due| due.min(until)));
        self.places += 1;
        let place = Place(self.places);
        self.in_air.insert(place, Attempt { endpoint, began: now, held_until: Some(until), is_trusted });
        place
    }

    fn let_go(&mut self, attempt: &Attempt) {
        if attempt.held_until.is_some() {
            self.held -= 1;
            self.held_untrusted -= usize::from(!attempt.is_trusted);
        }
    }

    /// Takes places back from attempts that hold them for too long. Everything in the air is looked at, but no more
    /// often than a place is due: while all is well, that is about once in [`PATIENCE`].
    fn take_back(&mut self, now: Duration) {
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        let (mut due, mut fallen) = (None::<Duration>, Vec::new());
        for attempt in self.in_air.values_mut() {
            let Some(until) = attempt.held_until else { continue };
            if until > now {
                due = Some(due.map_or(until, |due| due.min(until)));
                continue;
            }
            attempt.held_until = None;
            self.held -= 1;
            self.held_untrusted -= usize::from(!attempt.is_trusted);
            if attempt.is_trusted {
                fallen.push(attempt.endpoint);
            }
        }
        self.due = due;
        for endpoint in fallen {
            if let Some(known) = self.endpoints.get_mut(&endpoint) {
                known.is_trusted = false;
                self.standing_changed(endpoint);
            }
        }
    }

    /// The class and the endpoint that go next.
    fn choose(&self) -> Option<(usize, EndpointNo)> {
        let may = [Standing::Trusted, Standing::Untrusted, Standing::Full].map(|standing| self.may_go(standing));
        let first = |lines: &Lines| {
            let open = lines.0.iter().zip(may).filter(|(_, may)| *may);
            open.filter_map(|(line, _)| line.first_key_value()).min().map(|(_, endpoint)| *endpoint)
        };
        let firsts = self.lines.iter().enumerate().filter_map(|(class, lines)| Some((class, first(lines)?)));
        firsts.min_by_key(|(class, _)| self.passes[*class])
    }

    /// Puts the endpoint where it belongs; `is_last`: it had its turn.
    fn line_up(&mut self, endpoint: EndpointNo, class: usize, is_last: bool) {
        let Some(known) = self.endpoints.get_mut(&endpoint) else { return };
        let (standing, before) = (known.standing(), known.lined_up[class]);
        let wanted = (!known.waiting[class].is_empty()).then(|| {
            let turn = before.filter(|_| !is_last).map(|(_, turn)| turn);
            let turn = turn.unwrap_or_else(|| {
                self.turns += 1;
                let (own, round) = (known.rounds[class], self.rounds[class]);
                (own.max(round), own >= round, self.turns)
            });
            (standing, turn)
        });
        if wanted == before {
            return;
        }
        known.lined_up[class] = wanted;
        if let Some((standing, turn)) = before {
            self.lines[class].0[standing as usize].remove(&turn);
        }
        if let Some((standing, turn)) = wanted {
            self.lines[class].0[standing as usize].insert(turn, endpoint);
        }
    }

    fn standing_changed(&mut self, endpoint: EndpointNo) {
        if self.waiting == 0 && self.endpoints.get(&endpoint).is_none_or(|known| known.lined_up == [None; CLASSES]) {
            return;
        }
        (0..CLASSES).for_each(|class| self.line_up(endpoint, class, false));
    }
}

#[cfg(test)]
mod tests;
