//! Lists inside one object that come to the generic route: Alertmanager's alerts and the audit log of Kubernetes, known
//! by their shape.

use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use super::{
    Sink,
    record::{self, Context, Notes, Parts},
    text,
};
use crate::elements::Elements;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    alerts: Option<&'a RawValue>,
    #[serde(borrow, default)]
    items: Option<&'a RawValue>,
    #[serde(borrow, default)]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "groupKey")]
    group_key: Option<&'a RawValue>,
    #[serde(borrow, default)]
    receiver: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "externalURL")]
    external_url: Option<&'a RawValue>,
}

/// Hands the entries of such a list to `sink`; false where `json`, an object, is none.
pub(super) fn decode<S: Sink>(json: &str, context: &Context, notes: &Notes, sink: &mut S) -> Result<bool, S::Error> {
    // Nearly nothing is one: it need not be read for that.
    let is_likely = json.contains("\"groupKey\"") || json.contains("\"EventList\"");
    let Some(envelope) = is_likely.then(|| serde_json::from_str::<Envelope<'_>>(json).ok()).flatten() else {
        return Ok(false);
    };
    let is_kind = |kind: &RawValue| kind.get() == "\"EventList\"";
    match envelope {
        Envelope { alerts: Some(alerts), group_key: Some(group), receiver, external_url, .. } if is_list(alerts) => {
            let group = [("groupKey", Some(group)), ("receiver", receiver), ("externalURL", external_url)];
            let text = |raw: &RawValue| serde_json::from_str::<String>(raw.get()).ok();
            let short = group.into_iter().filter_map(|(name, raw)| Some((name, raw.filter(|raw| is_short(raw))?)));
            let of_group: Map<String, Value> =
                short.filter_map(|(name, raw)| Some((name.to_owned(), text(raw)?.into()))).collect();
            each(alerts, context, sink, |alert| alert_parts(alert, &of_group, notes))?;
        }
        Envelope { items: Some(items), kind: Some(kind), .. } if is_kind(kind) && is_list(items) => {
            each(items, context, sink, |item| audit_parts(item, notes))?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// What a group's alerts share stands in each of them.
fn is_short(raw: &RawValue) -> bool {
    const SHORT_BYTES_MAX: usize = 4096;
    raw.get().len() <= SHORT_BYTES_MAX
}

fn is_list(raw: &RawValue) -> bool {
    raw.get().starts_with('[')
}

fn each<S: Sink>(
    list: &RawValue,
    context: &Context,
    sink: &mut S,
    parts: impl Fn(Map<String, Value>) -> Parts,
) -> Result<(), S::Error> {
    for element in Elements::new(list.get()).flatten() {
        let draft = match text::value(element, context, sink)? {
            Some(Value::Object(entry)) => parts(entry).draft(context),
            _ => Parts::whole(element, context, &Notes::new()).draft(context),
        };
        sink.add(draft)?;
    }
    Ok(())
}

const NAMES: [&str; 6] = ["service", "service_name", "app", "application", "job", "namespace"];

fn alert_parts(mut alert: Map<String, Value>, of_group: &Map<String, Value>, notes: &Notes) -> Parts {
    let nested = |outer: &str, names: &[&str]| {
        let outer = alert.get(outer)?.as_object()?;
        let text = names.iter().find_map(|name| outer.get(*name)?.as_str().filter(|text| !text.is_empty()));
        text.map(str::to_owned)
    };
    let text = |name: &str| alert.get(name).and_then(Value::as_str).map(str::to_owned);
    let status = text("status").unwrap_or_else(|| "firing".into());
    let is_resolved = status == "resolved";
    let severity = nested("labels", &["severity"]);
    let summary =
        nested("annotations", &["summary", "description", "message"]).or_else(|| nested("labels", &["alertname"]));
    let starts = text("startsAt");
    // The end of an alert is told by another event than its beginning.
    let id = text("fingerprint").zip(starts.clone()).map(|(fingerprint, starts)| match is_resolved {
        true => format!("{fingerprint}-{starts}-resolved"),
        false => format!("{fingerprint}-{starts}"),
    });
    let parts = Parts {
        id,
        event_type: Some(format!("alert.{status}")),
        level: severity.as_deref().and_then(loghorn_domain::Level::from_alias),
        source: nested("labels", &NAMES),
        message: summary.unwrap_or_default(),
        host: None,
        at: starts.as_deref().and_then(record::read_time),
        metadata: Map::new(),
    };
    alert.remove("startsAt");
    // The year 1 is none.
    if text_is_none(alert.get("endsAt")) {
        alert.remove("endsAt");
    }
    for (name, value) in of_group.iter().chain(notes) {
        alert.entry(name.as_str()).or_insert_with(|| value.clone());
    }
    Parts { metadata: alert, ..parts }
}

fn text_is_none(time: Option<&Value>) -> bool {
    time.and_then(Value::as_str).is_none_or(|text| text.starts_with("0001-"))
}

fn audit_parts(item: Map<String, Value>, notes: &Notes) -> Parts {
    let text = |pointer: &str| {
        let mut names = pointer.split('/');
        let first = item.get(names.next()?)?;
        let value = names.try_fold(first, |value, name| value.get(name))?;
        value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|number| number.to_string()))
    };
    let id = text("auditID").map(|id| format!("{id}-{}", text("stage").unwrap_or_default()));
    let object = ["objectRef/namespace", "objectRef/resource", "objectRef/name"].map(text);
    let object: Vec<String> = object.into_iter().flatten().collect();
    let said = [
        text("verb"),
        Some(object.join("/")).filter(|text| !text.is_empty()).or_else(|| text("requestURI")),
        text("user/username").map(|user| format!("by {user}")),
        text("responseStatus/code").map(|code| format!("→ {code}")),
    ];
    let message = said.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let at = text("stageTimestamp").or_else(|| text("requestReceivedTimestamp")).as_deref().and_then(record::read_time);
    let mut metadata = item;
    metadata.extend(notes.clone());
    Parts { id, message, at, source: None, metadata, ..Parts::default() }
}
