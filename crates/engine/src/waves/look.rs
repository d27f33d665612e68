//! A look: takes in how every region stands, brakes where something is wrong, and begins what may begin.

use std::time::Duration;

use fw_model::Timestamp;

use super::moves::Draft;
use super::report::open_conditions;
use super::{Action, Wanted};
use super::{Away, Looked, Notice, RegionState, RegionalRollout, Seen, Sight, Transition, brake, pooled};
use crate::rollout;

/// What a look leads to.
pub(super) fn look(whole: &RegionalRollout, seen: &Looked, now: Timestamp) -> Transition {
    let mut draft = Draft::new(whole, now);
    // What is over stays as it was: later rollouts of its regions are others.
    if whole.ended_at.is_some() {
        return draft.finish();
    }
    absorb(&mut draft, seen);
    brake::brake(&mut draft);
    begin_waves(&mut draft);
    draft.reconcile();
    draft.material |= keys(whole) != keys(&draft.next);
    draft.finish()
}

/// What makes a look worth keeping: everything but numbers and clocks.
fn keys(whole: &RegionalRollout) -> Vec<impl PartialEq> {
    let key = |r: &RegionState| {
        let seen = r.seen.as_ref().map(|s| (s.status, s.standing, s.attempt, s.phase));
        (seen, r.away.is_some(), r.is_unreachable(), (r.held, r.freed, r.again, r.fallen), r.run.clone())
    };
    whole.regions.iter().map(key).collect()
}

/// Takes every sight into the state.
pub(super) fn absorb(draft: &mut Draft, looked: &Looked) {
    let now = draft.now;
    let mut told = vec![];
    for state in &mut draft.next.regions {
        let sight = looked.sights.iter().find(|(region, _)| *region == state.region).map(|(_, sight)| sight);
        match sight {
            None => {}
            Some(Sight::Unreachable { why }) => told.extend(away(state, why, looked.watched, now)),
            Some(Sight::Seen(seen)) => told.extend(saw(state, seen, looked.watched, now)),
        }
    }
    told.into_iter().for_each(|notice| draft.publish(notice));
}

fn away(state: &mut RegionState, why: &str, watched: Duration, now: Timestamp) -> Option<Notice> {
    match &mut state.away {
        // Time before this look it may have been there.
        None => {
            state.away = Some(Away { since: now, watched: Duration::ZERO, why: why.to_owned(), told: false })
        }
        Some(away) => {
            away.watched = away.watched.saturating_add(watched);
            why.clone_into(&mut away.why);
        }
    }
    if !state.is_unreachable() {
        return None;
    }
    let away = state.away.as_mut().filter(|away| !away.told)?;
    away.told = true;
    Some(Notice::RegionAway { region: state.region.clone(), why: why.to_owned() })
}

fn saw(state: &mut RegionState, seen: &Seen, watched: Duration, now: Timestamp) -> Vec<Notice> {
    let mut told = vec![];
    let region = state.region.clone();
    if let Some(away) = state.away.take().filter(|away| away.told) {
        told.push(Notice::RegionBack { region: region.clone(), away: now.since(away.since) });
    }
    let before = state.status();
    let was_good = state.is_good();
    pooled::stake(state, seen);
    state.seen = Some(Box::new(seen.clone()));
    if state.run.is_none() {
        state.run = Some(seen.run.clone());
    }
    // A person let it go on although the whole holds it: that word stands until the whole goes on.
    if state.held && seen.status == rollout::Status::Running && state.ask.is_none() {
        (state.held, state.freed) = (false, true);
    }
    // It goes on again, or was ended meanwhile.
    state.again &= matches!(seen.status, rollout::Status::RollingBack | rollout::Status::RolledBack);
    match (was_good, state.is_good()) {
        (true, true) => state.good_for = state.good_for.saturating_add(watched),
        (false, true) => {}
        (_, false) => state.good_for = Duration::ZERO,
    }
    let over = !seen.status.is_under_way() && before != Some(seen.status);
    if over {
        told.push(Notice::RegionEnded { region, status: seen.status });
    }
    told
}

/// Begins every wave whose conditions hold, and regions that a person lets begin after a refusal.
fn begin_waves(draft: &mut Draft) {
    if draft.next.wanted != Wanted::Run || draft.next.halt.is_some() {
        return;
    }
    for wave in 0..draft.next.waves.len() {
        if draft.next.waves[wave].is_some() {
            draft.start_regions(wave);
        } else if open_conditions(&draft.next, wave, draft.now).is_empty() {
            draft.begin_wave(wave, None);
        } else {
            return;
        }
    }
}

/// The state with a look taken in and nothing begun: what a decision to begin is made from.
pub(super) fn probe(whole: &RegionalRollout, looked: &Looked, now: Timestamp) -> RegionalRollout {
    let mut draft = Draft::new(whole, now);
    absorb(&mut draft, looked);
    brake::brake(&mut draft);
    draft.next
}

/// Whether this action puts canary traffic where there was none, or more of it.
pub(super) fn goes_forward(action: Action) -> bool {
    match action {
        Action::Start | Action::Resume => true,
        Action::Pause | Action::Rollback | Action::Abort => false,
    }
}
