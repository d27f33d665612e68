//! Drives one life: applies events, checks each step, keeps the log.

use std::panic::{AssertUnwindSafe, catch_unwind};

use fw_model::Timestamp;

use super::coverage::Coverage;
use super::laws::Laws;
use super::shrink;
use crate::generate::{Generator, apply};
use crate::invariants;
use crate::rollout::{Event, Rejection, Rollout, Transition};

/// What happened, and when.
pub(super) type Entry = (Event, Timestamp);

/// Events of one life.
pub(super) const EVENTS: usize = 110;

/// Seed of the first life unless `FW_PROPERTY_SEED` says otherwise.
const SEED: u64 = 0x5eed;

/// A broken rule: its number (0 for a law or a panic) and what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) number: u8,
    pub(super) what: String,
}

/// A service in the course of its life.
#[derive(Default)]
pub(super) struct Life {
    pub(super) rollout: Option<Rollout>,
    laws: Laws,
}

impl Life {
    /// Applies one event and checks everything there is to check about the step.
    pub(super) fn take(&mut self, entry: &Entry) -> (Result<Transition, Rejection>, Vec<Problem>) {
        let (event, now) = entry;
        let kept = self.rollout.clone();
        let result = apply(self.rollout.as_ref(), event, *now);
        let mut problems = vec![];
        match &result {
            Err(_) if self.rollout != kept => problems.push(law("a rejection changed the state")),
            Err(_) => {}
            Ok(transition) => {
                if let (Some(before), false) = (&self.rollout, matches!(event, Event::Started(_))) {
                    let violations = invariants::check(before, event, *now, transition);
                    problems
                        .extend(violations.into_iter().map(|v| Problem { number: v.number, what: v.what }));
                }
                problems.extend(self.laws.check(self.rollout.as_ref(), event, transition));
                self.rollout = Some(transition.next.clone());
            }
        }
        (result, problems)
    }
}

pub(super) fn law(what: impl Into<String>) -> Problem {
    Problem { number: 0, what: what.into() }
}

/// The seed of the `n`-th life of a test.
pub(super) fn seed_of(n: u64) -> u64 {
    #[allow(clippy::disallowed_methods)] // A test's seed is asked for by the person who runs it.
    let base = match std::env::var("FW_PROPERTY_SEED") {
        Ok(text) => text.parse().expect("FW_PROPERTY_SEED is a number"),
        Err(_) => SEED,
    };
    base.wrapping_mul(1_000_003).wrapping_add(n)
}

/// Lives one life; gives its log, and what its last entry broke; nothing if all went well.
pub(super) fn live(seed: u64, coverage: &mut Coverage) -> (Vec<Entry>, Vec<Problem>) {
    let mut generator = Generator::new(seed);
    let (mut life, mut log) = (Life::default(), vec![]);
    while log.len() < EVENTS {
        log.push(generator.next(life.rollout.as_ref()));
        let entry = log.last().expect("just pushed");
        match catch_unwind(AssertUnwindSafe(|| life.take(entry))) {
            Err(_) => return (log, vec![law("the engine panicked")]),
            Ok((result, problems)) => {
                coverage.note(&entry.0, &result);
                if !problems.is_empty() {
                    return (log, problems);
                }
            }
        }
    }
    (log, vec![])
}

/// Lives `count` lives from the `first`; panics with the shortest log it can find on a broken rule.
pub(super) fn live_all(first: u64, count: u64) -> Coverage {
    let mut coverage = Coverage::default();
    for n in first..first + count {
        let seed = seed_of(n);
        let (log, problems) = live(seed, &mut coverage);
        if let Some(problem) = problems.into_iter().next() {
            let (log, problem) = shrink::shrink(log, problem);
            let lines: Vec<String> = log.iter().map(|(event, now)| format!("{} {event:?}", now.0)).collect();
            panic!("life {n} (seed {seed}): {problem:?}, after\n{}", lines.join("\n"));
        }
    }
    coverage
}
