//! The thread that writes the book: what waits goes into one transaction.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::table::Table;
use super::{BookError, GATHER, Message, Noted, Outcome, Reply, Taken, User};
use crate::readout::Tally;

/// Messages of one transaction.
const BATCH_MAX: usize = 8192;
/// How often a disk that fails is complained of.
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);
/// How often old ids are forgotten.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);

/// A question for an experiment's numbers.
struct Asked {
    experiment: usize,
    metrics: Vec<(String, bool)>,
    reply: Reply<Tally>,
}

/// What one transaction takes.
#[derive(Default)]
struct Batch {
    seen: Vec<(usize, User, usize)>,
    told: Vec<Vec<Outcome>>,
    replies: Vec<Reply<Vec<Taken>>>,
    /// It ends the batch: what was told before is in its numbers.
    asked: Option<Asked>,
}

/// Runs until it is told to stop, or everybody is gone.
pub(super) fn run(mut table: Table, receiver: &Receiver<Message>, noted: &Noted, waiting: &AtomicUsize) {
    let mut pruned = Instant::now();
    let mut complained: Option<Instant> = None;
    let mut going_on = true;
    while going_on {
        let mut batch = Batch::default();
        going_on = gather(receiver, &mut batch);
        let asked = batch.asked.take();
        let outcomes: usize = batch.told.iter().map(Vec::len).sum();
        if let Err(error) = write(&mut table, batch, noted)
            && complained.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY)
        {
            complained = Some(Instant::now());
            tracing::error!(target: "fw_flags", %error, "the book of experiments can't be written; who asks is noted when they ask again");
        }
        waiting.fetch_sub(outcomes, Ordering::Relaxed);
        if let Some(Asked { experiment, metrics, reply }) = asked {
            reply(table.tally(experiment, &metrics));
        }
        if pruned.elapsed() >= PRUNE_EVERY {
            pruned = Instant::now();
            if let Err(error) = table.prune() {
                tracing::warn!(target: "fw_flags", %error, "old ids stay");
            }
        }
    }
}

/// Fills a batch: until somebody waits for an answer and nothing more is there, or for [`GATHER`]. Whether to go on.
fn gather(receiver: &Receiver<Message>, batch: &mut Batch) -> bool {
    let mut until: Option<Instant> = None;
    while batch.seen.len() + batch.told.len() < BATCH_MAX {
        let wait = match until {
            None => PRUNE_EVERY,
            Some(_) if !batch.told.is_empty() => Duration::ZERO,
            Some(until) => until.saturating_duration_since(Instant::now()),
        };
        match receiver.recv_timeout(wait) {
            Ok(Message::Seen { experiment, user, variant }) => batch.seen.push((experiment, user, variant)),
            Ok(Message::Track(outcomes, reply)) => {
                batch.told.push(outcomes);
                batch.replies.push(reply);
            }
            Ok(Message::Tally { experiment, metrics, reply }) => {
                batch.asked = Some(Asked { experiment, metrics, reply });
                return true;
            }
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => return true,
        }
        until.get_or_insert_with(|| Instant::now() + GATHER);
    }
    true
}

/// One transaction. When it fails, who told something hears of it, and who saw something is noted when they ask again.
fn write(table: &mut Table, batch: Batch, noted: &Noted) -> Result<(), BookError> {
    if batch.seen.is_empty() && batch.told.is_empty() {
        return Ok(());
    }
    match table.write(&batch.seen, &batch.told) {
        Ok(taken) => {
            batch.replies.into_iter().zip(taken).for_each(|(reply, taken)| reply(Ok(taken)));
            Ok(())
        }
        Err(error) => {
            batch.seen.iter().for_each(|(experiment, user, _)| noted.remove(*experiment, *user));
            batch.replies.into_iter().for_each(|reply| reply(Err(error.clone())));
            Err(error)
        }
    }
}
