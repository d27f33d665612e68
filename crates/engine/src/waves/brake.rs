//! The brake: what one region that went wrong means for the others, and what all show together.

use super::moves::Draft;
use super::{Brake, Cause, HaltOthers, Notice, OnPooled, RegionState, Standing, Wanted, pooled};
use crate::rollout::Status as Life;

/// Looks for regions that fell since the last look, then at the pooled evidence.
pub(super) fn brake(draft: &mut Draft) {
    // What a person took back or ended on purpose halts nothing.
    if !matches!(draft.next.wanted, Wanted::Run | Wanted::Hold) {
        return;
    }
    let braked = draft.next.halt.as_ref().is_some_and(|halt| halt.brake == Brake::Back);
    for place in 0..draft.next.regions.len() {
        let state = &draft.next.regions[place];
        // Under a brake that takes all back, going back is what was asked for.
        let Some((cause, why)) = fall(state).filter(|_| !state.fallen && !state.again && !braked) else {
            continue;
        };
        let region = state.region.clone();
        draft.next.regions[place].fallen = true;
        draft.publish(Notice::RegionFell { region: region.clone(), why: why.clone() });
        match draft.next.plan.halt_others {
            HaltOthers::Hold => draft.halt(Some(region), cause, why, Brake::Hold),
            HaltOthers::Rollback => draft.halt(Some(region), cause, why, Brake::Back),
            HaltOthers::None => {}
        }
    }
    let all = pooled::pooled(&draft.next);
    if all.is_shown() && !draft.next.pooled_overridden && draft.next.wanted == Wanted::Run {
        let brake = match draft.next.plan.pooled {
            OnPooled::Rollback => Brake::Back,
            OnPooled::Hold => Brake::Hold,
            OnPooled::Off => return,
        };
        draft.halt(None, Cause::Pooled, all.text(), brake);
    }
}

/// Whether a region went wrong, and in which words.
fn fall(state: &RegionState) -> Option<(Cause, String)> {
    let seen = state.seen.as_ref()?;
    let because = |what: &str| {
        let why = if seen.why.is_empty() { String::new() } else { format!(": {}", seen.why) };
        format!("{} {what}{why}", state.region)
    };
    match seen.status {
        Life::RollingBack | Life::RolledBack => Some((Cause::RolledBack, because("went back"))),
        Life::Aborted => Some((Cause::Aborted, because("was ended"))),
        Life::Pending | Life::Running | Life::Paused if seen.standing == Standing::Degraded => {
            Some((Cause::Degraded, because("is shown to be worse")))
        }
        Life::Pending | Life::Running | Life::Paused | Life::Completed => None,
    }
}
