use proptest::prelude::*;

use super::*;

const HIGH: Priority = Priority::High;
const NORMAL: Priority = Priority::Normal;
const LOW: Priority = Priority::Low;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Makes `endpoint` trusted.
fn trust<T>(turns: &mut Turns<T>, endpoint: u32, now: Duration) {
    let place = turns.enter(EndpointNo(endpoint), now).unwrap();
    turns.end(place, now);
}

#[test]
fn classes_share_by_weight_and_endpoints_take_turns() {
    let mut turns = Turns::new(1);
    (0..6).for_each(|endpoint| trust(&mut turns, endpoint, ms(0)));
    let mut place = turns.enter(EndpointNo(0), ms(0)).unwrap();
    for n in 0..700 {
        // One endpoint has ten times as much waiting as the other.
        for (class, priority) in [HIGH, NORMAL, LOW].into_iter().enumerate() {
            let endpoint = 2 * class as u32 + u32::from(n % 10 == 0);
            turns.wait(EndpointNo(endpoint), priority, endpoint);
        }
    }
    let mut counts = [0; 6];
    for _ in 0..140 {
        turns.end(place, ms(1));
        let (next, endpoint) = turns.next(ms(1)).unwrap();
        assert_eq!(turns.next(ms(1)), None, "there is one place");
        counts[endpoint as usize] += 1;
        place = next;
    }
    assert_eq!(counts, [40, 40, 20, 20, 10, 10]);
}

#[test]
fn a_class_that_waited_for_nothing_saves_nothing_up() {
    let mut turns = Turns::new(1);
    trust(&mut turns, 1, ms(0));
    let mut place = turns.enter(EndpointNo(1), ms(0)).unwrap();
    (0..200).for_each(|_| turns.wait(EndpointNo(1), LOW, LOW));
    let mut go = |turns: &mut Turns<Priority>, n: usize| {
        let mut gone = Vec::new();
        for _ in 0..n {
            turns.end(place, ms(1));
            let (next, priority) = turns.next(ms(1)).unwrap();
            (place, gone) = (next, [gone, vec![priority]].concat());
        }
        gone
    };
    go(&mut turns, 100);
    (0..200).for_each(|_| turns.wait(EndpointNo(1), HIGH, HIGH));
    let low = go(&mut turns, 50).iter().filter(|priority| **priority == LOW).count();
    assert!((9..=11).contains(&low), "{low} of 50");
}

#[test]
fn an_endpoint_with_little_to_send_passes_those_with_a_backlog() {
    let mut turns = Turns::new(1);
    (0..100).for_each(|endpoint| trust(&mut turns, endpoint, ms(0)));
    let mut place = turns.enter(EndpointNo(0), ms(0)).unwrap();
    for endpoint in 0..99 {
        (0..5).for_each(|_| turns.wait(EndpointNo(endpoint), NORMAL, endpoint));
    }
    let mut go = |turns: &mut Turns<u32>| {
        turns.end(place, ms(1));
        let (next, endpoint) = turns.next(ms(1)).unwrap();
        place = next;
        endpoint
    };
    // Two rounds and a half.
    (0..240).for_each(|_| assert_ne!(go(&mut turns), 99));
    turns.wait(EndpointNo(99), NORMAL, 99);
    turns.wait(EndpointNo(99), NORMAL, 99);
    let gone: Vec<u32> = (0..150).map(|_| go(&mut turns)).collect();
    let at: Vec<usize> = (0..150).filter(|n| gone[*n] == 99).collect();
    // Its second one waits a round, like everybody's.
    assert_eq!(at, [0, 100]);
}

#[test]
fn what_hangs_gives_its_places_back_and_leaves_half_alone() {
    let mut turns = Turns::<u32>::new(8);
    (0..20).for_each(|endpoint| trust(&mut turns, endpoint, ms(0)));
    // Eight of them hang.
    for endpoint in 0..8 {
        assert!(turns.enter(EndpointNo(endpoint), ms(0)).is_some());
    }
    assert_eq!(turns.enter(EndpointNo(19), ms(1)), None);
    turns.wait(EndpointNo(19), NORMAL, 19);
    assert_eq!(turns.next(ms(999)), None);
    assert_eq!(turns.wake_at(), Some(PATIENCE));
    let (place, _) = turns.next(PATIENCE).unwrap();
    turns.end(place, PATIENCE);
    // They are no longer trusted: one more each, four at a time.
    let more = (0..8).filter(|endpoint| turns.enter(EndpointNo(*endpoint), PATIENCE).is_some());
    assert_eq!(more.count(), 4);
    for healthy in 10..14 {
        assert!(turns.enter(EndpointNo(healthy), PATIENCE).is_some());
    }
    // An endpoint that has two in the air gets no third while the capacity is used up.
    turns.wait(EndpointNo(0), NORMAL, 0);
    turns.wait(EndpointNo(7), NORMAL, 7);
    assert_eq!(turns.next(ms(1100)), None);
    assert_eq!(turns.next(ms(1250)).unwrap().1, 7);
    assert_eq!(turns.next(ms(5000)), None);
    assert_eq!(turns.wake_at(), None, "it waits for one to end");
}

