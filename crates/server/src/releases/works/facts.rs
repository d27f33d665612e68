//! What is known before anything is done: the history of this service's releases, the hour, the next freeze.

use fw_engine::release::{Facts, Found, Outcome, Overall, Release};
use fw_runtime::windows;

use super::Place;
use crate::releases::Releases;

/// Hours of a day.
const DAY_HOURS: f64 = 24.0;

pub(super) fn gather(releases: &Releases, place: &Place) -> Outcome {
    let now = releases.0.handle.now();
    let all = releases.all();
    let of_service = |r: &&Release| r.id.key == place.release.id.key && r.id != place.release.id;
    let moved = all.iter().filter(of_service).filter(|r| r.is_over() && r.has_moved_traffic());
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let back = |r: &&Release| matches!(r.overall, Some(Overall::RolledBack | Overall::Partial));
    let freezes = &place.release.plan.policy.checks.freeze;
    let hours = freezes.iter().filter_map(|freeze| {
        let today = windows::local_date(now, &freeze.zone)?;
        let days = windows::days_between(&today, &freeze.from)?;
        (days > 0).then_some(days as f64 * DAY_HOURS)
    });
    let facts = Facts {
        releases: count(moved.clone().count()),
        rolled_back: count(moved.filter(back).count()),
        day_minute: windows::local_week_minute(now)
            .and_then(|at| Some((u8::try_from(at.day).ok()?, at.minute))),
        hours_to_freeze: hours.reduce(f64::min),
    };
    let text = match facts.releases {
        0 => "no earlier release of this service is known".to_owned(),
        n => format!("{} of {n} earlier releases went back", facts.rolled_back),
    };
    Outcome::Done(Found { text, facts: Some(facts), ..Found::default() })
}
