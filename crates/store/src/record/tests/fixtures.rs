//! One value of each kind with every field set to something telling, for the golden files.

use std::sync::Arc;
use std::time::Duration;

use fw_engine::analysis::{History, State};
use fw_engine::rollout::{Delta, GateState, InFlight, Moving, Requested, Said, SourceSeen, Tally, Totals};
use fw_engine::{Event, Look, Rollout, Started, Status, Target, Trigger, Waiting, WaitingKind};
use fw_model::release::Answer;
use fw_model::{
    Apdex, Batches, Counts, DurationStats, Epoch, Histogram, MetricSums, Plan, Salt, SourceId, Timestamp,
    Variant, Weight,
};

fn plan() -> Arc<Plan> {
    Arc::new(Plan::seed("checkout".parse().unwrap()))
}

fn requested(reason: Option<&str>) -> Requested {
    Requested { actor: "local:ann".into(), reason: reason.map(Into::into) }
}

fn histogram(offset: i32, counts: &[u64]) -> Histogram {
    Histogram { offset, counts: counts.to_vec() }
}

fn counts() -> Counts {
    let sums = MetricSums { count: 3, sum: 12.5, sum_squares: 60.1 };
    Counts {
        requests: 120,
        errors: 3,
        repeat_errors: 1,
        batches: Batches { size: 20, total: 6, bad: 1 },
        client_errors: 4,
        client_aborts: 5,
        abandoned: 6,
        duration: DurationStats {
            sum_ms: 14_210.5,
            sum_squares: 9_100_000.1,
            histogram: histogram(88, &[3, 0, 41, 76]),
        },
        apdex: Apdex { satisfied: 110, tolerating: 6 },
        units: 17,
        metrics: [("revenue".to_owned(), sums)].into(),
    }
}

fn look() -> Look {
    let source = |id: &str, silent, confirmed| SourceSeen {
        id: SourceId(id.into()),
        silent_for: Duration::from_millis(silent),
        confirmed: Epoch(confirmed),
    };
    let stable =
        Counts { requests: 900, apdex: Apdex { satisfied: 900, tolerating: 0 }, ..Counts::default() };
    let delta = |variant, instance: &str, counts| Delta {
        epoch: Epoch(4),
        variant,
        instance: instance.into(),
        counts,
    };
    Look {
        watched: Duration::from_nanos(1_000_000_001),
        deltas: vec![
            delta(Variant::Canary, "10.0.0.7:8082", counts()),
            delta(Variant::Stable, "10.0.0.7:8081", stable),
        ],
        in_flight: InFlight { canary: histogram(130, &[2]), stable: histogram(-3, &[1, 0, 1]) },
        sources: vec![source("0d9c5dd0-5a0f-4b6e-9f0e-2f6f5f3e7a11", 250, 4), source("p2", 4000, 3)],
        windows: vec![],
    }
}

/// Of two seconds with an instance that fails now and then.
pub(super) fn history() -> History {
    let mut history = History::default();
    let served = Counts { requests: 900, errors: 3, ..counts() };
    let delta =
        Delta { epoch: Epoch(2), variant: Variant::Stable, instance: "10.0.0.7:8081".into(), counts: served };
    (0..2).for_each(|_| history.look(&plan(), std::slice::from_ref(&delta), 1.0));
    history
}

