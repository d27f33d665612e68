//! Planted bugs: wrong turns that tests switch on to show that the invariants catch them.
//!
//! Outside tests every question here is answered `false` at compile time; there is no switch in a
//! shipped binary.

/// A wrong turn in the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) enum Bug {
    /// Advances although a gating question is open (invariant 1).
    AdvanceUnproven,
    /// Changes the share without a new epoch (invariant 2).
    EpochReused,
    /// Raises the share by itself after a rollback (invariant 3).
    RaiseAfterRollback,
    /// Publishes `rollback_completed` before anybody confirmed (invariant 4).
    EarlyCompletion,
    /// Draws a new salt when a phase begins (invariant 5).
    SaltRedrawn,
    /// Holds without saying why (invariant 6).
    UnexplainedHold,
    /// Decides by something the log does not hold (invariant 7).
    HiddenState,
}

#[cfg(test)]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
    static HIDDEN: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Whether this bug is switched on in this thread.
#[cfg(test)]
pub(crate) fn has(bug: Bug) -> bool {
    PLANTED.with(|planted| planted.get() == Some(bug))
}

#[cfg(not(test))]
#[inline(always)]
pub(crate) fn has(_: Bug) -> bool {
    false
}

/// A number that depends on how often it was asked: what an engine must never use.
#[cfg(test)]
pub(crate) fn hidden() -> u64 {
    HIDDEN.with(|hidden| {
        hidden.set(hidden.get() + 1);
        hidden.get()
    })
}

#[cfg(not(test))]
pub(crate) fn hidden() -> u64 {
    0
}

/// Runs `body` with a bug switched on (or none).
#[cfg(test)]
pub(crate) fn with<T>(bug: Option<Bug>, body: impl FnOnce() -> T) -> T {
    PLANTED.with(|planted| planted.set(bug));
    let result = body();
    PLANTED.with(|planted| planted.set(None));
    result
}
