//! One comparison for each section of a vectors file.

use fw_stats::decision::{self, Action, Evidence, Lead, Levels, Outcome, PhaseTime};
use fw_stats::latency;
use fw_stats::limit::{self, Sums};
use fw_stats::mean::{self, Moments, Prediction, Worse};
use fw_stats::onset::{Onset, TAU_SECONDS};
use fw_stats::relative::{self, Margin, Pair};
use fw_stats::test::{Ask, Comparison, Side};
use fw_stats::{mean_limit, sequence, srm};
use serde_json::Value;

use super::Worst;

#[path = "streams.rs"]
mod streams;

/// Compares every row of a section.
pub(super) fn compare(name: &str, rows: &Value) -> Worst {
    let row: fn(&Value, &mut Worst) = match name {
        "limit_block" => limit_block,
        "two_sample_block" => two_sample_block,
        "mean_block" => mean_block,
        "mean_limit_block" => mean_limit_block,
        "srm" => srm_row,
        "bernoulli_cs" => bernoulli_cs,
        "quantile_rank_cs" => quantile_rank_cs,
        "asymptotic_cs" => asymptotic_cs,
        "two_sample_streams" => two_sample_stream,
        "limit_streams" => limit_stream,
        "latency_streams" => latency_stream,
        "decisions" => decision_row,
        "overdispersion_streams" => streams::overdispersion_stream,
        _ => |_, worst| worst.error = f64::INFINITY,
    };
    let mut worst = Worst::default();
    rows.as_array().into_iter().flatten().for_each(|r| row(r, &mut worst));
    worst
}

fn number(row: &Value, name: &str) -> f64 {
    row[name].as_f64().unwrap_or(f64::NAN)
}

fn numbers(row: &Value, name: &str) -> Vec<f64> {
    row[name].as_array().into_iter().flatten().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect()
}

fn each(got: &[f64], want: &[f64], worst: &mut Worst) {
    worst.same(got.len(), want.len());
    got.iter().zip(want).for_each(|(got, want)| worst.number(*got, *want));
}

fn limit_block(row: &Value, worst: &mut Worst) {
    let block = Sums { n: number(row, "n"), s: number(row, "s") };
    let limit = number(row, "limit");
    let want = numbers(row, "log_s");
    match row["grid"].as_str() {
        Some("harm") => each(&limit::log_harm(block, limit), &want, worst),
        Some("safe") => each(&limit::log_safe(block, limit), &want, worst),
        _ => worst.error = f64::INFINITY,
    }
}

fn pair(row: &Value) -> Pair {
    Pair {
        n_t: number(row, "n_t"),
        s_t: number(row, "s_t"),
        n_c: number(row, "n_c"),
        s_c: number(row, "s_c"),
    }
}

fn margin(row: &Value) -> Margin {
    Margin { ratio: number(row, "r0"), delta: number(row, "delta") }
}

fn two_sample_block(row: &Value, worst: &mut Worst) {
    let (pair, base, margin, want) = (pair(row), number(row, "base"), margin(row), numbers(row, "log_s"));
    match row["grid"].as_str() {
        Some("harm") => each(&relative::log_harm(pair, base, margin), &want, worst),
        Some("down") => each(&relative::log_down(pair, base, margin), &want, worst),
        Some("safe") => each(&relative::log_safe(pair, base, margin), &want, worst),
        _ => worst.error = f64::INFINITY,
    }
}

fn mean_block(row: &Value, worst: &mut Worst) {
    let arm =
        |n: &str, s1: &str, s2: &str| Moments { n: number(row, n), s1: number(row, s1), s2: number(row, s2) };
    let past = |m: &str, v: &str| Prediction { mean: number(row, m), variance: number(row, v) };
    let worse = if row["worse"] == "down" { Worse::Down } else { Worse::Up };
    let got = mean::log_worse(
        arm("n_t", "s1_t", "s2_t"),
        arm("n_c", "s1_c", "s2_c"),
        past("m_t", "v_t"),
        past("m_c", "v_c"),
        margin(row),
        worse,
    );
    each(&got, &numbers(row, "log_s"), worst);
}

fn mean_limit_block(row: &Value, worst: &mut Worst) {
    let values = Moments { n: number(row, "n"), s1: number(row, "s1"), s2: number(row, "s2") };
    each(&mean_limit::log_above(values, number(row, "limit")), &numbers(row, "log_s"), worst);
}

fn srm_row(row: &Value, worst: &mut Worst) {
    let got = srm::log_evidence_with(&numbers(row, "counts"), &numbers(row, "rho"), &numbers(row, "k"));
    worst.number(got, number(row, "log_e"));
}

fn bernoulli_cs(row: &Value, worst: &mut Worst) {
    let prior = (number(row, "a"), number(row, "b"));
    let (low, high) =
        sequence::proportion_with(number(row, "n"), number(row, "s"), number(row, "alpha"), prior.0, prior.1);
    worst.number(low, number(row, "lo"));
    worst.number(high, number(row, "hi"));
}

fn quantile_rank_cs(row: &Value, worst: &mut Worst) {
    let n = row["n"].as_u64().unwrap_or(0);
    let (low, high) = sequence::quantile_ranks(n, number(row, "q"), number(row, "alpha"), number(row, "m"));
    each(&[low as f64, high as f64], &numbers(row, "ranks"), worst);
}

