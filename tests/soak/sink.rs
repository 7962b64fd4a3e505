//! A lean receiver for thousands of endpoints: one address, the endpoint's number in the path.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// One webhook.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    pub endpoint: u32,
    /// The event's number.
    pub n: u64,
    /// Since [`Sink::epoch`].
    pub at: Duration,
    /// Since the event was sent.
    pub took: Duration,
}

/// A running sink.
#[derive(Clone)]
pub struct Sink {
    pub addr: SocketAddr,
    pub epoch: Instant,
    status: Arc<AtomicU16>,
    delay_ms: Arc<AtomicU64>,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
}

/// As a status: never answers.
pub const HANGS: u16 = 0;

impl Sink {
    pub fn start(status: u16, epoch: Instant) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        let status = Arc::new(AtomicU16::new(status));
        let sink = Self { addr, epoch, status, delay_ms: Arc::default(), arrivals: Arc::default() };
        let serving = sink.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                loop {
                    if let Ok((stream, _)) = listener.accept().await {
                        tokio::spawn(serving.clone().serve(stream));
                    }
                }
            });
        });
        sink
    }

    /// From now on each webhook is answered so, after so long.
    pub fn set(&self, status: u16, delay: Duration) {
        self.delay_ms.store(u64::try_from(delay.as_millis()).unwrap(), Ordering::Relaxed);
        self.status.store(status, Ordering::Relaxed);
    }

    pub fn url(&self, endpoint: usize) -> String {
        format!("http://{}/e/{endpoint}", self.addr)
    }

    pub fn count(&self) -> usize {
        self.arrivals.lock().unwrap().len()
    }

    /// What arrived since the last call.
    pub fn take(&self) -> Vec<Arrival> {
        std::mem::take(&mut *self.arrivals.lock().unwrap())
    }

    async fn serve(self, mut stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let mut buffer = Vec::with_capacity(4096);
        loop {
            let end = loop {
                if let Some((end, arrival)) = self.arrival(&buffer) {
                    self.arrivals.lock().unwrap().push(arrival);
                    break end;
                }
                if !stream.read_buf(&mut buffer).await.is_ok_and(|n| n > 0) {
                    return;
                }
            };
            buffer.drain(..end);
            let delay = self.delay_ms.load(Ordering::Relaxed);
            if delay > 0 {
                tokio::time::sleep(Duration::from_millis(delay)).await;
            }
            let answer = match self.status.load(Ordering::Relaxed) {
                HANGS => return tokio::time::sleep(Duration::from_secs(3600)).await,
                429 => "HTTP/1.1 429 Later\r\nretry-after: 3600\r\ncontent-length: 0\r\n\r\n".to_owned(),
                status => format!("HTTP/1.1 {status} Said\r\ncontent-length: 0\r\n\r\n"),
            };
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    /// The first whole request in `buffer`, and where it ends.
    fn arrival(&self, buffer: &[u8]) -> Option<(usize, Arrival)> {
        let head = find(buffer, b"\r\n\r\n")? + 4;
        let length =
            number(&buffer[..head], b"ontent-length: ").or_else(|| number(&buffer[..head], b"ontent-Length: "));
        let end = head + length.unwrap_or(0) as usize;
        let body = buffer.get(head..end)?;
        let at = self.epoch.elapsed();
        let sent = Duration::from_micros(number(body, b"\"sent_us\":").unwrap_or(0));
        let endpoint = number(&buffer[..head], b"/e/").unwrap_or(0) as u32;
        let n = number(body, b"\"n\":").unwrap_or(0);
        Some((end, Arrival { endpoint, n, at, took: at.saturating_sub(sent) }))
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// The number behind `name`.
fn number(bytes: &[u8], name: &[u8]) -> Option<u64> {
    let from = find(bytes, name)? + name.len();
    let digits = bytes[from..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}
