//! What the author of a plan should know, in plain sentences with numbers.

use fw_engine::analysis::PHI_COSTLY;
use fw_model::Plan;
use fw_model::plan::{Clustering, Evidence, OnInconclusive};
use serde::Serialize;

use super::{Demand, PhaseOutlook};

/// A weakness of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Position of the phase; null = the whole plan.
    pub phase: Option<usize>,
    /// In words.
    pub text: String,
}

pub(super) fn warnings(plan: &Plan, phases: &[PhaseOutlook], demand: Demand) -> Vec<Warning> {
    let mut warnings = vec![];
    let mut say = |phase: Option<usize>, text: String| warnings.push(Warning { phase, text });
    if !plan.enable_rollback {
        say(None, "enableRollback is off: a bad canary only raises alerts; a person must roll back".into());
    }
    if plan.triggers.error_rate.is_none() {
        say(
            None,
            "rollbackTriggers.errorRate is off: only the comparison with stable rolls back on errors".into(),
        );
    }
    if plan.analysis.evidence == Evidence::Observed {
        say(None, "evidence: observed takes point estimates of ten requests for proof: no bound holds for \"healthy\"".into());
    }
    for phase in phases {
        let unshown = unshowable(phase, demand);
        let is_showable = unshown.is_empty();
        unshown.into_iter().for_each(|text| say(Some(phase.position), text));
        if let Some(rps) = demand.rps {
            if is_showable {
                too_short(plan, phase, rps).into_iter().for_each(|text| say(Some(phase.position), text));
            }
            blind(phase).into_iter().for_each(|text| say(Some(phase.position), text));
        }
    }
    warnings
}

/// What limits the analysis whatever the traffic is.
pub(super) fn notes(plan: &Plan, demand: Demand) -> Vec<String> {
    let mut notes = vec![];
    if plan.analysis.clustering == Clustering::Ignore {
        notes.push(
            "clustering: ignore takes failures for independent; where they come in bursts or retries, good versions are rolled back"
                .to_owned(),
        );
        return notes;
    }
    if plan.canary.urls.len() == 1 {
        notes.push(
            "one canary instance: a sick node cannot be told from a sick version; give the canary two or more".to_owned(),
        );
    }
    if demand.phi.errors > PHI_COSTLY {
        notes.push(format!(
            "stable's failures come in large clusters (φ {:.0}; batches {:.0}): the times above are those with evidence divided by it; \
             a larger share finds the same sooner",
            demand.phi.errors, demand.phi.batches,
        ));
    }
    notes
}

/// Criteria that a canary as good as stable never shows.
fn unshowable(phase: &PhaseOutlook, demand: Demand) -> Vec<String> {
    let base = percent(100.0 * demand.base_errors);
    let never = phase.questions.iter().filter(|q| q.requests.is_none());
    never
        .map(|question| match question.limit {
            Some(limit) => format!(
                "errors of at most {} can't be shown while stable itself fails {base}: a canary as good as stable waits here",
                percent(limit)
            ),
            None => format!("\"no worse than stable\" can't be shown while stable fails {base}"),
        })
        .collect()
}

/// A phase whose duration is shorter than its proof.
fn too_short(plan: &Plan, phase: &PhaseOutlook, rps: f64) -> Option<String> {
    let (requests, needed) = (phase.canary_requests?, phase.seconds_to_show?);
    if needed <= phase.duration_seconds {
        return None;
    }
    let what = format!(
        "{} of {} for {} is {} requests",
        percent(phase.percentage),
        rate(rps),
        time(phase.duration_seconds),
        count(requests)
    );
    let clean = phase.questions.iter().filter_map(|q| q.requests_without_errors).fold(0.0, f64::max);
    let ability = if requests < clean {
        "this phase can prove nothing in its time"
    } else {
        "usually too few to prove health"
    };
    let late = if needed <= phase.max_duration_seconds {
        String::new()
    } else {
        let what = match plan.analysis.on_inconclusive {
            OnInconclusive::Hold => "holds",
            OnInconclusive::Advance => "advances unproven",
            OnInconclusive::Rollback => "rolls back",
        };
        format!(", and after {} (maxDuration) it {what}", time(phase.max_duration_seconds))
    };
    Some(format!("{what}: {ability}; it needs {}{late}", time(needed)))
}

/// A phase that would not even see a canary that fails one request in twenty.
fn blind(phase: &PhaseOutlook) -> Option<String> {
    let requests = phase.canary_requests?;
    let five = phase.detection.iter().find(|d| d.error_rate == 5.0)?;
    let needed = five.requests?;
    (needed > requests).then(|| {
        format!(
            "a canary that fails 5 % is found after {} requests{}; this phase has {}",
            count(needed),
            five.seconds.map_or(String::new(), |s| format!(" ({})", time(s))),
            count(requests)
        )
    })
}

/// `0.24 %`.
fn percent(value: f64) -> String {
    let text = format!("{value:.3}");
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// `500 req/s`, or `60 req/min` where that is easier to imagine.
fn rate(rps: f64) -> String {
    if rps >= 10.0 { format!("{rps:.0} req/s") } else { format!("{} req/min", trimmed(60.0 * rps)) }
}

/// `6`, `0.3` or `12 000`.
fn count(n: f64) -> String {
    if n < 10.0 {
        return trimmed(n);
    }
    let digits = format!("{n:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

fn trimmed(n: f64) -> String {
    let text = format!("{n:.1}");
    text.trim_end_matches(".0").to_owned()
}

/// `45 s`, `47 min`, `3.5 h`, `12 days`.
fn time(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{:.0} s", s.ceil()),
        s if s < 7200.0 => format!("{:.0} min", (s / 60.0).ceil()),
        s if s < 48.0 * 3600.0 => format!("{} h", trimmed(s / 3600.0)),
        s => format!("{:.0} days", (s / 86_400.0).ceil()),
    }
}
