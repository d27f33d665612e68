//! How other tools would have decided: their documented rules, re-implemented, on the same observations.
//!
//! Not the tools themselves: no scrape delay, no API errors, no redeployment. Each rule looks at requests that
//! failed and at response times, as the tools' own examples do: success at least 99 %, p99 at most 500 ms.
//! Each is free of its metric provider's delay, so it is faster here than it can be in use.

mod argo;
mod flagger;
mod kayenta;
mod rank;

use std::collections::VecDeque;

use crate::world::Seen;

pub use kayenta::{Judged, judge};

/// Errors of a sound window at most, per cent.
const ERRORS_PERCENT_MAX: u64 = 1;
/// Requests above 500 ms of a sound window at most, per cent: p99 ≤ 500 ms.
const SLOW_PERCENT_MAX: u64 = 1;
/// What a window looks back, ms.
const WINDOW_MS: u64 = 60_000;

/// Names of the rules, in the order of their answers.
pub const NAMES: [&str; 4] = ["flagger", "flagger10", "argo", "kayenta"];

/// What each rule is, in words, in the order of [`NAMES`].
pub const RULES: [&str; 4] = [
    "every minute: success >= 99 %, p99 <= 500 ms of the last minute; rolled back at the tick after 5 failed checks",
    "the same after 10 failed checks",
    "every minute, the same two conditions; aborted when one has failed more than 3 times, or 5 times without data",
    "every minute from the fifth: Mann-Whitney 98 % on per-minute error rate and p99 since the start, against stable",
];

/// The canary's requests of some time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) over: u64,
}

impl Window {
    /// Whether success is at least 99 %; none without requests.
    pub(crate) fn succeeds(self) -> Option<bool> {
        (self.requests > 0).then_some(100 * self.errors <= ERRORS_PERCENT_MAX * self.requests)
    }

    /// Whether p99 is at most 500 ms; none without requests.
    pub(crate) fn is_quick(self) -> Option<bool> {
        (self.requests > 0).then_some(100 * self.over <= SLOW_PERCENT_MAX * self.requests)
    }
}

/// All rules, fed look by look.
#[derive(Debug)]
pub(crate) struct Peers {
    recent: VecDeque<(u64, Window)>,
    flagger: [flagger::Flagger; 2],
    argo: argo::Argo,
    kayenta: kayenta::Kayenta,
    decided: [bool; 4],
}

impl Peers {
    pub(crate) fn new() -> Peers {
        Peers {
            recent: VecDeque::new(),
            flagger: [flagger::Flagger::new(5), flagger::Flagger::new(10)],
            argo: argo::Argo::default(),
            kayenta: kayenta::Kayenta::default(),
            decided: [false; 4],
        }
    }

    /// Whether every rule has decided.
    pub(crate) fn all_decided(&self) -> bool {
        self.decided.iter().all(|d| *d)
    }

    /// Takes in a look that ends at `at_ms`, stable first. Returns which rules roll back now.
    pub(crate) fn look(&mut self, at_ms: u64, seen: &[Seen; 2]) -> [bool; 4] {
        let canary = &seen[1];
        self.recent.push_back((
            at_ms,
            Window { requests: canary.requests, errors: canary.errors, over: canary.over },
        ));
        while self.recent.front().is_some_and(|(at, _)| at + WINDOW_MS <= at_ms) {
            self.recent.pop_front();
        }
        let window = self.recent.iter().fold(Window::default(), |sum, (_, look)| Window {
            requests: sum.requests + look.requests,
            errors: sum.errors + look.errors,
            over: sum.over + look.over,
        });
        let now = [
            self.flagger[0].look(at_ms, window),
            self.flagger[1].look(at_ms, window),
            self.argo.look(at_ms, window),
            self.kayenta.look(at_ms, seen),
        ];
        let mut fresh = [false; 4];
        for (i, rolls_back) in now.into_iter().enumerate() {
            fresh[i] = rolls_back && !self.decided[i];
            self.decided[i] |= rolls_back;
        }
        fresh
    }
}
