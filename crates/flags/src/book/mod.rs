//! The book of experiments: which user saw which variant first, and what they did after that. Durable and counted once.
//!
//! A user who asks is noted at once in memory and within [`GATHER`] on disk; what users do is on disk before the answer.
//! Keys are kept as 64-bit hashes: nobody is named. One thread writes, in the order of the calls, so that what somebody
//! did is seen after what they saw. A full queue refuses what users did ([`BookError::Busy`]) and forgets who saw what:
//! they are noted when they ask again. Not the rollout's log: nothing here decides about traffic.

mod table;
mod writer;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use fw_model::split::trim_key;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

use crate::readout::Tally;

/// How long those who saw something are gathered before they are written.
pub const GATHER: Duration = Duration::from_millis(50);
/// Messages to the writer that may wait.
const QUEUE_MAX: usize = 65_536;
/// Outcomes that may wait, over all messages.
const OUTCOMES_MAX: usize = 100_000;
/// Most users of all experiments together: 16 bytes of memory and some 30 of disk each.
pub const USERS_MAX: usize = 4_000_000;
/// Locks over the set of who was noted.
const SHARDS: usize = 16;
/// Any number but those of the other hashes of keys.
const SEED: u64 = 0x7573_6572;

/// An experiment: a flag with weights, as it is now. Other variants or weights are another experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Experiment {
    /// The service, with its region.
    pub service: String,
    /// The flag's key.
    pub flag: String,
    /// Tells one form of the flag from another.
    pub fingerprint: u64,
    /// How many variants it has.
    pub variants: usize,
}

/// Something a user did.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Told twice under one id it counts once; without one it counts each time.
    pub id: Option<String>,
    /// Who.
    pub user: User,
    /// The metric's name.
    pub metric: String,
    /// Experiments it may count for, with the value that each takes.
    pub to: Vec<(usize, f64)>,
}

/// A user as the book knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct User(u64);

impl User {
    /// By the targeting key; none for one that is empty or blank.
    pub fn of(key: &str) -> Option<User> {
        let key = trim_key(key.as_bytes());
        (!key.is_empty()).then(|| User(xxh3_64_with_seed(key, SEED)))
    }
}

/// What became of an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It counts for so many experiments: those whose variant the user had seen.
    Counted(usize),
    /// Its id was here before.
    Repeated,
}

/// The book can't be opened, written or read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BookError {
    /// The disk or the file.
    #[error("the book of experiments {place}: {text}")]
    Disk {
        /// The file.
        place: String,
        /// What the database says.
        text: String,
    },
    /// Written by a newer version of this program.
    #[error("the book of experiments {0} is of a newer version of fw: use that one")]
    TooNew(String),
    /// More waits than may: try again.
    #[error("the book of experiments can't keep up: try again in a second")]
    Busy,
    /// The writer has ended.
    #[error("the book of experiments is closed")]
    Closed,
}

/// Answers a call from another thread.
pub type Reply<T> = Box<dyn FnOnce(Result<T, BookError>) + Send>;

enum Message {
    Seen { experiment: usize, user: User, variant: usize },
    Track(Vec<Outcome>, Reply<Vec<Taken>>),
    Tally { experiment: usize, metrics: Vec<(String, bool)>, reply: Reply<Tally> },
    Stop,
}

/// The open book. Dropping it writes what waits.
pub struct Book {
    sender: SyncSender<Message>,
    writer: Option<JoinHandle<()>>,
    noted: Arc<Noted>,
    /// Outcomes that wait.
    waiting: Arc<AtomicUsize>,
    late: AtomicU64,
}

impl std::fmt::Debug for Book {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Book").field("users", &self.noted.count()).finish_non_exhaustive()
    }
}

/// Who was noted for which experiment.
#[derive(Debug, Default)]
struct Noted {
    shards: [Mutex<HashSet<(usize, User)>>; SHARDS],
    count: AtomicUsize,
}

