//! Cuts a failing log: ever smaller runs of entries are left out as long as the same rule stays broken.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::run::{Entry, Life, Problem, law};

/// Most logs tried.
const TRIES_MAX: usize = 4000;

/// A log that breaks the same rule (by number) and from which nothing more could be left out.
pub(super) fn shrink(log: Vec<Entry>, problem: Problem) -> (Vec<Entry>, Problem) {
    let (mut log, mut problem, mut tries) = (log, problem, 0);
    let mut size = log.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < log.len() && tries < TRIES_MAX {
            tries += 1;
            let mut shorter = log.clone();
            shorter.drain(at..(at + size).min(log.len()));
            match broken(&shorter) {
                Some((length, found)) if found.number == problem.number => {
                    shorter.truncate(length);
                    (log, problem) = (shorter, found);
                }
                _ => at += size,
            }
        }
        size /= 2;
    }
    (log, problem)
}

/// The first broken rule of a log and how many entries it took.
fn broken(log: &[Entry]) -> Option<(usize, Problem)> {
    let mut life = Life::default();
    log.iter().enumerate().find_map(|(i, entry)| {
        let problems = match catch_unwind(AssertUnwindSafe(|| life.take(entry))) {
            Ok((_, problems)) => problems,
            Err(_) => vec![law("the engine panicked")],
        };
        problems.into_iter().next().map(|problem| (i + 1, problem))
    })
}
