//! `loghorn top`: the server at a glance, on the whole terminal, until `q`.
//!
//! Read once a second by the API, which subscriptions there are more seldom; drawn when something came or a key was
//! pressed, also while it is read. The terminal is put back whatever happens.

mod view;

use std::{collections::BTreeMap, io::IsTerminal, pin::pin, time::Duration};

use clap::Args;
use futures_util::future::{Fuse, FusedFuture, FutureExt};
use loghorn_web::api::{
    health::Health,
    series::{Figures, SubscriptionFigures},
    stats::Stats,
    subscriptions::Shown,
};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;

use super::{
    Context,
    client::{Client, Query},
    fail::{Exit, Fail},
    sub,
};

/// How often the server is asked.
const EVERY: Duration = Duration::from_secs(1);
/// In each so manieth reading it is asked which subscriptions there are.
const LIST_EVERY: u32 = 10;
/// How long a key is waited for before it is looked whether anybody still wants one.
const KEY_WAIT: Duration = Duration::from_millis(200);
/// Subscriptions that are watched: those in trouble first.
const WATCHED_MAX: usize = 50;

/// What `top` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn top
  loghorn --server logs.example.com top

Keys: q quits, p pauses, s sorts otherwise, j and k (or the arrows) choose, Enter shows all of the one that is chosen.")]
pub(crate) struct TopArgs {}

/// What was read of the server.
struct News {
    health: Health,
    stats: Stats,
    /// Those that are watched from now on; `None`: the same as before.
    watched: Option<Vec<Shown>>,
    /// By subscription.
    figures: BTreeMap<String, Figures>,
}

/// What is shown of it.
struct Snapshot {
    health: Health,
    stats: Stats,
    rows: Vec<Row>,
}

/// One subscription.
struct Row {
    shown: Shown,
    figures: Option<Figures>,
}

/// By what rows are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sorting {
    /// What is in trouble first.
    Trouble,
    Latency,
    Traffic,
    Name,
}

impl Sorting {
    const fn name(self) -> &'static str {
        match self {
            Self::Trouble => "trouble",
            Self::Latency => "latency",
            Self::Traffic => "traffic",
            Self::Name => "name",
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::Trouble => Self::Latency,
            Self::Latency => Self::Traffic,
            Self::Traffic => Self::Name,
            Self::Name => Self::Trouble,
        }
    }
}

/// What is on the screen.
struct Screen {
    server: String,
    snapshot: Option<Snapshot>,
    /// Why there is nothing newer.
    trouble: Option<String>,
    sorting: Sorting,
    /// The id of the one that is chosen; `None`: the first, whichever that is.
    selected: Option<String>,
    is_paused: bool,
    /// Whether all of the chosen one is shown.
    is_open: bool,
}

impl TopArgs {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
            return Err(
                Fail::usage("top needs a terminal").remedy("Elsewhere:  loghorn status -w    loghorn status -o json")
            );
        }
        let client = context.client()?;
        // What is wrong from the start is told as ever.
        let mut screen = Screen::new(client.server().to_owned());
        screen.take(Ok(read(&client, None).await?));
        let (tell, mut keys) = mpsc::channel(16);
        std::thread::spawn(move || read_keys(&tell));
        let mut terminal = ratatui::try_init().map_err(Fail::from)?;
        let ended = screen.run(&client, &mut terminal, &mut keys).await;
        ratatui::restore();
        ended
    }
}

/// Tells each key that is pressed, until nobody wants one any more.
pub(super) fn read_keys(tell: &mpsc::Sender<KeyEvent>) {
    while !tell.is_closed() {
        match event::poll(KEY_WAIT) {
            Ok(true) => match event::read() {
                Ok(Event::Key(key)) if key.kind == KeyEventKind::Press => drop(tell.blocking_send(key)),
                Ok(_) => {}
                Err(_) => return,
            },
            Ok(false) => {}
            Err(_) => return,
        }
    }
}

/// Reads how the subscriptions `ids` do, or `None`: of those that there are.
async fn read(client: &Client, ids: Option<Vec<String>>) -> Result<News, Fail> {
    let health = client.get(&["health"]).await?.read()?;
    let stats = client.get(&["stats"]).await?.read()?;
    let (ids, watched) = match ids {
        Some(ids) => (ids, None),
        None => {
            let path = ["subscriptions"];
            let mut all = client.list::<Shown>(&path, &Query::new(), sub::SEARCHED_MAX).await?.items;
            all.sort_by_key(trouble);
            all.truncate(WATCHED_MAX);
            (all.iter().map(|shown| shown.id.clone()).collect(), Some(all))
        }
    };
    let mut figures = BTreeMap::new();
    if !ids.is_empty() {
        let query: Query = vec![("ids", ids.join(",").into()), ("range", "15m".into())];
        let found: SubscriptionFigures = client.query(&["stats", "subscriptions"], &query).await?.read()?;
        figures.extend(found.items.into_iter().map(|one| (one.subscription_id.clone(), one)));
    }
    Ok(News { health, stats, watched, figures })
}

