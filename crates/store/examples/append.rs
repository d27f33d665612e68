//! How fast the SQLite log appends on this disk: alone, and in groups.
//!
//! `cargo run -p fw-store --profile dist --example append [FOLDER]` makes a store in a fresh folder inside FOLDER
//! (default: the current one), appends 200-byte events for a few seconds each way, and prints what it measured.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use fw_model::{RunId, Timestamp};
use fw_store::{Batch, EventRow, RolloutLog, SnapshotRow, SqliteLog};

/// How long each way is measured.
const TIME: Duration = Duration::from_secs(5);
/// Bytes of payload of each event, as in the measurements the design rests on.
const PAYLOAD: usize = 200;

fn main() -> anyhow::Result<()> {
    let parent = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let dir = tempfile::tempdir_in(&parent).with_context(|| format!("no folder in {}", parent.display()))?;
    let path = dir.path().join("state.db");
    let began = Instant::now();
    let log = SqliteLog::open(&path)?;
    println!("open, new store             {:>10.1} ms", ms(began.elapsed()));
    let mut total = 0;
    for group in [1, 16, 256] {
        total += append(&log, group)?;
    }
    drop(log);
    let bytes = std::fs::metadata(&path)?.len();
    println!(
        "bytes per event on disk     {:>10.1}    ({total} events of {PAYLOAD} bytes)",
        bytes as f64 / total as f64
    );
    let began = Instant::now();
    let log = SqliteLog::open(&path)?;
    let opened = began.elapsed();
    let loaded = log.load()?;
    println!(
        "open + load, {:>4.0} MB          {:>8.1} ms (open {:.1})",
        bytes as f64 / 1e6,
        ms(began.elapsed()),
        ms(opened)
    );
    anyhow::ensure!(loaded.rollouts.len() == 3, "three runs were written");
    Ok(())
}

/// Appends groups of one-event batches to a new run; gives the number of events.
fn append(log: &SqliteLog, group: u64) -> anyhow::Result<u64> {
    let run: RunId = format!("append-{group}.1").parse()?;
    log.commit(&Batch { snapshots: vec![snapshot(&run, 0)], ..Batch::default() })?;
    let (began, mut seq, mut times) = (Instant::now(), 0, Vec::new());
    while began.elapsed() < TIME {
        let batches: Vec<Batch> = (seq + 1..=seq + group).map(|seq| batch(&run, seq)).collect();
        let one = Instant::now();
        log.commit_all(&batches.iter().collect::<Vec<_>>())?;
        times.push(one.elapsed());
        seq += group;
    }
    let rate = seq as f64 / began.elapsed().as_secs_f64();
    times.sort();
    let at = |share: usize| ms(times[(times.len() * share / 100).min(times.len() - 1)]);
    println!(
        "grouped by {group:>4}: {rate:>10.0} events/s, commit p50 {:.2} ms, p99 {:.2} ms",
        at(50),
        at(99)
    );
    // A start after an ended run loads its last state only.
    log.commit(&Batch { snapshots: vec![snapshot(&run, seq)], ..Batch::default() })?;
    Ok(seq)
}

fn batch(run: &RunId, seq: u64) -> Batch {
    let event =
        EventRow { run: run.clone(), seq, at: Timestamp(seq as i64), format: 1, payload: vec![7; PAYLOAD] };
    Batch { events: vec![event], ..Batch::default() }
}

fn snapshot(run: &RunId, seq: u64) -> SnapshotRow {
    SnapshotRow {
        run: run.clone(),
        seq,
        format: 1,
        payload: vec![1; 4_000],
        status: "running".to_owned(),
        started_at: Timestamp(0),
        ended_at: None,
        plan_hash: "0".repeat(64),
        summary: vec![1; 200],
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
