//! `fw proxy`: a data plane alone.

use crate::args::ProxyArgs;
use crate::failure::Failure;
use crate::output::Out;

/// Runs the proxy until it is told to stop.
pub(super) fn run(args: ProxyArgs, _out: &mut Out) -> Result<(), Failure> {
    let _ = (args.control, args.service, args.region, args.listen, args.state);
    Err(Failure::Failed("this build has no proxy in it".into()))
}
