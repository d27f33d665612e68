//! The outside of a simulated rollout: traffic, its outcomes, and what goes wrong with it.
//!
//! Requests arrive as a Poisson process, are put on a version at random by the split, fail independently
//! of each other and take independent times, unless the scenario says how they cluster (`clusters`): in instances that
//! go through bad times by themselves (`spells`), or in users who try again or for whom nothing works (`users`).

mod arm;
mod clusters;
mod law;
mod nearest;
mod normal;
mod past;
mod scenario;
mod spells;
mod traffic;
mod users;

pub use clusters::Clusters;
pub use fw_engine::analysis::Clustered;
pub use law::{Cell, Law, MEDIAN_MS};
pub use past::{Past, Watched};
pub use scenario::{Circumstance, Regression, Scenario, Slower, duration};

pub(crate) use arm::{REVENUE_CAP, Seen};
pub(crate) use traffic::{Moment, Traffic, instance_name};

#[cfg(test)]
mod tests;
