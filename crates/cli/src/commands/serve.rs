//! `fw serve`: the server in the foreground.

use crate::args::ServeArgs;
use crate::failure::Failure;
use crate::output::Out;

/// Runs the server until it is told to stop.
pub(super) fn run(args: ServeArgs, _out: &mut Out) -> Result<(), Failure> {
    Err(not_built(&args))
}

/// The server's crate does not offer `serve` yet; this build says so instead of pretending.
fn not_built(args: &ServeArgs) -> Failure {
    let _ = (&args.config, &args.env, args.listen, &args.store);
    Failure::Failed("this build has no server in it".into())
}
