//! One request as it is counted: from its assignment to the end of its body.
//!
//! The type keeps the books straight whatever happens: a request is counted once, a late failure adds
//! at most one error, and one that is dropped without an end was given up by its client. It also
//! shows the request's age while it waits, and holds back the confirmation of newer epochs until
//! its head was written.

use std::rc::Rc;
use std::time::Instant;

use fw_model::Variant;
use fw_plane::count::{FailedKeys, Outcome, Slot};

use super::ages::AgeSlot;
use crate::route::LocalRoute;
use crate::worker::Worker;

/// Which slot a request is counted in.
#[derive(Debug, Clone)]
struct Placed {
    route: Rc<LocalRoute>,
    variant: Variant,
    target: usize,
    /// False for forced requests and for those a broken canary sent to stable.
    counted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No response head yet.
    Waiting,
    /// Counted as good (or 4xx); the body is under way.
    Good,
    /// Nothing more to count.
    Done,
}

/// A request under observation.
#[derive(Debug)]
pub(crate) struct Observation {
    worker: Rc<Worker>,
    start: Instant,
    placed: Option<Placed>,
    key_cell: Option<u16>,
    age: Option<AgeSlot>,
    state: State,
    unsent: bool,
    grpc: bool,
}

impl Observation {
    /// Begins when the whole request head was received.
    pub(crate) fn begin(worker: &Rc<Worker>) -> Observation {
        Observation::at(worker, Instant::now())
    }

    fn at(worker: &Rc<Worker>, start: Instant) -> Observation {
        Observation {
            worker: Rc::clone(worker),
            start,
            placed: None,
            key_cell: None,
            age: None,
            state: State::Waiting,
            unsent: false,
            grpc: false,
        }
    }

    /// The request is assigned, or assigned anew; it may be sent under this route until [`Self::sent`].
    pub(crate) fn place(&mut self, route: &Rc<LocalRoute>, variant: Variant, target: usize, counted: bool) {
        self.sent();
        route.hold();
        self.unsent = true;
        self.placed = Some(Placed { route: Rc::clone(route), variant, target, counted });
        if self.age.is_none() {
            self.age = self.worker.ages.enter();
        }
        if let Some(age) = self.age {
            self.worker.ages.show(age, variant, self.start);
        }
    }

    /// Its assignment is a unit of randomisation: counted where it was first placed, wherever it is sent.
    pub(crate) fn unit(&self) {
        if let Some(slot) = self.slot() {
            slot.record_unit();
        }
    }

    /// Which bit remembers failures of this key.
    pub(crate) fn key_cell(key: &[u8]) -> u16 {
        FailedKeys::cell(key)
    }

    /// The key's cell, for repeated failures on the canary.
    pub(crate) fn keyed(&mut self, cell: Option<u16>) {
        self.key_cell = cell;
    }

    /// Nothing of it can be sent any more under the route it was placed on.
    pub(crate) fn sent(&mut self) {
        if std::mem::take(&mut self.unsent)
            && let Some(placed) = &self.placed
            && placed.route.release()
        {
            self.worker.publish_confirmed();
        }
    }

    /// The variant's instance can't be reached: an error of the variant; the request may go elsewhere.
    pub(crate) fn unreachable(&mut self) {
        self.sent();
        self.count(true, false, None);
        self.placed = None;
    }

    /// The response head came. `timed` is false for upgraded connections.
    pub(crate) fn head(&mut self, status: u16, grpc_status: Option<u16>, grpc: bool, timed: bool) {
        self.sent();
        self.hide_age();
        self.grpc = grpc;
        let Some(placed) = &self.placed else { return self.state = State::Done };
        let rule = &placed.route.routing.split.errors;
        let error = rule.is_error(status, grpc_status);
        let nanos = timed.then(|| u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX));
        self.state = if error { State::Done } else { State::Good };
        self.count(error, (400..500).contains(&status), nanos);
    }

    /// Whether trailers of this response carry a gRPC status.
    pub(crate) fn is_grpc(&self) -> bool {
        self.grpc
    }

    /// A gRPC status came in trailers.
    pub(crate) fn grpc_trailer(&mut self, code: u16) {
        if self.placed.as_ref().is_some_and(|p| p.route.routing.split.errors.grpc.contains(&code)) {
            self.late_error();
        }
    }

    /// The request failed before a response head came (time-out, connection closed).
    pub(crate) fn failed(&mut self) {
        self.sent();
        self.hide_age();
        if self.state == State::Waiting {
            self.count(true, false, None);
        }
        self.state = State::Done;
    }

    /// The body was cut short by the upstream.
    pub(crate) fn cut_short(&mut self) {
        self.late_error();
        self.state = State::Done;
    }

    /// The client gave up, or its request was at fault: no error.
    pub(crate) fn client_gone(&mut self) {
        self.sent();
        if self.state != State::Done
            && let Some(slot) = self.slot()
        {
            slot.record_client_abort();
        }
        self.state = State::Done;
    }

    /// Answered whole, or not to be counted any further.
    pub(crate) fn done(&mut self) {
        self.state = State::Done;
    }

    /// Bytes of a response body passed to the client.
    pub(crate) fn bytes_out(&self, n: u64) {
        if let Some(placed) = &self.placed {
            self.worker.stats.bytes_out[placed.variant.index()].add(n);
        }
    }

    /// Bytes of the request body came from the client.
    pub(crate) fn bytes_in(&self, n: u64) {
        if let Some(placed) = &self.placed {
            self.worker.stats.bytes_in[placed.variant.index()].add(n);
        }
    }

    fn slot(&self) -> Option<&Slot> {
        let placed = self.placed.as_ref().filter(|placed| placed.counted)?;
        Some(placed.route.slot(&self.worker, placed.variant, placed.target))
    }

    fn late_error(&mut self) {
        if self.state != State::Good {
            return;
        }
        self.state = State::Done;
        let repeat = self.note_key(true);
        if let Some(slot) = self.slot() {
            slot.record_late_error(repeat);
            self.worker.shared.error_seen();
        }
    }

    fn note_key(&self, failed: bool) -> bool {
        let canary = self.placed.as_ref().is_some_and(|p| p.counted && p.variant == Variant::Canary);
        match self.key_cell {
            Some(cell) if canary => self.worker.shared.failed_keys.note(cell, failed),
            _ => false,
        }
    }

    fn count(&self, error: bool, client_error: bool, nanos: Option<u64>) {
        let (Some(slot), Some(placed)) = (self.slot(), &self.placed) else { return };
        let repeat = self.note_key(error);
        let apdex_nanos = placed.route.routing.apdex_nanos;
        slot.record(Outcome { error, repeat, client_error, nanos, apdex_nanos });
        if error {
            self.worker.shared.error_seen();
        }
    }

    fn hide_age(&mut self) {
        if let Some(age) = self.age.take() {
            self.worker.ages.leave(age);
        }
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        if self.state != State::Done {
            self.client_gone();
        }
        self.sent();
        self.hide_age();
    }
}
