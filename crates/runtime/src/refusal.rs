//! Why something asked of the runtime was not done. Nothing was changed then.
//!
//! One table turns each into an API problem with a stable code.

use fw_api::{Code, Problem};
use fw_engine::Rejection;
use serde_json::Value;

/// A refusal.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refusal {
    /// No such rollout.
    #[error("no rollout named {0:?}: ask GET /api/v1/rollouts for the names there are")]
    UnknownRollout(String),
    /// No such service here.
    #[error("this server does not serve {0:?}: start it with a config of that service (fw serve -c FILE)")]
    UnknownService(String),
    /// One is under way.
    #[error("{run} is under way: abort it or let it end first")]
    UnderWay {
        /// Which.
        run: String,
        /// Its detail.
        state: Value,
    },
    /// `stable` is not what runs.
    #[error(
        "the config names {given:?} as stable, but {current:?} is what runs: write versions.stable.version: {current:?} (and its url)"
    )]
    StableMismatch {
        /// In the config.
        given: String,
        /// What runs.
        current: String,
    },
    /// The engine does not allow it now.
    #[error("{rejection}")]
    Rejected {
        /// Why.
        rejection: Rejection,
        /// The detail of the rollout.
        state: Value,
    },
    /// Something in the request is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The key was used for another request.
    #[error("the Idempotency-Key {0:?} was used for another request: use a new one")]
    IdempotencyMismatch(String),
    /// The log could not be written; nothing was changed.
    #[error("the event log could not be written, so nothing was changed: {0}")]
    Store(String),
    /// Events of a past run are no longer kept.
    #[error(
        "the events of {0} are no longer kept (30 days after its end), and no story of it was: there is nothing to report"
    )]
    Gone(String),
    /// The queue is full.
    #[error("too many requests wait to be handled: try again in a moment")]
    Busy,
    /// The runtime has stopped.
    #[error("the server is shutting down")]
    Closed,
}

impl Refusal {
    /// Whether nothing was changed and the same request may be taken another time.
    pub fn may_pass(&self) -> bool {
        matches!(self, Refusal::Store(_) | Refusal::Busy | Refusal::Closed)
    }
}

impl From<&Refusal> for Problem {
    fn from(refusal: &Refusal) -> Problem {
        let text = refusal.to_string();
        match refusal {
            Refusal::UnknownRollout(_) => Problem::new(Code::UnknownRollout, text),
            Refusal::UnknownService(_) => Problem::new(Code::UnknownService, text),
            Refusal::UnderWay { state, .. } => Problem::new(Code::UnderWay, text).with_state(state.clone()),
            Refusal::StableMismatch { .. } => Problem::new(Code::StableMismatch, text),
            Refusal::Rejected { rejection: Rejection::UnsoundPlan(_), .. } => {
                Problem::new(Code::InvalidConfig, text)
            }
            Refusal::Rejected { rejection: Rejection::NoSuchPhase { .. }, state } => {
                Problem::new(Code::IllegalTransition, text).with_state(state.clone())
            }
            Refusal::Rejected { state, .. } => {
                Problem::new(Code::IllegalTransition, text).with_state(state.clone())
            }
            Refusal::Invalid(_) => Problem::new(Code::BadRequest, text),
            Refusal::IdempotencyMismatch(_) => Problem::new(Code::IdempotencyMismatch, text),
            Refusal::Store(_) => Problem::new(Code::StoreFailed, text),
            Refusal::Gone(_) => Problem::new(Code::Gone, text),
            Refusal::Busy | Refusal::Closed => Problem::new(Code::Busy, text),
        }
    }
}
