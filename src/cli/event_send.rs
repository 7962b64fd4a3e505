//! `loghorn event send`: one event made of options, or many from a file or stdin.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, IsTerminal, Read},
    path::PathBuf,
};

use clap::Args;
use loghorn_web::api::events::{Accepted, AcceptedMany};
use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};
use tokio::sync::mpsc;

use super::{
    Context,
    client::Client,
    fail::{Exit, Fail},
    output::{Format, GOOD, count, plain, thousands},
};

/// Most events, and bytes of events, in one request.
const BATCH_EVENTS_MAX: usize = 500;
const BATCH_BYTES_MAX: usize = 1 << 20;
/// Events read ahead of what was sent.
const AHEAD: usize = 2 * BATCH_EVENTS_MAX;

/// What `event send` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn event send --type log.error --source pay -m 'card timeout'
  loghorn event send --type payment.failed --level ERROR --meta amount=1250.5 --meta region=eu
  loghorn event send -f events.jsonl
  tail -f app.jsonl | loghorn event send -

Each event is on the server's disk when the command says that it was accepted.")]
pub(crate) struct SendArgs {
    /// Type, such as payment.failed [default: log.<level>]
    #[arg(long = "type", value_name = "TYPE", conflicts_with_all = ["file", "stdin"])]
    event_type: Option<String>,
    /// TRACE, DEBUG, INFO, WARNING, ERROR or CRITICAL [default: of the type, or INFO]
    #[arg(long, conflicts_with_all = ["file", "stdin"])]
    level: Option<String>,
    /// Where it comes from
    #[arg(long, conflicts_with_all = ["file", "stdin"])]
    source: Option<String>,
    /// What it says
    #[arg(short, long, conflicts_with_all = ["file", "stdin"])]
    message: Option<String>,
    /// Metadata (repeatable); the value is JSON where it parses as such, else text
    #[arg(long, value_name = "KEY=VALUE", conflicts_with_all = ["file", "stdin"])]
    meta: Vec<String>,
    /// Its id: the same id is accepted only once
    #[arg(long, conflicts_with_all = ["file", "stdin"])]
    id: Option<String>,
    /// File with events: one JSON object a line, objects one after another, or an array
    #[arg(short, long, value_name = "FILE", conflicts_with = "stdin")]
    file: Option<PathBuf>,
    /// - reads the same from stdin
    #[arg(value_name = "-", value_parser = ["-"])]
    stdin: Option<String>,
}

impl SendArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let client = context.client()?;
        if let Some(path) = &self.file {
            if path.as_os_str() == "-" {
                return send_many(context, &client, stdin()?, "stdin").await;
            }
            let file = File::open(path).map_err(|error| Fail::file(path, &error))?;
            return send_many(context, &client, Box::new(file), &path.display().to_string()).await;
        }
        if self.stdin.is_some() {
            return send_many(context, &client, stdin()?, "stdin").await;
        }
        let answer = client.post(&["events"], self.event()?).await?;
        let accepted: Accepted = answer.read()?;
        let (id, seq) = (accepted.id.as_str(), accepted.seq.to_string());
        let word = if accepted.duplicate { "duplicate" } else { "accepted" };
        let note = if accepted.duplicate { "was known already; nothing new was stored" } else { "accepted" };
        let sentence = format!("{GOOD} {} {note}", plain(id));
        context.out.done(&answer.body, id, &[id, &seq, word], &sentence)?;
        Ok(Exit::Ok)
    }

    /// The event that the options make.
    fn event(&self) -> Result<String, Fail> {
        let texts = [
            ("id", &self.id),
            ("event_type", &self.event_type),
            ("level", &self.level),
            ("source", &self.source),
            ("message", &self.message),
        ];
        let given = texts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?.into())));
        let event: Map<String, Value> = given.collect();
        if event.is_empty() && self.meta.is_empty() {
            return Err(Fail::usage("there is nothing to send")
                .remedy("Say what:  loghorn event send --level ERROR -m 'card timeout'        Or:  -f FILE"));
        }
        let cannot = |error: serde_json::Error| Fail::usage(error.to_string());
        let mut metadata: BTreeMap<&str, Box<RawValue>> = BTreeMap::new();
        for pair in &self.meta {
            let (name, value) = pair.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
                Fail::usage(format!("--meta {pair:?}: expected KEY=VALUE"))
                    .remedy("Such as:  --meta amount=12.5 --meta region=eu")
            })?;
            // Kept as it was typed: a number keeps its digits.
            let raw =
                serde_json::from_str(value).or_else(|_| serde_json::value::to_raw_value(value)).map_err(cannot)?;
            if metadata.insert(name, raw).is_some() {
                return Err(Fail::usage(format!("--meta {name} stands twice")));
            }
        }
        #[derive(Serialize)]
        struct Sent<'a> {
            #[serde(flatten)]
            texts: Map<String, Value>,
            #[serde(skip_serializing_if = "BTreeMap::is_empty")]
            metadata: BTreeMap<&'a str, Box<RawValue>>,
        }
        serde_json::to_string(&Sent { texts: event, metadata }).map_err(cannot)
    }
}

