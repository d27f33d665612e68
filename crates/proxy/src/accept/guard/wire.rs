//! What the guard and the proxy tell each other about one connection.
//!
//! They sit on two sides of the HTTP parser, which knows nothing of it: the guard counts the heads it
//! let through, the proxy counts the requests it was given, and so both know which request is the stand-in.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use super::head::Refusal;
use crate::clock::Deadlines;

/// The shared state of a connection.
#[derive(Debug)]
pub(crate) struct Wire {
    clock: Rc<Deadlines>,
    /// When the last answer was over.
    idle_since_ms: Cell<u64>,
    heads: Cell<u64>,
    served: Cell<u64>,
    busy: Cell<u32>,
    refusal: Cell<Option<Refusal>>,
    broken: Cell<Option<&'static str>>,
    suspended: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    linger: Cell<bool>,
}

impl Wire {
    pub(crate) fn new(clock: &Rc<Deadlines>) -> Rc<Wire> {
        Rc::new(Wire {
            clock: Rc::clone(clock),
            idle_since_ms: Cell::new(clock.now_ms()),
            heads: Cell::default(),
            served: Cell::default(),
            busy: Cell::default(),
            refusal: Cell::default(),
            broken: Cell::default(),
            suspended: Cell::default(),
            waker: RefCell::default(),
            linger: Cell::default(),
        })
    }

    /// Guard: a sound head is handed on.
    pub(super) fn head_passed(&self) {
        self.heads.set(self.heads.get() + 1);
    }

    /// Guard: the next request the proxy is given is a stand-in for a refused one.
    pub(super) fn refuse(&self, refusal: Refusal) {
        self.refusal.set(Some(refusal));
    }

    /// Guard: the present body does not follow its framing.
    pub(super) fn broke(&self, detail: &'static str) {
        self.broken.set(Some(detail));
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken.get().is_some()
    }

    /// Proxy: what is wrong with the body, if the guard found something.
    pub(crate) fn broken(&self) -> Option<&'static str> {
        self.broken.get()
    }

    /// Guard: no request was handed on yet.
    pub(super) fn is_new(&self) -> bool {
        self.heads.get() == 0
    }

    /// Guard: how long no request was being answered; none while one is.
    pub(super) fn idle_for(&self) -> Option<Duration> {
        let idle_ms = self.clock.now_ms().saturating_sub(self.idle_since_ms.get());
        (self.busy.get() == 0).then(|| Duration::from_millis(idle_ms))
    }

    /// Proxy: a request was given; the refusal if it is a stand-in.
    pub(crate) fn next_request(&self) -> Option<Refusal> {
        let served = self.served.get();
        self.served.set(served + 1);
        self.refusal.get().filter(|_| served == self.heads.get())
    }

    /// Proxy: a request is being answered until the value returned is dropped.
    pub(crate) fn enter(self: &Rc<Self>) -> Busy {
        self.busy.set(self.busy.get() + 1);
        Busy(Rc::clone(self))
    }

    /// Guard: an upgrade was asked for.
    pub(super) fn suspend(&self) {
        self.suspended.set(true);
    }

    /// Guard: whether to wait on; `cx` is woken at the end.
    pub(super) fn is_suspended(&self, cx: &Context<'_>) -> bool {
        let suspended = self.suspended.get();
        if suspended {
            self.waker.replace(Some(cx.waker().clone()));
        }
        suspended
    }

    /// Proxy: whether the present request may leave HTTP.
    pub(crate) fn may_upgrade(&self) -> bool {
        self.suspended.get()
    }

    /// Proxy: the connection stays HTTP.
    pub(crate) fn resume(&self) {
        if self.suspended.replace(false)
            && let Some(waker) = self.waker.take()
        {
            waker.wake();
        }
    }

    /// Proxy: the client may still be sending what nobody will read; give it time to read the answer.
    pub(crate) fn linger(&self) {
        self.linger.set(true);
    }

    /// Whether to read on for a moment before the connection is closed.
    pub(crate) fn lingers(&self) -> bool {
        self.linger.get() || self.refusal.get().is_some()
    }
}

/// A request is being answered.
#[derive(Debug)]
pub(crate) struct Busy(Rc<Wire>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.set(self.0.busy.get() - 1);
        self.0.idle_since_ms.set(self.0.clock.now_ms());
    }
}
