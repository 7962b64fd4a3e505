//! `loghorn demo`: a shop to look at, or, with `--headless`, the whole of Loghorn tested from end to end.

mod screen;

use std::{fs::Permissions, net::SocketAddr, os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};

use clap::Args;
use loghorn_domain::Span;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tempfile::TempDir;
use tokio::time::{Instant, MissedTickBehavior, interval};

use self::screen::Screen;
use super::{
    Context,
    fail::{Exit, Fail},
    output::{BAD, GOOD, thousands},
};
use crate::{
    app::Signals,
    demo::{
        Demo, Figures,
        report::Report,
        scenario::{LENGTH_SECONDS, Scenario, Turn},
        subscriptions::{PLANNED, RECEIVERS},
    },
};

/// How often events are sent.
const STEP: Duration = Duration::from_millis(50);
/// How often the last line is written anew: on a terminal, and elsewhere.
const LINE_EVERY: Duration = Duration::from_secs(1);
const LINE_EVERY_ELSEWHERE: Duration = Duration::from_secs(10);
/// Events of a burst in each step, and its steps: 500 a second for two seconds.
const BURST_STEP: usize = 25;
const BURST_STEPS: u32 = 40;
/// How long deliveries may go on after the last event, at least.
const SETTLE_LEAST: Duration = Duration::from_secs(30);

/// What `demo` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn demo                                             then look at http://127.0.0.1:8000/
  loghorn demo --rate 100 --bind 127.0.0.1:9000 --keep
  loghorn demo --headless --for 90s --seed 7 -o json       tests the whole of it

Keys on a terminal: space pauses, f makes an endpoint fail, b sends a burst, q quits.
With --for it ends by itself: exit code 7 unless every event was delivered and verified, or is a dead letter that the
story means to be one.")]
pub(crate) struct DemoArgs {
    /// Events a second
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// Keep the data directory at the end
    #[arg(long)]
    keep: bool,
    /// Where the server listens [default: 127.0.0.1:8000, or a free port with --headless]
    #[arg(long, value_name = "ADDR")]
    bind: Option<SocketAddr>,
    /// No keys and nothing to look at: tell the story, check it, end
    #[arg(long)]
    headless: bool,
    /// End after so long, 5s to 1h; the story takes just that [default with --headless: 90s]
    #[arg(long = "for", value_name = "SPAN", value_parser = length)]
    length: Option<Span>,
    /// Which story: one seed tells the same each time
    #[arg(long, value_name = "N", default_value = "7")]
    seed: u64,
}

fn length(text: &str) -> Result<Span, String> {
    let span: Span = text.parse().map_err(|_| "expected a duration such as 90s".to_owned())?;
    let is_fit = (Duration::from_secs(5)..=Duration::from_secs(3600)).contains(&span.0);
    if is_fit { Ok(span) } else { Err("expected 5s to 1h".into()) }
}

/// What a person does with it.
#[derive(Default)]
struct Hand {
    is_paused: bool,
    /// Steps of a burst that are still to come.
    burst_steps: u32,
    /// The receiver that fails, and the one whose turn is next.
    failing: Option<usize>,
    next: usize,
}

/// How the telling ended.
enum End {
    /// It was told.
    Told,
    /// By a person who has seen enough.
    Quit,
    Interrupted,
}

