//! The rollout of a release: begun, let into its next phase, moved back, closed. Through the core, like a person's commands.

use fw_engine::Target;
use fw_engine::release::{Found, Outcome, Seen};
use fw_engine::rollout::Status;
use fw_model::release::{Answer, GateKind};
use fw_runtime::{Command, Idempotency, Refusal, StartRequest};

use super::Place;
use crate::releases::{Releases, watch};

/// Begins it; a second time gives the same one.
pub(super) async fn start(releases: &Releases, place: &Place) -> Outcome {
    let plan = &place.release.plan;
    let id = place.release.id.to_string();
    let request = StartRequest {
        plan: plan.rollout.clone(),
        plan_hash: plan.plan_hash.clone(),
        actor: place.release.by.actor.clone(),
        reason: Some(format!("release {id}")),
        idempotency: Some(Idempotency { key: format!("release {id}"), request_hash: plan.plan_hash.clone() }),
    };
    let answer = match releases.0.handle.start(request).await {
        Ok(answer) => answer,
        Err(refusal) => return failed(&refusal),
    };
    let Some(run) = answer["run"].as_str().and_then(|run| run.parse().ok()) else {
        return Outcome::Failed { why: "the rollout has no name".into(), again: false };
    };
    let begun = Seen {
        run,
        status: Status::Pending,
        position: Some(0),
        superseded: false,
        partial: false,
        why: vec![],
    };
    let seen = watch::seen_of(&releases.0.handle, &begun).unwrap_or(begun);
    Outcome::Done(Found { seen: Some(seen), ..Found::default() })
}

/// Says yes at the gate that waits for the next instance.
pub(super) async fn open_gate(releases: &Releases, place: &Place, phase: usize) -> Outcome {
    let phases = &place.release.plan.rollout.phases;
    let gates = phases.get(phase).map_or(&[][..], |phase| &phase.gates);
    let Some(gate) = gates.iter().position(|gate| gate.kind == GateKind::Release) else {
        return Outcome::Failed { why: "the phase waits for no instance".into(), again: false };
    };
    let reason = Some(format!("instance {} stands", phase + 2));
    let command = Command::Answer { gate: Some((phase, gate)), answer: Answer::Approve };
    match steer(releases, place, command, reason).await {
        // Answered before a crash: what was wanted is so.
        Err(Refusal::Rejected { .. }) => seen(releases, place),
        Err(refusal) => failed(&refusal),
        Ok(()) => seen(releases, place),
    }
}

/// All traffic to stable.
pub(super) async fn roll_back(releases: &Releases, place: &Place) -> Outcome {
    let why = place.release.undo.as_ref().map(|undo| undo.why.clone());
    match steer(releases, place, Command::Rollback(Target::Stable), why).await {
        Ok(()) => seen(releases, place),
        Err(refusal) => moved_already(releases, place, &refusal),
    }
}

/// Closed at 0 %.
pub(super) async fn abort(releases: &Releases, place: &Place) -> Outcome {
    let why = Some("the release takes the new version away".to_owned());
    match steer(releases, place, Command::Abort, why).await {
        Ok(()) => seen(releases, place),
        Err(refusal) => moved_already(releases, place, &refusal),
    }
}

async fn steer(
    releases: &Releases,
    place: &Place,
    command: Command,
    reason: Option<String>,
) -> Result<(), Refusal> {
    let Some(known) = &place.release.rollout else { return Ok(()) };
    let actor = place.release.id.to_string();
    releases.0.handle.command(&known.run.to_string(), command, actor, reason, None).await.map(drop)
}

/// A refusal because it is where it should be, or somewhere else by now, is no failure: the engine looks again.
fn moved_already(releases: &Releases, place: &Place, refusal: &Refusal) -> Outcome {
    let known = place.release.rollout.as_ref();
    let now = known.and_then(|known| watch::seen_of(&releases.0.handle, known));
    match now {
        Some(now) if Some(&now) != known => Outcome::Done(Found { seen: Some(now), ..Found::default() }),
        _ => failed(refusal),
    }
}

fn seen(releases: &Releases, place: &Place) -> Outcome {
    let known = place.release.rollout.as_ref();
    let seen = known.and_then(|known| watch::seen_of(&releases.0.handle, known));
    Outcome::Done(Found { seen, ..Found::default() })
}

fn failed(refusal: &Refusal) -> Outcome {
    let again = matches!(refusal, Refusal::Store(_) | Refusal::Busy | Refusal::Closed);
    Outcome::Failed { why: refusal.to_string(), again }
}
