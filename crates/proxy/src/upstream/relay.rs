//! A waker for an upstream connection that keeps quiet while the connection is being polled.
//!
//! hyper's parts wake each other over channels, and here they all live in one task: a wake from inside a
//! poll would only have the whole task polled once more for nothing. So such wakes are noted, and whoever
//! polls goes round again at once; wakes from outside (the socket, a timer) go to the task.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

#[derive(Debug, Default)]
struct Bell {
    /// The task that uses the connection now.
    task: Mutex<Option<Waker>>,
    inside: AtomicBool,
    rang: AtomicBool,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.inside.load(Ordering::SeqCst) {
            self.rang.store(true, Ordering::SeqCst);
        } else if let Some(task) = &*self.task.lock().unwrap_or_else(PoisonError::into_inner) {
            task.wake_by_ref();
        }
    }
}

/// The waker of one connection, for all its life.
#[derive(Debug)]
pub(super) struct Relay {
    bell: Arc<Bell>,
    waker: Waker,
}

impl Relay {
    pub(super) fn new() -> Relay {
        let bell = Arc::new(Bell::default());
        Relay { waker: Waker::from(Arc::clone(&bell)), bell }
    }

    /// From now on wakes go to the task of `cx`.
    pub(super) fn attach(&self, cx: &Context<'_>) {
        let mut task = self.bell.task.lock().unwrap_or_else(PoisonError::into_inner);
        match &*task {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            _ => *task = Some(cx.waker().clone()),
        }
    }

    /// Nobody uses the connection: wakes go nowhere.
    pub(super) fn detach(&self) {
        *self.bell.task.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Polls inside; what comes back, and whether something woke meanwhile, so that another round is due.
    pub(super) fn within<T>(&self, poll: impl FnOnce(&mut Context<'_>) -> T) -> (T, bool) {
        self.bell.inside.store(true, Ordering::SeqCst);
        let result = poll(&mut Context::from_waker(&self.waker));
        self.bell.inside.store(false, Ordering::SeqCst);
        (result, self.bell.rang.swap(false, Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn wakes_from_inside_are_noted_and_from_outside_passed_on() {
        let (relay, count) = (Relay::new(), Arc::new(Count::default()));
        let waker = Waker::from(Arc::clone(&count));
        relay.attach(&Context::from_waker(&waker));
        let (kept, rang) = relay.within(|cx| {
            cx.waker().wake_by_ref();
            cx.waker().clone()
        });
        assert_eq!((rang, count.0.load(Ordering::SeqCst)), (true, 0));
        assert!(!relay.within(|_| ()).1, "noted once");
        kept.wake_by_ref();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        relay.detach();
        kept.wake();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
    }
}
