//! `fw config validate`: every fault at once; exit 2 when there is one.
//!
//! The report is talk for people (stderr) in text and data (stdout) in JSON.

use std::path::{Path, PathBuf};

use fw_model::plan::RouterKind;
use fw_runtime::config::{self, Faults, ServiceConfig};
use serde_json::{Value, json};

use crate::args::DEFAULT_CONFIG;
use crate::failure::Failure;
use crate::output::{Out, plain_number};

pub(super) fn run(files: Vec<PathBuf>, env: Option<&str>, out: &mut Out) -> Result<(), Failure> {
    let files = if files.is_empty() { vec![PathBuf::from(DEFAULT_CONFIG)] } else { files };
    let results: Vec<_> = files.iter().map(|file| (file, config::load_file(file, env))).collect();
    let sound = results.iter().all(|(_, result)| result.is_ok());
    if out.is_json() {
        let entries = results.iter().map(|(file, result)| entry(file, result));
        out.json(&json!({ "valid": sound, "configs": entries.collect::<Vec<_>>() }))?;
        return if sound { Ok(()) } else { Err(Failure::Silent(2)) };
    }
    for (file, result) in results {
        match result {
            Ok(service) => out.line(&summary(file, &service))?,
            Err(faults) => Failure::from(faults).print(),
        }
    }
    if sound { Ok(()) } else { Err(Failure::Silent(2)) }
}

/// `factory-wager.yaml: sound. checkout 1.4.2 → 1.5.0, phases 5 → 25 → 50 → 100 %, router proxy, plan 0123456789abcdef`.
fn summary(file: &Path, service: &ServiceConfig) -> String {
    let plan = &service.plan;
    let shares: Vec<String> = plan.phases.iter().map(|p| plain_number(p.percentage.value())).collect();
    let what = match (&service.waves, plan.router) {
        (Some(waves), _) => format!("{} regions in {} waves", service.regions.len(), waves.waves.len()),
        (None, RouterKind::Proxy) => "router proxy".to_owned(),
        (None, RouterKind::Sdk) => "router sdk".to_owned(),
    };
    format!(
        "{}: sound. {} {} → {}, phases {} %, {what}, plan {}",
        file.display(),
        plan.key,
        plan.stable.version,
        plan.canary.version,
        shares.join(" → "),
        service.plan_hash
    )
}

fn entry(file: &Path, result: &Result<ServiceConfig, Faults>) -> Value {
    let file = file.display().to_string();
    match result {
        Ok(service) => json!({
            "file": file, "valid": true, "service": service.plan.key.to_string(), "planHash": service.plan_hash,
        }),
        Err(faults) => {
            let list = faults.list().iter().map(|fault| {
                json!({
                    "path": fault.path,
                    "line": fault.place.map(|p| p.line),
                    "column": fault.place.map(|p| p.column),
                    "message": fault.message,
                    "hint": fault.hint,
                })
            });
            json!({ "file": file, "valid": false, "faults": list.collect::<Vec<_>>(), "leftOff": faults.left_off() })
        }
    }
}
