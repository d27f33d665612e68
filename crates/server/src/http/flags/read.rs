//! `GET /api/v1/flags` and `GET /api/v1/flags/{key}`: flags as they are configured, what was handed out, and the
//! read-out of an experiment.

use axum::extract::State;
use axum::response::Response;
use fw_api::{Code, Problem};
use fw_flags::readout::{self, Arm, Tally};
use fw_model::flag::Assign;
use fw_model::plan::{Better, MetricSpec};
use serde_json::{Value, json};

use super::super::answer::{self, Refused};
use super::super::body::At;
use super::super::{App, ofrep};
use super::{Entry, ServedFlag};

/// JSON knows no infinity: evidence beyond this is as good as certain.
const EVIDENCE_MAX: f64 = 1e300;

/// Every flag as it stands.
pub(in super::super) async fn list(State(app): State<App>) -> Response {
    let flags: Vec<Value> = app.board.entries().iter().map(shown).collect();
    answer::json(200, &json!({ "flags": flags }))
}

/// One flag, with what its experiment shows.
pub(in super::super) async fn one(State(app): State<App>, At(key): At<String>) -> Result<Response, Refused> {
    let entry = app.board.entry(&key).ok_or_else(|| {
        Problem::new(Code::UnknownFlag, format!("no flag {key:?}: flags are in the config, under `flags`"))
    })?;
    let mut flag = shown(entry);
    let tally = app.board.tally(entry).await.map_err(|e| ofrep::unwritten(&e))?;
    flag["experiment"] = tally.map_or(Value::Null, |tally| experiment(entry, &tally, app.board.is_full()));
    Ok(answer::json(200, &flag))
}

fn shown(entry: &Entry) -> Value {
    let ServedFlag { service, flag, conditions, .. } = &entry.served;
    let weights = entry.weights();
    let variants = flag.variants().into_iter().enumerate().map(|(place, (name, value))| {
        let mut shown =
            json!({ "name": name, "value": value, "evaluations": entry.evaluations(Some(place)) });
        if let Some(weight) = weights.as_ref().and_then(|weights| weights.get(place)) {
            shown["weight"] = json!(weight);
        }
        shown
    });
    let rules = flag.rules.iter().zip(conditions);
    let rules: Vec<Value> =
        rules.map(|(rule, condition)| json!({ "if": condition.source(), "variant": rule.variant })).collect();
    let slice = flag.exclusive.as_ref();
    let slice = slice
        .map(|slice| json!({ "group": slice.group, "from": slice.from.percent(), "to": slice.to.percent() }));
    json!({
        "key": flag.key, "enabled": flag.enabled, "service": service.to_string(),
        "boundToRollout": matches!(flag.assign, Assign::Rollout { .. }),
        "variants": variants.collect::<Vec<_>>(), "withoutValue": entry.evaluations(None),
        "rules": rules, "exclusive": slice,
    })
}

fn experiment(entry: &Entry, tally: &Tally, is_full: bool) -> Value {
    let specs = &entry.served.metrics;
    let names: Vec<&str> = entry.served.flag.variants().into_iter().map(|(name, _)| name).collect();
    let check = readout::split_check(&tally.users, &entry.weights().unwrap_or_default());
    let users = |place: usize| tally.users.get(place).copied().unwrap_or(0);
    let all = readout::arms(tally, specs);
    let metrics = specs.iter().zip(&all).map(|(spec, arms)| metric(spec, &names, arms));
    let variants: Vec<Value> = names
        .iter()
        .enumerate()
        .map(|(place, name)| json!({ "name": name, "users": users(place) }))
        .collect();
    json!({
        "variants": variants,
        "sampleRatio": { "evidence": check.evidence.min(EVIDENCE_MAX), "alarm": check.alarm },
        "level": 100.0 * (1.0 - readout::ALPHA),
        "approximate": true,
        "full": is_full,
        "metrics": metrics.collect::<Vec<_>>(),
    })
}

fn metric(spec: &MetricSpec, names: &[&str], arms: &[Arm]) -> Value {
    let better = match spec.better {
        Better::Higher => "higher",
        Better::Lower => "lower",
    };
    let arm = |(name, arm): (&&str, &Arm)| {
        let mut shown = json!({ "name": name, "mean": arm.mean });
        if let Some(difference) = arm.difference {
            shown["difference"] = json!(difference.value);
            shown["interval"] = json!(difference.interval.map(|(low, high)| [low, high]));
            shown["verdict"] = json!(arm.verdict.as_str());
        }
        shown
    };
    let variants: Vec<Value> = names.iter().zip(arms).map(arm).collect();
    json!({ "name": spec.name, "unit": spec.unit, "better": better, "variants": variants })
}
