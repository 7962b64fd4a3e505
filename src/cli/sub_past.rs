//! What a plan would have meant for the past: how many of the log's events each subscription is sent as it is, and would
//! be sent as it is to become.

use std::collections::BTreeMap;

use loghorn_web::api::filters::Report;
use serde_json::{Map, Value, json};

use super::{
    Context,
    client::{Client, strange},
    fail::Fail,
    filter::in_lines,
    sub_plan::Step,
};

/// Members that decide what is sent.
const DECIDING: [&str; 4] = ["events", "filters", "enabled", "mode"];

/// Deliveries that the events of a time would have made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) before: u64,
    pub(super) after: u64,
}

/// Counts by trying filters on the log; each of them once.
pub(super) struct Past<'a> {
    context: &'a Context,
    client: &'a Client,
    since: &'a str,
    counted: BTreeMap<String, u64>,
}

impl<'a> Past<'a> {
    pub(super) fn new(context: &'a Context, client: &'a Client, since: &'a str) -> Self {
        Self { context, client, since, counted: BTreeMap::new() }
    }

    /// What the step changes; `None` where it changes nothing of that.
    pub(super) async fn of(&mut self, step: &Step, is_pruning: bool) -> Result<Option<Counts>, Fail> {
        let (before, after) = match step {
            Step::Create { spec, .. } => (None, Some(spec)),
            Step::Update { spec, old, members, .. } if members.iter().any(|name| DECIDING.contains(&&**name)) => {
                (Some(old), Some(spec))
            }
            Step::Extra { spec, .. } if is_pruning => (Some(spec), None),
            Step::Update { .. } | Step::Keep { .. } | Step::Extra { .. } => return Ok(None),
        };
        Ok(Some(Counts { before: self.sent(before).await?, after: self.sent(after).await? }))
    }

    async fn sent(&mut self, spec: Option<&Map<String, Value>>) -> Result<u64, Fail> {
        let Some(spec) = spec.filter(|spec| sends(spec)) else { return Ok(0) };
        let member = |name: &str| spec.get(name).cloned().unwrap_or(Value::Null);
        let filters = spec.get("filters").cloned().unwrap_or_else(|| json!({}));
        let test = json!({"events": member("events"), "filters": filters, "sample": {"since": self.since}});
        let test = test.to_string();
        if let Some(count) = self.counted.get(&test) {
            return Ok(*count);
        }
        let raw = in_lines(self.context, self.client, test.clone()).await?;
        let report: Report = serde_json::from_str(&raw).map_err(|error| strange(&error.to_string()))?;
        if !report.complete {
            return Err(strange("the server did not get to the end of the log"));
        }
        self.counted.insert(test, report.matched);
        Ok(report.matched)
    }
}

/// Whether it sends anything at all.
fn sends(spec: &Map<String, Value>) -> bool {
    spec.get("enabled") != Some(&Value::Bool(false)) && spec.get("mode").and_then(Value::as_str) != Some("shadow")
}
