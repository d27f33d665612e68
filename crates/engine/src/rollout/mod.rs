//! One rollout: its state, what can happen to it, and what follows.
//!
//! `begin` makes the state from the first event; `step` takes it from there. Each command has a file
//! under `commands/`; what a look at the observations leads to is in `look` and `decide`.

mod commands;
mod decide;
mod effect;
mod event;
pub(crate) mod gates;
mod health;
mod look;
mod moves;
mod report;
mod risk;
mod sources;
mod state;
mod step;

pub use effect::{Effect, EffectId, Notice, Transition};
pub use event::{Actor, Delta, Event, InFlight, Look, Requested, SourceSeen, Started, Target};
pub use gates::{GateState, Said};
pub(crate) use health::score;
pub use health::{HealthParts, SATISFACTION_METRIC, health_of};
pub use report::{Report, Waiting, WaitingKind, report_of};
pub use risk::{RiskParts, risk_of};
pub use sources::{FELL_SILENT_AFTER, LIVE_FOR, SILENT_AFTER};
pub use state::{Moving, Rollout, Status, Tally, Totals};
pub use step::{Rejection, begin, step};

/// The state with a look taken in and nothing decided: what a decision is made from.
pub fn probe(rollout: &Rollout, seen: &Look) -> Rollout {
    let mut next = rollout.clone();
    let planes = sources::Planes::of(rollout, &seen.sources);
    look::absorb(&mut next, seen, &planes);
    next
}

/// What made a rollout go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trigger {
    /// Errors above the limit.
    ErrorRate,
    /// Errors more frequent than on stable.
    ErrorsVsStable,
    /// Client errors (4xx) more frequent than on stable.
    ClientErrorsVsStable,
    /// More requests above a quantile of stable's response time.
    LatencyVsStable,
    /// Mean response time above stable's.
    ResponseTimeVsStable,
    /// Satisfaction (Apdex) below stable's.
    SatisfactionVsStable,
    /// A custom metric worse than stable's; the evidence names it.
    Metric,
    /// Mean response time above the limit.
    ResponseTime,
    /// Health score below the limit.
    Health,
    /// A question stayed open past `maxDuration` and the plan says `onInconclusive: rollback`.
    Inconclusive,
    /// A person.
    Manual,
}

impl Trigger {
    /// Every trigger, in order.
    pub const ALL: [Trigger; 11] = [
        Trigger::ErrorRate,
        Trigger::ErrorsVsStable,
        Trigger::ClientErrorsVsStable,
        Trigger::LatencyVsStable,
        Trigger::ResponseTimeVsStable,
        Trigger::SatisfactionVsStable,
        Trigger::Metric,
        Trigger::ResponseTime,
        Trigger::Health,
        Trigger::Inconclusive,
        Trigger::Manual,
    ];

    /// The word in events and in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Trigger::ErrorRate => "errorRate",
            Trigger::ErrorsVsStable => "errorsVsStable",
            Trigger::ClientErrorsVsStable => "clientErrorsVsStable",
            Trigger::LatencyVsStable => "latencyVsStable",
            Trigger::ResponseTimeVsStable => "responseTimeVsStable",
            Trigger::SatisfactionVsStable => "satisfactionVsStable",
            Trigger::Metric => "metric",
            Trigger::ResponseTime => "responseTime",
            Trigger::Health => "health",
            Trigger::Inconclusive => "inconclusive",
            Trigger::Manual => "manual",
        }
    }
}
