//! Events at a steady rate, or as many as go, each to one endpoint by its type.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    fmt::Write as _,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use futures_util::StreamExt as _;
use serde_json::json;

use super::{Loghorn, sink::Sink};

/// What became of what was sent.
#[derive(Debug, Default)]
pub struct Sent {
    /// The numbers of the events that were accepted.
    pub accepted: BTreeSet<u64>,
    /// Requests that were not.
    pub refused: usize,
}

/// One line for each number, for the endpoint that `to` says.
fn lines(numbers: std::ops::Range<u64>, epoch: Instant, to: impl Fn(u64) -> usize) -> String {
    let sent_us = epoch.elapsed().as_micros();
    numbers.fold(String::new(), |mut text, n| {
        let endpoint = to(n);
        let message = "Credit card processing timeout at the payment gateway of the shop, try again";
        let _ = writeln!(
            text,
            r#"{{"event_type":"e.{endpoint}","level":"ERROR","source":"shop","message":"{message}","metadata":{{"n":{n},"sent_us":{sent_us}}}}}"#
        );
        text
    })
}

async fn post(client: awc::Client, addr: SocketAddr, body: String) -> bool {
    let request = client.post(format!("http://{addr}/api/v1/events"));
    let sent = request.insert_header(("content-type", "application/x-ndjson")).send_body(body).await;
    let Ok(mut answer) = sent else { return false };
    answer.body().limit(64 << 20).await.is_ok() && answer.status() == 202
}

fn client() -> awc::Client {
    awc::Client::builder().connector(awc::Connector::new().limit(0)).timeout(Duration::from_secs(60)).finish()
}

/// Sends `per_second` events for so long, beginning with number `first`, on a thread of its own.
pub async fn steady(
    addr: SocketAddr,
    epoch: Instant,
    per_second: u64,
    span: Duration,
    first: u64,
    to: impl Fn(u64) -> usize + Send + 'static,
) -> Sent {
    const TICK: Duration = Duration::from_millis(20);
    let run = async move || {
        let (client, sent) = (client(), Rc::<RefCell<Sent>>::default());
        let mut ticks = tokio::time::interval(TICK);
        let (began, mut next, mut posts) = (Instant::now(), first, Vec::new());
        while began.elapsed() < span {
            ticks.tick().await;
            let due = first + (began.elapsed().as_secs_f64() * per_second as f64) as u64;
            if due <= next {
                continue;
            }
            let (numbers, client, sent) = (next..due, client.clone(), sent.clone());
            let body = lines(numbers.clone(), epoch, &to);
            posts.push(actix_rt::spawn(async move {
                let is_accepted = post(client, addr, body).await;
                match is_accepted {
                    true => sent.borrow_mut().accepted.extend(numbers),
                    false => sent.borrow_mut().refused += 1,
                }
            }));
            next = due;
        }
        for post in posts {
            post.await.unwrap();
        }
        std::mem::take(&mut *sent.borrow_mut())
    };
    on_a_thread(run).await
}

/// Sends the events of these numbers as fast as they are taken.
pub async fn bulk(
    addr: SocketAddr,
    epoch: Instant,
    numbers: std::ops::Range<u64>,
    to: impl Fn(u64) -> usize + Send + 'static,
) {
    const BATCH: u64 = 2000;
    let run = async move || {
        let client = client();
        let batches = numbers.clone().step_by(BATCH as usize).map(|from| from..(from + BATCH).min(numbers.end));
        let posts = futures_util::stream::iter(batches).map(|batch| {
            let (client, body) = (client.clone(), lines(batch, epoch, &to));
            async move {
                while !post(client.clone(), addr, body.clone()).await {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        });
        posts.buffer_unordered(4).collect::<()>().await;
    };
    on_a_thread(run).await;
}

async fn on_a_thread<T: Send + 'static>(run: impl AsyncFnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = tell.send(actix_rt::System::new().block_on(run()));
    });
    told.await.unwrap()
}

/// Subscriptions of these numbers, each to the events of its own number, at the URL that `url` says.
pub async fn subscribe(
    server: &Loghorn,
    numbers: std::ops::Range<usize>,
    url: impl Fn(usize) -> String,
    more: serde_json::Value,
) {
    let url = &url;
    let more = &more;
    let all = futures_util::stream::iter(numbers).map(|n| async move {
        let mut spec = more.clone();
        spec["name"] = json!(format!("s{n}"));
        spec["events"] = json!([format!("e.{n}")]);
        server.subscribe(&url(n), spec).await;
    });
    all.buffer_unordered(16).collect::<()>().await;
}

/// Waits until so many webhooks have arrived since they were taken last.
pub async fn arrived(sink: &Sink, n: usize, seconds: u64) {
    super::until("all arrives", seconds, || async { sink.count() >= n }).await;
}

/// The value below which `share` of `values` lie.
pub fn quantile(mut values: Vec<Duration>, share: f64) -> Duration {
    values.sort_unstable();
    let at = (values.len() as f64 * share) as usize;
    values.get(at.min(values.len().saturating_sub(1))).copied().unwrap_or_default()
}
