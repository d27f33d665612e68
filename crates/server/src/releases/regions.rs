//! A release over several regions: its rollout is a regional one (`crate::waves`), and the rest of it is for all regions at once.
//!
//! The strategy is `canary`: waves are how such a release goes step by step, and each region's own last phase is the bake.

use fw_engine::release::{Release, Seen};
use fw_engine::rollout::Status;
use fw_model::release::Strategy;
use fw_model::{Plan, RunId, ServiceKey};
use fw_runtime::config::{self, ServiceConfig, request_json};

use super::{ReleaseError, Releases};

/// The config as the release keeps it, where it goes over regions.
///
/// # Errors
/// [`ReleaseError::Unsound`] for a strategy that does not go with regions.
pub(super) fn text_of(config: &ServiceConfig, strategy: Strategy) -> Result<Option<String>, ReleaseError> {
    if config.regions.is_empty() {
        return Ok(None);
    }
    if strategy != Strategy::Canary {
        let text =
            format!("over several regions the strategy is canary (in waves), not {}", strategy.as_str());
        return Err(ReleaseError::Unsound(text));
    }
    Ok(Some(request_json(config).to_string()))
}

/// The plan with the URLs of every region.
pub(super) fn together(config: &ServiceConfig) -> Plan {
    let mut plan = config.plan.clone();
    let all = |of: fn(&Plan) -> &Vec<String>| {
        let mut urls: Vec<String> = vec![];
        for url in config.regions.iter().flat_map(|region| of(&region.config.plan)) {
            if !urls.contains(url) {
                urls.push(url.clone());
            }
        }
        urls
    };
    plan.stable.urls = all(|plan| &plan.stable.urls);
    plan.canary.urls = all(|plan| &plan.canary.urls);
    plan
}

/// The config of a release over regions, read again.
pub(super) fn config_of(release: &Release) -> Option<Result<ServiceConfig, String>> {
    let text = release.plan.regions.as_ref()?;
    let read = || {
        let value = serde_json::from_str(text).map_err(|e| e.to_string())?;
        config::load_json(&value, None).map_err(|faults| faults.to_string())
    };
    Some(read())
}

/// The services of this server that a release moves: one, or one in each of its own regions.
pub(super) fn keys_of(release: &Release) -> Vec<ServiceKey> {
    match config_of(release) {
        Some(Ok(config)) => config.served().into_iter().map(|config| config.plan.key.clone()).collect(),
        Some(Err(_)) | None => vec![release.id.key.clone()],
    }
}

/// How the regional rollout of a release stands.
pub(super) async fn seen_of(releases: &Releases, run: &RunId) -> Option<Seen> {
    let waves = releases.0.settings.waves.as_ref()?;
    let status = waves.status(&run.to_string()).await.ok()?;
    let latest = waves.status(&run.key.to_string()).await.ok();
    let superseded = latest.and_then(|latest| latest.run).is_some_and(|latest| latest != run.to_string());
    let partial = status.status == "partial";
    let (status, why) = match status.status.as_str() {
        "pending" => (Status::Pending, vec![]),
        "paused" => (Status::Paused, vec![]),
        // Something is wrong in a region, and a person decides. What is wrong is said by the rollout itself.
        "halted" => (Status::Paused, vec![format!("a region is in trouble, see `fw rollout status {run}`")]),
        "rolling_back" | "aborting" => (Status::RollingBack, vec![]),
        "rolled_back" => (Status::RolledBack, vec!["every region is at stable".into()]),
        "completed" | "partial" => (Status::Completed, vec![]),
        "aborted" => (Status::Aborted, vec![]),
        _ => (Status::Running, vec![]),
    };
    let why = if partial { vec!["it serves in some regions only".into()] } else { why };
    // Positions are each region's own.
    let position = (!matches!(status, Status::RolledBack | Status::Aborted)).then_some(0);
    Some(Seen { run: run.clone(), status, position, superseded, partial, why })
}
