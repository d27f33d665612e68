//! The proxies that are compared, and how each is started with the same task.
//!
//! The task: HTTP/1.1 and h2c on loopback, 90 % to stable and 10 % to canary, keep-alive to both sides, one
//! worker, no access log, no stickiness. Settings are files in `configs/`, so that they can be read and
//! argued about. Ours also records status and latency of every request; the others only split (and keep their
//! built-in counters).

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::wheel;
use crate::bench::http;
use crate::bench::machine::{self, Place};
use crate::bench::process::Server;
use crate::sh;

/// Requests sent to see that a proxy splits, before it is measured.
const SMOKE_REQUESTS: usize = 300;
/// Fewest and most that may reach the canary of these: 10 % is 30, and 5 standard errors are 26.
const SMOKE_CANARY: std::ops::RangeInclusive<usize> = 4..=56;

/// One proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Subject {
    /// No proxy: the load goes to the upstream.
    Direct,
    /// Ours.
    Fw,
    /// Ours as it was: the program that `--before` names.
    Before,
    /// HAProxy, the one to beat.
    Haproxy,
    /// nginx.
    Nginx,
    /// Envoy.
    Envoy,
}

/// The upstream: two ports of one nginx.
pub(crate) struct Upstream {
    /// Serves the stable version.
    pub(crate) stable: SocketAddr,
    /// Serves the canary.
    pub(crate) canary: SocketAddr,
    _server: Server,
}

/// A subject that runs and answers.
pub(crate) struct Running {
    /// Which.
    pub(crate) subject: Subject,
    /// Its address for HTTP/1.1.
    pub(crate) h1: SocketAddr,
    /// Its address for HTTP/2 without TLS.
    pub(crate) h2: SocketAddr,
    /// The process; none for [`Subject::Direct`].
    pub(crate) server: Option<Server>,
}

impl Subject {
    /// The name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Subject::Direct => "(direct)",
            Subject::Fw => "fw",
            Subject::Before => "fw before",
            Subject::Haproxy => "haproxy",
            Subject::Nginx => "nginx",
            Subject::Envoy => "envoy",
        }
    }

    /// What it says its version is.
    pub(crate) fn version(self) -> String {
        let ask = |program: &str, flag: &str| {
            sh::which(program)
                .map_or_else(|| "?".to_owned(), |path| machine::said(Command::new(path).arg(flag)))
        };
        match self {
            Subject::Direct | Subject::Fw | Subject::Before => String::new(),
            Subject::Haproxy => ask("haproxy", "-v"),
            Subject::Nginx => ask("nginx", "-v"),
            Subject::Envoy => {
                let said = machine::said(Command::new(wheel::envoy()).arg("--version"));
                // It begins with its own path.
                said.split_once("version: ").map_or(said.clone(), |(_, version)| version.to_owned())
            }
        }
    }

    /// Starts it in front of `upstream` and checks that it splits.
    pub(crate) fn start(self, dir: &Path, upstream: &Upstream, before: Option<&Path>) -> Result<Running> {
        let [h1, h2] = http::free_addresses()?;
        let ports = Ports { h1, h2, stable: upstream.stable, canary: upstream.canary };
        let (h1, h2, server) = match self {
            // nginx speaks h2c on a port of its own only, so there is no direct h2c.
            Subject::Direct => (upstream.stable, upstream.stable, None),
            // One port for both protocols.
            Subject::Fw => {
                let program = sh::target().join("dist/examples/bench_proxy");
                (h1, h1, Some(Server::start("fw", fw(&ports, &program)?, dir)?))
            }
            Subject::Before => {
                let program = before.context("--subject before needs --before FILE")?;
                (h1, h1, Some(Server::start("fw-before", fw(&ports, program)?, dir)?))
            }
            Subject::Haproxy => (h1, h2, Some(Server::start("haproxy", haproxy(dir, &ports)?, dir)?)),
            Subject::Nginx => {
                let config = ports.fill(include_str!("configs/nginx.conf"), dir);
                (
                    h1,
                    h2,
                    Some(Server::start("nginx", nginx(dir, "nginx.conf", &config, Place::Measured)?, dir)?),
                )
            }
            Subject::Envoy => (h1, h1, Some(Server::start("envoy", envoy(dir, &ports)?, dir)?)),
        };
        let mut running = Running { subject: self, h1, h2, server };
        if let Some(server) = &mut running.server {
            server.wait_ready(|| http::get(h1, "/").is_ok_and(|answer| answer.status == 200))?;
            smoke(h1).with_context(|| format!("{} does not split as asked", self.name()))?;
        }
        Ok(running)
    }
}

