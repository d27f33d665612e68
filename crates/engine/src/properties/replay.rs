//! The log gives the state: replayed events lead to the same state and the same effects, and looks
//! that were not kept change nothing but words.

use std::time::Duration;

use super::coverage::Coverage;
use super::run::{Entry, live, seed_of};
use crate::generate::apply;
use crate::rollout::{Effect, EffectId, Event, Rollout};

/// Lives replayed.
const LIVES: u64 = 500;

/// State and effects of a log; events that are refused are left out of it.
fn replay(log: &[Entry]) -> (Vec<Entry>, Option<Rollout>, Vec<(EffectId, Effect)>) {
    let (mut accepted, mut state, mut effects) = (vec![], None, vec![]);
    for (event, now) in log {
        if let Ok(transition) = apply(state.as_ref(), event, *now) {
            effects.extend(transition.effects);
            state = Some(transition.next);
            accepted.push((event.clone(), *now));
        }
    }
    (accepted, state, effects)
}

#[test]
fn a_log_gives_the_same_state_and_effects_again() {
    for n in 0..LIVES {
        let (log, _) = live(seed_of(n), &mut Coverage::default());
        let (accepted, state, effects) = replay(&log);
        let (all, again, effects_again) = replay(&accepted);
        assert_eq!(all.len(), accepted.len(), "life {n}: an accepted event was refused");
        assert_eq!(again, state, "life {n}");
        assert_eq!(effects_again, effects, "life {n}");
    }
}

/// What must not depend on looks that were not kept: words and their times may.
fn essence(rollout: &Rollout) -> Rollout {
    Rollout { waiting: vec![], ..rollout.clone() }
}

#[test]
fn looks_that_are_not_material_may_be_dropped_when_their_watched_time_is_carried_over() {
    let mut dropped = 0;
    for n in 0..LIVES {
        let (log, _) = live(seed_of(n), &mut Coverage::default());
        let (mut full, mut lossy): (Option<Rollout>, Option<Rollout>) = (None, None);
        let mut carried = Duration::ZERO;
        for (event, now) in &log {
            let Ok(whole) = apply(full.as_ref(), event, *now) else { continue };
            full = Some(whole.next);
            let mut event = event.clone();
            if let Event::Looked(look) = &mut event {
                look.watched = look.watched.saturating_add(carried);
            }
            let kept = apply(lossy.as_ref(), &event, *now).expect("the same statuses accept the same");
            match &event {
                Event::Looked(look) if !kept.material => {
                    dropped += 1;
                    carried = if kept.report.clock_runs { look.watched } else { carried };
                    continue;
                }
                Event::Looked(_) if kept.report.clock_runs => carried = Duration::ZERO,
                _ => {}
            }
            let entered = lossy.as_ref().is_none_or(|l| l.epoch != kept.next.epoch);
            carried = if entered { Duration::ZERO } else { carried };
            lossy = Some(kept.next);
            let (full, lossy) = (full.as_ref().map(essence), lossy.as_ref().map(essence));
            assert_eq!(full.map(|f| f.status), lossy.map(|l| l.status), "life {n}");
        }
    }
    assert!(dropped > 1000, "only {dropped} looks were dropped");
}
