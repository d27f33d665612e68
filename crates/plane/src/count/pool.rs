//! Who writes what: a pool that lends each thing to one writer at a time and never loses one.
//!
//! A writer takes a thing under a key and keeps it for as long as it likes; dropping the `Arc`
//! gives it back, counts and all, and the next writer under that key goes on where the last one stopped. A
//! thing is free when the pool holds its only reference, which `Arc::get_mut` finds out with the
//! ordering needed to see everything the last writer stored. The lock is for taking and reading, never for
//! counting. Nothing is freed before its owner says that the key is over.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use crate::sync::{Arc, Mutex, MutexGuard};

/// Things by key, each written by at most one holder.
#[derive(Debug)]
pub struct Pool<K, T>(Mutex<BTreeMap<K, Vec<Arc<T>>>>);

impl<K: Ord, T> Default for Pool<K, T> {
    fn default() -> Self {
        Pool(Mutex::new(BTreeMap::new()))
    }
}

impl<K: Ord, T: Default> Pool<K, T> {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<K, Vec<Arc<T>>>> {
        // Every change under the lock is a single call, so a panic elsewhere leaves the map sound.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thing under this key for one writer: one that another gave back, else a new one.
    pub fn take(&self, key: K) -> Arc<T> {
        let mut all = self.lock();
        let things = all.entry(key).or_default();
        if let Some(free) = things.iter_mut().find_map(|thing| Arc::get_mut(thing).is_some().then_some(thing))
        {
            return Arc::clone(free);
        }
        let thing = Arc::new(T::default());
        things.push(Arc::clone(&thing));
        thing
    }

    /// Shows each key with its things, in ascending order.
    pub fn read<R>(&self, look: impl FnOnce(&BTreeMap<K, Vec<Arc<T>>>) -> R) -> R {
        look(&self.lock())
    }

    /// Frees the keys that are `over` and that no writer holds.
    pub fn forget(&self, over: impl Fn(&K) -> bool) {
        self.lock()
            .retain(|key, things| !over(key) || things.iter_mut().any(|thing| Arc::get_mut(thing).is_none()));
    }

    /// Drops everything. Writers go on writing what nobody reads any more, until they take anew.
    pub fn clear(&self) {
        self.lock().clear();
    }
}
