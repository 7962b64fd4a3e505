//! What the end-to-end bench stands on: a receiver in a process of its own, the bare client as ceiling, a system.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::disallowed_methods, missing_docs)]

pub mod server;

use std::{
    cell::Cell,
    io::{BufRead, BufReader, Write as _},
    process::{Child, Command, Stdio},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The argument that makes this binary a receiver.
const RECEIVER: &str = "--receiver";

/// Turns this process into a receiver if it was started as one.
pub fn be_receiver_if_told() {
    if std::env::args().any(|argument| argument == RECEIVER) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(tokio::task::LocalSet::new().run_until(receive()));
    }
}

async fn receive() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    std::io::stdout().flush().unwrap();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        tokio::task::spawn_local(async move {
            let mut buffer = Vec::with_capacity(16 * 1024);
            while stream.read_buf(&mut buffer).await.is_ok_and(|n| n > 0) {
                while let Some(end) = request_end(&buffer) {
                    buffer.drain(..end);
                    if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.is_err() {
                        return;
                    }
                }
            }
        });
    }
}

/// Where the first whole request in `buffer` ends.
fn request_end(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).unwrap();
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
    });
    let end = head + length.unwrap_or(0);
    (buffer.len() >= end).then_some(end)
}

/// A receiver in a process of its own; stopped when dropped.
pub struct Receiver {
    child: Child,
    pub url: String,
}

impl Receiver {
    pub fn start() -> Self {
        let mut child =
            Command::new(std::env::current_exe().unwrap()).arg(RECEIVER).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, url: format!("http://{}/hook", line.trim()) }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a run came to.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Requests a second.
    pub rate: f64,
    /// CPU of this process for each, in microseconds.
    pub cpu_us: f64,
}

/// CPU time of this process.
pub fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

/// A body like that of a webhook: a 400-byte event in its envelope.
pub const BODY_BYTES: usize = 620;

/// The ceiling: awc alone, on one thread, so many requests in flight.
pub fn awc_alone(url: &str, in_flight: usize, n: usize) -> Run {
    let url = url.to_owned();
    let run = move || {
        actix_rt::System::new().block_on(async move {
            let connector = awc::Connector::new().limit(0);
            let client = awc::Client::builder().connector(connector).timeout(Duration::from_secs(60)).finish();
            let body = actix_web::web::Bytes::from(vec![b'x'; BODY_BYTES]);
            let left = Rc::new(Cell::new(n));
            let (began, cpu_before) = (Instant::now(), cpu());
            let slots = (0..in_flight).map(|_| {
                let (client, url, body, left) = (client.clone(), url.clone(), body.clone(), left.clone());
                actix_rt::spawn(async move {
                    while left.get() > 0 {
                        left.set(left.get() - 1);
                        let request = client.post(&url).insert_header(("content-type", "application/json"));
                        let request = request
                            .insert_header(("webhook-id", "dlv_019aa0000000000000000000000000ab"))
                            .insert_header(("webhook-timestamp", "1674087231"))
                            .insert_header(("webhook-signature", "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="))
                            .insert_header(("x-webhook-signature", SIGNATURE));
                        let mut answer = request.send_body(body.clone()).await.unwrap();
                        answer.body().await.unwrap();
                    }
                })
            });
            for slot in slots.collect::<Vec<_>>() {
                slot.await.unwrap();
            }
            let took = began.elapsed().as_secs_f64();
            Run { rate: n as f64 / took, cpu_us: (cpu() - cpu_before).as_secs_f64() * 1e6 / n as f64 }
        })
    };
    std::thread::spawn(run).join().unwrap()
}

const SIGNATURE: &str = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

pub struct WallClock(pub Instant);

impl loghorn_domain::Clock for WallClock {
    fn now(&self) -> loghorn_domain::Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        loghorn_domain::Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

pub struct Counting(pub std::sync::atomic::AtomicU64);

impl loghorn_actors::Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let n = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, std::sync::atomic::Ordering::Relaxed);
        bytes.iter_mut().enumerate().for_each(|(at, byte)| *byte = (n >> (8 * (at % 8))) as u8);
    }

    fn dice(&self) -> Box<dyn loghorn_domain::retry::Dice> {
        struct Middle;
        impl loghorn_domain::retry::Dice for Middle {
            fn unit(&mut self) -> f64 {
                0.5
            }
        }
        Box::new(Middle)
    }
}

/// A system over `store`, on two delivery threads.
pub async fn system(store: loghorn_storage::Store, in_flight: u16, threads: usize) -> loghorn_actors::System {
    let mut delivery = loghorn_actors::DeliveryOptions { in_flight_max: in_flight, threads, ..Default::default() };
    delivery.timeout = Duration::from_secs(60);
    let options = loghorn_actors::Options {
        ingest_queue_bytes: 64 << 20,
        limits: Default::default(),
        delivery,
        egress: loghorn_domain::egress::Policy {
            allow_private: vec!["127.0.0.0/8".parse().unwrap()],
            ..Default::default()
        },
        nameservers: Vec::new(),
        backlog_high: loghorn_domain::notice::BACKLOG_DEFAULT,
        retention: Default::default(),
        user_agent: "bench".into(),
        public_url: String::new(),
        traces: None,
        admin_keys: Vec::new(),
    };
    let clock = Arc::new(WallClock(Instant::now()));
    let random = Arc::new(Counting(std::sync::atomic::AtomicU64::new(0x1234_5678_9abc_def1)));
    let master = loghorn_actors::MasterSource::Environment(loghorn_domain::seal::Key::new([7; 32]));
    let vault = loghorn_actors::Vault::open(store.clone(), random.clone(), master).await.unwrap();
    loghorn_actors::System::start(store, clock, random, Arc::new(vault), options).await.unwrap()
}

/// A 400-byte event, as it comes in.
pub fn event(n: usize) -> String {
    let filler = "x".repeat(150);
    format!(
        r#"{{"level":"ERROR","event_type":"payment.failed","source":"payment-service","message":"Credit card processing timeout","metadata":{{"n":{n},"amount":1250.5,"transaction_id":"tx_12345","filler":"{filler}"}}}}"#
    )
}
