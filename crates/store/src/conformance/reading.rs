//! What was committed is read back, the same after opening again, and nothing else is.

use fw_model::Timestamp;

use super::Bed;
use super::sample::{
    View, answer, begin, ended, events, key, publish, published, run, service, snapshot, source, view,
};
use crate::{Batch, PublishedRange, RolloutFilter, RolloutLog};

pub(super) fn all<B: Bed>() {
    a_new_log_is_empty::<B>();
    everything_committed_survives_opening_again::<B>();
    the_log_id_stays_and_the_fence_grows::<B>();
    a_start_gets_the_snapshot_and_the_events_after_it::<B>();
    a_start_gets_unended_runs_and_the_newest_of_each_service::<B>();
    published_events_are_paged_and_filtered::<B>();
    history_is_paged::<B>();
    runs_are_listed_newest_first::<B>();
    the_higher_report_of_a_source_wins::<B>();
    a_service_row_is_replaced_as_a_whole::<B>();
    answers_are_remembered_by_scope_and_key::<B>();
    an_empty_batch_changes_nothing::<B>();
}

fn a_new_log_is_empty<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    let View { loaded, range, published, rollouts, .. } = view(&log).unwrap();
    assert_eq!((loaded.last_published, loaded.oldest_published), (0, 1));
    assert!(loaded.services.is_empty() && loaded.rollouts.is_empty() && loaded.sources.is_empty());
    assert!(range.is_none() && published.is_empty() && rollouts.is_empty());
    assert!(log.history(&run("a.1"), 0, 10).unwrap().is_empty());
    assert!(log.rollout(&run("a.1")).unwrap().is_none());
}

fn everything_committed_survives_opening_again<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    let batch = Batch {
        snapshots: vec![snapshot("a.1", 2)],
        services: vec![service("a", 3, 1), service("a@eu", 1, 0)],
        sources: vec![source("a", "p1", 5)],
        published: vec![published(1, "a.1"), published(2, "a.1")],
        idempotency: vec![answer("s", "k", 7)],
        ..events("a.1", 1, 3)
    };
    log.commit(&batch).unwrap();
    let before = view(&log).unwrap();
    assert_eq!(before.events[0], batch.events);
    assert_eq!(before.published, batch.published);
    assert_eq!(before.loaded.services, batch.services);
    assert_eq!(before.loaded.sources, batch.sources);
    assert_eq!(before.states[0].snapshot, batch.snapshots[0]);
    drop(log);
    let log = bed.open();
    assert_eq!(view(&log).unwrap(), before);
    assert_eq!(log.idempotent("s", "k").unwrap(), Some(answer("s", "k", 7)));
}

fn the_log_id_stays_and_the_fence_grows<B: Bed>() {
    let bed = B::empty();
    let first = bed.open().open_info();
    let second = bed.open().open_info();
    assert_eq!(first.log_id, second.log_id);
    assert!(second.fence > first.fence);
    assert_ne!(B::empty().open().open_info().log_id, first.log_id);
}

fn a_start_gets_the_snapshot_and_the_events_after_it<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    log.commit(&begin("a.1")).unwrap();
    log.commit(&events("a.1", 1, 4)).unwrap();
    let loaded = &log.load().unwrap().rollouts[0];
    assert_eq!((loaded.snapshot.seq, loaded.events.len()), (0, 4));
    log.commit(&Batch { snapshots: vec![snapshot("a.1", 3)], ..Batch::default() }).unwrap();
    let loaded = &log.load().unwrap().rollouts[0];
    assert_eq!(loaded.snapshot, snapshot("a.1", 3));
    assert_eq!(loaded.events.iter().map(|event| event.seq).collect::<Vec<_>>(), [4]);
}

fn a_start_gets_unended_runs_and_the_newest_of_each_service<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    let snapshots = vec![
        ended("a.1", 0, 5),
        snapshot("a.2", 0),
        ended("a.3", 0, 6),
        ended("b.1", 0, 7),
        ended("b@eu.1", 0, 7),
    ];
    log.commit(&Batch { snapshots, ..Batch::default() }).unwrap();
    let loaded = log.load().unwrap();
    let runs: Vec<_> = loaded.rollouts.iter().map(|rollout| rollout.snapshot.run.to_string()).collect();
    assert_eq!(runs, ["a.2", "a.3", "b.1", "b@eu.1"]);
}

