//! `fw config schema`: the JSON Schema for editors, in either output format.

use fw_runtime::config;

use crate::failure::Failure;
use crate::output::Out;

pub(super) fn run(out: &mut Out) -> Result<(), Failure> {
    Ok(out.json(&config::schema())?)
}
