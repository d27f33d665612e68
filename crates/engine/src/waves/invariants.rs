//! What must never be, of a regional rollout: predicates over the states before and after, not over what the step says
//! about itself. Used by the shell after every step, by the property tests, and by the stories.

use fw_model::Timestamp;

use super::look::{goes_forward, probe};
use super::report::open_conditions;
use super::{Action, Effect, Event, RegionalRollout, Transition, Wanted};

/// A violated invariant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("waves invariant {number} violated: {what}")]
pub struct Violation {
    /// 1 to 6.
    pub number: u8,
    /// In words.
    pub what: String,
}

/// Every violation in a step from `before` by `event` at `now`.
pub fn check(before: &RegionalRollout, event: &Event, now: Timestamp, after: &Transition) -> Vec<Violation> {
    let mut violations = vec![];
    let mut need = |number: u8, holds: bool, what: &str| {
        if !holds {
            violations.push(Violation { number, what: format!("{what} ({})", before.run) });
        }
    };
    need(1, waves_wait(before, event, now, after), "a wave began before its condition held");
    need(2, halt_holds(before, event, after), "a region began or went on in a halt, without a person");
    need(3, begins_once(before, after), "a region was asked to begin twice");
    need(4, asks_are_told_apart(before, after), "two asks have one ordinal, or a region has two open");
    need(5, is_explained(after), "it stands still and does not say why");
    need(6, what_is_over_stays_over(before, event, after), "something was asked although all is over");
    violations
}

fn asked(after: &Transition) -> impl Iterator<Item = (&fw_model::Region, Action, u64)> {
    after.effects.iter().filter_map(|effect| match effect {
        Effect::Act(ask) => Some((&ask.region, ask.action, ask.ordinal)),
        Effect::Publish(_) => None,
    })
}

/// 1: A wave begins by itself only when the look shows that all its conditions hold, or a person begins it.
pub fn waves_wait(before: &RegionalRollout, event: &Event, now: Timestamp, after: &Transition) -> bool {
    let began = |wave: &usize| before.waves[*wave].is_none() && after.next.waves[*wave].is_some();
    let mut newly = (0..before.waves.len()).filter(began);
    match event {
        Event::Advanced(_) => newly.all(|wave| before.next_wave() == Some(wave)),
        Event::Looked(looked) => {
            // Several may begin in one look: each is judged with those before it begun.
            let mut seen = probe(before, looked, now);
            newly.all(|wave| {
                let holds = open_conditions(&seen, wave, now).is_empty();
                seen.waves[wave] = Some(now);
                holds
            })
        }
        Event::Started(_)
        | Event::Answered { .. }
        | Event::Paused(_)
        | Event::Resumed(_)
        | Event::RollbackRequested(_)
        | Event::AbortRequested(_) => newly.next().is_none(),
    }
}

/// 2: After a halt, and while a person holds it, no region begins or goes on before a person says so.
pub fn halt_holds(before: &RegionalRollout, event: &Event, after: &Transition) -> bool {
    let person = matches!(event, Event::Resumed(_) | Event::Advanced(_));
    let stands = before.halt.is_some() || before.wanted != Wanted::Run;
    let lifted = before.halt.is_some() && after.next.halt.is_none();
    let forward = asked(after).any(|(_, action, _)| goes_forward(action));
    person || !((stands && forward) || lifted || (after.next.halt.is_some() && forward))
}

/// 3: A region's rollout begins once; it is asked again only when it refused.
pub fn begins_once(before: &RegionalRollout, after: &Transition) -> bool {
    asked(after).filter(|(_, action, _)| *action == Action::Start).all(|(region, ..)| {
        before.region(region).is_some_and(|state| state.run.is_none() && state.ask.is_none())
    })
}

/// 4: Ordinals only grow, and a region has at most one open ask.
pub fn asks_are_told_apart(before: &RegionalRollout, after: &Transition) -> bool {
    let ordinals: Vec<u64> = asked(after).map(|(_, _, ordinal)| ordinal).collect();
    let grow = ordinals.windows(2).all(|pair| pair[0] < pair[1]);
    let mut regions: Vec<&fw_model::Region> = asked(after).map(|(region, ..)| region).collect();
    let count = regions.len();
    regions.sort();
    regions.dedup();
    grow && ordinals.iter().all(|ordinal| *ordinal > before.asks) && regions.len() == count
}

/// 5: Over, or it says what it waits for; and so does each region that is not at rest.
pub fn is_explained(after: &Transition) -> bool {
    let whole = !after.next.status.is_under_way() || !after.report.waiting_on.is_empty();
    let of_region = |report: &super::RegionReport| {
        let state = after.next.region(&report.region);
        state.is_some_and(|state| state.is_at_rest()) || !report.waiting_on.is_empty()
    };
    whole && after.report.regions.iter().all(of_region)
}

/// 6: Once it is over, nothing is asked of any region but by a person.
pub fn what_is_over_stays_over(before: &RegionalRollout, event: &Event, after: &Transition) -> bool {
    let by_person = match event {
        Event::Looked(_) | Event::Answered { .. } => false,
        Event::Started(_)
        | Event::Paused(_)
        | Event::Resumed(_)
        | Event::Advanced(_)
        | Event::RollbackRequested(_)
        | Event::AbortRequested(_) => true,
    };
    by_person || !before.status.is_final() || asked(after).next().is_none()
}
