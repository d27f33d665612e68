//! A running proxy that follows its control plane: take splits, send reports, mind the dead man.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fw_model::{Split, Variant, Weight};

use super::backoff::Backoff;
use super::control::{Control, ControlError, checked};
use super::state;
use crate::proxy::{Applied, Proxy};

/// Reports go out so often, and at once after a burst of errors or a newly confirmed epoch.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// But not closer together than this.
const REPORT_GAP: Duration = Duration::from_millis(100);

/// What is known of the control plane.
#[derive(Debug)]
struct Known {
    /// The split it gave last.
    split: Split,
    heard: Instant,
    /// The dead man's switch is thrown.
    dead: bool,
    /// Its last refusal or failure, so that each is logged once.
    complaint: Option<String>,
}

/// A proxy and the control plane it follows.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) proxy: Proxy,
    control: Control,
    state_file: Option<PathBuf>,
    known: Mutex<Known>,
}

impl Follower {
    /// `split` is what the proxy was started with.
    pub(super) fn new(proxy: Proxy, control: Control, state_file: Option<PathBuf>, split: Split) -> Follower {
        let known = Known { split, heard: Instant::now(), dead: false, complaint: None };
        Follower { proxy, control, state_file, known: Mutex::new(known) }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Plain assignments under the lock: sound after a panic elsewhere.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows the stream of splits for ever. Never returns.
    pub(super) async fn follow_splits(&self) {
        let mut backoff = Backoff::new();
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
    pub(super) async fn report(&self) {
        loop {
            let began = tokio::time::Instant::now();
            self.report_once().await;
            tokio::time::sleep_until(began + REPORT_GAP).await;
            tokio::select! {
                () = tokio::time::sleep_until(began + REPORT_EVERY) => {}
                () = self.proxy.burst() => {}
            }
        }
    }

    /// Sends one report and takes what it is answered.
    pub(super) async fn report_once(&self) {
        let report = self.proxy.report();
        match self.control.report(&report).await {
            Ok(answer) => {
                self.heard();
                self.proxy.forget(&answer.closed_epochs);
                match checked(answer.split, self.control.key()) {
                    Ok(split) => self.take(split).await,
                    Err(error) => self.complain("the answer to a report", &error),
                }
            }
            Err(error) => self.complain("reporting", &error),
        }
    }

    /// Throws the dead man's switch when the control plane was silent for too long. Never returns.
    pub(super) async fn mind_dead_man(&self) {
        loop {
            tokio::time::sleep(REPORT_EVERY / 4).await;
            let split = {
                let mut known = self.known();
                let Some(dead_man) = known.split.dead_man else { continue };
                if known.dead || known.heard.elapsed() < dead_man.after {
                    continue;
                }
                known.dead = true;
                tracing::warn!(after = ?dead_man.after, then = %dead_man.then,
                    "no word from the control plane: the dead man's switch moves all traffic");
                let canary = if dead_man.then == Variant::Canary { Weight::FULL } else { Weight::ZERO };
                Split { canary, ..known.split.clone() }
            };
            self.proxy.apply(split);
        }
    }

    /// The control plane lives; what the dead man's switch did is undone.
    fn heard(&self) {
        let mut known = self.known();
        known.heard = Instant::now();
        if known.complaint.take().is_some() {
            tracing::info!("the control plane answers again");
        }
        if std::mem::take(&mut known.dead) {
            tracing::info!(epoch = known.split.epoch.0, "back to the split of the control plane");
            self.proxy.apply(known.split.clone());
        }
    }

    async fn take(&self, split: Split) {
        match self.proxy.apply(split.clone()) {
            Applied::Older | Applied::Unchanged | Applied::Refused(_) => return,
            Applied::Taken | Applied::OtherLog => {}
        }
        tracing::info!(epoch = split.epoch.0, canary_percent = split.canary.percent(), "new split");
        self.known().split = split.clone();
        self.save(split).await;
    }

    /// Keeps the split on disk; without a state directory it does nothing.
    pub(super) async fn save(&self, split: Split) {
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
            let epoch = known.split.epoch.0;
            tracing::warn!(%what, error = %text, epoch, "the control plane can't be reached; the last split stays in force");
            known.complaint = Some(text);
        }
    }
}
