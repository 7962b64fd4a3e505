//! Templates: a body that a person describes, in MiniJinja.
//!
//! What a template costs is bounded: its fuel pays for each step and for every byte that it makes, so it can neither run
//! nor grow for ever. It sees the event and nothing else: there are no files, no includes, no clock.

use std::{fmt, sync::Arc};

use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value, context, escape_formatter,
    value::{Object, Serde},
};
use serde_json::json;

/// Longest template, in bytes.
const SOURCE_BYTES_MAX: usize = 64 * 1024;
/// Longest body that comes of one, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// One for each step and for each 64 bytes made: about 13 MB at most.
const FUEL: u64 = 200_000;
/// How it is called in errors.
const NAME: &str = "template";
/// What a template may name.
const NAMES: [&str; 3] = ["event", "events", "subscription"];
/// Names that are functions of the language.
const FUNCTIONS: [&str; 4] = ["range", "dict", "namespace", "loop"];

/// A template that was understood.
pub(super) struct Template {
    environment: Environment<'static>,
    is_json: bool,
}

impl Template {
    /// Understands `source`; in words and with the line, why not. `is_json`: what comes of it must be JSON, and texts
    /// are escaped for it.
    pub(super) fn new(source: &str, is_json: bool) -> Result<Self, String> {
        if source.len() > SOURCE_BYTES_MAX {
            return Err(format!("longer than {} KiB", SOURCE_BYTES_MAX / 1024));
        }
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        if is_json {
            // A kind of its own, so that what a block has escaped is not escaped again.
            environment.set_auto_escape_callback(|_| AutoEscape::Custom("json".into()));
            environment.set_formatter(format_json);
        } else {
            environment.set_auto_escape_callback(|_| AutoEscape::None);
        }
        environment.add_template_owned(NAME, source.to_owned()).map_err(|error| words(&error))?;
        let template = environment.get_template(NAME).map_err(|error| words(&error))?;
        let mut unknown: Vec<String> = template.undeclared_variables(false).into_iter().collect();
        unknown.retain(|name| !NAMES.contains(&&**name) && !FUNCTIONS.contains(&&**name));
        unknown.sort();
        match unknown.first() {
            Some(name) => Err(format!("there is no {name:?}: a template knows {}", NAMES.join(", "))),
            None => Ok(Self { environment, is_json }),
        }
    }

    /// What becomes of `events`, of which `event` is the first; in words, why nothing does.
    pub(super) fn render(&self, (id, name): (&str, &str), events: &[&serde_json::Value]) -> Result<String, String> {
        let events: Vec<Value> = events.iter().map(|event| Value::from(Serde(*event))).collect();
        self.render_values((id, name), &events)
    }

    fn render_values(&self, (id, name): (&str, &str), events: &[Value]) -> Result<String, String> {
        let event = events.first().cloned().unwrap_or_default();
        let subscription = context! { id, name };
        let template = self.environment.get_template(NAME).map_err(|error| words(&error))?;
        let body = template.render(context! { event, events, subscription }).map_err(|error| words(&error))?;
        if body.len() > BODY_BYTES_MAX {
            return Err(format!("the template makes {} bytes, and 1 MiB is the most", body.len()));
        }
        if self.is_json
            && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&body)
        {
            return Err(format!("what the template makes is no JSON: {error}"));
        }
        Ok(body)
    }

    /// Whether it makes something of at least one event that could come: nobody knows yet what metadata will hold.
    pub(super) fn try_out(&self) -> Result<(), String> {
        let event = |metadata: Value| {
            let event = json!({
                "id": "evt_019aa0c7e1b270008000000000000001",
                "seq": 1,
                "event_type": "log.error",
                "level": "ERROR",
                "source": "payment-service",
                "message": "Credit card \"processing\" timeout",
                "timestamp": "2026-11-23T18:07:49.232Z",
                "received_at": "2026-11-23T18:07:49.240Z",
            });
            context! { metadata, ..Value::from(Serde(event)) }
        };
        let given = json!({"transaction_id": "tx_12345", "amount": 1250.5, "region": "eu"});
        let any = |value: Value| Value::from_object(Any(value));
        let tried =
            [Value::from(Serde(given)), any(Value::from(1)), any(Value::from("text")), any(Value::from_iter([1]))];
        let mut first = None;
        for metadata in tried {
            match self.render_values(("sub_0", "sample"), &[event(metadata)]) {
                Ok(_) => return Ok(()),
                Err(why) => first = first.or(Some(why)),
            }
        }
        first.map_or(Ok(()), Err)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").field("is_json", &self.is_json).finish_non_exhaustive()
    }
}

/// Metadata that has every member.
#[derive(Debug)]
struct Any(Value);

impl Object for Any {
    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        Some(self.0.clone())
    }
}

