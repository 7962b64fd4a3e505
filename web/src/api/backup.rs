//! A backup of the whole store while it runs: a tar of a checkpoint, sent as it is read.
//!
//! The first member, `loghorn-backup.json`, says what it is; the last, `SHA256SUMS`, is as `sha256sum -c` reads it, so
//! that a backup that was cut off is known as one. Neither the master key nor the admin's is in it.

use std::{
    fs::File,
    io::{self, Read, Write},
    time::Duration,
};

use actix_web::{HttpRequest, HttpResponse, body::SizedStream, http::header, web};
use futures_util::stream;
use loghorn_storage::Checkpoint;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::{runtime::Handle, sync::mpsc, time::Instant};

use crate::{State, error::Error, lists::Query};

/// The first member of the archive.
pub const MANIFEST: &str = "loghorn-backup.json";
/// The last.
pub const SUMS: &str = "SHA256SUMS";
/// The newest form of the archive that this version reads and the one it writes.
pub const FORMAT: u32 = 1;

/// Bytes that are sent in one piece.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces that wait for the client at most.
const PIECES_MAX: usize = 4;
/// A client that takes nothing for so long holds old files on the disk for nothing.
const STALLED_MAX: Duration = Duration::from_secs(60);
/// Slowest that it may take what there is, beyond that.
const BYTES_PER_SECOND_MIN: u64 = 64 * 1024;
/// Of a tar archive (POSIX.1-1988): headers and contents fill blocks, and two empty ones end it.
const BLOCK: u64 = 512;

/// What a backup says of itself.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Manifest {
    /// The form of the archive.
    pub format: u32,
    /// The version that made it.
    pub loghorn: String,
    /// When.
    pub taken_at: String,
    /// The oldest event in it.
    pub first_seq: u64,
    /// The newest event that is in it for certain; 0: none.
    pub last_seq: u64,
    /// Up to which event deliveries were made, for certain.
    pub routed_seq: u64,
    /// Its files between this one and the last.
    pub files: u64,
    /// Their bytes together.
    pub bytes: u64,
}

/// Take a backup of the whole store while it runs.
///
/// The answer is a tar archive of what was durable when it was asked for. It holds the events, all deliveries and
/// everything that was set up, secrets only sealed: without the master key, which is not in it, they cannot be read.
/// `loghorn backup restore` makes a data directory of it. One at a time.
#[utoipa::path(
    post, path = "/api/v1/backup", tag = "operation", operation_id = "take_backup",
    responses(
        (status = 200, body = Vec<u8>, content_type = "application/x-tar"),
        (status = 503, description = "another one is under way, or the disk is nearly full", body = crate::error::Problem)
    )
)]
pub(crate) async fn take(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    Query::read(&request, &[])?;
    let permit = state.backups.clone().try_acquire_owned();
    let permit = permit.map_err(|_| Error::unavailable("overloaded", "another backup is under way"))?;
    let store = state.system.store();
    let (bounds, routed, now) = (store.log.bounds(), state.system.routed_seq(), state.system.clock().now());
    let checkpoint = store.reads.checkpoint().await?;
    let manifest = Manifest {
        format: FORMAT,
        loghorn: state.options.version.into(),
        taken_at: now.to_string(),
        first_seq: bounds.first.0,
        last_seq: bounds.last.0,
        routed_seq: routed.0,
        files: checkpoint.files().len() as u64,
        bytes: checkpoint.files().iter().map(|(_, bytes)| bytes).sum(),
    };
    let manifest = serde_json::to_vec_pretty(&manifest).unwrap_or_default();
    let length = length(&manifest, checkpoint.files());
    let (pieces, taken) = mpsc::channel(PIECES_MAX);
    let runtime = Handle::current();
    // Reading is no work for a server's thread.
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let piece = Vec::with_capacity(PIECE_BYTES);
        let mut out = Out { pieces, runtime, piece, began: Instant::now(), bytes: 0 };
        match write(&mut out, &manifest, &checkpoint) {
            Ok(()) => tracing::info!(bytes = length, "a backup was taken"),
            Err(error) => {
                tracing::warn!(%error, "a backup was broken off");
                // Whoever still reads sees that it is not whole.
                let _ = out.pieces.try_send(Err(error));
            }
        }
    });
    let pieces = stream::unfold(taken, |mut taken| async move { Some((taken.recv().await?, taken)) });
    // No colons, which some file systems refuse.
    let name = format!("loghorn-{}.tar", now.to_string().replace(':', ""));
    Ok(HttpResponse::Ok()
        .content_type("application/x-tar")
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(SizedStream::new(length, pieces)))
}

/// How long the archive becomes.
fn length(manifest: &[u8], files: &[(String, u64)]) -> u64 {
    // As `write` makes its lines.
    let sums: usize = files.iter().map(|(name, _)| 2 * Sha256::output_size() + "  \n".len() + name.len()).sum();
    let contents = files.iter().map(|(_, bytes)| *bytes).chain([manifest.len() as u64, sums as u64]);
    contents.map(|bytes| BLOCK + bytes.next_multiple_of(BLOCK)).sum::<u64>() + 2 * BLOCK
}

fn write(out: &mut Out, manifest: &[u8], checkpoint: &Checkpoint) -> io::Result<()> {
    let mut archive = tar::Builder::new(&mut *out);
    let mut member = |name: &str, bytes: u64, content: &mut dyn Read| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes);
        header.set_mode(0o600);
        header.set_mtime(0);
        archive.append_data(&mut header, name, content)
    };
    member(MANIFEST, manifest.len() as u64, &mut &manifest[..])?;
    let mut sums = String::new();
    for (name, bytes) in checkpoint.files() {
        let mut file = Summed { file: File::open(checkpoint.folder().join(name))?.take(*bytes), sum: Sha256::new() };
        member(name, *bytes, &mut file)?;
        if file.file.limit() > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{name} became shorter")));
        }
        sums.extend([&hex(file.sum), "  ", name, "\n"]);
    }
    member(SUMS, sums.len() as u64, &mut sums.as_bytes())?;
    archive.finish()?;
    drop(archive);
    out.flush()
}

/// A checksum as the list has it.
pub fn hex(sum: Sha256) -> String {
    sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file whose checksum is made as it is read.
struct Summed {
    file: io::Take<File>,
    sum: Sha256,
}

impl Read for Summed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.sum.update(&buffer[..n]);
        Ok(n)
    }
}

/// What is written goes to the client in pieces, and waits until it takes them.
struct Out {
    pieces: mpsc::Sender<io::Result<web::Bytes>>,
    runtime: Handle,
    piece: Vec<u8>,
    began: Instant,
    bytes: u64,
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(PIECE_BYTES - self.piece.len());
        self.piece.extend_from_slice(&bytes[..n]);
        if self.piece.len() == PIECE_BYTES {
            self.flush()?;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        // Whoever trickles keeps files that the store would drop, and others from a backup.
        self.bytes += self.piece.len() as u64;
        if self.began.elapsed() > STALLED_MAX + Duration::from_secs(self.bytes / BYTES_PER_SECOND_MIN) {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes too little"));
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
        let sending = self.pieces.send_timeout(Ok(piece.into()), STALLED_MAX);
        self.runtime.block_on(sending).map_err(|error| match error {
            mpsc::error::SendTimeoutError::Timeout(_) => {
                io::Error::new(io::ErrorKind::TimedOut, format!("the client took nothing for {STALLED_MAX:?}"))
            }
            mpsc::error::SendTimeoutError::Closed(_) => io::Error::new(io::ErrorKind::BrokenPipe, "the client left"),
        })
    }
}
