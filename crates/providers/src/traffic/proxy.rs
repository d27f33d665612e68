//! The built-in proxy as a router: splits one way, reports the other.
//!
//! Every second, and at once on a burst of errors or a newly confirmed epoch, the proxy's
//! cumulative counters go to whoever decides; every change of the split goes to the proxy. It is the
//! data-plane protocol of contract section 6 without the HTTP. There is nothing to render: the proxy
//! takes a split as it is.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use fw_api::{Report, ReportAnswer};
use fw_model::Split;
use fw_proxy::{Applied, Proxy};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

/// How often counters are reported without a reason to do so sooner.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Shortest time between two reports.
const REPORT_GAP_MIN: Duration = Duration::from_millis(50);

/// Applies every split and hands every report to `take`, until `stop` turns true; then reports once more.
///
/// `take` answers with the epochs that may be forgotten, or in words why the report was not taken;
/// counters are cumulative, so the next report makes up for it.
pub async fn drive<T, F>(
    proxy: Arc<Proxy>,
    mut splits: watch::Receiver<Arc<Split>>,
    mut stop: watch::Receiver<bool>,
    take: T,
) where
    T: Fn(Report) -> F,
    F: Future<Output = Result<ReportAnswer, String>>,
{
    let mut ticks = tokio::time::interval(REPORT_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Instant::now();
    loop {
        let stopping = tokio::select! {
            _ = ticks.tick() => false,
            () = proxy.burst() => false,
            changed = splits.changed() => {
                if changed.is_ok() {
                    apply(&proxy, splits.borrow_and_update().as_ref().clone());
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
        match take(proxy.report()).await {
            Ok(answer) => proxy.forget(&answer.closed_epochs),
            Err(why) => tracing::warn!(target: "fw_providers", %why, "a report was not taken"),
        }
        if stopping {
            return;
        }
    }
}

fn apply(proxy: &Proxy, split: Split) {
    let epoch = split.epoch.0;
    if let Applied::Refused(why) = proxy.apply(split) {
        tracing::error!(target: "fw_providers", epoch, %why, "the proxy can't route by this split; the one before stays");
    }
}
