//! `fw rollout status`: where a rollout stands, as a card or as the server's JSON.

use crate::client::{Client, escape};
use crate::failure::Failure;
use crate::output::{Moment, Out, card};

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
    for line in card(&status, &Moment::here(), out.paint) {
        out.line(&line)?;
    }
    Ok(())
}