fn stdin() -> Result<Box<dyn Read + Send>, Fail> {
    if std::io::stdin().is_terminal() {
        return Err(Fail::usage("events are read from stdin, and that is a terminal")
            .remedy("Pipe them in:  loghorn event send - < events.jsonl"));
    }
    Ok(Box::new(std::io::stdin()))
}

type Piece = Result<Box<RawValue>, String>;

/// Sends what `from` holds, in batches of what is there, so that a pipe that stays open is sent as it comes.
async fn send_many(context: &Context, client: &Client, from: Box<dyn Read + Send>, name: &str) -> Result<Exit, Fail> {
    let (pieces, mut read) = mpsc::channel::<Piece>(AHEAD);
    std::thread::spawn(move || read_events(from, |piece| pieces.blocking_send(piece).is_ok()));
    let mut total = AcceptedMany { accepted: 0, duplicates: 0, first_seq: None, last_seq: None };
    let (mut batch, mut spare) = (Vec::new(), None);
    loop {
        let mut bytes = 0;
        let mut broken = None;
        let first = match spare.take() {
            Some(piece) => Some(piece),
            None => read.recv().await,
        };
        let mut next = first;
        while let Some(piece) = next.take() {
            match piece {
                Err(why) => broken = Some(why),
                Ok(event) if !batch.is_empty() && bytes + event.get().len() > BATCH_BYTES_MAX => {
                    spare = Some(Ok(event))
                }
                Ok(event) => {
                    bytes += event.get().len() + 1;
                    batch.push(event);
                    if batch.len() < BATCH_EVENTS_MAX {
                        next = read.try_recv().ok();
                    }
                }
            }
        }
        if batch.is_empty() && broken.is_none() {
            break;
        }
        if !batch.is_empty() {
            let texts: Vec<&str> = batch.iter().map(|event| event.get()).collect();
            let sent = client.post(&["events"], format!("[{}]", texts.join(","))).await;
            let answer: AcceptedMany =
                sent.and_then(|answer| answer.read()).map_err(|fail| stopped(fail, &total, name))?;
            add(&mut total, &answer);
            batch.clear();
        }
        if let Some(why) = broken {
            let fail = Fail::new(Exit::Refused, format!("{name} is not all JSON: {why}"));
            return Err(stopped(fail, &total, name));
        }
    }
    if total.accepted + total.duplicates == 0 {
        return Err(Fail::new(Exit::Refused, format!("{name} holds no events")).remedy("Give one JSON object a line."));
    }
    report(context, &total)
}

/// Nothing of the batch that failed was stored; what went before was.
fn stopped(fail: Fail, total: &AcceptedMany, name: &str) -> Fail {
    let before = total.accepted + total.duplicates;
    if before == 0 {
        return fail.why("Nothing was stored.");
    }
    let (stored, next) = (count(before, "event"), thousands(before + 1));
    fail.exit(Exit::Partly)
        .why(format!("Before that {stored} of {name} had been accepted. Go on from event {next} on."))
}

fn add(total: &mut AcceptedMany, answer: &AcceptedMany) {
    total.accepted += answer.accepted;
    total.duplicates += answer.duplicates;
    total.first_seq = total.first_seq.into_iter().chain(answer.first_seq).min();
    total.last_seq = total.last_seq.max(answer.last_seq);
}

