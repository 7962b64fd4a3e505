//! `loghorn sub create`: a subscription made of options, of a file, or of both.

use std::path::PathBuf;

use clap::{Args, builder::PossibleValuesParser};
use loghorn_domain::{Span, format};
use loghorn_web::api::subscriptions::Shown;
use serde_json::{Map, Value, json};

use super::{
    Context,
    fail::{Exit, Fail},
    filter_args::{FilterArgs, merge, read_object},
    output::{Format, GOOD, plain},
    secret_file::SecretFile,
    signature,
    sub::name,
    sub_check,
};

/// The forms that a webhook may have.
pub(crate) fn formats() -> PossibleValuesParser {
    PossibleValuesParser::new(format::Format::ALL.map(format::Format::name))
}

/// What `sub create` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn sub create gw --url https://example.com/hook --type 'payment.**' --min-level WARNING
  loghorn sub create all --url http://127.0.0.1:9100/ --type '**' --secret-file all.secret
  loghorn sub create big --url https://example.com/hook --type payment.done \\
      --meta 'amount > 1000' --meta 'region in eu,us' --source 'pay-.*'
  loghorn sub create night --url https://example.com/hook --type '**' --shadow \\
      --schedule '22:00-06:00 Europe/Berlin'
  loghorn sub create geo --url https://example.com/hook --type '**' --region-by metadata.region \\
      --region eu=https://eu.example.com/hook --region us=https://us.example.com/hook
  loghorn sub create bank --url https://bank.example.com/hook --type '**' --ca ca.pem \\
      --client-cert us.crt --client-key us.key
  loghorn sub create ops --url https://hooks.slack.com/services/T0/B0/X --type '**' --format slack
  loghorn sub create pager --url https://events.pagerduty.com/v2/enqueue --type '**' --min-level ERROR \\
      --format pagerduty --format-key-file routing.key
  loghorn sub create gw --url https://example.com/hook --type '**' --check
  loghorn sub create -f subscription.json

The secret is printed once, or written to --secret-file (readable by you alone).")]
pub(crate) struct CreateArgs {
    /// A name for people
    #[arg(required_unless_present = "file")]
    name: Option<String>,
    /// Where its webhooks go
    #[arg(long, required_unless_present = "file")]
    url: Option<String>,
    /// Another URL, for events that name this region (repeatable)
    #[arg(long, value_name = "NAME=URL")]
    region: Vec<String>,
    /// Where events name their region: source, level, event_type, or a path within the metadata
    #[arg(long, value_name = "PATH")]
    region_by: Option<String>,
    /// The form of the body; see docs/receivers.md [default: standard]
    #[arg(long, value_name = "FORMAT", value_parser = formats())]
    format: Option<String>,
    /// File of the template that makes the body, in MiniJinja
    #[arg(long, value_name = "FILE")]
    template_file: Option<PathBuf>,
    /// File of the key that the format needs: PagerDuty's routing key, or Opsgenie's API key
    #[arg(long, value_name = "FILE", requires = "format")]
    format_key_file: Option<PathBuf>,
    /// A header for each webhook (repeatable)
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// JSON of what lets them in at their receiver, such as {"type":"bearer","token":"…"}; see docs/security.md
    #[arg(long, value_name = "FILE|-")]
    auth_file: Option<PathBuf>,
    /// File of the authorities that may vouch for the receiver, in PEM [default: the platform's]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// File of the certificate that is shown to a receiver that asks for one, in PEM
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// File of the key of that certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
    /// The header that carries the plain signature [default: X-Webhook-Signature]
    #[arg(long, value_name = "NAME")]
    signature_header: Option<String>,
    /// Leave the plain signature out
    #[arg(long, conflicts_with = "signature_header")]
    no_signature_header: bool,
    /// At most so many attempts a second; may be a fraction
    #[arg(long, value_name = "N")]
    rate_limit: Option<f64>,
    /// At most so many events in one webhook
    #[arg(long, value_name = "N")]
    batch: Option<u16>,
    /// The longest an event waits for others of its batch, such as 5s
    #[arg(long, value_name = "SPAN", requires = "batch")]
    batch_wait: Option<Span>,
    /// One delivery at a time in the order of the log; while one is retried, those behind it wait
    #[arg(long)]
    strict_order: bool,
    /// After an outage send one webhook that tells of everything that waits
    #[arg(long)]
    digest: bool,
    /// Its share where all endpoints together wait for a turn [default: normal, and high for what is CRITICAL]
    #[arg(long, value_name = "CLASS", value_parser = ["high", "normal", "low"])]
    priority: Option<String>,
    /// Attempts in all before it becomes a dead letter
    #[arg(long, value_name = "N")]
    max_attempts: Option<u16>,
    /// Age at which a delivery becomes a dead letter, such as 24h
    #[arg(long, value_name = "SPAN")]
    max_age: Option<Span>,
    /// The longest that one attempt may take
    #[arg(long, value_name = "SPAN")]
    attempt_timeout: Option<Span>,
    /// More words for people
    #[arg(long)]
    description: Option<String>,
    /// Only count and show what would be sent, until it is promoted
    #[arg(long)]
    shadow: bool,
    /// Send a signed test webhook first, and save nothing unless it is taken
    #[arg(long)]
    check: bool,
    /// Create it without matching any events yet
    #[arg(long)]
    disabled: bool,
    /// JSON of the whole subscription; options given beside it win
    #[arg(short, long, value_name = "FILE|-")]
    file: Option<PathBuf>,
    /// Write the secret to this new file, readable by you alone, instead of printing it
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Sign with the secret in this file instead of a generated one
    #[arg(long, value_name = "FILE")]
    own_secret_file: Option<PathBuf>,
    // Last: its heading goes on to what comes after it.
    #[command(flatten, next_help_heading = "Which events")]
    filter: FilterArgs,
}

