//! `fw config show`: a config with its environment merged and every default written out.

use std::path::Path;

use fw_runtime::config;

use crate::failure::Failure;
use crate::output::Out;

pub(super) fn run(file: &Path, env: Option<&str>, out: &mut Out) -> Result<(), Failure> {
    let service = config::load_file(file, env)?;
    if out.is_json() {
        out.json(&config::effective_json(&service))?;
    } else {
        out.line(config::effective_yaml(&service).trim_end())?;
    }
    Ok(())
}
