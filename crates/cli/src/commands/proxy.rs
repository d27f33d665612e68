//! `fw proxy`: a data plane alone, told by a server elsewhere.
//!
//! It goes on with the last split while that server is away. The first signal ends it gently, as
//! requests in flight finish; a second one at once.

use fw_proxy::{ProxySettings, RemoteError, RemoteSettings, remote};

use crate::args::ProxyArgs;
use crate::commands::env_token;
use crate::failure::Failure;
use crate::output::say;
use crate::{logging, stop};

/// Runs the proxy until it is told to stop.
pub(super) fn run(args: ProxyArgs) -> Result<(), Failure> {
    logging::init("info");
    let settings =
        ProxySettings { listen: args.listen, region: args.region.clone(), ..ProxySettings::default() };
    let control = RemoteSettings {
        control: args.control,
        service: args.service,
        region: args.region,
        state_dir: Some(args.state),
        token: env_token(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::Failed(format!("can't start: {e}")))?;
    let drained = runtime.block_on(async {
        let stopped = stop::on_signal().map_err(|e| Failure::Failed(format!("signals can't be had: {e}")))?;
        remote::run(settings, control, stopped).await.map_err(failure)
    })?;
    if drained.aborted > 0 {
        say(&format!("{} connections were still busy after 30 s and were cut off", drained.aborted));
    }
    Ok(())
}

fn failure(error: RemoteError) -> Failure {
    match error {
        RemoteError::Setting(text) => Failure::Usage(text),
        RemoteError::Start(why) => Failure::Failed(why.to_string()),
    }
}
