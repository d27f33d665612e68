//! Counting under everything that may happen to threads, splits and reports: totals are exact.

use std::sync::Arc;
use std::time::Duration;

use fw_api::Report;
use fw_model::{Counts, Epoch, LogId, Plan, Salt, Split, Variant, Weight};
use fw_plane::{Applied, DataPlane};
use fw_runtime::{Handle, ServiceDef, StartRequest, SystemClock};
use fw_store::MemoryLog;

use crate::MetricRefused;
use crate::assignment::{Assignment, Outcome};
use crate::core::Core;
use crate::local::{self, Local};

const MS: Duration = Duration::from_millis(1);

fn split(epoch: u64, canary: u32) -> Split {
    let plan = Plan::seed("shop".parse().unwrap());
    let mut split = Split::resting(&plan, LogId("log".into()), Epoch(epoch), Salt::from_bits(9));
    split.canary = Weight::new(canary).unwrap();
    split
}

fn core(canary: u32) -> Arc<Core> {
    let core = Arc::new(Core::new(None));
    assert_eq!(core.apply(split(1, canary)), Applied::Taken);
    core
}

/// All counts of a variant, over epochs, after the checks that a server makes.
fn sum(report: &Report, variant: Variant) -> Counts {
    let mut sum = Counts::default();
    let cells = report.checked_cells().unwrap();
    cells.iter().filter(|(key, _)| key.variant == variant).for_each(|(_, counts)| sum.merge(counts));
    sum
}

#[test]
fn eight_threads_that_come_and_go_lose_no_count_over_epochs() {
    const EACH: u64 = 1_000;
    let core = core(50_000);
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let core = &core;
            scope.spawn(move || {
                for generation in 0..20_u64 {
                    let thread = std::thread::Builder::new();
                    let core = Arc::clone(core);
                    let work = move || {
                        for i in 0..EACH {
                            let key = format!("{worker}-{generation}-{i}");
                            Assignment::make(&core, Some(key.as_bytes())).record(i % 100 != 0, MS);
                        }
                    };
                    thread.spawn(work).unwrap().join().unwrap();
                }
            });
        }
        for epoch in 2..30 {
            core.apply(split(epoch, (epoch % 5 * 20_000) as u32));
            core.report().checked_cells().unwrap();
            std::thread::yield_now();
        }
    });
    let report = core.report();
    let (stable, canary) = (sum(&report, Variant::Stable), sum(&report, Variant::Canary));
    assert_eq!(stable.requests + canary.requests, 8 * 20 * EACH);
    assert_eq!(stable.errors + canary.errors, 8 * 20 * EACH / 100);
    assert_eq!(stable.duration.histogram.total() + canary.duration.histogram.total(), 8 * 20 * EACH);
    assert!((stable.duration.sum_ms + canary.duration.sum_ms - (8 * 20 * EACH) as f64).abs() < 1e-3);
    assert!(report.cells.len() <= 2 * 30);
    assert_eq!(report.in_flight, fw_api::wire::InFlightWire::default());
}

