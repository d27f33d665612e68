//! A batch that breaks a rule is refused with the rule's name, and nothing of it is written.

use std::fmt::Debug;

use fw_model::Epoch;

use super::Bed;
use super::sample::{answer, begin, event, events, publish, published, run, service, snapshot, view};
use crate::limits::{BATCH_ROWS_MAX, PAYLOAD_BYTES_MAX, PUBLISHED_BYTES_MAX};
use crate::{Batch, Error, Fault, RolloutLog};

pub(super) fn all<B: Bed>() {
    each_rule_refuses_and_writes_nothing::<B>();
    a_merged_commit_is_all_or_nothing::<B>();
    batches_of_one_commit_see_each_other::<B>();
    an_older_server_is_fenced_off::<B>();
}

/// A log at: run a.1 with 3 events, published up to 2, service a at epoch 5 with 2 runs, key s/k.
fn prepared<L: RolloutLog>(log: &L) {
    let batch = Batch {
        snapshots: vec![snapshot("a.1", 2)],
        published: vec![published(1, "a.1"), published(2, "a.1")],
        services: vec![service("a", 5, 2)],
        idempotency: vec![answer("s", "k", 1)],
        ..events("a.1", 1, 3)
    };
    log.commit(&batch).unwrap();
}

fn each_rule_refuses_and_writes_nothing<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    prepared(&log);
    let before = view(&log).unwrap();
    for (bad, fault) in bad_batches() {
        // Good rows with it, which must not be written either.
        let mut batch = Batch { services: vec![service("other", 1, 0)], ..begin("other.1") };
        batch.events.extend(bad.events);
        batch.snapshots.extend(bad.snapshots);
        batch.published.extend(bad.published);
        batch.services.extend(bad.services);
        batch.idempotency.extend(bad.idempotency);
        match log.commit(&batch) {
            Err(Error::Rejected(found)) => assert_eq!(found, fault),
            other => panic!("{fault:?} expected, not {other:?}"),
        }
        assert_eq!(view(&log).unwrap(), before, "after {fault:?}");
    }
    drop(log);
    let log = bed.open();
    assert_eq!(view(&log).unwrap(), before);
    log.commit(&events("a.1", 4, 4)).unwrap();
}

