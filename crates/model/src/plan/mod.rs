//! The plan: ordered phases and policies, as written in the config and kept by a running rollout.
//!
//! A plan is a checked value: whoever holds a [`Plan`] holds one whose phases grow, end at 100 %
//! and have durations. Reading it from YAML, with places for faults, is the business of `runtime::config`.

mod business;
mod check;
mod metric;
mod phase;
mod policy;

use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::ServiceKey;
use crate::split::{DeadMan, ErrorRule, Stickiness};

pub use business::Business;
pub use check::PlanError;
pub use metric::{
    Better, METRIC_MARGIN_DEFAULT, METRIC_NAME_BYTES_MAX, METRICS_MAX, MetricKind, MetricPer, MetricRole,
    MetricSpec,
};
pub use phase::{GATES_MAX, Phase, SuccessCriteria};
pub use policy::{
    ALPHA_DEFAULT, AnalysisPolicy, BETA, Clustering, Evidence, LATENCY_FLOOR_DEFAULT_MS, OnConcentrated,
    OnInconclusive, OnNoSafeTarget, OnSharedBreach, RollbackTriggers, WARM_UP_DEFAULT,
};

/// Most phases a plan may have.
pub const PHASES_MAX: usize = 100;

/// One of the two versions: its name and where its instances answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// What people call it, such as `1.5.0`.
    pub version: String,
    /// Base URLs of its instances; empty when the router finds them itself (SDK).
    pub urls: Vec<String>,
}

/// What moves traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RouterKind {
    /// The built-in proxy.
    Proxy,
    /// The SDK inside the application.
    Sdk,
}

/// Ordered phases and policies for one service and region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What is rolled out, and where.
    pub key: ServiceKey,
    /// The version that runs today.
    pub stable: Version,
    /// The version being rolled out.
    pub canary: Version,
    /// What moves traffic.
    pub router: RouterKind,
    /// Where the key of a request is.
    pub stickiness: Stickiness,
    /// What counts as an error.
    pub errors: ErrorRule,
    /// What a data plane does without the control plane.
    pub dead_man: Option<DeadMan>,
    /// At least one; shares grow; the last is 100 %.
    pub phases: Vec<Phase>,
    /// Whether phases advance by themselves.
    pub auto_advance: bool,
    /// Health score (0 to 100) needed to advance.
    pub risk_threshold: f64,
    /// Whether triggers roll back; when off they only alert.
    pub enable_rollback: bool,
    /// What rolls back.
    pub triggers: RollbackTriggers,
    /// How often `metrics_update` is published.
    pub monitoring_interval: Duration,
    /// How verdicts are reached.
    pub analysis: AnalysisPolicy,
    /// Custom metrics that are judged; at most [`METRICS_MAX`], names differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricSpec>,
    /// What things cost and earn; for reports alone.
    #[serde(default, skip_serializing_if = "Business::is_default")]
    pub business: Business,
    /// Whether each phase puts one more instance of the canary in the place of one of stable, in the order of their URLs.
    /// Such a plan has a phase for each instance.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rolling: bool,
}

impl Plan {
    /// Checks every rule a plan must keep.
    ///
    /// # Errors
    /// Every broken rule, in reading order; empty never comes as `Err`.
    pub fn check(&self) -> Result<(), Vec<PlanError>> {
        check::check(self)
    }

    /// The plan of the seed document for a service: four phases of 5, 25, 50 and 100 %.
    pub fn seed(key: ServiceKey) -> Plan {
        Plan {
            key,
            stable: Version { version: "stable".into(), urls: vec![] },
            canary: Version { version: "canary".into(), urls: vec![] },
            router: RouterKind::Sdk,
            stickiness: Stickiness::None,
            errors: ErrorRule::default(),
            dead_man: None,
            phases: phase::seed_phases(),
            auto_advance: true,
            risk_threshold: 70.0,
            enable_rollback: true,
            triggers: RollbackTriggers::default(),
            monitoring_interval: Duration::from_secs(30),
            analysis: AnalysisPolicy::default(),
            metrics: vec![],
            business: Business::default(),
            rolling: false,
        }
    }
}
