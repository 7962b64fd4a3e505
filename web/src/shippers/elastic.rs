//! Elasticsearch's bulk and document interfaces, as Beats, Logstash, rsyslog and the clients of Elasticsearch and
//! OpenSearch use them.

use std::{borrow::Cow, fmt::Write as _, sync::Arc};

use loghorn_storage::Appended;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::{
    Refusal, Sink, Stop,
    record::{self, Context, Notes, Parts},
    text,
};

/// Where a request names no index.
const INDEX: &str = "loghorn";
/// What an item takes until it is answered, with its answer.
const ITEM_BYTES: usize = 320;

/// What is to be done with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Store it; a conflict where its id is known.
    Create,
    /// Store it unless its id is known: nothing is ever changed here.
    Index,
    /// The same for what it is changed to.
    Update,
    /// Nothing is ever deleted here.
    Delete,
}

impl Verb {
    const ALL: [(&'static str, Self); 4] =
        [("create", Self::Create), ("index", Self::Index), ("update", Self::Update), ("delete", Self::Delete)];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, verb)| *verb == self).map_or("", |(name, _)| name)
    }
}

/// One action of a bulk request, for its answer.
#[derive(Debug, Clone)]
pub struct Item {
    verb: Verb,
    index: Arc<str>,
    id: Option<Box<str>>,
    /// Why nothing was stored.
    fault: Option<Box<str>>,
}

/// A body of many documents.
#[derive(Debug, Clone, Default)]
pub struct Bulk {
    /// The index that the path names.
    pub index: Option<String>,
}

impl Bulk {
    /// Hands every document to `sink`; returns all actions in their order.
    pub fn decode<S: Sink>(&self, bytes: &[u8], context: &Context, sink: &mut S) -> Result<Vec<Item>, Stop<S::Error>> {
        let (text, notes) = text::read(bytes, sink).map_err(Stop::Full)?;
        let mut lines = text.split('\n').map(str::trim).enumerate().filter(|(_, line)| !line.is_empty());
        let mut reader = Reader { context, notes, sink, items: Vec::new() };
        let default: Arc<str> = self.index.as_deref().unwrap_or(INDEX).into();
        while let Some((number, line)) = lines.next() {
            let malformed =
                |why: &str| Refusal::malformed(format!("Malformed action/metadata line [{}], {why}", number + 1));
            let action = text::object(line, context, reader.sink).map_err(Stop::Full)?;
            let action = action.ok_or_else(|| malformed("expected START_OBJECT"))?;
            let mut action = action.into_iter();
            let (Some((name, of)), None) = (action.next(), action.next()) else {
                return Err(malformed("expected one action").into());
            };
            let Some((_, verb)) = Verb::ALL.into_iter().find(|(known, _)| *known == name) else {
                return Err(malformed("expected create, index, update or delete").into());
            };
            let last = reader.items.last().map(|item| item.index.clone());
            let index = match of.get("_index").and_then(plain) {
                None => default.clone(),
                Some(name) => last.filter(|last| **last == *name).unwrap_or_else(|| (*name).into()),
            };
            let id = of.get("_id").and_then(plain).map(|id| Box::from(&*id));
            let item = Item { verb, index, id, fault: None };
            if verb == Verb::Delete {
                reader.keep(item, Some("nothing is deleted here")).map_err(Stop::Full)?;
                continue;
            }
            let Some((_, source)) = lines.next() else { return Err(malformed("its source is missing").into()) };
            reader.take(item, source).map_err(Stop::Full)?;
        }
        if reader.items.is_empty() {
            return Err(Refusal::malformed("request body is required").into());
        }
        Ok(reader.items)
    }
}

/// A body of one document.
#[derive(Debug, Clone)]
pub struct Document {
    /// What is to be done with it.
    pub verb: Verb,
    /// The index that the path names.
    pub index: String,
    /// The id that the path names.
    pub id: Option<String>,
}

impl Document {
    /// Hands the document to `sink`.
    pub fn decode<S: Sink>(&self, bytes: &[u8], context: &Context, sink: &mut S) -> Result<Vec<Item>, Stop<S::Error>> {
        let (text, notes) = text::read(bytes, sink).map_err(Stop::Full)?;
        let mut reader = Reader { context, notes, sink, items: Vec::new() };
        let (index, id) = (self.index.as_str().into(), self.id.as_deref().map(Box::from));
        let item = Item { verb: self.verb, index, id, fault: None };
        reader.take(item, text.trim()).map_err(Stop::Full)?;
        if let Some(fault) = reader.items.first().and_then(|item| item.fault.as_deref()) {
            return Err(Refusal::malformed(fault).into());
        }
        Ok(reader.items)
    }
}

/// A name as Elasticsearch takes it: numbers too.
fn plain(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.as_str().into()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string().into()),
        _ => None,
    }
}

struct Reader<'a, S> {
    context: &'a Context,
    notes: Notes,
    sink: &'a mut S,
    items: Vec<Item>,
}

