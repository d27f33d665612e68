//! The release: the pipeline around a rollout, as words. What is checked, who says yes, what deploys, how traffic moves.
//!
//! These are values that a config gives and a release keeps; what follows from them is the business of the engine.

mod finding;
mod gate;
mod id;
mod policy;
mod strategy;

pub use finding::{ChangeSize, Finding, Severity};
pub use gate::{Answer, Gate, GateKind, Window, WindowError};
pub use id::ReleaseId;
pub use policy::{
    ApprovalPolicy, BAKE_DEFAULT, CheckCommand, CheckPolicy, CheckWebhook, Command, DeployPolicy, ExecDeploy,
    Freeze, HealthCheck, KEEP_OLD_DEFAULT, ProcessDeploy, ReleasePolicy, StepGates, SystemdDeploy,
};
pub use strategy::{Strategy, shape};
