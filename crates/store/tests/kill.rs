//! `kill -9` at random moments: whatever was acknowledged is there afterwards, and batches are whole.
//!
//! The test starts itself again as a writer, which prints a line after each durable batch, and kills it.
#![allow(clippy::unwrap_used)] // a test may fail

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use fw_model::Timestamp;
use fw_store::conformance::sample::{begin, event, published, run, service, snapshot};
use fw_store::{Batch, GroupCommitter, RolloutLog, SqliteLog};

const WRITER: &str = "FW_STORE_TEST_WRITER";
/// How long the writer may take for anything, on the busiest machine.
const DEADLINE: Duration = Duration::from_secs(120);
/// Batches in flight at the writer, so that group commits happen.
const IN_FLIGHT: usize = 16;
/// The writer ends by itself after this many.
const BATCHES_MAX: u64 = 20_000;

#[test]
fn every_acknowledged_batch_survives_kill_9() {
    if let Some(path) = std::env::var_os(WRITER) {
        return write_until_killed(Path::new(&path));
    }
    // On a disk: what counts is what a real file system keeps.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let mut random = fastrand::Rng::new();
    println!("seed {}", random.get_seed());
    let mut written = 0;
    for round in 0..20 {
        // The first lives end early, in or soon after the opening.
        let acks = random.usize(0..=round * 20);
        let acknowledged = one_life(&path, &mut random, acks);
        let log = SqliteLog::open(&path).unwrap();
        log.verify().unwrap();
        let now = check(&log);
        assert!(now >= acknowledged.unwrap_or(written), "{now} found, {acknowledged:?} acknowledged");
        assert!(now >= written, "{now} found, {written} were there before");
        written = now;
    }
    assert!(written > 100, "the writer wrote next to nothing: {written}");
}

#[test]
fn a_kill_while_creating_leaves_a_store_or_none() {
    let mut random = fastrand::Rng::new();
    for _ in 0..20 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        let (mut child, _lines) = spawn(&path);
        std::thread::sleep(Duration::from_micros(random.u64(0..30_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        let log = SqliteLog::open(&path).unwrap();
        log.verify().unwrap();
        check(&log);
    }
}

/// Starts a writer, waits for some acknowledgements, kills it. Gives the last acknowledged batch.
fn one_life(path: &Path, random: &mut fastrand::Rng, acks: usize) -> Option<u64> {
    let (mut child, lines) = spawn(path);
    let mut last = None;
    for _ in 0..acks {
        last = Some(lines.recv_timeout(DEADLINE).expect("the writer ended or hung"));
    }
    std::thread::sleep(Duration::from_micros(random.u64(0..10_000)));
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said before it died counts as well.
    lines.iter().last().or(last)
}

/// A writer, and the numbers it acknowledges.
fn spawn(path: &Path) -> (Child, Receiver<u64>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "every_acknowledged_batch_survives_kill_9", "--nocapture"]);
    let mut child = command.env(WRITER, path).stdout(Stdio::piped()).spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let lines = stdout.lines().map_while(Result::ok);
        for number in lines.filter_map(|line| line.strip_prefix("durable ")?.parse().ok()) {
            let _ = sender.send(number);
        }
    });
    (child, receiver)
}

/// Every batch carries number n in each of its rows, so the rows of a batch can be told to belong together.
fn batch(n: u64) -> Batch {
    let mut snapshot = snapshot("a.1", n - n % 10);
    snapshot.started_at = Timestamp(0);
    Batch {
        events: vec![event("a.1", n)],
        snapshots: if n.is_multiple_of(10) { vec![snapshot] } else { vec![] },
        published: vec![published(n, "a.1")],
        services: vec![service("a", n, 1)],
        ..Batch::default()
    }
}

fn write_until_killed(path: &Path) {
    let log = Arc::new(SqliteLog::open(path).unwrap());
    let mut next = check(&log) + 1;
    if log.rollout(&run("a.1")).unwrap().is_none() {
        log.commit(&begin("a.1")).unwrap();
    }
    let committer = GroupCommitter::start(log).unwrap();
    let mut waiting = std::collections::VecDeque::new();
    while next < BATCHES_MAX {
        waiting.push_back((next, committer.enqueue(batch(next))));
        next += 1;
        if waiting.len() >= IN_FLIGHT
            && let Some((number, ticket)) = waiting.pop_front()
        {
            ticket.wait().unwrap();
            println!("durable {number}");
        }
    }
}

/// Checks that all rows of each batch are there, or none; gives the number of the last.
fn check(log: &SqliteLog) -> u64 {
    let loaded = log.load().unwrap();
    let last = loaded.last_published;
    let seq = log.rollout(&run("a.1")).unwrap().map_or(0, |stored| stored.row.last_seq);
    let epoch = loaded.services.first().map_or(0, |row| row.epoch.0);
    assert_eq!((seq, epoch), (last, last), "a batch is there in part");
    last
}