#[tokio::test]
async fn reports_that_are_lost_repeated_and_reordered_change_nothing() {
    let plan = Plan::seed("shop".parse().unwrap());
    let bits = Box::new(|| 7_u128);
    let defs = vec![ServiceDef { plan: plan.clone() }];
    let handle = Handle::start_core(Arc::new(MemoryLog::new()), Arc::new(SystemClock), bits, defs).unwrap();
    let request = StartRequest {
        plan: Plan { auto_advance: false, ..plan.clone() },
        plan_hash: "0011223344556677".into(),
        actor: "test".into(),
        reason: None,
        idempotency: None,
    };
    handle.start(request).await.unwrap();
    let core = Arc::new(Core::new(None));
    let send = async |report: &Report| {
        let answer = handle.report(plan.key.clone(), report.clone(), false).await.unwrap();
        core.apply(answer.split.try_into().unwrap());
    };
    let is_running =
        || handle.latest(Some("shop"), None).unwrap().is_some_and(|run| run.detail["status"] == "running");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while !is_running() {
        assert!(tokio::time::Instant::now() < deadline, "not running");
        send(&core.report()).await;
        tokio::time::sleep(10 * MS).await;
    }
    let mut reports = vec![];
    for i in 0..600_u64 {
        Assignment::make(&core, Some(i.to_string().as_bytes())).record(true, MS);
        if i % 20 == 19 {
            reports.push(core.report());
        }
    }
    // Every third is lost, every fifth sent twice, and all in an order of their own; the last one arrives.
    let last = reports.last().unwrap().clone();
    for place in (0..reports.len()).map(|i| i * 7 % reports.len()).filter(|place| place % 3 != 0) {
        send(&reports[place]).await;
        if place % 5 == 0 {
            send(&reports[place]).await;
        }
    }
    send(&last).await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let counts = handle.latest(Some("shop"), None).unwrap().unwrap().counts.clone();
        let total = counts.canary.requests + counts.stable.requests;
        assert!(total <= 600, "counted twice: {total}");
        if total == 600 {
            assert_eq!(counts.canary.requests, sum(&last, Variant::Canary).requests);
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{total}");
        tokio::time::sleep(10 * MS).await;
    }
}

#[test]
fn outcomes_are_counted_under_the_epoch_and_version_of_their_assignment() {
    let core = core(100_000);
    let early = Assignment::make(&core, Some(b"a"));
    let elsewhere = Assignment::make(&core, Some(b"b")).into_owned();
    core.apply(split(2, 0));
    assert_eq!((early.variant(), early.epoch(), early.percentage()), (Variant::Canary, 1, 100.0));
    early.record(Outcome::Success, MS);
    std::thread::spawn(move || elsewhere.record(Outcome::ClientError, MS)).join().unwrap();
    drop(Assignment::make(&core, Some(b"c")));
    Assignment::make(&core, None).record(Outcome::ClientAbort, MS);
    let cells = core.report().checked_cells().unwrap();
    let counted: Vec<_> = cells
        .iter()
        .map(|(key, c)| {
            let given_up = (c.abandoned, c.client_aborts);
            (key.epoch.0, key.variant, c.requests, c.client_errors, given_up, c.units)
        })
        .collect();
    assert_eq!(counted, [(1, Variant::Canary, 2, 1, (0, 0), 2), (2, Variant::Stable, 0, 0, (1, 1), 2)]);
}

#[test]
fn failures_of_one_key_repeat_and_twenty_requests_are_a_batch() {
    let core = core(100_000);
    for i in 0..40 {
        Assignment::make(&core, Some(b"always-the-same")).record(!(5..8).contains(&i), MS);
    }
    let counts = sum(&core.report(), Variant::Canary);
    assert_eq!((counts.requests, counts.errors, counts.repeat_errors, counts.units), (40, 3, 2, 1));
    assert_eq!((counts.batches.size, counts.batches.total, counts.batches.bad), (20, 2, 1));
    assert_eq!(counts.apdex.satisfied, 37);
}

#[test]
fn an_older_split_is_ignored_and_another_log_begins_anew() {
    let core = core(5_000);
    core.apply(split(5, 50_000));
    assert_eq!(core.apply(split(4, 0)), Applied::Older);
    assert_eq!(core.apply(split(5, 50_000)), Applied::Unchanged);
    let open = Assignment::make(&core, Some(b"k"));
    let before = core.report();
    let other = Split { log_id: LogId("other".into()), ..split(1, 25_000) };
    assert_eq!(core.apply(other), Applied::OtherLog);
    open.record(true, MS);
    Assignment::make(&core, Some(b"k")).record(true, MS);
    let after = core.report();
    assert_ne!(after.source.id, before.source.id);
    assert_eq!(after.cells.iter().map(|c| (c.epoch, c.requests)).collect::<Vec<_>>(), [(1, 1)]);
}

