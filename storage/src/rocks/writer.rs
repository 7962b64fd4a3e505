//! The log writer: one thread that appends events and changes the catalogue.
//!
//! It takes everything that waits, up to a limit, into one write and one sync (group commit), then answers all at
//! once. Only it gives out seqs and revisions, so it needs no locks; and because it answers after the sync, an ack is
//! a promise. Duplicates are found here, against the disk and against the round being made.

use std::{
    collections::HashMap,
    sync::{Arc, mpsc},
};

use bytes::Bytes;
use loghorn_domain::{Event, EventId, NewEvent, Seq, Timestamp};

use super::{
    core::{Core, Reply, unreadable},
    db::{Batch, Durable},
    disk::DiskGuard,
    keys::{self, Cf},
    record,
};
use crate::{Appended, Error, Revision};

const ROUND_EVENTS_MAX: usize = 4096;
const ROUND_BYTES_MAX: usize = 8 << 20;

pub(super) enum Job {
    Append { events: Vec<NewEvent>, reply: Reply<Vec<Appended>> },
    Put { key: String, expected: Option<Revision>, value: Bytes, reply: Reply<Revision> },
    Delete { key: String, expected: Revision, reply: Reply<()> },
}

/// Runs until every sender is gone.
pub(super) fn run(core: &Core, jobs: &mpsc::Receiver<Job>) {
    let mut guard = DiskGuard::default();
    let mut buffer = Vec::new();
    while let Ok(job) = jobs.recv() {
        let mut round = Round::new(core, guard.check(core), &mut buffer);
        round.take(job);
        while !round.is_full() {
            let Ok(job) = jobs.try_recv() else { break };
            round.take(job);
        }
        round.commit();
    }
}

/// What is answered once the round is on the disk.
enum Answer {
    Appended(Reply<Vec<Appended>>, Vec<Appended>),
    Put(Reply<Revision>, Revision),
    Deleted(Reply<()>),
}

/// One write in the making.
struct Round<'a> {
    core: &'a Core,
    full: Option<Arc<str>>,
    batch: Batch<'a>,
    buffer: &'a mut Vec<u8>,
    next: Seq,
    events: Vec<Arc<Event>>,
    bytes: usize,
    /// Own ids in this round.
    ids: HashMap<EventId, (Seq, Timestamp)>,
    /// Catalogue records changed in this round.
    records: HashMap<String, Option<Revision>>,
    revision: u64,
    answers: Vec<Answer>,
}

impl<'a> Round<'a> {
    fn new(core: &'a Core, full: Option<Arc<str>>, buffer: &'a mut Vec<u8>) -> Self {
        Self {
            core,
            full,
            batch: core.db.batch(),
            buffer,
            next: core.marks.last.seq().next(),
            events: Vec::new(),
            bytes: 0,
            ids: HashMap::new(),
            records: HashMap::new(),
            revision: core.marks.revision.number(),
            answers: Vec::new(),
        }
    }

    fn is_full(&self) -> bool {
        self.events.len() >= ROUND_EVENTS_MAX || self.bytes >= ROUND_BYTES_MAX
    }

    fn take(&mut self, job: Job) {
        match job {
            Job::Append { events, reply } => match self.append(events) {
                Ok(appended) => self.answers.push(Answer::Appended(reply, appended)),
                Err(error) => reply.send(Err(error)),
            },
            Job::Put { key, expected, value, reply } => match self.put(key, expected, &value) {
                Ok(revision) => self.answers.push(Answer::Put(reply, revision)),
                Err(error) => reply.send(Err(error)),
            },
            Job::Delete { key, expected, reply } => match self.delete(key, expected) {
                Ok(()) => self.answers.push(Answer::Deleted(reply)),
                Err(error) => reply.send(Err(error)),
            },
        }
    }

    /// All or nothing: what can fail, the look-ups, comes before the first event is added.
    fn append(&mut self, events: Vec<NewEvent>) -> Result<Vec<Appended>, Error> {
        self.core.db.check_writable()?;
        if let Some(reason) = &self.full {
            return Err(Error::Full(reason.clone()));
        }
        let known = events.iter().map(|new| new.id.as_ref().map_or(Ok(None), |id| self.known(id)));
        let known = known.collect::<Result<Vec<_>, _>>()?;
        Ok(events.into_iter().zip(known).map(|(new, known)| self.add(new, known)).collect())
    }

