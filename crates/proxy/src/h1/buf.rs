//! A buffer that is there only while it holds something.
//!
//! A connection that waits holds none: buffers come from the worker's pool when bytes do, and go back
//! when the last is used. The one used last is lent first, so it is warm in the cache.

use std::cell::RefCell;
use std::rc::Rc;

/// Bytes read or written at once. Larger heads make their buffer grow.
const SIZE: usize = 64 * 1024;
/// Free buffers a worker keeps.
const FREE_MAX: usize = 32;

/// The free buffers of one worker.
#[derive(Debug, Default)]
pub(crate) struct Buffers(RefCell<Vec<Vec<u8>>>);

impl Buffers {
    fn take(&self) -> Vec<u8> {
        self.0.borrow_mut().pop().unwrap_or_else(|| vec![0; SIZE])
    }

    fn give(&self, bytes: Vec<u8>) {
        let mut free = self.0.borrow_mut();
        if bytes.len() == SIZE && free.len() < FREE_MAX {
            free.push(bytes);
        }
    }
}

/// Bytes that came and are not used yet.
#[derive(Debug)]
pub(crate) struct Buf {
    pool: Rc<Buffers>,
    /// Empty while nothing is held.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buf {
    /// An empty one, which costs nothing.
    pub(crate) fn new(pool: &Rc<Buffers>) -> Buf {
        Buf { pool: Rc::clone(pool), bytes: Vec::new(), start: 0, end: 0 }
    }

    /// What is held.
    pub(crate) fn data(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The first `n` bytes are used.
    pub(crate) fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.end);
        if self.is_empty() {
            self.clear();
        }
    }

    /// Holds nothing any more.
    pub(crate) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
        if !self.bytes.is_empty() {
            self.pool.give(std::mem::take(&mut self.bytes));
        }
    }

    /// Room behind what is held, at least one byte; say with [`Self::filled`] how much of it was used.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.make_room(1);
        &mut self.bytes[self.end..]
    }

    /// So many bytes of [`Self::room`] hold something now. Called with 0, a buffer that holds nothing is given back.
    pub(crate) fn filled(&mut self, n: usize) {
        self.end += n;
        if self.is_empty() {
            self.clear();
        }
    }

    /// Adds bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.make_room(bytes.len());
        self.bytes[self.end..self.end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
    }

    fn make_room(&mut self, n: usize) {
        if self.bytes.is_empty() {
            self.bytes = self.pool.take();
        }
        if self.bytes.len() - self.end >= n {
            return;
        }
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.bytes.len() - self.end < n {
            let size = (self.bytes.len() * 2).max(self.end + n);
            self.bytes.resize(size, 0);
        }
    }

    /// What is held as a vector of its own.
    #[cfg(test)]
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        self.data().to_vec()
    }
}

impl Drop for Buf {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in_and_the_memory_goes_back() {
        let pool = Rc::<Buffers>::default();
        let mut buf = Buf::new(&pool);
        buf.push(&[7; SIZE - 1]);
        buf.consume(SIZE - 3);
        buf.push(b"abcd");
        assert_eq!(buf.data(), [7, 7, b'a', b'b', b'c', b'd']);
        buf.room()[..2].copy_from_slice(b"ef");
        buf.filled(2);
        assert_eq!(&buf.data()[4..], b"cdef");
        assert!(pool.0.borrow().is_empty());
        buf.consume(8);
        assert_eq!((buf.len(), pool.0.borrow().len()), (0, 1));
        buf.room();
        buf.filled(0);
        assert_eq!(pool.0.borrow().len(), 1);
    }

    #[test]
    fn it_grows_for_what_is_larger_and_such_memory_is_not_kept() {
        let pool = Rc::<Buffers>::default();
        let mut buf = Buf::new(&pool);
        buf.push(&vec![1; SIZE]);
        buf.push(&vec![2; SIZE]);
        assert_eq!((buf.len(), buf.data()[SIZE]), (2 * SIZE, 2));
        buf.clear();
        assert!(pool.0.borrow().is_empty());
    }
}
