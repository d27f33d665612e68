//! Compaction forgets what the policy allows, and only that.

use std::time::Duration;

use fw_model::{ServiceKey, Timestamp};

use super::Bed;
use super::sample::{answer, begin, ended, events, key, publish, run, snapshot, source, view};
use crate::limits::COMPACT_ROWS_MAX;
use crate::{Batch, Compacted, PublishedRange, Retention, RolloutLog};

pub(super) fn all<B: Bed>() {
    published_events_go_only_beyond_both_limits::<B>();
    ids_go_on_after_everything_was_forgotten::<B>();
    a_young_event_keeps_all_after_it::<B>();
    events_of_ended_runs_go_up_to_their_snapshot::<B>();
    keys_and_dead_sources_go::<B>();
    one_call_is_bounded_and_says_that_more_is_left::<B>();
    the_default_policy_keeps_what_the_api_promises::<B>();
}

/// Ages in milliseconds.
fn policy(age: u64, count: u64) -> Retention {
    let age = Duration::from_millis(age);
    Retention {
        published_age: age,
        published_count: count,
        sink_extra_age: 10 * age,
        events_age: age,
        idempotency_age: age,
        sources_age: age,
    }
}

fn range<L: RolloutLog>(log: &L) -> Option<(u64, u64)> {
    log.published_range().unwrap().map(|PublishedRange { oldest, newest }| (oldest, newest))
}

// Published event i is at millisecond 1000 + i.
fn published_events_go_only_beyond_both_limits<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    log.commit(&publish("a.1", 1, 50)).unwrap();
    let now = Timestamp(1_050);
    assert_eq!(log.compact(&policy(0, 100), now).unwrap(), Compacted::default());
    assert_eq!(log.compact(&policy(1_000, 10), now).unwrap(), Compacted::default());
    // Of at least 20 ms age: up to 29, because 30 is exactly 20 old; among the newest 10: from 41.
    assert_eq!(log.compact(&policy(20, 10), now).unwrap().published, 29);
    assert_eq!(range(&log), Some((30, 50)));
    assert_eq!(log.compact(&policy(0, 15), now).unwrap().published, 6);
    assert_eq!(range(&log), Some((36, 50)));
    assert_eq!(log.published_after(3, None, 1).unwrap()[0].id, 36);
    let before = view(&log).unwrap();
    drop(log);
    assert_eq!(view(&bed.open()).unwrap(), before);
}

fn ids_go_on_after_everything_was_forgotten<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    log.commit(&publish("a.1", 1, 5)).unwrap();
    assert_eq!(log.compact(&policy(0, 0), Timestamp(9_999)).unwrap().published, 5);
    assert_eq!(range(&log), None);
    drop(log);
    let log = bed.open();
    let loaded = log.load().unwrap();
    assert_eq!((loaded.last_published, loaded.oldest_published), (5, 6));
    assert!(log.commit(&publish("a.1", 1, 1)).is_err());
    log.commit(&publish("a.1", 6, 7)).unwrap();
    assert_eq!(range(&log), Some((6, 7)));
}

fn a_young_event_keeps_all_after_it<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    let mut batch = publish("a.1", 1, 10);
    // The clock stepped back after event 4 …
    batch.published[3].at = Timestamp(5_000);
    log.commit(&batch).unwrap();
    assert_eq!(log.compact(&policy(100, 0), Timestamp(5_000)).unwrap().published, 3);
    // … so 5 to 10, older by the clock, stay as long as 4 does: ids have no holes.
    assert_eq!(range(&log), Some((4, 10)));
}

fn events_of_ended_runs_go_up_to_their_snapshot<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    let (first, second) = (events("a.1", 1, 6), events("b.1", 1, 6));
    log.commit_all(&[&begin("a.1"), &first, &begin("b.1"), &second]).unwrap();
    let snapshots = vec![ended("a.1", 4, 100), snapshot("b.1", 4)];
    log.commit(&Batch { snapshots, ..Batch::default() }).unwrap();
    assert_eq!(log.compact(&policy(50, 0), Timestamp(150)).unwrap().events, 0);
    assert_eq!(log.compact(&policy(50, 0), Timestamp(151)).unwrap().events, 4);
    assert_eq!(log.compact(&policy(50, 0), Timestamp(151)).unwrap().events, 0);
    assert_eq!(log.history(&run("a.1"), 0, 9).unwrap(), first.events[4..]);
    assert_eq!(log.history(&run("b.1"), 0, 9).unwrap(), second.events);
    let row = log.rollout(&run("a.1")).unwrap().unwrap();
    assert_eq!((row.row.oldest_seq, row.row.last_seq, row.snapshot), (5, 6, ended("a.1", 4, 100)));
    log.commit(&events("a.1", 7, 7)).unwrap();
    let loaded = &log.load().unwrap().rollouts[0];
    assert_eq!(loaded.events.iter().map(|event| event.seq).collect::<Vec<_>>(), [5, 6, 7]);
}

fn keys_and_dead_sources_go<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    let batch = Batch {
        snapshots: vec![snapshot("busy.1", 0), ended("idle.1", 0, 5)],
        idempotency: vec![answer("s", "old", 100), answer("s", "young", 2_000)],
        sources: vec![source("busy", "p", 1), source("idle", "p", 1), source("idle", "live", 900)],
        ..Batch::default()
    };
    log.commit(&batch).unwrap();
    let done = log.compact(&policy(500, 0), Timestamp(2_000)).unwrap();
    assert_eq!((done.idempotency, done.sources), (1, 1));
    assert!(log.idempotent("s", "old").unwrap().is_none() && log.idempotent("s", "young").unwrap().is_some());
    let kept: Vec<ServiceKey> = log.load().unwrap().sources.into_iter().map(|row| row.key).collect();
    assert_eq!(kept, [key("busy"), key("idle")]);
    // The key is free again.
    let idempotency = vec![answer("s", "old", 3_000)];
    log.commit(&Batch { idempotency, ..Batch::default() }).unwrap();
}

fn one_call_is_bounded_and_says_that_more_is_left<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    let all = COMPACT_ROWS_MAX as u64 + 1_000;
    for first in (1..=all).step_by(1_000) {
        log.commit(&publish("a.1", first, first + 999)).unwrap();
    }
    let late = Timestamp(1_000_000_000);
    let done = log.compact(&policy(0, 0), late).unwrap();
    assert_eq!((done.published, done.more), (COMPACT_ROWS_MAX as u64, true));
    assert_eq!(range(&log), Some((COMPACT_ROWS_MAX as u64 + 1, all)));
    let done = log.compact(&policy(0, 0), late).unwrap();
    assert_eq!((done.published, done.more), (1_000, false));
}

fn the_default_policy_keeps_what_the_api_promises<B: Bed>() {
    let policy = Retention::default();
    assert!(policy.published_age >= Duration::from_secs(24 * 60 * 60) && policy.published_count >= 100_000);
    let bed = B::empty();
    let log = bed.open();
    log.commit(&publish("a.1", 1, 100)).unwrap();
    let late = Timestamp(i64::MAX / 2);
    assert_eq!(log.compact(&policy, late).unwrap().published, 0);
}
