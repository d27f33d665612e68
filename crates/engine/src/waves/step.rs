//! The step function: one event, one transition, or a typed refusal. Never a panic.

use fw_model::{RunId, Timestamp};

use super::moves::Draft;
use super::{
    Action, Answer, Brake, Cause, Event, Notice, RegionState, RegionalRollout, Started, Status, Transition,
    Wanted, commands, look,
};

/// An event that can't happen now. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Its status does not allow it.
    #[error("{what} is not possible while the rollout over all regions is {}: {hint}", status.as_str())]
    NotNow {
        /// What was asked.
        what: &'static str,
        /// Where it is.
        status: Status,
        /// What is possible.
        hint: &'static str,
    },
    /// A second beginning.
    #[error("{0} has begun already")]
    AlreadyStarted(RunId),
    /// The plan breaks rules.
    #[error("the waves are not sound: {0}")]
    UnsoundPlan(String),
}

/// The state after the first event, and its effects: the first wave begins.
///
/// # Errors
/// [`Rejection::UnsoundPlan`] when the plan breaks a rule.
pub fn begin(started: &Started, now: Timestamp) -> Result<Transition, Rejection> {
    if let Err(faults) = started.plan.check() {
        let text = |fault: &super::PlanFault| match fault.wave {
            Some(wave) => format!("wave {wave}: {}", fault.message),
            None => fault.message.clone(),
        };
        return Err(Rejection::UnsoundPlan(faults.iter().map(text).collect::<Vec<_>>().join("; ")));
    }
    let plan = &started.plan;
    let of_wave = |(place, wave): (usize, &super::Wave)| {
        wave.regions.iter().map(move |region| RegionState::new(region.clone(), place)).collect::<Vec<_>>()
    };
    let whole = RegionalRollout {
        run: started.run.clone(),
        plan: plan.clone(),
        status: Status::Pending,
        wanted: Wanted::Run,
        started_at: now,
        ended_at: None,
        attempt: 1,
        resumed_at: None,
        waves: vec![None; plan.waves.len()],
        regions: plan.waves.iter().enumerate().flat_map(of_wave).collect(),
        halt: None,
        pooled_overridden: false,
        asks: 0,
        waiting: vec![],
    };
    let mut draft = Draft::new(&whole, now);
    draft.publish(Notice::Started { by: started.by.clone() });
    draft.begin_wave(0, None);
    Ok(draft.finish())
}

/// What an event leads to at `now`. Pure: the same arguments give the same transition.
///
/// # Errors
/// A [`Rejection`] when the event can't happen in this state; the state is then unchanged.
pub fn step(whole: &RegionalRollout, event: &Event, now: Timestamp) -> Result<Transition, Rejection> {
    match event {
        Event::Started(_) => Err(Rejection::AlreadyStarted(whole.run.clone())),
        Event::Looked(seen) => Ok(look::look(whole, seen, now)),
        Event::Answered { region, ask, answer } => Ok(answered(whole, (region, *ask), answer, now)),
        Event::Paused(by) => commands::pause(whole, by, now),
        Event::Resumed(by) => commands::resume(whole, by, now),
        Event::Advanced(by) => commands::advance(whole, by, now),
        Event::RollbackRequested(by) => commands::roll_back(whole, by, now),
        Event::AbortRequested(by) => commands::abort(whole, by, now),
    }
}

/// Takes in what a region answered; an answer to anything but the open ask changes nothing.
fn answered(
    whole: &RegionalRollout,
    (region, ordinal): (&fw_model::Region, u64),
    answer: &Answer,
    now: Timestamp,
) -> Transition {
    let mut draft = Draft::new(whole, now);
    let open = |r: &RegionState| r.region == *region && r.ask.as_ref().is_some_and(|a| a.ordinal == ordinal);
    let Some(place) = whole.regions.iter().position(open) else { return draft.finish() };
    draft.material = true;
    let state = &mut draft.next.regions[place];
    let Some(ask) = state.ask.take() else { return draft.finish() };
    match answer {
        Answer::Done { run } => match ask.action {
            Action::Start => state.run.clone_from(run),
            Action::Pause => state.held = true,
            Action::Resume => (state.held, state.again) = (false, false),
            Action::Rollback | Action::Abort => {}
        },
        Answer::Refused { why } => {
            state.refused = Some((ask.action, state.status(), why.clone()));
            let region = region.clone();
            draft.publish(Notice::RegionRefused {
                region: region.clone(),
                action: ask.action,
                why: why.clone(),
            });
            if ask.action == Action::Start {
                draft.halt(Some(region), Cause::Refused, why.clone(), Brake::Starts);
            }
        }
    }
    draft.finish()
}