/// An event of each kind, by the name of its golden file.
pub(super) fn events() -> Vec<(&'static str, Event)> {
    let started = Started {
        run: "checkout@eu-west-1.7".parse().unwrap(),
        plan: plan(),
        plan_hash: "0123456789abcdef".into(),
        salt: Salt::from_bits(0x0123_4567_89ab_cdef),
        last_epoch: Epoch(3),
        actor: "ci".into(),
        reason: Some("release 1.5.0".into()),
        before: Some(Box::new(history())),
    };
    let back = |to| Event::RollbackRequested { to, by: requested(None) };
    vec![
        ("started", Event::Started(started)),
        ("looked", Event::Looked(look())),
        ("looked_empty", Event::Looked(Look::default())),
        ("paused", Event::Paused(requested(Some("lunch")))),
        ("resumed", Event::Resumed(requested(None))),
        ("advanced", Event::Advanced(requested(None))),
        ("rollback_previous", back(Target::Previous)),
        ("rollback_stable", back(Target::Stable)),
        ("rollback_phase", back(Target::Phase(2))),
        ("abort_requested", Event::AbortRequested(requested(None))),
        (
            "gate_answered",
            Event::GateAnswered {
                phase: 2,
                gate: 1,
                answer: Answer::Reject,
                by: requested(Some("not before Monday")),
            },
        ),
        ("looked_windows", Event::Looked(Look { windows: vec![(0, true), (2, false)], ..Look::default() })),
        ("superseded", Event::Superseded { by: "checkout.8".parse().unwrap() }),
        ("quarantined", Event::Quarantined { reason: "invariant 2 violated".into() }),
    ]
}

/// Tests whose every number is another one; a metric among them.
fn analysis() -> State {
    let numbered = |list: &[f64]| (0..list.len()).map(|place| 0.5 + place as f64).collect::<Vec<_>>();
    let parts: std::collections::BTreeMap<_, _> = State::default().parts().into_iter().collect();
    let in_flight = InFlight { canary: histogram(130, &[2]), stable: Histogram::default() };
    State::from_parts(in_flight, |name| match name {
        "past" => Some(vec![20.0, 1.5, 0.25, 3.0, 0.0]),
        "ratio" => Some(numbered(&parts[name])),
        // Their length depends on their numbers.
        _ if name.starts_with("clustersOf") => parts.get(name).cloned(),
        "sourceNames" => Some([2, b'i', b'1', 0].map(f64::from).to_vec()),
        _ => parts.get(name).map(|list| numbered(list)),
    })
    .unwrap()
}

/// A state with every field set.
pub(super) fn state() -> Rollout {
    let sources = ["p1", "p2"].map(|id| SourceId(id.into()));
    let eta = Some(Duration::from_millis(1500));
    Rollout {
        run: "checkout.7".parse().unwrap(),
        plan: plan(),
        plan_hash: "0123456789abcdef".into(),
        salt: Salt::from_bits(42),
        status: Status::RollingBack,
        position: Some(1),
        first_epoch: Epoch(2),
        epoch: Epoch(5),
        canary: Weight::new(25_000).unwrap(),
        confirmed: true,
        live: sources.clone().into(),
        started_at: Timestamp(1_767_225_600_000),
        ended_at: Some(Timestamp(1_767_225_900_000)),
        entered_at: Timestamp(1_767_225_700_000),
        watched: Duration::from_millis(61_500),
        tally: Tally { canary: counts(), stable: Counts { requests: 7, ..Counts::default() } },
        ended_healthy: vec![true, false, true, false],
        totals: Totals { requests: 1250, errors: 3 },
        attempt: 2,
        analysis: analysis(),
        moving: Some(Moving {
            from: Some(2),
            to: Some(1),
            trigger: Trigger::Health,
            evidence: vec!["health score 62".into()],
            decided_at: Timestamp(1_767_225_650_000),
            awaited: sources.into(),
        }),
        waiting: vec![Waiting {
            kind: WaitingKind::Router,
            text: "waiting for p2".into(),
            since: Timestamp(1_767_225_651_000),
            eta,
        }],
        held: true,
        alerted: [Trigger::ResponseTime, Trigger::Health].into(),
        metrics_at: Timestamp(1_767_225_690_000),
        quarantine: Some("invariant 2 violated".into()),
        gates: vec![],
        effects: 17,
    }
}

/// The same while gates are answered.
pub(super) fn gated() -> Rollout {
    let said = Said { actor: "ann".into(), reason: Some("fine".into()), at: Timestamp(1_767_225_701_000) };
    let open = GateState { said: vec![], answer: None, open: true };
    Rollout {
        gates: vec![GateState { said: vec![said], answer: Some(Answer::Approve), open: false }, open],
        ..state()
    }
}
