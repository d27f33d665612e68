//! One regional rollout as the server has it: its state, its place in the journal, what people were told.
//!
//! An event is appended before its state is taken over. Looks that moved nothing but numbers are shown and not kept,
//! and their watched time is carried over to the next one that is.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use fw_engine::waves::{
    Effect, Event, Looked, Notice, RegionalRollout, Rejection, Report, Started, Transition, begin,
    invariants, step,
};
use fw_model::Timestamp;
use fw_runtime::Idempotency;
use fw_runtime::config::ServiceConfig;
use fw_store::{Journal, JournalRow};
use serde_json::Value;

use super::record::{self, FORMAT};

/// Most things people were told that are kept in memory.
const MOMENTS_MAX: usize = 2000;
/// Watched time is kept this often at least, so that a crash loses no more of it.
const KEEP_EVERY: Duration = Duration::from_secs(30);

/// Something people were told.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Moment {
    /// Its event's place in the journal.
    pub(super) seq: u64,
    pub(super) at: Timestamp,
    pub(super) notice: Notice,
}

/// Why an event was not taken.
#[derive(Debug)]
pub(super) enum NotTaken {
    /// The state does not allow it.
    Rejected(Rejection),
    /// It can't be made durable, or a rule would be broken: nothing was changed.
    Failed(String),
}

/// A regional rollout.
pub(super) struct Whole {
    /// Its subject in the journal.
    pub(super) subject: String,
    /// As kept.
    pub(super) state: RegionalRollout,
    /// As of the last look, kept or not: what is shown.
    pub(super) shown: RegionalRollout,
    /// Of `shown`.
    pub(super) report: Report,
    /// What was started.
    pub(super) config: ServiceConfig,
    /// What people were told, oldest first.
    pub(super) moments: VecDeque<Moment>,
    /// Keys of requests that were taken, with what each asked for.
    pub(super) requests: Vec<Idempotency>,
    seq: u64,
    carried: Duration,
}

impl Whole {
    /// Begins one: appended, then there.
    pub(super) async fn begin(
        journal: &Arc<dyn Journal>,
        started: Started,
        (config, json): (ServiceConfig, &Value),
        idempotency: Option<Idempotency>,
        now: Timestamp,
    ) -> Result<Whole, NotTaken> {
        let transition = begin(&started, now).map_err(NotTaken::Rejected)?;
        let subject = subject(&started.run);
        let payload = record::encode(&Event::Started(started), idempotency.as_ref(), Some(json));
        append(journal, &subject, JournalRow { seq: 1, at: now, format: FORMAT, payload }).await?;
        let mut whole = Whole::new(subject, &transition, config);
        whole.requests.extend(idempotency);
        whole.take(transition, now);
        Ok(whole)
    }

    /// The one that a journal's rows give; none where it has none.
    ///
    /// # Errors
    /// In words: which row can't be read, or does not follow from those before it.
    pub(super) fn replay(subject: &str, rows: Vec<JournalRow>) -> Result<Option<Whole>, String> {
        let mut whole: Option<Whole> = None;
        for row in rows {
            let place = |why: String| format!("{subject}, event {}: {why}", row.seq);
            let kept = record::decode(row.format, &row.payload).map_err(|e| place(e.to_string()))?;
            whole = Some(match (whole, kept.event) {
                (None, Event::Started(started)) => {
                    let config = kept.config.ok_or_else(|| place("it has no config".into()))?;
                    let transition = begin(&started, row.at).map_err(|e| place(e.to_string()))?;
                    let mut whole = Whole::new(subject.to_owned(), &transition, config);
                    whole.take(transition, row.at);
                    whole.requests.extend(kept.idempotency);
                    whole
                }
                (Some(mut whole), event) => {
                    let transition = step(&whole.state, &event, row.at).map_err(|e| place(e.to_string()))?;
                    whole.take(transition, row.at);
                    whole.requests.extend(kept.idempotency);
                    whole
                }
                (None, _) => return Err(place("it does not begin with a start".into())),
            });
        }
        Ok(whole)
    }

    fn new(subject: String, transition: &Transition, config: ServiceConfig) -> Whole {
        Whole {
            subject,
            state: transition.next.clone(),
            shown: transition.next.clone(),
            report: transition.report.clone(),
            config,
            moments: VecDeque::new(),
            requests: vec![],
            seq: 0,
            carried: Duration::ZERO,
        }
    }

    fn take(&mut self, transition: Transition, at: Timestamp) {
        self.seq += 1;
        for effect in transition.effects {
            // What is asked of regions is done from the state: open asks stand in it.
            if let Effect::Publish(notice) = effect {
                self.moments.push_back(Moment { seq: self.seq, at, notice });
            }
        }
        while self.moments.len() > MOMENTS_MAX {
            self.moments.pop_front();
        }
        self.shown = transition.next.clone();
        self.state = transition.next;
        self.report = transition.report;
    }

