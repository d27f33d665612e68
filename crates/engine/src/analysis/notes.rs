//! What a person should know of how far the analysis of this rollout reaches. Nothing is decided by it.

use super::find::{self, Discounts};
use super::tests::discounts;
use super::words;
use crate::rollout::Rollout;

/// Clusters are known well enough when stable was watched for so long, seconds.
const KNOWN_AFTER_SECONDS: f64 = 600.0;
/// From this φ of errors on, what discounting costs is told as time.
pub const PHI_COSTLY: f64 = 10.0;
/// Error rates whose detection is told, fractions.
const RATES: [f64; 2] = [0.01, 0.05];
/// Canary requests before which its instances are not counted.
const REQUESTS_MIN: u64 = 30;

/// What limits this rollout's analysis now, a sentence each: a single canary instance, clusters that are not known
/// yet, or are so large that power is lost.
pub fn notes(rollout: &Rollout) -> Vec<String> {
    if !discounts(&rollout.plan) || !rollout.is_watched() {
        return vec![];
    }
    one_instance(rollout).into_iter().chain(unknown(rollout)).chain(costly(rollout)).collect()
}

fn one_instance(rollout: &Rollout) -> Option<String> {
    let instances = rollout.analysis.clusters.sources_of_canary();
    (instances == 1 && rollout.tally.canary.requests >= REQUESTS_MIN).then(|| {
        "one canary instance: a sick node cannot be told from a sick version; two or more could be told apart"
            .to_owned()
    })
}

fn unknown(rollout: &Rollout) -> Option<String> {
    let watched = rollout.analysis.clusters.watched.0;
    (watched < KNOWN_AFTER_SECONDS).then(|| {
        let so_far = match watched {
            0.0 => "stable was not watched yet".to_owned(),
            seconds => format!("stable was watched for {} only", words::time(seconds)),
        };
        format!(
            "{so_far}: how clustered its failures are is learnt while the rollout runs ({} are enough)",
            { words::time(KNOWN_AFTER_SECONDS) }
        )
    })
}

/// What strongly clustered failures cost, in time.
fn costly(rollout: &Rollout) -> Option<String> {
    let state = &rollout.analysis;
    let phi = Discounts {
        errors: state.clusters.errors.phi_careful().value,
        batches: state.clusters.batches.phi_careful().value,
    };
    let share = f64::from(rollout.canary.units()) / f64::from(fw_model::Weight::FULL.units());
    let seconds = state.phase.since_split.as_secs_f64();
    let rps = rollout.tally.canary.requests as f64 / seconds;
    if phi.errors <= PHI_COSTLY || share <= 0.0 || !(rps > 0.0 && rps.is_finite()) {
        return None;
    }
    let base = state.errors.test.stable_rate();
    let found = RATES.map(|rate| {
        let requests = find::requests_to_find(&rollout.plan, share, rate, base, phi);
        let time = requests.filter(|_| rate > base).map_or("not found".to_owned(), |n| {
            format!("found after about {}", words::time((n / rps).max(1.0)))
        });
        format!("{} is {time}", words::percent(100.0 * rate))
    });
    Some(format!(
        "failures of stable come in large clusters (φ {:.0}; batches {:.0}), so less is made of the canary's: at {} of its \
         requests a second an error rate of {}",
        phi.errors,
        phi.batches,
        words::count(rps.round() as u64),
        found.join(", of "),
    ))
}
