//! `loghorn event get --explain`: why an event went to a subscription, or did not.

use loghorn_web::api::explain::OfSubscription;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    Context,
    client::{self, Client, Query},
    conditions::{first_failing, tree},
    fail::{Exit, Fail},
    json::{compact, pretty},
    output::{BAD, Format, GOOD, Out, UNSURE, plain},
    sub, yaml,
};

/// The most that the server explains on one page.
const PAGE_MAX: usize = 500;

/// All pages in one, with the entries as the server sent them.
#[derive(Debug, Deserialize, Serialize)]
struct Explained {
    event_id: String,
    event_seq: u64,
    routed: bool,
    subscriptions: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
}

/// Explains the event with this id to at most `limit` subscriptions, or to the one that is named.
pub(crate) async fn run(context: &Context, id: &str, sub: Option<&str>, limit: usize) -> Result<Exit, Fail> {
    let client = context.client()?;
    let only = match sub {
        Some(wanted) => Some(sub::find(&client, wanted).await?.id),
        None => None,
    };
    let explained = read(&client, id, only.as_deref(), limit).await?;
    let entries = entries(&explained)?;
    let out = &context.out;
    match out.format {
        Format::Json => out.line(&pretty(&serde_json::to_string(&explained).unwrap_or_default()))?,
        Format::Yaml => out.line(&yaml::of_json(&serde_json::to_string(&explained).unwrap_or_default())?)?,
        Format::Jsonl => explained.subscriptions.iter().try_for_each(|raw| out.line(&compact(raw.get())))?,
        Format::Name => {
            let mut ids: Vec<&str> = entries.iter().map(|entry| entry.subscription_id.as_str()).collect();
            ids.dedup();
            ids.iter().try_for_each(|id| out.line(&plain(id)))?;
        }
        Format::Tabs => entries.iter().try_for_each(|entry| out.line(&cells(entry)))?,
        Format::Table if entries.is_empty() => out.say("There are no subscriptions."),
        Format::Table => table(out, &entries, only.is_some())?,
    }
    if !explained.routed {
        out.say(&format!("{UNSURE} the event is not routed yet: this is how it would be decided now"));
    }
    if explained.next_cursor.is_some() {
        out.say(&format!("There are more subscriptions:  --limit {}", limit * 2));
    }
    Ok(Exit::Ok)
}

/// Page by page; entries of one subscription stand side by side.
async fn read(client: &Client, id: &str, only: Option<&str>, limit: usize) -> Result<Explained, Fail> {
    let page = async |limit: usize, cursor: Option<String>| -> Result<Explained, Fail> {
        let mut query: Query = vec![("limit", limit.min(PAGE_MAX).to_string().into())];
        query.extend(only.map(|only| ("subscription", only.into())));
        query.extend(cursor.map(|cursor| ("cursor", cursor.into())));
        client.query(&["events", id, "explain"], &query).await?.read()
    };
    let mut all = page(limit, None).await?;
    loop {
        let seen = entries(&all)?.chunk_by(is_of_one).count();
        let (true, Some(cursor)) = (seen < limit, all.next_cursor.clone()) else { return Ok(all) };
        let next = page(limit - seen, Some(cursor)).await?;
        all.subscriptions.extend(next.subscriptions);
        all.next_cursor = next.next_cursor;
    }
}

fn entries(explained: &Explained) -> Result<Vec<OfSubscription>, Fail> {
    let entries = explained.subscriptions.iter().map(|raw| serde_json::from_str(raw.get()));
    entries.collect::<Result<_, _>>().map_err(|error| client::strange(&error.to_string()))
}

fn is_of_one(a: &OfSubscription, b: &OfSubscription) -> bool {
    a.subscription_id == b.subscription_id
}

/// What is said of a match.
fn word(matched: Option<bool>) -> &'static str {
    match matched {
        Some(true) => "matched",
        Some(false) => "failed",
        None => "unknown",
    }
}

fn cells(entry: &OfSubscription) -> String {
    let version = entry.version.map(|version| version.to_string()).unwrap_or_default();
    let delivery = entry.delivery_id.clone().unwrap_or_default();
    let why = if entry.matched == Some(true) { "" } else { first_failing(&entry.conditions) };
    let cells = [&entry.subscription_id, &entry.name, &version, &entry.when, word(entry.matched), &delivery, why];
    cells.map(plain).join("\t")
}

