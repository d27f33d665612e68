//! Webhooks among the gates of phases: asked again and again until they say yes or no.
//!
//! 2xx is yes, 403 is no, anything else (also silence) is not yet. The answer goes through the core like a person's, so it is
//! in the log with who gave it; an answer to a gate that is gone by then is refused there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fw_engine::rollout::Requested;
use fw_model::RunId;
use fw_model::release::{Answer, GateKind};
use fw_providers::ask::{Asker, Question};
use fw_runtime::{Command, Handle};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

/// How often a webhook is asked.
pub(crate) const ASK_EVERY: Duration = Duration::from_secs(10);
/// How often it is looked for gates.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Longest time for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A gate of a run.
type Place = (RunId, usize, usize);

/// Asks until told to stop.
pub(crate) async fn run(handle: Handle, asker: Arc<Asker>, mut stopping: watch::Receiver<bool>) {
    let mut asked: HashMap<Place, Instant> = HashMap::new();
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let open = open_webhooks(&handle);
        asked.retain(|place, _| open.iter().any(|(other, _, _)| other == place));
        for (place, url, body) in open {
            if asked.get(&place).is_some_and(|at| at.elapsed() < ASK_EVERY) {
                continue;
            }
            asked.insert(place.clone(), Instant::now());
            let (handle, asker) = (handle.clone(), asker.clone());
            tokio::spawn(async move { put(&handle, &asker, place, &url, body).await });
        }
    }
}

/// Webhooks that have not answered, with what they are told.
fn open_webhooks(handle: &Handle) -> Vec<(Place, String, Value)> {
    let mut found = vec![];
    for run in handle.views().services.values().filter_map(|service| service.run.clone()) {
        let rollout = &run.rollout;
        let (Some(phase), Some(position)) = (rollout.phase(), rollout.position) else { continue };
        if !rollout.status.is_under_way() || rollout.status == fw_engine::Status::RollingBack {
            continue;
        }
        for (index, (gate, state)) in phase.gates.iter().zip(&rollout.gates).enumerate() {
            let GateKind::Webhook { url } = &gate.kind else { continue };
            if state.answer.is_none() {
                let body = json!({
                    "service": rollout.run.key.to_string(), "run": rollout.run.to_string(), "phase": position,
                    "version": rollout.plan.canary.version, "gate": index, "status": run.status,
                });
                found.push(((rollout.run.clone(), position, index), url.clone(), body));
            }
        }
    }
    found
}

/// Asks the webhook of a gate once: its answer, and who gave it; none = not yet.
pub(crate) async fn ask(asker: &Asker, url: &str, body: Value) -> Option<(Answer, Requested)> {
    let said = match asker.ask(&Question::post(url, body, ANSWER_WITHIN)).await {
        Ok(said) => said,
        Err(why) => {
            tracing::debug!(target: "fw_server", %why, "a gate's webhook did not answer");
            return None;
        }
    };
    let reason = Some(format!("it answered {}", said.status.as_u16()));
    let by = Requested { actor: "webhook".into(), reason };
    match said.status.as_u16() {
        200..=299 => Some((Answer::Approve, by)),
        403 => Some((Answer::Reject, by)),
        _ => None,
    }
}

async fn put(handle: &Handle, asker: &Asker, (run, phase, gate): Place, url: &str, body: Value) {
    let Some((answer, by)) = ask(asker, url, body).await else { return };
    let command = Command::Answer { gate: Some((phase, gate)), answer };
    if let Err(refusal) = handle.command(&run.to_string(), command, by.actor, by.reason, None).await {
        tracing::debug!(target: "fw_server", %run, %refusal, "an answer to a gate was not taken");
    }
}