impl Noted {
    fn shard(&self, user: User) -> MutexGuard<'_, HashSet<(usize, User)>> {
        // A set is whole after each change, so a poisoned lock still guards a good one.
        self.shards[(user.0 >> 60) as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this is new, and there is room for it.
    fn add(&self, experiment: usize, user: User) -> bool {
        let mut shard = self.shard(user);
        if shard.contains(&(experiment, user)) || self.count() >= USERS_MAX {
            return false;
        }
        shard.insert((experiment, user));
        self.count.fetch_add(1, Ordering::Relaxed);
        true
    }

    fn remove(&self, experiment: usize, user: User) {
        if self.shard(user).remove(&(experiment, user)) {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

impl Book {
    /// Opens the book in this file, or in memory, for these experiments; a call names one by its position here.
    ///
    /// # Errors
    /// [`BookError::Disk`], [`BookError::TooNew`].
    pub fn open(file: Option<&Path>, experiments: Vec<Experiment>) -> Result<Book, BookError> {
        let (sender, receiver) = sync_channel(QUEUE_MAX);
        let place: PathBuf = file.map_or_else(|| ":memory:".into(), Path::to_path_buf);
        let table = table::Table::open(&place, &experiments)?;
        let noted = Arc::new(Noted::default());
        table.users(|experiment, user| {
            noted.add(experiment, user);
        })?;
        let waiting = Arc::new(AtomicUsize::new(0));
        let writer = std::thread::Builder::new().name("fw-book".into()).spawn({
            let (noted, waiting) = (Arc::clone(&noted), Arc::clone(&waiting));
            move || writer::run(table, &receiver, &noted, &waiting)
        });
        let disk =
            |e: std::io::Error| BookError::Disk { place: place.display().to_string(), text: e.to_string() };
        Ok(Book { sender, writer: Some(writer.map_err(disk)?), noted, waiting, late: AtomicU64::new(0) })
    }

    /// Somebody got this variant by the split of this experiment. The first time counts.
    pub fn seen(&self, experiment: usize, user: User, variant: usize) {
        if self.noted.add(experiment, user)
            && self.sender.try_send(Message::Seen { experiment, user, variant }).is_err()
        {
            self.noted.remove(experiment, user);
            self.late.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Users did something; answered once it is durable, in the order of the outcomes.
    pub fn track(&self, outcomes: Vec<Outcome>, reply: Reply<Vec<Taken>>) {
        let count = outcomes.len();
        if self.waiting.fetch_add(count, Ordering::Relaxed) + count > OUTCOMES_MAX {
            self.waiting.fetch_sub(count, Ordering::Relaxed);
            return reply(Err(BookError::Busy));
        }
        self.send(Message::Track(outcomes, reply));
    }

    /// The numbers of an experiment. Of each metric: its name, and whether a user's value is at most 1.
    pub fn tally(&self, experiment: usize, metrics: Vec<(String, bool)>, reply: Reply<Tally>) {
        self.send(Message::Tally { experiment, metrics, reply });
    }

    fn send(&self, message: Message) {
        let (message, error) = match self.sender.try_send(message) {
            Ok(()) => return,
            Err(TrySendError::Full(message)) => (message, BookError::Busy),
            Err(TrySendError::Disconnected(message)) => (message, BookError::Closed),
        };
        match message {
            Message::Track(outcomes, reply) => {
                self.waiting.fetch_sub(outcomes.len(), Ordering::Relaxed);
                reply(Err(error));
            }
            Message::Tally { reply, .. } => reply(Err(error)),
            Message::Seen { .. } | Message::Stop => {}
        }
    }

    /// Users who were not noted because the queue was full; they are when they ask again.
    pub fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    /// Whether there is no room for more users.
    pub fn is_full(&self) -> bool {
        self.noted.count() >= USERS_MAX
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        // Waits for room in the queue: what is in it must be written.
        let _ = self.sender.send(Message::Stop);
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// The id of an outcome as it is kept.
fn id_hash(id: &str) -> [u8; 16] {
    xxh3_128(id.as_bytes()).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::readout::Sums;

    fn experiment(flag: &str, fingerprint: u64) -> Experiment {
        Experiment { service: "shop".into(), flag: flag.into(), fingerprint, variants: 2 }
    }

    fn user(n: u32) -> User {
        User::of(&format!("user-{n}")).unwrap()
    }

    fn ask<T: Send + 'static>(call: impl FnOnce(Reply<T>)) -> Result<T, BookError> {
        let (sender, receiver) = mpsc::channel();
        call(Box::new(move |result| sender.send(result).unwrap()));
        receiver.recv_timeout(Duration::from_secs(30)).unwrap()
    }

    fn outcome(id: Option<&str>, n: u32, value: f64) -> Outcome {
        Outcome { id: id.map(str::to_owned), user: user(n), metric: "buy".into(), to: vec![(0, value)] }
    }

    fn tally(book: &Book, experiment: usize, is_capped: bool) -> Tally {
        ask(|reply| book.tally(experiment, vec![("buy".into(), is_capped)], reply)).unwrap()
    }

    #[test]
    fn what_users_did_counts_for_what_they_had_seen_once_and_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("experiments.db");
        let experiments = vec![experiment("colour", 1), experiment("shape", 1)];
        let book = Book::open(Some(&file), experiments.clone()).unwrap();
        for n in 0..100 {
            book.seen(0, user(n), (n % 2) as usize);
            book.seen(0, user(n), ((n + 1) % 2) as usize);
        }
        let track = |book: &Book, outcomes| ask(|reply| book.track(outcomes, reply)).unwrap();
        let told = vec![
            outcome(Some("a"), 1, 2.0),
            outcome(Some("a"), 1, 2.0),
            outcome(None, 1, 0.5),
            outcome(None, 3, 1.0),
            outcome(None, 1000, 1.0),
        ];
        let taken = track(&book, told);
        assert_eq!(
            taken,
            [Taken::Counted(1), Taken::Repeated, Taken::Counted(1), Taken::Counted(1), Taken::Counted(0)]
        );
        let sums = Sums { users: 2, sum: 3.5, sum_squares: 7.25 };
        let wanted = Tally { users: vec![50, 50], metrics: vec![vec![Sums::default(), sums]] };
        assert_eq!(tally(&book, 0, false), wanted);
        assert_eq!(tally(&book, 0, true).metrics[0][1], Sums { users: 2, sum: 2.0, sum_squares: 2.0 });
        assert_eq!(tally(&book, 1, false).users, [0, 0]);
        drop(book);

        let book = Book::open(Some(&file), experiments).unwrap();
        assert_eq!(tally(&book, 0, false), wanted);
        assert_eq!(track(&book, vec![outcome(Some("a"), 1, 2.0)]), [Taken::Repeated]);
        book.seen(0, user(1), 0);
        assert_eq!(tally(&book, 0, false).users, [50, 50], "who was noted is known after a restart");
        drop(book);

        let changed = Book::open(Some(&file), vec![experiment("colour", 2)]).unwrap();
        assert_eq!(tally(&changed, 0, false).users, [0, 0], "other weights begin anew");
    }

    #[test]
    fn eight_threads_lose_nobody() {
        let book = Book::open(None, vec![experiment("colour", 1)]).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..8_u32 {
                let book = &book;
                // Every user comes from two threads.
                scope.spawn(move || {
                    for n in 0..1000 {
                        let n = (thread / 2) * 1000 + n;
                        book.seen(0, user(n), (n % 2) as usize);
                    }
                });
            }
        });
        assert_eq!((tally(&book, 0, false).users, book.late()), (vec![2000, 2000], 0));
    }

    #[test]
    fn a_disk_that_fails_is_told_and_who_asks_again_is_noted() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("experiments.db");
        let book = Book::open(Some(&file), vec![experiment("colour", 1)]).unwrap();
        let other = rusqlite::Connection::open(&file).unwrap();
        other.execute_batch("ALTER TABLE seen RENAME TO gone").unwrap();
        book.seen(0, user(1), 0);
        let refused = ask(|reply| book.track(vec![outcome(Some("a"), 1, 1.0)], reply)).unwrap_err();
        assert!(refused.to_string().contains("seen"), "{refused}");
        other.execute_batch("ALTER TABLE gone RENAME TO seen").unwrap();
        book.seen(0, user(1), 0);
        let taken = ask(|reply| book.track(vec![outcome(Some("a"), 1, 1.0)], reply)).unwrap();
        assert_eq!(taken, [Taken::Counted(1)], "nothing of the failed transaction stayed");
        assert_eq!(tally(&book, 0, false).users, [1, 0]);
    }

    #[test]
    fn what_is_no_book_is_refused_in_words() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("experiments.db");
        std::fs::write(&file, "this is no database, however long it goes on and on").unwrap();
        let refused = Book::open(Some(&file), vec![]).unwrap_err().to_string();
        assert!(refused.contains("experiments.db") && refused.contains("not a database"), "{refused}");
        let refused = Book::open(Some(&dir.path().join("no/such/folder/x.db")), vec![]).unwrap_err();
        assert!(refused.to_string().contains("no/such/folder"), "{refused}");
    }

    #[test]
    fn white_space_is_not_part_of_a_user_and_blank_ones_are_none() {
        assert_eq!(User::of(" user-1\t"), User::of("user-1"));
        assert_eq!((User::of(""), User::of("  ")), (None, None));
    }
}
