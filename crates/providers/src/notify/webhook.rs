//! Plain webhooks: the event as a CloudEvent.
//!
//! Source: CloudEvents 1.0.2 (github.com/cloudevents/spec), structured mode of the HTTP binding and the JSON format.

use serde_json::{Value, json};

use super::Event;

/// The type of the body.
pub(super) const CONTENT_TYPE: &str = "application/cloudevents+json";
/// What the types of our CloudEvents begin with.
const TYPE_PREFIX: &str = "dev.factorywager.";

/// The body.
pub(super) fn render(event: &Event) -> Value {
    json!({
        "specversion": "1.0",
        "id": event.id,
        "source": format!("/factorywager/{}/{}", event.log_id, event.service),
        "type": format!("{TYPE_PREFIX}{}", event.kind),
        "subject": event.run,
        "time": event.time(),
        "datacontenttype": "application/json",
        "data": event.data,
    })
}