/// 0 for what is in the worst trouble.
fn trouble(shown: &Shown) -> u8 {
    match (shown.circuit.as_str(), shown.state.as_str()) {
        ("open", _) => 0,
        ("half_open", _) => 1,
        (_, "disabled") => 2,
        (_, "paused") => 3,
        _ => 4,
    }
}

impl Screen {
    fn new(server: String) -> Self {
        Self {
            server,
            snapshot: None,
            trouble: None,
            sorting: Sorting::Trouble,
            selected: None,
            is_paused: false,
            is_open: false,
        }
    }

    async fn run(
        &mut self,
        client: &Client,
        terminal: &mut ratatui::DefaultTerminal,
        keys: &mut mpsc::Receiver<KeyEvent>,
    ) -> Result<Exit, Fail> {
        let mut clock = tokio::time::interval(EVERY);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut reading = pin!(Fuse::terminated());
        let mut rounds = 0;
        loop {
            terminal.draw(|frame| view::draw(self, frame))?;
            tokio::select! {
                key = keys.recv() => match key {
                    Some(key) if !self.press(key) => {}
                    _ => return Ok(Exit::Ok),
                },
                _ = clock.tick(), if !self.is_paused && reading.is_terminated() => {
                    rounds += 1;
                    let ids = (rounds % LIST_EVERY != 0).then(|| self.ids());
                    reading.set(read(client, ids).fuse());
                }
                news = reading.as_mut() => self.take(news),
            }
        }
    }

    fn take(&mut self, read: Result<News, Fail>) {
        let News { health, stats, watched, mut figures } = match read {
            Ok(news) => news,
            Err(fail) => return self.trouble = Some(fail.what().to_owned()),
        };
        self.trouble = None;
        let known = self.snapshot.take().into_iter().flat_map(|before| before.rows).map(|row| row.shown);
        let watched = watched.unwrap_or_else(|| known.collect());
        let rows = watched.into_iter().map(|shown| Row { figures: figures.remove(&shown.id), shown }).collect();
        self.snapshot = Some(Snapshot { health, stats, rows });
        let is_gone = |id: &String| !self.rows().iter().any(|row| row.shown.id == *id);
        if self.selected.as_ref().is_some_and(is_gone) {
            (self.selected, self.is_open) = (None, false);
        }
        self.sort();
    }

    fn rows(&self) -> &[Row] {
        self.snapshot.as_ref().map_or(&[], |snapshot| &snapshot.rows)
    }

    fn ids(&self) -> Vec<String> {
        self.rows().iter().map(|row| row.shown.id.clone()).collect()
    }

    /// The place of the one that is chosen.
    fn selected(&self) -> usize {
        let place = |id: &String| self.rows().iter().position(|row| row.shown.id == *id);
        self.selected.as_ref().and_then(place).unwrap_or(0)
    }

    /// Chooses the one at `place`, or the last.
    fn select(&mut self, place: usize) {
        let rows = self.rows();
        self.selected = rows.get(place).or_else(|| rows.last()).map(|row| row.shown.id.clone());
    }

    fn sort(&mut self) {
        let sorting = self.sorting;
        let rows = self.snapshot.iter_mut().map(|snapshot| &mut snapshot.rows);
        rows.for_each(|rows| rows.sort_by(|a, b| order(sorting, a, b)));
    }

    /// Whether it ends.
    fn press(&mut self, key: KeyEvent) -> bool {
        match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return true,
            KeyCode::Esc if self.is_open => self.is_open = false,
            KeyCode::Char('q') | KeyCode::Esc => return true,
            KeyCode::Char('p' | ' ') => self.is_paused = !self.is_paused,
            KeyCode::Char('s') => {
                self.sorting = self.sorting.next();
                self.sort();
            }
            KeyCode::Char('j') | KeyCode::Down => self.select(self.selected() + 1),
            KeyCode::Char('k') | KeyCode::Up => self.select(self.selected().saturating_sub(1)),
            KeyCode::Enter => {
                self.select(self.selected());
                self.is_open = !self.is_open && self.selected.is_some();
            }
            _ => {}
        }
        false
    }
}

