//! Argo Rollouts: an analysis run that fails when one metric failed more than `failureLimit` times.
//!
//! Source: argoproj/argo-rollouts, `analysis/analysis.go`. Interval 1 min, failureLimit 3, first measurement after a
//! minute (`initialDelay`). A measurement without data is an error; errors are retried every 10 s, and more than
//! four in a row abort.

use super::{WINDOW_MS, Window};

/// Failures of a metric that are allowed.
const FAILURE_LIMIT: u32 = 3;
/// Errors in a row that are allowed.
const ERROR_LIMIT: u32 = 4;
/// Time to the next measurement after an error, ms.
const RETRY_MS: u64 = 10_000;

/// One metric's measurements.
#[derive(Debug, Clone, Copy)]
struct Metric {
    next_ms: u64,
    failed: u32,
    errors_in_row: u32,
}

/// An analysis run with two metrics.
#[derive(Debug)]
pub(super) struct Argo {
    metrics: [Metric; 2],
}

impl Default for Argo {
    fn default() -> Argo {
        Argo { metrics: [Metric { next_ms: WINDOW_MS, failed: 0, errors_in_row: 0 }; 2] }
    }
}

impl Argo {
    /// The last minute at `at_ms`. Returns whether it aborts.
    pub(super) fn look(&mut self, at_ms: u64, window: Window) -> bool {
        let values = [window.succeeds(), window.is_quick()];
        let [success, quick] = &mut self.metrics;
        // Both are measured, whatever the first one says.
        let bad = [success.measure(at_ms, values[0]), quick.measure(at_ms, values[1])];
        bad.contains(&true)
    }
}

impl Metric {
    fn measure(&mut self, at_ms: u64, value: Option<bool>) -> bool {
        if at_ms < self.next_ms {
            return false;
        }
        self.next_ms = at_ms + if value.is_some() { WINDOW_MS } else { RETRY_MS };
        match value {
            None => self.errors_in_row += 1,
            Some(is_sound) => {
                self.errors_in_row = 0;
                self.failed += u32::from(!is_sound);
            }
        }
        self.failed > FAILURE_LIMIT || self.errors_in_row > ERROR_LIMIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second in which it aborts, given each second's window.
    fn second(window: impl Fn(u64) -> Window) -> Option<u64> {
        let mut argo = Argo::default();
        (1..=1800).find(|&s| argo.look(s * 1000, window(s)))
    }

    #[test]
    fn the_fourth_failure_aborts_and_the_third_does_not() {
        assert_eq!(second(|_| Window { requests: 100, errors: 5, over: 0 }), Some(240));
        assert_eq!(second(|s| Window { requests: 100, errors: if s <= 180 { 5 } else { 0 }, over: 0 }), None);
    }

    #[test]
    fn each_metric_has_its_own_count() {
        let window = |s: u64| {
            let minute = s / 60;
            let errors = if minute.is_multiple_of(2) { 5 } else { 0 };
            Window { requests: 100, errors, over: 5 - errors }
        };
        // Minutes 2, 4, 6 and 8 fail by errors, 1, 3, 5 and 7 by time.
        assert_eq!(second(window), Some(420));
    }

    #[test]
    fn five_measurements_without_data_abort() {
        assert_eq!(second(|_| Window::default()), Some(100));
        let gap =
            |s: u64| if s < 90 { Window::default() } else { Window { requests: 9, errors: 0, over: 0 } };
        assert_eq!(second(gap), None);
    }
}
