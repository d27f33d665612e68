//! The live view of `fw rollout watch`: a card, the health over time, and what happened.
//!
//! The model takes events, the view draws the model, and this file joins them to a terminal, which
//! it leaves as it found it: at the end, on a signal, and on a panic.

mod keys;
mod model;
mod view;

use std::io;
use std::time::Duration;

use ratatui::DefaultTerminal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::client::{ClientError, Follower};
use crate::failure::Failure;
use crate::output::{Moment, StreamedEvent};
use keys::Key;
use model::Model;

/// Events that wait to be drawn; more make the follower wait.
const EVENTS_WAITING_MAX: usize = 256;
/// Ages on the screen grow even when nothing happens.
const REDRAW_EVERY: Duration = Duration::from_secs(1);

/// Shows a rollout until `q` is pressed.
pub(crate) async fn run(follower: Follower, server: &str) -> Result<(), Failure> {
    let mut terminal =
        ratatui::try_init().map_err(|e| Failure::Failed(format!("the terminal can't be used: {e}")))?;
    let result = show(&mut terminal, follower, server).await;
    // The screen goes back first, so that whatever is said next can be read.
    let restored = ratatui::try_restore();
    result?;
    restored.map_err(|e| Failure::Failed(format!("the terminal can't be restored: {e}")))
}

async fn show(terminal: &mut DefaultTerminal, follower: Follower, server: &str) -> Result<(), Failure> {
    let (follower, away) = follower.quiet();
    let (sender, mut events) = mpsc::channel(EVENTS_WAITING_MAX);
    let following = tokio::spawn(forward(follower, sender));
    let mut keys = keys::listen();
    let mut redraw = tokio::time::interval(REDRAW_EVERY);
    let mut ended = signal(SignalKind::terminate()).map_err(terminal_error)?;
    let mut model = Model::new(server);
    loop {
        model.away = away.load(std::sync::atomic::Ordering::Relaxed);
        let moment = Moment::here();
        terminal.draw(|frame| view::draw(frame, &model, &moment)).map_err(terminal_error)?;
        tokio::select! {
            event = events.recv() => match event {
                Some(Ok(event)) => model.take(event),
                Some(Err(error)) => break Err(error.into()),
                None => break Ok(()),
            },
            key = keys.recv() => match key {
                Some(Key::Quit) | None => break Ok(()),
                Some(Key::Redraw) => {}
            },
            _ = redraw.tick() => {}
            _ = ended.recv() => break Ok(()),
        }
    }
    .inspect(|()| following.abort())
}

fn terminal_error(error: io::Error) -> Failure {
    Failure::Failed(format!("the terminal can't be used: {error}"))
}

/// Hands events on until there are none or nobody takes them.
async fn forward(mut follower: Follower, sender: mpsc::Sender<Result<StreamedEvent, ClientError>>) {
    loop {
        let event = follower.next().await;
        let over = event.is_err();
        if sender.send(event).await.is_err() || over {
            return;
        }
    }
}