impl CreateArgs {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let client = context.client()?;
        let mut spec = self.spec()?;
        if let Some(path) = &self.own_secret_file {
            let secret = signature::read_secrets(std::slice::from_ref(path))?;
            spec.extend(secret.first().map(|secret| ("secret".to_owned(), secret.reveal().into())));
        }
        let json = Value::Object(spec).to_string();
        let probe = match self.check {
            true => Some(sub_check::probe(&client, &json, self.own_secret_file.is_some()).await?),
            false => None,
        };
        // Opened first: a secret that cannot be written is lost.
        let mut file = self.secret_file.as_deref().map(SecretFile::create).transpose()?;
        let answer = client.post(&["subscriptions"], json).await?;
        let shown: Shown = answer.read()?;
        let secret = shown.secret.clone().unwrap_or_default();
        if let Some(file) = &mut file {
            file.write(&secret)?;
        }
        self.report(context, &answer.body, &shown, &secret, probe.as_deref())
    }

    fn report(
        &self,
        context: &Context,
        body: &str,
        shown: &Shown,
        secret: &str,
        probe: Option<&str>,
    ) -> Result<Exit, Fail> {
        let out = &context.out;
        let path = self.secret_file.as_ref().map(|path| path.display().to_string());
        let cells = match &path {
            Some(path) => [shown.id.as_str(), name(shown), path.as_str()],
            None => [shown.id.as_str(), name(shown), secret],
        };
        let mut sentence = format!("{GOOD} created {}  {}", plain(name(shown)), plain(&shown.id));
        sentence.extend(probe.map(|probe| format!(" · probe {probe}")));
        match &path {
            Some(path) => sentence.push_str(&format!("\n  Its secret is in {}.", plain(path))),
            None => sentence.push_str(&format!("\n  Secret (shown only now): {}", plain(secret))),
        }
        // The secret goes to one place only.
        let body = match (&path, serde_json::from_str::<Value>(body)) {
            (Some(_), Ok(Value::Object(mut object))) => {
                ["secret", "whsec"].iter().for_each(|member| drop(object.remove(*member)));
                Value::Object(object).to_string()
            }
            _ => body.to_owned(),
        };
        out.done(&body, &shown.id, &cells, &sentence)?;
        if let Some(probe) = probe.filter(|_| !out.is_table()) {
            out.say(&format!("probe {probe}"));
        }
        if out.format == Format::Name && path.is_none() {
            anstream::eprintln!("Secret (shown only now): {}", plain(secret));
        }
        Ok(Exit::Ok)
    }

    /// The subscription as it is sent.
    fn spec(&self) -> Result<Map<String, Value>, Fail> {
        let mut spec = self.file.as_deref().map(read_object).transpose()?.unwrap_or_default();
        let mut set = |member: &str, value: Option<Value>| {
            if let Some(value) = value {
                spec.insert(member.to_owned(), value);
            }
        };
        let span = |span: Option<Span>| span.map(|span| json!(span));
        set("name", self.name.clone().map(Value::from));
        set("url", self.url.clone().map(Value::from));
        set("description", self.description.clone().map(Value::from));
        set("signature_header", self.signature_header.clone().map(Value::from));
        set("rate_limit", self.rate_limit.map(|per_second| json!({"per_second": per_second})));
        set("priority", self.priority.clone().map(Value::from));
        set("on_recovery", self.digest.then(|| "digest".into()));
        set("ordering", self.strict_order.then(|| "strict".into()));
        set("signature_header", self.no_signature_header.then_some(Value::Null));
        set("enabled", self.disabled.then_some(Value::Bool(false)));
        set("mode", self.shadow.then(|| "shadow".into()));
        set("timeout", span(self.attempt_timeout));
        self.filter.apply(&mut spec)?;
        if !spec.contains_key("events") {
            return Err(Fail::usage("of which events?").remedy(
                "Name types or patterns:  --type payment.failed --type 'log.*'    Or take every event:  --type '**'",
            ));
        }
        let retry = [("max_attempts", self.max_attempts.map(Value::from)), ("max_age", span(self.max_age))];
        merge(&mut spec, "retry", retry)?;
        let batch = [("max_events", self.batch.map(Value::from)), ("max_wait", span(self.batch_wait))];
        merge(&mut spec, "batch", batch)?;
        let headers: Vec<(&str, Option<Value>)> =
            self.header.iter().map(|line| header(line)).collect::<Result<_, _>>()?;
        merge(&mut spec, "headers", headers)?;
        if let Some(path) = &self.auth_file {
            spec.insert("auth".into(), Value::Object(read_object(path)?));
        }
        let tls = [("ca", &self.ca), ("certificate", &self.client_cert), ("key", &self.client_key)];
        for (member, path) in tls.into_iter().filter_map(|(member, path)| Some((member, path.as_ref()?))) {
            let pem = std::fs::read_to_string(path).map_err(|error| Fail::file(path, &error))?;
            merge(&mut spec, "tls", [(member, Some(pem.into()))])?;
        }
        self.regions(&mut spec)?;
        self.format(&mut spec)?;
        Ok(spec)
    }

    fn format(&self, spec: &mut Map<String, Value>) -> Result<(), Fail> {
        let text = |path: &PathBuf| std::fs::read_to_string(path).map_err(|error| Fail::file(path, &error));
        if let Some(path) = &self.template_file {
            spec.insert("template".into(), text(path)?.into());
            spec.insert("format".into(), "template".into());
        }
        if let Some(format) = &self.format {
            spec.insert("format".into(), format.as_str().into());
        }
        let Some(path) = &self.format_key_file else { return Ok(()) };
        let format = self.format.as_deref().unwrap_or_default();
        let member = match format {
            "pagerduty" => "routing_key",
            "opsgenie" => "api_key",
            _ => {
                return Err(
                    Fail::usage(format!("the format {format} needs no key")).remedy("Leave --format-key-file out.")
                );
            }
        };
        merge(spec, format, [(member, Some(text(path)?.trim().into()))])
    }

    fn regions(&self, spec: &mut Map<String, Value>) -> Result<(), Fail> {
        let urls: Vec<(&str, Option<Value>)> = self.region.iter().map(|text| region(text)).collect::<Result<_, _>>()?;
        merge(spec, "regions", [("by", self.region_by.clone().map(Value::from))])?;
        if urls.is_empty() {
            return Ok(());
        }
        let Some(Value::Object(regions)) = spec.get_mut("regions").filter(|regions| regions.get("by").is_some()) else {
            return Err(Fail::usage("where do events name their region?")
                .remedy("Name a path:  --region-by metadata.region    Or one of:  source, level, event_type"));
        };
        merge(regions, "urls", urls)
    }
}

