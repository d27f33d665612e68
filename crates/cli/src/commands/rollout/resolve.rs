//! Which rollout is meant when no NAME is given: the only one there is, else the only one under way.

use std::collections::BTreeMap;

use fw_api::Status;
use serde_json::Value;

use super::status_of;
use crate::client::{Client, ClientError};
use crate::failure::Failure;
use crate::output::{clean, status_word};

/// The rollouts the server lists.
pub(super) async fn list(client: &Client) -> Result<(Value, Vec<Status>), ClientError> {
    let answer = client.get("/api/v1/rollouts").await?;
    let entries = answer.get("rollouts").and_then(Value::as_array);
    let entries = entries.ok_or_else(|| ClientError::Protocol("the answer lists no rollouts".into()))?;
    // Rollouts over several regions come before those of the regions.
    let regional = answer.get("regional").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let statuses = regional.iter().chain(entries).map(status_of).collect::<Result<Vec<_>, _>>()?;
    Ok((answer, statuses))
}

/// The name that was given, or the only one that can be meant.
pub(super) async fn name(client: &Client, given: Option<String>) -> Result<String, Failure> {
    match given {
        Some(name) => Ok(name),
        None => only(&list(client).await?.1),
    }
}

fn only(statuses: &[Status]) -> Result<String, Failure> {
    // A service may be listed with several runs; the last one listed under way is the one people mean.
    let mut services: BTreeMap<&str, &Status> = BTreeMap::new();
    let names = || statuses.iter().filter_map(|status| status.rollout.as_deref());
    for status in statuses {
        let Some(name) = status.rollout.as_deref() else {
            continue;
        };
        // A region of a service that is rolled out over all of them is meant only by its name.
        if name.split_once('@').is_some_and(|(service, _)| names().any(|other| other == service)) {
            continue;
        }
        let known = services.entry(name).or_insert(status);
        if !known.state.is_running && status.state.is_running {
            *known = status;
        }
    }
    let under_way: Vec<&str> =
        services.iter().filter(|(_, status)| status.state.is_running).map(|(name, _)| *name).collect();
    match (services.keys().collect::<Vec<_>>().as_slice(), under_way.as_slice()) {
        ([], _) => {
            Err(Failure::Failed("the server has no rollout yet; `fw rollout start` begins one".into()))
        }
        ([only], _) => Ok((**only).to_owned()),
        (_, [only]) => Ok((*only).to_owned()),
        _ => {
            let word = |(name, status): (&&str, &&Status)| {
                format!("{} ({})", clean(name), status_word(&status.status))
            };
            let known: Vec<String> = services.iter().map(word).collect();
            Err(Failure::Usage(format!("several rollouts can be meant; name one of {}", known.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(name: &str, running: bool) -> Status {
        let mut status = Status::none();
        status.rollout = Some(name.into());
        status.state.is_running = running;
        status.status = if running { "running" } else { "completed" }.into();
        status
    }

    #[test]
    fn a_name_may_be_left_out_when_only_one_can_be_meant() {
        let region = status("a@eu", true);
        let [a, b, old_a, c] =
            [("a", true), ("b", false), ("a", false), ("c", true)].map(|(n, r)| status(n, r));
        let chosen = |statuses: &[Status]| only(statuses).ok();
        assert_eq!(chosen(std::slice::from_ref(&b)).as_deref(), Some("b"));
        assert_eq!(chosen(&[a.clone(), b.clone()]).as_deref(), Some("a"));
        assert_eq!(chosen(&[old_a.clone(), a.clone()]).as_deref(), Some("a"));
        assert_eq!(chosen(&[a.clone(), region]).as_deref(), Some("a"));
        assert_eq!(only(&[]).unwrap_err().exit_code(), 1);
        let several = only(&[a, b, old_a, c]).unwrap_err();
        assert_eq!(several.exit_code(), 2);
        assert!(
            several.text(crate::output::Paint::plain()).contains("a (running), b (completed), c (running)")
        );
    }
}
