//! `fw plan …`: what a plan can find and prove, before anybody is exposed to it. No server is needed.

mod check;
mod observe;
mod past;
mod replay;
mod simulate;
mod tune;
mod words;

use crate::args::{Global, PlanCommand};
use crate::failure::Failure;
use crate::output::Out;

pub(super) fn run(command: PlanCommand, global: &Global, out: &mut Out) -> Result<(), Failure> {
    match command {
        PlanCommand::Simulate(args) => match &args.replay {
            Some(name) => replay::run(name, &args, out),
            None => simulate::run(&args, out),
        },
        PlanCommand::Check(args) => check::run(&args, global, out),
        PlanCommand::Tune(args) => tune::run(&args, out),
    }
}
