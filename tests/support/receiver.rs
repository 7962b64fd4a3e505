//! A real receiver of webhooks: remembers what arrived and answers as told, politely or not.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};

/// How a receiver answers.
#[derive(Debug, Clone)]
pub enum Mood {
    /// This status, with these header lines.
    Answer(u16, &'static str),
    /// 200 after so long.
    Slow(Duration),
    /// Never.
    Hang,
    /// Cuts the connection as soon as the request was read.
    Reset,
    /// These bytes, and the end of the connection.
    Raw(Arc<[u8]>),
    /// A head, then one byte a second.
    Drip,
    /// This head, then this part again and again.
    Endless(&'static str, Arc<[u8]>),
    /// As the webhook deserves.
    By(fn(&Webhook) -> Mood),
}

impl Mood {
    pub fn raw(bytes: impl AsRef<[u8]>) -> Self {
        Self::Raw(bytes.as_ref().into())
    }

    /// A body in chunks without end.
    pub fn endless() -> Self {
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        Self::Endless("Transfer-Encoding: chunked", chunk.into_bytes().into())
    }

    /// A body that says that it is 10 GiB long, and is.
    pub fn giant() -> Self {
        Self::Endless("Content-Length: 10737418240", vec![b'x'; 0x10000].into())
    }

    /// 10 MB of gzip that are 10 GB unpacked, again and again.
    pub fn gzip_bomb() -> Self {
        let mut member = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut member, &vec![0; 10 << 20]).unwrap();
        // A gzip file may consist of many.
        let bomb = member.finish().unwrap().repeat(1000);
        Self::Endless("Content-Encoding: gzip\r\nContent-Length: 10737418240", bomb.into())
    }
}

/// One webhook as it arrived.
#[derive(Debug, Clone)]
pub struct Webhook {
    pub at: Instant,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
    /// The client certificate that was shown, if one was.
    pub from: Option<Vec<u8>>,
}

impl Webhook {
    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The id of the event inside.
    pub fn event_id(&self) -> String {
        self.json()["data"]["id"].as_str().unwrap().to_owned()
    }

    /// Both schemes; the standard one with someone else's verifier.
    pub fn verify(&self, secret: &str) {
        let mut headers = http::HeaderMap::new();
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            headers.insert(name, self.headers[name].parse().unwrap());
        }
        let secret = loghorn_domain::secret::Secret::own(secret.into()).unwrap();
        standardwebhooks::Webhook::new(&secret.as_whsec()).unwrap().verify(&self.body, &headers).unwrap();
        loghorn_domain::signing::verify_plain(&secret, &self.headers["x-webhook-signature"], &self.body).unwrap();
    }
}

/// A running receiver.
#[derive(Clone)]
pub struct Receiver {
    pub addr: SocketAddr,
    mood: Arc<Mutex<Mood>>,
    arrived: Arc<Mutex<Vec<Webhook>>>,
    connections: Arc<AtomicUsize>,
    tls: Option<Arc<rustls::ServerConfig>>,
}

impl Receiver {
    /// A receiver on a port of its own, on a thread of its own.
    pub fn start(mood: Mood) -> Self {
        Self::start_with(std::net::TcpListener::bind("127.0.0.1:0").unwrap(), mood, None)
    }

    /// The same, over TLS.
    pub fn start_tls(mood: Mood, tls: Arc<rustls::ServerConfig>) -> Self {
        Self::start_with(std::net::TcpListener::bind("127.0.0.1:0").unwrap(), mood, Some(tls))
    }

    /// At this address; `None` where it is taken.
    pub fn start_at(addr: SocketAddr, mood: Mood) -> Option<Self> {
        Some(Self::start_with(std::net::TcpListener::bind(addr).ok()?, mood, None))
    }

    fn start_with(listener: std::net::TcpListener, mood: Mood, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        let mood = Arc::new(Mutex::new(mood));
        let receiver = Self { addr, mood, arrived: Arc::default(), connections: Arc::default(), tls };
        let serving = receiver.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                loop {
                    let Ok((stream, _)) = listener.accept().await else { continue };
                    serving.connections.fetch_add(1, Ordering::Relaxed);
                    let _ = stream.set_nodelay(true);
                    if matches!(*serving.mood.lock().unwrap(), Mood::Reset) {
                        let _ = stream.set_zero_linger();
                    }
                    let serving = serving.clone();
                    tokio::spawn(async move {
                        let Some(tls) = serving.tls.clone() else { return serving.serve(stream, None).await };
                        // A client that does not trust it goes away.
                        if let Ok(stream) = tokio_rustls::TlsAcceptor::from(tls).accept(stream).await {
                            let shown = stream.get_ref().1.peer_certificates().and_then(|shown| shown.first());
                            let from = shown.map(|certificate| certificate.to_vec());
                            serving.serve(stream, from).await;
                        }
                    });
                }
            });
        });
        receiver
    }

    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/hook", self.addr)
    }

    pub fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub fn arrived(&self) -> Vec<Webhook> {
        self.arrived.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.arrived.lock().unwrap().len()
    }

    /// Connections that were accepted.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    async fn serve(self, mut stream: impl AsyncRead + AsyncWrite + Unpin, from: Option<Vec<u8>>) {
        let mut buffer = Vec::new();
        while let Some(mut webhook) = read(&mut stream, &mut buffer).await {
            webhook.from = from.clone();
            let mut mood = self.mood.lock().unwrap().clone();
            while let Mood::By(choose) = mood {
                mood = choose(&webhook);
            }
            self.arrived.lock().unwrap().push(webhook);
            if answer(&mut stream, mood).await.is_none() {
                return;
            }
        }
    }
}

/// One request; `None` at the end of the connection.
async fn read(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<Webhook> {
    let head_end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&buffer[..head_end]).into_owned();
    let headers: HashMap<String, String> = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(0, |text| text.parse().unwrap());
    while buffer.len() < head_end + length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let body = buffer[head_end..head_end + length].to_vec();
    buffer.drain(..head_end + length);
    Some(Webhook { at: Instant::now(), headers, body, from: None })
}

/// `None` where the connection is not to be used again.
async fn answer(stream: &mut (impl AsyncWrite + Unpin), mood: Mood) -> Option<()> {
    match mood {
        Mood::Answer(status, headers) => {
            let text = format!("HTTP/1.1 {status} Said\r\n{headers}Content-Length: 2\r\n\r\nok");
            stream.write_all(text.as_bytes()).await.ok()
        }
        Mood::Slow(pause) => {
            tokio::time::sleep(pause).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.ok()
        }
        // It was resolved.
        Mood::By(_) | Mood::Hang => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            None
        }
        Mood::Reset => None,
        Mood::Raw(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            None
        }
        Mood::Drip => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n").await.ok()?;
            loop {
                stream.write_all(b"x").await.ok()?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        Mood::Endless(head, part) => {
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").as_bytes()).await.ok()?;
            loop {
                stream.write_all(&part).await.ok()?;
            }
        }
    }
}
