//! A routing together with one worker's pools and slots: what a request reads.
//!
//! It also counts the requests that were assigned under it and may still be sent, so that the worker
//! knows when a newer epoch is confirmed.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::sync::Arc;

use fw_model::{CellKey, Variant};
use fw_plane::count::Slot;

use super::Routing;
use crate::upstream::Upstream;
use crate::worker::Worker;

/// One instance of a variant, as this worker sees it.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) upstream: Rc<Upstream>,
    slot: OnceCell<Arc<Slot>>,
}

/// The route of one worker.
#[derive(Debug)]
pub(crate) struct LocalRoute {
    pub(crate) routing: Arc<Routing>,
    targets: [Vec<Target>; 2],
    turn: [Cell<usize>; 2],
    unsent: Cell<u32>,
    retired: Cell<bool>,
}

impl LocalRoute {
    /// Puts a routing together with the worker's pools.
    pub(crate) fn new(
        routing: Arc<Routing>,
        mut pool: impl FnMut(&Arc<fw_plane::net::Origin>) -> Rc<Upstream>,
    ) -> Self {
        let targets = routing.origins.each_ref().map(|origins| {
            origins.iter().map(|origin| Target { upstream: pool(origin), slot: OnceCell::new() }).collect()
        });
        LocalRoute {
            routing,
            targets,
            turn: Default::default(),
            unsent: Cell::new(0),
            retired: Cell::new(false),
        }
    }

    /// The instances of a variant.
    pub(crate) fn targets(&self, variant: Variant) -> &[Target] {
        &self.targets[variant.index()]
    }

    /// Whose turn it is among `n` instances, 0 to n − 1.
    pub(crate) fn turn(&self, variant: Variant, n: usize) -> usize {
        let turn = &self.turn[variant.index()];
        let now = turn.get();
        turn.set(if now + 1 >= n { 0 } else { now + 1 });
        if now < n { now } else { 0 }
    }

    /// The slot requests to this instance are counted in.
    pub(crate) fn slot(&self, worker: &Worker, variant: Variant, target: usize) -> &Slot {
        let target = &self.targets[variant.index()][target];
        target.slot.get_or_init(|| {
            let instance = target.upstream.origin.name.clone();
            worker.shared.registry.slot(CellKey { epoch: self.routing.split.epoch, variant, instance })
        })
    }

    /// A request was assigned and may be sent.
    pub(crate) fn hold(&self) {
        self.unsent.set(self.unsent.get() + 1);
    }

    /// A newer route took its place.
    pub(crate) fn retire(&self) {
        self.retired.set(true);
    }

    /// It was sent, or never will be; whether it was the last and the route is retired.
    pub(crate) fn release(&self) -> bool {
        let left = self.unsent.get().saturating_sub(1);
        self.unsent.set(left);
        left == 0 && self.retired.get()
    }

    /// Whether a request assigned here may still be sent.
    pub(crate) fn is_held(&self) -> bool {
        self.unsent.get() > 0
    }
}
