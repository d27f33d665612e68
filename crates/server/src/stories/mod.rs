//! Stories of runs: told from the log, kept up to date while somebody asks, and shelved when a run comes to rest.
//!
//! A story is a fold over a run's events (`fw_reports`), so any of it can be told again as long as the log keeps them; the
//! shelf keeps what is older. Runs are replayed on blocking threads, two at a time. Nothing here decides anything.

mod kpis;
mod shelf;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use fw_model::{RunId, Timestamp};
use fw_reports::{Ledger, Point, Series, Story};
use fw_runtime::{Handle, Refusal, RunEvent};
use tokio::sync::{Semaphore, watch};

pub(crate) use kpis::kpis;
pub use shelf::ShelfError;
use shelf::{Shelf, Shelved};

/// Runs whose ledgers stay in memory.
const TELLINGS_MAX: usize = 32;
/// Events that are replayed at once.
const PAGE: usize = 500;
/// Runs that are replayed at the same time.
const REPLAYS_MAX: usize = 2;
/// Runs that are looked through for stories to shelve, at a start.
const CATCH_UP_MAX: usize = 1000;

/// All stories of a server.
pub struct Stories {
    handle: Handle,
    shelf: Arc<Shelf>,
    tellings: Mutex<VecDeque<(RunId, Arc<tokio::sync::Mutex<Telling>>)>>,
    replays: Semaphore,
}

/// A ledger and how far it is.
#[derive(Default)]
struct Telling {
    ledger: Option<Ledger>,
    seq: u64,
}

/// What was measured since somebody last asked.
pub(crate) struct News {
    /// Length of a step, seconds.
    pub(crate) step_seconds: f64,
    /// Whether `points` are all there are.
    pub(crate) is_all: bool,
    /// New points, and the last one again, which may have grown.
    pub(crate) points: Vec<Point>,
}

impl Stories {
    /// Stories that go with the process.
    pub fn in_memory(handle: Handle) -> Stories {
        Stories::on(handle, Shelf::in_memory())
    }

    fn on(handle: Handle, shelf: Shelf) -> Stories {
        Stories {
            handle,
            shelf: Arc::new(shelf),
            tellings: Mutex::default(),
            replays: Semaphore::new(REPLAYS_MAX),
        }
    }

    /// Opens the shelf: a file beside the store.
    ///
    /// # Errors
    /// [`ShelfError`] when the file can't be opened, or a newer version wrote it.
    pub fn open(handle: Handle, file: &Path) -> Result<Stories, ShelfError> {
        Ok(Stories::on(handle, Shelf::open(file)?))
    }

    /// The story of a run, up to now; from the shelf where its events are gone.
    ///
    /// # Errors
    /// [`Refusal::UnknownRollout`]; [`Refusal::Store`] when log or shelf can't be read; [`Refusal::Gone`] when its
    /// events are no longer kept and no story is on the shelf.
    pub(crate) async fn story(&self, name: &str) -> Result<Story, Refusal> {
        let run = self.handle.run_of(name).await?;
        let told = self.told(&run).await;
        // Who came is known only while data planes tell of it; and events are not kept for ever.
        let needs_shelf = match &told {
            Ok(story) => story.users.stable.is_none() || story.users.canary.is_none(),
            Err(refusal) => matches!(refusal, Refusal::Gone(_)),
        };
        let shelved = if needs_shelf { self.shelved(&run).await? } else { None };
        match (told, shelved) {
            (Ok(mut story), Some(before)) => {
                story.users.stable = story.users.stable.or(before.users.stable);
                story.users.canary = story.users.canary.or(before.users.canary);
                Ok(story)
            }
            (Err(Refusal::Gone(_)), Some(shelved)) => Ok(shelved),
            (told, _) => told,
        }
    }

    /// The story of a run as its events tell it.
    async fn told(&self, run: &RunId) -> Result<Story, Refusal> {
        let telling = self.telling(run);
        let mut telling = telling.lock().await;
        self.tell(run, &mut telling).await?;
        let ledger = telling.ledger.as_ref().ok_or_else(|| Refusal::Gone(run.to_string()))?;
        Ok(ledger.story(self.handle.users(run)))
    }

    /// Measurements of a run after a point; all of them where its steps have another length now, or without one.
    ///
    /// # Errors
    /// As [`Stories::story`], but never from the shelf.
    pub(crate) async fn news(&self, run: &RunId, after: Option<(f64, i64)>) -> Result<News, Refusal> {
        let telling = self.telling(run);
        let mut telling = telling.lock().await;
        self.tell(run, &mut telling).await?;
        let Some(ledger) = &telling.ledger else { return Err(Refusal::Gone(run.to_string())) };
        let step_seconds = ledger.step_seconds();
        let from = after.filter(|(step, _)| *step == step_seconds).map(|(_, at)| at);
        let Series { points, .. } = ledger.series_from(from.unwrap_or(i64::MIN));
        Ok(News { step_seconds, is_all: from.is_none(), points })
    }

