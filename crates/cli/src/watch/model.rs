//! What the view shows: the last status, the health over time, the last events.

use std::collections::VecDeque;

use fw_api::{EventBody, Status};

use crate::output::StreamedEvent;

/// Events kept for the screen.
const EVENTS_MAX: usize = 200;
/// Health values kept for the curve.
const HEALTH_MAX: usize = 240;

/// All that is shown.
#[derive(Debug)]
pub(super) struct Model {
    /// The server, as it was named.
    pub(super) server: String,
    /// After the last event; none before the first.
    pub(super) status: Option<Status>,
    /// Newest last; without the periodic measurements, which the card shows already.
    pub(super) events: VecDeque<StreamedEvent>,
    /// Health scores of measurements, newest last.
    pub(super) health: VecDeque<u64>,
    /// Whether the server is away.
    pub(super) away: bool,
}

impl Model {
    /// Before the first event.
    pub(super) fn new(server: &str) -> Model {
        Model {
            server: server.to_owned(),
            status: None,
            events: VecDeque::new(),
            health: VecDeque::new(),
            away: false,
        }
    }

    /// Takes an event.
    pub(super) fn take(&mut self, event: StreamedEvent) {
        let run_before = self.status.as_ref().and_then(|status| status.run.clone());
        if run_before != event.status.run {
            self.health.clear();
        }
        self.status = Some(event.status.clone());
        if matches!(event.body, Some(EventBody::MetricsUpdate { .. })) {
            if let Some(health) = event.status.health {
                // A score is 0 to 100, so the cast can't truncate.
                push(&mut self.health, health.clamp(0.0, 100.0).round() as u64, HEALTH_MAX);
            }
            return;
        }
        push(&mut self.events, event, EVENTS_MAX);
    }
}

fn push<T>(queue: &mut VecDeque<T>, item: T, max: usize) {
    if queue.len() == max {
        queue.pop_front();
    }
    queue.push_back(item);
}
