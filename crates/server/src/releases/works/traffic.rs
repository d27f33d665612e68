//! Test traffic to the new version, before any user's: through the proxy by the header that names the variant, else directly.

use fw_engine::release::Outcome;
use fw_providers::ask::Question;

use super::Place;
use super::health::version_in;
use crate::releases::{Releases, done};

/// Test requests.
const REQUESTS: usize = 20;

/// Every one must be answered well, and by the new version where it says which it is.
pub(super) async fn try_out(releases: &Releases, place: &Place) -> Outcome {
    let plan = &place.release.plan;
    let (check, canary) = (&plan.policy.health, &plan.rollout.canary);
    let through = through_proxy(releases, place);
    let how = if through.is_some() { "through the proxy" } else { "to its instances" };
    for i in 0..REQUESTS {
        let question = match &through {
            Some((address, header)) => Question {
                headers: vec![(header.clone(), "canary".into())],
                ..Question::get(format!("{address}{}", check.path), check.timeout)
            },
            None => {
                let Some(url) = canary.urls.get(i % canary.urls.len().max(1)) else {
                    return done("it has no URLs: no test traffic");
                };
                Question::get(format!("{}{}", url.trim_end_matches('/'), check.path), check.timeout)
            }
        };
        let failed = |why: String| Outcome::Failed {
            why: format!("test request {} of {REQUESTS} {how}: {why}", i + 1),
            again: false,
        };
        match releases.0.settings.asker.ask(&question).await {
            Ok(asked) if !asked.status.is_success() => return failed(format!("answered {}", asked.status)),
            Ok(asked) => {
                let said = check.version_pointer.as_ref().and_then(|at| version_in(&asked.body, at));
                if let Some(said) = said.filter(|said| *said != canary.version) {
                    return failed(format!("version {said} answered, not {}", canary.version));
                }
            }
            Err(why) => return failed(why),
        }
    }
    done(format!("{REQUESTS} of {REQUESTS} test requests {how} were answered well"))
}

/// Where the proxy takes a header for the new version, if it does and knows its instances.
fn through_proxy(releases: &Releases, place: &Place) -> Option<(String, String)> {
    let key = &place.release.id.key;
    let own = releases.own(key)?;
    let header = own.traffic.forced_variant_header.clone()?;
    let listen = own.traffic.listen.filter(|listen| listen.port() != 0)?;
    let split = releases.0.handle.split(key).ok()?;
    let knows = split.borrow().canary_urls == place.release.plan.rollout.canary.urls;
    (knows && own.traffic.tls.is_none()).then(|| (format!("http://{listen}"), header))
}
