//! What was learnt of a served version, as a record: lists of numbers by name.

use std::collections::BTreeMap;

use fw_engine::analysis::History;
use serde::{Deserialize, Serialize};

use super::plain::Real;
use super::{RecordError, bytes_of, check_format, shape};

/// Format of the histories this version writes.
pub const HISTORY_FORMAT: u16 = 1;

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct HistoryRecord(BTreeMap<String, Vec<Real>>);

impl HistoryRecord {
    pub(super) fn of(history: &History) -> HistoryRecord {
        let numbers = |list: Vec<f64>| list.into_iter().map(Real).collect();
        HistoryRecord(history.parts().into_iter().map(|(name, list)| (name, numbers(list))).collect())
    }

    pub(super) fn history(&self) -> Result<History, String> {
        History::from_parts(|name| Some(self.0.get(name)?.iter().map(|number| number.0).collect()))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LearntRecord {
    version: String,
    history: HistoryRecord,
}

/// A version's name and history as bytes, with the format they are in.
pub fn encode_history(version: &str, history: &History) -> (u16, Vec<u8>) {
    let record = LearntRecord { version: version.to_owned(), history: HistoryRecord::of(history) };
    (HISTORY_FORMAT, bytes_of(&record))
}

/// A version's name and history from their bytes.
///
/// # Errors
/// [`RecordError`] for another format or other bytes.
pub fn decode_history(format: u16, bytes: &[u8]) -> Result<(String, History), RecordError> {
    check_format("a history", format, HISTORY_FORMAT)?;
    let record: LearntRecord = serde_json::from_slice(bytes).map_err(|e| shape("a history", e))?;
    let history = record.history.history().map_err(|e| shape("a history", e))?;
    Ok((record.version, history))
}
