//! The state of a regional rollout: everything a decision may depend on, and nothing its journal can't give.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fw_model::{Region, RunId, Timestamp};

use super::{Action, Ask, Seen, Standing, WavesPlan};
use crate::rollout::{self, Waiting};

/// A region that did not answer for this long (watched time) counts as unreachable.
pub const UNREACHABLE_AFTER: Duration = Duration::from_secs(10);

/// Where a regional rollout is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// No region runs yet.
    Pending,
    /// Under way.
    Running,
    /// A person paused it.
    Paused,
    /// Something is wrong: nothing begins or goes on before a person says so.
    Halted,
    /// Regions go back to stable.
    RollingBack,
    /// Every region that had begun is at stable.
    RolledBack,
    /// Regions are being ended.
    Aborting,
    /// The canary is the version of every region.
    Completed,
    /// Over: some regions have the canary for good, others not.
    Partial,
    /// A person ended it before any region was complete.
    Aborted,
}

impl Status {
    /// Every status, in the order of a life.
    pub const ALL: [Status; 10] = [
        Status::Pending,
        Status::Running,
        Status::Paused,
        Status::Halted,
        Status::RollingBack,
        Status::RolledBack,
        Status::Aborting,
        Status::Completed,
        Status::Partial,
        Status::Aborted,
    ];

    /// The word in the API and the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Running => "running",
            Status::Paused => "paused",
            Status::Halted => "halted",
            Status::RollingBack => "rolling_back",
            Status::RolledBack => "rolled_back",
            Status::Aborting => "aborting",
            Status::Completed => "completed",
            Status::Partial => "partial",
            Status::Aborted => "aborted",
        }
    }

    /// Whether a new one of the service must wait for this one.
    pub fn is_under_way(self) -> bool {
        match self {
            Status::Pending
            | Status::Running
            | Status::Paused
            | Status::Halted
            | Status::RollingBack
            | Status::Aborting => true,
            Status::RolledBack | Status::Completed | Status::Partial | Status::Aborted => false,
        }
    }

    /// Whether nothing will ever happen to it again.
    pub fn is_final(self) -> bool {
        matches!(self, Status::Completed | Status::Partial | Status::Aborted)
    }
}

/// What a person, or the beginning, wants of all regions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Go on.
    Run,
    /// Stand still.
    Hold,
    /// All at stable.
    Back,
    /// Over.
    Abort,
}

/// Why nothing begins or goes on before a person says so.
#[derive(Debug, Clone, PartialEq)]
pub struct Halt {
    /// The region it came from; none when all together showed it.
    pub region: Option<Region>,
    /// What kind of reason.
    pub cause: Cause,
    /// In words.
    pub why: String,
    /// What the other regions do.
    pub brake: Brake,
    /// When it was decided.
    pub since: Timestamp,
}

/// What halted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A region went back.
    RolledBack,
    /// A person ended a region.
    Aborted,
    /// A region is shown to be bad, and does not go back by itself.
    Degraded,
    /// All regions together show that the canary is worse.
    Pooled,
    /// A region will not begin.
    Refused,
}

/// What the other regions do in a halt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brake {
    /// None begins; those that run go on.
    Starts,
    /// None begins, those that run hold.
    Hold,
    /// All go back to stable.
    Back,
}

/// A region that does not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Away {
    /// Since when.
    pub since: Timestamp,
    /// Watched time.
    pub watched: Duration,
    /// In words.
    pub why: String,
    /// Whether people were told.
    pub told: bool,
}

/// One test's evidence over the attempts of a region within one attempt of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Stake {
    /// ln of what earlier attempts of the region left.
    pub(super) carried: f64,
    /// ln of the e-value when this attempt of the whole began.
    pub(super) base: f64,
    /// ln of the e-value at the last look that was kept.
    pub(super) last: f64,
}