impl DemoArgs {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let length = self.length.map(|span| span.0);
        let length = length.or_else(|| self.headless.then(|| Duration::from_secs_f64(LENGTH_SECONDS)));
        let scale = length.map_or(1.0, |length| length.as_secs_f64() / LENGTH_SECONDS);
        let scenario = Scenario { seed: self.seed, rate: self.rate, scale };
        let port = if self.headless { 0 } else { 8000 };
        let bind = self.bind.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], port)));
        let folder = Folder::new(self.keep)?;
        let mut demo = Demo::start(bind, folder.path(), scenario, !self.headless, context.timeout).await?;
        let wrong = |error: std::io::Error| Fail::new(Exit::Error, "no signals can be taken").why(error.to_string());
        // To the end: what is taken once does not end the process by itself any more.
        let mut signals = Signals::new().map_err(wrong)?;
        let mut screen = Screen::new(context.out, !self.headless);
        self.greet(&screen, &demo);
        let ended = self.tell(&mut demo, &mut screen, length, &mut signals).await;
        // The terminal is as it was before anything else is said.
        drop(screen);
        let told = match ended {
            Ok(End::Told) => tokio::select! {
                judged = self.judge(context, &demo, length.unwrap_or_default()) => judged,
                _ = signals.next() => Ok(Exit::Interrupted),
            },
            Ok(End::Quit) => Ok(Exit::Ok),
            Ok(End::Interrupted) => Ok(Exit::Interrupted),
            Err(fail) => Err(fail),
        };
        if length.is_none()
            && let Ok(figures) = demo.figures().await
        {
            context.out.say(&sentence(&figures));
        }
        demo.stop().await;
        if self.keep {
            let data = folder.path();
            context.out.say(&format!("Kept:  loghorn serve --allow-private 127.0.0.0/8 --data {}", data.display()));
        }
        told
    }

    fn greet(&self, screen: &Screen, demo: &Demo) {
        let kept = if self.keep { "kept at the end" } else { "deleted at the end; --keep to keep" };
        screen.say(&format!("Demo shop on a temporary data directory ({kept})"));
        screen.say(&format!("  {GOOD} {} receivers on 127.0.0.1: {}", RECEIVERS.len(), RECEIVERS.join(", ")));
        screen.say(&format!("  {GOOD} {} subscriptions:", PLANNED.len()));
        for planned in &PLANNED {
            screen.say(&format!("      {:19}  {:12}  ← {}", planned.name, RECEIVERS[planned.receiver], planned.what));
        }
        screen.say(&format!("  {GOOD} {} events/s: payment.*, inventory.*, auth.*, api.*", self.rate));
        screen.say(&format!("  Dashboard http://{}/", demo.addr()));
        if screen.has_keys() {
            screen.say("[space] pause  [f] fail an endpoint  [b] burst 500/s  [q] quit");
        }
    }

    async fn tell(
        &self,
        demo: &mut Demo,
        screen: &mut Screen,
        length: Option<Duration>,
        signals: &mut Signals,
    ) -> Result<End, Fail> {
        let mut clock = interval(STEP);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let line_every = if screen.has_keys() { LINE_EVERY } else { LINE_EVERY_ELSEWHERE };
        let (mut elapsed, mut last, mut shown) = (Duration::ZERO, Instant::now(), Instant::now());
        let mut hand = Hand::default();
        loop {
            tokio::select! {
                signal = signals.next() => return Ok(if signal == "SIGINT" { End::Interrupted } else { End::Quit }),
                key = screen.key() => if let Some(end) = hand.press(key, demo, screen) {
                    return Ok(end);
                },
                _ = clock.tick() => {
                    let now = Instant::now();
                    if !hand.is_paused {
                        elapsed += now - last;
                    }
                    last = now;
                    elapsed = length.map_or(elapsed, |length| elapsed.min(length));
                    for turn in demo.tell(elapsed).await? {
                        screen.say(&turn_in_words(turn, elapsed, demo));
                    }
                    if hand.burst_steps > 0 {
                        hand.burst_steps -= 1;
                        demo.burst(BURST_STEP).await?;
                    }
                    if length.is_some_and(|length| elapsed >= length) {
                        return Ok(End::Told);
                    }
                    if !self.headless && shown.elapsed() >= line_every {
                        shown = now;
                        screen.status(&sentence(&demo.figures().await?));
                    }
                }
            }
        }
    }

    /// Waits for what is under way, prints how it ended and says whether that is well.
    async fn judge(&self, context: &Context, demo: &Demo, length: Duration) -> Result<Exit, Fail> {
        context.out.say("The story is told; waiting for what is under way");
        demo.settle(SETTLE_LEAST.max(length)).await?;
        let report = demo.report(length).await?;
        let raw = serde_json::to_string(&report).unwrap_or_default();
        let word = if report.complete { "complete" } else { "incomplete" };
        context.out.one(&raw, word, &lines(&report))?;
        let (counts, mark) = (&report.total, if report.complete { GOOD } else { BAD });
        context.out.say(&format!(
            "{mark} {word}: {} events, {} webhook events due, {} delivered and verified, {} dead letters of {} meant, {} missing",
            thousands(report.events),
            thousands(counts.due),
            thousands(counts.delivered),
            thousands(counts.dead_letters),
            thousands(counts.dead_letters_due),
            thousands(counts.missing),
        ));
        Ok(if report.complete { Exit::Ok } else { Exit::Partly })
    }
}