fn region(text: &str) -> Result<(&str, Option<Value>), Fail> {
    let parts = text.split_once('=').map(|(name, url)| (name.trim(), Some(url.trim().into())));
    parts.ok_or_else(|| {
        Fail::usage(format!("--region {text:?}: expected NAME=URL"))
            .remedy("Such as:  --region eu=https://eu.example.com/hook")
    })
}

fn header(line: &str) -> Result<(&str, Option<Value>), Fail> {
    let parts = line.split_once(':').map(|(name, value)| (name.trim(), Some(value.trim().into())));
    parts.ok_or_else(|| {
        Fail::usage(format!("--header {line:?}: expected NAME: VALUE")).remedy("Such as:  --header 'X-Team: payments'")
    })
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    fn args(options: &[&str]) -> CreateArgs {
        let command = CreateArgs::augment_args(clap::Command::new("create"));
        CreateArgs::from_arg_matches(&command.get_matches_from([&["create"], options].concat())).unwrap()
    }

    #[test]
    fn options_make_a_subscription_that_the_server_takes() {
        let options = [
            "gw",
            "--url",
            "https://example.com/h",
            "--type",
            "payment.**",
            "--source",
            "a",
            "--source",
            "b",
            "--level",
            "error",
            "--min-level",
            "WARNING",
            "--where",
            "@.metadata.amount > 1000",
            "--header",
            "X-Team: pay",
            "--max-attempts",
            "3",
            "--batch",
            "50",
            "--batch-wait",
            "5s",
            "--max-age",
            "1h",
            "--attempt-timeout",
            "5s",
            "--no-signature-header",
            "--disabled",
            "--message",
            "x",
            "--region-by",
            "metadata.region",
            "--region",
            "eu=https://eu.example.com/?a=b",
            "--region",
            "us=https://us.example.com/",
        ];
        let spec = args(&options).spec().unwrap();
        loghorn_domain::subscription::Spec::from_json(Value::Object(spec.clone())).unwrap();
        assert_eq!(spec["filters"]["source"], json!(["a", "b"]));
        assert_eq!(spec["filters"]["levels"], json!(["ERROR"]));
        assert_eq!(spec["headers"], json!({"X-Team": "pay"}));
        assert_eq!(spec["retry"], json!({"max_attempts": 3, "max_age": "1h"}));
        let urls = json!({"eu": "https://eu.example.com/?a=b", "us": "https://us.example.com/"});
        assert_eq!(spec["regions"], json!({"by": "metadata.region", "urls": urls}));
    }

    #[test]
    fn regions_need_a_path() {
        let base = ["a", "--url", "https://x/", "--type", "**"];
        for more in [&["--region", "eu=https://eu/"][..], &["--region-by", "source", "--region", "eu"]] {
            assert_eq!(args(&[&base, more].concat()).spec().unwrap_err().exit, Exit::Usage);
        }
    }

    #[test]
    fn types_must_be_given_somewhere() {
        assert_eq!(args(&["a", "--url", "https://x/"]).spec().unwrap_err().exit, Exit::Usage);
        let shadow = args(&["a", "--url", "https://x/", "--type", "**", "--shadow"]).spec().unwrap();
        assert_eq!(shadow["mode"], "shadow");
    }

    #[test]
    fn options_win_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.json");
        std::fs::write(&path, r#"{"name":"a","url":"https://x/","events":["**"],"filters":{"source":"s"}}"#).unwrap();
        let spec = args(&["b", "-f", path.to_str().unwrap(), "--min-level", "ERROR"]).spec().unwrap();
        assert_eq!((&spec["name"], &spec["filters"]), (&json!("b"), &json!({"source": "s", "min_level": "ERROR"})));
    }
}
