//! `fw rollout events`: events as they come, until interrupted.

use crate::client::{Client, Follower, From};
use crate::failure::Failure;
use crate::output::{Moment, Out, event_line};

pub(super) async fn run(
    client: &Client,
    name: Option<&str>,
    from: Option<u64>,
    out: &mut Out,
) -> Result<(), Failure> {
    let from = from.map_or(From::Now, From::After);
    let mut follower = Follower::open(client, name, from).await?;
    loop {
        let event = follower.next().await?;
        if out.is_json() {
            out.json_line(&event.json_with_id())?;
        } else {
            out.line(&event_line(&event, &Moment::here(), out.paint))?;
        }
    }
}
