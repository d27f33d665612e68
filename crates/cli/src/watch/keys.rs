//! Keys, read on a thread of their own because a terminal is read by blocking.

use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;

/// How often the thread looks whether anybody still wants keys.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Keys that wait; nobody types faster than a screen is drawn.
const KEYS_WAITING_MAX: usize = 16;

/// What a key press asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// `q`, Escape or Ctrl-C.
    Quit,
    /// The window has another size.
    Redraw,
}

/// Key presses until the receiver is dropped or the terminal is gone.
pub(super) fn listen() -> mpsc::Receiver<Key> {
    let (sender, receiver) = mpsc::channel(KEYS_WAITING_MAX);
    std::thread::spawn(move || {
        while !sender.is_closed() {
            let key = match event::poll(LOOK_EVERY) {
                Ok(false) => continue,
                Ok(true) => event::read().map(|event| meaning(&event)),
                Err(error) => Err(error),
            };
            match key {
                Ok(None) => {}
                Ok(Some(key)) => {
                    if sender.blocking_send(key).is_err() {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    });
    receiver
}

fn meaning(event: &Event) -> Option<Key> {
    match event {
        Event::Resize(..) => Some(Key::Redraw),
        Event::Key(key) if key.kind == KeyEventKind::Press => {
            let control = key.modifiers.contains(KeyModifiers::CONTROL);
            match key.code {
                KeyCode::Char('q') | KeyCode::Esc => Some(Key::Quit),
                KeyCode::Char('c') if control => Some(Key::Quit),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::crossterm::event::KeyEvent;

    #[test]
    fn q_escape_and_ctrl_c_quit_and_nothing_else_does() {
        let press = |code, modifiers| meaning(&Event::Key(KeyEvent::new(code, modifiers)));
        assert_eq!(press(KeyCode::Char('q'), KeyModifiers::NONE), Some(Key::Quit));
        assert_eq!(press(KeyCode::Esc, KeyModifiers::NONE), Some(Key::Quit));
        assert_eq!(press(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Key::Quit));
        assert_eq!(press(KeyCode::Char('c'), KeyModifiers::NONE), None);
        assert_eq!(meaning(&Event::Resize(80, 24)), Some(Key::Redraw));
    }
}
