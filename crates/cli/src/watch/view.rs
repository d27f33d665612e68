//! Drawing the model: the card above, the curve of the health, events below, newest first.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Paragraph, Sparkline};

use super::model::Model;
use crate::output::{Detail, Moment, Paint, card, event_line, status_word};

/// Lines of the curve.
const CURVE_LINES: u16 = 4;
/// The curve is left out on screens lower than this.
const CURVE_FROM_LINES: u16 = 24;

/// Draws the whole screen.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, moment: &Moment) {
    let lines = card_lines(model, moment);
    let area = frame.area();
    let curve = if area.height >= CURVE_FROM_LINES && !model.health.is_empty() { CURVE_LINES } else { 0 };
    // A card has a few dozen lines at most; on a tiny screen its end is cut.
    let card_height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let [top, middle, events, foot] = Layout::vertical([
        Constraint::Max(card_height),
        Constraint::Length(curve),
        Constraint::Min(0),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(lines).block(titled(" fw rollout watch ")), top);
    if curve > 0 {
        draw_curve(frame, model, middle);
    }
    draw_events(frame, model, moment, events);
    frame.render_widget(Paragraph::new(footer(model)), foot);
}

fn titled(title: &str) -> Block<'_> {
    Block::new().borders(Borders::ALL).title(title).border_style(Style::new().fg(Color::DarkGray))
}

fn card_lines(model: &Model, moment: &Moment) -> Vec<Line<'static>> {
    let Some(status) = &model.status else {
        return vec![Line::from("waiting for the first event …")];
    };
    let colour = match status.status.as_str() {
        "completed" => Color::Green,
        "rolling_back" | "rolled_back" | "aborted" => Color::Red,
        "paused" | "pending" => Color::Yellow,
        _ => Color::Cyan,
    };
    let style = |text: &str| match text.chars().next() {
        Some('█' | '░') => Style::new().fg(colour),
        _ if text.starts_with("waiting on") => Style::new().fg(Color::Yellow),
        _ if text.starts_with("over the rollout") => Style::new().fg(Color::DarkGray),
        _ => Style::new(),
    };
    let lines = card(status, &Detail::default(), moment, Paint::plain());
    let head = Style::new().fg(colour).add_modifier(Modifier::BOLD);
    lines
        .into_iter()
        .enumerate()
        .map(|(i, text)| {
            let style = if i == 0 { head } else { style(&text) };
            Line::styled(text, style)
        })
        .collect()
}

fn draw_curve(frame: &mut Frame<'_>, model: &Model, area: Rect) {
    let width = usize::from(area.width.saturating_sub(2));
    let skipped = model.health.len().saturating_sub(width);
    let values: Vec<u64> = model.health.iter().skip(skipped).copied().collect();
    let curve = Sparkline::default()
        .block(titled(" health "))
        .data(values)
        .max(100)
        .style(Style::new().fg(Color::Green));
    frame.render_widget(curve, area);
}

fn draw_events(frame: &mut Frame<'_>, model: &Model, moment: &Moment, area: Rect) {
    let room = usize::from(area.height.saturating_sub(2));
    let newest = model.events.iter().rev().take(room);
    let lines: Vec<Line<'_>> =
        newest.map(|event| Line::from(event_line(event, moment, Paint::plain()))).collect();
    frame.render_widget(Paragraph::new(lines).block(titled(" events ")), area);
}

