//! The worlds in which false rollbacks are counted when failures come in clusters: one a row of the guide's table.
//!
//! 500 requests a second, 0.1 % errors, 5 % x 5 min, 25 % x 4 min, 50 % x 3 min, unless a row says otherwise.

use std::sync::Arc;
use std::time::Duration;

use fw_model::{Percent, Phase};

use crate::run::Setup;

/// One kind of world.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// As [`crate::Scenario`] reads it.
    pub scenario: &'static str,
    /// Of stable and of the canary, at the first share.
    pub instances: (usize, usize),
    /// How long stable was watched before, minutes.
    pub history_minutes: u64,
    /// Requests a second of both versions.
    pub rps: f64,
    /// Errors of both versions, percent.
    pub errors: f64,
    /// Error limit of the plan, percent.
    pub limit: f64,
}

/// Share of traffic, percent, and minutes. What comes last is never reached.
const PHASES: [(f64, u64); 4] = [(5.0, 5), (25.0, 4), (50.0, 3), (100.0, 60)];
/// What is simulated of it.
const MINUTES: u64 = 12;

const fn row(scenario: &'static str) -> Row {
    Row { scenario, instances: (19, 1), history_minutes: 30, rps: 500.0, errors: 0.1, limit: 1.0 }
}

const LARGE: (usize, usize) = (76, 4);

/// Every row.
pub const ROWS: [Row; 25] = [
    row("healthy"),
    row("bursts"),
    Row { instances: LARGE, ..row("bursts") },
    row("beta:2:1s"),
    row("beta:2:5s"),
    row("beta:2:20s"),
    row("beta:5:1s"),
    row("beta:5:5s"),
    row("beta:5:20s"),
    row("beta:10:1s"),
    row("beta:10:5s"),
    row("beta:10:20s"),
    row("sticky-users:500"),
    row("sticky-users:5000"),
    row("retries:3"),
    row("retries:10"),
    Row { history_minutes: 10, ..row("bursts") },
    Row { history_minutes: 0, ..row("bursts") },
    Row { history_minutes: 0, ..row("beta:5:5s") },
    Row { history_minutes: 0, ..row("healthy") },
    Row { rps: 50.0, ..row("healthy") },
    Row { rps: 50.0, ..row("bursts") },
    Row { errors: 1.0, limit: 2.0, ..row("beta:2:5s") },
    row("slow-instances"),
    Row { instances: LARGE, ..row("slow-instances") },
];

impl Row {
    /// What is simulated for it.
    ///
    /// # Panics
    /// Not for the rows of [`ROWS`]: when the scenario is none.
    pub fn setup(&self) -> Setup {
        let mut plan = crate::built_in_plan("clusters".parse().expect("a name"));
        let first = plan.phases[0].clone();
        let phase = |(id, (share, minutes)): (i64, (f64, u64))| Phase {
            id,
            percentage: Percent::new(share).expect("a share"),
            duration: Duration::from_secs(60 * minutes),
            ..first.clone()
        };
        plan.phases = (0..).zip(PHASES).map(phase).collect();
        plan.triggers.error_rate = Some(self.limit);
        Setup {
            plan: Arc::new(plan),
            scenario: self.scenario.parse().expect("a scenario"),
            rps: self.rps,
            stable_errors: self.errors / 100.0,
            look_ms: 1000,
            horizon_ms: MINUTES * 60_000,
            metrics: false,
            instances: self.instances,
            history: Some(Duration::from_secs(60 * self.history_minutes)),
        }
    }
}
