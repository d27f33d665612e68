//! Deployers: what puts a version of a service there, and takes it away again.
//!
//! Three kinds: somebody's commands ([`exec`]), processes on this machine ([`process`]), units of systemd ([`systemd`]); one
//! trait over them ([`Deployer`]). What must outlive the server runs under a wrapper: this same binary, started with a
//! folder that
//! says what to do and in which it writes what came of it. So the files are the truth, the server may die at any point,
//! and whoever
//! comes next reads them. When something is deployed, and what follows from its outcome, is the release's business.

pub mod command;
mod deployer;
pub mod exec;
mod folder;
mod log;
mod order;
mod os;
pub mod process;
mod program;
mod ready;
pub mod systemd;
mod tend;
mod wrapper;

pub use deployer::{Deployer, InstanceStatus, Outcome, Presence, Told, Work};
pub use log::{CHUNK_BYTES_MAX, CHUNKS_MAX, LOG_BYTES_MAX, Part, read_from};
pub use order::{INSTANCES_MAX, Instance, NAME_BYTES_MAX, Order, OrderError};
pub use os::Identity;
pub use program::{ARGS_MAX, PROGRAM_BYTES_MAX, Program, ProgramError};
pub use ready::ReadyCheck;
pub use wrapper::Wrapper;
