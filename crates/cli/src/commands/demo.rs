//! `fw demo`: a whole rollout on this machine.

use crate::args::DemoArgs;
use crate::failure::Failure;
use crate::output::Out;

/// Runs the demo to its end.
pub(super) fn run(args: &DemoArgs, _out: &mut Out) -> Result<(), Failure> {
    let _ = (args.fault, args.fast);
    Err(Failure::Failed("this build has no demo in it".into()))
}
