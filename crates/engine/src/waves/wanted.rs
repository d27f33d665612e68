//! From what is wanted of all to what is asked of one region: the difference between what it shall do and what it does.
//!
//! Nothing is asked while an ask is open, of a region that is away, or again after a refusal in the same status.

use super::{Action, Brake, RegionState, RegionalRollout, Wanted};
use crate::rollout::Status as Life;

/// What one region shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shall {
    /// Go on.
    Run,
    /// Stand still.
    Hold,
    /// Be at stable.
    Back,
    /// Be over.
    End,
    /// Whatever it does by itself.
    AsItDoes,
}

/// What a region shall do now.
pub(super) fn shall(whole: &RegionalRollout, region: &RegionState) -> Shall {
    match (whole.wanted, &whole.halt) {
        (Wanted::Abort, _) => Shall::End,
        (Wanted::Back, _) => Shall::Back,
        (Wanted::Run | Wanted::Hold, Some(halt)) if halt.region.as_ref() == Some(&region.region) => {
            Shall::AsItDoes
        }
        (Wanted::Run | Wanted::Hold, Some(halt)) if halt.brake == Brake::Back => Shall::Back,
        (Wanted::Hold, _) => Shall::Hold,
        (Wanted::Run, Some(halt)) if halt.brake == Brake::Hold => Shall::Hold,
        // Those that run go on by themselves; those that are held or went back wait for a person.
        (Wanted::Run, Some(_)) => Shall::AsItDoes,
        (Wanted::Run, None) => Shall::Run,
    }
}

/// What must be asked of a region for that; none when it does so already, or can't be asked.
pub(super) fn ask(whole: &RegionalRollout, region: &RegionState) -> Option<Action> {
    if region.ask.is_some() || region.away.is_some() {
        return None;
    }
    let seen = region.seen.as_ref()?;
    let wanted = match (shall(whole, region), seen.status) {
        (Shall::Run, Life::Paused) if region.held => Some(Action::Resume),
        (Shall::Run, Life::RolledBack) if region.again => Some(Action::Resume),
        (Shall::Hold, Life::Running) if !region.held && !region.freed => Some(Action::Pause),
        (Shall::Back, Life::Running | Life::Paused | Life::Completed) => Some(Action::Rollback),
        (Shall::Back, Life::Pending) => Some(Action::Abort),
        (Shall::Back, Life::RolledBack) if seen.phase.is_some() => Some(Action::Abort),
        (Shall::End, Life::Pending | Life::Running | Life::Paused | Life::RollingBack | Life::RolledBack) => {
            Some(Action::Abort)
        }
        (Shall::Run | Shall::Hold | Shall::Back | Shall::End | Shall::AsItDoes, _) => None,
    };
    let refused = |action| {
        region.refused.as_ref().is_some_and(|(what, when, _)| *what == action && *when == Some(seen.status))
    };
    wanted.filter(|action| !refused(*action))
}
