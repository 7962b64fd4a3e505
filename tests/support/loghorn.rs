//! The real server, as a process.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use serde_json::Value;

/// A running server; killed when dropped.
pub struct Loghorn {
    child: Child,
    pub addr: SocketAddr,
    pub data: PathBuf,
    /// What it said when it was ready: among others what it found in its data.
    pub ready: Value,
    /// Every line of its log so far, of all its lives.
    lines: Arc<Mutex<Vec<String>>>,
    args: Vec<String>,
    env: Vec<(String, String)>,
    /// Lives as long as the data is needed; `None` where the caller owns the folder.
    folder: Option<tempfile::TempDir>,
    client: awc::Client,
}

/// The binary under test: `LOGHORN_TEST_BINARY`, else the one built with the tests.
pub fn binary() -> PathBuf {
    std::env::var_os("LOGHORN_TEST_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_loghorn").into(), PathBuf::from)
}

/// Loopback may be reached, and failures are retried soon.
const ARGS: [&str; 4] = ["--allow-private", "127.0.0.0/8", "--set", "delivery.backoff_base=100ms"];

impl Loghorn {
    pub async fn start() -> Self {
        Self::start_with(&[], &[]).await
    }

    pub async fn start_with(args: &[&str], env: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut started = Self::start_in(&data, args, env).await;
        started.folder = Some(folder);
        started
    }

    pub async fn start_in(data: &Path, args: &[&str], env: &[(&str, &str)]) -> Self {
        Self::try_start(&[], data, args, env).await.unwrap_or_else(|said| panic!("the server did not start:\n{said}"))
    }

    /// A server whose webhooks may go no further than those of one that a person starts.
    pub async fn start_closed(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        let started = Self::launch(&[], &folder.path().join("data"), args, Vec::new());
        let mut started = started.unwrap_or_else(|said| panic!("the server did not start:\n{said}"));
        started.folder = Some(folder);
        started
    }

    /// A server whose webhooks reach loopback, until the next restart under another command, such as `strace …`; what it
    /// said if it did not start.
    pub async fn try_start(wrapper: &[&str], data: &Path, args: &[&str], env: &[(&str, &str)]) -> Result<Self, String> {
        let args: Vec<String> = ARGS.iter().chain(args).map(|arg| (*arg).to_owned()).collect();
        let env: Vec<(String, String)> = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Self::launch(wrapper, data, args, env)
    }

    fn launch(wrapper: &[&str], data: &Path, args: Vec<String>, env: Vec<(String, String)>) -> Result<Self, String> {
        let lines = Arc::default();
        let (child, ready) = spawn(wrapper, data, &args, &env, &lines)?;
        let client = awc::Client::builder().timeout(Duration::from_secs(30)).finish();
        let (addr, data) = (addr_of(&ready), data.to_owned());
        Ok(Self { child, addr, data, ready, lines, args, env, folder: None, client })
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it ends by itself within `seconds`.
    pub async fn ends(&mut self, seconds: u64) -> bool {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < deadline {
            if self.child.try_wait().unwrap().is_some() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts again on the same data, with `env` instead of the environment before.
    pub fn restart_with(&mut self, env: &[(&str, &str)]) {
        self.env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        self.restart();
    }

    /// Starts again on the same data.
    pub fn restart(&mut self) {
        self.try_restart(&[]).unwrap_or_else(|said| panic!("the server did not start again:\n{said}"));
    }

    /// The same under another command, such as `strace …`; what it said if it did not start.
    pub fn try_restart(&mut self, wrapper: &[&str]) -> Result<(), String> {
        (self.child, self.ready) = spawn(wrapper, &self.data, &self.args, &self.env, &self.lines)?;
        self.addr = addr_of(&self.ready);
        Ok(())
    }

    /// How many lines of its log hold `text`.
    pub fn said(&self, text: &str) -> usize {
        self.lines.lock().unwrap().iter().filter(|line| line.contains(text)).count()
    }

    /// SIGTERM; the exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        let done = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status().unwrap();
        assert!(done.success());
        self.child.wait().unwrap().code()
    }

    /// Resident memory, in bytes.
    pub fn rss(&self) -> u64 {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.pid())).unwrap();
        statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    }

    /// Open file descriptors.
    pub fn fds(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().count()
    }

