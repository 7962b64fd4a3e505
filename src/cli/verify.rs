//! `loghorn verify`: that the server's ledger balances, or that a webhook's signature is right.

use std::{
    collections::{BTreeSet, HashMap},
    io::{IsTerminal, Read},
    path::{Path, PathBuf},
};

use clap::Args;
use loghorn_web::api::{
    ledger::{Ledger, Line},
    subscriptions::Shown,
};

use super::{
    Context,
    client::Query,
    fail::{Exit, Fail},
    output::{BAD, Column, Format, GOOD, List, thousands},
    signature,
};

/// What `verify` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn verify                  the ledger: every delivery ever made is accounted for (exit code 7 if not)
  loghorn verify --secret-file gw.secret --headers headers.txt body.json
  loghorn verify --secret-file gw.secret -H 'webhook-id: dlv_…' -H 'webhook-timestamp: …' \\
      -H 'webhook-signature: v1,…' - < body.json      (exit code 5 if it is wrong)")]
pub(crate) struct VerifyArgs {
    /// Check the server's ledger; so does no argument at all
    #[arg(long, conflicts_with_all = ["secret_file", "headers", "header", "signature_header", "body"])]
    ledger: bool,
    /// File with the secret (repeatable: any of them may fit)
    #[arg(long, value_name = "FILE", requires = "body")]
    secret_file: Vec<PathBuf>,
    /// File with the webhook's headers, one `Name: value` a line
    #[arg(long, value_name = "FILE", requires = "secret_file")]
    headers: Option<PathBuf>,
    /// One header, `Name: value` (repeatable)
    #[arg(short = 'H', long, value_name = "HEADER", requires = "secret_file")]
    header: Vec<String>,
    /// The header that carries the plain signature
    #[arg(long, value_name = "NAME", default_value = signature::PLAIN_HEADER, requires = "secret_file")]
    signature_header: String,
    /// File with the webhook's body, byte for byte; - for stdin
    #[arg(requires = "secret_file")]
    body: Option<PathBuf>,
}

impl VerifyArgs {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        match &self.body {
            Some(body) => self.signature(context, body),
            None => ledger(context).await,
        }
    }

    fn signature(&self, context: &Context, body: &Path) -> Result<Exit, Fail> {
        let secrets = signature::read_secrets(&self.secret_file)?;
        let mut headers = HashMap::new();
        if let Some(path) = &self.headers {
            let text = std::fs::read_to_string(path).map_err(|error| Fail::file(path, &error))?;
            headers.extend(text.lines().filter_map(header));
        }
        for line in &self.header {
            let one = header(line).ok_or_else(|| Fail::usage(format!("-H {line:?}: expected `Name: value`")))?;
            headers.extend([one]);
        }
        let body = read(body, "loghorn verify … - < body.json")?;
        let lookup = |name: &str| headers.get(&name.to_ascii_lowercase()).cloned();
        let found = signature::check(&secrets, &self.signature_header, lookup, &body, super::now());
        let (is_good, words) = (found.is_good(), found.words());
        let mark = if is_good { GOOD } else { BAD };
        let age = found.age_seconds.map(|age| format!(", {}", age_in_words(age))).unwrap_or_default();
        let sentence = if is_good { format!("{mark} valid: {words}{age}") } else { format!("{mark} {words}") };
        let raw = serde_json::json!({
            "verified": is_good, "standard": found.standard.word(), "plain": found.plain.word(),
            "age_seconds": found.age_seconds, "detail": words,
        });
        let word = if is_good { "valid" } else { "invalid" };
        context.out.done(&raw.to_string(), word, &[word, &words], &sentence)?;
        Ok(if is_good { Exit::Ok } else { Exit::Refused })
    }
}

fn age_in_words(age: i64) -> String {
    let span = signature::span(age.unsigned_abs());
    if age < 0 { format!("{span} ahead of this clock") } else { format!("{span} old") }
}

/// A header of a file: also as curl shows it (`> Name: value`); other lines are passed over.
fn header(line: &str) -> Option<(String, String)> {
    let line = line.trim().trim_start_matches(['<', '>']).trim_start();
    let (name, value) = line.split_once(':')?;
    let is_name = !name.is_empty() && !name.contains(char::is_whitespace);
    is_name.then(|| (name.to_ascii_lowercase(), value.trim().to_owned()))
}