fn report(context: &Context, total: &AcceptedMany) -> Result<Exit, Fail> {
    let raw = serde_json::to_string(total).unwrap_or_default();
    let (accepted, duplicates) = (total.accepted.to_string(), total.duplicates.to_string());
    let seq = |seq: Option<u64>| seq.map(|seq| seq.to_string()).unwrap_or_default();
    let known = match total.duplicates {
        0 => String::new(),
        some => format!(", {} known already", thousands(some)),
    };
    let sentence = format!("{GOOD} {} accepted{known}", count(total.accepted, "event"));
    match context.out.format {
        // Many answers hold no ids.
        Format::Name => context.out.say(&sentence),
        _ => context.out.done(
            &raw,
            "",
            &[&accepted, &duplicates, &seq(total.first_seq), &seq(total.last_seq)],
            &sentence,
        )?,
    }
    Ok(Exit::Ok)
}

/// Reads JSON values one after another, the elements of arrays one by one, and hands each to `take` until that says
/// no. Ends after the first thing that is no JSON.
fn read_events(from: impl Read, take: impl Fn(Piece) -> bool) {
    let values = serde_json::Deserializer::from_reader(BufReader::new(from)).into_iter::<Box<RawValue>>();
    for value in values {
        let pieces: Vec<Piece> = match value {
            Err(error) => vec![Err(error.to_string())],
            Ok(value) if value.get().starts_with('[') => {
                match serde_json::from_str::<Vec<Box<RawValue>>>(value.get()) {
                    Ok(items) => items.into_iter().map(Ok).collect(),
                    Err(error) => vec![Err(error.to_string())],
                }
            }
            Ok(value) => vec![Ok(value)],
        };
        for piece in pieces {
            if !take(piece) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn read(text: &str) -> Vec<Result<String, String>> {
        let pieces = RefCell::new(Vec::new());
        read_events(text.as_bytes(), |piece| {
            pieces.borrow_mut().push(piece.map(|event| event.get().to_owned()));
            true
        });
        pieces.into_inner()
    }

    #[test]
    fn lines_arrays_and_indented_objects_are_read() {
        let ok = |texts: &[&str]| texts.iter().map(|text| Ok((*text).to_owned())).collect::<Vec<_>>();
        assert_eq!(read("{\"a\":1}\n\n{\"a\":2}\n"), ok(&["{\"a\":1}", "{\"a\":2}"]));
        assert_eq!(read("[{\"a\":1.50},\n {\"a\":2}]"), ok(&["{\"a\":1.50}", "{\"a\":2}"]));
        assert_eq!(read("{\n \"a\": 1\n}\n"), ok(&["{\n \"a\": 1\n}"]));
        assert_eq!(read(""), ok(&[]));
    }

    #[test]
    fn what_is_no_json_ends_it_with_its_place() {
        let pieces = read("{\"a\":1}\n{\"a\":oops}\n{\"a\":3}\n");
        assert_eq!(pieces.len(), 2);
        assert!(pieces[1].as_ref().unwrap_err().contains("line 2"), "{pieces:?}");
    }

    fn args(options: &[&str]) -> SendArgs {
        use clap::FromArgMatches;
        let command = SendArgs::augment_args(clap::Command::new("send"));
        let matches = command.get_matches_from([&["send"], options].concat());
        SendArgs::from_arg_matches(&matches).unwrap()
    }

    #[test]
    fn options_make_an_event() {
        let event = args(&[
            "--level", "ERROR", "-m", "x", "--meta", "n=1.5", "--meta", "s=eu", "--meta", "l=[1]", "--meta", "d=1.50",
        ])
        .event()
        .unwrap();
        let metadata = serde_json::json!({"n": 1.5, "s": "eu", "l": [1], "d": 1.5});
        let expected = serde_json::json!({"level": "ERROR", "message": "x", "metadata": metadata});
        assert_eq!(serde_json::from_str::<Value>(&event).unwrap(), expected);
        assert!(event.contains("1.50"), "{event}");
        assert_eq!(args(&[]).event().unwrap_err().exit, Exit::Usage);
        assert_eq!(args(&["--meta", "x"]).event().unwrap_err().exit, Exit::Usage);
    }
}
