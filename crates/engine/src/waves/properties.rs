//! Random lives of random plans: after every step every invariant holds, and the journal gives the state.

use std::sync::Arc;
use std::time::Duration;

use fw_model::{Region, ServiceName};

use super::world::{World, run};
use super::{
    Condition, Event, HaltOthers, Of, OnPooled, OnUnreachable, Standing, Started, Status, Wave, WavesPlan,
};
use crate::generate::Rng;
use crate::rollout::{Requested, Status as Life};

/// Random lives.
const LIVES: u64 = 400;
/// Steps of each.
const STEPS: u64 = 150;
/// Seed of the first.
const SEED: u64 = 0x3a7e5;

fn plan(rng: &mut Rng) -> WavesPlan {
    let names: Vec<Region> = ["a", "b", "c", "d", "e"].iter().map(|n| Region::new(*n).unwrap()).collect();
    let mut names = names.into_iter().take(1 + rng.below(5) as usize).peekable();
    let mut waves: Vec<Wave> = vec![];
    while names.peek().is_some() {
        let regions: Vec<Region> = names.by_ref().take(1 + rng.below(2) as usize).collect();
        let earlier: Vec<&Region> = waves.iter().flat_map(|wave| &wave.regions).collect();
        let of = |rng: &mut Rng| match earlier.as_slice() {
            [] => Of::Previous,
            some if rng.chance(50.0) => Of::Region((*some[rng.below(some.len() as u64) as usize]).clone()),
            _ => Of::Previous,
        };
        let after = match rng.below(3) {
            _ if waves.is_empty() => vec![],
            0 => vec![Condition::Completed(of(rng))],
            1 => vec![Condition::Healthy { of: of(rng), span: Duration::from_secs(rng.below(20)) }],
            _ => vec![Condition::Stagger(Duration::from_secs(rng.below(30)))],
        };
        waves.push(Wave { regions, after });
    }
    WavesPlan {
        service: ServiceName::new("checkout").unwrap(),
        stable: "1".into(),
        canary: "2".into(),
        waves,
        halt_others: rng.pick(&[HaltOthers::Hold, HaltOthers::Rollback, HaltOthers::None]),
        on_unreachable: rng.pick(&[OnUnreachable::Hold, OnUnreachable::Continue]),
        pooled: rng.pick(&[OnPooled::Rollback, OnPooled::Hold, OnPooled::Off]),
        alpha: 0.01,
    }
}

/// Something happens in some region.
fn stir(world: &mut World, rng: &mut Rng) {
    let place = rng.below(world.regions.len() as u64) as usize;
    let Some(region) = world.regions.values_mut().nth(place) else { return };
    region.away = rng.chance(10.0).then(|| "no route".to_owned());
    region.refuses = rng.chance(5.0).then(|| "another rollout is under way".to_owned());
    let Some(seen) = &mut region.seen else { return };
    match rng.below(8) {
        0 => seen.standing = Standing::Healthy,
        1 => seen.standing = Standing::Open,
        2 => seen.standing = Standing::Against,
        3 if rng.chance(20.0) => seen.standing = Standing::Degraded,
        4 if seen.status == Life::Running && rng.chance(20.0) => {
            (seen.status, seen.phase, seen.attempt) = (Life::RollingBack, None, seen.attempt + 1);
        }
        5 if seen.status == Life::Running && rng.chance(30.0) => seen.status = Life::Completed,
        6 if seen.status == Life::Running && rng.chance(30.0) => seen.status = Life::Paused,
        7 => {
            let evidence = &mut seen.evidence[0];
            evidence.log = 8.0 * rng.unit() - 3.0;
            (evidence.requests, evidence.bad) = (100.0, 100.0 * rng.unit());
        }
        _ => {}
    }
}

fn command(rng: &mut Rng) -> Event {
    let by = Requested { actor: "ana".into(), reason: None };
    match rng.below(7) {
        0 => Event::Paused(by),
        1..=3 => Event::Resumed(by),
        4 => Event::Advanced(by),
        5 => Event::RollbackRequested(by),
        _ => Event::AbortRequested(by),
    }
}

/// An answer that was lost and is given again, as after a crash between the answer and its commit, changes nothing.
fn answered_again(world: &mut World, rng: &mut Rng) {
    let answers = world.journal.iter().filter(|(event, _)| matches!(event, Event::Answered { .. }));
    let answers: Vec<Event> = answers.map(|(event, _)| event.clone()).collect();
    let Some(again) = answers.get(rng.below(answers.len() as u64) as usize) else { return };
    let (whole, kept) = (world.whole.clone(), world.journal.len());
    world.event(again.clone()).unwrap();
    assert_eq!((&world.whole, world.journal.len()), (&whole, kept), "{again:?}");
}

#[test]
fn random_lives_keep_every_invariant_and_are_given_by_their_journals() {
    let mut ends = std::collections::BTreeMap::<&str, u32>::new();
    for life in 0..LIVES {
        let mut rng = Rng::new(SEED + life);
        let mut world = World::new();
        let by = Requested { actor: "ana".into(), reason: None };
        world.begin(Started { run: run(), plan: Arc::new(plan(&mut rng)), by }).unwrap();
        for _ in 0..STEPS {
            stir(&mut world, &mut rng);
            if rng.chance(3.0) {
                // What a status does not allow is refused, and changes nothing.
                let _ = world.event(command(&mut rng));
            }
            world.look(Duration::from_secs(1 + rng.below(3)));
            if rng.chance(20.0) {
                answered_again(&mut world, &mut rng);
            }
        }
        assert_eq!(world.replayed(), world.whole, "life {life}");
        let whole = world.whole.unwrap();
        *ends.entry(whole.status.as_str()).or_default() += 1;
        let once = |region: &super::RegionState| region.run.is_none() || region.began_at.is_some();
        assert!(whole.regions.iter().all(once), "life {life}");
    }
    // Lives that never got anywhere would show nothing.
    for status in [Status::Completed, Status::Halted, Status::RolledBack, Status::Partial, Status::Aborted] {
        assert!(ends.contains_key(status.as_str()), "no life ended {}: {ends:?}", status.as_str());
    }
}

#[test]
fn a_wave_that_begins_early_is_caught() {
    let mut rng = Rng::new(1);
    let mut world = World::new();
    let by = Requested { actor: "ana".into(), reason: None };
    let waves = super::wave_by_wave(["a", "b"].map(|name| Region::new(name).unwrap()));
    let plan = WavesPlan { waves, ..plan(&mut rng) };
    world.begin(Started { run: run(), plan: Arc::new(plan), by }).unwrap();
    world.look(Duration::from_secs(1));
    let before = world.whole.clone().unwrap();
    let event = Event::Looked(super::Looked::default());
    let mut early = super::step(&before, &event, world.now).unwrap();
    early.next.waves[1] = Some(world.now);
    assert!(!super::invariants::waves_wait(&before, &event, world.now, &early));
}
