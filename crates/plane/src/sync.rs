//! Where this crate takes its atomics and locks from: std, so that the interleaving test can put a
//! model checker's in their place by compiling the same files under another `crate::sync`.

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
pub(crate) use std::sync::{Arc, Mutex, MutexGuard};