impl Hand {
    /// What a key does; how it ends, if that is what it does.
    fn press(&mut self, key: KeyEvent, demo: &Demo, screen: &mut Screen) -> Option<End> {
        match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Some(End::Interrupted),
            KeyCode::Char('q') | KeyCode::Esc => return Some(End::Quit),
            KeyCode::Char(' ') => {
                self.is_paused = !self.is_paused;
                screen.say(if self.is_paused { "paused; space goes on" } else { "going on" });
            }
            KeyCode::Char('b') => {
                self.burst_steps += BURST_STEPS;
                screen.say("a burst: 500 events/s for two seconds");
            }
            KeyCode::Char('f') => match self.failing.take() {
                Some(receiver) => {
                    demo.set_down(receiver, false);
                    screen.say(&format!("{} is well again", RECEIVERS[receiver]));
                }
                None => {
                    let receiver = self.next % RECEIVERS.len();
                    demo.set_down(receiver, true);
                    (self.failing, self.next) = (Some(receiver), receiver + 1);
                    screen.say(&format!("{} answers 503, until f is pressed again", RECEIVERS[receiver]));
                }
            },
            _ => {}
        }
        None
    }
}

fn turn_in_words(turn: Turn, elapsed: Duration, demo: &Demo) -> String {
    let seconds = elapsed.as_secs();
    let server = match demo.addr().to_string().as_str() {
        "127.0.0.1:8000" => String::new(),
        addr => format!("--server {addr} "),
    };
    let what = match turn {
        Turn::OutageBegins => "supply-chain starts answering 503   → watch retries, then the circuit open".to_owned(),
        Turn::OutageEnds => "it recovers                         → half-open, closed, backlog drains".to_owned(),
        Turn::RefusalBegins => "fraud answers 401                   → dead letters".to_owned(),
        Turn::RefusalEnds => "fraud takes new events again".to_owned(),
        Turn::RefusalForgotten => format!("and the refused ones: loghorn {server}dlq replay --all --yes"),
    };
    format!("{}:{:02} {what}", seconds / 60, seconds % 60)
}

fn sentence(figures: &Figures) -> String {
    let deliveries = &figures.stats.delivery_stats;
    format!(
        "sent {} · delivered {} · waiting {} · retrying {} · dead {} · signatures checked {}, bad {}",
        thousands(figures.sent),
        thousands(deliveries.delivered),
        thousands(deliveries.queued + deliveries.attempting),
        thousands(deliveries.retrying),
        thousands(deliveries.failed),
        thousands(figures.good + figures.bad),
        thousands(figures.bad),
    )
}

fn lines(report: &Report) -> Vec<(&'static str, String)> {
    let all = [
        ("events", report.events),
        ("due", report.total.due),
        ("delivered", report.total.delivered),
        ("dead_letters_due", report.total.dead_letters_due),
        ("dead_letters", report.total.dead_letters),
        ("missing", report.total.missing),
        ("unexpected", report.total.unexpected),
        ("signatures_bad", report.signatures_bad),
        ("ledger_imbalance", report.ledger_imbalance),
    ];
    let counts = all.map(|(name, count)| (name, count.to_string()));
    let each = report.subscriptions.iter().map(|line| {
        let counts = &line.counts;
        (line.name, format!("{} of {} delivered, {} dead", counts.delivered, counts.due, counts.dead_letters))
    });
    [("complete", report.complete.to_string())].into_iter().chain(counts).chain(each).collect()
}

/// The data directory.
enum Folder {
    Kept(PathBuf),
    Deleted(TempDir),
}

impl Folder {
    fn new(is_kept: bool) -> Result<Self, Fail> {
        // The server starts on no directory that others may enter.
        let owner_only = Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix("loghorn-demo-").permissions(owner_only).tempdir();
        let folder = folder
            .map_err(|error| Fail::new(Exit::Error, "no temporary directory can be made").why(error.to_string()))?;
        Ok(if is_kept { Self::Kept(folder.keep()) } else { Self::Deleted(folder) })
    }

    fn path(&self) -> PathBuf {
        match self {
            Self::Kept(path) => path.clone(),
            Self::Deleted(folder) => folder.path().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_bounds() {
        assert_eq!(length("90s").map(|span| span.0), Ok(Duration::from_secs(90)));
        for wrong in ["4s", "2h", "soon"] {
            assert!(length(wrong).is_err(), "{wrong}");
        }
    }
}
