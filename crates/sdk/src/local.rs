//! One thread's own part: the view it last saw, and the cells that only it writes.
//!
//! A call compares one number with the shared one; only when the split has changed does the thread take a
//! lock and look. What it counted under older epochs it keeps for assignments that are still under way.
//! When the thread ends its cells go back to the pool, counts and all, for the next thread. A call from a
//! place where thread-locals are gone already (another destructor) takes cells for just that call.

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use fw_model::{Epoch, Variant};
use fw_plane::count::Slot;

use crate::core::Core;
use crate::in_flight::RowGuard;
use crate::metrics::{MetricCell, MetricRefused};
use crate::view::View;

/// Older epochs a thread keeps cells of; those beyond are taken anew for each late outcome.
const OLDER_MAX: usize = 4;

thread_local! {
    /// One entry for each rollout this thread has had to do with.
    static LOCALS: RefCell<Vec<Local>> = const { RefCell::new(Vec::new()) };
}

/// Cells of one epoch.
#[derive(Debug)]
struct Cells {
    log: u32,
    epoch: Epoch,
    slots: [Option<Arc<Slot>>; 2],
    metrics: Vec<(Variant, String, Arc<MetricCell>)>,
}

/// A thread's part of one rollout.
#[derive(Debug)]
pub(crate) struct Local {
    id: u64,
    core: Weak<Core>,
    pub(crate) view: Arc<View>,
    now: Cells,
    older: Vec<Cells>,
    row: Option<RowGuard>,
}

impl Cells {
    fn new(view: &View) -> Cells {
        Cells { log: view.log, epoch: view.epoch, slots: [None, None], metrics: vec![] }
    }

    #[inline]
    fn slot(&mut self, core: &Core, variant: Variant) -> &Slot {
        let Cells { log, epoch, slots, .. } = self;
        slots[variant.index()].get_or_insert_with(|| core.slot(*log, *epoch, variant))
    }

    fn metric(&mut self, core: &Core, variant: Variant, name: &str) -> Result<&MetricCell, MetricRefused> {
        let found = self.metrics.iter().position(|(v, n, _)| *v == variant && n == name);
        let place = match found {
            Some(place) => place,
            None => {
                core.metrics.admit(name)?;
                let cell = core.metric(self.log, self.epoch, variant, name);
                self.metrics.push((variant, name.to_owned(), cell));
                self.metrics.len() - 1
            }
        };
        Ok(&self.metrics[place].2)
    }

    fn is_of(&self, log: u32, epoch: Epoch) -> bool {
        self.epoch == epoch && self.log == log
    }
}

impl Local {
    fn new(core: &Arc<Core>) -> Local {
        let view = core.view();
        Local {
            id: core.id,
            core: Arc::downgrade(core),
            now: Cells::new(&view),
            view,
            older: vec![],
            row: None,
        }
    }

    /// The split has changed, or epochs were closed.
    #[cold]
    fn refresh(&mut self, core: &Core) {
        self.view = core.view();
        if !self.now.is_of(self.view.log, self.view.epoch) {
            let now = std::mem::replace(&mut self.now, Cells::new(&self.view));
            self.older.push(now);
        }
        let (log, closed) = (self.view.log, Arc::clone(&self.view.closed));
        self.older.retain(|cells| cells.log == log && !closed.contains(&cells.epoch.0));
        let over = self.older.len().saturating_sub(OLDER_MAX);
        self.older.drain(..over);
    }

    /// The cell of the present epoch.
    #[inline]
    pub(crate) fn slot(&mut self, core: &Core, variant: Variant) -> &Slot {
        self.now.slot(core, variant)
    }

    /// Does something with the cells of an epoch, present or past.
    #[inline]
    fn cells<R>(&mut self, log: u32, epoch: Epoch, f: impl FnOnce(&mut Cells) -> R) -> R {
        if self.now.is_of(log, epoch) {
            return f(&mut self.now);
        }
        match self.older.iter_mut().find(|cells| cells.is_of(log, epoch)) {
            Some(cells) => f(cells),
            // Given back right after, so that a closed epoch is not held for ever.
            None => f(&mut Cells { log, epoch, slots: [None, None], metrics: vec![] }),
        }
    }

    /// Does something with the cell of an assignment.
    #[inline]
    pub(crate) fn slot_of<R>(
        &mut self,
        core: &Core,
        (log, epoch, variant): (u32, Epoch, Variant),
        f: impl FnOnce(&Slot) -> R,
    ) -> R {
        self.cells(log, epoch, |cells| f(cells.slot(core, variant)))
    }

    /// Adds a value of a custom metric to the cell of an assignment.
    pub(crate) fn add_metric(
        &mut self,
        core: &Core,
        (log, epoch, variant): (u32, Epoch, Variant),
        name: &str,
        value: f64,
    ) -> Result<(), MetricRefused> {
        crate::metrics::check(name, value)?;
        self.cells(log, epoch, |cells| cells.metric(core, variant, name).map(|cell| cell.add(value)))
    }

    /// This thread's row of assignments under way.
    #[inline]
    pub(crate) fn row(&mut self, core: &Arc<Core>) -> &mut RowGuard {
        self.row.get_or_insert_with(|| RowGuard::new(core))
    }
}

/// Something to do with a thread's part of a rollout: a closure, or a type of its own whose method is told to be compiled
/// into its caller; on the shortest paths a call would cost as much as the work.
pub(crate) trait Job {
    type Output;
    fn run(&mut self, core: &Core, local: &mut Local) -> Self::Output;
}

impl<R, F: FnMut(&mut Local) -> R> Job for F {
    type Output = R;

    #[inline]
    fn run(&mut self, _core: &Core, local: &mut Local) -> R {
        self(local)
    }
}

/// Does a job once with this thread's part of the rollout, under the view in force.
#[inline(always)]
pub(crate) fn with<J: Job>(core: &Arc<Core>, mut job: J) -> J::Output {
    let done = LOCALS.try_with(|locals| {
        // Taken already only where a log subscriber calls back from inside.
        let mut locals = locals.try_borrow_mut().ok()?;
        let is_first = locals.first().is_some_and(|local| local.id == core.id);
        let place = if is_first { 0 } else { find(&mut locals, core) };
        let local = &mut locals[place];
        if !core.is_current(local.view.serial) {
            local.refresh(core);
        }
        Some(job.run(core, local))
    });
    match done {
        Ok(Some(result)) => result,
        Ok(None) | Err(_) => apart(core, job),
    }
}

/// A job with a part of its own, for the few places that have none.
#[cold]
#[inline(never)]
fn apart<J: Job>(core: &Arc<Core>, mut job: J) -> J::Output {
    job.run(core, &mut Local::new(core))
}

fn find(locals: &mut Vec<Local>, core: &Arc<Core>) -> usize {
    match locals.iter().position(|local| local.id == core.id) {
        Some(place) => place,
        None => add(locals, core),
    }
}

#[cold]
fn add(locals: &mut Vec<Local>, core: &Arc<Core>) -> usize {
    locals.retain(|local| local.core.strong_count() > 0);
    locals.push(Local::new(core));
    locals.len() - 1
}
