//! Durations in words: `2 min`, `90 seconds`, `"5"`.

use super::{Look, Proposal};
use crate::config::duration;
use crate::config::fix::op::Op;
use crate::config::fix::walk::{Found, fits, walk};
use crate::config::table::Kind;
use crate::config::tree::{Node, Resolved, Scalar, Value};

/// A text that is a duration for a person, and not for the reader.
pub(super) fn in_words(look: &Look<'_>) -> Vec<Proposal> {
    let propose = |found| {
        let Found::Wrong { kind: kind @ Kind::Duration { .. }, node, at, .. } = found else { return None };
        let Value::Scalar(scalar) = &node.value else { return None };
        let text = scalar.text.trim();
        let bare = Scalar::plain(text);
        let to = match (scalar.resolved, bare.resolved) {
            // In quotes: a number of the key's unit, as it would be without them.
            (Resolved::Text, Resolved::Number(_)) => bare,
            (Resolved::Text, _) => Scalar::text(duration::write(duration::in_words(text)?)),
            _ => return None,
        };
        let is_good = fits(kind, &Node::built(Value::Scalar(to.clone())));
        is_good.then(|| Proposal {
            rule: "duration-in-words",
            message: format!("{} is written {}", scalar.found(), to.text),
            ops: vec![Op::Set { at: at.clone(), to }],
            at,
        })
    };
    walk(look.tree, look.bare).into_iter().filter_map(propose).collect()
}