fn bad_batches() -> Vec<(Batch, Fault)> {
    let (a1, none) = (run("a.1"), Batch::default());
    let gap = |got| Fault::EventGap { run: run("a.1"), last: 3, got };
    let mut wrong_run = published(3, "a.1");
    wrong_run.run = run("b.1");
    let mut big_event = event("a.1", 4);
    big_event.payload = vec![0; PAYLOAD_BYTES_MAX + 1];
    let mut big_data = published(3, "a.1");
    big_data.data = "x".repeat(PUBLISHED_BYTES_MAX + 1);
    let big = |what, max: usize| Fault::TooBig { what, got: max as u64 + 1, max: max as u64 };
    let mut huge_epoch = service("a", 5, 2);
    huge_epoch.epoch = Epoch(u64::MAX);
    let max = i64::MAX as u64;
    vec![
        (publish("a.1", 4, 4), Fault::PublishedGap { last: 2, got: 4 }),
        (publish("a.1", 2, 3), Fault::PublishedGap { last: 2, got: 2 }),
        (publish("a.1", 0, 0), Fault::PublishedGap { last: 2, got: 0 }),
        (events("a.1", 5, 5), gap(5)),
        (events("a.1", 3, 4), gap(3)),
        (events("a.1", 0, 0), gap(0)),
        (events("b.1", 2, 2), Fault::EventGap { run: run("b.1"), last: 0, got: 2 }),
        (events("b.1", 1, 1), Fault::NoSnapshot { run: run("b.1") }),
        (
            Batch { snapshots: vec![snapshot("a.1", 4)], ..none.clone() },
            Fault::SnapshotAhead { run: a1.clone(), last: 3, got: 4 },
        ),
        (
            Batch { snapshots: vec![snapshot("a.1", 1)], ..none.clone() },
            Fault::SnapshotBack { run: a1, stored: 2, got: 1 },
        ),
        (
            Batch { services: vec![service("a", 4, 2)], ..none.clone() },
            Fault::EpochBack { key: service("a", 4, 2).key, stored: Epoch(5), got: Epoch(4) },
        ),
        (
            Batch { services: vec![service("a", 7, 2), service("a", 6, 2)], ..none.clone() },
            Fault::EpochBack { key: service("a", 4, 2).key, stored: Epoch(7), got: Epoch(6) },
        ),
        (
            Batch { services: vec![service("a", 5, 1)], ..none.clone() },
            Fault::RunsBack { key: service("a", 5, 1).key, stored: 2, got: 1 },
        ),
        (
            Batch { published: vec![wrong_run.clone()], ..none.clone() },
            Fault::OtherRun { key: wrong_run.key.clone(), run: wrong_run.run.clone() },
        ),
        (
            Batch { idempotency: vec![answer("s", "k", 9)], ..none.clone() },
            Fault::KeyTaken { scope: "s".to_owned(), key: "k".to_owned() },
        ),
        (
            Batch { idempotency: vec![answer("s", "n", 9), answer("s", "n", 9)], ..none.clone() },
            Fault::KeyTaken { scope: "s".to_owned(), key: "n".to_owned() },
        ),
        (Batch { events: vec![big_event], ..none.clone() }, big("an event", PAYLOAD_BYTES_MAX)),
        (Batch { published: vec![big_data], ..none.clone() }, big("a published event", PUBLISHED_BYTES_MAX)),
        (
            Batch { services: vec![huge_epoch], ..none },
            Fault::TooBig { what: "an epoch", got: u64::MAX, max },
        ),
        (
            events("a.1", 4, 4 + BATCH_ROWS_MAX as u64),
            // With the two good rows of the test.
            Fault::TooBig {
                what: "the number of rows of a batch",
                got: BATCH_ROWS_MAX as u64 + 3,
                max: BATCH_ROWS_MAX as u64,
            },
        ),
    ]
}

fn a_merged_commit_is_all_or_nothing<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    prepared(&log);
    let before = view(&log).unwrap();
    let refused = log.commit_all(&[&events("a.1", 4, 5), &publish("a.1", 3, 3), &events("a.1", 7, 7)]);
    is_fault(refused, &Fault::EventGap { run: run("a.1"), last: 5, got: 7 });
    assert_eq!(view(&log).unwrap(), before);
}

fn batches_of_one_commit_see_each_other<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    let batches = [begin("a.1"), events("a.1", 1, 2), publish("a.1", 1, 1), events("a.1", 3, 3)];
    log.commit_all(&batches.iter().collect::<Vec<_>>()).unwrap();
    assert_eq!(log.rollout(&run("a.1")).unwrap().unwrap().row.last_seq, 3);
    let twice = [publish("a.1", 2, 2), publish("a.1", 2, 2)];
    is_fault(log.commit_all(&twice.iter().collect::<Vec<_>>()), &Fault::PublishedGap { last: 2, got: 2 });
}

fn an_older_server_is_fenced_off<B: Bed>() {
    let bed = B::empty();
    let old = bed.open();
    prepared(&old);
    let new = bed.open_around_lock();
    let (ours, current) = (old.open_info().fence, new.open_info().fence);
    let is_fenced = |result: Result<(), Error>| match result {
        Err(Error::Fenced { ours: o, current: c }) => assert_eq!((o, c), (ours, current)),
        other => panic!("fenced expected, not {other:?}"),
    };
    is_fenced(old.commit(&events("a.1", 4, 4)));
    is_fenced(old.compact(&crate::Retention::default(), fw_model::Timestamp(0)).map(|_| ()));
    new.commit(&events("a.1", 4, 4)).unwrap();
    is_fenced(old.commit(&events("a.1", 5, 5)));
    assert_eq!(new.history(&run("a.1"), 3, 9).unwrap(), [event("a.1", 4)]);
}

fn is_fault<T: Debug>(result: Result<T, Error>, fault: &Fault) {
    match result {
        Err(Error::Rejected(found)) => assert_eq!(found, *fault),
        other => panic!("{fault:?} expected, not {other:?}"),
    }
}
