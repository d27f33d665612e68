//! Flagger: a counter of failed checks that is compared before the next check.
//!
//! Source: fluxcd/flagger, `pkg/controller/scheduler.go`. A missing value is a failed check; the counter never goes
//! down; so a bad canary stays for (threshold + 1) intervals.

use super::{WINDOW_MS, Window};

/// Flagger with an interval of a minute.
#[derive(Debug)]
pub(super) struct Flagger {
    threshold: u32,
    failed: u32,
    next_ms: u64,
}

impl Flagger {
    pub(super) fn new(threshold: u32) -> Flagger {
        Flagger { threshold, failed: 0, next_ms: WINDOW_MS }
    }

    /// The last minute at `at_ms`. Returns whether it rolls back.
    pub(super) fn look(&mut self, at_ms: u64, window: Window) -> bool {
        if at_ms < self.next_ms {
            return false;
        }
        self.next_ms += WINDOW_MS;
        if self.failed >= self.threshold {
            return true;
        }
        // It stops at the first bad metric, so a tick counts once.
        let is_sound = window.succeeds() == Some(true) && window.is_quick() == Some(true);
        self.failed += u32::from(!is_sound);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The minute in which it rolls back, given each minute's window.
    fn minute(threshold: u32, window: impl Fn(u64) -> Window) -> Option<u64> {
        let mut flagger = Flagger::new(threshold);
        (1..=30).find(|&m| flagger.look(m * WINDOW_MS, window(m)))
    }

    #[test]
    fn a_bad_canary_stays_one_interval_longer_than_the_threshold() {
        let bad = |_| Window { requests: 100, errors: 5, over: 0 };
        assert_eq!((minute(1, bad), minute(5, bad), minute(10, bad)), (Some(2), Some(6), Some(11)));
        let slow = |_| Window { requests: 100, errors: 0, over: 2 };
        assert_eq!(minute(5, slow), Some(6));
    }

    #[test]
    fn failures_add_up_and_no_traffic_is_a_failure() {
        let every_second =
            |m: u64| Window { requests: 100, errors: if m.is_multiple_of(2) { 5 } else { 1 }, over: 0 };
        assert_eq!(minute(5, every_second), Some(11));
        assert_eq!(minute(5, |_| Window::default()), Some(6));
        assert_eq!(minute(5, |_| Window { requests: 100, errors: 1, over: 1 }), None);
    }
}
