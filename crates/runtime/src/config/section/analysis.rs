//! `rollout.analysis`: what must be known, and what follows when it can't be.

use std::time::Duration;

use fw_model::plan::AnalysisPolicy;

use super::word;
use crate::config::duration::Per;
use crate::config::table::{Choice, Key, Kind, Range, Section};
use crate::config::tree::View;

/// Largest `latencyFloorMs`: a minute.
const LATENCY_FLOOR_MS_MAX: f64 = 60_000.0;
/// Longest `warmUp`.
const WARM_UP_MAX: Duration = Duration::from_secs(3600);

/// The section.
pub(super) static ANALYSIS: Section = Section {
    title: "rollout.analysis",
    doc: "How verdicts are reached. The defaults are the careful ones.",
    keys: &[
        Key::optional(
            "evidence",
            Kind::Choice(&[
                Choice::now("proven", "each question must be shown"),
                Choice::now(
                    "observed",
                    "point estimates on at least ten canary requests do; no bound holds for \"healthy\"",
                ),
            ]),
            r#""proven""#,
            "What must be known before a phase ends: `proven`, each question shown; `observed`, measured values as they stand.",
        ),
        Key::optional(
            "onInconclusive",
            Kind::Choice(&[
                Choice::now("hold", "wait for a person"),
                Choice::now("advance", "go on all the same"),
                Choice::now("rollback", "go back to stable"),
            ]),
            r#""hold""#,
            "What follows when a question stays unanswered for `maxDuration`.",
        ),
        Key::optional(
            "sharedBreach",
            Kind::Choice(&[
                Choice::now("hold", "hold and alert"),
                Choice::now("rollback", "roll back all the same"),
            ]),
            r#""hold""#,
            "What follows when both versions are over the limit and the canary is not shown to be the worse.",
        ),
        Key::optional(
            "noSafeTarget",
            Kind::Choice(&[
                Choice::now("rollback", "roll back, with an alert"),
                Choice::now("hold", "hold and alert"),
            ]),
            r#""rollback""#,
            "What follows when the canary is shown to be worse and stable is over its limit too.",
        ),
        Key::optional(
            "onConcentrated",
            Kind::Choice(&[
                Choice::now("hold", "hold and alert, naming it"),
                Choice::now("rollback", "roll back all the same"),
            ]),
            r#""hold""#,
            "What follows when failures come from one instance or few keys.",
        ),
        Key::optional(
            "clustering",
            Kind::Choice(&[
                Choice::now("discount", "discount by the dispersion measured on stable"),
                Choice::now("ignore", "take requests as independent"),
            ]),
            r#""discount""#,
            "Whether evidence is discounted for failures that come in clusters.",
        ),
        Key::optional(
            "alpha",
            Kind::Number(Range { min: 0.0, max: 0.5, above: true, unit: "" }),
            "0.01",
            "Largest probability of a false automatic rollback, per attempt.",
        ),
        Key::optional(
            "latencyFloorMs",
            Kind::Number(Range::new(0.0, LATENCY_FLOOR_MS_MAX, "ms")),
            "5",
            "A canary request counts as slower than stable only when it is slower by this many ms, and by one bucket of the histogram (4.4 %).",
        ),
        Key::optional(
            "warmUp",
            Kind::Duration { per: Per::Second, min: Duration::ZERO, max: WARM_UP_MAX },
            r#""5s""#,
            "After each change of the share, comparisons with stable wait this long (or a quarter of the phase, if that is shorter): cold caches are no regression. Limits are watched from the first request. A bare number is seconds.",
        ),
    ],
    exclusive: &[],
};

/// The policies into the plan.
pub(super) fn read(view: View<'_>, policy: &mut AnalysisPolicy) {
    policy.evidence = word(view.get("evidence")).unwrap_or(policy.evidence);
    policy.on_inconclusive = word(view.get("onInconclusive")).unwrap_or(policy.on_inconclusive);
    policy.shared_breach = word(view.get("sharedBreach")).unwrap_or(policy.shared_breach);
    policy.no_safe_target = word(view.get("noSafeTarget")).unwrap_or(policy.no_safe_target);
    policy.on_concentrated = word(view.get("onConcentrated")).unwrap_or(policy.on_concentrated);
    policy.clustering = word(view.get("clustering")).unwrap_or(policy.clustering);
    policy.alpha = view.get("alpha").number().unwrap_or(policy.alpha);
    policy.latency_floor_ms = view.get("latencyFloorMs").number().unwrap_or(policy.latency_floor_ms);
    policy.warm_up = view.get("warmUp").duration(Per::Second).unwrap_or(policy.warm_up);
}