/// Texts are escaped to stand between quotes; everything else is written as JSON.
fn format_json(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if !matches!(state.auto_escape(), AutoEscape::Custom(_)) || value.is_safe() || value.is_undefined() {
        let plain = AutoEscape::None;
        return match state.auto_escape() {
            AutoEscape::Custom(_) => out.write_str(value.as_str().unwrap_or_default()).map_err(Error::from),
            escape if *escape == plain => write!(out, "{value}").map_err(Error::from),
            _ => escape_formatter(out, state, value),
        };
    }
    let json = serde_json::to_string(value)
        .map_err(|error| Error::new(ErrorKind::BadSerialization, "it cannot be written as JSON").with_source(error))?;
    let text = value.as_str().and_then(|_| json.strip_prefix('"')?.strip_suffix('"'));
    out.write_str(text.unwrap_or(&json)).map_err(Error::from)
}

/// What went wrong, and in which line.
fn words(error: &Error) -> String {
    let what = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => "the template takes too long, or makes too much".to_owned(),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    };
    match error.line() {
        Some(line) => format!("line {line}: {what}"),
        None => what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOUT: (&str, &str) = ("sub_1", "gw");

    fn event() -> serde_json::Value {
        json!({
            "event_type": "pay.failed", "level": "ERROR", "source": "pay", "message": "a \"b\"\n<c>",
            "metadata": {"amount": 12.5, "tags": ["x", "y"], "n": null},
        })
    }

    fn json(source: &str) -> Result<String, String> {
        let template = Template::new(source, true)?;
        template.render(ABOUT, &[&event()])
    }

    #[test]
    fn texts_are_escaped_for_json() {
        let cases = [
            (r#"{"a": "{{ event.message }}"}"#, r#"{"a": "a \"b\"\n<c>"}"#),
            (r#"{"a": {{ event.metadata.amount }}, "b": {{ event.metadata.tags }}}"#, r#"{"a": 12.5, "b": ["x","y"]}"#),
            (r#"["{{ event.metadata.gone.too }}", {{ event.metadata.n }}]"#, r#"["", null]"#),
            (r#"{"s": "{{ subscription.name }}", "n": {{ events | length }}}"#, r#"{"s": "gw", "n": 1}"#),
            (r#"{% set x %}{{ event.message }}{% endset %}["{{ x }}"]"#, r#"["a \"b\"\n<c>"]"#),
            (r#"["{% if event.level == "ERROR" %}!{% endif %}"]"#, r#"["!"]"#),
            (r#"[{% for e in events %}"{{ e.source | upper }}"{% endfor %}]"#, r#"["PAY"]"#),
        ];
        for (source, expected) in cases {
            assert_eq!(json(source).as_deref(), Ok(expected), "{source}");
        }
        let whole: serde_json::Value = serde_json::from_str(&json("{{ event | tojson }}").unwrap()).unwrap();
        assert_eq!(whole, event());
        let message: String = serde_json::from_str(&json("{{ event.message | tojson }}").unwrap()).unwrap();
        assert_eq!(message, event()["message"].as_str().unwrap());
    }

    #[test]
    fn plain_text_is_left_as_it_is() {
        let template = Template::new("{{ event.message }}\n{{ event.metadata.amount }}", false).unwrap();
        assert_eq!(template.render(ABOUT, &[&event()]).unwrap(), "a \"b\"\n<c>\n12.5");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (source, expected) in [
            ("{\n\"a\": {{ event. }}}", "line 2: "),
            ("{\n\n{{ event.message | shout }}}", "line 3: unknown filter"),
            ("{{ evnt.message }}", "there is no \"evnt\": a template knows event, events, subscription"),
            ("{% include 'x' %}", "line 1: "),
            ("{{ event.message }}", "what the template makes is no JSON"),
            ("\n{{ event.message * event.message }}", "line 2: "),
        ] {
            let tried = Template::new(source, true).and_then(|template| template.try_out());
            let why = tried.unwrap_err();
            assert!(why.contains(expected), "{source}: {why}");
        }
        assert!(Template::new(&" ".repeat(SOURCE_BYTES_MAX + 1), false).is_err());
    }

    #[test]
    fn metadata_that_nobody_has_seen_yet_is_no_mistake() {
        for source in [
            r#"{"n": {{ event.metadata.count }}}"#,
            r#"{"n": {{ event.metadata.count + 1 }}}"#,
            r#"[{% for tag in event.metadata.labels %}"{{ tag }}"{% endfor %}]"#,
            r#"{"a": "{{ event.metadata.a.b.c }}"}"#,
        ] {
            assert_eq!(Template::new(source, true).and_then(|template| template.try_out()), Ok(()), "{source}");
        }
    }

    #[test]
    fn no_template_runs_or_grows_for_ever() {
        let doubling = "{% set a = 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' %}".to_owned()
            + &"{% set a = a ~ a %}".repeat(40)
            + "{{ a }}";
        for source in [
            "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
            "{{ 'x' * 99999999 }}",
            "{{ ('x' * 9999) | replace('x', 'y' * 9999) }}",
            &*doubling,
            "{% for a in range(60000) %}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{% endfor %}",
            "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        ] {
            let template = Template::new(source, false).unwrap();
            assert!(template.render(ABOUT, &[&event()]).is_err(), "{source}");
        }
    }
}
