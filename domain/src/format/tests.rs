//! The bodies, held against what the receivers' own clients were seen to send, and against their limits.

use serde_json::{Value, json};

use super::*;
use crate::{filter::tests::event, subscription::tests::subscription};

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn spec(format: Format, more: Value) -> Value {
    let mut spec = json!({"name": "gw", "url": "https://example.com/", "events": ["**"], "format": format});
    match format {
        Format::Pagerduty => spec["pagerduty"] = json!({"routing_key": KEY}),
        Format::Opsgenie => spec["opsgenie"] = json!({"api_key": "genie"}),
        Format::Template => spec["template"] = json!("{\"m\": \"{{ event.message }}\", \"n\": {{ events | length }}}"),
        _ => {}
    }
    for (name, value) in more.as_object().unwrap() {
        spec[name] = value.clone();
    }
    spec
}

fn formatter(format: Format) -> Formatter {
    Formatter::new(&subscription(Spec::from_json(spec(format, json!({}))).unwrap())).unwrap()
}

fn one(format: Format, event: &Event) -> Value {
    serde_json::from_slice(&formatter(format).one(event).unwrap().body).unwrap()
}

fn many(format: Format, events: &[Event]) -> Value {
    let events: Vec<Arc<Event>> = events.iter().map(|event| Arc::new(event.unread())).collect();
    serde_json::from_slice(&formatter(format).many(&events).unwrap().body).unwrap()
}

fn failure() -> Event {
    event(&json!({
        "event_type": "payment.failed", "level": "ERROR", "source": "payment-service",
        "message": "5 < 6 & <!channel> @everyone", "metadata": {"amount": 12.5, "group": "eu"},
        "timestamp": "2026-11-23T18:07:49.232Z",
    }))
}

/// The largest that is accepted, of characters that are long in every form.
fn huge(character: &str) -> Event {
    let text = |bytes: usize| character.repeat(bytes / serde_json::to_string(character).unwrap().len().max(1));
    let metadata = json!({text(900): text(100_000), "dedup_key": text(4000)});
    event(
        &json!({"event_type": "a.b", "level": "CRITICAL", "source": text(9000), "message": text(90_000), "metadata": metadata}),
    )
}

#[test]
fn slack_has_the_shape_that_its_own_client_sends() {
    let body = one(Format::Slack, &failure());
    assert_eq!(body["text"], "ERROR payment-service: 5 &lt; 6 &amp; &lt;!channel&gt; @everyone");
    assert_eq!(
        body["blocks"][0],
        json!({"type": "section", "text": {
            "type": "mrkdwn", "text": "*ERROR* payment-service\n5 &lt; 6 &amp; &lt;!channel&gt; @everyone",
        }})
    );
    assert_eq!(body["blocks"][1]["text"]["text"], "```{\n  \"amount\": 12.5,\n  \"group\": \"eu\"\n}```");
    let batch = many(Format::Slack, &std::iter::repeat_with(failure).take(45).collect::<Vec<_>>());
    assert_eq!(batch["blocks"].as_array().unwrap().len(), 41);
    assert_eq!(batch["blocks"][40]["text"]["text"], "… and 5 more");
    assert!(batch["text"].as_str().unwrap().starts_with("45 events: ERROR payment-service"));
}

