//! Evaluates many rollouts once a second in one process: `cargo xtask bench engine` builds and runs it.
//!
//! Every rollout has its own traffic (Poisson arrivals, errors, response times) and is looked at once a simulated
//! second, as a server does; the processor time that takes is the share of a core a server would need for it. Storing the looks,
//! and HTTP, are not in it. Prints one line of JSON.

use std::time::Duration;

use fw_engine::rollout::SourceSeen;
use fw_engine::{Event, Look, Rollout, Started};
use fw_model::{Epoch, RunId, Salt, SourceId, Timestamp};
use fw_sim::{Scenario, Setup};

/// Different seconds of traffic, reused by all rollouts in turn: making them is no part of the measurement.
const SECONDS_OF_TRAFFIC: u64 = 256;
/// Requests a second of each rollout, both versions.
const RPS: f64 = 500.0;

#[allow(clippy::disallowed_methods)] // A benchmark reads its arguments.
fn main() {
    let mut args = std::env::args().skip(1).filter_map(|arg| arg.parse::<u64>().ok());
    let (count, seconds) = (args.next().unwrap_or(10_000).max(1), args.next().unwrap_or(30).max(1));
    let mut plan = fw_sim::built_in_plan("bench".parse().expect("a name"));
    if let Some(phase) = plan.phases.first_mut() {
        phase.duration = Duration::from_secs(3600);
    }
    let plan = std::sync::Arc::new(plan);
    let traffic = looks(&plan);
    let mut rollouts: Vec<Rollout> = (0..count).map(|n| begin(&plan, n)).collect();
    let mut busy = Duration::ZERO;
    let mut slowest = Duration::ZERO;
    for second in 0..seconds {
        let began = processor_time();
        let now = Timestamp(1_767_225_600_000 + 1000 * (second as i64 + 2));
        for (n, rollout) in rollouts.iter_mut().enumerate() {
            let event = &traffic[(n + 7 * second as usize) % traffic.len()];
            if let Ok(transition) = fw_engine::step(rollout, event, now) {
                *rollout = transition.next;
            }
        }
        let took = processor_time().saturating_sub(began);
        busy += took;
        slowest = slowest.max(took);
    }
    let under_way = rollouts.iter().filter(|r| r.status.is_under_way()).count();
    println!(
        "{{\"rollouts\":{count},\"seconds\":{seconds},\"underWay\":{under_way},\"coreShare\":{:.4},\"slowestSecond\":{:.4},\
         \"microsALook\":{:.2},\"residentMiB\":{:.1}}}",
        busy.as_secs_f64() / seconds as f64,
        slowest.as_secs_f64(),
        busy.as_secs_f64() * 1e6 / (seconds * count) as f64,
        resident_mib(),
    );
}

/// A rollout whose first split is confirmed.
fn begin(plan: &std::sync::Arc<fw_model::Plan>, number: u64) -> Rollout {
    let started = Started {
        run: RunId { key: plan.key.clone(), number },
        plan: plan.clone(),
        plan_hash: "bench".into(),
        salt: Salt::from_bits(u128::from(number)),
        last_epoch: Epoch(0),
        actor: "bench".into(),
        reason: None,
        before: None,
    };
    let now = Timestamp(1_767_225_600_000);
    let rollout = fw_engine::begin(&started, now).expect("a sound plan").next;
    let look = Look { sources: vec![source()], ..Look::default() };
    fw_engine::step(&rollout, &Event::Looked(look), now).expect("a look is always possible").next
}

fn source() -> SourceSeen {
    SourceSeen { id: SourceId("simulated".into()), silent_for: Duration::ZERO, confirmed: Epoch(1) }
}

/// Looks at healthy traffic at the first phase's share, as a simulated server recorded them.
fn looks(plan: &std::sync::Arc<fw_model::Plan>) -> Vec<Event> {
    let setup = Setup {
        plan: plan.clone(),
        scenario: Scenario::HEALTHY,
        rps: RPS,
        stable_errors: 0.001,
        look_ms: 1000,
        horizon_ms: 1000 * SECONDS_OF_TRAFFIC,
        metrics: false,
        instances: (1, 1),
        history: None,
    };
    let recorded = fw_sim::run::record(&setup, 1, 1).expect("a sound plan");
    let looks = recorded.into_iter().map(|kept| kept.event).filter(|event| matches!(event, Event::Looked(_)));
    // The first look only confirms the split.
    looks.skip(1).collect()
}

/// Processor time of this thread so far: what other programs do on the machine is not in it. Source: proc(5),
/// `/proc/[pid]/schedstat`.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0);
    Duration::from_nanos(nanos)
}

/// Resident memory of this process, MiB; 0 where /proc does not say.
fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}
