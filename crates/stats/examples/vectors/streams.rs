//! The comparison of clustered streams: sources, φ in force, failures that count, evidence.
//!
//! The file's own settings must be those of the crate, which are fixed: another value is a failure, not a skip.

use fw_stats::balance::Balance;
use fw_stats::base::{self, BaseRate};
use fw_stats::clustering::Clustering;
use fw_stats::dispersion::BETWEEN_GROUPS_MIN;
use fw_stats::groups::{Group, Groups};
use fw_stats::relative::Pair;
use fw_stats::test::{Ask, Comparison, Look, Side};
use serde_json::{Value, json};

use super::super::Worst;
use super::{margin, number, numbers};

/// One stream: stable's history, then a rollout; one second a look.
pub(super) fn overdispersion_stream(row: &Value, worst: &mut Worst) {
    settings(row, worst);
    let tau_seconds = number(&row["onset"], "tau");
    let ask = Ask { side: Side::Harm, margin: margin(row), safe: None, tau_seconds };
    let canaries = row["canary_sources"].as_u64().unwrap_or(0) as usize;
    let (mut clustering, mut balance) = (Clustering::default(), Balance::default());
    let (mut past, mut test) = (BaseRate::default(), Comparison::default());
    let mut began = false;
    for look in row["looks"].as_array().into_iter().flatten() {
        let (canary, stable) = sources(look, canaries);
        let phi = clustering.phi();
        worst.number(phi.variance, number(look, "phi_var"));
        worst.number(phi.placebo, number(look, "phi_placebo"));
        worst.number(phi.value, number(look, "phi"));
        let (t, c) = (canary.total(), stable.total());
        if look["history"] == true {
            past.update(c.n, c.s, 1.0, base::MEMORY_SECONDS);
            clustering.observe(&ask, &stable, past.rate(), 1.0);
            continue;
        }
        if !std::mem::replace(&mut began, true) {
            test.observe(past.n, past.s, 0.0);
        }
        let phase_began = look["phase_start"] == true;
        let counted = balance.look(&canary, 1.0, phase_began);
        let want = numbers(look, "counted");
        worst.same(want.len(), canaries);
        counted.by_slot.iter().zip(want).for_each(|(got, want)| worst.number(*got, want));
        let counts = Pair { n_t: t.n, s_t: t.s, n_c: c.n, s_c: c.s };
        let taken = Look { counts, counted: counted.total(), seconds: 1.0, phase_began, ..Look::default() };
        let closed = clustering.look(&mut test, &ask, &taken, &stable);
        worst.same(closed.is_some(), look["closed"] == true);
        worst.number(test.log_harm(), number(look, "log_wealth"));
    }
}

/// Canary and stable of a look: the first `canaries` sources are the canary's.
fn sources(look: &Value, canaries: usize) -> (Groups, Groups) {
    let (mut canary, mut stable) = (Groups::default(), Groups::default());
    for (i, (n, s)) in numbers(look, "n").into_iter().zip(numbers(look, "s")).enumerate() {
        match i.checked_sub(canaries) {
            None => canary.add(i, Group::failures(n, s)),
            Some(slot) => stable.add(slot, Group::failures(n, s)),
        }
    }
    (canary, stable)
}

fn settings(row: &Value, worst: &mut Worst) {
    let fixed = [
        ("scales", json!([1, 2, 4, 8, 16, 32, 64])),
        ("mem", json!(3600.0)),
        ("z", json!(1.5)),
        ("phi0", json!(1.5)),
        ("b0", json!(5.0)),
        ("phi_max", json!(1000.0)),
        ("placebo", json!({ "psi": [3.0, 9.0, 65.0], "leak": 300.0, "n_min": 1000.0 })),
        ("source_cap", json!({ "c": 3, "mem": 60.0 })),
        ("block", json!({ "min_total": 40, "min_canary": 4, "max_age": 30.0 })),
        ("tau_base", json!(base::MEMORY_SECONDS)),
    ];
    fixed.iter().for_each(|(name, value)| worst.same(&row[*name], value));
    let stable =
        row["sources"].as_u64().unwrap_or(0).saturating_sub(row["canary_sources"].as_u64().unwrap_or(0));
    let mode = if stable >= BETWEEN_GROUPS_MIN as u64 { "between" } else { "temporal" };
    worst.same(row["mode"].as_str(), Some(mode));
}
