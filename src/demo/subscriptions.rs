//! The shop's eight subscriptions, each with what is due to it, told apart from Loghorn's own matching: the demo would
//! notice a filter that lets through too much or too little.

use serde_json::{Value, json};

use super::scenario::{Happening, REGIONS};

/// The receivers.
pub(crate) const RECEIVERS: [&str; 4] = ["payments", "supply-chain", "fraud", "monitoring"];
/// The one with an outage.
pub(crate) const SUPPLY_CHAIN: usize = 1;
/// The one that refuses for a while.
pub(crate) const FRAUD: usize = 2;

/// One subscription of the shop.
#[derive(Debug)]
pub(crate) struct Planned {
    /// Its name, and the path of its webhooks.
    pub(crate) name: &'static str,
    /// Its receiver's place among [`RECEIVERS`].
    pub(crate) receiver: usize,
    /// In words, for people.
    pub(crate) what: &'static str,
    /// Everything but its name and URLs.
    spec: fn() -> Value,
    /// Whether its webhooks go to a URL for each region.
    has_regions: bool,
    /// Whether an event is due to it.
    pub(crate) is_due: fn(&Happening) -> bool,
}

/// All of them.
pub(crate) const PLANNED: [Planned; 8] = [
    Planned {
        name: "high-value-failures",
        receiver: 0,
        what: "payment.processor.failure where metadata.amount > 1000",
        spec: || {
            json!({"events": ["payment.processor.failure"], "priority": "high",
                "filters": {"metadata": {"amount": {"gt": 1000}}}})
        },
        has_regions: false,
        is_due: |event| {
            let amount = event.metadata.get("amount").and_then(Value::as_f64).unwrap_or_default();
            event.event_type == "payment.processor.failure" && amount > 1000.0
        },
    },
    Planned {
        name: "payment-trouble",
        receiver: 0,
        what: "payment.** from WARNING on, a URL for each region",
        spec: || json!({"events": ["payment.**"], "filters": {"source": "payment-.*", "min_level": "WARNING"}}),
        has_regions: true,
        is_due: |event| matches!(event.event_type, "payment.processor.failure" | "payment.card.declined"),
    },
    Planned {
        name: "stock",
        receiver: 1,
        what: "inventory.stock.*",
        spec: || json!({"events": ["inventory.stock.*"]}),
        has_regions: false,
        is_due: |event| event.event_type.starts_with("inventory.stock."),
    },
    Planned {
        name: "supplier-delays",
        receiver: 1,
        what: "inventory.supplier.delay, in strict order",
        spec: || json!({"events": ["inventory.supplier.delay"], "ordering": "strict"}),
        has_regions: false,
        is_due: |event| event.event_type == "inventory.supplier.delay",
    },
    Planned {
        name: "fraud-alerts",
        receiver: 2,
        what: "payment.fraud.alert, first in line",
        spec: || json!({"events": ["payment.fraud.alert"], "priority": "high"}),
        has_regions: false,
        is_due: |event| event.event_type == "payment.fraud.alert",
    },
    Planned {
        name: "account-security",
        receiver: 2,
        what: "auth.**",
        spec: || json!({"events": ["auth.**"], "priority": "high"}),
        has_regions: false,
        is_due: |event| event.event_type.starts_with("auth."),
    },
    Planned {
        name: "performance",
        receiver: 3,
        what: "api.**, twenty in a webhook, last in line",
        spec: || json!({"events": ["api.**"], "priority": "low", "batch": {"max_events": 20, "max_wait": "500ms"}}),
        has_regions: false,
        is_due: |event| event.event_type.starts_with("api."),
    },
    Planned {
        name: "everything-critical",
        receiver: 3,
        what: "** where level = CRITICAL",
        spec: || json!({"events": ["**"], "filters": {"levels": ["CRITICAL"]}}),
        has_regions: false,
        is_due: |event| event.level == "CRITICAL",
    },
];

impl Planned {
    /// As it is created, with the receiver at `base`, such as `http://127.0.0.1:4000`.
    pub(crate) fn body(&self, base: &str) -> String {
        let mut body = (self.spec)();
        let url = format!("{base}/{}", self.name);
        if self.has_regions {
            let urls = REGIONS.map(|region| (region.to_owned(), Value::from(format!("{url}/{region}"))));
            body["regions"] = json!({"by": "metadata.region", "urls": serde_json::Map::from_iter(urls)});
        }
        body["name"] = self.name.into();
        body["description"] = format!("Demo: {}", self.what).into();
        body["url"] = url.into();
        body.to_string()
    }
}

/// The place among [`PLANNED`] of what a webhook's path names, and the region that it names.
pub(crate) fn of_path(path: &str) -> Option<(usize, Option<&str>)> {
    let mut parts = path.trim_start_matches('/').splitn(2, '/');
    let name = parts.next()?;
    let at = PLANNED.iter().position(|planned| planned.name == name)?;
    Some((at, parts.next()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_due_to_each_and_not_everything() {
        for planned in &PLANNED {
            let due = (0..500).filter(|n| (planned.is_due)(&Happening::new(3, *n))).count();
            assert!((1..400).contains(&due), "{}: {due}", planned.name);
        }
    }

    #[test]
    fn paths_name_subscriptions_and_regions() {
        assert_eq!(of_path("/stock"), Some((2, None)));
        assert_eq!(of_path("/payment-trouble/eu"), Some((1, Some("eu"))));
        assert_eq!(of_path("/other"), None);
    }
}
