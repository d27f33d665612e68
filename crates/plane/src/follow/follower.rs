//! A running data plane that follows its control plane: take splits, send reports, mind the dead man.
//!
//! Three loops over one connection each; [`Follower::run`] runs them together. A control plane that
//! can't be reached stops nothing: the last split stays in force, and is said once, not at every try.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fw_model::{Split, Variant, Weight};

use super::backoff::Backoff;
use super::control::{Control, ControlError, checked};
use super::state;
use crate::{Applied, DataPlane};

/// How often reports go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Without a reason to send one sooner (a burst of errors, a newly confirmed epoch). Default 1 s.
    pub every: Duration,
    /// Shortest time from one to the next. Default 100 ms.
    pub gap: Duration,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { every: Duration::from_secs(1), gap: Duration::from_millis(100) }
    }
}

/// The dead man's switch is looked at so often.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What is known of the control plane.
#[derive(Debug)]
struct Known {
    /// The split it gave last, now or before a restart.
    split: Option<Split>,
    heard: Instant,
    /// The dead man's switch is thrown.
    dead: bool,
    /// Its last refusal or failure, so that each is logged once.
    complaint: Option<String>,
}

/// A data plane and the control plane it follows.
#[derive(Debug)]
pub struct Follower<P> {
    plane: P,
    control: Control,
    state_file: Option<PathBuf>,
    pace: Pace,
    known: Mutex<Known>,
}

impl<P: DataPlane> Follower<P> {
    /// `split` is what the data plane begins with; none where it has yet to be told one. With a `state_file`
    /// each new split is kept there (see [`state`]).
    pub fn new(
        plane: P,
        control: Control,
        state_file: Option<PathBuf>,
        pace: Pace,
        split: Option<Split>,
    ) -> Follower<P> {
        let known = Known { split, heard: Instant::now(), dead: false, complaint: None };
        Follower { plane, control, state_file, pace, known: Mutex::new(known) }
    }

    /// The data plane.
    pub fn plane(&self) -> &P {
        &self.plane
    }

    /// Follows, reports and minds the dead man for ever. Never returns; dropping it stops it.
    pub async fn run(&self) {
        tokio::select! {
            () = self.follow_splits() => {}
            () = self.report() => {}
            () = self.mind_dead_man() => {}
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Plain assignments under the lock: sound after a panic elsewhere.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows the stream of splits for ever. Never returns.
    async fn follow_splits(&self) {
        let mut backoff = Backoff::default();
        loop {
            let error = self.follow_once(&mut backoff).await;
            self.complain("the split stream", &error);
            tokio::time::sleep(backoff.wait()).await;
        }
    }

    async fn follow_once(&self, backoff: &mut Backoff) -> ControlError {
        let mut splits = match self.control.splits().await {
            Ok(splits) => splits,
            Err(error) => return error,
        };
        loop {
            match splits.next().await {
                Ok(splits) => {
                    backoff.reset();
                    self.heard();
                    for split in splits {
                        self.take(split).await;
                    }
                }
                Err(error) => return error,
            }
        }
    }

    /// Reports for ever. Never returns.
    async fn report(&self) {
        loop {
            let began = tokio::time::Instant::now();
            self.report_once().await;
            tokio::time::sleep_until(began + self.pace.gap).await;
            tokio::select! {
                () = tokio::time::sleep_until(began + self.pace.every) => {}
                () = self.plane.burst() => {}
            }
        }
    }

    /// Sends one report and takes what it is answered. Whether it arrived.
    pub async fn report_once(&self) -> bool {
        let report = self.plane.report();
        match self.control.report(&report).await {
            Ok(answer) => {
                self.heard();
                self.plane.forget(&answer.closed_epochs);
                match checked(answer.split, self.control.key()) {
                    Ok(split) => self.take(split).await,
                    Err(error) => self.complain("the answer to a report", &error),
                }
                true
            }
            Err(error) => {
                self.complain("reporting", &error);
                false
            }
        }
    }

    /// Throws the dead man's switch when the control plane was silent for too long. Never returns.
    async fn mind_dead_man(&self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let split = {
                let mut known = self.known();
                let Some(split) = known.split.clone() else { continue };
                let Some(dead_man) = split.dead_man else { continue };
                if known.dead || known.heard.elapsed() < dead_man.after {
                    continue;
                }
                known.dead = true;
                tracing::warn!(after = ?dead_man.after, then = %dead_man.then,
                    "no word from the control plane: the dead man's switch moves all traffic");
                let canary = if dead_man.then == Variant::Canary { Weight::FULL } else { Weight::ZERO };
                Split { canary, ..split }
            };
            self.plane.apply(split);
        }
    }

    /// The control plane lives; what the dead man's switch did is undone.
    fn heard(&self) {
        let mut known = self.known();
        known.heard = Instant::now();
        if known.complaint.take().is_some() {
            tracing::info!("the control plane answers again");
        }
        if std::mem::take(&mut known.dead)
            && let Some(split) = known.split.clone()
        {
            tracing::info!(epoch = split.epoch.0, "back to the split of the control plane");
            self.plane.apply(split);
        }
    }

    async fn take(&self, split: Split) {
        match self.plane.apply(split.clone()) {
            Applied::Older | Applied::Unchanged | Applied::Refused(_) => return,
            Applied::Taken | Applied::OtherLog => {}
        }
        tracing::info!(epoch = split.epoch.0, canary_percent = split.canary.percent(), "new split");
        self.known().split = Some(split.clone());
        self.save(split).await;
    }

    /// Keeps the split on disk; without a state directory it does nothing.
    pub async fn save(&self, split: Split) {
        let Some(file) = self.state_file.clone() else { return };
        let shown = file.display().to_string();
        let saved = tokio::task::spawn_blocking(move || state::save(&file, &split)).await;
        match saved {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(file = %shown, %error, "the split could not be kept for a restart");
            }
            Err(error) => tracing::error!(%error, "keeping the split failed"),
        }
    }

    fn complain(&self, what: &str, error: &ControlError) {
        let text = super::with_causes(error);
        let mut known = self.known();
        if known.complaint.as_ref() != Some(&text) {
            let epoch = known.split.as_ref().map_or(0, |split| split.epoch.0);
            tracing::warn!(%what, error = %text, epoch, "the control plane can't be reached; the last split stays in force");
            known.complaint = Some(text);
        }
    }
}