fn table(out: &Out, entries: &[OfSubscription], is_whole: bool) -> Result<(), Fail> {
    for of_one in entries.chunk_by(is_of_one) {
        let routed = of_one.iter().find(|entry| entry.when == "routed");
        for entry in of_one {
            // How it would be decided now is told where that differs; every condition also of another version.
            let is_told = routed.is_some_and(|routed| {
                let is_other = is_whole && routed.version != entry.version;
                entry.when == "now" && routed.matched == entry.matched && !is_other
            });
            if is_told {
                continue;
            }
            out.line(&line(entry, routed))?;
            if is_whole {
                tree(out, &entry.conditions, 1)?;
            }
        }
    }
    Ok(())
}

fn line(entry: &OfSubscription, routed: Option<&OfSubscription>) -> String {
    let mark = match entry.matched {
        Some(true) => GOOD,
        Some(false) => BAD,
        None => UNSURE,
    };
    let is_now = entry.when == "now";
    let version = entry.version.map(|version| format!("v{version}, ")).unwrap_or_default();
    let when = if is_now { "now" } else { "as routed" };
    let mut what = match entry.matched {
        Some(true) if is_now => "would match".to_owned(),
        Some(true) => match (&entry.delivery_id, entry.mode.as_deref()) {
            (Some(id), _) => plain(id),
            (None, Some("shadow")) => "matched, only counted: it was a shadow".into(),
            (None, _) => "matched".into(),
        },
        _ => plain(first_failing(&entry.conditions)),
    };
    match (&entry.delivery_id, routed.map(|routed| routed.matched)) {
        (_, Some(Some(then))) if is_now => {
            what.push_str(if entry.matched == Some(then) { " (as then)" } else { " (other than then)" });
        }
        // A backfill came later.
        (Some(id), _) if !is_now && entry.matched != Some(true) => {
            what.push_str(&format!(" · sent since: {}", plain(id)))
        }
        _ => {}
    }
    format!("{mark} {} ({version}{when})  {what}", plain(&entry.name))
}

#[cfg(test)]
mod tests {
    use loghorn_domain::filter::Condition;
    use serde_json::Value;

    use super::*;

    fn entry(when: &str, version: u32, matched: bool) -> OfSubscription {
        OfSubscription {
            subscription_id: "sub_1".into(),
            name: "gw".into(),
            version: Some(version),
            mode: Some("live".into()),
            when: when.into(),
            matched: Some(matched),
            conditions: vec![Condition::new("/events", matched, Value::Null, "because")],
            delivery_id: matched.then(|| "dlv_1".into()),
        }
    }

    #[test]
    fn a_line_says_how_it_was_decided_and_whether_that_would_differ_now() {
        let shown = |entry: &OfSubscription, routed: Option<&OfSubscription>| {
            anstream::adapter::strip_str(&line(entry, routed)).to_string()
        };
        let routed = entry("routed", 3, true);
        assert_eq!(shown(&routed, Some(&routed)), "✓ gw (v3, as routed)  dlv_1");
        assert_eq!(shown(&entry("now", 4, false), Some(&routed)), "✗ gw (v4, now)  because (other than then)");
        assert_eq!(shown(&entry("now", 4, true), Some(&routed)), "✓ gw (v4, now)  would match (as then)");
        assert_eq!(shown(&entry("now", 4, true), None), "✓ gw (v4, now)  would match");
        let shadow = OfSubscription { mode: Some("shadow".into()), delivery_id: None, ..routed.clone() };
        assert!(shown(&shadow, None).ends_with("it was a shadow"));
        let late = OfSubscription { delivery_id: Some("dlv_1".into()), ..entry("routed", 3, false) };
        assert_eq!(shown(&late, Some(&late)), "✗ gw (v3, as routed)  because · sent since: dlv_1");
        let unknown = OfSubscription { matched: None, ..routed.clone() };
        assert_eq!(shown(&entry("now", 4, true), Some(&unknown)), "✓ gw (v4, now)  would match");
        assert_eq!(cells(&routed), "sub_1\tgw\t3\trouted\tmatched\tdlv_1\t");
    }
}
