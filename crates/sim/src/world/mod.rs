//! The outside of a simulated rollout: traffic, its outcomes, and what goes wrong with it.
//!
//! Requests arrive as a Poisson process, are put on a version at random by the split, fail independently
//! of each other and take independent times. No users, retries or sick nodes: clustered failures are not modelled.

mod arm;
mod law;
mod normal;
mod scenario;
mod traffic;

pub use law::{Cell, Law, MEDIAN_MS};
pub use scenario::{Circumstance, Regression, Scenario, Slower, duration};

pub(crate) use arm::{REVENUE_CAP, Seen};
pub(crate) use traffic::{Moment, Traffic};
