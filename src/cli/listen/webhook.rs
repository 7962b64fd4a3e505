//! A webhook that arrived, as a line, as a table's row or as an object.

use std::collections::BTreeMap;

use actix_web::web::Bytes;
use loghorn_domain::Timestamp;
use serde_json::{Value, json};

use super::super::{
    client::forward::Forwarded,
    fail::Fail,
    json,
    output::{BAD, Format, GOOD, Out, UNSURE, is_unsafe, plain, shortened},
    signature::Checked,
    yaml,
};

/// One webhook as it arrived, and how it was answered.
#[derive(Debug)]
pub(super) struct Webhook {
    pub(super) at: Timestamp,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Bytes,
    /// `None` where there is no secret to check it with.
    pub(super) checked: Option<Checked>,
    pub(super) answered: u16,
    /// What came of passing it on, if it was.
    pub(super) forwarded: Option<Forwarded>,
}

/// How it went, for the last line.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) received: u64,
    good: u64,
    pub(super) bad: u64,
}

impl Webhook {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(super) fn print(&self, out: &Out, with_body: bool) -> Result<(), Fail> {
        match out.format {
            Format::Json => out.line(&json::pretty(&self.object().to_string())),
            Format::Yaml => out.line(&format!("---\n{}", yaml::of_value(&self.object())?)),
            Format::Jsonl => out.line(&json::compact(&self.object().to_string())),
            Format::Name => out.line(&plain(self.id())),
            Format::Tabs => {
                let (event_type, message) = self.event();
                let cells =
                    [&self.at.to_string(), &event_type, self.id(), self.word(), &self.answered.to_string(), &message];
                out.line(&cells.map(plain).join("\t"))?;
                if with_body { self.print_body(out) } else { Ok(()) }
            }
            Format::Table => {
                out.line(&self.sentence())?;
                if with_body { self.print_body(out) } else { Ok(()) }
            }
        }
    }

    fn id(&self) -> &str {
        self.headers.get("webhook-id").map_or("-", String::as_str)
    }

    /// The event's type and message.
    fn event(&self) -> (String, String) {
        let body = self.json();
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        (text("/type").unwrap_or_else(|| "-".into()), text("/data/message").unwrap_or_default())
    }

    fn word(&self) -> &'static str {
        match &self.checked {
            None => "unverified",
            Some(checked) if checked.is_good() => "verified",
            Some(_) => "bad",
        }
    }

    /// time, type, id, signature, answer, message
    fn sentence(&self) -> String {
        let (event_type, message) = self.event();
        let time = self.at.to_string();
        let clock = time.get(11..19).unwrap_or(&time);
        let mark = match &self.checked {
            None => format!("{UNSURE} unverified"),
            Some(checked) if checked.is_good() => format!("{GOOD} {}", checked.words()),
            Some(checked) => format!("{BAD} {}", checked.words()),
        };
        let code = match self.answered {
            code @ 300.. => format!("\x1b[31m→ {code}\x1b[0m"),
            code => format!("→ {code}"),
        };
        let answer = match &self.forwarded {
            Some(forwarded) => format!("  {code} {}", plain(&forwarded.words())),
            None if self.answered < 300 => String::new(),
            None => format!("  {code}"),
        };
        let message = plain(&shortened(&message, 60));
        format!("{clock}  {}  {}  {mark}{answer}  {message}", plain(&event_type), plain(self.id()))
    }

    fn print_body(&self, out: &Out) -> Result<(), Fail> {
        out.line(&format!("  {} {}", plain(&self.method), plain(&self.path)))?;
        for (name, value) in &self.headers {
            out.line(&format!("  {}: {}", plain(name), plain(value)))?;
        }
        let text = String::from_utf8_lossy(&self.body);
        let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&self.body).is_ok();
        let shown = if is_json { json::pretty(&text) } else { text.into_owned() };
        out.line("")?;
        shown.lines().try_for_each(|line| out.line(&format!("  {}", escaped(line))))?;
        out.line("")
    }

    /// One object for programs.
    fn object(&self) -> Value {
        let body = match serde_json::from_slice::<Value>(&self.body) {
            Ok(json) => json,
            Err(_) => String::from_utf8_lossy(&self.body).into(),
        };
        let signatures = self.checked.as_ref().map(|checked| {
            json!({"standard": checked.standard.word(), "plain": checked.plain.word(), "detail": checked.words()})
        });
        json!({
            "id": self.headers.get("webhook-id"),
            "type": body.get("type"),
            "verified": self.checked.as_ref().map(Checked::is_good),
            "signatures": signatures,
            "received_at": self.at.to_string(),
            "method": self.method,
            "path": self.path,
            "headers": self.headers,
            "body": body,
            "answered": self.answered,
            "forwarded": self.forwarded,
        })
    }
}

