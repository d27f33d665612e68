//! The one task that owns every rollout: append, step, commit, perform.
//!
//! Messages that wait together are stepped together and committed in one transaction (group commit
//! over rollouts). A batch works on copies; only when the store has it are they taken as the state,
//! splits told, events published and callers answered. So what was shown is always durable, and a
//! failed write changes nothing. There is no I/O here but the store's commit.

mod batch;
mod boot;
mod command;
mod look;
mod message;
mod metric;
mod perform;
mod reporters;
mod service;
mod sources;
mod start;
mod task;
mod watching;

pub use boot::BootError;
pub use message::{Command, Idempotency, StartRequest};
pub use service::ServiceDef;

pub(crate) use boot::decode_run;
pub(crate) use message::Message;
pub(crate) use task::{Core, Shared, run};
