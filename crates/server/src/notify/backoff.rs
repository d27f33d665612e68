//! How long to wait before the next try: doubling, with jitter, so that servers do not come back in step.

use std::time::Duration;

use super::Timing;

/// The waits between tries of one event.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
    longest: Duration,
    random: fastrand::Rng,
}

impl Backoff {
    pub(super) fn new(timing: &Timing) -> Backoff {
        Backoff { next: timing.first_wait, longest: timing.longest_wait, random: fastrand::Rng::new() }
    }

    /// The wait now: between half and all of a time that doubles up to the longest.
    pub(super) fn wait(&mut self) -> Duration {
        let wait = self.next.mul_f64(0.5 + self.random.f64() / 2.0);
        self.next = self.next.saturating_mul(2).min(self.longest);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_are_never_in_step() {
        let timing = Timing::default();
        let mut backoff = Backoff::new(&timing);
        for n in 0..40 {
            let full = timing.first_wait.saturating_mul(1 << n.min(20)).min(timing.longest_wait);
            let wait = backoff.wait();
            assert!(wait >= full / 2 && wait <= full, "{n}: {wait:?} of {full:?}");
        }
        let waits: Vec<Duration> = (0..20).map(|_| Backoff::new(&timing).wait()).collect();
        assert!(waits.iter().any(|wait| *wait != waits[0]));
    }
}
