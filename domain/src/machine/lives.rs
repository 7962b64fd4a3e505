//! Seeded lives in virtual time: a queue, a receiver with moods, a router, a store that answers late, and crashes,
//! all driven by one seed. One seed replays one life.

use std::{
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    time::Duration,
};

use super::{reading::FETCH_LARGE, *};
use crate::{Class, Outcome, Verdict, delivery::Origin, job::Rate, retry};

/// xorshift64*: enough chance for a test.
#[derive(Clone)]
pub(super) struct Chance(pub(super) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

impl Dice for Chance {
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[derive(Debug, Clone)]
enum Happening {
    Route,
    Deliver(Input),
    /// A digest of these ended.
    Digested(Input, Vec<Seq>),
    Crash,
    Pause(bool),
    Mood(Mood),
    Act(breaker::Action),
    Replay,
    Backfill,
    /// The endpoint has another URL.
    Moved,
}

#[derive(Debug, Clone, Copy)]
enum Mood {
    Well,
    Failing,
    Mixed,
    Refusing,
    Throttling,
    /// Will not have some events.
    Choosy,
    /// Takes few events at a time.
    Narrow,
}

/// Whether a choosy receiver refuses this event.
fn is_bad(entry: &Entry) -> bool {
    entry.seq.0.is_multiple_of(17)
}

/// How many events a narrow receiver takes.
const NARROW: usize = 3;

impl Mood {
    fn answer(self, chance: &mut Chance, batch: &[Entry]) -> Outcome {
        match self {
            Self::Choosy if batch.iter().any(is_bad) => Outcome::answered(422, None),
            Self::Narrow if batch.len() > NARROW => Outcome::answered(413, None),
            Self::Choosy | Self::Narrow => Outcome::answered(200, None),
            Self::Well => Outcome::answered(200, None),
            Self::Failing => match chance.below(4) {
                0 => Outcome::failed(Class::TimeoutResponse),
                1 => Outcome::failed(Class::Reset),
                2 => Outcome::failed(Class::Connect),
                _ => Outcome::answered(503, None),
            },
            Self::Mixed if chance.one_in(3) => Outcome::answered(500, None),
            Self::Mixed => Outcome::answered(204, None),
            Self::Refusing => Outcome::answered(404, None),
            Self::Throttling => Outcome::answered(429, Some(Duration::from_secs(chance.below(100)))),
        }
    }
}

struct World {
    now: Timestamp,
    chance: Chance,
    dice: Chance,
    settings: Settings,
    machine: Machine,
    life: u32,
    queue: BTreeMap<Seq, Entry>,
    /// Every seq ever queued, with how it ended.
    ended: BTreeMap<Seq, Option<Verdict>>,
    dead: BTreeSet<Seq>,
    /// Attempts by their oldest entry.
    in_flight: BTreeMap<Seq, Vec<Entry>>,
    /// In this life: with which others a delivery was last sent.
    sent_with: BTreeMap<Seq, Vec<Seq>>,
    last_code: BTreeMap<Seq, Option<u16>>,
    /// What the machine was told of, or must find when it reads its queue.
    announced: BTreeSet<Seq>,
    digests: usize,
    mood: Mood,
    routed: u64,
    /// By time, then order of planning.
    plans: BinaryHeap<std::cmp::Reverse<(Timestamp, u64, u32)>>,
    planned: BTreeMap<u64, Happening>,
    order: u64,
    effects_at_this_instant: (Timestamp, usize),
    attempts_in_round: BTreeMap<Seq, u16>,
    /// What was kept of the circuit.
    memory: Option<breaker::Memory>,
    /// When this life's attempts began.
    attempted_at: Vec<Timestamp>,
}

const FOREVER: u32 = u32::MAX;

impl World {
    fn new(seed: u64) -> Self {
        let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let settings = Settings {
            retry: retry::Policy::default(),
            breaker: breaker::Settings::default(),
            in_flight_max: 1 + chance.below(20) as u16,
            rate: if chance.one_in(4) { Rate::per_second(0.5 + chance.below(100) as f64) } else { None },
            is_strict: chance.one_in(4),
            batch: None,
            is_digest: chance.one_in(4),
            disable_after: Duration::from_secs(5 * 24 * 3600),
            is_region: false,
            is_paused: false,
        };
        let settings = if chance.one_in(3) {
            let wait_max = Duration::from_millis(chance.below(20_000));
            Settings { batch: Some(Batching { events_max: 2 + chance.below(60) as u16, wait_max }), ..settings }
        } else {
            settings
        };
        let mut world = Self {
            now: Timestamp::from_millis(1_700_000_000_000),
            dice: Chance(seed | 1),
            settings,
            machine: Machine::new(settings),
            life: 0,
            queue: BTreeMap::new(),
            ended: BTreeMap::new(),
            dead: BTreeSet::new(),
            in_flight: BTreeMap::new(),
            sent_with: BTreeMap::new(),
            last_code: BTreeMap::new(),
            announced: BTreeSet::new(),
            digests: 0,
            mood: Mood::Well,
            routed: 0,
            plans: BinaryHeap::new(),
            planned: BTreeMap::new(),
            order: 0,
            effects_at_this_instant: (Timestamp::default(), 0),
            attempts_in_round: BTreeMap::new(),
            memory: None,
            attempted_at: Vec::new(),
            chance,
        };
        for _ in 0..world.chance.below(60) {
            world.plan_within(600_000, Happening::Route);
        }
        for _ in 0..world.chance.below(4) {
            world.plan_within(900_000, Happening::Crash);
            world.plan_within(900_000, Happening::Replay);
            world.plan_within(900_000, Happening::Backfill);
            let at = world.chance.below(600_000);
            world.plan(at, FOREVER, Happening::Pause(true));
            let after = world.chance.below(100_000);
            world.plan(at + after, FOREVER, Happening::Pause(false));
        }
        for _ in 0..world.chance.below(3) {
            world.plan_within(900_000, Happening::Act(breaker::Action::Probe));
            world.plan_within(900_000, Happening::Act(breaker::Action::Open));
            world.plan_within(900_000, Happening::Act(breaker::Action::Close));
            world.plan_within(900_000, Happening::Moved);
        }
        world.plan(1_000_000, FOREVER, Happening::Act(breaker::Action::Close));
        for _ in 0..world.chance.below(8) {
            let mut moods = vec![Mood::Well, Mood::Failing, Mood::Mixed, Mood::Refusing, Mood::Throttling];
            if world.settings.batch.is_some() {
                moods.extend([Mood::Choosy, Mood::Narrow]);
            }
            let mood = moods[world.chance.below(moods.len() as u64) as usize];
            world.plan_within(1_200_000, Happening::Mood(mood));
        }
        world.plan(1_300_000, FOREVER, Happening::Mood(Mood::Well));
        world
    }

    fn plan_within(&mut self, millis: u64, happening: Happening) {
        let delay = self.chance.below(millis);
        self.plan(delay, FOREVER, happening);
    }

    /// `life`: it only happens in this life of the machine.
    fn plan(&mut self, delay_ms: u64, life: u32, happening: Happening) {
        self.order += 1;
        let at = self.now.plus(Duration::from_millis(delay_ms));
        self.plans.push(std::cmp::Reverse((at, self.order, life)));
        self.planned.insert(self.order, happening);
    }

    /// Until nothing is planned and the machine asks for nothing.
    fn run(mut self) -> Self {
        self.tell(Input::Tick);
        for _ in 0..200_000 {
            let next = self.plans.peek().map(|plan| plan.0.0);
            let wake = self.machine.wake_at();
            let Some(at) = [next, wake].into_iter().flatten().min() else { return self };
            self.now = self.now.max(at);
            if next.is_some_and(|next| next <= at) {
                let Some(std::cmp::Reverse((_, order, life))) = self.plans.pop() else { continue };
                let happening = self.planned.remove(&order).unwrap();
                if life == FOREVER || life == self.life {
                    self.happen(happening);
                }
            } else {
                self.tell(Input::Tick);
            }
        }
        panic!("the life does not end");
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Deliver(input) => {
                match &input {
                    Input::Finished { seq, .. } | Input::Returned(seq) => drop(self.in_flight.remove(seq)),
                    Input::Sent(_) => self.sent(),
                    Input::Fresh(entries) => self.announced.extend(entries.iter().map(|entry| entry.seq)),
                    Input::Rewound(seq) => self.announced.extend(self.queue.range(seq..).map(|(seq, _)| *seq)),
                    _ => {}
                }
                self.tell(input);
            }
            Happening::Digested(input, seqs) => {
                let Input::Finished { seq, outcome, .. } = &input else { panic!("no end") };
                self.in_flight.remove(seq);
                if outcome.class == Class::Ok {
                    for seq in seqs {
                        // Something from before the outage may have been answered meanwhile.
                        if self.queue.remove(&seq).is_some() {
                            self.ended.insert(seq, Some(Verdict::Delivered));
                        }
                    }
                    self.in_flight.retain(|first, _| self.queue.contains_key(first));
                }
                self.tell(input);
            }
            Happening::Mood(mood) => self.mood = mood,
            Happening::Act(action) => self.tell(Input::Act(action)),
            Happening::Pause(is_paused) => {
                self.settings.is_paused = is_paused;
                let settings = self.settings;
                self.tell(Input::Configured { settings, is_new_target: false });
            }
            Happening::Route => self.route(),
            Happening::Moved => {
                let settings = self.settings;
                self.tell(Input::Configured { settings, is_new_target: true });
            }
            Happening::Replay => self.replay(),
            Happening::Backfill => self.backfill(),
            Happening::Crash => {
                self.life += 1;
                self.in_flight.clear();
                self.sent_with.clear();
                self.announced.extend(self.queue.keys());
                self.attempted_at.clear();
                // The last change may not have been kept.
                let memory = if self.chance.one_in(4) { None } else { self.memory };
                // One that a person opened would stay open for ever.
                let memory = memory.filter(|memory| memory.until.is_some());
                self.machine = Machine::recalled(self.settings, memory);
                self.tell(Input::Tick);
            }
        }
    }

    fn route(&mut self) {
        let n = 1 + if self.chance.one_in(5) { self.chance.below(400) } else { self.chance.below(5) };
        let mut entries = Vec::new();
        for _ in 0..n {
            self.routed += 1 + self.chance.below(3);
            let entry = Entry::fresh(Seq(self.routed), self.now, Origin::Live);
            self.queue.insert(entry.seq, entry);
            self.ended.insert(entry.seq, None);
            entries.push(entry);
        }
        let delay = self.chance.below(30);
        let first = entries[0].seq;
        let message = if self.chance.one_in(6) { Input::Rewound(first) } else { Input::Fresh(entries) };
        let life = self.life;
        self.plan(delay, life, Happening::Deliver(message));
    }

    fn replay(&mut self) {
        let Some(seq) = self.dead.pop_first() else { return };
        let total = self.attempts_in_round.insert(seq, 0).unwrap_or(0);
        let fresh = Entry::fresh(seq, self.now, Origin::Replay);
        self.queue.insert(seq, Entry { attempts_total: total, ..fresh });
        self.ended.insert(seq, None);
        let life = self.life;
        self.plan(3, life, Happening::Deliver(Input::Rewound(seq)));
    }

    /// Past events that nothing was made of, delivered after all.
    fn backfill(&mut self) {
        let mut lowest = None;
        for _ in 0..1 + self.chance.below(64) {
            let seq = Seq(1 + self.chance.below(self.routed.max(1)));
            if seq.0 <= self.routed && !self.ended.contains_key(&seq) {
                self.queue.insert(seq, Entry::fresh(seq, self.now, Origin::Backfill));
                self.ended.insert(seq, None);
                lowest = Some(lowest.map_or(seq, |lowest: Seq| lowest.min(seq)));
            }
        }
        let Some(lowest) = lowest else { return };
        let (delay, life) = (self.chance.below(30), self.life);
        self.plan(delay, life, Happening::Deliver(Input::Rewound(lowest)));
    }

    fn tell(&mut self, input: Input) {
        let mut effects = Vec::new();
        // What a person wants is wanted at once.
        let is_act = matches!(input, Input::Act(_) | Input::Configured { is_new_target: true, .. });
        let before = if is_act { breaker::State::Flowing } else { self.machine.breaker.state() };
        self.machine.handle(input, self.now, &mut self.dice, &mut effects);
        self.count(effects.len() + 1);
        for effect in effects {
            self.carry_out(effect, before);
        }
        assert!(self.machine.held.len() <= HELD_MAX + FETCH_LARGE);
        let in_flight: usize = self.machine.in_flight.values().map(|attempt| 1 + attempt.rest.len()).sum();
        let held = self.machine.ready.len() + self.machine.retries.len() + in_flight;
        assert_eq!(held, self.machine.held.len());
    }

    /// A machine that spins does much at one instant.
    fn count(&mut self, n: usize) {
        if self.effects_at_this_instant.0 != self.now {
            self.effects_at_this_instant = (self.now, 0);
        }
        self.effects_at_this_instant.1 += n;
        assert!(self.effects_at_this_instant.1 < 20_000, "busy at {}", self.now);
    }

    fn carry_out(&mut self, effect: Effect, before: breaker::State) {
        let life = self.life;
        match effect {
            Effect::Fetch { lease, after, n } => {
                let found: Vec<Entry> = self.queue.range(after.next()..).map(|(_, entry)| *entry).take(n).collect();
                let is_end = found.len() < n;
                let input = if self.chance.one_in(20) {
                    Input::FetchFailed { lease }
                } else {
                    Input::Fetched { lease, entries: found, is_end }
                };
                let delay = self.chance.below(20);
                self.plan(delay, life, Happening::Deliver(input));
            }
            Effect::Attempt(entry) => self.attempt(entry, before),
            Effect::Digest(entry) => self.digest(entry, before),
            Effect::Settle(entry, verdict) => self.settle(entry, verdict),
            Effect::Disable(_) => panic!("no receiver here says 410, or fails for so long"),
            Effect::Circuit(_, _, memory) => self.memory = memory,
        }
    }

    fn attempt(&mut self, entry: Entry, before: breaker::State) {
        assert!(!self.settings.is_paused, "attempted while paused");
        if let breaker::State::Tripped { until } = before {
            assert!(self.now >= until, "attempted while tripped");
        }
        let batch = self.sent_as(entry);
        let all: Vec<Seq> = self.in_flight.values().flatten().map(|entry| entry.seq).collect();
        for entry in &batch {
            assert!(!all.contains(&entry.seq), "two attempts of one delivery at a time");
            assert_eq!(self.queue.get(&entry.seq), Some(entry), "attempted what is not (or not so) in the queue");
            assert!(entry.next_at.is_none_or(|at| at <= self.now), "attempted before its time");
        }
        self.in_flight.insert(entry.seq, batch.clone());
        assert!(self.in_flight.len() <= usize::from(self.settings.in_flight_max.max(2)) + 1);
        if !self.settings.is_strict
            && entry.origin == Origin::Backfill
            && self.machine.breaker.state() != breaker::State::Probing
        {
            assert_eq!(self.machine.ready.live(), 0, "a live entry was due");
            let low = self.in_flight.values().filter(|batch| batch[0].origin == Origin::Backfill).count();
            assert!(low <= (self.machine.window.size() / 2).max(1), "{low} of a backfill in flight");
        }
        if self.settings.is_strict {
            assert_eq!(self.in_flight.len(), 1, "not one at a time");
            let oldest = self.queue.keys().find(|seq| self.announced.contains(*seq));
            assert_eq!(oldest, Some(&entry.seq), "not the oldest");
        }
        let life = self.life;
        if self.chance.one_in(50) {
            return self.plan(1, life, Happening::Deliver(Input::Returned(entry.seq)));
        }
        // It may have to wait for its turn.
        let turn = if self.settings.rate.is_some() && self.chance.one_in(3) { self.chance.below(3000) } else { 0 };
        self.plan(turn, life, Happening::Deliver(Input::Sent(entry.seq)));
        let outcome = self.mood.answer(&mut self.chance, &batch);
        let seqs: Vec<Seq> = batch.iter().map(|entry| entry.seq).collect();
        self.sent_with.extend(seqs.iter().map(|seq| (*seq, seqs.clone())));
        self.last_code.extend(batch.iter().map(|entry| (entry.seq, outcome.status_code)));
        let took = if outcome.class == Class::TimeoutResponse { 10_000 } else { 1 + self.chance.below(300) };
        let input = Input::Finished { seq: entry.seq, outcome, took: Duration::from_millis(took) };
        self.plan(turn + took, life, Happening::Deliver(input));
    }

    /// An attempt goes out.
    fn sent(&mut self) {
        if let Some(rate) = self.settings.rate {
            self.attempted_at.push(self.now);
            let within = |seconds: u64| {
                let from = self.now.minus(Duration::from_secs(seconds));
                self.attempted_at.iter().rev().take_while(|at| **at > from).count()
            };
            for seconds in [1, 10, 60] {
                let most = rate.within(Duration::from_secs(seconds)) + rate.within(Duration::from_secs(1)) + 1;
                assert!(within(seconds) <= most, "{} within {seconds} s at {rate}", within(seconds));
            }
        }
    }

    fn digest(&mut self, first: Entry, before: breaker::State) {
        assert!(self.settings.is_digest && !self.settings.is_paused);
        assert!(!matches!(before, breaker::State::Tripped { until } if self.now < until), "sent while tripped");
        assert_eq!(self.queue.get(&first.seq), Some(&first));
        let live = self.queue.values().filter(|entry| entry.origin == Origin::Live);
        let seqs: Vec<Seq> = live.map(|entry| entry.seq).collect();
        self.in_flight.insert(first.seq, vec![first]);
        self.digests += 1;
        let outcome = self.mood.answer(&mut self.chance, &[first]);
        let took = 1 + self.chance.below(300);
        let input = Input::Finished { seq: first.seq, outcome, took: Duration::from_millis(took) };
        let life = self.life;
        self.plan(took, life, Happening::Digested(input, seqs));
    }

    /// The batch of an attempt. What was sent together goes together again, or in parts; after a crash that is only likely.
    fn sent_as(&mut self, first: Entry) -> Vec<Entry> {
        let Some(batching) = self.settings.batch else { return vec![first] };
        if self.chance.one_in(30) {
            // The others are too many bytes.
            let n = 1 + self.chance.below(3) as usize;
            self.machine.part(first.seq, n);
        }
        let batch: Vec<Entry> = self.machine.batch(first.seq).collect();
        assert_eq!(batch[0], first);
        assert!(batch.len() <= usize::from(batching.events_max) && batch.is_sorted_by_key(|entry| entry.seq));
        assert!(batch.iter().all(|entry| entry.origin == first.origin));
        let seqs: Vec<Seq> = batch.iter().map(|entry| entry.seq).collect();
        for entry in batch.iter().filter(|entry| entry.next_at.is_some() && self.life == 0) {
            if let Some(before) = self.sent_with.get(&entry.seq) {
                assert!(seqs.iter().all(|seq| before.contains(seq)), "sent with others than before");
            }
        }
        batch
    }

    fn settle(&mut self, entry: Entry, verdict: Verdict) {
        if self.queue.get(&entry.seq) != Some(&entry) {
            // A digest told of it meanwhile; the store takes no notice.
            return assert!(self.settings.is_digest, "settled what does not wait (so)");
        }
        let is_soon = |at: Timestamp| at.since(self.now) <= Duration::from_millis(100);
        let is_special = self.settings.batch.is_some() || self.settings.is_digest;
        let is_parted = is_special && matches!(verdict, Verdict::Retry { at } if is_soon(at));
        if matches!(verdict, Verdict::Dead(_)) {
            let code = self.last_code.get(&entry.seq).copied().flatten();
            assert!(code != Some(422) || is_bad(&entry), "one bad event took others along");
            assert_ne!(code, Some(413), "too large, and not made smaller");
        }
        let attempts = self.attempts_in_round.entry(entry.seq).or_default();
        *attempts += 1;
        // A batch that is parted at its end may be parted again and again.
        let parts = if self.settings.batch.is_some() { 8 } else { 0 };
        assert!(*attempts <= self.settings.retry.attempts_max + parts, "more attempts than allowed");
        assert_eq!(entry.attempts_in_round + 1, *attempts);
        match verdict {
            Verdict::Retry { at } => {
                let delay = self.settings.retry.delay(*attempts).mul_f64(0.79);
                assert!(is_parted || at >= self.now.plus(delay), "sooner than the schedule");
                let again = Entry {
                    attempts_total: entry.attempts_total + 1,
                    attempts_in_round: entry.attempts_in_round + 1,
                    next_at: Some(at),
                    ..entry
                };
                self.queue.insert(entry.seq, again);
            }
            Verdict::Delivered | Verdict::Dead(_) => {
                self.queue.remove(&entry.seq);
                self.announced.remove(&entry.seq);
                *self.ended.get_mut(&entry.seq).unwrap() = Some(verdict);
                if verdict != Verdict::Delivered {
                    self.dead.insert(entry.seq);
                }
            }
        }
    }
}

#[test]
fn every_delivery_of_every_life_ends() {
    let mut digests = 0;
    for seed in 1..=10_000 {
        let world = World::new(seed).run();
        digests += world.digests;
        let open: Vec<_> = world.ended.iter().filter(|(_, verdict)| verdict.is_none()).collect();
        assert!(
            open.is_empty() && world.queue.is_empty(),
            "seed {seed}: {} left, first {:?}",
            open.len(),
            open.first()
        );
        assert_eq!(world.machine.wake_at(), None, "seed {seed}: not idle at the end");
    }
    assert!(digests > 1000, "{digests} digests");
}
