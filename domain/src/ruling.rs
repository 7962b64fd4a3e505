//! What of a subscription decides about an event, at one version: kept, so that past decisions can be explained.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Event, Pattern, Seq, Subscription,
    filter::{self, Condition, Filter, Pool, of_types},
    subscription::Mode,
};

/// One version of a subscription, as far as it decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// Which version.
    pub version: u32,
    /// Its name then.
    pub name: String,
    /// Its types and patterns.
    pub events: Vec<Pattern>,
    /// Its filter.
    pub filters: filter::Spec,
    /// Whether it was a shadow.
    #[serde(default)]
    pub mode: Mode,
    /// It takes events after this one.
    pub since: Seq,
    /// Why it takes none, if that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inactive: Option<String>,
}

/// Whether an event is taken, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Whether it is.
    pub matched: bool,
    /// All of them must pass.
    pub conditions: Vec<Condition>,
}

impl Ruling {
    /// What decides in `subscription` at its present version.
    pub fn of(subscription: &Subscription) -> Self {
        let inactive = match (&subscription.disabled_reason, subscription.deleted_at) {
            (_, Some(at)) => Some(format!("it was deleted at {at}")),
            (Some(reason), None) => Some(reason.clone()),
            (None, None) if !subscription.spec.enabled => Some("it is not enabled".into()),
            (None, None) => None,
        };
        Self {
            version: subscription.version,
            name: subscription.spec.name.clone(),
            events: subscription.spec.events.clone(),
            filters: subscription.spec.filters.clone(),
            mode: subscription.spec.mode,
            since: subscription.since,
            inactive,
        }
    }

    /// What this version says of `event` as it was routed.
    pub fn explain(&self, event: &Event) -> Explanation {
        let mut explanation = self.explain_as_if_new(event);
        if event.seq <= self.since {
            let message = format!("it takes events after number {}; this one is number {}", self.since, event.seq);
            explanation.conditions.insert(0, Condition::new("", false, event.seq.0.into(), message));
            explanation.matched = false;
        }
        explanation
    }

    /// What this version would say of `event` if it came in now.
    pub fn explain_as_if_new(&self, event: &Event) -> Explanation {
        let mut conditions = Vec::new();
        if let Some(why) = &self.inactive {
            conditions.push(Condition::new("/enabled", false, Value::Null, format!("nothing is matched: {why}")));
        }
        conditions.push(of_types(event, &self.events));
        match Filter::compile(&self.filters, &Pool::default()) {
            Ok(filter) => conditions.extend(filter.explain(event)),
            // It was checked when it was saved.
            Err(problems) => conditions.extend(problems.into_iter().map(|problem| {
                Condition::new(format!("/filters{}", problem.pointer), false, Value::Null, problem.detail)
            })),
        }
        Explanation { matched: conditions.iter().all(|condition| condition.passed), conditions }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        filter::tests::event,
        subscription::{Spec, tests::subscription},
    };

    #[test]
    fn it_says_what_decided() {
        let spec = json!({"name": "n", "url": "https://example.com/", "events": ["log.*"], "filters": {"source": "a"}});
        let mut subscription = subscription(Spec::from_json(spec).unwrap());
        let explain = |subscription: &Subscription| Ruling::of(subscription).explain(&event(&json!({"source": "a"})));
        assert!(explain(&subscription).matched);
        subscription.since = Seq(1);
        let late = explain(&subscription);
        assert!(!late.matched);
        assert_eq!(late.conditions[0].message, "it takes events after number 1; this one is number 1");
        assert!(Ruling::of(&subscription).explain_as_if_new(&event(&json!({"source": "a"}))).matched);
        subscription.spec.enabled = false;
        let disabled = Ruling::of(&subscription);
        let conditions = disabled.explain_as_if_new(&event(&json!({"source": "a"}))).conditions;
        assert_eq!(conditions[0].message, "nothing is matched: it is not enabled");
        let kept: Ruling = serde_json::from_value(serde_json::to_value(&disabled).unwrap()).unwrap();
        assert_eq!(kept, disabled);
    }
}
