//! Webhooks among the gates of phases: asked again and again until they say yes or no.
//!
//! 2xx is yes, 403 is no, anything else (also silence) is not yet. The answer goes through the core like a person's, so it is
//! in the log with who gave it; an answer to a gate that is gone by then is refused there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fw_model::RunId;
use fw_model::release::{Answer, GateKind};
use fw_providers::ask::{Asked, Asker, Question};
use fw_runtime::{Command, Handle};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

/// How often a webhook is asked.
const ASK_EVERY: Duration = Duration::from_secs(10);
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
            tokio::spawn(async move { ask(&handle, &asker, place, &url, body).await });
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

/// What an answer says; none = not yet.
pub(crate) fn answer_of(asked: &Asked) -> Option<Answer> {
    match asked.status.as_u16() {
        200..=299 => Some(Answer::Approve),
        403 => Some(Answer::Reject),
        _ => None,
    }
}

async fn ask(handle: &Handle, asker: &Asker, (run, phase, gate): Place, url: &str, body: Value) {
    let said = match asker.ask(&Question::post(url, body, ANSWER_WITHIN)).await {
        Ok(asked) => asked,
        Err(why) => {
            tracing::debug!(target: "fw_server", %run, %why, "a gate's webhook did not answer");
            return;
        }
    };
    let Some(answer) = answer_of(&said) else { return };
    let command = Command::Answer { gate: Some((phase, gate)), answer };
    let reason = Some(format!("it answered {}", said.status.as_u16()));
    let done = handle.command(&run.to_string(), command, "webhook".into(), reason, None).await;
    if let Err(refusal) = done {
        tracing::debug!(target: "fw_server", %run, %refusal, "an answer to a gate was not taken");
    }
}
