//! What the observations say: findings against the canary, questions it must answer, a verdict.
//!
//! This is the interface the sequential analysis fills: `State` is what the tests remember, `absorb`
//! feeds it, `judge` reads it. For now each limit is judged by an exact one-sided binomial test
//! whose level at the k-th look is α / (k (k + 1)), so that looking every second stays honest; means
//! by a bounded-bet e-value, which may be looked at any time. Whatever is decided about it is not here.

mod findings;
mod health;
mod questions;
mod sample;
mod words;

use fw_model::Plan;

use crate::rollout::{InFlight, Rollout, Tally, Trigger};

pub use sample::Sample;

/// Looks kept for the test of the last seconds.
pub const RECENT_LOOKS_MAX: usize = 10;

/// What the tests remember between looks.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// Looks with new canary requests in this attempt.
    pub attempt_looks: u64,
    /// Looks with new canary requests in this visit to the phase.
    pub phase_looks: u64,
    /// The last looks with new canary requests, oldest first; at most [`RECENT_LOOKS_MAX`].
    pub recent: Vec<Sample>,
    /// Requests under way at the last look.
    pub in_flight: InFlight,
}

impl State {
    /// Takes in what a look added to the canary.
    pub(crate) fn absorb(&mut self, fresh: &Tally, in_flight: &InFlight) {
        self.in_flight = in_flight.clone();
        if fresh.canary.requests == 0 {
            return;
        }
        self.attempt_looks += 1;
        self.phase_looks += 1;
        if self.recent.len() == RECENT_LOOKS_MAX {
            self.recent.remove(0);
        }
        self.recent.push(Sample { requests: fresh.canary.requests, errors: fresh.canary.errors });
    }

    /// A new visit: health must be shown again, the harm budget goes on.
    pub(crate) fn enter_phase(&mut self) {
        self.phase_looks = 0;
        self.recent.clear();
        self.in_flight = InFlight::default();
    }

    /// A new attempt: a new promise of α.
    pub(crate) fn enter_attempt(&mut self) {
        self.attempt_looks = 0;
    }
}

/// What the analysis says now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Every question is answered well and nothing warns.
    Healthy,
    /// Not enough is known.
    Inconclusive,
    /// Shown to be bad, within the promise of α.
    Degraded,
}

impl Verdict {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Healthy => "healthy",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Degraded => "degraded",
        }
    }
}

/// How strong a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// Nothing to see.
    Quiet,
    /// Suspicious: blocks an advance, rolls nothing back.
    Warning,
    /// Shown, within the promise of α.
    Shown,
}

/// What one test says against the canary.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Which rule it belongs to.
    pub trigger: Trigger,
    /// How strong.
    pub strength: Strength,
    /// The point estimate, in the unit of `limit`; none without data.
    pub value: Option<f64>,
    /// The limit: percent, ms or score.
    pub limit: f64,
    /// In words with counts.
    pub text: String,
}

/// What must be shown before the phase ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// `errorRate`, `responseTime` or `healthScore`.
    pub name: &'static str,
    /// Whether it is answered well.
    pub answered: bool,
    /// Whether the point estimate is on the right side; an unanswered one then only needs more data.
    pub met: bool,
    /// In words with counts.
    pub text: String,
    /// About how many more canary requests it needs at the present rate, if that can be told.
    pub requests_missing: Option<u64>,
}

/// What the observations of this visit say.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// All in one word.
    pub verdict: Verdict,
    /// One for each rule that applies.
    pub findings: Vec<Finding>,
    /// One for each thing that must be shown.
    pub questions: Vec<Question>,
    /// Whether stable breaks the error limit too.
    pub stable_over_limit: bool,
}

impl Judgement {
    /// The finding of a rule.
    pub fn finding(&self, trigger: Trigger) -> Option<&Finding> {
        self.findings.iter().find(|f| f.trigger == trigger)
    }

    /// How strong a rule's finding is.
    pub fn strength(&self, trigger: Trigger) -> Strength {
        self.finding(trigger).map_or(Strength::Quiet, |f| f.strength)
    }

    /// The strongest finding, if any is more than quiet.
    pub fn lead(&self) -> Option<&Finding> {
        self.findings.iter().filter(|f| f.strength > Strength::Quiet).max_by_key(|f| f.strength)
    }
}

/// Reads what was observed in this visit.
pub fn judge(rollout: &Rollout) -> Judgement {
    let plan: &Plan = &rollout.plan;
    let findings = findings::all(plan, rollout);
    let questions = match rollout.phase() {
        Some(phase) => questions::all(plan, phase, rollout),
        None => vec![],
    };
    let strongest = findings.iter().map(|f| f.strength).max().unwrap_or(Strength::Quiet);
    let answered = !questions.is_empty() && questions.iter().all(|q| q.answered);
    let verdict = match strongest {
        Strength::Shown => Verdict::Degraded,
        Strength::Quiet if answered => Verdict::Healthy,
        Strength::Quiet | Strength::Warning => Verdict::Inconclusive,
    };
    Judgement { verdict, findings, questions, stable_over_limit: findings::stable_over_limit(plan, rollout) }
}
