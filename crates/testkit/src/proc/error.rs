//! Why a process is not as a test needs it, in words that show what the process said last.
//!
//! The end of the log is part of the text, because the folder it is in goes with the test.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a process is not as it should be. Each text ends with the last lines of its log.
#[derive(Debug, thiserror::Error)]
pub enum ProcError {
    /// It could not be started.
    #[error("{program} could not be started")]
    Spawn {
        /// The program.
        program: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It ended while it was waited for.
    #[error("{name} ended ({status}) while it was waited for; its last lines:\n{log}")]
    Exited {
        /// The process.
        name: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// It did not get there in time.
    #[error("{name} was not ready after {} s; its last lines:\n{log}", deadline.as_secs_f32())]
    Late {
        /// The process.
        name: String,
        /// How long was waited.
        deadline: Duration,
        /// The end of its log.
        log: String,
    },
    /// The system refused to look at it or to signal it.
    #[error("{name} cannot be looked after")]
    System {
        /// The process.
        name: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}
