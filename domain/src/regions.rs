//! Regions: a value inside an event says which of several URLs its delivery goes to.
//!
//! Each region is an endpoint of its own: its own queue, circuit and window, so that one that is down delays no other.
//! What has no such value, or one that no region is named after, goes to the subscription's own URL.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    EndpointNo, Event, Problem, Subscription,
    filter::{each_at, metadata},
    pointer_part,
};

/// Most regions of one subscription.
pub const REGIONS_MAX: usize = 64;
/// Most regions that a subscription may ever have had: each keeps its queue.
pub const REGIONS_EVER_MAX: usize = 256;
/// Longest name of a region, in characters.
const NAME_CHARS_MAX: usize = 64;
/// Longest path, in bytes.
const PATH_BYTES_MAX: usize = 512;

/// Where events go by a value inside them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regions {
    /// Where that value stands: `source`, `level`, `event_type`, or a dotted path within the metadata such as
    /// `metadata.region`; at most 512 bytes.
    pub by: String,
    /// The URL for each value; 1–64, each named in 1–64 characters.
    pub urls: BTreeMap<String, String>,
}

impl Regions {
    /// The region of `event`; `None` where it names none of them. A number, `true` or `false` names the region that is
    /// written like its JSON; `null`, a list or an object names none.
    pub fn of(&self, event: &Event) -> Option<&str> {
        let value = self.value(event)?;
        self.urls.get_key_value(&*value).map(|(name, _)| name.as_str())
    }

    fn value<'e>(&self, event: &'e Event) -> Option<Cow<'e, str>> {
        match self.by.as_str() {
            "source" => Some((&*event.head.source).into()),
            "level" => Some(event.head.level.name().into()),
            "event_type" => Some(event.head.event_type.as_str().into()),
            by => {
                let (path, mut found) = (by.strip_prefix("metadata.")?, None);
                each_at(metadata(event).as_object()?, path, &mut |value| {
                    found = text(value);
                    found.is_some()
                });
                found
            }
        }
    }

    /// What is wrong with them; whether the URLs may be reached is not known here.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let is_path = |by: &str| by.strip_prefix("metadata.").is_some_and(|path| !path.split('.').any(str::is_empty));
        let is_known = matches!(self.by.as_str(), "source" | "level" | "event_type") || is_path(&self.by);
        if !is_known || self.by.len() > PATH_BYTES_MAX {
            let expected = "expected source, level, event_type, or a path such as metadata.region; at most 512 bytes";
            problems.push(Problem::new("/regions/by", expected));
        }
        if !(1..=REGIONS_MAX).contains(&self.urls.len()) {
            problems.push(Problem::new("/regions/urls", "expected 1 to 64 regions"));
        }
        for name in self.urls.keys().filter(|name| !(1..=NAME_CHARS_MAX).contains(&name.chars().count())) {
            problems.push(Problem::new(pointer(name), "expected a name of 1 to 64 characters"));
        }
        problems
    }
}

impl Subscription {
    /// All its queues, its own URL's first.
    pub fn endpoints(&self) -> impl Iterator<Item = EndpointNo> + '_ {
        std::iter::once(self.endpoint).chain(self.regions.values().copied())
    }

    /// The queue that a delivery of `event` belongs to.
    pub fn endpoint_of(&self, event: &Event) -> EndpointNo {
        let region = self.spec.regions.as_ref().and_then(|regions| regions.of(event));
        region.and_then(|name| self.regions.get(name)).copied().unwrap_or(self.endpoint)
    }

    /// Where the deliveries of `endpoint` go: what waits for a region that is no more goes to its own URL.
    pub fn url_of(&self, endpoint: EndpointNo) -> &str {
        let region = self.region_of(endpoint);
        let urls = self.spec.regions.as_ref().map(|regions| &regions.urls);
        region.and_then(|name| urls?.get(name)).unwrap_or(&self.spec.url)
    }

    /// The region whose queue `endpoint` is, if it is one's.
    pub fn region_of(&self, endpoint: EndpointNo) -> Option<&str> {
        self.regions.iter().find(|(_, no)| **no == endpoint).map(|(name, _)| name.as_str())
    }

    /// Regions that have no queue yet.
    pub fn new_regions(&self) -> Vec<String> {
        let names = self.spec.regions.iter().flat_map(|regions| regions.urls.keys());
        names.filter(|name| !self.regions.contains_key(*name)).cloned().collect()
    }
}

/// The JSON pointer to a region's URL in its subscription.
pub fn pointer(name: &str) -> String {
    format!("/regions/urls/{}", pointer_part(name))
}

fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Number(number) => Some(number.to_string().into()),
        Value::Bool(is_true) => Some(if *is_true { "true" } else { "false" }.into()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
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

    fn regions(by: &str, names: &[&str]) -> Regions {
        let urls = names.iter().map(|name| ((*name).to_owned(), format!("https://{name}.example.com/"))).collect();
        Regions { by: by.into(), urls }
    }

    #[test]
    fn a_value_names_its_region_and_everything_else_none() {
        for (by, metadata, expected) in [
            ("metadata.region", json!({"region": "eu"}), Some("eu")),
            ("metadata.region", json!({"region": "EU"}), None),
            ("metadata.region", json!({"region": "mars"}), None),
            ("metadata.region", json!({}), None),
            ("metadata.region", json!({"region": null}), None),
            ("metadata.region", json!({"region": ["eu"]}), None),
            ("metadata.region", json!({"region": {"eu": 1}}), None),
            ("metadata.region", json!({"region": 7}), Some("7")),
            ("metadata.region", json!({"region": 7.5}), None),
            ("metadata.region", json!({"region": true}), Some("true")),
            ("metadata.geo.zone", json!({"geo": {"zone": "eu"}}), Some("eu")),
            ("metadata.geo.zone", json!({"geo.zone": "eu"}), Some("eu")),
            ("metadata.geo.zone", json!({"geo.zone": ["us"], "geo": {"zone": "eu"}}), Some("eu")),
            ("metadata.geo.zone", json!({"geo": "eu"}), None),
            ("source", json!({}), Some("shop")),
            ("level", json!({}), Some("ERROR")),
            ("event_type", json!({}), Some("log.error")),
        ] {
            let event = event(&json!({"level": "ERROR", "source": "shop", "metadata": metadata}));
            let regions = regions(by, &["eu", "us", "7", "true", "null", "shop", "ERROR", "log.error"]);
            assert_eq!(regions.of(&event), expected, "{by} in {metadata}");
        }
    }

    #[test]
    fn each_region_has_a_queue_that_outlives_it() {
        let regions = json!({"by": "metadata.region", "urls": {"eu": "https://eu.example.com/", "us": "https://us.example.com/"}});
        let spec = json!({"name": "n", "url": "https://example.com/hook", "events": ["**"], "regions": regions});
        let mut subscription = subscription(Spec::from_json(spec).unwrap());
        assert_eq!(subscription.new_regions(), ["eu", "us"]);
        subscription.regions = BTreeMap::from([("eu".into(), EndpointNo(2)), ("us".into(), EndpointNo(3))]);
        assert!(subscription.new_regions().is_empty());
        let of = |subscription: &Subscription, region: &str| {
            let event = event(&json!({"metadata": {"region": region}}));
            let endpoint = subscription.endpoint_of(&event);
            (endpoint.0, subscription.url_of(endpoint).to_owned())
        };
        assert_eq!(of(&subscription, "eu"), (2, "https://eu.example.com/".into()));
        assert_eq!(of(&subscription, "us"), (3, "https://us.example.com/".into()));
        assert_eq!(of(&subscription, "mars"), (1, "https://example.com/hook".into()));
        assert_eq!(subscription.endpoints().collect::<Vec<_>>(), [EndpointNo(1), EndpointNo(2), EndpointNo(3)]);
        let kept: Subscription = serde_json::from_value(serde_json::to_value(&subscription).unwrap()).unwrap();
        assert_eq!(kept.regions, subscription.regions);
        subscription.spec.regions.as_mut().unwrap().urls.remove("eu");
        assert_eq!((of(&subscription, "eu").0, subscription.url_of(EndpointNo(2))), (1, "https://example.com/hook"));
        subscription.spec.regions = None;
        assert_eq!((of(&subscription, "us").0, subscription.url_of(EndpointNo(3))), (1, "https://example.com/hook"));
        assert_eq!(subscription.endpoints().count(), 3);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_pointer() {
        let found = |regions: &Regions| regions.problems().into_iter().map(|p| p.pointer).collect::<Vec<_>>();
        for by in ["source", "level", "event_type", "metadata.a", "metadata.a.b"] {
            assert_eq!(found(&regions(by, &["eu"])), [""; 0], "{by}");
        }
        let long = format!("metadata.{}", "a".repeat(504));
        for by in ["", "region", "metadata", "metadata.", "metadata..a", "metadata.a.", "$.metadata.region", &long] {
            assert_eq!(found(&regions(by, &["eu"])), ["/regions/by"], "{by}");
        }
        assert_eq!(found(&regions("source", &[])), ["/regions/urls"]);
        let many: Vec<String> = (0..65).map(|n| n.to_string()).collect();
        assert_eq!(found(&regions("source", &many.iter().map(String::as_str).collect::<Vec<_>>())), ["/regions/urls"]);
        assert_eq!(found(&regions("source", &["", &"é".repeat(64)])), ["/regions/urls/"]);
        let long = "a/".repeat(33);
        assert_eq!(found(&regions("source", &[&long])), [format!("/regions/urls/{}", "a~1".repeat(33))]);
    }
}
