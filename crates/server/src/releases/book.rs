//! The book of releases: every one as replayed from its journal, and the one way to change it.
//!
//! An event is stepped first and appended then; only what was appended counts. So what a reader sees is what a restart gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use fw_engine::release::{Effect, Event, Overall, Rejection, Release, Started, begin, step};
use fw_model::release::ReleaseId;
use fw_model::{ServiceKey, Timestamp};
use fw_store::{Journal, JournalError, JournalRow, record};

/// Before the name of a release, in the journal.
const PREFIX: &str = "release/";
/// Most releases that are read at a start.
const RELEASES_MAX: usize = 10_000;

/// A release could not be begun, found or changed.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// No release has this name.
    #[error("no release {0:?}: `fw release list` shows those of this server")]
    Unknown(String),
    /// The service is not served here.
    #[error("this server does not serve {0:?}")]
    UnknownService(String),
    /// One release of a service at a time.
    #[error("{0} is under way: wait for it, or `fw release cancel {0}`")]
    UnderWay(ReleaseId),
    /// What the request says of what runs here, or who approves, is not what the server's own file says.
    #[error(
        "release.{part} of {service} differs from what this server's own file says, and that decides what runs here and who approves: \
         start the server anew with that file, or take its `release.{part}`"
    )]
    PolicyDiffers {
        /// Which service.
        service: String,
        /// Which part of `release`.
        part: &'static str,
    },
    /// The plan breaks rules.
    #[error("the plan is not sound: {0}")]
    Unsound(String),
    /// The engine refused.
    #[error("{0}")]
    Rejected(#[from] Rejection),
    /// The journal refused; nothing was changed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal holds something this version can't read.
    #[error("the journal of releases holds something this version can't read: {0}")]
    Record(String),
    /// A bug.
    #[error("{0}")]
    Internal(String),
}

struct Entry {
    release: Release,
    seq: u64,
}

/// Every release.
pub(super) struct Book {
    journal: Arc<dyn Journal>,
    entries: BTreeMap<ReleaseId, Entry>,
}

/// What an event led to.
pub(super) struct Applied {
    pub(super) release: Release,
    pub(super) effects: Vec<Effect>,
}

impl Book {
    /// # Errors
    /// [`ReleaseError::Journal`], [`ReleaseError::Record`].
    pub(super) fn open(journal: Arc<dyn Journal>) -> Result<Book, ReleaseError> {
        let mut entries = BTreeMap::new();
        for subject in journal.subjects(PREFIX, RELEASES_MAX)? {
            if let Some(entry) = replay(&subject.name, &journal.read(&subject.name)?)? {
                entries.insert(entry.release.id.clone(), entry);
            }
        }
        Ok(Book { journal, entries })
    }

    /// The name of the next release of a service.
    ///
    /// # Errors
    /// [`ReleaseError::UnderWay`] while one is.
    pub(super) fn next_id(&self, key: &ServiceKey) -> Result<ReleaseId, ReleaseError> {
        let of_service = || self.entries.values().map(|entry| &entry.release).filter(|r| r.id.key == *key);
        if let Some(open) = of_service().find(|release| !release.is_over()) {
            return Err(ReleaseError::UnderWay(open.id.clone()));
        }
        let last = of_service().map(|release| release.id.number).max().unwrap_or(0);
        Ok(ReleaseId { key: key.clone(), number: last + 1 })
    }

    /// # Errors
    /// [`ReleaseError::Journal`].
    pub(super) fn begin(&mut self, started: Started, now: Timestamp) -> Result<Applied, ReleaseError> {
        let transition = begin(&started, now);
        let id = started.id.clone();
        self.append(&id, 1, &Event::Started(started), now)?;
        let release = transition.next;
        self.entries.insert(id, Entry { release: release.clone(), seq: 1 });
        Ok(Applied { release, effects: transition.effects })
    }

    /// # Errors
    /// [`ReleaseError::Unknown`], [`ReleaseError::Rejected`], [`ReleaseError::Journal`].
    pub(super) fn apply(
        &mut self,
        id: &ReleaseId,
        event: Event,
        now: Timestamp,
    ) -> Result<Applied, ReleaseError> {
        let entry = self.entries.get(id).ok_or_else(|| ReleaseError::Unknown(id.to_string()))?;
        let transition = step(&entry.release, &event, now)?;
        let seq = entry.seq + 1;
        self.append(id, seq, &event, now)?;
        let release = transition.next;
        self.entries.insert(id.clone(), Entry { release: release.clone(), seq });
        Ok(Applied { release, effects: transition.effects })
    }

    fn append(&self, id: &ReleaseId, seq: u64, event: &Event, at: Timestamp) -> Result<(), ReleaseError> {
        let (format, payload) = record::encode_release_event(event);
        Ok(self.journal.append(&format!("{PREFIX}{id}"), &JournalRow { seq, at, format, payload })?)
    }

    /// A release by its name, or the latest of a service.
    pub(super) fn find(&self, name: &str) -> Option<Release> {
        let by_id = name.parse::<ReleaseId>().ok().and_then(|id| self.entries.get(&id));
        let latest = || {
            let key: ServiceKey = name.parse().ok()?;
            let of_service = self.entries.values().filter(|entry| entry.release.id.key == key);
            of_service.max_by_key(|entry| entry.release.id.number)
        };
        by_id.or_else(latest).map(|entry| entry.release.clone())
    }

    /// Releases that something may still happen to by itself.
    pub(super) fn live(&self) -> Vec<Release> {
        let all = self.entries.values().map(|entry| &entry.release);
        all.filter(|release| is_live(release)).cloned().collect()
    }

    /// Every release, the one that began last first.
    pub(super) fn all(&self) -> Vec<Release> {
        let mut all: Vec<Release> = self.entries.values().map(|entry| entry.release.clone()).collect();
        all.sort_by(|a, b| b.started_at.cmp(&a.started_at).then_with(|| b.id.cmp(&a.id)));
        all
    }
}

/// Whether it is not over, or ended well and the old version is still there or its rollout could be taken back.
fn is_live(release: &Release) -> bool {
    let superseded = release.rollout.as_ref().is_none_or(|seen| seen.superseded);
    let may_go_back = release.overall == Some(Overall::Success) && !release.retired && !superseded;
    !release.is_over() || release.open_task().is_some() || release.retire_at.is_some() || may_go_back
}

fn replay(subject: &str, rows: &[JournalRow]) -> Result<Option<Entry>, ReleaseError> {
    let mut release: Option<Release> = None;
    let mut seq = 0;
    for row in rows {
        let bad = |what: String| ReleaseError::Record(format!("{subject}, event {}: {what}", row.seq));
        let event = record::decode_release_event(row.format, &row.payload).map_err(|e| bad(e.to_string()))?;
        release = Some(match (&release, &event) {
            (None, Event::Started(started)) => begin(started, row.at).next,
            (None, _) => return Err(bad("it does not begin with a start".into())),
            (Some(before), event) => step(before, event, row.at).map_err(|e| bad(e.to_string()))?.next,
        });
        seq = row.seq;
    }
    Ok(release.map(|release| Entry { release, seq }))
}