/// One region, as the whole knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionState {
    /// Which.
    pub region: Region,
    /// The wave it is in, from 0.
    pub wave: usize,
    /// Its rollout, once it began.
    pub run: Option<String>,
    /// When its beginning was asked for.
    pub began_at: Option<Timestamp>,
    /// How its rollout stood when last seen.
    pub seen: Option<Box<Seen>>,
    /// Since it no longer answers.
    pub away: Option<Away>,
    /// Watched time in which nothing spoke against it.
    pub good_for: Duration,
    /// What was asked and is not yet answered.
    pub ask: Option<Ask>,
    /// What it refused, in which status, and in which words.
    pub refused: Option<(Action, Option<rollout::Status>, String)>,
    /// Whether it is the whole that holds it.
    pub held: bool,
    /// Whether a person let it go on although the whole holds.
    pub freed: bool,
    /// Whether it shall go on after a rollback, as a person said.
    pub again: bool,
    /// Whether it went back, was ended or is degraded, in this attempt of the whole.
    pub fallen: bool,
    /// Evidence by test.
    pub(super) stakes: BTreeMap<String, Stake>,
}

impl RegionState {
    pub(super) fn new(region: Region, wave: usize) -> RegionState {
        RegionState {
            region,
            wave,
            run: None,
            began_at: None,
            seen: None,
            away: None,
            good_for: Duration::ZERO,
            ask: None,
            refused: None,
            held: false,
            freed: false,
            again: false,
            fallen: false,
            stakes: BTreeMap::new(),
        }
    }

    /// Where its rollout was when last seen; none before it began.
    pub fn status(&self) -> Option<rollout::Status> {
        self.seen.as_ref().map(|seen| seen.status)
    }

    /// Whether its rollout has begun, or is asked to.
    pub fn has_begun(&self) -> bool {
        self.began_at.is_some()
    }

    /// Whether it takes no part any more: it fell, or was ended.
    pub fn is_out(&self) -> bool {
        self.fallen || self.status() == Some(rollout::Status::Aborted)
    }

    /// Whether it is complete.
    pub fn is_completed(&self) -> bool {
        self.status() == Some(rollout::Status::Completed)
    }

    /// Whether it counts as unreachable: longer than a hiccup.
    pub fn is_unreachable(&self) -> bool {
        self.away.as_ref().is_some_and(|away| away.watched >= UNREACHABLE_AFTER)
    }

    /// Whether nothing of it changes by itself: it has not begun, or its rollout is over.
    pub fn is_at_rest(&self) -> bool {
        self.ask.is_none()
            && match self.status() {
                None => !self.has_begun() || self.refused.is_some(),
                Some(status) => !status.is_under_way() && !self.again,
            }
    }

    /// Whether it is fine at the last look.
    pub fn is_good(&self) -> bool {
        let standing = self.seen.as_ref().map(|seen| seen.standing);
        self.away.is_none() && !self.is_out() && matches!(standing, Some(Standing::Healthy | Standing::Open))
    }
}

/// One canary version over several regions.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionalRollout {
    /// Which one: the service without a region, and a number.
    pub run: RunId,
    /// The plan it began with and keeps.
    pub plan: Arc<WavesPlan>,
    /// Where it is in its life.
    pub status: Status,
    /// What is wanted of all regions.
    pub wanted: Wanted,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was over for good.
    pub ended_at: Option<Timestamp>,
    /// From 1; going on after a halt or a rollback begins a new one, with a new promise of α.
    pub attempt: u32,
    /// When it last went on after a halt or a rollback; staggers count from then.
    pub resumed_at: Option<Timestamp>,
    /// When each wave began.
    pub waves: Vec<Option<Timestamp>>,
    /// In the order of the plan.
    pub regions: Vec<RegionState>,
    /// Why nothing begins or goes on.
    pub halt: Option<Halt>,
    /// Whether a person went on in spite of the pooled evidence, in this attempt.
    pub pooled_overridden: bool,
    /// Asks so far: makes their ordinals.
    pub asks: u64,
    /// Why it stands still, as last reported.
    pub waiting: Vec<Waiting>,
}

impl RegionalRollout {
    /// A region of it.
    pub fn region(&self, region: &Region) -> Option<&RegionState> {
        self.regions.iter().find(|state| state.region == *region)
    }

    /// The next wave that has not begun.
    pub fn next_wave(&self) -> Option<usize> {
        self.waves.iter().position(Option::is_none)
    }
}
