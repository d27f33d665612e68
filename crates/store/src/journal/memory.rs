//! A journal in memory: gone with the process; for tests and demos.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::{Journal, JournalError, JournalRow, Subject, admit};

/// Subjects with their events, in memory.
#[derive(Debug, Default)]
pub struct MemoryJournal(Mutex<BTreeMap<String, Vec<JournalRow>>>);

impl Journal for MemoryJournal {
    fn append(&self, subject: &str, row: &JournalRow) -> Result<(), JournalError> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        admit(subject, row, all.get(subject).map_or(0, Vec::len) as u64 + 1)?;
        all.entry(subject.to_owned()).or_default().push(row.clone());
        Ok(())
    }

    fn read(&self, subject: &str) -> Result<Vec<JournalRow>, JournalError> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(all.get(subject).cloned().unwrap_or_default())
    }

    fn subjects(&self, prefix: &str, limit: usize) -> Result<Vec<Subject>, JournalError> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let subject = |(name, rows): (&String, &Vec<JournalRow>)| {
            let (first, last) = (rows.first()?, rows.last()?);
            Some(Subject { name: name.clone(), last_seq: last.seq, began_at: first.at, last_at: last.at })
        };
        let named = all.iter().filter(|(name, _)| name.starts_with(prefix));
        let mut subjects: Vec<Subject> = named.filter_map(subject).collect();
        subjects.sort_by(|a, b| b.began_at.cmp(&a.began_at).then_with(|| b.name.cmp(&a.name)));
        subjects.truncate(limit);
        Ok(subjects)
    }
}
