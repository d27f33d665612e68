//! What the observations say: findings against the canary, questions it must answer, a verdict.
//!
//! [`State`] is what the tests remember, a look is taken in by it, [`judge`] reads it. The tests are e-processes
//! over one shared wealth (`fw_stats`), so they hold at every look: whatever is rolled back by itself in an attempt
//! is rolled back falsely with probability at most α. What is decided about a judgement is not here.

mod clusters;
mod feed;
mod find;
pub(crate) mod findings;
mod health;
mod history;
mod metric;
mod notes;
mod past;
mod questions;
mod ratio;
mod said;
mod sample;
mod series;
mod state;
mod tests;
mod words;

use std::borrow::Cow;

use fw_model::Plan;
use fw_stats::decision::{self, Evidence, Lead, Levels, Outcome, PhaseTime};

use crate::rollout::{Rollout, Trigger};

pub(crate) use feed::{Feed, tau_seconds};
pub use find::{Discounts, requests_to_find};
pub use history::{Clustered, History};
pub use notes::{PHI_COSTLY, notes};
pub use said::{Answer, Said};
pub use state::State;
use tests::Test;
#[cfg(test)]
pub(crate) use tests::errors as errors_ask;

/// What the analysis says now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Every question is answered well and nothing warns.
    Healthy,
    /// Not enough is known.
    Inconclusive,
    /// Shown to be bad, within the promise of α.
    Degraded,
}

impl Verdict {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Healthy => "healthy",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Degraded => "degraded",
        }
    }
}

/// How strong a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// Nothing to see.
    Quiet,
    /// Suspicious: blocks an advance, rolls nothing back.
    Warning,
    /// Shown, within the promise of α.
    Shown,
}

/// What a test saw of one version in this attempt.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Arm {
    /// Requests or values.
    pub n: f64,
    /// Bad (or good) ones among them, or their sum in the test's unit.
    pub sum: f64,
    /// Whether `sum / n` is a share of `n`, for which an interval is exact.
    pub is_share: bool,
}

impl Arm {
    /// The share with an interval that holds at every look, as fractions: value, low, high. None without requests,
    /// or where it is no share.
    ///
    /// Source: [`fw_stats::sequence::proportion`].
    pub fn interval(&self, alpha: f64) -> Option<(f64, f64, f64)> {
        (self.is_share && self.n > 0.0).then(|| {
            let (low, high) = fw_stats::sequence::proportion(self.n, self.sum, alpha);
            (self.sum / self.n, low, high)
        })
    }
}

/// What one test says against the canary.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Which rule it belongs to.
    pub trigger: Trigger,
    /// Its name: the rule, or more exactly, such as `latencyVsStable p99`.
    pub name: Cow<'static, str>,
    /// How strong.
    pub strength: Strength,
    /// The point estimate, in the unit of `limit`; none without data.
    pub value: Option<f64>,
    /// The limit: percent, ms, score or the metric's unit.
    pub limit: f64,
    /// What it says, without the evidence.
    pub said: Said,
    /// ln of the evidence to be shown with it and of what is needed; none where it says so itself.
    pub odds: Option<(f64, f64)>,
    /// How clustered stable's failures of this kind are: its evidence is discounted by that; 1 where it is not.
    pub phi: f64,
    /// The same in words, with how it is known; none where it is too small to matter.
    pub discount: Option<String>,
    /// Its part of the shared wealth, 0 to 1.
    pub weight: f64,
    /// ln of its own evidence: its part of the rollout's is that plus ln of the weight.
    pub log_evidence: f64,
    /// The same if nothing were discounted and every failure counted. It decides nothing.
    pub log_face_value: f64,
    /// What it saw of the canary.
    pub canary: Arm,
    /// What it saw of stable.
    pub stable: Arm,
}

/// What must be shown before the phase ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// `errorRate`, `responseTime`, `healthScore`, `errorsVsStable`, `latencyVsStable`, or `metric NAME`.
    pub name: Cow<'static, str>,
    /// Whether it is answered well.
    pub answered: bool,
    /// Whether the point estimate is on the right side; an unanswered one then only needs more data.
    pub met: bool,
    /// What it says.
    pub said: Said,
    /// About how many more canary requests it needs at the present rate, if that can be told.
    pub requests_missing: Option<u64>,
}

impl Finding {
    /// In words with counts and evidence.
    pub fn text(&self) -> String {
        let at_face_value = || words::ratio(self.weight.ln() + self.log_face_value);
        let discount = self
            .discount
            .as_ref()
            .map_or(String::new(), |words| format!(" ({words}; at face value {})", at_face_value()));
        match self.odds {
            None => self.said.to_string(),
            Some((log, needed)) => {
                format!(
                    "{}; evidence {}{discount}, limit {}",
                    self.said,
                    words::ratio(log),
                    words::ratio(needed)
                )
            }
        }
    }
}

impl Question {
    /// In words with counts.
    pub fn text(&self) -> String {
        self.said.to_string()
    }
}

/// What the observations say.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// All in one word.
    pub verdict: Verdict,
    /// One for each test of the plan.
    pub findings: Vec<Finding>,
    /// One for each thing that must be shown.
    pub questions: Vec<Question>,
    /// Whether stable breaks the error limit too.
    pub stable_over_limit: bool,
    /// Both versions break a limit and no comparison warns: a shared dependency is probably down.
    pub shared_breach: bool,
    /// Why the split can't be trusted, if it can't.
    pub split_alarm: Option<String>,
    /// Where the canary's failures come from, when only counting those of one instance or key in full would roll back.
    pub concentrated: Option<String>,
    /// ln of the shared evidence against the canary.
    pub log_total: f64,
    /// ln of the evidence that rolls back: 1/α.
    pub log_needed: f64,
    /// Probability, valid at every look so far, of evidence as strong as the strongest seen in this attempt, were the
    /// canary acceptable.
    pub anytime_p: f64,
}