#[test]
fn pagerduty_triggers_and_resolves_by_one_key() {
    let body = one(Format::Pagerduty, &failure());
    assert_eq!(
        body,
        json!({
            "routing_key": KEY, "event_action": "trigger", "dedup_key": "payment.failed:payment-service", "client": "Loghorn",
            "payload": {
                "summary": "5 < 6 & <!channel> @everyone", "source": "payment-service", "severity": "error",
                "timestamp": "2026-11-23T18:07:49.232Z", "class": "payment.failed", "group": "eu",
                "custom_details": {"amount": 12.5, "group": "eu", "event_id": "e", "event_type": "payment.failed"},
            },
        })
    );
    let action = |json: Value| {
        let body = one(Format::Pagerduty, &event(&json));
        (body["event_action"].as_str().unwrap().to_owned(), body["dedup_key"].as_str().unwrap().to_owned())
    };
    let is = |action: &str, key: &str| (action.to_owned(), key.to_owned());
    assert_eq!(action(json!({"event_type": "disk.full", "source": "a"})), is("trigger", "disk.full:a"));
    assert_eq!(action(json!({"event_type": "disk.full.resolved", "source": "a"})), is("resolve", "disk.full:a"));
    assert_eq!(
        action(json!({"event_type": "disk.full.acknowledged", "source": "a"})),
        is("acknowledge", "disk.full:a")
    );
    let status = |status: &str| json!({"event_type": "x", "metadata": {"status": status, "dedup_key": "k-1"}});
    assert_eq!(action(status("Resolved")), is("resolve", "k-1"));
    assert_eq!(action(status("acknowledged")), is("acknowledge", "k-1"));
    assert_eq!(action(status("failed")), is("trigger", "k-1"));
    assert_eq!(action(json!({"event_type": "x", "metadata": {"dedup_key": 7}})), is("trigger", "7"));
    let long = |end: &str| json!({"event_type": "x", "metadata": {"dedup_key": format!("{}{end}", "ü".repeat(300))}});
    let (a, b) = (action(long("a")).1, action(long("b")).1);
    assert!(a != b && a.len() <= 255 && a == action(long("a")).1, "{a} {b}");
    for (level, severity) in
        [("CRITICAL", "critical"), ("WARNING", "warning"), ("INFO", "info"), ("DEBUG", "info"), ("TRACE", "info")]
    {
        let body = one(Format::Pagerduty, &event(&json!({"level": level})));
        assert_eq!(body["payload"]["severity"], severity);
        // What has neither source nor message has both there.
        assert_eq!(
            (&body["payload"]["source"], &body["payload"]["summary"]),
            (&json!("loghorn"), &body["payload"]["class"])
        );
    }
}

#[test]
fn discord_calls_nobody() {
    let body = one(Format::Discord, &failure());
    assert_eq!(body["allowed_mentions"], json!({"parse": []}));
    assert_eq!(body["embeds"][0]["title"], "ERROR payment-service");
    assert_eq!(body["embeds"][0]["color"], 0xe7_4c3c);
    assert!(!body.to_string().contains("@everyone"));
    let batch = many(Format::Discord, &std::iter::repeat_with(|| huge("x")).take(12).collect::<Vec<_>>());
    assert_eq!(batch["content"], "12 events: the first 10 … and 2 more");
    assert_eq!(batch["embeds"].as_array().unwrap().len(), 10);
}

#[test]
fn teams_opsgenie_and_cloudevents_have_their_shapes() {
    let body = one(Format::Teams, &failure());
    let content = &body["attachments"][0]["content"];
    assert_eq!((&body["type"], &body["attachments"][0]["contentUrl"]), (&json!("message"), &Value::Null));
    assert_eq!(body["attachments"][0]["contentType"], "application/vnd.microsoft.card.adaptive");
    assert_eq!((&content["type"], &content["version"]), (&json!("AdaptiveCard"), &json!("1.2")));
    assert_eq!(content["body"][1], json!({"type": "TextBlock", "text": "5 < 6 & <!channel> @everyone", "wrap": true}));
    assert_eq!(
        many(Format::Teams, &[failure(), failure()])["attachments"][0]["content"]["body"][0]["text"],
        "2 events"
    );

    let body = one(Format::Opsgenie, &failure());
    assert_eq!((&body["priority"], &body["alias"]), (&json!("P2"), &json!("payment.failed:payment-service")));
    assert_eq!(
        body["details"],
        json!({"amount": "12.5", "group": "eu", "event_id": "e", "event_type": "payment.failed"})
    );
    assert_eq!(&*formatter(Format::Opsgenie).authorization().unwrap().1, "GenieKey genie");
    for (level, priority) in [("CRITICAL", "P1"), ("WARNING", "P3"), ("INFO", "P4"), ("DEBUG", "P5"), ("TRACE", "P5")] {
        assert_eq!(one(Format::Opsgenie, &event(&json!({"level": level})))["priority"], priority);
    }

    let body = one(Format::Cloudevents, &failure());
    assert_eq!(
        (&body["specversion"], &body["id"], &body["type"]),
        (&json!("1.0"), &json!("e"), &json!("payment.failed"))
    );
    assert_eq!((&body["source"], &body["time"]), (&json!("payment-service"), &json!("2026-11-23T18:07:49.232Z")));
    assert_eq!(&body["data"], failure().value());
    assert_eq!(many(Format::Cloudevents, &[failure(), failure()])[1], body);
    let formatter = formatter(Format::Cloudevents);
    assert_eq!((formatter.content_type(false), formatter.content_type(true)), (cloudevents::ONE, cloudevents::MANY));
}