impl<S: Sink> Reader<'_, S> {
    /// Notes an action for the answer, with why nothing was stored, if so.
    fn keep(&mut self, item: Item, fault: Option<&str>) -> Result<(), S::Error> {
        let texts = item.index.len() + item.id.as_ref().map_or(0, |id| id.len());
        self.sink.hold(ITEM_BYTES + 2 * texts)?;
        self.items.push(Item { fault: fault.map(Box::from), ..item });
        Ok(())
    }

    fn take(&mut self, item: Item, source: &str) -> Result<(), S::Error> {
        let Some(mut parts) = self.parts(item.verb, source)? else {
            let fault = "failed to parse: the document is no JSON object";
            self.sink.reject(fault);
            return self.keep(item, Some(fault));
        };
        parts.metadata.entry("index").or_insert_with(|| Value::from(&*item.index));
        // The same id is another document in another index.
        if let Some(id) = &item.id {
            parts = parts.identified(&item.index, id);
        }
        let is_taken = self.sink.add(parts.draft(self.context))?;
        self.keep(item, (!is_taken).then_some("the limit leaves no room for it"))
    }

    fn parts(&mut self, verb: Verb, source: &str) -> Result<Option<Parts>, S::Error> {
        Ok(match text::value(source, self.context, self.sink)? {
            Some(Value::Object(document)) => {
                let document = if verb == Verb::Update { changed(document) } else { document };
                Some(record::parts(document, self.notes.clone()))
            }
            None if source.starts_with('{') && serde_json::from_str::<IgnoredAny>(source).is_ok() => {
                Some(Parts::whole(source, self.context, &self.notes))
            }
            _ => None,
        })
    }
}

/// What an update makes of a document.
fn changed(mut update: Map<String, Value>) -> Map<String, Value> {
    match (update.remove("doc"), update.remove("upsert")) {
        (Some(Value::Object(document)), _) | (_, Some(Value::Object(document))) => document,
        _ => update,
    }
}

/// How one action ended, in the order of the wire.
struct Ended<'a> {
    item: &'a Item,
    id: Option<&'a str>,
    result: &'static str,
    status: u16,
}

fn ended<'a>(item: &'a Item, appended: &mut impl Iterator<Item = &'a Appended>) -> Ended<'a> {
    let id = item.id.as_deref();
    if item.fault.is_some() {
        let (result, status) = if item.verb == Verb::Delete { ("not_found", 404) } else { ("", 400) };
        return Ended { item, id, result, status };
    }
    let appended = appended.next();
    let id = id.or_else(|| appended.map(|one| one.id.as_str()));
    match (appended.is_some_and(|one| one.is_duplicate), item.verb) {
        (false, Verb::Update) => Ended { item, id, result: "updated", status: 200 },
        (false, _) => Ended { item, id, result: "created", status: 201 },
        (true, Verb::Create) => Ended { item, id, result: "", status: 409 },
        (true, _) => Ended { item, id, result: "noop", status: 200 },
    }
}

impl Ended<'_> {
    fn write(&self, out: &mut String) {
        let text = |text: &str| Value::from(text).to_string();
        let id = self.id.map_or_else(|| "null".to_owned(), text);
        let (index, status) = (text(&self.item.index), self.status);
        // Writing to a String cannot fail.
        let _ = match status {
            400 => {
                let reason = text(self.item.fault.as_deref().unwrap_or_default());
                let error = format!(r#"{{"type":"document_parsing_exception","reason":{reason}}}"#);
                write!(out, r#"{{"_index":{index},"_id":{id},"status":400,"error":{error}}}"#)
            }
            409 => {
                let reason =
                    text(&format!("[{}]: version conflict, document already exists", self.id.unwrap_or_default()));
                let error =
                    format!(r#"{{"type":"version_conflict_engine_exception","reason":{reason},"index":{index}}}"#);
                write!(out, r#"{{"_index":{index},"_id":{id},"status":409,"error":{error}}}"#)
            }
            _ => {
                let result = self.result;
                write!(out, r#"{{"_index":{index},"_id":{id},"_version":1,"result":"{result}","status":{status}}}"#)
            }
        };
    }
}

/// The answer to a bulk request: `errors` stands before `items`, which Fluent Bit relies on.
pub fn bulk_answer(items: &[Item], appended: &[Appended], took_ms: u128) -> String {
    let mut list = String::with_capacity(items.len() * 120);
    let (mut appended, mut has_errors) = (appended.iter(), false);
    for item in items {
        let ended = ended(item, &mut appended);
        has_errors |= matches!(ended.status, 400 | 409);
        list.push_str(if list.is_empty() { "{\"" } else { ",{\"" });
        list.push_str(item.verb.name());
        list.push_str("\":");
        ended.write(&mut list);
        list.push('}');
    }
    format!(r#"{{"took":{took_ms},"errors":{has_errors},"items":[{list}]}}"#)
}

/// The status and answer to a single document.
pub fn document_answer(items: &[Item], appended: &[Appended]) -> (u16, String) {
    let mut body = String::new();
    let Some(item) = items.first() else { return (400, body) };
    let ended = ended(item, &mut appended.iter());
    ended.write(&mut body);
    (ended.status, body)
}
