//! `cargo xtask bench sdk`: our SDK beside those of other products, asked the same question in one process.
//!
//! Builds and runs `bench/sdk-peers`, a workspace of its own that nothing else builds, and prints what it measured. Peers
//! evaluate more than we do, such as rules, variants and reasons; a ratio says what the question costs an application.
//! A peer that can't be set up is named as left out, never estimated.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::machine;
use super::spread::{Spread, Table};
use crate::sh;

/// The workspace of the benchmark, from the top of the repository.
const MANIFEST: &str = "bench/sdk-peers/Cargo.toml";
/// A round takes about three seconds of CPU time.
const RUN_TIME_MAX: Duration = Duration::from_secs(30 * 60);
/// The call that peers are compared with: does the user with this key get it?
const QUESTION: &str = "should_serve_for";
/// Goals for one thread, ns.
const GOALS_NS: [(&str, f64); 3] = [("should_serve", 5.0), (QUESTION, 15.0), ("record_request", 10.0)];
/// Goal for what a call costs at more threads, as a multiple of what it costs at one.
const THREADS_GOAL: f64 = 1.3;
/// Goal for the fastest peer, as a multiple of ours.
const RATIO_GOAL: f64 = 10.0;

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often each call is measured at each number of threads.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Also writes the rows there, a line of JSON each, every round in them.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Prints the table of rows that were written before, instead of measuring.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    from: Option<PathBuf>,
}

/// Builds, measures, prints.
pub(crate) fn run(args: &Args) -> Result<()> {
    let (machine, lines) = match &args.from {
        Some(file) => {
            let machine = "measured before, perhaps on another machine".to_owned();
            (machine, std::fs::read_to_string(file).with_context(|| file.display().to_string())?)
        }
        None => measure(args.rounds)?,
    };
    if let Some(file) = &args.json {
        std::fs::write(file, &lines).with_context(|| file.display().to_string())?;
    }
    println!("{machine}");
    println!(
        "ns of a thread's CPU time a call; median of the rounds [least..most]; x ours: against {QUESTION}, within a round"
    );
    let rows = Rows::read(&lines)?;
    print!("{}", rows.table()?);
    rows.goals()
}

/// What the program printed, and the machine before it ran.
fn measure(rounds: u32) -> Result<(String, String)> {
    let target = sh::target().join("sdk-peers");
    let built = |task: &str| {
        let mut cargo = sh::cargo();
        cargo.args([task, "--release", "--locked", "--manifest-path", MANIFEST, "--target-dir"]).arg(&target);
        cargo
    };
    let protoc = match std::env::var_os("PROTOC") {
        Some(protoc) => protoc,
        None => {
            let mut ask = built("run");
            ask.args(["--quiet", "--package", "protoc-path"]);
            OsString::from(sh::capture(&mut ask, sh::PROGRAM_TIME_MAX)?.trim())
        }
    };
    sh::run(built("build").args(["--package", "fw-bench-sdk-peers"]).env("PROTOC", protoc))?;
    let machine = machine::describe();
    let program = target.join("release/fw-bench-sdk-peers");
    let lines = sh::capture(Command::new(program).arg(rounds.to_string()), RUN_TIME_MAX)?;
    Ok((machine, lines))
}

/// The rows of all calls, and who was left out.
struct Rows {
    calls: Vec<Call>,
    left_out: Vec<String>,
}

/// One call.
struct Call {
    name: String,
    is_peer: bool,
    share: Option<f64>,
    /// Number of threads, and ns of each round.
    threads: Vec<(u64, Vec<f64>)>,
}

impl Rows {
    fn read(lines: &str) -> Result<Rows> {
        let mut rows = Rows { calls: Vec::new(), left_out: Vec::new() };
        for line in lines.lines().filter(|line| line.starts_with('{')) {
            let row: Value = serde_json::from_str(line)?;
            rows.add(&row).with_context(|| format!("a row that lacks something: {line}"))?;
        }
        Ok(rows)
    }

    fn add(&mut self, row: &Value) -> Option<()> {
        if let Some(name) = row["leftOut"].as_str() {
            self.left_out.push(format!("{name}: {}", row["why"].as_str()?));
            return Some(());
        }
        let name = row["case"].as_str()?;
        let ns: Vec<f64> = row["ns"].as_array()?.iter().filter_map(Value::as_f64).collect();
        let threads = (row["threads"].as_u64()?, ns);
        match self.calls.last_mut() {
            Some(last) if last.name == name => last.threads.push(threads),
            _ => self.calls.push(Call {
                name: name.to_owned(),
                is_peer: row["group"].as_str()? == "peer",
                share: row["share"].as_f64(),
                threads: vec![threads],
            }),
        }
        Some(())
    }

    fn call(&self, name: &str) -> Result<&Call> {
        self.calls.iter().find(|call| call.name == name).with_context(|| format!("nothing about {name}"))
    }

