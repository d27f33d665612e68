//! Random lives of releases: whatever happens, in whatever order, the same things must never be.

use super::stories::Teller;
use super::*;

/// A small generator of its own: the engine's makes rollouts.
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: u64) -> u64 {
        // Source: Marsaglia, Xorshift RNGs (2003), with the shifts 13, 7, 17.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    fn pick<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len() as u64) as usize]
    }
}

const STARTS: [&str; 6] = [
    "start canary env=staging auto deploy instances=2 command limit=100",
    "start canary env=production auto limit=10 quorum=2 expires=1h",
    "start blue-green env=staging auto deploy limit=100 keep=10m",
    "start rolling env=test auto deploy instances=3 limit=100",
    "start all-at-once auto webhook limit=100 gate=finish",
    "start canary",
];
const HAPPENS: [&str; 24] = [
    "done",
    "done",
    "done",
    "done",
    "done",
    "done history 1/5",
    "found warning x",
    "found error x",
    "fail x",
    "again x",
    "unknown x",
    "rollout pending 0",
    "rollout running 0",
    "rollout running 1",
    "rollout running 3",
    "rollout completed 3",
    "rollout rolling_back because x",
    "rollout rolled_back because x",
    "rollout aborted",
    "approve ann",
    "approve bob",
    "reject cleo",
    "wait 20m",
    "resolve done ann",
];
const RARE: [&str; 5] = ["cancel ann", "undo ann", "resolve again bob", "superseded", "rollout paused 1"];

#[test]
fn no_life_breaks_a_law() {
    let mut ends = std::collections::BTreeMap::new();
    for seed in 1..=3000_u64 {
        let mut rng = Rng(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut teller = Teller::new();
        let mut line = rng.pick(&STARTS).to_owned();
        for _ in 0..40 {
            let closed = |r: &Release| {
                r.rollout.as_ref().is_some_and(|seen| seen.status == crate::rollout::Status::Aborted)
            };
            // A rollout that was ended moves no more.
            if line.starts_with("rollout") && teller.release.as_ref().is_some_and(closed) {
                line = "done".into();
            }
            let before = teller.release.clone();
            let said = teller.line(&line);
            let after = teller.release.clone().unwrap();
            laws(before.as_ref(), &after, &said, teller.now);
            let rare = rng.below(20) == 0;
            line = if rare { rng.pick(&RARE) } else { rng.pick(&HAPPENS) }.to_owned();
        }
        let end = teller.release.and_then(|release| release.overall).map_or("none", Overall::as_str);
        *ends.entry(end).or_insert(0) += 1;
    }
    for end in ["none", "success", "failed", "rolled-back", "cancelled"] {
        assert!(ends.get(end).is_some_and(|n| *n > 5), "{end} is rare: {ends:?}");
    }
}

/// What must hold after every event.
fn laws(before: Option<&Release>, after: &Release, said: &str, now: fw_model::Timestamp) {
    let running = |r: &Release| r.tasks.iter().filter(|t| t.state == TaskState::Running).count();
    assert!(running(after) <= 1, "two works at once: {said}");
    // Every state is explained, and none is left by itself.
    let waits = waiting_on(after, now);
    assert_eq!(waits.is_empty(), after.is_over() && after.open_task().is_none(), "{said}{after:#?}");
    // Traffic moves only after a yes.
    let begun = after.tasks.iter().any(|task| task.work == Work::StartRollout);
    let approved = after.timeline.iter().any(|moment| moment.text.ends_with("approved"));
    assert!(!begun || approved, "traffic moved without a yes: {said}");
    // A finding that stops is not gone past.
    let stops = after.findings.iter().any(|f| f.severity == fw_model::release::Severity::Error);
    let checked = before.is_some_and(|b| b.step <= Step::Check) && after.step > Step::Check;
    assert!(!(stops && checked) || after.is_over() || after.step == Step::Undo, "{said}");
    // Neither version is taken away while it may get traffic.
    let last = after.tasks.last();
    if said.contains("-> undeploy") {
        let closed = |seen: &Seen| seen.status == crate::rollout::Status::Aborted || seen.superseded;
        let back = after.rollout.as_ref().is_none_or(closed);
        assert!(back && after.undo.is_some(), "taken away under traffic: {said}");
    }
    if said.contains("-> retire") {
        assert!(after.overall == Some(Overall::Success) && last.is_some(), "{said}");
        let done = |seen: &Seen| seen.status == crate::rollout::Status::Completed || seen.superseded;
        let full = after.rollout.as_ref().is_none_or(done);
        assert!(full, "the old version is taken away while it may get traffic: {said}");
    }
    // Once it goes back, nothing leads forward.
    if let Some(before) = before.filter(|b| b.undo.is_some()) {
        let new = &after.tasks[before.tasks.len()..];
        let back = |t: &Task| matches!(t.work, Work::RollBack | Work::Abort | Work::Undeploy);
        assert!(new.iter().all(back), "{said}");
    }
    // A restart has exactly the works that run.
    assert_eq!(resume(after).len(), running(after));
}