/// Like [`plain`], but leaves a tab as it is.
fn escaped(line: &str) -> String {
    line.split('\t')
        .map(|part| if part.chars().any(is_unsafe) { plain(part) } else { part.to_owned() })
        .collect::<Vec<_>>()
        .join("\t")
}

impl Tally {
    pub(super) fn add(&mut self, webhook: &Webhook) {
        self.received += 1;
        match &webhook.checked {
            Some(checked) if checked.is_good() => self.good += 1,
            Some(_) => self.bad += 1,
            None => {}
        }
    }

    pub(super) fn sentence(&self, is_checking: bool) -> String {
        let Self { received, good, bad } = self;
        if is_checking {
            format!("received {received} · signatures good {good}, bad {bad}")
        } else {
            format!("received {received}, unverified")
        }
    }
}

#[cfg(test)]
mod tests {
    use loghorn_domain::{secret::Secret, signing::Signer};

    use super::{super::super::signature, *};

    fn webhook(body: &'static [u8], secret: Option<&Secret>) -> Webhook {
        let at = Timestamp::from_millis(1_000_000);
        let signer = Signer::new(&Secret::generated([1; 32]), &[]);
        let headers: BTreeMap<String, String> = [
            ("webhook-id", "dlv_1".to_owned()),
            ("webhook-timestamp", at.seconds().to_string()),
            ("webhook-signature", signer.standard("dlv_1", at, body)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        let lookup = |name: &str| headers.get(name).cloned();
        let checked = secret.map(|secret| signature::check(std::slice::from_ref(secret), "x", lookup, body, at));
        Webhook {
            at,
            method: "POST".into(),
            path: "/".into(),
            body: Bytes::from_static(body),
            checked,
            answered: 200,
            forwarded: None,
            headers,
        }
    }

    #[test]
    fn each_webhook_is_one_line() {
        let shown = |webhook: &Webhook| anstream::adapter::strip_str(&webhook.sentence()).to_string();
        const BODY: &[u8] = b"{\"type\":\"log.error\",\"data\":{\"message\":\"card\\u001b[2J\\ntimeout\"}}";
        let good = webhook(BODY, Some(&Secret::generated([1; 32])));
        assert_eq!(shown(&good), "00:16:40  log.error  dlv_1  ✓ v1  card\\x1b[2J\\ntimeout");
        assert_eq!(shown(&webhook(BODY, None)), "00:16:40  log.error  dlv_1  ~ unverified  card\\x1b[2J\\ntimeout");
        let bad = webhook(BODY, Some(&Secret::generated([2; 32])));
        assert!(shown(&bad).contains("✗ v1: it does not fit"), "{}", shown(&bad));
        let forwarded = Forwarded { status: Some(201), duration_ms: 12.4, body: "it's\tdone".into(), error: None };
        let passed = Webhook { answered: 201, forwarded: Some(forwarded), ..good };
        let expected = "00:16:40  log.error  dlv_1  ✓ v1  → 201 12 ms \"it's\\tdone\"  card\\x1b[2J\\ntimeout";
        assert_eq!(shown(&passed), expected);
    }

    #[test]
    fn programs_get_an_object() {
        let object = webhook(b"{\"type\":\"a.b\"}", Some(&Secret::generated([1; 32]))).object();
        assert_eq!(
            (&object["id"], &object["type"], &object["verified"]),
            (&json!("dlv_1"), &json!("a.b"), &json!(true))
        );
        assert_eq!(object["body"], json!({"type": "a.b"}));
        assert_eq!(webhook(b"no json", None).object()["body"], json!("no json"));
        assert_eq!(webhook(b"{}", None).object()["verified"], Value::Null);
    }
}
