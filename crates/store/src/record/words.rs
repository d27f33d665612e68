//! Closed enums of the engine as the words the log holds.

use fw_engine::{Status, Trigger, WaitingKind};

pub(super) fn status(word: &str) -> Result<Status, String> {
    Status::ALL.into_iter().find(|s| s.as_str() == word).ok_or_else(|| format!("unknown status {word:?}"))
}

pub(super) fn trigger(word: &str) -> Result<Trigger, String> {
    Trigger::ALL.into_iter().find(|t| t.as_str() == word).ok_or_else(|| format!("unknown trigger {word:?}"))
}

pub(super) fn waiting_kind(word: &str) -> Result<WaitingKind, String> {
    WaitingKind::ALL
        .into_iter()
        .find(|k| k.as_str() == word)
        .ok_or_else(|| format!("unknown reason {word:?}"))
}
