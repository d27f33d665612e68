//! Cursors of sinks: they last, only grow, never pass the log, and hold back what is forgotten, within a bound.

use std::time::Duration;

use fw_model::Timestamp;

use super::Bed;
use super::sample::{publish, sink, sinks, view};
use crate::{Batch, Error, Fault, Retention, RolloutLog};

pub(super) fn all<B: Bed>() {
    a_cursor_survives_opening_again_and_only_grows::<B>();
    a_cursor_beyond_the_log_is_refused_with_its_batch::<B>();
    a_sink_may_stand_at_what_its_own_batch_publishes::<B>();
    a_forgotten_sink_is_unknown_again::<B>();
    what_a_sink_needs_is_kept_longer_but_not_for_ever::<B>();
    the_slowest_sink_counts::<B>();
    an_older_server_moves_no_cursor::<B>();
}

fn a_cursor_survives_opening_again_and_only_grows<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    assert!(log.sinks().unwrap().is_empty());
    log.commit_all(&[&publish("a.1", 1, 9), &sinks(&[sink("ops", 4), sink("chat", 0)])]).unwrap();
    log.commit(&sinks(&[sink("ops", 7)])).unwrap();
    log.commit(&sinks(&[sink("ops", 5), sink("chat", 0)])).unwrap();
    let want = [sink("chat", 0), sink("ops", 7)];
    assert_eq!(log.sinks().unwrap(), want);
    drop(log);
    assert_eq!(bed.open().sinks().unwrap(), want);
}

fn a_cursor_beyond_the_log_is_refused_with_its_batch<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    log.commit(&publish("a.1", 1, 3)).unwrap();
    let before = view(&log).unwrap();
    for got in [5, 1 << 40] {
        let batch = Batch { sinks: vec![sink("chat", 1), sink("ops", got)], ..publish("a.1", 4, 4) };
        match log.commit(&batch) {
            Err(Error::Rejected(fault)) => {
                assert_eq!(fault, Fault::SinkAhead { name: "ops".to_owned(), last: 4, got });
            }
            other => panic!("a refusal expected, not {other:?}"),
        }
        assert_eq!(view(&log).unwrap(), before);
    }
}

fn a_sink_may_stand_at_what_its_own_batch_publishes<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    log.commit(&Batch { sinks: vec![sink("ops", 2)], ..publish("a.1", 1, 2) }).unwrap();
    assert_eq!(log.sinks().unwrap(), [sink("ops", 2)]);
}

fn a_forgotten_sink_is_unknown_again<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    log.commit_all(&[&publish("a.1", 1, 9), &sinks(&[sink("ops", 9), sink("chat", 3)])]).unwrap();
    let drop_sinks = vec!["ops".to_owned(), "nobody".to_owned()];
    log.commit(&Batch { drop_sinks, ..Batch::default() }).unwrap();
    assert_eq!(log.sinks().unwrap(), [sink("chat", 3)]);
    // It is new now, so it may begin anywhere.
    log.commit(&sinks(&[sink("ops", 2)])).unwrap();
    drop(log);
    assert_eq!(bed.open().sinks().unwrap(), [sink("chat", 3), sink("ops", 2)]);
}

/// 20 ms, and 30 ms more for a sink.
fn policy() -> Retention {
    Retention {
        published_age: Duration::from_millis(20),
        published_count: 0,
        sink_extra_age: Duration::from_millis(30),
        ..Retention::default()
    }
}

/// The oldest kept id after compacting at a moment. Published event i is at millisecond 1000 + i.
fn oldest<L: RolloutLog>(log: &L, now: i64) -> u64 {
    log.compact(&policy(), Timestamp(now)).unwrap();
    log.published_range().unwrap().map_or(u64::MAX, |range| range.oldest)
}

fn what_a_sink_needs_is_kept_longer_but_not_for_ever<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    log.commit_all(&[&publish("a.1", 1, 100), &sinks(&[sink("ops", 30)])]).unwrap();
    // By age alone up to 59 would go: what is at 1060 is exactly 20 ms old.
    assert_eq!(oldest(&log, 1_080), 31);
    log.commit(&sinks(&[sink("ops", 40)])).unwrap();
    assert_eq!(oldest(&log, 1_080), 41);
    // 50 ms is the longest, whatever the sink has.
    assert_eq!(oldest(&log, 1_100), 50);
    let sinks = log.sinks().unwrap();
    assert_eq!(sinks[0].cursor, 40, "what it missed can be told from its cursor");
    assert_eq!(oldest(&log, 9_999), u64::MAX);
}

fn the_slowest_sink_counts<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    log.commit_all(&[&publish("a.1", 1, 100), &sinks(&[sink("fast", 90), sink("slow", 10)])]).unwrap();
    assert_eq!(oldest(&log, 1_050), 11);
    log.commit(&Batch { drop_sinks: vec!["slow".to_owned()], ..Batch::default() }).unwrap();
    assert_eq!(oldest(&log, 1_050), 30);
}

fn an_older_server_moves_no_cursor<B: Bed>() {
    let bed = B::empty();
    let old = bed.open();
    old.commit_all(&[&publish("a.1", 1, 3), &sinks(&[sink("ops", 1)])]).unwrap();
    let new = bed.open_around_lock();
    assert!(matches!(old.commit(&sinks(&[sink("ops", 3)])), Err(Error::Fenced { .. })));
    assert_eq!(new.sinks().unwrap(), [sink("ops", 1)]);
}
