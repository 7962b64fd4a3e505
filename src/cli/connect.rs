//! `loghorn connect`: a shipper's configuration, as the documentation has it, with this server's address filled in.

use clap::Args;
use loghorn_domain::access::Scope;
use loghorn_web::api::keys::{KeyBody, NewKey};
use serde_json::json;
use url::Url;

use super::{
    Context,
    client::strange,
    fail::{Exit, Fail},
    output::Format,
};

/// The pages that hold the configurations, each behind a line that names it.
const PAGES: [&str; 6] = [
    include_str!("../../docs/shippers/generic.md"),
    include_str!("../../docs/shippers/opentelemetry.md"),
    include_str!("../../docs/shippers/loki.md"),
    include_str!("../../docs/shippers/elasticsearch.md"),
    include_str!("../../docs/shippers/splunk.md"),
    include_str!("../../docs/shippers/others.md"),
];
const MARK: &str = "<!-- connect: ";
/// What stands there for the server's address and the key.
const URL: &str = "http://127.0.0.1:8000";
const HOST: &str = "127.0.0.1";
const PORT: &str = "8000";
const KEY: &str = "LOGHORN_KEY";
/// Clients of Elasticsearch take another port than 443 or 80 where an address names none.
const ELASTIC: &str = "http://127.0.0.1:8000/es";
/// What stands there where no TLS is spoken, and what does where it is.
const OFF_AND_ON: [(&str, &str); 5] = [
    ("Off\n", "On\n"),
    ("ssl: false", "ssl: true"),
    ("logs_no_ssl: true", "logs_no_ssl: false"),
    ("usehttps=\"off\"", "usehttps=\"on\""),
    ("http://any:", "https://any:"),
];

/// What `connect` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn connect
  loghorn connect fluent-bit
  loghorn connect filebeat --create-key --server https://loghorn.example.com

Without a name it lists those that there are. Where the server needs no key, any text does in its place.")]
pub(crate) struct ConnectArgs {
    /// Which shipper
    name: Option<String>,
    /// Make an ingest key and fill it in; it is shown only now
    #[arg(long, requires = "name")]
    create_key: bool,
}

impl ConnectArgs {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let Some(name) = self.name else {
            for (name, _) in snippets() {
                context.out.line(name)?;
            }
            return Ok(Exit::Ok);
        };
        let Some((_, snippet)) = snippets().find(|(known, _)| *known == name) else {
            let nearest = snippets().map(|(known, _)| known).max_by(|a, b| {
                let near = |known| strsim::jaro_winkler(known, &name);
                near(a).total_cmp(&near(b))
            });
            return Err(Fail::usage(format!("no shipper is called {name:?}"))
                .why(format!("The nearest is {}", nearest.unwrap_or_default()))
                .remedy("See which there are:  loghorn connect"));
        };
        let client = context.client()?;
        let key = match self.create_key {
            false => None,
            true => {
                let body = KeyBody { name: name.clone(), scope: Scope::Ingest, expires_in: None };
                let json = serde_json::to_string(&body).map_err(|error| strange(&error.to_string()))?;
                Some(client.post(&["keys"], json).await?.read::<NewKey>()?.key)
            }
        };
        let filled = fill(snippet, client.server(), key.as_deref());
        match context.out.format {
            // Also into a file as it is: it is one.
            Format::Table | Format::Tabs => context.out.line(&filled)?,
            _ => context.out.done(&json!({"name": name, "config": filled}).to_string(), &name, &[], "")?,
        }
        Ok(Exit::Ok)
    }
}

/// Every name and what stands in the block behind it.
fn snippets() -> impl Iterator<Item = (&'static str, &'static str)> {
    PAGES.iter().flat_map(|page| page.split(MARK).skip(1)).filter_map(|part| {
        let (name, rest) = part.split_once(" -->")?;
        let (_, rest) = rest.split_once("```")?;
        let (snippet, _) = rest.split_once('\n')?.1.split_once("\n```")?;
        Some((name, snippet))
    })
}

fn fill(snippet: &str, server: &str, key: Option<&str>) -> String {
    let url = Url::parse(server).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or(HOST);
    let port =
        url.as_ref().and_then(Url::port_or_known_default).map_or_else(|| PORT.to_owned(), |port| port.to_string());
    let (scheme, path) = url.as_ref().map_or(("http", ""), |url| (url.scheme(), url.path().trim_end_matches('/')));
    let elastic = format!("{scheme}://{host}:{port}{path}/es");
    let mut pairs = vec![(ELASTIC, elastic.as_str()), (URL, server), (HOST, host), (PORT, &port)];
    pairs.extend(key.map(|key| (KEY, key)));
    if scheme == "https" {
        pairs.extend(OFF_AND_ON);
    }
    // In one pass, so that nothing is replaced in what was filled in.
    let (mut filled, mut rest) = (String::new(), snippet);
    let first =
        |rest: &str| pairs.iter().filter_map(|pair| Some((rest.find(pair.0)?, *pair))).min_by_key(|(at, _)| *at);
    while let Some((at, (from, to))) = first(rest) {
        filled.extend([&rest[..at], to]);
        rest = &rest[at + from.len()..];
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_configuration_is_found_and_filled_in() {
        let names: Vec<&str> = snippets().map(|(name, _)| name).collect();
        let marks = PAGES.iter().map(|page| page.matches(MARK).count()).sum::<usize>();
        assert!(names.len() == marks && names.len() > 20, "{names:?}");
        let index = include_str!("../../docs/shippers/README.md");
        for (name, snippet) in snippets() {
            assert!(index.contains(&format!("`{name}`")), "{name} is not in the index");
            let filled = fill(snippet, "https://logs.example.com", Some("lh_ingest_x"));
            let is_journal = name == "journal-upload";
            assert!(filled.contains("logs.example.com") && (is_journal || filled.contains("lh_ingest_x")), "{filled}");
            assert!(!filled.contains(HOST) && !filled.contains(PORT) && !filled.contains(KEY), "{filled}");
            // Nothing goes out in clear.
            for clear in ["http://", "\"off\"", "Off", " ssl: false", "no_ssl: true"] {
                assert!(!filled.contains(clear), "{name}: {clear}: {filled}");
            }
            // What names host and port apart says whether it is TLS.
            let is_apart = snippet.replace(URL, "").contains(HOST);
            let says = |text: &str| OFF_AND_ON.iter().any(|(off, _)| text.contains(off));
            assert!(!is_apart || says(snippet), "{name}: {snippet}");
            assert_eq!(fill(snippet, URL, None), snippet);
        }
        assert_eq!(fill("a http://127.0.0.1:8000/x 127.0.0.1:8000", "http://h:1", None), "a http://h:1/x h:1");
        assert_eq!(fill("127.0.0.1:8000 LOGHORN_KEY", "http://logs8000:1", Some("8000")), "logs8000:1 8000");
        let elastic = fill("http://127.0.0.1:8000/es", "https://logs.example.com/log", None);
        assert_eq!(elastic, "https://logs.example.com:443/log/es");
    }
}