impl Judgement {
    /// How strong a rule's findings are.
    pub fn strength(&self, trigger: Trigger) -> Strength {
        let own = self.findings.iter().filter(|f| f.trigger == trigger);
        own.map(|f| f.strength).max().unwrap_or(Strength::Quiet)
    }

    /// The strongest finding, if any is more than quiet.
    pub fn lead(&self) -> Option<&Finding> {
        let part = |f: &Finding| f.weight.ln() + f.log_evidence;
        self.findings
            .iter()
            .filter(|f| f.strength > Strength::Quiet)
            .max_by(|a, b| a.strength.cmp(&b.strength).then(part(a).total_cmp(&part(b))))
    }
}

/// Reads what was observed.
pub fn judge(rollout: &Rollout) -> Judgement {
    let plan: &Plan = &rollout.plan;
    let alpha = plan.analysis.alpha;
    let log_needed = -alpha.ln();
    let known = findings::known(plan, rollout);
    let over = findings::stable_over_limit(rollout, log_needed);
    let compared = |k: &findings::Known| !k.test.is_limit() && k.log_harm >= 0.5 * log_needed;
    let worse = known.iter().any(compared);
    let evidence: Vec<Evidence> = known.iter().map(findings::Known::evidence).collect();
    let split = rollout.analysis.ratio;
    let levels = Levels { alpha, beta: fw_model::plan::BETA, alpha_srm: ratio::ALPHA };
    let time = PhaseTime { passed: 0.0, min: f64::INFINITY, max: f64::INFINITY };
    let decided = decision::decide(&evidence, split.log_evidence(), time, levels, false);
    let lead = match decided.lead {
        Lead::Question(place) => Some(place),
        Lead::None | Lead::SampleRatio => strongest(&known).filter(|_| decided.log_total >= 0.5 * log_needed),
    };
    let shown = decided.outcome == Outcome::Degraded;
    let is_breach = |k: &findings::Known| match k.test {
        Test::ErrorLimit => over[0],
        Test::MeanLimit => over[1],
        _ => false,
    };
    let shared_breach = shown && !worse && lead.is_some_and(|place| is_breach(&known[place]));
    let mean_over = findings::mean_is_over(plan, rollout);
    let concentrated = concentrated(rollout, &evidence, &known, &decided, (time, levels));
    let split_alarm = split.is_alarm().then(|| words::split(&split));
    let findings: Vec<Finding> = known
        .into_iter()
        .enumerate()
        .map(|(place, known)| {
            let leads = lead == Some(place);
            let warns = known.test == Test::MeanLimit && mean_over || health::warns(&known, plan, rollout);
            let log_total = leads.then_some(decided.log_total);
            known.weighed(log_total, shown, warns, log_needed)
        })
        .collect();
    let questions = rollout.phase().map_or(vec![], |phase| questions::all(plan, phase, rollout));
    let answered = !questions.is_empty() && questions.iter().all(|q| q.answered);
    let quiet = findings.iter().all(|f| f.strength == Strength::Quiet)
        && split_alarm.is_none()
        && concentrated.is_none();
    let verdict = match () {
        () if findings.iter().any(|f| f.strength == Strength::Shown) => Verdict::Degraded,
        () if quiet && answered => Verdict::Healthy,
        () => Verdict::Inconclusive,
    };
    let anytime_p = fw_stats::test::anytime_p(rollout.analysis.phase.log_total_max.max(decided.log_total));
    Judgement {
        verdict,
        findings,
        questions,
        stable_over_limit: over[0],
        shared_breach,
        split_alarm,
        concentrated,
        log_total: decided.log_total,
        log_needed,
        anytime_p,
    }
}

/// In words, when all failures together would roll back and those that count don't.
fn concentrated(
    rollout: &Rollout,
    evidence: &[Evidence],
    known: &[findings::Known],
    counted: &decision::Decided,
    (time, levels): (PhaseTime, Levels),
) -> Option<String> {
    let clusters = &rollout.analysis.clusters;
    if !clusters.holds_back() {
        return None;
    }
    let all: Vec<Evidence> = evidence
        .iter()
        .zip(known)
        .map(|(evidence, known)| {
            let log_harm = match known.test {
                Test::Errors => clusters.errors_raw.log_all_failures(),
                Test::Batches => clusters.batches_raw.log_all_failures(),
                Test::ErrorLimit => clusters.limit_raw.log_all_failures(),
                _ => evidence.log_harm,
            };
            Evidence { log_harm, ..*evidence }
        })
        .collect();
    let all = decision::decide(&all, rollout.analysis.ratio.log_evidence(), time, levels, false);
    decision::is_concentrated(counted, &all).then(|| clusters.words())
}

fn strongest(known: &[findings::Known]) -> Option<usize> {
    let parts = known.iter().map(findings::Known::log_part).enumerate();
    parts.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(place, _)| place)
}

/// An interval of the health score that holds at every look with 95 %: low, high. None without canary requests.
pub fn health_interval(rollout: &Rollout) -> Option<(f64, f64)> {
    health::bounds(&sample::with_overdue(rollout), fw_model::plan::BETA, [1.0; 3]).map(|b| (b.low, b.high))
}
