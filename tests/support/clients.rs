//! Stock log shippers as `make test-shippers` installs them, outside the checkout. Those that are not there are skipped, and
//! that is said; with `LOGHORN_SHIPPERS_REQUIRED` they must be there.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::say;

/// Where they lie.
pub fn folder() -> PathBuf {
    let home = || PathBuf::from(std::env::var("HOME").unwrap_or_default()).join(".cache/loghorn/shippers");
    std::env::var_os("LOGHORN_SHIPPERS").map_or_else(home, PathBuf::from)
}

/// Says of a client that it is not there, which is a failure where it must be.
pub fn is_missing(client: &str) {
    let is_required = std::env::var_os("LOGHORN_SHIPPERS_REQUIRED").is_some();
    assert!(!is_required, "{client} is not installed");
    say(&format!("skipped: {client} is not installed; make test-shippers installs it"));
}

/// The root of Debian's packages that were unpacked.
pub fn debs() -> PathBuf {
    folder().join("deb/root")
}

/// The command of a program in Debian's packages that were unpacked, such as `usr/sbin/rsyslogd`.
pub fn deb(program: &str) -> Option<Command> {
    let (root, path) = (debs(), debs().join(program));
    if !path.exists() {
        is_missing(program);
        return None;
    }
    let mut command = Command::new(path);
    let libraries = ["usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/systemd", "usr/lib/syslog-ng"];
    let libraries = libraries.map(|folder| root.join(folder).display().to_string());
    command.env("LD_LIBRARY_PATH", libraries.join(":"));
    Some(command)
}

/// Writes the configuration that the documentation has for syslog-ng: it follows `app.log` in `folder`, and pushes to `url`.
pub fn write_syslog_ng_conf(folder: &Path, url: &str, key: &str) {
    let log = folder.join("app.log").display().to_string();
    let defined = [("LOG_FILE", log.as_str()), ("LOGHORN_URL", url), ("LOGHORN_KEY", key)];
    let conf = std::fs::read_to_string("docs/syslog-ng.conf").unwrap();
    let define = |line: &str| {
        let name = line.strip_prefix("@define ")?.split(' ').next()?;
        let (name, value) = defined.iter().find(|(defined, _)| *defined == name)?;
        Some(format!("@define {name} \"{value}\""))
    };
    let conf: Vec<String> = conf.lines().map(|line| define(line).unwrap_or_else(|| line.to_owned())).collect();
    std::fs::write(folder.join("conf"), conf.join("\n") + "\n").unwrap();
}

/// The machine's own syslog-ng, else the one that was unpacked, with the configuration in `folder`.
pub fn syslog_ng(folder: &Path) -> Option<Command> {
    const OWN: &str = "/usr/sbin/syslog-ng";
    let mut command = match Path::new(OWN).exists() {
        true => Command::new(OWN),
        false => {
            let mut command = deb("usr/sbin/syslog-ng")?;
            command.arg("--module-path").arg(debs().join("usr/lib/syslog-ng/3.38"));
            command
        }
    };
    command.args(["-F", "--no-caps", "--stderr", "-f"]).arg(folder.join("conf")).arg("-R").arg(folder.join("persist"));
    command.arg("-c").arg(folder.join("ctl")).arg("--pidfile").arg(folder.join("pid"));
    Some(command)
}

/// A shipper that runs until it is dropped.
pub struct Daemon {
    child: Child,
    said: PathBuf,
}

impl Daemon {
    /// Starts it; what it says goes to a file in `folder`.
    pub fn start(mut command: Command, folder: &Path) -> Self {
        let said = folder.join("said");
        let file = std::fs::File::create(&said).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        Self { child: command.spawn().unwrap(), said }
    }

    /// Everything that it said so far.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.said).unwrap_or_default()).into_owned()
    }

    /// SIGHUP: it reads its configuration again.
    pub fn reload(&self) {
        assert!(Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end; what it printed.
pub async fn run(mut command: Command) -> String {
    command.stdin(Stdio::null());
    let name = command.get_program().to_owned();
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{name:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The same command where `usr/share` of the unpacked packages seems to be the machine's own, for programs that find their
/// files there alone; `None` where this machine allows no such mount.
pub fn with_share(command: &Command) -> Option<Command> {
    let mount = format!("mount -t overlay o -o lowerdir={}:/usr/share /usr/share", debs().join("usr/share").display());
    let wrapped = |options: &str, program: &[&OsStr]| {
        let mut wrapped = Command::new("unshare");
        wrapped.args([options, "sh", "-c", &format!("{mount} && exec \"$@\""), "sh"]).args(program);
        wrapped.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        wrapped
    };
    let may = |options: &&str| {
        let tried = wrapped(options, &["true".as_ref()]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    // As root, else as one in a namespace of one's own.
    let Some(options) = ["-m", "-rm"].into_iter().find(may) else {
        say("skipped: no file system may be mounted here, which Alertmanager of Debian needs to find its templates");
        return None;
    };
    let words: Vec<&OsStr> = [command.get_program()].into_iter().chain(command.get_args()).collect();
    Some(wrapped(options, &words))
}

/// The block of this `connect` name in a page of `docs/shippers`, for a server at `addr`.
pub fn documented(page: &str, name: &str, addr: std::net::SocketAddr) -> String {
    let text = std::fs::read_to_string(format!("docs/shippers/{page}")).unwrap();
    let (_, after) =
        text.split_once(&format!("<!-- connect: {name} -->\n")).unwrap_or_else(|| panic!("{page}: {name}"));
    let (_, block) = after.split_once('\n').unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let port = addr.port().to_string();
    let block = block.replace("127.0.0.1:8000", &addr.to_string()).replace("LOGHORN_KEY", "any-key");
    block.replace("\"8000\"", &format!("\"{port}\"")).replace("8000,", &format!("{port},"))
}
