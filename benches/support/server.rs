//! The server as a process.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// The server; killed when dropped.
pub struct Server {
    child: Child,
    pub url: String,
}

impl Server {
    pub fn start(data: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loghorn"));
        command.args(["serve", "--bind", "127.0.0.1:0", "--log", "json", "--allow-private", "127.0.0.0/8", "--data"]);
        let mut child = command.arg(data).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let ready = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let json: serde_json::Value = serde_json::from_str(&line).ok()?;
            (json["message"] == "ready").then(|| format!("http://{}", json["addr"].as_str().unwrap()))
        });
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url: ready.unwrap() }
    }

    fn stat(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap()
    }

    pub fn rss_mb(&self) -> f64 {
        self.stat("statm").split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4096.0 / 1e6
    }

    pub fn cpu(&self) -> f64 {
        let stat = self.stat("stat");
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn client() -> awc::Client {
    awc::Client::builder().connector(awc::Connector::new().limit(0)).timeout(Duration::from_secs(60)).finish()
}

pub fn subscribe(server: &Server, name: &str, target: &str) {
    let spec = serde_json::json!({"name": name, "url": target, "events": ["payment.**"]});
    let url = format!("{}/api/v1/subscriptions", server.url);
    actix_rt::System::new().block_on(async move {
        let answer = client().post(url).send_json(&spec).await.unwrap();
        assert_eq!(answer.status(), 201);
    });
}

/// Does `what` (`pause` or `resume`) with the only subscription.
pub fn act(server: &Server, what: &str) {
    let url = format!("{}/api/v1/subscriptions", server.url);
    actix_rt::System::new().block_on(async move {
        let list: serde_json::Value = client().get(&url).send().await.unwrap().json().await.unwrap();
        let id = list["items"][0]["id"].as_str().unwrap();
        assert_eq!(client().post(format!("{url}/{id}/{what}")).send().await.unwrap().status(), 200);
    });
}

pub fn stats(server: &Server) -> serde_json::Value {
    let url = format!("{}/api/v1/stats", server.url);
    actix_rt::System::new().block_on(async move { client().get(url).send().await.unwrap().json().await.unwrap() })
}
