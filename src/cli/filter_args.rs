//! The options that say which events: the same where a filter is saved and where it is tried.

use std::{
    io::{IsTerminal, Read},
    path::{Path, PathBuf},
};

use clap::Args;
use loghorn_domain::Level;
use serde_json::{Map, Value, json};

use super::{
    fail::{Exit, Fail},
    meta,
};

/// Members by which a whole subscription is told from a filter alone.
const OF_SUBSCRIPTION: [&str; 4] = ["events", "filters", "name", "url"];

/// Which events; all that is given must hold.
#[derive(Debug, Default, Args)]
pub(crate) struct FilterArgs {
    /// Event type or pattern (repeatable): payment.failed, payment.*, payment.**; ** takes every event but Loghorn's own (loghorn.**)
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Only from this source (repeatable): a name, or a regular expression for the whole of it
    #[arg(long)]
    source: Vec<String>,
    /// Only of this level (repeatable)
    #[arg(long)]
    level: Vec<Level>,
    /// Only of this level or a worse one
    #[arg(long, value_name = "LEVEL")]
    min_level: Option<Level>,
    /// Only with a message in which this regular expression is found
    #[arg(short, long, value_name = "REGEX")]
    message: Option<String>,
    /// Only with metadata for which this holds (repeatable): 'amount > 1000', 'region in eu,us', 'card.brand exists';
    /// also = != >= < <= ~ (regex) ^= (begins) $= (ends) *= (contains), not in, missing
    #[arg(long, value_name = "PATH OP VALUE")]
    meta: Vec<String>,
    /// Only where this expression holds (RFC 9535, @ is the event): '@.metadata.amount > 1000'
    #[arg(long = "where", value_name = "EXPRESSION")]
    where_: Option<String>,
    /// Only received then: 'mon-fri 09:00-17:00 Europe/Berlin', every day and UTC where left out
    #[arg(long, value_name = "WHEN")]
    schedule: Option<String>,
    /// JSON of a filter, or of a whole subscription of which types and filter are taken; options beside it win
    #[arg(long, value_name = "FILE|-")]
    filter_file: Option<PathBuf>,
}

impl FilterArgs {
    /// Sets what is given in a subscription's `events` and `filters`.
    pub(crate) fn apply(&self, spec: &mut Map<String, Value>) -> Result<(), Fail> {
        if let Some(path) = &self.filter_file {
            spec.extend(of_file(read_object(path)?));
        }
        let list = |items: &[String]| (!items.is_empty()).then(|| json!(items));
        spec.extend(list(&self.types).map(|types| ("events".to_owned(), types)));
        let one_or_many = |items: &[String]| if let [one] = items { Some(json!(one)) } else { list(items) };
        let levels: Vec<String> = self.level.iter().map(ToString::to_string).collect();
        let filters = [
            ("source", one_or_many(&self.source)),
            ("levels", list(&levels)),
            ("min_level", self.min_level.map(|level| level.to_string().into())),
            ("message", self.message.clone().map(Value::from)),
            ("where", self.where_.clone().map(Value::from)),
            ("schedule", self.schedule.as_deref().map(schedule).transpose()?),
            ("metadata", self.metadata(spec)?),
        ];
        merge(spec, "filters", filters)
    }

    /// What is asked of metadata, with the paths that only the file names.
    fn metadata(&self, spec: &Map<String, Value>) -> Result<Option<Value>, Fail> {
        let given = meta::filter(&self.meta)?;
        if given.is_empty() {
            return Ok(None);
        }
        let known = spec.get("filters").and_then(|filters| filters.get("metadata")).and_then(Value::as_object);
        let mut metadata = known.cloned().unwrap_or_default();
        metadata.extend(given);
        Ok(Some(metadata.into()))
    }
}

/// Of a whole subscription its types and filter; anything else is a filter.
fn of_file(mut object: Map<String, Value>) -> Vec<(String, Value)> {
    if !OF_SUBSCRIPTION.iter().any(|member| object.contains_key(*member)) {
        return vec![("filters".into(), object.into())];
    }
    ["events", "filters"].iter().filter_map(|member| object.remove_entry(*member)).collect()
}

/// Sets what is given in the object `member`, and leaves the rest of it.
pub(crate) fn merge<'a>(
    spec: &mut Map<String, Value>,
    member: &str,
    given: impl IntoIterator<Item = (&'a str, Option<Value>)>,
) -> Result<(), Fail> {
    let given: Vec<(String, Value)> =
        given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    if given.is_empty() {
        return Ok(());
    }
    match spec.entry(member).or_insert_with(|| json!({})) {
        Value::Object(object) => object.extend(given),
        _ => return Err(Fail::new(Exit::Refused, format!("{member} of the file is no JSON object"))),
    }
    Ok(())
}

/// The JSON object in a file, or on stdin where the path is `-`.
pub(crate) fn read_object(path: &Path) -> Result<Map<String, Value>, Fail> {
    let text = read_text(path)?;
    let name = if path.as_os_str() == "-" { "stdin".to_owned() } else { path.display().to_string() };
    serde_json::from_str(&text).map_err(|error| Fail::new(Exit::Refused, format!("{name} is no JSON object: {error}")))
}

