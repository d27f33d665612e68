//! Planted bugs: wrong formulas that tests switch on to show that the reference vectors catch them.
//!
//! Outside tests every question here is answered `false` at compile time; there is no switch in a
//! shipped binary.

/// A wrong turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) enum Bug {
    /// The reserve stakes nothing: a late onset is never found in time.
    NoReserve,
    /// The split's nominal share (5 %) in place of the one a block really had.
    NominalShare,
    /// A block that is still open counts already.
    OpenBlock,
    /// The additive margin is forgotten.
    DeltaForgotten,
    /// φ is read when a block closes: it knows the block's own data.
    PhiAtClose,
    /// No healthy source is ever put to the test.
    NoPlacebo,
    /// Failures that don't count are no requests either.
    UncountedDropped,
}

#[cfg(test)]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
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

/// Runs `body` with a bug switched on (or none).
#[cfg(test)]
pub(crate) fn with<T>(bug: Option<Bug>, body: impl FnOnce() -> T) -> T {
    PLANTED.with(|planted| planted.set(bug));
    let result = body();
    PLANTED.with(|planted| planted.set(None));
    result
}
