//! From the evidence of all questions to one decision (a look's last step).
//!
//! All tests share one wealth: the weighted mean of their e-values controls the chance of any false
//! rollback under any dependence between them. Advancing needs every gating question shown.

use crate::grid::log_sum_exp;

/// Fewest canary requests of a leading test.
pub const GUARD_REQUESTS: f64 = 10.0;
/// Fewest bad events of a leading test.
pub const GUARD_EVENTS: f64 = 5.0;

/// One question's state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// Its share of the wealth; all sum to 1.
    pub weight: f64,
    /// ln of the evidence of harm.
    pub log_harm: f64,
    /// ln of the evidence of health; none = it gates nothing.
    pub log_safe: Option<f64>,
    /// Canary requests it has seen.
    pub requests: f64,
    /// Bad events it has seen.
    pub bad_events: f64,
}

/// Levels and times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Levels {
    /// Of false rollbacks.
    pub alpha: f64,
    /// Of false health.
    pub beta: f64,
    /// Of false sample-ratio alarms.
    pub alpha_srm: f64,
}

/// Where the phase stands, seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PhaseTime {
    /// In the phase so far.
    pub passed: f64,
    /// At least.
    pub min: f64,
    /// At most, with an open question.
    pub max: f64,
}

/// What is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Shown to be fine.
    Healthy,
    /// Not enough is known.
    Inconclusive,
    /// Shown to be bad.
    Degraded,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The next phase.
    Advance,
    /// Go on in this phase.
    Wait,
    /// Stand still until something changes.
    Hold,
    /// Back to stable.
    Rollback,
}

/// What led to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lead {
    /// Nothing in particular.
    None,
    /// The sample ratio.
    SampleRatio,
    /// The question at this place.
    Question(usize),
}

/// A decision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decided {
    /// ln of the shared wealth.
    pub log_total: f64,
    /// What is known.
    pub outcome: Outcome,
    /// What to do.
    pub action: Action,
    /// What led to it.
    pub lead: Lead,
}

/// Weighs all questions. `srm_log` is ln of the sample-ratio evidence; `shared_breach`: both versions suffer.
pub fn decide(
    questions: &[Evidence],
    srm_log: f64,
    time: PhaseTime,
    levels: Levels,
    shared_breach: bool,
) -> Decided {
    let weighted = |q: &Evidence| q.weight.ln() + q.log_harm;
    let log_total = log_sum_exp(questions.iter().map(weighted));
    let largest = questions.iter().map(weighted).enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
    let lead = largest.map(|(place, _)| place);
    let guarded = lead
        .and_then(|place| questions.get(place))
        .is_some_and(|q| q.requests >= GUARD_REQUESTS && q.bad_events >= GUARD_EVENTS);
    let warned = log_total >= -0.5 * levels.alpha.ln();
    let named = lead.filter(|_| warned).map_or(Lead::None, Lead::Question);
    let late = |early: Action| if time.passed < time.max { early } else { Action::Hold };
    let (outcome, action, lead) = if log_total >= -levels.alpha.ln() && guarded {
        (Outcome::Degraded, if shared_breach { Action::Hold } else { Action::Rollback }, named)
    } else if srm_log >= -levels.alpha_srm.ln() {
        (Outcome::Inconclusive, Action::Hold, Lead::SampleRatio)
    } else if !warned && gates_open(questions, levels.beta) {
        let action = if time.passed >= time.min { Action::Advance } else { Action::Wait };
        (Outcome::Healthy, action, Lead::None)
    } else {
        (Outcome::Inconclusive, late(Action::Wait), named)
    };
    Decided { log_total, outcome, action, lead }
}

/// Whether the canary's failures are concentrated in a source or a key: counting them all would roll back, counting
/// what may be counted does not. A sick node and a sick version look the same then, and a person must tell.
///
/// Both are decisions of the same look: `counted` of what decides, `all` of [`crate::raw::Raw::log_all_failures`].
pub fn is_concentrated(counted: &Decided, all: &Decided) -> bool {
    all.outcome == Outcome::Degraded && counted.outcome != Outcome::Degraded
}

/// The decision where failures may be concentrated: `counted`, unless they are; then hold, or what counting all of
/// them says (where a person chose that a sick node is reason enough).
pub fn with_concentrated(counted: Decided, all: Decided, hold: bool) -> Decided {
    match (is_concentrated(&counted, &all), hold) {
        (false, _) => counted,
        (true, true) => Decided { outcome: Outcome::Inconclusive, action: Action::Hold, ..all },
        (true, false) => all,
    }
}

/// Every gating question is shown; a plan that gates nothing shows nothing.
fn gates_open(questions: &[Evidence], beta: f64) -> bool {
    let mut gates = questions.iter().filter_map(|q| q.log_safe).peekable();
    gates.peek().is_some() && gates.all(|log| log >= -beta.ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(log_harm: f64) -> Decided {
        let question = Evidence { weight: 1.0, log_harm, log_safe: None, requests: 100.0, bad_events: 50.0 };
        let time = PhaseTime { passed: 10.0, min: 60.0, max: 600.0 };
        decide(&[question], 0.0, time, Levels { alpha: 0.01, beta: 0.05, alpha_srm: 0.001 }, false)
    }

    #[test]
    fn concentrated_failures_hold_unless_a_person_chose_otherwise() {
        let (quiet, loud) = (decided(1.0), decided(30.0));
        assert!(is_concentrated(&quiet, &loud));
        assert!(!is_concentrated(&loud, &loud) && !is_concentrated(&quiet, &quiet));
        assert_eq!(with_concentrated(quiet, loud, true).action, Action::Hold);
        assert_eq!(with_concentrated(quiet, loud, true).lead, Lead::Question(0));
        assert_eq!(with_concentrated(quiet, loud, false).action, Action::Rollback);
        assert_eq!(with_concentrated(quiet, quiet, true), quiet);
        assert_eq!(with_concentrated(loud, loud, true), loud);
    }
}
