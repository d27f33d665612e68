//! What a check found. Found by something that ran, never invented.

use serde::{Deserialize, Serialize};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Told, nothing more.
    Info,
    /// Raises the risk.
    Warning,
    /// The release does not go on.
    Error,
}

impl Severity {
    /// The word in the API and the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Name of the check, such as `config` or `working-tree`.
    pub check: String,
    /// How much it weighs.
    pub severity: Severity,
    /// What is the matter and what to do, in a person's words. Never holds a secret.
    pub message: String,
    /// Where, such as `factory-wager.yaml:12:7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Whether `--auto-fix` mends it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fixable: bool,
}

impl Finding {
    /// Something to know.
    pub fn info(check: &str, message: impl Into<String>) -> Finding {
        Finding::new(check, Severity::Info, message)
    }

    /// Something that raises the risk.
    pub fn warning(check: &str, message: impl Into<String>) -> Finding {
        Finding::new(check, Severity::Warning, message)
    }

    /// Something that stops the release.
    pub fn error(check: &str, message: impl Into<String>) -> Finding {
        Finding::new(check, Severity::Error, message)
    }

    /// A finding without a place that nothing mends by itself.
    pub fn new(check: &str, severity: Severity, message: impl Into<String>) -> Finding {
        Finding { check: check.to_owned(), severity, message: message.into(), place: None, fixable: false }
    }

    /// The same at a place.
    #[must_use]
    pub fn at(self, place: impl Into<String>) -> Finding {
        Finding { place: Some(place.into()), ..self }
    }
}

/// How much changed between the stable version and the canary, as the version control system counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSize {
    /// Commits.
    pub commits: u64,
    /// Files touched.
    pub files: u64,
    /// Lines added.
    pub insertions: u64,
    /// Lines removed.
    pub deletions: u64,
}
