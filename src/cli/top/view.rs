//! What `top` draws.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style, Stylize},
    text::{Line, Span},
    widgets::{Block, Paragraph, Row as Cells, Table, TableState, Wrap},
};

use super::{Row, Screen, Snapshot};
use crate::cli::{
    json,
    output::{plain, thousands},
    sub,
};

pub(super) fn draw(screen: &Screen, frame: &mut Frame<'_>) {
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(3), Constraint::Min(1), Constraint::Length(1)]).areas(frame.area());
    frame.render_widget(Paragraph::new(lines(screen)), head);
    if let Some(snapshot) = &screen.snapshot {
        match snapshot.rows.get(screen.selected()).filter(|_| screen.is_open) {
            Some(row) => details(row, frame, body),
            None => table(screen, snapshot, frame, body),
        }
    }
    let paused = if screen.is_paused { "paused   " } else { "" };
    let keys = format!("{paused}q quit   p pause   s sort: {}   j k choose   Enter inspect", screen.sorting.name());
    frame.render_widget(Paragraph::new(keys).dark_gray(), foot);
}

fn lines(screen: &Screen) -> Vec<Line<'static>> {
    let mut lines = vec![Line::from(vec!["Loghorn ".bold(), plain(&screen.server).into()])];
    if let Some(Snapshot { health, stats, .. }) = &screen.snapshot {
        let (deliveries, events) = (&stats.delivery_stats, &stats.event_stats);
        let colour = if health.status == "healthy" { Color::Green } else { Color::Red };
        let rate = deliveries.success_rate.map_or_else(String::new, |rate| format!(" · {rate:.1} %"));
        let unrouted = events.last_seq.saturating_sub(events.routed_seq);
        let waiting = deliveries.queued + deliveries.attempting;
        let text = format!(
            " · {:.1} ev/s{rate} · {} delivered · {} waiting · {} retrying · {} dead · {} to be routed",
            events.per_second,
            thousands(deliveries.delivered),
            thousands(waiting),
            thousands(deliveries.retrying),
            thousands(deliveries.failed),
            thousands(unrouted),
        );
        lines.push(Line::from(vec![Span::from(plain(&health.status)).fg(colour), text.into()]));
    }
    lines.extend(screen.trouble.as_ref().map(|why| Line::from(plain(why)).red()));
    lines
}

fn table(screen: &Screen, snapshot: &Snapshot, frame: &mut Frame<'_>, area: Rect) {
    let rows = snapshot.rows.iter().map(|row| {
        let figures = row.figures.as_ref();
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.1}"));
        let state = sub::state(&row.shown);
        let colour = match (row.shown.circuit.as_str(), state.as_str()) {
            ("open", _) | (_, "disabled") => Color::Red,
            ("half_open", _) | (_, "paused") => Color::Yellow,
            _ => Color::Reset,
        };
        Cells::new([
            plain(sub::name(&row.shown)),
            state,
            row.shown.circuit.clone(),
            number(figures.and_then(|figures| figures.success_rate)),
            number(figures.and_then(|figures| figures.p95_ms)),
            figures.map_or_else(String::new, |figures| thousands(figures.delivered)),
            figures.map_or_else(String::new, |figures| thousands(figures.failed)),
            spark(figures.map(|figures| &figures.spark[..]).unwrap_or_default()),
        ])
        .style(Style::new().fg(colour))
    });
    let widths = [
        Constraint::Min(16),
        Constraint::Length(9),
        Constraint::Length(10),
        Constraint::Length(7),
        Constraint::Length(9),
        Constraint::Length(10),
        Constraint::Length(7),
        Constraint::Length(24),
    ];
    let head =
        Cells::new(["NAME", "STATE", "CIRCUIT", "SUCC %", "P95 MS", "DELIVERED", "DEAD", "LAST 15 MIN"]).dark_gray();
    let chosen = Style::new().add_modifier(Modifier::REVERSED);
    let table = Table::new(rows, widths).header(head).row_highlight_style(chosen);
    let mut state = TableState::default().with_selected(Some(screen.selected()));
    frame.render_stateful_widget(table, area, &mut state);
}

/// Eight heights, of the highest there is.
fn spark(values: &[Option<u64>]) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let highest = values.iter().flatten().copied().max().unwrap_or(0).max(1);
    let height = |value: u64| usize::try_from(value.saturating_mul(7) / highest).unwrap_or(0).min(7);
    values.iter().map(|value| value.map_or(' ', |value| HEIGHTS[height(value)])).collect()
}

fn details(row: &Row, frame: &mut Frame<'_>, area: Rect) {
    let raw = serde_json::to_string(&row.shown).unwrap_or_default();
    let block = Block::bordered().title(plain(sub::name(&row.shown)));
    frame.render_widget(Paragraph::new(json::pretty(&raw)).wrap(Wrap { trim: false }).block(block), area);
}

#[cfg(test)]
mod tests {
    use ratatui::{Terminal, backend::TestBackend};

    use super::{super::tests::screen, *};

    fn drawn(screen: &Screen) -> String {
        let mut terminal = Terminal::new(TestBackend::new(120, 12)).unwrap();
        terminal.draw(|frame| draw(screen, frame)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn figures_rows_and_keys_are_on_the_screen() {
        let mut screen = screen();
        let text = drawn(&screen);
        for part in [
            "healthy · 2.5 ev/s · 66.7 %",
            "2 waiting · 1 retrying · 2 dead",
            "scm",
            "open",
            "a\\x1b[2J",
            "▂ █",
            "sort: trouble",
        ] {
            assert!(text.contains(part), "{part}:\n{text}");
        }
        assert!(!text.contains('\u{1b}'));
        screen.is_open = true;
        assert!(drawn(&screen).contains("\"name\": \"scm\""), "{}", drawn(&screen));
        screen.trouble = Some("cannot reach Loghorn".into());
        assert!(drawn(&screen).contains("cannot reach Loghorn"));
    }

    #[test]
    fn sparks_are_as_high_as_what_they_stand_for() {
        assert_eq!(spark(&[Some(0), Some(7), Some(14), None]), "▁▄█ ");
        assert_eq!(spark(&[]), "");
    }
}
