//! Coarse deadlines for one worker: thousands of time-outs for the price of one timer.
//!
//! A request sets and clears several deadlines, and nearly none of them passes. So each is a slot in a
//! table (two stores), and one task looks over the table every [`TICK`]. A deadline may come up to
//! two ticks late and never early; finer time is not needed here.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

/// How often the table is looked over.
pub(crate) const TICK: Duration = Duration::from_millis(50);
const NEVER: u64 = u64::MAX;

#[derive(Debug)]
struct Slot {
    /// Milliseconds since the table's start, or [`NEVER`].
    at_ms: u64,
    fired: bool,
    waker: Option<Waker>,
}

/// The table of one worker.
#[derive(Debug)]
pub(crate) struct Deadlines {
    start: Instant,
    now_ms: Cell<u64>,
    slots: RefCell<Vec<Slot>>,
    free: RefCell<Vec<u32>>,
}

impl Deadlines {
    pub(crate) fn new() -> Rc<Deadlines> {
        Rc::new(Deadlines {
            start: Instant::now(),
            now_ms: Cell::new(0),
            slots: RefCell::default(),
            free: RefCell::default(),
        })
    }

    /// Milliseconds since the worker started, up to one tick old.
    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    /// Looks over the table for ever; one such task a worker.
    pub(crate) async fn run(self: Rc<Self>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.tick(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(NEVER));
        }
    }

    fn tick(&self, now_ms: u64) {
        self.now_ms.set(now_ms);
        for slot in self.slots.borrow_mut().iter_mut().filter(|slot| slot.at_ms <= now_ms) {
            slot.at_ms = NEVER;
            slot.fired = true;
            if let Some(waker) = &slot.waker {
                waker.wake_by_ref();
            }
        }
    }

    /// A timer of this table, not set.
    pub(crate) fn timer(self: &Rc<Self>) -> Timer {
        let slot = Slot { at_ms: NEVER, fired: false, waker: None };
        let index = match self.free.borrow_mut().pop() {
            Some(index) => {
                self.slots.borrow_mut()[index as usize] = slot;
                index
            }
            None => {
                let mut slots = self.slots.borrow_mut();
                slots.push(slot);
                // Each timer belongs to a connection, so there are far fewer than 2^32.
                (slots.len() - 1) as u32
            }
        };
        Timer { table: Rc::clone(self), index }
    }
}

/// One deadline that can be set again and again.
#[derive(Debug)]
pub(crate) struct Timer {
    table: Rc<Deadlines>,
    index: u32,
}

impl Timer {
    /// Sets it `after` from now (zero = never) and has `cx` woken then.
    pub(crate) fn set(&self, after: Duration, cx: &Context<'_>) {
        let mut slots = self.table.slots.borrow_mut();
        let slot = &mut slots[self.index as usize];
        slot.fired = false;
        slot.at_ms = if after.is_zero() {
            NEVER
        } else {
            // The clock may be one tick old, so one tick more keeps it from firing early.
            let after = u64::try_from((after + TICK).as_millis()).unwrap_or(NEVER);
            self.table.now_ms.get().saturating_add(after)
        };
        match &slot.waker {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            _ => slot.waker = Some(cx.waker().clone()),
        }
    }

    /// Clears it.
    pub(crate) fn clear(&self) {
        let mut slots = self.table.slots.borrow_mut();
        let slot = &mut slots[self.index as usize];
        slot.at_ms = NEVER;
        slot.fired = false;
    }

    /// Whether the deadline set last has passed.
    pub(crate) fn fired(&self) -> bool {
        self.table.slots.borrow()[self.index as usize].fired
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.table.slots.borrow_mut()[self.index as usize] = Slot { at_ms: NEVER, fired: false, waker: None };
        self.table.free.borrow_mut().push(self.index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_fires_once_and_not_early() {
        let table = Deadlines::new();
        let timer = table.timer();
        let cx = Context::from_waker(Waker::noop());
        timer.set(Duration::from_millis(100), &cx);
        table.tick(100);
        assert!(!timer.fired());
        table.tick(151);
        assert!(timer.fired());
        timer.set(Duration::ZERO, &cx);
        table.tick(1 << 40);
        assert!(!timer.fired());
    }

    #[test]
    fn slots_are_used_again() {
        let table = Deadlines::new();
        drop(table.timer());
        let _a = table.timer();
        let _b = table.timer();
        assert_eq!(table.slots.borrow().len(), 2);
    }
}
