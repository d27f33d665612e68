//! Words: truth values as YAML 1.1 wrote them, and choices with a slip in them.

use super::{Look, Proposal};
use crate::config::fix::op::Op;
use crate::config::fix::walk::{Found, walk};
use crate::config::suggest::nearest_alone;
use crate::config::table::{Choice, Kind};
use crate::config::tree::{Resolved, Scalar, Value, shown};

/// `yes`, `on` or `"true"` where a truth value is wanted.
pub(super) fn truth(look: &Look<'_>) -> Vec<Proposal> {
    let propose = |found| {
        let Found::Wrong { kind: Kind::Bool, node, at, .. } = found else { return None };
        let Value::Scalar(scalar) = &node.value else { return None };
        let value = match scalar.text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "true" => true,
            "no" | "off" | "false" => false,
            _ => return None,
        };
        Some(Proposal {
            rule: "truth-value",
            message: format!("{} is written {value}", scalar.found()),
            ops: vec![Op::Set { at: at.clone(), to: Scalar::boolean(value) }],
            at,
        })
    };
    walk(look.tree, look.bare).into_iter().filter_map(propose).collect()
}

/// A word that is one of the choices with a slip in it.
pub(super) fn choices(look: &Look<'_>) -> Vec<Proposal> {
    let propose = |found| {
        let Found::Wrong { kind, node, at, .. } = found else { return None };
        let Value::Scalar(scalar) = &node.value else { return None };
        let choices = choices_of(kind).filter(|_| scalar.resolved == Resolved::Text)?;
        // A word of a later version is known and refused; it must not become its neighbour.
        let choice = nearest_alone(scalar.text.trim(), choices.iter().map(|choice| choice.word))?;
        let is_usable = choices.iter().any(|c| c.word == choice && !c.later) && choice != scalar.text;
        is_usable.then(|| Proposal {
            rule: "misspelt-word",
            message: format!("`{}` is written `{choice}`", shown(&scalar.text)),
            ops: vec![Op::Set { at: at.clone(), to: Scalar::text(choice) }],
            at,
        })
    };
    walk(look.tree, look.bare).into_iter().filter_map(propose).collect()
}

fn choices_of(kind: &'static Kind) -> Option<&'static [Choice]> {
    match kind {
        Kind::Choice(choices) => Some(choices),
        Kind::Or(kinds) => kinds.iter().find_map(choices_of),
        _ => None,
    }
}
