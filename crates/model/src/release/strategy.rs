//! Strategies: how traffic gets to the new version, as a shape of the plan. The rollout engine is the same for all.
//!
//! Each strategy is a plan of phases with the same analysis, so the same triggers move traffic back at once:
//!
//! * **canary**: the plan as written.
//! * **blue-green**: the new version stands beside the old, is tried with test traffic, then gets everything at once.
//! * **rolling**: instance by instance; each new one takes the place of an old one in the pool.
//! * **all-at-once**: everything at once, as soon as the new version is healthy.

use serde::{Deserialize, Serialize};

use super::{Answer, Gate, GateKind, ReleasePolicy};
use crate::plan::{PHASES_MAX, SuccessCriteria};
use crate::{Percent, Phase, Plan};

/// How traffic gets to the new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// The plan as written.
    #[default]
    Canary,
    /// Beside, tried, then everything at once.
    BlueGreen,
    /// Instance by instance.
    Rolling,
    /// Everything at once.
    AllAtOnce,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Strategy; 4] =
        [Strategy::Canary, Strategy::BlueGreen, Strategy::Rolling, Strategy::AllAtOnce];

    /// The word in config, CLI, API and log.
    pub fn as_str(self) -> &'static str {
        match self {
            Strategy::Canary => "canary",
            Strategy::BlueGreen => "blue-green",
            Strategy::Rolling => "rolling",
            Strategy::AllAtOnce => "all-at-once",
        }
    }
}

/// The plan that a release of this strategy runs.
///
/// The last phase is the bake: it lasts at least [`ReleasePolicy::bake`] and keeps the criteria of the plan's own last phase.
/// A rolling one has a phase for each instance of the new version, each as long as the plan's first; what a phase demands is
/// what the plan's last phase before 100 % demands (or the last one, where there is no other).
pub fn shape(plan: &Plan, strategy: Strategy, policy: &ReleasePolicy) -> Plan {
    let mut plan = plan.clone();
    let Some(full) = plan.phases.last().cloned() else { return plan };
    let baked = |phase: Phase, description: &str| Phase {
        duration: phase.duration.max(policy.bake),
        description: description.to_owned(),
        ..phase
    };
    match strategy {
        Strategy::Canary => {
            if let Some(last) = plan.phases.last_mut() {
                last.duration = last.duration.max(policy.bake);
            }
        }
        Strategy::BlueGreen => plan.phases = vec![baked(Phase { id: 0, ..full }, "Switched at once")],
        Strategy::AllAtOnce => plan.phases = vec![baked(Phase { id: 0, ..full }, "All at once")],
        Strategy::Rolling => plan.phases = rolling(&plan, full, policy),
    }
    plan.rolling = strategy == Strategy::Rolling && !plan.canary.urls.is_empty();
    plan
}

fn rolling(plan: &Plan, full: Phase, policy: &ReleasePolicy) -> Vec<Phase> {
    let count = plan.canary.urls.len().clamp(1, PHASES_MAX);
    let first = plan.phases.first().cloned().unwrap_or_else(|| full.clone());
    let demands: SuccessCriteria =
        plan.phases.iter().rev().find(|phase| !phase.is_full()).map_or(full.criteria, |phase| phase.criteria);
    let gates = |last: bool| match (last, &policy.deploy) {
        (true, _) => full.gates.clone(),
        (false, None) => vec![],
        (false, Some(_)) => vec![Gate { kind: GateKind::Release, expires: None, default: Answer::Reject }],
    };
    let instance = |i: usize| {
        let last = i == count;
        let share = Percent::try_from(100.0 * i as f64 / count as f64);
        Phase {
            id: i as i64 - 1,
            percentage: share.unwrap_or(full.percentage),
            duration: if last { full.duration.max(policy.bake) } else { first.duration },
            max_duration: if last { full.max_duration } else { first.max_duration },
            risk_score: if last { full.risk_score } else { first.risk_score },
            description: format!("Instance {i} of {count}"),
            criteria: if last { full.criteria } else { demands },
            // The next instance must stand before it gets its share.
            gates: gates(last),
        }
    };
    (1..=count).map(instance).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn plan(instances: usize) -> Plan {
        let mut plan = Plan::seed("shop".parse().unwrap());
        plan.canary.urls = (0..instances).map(|i| format!("http://127.0.0.1:{}", 9000 + i)).collect();
        plan
    }

    fn shares(strategy: Strategy, instances: usize) -> Vec<f64> {
        let shaped = shape(&plan(instances), strategy, &ReleasePolicy::default());
        shaped.check().unwrap();
        shaped.phases.iter().map(|phase| phase.percentage.value()).collect()
    }

    #[test]
    fn each_strategy_is_a_sound_plan() {
        assert_eq!(shares(Strategy::Canary, 1), [5.0, 25.0, 50.0, 100.0]);
        assert_eq!(shares(Strategy::BlueGreen, 1), [100.0]);
        assert_eq!(shares(Strategy::AllAtOnce, 3), [100.0]);
        assert_eq!(shares(Strategy::Rolling, 4), [25.0, 50.0, 75.0, 100.0]);
        assert_eq!(shares(Strategy::Rolling, 1), [100.0]);
        assert_eq!(shares(Strategy::Rolling, 3).len(), 3);
    }

    #[test]
    fn the_last_phase_lasts_as_long_as_the_bake() {
        let policy = ReleasePolicy { bake: Duration::from_secs(3600), ..ReleasePolicy::default() };
        for strategy in Strategy::ALL {
            let shaped = shape(&plan(2), strategy, &policy);
            assert_eq!(shaped.phases.last().unwrap().duration, policy.bake, "{strategy:?}");
        }
        let short = ReleasePolicy { bake: Duration::from_secs(1), ..policy };
        let shaped = shape(&plan(2), Strategy::Canary, &short);
        assert_eq!(shaped, plan(2), "a bake shorter than the last phase changes nothing");
    }
}
