//! How long to wait for a response head: the upload must move on, and once it is whole the time-out runs.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::clock::Timer;
use crate::worker::Worker;

pub(super) struct Patience {
    timer: Timer,
    seen: Cell<(bool, u64)>,
    head: Duration,
    body: Duration,
}

impl Patience {
    pub(super) fn new(worker: &Rc<Worker>) -> Patience {
        let timeouts = &worker.settings.timeouts;
        Patience {
            timer: worker.deadlines.timer(),
            seen: Cell::new((false, u64::MAX)),
            head: timeouts.response_head,
            body: timeouts.body_idle,
        }
    }

    /// Ready when patience is at its end. `uploaded` says whether the request is whole, `written` how far it got.
    pub(super) fn check(&self, uploaded: bool, written: u64, cx: &Context<'_>) -> Poll<()> {
        if self.timer.fired() {
            return Poll::Ready(());
        }
        let now = (uploaded, if uploaded { 0 } else { written });
        if self.seen.replace(now) != now {
            self.timer.set(if uploaded { self.head } else { self.body }, cx);
        }
        Poll::Pending
    }
}
