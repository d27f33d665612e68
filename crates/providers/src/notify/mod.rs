//! Receivers of notifications: an event made readable for one kind of receiver each, and handed over once.
//!
//! Each kind is a pure `render` and a thin sending part. Nothing here remembers, repeats or decides who hears of what:
//! the server's runner does. What goes wrong is told in words that hold no secret: no URL, no body, no password.

mod discord;
mod email;
mod event;
mod http;
mod sign;
mod slack;
mod teams;
#[cfg(test)]
mod tests;
mod webhook;
mod words;

use std::time::{Duration, SystemTime};

pub use email::{Email, EmailSettings, SmtpProtection};
pub use event::Event;
pub use http::{Http, HttpSettings};
pub use sign::{SIGNING_KEY_BYTES_MAX, SIGNING_KEY_BYTES_MIN, Signer};

/// Longest time one try may take, whatever the receiver does.
pub const TRY_TIME_MAX: Duration = Duration::from_secs(10);

/// What an HTTP receiver understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// CloudEvents 1.0 in structured JSON, with the headers of Standard Webhooks.
    Webhook,
    /// Slack's blocks.
    Slack,
    /// An adaptive card for a workflow of Microsoft Teams.
    Teams,
    /// Discord's embeds.
    Discord,
}

/// What became of one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Done,
    /// The receiver will never take anything again (HTTP 410).
    Gone,
    /// Not this time.
    Failed {
        /// What happened, in words without secrets.
        why: String,
        /// The receiver asked to be left alone for so long.
        retry_after: Option<Duration>,
    },
}

impl Outcome {
    fn failed(why: impl Into<String>) -> Outcome {
        Outcome::Failed { why: why.into(), retry_after: None }
    }
}

/// A receiver's settings can't be used; the text says why, without a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingError(pub(crate) String);

/// A receiver, ready to be told.
#[derive(Debug)]
pub enum Receiver {
    /// Takes a POST.
    Http(Http),
    /// Takes mail.
    Email(Email),
}

impl Receiver {
    /// `webhook`, `slack`, `teams`, `discord` or `email`.
    pub fn kind(&self) -> &'static str {
        match self {
            Receiver::Http(http) => http.kind(),
            Receiver::Email(_) => "email",
        }
    }

    /// The host it is at, with its port; nothing else of its address.
    pub fn host(&self) -> String {
        match self {
            Receiver::Http(http) => http.host(),
            Receiver::Email(email) => email.host(),
        }
    }

    /// Tells it once. Ends within [`TRY_TIME_MAX`].
    pub async fn tell(&self, event: &Event, now: SystemTime) -> Outcome {
        let telling = async {
            match self {
                Receiver::Http(http) => http.post(event, now).await,
                Receiver::Email(email) => email.send(event).await,
            }
        };
        match tokio::time::timeout(TRY_TIME_MAX, telling).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::failed(format!("no answer within {} s", TRY_TIME_MAX.as_secs())),
        }
    }
}
