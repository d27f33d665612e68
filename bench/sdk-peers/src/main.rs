//! Our SDK and those of other products in one process: nanoseconds a call at 1, 2 and 4 threads, as JSON lines.
//!
//! All are asked the same: does the user with this key get a roll-out of 25 %? Each must first answer yes to about 25 % of
//! 10 000 keys, which shows that it evaluates; one that does not is left out by name. Rounds are interleaved over the
//! cases, time is the thread's own CPU time. Peers evaluate more than we do (rules, variants, reasons, look-up by name): this
//! shows what an application pays for the question, not whose code is better. No network, no server, no events sent.
//!
//! `cargo xtask bench sdk` builds and runs it and prints a table.

mod flagd;
mod measure;
mod ours;
mod peers;

use anyhow::Context;
use serde_json::json;

use measure::Case;

/// Rounds when the first argument names no other number.
const ROUNDS_DEFAULT: usize = 7;
/// Threads at once.
const THREADS: [usize; 3] = [1, 2, 4];

/// What could be set up, and what could not and why.
#[derive(Default)]
struct Field {
    cases: Vec<Case>,
    left_out: Vec<(&'static str, String)>,
}

impl Field {
    fn add(&mut self, name: &'static str, set_up: anyhow::Result<Vec<Case>>) {
        match set_up {
            Ok(cases) => self.cases.extend(cases),
            Err(error) => self.left_out.push((name, format!("{error:#}"))),
        }
    }
}

fn main() -> anyhow::Result<()> {
    let rounds = match std::env::args().nth(1) {
        Some(rounds) => rounds.parse().context("the first argument is the number of rounds")?,
        None => ROUNDS_DEFAULT,
    };
    let dir = tempfile::tempdir()?;
    let mut field = Field { cases: measure::floors(), ..Field::default() };
    field.cases.extend(ours::cases(dir.path())?);
    field.add("unleash-yggdrasil", peers::unleash());
    field.add("growthbook-rust", peers::growthbook());
    field.add("launchdarkly-server-sdk-evaluation", peers::launchdarkly());
    field.add("eppo_core", peers::eppo());
    field.add("flagd-evaluation-engine", flagd::engine());
    field.add("open-feature-flagd", flagd::provider(dir.path()));

    let mut spent = vec![[const { Vec::new() }; THREADS.len()]; field.cases.len()];
    for _ in 0..rounds {
        for (case, spent) in field.cases.iter().zip(&mut spent) {
            for (threads, spent) in THREADS.into_iter().zip(spent) {
                spent.push(case.measure(threads));
            }
        }
    }
    for (case, spent) in field.cases.iter().zip(&spent) {
        for (threads, ns) in THREADS.into_iter().zip(spent) {
            let (name, group) = (&case.name, case.group.name());
            println!(
                "{}",
                json!({ "case": name, "group": group, "threads": threads, "share": case.share, "ns": ns })
            );
        }
    }
    for (name, why) in &field.left_out {
        println!("{}", json!({ "leftOut": name, "why": why }));
    }
    Ok(())
}