/// A file's bytes, or those of stdin; `remedy`: how that is given.
pub(crate) fn read(path: &Path, remedy: &str) -> Result<Vec<u8>, Fail> {
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        if std::io::stdin().is_terminal() {
            return Err(Fail::usage("the body is read from stdin, and that is a terminal").remedy(remedy));
        }
        std::io::stdin().read_to_end(&mut bytes).map_err(|error| Fail::file(path, &error))?;
        return Ok(bytes);
    }
    std::fs::read(path).map_err(|error| Fail::file(path, &error))
}

async fn ledger(context: &Context) -> Result<Exit, Fail> {
    let client = context.client()?;
    let answer = client.get(&["ledger"]).await?;
    let ledger: Ledger = answer.read()?;
    let balances = ledger.imbalance == 0 && ledger.items.iter().all(|line| line.imbalance == 0);
    let exit = if balances { Exit::Ok } else { Exit::Partly };
    let matched = ledger.items.iter().map(|line| line.matched).sum();
    let sentence = if balances {
        let subscriptions = ledger.items.iter().map(subscription).collect::<BTreeSet<_>>().len();
        format!(
            "{GOOD} the ledger balances: {} deliveries of {subscriptions} subscriptions are accounted for",
            thousands(matched)
        )
    } else {
        format!("{BAD} the ledger is off by {}", thousands(ledger.imbalance))
    };
    let wrong: Vec<Line> = ledger.items.iter().filter(|line| line.imbalance != 0).cloned().collect();
    match context.out.format {
        Format::Json | Format::Jsonl | Format::Yaml => context.out.done(&answer.body, "", &[], "")?,
        Format::Name => wrong.iter().try_for_each(|line| context.out.line(subscription(line)))?,
        Format::Table | Format::Tabs => {
            let word = if balances { "balanced" } else { "unbalanced" };
            let cells = [word, &matched.to_string(), &ledger.imbalance.to_string()];
            context.out.done(&answer.body, word, &cells, &sentence)?;
            if !wrong.is_empty() {
                let names = client.list::<Shown>(&["subscriptions"], &Query::new(), 10_000).await?;
                let named = |line: Line| {
                    let found = names.items.iter().find(|known| Some(&known.id) == line.subscription_id.as_ref());
                    (found.map(|known| super::sub::name(known).to_owned()).unwrap_or_default(), line)
                };
                let items = wrong.into_iter().map(named).collect();
                let list = List { items, raw: Vec::new(), next_cursor: None };
                context.out.list(&list, COLUMNS, |(_, line)| subscription(line))?;
            }
        }
    }
    if !balances {
        context.out.say(
            "What is counted (in brackets) should be what the counters say. Keep the data directory for a report.",
        );
    }
    Ok(exit)
}

fn subscription(line: &Line) -> &str {
    line.subscription_id.as_deref().unwrap_or("-")
}

const COLUMNS: &[Column<(String, Line)>] = &[
    Column { head: "NAME", cell: |(name, _), _| name.clone() },
    Column { head: "MATCHED", cell: |(_, line), _| line.matched.to_string() },
    Column { head: "DELIVERED", cell: |(_, line), _| line.delivered.to_string() },
    Column { head: "WAITING", cell: |(_, line), _| format!("{} ({})", line.waiting, line.waiting_counted) },
    Column { head: "RETRYING", cell: |(_, line), _| format!("{} ({})", line.retrying, line.retrying_counted) },
    Column { head: "DEAD", cell: |(_, line), _| format!("{} ({})", line.dead, line.dead_counted) },
    Column { head: "EXPIRED", cell: |(_, line), _| line.expired.to_string() },
    Column { head: "CANCELLED", cell: |(_, line), _| line.cancelled.to_string() },
    Column { head: "OFF BY", cell: |(_, line), _| line.imbalance.to_string() },
    Column { head: "ID", cell: |(_, line), _| subscription(line).to_owned() },
    Column { head: "REGION", cell: |(_, line), _| line.region.clone().unwrap_or_default() },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_tools_show_them() {
        let read = |line| header(line).map(|(name, value)| format!("{name}={value}"));
        assert_eq!(read("Webhook-Id: dlv_1").as_deref(), Some("webhook-id=dlv_1"));
        assert_eq!(read("> webhook-signature: v1,a=b: c").as_deref(), Some("webhook-signature=v1,a=b: c"));
        for line in ["", "POST /hook HTTP/1.1", "* Connected to 127.0.0.1 port: 1"] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
