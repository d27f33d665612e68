//! `fw rollout history`: all that happened to a rollout, oldest first.

use serde_json::Value;

use super::resolve;
use crate::client::{Client, ClientError, escape};
use crate::failure::Failure;
use crate::output::{Moment, Out, StreamedEvent, event_line};

pub(super) async fn run(client: &Client, name: Option<String>, out: &mut Out) -> Result<(), Failure> {
    let name = resolve::name(client, name).await?;
    let answer = client.get(&format!("/api/v1/rollouts/{}/history", escape(&name))).await?;
    if out.is_json() {
        return Ok(out.json(&answer)?);
    }
    let events = answer.get("events").and_then(Value::as_array);
    let events = events.ok_or_else(|| ClientError::Protocol("the answer lists no events".into()))?;
    let moment = Moment::here();
    for json in events {
        let id = json.get("id").or_else(|| json.get("eventId")).and_then(Value::as_u64);
        match StreamedEvent::read(id, json.clone()) {
            Some(event) => out.line(&event_line(&event, &moment, out.paint))?,
            None => {
                return Err(
                    ClientError::Protocol("the history holds something that is no event".into()).into()
                );
            }
        }
    }
    Ok(())
}
