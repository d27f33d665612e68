//! Whether instances live, and of which version they say they are.

use std::time::Duration;

use fw_engine::release::Outcome;
use fw_model::release::{DeployPolicy, HealthCheck};
use fw_providers::ask::{Asker, Question};
use tokio::time::Instant;

use super::Place;
use crate::releases::{Releases, done};

/// How long instances that were there already may take to answer.
const READY_WITHIN: Duration = Duration::from_secs(15);
/// Pause between two questions.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// What an instance says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Health {
    /// Healthy, and of the version it should be, where that is asked.
    Well,
    /// Healthy, but another version.
    Other(String),
    /// Not healthy, in words.
    Ill(String),
}

/// Asks one instance once.
pub(super) async fn ask(asker: &Asker, url: &str, check: &HealthCheck, version: &str) -> Health {
    let place = format!("{}{}", url.trim_end_matches('/'), check.path);
    let asked = match asker.ask(&Question::get(place, check.timeout)).await {
        Ok(asked) => asked,
        Err(why) => return Health::Ill(why),
    };
    if !asked.status.is_success() {
        return Health::Ill(format!("{url}: {} answered {}", check.path, asked.status));
    }
    let Some(pointer) = &check.version_pointer else { return Health::Well };
    match version_in(&asked.body, pointer) {
        Some(found) if found == version => Health::Well,
        Some(found) => Health::Other(format!("{url} says it is version {found}, not {version}")),
        None => Health::Other(format!("{url} does not say its version at {pointer} of {}", check.path)),
    }
}

/// The text or number at a JSON pointer.
pub(super) fn version_in(body: &[u8], pointer: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    match value.pointer(pointer)? {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Asks instances of the new version until each is healthy.
pub(super) async fn ready(releases: &Releases, place: &Place, from: usize, to: usize) -> Outcome {
    let plan = &place.release.plan;
    let (canary, check) = (&plan.rollout.canary, &plan.policy.health);
    let within = match &plan.policy.deploy {
        Some(DeployPolicy::Process(process)) => process.ready_within,
        Some(DeployPolicy::Systemd(systemd)) => systemd.process.ready_within,
        Some(DeployPolicy::Exec(exec)) => exec.deploy.timeout.min(Duration::from_secs(120)),
        None => READY_WITHIN,
    };
    let end = Instant::now() + within;
    let urls = canary.urls.get(from..to).unwrap_or_default();
    for url in urls {
        loop {
            let health = ask(&releases.0.settings.asker, url, check, &canary.version).await;
            let why = match health {
                Health::Well => break,
                // It runs, and waiting makes no other version of it.
                Health::Other(why) => return Outcome::Failed { why, again: false },
                Health::Ill(why) => why,
            };
            if Instant::now() >= end {
                let why = format!("not healthy within {} s: {why}", within.as_secs());
                return Outcome::Failed { why, again: false };
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }
    let said = if check.version_pointer.is_some() { " and of that version" } else { "" };
    done(format!("{} of {} healthy{said}", count(urls.len()), canary.version))
}

/// `1 instance`, `3 instances`.
pub(super) fn count(n: usize) -> String {
    if n == 1 { "1 instance".into() } else { format!("{n} instances") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_where_the_pointer_says() {
        let body = br#"{"status":"ok","build":{"version":"1.5.0","number":7,"x":null}}"#;
        assert_eq!(version_in(body, "/build/version").as_deref(), Some("1.5.0"));
        assert_eq!(version_in(body, "/build/number").as_deref(), Some("7"));
        assert_eq!(version_in(body, "/build/x"), None);
        assert_eq!(version_in(body, "/nothing"), None);
        assert_eq!(version_in(b"hello", "/version"), None);
    }
}
