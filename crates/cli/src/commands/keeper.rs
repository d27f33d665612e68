//! `fw __run` and `fw __keep`: the small processes between the server and what it orders, which outlive it.
//!
//! Hidden, because people never type them. Everything they do is in `fw-providers`; here are only their names.

use std::path::Path;

use fw_providers::deploy::{command, process};

use crate::failure::Failure;

/// Runs the command of an order, at most once.
pub(super) fn run(folder: &Path) -> Result<(), Failure> {
    command::run(folder).map_err(|e| Failure::Failed(e.to_string()))
}

/// Keeps the process of an instance running until it is told to stop.
pub(super) fn keep(folder: &Path) -> Result<(), Failure> {
    process::keep(folder).map_err(|e| Failure::Failed(e.to_string()))
}
