//! What can happen to a regional rollout. A closed list: everything learned from outside comes in as one of these.

use std::sync::Arc;
use std::time::Duration;

use fw_model::{Region, RunId};

use super::WavesPlan;
use crate::rollout::{self, Requested};

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It began; only as the first event.
    Started(Started),
    /// The regions were looked at.
    Looked(Looked),
    /// A region answered what was asked of it.
    Answered {
        /// Which.
        region: Region,
        /// The ordinal of what was asked.
        ask: u64,
        /// What it said.
        answer: Answer,
    },
    /// A person paused it: every region holds, none begins.
    Paused(Requested),
    /// A person lets it go on after a pause, a halt or a rollback.
    Resumed(Requested),
    /// A person begins the next wave now, whatever it waits for.
    Advanced(Requested),
    /// A person takes every region back to stable.
    RollbackRequested(Requested),
    /// A person ends it: no canary traffic in any region that is not complete.
    AbortRequested(Requested),
}

/// The first event.
#[derive(Debug, Clone, PartialEq)]
pub struct Started {
    /// Which one: the service without a region, and a number.
    pub run: RunId,
    /// The plan it keeps.
    pub plan: Arc<WavesPlan>,
    /// Who began it, and why.
    pub by: Requested,
}

/// One look at every region that has begun.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Looked {
    /// Time watched since the last look that was kept.
    pub watched: Duration,
    /// What was seen, by region; regions that have not begun are left out.
    pub sights: Vec<(Region, Sight)>,
}

/// What a look saw of one region.
#[derive(Debug, Clone, PartialEq)]
pub enum Sight {
    /// Its rollout.
    Seen(Box<Seen>),
    /// Nothing: whoever runs it does not answer.
    Unreachable {
        /// In words.
        why: String,
    },
}

/// How a region's rollout stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Its run, such as `checkout@eu-west-1.3`.
    pub run: String,
    /// Where it is in its life.
    pub status: rollout::Status,
    /// Whether anything speaks for or against it.
    pub standing: Standing,
    /// What speaks against it, or why it went back; empty when nothing does.
    pub why: String,
    /// From 1: a rollback or a person's override begins a new one, and its evidence anew.
    pub attempt: u32,
    /// Position of its phase, from 0; none = at stable.
    pub phase: Option<usize>,
    /// How far it is, 0 to 100 percent.
    pub progress: f64,
    /// The canary's share now, percent.
    pub canary_percent: f64,
    /// Canary requests over the rollout.
    pub requests: u64,
    /// Of them, errors.
    pub errors: u64,
    /// Mean response time of the canary in this phase, ms.
    pub response_ms: Option<f64>,
    /// Health score in this phase, 0 to 100.
    pub health: Option<f64>,
    /// What each test has against the canary.
    pub evidence: Vec<Evidence>,
}

/// Whether anything speaks for or against a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Shown to be healthy, or complete.
    Healthy,
    /// Nothing is shown yet and nothing speaks against it.
    Open,
    /// Something does: a warning, a source that is silent, a split that does not match.
    Against,
    /// Shown to be bad, within its share of α.
    Degraded,
}

impl Standing {
    /// The word in the log and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Healthy => "healthy",
            Standing::Open => "open",
            Standing::Against => "against",
            Standing::Degraded => "degraded",
        }
    }

    /// The standing of a word.
    pub fn from_word(word: &str) -> Option<Standing> {
        let all = [Standing::Healthy, Standing::Open, Standing::Against, Standing::Degraded];
        all.into_iter().find(|standing| standing.as_str() == word)
    }
}

/// One test's evidence in one region.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Its name, such as `latencyVsStable p99`.
    pub test: String,
    /// Its share of the region's wealth, 0 to 1.
    pub weight: f64,
    /// ln of its own e-value, not weighted; 0 at the start of an attempt.
    pub log: f64,
    /// Canary requests (or values) it saw.
    pub requests: f64,
    /// Bad ones among them.
    pub bad: f64,
}

/// What a region answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It did it.
    Done {
        /// The run it is, after a start.
        run: Option<String>,
    },
    /// It will not, and says why. Asking again changes nothing.
    Refused {
        /// In its words.
        why: String,
    },
}