    /// Puts stories on the shelf as runs come to rest, until told to stop. Those that came to rest while nobody looked first.
    pub(crate) async fn shelve(self: Arc<Self>, mut stopping: watch::Receiver<bool>) {
        let mut newest = self.handle.newest_event();
        let mut cursor = *newest.borrow_and_update();
        if let Err(refusal) = self.catch_up().await {
            tracing::warn!(target: "fw_server", %refusal, "stories of past runs were not shelved; they are told from the log");
        }
        loop {
            tokio::select! {
                changed = newest.changed() => if changed.is_err() { return },
                _ = stopping.wait_for(|stop| *stop) => return,
            }
            let upto = *newest.borrow_and_update();
            while cursor < upto {
                let Ok(page) = self.handle.events_after(cursor, None, PAGE).await else { break };
                let Some(last) = page.last().map(|event| event.id) else { break };
                cursor = last;
                // Published with everything that brings a run to rest.
                for event in page.iter().filter(|event| event.kind == "report_ready") {
                    self.put(&event.run).await;
                }
            }
        }
    }

    async fn catch_up(&self) -> Result<(), Refusal> {
        let rows = self.handle.runs(CATCH_UP_MAX).await?;
        for row in
            rows.iter().filter(|row| matches!(row.status.as_str(), "completed" | "aborted" | "rolled_back"))
        {
            let shelved = self.shelved(&row.run).await?;
            let is_told = shelved.is_some_and(|story| {
                story.status == row.status && story.ended_at == row.ended_at.map(Timestamp::as_millis)
            });
            if !is_told && row.oldest_seq == 1 {
                self.put(&row.run).await;
            }
        }
        Ok(())
    }

    /// Puts a run's story on the shelf. What fails is told again at the next start.
    async fn put(&self, run: &RunId) {
        let kept = match self.story(&run.to_string()).await {
            Ok(story) => {
                let (shelf, shelved) = (self.shelf.clone(), Shelved { kpi: kpis::Row::of(&story), story });
                blocking(move || shelf.put(&shelved)).await
            }
            Err(refusal) => Err(refusal),
        };
        if let Err(refusal) = kept {
            tracing::warn!(target: "fw_server", %run, %refusal, "a story was not shelved");
        }
    }

    async fn shelved(&self, run: &RunId) -> Result<Option<Story>, Refusal> {
        let (shelf, run) = (self.shelf.clone(), run.to_string());
        blocking(move || shelf.story(&run)).await
    }

    /// Runs on the shelf that began after a moment, oldest first.
    async fn rows_since(&self, since: i64) -> Result<Vec<kpis::Row>, Refusal> {
        let shelf = self.shelf.clone();
        blocking(move || shelf.rows_since(since)).await
    }

    fn telling(&self, run: &RunId) -> Arc<tokio::sync::Mutex<Telling>> {
        let mut tellings = self.tellings.lock().unwrap_or_else(PoisonError::into_inner);
        let found =
            tellings.iter().position(|(other, _)| other == run).and_then(|place| tellings.remove(place));
        let entry = found.unwrap_or_else(|| (run.clone(), Arc::default()));
        let telling = entry.1.clone();
        tellings.push_back(entry);
        if tellings.len() > TELLINGS_MAX {
            tellings.pop_front();
        }
        telling
    }

    /// Brings a ledger up to date.
    async fn tell(&self, run: &RunId, telling: &mut Telling) -> Result<(), Refusal> {
        let _turn = self.replays.acquire().await.map_err(|_| Refusal::Closed)?;
        loop {
            let events = self.handle.run_events(run, telling.seq, PAGE).await?;
            let Some(last) = events.last().map(|event| event.seq) else { return Ok(()) };
            if events[0].seq != telling.seq + 1 {
                return Err(Refusal::Gone(run.to_string()));
            }
            let (ledger, is_last) = (telling.ledger.take(), events.len() < PAGE);
            telling.ledger = blocking(move || replay(ledger, &events)).await?;
            telling.seq = last;
            if is_last {
                return Ok(());
            }
        }
    }
}

/// Takes events into a ledger; the first of a run makes one.
fn replay(mut ledger: Option<Ledger>, events: &[RunEvent]) -> Result<Option<Ledger>, String> {
    for RunEvent { seq, at, event } in events {
        let failed = |e: fw_engine::Rejection| format!("event {seq} can't be replayed: {e}");
        match &mut ledger {
            Some(ledger) => {
                let transition = fw_engine::step(ledger.rollout(), event, *at).map_err(failed)?;
                ledger.take(event, transition, *at);
            }
            None => {
                let fw_engine::Event::Started(started) = event else {
                    return Err(format!("event {seq} is no beginning"));
                };
                let begun = fw_engine::begin(started, *at).map_err(failed)?;
                ledger = Ledger::begin(event, &begun, *at);
            }
        }
    }
    Ok(ledger)
}

async fn blocking<T: Send + 'static, E: ToString + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|e| Refusal::Store(e.to_string())),
        Err(panic) => Err(Refusal::Store(panic.to_string())),
    }
}