#[test]
fn whatever_an_event_holds_it_fits() {
    let chars = |value: &Value| value.as_str().map_or(0, |text| text.encode_utf16().count());
    for character in ["x", "é", "😀", "\u{1}", "<", "&", "@everyone", "\"", "<@1>"] {
        let event = huge(character);
        let slack = one(Format::Slack, &event);
        assert!(slack["blocks"].as_array().unwrap().iter().all(|block| chars(&block["text"]["text"]) <= 3000));
        let pagerduty = formatter(Format::Pagerduty).one(&event).unwrap().body;
        assert!(pagerduty.len() < 512_000, "{character:?}: {}", pagerduty.len());
        let pagerduty: Value = serde_json::from_slice(&pagerduty).unwrap();
        assert!(chars(&pagerduty["payload"]["summary"]) <= 1024 && chars(&pagerduty["dedup_key"]) <= 255);
        let discord = one(Format::Discord, &event);
        let embed = &discord["embeds"][0];
        let texts = [&embed["title"], &embed["description"], &embed["footer"]["text"], &embed["fields"][0]["value"]];
        let [title, description, footer, field] = texts.map(chars);
        assert!(title <= 256 && description <= 4096 && footer <= 2048 && field <= 1024, "{character:?}");
        assert!(title + description + footer + field + "metadata".len() <= 6000, "{character:?}");
        let batch = many(Format::Discord, &std::iter::repeat_with(|| event.unread()).take(12).collect::<Vec<_>>());
        let embeds = batch["embeds"].as_array().unwrap();
        assert!(
            embeds.iter().map(|embed| chars(&embed["title"]) + chars(&embed["description"])).sum::<usize>() <= 6000
        );
        let opsgenie = one(Format::Opsgenie, &event);
        assert!(chars(&opsgenie["message"]) <= 130 && chars(&opsgenie["description"]) <= 15_000);
        assert!(chars(&opsgenie["source"]) <= 100 && chars(&opsgenie["alias"]) <= 512);
        let details = opsgenie["details"].as_object().unwrap();
        assert!(details.iter().map(|(name, value)| name.encode_utf16().count() + chars(value)).sum::<usize>() <= 8000);
        for teams in [
            one(Format::Teams, &event),
            many(Format::Teams, &std::iter::repeat_with(|| event.unread()).take(30).collect::<Vec<_>>()),
        ] {
            assert!(teams.to_string().len() <= 28_000, "{character:?}: {}", teams.to_string().len());
        }
        assert!(serde_json::from_slice::<Value>(&formatter(Format::Template).one(&event).unwrap().body).is_ok());
    }
}

#[test]
fn a_digest_looks_like_an_event() {
    let subscription = subscription(Spec::from_json(spec(Format::Slack, json!({}))).unwrap());
    let samples = [Arc::new(failure())];
    let digest = Digest {
        subscription: &subscription,
        count: 7,
        first: crate::Seq(1),
        last: crate::Seq(7),
        samples: &samples,
        now: "2026-11-23T18:07:49Z".parse().unwrap(),
        public_url: "https://logs.example",
    };
    let body: Value = serde_json::from_slice(&formatter(Format::Slack).digest(&digest).unwrap().body).unwrap();
    assert_eq!(body["text"], "WARNING loghorn: 7 events waited for \"gw\"");
    for format in Format::ALL {
        assert!(formatter(format).digest(&digest).is_ok(), "{format:?}");
    }
    let later = Digest { first: crate::Seq(8), last: crate::Seq(9), ..digest };
    for (format, member) in [(Format::Pagerduty, "dedup_key"), (Format::Opsgenie, "alias")] {
        let key = |digest: &Digest<'_>| -> Value {
            serde_json::from_slice::<Value>(&formatter(format).digest(digest).unwrap().body).unwrap()[member].clone()
        };
        assert_ne!(key(&digest), key(&later), "the second would be folded into the first");
        assert_eq!(key(&digest), key(&digest));
    }
    assert_eq!(formatter(Format::Standard).digest(&digest).unwrap().body, digest.body());
}

