//! `cargo xtask bench proxy`: our proxy, HAProxy, nginx and Envoy, on the same machine in the same run.
//!
//! The subjects all run from the start; within a round each is loaded in turn, so that a slow minute of the
//! machine hits all alike. The figure is CPU time of the proxy's processes a request
//! (docs/adr/0008-benchmark-method.md). Memory is measured last, on fresh processes.

mod case;
pub(super) mod load;
mod report;
mod subject;
mod wheel;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::bench::machine;
use crate::bench::process::CpuTime;
use crate::tools::{self, Debian};
use crate::{bench, sh};
use case::Case;
use report::{Sample, Samples};
use subject::{Running, Subject, Upstream};

/// Programs that Debian has.
const DEBIAN: [Debian; 4] = [
    Debian { program: "nginx", package: "nginx" },
    Debian { program: "haproxy", package: "haproxy" },
    Debian { program: "wrk", package: "wrk" },
    Debian { program: "h2load", package: "nghttp2-client" },
];

/// Pools and caches fill before anything is measured, for so many seconds a subject and case.
const WARM_UP_SECONDS: u32 = 1;
/// How often memory is read under load.
const MEMORY_POLL: Duration = Duration::from_millis(100);

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Rounds; each loads every subject once.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: u32,
    /// Seconds of load a subject, case and round.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=60))]
    seconds: u32,
    /// Only these cases; may be repeated.
    #[arg(long)]
    only: Vec<Case>,
    /// Only these proxies; may be repeated.
    #[arg(long)]
    subject: Vec<Subject>,
    /// Also an older build of ours: its `bench_proxy`, built with the profile `dist`.
    #[arg(long, value_name = "FILE")]
    before: Option<PathBuf>,
}

/// Installs, builds, measures, prints.
pub(crate) fn run(args: &Args) -> Result<()> {
    let wanted = |case: &Case| args.only.is_empty() || args.only.contains(case);
    let cases: Vec<Case> = Case::ALL.into_iter().filter(wanted).collect();
    tools::need_debian(&DEBIAN)?;
    let subjects = subjects(args);
    if subjects.contains(&Subject::Fw) {
        let build =
            ["build", "--locked", "--profile", "dist", "--package", "fw-proxy", "--example", "bench_proxy"];
        sh::run(sh::cargo().args(build))?;
    }
    let folder = tempfile::tempdir()?;
    // nginx drops its rights and must still read below it.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    println!("{}", machine::describe());
    for subject in subjects.iter().filter(|subject| !subject.version().is_empty()) {
        println!("{}: {}", subject.name(), subject.version());
    }
    let pinning = match machine::cpus() {
        1 => "one CPU: nothing is pinned",
        _ => "the proxy on CPU 0, load and upstreams on CPU 1",
    };
    println!("profile dist; {pinning}");
    println!("{} rounds of {} s; median [smallest..largest]", args.rounds, args.seconds);
    let upstream = Upstream::start(folder.path())?;
    let (memory, load): (Vec<Case>, Vec<Case>) = cases.into_iter().partition(|case| *case == Case::Rss);
    if !load.is_empty() {
        let running =
            subjects.iter().map(|subject| subject.start(folder.path(), &upstream, args.before.as_deref()));
        let running = running.collect::<Result<Vec<Running>>>()?;
        for case in load {
            println!("{}", report::table(case, &measure(case, &running, args)?).trim_end());
        }
    }
    for case in memory {
        let samples = measure_memory(case, &subjects, folder.path(), &upstream, args)?;
        println!("{}", report::table(case, &samples).trim_end());
    }
    Ok(())
}

/// Who takes part: all that were asked for and can be had.
fn subjects(args: &Args) -> Vec<Subject> {
    let all =
        [Subject::Direct, Subject::Fw, Subject::Before, Subject::Haproxy, Subject::Nginx, Subject::Envoy];
    let is_wanted = |subject: &Subject| match subject {
        Subject::Before => args.before.is_some(),
        subject => args.subject.is_empty() || args.subject.contains(subject),
    };
    let mut subjects: Vec<Subject> = all.into_iter().filter(is_wanted).collect();
    if subjects.contains(&Subject::Envoy)
        && let Err(error) = wheel::need_envoy()
    {
        println!("envoy is NOT MEASURED: {error:#}");
        subjects.retain(|subject| *subject != Subject::Envoy);
    }
    subjects
}

/// One case: warm up, then rounds in which each subject has its turn.
fn measure(case: Case, running: &[Running], args: &Args) -> Result<Samples> {
    let taking_part: Vec<&Running> =
        running.iter().filter(|running| case.includes(running.subject)).collect();
    for running in &taking_part {
        load::load(case, running, WARM_UP_SECONDS)?;
    }
    let mut samples = Samples::new();
    for round in 1..=args.rounds {
        eprintln!("xtask: {case:?}, round {round} of {}", args.rounds);
        for running in &taking_part {
            let name = running.subject.name();
            let sample =
                measure_one(case, running, args.seconds).with_context(|| format!("{name}, round {round}"))?;
            samples.entry(running.subject).or_default().push(sample);
        }
    }
    Ok(samples)
}

fn measure_one(case: Case, running: &Running, seconds: u32) -> Result<Sample> {
    let cpu_time =
        || running.server.as_ref().map_or(Ok(CpuTime::default()), bench::process::Server::cpu_time);
    let before = cpu_time()?;
    let load = load::load(case, running, seconds)?;
    let after = cpu_time()?;
    if load.requests < 1.0 {
        bail!("no request was answered");
    }
    let cpu = CpuTime { user: after.user - before.user, system: after.system - before.system };
    Ok(Sample { load, cpu, resident_kib: None })
}

/// Memory: each subject is started afresh, alone, and read while a thousand connections are busy.
fn measure_memory(
    case: Case,
    subjects: &[Subject],
    dir: &Path,
    upstream: &Upstream,
    args: &Args,
) -> Result<Samples> {
    let mut samples = Samples::new();
    for round in 1..=args.rounds {
        eprintln!("xtask: {case:?}, round {round} of {}", args.rounds);
        for subject in subjects.iter().copied().filter(|subject| case.includes(*subject)) {
            let running = subject.start(dir, upstream, args.before.as_deref())?;
            let server = running.server.as_ref().context("memory needs a process")?;
            let fresh = server.resident_kib()?;
            let (load, largest) = thread::scope(|scope| {
                let load = scope.spawn(|| load::load(case, &running, args.seconds));
                let mut largest = fresh;
                while !load.is_finished() {
                    largest = largest.max(server.resident_kib()?);
                    thread::sleep(MEMORY_POLL);
                }
                let load =
                    load.join().map_err(|_| anyhow::anyhow!("the thread that made load panicked"))??;
                anyhow::Ok((load, largest))
            })?;
            let sample = Sample { load, cpu: CpuTime::default(), resident_kib: Some((fresh, largest)) };
            samples.entry(subject).or_default().push(sample);
        }
    }
    Ok(samples)
}