impl Upstream {
    /// Starts it, with its file of 16 KiB.
    pub(crate) fn start(dir: &Path) -> Result<Upstream> {
        let [stable, canary] = http::free_addresses()?;
        fs::write(dir.join("16k"), "x".repeat(16 << 10))?;
        let ports = Ports { h1: stable, h2: stable, stable, canary };
        let config = ports.fill(include_str!("configs/upstream.conf"), dir);
        let mut server =
            Server::start("upstream", nginx(dir, "upstream.conf", &config, Place::Others)?, dir)?;
        server.wait_ready(|| http::get(canary, "/").is_ok_and(|answer| answer.status == 200))?;
        let file = http::get(stable, "/16k")?;
        ensure!(file.status == 200 && file.body.len() == 16 << 10, "the upstream does not serve its file");
        Ok(Upstream { stable, canary, _server: server })
    }
}

/// Addresses that fill the settings.
struct Ports {
    h1: SocketAddr,
    h2: SocketAddr,
    stable: SocketAddr,
    canary: SocketAddr,
}

impl Ports {
    fn fill(&self, template: &str, dir: &Path) -> String {
        let mut text = template.replace("@DIR@", &dir.to_string_lossy());
        for (name, address) in
            [("H1", self.h1), ("H2", self.h2), ("STABLE", self.stable), ("CANARY", self.canary)]
        {
            text = text.replace(&format!("@{name}@"), &address.to_string());
            text = text.replace(&format!("@{name}_PORT@"), &address.port().to_string());
        }
        text
    }
}

fn fw(ports: &Ports, program: &Path) -> Result<Command> {
    let mut command = machine::command(Place::Measured, &program.to_string_lossy())?;
    let [listen, stable, canary] =
        [ports.h1.to_string(), format!("http://{}", ports.stable), format!("http://{}", ports.canary)];
    // The weight is in units of 1/100 000.
    command.args([
        "--listen",
        &listen,
        "--stable",
        &stable,
        "--canary",
        &canary,
        "--weight",
        "10000",
        "--workers",
        "1",
    ]);
    Ok(command)
}

fn haproxy(dir: &Path, ports: &Ports) -> Result<Command> {
    let path = dir.join("haproxy.cfg");
    fs::write(&path, ports.fill(include_str!("configs/haproxy.cfg"), dir))?;
    let mut command = machine::command(Place::Measured, "haproxy")?;
    command.arg("-db").arg("-f").arg(path);
    Ok(command)
}

fn nginx(dir: &Path, name: &str, config: &str, place: Place) -> Result<Command> {
    let path = dir.join(name);
    fs::write(&path, config)?;
    let mut command = machine::command(place, "nginx")?;
    command.arg("-p").arg(dir).arg("-e").arg("stderr").arg("-c").arg(path);
    Ok(command)
}

fn envoy(dir: &Path, ports: &Ports) -> Result<Command> {
    let path = dir.join("envoy.yaml");
    fs::write(&path, ports.fill(include_str!("configs/envoy.yaml"), dir))?;
    let mut command = machine::command(Place::Measured, &wheel::envoy().to_string_lossy())?;
    command.args(["--concurrency", "1", "--disable-hot-restart", "-l", "error", "-c"]).arg(path);
    Ok(command)
}

/// Sends a few requests and counts the variants that answered.
fn smoke(address: SocketAddr) -> Result<()> {
    let (mut stable, mut canary) = (0, 0);
    for _ in 0..SMOKE_REQUESTS {
        let answer = http::get(address, "/")?;
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        // A body sent in chunks has its lengths around it.
        stable += usize::from(body.contains("hello stable"));
        canary += usize::from(body.contains("hello canary"));
    }
    ensure!(
        stable + canary == SMOKE_REQUESTS,
        "{} of {SMOKE_REQUESTS} answers are wrong",
        SMOKE_REQUESTS - stable - canary
    );
    ensure!(SMOKE_CANARY.contains(&canary), "{canary} of {SMOKE_REQUESTS} went to the canary");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_of_every_setting_is_filled() {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let ports = Ports { h1: address(1), h2: address(2), stable: address(3), canary: address(4) };
        for template in [
            include_str!("configs/upstream.conf"),
            include_str!("configs/nginx.conf"),
            include_str!("configs/haproxy.cfg"),
            include_str!("configs/envoy.yaml"),
        ] {
            let text = ports.fill(template, Path::new("/tmp/x"));
            let left: Vec<&str> =
                text.lines().filter(|line| line.contains("@") && !line.contains("@type")).collect();
            assert_eq!(left, [""; 0]);
        }
    }
}
