//! A report of a custom metric: held against the plan, then counted by its reporter.
//!
//! The reporter's row goes into the batch, so the answer comes when the store has it.

use std::collections::BTreeSet;
use std::sync::Arc;

use fw_api::wire::{Measured, MetricAnswer, MetricReport};
use fw_model::plan::{MetricKind, MetricSpec};
use fw_model::{Epoch, MetricSums, Plan, ServiceKey};

use super::batch::Work;
use super::reporters::{About, NAMES_MAX, REPORTERS_MAX, Reporter, id_of};
use super::service::ServiceState;
use crate::Refusal;

/// How far rounding may take sums from the rules they keep, relative.
const ROUNDING: f64 = 1e-9;

impl Work<'_> {
    /// Counts a report of a custom metric.
    pub(super) fn metric(
        &mut self,
        key: &ServiceKey,
        report: &MetricReport,
    ) -> Result<MetricAnswer, Refusal> {
        let invalid = |field: &str, text: String| Refusal::Invalid(format!("{field}: {text}"));
        let state = self.state(key).ok_or_else(|| Refusal::UnknownService(key.to_string()))?;
        let measured = report.measured().map_err(|e| Refusal::Invalid(e.to_string()))?;
        let epoch = report.epoch.map_or(state.epoch, Epoch);
        if epoch > state.epoch {
            let text = format!("{} is not yet: the present one is {}", epoch.0, state.epoch.0);
            return Err(invalid("epoch", text));
        }
        let measured = match self.plan(key).and_then(|plan| spec(plan, &report.name)) {
            Some(spec) => fitted(spec, measured)?,
            None => measured,
        };
        let names = names(state);
        if !names.contains(report.name.as_str()) && names.len() >= NAMES_MAX {
            let text = format!("{key} has {NAMES_MAX} metrics, the most there may be");
            return Err(invalid("name", text));
        }
        let source = match &measured {
            Measured::Value(_) => None,
            Measured::Sums { source, .. } => Some(source.as_str()),
        };
        let id = id_of(source);
        if !state.reporters.contains_key(&id) && state.reporters.len() >= REPORTERS_MAX {
            return Err(invalid("source", format!("{key} has {REPORTERS_MAX} sources of metrics already")));
        }
        let first = first_epoch(state);
        let about =
            About { name: &report.name, variant: report.variant, epoch, named: report.epoch.is_some() };
        let now = self.instant;
        let mut reporter =
            state.reporters.get(&id).map_or_else(|| Reporter::new(now), |known| Reporter::clone(known));
        reporter.heard = now;
        reporter.close(first);
        let counted = match measured {
            Measured::Value(value) => reporter.add_value(about, value),
            Measured::Sums { seq, sums, .. } => reporter.add_sums(about, seq, sums).map_err(|back| {
                let text = format!(
                    "went back from {} to {}: sums only grow; a process that counts from zero is a new source",
                    back.from, sums.count
                );
                invalid("count", text)
            })?,
        };
        if let Some(state) = self.stage(key) {
            state.reporters.insert(id.clone(), Arc::new(reporter));
        }
        if counted {
            self.touched.insert((key.clone(), id));
        }
        Ok(MetricAnswer { name: report.name.clone(), variant: report.variant, epoch: epoch.0, counted })
    }

    /// The plan that values are held against: of the rollout that is watched, else the config's.
    fn plan(&self, key: &ServiceKey) -> Option<&Plan> {
        let watched = self.state(key).and_then(ServiceState::watched);
        watched.map(|run| &*run.rollout.plan).or_else(|| self.configured(key))
    }
}

/// Epochs before this are closed: of the rollout that is watched its first, else the present one.
fn first_epoch(state: &ServiceState) -> Epoch {
    state.watched().map_or(state.epoch, |run| run.rollout.first_epoch)
}

fn spec<'a>(plan: &'a Plan, name: &str) -> Option<&'a MetricSpec> {
    plan.metrics.iter().find(|metric| metric.name == name)
}

/// The names that are kept of a service: of its reporters, and in the counts of the present phase.
fn names(state: &ServiceState) -> BTreeSet<&str> {
    let mut names: BTreeSet<&str> = state.reporters.values().flat_map(|reporter| reporter.names()).collect();
    if let Some(run) = state.watched() {
        let tally = &run.rollout.tally;
        names.extend(tally.canary.metrics.keys().chain(tally.stable.metrics.keys()).map(String::as_str));
    }
    names
}

/// What a metric of the plan takes: a proportion 0 to 1, an amount from 0; a single one above the cap is the cap.
fn fitted(spec: &MetricSpec, measured: Measured) -> Result<Measured, Refusal> {
    let refuse = |field: &str, text: String| Err(Refusal::Invalid(format!("{field}: {text}")));
    let name = &spec.name;
    match (spec.kind, measured) {
        (_, Measured::Value(value)) => {
            spec.fitted(value).map(Measured::Value).or_else(|text| refuse("value", text))
        }
        (MetricKind::Proportion, Measured::Sums { sums, .. }) if !are_of_a_proportion(&sums) => refuse(
            "sum",
            format!("{name} is a proportion: `sum` is 0 to `count`, and `sumSquares` 0 to `sum`"),
        ),
        (MetricKind::Amount { .. }, Measured::Sums { sums, .. }) if sums.sum < 0.0 => {
            refuse("sum", format!("{name} is an amount: 0 or more, not {}", sums.sum))
        }
        (MetricKind::Proportion | MetricKind::Amount { .. }, measured) => Ok(measured),
    }
}

/// Whether values of 0 to 1 have these sums: none is above 1, and no square above its value.
fn are_of_a_proportion(sums: &MetricSums) -> bool {
    let room = ROUNDING * sums.count as f64;
    sums.sum >= 0.0 && sums.sum <= sums.count as f64 + room && sums.sum_squares <= sums.sum + room
}