fn order(sorting: Sorting, a: &Row, b: &Row) -> std::cmp::Ordering {
    let rate = |row: &Row| row.figures.as_ref().and_then(|figures| figures.success_rate).unwrap_or(101.0);
    let latency = |row: &Row| row.figures.as_ref().and_then(|figures| figures.p95_ms).unwrap_or(-1.0);
    let traffic = |row: &Row| row.figures.as_ref().map_or(0, |figures| figures.delivered + figures.failed);
    let by_name = || sub::name(&a.shown).cmp(sub::name(&b.shown));
    match sorting {
        Sorting::Trouble => trouble(&a.shown).cmp(&trouble(&b.shown)).then(rate(a).total_cmp(&rate(b))),
        Sorting::Latency => latency(b).total_cmp(&latency(a)),
        Sorting::Traffic => traffic(b).cmp(&traffic(a)),
        Sorting::Name => by_name(),
    }
    .then_with(by_name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    pub(super) fn screen() -> Screen {
        let row = |name: &str, circuit: &str, rate: f64, p95_ms: f64| {
            let shown = json!({"id": format!("sub_{name}"), "name": name, "url": "https://example.com/", "events": ["**"],
                "state": "active", "disabled_reason": null, "circuit": circuit, "version": 1, "created_at": "", "updated_at": ""});
            let figures = json!({"subscription_id": "", "success_rate": rate, "delivered": rate as u64, "failed": 1,
                "p95_ms": p95_ms, "last_at": null, "spark": [1, null, 4]});
            Row { shown: serde_json::from_value(shown).unwrap(), figures: serde_json::from_value(figures).unwrap() }
        };
        let mut screen = Screen::new("http://127.0.0.1:8000".into());
        screen.snapshot = Some(Snapshot {
            health: serde_json::from_value(json!({"status": "healthy", "components": {}, "store": "ready", "reasons": {},
                "version": "0.1.0", "uptime_seconds": 5})).unwrap(),
            stats: serde_json::from_value(json!({
                "delivery_stats": {"total_deliveries": 9, "delivered": 4, "failed": 2, "success_rate": 66.7, "queued": 1,
                    "attempting": 1, "retrying": 1, "cancelled": 0, "digested": 0},
                "event_stats": {"accepted": 9, "duplicates": 0, "rejected": 0, "per_second": 2.5, "first_seq": 1,
                    "last_seq": 9, "routed_seq": 9},
                "subscription_stats": {"total": 3, "enabled": 3, "paused": 0, "disabled": 0, "shadow": 0},
                "since": ""})).unwrap(),
            rows: vec![row("gw", "closed", 99.0, 40.0), row("scm", "open", 10.0, 5.0), row("a\u{1b}[2J", "closed", 50.0, 90.0)],
        });
        screen.sort();
        screen
    }

    fn names(screen: &Screen) -> Vec<String> {
        screen.snapshot.as_ref().unwrap().rows.iter().map(|row| sub::name(&row.shown).to_owned()).collect()
    }

    fn press(screen: &mut Screen, code: KeyCode) -> bool {
        screen.press(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn keys_sort_choose_open_and_end() {
        let mut screen = screen();
        assert_eq!(names(&screen), ["scm", "a\u{1b}[2J", "gw"]);
        press(&mut screen, KeyCode::Char('s'));
        assert_eq!(names(&screen), ["a\u{1b}[2J", "gw", "scm"]);
        for _ in 0..5 {
            press(&mut screen, KeyCode::Down);
        }
        assert_eq!(screen.selected(), 2);
        // The one that is chosen stays so wherever it comes to stand.
        press(&mut screen, KeyCode::Char('s'));
        assert_eq!((names(&screen)[screen.selected()].as_str(), screen.selected.as_deref()), ("scm", Some("sub_scm")));
        for _ in 0..3 {
            press(&mut screen, KeyCode::Char('s'));
        }
        assert_eq!((names(&screen)[2].as_str(), screen.selected()), ("scm", 2));
        press(&mut screen, KeyCode::Char('k'));
        assert!(!press(&mut screen, KeyCode::Enter) && screen.is_open && screen.selected() == 1);
        assert!(!press(&mut screen, KeyCode::Esc) && !screen.is_open);
        press(&mut screen, KeyCode::Char('p'));
        assert!(screen.is_paused && press(&mut screen, KeyCode::Char('q')));
        assert!(screen.press(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)));
    }
}
