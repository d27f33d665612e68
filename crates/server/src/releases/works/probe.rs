//! The checks that are always made: versions, health, other rollouts, freezes, dependencies, data planes.
//!
//! What the config and the working tree look like is checked where the release was asked for, and came with it.

use std::time::Duration;

use fw_engine::release::{Found, Outcome};
use fw_model::ServiceKey;
use fw_model::plan::Version;
use fw_model::release::{Finding, Severity};
use fw_runtime::windows;
use tokio::time::Instant;

use super::Place;
use super::health::{self, Health};
use crate::releases::{Releases, regions};

/// How long a data plane may take to be heard of.
const REPORTS_WITHIN: Duration = Duration::from_secs(5);
/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(super) async fn probe(releases: &Releases, place: &Place) -> Outcome {
    let mut findings = vec![];
    let plan = &place.release.plan.rollout;
    findings.extend(versions(releases, place));
    for key in regions::keys_of(&place.release) {
        findings.extend(under_way(releases, &key, "rollout"));
        findings.extend(data_planes(releases, &key).await);
    }
    findings.extend(freezes(releases, place));
    findings.extend(dependencies(releases, place));
    findings.extend(stable(releases, place).await);
    if place.release.plan.policy.deploy.is_none() {
        findings.extend(instances(releases, place, &plan.canary, "canary", Severity::Error).await);
    }
    let bad = |severity| findings.iter().filter(|f: &&Finding| f.severity == severity).count();
    let (errors, warnings) = (bad(Severity::Error), bad(Severity::Warning));
    let text = match (errors, warnings) {
        (0, 0) => "the server's checks found nothing".to_owned(),
        (errors, warnings) => format!("the server's checks found {errors} errors and {warnings} warnings"),
    };
    Outcome::Done(Found { text, findings, ..Found::default() })
}

fn versions(releases: &Releases, place: &Place) -> Vec<Finding> {
    let plan = &place.release.plan.rollout;
    let (stable, canary) = (&plan.stable.version, &plan.canary.version);
    let mut findings = vec![];
    if stable == canary {
        let text = format!("stable and canary are both {stable}: there is nothing to release");
        findings.push(Finding::error("versions", text));
    }
    let views = releases.0.handle.views();
    for key in regions::keys_of(&place.release) {
        let current = views.services.get(&key).and_then(|service| service.current_version.clone());
        if let Some(current) = current.filter(|current| current != stable) {
            let text = format!("{key}: {current} runs now, not {stable}: write {current} as versions.stable");
            findings.push(Finding::error("versions", text));
        }
    }
    findings
}

fn under_way(releases: &Releases, key: &ServiceKey, check: &str) -> Option<Finding> {
    let views = releases.0.handle.views();
    let run = views.services.get(key)?.run.clone()?;
    let under_way = run.rollout.status.is_under_way();
    under_way
        .then(|| Finding::error(check, format!("{} is under way ({})", run.run, run.rollout.status.as_str())))
}

/// A data plane reports every second, so a server that just came up is given some.
async fn data_planes(releases: &Releases, key: &ServiceKey) -> Option<Finding> {
    let end = Instant::now() + REPORTS_WITHIN;
    loop {
        let views = releases.0.handle.views();
        if views.services.get(key).is_some_and(|service| service.sources > 0) {
            return None;
        }
        if Instant::now() >= end {
            let text = format!(
                "no data plane of {key} reports: start the proxy, or the application with the SDK, first"
            );
            return Some(Finding::error("data-plane", text));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn freezes(releases: &Releases, place: &Place) -> Vec<Finding> {
    let now = releases.0.handle.now();
    let frozen = place.release.plan.policy.checks.freeze.iter().filter_map(|freeze| {
        let today = windows::local_date(now, &freeze.zone)?;
        // Days of one form compare as texts.
        (freeze.from <= today && today <= freeze.to).then(|| {
            Finding::error(
                "freeze",
                format!("nothing is released from {} to {} ({})", freeze.from, freeze.to, freeze.zone),
            )
        })
    });
    frozen.collect()
}

fn dependencies(releases: &Releases, place: &Place) -> Vec<Finding> {
    let check = |name: &String| {
        let key: ServiceKey = name.parse().ok()?;
        if !releases.0.handle.views().services.contains_key(&key) {
            return Some(Finding::error("dependencies", format!("{key} is not served by this server")));
        }
        under_way(releases, &key, "dependencies")
    };
    place.release.plan.policy.checks.depends_on.iter().filter_map(check).collect()
}

/// One instance that is ill is a warning, all of them are an error: then there is nothing to go back to.
async fn stable(releases: &Releases, place: &Place) -> Vec<Finding> {
    let version = &place.release.plan.rollout.stable;
    let found = instances(releases, place, version, "stable", Severity::Warning).await;
    let all_ill = !version.urls.is_empty() && found.len() == version.urls.len();
    match all_ill {
        true => found.into_iter().map(|finding| Finding { severity: Severity::Error, ..finding }).collect(),
        false => found,
    }
}

async fn instances(
    releases: &Releases,
    place: &Place,
    version: &Version,
    name: &str,
    severity: Severity,
) -> Vec<Finding> {
    let check = &place.release.plan.policy.health;
    let mut findings = vec![];
    for url in &version.urls {
        match health::ask(&releases.0.settings.asker, url, check, &version.version).await {
            Health::Well => {}
            Health::Other(why) | Health::Ill(why) => {
                findings.push(Finding::new("health", severity, format!("{name}: {why}")));
            }
        }
    }
    findings
}
