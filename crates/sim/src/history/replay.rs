//! A recorded run's observations under another plan: what it would have decided, and when.
//!
//! People's commands are not made again. The replay ends where the recording has no canary traffic any more: at its
//! own rollback, abort or end.

use std::collections::BTreeMap;
use std::sync::Arc;

use fw_engine::rollout::{Delta, SourceSeen};
use fw_engine::{Event, Look, Rollout, Started, Status, begin, step};
use fw_model::{Epoch, Plan, Timestamp, Variant, Weight};
use serde::Serialize;

use super::follow::{follow, seconds};
use super::{HistoryError, Recorded, Story};

/// What was, and what would have been.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    /// The run, such as `checkout.7`.
    pub run: String,
    /// As it was, made again by this version's engine.
    pub recorded: Story,
    /// Under the other plan.
    pub replayed: Story,
    /// Canary requests that the other plan would have exposed less (or more, below 0); counted while both are known.
    pub canary_requests_saved: i64,
    /// What the replay can't know.
    pub notes: Vec<String>,
}

/// Replays a run under another plan.
///
/// # Errors
/// [`HistoryError`] when the run can't be followed, or the plan can't begin.
pub fn replay(events: &[Recorded], plan: &Plan) -> Result<Replay, HistoryError> {
    let mut recorded = Story::new();
    let mut other: Option<Result<Other, HistoryError>> = None;
    let last = follow(events, |before, event, transition| {
        recorded.tell(transition, event.at);
        match (before, &event.event) {
            (None, Event::Started(started)) => other = Some(Other::begin(started, plan, event.at)),
            (Some(before), happened) => {
                if let Some(Ok(other)) = &mut other {
                    other.take(before, happened, event.at);
                }
            }
            (None, _) => {}
        }
    })?;
    let other = other.ok_or(HistoryError::Incomplete)??;
    let notes = other.notes(&last);
    let saved = recorded.canary_requests as i64 - other.story.canary_requests as i64;
    Ok(Replay {
        run: last.run.to_string(),
        recorded,
        replayed: other.story,
        canary_requests_saved: saved,
        notes,
    })
}

/// The rollout under the other plan.
struct Other {
    rollout: Rollout,
    story: Story,
    /// Seconds of watched time whose counts came from another share: (recorded, this plan's) → seconds.
    foreign: BTreeMap<(Weight, Weight), f64>,
    /// People's commands that were left out.
    commands: u64,
    /// When the recording had no canary traffic any more.
    dried_up: Option<Timestamp>,
}

impl Other {
    fn begin(started: &Started, plan: &Plan, at: Timestamp) -> Result<Other, HistoryError> {
        let started =
            Started { plan: Arc::new(plan.clone()), plan_hash: "replayed".into(), ..started.clone() };
        let begun = begin(&started, at).map_err(HistoryError::UnsoundPlan)?;
        let mut story = Story::new();
        story.tell(&begun, at);
        Ok(Other { rollout: begun.next, story, foreign: BTreeMap::new(), commands: 0, dried_up: None })
    }

    fn is_over(&self) -> bool {
        self.dried_up.is_some()
            || !self.rollout.status.is_under_way()
            || self.rollout.status == Status::RollingBack
    }

    /// Takes in what happened to the recorded run, whose state before was `was`.
    fn take(&mut self, was: &Rollout, happened: &Event, at: Timestamp) {
        if self.is_over() {
            return;
        }
        let Event::Looked(look) = happened else {
            self.commands += 1;
            return;
        };
        if was.canary == Weight::ZERO || was.status == Status::RollingBack {
            self.dried_up = Some(at);
            return;
        }
        let mine = self.rollout.canary;
        if was.canary != mine && look.deltas.iter().any(|d| d.variant == Variant::Canary) {
            *self.foreign.entry((was.canary, mine)).or_default() += look.watched.as_secs_f64();
        }
        let event = Event::Looked(self.translated(look, was));
        // A look is possible in every state.
        let Ok(transition) = step(&self.rollout, &event, at) else { return };
        self.story.tell(&transition, at);
        self.rollout = transition.next;
    }

    /// The look with this rollout's epoch in the place of the recorded one's.
    fn translated(&self, look: &Look, was: &Rollout) -> Look {
        let epoch = self.rollout.epoch;
        let own = look.deltas.iter().filter(|delta| delta.epoch >= was.first_epoch);
        let deltas = own.map(|delta| Delta { epoch, ..delta.clone() }).collect();
        let confirmed = |source: &SourceSeen| {
            if source.confirmed >= was.epoch { epoch } else { Epoch(epoch.0.saturating_sub(1)) }
        };
        let sources =
            look.sources.iter().map(|s| SourceSeen { confirmed: confirmed(s), ..s.clone() }).collect();
        Look { deltas, sources, ..look.clone() }
    }

    fn notes(&self, last: &Rollout) -> Vec<String> {
        let mut notes = vec![];
        for ((recorded, mine), time) in &self.foreign {
            notes.push(format!(
                "for {time:.0} s the recording had {} % of traffic on the canary where this plan has {} %: its counts are used as observed",
                recorded.percent(),
                mine.percent()
            ));
        }
        if self.commands > 0 {
            notes.push(format!("{} commands of people were left out", self.commands));
        }
        if let Some(at) = self.dried_up {
            notes.push(format!(
                "from {:.0} s on the recording has no canary traffic: what this plan would have seen then is not known",
                seconds(last.started_at, at)
            ));
        } else if self.rollout.status.is_under_way() && self.rollout.status != Status::RollingBack {
            notes.push("the recording ends before this plan does".into());
        }
        notes
    }
}
