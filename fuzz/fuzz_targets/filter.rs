//! Any bytes as a filter: it is refused in words, or its explanation and its trial agree with its answer.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use loghorn_domain::{
    Event,
    filter::{Filter, Pool, Spec, Trial},
};

static EVENTS: LazyLock<Vec<Arc<Event>>> = LazyLock::new(|| loghorn_fuzz::events().into_iter().map(Arc::new).collect());

fuzz_target!(|data: &[u8]| {
    let Ok(spec) = serde_json::from_slice::<Spec>(data) else { return };
    let pool = Pool::default();
    let filter = match Filter::compile(&spec, &pool) {
        Ok(filter) => filter,
        Err(problems) => {
            assert!((1..=20).contains(&problems.len()));
            assert!(problems.iter().all(|problem| !problem.detail.is_empty()));
            assert!(problems.iter().all(|problem| !problem.detail.starts_with("not an RFC 9535 expression")));
            return;
        }
    };
    // What is kept is the same filter.
    let kept = serde_json::to_string(&spec).unwrap();
    let again: Spec = serde_json::from_str(&kept).unwrap();
    assert_eq!(spec, again);
    let again = Filter::compile(&again, &Pool::default()).unwrap();
    let mut trial = Trial::new(vec!["**".parse().unwrap()], Filter::compile(&spec, &pool).unwrap());
    for event in EVENTS.iter() {
        let matches = filter.matches(event);
        assert_eq!(matches, again.matches(event), "{kept}");
        let conditions = filter.explain(event);
        assert_eq!(matches, conditions.iter().all(|condition| condition.passed), "{kept}: {conditions:?}");
        trial.take(event);
    }
    let matched = EVENTS.iter().filter(|event| filter.matches(event)).count();
    assert_eq!(trial.matched(), matched as u64);
    let counted = trial.conditions();
    assert!(counted.iter().all(|counted| counted.passed <= counted.tested));
    trial.unseen_paths();
    assert_eq!(trial.results().iter().filter(|judged| judged.matched).count(), matched);
});
