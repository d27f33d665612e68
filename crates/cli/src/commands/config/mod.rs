//! `fw config …`: checking, fixing, describing and showing configs. No server is asked.

mod check;
mod fix;
mod schema;
mod show;
mod validate;

use crate::args::ConfigCommand;
pub(super) use fix::quietly as fix_quietly;

use crate::failure::Failure;
use crate::output::Out;

pub(super) fn run(command: ConfigCommand, out: &mut Out) -> Result<(), Failure> {
    match command {
        ConfigCommand::Validate { config, env } => validate::run(config, env.as_deref(), out),
        ConfigCommand::Check(args) => check::run(&args, out),
        ConfigCommand::Fix(args) => fix::run(&args, out),
        ConfigCommand::Schema => schema::run(out),
        ConfigCommand::Show { config, env } => show::run(&config, env.as_deref(), out),
    }
}
