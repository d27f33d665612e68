//! Commands of a later version: known by name, refused by name, never half there.

use crate::failure::Failure;

/// The refusal of a command.
pub(super) fn refuse(command: &str) -> Failure {
    Failure::Usage(format!("`{command}` comes with a later version"))
}
