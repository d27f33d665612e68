//! The newest events as frames in memory, rendered once for all clients.
//!
//! A client has a cursor, the id it has seen, and asks for what comes after it. The newest frames come
//! from a ring, older ones from the log. When the ring has nothing new, one client reads the log for
//! all; the others wait for it. So there is no moment between catching up and following in which an
//! event could be missed, and a thousand clients read an event from the log once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use fw_model::{RunId, ServiceKey};
use fw_runtime::{Handle, Refusal};
use fw_store::Published;
use tokio::sync::watch;

use super::sse::Counters;

/// Most frames in memory, for all clients together.
const RING_MAX: usize = 2048;
/// Most bytes of frames in memory.
const RING_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Events read at once, from memory or from the log.
const PAGE: usize = 64;

/// One event, rendered.
#[derive(Debug)]
pub(super) struct Rendered {
    pub(super) id: u64,
    pub(super) key: ServiceKey,
    pub(super) run: RunId,
    pub(super) frame: Bytes,
}

/// The newest frames, shared by all streams.
pub(crate) struct Feed {
    handle: Handle,
    ring: Mutex<Ring>,
    /// Held while the newest events are read from the log.
    filling: tokio::sync::Mutex<()>,
    pub(super) counters: Arc<Counters>,
}

/// Consecutive frames that end at `tail`.
#[derive(Default)]
struct Ring {
    frames: VecDeque<Arc<Rendered>>,
    tail: u64,
    bytes: usize,
}

/// What the ring knows of the events after an id.
enum Found {
    /// These come next.
    Page(Vec<Arc<Rendered>>),
    /// They are older than what is in memory.
    Older,
    /// Newer than what is in memory, if there are any.
    Newer,
}

impl Ring {
    fn after(&self, id: u64) -> Found {
        if id >= self.tail {
            return Found::Newer;
        }
        let Some(first) = self.frames.front().map(|frame| frame.id).filter(|first| id + 1 >= *first) else {
            return Found::Older;
        };
        // Below RING_MAX, as the ids are consecutive.
        let skip = usize::try_from(id + 1 - first).unwrap_or(usize::MAX);
        Found::Page(self.frames.iter().skip(skip).take(PAGE).cloned().collect())
    }

    /// Begins anew after `id` when nobody has asked for a while: what is between is in the log.
    fn move_to(&mut self, id: u64) {
        if id > self.tail {
            *self = Ring { tail: id, ..Ring::default() };
        }
    }

    fn push(&mut self, frame: Arc<Rendered>) {
        if frame.id != self.tail + 1 {
            self.move_to(frame.id - 1);
        }
        self.tail = frame.id;
        self.bytes += frame.frame.len();
        self.frames.push_back(frame);
        while self.frames.len() > RING_MAX || self.bytes > RING_BYTES_MAX {
            let Some(oldest) = self.frames.pop_front() else { return };
            self.bytes -= oldest.frame.len();
        }
    }
}

impl Feed {
    pub(crate) fn new(handle: Handle) -> Feed {
        let tail = *handle.newest_event().borrow();
        let ring = Mutex::new(Ring { tail, ..Ring::default() });
        Feed { handle, ring, filling: tokio::sync::Mutex::default(), counters: Arc::default() }
    }

    /// The newest published id, and every change of it.
    pub(super) fn newest(&self) -> watch::Receiver<u64> {
        self.handle.newest_event()
    }

    /// Events after `id`, ascending, a page at most; empty only when there is none.
    ///
    /// They begin at `id + 1`, unless the log no longer keeps that one.
    ///
    /// # Errors
    /// [`Refusal::Store`] when the log can't be read.
    pub(super) async fn after(&self, id: u64) -> Result<Vec<Arc<Rendered>>, Refusal> {
        match self.ring(|ring| ring.after(id)) {
            Found::Page(page) => return Ok(page),
            Found::Older => return self.read(id).await,
            Found::Newer => {}
        }
        let _filling = self.filling.lock().await;
        if let Found::Page(page) = self.ring(|ring| ring.after(id)) {
            return Ok(page);
        }
        let page = self.read(id).await?;
        self.ring(|ring| {
            ring.move_to(id);
            page.iter().for_each(|frame| ring.push(frame.clone()));
        });
        Ok(page)
    }

    async fn read(&self, id: u64) -> Result<Vec<Arc<Rendered>>, Refusal> {
        let rows = self.handle.events_after(id, None, PAGE).await?;
        Ok(rows.into_iter().map(render).collect())
    }

    /// The ring is whole after each change, so a poisoned lock still guards a good one.
    fn ring<T>(&self, look: impl FnOnce(&mut Ring) -> T) -> T {
        look(&mut self.ring.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn render(row: Published) -> Arc<Rendered> {
    Arc::new(Rendered { id: row.id, key: row.key, run: row.run, frame: frame(row.id, &row.data) })
}

/// An event without a name, so that `EventSource.onmessage` gets it. JSON text has no line breaks of its own.
pub(super) fn frame(id: u64, data: &str) -> Bytes {
    format!("id: {id}\ndata: {data}\n\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: u64, bytes: usize) -> Arc<Rendered> {
        let key: ServiceKey = "checkout".parse().unwrap();
        let run = RunId { key: key.clone(), number: 1 };
        Arc::new(Rendered { id, key, run, frame: vec![b'x'; bytes].into() })
    }

    fn ids(found: Found) -> Option<Vec<u64>> {
        match found {
            Found::Page(page) => Some(page.iter().map(|frame| frame.id).collect()),
            Found::Older | Found::Newer => None,
        }
    }

    #[test]
    fn a_page_follows_its_cursor_without_a_hole() {
        let mut ring = Ring { tail: 10, ..Ring::default() };
        (11..=200).for_each(|id| ring.push(event(id, 100)));
        assert_eq!(ids(ring.after(10)), Some((11..=74).collect()));
        assert_eq!(ids(ring.after(199)), Some(vec![200]));
        assert!(matches!(ring.after(200), Found::Newer));
        assert!(matches!(ring.after(300), Found::Newer));
        assert!(matches!(ring.after(9), Found::Older));
        assert!(matches!(ring.after(0), Found::Older));
    }

    #[test]
    fn it_stays_within_its_limits_and_keeps_the_newest() {
        let mut ring = Ring::default();
        (1..=5000).for_each(|id| ring.push(event(id, 10)));
        assert_eq!((ring.frames.len(), ring.frames[0].id), (RING_MAX, 5001 - RING_MAX as u64));
        (5001..=5100).for_each(|id| ring.push(event(id, RING_BYTES_MAX / 4)));
        assert_eq!(ring.frames.iter().map(|f| f.id).collect::<Vec<_>>(), vec![5097, 5098, 5099, 5100]);
        assert_eq!(ring.bytes, RING_BYTES_MAX);
    }

    #[test]
    fn after_a_jump_it_begins_anew() {
        let mut ring = Ring::default();
        (1..=5).for_each(|id| ring.push(event(id, 1)));
        ring.move_to(50);
        assert!(matches!(ring.after(4), Found::Older));
        ring.push(event(51, 1));
        assert_eq!(ids(ring.after(50)), Some(vec![51]));
        ring.push(event(60, 1));
        assert!(matches!(ring.after(50), Found::Older));
        assert_eq!((ids(ring.after(59)), ring.bytes), (Some(vec![60]), 1));
    }
}
