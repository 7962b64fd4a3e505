//! For the fuzz target alone: any bytes as each kind of record that the store keeps.

use loghorn_domain::Seq;

use super::record::{self, Attempted, Dead, Ended, Match, Waiting};

/// Reads `bytes` as everything they could be. What is read at all must be the same when it is written and read again;
/// panics where it is not.
pub fn read(bytes: &[u8]) {
    // With a checksum that fits, as nothing else gets further.
    let event = record::framed(Seq(1), bytes);
    if let Ok(event) = record::decode_event(Seq(1), 1, &event) {
        let mut again = Vec::new();
        record::encode_event(&mut again, Seq(1), Some(&event.id), &event.head, event.tail());
        let read = record::decode_event(Seq(1), 1, &again);
        assert!(
            read.is_ok_and(|read| { (&read.head, &read.id, read.tail()) == (&event.head, &event.id, event.tail()) })
        );
    }
    let _ = record::decode_event(Seq(1), 1, bytes);
    record::decode_id(bytes);
    record::decode_record(bytes);
    same(bytes, Match::from_bytes, Match::to_bytes);
    same(bytes, Attempted::from_bytes, Attempted::to_bytes);
    same(bytes, Ended::from_bytes, |ended| ended.to_bytes());
    same::<Waiting, _>(bytes, record::decode, record::encode);
    same::<Dead, _>(bytes, record::decode, record::encode);
}

fn same<T: PartialEq, E>(bytes: &[u8], read: impl Fn(&[u8]) -> Option<T>, write: impl Fn(&T) -> Result<Vec<u8>, E>) {
    if let Some(one) = read(bytes) {
        let again = write(&one).ok().and_then(|bytes| read(&bytes));
        assert!(again.is_some_and(|again| again == one));
    }
}
