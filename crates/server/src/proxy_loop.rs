//! The in-process proxy and the core: splits one way, reports the other.
//!
//! Every second, and at once on a burst of errors or a newly confirmed epoch, the proxy's
//! cumulative counters go to the core; every change of the split goes to the proxy. The same
//! protocol as over HTTP, without the HTTP.

use std::sync::Arc;
use std::time::Duration;

use fw_model::{ServiceKey, Split};
use fw_proxy::Proxy;
use fw_runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

/// How often counters are reported without a reason to do so sooner.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Shortest time between two reports.
const REPORT_GAP_MIN: Duration = Duration::from_millis(50);

/// Runs until `stop` turns true, then reports once more.
pub(crate) async fn run(
    proxy: Arc<Proxy>,
    key: ServiceKey,
    handle: Handle,
    mut split: watch::Receiver<Arc<Split>>,
    mut stop: watch::Receiver<bool>,
) {
    let mut ticks = tokio::time::interval(REPORT_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Instant::now();
    loop {
        let stopping = tokio::select! {
            _ = ticks.tick() => false,
            () = proxy.burst() => false,
            changed = split.changed() => {
                let wanted = split.borrow_and_update().as_ref().clone();
                proxy.apply(wanted);
                // The confirmation follows as a burst, when the last request of the old epoch was sent.
                if changed.is_ok() { continue }
                true
            }
            _ = stop.wait_for(|stop| *stop) => true,
        };
        if !stopping && last.elapsed() < REPORT_GAP_MIN {
            tokio::time::sleep(REPORT_GAP_MIN - last.elapsed()).await;
        }
        last = Instant::now();
        report(&proxy, &key, &handle).await;
        if stopping {
            return;
        }
    }
}

async fn report(proxy: &Proxy, key: &ServiceKey, handle: &Handle) {
    match handle.report(key.clone(), proxy.report(), true).await {
        Ok(answer) => proxy.forget(&answer.closed_epochs),
        Err(refusal) => {
            tracing::warn!(target: "fw_server", service = %key, %refusal, "a report was not taken")
        }
    }
}
