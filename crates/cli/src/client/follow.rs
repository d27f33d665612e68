//! Following events over lost connections and restarted servers: none missing, none twice.
//!
//! After a break the stream is opened again with `Last-Event-ID`; the server sends what was missed.
//! An `initial_state` is repeated only where it tells something new (a gap, or the first connection).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::events::EventStream;
use super::{Client, ClientError};
use crate::output::{StreamedEvent, say};
use fw_api::EventBody;

/// First and longest pause before another attempt.
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long a server may be away before following ends.
const AWAY_MAX: Duration = Duration::from_secs(300);

/// Where following begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// The present state, then what happens.
    Now,
    /// Everything after this event.
    After(u64),
}

/// Events of one rollout or all, for as long as there are any.
pub(crate) struct Follower {
    client: Client,
    rollout: Option<String>,
    last: Option<u64>,
    stream: Option<EventStream>,
    seen_first: bool,
    /// Whether lost connections are told on stderr.
    talks: bool,
    /// Whether the server is away at the moment.
    away: Arc<AtomicBool>,
}

impl Follower {
    /// Opens the stream.
    ///
    /// # Errors
    /// The first connection is not retried: a server that is not there is told at once.
    pub(crate) async fn open(
        client: &Client,
        rollout: Option<&str>,
        from: From,
    ) -> Result<Follower, ClientError> {
        let last = match from {
            From::Now => None,
            From::After(id) => Some(id),
        };
        let stream = client.events(rollout, last).await?;
        Ok(Follower {
            client: client.clone(),
            rollout: rollout.map(str::to_owned),
            last,
            stream: Some(stream),
            seen_first: false,
            talks: true,
            away: Arc::default(),
        })
    }

    /// The same without talk on stderr, for a view that owns the terminal; and whether the server is away.
    pub(crate) fn quiet(mut self) -> (Follower, Arc<AtomicBool>) {
        self.talks = false;
        let away = Arc::clone(&self.away);
        (self, away)
    }

    /// The next event, over as many connections as it takes.
    ///
    /// # Errors
    /// The server was away for five minutes, or refuses.
    pub(crate) async fn next(&mut self) -> Result<StreamedEvent, ClientError> {
        loop {
            let stream = match &mut self.stream {
                Some(stream) => stream,
                None => {
                    let stream = self.reconnect().await?;
                    self.stream.insert(stream)
                }
            };
            match stream.next().await {
                Ok(event) => {
                    if let Some(event) = self.accept(event) {
                        return Ok(event);
                    }
                }
                Err(ClientError::Unreachable { cause, .. }) => {
                    tracing::debug!(%cause, "event stream lost");
                    self.stream = None;
                }
                Err(other) => return Err(other),
            }
        }
    }

    /// Notes the event's id; drops what was seen already and an initial state that says nothing new.
    fn accept(&mut self, event: StreamedEvent) -> Option<StreamedEvent> {
        if let Some(EventBody::InitialState { gap }) = event.body {
            self.last = event.id.or(self.last);
            let first = !std::mem::replace(&mut self.seen_first, true);
            return (first || gap).then_some(event);
        }
        self.seen_first = true;
        if event.id.is_some() && event.id <= self.last {
            return None;
        }
        self.last = event.id.or(self.last);
        Some(event)
    }

    async fn reconnect(&self) -> Result<EventStream, ClientError> {
        let lost = Instant::now();
        let mut pause = PAUSE_MIN;
        let mut told = false;
        loop {
            // Also before the first attempt: a server that hangs up at once is not asked in a tight loop.
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
            match self.client.events(self.rollout.as_deref(), self.last).await {
                Ok(stream) => {
                    self.away.store(false, Ordering::Relaxed);
                    return Ok(stream);
                }
                Err(error @ ClientError::Unreachable { .. }) if lost.elapsed() > AWAY_MAX => {
                    return Err(error);
                }
                Err(ClientError::Unreachable { cause, .. }) => {
                    self.away.store(true, Ordering::Relaxed);
                    if !std::mem::replace(&mut told, true) && self.talks {
                        say(&format!("lost the server ({cause}); trying again for up to 5 minutes"));
                    }
                }
                // A server that is starting or stopping may refuse for a moment.
                Err(ClientError::Problem(problem)) if problem.status == 503 && lost.elapsed() <= AWAY_MAX => {
                }
                Err(other) => return Err(other),
            }
        }
    }
}