fn asymptotic_cs(row: &Value, worst: &mut Worst) {
    let (n, se) = (number(row, "n"), number(row, "se"));
    let (variance, alpha, tuned) = (n * se * se, number(row, "alpha"), number(row, "t_opt"));
    let got = if row["one_sided"] == true {
        sequence::mean_half_width_one_sided(n, variance, alpha, tuned)
    } else {
        sequence::mean_half_width(n, variance, alpha, tuned)
    };
    worst.number(got, number(row, "halfwidth"));
}

fn two_sample_stream(row: &Value, worst: &mut Worst) {
    let margin = margin(row);
    let safe = row["grid"] == "safe";
    let side = if row["grid"] == "down" { Side::Down } else { Side::Harm };
    let tau_seconds = row["onset"]["tau"].as_f64().unwrap_or(TAU_SECONDS);
    let ask = Ask { side, margin, safe: safe.then_some(margin), tau_seconds };
    let mut test = Comparison::default();
    for look in row["looks"].as_array().into_iter().flatten() {
        let closed = test.look(&ask, pair(look), number(look, "dt"), look["phase_start"] == true);
        worst.same(closed, look["closed"] == true);
        worst.number(if safe { test.log_safe() } else { test.log_harm() }, number(look, "log_wealth"));
    }
}

fn limit_stream(row: &Value, worst: &mut Worst) {
    let mut onset: Onset = Onset::default();
    for look in row["looks"].as_array().into_iter().flatten() {
        let block = Sums { n: number(look, "n"), s: number(look, "s") };
        let logs = limit::log_harm(block, number(row, "limit"));
        onset.step(&logs, number(look, "dt"), look["phase_start"] == true, TAU_SECONDS);
        worst.number(onset.log_evidence(), number(look, "log_wealth"));
    }
}

fn latency_stream(row: &Value, worst: &mut Worst) {
    let shift = row["shift"].as_u64().unwrap_or(0) as usize;
    let mut past = numbers(row, "base_hist");
    let mut tests: std::collections::BTreeMap<String, Onset> = std::collections::BTreeMap::new();
    for look in row["looks"].as_array().into_iter().flatten() {
        let (canary, stable) = (numbers(look, "h_t"), numbers(look, "h_c"));
        for (q, want) in look["out"].as_object().into_iter().flatten() {
            let found = latency::threshold(&past, q.parse().unwrap_or(f64::NAN));
            let Some(found) = found else {
                worst.error = f64::INFINITY;
                return;
            };
            let pair = Pair {
                n_t: canary.iter().sum(),
                s_t: latency::above(&canary, found.edge + shift),
                n_c: stable.iter().sum(),
                s_c: latency::above(&stable, found.edge),
            };
            let logs = relative::log_harm(pair, found.base, Margin { ratio: 1.0, delta: 0.0 });
            let test = tests.entry(q.clone()).or_default();
            test.step(&logs, number(look, "dt"), false, TAU_SECONDS);
            worst.same(found.edge as u64, want["edge"].as_u64().unwrap_or(u64::MAX));
            worst.number(found.base, number(want, "base"));
            worst.number(pair.s_t, number(want, "s_t"));
            worst.number(pair.s_c, number(want, "s_c"));
            worst.number(test.log_evidence(), number(want, "log_wealth"));
        }
        let keep = (-number(look, "dt") / number(row, "tau_hist")).exp();
        past.iter_mut().zip(&stable).for_each(|(sum, n)| *sum = *sum * keep + n);
    }
}

fn decision_row(row: &Value, worst: &mut Worst) {
    let (weights, harm, n, bad) =
        (numbers(row, "weights"), numbers(row, "log_harm"), numbers(row, "n"), numbers(row, "bad_events"));
    let safe: Vec<Option<f64>> =
        row["log_safe"].as_array().into_iter().flatten().map(Value::as_f64).collect();
    let questions: Vec<Evidence> = (0..weights.len())
        .map(|i| Evidence {
            weight: weights[i],
            log_harm: harm[i],
            log_safe: safe[i],
            requests: n[i],
            bad_events: bad[i],
        })
        .collect();
    let time = PhaseTime {
        passed: number(row, "t_in_phase"),
        min: number(row, "min_phase"),
        max: number(row, "max_phase"),
    };
    let levels = Levels {
        alpha: number(row, "alpha"),
        beta: number(row, "beta"),
        alpha_srm: number(row, "alpha_srm"),
    };
    let got =
        decision::decide(&questions, number(row, "srm_log"), time, levels, row["shared_breach"] == true);
    worst.number(got.log_total, number(row, "log_total"));
    let outcome = match got.outcome {
        Outcome::Healthy => "healthy",
        Outcome::Inconclusive => "inconclusive",
        Outcome::Degraded => "degraded",
    };
    let action = match got.action {
        Action::Advance => "advance",
        Action::Wait => "wait",
        Action::Hold => "hold",
        Action::Rollback => "rollback",
    };
    let lead = match got.lead {
        Lead::None => String::new(),
        Lead::SampleRatio => "sample-ratio".into(),
        Lead::Question(place) => place.to_string(),
    };
    worst.same(Some(outcome), row["outcome"].as_str());
    worst.same(Some(action), row["action"].as_str());
    worst.same(Some(lead.as_str()), row["lead"].as_str());
}
