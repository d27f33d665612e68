//! Deployers: what puts a version of a service there, and takes it away again.

pub mod command;
mod folder;
mod log;
mod order;
mod os;
pub mod process;
mod program;
mod ready;
mod tend;
mod wrapper;

pub use log::{CHUNK_BYTES_MAX, CHUNKS_MAX, LOG_BYTES_MAX, Part, read_from};
pub use order::{INSTANCES_MAX, Instance, NAME_BYTES_MAX, Order, OrderError};
pub use os::Identity;
pub use program::{ARGS_MAX, PROGRAM_BYTES_MAX, Program, ProgramError};
pub use ready::ReadyCheck;
pub use wrapper::Wrapper;
