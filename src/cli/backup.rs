//! `loghorn backup`: copies a running server's whole store, and makes a data directory of such a copy.

use std::{
    fs::{self, File},
    io::{self, IsTerminal, Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use loghorn_web::api::backup::Manifest;
use serde_json::json;

use super::{
    Context,
    fail::{Exit, Fail},
    output::{GOOD, count, plain, thousands},
    progress::Progress,
};
use crate::{
    backup::{self, BackupError, Held},
    config::ClientConfig,
};

/// Where a backup is read from or written to: a file, or the standard one.
const STANDARD: &str = "-";

/// What can be done with backups.
#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Copy a running server's whole store into a file
    #[command(after_help = "\
Examples:
  loghorn backup create loghorn.tar
  loghorn backup create - | zstd > loghorn.tar.zst
  loghorn backup create --server https://loghorn.example.com --key-file admin.key loghorn.tar

It holds events, deliveries, subscriptions and keys as they were at one moment; secrets in it are sealed. The master key is
not in it: keep a copy of it, and keep it elsewhere. The file is checked before it gets its name.")]
    Create {
        /// A new file; - for the standard output, which is not checked
        file: PathBuf,
    },
    /// Make a data directory of a backup; the server must not run on it
    #[command(after_help = "\
Examples:
  loghorn backup restore loghorn.tar --data /var/lib/loghorn
  zstd -dc loghorn.tar.zst | loghorn backup restore - --data ./restored --paused

Every file is held against its checksum and every event is read before the directory gets its name. What was delivered after
the backup is delivered again, with the same webhook-id; with --paused nothing goes out until: loghorn dispatch resume")]
    Restore {
        /// The backup; - for the standard input
        file: PathBuf,
        /// Let no webhooks out until a person says so
        #[arg(long)]
        paused: bool,
    },
    /// Check that a backup is whole, without a server
    #[command(after_help = "Examples:\n  loghorn backup check loghorn.tar")]
    Check {
        /// The backup; - for the standard input
        file: PathBuf,
    },
}

impl BackupCommand {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        match self {
            Self::Create { file } if file.as_os_str() == STANDARD => to_stdout(context).await,
            Self::Create { file } => create(context, &file).await,
            Self::Restore { file, paused } => restore(context, &file, paused).await,
            Self::Check { file } => check(context, &file),
        }
    }
}

/// Receives a backup; its length, as the server says it, is held against what came.
async fn receive(context: &Context, mut take: impl FnMut(&[u8]) -> Result<(), Fail>) -> Result<u64, Fail> {
    let client = context.client()?;
    let progress = Progress::of_bytes(&context.out);
    let (mut received, mut expected) = (0, None);
    client
        .post_for_pieces(&["backup"], "application/x-tar", |piece, length| {
            (received, expected) = (received + piece.len() as u64, length);
            progress.set(received, length.unwrap_or(received), "received");
            take(piece)
        })
        .await?;
    match expected {
        Some(expected) if expected != received => {
            Err(Fail::new(Exit::Unreachable, format!("the backup broke off after {received} of {expected} bytes")))
        }
        _ => Ok(received),
    }
}

async fn to_stdout(context: &Context) -> Result<Exit, Fail> {
    let mut out = io::stdout();
    if out.is_terminal() {
        return Err(Fail::usage("a backup is nothing for a terminal").remedy("Name a file, or send it on with |"));
    }
    receive(context, |piece| Ok(out.write_all(piece)?)).await?;
    out.flush()?;
    context.out.say(&format!("{GOOD} the backup was sent on; the master key is not in it"));
    Ok(Exit::Ok)
}

async fn create(context: &Context, path: &Path) -> Result<Exit, Fail> {
    if path.exists() {
        return Err(Fail::new(Exit::Refused, format!("{} is there already", path.display()))
            .remedy("Name a new file: backups are not overwritten."));
    }
    // It is whole when it gets its name.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let unusable = |error: io::Error| Fail::file(path, &error);
    let mut draft = tempfile::Builder::new().prefix(".loghorn-backup-").tempfile_in(folder).map_err(unusable)?;
    let bytes = receive(context, |piece| draft.as_file_mut().write_all(piece).map_err(unusable)).await?;
    draft.as_file().sync_all().map_err(unusable)?;
    let manifest = read(context, path, draft.reopen().map_err(unusable)?, None)?;
    draft.persist_noclobber(path).map_err(|error| unusable(error.error))?;
    let name = path.display().to_string();
    let raw = json!({"file": name, "bytes": bytes, "backup": manifest}).to_string();
    let sentence = format!(
        "{GOOD} {} ({} bytes): events to {}, checked\n  The master key is not in it: keep a copy of it elsewhere.",
        plain(&name),
        thousands(bytes),
        manifest.last_seq
    );
    context.out.done(&raw, &name, &[&name, &bytes.to_string(), &manifest.last_seq.to_string()], &sentence)?;
    Ok(Exit::Ok)
}