/// The text in a file, or on stdin where the path is `-`.
pub(crate) fn read_text(path: &Path) -> Result<String, Fail> {
    if path.as_os_str() != "-" {
        return std::fs::read_to_string(path).map_err(|error| Fail::file(path, &error));
    }
    if std::io::stdin().is_terminal() {
        return Err(Fail::usage("it is read from stdin, and that is a terminal").remedy("Name a file, or pipe it in."));
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| Fail::file(Path::new("stdin"), &error))?;
    Ok(text)
}

/// A schedule from days, times and a time zone, in this order.
fn schedule(text: &str) -> Result<Value, Fail> {
    let wrong = || {
        Fail::usage(format!("--schedule {text:?}: expected days, times, or both, and then a time zone"))
            .remedy("Such as:  --schedule 'mon-fri 09:00-17:00 Europe/Berlin'    --schedule 'sat,sun'")
    };
    let mut words = text.split_whitespace().peekable();
    let mut schedule = Map::new();
    if let Some(days) = words.next_if(|word| word.split([',', '-']).all(is_day)) {
        schedule.insert("days".into(), days.split(',').collect());
    }
    if let Some(times) = words.next_if(|word| word.contains(':')) {
        let (from, to) = times.split_once('-').ok_or_else(wrong)?;
        // 9:00 is written 09:00.
        schedule.insert("from".into(), format!("{from:0>5}").into());
        schedule.insert("to".into(), format!("{to:0>5}").into());
    }
    if schedule.is_empty() {
        return Err(wrong());
    }
    let is_zone = |word: &&str| word.contains('/') || !word.contains(|c: char| !c.is_ascii_uppercase());
    schedule.extend(words.next_if(is_zone).map(|zone| ("timezone".to_owned(), zone.into())));
    if words.next().is_some() { Err(wrong()) } else { Ok(schedule.into()) }
}

fn is_day(text: &str) -> bool {
    const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let text = text.to_ascii_lowercase();
    DAYS.iter().any(|day| *day == text || (text.len() == 3 && day.starts_with(&text)))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: FilterArgs,
    }

    /// The types and filter that `options` make, which the server takes.
    fn applied(options: &[&str]) -> Result<Value, Exit> {
        let line = Line::try_parse_from([&["test"], options].concat()).unwrap();
        let mut spec = Map::new();
        line.args.apply(&mut spec).map_err(|fail| fail.exit)?;
        let mut whole = spec.clone();
        whole.extend([("name".to_owned(), "n".into()), ("url".to_owned(), "https://example.com/".into())]);
        whole.entry("events").or_insert_with(|| json!(["**"]));
        loghorn_domain::subscription::Spec::from_json(whole.into()).unwrap();
        Ok(spec.into())
    }

    #[test]
    fn options_make_a_filter_that_the_server_takes() {
        let options = [
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
            "-m",
            "card",
            "--where",
            "@.metadata.n > 1",
            "--meta",
            "n > 1",
            "--meta",
            "n < 9",
            "--meta",
            "region=eu",
            "--schedule",
            "mon-fri 09:00-17:00 Europe/Berlin",
        ];
        let filters = json!({"source": ["a", "b"], "levels": ["ERROR"], "min_level": "WARNING", "message": "card",
            "where": "@.metadata.n > 1", "metadata": {"n": {"gt": 1, "lt": 9}, "region": {"eq": "eu"}},
            "schedule": {"days": ["mon-fri"], "from": "09:00", "to": "17:00", "timezone": "Europe/Berlin"}});
        assert_eq!(applied(&options), Ok(json!({"events": ["payment.**"], "filters": filters})));
        assert_eq!(applied(&[]), Ok(json!({})));
    }

    #[test]
    fn schedules_may_leave_days_times_or_zone_out() {
        let schedule = |text| applied(&["--schedule", text]).map(|spec| spec["filters"]["schedule"].clone());
        assert_eq!(schedule("22:00-6:00 UTC"), Ok(json!({"from": "22:00", "to": "06:00", "timezone": "UTC"})));
        assert_eq!(schedule("sat,sun"), Ok(json!({"days": ["sat", "sun"]})));
        assert_eq!(schedule("Monday 00:00-24:00"), Ok(json!({"days": ["Monday"], "from": "00:00", "to": "24:00"})));
        for bad in ["", "UTC", "mon-fry 09:00-17:00", "mon 09:00", "09:00-17:00 mon", "mon UTC 09:00-17:00"] {
            assert_eq!(schedule(bad), Err(Exit::Usage), "{bad}");
        }
    }

    #[test]
    fn a_file_holds_a_filter_or_a_subscription_and_options_win() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.json").display().to_string();
        let with = |text: &str, more: &[&str]| {
            std::fs::write(&path, text).unwrap();
            applied(&[&["--filter-file", &path], more].concat())
        };
        assert_eq!(with(r#"{"source":"s"}"#, &[]), Ok(json!({"filters": {"source": "s"}})));
        let whole = r#"{"name":"x","url":"u","events":["a.b"],"filters":{"source":"s","metadata":{"n":1,"m":2}}}"#;
        let both = json!({"source": "t", "metadata": {"n": {"gt": 5}, "m": 2}});
        assert_eq!(with(whole, &["--source", "t", "--meta", "n > 5"]), Ok(json!({"events": ["a.b"], "filters": both})));
        assert_eq!(with("[]", &[]), Err(Exit::Refused));
        assert_eq!(with(r#"{"filters":[]}"#, &["--source", "t"]), Err(Exit::Refused));
    }
}
