//! Several threads at one log: the group committer, and readers beside a writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

use super::Bed;
use super::sample::{begin, events, publish, run, view};
use crate::{Error, GroupCommitter, RolloutLog};

pub(super) fn all<B: Bed>() {
    many_callers_are_all_answered_and_all_written::<B>();
    a_bad_batch_fails_alone::<B>();
    callbacks_are_called_once_and_a_closing_committer_writes_its_queue::<B>();
    readers_see_whole_batches_only::<B>();
}

fn many_callers_are_all_answered_and_all_written<B: Bed>() {
    let bed = B::empty();
    let log: Arc<dyn RolloutLog> = Arc::new(bed.open());
    let committer = GroupCommitter::start(Arc::clone(&log)).unwrap();
    std::thread::scope(|scope| {
        for service in 0..8 {
            let committer = &committer;
            scope.spawn(move || {
                let of = format!("s{service}.1");
                committer.commit(begin(&of)).unwrap();
                let tickets: Vec<_> = (1..=50).map(|seq| committer.enqueue(events(&of, seq, seq))).collect();
                tickets.into_iter().for_each(|ticket| ticket.wait().unwrap());
            });
        }
    });
    for service in 0..8 {
        let row = log.rollout(&run(&format!("s{service}.1"))).unwrap().unwrap().row;
        assert_eq!((row.oldest_seq, row.last_seq), (1, 50));
    }
}

fn a_bad_batch_fails_alone<B: Bed>() {
    let bed = B::empty();
    let log: Arc<dyn RolloutLog> = Arc::new(bed.open());
    let committer = GroupCommitter::start(Arc::clone(&log)).unwrap();
    committer.commit(begin("a.1")).unwrap();
    committer.commit(begin("b.1")).unwrap();
    let tickets: Vec<_> = (1..=100)
        .map(|seq| {
            // Every batch of b is one that was written before, or skips one.
            let (good, bad) = (events("a.1", seq, seq), events("b.1", seq + 1, seq + 1));
            (committer.enqueue(good), committer.enqueue(bad))
        })
        .collect();
    for (good, bad) in tickets {
        good.wait().unwrap();
        assert!(matches!(bad.wait(), Err(Error::Rejected(_))));
    }
    assert_eq!(log.rollout(&run("a.1")).unwrap().unwrap().row.last_seq, 100);
    assert_eq!(log.rollout(&run("b.1")).unwrap().unwrap().row.last_seq, 0);
}

fn callbacks_are_called_once_and_a_closing_committer_writes_its_queue<B: Bed>() {
    let bed = B::empty();
    let log: Arc<dyn RolloutLog> = Arc::new(bed.open());
    let committer = GroupCommitter::start(Arc::clone(&log)).unwrap();
    let (sender, receiver) = channel();
    for id in 1..=200 {
        let sender = sender.clone();
        let told = committer.submit(publish("a.1", id, id), move |result| {
            sender.send((id, result.is_ok())).unwrap();
        });
        assert!(told.is_ok(), "the queue is longer than 200");
    }
    drop((committer, sender));
    let answers: Vec<_> = receiver.into_iter().collect();
    assert_eq!(answers, (1..=200).map(|id| (id, true)).collect::<Vec<_>>());
    assert_eq!(log.load().unwrap().last_published, 200);
}

fn readers_see_whole_batches_only<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    log.commit(&begin("a.1")).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for first in (1..=300).step_by(3) {
                log.commit(&events("a.1", first, first + 2)).unwrap();
            }
            done.store(true, Ordering::Release);
        });
        for _ in 0..3 {
            scope.spawn(|| {
                let mut seen = 0;
                while !done.load(Ordering::Acquire) {
                    let view = view(&log).unwrap();
                    let count = log.history(&run("a.1"), 0, 1_000).unwrap().len();
                    assert!(count.is_multiple_of(3) && count >= seen, "{count} events after {seen}");
                    assert!(view.events[0].len().is_multiple_of(3));
                    seen = count;
                }
            });
        }
    });
    assert_eq!(log.history(&run("a.1"), 0, 1_000).unwrap().len(), 300);
}