#[test]
fn while_the_dead_mans_switch_is_thrown_nobody_is_a_draw_of_the_epochs_share() {
    let core = core(50_000);
    let serve = |from: u32| {
        (from..from + 100).for_each(|i| Assignment::make(&core, Some(&i.to_le_bytes())).record(true, MS));
        Assignment::make(&core, None).record(true, MS);
    };
    let counted = || {
        let (canary, stable) = (sum(&core.report(), Variant::Canary), sum(&core.report(), Variant::Stable));
        (canary.units + stable.units, canary.requests + stable.requests)
    };
    serve(0);
    let (units, _) = counted();
    assert!(units > 90, "{units}");
    core.apply(split(1, 0));
    serve(1000);
    assert_eq!(counted(), (units, 202), "requests count, draws do not");
    core.apply(split(1, 50_000));
    serve(1000);
    assert!(counted().0 > units + 90, "who came meanwhile is drawn now");
}

#[test]
fn closed_epochs_leave_the_report_when_threads_have_let_go() {
    let core = core(100_000);
    Assignment::make(&core, None).record(true, MS);
    core.apply(split(2, 100_000));
    Assignment::make(&core, None).record(true, MS);
    let epochs = |report: &Report| report.cells.iter().map(|c| c.epoch).collect::<Vec<_>>();
    core.forget(&[1, 2]);
    assert_eq!(epochs(&core.report()), [1, 2], "this thread still holds it");
    Assignment::make(&core, None).record(true, MS);
    core.forget(&[1, 2]);
    assert_eq!(epochs(&core.report()), [2], "the one in force stays");
}

#[test]
fn metrics_are_summed_over_threads_and_refused_where_they_make_no_sense() {
    let core = core(100_000);
    let add = |name: &str, value: f64| {
        local::with(&core, |local: &mut Local| {
            let at = (local.view.log, local.view.epoch, Variant::Canary);
            local.add_metric(&core, at, name, value)
        })
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (1..=10).for_each(|value| add("revenue", f64::from(value)).unwrap()));
        }
    });
    let sums = sum(&core.report(), Variant::Canary).metrics["revenue"];
    assert_eq!((sums.count, sums.sum, sums.sum_squares), (40, 220.0, 1540.0));
    assert_eq!(add("a b", 1.0), Err(MetricRefused::Name("a b".into())));
    assert!(matches!(add("x", f64::NAN), Err(MetricRefused::Value { .. })));
    (1..64).for_each(|i| add(&format!("m{i}"), 1.0).unwrap());
    assert_eq!(add("one-more", 1.0), Err(MetricRefused::Names("one-more".into())));
    assert_eq!(sum(&core.report(), Variant::Canary).metrics.len(), 64);
}

#[test]
fn a_call_from_another_destructor_of_the_thread_is_counted_too() {
    struct Late(Arc<Core>);
    impl Drop for Late {
        fn drop(&mut self) {
            Assignment::make(&self.0, None).record(true, MS);
        }
    }
    thread_local!(static LATE: std::cell::RefCell<Option<Late>> = const { std::cell::RefCell::new(None) });
    let core = core(100_000);
    for early in [true, false] {
        let core = Arc::clone(&core);
        let work = move || {
            // Destructors run in an order the system picks: both orders of first use are tried.
            if early {
                Assignment::make(&core, None).record(true, MS);
            }
            LATE.with(|late| *late.borrow_mut() = Some(Late(Arc::clone(&core))));
            if !early {
                Assignment::make(&core, None).record(true, MS);
            }
        };
        std::thread::spawn(work).join().unwrap();
    }
    assert_eq!(sum(&core.report(), Variant::Canary).requests, 4);
}

#[tokio::test]
async fn a_burst_of_errors_and_a_new_epoch_ring_the_bell() {
    let core = core(100_000);
    tokio::time::timeout(Duration::from_secs(60), core.burst()).await.unwrap();
    core.report();
    for _ in 0..3 {
        assert!(futures_pending(core.burst()));
        Assignment::make(&core, None).record(false, MS);
    }
    tokio::time::timeout(Duration::from_secs(60), core.burst()).await.unwrap();
}

/// Whether a future is not ready when it is asked once.
fn futures_pending(future: impl Future<Output = ()>) -> bool {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::pin!(future).as_mut().poll(&mut cx).is_pending()
}
