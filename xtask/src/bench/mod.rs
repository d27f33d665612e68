//! `cargo xtask bench`: measurements that others can repeat.
//!
//! `proxy` compares our proxy with nginx, HAProxy and Envoy; `footprint` measures the start and the memory of
//! `fw serve`; `engine` what 10 000 rollouts cost; `clusters` and `bursts` how often a version as good as stable is
//! rolled back when failures come in clusters, simulated and with real processes; `ofrep` what evaluating flags costs; `sdk`
//! compares our SDK with those of other products, and is built as an application is; `sse` lets thousands listen to
//! events. The others build the `dist` profile;
//! servers run on loopback and are stopped by process id. They print numbers with the machine they belong to; they judge
//! nothing and are no part of CI.

mod clusters;
mod engine;
mod footprint;
mod http;
mod machine;
mod ofrep;
mod process;
mod proxy;
mod sdk;
mod spread;
mod sse;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

/// What to measure.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Our proxy, nginx, HAProxy and Envoy: CPU time a request, throughput, latency, memory.
    Proxy(proxy::Args),
    /// The engine: 10 000 rollouts, each looked at once a second.
    Engine(engine::Args),
    /// Identical versions whose failures come in clusters, simulated: false rollbacks by our engine and other rules.
    Clusters(clusters::Args),
    /// The same for real: 12 processes, ten rollouts, then a bad one. Half an hour.
    Bursts,
    /// `fw serve`: time until it is ready, resident memory when idle, size of the binary.
    Footprint(footprint::Args),
    /// Flags over HTTP: requests a second, latency, CPU time a request, memory of `fw serve`.
    Ofrep(ofrep::Args),
    /// Our SDK and those of Unleash, GrowthBook, LaunchDarkly, Eppo and flagd: what a call costs at 1, 2 and 4 threads.
    Sdk(sdk::Args),
    /// Thousands of listeners to the event stream: who gets everything, how late, memory a listener.
    Sse(sse::Args),
}

/// Runs one benchmark.
pub(crate) fn run(bench: Bench) -> Result<ExitCode> {
    match bench {
        Bench::Proxy(args) => proxy::run(&args)?,
        Bench::Engine(args) => engine::run(&args)?,
        Bench::Clusters(args) => clusters::run(&args)?,
        Bench::Bursts => clusters::for_real()?,
        Bench::Footprint(args) => footprint::run(&args)?,
        Bench::Ofrep(args) => ofrep::run(&args)?,
        Bench::Sdk(args) => sdk::run(&args)?,
        Bench::Sse(args) => sse::run(&args)?,
    }
    Ok(ExitCode::SUCCESS)
}
