//! Keys: misspelt ones, ones in the wrong mapping, ones without a value.

use super::{Look, Proposal};
use crate::config::fix::op::Op;
use crate::config::fix::path::{Path, Step};
use crate::config::fix::walk::{Found, top, walk};
use crate::config::section::{ENVIRONMENTS, REGIONS_KEY};
use crate::config::suggest::{nearest, nearest_alone};
use crate::config::table::{Kind, Section, has_shape};
use crate::config::tree::{Node, Resolved, Value, shown};

/// A key that is one known key with a slip in it.
pub(super) fn misspelt(look: &Look<'_>) -> Vec<Proposal> {
    let propose = |found| {
        let Found::Unknown { section, mapping, entry, at } = found else { return None };
        let near = nearest_alone(&entry.key, section.names()).filter(|_| entry.key != "<<")?;
        mapping.get(near).is_none().then(|| Proposal {
            rule: "misspelt-key",
            message: format!("`{}` is written `{near}`", shown(&entry.key)),
            ops: vec![Op::Rename { at: at.clone(), to: near.to_owned() }],
            at,
        })
    };
    walk(look.tree, look.bare).into_iter().filter_map(propose).collect()
}

/// A key that one other mapping has, and only one.
pub(super) fn misplaced(look: &Look<'_>) -> Vec<Proposal> {
    let propose = |found| {
        let Found::Unknown { section, entry, at, .. } = found else { return None };
        if nearest(&entry.key, section.names()).is_some() {
            return None;
        }
        let base = base_of(&at, look);
        let to = base.keys(home(&entry.key, &entry.node, look.bare)?.iter().copied());
        let is_free = to
            .find(look.tree)
            .is_none_or(|node| matches!(node.value, Value::Map(_)) && node.get(&entry.key).is_none());
        let parent = at.split()?.0;
        (is_free && to != parent && !at.0.starts_with(&to.key(&entry.key).0)).then(|| Proposal {
            rule: "misplaced-key",
            message: match to.0.len() {
                0 => format!("`{}` belongs at the top level", shown(&entry.key)),
                _ => format!("`{}` belongs under `{to}`", shown(&entry.key)),
            },
            ops: vec![Op::Move { at: at.clone(), to }],
            at,
        })
    };
    walk(look.tree, look.bare).into_iter().filter_map(propose).collect()
}

/// A key that may be left out and has no value: leaving it out says the same and is allowed.
pub(super) fn without_value(look: &Look<'_>) -> Vec<Proposal> {
    let propose = |found| {
        let Found::Wrong { node, at, required: false, .. } = found else { return None };
        let Value::Scalar(scalar) = &node.value else { return None };
        let is_key = matches!(at.split(), Some((_, Step::Key(_))));
        (is_key && scalar.resolved == Resolved::Null).then(|| Proposal {
            rule: "key-without-value",
            message: "has no value: left out, which means its default".to_owned(),
            ops: vec![Op::Drop { at: at.clone() }],
            at,
        })
    };
    walk(look.tree, look.bare).into_iter().filter_map(propose).collect()
}

/// The top of the part of the document a way is in: its environment, or the document.
fn base_of(at: &Path, look: &Look<'_>) -> Path {
    match (look.bare, at.0.as_slice()) {
        (false, [Step::Key(first), Step::Key(name), ..]) if first == ENVIRONMENTS => {
            Path::default().keys([ENVIRONMENTS, name])
        }
        _ => Path::default(),
    }
}

/// The one mapping that has a key and could take its value; none when several could.
fn home(key: &str, node: &Node, bare: bool) -> Option<Vec<&'static str>> {
    let mut homes = vec![];
    search(top(bare), key, node, &mut vec![], true, &mut homes);
    match homes.as_slice() {
        [Some(home)] => Some(home.clone()),
        _ => None,
    }
}

/// Every mapping of the table that has the key: its way, or nothing for one inside a list.
fn search(
    section: &'static Section,
    key: &str,
    node: &Node,
    way: &mut Vec<&'static str>,
    fixed: bool,
    homes: &mut Vec<Option<Vec<&'static str>>>,
) {
    if section.key(key).is_some_and(|known| takes(&known.kind, node)) && key != ENVIRONMENTS {
        homes.push(fixed.then(|| way.clone()));
    }
    // What is laid over the document in a region has its home in the document.
    for known in section.keys.iter().filter(|known| known.name != REGIONS_KEY) {
        way.push(known.name);
        descend(&known.kind, key, node, way, fixed, homes);
        way.pop();
    }
}

fn descend(
    kind: &'static Kind,
    key: &str,
    node: &Node,
    way: &mut Vec<&'static str>,
    fixed: bool,
    homes: &mut Vec<Option<Vec<&'static str>>>,
) {
    match kind {
        Kind::Section(below) => search(below, key, node, way, fixed, homes),
        Kind::List { of, .. } => descend(of, key, node, way, false, homes),
        Kind::Or(kinds) => kinds.iter().for_each(|kind| descend(kind, key, node, way, fixed, homes)),
        _ => {}
    }
}

fn takes(kind: &Kind, node: &Node) -> bool {
    match kind {
        Kind::Or(kinds) => kinds.iter().any(|kind| takes(kind, node)),
        kind => has_shape(kind, node),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::section::ROOT;
    use crate::config::tree::Scalar;

    #[test]
    fn a_home_is_the_only_one_or_none() {
        let number = Node::built(Value::Scalar(Scalar::plain("1")));
        let word = Node::text("proven");
        assert_eq!(home("alpha", &number, false), Some(vec!["rollout", "analysis"]));
        assert_eq!(home("alpha", &number, true), Some(vec!["analysis"]));
        assert_eq!(home("evidence", &word, false), Some(vec!["rollout", "analysis"]));
        assert_eq!(home("riskThreshold", &number, false), Some(vec!["rollout"]));
        // A limit of a phase, or the trigger of the rollout: a person must choose.
        assert_eq!(home("errorRate", &number, false), None);
        // In every phase, so in none.
        assert_eq!(home("percentage", &number, false), None);
        assert!(ROOT.key("alpha").is_none());
    }
}
