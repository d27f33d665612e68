//! `fw rollout status`: where a rollout stands, as a card or as the server's JSON.

use crate::client::{Client, escape};
use crate::failure::Failure;
use crate::output::{Detail, Moment, Out, card};

use super::status_of;

pub(super) async fn run(client: &Client, name: Option<&str>, out: &mut Out) -> Result<(), Failure> {
    let path = match name {
        None => "/status".to_owned(),
        Some(name) => format!("/status?rollout={}", escape(name)),
    };
    let answer = client.get(&path).await?;
    if out.is_json() {
        return Ok(out.json(&answer)?);
    }
    let status = status_of(&answer)?;
    let detail = match &status.run {
        // Only adds to the card: whatever keeps it away leaves the status as it is.
        Some(run) => client
            .get(&format!("/api/v1/rollouts/{}", escape(run)))
            .await
            .map_or_else(|_| Detail::default(), |answer| Detail::read(&answer)),
        None => Detail::default(),
    };
    for line in card(&status, &detail, &Moment::here(), out.paint) {
        out.line(&line)?;
    }
    Ok(())
}
