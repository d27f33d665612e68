//! How long to wait before the next try: doubling, with jitter, so that a thousand data planes do not
//! come back in step.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// The waits between tries.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
    rng: fastrand::Rng,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff { next: FIRST, rng: fastrand::Rng::new() }
    }
}

impl Backoff {
    /// It worked: the next wait is short again.
    pub fn reset(&mut self) {
        self.next = FIRST;
    }

    /// The wait now: between half and all of a time that doubles up to `LONGEST`.
    pub fn wait(&mut self) -> Duration {
        let wait = self.next.mul_f64(0.5 + self.rng.f64() / 2.0);
        self.next = (self.next * 2).min(LONGEST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit_and_begin_anew() {
        let mut backoff = Backoff::default();
        let waits: Vec<Duration> = (0..20).map(|_| backoff.wait()).collect();
        assert!(waits[0] >= FIRST / 2 && waits[0] <= FIRST);
        assert!(waits[19] >= LONGEST / 2 && waits.iter().all(|wait| *wait <= LONGEST));
        backoff.reset();
        assert!(backoff.wait() <= FIRST);
    }
}