fn check(context: &Context, path: &Path) -> Result<Exit, Fail> {
    let manifest = read(context, path, open(path)?, None)?;
    let Manifest { loghorn, taken_at, last_seq, .. } = &manifest;
    let sentence = format!(
        "{GOOD} whole: taken {} by {}, events to {last_seq}",
        context.out.moment(&plain(taken_at)),
        plain(loghorn)
    );
    let cells = [taken_at, loghorn, &last_seq.to_string()].map(|cell| plain(cell));
    let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
    context.out.done(&json!(manifest).to_string(), taken_at, &cells, &sentence)?;
    Ok(Exit::Ok)
}

async fn restore(context: &Context, path: &Path, is_paused: bool) -> Result<Exit, Fail> {
    let ClientConfig { data, .. } = ClientConfig::load(&context.flags)?;
    let shown = data.display().to_string();
    let is_free = match fs::read_dir(&data) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if !is_free {
        return Err(Fail::new(Exit::Refused, format!("{shown} is there already, and is not empty"))
            .remedy("Move it away first, or name another:  --data DIR"));
    }
    let unusable = |error: io::Error| Fail::file(&data, &error);
    let whole = std::path::absolute(&data).map_err(unusable)?;
    let folder = whole.parent().unwrap_or_else(|| Path::new("/"));
    fs::create_dir_all(folder).map_err(unusable)?;
    // For its owner alone, and gone again unless it becomes the data directory.
    let draft = tempfile::Builder::new()
        .prefix(".loghorn-restore-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(folder)
        .map_err(unusable)?;
    let manifest = read(context, path, open(path)?, Some(draft.path()))?;
    let Held { events, waiting, dead } =
        backup::look(draft.path(), is_paused).await.map_err(|error| failed(path, &error))?;
    if data.exists() {
        fs::remove_dir(&data).map_err(unusable)?;
    }
    fs::rename(draft.path(), &whole).map_err(unusable)?;
    let _ = draft.keep();
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unusable)?;
    let raw = json!({"data": shown, "events": events, "waiting": waiting, "dead": dead, "backup": manifest});
    let hold = if is_paused { "\n  Nothing goes out until:  loghorn dispatch resume" } else { "" };
    let sentence = format!(
        "{GOOD} {} made of the backup of {}: {}, {} waiting, {}\n  Put the master key there, as {}, and start it:  \
         loghorn serve --data {}{hold}",
        plain(&shown),
        context.out.moment(&plain(&manifest.taken_at)),
        count(events, "event"),
        thousands(waiting),
        count(dead, "dead letter"),
        plain(&data.join("master.key").display().to_string()),
        plain(&shown),
    );
    let cells = [events, waiting, dead].map(|number| number.to_string());
    context.out.done(&raw.to_string(), &shown, &[&shown, &cells[0], &cells[1], &cells[2]], &sentence)?;
    Ok(Exit::Ok)
}

fn open(path: &Path) -> Result<Box<dyn Read>, Fail> {
    if path.as_os_str() == STANDARD {
        return Ok(Box::new(io::stdin().lock()));
    }
    match File::open(path) {
        Ok(file) => Ok(Box::new(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Fail::file(path, &error).exit(Exit::NotFound)),
        Err(error) => Err(Fail::file(path, &error)),
    }
}

/// Reads it to its end; see [`backup::read`].
fn read(context: &Context, path: &Path, file: impl Read, into: Option<&Path>) -> Result<Manifest, Fail> {
    let progress = Progress::of_bytes(&context.out);
    let words = if into.is_some() { "restored" } else { "checked" };
    backup::read(file, into, |done, all| progress.set(done, all, words)).map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &BackupError) -> Fail {
    let (exit, remedy) = match error {
        BackupError::Io(_) | BackupError::Store(_) => (Exit::Error, None),
        BackupError::Packed(with) => {
            let remedy = format!("Unpack it on the way:  {with} -dc FILE | loghorn backup … -");
            (Exit::Refused, Some(remedy))
        }
        BackupError::Newer { .. } => (Exit::Refused, None),
        _ => (Exit::Refused, Some("Nothing was made of it. Take another backup.".into())),
    };
    let fail = Fail::new(exit, format!("cannot use the backup {}", path.display())).why(error.to_string());
    match remedy {
        Some(remedy) => fail.remedy(remedy),
        None => fail,
    }
}
