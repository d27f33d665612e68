//! A data plane and its control plane in one process: splits one way, reports the other.
//!
//! It is the data-plane protocol of contract section 6 without the HTTP: every second, and at once on
//! a burst of errors or a newly confirmed epoch, the cumulative counters go to whoever decides; every
//! change of the split goes to the data plane. There is no dead man to mind: both live and die together.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use fw_api::{Report, ReportAnswer};
use fw_model::Split;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use crate::{Applied, DataPlane};

/// How often counters are reported without a reason to do so sooner.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Shortest time between two reports.
const REPORT_GAP_MIN: Duration = Duration::from_millis(50);

/// Applies every split and hands every report to `take`, until `stop` turns true; then reports once more.
///
/// `take` answers with the epochs that may be forgotten, or in words why the report was not taken;
/// counters are cumulative, so the next report makes up for it.
pub async fn drive<P, T, F>(
    plane: Arc<P>,
    mut splits: watch::Receiver<Arc<Split>>,
    mut stop: watch::Receiver<bool>,
    take: T,
) where
    P: DataPlane,
    T: Fn(Report) -> F,
    F: Future<Output = Result<ReportAnswer, String>>,
{
    let mut ticks = tokio::time::interval(REPORT_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Instant::now();
    loop {
        let stopping = tokio::select! {
            _ = ticks.tick() => false,
            () = plane.burst() => false,
            changed = splits.changed() => {
                if changed.is_ok() {
                    apply(&*plane, splits.borrow_and_update().as_ref().clone());
                    // The confirmation follows as a burst, when the last request of the old epoch was sent.
                    continue;
                }
                true
            }
            _ = stop.wait_for(|stop| *stop) => true,
        };
        if !stopping && last.elapsed() < REPORT_GAP_MIN {
            tokio::time::sleep(REPORT_GAP_MIN - last.elapsed()).await;
        }
        last = Instant::now();
        match take(plane.report()).await {
            Ok(answer) => plane.forget(&answer.closed_epochs),
            Err(why) => tracing::warn!(%why, "a report was not taken"),
        }
        if stopping {
            return;
        }
    }
}

fn apply(plane: &impl DataPlane, split: Split) {
    let epoch = split.epoch.0;
    if let Applied::Refused(why) = plane.apply(split) {
        tracing::error!(epoch, %why, "the data plane can't use this split; the one before stays");
    }
}
