//! The story of one run as data: what reports are made of, and what is kept when the events are gone.
//!
//! Times are milliseconds since 1970 UTC, shares and rates percent, response times ms. It only grows by
//! optional fields; [`STORY_FORMAT`] counts changes that older versions can't read.

use std::collections::BTreeMap;

use fw_model::plan::Business;
use serde::{Deserialize, Serialize};

use crate::{Figures, Series};

/// Format of the stories this version writes.
pub const STORY_FORMAT: u16 = 1;

/// One run of a rollout, so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Story {
    /// The run, such as `checkout.3`.
    pub run: String,
    /// Its service.
    pub service: String,
    /// Its region, if it has one.
    pub region: Option<String>,
    /// Name of the stable version.
    pub stable: String,
    /// Name of the canary version.
    pub canary: String,
    /// First 16 hex digits of the plan's SHA-256.
    pub plan_hash: String,
    /// When it began.
    pub started_at: i64,
    /// Who began it.
    pub actor: String,
    /// Why.
    pub reason: Option<String>,
    /// When it completed, was aborted or superseded; none while it is not over.
    pub ended_at: Option<i64>,
    /// When all traffic went to the canary; none if it never did.
    pub full_at: Option<i64>,
    /// The last event that is told of.
    pub as_of: i64,
    /// Life, as in the API: `running`, `rolled_back`, `completed` and so on.
    pub status: String,
    /// The share of the canary now, percent.
    pub share: f64,
    /// The plan's phases.
    pub phases: Vec<PhasePlan>,
    /// Probability of a false rollback that each attempt keeps to.
    pub alpha: f64,
    /// Stays at a share, in order; each has an epoch of its own.
    pub visits: Vec<Visit>,
    /// Times it went back, in order.
    pub rollbacks: Vec<Rollback>,
    /// What happened, in order; not the measurements.
    pub moments: Vec<Moment>,
    /// How many more moments there were than are kept.
    #[serde(default)]
    pub moments_left_off: u64,
    /// Health score at the end or now, 0 to 100; none without canary requests.
    pub health: Option<f64>,
    /// Different users over the rollout, about; none where nobody told.
    #[serde(default)]
    pub users: Users,
    /// The measurements over time.
    pub series: Series,
    /// Custom metrics that stand in the plan, by name.
    #[serde(default)]
    pub metrics: BTreeMap<String, MetricPlan>,
    /// What things cost and earn, as the config says.
    pub business: Business,
}

/// Different users, about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Users {
    /// Of stable.
    pub stable: Option<u64>,
    /// Of the canary.
    pub canary: Option<u64>,
}

/// A phase of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PhasePlan {
    /// Its id in the config.
    pub id: i64,
    /// Its description in the config.
    pub description: String,
    /// Percent of traffic.
    pub percentage: f64,
    /// How long it takes at least, seconds.
    pub duration_seconds: f64,
}

/// A custom metric of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricPlan {
    /// For people, such as `EUR`; may be empty.
    pub unit: String,
    /// Whether more is better.
    pub higher_is_better: bool,
    /// Whether each request is a unit (else each value is one).
    pub per_request: bool,
}

/// A stay at one share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Visit {
    /// Position of the phase from 0; none = at stable.
    pub phase: Option<u64>,
    /// The phase's description, or `at stable`.
    pub description: String,
    /// The canary's share, percent.
    pub share: f64,
    /// Epoch of its split.
    pub epoch: u64,
    /// The attempt, from 1.
    pub attempt: u32,
    /// When it began.
    pub entered_at: i64,
    /// When the next one began, or the rollout ended; none while it lasts.
    pub left_at: Option<i64>,
    /// Time that counted for its duration, seconds.
    pub watched_seconds: f64,
    /// What happened to requests of the canary that were assigned here.
    pub canary: Figures,
    /// The same of stable.
    pub stable: Figures,
    /// healthy, inconclusive or degraded, when it was left or now.
    pub verdict: String,
    /// What the tests said then.
    pub findings: Vec<Said>,
    /// What had to be shown, and whether it was.
    pub questions: Vec<Answer>,
    /// How it ended, in words; none while it lasts.
    pub ended: Option<String>,
}

/// What a test said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// Its name.
    pub name: String,
    /// quiet, warning or shown.
    pub strength: String,
    /// Its part of the evidence, x to 1.
    pub evidence: f64,
    /// In words with counts.
    pub text: String,
}

/// Something that had to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Its name.
    pub name: String,
    /// Whether it was.
    pub answered: bool,
    /// In words with counts.
    pub text: String,
}

/// One time it went back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollback {
    /// Which rule, or `manual`.
    pub trigger: String,
    /// Why, in words with counts.
    pub evidence: Vec<String>,
    /// Position it left; none = stable.
    pub from: Option<u64>,
    /// Share it left, percent.
    pub from_share: f64,
    /// Position it went to; none = stable.
    pub to: Option<u64>,
    /// Share it went to, percent.
    pub to_share: f64,
    /// When the evidence that decided began to grow: about when the trouble began. None for a person's.
    pub began_at: Option<i64>,
    /// When it was decided; the new split was told at that moment.
    pub decided_at: i64,
    /// When every live data plane had confirmed; none before.
    pub confirmed_at: Option<i64>,
    /// Data planes that fell silent and did not confirm.
    pub unconfirmed: Vec<String>,
    /// Canary requests that had been assigned before and were counted after the decision: under way, or told late.
    pub counted_after: u64,
    /// Who asked for it; none for the engine's own.
    pub actor: Option<String>,
    /// Why they did.
    pub reason: Option<String>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// When.
    pub at: i64,
    /// Its type, as in the event stream.
    pub kind: String,
    /// In words.
    pub text: String,
    /// Who; none for the engine.
    pub actor: Option<String>,
    /// Why they did it.
    pub reason: Option<String>,
    /// The canary's share afterwards, percent.
    pub share: f64,
}

impl Story {
    /// Counts of the canary over all visits.
    pub fn canary(&self) -> Figures {
        Figures::sum(self.visits.iter().map(|visit| &visit.canary))
    }

    /// Counts of stable over all visits.
    pub fn stable(&self) -> Figures {
        Figures::sum(self.visits.iter().map(|visit| &visit.stable))
    }

    /// Time from the start to the end, or to the last event, ms.
    pub fn lasted_ms(&self) -> i64 {
        self.ended_at.unwrap_or(self.as_of) - self.started_at
    }
}