    /// Takes an event that must be kept.
    pub(super) async fn event(
        &mut self,
        journal: &Arc<dyn Journal>,
        event: Event,
        idempotency: Option<Idempotency>,
        now: Timestamp,
    ) -> Result<(), NotTaken> {
        let transition = step(&self.state, &event, now).map_err(NotTaken::Rejected)?;
        self.keep(journal, &event, transition, idempotency, now).await
    }

    /// Takes a look: kept when it moved anything, or when much time was carried over.
    pub(super) async fn look(
        &mut self,
        journal: &Arc<dyn Journal>,
        looked: Looked,
        now: Timestamp,
    ) -> Result<(), NotTaken> {
        self.carried = self.carried.saturating_add(looked.watched);
        let event = Event::Looked(Looked { watched: self.carried, ..looked });
        let transition = step(&self.state, &event, now).map_err(NotTaken::Rejected)?;
        let under_way = self.state.status.is_under_way();
        if transition.material || (under_way && self.carried >= KEEP_EVERY) {
            self.keep(journal, &event, transition, None, now).await?;
            self.carried = Duration::ZERO;
        } else {
            self.shown = transition.next;
            self.report = transition.report;
        }
        Ok(())
    }

    async fn keep(
        &mut self,
        journal: &Arc<dyn Journal>,
        event: &Event,
        transition: Transition,
        idempotency: Option<Idempotency>,
        now: Timestamp,
    ) -> Result<(), NotTaken> {
        let broken = invariants::check(&self.state, event, now, &transition);
        if !broken.is_empty() {
            let texts: Vec<String> = broken.iter().map(ToString::to_string).collect();
            return Err(NotTaken::Failed(texts.join("; ")));
        }
        let payload = record::encode(event, idempotency.as_ref(), None);
        let row = JournalRow { seq: self.seq + 1, at: now, format: FORMAT, payload };
        append(journal, &self.subject, row).await?;
        self.requests.extend(idempotency);
        self.take(transition, now);
        Ok(())
    }
}

/// The journal's name of a regional rollout.
pub(super) fn subject(run: &fw_model::RunId) -> String {
    format!("{}{}", prefix(&run.key.service), run.number)
}

/// What the names of a service's regional rollouts begin with.
pub(super) fn prefix(service: &fw_model::ServiceName) -> String {
    format!("waves/{service}/")
}

async fn append(journal: &Arc<dyn Journal>, subject: &str, row: JournalRow) -> Result<(), NotTaken> {
    let (journal, subject) = (journal.clone(), subject.to_owned());
    match tokio::task::spawn_blocking(move || journal.append(&subject, &row)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(NotTaken::Failed(error.to_string())),
        Err(panic) => Err(NotTaken::Failed(panic.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use fw_engine::rollout::Requested;
    use fw_engine::waves::{Answer, Status};
    use fw_runtime::config;
    use fw_store::MemoryJournal;
    use serde_json::json;

    use super::*;

    fn by() -> Requested {
        Requested { actor: "ana".into(), reason: None }
    }

    #[tokio::test]
    async fn what_was_kept_gives_the_same_again() {
        let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::default());
        let json = json!({ "service": "shop", "regions": [{ "name": "eu" }, { "name": "us" }] });
        let config = config::load_json(&json, None).unwrap();
        let plan = Arc::new(config.waves.clone().unwrap());
        let started = Started { run: "shop.1".parse().unwrap(), plan, by: by() };
        let key = Idempotency { key: "k".into(), request_hash: "h".into() };
        let mut whole =
            Whole::begin(&journal, started, (config, &json), Some(key.clone()), Timestamp(5)).await.unwrap();
        let region = whole.state.regions[0].region.clone();
        let answer = Answer::Done { run: Some("shop@eu.1".into()) };
        let answered = Event::Answered { region, ask: 1, answer };
        whole.event(&journal, answered, None, Timestamp(6)).await.unwrap();
        whole.event(&journal, Event::Paused(by()), None, Timestamp(7)).await.unwrap();
        assert!(matches!(
            whole.event(&journal, Event::Paused(by()), None, Timestamp(8)).await,
            Err(NotTaken::Rejected(_))
        ));
        whole.event(&journal, Event::AbortRequested(by()), None, Timestamp(9)).await.unwrap();
        let again = Whole::replay(&whole.subject, journal.read(&whole.subject).unwrap()).unwrap().unwrap();
        assert_eq!(again.state, whole.state);
        assert_eq!(again.moments, whole.moments);
        assert_eq!(again.requests, [key]);
        assert_eq!(again.state.status, Status::Aborting);
    }
}