#[test]
fn a_slow_endpoint_alone_may_have_more() {
    let mut turns = Turns::<()>::new(8);
    for n in 0..4 {
        assert!(turns.enter(EndpointNo(1), ms(n)).is_some());
    }
}

#[derive(Debug, Clone)]
enum Step {
    Ask(u32, Priority),
    End(usize),
    GiveBack(usize),
    Withdraw(u32),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let priority = prop_oneof![Just(HIGH), Just(NORMAL), Just(LOW)];
    prop_oneof![
        6 => (0..6u32, priority).prop_map(|(endpoint, priority)| Step::Ask(endpoint, priority)),
        4 => any::<usize>().prop_map(Step::End),
        1 => any::<usize>().prop_map(Step::GiveBack),
        1 => (0..6u32).prop_map(Step::Withdraw),
        2 => (1..400u64).prop_map(Step::Wait),
    ]
}

proptest! {
    /// Whatever happens: capacity is kept, no place is lost, each endpoint's line keeps its order, nobody waits
    /// who may go, and in the end everybody had a turn.
    #[test]
    fn it_is_kept_whatever_happens(capacity in 1..6usize, steps in prop::collection::vec(step(), 1..300)) {
        let mut turns = Turns::<(u32, usize, usize)>::new(capacity);
        let (mut now, mut asked) = (ms(0), 0);
        let mut in_air: Vec<Place> = Vec::new();
        let mut expected: BTreeMap<(u32, usize), VecDeque<usize>> = BTreeMap::new();
        for step in steps.into_iter().chain([Step::Wait(300)].into_iter().cycle().take(2000)) {
            let is_over = matches!(step, Step::Wait(300)) && asked > 0;
            match step {
                Step::Ask(endpoint, priority) => match turns.enter(EndpointNo(endpoint), now) {
                    Some(place) => in_air.push(place),
                    None => {
                        asked += 1;
                        turns.wait(EndpointNo(endpoint), priority, (endpoint, priority as usize, asked));
                        expected.entry((endpoint, priority as usize)).or_default().push_back(asked);
                    }
                },
                Step::End(n) if !in_air.is_empty() => turns.end(in_air.swap_remove(n % in_air.len()), now),
                Step::GiveBack(n) if !in_air.is_empty() => turns.give_back(in_air.swap_remove(n % in_air.len())),
                Step::Withdraw(endpoint) => {
                    let gone = turns.withdraw(EndpointNo(endpoint)).len();
                    let known = expected.iter_mut().filter(|((of, _), _)| *of == endpoint);
                    prop_assert_eq!(gone, known.map(|(_, line)| std::mem::take(line).len()).sum::<usize>());
                }
                Step::Wait(millis) => {
                    now += ms(millis);
                    if is_over && let Some(place) = in_air.pop() {
                        turns.end(place, now);
                    }
                }
                _ => {}
            }
            while let Some((place, (endpoint, class, n))) = turns.next(now) {
                in_air.push(place);
                prop_assert_eq!(expected.get_mut(&(endpoint, class)).and_then(VecDeque::pop_front), Some(n));
            }
            prop_assert!(turns.held <= capacity);
            let holding = turns.in_air.values().filter(|attempt| attempt.held_until.is_some());
            prop_assert_eq!(turns.held, holding.clone().count());
            prop_assert_eq!(turns.held_untrusted, holding.filter(|attempt| !attempt.is_trusted).count());
            prop_assert!(turns.held_untrusted <= (capacity / 2).max(1));
            prop_assert_eq!(turns.in_air.len(), in_air.len());
            prop_assert_eq!(turns.waiting(), expected.values().map(VecDeque::len).sum::<usize>());
            for known in turns.endpoints.values() {
                let waits = known.waiting.iter().any(|waiting| !waiting.is_empty());
                prop_assert!(!waits || !turns.may_go(known.standing()), "one waits that may go");
            }
        }
        prop_assert_eq!(turns.waiting(), 0, "one waits for ever");
    }

    /// With all three classes waiting all the time each gets its share, to within one round.
    #[test]
    fn shares_are_kept(endpoints in 1..5u32, rounds in 1..60usize) {
        let mut turns = Turns::new(1);
        (0..3 * endpoints).for_each(|endpoint| trust(&mut turns, endpoint, ms(0)));
        let mut place = turns.enter(EndpointNo(0), ms(0)).unwrap();
        let mut counts = [0usize; CLASSES];
        for endpoint in 0..3 * endpoints {
            let class = endpoint as usize % CLASSES;
            let priority = [HIGH, NORMAL, LOW][class];
            (0..7 * rounds).for_each(|_| turns.wait(EndpointNo(endpoint), priority, class));
        }
        for _ in 0..7 * rounds {
            turns.end(place, ms(1));
            let (next, class) = turns.next(ms(1)).unwrap();
            counts[class] += 1;
            place = next;
        }
        for (count, weight) in counts.into_iter().zip([4, 2, 1]) {
            prop_assert!(count.abs_diff(rounds * weight) <= weight, "{:?}", counts);
        }
    }
}
