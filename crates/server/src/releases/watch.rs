//! What moves by itself: rollouts, windows, webhooks among gates, the clock. Looked at often, told to the engine when it changed.

use std::collections::HashMap;
use std::time::Duration;

use fw_engine::release::{Event, Overall, Release, Seen, due};
use fw_engine::rollout::Status;
use fw_model::release::{GateKind, ReleaseId};
use fw_runtime::{Handle, windows};
use serde_json::json;
use tokio::sync::watch as channel;
use tokio::time::Instant;

use super::{Releases, regions};
use crate::gates::{self, ASK_EVERY};

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Looks until told to stop.
pub(super) async fn run(releases: Releases, mut stopping: channel::Receiver<bool>) {
    let mut asked: HashMap<(ReleaseId, usize), Instant> = HashMap::new();
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        for release in releases.live() {
            look(&releases, &release, &mut asked).await;
        }
    }
}

async fn look(releases: &Releases, release: &Release, asked: &mut HashMap<(ReleaseId, usize), Instant>) {
    let mut events = vec![];
    if let Some(seen) = moved(releases, release).await {
        events.push(Event::RolloutSeen(seen));
    }
    let now = releases.0.handle.now();
    for (place, (gate, state)) in release.gates.iter().zip(&release.gate_states).enumerate() {
        match &gate.kind {
            GateKind::Window(window) => {
                let open = windows::is_open(window, now);
                if open != state.open {
                    events.push(Event::WindowSeen { gate: place, open });
                }
            }
            GateKind::Webhook { url } if state.answer.is_none() => {
                let key = (release.id.clone(), place);
                if asked.get(&key).is_none_or(|at| at.elapsed() >= ASK_EVERY) {
                    asked.insert(key, Instant::now());
                    ask(releases.clone(), release.clone(), place, url.clone());
                }
            }
            GateKind::Webhook { .. } | GateKind::Approval { .. } | GateKind::Release => {}
        }
    }
    if due(release).is_some_and(|at| now >= at) {
        events.push(Event::Ticked);
    }
    for event in events {
        if let Err(error) = releases.apply(&release.id, event).await {
            tracing::debug!(target: "fw_server", release = %release.id, %error, "what was seen was not taken");
        }
    }
}

/// How the rollout of a release stands now, where that is another than was told last.
async fn moved(releases: &Releases, release: &Release) -> Option<Seen> {
    let known = release.rollout.as_ref()?;
    let settled = match release.overall {
        None => false,
        // While the old version is kept, it matters whether the new one still serves.
        Some(Overall::Success) => release.retired,
        Some(_) => true,
    };
    if settled || known.superseded {
        return None;
    }
    let now = seen_now(releases, release, known).await?;
    (now != *known).then_some(now)
}

/// The rollout of a release, of one region or of all.
pub(super) async fn seen_now(releases: &Releases, release: &Release, known: &Seen) -> Option<Seen> {
    match release.plan.regions {
        Some(_) => regions::seen_of(releases, &known.run).await,
        None => seen_of(&releases.0.handle, known),
    }
}

/// A rollout as last committed.
fn seen_of(handle: &Handle, known: &Seen) -> Option<Seen> {
    let views = handle.views();
    let run = views.services.get(&known.run.key)?.run.clone()?;
    if run.run != known.run {
        return Some(Seen { superseded: run.run.number > known.run.number, ..known.clone() });
    }
    let rollout = &run.rollout;
    let back = matches!(rollout.status, Status::RollingBack | Status::RolledBack);
    let why = rollout.moving.as_ref().filter(|_| back).map(|moving| moving.evidence.clone());
    Some(Seen {
        run: rollout.run.clone(),
        status: rollout.status,
        position: rollout.position,
        superseded: false,
        partial: false,
        why: why.unwrap_or_default(),
    })
}

fn ask(releases: Releases, release: Release, gate: usize, url: String) {
    tokio::spawn(async move {
        let body = json!({
            "release": release.id.to_string(), "service": release.id.key.to_string(), "step": release.step.as_str(),
            "version": release.plan.rollout.canary.version, "stable": release.plan.rollout.stable.version,
            "environment": release.plan.environment, "risk": release.risk.as_ref().map(|risk| risk.score),
        });
        let Some((answer, by)) = gates::ask(&releases.0.settings.asker, &url, body).await else { return };
        // Refused when the step is over by then.
        let _ = releases.apply(&release.id, Event::Answered { gate: Some(gate), answer, by }).await;
    });
}
