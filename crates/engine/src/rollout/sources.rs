//! Data planes as the engine sees them: live, silent, confirmed.
//!
//! Silence is the absence of reports; a report with zero requests is low traffic, not silence.

use std::time::Duration;

use super::SourceSeen;
use crate::rollout::{Moving, Rollout, Status};

/// A data plane that reported within this time is live.
pub const LIVE_FOR: Duration = Duration::from_secs(5);
/// A live data plane without a report for this long is silent.
pub const SILENT_AFTER: Duration = Duration::from_secs(3);
/// One that fell silent during a rollback is waited for this long.
pub const FELL_SILENT_AFTER: Duration = Duration::from_secs(10);

impl SourceSeen {
    /// Reported within 5 s.
    pub fn is_live(&self) -> bool {
        self.silent_for <= LIVE_FOR
    }

    /// Live, but without a report for 3 s.
    pub fn is_silent(&self) -> bool {
        self.is_live() && self.silent_for >= SILENT_AFTER
    }
}

/// What the data planes' reports mean for a rollout now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Planes {
    /// Live ones.
    pub(super) live: usize,
    /// Live ones without a report for 3 s.
    pub(super) silent: Vec<String>,
    /// Live ones that have not confirmed the rollout's epoch.
    pub(super) behind: Vec<String>,
    /// Those that fell silent during the rollback and are still waited for.
    pub(super) falling: Vec<String>,
}

impl Planes {
    pub(super) fn of(rollout: &Rollout, sources: &[SourceSeen]) -> Planes {
        let live = || sources.iter().filter(|s| s.is_live());
        let names =
            |keep: &dyn Fn(&&SourceSeen) -> bool| live().filter(keep).map(|s| s.id.to_string()).collect();
        Planes {
            live: live().count(),
            silent: names(&|s| s.is_silent()),
            behind: names(&|s| s.confirmed < rollout.epoch),
            falling: falling(rollout, sources),
        }
    }

    /// Whether every live one confirmed and there is one.
    pub(super) fn all_confirmed(&self) -> bool {
        self.live > 0 && self.behind.is_empty()
    }
}

fn falling(rollout: &Rollout, sources: &[SourceSeen]) -> Vec<String> {
    let Some(moving) = rollout.moving.as_ref().filter(|_| rollout.status == Status::RollingBack) else {
        return vec![];
    };
    let waited = |s: &&SourceSeen| !s.is_live() && stand(rollout, moving, s) == Stand::Awaited;
    sources.iter().filter(waited).map(|s| s.id.to_string()).collect()
}

/// How a rollback stands with one data plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stand {
    /// It confirmed the rollback's epoch.
    Confirmed,
    /// It has not, and is live or not yet silent for long.
    Awaited,
    /// It fell silent for 10 s without confirming.
    Unconfirmed,
    /// It was gone before the rollback began.
    Gone,
}

/// How a rollback stands with a data plane. One that was awaited but is no longer listed counts as fallen silent.
pub(crate) fn stand(rollout: &Rollout, moving: &Moving, source: &SourceSeen) -> Stand {
    if source.confirmed >= rollout.epoch {
        Stand::Confirmed
    } else if source.is_live() {
        Stand::Awaited
    } else if !moving.awaited.contains(&source.id) {
        Stand::Gone
    } else if source.silent_for < FELL_SILENT_AFTER {
        Stand::Awaited
    } else {
        Stand::Unconfirmed
    }
}
