//! Whether the config is sound for the environment, and says nothing that contradicts itself.

use fw_model::Plan;
use fw_model::release::Finding;
use fw_runtime::config::{self as reader, Applied, Facts, Fault};

use super::Source;

/// The check's name.
const CHECK: &str = "config";

/// Every fault: with a remedy that `--auto-fix` knows, or for a person. A sound config with a bad layout is information.
pub(super) fn check(source: &Source) -> Vec<Finding> {
    let Source { name, text, env, .. } = source;
    let is_sound = reader::load_str(name, text, env.as_deref()).is_ok();
    let fixable = |one: &Applied| {
        let path = if one.path.is_empty() { String::new() } else { format!("{}: ", one.path) };
        let message = format!("{path}{}", one.message);
        let new = if is_sound { Finding::info } else { Finding::error };
        let finding = Finding { fixable: true, ..new(CHECK, message) };
        match one.place {
            Some(place) => finding.at(source.at(place)),
            None => finding,
        }
    };
    match reader::fix(name, text, env.as_deref(), &Facts::default()) {
        Ok(fixed) => fixed.applied.iter().map(fixable).collect(),
        Err(refused) => {
            let faults = refused.faults.list().iter().map(|fault| for_a_person(source, fault));
            faults.chain(refused.fixable.iter().map(fixable)).collect()
        }
    }
}

fn for_a_person(source: &Source, fault: &Fault) -> Finding {
    let finding = Finding::error(CHECK, fault.text());
    match fault.place {
        Some(place) => finding.at(source.at(place)),
        None => finding,
    }
}

/// Phases that may end with more errors than roll the rollout back: allowed, and hardly what was meant.
pub(super) fn contradictions(source: &Source, plan: &Plan) -> Vec<Finding> {
    let Some(trigger) = plan.triggers.error_rate.filter(|_| plan.enable_rollback) else { return vec![] };
    let one = |(i, phase): (usize, &fw_model::Phase)| {
        let limit = phase.criteria.error_rate.filter(|limit| *limit > trigger)?;
        let message = format!(
            "phase {i} may end with {limit} % errors, but more than {trigger} % (rollbackTriggers.errorRate) roll back: \
             one of the two is not what you want"
        );
        let path = format!("rollout.phases[{i}].successCriteria.errorRate");
        Some(source.place(Finding::warning(CHECK, message), &path))
    };
    plan.phases.iter().enumerate().filter_map(one).collect()
}
