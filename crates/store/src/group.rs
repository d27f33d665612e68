//! Many writers, one sync: batches that wait together become durable together.
//!
//! A durable commit costs a disk sync (milliseconds), whatever it holds. So one thread takes all batches that
//! arrived while it was syncing and commits them as one transaction. Nobody waits for a timer: an idle
//! committer commits a lone batch at once. If the merged transaction is refused, each batch is tried
//! alone, so a bad one fails by itself. Order of arrival is kept.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::limits::{GROUP_BATCHES_MAX, GROUP_QUEUE_MAX, GROUP_ROWS_MAX};
use crate::{Batch, Error, RolloutLog};

/// What to do with the outcome of a batch; runs on the committer's thread and must be short.
type Done = Box<dyn FnOnce(Result<(), Error>) + Send>;

struct Job {
    batch: Batch,
    done: Answer,
}

/// Answers exactly once: with the outcome, or, when dropped unanswered, with [`Error::Closed`].
struct Answer(Option<Done>);

impl Answer {
    fn give(mut self, result: Result<(), Error>) {
        if let Some(done) = self.0.take() {
            done(result);
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            done(Err(Error::Closed));
        }
    }
}

/// Merges concurrent batches into one transaction. Dropping it writes what is queued, then stops.
pub struct GroupCommitter {
    queue: Option<SyncSender<Job>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The outcome of a submitted batch, to be waited for.
#[must_use = "a batch is durable only once its ticket says so"]
pub struct Ticket(Receiver<Result<(), Error>>);

impl Ticket {
    /// Waits until the batch is durable or refused.
    ///
    /// # Errors
    /// As [`RolloutLog::commit`], and [`Error::Closed`].
    pub fn wait(self) -> Result<(), Error> {
        self.0.recv().unwrap_or(Err(Error::Closed))
    }

    /// Waits at most this long; gives the ticket back when the outcome is not known yet.
    ///
    /// # Errors
    /// The outer error is the ticket; the inner as [`wait`](Ticket::wait).
    pub fn wait_for(self, time: Duration) -> Result<Result<(), Error>, Ticket> {
        match self.0.recv_timeout(time) {
            Ok(result) => Ok(result),
            Err(RecvTimeoutError::Disconnected) => Ok(Err(Error::Closed)),
            Err(RecvTimeoutError::Timeout) => Err(self),
        }
    }
}

impl GroupCommitter {
    /// Starts the committer's thread.
    ///
    /// # Errors
    /// When the system gives no further thread.
    pub fn start(log: Arc<dyn RolloutLog>) -> std::io::Result<GroupCommitter> {
        let (queue, jobs) = sync_channel(GROUP_QUEUE_MAX);
        let thread = std::thread::Builder::new().name("log-commit".to_owned());
        let thread = thread.spawn(move || run(&*log, &jobs))?;
        Ok(GroupCommitter { queue: Some(queue), thread: Mutex::new(Some(thread)) })
    }

    /// Queues a batch and returns; waits only while the queue is full.
    ///
    /// # Errors
    /// None here: the ticket tells.
    pub fn enqueue(&self, batch: Batch) -> Ticket {
        let (sender, receiver) = sync_channel(1);
        let done = answer(move |result| {
            // A caller that no longer waits has lost interest; the batch is written all the same.
            let _ = sender.send(result);
        });
        if let Some(queue) = &self.queue {
            // When the thread is gone the job comes back and, dropped, answers `Closed`.
            let _ = queue.send(Job { batch, done });
        }
        Ticket(receiver)
    }

    /// Writes a batch and waits until it is durable.
    ///
    /// # Errors
    /// As [`RolloutLog::commit`], and [`Error::Closed`].
    pub fn commit(&self, batch: Batch) -> Result<(), Error> {
        self.enqueue(batch).wait()
    }

    /// Queues a batch without ever waiting; `done` gets the outcome on the committer's thread. For
    /// asynchronous callers: let `done` complete a oneshot channel.
    ///
    /// # Errors
    /// The batch itself when the queue is full ([`GROUP_QUEUE_MAX`]); `done` is then not called.
    pub fn submit(
        &self,
        batch: Batch,
        done: impl FnOnce(Result<(), Error>) + Send + 'static,
    ) -> Result<(), Box<Batch>> {
        let Some(queue) = &self.queue else { return Err(Box::new(batch)) };
        match queue.try_send(Job { batch, done: answer(done) }) {
            Ok(()) => Ok(()),
            // Dropping the answer tells `done` that the log is closed.
            Err(TrySendError::Disconnected(_)) => Ok(()),
            Err(TrySendError::Full(mut job)) => {
                job.done.0 = None;
                Err(Box::new(job.batch))
            }
        }
    }
}

impl Drop for GroupCommitter {
    fn drop(&mut self) {
        self.queue = None;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic there was already answered with `Closed` to all who wait.
            let _ = thread.join();
        }
    }
}

fn answer(done: impl FnOnce(Result<(), Error>) + Send + 'static) -> Answer {
    Answer(Some(Box::new(done)))
}

fn run(log: &dyn RolloutLog, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut rows = first.batch.rows();
        let mut group = vec![first];
        while group.len() < GROUP_BATCHES_MAX && rows < GROUP_ROWS_MAX {
            match jobs.try_recv() {
                Ok(job) => {
                    rows += job.batch.rows();
                    group.push(job);
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        commit(log, group);
    }
}

fn commit(log: &dyn RolloutLog, mut group: Vec<Job>) {
    if group.len() > 1 {
        let batches: Vec<&Batch> = group.iter().map(|job| &job.batch).collect();
        if log.commit_all(&batches).is_ok() {
            group.into_iter().for_each(|job| job.done.give(Ok(())));
            return;
        }
    }
    for job in group.drain(..) {
        let result = log.commit(&job.batch);
        job.done.give(result);
    }
}
