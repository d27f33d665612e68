//! Texts that YAML takes for a number or a truth value, because they have no quotes.

use super::{Look, Proposal};
use crate::config::fix::op::Op;
use crate::config::fix::walk::{Found, fits, walk};
use crate::config::table::Kind;
use crate::config::tree::{Node, Resolved, Scalar, Value};

/// A bare number or truth value where a text is wanted.
pub(super) fn written_as_number(look: &Look<'_>) -> Vec<Proposal> {
    let propose = |found| {
        let Found::Wrong { kind: kind @ Kind::Text(_), node, at, .. } = found else { return None };
        let Value::Scalar(scalar) = &node.value else { return None };
        let is_other = matches!(scalar.resolved, Resolved::Number(_) | Resolved::Bool(_));
        let to = Scalar::text(scalar.text.clone());
        let is_good = is_other && fits(kind, &Node::built(Value::Scalar(to.clone())));
        is_good.then(|| Proposal {
            rule: "text-without-quotes",
            // The value is not repeated: it may be a secret that was put where none belongs.
            message: "is put in quotes, as a text".to_owned(),
            ops: vec![Op::Set { at: at.clone(), to }],
            at,
        })
    };
    walk(look.tree, look.bare).into_iter().filter_map(propose).collect()
}
