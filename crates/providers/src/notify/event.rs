//! What is told: one event of the log, under the id it has for ever.

use serde_json::Value;

/// An event on its way to receivers.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The same at every try and at every receiver: `LOGID-NUMBER`.
    pub id: String,
    /// The log it is of.
    pub log_id: String,
    /// `SERVICE` or `SERVICE@REGION`.
    pub service: String,
    /// The run, such as `checkout.7`.
    pub run: String,
    /// Its type, such as `rollback_started`.
    pub kind: String,
    /// The event as on `/events`, with its `id`.
    pub data: Value,
}

impl Event {
    /// When it happened, RFC 3339, as the event itself says.
    pub(crate) fn time(&self) -> &str {
        self.data["timestamp"].as_str().unwrap_or("1970-01-01T00:00:00Z")
    }
}