    fn table(&self) -> Result<Table> {
        let ours = self.call(QUESTION)?;
        let mut headings = vec!["call".to_owned()];
        headings.extend(ours.threads.iter().map(|(threads, _)| format!("ns, {threads} thr.")));
        headings.push("of 25 %".to_owned());
        headings.extend(ours.threads.iter().map(|(threads, _)| format!("x ours, {threads}")));
        let mut table = Table::new(&headings.iter().map(String::as_str).collect::<Vec<_>>());
        for call in &self.calls {
            let mut cells = vec![call.name.clone()];
            cells.extend(call.threads.iter().map(|(_, ns)| Spread::of(ns.iter().copied()).shown(1, "")));
            cells.push(call.share.map_or_else(String::new, |share| format!("{:.1} %", 100.0 * share)));
            let ratios = (0..call.threads.len()).map(|i| match call.is_peer {
                true => call.ratio(ours, i).map_or_else(String::new, |ratio| format!("{ratio:.1}")),
                false => String::new(),
            });
            cells.extend(ratios);
            table.row(cells);
        }
        Ok(table)
    }

    fn goals(&self) -> Result<()> {
        let met = |holds: bool| if holds { "met" } else { "NOT met" };
        for (name, goal) in GOALS_NS {
            let call = self.call(name)?;
            let ns = call.median(0).context("no round")?;
            let more = (1..call.threads.len()).filter_map(|i| call.ratio_to_one(i)).fold(0.0, f64::max);
            println!(
                "{name}: {ns:.1} ns (goal: at most {goal} ns, {}); at more threads up to {more:.2} times that \
                 (goal: at most {THREADS_GOAL}, {})",
                met(ns <= goal),
                met(more <= THREADS_GOAL)
            );
        }
        let ours = self.call(QUESTION)?;
        let ratios = self.calls.iter().filter(|call| call.is_peer).filter_map(|call| {
            let ratio = call.ratio(ours, 0)?;
            Some((ratio, &call.name))
        });
        if let Some((ratio, name)) = ratios.min_by(|a, b| a.0.total_cmp(&b.0)) {
            println!(
                "the fastest peer, {name}: {ratio:.1} x ours (goal: at least {RATIO_GOAL}, {})",
                met(ratio >= RATIO_GOAL)
            );
        }
        for peer in &self.left_out {
            println!("left out: {peer}");
        }
        Ok(())
    }
}

impl Call {
    /// ns at the `i`-th number of threads.
    fn median(&self, i: usize) -> Option<f64> {
        Spread::of(self.threads.get(i)?.1.iter().copied()).median()
    }

    /// The median of the ratios within each round.
    fn ratio(&self, ours: &Call, i: usize) -> Option<f64> {
        let (this, other) = (&self.threads.get(i)?.1, &ours.threads.get(i)?.1);
        Spread::of(this.iter().zip(other).map(|(this, other)| this / other)).median()
    }

    /// The same against one thread's.
    fn ratio_to_one(&self, i: usize) -> Option<f64> {
        let (this, one) = (&self.threads.get(i)?.1, &self.threads.first()?.1);
        Spread::of(this.iter().zip(one).map(|(this, one)| this / one)).median()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = r#"{"case":"should_serve_for","group":"ours","threads":1,"share":0.25,"ns":[10.0,20.0,10.0]}
{"case":"should_serve_for","group":"ours","threads":2,"share":0.25,"ns":[11.0,22.0,11.0]}
{"case":"a 1.0","group":"peer","threads":1,"share":0.251,"ns":[100.0,200.0,110.0]}
{"case":"a 1.0","group":"peer","threads":2,"share":0.251,"ns":[220.0,440.0,220.0]}
{"case":"a 1.0 + count","group":"peerCounting","threads":1,"share":0.251,"ns":[300.0]}
{"leftOut":"b","why":"does not answer"}"#;

    #[test]
    fn a_peer_is_compared_within_each_round_and_at_each_number_of_threads() {
        let rows = Rows::read(LINES).unwrap();
        let ours = rows.call(QUESTION).unwrap();
        let peer = rows.call("a 1.0").unwrap();
        assert_eq!((peer.ratio(ours, 0), peer.ratio(ours, 1)), (Some(10.0), Some(20.0)));
        assert_eq!(ours.ratio_to_one(1), Some(1.1));
        assert_eq!(rows.left_out, ["b: does not answer"]);
    }

    #[test]
    fn only_the_question_alone_has_a_ratio() {
        let table = Rows::read(LINES).unwrap().table().unwrap().to_string();
        let line = |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        assert!(line("a 1.0  ").ends_with("25.1 %       10.0       20.0"), "{table}");
        assert!(line("a 1.0 + count").ends_with("25.1 %"), "{table}");
    }

    #[test]
    fn a_row_without_rounds_is_refused() {
        assert!(Rows::read(r#"{"case":"a","group":"peer","threads":1}"#).is_err());
    }
}