fn published_events_are_paged_and_filtered<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    for id in 1..=20 {
        let of = if id % 3 == 0 { "b@eu.1" } else { "a.1" };
        log.commit(&publish(of, id, id)).unwrap();
    }
    let ids = |after, filter: Option<&str>, limit| -> Vec<u64> {
        let filter = filter.map(key);
        let page = log.published_after(after, filter.as_ref(), limit).unwrap();
        page.iter().map(|published| published.id).collect()
    };
    assert_eq!(ids(0, None, 3), [1, 2, 3]);
    assert_eq!(ids(18, None, 10), [19, 20]);
    assert_eq!(ids(0, Some("b@eu"), 3), [3, 6, 9]);
    assert_eq!(ids(9, Some("b@eu"), 9), [12, 15, 18]);
    assert!(ids(0, Some("b"), 9).is_empty());
    assert!(ids(20, None, 9).is_empty() && ids(u64::MAX, None, 9).is_empty() && ids(0, None, 0).is_empty());
    assert_eq!(log.published_range().unwrap(), Some(PublishedRange { oldest: 1, newest: 20 }));
}

fn history_is_paged<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    log.commit_all(&[&begin("a.1"), &events("a.1", 1, 10), &begin("a.2"), &events("a.2", 1, 2)]).unwrap();
    let seqs = |of: &str, after, limit| -> Vec<u64> {
        log.history(&run(of), after, limit).unwrap().iter().map(|event| event.seq).collect()
    };
    assert_eq!(seqs("a.1", 0, 4), [1, 2, 3, 4]);
    assert_eq!(seqs("a.1", 8, 4), [9, 10]);
    assert!(seqs("a.1", 10, 4).is_empty() && seqs("a.1", u64::MAX, 4).is_empty());
    assert_eq!(seqs("a.2", 0, 4), [1, 2]);
}

fn runs_are_listed_newest_first<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    let mut snapshots = vec![ended("a.1", 0, 9), snapshot("a.2", 0), snapshot("b.1", 0), snapshot("b.2", 0)];
    for (snapshot, started) in snapshots.iter_mut().zip([10, 30, 20, 30]) {
        snapshot.started_at = Timestamp(started);
    }
    log.commit(&Batch { snapshots, ..Batch::default() }).unwrap();
    let list = |filter: &RolloutFilter, limit| -> Vec<String> {
        log.rollouts(filter, limit).unwrap().iter().map(|row| row.run.to_string()).collect()
    };
    let all = RolloutFilter::default();
    assert_eq!(list(&all, 9), ["b.2", "a.2", "b.1", "a.1"]);
    assert_eq!(list(&all, 2), ["b.2", "a.2"]);
    assert_eq!(list(&RolloutFilter { key: Some(key("a")), ..all.clone() }, 9), ["a.2", "a.1"]);
    assert_eq!(list(&RolloutFilter { unended: true, ..all.clone() }, 9), ["b.2", "a.2", "b.1"]);
    let before = RolloutFilter { started_before: Some(Timestamp(30)), ..all };
    assert_eq!(list(&before, 9), ["b.1", "a.1"]);
}

fn the_higher_report_of_a_source_wins<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    let commit = |sources: Vec<_>| log.commit(&Batch { sources, ..Batch::default() }).unwrap();
    commit(vec![source("a", "p1", 5), source("a", "p2", 1), source("b", "p1", 1)]);
    commit(vec![source("a", "p1", 4), source("a", "p2", 2)]);
    let kept = log.load().unwrap().sources;
    assert_eq!(kept, [source("a", "p1", 5), source("a", "p2", 2), source("b", "p1", 1)]);
    let drop_sources = vec![(key("a"), kept[0].source.clone()), (key("zz"), kept[0].source.clone())];
    log.commit(&Batch { drop_sources, ..Batch::default() }).unwrap();
    assert_eq!(log.load().unwrap().sources, kept[1..]);
}

fn a_service_row_is_replaced_as_a_whole<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    for row in [service("a", 1, 0), service("a", 2, 0), service("a", 2, 1)] {
        log.commit(&Batch { services: vec![row.clone()], ..Batch::default() }).unwrap();
        assert_eq!(log.load().unwrap().services, [row]);
    }
}

fn answers_are_remembered_by_scope_and_key<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    let idempotency = vec![answer("s", "k", 1), answer("s", "l", 2), answer("t", "k", 3)];
    log.commit(&Batch { idempotency: idempotency.clone(), ..Batch::default() }).unwrap();
    for row in idempotency {
        assert_eq!(log.idempotent(&row.scope, &row.key).unwrap(), Some(row));
    }
    assert_eq!(log.idempotent("t", "l").unwrap(), None);
}

fn an_empty_batch_changes_nothing<B: Bed>() {
    let bed = B::empty();
    let log = bed.open();
    log.commit(&begin("a.1")).unwrap();
    let before = view(&log).unwrap();
    log.commit(&Batch::default()).unwrap();
    log.commit_all(&[]).unwrap();
    assert_eq!(view(&log).unwrap(), before);
}