    /// Processor time so far.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call("GET", path, None).await;
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.call("POST", path, Some(body.to_string())).await
    }

    /// The admin key that the first start made.
    pub fn admin_key(&self) -> String {
        std::fs::read_to_string(self.data.join("admin.key")).unwrap().trim().to_owned()
    }

    pub async fn call(&self, method: &str, path: &str, body: Option<String>) -> (u16, Value) {
        self.call_as("", method, path, body).await
    }

    /// The same with this key; with none where it is empty.
    pub async fn call_as(&self, key: &str, method: &str, path: &str, body: Option<String>) -> (u16, Value) {
        let method = method.parse().unwrap();
        // A fresh connection each time: awc does not try again on one that the server is just closing.
        let request = self.client.request(method, self.url(path)).force_close();
        let request = request.insert_header(("Content-Type", "application/json"));
        let request = if key.is_empty() { request } else { request.bearer_auth(key) };
        let mut answer = match body {
            Some(body) => request.send_body(body).await,
            None => request.send().await,
        }
        .unwrap();
        let bytes = answer.body().limit(64 << 20).await.unwrap();
        let status = answer.status().as_u16();
        if bytes.is_empty() {
            return (status, Value::Null);
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::String(text)))
    }

    /// Makes a subscription to everything at `url`; its id and secret.
    pub async fn subscribe(&self, url: &str, more: Value) -> (String, String) {
        let mut spec = serde_json::json!({"name": "test", "url": url, "events": ["**"]});
        for (name, value) in more.as_object().unwrap() {
            spec[name] = value.clone();
        }
        let (status, made) = self.post("/api/v1/subscriptions", &spec).await;
        assert_eq!(status, 201, "{made}");
        (made["id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned())
    }

    /// A job as it is now.
    pub async fn job(&self, begun: &Value) -> Value {
        self.get(&format!("/api/v1/jobs/{}", begun["id"].as_str().unwrap())).await
    }

    /// The same once it has ended.
    pub async fn job_ended(&self, begun: &Value) -> Value {
        super::until("the job ends", 60, async || self.job(begun).await["state"] != "running").await;
        self.job(begun).await
    }

    pub async fn delivery_stats(&self) -> Value {
        self.get("/api/v1/stats").await["delivery_stats"].clone()
    }

    /// The ids of all events in the log, and how often each is there.
    pub async fn event_ids(&self) -> BTreeMap<String, usize> {
        let mut ids = BTreeMap::<String, usize>::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("/api/v1/events?limit=500{cursor}")).await;
            // Beside its own, which tell of deliveries.
            let is_own = |event: &&Value| event["event_type"].as_str().unwrap().starts_with("loghorn.");
            for event in page["items"].as_array().unwrap().iter().filter(|event| !is_own(event)) {
                *ids.entry(event["id"].as_str().unwrap().to_owned()).or_default() += 1;
            }
            let Some(next) = page["next_cursor"].as_str() else { return ids };
            cursor = format!("&cursor={next}");
        }
    }

    /// Holds the counters against what is really in the queues.
    pub async fn assert_ledger_balances(&self) {
        let ledger = self.get("/api/v1/ledger").await;
        assert_eq!(ledger["imbalance"], 0, "{ledger}");
    }
}

fn addr_of(ready: &Value) -> SocketAddr {
    ready["addr"].as_str().unwrap().parse().unwrap()
}

// Whoever gets the child waits for it when it is dropped.
fn spawn(
    wrapper: &[&str],
    data: &Path,
    args: &[String],
    env: &[(String, String)],
    lines: &Arc<Mutex<Vec<String>>>,
) -> Result<(Child, Value), String> {
    let words: Vec<OsString> = wrapper.iter().map(OsString::from).chain([binary().into()]).collect();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command.arg("serve").args(["--log", "json", "--data"]).arg(data).args(args);
    if !args.iter().any(|arg| arg == "--bind") {
        command.args(["--bind", "127.0.0.1:0"]);
    }
    command.env_clear().envs(env.iter().map(|(k, v)| (k, v))).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let stderr = child.stderr.take().unwrap();
    let (tell, told) = mpsc::channel();
    let kept = lines.clone();
    // Goes on reading, so that the server never waits for its log to be read.
    std::thread::spawn(move || {
        let is_loud = std::env::var_os("LOGHORN_TEST_LOUD").is_some();
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if is_loud {
                eprintln!("{line}");
            }
            // Nobody listens any more once it is ready.
            let _ = tell.send(line.clone());
            kept.lock().unwrap().push(line);
        }
    });
    let mut seen = Vec::new();
    loop {
        let Ok(line) = told.recv_timeout(Duration::from_secs(60)) else {
            let _ = child.kill();
            child.wait().unwrap();
            return Err(seen.join("\n"));
        };
        let json: Value = serde_json::from_str(&line).unwrap_or_default();
        if json["message"] == "ready" {
            return Ok((child, json));
        }
        seen.push(line);
    }
}

impl Drop for Loghorn {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
