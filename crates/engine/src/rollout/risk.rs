//! Risk now, 0 to 100, from named parts. Shown to people; it never decides anything.

use super::Rollout;
use crate::analysis::Verdict;

/// The risk and its parts, each 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RiskParts {
    /// 0.5 · phase + 0.3 · verdict + 0.2 · exposure.
    pub score: f64,
    /// The phase's `riskScore`; 0 at stable.
    pub phase: f64,
    /// 0 healthy, 50 inconclusive, 100 degraded.
    pub verdict: f64,
    /// The canary's share of traffic, percent.
    pub exposure: f64,
}

/// The risk of a rollout under this verdict.
pub fn risk_of(rollout: &Rollout, verdict: Verdict) -> RiskParts {
    let exposure = rollout.canary.percent();
    if exposure == 0.0 {
        return RiskParts::default();
    }
    let phase = rollout.phase().map_or(0.0, |phase| phase.risk_score);
    let verdict = match verdict {
        Verdict::Healthy => 0.0,
        Verdict::Inconclusive => 50.0,
        Verdict::Degraded => 100.0,
    };
    RiskParts { score: 0.5 * phase + 0.3 * verdict + 0.2 * exposure, phase, verdict, exposure }
}
