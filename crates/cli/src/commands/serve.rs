//! `fw serve`: the server in the foreground, until a signal.

use std::path::PathBuf;

use fw_runtime::config::{self, ServiceConfig};
use fw_server::notify::NotifyError;
use fw_server::{ServeError, ServeOptions, Server};

use crate::args::{DEFAULT_CONFIG, ServeArgs, StoreChoice};
use crate::failure::Failure;
use crate::output::say;
use crate::{logging, stop};

/// Runs the server until it is told to stop.
pub(super) fn run(args: ServeArgs) -> Result<(), Failure> {
    logging::init("info");
    let configs = load_all(&args.config, args.env.as_deref())?;
    let options = ServeOptions { configs, listen: args.listen, store: store(args.store) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|e| Failure::Failed(format!("can't start: {e}")))?;
    runtime.block_on(async {
        let stopped = stop::on_signal().map_err(|e| Failure::Failed(format!("signals can't be had: {e}")))?;
        let server = start(options).await?;
        stopped.await;
        server.stop().await;
        Ok(())
    })
}

/// Starts a server and says where it listens.
pub(super) async fn start(options: ServeOptions) -> Result<Server, Failure> {
    let server = Server::start(options).await.map_err(|error| match error {
        ServeError::Bind(_) | ServeError::Notify(NotifyError::Settings(_)) => {
            Failure::Usage(error.to_string())
        }
        error => Failure::Failed(error.to_string()),
    })?;
    say(&format!("API, events and page: http://{}/", server.addr()));
    for (key, addr) in server.proxy_addrs() {
        say(&format!("proxy of {key}: http://{addr}/"));
    }
    Ok(server)
}

/// Every config, or the one of this folder.
fn load_all(files: &[PathBuf], env: Option<&str>) -> Result<Vec<ServiceConfig>, Failure> {
    let default = [PathBuf::from(DEFAULT_CONFIG)];
    let files = if files.is_empty() { &default[..] } else { files };
    files.iter().map(|file| config::load_file(file, env).map_err(Failure::from)).collect()
}

pub(super) fn store(choice: StoreChoice) -> fw_server::StoreChoice {
    match choice {
        StoreChoice::Sqlite(path) => fw_server::StoreChoice::Sqlite(path),
    }
}
