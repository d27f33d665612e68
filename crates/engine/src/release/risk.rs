//! The risk of a release, 0 to 100: a sum of named parts, each from something that is known.
//!
//! It decides one thing only: whether `--auto-approve` is enough. The weights are judgement, not measurement; that they are
//! shown one by one is what makes them useful. Harm is found by the rollout's tests, whatever the risk was.

use fw_model::release::{Finding, Severity, Strategy};
use fw_stats::wilson::wilson_90;

use super::event::{Facts, Local, ReleasePlan};

/// Most points of all parts together.
const RISK_MAX: f64 = 100.0;
/// Points where the size of the change is not known.
const CHANGE_UNKNOWN: f64 = 8.0;
/// Most points of the size of the change, at this many lines.
const CHANGE_MAX: (f64, f64) = (15.0, 10_000.0);
/// Points of a history that always went back.
const HISTORY_MAX: f64 = 20.0;
/// Points of a first step that gets everything.
const BLAST_MAX: f64 = 15.0;
/// Points of a warning, and of all together.
const WARNING: (f64, f64) = (4.0, 12.0);

/// One reason, with its points.
#[derive(Debug, Clone, PartialEq)]
pub struct RiskPart {
    /// What it is about.
    pub name: &'static str,
    /// Points, at least 0.
    pub points: f64,
    /// Where they come from, in words with numbers.
    pub text: String,
}

/// The sum and its parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Risk {
    /// 0 to 100, in tenths.
    pub score: f64,
    /// The parts, in a fixed order; what adds nothing is there too.
    pub parts: Vec<RiskPart>,
}

/// Adds up what is known.
pub fn assess(plan: &ReleasePlan, local: &Local, facts: &Facts, findings: &[Finding]) -> Risk {
    let parts = vec![
        environment(plan.environment.as_deref()),
        strategy(plan.strategy),
        blast(plan),
        guard(plan),
        change(local),
        history(facts),
        hour(facts),
        warnings(findings),
    ];
    let sum: f64 = parts.iter().map(|part| part.points).sum();
    Risk { score: (sum.min(RISK_MAX) * 10.0).round() / 10.0, parts }
}

fn part(name: &'static str, points: f64, text: impl Into<String>) -> RiskPart {
    RiskPart { name, points: (points * 10.0).round() / 10.0, text: text.into() }
}

fn environment(name: Option<&str>) -> RiskPart {
    let Some(name) = name else { return part("environment", 10.0, "none was named") };
    let lower = name.to_ascii_lowercase();
    let points = if lower.starts_with("prod") || lower == "live" {
        20.0
    } else if ["staging", "stage", "test", "dev"].iter().any(|word| lower.starts_with(word)) {
        5.0
    } else {
        10.0
    };
    part("environment", points, name)
}

fn strategy(strategy: Strategy) -> RiskPart {
    let points = match strategy {
        Strategy::Canary => 0.0,
        Strategy::Rolling => 5.0,
        Strategy::BlueGreen => 10.0,
        Strategy::AllAtOnce => 20.0,
    };
    part("strategy", points, strategy.as_str())
}

/// How many users the first step reaches: the root, because the first percents matter most.
fn blast(plan: &ReleasePlan) -> RiskPart {
    let share = plan.rollout.phases.first().map_or(1.0, |phase| phase.percentage.fraction());
    part(
        "blast radius",
        BLAST_MAX * share.sqrt(),
        format!("{} % of traffic at first", (share * 1000.0).round() / 10.0),
    )
}

fn guard(plan: &ReleasePlan) -> RiskPart {
    match plan.rollout.enable_rollback {
        true => part("guard", 0.0, "goes back by itself"),
        false => part("guard", 10.0, "enableRollback is off: a person must notice"),
    }
}

/// By the logarithm of the lines that changed.
fn change(local: &Local) -> RiskPart {
    let Some(size) = local.change else {
        return part("change", CHANGE_UNKNOWN, "size not known: not asked for from a git checkout");
    };
    let lines = (size.insertions + size.deletions) as f64;
    let (most, at) = CHANGE_MAX;
    let points = most * ((1.0 + lines).ln() / (1.0 + at).ln()).min(1.0);
    let text = format!("{} commits, {} files, {lines} lines", size.commits, size.files);
    part("change", points, text)
}

/// The middle of the interval of the rate of rollbacks, so that a short history counts as uncertain, not as good.
fn history(facts: &Facts) -> RiskPart {
    let (low, high) = wilson_90(facts.rolled_back, facts.releases);
    let text = match facts.releases {
        0 => "no release of this service is known".to_owned(),
        n => format!(
            "{} of {n} went back ({:.0} to {:.0} %, at 90 %)",
            facts.rolled_back,
            low * 100.0,
            high * 100.0
        ),
    };
    part("history", HISTORY_MAX * (low + high) / 2.0, text)
}

fn hour(facts: &Facts) -> RiskPart {
    let mut points = 0.0;
    let mut texts = vec![];
    if let Some((day, minute)) = facts.day_minute {
        let works = day < 5 && (8 * 60..18 * 60).contains(&minute);
        if !works {
            points += 8.0;
            texts.push("outside of working hours".to_owned());
        }
        if day == 4 && minute >= 14 * 60 {
            points += 5.0;
            texts.push("before a weekend".to_owned());
        }
    }
    if let Some(hours) = facts.hours_to_freeze.filter(|hours| *hours < 48.0) {
        points += 5.0;
        texts.push(format!("a freeze begins in {hours:.0} h"));
    }
    let text = if texts.is_empty() { "in working hours".to_owned() } else { texts.join(", ") };
    part("hour", points, text)
}

fn warnings(findings: &[Finding]) -> RiskPart {
    let count = findings.iter().filter(|finding| finding.severity == Severity::Warning).count();
    let (each, most) = WARNING;
    let word = if count == 1 { "warning" } else { "warnings" };
    part("checks", (each * count as f64).min(most), format!("{count} {word}"))
}
