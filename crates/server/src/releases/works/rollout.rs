//! The rollout of a release: begun, let into its next phase, moved back, closed. Through the core, like a person's commands.

use fw_engine::Target;
use fw_engine::release::{Found, Outcome, Seen};
use fw_engine::rollout::{Requested, Status};
use fw_model::release::{Answer, GateKind};
use fw_runtime::config::ServiceConfig;
use fw_runtime::{Command, Idempotency, Refusal, StartRequest};

use super::Place;
use crate::releases::{Releases, regions, watch};
use crate::waves::StartAll;

/// Begins it; a second time gives the same one.
pub(super) async fn start(releases: &Releases, place: &Place) -> Outcome {
    if let Some(config) = regions::config_of(&place.release) {
        return start_all(releases, place, config).await;
    }
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
    let seen = watch::seen_now(releases, &place.release, &begun).await.unwrap_or(begun);
    Outcome::Done(Found { seen: Some(seen), ..Found::default() })
}

/// Begins the regional one; a second time gives the same one.
async fn start_all(releases: &Releases, place: &Place, config: Result<ServiceConfig, String>) -> Outcome {
    let unfit = |why: String| Outcome::Failed { why, again: false };
    let (config, waves) = match (config, &releases.0.settings.waves) {
        (Ok(config), Some(waves)) => (config, waves),
        (Err(why), _) => return unfit(format!("the config of its regions can't be read: {why}")),
        (_, None) => return unfit("this process runs no rollouts over regions".into()),
    };
    let id = place.release.id.to_string();
    let request_hash = place.release.plan.plan_hash.clone();
    let request = StartAll {
        config,
        actor: place.release.by.actor.clone(),
        reason: Some(format!("release {id}")),
        idempotency: Some(Idempotency { key: format!("release {id}"), request_hash }),
    };
    let answer = match waves.start(request).await {
        Ok(answer) => answer,
        Err(problem) => return unfit(problem.detail),
    };
    let Some(run) = answer["run"].as_str().and_then(|run| run.parse().ok()) else {
        return unfit("the rollout has no name".into());
    };
    let seen = regions::seen_of(releases, &run).await;
    Outcome::Done(Found { seen, ..Found::default() })
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
        Ok(()) | Err(Denied { again: false, .. }) => seen(releases, place).await,
        Err(denied) => denied.outcome(),
    }
}

/// All traffic to stable.
pub(super) async fn roll_back(releases: &Releases, place: &Place) -> Outcome {
    let why = place.release.undo.as_ref().map(|undo| undo.why.clone());
    match steer(releases, place, Command::Rollback(Target::Stable), why).await {
        Ok(()) => seen(releases, place).await,
        Err(denied) => moved_already(releases, place, denied).await,
    }
}

/// Closed at 0 %.
pub(super) async fn abort(releases: &Releases, place: &Place) -> Outcome {
    let why = Some("the release takes the new version away".to_owned());
    match steer(releases, place, Command::Abort, why).await {
        Ok(()) => seen(releases, place).await,
        Err(denied) => moved_already(releases, place, denied).await,
    }
}

/// A command that was refused.
struct Denied {
    why: String,
    again: bool,
}

impl Denied {
    fn outcome(self) -> Outcome {
        Outcome::Failed { why: self.why, again: self.again }
    }
}

async fn steer(
    releases: &Releases,
    place: &Place,
    command: Command,
    reason: Option<String>,
) -> Result<(), Denied> {
    let Some(known) = &place.release.rollout else { return Ok(()) };
    let (run, actor) = (known.run.to_string(), place.release.id.to_string());
    if let (Some(_), Some(waves)) = (&place.release.plan.regions, &releases.0.settings.waves) {
        let by = Requested { actor, reason };
        let done = waves.command(&run, command, by, None).await;
        return done
            .map(drop)
            .map_err(|problem| Denied { again: problem.status == 503, why: problem.detail });
    }
    let done = releases.0.handle.command(&run, command, actor, reason, None).await;
    done.map(drop).map_err(|refusal| Denied { why: refusal.to_string(), again: refusal.may_pass() })
}

/// A refusal because it is where it should be, or somewhere else by now, is no failure: the engine looks again.
async fn moved_already(releases: &Releases, place: &Place, denied: Denied) -> Outcome {
    let Some(known) = place.release.rollout.as_ref() else { return denied.outcome() };
    match watch::seen_now(releases, &place.release, known).await {
        Some(now) if now != *known => Outcome::Done(Found { seen: Some(now), ..Found::default() }),
        _ => denied.outcome(),
    }
}

async fn seen(releases: &Releases, place: &Place) -> Outcome {
    let seen = match place.release.rollout.as_ref() {
        Some(known) => watch::seen_now(releases, &place.release, known).await,
        None => None,
    };
    Outcome::Done(Found { seen, ..Found::default() })
}

fn failed(refusal: &Refusal) -> Outcome {
    Outcome::Failed { why: refusal.to_string(), again: refusal.may_pass() }
}