fn footer(model: &Model) -> Line<'static> {
    if model.away {
        let text = format!(" {} is away; trying again   q quit", model.server);
        return Line::styled(text, Style::new().fg(Color::Yellow));
    }
    let word = model.status.as_ref().map(|status| status_word(&status.status)).unwrap_or_default();
    let over = matches!(word.as_str(), "completed" | "rolled back" | "aborted");
    let over = if over { format!("   the rollout is {word}") } else { String::new() };
    Line::styled(format!(" {}{over}   q quit", model.server), Style::new().fg(Color::DarkGray))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::StreamedEvent;
    use expect_test::expect;
    use jiff::tz::TimeZone;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::{Value, json};

    fn event(fields: Value) -> StreamedEvent {
        let mut json: Value = serde_json::from_str(include_str!("../../tests/data/running.json")).unwrap();
        json.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json["timestamp"] = "2026-01-01T15:40:00Z".into();
        StreamedEvent::read(Some(7), json).unwrap()
    }

    fn screen(model: &Model, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let moment = Moment { now: "2026-01-01T15:41:00Z".parse().unwrap(), zone: TimeZone::UTC };
        terminal.draw(|frame| draw(frame, model, &moment)).unwrap();
        let text = terminal.backend().to_string();
        text.lines().map(|line| line.trim_matches('"').trim_end()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_screen_of_a_running_rollout() {
        let mut model = Model::new("http://127.0.0.1:3002");
        expect![[r#"
            ┌ fw rollout watch ────────────────────────────────────────┐
            │waiting for the first event …                             │
            └──────────────────────────────────────────────────────────┘
            ┌ events ──────────────────────────────────────────────────┐
            └──────────────────────────────────────────────────────────┘
             http://127.0.0.1:3002   q quit"#]]
        .assert_eq(&screen(&model, 60, 6));
        model.take(event(json!({"type": "initial_state"})));
        let metrics =
            json!({"requestsServed": 1, "errorRate": 0.0, "responseTime": 1.0, "userSatisfaction": 100.0});
        for health in [20.0, 60.0, 92.0] {
            model.take(event(json!({"type": "metrics_update", "metrics": metrics, "health": health})));
        }
        model.take(event(json!({"type": "phase_held"})));
        expect![[r#"
            ┌ fw rollout watch ────────────────────────────────────────────────────────────────────────────────┐
            │checkout  RUNNING  checkout.3                                                                     │
            │phase 1: Limited rollout  (25 % of traffic to the canary)                                         │
            │██████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░ 25 %  done about 3:45 PM                                 │
            │health 92   verdict healthy   risk 41                                                             │
            │                                                                                                  │
            │waiting on evidence: error rate at most 0.5 %: not shown yet (for 1 min 40 s, about 40 s to go)   │
            │waiting on time: 2 of 3 minutes watched (for 2 min, about 1 min to go)                            │
            │                                                                                                  │
            │         requests   error rate   response time   satisfaction                                     │
            │canary      1 250       0.24 %          145 ms           96.2                                     │
            │stable      3 810       0.21 %         98.2 ms             97                                     │
            │over the rollout: 1 250 canary requests, 3 errors                                                 │
            └──────────────────────────────────────────────────────────────────────────────────────────────────┘
            ┌ health ──────────────────────────────────────────────────────────────────────────────────────────┐
            │ ▁▆                                                                                               │
            │▃██                                                                                               │
            └──────────────────────────────────────────────────────────────────────────────────────────────────┘
            ┌ events ──────────────────────────────────────────────────────────────────────────────────────────┐
            │15:40:00  checkout.3  phase_held          waiting on evidence: error rate at most 0.5 %: not shown│
            │15:40:00  checkout.3  initial_state       running, phase 1 (25 %), health 92, healthy             │
            │                                                                                                  │
            │                                                                                                  │
            │                                                                                                  │
            └──────────────────────────────────────────────────────────────────────────────────────────────────┘
             http://127.0.0.1:3002   q quit"#]].assert_eq(&screen(&model, 100, 26));
        model.away = true;
        expect![[r#"
            ┌ fw rollout watch ────────────────────────────────────────┐
            │checkout  RUNNING  checkout.3                             │
            │phase 1: Limited rollout  (25 % of traffic to the canary) │
            │██████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░ 25 %  done about │
            │health 92   verdict healthy   risk 41                     │
            │                                                          │
            └──────────────────────────────────────────────────────────┘
             http://127.0.0.1:3002 is away; trying again   q quit"#]]
        .assert_eq(&screen(&model, 60, 8));
    }

    #[test]
    fn no_screen_is_too_small() {
        let mut model = Model::new("http://127.0.0.1:3002");
        model.take(event(json!({"type": "rollout_started", "phase": 0})));
        for (width, height) in [(1, 1), (2, 3), (10, 2), (3, 40)] {
            screen(&model, width, height);
        }
    }

    #[test]
    fn what_is_kept_has_an_end() {
        let mut model = Model::new("x");
        for _ in 0..500 {
            model.take(event(json!({"type": "phase_held"})));
            let metrics = json!({"requestsServed": 1, "errorRate": 0.0, "responseTime": 1.0, "userSatisfaction": 100.0});
            model.take(event(json!({"type": "metrics_update", "metrics": metrics})));
        }
        assert_eq!((model.events.len(), model.health.len()), (200, 240));
    }
}
