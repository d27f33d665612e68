//! `fw rollout watch`: a live view in a terminal; lines until the rollout is over anywhere else.

use std::io::IsTerminal;

use super::outcome;
use crate::client::{Client, Follower, From};
use crate::failure::Failure;
use crate::output::{Moment, Out, event_line};
use crate::watch;

pub(super) async fn run(client: &Client, name: Option<&str>, out: &mut Out) -> Result<(), Failure> {
    let follower = Follower::open(client, name, From::Now).await?;
    if !out.is_json() && std::io::stdout().is_terminal() && std::io::stdin().is_terminal() {
        return watch::run(follower, &client.server()).await;
    }
    lines(follower, out).await
}

async fn lines(mut follower: Follower, out: &mut Out) -> Result<(), Failure> {
    loop {
        let event = follower.next().await?;
        if out.is_json() {
            out.json_line(&event.json_with_id())?;
        } else {
            out.line(&event_line(&event, &Moment::here(), out.paint))?;
        }
        if outcome(&event.status.status).is_some() {
            return Ok(());
        }
    }
}