    fn add(&mut self, new: NewEvent, known: Option<(Seq, Timestamp)>) -> Appended {
        if let Some(id) = &new.id {
            // The same batch may have brought it in since the look-up.
            let known = self.ids.get(id).copied().or(known);
            let fresh = |at: Timestamp| new.head.received_at.since(at) < self.core.options.dedupe;
            if let Some((seq, _)) = known.filter(|(_, at)| fresh(*at)) {
                return Appended { seq, id: id.clone(), is_duplicate: true };
            }
        }
        let seq = self.next;
        self.next = seq.next();
        record::encode_event(self.buffer, seq, new.id.as_ref(), &new.head, &new.tail);
        self.batch.put(Cf::Events, keys::of_seq(seq), &*self.buffer);
        if let Some(id) = &new.id {
            self.batch.put(Cf::Ids, id.as_str(), record::encode_id(seq, new.head.received_at));
            self.ids.insert(id.clone(), (seq, new.head.received_at));
        }
        let generated = || EventId::generated(new.head.received_at, self.core.log_number, seq);
        let id = new.id.clone().unwrap_or_else(generated);
        self.bytes += self.buffer.len();
        self.events.push(Arc::new(Event::new(seq, id.clone(), new.head, new.tail)));
        Appended { seq, id, is_duplicate: false }
    }

    /// Which kept event has this id, and when it was received.
    fn known(&self, id: &EventId) -> Result<Option<(Seq, Timestamp)>, Error> {
        if let Some(known) = self.ids.get(id) {
            return Ok(Some(*known));
        }
        if let Some(value) = self.core.db.get(Cf::Ids, id.as_str())? {
            let known = record::decode_id(&value).ok_or_else(|| unreadable("id", id))?;
            if known.0 >= self.core.marks.first.seq() {
                return Ok(Some(known));
            }
        }
        let Some((_, seq)) = id.parts().filter(|(number, _)| *number == self.core.log_number) else {
            return Ok(None);
        };
        let in_round = || self.events.iter().find(|event| event.seq == seq).cloned();
        let event = self.core.event(seq)?.or_else(in_round).filter(|event| event.id == *id);
        Ok(event.map(|event| (event.seq, event.head.received_at)))
    }

    fn revise(&mut self, key: &str, expected: Option<Revision>) -> Result<Revision, Error> {
        self.core.db.check_writable()?;
        let current = match self.records.get(key) {
            Some(current) => *current,
            None => match self.core.db.get(Cf::Catalog, key)? {
                Some(value) => Some(record::decode_record(&value).ok_or_else(|| unreadable("catalogue", key))?.0),
                None => None,
            },
        };
        if current != expected {
            return Err(Error::Conflict { current });
        }
        self.revision += 1;
        self.batch.put_number(keys::REVISION, self.revision);
        Ok(Revision(self.revision))
    }

    fn put(&mut self, key: String, expected: Option<Revision>, value: &[u8]) -> Result<Revision, Error> {
        let revision = self.revise(&key, expected)?;
        self.batch.put(Cf::Catalog, &key, record::encode_record(revision, value));
        self.records.insert(key, Some(revision));
        Ok(revision)
    }

    fn delete(&mut self, key: String, expected: Revision) -> Result<(), Error> {
        self.revise(&key, Some(expected))?;
        self.batch.delete(Cf::Catalog, &key);
        self.records.insert(key, None);
        Ok(())
    }

    fn commit(self) {
        let core = self.core;
        if let Err(error) = core.db.write(self.batch, Durable::Now) {
            self.answers.into_iter().for_each(|answer| answer.fail(error.clone()));
            return;
        }
        core.marks.revision.set(self.revision);
        if let Some(last) = self.events.last().map(|event| event.seq) {
            // In this order nothing can be read that lies behind the end; what the tail lacks is read from the disk.
            core.marks.last.set(last.0);
            core.tail.push(self.events);
            core.moved.send_replace(last);
        }
        self.answers.into_iter().for_each(Answer::send);
    }
}

impl Answer {
    fn send(self) {
        match self {
            Self::Appended(reply, appended) => reply.send(Ok(appended)),
            Self::Put(reply, revision) => reply.send(Ok(revision)),
            Self::Deleted(reply) => reply.send(Ok(())),
        }
    }

    fn fail(self, error: Error) {
        match self {
            Self::Appended(reply, _) => reply.send(Err(error)),
            Self::Put(reply, _) => reply.send(Err(error)),
            Self::Deleted(reply) => reply.send(Err(error)),
        }
    }
}
