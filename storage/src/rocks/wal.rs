//! A closer look at the ends of the write-ahead logs, before RocksDB reads them.
//!
//! RocksDB takes a record that claims to be longer than the rest of its file for a torn end, and silently drops what
//! follows. That is right after a crash; but a flipped bit in a length looks the same, and then acknowledged events
//! follow. Here the two are told apart: behind a torn end there is no whole record.
//!
//! The manifest has the same form, and there a flipped bit can make RocksDB look for the next record for ever; so each of
//! its records is checked.
//!
//! A log is a sequence of blocks of 32 KiB; a record is a masked CRC32C over type and payload, the payload's length and
//! the type. Of a write-ahead log only the last block matters: everywhere else RocksDB refuses a bad
//! record by itself.

use std::{
    fs,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use super::OpenError;

const BLOCK: u64 = 32 * 1024;
const HEADER: usize = 7;
/// Whole, first, middle and last part of a write. The types above are not written by us.
const TYPE_MAX: u8 = 4;

/// Refuses logs that are damaged where RocksDB would see only a torn end.
pub(super) fn check(path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::Io { path: path.to_owned(), source };
    for file in fs::read_dir(path).map_err(failed)? {
        let file = file.map_err(failed)?;
        let (log, name) = (file.path(), file.file_name());
        let found = match name.to_string_lossy() {
            name if name.ends_with(".log") => {
                let (start, block) = last_block(&log).map_err(failed)?;
                let at = damage(&block).map(|offset| start + offset as u64);
                at.map(|at| format!("the record at byte {at} is damaged, and whole records follow it"))
            }
            name if name.starts_with("MANIFEST-") => {
                bad_record(&fs::read(&log).map_err(failed)?).map(|at| format!("the record at byte {at} is damaged"))
            }
            _ => None,
        };
        if let Some(what) = found {
            let detail = format!("{}: {what}", log.display());
            return Err(OpenError::Damaged { path: path.to_owned(), detail: detail.into() });
        }
    }
    Ok(())
}

/// Where a record is not as it was written; the last one may be torn.
fn bad_record(file: &[u8]) -> Option<usize> {
    file.chunks(BLOCK as usize).enumerate().find_map(|(number, block)| {
        let mut offset = 0;
        while let Some(rest) = block.get(offset..)
            && let Some(length) = length(rest)
            // The zeros of a preallocated end.
            && rest.iter().take(HEADER).any(|byte| *byte != 0)
        {
            if HEADER + length > rest.len() {
                break;
            }
            if !is_whole(rest) {
                return Some(number * BLOCK as usize + offset);
            }
            offset += HEADER + length;
        }
        damage(&block[offset..]).map(|further| number * BLOCK as usize + offset + further)
    })
}

/// The last block that is not empty, and where it begins.
fn last_block(log: &Path) -> io::Result<(u64, Vec<u8>)> {
    let mut file = fs::File::open(log)?;
    let length = file.metadata()?.len();
    let start = length.saturating_sub(1) / BLOCK * BLOCK;
    file.seek(SeekFrom::Start(start))?;
    let mut block = Vec::new();
    file.take(BLOCK).read_to_end(&mut block)?;
    Ok((start, block))
}

/// Where a record claims to go on behind the end of the block although a whole record follows.
fn damage(block: &[u8]) -> Option<usize> {
    let mut offset = 0;
    loop {
        let rest = block.get(offset..)?;
        let length = length(rest)?;
        if HEADER + length <= rest.len() {
            // Whole, or refused by RocksDB for its checksum, or the zeros of a preallocated end.
            offset += HEADER + length;
            continue;
        }
        return (1..rest.len()).any(|shift| is_whole(&rest[shift..])).then_some(offset);
    }
}

fn length(record: &[u8]) -> Option<usize> {
    let header = record.first_chunk::<HEADER>()?;
    Some(usize::from(u16::from_le_bytes([header[4], header[5]])))
}

fn is_whole(bytes: &[u8]) -> bool {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else { return false };
    let [a, b, c, d, low, high, kind] = *header;
    let Some(payload) = rest.get(..usize::from(u16::from_le_bytes([low, high]))) else { return false };
    (1..=TYPE_MAX).contains(&kind) && u32::from_le_bytes([a, b, c, d]) == masked(crc32c(kind, payload))
}

/// How RocksDB stores a checksum.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli) of a byte and what follows it. Bit by bit: it is needed for a few kilobytes after damage only.
fn crc32c(first: u8, rest: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 })
    };
    !rest.iter().fold(step(!0, &first), step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(payload: &[u8]) -> Vec<u8> {
        let crc = masked(crc32c(1, payload)).to_le_bytes();
        let length = u16::try_from(payload.len()).unwrap().to_le_bytes();
        [&crc[..], &length, &[1], payload].concat()
    }

    #[test]
    fn the_checksum_is_crc32c() {
        assert_eq!(crc32c(b'1', b"23456789"), 0xe306_9283);
    }

    #[test]
    fn a_torn_end_is_no_damage() {
        let block = [record(b"one"), record(b"two"), record(b"three")].concat();
        for end in 0..=block.len() {
            assert_eq!(damage(&block[..end]), None);
        }
        assert_eq!(damage(&[&block[..], &[0; 100]].concat()), None);
    }

    #[test]
    fn a_record_that_is_not_as_it_was_written_is_found() {
        let whole = [record(b"one"), record(b"two"), record(b"three")].concat();
        for end in 0..=whole.len() {
            assert_eq!(bad_record(&whole[..end]), None);
        }
        assert_eq!(bad_record(&[&whole[..], &[0; 100]].concat()), None);
        for bit in 0..20 * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(bad_record(&flipped), Some(bit / 80 * 10), "bit {bit}");
        }
    }

    #[test]
    fn a_length_that_hides_records_is_damage() {
        let mut block = [record(b"one"), record(b"two"), record(b"three")].concat();
        block[10 + 5] = 0x10;
        assert_eq!(damage(&block), Some(10));
    }
}