#[test]
fn settings_belong_to_their_format() {
    let wrong = |format: Format, more: Value| -> Vec<String> {
        let problems = Spec::from_json(spec(format, more)).err().unwrap_or_default();
        assert!(!format!("{problems:?}").contains("hush"), "{problems:?}");
        problems.into_iter().map(|problem| problem.pointer).collect()
    };
    for format in Format::ALL {
        assert!(wrong(format, json!({})).is_empty(), "{format:?}");
        assert_eq!(serde_json::to_value(format).unwrap(), format.name());
    }
    assert_eq!(wrong(Format::Pagerduty, json!({"pagerduty": null})), ["/pagerduty"]);
    assert_eq!(wrong(Format::Opsgenie, json!({"opsgenie": null})), ["/opsgenie"]);
    assert_eq!(wrong(Format::Template, json!({"template": null})), ["/template"]);
    assert_eq!(wrong(Format::Slack, json!({"template": "x"})), ["/template"]);
    assert_eq!(wrong(Format::Template, json!({"template": "{{"})), ["/template"]);
    assert!(wrong(Format::Template, json!({"template": "x", "headers": {"content-type": "text/plain"}})).is_empty());
    assert_eq!(wrong(Format::Pagerduty, json!({"pagerduty": {"routing_key": "hush"}})), ["/pagerduty/routing_key"]);
    assert_eq!(wrong(Format::Pagerduty, json!({"pagerduty": "hush"})), ["/pagerduty"]);
    assert_eq!(wrong(Format::Pagerduty, json!({"pagerduty": {"routing_key": "••••"}})), ["/pagerduty/routing_key"]);
    assert_eq!(wrong(Format::Opsgenie, json!({"opsgenie": {"api_key": "hush hush"}})), ["/opsgenie/api_key"]);
    assert_eq!(wrong(Format::Opsgenie, json!({"auth": {"type": "bearer", "token": "t"}})), ["/opsgenie/api_key"]);
    let batch = json!({"batch": {"max_events": 5}});
    assert_eq!(wrong(Format::Pagerduty, batch.clone()), ["/batch"]);
    assert_eq!(wrong(Format::Opsgenie, batch.clone()), ["/batch"]);
    assert!(wrong(Format::Slack, batch).is_empty());
    assert!(wrong(Format::Pagerduty, json!({"batch": {"max_events": 1}})).is_empty());
}

/// Whether all that `reference` has is in `ours`, of the same kind.
fn assert_has_shape(ours: &Value, reference: &Value, path: &str) {
    match (ours, reference) {
        (Value::Object(ours), Value::Object(reference)) => reference.iter().for_each(|(name, value)| {
            assert_has_shape(ours.get(name).unwrap_or(&Value::Null), value, &format!("{path}/{name}"));
        }),
        (Value::Array(ours), Value::Array(reference)) => {
            reference.first().into_iter().for_each(|value| assert_has_shape(&ours[0], value, path));
        }
        _ => assert_eq!(std::mem::discriminant(ours), std::mem::discriminant(reference), "{path}"),
    }
}

#[test]
fn bodies_have_the_shape_of_what_others_send() {
    // As sent by slack_sdk 3.47.0.
    let slack = json!({"text": "fallback", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "*ERROR* payment-service"}}]});
    // As sent by Alertmanager 0.25.0, but for client_url, and for details that are its own.
    let pagerduty = json!({
        "routing_key": "0123456789abcdef0123456789abcdef", "dedup_key": "b61c", "event_action": "trigger",
        "payload": {"summary": "[FIRING:1] HighErrors", "source": "Alertmanager", "severity": "error", "custom_details": {}},
        "client": "Alertmanager",
    });
    let opsgenie = json!({
        "alias": "b61c", "message": "[FIRING:1] HighErrors", "description": "Too many errors", "details": {},
        "source": "http://vm:9175/#/alerts?receiver=lh", "priority": "P2",
    });
    let discord = json!({"content": "", "embeds": [{"title": "[FIRING:1]", "description": "Alerts Firing:", "color": 10_038_562}]});
    for (format, reference) in [
        (Format::Slack, slack),
        (Format::Pagerduty, pagerduty),
        (Format::Opsgenie, opsgenie),
        (Format::Discord, discord),
    ] {
        assert_has_shape(&one(format, &failure()), &reference, format.name());
    }
}
