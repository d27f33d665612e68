//! What can be asked of the core.

use fw_api::wire::MetricReport;
use fw_api::{Report, ReportAnswer};
use fw_engine::Target;
use fw_model::release::Answer;
use fw_model::{Plan, ServiceKey};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::Refusal;

/// A start.
#[derive(Debug, Clone)]
pub struct StartRequest {
    /// What to do.
    pub plan: Plan,
    /// First 16 hex digits of the plan's SHA-256.
    pub plan_hash: String,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: Option<String>,
    /// Repeat-safe key.
    pub idempotency: Option<Idempotency>,
}

/// Makes a request repeat-safe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The caller's key.
    pub key: String,
    /// A hash of the request, so that a key reused for another one is noticed.
    pub request_hash: String,
}

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Stop the phase clock.
    Pause,
    /// Go on.
    Resume,
    /// The next phase now.
    Advance,
    /// Back.
    Rollback(Target),
    /// End it at 0 %.
    Abort,
    /// Answer a gate of the present phase.
    Answer {
        /// Phase and gate by position; none = the first that people answer and have not.
        gate: Option<(usize, usize)>,
        /// Yes or no.
        answer: Answer,
    },
}

type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

pub(crate) enum Message {
    Start(Box<StartRequest>, Reply<Value>),
    Command {
        name: String,
        command: Command,
        actor: String,
        reason: Option<String>,
        idempotency: Option<Idempotency>,
        reply: Reply<Value>,
    },
    Metric {
        key: ServiceKey,
        report: Box<MetricReport>,
        idempotency: Option<Idempotency>,
        reply: Reply<Value>,
    },
    Report {
        key: ServiceKey,
        report: Box<Report>,
        local: bool,
        reply: Reply<ReportAnswer>,
    },
    Stop(oneshot::Sender<()>),
}
